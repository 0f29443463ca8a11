// SPDX-License-Identifier: GPL-2.0-only
/*
 * Make textures until GL has no memory for another one, free them, and do that again:
 * `fill SIDE MOST [ROUNDS]`. Prints how many there were each time. A program that is refused must
 * see GL_OUT_OF_MEMORY and nothing else, go on drawing, and get as many when it has freed them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "gl_util.h"

#define MAX	4096

static void draw(void)
{
	unsigned char got[4];

	glClearColor(0, 1, 0, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	glReadPixels(3, 3, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, got);
	gl_check("draw");
	if (got[0] || got[1] != 255 || got[2] || got[3] != 255)
		gl_die("the pixel is %d,%d,%d,%d", got[0], got[1], got[2], got[3]);
}

int main(int argc, char **argv)
{
	static GLuint tex[MAX];
	const GLsizei side = argc > 1 ? atoi(argv[1]) : 1024;
	const int most = argc > 2 ? atoi(argv[2]) : 16, rounds = argc > 3 ? atoi(argv[3]) : 1;
	int n, round;
	GLenum err;

	if (most > MAX || most < 1)
		gl_die("at most %d", MAX);
	gl_open();
	gl_target(16, 16);
	for (round = 0; round < rounds; round++) {
		err = GL_NO_ERROR;
		for (n = 0; n < most && !err; n++) {
			glGenTextures(1, &tex[n]);
			glBindTexture(GL_TEXTURE_2D, tex[n]);
			glTexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA8, side, side);
			err = glGetError();
		}
		if (err && err != GL_OUT_OF_MEMORY)
			gl_die("texture %d: GL error 0x%x", n, err);
		printf("%d%s\n", err ? n - 1 : n, err ? ", then out of memory" : "");
		fflush(stdout);
		draw();
		glDeleteTextures(n, tex);
		draw();
	}
	gl_close();
	return 0;
}
