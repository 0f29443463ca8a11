// SPDX-License-Identifier: GPL-2.0-only
/* What the cases share; see feature.h. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feature.h"

/* Only what the version has may be named. */
static const char *precisions(int version)
{
	if (version >= 32)
		return "precision highp float; precision highp int; precision highp sampler2D;\n"
		       "precision highp usampler2D; precision highp isampler2D;\n"
		       "precision highp sampler3D; precision highp samplerCube;\n"
		       "precision highp sampler2DArray; precision highp sampler2DShadow;\n"
		       "precision highp sampler2DMS; precision highp image2D;\n"
		       "precision highp uimage2D; precision highp samplerBuffer;\n"
		       "precision highp usamplerBuffer; precision highp samplerCubeArray;\n";
	if (version >= 31)
		return "precision highp float; precision highp int; precision highp sampler2D;\n"
		       "precision highp usampler2D; precision highp isampler2D;\n"
		       "precision highp sampler3D; precision highp samplerCube;\n"
		       "precision highp sampler2DArray; precision highp sampler2DShadow;\n"
		       "precision highp sampler2DMS; precision highp image2D;\n"
		       "precision highp uimage2D;\n";
	return "precision highp float; precision highp int; precision highp sampler2D;\n"
	       "precision highp usampler2D; precision highp isampler2D;\n"
	       "precision highp sampler3D; precision highp samplerCube;\n"
	       "precision highp sampler2DArray; precision highp sampler2DShadow;\n";
}

void feature_attach(GLuint program, GLenum stage, const char *body)
{
	GLuint shader = glCreateShader(stage);
	int version = feature_version();
	const char *source[3];
	char first[64], log[400];
	GLint ok;

	if (!feature_is_es() && version > 43)
		version = 43;	/* the same shader wherever it runs */
	snprintf(first, sizeof(first), "#version %d0 %s\n", version, feature_is_es() ? "es" : "core");
	source[0] = first;
	source[1] = feature_is_es() ? precisions(version) : "";
	source[2] = body;
	glShaderSource(shader, 3, source, NULL);
	glCompileShader(shader);
	glGetShaderiv(shader, GL_COMPILE_STATUS, &ok);
	if (!ok) {
		glGetShaderInfoLog(shader, sizeof(log), NULL, log);
		feature_fail("shader 0x%x: %s", stage, log);
	}
	glAttachShader(program, shader);
}

void feature_link(GLuint program)
{
	char log[400];
	GLint ok;

	glLinkProgram(program);
	glGetProgramiv(program, GL_LINK_STATUS, &ok);
	if (!ok) {
		glGetProgramInfoLog(program, sizeof(log), NULL, log);
		feature_fail("program: %s", log);
	}
	glUseProgram(program);
	feature_ok("program");
}

GLuint feature_program(GLenum stage, const char *body, ...)
{
	GLuint program = glCreateProgram();
	va_list ap;

	va_start(ap, body);
	while (stage) {
		feature_attach(program, stage, body);
		stage = va_arg(ap, GLenum);
		if (stage)
			body = va_arg(ap, const char *);
	}
	va_end(ap);
	feature_link(program);
	return program;
}

GLuint feature_program_feedback(const char *vertex, const char *const *names, int n, GLenum mode)
{
	GLuint program = glCreateProgram();

	feature_attach(program, GL_VERTEX_SHADER, vertex);
	feature_attach(program, GL_FRAGMENT_SHADER, "out vec4 c; void main() { c = vec4(1.0); }\n");
	glTransformFeedbackVaryings(program, n, names, mode);
	feature_link(program);
	return program;
}

GLuint feature_fragment(const char *fragment)
{
	return feature_program(GL_VERTEX_SHADER, FEATURE_COVER, GL_FRAGMENT_SHADER, fragment, 0);
}

void feature_cover(void)
{
	glDrawArrays(GL_TRIANGLES, 0, 3);
}

GLuint feature_target(GLenum format, int width, int height)
{
	GLuint tex, fbo;

	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_2D, tex);
	glTexStorage2D(GL_TEXTURE_2D, 1, format, width, height);
	glGenFramebuffers(1, &fbo);
	glBindFramebuffer(GL_FRAMEBUFFER, fbo);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, tex, 0);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		feature_fail("the framebuffer of format 0x%x is not complete", format);
	glViewport(0, 0, width, height);
	feature_ok("target");
	return tex;
}

GLuint feature_tex(GLenum internal, int w, int h, GLenum format, GLenum type, const void *data)
{
	GLuint tex;

	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_2D, tex);
	glTexStorage2D(GL_TEXTURE_2D, 1, internal, w, h);
	if (data)
		glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, w, h, format, type, data);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	feature_ok("texture");
	return tex;
}

GLuint feature_buffer_new(GLenum target, size_t bytes, const void *data, GLenum usage)
{
	GLuint buffer;

	glGenBuffers(1, &buffer);
	glBindBuffer(target, buffer);
	glBufferData(target, (GLsizeiptr)bytes, data, usage);
	feature_ok("buffer");
	return buffer;
}

void feature_buffer_is(GLenum target, const GLuint *want, int n, const char *what)
{
	const GLuint *got = glMapBufferRange(target, 0, n * 4, GL_MAP_READ_BIT);
	int i;

	if (!got)
		feature_fail("%s cannot be mapped: GL error 0x%x", what, glGetError());
	for (i = 0; i < n; i++)
		if (got[i] != want[i])
			feature_fail("%s: word %d is %u (0x%x), want %u (0x%x)", what, i, got[i],
				     got[i], want[i], want[i]);
	glUnmapBuffer(target);
}

void feature_pixels(int x, int y, int w, int h, int r, int g, int b, int a, int near)
{
	const int want[4] = { r, g, b, a };
	unsigned char *got = malloc((size_t)w * (size_t)h * 4);
	int i, c;

	if (!got)
		feature_fail("out of memory");
	memset(got, 0x5a, (size_t)w * (size_t)h * 4);
	glReadPixels(x, y, w, h, GL_RGBA, GL_UNSIGNED_BYTE, got);
	feature_ok("glReadPixels");
	for (i = 0; i < w * h; i++) {
		unsigned char p[4];

		memcpy(p, got + i * 4, 4);
		for (c = 0; c < 4; c++) {
			if (abs(p[c] - want[c]) <= near)
				continue;
			free(got);
			feature_fail("pixel %d,%d is %d,%d,%d,%d, want %d,%d,%d,%d", x + i % w,
				     y + i / w, p[0], p[1], p[2], p[3], r, g, b, a);
		}
	}
	free(got);
}

void feature_pixel(int x, int y, int r, int g, int b, int a, int near)
{
	feature_pixels(x, y, 1, 1, r, g, b, a, near);
}

void feature_float(int x, int y, float r, float g, float b, float a, float near)
{
	const float want[4] = { r, g, b, a };
	float got[4] = { -1, -1, -1, -1 };
	int c;

	glReadPixels(x, y, 1, 1, GL_RGBA, GL_FLOAT, got);
	feature_ok("glReadPixels");
	for (c = 0; c < 4; c++)
		if (!(fabsf(got[c] - want[c]) <= near * fmaxf(1, fabsf(want[c]))))
			feature_fail("pixel %d,%d is %g,%g,%g,%g, want %g,%g,%g,%g", x, y,
				     (double)got[0], (double)got[1], (double)got[2], (double)got[3],
				     (double)r, (double)g, (double)b, (double)a);
}
