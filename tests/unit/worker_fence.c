// SPDX-License-Identifier: GPL-2.0-only
/* Submits in flight: the order of answers, contexts that end or break, a guest that rewrites. */
#include <pthread.h>

#include "worker_model.h"
#include "worker_virgl.h"

static struct rig *started(void)
{
	struct rig *rig = malloc(sizeof(*rig));

	CHECK(rig);
	rig_start(rig);
	return rig;
}

static void stop(struct rig *rig)
{
	rig_stop(rig);
	free(rig);
}

static uint32_t *cmds(struct rig *rig, uint32_t page)
{
	return (uint32_t *)(rig->mem + (size_t)(RIG_SCRATCH + page) * PAGE);
}

static void expect(struct rig *rig, uint32_t id, int status)
{
	struct vgpuif_response rsp;

	CHECK(rig_get(rig, &rsp, RIG_TIMEOUT_MS));
	CHECK_EQ(rsp.id, id);
	CHECK_EQ(rsp.status, status);
}

/* On a GPU that takes @ns for what is in the command buffer: nothing is done while requests are taken. */
static struct rig *started_slow(uint64_t ns)
{
	struct rig *rig = malloc(sizeof(*rig));

	CHECK(rig);
	model_start(rig, 0, NULL);
	model_context(rig, 1);
	CHECK_EQ(rig_register(rig, 1, RIG_SCRATCH, 1, VGPUIF_BUFFER_READ_ONLY), 0);
	gpu_model_run(cmds(rig, 0), ns, 0);
	return rig;
}

/* What was executed and needs no fence is answered at once, the rest when and as fences come. */
TEST(worker_fence, in_order)
{
	struct rig *rig = started_slow(20000000);
	const uint32_t bytes = GPU_MODEL_RUN_WORDS * 4;
	struct vgpuif_request fenced = rig_req_submit(1, 1, 0, bytes, VGPUIF_SUBMIT_FENCE);
	struct vgpuif_request plain = rig_req_submit(1, 1, 0, bytes, 0);
	struct vgpuif_request ordered = rig_req_submit(1, 1, 0, bytes, VGPUIF_SUBMIT_IN_ORDER);
	uint32_t id[5];

	id[0] = rig_put(rig, &fenced);
	id[1] = rig_put(rig, &ordered);
	id[2] = rig_put(rig, &plain);
	id[3] = rig_put(rig, &fenced);
	id[4] = rig_put(rig, &ordered);
	rig_push(rig);
	expect(rig, id[2], 0);
	expect(rig, id[0], 0);
	expect(rig, id[1], 0);
	expect(rig, id[3], 0);
	expect(rig, id[4], 0);
	stop(rig);
}

/* A fence may be done before or after the next request is executed; what is in order stays in order. */
TEST(worker_fence, in_order_rendering)
{
	struct rig *rig = started();
	struct vgpuif_request fenced, plain, ordered;
	struct vgpuif_response rsp;
	uint32_t id[5], wanted[4], i, n = 0;

	rig_scene(rig, 16);
	virgl_clear(cmds(rig, 0), 1, 0, 0, 1);
	fenced = rig_req_submit(1, 1, 0, 36, VGPUIF_SUBMIT_FENCE);
	plain = rig_req_submit(1, 1, 0, 36, 0);
	ordered = rig_req_submit(1, 1, 0, 36, VGPUIF_SUBMIT_IN_ORDER);

	/* Nothing in flight: answered at once, in order or not. */
	id[0] = rig_put(rig, &plain);
	id[1] = rig_put(rig, &ordered);
	rig_push(rig);
	expect(rig, id[0], 0);
	expect(rig, id[1], 0);

	id[0] = rig_put(rig, &fenced);
	id[1] = rig_put(rig, &ordered);
	id[2] = rig_put(rig, &plain);
	id[3] = rig_put(rig, &fenced);
	id[4] = rig_put(rig, &ordered);
	rig_push(rig);
	memcpy(wanted, id, 2 * sizeof(id[0]));
	memcpy(wanted + 2, id + 3, 2 * sizeof(id[0]));
	for (i = 0; i < 5; i++) {
		CHECK(rig_get(rig, &rsp, RIG_TIMEOUT_MS));
		CHECK_EQ(rsp.status, 0);
		if (rsp.id != id[2])
			CHECK_EQ(rsp.id, wanted[n++]);
	}
	CHECK_EQ(n, 4);
	stop(rig);
}

/* A fence behind what is not done is one of the GPU's. */
TEST(worker_fence, behind_something)
{
	struct rig *rig = started_slow(20000000);
	struct vgpuif_request fenced = rig_req_submit(1, 1, 0, GPU_MODEL_RUN_WORDS * 4,
						      VGPUIF_SUBMIT_FENCE);
	struct vgpuif_request empty = rig_req_submit(1, 0, 0, 0, VGPUIF_SUBMIT_FENCE);
	uint32_t id[2];

	id[0] = rig_put(rig, &fenced);
	id[1] = rig_put(rig, &empty);
	rig_push(rig);
	expect(rig, id[0], 0);
	expect(rig, id[1], 0);
	CHECK_EQ(rig->stats->fences_retired, 2);
	CHECK_EQ(rig->stats->fences, 2);
	stop(rig);
}

/* A fence behind nothing is answered without the renderer, one behind something is not. */
TEST(worker_fence, behind_nothing)
{
	struct rig *rig = started();
	struct vgpuif_request fenced, empty, plain;
	uint64_t retired;
	uint32_t id[2], i;

	rig_scene(rig, 16);
	virgl_clear(cmds(rig, 0), 1, 0, 0, 1);
	fenced = rig_req_submit(1, 1, 0, 36, VGPUIF_SUBMIT_FENCE);
	plain = rig_req_submit(1, 1, 0, 36, 0);
	empty = rig_req_submit(1, 0, 0, 0, VGPUIF_SUBMIT_FENCE);

	id[0] = rig_put(rig, &fenced);
	id[1] = rig_put(rig, &empty);
	rig_push(rig);
	expect(rig, id[0], 0);
	expect(rig, id[1], 0);
	/* The first may be done before the second is taken. */
	retired = rig->stats->fences_retired;
	CHECK(retired >= 1 && retired <= 2);
	id[0] = rig_put(rig, &empty);
	rig_push(rig);
	expect(rig, id[0], 0);
	CHECK_EQ(rig->stats->fences_retired, retired);
	CHECK_EQ(rig->stats->fences, 3);
	/* Something was begun that no fence is behind yet. */
	id[0] = rig_put(rig, &plain);
	id[1] = rig_put(rig, &empty);
	rig_push(rig);
	expect(rig, id[0], 0);
	expect(rig, id[1], 0);
	CHECK_EQ(rig->stats->fences_retired, retired + 1);
	/* Also by a transfer; and where there are two contexts it is not known. */
	CHECK_EQ(rig_transfer(rig, VGPUIF_OP_TRANSFER_TO_HOST, 1, 1, 16, 16), 0);
	id[0] = rig_put(rig, &empty);
	rig_push(rig);
	expect(rig, id[0], 0);
	CHECK_EQ(rig->stats->fences_retired, retired + 2);
	CHECK_EQ(rig_context(rig, 2), 0);
	for (retired += 2, i = 0; i < 2; retired++, i++) {
		id[0] = rig_put(rig, &empty);
		rig_push(rig);
		expect(rig, id[0], 0);
		CHECK_EQ(rig->stats->fences_retired, retired + 1);
	}
	stop(rig);
}

/* Every slot of the ring a fence: there is room to remember them all. */
TEST(worker_fence, ring_full_of_fences)
{
	struct rig *rig = started();
	struct vgpuif_request fence = rig_req_submit(1, 0, 0, 0, VGPUIF_SUBMIT_FENCE);
	unsigned int round, i, n;
	uint32_t first;

	CHECK_EQ(rig_context(rig, 1), 0);
	for (round = 0; round < 20; round++) {
		n = ring_front_free(&rig->front);
		CHECK_EQ(n, 32);
		first = rig->next_id + 1;
		for (i = 0; i < n; i++)
			rig_put(rig, &fence);
		rig_push(rig);
		for (i = 0; i < n; i++)
			expect(rig, first + i, 0);
	}
	CHECK_EQ(rig->stats->fences, 640);
	stop(rig);
}

TEST(worker_fence, one_notification_a_batch)
{
	struct rig *rig = started();
	struct vgpuif_request info = { .operation = VGPUIF_OP_CAPSET_INFO };
	struct vgpuif_response rsp;
	uint64_t before;
	unsigned int i;

	CHECK_EQ(rig_call(rig, &info), 0);
	before = rig->stats->notifies_out;
	for (i = 0; i < 32; i++)
		rig_put(rig, &info);
	rig_push(rig);
	for (i = 0; i < 32; i++)
		CHECK(rig_get(rig, &rsp, RIG_TIMEOUT_MS));
	/* A loaded machine may stretch a batch over the time that a response waits for others. */
	CHECK(rig->stats->notifies_out - before <= 3);
	stop(rig);
}

TEST(worker_fence, context_destroyed)
{
	struct rig *rig = started_slow(20000000);
	const uint32_t bytes = GPU_MODEL_RUN_WORDS * 4;
	struct vgpuif_request fenced = rig_req_submit(1, 1, 0, bytes, VGPUIF_SUBMIT_FENCE);
	struct vgpuif_request ordered = rig_req_submit(1, 1, 0, bytes, VGPUIF_SUBMIT_IN_ORDER);
	struct vgpuif_request destroy = { .operation = VGPUIF_OP_CONTEXT_DESTROY,
					  .u.context_destroy.context_id = 1 };
	uint32_t id[4];

	id[0] = rig_put(rig, &fenced);
	id[1] = rig_put(rig, &ordered);
	id[2] = rig_put(rig, &fenced);
	id[3] = rig_put(rig, &destroy);
	rig_push(rig);
	expect(rig, id[0], -XEN_ENODEV);
	expect(rig, id[1], 0);
	expect(rig, id[2], -XEN_ENODEV);
	expect(rig, id[3], 0);
	/* The same id again: the fence that was in flight means nothing to it. */
	model_context(rig, 1);
	id[0] = rig_put(rig, &fenced);
	rig_push(rig);
	expect(rig, id[0], 0);
	CHECK_EQ(rig->stats->fences, 1);
	stop(rig);
}

/* The renderer needs a context until its fences have come, so they are waited for. */
TEST(worker_fence, context_destroyed_rendering)
{
	struct rig *rig = started();
	struct vgpuif_request fence = rig_req_submit(1, 0, 0, 0, VGPUIF_SUBMIT_FENCE);
	struct vgpuif_request ordered, destroy = { .operation = VGPUIF_OP_CONTEXT_DESTROY,
						   .u.context_destroy.context_id = 1 };
	uint64_t fences;
	uint32_t id[4];

	rig_scene(rig, 16);
	virgl_clear(cmds(rig, 0), 1, 0, 0, 1);
	ordered = rig_req_submit(1, 1, 0, 36, VGPUIF_SUBMIT_IN_ORDER);
	id[0] = rig_put(rig, &fence);
	id[1] = rig_put(rig, &ordered);
	id[2] = rig_put(rig, &fence);
	id[3] = rig_put(rig, &destroy);
	rig_push(rig);
	expect(rig, id[0], 0);
	expect(rig, id[1], 0);
	expect(rig, id[2], 0);
	expect(rig, id[3], 0);
	/* The same id again: a fence that was in flight means nothing to it. */
	fences = rig->stats->fences;
	CHECK_EQ(rig_context(rig, 1), 0);
	CHECK_EQ(rig_submit(rig, 1, 0, 0, 0, VGPUIF_SUBMIT_FENCE), 0);
	CHECK_EQ(rig->stats->fences, fences + 1);
	stop(rig);
}

/*
 * Contexts that are destroyed while the renderer's thread waits for their fences, which it must not
 * do with a context that is gone.
 */
TEST(worker_fence, contexts_come_and_go)
{
	struct rig *rig = started();
	struct vgpuif_request draw, destroy = { .operation = VGPUIF_OP_CONTEXT_DESTROY,
						.u.context_destroy.context_id = 2 };
	uint32_t round, i, n, id[9];

	rig_scene(rig, 16);
	CHECK_EQ(rig_texture(rig, 9, 2048, 2048), 0);
	for (round = 0; round < 30; round++) {
		CHECK_EQ(rig_context(rig, 2), 0);
		CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_ATTACH, 2, 9), 0);
		n = virgl_surface(cmds(rig, 1), 1, 9);
		n += virgl_framebuffer(cmds(rig, 1) + n, 1);
		CHECK_EQ(rig_submit(rig, 2, 1, PAGE, n * 4, 0), 0);
		virgl_clear(cmds(rig, 0), 1, 0, 0, (float)round / 255);
		draw = rig_req_submit(2, 1, 0, 36, VGPUIF_SUBMIT_FENCE);
		for (i = 0; i < 8; i++)
			id[i] = rig_put(rig, &draw);
		id[i] = rig_put(rig, &destroy);
		rig_push(rig);
		for (i = 0; i < 8; i++)
			expect(rig, id[i], 0);
		expect(rig, id[i], 0);
	}
	CHECK_EQ(rig->stats->fences_in_flight, 0);
	stop(rig);
}

/*
 * While a context waits for its fences, answers of others go out as theirs come, and not all together at
 * the end. A test that sleeps may miss that in a round, not in all.
 */
TEST(worker_fence, answers_while_one_is_destroyed)
{
	struct rig *rig = started();
	struct vgpuif_request draw, fence = rig_req_submit(2, 0, 0, 0, VGPUIF_SUBMIT_FENCE);
	struct vgpuif_request destroy = { .operation = VGPUIF_OP_CONTEXT_DESTROY,
					  .u.context_destroy.context_id = 2 };
	const volatile RING_IDX *rsp_prod = &rig->front.r.sring->rsp_prod;
	uint32_t round, i, n, early = 0, id[14];

	rig_scene(rig, 16);
	CHECK_EQ(rig_texture(rig, 9, 2048, 2048), 0);
	CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_ATTACH, 1, 9), 0);
	n = virgl_surface(cmds(rig, 0), 9, 9);
	n += virgl_framebuffer(cmds(rig, 0) + n, 9);
	CHECK_EQ(rig_submit(rig, 1, 1, 0, n * 4, 0), 0);
	virgl_clear(cmds(rig, 0), 1, 0, 0, 1);
	draw = rig_req_submit(1, 1, 0, 36, VGPUIF_SUBMIT_FENCE);
	for (round = 0; round < 20; round++) {
		CHECK_EQ(rig_context(rig, 2), 0);
		for (i = 0; i < 13; i++)
			id[i] = rig_put(rig, i == 4 ? &fence : &draw);
		id[i] = rig_put(rig, &destroy);
		rig_push(rig);
		for (i = 0; i < 14; i++) {
			expect(rig, id[i], 0);
			/* By now all are executed, and the context waits. */
			early += i == 8 && *rsp_prod == rig->front.r.rsp_cons;
		}
	}
	CHECK(early > 0);
	stop(rig);
}

/* A context whose fences wait for the result of a query, which the worker itself has to look at. */
TEST(worker_fence, context_with_a_query_destroyed)
{
	struct rig *rig = started();
	struct vgpuif_request buffer = {
		.operation = VGPUIF_OP_RESOURCE_CREATE,
		.u.resource_create = { .resource_id = 9, .format = VIRGL_FORMAT_R8_UNORM,
				       .bind = VIRGL_BIND_CUSTOM, .width = 64, .height = 1,
				       .depth = 1, .array_size = 1 } };
	struct vgpuif_request draw, destroy = { .operation = VGPUIF_OP_CONTEXT_DESTROY,
						.u.context_destroy.context_id = 1 };
	uint32_t round, n, *c, id[2];

	rig_scene(rig, 16);
	CHECK_EQ(rig_call(rig, &buffer), 0);
	CHECK_EQ(rig_register(rig, 3, 100, 1, 0), 0);
	CHECK_EQ(rig_attach(rig, 9, 3, 0, 64), 0);
	for (round = 0; round < 20; round++) {
		if (round)
			CHECK_EQ(rig_context(rig, 1), 0);
		CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_ATTACH, 1, 1), 0);
		CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_ATTACH, 1, 9), 0);
		c = cmds(rig, 0);
		n = virgl_surface(c, 1, 1);
		n += virgl_framebuffer(c + n, 1);
		n += virgl_query(c + n, 2, 9);
		n += virgl_clear(c + n, 1, 0, 0, 1);
		n += virgl_query_result(c + n, 2);
		draw = rig_req_submit(1, 1, 0, n * 4, VGPUIF_SUBMIT_FENCE);
		id[0] = rig_put(rig, &draw);
		id[1] = rig_put(rig, &destroy);
		rig_push(rig);
		expect(rig, id[0], 0);
		expect(rig, id[1], 0);
	}
	stop(rig);
}

TEST(worker_fence, two_contexts)
{
	struct rig *rig = started();
	struct vgpuif_request fence;
	uint32_t n, id[2], round;

	rig_scene(rig, 32);
	CHECK_EQ(rig_register(rig, 3, 128, 1, 0), 0);
	CHECK_EQ(rig_context(rig, 2), 0);
	CHECK_EQ(rig_texture(rig, 2, 32, 32), 0);
	CHECK_EQ(rig_attach(rig, 2, 3, 0, 4096), 0);

	/* Not attached: not to be drawn to. The context does not survive the attempt. */
	n = virgl_surface(cmds(rig, 1), 1, 2);
	CHECK_EQ(rig_submit(rig, 2, 1, PAGE, n * 4, 0), -XEN_EIO);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_CONTEXT_DESTROY, 2), 0);
	CHECK_EQ(rig_context(rig, 2), 0);
	CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_ATTACH, 2, 2), 0);
	n += virgl_framebuffer(cmds(rig, 1) + n, 1);
	CHECK_EQ(rig_submit(rig, 2, 1, PAGE, n * 4, 0), 0);

	for (round = 0; round < 8; round++) {
		virgl_clear(cmds(rig, 0), 1, 0, 0, (float)round / 255);
		virgl_clear(cmds(rig, 1), 0, 1, 0, (float)round / 255);
		fence = rig_req_submit(1, 1, 0, 36, VGPUIF_SUBMIT_FENCE);
		id[0] = rig_put(rig, &fence);
		fence = rig_req_submit(2, 1, PAGE, 36, VGPUIF_SUBMIT_FENCE);
		id[1] = rig_put(rig, &fence);
		rig_push(rig);
		expect(rig, id[0], 0);
		expect(rig, id[1], 0);
		CHECK_EQ(rig_transfer(rig, VGPUIF_OP_TRANSFER_FROM_HOST, 1, 1, 32, 32), 0);
		CHECK_EQ(rig_transfer(rig, VGPUIF_OP_TRANSFER_FROM_HOST, 2, 2, 32, 32), 0);
		CHECK(rig_pixels(rig, RIG_SURFACE_PAGE, 32, 0x000000ff | round << 24));
		CHECK(rig_pixels(rig, 128, 32, 0x0000ff00 | round << 24));
	}
	stop(rig);
}

/* Commands the renderer refuses: of one context, and the other one goes on. */
TEST(worker_fence, context_lost)
{
	struct rig *rig = started();
	uint32_t n;

	rig_scene(rig, 16);
	CHECK_EQ(rig_context(rig, 2), 0);

	/* No such command: refused, and nothing is broken by it. */
	cmds(rig, 0)[0] = VIRGL_CMD0(255, 0, 0);
	CHECK_EQ(rig_submit(rig, 2, 1, 0, 4, VGPUIF_SUBMIT_FENCE), -XEN_EIO);
	cmds(rig, 0)[0] = 0;
	CHECK_EQ(rig_submit(rig, 2, 1, 0, 4, VGPUIF_SUBMIT_FENCE), 0);

	/* A surface of a resource that is not there: the context is lost from here on. */
	n = virgl_surface(cmds(rig, 0), 1, 77);
	CHECK_EQ(rig_submit(rig, 2, 1, 0, n * 4, VGPUIF_SUBMIT_FENCE), -XEN_EIO);
	cmds(rig, 0)[0] = 0;
	CHECK_EQ(rig_submit(rig, 2, 1, 0, 4, VGPUIF_SUBMIT_FENCE), -XEN_EIO);
	CHECK_EQ(rig_submit(rig, 2, 0, 0, 0, VGPUIF_SUBMIT_FENCE), -XEN_EIO);
	CHECK_EQ(rig_transfer(rig, VGPUIF_OP_TRANSFER_FROM_HOST, 2, 1, 16, 16), -XEN_EIO);

	/* The other context neither. */
	virgl_clear(cmds(rig, 0), 0, 0, 1, 1);
	CHECK_EQ(rig_submit(rig, 1, 1, 0, 36, VGPUIF_SUBMIT_FENCE), 0);
	CHECK_EQ(rig_transfer(rig, VGPUIF_OP_TRANSFER_FROM_HOST, 1, 1, 16, 16), 0);
	CHECK(rig_pixels(rig, RIG_SURFACE_PAGE, 16, 0xffff0000));

	/* And a new one of the same id works. */
	CHECK_EQ(rig_op(rig, VGPUIF_OP_CONTEXT_DESTROY, 2), 0);
	CHECK_EQ(rig_context(rig, 2), 0);
	CHECK_EQ(rig_submit(rig, 2, 0, 0, 0, VGPUIF_SUBMIT_FENCE), 0);
	stop(rig);
}

/* A length that runs past the end of the commands. */
TEST(worker_fence, truncated_command)
{
	struct rig *rig = started();

	rig_scene(rig, 16);
	virgl_clear(cmds(rig, 0), 0, 0, 1, 1);
	cmds(rig, 0)[9] = 0xffffffff;
	CHECK_EQ(rig_submit(rig, 1, 1, 0, 32, 0), -XEN_EIO);
	stop(rig);
}

struct rewriter {
	volatile uint32_t *word;
	volatile int stop;
};

static void *rewrite(void *arg)
{
	struct rewriter *r = arg;
	const float one = 1.0f;
	uint32_t red;

	memcpy(&red, &one, sizeof(red));
	while (!r->stop) {
		*r->word = red;
		*r->word = 0;
	}
	return NULL;
}

/*
 * The guest changes a clear's colour while it is executed, over and over. Whatever was copied is
 * what is drawn: one colour in all pixels.
 */
TEST(worker_fence, rewritten_in_flight)
{
	struct rig *rig = started();
	struct rewriter r = { 0 };
	unsigned int i, red = 0;
	pthread_t thread;

	rig_scene(rig, 64);
	virgl_clear(cmds(rig, 0), 0, 0, 0, 1);
	r.word = cmds(rig, 0) + 2;
	CHECK(!pthread_create(&thread, NULL, rewrite, &r));
	for (i = 0; i < 200; i++) {
		CHECK_EQ(rig_submit(rig, 1, 1, 0, 36, VGPUIF_SUBMIT_FENCE), 0);
		CHECK_EQ(rig_transfer(rig, VGPUIF_OP_TRANSFER_FROM_HOST, 1, 1, 64, 64), 0);
		if (rig_pixels(rig, RIG_SURFACE_PAGE, 64, 0xff0000ff))
			red++;
		else
			CHECK(rig_pixels(rig, RIG_SURFACE_PAGE, 64, 0xff000000));
	}
	r.stop = 1;
	pthread_join(thread, NULL);
	CHECK_EQ(rig->stats->command_bytes_copied, 40 + 200 * 36);
	stop(rig);
}

/* ... and its header, between a command and garbage: refused or drawn, and the worker lives. */
TEST(worker_fence, garbage_in_flight)
{
	struct rig *rig = started();
	struct rewriter r = { 0 };
	unsigned int i;
	pthread_t thread;

	rig_scene(rig, 16);
	r.word = cmds(rig, 0);
	CHECK(!pthread_create(&thread, NULL, rewrite, &r));
	for (i = 0; i < 200; i++) {
		int status = rig_submit(rig, 1, 1, 0, 4, VGPUIF_SUBMIT_FENCE);

		CHECK(status == 0 || status == -XEN_EIO);
	}
	r.stop = 1;
	pthread_join(thread, NULL);
	stop(rig);
}
