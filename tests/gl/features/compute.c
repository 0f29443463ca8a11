// SPDX-License-Identifier: GPL-2.0-only
/* Compute shaders: storage buffers, shared memory, images, atomics, indirect dispatches. */
#include "feature.h"

#define N 1000

static void ssbo(void)
{
	GLuint in[N], want[N], p, i;

	for (i = 0; i < N; i++) {
		in[i] = i * 7 + 3;
		want[i] = in[i] * in[i] + i;
	}
	p = feature_program(GL_COMPUTE_SHADER,
			    "layout(local_size_x = 64) in;\n"
			    "layout(std430, binding = 0) buffer In { uint a[]; };\n"
			    "layout(std430, binding = 1) buffer Out { uint b[]; };\n"
			    "uniform uint n;\n"
			    "void main() { uint i = gl_GlobalInvocationID.x;\n"
			    "  if (i < n) b[i] = a[i] * a[i] + i; }\n", 0);
	glUniform1ui(glGetUniformLocation(p, "n"), N);
	glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0,
			 feature_buffer_new(GL_SHADER_STORAGE_BUFFER, sizeof(in), in, GL_STATIC_DRAW));
	glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 1,
			 feature_buffer_new(GL_SHADER_STORAGE_BUFFER, sizeof(in), NULL, GL_DYNAMIC_READ));
	glDispatchCompute((N + 63) / 64, 1, 1);
	glMemoryBarrier(GL_BUFFER_UPDATE_BARRIER_BIT);
	feature_buffer_is(GL_SHADER_STORAGE_BUFFER, want, N, "the result");
}

/* Twice, the second on what the first wrote, without anything in between but the barrier. */
static void chained(void)
{
	GLuint data[256], want[256], i, round;

	for (i = 0; i < 256; i++)
		want[i] = data[i] = i;
	feature_program(GL_COMPUTE_SHADER,
			"layout(local_size_x = 256) in;\n"
			"layout(std430, binding = 0) buffer Data { uint a[]; };\n"
			"void main() { uint i = gl_LocalInvocationID.x; uint v = a[255u - i];\n"
			"  memoryBarrierBuffer(); barrier(); a[i] = v * 3u + 1u; }\n", 0);
	glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0,
			 feature_buffer_new(GL_SHADER_STORAGE_BUFFER, sizeof(data), data, GL_DYNAMIC_COPY));
	for (round = 0; round < 8; round++) {
		GLuint next[256];

		glDispatchCompute(1, 1, 1);
		glMemoryBarrier(GL_SHADER_STORAGE_BARRIER_BIT | GL_BUFFER_UPDATE_BARRIER_BIT);
		for (i = 0; i < 256; i++)
			next[i] = want[255 - i] * 3 + 1;
		for (i = 0; i < 256; i++)
			want[i] = next[i];
	}
	feature_buffer_is(GL_SHADER_STORAGE_BUFFER, want, 256, "after eight rounds");
}

static void shared(void)
{
	GLuint want[10], g;

	for (g = 0; g < 10; g++)	/* the sum of 128 consecutive numbers */
		want[g] = 128 * (g * 128) + 127 * 128 / 2;
	feature_program(GL_COMPUTE_SHADER,
			"layout(local_size_x = 128) in;\n"
			"layout(std430, binding = 0) buffer Out { uint sum[]; };\n"
			"shared uint part[128];\n"
			"void main() { uint i = gl_LocalInvocationID.x;\n"
			"  part[i] = gl_GlobalInvocationID.x;\n"
			"  for (uint s = 64u; s > 0u; s >>= 1u) { memoryBarrierShared(); barrier();\n"
			"    if (i < s) part[i] += part[i + s]; }\n"
			"  memoryBarrierShared(); barrier();\n"
			"  if (i == 0u) sum[gl_WorkGroupID.x] = part[0]; }\n", 0);
	glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0,
			 feature_buffer_new(GL_SHADER_STORAGE_BUFFER, sizeof(want), NULL, GL_DYNAMIC_READ));
	glDispatchCompute(10, 1, 1);
	glMemoryBarrier(GL_BUFFER_UPDATE_BARRIER_BIT);
	feature_buffer_is(GL_SHADER_STORAGE_BUFFER, want, 10, "sums");
}

static void image(void)
{
	enum { W = 33, H = 17 };
	static GLuint got[H * W][4];
	GLuint tex = feature_target(GL_R32UI, W, H), x, y;

	feature_program(GL_COMPUTE_SHADER,
			"layout(local_size_x = 8, local_size_y = 8) in;\n"
			"layout(r32ui, binding = 0) writeonly uniform uimage2D img;\n"
			"void main() { ivec2 p = ivec2(gl_GlobalInvocationID.xy);\n"
			"  if (p.x < 33 && p.y < 17) imageStore(img, p, uvec4(p.x + 1000 * p.y)); }\n", 0);
	glBindImageTexture(0, tex, 0, GL_FALSE, 0, GL_WRITE_ONLY, GL_R32UI);
	glDispatchCompute((W + 7) / 8, (H + 7) / 8, 1);
	glMemoryBarrier(GL_FRAMEBUFFER_BARRIER_BIT | GL_TEXTURE_UPDATE_BARRIER_BIT);
	glReadPixels(0, 0, W, H, GL_RGBA_INTEGER, GL_UNSIGNED_INT, got);
	feature_ok("glReadPixels");
	for (y = 0; y < H; y++)
		for (x = 0; x < W; x++)
			if (got[y * W + x][0] != x + 1000 * y)
				feature_fail("texel %u,%u is %u", x, y, got[y * W + x][0]);
}

static void atomics(void)
{
	const GLuint zero[3] = { 0 }, counted[1] = { 640 }, want[3] = { 640 * 639 / 2, 639, 640 };

	feature_program(GL_COMPUTE_SHADER,
			"layout(local_size_x = 64) in;\n"
			"layout(binding = 0, offset = 0) uniform atomic_uint n;\n"
			"layout(std430, binding = 0) buffer Out { uint sum; uint most; uint times; };\n"
			"void main() { uint i = gl_GlobalInvocationID.x;\n"
			"  atomicCounterIncrement(n); atomicAdd(sum, i); atomicMax(most, i);\n"
			"  atomicAdd(times, 1u); }\n", 0);
	glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0,
			 feature_buffer_new(GL_SHADER_STORAGE_BUFFER, sizeof(zero), zero, GL_DYNAMIC_READ));
	glBindBufferBase(GL_ATOMIC_COUNTER_BUFFER, 0,
			 feature_buffer_new(GL_ATOMIC_COUNTER_BUFFER, 4, zero, GL_DYNAMIC_READ));
	glDispatchCompute(10, 1, 1);
	glMemoryBarrier(GL_BUFFER_UPDATE_BARRIER_BIT);
	feature_buffer_is(GL_SHADER_STORAGE_BUFFER, want, 3, "sum, maximum, number");
	feature_buffer_is(GL_ATOMIC_COUNTER_BUFFER, counted, 1, "the counter");
}

/* The size comes out of a buffer that another dispatch has written. */
static void indirect(void)
{
	const GLuint zero[4] = { 0 }, want[1] = { 6 * 16 };
	GLuint size, writer, reader;

	writer = feature_program(GL_COMPUTE_SHADER,
				 "layout(local_size_x = 1) in;\n"
				 "layout(std430, binding = 0) buffer Size { uint size[]; };\n"
				 "void main() { size[0] = 3u; size[1] = 2u; size[2] = 1u; }\n", 0);
	reader = feature_program(GL_COMPUTE_SHADER,
				 "layout(local_size_x = 16) in;\n"
				 "layout(std430, binding = 1) buffer Out { uint n; };\n"
				 "void main() { atomicAdd(n, 1u); }\n", 0);
	size = feature_buffer_new(GL_SHADER_STORAGE_BUFFER, sizeof(zero), zero, GL_DYNAMIC_DRAW);
	glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0, size);
	glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 1,
			 feature_buffer_new(GL_SHADER_STORAGE_BUFFER, 4, zero, GL_DYNAMIC_READ));
	glUseProgram(writer);
	glDispatchCompute(1, 1, 1);
	glMemoryBarrier(GL_COMMAND_BARRIER_BIT);
	glUseProgram(reader);
	glBindBuffer(GL_DISPATCH_INDIRECT_BUFFER, size);
	glDispatchComputeIndirect(0);
	glMemoryBarrier(GL_BUFFER_UPDATE_BARRIER_BIT);
	feature_buffer_is(GL_SHADER_STORAGE_BUFFER, want, 1, "invocations");
}

/* Computed vertices, drawn. */
static void vertices(void)
{
	GLuint buffer, compute, draw;

	feature_target(GL_RGBA8, 8, 8);
	compute = feature_program(GL_COMPUTE_SHADER,
				  "layout(local_size_x = 4) in;\n"
				  "layout(std430, binding = 0) buffer Out { vec2 pos[]; };\n"
				  "void main() { uint i = gl_LocalInvocationID.x;\n"
				  "  pos[i] = vec2((i & 1u) == 0u ? -1.0 : 1.0, (i & 2u) == 0u ? -1.0 : 0.0);\n"
				  "}\n", 0);
	draw = feature_program(GL_VERTEX_SHADER,
			       "layout(location = 0) in vec2 pos;\n"
			       "void main() { gl_Position = vec4(pos, 0.0, 1.0); }\n",
			       GL_FRAGMENT_SHADER,
			       "out vec4 c; void main() { c = vec4(0.0, 1.0, 0.0, 1.0); }\n", 0);
	buffer = feature_buffer_new(GL_SHADER_STORAGE_BUFFER, 4 * 8, NULL, GL_DYNAMIC_COPY);
	glBindBufferBase(GL_SHADER_STORAGE_BUFFER, 0, buffer);
	glUseProgram(compute);
	glDispatchCompute(1, 1, 1);
	glMemoryBarrier(GL_VERTEX_ATTRIB_ARRAY_BARRIER_BIT);
	glUseProgram(draw);
	glBindBuffer(GL_ARRAY_BUFFER, buffer);
	glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, NULL);
	glEnableVertexAttribArray(0);
	glClearColor(1, 0, 0, 1);
	glClear(GL_COLOR_BUFFER_BIT);
	glDrawArrays(GL_TRIANGLE_STRIP, 0, 4);
	feature_pixels(0, 0, 8, 4, 0, 255, 0, 255, 0);
	feature_pixels(0, 4, 8, 4, 255, 0, 0, 255, 0);
}

const struct feature feature_compute[] = {
	{ "compute/ssbo", 43, 31, ssbo },
	{ "compute/chained", 43, 31, chained },
	{ "compute/shared", 43, 31, shared },
	{ "compute/image", 43, 31, image },
	{ "compute/atomics", 43, 31, atomics },
	{ "compute/indirect", 43, 31, indirect },
	{ "compute/vertices", 43, 31, vertices },
	{ 0 }
};
