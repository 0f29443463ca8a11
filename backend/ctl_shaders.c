// SPDX-License-Identifier: GPL-2.0-only
/* The store of a guest's compiled shaders; see ctl_shaders.h. A hash table with open addressing. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl_shaders.h"

#define PROBES	16u		/* slots that an entry may be in */

int shaders_create(uint32_t bytes)
{
	int fd = memfd_create("xengpu-shaders", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, bytes) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

int shaders_map(int fd, struct shaders *out)
{
	struct stat st;
	void *addr;

	*out = (struct shaders){ 0 };
	if (fstat(fd, &st))
		return -errno;
	if (st.st_size < (off_t)sizeof(struct shaders_store) || st.st_size > INT32_MAX)
		return -EINVAL;
	addr = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (addr == MAP_FAILED)
		return -errno;
	*out = (struct shaders){ .store = addr, .bytes = (uint32_t)st.st_size };
	return 0;
}

void shaders_unmap(struct shaders *s)
{
	if (s->store)
		munmap(s->store, s->bytes);
	*s = (struct shaders){ 0 };
}

bool shaders_full(int fd, uint32_t bytes)
{
	uint32_t head[2];	/* end, crowd */

	_Static_assert(offsetof(struct shaders_store, crowd) == sizeof(head[0]), "they lie together");
	if (pread(fd, head, sizeof(head), 0) != sizeof(head))
		return false;
	return head[0] > bytes - bytes / 8 || head[1] > SHADERS_SLOTS - SHADERS_SLOTS / 4;
}

/* FNV-1a. Mesa's keys are SHA-1 sums, but they need not be. */
static uint32_t hash(const uint8_t *key, size_t bytes)
{
	uint32_t h = 2166136261u;

	while (bytes--)
		h = (h ^ *key++) * 16777619u;
	return h;
}

static struct shaders_slot *slot_at(const struct shaders *s, uint32_t i)
{
	return &s->store->slot[i % SHADERS_SLOTS];
}

static bool is_entry(const struct shaders_slot *slot, const void *key, size_t key_bytes)
{
	return slot->key_bytes == key_bytes && !memcmp(slot->key, key, key_bytes);
}

size_t shaders_get(const struct shaders *s, const void *key, size_t key_bytes, void *value,
		   size_t room)
{
	uint32_t h, i, offset, bytes, state;

	if (!s->store || !key_bytes || key_bytes > SHADERS_MAX_KEY)
		return 0;
	for (h = hash(key, key_bytes), i = 0; i < PROBES; i++) {
		const struct shaders_slot *slot = slot_at(s, h + i);

		state = __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);
		if (state == SHADERS_FREE)
			return 0;
		if (state != SHADERS_THERE || !is_entry(slot, key, key_bytes))
			continue;
		/* Read once: it may be changing. */
		offset = __atomic_load_n(&slot->offset, __ATOMIC_RELAXED);
		bytes = __atomic_load_n(&slot->value_bytes, __ATOMIC_RELAXED);
		if (!bytes || bytes > SHADERS_MAX_VALUE || offset < sizeof(*s->store) ||
		    offset > s->bytes || bytes > s->bytes - offset)
			return 0;
		if (bytes <= room)
			memcpy(value, (const uint8_t *)s->store + offset, bytes);
		return bytes;
	}
	return 0;
}

/* Returns where @bytes may be written, 0 for nowhere. */
static uint32_t take_room(const struct shaders *s, uint32_t bytes)
{
	uint32_t end = __atomic_load_n(&s->store->end, __ATOMIC_RELAXED);
	uint64_t from;

	do {
		from = end < sizeof(*s->store) ? sizeof(*s->store) : ((uint64_t)end + 7) / 8 * 8;
		if (from > s->bytes || bytes > s->bytes - from)
			return 0;
	} while (!__atomic_compare_exchange_n(&s->store->end, &end, (uint32_t)from + bytes, false,
					      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	return (uint32_t)from;
}

static void crowd(const struct shaders *s)
{
	__atomic_add_fetch(&s->store->crowd, 1, __ATOMIC_RELAXED);
}

/* A slot for the entry, now TAKEN; NULL where it is there, or there is none. */
static struct shaders_slot *take_slot(const struct shaders *s, const void *key, size_t key_bytes)
{
	uint32_t h = hash(key, key_bytes), i, state;

	for (i = 0; i < PROBES; i++) {
		struct shaders_slot *slot = slot_at(s, h + i);

		state = SHADERS_FREE;
		if (__atomic_compare_exchange_n(&slot->state, &state, SHADERS_TAKEN, false,
						__ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
			return slot;
		if (state == SHADERS_THERE && is_entry(slot, key, key_bytes))
			return NULL;
	}
	crowd(s);
	return NULL;
}

bool shaders_put(const struct shaders *s, const void *key, size_t key_bytes, const void *value,
		 size_t value_bytes)
{
	struct shaders_slot *slot;
	uint32_t offset;

	if (!s->store || !key_bytes || key_bytes > SHADERS_MAX_KEY || !value_bytes ||
	    value_bytes > SHADERS_MAX_VALUE)
		return false;
	slot = take_slot(s, key, key_bytes);
	if (!slot)
		return false;
	offset = take_room(s, (uint32_t)value_bytes);
	if (!offset) {
		__atomic_store_n(&slot->state, SHADERS_FREE, __ATOMIC_RELEASE);
		return false;
	}
	memcpy((uint8_t *)s->store + offset, value, value_bytes);
	memcpy(slot->key, key, key_bytes);
	slot->key_bytes = (uint32_t)key_bytes;
	slot->offset = offset;
	slot->value_bytes = (uint32_t)value_bytes;
	__atomic_store_n(&slot->state, SHADERS_THERE, __ATOMIC_RELEASE);
	crowd(s);
	return true;
}
