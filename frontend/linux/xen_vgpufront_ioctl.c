// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of virtgpu_drm.h, but for those that submit work: xen_vgpufront_submit.c.
 */
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/drm_ioctl.h>

#include "xen_vgpufront.h"

/* In the uAPI since Linux 6.13, and known to programs by their number. */
#define PARAM_EXPLICIT_DEBUG_NAME	8
#define CONTEXT_PARAM_DEBUG_NAME	4
#define MAX_DEBUG_NAME			64

#define TARGET_BUFFER	0		/* PIPE_BUFFER, of virgl's resource targets */

/*
 * Whether the backend has room for one that is as large is waited for, since then the program can
 * be told: it makes GL_OUT_OF_MEMORY of it. For a smaller one the waiting would cost more than
 * making it.
 */
#define ASK_BYTES	(256u << 10)

/* --- contexts --------------------------------------------------------------------------------- */

struct context_end {
	struct xvf_req req;
	u32 context_id;
};

static void context_ended(struct xvf_session *s, struct xvf_req *req,
			  const struct vgpuif_response *rsp)
{
	struct context_end *end = container_of(req, struct context_end, req);

	ida_free(&s->context_ids, end->context_id);
	kfree(end);
	xvf_session_put(s);
}

void xvf_context_end(struct xvf_session *s, u32 context_id)
{
	struct context_end *end = kzalloc(sizeof(*end), GFP_KERNEL | __GFP_NOFAIL);

	end->context_id = context_id;
	end->req.wire.operation = VGPUIF_OP_CONTEXT_DESTROY;
	end->req.wire.u.context_destroy.context_id = context_id;
	end->req.done = context_ended;
	xvf_session_get(s);
	xvf_post(s, &end->req);
	xvf_kick(s);
}

static u32 default_capset(const struct xvf_session *s)
{
	return s->capset_mask & BIT_ULL(VGPUIF_CAPSET_VIRGL2) ? VGPUIF_CAPSET_VIRGL2 :
								VGPUIF_CAPSET_VIRGL;
}

/* The file's lock is held. The answer is waited for: no other request of the file makes sense. */
static int create_context(struct xvf_file *f, u32 capset_id, u32 n_rings, const char *name)
{
	struct vgpuif_request wire = { .operation = VGPUIF_OP_CONTEXT_CREATE };
	struct vgpuif_context_create *c = &wire.u.context_create;
	struct vgpuif_response rsp;
	int id, err;

	lockdep_assert_held(&f->lock);
	if (!(f->s->capset_mask & BIT_ULL(capset_id)))
		return -EINVAL;
	/* A program that is interrupted again and again begins as often. */
	err = xvf_throttle(f->s);
	if (err)
		return err;
	f->seqno = kcalloc(n_rings + 1, sizeof(*f->seqno), GFP_KERNEL);
	if (!f->seqno)
		return -ENOMEM;
	id = ida_alloc_range(&f->s->context_ids, 1, f->s->limits.max_contexts, GFP_KERNEL);
	if (id < 0) {
		err = id;
		goto out_free;
	}
	c->context_id = id;
	c->capset_id = capset_id;
	c->n_rings = n_rings;
	strscpy_pad(c->name, name, sizeof(c->name));
	err = xvf_call(f->s, &wire, &rsp, XVF_BUSY_MS);
	if (err) {
		/* One that was not waited for comes to be nevertheless. */
		if (err == -ETIMEDOUT || err == -ERESTARTSYS)
			xvf_context_end(f->s, id);
		else
			ida_free(&f->s->context_ids, id);
		goto out_free;
	}
	f->context_id = id;
	f->capset_id = capset_id;
	f->n_rings = n_rings;
	f->fence_context = dma_fence_context_alloc(n_rings + 1);
	/* With what was set above. */
	smp_store_release(&f->created, true);
	return 0;

out_free:
	kfree(f->seqno);
	f->seqno = NULL;
	return err;
}

int xvf_file_begin(struct xvf_file *f, bool context)
{
	char name[TASK_COMM_LEN];
	int err = 0;

	if (READ_ONCE(f->s->lost))
		return -ENODEV;
	if (READ_ONCE(f->error))
		return f->error;
	if (!context || smp_load_acquire(&f->created))
		return 0;
	mutex_lock(&f->lock);
	if (!f->created)
		err = create_context(f, default_capset(f->s), 1, get_task_comm(name, current));
	mutex_unlock(&f->lock);
	return err == -ENOSPC ? -ENOMEM : err;
}

struct context_wish {
	u64 capset_id;
	u64 n_rings;
	char name[MAX_DEBUG_NAME];
};

static int take_param(struct context_wish *wish, const struct drm_virtgpu_context_set_param *p)
{
	long n;

	switch (p->param) {
	case VIRTGPU_CONTEXT_PARAM_CAPSET_ID:
		if (p->value == 0 || p->value > VGPUIF_MAX_CAPSET)
			return -EINVAL;
		wish->capset_id = p->value;
		return 0;
	case VIRTGPU_CONTEXT_PARAM_NUM_RINGS:
		if (p->value > VGPUIF_MAX_CONTEXT_RINGS)
			return -EINVAL;
		wish->n_rings = p->value;
		return 0;
	case VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK:
		/* Events are for capsets that are not offered here. */
		return p->value ? -EINVAL : 0;
	case CONTEXT_PARAM_DEBUG_NAME:
		n = strncpy_from_user(wish->name, u64_to_user_ptr(p->value), sizeof(wish->name));
		if (n < 0)
			return n;
		return n == sizeof(wish->name) ? -EINVAL : 0;
	default:
		return -EINVAL;
	}
}

static int ioctl_context_init(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_virtgpu_context_set_param params[4];
	struct drm_virtgpu_context_init *args = data;
	struct xvf_file *f = file->driver_priv;
	struct context_wish wish = { 0 };
	char comm[TASK_COMM_LEN];
	u32 i;
	int err;

	if (args->pad || args->num_params == 0 || args->num_params > ARRAY_SIZE(params))
		return -EINVAL;
	err = xvf_file_begin(f, false);
	if (err)
		return err;
	strscpy(wish.name, get_task_comm(comm, current), sizeof(wish.name));
	if (copy_from_user(params, u64_to_user_ptr(args->ctx_set_params),
			   args->num_params * sizeof(params[0])))
		return -EFAULT;
	for (i = 0; i < args->num_params; i++) {
		err = take_param(&wish, &params[i]);
		if (err)
			return err;
	}
	mutex_lock(&f->lock);
	if (f->created)
		err = -EEXIST;
	else
		err = create_context(f, wish.capset_id ? wish.capset_id : default_capset(f->s),
				     wish.n_rings ? wish.n_rings : 1, wish.name);
	mutex_unlock(&f->lock);
	return err == -ENOSPC ? -ENOMEM : err;
}

/* --- questions -------------------------------------------------------------------------------- */

static int ioctl_getparam(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_virtgpu_getparam *args = data;
	struct xvf_file *f = file->driver_priv;
	int value, err;

	err = xvf_file_begin(f, false);
	if (err)
		return err;
	switch (args->param) {
	case VIRTGPU_PARAM_3D_FEATURES:
	case VIRTGPU_PARAM_CAPSET_QUERY_FIX:
	case VIRTGPU_PARAM_RESOURCE_BLOB:
	case VIRTGPU_PARAM_CONTEXT_INIT:
	case PARAM_EXPLICIT_DEBUG_NAME:
		value = 1;
		break;
	case VIRTGPU_PARAM_HOST_VISIBLE:
	case VIRTGPU_PARAM_CROSS_DEVICE:
		value = 0;
		break;
	case VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs:
		value = (int)f->s->capset_mask;
		break;
	default:
		/* Number 9 among them, which Mesa and Linux understand differently. */
		return -EINVAL;
	}
	/* 32 bits, whatever the structure looks like. */
	return copy_to_user(u64_to_user_ptr(args->value), &value, sizeof(value)) ? -EFAULT : 0;
}

static int ioctl_get_caps(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_virtgpu_get_caps *args = data;
	struct xvf_file *f = file->driver_priv;
	const struct xvf_session *s = f->s;
	u32 i;
	int err;

	err = xvf_file_begin(f, false);
	if (err)
		return err;
	for (i = 0; i < s->n_capsets; i++) {
		const struct xvf_capset *c = &s->capset[i];

		if (c->id != args->cap_set_id)
			continue;
		if (args->cap_set_ver > c->max_version)
			return -EINVAL;
		return copy_to_user(u64_to_user_ptr(args->addr), c->data,
				    min(args->size, c->bytes)) ? -EFAULT : 0;
	}
	return -EINVAL;
}

static int ioctl_resource_info(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_virtgpu_resource_info *args = data;
	struct drm_gem_object *obj = drm_gem_object_lookup(file, args->bo_handle);
	struct xvf_bo *bo;

	if (!obj)
		return -ENOENT;
	bo = to_bo(obj);
	args->res_handle = bo->resource_id;
	args->size = obj->size;
	args->blob_mem = bo->blob_mem;
	drm_gem_object_put(obj);
	return 0;
}

/* --- resources -------------------------------------------------------------------------------- */

static int await_answer(struct xvf_bo *bo)
{
	long left;

	xvf_kick(bo->s);
	left = wait_for_completion_interruptible_timeout(&bo->answered,
							 msecs_to_jiffies(XVF_BUSY_MS));
	if (left < 0)
		return left;
	if (!left)
		return -ETIMEDOUT;
	/* Over a limit is "no memory" to a program. */
	return bo->error == -ENOSPC ? -ENOMEM : bo->error;
}

/* A handle for what was made, and nothing left of it when there is none. */
static int publish(struct xvf_bo *bo, struct drm_file *file, int err, u32 *handle, u32 *res_handle)
{
	if (!err)
		err = drm_gem_handle_create(file, &bo->shmem.base, handle);
	if (!err)
		*res_handle = bo->resource_id;
	xvf_kick(bo->s);
	drm_gem_object_put(&bo->shmem.base);
	return err == -ENOSPC ? -ENOMEM : err;
}

static int ioctl_resource_create(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct vgpuif_request wire = { .operation = VGPUIF_OP_RESOURCE_CREATE };
	struct vgpuif_resource_create *c = &wire.u.resource_create;
	struct drm_virtgpu_resource_create *args = data;
	struct xvf_file *f = file->driver_priv;
	struct xvf_bo *bo;
	int err;

	err = xvf_file_begin(f, true);
	if (!err)
		err = xvf_throttle(f->s);
	if (err)
		return err;
	bo = xvf_bo_create(f->s, drm, args->size ? args->size : PAGE_SIZE);
	if (IS_ERR(bo))
		return PTR_ERR(bo);
	c->target = args->target;
	c->format = args->format;
	c->bind = args->bind;
	c->width = args->width;
	c->height = args->height;
	c->depth = args->depth;
	c->array_size = args->array_size;
	c->last_level = args->last_level;
	c->nr_samples = args->nr_samples;
	c->resource_flags = args->flags;
	err = xvf_bo_define(bo, &wire);
	/*
	 * A texture whose contents go through another resource has a page or less, for the form's
	 * sake; but virglrenderer 1.1 refuses such a transfer when there is no page at all.
	 */
	if (!err && (args->target == TARGET_BUFFER || bo->shmem.base.size <= PAGE_SIZE))
		err = xvf_bo_back(bo);
	if (!err && bo->shmem.base.size >= ASK_BYTES)
		err = await_answer(bo);
	return publish(bo, file, err, &args->bo_handle, &args->res_handle);
}

static int ioctl_resource_create_blob(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct vgpuif_request wire = { .operation = VGPUIF_OP_RESOURCE_CREATE_BLOB };
	struct vgpuif_resource_create_blob *c = &wire.u.resource_create_blob;
	struct drm_virtgpu_resource_create_blob *args = data;
	struct xvf_file *f = file->driver_priv;
	struct xvf_bo *bo;
	int err;

	/* Memory of the driver domain cannot be mapped here. */
	if (args->blob_mem != VIRTGPU_BLOB_MEM_GUEST || args->cmd_size || args->pad ||
	    args->blob_flags & ~(VIRTGPU_BLOB_FLAG_USE_MAPPABLE | VIRTGPU_BLOB_FLAG_USE_SHAREABLE))
		return -EINVAL;
	err = xvf_file_begin(f, true);
	if (!err)
		err = xvf_throttle(f->s);
	if (err)
		return err;
	bo = xvf_bo_create(f->s, drm, args->size);
	if (IS_ERR(bo))
		return PTR_ERR(bo);
	bo->blob_mem = args->blob_mem;
	err = xvf_bo_register(bo);
	if (!err) {
		c->blob_mem = VGPUIF_BLOB_MEM_GUEST;
		c->blob_flags = args->blob_flags;
		c->blob_id = args->blob_id;
		c->bytes = bo->shmem.base.size;
		c->buffer_id = bo->buffer->id;
		err = xvf_bo_define(bo, &wire);
	}
	if (!err)
		err = await_answer(bo);
	return publish(bo, file, err, &args->bo_handle, &args->res_handle);
}

static int ioctl_map(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct xvf_file *f = file->driver_priv;
	struct drm_virtgpu_map *args = data;
	struct drm_gem_object *obj;
	int err;

	if (args->pad)
		return -EINVAL;
	err = xvf_file_begin(f, false);
	if (err)
		return err;
	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	/* Here rather than when it is mapped: a program hears of it. */
	err = READ_ONCE(to_bo(obj)->error);
	if (!err)
		err = xvf_bo_back(to_bo(obj));
	if (!err) {
		xvf_kick(f->s);
		args->offset = drm_vma_node_offset_addr(&obj->vma_node);
	}
	drm_gem_object_put(obj);
	return err == -ENOSPC ? -ENOMEM : err;
}

/*
 * However long the GPU takes: told -EBUSY, Mesa goes on with the octets that were there before. A
 * backend that does not answer costs the session, and with it every fence.
 */
static int ioctl_wait(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct xvf_file *f = file->driver_priv;
	struct drm_virtgpu_3d_wait *args = data;
	struct drm_gem_object *obj;
	long left;

	if (args->flags & ~VIRTGPU_WAIT_NOWAIT)
		return -EINVAL;
	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	if (args->flags & VIRTGPU_WAIT_NOWAIT)
		left = dma_resv_test_signaled(obj->resv, DMA_RESV_USAGE_READ);
	else
		left = dma_resv_wait_timeout(obj->resv, DMA_RESV_USAGE_READ, true,
					     MAX_SCHEDULE_TIMEOUT);
	drm_gem_object_put(obj);
	if (left < 0)
		return left;
	if (!left)
		return -EBUSY;
	return READ_ONCE(f->s->lost) ? -ENODEV : 0;
}

const struct drm_ioctl_desc xvf_ioctls[XVF_N_IOCTLS] = {
	DRM_IOCTL_DEF_DRV(VIRTGPU_MAP, ioctl_map, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_EXECBUFFER, xvf_ioctl_execbuffer, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_GETPARAM, ioctl_getparam, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_RESOURCE_CREATE, ioctl_resource_create, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_RESOURCE_INFO, ioctl_resource_info, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_TRANSFER_FROM_HOST, xvf_ioctl_transfer_from_host,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_TRANSFER_TO_HOST, xvf_ioctl_transfer_to_host, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_WAIT, ioctl_wait, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_GET_CAPS, ioctl_get_caps, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_RESOURCE_CREATE_BLOB, ioctl_resource_create_blob,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VIRTGPU_CONTEXT_INIT, ioctl_context_init, DRM_RENDER_ALLOW),
};
