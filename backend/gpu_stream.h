/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's commands before the renderer sees them. It checks them itself; here is what it lets pass
 * and should not.
 */
#ifndef BACKEND_GPU_STREAM_H
#define BACKEND_GPU_STREAM_H

#include <stdint.h>

#include "gpu.h"

/*
 * gpu_stream_check() - look through commands of virgl's.
 * @cmds: untrusted, a copy that the guest cannot reach; views of texture buffers are cut in it.
 * @n: words.
 * Returns 0; -EOPNOTSUPP, a command that no guest needs; -EINVAL, one that the renderer would go by
 * outside of its memory.
 */
int gpu_stream_check(const struct gpu *gpu, uint32_t *cmds, uint32_t n);

#endif
