// SPDX-License-Identifier: GPL-2.0-only
/* Transform feedback: what the vertex shader computes goes into buffers, and is used from there. */
#include <string.h>

#include "feature.h"

#define CAPTURE											\
	"out vec4 a; flat out int b;\n"								\
	"void main() { gl_Position = vec4(0.0); a = vec4(gl_VertexID, gl_VertexID * 2, 0.5, -1.0);\n"	\
	"  b = gl_VertexID * 100; }\n"

static const char *const names[] = { "a", "b" };

static void float_words(GLuint *to, const float *from, int n)
{
	memcpy(to, from, (size_t)n * 4);
}

/* Drawing needs a framebuffer, even where nothing is drawn. */
static void begin(GLenum mode)
{
	GLint fbo;

	glGetIntegerv(GL_FRAMEBUFFER_BINDING, &fbo);
	if (!fbo)
		feature_target(GL_RGBA8, 1, 1);
	glEnable(GL_RASTERIZER_DISCARD);
	glBeginTransformFeedback(mode);
}

static void end(void)
{
	glEndTransformFeedback();
	glDisable(GL_RASTERIZER_DISCARD);
	feature_ok("transform feedback");
}

static void interleaved(void)
{
	GLuint want[5 * 5], i;

	for (i = 0; i < 5; i++) {
		const float a[4] = { (float)i, (float)i * 2, 0.5f, -1 };

		float_words(want + i * 5, a, 4);
		want[i * 5 + 4] = i * 100;
	}
	feature_program_feedback(CAPTURE, names, 2, GL_INTERLEAVED_ATTRIBS);
	glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0,
			 feature_buffer_new(GL_TRANSFORM_FEEDBACK_BUFFER, sizeof(want), NULL, GL_DYNAMIC_READ));
	begin(GL_POINTS);
	glDrawArrays(GL_POINTS, 0, 5);
	end();
	feature_buffer_is(GL_TRANSFORM_FEEDBACK_BUFFER, want, 25, "captured");
}

/* A buffer for each, at offsets; in two draws with a pause in between, in which nothing counts. */
static void separate(void)
{
	GLuint want_a[4 * 4], want_b[4], a, b, i;
	static const GLuint first[4] = { 0, 1, 10, 11 };

	for (i = 0; i < 4; i++) {
		const float v[4] = { (float)first[i], (float)first[i] * 2, 0.5f, -1 };

		float_words(want_a + i * 4, v, 4);
		want_b[i] = first[i] * 100;
	}
	feature_program_feedback(CAPTURE, names, 2, GL_SEPARATE_ATTRIBS);
	a = feature_buffer_new(GL_ARRAY_BUFFER, sizeof(want_a), NULL, GL_DYNAMIC_READ);
	b = feature_buffer_new(GL_ARRAY_BUFFER, sizeof(want_b), NULL, GL_DYNAMIC_READ);
	glBindBufferRange(GL_TRANSFORM_FEEDBACK_BUFFER, 0, a, 0, sizeof(want_a));
	glBindBufferRange(GL_TRANSFORM_FEEDBACK_BUFFER, 1, b, 0, sizeof(want_b));
	begin(GL_POINTS);
	glDrawArrays(GL_POINTS, 0, 2);
	glPauseTransformFeedback();
	glDrawArrays(GL_POINTS, 5, 3);
	glResumeTransformFeedback();
	glDrawArrays(GL_POINTS, 10, 2);
	end();
	glBindBuffer(GL_ARRAY_BUFFER, a);
	feature_buffer_is(GL_ARRAY_BUFFER, want_a, 16, "the first buffer");
	glBindBuffer(GL_ARRAY_BUFFER, b);
	feature_buffer_is(GL_ARRAY_BUFFER, want_b, 4, "the second buffer");
}

/* More than fits: what is written and what is generated differ. */
static void overflow(void)
{
	GLuint q[2], n, buffer;

	feature_program_feedback(CAPTURE, names, 1, GL_INTERLEAVED_ATTRIBS);
	buffer = feature_buffer_new(GL_TRANSFORM_FEEDBACK_BUFFER, 7 * 16, NULL, GL_DYNAMIC_READ);
	glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, buffer);
	glGenQueries(2, q);
	glBeginQuery(GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN, q[0]);
	glBeginQuery(GL_PRIMITIVES_GENERATED, q[1]);
	begin(GL_POINTS);
	glDrawArrays(GL_POINTS, 0, 12);
	end();
	glEndQuery(GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN);
	glEndQuery(GL_PRIMITIVES_GENERATED);
	glGetQueryObjectuiv(q[0], GL_QUERY_RESULT, &n);
	if (n != 7)
		feature_fail("%u primitives written, want 7", n);
	glGetQueryObjectuiv(q[1], GL_QUERY_RESULT, &n);
	if (n != 12)
		feature_fail("%u primitives generated, want 12", n);
}

/* The captured buffer, as what a fragment shader's uniform block is read from. */
static void uniforms(void)
{
	GLuint capture, draw, buffer;

	feature_target(GL_RGBA8, 4, 4);
	capture = feature_program_feedback("out vec4 a;\n"
					   "void main() { gl_Position = vec4(0.0);\n"
					   "  a = vec4(0.0, 1.0, 0.4, 1.0); }\n", names, 1,
					   GL_INTERLEAVED_ATTRIBS);
	draw = feature_fragment("layout(std140) uniform Block { vec4 colour; };\n"
				"out vec4 c; void main() { c = colour; }\n");
	glUniformBlockBinding(draw, glGetUniformBlockIndex(draw, "Block"), 2);
	buffer = feature_buffer_new(GL_TRANSFORM_FEEDBACK_BUFFER, 16, NULL, GL_DYNAMIC_COPY);
	glUseProgram(capture);
	glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, buffer);
	begin(GL_POINTS);
	glDrawArrays(GL_POINTS, 0, 1);
	end();
	glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, 0);
	glUseProgram(draw);
	glBindBufferBase(GL_UNIFORM_BUFFER, 2, buffer);
	feature_cover();
	feature_pixels(0, 0, 4, 4, 0, 255, 102, 255, 1);
}

/* As many vertices as were captured, without the program knowing how many. */
static void draw_captured(void)
{
	typedef void (*draw_fn)(GLenum, GLuint);
	draw_fn draw_feedback = (draw_fn)feature_proc("glDrawTransformFeedback");
	GLuint capture, draw, buffer, feedback;

	feature_target(GL_RGBA8, 8, 8);
	glClearColor(1, 0, 0, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	capture = feature_program_feedback("out vec4 a;\n"
					   "void main() { gl_Position = vec4(0.0); int i = gl_VertexID;\n"
					   "  a = vec4(i == 1 ? 3.0 : -1.0, i == 2 ? 3.0 : -1.0, 0.0, 1.0); }\n",
					   names, 1, GL_INTERLEAVED_ATTRIBS);
	draw = feature_program(GL_VERTEX_SHADER,
			       "layout(location = 0) in vec4 pos; void main() { gl_Position = pos; }\n",
			       GL_FRAGMENT_SHADER,
			       "out vec4 c; void main() { c = vec4(0.0, 1.0, 0.0, 1.0); }\n", 0);
	glGenTransformFeedbacks(1, &feedback);
	glBindTransformFeedback(GL_TRANSFORM_FEEDBACK, feedback);
	buffer = feature_buffer_new(GL_TRANSFORM_FEEDBACK_BUFFER, 3 * 16, NULL, GL_DYNAMIC_COPY);
	glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, buffer);
	glUseProgram(capture);
	begin(GL_TRIANGLES);
	glDrawArrays(GL_TRIANGLES, 0, 3);
	end();
	glUseProgram(draw);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glVertexAttribPointer(0, 4, GL_FLOAT, GL_FALSE, 0, NULL);
	glEnableVertexAttribArray(0);
	draw_feedback(GL_TRIANGLES, feedback);
	feature_pixels(0, 0, 8, 8, 0, 255, 0, 255, 0);
}

const struct feature feature_feedback[] = {
	{ "feedback/interleaved", 40, 30, interleaved },
	{ "feedback/separate", 40, 30, separate },
	{ "feedback/overflow", 40, 32, overflow },
	{ "feedback/uniforms", 40, 30, uniforms },
	{ "feedback/draw", 40, 0, draw_captured },
	{ 0 }
};
