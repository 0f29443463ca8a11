// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpud and its workers: what one may ask for, one that does what it must not, and what it is held
 * by, its cage and its memory.
 */
#include "sup_rig.h"

/* --- the broker ------------------------------------------------------------------------------ */

static struct gnt_share *share(struct guest *g, uint32_t n_pages)
{
	struct gnt_share *share_;

	CHECK_EQ(gnt_share(g->plat, 0, n_pages, true, &share_), 0);
	*(uint32_t *)share_->addr = 0xc0ffee;
	return share_;
}

TEST(sup_worker, broker)
{
	struct gnt_share *pages, *more;
	struct guest_session s, second;
	struct guest g;
	struct rig rig;
	uint32_t bad[2];

	rig_up(&rig);
	rig_start(&rig, "ok", "--max-pages", "100");
	guest_join(&g, &rig, 1);
	session_open(&s, &g, 0);
	session_open(&second, &g, 1);
	pages = share(&g, 60);
	CHECK_EQ(puppet_do(&s, PUPPET_MAP, 60, pages->refs), 0);
	CHECK_EQ(s.page->word, 0xc0ffee);
	CHECK_EQ(rig_stat_of(&rig, 1, "pages_mapped"), 60);
	/* One account for all of the guest's sessions. */
	CHECK_EQ(puppet_do(&second, PUPPET_MAP, 41, pages->refs), -EDQUOT);
	CHECK_EQ(puppet_do(&second, PUPPET_MAP, 40, pages->refs), 0);
	CHECK_EQ(puppet_do(&second, PUPPET_MAP, 1, pages->refs), -EDQUOT);
	CHECK_EQ(puppet_do(&s, PUPPET_UNMAP, 60, NULL), 0);
	WAIT_STAT(&rig, 1, "pages_mapped", 40);
	CHECK_EQ(puppet_do(&second, PUPPET_MAP, 1, pages->refs), 0);
	/* What does not map is an answer, not an end. */
	bad[0] = pages->refs[0];
	bad[1] = 123456789;
	CHECK_EQ(puppet_do(&s, PUPPET_MAP, 2, bad), -EFAULT);
	bad[1] = 0;
	CHECK_EQ(puppet_do(&s, PUPPET_MAP, 2, bad), -EINVAL);
	CHECK_EQ(rig_stat_of(&rig, 1, "pages_mapped"), 41);
	/* A worker's end gives all back, and is waited for. */
	more = share(&g, 100);
	second.page->close_ms = 200;
	session_state(&second, XenbusStateClosing);
	rig_sleep_ms(50);
	CHECK_EQ(s.page->later, 0);
	CHECK_EQ(puppet_do(&s, PUPPET_MAP, 100, more->refs), 0);
	CHECK_EQ(s.page->later, 1);
	WAIT_STATE(&rig, SESSION_STATE(1, 1), XenbusStateClosed, 1000);
	session_rm(&second);
	session_drop(&second);
	CHECK_EQ(rig_stat_of(&rig, 1, "pages_mapped"), 100);
	CHECK_EQ(puppet_do(&s, PUPPET_UNMAP, 100, NULL), 0);
	/* Not for ever. */
	session_open(&second, &g, 1);
	CHECK_EQ(puppet_do(&second, PUPPET_MAP, 60, pages->refs), 0);
	second.page->close_ms = 1500;
	session_state(&second, XenbusStateClosing);
	rig_sleep_ms(50);
	CHECK_EQ(puppet_do(&s, PUPPET_MAP, 100, more->refs), -EDQUOT);
	WAIT_STATE(&rig, SESSION_STATE(1, 1), XenbusStateClosed, 4000);
	session_rm(&second);
	session_drop(&second);
	session_close(&s);
	CHECK_EQ(rig_stat_of(&rig, 1, "pages_mapped"), 0);
	gnt_unshare(pages);
	gnt_unshare(more);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

/* Each is fatal for that session and for nobody else. */
TEST(sup_worker, worker_breaks_its_protocol)
{
	static const struct {
		uint32_t command;
		uint32_t n;
	} crimes[] = {
		{ PUPPET_MAP_WRONG, 0 }, { PUPPET_MAP_HUGE, 101 }, { PUPPET_MAP_HUGE, 0 },
		{ PUPPET_MAP_HUGE, 70000 }, { PUPPET_UNMAP, 1 }, { PUPPET_GARBAGE, 0 },
		{ PUPPET_MAP_FLOOD, 20000 },
	};
	struct guest_session s, bystander;
	struct guest g;
	struct rig rig;
	size_t i;

	rig_up(&rig);
	rig_start(&rig, "ok", "--max-pages", "100");
	guest_join(&g, &rig, 1);
	session_open(&bystander, &g, 1);
	for (i = 0; i < sizeof(crimes) / sizeof(crimes[0]); i++) {
		session_open(&s, &g, 0);
		puppet_tell(&s, crimes[i].command, crimes[i].n);
		WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateClosed, 4000);
		check_error(&rig, paths_back_session(0, 1, 0, 0, "error"), "broke its protocol");
		session_rm(&s);
		WAIT_GONE(&rig, paths_back_session(0, 1, 0, 0, NULL), 2000);
		session_drop(&s);
	}
	CHECK_EQ(rig_number(&rig, SESSION_STATE(1, 1)), XenbusStateConnected);
	CHECK_EQ(rig_stat_of(&rig, 1, "pages_mapped"), 0);
	session_close(&bystander);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

/* CLOSE crosses BOUND, and what it says after that is of somebody whom the arbiter never saw. */
TEST(sup_worker, work_before_bound)
{
	struct guest_session a, b, s;
	struct guest g, g2;
	struct rig rig;

	up_connected(&rig, &g, "ok");
	guest_join(&g2, &rig, 2);
	session_open(&a, &g, 0);
	session_open(&b, &g2, 0);
	/* Two guests at work: everybody has to wait for a lease. */
	CHECK_EQ(puppet_do(&a, PUPPET_COUNT, 2, NULL), 0);
	CHECK_EQ(puppet_do(&b, PUPPET_COUNT, 2, NULL), 0);
	session_make(&s, &g, 1);
	s.page->command = PUPPET_HASTY;
	session_state(&s, XenbusStateInitialised);
	rig_sleep_ms(300);
	CHECK(rig_number(&rig, SESSION_STATE(1, 1)) != XenbusStateConnected);
	session_state(&s, XenbusStateClosing);
	WAIT_STATE(&rig, SESSION_STATE(1, 1), XenbusStateClosed, 4000);
	session_rm(&s);
	session_drop(&s);
	CHECK_EQ(rig_number(&rig, SESSION_STATE(1, 0)), XenbusStateConnected);
	session_close(&a);
	session_close(&b);
	guest_down(&g2);
	guest_down(&g);
	rig_down(&rig);
}

/* Whether no worker has a socket any more. */
static bool all_have_left(const struct rig *rig)
{
	char path[64];
	bool any = false;
	FILE *children;
	int pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)rig->pid, (int)rig->pid);
	children = fopen(path, "re");
	CHECK(children);
	while (fscanf(children, "%d", &pid) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, CTL_WORKER_FD);
		any |= faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	}
	fclose(children);
	return !any;
}

/* Warm workers have left, and a session asks for one before their end is heard of. */
TEST(sup_worker, warm_workers_have_left)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;
	unsigned int i;

	rig_up(&rig);
	rig_fail(&rig, true);
	rig_start(&rig, "leaves");
	guest_join(&g, &rig, 1);
	while (rig_stat_of(&rig, -1, "workers_started") < 2)
		rig_sleep_ms(1);
	/* Those that there are leave, and no others. */
	kill(rig.pid, SIGSTOP);
	for (i = 0; i < 5000 && !all_have_left(&rig); i++)
		rig_sleep_ms(1);
	rig_fail(&rig, false);
	kill(rig.pid, SIGCONT);
	session_open(&s, &g, 0);
	CHECK(rig_stat_of(&rig, -1, "workers_killed") >= 2);
	CHECK_EQ(rig_stat_of(&rig, 1, "losses"), 0);
	session_close(&s);
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup_worker, rude_workers)
{
	struct guest g;
	struct rig rig;

	rig_up(&rig);
	rig_start(&rig, "rude");
	guest_up(&g, &rig, 1);
	rig_sleep_ms(1500);
	CHECK(rig_log_has(&rig, "said READY, which it may not now"));
	CHECK(rig_stat_of(&rig, -1, "workers_started") < 20);
	guest_down(&g);
	rig_down(&rig);
}

/* --- cages ----------------------------------------------------------------------------------- */

TEST(sup_worker, cage_required)
{
	struct guest g;
	struct rig rig;

	rig_up(&rig);
	rig_start(&rig, "uncaged", "--cage", "require");
	guest_up(&g, &rig, 1);
	rig_attach(&rig, 1);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 5000);
	check_error(&rig, paths_back(0, 1, 0, "error"), "cage is without Landlock: Landlock:");
	check_error(&rig, paths_back(0, 1, 0, "error"), "not today; --cage=try would serve");
	CHECK_EQ(rig_stat_of(&rig, -1, "workers_warm"), 0);
	CHECK(rig_log_has(&rig, "cage is without Landlock"));
	CHECK(!rig_log_has(&rig, "\033"));
	guest_down(&g);
	rig_down(&rig);
}

TEST(sup_worker, cage_tried)
{
	struct guest g;
	struct rig rig;
	char *stats;

	rig_up(&rig);
	rig_start(&rig, "uncaged", "--cage", "try");
	guest_join(&g, &rig, 1);
	stats = rig_ask(&rig, "stats\n");
	CHECK(stats && strstr(stats, "\"cage\":\"without Landlock\""));
	CHECK(strstr(stats, "\"cage_reason\":\"Landlock:"));
	free(stats);
	CHECK(rig_log_has(&rig, "the workers' cage: without Landlock: Landlock:"));
	guest_down(&g);
	rig_down(&rig);
}

/* What is missing is to be known before a guest is. */
TEST(sup_worker, cage_told_late)
{
	struct rig rig;

	rig_up(&rig);
	rig_start(&rig, "late");
	rig_sleep_ms(500);
	CHECK(rig_log_has(&rig, "said UNCAGED, which it may not now"));
	rig_down(&rig);
}

/* --- the host's memory ------------------------------------------------------------------------ */

TEST(sup_worker, memory_limit)
{
	struct guest_session s;
	struct guest g;
	struct rig rig;

#ifdef __SANITIZE_ADDRESS__
	SKIP("AddressSanitizer has more writable memory than any limit");
#endif
	rig_up(&rig);
	rig_start(&rig, "ok", "--worker-memory", "256");
	guest_join(&g, &rig, 1);
	session_open(&s, &g, 0);
	CHECK_EQ(puppet_do(&s, PUPPET_EAT, 16, NULL), 0);
	CHECK_EQ(puppet_do(&s, PUPPET_EAT, 300, NULL), -ENOMEM);
	CHECK_EQ(puppet_do(&s, PUPPET_EAT, 16, NULL), 0);
	CHECK_EQ(rig_stat_of(&rig, -1, "worker_memory_mib"), 256);
	session_close(&s);
	guest_down(&g);
	rig_down(&rig);
}

/* A group of our own for xengpud to divide, where this machine has such. */
static bool find_group(char path[64])
{
	static const char *const at[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	char text[256];
	size_t i;
	FILE *file;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		snprintf(path, 64, "%s/cgroup.subtree_control", at[i]);
		file = fopen(path, "re");
		if (!file)
			continue;
		if (!fgets(text, sizeof(text), file))
			text[0] = '\0';
		fclose(file);
		snprintf(path, 64, "%s/xengpu-test-%d", at[i], (int)getpid());
		if (strstr(text, "memory") && !mkdir(path, 0755))
			return true;
	}
	return false;
}

/* Who takes too much dies, and is told so; another session of the same guest lives. */
TEST(sup_worker, out_of_memory)
{
	struct guest_session greedy, other;
	struct guest g;
	struct rig rig;
	char group[64];

	if (!find_group(group))
		SKIP("no cgroup v2 with the memory controller here");
	harness_timeout_s(60);
	rig_up(&rig);
	rig_start(&rig, "ok", "--worker-memory", "256", "--cgroup", group);
	guest_join(&g, &rig, 1);
	session_open(&greedy, &g, 0);
	session_open(&other, &g, 1);
	CHECK_EQ(puppet_do(&greedy, PUPPET_EAT, 16, NULL), 0);
	puppet_tell(&greedy, PUPPET_EAT, 600);
	WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateClosed, 30000);
	check_error(&rig, paths_back_session(0, 1, 0, 0, "error"),
		    "took more than its 256 MiB of memory");
	CHECK_EQ(puppet_do(&other, PUPPET_EAT, 16, NULL), 0);
	CHECK_EQ(rig_stat_of(&rig, 1, "losses"), 1);
	session_close(&greedy);
	session_close(&other);
	guest_down(&g);
	rig_down(&rig);
	/* Workers' groups went with them. */
	CHECK_EQ(rmdir(group), 0);
}

/* The group above is out of memory, as the host may be: who is killed has not taken more than it may. */
TEST(sup_worker, out_of_memory_above)
{
	struct guest_session greedy;
	struct guest g;
	struct rig rig;
	char group[64], path[96];

	if (!find_group(group))
		SKIP("no cgroup v2 with the memory controller here");
	harness_timeout_s(60);
	snprintf(path, sizeof(path), "%s/memory.max", group);
	rig_write(path, "128M");
	snprintf(path, sizeof(path), "%s/memory.swap.max", group);
	rig_write(path, "0");
	rig_up(&rig);
	rig_start(&rig, "ok", "--worker-memory", "512", "--cgroup", group);
	guest_join(&g, &rig, 1);
	session_open(&greedy, &g, 0);
	puppet_tell(&greedy, PUPPET_EAT, 300);
	WAIT_STATE(&rig, SESSION_STATE(1, 0), XenbusStateClosed, 30000);
	check_error(&rig, paths_back_session(0, 1, 0, 0, "error"), "the worker died (signal 9");
	CHECK_EQ(rig_stat_of(&rig, 1, "losses"), 0);
	session_close(&greedy);
	guest_down(&g);
	rig_down(&rig);
	CHECK_EQ(rmdir(group), 0);
}

/* Where it cannot be had, that is said, and the other limit counts. */
TEST(sup_worker, no_group)
{
	struct guest g;
	struct rig rig;

	rig_up(&rig);
	rig_start(&rig, "ok", "--cgroup", rig.dir);
	guest_join(&g, &rig, 1);
	CHECK(rig_log_has(&rig, "workers' memory is limited by RLIMIT_DATA only: control group /"));
	guest_down(&g);
	rig_down(&rig);
}
