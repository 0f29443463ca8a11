// SPDX-License-Identifier: GPL-2.0-only
/* Ring access: order, wrap, back-pressure, notification hold-off, and what the other side may lie about. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "ring.h"

struct pair {
	void *pages;
	struct ring_front front;
	struct ring_back back;
};

static void pair_init(struct pair *p, unsigned int order)
{
	p->pages = aligned_alloc(VGPUIF_PAGE_BYTES, ring_bytes(order));
	CHECK(p->pages);
	memset(p->pages, 0xaa, ring_bytes(order));
	ring_front_init(&p->front, p->pages, order);
	ring_back_init(&p->back, p->pages, order);
}

static int put(struct pair *p, uint32_t id)
{
	struct vgpuif_request req = { .id = id, .operation = VGPUIF_OP_CAPSET_INFO };

	return ring_front_put(&p->front, &req);
}

static void answer(struct pair *p, uint32_t id)
{
	struct vgpuif_response rsp = { .id = id, .operation = VGPUIF_OP_CAPSET_INFO };

	ring_back_put(&p->back, &rsp);
}

TEST(ring, sizes)
{
	static const uint32_t slots[] = { 32, 64, 128, 256, 512 };
	unsigned int order;

	for (order = 0; order <= VGPUIF_MAX_RING_PAGE_ORDER; order++) {
		struct pair p;
		uint32_t n = 0;

		/* The header takes a slot's room; what remains is rounded down to a power of 2. */
		pair_init(&p, order);
		CHECK_EQ(ring_front_free(&p.front), slots[order]);
		while (!put(&p, n))
			n++;
		CHECK_EQ(n, slots[order]);
		CHECK_EQ(put(&p, n), -ENOSPC);
		free(p.pages);
	}
}

TEST(ring, wrap)
{
	struct vgpuif_request req;
	struct vgpuif_response rsp;
	struct pair p;
	uint32_t sent = 0, seen = 0, answered = 0;

	pair_init(&p, 0);
	/* Start just below the 32-bit wrap: both ends agree on a common origin. */
	p.front.r.req_prod_pvt = p.front.r.rsp_cons = p.front.req_prod_pushed = 0xfffffff0u;
	p.back.r.rsp_prod_pvt = p.back.r.req_cons = 0xfffffff0u;
	p.back.req_prod = p.back.rsp_prod_pushed = 0xfffffff0u;
	p.front.r.sring->req_prod = p.front.r.sring->rsp_prod = 0xfffffff0u;
	while (answered < 1000) {
		uint32_t burst = 1 + sent % 7;

		while (burst-- && !put(&p, sent))
			sent++;
		ring_front_push(&p.front);
		while (ring_back_get(&p.back, &req) == 1) {
			CHECK_EQ(req.id, seen);
			answer(&p, seen++);
		}
		ring_back_push(&p.back);
		while (ring_front_get(&p.front, &rsp) == 1)
			CHECK_EQ(rsp.id, answered++);
	}
	free(p.pages);
}

TEST(ring, notify_holds_off)
{
	struct vgpuif_request req;
	struct pair p;

	pair_init(&p, 0);
	put(&p, 1);
	CHECK(ring_front_push(&p.front));	/* req_event starts at 1 */
	put(&p, 2);
	CHECK(!ring_front_push(&p.front));	/* the backend was told and has not slept */
	CHECK_EQ(ring_back_get(&p.back, &req), 1);
	CHECK(ring_back_sleep(&p.back));	/* one is left: do not sleep */
	CHECK_EQ(ring_back_get(&p.back, &req), 1);
	CHECK_EQ(ring_back_get(&p.back, &req), 0);
	CHECK(!ring_back_sleep(&p.back));
	put(&p, 3);
	put(&p, 4);
	CHECK(ring_front_push(&p.front));	/* one event for the batch */
	CHECK(!ring_front_push(&p.front));	/* nothing new: nothing to say */
	free(p.pages);
}

TEST(ring, request_is_copied)
{
	struct vgpuif_request req;
	struct pair p;

	pair_init(&p, 0);
	put(&p, 7);
	ring_front_push(&p.front);
	CHECK_EQ(ring_back_get(&p.back, &req), 1);
	memset((char *)p.pages + 64, 0xff, 64);
	CHECK_EQ(req.id, 7);
	free(p.pages);
}

TEST(ring, frontend_lies)
{
	static const uint32_t ahead[] = { 33, 34, 64, 1u << 16, 0x7fffffffu, 0x80000000u, 0xffffffffu };
	struct vgpuif_request req;
	struct pair p;
	size_t i;

	for (i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
		pair_init(&p, 0);
		p.front.r.sring->req_prod = ahead[i];
		CHECK_EQ(ring_back_get(&p.back, &req), -EPROTO);
		free(p.pages);
	}
	/* Requests beyond the answered ones that would overwrite answers not yet consumed. */
	pair_init(&p, 0);
	for (i = 0; i < 32; i++)
		put(&p, (uint32_t)i);
	ring_front_push(&p.front);
	for (i = 0; i < 32; i++)
		CHECK_EQ(ring_back_get(&p.back, &req), 1);
	p.front.r.sring->req_prod = 33;
	CHECK_EQ(ring_back_get(&p.back, &req), -EPROTO);
	/* ... and going back. */
	p.front.r.sring->req_prod = 31;
	CHECK_EQ(ring_back_get(&p.back, &req), -EPROTO);
	free(p.pages);
}

TEST(ring, backend_lies)
{
	struct vgpuif_response rsp;
	struct pair p;

	pair_init(&p, 0);
	put(&p, 1);
	put(&p, 2);
	ring_front_push(&p.front);
	put(&p, 3);				/* not pushed: cannot be answered */
	p.front.r.sring->rsp_prod = 3;
	CHECK_EQ(ring_front_get(&p.front, &rsp), -EPROTO);
	p.front.r.sring->rsp_prod = 0xffffffffu;
	CHECK_EQ(ring_front_get(&p.front, &rsp), -EPROTO);
	p.front.r.sring->rsp_prod = 2;
	CHECK_EQ(ring_front_get(&p.front, &rsp), 1);
	CHECK_EQ(ring_front_get(&p.front, &rsp), 1);
	CHECK_EQ(ring_front_get(&p.front, &rsp), 0);
	free(p.pages);
}

TEST(ring, liveness)
{
	struct pair p;

	pair_init(&p, 0);
	CHECK(ring_back_alive(&p.back));
	((char *)p.pages)[VGPUIF_LIVE_OFFSET] = 0;
	CHECK(!ring_back_alive(&p.back));
	ring_front_set_alive(&p.front, true);
	CHECK(ring_back_alive(&p.back));
	free(p.pages);
}
