/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access to the shared ring: Xen's ring.h with the barriers it wants, indices kept privately, and
 * every index of the other side checked before it is used. Pure: no I/O, no allocation.
 */
#ifndef RING_RING_H
#define RING_RING_H

#include <stdbool.h>
#include <stdint.h>

#define xen_mb()	__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb()	__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb()	__atomic_thread_fence(__ATOMIC_RELEASE)

#include "vgpuif.h"

/* The frontend's end. req_prod_pvt and rsp_cons inside never come from shared memory. */
struct ring_front {
	vgpuif_front_ring_t r;
	RING_IDX req_prod_pushed;	/* what the backend was last told */
};

/* The backend's end. */
struct ring_back {
	vgpuif_back_ring_t r;
	RING_IDX rsp_prod_pushed;
	RING_IDX req_prod;		/* the frontend's index as last read and found possible */
};

/* ring_bytes() - size of a ring of 1 << @order pages. */
static inline uint32_t ring_bytes(unsigned int order)
{
	return (uint32_t)VGPUIF_PAGE_BYTES << order;
}

/*
 * ring_front_init() - prepare zeroed shared pages and the frontend's end; sets the liveness byte.
 * @pages: 1 << @order contiguous pages, shared with the backend later.
 * @order: 0..VGPUIF_MAX_RING_PAGE_ORDER.
 */
void ring_front_init(struct ring_front *ring, void *pages, unsigned int order);

/* ring_front_free() - how many requests fit now. */
uint32_t ring_front_free(const struct ring_front *ring);

/* ring_front_put() - queue a copy of @req; the backend does not see it yet. -ENOSPC when full. */
int ring_front_put(struct ring_front *ring, const struct vgpuif_request *req);

/* ring_front_push() - make what was queued visible. Returns whether the backend wants an event. */
bool ring_front_push(struct ring_front *ring);

/*
 * ring_front_get() - take the next response.
 * @rsp: a copy, set when 1 is returned; its contents are the backend's word only.
 * Returns 1; 0, none; -EPROTO, the backend's index cannot be: the session is beyond repair.
 */
int ring_front_get(struct ring_front *ring, struct vgpuif_response *rsp);

/*
 * ring_front_sleep() - ask for an event with the next response.
 * Returns true when a response came meanwhile and sleeping would be wrong.
 */
bool ring_front_sleep(struct ring_front *ring);

/* ring_back_init() - the backend's end of a ring that a frontend prepared. */
void ring_back_init(struct ring_back *ring, void *pages, unsigned int order);

/*
 * ring_back_get() - take the next request, copied out of the shared page exactly once.
 * Returns 1; 0, none; -EPROTO, more requests than the ring holds.
 * Never takes a request for whose response there would be no slot.
 */
int ring_back_get(struct ring_back *ring, struct vgpuif_request *req);

/* ring_back_put() - queue a copy of @rsp. There is always room: one slot for each request taken. */
void ring_back_put(struct ring_back *ring, const struct vgpuif_response *rsp);

/* ring_back_push() - make what was queued visible. Returns whether the frontend wants an event. */
bool ring_back_push(struct ring_back *ring);

/* ring_back_sleep() - ask for an event with the next request. True: one came meanwhile. */
bool ring_back_sleep(struct ring_back *ring);

/* ring_back_alive() - false once the frontend's process is gone (VGPUIF_LIVE_OFFSET). */
bool ring_back_alive(const struct ring_back *ring);

/* ring_front_set_alive() - write the liveness byte. */
void ring_front_set_alive(struct ring_front *ring, bool alive);

#endif
