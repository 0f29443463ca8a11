/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Compiled shaders: the driver asks us for them, and gives us those it made, by EGL's
 * EGL_ANDROID_blob_cache. Not all have it: llvmpipe has in Mesa 25, and not in 22.3.
 */
#ifndef BACKEND_GPU_SHADERS_H
#define BACKEND_GPU_SHADERS_H

#include "ctl.h"
#include "ctl_shaders.h"

/* gpu_shaders_offer() - a context of the display is current. Nothing is kept before attach. */
void gpu_shaders_offer(void);

/*
 * gpu_shaders_attach() - keep shaders in @shaders from here on, and count.
 * @shaders, @stats: borrowed for good.
 */
void gpu_shaders_attach(const struct shaders *shaders, struct ctl_stats *stats);

#endif
