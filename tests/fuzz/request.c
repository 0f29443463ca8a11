// SPDX-License-Identifier: GPL-2.0-only
/*
 * The request table: any 64 octets, under any limits. What passes is held against vgpuif.h once
 * more, in other words than request.c has.
 */
#include <xen/errno.h>

#include "fuzz.h"
#include "request.h"

#define IDS_UNSET	0xa5

/* Octets of the request that the operation names; the others are 0 when it passed. */
static size_t named_octets(const struct vgpuif_request *req)
{
	switch (req->operation) {
	case VGPUIF_OP_CAPSET_INFO:
	case VGPUIF_OP_BUFFER_UNREGISTER:
	case VGPUIF_OP_CONTEXT_DESTROY:
	case VGPUIF_OP_RESOURCE_DETACH:
	case VGPUIF_OP_RESOURCE_UNREF:
		return 4;
	case VGPUIF_OP_CONTEXT_ATTACH:
	case VGPUIF_OP_CONTEXT_DETACH:
		return 8;
	case VGPUIF_OP_BUFFER_REGISTER:
		return 12;
	case VGPUIF_OP_CAPSET_GET:
		return 24;
	case VGPUIF_OP_RESOURCE_CREATE:
		return 44;
	case VGPUIF_OP_CONTEXT_CREATE:
		return 48;
	case VGPUIF_OP_RESOURCE_ATTACH:
		return sizeof(req->u.resource_attach);
	case VGPUIF_OP_RESOURCE_CREATE_BLOB:
		return sizeof(req->u.resource_create_blob);
	case VGPUIF_OP_TRANSFER_TO_HOST:
	case VGPUIF_OP_TRANSFER_FROM_HOST:
		return sizeof(req->u.transfer);
	case VGPUIF_OP_SUBMIT:
		return sizeof(req->u.submit);
	default:
		harness_fail(__FILE__, __LINE__, "operation %u passed", req->operation);
	}
}

static void check_span(uint64_t offset, uint64_t bytes)
{
	CHECK(offset + bytes >= offset);
}

static void check_submit(const struct vgpuif_request *req)
{
	const struct vgpuif_submit *f = &req->u.submit;

	CHECK(!(req->flags & ~(VGPUIF_SUBMIT_FENCE | VGPUIF_SUBMIT_IN_ORDER)));
	CHECK(f->ring_idx < VGPUIF_MAX_CONTEXT_RINGS && f->bytes <= VGPUIF_MAX_SUBMIT_BYTES);
	CHECK(f->bytes % 4 == 0 && f->offset % 8 == 0);
	check_span(f->offset, f->bytes);
	if (!f->bytes)
		CHECK(!f->buffer_id && !f->offset && (req->flags & VGPUIF_SUBMIT_FENCE));
}

static void check_fields(const struct vgpuif_request *req, const struct request_limits *limits)
{
	const struct vgpuif_transfer *t = &req->u.transfer;

	switch (req->operation) {
	case VGPUIF_OP_CAPSET_GET:
		CHECK(req->u.capset_get.capset_id && req->u.capset_get.capset_id <= 63);
		CHECK(limits->capsets >> req->u.capset_get.capset_id & 1);
		CHECK(req->u.capset_get.bytes);
		check_span(req->u.capset_get.offset, req->u.capset_get.bytes);
		break;
	case VGPUIF_OP_BUFFER_REGISTER:
		CHECK(req->u.buffer_register.n_pages && req->u.buffer_register.gref_directory);
		CHECK(req->u.buffer_register.n_pages <= limits->max_buffer_pages);
		CHECK(req->u.buffer_register.n_pages <= VGPUIF_MAX_BUFFER_PAGES);
		CHECK(!(req->flags & ~VGPUIF_BUFFER_READ_ONLY));
		return;
	case VGPUIF_OP_CONTEXT_CREATE:
		CHECK(limits->capsets >> req->u.context_create.capset_id & 1);
		CHECK(req->u.context_create.priority <= VGPUIF_MAX_PRIORITY);
		CHECK(req->u.context_create.n_rings &&
		      req->u.context_create.n_rings <= VGPUIF_MAX_CONTEXT_RINGS);
		if (req->u.context_create.capset_id <= VGPUIF_CAPSET_VIRGL2)
			CHECK_EQ(req->u.context_create.n_rings, 1);
		break;
	case VGPUIF_OP_RESOURCE_CREATE_BLOB:
		CHECK_EQ(req->u.resource_create_blob.blob_mem, VGPUIF_BLOB_MEM_GUEST);
		CHECK(req->u.resource_create_blob.bytes && !req->u.resource_create_blob.reserved);
		check_span(req->u.resource_create_blob.offset, req->u.resource_create_blob.bytes);
		break;
	case VGPUIF_OP_RESOURCE_ATTACH:
		CHECK(req->u.resource_attach.bytes);
		check_span(req->u.resource_attach.offset, req->u.resource_attach.bytes);
		break;
	case VGPUIF_OP_TRANSFER_TO_HOST:
	case VGPUIF_OP_TRANSFER_FROM_HOST:
		CHECK(!t->reserved && t->width && t->height && t->depth);
		CHECK(((t->x | t->y | t->z | t->width | t->height | t->depth | t->level |
			t->stride | t->layer_stride) >> 31) == 0);
		break;
	case VGPUIF_OP_SUBMIT:
		check_submit(req);
		return;
	}
	CHECK_EQ(req->flags, 0);
}

static void check_passed(const struct vgpuif_request *req, const struct request_limits *limits,
			 const struct request_ids *ids)
{
	size_t i;

	CHECK_EQ(req->reserved, 0);
	for (i = named_octets(req); i < sizeof(req->u.octets); i++)
		CHECK_EQ(req->u.octets[i], 0);
	check_fields(req, limits);
	/* An id that something is looked up by, or made under, is never 0. */
	CHECK(!(ids->needs & (REQUEST_NEEDS_CONTEXT | REQUEST_NEW_CONTEXT)) == !ids->context_id);
	CHECK(!(ids->needs & (REQUEST_NEEDS_RESOURCE | REQUEST_NEW_RESOURCE)) == !ids->resource_id);
	CHECK(!(ids->needs & (REQUEST_NEEDS_BUFFER | REQUEST_NEW_BUFFER)) == !ids->buffer_id);
}

static void try(const struct vgpuif_request *before, const struct request_limits *limits)
{
	struct vgpuif_request req = *before;
	struct request_ids ids, unset;
	int status;

	memset(&unset, IDS_UNSET, sizeof(unset));
	ids = unset;
	status = request_check(&req, limits, &ids);
	CHECK(!memcmp(&req, before, sizeof(req)));
	CHECK(request_name(req.operation)[0] && request_strstatus(status)[0]);
	if (!status) {
		check_passed(&req, limits, &ids);
		return;
	}
	CHECK(status == -XEN_EOPNOTSUPP || status == -XEN_EINVAL || status == -XEN_ENOSPC ||
	      status == -XEN_ENOENT);
	CHECK(!memcmp(&ids, &unset, sizeof(ids)));
}

/* The inputs that are kept reach every branch; what is just beside each limit is tried here. */
static void try_neighbours(const struct vgpuif_request *req, const struct request_limits *limits)
{
	static const uint32_t edges[] = {
		0, 1, 2, 3, 15, 16, 63, 64, 65535, 65536, 65537, (1u << 20) - 4, 1u << 20,
		(1u << 20) + 4, INT32_MAX, INT32_MAX + 1u, UINT32_MAX,
	};
	struct vgpuif_request near;
	size_t at, i;

	for (at = 0; at < sizeof(req->u.octets); at += 4) {
		for (i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
			near = *req;
			memcpy(near.u.octets + at, &edges[i], sizeof(edges[i]));
			try(&near, limits);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request_limits limits = { VGPUIF_MAX_BUFFER_PAGES, 0x56 };
	struct fuzz_in in = { data, size };
	struct vgpuif_request req;

	fuzz_bytes(&in, &req, sizeof(req));
	if (!in.left) {
		try(&req, &limits);
		try_neighbours(&req, &limits);
		return 0;
	}
	limits.max_buffer_pages = fuzz_u32(&in);
	limits.capsets = fuzz_u64(&in);
	try(&req, &limits);
	return 0;
}
