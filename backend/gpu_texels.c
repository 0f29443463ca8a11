// SPDX-License-Identifier: GPL-2.0-only
/*
 * Texture buffers; see gpu_texels.h. The layout of commands is that of Mesa's virgl_encode.c,
 * virgl_encode_sampler_view() and virgl_encode_set_shader_images().
 *
 * The words that are looked at mean something else for other textures: layers and levels, and for
 * images with octets that nobody set. So the resource must be a buffer, which its command does not say.
 */
#include <string.h>

#include "gpu_texels.h"
#include "wrk_size.h"

#define MAX_TEXEL_BYTES	16u

#define OBJECT_SAMPLER_VIEW 6u

/* Places in a view's command. */
enum { VIEW_RESOURCE = 2, VIEW_FIRST = 4, VIEW_LAST = 5, VIEW_WORDS = 7 };

/* Places in each image of a command, and where the first is. */
enum { IMAGE_FORMAT, IMAGE_ACCESS, IMAGE_OFFSET, IMAGE_BYTES, IMAGE_RESOURCE, IMAGE_WORDS };
enum { FIRST_IMAGE = 3 };

void gpu_texels_offer(struct gpu *gpu, uint64_t buffer_bytes)
{
	const uint64_t most = buffer_bytes / MAX_TEXEL_BYTES;
	uint32_t i, word;

	for (i = 0; i < gpu->n_capsets; i++) {
		struct gpu_capset *capset = &gpu->capset[i];
		uint8_t *at = (uint8_t *)capset->data + VIRGL_CAPS_TEXTURE_BUFFER;

		if ((capset->id != VGPUIF_CAPSET_VIRGL && capset->id != VGPUIF_CAPSET_VIRGL2) ||
		    capset->max_bytes < VIRGL_CAPS_TEXTURE_BUFFER + sizeof(word))
			continue;
		memcpy(&word, at, sizeof(word));
		if (word > most)
			word = (uint32_t)most;
		memcpy(at, &word, sizeof(word));
		gpu->max_texels = word;
	}
}

static bool is_buffer(const struct gpu *gpu, uint32_t resource_id)
{
	return gpu->config.is_buffer && gpu->config.is_buffer(gpu->config.arg, resource_id);
}

static void cut_view(const struct gpu *gpu, uint32_t *view)
{
	const uint32_t first = view[VIEW_FIRST], last = view[VIEW_LAST];

	if (last >= first && last - first >= gpu->max_texels && is_buffer(gpu, view[VIEW_RESOURCE]))
		view[VIEW_LAST] = first + gpu->max_texels - 1;
}

static void cut_image(const struct gpu *gpu, uint32_t *image)
{
	uint32_t side;
	const uint64_t most = (uint64_t)gpu->max_texels * wrk_size_block(image[IMAGE_FORMAT], &side);

	if (image[IMAGE_BYTES] > most && is_buffer(gpu, image[IMAGE_RESOURCE]))
		image[IMAGE_BYTES] = (uint32_t)most;
}

void gpu_texels_cut(const struct gpu *gpu, uint32_t *command, uint32_t n)
{
	const uint32_t words = 1 + (command[0] >> 16), object = command[0] >> 8 & 0xff;
	uint32_t i;

	if (!gpu->max_texels || words > n)
		return;
	if ((command[0] & 0xff) == VIRGL_SET_SHADER_IMAGES) {
		for (i = FIRST_IMAGE; i + IMAGE_WORDS <= words; i += IMAGE_WORDS)
			cut_image(gpu, command + i);
	} else if (object == OBJECT_SAMPLER_VIEW && words >= VIEW_WORDS) {
		cut_view(gpu, command);
	}
}
