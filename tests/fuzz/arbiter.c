// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arbiter, told anything by workers that were taken over. Two ways, by the first octet:
 *
 *	events	every function in any order with any numbers, on guests that come and go:
 *		what it decides is well-formed, and no runner has more leases than there may be.
 *	share	a guest that keeps to the rules beside others that send whatever they like: all that
 *		a message can cost it is the time that the message may claim, and what giving a
 *		lease in vain takes.
 */
#include "arbiter_sim.h"
#include "fuzz.h"

#define MAX_EVENTS	600u
#define N_GUESTS	4u
#define N_RUNNERS	3u		/* of a guest */

/* --- events ------------------------------------------------------------------------------------ */

struct world {
	struct arb arb;
	struct fuzz_in *in;
	uint64_t now_ns;
	uint64_t wake_ns;
	unsigned int n_runs;		/* since the last event */
	struct arb_sample claims[N_GUESTS * N_RUNNERS];
	struct arb_guest guest[N_GUESTS];
	struct arb_runner runner[N_GUESTS * N_RUNNERS];
	bool has_guest[N_GUESTS];
	bool has_runner[N_GUESTS * N_RUNNERS];
};

static void on_run(void *arg, struct arb_runner *r, uint32_t mode, uint32_t serial,
		   uint64_t lease_ns)
{
	struct world *w = arg;
	const unsigned int i = (unsigned int)(r - w->runner);

	CHECK(i < N_GUESTS * N_RUNNERS && w->has_runner[i]);
	CHECK(mode >= CTL_RUN_FREE && mode <= CTL_RUN_GATED);
	CHECK(!serial == !lease_ns);
	if (serial) {
		CHECK_EQ(mode, CTL_RUN_GATED);
		CHECK_EQ(r->state, ARB_GATED);
		CHECK(r->lease[0].serial == serial || r->lease[1].serial == serial);
		CHECK(r->lease[0].serial != r->lease[1].serial);
		CHECK(lease_ns <= w->arb.slice_ns * w->arb.capacity);
	}
	/* Each runner may be told to change, and be given what there is to give. */
	CHECK(++w->n_runs <= N_GUESTS * N_RUNNERS * (1 + ARB_MAX_LEASES));
}

static void on_sample(void *arg, const struct arb_runner *r, struct arb_sample *out)
{
	struct world *w = arg;

	*out = w->claims[r - w->runner];
}

static void on_wake(void *arg, uint64_t at_ns)
{
	((struct world *)arg)->wake_ns = at_ns;
}

static void on_note(void *arg, const char *text)
{
	(void)arg;
	CHECK(strlen(text) < ARB_REASON_BYTES + 64);
}

/* Mostly plausible numbers, now and then any. */
static uint64_t some_ns(struct fuzz_in *in)
{
	const uint8_t how = fuzz_u8(in);

	if (how == 0xff)
		return fuzz_u64(in);
	return (uint64_t)(how & 15) << (how >> 4) << 8;
}

static void set_parameters(struct world *w)
{
	struct arb *a = &w->arb;
	struct arb_guest *g = &w->guest[fuzz_u8(w->in) % N_GUESTS];

	/* As they are checked where they come in: option.h, hostconf.h. */
	switch (fuzz_u8(w->in) % 6) {
	case 0:
		g->weight = fuzz_u16(w->in);
		g->weight += !g->weight;
		break;
	case 1:
		g->cap = fuzz_u8(w->in) % 101;
		break;
	case 2:
		g->fps = fuzz_u16(w->in) % 1001;
		break;
	case 3:
		a->policy = (enum arb_policy)(fuzz_u8(w->in) % ARB_N_POLICIES);
		break;
	case 4:
		a->slice_ns = (100 + fuzz_u16(w->in)) * UINT64_C(1000);
		break;
	default:
		a->ratelimit_ns = fuzz_u16(w->in) * UINT64_C(1000);
	}
	arb_changed(a, w->now_ns);
}

static void come_or_go(struct world *w, unsigned int i)
{
	const unsigned int g = i / N_RUNNERS;
	unsigned int j;

	if (w->has_runner[i]) {
		arb_runner_remove(&w->arb, &w->runner[i], w->now_ns);
		w->has_runner[i] = false;
		for (j = g * N_RUNNERS; j < (g + 1) * N_RUNNERS; j++)
			if (w->has_runner[j])
				return;
		arb_guest_remove(&w->arb, &w->guest[g]);
		w->has_guest[g] = false;
		return;
	}
	if (!w->has_guest[g]) {
		w->guest[g] = (struct arb_guest){ .weight = 256, .name = "guest" };
		arb_guest_add(&w->arb, &w->guest[g]);
		w->has_guest[g] = true;
	}
	w->claims[i] = (struct arb_sample){ 0 };
	arb_runner_add(&w->guest[g], &w->runner[i], w->now_ns);
	w->has_runner[i] = true;
}

/* Its own, one that it has, or any. */
static uint32_t some_serial(struct fuzz_in *in, const struct arb_runner *r)
{
	const uint8_t how = fuzz_u8(in);

	return how & 1 ? r->lease[how >> 1 & 1].serial : how & 2 ? r->serial : fuzz_u32(in);
}

static void claim(struct fuzz_in *in, struct arb_sample *claims, uint64_t now_ns)
{
	claims->gpu_ns += some_ns(in);
	claims->queued_ns = some_ns(in);
	claims->fences += fuzz_u8(in);
	claims->held_ns += some_ns(in);
	claims->last_work_ns = fuzz_u8(in) & 1 ? now_ns : some_ns(in);
}

static void event(struct world *w)
{
	const uint8_t what = fuzz_u8(w->in);
	const unsigned int i = (what >> 4) % (N_GUESTS * N_RUNNERS);
	struct arb_runner *r = &w->runner[i];
	uint8_t n;

	w->n_runs = 0;
	if (!w->has_runner[i] || what % 16 == 9) {
		come_or_go(w, i);
		return;
	}
	switch (what % 16) {
	case 0:
		arb_begun(&w->arb, r, fuzz_u8(w->in) % 16, w->now_ns);
		break;
	case 1: case 2: case 3:
		arb_want(&w->arb, r, fuzz_u8(w->in) % 16, w->now_ns);
		break;
	case 4: case 5:
		n = fuzz_u8(w->in);
		arb_rest(&w->arb, r, some_serial(w->in, r), n & 1, n & 2 ? some_ns(w->in) : 0,
			 w->now_ns);
		break;
	case 6: case 7:
		arb_drained(&w->arb, r, some_serial(w->in, r), w->now_ns);
		break;
	case 8:
		claim(w->in, &w->claims[i], w->now_ns);
		break;
	case 10:
		arb_quiet(&w->arb, w->now_ns);
		break;
	case 11:
		set_parameters(w);
		break;
	case 12: case 13:
		w->now_ns += some_ns(w->in) % (UINT64_C(100000) * SIM_MS);
		break;
	case 14:
		if (w->wake_ns > w->now_ns)
			w->now_ns = w->wake_ns;
		arb_wake(&w->arb, w->now_ns);
		break;
	default:
		arb_wake(&w->arb, w->now_ns);
	}
}

static void check_world(const struct world *w)
{
	const struct arb *a = &w->arb;
	unsigned int i, j, n_guests = 0;

	for (i = 0; i < N_GUESTS; i++) {
		n_guests += w->has_guest[i];
		if (w->has_guest[i])
			CHECK(arb_entitled_permille(a, &w->guest[i]) <= 1000);
	}
	CHECK_EQ(a->n_guests, n_guests);
	for (i = 0; i < N_GUESTS * N_RUNNERS; i++) {
		const struct arb_runner *r = &w->runner[i];

		if (!w->has_runner[i])
			continue;
		for (j = 0; j < ARB_MAX_LEASES; j++)
			CHECK(!r->lease[j].serial || r->state != ARB_FREE);
		CHECK(!r->lease[0].serial || r->lease[0].serial != r->lease[1].serial);
		CHECK(!a->gated || r->state != ARB_FREE);
		CHECK(a->gated || r->state != ARB_GATED);
	}
	CHECK(memchr(a->reason, '\0', sizeof(a->reason)));
}

static void events(struct fuzz_in *in)
{
	static struct world w;
	unsigned int n = 0;

	w = (struct world){ .in = in, .now_ns = 1000 * SIM_MS };
	arb_init(&w.arb);
	w.arb.slice_ns = SIM_MS;
	w.arb.ratelimit_ns = 100 * SIM_US;
	w.arb.capacity = 1 + fuzz_u8(in) % 16;
	w.arb.on_cpu = fuzz_u8(in) & 1;
	w.arb.run = on_run;
	w.arb.sample = on_sample;
	w.arb.wake = on_wake;
	w.arb.note = on_note;
	w.arb.arg = &w;
	while (in->left && n++ < MAX_EVENTS) {
		event(&w);
		check_world(&w);
	}
}

/* --- share ------------------------------------------------------------------------------------- */

#define N_LIARS		3u
#define MAX_LIES	100u
#define CLAIM_NS	(4 * SIM_MS)
/* A lease that is given in vain: there, back, and until the next is there; see late_ns() as well. */
#define VAIN_NS		(4 * SIM_MS)

static void lie(struct sim *sim, struct sim_worker *w, struct fuzz_in *in)
{
	const uint8_t what = fuzz_u8(in);
	const uint32_t serial = what & 0x80 ? w->runner.lease[what >> 6 & 1].serial :
					      fuzz_u8(in);

	switch (what % 6) {
	case 0:
		arb_begun(&sim->arb, &w->runner, what >> 4, sim->now_ns);
		break;
	case 1:
		arb_want(&sim->arb, &w->runner, what >> 4, sim->now_ns);
		break;
	case 2:
		arb_rest(&sim->arb, &w->runner, serial, what & 8,
			 fuzz_u8(in) * (CLAIM_NS / 256), sim->now_ns);
		break;
	case 3:
		arb_drained(&sim->arb, &w->runner, serial, sim->now_ns);
		break;
	case 4:
		w->counters.gpu_ns += fuzz_u8(in) * SIM_MS;
		break;
	default:
		w->counters.queued_ns = fuzz_u8(in) * SIM_MS;
	}
}

static void share(struct fuzz_in *in)
{
	struct sim *sim = sim_new();
	struct arb_guest *honest = sim_guest(sim, "honest", 256, 0), *guest[N_LIARS];
	struct sim_worker *busy = sim_worker(sim, honest, sim_ms, 8), *liar[N_LIARS];
	uint64_t start_ns = sim->now_ns, lies = 0, had_ns, all_ns;
	unsigned int i;

	for (i = 0; i < N_LIARS; i++) {
		guest[i] = sim_guest(sim, "liar", 256, 0);
		liar[i] = sim_worker(sim, guest[i], sim_ms, 8);
	}
	sim_busy(busy);
	while (in->left && lies++ < MAX_LIES) {
		sim_for(sim, fuzz_u8(in) * 40 * SIM_US);
		lie(sim, liar[fuzz_u8(in) % N_LIARS], in);
	}
	/* A lease whose holder claims to be at work ends by itself some time. */
	sim_for(sim, 300 * SIM_MS);
	had_ns = sim_used(sim, honest, start_ns, sim->now_ns);
	all_ns = sim->now_ns - start_ns;
	if (had_ns + lies * (CLAIM_NS + VAIN_NS) + ARB_LATE_NS + 10 * SIM_MS < all_ns)
		harness_fail(__FILE__, __LINE__, "%llu lies, and of %llu us the honest guest had "
			     "%llu", (unsigned long long)lies, (unsigned long long)all_ns / 1000,
			     (unsigned long long)had_ns / 1000);
	for (i = 0; i < N_LIARS; i++) {
		free(liar[i]);
		free(guest[i]);
	}
	free(busy);
	free(honest);
	free(sim->runs);
	free(sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };

	if (fuzz_u8(&in) & 1)
		share(&in);
	else
		events(&in);
	return 0;
}
