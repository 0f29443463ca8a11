// SPDX-License-Identifier: GPL-2.0-only
/* Queries: how many samples passed, whether any, how long it took, and drawing that depends on it. */
#include <stdint.h>
#include <unistd.h>

#include "feature.h"

/* OpenGL's; ES has the last two as an extension. Source: the OpenGL registry. */
#define SAMPLES_PASSED	0x8914
#define QUERY_WAIT	0x8e13
#define TIME_ELAPSED	0x88bf
#define TIMESTAMP	0x8e28

static GLuint result(GLuint q)
{
	GLuint n = 0xffffffff;

	glGetQueryObjectuiv(q, GL_QUERY_RESULT, &n);
	feature_ok("the query's result");
	return n;
}

static void white(void)
{
	feature_fragment("out vec4 c; void main() { c = vec4(1.0); }\n");
}

static void samples(void)
{
	GLuint q[3], i;

	feature_target(GL_RGBA8, 32, 32);
	white();
	glGenQueries(3, q);
	glEnable(GL_SCISSOR_TEST);
	for (i = 0; i < 3; i++) {
		glScissor(0, 0, (GLint)i * 5, 7);
		glBeginQuery(SAMPLES_PASSED, q[i]);
		feature_cover();
		feature_cover();
		glEndQuery(SAMPLES_PASSED);
	}
	for (i = 0; i < 3; i++)
		if (result(q[i]) != 2 * i * 5 * 7)
			feature_fail("query %u: %u samples, want %u", i, result(q[i]), 2 * i * 5 * 7);
}

static void any(void)
{
	static const GLenum target[] = { GL_ANY_SAMPLES_PASSED, GL_ANY_SAMPLES_PASSED_CONSERVATIVE };
	GLuint q[2], i;

	feature_target(GL_RGBA8, 32, 32);
	white();
	glEnable(GL_SCISSOR_TEST);
	for (i = 0; i < 2; i++) {
		glGenQueries(2, q);
		glScissor(31, 31, 1, 1);
		glBeginQuery(target[i], q[0]);
		feature_cover();
		glEndQuery(target[i]);
		glScissor(0, 0, 0, 0);
		glBeginQuery(target[i], q[1]);
		feature_cover();
		glEndQuery(target[i]);
		if (!result(q[0]))
			feature_fail("0x%x: a pixel was drawn, and none passed", target[i]);
		if (result(q[1]))
			feature_fail("0x%x: no pixel was drawn, and one passed", target[i]);
	}
}

/* Asked for again and again, without waiting, after a flush: it must come. */
static void polled(void)
{
	GLuint q, there = 0;
	int i;

	feature_target(GL_RGBA8, 32, 32);
	white();
	glGenQueries(1, &q);
	glBeginQuery(GL_ANY_SAMPLES_PASSED, q);
	feature_cover();
	glEndQuery(GL_ANY_SAMPLES_PASSED);
	glFlush();
	for (i = 0; i < 5000 && !there; i++) {
		glGetQueryObjectuiv(q, GL_QUERY_RESULT_AVAILABLE, &there);
		if (!there)
			usleep(1000);
	}
	if (!there)
		feature_fail("not there after five seconds");
	if (!result(q))
		feature_fail("nothing passed");
}

static void conditional(void)
{
	typedef void (*begin_fn)(GLuint, GLenum);
	typedef void (*end_fn)(void);
	begin_fn begin = (begin_fn)feature_proc("glBeginConditionalRender");
	end_fn end = (end_fn)feature_proc("glEndConditionalRender");
	GLuint q[2], i;

	feature_target(GL_RGBA8, 8, 8);
	white();
	glGenQueries(2, q);
	glEnable(GL_SCISSOR_TEST);
	for (i = 0; i < 2; i++) {
		glScissor(0, 0, (GLint)i, 1);
		glBeginQuery(SAMPLES_PASSED, q[i]);
		feature_cover();
		glEndQuery(SAMPLES_PASSED);
	}
	glDisable(GL_SCISSOR_TEST);
	for (i = 0; i < 2; i++) {
		glClearColor(1, 0, 0, 1);
		glClear(GL_COLOR_BUFFER_BIT);
		begin(q[i], QUERY_WAIT);
		feature_cover();
		end();
		feature_pixels(0, 0, 8, 8, 255, i ? 255 : 0, i ? 255 : 0, 255, 0);
	}
}

static void timer(void)
{
	typedef void (*counter_fn)(GLuint, GLenum);
	typedef void (*get_fn)(GLuint, GLenum, uint64_t *);
	const bool es = feature_is_es();
	counter_fn counter;
	uint64_t t[3];
	GLuint q[3], i;
	get_fn get;

	if (es && !feature_has("GL_EXT_disjoint_timer_query"))
		feature_skip("there is no GL_EXT_disjoint_timer_query");
	counter = (counter_fn)feature_proc(es ? "glQueryCounterEXT" : "glQueryCounter");
	get = (get_fn)feature_proc(es ? "glGetQueryObjectui64vEXT" : "glGetQueryObjectui64v");
	feature_target(GL_RGBA8, 256, 256);
	white();
	glGenQueries(3, q);
	counter(q[0], TIMESTAMP);
	glBeginQuery(TIME_ELAPSED, q[2]);
	for (i = 0; i < 50; i++)
		feature_cover();
	glEndQuery(TIME_ELAPSED);
	counter(q[1], TIMESTAMP);
	for (i = 0; i < 3; i++)
		get(q[i], GL_QUERY_RESULT, &t[i]);
	feature_ok("timers");
	if (t[1] <= t[0])
		feature_fail("the second time stamp, %llu, is not behind the first, %llu",
			     (unsigned long long)t[1], (unsigned long long)t[0]);
	/* How long it took is not judged: llvmpipe keeps only its last tile's beginning, if any. */
	if (!t[2])
		feature_fail("no time elapsed");
}

const struct feature feature_query[] = {
	{ "query/samples", 33, 0, samples },
	{ "query/any", 43, 30, any },
	{ "query/polled", 33, 30, polled },
	{ "query/conditional", 33, 0, conditional },
	{ "query/timer", 33, 30, timer },
	{ 0 }
};
