// SPDX-License-Identifier: GPL-2.0-only
/* Ways to draw: instanced, indirect, restarted, to many targets at once, with a stencil. */
#include "feature.h"

#define GREEN "out vec4 c; void main() { c = vec4(0.0, 1.0, 0.0, 1.0); }\n"

/* Squares of 2 x 2 pixels, in a row, by instance; their colour from an attribute per two of them. */
#define SQUARES											\
	"layout(location = 0) in vec3 colour; flat out vec3 shade; uniform int first;\n"	\
	"void main() { vec2 at = vec2(gl_VertexID & 1, (gl_VertexID >> 1) & 1) + vec2(gl_InstanceID + first, 0);\n" \
	"  gl_Position = vec4(at / vec2(4.0, 0.5) - 1.0, 0.0, 1.0); shade = colour; }\n"
#define SHADE "flat in vec3 shade; out vec4 c; void main() { c = vec4(shade, 1.0); }\n"

static void squares(void)
{
	static const float colours[4][3] = { { 0, 0.2f, 1 }, { 0.2f, 0.4f, 1 }, { 0.4f, 0.6f, 1 }, { 0.6f, 0.8f, 1 } };

	feature_target(GL_RGBA8, 16, 2);
	feature_program(GL_VERTEX_SHADER, SQUARES, GL_FRAGMENT_SHADER, SHADE, 0);
	feature_buffer_new(GL_ARRAY_BUFFER, sizeof(colours), colours, GL_STATIC_DRAW);
	glVertexAttribPointer(0, 3, GL_FLOAT, GL_FALSE, 0, NULL);
	glEnableVertexAttribArray(0);
	glVertexAttribDivisor(0, 2);
	glClearColor(1, 0, 0, 1);
	glClear(GL_COLOR_BUFFER_BIT);
}

static void expect_squares(int n)
{
	int i;

	for (i = 0; i < n; i++)
		feature_pixels(i * 2, 0, 2, 2, i / 2 * 51, i / 2 * 51 + 51, 255, 255, 1);
	if (n < 8)
		feature_pixels(n * 2, 0, 16 - n * 2, 2, 255, 0, 0, 255, 0);
}

static void instanced(void)
{
	squares();
	glDrawArraysInstanced(GL_TRIANGLE_STRIP, 0, 4, 7);
	expect_squares(7);
}

static void indirect(void)
{
	static const GLuint command[5] = { 0, 4, 5, 0, 0 };

	squares();
	feature_buffer_new(GL_DRAW_INDIRECT_BUFFER, sizeof(command), command, GL_STATIC_DRAW);
	glDrawArraysIndirect(GL_TRIANGLE_STRIP, (void *)4);
	expect_squares(5);
}

/* Two strips in one draw, and vertices that begin further behind. */
static void restart(void)
{
	static const GLushort indices[] = { 0, 1, 2, 3, 0xffff, 4, 5, 6, 7 };
	static const float pos[16][2] = {
		[4] = { -1, -1 }, [5] = { -0.5f, -1 }, [6] = { -1, 1 }, [7] = { -0.5f, 1 },
		[8] = { 0.5f, -1 }, [9] = { 1, -1 }, [10] = { 0.5f, 1 }, [11] = { 1, 1 } };

	feature_target(GL_RGBA8, 8, 8);
	feature_program(GL_VERTEX_SHADER,
			"layout(location = 0) in vec2 pos; void main() { gl_Position = vec4(pos, 0.0, 1.0); }\n",
			GL_FRAGMENT_SHADER, GREEN, 0);
	feature_buffer_new(GL_ARRAY_BUFFER, sizeof(pos), pos, GL_STATIC_DRAW);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, NULL);
	glEnableVertexAttribArray(0);
	feature_buffer_new(GL_ELEMENT_ARRAY_BUFFER, sizeof(indices), indices, GL_STATIC_DRAW);
	glEnable(GL_PRIMITIVE_RESTART_FIXED_INDEX);
	glClearColor(1, 0, 0, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	glDrawElementsBaseVertex(GL_TRIANGLE_STRIP, COUNT(indices), GL_UNSIGNED_SHORT, NULL, 4);
	feature_pixels(0, 0, 2, 8, 0, 255, 0, 255, 0);
	feature_pixels(2, 0, 4, 8, 255, 0, 0, 255, 0);
	feature_pixels(6, 0, 2, 8, 0, 255, 0, 255, 0);
}

/* Four targets of a size and different formats. */
static void targets(void)
{
	static const GLenum buffers[4] = { GL_COLOR_ATTACHMENT0, GL_COLOR_ATTACHMENT1, GL_COLOR_ATTACHMENT2,
					   GL_COLOR_ATTACHMENT3 };
	GLuint fbo, i, got[4];

	glGenFramebuffers(1, &fbo);
	glBindFramebuffer(GL_FRAMEBUFFER, fbo);
	for (i = 0; i < 4; i++)
		glFramebufferTexture2D(GL_FRAMEBUFFER, buffers[i], GL_TEXTURE_2D,
				       feature_tex(i == 3 ? GL_RGBA32UI : GL_RGBA8, 4, 4, 0, 0, NULL), 0);
	glDrawBuffers(4, buffers);
	glViewport(0, 0, 4, 4);
	feature_fragment("layout(location = 0) out vec4 a; layout(location = 1) out vec4 b;\n"
			 "layout(location = 2) out vec4 c; layout(location = 3) out uvec4 d;\n"
			 "void main() { a = vec4(1.0, 0.0, 0.0, 1.0); b = vec4(0.0, 1.0, 0.0, 1.0);\n"
			 "  c = vec4(0.0, 0.0, 1.0, 1.0); d = uvec4(7, 77, 777, 77777); }\n");
	feature_cover();
	for (i = 0; i < 3; i++) {
		glReadBuffer(buffers[i]);
		feature_pixels(0, 0, 4, 4, i == 0 ? 255 : 0, i == 1 ? 255 : 0, i == 2 ? 255 : 0, 255, 0);
	}
	glReadBuffer(buffers[3]);
	glReadPixels(2, 2, 1, 1, GL_RGBA_INTEGER, GL_UNSIGNED_INT, got);
	if (got[0] != 7 || got[1] != 77 || got[2] != 777 || got[3] != 77777)
		feature_fail("the fourth target has %u,%u,%u,%u", got[0], got[1], got[2], got[3]);
}

static void stencil(void)
{
	GLuint rb;

	feature_target(GL_RGBA8, 8, 8);
	glGenRenderbuffers(1, &rb);
	glBindRenderbuffer(GL_RENDERBUFFER, rb);
	glRenderbufferStorage(GL_RENDERBUFFER, GL_DEPTH24_STENCIL8, 8, 8);
	glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_DEPTH_STENCIL_ATTACHMENT, GL_RENDERBUFFER, rb);
	feature_fragment(GREEN);
	glClearColor(1, 0, 0, 1);
	glClearStencil(3);
	glClear(GL_COLOR_BUFFER_BIT | GL_STENCIL_BUFFER_BIT);
	glEnable(GL_STENCIL_TEST);
	glStencilOp(GL_KEEP, GL_KEEP, GL_INCR);
	glStencilFunc(GL_ALWAYS, 0, 0xff);
	glColorMask(0, 0, 0, 0);
	glEnable(GL_SCISSOR_TEST);
	glScissor(2, 2, 4, 4);
	feature_cover();
	glDisable(GL_SCISSOR_TEST);
	glColorMask(1, 1, 1, 1);
	glStencilOp(GL_KEEP, GL_KEEP, GL_KEEP);
	glStencilFunc(GL_EQUAL, 4, 0xff);
	feature_cover();
	feature_pixels(2, 2, 4, 4, 0, 255, 0, 255, 0);
	feature_pixels(0, 0, 8, 2, 255, 0, 0, 255, 0);
	feature_pixels(6, 2, 2, 6, 255, 0, 0, 255, 0);
}

const struct feature feature_draw[] = {
	{ "draw/instanced", 33, 30, instanced },
	{ "draw/indirect", 43, 31, indirect },
	{ "draw/restart", 43, 32, restart },
	{ "draw/targets", 33, 30, targets },
	{ "draw/stencil", 33, 30, stencil },
	{ 0 }
};
