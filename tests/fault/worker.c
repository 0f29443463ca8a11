// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker, with one call of its own failing: it may refuse a request, or end, with the reason in
 * its last words or in its log. It may not die of a signal, leave anything unanswered while it
 * lives, or end with pages of the guest that it did not account for.
 */
#include "gpu_model.h"
#include "sup_spawn.h"
#include "worker_rig.h"

#include "fault_runs.h"

static bool gone;			/* the worker's end of the socket is closed */
static bool failed;			/* it said FAILED */
static int32_t live_before;		/* allocations at the end of a run without a fault */

/* Like rig_serve_one(), but nothing that the worker may do is a failure of the test. */
static bool hear(struct rig *rig, int timeout_ms)
{
	struct ctl_msg msg;
	int got;

	if (gone)
		return false;
	got = rig_ctl(rig, &msg, timeout_ms);
	if (got < 0)
		gone = true;
	if (got <= 0)
		return false;
	switch (msg.type) {
	case CTL_READY:
		rig->ready = msg.u.ready;
		break;
	case CTL_FAILED:
		failed = true;
		break;
	case CTL_MAP:
		rig_take_map(rig, &msg.u.map);
		break;
	case CTL_MEMORY:
		rig->memory_wants = msg.u.memory.bytes;
		rig_answer_memory(rig);
		break;
	case CTL_CLOSED:
		rig->closed = true;
		rig->last_words = msg.u.closed;
		break;
	}
	return true;
}

/* Returns a status; 1: the worker ended instead; 2: it does not answer. */
static int call(struct rig *rig, const struct vgpuif_request *req)
{
	const double end_s = fault_now_s() + 5;
	struct vgpuif_response rsp;

	rig_put(rig, req);
	rig_push(rig);
	while (fault_now_s() < end_s && !gone) {
		if (ring_front_get(&rig->front, &rsp) == 1)
			return rsp.status;
		hear(rig, 5);
	}
	return gone ? 1 : 2;
}

static bool bind_worker(struct rig *rig)
{
	static const struct ctl_bind limits = { .max_buffer_pages = RIG_PAGES, .max_buffers = 8,
						.max_contexts = 2, .max_resources = 8,
						.max_pages = RIG_PAGES, .memory_mib = 64,
						.memory_bytes = 4096, .max_fps = 500 };
	struct ctl_msg msg = { .type = CTL_BIND, .bytes = CTL_BYTES(bind) };
	int fds[4];

	rig->ring_fd = rig_memfd(ring_bytes(0));
	rig->ring_pages = rig_mmap(rig->ring_fd, ring_bytes(0));
	ring_front_init(&rig->front, rig->ring_pages, 0);
	rig->mem_fd = rig_memfd(RIG_PAGES * PAGE);
	rig->mem = rig_mmap(rig->mem_fd, RIG_PAGES * PAGE);
	msg.u.bind = limits;
	msg.u.bind.plat_kind = PLAT_LOCAL;
	msg.u.bind.evt_port = 1;
	msg.u.bind.n_evt_fds = 3;
	msg.u.bind.n_extents = 1;
	msg.u.bind.extent[0].n_pages = 1;
	rig_evt_pair(rig, fds);
	fds[3] = rig->ring_fd;
	gone |= ctl_send(rig->sock, &msg, fds, 4) != 0;
	close(fds[2]);
	return !gone;
}

static int session(struct rig *rig)
{
	struct vgpuif_request create = {
		.operation = VGPUIF_OP_CONTEXT_CREATE,
		.u.context_create = { .context_id = 1, .capset_id = VGPUIF_CAPSET_MODEL,
				      .n_rings = 1, .name = "model" } };
	struct vgpuif_request texture = {
		.operation = VGPUIF_OP_RESOURCE_CREATE,
		.u.resource_create = { .resource_id = 1, .target = 2, .format = 1, .bind = 10,
				       .width = 64, .height = 64, .depth = 1, .array_size = 1 } };
	struct vgpuif_request attach = {
		.operation = VGPUIF_OP_RESOURCE_ATTACH,
		.u.resource_attach = { .resource_id = 1, .buffer_id = 1, .bytes = PAGE } };
	struct vgpuif_request unref = { .operation = VGPUIF_OP_RESOURCE_UNREF,
					.u.resource_unref.resource_id = 1 };
	struct vgpuif_request unregister = { .operation = VGPUIF_OP_BUFFER_UNREGISTER,
					     .u.buffer_unregister.buffer_id = 1 };
	struct vgpuif_request destroy = { .operation = VGPUIF_OP_CONTEXT_DESTROY,
					  .u.context_destroy.context_id = 1 };
	const struct vgpuif_request registration =
		rig_req_register(1, 1030, rig_directory(rig, 0, 1030), 0);
	const struct vgpuif_request submit =
		rig_req_submit(1, 1, 0, 4 * GPU_MODEL_RUN_WORDS, VGPUIF_SUBMIT_FENCE);
	const struct vgpuif_request *const steps[] = {
		&create, &registration, &texture, &attach, &submit, &submit, &submit, &unref,
		&unregister, &destroy, &registration, &create, &submit,
	};
	int status, bad = 0;
	size_t i;

	gpu_model_run((uint32_t *)(void *)rig->mem, 100000, 1);
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		status = call(rig, steps[i]);
		if (status > 0)
			return status;
		bad += status != 0;
	}
	return bad ? -1 : 0;
}

static const char *check_end(struct rig *rig, int result)
{
	const bool said = failed || (rig->closed && rig->last_words.text[0]) ||
			  rig_log_has("xengpu-worker");
	int status;

	CHECK_EQ(waitpid(rig->pid, &status, 0), rig->pid);
	if (WIFSIGNALED(status))
		return "died of a signal";
	if (result == 2)
		return "a request is not answered";
	if (!fault_of->at && (result || WEXITSTATUS(status)))
		return "a request failed";
	if ((result || WEXITSTATUS(status)) && !said)
		return "did not say why";
	if (rig->closed && rig->stats->pages_mapped)
		return "ended with pages mapped";
	/* One that gives up leaves what it has to the kernel. */
	if (!fault_of->at)
		live_before = fault_of->live;
	else if (result <= 0 && rig->closed && fault_of->live > live_before)
		return "keeps memory";
	return NULL;
}

static bool run(char *why, size_t bytes)
{
	struct ctl_msg close_msg = { .type = CTL_CLOSE,
				     .bytes = offsetof(struct ctl_msg, u) };
	struct rig *rig = malloc(sizeof(*rig));
	const double end_s = fault_now_s() + 10;
	const char *bad;
	int result = 1;

	CHECK(rig);
	gone = failed = false;
	/* The worker writes where the last one has stopped. */
	CHECK(!ftruncate(rig_log_fd, 0) && !lseek(rig_log_fd, 0, SEEK_SET));
	setenv(FAULT_ENV, fault_path, 1);
	rig_spawn(rig, "model", NULL);
	unsetenv(FAULT_ENV);
	while (!rig->ready.renderer[0] && !gone && fault_now_s() < end_s)
		hear(rig, 100);
	if (rig->ready.renderer[0] && bind_worker(rig))
		result = session(rig);
	if (!gone)
		ctl_send(rig->sock, &close_msg, NULL, 0);
	while (!gone && fault_now_s() < end_s)
		hear(rig, 100);
	if (!gone)
		kill(rig->pid, SIGKILL);
	bad = check_end(rig, result);
	close(rig->sock);
	munmap(rig->stats, PAGE);
	if (rig->ring_pages) {
		munmap(rig->ring_pages, ring_bytes(0));
		munmap(rig->mem, RIG_PAGES * PAGE);
		close(rig->ring_fd);
		close(rig->mem_fd);
		evt_close(rig->evt);
	}
	free(rig);
	snprintf(why, bytes, "%s", bad ? bad : "");
	return !bad;
}

TEST(fault_worker, every_call)
{
	char path[300];
	const char *build = getenv("B");

	snprintf(path, sizeof(path), "%s/fault/xengpu-worker", build ? build : "build");
	setenv("XENGPU_WORKER", path, 1);
	fault_open();
	rig_log_fd = rig_memfd(0);
	rig_model_fd = model_memory();
	CHECK(rig_model_fd >= 0);
	fault_runs(run);
	close(rig_model_fd);
	close(rig_log_fd);
	fault_close();
}
