// SPDX-License-Identifier: GPL-2.0-only
/*
 * What holds a session back: commands in flight, frames a second; and what comes of it: the
 * latencies that are counted, and completions that wait for a frontend that does not take them.
 */
#include "worker_model.h"
#include "worker_virgl.h"

#define MIB	(1u << 20)
#define SLOW_NS	20000000u
#define CMDS	(64u * PAGE)	/* 256 KiB of commands, all of them nothing */

static struct ctl_bind bound(uint32_t inflight_mib, uint32_t max_fps)
{
	return (struct ctl_bind){
		.max_buffer_pages = RIG_PAGES, .max_buffers = 64, .max_contexts = 8,
		.max_resources = 256, .max_pages = 2 * RIG_PAGES, .inflight_mib = inflight_mib,
		.max_fps = max_fps };
}

static void begin(struct rig *rig, unsigned int order, uint32_t inflight_mib, uint32_t max_fps)
{
	const struct ctl_bind bind = bound(inflight_mib, max_fps);

	rig_spawn(rig, "soft", NULL);
	rig_wait_ready(rig);
	rig_bind(rig, order, &bind);
	CHECK_EQ(rig_context(rig, 1), 0);
	CHECK_EQ(rig_register(rig, 1, 512, 256, VGPUIF_BUFFER_READ_ONLY), 0);
}

/* On a GPU whose commands take @ns: nothing is done while several are being taken. */
static void begin_slow(struct rig *rig, uint32_t inflight_mib, uint64_t ns)
{
	const struct ctl_bind bind = bound(inflight_mib, 0);

	model_start(rig, 0, &bind);
	model_context(rig, 1);
	CHECK_EQ(rig_register(rig, 1, 512, 256, VGPUIF_BUFFER_READ_ONLY), 0);
	gpu_model_run((uint32_t *)(void *)(rig->mem + 512 * PAGE), ns, 1);
}

static void expect(struct rig *rig, uint32_t id, int status)
{
	struct vgpuif_response rsp;

	CHECK(rig_get(rig, &rsp, RIG_TIMEOUT_MS));
	CHECK_EQ(rsp.id, id);
	CHECK_EQ(rsp.status, status);
}

static uint32_t put(struct rig *rig, uint32_t bytes, uint16_t flags)
{
	struct vgpuif_request req = rig_req_submit(1, bytes ? 1 : 0, 0, bytes, flags);

	return rig_put(rig, &req);
}

static uint64_t latencies(const struct rig *rig)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = 0; i < CTL_LATENCY_BUCKETS; i++)
		n += rig->stats->latency[i];
	return n;
}

/* --- in flight -------------------------------------------------------------------------------- */

/* Submits of a quarter of the limit, at once: four are taken, and the others as they can be. */
TEST(worker_limits, inflight)
{
	struct rig *rig = malloc(sizeof(*rig));
	uint32_t id[8];
	unsigned int i;

	begin_slow(rig, 1, SLOW_NS);
	/* Up to the limit nothing is held: the fourth reaches it, and nothing is behind it. */
	for (i = 0; i < 4; i++)
		id[i] = put(rig, CMDS, VGPUIF_SUBMIT_FENCE);
	rig_push(rig);
	for (i = 0; i < 4; i++)
		expect(rig, id[i], 0);
	CHECK_EQ(rig->stats->limit_inflight, 0);
	for (i = 0; i < 5; i++)
		id[i] = put(rig, CMDS, VGPUIF_SUBMIT_FENCE);
	rig_push(rig);
	for (i = 0; i < 5; i++)
		expect(rig, id[i], 0);
	CHECK_EQ(rig->stats->limit_inflight, 1);
	for (i = 0; i < 8; i++)
		id[i] = put(rig, CMDS, VGPUIF_SUBMIT_FENCE);
	rig_push(rig);
	for (i = 0; i < 8; i++)
		expect(rig, id[i], 0);
	CHECK(rig->stats->limit_inflight >= 2);
	CHECK_EQ(rig->stats->fences, 17);
	CHECK_EQ(rig->stats->limit_fps, 0);
	rig_stop(rig);
	free(rig);
}

/* Commands of submits without a fence are in flight until the next fence of their timeline. */
TEST(worker_limits, inflight_without_fences)
{
	struct rig *rig = malloc(sizeof(*rig));
	uint32_t id[12];
	unsigned int i;

	begin_slow(rig, 1, SLOW_NS);
	/* No fence is under way that could end the waiting: nothing waits. */
	for (i = 0; i < 12; i++)
		id[i] = put(rig, CMDS, 0);
	rig_push(rig);
	for (i = 0; i < 12; i++)
		expect(rig, id[i], 0);
	CHECK_EQ(rig->stats->limit_inflight, 0);
	/* There are 3 MiB now, so behind the next fence nothing is taken until it has come. */
	id[0] = put(rig, 0, VGPUIF_SUBMIT_FENCE);
	id[1] = put(rig, CMDS, 0);
	rig_push(rig);
	expect(rig, id[0], 0);
	expect(rig, id[1], 0);
	CHECK_EQ(rig->stats->limit_inflight, 1);
	/* It took the 3 MiB along. */
	id[0] = put(rig, 0, VGPUIF_SUBMIT_FENCE);
	id[1] = put(rig, CMDS, 0);
	rig_push(rig);
	expect(rig, id[1], 0);
	expect(rig, id[0], 0);
	CHECK_EQ(rig->stats->limit_inflight, 1);
	rig_stop(rig);
	free(rig);
}

/* ... and a context that is destroyed takes its own along. */
TEST(worker_limits, inflight_of_a_context)
{
	struct rig *rig = malloc(sizeof(*rig));
	uint32_t id[5];
	unsigned int i;

	begin_slow(rig, 1, SLOW_NS);
	for (i = 0; i < 5; i++)
		id[i] = put(rig, CMDS, 0);
	rig_push(rig);
	for (i = 0; i < 5; i++)
		expect(rig, id[i], 0);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_CONTEXT_DESTROY, 1), 0);
	model_context(rig, 1);
	id[0] = put(rig, CMDS, VGPUIF_SUBMIT_FENCE);
	id[1] = put(rig, CMDS, 0);
	rig_push(rig);
	expect(rig, id[1], 0);
	expect(rig, id[0], 0);
	CHECK_EQ(rig->stats->limit_inflight, 0);
	rig_stop(rig);
	free(rig);
}

/* Whatever the mixture, all is answered. */
static void mixture(struct rig *rig, unsigned int rounds)
{
	struct vgpuif_response rsp;
	unsigned int round, i, n;
	uint32_t seed = 1, bytes;
	bool fence;

	for (round = 0; round < rounds; round++) {
		n = ring_front_free(&rig->front);
		for (i = 0; i < n; i++) {
			seed = seed * 1103515245 + 12345;
			fence = (seed >> 20) % 2;
			bytes = fence && !((seed >> 8) % 3) ? 0 : MIB >> (seed >> 12) % 4;
			put(rig, bytes, fence ? VGPUIF_SUBMIT_FENCE : VGPUIF_SUBMIT_IN_ORDER);
		}
		rig_push(rig);
		for (i = 0; i < n; i++) {
			CHECK(rig_get(rig, &rsp, RIG_TIMEOUT_MS));
			CHECK_EQ(rsp.status, 0);
		}
	}
	CHECK_EQ(rig->stats->fences_in_flight, 0);
	CHECK_EQ(latencies(rig), rig->stats->fences);
}

/* One as large as the limit goes when it is alone. */
TEST(worker_limits, inflight_never_stands_still)
{
	struct rig *rig = malloc(sizeof(*rig));

	begin_slow(rig, 1, 1000000);
	mixture(rig, 20);
	CHECK(rig->stats->limit_inflight > 40);
	rig_stop(rig);
	free(rig);
}

/* The renderer's thread ends what holds the ring back, and has to say so. */
TEST(worker_limits, inflight_never_stands_still_rendering)
{
	struct rig *rig = malloc(sizeof(*rig));

	begin(rig, 0, 1, 0);
	mixture(rig, 40);
	CHECK(rig->stats->limit_inflight > 0);
	rig_stop(rig);
	free(rig);
}

/* --- frames ----------------------------------------------------------------------------------- */

/* How long @n frames take, pushed at once. */
static uint64_t frames_ns(struct rig *rig, unsigned int n)
{
	const uint64_t start_ns = rig_now_ns();
	uint32_t first = rig->next_id + 1;
	unsigned int i;

	for (i = 0; i < n; i++)
		put(rig, 4, VGPUIF_SUBMIT_FENCE);
	rig_push(rig);
	for (i = 0; i < n; i++)
		expect(rig, first + i, 0);
	return rig_now_ns() - start_ns;
}

/* Never faster than was said, but for the one slot that a session keeps. */
TEST(worker_limits, frames)
{
	struct rig *rig = malloc(sizeof(*rig));
	uint64_t took_ns;
	unsigned int i;

	begin(rig, 0, 64, 100);
	took_ns = frames_ns(rig, 32);
	CHECK(took_ns >= 30 * 10000000ull);
	CHECK(rig->stats->limit_fps >= 1 && rig->stats->limit_fps <= 31);
	/* One by one, and each late by a part of a period: the slots stay where they are. */
	took_ns = rig_now_ns();
	for (i = 0; i < 20; i++) {
		CHECK_EQ(rig_submit(rig, 1, 1, 0, 4, VGPUIF_SUBMIT_FENCE), 0);
		usleep(i % 3 * 3000);
	}
	took_ns = rig_now_ns() - took_ns;
	CHECK(took_ns >= 18 * 10000000ull);
	rig_stop(rig);
	free(rig);
}

/* A session slower than its ceiling is not held, and sleeps undisturbed. */
TEST(worker_limits, slow_frames)
{
	struct rig *rig = malloc(sizeof(*rig));
	unsigned int i;

	begin(rig, 0, 64, 1000);
	for (i = 0; i < 20; i++) {
		CHECK_EQ(rig_submit(rig, 1, 1, 0, 4, VGPUIF_SUBMIT_FENCE), 0);
		usleep(3000);
	}
	CHECK_EQ(rig->stats->limit_fps, 0);
	/* Nor are submits without a fence frames. */
	for (i = 0; i < 100; i++)
		CHECK_EQ(rig_submit(rig, 1, 1, 0, 4, 0), 0);
	CHECK_EQ(rig->stats->limit_fps, 0);
	rig_stop(rig);
	free(rig);
}

static void limits(struct rig *rig, uint32_t max_fps)
{
	struct ctl_msg msg = { .type = CTL_LIMITS, .bytes = CTL_BYTES(limits) };

	msg.u.limits.max_fps = max_fps;
	CHECK_EQ(ctl_send(rig->sock, &msg, NULL, 0), 0);
	/* It may be looking at the ring alone, for less than this. */
	usleep(50000);
}

/* A new ceiling holds at once, also for what the old one was holding back. */
TEST(worker_limits, ceiling_changes)
{
	struct rig *rig = malloc(sizeof(*rig));
	uint32_t id[3];
	unsigned int i;

	begin(rig, 0, 64, 1);
	for (i = 0; i < 3; i++)
		id[i] = put(rig, 4, VGPUIF_SUBMIT_FENCE);
	rig_push(rig);
	/* Two go at once: there is one slot that was let pass. The third is a second away. */
	expect(rig, id[0], 0);
	expect(rig, id[1], 0);
	while (!rig->stats->limit_fps)
		usleep(1000);
	CHECK_EQ(rig->stats->requests, 4);
	limits(rig, 0);
	expect(rig, id[2], 0);
	CHECK_EQ(rig->stats->limit_fps, 1);
	/* No ceiling: as fast as it goes. */
	frames_ns(rig, 32);
	CHECK_EQ(rig->stats->limit_fps, 1);
	limits(rig, 100);
	CHECK(frames_ns(rig, 22) >= 20 * 10000000ull);
	CHECK(rig->stats->limit_fps > 1);
	rig_stop(rig);
	free(rig);
}

/* The guest's index says that nothing is there, while requests that were seen are held back. */
TEST(worker_limits, hidden_requests_are_frames)
{
	struct rig *rig = malloc(sizeof(*rig));
	uint64_t start_ns;
	RING_IDX *req_prod, real;
	unsigned int i;
	uint32_t first;

	begin(rig, 0, 64, 50);
	req_prod = &rig->front.r.sring->req_prod;
	first = rig->next_id + 1;
	for (i = 0; i < 12; i++)
		put(rig, 4, VGPUIF_SUBMIT_FENCE);
	start_ns = rig_now_ns();
	rig_push(rig);
	real = *req_prod;
	expect(rig, first, 0);
	expect(rig, first + 1, 0);
	/* Two of the frames, and two requests before them, were taken. */
	*req_prod = 4;
	while (rig->stats->requests < 6)
		usleep(1000);
	CHECK(rig_now_ns() - start_ns >= 2 * 20000000ull);
	*req_prod = real;
	for (i = 2; i < 12; i++)
		expect(rig, first + i, 0);
	CHECK(rig_now_ns() - start_ns >= 10 * 20000000ull);
	rig_stop(rig);
	free(rig);
}

/* --- latencies -------------------------------------------------------------------------------- */

TEST(worker_limits, latencies)
{
	struct rig *rig = malloc(sizeof(*rig));
	struct vgpuif_request destroy = { .operation = VGPUIF_OP_CONTEXT_DESTROY,
					  .u.context_destroy.context_id = 1 };
	uint64_t long_ones = 0;
	unsigned int i;
	uint32_t id[2];

	begin(rig, 0, 64, 0);
	frames_ns(rig, 32);
	CHECK_EQ(rig->stats->fences, 32);
	CHECK_EQ(latencies(rig), 32);
	for (i = 0; i < 10; i++)
		CHECK_EQ(rig_submit(rig, 1, 1, 0, 4, 0), 0);
	CHECK_EQ(latencies(rig), 32);
	/* A fence that never came has none. */
	id[0] = put(rig, 4, VGPUIF_SUBMIT_FENCE);
	id[1] = rig_put(rig, &destroy);
	rig_push(rig);
	expect(rig, id[0], 0);
	expect(rig, id[1], 0);
	CHECK_EQ(rig->stats->fences, 33);
	CHECK_EQ(latencies(rig), 33);
	/* What is held counts: at 100 a second, 22 frames at once make 20 of over 10 ms. */
	CHECK_EQ(rig_context(rig, 1), 0);
	limits(rig, 100);
	frames_ns(rig, 22);
	CHECK_EQ(latencies(rig), 55);
	for (i = ctl_latency_bucket(9900000); i < CTL_LATENCY_BUCKETS; i++)
		long_ones += rig->stats->latency[i];
	CHECK(long_ones >= 20);
	rig_stop(rig);
	free(rig);
}

/* --- completions ------------------------------------------------------------------------------ */

static void wait_responses(const struct rig *rig, uint64_t n)
{
	const uint64_t end_ns = rig_now_ns() + RIG_TIMEOUT_MS * 1000000ull;

	while (__atomic_load_n(&rig->stats->responses, __ATOMIC_SEQ_CST) < n) {
		CHECK(rig_now_ns() < end_ns);
		usleep(1000);
	}
	/* ... and for whatever else it may do then. */
	usleep(20000);
	CHECK_EQ(rig->stats->responses, n);
}

/*
 * A frontend that asked for an event with its next response, and takes none: one notification,
 * however many completions there are, and however far apart they come.
 */
static void undrained(struct rig *rig, uint16_t flags, bool apart)
{
	struct vgpuif_response rsp;
	unsigned int i, n = ring_front_free(&rig->front);
	const uint64_t notified = rig->stats->notifies_out, answered = rig->stats->responses;
	const uint32_t first = rig->next_id + 1;

	CHECK_EQ(n, 32);
	CHECK(!ring_front_sleep(&rig->front));
	for (i = 0; i < n; i++) {
		put(rig, 4, flags);
		if (!apart && i + 1 < n)
			continue;
		rig_push(rig);
		wait_responses(rig, answered + i + 1);
		CHECK_EQ(rig->stats->notifies_out, notified + 1);
	}
	/* The ring is full of responses: there is no room for a request that would need another. */
	CHECK_EQ(ring_front_free(&rig->front), 0);
	for (i = 0; i < n; i++) {
		CHECK_EQ(ring_front_get(&rig->front, &rsp), 1);
		CHECK_EQ(rsp.id, first + i);
		CHECK_EQ(rsp.status, 0);
	}
	CHECK_EQ(ring_front_get(&rig->front, &rsp), 0);
	CHECK_EQ(rig->stats->notifies_out, notified + 1);
}

TEST(worker_limits, one_notification_until_drained)
{
	struct rig *rig = malloc(sizeof(*rig));
	unsigned int round;

	begin(rig, 0, 64, 0);
	for (round = 0; round < 3; round++) {
		undrained(rig, 0, false);
		undrained(rig, VGPUIF_SUBMIT_FENCE, false);
	}
	undrained(rig, VGPUIF_SUBMIT_FENCE, true);
	rig_stop(rig);
	free(rig);
}

/*
 * A frontend that pushes further requests without having taken the responses writes over them,
 * which is its own loss; the worker takes none for whose response there is no slot, and goes on.
 */
TEST(worker_limits, responses_never_overrun)
{
	struct rig *rig = malloc(sizeof(*rig));
	struct vgpuif_response rsp;
	vgpuif_sring_t *sring;
	unsigned int i;

	begin(rig, 0, 64, 0);
	sring = rig->front.r.sring;
	for (i = 0; i < 32; i++)
		put(rig, 4, VGPUIF_SUBMIT_FENCE);
	rig_push(rig);
	wait_responses(rig, 34);
	CHECK_EQ(sring->rsp_prod, 34);
	/* As if it had taken two. The worker has answered all, so these are two more slots. */
	rig->front.r.rsp_cons += 2;
	put(rig, 4, VGPUIF_SUBMIT_FENCE);
	put(rig, 4, VGPUIF_SUBMIT_FENCE);
	rig_push(rig);
	CHECK_EQ(evt_notify(rig->evt), 0);
	wait_responses(rig, 36);
	CHECK_EQ(sring->rsp_prod, 36);
	for (i = 0; i < 32; i++)
		CHECK_EQ(ring_front_get(&rig->front, &rsp), 1);
	CHECK_EQ(ring_front_get(&rig->front, &rsp), 0);
	/* More requests than slots is what no frontend can mean. */
	sring->req_prod += 33;
	CHECK_EQ(evt_notify(rig->evt), 0);
	rig_expect_closed(rig, CTL_REASON_PROTOCOL);
	free(rig);
}
