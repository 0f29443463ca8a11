// SPDX-License-Identifier: GPL-2.0-only
/*
 * A texture of one process, drawn to by another: the first draws a pattern into it and sends its
 * dma-buf, the second makes a texture of that, looks at each texel, and draws over a quarter; then
 * the first looks. Nothing is copied between them. Ends with 1 at the first wrong texel.
 */
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES3/gl3.h>
#include <GLES2/gl2ext.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gl_util.h"

#define SIZE	64

struct layout {
	int fourcc, planes;
	EGLuint64KHR modifier;
	EGLint stride, offset;
};

#define FN(type, name)	type name = (type)(void *)eglGetProcAddress(#name)

static void send_buffer(int sock, const struct layout *layout, int fd)
{
	struct iovec iov = { (void *)layout, sizeof(*layout) };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(sock, &msg, 0) != (ssize_t)sizeof(*layout))
		gl_die("the dma-buf cannot be sent");
}

static int receive_buffer(int sock, struct layout *layout)
{
	struct iovec iov = { layout, sizeof(*layout) };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int fd;

	if (recvmsg(sock, &msg, 0) != (ssize_t)sizeof(*layout) || !CMSG_FIRSTHDR(&msg))
		gl_die("no dma-buf came");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* What is where: a quarter of its own colour each; @over: the second process was here. */
static void expect(int x, int y, int over, uint8_t out[4])
{
	const int right = x >= SIZE / 2, top = y >= SIZE / 2;

	out[0] = right ? 255 : 0;
	out[1] = top ? 255 : 0;
	out[2] = over && right && top ? 0 : 255;
	out[3] = 255;
}

static void fill(int x, int y, int over)
{
	uint8_t c[4];

	expect(x, y, over, c);
	glScissor(x, y, SIZE / 2, SIZE / 2);
	glClearColor(c[0] / 255.f, c[1] / 255.f, c[2] / 255.f, 1);
	glClear(GL_COLOR_BUFFER_BIT);
}

static void look(const char *who, int over)
{
	static uint8_t got[SIZE][SIZE][4];
	uint8_t want[4];
	int x, y;

	glReadPixels(0, 0, SIZE, SIZE, GL_RGBA, GL_UNSIGNED_BYTE, got);
	gl_check("glReadPixels");
	for (y = 0; y < SIZE; y++)
		for (x = 0; x < SIZE; x++) {
			expect(x, y, over, want);
			if (memcmp(want, got[y][x], 4))
				gl_die("%s: texel %d,%d is %d,%d,%d, want %d,%d,%d", who, x, y,
				       got[y][x][0], got[y][x][1], got[y][x][2], want[0], want[1],
				       want[2]);
		}
	printf("%s: right\n", who);
	fflush(stdout);
}

static void second(int sock)
{
	struct layout l;
	int fd = receive_buffer(sock, &l);
	GLuint tex, fbo;
	EGLImageKHR image;

	gl_open();
	FN(PFNEGLCREATEIMAGEKHRPROC, eglCreateImageKHR);
	FN(PFNGLEGLIMAGETARGETTEXTURE2DOESPROC, glEGLImageTargetTexture2DOES);
	const EGLint attribs[] = {
		EGL_WIDTH, SIZE, EGL_HEIGHT, SIZE, EGL_LINUX_DRM_FOURCC_EXT, l.fourcc,
		EGL_DMA_BUF_PLANE0_FD_EXT, fd, EGL_DMA_BUF_PLANE0_OFFSET_EXT, l.offset,
		EGL_DMA_BUF_PLANE0_PITCH_EXT, l.stride, EGL_NONE,
	};
	image = eglCreateImageKHR(eglGetCurrentDisplay(), EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, NULL,
				  attribs);
	if (image == EGL_NO_IMAGE_KHR)
		gl_die("the dma-buf is not taken (0x%x)", eglGetError());
	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_2D, tex);
	glEGLImageTargetTexture2DOES(GL_TEXTURE_2D, image);
	glGenFramebuffers(1, &fbo);
	glBindFramebuffer(GL_FRAMEBUFFER, fbo);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, tex, 0);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		gl_die("what came as a dma-buf cannot be drawn to");
	gl_check("import");
	look("the second process sees what the first drew", 0);
	glEnable(GL_SCISSOR_TEST);
	fill(SIZE / 2, SIZE / 2, 1);
	glFinish();
	gl_check("draw");
	if (write(sock, "", 1) != 1)
		gl_die("the first process is gone");
	gl_close();
}

static void first(int sock)
{
	struct layout l = { 0 };
	EGLImageKHR image;
	char octet;
	GLuint tex;
	int fd;

	gl_open();
	FN(PFNEGLCREATEIMAGEKHRPROC, eglCreateImageKHR);
	FN(PFNEGLEXPORTDMABUFIMAGEQUERYMESAPROC, eglExportDMABUFImageQueryMESA);
	FN(PFNEGLEXPORTDMABUFIMAGEMESAPROC, eglExportDMABUFImageMESA);
	if (!eglExportDMABUFImageMESA)
		gl_die("EGL: no export of dma-bufs");
	tex = gl_target(SIZE, SIZE);
	image = eglCreateImageKHR(eglGetCurrentDisplay(), eglGetCurrentContext(), EGL_GL_TEXTURE_2D_KHR,
				  (EGLClientBuffer)(uintptr_t)tex, NULL);
	if (image == EGL_NO_IMAGE_KHR)
		gl_die("no image of a texture (0x%x)", eglGetError());
	glEnable(GL_SCISSOR_TEST);
	fill(0, 0, 0);
	fill(SIZE / 2, 0, 0);
	fill(0, SIZE / 2, 0);
	fill(SIZE / 2, SIZE / 2, 0);
	glDisable(GL_SCISSOR_TEST);
	glFinish();
	if (!eglExportDMABUFImageQueryMESA(eglGetCurrentDisplay(), image, &l.fourcc, &l.planes,
					   &l.modifier) || l.planes != 1 ||
	    !eglExportDMABUFImageMESA(eglGetCurrentDisplay(), image, &fd, &l.stride, &l.offset))
		gl_die("no dma-buf of the image (0x%x)", eglGetError());
	send_buffer(sock, &l, fd);
	if (read(sock, &octet, 1) != 1)
		gl_die("the second process ended");
	look("the first process sees what the second drew", 1);
	gl_close();
}

int main(void)
{
	int sock[2], status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock))
		gl_die("no sockets");
	pid = fork();
	if (pid == 0) {
		close(sock[0]);
		second(sock[1]);
		return 0;
	}
	close(sock[1]);
	first(sock[0]);
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}
