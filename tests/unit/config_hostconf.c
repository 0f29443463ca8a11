// SPDX-License-Identifier: GPL-2.0-only
/*
 * /etc/xen/xengpu.conf: presets, settings, defaults beneath a vgpu's keys, limits, and what is said
 * about mistakes.
 */
#include "config_root.h"
#include "hostconf.h"

static int read_text(const struct root *root, const char *text, struct hostconf *conf, char *why)
{
	root_write(root, "etc/xen/xengpu.conf", text);
	return hostconf_read(root->paths.conf, conf, why);
}

TEST(config_hostconf, presets)
{
	struct hostconf conf, none;
	char why[WHY_BYTES];
	struct root root;

	root_up(&root);
	CHECK_EQ(hostconf_read(root.paths.conf, &none, why), 0);
	CHECK_EQ(none.fence_timeout_s, 10);
	CHECK_EQ(none.ban_after, 3);
	CHECK_EQ(none.ban_minutes, 10);
	CHECK(!none.gpu[0] && !none.warm && !none.has_vgpus);
	CHECK(!none.policy[0] && !none.slice_us && !none.ratelimit_us && !none.has_ratelimit);
	CHECK(!none.defaults.given && !none.limits.given);
	CHECK_EQ(read_text(&root, "# nothing\n", &conf, why), 0);
	CHECK(!memcmp(&conf, &none, sizeof(conf)));
	root_down(&root);
}

TEST(config_hostconf, settings)
{
	struct hostconf conf;
	char why[WHY_BYTES] = "";
	struct root root;

	root_up(&root);
	if (read_text(&root, "gpu = \"/dev/dri/renderD129\"\nwarm = 4\nfence_timeout = 60\n"
		      "ban_after = 0; ban_minutes = 30\ndefaults = \"weight=300,backend=drv\"\n"
		      "limits = 'memory=1024'\nvgpu = [ 'weight=128', '' ]\n", &conf, why))
		harness_fail(__FILE__, __LINE__, "%s", why);
	CHECK(!strcmp(conf.gpu, "/dev/dri/renderD129"));
	CHECK_EQ(conf.warm, 4);
	CHECK_EQ(conf.fence_timeout_s, 60);
	CHECK_EQ(conf.ban_after, 0);
	CHECK_EQ(conf.ban_minutes, 30);
	CHECK_EQ(conf.defaults.weight, 300);
	CHECK_EQ(conf.limits.memory_mib, 1024);
	CHECK(conf.has_vgpus);
	CHECK_EQ(conf.vgpus.n, 2);
	CHECK_EQ(conf.vgpus.option[1].devid, 1);
	CHECK(strstr(conf.limits_where, "/xengpu.conf:6"));
	root_down(&root);
}

TEST(config_hostconf, scheduling)
{
	static const char *const policies[] = { "credit", "equal-share", "fixed-share", "deadline",
						"auto", "off" };
	struct hostconf conf;
	char why[WHY_BYTES] = "", text[64];
	struct root root;
	size_t i;

	root_up(&root);
	CHECK_EQ(read_text(&root, "slice_us = 100000\nratelimit_us = 0\n", &conf, why), 0);
	CHECK_EQ(conf.slice_us, 100000);
	CHECK(conf.has_ratelimit && conf.ratelimit_us == 0);
	CHECK_EQ(read_text(&root, "slice_us = 100\nratelimit_us = 100000\n", &conf, why), 0);
	CHECK(conf.slice_us == 100 && conf.ratelimit_us == 100000);
	for (i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		snprintf(text, sizeof(text), "policy = \"%s\"\n", policies[i]);
		CHECK_EQ(read_text(&root, text, &conf, why), 0);
		CHECK(!strcmp(conf.policy, policies[i]) && strstr(HOSTCONF_POLICIES, policies[i]));
	}
	root_down(&root);
}

/* The one we ship, as it is and with every setting of it in force. */
TEST(config_hostconf, example)
{
	char text[8192], why[WHY_BYTES] = "", *c;
	struct hostconf conf, preset;
	struct root root;
	FILE *file;
	size_t n;

	file = fopen("xen-config/xengpu.conf", "re");
	if (!file)
		SKIP("not in the source tree");
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	root_up(&root);
	hostconf_preset(&preset);
	CHECK_EQ(read_text(&root, text, &conf, why), 0);
	CHECK(!memcmp(&conf, &preset, sizeof(conf)));
	for (c = text; (c = strstr(c, "\n#")); c++) {
		if (c[2] != ' ' && c[2] != '\n')
			c[1] = ' ';
	}
	if (read_text(&root, text, &conf, why))
		harness_fail(__FILE__, __LINE__, "%s", why);
	CHECK_EQ(conf.fence_timeout_s, preset.fence_timeout_s);
	CHECK_EQ(conf.ban_after, preset.ban_after);
	CHECK_EQ(conf.ban_minutes, preset.ban_minutes);
	CHECK(conf.has_vgpus && conf.defaults.given && conf.limits.given && conf.warm == 2);
	CHECK(!strcmp(conf.policy, "credit") && conf.slice_us == 1000 && conf.ratelimit_us == 100);
	root_down(&root);
}

TEST(config_hostconf, refused)
{
	static const struct {
		const char *text;
		const char *say;
	} bad[] = {
		{ "a = 1\n", "xengpu.conf:1: unknown setting 'a'; allowed are gpu, warm, "
		  "fence_timeout, ban_after, ban_minutes, policy, slice_us, ratelimit_us, "
		  "defaults, limits, vgpu" },
		{ "warm = 0", "xengpu.conf:1: warm = 0: must be a number, 1..64" },
		{ "\nfence_timeout = 3601", ":2: fence_timeout = 3601: must be a number, 1..3600" },
		{ "fence_timeout = \"soon\"", "1..3600" },
		{ "ban_after = 1001", "0..1000" },
		{ "ban_minutes = 0", "1..10080" },
		{ "gpu = 'hard'", ":1: gpu = \"hard\": must be auto, soft" },
		{ "gpu = [ 'auto' ]", "gpu is a list" },
		{ "\npolicy = 'fair'", ":2: policy = \"fair\": must be one of credit, equal-share, "
		  "fixed-share, deadline, auto, off" },
		{ "policy = ''", ":1: policy = \"\": must be one of" },
		{ "policy = 3", ":1: policy = \"3\": must be one of" },
		{ "slice_us = 99", ":1: slice_us = 99: must be a number, 100..100000" },
		{ "slice_us = 100001", "100..100000" },
		{ "ratelimit_us = 100001", ":1: ratelimit_us = 100001: must be a number, 0..100000" },
		{ "defaults = 'weight=0'", ":1: defaults: weight=0: the value must be 1..65535" },
		{ "defaults = 'devid=1'", "defaults: the key 'devid' cannot be here" },
		{ "limits = 'gpu=soft'", ":1: limits: the key 'gpu' cannot be here" },
		{ "limits = 'fps=30'", ":1: limits: the key 'fps' cannot be here; allowed are "
		  "weight=, cap=, memory=, contexts=, resources=, pages=, sessions=, inflight=, "
		  "max_fps=" },
		{ "limits = 'memory=9'\ndefaults = 'memory=10'", "xengpu.conf:2: defaults: "
		  "memory=10 is more than this host allows, memory=9 (" },
		{ "limits = 'memory=9'\nvgpu = [ '', 'memory=10' ]", "xengpu.conf:2: memory=10 is "
		  "more than" },
		{ "vgpu = 'weight=1'", "vgpu must be a list" },
		{ "vgpu = [ '',\n'colour=1' ]", ":2: vgpu: unknown key 'colour'" },
		{ "vgpu = [ 'devid=1',\n'devid=1' ]", ":2: vgpu: devid=1: another vgpu" },
		{ "vgpu = [ '', '', '', '', '', '', '', '', '' ]", "more than 8 vgpus" },
		{ "warm = ", "xengpu.conf:1: the file ends where" },
	};
	struct hostconf conf;
	char why[WHY_BYTES];
	struct root root;
	size_t i;

	root_up(&root);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why[0] = '\0';
		if (read_text(&root, bad[i].text, &conf, why) != -EINVAL ||
		    !strstr(why, bad[i].say))
			harness_fail(__FILE__, __LINE__, "'%s' says '%s', not '%s'", bad[i].text,
				     why, bad[i].say);
	}
	root_down(&root);
}

static void check_apply(const struct hostconf *conf, const char *keys, const char *want)
{
	struct vgpu_option option = { 0 };
	char why[WHY_BYTES] = "", text[OPTION_MAX_TEXT];

	CHECK_EQ(option_parse(keys, OPTION_ALL, &option, why), 0);
	if (hostconf_apply(conf, &option, "web.cfg:7", why))
		snprintf(text, sizeof(text), "%s", why);
	else
		option_print(&option, text);
	if (strcmp(text, want))
		harness_fail(__FILE__, __LINE__, "'%s' becomes '%s', not '%s'", keys, text, want);
}

TEST(config_hostconf, apply)
{
	struct hostconf conf;
	char why[WHY_BYTES];

	hostconf_preset(&conf);
	check_apply(&conf, "", "");
	CHECK_EQ(option_parse("weight=300,gpu=soft", OPTION_ALL, &conf.defaults, why), 0);
	check_apply(&conf, "", "weight=300,gpu=soft");
	check_apply(&conf, "weight=1,cap=0", "weight=1,cap=0,gpu=soft");

	hostconf_preset(&conf);
	strcpy(conf.limits_where, "xengpu.conf:3");
	CHECK_EQ(option_parse("weight=1000,cap=50,memory=1024,contexts=16,sessions=100",
			      OPTION_NUMBERS, &conf.limits, why), 0);
	/* Nobody gets around a limit by asking for nothing, and none is raised to it. */
	check_apply(&conf, "", "weight=256,cap=50,memory=1024,contexts=16,sessions=64");
	check_apply(&conf, "memory=5,weight=1000,cap=50,contexts=1,sessions=100",
		    "weight=1000,cap=50,memory=5,contexts=1,sessions=100");
	check_apply(&conf, "memory=1025", "web.cfg:7: memory=1025 is more than this host allows, "
		    "memory=1024 (xengpu.conf:3)");
	check_apply(&conf, "cap=51", "web.cfg:7: cap=51 is more than this host allows, cap=50 "
		    "(xengpu.conf:3)");
	check_apply(&conf, "cap=0", "web.cfg:7: cap=0 (no cap) is more than this host allows, "
		    "cap=50 (xengpu.conf:3)");
	conf.limits = (struct vgpu_option){ 0 };
	CHECK_EQ(option_parse("max_fps=60", OPTION_NUMBERS, &conf.limits, why), 0);
	check_apply(&conf, "", "max_fps=60");
	check_apply(&conf, "max_fps=60,fps=0", "max_fps=60,fps=0");
	check_apply(&conf, "max_fps=0", "web.cfg:7: max_fps=0 (no limit) is more than this host "
		    "allows, max_fps=60 (xengpu.conf:3)");
}
