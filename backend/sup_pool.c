// SPDX-License-Identifier: GPL-2.0-only
/*
 * Warm workers: a renderer takes tens of milliseconds and more to start, so some are started ahead
 * of time, and a session takes one of them. When workers fail to get a renderer, they are tried
 * again ever more slowly.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "sup.h"
#include "sup_cage.h"
#include "sup_cgroup.h"

#define MAX_STARTING	4u		/* at a time: they compete for the same processors */
#define RETRY_MIN_MS	500u
#define RETRY_MAX_MS	60000u
#define FINISH_MS	1000u
#define REST_MS		300u		/* between giving one and starting the next, while there is another */

void sup_pool_init(struct sup *sup)
{
	TAILQ_INIT(&sup->pool.workers);
	TAILQ_INIT(&sup->pool.waiting);
}

static uint32_t retry_ms(uint32_t failures)
{
	uint32_t ms = RETRY_MIN_MS;

	while (--failures && ms < RETRY_MAX_MS)
		ms *= 2;
	return ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
}

static void retry(void *arg)
{
	sup_pool_refill(arg);
}

static uint32_t n_waiting(const struct sup_pool *pool)
{
	const struct sup_session *s;
	uint32_t n = 0;

	TAILQ_FOREACH(s, &pool->waiting, wait_link)
		n++;
	return n;
}

/* The pool is down: who waits is told, and the devices that offer nothing yet. */
static void go_down(struct sup *sup, const char *why)
{
	struct sup_pool *pool = &sup->pool;
	struct sup_session *s;

	pool->up = false;
	pool->down = true;
	snprintf(pool->why, sizeof(pool->why), "%s", why);
	while ((s = TAILQ_FIRST(&pool->waiting))) {
		sup_session_fail(s, "no renderer: %s", why);
		sup_session_event(s, SES_EV_NO_WORKER);
	}
	sup_devices_dirty(sup);
}

/* One has failed. @others: idle or starting workers there are besides; one of them may do better. */
static void failed(struct sup *sup, const char *why, uint32_t others)
{
	struct sup_pool *pool = &sup->pool;
	uint32_t ms;

	pool->failures++;
	pool->n_failed++;
	ms = retry_ms(pool->failures);
	log_error("a worker failed: %s; next try in %u.%03u s", why, ms / 1000, ms % 1000);
	if (!others)
		go_down(sup, why);
	loop_timer_set(&sup->loop, &pool->retry, ms, retry, sup);
}

void sup_pool_refill(struct sup *sup)
{
	struct sup_pool *pool = &sup->pool;
	const uint32_t *n = pool->n_in_state;
	char why[CTL_MAX_TEXT];
	int err;

	while (!sup->stopping && !pool->retry.armed && pool->n_workers < SUP_MAX_WORKERS &&
	       n[WORKER_STARTING] < MAX_STARTING &&
	       n[WORKER_STARTING] + n[WORKER_WARM] < sup->cfg.warm + n_waiting(pool)) {
		/* A program that begins needs the processors itself. */
		if (n[WORKER_WARM] && !n_waiting(pool) &&
		    loop_now_ns() < pool->given_ns + REST_MS * UINT64_C(1000000)) {
			loop_timer_set(&sup->loop, &pool->rest, REST_MS, retry, sup);
			return;
		}
		/* While the last one failed, one at a time. */
		if (pool->failures && n[WORKER_STARTING])
			return;
		err = sup_worker_start(sup);
		if (err) {
			snprintf(why, sizeof(why), "a worker cannot be started: %s",
				 strerror(-err));
			failed(sup, why, n[WORKER_STARTING] + n[WORKER_WARM]);
		}
	}
}

/* One may have died, and its death not have been heard of yet. */
static bool is_there(const struct sup_worker *w)
{
	struct pollfd pfd = { .fd = w->sock };

	return w->sock >= 0 && poll(&pfd, 1, 0) == 0;
}

/* The warm worker that comes next, or NULL. */
static struct sup_worker *next_warm(struct sup *sup)
{
	struct sup_worker *w;

	/* The list has the oldest first: the one that is surely idle. */
	TAILQ_FOREACH(w, &sup->pool.workers, link) {
		if (w->state != WORKER_WARM)
			continue;
		if (is_there(w))
			return w;
		sup_worker_kill(w);
	}
	return NULL;
}

void sup_pool_wait(struct sup_session *s)
{
	struct sup *sup = s->dev->sup;

	TAILQ_INSERT_TAIL(&sup->pool.waiting, s, wait_link);
	s->waiting = true;
	if (next_warm(sup)) {
		sup_session_event(s, SES_EV_WORKER);
	} else if (sup->pool.down) {
		sup_session_fail(s, "no renderer: %s", sup->pool.why);
		sup_session_event(s, SES_EV_NO_WORKER);
	}
	sup_pool_refill(sup);
}

void sup_pool_forget(struct sup_session *s)
{
	if (!s->waiting)
		return;
	TAILQ_REMOVE(&s->dev->sup->pool.waiting, s, wait_link);
	s->waiting = false;
}

struct sup_worker *sup_pool_take(struct sup *sup)
{
	struct sup_worker *w = next_warm(sup);

	if (w)
		sup->pool.given_ns = loop_now_ns();
	return w;
}

/* Who is next: the guest that has the fewest workers, and of its sessions the first. */
static struct sup_session *next_waiting(struct sup_pool *pool)
{
	struct sup_session *s, *best = NULL;

	TAILQ_FOREACH(s, &pool->waiting, wait_link) {
		if (!best || s->dev->dom->n_workers < best->dev->dom->n_workers)
			best = s;
	}
	return best;
}

void sup_pool_ready(struct sup_worker *w)
{
	struct sup *sup = w->sup;
	struct sup_pool *pool = &sup->pool;
	struct sup_session *s;
	char *text;

	if (!pool->up) {
		log_info("renderer: %s", w->ready.renderer);
		sup_devices_dirty(sup);
	}
	if (!pool->up || w->uncaged != pool->uncaged) {
		pool->uncaged = w->uncaged;
		memcpy(pool->uncaged_why, w->uncaged_why, sizeof(pool->uncaged_why));
		text = cage_text(w->uncaged);
		log_line(w->uncaged ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, NULL,
			 "the workers' cage: %s%s%s", text ? text : "unknown",
			 w->uncaged_why[0] ? ": " : "", w->uncaged_why);
		free(text);
	}
	pool->ready = w->ready;
	pool->up = true;
	pool->down = false;
	s = next_waiting(pool);
	if (s) {
		sup_session_event(s, SES_EV_WORKER);
	} else if (pool->n_in_state[WORKER_WARM] > sup->cfg.warm) {
		/* Started for a session that did not wait for it. */
		w->surplus = true;
		sup_worker_kill(w);
	}
	sup_pool_refill(sup);
}

void sup_pool_good(struct sup *sup)
{
	if (!sup->pool.failures)
		return;
	sup->pool.failures = 0;
	loop_timer_cancel(&sup->loop, &sup->pool.retry);
	sup_pool_refill(sup);
}

void sup_pool_failed(struct sup_worker *w)
{
	const struct sup_worker *other;
	uint32_t others = 0;

	if (w->sup->stopping || w->surplus)
		return;
	TAILQ_FOREACH(other, &w->sup->pool.workers, link) {
		if (other != w && !other->failed &&
		    (other->state == WORKER_STARTING || other->state == WORKER_WARM))
			others++;
	}
	failed(w->sup, w->why, others);
}

void sup_pool_kill_all(struct sup *sup)
{
	struct sup_worker *w;

	TAILQ_FOREACH(w, &sup->pool.workers, link)
		sup_worker_kill(w);
}

void sup_pool_finish(struct sup *sup)
{
	const uint64_t end_ns = loop_now_ns() + FINISH_MS * UINT64_C(1000000);
	struct sup_worker *w;
	struct pollfd pfd;
	uint64_t now_ns;

	sup_pool_kill_all(sup);
	TAILQ_FOREACH(w, &sup->pool.workers, link) {
		pfd = (struct pollfd){ .fd = w->pid_fd, .events = POLLIN };
		now_ns = loop_now_ns();
		if (poll(&pfd, 1, now_ns < end_ns ? (int)((end_ns - now_ns) / 1000000u) : 0) == 1)
			waitpid(w->pid, NULL, WNOHANG);
		cgroup_remove(w->slot);
	}
	cgroup_finish();
}
