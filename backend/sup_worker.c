// SPDX-License-Identifier: GPL-2.0-only
/*
 * One worker as the supervisor sees it: a process, a socket and a page of counters. What it may say
 * depends on where it is in its life: one table. Anything else kills it, and with it one session.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <seccomp.h>

#include "sup.h"
#include "sup_cage.h"
#include "sup_cgroup.h"
#include "sup_spawn.h"

#define MESSAGES_A_TURN	16	/* of one worker, before others have theirs */

static void set_state(struct sup_worker *w, enum worker_state state)
{
	w->sup->pool.n_in_state[w->state]--;
	w->sup->pool.n_in_state[state]++;
	w->state = state;
}

static void note_guest(struct sup_worker *w, enum log_level level, const char *what)
{
	struct sup_session *s = w->session;

	if (s)
		log_line(level, &s->dev->dom->rate,
			 "domain %u (%s) vgpu %u session %u: worker %d: %s", s->dev->dom->domid,
			 s->dev->dom->name, s->dev->devid, s->index, (int)w->pid, what);
	else
		log_line(level, NULL, "worker %d: %s", (int)w->pid, what);
}

/* --- the end ---------------------------------------------------------------------------------- */

void sup_worker_kill(struct sup_worker *w)
{
	if (w->state == WORKER_DYING)
		return;
	w->failed |= w->state == WORKER_STARTING;
	set_state(w, WORKER_DYING);
	w->sup->pool.n_killed++;
	kill(w->pid, SIGKILL);
}

bool sup_worker_ending(const struct sup_worker *w)
{
	return w->state == WORKER_CLOSING || w->state == WORKER_DYING || w->deaf || w->sock < 0;
}

void sup_worker_answered(struct sup_worker *w, int err)
{
	if (!err || err == -EPIPE)
		return;
	sup_session_fail(w->session, "the worker does not take answers and was killed");
	sup_worker_kill(w);
}

int sup_worker_later(const struct sup_worker *w)
{
	const struct ctl_msg msg = { .type = CTL_LATER, .bytes = (uint32_t)offsetof(struct ctl_msg, u) };

	return w->sock < 0 ? -EPIPE : ctl_send(w->sock, &msg, NULL, 0);
}

static void expired(void *arg)
{
	struct sup_worker *w = arg;

	if (w->state == WORKER_STARTING && !w->why[0])
		snprintf(w->why, sizeof(w->why), "the worker had no renderer within %u s",
			 SUP_READY_MS / 1000);
	if (w->session && w->state == WORKER_SERVING)
		sup_session_fail(w->session, "the worker did not end within %u s after it had "
				 "closed its connection, and was killed", SUP_CLOSE_MS / 1000);
	sup_worker_kill(w);
}

static void close_source(struct sup_worker *w)
{
	if (w->sock < 0)
		return;
	loop_remove(&w->sup->loop, &w->sock_source);
	close(w->sock);
	w->sock = -1;
}

static void worker_free(struct sup_worker *w)
{
	struct sup *sup = w->sup;

	close_source(w);
	loop_remove(&sup->loop, &w->pid_source);
	loop_timer_cancel(&sup->loop, &w->timer);
	close(w->pid_fd);
	munmap((void *)(uintptr_t)w->stats, sizeof(*w->stats));
	sup->pool.n_in_state[w->state]--;
	sup->pool.n_workers--;
	TAILQ_REMOVE(&sup->pool.workers, w, link);
	cgroup_remove(w->slot);
	free(w);
}

/* Of its own control group's memory, so by its own doing. */
static bool out_of_memory(const struct sup_worker *w, int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && cgroup_out_of_memory(w->slot);
}

/* The number is the worker's claim, as all its counters. */
static void describe_refused(const struct sup_worker *w, char *text, size_t bytes)
{
	const uint64_t call = __atomic_load_n(&w->stats->refused_call, __ATOMIC_RELAXED);
	char *name = NULL;

	if (call && call <= INT_MAX)
		name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)call - 1);
	snprintf(text, bytes, "the worker made a system call that its cage does not allow (%.40s)",
		 name ? name : "unknown");
	free(name);
}

static void describe_end(const struct sup_worker *w, int status, char *text, size_t bytes)
{
	if (out_of_memory(w, status))
		snprintf(text, bytes, "the worker took more than its %u MiB of memory and was "
			 "killed (--worker-memory)", w->sup->cfg.worker_memory_mib);
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		describe_refused(w, text, bytes);
	else if (WIFSIGNALED(status))
		snprintf(text, bytes, "the worker died (signal %d, %s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, bytes, "the worker ended (exit status %d)", WEXITSTATUS(status));
}

/* Signals that an administrator sends, SIGKILL for lack of the host's memory too: no guest's doing. */
static bool from_outside(int status)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (WIFSIGNALED(status) && WTERMSIG(status) == signals[i])
			return true;
	return false;
}

/* Whether the end of a worker counts against its guest. */
static bool guests_doing(const struct sup_worker *w, int status)
{
	/* Of the guest's requests it has looked at none before it says BOUND. */
	if (w->state == WORKER_BINDING)
		return false;
	/* It ended in order; its last words had no room in the socket. */
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return false;
	return !from_outside(status) || out_of_memory(w, status);
}

static void session_lost(struct sup_worker *w, int status)
{
	struct sup_session *s = w->session;
	const bool asked = w->state == WORKER_CLOSING && WIFEXITED(status) && !WEXITSTATUS(status);
	const bool by_us = w->state == WORKER_DYING;
	char text[CTL_MAX_TEXT];

	describe_end(w, status, text, sizeof(text));
	if (!asked && !by_us) {
		sup_session_fail(s, "%s", text);
		s->dev->workers_died++;
		if (guests_doing(w, status))
			ban_count(s, text);
	}
	sched_worker_end(w);
	sup_stats_read(w, &s->last);
	sup_stats_add(&s->dev->ended, &s->last, false);
	sup_broker_finish(w);
	sup_memory_finish(w);
	w->session = NULL;
	s->worker = NULL;
	s->dev->dom->n_workers--;
	sup_session_event(s, SES_EV_DEAD);
}

static void take_messages(struct sup_worker *w, int max);

/* It is dead: waited for here and nowhere else. */
static void on_death(void *arg, uint32_t events)
{
	struct sup_worker *w = arg;
	struct sup *sup = w->sup;
	int status = 0;

	(void)events;
	/* Its last words may still be in the socket. */
	if (w->state != WORKER_DYING)
		take_messages(w, 1000);
	if (waitpid(w->pid, &status, WNOHANG) != w->pid)
		return;
	sup->pool.n_died++;
	if (w->session) {
		session_lost(w, status);
	} else {
		if (!w->why[0])
			describe_end(w, status, w->why, sizeof(w->why));
		sup_pool_failed(w);
	}
	worker_free(w);
	sup_pool_refill(sup);
}

/* --- what it says ----------------------------------------------------------------------------- */

static int on_uncaged(struct sup_worker *w, const struct ctl_msg *msg)
{
	/* What is missing is what READY does not have; this is why. */
	if (!w->uncaged_why[0]) {
		snprintf(w->uncaged_why, sizeof(w->uncaged_why), "%s", msg->u.uncaged.text);
		log_clean(w->uncaged_why);
	}
	return 0;
}

/* Returns whether it may serve. */
static bool check_cage(struct sup_worker *w)
{
	char *text;

	w->uncaged = CTL_CAGE_ALL & ~w->ready.cage;
	if (spawn_own_user(&w->sup->cfg))
		w->uncaged &= ~(uint32_t)CTL_CAGE_USER;
	else
		w->uncaged |= CTL_CAGE_USER;
	if (!w->uncaged || !w->sup->cfg.require_cage)
		return true;
	text = cage_text(w->uncaged);
	snprintf(w->why, sizeof(w->why), "the worker's cage is %.60s%s%.120s; --cage=try would "
		 "serve", text ? text : "incomplete", w->uncaged_why[0] ? ": " : "",
		 w->uncaged_why);
	free(text);
	return false;
}

static int on_ready(struct sup_worker *w, const struct ctl_msg *msg)
{
	w->ready = msg->u.ready;
	log_clean(w->ready.renderer);
	if (!check_cage(w)) {
		sup_worker_kill(w);
		return 0;
	}
	loop_timer_cancel(&w->sup->loop, &w->timer);
	set_state(w, WORKER_WARM);
	log_debug("worker %d is ready: %s", (int)w->pid, w->ready.renderer);
	sup_pool_ready(w);
	return 0;
}

static int on_failed(struct sup_worker *w, const struct ctl_msg *msg)
{
	snprintf(w->why, sizeof(w->why), "%s", msg->u.failed.text);
	log_clean(w->why);
	w->failed = true;
	loop_timer_set(&w->sup->loop, &w->timer, SUP_CLOSE_MS, expired, w);
	return 0;
}

static int on_bound(struct sup_worker *w, const struct ctl_msg *msg)
{
	(void)msg;
	set_state(w, WORKER_SERVING);
	sup_pool_good(w->sup);
	watchdog_start(w);
	sched_worker_start(w);
	sup_session_event(w->session, SES_EV_BOUND);
	return 0;
}

/* What it asks for is nobody's any more when nothing can be said to it. */
static int on_map(struct sup_worker *w, const struct ctl_msg *msg)
{
	return w->deaf ? 0 : sup_broker_map(w, &msg->u.map);
}

static int on_unmapped(struct sup_worker *w, const struct ctl_msg *msg)
{
	return sup_broker_unmapped(w, msg->u.unmapped.n_pages);
}

static int on_work(struct sup_worker *w, const struct ctl_msg *msg)
{
	/* One whose BOUND was crossed by CLOSE never came to the arbiter. */
	if (w->runner.guest)
		sched_worker_said(w, &msg->u.work);
	return 0;
}

static int on_memory(struct sup_worker *w, const struct ctl_msg *msg)
{
	return w->deaf ? 0 : sup_memory_ask(w, msg->u.memory.bytes);
}

static int on_memory_back(struct sup_worker *w, const struct ctl_msg *msg)
{
	return sup_memory_back(w, msg->u.memory_back.bytes);
}

static int on_closed(struct sup_worker *w, const struct ctl_msg *msg)
{
	const struct ctl_closed *closed = &msg->u.closed;
	char text[CTL_MAX_TEXT];

	snprintf(text, sizeof(text), "%s", closed->text);
	log_clean(text);
	if (w->state != WORKER_CLOSING) {
		if (closed->reason != CTL_REASON_ASKED && closed->reason != CTL_REASON_LOST)
			sup_session_fail(w->session, "%s", text);
		set_state(w, WORKER_CLOSING);
		sup_session_event(w->session, SES_EV_ENDED);
	}
	return 0;
}

#define IN(state)	(1u << WORKER_##state)

static const struct message {
	const char *name;
	uint32_t states;		/* in which it is allowed */
	int (*fn)(struct sup_worker *w, const struct ctl_msg *msg);
} messages[] = {
	[CTL_READY] = { "READY", IN(STARTING), on_ready },
	[CTL_FAILED] = { "FAILED", IN(STARTING), on_failed },
	[CTL_UNCAGED] = { "UNCAGED", IN(STARTING), on_uncaged },
	[CTL_BOUND] = { "BOUND", IN(BINDING), on_bound },
	[CTL_MAP] = { "MAP", IN(SERVING) | IN(CLOSING), on_map },
	[CTL_UNMAPPED] = { "UNMAPPED", IN(SERVING) | IN(CLOSING), on_unmapped },
	[CTL_WORK] = { "WORK", IN(SERVING) | IN(CLOSING), on_work },
	[CTL_MEMORY] = { "MEMORY", IN(SERVING) | IN(CLOSING), on_memory },
	[CTL_MEMORY_BACK] = { "MEMORY_BACK", IN(SERVING) | IN(CLOSING), on_memory_back },
	[CTL_CLOSED] = { "CLOSED", IN(BINDING) | IN(SERVING) | IN(CLOSING), on_closed },
};

/* Its end of the socket is closed: it should be ending. */
static void expect_end(struct sup_worker *w)
{
	if (!w->timer.armed)
		loop_timer_set(&w->sup->loop, &w->timer, SUP_CLOSE_MS, expired, w);
}

static int take_message(struct sup_worker *w, const struct ctl_msg *msg)
{
	const struct message *m = NULL;
	char text[96];
	int err;

	if (msg->type < sizeof(messages) / sizeof(messages[0]))
		m = &messages[msg->type];
	/* CLOSE crosses BOUND: the worker did not know yet. */
	if (msg->type == CTL_BOUND && w->state == WORKER_CLOSING)
		return 0;
	if (!m || !m->fn || !(m->states & 1u << w->state)) {
		snprintf(text, sizeof(text), "said %s, which it may not now: killed",
			 m && m->name ? m->name : "what no worker says");
		note_guest(w, LOG_LEVEL_ERROR, text);
		return -EPROTO;
	}
	err = m->fn(w, msg);
	if (err == -EPIPE) {
		/* It ended with a question open, as one does that is told to; its last words may follow. */
		w->deaf = true;
		expect_end(w);
		return 0;
	}
	if (err) {
		snprintf(text, sizeof(text), "its %s cannot be served (%s): killed", m->name,
			 strerror(-err));
		note_guest(w, LOG_LEVEL_ERROR, text);
	}
	return err;
}

/* One message. Returns 1; 0, none there; -EPIPE, it closed its end; -errno, it is to be killed. */
static int take_one(struct sup_worker *w)
{
	static struct ctl_msg msg;	/* 16 KiB; one thread */
	int fds[CTL_MAX_FDS];
	unsigned int n_fds = 0;
	int got, err;

	got = ctl_recv(w->sock, &msg, fds, &n_fds);
	if (got != 1)
		return got;
	err = n_fds ? -EPROTO : take_message(w, &msg);
	while (n_fds)
		close(fds[--n_fds]);
	return err ? err : 1;
}

static void take_messages(struct sup_worker *w, int max)
{
	int got = 1;

	while (w->sock >= 0 && w->state != WORKER_DYING && max-- && got == 1)
		got = take_one(w);
	/* What one that was killed had said before is not against its guest. */
	if (w->state == WORKER_DYING)
		close_source(w);
	if (got >= 0 || w->sock < 0)
		return;
	close_source(w);
	if (got != -EPIPE) {
		/* -EAGAIN: it asks and asks, and does not read the answers. */
		if (w->session && (got == -EPROTO || got == -EAGAIN)) {
			sup_session_fail(w->session,
					 "the worker broke its protocol and was killed");
			ban_count(w->session, "the worker broke its protocol");
		} else if (w->session) {
			/* Ours, and so not the guest's to answer for. */
			sup_session_fail(w->session, "the worker could not be served (%s) and was "
					 "killed", strerror(-got));
		}
		sup_worker_kill(w);
	} else {
		expect_end(w);
	}
}

static void on_socket(void *arg, uint32_t events)
{
	(void)events;
	take_messages(arg, MESSAGES_A_TURN);
}

/* --- the beginning ---------------------------------------------------------------------------- */

/* User ids come again after 4096 workers; one that has lived so long has its own still. */
static uint32_t free_slot(struct sup_pool *pool)
{
	const struct sup_worker *w;
	uint32_t slot;

	do {
		slot = pool->next_slot++ % SUP_MAX_WORKERS;
		TAILQ_FOREACH(w, &pool->workers, link)
			if (w->slot == slot)
				break;
	} while (w);
	return slot;
}

int sup_worker_start(struct sup *sup)
{
	struct sup_worker *w = calloc(1, sizeof(*w));
	struct spawned spawned;
	int err;

	if (!w)
		return -ENOMEM;
	w->slot = free_slot(&sup->pool);
	err = cgroup_make(w->slot);
	if (!err)
		err = spawn_worker(&sup->cfg, w->slot, &spawned);
	if (err) {
		cgroup_remove(w->slot);
		free(w);
		return err;
	}
	w->sup = sup;
	w->pid = spawned.pid;
	w->pid_fd = spawned.pid_fd;
	w->sock = spawned.sock;
	w->stats = spawned.stats;
	w->state = WORKER_STARTING;
	sup->pool.n_in_state[w->state]++;
	sup->pool.n_workers++;
	sup->pool.n_started++;
	TAILQ_INSERT_TAIL(&sup->pool.workers, w, link);
	loop_timer_set(&sup->loop, &w->timer, SUP_READY_MS, expired, w);
	err = loop_add(&sup->loop, &w->pid_source, w->pid_fd, EPOLLIN, on_death, w);
	if (!err)
		err = loop_add(&sup->loop, &w->sock_source, w->sock, EPOLLIN, on_socket, w);
	if (err) {
		kill(w->pid, SIGKILL);
		waitpid(w->pid, NULL, 0);
		worker_free(w);
	}
	return err;
}

int sup_worker_bind(struct sup_worker *w, struct sup_session *s)
{
	const struct sup_config *cfg = &w->sup->cfg;
	struct ctl_msg msg = { .type = CTL_BIND, .bytes = CTL_BYTES(bind) };
	struct ctl_bind *b = &msg.u.bind;
	int fds[CTL_MAX_FDS];
	uint32_t i;

	w->session = s;
	s->worker = w;
	s->dev->dom->n_workers++;
	set_state(w, WORKER_BINDING);
	b->domid = s->dev->dom->domid;
	b->devid = s->dev->devid;
	b->session = s->index;
	b->plat_kind = plat_kind(w->sup->plat);
	b->ring_order = s->order;
	b->n_evt_fds = evt_export(s->evt, fds, &b->evt_port);
	b->max_buffer_pages = cfg->max_buffer_pages;
	b->max_buffers = cfg->max_buffers;
	b->max_contexts = s->dev->limits.contexts;
	b->max_resources = s->dev->limits.resources;
	b->max_pages = s->dev->limits.pages;
	b->memory_mib = s->dev->limits.memory_mib;
	b->memory_bytes = sup_memory_first(w);
	b->inflight_mib = s->dev->limits.inflight_mib;
	b->max_fps = s->dev->limits.max_fps;
	b->queue_us = (uint32_t)(SUP_QUEUE_SLICES * w->sup->arb.slice_ns / 1000);
	b->n_extents = s->ring.n_extents;
	b->n_stores = sup_shaders_ready(s->dev) ? 1 : 0;
	for (i = 0; i < s->ring.n_extents; i++) {
		b->extent[i].n_pages = s->ring.extent[i].n_pages;
		b->extent[i].offset_bytes = s->ring.extent[i].offset_bytes;
		fds[b->n_evt_fds + i] = s->ring.extent[i].fd;
	}
	fds[b->n_evt_fds + b->n_extents] = s->dev->shaders_fd;
	return ctl_send(w->sock, &msg, fds, b->n_evt_fds + b->n_extents + b->n_stores);
}

int sup_worker_limits(struct sup_worker *w)
{
	struct ctl_msg msg = { .type = CTL_LIMITS, .bytes = CTL_BYTES(limits) };

	/* Behind BIND, so one that has not answered it yet may be told as well. */
	if (w->state != WORKER_BINDING && w->state != WORKER_SERVING)
		return 0;
	msg.u.limits.max_fps = w->session->dev->limits.max_fps;
	return ctl_send(w->sock, &msg, NULL, 0);
}

void sup_worker_close(struct sup_worker *w)
{
	struct ctl_msg msg = { .type = CTL_CLOSE, .bytes = (uint32_t)offsetof(struct ctl_msg, u) };

	if (w->state == WORKER_DYING)
		return;
	set_state(w, WORKER_CLOSING);
	/* Full or gone: the session's timer ends it. */
	if (w->sock >= 0)
		ctl_send(w->sock, &msg, NULL, 0);
}
