// SPDX-License-Identifier: GPL-2.0-only
/* Textures with more than one picture in them: arrays, 3D, cubes, levels; samplers, copies, views. */
#include <string.h>

#include "feature.h"

#define SIDE 8

/* Texels of one colour, that of picture @n: red says which one. */
static void picture(unsigned char texels[SIDE * SIDE][4], int n)
{
	int i;

	for (i = 0; i < SIDE * SIDE; i++) {
		texels[i][0] = (unsigned char)(n * 20);
		texels[i][1] = (unsigned char)(255 - n * 20);
		texels[i][2] = 51;
		texels[i][3] = 255;
	}
}

static void expect_picture(int n, int near)
{
	feature_pixels(0, 0, SIDE, SIDE, n * 20, 255 - n * 20, 51, 255, near);
}

static void nearest(GLenum target)
{
	glTexParameteri(target, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
	glTexParameteri(target, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
	glTexParameteri(target, GL_TEXTURE_WRAP_S, GL_CLAMP_TO_EDGE);
	glTexParameteri(target, GL_TEXTURE_WRAP_T, GL_CLAMP_TO_EDGE);
}

/* All pictures of a 3D or array texture; @n of them. */
static GLuint pictures(GLenum target, int n)
{
	unsigned char texels[SIDE * SIDE][4];
	GLuint tex;
	int i;

	glGenTextures(1, &tex);
	glBindTexture(target, tex);
	glTexStorage3D(target, 1, GL_RGBA8, SIDE, SIDE, n);
	for (i = 0; i < n; i++) {
		picture(texels, i);
		glTexSubImage3D(target, 0, 0, 0, i, SIDE, SIDE, 1, GL_RGBA, GL_UNSIGNED_BYTE, texels);
	}
	nearest(target);
	feature_ok("pictures");
	return tex;
}

static void array(void)
{
	GLuint tex, p, i;

	feature_target(GL_RGBA8, SIDE, SIDE);
	tex = pictures(GL_TEXTURE_2D_ARRAY, 7);
	p = feature_fragment("uniform sampler2DArray tex; uniform float layer; out vec4 c;\n"
			     "void main() { c = texture(tex, vec3(gl_FragCoord.xy / 8.0, layer)); }\n");
	glBindTexture(GL_TEXTURE_2D_ARRAY, tex);
	for (i = 0; i < 7; i++) {
		glUniform1f(glGetUniformLocation(p, "layer"), (float)i);
		feature_cover();
		expect_picture((int)i, 1);
	}
}

/* Drawn to one by one, the others untouched; read back one by one. */
static void render_to_each(GLenum target)
{
	GLuint tex = pictures(target, 5), fbo;
	int i;

	glGenFramebuffers(1, &fbo);
	glBindFramebuffer(GL_FRAMEBUFFER, fbo);
	glViewport(0, 0, SIDE, SIDE);
	feature_fragment("out vec4 c; void main() { c = vec4(0.0, 0.0, 1.0, 1.0); }\n");
	for (i = 1; i < 5; i += 2) {
		glFramebufferTextureLayer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, tex, 0, i);
		feature_cover();
	}
	for (i = 0; i < 5; i++) {
		glFramebufferTextureLayer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, tex, 0, i);
		if (i % 2)
			feature_pixels(0, 0, SIDE, SIDE, 0, 0, 255, 255, 0);
		else
			expect_picture(i, 0);
	}
}

static void array_render(void)
{
	render_to_each(GL_TEXTURE_2D_ARRAY);
}

static void volume_render(void)
{
	render_to_each(GL_TEXTURE_3D);
}

/* Filtered: between two slices lies their average. */
static void volume(void)
{
	GLuint tex, p, i;

	feature_target(GL_RGBA8, SIDE, SIDE);
	tex = pictures(GL_TEXTURE_3D, 6);
	p = feature_fragment("uniform sampler3D tex; uniform float at; out vec4 c;\n"
			     "void main() { c = texture(tex, vec3(0.5, 0.5, at)); }\n");
	glBindTexture(GL_TEXTURE_3D, tex);
	glTexParameteri(GL_TEXTURE_3D, GL_TEXTURE_MIN_FILTER, GL_LINEAR);
	glTexParameteri(GL_TEXTURE_3D, GL_TEXTURE_MAG_FILTER, GL_LINEAR);
	glTexParameteri(GL_TEXTURE_3D, GL_TEXTURE_WRAP_R, GL_CLAMP_TO_EDGE);
	for (i = 0; i < 11; i++) {
		glUniform1f(glGetUniformLocation(p, "at"), ((float)i / 2 + 0.5f) / 6);
		feature_cover();
		feature_pixel(3, 3, (int)i * 10, 255 - (int)i * 10, 51, 255, 2);
	}
}

#define DIRECTION										\
	"uniform int face;\n"									\
	"vec3 direction() { vec3 d = vec3(0.1, 0.2, -0.15); int axis = face >> 1;\n"		\
	"  float s = (face & 1) == 0 ? 1.0 : -1.0;\n"						\
	"  return axis == 0 ? vec3(s, d.yz) : axis == 1 ? vec3(d.x, s, d.z) : vec3(d.xy, s); }\n"

static void cube(void)
{
	unsigned char texels[SIDE * SIDE][4];
	GLuint tex, p, i;

	feature_target(GL_RGBA8, SIDE, SIDE);
	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_CUBE_MAP, tex);
	glTexStorage2D(GL_TEXTURE_CUBE_MAP, 1, GL_RGBA8, SIDE, SIDE);
	for (i = 0; i < 6; i++) {
		picture(texels, (int)i);
		glTexSubImage2D(GL_TEXTURE_CUBE_MAP_POSITIVE_X + i, 0, 0, 0, SIDE, SIDE, GL_RGBA,
				GL_UNSIGNED_BYTE, texels);
	}
	nearest(GL_TEXTURE_CUBE_MAP);
	p = feature_fragment("uniform samplerCube tex; out vec4 c;\n" DIRECTION
			     "void main() { c = texture(tex, direction()); }\n");
	for (i = 0; i < 6; i++) {
		glUniform1i(glGetUniformLocation(p, "face"), (GLint)i);
		feature_cover();
		expect_picture((int)i, 1);
	}
}

static void cube_array(void)
{
	GLuint tex, p, i;

	feature_target(GL_RGBA8, SIDE, SIDE);
	tex = pictures(GL_TEXTURE_CUBE_MAP_ARRAY, 12);
	p = feature_fragment("uniform samplerCubeArray tex; uniform float layer; out vec4 c;\n" DIRECTION
			     "void main() { c = texture(tex, vec4(direction(), layer)); }\n");
	for (i = 0; i < 12; i++) {
		glUniform1i(glGetUniformLocation(p, "face"), (GLint)i % 6);
		glUniform1f(glGetUniformLocation(p, "layer"), (float)(i / 6));
		feature_cover();
		expect_picture((int)i, 1);
	}
	(void)tex;
}

/* Generated levels: of a chessboard of single texels, all others are grey. */
static void mipmaps(void)
{
	unsigned char texels[64][64][4];
	GLuint tex, p;
	int x, y, level;

	for (y = 0; y < 64; y++)
		for (x = 0; x < 64; x++)
			memset(texels[y][x], (x + y) & 1 ? 255 : 0, 4);
	feature_target(GL_RGBA8, SIDE, SIDE);
	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_2D, tex);
	glTexStorage2D(GL_TEXTURE_2D, 7, GL_RGBA8, 64, 64);
	glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, 64, 64, GL_RGBA, GL_UNSIGNED_BYTE, texels);
	glGenerateMipmap(GL_TEXTURE_2D);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST_MIPMAP_NEAREST);
	p = feature_fragment("uniform sampler2D tex; uniform float lod; out vec4 c;\n"
			     "void main() { c = textureLod(tex, vec2(0.3, 0.7), lod); }\n");
	for (level = 1; level < 7; level++) {
		glUniform1f(glGetUniformLocation(p, "lod"), (float)level);
		feature_cover();
		feature_pixels(0, 0, SIDE, SIDE, 127, 127, 127, 127, 1);
	}
}

/* Levels of their own colour, uploaded one by one; which one is taken, and between two of them. */
static void levels(void)
{
	unsigned char texels[SIDE * SIDE][4];
	GLuint tex, p;
	int level;

	feature_target(GL_RGBA8, SIDE, SIDE);
	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_2D, tex);
	glTexStorage2D(GL_TEXTURE_2D, 4, GL_RGBA8, SIDE, SIDE);
	for (level = 3; level >= 0; level--) {
		picture(texels, level);
		glTexSubImage2D(GL_TEXTURE_2D, level, 0, 0, SIDE >> level, SIDE >> level, GL_RGBA,
				GL_UNSIGNED_BYTE, texels);
	}
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_LINEAR_MIPMAP_LINEAR);
	p = feature_fragment("uniform sampler2D tex; uniform float lod; out vec4 c;\n"
			     "void main() { c = textureLod(tex, vec2(0.5), lod); }\n");
	for (level = 0; level < 7; level++) {
		glUniform1f(glGetUniformLocation(p, "lod"), (float)level / 2);
		feature_cover();
		feature_pixel(2, 5, level * 10, 255 - level * 10, 51, 255, 2);
	}
}

static void swizzle(void)
{
	static const unsigned char texel[4] = { 10, 20, 30, 40 };
	GLuint tex;

	feature_target(GL_RGBA8, 2, 2);
	tex = feature_tex(GL_RGBA8, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, texel);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_SWIZZLE_R, GL_ALPHA);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_SWIZZLE_G, GL_ONE);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_SWIZZLE_B, GL_RED);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_SWIZZLE_A, GL_ZERO);
	feature_fragment("uniform sampler2D tex; out vec4 c; void main() { c = texture(tex, vec2(0.5)); }\n");
	glBindTexture(GL_TEXTURE_2D, tex);
	feature_cover();
	feature_pixels(0, 0, 2, 2, 40, 255, 10, 0, 0);
}

/* Compared with a reference, four texels at once. */
static void shadow(void)
{
	static const GLuint depth[4] = { 0x20000000, 0x60000000, 0xa0000000, 0xe0000000 };
	GLuint tex, p;
	int i;

	feature_target(GL_RGBA8, 2, 2);
	tex = feature_tex(GL_DEPTH_COMPONENT24, 2, 2, GL_DEPTH_COMPONENT, GL_UNSIGNED_INT, depth);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_COMPARE_MODE, GL_COMPARE_REF_TO_TEXTURE);
	glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_COMPARE_FUNC, GL_LEQUAL);
	p = feature_fragment("uniform sampler2DShadow tex; uniform float at; out vec4 c;\n"
			     "void main() { c = vec4(texture(tex, vec3(gl_FragCoord.xy / 2.0, at))); }\n");
	glUniform1f(glGetUniformLocation(p, "at"), 0.5f);
	glBindTexture(GL_TEXTURE_2D, tex);
	feature_cover();
	for (i = 0; i < 4; i++)
		feature_pixel(i & 1, i >> 1, i > 1 ? 255 : 0, i > 1 ? 255 : 0, i > 1 ? 255 : 0,
			      i > 1 ? 255 : 0, 0);
}

static void gather(void)
{
	static const unsigned char texels[4] = { 10, 20, 30, 40 };
	GLuint tex;

	feature_target(GL_RGBA8, 2, 2);
	tex = feature_tex(GL_R8, 2, 2, GL_RED, GL_UNSIGNED_BYTE, texels);
	feature_fragment("uniform sampler2D tex; out vec4 c;\n"
			 "void main() { c = textureGather(tex, vec2(0.5)); }\n");
	glBindTexture(GL_TEXTURE_2D, tex);
	feature_cover();
	feature_pixels(0, 0, 2, 2, 30, 40, 20, 10, 0);
}

/* Two samplers, one texture. */
static void samplers(void)
{
	static const unsigned char texels[2][4] = { { 0, 0, 0, 255 }, { 200, 200, 200, 255 } };
	GLuint tex, p, s[2], i;

	feature_target(GL_RGBA8, 2, 2);
	tex = feature_tex(GL_RGBA8, 2, 1, GL_RGBA, GL_UNSIGNED_BYTE, texels);
	p = feature_fragment("uniform sampler2D a; uniform sampler2D b; out vec4 c;\n"
			     "void main() { c = vec4(texture(a, vec2(0.5, 0.5)).r, texture(b, vec2(1.6, 0.5)).g,\n"
			     "  texture(b, vec2(1.1, 0.5)).b, 1.0); }\n");
	glUniform1i(glGetUniformLocation(p, "a"), 0);
	glUniform1i(glGetUniformLocation(p, "b"), 1);
	glGenSamplers(2, s);
	for (i = 0; i < 2; i++) {
		glActiveTexture(GL_TEXTURE0 + i);
		glBindTexture(GL_TEXTURE_2D, tex);
		glBindSampler(i, s[i]);
		glSamplerParameteri(s[i], GL_TEXTURE_MIN_FILTER, i ? GL_NEAREST : GL_LINEAR);
		glSamplerParameteri(s[i], GL_TEXTURE_MAG_FILTER, i ? GL_NEAREST : GL_LINEAR);
		glSamplerParameteri(s[i], GL_TEXTURE_WRAP_S, i ? GL_MIRRORED_REPEAT : GL_CLAMP_TO_EDGE);
	}
	feature_cover();
	feature_pixels(0, 0, 2, 2, 100, 0, 200, 255, 1);
}

/* From the framebuffer, and from texture to texture. */
static void copies(void)
{
	GLuint from, to, fbo, i;

	from = pictures(GL_TEXTURE_2D_ARRAY, 4);
	to = pictures(GL_TEXTURE_2D_ARRAY, 4);
	glCopyImageSubData(from, GL_TEXTURE_2D_ARRAY, 0, 0, 0, 1, to, GL_TEXTURE_2D_ARRAY, 0, 0, 0, 2,
			   SIDE, SIDE, 2);
	feature_ok("glCopyImageSubData");
	glGenFramebuffers(1, &fbo);
	glBindFramebuffer(GL_FRAMEBUFFER, fbo);
	for (i = 0; i < 4; i++) {
		glFramebufferTextureLayer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, to, 0, (GLint)i);
		expect_picture((int)(i < 2 ? i : i - 1), 0);
	}
	glFramebufferTextureLayer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, from, 0, 3);
	glBindTexture(GL_TEXTURE_2D_ARRAY, to);
	glCopyTexSubImage3D(GL_TEXTURE_2D_ARRAY, 0, 0, 0, 0, 0, 0, SIDE, SIDE);
	glFramebufferTextureLayer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, to, 0, 0);
	expect_picture(3, 0);
}

/* A layer of an array as a texture of its own, in another format of the same size. */
static void view(void)
{
	typedef void (*view_fn)(GLuint, GLenum, GLuint, GLenum, GLuint, GLuint, GLuint, GLuint);
	view_fn texture_view = (view_fn)feature_proc("glTextureView");
	GLuint from, of;

	feature_target(GL_RGBA8, SIDE, SIDE);
	from = pictures(GL_TEXTURE_2D_ARRAY, 4);
	glGenTextures(1, &of);
	texture_view(of, GL_TEXTURE_2D, from, GL_RGBA8UI, 0, 1, 2, 1);
	glBindTexture(GL_TEXTURE_2D, of);
	nearest(GL_TEXTURE_2D);
	feature_ok("glTextureView");
	feature_fragment("uniform usampler2D tex; out vec4 c;\n"
			 "void main() { c = vec4(texelFetch(tex, ivec2(gl_FragCoord.xy), 0)) / 255.0; }\n");
	feature_cover();
	expect_picture(2, 1);
}

static void one_dimension(void)
{
	enum { TEXTURE_1D = 0x0de0 };
	typedef void (*storage_fn)(GLenum, GLsizei, GLenum, GLsizei);
	typedef void (*image_fn)(GLenum, GLint, GLint, GLsizei, GLenum, GLenum, const void *);
	storage_fn storage = (storage_fn)feature_proc("glTexStorage1D");
	image_fn sub_image = (image_fn)feature_proc("glTexSubImage1D");
	static const unsigned char texels[3][4] = { { 1, 2, 3, 4 }, { 50, 60, 70, 80 }, { 9, 8, 7, 6 } };
	GLuint tex;
	int i;

	feature_target(GL_RGBA8, 3, 2);
	glGenTextures(1, &tex);
	glBindTexture(TEXTURE_1D, tex);
	storage(TEXTURE_1D, 1, GL_RGBA8, 3);
	sub_image(TEXTURE_1D, 0, 0, 3, GL_RGBA, GL_UNSIGNED_BYTE, texels);
	feature_ok("1D");
	feature_fragment("uniform sampler1D tex; out vec4 c;\n"
			 "void main() { c = texelFetch(tex, int(gl_FragCoord.x), 0); }\n");
	feature_cover();
	for (i = 0; i < 3; i++)
		feature_pixel(i, 1, texels[i][0], texels[i][1], texels[i][2], texels[i][3], 0);
}

const struct feature feature_texture[] = {
	{ "texture/array", 43, 30, array },
	{ "texture/array-render", 43, 30, array_render },
	{ "texture/3d", 43, 30, volume },
	{ "texture/3d-render", 43, 30, volume_render },
	{ "texture/cube", 43, 30, cube },
	{ "texture/cube-array", 43, 32, cube_array },
	{ "texture/mipmaps", 43, 30, mipmaps },
	{ "texture/levels", 43, 30, levels },
	{ "texture/swizzle", 43, 30, swizzle },
	{ "texture/shadow", 43, 30, shadow },
	{ "texture/gather", 43, 31, gather },
	{ "texture/samplers", 43, 30, samplers },
	{ "texture/copies", 43, 32, copies },
	{ "texture/view", 43, 0, view },
	{ "texture/1d", 43, 0, one_dimension },
	{ 0 }
};
