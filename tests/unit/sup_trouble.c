// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpud on the local platform when something goes wrong: no renderer, supervisors, guests and
 * domains that come and go without a word, and guests that do what they must not.
 */
#include "sup_rig.h"

static void no_renderer(const char *puppet, const char *say)
{
	struct guest g;
	struct rig rig;

	rig_up(&rig);
	rig_fail(&rig, true);
	rig_start(&rig, puppet);
	guest_up(&g, &rig, 1);
	rig_attach(&rig, 1);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 5000);
	check_error(&rig, paths_back(0, 1, 0, "error"), say);
	CHECK(rig_log_has(&rig, "domain 1 (domain-1) vgpu 0: no renderer: "));
	/* Not again and again at once. */
	rig_sleep_ms(700);
	CHECK(rig_stat_of(&rig, -1, "workers_started") <= 3);
	/* It is tried again, and the device comes to life by itself. */
	rig_fail(&rig, false);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateInitWait, 5000);
	CHECK(!rig_exists(&rig, paths_back(0, 1, 0, "error")));
	guest_connect(&g);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup_trouble, no_gpu)
{
	no_renderer("fails", "no GPU: there is no render node");
}

TEST(sup_trouble, worker_ends_before_ready)
{
	no_renderer("exits", "exit status 9");
}

TEST(sup_trouble, no_gpu_later)
{
	struct guest_session s[3];
	struct guest g;
	struct rig rig;
	uint32_t i;

	up_connected(&rig, &g, "fails");
	WAIT_STAT(&rig, -1, "workers_warm", 2);
	rig_fail(&rig, true);
	for (i = 0; i < 2; i++)
		session_open(&s[i], &g, i);
	/* A session that no worker is left for is told why, soon. */
	session_make(&s[2], &g, 2);
	session_state(&s[2], XenbusStateInitialised);
	WAIT_STATE(&rig, SESSION_STATE(1, 2), XenbusStateClosed, 2000);
	check_error(&rig, paths_back_session(0, 1, 0, 2, "error"), "no GPU");
	/* Those that draw go on. */
	CHECK_EQ(rig_number(&rig, BACK_STATE(1)), XenbusStateConnected);
	session_rm(&s[2]);
	session_drop(&s[2]);
	for (i = 0; i < 2; i++)
		session_close(&s[i]);
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup_trouble, worker_program_missing)
{
	struct rig rig;
	int status;

	rig_up(&rig);
	strcpy(rig.worker, "/nonexistent/worker");
	rig_start(&rig, "ok");
	CHECK_EQ(waitpid(rig.pid, &status, 0), rig.pid);
	rig.pid = 0;
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	CHECK(rig_log_has(&rig, "/nonexistent/worker: No such file"));
	rig_down(&rig);
}

TEST(sup_trouble, worker_cannot_be_executed)
{
	struct guest g;
	struct rig rig;

	rig_up(&rig);
	/* Root may, the worker's user may not: only the worker itself can say so. */
	CHECK_EQ(chmod(rig.worker, 0700), 0);
	rig_start(&rig, "ok");
	guest_up(&g, &rig, 1);
	rig_attach(&rig, 1);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 5000);
	check_error(&rig, paths_back(0, 1, 0, "error"), "cannot be started");
	check_error(&rig, paths_back(0, 1, 0, "error"), "Permission denied");
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup_trouble, domain_destroyed)
{
	struct guest_session s;
	struct guest g, other;
	struct rig rig;

	up_connected(&rig, &g, "deaf");
	guest_join(&other, &rig, 2);
	session_open(&s, &g, 0);
	CHECK_EQ(hub_ask(&rig.hub, "--destroy", "1"), 0);
	/* At once: nobody is left to be polite to. */
	WAIT_GONE(&rig, paths_backs(0, 1), 1000);
	WAIT_STAT(&rig, 1, "sessions", -1);
	rig_quiet(&rig);
	CHECK_EQ(rig_number(&rig, BACK_STATE(2)), XenbusStateConnected);
	/* The number comes back as another domain. */
	session_drop(&s);
	guest_down(&g);
	CHECK_EQ(hub_ask(&rig.hub, "--create", "1"), 0);
	guest_join(&g, &rig, 1);
	session_open(&s, &g, 0);
	session_drop(&s);
	guest_down(&g);
	guest_down(&other);
	rig_down(&rig);
}

/* Killed, with a session open: the next one sends the frontend round, and then serves it. */
TEST(sup_trouble, supervisor_killed)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;
	int i;

	up_connected(&rig, &g, "ok");
	for (i = 0; i < 3; i++) {
		session_open(&s, &g, 0);
		rig_halt(&rig, SIGKILL);
		CHECK_EQ(rig_number(&rig, SESSION_STATE(1, 0)), XenbusStateConnected);
		rig_start(&rig, "ok");
		WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 5000);
		WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateClosed, 2000);
		check_error(&rig, paths_back_session(0, 1, 0, 0, "error"), "xengpud was restarted");
		/* Not before the frontend has let go. */
		rig_sleep_ms(50);
		CHECK_EQ(rig_number(&rig, BACK_STATE(1)), XenbusStateClosed);
		session_rm(&s);
		WAIT_GONE(&rig, paths_back_session(0, 1, 0, 0, NULL), 2000);
		session_drop(&s);
		if (i)
			guest_state(&g, XenbusStateClosed);
		else
			guest_state(&g, XenbusStateInitialising);
		guest_connect(&g);
	}
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

/* Told to end: sessions are closed first, and nothing of a guest is mapped any more. */
TEST(sup_trouble, supervisor_stopped)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;
	int status;

	up_connected(&rig, &g, "ok");
	session_open(&s, &g, 0);
	status = rig_halt(&rig, SIGTERM);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
	CHECK_EQ(rig_number(&rig, SESSION_STATE(1, 0)), XenbusStateClosed);
	CHECK_EQ(rig_number(&rig, BACK_STATE(1)), XenbusStateClosed);
	CHECK(access(rig.control, F_OK));
	session_rm(&s);
	session_drop(&s);
	guest_state(&g, XenbusStateClosed);
	rig_start(&rig, "ok");
	/* The directory that nobody could remove meanwhile is removed now. */
	WAIT_GONE(&rig, paths_back_session(0, 1, 0, 0, NULL), 5000);
	guest_connect(&g);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup_trouble, started_after_the_guest)
{
	struct guest g;
	struct rig rig;

	rig_up(&rig);
	guest_up(&g, &rig, 1);
	rig_attach(&rig, 1);
	/* What an earlier domain left, and what is not ours to understand. */
	CHECK_EQ(xst_write(rig.dom0, XST_NO_TX, paths_back(0, 77, 0, "state").s, "4"), 0);
	CHECK_EQ(xst_write(rig.dom0, XST_NO_TX, "/local/domain/0/backend/vgpu/mad/0/state", "4"),
		 0);
	rig_start(&rig, "ok");
	guest_connect(&g);
	WAIT_GONE(&rig, paths_backs(0, 77), 1000);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup_trouble, second_supervisor)
{
	struct rig rig;
	pid_t first;
	int status;

	rig_up(&rig);
	rig_start(&rig, "ok");
	WAIT_STAT(&rig, -1, "workers_warm", 2);
	first = rig.pid;
	rig_start(&rig, "ok");
	CHECK_EQ(waitpid(rig.pid, &status, 0), rig.pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	CHECK(rig_log_has(&rig, "another xengpud is running"));
	rig.pid = first;
	CHECK_EQ(rig_stat_of(&rig, -1, "workers_warm"), 2);
	rig_down(&rig);
}

/* Back to 1 without closing: it was restarted. */
TEST(sup_trouble, frontend_restarted)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;

	up_connected(&rig, &g, "ok");
	session_open(&s, &g, 0);
	guest_state(&g, XenbusStateInitialising);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateInitWait, 3000);
	CHECK_EQ(rig_number(&rig, SESSION_STATE(1, 0)), XenbusStateClosed);
	session_rm(&s);
	WAIT_GONE(&rig, paths_back_session(0, 1, 0, 0, NULL), 2000);
	session_drop(&s);
	guest_connect(&g);
	session_open(&s, &g, 0);
	session_close(&s);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

/* The guest removes all it has; it cannot make its directory again, and the toolstack cleans up. */
TEST(sup_trouble, frontend_removed)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;

	up_connected(&rig, &g, "ok");
	session_open(&s, &g, 0);
	CHECK_EQ(xst_rm(g.xst, XST_NO_TX, paths_front(1, 0, NULL).s), 0);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 3000);
	WAIT_GONE(&rig, paths_back_session(0, 1, 0, 0, NULL), 2000);
	rig_quiet(&rig);
	session_drop(&s);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

/* --- a guest that writes as fast as it can --------------------------------------------------- */

static void storm(const struct hub_proc *hub)
{
	struct plat *plat = hub_plat(hub, 1);
	struct xst *xst;
	unsigned int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CHECK_EQ(xst_open(plat, &xst), 0);
	for (i = 0;; i++) {
		xst_printf(xst, XST_NO_TX, paths_front(1, 0, "state").s, "%u", 1 + i % 7);
		xst_printf(xst, XST_NO_TX, paths_front_session(1, 0, i % 64, "state").s, "%u",
			   i % 8);
		if (i % 5 == 0)
			xst_rm(xst, XST_NO_TX, paths_front_session(1, 0, i % 64, NULL).s);
	}
}

TEST(sup_trouble, storm)
{
	struct guest_session s;
	struct guest g, other;
	struct rig rig;
	int64_t before;
	pid_t child;
	char *answer;
	int i;

	up_connected(&rig, &g, "ok");
	guest_join(&other, &rig, 2);
	child = fork();
	CHECK(child >= 0);
	if (!child)
		storm(&rig.hub);
	for (i = 0; i < 10; i++) {
		before = rig_now_ms();
		session_open(&s, &other, 0);
		session_close(&s);
		answer = rig_ask(&rig, "ping\n");
		CHECK(answer && !strcmp(answer, "ok\n"));
		free(answer);
		CHECK(rig_now_ms() - before < 1500);
		rig_sleep_ms(100);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	CHECK_EQ(rig_number(&rig, BACK_STATE(2)), XenbusStateConnected);
	detach(&rig, 2);
	detach(&rig, 1);
	guest_down(&other);
	guest_down(&g);
	rig_down(&rig);
}

/* Twelve sessions wait for workers; another guest's first is not behind all of them. */
TEST(sup_trouble, greedy_guest)
{
	struct guest_session s[12], one;
	struct guest g, other;
	struct rig rig;
	uint32_t i;

	up_connected(&rig, &g, "slow");
	guest_join(&other, &rig, 2);
	for (i = 0; i < 12; i++) {
		session_make(&s[i], &g, i);
		session_state(&s[i], XenbusStateInitialised);
	}
	WAIT_STAT(&rig, 1, "sessions", 2);
	session_open(&one, &other, 0);
	CHECK(rig_stat_of(&rig, 1, "sessions") <= 8);
	for (i = 0; i < 12; i++)
		WAIT_STATE(&rig, SESSION_STATE(1, i), XenbusStateConnected, 10000);
	session_close(&one);
	for (i = 0; i < 12; i++)
		session_close(&s[i]);
	guest_down(&other);
	guest_down(&g);
	rig_down(&rig);
}

/* Opening is rationed, in the end, and what waits for its turn still comes. */
/* Renderers that were started for sessions which are gone by now are not kept. */
TEST(sup_trouble, warm_workers_are_as_many_as_configured)
{
	struct guest_session s[6];
	struct guest g;
	struct rig rig;
	uint32_t i;

	up_connected(&rig, &g, "slow");
	WAIT_STAT(&rig, -1, "workers_warm", 2);
	/* Two have them, four make it start more, and do not wait for those. */
	for (i = 0; i < 6; i++) {
		session_make(&s[i], &g, i);
		session_state(&s[i], XenbusStateInitialised);
	}
	WAIT_STAT(&rig, -1, "workers_starting", 4);
	for (i = 0; i < 6; i++)
		session_close(&s[i]);
	WAIT_STAT(&rig, -1, "workers_starting", 0);
	WAIT_STAT(&rig, -1, "workers_dying", 0);
	WAIT_STAT(&rig, -1, "workers_warm", 2);
	rig_sleep_ms(700);
	CHECK_EQ(rig_stat_of(&rig, -1, "workers_warm"), 2);
	CHECK_EQ(rig_stat_of(&rig, -1, "workers_starting"), 0);
	CHECK(!rig_log_has(&rig, "a worker failed"));
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup_trouble, sessions_in_a_hurry)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;
	int64_t before;
	int i;

	up_connected(&rig, &g, "ok");
	before = rig_now_ms();
	for (i = 0; i < 80; i++) {
		session_make(&s, &g, (uint32_t)i % 8);
		session_node(&s, "ring-page-order", "9");
		session_state(&s, XenbusStateInitialised);
		WAIT_STATE(&rig, SESSION_STATE(1, s.index), XenbusStateClosed, 2000);
		session_close(&s);
	}
	CHECK(rig_now_ms() - before >= 1000);
	CHECK(rig_log_has(&rig, "messages about one guest suppressed") || rig_now_ms() - before > 10000);
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup_trouble, control_socket)
{
	static const char *const mad[] = {"",	       "\n",	 "stats",
					  "unknown\n", "x\0y\n", "stats\nstats\n"};
	struct rig rig;
	char big[5000], *answer;
	struct stat st;
	size_t i;

	rig_up(&rig);
	rig_start(&rig, "ok");
	WAIT_STAT(&rig, -1, "workers_warm", 2);
	CHECK_EQ(stat(rig.control, &st), 0);
	CHECK_EQ(st.st_mode & 0777, 0600);
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	free(rig_ask(&rig, big));
	for (i = 3; i < sizeof(mad) / sizeof(mad[0]); i++)
		free(rig_ask(&rig, mad[i]));
	answer = rig_ask(&rig, "unknown\n");
	CHECK(answer && !strncmp(answer, "error: ", 7));
	free(answer);
	CHECK_EQ(rig_stat_of(&rig, -1, "workers_warm"), 2);
	rig_down(&rig);
}

TEST(sup_trouble, options)
{
	static const struct {
		const char *option, *say;
	} bad[] = {
		{ "--warm=0", "--warm must be 1..64" },
		{ "--max-ring-page-order=5", "--max-ring-page-order must be 0..4" },
		{ "--max-pages=x", "--max-pages must be" },
		{ "--log=loud", "--log must be" },
		{ "--nonsense", "nonsense" },
		{ "stray", "unexpected argument" },
	};
	struct rig rig;
	int status;
	size_t i;

	rig_up(&rig);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rig_start(&rig, "ok", bad[i].option);
		CHECK_EQ(waitpid(rig.pid, &status, 0), rig.pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 2);
		CHECK(rig_log_has(&rig, bad[i].say));
	}
	rig.pid = 0;
	rig_down(&rig);
}
