// SPDX-License-Identifier: GPL-2.0-only
/*
 * Draw into a pbuffer of each EGL configuration that has them, and look at a texel: what a
 * compositor without a screen does. Prints each configuration; ends with 1 if one is wrong.
 */
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gl_util.h"

#define SIZE 64

static const char vertex_source[] =
	"attribute vec2 pos;\n"
	"void main() { gl_Position = vec4(pos, 0.0, 1.0); }\n";
static const char fragment_source[] =
	"precision mediump float;\n"
	"void main() { gl_FragColor = vec4(1.0, 0.0, 1.0, 1.0); }\n";

static int attrib(EGLDisplay display, EGLConfig config, EGLint name)
{
	EGLint value = -1;

	eglGetConfigAttrib(display, config, name, &value);
	return value;
}

static int draw(EGLDisplay display, EGLConfig config)
{
	static const EGLint surface_attribs[] = { EGL_WIDTH, SIZE, EGL_HEIGHT, SIZE, EGL_NONE };
	static const EGLint context_attribs[] = { EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE };
	EGLContext context = eglCreateContext(display, config, EGL_NO_CONTEXT, context_attribs);
	EGLSurface surface = eglCreatePbufferSurface(display, config, surface_attribs);
	unsigned char got[4] = { 0 };
	int right;

	if (context == EGL_NO_CONTEXT || surface == EGL_NO_SURFACE ||
	    !eglMakeCurrent(display, surface, surface, context))
		gl_die("no context or pbuffer (0x%x)", eglGetError());
	gl_program(vertex_source, fragment_source);
	glViewport(0, 0, SIZE, SIZE);
	glClearColor(0, 1, 0, 1);
	glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT | GL_STENCIL_BUFFER_BIT);
	gl_full_quad();
	glReadPixels(SIZE / 2, SIZE / 2, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, got);
	right = glGetError() == GL_NO_ERROR && got[0] > 240 && got[1] < 16 && got[2] > 240;
	eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	eglDestroySurface(display, surface);
	eglDestroyContext(display, context);
	return right;
}

int main(void)
{
	static const EGLint wanted[] = { EGL_SURFACE_TYPE, EGL_PBUFFER_BIT,
					 EGL_RENDERABLE_TYPE, EGL_OPENGL_ES2_BIT, EGL_NONE };
	EGLDisplay display = eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA,
						   EGL_DEFAULT_DISPLAY, NULL);
	EGLConfig config[256];
	EGLint i, n = 0;
	int bad = 0, right;

	if (!eglInitialize(display, NULL, NULL) || !eglBindAPI(EGL_OPENGL_ES_API) ||
	    !eglChooseConfig(display, wanted, config, 256, &n) || !n)
		gl_die("EGL: no configuration with pbuffers (0x%x)", eglGetError());
	for (i = 0; i < n; i++) {
		right = draw(display, config[i]);
		printf("configuration %d, %d%d%d%d depth %d stencil %d samples %d: %s\n",
		       attrib(display, config[i], EGL_CONFIG_ID),
		       attrib(display, config[i], EGL_RED_SIZE),
		       attrib(display, config[i], EGL_GREEN_SIZE),
		       attrib(display, config[i], EGL_BLUE_SIZE),
		       attrib(display, config[i], EGL_ALPHA_SIZE),
		       attrib(display, config[i], EGL_DEPTH_SIZE),
		       attrib(display, config[i], EGL_STENCIL_SIZE),
		       attrib(display, config[i], EGL_SAMPLES), right ? "right" : "wrong");
		fflush(stdout);
		bad |= !right;
	}
	eglTerminate(display);
	return bad;
}
