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
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VIRGL_RENDERER_UNSTABLE_APIS
#include <epoxy/gl.h>
#include <virglrenderer.h>

#include "gpu.h"
#include "gpu_shaders.h"
#include "gpu_texels.h"
#include "gpu_time.h"
#include "gpu_warm.h"
#include "wrk_log.h"

/* Has no public definition. Source: virglrenderer src/virgl_hw.h. */
struct virgl_box {
	uint32_t x, y, z;
	uint32_t w, h, d;
};

/* VIRGL_CCMD_NOP without arguments. Source: Mesa src/virtio/virtio-gpu/virgl_protocol.h. */
#define VIRGL_NOP	0u

/*
 * VIRGL_CCMD_PIPE_RESOURCE_CREATE, by the same source: the 49th of its commands. A header has the
 * command in its lowest octet and the number of words that follow in its upper half.
 */
#define VIRGL_PIPE_RESOURCE_CREATE 48u

/* libvirglrenderer has global state, so this may have, too. */
static struct {
	int drm_fd;			/* handed to the renderer as copies; -1 for none */
	uint32_t last_context;		/* whose GL context is current; 0 for unknown */
	uint32_t n_contexts;
	uint32_t fences;		/* created and not reported yet; the fence thread counts down */
	bool waiting;			/* for it, with the renderer's poll descriptor */
	bool suspect;			/* the renderer reported a broken context */
	bool starting;			/* keep what it says, for when it fails */
	char said[160];
	struct gpu_time time;
} virgl = { .drm_fd = -1 };

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

static int on_get_drm_fd(void *cookie)
{
	(void)cookie;
	return virgl.drm_fd < 0 ? -1 : dup(virgl.drm_fd);
}

static struct virgl_renderer_callbacks callbacks = {
	.version = 3,
	.write_fence = on_write_fence,
	.get_drm_fd = on_get_drm_fd,
	.write_context_fence = on_write_context_fence,
};

/* May be called from the renderer's fence thread. */
static void on_message(const char *fmt, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (strstr(text, "context error reported"))
		__atomic_store_n(&virgl.suspect, true, __ATOMIC_RELAXED);
	if (virgl.starting)
		snprintf(virgl.said, sizeof(virgl.said), "%.*s", (int)strcspn(text, "\n"), text);
	else
		wrk_log("renderer: %s", text);
}

/*
 * On OpenGL ES the renderer offers textures that it then cannot fill: ES has no upload of BGRA in 16
 * bits, and the error costs the guest its context. Without the offer the guest's Mesa takes 8 bits a
 * component. Source: VIRGL_FORMAT_B5G5R5A1_UNORM, _B4G4R4A4_UNORM in virglrenderer's virgl_hw.h; both
 * capsets begin with a version, the mask of formats that can be sampled, and that of those that can
 * be drawn to.
 */
static void take_back_formats(struct gpu_capset *capset)
{
	enum { MASK_WORDS = 16, B5G5R5A1 = 5, B4G4R4A4 = 6 };
	const uint32_t formats = 1u << B5G5R5A1 | 1u << B4G4R4A4;
	uint32_t *words = capset->data;

	if (capset->max_bytes < (1 + 2 * MASK_WORDS) * sizeof(*words))
		return;
	words[1] &= ~formats;
	words[1 + MASK_WORDS] &= ~formats;
}

static int read_capsets(struct gpu *gpu)
{
	static const uint32_t ids[] = { VGPUIF_CAPSET_VIRGL, VGPUIF_CAPSET_VIRGL2 };
	size_t i;

	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct gpu_capset *capset = &gpu->capset[gpu->n_capsets];

		*capset = (struct gpu_capset){ .id = ids[i] };
		virgl_renderer_get_cap_set(ids[i], &capset->max_version, &capset->max_bytes);
		if (!capset->max_bytes)
			continue;
		capset->data = calloc(1, capset->max_bytes);
		if (!capset->data)
			return -ENOMEM;
		gpu->n_capsets++;
		virgl_renderer_fill_caps(capset->id, capset->max_version, capset->data);
		if (!epoxy_is_desktop_gl())
			take_back_formats(capset);
	}
	return gpu->n_capsets ? 0 : -ENODEV;
}

/* The renderer's own GL context is current after this. */
static void read_renderer(struct gpu *gpu)
{
	static const char *const software[] = { "llvmpipe", "softpipe", "swrast", "SWR" };
	const char *text;
	size_t i;

	virgl_renderer_force_ctx_0();
	text = (const char *)glGetString(GL_RENDERER);
	snprintf(gpu->renderer, sizeof(gpu->renderer), "%s", text ? text : "unknown");
	for (i = 0; i < sizeof(software) / sizeof(software[0]); i++)
		if (strstr(gpu->renderer, software[i]))
			gpu->on_cpu = true;
}

static void stop(struct gpu *gpu)
{
	virgl_renderer_cleanup(gpu);
	while (gpu->n_capsets)
		free(gpu->capset[--gpu->n_capsets].data);
}

static int try_start(struct gpu *gpu, int flags)
{
	int err;

	if (virgl_renderer_init(gpu, flags | VIRGL_RENDERER_USE_EGL | VIRGL_RENDERER_THREAD_SYNC |
				VIRGL_RENDERER_ASYNC_FENCE_CB, &callbacks))
		return -ENODEV;
	/* Without the descriptor fences could only be found by asking again and again. */
	err = virgl_renderer_get_poll_fd() < 0 ? -ENODEV : read_capsets(gpu);
	if (err)
		stop(gpu);
	else
		read_renderer(gpu);
	return err;
}

/*
 * The renderer sets GL_TEXTURE_CUBE_MAP_SEAMLESS on every sampler of desktop GL. Where the driver
 * does not know that (Mesa's own virgl, for one) the error it raises costs the guest its context;
 * in OpenGL ES it is not asked for. Source: virglrenderer, vrend_create_sampler_state().
 */
static bool desktop_gl_will_do(void)
{
	return epoxy_has_gl_extension("GL_ARB_seamless_cubemap_per_texture") ||
	       epoxy_has_gl_extension("GL_AMD_seamless_cubemap_per_texture");
}

static int start(struct gpu *gpu, int flags)
{
	int err;

	gpu->on_cpu = false;
	virgl.said[0] = '\0';
	virgl.starting = true;
	err = try_start(gpu, flags);
	if (!err && epoxy_is_desktop_gl() && !desktop_gl_will_do()) {
		stop(gpu);
		err = try_start(gpu, flags | VIRGL_RENDERER_USE_GLES);
	}
	virgl.starting = false;
	if (err && virgl.said[0])
		wrk_log("renderer: %s", virgl.said);
	return err;
}

static int start_soft(struct gpu *gpu, char why[GPU_MAX_TEXT])
{
	/* Mesa would take a GPU where it finds one. */
	setenv("LIBGL_ALWAYS_SOFTWARE", "1", 1);
	if (start(gpu, VIRGL_RENDERER_USE_SURFACELESS)) {
		snprintf(why, GPU_MAX_TEXT, "Mesa's software renderer did not start; are the "
			 "packages libegl-mesa0 and libgl1-mesa-dri installed?");
		return -ENODEV;
	}
	return 0;
}

static int start_node(struct gpu *gpu, const char *node, char why[GPU_MAX_TEXT])
{
	int err;

	virgl.drm_fd = gpu_drm_open(node, why);
	if (virgl.drm_fd < 0) {
		err = virgl.drm_fd;
		virgl.drm_fd = -1;
		return err;
	}
	err = start(gpu, 0);
	close(virgl.drm_fd);
	virgl.drm_fd = -1;
	if (err)
		snprintf(why, GPU_MAX_TEXT, "%.64s: OpenGL did not start on it; install the Mesa "
			 "driver of this GPU (libgl1-mesa-dri), or choose --gpu soft", node);
	return err;
}

/*
 * The first node with a GPU that draws; the processors where there is none. A GPU that is there and
 * cannot be used is an error and not a reason to draw on the processors: nobody would notice.
 */
static int start_auto(struct gpu *gpu, char why[GPU_MAX_TEXT])
{
	char nodes[GPU_MAX_NODES][GPU_MAX_NODE_PATH], first[GPU_MAX_TEXT] = "";
	unsigned int i, n = gpu_drm_nodes(nodes);
	int err;

	for (i = 0; i < n; i++) {
		err = start_node(gpu, nodes[i], why);
		if (!err && !gpu->on_cpu)
			return 0;
		if (!err) {
			snprintf(why, GPU_MAX_TEXT, "%.64s: Mesa has no driver for this GPU and "
				 "would draw on the processor", nodes[i]);
			stop(gpu);
		}
		wrk_log("%s", why);
		if (err != -ENOTTY && !first[0])
			snprintf(first, sizeof(first), "%s", why);
	}
	if (!first[0])
		return start_soft(gpu, why);
	snprintf(why, GPU_MAX_TEXT, "%.190s (--gpu soft draws on the processor)", first);
	return -ENODEV;
}

static int virgl_init(struct gpu *gpu, const char *device, char why[GPU_MAX_TEXT])
{
	char warm[GPU_MAX_TEXT];
	int err;

	/* It takes away the fence thread, without which there is no descriptor to wait on. */
	unsetenv("VIRGL_DISABLE_MT");
	virgl_set_debug_callback(on_message);
	if (!strcmp(device, "auto"))
		err = start_auto(gpu, why);
	else if (!strcmp(device, "soft"))
		err = start_soft(gpu, why);
	else
		err = start_node(gpu, device, why);
	if (err)
		return err;
	virgl_renderer_force_ctx_0();
	gpu_shaders_offer();
	if (gpu_warm(warm)) {
		snprintf(why, GPU_MAX_TEXT, "%.100s: %.100s", gpu->renderer, warm);
		stop(gpu);
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
	stop(gpu);
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

	if (!ret && !__atomic_load_n(&virgl.suspect, __ATOMIC_RELAXED))
		return 0;
	__atomic_store_n(&virgl.suspect, false, __ATOMIC_RELAXED);
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

/*
 * Look through commands before the renderer does. There is one that allocates: for a blob in the
 * renderer's memory, which is made of it later. We have no such blobs, so no frontend needs it, and
 * what it allocates would be in nobody's account.
 */
static int look_through(const struct gpu *gpu, uint32_t *cmds, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i += 1 + (cmds[i] >> 16)) {
		switch (cmds[i] & 0xff) {
		case VIRGL_PIPE_RESOURCE_CREATE:
			return -EOPNOTSUPP;
		case VIRGL_CREATE_OBJECT:
		case VIRGL_SET_SHADER_IMAGES:
			gpu_texels_cut(gpu, cmds + i, n - i);
			break;
		}
	}
	return 0;
}

static int virgl_submit(struct gpu *gpu, uint32_t context_id, void *cmds, uint32_t bytes)
{
	int ret = look_through(gpu, cmds, bytes / 4);

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
