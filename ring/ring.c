// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access to the shared ring; see ring.h. Xen's macros do the ordering; what they leave to their
 * caller, and blkback and netback had to learn, is here: the other side's producer index is read
 * once, checked against the ring's size, and only the checked copy is used (XSA-39, XSA-155).
 */
#include <errno.h>

#include "ring.h"

/* One read of a word that the other domain may be writing. */
#define READ_SHARED(x)	(*(const volatile __typeof__(x) *)&(x))
#define WRITE_SHARED(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

static volatile uint8_t *live_byte(vgpuif_sring_t *sring)
{
	return (volatile uint8_t *)sring + VGPUIF_LIVE_OFFSET;
}

void ring_front_init(struct ring_front *ring, void *pages, unsigned int order)
{
	vgpuif_sring_t *sring = pages;

	SHARED_RING_INIT(sring);
	FRONT_RING_INIT(&ring->r, sring, ring_bytes(order));
	ring->req_prod_pushed = 0;
	ring_front_set_alive(ring, true);
}

uint32_t ring_front_free(const struct ring_front *ring)
{
	return RING_FREE_REQUESTS(&ring->r);
}

int ring_front_put(struct ring_front *ring, const struct vgpuif_request *req)
{
	if (RING_FULL(&ring->r))
		return -ENOSPC;
	*RING_GET_REQUEST(&ring->r, ring->r.req_prod_pvt) = *req;
	ring->r.req_prod_pvt++;
	return 0;
}

bool ring_front_push(struct ring_front *ring)
{
	RING_IDX old = ring->req_prod_pushed;
	RING_IDX new = ring->r.req_prod_pvt;

	if (old == new)
		return false;
	xen_wmb();		/* requests before the index */
	WRITE_SHARED(ring->r.sring->req_prod, new);
	ring->req_prod_pushed = new;
	xen_mb();		/* the index before the backend's req_event is read */
	return (RING_IDX)(new - READ_SHARED(ring->r.sring->req_event)) < (RING_IDX)(new - old);
}

int ring_front_get(struct ring_front *ring, struct vgpuif_response *rsp)
{
	RING_IDX prod = READ_SHARED(ring->r.sring->rsp_prod);

	/* Only as many responses as requests were pushed and not answered yet. */
	if ((RING_IDX)(prod - ring->r.rsp_cons) >
	    (RING_IDX)(ring->req_prod_pushed - ring->r.rsp_cons))
		return -EPROTO;
	if (prod == ring->r.rsp_cons)
		return 0;
	xen_rmb();		/* the index before the response */
	RING_COPY_RESPONSE(&ring->r, ring->r.rsp_cons, rsp);
	ring->r.rsp_cons++;
	return 1;
}

bool ring_front_sleep(struct ring_front *ring)
{
	WRITE_SHARED(ring->r.sring->rsp_event, ring->r.rsp_cons + 1);
	xen_mb();		/* rsp_event before the last look */
	return READ_SHARED(ring->r.sring->rsp_prod) != ring->r.rsp_cons;
}

void ring_front_set_alive(struct ring_front *ring, bool alive)
{
	*live_byte(ring->r.sring) = alive ? 1 : 0;
}

void ring_back_init(struct ring_back *ring, void *pages, unsigned int order)
{
	vgpuif_sring_t *sring = pages;

	BACK_RING_INIT(&ring->r, sring, ring_bytes(order));
	ring->rsp_prod_pushed = 0;
	ring->req_prod = 0;
}

int ring_back_get(struct ring_back *ring, struct vgpuif_request *req)
{
	if (ring->req_prod == ring->r.req_cons) {
		RING_IDX prod = READ_SHARED(ring->r.sring->req_prod);

		if (RING_REQUEST_PROD_OVERFLOW(&ring->r, prod) ||
		    (RING_IDX)(prod - ring->r.req_cons) > RING_SIZE(&ring->r))
			return -EPROTO;
		if (prod == ring->r.req_cons)
			return 0;
		ring->req_prod = prod;
		xen_rmb();	/* the index before the request */
	}
	RING_COPY_REQUEST(&ring->r, ring->r.req_cons, req);
	ring->r.req_cons++;
	return 1;
}

void ring_back_put(struct ring_back *ring, const struct vgpuif_response *rsp)
{
	*RING_GET_RESPONSE(&ring->r, ring->r.rsp_prod_pvt) = *rsp;
	ring->r.rsp_prod_pvt++;
}

bool ring_back_push(struct ring_back *ring)
{
	RING_IDX old = ring->rsp_prod_pushed;
	RING_IDX new = ring->r.rsp_prod_pvt;

	if (old == new)
		return false;
	xen_wmb();		/* responses before the index */
	WRITE_SHARED(ring->r.sring->rsp_prod, new);
	ring->rsp_prod_pushed = new;
	xen_mb();		/* the index before the frontend's rsp_event is read */
	return (RING_IDX)(new - READ_SHARED(ring->r.sring->rsp_event)) < (RING_IDX)(new - old);
}

bool ring_back_sleep(struct ring_back *ring)
{
	WRITE_SHARED(ring->r.sring->req_event, ring->r.req_cons + 1);
	xen_mb();		/* req_event before the last look */
	return READ_SHARED(ring->r.sring->req_prod) != ring->r.req_cons;
}

bool ring_back_alive(const struct ring_back *ring)
{
	return *live_byte(ring->r.sring) != 0;
}
