/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arbiter of one GPU: which guest may submit when. It is pure: it has no clock and does no I/O;
 * sup_sched.c tells it what happened and when, and carries out what it decides.
 *
 * Nothing is arbitrated while one guest without a cap is alone: its runners (workers) are free. A
 * runner that was idle says once when it has work again; with two guests at work the runners are
 * gated and get leases, GPU time that the work begun under one may be expected to take. Two leases
 * are out at most, the one whose work the GPU is doing and, shortly before that is expected to end,
 * the next; so a newcomer waits for one lease and a bit, and the GPU does not wait for us. What is
 * charged is the time that was measured, afterwards.
 *
 *	sup_arbiter.c		guests, runners, leases: when somebody may be let go
 *	sup_arbiter_pick.c	who: policies, weights, caps
 */
#ifndef BACKEND_SUP_ARBITER_H
#define BACKEND_SUP_ARBITER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define ARB_WEIGHT_UNIT		256u	/* the weight whose virtual time is GPU time */
#define ARB_ACTIVE_NS		100000000u	/* without work for so long: no longer counts */
#define ARB_CARRY_NS		20000000	/* unused share that a guest may catch up with later */
#define ARB_WAIT_NS		5000000		/* ... and of its cap, while others have the GPU */
#define ARB_HANDOVER_NS		150000u		/* from our decision to the worker's first command */
/*
 * The next lease is given so long before the GPU is free: what giving it takes. While everybody always
 * has work there is nobody to whom more would be a delay, and work that takes less time than expected
 * does not leave the GPU without any.
 */
#define ARB_HORIZON_NS		300000u
#define ARB_LONG_HORIZON_NS	1500000u
#define ARB_MAX_CLAIM_NS	10000000000u	/* what a worker may say that work takes */
#define ARB_MAX_LEASES		2u	/* of one runner, and of all that are not late */
#define ARB_BLOCKED_PART	2u	/* of the time that others wait for a lease, what it costs at least */
#define ARB_LATE_NS		100000000u	/* a lease that lasts by that longer than twice any of late */
#define ARB_AUTO_NS		1000000000u	/* the policy "auto" looks so often */
#define ARB_REASON_BYTES	160u

enum arb_policy {
	ARB_CREDIT,		/* weights and caps */
	ARB_EQUAL_SHARE,	/* all weights the same; caps */
	ARB_FIXED_SHARE,	/* 1/n of the GPU each, whoever is idle */
	ARB_DEADLINE,		/* rates first, then as credit */
	ARB_AUTO,		/* credit, or deadline while a rate is not held */
	ARB_OFF,		/* nobody is held */
	ARB_N_POLICIES,
};

/* What a runner's counters say at this moment. */
struct arb_sample {
	uint64_t gpu_ns;	/* of what is done; claimed by the worker, never trusted to grow slowly */
	uint64_t queued_ns;	/* what the rest may take */
	uint64_t fences;	/* frames, that is */
	uint64_t held_ns;	/* requests waited for us */
	uint64_t last_work_ns;
};

enum arb_state {
	ARB_IDLE,		/* says when it has work */
	ARB_FREE,
	ARB_GATED,
};

/* A lease that is out. */
struct arb_lease {
	uint32_t serial;	/* 0: none */
	bool open;		/* it may still begin something */
	uint64_t given_ns;
	uint64_t end_ns;	/* expected; known when it is not open any more */
	uint64_t first_ns;	/* since then it is the one that the GPU works for; 0: it is not */
	uint64_t first_gpu_ns;	/* what its runner had used then */
};

struct arb_guest;

struct arb_runner {
	TAILQ_ENTRY(arb_runner) link;	/* of the guest's */
	struct arb_guest *guest;
	enum arb_state state;
	bool want;
	uint64_t want_ns;		/* since when */
	uint32_t priority;
	uint32_t serial;		/* of the last lease */
	struct arb_lease lease[ARB_MAX_LEASES];
	uint64_t lasted_ns;		/* a lease from beginning to end, the longest of late */
	struct arb_sample seen;
	uint64_t used_ns;		/* among its guest's runners */
	uint64_t advance_ns;		/* charged for what it blocked, and not measured yet */
};

struct arb_guest {
	LIST_ENTRY(arb_guest) link;
	TAILQ_HEAD(, arb_runner) runners;
	uint32_t weight;		/* 1..65535 */
	uint32_t cap;			/* percent; 0, none */
	uint32_t fps;			/* 0, none */
	const char *name;		/* for reasons; the owner's */
	bool active;			/* has had work lately */
	uint64_t gpu_ns;		/* measured, ever */
	uint64_t virtual_ns;		/* measured, by weight */
	uint64_t virtual_rest;
	int64_t tokens_ns;		/* of its cap */
	uint64_t tokens_at_ns;
	uint64_t tokens_due_ns;		/* it waits for tokens until then; 0: it does not */
	int64_t tokens_kept_ns;		/* what it had to wait longer than that is worth */
	uint64_t queued_ns;		/* by all its runners */
	/* policy "deadline": the current frame */
	bool in_period;
	uint64_t period_ns;		/* begins */
	uint64_t period_fences;
	uint64_t period_gpu_ns;
	uint64_t fences;
	uint64_t held_ns;
	uint64_t auto_fences, auto_held_ns;	/* when "auto" looked last */
};

struct arb {
	LIST_HEAD(, arb_guest) guests;
	uint32_t n_guests;
	enum arb_policy policy;
	enum arb_policy effective;	/* of auto: credit or deadline */
	char reason[ARB_REASON_BYTES];	/* ... and why */
	uint64_t slice_ns;
	uint64_t ratelimit_ns;
	uint32_t capacity;		/* GPU time in a unit of time: processors, for llvmpipe */
	bool on_cpu;			/* a worker that begins something uses the GPU by that */
	bool gated;			/* somebody is held at times */
	uint64_t virtual_ns;		/* the least of those that have work, never less than before */
	struct arb_guest *last;		/* had the last lease */
	uint64_t last_since_ns;
	uint64_t review_ns;		/* look for those that went idle */
	uint64_t auto_ns;
	uint64_t auto_quiet;		/* looks since a rate was wanted */
	uint64_t gated_since_ns;
	uint64_t contended_ns;
	uint64_t came_ns;		/* when a guest last had work after having had none */
	uint64_t gpu_ns;		/* of all, ever */

	/* What is to be done; called from within the functions below. */
	void (*run)(void *arg, struct arb_runner *r, uint32_t mode, uint32_t serial,
		    uint64_t lease_ns);
	void (*sample)(void *arg, const struct arb_runner *r, struct arb_sample *out);
	void (*wake)(void *arg, uint64_t at_ns);	/* call arb_wake() then; 0: not at all */
	void (*note)(void *arg, const char *text);	/* for the log */
	void *arg;
};

/* arb_policy_name(), arb_policy_find() - ARB_N_POLICIES when there is none of that name. */
const char *arb_policy_name(enum arb_policy policy);
enum arb_policy arb_policy_find(const char *name);

/* arb_init() - set run, sample, wake, note, arg, slice, ratelimit, capacity after it. */
void arb_init(struct arb *a);

/* arb_guest_add(), arb_guest_remove() - all its runners must be gone. */
void arb_guest_add(struct arb *a, struct arb_guest *g);
void arb_guest_remove(struct arb *a, struct arb_guest *g);

/* arb_runner_add() - it begins as one that says when it has work. */
void arb_runner_add(struct arb_guest *g, struct arb_runner *r, uint64_t now_ns);

/* arb_runner_remove() - its process is dead; what it used last is charged. */
void arb_runner_remove(struct arb *a, struct arb_runner *r, uint64_t now_ns);

/* arb_begun(), arb_want(), arb_rest(), arb_drained() - its messages; see ctl.h. None is trusted. */
void arb_begun(struct arb *a, struct arb_runner *r, uint32_t priority, uint64_t now_ns);
void arb_want(struct arb *a, struct arb_runner *r, uint32_t priority, uint64_t now_ns);
void arb_rest(struct arb *a, struct arb_runner *r, uint32_t serial, bool more, uint64_t begun_ns,
	      uint64_t now_ns);
void arb_drained(struct arb *a, struct arb_runner *r, uint32_t serial, uint64_t now_ns);

/* arb_wake() - the time has come that was asked for. */
void arb_wake(struct arb *a, uint64_t now_ns);

/*
 * arb_quiet() - now and then while anybody is at work: those that are not any more say so when they
 * are again. Returns true when nobody is; then nothing has to be looked at before arb_begun().
 */
bool arb_quiet(struct arb *a, uint64_t now_ns);

/* arb_changed() - a weight, cap, rate, the policy or another parameter was changed. */
void arb_changed(struct arb *a, uint64_t now_ns);

/* arb_charge() - take what a guest's runners have used since it was looked at last. */
void arb_charge(struct arb *a, struct arb_guest *g);

/*
 * arb_entitled_permille() - a guest's share among those that are active, itself counted as one of
 * them, less its cap.
 */
uint32_t arb_entitled_permille(const struct arb *a, const struct arb_guest *g);

/* --- sup_arbiter_pick.c ----------------------------------------------------------------------- */

/* arb_weight(), arb_cap() - what counts under the policy in force; a cap of 0 is none. */
uint32_t arb_weight(const struct arb *a, const struct arb_guest *g);
uint32_t arb_cap(const struct arb *a, const struct arb_guest *g);

/* arb_pay() - charge a guest with measured GPU time. */
void arb_pay(struct arb *a, struct arb_guest *g, uint64_t gpu_ns);

/* arb_busy() - whether a guest waits for the GPU or has it. */
bool arb_busy(const struct arb_guest *g);

/* arb_join() - a guest has work after having had none: what it did not use for long is forfeited. */
void arb_join(struct arb *a, struct arb_guest *g, uint64_t now_ns);

/*
 * arb_pick() - the runner that is to have the next lease.
 * @lease_ns: set with it.
 * @later_ns: set when there is none: when a capped guest may go on; 0, nobody waits.
 */
struct arb_runner *arb_pick(struct arb *a, uint64_t now_ns, uint64_t *lease_ns,
			    uint64_t *later_ns);

/* arb_auto() - once in ARB_AUTO_NS while gated: whether "auto" has to change its mind. */
void arb_auto(struct arb *a, uint64_t now_ns);

#endif
