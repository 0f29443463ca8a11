// SPDX-License-Identifier: GPL-2.0-only
/*
 * Draw frames, check each one, print its number: `spin [FRAMES]` (0 or nothing: until killed).
 * Frame n is one colour computed in the fragment shader from n and from a texture that is
 * uploaded anew for each frame, so that a lost command or a stale surface shows at once.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gl_util.h"

#define SIZE 64

static const char fragment_source[] =
	"#version 300 es\n"
	"precision highp float;\n"
	"uniform sampler2D tex;\n"
	"uniform vec4 shift;\n"
	"out vec4 color;\n"
	"void main() { color = texelFetch(tex, ivec2(gl_FragCoord.xy), 0) + shift; }\n";

int main(int argc, char **argv)
{
	unsigned long frames = argc > 1 ? strtoul(argv[1], NULL, 10) : 0, n;
	static unsigned char texels[SIZE * SIZE][4], got[SIZE * SIZE][4];
	GLint shift;
	GLuint tex;

	gl_open();
	gl_target(SIZE, SIZE);
	shift = glGetUniformLocation(gl_quad_program(fragment_source), "shift");
	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_2D, tex);
	glTexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA8, SIZE, SIZE);
	for (n = 0; !frames || n < frames; n++) {
		unsigned int i;

		for (i = 0; i < SIZE * SIZE; i++) {
			texels[i][0] = (unsigned char)((n + i) % 128);
			texels[i][1] = (unsigned char)(n % 251);
			texels[i][2] = (unsigned char)(i % 241);
			texels[i][3] = 255;
		}
		glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, SIZE, SIZE, GL_RGBA, GL_UNSIGNED_BYTE, texels);
		glUniform4f(shift, (float)(n % 100) / 255.f, 0, 0, 0);
		gl_full_quad();
		glReadPixels(0, 0, SIZE, SIZE, GL_RGBA, GL_UNSIGNED_BYTE, got);
		gl_check("frame");
		for (i = 0; i < SIZE * SIZE; i++)
			if (abs(got[i][0] - (int)(texels[i][0] + n % 100)) > 1 ||
			    abs(got[i][1] - texels[i][1]) > 1 || abs(got[i][2] - texels[i][2]) > 1)
				gl_die("frame %lu: pixel %u is %d,%d,%d, want %lu,%d,%d", n, i,
				       got[i][0], got[i][1], got[i][2], texels[i][0] + n % 100,
				       texels[i][1], texels[i][2]);
		printf("frame %lu\n", n);
		fflush(stdout);
	}
	gl_close();
	return 0;
}
