// SPDX-License-Identifier: GPL-2.0-only
/*
 * The supervisor, with one call of its own failing while a guest's vgpu is attached, connected, has
 * a session with a mapping, and goes again. What is asked for may be refused, with a reason in the
 * device's or the session's error node or in the log, or the supervisor may end, with a reason and
 * not of a signal. What it may not: wait for ever, give a reason that is not true, leave a worker
 * behind, keep memory or a descriptor that it did not keep without the fault, or still be broken
 * for the session after it.
 */
#include "sup_rig.h"

#include "fault_runs.h"

#define STEP_MS		6000
#define REST_MS		15000
#define ENDED		(-3)

static int32_t live_before;		/* allocations at the end of a run without a fault */
static int64_t fds_before;

/* Whether the supervisor has ended; its status then. */
static bool has_ended(struct rig *rig, int *status)
{
	if (rig->pid && waitpid(rig->pid, status, WNOHANG) != rig->pid)
		return false;
	rig->pid = 0;
	return true;
}

/* As rig_wait_mask(), or until the supervisor has ended. */
static int await_state(struct rig *rig, struct path p, uint32_t mask, int *status)
{
	const int64_t end = rig_now_ms() + STEP_MS;
	int state;

	for (;;) {
		state = rig_number(rig, p);
		if (state < 0 ? mask >> 31 : mask >> state & 1)
			return state;
		if (has_ended(rig, status))
			return ENDED;
		if (rig_now_ms() > end)
			return -2;
		rig_sleep_ms(2);
	}
}

/*
 * Stand still: what is written meanwhile comes to it all at once, as it may, and no later event
 * makes up for one that was not acted on.
 */
static void hold(const struct rig *rig)
{
	siginfo_t info;

	if (!rig->pid)
		return;
	CHECK_EQ(kill(rig->pid, SIGSTOP), 0);
	/* Until it does, or has ended; then it is has_ended()'s still. */
	CHECK_EQ(waitid(P_PID, (id_t)rig->pid, &info, WSTOPPED | WEXITED | WNOWAIT), 0);
}

static void go_on(const struct rig *rig)
{
	if (rig->pid)
		CHECK_EQ(kill(rig->pid, SIGCONT), 0);
}

/* Returns NULL, or where it got stuck; @ok: whether there was a session with a mapping. */
static const char *one_session(struct rig *rig, struct guest *g, uint32_t index, int *status,
			       bool *ok)
{
	const uint32_t wanted = 1u << XenbusStateConnected | 1u << XenbusStateClosed;
	struct guest_session s;
	struct gnt_share *pages;
	int64_t end;
	int state;

	*ok = false;
	hold(rig);
	session_make(&s, g, index);
	session_state(&s, XenbusStateInitialised);
	go_on(rig);
	state = await_state(rig, SESSION_STATE(1, index), wanted, status);
	if (state == XenbusStateConnected) {
		CHECK_EQ(gnt_share(g->plat, 0, 3, true, &pages), 0);
		memcpy((void *)(uintptr_t)s.page->refs, pages->refs, 3 * sizeof(uint32_t));
		s.page->n = 3;
		s.page->result = PUPPET_BUSY;
		__atomic_store_n(&s.page->command, PUPPET_MAP, __ATOMIC_RELEASE);
		end = rig_now_ms() + STEP_MS;
		while (s.page->result == PUPPET_BUSY && rig_now_ms() < end &&
		       rig_number(rig, SESSION_STATE(1, index)) == XenbusStateConnected &&
		       !has_ended(rig, status))
			rig_sleep_ms(1);
		*ok = s.page->result == 0;
		gnt_unshare(pages);
		if (rig_now_ms() >= end)
			state = -2;
	}
	if (state >= 0 && rig->pid) {
		session_state(&s, XenbusStateClosing);
		state = await_state(rig, SESSION_STATE(1, index),
				    1u << XenbusStateClosed | GONE_MASK, status);
	}
	session_drop(&s);
	/* Its nodes as well: the guest's part of a session that is over. */
	if (rig->pid)
		session_rm(&s);
	return state == -2 ? "a session gets nowhere" : NULL;
}

static bool error_node(const struct rig *rig, struct path p)
{
	char text[512];

	rig_text(rig, p, text, sizeof(text));
	return text[0];
}

static bool rig_says_why(const struct rig *rig)
{
	return error_node(rig, paths_back(0, 1, 0, "error")) ||
	       error_node(rig, paths_back_session(0, 1, 0, 0, "error")) ||
	       rig_log_has(rig, "cannot") || rig_log_has(rig, "Too many open files") ||
	       rig_log_has(rig, "Cannot allocate") || rig_log_has(rig, "No buffer space") ||
	       rig_log_has(rig, "No space left") || rig_log_has(rig, "unavailable") ||
	       rig_log_has(rig, "out of memory") || rig_log_has(rig, "is not there");
}

/* The guest and the toolstack here do everything right: no reason may say something else. */
static bool rig_blames_others(const struct rig *rig)
{
	return rig_log_has(rig, "versions do not meet") || rig_log_has(rig, "is missing") ||
	       rig_log_has(rig, "not a decimal number") || rig_log_has(rig, "is out of range") ||
	       rig_log_has(rig, "makes no sense");
}

/* Whether a worker is there. */
static bool has_worker(const struct rig *rig)
{
	DIR *dir = opendir("/proc");
	char link[64], exe[128];
	struct dirent *entry;
	bool found = false;
	ssize_t n;

	CHECK(dir);
	while (!found && (entry = readdir(dir))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(link, sizeof(link), "/proc/%.20s/exe", entry->d_name);
		n = readlink(link, exe, sizeof(exe) - 1);
		if (n < 0)
			continue;
		exe[n] = '\0';
		found = !strcmp(exe, rig->worker);
	}
	closedir(dir);
	return found;
}

/* None is there for longer than its supervisor. */
static bool worker_left(const struct rig *rig)
{
	const int64_t end = rig_now_ms() + 3000;

	while (has_worker(rig)) {
		if (rig_now_ms() > end)
			return true;
		rig_sleep_ms(5);
	}
	return false;
}

static const char *script(struct rig *rig, struct guest *g, int *status, bool *first, bool *second)
{
	const uint32_t front = 1u << XenbusStateInitWait | 1u << XenbusStateClosed;
	const char *bad;
	char *answer;
	int state;

	rig_attach(rig, 1);
	state = await_state(rig, BACK_STATE(1), front, status);
	if (state != XenbusStateInitWait)
		return state == -2 ? "the device gets nowhere" : NULL;
	guest_write(g, paths_front(1, 0, "version"), VGPUIF_VERSION_STRING);
	guest_state(g, XenbusStateInitialised);
	state = await_state(rig, BACK_STATE(1), 1u << XenbusStateConnected | 1u << XenbusStateClosed,
			    status);
	if (state != XenbusStateConnected)
		return state == -2 ? "the frontend gets nowhere" : NULL;
	guest_state(g, XenbusStateConnected);
	bad = one_session(rig, g, 0, status, first);
	if (bad || !rig->pid)
		return bad;
	answer = rig_ask(rig, "stats\n");
	free(answer);
	return one_session(rig, g, 1, status, second);
}

static bool has_sessions(struct json_object *stats)
{
	struct json_object *list, *sessions;
	size_t i;

	if (!json_object_object_get_ex(stats, "devices", &list))
		return false;
	for (i = 0; i < json_object_array_length(list); i++)
		if (json_object_object_get_ex(json_object_array_get_idx(list, i), "session_list",
					      &sessions) &&
		    json_object_array_length(sessions))
			return true;
	return false;
}

/* Nothing goes on, and nothing is to come: of one answer, as all may be different in the next. */
static bool at_rest(struct json_object *stats)
{
	return !rig_stat_in(stats, -1, "workers_dying") &&
	       !rig_stat_in(stats, -1, "workers_bound") &&
	       !rig_stat_in(stats, -1, "workers_starting") &&
	       rig_stat_in(stats, -1, "workers_warm") == rig_stat_in(stats, -1, "workers_kept") &&
	       !has_sessions(stats);
}

/* Its open descriptors when it is at rest; 0: that does not come. */
static int64_t settled_descriptors(const struct rig *rig)
{
	const int64_t end = rig_now_ms() + REST_MS;
	struct json_object *stats;
	int64_t fds;

	do {
		stats = rig_stats(rig);
		/* It says 0 if it cannot count them. */
		fds = at_rest(stats) ? rig_stat_in(stats, -1, "open_descriptors") : 0;
		json_object_put(stats);
		if (fds > 0)
			return fds;
		/* Its calls for this are counted, and made to fail, as well. */
		rig_sleep_ms(20);
	} while (rig_now_ms() < end);
	return 0;
}

static const char *end_of(struct rig *rig, int status, bool second)
{
	const int64_t end = rig_now_ms() + 15000;
	int64_t fds;

	if (!rig->pid) {
		if (!WIFEXITED(status))
			return "died of a signal";
		if (!rig_says_why(rig))
			return "ended without a reason in the log";
		return NULL;
	}
	if (!second && !rig_says_why(rig))
		return "refused without a reason";
	if (rig_blames_others(rig))
		return "blames others";
	fds = settled_descriptors(rig);
	if (!fds)
		return "does not come to rest";
	if (!fault_of->at)
		fds_before = fds;
	else if (fds > fds_before)
		return "keeps a descriptor";
	kill(rig->pid, SIGTERM);
	while (!has_ended(rig, &status) && rig_now_ms() < end)
		rig_sleep_ms(2);
	if (rig->pid) {
		kill(rig->pid, SIGKILL);
		waitpid(rig->pid, &status, 0);
		rig->pid = 0;
		return "does not end when it is told to";
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return "did not end well";
	if (!fault_of->at)
		live_before = fault_of->live;
	else if (fault_of->live > live_before)
		return "keeps memory";
	return NULL;
}

static bool run(char *why, size_t bytes)
{
	bool first = false, second = false;
	struct guest g;
	struct rig rig;
	const char *bad;
	int status = 0;

	rig_up(&rig);
	setenv(FAULT_ENV, fault_path, 1);
	rig_start(&rig, "ok");
	unsetenv(FAULT_ENV);
	guest_up(&g, &rig, 1);
	bad = script(&rig, &g, &status, &first, &second);
	if (!bad)
		bad = end_of(&rig, status, second);
	if (!bad && !fault_of->at && !(first && second))
		bad = "no session";
	if (rig.pid) {
		kill(rig.pid, SIGKILL);
		waitpid(rig.pid, &status, 0);
		rig.pid = 0;
	}
	if (worker_left(&rig) && !bad)
		bad = "leaves a worker behind";
	snprintf(why, bytes, "%s", bad ? bad : "");
	if (bad && getenv("XENGPU_TEST_VERBOSE")) {
		char command[128];

		snprintf(command, sizeof(command), "cat %s >&2", rig.log);
		CHECK_EQ(system(command), 0);
	}
	guest_down(&g);
	rig_down(&rig);
	return !bad;
}

TEST(fault_supervisor, every_call)
{
	char path[300];

	setenv("XENGPUD", rig_program("XENGPUD_FAULT", "../fault/xengpud", path, sizeof(path)), 1);
	fault_open();
	fault_runs(run);
	fault_close();
}
