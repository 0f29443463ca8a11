// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker's part of arbitration, on the real worker and the model GPU: what it says to RUN, and
 * what it takes from the ring under a lease. The model's commands take as long as they say, so
 * what fits a lease is known.
 */
#include "worker_model.h"
#include "worker_virgl.h"

#define MS	UINT64_C(1000000)

static struct rig *start_with(uint32_t queue_us)
{
	static struct rig rig;

	model_start(&rig, 0, &(struct ctl_bind){
		.max_buffer_pages = 8, .max_buffers = 8, .max_contexts = 8, .max_resources = 8,
		.max_pages = 64, .queue_us = queue_us });
	CHECK_EQ(rig_register(&rig, 1, RIG_SCRATCH, 1, VGPUIF_BUFFER_READ_ONLY), 0);
	model_context(&rig, 1);
	return &rig;
}

static struct rig *start(void)
{
	return start_with(0);
}

static void say_run(struct rig *rig, uint32_t mode, uint32_t serial, uint64_t lease_ns)
{
	struct ctl_msg msg = { .type = CTL_RUN, .bytes = CTL_BYTES(run),
			       .u.run = { mode, serial, lease_ns } };

	CHECK_EQ(ctl_send(rig->sock, &msg, NULL, 0), 0);
	/* It may be looking at the ring only for a while: the test's next request is to come after. */
	if (!lease_ns)
		usleep(20000);
}

/* Its next words, which must be about @event. */
static struct ctl_work hear(struct rig *rig, uint32_t event)
{
	static struct ctl_work work;
	static unsigned int heard;

	if (event == CTL_WORK_BEGUN)
		heard = 0;
	while (rig->n_work <= heard) {
		CHECK(rig_readable(rig->sock, RIG_TIMEOUT_MS));
		CHECK(rig_serve_one(rig));
	}
	work = rig->work[heard++];
	CHECK_EQ(work.event, event);
	return work;
}

static bool silent(struct rig *rig)
{
	const unsigned int before = rig->n_work;

	rig_readable(rig->sock, 100);
	rig_serve(rig);
	return rig->n_work == before;
}

/* Queue @n commands of @ns each. */
static void put(struct rig *rig, unsigned int n, uint64_t ns, uint16_t flags)
{
	uint32_t *words = (uint32_t *)(void *)(rig->mem + RIG_SCRATCH * PAGE);
	struct vgpuif_request req = rig_req_submit(1, 1, 0, GPU_MODEL_RUN_WORDS * 4, flags);

	gpu_model_run(words, ns, 0);
	while (n--)
		rig_put(rig, &req);
	rig_push(rig);
}

static void get(struct rig *rig, unsigned int n)
{
	struct vgpuif_response rsp;

	while (n--) {
		CHECK(rig_get(rig, &rsp, RIG_TIMEOUT_MS));
		CHECK_EQ(rsp.status, 0);
	}
}

/* Let it measure that commands take @ns. */
static void teach(struct rig *rig, uint64_t ns)
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		put(rig, 1, ns, VGPUIF_SUBMIT_FENCE);
		get(rig, 1);
	}
}

TEST(worker_sched, tells_once)
{
	struct rig *rig = start();

	hear(rig, CTL_WORK_BEGUN);
	put(rig, 3, MS, VGPUIF_SUBMIT_FENCE);
	get(rig, 3);
	CHECK(silent(rig));
	CHECK_EQ(rig->n_work, 1);
	say_run(rig, CTL_RUN_TELL, 0, 0);
	CHECK(silent(rig));
	put(rig, 1, MS, VGPUIF_SUBMIT_FENCE);
	hear(rig, CTL_WORK_BEGUN);
	get(rig, 1);
	rig_stop(rig);
}

TEST(worker_sched, wants_and_gets)
{
	struct rig *rig = start();
	struct vgpuif_response rsp;
	struct ctl_work work;

	hear(rig, CTL_WORK_BEGUN);
	teach(rig, 2 * MS);
	say_run(rig, CTL_RUN_GATED, 0, 0);
	CHECK(silent(rig));
	put(rig, 6, 2 * MS, VGPUIF_SUBMIT_FENCE);
	hear(rig, CTL_WORK_WANT);
	CHECK(!rig_get(rig, &rsp, 50));
	/* Two fit, and half a third one. */
	say_run(rig, CTL_RUN_GATED, 7, 5 * MS);
	work = hear(rig, CTL_WORK_REST);
	CHECK_EQ(work.serial, 7);
	CHECK_EQ(work.more, 1);
	CHECK_EQ(work.begun_ns / MS, 4);
	work = hear(rig, CTL_WORK_DRAINED);
	CHECK_EQ(work.serial, 7);
	get(rig, 2);
	CHECK(!rig_get(rig, &rsp, 50));
	/* Only one, whatever it takes, where none fits. */
	say_run(rig, CTL_RUN_GATED, 8, 1);
	work = hear(rig, CTL_WORK_REST);
	CHECK_EQ(work.begun_ns / MS, 2);
	hear(rig, CTL_WORK_DRAINED);
	get(rig, 1);
	/* More than there is to do: it comes back at once. */
	say_run(rig, CTL_RUN_GATED, 9, 1000 * MS);
	work = hear(rig, CTL_WORK_REST);
	CHECK_EQ(work.more, 0);
	CHECK_EQ(work.begun_ns / MS, 6);
	hear(rig, CTL_WORK_DRAINED);
	get(rig, 3);
	CHECK(rig->stats->held_ns >= 100 * MS);
	CHECK_EQ(rig->stats->queued_ns, 0);
	CHECK_EQ(rig->stats->gpu_ns / MS, 52);
	rig_stop(rig);
}

TEST(worker_sched, nothing_to_do)
{
	struct rig *rig = start();
	struct ctl_work work;

	hear(rig, CTL_WORK_BEGUN);
	say_run(rig, CTL_RUN_GATED, 3, MS);
	work = hear(rig, CTL_WORK_REST);
	CHECK_EQ(work.serial, 3);
	CHECK_EQ(work.more, 0);
	CHECK_EQ(work.begun_ns, 0);
	CHECK(silent(rig));		/* there is nothing to drain */
	rig_stop(rig);
}

/* Without a fence of the guest's there is one of the worker's, which answers nothing. */
TEST(worker_sched, own_fence)
{
	struct rig *rig = start();
	struct vgpuif_response rsp;

	hear(rig, CTL_WORK_BEGUN);
	teach(rig, MS);
	say_run(rig, CTL_RUN_GATED, 0, 0);
	put(rig, 3, 30 * MS, 0);
	hear(rig, CTL_WORK_WANT);
	say_run(rig, CTL_RUN_GATED, 1, 1000 * MS);
	CHECK_EQ(hear(rig, CTL_WORK_REST).begun_ns / MS, 3);
	get(rig, 3);
	CHECK_EQ(hear(rig, CTL_WORK_DRAINED).serial, 1);
	CHECK_EQ(rig->stats->gpu_ns / MS, 110);
	CHECK_EQ(rig->stats->fences, 20);
	CHECK_EQ(rig->stats->fences_in_flight, 0);
	CHECK(!rig_get(rig, &rsp, 50));
	rig_stop(rig);
}

/* Free again: what was leased is of no interest, and nothing is held. */
TEST(worker_sched, free_again)
{
	struct rig *rig = start();

	hear(rig, CTL_WORK_BEGUN);
	teach(rig, MS);
	say_run(rig, CTL_RUN_GATED, 0, 0);
	put(rig, 10, 20 * MS, VGPUIF_SUBMIT_FENCE);
	hear(rig, CTL_WORK_WANT);
	say_run(rig, CTL_RUN_GATED, 1, 2 * MS);
	hear(rig, CTL_WORK_REST);
	say_run(rig, CTL_RUN_FREE, 0, 0);
	get(rig, 10);
	CHECK(silent(rig));
	/* And held again: what it wants is said anew. */
	say_run(rig, CTL_RUN_GATED, 0, 0);
	put(rig, 1, MS, VGPUIF_SUBMIT_FENCE);
	hear(rig, CTL_WORK_WANT);
	say_run(rig, CTL_RUN_GATED, 0, 0);
	hear(rig, CTL_WORK_WANT);
	rig_stop(rig);
}

/* Alone, it begins no more than what keeps the GPU busy; but always two. */
TEST(worker_sched, short_queue)
{
	struct rig *rig = start_with(5000);
	struct vgpuif_response rsp;
	unsigned int i, most = 0;

	hear(rig, CTL_WORK_BEGUN);
	teach(rig, 2 * MS);
	put(rig, 12, 2 * MS, VGPUIF_SUBMIT_FENCE);
	for (i = 0; i < 12; i++) {
		CHECK(rig_get(rig, &rsp, RIG_TIMEOUT_MS));
		if (rig->stats->fences_in_flight > most)
			most = (unsigned int)rig->stats->fences_in_flight;
	}
	CHECK(most == 2 || most == 3);
	/* Longer ones than the queue is. */
	put(rig, 4, 20 * MS, VGPUIF_SUBMIT_FENCE);
	get(rig, 4);
	CHECK_EQ(rig->stats->queued_ns, 0);
	CHECK_EQ(rig->stats->gpu_ns / MS, 144);
	rig_stop(rig);
}

TEST(worker_sched, priority)
{
	struct rig *rig = start();
	struct vgpuif_request create = {
		.operation = VGPUIF_OP_CONTEXT_CREATE,
		.u.context_create = { .context_id = 2, .capset_id = VGPUIF_CAPSET_MODEL,
				      .n_rings = 1, .priority = 2, .name = "high" } };

	CHECK_EQ(hear(rig, CTL_WORK_BEGUN).priority, 0);
	CHECK_EQ(rig_call(rig, &create), 0);
	while (rig->n_work < 2)
		CHECK(rig_readable(rig->sock, RIG_TIMEOUT_MS) && rig_serve_one(rig));
	CHECK_EQ(rig->work[1].event, CTL_WORK_BEGUN);
	CHECK_EQ(rig->work[1].priority, 2);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_CONTEXT_DESTROY, 2), 0);
	while (rig->n_work < 3)
		CHECK(rig_readable(rig->sock, RIG_TIMEOUT_MS) && rig_serve_one(rig));
	CHECK_EQ(rig->work[2].priority, 0);
	rig_stop(rig);
}

/* A context that goes while a lease is open, or before it is drained. */
TEST(worker_sched, context_goes)
{
	struct rig *rig = start();
	struct vgpuif_request destroy = { .operation = VGPUIF_OP_CONTEXT_DESTROY,
					  .u.context_destroy.context_id = 1 };
	struct vgpuif_response rsp;

	hear(rig, CTL_WORK_BEGUN);
	teach(rig, MS);
	say_run(rig, CTL_RUN_GATED, 0, 0);
	put(rig, 2, 100 * MS, VGPUIF_SUBMIT_FENCE);
	rig_put(rig, &destroy);
	rig_push(rig);
	hear(rig, CTL_WORK_WANT);
	say_run(rig, CTL_RUN_GATED, 5, 1000 * MS);
	CHECK_EQ(hear(rig, CTL_WORK_REST).begun_ns, 0);
	CHECK(silent(rig));
	CHECK(rig_get(rig, &rsp, RIG_TIMEOUT_MS));
	CHECK_EQ(rsp.status, -XEN_ENODEV);
	CHECK_EQ(rig->stats->queued_ns, 0);
	rig_stop(rig);
}

/*
 * Between requests that take the worker itself long it hears what it is told, and says that it works: as many
 * as came together, and those that come meanwhile, are not taken in one go.
 */
TEST(worker_sched, hears_between_long_requests)
{
	enum { REQUESTS = 60, CLEARS = 7000, CLEAR_WORDS = 9 };
	static struct rig rig;
	struct vgpuif_request req = rig_req_submit(1, 3, 0, CLEARS * CLEAR_WORDS * 4, 0);
	struct vgpuif_response rsp;
	uint64_t worked_ns;
	unsigned int i, n = 1;

	rig_spawn(&rig, "soft", NULL);
	rig_wait_ready(&rig);
	rig_bind(&rig, 1, NULL);
	rig_scene(&rig, 16);
	CHECK_EQ(rig_register(&rig, 3, 512, 64, VGPUIF_BUFFER_READ_ONLY), 0);
	for (i = 0; i < CLEARS; i++)
		CHECK_EQ(virgl_clear((uint32_t *)(void *)(rig.mem + 512 * PAGE) + i * CLEAR_WORDS,
				     1, 0, 0, 1), CLEAR_WORDS);
	hear(&rig, CTL_WORK_BEGUN);
	worked_ns = rig.stats->last_work_ns;
	for (i = 0; i < REQUESTS; i++)
		rig_put(&rig, &req);
	rig_push(&rig);
	CHECK(rig_get(&rig, &rsp, RIG_TIMEOUT_MS));
	say_run(&rig, CTL_RUN_GATED, 0, 0);
	hear(&rig, CTL_WORK_WANT);
	CHECK(rig.stats->last_work_ns > worked_ns);
	while (rig_get(&rig, &rsp, 0))
		n++;
	CHECK(n < REQUESTS);
	say_run(&rig, CTL_RUN_FREE, 0, 0);
	get(&rig, REQUESTS - n);
	rig_stop(&rig);
}

TEST(worker_sched, run_before_bind_is_a_mistake)
{
	static struct rig rig;
	struct ctl_msg msg;

	rig_model_fd = model_memory();
	rig_spawn(&rig, "model", NULL);
	close(rig_model_fd);
	rig_wait_ready(&rig);
	say_run(&rig, CTL_RUN_FREE, 0, 0);
	CHECK(rig_ctl(&rig, &msg, RIG_TIMEOUT_MS) < 0);
	rig_reap(&rig, 1);
}

/* Under lease @serial it asks for a mapping, which is not answered yet, and keeps the lease. */
static void map_under_lease(struct rig *rig, uint32_t buffer_id, uint32_t serial)
{
	struct vgpuif_request map = rig_req_register(buffer_id, 1,
						     rig_directory(rig, RIG_SCRATCH, 1), 0);
	const unsigned int before = rig->maps;

	rig->map_hold = true;
	rig_put(rig, &map);
	rig_push(rig);
	hear(rig, CTL_WORK_WANT);
	say_run(rig, CTL_RUN_GATED, serial, 5 * MS);
	while (rig->maps == before) {
		CHECK(rig_readable(rig->sock, RIG_TIMEOUT_MS));
		CHECK(rig_serve_one(rig));
	}
	CHECK(silent(rig));
	rig->map_hold = false;
}

/* A lease is kept while the supervisor maps a buffer, but not if it says that this takes a while. */
TEST(worker_sched, rests_while_an_answer_takes_long)
{
	struct rig *rig = start();
	const struct ctl_msg later = { .type = CTL_LATER,
				       .bytes = (uint32_t)offsetof(struct ctl_msg, u) };
	struct ctl_work work;

	hear(rig, CTL_WORK_BEGUN);
	say_run(rig, CTL_RUN_GATED, 0, 0);
	CHECK(silent(rig));
	map_under_lease(rig, 2, 7);
	CHECK_EQ(ctl_send(rig->sock, &later, NULL, 0), 0);
	work = hear(rig, CTL_WORK_REST);
	CHECK_EQ(work.serial, 7);
	CHECK_EQ(work.more, 0);
	rig_answer_map(rig);
	get(rig, 1);
	/* That was for that answer. */
	map_under_lease(rig, 3, 8);
	rig_answer_map(rig);
	get(rig, 1);
	work = hear(rig, CTL_WORK_REST);
	CHECK_EQ(work.serial, 8);
	rig_stop(rig);
}
