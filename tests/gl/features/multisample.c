// SPDX-License-Identifier: GPL-2.0-only
/* Multisampling with four samples a pixel: resolving, single samples, masks, shading of each. */
#include <stdlib.h>

#include "feature.h"

#define SIDE 16

/* A multisampled texture in a framebuffer, bound. */
static GLuint target_ms(GLuint *fbo)
{
	GLuint tex;

	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_2D_MULTISAMPLE, tex);
	glTexStorage2DMultisample(GL_TEXTURE_2D_MULTISAMPLE, 4, GL_RGBA8, SIDE, SIDE, GL_TRUE);
	glGenFramebuffers(1, fbo);
	glBindFramebuffer(GL_FRAMEBUFFER, *fbo);
	glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D_MULTISAMPLE, tex, 0);
	if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
		feature_fail("the multisampled framebuffer is not complete");
	glViewport(0, 0, SIDE, SIDE);
	feature_ok("target");
	return tex;
}

/* A triangle below the diagonal: inside, outside, and averages on the edge. */
static void resolve(void)
{
	unsigned char got[SIDE][SIDE][4];
	GLuint rb, fbo, single;
	int x, y, between = 0;

	feature_target(GL_RGBA8, SIDE, SIDE);
	glGetIntegerv(GL_FRAMEBUFFER_BINDING, (GLint *)&single);
	glGenRenderbuffers(1, &rb);
	glBindRenderbuffer(GL_RENDERBUFFER, rb);
	glRenderbufferStorageMultisample(GL_RENDERBUFFER, 4, GL_RGBA8, SIDE, SIDE);
	glGenFramebuffers(1, &fbo);
	glBindFramebuffer(GL_FRAMEBUFFER, fbo);
	glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_RENDERBUFFER, rb);
	feature_program(GL_VERTEX_SHADER,
			"void main() { gl_Position = vec4(gl_VertexID == 1 ? 1.0 : -1.0,\n"
			"  gl_VertexID == 2 ? 1.0 : -1.0, 0.0, 1.0); }\n", GL_FRAGMENT_SHADER,
			"out vec4 c; void main() { c = vec4(1.0); }\n", 0);
	glClearColor(0, 0, 0, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	feature_cover();
	glBindFramebuffer(GL_DRAW_FRAMEBUFFER, single);
	glBlitFramebuffer(0, 0, SIDE, SIDE, 0, 0, SIDE, SIDE, GL_COLOR_BUFFER_BIT, GL_NEAREST);
	glBindFramebuffer(GL_FRAMEBUFFER, single);
	glReadPixels(0, 0, SIDE, SIDE, GL_RGBA, GL_UNSIGNED_BYTE, got);
	feature_ok("resolve");
	for (y = 0; y < SIDE; y++)
		for (x = 0; x < SIDE; x++) {
			const int v = got[y][x][0], edge = x + y == SIDE - 1;

			if (!edge && v != (x + y < SIDE - 1 ? 255 : 0))
				feature_fail("pixel %d,%d is %d", x, y, v);
			between += edge && v > 0 && v < 255;
		}
	if (between != SIDE)
		feature_fail("%d pixels of the edge are averages, want %d", between, SIDE);
}

/* Shows one sample of @tex. */
static void expect_sample(GLuint tex, int sample, int r, int g, int near)
{
	GLuint p;

	feature_target(GL_RGBA8, SIDE, SIDE);
	p = feature_fragment("uniform sampler2DMS tex; uniform int nr; out vec4 c;\n"
			     "void main() { c = texelFetch(tex, ivec2(gl_FragCoord.xy), nr); }\n");
	glUniform1i(glGetUniformLocation(p, "nr"), sample);
	glBindTexture(GL_TEXTURE_2D_MULTISAMPLE, tex);
	feature_cover();
	feature_pixels(0, 0, SIDE, SIDE, r, g, 0, 255, near);
}

static void mask(void)
{
	GLuint fbo, tex = target_ms(&fbo);
	int i;

	feature_fragment("out vec4 c; void main() { c = vec4(0.0, 1.0, 0.0, 1.0); }\n");
	glClearColor(1, 0, 0, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	glEnable(GL_SAMPLE_MASK);
	glSampleMaski(0, 0xa);
	feature_cover();
	glDisable(GL_SAMPLE_MASK);
	for (i = 0; i < 4; i++)
		expect_sample(tex, i, i & 1 ? 0 : 255, i & 1 ? 255 : 0, 0);
}

/* The mask that the shader writes. */
static void mask_out(void)
{
	GLuint fbo, tex = target_ms(&fbo);
	int i;

	feature_fragment("out vec4 c; void main() { c = vec4(0.0, 1.0, 0.0, 1.0); gl_SampleMask[0] = 3; }\n");
	glClearColor(1, 0, 0, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	feature_cover();
	for (i = 0; i < 4; i++)
		expect_sample(tex, i, i < 2 ? 0 : 255, i < 2 ? 255 : 0, 0);
}

static void shading(void)
{
	GLuint fbo, tex = target_ms(&fbo);
	int i;

	feature_fragment("out vec4 c; void main() { c = vec4(float(gl_SampleID) / 5.0, 0.0, 0.0, 1.0); }\n");
	feature_cover();
	for (i = 0; i < 4; i++)
		expect_sample(tex, i, i * 51, 0, 1);
}

/* Depth is tested for each sample. */
static void depth(void)
{
	GLuint fbo, rb, tex = target_ms(&fbo), p;

	glGenRenderbuffers(1, &rb);
	glBindRenderbuffer(GL_RENDERBUFFER, rb);
	glRenderbufferStorageMultisample(GL_RENDERBUFFER, 4, GL_DEPTH24_STENCIL8, SIDE, SIDE);
	glFramebufferRenderbuffer(GL_FRAMEBUFFER, GL_DEPTH_STENCIL_ATTACHMENT, GL_RENDERBUFFER, rb);
	feature_ok("depth");
	p = feature_program(GL_VERTEX_SHADER,
			    "uniform float z; void main() { gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0,\n"
			    "  gl_VertexID == 2 ? 3.0 : -1.0, z, 1.0); }\n", GL_FRAGMENT_SHADER,
			    "uniform vec4 colour; out vec4 c; void main() { c = colour; }\n", 0);
	glClear(GL_COLOR_BUFFER_BIT | GL_DEPTH_BUFFER_BIT);
	glEnable(GL_DEPTH_TEST);
	glEnable(GL_SAMPLE_MASK);
	glSampleMaski(0, 1);	/* the first sample is near, and keeps what is behind away */
	glUniform1f(glGetUniformLocation(p, "z"), -0.5f);
	glUniform4f(glGetUniformLocation(p, "colour"), 1, 0, 0, 1);
	feature_cover();
	glDisable(GL_SAMPLE_MASK);
	glUniform1f(glGetUniformLocation(p, "z"), 0.5f);
	glUniform4f(glGetUniformLocation(p, "colour"), 0, 1, 0, 1);
	feature_cover();
	glDisable(GL_DEPTH_TEST);
	expect_sample(tex, 0, 255, 0, 0);
	expect_sample(tex, 3, 0, 255, 0);
}

const struct feature feature_multisample[] = {
	{ "multisample/resolve", 33, 30, resolve },
	{ "multisample/mask", 43, 31, mask },
	{ "multisample/mask-out", 43, 32, mask_out },
	{ "multisample/shading", 43, 32, shading },
	{ "multisample/depth", 43, 31, depth },
	{ 0 }
};
