// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpud as a process on the local platform, with puppets for workers: the life of devices and
 * sessions, and what is left afterwards.
 */
#include "sup_rig.h"

TEST(sup, life)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;
	char text[64];

	rig_up(&rig);
	rig_start(&rig, "ok", "--max-sessions", "8", "--max-pages", "4096", "--max-ring-page-order",
		  "3");
	guest_up(&g, &rig, 1);
	rig_attach(&rig, 1);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateInitWait, 5000);
	rig_text(&rig, paths_back(0, 1, 0, "versions"), text, sizeof(text));
	CHECK(!strcmp(text, "1"));
	rig_text(&rig, paths_back(0, 1, 0, "capsets"), text, sizeof(text));
	CHECK(!strcmp(text, "1,2"));
	CHECK_EQ(rig_number(&rig, paths_back(0, 1, 0, "max-ring-page-order")), 3);
	CHECK_EQ(rig_number(&rig, paths_back(0, 1, 0, "max-sessions")), 8);
	CHECK_EQ(rig_number(&rig, paths_back(0, 1, 0, "max-pages")), 4096);
	CHECK_EQ(rig_number(&rig, paths_back(0, 1, 0, "max-buffer-pages")), 4096);
	CHECK(rig_number(&rig, paths_back(0, 1, 0, "max-buffers")) > 0);
	CHECK(rig_number(&rig, paths_back(0, 1, 0, "max-contexts")) > 0);
	CHECK(rig_number(&rig, paths_back(0, 1, 0, "max-resources")) > 0);
	guest_connect(&g);
	session_open(&s, &g, 0);
	CHECK_EQ(rig_stat_of(&rig, 1, "sessions"), 1);
	CHECK_EQ(puppet_do(&s, PUPPET_COUNT, 5, NULL), 0);
	CHECK_EQ(rig_stat_of(&rig, 1, "submits"), 5);
	session_close(&s);
	CHECK_EQ(rig_stat_of(&rig, 1, "sessions"), 0);
	CHECK_EQ(rig_stat_of(&rig, 1, "sessions_total"), 1);
	CHECK_EQ(rig_stat_of(&rig, 1, "submits"), 5);
	CHECK_EQ(rig_stat_of(&rig, 1, "resources"), 0);
	session_open(&s, &g, 0);
	CHECK_EQ(puppet_do(&s, PUPPET_COUNT, 2, NULL), 0);
	CHECK_EQ(rig_stat_of(&rig, 1, "submits"), 7);
	CHECK_EQ(rig_stat_of(&rig, 1, "pages_mapped_max"), 5);
	session_close(&s);
	detach(&rig, 1);
	rig_quiet(&rig);
	CHECK(rig_log_has(&rig, "submits=5"));
	guest_down(&g);
	rig_down(&rig);
}

/* Sessions, refused sessions and devices come and go: no descriptor, worker or node stays. */
TEST(sup, nothing_accumulates)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;
	int64_t fds = 0;
	int i;

	up_connected(&rig, &g, "ok");
	for (i = 0; i < 12; i++) {
		session_open(&s, &g, (uint32_t)i % 3);
		CHECK_EQ(puppet_do(&s, PUPPET_MAP, 1, s.ring->refs), 0);
		if (i % 3 == 1)
			puppet_tell(&s, PUPPET_DIE, SIGKILL);
		session_close(&s);
		session_make(&s, &g, 5);
		session_node(&s, "event-channel", "999999");
		session_state(&s, XenbusStateInitialised);
		WAIT_STATE(&rig, SESSION_STATE(1, 5), XenbusStateClosed, 2000);
		session_close(&s);
		if (i % 4 == 3) {
			detach(&rig, 1);
			rig_attach(&rig, 1);
			guest_connect(&g);
		}
		WAIT_STAT(&rig, -1, "workers_warm", 2);
		WAIT_STAT(&rig, -1, "workers_dying", 0);
		if (i == 3)
			fds = rig_stat_of(&rig, -1, "open_descriptors");
	}
	CHECK_EQ(rig_stat_of(&rig, -1, "open_descriptors"), fds);
	CHECK_EQ(rig_stat_of(&rig, 1, "pages_mapped"), 0);
	CHECK_EQ(rig_stat_of(&rig, -1, "workers_bound"), 0);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

/* A frontend may be seen late: 1 to 4 in one step, and its session with 4 instead of 3. */
TEST(sup, skipped_states)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;

	rig_up(&rig);
	rig_start(&rig, "ok");
	guest_up(&g, &rig, 1);
	rig_attach(&rig, 1);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateInitWait, 5000);
	guest_write(&g, paths_front(1, 0, "version"), "1");
	session_make(&s, &g, 0);
	session_state(&s, XenbusStateConnected);
	guest_state(&g, XenbusStateConnected);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateConnected, 2000);
	WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateConnected, 2000);
	/* What is no state changes nothing. */
	guest_write(&g, paths_front(1, 0, "state"), "7");
	guest_write(&g, paths_front(1, 0, "state"), "mad");
	guest_write(&g, paths_front(1, 0, "state"), "");
	rig_sleep_ms(50);
	CHECK_EQ(rig_number(&rig, SESSION_STATE(1, 0)), XenbusStateConnected);
	/* And closed without a word in between. */
	guest_state(&g, XenbusStateClosed);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 2000);
	WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateClosed, 10);
	session_rm(&s);
	WAIT_GONE(&rig, paths_back_session(0, 1, 0, 0, NULL), 2000);
	session_drop(&s);
	guest_state(&g, XenbusStateInitialising);
	guest_connect(&g);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup, versions_do_not_meet)
{
	static const char *const bad[] = { "7", "0", "one", "1,2", "", NULL };
	struct guest g;
	struct rig rig;
	size_t i;

	rig_up(&rig);
	rig_start(&rig, "ok");
	guest_up(&g, &rig, 1);
	rig_attach(&rig, 1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		WAIT_STATE(&rig, BACK_STATE(1), XenbusStateInitWait, 5000);
		CHECK(!rig_exists(&rig, paths_back(0, 1, 0, "error")));
		if (bad[i])
			guest_write(&g, paths_front(1, 0, "version"), bad[i]);
		else
			xst_rm(g.xst, XST_NO_TX, paths_front(1, 0, "version").s);
		guest_state(&g, XenbusStateInitialised);
		WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 2000);
		check_error(&rig, paths_back(0, 1, 0, "error"), "versions do not meet");
		check_error(&rig, paths_back(0, 1, 0, "error"), i < 2 ? bad[i] : "names none");
		guest_state(&g, XenbusStateClosed);
		rig_sleep_ms(10);
		CHECK(rig_exists(&rig, paths_back(0, 1, 0, "error")));
		guest_state(&g, XenbusStateInitialising);
	}
	guest_connect(&g);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

/* Each is refused with a sentence, and the same number can be used again. */
TEST(sup, session_refused)
{
	static const struct {
		const char *node, *value, *say;
	} bad[] = {
		{ "ring-page-order", "5", "ring-page-order 5 is out of range: the maximum is 4" },
		{ "ring-page-order", "4294967295", "out of range" },
		{ "ring-page-order", "-1", "not a decimal number" },
		{ "ring-page-order", NULL, "ring-page-order is missing" },
		{ "ring-page-order", "1", "ring-ref1 is missing" },
		{ "ring-ref0", "0", "ring-ref0 is missing or not a grant reference" },
		{ "ring-ref0", "x", "ring-ref0 is missing or not a grant reference" },
		{ "ring-ref0", NULL, "ring-ref0 is missing" },
		{ "ring-ref0", "4000000000", "cannot be mapped" },
		{ "event-channel", "0", "event-channel is missing or not a port" },
		{ "event-channel", NULL, "event-channel is missing" },
		{ "event-channel", "999999", "event channel 999999 cannot be bound" },
	};
	struct guest_session s;
	struct guest g;
	struct rig rig;
	size_t i;

	up_connected(&rig, &g, "ok");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		session_make(&s, &g, 3);
		if (bad[i].value)
			session_node(&s, bad[i].node, bad[i].value);
		else
			xst_rm(g.xst, XST_NO_TX, paths_front_session(1, 0, 3, bad[i].node).s);
		session_state(&s, XenbusStateInitialised);
		WAIT_STATE(&rig, SESSION_STATE(1, 3), XenbusStateClosed, 2000);
		check_error(&rig, paths_back_session(0, 1, 0, 3, "error"), bad[i].say);
		session_rm(&s);
		WAIT_GONE(&rig, paths_back_session(0, 1, 0, 3, NULL), 2000);
		session_drop(&s);
	}
	CHECK_EQ(rig_stat_of(&rig, 1, "sessions_total"), 0);
	CHECK_EQ(rig_stat_of(&rig, -1, "workers_bound"), 0);
	/* Out of range, and names that are none. */
	session_make(&s, &g, 64);
	session_state(&s, XenbusStateInitialised);
	WAIT_STATE(&rig, SESSION_STATE(1, 64), XenbusStateClosed, 2000);
	check_error(&rig, paths_back_session(0, 1, 0, 64, "error"), "the maximum is 63");
	session_rm(&s);
	session_drop(&s);
	guest_write(&g, paths_front(1, 0, "session-99999/state"), "3");
	guest_write(&g, paths_front(1, 0, "session-x/state"), "3");
	guest_write(&g, paths_front(1, 0, "session-/state"), "3");
	session_open(&s, &g, 3);
	session_close(&s);
	CHECK(!rig_exists(&rig, paths_back_session(0, 1, 0, 99999, NULL)));
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

/* Another guest's grants and ports are not to be had. */
TEST(sup, not_anothers_pages)
{
	struct guest_session s, foreign;
	struct guest g, other;
	struct rig rig;

	up_connected(&rig, &g, "ok");
	guest_join(&other, &rig, 2);
	session_make(&foreign, &other, 0);
	session_make(&s, &g, 0);
	session_number(&s, "event-channel", foreign.port + 1000);
	session_state(&s, XenbusStateInitialised);
	WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateClosed, 2000);
	session_rm(&s);
	WAIT_GONE(&rig, paths_back_session(0, 1, 0, 0, NULL), 2000);
	session_drop(&s);
	session_state(&foreign, XenbusStateInitialised);
	WAIT_STATE(&rig, SESSION_STATE(2, 0), XenbusStateConnected, 2000);
	session_close(&foreign);
	guest_down(&other);
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup, worker_killed)
{
	struct guest_session s, second;
	struct guest g;
	struct rig rig;

	up_connected(&rig, &g, "ok");
	session_open(&s, &g, 0);
	session_open(&second, &g, 1);
	puppet_tell(&s, PUPPET_DIE, SIGKILL);
	WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateClosed, 1000);
	check_error(&rig, paths_back_session(0, 1, 0, 0, "error"), "the worker died (signal 9");
	CHECK_EQ(rig_number(&rig, SESSION_STATE(1, 1)), XenbusStateConnected);
	CHECK_EQ(rig_number(&rig, BACK_STATE(1)), XenbusStateConnected);
	CHECK(rig_log_has(
		&rig, "domain 1 (domain-1) vgpu 0 session 0: closed: the worker died (signal 9"));
	CHECK_EQ(rig_stat_of(&rig, 1, "workers_died"), 1);
	session_rm(&s);
	WAIT_GONE(&rig, paths_back_session(0, 1, 0, 0, NULL), 2000);
	session_drop(&s);
	session_open(&s, &g, 0);
	session_close(&s);
	session_close(&second);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup, worker_ends_by_itself)
{
	static const struct {
		enum ctl_reason reason;
		const char *say;
	} ends[] = {
		{ CTL_REASON_LOST, NULL },
		{ CTL_REASON_PROTOCOL, "the puppet ends" },
		{ CTL_REASON_RENDERER, "the puppet ends" },
	};
	struct guest_session s;
	struct guest g;
	struct rig rig;
	size_t i;

	up_connected(&rig, &g, "ok");
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		session_open(&s, &g, 0);
		puppet_tell(&s, PUPPET_END, ends[i].reason);
		WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateClosed, 1000);
		if (ends[i].say)
			check_error(&rig, paths_back_session(0, 1, 0, 0, "error"), ends[i].say);
		else
			CHECK(!rig_exists(&rig, paths_back_session(0, 1, 0, 0, "error")));
		session_rm(&s);
		WAIT_GONE(&rig, paths_back_session(0, 1, 0, 0, NULL), 2000);
		session_drop(&s);
	}
	CHECK(!rig_log_has(&rig, "\033"));
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup, worker_does_not_end)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;
	int64_t before;

	up_connected(&rig, &g, "deaf");
	session_open(&s, &g, 0);
	before = rig_now_ms();
	session_state(&s, XenbusStateClosing);
	rig_sleep_ms(1000);
	CHECK_EQ(rig_number(&rig, SESSION_STATE(1, 0)), XenbusStateConnected);
	WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateClosed, 2500);
	CHECK(rig_now_ms() - before >= 1900);
	check_error(&rig, paths_back_session(0, 1, 0, 0, "error"), "did not end within 2 s");
	session_rm(&s);
	session_drop(&s);
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup, worker_does_not_answer_bind)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;

	up_connected(&rig, &g, "mute");
	session_make(&s, &g, 0);
	session_state(&s, XenbusStateInitialised);
	WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateClosed, 7000);
	check_error(&rig, paths_back_session(0, 1, 0, 0, "error"), "did not answer within 5 s");
	session_drop(&s);
	guest_down(&g);
	rig_down(&rig);
}

/* More at once than there are warm workers. */
TEST(sup, many_sessions)
{
	struct guest_session s[24];
	struct guest g;
	struct rig rig;
	uint32_t i;

	up_connected(&rig, &g, "slow");
	for (i = 0; i < 24; i++) {
		session_make(&s[i], &g, i);
		session_state(&s[i], XenbusStateInitialised);
	}
	for (i = 0; i < 24; i++)
		WAIT_STATE(&rig, SESSION_STATE(1, i), XenbusStateConnected, 10000);
	CHECK_EQ(rig_stat_of(&rig, 1, "sessions"), 24);
	WAIT_STAT(&rig, -1, "workers_warm", 2);
	CHECK_EQ(rig_stat_of(&rig, -1, "workers_started"), 26);
	detach(&rig, 1);
	WAIT_STAT(&rig, -1, "workers_bound", 0);
	for (i = 0; i < 24; i++)
		session_drop(&s[i]);
	guest_down(&g);
	rig_down(&rig);
}

/* While another is warm, the next worker leaves the processors to the program that begins. */
TEST(sup, refill_waits_for_who_begins)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;
	int64_t start_ms, started;

	up_connected(&rig, &g, "ok");
	WAIT_STAT(&rig, -1, "workers_warm", 2);
	start_ms = rig_now_ms();
	session_open(&s, &g, 0);
	started = rig_stat_of(&rig, -1, "workers_started");
	/* Where this machine itself was away for that long, it cannot be told. */
	if (rig_now_ms() - start_ms < 250)
		CHECK_EQ(started, 2);
	WAIT_STAT(&rig, -1, "workers_warm", 2);
	CHECK_EQ(rig_stat_of(&rig, -1, "workers_started"), 3);
	session_close(&s);
	guest_down(&g);
	rig_down(&rig);
}

/* Closed before a worker was found, and removed while one is being bound. */
TEST(sup, impatient_frontend)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;
	int i;

	up_connected(&rig, &g, "slow");
	for (i = 0; i < 8; i++) {
		session_make(&s, &g, 0);
		session_state(&s, XenbusStateInitialised);
		rig_sleep_ms((unsigned int)i * 2);
		if (i % 2) {
			session_state(&s, XenbusStateClosed);
			WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateClosed, 4000);
		}
		session_rm(&s);
		WAIT_GONE(&rig, paths_back_session(0, 1, 0, 0, NULL), 4000);
		session_drop(&s);
	}
	rig_quiet(&rig);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

/* Removed and made anew without waiting: the old worker ends, the new session opens. */
TEST(sup, session_renewed)
{
	struct guest_session old, s;
	struct guest g;
	struct rig rig;
	int i;

	up_connected(&rig, &g, "ok");
	session_open(&s, &g, 0);
	for (i = 0; i < 5; i++) {
		old = s;
		session_rm(&old);
		session_make(&s, &g, 0);
		session_state(&s, XenbusStateInitialised);
		WAIT_STAT(&rig, 1, "sessions_total", i + 2);
		WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateConnected, 3000);
		session_drop(&old);
	}
	session_close(&s);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup, detach_while_open)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;

	up_connected(&rig, &g, "ok");
	session_open(&s, &g, 0);
	detach(&rig, 1);
	rig_quiet(&rig);
	session_drop(&s);
	rig_attach(&rig, 1);
	guest_connect(&g);
	session_open(&s, &g, 0);
	session_close(&s);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

/* The directories go without warning, and a new device is there before anybody looked. */
TEST(sup, detach_by_force_and_attach)
{
	const struct attach_vgpu v = { .domid = 1 };
	struct guest_session s;
	struct guest g;
	struct rig rig;
	int i;

	up_connected(&rig, &g, "ok");
	for (i = 0; i < 5; i++) {
		session_open(&s, &g, 0);
		CHECK_EQ(attach_remove(rig.dom0, &v), 0);
		rig_attach(&rig, 1);
		guest_connect(&g);
		session_drop(&s);
	}
	session_open(&s, &g, 0);
	CHECK_EQ(attach_remove(rig.dom0, &v), 0);
	rig_quiet(&rig);
	CHECK(store_is_empty(&rig, 1));
	session_drop(&s);
	guest_down(&g);
	rig_down(&rig);
}
