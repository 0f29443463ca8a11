// SPDX-License-Identifier: GPL-2.0-only
/* Buffers: as textures, mapped in every way there is, and as source and target of pixels. */
#include <stdlib.h>
#include <string.h>

#include "feature.h"

static void texture_of(GLenum internal, GLuint buffer)
{
	GLuint tex;

	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_BUFFER, tex);
	glTexBuffer(GL_TEXTURE_BUFFER, internal, buffer);
	feature_ok("glTexBuffer");
}

static void texture_buffer(void)
{
	unsigned char data[64][4];
	GLuint buffer;
	int i;

	for (i = 0; i < 64; i++)
		memcpy(data[i], (const unsigned char[]){ (unsigned char)i, (unsigned char)(255 - i), 77, 255 }, 4);
	feature_target(GL_RGBA8, 8, 8);
	buffer = feature_buffer_new(GL_TEXTURE_BUFFER, sizeof(data), data, GL_STATIC_DRAW);
	feature_fragment("uniform samplerBuffer tex; out vec4 c;\n"
			 "void main() { ivec2 p = ivec2(gl_FragCoord.xy); c = texelFetch(tex, p.y * 8 + p.x); }\n");
	texture_of(GL_RGBA8, buffer);
	feature_cover();
	for (i = 0; i < 64; i++)
		feature_pixel(i % 8, i / 8, i, 255 - i, 77, 255, 0);
	/* Part of it anew: the texture shows it. */
	memset(data, 200, sizeof(data));
	glBufferSubData(GL_TEXTURE_BUFFER, 128, 64, data);
	feature_cover();
	feature_pixels(0, 4, 8, 2, 200, 200, 200, 200, 0);
	feature_pixel(7, 3, 31, 224, 77, 255, 0);
	feature_pixel(0, 6, 48, 207, 77, 255, 0);
}

static void texture_buffer_range(void)
{
	GLuint data[1024], buffer, tex, i;
	GLint align = 256;

	for (i = 0; i < 1024; i++)
		data[i] = i % 256;
	glGetIntegerv(GL_TEXTURE_BUFFER_OFFSET_ALIGNMENT, &align);
	if (align > 2048)
		feature_fail("the alignment is %d", align);
	feature_target(GL_RGBA8, 4, 1);
	buffer = feature_buffer_new(GL_TEXTURE_BUFFER, sizeof(data), data, GL_STATIC_DRAW);
	feature_fragment("uniform usamplerBuffer tex; out vec4 c;\n"
			 "void main() { c = vec4(float(texelFetch(tex, int(gl_FragCoord.x)).r) / 255.0,\n"
			 "  float(textureSize(tex)) / 255.0, 0.0, 1.0); }\n");
	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_BUFFER, tex);
	glTexBufferRange(GL_TEXTURE_BUFFER, GL_R32UI, buffer, 2048, 64);
	feature_cover();
	for (i = 0; i < 4; i++)
		feature_pixel((int)i, 0, (int)i, 16, 0, 255, 0);
}

/* The texels of the texture buffer that is bound, sampled and, but for OpenGL ES, as an image. */
static void count_texels(GLuint tex, GLuint count[2])
{
	const GLuint *at;

	if (!feature_is_es())
		glBindImageTexture(0, tex, 0, GL_FALSE, 0, GL_READ_ONLY, GL_R8UI);
	glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0,
			 feature_buffer_new(GL_SHADER_STORAGE_BUFFER, 2 * sizeof(*at), NULL, GL_DYNAMIC_READ));
	glDispatchCompute(1, 1, 1);
	glMemoryBarrier(GL_BUFFER_UPDATE_BARRIER_BIT);
	at = glMapBufferRange(GL_SHADER_STORAGE_BUFFER, 0, 2 * sizeof(*at), GL_MAP_READ_BIT);
	if (!at)
		feature_fail("the counts cannot be mapped: 0x%x", glGetError());
	memcpy(count, at, 2 * sizeof(*at));
	glUnmapBuffer(GL_SHADER_STORAGE_BUFFER);
}

/*
 * Of a buffer with more texels than the limit so many are there. Not every driver does that (Mesa 22.3's
 * llvmpipe does not): then it is skipped, which a vgpu may not do where the driver passes.
 */
static void texture_buffer_limit(void)
{
	GLuint tex, is, count[2];
	GLint most = 0, more;

	glGetIntegerv(GL_MAX_TEXTURE_BUFFER_SIZE, &most);
	if (most > 1 << 28)
		feature_skip("%d octets would be too many", most);
	feature_program(GL_COMPUTE_SHADER, feature_is_es() ?
			"layout(local_size_x = 1) in;\n"
			"uniform highp usamplerBuffer tex;\n"
			"layout(std430, binding = 0) buffer b { uint at[2]; };\n"
			"void main() { at[0] = uint(textureSize(tex)); at[1] = at[0]; }\n" :
			"layout(local_size_x = 1) in;\n"
			"uniform usamplerBuffer tex;\n"
			"layout(r8ui, binding = 0) readonly uniform uimageBuffer image;\n"
			"layout(std430, binding = 0) buffer b { uint at[2]; };\n"
			"void main() { at[0] = uint(textureSize(tex)); at[1] = uint(imageSize(image)); }\n", 0);
	glGenTextures(1, &tex);
	glBindTexture(GL_TEXTURE_BUFFER, tex);
	for (more = -1; more <= 1; more++) {
		GLuint buffer = feature_buffer_new(GL_TEXTURE_BUFFER, (size_t)(most + more), NULL, GL_STATIC_DRAW);

		glTexBuffer(GL_TEXTURE_BUFFER, GL_R8UI, buffer);
		count_texels(tex, count);
		feature_ok("a texture buffer about as large as the limit");
		if (more == 1 && count[0] == (GLuint)most + 1 && count[1] == (GLuint)most + 1)
			feature_skip("the driver does not cut a texture buffer to its limit");
		is = (GLuint)(more < 0 ? most + more : most);
		if (count[0] != is || count[1] != is)
			feature_fail("%d + %d texels: %u are sampled, %u an image's", most, more, count[0], count[1]);
		glDeleteBuffers(1, &buffer);
	}
}

#define N 4096

static void expect(GLenum target, const unsigned char *want, const char *what)
{
	const unsigned char *got = glMapBufferRange(target, 0, N, GL_MAP_READ_BIT);
	int i;

	if (!got)
		feature_fail("%s: cannot be mapped: 0x%x", what, glGetError());
	for (i = 0; i < N; i++)
		if (got[i] != want[i])
			feature_fail("%s: octet %d is %d, want %d", what, i, got[i], want[i]);
	glUnmapBuffer(target);
}

/* Written through mappings, in parts, with everything a mapping can be told. */
static void map(void)
{
	unsigned char want[N], *at;
	int i;

	for (i = 0; i < N; i++)
		want[i] = (unsigned char)(i * 7);
	feature_buffer_new(GL_COPY_WRITE_BUFFER, N, want, GL_DYNAMIC_DRAW);
	at = glMapBufferRange(GL_COPY_WRITE_BUFFER, 100, 50, GL_MAP_WRITE_BIT);
	memset(at, 1, 50);
	memset(want + 100, 1, 50);
	glUnmapBuffer(GL_COPY_WRITE_BUFFER);
	expect(GL_COPY_WRITE_BUFFER, want, "a range");
	at = glMapBufferRange(GL_COPY_WRITE_BUFFER, 1000, 500, GL_MAP_WRITE_BIT | GL_MAP_INVALIDATE_RANGE_BIT);
	memset(at, 2, 500);
	memset(want + 1000, 2, 500);
	glUnmapBuffer(GL_COPY_WRITE_BUFFER);
	expect(GL_COPY_WRITE_BUFFER, want, "a range made invalid");
	at = glMapBufferRange(GL_COPY_WRITE_BUFFER, 2000, 100, GL_MAP_WRITE_BIT | GL_MAP_FLUSH_EXPLICIT_BIT);
	memset(at, 3, 100);
	memset(want + 2010, 3, 20);
	memset(want + 2060, 3, 5);
	glFlushMappedBufferRange(GL_COPY_WRITE_BUFFER, 10, 20);
	glFlushMappedBufferRange(GL_COPY_WRITE_BUFFER, 60, 5);
	glUnmapBuffer(GL_COPY_WRITE_BUFFER);
	at = glMapBufferRange(GL_COPY_WRITE_BUFFER, 0, N, GL_MAP_READ_BIT);
	for (i = 0; i < N; i++)	/* what was not flushed is undefined */
		if ((i < 2000 || i >= 2100 || want[i] == 3) && at[i] != want[i])
			feature_fail("flushed: octet %d is %d, want %d", i, at[i], want[i]);
	glUnmapBuffer(GL_COPY_WRITE_BUFFER);
	at = glMapBufferRange(GL_COPY_WRITE_BUFFER, 0, N, GL_MAP_WRITE_BIT | GL_MAP_INVALIDATE_BUFFER_BIT);
	memset(at, 4, N);
	memset(want, 4, N);
	glUnmapBuffer(GL_COPY_WRITE_BUFFER);
	expect(GL_COPY_WRITE_BUFFER, want, "all made invalid");
	at = glMapBufferRange(GL_COPY_WRITE_BUFFER, 300, 10, GL_MAP_WRITE_BIT | GL_MAP_UNSYNCHRONIZED_BIT);
	memset(at, 5, 10);
	memset(want + 300, 5, 10);
	glUnmapBuffer(GL_COPY_WRITE_BUFFER);
	expect(GL_COPY_WRITE_BUFFER, want, "without waiting");
	at = glMapBufferRange(GL_COPY_WRITE_BUFFER, 0, N, GL_MAP_READ_BIT | GL_MAP_WRITE_BIT);
	for (i = 0; i < N; i++)
		want[i] = at[i] = (unsigned char)(at[i] + i);
	glUnmapBuffer(GL_COPY_WRITE_BUFFER);
	expect(GL_COPY_WRITE_BUFFER, want, "read and written");
}

/* Draws in between, each with what the buffer held at the time. */
static void rewrite(void)
{
	GLuint p, buffer;
	int i;

	feature_target(GL_RGBA8, 64, 1);
	p = feature_fragment("layout(std140) uniform Block { vec4 colour; };\n"
			     "out vec4 c; void main() { c = colour; }\n");
	glUniformBlockBinding(p, glGetUniformBlockIndex(p, "Block"), 0);
	buffer = feature_buffer_new(GL_UNIFORM_BUFFER, 16, NULL, GL_DYNAMIC_DRAW);
	glBindBufferBase(GL_UNIFORM_BUFFER, 0, buffer);
	glEnable(GL_SCISSOR_TEST);
	for (i = 0; i < 64; i++) {
		const float colour[4] = { (float)i / 255, (float)(200 - i) / 255, 1, 1 };

		if (i % 3 == 2) {
			void *at = glMapBufferRange(GL_UNIFORM_BUFFER, 0, 16, GL_MAP_WRITE_BIT |
						    (i % 2 ? GL_MAP_INVALIDATE_BUFFER_BIT : 0));

			memcpy(at, colour, 16);
			glUnmapBuffer(GL_UNIFORM_BUFFER);
		} else if (i % 3) {
			glBufferData(GL_UNIFORM_BUFFER, 16, colour, GL_DYNAMIC_DRAW);
		} else {
			glBufferSubData(GL_UNIFORM_BUFFER, 0, 16, colour);
		}
		glScissor(i, 0, 1, 1);
		feature_cover();
	}
	for (i = 0; i < 64; i++)
		feature_pixel(i, 0, i, 200 - i, 255, 255, 1);
}

static void pixels(void)
{
	unsigned char texels[16 * 16 * 4], *got;
	GLuint unpack, pack, tex;
	int i;

	for (i = 0; i < (int)sizeof(texels); i++)
		texels[i] = (unsigned char)(i * 3);
	feature_target(GL_RGBA8, 16, 16);
	unpack = feature_buffer_new(GL_PIXEL_UNPACK_BUFFER, sizeof(texels) + 12, NULL, GL_STREAM_DRAW);
	glBufferSubData(GL_PIXEL_UNPACK_BUFFER, 12, sizeof(texels), texels);
	tex = feature_tex(GL_RGBA8, 16, 16, 0, 0, NULL);
	glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, 16, 16, GL_RGBA, GL_UNSIGNED_BYTE, (void *)12);
	feature_ok("from a buffer");
	glBindBuffer(GL_PIXEL_UNPACK_BUFFER, 0);
	feature_fragment("uniform sampler2D tex; out vec4 c;\n"
			 "void main() { c = texelFetch(tex, ivec2(gl_FragCoord.xy), 0); }\n");
	glBindTexture(GL_TEXTURE_2D, tex);
	feature_cover();
	pack = feature_buffer_new(GL_PIXEL_PACK_BUFFER, sizeof(texels) + 8, NULL, GL_STREAM_READ);
	glReadPixels(0, 0, 16, 16, GL_RGBA, GL_UNSIGNED_BYTE, (void *)8);
	got = glMapBufferRange(GL_PIXEL_PACK_BUFFER, 8, sizeof(texels), GL_MAP_READ_BIT);
	if (!got)
		feature_fail("cannot be mapped");
	for (i = 0; i < (int)sizeof(texels); i++)
		if (got[i] != texels[i])
			feature_fail("octet %d is %d, want %d", i, got[i], texels[i]);
	glUnmapBuffer(GL_PIXEL_PACK_BUFFER);
	glBindBuffer(GL_PIXEL_PACK_BUFFER, 0);
	(void)unpack, (void)pack;
}

/* A mapping that stays while the GPU writes, and is written to while the GPU reads. */
static void persistent(GLbitfield coherent)
{
	enum { PERSISTENT = 0x40, COHERENT = 0x80 };
	typedef void (*storage_fn)(GLenum, GLsizeiptr, const void *, GLbitfield);
	const char *ext = feature_is_es() ? "GL_EXT_buffer_storage" : "GL_ARB_buffer_storage";
	const GLbitfield flags = GL_MAP_READ_BIT | GL_MAP_WRITE_BIT | PERSISTENT | coherent;
	volatile GLuint *at;
	storage_fn storage;
	GLsync sync;
	GLuint i, round;

	if (!feature_has(ext))
		feature_skip("there is no %s", ext);
	storage = (storage_fn)feature_proc(feature_is_es() ? "glBufferStorageEXT" : "glBufferStorage");
	feature_program(GL_COMPUTE_SHADER,
			"layout(local_size_x = 64) in;\n"
			"layout(std430, binding = 0) buffer Data { uint a[]; };\n"
			"void main() { a[gl_LocalInvocationID.x] += 5u; }\n", 0);
	feature_buffer_new(GL_SHADER_STORAGE_BUFFER, 4, NULL, GL_STATIC_DRAW);
	glGenBuffers(1, &i);
	glBindBuffer(GL_SHADER_STORAGE_BUFFER, i);
	storage(GL_SHADER_STORAGE_BUFFER, 256, NULL, flags);
	glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0, i);
	at = glMapBufferRange(GL_SHADER_STORAGE_BUFFER, 0, 256,
			      coherent ? flags : flags | GL_MAP_FLUSH_EXPLICIT_BIT);
	feature_ok("a persistent mapping");
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 64; i++)
			at[i] = i * 10 + round;
		if (!coherent)
			glFlushMappedBufferRange(GL_SHADER_STORAGE_BUFFER, 0, 256);
		glDispatchCompute(1, 1, 1);
		glMemoryBarrier(0x4000);	/* GL_CLIENT_MAPPED_BUFFER_BARRIER_BIT */
		sync = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
		glClientWaitSync(sync, GL_SYNC_FLUSH_COMMANDS_BIT, 10000000000u);
		glDeleteSync(sync);
		for (i = 0; i < 64; i++)
			if (at[i] != i * 10 + round + 5)
				feature_fail("round %u: word %u is %u, want %u", round, i, at[i],
					     i * 10 + round + 5);
	}
	glUnmapBuffer(GL_SHADER_STORAGE_BUFFER);
}

static void persistent_coherent(void)
{
	persistent(0x80);
}

static void persistent_flushed(void)
{
	persistent(0);
}

const struct feature feature_buffer[] = {
	{ "buffer/texture", 33, 32, texture_buffer },
	{ "buffer/texture-range", 43, 32, texture_buffer_range },
	{ "buffer/texture-limit", 43, 32, texture_buffer_limit },
	{ "buffer/map", 33, 30, map },
	{ "buffer/rewrite", 33, 30, rewrite },
	{ "buffer/pixels", 43, 30, pixels },
	{ "buffer/persistent-coherent", 43, 31, persistent_coherent },
	{ "buffer/persistent-flushed", 43, 31, persistent_flushed },
	{ 0 }
};
