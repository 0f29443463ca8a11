/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A rig around the real xengpu-worker: this process plays its supervisor and the guest's frontend.
 * The guest's memory is one memfd; grant reference r stands for its page r - 1. The event channel
 * is a pair of eventfds, as the local platform has them. What the supervisor answers to MAP, a
 * test can bend.
 */
#ifndef TESTS_WORKER_RIG_H
#define TESTS_WORKER_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xen/errno.h>

#include "ctl.h"
#include "evt.h"
#include "harness.h"
#include "ring.h"

#define RIG_PAGES	4096u		/* of guest memory */
#define RIG_DIR_PAGE	4000u		/* where rig_register() builds directories */
#define RIG_SCRATCH	8u		/* a page for commands in most tests */
#define RIG_TIMEOUT_MS	8000
#define RIG_WORKS	64u

#define PAGE		VGPUIF_PAGE_BYTES

struct rig {
	pid_t pid;
	int sock;
	struct ctl_stats *stats;
	struct ctl_ready ready;
	int mem_fd;
	uint8_t *mem;
	int ring_fd;
	void *ring_pages;
	unsigned int order;
	struct ring_front front;
	struct evt *evt;
	bool evt_masked;
	uint32_t next_id;

	/* The supervisor's side of MAP. */
	uint32_t refs[GNT_MAX_PAGES];
	uint32_t n_refs;
	int map_err;			/* answer with this */
	bool any_page;			/* guest memory has no end */
	bool map_hold;			/* answer later: rig_answer_map() */
	struct ctl_map held;
	unsigned int maps;		/* whole requests seen */
	uint32_t unmapped;		/* pages */
	struct ctl_work work[RIG_WORKS];	/* what it said to the arbiter, the first ones */
	unsigned int n_work;

	/* The supervisor's side of MEMORY. */
	int memory_err;			/* answer with this */
	uint64_t memory_more;		/* ... or with so much more than was asked for */
	bool memory_hold;		/* answer later: rig_answer_memory() */
	uint64_t memory_wants;		/* what was asked last */
	unsigned int memory_questions;
	unsigned int memory_backs;	/* times */
	uint64_t memory_back;		/* octets, in all */
	bool closed;
	struct ctl_closed last_words;
};

#define RIG_FN	static inline __attribute__((unused))

/* For the next rig_spawn(): the room in the worker's socket; 0 for the system's default. */
static __attribute__((unused)) int rig_socket_bytes;

/* For the next rig_spawn(): what the worker finds at CTL_MODEL_FD; 0 for nothing. */
static __attribute__((unused)) int rig_model_fd;
/* For the next rig_spawn(): where the worker's log goes; 0 for nowhere. See rig_log_has(). */
static __attribute__((unused)) int rig_log_fd;

RIG_FN uint64_t rig_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

RIG_FN int rig_memfd(size_t bytes)
{
	int fd = memfd_create("worker-rig", MFD_CLOEXEC);

	CHECK(fd >= 0);
	CHECK(!ftruncate(fd, (off_t)bytes));
	return fd;
}

RIG_FN void *rig_mmap(int fd, size_t bytes)
{
	void *addr = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(addr != MAP_FAILED);
	return addr;
}

RIG_FN bool rig_readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) > 0;
}

/* Start a worker and leave it before READY. @arg: one more argument, or NULL. */
RIG_FN void rig_spawn(struct rig *rig, const char *gpu, const char *arg)
{
	const char *path = getenv("XENGPU_WORKER"), *build = getenv("B");
	char built[256];
	int pair[2], stats_fd;

	snprintf(built, sizeof(built), "%s/bin/xengpu-worker", build ? build : "build");

	memset(rig, 0, sizeof(*rig));
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	if (rig_socket_bytes)
		CHECK(!setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &rig_socket_bytes,
				  sizeof(rig_socket_bytes)));
	stats_fd = rig_memfd(PAGE);
	rig->stats = rig_mmap(stats_fd, PAGE);
	rig->sock = pair[0];
	rig->pid = fork();
	CHECK(rig->pid >= 0);
	if (rig->pid == 0) {
		int worker_fd = fcntl(pair[1], F_DUPFD, 50);
		int counter_fd = fcntl(stats_fd, F_DUPFD, 50);
		int model_fd = rig_model_fd ? fcntl(rig_model_fd, F_DUPFD_CLOEXEC, 50) : -1;
		int log_fd = rig_log_fd ? fcntl(rig_log_fd, F_DUPFD_CLOEXEC, 50) : -1;

		dup2(worker_fd, CTL_WORKER_FD);
		dup2(counter_fd, CTL_STATS_FD);
		if (model_fd >= 0)
			dup2(model_fd, CTL_MODEL_FD);
		else
			close(CTL_MODEL_FD);
		close(CTL_CAGE_FD);
		close(worker_fd);
		close(counter_fd);
		if (log_fd >= 0)
			dup2(log_fd, STDERR_FILENO);
		else if (!getenv("XENGPU_TEST_VERBOSE"))
			dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
		execl(path ? path : built, "xengpu-worker", "--gpu", gpu, arg, NULL);
		_exit(127);
	}
	close(pair[1]);
	close(stats_fd);
}

/* Whether the worker has said @text, into rig_log_fd, a memfd. */
RIG_FN bool rig_log_has(const char *text)
{
	static char log[65536];
	ssize_t n = pread(rig_log_fd, log, sizeof(log) - 1, 0);

	CHECK(n >= 0);
	log[n] = '\0';
	return strstr(log, text) != NULL;
}

/* One message of the worker, within the time-out. Returns ctl_recv()'s answer; 0 for none. */
RIG_FN int rig_ctl(struct rig *rig, struct ctl_msg *msg, int timeout_ms)
{
	int fds[CTL_MAX_FDS], got;
	unsigned int n_fds;

	do {
		if (!rig_readable(rig->sock, timeout_ms))
			return 0;
		got = ctl_recv(rig->sock, msg, fds, &n_fds);
		if (got > 0)
			CHECK_EQ(n_fds, 0);
		/* What this machine's kernel lacks is not what these tests are about. */
	} while (got > 0 && msg->type == CTL_UNCAGED);
	return got;
}

RIG_FN void rig_wait_ready(struct rig *rig)
{
	struct ctl_msg msg;

	CHECK_EQ(rig_ctl(rig, &msg, RIG_TIMEOUT_MS), 1);
	if (msg.type == CTL_FAILED)
		SKIP(msg.u.failed.text);
	CHECK_EQ(msg.type, CTL_READY);
	rig->ready = msg.u.ready;
}

RIG_FN void rig_evt_pair(struct rig *rig, int worker_fds[3])
{
	int to_guest = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int to_worker = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	int life[2], mine[3];

	CHECK(to_guest >= 0 && to_worker >= 0);
	CHECK(!pipe2(life, O_CLOEXEC));
	mine[0] = to_guest;
	mine[1] = to_worker;
	mine[2] = life[0];
	CHECK_EQ(evt_import(PLAT_LOCAL, mine, 3, 1, &rig->evt), 0);
	worker_fds[0] = to_worker;
	worker_fds[1] = to_guest;
	worker_fds[2] = life[1];
}

/* Open a session. @limits: NULL for generous ones. */
RIG_FN void rig_bind(struct rig *rig, unsigned int order, const struct ctl_bind *limits)
{
	struct ctl_msg msg = { .type = CTL_BIND, .bytes = CTL_BYTES(bind) };
	struct ctl_bind *bind = &msg.u.bind;
	int fds[4];

	rig->order = order;
	rig->ring_fd = rig_memfd(ring_bytes(order));
	rig->ring_pages = rig_mmap(rig->ring_fd, ring_bytes(order));
	ring_front_init(&rig->front, rig->ring_pages, order);
	rig->mem_fd = rig_memfd(RIG_PAGES * PAGE);
	rig->mem = rig_mmap(rig->mem_fd, RIG_PAGES * PAGE);

	*bind = limits ? *limits : (struct ctl_bind){
		.max_buffer_pages = RIG_PAGES, .max_buffers = 64, .max_contexts = 8,
		.max_resources = 256, .max_pages = 2 * RIG_PAGES };
	if (!bind->memory_mib) {
		bind->memory_mib = 1024;
		bind->memory_bytes = 1024u << 20;
	}
	bind->domid = 7;
	bind->devid = 0;
	bind->session = 1;
	bind->plat_kind = PLAT_LOCAL;
	bind->ring_order = order;
	bind->evt_port = 1;
	bind->n_evt_fds = 3;
	bind->n_extents = 1;
	bind->extent[0].n_pages = 1u << order;
	rig_evt_pair(rig, fds);
	fds[3] = rig->ring_fd;
	CHECK_EQ(ctl_send(rig->sock, &msg, fds, 4), 0);
	close(fds[2]);		/* the worker's; the eventfds belong to our handle, too */
	CHECK_EQ(rig_ctl(rig, &msg, RIG_TIMEOUT_MS), 1);
	CHECK_EQ(msg.type, CTL_BOUND);
}

RIG_FN void rig_start(struct rig *rig)
{
	rig_spawn(rig, "soft", NULL);
	rig_wait_ready(rig);
	rig_bind(rig, 0, NULL);
}

/* Answer the last MAP as a supervisor does: runs of pages become extents. */
RIG_FN void rig_answer_map(struct rig *rig)
{
	struct ctl_msg msg = { .type = CTL_GRANT, .bytes = CTL_BYTES(grant) };
	struct ctl_grant *grant = &msg.u.grant;
	int fds[GNT_MAX_EXTENTS];
	uint32_t i;

	grant->seq = rig->held.seq;
	grant->n_pages = rig->held.n_pages;
	grant->writable = rig->held.writable;
	grant->err = rig->map_err;
	for (i = 0; i < rig->n_refs && !grant->err; i++) {
		uint32_t page = rig->refs[i] - 1;
		struct ctl_extent *last = &grant->extent[grant->n_extents];

		if (page >= RIG_PAGES && !rig->any_page) {
			grant->err = -EFAULT;
		} else if (i && rig->refs[i] == rig->refs[i - 1] + 1) {
			last[-1].n_pages++;
		} else {
			CHECK(grant->n_extents < GNT_MAX_EXTENTS);
			last->n_pages = 1;
			last->offset_bytes = (uint64_t)page * PAGE;
			fds[grant->n_extents++] = rig->mem_fd;
		}
	}
	if (grant->err) {
		grant->n_extents = 0;
		memset(grant->extent, 0, sizeof(grant->extent));
	}
	CHECK_EQ(ctl_send(rig->sock, &msg, fds, grant->n_extents), 0);
}

RIG_FN void rig_take_map(struct rig *rig, const struct ctl_map *map)
{
	if (map->first == 0)
		rig->n_refs = 0;
	CHECK_EQ(map->first, rig->n_refs);
	memcpy(rig->refs + rig->n_refs, map->refs, map->n_refs * sizeof(map->refs[0]));
	rig->n_refs += map->n_refs;
	if (rig->n_refs < map->n_pages)
		return;
	rig->held.seq = map->seq;
	rig->held.n_pages = map->n_pages;
	rig->held.writable = map->writable;
	rig->maps++;
	if (!rig->map_hold)
		rig_answer_map(rig);
}

RIG_FN void rig_answer_memory(struct rig *rig)
{
	struct ctl_msg msg = { .type = CTL_MEMORY_GRANT, .bytes = CTL_BYTES(memory_grant) };

	msg.u.memory_grant.err = rig->memory_err;
	if (!rig->memory_err)
		msg.u.memory_grant.bytes = rig->memory_wants + rig->memory_more;
	CHECK_EQ(ctl_send(rig->sock, &msg, NULL, 0), 0);
}

RIG_FN void rig_recall(struct rig *rig)
{
	struct ctl_msg msg = { .type = CTL_MEMORY_RECALL,
			       .bytes = (uint32_t)offsetof(struct ctl_msg, u) };

	CHECK_EQ(ctl_send(rig->sock, &msg, NULL, 0), 0);
}

/* Serve one message of the worker, if there is one. Returns false once it is gone. */
RIG_FN bool rig_serve_one(struct rig *rig)
{
	struct ctl_msg msg;
	int got = rig_ctl(rig, &msg, 0);

	CHECK(got != -EPROTO);
	if (got <= 0)
		return got == 0;
	switch (msg.type) {
	case CTL_MAP:
		rig_take_map(rig, &msg.u.map);
		break;
	case CTL_UNMAPPED:
		rig->unmapped += msg.u.unmapped.n_pages;
		break;
	case CTL_WORK:
		if (rig->n_work < RIG_WORKS)
			rig->work[rig->n_work] = msg.u.work;
		rig->n_work++;
		break;
	case CTL_MEMORY:
		rig->memory_wants = msg.u.memory.bytes;
		rig->memory_questions++;
		if (!rig->memory_hold)
			rig_answer_memory(rig);
		break;
	case CTL_MEMORY_BACK:
		rig->memory_backs++;
		rig->memory_back += msg.u.memory_back.bytes;
		break;
	case CTL_CLOSED:
		CHECK(!rig->closed);
		rig->closed = true;
		rig->last_words = msg.u.closed;
		break;
	default:
		harness_fail(__FILE__, __LINE__, "message of type %u", msg.type);
	}
	return true;
}

/* Serve what there is. Returns false once the worker is gone. */
RIG_FN bool rig_serve(struct rig *rig)
{
	while (rig_readable(rig->sock, 0))
		if (!rig_serve_one(rig))
			return false;
	return true;
}

/* Queue a request; its id is given to it here and returned. */
RIG_FN uint32_t rig_put(struct rig *rig, const struct vgpuif_request *req)
{
	struct vgpuif_request copy = *req;

	copy.id = ++rig->next_id;
	CHECK_EQ(ring_front_put(&rig->front, &copy), 0);
	return copy.id;
}

RIG_FN void rig_push(struct rig *rig)
{
	if (ring_front_push(&rig->front))
		CHECK_EQ(evt_notify(rig->evt), 0);
}

/* Sleep until there is an event or a message. Returns false after @timeout_ms of neither. */
RIG_FN bool rig_sleep(struct rig *rig, int timeout_ms)
{
	struct pollfd p[2] = {
		{ .fd = evt_fd(rig->evt), .events = POLLIN },
		{ .fd = rig->sock, .events = POLLIN },
	};

	if (rig->evt_masked) {
		CHECK_EQ(evt_unmask(rig->evt), 0);
		rig->evt_masked = false;
	}
	if (ring_front_sleep(&rig->front))
		return true;
	if (poll(p, 2, timeout_ms) <= 0)
		return false;
	if (p[0].revents && evt_pending(rig->evt) == 1)
		rig->evt_masked = true;
	return true;
}

/* The next response, within @timeout_ms. Returns false for none. */
RIG_FN bool rig_get(struct rig *rig, struct vgpuif_response *rsp, int timeout_ms)
{
	int got;

	for (;;) {
		got = ring_front_get(&rig->front, rsp);
		CHECK(got >= 0);
		if (got)
			return true;
		if (!rig_serve(rig) || !rig_sleep(rig, timeout_ms))
			return ring_front_get(&rig->front, rsp) == 1;
	}
}

/* Send one request and wait for its response, which must be the next. Returns its status. */
RIG_FN int rig_call_rsp(struct rig *rig, const struct vgpuif_request *req,
			struct vgpuif_response *rsp)
{
	uint32_t id = rig_put(rig, req);

	rig_push(rig);
	if (!rig_get(rig, rsp, RIG_TIMEOUT_MS))
		harness_fail(__FILE__, __LINE__, "no response to operation %u", req->operation);
	CHECK_EQ(rsp->id, id);
	CHECK_EQ(rsp->operation, req->operation);
	return rsp->status;
}

RIG_FN int rig_call(struct rig *rig, const struct vgpuif_request *req)
{
	struct vgpuif_response rsp;

	return rig_call_rsp(rig, req, &rsp);
}

/* Build a directory for pages first_page.. in guest memory; returns its first reference. */
RIG_FN uint32_t rig_directory(struct rig *rig, uint32_t first_page, uint32_t n_pages)
{
	uint32_t n_dirs = (n_pages + VGPUIF_DIRECTORY_REFS - 1) / VGPUIF_DIRECTORY_REFS;
	uint32_t i, d;

	for (d = 0; d < n_dirs; d++) {
		struct vgpuif_page_directory *dir =
			(void *)(rig->mem + (size_t)(RIG_DIR_PAGE + d) * PAGE);

		memset(dir, 0, sizeof(*dir));
		dir->gref_next = d + 1 < n_dirs ? RIG_DIR_PAGE + d + 2 : 0;
		for (i = 0; i < VGPUIF_DIRECTORY_REFS &&
		     d * VGPUIF_DIRECTORY_REFS + i < n_pages; i++)
			dir->gref[i] = first_page + d * VGPUIF_DIRECTORY_REFS + i + 1;
	}
	return RIG_DIR_PAGE + 1;
}

RIG_FN struct vgpuif_request rig_req_register(uint32_t buffer_id, uint32_t n_pages, uint32_t dir,
					      uint16_t flags)
{
	return (struct vgpuif_request){
		.operation = VGPUIF_OP_BUFFER_REGISTER, .flags = flags,
		.u.buffer_register = { .buffer_id = buffer_id, .n_pages = n_pages,
				       .gref_directory = dir } };
}

RIG_FN int rig_register(struct rig *rig, uint32_t buffer_id, uint32_t first_page, uint32_t n_pages,
			uint16_t flags)
{
	uint32_t dir = rig_directory(rig, first_page, n_pages);
	struct vgpuif_request req = rig_req_register(buffer_id, n_pages, dir, flags);

	return rig_call(rig, &req);
}

RIG_FN int rig_unregister(struct rig *rig, uint32_t buffer_id)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_BUFFER_UNREGISTER,
				      .u.buffer_unregister.buffer_id = buffer_id };

	return rig_call(rig, &req);
}

RIG_FN int rig_context(struct rig *rig, uint32_t context_id)
{
	struct vgpuif_request req = {
		.operation = VGPUIF_OP_CONTEXT_CREATE,
		.u.context_create = { .context_id = context_id, .capset_id = VGPUIF_CAPSET_VIRGL2,
				      .n_rings = 1, .name = "rig" } };

	return rig_call(rig, &req);
}

/* An operation whose only argument is one id. */
RIG_FN int rig_op(struct rig *rig, uint8_t operation, uint32_t id)
{
	struct vgpuif_request req = { .operation = operation };

	memcpy(req.u.octets, &id, sizeof(id));
	return rig_call(rig, &req);
}

RIG_FN int rig_context_resource(struct rig *rig, uint8_t operation, uint32_t context_id,
				uint32_t resource_id)
{
	struct vgpuif_request req = {
		.operation = operation,
		.u.context_resource = { .context_id = context_id, .resource_id = resource_id } };

	return rig_call(rig, &req);
}

RIG_FN int rig_attach(struct rig *rig, uint32_t resource_id, uint32_t buffer_id, uint64_t offset,
		      uint64_t bytes)
{
	struct vgpuif_request req = {
		.operation = VGPUIF_OP_RESOURCE_ATTACH,
		.u.resource_attach = { .resource_id = resource_id, .buffer_id = buffer_id,
				       .offset = offset, .bytes = bytes } };

	return rig_call(rig, &req);
}

RIG_FN struct vgpuif_request rig_req_submit(uint32_t context_id, uint32_t buffer_id,
					    uint64_t offset, uint32_t bytes, uint16_t flags)
{
	return (struct vgpuif_request){
		.operation = VGPUIF_OP_SUBMIT, .flags = flags,
		.u.submit = { .context_id = context_id, .buffer_id = buffer_id, .offset = offset,
			      .bytes = bytes } };
}

RIG_FN int rig_submit(struct rig *rig, uint32_t context_id, uint32_t buffer_id, uint64_t offset,
		      uint32_t bytes, uint16_t flags)
{
	struct vgpuif_request req = rig_req_submit(context_id, buffer_id, offset, bytes, flags);

	return rig_call(rig, &req);
}

/* Unmap everything of ours; the worker has ended with @exit_status. */
RIG_FN void rig_reap(struct rig *rig, int exit_status)
{
	int status;

	CHECK_EQ(waitpid(rig->pid, &status, 0), rig->pid);
	if (!WIFEXITED(status))
		harness_fail(__FILE__, __LINE__, "the worker died of signal %d", WTERMSIG(status));
	CHECK_EQ(WEXITSTATUS(status), exit_status);
	close(rig->sock);
	munmap(rig->stats, PAGE);
	if (!rig->ring_pages)
		return;
	munmap(rig->ring_pages, ring_bytes(rig->order));
	munmap(rig->mem, RIG_PAGES * PAGE);
	close(rig->ring_fd);
	close(rig->mem_fd);
	evt_close(rig->evt);
}

/* The worker ends by itself, for @reason. */
RIG_FN void rig_expect_closed(struct rig *rig, uint32_t reason)
{
	while (rig_serve(rig))
		CHECK(rig_readable(rig->sock, RIG_TIMEOUT_MS));
	CHECK(rig->closed);
	CHECK_EQ(rig->last_words.reason, reason);
	CHECK_EQ(rig->stats->pages_mapped, 0);
	rig_reap(rig, 0);
}

/* Ask it to end. */
RIG_FN void rig_stop(struct rig *rig)
{
	struct ctl_msg msg = { .type = CTL_CLOSE, .bytes = offsetof(struct ctl_msg, u) };

	CHECK_EQ(ctl_send(rig->sock, &msg, NULL, 0), 0);
	rig_expect_closed(rig, CTL_REASON_ASKED);
}

#endif
