// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpud on the local platform with guests that crash or hang their workers: each is named and
 * counted, banned when it was too often, and allowed again.
 */
#include "sup_rig.h"

/* A session whose worker is told @command, which is its end, sooner or later. */
static void lose_by(struct guest *g, uint32_t index, uint32_t command, uint32_t n)
{
	struct guest_session s;

	session_open(&s, g, index);
	puppet_tell(&s, command, n);
	WAIT_STATE(g->rig, SESSION_STATE(g->domid, index), XenbusStateClosed, 10000);
	session_rm(&s);
	session_drop(&s);
}

/* It dies of @signal_number, or with 0 hangs until it is killed. */
static void lose_one(struct guest *g, uint32_t index, int signal_number, uint32_t counters)
{
	if (signal_number)
		lose_by(g, index, PUPPET_DIE, (uint32_t)signal_number);
	else
		lose_by(g, index, PUPPET_COUNT, counters);
}

static void ask(const struct rig *rig, const char *line, const char *say)
{
	char *answer = rig_ask(rig, line);

	CHECK(answer);
	if (!strstr(answer, say))
		harness_fail(__FILE__, __LINE__, "'%s' is answered with '%s'", line, answer);
	free(answer);
}

static void up_with(struct rig *rig, struct guest *g, const char *conf, const char *timeout)
{
	rig_up(rig);
	rig_config(rig, conf);
	rig_start(rig, "ok", "--fence-timeout", timeout);
	guest_join(g, rig, 1);
}

TEST(sup_ban, crashes)
{
	struct guest_session other, last;
	struct guest g, g2;
	struct rig rig;

	up_with(&rig, &g, "ban_after = 3\\n", "60");
	guest_join(&g2, &rig, 2);
	session_open(&other, &g2, 0);
	lose_one(&g, 0, SIGABRT, 0);
	CHECK(rig_log_has(&rig, "domain 1 (domain-1) vgpu 0 session 0: the worker died (signal 6"));
	CHECK(rig_log_has(&rig, "number 1 of its 3 within 10 minutes"));
	lose_one(&g, 1, SIGSEGV, 0);
	CHECK_EQ(rig_stat_of(&rig, 1, "losses"), 2);
	CHECK_EQ(rig_number(&rig, BACK_STATE(1)), XenbusStateConnected);
	session_open(&last, &g, 3);
	puppet_tell(&last, PUPPET_DIE, SIGSTOP);
	lose_one(&g, 2, SIGSEGV, 0);
	/* It closes for as long as that one must be waited for. A frontend looks for the reason as soon as it sees that the connection is closing. */
	CHECK(rig_wait_mask(&rig, BACK_STATE(1), 1u << XenbusStateClosing | 1u << XenbusStateClosed, 2000) >= 0);
	check_error(&rig, paths_back(0, 1, 0, "error"), "banned: 3 workers crashed or hung");
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 10000);
	session_drop(&last);
	check_error(&rig, paths_back(0, 1, 0, "error"), "banned: 3 workers crashed or hung");
	check_error(&rig, paths_back(0, 1, 0, "error"), "xengpu allow domain-1");
	ask(&rig, "stats\n", "\"bans\":[{\"name\":\"domain-1\"");
	/* The other guest's session has not noticed. */
	CHECK_EQ(puppet_do(&other, PUPPET_COUNT, 2, NULL), 0);
	CHECK_EQ(rig_number(&rig, SESSION_STATE(2, 0)), XenbusStateConnected);
	/* Beginning again is of no use to it. */
	guest_state(&g, XenbusStateClosed);
	guest_state(&g, XenbusStateInitialising);
	rig_sleep_ms(50);
	CHECK_EQ(rig_number(&rig, BACK_STATE(1)), XenbusStateClosed);
	ask(&rig, "allow domain-2\n", "error: domain-2 is not banned");
	ask(&rig, "allow domain-1\n", "ok: domain-1 is allowed again");
	guest_connect(&g);
	CHECK(!rig_exists(&rig, paths_back(0, 1, 0, "error")));
	CHECK_EQ(rig_stat_of(&rig, 1, "losses"), 0);
	ask(&rig, "log\n", "domain-1 is allowed again");
	session_close(&other);
	guest_down(&g2);
	guest_down(&g);
	rig_down(&rig);
}

/* Neither a new supervisor nor a new domain of the same UUID lifts it. */
TEST(sup_ban, outlives_supervisor_and_domain)
{
	struct guest g;
	struct rig rig;

	up_with(&rig, &g, "ban_after = 1\\n", "60");
	lose_one(&g, 0, SIGSEGV, 0);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 2000);
	rig_halt(&rig, SIGTERM);
	rig_start(&rig, "ok");
	WAIT_STAT(&rig, -1, "workers_warm", 2);
	check_error(&rig, paths_back(0, 1, 0, "error"), "banned: 1 workers");
	CHECK_EQ(rig_number(&rig, BACK_STATE(1)), XenbusStateClosed);
	guest_down(&g);
	CHECK_EQ(hub_ask(&rig.hub, "--destroy=1", NULL), 0);
	WAIT_GONE(&rig, paths_backs(0, 1), 5000);
	CHECK_EQ(hub_ask(&rig.hub, "--create=1", NULL), 0);
	rig_attach(&rig, 1);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 5000);
	ask(&rig, "allow 1\n", "ok: domain-1 is allowed again");
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateInitWait, 5000);
	rig_halt(&rig, SIGTERM);
	rig_start(&rig, "ok");
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateInitWait, 5000);
	rig_down(&rig);
}

/* xl rename, or a domain that migrated: it is found by the name that it has now. */
TEST(sup_ban, renamed)
{
	struct guest g;
	struct rig rig;

	up_with(&rig, &g, "ban_after = 1\\n", "60");
	lose_one(&g, 0, SIGSEGV, 0);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 2000);
	CHECK_EQ(xst_write(rig.dom0, XST_NO_TX, "/local/domain/1/name", "desk"), 0);
	ask(&rig, "stats\n", "\"name\":\"desk\"");
	ask(&rig, "allow desk\n", "ok: ");
	ask(&rig, "stats\n", "\"bans\":[]");
	guest_down(&g);
	rig_down(&rig);
}

static void write_ban(const struct rig *rig, const char *key, const char *name)
{
	char path[128], text[160];

	mkdir(rig->state, 0755);
	snprintf(path, sizeof(path), "%s/banned", rig->state);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/banned/%s", rig->state, key);
	snprintf(text, sizeof(text), "%s\n1700000000\n3 workers crashed\n", name);
	rig_write(path, text);
}

/* A domain without a uuid in its config has another one each time it is made. */
TEST(sup_ban, all_of_a_name_are_lifted)
{
	struct rig rig;

	rig_up(&rig);
	write_ban(&rig, "00000000-0000-0000-0000-00000000000a", "web");
	write_ban(&rig, "00000000-0000-0000-0000-00000000000b", "web");
	rig_start(&rig, "ok");
	WAIT_STAT(&rig, -1, "workers_warm", 2);
	ask(&rig, "allow web\n", "ok: web is allowed again");
	ask(&rig, "stats\n", "\"bans\":[]");
	rig_down(&rig);
}

/* As long as a name may be. */
TEST(sup_ban, of_a_long_name)
{
	char name[64] = "", line[128];
	struct rig rig;

	rig_up(&rig);
	memset(name, 'a', sizeof(name) - 1);
	write_ban(&rig, "00000000-0000-0000-0000-00000000000a", name);
	rig_start(&rig, "ok");
	WAIT_STAT(&rig, -1, "workers_warm", 2);
	snprintf(line, sizeof(line), "domain %s is banned (3 workers crashed)", name);
	CHECK(rig_log_has(&rig, line));
	rig_down(&rig);
}

/* The administrator's kill(1), an end in order without last words, and 0: never. */
TEST(sup_ban, what_does_not_count)
{
	struct guest g;
	struct rig rig;

	up_with(&rig, &g, "ban_after = 1\\n", "60");
	lose_one(&g, 0, SIGKILL, 0);
	lose_one(&g, 0, SIGTERM, 0);
	lose_by(&g, 0, PUPPET_EXIT, 0);
	CHECK_EQ(rig_stat_of(&rig, 1, "losses"), 0);
	CHECK_EQ(rig_number(&rig, BACK_STATE(1)), XenbusStateConnected);
	rig_halt(&rig, SIGTERM);
	rig_config(&rig, "ban_after = 0\\n");
	rig_start(&rig, "ok");
	guest_state(&g, XenbusStateClosed);
	guest_state(&g, XenbusStateInitialising);
	guest_connect(&g);
	lose_one(&g, 0, SIGSEGV, 0);
	lose_one(&g, 1, SIGSEGV, 0);
	CHECK_EQ(rig_number(&rig, BACK_STATE(1)), XenbusStateConnected);
	guest_down(&g);
	rig_down(&rig);
}

/* A program that ends at the wrong moment: its worker had asked for pages, and does not wait for them. */
TEST(sup_ban, an_end_with_questions_open_does_not_count)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;

	up_with(&rig, &g, "ban_after = 1\\n", "60");
	session_open(&s, &g, 0);
	puppet_tell(&s, PUPPET_END_ASKING, CTL_REASON_ASKED);
	WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateClosed, 1000);
	CHECK(!rig_exists(&rig, paths_back_session(0, 1, 0, 0, "error")));
	session_rm(&s);
	WAIT_GONE(&rig, paths_back_session(0, 1, 0, 0, NULL), 2000);
	session_drop(&s);
	CHECK(!rig_log_has(&rig, "cannot be served"));
	CHECK_EQ(rig_stat_of(&rig, 1, "losses"), 0);
	CHECK_EQ(rig_number(&rig, BACK_STATE(1)), XenbusStateConnected);
	lose_one(&g, 0, SIGSEGV, 0);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 2000);
	guest_down(&g);
	rig_down(&rig);
}

static void hang(uint32_t counters, const char *say)
{
	struct guest g;
	struct rig rig;

	up_with(&rig, &g, "ban_after = 2\\n", "1");
	lose_one(&g, 0, 0, counters);
	CHECK(rig_log_has(&rig, say));
	CHECK_EQ(rig_stat_of(&rig, 1, "losses"), 1);
	lose_one(&g, 0, 0, counters);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 2000);
	guest_down(&g);
	rig_down(&rig);
}

/* The counters that the puppet sets: odd, a call into the renderer that does not end. */
TEST(sup_ban, hang_in_the_renderer)
{
	hang(1, "the GPU hangs: the renderer did not come back within 1 s");
}

/* Even: no call, but fences in flight. */
TEST(sup_ban, hang_of_a_fence)
{
	hang(2, "the GPU hangs: no fence came within 1 s");
}

/* The host's config is read again while sessions are open; an option counts before it. */
TEST(sup_ban, shorter_patience)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;

	rig_up(&rig);
	rig_config(&rig, "ban_after = 5\\nfence_timeout = 60\\n");
	rig_start(&rig, "ok");
	guest_join(&g, &rig, 1);
	session_open(&s, &g, 0);
	rig_config(&rig, "ban_after = 5\\nfence_timeout = 1\\n");
	CHECK_EQ(kill(rig.pid, SIGHUP), 0);
	puppet_tell(&s, PUPPET_CHATTER, 1);
	WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateClosed, 10000);
	CHECK(rig_log_has(&rig, "did not come back within 1 s"));
	session_drop(&s);
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup_ban, patience_of_an_option)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;

	up_with(&rig, &g, "ban_after = 5\\nfence_timeout = 1\\n", "60");
	session_open(&s, &g, 0);
	CHECK_EQ(kill(rig.pid, SIGHUP), 0);
	puppet_tell(&s, PUPPET_CHATTER, 1);
	rig_sleep_ms(2500);
	CHECK_EQ(rig_number(&rig, SESSION_STATE(1, 0)), XenbusStateConnected);
	session_drop(&s);
	guest_down(&g);
	rig_down(&rig);
}

/* On one GPU what a guest has in flight stands behind what hangs: it is not to blame, and has time again. */
TEST(sup_ban, who_stands_behind_a_hang_is_not_counted)
{
	struct guest_session hangs, waits;
	struct guest g, g2;
	struct rig rig;

	up_with(&rig, &g, "ban_after = 2\n", "1");
	guest_join(&g2, &rig, 2);
	session_open(&hangs, &g, 0);
	session_open(&waits, &g2, 0);
	CHECK_EQ(puppet_do(&hangs, PUPPET_COUNT, 2, NULL), 0);
	CHECK_EQ(puppet_do(&waits, PUPPET_COUNT, 2, NULL), 0);
	WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateClosed, 10000);
	CHECK_EQ(puppet_do(&waits, PUPPET_COUNT, 0, NULL), 0);
	CHECK_EQ(rig_stat_of(&rig, 1, "losses"), 1);
	CHECK_EQ(rig_stat_of(&rig, 2, "losses"), 0);
	CHECK_EQ(rig_number(&rig, SESSION_STATE(2, 0)), XenbusStateConnected);
	session_close(&waits);
	session_rm(&hangs);
	session_drop(&hangs);
	guest_down(&g2);
	guest_down(&g);
	rig_down(&rig);
}

/* One that hangs and talks: what is in its socket when it is killed is no crime of its own. */
TEST(sup_ban, hang_is_counted_once)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;

	up_with(&rig, &g, "ban_after = 2\\n", "1");
	session_open(&s, &g, 0);
	puppet_tell(&s, PUPPET_CHATTER, 1);
	WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateClosed, 10000);
	check_error(&rig, paths_back_session(0, 1, 0, 0, "error"), "the GPU hangs");
	CHECK_EQ(rig_stat_of(&rig, 1, "losses"), 1);
	CHECK_EQ(rig_number(&rig, BACK_STATE(1)), XenbusStateConnected);
	session_rm(&s);
	session_drop(&s);
	guest_down(&g);
	rig_down(&rig);
}

/* An idle session, which is what a paused guest's looks like, has all the time there is. */
TEST(sup_ban, idle_is_no_hang)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;

	up_with(&rig, &g, "ban_after = 1\\n", "1");
	session_open(&s, &g, 0);
	rig_sleep_ms(2500);
	CHECK_EQ(rig_number(&rig, SESSION_STATE(1, 0)), XenbusStateConnected);
	session_close(&s);
	guest_down(&g);
	rig_down(&rig);
}
