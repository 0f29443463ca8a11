// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker's part of arbitration: when it may take requests, and what they cost. The arbiter is in
 * the supervisor (sup_arbiter.h) and says RUN; we say WORK. While it lets us run freely, which is
 * as long as no other guest has work, nothing is said, and a request costs one comparison.
 *
 * A submit's cost is not known before it is done. The context's earlier ones tell, measured from
 * fence to fence: the moving mean, less most of what single ones are off it, is when it may be done,
 * which is what the next lease is timed by; the longest of late is what it may take, which fills a
 * lease and is charged until the true cost is known. Behind the last submit of a lease is a fence, the guest's own or one of ours,
 * and when that is done the lease is drained.
 */
#include <stdlib.h>
#include <string.h>

#include "wrk.h"

#define UNKNOWN_NS	1000000u	/* a submit of a context that was never measured */
#define MAX_NS		10000000000u
#define MEAN_SHIFT	2		/* a new measurement counts for a quarter */
#define OFF_SHIFT	3
#define PEAK_SHIFT	4		/* the longest is forgotten by a sixteenth each time */
#define LEASE_STRETCH	8u		/* of real time, for one of expected time: then it rests anyway */

/* --- messages ---------------------------------------------------------------------------------- */

int wrk_sched_flush(struct wrk *w)
{
	struct wrk_sched *s = &w->sched;
	struct ctl_msg msg = { .type = CTL_WORK, .bytes = CTL_BYTES(work) };
	int err;

	while (s->n_said) {
		msg.u.work = s->said[0];
		err = ctl_send(w->ctl_fd, &msg, NULL, 0);
		if (err)
			return err;
		s->n_said--;
		memmove(s->said, s->said + 1, s->n_said * sizeof(s->said[0]));
	}
	return 0;
}

/* Sent at once, or by wrk_ctl_flush() when the socket has room. */
static void say(struct wrk *w, struct ctl_work work)
{
	struct wrk_sched *s = &w->sched;

	work.priority = s->priority;
	/* A lease ends and drains once and there is one WANT between: they always fit. */
	if (s->n_said < WRK_MAX_SAID)
		s->said[s->n_said++] = work;
	wrk_sched_flush(w);
}

/* --- GPU time ---------------------------------------------------------------------------------- */

static uint64_t busy_ns(struct wrk *w)
{
	return w->gpu.has_busy_ns ? w->gpu.ops->busy_ns(&w->gpu) : w->sched.fence_busy_ns;
}

/* Publish what was used; never less than before, whatever the driver says. */
static void publish(struct wrk *w, uint64_t now_ns)
{
	if (now_ns > w->sched.base_ns && now_ns - w->sched.base_ns > w->stats->gpu_ns)
		w->stats->gpu_ns = now_ns - w->sched.base_ns;
	w->stats->queued_ns = w->sched.queued_ns;
}

static uint64_t expected_ns(const struct wrk_context *context)
{
	return context->mean_ns ? context->mean_ns : UNKNOWN_NS;
}

/*
 * Three quarters of the mean deviation early: enough for the GPU to have work 99 % of the time with
 * lengths from 0.2 to 2 ms in no order, and nothing where all are alike.
 */
static uint64_t soonest_ns(const struct wrk_context *context)
{
	const uint64_t ns = expected_ns(context), off_ns = context->off_ns - context->off_ns / 4;

	return off_ns < ns - ns / 8 ? ns - off_ns : ns / 8;
}

static uint64_t longest_ns(const struct wrk_context *context)
{
	return context->peak_ns > expected_ns(context) ? context->peak_ns : expected_ns(context);
}

void wrk_sched_begun(struct wrk *w, struct wrk_context *context, uint32_t ring_idx)
{
	struct wrk_timeline *ring = &context->ring[ring_idx];
	struct wrk_sched *s = &w->sched;
	const uint64_t cost_ns = longest_ns(context);

	if (!ring->unfenced && !w->gpu.has_busy_ns)
		ring->begun_ns = wrk_now_ns();
	ring->unfenced++;
	ring->unfenced_ns += cost_ns;
	s->next_ns = cost_ns;
	s->last_context = context->node.id;
	s->last_ring = ring_idx;
	if (s->leased) {
		s->begun_ns += soonest_ns(context);
		s->filled_ns += cost_ns;
	}
}

void wrk_sched_fenced(struct wrk *w, struct wrk_timeline *ring, struct wrk_pending *p)
{
	p->submits = ring->unfenced;
	p->cost_ns = ring->unfenced_ns;
	p->begun_ns = ring->begun_ns;
	ring->unfenced = 0;
	ring->unfenced_ns = 0;
	w->sched.queued_ns += p->cost_ns;
	w->stats->queued_ns = w->sched.queued_ns;
}

static void learn(struct wrk_context *context, uint64_t took_ns)
{
	const int64_t off_ns = (int64_t)took_ns - (int64_t)context->mean_ns;

	context->peak_ns -= context->peak_ns >> PEAK_SHIFT;
	if (took_ns > context->peak_ns)
		context->peak_ns = took_ns;
	if (context->mean_ns)
		context->off_ns += ((uint64_t)llabs(off_ns) >> OFF_SHIFT) -
				   (context->off_ns >> OFF_SHIFT);
	if (context->mean_ns)
		context->mean_ns += (uint64_t)(off_ns >> MEAN_SHIFT);
	else
		context->mean_ns = took_ns;
	if (!context->mean_ns)
		context->mean_ns = 1;
}

void wrk_sched_retired(struct wrk *w, const struct wrk_pending *p, struct wrk_context *context)
{
	struct wrk_sched *s = &w->sched;
	uint64_t now_ns, took_ns, from_ns;

	s->queued_ns -= p->cost_ns;
	w->held &= ~(uint32_t)WRK_HELD_QUEUE;
	if (!w->gpu.has_busy_ns) {
		now_ns = wrk_now_ns();
		from_ns = p->begun_ns > s->retired_at_ns ? p->begun_ns : s->retired_at_ns;
		if (p->submits && now_ns > from_ns)
			s->fence_busy_ns += now_ns - from_ns;
		s->retired_at_ns = now_ns;
	}
	now_ns = busy_ns(w);
	if (p->submits && context) {
		took_ns = now_ns > s->retired_ns ? (now_ns - s->retired_ns) / p->submits : 0;
		learn(context, took_ns < MAX_NS ? took_ns : MAX_NS);
	}
	s->retired_ns = now_ns;
	publish(w, now_ns);
	if (p->lease && (int32_t)(p->lease - s->forgotten) > 0)
		say(w, (struct ctl_work){ .event = CTL_WORK_DRAINED, .serial = p->lease });
}

/* --- leases ------------------------------------------------------------------------------------ */

/*
 * Something that is done when all that was begun under the lease is. Returns what is still to be
 * done; 0: nothing.
 */
static uint64_t mark_end(struct wrk *w)
{
	struct wrk_sched *s = &w->sched;
	struct wrk_context *context = s->begun_ns ? wrk_table_find(&w->contexts, s->last_context) :
						    NULL;
	struct wrk_timeline *ring;

	if (!context || s->last_ring >= context->n_rings)
		return 0;
	ring = &context->ring[s->last_ring];
	if (ring->unfenced && wrk_submit_fence(w, context, s->last_ring))
		return 0;
	/* Without a fence in flight it was done before we looked. */
	if (!ring->tail || !ring->tail->fence_id)
		return 0;
	ring->tail->lease = s->serial;
	return s->begun_ns;
}

static void rest(struct wrk *w, bool more)
{
	struct wrk_sched *s = &w->sched;
	uint64_t begun_ns;

	/* A fence of our own, in the renderer: the watchdog sees one that does not come back. */
	w->stats->calls++;
	begun_ns = mark_end(w);
	w->stats->calls++;
	publish(w, busy_ns(w));
	s->leased = false;
	s->told = more;
	say(w, (struct ctl_work){ .event = CTL_WORK_REST, .serial = s->serial, .more = more,
				  .begun_ns = begun_ns });
}

static void hold(struct wrk *w)
{
	if (w->held & WRK_HELD_LEASE)
		return;
	w->held |= WRK_HELD_LEASE;
	w->sched.held_at_ns = wrk_now_ns();
}

static void let_go(struct wrk *w)
{
	if (!(w->held & WRK_HELD_LEASE))
		return;
	w->held &= ~(uint32_t)WRK_HELD_LEASE;
	w->stats->held_ns += wrk_now_ns() - w->sched.held_at_ns;
}

/* The first submit always fits, a further one if at least half of it does. */
static bool used_up(const struct wrk *w)
{
	const struct wrk_sched *s = &w->sched;

	return (s->filled_ns && s->filled_ns + s->next_ns / 2 >= s->lease_ns) ||
	       (s->took && wrk_now_ns() - s->leased_at_ns >= s->lease_ns * LEASE_STRETCH);
}

bool wrk_sched_may_take(struct wrk *w)
{
	struct wrk_sched *s = &w->sched;

	/* Alone as well, no more is begun than keeps the GPU busy. */
	if (s->mode != CTL_RUN_GATED && w->bind.queue_us && w->fences_in_flight > 1 &&
	    s->queued_ns >= w->bind.queue_us * UINT64_C(1000)) {
		w->held |= WRK_HELD_QUEUE;
		return false;
	}
	if (s->mode == CTL_RUN_FREE)
		return true;
	if (s->mode == CTL_RUN_TELL) {
		s->mode = CTL_RUN_FREE;
		w->stats->last_work_ns = wrk_now_ns();
		say(w, (struct ctl_work){ .event = CTL_WORK_BEGUN });
		return true;
	}
	if (s->leased && !used_up(w)) {
		s->took = true;
		return true;
	}
	if (s->leased) {
		rest(w, true);
	} else if (!s->told) {
		s->told = true;
		say(w, (struct ctl_work){ .event = CTL_WORK_WANT });
	}
	hold(w);
	return false;
}

void wrk_sched_later(struct wrk *w)
{
	w->sched.later = true;
}

void wrk_sched_settle(struct wrk *w)
{
	/* The supervisor's answer is, if it does not say otherwise; all else may take as long as it likes. */
	const bool quick = w->held & (WRK_HELD_REGISTER | WRK_HELD_MEMORY);

	w->sched.later &= quick;
	if (!w->sched.leased || (quick && !w->sched.later))
		return;
	if ((w->held & ~(uint32_t)WRK_HELD_LEASE) || !wrk_ring_waiting(w))
		rest(w, false);
}

void wrk_sched_run(struct wrk *w, const struct ctl_run *run)
{
	struct wrk_sched *s = &w->sched;

	s->mode = run->mode;
	s->leased = run->mode == CTL_RUN_GATED && run->lease_ns;
	s->told = false;
	if (s->leased) {
		s->serial = run->serial;
		s->took = false;
		s->lease_ns = run->lease_ns;
		s->leased_at_ns = wrk_now_ns();
		s->begun_ns = 0;
		s->filled_ns = 0;
	} else {
		s->forgotten = s->serial;
	}
	w->held &= ~(uint32_t)WRK_HELD_QUEUE;
	let_go(w);
}

/* --- the session ------------------------------------------------------------------------------- */

void wrk_sched_start(struct wrk *w)
{
	w->sched = (struct wrk_sched){ .mode = CTL_RUN_TELL };
	/* What starting the renderer took is not the guest's. */
	w->sched.base_ns = w->sched.retired_ns = busy_ns(w);
}

static void find_priority(struct wrk_node *node, void *arg)
{
	const struct wrk_context *context = (const struct wrk_context *)(const void *)node;
	uint32_t *highest = arg;

	if (context->priority > *highest)
		*highest = context->priority;
}

void wrk_sched_contexts(struct wrk *w)
{
	uint32_t highest = 0;

	wrk_table_each(&w->contexts, find_priority, &highest);
	if (highest == w->sched.priority)
		return;
	w->sched.priority = highest;
	/* Otherwise it goes with the next message. */
	if (w->sched.mode == CTL_RUN_FREE)
		say(w, (struct ctl_work){ .event = CTL_WORK_BEGUN });
}
