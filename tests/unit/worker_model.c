// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model GPU: by itself, in this process, and as the one engine of several workers. Times are
 * compared with what its trace says, never with how long something took here.
 */
#include "gpu.h"
#include "gpu_model.h"
#include "sup_spawn.h"
#include "worker_virgl.h"

#define MS	UINT64_C(1000000)

/* --- in this process -------------------------------------------------------------------------- */

#define MAX_DONE	64u

struct lab {
	int mem_fd, saved_fd;
	struct gpu_model_mem *mem;
	struct gpu gpu;
	unsigned int n_done;
	struct done {
		uint32_t context_id, ring_idx;
		uint64_t fence_id, at_ns;
	} done[MAX_DONE];
};

static void note_done(void *arg, uint32_t context_id, uint32_t ring_idx, uint64_t fence_id)
{
	struct lab *lab = arg;

	CHECK(lab->n_done < MAX_DONE);
	lab->done[lab->n_done++] = (struct done){ context_id, ring_idx, fence_id, rig_now_ns() };
}

static struct gpu_model_mem *make_memory(int *fd)
{
	*fd = model_memory();
	CHECK(*fd >= 0);
	return rig_mmap(*fd, sizeof(struct gpu_model_mem));
}

static void lab_open(struct lab *lab)
{
	const struct gpu_config config = { .device = "model", .fence_done = note_done, .arg = lab };
	char why[GPU_MAX_TEXT];

	memset(lab, 0, sizeof(*lab));
	lab->mem = make_memory(&lab->mem_fd);
	/* The place may be taken, by the harness for one. */
	lab->saved_fd = fcntl(CTL_MODEL_FD, F_DUPFD_CLOEXEC, 50);
	CHECK_EQ(dup2(lab->mem_fd, CTL_MODEL_FD), CTL_MODEL_FD);
	CHECK_EQ(gpu_open(&lab->gpu, &config, why), 0);
	if (lab->mem_fd != CTL_MODEL_FD)
		close(CTL_MODEL_FD);
	if (lab->saved_fd >= 0 && lab->mem_fd != CTL_MODEL_FD) {
		dup2(lab->saved_fd, CTL_MODEL_FD);
		close(lab->saved_fd);
	} else if (lab->saved_fd >= 0) {
		close(lab->saved_fd);
	}
}

static void lab_close(struct lab *lab)
{
	gpu_close(&lab->gpu);
	munmap(lab->mem, sizeof(*lab->mem));
	close(lab->mem_fd);
}

static void lab_context(struct lab *lab, uint32_t context_id)
{
	const struct vgpuif_context_create args = { .context_id = context_id, .n_rings = 2 };

	CHECK_EQ(lab->gpu.ops->context_create(&lab->gpu, context_id, &args), 0);
}

static int lab_run(struct lab *lab, uint32_t context_id, uint64_t ns, uint32_t tag)
{
	uint32_t words[GPU_MODEL_RUN_WORDS];
	uint32_t n = gpu_model_run(words, ns, tag);

	return lab->gpu.ops->submit(&lab->gpu, context_id, words, n * 4);
}

static void lab_fence(struct lab *lab, uint32_t context_id, uint32_t ring_idx, uint64_t fence_id)
{
	CHECK_EQ(lab->gpu.ops->fence(&lab->gpu, context_id, ring_idx, fence_id), 0);
}

static void lab_wait(struct lab *lab, unsigned int n_done)
{
	while (lab->n_done < n_done) {
		CHECK(rig_readable(lab->gpu.ops->poll_fd(&lab->gpu), RIG_TIMEOUT_MS));
		lab->gpu.ops->poll(&lab->gpu);
	}
	CHECK_EQ(lab->n_done, n_done);
}

static const struct gpu_model_trace *trace_at(const struct gpu_model_mem *mem, uint64_t serial)
{
	const struct gpu_model_trace *t = &mem->trace[(serial - 1) % GPU_MODEL_TRACES];

	CHECK_EQ(t->serial, serial);
	return t;
}

static uint64_t busy(struct lab *lab)
{
	return lab->gpu.ops->busy_ns(&lab->gpu);
}

TEST(worker_model, order_of_fences)
{
	struct lab lab;

	lab_open(&lab);
	lab_context(&lab, 1);
	lab_context(&lab, 2);
	CHECK_EQ(lab_run(&lab, 1, 30 * MS, 11), 0);
	lab_fence(&lab, 1, 0, 1);
	lab_fence(&lab, 1, 1, 2);
	CHECK_EQ(lab_run(&lab, 1, 2 * MS, 12), 0);
	lab_fence(&lab, 1, 0, 3);
	/* Nothing was submitted to this one: its fence waits for nobody. */
	lab_fence(&lab, 2, 0, 4);
	CHECK_EQ(lab_run(&lab, 2, MS, 13), 0);
	lab_fence(&lab, 2, 1, 5);
	/* The engine's work only: a fence is no command. */
	CHECK_EQ(lab.mem->serial, 3);
	lab_wait(&lab, 5);

	CHECK_EQ(lab.done[0].fence_id, 4);
	CHECK_EQ(lab.done[0].context_id, 2);
	CHECK_EQ(lab.done[1].fence_id, 1);
	CHECK_EQ(lab.done[1].context_id, 1);
	CHECK_EQ(lab.done[2].fence_id, 2);
	CHECK_EQ(lab.done[2].ring_idx, 1);
	CHECK_EQ(lab.done[3].fence_id, 3);
	CHECK_EQ(lab.done[4].fence_id, 5);
	CHECK(lab.done[1].at_ns >= trace_at(lab.mem, 1)->end_ns);
	CHECK(lab.done[3].at_ns >= trace_at(lab.mem, 2)->end_ns);
	CHECK(lab.done[4].at_ns >= trace_at(lab.mem, 3)->end_ns);
	/* Nothing to report, nothing to wake up for. */
	CHECK(!rig_readable(lab.gpu.ops->poll_fd(&lab.gpu), 0));
	lab_close(&lab);
}

TEST(worker_model, trace)
{
	const struct gpu_model_trace *t;
	struct lab lab;
	uint64_t before, end = 0;
	uint32_t i;

	lab_open(&lab);
	lab_context(&lab, 1);
	before = rig_now_ns();
	for (i = 0; i < 4; i++)
		CHECK_EQ(lab_run(&lab, 1, 10 * MS + i, 100 + i), 0);
	CHECK_EQ(lab.mem->serial, 4);
	for (i = 0; i < 4; i++) {
		t = trace_at(lab.mem, i + 1);
		CHECK(t->start_ns >= (i ? end : before));
		CHECK_EQ(t->end_ns - t->start_ns, 10 * MS + i);
		CHECK_EQ(t->tag, 100 + i);
		CHECK_EQ(t->pid, getpid());
		end = t->end_ns;
	}
	CHECK_EQ(lab.mem->free_at_ns, end);
	/* Around the ring: the oldest are overwritten, the next ones are where they belong. */
	for (i = 4; i < GPU_MODEL_TRACES + 2; i++)
		CHECK_EQ(lab_run(&lab, 1, 1, i), 0);
	CHECK_EQ(trace_at(lab.mem, GPU_MODEL_TRACES + 2)->tag, GPU_MODEL_TRACES + 1);
	CHECK_EQ(trace_at(lab.mem, 3)->tag, 102);
	lab_close(&lab);
}

TEST(worker_model, busy_time)
{
	struct lab lab;
	uint64_t got, end, sum = 0;
	uint32_t i;

	lab_open(&lab);
	CHECK(!strcmp(lab.gpu.clock, "model"));
	CHECK(!lab.gpu.on_cpu);
	lab_context(&lab, 1);
	CHECK_EQ(busy(&lab), 0);
	for (i = 0; i < 5; i++) {
		CHECK_EQ(lab_run(&lab, 1, (10 + i) * MS, 0), 0);
		sum += (10 + i) * MS;
	}
	/* Counted when it is done, all of it, and not before. */
	for (i = 1; i <= 5; i++) {
		do {
			got = busy(&lab);
			end = trace_at(lab.mem, i)->end_ns;
			CHECK(got < sum || rig_now_ns() >= trace_at(lab.mem, 5)->end_ns);
			CHECK(got <= sum);
			usleep(500);
		} while (rig_now_ns() < end);
	}
	CHECK_EQ(busy(&lab), sum);
	lab_close(&lab);
}

/* More in flight than are remembered one by one: no time is lost, none is told too early. */
TEST(worker_model, busy_time_of_many)
{
	const uint32_t many = 20000;
	struct lab lab;
	uint64_t got;
	uint32_t i;

	lab_open(&lab);
	lab_context(&lab, 1);
	CHECK_EQ(lab_run(&lab, 1, 300 * MS, 0), 0);
	for (i = 0; i < many; i++)
		CHECK_EQ(lab_run(&lab, 1, 1000, 0), 0);
	lab_fence(&lab, 1, 0, 1);
	do {
		uint64_t now;

		got = busy(&lab);
		now = rig_now_ns();
		for (i = 1; i <= many && trace_at(lab.mem, i)->end_ns <= now; i++)
			;
		CHECK(got <= (i > 1 ? 300 * MS + (i - 2) * UINT64_C(1000) : 0));
		usleep(1000);
	} while (rig_now_ns() < lab.mem->free_at_ns);
	CHECK_EQ(busy(&lab), 300 * MS + many * UINT64_C(1000));
	lab_wait(&lab, 1);
	lab_close(&lab);
}

TEST(worker_model, nonsense)
{
	static const struct {
		uint32_t n_words;
		uint32_t words[8];
	} bad[] = {
		{ 1, { 2 } },						/* no such command */
		{ 1, { 0xffffffff } },
		{ 1, { GPU_MODEL_RUN } },				/* cut off */
		{ 3, { GPU_MODEL_RUN, 0, 5 } },
		{ 5, { GPU_MODEL_RUN, 0, 5, 0, GPU_MODEL_RUN } },
		{ 4, { GPU_MODEL_RUN, 0, 1410065409, 2 } },		/* 10 s and 1 ns */
		{ 4, { GPU_MODEL_RUN, 0, 0xffffffff, 0xffffffff } },
		{ 8, { GPU_MODEL_RUN, 0, 1410065408, 2, GPU_MODEL_RUN, 0, 1, 0 } },
		{ 8, { GPU_MODEL_RUN, 0, 1, 0, GPU_MODEL_RUN, 0, 0xffffffff, 0xffffffff } },
		{ 5, { GPU_MODEL_RUN, 0, 5, 0, 7 } },			/* good, then not */
	};
	uint32_t words[8] = { GPU_MODEL_RUN, 0, 5, 0 };
	struct lab lab;
	size_t i;

	lab_open(&lab);
	lab_context(&lab, 1);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memcpy(words, bad[i].words, sizeof(words));
		CHECK_EQ(lab.gpu.ops->submit(&lab.gpu, 1, words, bad[i].n_words * 4), -EIO);
	}
	CHECK_EQ(lab.gpu.ops->submit(&lab.gpu, 1, words, 3), -EIO);
	CHECK_EQ(lab.mem->free_at_ns, 0);
	CHECK_EQ(lab.mem->serial, 0);
	/* What takes no time leaves no trace. */
	memset(words, 0, sizeof(words));
	CHECK_EQ(lab.gpu.ops->submit(&lab.gpu, 1, words, 32), 0);
	CHECK_EQ(lab_run(&lab, 1, 0, 0), 0);
	CHECK_EQ(lab.mem->serial, 0);
	/* The longest there is; but nobody can have the engine for more than a minute from now. */
	for (i = 0; i < 6; i++)
		CHECK_EQ(lab_run(&lab, 1, GPU_MODEL_MAX_RUN_NS, 0), 0);
	for (i = 0; i < 3; i++)
		CHECK_EQ(lab_run(&lab, 1, GPU_MODEL_MAX_RUN_NS, 0), -EIO);
	CHECK_EQ(lab.mem->serial, 6);
	CHECK(lab.mem->free_at_ns <= rig_now_ns() + GPU_MODEL_MAX_QUEUE_NS);
	CHECK_EQ(busy(&lab), 0);
	lab_close(&lab);
}

TEST(worker_model, context_ends)
{
	struct lab lab;

	lab_open(&lab);
	lab_context(&lab, 1);
	lab_context(&lab, 2);
	CHECK_EQ(lab_run(&lab, 2, MS, 0), 0);
	CHECK_EQ(lab_run(&lab, 1, 20 * MS, 0), 0);
	lab_fence(&lab, 1, 0, 1);
	lab_fence(&lab, 2, 0, 2);
	lab_fence(&lab, 1, 0, 3);
	lab.gpu.ops->context_destroy(&lab.gpu, 1);
	/* The same id again is another context, which has submitted nothing. */
	lab_context(&lab, 1);
	lab_fence(&lab, 1, 0, 4);
	lab_wait(&lab, 2);
	CHECK_EQ(lab.done[0].fence_id, 4);
	CHECK_EQ(lab.done[1].fence_id, 2);
	/* Its work goes on all the same. */
	while (rig_now_ns() < trace_at(lab.mem, 2)->end_ns)
		usleep(1000);
	lab.gpu.ops->poll(&lab.gpu);
	CHECK_EQ(lab.n_done, 2);
	CHECK_EQ(busy(&lab), 21 * MS);
	lab_close(&lab);
}

/* --- workers ---------------------------------------------------------------------------------- */

static struct rig *worker(int model_fd)
{
	struct rig *rig = malloc(sizeof(*rig));
	struct vgpuif_request create = {
		.operation = VGPUIF_OP_CONTEXT_CREATE,
		.u.context_create = { .context_id = 1, .capset_id = VGPUIF_CAPSET_MODEL,
				      .n_rings = 2, .name = "model" } };

	CHECK(rig);
	rig_model_fd = model_fd;
	rig_spawn(rig, "model", NULL);
	rig_model_fd = 0;
	rig_wait_ready(rig);
	rig_bind(rig, 0, NULL);
	CHECK_EQ(rig_register(rig, 1, RIG_SCRATCH, 1, VGPUIF_BUFFER_READ_ONLY), 0);
	CHECK_EQ(rig_call(rig, &create), 0);
	return rig;
}

/* Command @slot of the scratch page; fenced. Returns the request's id. */
static uint32_t put_run(struct rig *rig, uint32_t slot, uint64_t ns, uint32_t tag)
{
	uint32_t *words = (uint32_t *)(rig->mem + RIG_SCRATCH * PAGE) + slot * GPU_MODEL_RUN_WORDS;
	struct vgpuif_request req = rig_req_submit(1, 1, slot * GPU_MODEL_RUN_WORDS * 4,
						   GPU_MODEL_RUN_WORDS * 4, VGPUIF_SUBMIT_FENCE);

	gpu_model_run(words, ns, tag);
	return rig_put(rig, &req);
}

static void stop(struct rig *rig)
{
	rig_stop(rig);
	free(rig);
}

TEST(worker_model, capset)
{
	struct vgpuif_request get = {
		.operation = VGPUIF_OP_CAPSET_GET,
		.u.capset_get = { .capset_id = VGPUIF_CAPSET_MODEL, .capset_version = 1,
				  .buffer_id = 2, .bytes = PAGE } };
	const struct gpu_model_caps *caps;
	struct vgpuif_response rsp;
	struct gpu_model_mem *mem;
	struct rig *rig;
	int fd;

	mem = make_memory(&fd);
	rig = worker(fd);
	CHECK_EQ(rig->ready.n_capsets, 1);
	CHECK_EQ(rig->ready.capset[0].id, VGPUIF_CAPSET_MODEL);
	CHECK(!strncmp(rig->ready.renderer, "model", 5));
	CHECK(!strcmp(rig->ready.clock, "model"));
	CHECK_EQ(rig_register(rig, 2, 20, 1, 0), 0);
	CHECK_EQ(rig_call_rsp(rig, &get, &rsp), 0);
	CHECK_EQ(rsp.u.capset_get.bytes, sizeof(*caps));
	caps = (const void *)(rig->mem + 20 * PAGE);
	CHECK_EQ(caps->version, 1);
	CHECK_EQ(caps->max_run_ns, GPU_MODEL_MAX_RUN_NS);
	CHECK_EQ(caps->max_queue_ns, GPU_MODEL_MAX_QUEUE_NS);
	/* No other. */
	CHECK_EQ(rig_context(rig, 2), -XEN_ENOENT);
	stop(rig);
	munmap(mem, sizeof(*mem));
	close(fd);
}

/* Resources are there and do nothing; bad commands are answered, and the context lives on. */
TEST(worker_model, requests)
{
	struct gpu_model_mem *mem;
	struct rig *rig;
	uint32_t *words;
	int fd;

	mem = make_memory(&fd);
	rig = worker(fd);
	CHECK_EQ(rig_register(rig, 2, RIG_SURFACE_PAGE, 1, 0), 0);
	CHECK_EQ(rig_texture(rig, 1, 16, 16), 0);
	CHECK_EQ(rig_attach(rig, 1, 2, 0, 1024), 0);
	CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_ATTACH, 1, 1), 0);
	CHECK_EQ(rig_transfer(rig, VGPUIF_OP_TRANSFER_TO_HOST, 1, 1, 16, 16), 0);
	CHECK_EQ(rig_transfer(rig, VGPUIF_OP_TRANSFER_FROM_HOST, 1, 1, 16, 16), 0);
	CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_DETACH, 1, 1), 0);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_DETACH, 1), 0);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_UNREF, 1), 0);
	CHECK_EQ(rig_unregister(rig, 2), 0);

	words = (uint32_t *)(rig->mem + RIG_SCRATCH * PAGE);
	words[0] = 77;
	CHECK_EQ(rig_submit(rig, 1, 1, 0, 4, VGPUIF_SUBMIT_FENCE), -XEN_EIO);
	gpu_model_run(words, MS, 0);
	CHECK_EQ(rig_submit(rig, 1, 1, 0, 12, VGPUIF_SUBMIT_FENCE), -XEN_EIO);
	CHECK_EQ(mem->serial, 0);
	CHECK_EQ(rig_submit(rig, 1, 1, 0, 16, VGPUIF_SUBMIT_FENCE), 0);
	CHECK_EQ(mem->serial, 1);
	CHECK_EQ(rig_submit(rig, 1, 0, 0, 0, VGPUIF_SUBMIT_FENCE), 0);
	stop(rig);
	munmap(mem, sizeof(*mem));
	close(fd);
}

/* Two processes, each with work in flight all the time: their turns do not overlap. */
TEST(worker_model, one_engine_for_two)
{
	const uint32_t rounds = 40, depth = 4;
	struct gpu_model_mem *mem;
	struct rig *rig[2];
	uint32_t id[2][4], round, w, i, of[2] = { 0 };
	uint64_t end = 0;
	int fd;

	mem = make_memory(&fd);
	rig[0] = worker(fd);
	rig[1] = worker(fd);
	for (round = 0; round < rounds; round++) {
		for (w = 0; w < 2; w++) {
			for (i = 0; i < depth; i++)
				id[w][i] = put_run(rig[w], i, 200000 + 100000 * w, w);
			rig_push(rig[w]);
		}
		for (w = 0; w < 2; w++) {
			for (i = 0; i < depth; i++) {
				struct vgpuif_response rsp;

				CHECK(rig_get(rig[w], &rsp, RIG_TIMEOUT_MS));
				CHECK_EQ(rsp.id, id[w][i]);
				CHECK_EQ(rsp.status, 0);
			}
		}
		/* All are answered, so all are done. */
		CHECK(rig_now_ns() >= mem->free_at_ns);
	}
	CHECK_EQ(mem->serial, 2 * rounds * depth);
	/* In the order of their starts: two made at the same time may have changed places. */
	for (i = 1; i <= mem->serial; i++) {
		const struct gpu_model_trace *t = NULL, *other;
		uint64_t serial;

		for (serial = 1; serial <= mem->serial; serial++) {
			other = trace_at(mem, serial);
			if (other->start_ns >= end && (!t || other->start_ns < t->start_ns))
				t = other;
		}
		CHECK(t);
		CHECK(t->tag < 2);
		CHECK_EQ(t->pid, rig[t->tag]->pid);
		CHECK_EQ(t->end_ns - t->start_ns, 200000 + 100000 * t->tag);
		of[t->tag]++;
		end = t->end_ns;
	}
	CHECK_EQ(of[0], rounds * depth);
	CHECK_EQ(of[1], rounds * depth);
	/* And each is charged for its own, not for having waited for the other. */
	CHECK_EQ(rig[0]->stats->gpu_ns, of[0] * 200000);
	CHECK_EQ(rig[1]->stats->gpu_ns, of[1] * 300000);
	stop(rig[0]);
	stop(rig[1]);
	munmap(mem, sizeof(*mem));
	close(fd);
}

/* What a worker queued occupies the engine, whether it lives or not. */
TEST(worker_model, killed)
{
	struct gpu_model_mem *mem;
	struct vgpuif_response rsp;
	struct rig *rig[2];
	int fd, status;
	uint32_t id;

	mem = make_memory(&fd);
	rig[0] = worker(fd);
	rig[1] = worker(fd);
	put_run(rig[0], 0, 500 * MS, 1);
	rig_push(rig[0]);
	while (!__atomic_load_n(&mem->serial, __ATOMIC_ACQUIRE))
		usleep(200);
	CHECK_EQ(kill(rig[0]->pid, SIGKILL), 0);
	CHECK_EQ(waitpid(rig[0]->pid, &status, 0), rig[0]->pid);
	CHECK(WIFSIGNALED(status));
	id = put_run(rig[1], 0, MS, 2);
	rig_push(rig[1]);
	CHECK(rig_get(rig[1], &rsp, RIG_TIMEOUT_MS));
	CHECK_EQ(rsp.id, id);
	CHECK(rig_now_ns() >= trace_at(mem, 2)->end_ns);
	CHECK_EQ(trace_at(mem, 2)->tag, 2);
	CHECK(trace_at(mem, 2)->start_ns >= trace_at(mem, 1)->end_ns);
	close(rig[0]->sock);
	munmap(rig[0]->stats, PAGE);
	munmap(rig[0]->ring_pages, ring_bytes(rig[0]->order));
	munmap(rig[0]->mem, RIG_PAGES * PAGE);
	close(rig[0]->ring_fd);
	close(rig[0]->mem_fd);
	evt_close(rig[0]->evt);
	free(rig[0]);
	stop(rig[1]);
	munmap(mem, sizeof(*mem));
	close(fd);
}
