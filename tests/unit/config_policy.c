// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a domain's policy is looked for, in which order, what a wrong one says, and that no name of
 * a domain leads out of the folders.
 */
#include "config_root.h"

#define UUID	"0f1e2d3c-aaaa-4000-8000-00000000000b"
#define OTHER	"0f1e2d3c-aaaa-4000-8000-00000000000c"

/* What is found: "SOURCE: keys; keys", the source without the root, or the complaint. */
static const char *find(const struct root *root, const char *name, const char *uuid)
{
	static char said[2048];
	char why[WHY_BYTES] = "", text[OPTION_MAX_TEXT];
	struct hostconf conf;
	struct policy policy;
	const char *source;
	unsigned int i;
	size_t used;

	if (hostconf_read(root->paths.conf, &conf, why) ||
	    policy_find(&root->paths, &conf, name, uuid, &policy, why)) {
		snprintf(said, sizeof(said), "error: %s", why);
		return said;
	}
	CHECK_EQ(policy.n, policy.own.n);
	CHECK(policy.from != POLICY_NONE || (!policy.n && !policy.source[0]));
	source = policy.source;
	if (!strncmp(source, root->dir, strlen(root->dir)))
		source += strlen(root->dir);
	used = (size_t)snprintf(said, sizeof(said), "%s:", source);
	for (i = 0; i < policy.n; i++) {
		option_print(&policy.vgpu[i], text);
		used += (size_t)snprintf(said + used, sizeof(said) - used, "%s %s", i ? ";" : "",
					 text);
	}
	return said;
}

#define CHECK_FIND(name, uuid, want)								\
	do {											\
		const char *said_ = find(&root, name, uuid);					\
												\
		if (strcmp(said_, want))							\
			harness_fail(__FILE__, __LINE__, "'%s', not '%s'", said_, want);	\
	} while (0)

#define CHECK_SAYS(name, uuid, want)								\
	do {											\
		const char *said_ = find(&root, name, uuid);					\
												\
		if (strncmp(said_, "error: ", 7) || !strstr(said_, want))			\
			harness_fail(__FILE__, __LINE__, "'%s', without '%s'", said_, want);	\
	} while (0)

TEST(config_policy, order)
{
	struct vgpus saved = { .n = 1, .option[0] = { .given = OPTION_BIT(OPTION_WEIGHT) |
						      OPTION_BIT(OPTION_DEVID), .weight = 3 } };
	char why[WHY_BYTES];
	struct root root;

	root_up(&root);
	CHECK_FIND("web", UUID, ":");
	root_write(&root, "etc/xen/xengpu.conf", "\nvgpu = [ 'weight=7' ]");
	CHECK_FIND("web", UUID, "/etc/xen/xengpu.conf:2: weight=7,devid=0");
	root_write(&root, "etc/xen/auto/10-web", "name='web'\nvgpu = [ 'weight=6' ]");
	CHECK_FIND("web", UUID, "/etc/xen/auto/10-web:2: weight=6,devid=0");
	CHECK_FIND("web--incoming", NULL, "/etc/xen/auto/10-web:2: weight=6,devid=0");
	CHECK_FIND("other", OTHER, "/etc/xen/xengpu.conf:2: weight=7,devid=0");
	root_write(&root, "etc/xen/web", "name='web';vgpu = [ 'weight=5' ]");
	CHECK_FIND("web", UUID, "/etc/xen/web:1: weight=5,devid=0");
	root_write(&root, "etc/xen/web.cfg", "name='web'\nvgpu=['weight=4']\n");
	CHECK_FIND("web", UUID, "/etc/xen/web.cfg:2: weight=4,devid=0");
	CHECK_EQ(policy_save(&root.paths, UUID, &saved, why), 0);
	CHECK_FIND("web", UUID, "/var/lib/xengpu/policy/" UUID ".conf:3: weight=3,devid=0");
	CHECK_FIND("web", "0F1E2D3C-AAAA-4000-8000-00000000000B",
		   "/var/lib/xengpu/policy/" UUID ".conf:3: weight=3,devid=0");
	CHECK_FIND("web", OTHER, "/etc/xen/web.cfg:2: weight=4,devid=0");
	root_write(&root, "etc/xen/xengpu.d/" UUID ".conf", "vgpu=['weight=2']");
	CHECK_FIND("web", UUID, "/etc/xen/xengpu.d/" UUID ".conf:1: weight=2,devid=0");
	root_write(&root, "etc/xen/xengpu.d/web.conf", "vgpu=['weight=1', 'gpu=soft']");
	CHECK_FIND("web", UUID, "/etc/xen/xengpu.d/web.conf:1: weight=1,devid=0; gpu=soft,devid=1");
	CHECK_FIND("web--incoming", UUID,
		   "/etc/xen/xengpu.d/web.conf:1: weight=1,devid=0; gpu=soft,devid=1");
	/* An empty list is a word, too; a file without one is not. */
	root_write(&root, "etc/xen/xengpu.d/web.conf", "vgpu=[]");
	CHECK_FIND("web", UUID, "/etc/xen/xengpu.d/web.conf:1:");
	root_write(&root, "etc/xen/xengpu.d/web.conf", "#vgpu=[]");
	CHECK_FIND("web", UUID, "/etc/xen/xengpu.d/" UUID ".conf:1: weight=2,devid=0");
	root_down(&root);
}

TEST(config_policy, own_config)
{
	struct root root;

	root_up(&root);
	/* A file that has the domain's name is not its config for that. */
	root_write(&root, "etc/xen/web.cfg", "name='other'\nvgpu=['weight=4']\n");
	CHECK_FIND("web", UUID, ":");
	/* Renamed, but the UUID is its own; as free in its form as xl takes it. */
	root_write(&root, "etc/xen/web.cfg", "name='other'\nuuid='0F1E2D3CAAAA4000-8000-"
		   "00000000000b'\nvgpu=['weight=4']\n");
	CHECK_FIND("web", UUID, "/etc/xen/web.cfg:3: weight=4,devid=0");
	CHECK_FIND("web", OTHER, ":");
	CHECK_FIND("web", NULL, ":");
	CHECK_FIND("web", "nonsense", ":");
	/* All that a config may have, and none of it in our way. */
	root_write(&root, "etc/xen/auto/x.cfg", "name='x' ; memory = 0x200\ndisk=['a,b',\n]\n"
		   "pci = [ ['1'] ]\nvgpu=[ ]\nvgpu += [ 'cap=1', # first\n 'cap=2,devid=0' ]");
	CHECK_FIND("x", UUID, "/etc/xen/auto/x.cfg:6: cap=1,devid=1; cap=2,devid=0");
	root_down(&root);
}

TEST(config_policy, mistakes)
{
	struct root root;

	root_up(&root);
	root_write(&root, "etc/xen/web.cfg", "name='web'\nvgpu=['weight=512,\n");
	CHECK_SAYS("web", UUID, "/etc/xen/web.cfg:2: text without a ' at its end");
	root_write(&root, "etc/xen/web.cfg", "name='web'\n\nvgpu=['cap=101']");
	CHECK_SAYS("web", UUID, "/etc/xen/web.cfg:3: vgpu: cap=101: the value must be 0..100");
	root_write(&root, "etc/xen/web.cfg", "name='web'\nvgpu='cap=1'");
	CHECK_SAYS("web", UUID, "/etc/xen/web.cfg:2: vgpu must be a list, vgpu = [ \"...\" ]");
	root_write(&root, "etc/xen/xengpu.conf", "\nlimits='memory=10'");
	root_write(&root, "etc/xen/web.cfg", "name='web'\nvgpu=['memory=11']");
	CHECK_SAYS("web", UUID, "/etc/xen/web.cfg:2: memory=11 is more than this host allows, "
		   "memory=10 (");
	CHECK_SAYS("web", UUID, "/etc/xen/xengpu.conf:2)");
	root_write(&root, "etc/xen/web.cfg", "name='web'\nvgpu=['']");
	CHECK_FIND("web", UUID, "/etc/xen/web.cfg:2: memory=10,devid=0");
	root_write(&root, "etc/xen/xengpu.d/web.conf", "vgpu=['']\nmemory=3");
	CHECK_SAYS("web", UUID, "web.conf:2: unknown setting 'memory'; allowed is vgpu");
	root_write(&root, "etc/xen/xengpu.d/web.conf", NULL);
	root_write(&root, "etc/xen/web.cfg", NULL);

	/* Others' mistakes are not this domain's, unless the file has its name. */
	root_write(&root, "etc/xen/auto/a.cfg", "import os\n");
	root_write(&root, "etc/xen/auto/b.cfg", "name='web'\nvgpu=['cap=5']");
	CHECK_FIND("web", UUID, "/etc/xen/auto/b.cfg:2: cap=5,memory=10,devid=0");
	CHECK_SAYS("a", UUID, "/etc/xen/auto/a.cfg:1: 'os' where '=' or '+=' must be");
	root_write(&root, "etc/xen/auto/b.cfg", "name='web'\nvgpu=['cap=500']");
	CHECK_SAYS("web", UUID, "/etc/xen/auto/b.cfg:2: vgpu: cap=500: the value must be 0..100");
	root_down(&root);
}

TEST(config_policy, names_stay_in_their_folder)
{
	static const char *const names[] = {
		"../secret", "/etc/secret", "a/../../secret", ".", "..", ".hidden", "", "x/y",
		"--incoming", "../secret--incoming",
	};
	char longest[300];
	struct root root;
	size_t i;

	root_up(&root);
	root_write(&root, "etc/xen/secret.conf", "vgpu=['cap=1']");
	root_write(&root, "etc/secret.cfg", "name='../secret'\nvgpu=['cap=1']");
	root_write(&root, "etc/xen/xengpu.d/.hidden.conf", "vgpu=['cap=1']");
	root_write(&root, "etc/xen/xengpu.d/.conf", "vgpu=['cap=1']");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CHECK_FIND(names[i], "../../../etc/xen/secret", ":");
	memset(longest, 'n', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	CHECK_FIND(longest, UUID, ":");
	/* Such a name may still have a policy: by UUID, or in a config that says so. */
	root_write(&root, "etc/xen/auto/xy", "name='x/y'\nvgpu=['cap=3']");
	CHECK_FIND("x/y", UUID, "/etc/xen/auto/xy:2: cap=3,devid=0");
	CHECK_FIND("", UUID, ":");
	/* Folders where files are looked for are no files. */
	CHECK_FIND("auto", UUID, ":");
	root_down(&root);
}

TEST(config_policy, save)
{
	struct vgpus vgpus = { 0 };
	char why[WHY_BYTES] = "";
	struct vgpu_option o = { 0 };
	struct root root;

	root_up(&root);
	CHECK_EQ(policy_forget(&root.paths, UUID, why), 0);
	CHECK_EQ(option_parse("weight=512,gpu=/dev/dri/renderD128,backend=a\"b\\c'", OPTION_ALL, &o,
			      why), 0);
	CHECK_EQ(vgpus_set(&vgpus, &o), 0);
	o.devid = 7;
	CHECK_EQ(vgpus_set(&vgpus, &o), 0);
	CHECK_EQ(policy_save(&root.paths, "../x", &vgpus, why), -EINVAL);
	CHECK_EQ(policy_save(&root.paths, NULL, &vgpus, why), -EINVAL);
	CHECK_EQ(policy_save(&root.paths, UUID, &vgpus, why), 0);
	CHECK_FIND("web", UUID, "/var/lib/xengpu/policy/" UUID ".conf:3: weight=512,"
		   "gpu=/dev/dri/renderD128,backend=a\"b\\c',devid=0; weight=512,"
		   "gpu=/dev/dri/renderD128,backend=a\"b\\c',devid=7");
	vgpus_drop(&vgpus, 0);
	vgpus_drop(&vgpus, 5);
	CHECK_EQ(vgpus.n, 1);
	CHECK_EQ(vgpus_find(&vgpus, 7), 0);
	vgpus_drop(&vgpus, 7);
	CHECK_EQ(policy_save(&root.paths, UUID, &vgpus, why), 0);
	CHECK_FIND("web", UUID, "/var/lib/xengpu/policy/" UUID ".conf:3:");
	CHECK_EQ(policy_forget(&root.paths, UUID, why), 0);
	CHECK_FIND("web", UUID, ":");

	/* All that fits in, at its longest. */
	memset(o.backend, '"', sizeof(o.backend) - 1);
	for (vgpus.n = 0; vgpus.n < VGPUS_MAX;) {
		o.devid++;
		CHECK_EQ(vgpus_set(&vgpus, &o), 0);
	}
	o.devid++;
	CHECK_EQ(vgpus_set(&vgpus, &o), -ENOSPC);
	CHECK_EQ(policy_save(&root.paths, UUID, &vgpus, why), 0);
	CHECK(strstr(find(&root, "web", UUID), "devid=15"));

	/* Where it cannot be, the reason is named. */
	root_write(&root, "file", "");
	snprintf(root.paths.state, sizeof(root.paths.state), "%s/file/x", root.dir);
	CHECK_EQ(policy_save(&root.paths, UUID, &vgpus, why), -ENOTDIR);
	CHECK(strstr(why, "/file/x: cannot be made: Not a directory"));
	CHECK_EQ(policy_forget(&root.paths, UUID, why), 0);
	root_down(&root);
}
