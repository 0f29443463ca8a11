// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens beside a program is nothing to its drawing: `beside [NODE]`. It draws the left half of a
 * picture with a texture, then something is made or ended, then it draws the right half with the same
 * texture, which it has not touched; all of it must be the texture's colour. With NODE, a render node,
 * other programs come and go as well: files opened there, each with a context and a texture.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "gl_util.h"
#include "virtgpu.h"

#define SIZE	64

static const char fragment_source[] =
	"#version 300 es\n"
	"precision highp float;\n"
	"uniform sampler2D tex;\n"
	"out vec4 color;\n"
	"void main() { color = texelFetch(tex, ivec2(0), 0); }\n";

static const char *node;
static GLuint texture;
static int other = -1;

static GLuint make_texture(uint8_t red)
{
	uint8_t texel[SIZE * SIZE][4];
	GLuint tex;
	int i;

	for (i = 0; i < SIZE * SIZE; i++)
		memcpy(texel[i], (uint8_t[]){ red, 200, 100, 255 }, 4);
	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_2D, tex);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA8, SIZE, SIZE, 0, GL_RGBA, GL_UNSIGNED_BYTE, texel);
	return tex;
}

static GLuint mine;

static void nothing(void)
{
}

static void make_mine(void)
{
	mine = make_texture(1);
	glBindTexture(GL_TEXTURE_2D, texture);
}

static void end_mine(void)
{
	glDeleteTextures(1, &mine);
}

static void make_target(void)
{
	GLuint tex;

	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_2D, tex);
	glTexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA8, SIZE, SIZE);
	glBindTexture(GL_TEXTURE_2D, texture);
	glFinish();
}

static void begin_other(void)
{
	struct virtgpu_param p = { VIRTGPU_CONTEXT_PARAM_CAPSET_ID, 2 };
	struct virtgpu_context_init init = { .num_params = 1, .params = (uintptr_t)&p };

	other = open(node, O_RDWR | O_CLOEXEC);
	if (other < 0 || ioctl(other, IOCTL_CONTEXT_INIT, &init))
		gl_die("%s: no context", node);
}

/* RGBA8, to be drawn to and sampled. Source: virgl's virgl_hw.h and p_defines.h. */
static void other_texture(void)
{
	struct drm_virtgpu_resource_create r = {
		.target = 2, .format = 67, .bind = 1 << 1 | 1 << 3, .width = SIZE, .height = SIZE,
		.depth = 1, .array_size = 1, .size = SIZE * SIZE * 4,
	};
	struct drm_virtgpu_3d_wait wait = { 0 };
	struct drm_virtgpu_3d_transfer_from_host from = {
		.box = { .w = SIZE, .h = SIZE, .d = 1 },
	};

	if (ioctl(other, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &r))
		gl_die("%s: no texture", node);
	from.bo_handle = wait.handle = r.bo_handle;
	if (ioctl(other, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &from) ||
	    ioctl(other, DRM_IOCTL_VIRTGPU_WAIT, &wait))
		gl_die("%s: the texture cannot be read", node);
}

static void end_other(void)
{
	close(other);
}

static void half(int n)
{
	glViewport(n * SIZE / 2, 0, SIZE / 2, SIZE);
	gl_full_quad();
	glFinish();
}

static void check(const char *what, void (*event)(void))
{
	static uint8_t got[SIZE * SIZE][4];
	const uint8_t want[4] = { 50, 200, 100, 255 };
	int i;

	glClearColor(0, 0, 0, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	half(0);
	event();
	half(1);
	glReadPixels(0, 0, SIZE, SIZE, GL_RGBA, GL_UNSIGNED_BYTE, got);
	gl_check(what);
	for (i = 0; i < SIZE * SIZE; i++)
		if (memcmp(got[i], want, 4))
			gl_die("%s: pixel %d,%d is %d,%d,%d, want %d,%d,%d", what, i % SIZE, i / SIZE,
			       got[i][0], got[i][1], got[i][2], want[0], want[1], want[2]);
	printf("%s: right\n", what);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	node = argc > 1 ? argv[1] : NULL;
	gl_open();
	gl_target(SIZE, SIZE);
	gl_quad_program(fragment_source);
	texture = make_texture(50);
	check("nothing", nothing);
	check("a texture of its own is made", make_mine);
	check("that is deleted", end_mine);
	check("a texture without contents is made", make_target);
	if (node) {
		check("another program begins", begin_other);
		check("it makes a texture, and reads it", other_texture);
		check("it ends", end_other);
		check("another begins", begin_other);
		check("that ends without having done anything", end_other);
	}
	gl_close();
	return 0;
}
