// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sizes of resources; see wrk_size.h. The table says what a pixel takes where the GPU keeps it,
 * which may be more than its format's name says: three components are kept as four, depth in 32
 * bits, and ETC and ASTC, which the GPUs of desktops do not know, are kept uncompressed by Mesa.
 *
 * Source of the numbers: enum virgl_formats in Mesa's src/virtio/virtio-gpu/virgl_hw.h (22.3 to
 * 25.0), which is what a guest's Mesa sends; the targets are gallium's, enum pipe_texture_target in
 * p_defines.h.
 */
#include "wrk_size.h"

#define UNKNOWN_BYTES	16u	/* the most that any format takes but four doubles */
#define MAX_LEVELS	32u	/* a 33rd is 1 x 1 for every 32-bit size, and none is that large */

enum {
	TARGET_BUFFER = 0,
	TARGET_TEXTURE_CUBE = 4,
};

struct kind {
	uint16_t first, last;	/* formats, both included */
	uint8_t bytes;		/* of a block */
	uint8_t side;		/* of a block, in pixels; 0 counts as 1 */
};

/* In ascending order, and apart from each other: what is between is unknown. */
static const struct kind kinds[] = {
	{ 1, 4, 4, 0 },		/* B8G8R8A8 and its orders */
	{ 5, 7, 2, 0 },		/* B5G5R5A1, B4G4R4A4, B5G6R5 */
	{ 8, 8, 4, 0 },		/* R10G10B10A2 */
	{ 9, 11, 1, 0 },	/* L8, A8, I8 */
	{ 12, 13, 2, 0 },	/* L8A8, L16 */
	{ 14, 15, 4, 0 },	/* UYVY, YUYV: converted */
	{ 16, 23, 4, 0 },	/* Z16 to S8 */
	{ 24, 24, 8, 0 },	/* R64 */
	{ 25, 25, 16, 0 },	/* R64G64 */
	{ 26, 27, 32, 0 },	/* R64G64B64, R64G64B64A64 */
	{ 28, 28, 4, 0 },	/* R32_FLOAT */
	{ 29, 29, 8, 0 },
	{ 30, 31, 16, 0 },
	{ 32, 32, 4, 0 },	/* R32_UNORM */
	{ 33, 33, 8, 0 },
	{ 34, 35, 16, 0 },
	{ 36, 36, 4, 0 },	/* R32_USCALED */
	{ 37, 37, 8, 0 },
	{ 38, 39, 16, 0 },
	{ 40, 40, 4, 0 },	/* R32_SNORM */
	{ 41, 41, 8, 0 },
	{ 42, 43, 16, 0 },
	{ 44, 44, 4, 0 },	/* R32_SSCALED */
	{ 45, 45, 8, 0 },
	{ 46, 47, 16, 0 },
	{ 48, 48, 2, 0 },	/* R16_UNORM */
	{ 49, 49, 4, 0 },
	{ 50, 51, 8, 0 },
	{ 52, 52, 2, 0 },	/* R16_USCALED */
	{ 53, 53, 4, 0 },
	{ 54, 55, 8, 0 },
	{ 56, 56, 2, 0 },	/* R16_SNORM */
	{ 57, 57, 4, 0 },
	{ 58, 59, 8, 0 },
	{ 60, 60, 2, 0 },	/* R16_SSCALED */
	{ 61, 61, 4, 0 },
	{ 62, 63, 8, 0 },
	{ 64, 64, 1, 0 },	/* R8_UNORM */
	{ 65, 65, 2, 0 },
	{ 66, 68, 4, 0 },	/* R8G8B8, R8G8B8A8, X8B8G8R8 */
	{ 69, 69, 1, 0 },	/* R8_USCALED */
	{ 70, 70, 2, 0 },
	{ 71, 72, 4, 0 },
	{ 74, 74, 1, 0 },	/* R8_SNORM */
	{ 75, 75, 2, 0 },
	{ 76, 77, 4, 0 },
	{ 82, 82, 1, 0 },	/* R8_SSCALED */
	{ 83, 83, 2, 0 },
	{ 84, 85, 4, 0 },
	{ 87, 87, 4, 0 },	/* R32_FIXED */
	{ 88, 88, 8, 0 },
	{ 89, 90, 16, 0 },
	{ 91, 91, 2, 0 },	/* R16_FLOAT */
	{ 92, 92, 4, 0 },
	{ 93, 94, 8, 0 },
	{ 95, 95, 1, 0 },	/* L8_SRGB */
	{ 96, 96, 2, 0 },
	{ 97, 104, 4, 0 },	/* R8G8B8_SRGB and its orders */
	{ 105, 106, 8, 4 },	/* DXT1 */
	{ 107, 108, 16, 4 },	/* DXT3, DXT5 */
	{ 109, 110, 8, 4 },	/* DXT1 sRGB */
	{ 111, 112, 16, 4 },
	{ 113, 114, 8, 4 },	/* RGTC1 */
	{ 115, 116, 16, 4 },	/* RGTC2 */
	{ 117, 118, 4, 0 },	/* R8G8_B8G8: converted */
	{ 119, 119, 4, 0 },
	{ 120, 120, 2, 0 },	/* R5SG5SB6U */
	{ 121, 121, 4, 0 },	/* A8B8G8R8 */
	{ 122, 122, 2, 0 },	/* B5G5R5X1 */
	{ 123, 125, 4, 0 },	/* R10G10B10A2, R11G11B10, R9G9B9E5 */
	{ 126, 126, 8, 0 },	/* Z32_FLOAT_S8X24 */
	{ 127, 127, 1, 0 },	/* R1 */
	{ 128, 129, 4, 0 },	/* R10G10B10X2 */
	{ 130, 130, 1, 0 },	/* L4A4 */
	{ 131, 132, 4, 0 },	/* B10G10R10A2 */
	{ 133, 133, 2, 0 },	/* R8G8Bx */
	{ 134, 134, 4, 0 },	/* R8G8B8X8 */
	{ 135, 135, 2, 0 },	/* B4G4R4X4 */
	{ 136, 137, 4, 0 },	/* X24S8, S8X24 */
	{ 138, 138, 8, 0 },	/* X32_S8X24 */
	{ 139, 139, 1, 0 },	/* B2G3R3 */
	{ 140, 140, 4, 0 },	/* L16A16 */
	{ 141, 142, 2, 0 },	/* A16, I16 */
	{ 143, 144, 8, 4 },	/* LATC1 */
	{ 145, 146, 16, 4 },	/* LATC2 */
	{ 147, 148, 1, 0 },	/* A8_SNORM, L8 */
	{ 149, 149, 2, 0 },
	{ 150, 150, 1, 0 },
	{ 151, 152, 2, 0 },	/* A16_SNORM, L16 */
	{ 153, 153, 4, 0 },
	{ 154, 156, 2, 0 },	/* I16_SNORM, A16_FLOAT, L16 */
	{ 157, 157, 4, 0 },
	{ 158, 158, 2, 0 },
	{ 159, 160, 4, 0 },	/* A32_FLOAT, L32 */
	{ 161, 161, 8, 0 },
	{ 162, 162, 4, 0 },
	{ 163, 167, 4, 0 },	/* YV12 to NV21: converted */
	{ 168, 169, 1, 0 },	/* A4R4 */
	{ 170, 171, 2, 0 },	/* R8A8 */
	{ 172, 176, 4, 0 },	/* R10G10B10A2 and its orders */
	{ 177, 177, 1, 0 },	/* R8_UINT */
	{ 178, 178, 2, 0 },
	{ 179, 180, 4, 0 },
	{ 181, 181, 1, 0 },	/* R8_SINT */
	{ 182, 182, 2, 0 },
	{ 183, 184, 4, 0 },
	{ 185, 185, 2, 0 },	/* R16_UINT */
	{ 186, 186, 4, 0 },
	{ 187, 188, 8, 0 },
	{ 189, 189, 2, 0 },	/* R16_SINT */
	{ 190, 190, 4, 0 },
	{ 191, 192, 8, 0 },
	{ 193, 193, 4, 0 },	/* R32_UINT */
	{ 194, 194, 8, 0 },
	{ 195, 196, 16, 0 },
	{ 197, 197, 4, 0 },	/* R32_SINT */
	{ 198, 198, 8, 0 },
	{ 199, 200, 16, 0 },
	{ 201, 203, 1, 0 },	/* A8_UINT, I8, L8 */
	{ 204, 204, 2, 0 },
	{ 205, 207, 1, 0 },	/* A8_SINT, I8, L8 */
	{ 208, 208, 2, 0 },
	{ 209, 211, 2, 0 },	/* A16_UINT, I16, L16 */
	{ 212, 212, 4, 0 },
	{ 213, 215, 2, 0 },	/* A16_SINT, I16, L16 */
	{ 216, 216, 4, 0 },
	{ 217, 219, 4, 0 },	/* A32_UINT, I32, L32 */
	{ 220, 220, 8, 0 },
	{ 221, 223, 4, 0 },	/* A32_SINT, I32, L32 */
	{ 224, 224, 8, 0 },
	{ 225, 233, 4, 0 },	/* B10G10R10A2_UINT, ETC1, R8G8_R8B8 to B10G10R10X2 */
	{ 234, 238, 8, 0 },	/* R16G16B16X16 */
	{ 239, 241, 16, 0 },	/* R32G32B32X32 */
	{ 242, 242, 2, 0 },	/* R8A8_SNORM */
	{ 243, 245, 4, 0 },	/* R16A16 */
	{ 246, 246, 8, 0 },	/* R32A32_FLOAT */
	{ 247, 248, 2, 0 },	/* R8A8 integers */
	{ 249, 250, 4, 0 },
	{ 251, 252, 8, 0 },
	{ 253, 253, 4, 0 },	/* R10G10B10A2_UINT */
	{ 254, 254, 2, 0 },	/* B5G6R5_SRGB */
	{ 255, 258, 16, 4 },	/* BPTC */
	{ 259, 261, 2, 0 },	/* A8L8 */
	{ 262, 262, 4, 0 },	/* A16L16 */
	{ 263, 264, 2, 0 },	/* G8R8 */
	{ 265, 266, 4, 0 },	/* G16R16 */
	{ 267, 268, 4, 0 },	/* A8B8G8R8_SNORM, X8B8G8R8 */
	{ 269, 274, 4, 0 },	/* ETC2 */
	{ 275, 276, 2, 0 },	/* ETC2_R11: kept in 16 bits */
	{ 277, 278, 4, 0 },	/* ETC2_RG11 */
	{ 279, 306, 4, 0 },	/* ASTC */
	{ 308, 308, 4, 0 },	/* R10G10B10X2 */
	{ 311, 311, 2, 0 },	/* A4B4G4R4 */
	{ 312, 312, 1, 0 },	/* R8_SRGB */
};

uint32_t wrk_size_block(uint32_t format, uint32_t *side)
{
	size_t low = 0, high = sizeof(kinds) / sizeof(kinds[0]);

	while (low < high) {
		const size_t middle = (low + high) / 2;
		const struct kind *kind = &kinds[middle];

		if (format > kind->last) {
			low = middle + 1;
		} else if (format < kind->first) {
			high = middle;
		} else {
			*side = kind->side ? kind->side : 1;
			return kind->bytes;
		}
	}
	*side = 1;
	return UNKNOWN_BYTES;
}

static uint64_t product(uint64_t a, uint64_t b)
{
	uint64_t out;

	return __builtin_mul_overflow(a, b, &out) ? UINT64_MAX : out;
}

/* A side of a level, in blocks; never 0. */
static uint64_t level_side(uint32_t size, uint32_t level, uint32_t side)
{
	const uint32_t pixels = size >> level;

	return pixels ? ((uint64_t)pixels + side - 1) / side : 1;
}

bool wrk_size_is_buffer(const struct vgpuif_resource_create *args)
{
	return args->target == TARGET_BUFFER;
}

uint64_t wrk_size_bytes(const struct vgpuif_resource_create *args)
{
	uint32_t block, side, level, layers = args->array_size ? args->array_size : 1;
	uint64_t sum = 0, bytes;

	/* Its width is in octets, whatever the format. */
	if (wrk_size_is_buffer(args))
		return args->width ? args->width : 1;
	if (args->target == TARGET_TEXTURE_CUBE && layers < 6)
		layers = 6;
	block = wrk_size_block(args->format, &side);
	for (level = 0; level <= args->last_level && level < MAX_LEVELS; level++) {
		bytes = product(level_side(args->width, level, side),
				level_side(args->height, level, side));
		/* What has no depth may say anything there, and the renderer refuses it. */
		bytes = product(bytes, level_side(args->depth, level, 1));
		if (__builtin_add_overflow(sum, product(bytes, block), &sum))
			sum = UINT64_MAX;
	}
	sum = product(sum, layers);
	return product(sum, args->nr_samples ? args->nr_samples : 1);
}
