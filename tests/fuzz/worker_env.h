/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The worker's code in this process, without its main loop: what is around it is played here. Its
 * supervisor is two queues of messages (ctl_send and ctl_recv are defined here, so that the library's
 * are not linked); mappings are heap memory, in which a sanitizer sees every octet out of bounds and
 * every use after unmapping; the engine draws nothing and checks what gpu.h promises an engine; the
 * clock stands until it is moved. Include it in one file of a target.
 */
#ifndef TESTS_FUZZ_WORKER_ENV_H
#define TESTS_FUZZ_WORKER_ENV_H

#include <errno.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <xen/errno.h>

#include "fuzz.h"
#include "wrk.h"

#define ENV_DIRS	8u		/* pages of the guest that hold directories */
#define ENV_MAPS	64u
#define ENV_SAID	256u
#define ENV_IDS		16u
#define ENV_FENCES	256u

struct env_map {
	uint8_t *addr;
	uint32_t n_pages;
};

struct env_resource {
	uint32_t id;
	struct iovec *iov;		/* lent */
};

struct env_fence {
	uint32_t context_id, ring_idx;
	uint64_t fence_id;
};

static struct env {
	struct wrk w;
	struct ctl_stats stats;
	struct ring_front front;
	bool tampered;			/* with the ring: requests may be any */
	uint64_t now_ns;

	/* the guest's memory */
	struct vgpuif_page_directory dir[ENV_DIRS];
	uint32_t dir_ref;		/* that the next mapping of one page is of; 0: none */
	struct env_map map[ENV_MAPS];
	uint64_t pages_mapped;
	int map_err;			/* of the next gnt_mmap() */

	/* the supervisor */
	struct ctl_msg to_worker;
	int to_worker_fds[CTL_MAX_FDS];
	unsigned int to_worker_n_fds;
	bool has_message;
	unsigned int send_full;		/* so many sends find the socket full */
	struct ctl_map asked;		/* the last MAP, as far as it has come */
	uint32_t refs[GNT_MAX_PAGES];
	uint32_t n_refs;
	bool map_due;
	uint64_t memory_wanted;		/* 0: not asked */
	uint64_t memory_allowed;	/* as the supervisor counts */
	uint64_t unmapped;
	unsigned int n_works;
	bool bound;

	/* the engine */
	int engine_err;			/* of its next call that can fail */
	uint32_t context[ENV_IDS];
	struct env_resource resource[ENV_IDS];
	unsigned int n_contexts, n_resources;
	struct env_fence fence[ENV_FENCES];
	unsigned int n_fences;
	unsigned int n_reported;	/* what the last reports were of; see env_reported() */
	uint64_t last_fence_id;
	uint64_t busy_ns;
	unsigned int events;
} env;

static vgpuif_sring_t *env_ring_pages;

/* --- what the worker calls --------------------------------------------------------------------- */

uint64_t wrk_now_ns(void)
{
	return env.now_ns;
}

void wrk_end(struct wrk *w, enum ctl_reason reason, const char *fmt, ...)
{
	va_list ap;

	if (w->ended)
		return;
	w->ended = true;
	w->reason = reason;
	va_start(ap, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
}

void wrk_log_name(uint16_t domid, uint16_t devid, uint32_t session)
{
	(void)domid, (void)devid, (void)session;
}

void wrk_log(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	CHECK(text[0]);
}

/* Always the same, so that an input does the same each time. */
ssize_t getrandom(void *buf, size_t bytes, unsigned int flags)
{
	(void)flags;
	memset(buf, 0x55, bytes);
	return (ssize_t)bytes;
}

int evt_import(enum plat_kind kind, const int *fds, unsigned int n_fds, uint32_t port,
	       struct evt **out)
{
	(void)kind, (void)fds, (void)n_fds, (void)port;
	*out = (struct evt *)(void *)&env.events;
	return 0;
}

int evt_fd(struct evt *evt)
{
	static int pipe_fds[2] = { -1, -1 };

	(void)evt;
	/* To be watched, and never readable. */
	if (pipe_fds[0] < 0)
		CHECK(!pipe(pipe_fds));
	return pipe_fds[0];
}

int evt_notify(struct evt *evt)
{
	CHECK(evt == (struct evt *)(void *)&env.events);
	env.events++;
	return 0;
}

int evt_pending(struct evt *evt)
{
	(void)evt;
	return 0;
}

int evt_unmask(struct evt *evt)
{
	(void)evt;
	return 0;
}

void evt_close(struct evt *evt)
{
	(void)evt;
}

int gnt_mmap(const struct gnt_grant *grant, void **out)
{
	unsigned int i;

	if (!env.bound) {
		env.bound = true;
		*out = env_ring_pages;
		return 0;
	}
	if (env.map_err) {
		int err = env.map_err;

		env.map_err = 0;
		return err;
	}
	for (i = 0; i < ENV_MAPS && env.map[i].addr; i++)
		;
	CHECK(i < ENV_MAPS);
	env.map[i].n_pages = grant->n_pages;
	env.map[i].addr = calloc(grant->n_pages, GNT_PAGE_BYTES);
	CHECK(env.map[i].addr);
	if (env.dir_ref)
		memcpy(env.map[i].addr, &env.dir[env.dir_ref % ENV_DIRS], GNT_PAGE_BYTES);
	env.dir_ref = 0;
	env.pages_mapped += grant->n_pages;
	*out = env.map[i].addr;
	return 0;
}

void gnt_munmap(void *addr, uint32_t n_pages)
{
	unsigned int i;

	for (i = 0; i < ENV_MAPS && env.map[i].addr != addr; i++)
		;
	CHECK(i < ENV_MAPS && env.map[i].n_pages == n_pages);
	env.pages_mapped -= n_pages;
	env.map[i].addr = NULL;
	free(addr);
}

static void env_take_map(const struct ctl_map *map)
{
	CHECK(!env.map_due);
	CHECK(map->n_refs && map->n_refs <= CTL_MAX_REFS && map->n_pages <= GNT_MAX_PAGES);
	CHECK_EQ(map->first, map->first ? env.n_refs : 0);
	if (map->first)
		CHECK(map->seq == env.asked.seq && map->n_pages == env.asked.n_pages);
	else
		env.n_refs = 0;
	CHECK(map->n_refs <= map->n_pages - env.n_refs);
	memcpy(env.refs + env.n_refs, map->refs, map->n_refs * sizeof(map->refs[0]));
	env.n_refs += map->n_refs;
	memcpy(&env.asked, map, offsetof(struct ctl_map, refs));
	env.map_due = env.n_refs == map->n_pages;
}

int ctl_send(int sock, const struct ctl_msg *msg, const int *fds, unsigned int n_fds)
{
	(void)sock, (void)fds;
	CHECK_EQ(n_fds, 0);
	if (env.send_full) {
		env.send_full--;
		return -EAGAIN;
	}
	switch (msg->type) {
	case CTL_BOUND:
		break;
	case CTL_MAP:
		env_take_map(&msg->u.map);
		break;
	case CTL_UNMAPPED:
		CHECK(msg->u.unmapped.n_pages);
		env.unmapped += msg->u.unmapped.n_pages;
		break;
	case CTL_WORK:
		CHECK(msg->u.work.event >= CTL_WORK_BEGUN && msg->u.work.event <= CTL_WORK_DRAINED);
		CHECK(msg->u.work.priority <= VGPUIF_MAX_PRIORITY);
		env.n_works++;
		break;
	case CTL_MEMORY:
		CHECK(!env.memory_wanted && msg->u.memory.bytes);
		env.memory_wanted = msg->u.memory.bytes;
		break;
	case CTL_MEMORY_BACK:
		CHECK(msg->u.memory_back.bytes <= env.memory_allowed);
		env.memory_allowed -= msg->u.memory_back.bytes;
		break;
	default:
		harness_fail(__FILE__, __LINE__, "the worker sends type %u", msg->type);
	}
	return 0;
}

int ctl_recv(int sock, struct ctl_msg *msg, int *fds, unsigned int *n_fds)
{
	(void)sock;
	if (!env.has_message)
		return 0;
	env.has_message = false;
	memcpy(msg, &env.to_worker, env.to_worker.bytes);
	memcpy(fds, env.to_worker_fds, sizeof(env.to_worker_fds));
	*n_fds = env.to_worker_n_fds;
	return 1;
}

/* --- the engine -------------------------------------------------------------------------------- */

static int env_engine_err(void)
{
	int err = env.engine_err;

	env.engine_err = 0;
	return err;
}

static uint32_t *env_context(uint32_t id)
{
	unsigned int i;

	for (i = 0; i < ENV_IDS; i++)
		if (env.context[i] == id)
			return &env.context[i];
	return NULL;
}

static struct env_resource *env_resource(uint32_t id)
{
	unsigned int i;

	for (i = 0; i < ENV_IDS; i++)
		if (env.resource[i].id == id)
			return &env.resource[i];
	return NULL;
}

/* As a renderer may, at any time while it is lent. */
static void env_touch(const struct iovec *iov)
{
	uint8_t *at = iov->iov_base;

	CHECK(iov->iov_len);
	at[0]++;
	at[iov->iov_len - 1]++;
}

static void env_touch_all(void)
{
	unsigned int i;

	for (i = 0; i < ENV_IDS; i++)
		if (env.resource[i].id && env.resource[i].iov)
			env_touch(env.resource[i].iov);
}

static int env_context_create(struct gpu *gpu, uint32_t id, const struct vgpuif_context_create *args)
{
	(void)gpu, (void)args;
	CHECK(id && !env_context(id));
	if (env.engine_err)
		return env_engine_err();
	*env_context(0) = id;
	env.n_contexts++;
	return 0;
}

/* How many fences were reported, and not taken yet. */
static unsigned int env_reported(void)
{
	return wrk_fence_reported(&env.w) ? env.n_reported : 0;
}

/* The GPU is done with fence @i, and so with all before it on its timeline. */
static struct env_fence env_take_fence(unsigned int i)
{
	const struct env_fence f = env.fence[i];
	unsigned int j, n = 0;

	for (j = 0; j < env.n_fences; j++)
		if (env.fence[j].context_id != f.context_id ||
		    env.fence[j].ring_idx != f.ring_idx || env.fence[j].fence_id > f.fence_id)
			env.fence[n++] = env.fence[j];
	env.n_reported = env_reported() + env.n_fences - n;
	env.n_fences = n;
	return f;
}

/* As the engine's thread does while the worker is awake, which takes the report later. */
static void env_report(const struct env_fence *f)
{
	wrk_enter(&env.w);
	wrk_fence_done(&env.w, f->context_id, f->ring_idx, f->fence_id);
	CHECK(!wrk_leave(&env.w));
	CHECK(env.w.fences.n <= env.w.fences.max);
}

static bool env_await_fence(struct gpu *gpu)
{
	struct env_fence f;

	(void)gpu;
	if (!env.n_fences)
		return false;
	f = env_take_fence(0);
	env_report(&f);
	return true;
}

static void env_context_destroy(struct gpu *gpu, uint32_t id)
{
	(void)gpu;
	CHECK(id && env_context(id));
	*env_context(id) = 0;
	env.n_contexts--;
	CHECK_EQ(env.n_fences, 0);
}

static int env_context_attach(struct gpu *gpu, uint32_t id, uint32_t resource_id)
{
	(void)gpu;
	CHECK(id && env_context(id) && resource_id && env_resource(resource_id));
	return env_engine_err();
}

static void env_context_detach(struct gpu *gpu, uint32_t id, uint32_t resource_id)
{
	(void)gpu;
	CHECK(id && env_context(id) && resource_id && env_resource(resource_id));
}

static int env_add(uint32_t id, struct iovec *iov)
{
	struct env_resource *r;

	CHECK(id && !env_resource(id));
	if (env.engine_err)
		return env_engine_err();
	r = env_resource(0);
	CHECK(r);
	*r = (struct env_resource){ id, iov };
	env.n_resources++;
	if (iov)
		env_touch(iov);
	return 0;
}

static int env_resource_create(struct gpu *gpu, const struct vgpuif_resource_create *args)
{
	(void)gpu;
	return env_add(args->resource_id, NULL);
}

static int env_resource_create_blob(struct gpu *gpu, const struct vgpuif_resource_create_blob *args,
				    struct iovec *iov)
{
	(void)gpu;
	CHECK_EQ(iov->iov_len, args->bytes);
	return env_add(args->resource_id, iov);
}

static int env_resource_attach(struct gpu *gpu, uint32_t id, struct iovec *iov)
{
	struct env_resource *r = env_resource(id);

	(void)gpu;
	CHECK(id && r && !r->iov);
	if (env.engine_err)
		return env_engine_err();
	r->iov = iov;
	env_touch(iov);
	return 0;
}

static void env_resource_detach(struct gpu *gpu, uint32_t id)
{
	struct env_resource *r = env_resource(id);

	(void)gpu;
	CHECK(id && r && r->iov);
	/* It may write until now. */
	env_touch(r->iov);
	r->iov = NULL;
}

static void env_resource_unref(struct gpu *gpu, uint32_t id)
{
	struct env_resource *r = env_resource(id);

	(void)gpu;
	CHECK(id && r && !r->iov);
	r->id = 0;
	env.n_resources--;
}

static int env_transfer(struct gpu *gpu, const struct vgpuif_transfer *args, bool to_host)
{
	struct env_resource *r = env_resource(args->resource_id);

	(void)gpu, (void)to_host;
	CHECK(r && r->iov && args->offset < r->iov->iov_len && env_context(args->context_id));
	env_touch(r->iov);
	return env_engine_err();
}

static int env_submit(struct gpu *gpu, uint32_t id, void *cmds, uint32_t bytes)
{
	(void)gpu;
	CHECK(id && env_context(id));
	CHECK(bytes && bytes % 4 == 0 && bytes <= VGPUIF_MAX_SUBMIT_BYTES);
	CHECK_EQ((uintptr_t)cmds % 64, 0);
	((uint8_t *)cmds)[bytes - 1] = 0;
	env_touch_all();
	return env_engine_err();
}

static int env_fence(struct gpu *gpu, uint32_t id, uint32_t ring_idx, uint64_t fence_id)
{
	(void)gpu;
	CHECK(id && env_context(id) && fence_id > env.last_fence_id);
	if (env.engine_err)
		return env_engine_err();
	CHECK(env.n_fences < ENV_FENCES);
	env.last_fence_id = fence_id;
	env.fence[env.n_fences++] = (struct env_fence){ id, ring_idx, fence_id };
	return 0;
}

static uint64_t env_busy(struct gpu *gpu)
{
	(void)gpu;
	return env.busy_ns;
}

static const struct gpu_ops env_ops = {
	.name = "fuzz",
	.context_create = env_context_create,
	.context_destroy = env_context_destroy,
	.context_attach = env_context_attach,
	.context_detach = env_context_detach,
	.resource_create = env_resource_create,
	.resource_create_blob = env_resource_create_blob,
	.resource_attach = env_resource_attach,
	.resource_detach = env_resource_detach,
	.resource_unref = env_resource_unref,
	.transfer = env_transfer,
	.submit = env_submit,
	.fence = env_fence,
	.await_fence = env_await_fence,
	.busy_ns = env_busy,
};

static bool env_kicked(void)
{
	uint64_t times;

	return read(env.w.fences.kick_fd, &times, sizeof(times)) == sizeof(times);
}

/* env_retire() - fence @i is done. With an odd id it is reported while the worker is awake, or else asleep. */
FUZZ_FN void env_retire(unsigned int i)
{
	const struct env_fence f = env_take_fence(i);
	const bool held = wrk_held(&env.w);

	if (f.fence_id % 2) {
		env_report(&f);
		return;
	}
	CHECK(!env_kicked());
	wrk_fence_done(&env.w, f.context_id, f.ring_idx, f.fence_id);
	CHECK(!wrk_fence_reported(&env.w));
	CHECK_EQ(env_kicked(), (held && !wrk_held(&env.w)) || env.w.sched.n_said);
}

/* --- a turn of the loop ------------------------------------------------------------------------ */

struct env_sums {
	uint64_t users, backed, pages, bytes, inflight, cost, fences, ours, pending, answers;
};

static void env_sum_resource(struct wrk_node *node, void *arg)
{
	const struct wrk_resource *r = (const void *)node;
	struct env_sums *sums = arg;

	sums->bytes += r->bytes;
	sums->backed += r->backing != NULL;
}

static void env_sum_buffer(struct wrk_node *node, void *arg)
{
	const struct wrk_buffer *b = (const void *)node;
	struct env_sums *sums = arg;

	sums->users += b->users;
	sums->pages += b->n_pages;
}

static void env_sum_context(struct wrk_node *node, void *arg)
{
	const struct wrk_context *c = (const void *)node;
	struct env_sums *sums = arg;
	const struct wrk_pending *p;
	uint32_t i;

	for (i = 0; i < c->n_rings; i++) {
		sums->inflight += c->ring[i].unfenced_bytes;
		CHECK(!c->ring[i].head == !c->ring[i].tail);
		for (p = c->ring[i].head; p; p = p->next) {
			CHECK(p->next || p == c->ring[i].tail);
			sums->inflight += p->bytes;
			sums->cost += p->fence_id ? p->cost_ns : 0;
			sums->fences += p->fence_id != 0;
			sums->ours += p->ours;
			sums->answers += !p->ours;
			sums->pending++;
		}
	}
}

/* env_check() - what the worker counts is what there is. */
FUZZ_FN void env_check(void)
{
	const struct wrk *w = &env.w;
	const struct wrk_pending *p;
	struct env_sums sums = { 0 };

	wrk_table_each(&w->resources, env_sum_resource, &sums);
	wrk_table_each(&w->buffers, env_sum_buffer, &sums);
	wrk_table_each(&w->contexts, env_sum_context, &sums);
	for (p = w->pending_free; p; p = p->next)
		sums.pending++;
	CHECK_EQ(w->stats->contexts, env.n_contexts);
	CHECK_EQ(w->stats->resources, env.n_resources);
	CHECK_EQ(w->stats->buffers, w->buffers.count);
	CHECK_EQ(w->stats->pages_mapped, env.pages_mapped);
	CHECK_EQ(w->pages_registered, sums.pages);
	CHECK_EQ(env.pages_mapped, sums.pages);
	CHECK_EQ(w->stats->fences_in_flight, env.n_fences + env_reported());
	CHECK_EQ(w->fences_in_flight, sums.fences);
	CHECK_EQ(w->own_fences, sums.ours);
	CHECK_EQ(sums.pending, RING_SIZE(&w->ring.r) + WRK_OWN_FENCES);
	CHECK_EQ(w->hold.inflight_bytes, sums.inflight);
	CHECK_EQ(w->sched.queued_ns, sums.cost);
	CHECK_EQ(w->memory.used, sums.bytes);
	CHECK(w->memory.used <= w->memory.allowed);
	/* Unless the supervisor's answer is under way. */
	if (!env.has_message)
		CHECK_EQ(w->memory.allowed + w->memory.back, env.memory_allowed);
	CHECK_EQ(sums.users, sums.backed);
	CHECK(w->sched.n_said <= WRK_MAX_SAID);
	CHECK_EQ(w->stats->requests, w->stats->responses + sums.answers +
		 !!(w->held & (WRK_HELD_REGISTER | WRK_HELD_MEMORY)));
	CHECK(w->stats->requests - w->stats->responses <= RING_SIZE(&w->ring.r));
	CHECK_EQ(w->stats->calls % 2, 0);
}

/* env_turn() - what serve() in wrk_main.c does with what is there. */
FUZZ_FN void env_turn(void)
{
	struct wrk *w = &env.w;

	if (w->ended)
		return;
	if (wrk_ctl_receive(w)) {
		w->ended = true;
		return;
	}
	if (!w->ended)
		wrk_ring_slice(w);
	CHECK_EQ(wrk_ctl_flush(w), 0);
}

/* env_tell() - a message to the worker; it takes it with the next turn. */
FUZZ_FN void env_tell(const struct ctl_msg *msg)
{
	CHECK(!env.has_message);
	memcpy(&env.to_worker, msg, msg->bytes);
	env.to_worker_n_fds = 0;
	env.has_message = true;
}

/* env_answer_map() - answer the MAP that is due. */
FUZZ_FN void env_answer_map(int err)
{
	struct ctl_msg msg = { .type = CTL_GRANT, .bytes = CTL_BYTES(grant) };

	env.map_due = false;
	msg.u.grant.seq = env.asked.seq;
	msg.u.grant.n_pages = env.asked.n_pages;
	msg.u.grant.writable = env.asked.writable;
	msg.u.grant.err = err;
	if (!err) {
		msg.u.grant.n_extents = 1;
		msg.u.grant.extent[0].n_pages = env.asked.n_pages;
	}
	/* Only directories are mapped one page at a time here, see env_register(). */
	env.dir_ref = err || !env.w.reg.directory ? 0 : env.refs[0];
	env_tell(&msg);
	env.to_worker_n_fds = msg.u.grant.n_extents;
	env.to_worker_fds[0] = -1;
}

/* env_answer_memory() - answer the question for memory that is due. */
FUZZ_FN void env_answer_memory(int err, uint64_t more)
{
	struct ctl_msg msg = { .type = CTL_MEMORY_GRANT, .bytes = CTL_BYTES(memory_grant) };

	msg.u.memory_grant.err = err;
	msg.u.memory_grant.bytes = err ? 0 : env.memory_wanted + more;
	env.memory_allowed += msg.u.memory_grant.bytes;
	env.memory_wanted = 0;
	env_tell(&msg);
}

/* env_start() - a session. @limits: of it; what is about its ring is set here. */
FUZZ_FN void env_start(const struct ctl_bind *limits, bool has_busy_ns)
{
	static uint8_t capset[2][64];
	struct ctl_msg msg = { .type = CTL_BIND, .bytes = CTL_BYTES(bind) };
	struct wrk *w = &env.w;
	static int epoll_fd = -1, ctl_fd, kick_fd;
	struct epoll_event ev = { .events = EPOLLIN };
	int i;

	if (epoll_fd < 0) {
		env_ring_pages = aligned_alloc(4096, 4096);
		epoll_fd = epoll_create1(EPOLL_CLOEXEC);
		ctl_fd = eventfd(0, EFD_CLOEXEC);
		kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		CHECK(env_ring_pages && epoll_fd >= 0 && ctl_fd >= 0 && kick_fd >= 0);
		CHECK(!epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ctl_fd, &ev));
	}
	/* Not the list of references, which is large and of which nothing is looked at. */
	memset(&env, 0, offsetof(struct env, refs));
	memset(&env.n_refs, 0, sizeof(env) - offsetof(struct env, n_refs));
	memset(env_ring_pages, 0, 4096);
	ring_front_init(&env.front, env_ring_pages, 0);
	env.now_ns = 1000000000;
	w->ctl_fd = ctl_fd;
	w->epoll_fd = epoll_fd;
	w->fences.kick_fd = kick_fd;
	w->stats = &env.stats;
	w->gpu.ops = &env_ops;
	w->gpu.has_busy_ns = has_busy_ns;
	w->gpu.n_capsets = 2;
	for (i = 0; i < 2; i++)
		w->gpu.capset[i] = (struct gpu_capset){ i ? 4 : 1, 2, sizeof(capset[i]), capset[i] };
	msg.u.bind = *limits;
	msg.u.bind.plat_kind = PLAT_LOCAL;
	msg.u.bind.n_evt_fds = 1;
	msg.u.bind.n_extents = 1;
	msg.u.bind.extent[0].n_pages = 1;
	env.memory_allowed = limits->memory_bytes;
	env_tell(&msg);
	env.to_worker_n_fds = 2;
	env.to_worker_fds[0] = env.to_worker_fds[1] = -1;
	CHECK_EQ(wrk_ctl_receive(w), 0);
	CHECK(w->bound && !w->ended);
}

/* env_stop() - as close_session() in wrk_main.c; nothing of the guest's is left. */
FUZZ_FN void env_stop(void)
{
	struct wrk *w = &env.w;
	uint64_t mapped = w->pages_unmapped + env.unmapped, still = env.pages_mapped;

	wrk_ring_flush(w);
	wrk_op_cleanup(w);
	wrk_buffer_cleanup(w);
	env.send_full = 0;
	env.map_due = false;
	wrk_ctl_flush(w);
	CHECK_EQ(env.pages_mapped, 0);
	CHECK_EQ(w->stats->pages_mapped, 0);
	/* The supervisor has heard of every page. */
	CHECK_EQ(env.unmapped, mapped + still);
	epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, evt_fd(w->evt), NULL);
	close(w->hold.timer_fd);
	free(w->arena);
	free(w->pending);
	free(w->fences.report);
}

#endif
