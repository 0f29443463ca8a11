// SPDX-License-Identifier: GPL-2.0-only
/* How a worker's life begins and ends: what it says if it cannot start, and whoever goes first. */
#include "worker_virgl.h"

static struct rig *started(void)
{
	struct rig *rig = malloc(sizeof(*rig));

	CHECK(rig);
	rig_start(rig);
	return rig;
}

/* The worker says FAILED with @words in the sentence, and ends. */
static void expect_failed(const char *gpu, const char *arg, const char *words)
{
	struct rig *rig = malloc(sizeof(*rig));
	struct ctl_msg msg;

	rig_spawn(rig, gpu, arg);
	CHECK_EQ(rig_ctl(rig, &msg, RIG_TIMEOUT_MS), 1);
	CHECK_EQ(msg.type, CTL_FAILED);
	if (!strstr(msg.u.failed.text, words))
		harness_fail(__FILE__, __LINE__, "it says: %s", msg.u.failed.text);
	rig_reap(rig, 1);
	free(rig);
}

TEST(worker_session, no_such_gpu)
{
	expect_failed("/dev/dri/renderD255", NULL, "/dev/dri/renderD255: No such file");
	expect_failed("/dev/null", NULL, "/dev/null is not a DRM render node");
	expect_failed("/", NULL, "/: ");
	expect_failed("model", NULL, "xengpud --gpu=model --allow-model");
}

TEST(worker_session, bad_options)
{
	struct rig *rig = malloc(sizeof(*rig));
	static const char *const args[] = { "--poll-us=201", "--poll-us=x", "--nonsense", "word" };
	size_t i;

	for (i = 0; i < sizeof(args) / sizeof(args[0]); i++) {
		rig_spawn(rig, "soft", args[i]);
		rig_reap(rig, 2);
	}
	free(rig);
}

TEST(worker_session, auto_finds_something)
{
	struct rig *rig = malloc(sizeof(*rig));

	rig_spawn(rig, "auto", NULL);
	rig_wait_ready(rig);
	rig_bind(rig, 4, NULL);
	rig_scene(rig, 16);
	CHECK_EQ(rig_submit(rig, 1, 0, 0, 0, VGPUIF_SUBMIT_FENCE), 0);
	rig_stop(rig);
	free(rig);
}

/* A supervisor that dies takes its workers with it, whatever they are doing. */
TEST(worker_session, supervisor_gone)
{
	struct rig *rig = started();

	rig_scene(rig, 16);
	shutdown(rig->sock, SHUT_RDWR);
	rig_reap(rig, 1);
	free(rig);
}

TEST(worker_session, frontend_gone)
{
	struct rig *rig = started();

	rig_scene(rig, 16);
	ring_front_set_alive(&rig->front, false);
	CHECK_EQ(evt_notify(rig->evt), 0);
	rig_expect_closed(rig, CTL_REASON_LOST);
	free(rig);
}

/* ... also when the supervisor is slow just then. */
TEST(worker_session, frontend_gone_while_mapping)
{
	struct rig *rig = started();
	struct vgpuif_request reg = rig_req_register(1, 4, rig_directory(rig, 50, 4), 0);

	rig->map_hold = true;
	rig_put(rig, &reg);
	rig_push(rig);
	while (!rig->maps) {
		CHECK(rig_readable(rig->sock, RIG_TIMEOUT_MS));
		CHECK(rig_serve(rig));
	}
	ring_front_set_alive(&rig->front, false);
	/* The event channel is masked until requests are taken again; the answer wakes it up. */
	rig_answer_map(rig);
	rig_expect_closed(rig, CTL_REASON_LOST);
	free(rig);
}

static void wild_producer(RING_IDX ahead)
{
	struct rig *rig = started();
	RING_IDX *req_prod = &rig->front.r.sring->req_prod;

	CHECK_EQ(rig_context(rig, 1), 0);
	*req_prod += ahead;
	CHECK_EQ(evt_notify(rig->evt), 0);
	rig_expect_closed(rig, CTL_REASON_PROTOCOL);
	CHECK(strstr(rig->last_words.text, "producer"));
	free(rig);
}

TEST(worker_session, wild_producer)
{
	wild_producer(33);
	wild_producer(0x80000000);
	wild_producer((RING_IDX)-1);
}

/* The other indices, and the slots, may hold anything at any time: the worker keeps its own. */
TEST(worker_session, scribbled_ring)
{
	struct rig *rig = started();
	struct vgpuif_request info = { .operation = VGPUIF_OP_CAPSET_INFO };
	struct vgpuif_response rsp;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		uint32_t id = rig_put(rig, &info);

		rig->front.r.sring->req_event = i * 2654435761u;
		rig->front.r.sring->rsp_prod = ~i;
		rig_push(rig);
		CHECK_EQ(evt_notify(rig->evt), 0);
		/* The worker pushes its own index over ours. */
		while (rig->front.r.sring->rsp_prod != i + 1)
			usleep(100);
		CHECK_EQ(ring_front_get(&rig->front, &rsp), 1);
		CHECK_EQ(rsp.id, id);
	}
	rig_stop(rig);
	free(rig);
}

TEST(worker_session, nonsense_from_supervisor)
{
	static const uint32_t types[] = { CTL_READY, CTL_BOUND, CTL_UNMAPPED, CTL_CLOSED, CTL_GRANT,
					  CTL_BIND, CTL_MEMORY, CTL_MEMORY_BACK };
	struct rig *rig = malloc(sizeof(*rig));
	struct ctl_msg msg;
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		rig_start(rig);
		memset(&msg, 0, sizeof(msg));
		msg.type = types[i];
		msg.bytes = types[i] == CTL_BOUND ? offsetof(struct ctl_msg, u) :
			    types[i] == CTL_UNMAPPED ? CTL_BYTES(unmapped) :
			    types[i] == CTL_GRANT ? CTL_BYTES(grant) : CTL_BYTES(bind);
		if (types[i] == CTL_READY)
			msg.bytes = CTL_BYTES(ready);
		if (types[i] == CTL_CLOSED)
			msg.bytes = CTL_BYTES(closed);
		if (types[i] == CTL_MEMORY || types[i] == CTL_MEMORY_BACK)
			msg.bytes = CTL_BYTES(memory);
		msg.u.unmapped.n_pages = 1;
		CHECK_EQ(ctl_send(rig->sock, &msg, NULL, 0), 0);
		rig_reap(rig, 1);
	}
	free(rig);
}

/* ... and what is for a session, before there is one. */
TEST(worker_session, nonsense_before_bind)
{
	static const uint32_t types[] = { CTL_MEMORY_RECALL, CTL_LIMITS, CTL_LATER };
	struct rig *rig = malloc(sizeof(*rig));
	struct ctl_msg msg = { 0 };
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		rig_spawn(rig, "soft", NULL);
		rig_wait_ready(rig);
		msg.type = types[i];
		msg.bytes = types[i] == CTL_LIMITS ? CTL_BYTES(limits) :
			    (uint32_t)offsetof(struct ctl_msg, u);
		CHECK_EQ(ctl_send(rig->sock, &msg, NULL, 0), 0);
		rig_reap(rig, 1);
	}
	free(rig);
}

/* A ring that cannot be mapped: it says so instead of BOUND. */
TEST(worker_session, bind_fails)
{
	struct ctl_msg msg = { .type = CTL_BIND, .bytes = CTL_BYTES(bind) };
	struct rig *rig = malloc(sizeof(*rig));
	int fds[2];

	rig_spawn(rig, "soft", NULL);
	rig_wait_ready(rig);
	CHECK(!pipe(fds));
	msg.u.bind.plat_kind = PLAT_XEN;
	msg.u.bind.n_evt_fds = 1;
	msg.u.bind.n_extents = 1;
	msg.u.bind.extent[0].n_pages = 1;
	CHECK_EQ(ctl_send(rig->sock, &msg, fds, 2), 0);
	close(fds[0]);
	close(fds[1]);
	rig_expect_closed(rig, CTL_REASON_RENDERER);
	free(rig);
}

/* A storm of events without requests costs time, and nothing else. */
TEST(worker_session, event_storm)
{
	struct rig *rig = started();
	unsigned int i;

	for (i = 0; i < 100000; i++)
		CHECK_EQ(evt_notify(rig->evt), 0);
	CHECK_EQ(rig_context(rig, 1), 0);
	rig_stop(rig);
	free(rig);
}
