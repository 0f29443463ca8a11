// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work: commands and transfers. Commands are copied from the program once, to where the backend
 * copies them from; each gets a fence, which the objects it names keep.
 */
#include <linux/dma-fence-chain.h>
#include <linux/file.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>

#include <drm/drm_syncobj.h>

#include "xen_vgpufront.h"

#define MAX_BOS		65536u

/* --- commands --------------------------------------------------------------------------------- */

struct out_syncobj {
	struct drm_syncobj *syncobj;
	struct dma_fence_chain *chain;	/* for a point of a timeline */
	u64 point;
};

struct submit {
	struct xvf_file *f;
	struct drm_file *file;
	const struct drm_virtgpu_execbuffer *args;
	u32 ring_idx;
	struct drm_gem_object **obj;
	u32 n_obj;
	struct out_syncobj *out;
	u32 n_out;
	struct drm_syncobj **reset;	/* once the work is posted */
	u32 n_reset;
	struct xvf_fence *fence;
	int fd;
};

static void cleanup(struct submit *sub)
{
	u32 i;

	for (i = 0; i < sub->n_obj; i++)
		drm_gem_object_put(sub->obj[i]);
	kvfree(sub->obj);
	for (i = 0; i < sub->n_out; i++) {
		dma_fence_chain_free(sub->out[i].chain);
		drm_syncobj_put(sub->out[i].syncobj);
	}
	kfree(sub->out);
	for (i = 0; i < sub->n_reset; i++)
		drm_syncobj_put(sub->reset[i]);
	kfree(sub->reset);
	xvf_fence_discard(sub->fence);
	if (sub->fd >= 0)
		put_unused_fd(sub->fd);
}

static int check(struct submit *sub)
{
	const struct drm_virtgpu_execbuffer *args = sub->args;

	if (args->flags & ~VIRTGPU_EXECBUF_FLAGS)
		return -EINVAL;
	if (args->size % 4 || args->size > VGPUIF_MAX_SUBMIT_BYTES ||
	    args->num_bo_handles > MAX_BOS)
		return -EINVAL;
	if (args->flags & VIRTGPU_EXECBUF_RING_IDX) {
		if (args->ring_idx >= sub->f->n_rings)
			return -EINVAL;
		sub->ring_idx = args->ring_idx;
	}
	return 0;
}

static int wait_fence(struct submit *sub, struct dma_fence *in)
{
	const struct xvf_file *f = sub->f;
	int err = 0;

	/* Its own timeline is in order anyway. */
	if (in->context != f->fence_context + sub->ring_idx)
		err = dma_fence_wait(in, true);
	dma_fence_put(in);
	return err;
}

static int wait_in_fence(struct submit *sub)
{
	struct dma_fence *in;

	if (!(sub->args->flags & VIRTGPU_EXECBUF_FENCE_FD_IN))
		return 0;
	in = sync_file_get_fence(sub->args->fence_fd);
	return in ? wait_fence(sub, in) : -EINVAL;
}

static int lookup(struct submit *sub)
{
	u32 i;
	int err;

	if (!sub->args->num_bo_handles)
		return 0;
	err = drm_gem_objects_lookup(sub->file, u64_to_user_ptr(sub->args->bo_handles),
				     sub->args->num_bo_handles, &sub->obj);
	/* Those before a wrong handle were looked up as well. */
	if (err) {
		for (i = 0; sub->obj && i < sub->args->num_bo_handles && sub->obj[i]; i++)
			drm_gem_object_put(sub->obj[i]);
		kvfree(sub->obj);
		sub->obj = NULL;
		return err;
	}
	sub->n_obj = sub->args->num_bo_handles;
	for (i = 0; i < sub->n_obj; i++) {
		const struct xvf_bo *bo = to_bo(sub->obj[i]);

		if (bo->s != sub->f->s)
			return -ENODEV;
		if (READ_ONCE(bo->error))
			return READ_ONCE(bo->error) == -ENOSPC ? -ENOMEM : bo->error;
	}
	return 0;
}

#ifdef VIRTGPU_EXECBUF_SYNCOBJ_FLAGS
/* --- syncobjs, which the uAPI has since Linux 6.6 --------------------------------------------- */

#define MAX_SYNCOBJS	1024u

/* A descriptor of the program's array, whose stride may be shorter or longer than ours. */
static int read_syncobj(u64 array, u32 stride, u32 i, struct drm_virtgpu_execbuffer_syncobj *out)
{
	const u32 bytes = min_t(u32, stride, sizeof(*out));

	*out = (struct drm_virtgpu_execbuffer_syncobj){ 0 };
	if (copy_from_user(out, u64_to_user_ptr(array + (u64)i * stride), bytes))
		return -EFAULT;
	return out->flags & ~VIRTGPU_EXECBUF_SYNCOBJ_FLAGS ? -EINVAL : 0;
}

static int wait_in_syncobjs(struct submit *sub)
{
	const struct drm_virtgpu_execbuffer *args = sub->args;
	struct drm_virtgpu_execbuffer_syncobj desc;
	struct dma_fence *in;
	u32 i;
	int err;

	if (args->num_in_syncobjs > MAX_SYNCOBJS || args->num_out_syncobjs > MAX_SYNCOBJS)
		return -EINVAL;
	if ((args->num_in_syncobjs || args->num_out_syncobjs) && !args->syncobj_stride)
		return -EINVAL;
	if (args->num_in_syncobjs) {
		sub->reset = kcalloc(args->num_in_syncobjs, sizeof(*sub->reset), GFP_KERNEL);
		if (!sub->reset)
			return -ENOMEM;
	}
	for (i = 0; i < args->num_in_syncobjs; i++) {
		err = read_syncobj(args->in_syncobjs, args->syncobj_stride, i, &desc);
		if (!err)
			err = drm_syncobj_find_fence(sub->file, desc.handle, desc.point, 0, &in);
		if (!err)
			err = wait_fence(sub, in);
		if (err)
			return err;
		if (!(desc.flags & VIRTGPU_EXECBUF_SYNCOBJ_RESET))
			continue;
		sub->reset[sub->n_reset] = drm_syncobj_find(sub->file, desc.handle);
		if (!sub->reset[sub->n_reset])
			return -EINVAL;
		sub->n_reset++;
	}
	return 0;
}

/* What each out-syncobj will be given, found before the work is posted. */
static int find_out_syncobjs(struct submit *sub)
{
	const struct drm_virtgpu_execbuffer *args = sub->args;
	struct drm_virtgpu_execbuffer_syncobj desc;
	struct out_syncobj *out;
	int err;

	if (!args->num_out_syncobjs)
		return 0;
	sub->out = kcalloc(args->num_out_syncobjs, sizeof(*sub->out), GFP_KERNEL);
	if (!sub->out)
		return -ENOMEM;
	while (sub->n_out < args->num_out_syncobjs) {
		out = &sub->out[sub->n_out];
		err = read_syncobj(args->out_syncobjs, args->syncobj_stride, sub->n_out, &desc);
		if (err)
			return err;
		if (desc.flags)
			return -EINVAL;
		out->syncobj = drm_syncobj_find(sub->file, desc.handle);
		if (!out->syncobj)
			return -EINVAL;
		sub->n_out++;
		out->point = desc.point;
		if (!desc.point)
			continue;
		out->chain = dma_fence_chain_alloc();
		if (!out->chain)
			return -ENOMEM;
	}
	return 0;
}

/* One that was waited for may be one that is given. */
static void give_out_syncobjs(struct submit *sub, struct dma_fence *fence)
{
	struct out_syncobj *out;
	u32 i;

	for (i = 0; i < sub->n_reset; i++)
		drm_syncobj_replace_fence(sub->reset[i], NULL);
	for (out = sub->out; out < sub->out + sub->n_out; out++) {
		if (out->chain)
			drm_syncobj_add_point(out->syncobj, out->chain, fence, out->point);
		else
			drm_syncobj_replace_fence(out->syncobj, fence);
		out->chain = NULL;
	}
}
#else
static int wait_in_syncobjs(struct submit *sub)
{
	return 0;
}

static int find_out_syncobjs(struct submit *sub)
{
	return 0;
}

static void give_out_syncobjs(struct submit *sub, struct dma_fence *fence)
{
}
#endif

/* --- the commands themselves ------------------------------------------------------------------ */

static bool arena_take(struct xvf_session *s, u32 bytes, unsigned long *out)
{
	*out = gen_pool_alloc(s->arena_pool, bytes);
	return *out || READ_ONCE(s->lost);
}

/* Of what is in memory, or nothing: a page fault may take as long as another program likes. */
static bool copy_present(unsigned long to, const void __user *from, u32 bytes)
{
	unsigned long left;

	pagefault_disable();
	left = __copy_from_user_inatomic((void *)to, from, bytes);
	pagefault_enable();
	return !left;
}

/* The arena is everybody's: no program keeps some of it while a page fault of its own takes its time. */
static int copy_commands(struct submit *sub)
{
	const void __user *from = u64_to_user_ptr(sub->args->command);
	struct xvf_session *s = sub->f->s;
	const u32 bytes = sub->args->size;
	unsigned long at;
	int err;

	if (!bytes)
		return 0;
	if (!access_ok(from, bytes))
		return -EFAULT;
	for (;;) {
		/* Without them what is drawn would be wrong, and Mesa would only say so. */
		err = wait_event_interruptible(s->wait, arena_take(s, bytes, &at));
		if (err)
			return err;
		if (!at)
			return -ENODEV;
		if (copy_present(at, from, bytes))
			break;
		xvf_arena_give(s, at, bytes);
		if (signal_pending(current))
			return -ERESTARTSYS;
		if (fault_in_readable(from, bytes))
			return -EFAULT;
	}
	sub->fence->arena = at;
	sub->fence->arena_bytes = bytes;
	return 0;
}

static void fill_submit(struct submit *sub)
{
	struct xvf_session *s = sub->f->s;
	struct vgpuif_request *wire = &sub->fence->req.wire;

	wire->operation = VGPUIF_OP_SUBMIT;
	wire->flags = VGPUIF_SUBMIT_FENCE | VGPUIF_SUBMIT_IN_ORDER;
	wire->u.submit.context_id = sub->f->context_id;
	wire->u.submit.ring_idx = sub->ring_idx;
	if (!sub->args->size)
		return;
	wire->u.submit.buffer_id = s->arena_id;
	wire->u.submit.bytes = sub->args->size;
	wire->u.submit.offset = sub->fence->arena - (unsigned long)s->arena;
}

static int lock_objects(struct drm_gem_object **obj, u32 n, struct ww_acquire_ctx *ticket)
{
	u32 i;
	int err;

	if (!n)
		return 0;
	err = drm_gem_lock_reservations(obj, n, ticket);
	if (err)
		return err;
	for (i = 0; i < n; i++) {
		err = dma_resv_reserve_fences(obj[i]->resv, 1);
		if (err) {
			drm_gem_unlock_reservations(obj, n, ticket);
			return err;
		}
	}
	return 0;
}

/*
 * Post it, and let the objects have the fence. They are locked.
 * Returns a reference to the fence.
 */
static struct dma_fence *post(struct xvf_file *f, struct xvf_fence *fence, u32 timeline,
			      struct drm_gem_object **obj, u32 n, struct ww_acquire_ctx *ticket)
{
	struct dma_fence *base = &fence->base;
	u32 i;

	mutex_lock(&f->lock);
	xvf_fence_post(fence, timeline);
	mutex_unlock(&f->lock);
	for (i = 0; i < n; i++)
		dma_resv_add_fence(obj[i]->resv, base, DMA_RESV_USAGE_WRITE);
	if (n)
		drm_gem_unlock_reservations(obj, n, ticket);
	xvf_kick(f->s);
	return base;
}

/* Whatever can fail, before the request is posted. */
static int prepare(struct submit *sub)
{
	int err = check(sub);

	if (!err)
		err = wait_in_fence(sub);
	if (!err)
		err = wait_in_syncobjs(sub);
	if (!err)
		err = lookup(sub);
	if (!err)
		err = find_out_syncobjs(sub);
	if (err)
		return err;
	sub->fence = xvf_fence_create(sub->f);
	if (!sub->fence)
		return -ENOMEM;
	sub->fence->timed = true;
	err = xvf_throttle(sub->f->s);
	if (!err)
		err = copy_commands(sub);
	if (err)
		return err;
	fill_submit(sub);
	if (sub->args->flags & VIRTGPU_EXECBUF_FENCE_FD_OUT) {
		sub->fd = get_unused_fd_flags(O_CLOEXEC);
		if (sub->fd < 0)
			return sub->fd;
	}
	return 0;
}

int xvf_ioctl_execbuffer(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_virtgpu_execbuffer *args = data;
	struct xvf_file *f = file->driver_priv;
	struct submit sub = { .f = f, .file = file, .args = args, .fd = -1 };
	struct ww_acquire_ctx ticket;
	struct sync_file *sync;
	struct dma_fence *base;
	int err;

	err = xvf_file_begin(f, true);
	if (!err)
		err = prepare(&sub);
	if (!err)
		err = lock_objects(sub.obj, sub.n_obj, &ticket);
	if (err) {
		cleanup(&sub);
		return err;
	}
	base = post(f, sub.fence, sub.ring_idx, sub.obj, sub.n_obj, &ticket);
	sub.fence = NULL;
	give_out_syncobjs(&sub, base);
	if (sub.fd >= 0) {
		/* The work is on its way; without a file there is nothing but a late error. */
		sync = sync_file_create(base);
		if (sync) {
			fd_install(sub.fd, sync->file);
			args->fence_fd = sub.fd;
			sub.fd = -1;
		} else {
			err = -ENOMEM;
		}
	}
	dma_fence_put(base);
	cleanup(&sub);
	return err;
}

/* --- transfers -------------------------------------------------------------------------------- */

static int post_transfer(struct xvf_file *f, struct drm_gem_object *obj,
			 const struct vgpuif_request *wire)
{
	struct ww_acquire_ctx ticket;
	struct xvf_fence *fence;
	int err;

	fence = xvf_fence_create(f);
	if (!fence)
		return -ENOMEM;
	fence->req.wire = *wire;
	err = xvf_throttle(f->s);
	if (!err)
		err = lock_objects(&obj, 1, &ticket);
	if (err) {
		xvf_fence_discard(fence);
		return err;
	}
	dma_fence_put(post(f, fence, f->n_rings, &obj, 1, &ticket));
	return 0;
}

/* Both directions' arguments are laid out alike. */
static int transfer(struct drm_file *file, u8 operation,
		    const struct drm_virtgpu_3d_transfer_to_host *args)
{
	struct vgpuif_request wire = {
		.operation = operation,
		.u.transfer = {
			.offset = args->offset,
			.x = args->box.x, .y = args->box.y, .z = args->box.z,
			.width = args->box.w, .height = args->box.h, .depth = args->box.d,
			.level = args->level,
			.stride = args->stride,
			.layer_stride = args->layer_stride,
		},
	};
	struct xvf_file *f = file->driver_priv;
	struct drm_gem_object *obj;
	struct xvf_bo *bo;
	int err;

	err = xvf_file_begin(f, true);
	if (err)
		return err;
	obj = drm_gem_object_lookup(file, args->bo_handle);
	if (!obj)
		return -ENOENT;
	bo = to_bo(obj);
	wire.u.transfer.context_id = f->context_id;
	wire.u.transfer.resource_id = bo->resource_id;
	err = READ_ONCE(bo->error);
	if (!err && (bo->s != f->s || args->offset >= obj->size))
		err = -EINVAL;
	if (!err)
		err = xvf_bo_back(bo);
	if (!err)
		err = post_transfer(f, obj, &wire);
	drm_gem_object_put(obj);
	return err;
}

int xvf_ioctl_transfer_to_host(struct drm_device *drm, void *data, struct drm_file *file)
{
	return transfer(file, VGPUIF_OP_TRANSFER_TO_HOST, data);
}

int xvf_ioctl_transfer_from_host(struct drm_device *drm, void *data, struct drm_file *file)
{
	BUILD_BUG_ON(sizeof(struct drm_virtgpu_3d_transfer_from_host) !=
		     sizeof(struct drm_virtgpu_3d_transfer_to_host));
	BUILD_BUG_ON(offsetof(struct drm_virtgpu_3d_transfer_from_host, layer_stride) !=
		     offsetof(struct drm_virtgpu_3d_transfer_to_host, layer_stride));
	return transfer(file, VGPUIF_OP_TRANSFER_FROM_HOST, data);
}
