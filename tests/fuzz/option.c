// SPDX-License-Identifier: GPL-2.0-only
/*
 * The keys of a vgpu: any text, on top of any other. What was taken is within the documented
 * ranges, and printed it is read as the same again.
 */
#include <errno.h>

#include "fuzz.h"
#include "option.h"

static void check_range(const struct vgpu_option *o, enum option_key key, uint32_t value,
			uint32_t min, uint32_t max)
{
	if (o->given & OPTION_BIT(key))
		CHECK(value >= min && value <= max);
	else
		CHECK_EQ(value, 0);
}

static void check_text(const struct vgpu_option *o, enum option_key key, const char *text)
{
	CHECK(memchr(text, '\0', OPTION_MAX_NAME) && fuzz_printable(text));
	if (!(o->given & OPTION_BIT(key)))
		CHECK(!text[0]);
	else
		CHECK(text[0]);
}

static void check_option(const struct vgpu_option *o)
{
	CHECK(!(o->given & ~OPTION_ALL));
	check_range(o, OPTION_WEIGHT, o->weight, 1, 65535);
	check_range(o, OPTION_CAP, o->cap, 0, 100);
	check_range(o, OPTION_MEMORY, o->memory_mib, 1, 1048576);
	check_range(o, OPTION_CONTEXTS, o->contexts, 1, 65536);
	check_range(o, OPTION_RESOURCES, o->resources, 1, 1048576);
	check_range(o, OPTION_PAGES, o->pages, 1, 16777216);
	check_range(o, OPTION_SESSIONS, o->sessions, 1, 1024);
	check_range(o, OPTION_INFLIGHT, o->inflight_mib, 1, 1024);
	check_range(o, OPTION_MAX_FPS, o->max_fps, 0, 1000);
	check_range(o, OPTION_FPS, o->fps, 0, 1000);
	check_text(o, OPTION_GPU, o->gpu);
	check_text(o, OPTION_BACKEND, o->backend);
	if (o->given & OPTION_BIT(OPTION_GPU))
		CHECK(option_gpu_ok(o->gpu) || !strcmp(o->gpu, "model"));
}

static void read_again(const struct vgpu_option *o)
{
	char text[OPTION_MAX_TEXT], why[WHY_BYTES] = "";
	struct vgpu_option again = { 0 };

	memset(text, 'x', sizeof(text));
	option_print(o, text);
	CHECK(strnlen(text, sizeof(text)) < sizeof(text));
	if (option_parse(text, OPTION_ALL, &again, why))
		harness_fail(__FILE__, __LINE__, "printed '%s' is not read again: %s", text, why);
	CHECK(!memcmp(&again, o, sizeof(again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	const uint32_t allowed = fuzz_u8(&in) & 1 ? OPTION_ALL : fuzz_u16(&in) & OPTION_ALL;
	char *first = fuzz_text(&in, '\n'), *second = fuzz_text(&in, '\n');
	struct vgpu_option a = { 0 }, b = { 0 }, merged;
	char why[WHY_BYTES] = "";
	int err;

	err = option_parse(first, allowed, &a, why);
	if (err)
		CHECK(err == -EINVAL && why[0] && fuzz_printable(why));
	CHECK(!(a.given & ~allowed));
	/* Also with an error: it has some of them, and those are what they may be. */
	check_option(&a);
	read_again(&a);
	if (option_parse(second, OPTION_ALL, &b, why))
		memset(&b, 0, sizeof(b));
	merged = a;
	option_merge(&merged, &b);
	CHECK_EQ(merged.given, a.given | b.given);
	check_option(&merged);
	read_again(&merged);
	free(first);
	free(second);
	return 0;
}
