/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Texture buffers. A guest's buffer is at most as large as what it may grant in one piece, so fewer
 * texels are offered than the renderer would take. What is offered is also kept to: a buffer may have
 * more texels than that, if they are small, and a program sees the first so many of them. OpenGL's
 * rule is that the driver cuts there, a guest's Mesa leaves it to the GPU's, and that knows only its
 * own limit. Source: OpenGL 4.6, 8.9; Mesa, st_get_buffer_sampler_view_from_stobj().
 */
#ifndef BACKEND_GPU_TEXELS_H
#define BACKEND_GPU_TEXELS_H

#include <stdint.h>

#include "gpu.h"

/* Commands of virgl's. Source: Mesa src/virtio/virtio-gpu/virgl_protocol.h, enum virgl_context_cmd. */
#define VIRGL_CREATE_OBJECT	1u
#define VIRGL_SET_SHADER_IMAGES	35u

/* In struct virgl_caps_v1, max_tbo_size; struct virgl_caps_v2 begins with the former. Source: virgl_hw.h. */
#define VIRGL_CAPS_TEXTURE_BUFFER 292u

/*
 * gpu_texels_offer() - offer texture buffers of as many texels as fit, of the largest, into one buffer.
 * @buffer_bytes: the most that a guest may register as one.
 *
 * So a program that wants all there is gets it. Of a renderer that takes less, that is offered.
 */
void gpu_texels_offer(struct gpu *gpu, uint64_t buffer_bytes);

/*
 * gpu_texels_cut() - make views of larger texture buffers end after what was offered. A renderer whose
 * GL has no ranges of texture buffers (below 4.3, ES 3.2) takes all of a buffer nevertheless.
 * @command: untrusted; CREATE_OBJECT or SET_SHADER_IMAGES, of which views and images are written to.
 * @n: words from there to the end of the commands, at least 1; what says that it is longer is left
 *     as it is, for the renderer to refuse.
 */
void gpu_texels_cut(const struct gpu *gpu, uint32_t *command, uint32_t n);

#endif
