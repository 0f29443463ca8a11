// SPDX-License-Identifier: GPL-2.0-only
/*
 * features [--list] [CASE...]: run cases, TAP on the standard output. CASE is a name as it is
 * listed, es/compute/ssbo, or the beginning of some: gl, es/texture. Ends with 1 if one failed.
 * features --versions: what GL says of itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../gl_util.h"
#include "feature.h"

static const struct feature *const tables[] = {
	feature_compute, feature_feedback, feature_tessellation, feature_multisample,
	feature_format, feature_texture, feature_buffer, feature_query, feature_sync, feature_draw,
};

enum result { PASSED, FAILED, SKIPPED };

static jmp_buf end_of_case;
static char why[512];
static EGLContext first, second;
static bool es;

bool feature_is_es(void)
{
	return es;
}

int feature_version(void)
{
	GLint major = 0, minor = 0;

	glGetIntegerv(GL_MAJOR_VERSION, &major);
	glGetIntegerv(GL_MINOR_VERSION, &minor);
	return major * 10 + minor;
}

bool feature_has(const char *extension)
{
	GLint n = 0, i;

	glGetIntegerv(GL_NUM_EXTENSIONS, &n);
	for (i = 0; i < n; i++)
		if (!strcmp((const char *)glGetStringi(GL_EXTENSIONS, (GLuint)i), extension))
			return true;
	return false;
}

static void explain(const char *fmt, va_list ap)
{
	char *c;

	vsnprintf(why, sizeof(why), fmt, ap);
	for (c = why; *c; c++)
		if (*c == '\n')
			*c = ' ';
}

void feature_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	explain(fmt, ap);
	va_end(ap);
	longjmp(end_of_case, FAILED);
}

void feature_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	explain(fmt, ap);
	va_end(ap);
	longjmp(end_of_case, SKIPPED);
}

void feature_ok(const char *where)
{
	GLenum err = glGetError();

	if (err)
		feature_fail("%s: GL error 0x%x", where, err);
}

void *feature_proc(const char *name)
{
	void *proc = (void *)eglGetProcAddress(name);

	if (!proc)
		feature_skip("there is no %s", name);
	return proc;
}

EGLContext feature_share(void)
{
	second = gl_context(es ? GL_UTIL_ES : GL_UTIL_CORE, first);
	if (second == EGL_NO_CONTEXT)
		feature_fail("there is no second context");
	return second;
}

void feature_current(EGLContext context)
{
	gl_current(context ? context : first);
}

static enum result in_context(const struct feature *f)
{
	const int need = es ? f->es : f->gl;
	int result;
	GLuint vao;

	first = gl_context(es ? GL_UTIL_ES : GL_UTIL_CORE, EGL_NO_CONTEXT);
	if (first == EGL_NO_CONTEXT) {
		snprintf(why, sizeof(why), "there is no context of %s", es ? "OpenGL ES 3" : "OpenGL 3.3 core");
		return SKIPPED;
	}
	second = NULL;
	result = setjmp(end_of_case);
	if (!result) {
		if (feature_version() < need)
			feature_skip("needs %s %d.%d, the context is %s", es ? "OpenGL ES" : "OpenGL",
				     need / 10, need % 10, glGetString(GL_VERSION));
		/* The core profile draws nothing without one. */
		glGenVertexArrays(1, &vao);
		glBindVertexArray(vao);
		glPixelStorei(GL_PACK_ALIGNMENT, 1);
		glPixelStorei(GL_UNPACK_ALIGNMENT, 1);
		glDisable(GL_DITHER);
		f->run();
		feature_ok("at the end");
	}
	if (second)
		gl_context_end(second);
	gl_context_end(first);
	return (enum result)result;
}

static bool chosen(const char *name, char **want, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		size_t len = strlen(want[i]);

		if (!strncmp(name, want[i], len) && (!name[len] || name[len] == '/'))
			return true;
	}
	return !n;
}

int main(int argc, char **argv)
{
	bool list = argc > 1 && !strcmp(argv[1], "--list");
	char **want = argv + 1 + list;
	int n = 0, bad = 0, api;
	char name[128];
	size_t t;

	if (argc > 1 && !strcmp(argv[1], "--versions")) {
		feature_versions();
		return 0;
	}
	if (!list)
		gl_display();
	for (api = 0; api < 2; api++) {
		es = !api;
		for (t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
			const struct feature *f;

			for (f = tables[t]; f->name; f++) {
				snprintf(name, sizeof(name), "%s/%s", es ? "es" : "gl", f->name);
				if (!(es ? f->es : f->gl) || !chosen(name, want, argc - 1 - list))
					continue;
				n++;
				if (list) {
					puts(name);
					continue;
				}
				switch (in_context(f)) {
				case PASSED:
					printf("ok %d - %s\n", n, name);
					break;
				case SKIPPED:
					printf("ok %d - %s # SKIP %s\n", n, name, why);
					break;
				case FAILED:
					printf("not ok %d - %s\n# %s\n", n, name, why);
					bad++;
				}
				fflush(stdout);
			}
		}
	}
	if (list)
		return 0;
	gl_close();
	if (!n)
		gl_die("there is no such case; features --list");
	printf("1..%d\n", n);
	return bad > 0;
}
