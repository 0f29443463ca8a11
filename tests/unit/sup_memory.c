// SPDX-License-Identifier: GPL-2.0-only
/*
 * The account of a guest's GPU memory: sessions share a limit, get back from each other what is not
 * used, and what a worker says about it is believed only as far as it costs nobody else.
 */
#include "sup_rig.h"

#define CHUNK_MIB	(int)(CTL_MEMORY_CHUNK >> 20)
#define ALLOWED		"memory_allowed_bytes"
#define MIB(n)		((int64_t)(n) << 20)

/* A guest with two sessions, on a host that gives a vgpu @mib. */
struct two {
	struct rig rig;
	struct guest g;
	struct guest_session a, b;
};

static void up(struct two *t, const char *mib)
{
	rig_up(&t->rig);
	rig_start(&t->rig, "ok", "--default-memory", mib);
	guest_up(&t->g, &t->rig, 1);
	rig_attach(&t->rig, 1);
	guest_connect(&t->g);
	session_open(&t->a, &t->g, 0);
	session_open(&t->b, &t->g, 1);
}

static void down(struct two *t)
{
	detach(&t->rig, 1);
	CHECK_EQ(rig_stat_of(&t->rig, 1, ALLOWED), -1);
	guest_down(&t->g);
	rig_down(&t->rig);
}

TEST(sup_memory, two_sessions_share_a_limit)
{
	struct two t;

	up(&t, "200");
	CHECK_EQ(t.a.page->limit_mib, 200);
	CHECK_EQ(t.a.page->memory_mib, CHUNK_MIB);
	CHECK_EQ(t.b.page->memory_mib, CHUNK_MIB);
	CHECK_EQ(t.b.page->inflight_mib, 64);
	CHECK_EQ(t.b.page->max_fps, 0);
	CHECK_EQ(rig_number(&t.rig, paths_back(0, 1, 0, "max-memory")), 200);
	CHECK_EQ(rig_stat_of(&t.rig, 1, "memory_limit_mib"), 200);
	CHECK_EQ(rig_stat_of(&t.rig, 1, ALLOWED), MIB(128));
	/* A chunk while there is one, then just what is needed, up to the limit and not past it. */
	CHECK_EQ(puppet_do(&t.a, PUPPET_MEMORY, 10, NULL), CHUNK_MIB);
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 7, NULL), 7);
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 1, NULL), 1);
	CHECK_EQ(rig_stat_of(&t.rig, 1, ALLOWED), MIB(200));
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 1, NULL), -EDQUOT);
	CHECK_EQ(puppet_do(&t.a, PUPPET_MEMORY, 1, NULL), -EDQUOT);
	CHECK_EQ(rig_stat_of(&t.rig, 1, ALLOWED), MIB(200));
	CHECK(rig_log_has(&t.rig, "domain 1 (domain-1) vgpu 0 session 1: 1048576 more octets of GPU "
				  "memory would be over its limit, memory=200"));
	/* What one gives back, the other may have. */
	CHECK_EQ(puppet_do(&t.a, PUPPET_MEMORY_BACK, 3, NULL), 0);
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 4, NULL), -EDQUOT);
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 3, NULL), 3);
	session_close(&t.a);
	CHECK_EQ(rig_stat_of(&t.rig, 1, ALLOWED), MIB(64 + 8 + 3));
	session_close(&t.b);
	CHECK_EQ(rig_stat_of(&t.rig, 1, ALLOWED), 0);
	down(&t);
}

/* What the others do not use is asked for before a session is refused. */
TEST(sup_memory, recalled)
{
	struct two t;

	up(&t, "128");
	CHECK_EQ(rig_stat_of(&t.rig, 1, ALLOWED), MIB(128));
	t.a.page->recall_mib = 50;
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 30, NULL), 30);
	CHECK_EQ(rig_stat_of(&t.rig, 1, ALLOWED), MIB(14 + 94));
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 20, NULL), 20);
	/* Not enough: refused, and what came back stays free. */
	t.a.page->recall_mib = 5;
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 6, NULL), -EDQUOT);
	CHECK_EQ(rig_stat_of(&t.rig, 1, ALLOWED), MIB(9 + 114));
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 5, NULL), 5);
	CHECK_EQ(t.a.page->recall_mib, 0);
	session_close(&t.a);
	session_close(&t.b);
	down(&t);
}

/* Two that ask at once, each for what the other has: one is refused, and then the other has it. */
TEST(sup_memory, two_that_ask_at_once)
{
	struct two t;
	int i, a, b;

	up(&t, "128");
	t.a.page->recall_mib = 50;
	t.b.page->recall_mib = 50;
	kill(t.rig.pid, SIGSTOP);
	puppet_tell(&t.a, PUPPET_MEMORY, 40);
	puppet_tell(&t.b, PUPPET_MEMORY, 40);
	for (i = 0; i < 5000 && !(t.a.page->asked && t.b.page->asked); i++)
		rig_sleep_ms(1);
	kill(t.rig.pid, SIGCONT);
	a = puppet_wait(&t.a);
	b = puppet_wait(&t.b);
	CHECK_EQ(a + b, 40 - EDQUOT);
	CHECK(a == 40 || b == 40);
	session_close(&t.a);
	session_close(&t.b);
	down(&t);
}

/* One that does not answer costs its own guest half a second, and is waited for no longer. */
TEST(sup_memory, recalled_in_vain)
{
	struct two t;
	int64_t before;

	up(&t, "128");
	t.a.page->recall_mib = PUPPET_SILENT;
	before = rig_now_ms();
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 1, NULL), -EDQUOT);
	CHECK(rig_now_ms() - before >= 450);
	CHECK_EQ(t.b.page->later, 1);
	CHECK_EQ(rig_number(&t.rig, SESSION_STATE(1, 0)), XenbusStateConnected);
	/* Its answer comes late, and is taken. */
	CHECK_EQ(puppet_do(&t.a, PUPPET_MEMORY_BACK, 2, NULL), 0);
	WAIT_STAT(&t.rig, 1, ALLOWED, MIB(126));
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 2, NULL), 2);
	session_close(&t.a);
	session_close(&t.b);
	down(&t);
}

/* One that owes an answer is no reason to ask the others again and again. */
TEST(sup_memory, each_is_asked_once)
{
	struct guest_session c;
	struct two t;

	up(&t, "192");
	session_open(&c, &t.g, 2);
	t.a.page->recall_mib = PUPPET_SILENT;
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 1, NULL), -EDQUOT);
	CHECK_EQ(c.page->recalls, 1);
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 1, NULL), -EDQUOT);
	CHECK_EQ(c.page->recalls, 2);
	CHECK_EQ(t.a.page->recalls, 1);
	session_close(&t.a);
	session_close(&t.b);
	session_close(&c);
	down(&t);
}

/* Who was refused for want of time needs what it was saving no more: who asked later has it. */
TEST(sup_memory, refused_in_time_for_the_next)
{
	struct guest_session c;
	struct two t;

	up(&t, "192");
	session_open(&c, &t.g, 2);
	c.page->recall_mib = PUPPET_SILENT;
	t.a.page->recall_mib = 50;
	puppet_tell(&t.a, PUPPET_MEMORY, 40);
	rig_sleep_ms(200);
	puppet_tell(&t.b, PUPPET_MEMORY, 40);
	CHECK_EQ(puppet_wait(&t.a), -EDQUOT);
	CHECK_EQ(puppet_wait(&t.b), 40);
	session_close(&t.a);
	session_close(&t.b);
	session_close(&c);
	down(&t);
}

/* One that has ended, which nobody has heard of yet, is as good as one that is ending. */
TEST(sup_memory, one_that_left_is_waited_for)
{
	struct two t;

	up(&t, "128");
	puppet_tell(&t.a, PUPPET_LEAVE, 200);
	rig_sleep_ms(50);
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 64, NULL), 64);
	WAIT_STATE(&t.rig, SESSION_STATE(1, 0), XenbusStateClosed, 1000);
	session_rm(&t.a);
	session_drop(&t.a);
	session_close(&t.b);
	down(&t);
}

/* A program that is started again finds the memory of the one that is just ending. */
TEST(sup_memory, an_ending_session_is_waited_for)
{
	struct two t;

	up(&t, "128");
	t.a.page->close_ms = 150;
	session_state(&t.a, XenbusStateClosing);
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 64, NULL), 64);
	CHECK_EQ(rig_stat_of(&t.rig, 1, ALLOWED), MIB(128));
	WAIT_STATE(&t.rig, SESSION_STATE(1, 0), XenbusStateClosed, 4000);
	session_rm(&t.a);
	WAIT_GONE(&t.rig, paths_back_session(0, 1, 0, 0, NULL), 2000);
	session_drop(&t.a);
	session_close(&t.b);
	down(&t);
}

TEST(sup_memory, a_dead_worker_has_none)
{
	struct two t;

	up(&t, "200");
	CHECK_EQ(puppet_do(&t.a, PUPPET_MEMORY, 72, NULL), 72);
	puppet_tell(&t.a, PUPPET_DIE, SIGSEGV);
	WAIT_STATE(&t.rig, SESSION_STATE(1, 0), XenbusStateClosed, 2000);
	WAIT_STAT(&t.rig, 1, ALLOWED, MIB(64));
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 136, NULL), 136);
	CHECK_EQ(puppet_do(&t.b, PUPPET_MEMORY, 1, NULL), -EDQUOT);
	session_rm(&t.a);
	WAIT_GONE(&t.rig, paths_back_session(0, 1, 0, 0, NULL), 2000);
	session_drop(&t.a);
	session_close(&t.b);
	down(&t);
}

/* One that dies while another waits for it: the other has its answer. */
TEST(sup_memory, dies_when_recalled)
{
	struct guest_session c;
	struct two t;

	up(&t, "128");
	session_open(&c, &t.g, 2);
	CHECK_EQ(c.page->memory_mib, 0);
	t.a.page->recall_mib = PUPPET_SILENT;
	puppet_tell(&c, PUPPET_MEMORY, 60);
	rig_sleep_ms(100);
	CHECK_EQ(c.page->command, PUPPET_MEMORY);
	puppet_tell(&t.a, PUPPET_DIE, SIGKILL);
	WAIT_STAT(&t.rig, 1, ALLOWED, MIB(128));
	while (c.page->command)
		rig_sleep_ms(1);
	CHECK_EQ(c.page->result, 64);
	session_rm(&t.a);
	session_drop(&t.a);
	session_close(&t.b);
	session_close(&c);
	down(&t);
}

/* Each is fatal for that session, and the account is as if it had never been. */
TEST(sup_memory, lies)
{
	static const struct {
		uint32_t command, n;
	} lies[] = {
		{ PUPPET_MEMORY_BACK, 65 }, { PUPPET_MEMORY_HUGE, 0 }, { PUPPET_MEMORY, 129 },
		{ PUPPET_MEMORY, 0 }, { PUPPET_MEMORY_TWICE, 1 },
	};
	struct two t;
	size_t i;

	up(&t, "128");
	t.b.page->recall_mib = PUPPET_SILENT;
	for (i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		CHECK_EQ(t.a.page->memory_mib, CHUNK_MIB);
		puppet_tell(&t.a, lies[i].command, lies[i].n);
		WAIT_STATE(&t.rig, SESSION_STATE(1, 0), XenbusStateClosed, 4000);
		check_error(&t.rig, paths_back_session(0, 1, 0, 0, "error"), "broke its protocol");
		WAIT_STAT(&t.rig, 1, ALLOWED, MIB(64));
		session_rm(&t.a);
		WAIT_GONE(&t.rig, paths_back_session(0, 1, 0, 0, NULL), 2000);
		session_drop(&t.a);
		session_open(&t.a, &t.g, 0);
	}
	CHECK_EQ(rig_number(&t.rig, SESSION_STATE(1, 1)), XenbusStateConnected);
	session_close(&t.a);
	session_close(&t.b);
	down(&t);
}

/*
 * memory= of a guest counts before the host's preset, also when it is more; and what else of its
 * policy a worker has to know.
 */
TEST(sup_memory, of_the_policy)
{
	const struct attach_vgpu v = { .domid = 1 };
	struct vgpu_option option = { 0 };
	struct guest_session s;
	struct guest g;
	struct rig rig;
	char why[WHY_BYTES];

	rig_up(&rig);
	rig_start(&rig, "ok", "--default-memory", "32");
	guest_up(&g, &rig, 1);
	CHECK_EQ(option_parse("memory=70,inflight=3,max_fps=50", OPTION_ALL, &option, why), 0);
	CHECK_EQ(attach_add(rig.dom0, &v, &option), 0);
	guest_connect(&g);
	session_open(&s, &g, 0);
	CHECK_EQ(s.page->limit_mib, 70);
	CHECK_EQ(s.page->inflight_mib, 3);
	CHECK_EQ(s.page->max_fps, 50);
	CHECK_EQ(rig_stat_of(&rig, 1, "inflight_limit_mib"), 3);
	CHECK_EQ(rig_stat_of(&rig, 1, "max_fps"), 50);
	CHECK_EQ(s.page->memory_mib, CHUNK_MIB);
	CHECK_EQ(puppet_do(&s, PUPPET_MEMORY, 7, NULL), -EDQUOT);
	CHECK_EQ(puppet_do(&s, PUPPET_MEMORY, 6, NULL), 6);
	session_close(&s);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}
