/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the virgl command stream as it takes to draw, and the names of what can be got wrong.
 * The numbers are those of Mesa's src/virtio/virtio-gpu/virgl_protocol.h, virgl_hw.h and
 * gallium's p_defines.h.
 */
#ifndef TESTS_HOSTILE_VIRGL_H
#define TESTS_HOSTILE_VIRGL_H

#include <stdint.h>
#include <string.h>

enum {
	VIRGL_NOP = 0,
	VIRGL_CREATE_OBJECT = 1,
	VIRGL_BIND_OBJECT = 2,
	VIRGL_DESTROY_OBJECT = 3,
	VIRGL_SET_VIEWPORT_STATE = 4,
	VIRGL_SET_FRAMEBUFFER_STATE = 5,
	VIRGL_SET_VERTEX_BUFFERS = 6,
	VIRGL_CLEAR = 7,
	VIRGL_DRAW_VBO = 8,
	VIRGL_RESOURCE_INLINE_WRITE = 9,
	VIRGL_SET_SAMPLER_VIEWS = 10,
	VIRGL_SET_INDEX_BUFFER = 11,
	VIRGL_SET_CONSTANT_BUFFER = 12,
	VIRGL_SET_SCISSOR_STATE = 15,
	VIRGL_BLIT = 16,
	VIRGL_RESOURCE_COPY_REGION = 17,
	VIRGL_BIND_SAMPLER_STATES = 18,
	VIRGL_BEGIN_QUERY = 19,
	VIRGL_END_QUERY = 20,
	VIRGL_GET_QUERY_RESULT = 21,
	VIRGL_SET_STREAMOUT_TARGETS = 25,
	VIRGL_SET_UNIFORM_BUFFER = 27,
	VIRGL_SET_SUB_CTX = 28,
	VIRGL_CREATE_SUB_CTX = 29,
	VIRGL_DESTROY_SUB_CTX = 30,
	VIRGL_BIND_SHADER = 31,
	VIRGL_SET_SHADER_BUFFERS = 34,
	VIRGL_SET_SHADER_IMAGES = 35,
	VIRGL_LAUNCH_GRID = 37,
	VIRGL_SET_FRAMEBUFFER_NO_ATTACH = 38,
	VIRGL_SET_ATOMIC_BUFFERS = 40,
	VIRGL_GET_QUERY_RESULT_QBO = 42,
	VIRGL_TRANSFER3D = 43,
	VIRGL_COPY_TRANSFER3D = 45,
	VIRGL_CLEAR_TEXTURE = 47,
	VIRGL_PIPE_RESOURCE_CREATE = 48,
	VIRGL_PIPE_RESOURCE_SET_TYPE = 49,
	VIRGL_GET_MEMORY_INFO = 50,
	VIRGL_SEND_STRING_MARKER = 51,
	VIRGL_LINK_SHADER = 52,
	VIRGL_N_COMMANDS = 64,		/* and a few there are not */
};

enum {
	VIRGL_OBJECT_BLEND = 1,
	VIRGL_OBJECT_RASTERIZER = 2,
	VIRGL_OBJECT_DSA = 3,
	VIRGL_OBJECT_SHADER = 4,
	VIRGL_OBJECT_VERTEX_ELEMENTS = 5,
	VIRGL_OBJECT_SAMPLER_VIEW = 6,
	VIRGL_OBJECT_SAMPLER_STATE = 7,
	VIRGL_OBJECT_SURFACE = 8,
	VIRGL_OBJECT_QUERY = 9,
	VIRGL_OBJECT_STREAMOUT_TARGET = 10,
	VIRGL_OBJECT_MSAA_SURFACE = 11,
};

#define VIRGL_BUFFER			0u
#define VIRGL_TEXTURE_2D		2u
#define VIRGL_FORMAT_R8			64u
#define VIRGL_FORMAT_RGBA8		67u
#define VIRGL_FORMAT_RGBA32F		31u
#define VIRGL_BIND_RENDER_TARGET	(1u << 1)
#define VIRGL_BIND_SAMPLER_VIEW		(1u << 3)
#define VIRGL_BIND_VERTEX_BUFFER	(1u << 4)
#define VIRGL_BIND_CUSTOM		(1u << 17)
#define VIRGL_SHADER_VERTEX		0u
#define VIRGL_SHADER_FRAGMENT		1u
#define VIRGL_SHADER_COMPUTE		5u

#define VIRGL_HEADER(cmd, obj, len)	\
	((uint32_t)(cmd) | (uint32_t)(obj) << 8 | (uint32_t)(len) << 16)

#define VIRGL_FN	static inline __attribute__((unused))

/* virgl_words() - a command and @n words, zeros without @words. Returns their number. */
VIRGL_FN uint32_t virgl_words(uint32_t *out, uint32_t cmd, uint32_t obj, const uint32_t *words,
			      uint32_t n)
{
	out[0] = VIRGL_HEADER(cmd, obj, n);
	if (words)
		memcpy(out + 1, words, n * sizeof(*out));
	else
		memset(out + 1, 0, n * sizeof(*out));
	return n + 1;
}

#define VIRGL(out, cmd, obj, ...)								\
	virgl_words(out, cmd, obj, (const uint32_t[]){ __VA_ARGS__ },				\
		    sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

VIRGL_FN uint32_t virgl_surface(uint32_t *out, uint32_t surface, uint32_t resource)
{
	return VIRGL(out, VIRGL_CREATE_OBJECT, VIRGL_OBJECT_SURFACE, surface, resource,
		     VIRGL_FORMAT_RGBA8, 0, 0);
}

VIRGL_FN uint32_t virgl_framebuffer(uint32_t *out, uint32_t surface)
{
	return VIRGL(out, VIRGL_SET_FRAMEBUFFER_STATE, 0, 1, 0, surface);
}

VIRGL_FN uint32_t virgl_clear(uint32_t *out, float r, float g, float b, float a)
{
	const float color[4] = { r, g, b, a };

	virgl_words(out, VIRGL_CLEAR, 0, NULL, 8);
	out[1] = 1u << 2;	/* PIPE_CLEAR_COLOR0 */
	memcpy(out + 2, color, sizeof(color));
	return 9;
}

/* virgl_shader() - a shader of TGSI text. @tokens: what the renderer is told to make room for. */
VIRGL_FN uint32_t virgl_shader(uint32_t *out, uint32_t handle, uint32_t type, const char *text,
			       uint32_t tokens)
{
	const uint32_t bytes = (uint32_t)strlen(text) + 1, words = (bytes + 3) / 4;

	out[0] = VIRGL_HEADER(VIRGL_CREATE_OBJECT, VIRGL_OBJECT_SHADER, 5 + words);
	out[1] = handle;
	out[2] = type;
	out[3] = bytes;		/* offset, or the length of all of it */
	out[4] = tokens;
	out[5] = 0;		/* stream outputs */
	out[5 + words] = 0;
	memcpy(out + 6, text, bytes);
	return 6 + words;
}

#endif
