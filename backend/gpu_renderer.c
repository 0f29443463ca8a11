// SPDX-License-Identifier: GPL-2.0-only
/* libvirglrenderer started on the GPU that was asked for, ended, and what it says meanwhile. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VIRGL_RENDERER_UNSTABLE_APIS
#include <epoxy/gl.h>
#include <virglrenderer.h>

#include "gpu.h"
#include "gpu_renderer.h"
#include "wrk_log.h"

/* libvirglrenderer has global state, so this may have, too. */
static struct {
	int drm_fd;			/* handed to the renderer as copies; -1 for none */
	struct virgl_renderer_callbacks callbacks;	/* the renderer keeps a pointer to them */
	bool complained;		/* of a context, since somebody asked */
	bool starting;			/* keep what it says, for when it fails */
	char said[160];
} renderer = { .drm_fd = -1 };

static int on_get_drm_fd(void *cookie)
{
	(void)cookie;
	return renderer.drm_fd < 0 ? -1 : dup(renderer.drm_fd);
}

/* May be called from the renderer's fence thread. */
static void on_message(const char *fmt, va_list ap)
{
	char text[512];

	vsnprintf(text, sizeof(text), fmt, ap);
	if (strstr(text, "context error reported"))
		__atomic_store_n(&renderer.complained, true, __ATOMIC_RELAXED);
	if (renderer.starting)
		snprintf(renderer.said, sizeof(renderer.said), "%.*s", (int)strcspn(text, "\n"), text);
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

void gpu_renderer_stop(struct gpu *gpu)
{
	virgl_renderer_cleanup(gpu);
	while (gpu->n_capsets)
		free(gpu->capset[--gpu->n_capsets].data);
}

static int try_start(struct gpu *gpu, int flags)
{
	int err;

	if (virgl_renderer_init(gpu, flags | VIRGL_RENDERER_USE_EGL | VIRGL_RENDERER_THREAD_SYNC |
				VIRGL_RENDERER_ASYNC_FENCE_CB, &renderer.callbacks))
		return -ENODEV;
	/* Without the descriptor fences could only be found by asking again and again. */
	err = virgl_renderer_get_poll_fd() < 0 ? -ENODEV : read_capsets(gpu);
	if (err)
		gpu_renderer_stop(gpu);
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
	renderer.said[0] = '\0';
	renderer.starting = true;
	err = try_start(gpu, flags);
	if (!err && epoxy_is_desktop_gl() && !desktop_gl_will_do()) {
		gpu_renderer_stop(gpu);
		err = try_start(gpu, flags | VIRGL_RENDERER_USE_GLES);
	}
	renderer.starting = false;
	if (err && renderer.said[0])
		wrk_log("renderer: %s", renderer.said);
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

	renderer.drm_fd = gpu_drm_open(node, why);
	if (renderer.drm_fd < 0) {
		err = renderer.drm_fd;
		renderer.drm_fd = -1;
		return err;
	}
	err = start(gpu, 0);
	close(renderer.drm_fd);
	renderer.drm_fd = -1;
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
			gpu_renderer_stop(gpu);
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

int gpu_renderer_start(struct gpu *gpu, const char *device,
		       const struct virgl_renderer_callbacks *callbacks, char why[GPU_MAX_TEXT])
{
	renderer.callbacks = *callbacks;
	renderer.callbacks.get_drm_fd = on_get_drm_fd;
	/* It takes away the fence thread, without which there is no descriptor to wait on. */
	unsetenv("VIRGL_DISABLE_MT");
	virgl_set_debug_callback(on_message);
	if (!strcmp(device, "auto"))
		return start_auto(gpu, why);
	if (!strcmp(device, "soft"))
		return start_soft(gpu, why);
	return start_node(gpu, device, why);
}

bool gpu_renderer_complained(void)
{
	return __atomic_exchange_n(&renderer.complained, false, __ATOMIC_RELAXED);
}
