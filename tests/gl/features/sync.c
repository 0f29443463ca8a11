// SPDX-License-Identifier: GPL-2.0-only
/* Sync objects: waited for, asked for, and between two contexts that share a texture. */
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <unistd.h>

#include "feature.h"

static GLuint draw_something(void)
{
	GLuint tex = feature_target(GL_RGBA8, 64, 64);

	feature_fragment("out vec4 c; void main() { c = vec4(0.0, 1.0, 0.0, 1.0); }\n");
	feature_cover();
	return tex;
}

static void wait(void)
{
	GLenum status;
	GLsync s;
	int i;

	for (i = 0; i < 20; i++) {
		draw_something();
		s = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
		status = glClientWaitSync(s, GL_SYNC_FLUSH_COMMANDS_BIT, 5000000000u);
		if (status != GL_CONDITION_SATISFIED && status != GL_ALREADY_SIGNALED)
			feature_fail("round %d: 0x%x", i, status);
		status = glClientWaitSync(s, 0, 0);
		if (status != GL_ALREADY_SIGNALED)
			feature_fail("round %d: then 0x%x", i, status);
		glDeleteSync(s);
	}
}

/* Never waited for, only flushed and asked about. */
static void asked(void)
{
	GLint status = 0;
	GLsync s;
	int i;

	draw_something();
	s = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
	glFlush();
	for (i = 0; i < 5000 && status != GL_SIGNALED; i++) {
		glGetSynciv(s, GL_SYNC_STATUS, 1, NULL, &status);
		if (status != GL_SIGNALED)
			usleep(1000);
	}
	if (status != GL_SIGNALED)
		feature_fail("not signalled after five seconds");
	glDeleteSync(s);
}

/* The one draws into a texture, the other waits on the GPU and shows it; ten times. */
static void between(void)
{
	EGLContext other;
	GLuint tex, p, show, vao;
	GLint colour;
	GLsync s;
	int i;

	tex = feature_target(GL_RGBA8, 64, 64);
	p = feature_fragment("uniform vec4 v; out vec4 c; void main() { c = v; }\n");
	colour = glGetUniformLocation(p, "v");
	other = feature_share();
	glGenVertexArrays(1, &vao);
	glBindVertexArray(vao);
	feature_target(GL_RGBA8, 64, 64);
	show = feature_fragment("uniform sampler2D tex; out vec4 c;\n"
				"void main() { c = texelFetch(tex, ivec2(gl_FragCoord.xy), 0); }\n");
	(void)show;
	for (i = 0; i < 10; i++) {
		feature_current(NULL);
		glUniform4f(colour, (float)i / 15, 1 - (float)i / 15, 0, 1);
		feature_cover();
		s = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
		glFlush();
		feature_current(other);
		glWaitSync(s, 0, GL_TIMEOUT_IGNORED);
		glBindTexture(GL_TEXTURE_2D, tex);
		glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
		feature_cover();
		feature_pixels(0, 0, 64, 64, i * 17, 255 - i * 17, 0, 255, 1);
		glDeleteSync(s);
	}
	feature_current(NULL);
}

static void egl_fence(void)
{
	typedef EGLSyncKHR (*create_fn)(EGLDisplay, EGLenum, const EGLint *);
	typedef EGLint (*wait_fn)(EGLDisplay, EGLSyncKHR, EGLint, EGLTimeKHR);
	typedef EGLBoolean (*destroy_fn)(EGLDisplay, EGLSyncKHR);
	create_fn create = (create_fn)feature_proc("eglCreateSyncKHR");
	wait_fn client_wait = (wait_fn)feature_proc("eglClientWaitSyncKHR");
	destroy_fn destroy = (destroy_fn)feature_proc("eglDestroySyncKHR");
	EGLDisplay display = eglGetCurrentDisplay();
	EGLSyncKHR s;
	EGLint ret;

	draw_something();
	s = create(display, EGL_SYNC_FENCE_KHR, NULL);
	if (s == EGL_NO_SYNC_KHR)
		feature_fail("eglCreateSyncKHR: 0x%x", eglGetError());
	ret = client_wait(display, s, EGL_SYNC_FLUSH_COMMANDS_BIT_KHR, 5000000000u);
	if (ret != EGL_CONDITION_SATISFIED_KHR)
		feature_fail("eglClientWaitSyncKHR: 0x%x", ret);
	destroy(display, s);
}

const struct feature feature_sync[] = {
	{ "sync/wait", 33, 30, wait },
	{ "sync/asked", 33, 30, asked },
	{ "sync/between-contexts", 43, 30, between },
	{ "sync/egl", 33, 30, egl_fence },
	{ 0 }
};
