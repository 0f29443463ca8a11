// SPDX-License-Identifier: GPL-2.0-only
/* What the GL test programs share; see gl_util.h. Nothing of xengpu in here: plain EGL and GLES 3. */
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gl_util.h"

static EGLDisplay display;
static EGLContext context;

void gl_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

void gl_check(const char *where)
{
	GLenum err = glGetError();

	if (err)
		gl_die("%s: GL error 0x%x", where, err);
}

void gl_display(void)
{
	display = eglGetPlatformDisplay(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, NULL);
	if (display == EGL_NO_DISPLAY || !eglInitialize(display, NULL, NULL))
		gl_die("EGL: no surfaceless display (0x%x)", eglGetError());
}

void gl_current(EGLContext to)
{
	if (!eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, to))
		gl_die("EGL: the context cannot be made current (0x%x)", eglGetError());
}

EGLContext gl_context(enum gl_util_api api, EGLContext share)
{
	const EGLint config_attribs[] = { EGL_SURFACE_TYPE, EGL_PBUFFER_BIT, EGL_RENDERABLE_TYPE,
					  api == GL_UTIL_ES ? EGL_OPENGL_ES3_BIT : EGL_OPENGL_BIT,
					  EGL_NONE };
	/* The least that is asked for; Mesa gives the most that is compatible. */
	static const EGLint es_attribs[] = { EGL_CONTEXT_CLIENT_VERSION, 3, EGL_NONE };
	static const EGLint core_attribs[] = {
		EGL_CONTEXT_MAJOR_VERSION, 3, EGL_CONTEXT_MINOR_VERSION, 3,
		EGL_CONTEXT_OPENGL_PROFILE_MASK, EGL_CONTEXT_OPENGL_CORE_PROFILE_BIT, EGL_NONE };
	static const EGLint compat_attribs[] = { EGL_NONE };
	static const EGLint *const attribs[] = { [GL_UTIL_ES] = es_attribs, [GL_UTIL_CORE] = core_attribs,
						 [GL_UTIL_COMPAT] = compat_attribs };
	EGLContext made;
	EGLConfig config;
	EGLint n;

	if (!eglBindAPI(api == GL_UTIL_ES ? EGL_OPENGL_ES_API : EGL_OPENGL_API) ||
	    !eglChooseConfig(display, config_attribs, &config, 1, &n) || n < 1)
		return EGL_NO_CONTEXT;
	made = eglCreateContext(display, config, share, attribs[api]);
	if (made != EGL_NO_CONTEXT)
		gl_current(made);
	return made;
}

void gl_context_end(EGLContext ended)
{
	eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	eglDestroyContext(display, ended);
}

void gl_open(void)
{
	gl_display();
	context = gl_context(GL_UTIL_ES, EGL_NO_CONTEXT);
	if (context == EGL_NO_CONTEXT)
		gl_die("EGL: no GLES 3 context (0x%x)", eglGetError());
	printf("GL_RENDERER: %s\nGL_VERSION: %s\n", glGetString(GL_RENDERER),
	       glGetString(GL_VERSION));
	fflush(stdout);
}

void gl_close(void)
{
	eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
	if (context)
		eglDestroyContext(display, context);
	eglTerminate(display);
}

static GLuint shader(GLenum type, const char *source)
{
	GLuint s = glCreateShader(type);
	char log[1024];
	GLint ok;

	glShaderSource(s, 1, &source, NULL);
	glCompileShader(s);
	glGetShaderiv(s, GL_COMPILE_STATUS, &ok);
	if (!ok) {
		glGetShaderInfoLog(s, sizeof(log), NULL, log);
		gl_die("shader: %s", log);
	}
	return s;
}

GLuint gl_program(const char *vertex, const char *fragment)
{
	GLuint p = glCreateProgram();
	char log[1024];
	GLint ok;

	glAttachShader(p, shader(GL_VERTEX_SHADER, vertex));
	glAttachShader(p, shader(GL_FRAGMENT_SHADER, fragment));
	glBindAttribLocation(p, 0, "pos");
	glLinkProgram(p);
	glGetProgramiv(p, GL_LINK_STATUS, &ok);
	if (!ok) {
		glGetProgramInfoLog(p, sizeof(log), NULL, log);
		gl_die("program: %s", log);
	}
	glUseProgram(p);
	return p;
}

GLuint gl_quad_program(const char *fragment)
{
	return gl_program("#version 300 es\n"
			  "in vec2 pos;\n"
			  "void main() { gl_Position = vec4(pos, 0.0, 1.0); }\n", fragment);
}

GLuint gl_target(int width, int height)
{
	GLuint tex, fbo;

	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_2D, tex);
	glTexStorage2D(GL_TEXTURE_2D, 1, GL_RGBA8, width, height);
	glGenFramebuffers(1, &fbo);
	glBindFramebuffer(GL_FRAMEBUFFER, fbo);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, tex, 0);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		gl_die("framebuffer of %d x %d is not complete", width, height);
	glViewport(0, 0, width, height);
	gl_check("gl_target");
	return tex;
}

void gl_full_quad(void)
{
	static const GLfloat quad[] = { -1, -1, 1, -1, -1, 1, 1, 1 };

	glBindBuffer(GL_ARRAY_BUFFER, 0);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, quad);
	glEnableVertexAttribArray(0);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
}
