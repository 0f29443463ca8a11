/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What GL can do, each thing in a small case that knows which values must come out. A case runs in
 * a context of its own, in OpenGL ES and in the core profile of desktop GL, whose shaders share
 * their bodies. Nothing of xengpu in here.
 */
#ifndef TESTS_GL_FEATURE_H
#define TESTS_GL_FEATURE_H

#include <EGL/egl.h>
#include <GLES3/gl32.h>
#include <stdbool.h>
#include <stddef.h>

struct feature {
	const char *name;	/* CONCERN/WHAT */
	int gl, es;		/* the version it needs (43 is 4.3); 0: this API does not have it */
	void (*run)(void);
};

/* A table for each file; the last entry has no name. */
extern const struct feature feature_buffer[], feature_compute[], feature_draw[], feature_feedback[],
	feature_format[], feature_multisample[], feature_query[], feature_sync[],
	feature_tessellation[], feature_texture[];

/* feature_versions() - print them, and limits. */
void feature_versions(void);

/* The API of the case that runs, and its context's version (32 is 3.2). */
bool feature_is_es(void);
int feature_version(void);
bool feature_has(const char *extension);

/* feature_fail(), feature_skip() - end the case, with the reason. */
void feature_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
void feature_skip(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* feature_ok() - end the case if there is a GL error. */
void feature_ok(const char *where);

/* feature_proc() - a function that OpenGL ES does not have, or not under this name. */
void *feature_proc(const char *name);

/*
 * feature_program() - compile and use: pairs of a stage and a body, then 0. The version and
 * precisions are put in front of the body.
 */
GLuint feature_program(GLenum stage, const char *body, ...);

/* feature_program_feedback() - the same of a vertex shader whose outputs are captured. */
GLuint feature_program_feedback(const char *vertex, const char *const *names, int n, GLenum mode);

/* feature_link() - link and use; ends the case with the log if it fails. */
void feature_link(GLuint program);

/* feature_attach() - compile @body, version in front, and attach it. */
void feature_attach(GLuint program, GLenum stage, const char *body);

/* A vertex shader for feature_cover(), which draws one triangle over the whole viewport. */
#define FEATURE_COVER										\
	"void main() { gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0,"			\
	" gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0); }\n"
void feature_cover(void);

/* A program that covers the viewport with what @fragment computes. */
GLuint feature_fragment(const char *fragment);

/* feature_target() - a new texture in a new framebuffer that is left bound; the viewport set. */
GLuint feature_target(GLenum format, int width, int height);

/* feature_tex() - a new 2D texture, one level, not filtered, with @data or without. */
GLuint feature_tex(GLenum internal, int w, int h, GLenum format, GLenum type, const void *data);

/* feature_buffer_new() - a new buffer, bound to @target. */
GLuint feature_buffer_new(GLenum target, size_t bytes, const void *data, GLenum usage);

/* feature_buffer_is() - what the buffer bound to @target holds, as words. */
void feature_buffer_is(GLenum target, const GLuint *want, int n, const char *what);

/* feature_pixel() - the RGBA8 pixel of the framebuffer is that, within @near of 255. */
void feature_pixel(int x, int y, int r, int g, int b, int a, int near);

/* feature_pixels() - as feature_pixel(), for all of a rectangle. */
void feature_pixels(int x, int y, int w, int h, int r, int g, int b, int a, int near);

/* feature_float() - the pixel of a float framebuffer, relative error @near (absolute below 1). */
void feature_float(int x, int y, float r, float g, float b, float a, float near);

/* feature_share() - a second context that shares objects, made current; NULL: the first again. */
EGLContext feature_share(void);
void feature_current(EGLContext context);

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

#endif
