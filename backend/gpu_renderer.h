/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libvirglrenderer started on the GPU that was asked for, ended, and what it says meanwhile. One a
 * process. The functions are called by the thread that renders.
 */
#ifndef XENGPU_GPU_RENDERER_H
#define XENGPU_GPU_RENDERER_H

#include <stdbool.h>

#include "gpu.h"

struct virgl_renderer_callbacks;

/*
 * Start the renderer, and fill in gpu->renderer, on_cpu, capset and n_capsets. device: "auto", "soft"
 * or the path of a render node, as gpu_ops.init() has it. callbacks: version and what answers fences;
 * copied, the rest is set here. The renderer's own GL context is current afterwards. Ends with 0, or
 * with -errno and why it does not start.
 */
int gpu_renderer_start(struct gpu *gpu, const char *device,
		       const struct virgl_renderer_callbacks *callbacks, char why[GPU_MAX_TEXT]);

/* End it, and forget the capsets. */
void gpu_renderer_stop(struct gpu *gpu);

/* Since this was asked last, the renderer has complained of commands of some context. */
bool gpu_renderer_complained(void);

#endif
