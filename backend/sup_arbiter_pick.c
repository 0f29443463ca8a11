// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who has the GPU next; see sup_arbiter.h. Guests are ordered by virtual time, which is the GPU time
 * that they were charged with, divided by weight: the one that has had least for its weight is
 * served first, and debt is repaid by waiting until the others have had as much. A cap is a bucket
 * that fills with time. Source of what weight and cap mean: xl(1), sched-credit2.
 */
#include <stdio.h>
#include <string.h>

#include "sup_arbiter.h"

static const char *const names[ARB_N_POLICIES] = {
	[ARB_CREDIT] = "credit",
	[ARB_EQUAL_SHARE] = "equal-share",
	[ARB_FIXED_SHARE] = "fixed-share",
	[ARB_DEADLINE] = "deadline",
	[ARB_AUTO] = "auto",
	[ARB_OFF] = "off",
};

const char *arb_policy_name(enum arb_policy policy)
{
	return names[policy];
}

enum arb_policy arb_policy_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARB_N_POLICIES; i++)
		if (!strcmp(names[i], name))
			break;
	return (enum arb_policy)i;
}

uint32_t arb_weight(const struct arb *a, const struct arb_guest *g)
{
	if (a->effective == ARB_EQUAL_SHARE || a->effective == ARB_FIXED_SHARE)
		return ARB_WEIGHT_UNIT;
	return g->weight;
}

uint32_t arb_cap(const struct arb *a, const struct arb_guest *g)
{
	uint32_t share;

	if (a->effective != ARB_FIXED_SHARE)
		return g->cap;
	share = a->n_guests > 100 ? 1 : 100 / a->n_guests;
	return g->cap && g->cap < share ? g->cap : share;
}

/* --- caps -------------------------------------------------------------------------------------- */

/* Tokens of GPU time that a time is worth under the cap. */
static int64_t worth(const struct arb *a, const struct arb_guest *g, uint64_t ns)
{
	return (int64_t)(ns / 100 * arb_cap(a, g) * a->capacity);
}

static bool waits_for_others(const struct arb *a, const struct arb_guest *g)
{
	const struct arb_guest *other;

	LIST_FOREACH(other, &a->guests, link)
		if (other != g && arb_busy(other))
			return arb_busy(g);
	return false;
}

/*
 * Of what it did not use nothing is kept, unless it could not: others had the GPU, or we looked later
 * than when it could have gone on.
 */
static void refill(struct arb *a, struct arb_guest *g, uint64_t now_ns)
{
	int64_t more = worth(a, g, now_ns - g->tokens_at_ns), most;

	if (g->tokens_due_ns && now_ns > g->tokens_due_ns) {
		g->tokens_kept_ns += worth(a, g, now_ns - g->tokens_due_ns);
		g->tokens_due_ns = now_ns;
	}
	if (g->tokens_kept_ns > ARB_WAIT_NS)
		g->tokens_kept_ns = ARB_WAIT_NS;
	/* What is in flight is paid with it. */
	most = (waits_for_others(a, g) ? ARB_WAIT_NS : g->tokens_kept_ns) + (int64_t)g->queued_ns;
	g->tokens_ns += more;
	if (g->tokens_ns > most)
		g->tokens_ns = most;
	if (g->tokens_ns < g->tokens_kept_ns)
		g->tokens_kept_ns = g->tokens_ns > 0 ? g->tokens_ns : 0;
	/* What the division dropped is kept for the next time. */
	if (more)
		g->tokens_at_ns = now_ns - now_ns % 100;
}

/*
 * What a capped guest may begin now; at most 0: nothing before *@later_ns. That is a little early,
 * by what it takes until it begins, so that on average it has what the cap says.
 */
static int64_t tokens(struct arb *a, struct arb_guest *g, uint64_t now_ns, uint64_t *later_ns)
{
	const int64_t per_ms = worth(a, g, 1000000);
	int64_t left;

	refill(a, g, now_ns);
	left = g->tokens_ns + worth(a, g, ARB_HANDOVER_NS) - (int64_t)g->queued_ns;
	if (left <= 0)
		*later_ns = now_ns + ((uint64_t)-left + 1) * 1000000 / (uint64_t)per_ms + 1;
	g->tokens_due_ns = left <= 0 ? *later_ns : 0;
	return left;
}

/* --- charging ---------------------------------------------------------------------------------- */

static uint64_t to_virtual(const struct arb *a, const struct arb_guest *g, uint64_t gpu_ns)
{
	return gpu_ns * ARB_WEIGHT_UNIT / arb_weight(a, g);
}

void arb_pay(struct arb *a, struct arb_guest *g, uint64_t gpu_ns)
{
	g->gpu_ns += gpu_ns;
	a->gpu_ns += gpu_ns;
	if (arb_cap(a, g))
		g->tokens_ns -= (int64_t)gpu_ns;
	/* What a guest used while nobody else wanted it is no debt. */
	if (!a->gated)
		return;
	g->virtual_rest += gpu_ns * ARB_WEIGHT_UNIT;
	g->virtual_ns += g->virtual_rest / arb_weight(a, g);
	g->virtual_rest %= arb_weight(a, g);
}

/*
 * Where those stand that have work: a guest that joins them begins near there. It never goes back,
 * or a guest could gain by leaving and coming again.
 */
static void advance(struct arb *a)
{
	uint64_t least = UINT64_MAX;
	const struct arb_guest *g;

	LIST_FOREACH(g, &a->guests, link)
		if (arb_busy(g) && g->virtual_ns < least)
			least = g->virtual_ns;
	if (least != UINT64_MAX && least > a->virtual_ns)
		a->virtual_ns = least;
}

void arb_join(struct arb *a, struct arb_guest *g, uint64_t now_ns)
{
	uint64_t floor_ns;

	arb_charge(a, g);
	advance(a);
	floor_ns = a->virtual_ns > ARB_CARRY_NS ? a->virtual_ns - ARB_CARRY_NS : 0;
	if (g->virtual_ns < floor_ns)
		g->virtual_ns = floor_ns;
	g->tokens_due_ns = 0;
	g->tokens_kept_ns = 0;
	if (arb_cap(a, g))
		refill(a, g, now_ns);
}

/* --- rates ------------------------------------------------------------------------------------- */

/* A frame's period begins when the guest wants the GPU and the last one has passed. */
static void begin_period(struct arb_guest *g, uint64_t now_ns)
{
	const uint64_t length_ns = 1000000000u / g->fps;

	if (g->in_period && now_ns < g->period_ns + length_ns)
		return;
	/* Back to back if it is late by less than one, so that the rate is held on average. */
	if (g->in_period && now_ns < g->period_ns + 2 * length_ns)
		g->period_ns += length_ns;
	else
		g->period_ns = now_ns;
	g->in_period = true;
	g->period_fences = g->fences;
	g->period_gpu_ns = g->gpu_ns;
}

static uint32_t weight_of_rated(const struct arb *a, const struct arb_guest *g)
{
	const struct arb_guest *other;
	uint32_t sum = g->weight;

	LIST_FOREACH(other, &a->guests, link)
		if (other != g && other->active && other->fps)
			sum += other->weight;
	return sum;
}

/*
 * When its frame is due, if it has one to be done before everything else; 0 if not. Among guests
 * with rates each has its part of the period by weight for that, so that one that asks for too much
 * does not take what the others were promised.
 */
static uint64_t deadline(const struct arb *a, struct arb_guest *g, uint64_t now_ns)
{
	uint64_t length_ns, budget_ns;

	if (a->effective != ARB_DEADLINE || !g->fps)
		return 0;
	begin_period(g, now_ns);
	length_ns = 1000000000u / g->fps;
	budget_ns = length_ns * a->capacity * g->weight / weight_of_rated(a, g);
	if (g->fences != g->period_fences ||
	    g->gpu_ns + g->queued_ns - g->period_gpu_ns >= budget_ns)
		return 0;
	return g->period_ns + length_ns;
}

/* --- picking ----------------------------------------------------------------------------------- */

/* Of a guest's runners that want: the highest priority, then the one that has had least. */
static struct arb_runner *pick_runner(const struct arb_guest *g)
{
	struct arb_runner *r, *best = NULL;

	TAILQ_FOREACH(r, &g->runners, link) {
		if (r->state != ARB_GATED || !r->want)
			continue;
		if (!best || r->priority > best->priority ||
		    (r->priority == best->priority &&
		     r->used_ns + r->seen.queued_ns < best->used_ns + best->seen.queued_ns))
			best = r;
	}
	return best;
}

struct candidate {
	struct arb_runner *runner;
	uint64_t deadline_ns;		/* 0: none */
	uint64_t virtual_ns;
	uint64_t lease_ns;
};

static bool before(const struct candidate *x, const struct candidate *y)
{
	if (x->deadline_ns || y->deadline_ns)
		return y->deadline_ns ? x->deadline_ns && x->deadline_ns < y->deadline_ns : true;
	return x->virtual_ns < y->virtual_ns;
}

/* Returns whether the guest may have a lease. */
static bool make_candidate(struct arb *a, struct arb_guest *g, uint64_t now_ns,
			   struct candidate *c, uint64_t *later_ns)
{
	uint64_t when_ns = 0;
	int64_t left;

	c->runner = pick_runner(g);
	if (!c->runner)
		return false;
	arb_charge(a, g);
	c->lease_ns = a->slice_ns * a->capacity;
	if (arb_cap(a, g)) {
		left = tokens(a, g, now_ns, &when_ns);
		if (left <= 0) {
			if (!*later_ns || when_ns < *later_ns)
				*later_ns = when_ns;
			return false;
		}
		if ((uint64_t)left < c->lease_ns)
			c->lease_ns = (uint64_t)left;
	}
	c->deadline_ns = deadline(a, g, now_ns);
	c->virtual_ns = g->virtual_ns + to_virtual(a, g, g->queued_ns);
	return true;
}

struct arb_runner *arb_pick(struct arb *a, uint64_t now_ns, uint64_t *lease_ns,
			    uint64_t *later_ns)
{
	struct candidate best = { 0 }, c, last = { 0 };
	struct arb_guest *g;

	*later_ns = 0;
	advance(a);
	LIST_FOREACH(g, &a->guests, link) {
		if (!make_candidate(a, g, now_ns, &c, later_ns))
			continue;
		if (g == a->last)
			last = c;
		if (!best.runner || before(&c, &best))
			best = c;
	}
	/* Whoever has it keeps it for a while, unless a frame is due. */
	if (last.runner && !best.deadline_ns && now_ns < a->last_since_ns + a->ratelimit_ns)
		best = last;
	*lease_ns = best.lease_ns;
	return best.runner;
}

/* --- auto -------------------------------------------------------------------------------------- */

static void change_mind(struct arb *a, enum arb_policy to, const char *why)
{
	char text[ARB_REASON_BYTES + 64];

	snprintf(text, sizeof(text), "policy auto: %s -> %s: %s", names[a->effective], names[to],
		 why);
	snprintf(a->reason, sizeof(a->reason), "%s", why);
	a->effective = to;
	a->auto_quiet = 0;
	a->note(a->arg, text);
}

/*
 * Equal and fixed shares are never chosen: the one drops the weights that somebody set, the other
 * leaves the GPU idle. Credit serves everybody as long as the rates are held anyway.
 */
void arb_auto(struct arb *a, uint64_t now_ns)
{
	char why[ARB_REASON_BYTES];
	struct arb_guest *g;
	bool wanted = false;
	uint64_t frames, held_ns;

	(void)now_ns;
	LIST_FOREACH(g, &a->guests, link) {
		arb_charge(a, g);
		frames = g->fences - g->auto_fences;
		held_ns = g->held_ns - g->auto_held_ns;
		g->auto_fences = g->fences;
		g->auto_held_ns = g->held_ns;
		if (!g->active || !g->fps)
			continue;
		wanted = true;
		/* One that draws less of its own accord is not held. */
		if (a->effective == ARB_CREDIT && frames * 100 < g->fps * UINT64_C(95) &&
		    held_ns > ARB_AUTO_NS / 20) {
			snprintf(why, sizeof(why), "%.64s had %llu of %u frames in a second, held "
				 "for %llu ms of it", g->name, (unsigned long long)frames, g->fps,
				 (unsigned long long)held_ns / 1000000);
			change_mind(a, ARB_DEADLINE, why);
		}
	}
	if (wanted || a->effective == ARB_CREDIT)
		a->auto_quiet = 0;
	else if (++a->auto_quiet >= 5)
		change_mind(a, ARB_CREDIT, "no guest with a rate has drawn for 5 s");
}
