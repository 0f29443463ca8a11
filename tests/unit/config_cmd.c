// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command xengpu as a process: what it says, to whom, and its exit status.
 */
#include "sup_rig.h"

#define MAX_WORDS	8

struct said {
	int status;
	char text[8192];		/* stdout and stderr */
};

/* xengpu with arguments, as the domain's root (domid < 0: where there is no xenstore). */
static void say(const struct rig *rig, int domid, struct said *said, const char *const words[])
{
	char path[300];
	const char *program = rig_program("XENGPU", "xengpu", path, sizeof(path));
	const char *argv[MAX_WORDS + 2] = { "xengpu" };
	size_t have = 0;
	int fds[2], i, status;
	ssize_t n;
	pid_t pid;

	for (i = 0; words[i] && i < MAX_WORDS; i++)
		argv[1 + i] = words[i];
	CHECK_EQ(pipe(fds), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		setenv("XENGPU_PLATFORM", domid < 0 ? "local:/nonexistent/hub:0" :
			hub_spec(&rig->hub, (unsigned int)domid), 1);
		setenv("XENGPU_CONTROL", rig->control, 1);
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		execv(program, (char **)(uintptr_t)argv);
		_exit(127);
	}
	close(fds[1]);
	while (have < sizeof(said->text) - 1 &&
	       (n = read(fds[0], said->text + have, sizeof(said->text) - 1 - have)) > 0)
		have += (size_t)n;
	said->text[have] = '\0';
	close(fds[0]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	said->status = WEXITSTATUS(status);
}

#define SAY(domid, want_status, want_text, ...)							\
	do {											\
		struct said said_;								\
												\
		say(&rig, domid, &said_, (const char *[]){ __VA_ARGS__ __VA_OPT__(,) NULL });	\
		if (said_.status != (want_status) || !strstr(said_.text, want_text))		\
			harness_fail(__FILE__, __LINE__, "status %d, '%s'; not %d, '%s'",	\
				     said_.status, said_.text, want_status, want_text);		\
	} while (0)

TEST(config_cmd, usage)
{
	struct rig rig;

	rig_up(&rig);
	SAY(0, 2, "Usage: xengpu SUBCOMMAND");
	SAY(0, 0, "xengpu detach [--force]", "--help");
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
}

TEST(config_cmd, without_a_backend)
{
	struct rig rig;

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
}

TEST(config_cmd, with_a_backend)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;

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
}

TEST(config_cmd, backend_without_a_renderer)
{
	char path[64];
	struct rig rig;

	rig_up(&rig);
	snprintf(path, sizeof(path), "%s/fail", rig.dir);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	rig_start(&rig, "fails");
	SAY(0, 1, "the backend in domain 0 refuses: no GPU: there is no render node", "attach",
	    "1");
	CHECK(store_is_empty(&rig, 1));
	rig_down(&rig);
}
