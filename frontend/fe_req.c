// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests other than a buffer's: packing them. Reserved octets are 0 because all starts as 0.
 */
#include <string.h>

#include "fe_priv.h"

int fe_capset_info(struct fe_session *s, uint32_t index, fe_done_fn done, void *arg)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_CAPSET_INFO };

	req.u.capset_info.capset_index = index;
	return fe_post(s, &req, done, arg, NULL);
}

int fe_capset_get(struct fe_session *s, const struct vgpuif_capset_get *get, fe_done_fn done,
		  void *arg)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_CAPSET_GET };

	req.u.capset_get = *get;
	return fe_post(s, &req, done, arg, NULL);
}

int fe_context_create(struct fe_session *s, uint32_t context_id, uint32_t capset_id,
		      uint32_t n_rings, const char *name, fe_done_fn done, void *arg)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_CONTEXT_CREATE };

	req.u.context_create.context_id = context_id;
	req.u.context_create.capset_id = capset_id;
	req.u.context_create.n_rings = n_rings;
	memcpy(req.u.context_create.name, name, strnlen(name, VGPUIF_MAX_CONTEXT_NAME));
	return fe_post(s, &req, done, arg, NULL);
}

int fe_context_destroy(struct fe_session *s, uint32_t context_id, fe_done_fn done, void *arg)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_CONTEXT_DESTROY };

	req.u.context_destroy.context_id = context_id;
	return fe_post(s, &req, done, arg, NULL);
}

int fe_resource_create(struct fe_session *s, const struct vgpuif_resource_create *create,
		       fe_done_fn done, void *arg)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_RESOURCE_CREATE };

	req.u.resource_create = *create;
	return fe_post(s, &req, done, arg, NULL);
}

int fe_resource_create_blob(struct fe_session *s, const struct vgpuif_resource_create_blob *create,
			    fe_done_fn done, void *arg)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_RESOURCE_CREATE_BLOB };

	req.u.resource_create_blob = *create;
	return fe_post(s, &req, done, arg, NULL);
}

int fe_resource_attach(struct fe_session *s, uint32_t resource_id, const struct fe_buffer *buf,
		       uint64_t offset, uint64_t bytes, fe_done_fn done, void *arg)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_RESOURCE_ATTACH };

	req.u.resource_attach.resource_id = resource_id;
	req.u.resource_attach.buffer_id = fe_buffer_id(buf);
	req.u.resource_attach.offset = offset;
	req.u.resource_attach.bytes = bytes;
	return fe_post(s, &req, done, arg, NULL);
}

int fe_resource_detach(struct fe_session *s, uint32_t resource_id, fe_done_fn done, void *arg)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_RESOURCE_DETACH };

	req.u.resource_detach.resource_id = resource_id;
	return fe_post(s, &req, done, arg, NULL);
}

int fe_resource_unref(struct fe_session *s, uint32_t resource_id, fe_done_fn done, void *arg)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_RESOURCE_UNREF };

	req.u.resource_unref.resource_id = resource_id;
	return fe_post(s, &req, done, arg, NULL);
}

static int context_resource(struct fe_session *s, uint8_t operation, uint32_t context_id,
			    uint32_t resource_id, fe_done_fn done, void *arg)
{
	struct vgpuif_request req = { .operation = operation };

	req.u.context_resource.context_id = context_id;
	req.u.context_resource.resource_id = resource_id;
	return fe_post(s, &req, done, arg, NULL);
}

int fe_context_attach(struct fe_session *s, uint32_t context_id, uint32_t resource_id,
		      fe_done_fn done, void *arg)
{
	return context_resource(s, VGPUIF_OP_CONTEXT_ATTACH, context_id, resource_id, done, arg);
}

int fe_context_detach(struct fe_session *s, uint32_t context_id, uint32_t resource_id,
		      fe_done_fn done, void *arg)
{
	return context_resource(s, VGPUIF_OP_CONTEXT_DETACH, context_id, resource_id, done, arg);
}

int fe_transfer(struct fe_session *s, bool to_host, const struct vgpuif_transfer *transfer,
		fe_done_fn done, void *arg, uint64_t *ticket)
{
	struct vgpuif_request req = {
		.operation = to_host ? VGPUIF_OP_TRANSFER_TO_HOST : VGPUIF_OP_TRANSFER_FROM_HOST,
	};
	int err;

	req.u.transfer = *transfer;
	err = fe_post(s, &req, done, arg, ticket);
	if (!err)
		s->stats.transfers++;
	return err;
}

int fe_submit(struct fe_session *s, uint32_t context_id, uint32_t ring_idx,
	      const struct fe_buffer *buf, uint64_t offset, uint32_t bytes, uint16_t flags,
	      fe_done_fn done, void *arg, uint64_t *ticket)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_SUBMIT, .flags = flags };
	int err;

	req.u.submit.context_id = context_id;
	req.u.submit.ring_idx = ring_idx;
	if (buf) {
		req.u.submit.buffer_id = fe_buffer_id(buf);
		req.u.submit.offset = offset;
		req.u.submit.bytes = bytes;
	}
	err = fe_post(s, &req, done, arg, ticket);
	if (!err) {
		s->stats.submits++;
		s->stats.command_bytes += bytes;
	}
	return err;
}
