// SPDX-License-Identifier: GPL-2.0-only
/*
 * The request table: for each operation its name, the octets it uses, the flags it knows, the ids
 * it needs, and the check of its own fields. See request.h.
 */
#include <stdbool.h>
#include <stddef.h>

#include <xen/errno.h>

#include "request.h"

struct request_op {
	const char *name;
	uint8_t bytes;			/* of u that the operation uses; the rest is reserved */
	uint16_t flags;			/* known bits */
	uint32_t needs;			/* REQUEST_ bits */
	int (*check)(const struct vgpuif_request *req, const struct request_limits *limits,
		     struct request_ids *ids);
};

/* offset + bytes must not wrap; whether it lies in the buffer is for who knows the buffer. */
static int check_span(uint64_t offset, uint64_t bytes)
{
	return bytes > UINT64_MAX - offset ? -XEN_EINVAL : 0;
}

static int check_capset(uint32_t id, const struct request_limits *limits)
{
	if (id == 0 || id > VGPUIF_MAX_CAPSET)
		return -XEN_EINVAL;
	return limits->capsets & (UINT64_C(1) << id) ? 0 : -XEN_ENOENT;
}

static int check_capset_get(const struct vgpuif_request *req, const struct request_limits *limits,
			    struct request_ids *ids)
{
	const struct vgpuif_capset_get *f = &req->u.capset_get;
	int err = check_capset(f->capset_id, limits);

	if (err)
		return err;
	if (f->bytes == 0)
		return -XEN_EINVAL;
	ids->buffer_id = f->buffer_id;
	return check_span(f->offset, f->bytes);
}

static int check_buffer_register(const struct vgpuif_request *req,
				 const struct request_limits *limits, struct request_ids *ids)
{
	const struct vgpuif_buffer_register *f = &req->u.buffer_register;

	if (f->n_pages == 0 || f->n_pages > VGPUIF_MAX_BUFFER_PAGES || f->gref_directory == 0)
		return -XEN_EINVAL;
	if (f->n_pages > limits->max_buffer_pages)
		return -XEN_ENOSPC;
	ids->buffer_id = f->buffer_id;
	return 0;
}

static int check_buffer_unregister(const struct vgpuif_request *req,
				   const struct request_limits *limits, struct request_ids *ids)
{
	(void)limits;
	ids->buffer_id = req->u.buffer_unregister.buffer_id;
	return 0;
}

static int check_context_create(const struct vgpuif_request *req,
				const struct request_limits *limits, struct request_ids *ids)
{
	const struct vgpuif_context_create *f = &req->u.context_create;
	bool virgl = f->capset_id == VGPUIF_CAPSET_VIRGL || f->capset_id == VGPUIF_CAPSET_VIRGL2;
	int err = check_capset(f->capset_id, limits);

	if (err)
		return err;
	if (f->priority > VGPUIF_MAX_PRIORITY)
		return -XEN_EINVAL;
	if (f->n_rings == 0 || f->n_rings > (virgl ? 1 : VGPUIF_MAX_CONTEXT_RINGS))
		return -XEN_EINVAL;
	ids->context_id = f->context_id;
	return 0;
}

static int check_context_destroy(const struct vgpuif_request *req,
				 const struct request_limits *limits, struct request_ids *ids)
{
	(void)limits;
	ids->context_id = req->u.context_destroy.context_id;
	return 0;
}

static int check_resource_create(const struct vgpuif_request *req,
				 const struct request_limits *limits, struct request_ids *ids)
{
	/* What a target, format or size means is the renderer's to judge. */
	(void)limits;
	ids->resource_id = req->u.resource_create.resource_id;
	return 0;
}

static int check_resource_create_blob(const struct vgpuif_request *req,
				      const struct request_limits *limits, struct request_ids *ids)
{
	const struct vgpuif_resource_create_blob *f = &req->u.resource_create_blob;

	(void)limits;
	if (f->reserved || f->bytes == 0)
		return -XEN_EINVAL;
	if (f->blob_flags & ~(VGPUIF_BLOB_FLAG_MAPPABLE | VGPUIF_BLOB_FLAG_SHAREABLE |
			      VGPUIF_BLOB_FLAG_CROSS_DEVICE))
		return -XEN_EINVAL;
	switch (f->blob_mem) {
	case VGPUIF_BLOB_MEM_GUEST:
		break;
	case VGPUIF_BLOB_MEM_HOST3D:
	case VGPUIF_BLOB_MEM_HOST3D_GUEST:
		return -XEN_EOPNOTSUPP;
	default:
		return -XEN_EINVAL;
	}
	ids->resource_id = f->resource_id;
	ids->buffer_id = f->buffer_id;
	if (f->context_id) {
		ids->context_id = f->context_id;
		ids->needs |= REQUEST_NEEDS_CONTEXT;
	}
	return check_span(f->offset, f->bytes);
}

static int check_resource_attach(const struct vgpuif_request *req,
				 const struct request_limits *limits, struct request_ids *ids)
{
	const struct vgpuif_resource_attach *f = &req->u.resource_attach;

	(void)limits;
	if (f->bytes == 0)
		return -XEN_EINVAL;
	ids->resource_id = f->resource_id;
	ids->buffer_id = f->buffer_id;
	return check_span(f->offset, f->bytes);
}

/* RESOURCE_DETACH and RESOURCE_UNREF name a resource and nothing else, in the same place. */
static int check_resource_only(const struct vgpuif_request *req,
			       const struct request_limits *limits, struct request_ids *ids)
{
	(void)limits;
	ids->resource_id = req->u.resource_unref.resource_id;
	return 0;
}

static int check_context_resource(const struct vgpuif_request *req,
				  const struct request_limits *limits, struct request_ids *ids)
{
	(void)limits;
	ids->context_id = req->u.context_resource.context_id;
	ids->resource_id = req->u.context_resource.resource_id;
	return 0;
}

static bool in_int(uint32_t at, uint32_t extent)
{
	return at <= INT32_MAX && extent <= INT32_MAX - at;
}

bool request_box_ok(const struct request_box *b)
{
	/* Signed in the renderer (struct virgl_box is, in places, read as int), and its end is, too. */
	if (!in_int(b->x, b->width) || !in_int(b->y, b->height) || !in_int(b->z, b->depth) ||
	    b->stride > INT32_MAX || b->layer_stride > INT32_MAX)
		return false;
	/* It counts the octets of a box in 64 bits, and compares 32 of them with what there is. */
	return (b->height ? b->height - 1 : 0) * (uint64_t)b->stride +
		       (b->depth ? b->depth - 1 : 0) * (uint64_t)b->layer_stride <= UINT32_MAX;
}

static int check_transfer(const struct vgpuif_request *req, const struct request_limits *limits,
			  struct request_ids *ids)
{
	const struct vgpuif_transfer *f = &req->u.transfer;
	const struct request_box box = { f->stride, f->layer_stride, f->x, f->y, f->z, f->width,
					 f->height, f->depth };

	(void)limits;
	if (f->reserved)
		return -XEN_EINVAL;
	if (f->level > INT32_MAX || !request_box_ok(&box))
		return -XEN_EINVAL;
	if (f->width == 0 || f->height == 0 || f->depth == 0)
		return -XEN_EINVAL;
	ids->context_id = f->context_id;
	ids->resource_id = f->resource_id;
	return 0;
}

static int check_submit(const struct vgpuif_request *req, const struct request_limits *limits,
			struct request_ids *ids)
{
	const struct vgpuif_submit *f = &req->u.submit;

	(void)limits;
	if (f->ring_idx >= VGPUIF_MAX_CONTEXT_RINGS || f->bytes > VGPUIF_MAX_SUBMIT_BYTES ||
	    f->bytes % 4 || f->offset % 8)
		return -XEN_EINVAL;
	ids->context_id = f->context_id;
	if (f->bytes == 0) {
		ids->needs &= ~REQUEST_NEEDS_BUFFER;
		if (f->buffer_id || f->offset || !(req->flags & VGPUIF_SUBMIT_FENCE))
			return -XEN_EINVAL;
		return 0;
	}
	ids->buffer_id = f->buffer_id;
	return check_span(f->offset, f->bytes);
}

#define OP(op, member, flag_bits, need_bits, fn)						\
	[VGPUIF_OP_##op] = {									\
		.name = #op,									\
		.bytes = sizeof(((struct vgpuif_request *)0)->u.member),			\
		.flags = (flag_bits),								\
		.needs = (need_bits),								\
		.check = (fn),									\
	}

static const struct request_op ops[256] = {
	OP(CAPSET_INFO, capset_info, 0, 0, NULL),
	OP(CAPSET_GET, capset_get, 0, REQUEST_NEEDS_BUFFER, check_capset_get),
	OP(BUFFER_REGISTER, buffer_register, VGPUIF_BUFFER_READ_ONLY, REQUEST_NEW_BUFFER,
	   check_buffer_register),
	OP(BUFFER_UNREGISTER, buffer_unregister, 0, REQUEST_NEEDS_BUFFER, check_buffer_unregister),
	OP(CONTEXT_CREATE, context_create, 0, REQUEST_NEW_CONTEXT, check_context_create),
	OP(CONTEXT_DESTROY, context_destroy, 0, REQUEST_NEEDS_CONTEXT, check_context_destroy),
	OP(RESOURCE_CREATE, resource_create, 0, REQUEST_NEW_RESOURCE, check_resource_create),
	OP(RESOURCE_CREATE_BLOB, resource_create_blob, 0,
	   REQUEST_NEW_RESOURCE | REQUEST_NEEDS_BUFFER, check_resource_create_blob),
	OP(RESOURCE_ATTACH, resource_attach, 0, REQUEST_NEEDS_RESOURCE | REQUEST_NEEDS_BUFFER,
	   check_resource_attach),
	OP(RESOURCE_DETACH, resource_detach, 0, REQUEST_NEEDS_RESOURCE, check_resource_only),
	OP(RESOURCE_UNREF, resource_unref, 0, REQUEST_NEEDS_RESOURCE, check_resource_only),
	OP(CONTEXT_ATTACH, context_resource, 0, REQUEST_NEEDS_CONTEXT | REQUEST_NEEDS_RESOURCE,
	   check_context_resource),
	OP(CONTEXT_DETACH, context_resource, 0, REQUEST_NEEDS_CONTEXT | REQUEST_NEEDS_RESOURCE,
	   check_context_resource),
	OP(TRANSFER_TO_HOST, transfer, 0, REQUEST_NEEDS_CONTEXT | REQUEST_NEEDS_RESOURCE,
	   check_transfer),
	OP(TRANSFER_FROM_HOST, transfer, 0, REQUEST_NEEDS_CONTEXT | REQUEST_NEEDS_RESOURCE,
	   check_transfer),
	OP(SUBMIT, submit, VGPUIF_SUBMIT_FENCE | VGPUIF_SUBMIT_IN_ORDER,
	   REQUEST_NEEDS_CONTEXT | REQUEST_NEEDS_BUFFER, check_submit),
};

static bool all_zero(const uint8_t *octets, size_t bytes)
{
	uint8_t any = 0;
	size_t i;

	for (i = 0; i < bytes; i++)
		any |= octets[i];
	return any == 0;
}

int request_check(const struct vgpuif_request *untrusted_req, const struct request_limits *limits,
		  struct request_ids *ids)
{
	const struct request_op *op = &ops[untrusted_req->operation];
	struct request_ids found = { .needs = op->needs };
	int err;

	if (!op->name)
		return -XEN_EOPNOTSUPP;
	if (untrusted_req->reserved || (untrusted_req->flags & ~op->flags))
		return -XEN_EINVAL;
	if (!all_zero(untrusted_req->u.octets + op->bytes,
		      sizeof(untrusted_req->u.octets) - op->bytes))
		return -XEN_EINVAL;
	if (op->check) {
		err = op->check(untrusted_req, limits, &found);
		if (err)
			return err;
	}
	/* Id 0 is nobody's. */
	if ((found.needs & (REQUEST_NEEDS_CONTEXT | REQUEST_NEW_CONTEXT) && !found.context_id) ||
	    (found.needs & (REQUEST_NEEDS_RESOURCE | REQUEST_NEW_RESOURCE) && !found.resource_id) ||
	    (found.needs & (REQUEST_NEEDS_BUFFER | REQUEST_NEW_BUFFER) && !found.buffer_id))
		return -XEN_EINVAL;
	*ids = found;
	return 0;
}

const char *request_name(uint8_t operation)
{
	return ops[operation].name ? ops[operation].name : "unknown";
}

const char *request_strstatus(int32_t status)
{
	switch (-status) {
	case 0:
		return "ok";
	case XEN_EINVAL:
		return "EINVAL: a field out of range, a reserved octet or an unknown flag";
	case XEN_EOPNOTSUPP:
		return "EOPNOTSUPP: operation unknown or not built";
	case XEN_ENOENT:
		return "ENOENT: no such context, resource, buffer or capset";
	case XEN_EEXIST:
		return "EEXIST: the id is in use";
	case XEN_EBUSY:
		return "EBUSY: the buffer is in use";
	case XEN_ENOSPC:
		return "ENOSPC: over a limit the backend sets";
	case XEN_EFAULT:
		return "EFAULT: a grant reference did not map";
	case XEN_ENOMEM:
		return "ENOMEM: out of memory, or of what the backend allows";
	case XEN_EIO:
		return "EIO: the renderer refused, or the context is lost";
	case XEN_ENODEV:
		return "ENODEV: the context was destroyed meanwhile";
	default:
		return "an error code that the protocol does not name";
	}
}
