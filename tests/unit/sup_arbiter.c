// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arbiter on a simulated machine: shares, caps, latency, debt, games, policies, and that it
 * does nothing when there is nothing to do. No clock but the test's.
 */
#include "arbiter_sim.h"

#define WEIGHTS	3

static void report(const char *what, uint64_t value)
{
	if (getenv("XENGPU_TEST_VERBOSE"))
		fprintf(stderr, "# %s: %llu\n", what, (unsigned long long)value);
}

TEST(sup_arbiter, alone_is_free)
{
	struct sim *sim = sim_new();
	struct sim_worker *w = sim_worker(sim, sim_guest(sim, "a", 256, 0), sim_ms, 4);

	sim_guest(sim, "b", 256, 0);
	sim_busy(w);
	sim_for(sim, 1000 * SIM_MS);
	CHECK_EQ(sim->messages, 1);	/* BEGUN */
	CHECK_EQ(sim->wakes, 0);
	CHECK(sim_used(sim, NULL, sim->now_ns - 900 * SIM_MS, sim->now_ns) >= 899 * SIM_MS);
	/* And with nothing to do at all. */
	sim_stop(w);
	sim_for(sim, 1000 * SIM_MS);
	CHECK_EQ(sim->wakes, 0);
	CHECK_EQ(sim->wake_ns, 0);
}

TEST(sup_arbiter, ends_when_one_is_left)
{
	struct sim *sim = sim_new();
	struct sim_worker *a = sim_worker(sim, sim_guest(sim, "a", 256, 0), sim_ms, 4);
	struct sim_worker *b = sim_worker(sim, sim_guest(sim, "b", 256, 0), sim_ms, 4);
	unsigned int messages;

	sim_busy(a);
	sim_busy(b);
	sim_for(sim, 500 * SIM_MS);
	CHECK(sim->arb.gated);
	sim_stop(b);
	sim_for(sim, 300 * SIM_MS);
	CHECK(!sim->arb.gated);
	CHECK_EQ(b->mode, CTL_RUN_TELL);
	CHECK_EQ(a->mode, CTL_RUN_FREE);
	messages = sim->messages;
	sim->wakes = 0;
	sim_for(sim, 1000 * SIM_MS);
	CHECK_EQ(sim->messages, messages);
	CHECK_EQ(sim->wakes, 0);
	/* Both gone: nobody is told anything, nothing wakes up. */
	sim_stop(a);
	sim_for(sim, 1000 * SIM_MS);
	CHECK_EQ(sim->messages, messages);
	CHECK_EQ(sim->wakes, 0);
	/* And again. */
	sim_busy(a);
	sim_busy(b);
	sim_for(sim, 500 * SIM_MS);
	CHECK(sim->arb.gated);
	CHECK(sim->arb.contended_ns > 500 * SIM_MS);
}

/* Weights 1:2:4, all always busy, lengths of all kinds. */
static void shares(unsigned int n)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	static const uint32_t weights[] = { 128, 256, 512, 512 };
	struct sim *sim = sim_new();
	struct arb_guest *g[4];
	uint64_t start_ns, off, sum = 0, lost;
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct sim_worker *w;

		g[i] = sim_guest(sim, names[i], weights[i], 0);
		w = sim_worker(sim, g[i], sim_mixed, 8);
		w->seed += i;
		sim_busy(w);
		sum += weights[i];
	}
	sim_for(sim, 500 * SIM_MS);
	start_ns = sim->now_ns;
	sim_for(sim, 10000 * SIM_MS);
	for (i = 0; i < n; i++) {
		const uint64_t wanted = 1000 * weights[i] / sum;

		off = sim_worst_error(sim, g[i], start_ns, sim->now_ns, 1000 * SIM_MS, wanted);
		report("off in 1 s, permille", off);
		CHECK(off <= 20);
		off = sim_worst_error(sim, g[i], start_ns, sim->now_ns, 100 * SIM_MS, wanted);
		report("off in 100 ms, permille", off);
		CHECK(off <= 50);
	}
	lost = 10000 - sim_used(sim, NULL, start_ns, sim->now_ns) / SIM_MS;
	report("idle, of 10000", lost);
	CHECK(lost <= 200);
}

TEST(sup_arbiter, shares_of_two)
{
	shares(2);
}

TEST(sup_arbiter, shares_of_three)
{
	shares(3);
}

TEST(sup_arbiter, shares_of_four)
{
	shares(4);
}

static void cap(uint32_t percent, bool contended, uint64_t late_ns)
{
	struct sim *sim = sim_new();
	struct arb_guest *g = sim_guest(sim, "a", 256, percent);
	struct sim_worker *w = sim_worker(sim, g, sim_mixed, 8);
	uint64_t at_ns, used;

	sim->late_ns = late_ns;
	sim_busy(w);
	if (contended)
		sim_busy(sim_worker(sim, sim_guest(sim, "b", 1, 0), sim_ms, 4));
	sim_for(sim, 1000 * SIM_MS);
	at_ns = sim->now_ns;
	sim_for(sim, 10000 * SIM_MS);
	used = sim_used(sim, g, at_ns, sim->now_ns) / SIM_MS;
	report("used, of 10000", used);
	CHECK(used + 50 >= percent * 100 && used <= percent * 100 + 50);
	/* In no 100 ms more than one command above it, or what it waited for. */
	for (; at_ns + 100 * SIM_MS <= sim->now_ns; at_ns += 7 * SIM_MS) {
		used = sim_used(sim, g, at_ns, at_ns + 100 * SIM_MS);
		CHECK(used <= percent * SIM_MS + 2 * SIM_MS + late_ns + (contended ? ARB_WAIT_NS : 0));
	}
}

TEST(sup_arbiter, cap_10)
{
	cap(10, false, 0);
}

TEST(sup_arbiter, cap_25)
{
	cap(25, false, 0);
}

TEST(sup_arbiter, cap_50_beside_another)
{
	cap(50, true, 0);
}

/* What our timers' being late takes from a guest it gets afterwards. */
TEST(sup_arbiter, cap_50_with_late_timers)
{
	cap(50, false, 700 * SIM_US);
}

/* A 60 Hz client whose frame is 8 ms, beside busy neighbours with commands of up to 2 ms. */
static uint64_t p99_beside(unsigned int neighbours, uint64_t commands, uint32_t weight,
			   uint64_t (*length)(struct sim_worker *w))
{
	static const char *const names[] = { "x", "y", "z" };
	struct sim *sim = sim_new();
	struct sim_worker *w = sim_worker(sim, sim_guest(sim, "a", weight, 0), sim_ms, 16);
	unsigned int i;

	for (i = 0; i < neighbours; i++) {
		struct sim_worker *n = sim_worker(sim, sim_guest(sim, names[i], 256, 0), length, 8);

		n->seed += i * 77;
		sim_busy(n);
	}
	sim_paced(w, 16667 * SIM_US, commands);
	sim_for(sim, 20000 * SIM_MS);
	CHECK(w->n_frames >= 1190);
	return sim_p99(w);
}

TEST(sup_arbiter, latency_beside_one)
{
	const uint64_t alone = p99_beside(0, 8, 256, NULL);
	const uint64_t beside = p99_beside(1, 8, 256, sim_2ms);
	const uint64_t mixed = p99_beside(1, 8, 512, sim_mixed);

	report("alone, us", alone / 1000);
	report("beside one, us", beside / 1000);
	report("beside one of mixed lengths, us", mixed / 1000);
	CHECK(beside * 10 <= alone * 13);
	CHECK(mixed * 10 <= alone * 15);
}

TEST(sup_arbiter, latency_beside_three)
{
	const uint64_t alone = p99_beside(0, 8, 1024, NULL);
	const uint64_t beside = p99_beside(3, 8, 1024, sim_mixed);

	report("alone, us", alone / 1000);
	report("beside three of mixed lengths, us", beside / 1000);
	CHECK(beside * 10 <= alone * 15);
}

static uint64_t monster(struct sim_worker *w)
{
	return w->commands == 100 ? 500 * SIM_MS : SIM_MS;
}

TEST(sup_arbiter, debt_is_repaid)
{
	struct sim *sim = sim_new();
	struct arb_guest *a = sim_guest(sim, "a", 256, 0), *b = sim_guest(sim, "b", 256, 0);
	uint64_t start_ns = sim->now_ns, off;

	sim_busy(sim_worker(sim, a, monster, 1));
	sim_busy(sim_worker(sim, b, sim_ms, 4));
	sim_for(sim, 4000 * SIM_MS);
	off = sim_used(sim, a, start_ns, sim->now_ns) / SIM_MS;
	report("used by the monster's guest, of 4000", off);
	CHECK(off >= 1960 && off <= 2040);
}

/* One that is idle now and then gets what it wants then, but no more than its share over time. */
static uint64_t naps(struct sim_worker *w)
{
	const uint64_t now_ns = w->sim->now_ns;

	if (now_ns >= w->rest_every_ns) {
		w->resting_until_ns = now_ns + w->rest_ns;
		w->rest_every_ns = w->resting_until_ns + 9500 * SIM_US;
		sim_post(w->sim, (struct sim_event){ .at_ns = w->resting_until_ns,
						     .what = SIM_RESUME, .worker = w });
	}
	return 500 * SIM_US;
}

static uint64_t sim_800ms(struct sim_worker *w)
{
	(void)w;
	return 800 * SIM_MS;
}

static uint64_t half_ms(struct sim_worker *w)
{
	(void)w;
	return 500 * SIM_US;
}

TEST(sup_arbiter, yielding_before_a_tick_gains_nothing)
{
	struct sim *sim = sim_new();
	struct arb_guest *a = sim_guest(sim, "a", 256, 0), *b = sim_guest(sim, "b", 256, 0);
	struct sim_worker *w = sim_worker(sim, a, naps, 8);
	uint64_t start_ns;

	w->rest_ns = 500 * SIM_US;
	sim_busy(w);
	sim_busy(sim_worker(sim, b, half_ms, 8));
	sim_for(sim, 200 * SIM_MS);
	start_ns = sim->now_ns;
	sim_for(sim, 5000 * SIM_MS);
	report("permille", sim_used(sim, a, start_ns, sim->now_ns) / (5 * SIM_MS));
	CHECK(sim_used(sim, a, start_ns, sim->now_ns) <= 5000 * SIM_MS * 52 / 100);
}

TEST(sup_arbiter, many_programs_gain_nothing)
{
	struct sim *sim = sim_new();
	struct arb_guest *a = sim_guest(sim, "a", 256, 0), *b = sim_guest(sim, "b", 256, 0);
	uint64_t start_ns;
	unsigned int i;

	for (i = 0; i < 100; i++)
		sim_busy(sim_worker(sim, a, half_ms, 4));
	sim_busy(sim_worker(sim, b, half_ms, 4));
	sim_for(sim, 1000 * SIM_MS);
	start_ns = sim->now_ns;
	sim_for(sim, 4000 * SIM_MS);
	report("permille", sim_used(sim, a, start_ns, sim->now_ns) / (4 * SIM_MS));
	CHECK(sim_used(sim, a, start_ns, sim->now_ns) <= 4000 * SIM_MS * 52 / 100);
	CHECK(sim_used(sim, b, start_ns, sim->now_ns) >= 4000 * SIM_MS * 48 / 100);
}

/*
 * A renderer that is done when the call returns, as llvmpipe is on one processor: the lease is open
 * all the time, for much longer than a slice. Frames of 800 ms, and still the weights hold.
 */
TEST(sup_arbiter, long_calls)
{
	struct sim *sim = sim_new();
	struct arb_guest *g[3];
	uint64_t start_ns;
	unsigned int i;

	sim->arb.on_cpu = true;
	for (i = 0; i < 3; i++) {
		struct sim_worker *w;

		g[i] = sim_guest(sim, "g", 128u << i, 0);
		w = sim_worker(sim, g[i], sim_800ms, 3);
		w->in_the_call = true;
		sim_busy(w);
	}
	sim_for(sim, 20000 * SIM_MS);
	start_ns = sim->now_ns;
	sim_for(sim, 112000 * SIM_MS);
	for (i = 0; i < 3; i++) {
		const uint64_t used = sim_used(sim, g[i], start_ns, sim->now_ns) / SIM_MS;

		report("used, of 112000", used);
		CHECK(used + 2000 >= 16000u << i && used <= (16000u << i) + 2000);
	}
}

TEST(sup_arbiter, work_conserving)
{
	struct sim *sim = sim_new();
	struct sim_worker *light = sim_worker(sim, sim_guest(sim, "a", 65535, 0), sim_ms, 8);
	uint64_t start_ns;

	sim_busy(sim_worker(sim, sim_guest(sim, "b", 256, 0), sim_ms, 4));
	sim_paced(light, 10 * SIM_MS, 2);
	sim_for(sim, 500 * SIM_MS);
	start_ns = sim->now_ns;
	sim_for(sim, 5000 * SIM_MS);
	report("busy permille", sim_used(sim, NULL, start_ns, sim->now_ns) / (5 * SIM_MS));
	CHECK(sim_used(sim, NULL, start_ns, sim->now_ns) >= 4900 * SIM_MS);
	CHECK(sim_used(sim, light->guest, start_ns, sim->now_ns) >= 990 * SIM_MS);
}

TEST(sup_arbiter, priorities_within_a_guest)
{
	struct sim *sim = sim_new();
	struct arb_guest *a = sim_guest(sim, "a", 256, 0), *b = sim_guest(sim, "b", 256, 0);
	struct sim_worker *low = sim_worker(sim, a, sim_ms, 4), *high = sim_worker(sim, a, sim_ms, 4);
	uint64_t before_ns;

	high->priority = 1;
	sim_busy(low);
	sim_busy(high);
	sim_for(sim, 1000 * SIM_MS);
	before_ns = low->used_ns;
	sim_for(sim, 1000 * SIM_MS);
	CHECK(low->used_ns - before_ns <= 10 * SIM_MS);
	/* Another guest has its half all the same. */
	sim_busy(sim_worker(sim, b, sim_ms, 4));
	sim_for(sim, 1000 * SIM_MS);
	before_ns = sim->now_ns;
	sim_for(sim, 2000 * SIM_MS);
	CHECK(sim_used(sim, b, before_ns, sim->now_ns) >= 980 * SIM_MS);
}

static void set_policy(struct sim *sim, enum arb_policy policy)
{
	sim->arb.policy = policy;
	arb_changed(&sim->arb, sim->now_ns);
}

TEST(sup_arbiter, policies)
{
	struct sim *sim = sim_new();
	struct arb_guest *a = sim_guest(sim, "a", 1024, 0), *b = sim_guest(sim, "b", 256, 0);
	struct sim_worker *wa = sim_worker(sim, a, sim_ms, 4), *wb = sim_worker(sim, b, sim_ms, 4);
	uint64_t at_ns;

	sim_busy(wa);
	sim_busy(wb);
	sim_for(sim, 500 * SIM_MS);
	at_ns = sim->now_ns;
	sim_for(sim, 1000 * SIM_MS);
	CHECK(sim_used(sim, a, at_ns, sim->now_ns) >= 780 * SIM_MS);

	set_policy(sim, ARB_EQUAL_SHARE);
	CHECK_EQ(arb_entitled_permille(&sim->arb, a), 500);
	sim_for(sim, 100 * SIM_MS);
	at_ns = sim->now_ns;
	sim_for(sim, 1000 * SIM_MS);
	CHECK(sim_used(sim, a, at_ns, sim->now_ns) <= 520 * SIM_MS);
	CHECK(sim_used(sim, b, at_ns, sim->now_ns) >= 480 * SIM_MS);

	/* Idle shares are not given away. */
	set_policy(sim, ARB_FIXED_SHARE);
	sim_stop(wb);
	sim_for(sim, 300 * SIM_MS);
	at_ns = sim->now_ns;
	sim_for(sim, 1000 * SIM_MS);
	CHECK(sim_used(sim, a, at_ns, sim->now_ns) <= 510 * SIM_MS);
	CHECK(sim_used(sim, a, at_ns, sim->now_ns) >= 490 * SIM_MS);

	set_policy(sim, ARB_OFF);
	sim_for(sim, 100 * SIM_MS);
	at_ns = sim->messages;
	sim_busy(wb);
	sim_for(sim, 500 * SIM_MS);
	CHECK(sim->messages <= at_ns + 1);	/* BEGUN */
	set_policy(sim, ARB_CREDIT);
	sim_for(sim, 500 * SIM_MS);
	at_ns = sim->now_ns;
	sim_for(sim, 1000 * SIM_MS);
	CHECK(sim_used(sim, a, at_ns, sim->now_ns) >= 780 * SIM_MS);
}

/* Frames of 8 ms at 60 Hz, with a weight that does not entitle it to that. */
static unsigned int frames_of_rated(struct sim *sim, enum arb_policy policy, uint32_t fps)
{
	struct arb_guest *g = sim_guest(sim, "rated", 64, 0);
	struct sim_worker *w = sim_worker(sim, g, sim_ms, 16);
	unsigned int frames;

	g->fps = fps;
	sim_busy(sim_worker(sim, sim_guest(sim, "b", 256, 0), sim_ms, 4));
	set_policy(sim, policy);
	sim_paced(w, 16667 * SIM_US, 8);
	sim_for(sim, 3000 * SIM_MS);
	frames = w->n_frames;
	sim_for(sim, 5000 * SIM_MS);
	return w->n_frames - frames;
}

TEST(sup_arbiter, deadline)
{
	unsigned int by_credit = frames_of_rated(sim_new(), ARB_CREDIT, 60);
	unsigned int by_deadline = frames_of_rated(sim_new(), ARB_DEADLINE, 60);
	unsigned int at_half = frames_of_rated(sim_new(), ARB_DEADLINE, 30);

	report("frames in 5 s by credit", by_credit);
	report("frames in 5 s by deadline", by_deadline);
	report("frames in 5 s at 30", at_half);
	CHECK(by_credit < 200);
	CHECK(by_deadline >= 294);
	CHECK(at_half >= 149);
}

TEST(sup_arbiter, deadline_gives_the_rest_away)
{
	struct sim *sim = sim_new();
	uint64_t at_ns;

	frames_of_rated(sim, ARB_DEADLINE, 60);
	at_ns = sim->now_ns - 5000 * SIM_MS;
	CHECK(sim_used(sim, NULL, at_ns, sim->now_ns) >= 4900 * SIM_MS);
}

TEST(sup_arbiter, automatic)
{
	struct sim *sim = sim_new();
	unsigned int frames = frames_of_rated(sim, ARB_AUTO, 60);

	report("frames in 5 s by auto", frames);
	CHECK(frames >= 294);
	CHECK_EQ(sim->notes, 1);
	CHECK(strstr(sim->note, "policy auto: credit -> deadline: rated had "));
	CHECK_EQ(sim->arb.effective, ARB_DEADLINE);
}

TEST(sup_arbiter, dead_and_silent_workers)
{
	struct sim *sim = sim_new();
	struct arb_guest *a = sim_guest(sim, "a", 256, 0), *b = sim_guest(sim, "b", 256, 0);
	struct sim_worker *w = sim_worker(sim, a, sim_ms, 4);
	uint64_t at_ns;

	sim_busy(w);
	sim_busy(sim_worker(sim, b, sim_ms, 4));
	sim_for(sim, 500 * SIM_MS);
	/* It has a lease and does not say anything any more: the others go on after a while. */
	w->depth = 0;
	w->leased = false;
	sim_for(sim, 300 * SIM_MS);
	at_ns = sim->now_ns;
	sim_for(sim, 1000 * SIM_MS);
	CHECK(sim_used(sim, b, at_ns, sim->now_ns) >= 950 * SIM_MS);
	arb_runner_remove(&sim->arb, &w->runner, sim->now_ns);
	arb_guest_remove(&sim->arb, a);
	at_ns = sim->now_ns;
	sim_for(sim, 1000 * SIM_MS);
	CHECK(sim_used(sim, b, at_ns, sim->now_ns) >= 980 * SIM_MS);
	CHECK(!sim->arb.gated);
}

/* Whatever a worker says, whenever: nothing breaks, and the other guest has its share. */
TEST(sup_arbiter, lies)
{
	struct sim *sim = sim_new();
	struct arb_guest *a = sim_guest(sim, "a", 256, 0), *b = sim_guest(sim, "b", 256, 0);
	struct sim_worker *w = sim_worker(sim, a, sim_ms, 4);
	uint64_t at_ns;
	uint32_t seed = 1;
	unsigned int i;

	sim_busy(sim_worker(sim, b, sim_ms, 4));
	sim_for(sim, 500 * SIM_MS);
	at_ns = sim->now_ns;
	for (i = 0; i < 4000; i++) {
		uint64_t number;

		seed = seed * 1103515245u + 12345u;
		number = seed >> 16 & 1 ? UINT64_MAX - (seed >> 20) : seed >> 12;
		w->counters = (struct arb_sample){ .gpu_ns = number, .queued_ns = ~number,
						   .fences = number * 3, .held_ns = ~number,
						   .last_work_ns = number };
		sim_heard(sim, w, &(struct ctl_work){ .event = 1 + (seed >> 8) % 4,
						      .serial = seed >> 24, .more = seed >> 9 & 1,
						      .priority = seed >> 3, .begun_ns = number });
		sim_for(sim, SIM_MS / 2);
	}
	CHECK(sim_used(sim, b, at_ns, sim->now_ns) >= 900 * SIM_MS);
}

/* A taken-over worker says that its work takes no time: the other keeps half of what it is entitled to. */
TEST(sup_arbiter, claims_no_time)
{
	struct sim *sim = sim_new();
	struct arb_guest *a = sim_guest(sim, "a", 256, 0), *b = sim_guest(sim, "b", 256, 0);
	struct sim_worker *w = sim_worker(sim, a, sim_2ms, 8);
	uint64_t at_ns, used;

	w->claims_nothing = true;
	sim_busy(w);
	sim_busy(sim_worker(sim, b, sim_ms, 8));
	sim_for(sim, 500 * SIM_MS);
	at_ns = sim->now_ns;
	sim_for(sim, 4000 * SIM_MS);
	used = sim_used(sim, b, at_ns, sim->now_ns) / (4 * SIM_MS);
	report("the honest guest has, permille", used);
	CHECK(used >= 250);
}

/* ... or takes leases and does nothing with them for as long as it dares, again and again. */
static void keeps_leases_open(bool on_cpu, uint64_t each_ns)
{
	struct sim *sim = sim_new();
	struct arb_guest *a = sim_guest(sim, "a", 256, 0), *b = sim_guest(sim, "b", 256, 0);
	struct sim_worker *w = sim_worker(sim, a, sim_ms, 8);
	uint64_t at_ns, used;

	sim->arb.on_cpu = on_cpu;
	sim_busy(w);
	sim_busy(sim_worker(sim, b, sim_ms, 8));
	sim_for(sim, 500 * SIM_MS);
	CHECK(sim->arb.gated);
	sim_stop(w);
	w->stubborn = true;
	at_ns = sim->now_ns;
	while (sim->now_ns < at_ns + 4000 * SIM_MS) {
		sim_heard(sim, w, &(struct ctl_work){ .event = CTL_WORK_REST, .serial = w->serial });
		sim_heard(sim, w, &(struct ctl_work){ .event = CTL_WORK_WANT });
		sim_for(sim, each_ns);
	}
	used = sim_used(sim, b, at_ns, sim->now_ns) / ((sim->now_ns - at_ns) / 1000);
	report("the honest guest has, permille", used);
	CHECK(used >= 300);
}

TEST(sup_arbiter, keeps_leases_open)
{
	keeps_leases_open(false, 4 * SIM_MS);
}

/* Where drawing in the call is no lateness a lease may last longer. */
TEST(sup_arbiter, keeps_leases_open_on_the_processor)
{
	keeps_leases_open(true, 90 * SIM_MS);
	keeps_leases_open(true, 400 * SIM_MS);
}
