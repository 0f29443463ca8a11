/* SPDX-License-Identifier: GPL-2.0-only */
/* A first draw, so that a driver has loaded and opened all it needs, and to see that it draws. */
#ifndef BACKEND_GPU_WARM_H
#define BACKEND_GPU_WARM_H

#include "gpu.h"

/*
 * gpu_warm() - compile a shader, draw with it, and look at what came out, in the current GL
 * context, whose bindings are as before afterwards.
 * @why: set on failure, a sentence that says what the driver does not do.
 * Returns 0 or -EIO.
 */
int gpu_warm(char why[GPU_MAX_TEXT]);

#endif
