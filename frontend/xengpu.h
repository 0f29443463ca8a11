/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xengpu.h - the frontend library: a guest's GPU (a device), and one ring with its own name space
 * of context, resource and buffer ids on it (a session). Everything but opening and closing is
 * asynchronous: a request is queued, pushed by fe_session_flush(), and its callback runs in
 * fe_session_process() when the answer has come. One thread per device handle and its sessions.
 *
 *	fe_device_open()  ->  fe_session_open()  ->  fe_buffer_create(), fe_context_create(), ...
 *	  poll(fe_device_fd(), fe_session_fd())  ->  fe_device_process(), fe_session_process()
 *
 * The backend is distrusted: a response that answers nothing, twice, or something else than was
 * asked, ends the session (XSA-376), and a page that was granted is not used for anything else
 * before the backend said that it let go, or its session's state did.
 */
#ifndef FRONTEND_XENGPU_H
#define FRONTEND_XENGPU_H

#include <stdbool.h>
#include <stdint.h>

#include "platform.h"
#include "vgpuif.h"

#define FE_TEXT_BYTES	512u		/* room for a sentence for a person */
#define FE_ANY_DEVICE	(-1)
/* A bound for a backend that has to start a renderer, to which xengpud itself gives 60 s. */
#define FE_OPEN_MS	70000u

struct fe_device;
struct fe_session;
struct fe_buffer;

/* What the backend advertises, cut to the VGPUIF_MAX_ limits. */
struct fe_limits {
	uint16_t domid;			/* ours */
	uint16_t backend_domid;
	uint32_t devid;
	uint32_t version;		/* the one agreed on */
	uint32_t max_ring_page_order;
	uint32_t max_sessions;
	uint32_t max_buffer_pages;
	uint32_t max_buffers;
	uint32_t max_contexts;
	uint32_t max_resources;
	uint32_t max_pages;
	uint32_t max_memory_mib;	/* of the GPU; 0: the backend does not say */
	uint64_t capsets;		/* bit i: capset i */
};

/* Who opens a device: the one that runs its state nodes, or one that only opens sessions on it. */
enum fe_role {
	FE_OWNER,
	FE_USER,
};

/*
 * fe_device_open() - connect to a device of this domain.
 * @devid: its number, or FE_ANY_DEVICE for the first there is.
 * @role: FE_OWNER goes through the states until both ends are connected; FE_USER demands that they
 *        are already.
 * @timeout_ms: a bound on waiting for the backend.
 * @out: set on success only; owned by the caller, release with fe_device_close().
 * @why: FE_TEXT_BYTES of room; on failure a sentence for a person, without control characters.
 * Returns 0; -ENODEV, no such device; -ETIMEDOUT, the backend does not answer; -EPROTO, versions or
 * nodes that do not fit; -ECONNREFUSED, the backend says it cannot, in its own words; or -errno.
 */
int fe_device_open(struct plat *plat, int devid, enum fe_role role, unsigned int timeout_ms,
		   struct fe_device **out, char *why);

/*
 * fe_device_close() - all its sessions must be closed. An owner writes state 5 and 6 and waits,
 * bounded, for the backend to follow. NULL is allowed.
 */
void fe_device_close(struct fe_device *dev);

const struct fe_limits *fe_device_limits(const struct fe_device *dev);

/* fe_device_fd() - readable when xenstore has news; for poll only. */
int fe_device_fd(const struct fe_device *dev);

/*
 * fe_device_process() - take xenstore's news, for the device and for its sessions.
 * Returns 0, or -ENODEV: the device is gone or the backend closed it, see fe_device_why().
 */
int fe_device_process(struct fe_device *dev);

/* fe_device_why() - why the device is lost; "" while it is not. */
const char *fe_device_why(const struct fe_device *dev);

/*
 * fe_device_session_idle() - whether session @index can be opened: nothing of an earlier one is
 * left on either side. Removes the frontend's nodes of a dead one when the backend let go.
 * Returns 1; 0, not yet; -errno.
 */
int fe_device_session_idle(struct fe_device *dev, uint32_t index);

/*
 * fe_device_session_abandon() - ask the backend to close session @index, whose process is gone.
 */
void fe_device_session_abandon(struct fe_device *dev, uint32_t index);

/* Counters of one session; only ever grow. */
struct fe_stats {
	uint64_t requests;
	uint64_t responses;
	uint64_t errors;		/* responses with a status other than 0 */
	uint64_t submits;
	uint64_t fences;		/* fences that signalled */
	uint64_t transfers;
	uint64_t command_bytes;
	uint64_t notifies;		/* to the backend */
	uint64_t events;		/* from the backend */
	uint64_t share_ops;
	uint64_t unshare_ops;
	uint64_t pages_shared;
	uint64_t buffers_registered;
	uint64_t polls_paid;		/* polls before sleeping that saw the answer come */
	uint64_t polls_vain;
};

/*
 * fe_done_fn - a request's answer.
 * @req: the request as it was sent.
 * @rsp: checked to be the answer to it; when the session was lost, one made up with -XEN_ENODEV.
 */
typedef void (*fe_done_fn)(void *arg, const struct vgpuif_request *req,
			   const struct vgpuif_response *rsp);

/* fe_lost_fn - the session is over; called once, from a _process() function. */
typedef void (*fe_lost_fn)(void *arg, const char *why);

/*
 * fe_session_open() - open session @index and wait, bounded by @timeout_ms, until it is connected.
 * @lost: may be NULL.
 * @why: as for fe_device_open().
 * Returns 0; -ENOSPC, no pages can be granted (@why names the remedy); -ECONNREFUSED, the backend
 * refused, @why are its words; -ETIMEDOUT; -EINVAL, index out of range; or -errno.
 */
int fe_session_open(struct fe_device *dev, uint32_t index, unsigned int timeout_ms,
		    fe_lost_fn lost, void *arg, struct fe_session **out, char *why);

/*
 * fe_session_close() - state 5, wait until the backend let go of every page, free them, 6, remove
 * the nodes. Callbacks of what was in flight are not called. NULL is allowed.
 * Returns 0, or -ETIMEDOUT: the backend holds on to pages; they stay granted (and the memory lost
 * to this process) rather than being used for something else.
 */
int fe_session_close(struct fe_session *s, unsigned int timeout_ms);

/* fe_session_fd() - readable when the backend sent an event; for poll only. */
int fe_session_fd(const struct fe_session *s);

/*
 * fe_session_process() - take answers, run the callbacks.
 * Returns how many answers there were, or -ENOTCONN: the session is lost, see fe_session_why().
 */
int fe_session_process(struct fe_session *s);

/* fe_session_flush() - push what is queued; at most one notification. */
void fe_session_flush(struct fe_session *s);

/* fe_session_free() - how many requests fit into the ring now. */
uint32_t fe_session_free(const struct fe_session *s);

/* fe_session_in_flight() - requests not answered yet. */
uint32_t fe_session_in_flight(const struct fe_session *s);

/*
 * fe_session_spin() - poll briefly for answers, if that has been paying lately.
 * Returns true when there is something for fe_session_process().
 */
bool fe_session_spin(struct fe_session *s);

/*
 * fe_session_arm() - ask for an event before sleeping; flushes.
 * @ticket: of the request whose answer is awaited (the event then comes once for it and all before
 *          it), or 0 for whatever comes next.
 * Returns true when there is something for fe_session_process() already.
 */
bool fe_session_arm(struct fe_session *s, uint64_t ticket);

/*
 * fe_session_woken() - fe_session_fd() was found readable. To be called before the next
 * fe_session_arm(), which takes the event. (Between the two the descriptor stays readable; it need
 * not be polled while no answer is awaited.)
 */
void fe_session_woken(struct fe_session *s);

/*
 * fe_session_slept() - how long the wait for an answer took in all, which is what
 * fe_session_spin() learns from.
 */
void fe_session_slept(struct fe_session *s, uint64_t waited_ns);

/*
 * fe_session_wait() - process until @done says so: flush, poll briefly, sleep.
 * @client: the socket of whom it is for; -1, of nobody
 *
 * Returns 0; -ETIMEDOUT; -ENOTCONN, the session or the device is lost; -ECANCELED, @client hung up.
 */
int fe_session_wait(struct fe_session *s, bool (*done)(void *arg), void *arg, int client,
		    unsigned int timeout_ms);

const struct fe_stats *fe_session_stats(const struct fe_session *s);
const struct fe_limits *fe_session_limits(const struct fe_session *s);

/* fe_session_why() - why the session is lost; "" while it is not. */
const char *fe_session_why(const struct fe_session *s);

/*
 * fe_post() - queue a request; the functions below are conveniences over it.
 * @req: its id is set here.
 * @done: may be NULL; called with @arg.
 * @ticket: may be NULL; set to a number that grows with every request, never 0.
 * Returns 0; -EAGAIN, the ring is full: process answers first; -ENOTCONN, the session is lost.
 */
int fe_post(struct fe_session *s, struct vgpuif_request *req, fe_done_fn done, void *arg,
	    uint64_t *ticket);

/*
 * fe_buffer_create() - grant zeroed pages and queue their registration. Usable at once in requests
 * queued later, and by this process; the registration's failure is told to @done.
 * @read_only: the backend may not write.
 * @out: set on success only; release with fe_buffer_destroy(), or with the session.
 * @why: FE_TEXT_BYTES of room or NULL; on -ENOSPC the remedy.
 * Returns 0; -EAGAIN, the ring is full; -ENOSPC, the grant table or a limit is exhausted; -EINVAL;
 * -ENOTCONN; or -errno.
 */
int fe_buffer_create(struct fe_session *s, uint32_t n_pages, bool read_only, fe_done_fn done,
		     void *arg, struct fe_buffer **out, char *why);

/*
 * fe_buffer_destroy() - unregister, and free the pages once that is answered. No request that names
 * the buffer may follow; it must not be a resource's backing store at that place of the ring.
 */
void fe_buffer_destroy(struct fe_buffer *buf);

void *fe_buffer_addr(const struct fe_buffer *buf);
/* fe_buffer_fd() - the pages themselves, data at offset 0; stays the buffer's. */
int fe_buffer_fd(const struct fe_buffer *buf);
uint32_t fe_buffer_id(const struct fe_buffer *buf);
uint32_t fe_buffer_pages(const struct fe_buffer *buf);

/* fe_session_buffers() - buffers registered or being so. */
uint32_t fe_session_buffers(const struct fe_session *s);

/* Each returns as fe_post(). Fields as in vgpuif.h. */
int fe_capset_info(struct fe_session *s, uint32_t index, fe_done_fn done, void *arg);
int fe_capset_get(struct fe_session *s, const struct vgpuif_capset_get *get, fe_done_fn done,
		  void *arg);
int fe_context_create(struct fe_session *s, uint32_t context_id, uint32_t capset_id,
		      uint32_t n_rings, const char *name, fe_done_fn done, void *arg);
int fe_context_destroy(struct fe_session *s, uint32_t context_id, fe_done_fn done, void *arg);
int fe_resource_create(struct fe_session *s, const struct vgpuif_resource_create *create,
		       fe_done_fn done, void *arg);
int fe_resource_create_blob(struct fe_session *s, const struct vgpuif_resource_create_blob *create,
			    fe_done_fn done, void *arg);
int fe_resource_attach(struct fe_session *s, uint32_t resource_id, const struct fe_buffer *buf,
		       uint64_t offset, uint64_t bytes, fe_done_fn done, void *arg);
int fe_resource_detach(struct fe_session *s, uint32_t resource_id, fe_done_fn done, void *arg);
int fe_resource_unref(struct fe_session *s, uint32_t resource_id, fe_done_fn done, void *arg);
int fe_context_attach(struct fe_session *s, uint32_t context_id, uint32_t resource_id,
		      fe_done_fn done, void *arg);
int fe_context_detach(struct fe_session *s, uint32_t context_id, uint32_t resource_id,
		      fe_done_fn done, void *arg);
int fe_transfer(struct fe_session *s, bool to_host, const struct vgpuif_transfer *transfer,
		fe_done_fn done, void *arg, uint64_t *ticket);
/*
 * fe_submit() - execute @bytes at @offset of @buf; NULL and 0 for a fence only.
 * @flags: VGPUIF_SUBMIT_ bits.
 */
int fe_submit(struct fe_session *s, uint32_t context_id, uint32_t ring_idx,
	      const struct fe_buffer *buf, uint64_t offset, uint32_t bytes, uint16_t flags,
	      fe_done_fn done, void *arg, uint64_t *ticket);

/* fe_now_ns() - CLOCK_MONOTONIC. */
uint64_t fe_now_ns(void);

#endif
