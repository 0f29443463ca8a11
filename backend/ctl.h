/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the supervisor (xengpud) and a worker (xengpu-worker) say to each other, over a Unix
 * SOCK_SEQPACKET pair. A worker is started ahead of time, says READY once its renderer runs, is
 * bound to one session of one guest later, and ends with it. Neither side waits for the other
 * without a bound, and the supervisor trusts a worker no more than it trusts the guest behind it.
 *
 *   supervisor                      worker
 *       | exec, CTL_WORKER_FD          |  opens the GPU, closes its cage
 *       | <----------- UNCAGED ------- |  for each part of the cage that is missing
 *       | <------------ READY -------- |  (or FAILED, and it ends)
 *       | ------------- BIND --------> |  + event channel and ring descriptors
 *       | <------------ BOUND -------- |  session is served from here on
 *       | <------------- MAP --------- |  grant references of a buffer (or of a directory page)
 *       | ------------ GRANT --------> |  + descriptors
 *       | ------------ LATER --------> |  before GRANT or MEMORY_GRANT, where that takes a while
 *       | <----------- UNMAPPED ------ |
 *       | <----------- MEMORY -------- |  a resource takes more than the session was allowed
 *       | -------- MEMORY_GRANT -----> |  so much more, or none
 *       | ------- MEMORY_RECALL -----> |  another session of the guest needs it
 *       | <-------- MEMORY_BACK ------ |  what it was allowed and does not use
 *       | ----------- LIMITS --------> |  those that changed while it serves
 *       | ------------- RUN ---------> |  how much it may submit
 *       | <------------ WORK --------- |  it has some, or has done what it was let
 *       | ------------ CLOSE --------> |  guest asked to close
 *       | <----------- CLOSED -------- |  and it ends
 */
#ifndef BACKEND_CTL_H
#define BACKEND_CTL_H

#include <stdint.h>

#include "evt.h"
#include "gnt.h"

/* Descriptors a worker is born with. */
#define CTL_WORKER_FD		3	/* its end of the socket */
#define CTL_STATS_FD		4	/* a sealed memfd holding struct ctl_stats */
#define CTL_MODEL_FD		5	/* --gpu model only: a sealed memfd, struct gpu_model_mem */
#define CTL_CAGE_FD		6	/* an octet into it takes the file system away; see sup_cage.c */

#define CTL_MAX_REFS		4096u	/* references in one MAP message; longer lists take several */
#define CTL_MAX_TEXT		256u
#define CTL_MAX_CAPSETS		8u
#define CTL_MAX_FDS		(GNT_MAX_EXTENTS + EVT_MAX_FDS + 1)
#define CTL_MEMORY_CHUNK	(UINT64_C(64) << 20)	/* so that asking for memory is rare */

enum ctl_type {
	CTL_READY = 1,
	CTL_FAILED,
	CTL_BIND,
	CTL_BOUND,
	CTL_MAP,
	CTL_GRANT,
	CTL_UNMAPPED,
	CTL_CLOSE,
	CTL_CLOSED,
	CTL_RUN,
	CTL_WORK,
	CTL_MEMORY,
	CTL_MEMORY_GRANT,
	CTL_MEMORY_RECALL,
	CTL_MEMORY_BACK,
	CTL_LIMITS,
	CTL_UNCAGED,
	CTL_LATER,
	CTL_N_TYPES,
};

/* Why a session ended, with CLOSED. */
enum ctl_reason {
	CTL_REASON_ASKED = 1,	/* by CLOSE */
	CTL_REASON_LOST,	/* the frontend's process is gone (liveness byte) */
	CTL_REASON_PROTOCOL,	/* the frontend broke the protocol beyond repair */
	CTL_REASON_RENDERER,	/* the renderer failed */
};

/*
 * Parts of a worker's cage. What it says of them is believed: it has not met a guest then. All but
 * CTL_CAGE_USER, which the supervisor sees to itself.
 */
enum ctl_cage {
	CTL_CAGE_USER = 1u << 0,	/* a user id that is nobody else's */
	CTL_CAGE_PRIVILEGE = 1u << 1,	/* no capability, and none to be had (no_new_privs) */
	CTL_CAGE_ROOT = 1u << 2,	/* name spaces of its own, and nothing in them */
	CTL_CAGE_LANDLOCK = 1u << 3,	/* nothing to be written, made or executed */
	CTL_CAGE_SYSCALLS = 1u << 4,	/* those that it needs, and no others */
	CTL_CAGE_ALL = (1u << 5) - 1,
};

/* UNCAGED: a part that could not be had. */
struct ctl_uncaged {
	uint32_t part;			/* enum ctl_cage */
	char text[CTL_MAX_TEXT];	/* why, and the remedy; terminated */
};

/* READY: what the worker's renderer is. */
struct ctl_ready {
	uint32_t cage;			/* enum ctl_cage, those it has */
	uint32_t n_capsets;
	struct ctl_capset {
		uint32_t id;
		uint32_t max_version;
		uint32_t max_bytes;
	} capset[CTL_MAX_CAPSETS];
	char renderer[CTL_MAX_TEXT];	/* GL_RENDERER or the like, terminated */
	char clock[16];			/* what GPU time is told by, terminated */
};

/*
 * BIND: the session. Descriptors: the event channel's first, then one for each ring extent, then the
 * store of shaders.
 */
struct ctl_bind {
	uint16_t domid;
	uint16_t devid;
	uint32_t session;
	uint32_t plat_kind;		/* enum plat_kind */
	uint32_t ring_order;
	uint32_t evt_port;
	uint32_t n_evt_fds;
	uint32_t max_buffer_pages;
	uint32_t max_buffers;
	uint32_t max_contexts;
	uint32_t max_resources;
	uint32_t max_pages;		/* registered by this session */
	uint32_t memory_mib;		/* of the GPU, for all of the guest's sessions on this vgpu */
	uint64_t memory_bytes;		/* what the session has of it from the start */
	uint32_t inflight_mib;		/* of commands whose fence has not come; 0: no limit */
	uint32_t max_fps;		/* submits with a fence, a second; 0: no limit */
	uint32_t queue_us;		/* of GPU time that may be begun while nobody else wants it; 0: any */
	uint32_t n_stores;		/* of compiled shaders (ctl_shaders.h): 1 or 0 */
	uint32_t reserved;
	uint32_t n_extents;
	struct ctl_extent {
		uint32_t n_pages;
		uint32_t reserved;
		uint64_t offset_bytes;
	} extent[GNT_MAX_EXTENTS];
};

/* MAP: n_refs of a total of n_pages references; the supervisor answers after the last. */
struct ctl_map {
	uint32_t seq;			/* chosen by the worker, returned in GRANT */
	uint32_t n_pages;		/* of the whole mapping, the same in every part */
	uint32_t first;			/* index of refs[0] in the whole */
	uint32_t n_refs;
	uint32_t writable;
	uint32_t refs[CTL_MAX_REFS];	/* the message ends after n_refs */
};

/* GRANT: one descriptor for each extent. */
struct ctl_grant {
	uint32_t seq;
	int32_t err;			/* 0 or -errno of gnt_map_refs(), or -EDQUOT: over the guest's pages */
	uint32_t n_pages;
	uint32_t n_extents;
	uint32_t writable;
	uint32_t reserved;
	struct ctl_extent extent[GNT_MAX_EXTENTS];
};

struct ctl_unmapped {
	uint32_t n_pages;
};

/*
 * RUN: whether the worker may take requests from its ring. FREE and TELL say yes; with TELL it says
 * once when it has some again after having had none. GATED: only under a lease, which is GPU time
 * that the work begun under it may take; the first submit under it is begun whatever it takes, a
 * further one if at least half of it fits.
 */
enum ctl_run_mode {
	CTL_RUN_FREE = 1,
	CTL_RUN_TELL,
	CTL_RUN_GATED,
};

struct ctl_run {
	uint32_t mode;			/* enum ctl_run_mode */
	uint32_t serial;		/* of the lease, for WORK */
	uint64_t lease_ns;		/* 0: none */
};

/* WORK: what happened at the worker. */
enum ctl_work_event {
	CTL_WORK_BEGUN = 1,		/* TELL: there is work, and it goes on as with FREE */
	CTL_WORK_WANT,			/* GATED: there is work, and no lease */
	CTL_WORK_REST,			/* the lease is used up, or there is nothing to use it for */
	CTL_WORK_DRAINED,		/* ... and what was begun under it is done */
};

struct ctl_work {
	uint32_t event;			/* enum ctl_work_event */
	uint32_t serial;		/* of the lease it is about */
	uint32_t more;			/* REST: there is further work, which makes it a WANT as well */
	uint32_t priority;		/* the highest of the session's contexts, for WANT and BEGUN */
	uint64_t begun_ns;		/* REST: what the work begun takes at least, as far as known */
};

/*
 * MEMORY: the session needs so much more of the GPU's memory than it was allowed. One question at a
 * time; the supervisor allows at least as much, or nothing (err). It has the account, since a worker
 * may die at any time and is not to be believed.
 */
struct ctl_memory {
	uint64_t bytes;
};

struct ctl_memory_grant {
	int32_t err;			/* 0; -EDQUOT, the guest's limit is met */
	uint32_t reserved;
	uint64_t bytes;			/* besides what it was allowed before; 0 with err */
};

/*
 * MEMORY_BACK: what the session was allowed and does not use: unasked, when it is more than two
 * chunks; or all of it, which may be nothing, as the answer to RECALL.
 */
struct ctl_memory_back {
	uint64_t bytes;
};

struct ctl_limits {
	uint32_t max_fps;		/* as in BIND */
};

struct ctl_closed {
	uint32_t reason;		/* enum ctl_reason */
	char text[CTL_MAX_TEXT];	/* a sentence for a person, terminated; untrusted */
};

struct ctl_failed {
	char text[CTL_MAX_TEXT];
};

struct ctl_msg {
	uint32_t type;			/* enum ctl_type */
	uint32_t bytes;			/* of the whole message, this header included */
	union {
		struct ctl_ready ready;
		struct ctl_failed failed;
		struct ctl_uncaged uncaged;
		struct ctl_bind bind;
		struct ctl_map map;
		struct ctl_grant grant;
		struct ctl_unmapped unmapped;
		struct ctl_closed closed;
		struct ctl_run run;
		struct ctl_work work;
		struct ctl_memory memory;
		struct ctl_memory_grant memory_grant;
		struct ctl_memory_back memory_back;
		struct ctl_limits limits;
	} u;
};

/*
 * How long fenced submits took, as a histogram: 8 buckets for each power of two, from 1 us to 17 s;
 * the first and the last take what lies beyond. Bucket b ends at ctl_latency_end_ns(b).
 */
#define CTL_LATENCY_BUCKETS	192u
#define CTL_LATENCY_MIN_LOG2	10u

static inline unsigned int ctl_latency_bucket(uint64_t ns)
{
	unsigned int log2, b;

	if (ns < 1u << CTL_LATENCY_MIN_LOG2)
		return 0;
	log2 = 63u - (unsigned int)__builtin_clzll(ns);
	b = (log2 - CTL_LATENCY_MIN_LOG2) * 8u + (unsigned int)(ns >> (log2 - 3) & 7u);
	return b < CTL_LATENCY_BUCKETS ? b : CTL_LATENCY_BUCKETS - 1;
}

static inline uint64_t ctl_latency_end_ns(unsigned int bucket)
{
	return (UINT64_C(9) + bucket % 8u) << (CTL_LATENCY_MIN_LOG2 - 3 + bucket / 8u);
}

/*
 * Counters of one session, written by its worker only, read by the supervisor at any time. The
 * memfd is sealed against shrinking, so a worker cannot make the supervisor fault.
 */
struct ctl_stats {
	uint64_t requests;
	uint64_t responses;
	uint64_t errors;		/* responses with a status other than 0 */
	uint64_t submits;
	uint64_t fences;		/* answered when the GPU was done */
	uint64_t events_in;		/* notifications from the frontend */
	uint64_t notifies_out;		/* notifications to the frontend */
	uint64_t map_ops;		/* grant-map calls asked of the supervisor */
	uint64_t unmap_ops;
	uint64_t pages_mapped;		/* now */
	uint64_t pages_mapped_max;
	uint64_t command_bytes;		/* in submits, as the frontend counted them */
	uint64_t command_bytes_copied;	/* out of granted pages; equal to the above when copied once */
	uint64_t surface_bytes_copied;	/* between private memory and granted pages, by us; 0 */
	uint64_t transfers;
	uint64_t contexts;		/* now */
	uint64_t resources;		/* now */
	uint64_t buffers;		/* now */
	/* For the watchdog: */
	uint64_t calls;			/* begun and ended ones into the renderer: odd within one */
	uint64_t fences_in_flight;	/* now */
	uint64_t fences_retired;	/* answered, in whatever way */
	/* For the arbiter and for people: */
	uint64_t gpu_ns;		/* of everything that is done */
	uint64_t queued_ns;		/* what is begun and not done may take; now */
	uint64_t last_work_ns;		/* when a request was taken last, on the monotonic clock */
	uint64_t held_ns;		/* requests waited for the arbiter */
	uint64_t memory_bytes;		/* of resources, see wrk_size.h; now */
	/* How often a limit was met: */
	uint64_t limit_memory;
	uint64_t limit_contexts;
	uint64_t limit_resources;
	uint64_t limit_buffers;		/* or pages */
	uint64_t limit_inflight;	/* held back, not refused */
	uint64_t limit_fps;		/* held back, not refused */
	uint64_t shaders_found;		/* compiled ones, in the guest's store */
	uint64_t shaders_compiled;	/* ... put there */
	uint64_t latency[CTL_LATENCY_BUCKETS];	/* of fenced submits, from the ring to the fence */
	uint64_t refused_call;		/* system call that its cage does not allow, plus 1; 0: none */
};

/*
 * ctl_send() - send a message with descriptors.
 * @msg: msg->bytes octets are sent; set it with the CTL_BYTES macro or by hand.
 * @fds: sent as copies; still the caller's.
 * Returns 0; -EAGAIN, the socket is full (it never blocks); -EPIPE, the other end is gone.
 */
int ctl_send(int sock, const struct ctl_msg *msg, const int *fds, unsigned int n_fds);

/*
 * ctl_recv() - receive one message, never blocks.
 * @msg: untrusted; set when 1 is returned; msg->bytes is then checked against what came and
 *       against the type's own size, text fields are terminated, counts are within their arrays.
 * @fds: CTL_MAX_FDS of room; @n_fds descriptors, now the caller's.
 * Returns 1; 0, nothing there; -EPIPE, the other end is gone; -EPROTO, malformed (descriptors closed).
 */
int ctl_recv(int sock, struct ctl_msg *msg, int *fds, unsigned int *n_fds);

/* CTL_BYTES() - size of a message of a type with a fixed size. */
#define CTL_BYTES(member)	\
	(uint32_t)(offsetof(struct ctl_msg, u) + sizeof(((struct ctl_msg *)0)->u.member))

#endif
