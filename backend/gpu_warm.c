// SPDX-License-Identifier: GPL-2.0-only
/*
 * See gpu_warm.h. Drivers load compilers, start threads and look at settings when they are used
 * first; afterwards there is no file system (wrk_cage.h). A triangle that covers an offscreen pixel
 * has a vertex and a fragment shader compiled, rasterised and read back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <epoxy/gl.h>

#include "gpu_warm.h"

#define SIDE	4

/* The core profile has the new words only, and OpenGL ES 2 the old ones. */
static const char *const vertex_gl = "#version 140\nin vec2 at;\n"
	"void main() { gl_Position = vec4(at, 0.0, 1.0); }\n";
static const char *const fragment_gl = "#version 140\nuniform vec4 paint;\nout vec4 colour;\n"
	"void main() { colour = paint; }\n";
static const char *const vertex_es = "#version 100\nattribute vec2 at;\n"
	"void main() { gl_Position = vec4(at, 0.0, 1.0); }\n";
static const char *const fragment_es = "#version 100\nprecision mediump float;\n"
	"uniform vec4 paint;\nvoid main() { gl_FragColor = paint; }\n";

static GLuint compile(GLenum kind, const char *source)
{
	GLuint shader = glCreateShader(kind);
	GLint ok = 0;

	glShaderSource(shader, 1, &source, NULL);
	glCompileShader(shader);
	glGetShaderiv(shader, GL_COMPILE_STATUS, &ok);
	if (ok)
		return shader;
	glDeleteShader(shader);
	return 0;
}

static GLuint make_program(void)
{
	const bool desktop = epoxy_is_desktop_gl();
	const GLuint vertex = compile(GL_VERTEX_SHADER, desktop ? vertex_gl : vertex_es);
	const GLuint fragment = compile(GL_FRAGMENT_SHADER, desktop ? fragment_gl : fragment_es);
	GLuint program = 0;
	GLint ok = 0;

	if (vertex && fragment) {
		program = glCreateProgram();
		glAttachShader(program, vertex);
		glAttachShader(program, fragment);
		glBindAttribLocation(program, 0, "at");
		glLinkProgram(program);
		glGetProgramiv(program, GL_LINK_STATUS, &ok);
	}
	glDeleteShader(vertex);
	glDeleteShader(fragment);
	if (ok)
		return program;
	glDeleteProgram(program);
	return 0;
}

/* Whether the texture that is bound as framebuffer is all one colour, after a triangle over it. */
static bool draws(GLuint program)
{
	static const float triangle[] = { -1, -1, 3, -1, -1, 3 };
	unsigned char pixels[SIDE * SIDE * 4] = { 0 };
	size_t i;

	glViewport(0, 0, SIDE, SIDE);
	glClearColor(1, 0, 0, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	glBufferData(GL_ARRAY_BUFFER, sizeof(triangle), triangle, GL_STATIC_DRAW);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, NULL);
	glEnableVertexAttribArray(0);
	glUseProgram(program);
	glUniform4f(glGetUniformLocation(program, "paint"), 0, 1, 0, 1);
	glDrawArrays(GL_TRIANGLES, 0, 3);
	glReadPixels(0, 0, SIDE, SIDE, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
	glDisableVertexAttribArray(0);
	for (i = 0; i < sizeof(pixels); i++)
		if (pixels[i] != (i % 4 == 1 || i % 4 == 3 ? 255 : 0))
			return false;
	return true;
}

/* What is bound, to be bound again: the renderer keeps track of its own. */
struct bindings {
	GLint framebuffer, texture, buffer, array, program, viewport[4];
	GLfloat clear[4];
	bool has_arrays;
};

static void save(struct bindings *b)
{
	b->has_arrays = epoxy_gl_version() >= 30;
	glGetIntegerv(GL_FRAMEBUFFER_BINDING, &b->framebuffer);
	glGetIntegerv(GL_TEXTURE_BINDING_2D, &b->texture);
	glGetIntegerv(GL_ARRAY_BUFFER_BINDING, &b->buffer);
	glGetIntegerv(GL_CURRENT_PROGRAM, &b->program);
	glGetIntegerv(GL_VIEWPORT, b->viewport);
	glGetFloatv(GL_COLOR_CLEAR_VALUE, b->clear);
	if (b->has_arrays)
		glGetIntegerv(GL_VERTEX_ARRAY_BINDING, &b->array);
}

static void restore(const struct bindings *b)
{
	glBindFramebuffer(GL_FRAMEBUFFER, (GLuint)b->framebuffer);
	glBindTexture(GL_TEXTURE_2D, (GLuint)b->texture);
	glBindBuffer(GL_ARRAY_BUFFER, (GLuint)b->buffer);
	glUseProgram((GLuint)b->program);
	glViewport(b->viewport[0], b->viewport[1], b->viewport[2], b->viewport[3]);
	glClearColor(b->clear[0], b->clear[1], b->clear[2], b->clear[3]);
	if (b->has_arrays)
		glBindVertexArray((GLuint)b->array);
}

int gpu_warm(char why[GPU_MAX_TEXT])
{
	GLuint framebuffer, texture, buffer, array = 0, program;
	struct bindings before = { 0 };
	bool ok = false;

	save(&before);
	program = make_program();
	glGenFramebuffers(1, &framebuffer);
	glGenTextures(1, &texture);
	glGenBuffers(1, &buffer);
	if (before.has_arrays) {
		glGenVertexArrays(1, &array);
		glBindVertexArray(array);
	}
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glBindTexture(GL_TEXTURE_2D, texture);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, SIDE, SIDE, 0, GL_RGBA, GL_UNSIGNED_BYTE, NULL);
	glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
	if (program && glCheckFramebufferStatus(GL_FRAMEBUFFER) == GL_FRAMEBUFFER_COMPLETE)
		ok = draws(program);
	restore(&before);
	if (array)
		glDeleteVertexArrays(1, &array);
	glDeleteFramebuffers(1, &framebuffer);
	glDeleteTextures(1, &texture);
	glDeleteBuffers(1, &buffer);
	glDeleteProgram(program);
	/* Errors stay until they are asked for: the first guest's context would get them. */
	while (glGetError() != GL_NO_ERROR)
		ok = false;
	if (ok)
		return 0;
	snprintf(why, GPU_MAX_TEXT, "its driver %s", program ?
		 "does not draw a triangle as it should" : "does not compile a shader");
	return -EIO;
}
