// SPDX-License-Identifier: GPL-2.0-only
/*
 * Upload, draw, read back: textures of odd sizes and many formats, whole and in parts, and buffers,
 * each byte compared with what the CPU says. Prints a line for each format and ends with 1 at the
 * first wrong texel.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gl_util.h"

struct format {
	const char *name;
	GLenum internal, format, type;
	int texel_bytes;
	/* What a shader sees of one texel, components 0..1 (or the float's own range). */
	void (*decode)(const unsigned char *texel, float out[4]);
};

static void set(float out[4], float r, float g, float b, float a)
{
	out[0] = r;
	out[1] = g;
	out[2] = b;
	out[3] = a;
}

static void rgba8(const unsigned char *t, float out[4])
{
	set(out, t[0] / 255.f, t[1] / 255.f, t[2] / 255.f, t[3] / 255.f);
}

static void rgb8(const unsigned char *t, float out[4])
{
	set(out, t[0] / 255.f, t[1] / 255.f, t[2] / 255.f, 1);
}

static void rg8(const unsigned char *t, float out[4])
{
	set(out, t[0] / 255.f, t[1] / 255.f, 0, 1);
}

static void r8(const unsigned char *t, float out[4])
{
	set(out, t[0] / 255.f, 0, 0, 1);
}

static void l8(const unsigned char *t, float out[4])
{
	set(out, t[0] / 255.f, t[0] / 255.f, t[0] / 255.f, 1);
}

static void la8(const unsigned char *t, float out[4])
{
	set(out, t[0] / 255.f, t[0] / 255.f, t[0] / 255.f, t[1] / 255.f);
}

static void a8(const unsigned char *t, float out[4])
{
	set(out, 0, 0, 0, t[0] / 255.f);
}

static void rgb565(const unsigned char *t, float out[4])
{
	unsigned int v = t[0] | t[1] << 8;

	set(out, (float)(v >> 11) / 31.f, (float)(v >> 5 & 63) / 63.f, (float)(v & 31) / 31.f, 1);
}

static void rgba4(const unsigned char *t, float out[4])
{
	unsigned int v = t[0] | t[1] << 8;

	set(out, (float)(v >> 12) / 15.f, (float)(v >> 8 & 15) / 15.f, (float)(v >> 4 & 15) / 15.f,
	    (float)(v & 15) / 15.f);
}

static void rgb5a1(const unsigned char *t, float out[4])
{
	unsigned int v = t[0] | t[1] << 8;

	set(out, (float)(v >> 11) / 31.f, (float)(v >> 6 & 31) / 31.f, (float)(v >> 1 & 31) / 31.f,
	    (float)(v & 1));
}

static void r32f(const unsigned char *t, float out[4])
{
	float f;

	memcpy(&f, t, 4);
	set(out, f, 0, 0, 1);
}

static const struct format formats[] = {
	{ "RGBA8", GL_RGBA8, GL_RGBA, GL_UNSIGNED_BYTE, 4, rgba8 },
	{ "RGB8", GL_RGB8, GL_RGB, GL_UNSIGNED_BYTE, 3, rgb8 },
	{ "RG8", GL_RG8, GL_RG, GL_UNSIGNED_BYTE, 2, rg8 },
	{ "R8", GL_R8, GL_RED, GL_UNSIGNED_BYTE, 1, r8 },
	{ "LUMINANCE", GL_LUMINANCE, GL_LUMINANCE, GL_UNSIGNED_BYTE, 1, l8 },
	{ "LUMINANCE_ALPHA", GL_LUMINANCE_ALPHA, GL_LUMINANCE_ALPHA, GL_UNSIGNED_BYTE, 2, la8 },
	{ "ALPHA", GL_ALPHA, GL_ALPHA, GL_UNSIGNED_BYTE, 1, a8 },
	{ "RGB565", GL_RGB565, GL_RGB, GL_UNSIGNED_SHORT_5_6_5, 2, rgb565 },
	{ "RGBA4", GL_RGBA4, GL_RGBA, GL_UNSIGNED_SHORT_4_4_4_4, 2, rgba4 },
	{ "RGB5_A1", GL_RGB5_A1, GL_RGBA, GL_UNSIGNED_SHORT_5_5_5_1, 2, rgb5a1 },
	{ "R32F", GL_R32F, GL_RED, GL_FLOAT, 4, r32f },
};

static const int sizes[][2] = { { 1, 1 }, { 3, 5 }, { 17, 9 }, { 127, 63 }, { 255, 257 }, { 641, 481 } };

static const char fragment_source[] =
	"#version 300 es\n"
	"precision highp float;\n"
	"uniform highp sampler2D tex;\n"
	"out vec4 color;\n"
	"void main() { color = texelFetch(tex, ivec2(gl_FragCoord.xy), 0); }\n";

/* Repeatable octets; for R32F a float in 0..1. */
static void fill(const struct format *f, unsigned char *data, size_t texels, unsigned int seed)
{
	size_t i;

	for (i = 0; i < texels * (size_t)f->texel_bytes; i++) {
		seed = seed * 1103515245u + 12345u;
		data[i] = (unsigned char)(seed >> 16);
	}
	if (f->type != GL_FLOAT)
		return;
	for (i = 0; i < texels; i++) {
		float v = (float)data[4 * i] / 255.f;

		memcpy(data + 4 * i, &v, 4);
	}
}

static void compare(const struct format *f, const unsigned char *data, int w, int h)
{
	unsigned char *got = malloc((size_t)w * (size_t)h * 4);
	int x, y, c;

	if (!got)
		gl_die("out of memory");
	memset(got, 0x5a, (size_t)w * (size_t)h * 4);
	glReadPixels(0, 0, w, h, GL_RGBA, GL_UNSIGNED_BYTE, got);
	gl_check("glReadPixels");
	for (y = 0; y < h; y++)
		for (x = 0; x < w; x++) {
			size_t at = (size_t)y * (size_t)w + (size_t)x;
			float want[4];

			f->decode(data + at * (size_t)f->texel_bytes, want);
			for (c = 0; c < 4; c++)
				if (fabsf(want[c] * 255.f - got[at * 4 + (size_t)c]) > 1.01f)
					gl_die("%s %dx%d: texel %d,%d component %d is %d, want %.1f",
					       f->name, w, h, x, y, c, got[at * 4 + (size_t)c],
					       (double)want[c] * 255);
		}
	free(got);
}

static void try_texture(const struct format *f, int w, int h)
{
	size_t texels = (size_t)w * (size_t)h;
	unsigned char *data = malloc(texels * (size_t)f->texel_bytes);
	GLuint target = gl_target(w, h), tex, fbo;
	int part_w = w / 2, part_h = h / 2, y;

	if (!data)
		gl_die("out of memory");
	fill(f, data, texels, (unsigned int)(w * 31 + h));
	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_2D, tex);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glTexImage2D(GL_TEXTURE_2D, 0, (GLint)f->internal, w, h, 0, f->format, f->type, data);
	gl_check("glTexImage2D");
	gl_full_quad();
	compare(f, data, w, h);

	/* The same after a part in the middle was replaced. */
	if (part_w && part_h) {
		unsigned char *part = malloc((size_t)part_w * (size_t)part_h * (size_t)f->texel_bytes);

		if (!part)
			gl_die("out of memory");
		fill(f, part, (size_t)part_w * (size_t)part_h, (unsigned int)(w + h));
		glTexSubImage2D(GL_TEXTURE_2D, 0, part_w / 2, part_h / 2, part_w, part_h, f->format,
				f->type, part);
		gl_check("glTexSubImage2D");
		for (y = 0; y < part_h; y++)
			memcpy(data + ((size_t)(part_h / 2 + y) * (size_t)w + (size_t)(part_w / 2)) *
				       (size_t)f->texel_bytes,
			       part + (size_t)y * (size_t)part_w * (size_t)f->texel_bytes,
			       (size_t)part_w * (size_t)f->texel_bytes);
		gl_full_quad();
		compare(f, data, w, h);
		free(part);
	}
	glDeleteTextures(1, &tex);
	glGetIntegerv(GL_FRAMEBUFFER_BINDING, (GLint *)&fbo);
	glDeleteFramebuffers(1, &fbo);
	glDeleteTextures(1, &target);
	free(data);
}

static void try_buffer(size_t bytes)
{
	unsigned char *data = malloc(bytes);
	const unsigned char *map;
	GLuint buffers[2];
	size_t i;

	if (!data)
		gl_die("out of memory");
	for (i = 0; i < bytes; i++)
		data[i] = (unsigned char)(i * 7 + i / 251);
	glGenBuffers(2, buffers);
	glBindBuffer(GL_COPY_READ_BUFFER, buffers[0]);
	glBufferData(GL_COPY_READ_BUFFER, (GLsizeiptr)bytes, data, GL_DYNAMIC_COPY);
	glBufferSubData(GL_COPY_READ_BUFFER, (GLintptr)(bytes / 3), (GLsizeiptr)(bytes / 4), data);
	memmove(data + bytes / 3, data, bytes / 4);
	glBindBuffer(GL_COPY_WRITE_BUFFER, buffers[1]);
	glBufferData(GL_COPY_WRITE_BUFFER, (GLsizeiptr)bytes, NULL, GL_DYNAMIC_READ);
	glCopyBufferSubData(GL_COPY_READ_BUFFER, GL_COPY_WRITE_BUFFER, 0, 0, (GLsizeiptr)bytes);
	map = glMapBufferRange(GL_COPY_WRITE_BUFFER, 0, (GLsizeiptr)bytes, GL_MAP_READ_BIT);
	if (!map)
		gl_die("glMapBufferRange: 0x%x", glGetError());
	for (i = 0; i < bytes; i++)
		if (map[i] != data[i])
			gl_die("buffer of %zu: octet %zu is %d, want %d", bytes, i, map[i], data[i]);
	glUnmapBuffer(GL_COPY_WRITE_BUFFER);
	glDeleteBuffers(2, buffers);
	gl_check("buffers");
	free(data);
}

int main(void)
{
	static const size_t buffer_sizes[] = { 1, 13, 4095, 4096, 4097, 100003, 1048583 };
	size_t f, s;

	gl_open();
	glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
	glPixelStorei(GL_PACK_ALIGNMENT, 1);
	glDisable(GL_DITHER);
	gl_quad_program(fragment_source);
	for (f = 0; f < sizeof(formats) / sizeof(formats[0]); f++) {
		for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
			try_texture(&formats[f], sizes[s][0], sizes[s][1]);
		printf("texture %s: right\n", formats[f].name);
		fflush(stdout);
	}
	for (s = 0; s < sizeof(buffer_sizes) / sizeof(buffer_sizes[0]); s++)
		try_buffer(buffer_sizes[s]);
	printf("buffers: right\n");
	gl_close();
	return 0;
}
