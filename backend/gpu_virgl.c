// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine "virgl": OpenGL through libvirglrenderer, on a render node by way of GBM and EGL, or
 * on llvmpipe by way of EGL without a surface.
 *
 * What its interface does not say and this file keeps to:
 * - One renderer a process, used in one thread. A submit from another thread returns 0 and draws
 *   nothing.
 * - Errors are sometimes errno and sometimes -errno: only "not 0" means something.
 * - A fence is put behind what the current GL context has queued, so its context is made current
 *   first.
 * - A context that saw a bad command drops its draws from then on and returns 0 ("in_error"). It
 *   says so in a message and by refusing to be switched to; see settle().
 * - A resource keeps a pointer to the iovec it was attached with, not a copy.
 * - Which GL context is current it notes for commands only. A new context's is left current unnoted,
 *   and a resource is made and destroyed in whichever is; see own_context().
 *
 * Written against 0.10.4 (Debian 12) and 1.1.0 (Debian 13), of which only functions that both have
 * are used; those that 0.10.4 calls unstable became stable unchanged.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VIRGL_RENDERER_UNSTABLE_APIS
#include <virglrenderer.h>

#include "gpu.h"
#include "gpu_renderer.h"
#include "gpu_shaders.h"
#include "gpu_stream.h"
#include "gpu_time.h"
#include "gpu_warm.h"

/* Has no public definition. Source: virglrenderer src/virgl_hw.h. */
struct virgl_box {
	uint32_t x, y, z;
	uint32_t w, h, d;
};

/* VIRGL_CCMD_NOP without arguments. Source: Mesa src/virtio/virtio-gpu/virgl_protocol.h. */
#define VIRGL_NOP	0u

/* libvirglrenderer has global state, so this may have, too. */
static struct {
	uint32_t last_context;		/* whose GL context is current; 0 for unknown */
	uint32_t n_contexts;
	uint32_t fences;		/* created and not reported yet; the fence thread counts down */
	bool waiting;			/* for it, with the renderer's poll descriptor */
	struct gpu_time time;
} virgl;

static void on_write_fence(void *cookie, uint32_t fence)
{
	/* Fences of context 0; none are ever created. */
	(void)cookie;
	(void)fence;
}

static void on_write_context_fence(void *cookie, uint32_t context_id, uint32_t ring_idx,
				   uint64_t fence_id)
{
	const uint64_t one = 1;
	struct gpu *gpu = cookie;

	gpu->config.fence_done(gpu->config.arg, context_id, ring_idx, fence_id);
	__atomic_sub_fetch(&virgl.fences, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&virgl.waiting, __ATOMIC_SEQ_CST) &&
	    write(virgl_renderer_get_poll_fd(), &one, sizeof(one)) < 0)
		return;		/* it is readable already */
}

static const struct virgl_renderer_callbacks callbacks = {
	.version = 3,
	.write_fence = on_write_fence,
	.write_context_fence = on_write_context_fence,
};

static int virgl_init(struct gpu *gpu, const char *device, char why[GPU_MAX_TEXT])
{
	char warm[GPU_MAX_TEXT];
	int err;

	err = gpu_renderer_start(gpu, device, &callbacks, why);
	if (err)
		return err;
	gpu_shaders_offer();
	if (gpu_warm(warm)) {
		snprintf(why, GPU_MAX_TEXT, "%.100s: %.100s", gpu->renderer, warm);
		gpu_renderer_stop(gpu);
		return -ENODEV;
	}
	gpu_time_open(&virgl.time, gpu->on_cpu);
	gpu->clock = virgl.time.clock;
	gpu->has_busy_ns = strcmp(gpu->clock, "fences");
	return 0;
}

static void virgl_fini(struct gpu *gpu)
{
	gpu_time_close(&virgl.time);
	gpu_renderer_stop(gpu);
}

/*
 * The renderer's own GL context is current after this, and noted: the next commands, of whichever
 * context, switch to theirs.
 */
static void own_context(void)
{
	virgl_renderer_force_ctx_0();
	virgl.last_context = 0;
}

/*
 * What a call that used a context amounts to. A context in_error refuses to be switched to, but
 * only then, so the way to find out is to switch away from it and back. That flushes; it is done
 * only after a call that failed or that made the renderer complain. (A complaint about a query,
 * from inside poll, is looked into at the next call: then with that call's context.)
 */
static int settle(uint32_t context_id, int ret)
{
	uint32_t nop = VIRGL_NOP;

	if (!gpu_renderer_complained() && !ret)
		return 0;
	own_context();
	if (virgl_renderer_submit_cmd(&nop, (int)context_id, 1))
		return -ENOTRECOVERABLE;
	return ret ? -EIO : 0;
}

/*
 * Without own_context() the next commands of the context that drew last would be executed in the new
 * one's GL context, where nothing is bound: a draw is an error there, which costs the innocent context
 * everything. Source: virglrenderer, vrend_renderer_create_sub_ctx(), vrend_hw_switch_context().
 */
static int virgl_context_create(struct gpu *gpu, uint32_t context_id,
				const struct vgpuif_context_create *args)
{
	char name[VGPUIF_MAX_CONTEXT_NAME + 1];
	int ret;

	(void)gpu;
	memcpy(name, args->name, VGPUIF_MAX_CONTEXT_NAME);
	name[VGPUIF_MAX_CONTEXT_NAME] = '\0';
	ret = virgl_renderer_context_create_with_flags(context_id, args->capset_id,
						       (uint32_t)strlen(name), name);
	own_context();
	if (ret)
		return -EIO;
	virgl.n_contexts++;
	return 0;
}

static void virgl_poll(struct gpu *gpu)
{
	(void)gpu;
	/* It switches to the context of every query it looks at. */
	virgl.last_context = 0;
	virgl_renderer_poll();
}

/*
 * The renderer's fence thread keeps a pointer to the context of the fence that it waits for, and to the
 * next fence, and would use them after a context is gone. Source: virglrenderer, wait_sync(),
 * thread_sync() and vrend_free_fences_for_context().
 */
static bool virgl_await_fence(struct gpu *gpu)
{
	struct pollfd fd = { .fd = virgl_renderer_get_poll_fd(), .events = POLLIN };

	__atomic_store_n(&virgl.waiting, true, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&virgl.fences, __ATOMIC_SEQ_CST)) {
		__atomic_store_n(&virgl.waiting, false, __ATOMIC_SEQ_CST);
		return false;
	}
	poll(&fd, 1, -1);
	/* Where there are queries, that thread waits for us to look at them. */
	virgl_poll(gpu);
	return true;
}

static void virgl_context_destroy(struct gpu *gpu, uint32_t context_id)
{
	(void)gpu;
	virgl_renderer_context_destroy(context_id);
	own_context();
	virgl.n_contexts--;
}

/*
 * Before a resource is made or destroyed: the renderer binds it to where the current GL context has a
 * texture that its next draw may count on, and deletes by a number a framebuffer that is another
 * context's. One context alone pays for its own resources only, and is left in peace.
 */
static void between_contexts(void)
{
	if (virgl.n_contexts > 1)
		own_context();
}

static int virgl_context_attach(struct gpu *gpu, uint32_t context_id, uint32_t resource_id)
{
	(void)gpu;
	/*
	 * Twice is once: virglrenderer 0.10 lists a blob each time that it is attached, and takes one of
	 * these off the list when the blob is freed. Source: its vrend_renderer_attach_res_ctx().
	 */
	virgl_renderer_ctx_detach_resource((int)context_id, (int)resource_id);
	virgl_renderer_ctx_attach_resource((int)context_id, (int)resource_id);
	return 0;
}

static void virgl_context_detach(struct gpu *gpu, uint32_t context_id, uint32_t resource_id)
{
	(void)gpu;
	virgl_renderer_ctx_detach_resource((int)context_id, (int)resource_id);
}

static int virgl_resource_create(struct gpu *gpu, const struct vgpuif_resource_create *args)
{
	struct virgl_renderer_resource_create_args create = {
		.handle = args->resource_id,
		.target = args->target,
		.format = args->format,
		.bind = args->bind,
		.width = args->width,
		.height = args->height,
		.depth = args->depth,
		.array_size = args->array_size,
		.last_level = args->last_level,
		.nr_samples = args->nr_samples,
		.flags = args->resource_flags,
	};

	(void)gpu;
	between_contexts();
	return virgl_renderer_resource_create(&create, NULL, 0) ? -EIO : 0;
}

static int virgl_resource_create_blob(struct gpu *gpu,
				      const struct vgpuif_resource_create_blob *args,
				      struct iovec *iov)
{
	/* VGPUIF_BLOB_MEM_ and _FLAG_ have the values of VIRTIO's, and so have virglrenderer's. */
	struct virgl_renderer_resource_create_blob_args create = {
		.res_handle = args->resource_id,
		.ctx_id = args->context_id,
		.blob_mem = args->blob_mem,
		.blob_flags = args->blob_flags,
		.blob_id = args->blob_id,
		.size = args->bytes,
		.iovecs = iov,
		.num_iovs = 1,
	};

	(void)gpu;
	if (args->blob_mem != VGPUIF_BLOB_MEM_GUEST)
		return -EOPNOTSUPP;
	return virgl_renderer_resource_create_blob(&create) ? -EIO : 0;
}

static int virgl_resource_attach(struct gpu *gpu, uint32_t resource_id, struct iovec *iov)
{
	(void)gpu;
	return virgl_renderer_resource_attach_iov((int)resource_id, iov, 1) ? -EIO : 0;
}

static void virgl_resource_detach(struct gpu *gpu, uint32_t resource_id)
{
	struct iovec *iov;
	int n;

	(void)gpu;
	virgl_renderer_resource_detach_iov((int)resource_id, &iov, &n);
}

static void virgl_resource_unref(struct gpu *gpu, uint32_t resource_id)
{
	(void)gpu;
	between_contexts();
	virgl_renderer_resource_unref(resource_id);
}

static int virgl_transfer(struct gpu *gpu, const struct vgpuif_transfer *args, bool to_host)
{
	struct virgl_box box = { args->x, args->y, args->z,
				 args->width, args->height, args->depth };
	int ret;

	(void)gpu;
	virgl.last_context = args->context_id;
	if (to_host)
		ret = virgl_renderer_transfer_write_iov(args->resource_id, args->context_id,
							(int)args->level, args->stride,
							args->layer_stride, &box, args->offset,
							NULL, 0);
	else
		ret = virgl_renderer_transfer_read_iov(args->resource_id, args->context_id,
						       args->level, args->stride,
						       args->layer_stride, &box, args->offset,
						       NULL, 0);
	return settle(args->context_id, ret);
}

static int virgl_submit(struct gpu *gpu, uint32_t context_id, void *cmds, uint32_t bytes)
{
	int ret = gpu_stream_check(gpu, cmds, bytes / 4);

	if (ret)
		return ret;
	virgl.last_context = context_id;
	ret = virgl_renderer_submit_cmd(cmds, (int)context_id, (int)(bytes / 4));
	return settle(context_id, ret);
}

static int virgl_fence(struct gpu *gpu, uint32_t context_id, uint32_t ring_idx, uint64_t fence_id)
{
	uint32_t nop = VIRGL_NOP;

	(void)gpu;
	if (virgl.last_context != context_id) {
		if (virgl_renderer_submit_cmd(&nop, (int)context_id, 1))
			return -ENOTRECOVERABLE;
		virgl.last_context = context_id;
	}
	__atomic_add_fetch(&virgl.fences, 1, __ATOMIC_SEQ_CST);
	/* Not MERGEABLE: every fence is reported, in order. */
	if (!virgl_renderer_context_create_fence(context_id, 0, ring_idx, fence_id))
		return 0;
	__atomic_sub_fetch(&virgl.fences, 1, __ATOMIC_SEQ_CST);
	return -EIO;
}

static uint64_t virgl_busy_ns(struct gpu *gpu)
{
	(void)gpu;
	return gpu_time_busy_ns(&virgl.time);
}

static void virgl_keep_shaders(struct gpu *gpu, const struct shaders *shaders,
			       struct ctl_stats *stats)
{
	(void)gpu;
	gpu_shaders_attach(shaders, stats);
}

static int virgl_poll_fd(struct gpu *gpu)
{
	(void)gpu;
	return virgl_renderer_get_poll_fd();
}

const struct gpu_ops gpu_virgl_ops = {
	.name = "virgl",
	.init = virgl_init,
	.fini = virgl_fini,
	.context_create = virgl_context_create,
	.context_destroy = virgl_context_destroy,
	.context_attach = virgl_context_attach,
	.context_detach = virgl_context_detach,
	.resource_create = virgl_resource_create,
	.resource_create_blob = virgl_resource_create_blob,
	.resource_attach = virgl_resource_attach,
	.resource_detach = virgl_resource_detach,
	.resource_unref = virgl_resource_unref,
	.transfer = virgl_transfer,
	.submit = virgl_submit,
	.fence = virgl_fence,
	.await_fence = virgl_await_fence,
	.busy_ns = virgl_busy_ns,
	.keep_shaders = virgl_keep_shaders,
	.poll_fd = virgl_poll_fd,
	.poll = virgl_poll,
};
