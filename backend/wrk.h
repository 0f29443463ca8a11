/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The worker's own parts, shared by its files. One process, one session: one struct wrk, of one
 * thread, but see wrk_fence.c. The process model is told in wrk_main.c.
 */
#ifndef BACKEND_WRK_H
#define BACKEND_WRK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "ctl.h"
#include "ctl_shaders.h"
#include "gpu.h"
#include "request.h"
#include "ring.h"
#include "wrk_log.h"
#include "wrk_table.h"

/* What a handler returns, besides a status, when the response comes later. */
#define WRK_LATER	1

/* Pages of the guest, mapped here. */
struct wrk_buffer {
	struct wrk_node node;
	uint8_t *addr;
	uint32_t n_pages;
	bool writable;
	uint32_t users;			/* resources whose backing store it is */
};

struct wrk_resource {
	struct wrk_node node;
	struct wrk_buffer *backing;	/* NULL for none */
	struct iovec iov;		/* lent to the engine while there is a backing store */
	uint64_t bytes;			/* of the GPU's memory */
	bool is_buffer;			/* and not a texture */
};

/* A submit that was executed and not answered yet, or a fence of our own. */
struct wrk_pending {
	struct wrk_pending *next;
	uint64_t fence_id;		/* 0: waits for nothing but those before it */
	uint64_t bytes;			/* of commands that its fence reports as done */
	uint64_t touches;		/* of the renderer, that lie before its fence */
	uint64_t seen_ns;		/* when it was seen in the ring */
	uint32_t request_id;
	int32_t status;
	bool ours;			/* nobody is to be answered */
	uint32_t lease;			/* drained with it; 0, none. This and the rest: wrk_sched.c */
	uint32_t submits;		/* since the fence before it */
	uint64_t cost_ns;		/* ... and what they may take */
	uint64_t begun_ns;		/* ... when the first was begun, where fences are the clock */
};

/* A context's timeline: fences signal in order, so a queue is all it takes. */
struct wrk_timeline {
	struct wrk_pending *head;
	struct wrk_pending *tail;
	uint32_t unfenced;		/* submits behind the last fence, and so on as above */
	uint64_t unfenced_ns;
	uint64_t begun_ns;
	uint64_t unfenced_bytes;	/* submitted since the last fence */
};

struct wrk_context {
	struct wrk_node node;
	bool lost;
	uint32_t priority;
	uint64_t mean_ns;		/* a submit takes; 0: not known */
	uint64_t off_ns;		/* ... and how far off that is, in the mean */
	uint64_t peak_ns;		/* the longest of late */
	uint32_t n_rings;
	struct wrk_timeline ring[];	/* n_rings */
};

/* Why no request is taken from the ring; bits of wrk.held, each set and cleared in one file. */
enum wrk_held {
	WRK_HELD_REGISTER = 1u << 0,	/* wrk_buffer.c: a buffer is being mapped */
	WRK_HELD_MEMORY = 1u << 1,	/* wrk_memory.c: the supervisor is asked for GPU memory */
	WRK_HELD_INFLIGHT = 1u << 2,	/* wrk_limit.c: enough commands are in flight */
	WRK_HELD_FPS = 1u << 3,		/* wrk_limit.c: the next frame's time has not come */
	WRK_HELD_LEASE = 1u << 4,	/* the arbiter has not given any time */
	WRK_HELD_QUEUE = 1u << 5,	/* ... has, and the GPU has enough to do */
};

/* The one BUFFER_REGISTER that is under way: references are read, then mapped. */
struct wrk_register {
	bool writable;
	uint32_t buffer_id;
	uint32_t n_pages;
	uint32_t *refs;			/* n_pages, of which n_known were read */
	uint32_t n_known;
	/* What the supervisor is being asked to map: a directory page, or all of refs. */
	bool directory;
	uint32_t dir_ref;
	uint32_t seq;
	uint32_t n_sent;
};

#define WRK_MAX_SAID	16u
#define WRK_OWN_FENCES	8u		/* in flight, besides those that requests wait for */

/* Arbitration; all of it wrk_sched.c's. */
struct wrk_sched {
	uint32_t mode;			/* enum ctl_run_mode */
	bool told;			/* GATED: that there is work */
	uint32_t priority;
	struct ctl_work said[WRK_MAX_SAID];	/* and not sent yet */
	uint32_t n_said;
	/* the lease */
	bool leased;
	uint32_t serial;
	uint32_t forgotten;		/* leases up to this one are of no interest any more */
	bool took;			/* a request under it */
	bool later;			/* the supervisor's answer is not quick this time */
	uint64_t lease_ns;
	uint64_t leased_at_ns;
	uint64_t begun_ns;		/* what the work begun under it takes at least, and */
	uint64_t filled_ns;		/* ... at most, as far as can be expected */
	uint32_t last_context, last_ring;	/* of the last submit */
	uint64_t next_ns;		/* the next submit may take */
	uint64_t held_at_ns;
	/* GPU time */
	uint64_t queued_ns;
	uint64_t base_ns;		/* when the session began */
	uint64_t retired_ns;		/* when the last fence was done */
	uint64_t retired_at_ns;		/* when that was; with fence_busy_ns, where fences are the clock */
	uint64_t fence_busy_ns;
};

/* The GPU's memory; see wrk_memory.c. */
struct wrk_memory {
	uint64_t allowed;		/* by the supervisor, used or not */
	uint64_t used;
	uint64_t wants;			/* while held for WRK_HELD_MEMORY */
	bool asked;			/* ... the supervisor was told */
	bool recalled;			/* it is to be told what comes back, were it nothing */
	uint64_t back;			/* not allowed any more, and not told yet */
};

/* What holds a session back; see wrk_limit.c. */
struct wrk_limits {
	uint64_t inflight_bytes;
	uint64_t inflight_max;		/* 0: no limit */
	uint32_t max_fps;		/* 0: no limit */
	uint64_t slot_ns;		/* of the last frame */
	int timer_fd;			/* armed while held for WRK_HELD_FPS */
};

struct wrk_report {
	uint32_t context_id;
	uint32_t ring_idx;
	uint64_t fence_id;
};

/* What the engine reported, in a thread of its own perhaps; see wrk_fence.c. */
struct wrk_fences {
	pthread_mutex_t serving;	/* for all of struct wrk, but what follows */
	pthread_mutex_t lock;
	struct wrk_report *report;	/* max, of which n were not taken yet */
	uint32_t n;
	uint32_t max;
	int kick_fd;
};

/* A request being handled: a private copy, checked, and what its ids stand for. */
struct wrk_job {
	struct vgpuif_request req;
	struct vgpuif_response rsp;	/* the handler fills in u only */
	struct request_ids ids;
	struct wrk_context *context;	/* set where ids.needs says REQUEST_NEEDS_ */
	struct wrk_resource *resource;
	struct wrk_buffer *buffer;
	const char *met;		/* the key of the limit that it met; NULL for none */
	uint32_t met_limit;
};

struct wrk {
	int ctl_fd;
	int epoll_fd;
	struct ctl_stats *stats;
	struct gpu gpu;
	uint32_t cage;			/* enum ctl_cage, the parts that are had */

	/* The session; all of it after BIND. */
	bool bound;
	struct ctl_bind bind;
	struct request_limits limits;
	struct evt *evt;
	bool evt_masked;		/* an event was taken: no further one before evt_unmask() */
	struct ring_back ring;
	void *ring_pages;
	struct wrk_table contexts;
	struct wrk_table resources;
	struct wrk_table buffers;
	uint32_t pages_registered;
	void *arena;			/* VGPUIF_MAX_SUBMIT_BYTES: private copies of commands */
	struct wrk_pending *pending;	/* one for each of the ring's slots, and WRK_OWN_FENCES */
	struct wrk_pending *pending_free;
	uint64_t last_fence_id;
	uint64_t touches;		/* of the renderer, by anything that may leave it work */
	uint64_t touches_done;		/* ... of which it is known that it has done all */
	uint64_t now_ns;		/* when the request that is being handled was taken */
	uint64_t seen_ns;		/* ... and when it was seen in the ring; no later */
	uint32_t fences_in_flight;
	uint32_t own_fences;		/* of these */
	struct wrk_fences fences;
	struct shaders shaders;		/* compiled ones, of all of the guest's sessions */
	struct wrk_sched sched;
	struct wrk_job waiting;		/* for the supervisor's answer, see wrk_ring_wait() */
	struct wrk_register reg;	/* while held for WRK_HELD_REGISTER */
	struct wrk_memory memory;
	struct wrk_limits hold;
	uint32_t held;			/* WRK_HELD_*: no request is taken from the ring */
	uint32_t pages_unmapped;	/* to be told to the supervisor */
	bool ctl_blocked;		/* its socket was full: wait until it is writable */

	bool ended;
	enum ctl_reason reason;
	char text[CTL_MAX_TEXT];
};

/* wrk_now_ns() - the monotonic clock. */
uint64_t wrk_now_ns(void);

/* wrk_end() - end the session once the current event is handled; the first reason counts. */
void wrk_end(struct wrk *w, enum ctl_reason reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* wrk_status() - the wire's status for an error of the engine. */
int32_t wrk_status(int err);

/*
 * wrk_ring_slice() - take and execute requests, a bounded number, and push the responses.
 * Returns whether there may be more to take at once.
 */
bool wrk_ring_slice(struct wrk *w);

/*
 * wrk_held() - whether the ring is held back. Whoever clears the last reason has nothing else to do
 * when it happens within an event: a slice follows every turn of the loop. The engine's thread kicks.
 */
bool wrk_held(const struct wrk *w);

/* wrk_ring_waiting() - whether the frontend has pushed requests that were not taken. No barrier. */
bool wrk_ring_waiting(const struct wrk *w);

/*
 * wrk_ring_wait() - keep a request until the supervisor has answered, and take no other: requests
 * are executed in order. Fences are answered and the supervisor is heard meanwhile.
 * @why: one bit, which is cleared by wrk_ring_done() and wrk_ring_again().
 * Returns WRK_LATER, for the handler to return.
 */
int wrk_ring_wait(struct wrk *w, const struct wrk_job *job, enum wrk_held why);

/* wrk_ring_done() - answer the request that wrk_ring_wait() kept for @why. */
void wrk_ring_done(struct wrk *w, enum wrk_held why, int32_t status);

/* wrk_ring_again() - execute that request once more, for what it waited for has come. */
void wrk_ring_again(struct wrk *w, enum wrk_held why);

/*
 * wrk_limit_met() - a request is over a limit: counted, and named when it is answered.
 * @key: what the administrator sets it by, "resources".
 * Returns @status.
 */
int wrk_limit_met(struct wrk_job *job, uint64_t *counter, const char *key, uint32_t limit,
		  int status);

/* wrk_ring_answer() - queue a response. */
void wrk_ring_answer(struct wrk *w, const struct vgpuif_response *rsp);

/* wrk_ring_flush() - make the queued responses visible; one notification, if one is wanted. */
void wrk_ring_flush(struct wrk *w);

/* wrk_op_fn - handle a request: a status, or WRK_LATER. */
typedef int (*wrk_op_fn)(struct wrk *w, struct wrk_job *job);

/* wrk_op() - the handler of an operation; NULL where there is none. */
wrk_op_fn wrk_op(uint8_t operation);

/* wrk_context_settle() - take note when the engine says that a context is lost. */
void wrk_context_settle(struct wrk_context *context, int err);

/* wrk_op_is_buffer() - whether there is such a resource, and it is no texture; for struct gpu_config. */
bool wrk_op_is_buffer(void *arg, uint32_t resource_id);

/* wrk_op_cleanup() - take every resource's backing store from the engine, free the objects. */
void wrk_op_cleanup(struct wrk *w);

/* wrk_submit() - handler of SUBMIT. */
int wrk_submit(struct wrk *w, struct wrk_job *job);

/* wrk_submit_is_empty() - whether a request gives the renderer nothing to do, but a fence perhaps. */
bool wrk_submit_is_empty(const struct vgpuif_request *req);

/* wrk_submit_fence() - a fence of our own behind what was submitted. Returns 0 or -errno. */
int wrk_submit_fence(struct wrk *w, struct wrk_context *context, uint32_t ring_idx);

/*
 * wrk_submit_done() - everything up to a fence of a timeline is done: answer it. Any thread that has the
 * lock of wrk_fence.c; of the engine only busy_ns is called.
 */
void wrk_submit_done(struct wrk *w, uint32_t context_id, uint32_t ring_idx, uint64_t fence_id);

/* wrk_submit_abandon() - answer what a context that is being destroyed has in flight. */
void wrk_submit_abandon(struct wrk *w, struct wrk_context *context);

/* wrk_fence_init() - once epoll_fd is there. wrk_fence_alloc() - room for @n reports. 0 or -errno. */
int wrk_fence_init(struct wrk *w);
int wrk_fence_alloc(struct wrk *w, uint32_t n);

/* wrk_fence_done() - the engine's callback, in any thread; @arg is the struct wrk. */
void wrk_fence_done(void *arg, uint32_t context_id, uint32_t ring_idx, uint64_t fence_id);

/* wrk_fence_reported() - whether there are reports to take. Needs no lock. */
bool wrk_fence_reported(const struct wrk *w);

/* wrk_fence_take() - answer what was reported. The caller has the lock, and flushes the ring. */
void wrk_fence_take(struct wrk *w);

/* wrk_fence_kicked() - fences.kick_fd is readable. */
void wrk_fence_kicked(struct wrk *w);

/* wrk_enter() - the worker's thread wakes, and has struct wrk to itself. */
void wrk_enter(struct wrk *w);

/* wrk_leave() - it is about to sleep. False: there are reports, wrk_enter() and a slice are due. */
bool wrk_leave(struct wrk *w);

/* wrk_buffer_register(), wrk_buffer_unregister() - handlers. */
int wrk_buffer_register(struct wrk *w, struct wrk_job *job);
int wrk_buffer_unregister(struct wrk *w, struct wrk_job *job);

/* wrk_buffer_send() - ask the supervisor for what was not asked yet. 0, -EAGAIN or -EPIPE. */
int wrk_buffer_send(struct wrk *w);

/*
 * wrk_buffer_granted() - the supervisor's answer to MAP.
 * @fds: the caller closes them.
 * Returns 0 or -EPROTO, it is not an answer to what was asked.
 */
int wrk_buffer_granted(struct wrk *w, const struct ctl_grant *grant, const int *fds);

/* wrk_buffer_cleanup() - unmap everything. No resource may have a backing store any more. */
void wrk_buffer_cleanup(struct wrk *w);

/* wrk_buffer_holds() - whether @bytes at @offset lie in the buffer. */
static inline bool wrk_buffer_holds(const struct wrk_buffer *buffer, uint64_t offset,
				    uint64_t bytes)
{
	uint64_t size = (uint64_t)buffer->n_pages * VGPUIF_PAGE_BYTES;

	return offset <= size && bytes <= size - offset;
}

/* wrk_sched_start() - a session begins: the worker runs freely, and says so when it has work. */
void wrk_sched_start(struct wrk *w);

/* wrk_sched_run() - the supervisor's RUN. */
void wrk_sched_run(struct wrk *w, const struct ctl_run *run);

/* wrk_sched_may_take() - there is a request: whether it may be taken now; if not, it was told. */
bool wrk_sched_may_take(struct wrk *w);

/* wrk_sched_settle() - a slice is over: a lease that nothing will use now is given back. */
void wrk_sched_settle(struct wrk *w);

/* wrk_sched_later() - the answer that the ring waits for takes a while; call before settle(). */
void wrk_sched_later(struct wrk *w);

/* wrk_sched_begun() - a submit was executed on a timeline. */
void wrk_sched_begun(struct wrk *w, struct wrk_context *context, uint32_t ring_idx);

/* wrk_sched_fenced() - @p is a fence behind all that was begun there. */
void wrk_sched_fenced(struct wrk *w, struct wrk_timeline *ring, struct wrk_pending *p);

/* wrk_sched_retired() - it is done, or given up. @context: NULL while it is being destroyed. */
void wrk_sched_retired(struct wrk *w, const struct wrk_pending *p, struct wrk_context *context);

/* wrk_sched_contexts() - a context was created or destroyed. */
void wrk_sched_contexts(struct wrk *w);

/* wrk_sched_flush() - send what could not be sent. 0, -EAGAIN or -EPIPE. */
int wrk_sched_flush(struct wrk *w);

/*
 * wrk_memory_take() - count memory of the GPU as used.
 * Returns 0; a status, there is no more for this guest; WRK_LATER, the supervisor is asked, and
 * @job is executed again, or refused, when it has answered.
 */
int wrk_memory_take(struct wrk *w, struct wrk_job *job, uint64_t bytes);

/* wrk_memory_give() - ... as free. */
void wrk_memory_give(struct wrk *w, uint64_t bytes);

/* wrk_memory_granted() - the supervisor's answer to MEMORY. 0; -EPROTO, nothing was asked. */
int wrk_memory_granted(struct wrk *w, const struct ctl_memory_grant *grant);

/* wrk_memory_recall() - give back what is not used. */
void wrk_memory_recall(struct wrk *w);

/* wrk_memory_send() - tell the supervisor what it was not told yet. 0, -EAGAIN or -EPIPE. */
int wrk_memory_send(struct wrk *w);

/* wrk_limit_bind() - take the session's limits from w->bind. 0 or -errno. */
int wrk_limit_bind(struct wrk *w);

/* wrk_limit_change() - new limits, while serving. */
void wrk_limit_change(struct wrk *w, const struct ctl_limits *limits);

/*
 * wrk_limit_hold() - before a request that is there is taken: sets w->held if it has to wait.
 * Returns as wrk_held().
 */
bool wrk_limit_hold(struct wrk *w, uint64_t now_ns);

/* wrk_limit_submitted(), wrk_limit_done() - commands are in flight, or are not any more. */
void wrk_limit_submitted(struct wrk *w, uint64_t bytes);
void wrk_limit_done(struct wrk *w, uint64_t bytes);

/* wrk_limit_frame() - a frame was taken. */
void wrk_limit_frame(struct wrk *w, uint64_t now_ns);

/* wrk_limit_timer() - w->hold.timer_fd is readable. */
void wrk_limit_timer(struct wrk *w);

/* wrk_ctl_ready(), wrk_ctl_failed() - the first message to the supervisor. 0 or -errno. */
int wrk_ctl_ready(struct wrk *w);
int wrk_ctl_failed(int ctl_fd, const char *text);

/* wrk_ctl_receive() - take the supervisor's messages. 0; -errno, the supervisor is gone or mad. */
int wrk_ctl_receive(struct wrk *w);

/* wrk_ctl_flush() - send what is to be sent; sets ctl_blocked. 0 or -errno. */
int wrk_ctl_flush(struct wrk *w);

/* wrk_ctl_closed() - say CLOSED. 0 or -errno. */
int wrk_ctl_closed(struct wrk *w);

/* wrk_ctl_grant() - a mapping as the supervisor sent it, for gnt_mmap(). */
void wrk_ctl_grant(const struct ctl_extent *extent, uint32_t n_extents, const int *fds,
		   bool writable, struct gnt_grant *out);

#endif
