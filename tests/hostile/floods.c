// SPDX-License-Identifier: GPL-2.0-only
/*
 * Too much of everything, as fast as it goes: events, requests, sessions, writes to xenstore,
 * processes that are killed; and the opposite, a guest that never takes an answer.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostile.h"
#include "virgl.h"

static void want_alive(struct sess *s, const char *after)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_CAPSET_INFO };

	if (sess_call(s, &req))
		wrong("the session does not answer after %s: %s", after, s->why);
}

static void events(void)
{
	uint64_t n = 0;
	struct sess s;

	sess_open(&s);
	while (time_left()) {
		evt_notify(s.evt);
		n++;
	}
	say("%llu events", (unsigned long long)n);
	want_alive(&s, "a flood of events");
	sess_close(&s);
}

/* A ring that is always full, of requests that are answered with an error, which is logged. */
static void requests(void)
{
	struct vgpuif_response rsp;
	uint64_t n = 0;
	struct sess s;
	int got = 0;

	if (!sess_open_at(&s, host.session, host.limits.max_ring_page_order))
		die("refused: %s", s.why);
	while (time_left() && got >= 0) {
		struct vgpuif_request req = req_id((uint8_t)rnd(256), rnd_edge());

		while (sess_put(&s, &req))
			n++;
		sess_push(&s);
		while ((got = sess_get(&s, &rsp, 0)) == 1)
			;
	}
	if (got < 0 || !sess_sync(&s))
		wrong("the session ended: %s", s.why);
	say("%llu requests", (unsigned long long)n);
	want_alive(&s, "a flood of requests");
	sess_close(&s);
}

/* Answers are never taken, events never consumed; requests are put over answers nobody read. */
static void never_reads(void)
{
	uint32_t words[64], n_words, n = 0, done;
	struct sess s;

	sess_open(&s);
	if (!sess_scene(&s))
		die("no scene: %s", s.why);
	n_words = virgl_clear(words, 1, 0, 0, 1);
	memcpy(sess_page(&s, SCENE_CMDS_PAGE), words, n_words * 4);
	while (time_left()) {
		struct vgpuif_request req = req_submit(1, SCENE_CMDS, 0, n_words * 4);

		/* As much as the backend's index says is possible, which is all that binds us. */
		done = *(volatile RING_IDX *)&s.ring.r.sring->rsp_prod;
		s.ring.r.rsp_cons = done;
		s.ring.r.sring->rsp_event = done + 1;	/* tell us each time; we do not listen */
		if (!sess_put(&s, &req))
			continue;
		n++;
		sess_push(&s);
	}
	/* A full ring, and gone: what is in flight is the backend's to get rid of. */
	while (n % 7) {
		struct vgpuif_request req = req_submit(1, SCENE_CMDS, 0, n_words * 4);

		if (!sess_put(&s, &req))
			break;
		n++;
	}
	sess_push(&s);
	if (sess_ended(&s))
		wrong("the session ended: %s", s.why);
	say("%u requests, no answer taken", n);
	sess_close(&s);
}

static void reconnects(void)
{
	const uint64_t begin_ns = now_ns();
	struct sess s;
	uint32_t n;

	sess_open(&s);
	for (n = 1; time_left(); n++)
		sess_reopen(&s);
	say("%u sessions in %u ms", n, (unsigned int)((now_ns() - begin_ns) / 1000000));
	sess_close(&s);
}

/* No waiting for anybody: asked for, given up, removed, made again, at any moment. */
static void flapping(void)
{
	static const char *const states[] = { "3", "5", "6", "1", "4", "2", "3", "3" };
	struct sess s;
	uint32_t n;

	sess_prepare(&s, host.session, 0);
	for (n = 0; time_left(); n++) {
		switch (rnd(6)) {
		case 0:
			sess_nodes(&s);
			break;
		case 1:
			xst_rm(host.xst, XST_NO_TX, s.front);
			break;
		default:
			xst_write(host.xst, XST_NO_TX, node(s.front, "state"),
				  states[rnd(sizeof(states) / sizeof(states[0]))]);
		}
		if (!rnd(8))
			sleep_us(rnd(30000));
	}
	say("%u changes", n);
	sess_close(&s);
}

/* The device's directory is watched: each of these is an event for the supervisor. */
static void xenstore(void)
{
	char text[1024];
	struct sess s;
	uint32_t n;

	sess_open(&s);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (n = 0; time_left(); n++) {
		switch (n % 5) {
		case 0:
			xst_printf(host.xst, XST_NO_TX, node(host.front, "rubbish-%u", n % 50),
				   "%u", n);
			break;
		case 1:
			xst_write(host.xst, XST_NO_TX, node(s.front, "ring-ref0"), text);
			break;
		case 2:
			xst_write(host.xst, XST_NO_TX, node(s.front, "state"), "3");
			break;
		case 3:
			xst_write(host.xst, XST_NO_TX, node(s.front, "state/below/%u", n % 20),
				  text);
			break;
		default:
			xst_mkdir(host.xst, XST_NO_TX,
				  node(host.front, "session-%u", 1000 + n % 30));
		}
	}
	say("%u writes", n);
	/* Its nodes are not what they were; the session is, for it was opened before. */
	want_alive(&s, "a flood of writes");
	for (n = 0; n < 50; n++)
		xst_rm(host.xst, XST_NO_TX, node(host.front, "rubbish-%u", n));
	for (n = 0; n < 30; n++)
		xst_rm(host.xst, XST_NO_TX, node(host.front, "session-%u", 1000 + n));
	sess_close(&s);
}

/* --- killed ----------------------------------------------------------------------------------- */

/* Draws until it is killed; with --seconds, until it is over. */
static void draw(void)
{
	struct sess s;
	uint32_t n;

	if (!sess_open_at(&s, host.session, 2))
		die("refused: %s", s.why);
	if (!sess_scene(&s))
		die("no scene: %s", s.why);
	for (n = 0; time_left(); n++)
		if (!sess_draws(&s))
			die("a frame is not right, or the session ended: %s", s.why);
	say("%u frames", n);
	sess_close(&s);
}

static pid_t start_drawing(uint32_t session)
{
	char number[16], seed[32];
	pid_t pid = fork();

	if (pid < 0)
		die("no process can be had");
	if (pid)
		return pid;
	snprintf(number, sizeof(number), "%u", session);
	snprintf(seed, sizeof(seed), "%llu", (unsigned long long)host.seed);
	if (!freopen("/dev/null", "w", stdout))
		_exit(127);
	execl("/proc/self/exe", "hostile", "draw", "--seconds", "60", "--session", number, "--seed",
	      seed, NULL);
	_exit(127);
}

static void killed(void)
{
	const uint32_t n_at_once = host.limits.max_sessions < 4 ? 1 : 3;
	uint32_t n, i;
	pid_t pid[3];

	for (n = 0; n < n_at_once || time_left(); n += n_at_once) {
		for (i = 0; i < n_at_once; i++)
			pid[i] = start_drawing(host.session - i);
		for (i = 0; i < n_at_once; i++) {
			sleep_us(rnd(150000));
			kill(pid[i], SIGKILL);
			waitpid(pid[i], NULL, 0);
		}
		for (i = 0; i < n_at_once; i++)
			sess_sweep(host.session - i);
	}
	say("%u processes killed", n);
}

const struct hostile_case cases_floods[] = {
	{ "flood-events", "events and nothing else", events },
	{ "flood-requests", "a ring that is always full, of what is refused", requests },
	{ "never-reads", "no answer is taken, no event consumed", never_reads },
	{ "reconnects", "sessions opened and closed", reconnects },
	{ "flapping", "a session's state changed without waiting for anybody", flapping },
	{ "flood-xenstore", "writes to nodes that are watched", xenstore },
	{ "killed", "processes killed at any moment", killed },
	{ "draw", "no harm: frames, each checked, for --seconds", draw },
	{ 0 },
};
