// SPDX-License-Identifier: GPL-2.0-only
/* The store of compiled shaders: what it keeps, what it refuses, and what it does not believe. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ctl_shaders.h"
#include "harness.h"

#define MIB	(1u << 20)

static int fd = -1;		/* of the last one made */

static struct shaders made(uint32_t bytes)
{
	struct shaders s;

	fd = shaders_create(bytes);
	CHECK(fd >= 0);
	/* Whoever has it cannot make others fault. */
	CHECK(ftruncate(fd, 0) != 0 && ftruncate(fd, bytes + 4096) != 0);
	CHECK_EQ(shaders_map(fd, &s), 0);
	return s;
}

static void unmade(struct shaders *s)
{
	shaders_unmap(s);
	close(fd);
}

static char value[SHADERS_MAX_VALUE + 1];

static size_t get(const struct shaders *s, const char *key)
{
	memset(value, 0, sizeof(value));
	return shaders_get(s, key, strlen(key), value, sizeof(value));
}

static void put(const struct shaders *s, const char *key, const char *text)
{
	shaders_put(s, key, strlen(key), text, strlen(text));
}

TEST(ctl_shaders, kept)
{
	struct shaders s = made(MIB);
	char small[2] = "";

	CHECK_EQ(get(&s, "a"), 0);
	put(&s, "a", "one");
	put(&s, "b", "two two");
	CHECK_EQ(get(&s, "a"), 3);
	CHECK(!strcmp(value, "one"));
	CHECK_EQ(get(&s, "b"), 7);
	CHECK(!strcmp(value, "two two"));
	CHECK_EQ(get(&s, "ab"), 0);
	/* What is there stays. */
	put(&s, "a", "other");
	CHECK_EQ(get(&s, "a"), 3);
	/* Whether it is there, without room for it. */
	CHECK_EQ(shaders_get(&s, "b", 1, small, sizeof(small)), 7);
	CHECK(!small[0]);
	unmade(&s);
	CHECK_EQ(get(&s, "a"), 0);
	put(&s, "a", "one");
}

TEST(ctl_shaders, refused)
{
	static char large[SHADERS_MAX_VALUE + 1], key[SHADERS_MAX_KEY + 1];
	struct shaders s = made(MIB);

	shaders_put(&s, "k", 1, large, sizeof(large));
	CHECK_EQ(get(&s, "k"), 0);
	shaders_put(&s, "k", 1, large, 0);
	CHECK_EQ(get(&s, "k"), 0);
	shaders_put(&s, key, sizeof(key), "v", 1);
	CHECK_EQ(shaders_get(&s, key, sizeof(key), value, sizeof(value)), 0);
	shaders_put(&s, key, 0, "v", 1);
	CHECK_EQ(shaders_get(&s, key, 0, value, sizeof(value)), 0);
	shaders_put(&s, "k", 1, large, SHADERS_MAX_VALUE);
	CHECK_EQ(get(&s, "k"), SHADERS_MAX_VALUE);
	unmade(&s);
}

static int map(size_t bytes)
{
	int other = memfd_create("test", MFD_CLOEXEC);
	struct shaders s;
	int err;

	CHECK(other >= 0 && !ftruncate(other, (off_t)bytes));
	err = shaders_map(other, &s);
	CHECK(err ? !s.store : s.store != NULL);
	shaders_unmap(&s);
	close(other);
	return err;
}

TEST(ctl_shaders, none)
{
	CHECK_EQ(map(0), -EINVAL);
	CHECK_EQ(map(sizeof(struct shaders_store) - 1), -EINVAL);
	CHECK_EQ(map(sizeof(struct shaders_store)), 0);
}

TEST(ctl_shaders, full)
{
	static char large[SHADERS_MAX_VALUE];
	struct shaders s = made(MIB);
	unsigned int i, n = 0;
	char key[16];

	CHECK(!shaders_full(fd, MIB));
	for (i = 0; i < 64; i++) {
		snprintf(key, sizeof(key), "large %u", i);
		shaders_put(&s, key, strlen(key), large, sizeof(large));
		n += get(&s, key) != 0;
	}
	CHECK(n >= 8 && n < 16);
	CHECK(shaders_full(fd, MIB));
	/* What fits still does, and those that did not left their slots. */
	put(&s, "small", "v");
	CHECK_EQ(get(&s, "small"), 1);
	CHECK_EQ(get(&s, "large 0"), sizeof(large));
	unmade(&s);
}

TEST(ctl_shaders, many)
{
	struct shaders s = made(4 * MIB);
	unsigned int i, n = 0;
	char key[16];

	/* More than there are slots: some find none, nothing that is there is lost. */
	for (i = 0; i < 2 * SHADERS_SLOTS; i++) {
		snprintf(key, sizeof(key), "%u", i);
		put(&s, key, key);
	}
	for (i = 0; i < 2 * SHADERS_SLOTS; i++) {
		snprintf(key, sizeof(key), "%u", i);
		if (!get(&s, key))
			continue;
		CHECK(!strcmp(value, key));
		n++;
	}
	CHECK(n > SHADERS_SLOTS * 3 / 4 && n <= SHADERS_SLOTS);
	/* Although there is room for many more octets. */
	CHECK(shaders_full(fd, 4 * MIB));
	unmade(&s);
}

/* Another worker of the guest writes whatever it likes. */
TEST(ctl_shaders, not_believed)
{
	static const struct {
		uint32_t offset, bytes;
	} lies[] = {
		{ 0, 8 }, { sizeof(struct shaders_store) - 1, 8 }, { MIB, 1 }, { MIB - 8, 9 },
		{ UINT32_MAX, 8 }, { UINT32_MAX - 7, 8 }, { sizeof(struct shaders_store), UINT32_MAX },
		{ sizeof(struct shaders_store), SHADERS_MAX_VALUE + 1 },
		{ sizeof(struct shaders_store), 0 },
	};
	struct shaders s = made(MIB);
	struct shaders_slot *slot = NULL;
	size_t i;

	put(&s, "a", "one");
	for (i = 0; i < SHADERS_SLOTS; i++)
		if (s.store->slot[i].state == SHADERS_THERE)
			slot = &s.store->slot[i];
	CHECK(slot != NULL);
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		slot->offset = lies[i].offset;
		slot->value_bytes = lies[i].bytes;
		CHECK_EQ(get(&s, "a"), 0);
	}
	slot->key_bytes = UINT32_MAX;
	CHECK_EQ(get(&s, "a"), 0);
	slot->state = 77;
	CHECK_EQ(get(&s, "a"), 0);
	/* Nothing more fits, and nothing is written behind the end or into the slots. */
	s.store->end = UINT32_MAX;
	put(&s, "b", "two");
	CHECK_EQ(get(&s, "b"), 0);
	CHECK(shaders_full(fd, MIB));
	/* A hole in it is nothing to who reads it. */
	CHECK(!madvise(s.store, 4096, MADV_REMOVE));
	CHECK(!shaders_full(fd, MIB));
	s.store->end = 4;
	put(&s, "c", "three");
	CHECK_EQ(get(&s, "c"), 5);
	unmade(&s);
}

struct writer {
	struct shaders s;
	unsigned int first;
};

static void *write_many(void *arg)
{
	const struct writer *w = arg;
	char key[16], text[64];
	unsigned int i;

	for (i = 0; i < 3000; i++) {
		snprintf(key, sizeof(key), "%u", w->first + i);
		snprintf(text, sizeof(text), "the value of %s", key);
		put(&w->s, key, text);
	}
	return NULL;
}

/* Two at once, who write half of it both: each finds what both wrote, whole. */
TEST(ctl_shaders, two_writers)
{
	struct writer w[2] = { { made(2 * MIB), 0 } };
	char key[16], text[64];
	unsigned int i, n = 0;
	pthread_t thread;

	w[1] = (struct writer){ w[0].s, 1500 };
	CHECK(!pthread_create(&thread, NULL, write_many, &w[1]));
	write_many(&w[0]);
	pthread_join(thread, NULL);
	for (i = 0; i < 4500; i++) {
		snprintf(key, sizeof(key), "%u", i);
		snprintf(text, sizeof(text), "the value of %s", key);
		if (!get(&w[0].s, key))
			continue;
		CHECK(!strcmp(value, text));
		n++;
	}
	CHECK(n > 4400);
	unmade(&w[0].s);
}
