// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests at random, most of them nearly right, in batches of any length. Whatever comes, each is
 * answered once, with a status that the protocol names, and the worker goes on. The seed is fixed;
 * XENGPU_FUZZ_SEED and XENGPU_FUZZ_BATCHES explore. Commands are not made up here: what becomes of
 * those is the renderer's affair.
 */
#include "worker_virgl.h"

static uint64_t state;

/* xorshift64*. Source: Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
static uint32_t rnd(uint32_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * 2685821657736338717ull) >> 32) % below;
}

/* Mostly small and right, sometimes an edge. */
static uint32_t number(uint32_t small)
{
	static const uint32_t edges[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 4096, 65536 };

	return rnd(12) ? rnd(small) : edges[rnd(sizeof(edges) / sizeof(edges[0]))];
}

static uint32_t id(void)
{
	return number(5);
}

static void fill_resource(struct vgpuif_resource_create *f)
{
	f->resource_id = id();
	f->target = rnd(10) ? PIPE_TEXTURE_2D : number(10);
	f->format = rnd(10) ? VIRGL_FORMAT_R8G8B8A8_UNORM : number(320);
	f->bind = rnd(10) ? VIRGL_BIND_RENDER_TARGET | VIRGL_BIND_SAMPLER_VIEW : number(1u << 20);
	/* Small, or what no texture can have: the worker does not limit memory. */
	f->width = rnd(20) || !f->target ? rnd(64) : UINT32_MAX - rnd(2);
	f->height = rnd(20) ? rnd(64) : UINT32_MAX - rnd(2);
	f->depth = rnd(10) ? 1 : rnd(4);
	f->array_size = rnd(10) ? 1 : rnd(4);
	f->last_level = rnd(10) ? 0 : number(8);
	f->nr_samples = rnd(10) ? 0 : number(8);
	f->resource_flags = rnd(10) ? 0 : number(4);
}

static void fill_transfer(struct vgpuif_transfer *f)
{
	f->context_id = id();
	f->resource_id = id();
	f->offset = rnd(4) ? 0 : (uint64_t)number(9000) << (rnd(8) ? 0 : 32);
	f->width = number(64);
	f->height = number(64);
	f->depth = rnd(10) ? 1 : number(4);
	f->x = rnd(3) ? 0 : number(8);
	f->y = rnd(3) ? 0 : number(8);
	f->level = rnd(10) ? 0 : number(8);
	f->stride = rnd(3) ? 0 : number(512);
	f->layer_stride = rnd(5) ? 0 : number(4096);
}

/* The fields that mean something to the operation. */
static void fill(struct rig *rig, struct vgpuif_request *req)
{
	switch (req->operation) {
	case VGPUIF_OP_CAPSET_INFO:
		req->u.capset_info.capset_index = number(3);
		break;
	case VGPUIF_OP_CAPSET_GET:
		req->u.capset_get = (struct vgpuif_capset_get){
			.capset_id = number(4), .capset_version = number(3), .buffer_id = id(),
			.bytes = number(9000), .offset = number(9000) };
		break;
	case VGPUIF_OP_BUFFER_REGISTER:
		req->flags = (uint16_t)rnd(2);
		req->u.buffer_register = (struct vgpuif_buffer_register){
			.buffer_id = id(), .n_pages = number(8) };
		req->u.buffer_register.gref_directory =
			rnd(8) ? rig_directory(rig, 64 + 8 * rnd(32), 8) : number(RIG_PAGES);
		break;
	case VGPUIF_OP_CONTEXT_CREATE:
		req->u.context_create = (struct vgpuif_context_create){
			.context_id = id(), .capset_id = rnd(8) ? 2 : number(8),
			.priority = number(16), .n_rings = rnd(8) ? 1 : number(3) };
		break;
	case VGPUIF_OP_RESOURCE_CREATE:
		fill_resource(&req->u.resource_create);
		break;
	case VGPUIF_OP_RESOURCE_CREATE_BLOB:
		req->u.resource_create_blob = (struct vgpuif_resource_create_blob){
			.context_id = id(), .resource_id = id(), .blob_mem = rnd(6) ? 1 : number(5),
			.blob_flags = number(8), .bytes = number(9000), .buffer_id = id(),
			.offset = number(9000) };
		break;
	case VGPUIF_OP_RESOURCE_ATTACH:
		req->u.resource_attach = (struct vgpuif_resource_attach){
			.resource_id = id(), .buffer_id = id(), .offset = number(9000),
			.bytes = number(20000) };
		break;
	case VGPUIF_OP_CONTEXT_ATTACH:
	case VGPUIF_OP_CONTEXT_DETACH:
		req->u.context_resource = (struct vgpuif_context_resource){ id(), id() };
		break;
	case VGPUIF_OP_TRANSFER_TO_HOST:
	case VGPUIF_OP_TRANSFER_FROM_HOST:
		fill_transfer(&req->u.transfer);
		break;
	case VGPUIF_OP_SUBMIT:
		*req = rig_req_submit(id(), id(), rnd(4) ? 0 : number(9000),
				      rnd(4) ? 4 * rnd(9) : number(40000), (uint16_t)rnd(4));
		if (rnd(4) == 0)
			*req = rig_req_submit(id(), 0, 0, 0, VGPUIF_SUBMIT_FENCE);
		break;
	default:
		/* One id, or an operation that there is not. */
		req->u.octets[0] = (uint8_t)id();
	}
}

static struct vgpuif_request make(struct rig *rig)
{
	struct vgpuif_request req = { 0 };

	req.operation = (uint8_t)(rnd(30) ? VGPUIF_OP_CAPSET_INFO + rnd(16) : rnd(256));
	fill(rig, &req);
	/* Now and then one bit of any of it; not of a size, see above. */
	if (rnd(20) == 0 && req.operation != VGPUIF_OP_RESOURCE_CREATE)
		((uint8_t *)&req)[4 + rnd(60)] ^= (uint8_t)(1u << rnd(8));
	return req;
}

static bool known_status(int status)
{
	static const int known[] = { 0, XEN_EINVAL, XEN_EOPNOTSUPP, XEN_ENOENT, XEN_EEXIST,
				     XEN_EBUSY, XEN_ENOSPC, XEN_EFAULT, XEN_ENOMEM, XEN_EIO,
				     XEN_ENODEV };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (status == -known[i])
			return true;
	return false;
}

static void batch(struct rig *rig)
{
	struct vgpuif_request sent[32];
	bool answered[32] = { false };
	uint32_t first = rig->next_id + 1, n = 1 + rnd(32), i;
	struct vgpuif_response rsp;

	for (i = 0; i < n; i++) {
		sent[i] = make(rig);
		rig_put(rig, &sent[i]);
	}
	rig_push(rig);
	for (i = 0; i < n; i++) {
		if (!rig_get(rig, &rsp, RIG_TIMEOUT_MS))
			harness_fail(__FILE__, __LINE__, "request %u of %u is not answered", i, n);
		CHECK(rsp.id - first < n);
		CHECK(!answered[rsp.id - first]);
		answered[rsp.id - first] = true;
		CHECK_EQ(rsp.operation, sent[rsp.id - first].operation);
		CHECK(known_status(rsp.status));
		CHECK_EQ(rsp.reserved1, 0);
	}
}

TEST(worker_fuzz, requests)
{
	const char *seed = getenv("XENGPU_FUZZ_SEED");
	const char *batches = getenv("XENGPU_FUZZ_BATCHES");
	struct rig *rig = malloc(sizeof(*rig));
	long i, n = batches ? atol(batches) : 300;

	harness_timeout_s(batches ? 3600 : 60);
	state = seed ? strtoull(seed, NULL, 0) : 20260101;
	rig_start(rig);
	for (i = 0; i < n; i++)
		batch(rig);
	CHECK_EQ(rig->stats->requests, rig->stats->responses);
	CHECK(rig->stats->errors < rig->stats->requests);
	rig_stop(rig);
	free(rig);
}
