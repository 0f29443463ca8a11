// SPDX-License-Identifier: GPL-2.0-only
/*
 * When somebody may be let go; see sup_arbiter.h. Who it is to be is sup_arbiter_pick.c's matter.
 */
#include <string.h>

#include "ctl.h"
#include "sup_arbiter.h"

void arb_init(struct arb *a)
{
	memset(a, 0, sizeof(*a));
	LIST_INIT(&a->guests);
	a->policy = a->effective = ARB_CREDIT;
	a->capacity = 1;
}

/* --- what the workers' counters say ------------------------------------------------------------ */

static uint64_t at_most(uint64_t ns, uint64_t max)
{
	return ns < max ? ns : max;
}

static void look_at(struct arb *a, struct arb_runner *r)
{
	struct arb_sample now;
	uint64_t used = 0, paid;

	a->sample(a->arg, r, &now);
	/* Drivers' counters may go back, and a worker may say anything. */
	if (now.gpu_ns > r->seen.gpu_ns) {
		used = at_most(now.gpu_ns - r->seen.gpu_ns, ARB_MAX_CLAIM_NS);
		r->seen.gpu_ns = now.gpu_ns;
	}
	if (now.fences > r->seen.fences)
		r->guest->fences += now.fences - r->seen.fences;
	if (now.held_ns > r->seen.held_ns)
		r->guest->held_ns += now.held_ns - r->seen.held_ns;
	r->seen.fences = now.fences;
	r->seen.held_ns = now.held_ns;
	r->seen.last_work_ns = now.last_work_ns;
	r->seen.queued_ns = at_most(now.queued_ns, ARB_MAX_CLAIM_NS);
	paid = at_most(used, r->advance_ns);
	r->advance_ns -= paid;
	r->used_ns += used - paid;
	arb_pay(a, r->guest, used - paid);
}

void arb_charge(struct arb *a, struct arb_guest *g)
{
	struct arb_runner *r;

	g->queued_ns = 0;
	TAILQ_FOREACH(r, &g->runners, link) {
		look_at(a, r);
		g->queued_ns += r->seen.queued_ns;
	}
}

/* --- leases ------------------------------------------------------------------------------------ */

static bool has_lease(const struct arb_runner *r)
{
	unsigned int i;

	for (i = 0; i < ARB_MAX_LEASES; i++)
		if (r->lease[i].serial)
			return true;
	return false;
}

static bool has_open(const struct arb_runner *r)
{
	unsigned int i;

	for (i = 0; i < ARB_MAX_LEASES; i++)
		if (r->lease[i].serial && r->lease[i].open)
			return true;
	return false;
}

static struct arb_lease *find_lease(struct arb_runner *r, uint32_t serial)
{
	unsigned int i;

	for (i = 0; serial && i < ARB_MAX_LEASES; i++)
		if (r->lease[i].serial == serial)
			return &r->lease[i];
	return NULL;
}

bool arb_busy(const struct arb_guest *g)
{
	const struct arb_runner *r;

	TAILQ_FOREACH(r, &g->runners, link)
		if (r->want || has_lease(r))
			return true;
	return false;
}

static void drop_leases(struct arb_runner *r)
{
	memset(r->lease, 0, sizeof(r->lease));
}

/*
 * How long a lease may go on before others stop waiting for its end: one whose worker hangs must not
 * hold them, one whose commands are long must, or all would go on at once. A GPU is not used by a
 * worker that has not submitted yet, the processor is.
 */
static uint64_t late_ns(const struct arb *a, const struct arb_runner *r, const struct arb_lease *l)
{
	const uint64_t patience_ns = ARB_LATE_NS + 2 * r->lasted_ns;

	if (!l->open)
		return l->end_ns + patience_ns;
	return l->given_ns + (a->on_cpu ? patience_ns : 4 * a->slice_ns);
}

static void learn(struct arb_runner *r, const struct arb_lease *l, uint64_t now_ns)
{
	const uint64_t lasted_ns = at_most(now_ns - l->given_ns, ARB_MAX_CLAIM_NS);

	r->lasted_ns -= r->lasted_ns / 8;
	if (lasted_ns > r->lasted_ns)
		r->lasted_ns = lasted_ns;
}

/* Since when somebody waits who is not of this guest; UINT64_MAX: nobody. */
static uint64_t others_wait_ns(const struct arb *a, const struct arb_guest *guest)
{
	uint64_t since_ns = UINT64_MAX;
	const struct arb_guest *g;
	const struct arb_runner *r;

	LIST_FOREACH(g, &a->guests, link) {
		if (g == guest)
			continue;
		TAILQ_FOREACH(r, &g->runners, link)
			if (r->want && r->want_ns < since_ns)
				since_ns = r->want_ns;
	}
	return since_ns;
}

/*
 * A lease ends, or stops counting. What a worker says that it used may be a lie; that others waited
 * meanwhile is not, so that costs a part of the time at least. An honest worker's work takes most of
 * it, and pays nothing more.
 */
static void settle(struct arb *a, struct arb_runner *r, struct arb_lease *l, uint64_t now_ns)
{
	uint64_t since_ns, least_ns, used_ns;

	if (!l->first_ns)
		return;
	since_ns = others_wait_ns(a, r->guest);
	if (since_ns < l->first_ns)
		since_ns = l->first_ns;
	l->first_ns = 0;
	if (since_ns >= now_ns)
		return;
	look_at(a, r);
	least_ns = (now_ns - since_ns) / ARB_BLOCKED_PART;
	used_ns = r->seen.gpu_ns - l->first_gpu_ns;
	if (used_ns >= least_ns)
		return;
	r->advance_ns += least_ns - used_ns;
	r->used_ns += least_ns - used_ns;
	arb_pay(a, r->guest, least_ns - used_ns);
}

/* Of the leases that count the oldest is the one that the others wait for. */
static void find_first(struct arb *a, uint64_t now_ns)
{
	struct arb_lease *first = NULL;
	struct arb_runner *r, *of = NULL;
	struct arb_guest *g;
	unsigned int i;

	LIST_FOREACH(g, &a->guests, link) {
		TAILQ_FOREACH(r, &g->runners, link) {
			for (i = 0; i < ARB_MAX_LEASES; i++) {
				struct arb_lease *l = &r->lease[i];

				if (!l->serial)
					continue;
				if (now_ns >= late_ns(a, r, l)) {
					settle(a, r, l, now_ns);
				} else if (!first || l->given_ns < first->given_ns) {
					first = l;
					of = r;
				}
			}
		}
	}
	if (!first || first->first_ns)
		return;
	look_at(a, of);
	first->first_ns = now_ns;
	first->first_gpu_ns = of->seen.gpu_ns;
}

/* The leases that count: how many, how many of them open, and when the last ends. */
struct out {
	unsigned int n, n_open;
	uint64_t end_ns;
	uint64_t late_ns;	/* the first of them stops counting */
};

static struct out leases_out(const struct arb *a, uint64_t now_ns)
{
	struct out out = { .late_ns = UINT64_MAX };
	const struct arb_guest *g;
	const struct arb_runner *r;
	unsigned int i;

	LIST_FOREACH(g, &a->guests, link) {
		TAILQ_FOREACH(r, &g->runners, link) {
			for (i = 0; i < ARB_MAX_LEASES; i++) {
				const struct arb_lease *l = &r->lease[i];

				if (!l->serial || now_ns >= late_ns(a, r, l))
					continue;
				out.n++;
				out.n_open += l->open;
				if (!l->open && l->end_ns > out.end_ns)
					out.end_ns = l->end_ns;
				if (late_ns(a, r, l) < out.late_ns)
					out.late_ns = late_ns(a, r, l);
			}
		}
	}
	return out;
}

static void grant(struct arb *a, struct arb_runner *r, uint64_t lease_ns, uint64_t now_ns)
{
	struct arb_lease *l = &r->lease[0];
	unsigned int i;

	/* One that is free, or the latest: that one is late, or there would be none to give. */
	for (i = 0; i < ARB_MAX_LEASES; i++)
		if (!r->lease[i].serial || (l->serial && r->lease[i].serial == r->serial))
			l = &r->lease[i];
	if (!++r->serial)
		r->serial = 1;
	*l = (struct arb_lease){ .serial = r->serial, .open = true, .given_ns = now_ns };
	r->want = false;
	if (a->last != r->guest) {
		a->last = r->guest;
		a->last_since_ns = now_ns;
	}
	a->run(a->arg, r, CTL_RUN_GATED, r->serial, lease_ns);
}

static uint64_t earlier(uint64_t a_ns, uint64_t b_ns)
{
	return !a_ns || (b_ns && b_ns < a_ns) ? b_ns : a_ns;
}

/*
 * Give leases for as long as one is due, and say when to look again. One is due when none is out
 * that counts; the second when the first has begun all it will and ends within the horizon.
 */
static void schedule(struct arb *a, uint64_t now_ns)
{
	uint64_t lease_ns, later_ns = 0, wake_ns = earlier(a->review_ns, a->auto_ns);
	const uint64_t horizon_ns = now_ns < a->came_ns + ARB_ACTIVE_NS ? ARB_HORIZON_NS :
									  ARB_LONG_HORIZON_NS;
	struct arb_runner *r;
	struct out out;

	for (;;) {
		find_first(a, now_ns);
		out = leases_out(a, now_ns);
		if (out.n_open || out.n >= ARB_MAX_LEASES) {
			wake_ns = earlier(wake_ns, out.late_ns);
			break;
		}
		if (out.n && now_ns + horizon_ns < out.end_ns) {
			wake_ns = earlier(wake_ns, out.end_ns - horizon_ns);
			break;
		}
		r = arb_pick(a, now_ns, &lease_ns, &later_ns);
		if (!r) {
			wake_ns = earlier(wake_ns, later_ns);
			break;
		}
		grant(a, r, lease_ns, now_ns);
	}
	a->wake(a->arg, wake_ns);
}

/* --- who is at work ---------------------------------------------------------------------------- */

static void set_idle(struct arb *a, struct arb_runner *r)
{
	r->state = ARB_IDLE;
	a->run(a->arg, r, CTL_RUN_TELL, 0, 0);
}

static void set_free(struct arb *a, struct arb_runner *r)
{
	r->state = ARB_FREE;
	r->want = false;
	drop_leases(r);
	a->run(a->arg, r, CTL_RUN_FREE, 0, 0);
}

static void set_gated(struct arb *a, struct arb_runner *r)
{
	r->state = ARB_GATED;
	r->want = false;
	a->run(a->arg, r, CTL_RUN_GATED, 0, 0);
}

/* Those that have had nothing to do for a while say when they have. Returns whether it is at work. */
static bool still_active(struct arb *a, struct arb_runner *r, uint64_t now_ns)
{
	if (r->state == ARB_IDLE)
		return false;
	if (r->want || has_lease(r) || r->seen.queued_ns ||
	    now_ns < r->seen.last_work_ns + ARB_ACTIVE_NS)
		return true;
	set_idle(a, r);
	return false;
}

/* Whether somebody has to be held: two guests, a cap, or programs of one guest in an order. */
static bool must_gate(const struct arb *a, unsigned int n_active)
{
	const struct arb_guest *g;
	const struct arb_runner *r, *first;

	if (a->policy == ARB_OFF || !n_active)
		return false;
	if (n_active > 1)
		return true;
	LIST_FOREACH(g, &a->guests, link) {
		if (!g->active)
			continue;
		if (arb_cap(a, g))
			return true;
		first = NULL;
		TAILQ_FOREACH(r, &g->runners, link) {
			if (r->state == ARB_IDLE)
				continue;
			if (first && r->priority != first->priority)
				return true;
			first = r;
		}
	}
	return false;
}

static void gate_all(struct arb *a, uint64_t now_ns)
{
	struct arb_guest *g;
	struct arb_runner *r;

	LIST_FOREACH(g, &a->guests, link) {
		TAILQ_FOREACH(r, &g->runners, link)
			if (r->state == ARB_FREE)
				set_gated(a, r);
		g->in_period = false;
		g->auto_fences = g->fences;
		g->auto_held_ns = g->held_ns;
	}
	a->gated = true;
	a->gated_since_ns = now_ns;
	if (a->policy == ARB_AUTO)
		a->auto_ns = now_ns + ARB_AUTO_NS;
}

static void free_all(struct arb *a, uint64_t now_ns)
{
	struct arb_guest *g;
	struct arb_runner *r;

	LIST_FOREACH(g, &a->guests, link)
		TAILQ_FOREACH(r, &g->runners, link)
			if (r->state == ARB_GATED)
				set_free(a, r);
	a->gated = false;
	a->contended_ns += now_ns - a->gated_since_ns;
	a->last = NULL;
	a->auto_ns = 0;
}

/* Returns how many guests are at work. */
static unsigned int count_active(struct arb *a, uint64_t now_ns)
{
	unsigned int n_active = 0;
	struct arb_guest *g;
	struct arb_runner *r;
	bool active;

	LIST_FOREACH(g, &a->guests, link) {
		arb_charge(a, g);
		active = false;
		TAILQ_FOREACH(r, &g->runners, link)
			active |= still_active(a, r, now_ns);
		g->active = active;
		n_active += active;
	}
	return n_active;
}

/* Look at everybody: who is at work, and so whether anybody has to be held. */
static void review(struct arb *a, uint64_t now_ns)
{
	const bool gate = must_gate(a, count_active(a, now_ns));

	if (gate && !a->gated)
		gate_all(a, now_ns);
	else if (!gate && a->gated)
		free_all(a, now_ns);
	a->review_ns = a->gated ? now_ns + ARB_ACTIVE_NS : 0;
	schedule(a, now_ns);
}

/* --- events ------------------------------------------------------------------------------------ */

void arb_guest_add(struct arb *a, struct arb_guest *g)
{
	TAILQ_INIT(&g->runners);
	LIST_INSERT_HEAD(&a->guests, g, link);
	a->n_guests++;
}

void arb_guest_remove(struct arb *a, struct arb_guest *g)
{
	if (a->last == g)
		a->last = NULL;
	LIST_REMOVE(g, link);
	a->n_guests--;
}

void arb_runner_add(struct arb_guest *g, struct arb_runner *r, uint64_t now_ns)
{
	memset(r, 0, sizeof(*r));
	r->guest = g;
	r->state = ARB_IDLE;
	r->seen.last_work_ns = now_ns;
	/* One that comes later gets no more than its turn. */
	if (!TAILQ_EMPTY(&g->runners))
		r->used_ns = TAILQ_FIRST(&g->runners)->used_ns;
	TAILQ_INSERT_TAIL(&g->runners, r, link);
}

void arb_runner_remove(struct arb *a, struct arb_runner *r, uint64_t now_ns)
{
	const bool mattered = r->state != ARB_IDLE;
	unsigned int i;

	look_at(a, r);
	for (i = 0; i < ARB_MAX_LEASES; i++)
		settle(a, r, &r->lease[i], now_ns);
	TAILQ_REMOVE(&r->guest->runners, r, link);
	if (mattered)
		review(a, now_ns);
}

void arb_begun(struct arb *a, struct arb_runner *r, uint32_t priority, uint64_t now_ns)
{
	r->priority = priority;
	if (r->state == ARB_IDLE) {
		r->seen.last_work_ns = now_ns;
		if (a->gated)
			set_gated(a, r);
		else
			r->state = ARB_FREE;
	}
	review(a, now_ns);
}

static void want(struct arb_runner *r, bool more, uint64_t now_ns)
{
	if (more && !r->want)
		r->want_ns = now_ns;
	r->want = more;
}

void arb_want(struct arb *a, struct arb_runner *r, uint32_t priority, uint64_t now_ns)
{
	/* With an open lease there is nothing to want; one more would be one that others wait for. */
	if (r->state != ARB_GATED || has_open(r))
		return;
	r->priority = priority;
	if (!arb_busy(r->guest)) {
		arb_join(a, r->guest, now_ns);
		a->came_ns = now_ns;
	}
	want(r, true, now_ns);
	r->guest->active = true;
	schedule(a, now_ns);
}

void arb_rest(struct arb *a, struct arb_runner *r, uint32_t serial, bool more, uint64_t begun_ns,
	      uint64_t now_ns)
{
	struct arb_lease *l = find_lease(r, serial);
	const struct out out = leases_out(a, now_ns);

	/* Of a lease that was taken back: nothing hangs on it any more. */
	if (!l || !l->open || r->state != ARB_GATED)
		return;
	if (begun_ns) {
		l->open = false;
		l->end_ns = (out.end_ns > now_ns ? out.end_ns : now_ns) +
			    at_most(begun_ns, ARB_LATE_NS + 2 * r->lasted_ns) / a->capacity;
	} else {
		settle(a, r, l, now_ns);
		learn(r, l, now_ns);
		l->serial = 0;
	}
	want(r, more, now_ns);
	schedule(a, now_ns);
}

/* What is behind the work that ended earlier than expected, or later, ends so as well. */
static void shift_ends(struct arb *a, int64_t by_ns, uint64_t now_ns)
{
	struct arb_guest *g;
	struct arb_runner *r;
	unsigned int i;

	LIST_FOREACH(g, &a->guests, link) {
		TAILQ_FOREACH(r, &g->runners, link) {
			for (i = 0; i < ARB_MAX_LEASES; i++) {
				struct arb_lease *l = &r->lease[i];

				if (!l->serial || l->open)
					continue;
				l->end_ns += (uint64_t)by_ns;
				if (l->end_ns < now_ns)
					l->end_ns = now_ns;
			}
		}
	}
}

void arb_drained(struct arb *a, struct arb_runner *r, uint32_t serial, uint64_t now_ns)
{
	struct arb_lease *l = find_lease(r, serial);
	uint64_t end_ns;

	if (!l || l->open || r->state != ARB_GATED)
		return;
	end_ns = l->end_ns;
	settle(a, r, l, now_ns);
	learn(r, l, now_ns);
	l->serial = 0;
	shift_ends(a, (int64_t)(now_ns - end_ns), now_ns);
	schedule(a, now_ns);
}

void arb_wake(struct arb *a, uint64_t now_ns)
{
	if (a->auto_ns && now_ns >= a->auto_ns) {
		a->auto_ns = now_ns + ARB_AUTO_NS;
		arb_auto(a, now_ns);
	}
	if (a->review_ns && now_ns >= a->review_ns)
		review(a, now_ns);
	else
		schedule(a, now_ns);
}

bool arb_quiet(struct arb *a, uint64_t now_ns)
{
	return !a->gated && !count_active(a, now_ns);
}

void arb_changed(struct arb *a, uint64_t now_ns)
{
	struct arb_guest *g;

	a->effective = a->policy == ARB_AUTO ? ARB_CREDIT : a->policy;
	a->reason[0] = '\0';
	a->auto_quiet = 0;
	a->auto_ns = a->policy == ARB_AUTO && a->gated ? now_ns + ARB_AUTO_NS : 0;
	LIST_FOREACH(g, &a->guests, link)
		g->in_period = false;
	review(a, now_ns);
}

uint32_t arb_entitled_permille(const struct arb *a, const struct arb_guest *g)
{
	uint64_t sum = arb_weight(a, g), share;
	const struct arb_guest *other;
	const uint32_t cap = arb_cap(a, g);

	LIST_FOREACH(other, &a->guests, link)
		if (other != g && other->active)
			sum += arb_weight(a, other);
	share = UINT64_C(1000) * arb_weight(a, g) / sum;
	return (uint32_t)(cap ? at_most(share, cap * 10u) : share);
}
