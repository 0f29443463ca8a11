// SPDX-License-Identifier: GPL-2.0-only
/*
 * The watchdog: workers that hang. A worker may be stuck inside the renderer, or the GPU may never
 * signal a fence; either way the counters that it writes stand still while something is under way.
 * They are looked at four times within the config's time, and only while anybody has work: once all
 * have been idle for a while, nothing wakes up before the first says that it has work again. A guest
 * that is paused or idle has nothing under way. What a taken-over worker makes of its counters
 * harms nobody but its own session.
 */
#include <stdio.h>

#include "sup.h"

static void hung(struct sup_worker *w, const char *what)
{
	char text[CTL_MAX_TEXT];

	snprintf(text, sizeof(text), "the GPU hangs: %s within %u s; the worker was killed", what,
		 w->sup->cfg.fence_timeout_s);
	sup_session_fail(w->session, "%s", text);
	ban_count(w->session, text);
	sup_worker_kill(w);
}

/* Returns whether something is under way. */
static bool look_at(struct sup_worker *w, uint64_t now_ns)
{
	const uint64_t limit_ns = w->sup->cfg.fence_timeout_s * UINT64_C(1000000000);
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
	if (now_ns - watch->calls_ns >= limit_ns)
		hung(w, "the renderer did not come back");
	else if (now_ns - watch->retired_ns >= limit_ns)
		hung(w, "no fence came");
	return (stats.calls & 1) || stats.fences_in_flight;
}

static void tick(void *arg)
{
	struct sup *sup = arg;
	const uint64_t now_ns = loop_now_ns();
	struct sup_worker *w;
	bool busy = false;

	TAILQ_FOREACH(w, &sup->pool.workers, link)
		if (w->state == WORKER_SERVING)
			busy |= look_at(w, now_ns);
	if (!arb_quiet(&sup->arb, now_ns) || busy)
		loop_timer_set(&sup->loop, &sup->watchdog, sup->cfg.fence_timeout_s * 250u, tick,
			       sup);
}

void watchdog_start(struct sup_worker *w)
{
	struct sup *sup = w->sup;

	w->watch = (struct worker_watch){ .calls_ns = loop_now_ns(), .retired_ns = loop_now_ns() };
	if (!sup->watchdog.armed)
		loop_timer_set(&sup->loop, &sup->watchdog, sup->cfg.fence_timeout_s * 250u, tick,
			       sup);
}

void watchdog_patience(struct sup *sup, uint32_t seconds)
{
	const uint64_t now_ns = loop_now_ns();
	struct sup_worker *w;

	if (seconds == sup->cfg.fence_timeout_s)
		return;
	sup->cfg.fence_timeout_s = seconds;
	/* What was seen last may have been seen longer ago than the new time is. */
	TAILQ_FOREACH(w, &sup->pool.workers, link)
		w->watch.calls_ns = w->watch.retired_ns = now_ns;
	if (sup->watchdog.armed)
		loop_timer_set(&sup->loop, &sup->watchdog, seconds * 250u, tick, sup);
}
