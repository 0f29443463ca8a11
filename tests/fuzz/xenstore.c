// SPDX-License-Identifier: GPL-2.0-only
/*
 * What other domains write into xenstore: numbers, lists of numbers, names of sessions, paths. Each
 * is read by a second, slower reading of the rule as well, and both must say the same.
 */
#include <errno.h>

#include "fuzz.h"
#include "paths.h"
#include "xenbus.h"

/* Digits only, no leading zero, at most @max: is it that? */
static bool is_number(const char *text, size_t len, uint64_t max, uint64_t *out)
{
	char copy[16];
	size_t i;

	if (!len || len > 10 || (text[0] == '0' && len > 1))
		return false;
	for (i = 0; i < len; i++)
		if (!strchr("0123456789", text[i]))
			return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*out = strtoull(copy, NULL, 10);
	return *out <= max;
}

static void numbers(const char *text)
{
	uint32_t u32 = 0xdeadbeef;
	uint16_t u16 = 0xbeef;
	uint64_t want = 0;

	if (is_number(text, strlen(text), UINT32_MAX, &want)) {
		CHECK_EQ(xenbus_parse_u32(text, &u32), 0);
		CHECK_EQ(u32, want);
	} else {
		CHECK_EQ(xenbus_parse_u32(text, &u32), -EINVAL);
		CHECK_EQ(u32, 0xdeadbeef);
	}
	if (is_number(text, strlen(text), UINT16_MAX, &want)) {
		CHECK_EQ(xenbus_parse_u16(text, &u16), 0);
		CHECK_EQ(u16, want);
	} else {
		CHECK_EQ(xenbus_parse_u16(text, &u16), -EINVAL);
		CHECK_EQ(u16, 0xbeef);
	}
}

static void list(const char *text, uint32_t value)
{
	const char *item = text;
	bool has = false;
	uint64_t number;
	size_t len;

	for (;;) {
		len = strcspn(item, ",");
		has |= is_number(item, len, UINT32_MAX, &number) && number == value;
		if (!item[len])
			break;
		item += len + 1;
	}
	CHECK_EQ(xenbus_list_has(text, value), has);
}

static void session(const char *text, uint32_t max)
{
	const size_t len = strcspn(text, "/");
	uint32_t index = 0xdeadbeef;
	uint64_t want = 0;
	bool is = len > 8 && !memcmp(text, "session-", 8) &&
		  is_number(text + 8, len - 8, UINT32_MAX, &want) && want < max;

	CHECK_EQ(paths_parse_session(text, max, &index), is);
	CHECK_EQ(index, is ? want : 0xdeadbeef);
}

static void after(const char *dir, const char *path)
{
	const char *rest = paths_after(dir, path);
	const size_t len = strlen(dir);

	if (!rest) {
		CHECK(strlen(path) < len || memcmp(dir, path, len) ||
		      (path[len] && path[len] != '/'));
		return;
	}
	CHECK(rest >= path + len && rest <= path + strlen(path));
	CHECK(!memcmp(dir, path, len) && (rest == path + len ? !*rest : path[len] == '/'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	const uint8_t how = fuzz_u8(&in);
	const uint32_t value = how & 1 ? fuzz_u8(&in) % 4 : fuzz_u32(&in);
	char *text = fuzz_text(&in, '\n'), *other = fuzz_text(&in, '\n');

	numbers(text);
	list(text, value);
	session(text, value);
	session(text, UINT32_MAX);
	after(text, other);
	after(paths_front(value & 0xffff, 0, NULL).s, text);
	CHECK(strlen(paths_back_session(0xffff, 0xffff, 0xffff, value, "ring-page-order").s) <
	      PATHS_BYTES - 1);
	CHECK(xenbus_state_name(value)[0]);
	free(text);
	free(other);
	return 0;
}
