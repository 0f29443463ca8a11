// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands that the renderer should not see. The layout is that of Mesa's and virglrenderer's
 * virgl_protocol.h: a header has the command in its lowest octet and the number of words that follow in
 * its upper half.
 */
#include <errno.h>

#include "gpu_stream.h"
#include "gpu_texels.h"
#include "request.h"

#define VIRGL_INLINE_WRITE	9u
#define VIRGL_COPY_REGION	17u
#define VIRGL_TRANSFER3D	43u
#define VIRGL_COPY_TRANSFER3D	45u
#define VIRGL_PIPE_RESOURCE_CREATE 48u

/* The same places in all three (VIRGL_RESOURCE_IW_*). */
enum { BOX_STRIDE = 4, BOX_LAYER_STRIDE, BOX_X, BOX_Y, BOX_Z, BOX_WIDTH, BOX_HEIGHT, BOX_DEPTH, BOX_END };

/* Places in a copy: the two corners, and the box's size behind the second (VIRGL_CMD_RCR_*). */
enum { COPY_TO = 3, COPY_FROM = 8, COPY_SIZE = 11, COPY_END = 14 };

static bool copy_ok(const uint32_t *command, unsigned int corner)
{
	const struct request_box box = {
		.x = command[corner], .y = command[corner + 1], .z = command[corner + 2],
		.width = command[COPY_SIZE], .height = command[COPY_SIZE + 1], .depth = command[COPY_SIZE + 2],
	};

	return request_box_ok(&box);
}

/* A request with such a box is refused, too: request.c. */
static bool box_ok(const uint32_t *command)
{
	const struct request_box box = {
		.stride = command[BOX_STRIDE], .layer_stride = command[BOX_LAYER_STRIDE],
		.x = command[BOX_X], .y = command[BOX_Y], .z = command[BOX_Z],
		.width = command[BOX_WIDTH], .height = command[BOX_HEIGHT], .depth = command[BOX_DEPTH],
	};

	return request_box_ok(&box);
}

/* One that is shorter, or longer than what there is, the renderer refuses. */
static bool whole(const uint32_t *command, uint32_t n, uint32_t words)
{
	return command[0] >> 16 >= words - 1 && n >= words;
}

int gpu_stream_check(const struct gpu *gpu, uint32_t *cmds, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i += 1 + (cmds[i] >> 16)) {
		switch (cmds[i] & 0xff) {
		case VIRGL_PIPE_RESOURCE_CREATE:
			/*
			 * It allocates: for a blob in the renderer's memory, which is made of it later. We
			 * have no such blobs, and what it allocates would be in nobody's account.
			 */
			return -EOPNOTSUPP;
		case VIRGL_INLINE_WRITE:
		case VIRGL_TRANSFER3D:
		case VIRGL_COPY_TRANSFER3D:
			if (whole(cmds + i, n - i, BOX_END) && !box_ok(cmds + i))
				return -EINVAL;
			break;
		case VIRGL_COPY_REGION:
			if (whole(cmds + i, n - i, COPY_END) &&
			    (!copy_ok(cmds + i, COPY_TO) || !copy_ok(cmds + i, COPY_FROM)))
				return -EINVAL;
			break;
		case VIRGL_CREATE_OBJECT:
		case VIRGL_SET_SHADER_IMAGES:
			gpu_texels_cut(gpu, cmds + i, n - i);
			break;
		}
	}
	return 0;
}
