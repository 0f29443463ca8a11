// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command xengpu as a process: what it says, to whom, and its exit status.
 */
#include "config_say.h"

TEST(config_cmd, usage)
{
	struct rig rig;
	struct root root;

	root_up(&root);
	rig_up(&rig);
	SAY(0, 2, "Usage: xengpu [-N] SUBCOMMAND ...");
	SAY(0, 0, "xengpu detach [--no-save] [--force]", "--help");
	SAY(0, 0, "protocol version 1", "--version");
	SAY(0, 2, "no subcommand 'frobnicate'", "frobnicate");
	SAY(0, 2, "Usage: xengpu attach", "attach");
	SAY(0, 2, "Usage: xengpu attach", "attach", "--nonsense", "1");
	SAY(0, 2, "Usage: xengpu detach", "detach");
	SAY(0, 2, "Usage: xengpu detach", "detach", "1", "0", "0");
	SAY(0, 2, "Usage: xengpu list", "list", "1", "2");
	SAY(0, 2, "unknown key 'colour'; allowed are weight=", "attach", "1",
	    "colour=red");
	SAY(0, 2, "devid=-1: the value must be 0..65535", "attach", "1", "devid=-1");
	SAY(0, 2, "--timeout must be 0..3600", "attach", "--timeout=-1", "1");
	SAY(0, 2, "DEVID must be 0..65535", "detach", "1", "x");
	rig_down(&rig);
	root_down(&root);
}

TEST(config_cmd, without_a_backend)
{
	struct rig rig;
	struct root root;

	root_up(&root);
	rig_up(&rig);
	SAY(-1, 1, "no xengpu-localhub", "list");
	SAY(0, 1, "no such domain: 99", "attach", "99");
	SAY(0, 1, "no such domain: nobody", "attach", "nobody");
	SAY(0, 1, "no such domain: drv", "attach", "1", "backend=drv");
	SAY(0, 1, "cannot be its own backend", "attach", "1", "backend=1");
	SAY(0, 1, "domain 1 has no vgpu", "detach", "1");
	SAY(0, 1, "vgpu 3 is not attached to domain 1", "detach", "1", "3");
	SAY(1, 1, "permission denied", "attach", "2");
	/* Nobody answers: said so, and undone. */
	SAY(0, 1, "is xengpud running there?", "attach", "--timeout=1", "1");
	CHECK(store_is_empty(&rig, 1));
	SAY(0, 0, "", "attach", "--no-wait", "1");
	CHECK(rig_exists(&rig, paths_front(1, 0, "state")));
	SAY(0, 1, "has a vgpu 0 already", "attach", "--no-wait", "1");
	SAY(0, 1, "did not let go of vgpu 0", "detach", "--timeout=1", "1");
	SAY(0, 0, "", "detach", "--force", "1");
	CHECK(store_is_empty(&rig, 1));
	SAY(0, 1, "xengpud is not running here", "stats");
	rig_down(&rig);
	root_down(&root);
}

TEST(config_cmd, with_a_backend)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;
	struct root root;

	root_up(&root);
	rig_up(&rig);
	CHECK_EQ(xst_write(rig.dom0, XST_NO_TX, "/local/domain/1/name", "web"), 0);
	rig_start(&rig, "ok");
	guest_up(&g, &rig, 1);
	SAY(0, 0, "", "list");
	SAY(0, 0, "", "attach", "web", "backend=dom0,devid=0");
	SAY(0, 1, "domain web has a vgpu 0 already", "attach", "web");
	SAY(0, 0, "0    0   web                      1    InitWait     Initialising 0", "list",
	    "web");
	SAY(0, 0, "", "attach", "2", "devid=5");
	guest_connect(&g);
	session_open(&s, &g, 0);
	SAY(0, 0, "Connected    Connected    1    /local/domain/0/backend/vgpu/1/0", "list");
	SAY(0, 0, "\"devid\":5", "list", "--json");
	SAY(0, 0, "\"sessions\":1", "stats", "--json", "web");
	SAY(0, 0, "web (domain 1), vgpu 0: connected", "stats");
	SAY(0, 1, "the backend has no vgpu of domain 7", "stats", "7");
	SAY(0, 0, "", "detach", "1", "0");
	SAY(0, 0, "", "detach", "2");
	CHECK(store_is_empty(&rig, 1) && store_is_empty(&rig, 2));
	session_drop(&s);
	guest_down(&g);
	rig_down(&rig);
	root_down(&root);
}

TEST(config_cmd, backend_without_a_renderer)
{
	char path[64];
	struct rig rig;
	struct root root;

	root_up(&root);
	rig_up(&rig);
	snprintf(path, sizeof(path), "%s/fail", rig.dir);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	rig_start(&rig, "fails");
	SAY(0, 1, "the backend in domain 0 refuses: no GPU: there is no render node", "attach",
	    "1");
	CHECK(store_is_empty(&rig, 1));
	rig_down(&rig);
	root_down(&root);
}

static const char uuid1[] = "var/lib/xengpu/policy/00000000-0000-0000-0000-000000000001.conf";

/* Each reads what is saved, and writes it with its own vgpu: not while another one does. */
TEST(config_cmd, one_saves_after_the_other)
{
	struct rig rig;
	struct root root;
	int lock, status;
	pid_t pid;

	root_up(&root);
	rig_up(&rig);
	SAY(0, 0, "", "attach", "--no-wait", "1", "devid=1");
	lock = policy_lock(&root.paths);
	CHECK(lock >= 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		struct said said;

		say(&rig, 0, &said, (const char *[]){ "attach", "--no-wait", "1", "devid=2", NULL });
		_exit(said.status);
	}
	WAIT_STATE(&rig, paths_back(0, 1, 2, "state"), XenbusStateInitialising, 5000);
	rig_sleep_ms(200);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK(!root_has(&root, uuid1, "devid=2"));
	policy_unlock(lock);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK(root_has(&root, uuid1, "devid=1"));
	CHECK(root_has(&root, uuid1, "devid=2"));
	rig_down(&rig);
	root_down(&root);
}

/* A config that is read again may name another GPU, which counts from the next start. */
TEST(config_cmd, gpu_stays_that_of_the_start)
{
	struct rig rig;
	struct root root;

	root_up(&root);
	rig_up(&rig);
	rig_config(&rig, "gpu = \"soft\"\\n");
	rig_start(&rig, NULL);
	SAY(0, 0, "", "attach", "1", "gpu=soft");
	SAY(0, 0, "", "detach", "1");
	rig_config(&rig, "ban_after = 0\\n");
	CHECK_EQ(kill(rig.pid, SIGHUP), 0);
	rig_sleep_ms(200);
	SAY(0, 0, "", "attach", "1", "gpu=soft");
	rig_down(&rig);
	root_down(&root);
}

/* Nobody was there to let go; the backend does it when it comes, and says so once. */
TEST(config_cmd, detach_is_repeated)
{
	struct rig rig;
	struct root root;

	root_up(&root);
	rig_up(&rig);
	SAY(0, 0, "", "attach", "--no-wait", "1");
	SAY(0, 1, "did not let go of vgpu 0", "detach", "--timeout=1", "1");
	rig_start(&rig, "ok");
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 5000);
	SAY(0, 0, "", "detach", "--timeout=3", "1");
	CHECK(store_is_empty(&rig, 1));
	rig_down(&rig);
	root_down(&root);
}

TEST(config_cmd, saved)
{
	struct rig rig;
	struct root root;

	root_up(&root);
	rig_up(&rig);
	SAY(0, 0, "", "attach", "--no-wait", "--no-save", "1");
	CHECK(access(root.paths.state, F_OK));
	SAY(0, 0, "", "detach", "--force", "1");
	SAY(0, 0, "", "attach", "--no-wait", "1", "weight=512, cap=40", "memory=256");
	CHECK_EQ(rig_number(&rig, paths_back(0, 1, 0, "weight")), 512);
	CHECK(root_has(&root, uuid1, "\"weight=512,cap=40,memory=256,devid=0\"\n]"));
	SAY(0, 0, "", "attach", "--no-wait", "1", "devid=3,backend=dom0");
	CHECK(root_has(&root, uuid1, "devid=0\",\n\t\"backend=dom0,devid=3\"\n]"));
	SAY(0, 1, "domain 1 has several vgpus: say which, as DEVID", "detach", "--force", "1");
	SAY(0, 0, "", "detach", "--force", "--no-save", "1", "3");
	SAY(0, 0, "", "attach", "--no-wait", "--no-save", "1", "devid=3,backend=dom0");
	CHECK(root_has(&root, uuid1, "devid=3"));
	SAY(0, 0, "", "detach", "--force", "1", "0");
	CHECK(root_has(&root, uuid1, "[\n\t\"backend=dom0,devid=3\"\n]"));
	SAY(0, 0, "", "detach", "--force", "1", "3");
	CHECK(!root_has(&root, uuid1, ""));

	/* What its config gives is taken away for good only by saying that it has none. */
	CHECK_EQ(xst_write(rig.dom0, XST_NO_TX, "/local/domain/1/name", "web"), 0);
	root_write(&root, "etc/xen/web.cfg", "name='web'\nvgpu=['cap=1','cap=2']");
	SAY(0, 0, "", "attach", "--no-wait", "web", "cap=3");
	CHECK(root_has(&root, uuid1, "[\n\t\"cap=3,devid=0\",\n\t\"cap=2,devid=1\"\n]"));
	SAY(0, 0, "", "attach", "--no-wait", "--no-save", "web", "devid=1");
	SAY(0, 0, "", "detach", "--force", "web", "1");
	SAY(0, 0, "", "detach", "--force", "web", "0");
	CHECK(root_has(&root, uuid1, "vgpu = [\n]"));

	/* The administrator's word is his to change. */
	root_write(&root, "etc/xen/xengpu.d/web.conf", "vgpu=['cap=9']");
	SAY(0, 0, "note: the next start of domain 1 goes by", "attach", "--no-wait", "web",
	    "cap=3");
	CHECK(root_has(&root, uuid1, "vgpu = [\n]"));
	root_write(&root, "etc/xen/xengpu.d/web.conf", "vgpu=['cap=900']");
	SAY(0, 1, "done, but not saved for the next start: ", "detach", "--force", "web");
	CHECK(store_is_empty(&rig, 1));
	rig_down(&rig);
	root_down(&root);
}

TEST(config_cmd, host_limits)
{
	struct rig rig;
	struct root root;

	root_up(&root);
	rig_up(&rig);
	root_write(&root, "etc/xen/xengpu.conf", "\nlimits = 'memory=64'\n"
		   "defaults = 'weight=300'\n");
	SAY(0, 1, "domain 1: memory=65 is more than this host allows, memory=64 (", "attach", "1",
	    "memory=65");
	CHECK(store_is_empty(&rig, 1));
	SAY(0, 0, "", "attach", "--no-wait", "1", "cap=5");
	CHECK_EQ(rig_number(&rig, paths_back(0, 1, 0, "weight")), 300);
	CHECK_EQ(rig_number(&rig, paths_back(0, 1, 0, "memory")), 64);
	/* The host may change its mind: what is saved is what was asked for. */
	CHECK(root_has(&root, uuid1, "\"cap=5,devid=0\""));
	root_write(&root, "etc/xen/xengpu.conf", "\nlimit = 'memory=64'");
	SAY(0, 1, "xengpu.conf:2: unknown setting 'limit'; allowed are gpu, warm", "attach", "2");
	rig_down(&rig);
	root_down(&root);
}

TEST(config_cmd, dry_run)
{
	struct rig rig;
	struct root root;

	root_up(&root);
	rig_up(&rig);
	SAY(0, 0, "/local/domain/0/backend/vgpu/1/0/cap = \"40\"\n", "-N", "attach", "1",
	    "cap=40");
	SAY(0, 0, "/local/domain/1/device/vgpu/0/backend-id = \"0\"   (n0,r1)\n", "--dry-run",
	    "attach", "1", "cap=40");
	SAY(0, 0, ".conf: vgpu = [ \"cap=40,devid=0\" ]", "-N", "attach", "1", "cap=40");
	SAY(0, 1, "no such domain: 99", "-N", "attach", "99");
	CHECK(store_is_empty(&rig, 1));
	CHECK(access(root.paths.state, F_OK));
	SAY(0, 0, "", "attach", "--no-wait", "1", "cap=40");
	SAY(0, 0, "remove /local/domain/0/backend/vgpu/1/0\nremove /libxl/1/device/vgpu/0\n",
	    "-N", "detach", "1");
	CHECK(!store_is_empty(&rig, 1) && root_has(&root, uuid1, "cap=40"));
	SAY(0, 0, "to xengpud: allow web", "-N", "allow", "web");
	rig_down(&rig);
	root_down(&root);
}

TEST(config_cmd, info)
{
	struct rig rig;
	struct root root;
	pid_t pid;

	root_up(&root);
	rig_up(&rig);
	CHECK_EQ(xst_write(rig.dom0, XST_NO_TX, "/local/domain/1/name", "web"), 0);
	SAY(0, 2, "Usage: xengpu info DOMAIN", "info");
	SAY(0, 1, "no such domain: nobody", "info", "nobody");
	SAY(0, 0, "policy                 : none: it gets no vgpu when it starts\n", "info", "web");
	SAY(0, 0, "xengpud is not running here", "info", "1");
	root_write(&root, "etc/xen/web.cfg", "name='web'\n\nvgpu=['cap=101']");
	SAY(0, 0, "etc/xen/web.cfg:3: vgpu: cap=101: the value must be 0..100", "info", "1");
	root_write(&root, "etc/xen/web.cfg", "name='web'\n\nvgpu=['cap=40']");
	SAY(0, 0, "etc/xen/web.cfg:3 (its own config)\n"
	    "policy_vgpu_0          : cap=40,devid=0\n", "info", "1");
	SAY(0, 0, "vgpu                   : none attached\n", "info", "1");
	CHECK_EQ(xst_write(rig.dom0, XST_NO_TX, "/libxl/1/vgpu-policy",
			   "00000000-0000-0000-0000-000000000001 waiting for domain drv"), 0);
	SAY(0, 0, "when_it_started        : waiting for domain drv\n", "info", "1");
	CHECK_EQ(xst_rm(rig.dom0, XST_NO_TX, "/libxl/1"), 0);
	SAY(0, 0, "", "attach", "--no-wait", "web", "cap=39");
	SAY(0, 0, "options                : cap=39\n", "info", "web");
	CHECK_EQ(xst_write(rig.dom0, XST_NO_TX, paths_back(0, 1, 0, "max-pages").s, "77"), 0);
	SAY(0, 0, "max-pages              : 77\n", "info", "web");
	pid = say_answer(&rig, "stats\n", "{\"devices\":[{\"domid\":1,\"devid\":0,\"submits\":12}],"
			 "\"bans\":[{\"name\":\"web\",\"reason\":\"3 hangs\\u001b[0m\"}]}\n");
	SAY(0, 0, "banned                 : until `xengpu allow web`\n"
	    "reason                 : 3 hangs?[0m\n", "info", "web");
	say_answered(pid);
	pid = say_answer(&rig, "stats\n", "{\"devices\":[{\"domid\":1,\"devid\":0,\"submits\":12}],"
			 "\"bans\":[7,{\"name\":\"other\"}]}\n");
	SAY(0, 0, "submits                : 12\n", "info", "web");
	say_answered(pid);
	pid = say_answer(&rig, "stats\n", "nonsense\n");
	SAY(0, 0, "state                  : Initialising\n", "info", "web");
	say_answered(pid);
	SAY(0, 0, "", "detach", "--force", "web");
	rig_down(&rig);
	root_down(&root);
}

TEST(config_cmd, allow_and_log)
{
	struct rig rig;
	struct root root;
	pid_t pid;

	root_up(&root);
	rig_up(&rig);
	SAY(0, 2, "Usage: xengpu allow DOMAIN", "allow");
	SAY(0, 2, "Usage: xengpu log", "log", "1");
	SAY(0, 1, "cannot be a domain's name", "allow", "a\nstats");
	SAY(0, 1, "xengpud is not running here", "allow", "web");
	SAY(0, 1, "xengpud is not running here", "log");
	pid = say_answer(&rig, "allow web\n", "ok\n");
	SAY(0, 0, "", "allow", "web");
	say_answered(pid);
	pid = say_answer(&rig, "allow web\n", "error: web is not banned\n");
	SAY(0, 1, "xengpu: xengpud: web is not banned\n", "allow", "web");
	say_answered(pid);
	pid = say_answer(&rig, "log\n", "one\ntwo\x1b[2J\n");
	SAY(0, 0, "one\ntwo?[2J\n", "log");
	say_answered(pid);
	pid = say_answer(&rig, "log\n", "error: unknown command\n");
	SAY(0, 1, "xengpud: unknown command", "log");
	say_answered(pid);
	rig_down(&rig);
	root_down(&root);
}
