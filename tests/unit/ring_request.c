// SPDX-License-Identifier: GPL-2.0-only
/*
 * The request table: a good request of every kind passes; then every reserved octet, every unknown
 * flag bit and every field at its extremes is tried.
 */
#include <string.h>

#include <xen/errno.h>

#include "harness.h"
#include "request.h"

static const struct request_limits limits = {
	.max_buffer_pages = 100,
	.capsets = 1u << VGPUIF_CAPSET_VIRGL | 1u << VGPUIF_CAPSET_VIRGL2 | 1u << VGPUIF_CAPSET_VENUS,
};

struct good {
	struct vgpuif_request req;
	uint8_t bytes;		/* of u that are in use */
	uint16_t flags;		/* bits that may be set, with all else as it is */
};

#define GOOD(op, member, bytes_, flags_, ...)							\
	{ { .id = 1, .operation = VGPUIF_OP_##op, .u.member = { __VA_ARGS__ } }, bytes_, flags_ }

static const struct good goods[] = {
	GOOD(CAPSET_INFO, capset_info, 4, 0, .capset_index = 0),
	GOOD(CAPSET_GET, capset_get, 24, 0, .capset_id = 2, .buffer_id = 1, .bytes = 8, .offset = 8),
	GOOD(BUFFER_REGISTER, buffer_register, 12, VGPUIF_BUFFER_READ_ONLY, .buffer_id = 1,
	     .n_pages = 100, .gref_directory = 9),
	GOOD(BUFFER_UNREGISTER, buffer_unregister, 4, 0, .buffer_id = 1),
	GOOD(CONTEXT_CREATE, context_create, 48, 0, .context_id = 1, .capset_id = 2,
	     .priority = 15, .n_rings = 1, .name = "x"),
	GOOD(CONTEXT_DESTROY, context_destroy, 4, 0, .context_id = 1),
	GOOD(RESOURCE_CREATE, resource_create, 44, 0, .resource_id = 1),
	GOOD(RESOURCE_CREATE_BLOB, resource_create_blob, 48, 0, .resource_id = 1, .blob_mem = 1,
	     .blob_flags = 7, .bytes = 4096, .buffer_id = 1),
	GOOD(RESOURCE_ATTACH, resource_attach, 24, 0, .resource_id = 1, .buffer_id = 1, .bytes = 1),
	GOOD(RESOURCE_DETACH, resource_detach, 4, 0, .resource_id = 1),
	GOOD(RESOURCE_UNREF, resource_unref, 4, 0, .resource_id = 1),
	GOOD(CONTEXT_ATTACH, context_resource, 8, 0, .context_id = 1, .resource_id = 1),
	GOOD(CONTEXT_DETACH, context_resource, 8, 0, .context_id = 1, .resource_id = 1),
	GOOD(TRANSFER_TO_HOST, transfer, 52, 0, .context_id = 1, .resource_id = 1, .width = 1,
	     .height = 1, .depth = 1),
	GOOD(TRANSFER_FROM_HOST, transfer, 52, 0, .context_id = 1, .resource_id = 1, .width = 1,
	     .height = 1, .depth = 1),
	GOOD(SUBMIT, submit, 24, 3, .context_id = 1, .buffer_id = 1, .bytes = 4, .offset = 8),
};

#define N_GOODS	(sizeof(goods) / sizeof(goods[0]))

static int check(const struct vgpuif_request *req)
{
	struct request_ids ids;

	return request_check(req, &limits, &ids);
}

TEST(request, good_ones_pass)
{
	size_t i;

	for (i = 0; i < N_GOODS; i++)
		CHECK_EQ(check(&goods[i].req), 0);
}

TEST(request, reserved_octets)
{
	size_t i, at;

	for (i = 0; i < N_GOODS; i++) {
		struct vgpuif_request req = goods[i].req;

		req.reserved = 1;
		CHECK_EQ(check(&req), -XEN_EINVAL);
		for (at = goods[i].bytes; at < sizeof(req.u.octets); at++) {
			req = goods[i].req;
			req.u.octets[at] = 0x80;
			if (check(&req) != -XEN_EINVAL)
				harness_fail(__FILE__, __LINE__, "%s: octet %zu is not checked",
					     request_name(req.operation), at + 8);
		}
	}
}

TEST(request, flags)
{
	size_t i, bit;

	for (i = 0; i < N_GOODS; i++)
		for (bit = 0; bit < 16; bit++) {
			struct vgpuif_request req = goods[i].req;

			req.flags = (uint16_t)(1u << bit);
			CHECK_EQ(check(&req), req.flags & goods[i].flags ? 0 : -XEN_EINVAL);
		}
}

TEST(request, unknown_operations)
{
	unsigned int op;
	size_t i;

	for (op = 0; op < 256; op++) {
		struct vgpuif_request req = { .operation = (uint8_t)op };

		for (i = 0; i < N_GOODS; i++)
			if (goods[i].req.operation == op)
				break;
		if (i == N_GOODS)
			CHECK_EQ(check(&req), -XEN_EOPNOTSUPP);
	}
	CHECK(!strcmp(request_name(VGPUIF_OP_SUBMIT), "SUBMIT"));
	CHECK(!strcmp(request_name(VGPUIF_OP_PRESENT), "unknown"));
}

/* One field of a good request set to a value, and what must come of it. */
#define TRY(op_index, member, value, want)							\
	do {											\
		struct vgpuif_request req_ = goods[op_index].req;				\
												\
		CHECK_EQ(req_.operation, goods[op_index].req.operation);			\
		req_.u.member = (value);							\
		CHECK_EQ(check(&req_), want);							\
	} while (0)

TEST(request, ids_of_zero)
{
	TRY(1, capset_get.buffer_id, 0, -XEN_EINVAL);
	TRY(2, buffer_register.buffer_id, 0, -XEN_EINVAL);
	TRY(3, buffer_unregister.buffer_id, 0, -XEN_EINVAL);
	TRY(4, context_create.context_id, 0, -XEN_EINVAL);
	TRY(5, context_destroy.context_id, 0, -XEN_EINVAL);
	TRY(6, resource_create.resource_id, 0, -XEN_EINVAL);
	TRY(7, resource_create_blob.resource_id, 0, -XEN_EINVAL);
	TRY(7, resource_create_blob.buffer_id, 0, -XEN_EINVAL);
	TRY(7, resource_create_blob.context_id, 5, 0);
	TRY(8, resource_attach.resource_id, 0, -XEN_EINVAL);
	TRY(8, resource_attach.buffer_id, 0, -XEN_EINVAL);
	TRY(9, resource_detach.resource_id, 0, -XEN_EINVAL);
	TRY(10, resource_unref.resource_id, 0, -XEN_EINVAL);
	TRY(11, context_resource.context_id, 0, -XEN_EINVAL);
	TRY(12, context_resource.resource_id, 0, -XEN_EINVAL);
	TRY(13, transfer.context_id, 0, -XEN_EINVAL);
	TRY(14, transfer.resource_id, 0, -XEN_EINVAL);
	TRY(15, submit.context_id, 0, -XEN_EINVAL);
	TRY(15, submit.buffer_id, 0, -XEN_EINVAL);
}

TEST(request, ranges)
{
	TRY(1, capset_get.capset_id, 0, -XEN_EINVAL);
	TRY(1, capset_get.capset_id, 64, -XEN_EINVAL);
	TRY(1, capset_get.capset_id, 6, -XEN_ENOENT);
	TRY(1, capset_get.bytes, 0, -XEN_EINVAL);
	TRY(1, capset_get.offset, UINT64_MAX - 7, -XEN_EINVAL);
	TRY(1, capset_get.offset, UINT64_MAX - 8, 0);
	TRY(2, buffer_register.n_pages, 0, -XEN_EINVAL);
	TRY(2, buffer_register.n_pages, 101, -XEN_ENOSPC);
	TRY(2, buffer_register.n_pages, VGPUIF_MAX_BUFFER_PAGES + 1, -XEN_EINVAL);
	TRY(2, buffer_register.n_pages, UINT32_MAX, -XEN_EINVAL);
	TRY(2, buffer_register.gref_directory, 0, -XEN_EINVAL);
	TRY(4, context_create.capset_id, 3, -XEN_ENOENT);
	TRY(4, context_create.priority, 16, -XEN_EINVAL);
	TRY(4, context_create.n_rings, 0, -XEN_EINVAL);
	TRY(4, context_create.n_rings, 2, -XEN_EINVAL);		/* virgl has one timeline */
	TRY(7, resource_create_blob.blob_mem, 0, -XEN_EINVAL);
	TRY(7, resource_create_blob.blob_mem, 2, -XEN_EOPNOTSUPP);
	TRY(7, resource_create_blob.blob_mem, 4, -XEN_EINVAL);
	TRY(7, resource_create_blob.blob_flags, 8, -XEN_EINVAL);
	TRY(7, resource_create_blob.bytes, 0, -XEN_EINVAL);
	TRY(7, resource_create_blob.bytes, UINT64_MAX, 0);	/* offset 0: wraps nowhere */
	TRY(7, resource_create_blob.reserved, 1, -XEN_EINVAL);
	TRY(8, resource_attach.bytes, 0, -XEN_EINVAL);
	TRY(8, resource_attach.offset, UINT64_MAX, -XEN_EINVAL);
	TRY(13, transfer.width, 0, -XEN_EINVAL);
	TRY(13, transfer.height, 0, -XEN_EINVAL);
	TRY(13, transfer.depth, 0, -XEN_EINVAL);
	TRY(13, transfer.x, 0x80000000u, -XEN_EINVAL);
	TRY(13, transfer.width, UINT32_MAX, -XEN_EINVAL);
	TRY(13, transfer.stride, 0x80000000u, -XEN_EINVAL);
	TRY(13, transfer.level, 0x80000000u, -XEN_EINVAL);
	TRY(13, transfer.layer_stride, 0x80000000u, -XEN_EINVAL);
	TRY(15, submit.ring_idx, VGPUIF_MAX_CONTEXT_RINGS, -XEN_EINVAL);
	TRY(15, submit.bytes, 6, -XEN_EINVAL);
	TRY(15, submit.bytes, VGPUIF_MAX_SUBMIT_BYTES, 0);
	TRY(15, submit.bytes, VGPUIF_MAX_SUBMIT_BYTES + 4, -XEN_EINVAL);
	TRY(15, submit.offset, 4, -XEN_EINVAL);
	TRY(15, submit.offset, UINT64_MAX & ~UINT64_C(7), 0);
	TRY(15, submit.bytes, 0, -XEN_EINVAL);			/* an empty one must be a fence */
}

/* The renderer compares 32 bits of how far a box reaches with what there is. */
TEST(request, boxes_reach_less_than_32_bits)
{
	struct request_box box = { .stride = 1 << 20, .width = 1, .height = 4096, .depth = 1 };

	CHECK(request_box_ok(&box));
	box.height++;
	CHECK(!request_box_ok(&box));
	box = (struct request_box){ .layer_stride = 1 << 30, .width = 1, .height = 1, .depth = 4 };
	CHECK(request_box_ok(&box));
	box.stride = INT32_MAX;
	box.height = 2;
	CHECK(!request_box_ok(&box));
	box.height = 1;
	box.depth = 5;
	CHECK(!request_box_ok(&box));
	box = (struct request_box){ .y = INT32_MAX, .width = 1, .height = 0, .depth = 1 };
	CHECK(request_box_ok(&box));
	box.height = 1;
	CHECK(!request_box_ok(&box));
	box = (struct request_box){ 0 };
	CHECK(request_box_ok(&box));
	TRY(13, transfer.layer_stride, INT32_MAX, 0);
}

TEST(request, empty_submit_is_a_fence)
{
	struct vgpuif_request req = {
		.operation = VGPUIF_OP_SUBMIT,
		.flags = VGPUIF_SUBMIT_FENCE,
		.u.submit = { .context_id = 3 },
	};
	struct request_ids ids;

	CHECK_EQ(request_check(&req, &limits, &ids), 0);
	CHECK_EQ(ids.context_id, 3);
	CHECK_EQ(ids.buffer_id, 0);
	CHECK_EQ(ids.needs, REQUEST_NEEDS_CONTEXT);
	req.u.submit.buffer_id = 1;
	CHECK_EQ(check(&req), -XEN_EINVAL);
}

TEST(request, directory_pages)
{
	CHECK_EQ(request_directory_pages(1), 1);
	CHECK_EQ(request_directory_pages(1023), 1);
	CHECK_EQ(request_directory_pages(1024), 2);
	CHECK_EQ(request_directory_pages(65536), 65);
}
