/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine for the arbiter's tests: one GPU that does one command after the other, workers that
 * behave as wrk_sched.c does, programs, and a clock that the test moves. Nothing here takes real
 * time, and every run is the same.
 */
#ifndef TESTS_ARBITER_SIM_H
#define TESTS_ARBITER_SIM_H

#include <stdlib.h>
#include <string.h>

#include "ctl.h"
#include "harness.h"
#include "sup_arbiter.h"

#define SIM_MS		1000000ull
#define SIM_US		1000ull
#define SIM_MESSAGE_NS	(50 * SIM_US)	/* from one process to the other */
#define SIM_EVENTS	4096u
#define SIM_RUNS	200000u
#define SIM_DEPTH	256u
#define SIM_FN		static inline __attribute__((unused))

struct sim_run {			/* the GPU did this */
	uint64_t start_ns, end_ns;
	struct sim_worker *worker;
};

struct sim_command {
	uint64_t ns, cost_ns, begun_ns;
	bool frame;			/* its end is a frame's */
	uint64_t due_ns;		/* of the frame */
	uint32_t lease;			/* drained with it */
};

struct sim_worker {
	struct arb_runner runner;
	struct sim *sim;
	struct arb_guest *guest;
	uint32_t priority;
	/* the program */
	uint64_t backlog;		/* commands waiting; UINT64_MAX: it always has one */
	uint64_t (*length)(struct sim_worker *w);
	uint32_t depth;			/* commands it lets be in flight */
	uint64_t period_ns, frame_commands;	/* of a paced one */
	uint64_t next_frame_ns, due_ns, left_in_frame;
	uint64_t rest_every_ns, rest_ns, resting_until_ns;	/* stops now and then */
	uint32_t seed;
	bool in_the_call;		/* the renderer returns when it is done */
	bool claims_nothing;		/* it was taken over, and says that it used no time */
	bool stubborn;			/* ... or keeps a lease without doing anything */
	/* the worker */
	uint32_t mode, serial;
	bool leased, told;
	uint64_t lease_ns, begun_ns, mean_ns, peak_ns, filled_ns, held_at_ns, dev_ns;
	struct arb_sample counters;
	struct sim_command flight[SIM_DEPTH];	/* in order, a ring */
	unsigned int head, n;
	uint64_t used_ns, commands;
	uint64_t latency[20000];
	unsigned int n_frames;
};

enum sim_what { SIM_RUN, SIM_WORK, SIM_DONE, SIM_FRAME, SIM_WAKE, SIM_RESUME };

struct sim_event {
	uint64_t at_ns, order;
	enum sim_what what;
	struct sim_worker *worker;
	struct ctl_run run;
	struct ctl_work work;
};

struct sim {
	struct arb arb;
	struct sim *older;		/* kept for as long as the case's process is there */
	uint64_t now_ns, order;
	uint64_t wake_ns;
	uint64_t late_ns;		/* timers are by so much */
	uint64_t free_at_ns;
	struct sim_event event[SIM_EVENTS];
	unsigned int n_events;
	unsigned int wakes, messages;
	struct sim_run *runs;
	unsigned int n_runs;
	char note[256];
	unsigned int notes;
};

SIM_FN void sim_post(struct sim *sim, struct sim_event e)
{
	CHECK(sim->n_events < SIM_EVENTS);
	e.order = sim->order++;
	sim->event[sim->n_events++] = e;
}

/* --- what the arbiter asks for --- */

SIM_FN void sim_run_fn(void *arg, struct arb_runner *r, uint32_t mode, uint32_t serial,
		       uint64_t lease_ns)
{
	struct sim *sim = arg;

	sim->messages++;
	sim_post(sim, (struct sim_event){ .at_ns = sim->now_ns + SIM_MESSAGE_NS, .what = SIM_RUN,
					  .worker = (struct sim_worker *)(void *)r,
					  .run = { mode, serial, lease_ns } });
}

SIM_FN void sim_sample_fn(void *arg, const struct arb_runner *r, struct arb_sample *out)
{
	(void)arg;
	*out = ((const struct sim_worker *)(const void *)r)->counters;
}

SIM_FN void sim_wake_fn(void *arg, uint64_t at_ns)
{
	struct sim *sim = arg;

	sim->wake_ns = at_ns ? at_ns + sim->late_ns : 0;
}

SIM_FN void sim_note_fn(void *arg, const char *text)
{
	struct sim *sim = arg;

	snprintf(sim->note, sizeof(sim->note), "%s", text);
	sim->notes++;
}

/* --- the worker --- */

SIM_FN void sim_say(struct sim_worker *w, struct ctl_work work)
{
	work.priority = w->priority;
	w->sim->messages++;
	sim_post(w->sim, (struct sim_event){ .at_ns = w->sim->now_ns + SIM_MESSAGE_NS,
					     .what = SIM_WORK, .worker = w, .work = work });
}

SIM_FN bool sim_has_work(const struct sim_worker *w)
{
	return w->backlog && w->n < w->depth && !(w->in_the_call && w->n) &&
	       w->sim->now_ns >= w->resting_until_ns;
}

SIM_FN uint64_t sim_expected(const struct sim_worker *w)
{
	return w->mean_ns ? w->mean_ns : SIM_MS;
}

SIM_FN uint64_t sim_soonest(const struct sim_worker *w)
{
	const uint64_t ns = sim_expected(w), off_ns = w->dev_ns * 3 / 4;

	return off_ns < ns - ns / 8 ? ns - off_ns : ns / 8;
}

SIM_FN uint64_t sim_longest(const struct sim_worker *w)
{
	return w->peak_ns > sim_expected(w) ? w->peak_ns : sim_expected(w);
}

SIM_FN void sim_begin(struct sim_worker *w)
{
	struct sim *sim = w->sim;
	const uint64_t ns = w->length(w);
	const uint64_t start_ns = sim->free_at_ns > sim->now_ns ? sim->free_at_ns : sim->now_ns;
	struct sim_command *c = &w->flight[(w->head + w->n++) % SIM_DEPTH];

	*c = (struct sim_command){ .ns = ns, .cost_ns = sim_longest(w), .begun_ns = sim->now_ns };
	if (w->backlog != UINT64_MAX) {
		w->backlog--;
		if (w->left_in_frame && !--w->left_in_frame) {
			c->frame = true;
			c->due_ns = w->due_ns;
		}
	} else {
		c->frame = true;
		c->due_ns = sim->now_ns;
	}
	sim->free_at_ns = start_ns + ns;
	if (sim->n_runs < SIM_RUNS)
		sim->runs[sim->n_runs++] = (struct sim_run){ start_ns, start_ns + ns, w };
	w->counters.queued_ns += c->cost_ns;
	w->counters.last_work_ns = sim->now_ns;
	if (w->leased) {
		w->begun_ns += sim_soonest(w);
		w->filled_ns += c->cost_ns;
	}
	sim_post(sim, (struct sim_event){ .at_ns = start_ns + ns, .what = SIM_DONE, .worker = w });
}

SIM_FN void sim_rest(struct sim_worker *w, bool more)
{
	uint64_t begun_ns = w->begun_ns;

	if (w->n)
		w->flight[(w->head + w->n - 1) % SIM_DEPTH].lease = w->serial;
	else
		begun_ns = 0;
	w->leased = false;
	w->told = more;
	if (more)
		w->held_at_ns = w->sim->now_ns;
	sim_say(w, (struct ctl_work){ .event = CTL_WORK_REST, .serial = w->serial, .more = more,
				      .begun_ns = begun_ns });
}

SIM_FN void sim_go(struct sim_worker *w)
{
	if (w->in_the_call && w->n)
		return;
	while (sim_has_work(w)) {
		if (w->mode == CTL_RUN_TELL) {
			w->mode = CTL_RUN_FREE;
			w->counters.last_work_ns = w->sim->now_ns;
			sim_say(w, (struct ctl_work){ .event = CTL_WORK_BEGUN });
		}
		if (w->mode == CTL_RUN_GATED && !w->leased) {
			if (!w->told)
				sim_say(w, (struct ctl_work){ .event = CTL_WORK_WANT });
			w->told = true;
			if (!w->held_at_ns)
				w->held_at_ns = w->sim->now_ns;
			return;
		}
		if (w->leased && w->filled_ns && w->filled_ns + sim_longest(w) / 2 >= w->lease_ns) {
			sim_rest(w, true);
			return;
		}
		sim_begin(w);
		if (w->in_the_call)
			return;
	}
	if (w->leased && !w->stubborn)
		sim_rest(w, false);
}

SIM_FN void sim_told(struct sim_worker *w, const struct ctl_run *run)
{
	w->mode = run->mode;
	w->leased = run->mode == CTL_RUN_GATED && run->lease_ns;
	w->told = false;
	if (w->held_at_ns)
		w->counters.held_ns += w->sim->now_ns - w->held_at_ns;
	w->held_at_ns = 0;
	if (w->leased) {
		w->serial = run->serial;
		w->lease_ns = run->lease_ns;
		w->begun_ns = 0;
		w->filled_ns = 0;
	}
	sim_go(w);
}

SIM_FN void sim_done(struct sim_worker *w)
{
	struct sim_command *c = &w->flight[w->head];
	int64_t off = (int64_t)c->ns - (int64_t)w->mean_ns;

	w->head = (w->head + 1) % SIM_DEPTH;
	w->n--;
	w->used_ns += c->ns;
	w->commands++;
	if (!w->claims_nothing)
		w->counters.gpu_ns += c->ns;
	w->counters.queued_ns -= c->cost_ns;
	w->dev_ns = w->dev_ns - w->dev_ns / 8 + (uint64_t)llabs(off) / 8;
	w->peak_ns -= w->peak_ns / 16;
	if (c->ns > w->peak_ns)
		w->peak_ns = c->ns;
	w->mean_ns = w->mean_ns ? (uint64_t)((int64_t)w->mean_ns + off / 4) : c->ns;
	if (c->frame) {
		w->counters.fences++;
		if (w->n_frames < sizeof(w->latency) / sizeof(w->latency[0]))
			w->latency[w->n_frames++] = w->sim->now_ns - c->due_ns;
	}
	if (c->lease)
		sim_say(w, (struct ctl_work){ .event = CTL_WORK_DRAINED, .serial = c->lease });
	sim_go(w);
}

SIM_FN void sim_frame(struct sim_worker *w)
{
	/* A program that is late skips frames, as one that waits for the display does. */
	if (!w->backlog && !w->n) {
		w->due_ns = w->sim->now_ns;
		w->backlog = w->frame_commands;
		w->left_in_frame = w->frame_commands;
	}
	w->next_frame_ns += w->period_ns;
	sim_post(w->sim, (struct sim_event){ .at_ns = w->next_frame_ns, .what = SIM_FRAME,
					     .worker = w });
	sim_go(w);
}

SIM_FN void sim_heard(struct sim *sim, struct sim_worker *w, const struct ctl_work *work)
{
	switch (work->event) {
	case CTL_WORK_BEGUN:
		arb_begun(&sim->arb, &w->runner, work->priority, sim->now_ns);
		break;
	case CTL_WORK_WANT:
		arb_want(&sim->arb, &w->runner, work->priority, sim->now_ns);
		break;
	case CTL_WORK_REST:
		arb_rest(&sim->arb, &w->runner, work->serial, work->more, work->begun_ns,
			 sim->now_ns);
		break;
	default:
		arb_drained(&sim->arb, &w->runner, work->serial, sim->now_ns);
	}
}

/* Returns false when nothing will ever happen again, or not before @until_ns. */
SIM_FN bool sim_step(struct sim *sim, uint64_t until_ns)
{
	unsigned int i, first = 0;
	struct sim_event e;

	for (i = 1; i < sim->n_events; i++)
		if (sim->event[i].at_ns < sim->event[first].at_ns ||
		    (sim->event[i].at_ns == sim->event[first].at_ns &&
		     sim->event[i].order < sim->event[first].order))
			first = i;
	if (sim->wake_ns && (!sim->n_events || sim->wake_ns < sim->event[first].at_ns)) {
		if (sim->wake_ns > until_ns)
			return false;
		if (sim->wake_ns > sim->now_ns)
			sim->now_ns = sim->wake_ns;
		sim->wake_ns = 0;
		sim->wakes++;
		arb_wake(&sim->arb, sim->now_ns);
		return true;
	}
	if (!sim->n_events || sim->event[first].at_ns > until_ns)
		return false;
	e = sim->event[first];
	sim->event[first] = sim->event[--sim->n_events];
	sim->now_ns = e.at_ns;
	switch (e.what) {
	case SIM_RUN:
		sim_told(e.worker, &e.run);
		break;
	case SIM_WORK:
		sim_heard(sim, e.worker, &e.work);
		break;
	case SIM_DONE:
		sim_done(e.worker);
		break;
	case SIM_FRAME:
		sim_frame(e.worker);
		break;
	default:
		sim_go(e.worker);
	}
	return true;
}

SIM_FN void sim_for(struct sim *sim, uint64_t ns)
{
	const uint64_t until_ns = sim->now_ns + ns;

	while (sim_step(sim, until_ns))
		;
	sim->now_ns = until_ns;
}

/* --- setting up --- */

SIM_FN struct sim *sim_new(void)
{
	static struct sim *newest;
	struct sim *sim = calloc(1, sizeof(*sim));

	CHECK(sim);
	sim->older = newest;
	newest = sim;
	sim->runs = calloc(SIM_RUNS, sizeof(sim->runs[0]));
	CHECK(sim->runs);
	sim->now_ns = 1000 * SIM_MS;
	arb_init(&sim->arb);
	sim->arb.slice_ns = SIM_MS;
	sim->arb.ratelimit_ns = 100 * SIM_US;
	sim->arb.run = sim_run_fn;
	sim->arb.sample = sim_sample_fn;
	sim->arb.wake = sim_wake_fn;
	sim->arb.note = sim_note_fn;
	sim->arb.arg = sim;
	return sim;
}

SIM_FN struct arb_guest *sim_guest(struct sim *sim, const char *name, uint32_t weight,
				   uint32_t cap)
{
	struct arb_guest *g = calloc(1, sizeof(*g));

	CHECK(g);
	g->weight = weight;
	g->cap = cap;
	g->name = name;
	arb_guest_add(&sim->arb, g);
	return g;
}

SIM_FN struct sim_worker *sim_worker(struct sim *sim, struct arb_guest *g,
				     uint64_t (*length)(struct sim_worker *w), uint32_t depth)
{
	struct sim_worker *w = calloc(1, sizeof(*w));

	CHECK(w);
	w->sim = sim;
	w->guest = g;
	w->length = length;
	w->depth = depth;
	w->mode = CTL_RUN_TELL;
	w->seed = 12345;
	arb_runner_add(g, &w->runner, sim->now_ns);
	return w;
}

/* A program that always has more to draw. */
SIM_FN void sim_busy(struct sim_worker *w)
{
	w->backlog = UINT64_MAX;
	sim_post(w->sim, (struct sim_event){ .at_ns = w->sim->now_ns, .what = SIM_RESUME,
					     .worker = w });
}

SIM_FN void sim_stop(struct sim_worker *w)
{
	w->backlog = 0;
}

/* One that draws frames at a rate. */
SIM_FN void sim_paced(struct sim_worker *w, uint64_t period_ns, uint64_t commands)
{
	w->period_ns = period_ns;
	w->frame_commands = commands;
	w->next_frame_ns = w->sim->now_ns;
	sim_post(w->sim, (struct sim_event){ .at_ns = w->next_frame_ns, .what = SIM_FRAME,
					     .worker = w });
}

/* --- what came of it --- */

/* What the GPU did for a guest (NULL: for all) in a time. */
SIM_FN uint64_t sim_used(const struct sim *sim, const struct arb_guest *g, uint64_t from_ns,
			 uint64_t to_ns)
{
	uint64_t sum = 0, start_ns, end_ns;
	unsigned int i;

	for (i = 0; i < sim->n_runs; i++) {
		const struct sim_run *r = &sim->runs[i];

		start_ns = r->start_ns > from_ns ? r->start_ns : from_ns;
		end_ns = r->end_ns < to_ns ? r->end_ns : to_ns;
		if (start_ns < end_ns && (!g || r->worker->guest == g))
			sum += end_ns - start_ns;
	}
	return sum;
}

/* The most by which its share of what the GPU did is off in any window, in thousandths. */
SIM_FN uint64_t sim_worst_error(const struct sim *sim, const struct arb_guest *g,
				uint64_t from_ns, uint64_t to_ns, uint64_t window_ns,
				uint64_t wanted_permille)
{
	uint64_t worst = 0, at_ns, all, share, off;

	for (at_ns = from_ns; at_ns + window_ns <= to_ns; at_ns += window_ns / 4) {
		all = sim_used(sim, NULL, at_ns, at_ns + window_ns);
		CHECK(all);
		share = sim_used(sim, g, at_ns, at_ns + window_ns) * 1000 / all;
		off = share > wanted_permille ? share - wanted_permille : wanted_permille - share;
		if (off > worst)
			worst = off;
	}
	return worst;
}

SIM_FN int sim_by_size(const void *x, const void *y)
{
	const uint64_t *a = x, *b = y;

	return *a < *b ? -1 : *a > *b;
}

SIM_FN uint64_t sim_p99(struct sim_worker *w)
{
	CHECK(w->n_frames > 100);
	qsort(w->latency, w->n_frames, sizeof(w->latency[0]), sim_by_size);
	return w->latency[w->n_frames * 99 / 100];
}

SIM_FN uint64_t sim_ms(struct sim_worker *w)
{
	(void)w;
	return SIM_MS;
}

SIM_FN uint64_t sim_2ms(struct sim_worker *w)
{
	(void)w;
	return 2 * SIM_MS;
}

/* 0.2, 0.5, 1 or 2 ms, in no order. */
SIM_FN uint64_t sim_mixed(struct sim_worker *w)
{
	static const uint64_t us[] = { 200, 500, 1000, 2000 };

	w->seed = w->seed * 1103515245u + 12345u;
	return us[w->seed >> 20 & 3] * SIM_US;
}

#endif
