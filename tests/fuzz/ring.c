// SPDX-License-Identifier: GPL-2.0-only
/*
 * Both ends of the ring against another side that writes whatever it likes wherever it can, between
 * any two steps. What is held against a model: the private indices, which shared memory must never
 * change; which request was copied; and that no more are taken than responses have room.
 */
#include <errno.h>

#include "fuzz.h"
#include "ring.h"

#define MAX_STEPS	2000u

enum step {
	POKE_PROD, POKE_EVENT, POKE_WORD, POKE_SLOT, POKE_NEAR, GET, PUT, PUSH, SLEEP, ALIVE,
	N_STEPS,
};

static uint8_t pages[16 * VGPUIF_PAGE_BYTES] __attribute__((aligned(4096)));

static void back(struct fuzz_in *in, unsigned int order)
{
	const uint32_t n_slots = (ring_bytes(order) - 64) / sizeof(struct vgpuif_request);
	uint32_t size = 1, taken = 0, put = 0, prod_seen = 0, steps = 0, slot;
	vgpuif_sring_t *shared = (vgpuif_sring_t *)(void *)pages;
	struct vgpuif_response rsp = { 0 };
	struct vgpuif_request req, want;
	struct ring_back ring;
	int got;

	while (size * 2 <= n_slots)
		size *= 2;
	memset(pages, 0, ring_bytes(order));
	ring_back_init(&ring, pages, order);
	while (in->left && steps++ < MAX_STEPS) {
		switch (fuzz_u8(in) % N_STEPS) {
		case POKE_PROD:
			shared->req_prod = fuzz_u32(in);
			break;
		case POKE_NEAR:
			shared->req_prod = taken + (uint32_t)(int8_t)fuzz_u8(in);
			break;
		case POKE_EVENT:
			shared->rsp_event = fuzz_u32(in);
			break;
		case POKE_WORD:
			((uint32_t *)(void *)pages)[fuzz_u8(in) % 16] = fuzz_u32(in);
			break;
		case POKE_SLOT:
			slot = fuzz_u8(in) % size;
			fuzz_bytes(in, &shared->ring[slot], sizeof(shared->ring[slot]));
			break;
		case GET:
			want = shared->ring[taken % size].req;
			if (prod_seen == taken && shared->req_prod - taken <= size &&
			    shared->req_prod - put <= size)
				prod_seen = shared->req_prod;
			got = ring_back_get(&ring, &req);
			if (got == 1) {
				CHECK(prod_seen != taken);
				CHECK(!memcmp(&req, &want, sizeof(req)));
				taken++;
			} else if (got == 0) {
				CHECK_EQ(shared->req_prod, taken);
			} else {
				CHECK_EQ(got, -EPROTO);
				CHECK(shared->req_prod - taken > size ||
				      shared->req_prod - put > size);
			}
			CHECK(taken - put <= size);
			break;
		case PUT:
			if (put == taken)
				break;
			rsp.id = put;
			ring_back_put(&ring, &rsp);
			CHECK_EQ(shared->ring[put % size].rsp.id, put);
			put++;
			break;
		case PUSH:
			ring_back_push(&ring);
			CHECK_EQ(ring.rsp_prod_pushed, put);
			break;
		case SLEEP:
			CHECK_EQ(ring_back_sleep(&ring), shared->req_prod != taken);
			CHECK_EQ(shared->req_event, taken + 1);
			break;
		default:
			CHECK_EQ(ring_back_alive(&ring), pages[VGPUIF_LIVE_OFFSET] != 0);
		}
		CHECK_EQ(ring.r.req_cons, taken);
		CHECK_EQ(ring.r.rsp_prod_pvt, put);
	}
}

static void front(struct fuzz_in *in, unsigned int order)
{
	uint32_t pushed = 0, put = 0, taken = 0, steps = 0, size;
	vgpuif_sring_t *shared = (vgpuif_sring_t *)(void *)pages;
	struct vgpuif_request req = { 0 };
	struct vgpuif_response rsp, want;
	struct ring_front ring;
	int got;

	memset(pages, 0, ring_bytes(order));
	ring_front_init(&ring, pages, order);
	CHECK_EQ(pages[VGPUIF_LIVE_OFFSET], 1);
	size = ring_front_free(&ring);
	while (in->left && steps++ < MAX_STEPS) {
		switch (fuzz_u8(in) % N_STEPS) {
		case POKE_PROD:
			shared->rsp_prod = fuzz_u32(in);
			break;
		case POKE_NEAR:
			shared->rsp_prod = taken + (uint32_t)(int8_t)fuzz_u8(in);
			break;
		case POKE_EVENT:
			shared->req_event = fuzz_u32(in);
			break;
		case POKE_WORD:
			((uint32_t *)(void *)pages)[fuzz_u8(in) % 16] = fuzz_u32(in);
			break;
		case POKE_SLOT:
			fuzz_bytes(in, &shared->ring[fuzz_u8(in) % size], sizeof(shared->ring[0]));
			break;
		case GET:
			want = shared->ring[taken % size].rsp;
			got = ring_front_get(&ring, &rsp);
			if (got == 1) {
				CHECK(!memcmp(&rsp, &want, sizeof(rsp)));
				CHECK(shared->rsp_prod - taken <= pushed - taken);
				taken++;
			} else if (got == 0) {
				CHECK_EQ(shared->rsp_prod, taken);
			} else {
				CHECK_EQ(got, -EPROTO);
				CHECK(shared->rsp_prod - taken > pushed - taken);
			}
			break;
		case PUT:
			req.id = put;
			got = ring_front_put(&ring, &req);
			CHECK_EQ(got, put - taken == size ? -ENOSPC : 0);
			put += !got;
			break;
		case PUSH:
			ring_front_push(&ring);
			pushed = put;
			break;
		case SLEEP:
			CHECK_EQ(ring_front_sleep(&ring), shared->rsp_prod != taken);
			break;
		default:
			ring_front_set_alive(&ring, fuzz_u8(in) & 1);
		}
		CHECK_EQ(ring.r.req_prod_pvt, put);
		CHECK_EQ(ring.r.rsp_cons, taken);
		CHECK_EQ(ring_front_free(&ring), size - (put - taken));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	const uint8_t how = fuzz_u8(&in);

	if (how & 1)
		front(&in, (how >> 1) % (VGPUIF_MAX_RING_PAGE_ORDER + 1));
	else
		back(&in, (how >> 1) % (VGPUIF_MAX_RING_PAGE_ORDER + 1));
	return 0;
}
