// SPDX-License-Identifier: GPL-2.0-only
/* What the worker answers when a request does not fit what there is: one case for each status. */
#include "worker_virgl.h"

static struct rig *started(void)
{
	struct rig *rig = malloc(sizeof(*rig));

	CHECK(rig);
	rig_start(rig);
	return rig;
}

static void stop(struct rig *rig)
{
	rig_stop(rig);
	free(rig);
}

TEST(worker_ops, unknown)
{
	static const uint8_t none[] = { 0, 1, 15, 32, 47, VGPUIF_OP_PRESENT, VGPUIF_OP_CURSOR_SET,
					VGPUIF_OP_CURSOR_MOVE, 51, 255 };
	struct rig *rig = started();
	size_t i;

	for (i = 0; i < sizeof(none); i++)
		CHECK_EQ(rig_op(rig, none[i], 1), -XEN_EOPNOTSUPP);
	CHECK_EQ(rig->stats->errors, sizeof(none));
	stop(rig);
}

TEST(worker_ops, reserved)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_CAPSET_INFO };
	struct rig *rig = started();

	req.u.octets[55] = 1;
	CHECK_EQ(rig_call(rig, &req), -XEN_EINVAL);
	req.u.octets[55] = 0;
	req.reserved = 1;
	CHECK_EQ(rig_call(rig, &req), -XEN_EINVAL);
	req.reserved = 0;
	req.flags = 1;
	CHECK_EQ(rig_call(rig, &req), -XEN_EINVAL);
	req.flags = 0;
	CHECK_EQ(rig_call(rig, &req), 0);
	stop(rig);
}

TEST(worker_ops, ids)
{
	struct rig *rig = started();

	CHECK_EQ(rig_context(rig, 0), -XEN_EINVAL);
	CHECK_EQ(rig_context(rig, 1), 0);
	CHECK_EQ(rig_context(rig, 1), -XEN_EEXIST);
	CHECK_EQ(rig_context(rig, UINT32_MAX), 0);
	CHECK_EQ(rig->stats->contexts, 2);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_CONTEXT_DESTROY, 2), -XEN_ENOENT);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_CONTEXT_DESTROY, UINT32_MAX), 0);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_CONTEXT_DESTROY, UINT32_MAX), -XEN_ENOENT);

	CHECK_EQ(rig_texture(rig, 5, 16, 16), 0);
	CHECK_EQ(rig_texture(rig, 5, 16, 16), -XEN_EEXIST);
	CHECK_EQ(rig_texture(rig, UINT32_MAX, 16, 16), 0);
	CHECK_EQ(rig->stats->resources, 2);
	CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_ATTACH, 1, 6), -XEN_ENOENT);
	CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_ATTACH, 2, 5), -XEN_ENOENT);
	CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_ATTACH, 1, 5), 0);
	CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_ATTACH, 1, 5), 0);
	CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_DETACH, 1, 5), 0);
	CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_DETACH, 1, 5), 0);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_UNREF, 5), 0);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_UNREF, 5), -XEN_ENOENT);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_DETACH, 5), -XEN_ENOENT);
	CHECK_EQ(rig_unregister(rig, 1), -XEN_ENOENT);
	stop(rig);
}

TEST(worker_ops, limits)
{
	const struct ctl_bind limits = { .max_buffer_pages = 4, .max_buffers = 2, .max_contexts = 2,
					 .max_resources = 3, .max_pages = 6 };
	struct rig *rig = malloc(sizeof(*rig));
	uint32_t i;

	rig_log_fd = rig_memfd(0);
	rig_spawn(rig, "soft", NULL);
	rig_wait_ready(rig);
	rig_bind(rig, 0, &limits);
	CHECK_EQ(rig_context(rig, 1), 0);
	CHECK_EQ(rig_context(rig, 2), 0);
	CHECK_EQ(rig->stats->limit_contexts, 0);
	CHECK_EQ(rig_context(rig, 3), -XEN_ENOSPC);
	CHECK_EQ(rig->stats->limit_contexts, 1);
	CHECK_EQ(rig_context(rig, 2), -XEN_EEXIST);		/* which is no limit */
	CHECK_EQ(rig->stats->limit_contexts, 1);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_CONTEXT_DESTROY, 1), 0);
	CHECK_EQ(rig_context(rig, 3), 0);
	for (i = 1; i <= 3; i++)
		CHECK_EQ(rig_texture(rig, i, 4, 4), 0);
	CHECK_EQ(rig->stats->limit_resources, 0);
	CHECK_EQ(rig_texture(rig, 4, 4, 4), -XEN_ENOSPC);
	CHECK_EQ(rig->stats->limit_resources, 1);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_UNREF, 1), 0);
	CHECK_EQ(rig_texture(rig, 4, 4, 4), 0);
	CHECK_EQ(rig_register(rig, 1, 8, 5, 0), -XEN_ENOSPC);	/* one buffer's pages */
	CHECK_EQ(rig->stats->limit_buffers, 1);
	CHECK_EQ(rig_register(rig, 1, 8, 4, 0), 0);
	CHECK_EQ(rig_register(rig, 2, 16, 3, 0), -XEN_ENOSPC);	/* all buffers' pages */
	CHECK_EQ(rig->stats->limit_buffers, 2);
	CHECK_EQ(rig_register(rig, 2, 16, 1, 0), 0);
	CHECK_EQ(rig_register(rig, 3, 17, 1, 0), -XEN_ENOSPC);	/* buffers */
	CHECK_EQ(rig->stats->limit_buffers, 3);
	CHECK_EQ(rig_unregister(rig, 1), 0);
	/* The guest's other sessions have mapped the rest. */
	rig->map_err = -EDQUOT;
	CHECK_EQ(rig_register(rig, 3, 17, 4, 0), -XEN_ENOSPC);
	CHECK_EQ(rig->stats->limit_buffers, 4);
	rig->map_err = 0;
	CHECK_EQ(rig_register(rig, 3, 17, 4, 0), 0);
	CHECK_EQ(rig->stats->limit_buffers, 4);
	CHECK_EQ(rig->stats->limit_contexts, 1);
	CHECK_EQ(rig->stats->limit_resources, 1);
	/* Each is named by what the administrator sets it by. */
	CHECK(rig_log_has("CONTEXT_CREATE (operation 20, context 3, resource 0, buffer 0): ENOSPC: "
			  "over a limit the backend sets (contexts=2)"));
	CHECK(rig_log_has("(resources=3)"));
	CHECK(rig_log_has("(max-buffer-pages=4)"));
	CHECK(rig_log_has("(max-buffers=2)"));
	CHECK(rig_log_has("(pages=6)"));
	CHECK(!rig_log_has("EEXIST: the id is in use ("));
	close(rig_log_fd);
	stop(rig);
}

TEST(worker_ops, capset_refused)
{
	struct vgpuif_request get = {
		.operation = VGPUIF_OP_CAPSET_GET,
		.u.capset_get = { .capset_id = VGPUIF_CAPSET_VIRGL2, .capset_version = 2,
				  .buffer_id = 1, .bytes = 16 } };
	struct vgpuif_request create = {
		.operation = VGPUIF_OP_CONTEXT_CREATE,
		.u.context_create = { .context_id = 1, .capset_id = VGPUIF_CAPSET_VENUS,
				      .n_rings = 1 } };
	struct rig *rig = started();

	CHECK_EQ(rig_call(rig, &get), -XEN_ENOENT);
	CHECK_EQ(rig_register(rig, 1, 8, 1, VGPUIF_BUFFER_READ_ONLY), 0);
	CHECK_EQ(rig_call(rig, &get), -XEN_EINVAL);
	CHECK_EQ(rig_register(rig, 2, 9, 1, 0), 0);
	get.u.capset_get.buffer_id = 2;
	get.u.capset_get.offset = PAGE - 15;
	CHECK_EQ(rig_call(rig, &get), -XEN_EINVAL);
	get.u.capset_get.offset = UINT64_MAX - 16;
	CHECK_EQ(rig_call(rig, &get), -XEN_EINVAL);
	get.u.capset_get.offset = PAGE - 16;
	CHECK_EQ(rig_call(rig, &get), 0);
	get.u.capset_get.capset_version = 3;
	CHECK_EQ(rig_call(rig, &get), -XEN_EINVAL);
	get.u.capset_get.capset_id = VGPUIF_CAPSET_VENUS;
	CHECK_EQ(rig_call(rig, &get), -XEN_ENOENT);
	CHECK_EQ(rig_call(rig, &create), -XEN_ENOENT);
	create.u.context_create.capset_id = VGPUIF_CAPSET_VIRGL;
	create.u.context_create.n_rings = 2;
	CHECK_EQ(rig_call(rig, &create), -XEN_EINVAL);
	create.u.context_create.n_rings = 1;
	memset(create.u.context_create.name, 0xff, VGPUIF_MAX_CONTEXT_NAME);
	CHECK_EQ(rig_call(rig, &create), 0);
	stop(rig);
}

TEST(worker_ops, backing)
{
	struct rig *rig = started();

	CHECK_EQ(rig_register(rig, 1, 8, 4, 0), 0);
	CHECK_EQ(rig_register(rig, 2, 16, 4, VGPUIF_BUFFER_READ_ONLY), 0);
	CHECK_EQ(rig_texture(rig, 1, 16, 16), 0);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_DETACH, 1), -XEN_EINVAL);
	CHECK_EQ(rig_attach(rig, 1, 3, 0, 1024), -XEN_ENOENT);
	CHECK_EQ(rig_attach(rig, 2, 1, 0, 1024), -XEN_ENOENT);
	CHECK_EQ(rig_attach(rig, 1, 2, 0, 1024), -XEN_EINVAL);	/* results may be written there */
	CHECK_EQ(rig_attach(rig, 1, 1, 4 * PAGE - 1023, 1024), -XEN_EINVAL);
	CHECK_EQ(rig_attach(rig, 1, 1, 4 * PAGE + 1, 1), -XEN_EINVAL);
	CHECK_EQ(rig_attach(rig, 1, 1, 0, UINT64_MAX), -XEN_EINVAL);
	CHECK_EQ(rig_attach(rig, 1, 1, 1, UINT64_MAX), -XEN_EINVAL);
	CHECK_EQ(rig_attach(rig, 1, 1, 4 * PAGE - 1024, 1024), 0);
	CHECK_EQ(rig_attach(rig, 1, 1, 0, 1024), -XEN_EEXIST);
	CHECK_EQ(rig_unregister(rig, 1), -XEN_EBUSY);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_DETACH, 1), 0);
	CHECK_EQ(rig_unregister(rig, 1), 0);
	CHECK_EQ(rig_register(rig, 1, 8, 4, 0), 0);
	CHECK_EQ(rig_attach(rig, 1, 1, 0, 1024), 0);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_UNREF, 1), 0);
	CHECK_EQ(rig_unregister(rig, 1), 0);
	stop(rig);
}

TEST(worker_ops, blob)
{
	struct vgpuif_request req = {
		.operation = VGPUIF_OP_RESOURCE_CREATE_BLOB,
		.u.resource_create_blob = { .resource_id = 1, .blob_mem = VGPUIF_BLOB_MEM_GUEST,
					    .bytes = 2 * PAGE, .buffer_id = 1, .offset = PAGE } };
	struct rig *rig = started();

	CHECK_EQ(rig_call(rig, &req), -XEN_ENOENT);
	CHECK_EQ(rig_register(rig, 1, 8, 2, 0), 0);
	CHECK_EQ(rig_call(rig, &req), -XEN_EINVAL);
	req.u.resource_create_blob.offset = 0;
	req.u.resource_create_blob.context_id = 9;
	CHECK_EQ(rig_call(rig, &req), -XEN_ENOENT);
	req.u.resource_create_blob.context_id = 0;
	CHECK_EQ(rig_call(rig, &req), 0);
	CHECK_EQ(rig_call(rig, &req), -XEN_EEXIST);
	CHECK_EQ(rig_attach(rig, 1, 1, 0, PAGE), -XEN_EEXIST);
	CHECK_EQ(rig_unregister(rig, 1), -XEN_EBUSY);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_UNREF, 1), 0);
	CHECK_EQ(rig_unregister(rig, 1), 0);
	req.u.resource_create_blob.blob_mem = VGPUIF_BLOB_MEM_HOST3D;
	CHECK_EQ(rig_call(rig, &req), -XEN_EOPNOTSUPP);
	stop(rig);
}

static uint64_t resident_pages(pid_t pid)
{
	unsigned long size, resident = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	file = fopen(path, "re");
	CHECK(file);
	CHECK_EQ(fscanf(file, "%lu %lu", &size, &resident), 2);
	fclose(file);
	return resident;
}

/* virglrenderer 0.10 notes each time that a blob is attached, and keeps all notes but one when it is freed. */
TEST(worker_ops, attached_again_and_again)
{
	const struct vgpuif_request blob = {
		.operation = VGPUIF_OP_RESOURCE_CREATE_BLOB,
		.u.resource_create_blob = { .resource_id = 1, .blob_mem = VGPUIF_BLOB_MEM_GUEST,
					    .bytes = PAGE, .buffer_id = 1 } };
	struct rig *rig = started();
	uint64_t before;
	unsigned int i;

	CHECK_EQ(rig_context(rig, 1), 0);
	CHECK_EQ(rig_register(rig, 1, 8, 1, 0), 0);
	CHECK_EQ(rig_call(rig, &blob), 0);
	CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_ATTACH, 1, 1), 0);
	before = resident_pages(rig->pid);
	for (i = 0; i < 50000; i++)
		CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_ATTACH, 1, 1), 0);
	/* 32 octets a note: 390 pages. */
	CHECK(resident_pages(rig->pid) < before + 100);
	stop(rig);
}

TEST(worker_ops, renderer_refuses)
{
	struct vgpuif_request req = {
		.operation = VGPUIF_OP_RESOURCE_CREATE,
		.u.resource_create = { .resource_id = 1, .target = 99, .format = 67, .bind = 8,
				       .width = 4, .height = 4, .depth = 1, .array_size = 1 } };
	struct rig *rig = started();

	CHECK_EQ(rig_call(rig, &req), -XEN_EIO);
	CHECK_EQ(rig->stats->resources, 0);
	req.u.resource_create.target = PIPE_TEXTURE_2D;
	req.u.resource_create.format = 100000;
	CHECK_EQ(rig_call(rig, &req), -XEN_EIO);
	req.u.resource_create.format = VIRGL_FORMAT_R8G8B8A8_UNORM;
	CHECK_EQ(rig_call(rig, &req), 0);
	stop(rig);
}

TEST(worker_ops, transfer_refused)
{
	struct vgpuif_request req = rig_req_transfer(VGPUIF_OP_TRANSFER_FROM_HOST, 1, 1, 16, 16);
	struct rig *rig = started();

	CHECK_EQ(rig_call(rig, &req), -XEN_ENOENT);
	CHECK_EQ(rig_context(rig, 1), 0);
	CHECK_EQ(rig_call(rig, &req), -XEN_ENOENT);
	CHECK_EQ(rig_texture(rig, 1, 16, 16), 0);
	CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_ATTACH, 1, 1), 0);
	CHECK_EQ(rig_call(rig, &req), -XEN_EINVAL);		/* no backing store */
	CHECK_EQ(rig_register(rig, 1, 8, 1, 0), 0);
	CHECK_EQ(rig_attach(rig, 1, 1, 0, 1024), 0);
	req.u.transfer.offset = 1024;
	CHECK_EQ(rig_call(rig, &req), -XEN_EINVAL);
	req.u.transfer.offset = UINT64_MAX;
	CHECK_EQ(rig_call(rig, &req), -XEN_EINVAL);
	req.u.transfer.offset = 0;
	CHECK_EQ(rig_call(rig, &req), 0);
	req.u.transfer.context_id = 0;
	CHECK_EQ(rig_call(rig, &req), -XEN_EINVAL);
	req.u.transfer.context_id = 1;
	req.u.transfer.width = 17;
	CHECK_EQ(rig_call(rig, &req), -XEN_EIO);		/* out of the texture */
	stop(rig);
}

/* What is refused as a request is refused among commands. */
TEST(worker_ops, boxes_in_commands)
{
	static const uint32_t commands[] = { VIRGL_CMD0(9, 0, 12), VIRGL_CMD0(43, 0, 13),
					     VIRGL_CMD0(45, 0, 14) };
	static const struct {
		uint32_t word, value;
	} bad[] = { { 6, 0x80000000u }, { 7, UINT32_MAX }, { 8, UINT32_MAX }, { 9, 0x80000000u },
		    { 10, 0x80000000u }, { 11, 0x80000000u }, { 4, 0x80000000u }, { 4, INT32_MAX },
		    { 5, INT32_MAX } };
	uint32_t good[15] = { 0, 1, 0, 0, 4, 16, 0, 0, 0, 1, 4, 4, 0, 0, 0 };
	struct rig *rig = started();
	uint32_t *cmds;
	size_t i, j;

	CHECK_EQ(rig_context(rig, 1), 0);
	CHECK_EQ(rig_register(rig, 1, RIG_SCRATCH, 1, VGPUIF_BUFFER_READ_ONLY), 0);
	cmds = (uint32_t *)(rig->mem + RIG_SCRATCH * PAGE);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const uint32_t bytes = 4 + (commands[i] >> 16) * 4;

		good[0] = commands[i];
		for (j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
			memcpy(cmds, good, sizeof(good));
			cmds[bad[j].word] = bad[j].value;
			CHECK_EQ(rig_submit(rig, 1, 1, 0, bytes, 0), -XEN_EINVAL);
		}
	}
	/* A copy has its corners elsewhere: four lines from the last that an int can name, of either side. */
	for (i = 4; i <= 9; i += 5) {
		const uint32_t copy[14] = { VIRGL_CMD0(17, 0, 13), 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 4, 4, 1 };

		memcpy(cmds, copy, sizeof(copy));
		cmds[i] = INT32_MAX;
		CHECK_EQ(rig_submit(rig, 1, 1, 0, sizeof(copy), 0), -XEN_EINVAL);
	}
	/* None of them came to the renderer, which would have lost the context. */
	cmds[0] = 0;
	CHECK_EQ(rig_submit(rig, 1, 1, 0, 4, VGPUIF_SUBMIT_FENCE), 0);
	/* There is no such resource; that is the renderer's to say. */
	memcpy(cmds, good, sizeof(good));
	CHECK(rig_submit(rig, 1, 1, 0, 60, 0) != -XEN_EINVAL);
	stop(rig);
}

TEST(worker_ops, submit_refused)
{
	struct rig *rig = started();

	CHECK_EQ(rig_submit(rig, 1, 1, 0, 4, 0), -XEN_ENOENT);
	CHECK_EQ(rig_context(rig, 1), 0);
	CHECK_EQ(rig_submit(rig, 1, 1, 0, 4, 0), -XEN_ENOENT);
	CHECK_EQ(rig_register(rig, 1, 8, 1, 0), 0);
	CHECK_EQ(rig_submit(rig, 1, 1, 0, 4, 0), 0);
	CHECK_EQ(rig_submit(rig, 1, 1, 0, 3, 0), -XEN_EINVAL);
	CHECK_EQ(rig_submit(rig, 1, 1, 4, 4, 0), -XEN_EINVAL);
	CHECK_EQ(rig_submit(rig, 1, 1, 0, PAGE + 4, 0), -XEN_EINVAL);
	CHECK_EQ(rig_submit(rig, 1, 1, PAGE, 4, 0), -XEN_EINVAL);
	CHECK_EQ(rig_submit(rig, 1, 1, UINT64_MAX - 7, 4, 0), -XEN_EINVAL);
	CHECK_EQ(rig_submit(rig, 1, 1, 0, VGPUIF_MAX_SUBMIT_BYTES + 4, 0), -XEN_EINVAL);
	CHECK_EQ(rig_submit(rig, 1, 0, 0, 0, 0), -XEN_EINVAL);
	CHECK_EQ(rig_submit(rig, 1, 0, 0, 0, VGPUIF_SUBMIT_FENCE), 0);
	CHECK_EQ(rig_submit(rig, 1, 1, 0, 4, 4), -XEN_EINVAL);	/* an unknown flag */
	stop(rig);
}
