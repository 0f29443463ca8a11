// SPDX-License-Identifier: GPL-2.0-only
/*
 * GEM objects. An object is a resource of the backend's, and shmem pages of this guest's. Buffers
 * have those as their backing store from the beginning, since a renderer writes results of queries
 * there; a texture's are granted when somebody maps it or transfers, which for most that are drawn
 * to is never.
 */
#include <linux/dma-buf.h>
#include <linux/slab.h>
#include <linux/version.h>

#include <drm/drm_prime.h>

#include "xen_vgpufront.h"

/* A request that keeps its object until it is answered. */
struct bo_req {
	struct xvf_req req;
	struct xvf_bo *bo;
};

static struct xvf_req *bo_req(struct xvf_bo *bo, const struct vgpuif_request *wire,
			      xvf_done_fn done)
{
	struct bo_req *r = kzalloc(sizeof(*r), GFP_KERNEL);

	if (!r)
		return NULL;
	drm_gem_object_get(&bo->shmem.base);
	r->bo = bo;
	r->req.wire = *wire;
	r->req.done = done;
	return &r->req;
}

static void bo_answered(struct xvf_session *s, struct xvf_req *req,
			const struct vgpuif_response *rsp)
{
	struct bo_req *r = container_of(req, struct bo_req, req);
	struct xvf_bo *bo = r->bo;
	int err = xvf_status(rsp);

	if (err && !READ_ONCE(bo->error)) {
		WRITE_ONCE(bo->error, err);
		if (!READ_ONCE(s->lost))
			dev_warn_ratelimited(&s->x->pdev->dev, "the backend refused resource %u, operation %u: error %d\n",
					     bo->resource_id, rsp->operation, err);
	}
	kfree(r);
	drm_gem_object_put(&bo->shmem.base);
}

static void defined(struct xvf_session *s, struct xvf_req *req,
		    const struct vgpuif_response *rsp)
{
	struct xvf_bo *bo = container_of(req, struct bo_req, req)->bo;

	/* It says what went wrong to whoever waits, so it comes first. */
	if (rsp->status)
		WRITE_ONCE(bo->error, xvf_status(rsp));
	complete_all(&bo->answered);
	bo_answered(s, req, rsp);
}

static void unref_answered(struct xvf_session *s, struct xvf_req *req,
			   const struct vgpuif_response *rsp)
{
	struct xvf_unref *u = container_of(req, struct xvf_unref, req);

	ida_free(&s->resource_ids, u->resource_id);
	kfree(u);
	xvf_session_put(s);
}

int xvf_bo_define(struct xvf_bo *bo, struct vgpuif_request *wire)
{
	struct xvf_session *s = bo->s;
	struct xvf_unref *u;
	struct xvf_req *req;
	int id;

	u = kzalloc(sizeof(*u), GFP_KERNEL);
	if (!u)
		return -ENOMEM;
	id = ida_alloc_range(&s->resource_ids, 1, s->limits.max_resources, GFP_KERNEL);
	if (id < 0) {
		kfree(u);
		return id;
	}
	/* Both requests have it in the same place or not; set by who knows which it is. */
	if (wire->operation == VGPUIF_OP_RESOURCE_CREATE)
		wire->u.resource_create.resource_id = id;
	else
		wire->u.resource_create_blob.resource_id = id;
	req = bo_req(bo, wire, defined);
	if (!req) {
		ida_free(&s->resource_ids, id);
		kfree(u);
		return -ENOMEM;
	}
	u->resource_id = id;
	u->req.wire.operation = VGPUIF_OP_RESOURCE_UNREF;
	u->req.wire.u.resource_unref.resource_id = id;
	u->req.done = unref_answered;
	xvf_session_get(s);
	bo->resource_id = id;
	bo->unref = u;
	xvf_post(s, req);
	return 0;
}

int xvf_bo_register(struct xvf_bo *bo)
{
	int err;

	if (bo->buffer)
		return 0;
	if (!bo->pinned) {
		err = drm_gem_shmem_pin(&bo->shmem);
		if (err)
			return err;
		bo->pinned = true;
	}
	return xvf_buffer_create(bo->s, bo->shmem.pages, bo->shmem.base.size >> PAGE_SHIFT, false,
				 &bo->buffer);
}

int xvf_bo_back(struct xvf_bo *bo)
{
	struct vgpuif_request wire = { .operation = VGPUIF_OP_RESOURCE_ATTACH };
	struct xvf_req *req;
	int err = 0;

	mutex_lock(&bo->lock);
	if (bo->buffer || !bo->unref)
		goto out;
	err = xvf_bo_register(bo);
	if (err)
		goto out;
	wire.u.resource_attach.resource_id = bo->resource_id;
	wire.u.resource_attach.buffer_id = bo->buffer->id;
	wire.u.resource_attach.bytes = bo->shmem.base.size;
	req = bo_req(bo, &wire, bo_answered);
	if (req) {
		xvf_post(bo->s, req);
	} else {
		xvf_buffer_put(bo->buffer);
		bo->buffer = NULL;
		err = -ENOMEM;
	}
out:
	mutex_unlock(&bo->lock);
	return err;
}

/* --- what the core of DRM calls --------------------------------------------------------------- */

static void gem_free(struct drm_gem_object *obj)
{
	struct xvf_bo *bo = to_bo(obj);
	struct xvf_session *s = bo->s;

	if (s) {
		if (bo->unref)
			xvf_post(s, &bo->unref->req);
		/* Its grants keep the pages for as long as the backend maps them. */
		xvf_buffer_put(bo->buffer);
		xvf_kick(s);
	}
	if (bo->pinned)
		drm_gem_shmem_unpin(&bo->shmem);
	drm_gem_shmem_free(&bo->shmem);
	if (s)
		xvf_session_put(s);
}

static void context_answered(struct xvf_session *s, struct xvf_req *req,
			     const struct vgpuif_response *rsp)
{
	kfree(req);
}

static void post_context(struct xvf_file *f, struct xvf_bo *bo, u8 operation)
{
	struct xvf_req *req = kzalloc(sizeof(*req), GFP_KERNEL | __GFP_NOFAIL);

	req->wire.operation = operation;
	req->wire.u.context_resource.context_id = f->context_id;
	req->wire.u.context_resource.resource_id = bo->resource_id;
	req->done = context_answered;
	xvf_post(f->s, req);
}

static int gem_open(struct drm_gem_object *obj, struct drm_file *file)
{
	struct xvf_file *f = file->driver_priv;
	struct xvf_bo *bo = to_bo(obj);
	int err;

	/* What an earlier session had is gone, whoever still has the pages. */
	if (bo->s != f->s)
		return -ENODEV;
	err = xvf_file_begin(f, true);
	/* A program can open and close one object for ever, and wait for nothing else. */
	if (!err)
		err = xvf_throttle(f->s);
	if (!err && bo->unref)
		post_context(f, bo, VGPUIF_OP_CONTEXT_ATTACH);
	return err;
}

static void gem_close(struct drm_gem_object *obj, struct drm_file *file)
{
	struct xvf_file *f = file->driver_priv;
	struct xvf_bo *bo = to_bo(obj);

	if (bo->s == f->s && bo->unref && smp_load_acquire(&f->created))
		post_context(f, bo, VGPUIF_OP_CONTEXT_DETACH);
}

static int gem_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	struct xvf_bo *bo = to_bo(obj);
	int err = xvf_bo_back(bo);

	if (err)
		return err;
	xvf_kick(bo->s);
	return drm_gem_shmem_mmap(&bo->shmem, vma);
}

static const struct drm_gem_object_funcs funcs = {
	.free = gem_free,
	.open = gem_open,
	.close = gem_close,
	.print_info = drm_gem_shmem_object_print_info,
	.pin = drm_gem_shmem_object_pin,
	.unpin = drm_gem_shmem_object_unpin,
	.get_sg_table = drm_gem_shmem_object_get_sg_table,
	.vmap = drm_gem_shmem_object_vmap,
	.vunmap = drm_gem_shmem_object_vunmap,
	.mmap = gem_mmap,
	.vm_ops = &drm_gem_shmem_vm_ops,
};

struct drm_gem_object *xvf_gem_create_object(struct drm_device *drm, size_t size)
{
	struct xvf_bo *bo = kzalloc(sizeof(*bo), GFP_KERNEL);

	BUILD_BUG_ON(offsetof(struct xvf_bo, shmem) != 0);
	if (!bo)
		return ERR_PTR(-ENOMEM);
	mutex_init(&bo->lock);
	init_completion(&bo->answered);
	bo->shmem.base.funcs = &funcs;
	return &bo->shmem.base;
}

struct xvf_bo *xvf_bo_create(struct xvf_session *s, struct drm_device *drm, u64 bytes)
{
	struct drm_gem_shmem_object *shmem;
	struct xvf_bo *bo;

	if (bytes == 0 || bytes > (u64)s->limits.max_buffer_pages << PAGE_SHIFT)
		return ERR_PTR(bytes ? -ENOMEM : -EINVAL);
	shmem = drm_gem_shmem_create(drm, bytes);
	if (IS_ERR(shmem))
		return ERR_CAST(shmem);
	bo = to_bo(&shmem->base);
	bo->s = s;
	xvf_session_get(s);
	return bo;
}
