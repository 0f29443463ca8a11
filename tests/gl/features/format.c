// SPDX-License-Identifier: GPL-2.0-only
/* Formats: sRGB, float, integers, packed, depth and compressed, sampled and drawn to. */
#include <math.h>
#include <string.h>

#include "feature.h"

#define FRAMEBUFFER_SRGB 0x8db9	/* OpenGL's; ES always does it */

static float linear(int v)
{
	float c = (float)v / 255;

	return c <= 0.04045f ? c / 12.92f : powf((c + 0.055f) / 1.055f, 2.4f);
}

#define FETCH	"uniform sampler2D tex; out vec4 c;\n"						\
		"void main() { c = texelFetch(tex, ivec2(gl_FragCoord.xy), 0); }\n"

/* A row of texels of some format, drawn as they are to as many float pixels. */
static void fetch_row(GLenum internal, int width, GLenum format, GLenum type, const void *texels)
{
	GLuint tex;

	feature_target(GL_RGBA32F, width, 1);
	tex = feature_tex(internal, width, 1, format, type, texels);
	feature_fragment(FETCH);
	glBindTexture(GL_TEXTURE_2D, tex);
	feature_cover();
}

static void srgb_decode(void)
{
	static const unsigned char texels[4][4] = {
		{ 0, 10, 64, 0 }, { 128, 188, 255, 128 }, { 5, 40, 100, 255 }, { 200, 230, 250, 64 } };
	int i;

	fetch_row(GL_SRGB8_ALPHA8, 4, GL_RGBA, GL_UNSIGNED_BYTE, texels);
	for (i = 0; i < 4; i++)
		feature_float(i, 0, linear(texels[i][0]), linear(texels[i][1]), linear(texels[i][2]),
			      (float)texels[i][3] / 255, 0.002f);
}

static void srgb_encode(void)
{
	feature_target(GL_SRGB8_ALPHA8, 4, 4);
	if (!feature_is_es())
		glEnable(FRAMEBUFFER_SRGB);
	feature_fragment("out vec4 c; void main() { c = vec4(0.5, 0.214, 0.0, 0.5); }\n");
	feature_cover();
	feature_pixels(0, 0, 4, 4, 188, 127, 0, 128, 1);
	/* Blended where it is linear: half of white is 188, not 128. */
	glClearColor(0, 0, 0, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	glEnable(GL_BLEND);
	glBlendFunc(GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA);
	feature_fragment("out vec4 c; void main() { c = vec4(1.0, 1.0, 1.0, 0.5); }\n");
	feature_cover();
	feature_pixel(2, 2, 188, 188, 188, 191, 1);
}

static void float_render(void)
{
	static const struct {
		GLenum format;
		float want[4], near;
	} t[] = {
		{ GL_RGBA32F, { 2.5f, -7.3f, 100000, 1e-3f }, 1e-6f },
		{ GL_RGBA16F, { 2.5f, -7.3f, 60000, 1e-3f }, 1e-3f },
		{ GL_RG32F, { 2.5f, -7.3f, 0, 1 }, 1e-6f },
		{ GL_RG16F, { 2.5f, -7.3f, 0, 1 }, 1e-3f },
		{ GL_R32F, { 2.5f, 0, 0, 1 }, 1e-6f },
		{ GL_R16F, { 2.5f, 0, 0, 1 }, 1e-3f },
		{ GL_R11F_G11F_B10F, { 2.5f, 0, 60000, 1 }, 0.03f },
	};
	GLuint p = feature_fragment("uniform vec4 v; out vec4 c; void main() { c = v; }\n");
	int i;

	for (i = 0; i < COUNT(t); i++) {
		feature_target(t[i].format, 5, 3);
		glUniform4f(glGetUniformLocation(p, "v"), 2.5f, -7.3f,
			    t[i].format == GL_RGBA32F ? 100000 : 60000, 1e-3f);
		feature_cover();
		feature_float(4, 2, t[i].want[0], t[i].want[1], t[i].want[2], t[i].want[3], t[i].near);
	}
}

static void float_blend(void)
{
	GLuint p;
	int i;

	feature_target(GL_RGBA16F, 4, 4);
	p = feature_fragment("uniform vec4 v; out vec4 c; void main() { c = v; }\n");
	glClearColor(0, 0, 0, 0);
	glClear(GL_COLOR_BUFFER_BIT);
	glEnable(GL_BLEND);
	glBlendFunc(GL_ONE, GL_ONE);
	glUniform4f(glGetUniformLocation(p, "v"), 1, 0.25f, -1, 8);
	for (i = 0; i < 10; i++)
		feature_cover();
	feature_float(1, 1, 10, 2.5f, -10, 80, 1e-3f);
}

static void shared_exponent(void)
{
	/* 9 bits of mantissa each, and the exponent: 0x100 * 2^(16 - 24) is 1. */
	static const GLuint texels[2] = { 16u << 27 | 0x40u << 18 | 0x80u << 9 | 0x100u,
					  20u << 27 | 0x1ffu << 18 | 0u << 9 | 0x100u };

	fetch_row(GL_RGB9_E5, 2, GL_RGB, GL_UNSIGNED_INT_5_9_9_9_REV, texels);
	feature_float(0, 0, 1, 0.5f, 0.25f, 1, 1e-6f);
	feature_float(1, 0, 16, 0, 511.f / 16, 1, 1e-6f);
}

static void packed_float(void)
{
	/* 1.0 has exponent 15 (of 5 bits) in each; the mantissas have 6, 6 and 5 bits. */
	static const GLuint texels[1] = { 15u << 6 | (16u << 6) << 11 | (14u << 5) << 22 };

	fetch_row(GL_R11F_G11F_B10F, 1, GL_RGB, GL_UNSIGNED_INT_10F_11F_11F_REV, texels);
	feature_float(0, 0, 1, 2, 0.5f, 1, 1e-6f);
}

static void signed_normalised(void)
{
	static const signed char texels[2][4] = { { 127, -127, 0, 64 }, { -64, 32, -1, -128 } };

	fetch_row(GL_RGBA8_SNORM, 2, GL_RGBA, GL_BYTE, texels);
	feature_float(0, 0, 1, -1, 0, 64.f / 127, 1e-4f);
	feature_float(1, 0, -64.f / 127, 32.f / 127, -1.f / 127, -1, 1e-4f);
}

static void ten_bits(void)
{
	static const GLuint texels[2] = { 1023u | 512u << 10 | 1u << 20 | 3u << 30,
					  0u | 1u << 10 | 1022u << 20 | 1u << 30 };

	fetch_row(GL_RGB10_A2, 2, GL_RGBA, GL_UNSIGNED_INT_2_10_10_10_REV, texels);
	feature_float(0, 0, 1, 512.f / 1023, 1.f / 1023, 1, 1e-5f);
	feature_float(1, 0, 0, 1.f / 1023, 1022.f / 1023, 1.f / 3, 1e-5f);
}

static void integers(void)
{
	static const struct {
		GLenum format;
		GLuint want[4];
	} u[] = {
		{ GL_RGBA32UI, { 4000000000u, 70000, 200, 1 } },
		{ GL_RGBA16UI, { 40000, 7000, 200, 1 } },
		{ GL_RGBA8UI, { 250, 70, 20, 1 } },
		{ GL_RGB10_A2UI, { 1023, 700, 20, 3 } },
	};
	static const struct {
		GLenum format;
		GLint want[4];
	} s[] = {
		{ GL_RGBA32I, { -2000000000, 70000, -1, 1 } },
		{ GL_RGBA16I, { -30000, 7000, -1, 1 } },
		{ GL_RGBA8I, { -128, 70, -1, 127 } },
	};
	GLuint p = feature_fragment("uniform uvec4 v; out uvec4 c; void main() { c = v; }\n"), got[4];
	GLint signed_got[4];
	int i;

	for (i = 0; i < COUNT(u); i++) {
		feature_target(u[i].format, 3, 3);
		glUniform4uiv(glGetUniformLocation(p, "v"), 1, u[i].want);
		feature_cover();
		glReadPixels(2, 2, 1, 1, GL_RGBA_INTEGER, GL_UNSIGNED_INT, got);
		feature_ok("glReadPixels");
		if (memcmp(got, u[i].want, sizeof(got)))
			feature_fail("format 0x%x: %u,%u,%u,%u", u[i].format, got[0], got[1], got[2], got[3]);
	}
	p = feature_fragment("uniform ivec4 v; out ivec4 c; void main() { c = v; }\n");
	for (i = 0; i < COUNT(s); i++) {
		feature_target(s[i].format, 3, 3);
		glUniform4iv(glGetUniformLocation(p, "v"), 1, s[i].want);
		feature_cover();
		glReadPixels(2, 2, 1, 1, GL_RGBA_INTEGER, GL_INT, signed_got);
		feature_ok("glReadPixels");
		if (memcmp(signed_got, s[i].want, sizeof(signed_got)))
			feature_fail("format 0x%x: %d,%d,%d,%d", s[i].format, signed_got[0],
				     signed_got[1], signed_got[2], signed_got[3]);
	}
}

/* Depth is written by drawing, and read by sampling. */
static void depth(void)
{
	static const GLenum format[] = { GL_DEPTH_COMPONENT16, GL_DEPTH_COMPONENT24, GL_DEPTH24_STENCIL8,
					 GL_DEPTH_COMPONENT32F, GL_DEPTH32F_STENCIL8 };
	GLuint fill, show, tex, fbo;
	int i;

	fill = feature_program(GL_VERTEX_SHADER,
			       "void main() { gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0,\n"
			       "  gl_VertexID == 2 ? 3.0 : -1.0, -0.5, 1.0); }\n", GL_FRAGMENT_SHADER,
			       "void main() { }\n", 0);
	show = feature_fragment(FETCH);
	for (i = 0; i < COUNT(format); i++) {
		const bool stencil = format[i] == GL_DEPTH24_STENCIL8 || format[i] == GL_DEPTH32F_STENCIL8;

		tex = feature_tex(format[i], 4, 4, 0, 0, NULL);
		glGenFramebuffers(1, &fbo);
		glBindFramebuffer(GL_FRAMEBUFFER, fbo);
		glFramebufferTexture2D(GL_FRAMEBUFFER, stencil ? GL_DEPTH_STENCIL_ATTACHMENT :
				       GL_DEPTH_ATTACHMENT, GL_TEXTURE_2D, tex, 0);
		glDrawBuffers(1, (const GLenum[]){ GL_NONE });
		glReadBuffer(GL_NONE);
		if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
			feature_fail("depth format 0x%x: not complete", format[i]);
		glViewport(0, 0, 4, 4);
		glEnable(GL_DEPTH_TEST);
		glClear(GL_DEPTH_BUFFER_BIT);
		glUseProgram(fill);
		feature_cover();
		glDisable(GL_DEPTH_TEST);
		feature_target(GL_RGBA8, 4, 4);
		glUseProgram(show);
		glBindTexture(GL_TEXTURE_2D, tex);
		feature_cover();
		feature_ok("depth");
		{
			unsigned char got[4];

			glReadPixels(3, 3, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, got);
			if (got[0] < 63 || got[0] > 65)
				feature_fail("depth format 0x%x: %d, want 64", format[i], got[0]);
		}
	}
}

/* One ETC2 block: base colour 0x88,0x44,0x22, and 2 added to each. */
static void etc2(void)
{
	static const unsigned char block[8] = { 0x88, 0x44, 0x22, 0, 0, 0, 0, 0 };
	GLuint tex;

	feature_target(GL_RGBA8, 4, 4);
	tex = feature_tex(GL_COMPRESSED_RGB8_ETC2, 4, 4, 0, 0, NULL);
	glCompressedTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, 4, 4, GL_COMPRESSED_RGB8_ETC2, 8, block);
	feature_ok("glCompressedTexSubImage2D");
	feature_fragment(FETCH);
	glBindTexture(GL_TEXTURE_2D, tex);
	feature_cover();
	feature_pixels(0, 0, 4, 4, 0x8a, 0x46, 0x24, 255, 1);
}

const struct feature feature_format[] = {
	{ "format/srgb-decode", 33, 32, srgb_decode },
	{ "format/srgb-encode", 33, 30, srgb_encode },
	{ "format/float-render", 33, 32, float_render },
	{ "format/float-blend", 33, 32, float_blend },
	{ "format/shared-exponent", 33, 32, shared_exponent },
	{ "format/packed-float", 33, 32, packed_float },
	{ "format/signed-normalised", 33, 32, signed_normalised },
	{ "format/ten-bits", 33, 32, ten_bits },
	{ "format/integers", 33, 30, integers },
	{ "format/depth", 43, 30, depth },
	{ "format/etc2", 43, 30, etc2 },
	{ 0 }
};
