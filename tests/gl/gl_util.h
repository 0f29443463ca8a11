/* SPDX-License-Identifier: GPL-2.0-only */
/* What the GL test programs share: a surfaceless EGL context, a program, a framebuffer, a check. */
#ifndef TESTS_GL_UTIL_H
#define TESTS_GL_UTIL_H

#include <EGL/egl.h>
#include <GLES3/gl3.h>

/* gl_open() - a current GLES 3 context without a surface; ends the process with a message if not. */
void gl_open(void);

/* gl_display() - the display only, for gl_context(); gl_close() ends it. */
void gl_display(void);

/*
 * gl_context() - a context of the highest version there is, made current without a surface.
 * @share: whose objects it has, or EGL_NO_CONTEXT.
 * Returns EGL_NO_CONTEXT where this API is not to be had (OpenGL core: from 3.3 on). Ended by
 * gl_context_end().
 */
enum gl_util_api { GL_UTIL_ES, GL_UTIL_CORE, GL_UTIL_COMPAT };
EGLContext gl_context(enum gl_util_api api, EGLContext share);
void gl_context_end(EGLContext context);

/* gl_current() - go on in another context of the same API. */
void gl_current(EGLContext context);

/* gl_close() - give the context and the display back. */
void gl_close(void);

/* gl_program() - compile and link; ends the process with the log if that fails. */
GLuint gl_program(const char *vertex, const char *fragment);

/* gl_target() - an RGBA8 texture in a framebuffer that is left bound, the viewport set to it. */
GLuint gl_target(int width, int height);

/* gl_quad_program() - gl_program() with a vertex shader for gl_full_quad(), in GLSL ES 3.00. */
GLuint gl_quad_program(const char *fragment);

/* gl_full_quad() - draw two triangles over the viewport; attribute 0 is the position. */
void gl_full_quad(void);

/* gl_die() - print a message and end the process with 1. */
void gl_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* gl_check() - end the process if there is a GL error. */
void gl_check(const char *where);

#endif
