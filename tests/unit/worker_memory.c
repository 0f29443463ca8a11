// SPDX-License-Identifier: GPL-2.0-only
/* The GPU's memory: what a resource takes, and a worker that has it from its supervisor. */
#include "worker_virgl.h"
#include "wrk_size.h"

#define MIB		(UINT64_C(1) << 20)
#define CHUNK		CTL_MEMORY_CHUNK
#define R8		64u
#define RGB8		66u
#define RGBA8		67u
#define RGBA16F		94u
#define RGBA32F		31u
#define Z24S8		19u
#define Z32FS8		126u
#define DXT1		105u
#define DXT5		108u
#define BPTC		255u
#define ETC2_RGB8	269u
#define ASTC_12x12	292u

enum { BUFFER, TEX_1D, TEX_2D, TEX_3D, TEX_CUBE, TEX_RECT, TEX_1D_ARRAY, TEX_2D_ARRAY };

TEST(worker_size, table)
{
	static const struct {
		uint32_t target, format, width, height, depth, array_size, last_level, samples;
		uint64_t bytes;
	} sizes[] = {
		{ BUFFER, R8, 1000, 1, 1, 1, 0, 0, 1000 },
		{ BUFFER, RGBA32F, 1000, 1, 1, 1, 0, 0, 1000 },
		{ BUFFER, R8, 0, 0, 0, 0, 0, 0, 1 },
		{ BUFFER, R8, UINT32_MAX, 1, 1, 1, 0, 0, UINT32_MAX },
		{ TEX_2D, R8, 256, 256, 1, 1, 0, 0, 65536 },
		{ TEX_2D, RGBA8, 256, 256, 1, 1, 0, 0, 4 * 65536 },
		{ TEX_2D, RGB8, 256, 256, 1, 1, 0, 0, 4 * 65536 },
		{ TEX_2D, RGBA16F, 256, 256, 1, 1, 0, 0, 8 * 65536 },
		{ TEX_2D, RGBA32F, 256, 256, 1, 1, 0, 0, 16 * 65536 },
		{ TEX_2D, Z24S8, 256, 256, 1, 1, 0, 0, 4 * 65536 },
		{ TEX_2D, Z32FS8, 256, 256, 1, 1, 0, 0, 8 * 65536 },
		/* Unknown, in a gap of the numbers, and past their end. */
		{ TEX_2D, 0, 256, 256, 1, 1, 0, 0, 16 * 65536 },
		{ TEX_2D, 73, 256, 256, 1, 1, 0, 0, 16 * 65536 },
		{ TEX_2D, 307, 256, 256, 1, 1, 0, 0, 16 * 65536 },
		{ TEX_2D, 313, 256, 256, 1, 1, 0, 0, 16 * 65536 },
		{ TEX_2D, UINT32_MAX, 256, 256, 1, 1, 0, 0, 16 * 65536 },
		/* By block, and by what is kept. */
		{ TEX_2D, DXT1, 256, 256, 1, 1, 0, 0, 65536 / 2 },
		{ TEX_2D, DXT5, 256, 256, 1, 1, 0, 0, 65536 },
		{ TEX_2D, DXT5, 5, 1, 1, 1, 0, 0, 2 * 16 },
		{ TEX_2D, BPTC, 4, 4, 1, 1, 0, 0, 16 },
		{ TEX_2D, ETC2_RGB8, 256, 256, 1, 1, 0, 0, 4 * 65536 },
		{ TEX_2D, ASTC_12x12, 256, 256, 1, 1, 0, 0, 4 * 65536 },
		/* Levels, layers, samples, depth. */
		{ TEX_2D, RGBA8, 8, 2, 1, 1, 3, 0, 4 * (16 + 4 + 2 + 1) },
		{ TEX_2D, DXT1, 8, 8, 1, 1, 3, 0, 8 * (4 + 1 + 1 + 1) },
		{ TEX_2D_ARRAY, RGBA8, 16, 16, 1, 10, 0, 0, 4 * 256 * 10 },
		{ TEX_CUBE, RGBA8, 16, 16, 1, 6, 0, 0, 4 * 256 * 6 },
		{ TEX_CUBE, RGBA8, 16, 16, 1, 1, 0, 0, 4 * 256 * 6 },
		{ TEX_3D, RGBA8, 16, 16, 16, 1, 4, 0, 4 * (4096 + 512 + 64 + 8 + 1) },
		{ TEX_2D, RGBA8, 16, 16, 1, 1, 0, 4, 4 * 256 * 4 },
		{ TEX_2D, RGBA8, 16, 16, 1, 1, 0, 1, 4 * 256 },
		{ TEX_1D, RGBA8, 100, 0, 0, 0, 0, 0, 400 },
		/* As many levels as there are numbers: each has a pixel. */
		{ TEX_2D, R8, 1, 1, 1, 1, UINT32_MAX, 0, 32 },
		/* 16384 squared, which is one gibibyte, and what does not fit. */
		{ TEX_2D, RGBA8, 16384, 16384, 1, 1, 0, 0, 1024 * MIB },
		{ TEX_2D, RGBA32F, UINT32_MAX, UINT32_MAX, 1, 1, 0, 0, UINT64_MAX },
		{ TEX_2D, R8, UINT32_MAX, UINT32_MAX, 1, 1, 0, 0, UINT64_C(0xfffffffe00000001) },
		{ TEX_2D, R8, UINT32_MAX, UINT32_MAX, 1, 1, 31, 0, UINT64_MAX },
		{ TEX_3D, R8, UINT32_MAX, UINT32_MAX, UINT32_MAX, 1, 0, 0, UINT64_MAX },
		{ TEX_2D, R8, 1u << 31, 1u << 31, 1, 4, 0, 0, UINT64_MAX },
		{ TEX_2D, R8, 1u << 31, 1, 1, 1, 0, UINT32_MAX, UINT64_C(0x7fffffff80000000) },
		{ TEX_2D, R8, 1u << 31, 4, 1, 2, 0, UINT32_MAX, UINT64_MAX },
		{ UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
		  UINT32_MAX, UINT32_MAX, UINT64_MAX },
	};
	struct vgpuif_resource_create args;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		args = (struct vgpuif_resource_create){
			.target = sizes[i].target, .format = sizes[i].format,
			.width = sizes[i].width, .height = sizes[i].height,
			.depth = sizes[i].depth, .array_size = sizes[i].array_size,
			.last_level = sizes[i].last_level, .nr_samples = sizes[i].samples };
		if (wrk_size_bytes(&args) != sizes[i].bytes)
			harness_fail(__FILE__, __LINE__, "size %zu is %llu, not %llu", i,
				     (unsigned long long)wrk_size_bytes(&args),
				     (unsigned long long)sizes[i].bytes);
	}
}

/* Every number of a format has a size that a format can have; the table is in order. */
TEST(worker_size, every_format)
{
	unsigned int known = 0, side, bytes, format;

	for (format = 0; format < 70000; format++) {
		bytes = wrk_size_block(format, &side);
		CHECK(bytes && bytes <= 32 && !(bytes & (bytes - 1)));
		CHECK(side == 1 || (side == 4 && (bytes == 8 || bytes == 16)));
		known += bytes != 16 || side != 1;
	}
	/* 303 are named; 20 of those take 16 octets, as the unknown do. */
	CHECK_EQ(known, 283);
}

static void begin(struct rig *rig, uint32_t memory_mib, uint64_t memory_bytes)
{
	const struct ctl_bind limits = {
		.max_buffer_pages = RIG_PAGES, .max_buffers = 64, .max_contexts = 8,
		.max_resources = 256, .max_pages = 2 * RIG_PAGES, .memory_mib = memory_mib,
		.memory_bytes = memory_bytes };

	rig_spawn(rig, "soft", NULL);
	rig_wait_ready(rig);
	rig_bind(rig, 0, &limits);
}

static struct vgpuif_request req_buffer(uint32_t resource_id, uint32_t bytes)
{
	return (struct vgpuif_request){
		.operation = VGPUIF_OP_RESOURCE_CREATE,
		.u.resource_create = { .resource_id = resource_id, .target = BUFFER, .format = R8,
				       .bind = 1u << 4, .width = bytes, .height = 1, .depth = 1,
				       .array_size = 1 } };
}

static int buffer(struct rig *rig, uint32_t resource_id, uint32_t bytes)
{
	struct vgpuif_request req = req_buffer(resource_id, bytes);

	return rig_call(rig, &req);
}

/* What the worker has to say to its supervisor is said before it sleeps. */
static void hear(struct rig *rig)
{
	struct vgpuif_request info = { .operation = VGPUIF_OP_CAPSET_INFO };

	CHECK_EQ(rig_call(rig, &info), 0);
	CHECK(rig_serve(rig));
	usleep(20000);
	CHECK(rig_serve(rig));
}

/* Within what it is allowed it asks nobody; a resource of the octet after that does. */
TEST(worker_memory, asks_for_what_is_missing)
{
	struct rig *rig = malloc(sizeof(*rig));

	begin(rig, 8, MIB);
	CHECK_EQ(buffer(rig, 1, MIB - 4), 0);
	CHECK_EQ(buffer(rig, 2, 4), 0);
	CHECK_EQ(rig->memory_questions, 0);
	CHECK_EQ(rig->stats->memory_bytes, MIB);
	CHECK_EQ(buffer(rig, 3, 16), 0);
	CHECK_EQ(rig->memory_questions, 1);
	CHECK_EQ(rig->memory_wants, 16);
	CHECK_EQ(rig->stats->memory_bytes, MIB + 16);
	/* A part of it is there. */
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_UNREF, 2), 0);
	CHECK_EQ(rig->stats->memory_bytes, MIB + 12);
	CHECK_EQ(buffer(rig, 2, 64), 0);
	CHECK_EQ(rig->memory_wants, 60);
	/* More than was asked for is kept for the next one. */
	rig->memory_more = MIB;
	CHECK_EQ(buffer(rig, 4, 1000), 0);
	CHECK_EQ(buffer(rig, 5, MIB), 0);
	CHECK_EQ(rig->memory_questions, 3);
	CHECK_EQ(rig->stats->limit_memory, 0);
	rig_stop(rig);
	free(rig);
}

/* The limit: met by one octet more, whoever says so; and the session goes on. */
TEST(worker_memory, at_the_limit)
{
	struct rig *rig = malloc(sizeof(*rig));

	rig_log_fd = rig_memfd(0);
	begin(rig, 1, 0);
	CHECK_EQ(buffer(rig, 1, MIB), 0);
	CHECK_EQ(rig->memory_wants, MIB);
	CHECK_EQ(rig->stats->limit_memory, 0);
	/* It can tell by itself. */
	CHECK_EQ(buffer(rig, 2, 4), -XEN_ENOMEM);
	CHECK_EQ(rig->memory_questions, 1);
	CHECK_EQ(rig->stats->limit_memory, 1);
	CHECK_EQ(rig->stats->resources, 1);
	CHECK(rig_log_has("RESOURCE_CREATE (operation 22, context 0, resource 2, buffer 0): ENOMEM: "
			  "out of memory, or of what the backend allows (memory=1)"));
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_UNREF, 1), 0);
	CHECK_EQ(buffer(rig, 1, MIB + 1), -XEN_ENOMEM);
	CHECK_EQ(rig_texture(rig, 3, 1u << 31, 1u << 31), -XEN_ENOMEM);
	CHECK_EQ(rig->stats->limit_memory, 3);
	CHECK_EQ(rig->memory_questions, 1);
	CHECK_EQ(rig->stats->memory_bytes, 0);
	rig_recall(rig);
	hear(rig);
	CHECK_EQ(rig->memory_back, MIB);
	/* The guest's other sessions have it. */
	rig->memory_err = -EDQUOT;
	CHECK_EQ(buffer(rig, 2, 4), -XEN_ENOMEM);
	CHECK_EQ(rig->memory_questions, 2);
	CHECK_EQ(rig->stats->limit_memory, 4);
	CHECK_EQ(rig->stats->memory_bytes, 0);
	rig->memory_err = 0;
	CHECK_EQ(buffer(rig, 2, 4), 0);
	CHECK_EQ(rig->stats->limit_memory, 4);
	CHECK_EQ(rig->stats->memory_bytes, 4);
	close(rig_log_fd);
	rig_stop(rig);
	free(rig);
}

/* What the renderer refuses takes nothing. */
TEST(worker_memory, refused_by_the_renderer)
{
	struct vgpuif_request req = {
		.operation = VGPUIF_OP_RESOURCE_CREATE,
		.u.resource_create = { .resource_id = 1, .target = TEX_3D, .format = RGBA8,
				       .width = 4, .height = 4, .depth = 4, .array_size = 77 } };
	struct rig *rig = malloc(sizeof(*rig));

	begin(rig, 1, MIB);
	CHECK_EQ(rig_call(rig, &req), -XEN_EIO);
	CHECK_EQ(rig->stats->memory_bytes, 0);
	CHECK_EQ(rig->stats->limit_memory, 0);
	CHECK_EQ(buffer(rig, 1, MIB), 0);
	rig_stop(rig);
	free(rig);
}

/* Guest memory is the guest's own. */
TEST(worker_memory, blobs_take_none)
{
	struct vgpuif_request blob = {
		.operation = VGPUIF_OP_RESOURCE_CREATE_BLOB,
		.u.resource_create_blob = { .resource_id = 1, .blob_mem = VGPUIF_BLOB_MEM_GUEST,
					    .bytes = PAGE, .buffer_id = 1 } };
	struct rig *rig = malloc(sizeof(*rig));

	begin(rig, 1, 0);
	CHECK_EQ(rig_register(rig, 1, 8, 1, 0), 0);
	CHECK_EQ(rig_call(rig, &blob), 0);
	CHECK_EQ(rig->stats->memory_bytes, 0);
	CHECK_EQ(rig->memory_questions, 0);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_UNREF, 1), 0);
	CHECK_EQ(rig->stats->memory_bytes, 0);
	rig_stop(rig);
	free(rig);
}

/* Commands may not make the renderer allocate what is in nobody's account. */
TEST(worker_memory, not_by_commands)
{
	static const uint32_t create[] = { VIRGL_CMD0(48, 0, 11), TEX_2D, RGBA8,
					   VIRGL_BIND_SAMPLER_VIEW, 256, 256, 1, 1, 0, 0, 0, 5 };
	struct rig *rig = malloc(sizeof(*rig));
	uint32_t *cmds;

	begin(rig, 1, 0);
	CHECK_EQ(rig_register(rig, 1, RIG_SCRATCH, 1, VGPUIF_BUFFER_READ_ONLY), 0);
	CHECK_EQ(rig_context(rig, 1), 0);
	cmds = (uint32_t *)(rig->mem + RIG_SCRATCH * PAGE);
	memcpy(cmds, create, sizeof(create));
	CHECK_EQ(rig_submit(rig, 1, 1, 0, sizeof(create), 0), -XEN_EOPNOTSUPP);
	/* Behind others; the words of others are not commands. */
	cmds[0] = 0;
	memcpy(cmds + 1, create, sizeof(create));
	CHECK_EQ(rig_submit(rig, 1, 1, 0, 4 + sizeof(create), 0), -XEN_EOPNOTSUPP);
	cmds[0] = VIRGL_CMD0(0, 0, 1);
	cmds[1] = create[0];
	CHECK_EQ(rig_submit(rig, 1, 1, 0, 8, VGPUIF_SUBMIT_FENCE), 0);
	/* Cut off: the renderer's to refuse, and ours. */
	cmds[0] = create[0];
	CHECK_EQ(rig_submit(rig, 1, 1, 0, 4, 0), -XEN_EOPNOTSUPP);
	cmds[0] = 0;
	CHECK_EQ(rig_submit(rig, 1, 1, 0, 4, VGPUIF_SUBMIT_FENCE), 0);
	rig_stop(rig);
	free(rig);
}

/* While the supervisor thinks, what is behind stays in the ring, and there is one question. */
TEST(worker_memory, the_ring_waits)
{
	struct rig *rig = malloc(sizeof(*rig));
	struct vgpuif_request info = { .operation = VGPUIF_OP_CAPSET_INFO };
	struct vgpuif_request req;
	struct vgpuif_response rsp;
	uint32_t id[4];
	unsigned int i;

	begin(rig, 8, 0);
	CHECK_EQ(rig_context(rig, 1), 0);
	rig->memory_hold = true;
	req = rig_req_submit(1, 0, 0, 0, VGPUIF_SUBMIT_FENCE);
	id[0] = rig_put(rig, &req);
	req = req_buffer(1, 100);
	id[1] = rig_put(rig, &req);
	req = req_buffer(2, 100);
	id[2] = rig_put(rig, &req);
	id[3] = rig_put(rig, &info);
	rig_push(rig);
	/* The fence is answered all the same. */
	CHECK(rig_get(rig, &rsp, RIG_TIMEOUT_MS));
	CHECK_EQ(rsp.id, id[0]);
	while (!rig->memory_questions) {
		CHECK(rig_readable(rig->sock, RIG_TIMEOUT_MS));
		CHECK(rig_serve(rig));
	}
	CHECK_EQ(rig->memory_wants, 100);
	/* A storm of events changes nothing, and neither does a recall. */
	for (i = 0; i < 100; i++)
		CHECK_EQ(evt_notify(rig->evt), 0);
	rig_recall(rig);
	while (!rig->memory_backs) {
		CHECK(rig_readable(rig->sock, RIG_TIMEOUT_MS));
		CHECK(rig_serve(rig));
	}
	CHECK_EQ(rig->memory_back, 0);
	CHECK_EQ(rig->memory_questions, 1);
	CHECK_EQ(rig->stats->requests, 3);
	CHECK_EQ(ring_front_get(&rig->front, &rsp), 0);
	rig->memory_hold = false;
	rig_answer_memory(rig);
	for (i = 1; i < 4; i++) {
		CHECK(rig_get(rig, &rsp, RIG_TIMEOUT_MS));
		CHECK_EQ(rsp.id, id[i]);
		CHECK_EQ(rsp.status, 0);
	}
	CHECK_EQ(rig->memory_questions, 2);
	CHECK_EQ(rig->stats->memory_bytes, 200);
	CHECK_EQ(rig->stats->requests, 5);
	/* Closed with a question open. */
	rig->memory_hold = true;
	req = req_buffer(3, 100);
	rig_put(rig, &req);
	rig_push(rig);
	while (rig->memory_questions < 3) {
		CHECK(rig_readable(rig->sock, RIG_TIMEOUT_MS));
		CHECK(rig_serve(rig));
	}
	rig_stop(rig);
	free(rig);
}

/* More than two chunks that nobody uses go back, but for one; all of it when it is recalled. */
TEST(worker_memory, gives_back)
{
	struct rig *rig = malloc(sizeof(*rig));

	begin(rig, 1024, 2 * CHUNK);
	CHECK_EQ(buffer(rig, 1, 2 * CHUNK), 0);
	CHECK_EQ(buffer(rig, 2, 4), 0);
	CHECK_EQ(rig->memory_wants, 4);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_UNREF, 1), 0);
	hear(rig);
	CHECK_EQ(rig->memory_backs, 0);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_UNREF, 2), 0);
	hear(rig);
	CHECK_EQ(rig->memory_backs, 1);
	CHECK_EQ(rig->memory_back, CHUNK + 4);
	CHECK_EQ(buffer(rig, 1, CHUNK), 0);
	CHECK_EQ(rig->memory_questions, 1);
	CHECK_EQ(buffer(rig, 2, 4), 0);
	CHECK_EQ(rig->memory_questions, 2);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_UNREF, 1), 0);
	rig_recall(rig);
	hear(rig);
	CHECK_EQ(rig->memory_backs, 2);
	CHECK_EQ(rig->memory_back, 2 * CHUNK + 4);
	rig_recall(rig);
	hear(rig);
	CHECK_EQ(rig->memory_backs, 3);
	CHECK_EQ(rig->memory_back, 2 * CHUNK + 4);
	CHECK_EQ(buffer(rig, 3, 8), 0);
	CHECK_EQ(rig->memory_wants, 8);
	rig_stop(rig);
	free(rig);
}

/* Answers to nothing, and answers that are none. */
TEST(worker_memory, nonsense_from_supervisor)
{
	struct rig *rig = malloc(sizeof(*rig));
	struct vgpuif_request req = req_buffer(1, 100);
	int round;

	for (round = 0; round < 2; round++) {
		begin(rig, 8, 0);
		rig->memory_hold = true;
		if (round) {
			rig_put(rig, &req);
			rig_push(rig);
			while (!rig->memory_questions) {
				CHECK(rig_readable(rig->sock, RIG_TIMEOUT_MS));
				CHECK(rig_serve(rig));
			}
			rig->memory_wants = 99;
		} else {
			rig->memory_wants = 100;
		}
		rig_answer_memory(rig);
		rig_reap(rig, 1);
	}
	free(rig);
}
