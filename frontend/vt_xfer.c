// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transfers. Since version 2 they go between a resource and its pages, which the client has
 * mapped: a request each, and nothing is copied here. In versions 0 and 1 their data is in the
 * stream, and passes through granted pages that are the resource's backing store for that long; a
 * buffer object keeps its own, as the renderer may hold the object's contents nowhere else.
 */
#include <stdlib.h>
#include <string.h>

#include "request.h"
#include "vt.h"

#define MAX_INLINE	(1u << 30)

/* What the open server does about a transfer that the renderer refuses: say so, and go on. */
static void transfer_status(struct vt_client *c, const struct vgpuif_request *req,
			    const struct vgpuif_response *rsp)
{
	if (rsp->status && !fe_session_why(c->session)[0])
		vt_log("%s: the backend answered %s (resource %u) with %s", c->name,
		       request_name(req->operation), req->u.transfer.resource_id,
		       request_strstatus(rsp->status));
}

static void get_done(void *arg, const struct vgpuif_request *req,
		     const struct vgpuif_response *rsp)
{
	struct vt_resource *res = arg;
	struct vt_client *c = res->client;

	transfer_status(c, req, rsp);
	if (--res->gets == 0)
		res->idle_seq = res->get_seq;
	if (res->shadow && !rsp->status) {
		memcpy(c->fence_page, fe_buffer_addr(res->buffer->fe), VTEST_FENCE_BYTES);
		c->stats.surface_bytes_copied += VTEST_FENCE_BYTES;
	}
	vt_res_put(res);
}

static void put_done(void *arg, const struct vgpuif_request *req,
		     const struct vgpuif_response *rsp)
{
	struct vt_resource *res = arg;

	transfer_status(res->client, req, rsp);
	vt_res_put(res);
}

static int post(struct vt_client *c, struct vt_resource *res, bool to_host,
		const struct vgpuif_transfer *transfer)
{
	if (fe_transfer(c->session, to_host, transfer, to_host ? put_done : get_done, res,
			to_host ? NULL : &res->get_ticket))
		return vt_fail(c, "a transfer cannot be queued");
	res->in_flight++;
	if (!to_host) {
		res->gets++;
		res->get_seq = c->submit_seq;
	}
	return 0;
}

static void set_box(struct vgpuif_transfer *t, const uint32_t box[6])
{
	t->x = box[0];
	t->y = box[1];
	t->z = box[2];
	t->width = box[3];
	t->height = box[4];
	t->depth = box[5];
}

static int transfer2(struct vt_client *c, const uint32_t *payload, bool to_host)
{
	struct vgpuif_transfer transfer = { .context_id = VT_CONTEXT };
	struct vtest_transfer2 t;
	struct vt_resource *res;

	memcpy(&t, payload, sizeof(t));
	res = vt_res_find(c, t.handle);
	if (!res)
		return vt_fail(c, "a transfer of resource %u, which does not exist", t.handle);
	if (vt_res_materialise(c, res))
		return -1;
	if (t.offset >= res->bytes)
		return vt_fail(c, "a transfer of resource %u at %u of its %llu octets", t.handle,
			       t.offset, (unsigned long long)res->bytes);
	if (res->shadow && to_host) {
		memcpy(fe_buffer_addr(res->buffer->fe), c->fence_page, VTEST_FENCE_BYTES);
		c->stats.surface_bytes_copied += VTEST_FENCE_BYTES;
	}
	transfer.resource_id = res->handle;
	transfer.level = t.level;
	transfer.offset = t.offset;
	set_box(&transfer, t.box);
	return post(c, res, to_host, &transfer);
}

int vt_xfer_get2(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	(void)n;
	return transfer2(c, payload, false);
}

int vt_xfer_put2(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	(void)n;
	return transfer2(c, payload, true);
}

/* --- data in the stream ----------------------------------------------------------------------- */

static void staging_done(void *arg, const struct vgpuif_request *req,
			 const struct vgpuif_response *rsp)
{
	struct vt_buffer *buf = arg;

	vt_must(buf->client, req, rsp);
	vt_buf_put(buf->client, buf);
}

/* The client's command, checked, as a request; and the pages its data goes through. */
static struct vt_resource *decode(struct vt_client *c, const uint32_t *payload,
				  struct vgpuif_transfer *transfer, uint32_t *bytes,
				  struct vt_buffer **staging, uint8_t **at)
{
	struct vtest_transfer t;
	struct vt_resource *res;

	memcpy(&t, payload, sizeof(t));
	res = vt_res_find(c, t.handle);
	if (!res || t.data_size == 0 || t.data_size > MAX_INLINE) {
		vt_fail(c, "a transfer of %u octets of resource %u%s", t.data_size, t.handle,
			res ? "" : ", which does not exist");
		return NULL;
	}
	if (vt_res_materialise(c, res))
		return NULL;
	*transfer = (struct vgpuif_transfer) {
		.context_id = VT_CONTEXT,
		.resource_id = res->handle,
		.level = t.level,
		.stride = t.stride,
		.layer_stride = t.layer_stride,
	};
	set_box(transfer, t.box);
	*bytes = t.data_size;
	*staging = NULL;
	if (!res->is_buffer && !res->buffer) {
		*staging = vt_buf_get(c, (t.data_size + VGPUIF_PAGE_BYTES - 1) / VGPUIF_PAGE_BYTES);
		if (!*staging)
			return NULL;
		*at = fe_buffer_addr((*staging)->fe);
		if (fe_resource_attach(c->session, res->handle, (*staging)->fe, 0, t.data_size,
				       vt_must, c)) {
			vt_fail(c, "a transfer cannot be queued");
			return NULL;
		}
		return res;
	}
	if (!res->buffer && vt_res_backing(c, res, res->width))
		return NULL;
	/* A buffer object's octets lie where they lie in it. */
	if (t.box[0] > res->bytes || t.data_size > res->bytes - t.box[0]) {
		vt_fail(c, "a transfer of %u octets at %u of a buffer of %llu", t.data_size,
			t.box[0], (unsigned long long)res->bytes);
		return NULL;
	}
	transfer->offset = t.box[0];
	*at = (uint8_t *)fe_buffer_addr(res->buffer->fe) + t.box[0];
	return res;
}

/* The transfer is queued: behind it the staging pages are free again. */
static int detach_staging(struct vt_client *c, struct vt_resource *res)
{
	if (!c->staging)
		return 0;
	if (fe_resource_detach(c->session, res->handle, staging_done, c->staging))
		return vt_fail(c, "a transfer cannot be queued");
	c->staging = NULL;
	return 0;
}

int vt_xfer_put(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	struct vgpuif_transfer transfer;
	struct vt_resource *res;
	uint32_t bytes;
	uint8_t *at;

	(void)n;
	res = decode(c, payload, &transfer, &bytes, &c->staging, &at);
	if (!res)
		return -1;
	/* A buffer object's pages may still be in use by the transfer before. */
	if (res->in_flight && !c->staging && vt_res_settle(c, res))
		return -1;
	if (vt_read_rest(c, at, bytes) || post(c, res, true, &transfer))
		return -1;
	return detach_staging(c, res);
}

int vt_xfer_get(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	struct vgpuif_transfer transfer;
	struct vt_resource *res;
	uint8_t *at;

	(void)n;
	res = decode(c, payload, &transfer, &c->wait_bytes, &c->staging, &at);
	if (!res || post(c, res, false, &transfer))
		return -1;
	c->wait = VT_WAIT_GET;
	c->wait_resource = res;
	c->wait_ticket = res->get_ticket;
	c->wait_at = at;
	c->wait_start_ns = fe_now_ns();
	return 0;
}

void vt_xfer_get_arrived(struct vt_client *c)
{
	if (!vt_reply(c, c->wait_at, c->wait_bytes))
		detach_staging(c, c->wait_resource);
}
