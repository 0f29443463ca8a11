// SPDX-License-Identifier: GPL-2.0-only
/*
 * GBM on a render node, as compositors and browsers use it: `gbm [NODE]`. Frames are drawn to a surface
 * of several buffers; each buffer is locked, exported, taken as a texture by way of its dma-buf, and
 * looked at. Then a buffer that the CPU writes to and reads. Ends with 1 at the first wrong texel.
 */
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES3/gl3.h>
#include <GLES2/gl2ext.h>
#include <fcntl.h>
#include <gbm.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gl_util.h"

#define SIZE	64
#define FRAMES	9u

#define FN(type, name)	type name = (type)(void *)eglGetProcAddress(#name)

static EGLDisplay display;
static struct gbm_device *gbm;

static EGLConfig config_of(uint32_t format)
{
	const EGLint attribs[] = { EGL_SURFACE_TYPE, EGL_WINDOW_BIT, EGL_RENDERABLE_TYPE,
				   EGL_OPENGL_ES3_BIT, EGL_NONE };
	EGLConfig configs[256];
	EGLint i, n, visual;

	if (!eglChooseConfig(display, attribs, configs, 256, &n))
		gl_die("EGL: no configurations (0x%x)", eglGetError());
	for (i = 0; i < n; i++)
		if (eglGetConfigAttrib(display, configs[i], EGL_NATIVE_VISUAL_ID, &visual) &&
		    (uint32_t)visual == format)
			return configs[i];
	gl_die("EGL: no configuration for windows of format 0x%x", format);
}

/* Bind a framebuffer whose texture is the buffer, by way of its dma-buf. */
static GLuint take(struct gbm_bo *bo, GLuint *fbo)
{
	FN(PFNEGLCREATEIMAGEKHRPROC, eglCreateImageKHR);
	FN(PFNEGLDESTROYIMAGEKHRPROC, eglDestroyImageKHR);
	FN(PFNGLEGLIMAGETARGETTEXTURE2DOESPROC, glEGLImageTargetTexture2DOES);
	int fd = gbm_bo_get_fd(bo);
	const EGLint attribs[] = {
		EGL_WIDTH, SIZE, EGL_HEIGHT, SIZE,
		EGL_LINUX_DRM_FOURCC_EXT, (EGLint)gbm_bo_get_format(bo),
		EGL_DMA_BUF_PLANE0_FD_EXT, fd, EGL_DMA_BUF_PLANE0_OFFSET_EXT, 0,
		EGL_DMA_BUF_PLANE0_PITCH_EXT, (EGLint)gbm_bo_get_stride(bo), EGL_NONE,
	};
	EGLImageKHR image;
	GLuint tex;

	if (fd < 0)
		gl_die("a buffer has no dma-buf");
	image = eglCreateImageKHR(display, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, NULL, attribs);
	if (image == EGL_NO_IMAGE_KHR)
		gl_die("the dma-buf is not taken (0x%x)", eglGetError());
	close(fd);
	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_2D, tex);
	glEGLImageTargetTexture2DOES(GL_TEXTURE_2D, image);
	eglDestroyImageKHR(display, image);
	glGenFramebuffers(1, fbo);
	glBindFramebuffer(GL_FRAMEBUFFER, *fbo);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, tex, 0);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		gl_die("what came as a dma-buf cannot be read");
	return tex;
}

static void look(const char *what, unsigned int frame, struct gbm_bo *bo, const uint8_t want[3])
{
	static uint8_t got[SIZE * SIZE][4];
	GLuint fbo, tex = take(bo, &fbo);
	unsigned int i;

	glReadPixels(0, 0, SIZE, SIZE, GL_RGBA, GL_UNSIGNED_BYTE, got);
	gl_check("glReadPixels");
	for (i = 0; i < SIZE * SIZE; i++)
		if (memcmp(got[i], want, 3))
			gl_die("%s %u: texel %u is %d,%d,%d, want %d,%d,%d", what, frame, i, got[i][0],
			       got[i][1], got[i][2], want[0], want[1], want[2]);
	glBindFramebuffer(GL_FRAMEBUFFER, 0);
	glDeleteFramebuffers(1, &fbo);
	glDeleteTextures(1, &tex);
}

static void frames(uint32_t format, const char *name)
{
	static const EGLint attribs[] = { EGL_CONTEXT_CLIENT_VERSION, 3, EGL_NONE };
	struct gbm_surface *window;
	struct gbm_bo *bo, *shown = NULL;
	EGLConfig config = config_of(format);
	EGLContext context;
	EGLSurface surface;
	unsigned int i;

	window = gbm_surface_create(gbm, SIZE, SIZE, format, GBM_BO_USE_RENDERING);
	if (!window)
		gl_die("GBM: no surface of %s", name);
	context = eglCreateContext(display, config, EGL_NO_CONTEXT, attribs);
	surface = eglCreateWindowSurface(display, config, (EGLNativeWindowType)window, NULL);
	if (surface == EGL_NO_SURFACE || !eglMakeCurrent(display, surface, surface, context))
		gl_die("EGL: no window of %s (0x%x)", name, eglGetError());
	for (i = 0; i < FRAMES; i++) {
		const uint8_t want[3] = { (uint8_t)(i * 16), 255, (uint8_t)(255 - i * 16) };

		glClearColor(want[0] / 255.f, want[1] / 255.f, want[2] / 255.f, 1);
		glClear(GL_COLOR_BUFFER_BIT);
		if (!eglSwapBuffers(display, surface))
			gl_die("eglSwapBuffers (0x%x)", eglGetError());
		bo = gbm_surface_lock_front_buffer(window);
		if (!bo)
			gl_die("frame %u: no front buffer", i);
		look(name, i, bo, want);
		if (shown)
			gbm_surface_release_buffer(window, shown);
		shown = bo;
	}
	gbm_surface_release_buffer(window, shown);
	eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	eglDestroySurface(display, surface);
	eglDestroyContext(display, context);
	gbm_surface_destroy(window);
	printf("%u frames of %s: right\n", FRAMES, name);
}

/* The CPU fills a buffer; the GPU sees it, and so does the CPU. */
static void mapped(void)
{
	static const EGLint attribs[] = { EGL_CONTEXT_CLIENT_VERSION, 3, EGL_NONE };
	static const uint8_t want[3] = { 0x12, 0x34, 0x56 };
	EGLContext context = eglCreateContext(display, config_of(GBM_FORMAT_XRGB8888), EGL_NO_CONTEXT,
					      attribs);
	struct gbm_bo *bo = gbm_bo_create(gbm, SIZE, SIZE, GBM_FORMAT_XRGB8888, GBM_BO_USE_RENDERING);
	uint32_t stride, x, y;
	void *map_data = NULL;
	uint8_t *p;

	if (!bo || !eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context))
		gl_die("GBM: no buffer");
	p = gbm_bo_map(bo, 0, 0, SIZE, SIZE, GBM_BO_TRANSFER_WRITE, &stride, &map_data);
	if (!p)
		gl_die("a buffer cannot be mapped");
	for (y = 0; y < SIZE; y++)
		for (x = 0; x < SIZE; x++)
			memcpy(p + y * stride + x * 4, "\x56\x34\x12\xff", 4);
	gbm_bo_unmap(bo, map_data);
	look("a mapped buffer", 0, bo, want);
	map_data = NULL;
	p = gbm_bo_map(bo, 0, 0, SIZE, SIZE, GBM_BO_TRANSFER_READ, &stride, &map_data);
	if (!p || memcmp(p + (SIZE - 1) * stride + (SIZE - 1) * 4, "\x56\x34\x12", 3))
		gl_die("a mapped buffer is not read as it was written");
	gbm_bo_unmap(bo, map_data);
	eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	eglDestroyContext(display, context);
	gbm_bo_destroy(bo);
	puts("a buffer that the CPU maps: right");
}

int main(int argc, char **argv)
{
	const char *node = argc > 1 ? argv[1] : "/dev/dri/renderD128";
	int fd = open(node, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		gl_die("%s cannot be opened", node);
	gbm = gbm_create_device(fd);
	if (!gbm)
		gl_die("GBM does not take %s", node);
	printf("GBM backend: %s\n", gbm_device_get_backend_name(gbm));
	display = eglGetPlatformDisplay(EGL_PLATFORM_GBM_MESA, gbm, NULL);
	if (display == EGL_NO_DISPLAY || !eglInitialize(display, NULL, NULL) ||
	    !eglBindAPI(EGL_OPENGL_ES_API))
		gl_die("EGL: no display on GBM (0x%x)", eglGetError());
	frames(GBM_FORMAT_XRGB8888, "XRGB8888");
	frames(GBM_FORMAT_ARGB8888, "ARGB8888");
	mapped();
	eglTerminate(display);
	gbm_device_destroy(gbm);
	close(fd);
	return 0;
}
