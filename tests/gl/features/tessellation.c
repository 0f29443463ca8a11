// SPDX-License-Identifier: GPL-2.0-only
/* Tessellation and geometry shaders: how much comes out, and where it lies. */
#include <math.h>

#include "feature.h"

#define CONTROL											\
	"layout(vertices = 4) out;\n"								\
	"void main() { gl_out[gl_InvocationID].gl_Position = gl_in[gl_InvocationID].gl_Position;\n"	\
	"  if (gl_InvocationID == 0) {\n"							\
	"    gl_TessLevelOuter[0] = gl_TessLevelOuter[1] = LEVEL; gl_TessLevelOuter[2] = LEVEL;\n"	\
	"    gl_TessLevelOuter[3] = LEVEL; gl_TessLevelInner[0] = gl_TessLevelInner[1] = LEVEL; } }\n"

#define CORNERS											\
	"void main() { gl_Position = vec4((gl_VertexID & 1) == 0 ? -1.0 : 1.0,\n"		\
	"  (gl_VertexID & 2) == 0 ? -1.0 : 1.0, 0.0, 1.0); }\n"

#define BILINEAR										\
	"vec4 at(vec2 t) { return mix(mix(gl_in[0].gl_Position, gl_in[1].gl_Position, t.x),\n"	\
	"  mix(gl_in[2].gl_Position, gl_in[3].gl_Position, t.x), t.y); }\n"

/* Captures the primitives; returns how many. */
static GLuint captured(const char *control, const char *evaluation, GLenum mode, GLuint buffer)
{
	static const char *const names[] = { "place" };
	GLuint p = glCreateProgram(), q, n;

	feature_target(GL_RGBA8, 1, 1);
	feature_attach(p, GL_VERTEX_SHADER, CORNERS);
	feature_attach(p, GL_TESS_CONTROL_SHADER, control);
	feature_attach(p, GL_TESS_EVALUATION_SHADER, evaluation);
	feature_attach(p, GL_FRAGMENT_SHADER, "out vec4 c; void main() { c = vec4(1.0); }\n");
	glTransformFeedbackVaryings(p, 1, names, GL_INTERLEAVED_ATTRIBS);
	feature_link(p);
	glBindBufferBase(GL_TRANSFORM_FEEDBACK_BUFFER, 0, buffer);
	glPatchParameteri(GL_PATCH_VERTICES, 4);
	glGenQueries(1, &q);
	glEnable(GL_RASTERIZER_DISCARD);
	glBeginQuery(GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN, q);
	glBeginTransformFeedback(mode);
	glDrawArrays(GL_PATCHES, 0, 4);
	glEndTransformFeedback();
	glEndQuery(GL_TRANSFORM_FEEDBACK_PRIMITIVES_WRITTEN);
	glDisable(GL_RASTERIZER_DISCARD);
	feature_ok("tessellation");
	glGetQueryObjectuiv(q, GL_QUERY_RESULT, &n);
	return n;
}

static void quads(void)
{
	GLuint buffer = feature_buffer_new(GL_ARRAY_BUFFER, 65536, NULL, GL_DYNAMIC_READ), n, i;
	const float (*v)[2];
	float area = 0;

	n = captured("#define LEVEL 4.0\n" CONTROL,
		     "layout(quads, equal_spacing, ccw) in; out vec2 place;\n" BILINEAR
		     "void main() { gl_Position = at(gl_TessCoord.xy); place = gl_Position.xy; }\n",
		     GL_TRIANGLES, buffer);
	if (n != 32)
		feature_fail("%u triangles, want 32", n);
	v = glMapBufferRange(GL_ARRAY_BUFFER, 0, n * 3 * 8, GL_MAP_READ_BIT);
	if (!v)
		feature_fail("cannot be mapped");
	for (i = 0; i < n * 3; i += 3) {
		float a = ((v[i + 1][0] - v[i][0]) * (v[i + 2][1] - v[i][1]) -
			   (v[i + 2][0] - v[i][0]) * (v[i + 1][1] - v[i][1])) / 2;

		if (fabsf(a - 4.f / 32) > 1e-5f)
			feature_fail("triangle %u has area %g, want %g", i / 3, (double)a, 4. / 32);
		area += a;
	}
	if (fabsf(area - 4) > 1e-4f)
		feature_fail("the area is %g, want 4", (double)area);
}

static void isolines(void)
{
	GLuint buffer = feature_buffer_new(GL_ARRAY_BUFFER, 65536, NULL, GL_DYNAMIC_READ), n;

	n = captured("#define LEVEL 3.0\n" CONTROL,
		     "layout(isolines, equal_spacing) in; out vec2 place;\n" BILINEAR
		     "void main() { gl_Position = at(gl_TessCoord.xy); place = gl_Position.xy; }\n",
		     GL_LINES, buffer);
	if (n != 9)	/* three lines of three segments */
		feature_fail("%u lines, want 9", n);
}

static void points(void)
{
	GLuint buffer = feature_buffer_new(GL_ARRAY_BUFFER, 65536, NULL, GL_DYNAMIC_READ), n;

	n = captured("#define LEVEL 5.0\n" CONTROL,
		     "layout(quads, equal_spacing, point_mode) in; out vec2 place;\n" BILINEAR
		     "void main() { gl_Position = at(gl_TessCoord.xy); place = gl_Position.xy; }\n",
		     GL_POINTS, buffer);
	if (n != 36)
		feature_fail("%u points, want 36", n);
}

/* Drawn: a patch over the lower half, its colour from a per-patch output. */
static void drawn(void)
{
	feature_target(GL_RGBA8, 16, 16);
	glClearColor(1, 0, 0, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	feature_program(GL_VERTEX_SHADER, CORNERS, GL_TESS_CONTROL_SHADER,
			"layout(vertices = 4) out; patch out vec3 colour;\n"
			"void main() { gl_out[gl_InvocationID].gl_Position = gl_in[gl_InvocationID].gl_Position;\n"
			"  colour = vec3(0.0, 1.0, 0.4);\n"
			"  gl_TessLevelOuter[0] = 3.0; gl_TessLevelOuter[1] = 5.0; gl_TessLevelOuter[2] = 2.0;\n"
			"  gl_TessLevelOuter[3] = 4.0; gl_TessLevelInner[0] = 6.0; gl_TessLevelInner[1] = 7.0; }\n",
			GL_TESS_EVALUATION_SHADER,
			"layout(quads, fractional_odd_spacing, ccw) in; patch in vec3 colour; out vec3 shade;\n"
			BILINEAR
			"void main() { vec4 p = at(gl_TessCoord.xy); shade = colour;\n"
			"  gl_Position = vec4(p.x, p.y * 0.5 - 0.5, 0.0, 1.0); }\n",
			GL_FRAGMENT_SHADER,
			"in vec3 shade; out vec4 c; void main() { c = vec4(shade, 1.0); }\n", 0);
	glPatchParameteri(GL_PATCH_VERTICES, 4);
	glDrawArrays(GL_PATCHES, 0, 4);
	feature_pixels(0, 0, 16, 8, 0, 255, 102, 255, 1);
	feature_pixels(0, 8, 16, 8, 255, 0, 0, 255, 0);
}

/* Four points become four squares, each in its quarter. */
static void geometry(void)
{
	feature_target(GL_RGBA8, 16, 16);
	feature_program(GL_VERTEX_SHADER,
			"flat out int nr; void main() { nr = gl_VertexID; gl_PointSize = 1.0;\n"
			"  gl_Position = vec4(float(gl_VertexID & 1) - 1.0, float(gl_VertexID >> 1) - 1.0, 0.0, 1.0); }\n",
			GL_GEOMETRY_SHADER,
			"layout(points) in; layout(triangle_strip, max_vertices = 4) out;\n"
			"flat in int nr[]; flat out int which;\n"
			"void main() { for (int i = 0; i < 4; i++) { which = nr[0];\n"
			"    gl_Position = gl_in[0].gl_Position + vec4(i & 1, i >> 1, 0.0, 0.0);\n"
			"    EmitVertex(); } EndPrimitive(); }\n",
			GL_FRAGMENT_SHADER,
			"flat in int which; out vec4 c;\n"
			"void main() { c = vec4(float(which) / 5.0, 1.0 - float(which) / 5.0, 0.0, 1.0); }\n", 0);
	glDrawArrays(GL_POINTS, 0, 4);
	feature_pixels(0, 0, 8, 8, 0, 255, 0, 255, 1);
	feature_pixels(8, 0, 8, 8, 51, 204, 0, 255, 1);
	feature_pixels(0, 8, 8, 8, 102, 153, 0, 255, 1);
	feature_pixels(8, 8, 8, 8, 153, 102, 0, 255, 1);
}

/* A triangle to each layer of an array. */
static void layered(void)
{
	GLuint tex, fbo, i;

	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_2D_ARRAY, tex);
	glTexStorage3D(GL_TEXTURE_2D_ARRAY, 1, GL_RGBA8, 4, 4, 3);
	glGenFramebuffers(1, &fbo);
	glBindFramebuffer(GL_FRAMEBUFFER, fbo);
	glFramebufferTexture(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, tex, 0);
	glViewport(0, 0, 4, 4);
	feature_program(GL_VERTEX_SHADER, FEATURE_COVER, GL_GEOMETRY_SHADER,
			"layout(triangles) in; layout(triangle_strip, max_vertices = 9) out; flat out int which;\n"
			"void main() { for (int layer = 0; layer < 3; layer++) {\n"
			"    for (int i = 0; i < 3; i++) { gl_Layer = layer; which = layer;\n"
			"      gl_Position = gl_in[i].gl_Position; EmitVertex(); } EndPrimitive(); } }\n",
			GL_FRAGMENT_SHADER,
			"flat in int which; out vec4 c; void main() { c = vec4(float(which + 1) / 5.0, 0.0, 0.0, 1.0); }\n",
			0);
	feature_cover();
	for (i = 0; i < 3; i++) {
		glFramebufferTextureLayer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, tex, 0, (GLint)i);
		feature_pixels(0, 0, 4, 4, (int)(i + 1) * 51, 0, 0, 255, 1);
	}
}

const struct feature feature_tessellation[] = {
	{ "tessellation/quads", 40, 32, quads },
	{ "tessellation/isolines", 40, 32, isolines },
	{ "tessellation/points", 40, 32, points },
	{ "tessellation/drawn", 40, 32, drawn },
	{ "geometry/amplify", 33, 32, geometry },
	{ "geometry/layered", 33, 32, layered },
	{ 0 }
};
