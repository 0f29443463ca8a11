// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fences. One signals with the answer to its request, or when the session is lost. After that it
 * refers to nothing of ours, so that whoever holds a sync file can keep it for as long as it likes.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "xen_vgpufront.h"

static const char *driver_name(struct dma_fence *base)
{
	return "xen_vgpufront";
}

static const char *timeline_name(struct dma_fence *base)
{
	return "vgpu";
}

static void release(struct dma_fence *base)
{
	kfree_rcu(container_of(base, struct xvf_fence, base), base.rcu);
	module_put(THIS_MODULE);
}

static const struct dma_fence_ops ops = {
	.get_driver_name = driver_name,
	.get_timeline_name = timeline_name,
	.release = release,
};

/* The GPU's time, as far as it is seen from here: while there is a submit in flight. */
static void account_begin(struct xvf_file *f)
{
	spin_lock(&f->stats_lock);
	if (!f->busy++)
		f->busy_since = ktime_get();
	f->submits++;
	spin_unlock(&f->stats_lock);
}

static void account_end(struct xvf_file *f)
{
	spin_lock(&f->stats_lock);
	if (!--f->busy)
		f->busy_ns += ktime_to_ns(ktime_sub(ktime_get(), f->busy_since));
	spin_unlock(&f->stats_lock);
}

static void settle(struct xvf_session *s, struct xvf_fence *fence)
{
	if (fence->arena)
		xvf_arena_give(s, fence->arena, fence->arena_bytes);
	xvf_file_put(fence->file);
}

static void answered(struct xvf_session *s, struct xvf_req *req,
		     const struct vgpuif_response *rsp)
{
	struct xvf_fence *fence = container_of(req, struct xvf_fence, req);
	int err = xvf_status(rsp);

	if (fence->timed)
		account_end(fence->file);
	if (err) {
		dma_fence_set_error(&fence->base, err);
		/* A context that the renderer gave up on draws nothing any more. */
		if (rsp->operation == VGPUIF_OP_SUBMIT)
			WRITE_ONCE(fence->file->error, err == -ENODEV ? err : -EIO);
	}
	dma_fence_signal(&fence->base);
	settle(s, fence);
	dma_fence_put(&fence->base);
}

struct xvf_fence *xvf_fence_create(struct xvf_file *f)
{
	struct xvf_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);

	if (!fence)
		return NULL;
	spin_lock_init(&fence->lock);
	fence->file = f;
	fence->req.done = answered;
	kref_get(&f->ref);
	return fence;
}

void xvf_fence_discard(struct xvf_fence *fence)
{
	if (!fence)
		return;
	settle(fence->file->s, fence);
	kfree(fence);
}

void xvf_fence_post(struct xvf_fence *fence, u32 timeline)
{
	struct xvf_file *f = fence->file;

	lockdep_assert_held(&f->lock);
	dma_fence_init(&fence->base, &ops, &fence->lock, f->fence_context + timeline,
		       ++f->seqno[timeline]);
	dma_fence_get(&fence->base);
	__module_get(THIS_MODULE);	/* a sync file may be kept for longer than the device */
	if (fence->timed)
		account_begin(f);
	xvf_post(f->s, &fence->req);
}
