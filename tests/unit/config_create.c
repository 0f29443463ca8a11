// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu create, with a script that plays xl: what xl is told, in which order, and what is left when
 * something goes wrong.
 */
#include "config_say.h"

#define UUID	"00000000-0000-0000-0000-000000000005" /* the local platform's for domain 5 */

static const char state_file[] = "var/lib/xengpu/policy/" UUID ".conf";

/* Logs its arguments; "create" makes domain 5, "destroy" ends it, and a file makes it fail. */
static const char xl_script[] =
	"#!/bin/sh\n"
	"hub() { ${XENGPU_LOCALHUB:-build/bin/xengpu-localhub} --socket \"$XL_HUB\" \"$@\"; }\n"
	"echo \"$*\" >>$XENGPU_ROOT/xl.log\n"
	"case \"$*\" in\n"
	"create*' kernel='*fail*) echo 'xl: cannot' >&2; exit 3 ;;\n"
	"create*' -n'*) ;;\n"
	"create*) grep -s . $XENGPU_ROOT/var/lib/xengpu/policy/* >>$XENGPU_ROOT/seen\n"
	"	hub --create 5 --name web ;;\n"
	"destroy*) hub --destroy 5 ;;\n"
	"esac\n";

struct stage {
	struct rig rig;
	struct root root;
	char xl[128];
	char config[128];
};

static void stage_up(struct stage *s)
{
	root_up(&s->root);
	rig_up(&s->rig);
	snprintf(s->xl, sizeof(s->xl), "%s/xl", s->root.dir);
	snprintf(s->config, sizeof(s->config), "%s/elsewhere.cfg", s->root.dir);
	root_write(&s->root, "xl", xl_script);
	CHECK_EQ(chmod(s->xl, 0755), 0);
	setenv("XENGPU_XL", s->xl, 1);
	setenv("XL_HUB", s->rig.hub.path, 1);
	root_write(&s->root, "elsewhere.cfg",
		   "name = \"web\"\nuuid = \"" UUID "\"\nvgpu = [ \"weight=512\" ]\n");
}

static void stage_down(struct stage *s)
{
	rig_down(&s->rig);
	root_down(&s->root);
}

/* The next thing that xl was told. */
static void check_xl(struct stage *s, const char *want)
{
	char text[4096], path[128];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/xl.log", s->root.dir);
	file = fopen(path, "re");
	n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	if (file)
		fclose(file);
	text[n] = '\0';
	if (strcmp(text, want))
		harness_fail(__FILE__, __LINE__, "xl was told '%s', not '%s'", text, want);
	unlink(path);
}

/* xengpu create ARGUMENT..., in dom0. */
#define CREATE(want_status, want_text, ...) \
	SAY_IN(&s.rig, 0, want_status, want_text, "create" __VA_OPT__(,) __VA_ARGS__)
#define DRY_CREATE(want_text, ...) \
	SAY_IN(&s.rig, 0, 0, want_text, "-N", "create", __VA_ARGS__)
#define DETACH(...)	SAY_IN(&s.rig, 0, 0, "", "detach", __VA_ARGS__)

TEST(config_create, works)
{
	char want[512];
	struct stage s;

	stage_up(&s);
	rig_start(&s.rig, "ok");
	CREATE(0, "", s.config);
	snprintf(want, sizeof(want), "create -p %s\nunpause 5\n", s.config);
	check_xl(&s, want);
	CHECK_EQ(rig_number(&s.rig, paths_back(0, 5, 0, "weight")), 512);
	CHECK_EQ(rig_number(&s.rig, paths_back(0, 5, 0, "state")), XenbusStateInitWait);
	/* An xengpud that sees the domain come finds its policy. */
	CHECK(root_has(&s.root, "seen", "weight=512,devid=0"));
	CHECK(root_has(&s.root, state_file, "weight=512,devid=0"));
	CREATE(1, "there is a domain web already, its id is 5", s.config, "vgpu=['']");
	CHECK(root_has(&s.root, state_file, "weight=512,devid=0"));
	check_xl(&s, "");
	DETACH("web");
	stage_down(&s);
}

TEST(config_create, arguments)
{
	char want[1024];
	struct stage s;

	stage_up(&s);
	rig_start(&s.rig, "ok");
	CREATE(0, "", "-qcf", s.config, "--timeout=9", "-p", "vcpus=2",
	    "vgpu=[\"cap=5\"]", "vgpu+=['devid=4']");
	snprintf(want, sizeof(want), "create -p -qf %s vcpus=2 vgpu=[\"cap=5\"] "
		 "vgpu+=['devid=4']\nconsole 5\n", s.config);
	check_xl(&s, want);
	CHECK_EQ(rig_number(&s.rig, paths_back(0, 5, 0, "cap")), 5);
	CHECK_EQ(rig_number(&s.rig, paths_back(0, 5, 4, "state")), XenbusStateInitWait);
	CHECK(root_has(&s.root, state_file, "\"cap=5,devid=0\",\n\t\"devid=4\""));
	DETACH("web", "0");
	DETACH("web", "4");
	stage_down(&s);
}

TEST(config_create, already_attached)
{
	struct stage s;

	stage_up(&s);
	rig_start(&s.rig, "ok");
	/* xengpud was quicker, which the script plays. */
	root_write(&s.root, "xl", "#!/bin/sh\n[ $1 = create ] || exit 0\n"
		   "${XENGPU_LOCALHUB:-build/bin/xengpu-localhub} --socket $XL_HUB --create 5 "
		   "--name web && ${XENGPU:-build/bin/xengpu} attach --no-save web cap=77\n");
	CREATE(0, "", s.config);
	CHECK_EQ(rig_number(&s.rig, paths_back(0, 5, 0, "cap")), 77);
	DETACH("web");
	stage_down(&s);
}

TEST(config_create, no_backend)
{
	char want[512];
	struct stage s;

	stage_up(&s);
	CREATE(1, "domain web is destroyed, for it would be without its vgpu", "--timeout=0", s.config);
	snprintf(want, sizeof(want), "create -p %s\ndestroy 5\n", s.config);
	check_xl(&s, want);
	CHECK(!root_has(&s.root, state_file, ""));
	CHECK(store_is_empty(&s.rig, 5));
	stage_down(&s);
}

TEST(config_create, xl_fails)
{
	struct stage s;

	stage_up(&s);
	CREATE(1, "xl: cannot", s.config, "kernel='fail'");
	CHECK(!root_has(&s.root, state_file, ""));
	setenv("XENGPU_XL", "/nonexistent/xl", 1);
	CREATE(1, "cannot run /nonexistent/xl", s.config);
	CHECK(!root_has(&s.root, state_file, ""));
	/* What had been saved before is what is saved: nothing was created. */
	root_write(&s.root, state_file, "vgpu = [ \"cap=7\" ]\n");
	CREATE(1, "cannot run /nonexistent/xl", s.config);
	CHECK(root_has(&s.root, state_file, "cap=7"));
	root_write(&s.root, "elsewhere.cfg", "name = \"web\"\nuuid = \"" UUID "\"\n");
	CREATE(1, "cannot run /nonexistent/xl", s.config);
	CHECK(root_has(&s.root, state_file, "cap=7"));
	CHECK(!root_has(&s.root, "var/lib/xengpu/policy/" UUID ".conf.old", ""));
	stage_down(&s);
}

TEST(config_create, refused)
{
	struct stage s;

	stage_up(&s);
	CREATE(2, "Usage: xengpu create");
	CREATE(2, "Usage: xengpu create", s.config, "other.cfg");
	CREATE(2, "Usage: xengpu create", "-f");
	CREATE(2, "-F keeps xl in the foreground", "-F", s.config);
	CREATE(2, "--timeout must be", "--timeout=x", s.config);
	CREATE(1, "/none.cfg: cannot be read: No such file", "/none.cfg");
	CREATE(1, "argument:1: the line ends where text", s.config, "a=");
	CREATE(1, "argument:2: vgpu: cap=101: the value must be 0..100", s.config,
	    "vcpus=1", "vgpu=['cap=101']");
	CREATE(1, "uuid is no UUID", s.config, "uuid='x'");
	CREATE(1, "the config has no name", "/dev/null", "vcpus=1");
	root_write(&s.root, "etc/xen/xengpu.conf", "limits='weight=100'");
	CREATE(1, "elsewhere.cfg:3: weight=512 is more than this host allows, weight=100 (", s.config);
	check_xl(&s, "");
	CHECK(!root_has(&s.root, state_file, ""));
	stage_down(&s);
}

TEST(config_create, without_a_policy)
{
	char want[512];
	struct stage s;

	stage_up(&s);
	root_write(&s.root, "elsewhere.cfg", "name='web'");
	CREATE(0, "", "-c", s.config);
	snprintf(want, sizeof(want), "create -c %s\n", s.config);
	check_xl(&s, want);
	/* Nor is there one when xl does nothing. */
	CREATE(0, "", "-n", s.config);
	snprintf(want, sizeof(want), "create -n %s\n", s.config);
	check_xl(&s, want);
	stage_down(&s);
}

TEST(config_create, the_administrators_word)
{
	struct stage s;

	stage_up(&s);
	rig_start(&s.rig, "ok");
	root_write(&s.root, "etc/xen/xengpu.d/web.conf", "vgpu=['cap=9']");
	CREATE(0, "web.conf:1 counts, not the config's vgpu", s.config);
	CHECK_EQ(rig_number(&s.rig, paths_back(0, 5, 0, "cap")), 9);
	CHECK(!root_has(&s.root, state_file, ""));
	DETACH("web");
	stage_down(&s);
}

TEST(config_create, an_earlier_policy_goes)
{
	struct vgpus old = { 0 };
	char why[WHY_BYTES];
	struct stage s;

	stage_up(&s);
	CHECK_EQ(policy_save(&s.root.paths, UUID, &old, why), 0);
	root_write(&s.root, "elsewhere.cfg", "name='web'\nuuid='" UUID "'");
	CREATE(0, "", s.config);
	CHECK(!root_has(&s.root, state_file, ""));
	stage_down(&s);
}

TEST(config_create, makes_a_uuid)
{
	struct stage s;

	stage_up(&s);
	rig_start(&s.rig, "ok");
	root_write(&s.root, "elsewhere.cfg", "name='web'\nvgpu=['weight=3']");
	CREATE(0, "", s.config);
	CHECK(root_has(&s.root, "xl.log", "elsewhere.cfg uuid=\""));
	CHECK(root_has(&s.root, "seen", "weight=3,devid=0"));
	DETACH("--no-save", "web");
	stage_down(&s);
}

TEST(config_create, dry_run)
{
	struct stage s;

	stage_up(&s);
	DRY_CREATE(" create -p ", s.config);
	DRY_CREATE("\nxengpu attach --no-save web weight=512,devid=0\n", s.config);
	DRY_CREATE(" unpause web\n", s.config);
	DRY_CREATE(UUID ".conf: vgpu = [ \"weight=512,devid=0\" ]\n", s.config);
	check_xl(&s, "");
	CHECK(access(s.root.paths.state, F_OK));
	stage_down(&s);
}
