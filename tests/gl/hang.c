// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that hangs the GPU: one draw that is not done within an hour. A large surface, because
 * llvmpipe ends a shader's loops after 65535 turns. Never run natively without a time limit.
 */
#include <stdio.h>

#include "gl_util.h"

static const char fragment_source[] =
	"#version 300 es\n"
	"precision highp float;\n"
	"uniform vec4 step;\n"
	"uniform int turns;\n"
	"out vec4 color;\n"
	"void main() {\n"
	"	vec4 v = vec4(0.0);\n"
	"	for (int i = 0; i < turns; i++)\n"
	"		for (int j = 0; j < turns; j++)\n"
	"			v = sin(v + cos(v * step) + sin(v.wzyx - step));\n"
	"	color = v;\n"
	"}\n";

int main(void)
{
	unsigned char got[4];
	GLuint program;

	gl_open();
	gl_target(4096, 4096);
	program = gl_quad_program(fragment_source);
	glUniform4f(glGetUniformLocation(program, "step"), 0.1f, 0.2f, 0.3f, 0.4f);
	glUniform1i(glGetUniformLocation(program, "turns"), 60000);
	gl_full_quad();
	puts("drawing");
	fflush(stdout);
	glReadPixels(0, 0, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, got);
	puts("done, which cannot be");
	gl_close();
	return 0;
}
