// SPDX-License-Identifier: GPL-2.0-only
/*
 * The watchdog: workers that hang. A worker may be stuck inside the renderer, or the GPU may never
 * signal a fence; either way the counters that it writes stand still while something is under way.
 * They are looked at four times within the config's time, and only while anybody has work: once all
 * have been idle for a while, nothing wakes up before the first says that it has work again. A guest
 * that is paused or idle has nothing under way. Where several guests stand still, one is to blame at
 * a time. What a taken-over worker makes of its counters costs its own session; others at most the
 * time that theirs have anew, or, if it hides that it hangs, that who stands behind it is blamed.
 */
#include <stdio.h>

#include "sup.h"

/* From now on: what was seen last, nobody has looked at since. */
static void begin_anew(struct sup *sup)
{
	const uint64_t now_ns = loop_now_ns();
	struct sup_worker *w;

	TAILQ_FOREACH(w, &sup->pool.workers, link)
		w->watch.calls_ns = w->watch.retired_ns = now_ns;
	sup->watched_ns = now_ns;
}

static void hung(struct sup_worker *w)
{
	char text[CTL_MAX_TEXT];

	snprintf(text, sizeof(text), "the GPU hangs: %s within %u s; the worker was killed",
		 w->watch.calls_ns <= w->watch.retired_ns ? "the renderer did not come back" :
							    "no fence came",
		 w->sup->cfg.fence_timeout_s);
	sup_session_fail(w->session, "%s", text);
	ban_count(w->session, text);
	sup_worker_kill(w);
}

/* Returns whether something is under way. */
static bool look_at(struct sup_worker *w, uint64_t now_ns)
{
	struct worker_watch *watch = &w->watch;
	struct ctl_stats stats;

	sup_stats_read(w, &stats);
	/* Odd while a call into the renderer lasts. */
	if (!(stats.calls & 1) || stats.calls != watch->calls) {
		watch->calls = stats.calls;
		watch->calls_ns = now_ns;
	}
	if (!stats.fences_in_flight || stats.fences_retired != watch->retired) {
		watch->retired = stats.fences_retired;
		watch->retired_ns = now_ns;
	}
	return (stats.calls & 1) || stats.fences_in_flight;
}

static uint64_t stands_since(const struct sup_worker *w)
{
	return w->watch.calls_ns < w->watch.retired_ns ? w->watch.calls_ns : w->watch.retired_ns;
}

static bool stands_too_long(const struct sup_worker *w, uint64_t now_ns)
{
	return w->state == WORKER_SERVING &&
	       now_ns - stands_since(w) >= w->sup->cfg.fence_timeout_s * UINT64_C(1000000000);
}

/* When it was let to the GPU with what it has there still; the latest, if it never had to wait for that. */
static uint64_t let_in(const struct sup_worker *w)
{
	uint64_t first_ns = UINT64_MAX;
	unsigned int i;

	for (i = 0; i < ARB_MAX_LEASES; i++)
		if (w->runner.lease[i].serial && w->runner.lease[i].given_ns < first_ns)
			first_ns = w->runner.lease[i].given_ns;
	return first_ns;
}

/*
 * Of those that stand still for too long, the guest that did so first: what others have in flight may stand
 * behind its work, on the one GPU. They have all of the time again, from when its workers are gone.
 */
static void find_hung(struct sup *sup, uint64_t now_ns)
{
	struct sup_worker *w, *first = NULL;

	TAILQ_FOREACH(w, &sup->pool.workers, link) {
		if (!stands_too_long(w, now_ns))
			continue;
		if (!first || stands_since(w) < stands_since(first) ||
		    (stands_since(w) == stands_since(first) && let_in(w) < let_in(first)))
			first = w;
	}
	if (!first)
		return;
	TAILQ_FOREACH(w, &sup->pool.workers, link)
		if (stands_too_long(w, now_ns) && w->session->dev->dom == first->session->dev->dom)
			hung(w);
	begin_anew(sup);
}

static uint32_t interval_ms(const struct sup *sup)
{
	return sup->cfg.fence_timeout_s * 250u;
}

static void tick(void *arg)
{
	struct sup *sup = arg;
	const uint64_t now_ns = loop_now_ns();
	struct sup_worker *w;
	bool busy = false;

	/* The driver domain stood still itself: it was paused, or had no processor. */
	if (now_ns - sup->watched_ns > 2 * UINT64_C(1000000) * interval_ms(sup))
		begin_anew(sup);
	sup->watched_ns = now_ns;
	TAILQ_FOREACH(w, &sup->pool.workers, link)
		if (w->state == WORKER_SERVING)
			busy |= look_at(w, now_ns);
	find_hung(sup, now_ns);
	if (!arb_quiet(&sup->arb, now_ns) || busy)
		loop_timer_set(&sup->loop, &sup->watchdog, interval_ms(sup), tick, sup);
}

void watchdog_start(struct sup_worker *w)
{
	struct sup *sup = w->sup;

	w->watch = (struct worker_watch){ .calls_ns = loop_now_ns(), .retired_ns = loop_now_ns() };
	if (sup->watchdog.armed)
		return;
	/* Others may have begun at this moment, too. */
	begin_anew(sup);
	loop_timer_set(&sup->loop, &sup->watchdog, interval_ms(sup), tick, sup);
}

void watchdog_patience(struct sup *sup, uint32_t seconds)
{
	if (seconds == sup->cfg.fence_timeout_s)
		return;
	sup->cfg.fence_timeout_s = seconds;
	/* What was seen last may have been seen longer ago than the new time is. */
	begin_anew(sup);
	if (sup->watchdog.armed)
		loop_timer_set(&sup->loop, &sup->watchdog, interval_ms(sup), tick, sup);
}
