// SPDX-License-Identifier: GPL-2.0-only
/*
 * The keys of a vgpu: their ranges, what is said about wrong ones, and that what is printed is read
 * again.
 */
#include <errno.h>
#include <string.h>

#include "harness.h"
#include "option.h"

static const char all[] = "weight=512,cap=40,memory=256,contexts=64,resources=9,pages=7,sessions=3,"
			  "inflight=8,max_fps=60,gpu=/dev/dri/renderD128,fps=30,backend=drv,devid=5";

TEST(config_option, all_keys)
{
	struct vgpu_option o = { 0 };
	char why[WHY_BYTES] = "", text[OPTION_MAX_TEXT];

	CHECK_EQ(option_parse(all, OPTION_ALL, &o, why), 0);
	CHECK_EQ(o.given, OPTION_ALL);
	CHECK_EQ(o.weight, 512);
	CHECK_EQ(o.cap, 40);
	CHECK_EQ(o.memory_mib, 256);
	CHECK_EQ(o.contexts, 64);
	CHECK_EQ(o.resources, 9);
	CHECK_EQ(o.pages, 7);
	CHECK_EQ(o.sessions, 3);
	CHECK_EQ(o.inflight_mib, 8);
	CHECK_EQ(o.max_fps, 60);
	CHECK_EQ(o.fps, 30);
	CHECK(!strcmp(o.gpu, "/dev/dri/renderD128"));
	CHECK(!strcmp(o.backend, "drv"));
	CHECK_EQ(o.devid, 5);
	option_print(&o, text);
	CHECK(!strcmp(text, all));
}

TEST(config_option, some_keys)
{
	struct vgpu_option o = { 0 };
	char why[WHY_BYTES] = "", text[OPTION_MAX_TEXT];

	CHECK_EQ(option_parse("", OPTION_ALL, &o, why), 0);
	CHECK_EQ(option_parse("  ", OPTION_ALL, &o, why), 0);
	CHECK_EQ(o.given, 0);
	option_print(&o, text);
	CHECK(!text[0]);
	CHECK_EQ(option_parse(" cap = 0 ,\tgpu= soft", OPTION_ALL, &o, why), 0);
	CHECK_EQ(option_parse("devid=0", OPTION_ALL, &o, why), 0);
	CHECK_EQ(o.given, OPTION_BIT(OPTION_CAP) | OPTION_BIT(OPTION_GPU) |
		 OPTION_BIT(OPTION_DEVID));
	option_print(&o, text);
	CHECK(!strcmp(text, "cap=0,gpu=soft,devid=0"));
	CHECK_EQ(option_parse("cap=1", OPTION_ALL, &o, why), -EINVAL);
	CHECK(!strcmp(why, "cap=1: cap was given before"));
}

TEST(config_option, ranges)
{
	static const char *const good[] = {
		"weight=1", "weight=65535", "cap=0", "cap=100", "memory=1", "memory=1048576",
		"contexts=1", "contexts=65536", "resources=1", "resources=1048576", "pages=1",
		"pages=16777216", "sessions=1", "sessions=1024", "inflight=1",
		"inflight=1024", "max_fps=0", "max_fps=1000", "fps=0", "fps=1000", "devid=0", "devid=65535",
		"gpu=auto", "gpu=soft", "gpu=/dev/dri/renderD0", "gpu=/dev/dri/renderD1048575",
		"backend=0", "backend=my.driver-domain_0",
		"backend=012345678901234567890123456789012345678901234567890123456789012",
	};
	static const struct {
		const char *text;
		const char *say;
	} bad[] = {
		{ "weight=0", "weight=0: the value must be 1..65535" },
		{ "weight=65536", "1..65535" },
		{ "cap=101", "cap=101: the value must be 0..100" },
		{ "cap=40%", "cap=40%: the value must be 0..100" },
		{ "memory=0", "1..1048576" },
		{ "memory=1048577", "1..1048576" },
		{ "memory=1g", "1..1048576" },
		{ "contexts=0", "1..65536" },
		{ "contexts=65537", "1..65536" },
		{ "resources=1048577", "1..1048576" },
		{ "pages=16777217", "1..16777216" },
		{ "sessions=1025", "1..1024" },
		{ "inflight=1025", "1..1024" },
		{ "max_fps=1001", "max_fps=1001: the value must be 0..1000" },
		{ "fps=1001", "fps=1001: the value must be 0..1000" },
		{ "devid=65536", "devid=65536: the value must be 0..65535" },
		{ "devid=-1", "0..65535" },
		{ "devid=0x1", "0..65535" },
		{ "devid=1 2", "0..65535" },
		{ "devid", "devid=: the value must be 0..65535" },
		{ "devid=", "0..65535" },
		{ "gpu=", "auto, soft, or a render node" },
		{ "gpu=/dev/dri/card0", "auto, soft, or a render node" },
		{ "gpu=/dev/dri/renderD", "auto, soft, or a render node" },
		{ "gpu=/dev/dri/renderD128/../../sda", "auto, soft, or a render node" },
		{ "gpu=/dev/dri/renderD1048576", "auto, soft, or a render node" },
		{ "backend=", "backend=: the value must be a domain's name or id" },
		{ "backend=a/b", "name or id" },
		{ "backend=a b", "name or id" },
		{ "backend=0123456789012345678901234567890123456789012345678901234567890123",
		  "name or id" },
		{ "colour=red", "unknown key 'colour'; allowed are weight=, cap=, memory=, "
		  "contexts=, resources=, pages=, sessions=, inflight=, max_fps=, gpu=, fps=, backend=, devid=" },
		{ "colour", "unknown key 'colour'" },
		{ "Weight=1", "unknown key 'Weight'" },
		{ "devid=1,devid=2", "devid=2: devid was given before" },
		{ "devid=1,", "no key" },
		{ ",devid=1", "no key" },
		{ "devid=1,,cap=3", "no key" },
		{ "=1", "no key" },
		{ "=", "no key" },
		{ "bell=\a", "unknown key 'bell'" },
		{ "cap=\a\x1b[0m", "cap=??[0m: the value" },
	};
	struct vgpu_option o;
	char why[WHY_BYTES];
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		memset(&o, 0, sizeof(o));
		if (option_parse(good[i], OPTION_ALL, &o, why))
			harness_fail(__FILE__, __LINE__, "%s: %s", good[i], why);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&o, 0, sizeof(o));
		why[0] = '\0';
		if (option_parse(bad[i].text, OPTION_ALL, &o, why) != -EINVAL ||
		    !strstr(why, bad[i].say))
			harness_fail(__FILE__, __LINE__, "%s says '%s', not '%s'", bad[i].text, why,
				     bad[i].say);
	}
}

TEST(config_option, only_allowed)
{
	struct vgpu_option o = { 0 };
	char why[WHY_BYTES];

	CHECK_EQ(option_parse("cap=1", OPTION_NUMBERS, &o, why), 0);
	CHECK_EQ(option_parse("gpu=soft", OPTION_NUMBERS, &o, why), -EINVAL);
	CHECK(strstr(why, "the key 'gpu' cannot be here; allowed are weight="));
	CHECK(strstr(why, "max_fps=") && !strstr(why, "backend="));
}

TEST(config_option, merge)
{
	struct vgpu_option o = { 0 }, under = { 0 };
	char why[WHY_BYTES], text[OPTION_MAX_TEXT];

	CHECK_EQ(option_parse("weight=1,backend=drv", OPTION_ALL, &o, why), 0);
	CHECK_EQ(option_parse("weight=2,cap=0,gpu=soft,backend=dom0,devid=3", OPTION_ALL, &under,
			      why), 0);
	option_merge(&o, &under);
	option_print(&o, text);
	CHECK(!strcmp(text, "weight=1,cap=0,gpu=soft,backend=drv,devid=3"));
}

TEST(config_option, nothing_runs_over)
{
	struct vgpu_option o = { 0 };
	char why[WHY_BYTES], big[OPTION_MAX_TEXT + 100], text[OPTION_MAX_TEXT];
	size_t i;

	memset(big, 'k', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	CHECK_EQ(option_parse(big, OPTION_ALL, &o, why), -EINVAL);
	CHECK(strstr(why, "more than 511 characters"));
	big[500] = '\0';
	CHECK_EQ(option_parse(big, OPTION_ALL, &o, why), -EINVAL);
	big[5] = '=';
	CHECK_EQ(option_parse(big, OPTION_ALL, &o, why), -EINVAL);

	o = (struct vgpu_option){ .given = OPTION_ALL, .devid = UINT16_MAX };
	for (i = 0; OPTION_NUMBERS & OPTION_BIT(i); i++)
		option_set_number(&o, (enum option_key)i, UINT32_MAX);
	memset(o.gpu, 'g', sizeof(o.gpu) - 1);
	memset(o.backend, 'b', sizeof(o.backend) - 1);
	option_print(&o, text);
	CHECK(strstr(text, ",devid=65535"));
}

TEST(config_option, bits_flipped_and_truncated)
{
	char why[WHY_BYTES], text[sizeof(all)], printed[OPTION_MAX_TEXT];
	size_t i;
	int bit;

	for (i = 0; i < sizeof(all) - 1; i++) {
		for (bit = 0; bit < 9; bit++) {
			struct vgpu_option o = { 0 }, again = { 0 };

			strcpy(text, all);
			text[i] = bit < 8 ? (char)(text[i] ^ 1 << bit) : '\0';
			if (option_parse(text, OPTION_ALL, &o, why))
				continue;
			option_print(&o, printed);
			CHECK_EQ(option_parse(printed, OPTION_ALL, &again, why), 0);
			CHECK(!memcmp(&o, &again, sizeof(o)));
		}
	}
}
