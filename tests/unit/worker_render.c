// SPDX-License-Identifier: GPL-2.0-only
/* The worker renders: from a capset to pixels in the guest's pages, on the software renderer. */
#include "worker_virgl.h"

TEST(worker_render, ready)
{
	struct rig *rig = malloc(sizeof(*rig));
	uint32_t i;

	CHECK(rig);
	rig_spawn(rig, "soft", NULL);
	rig_wait_ready(rig);
	CHECK_EQ(rig->ready.n_capsets, 2);
	for (i = 0; i < 2; i++) {
		CHECK_EQ(rig->ready.capset[i].id, i + 1);
		CHECK(rig->ready.capset[i].max_bytes >= 300);
	}
	CHECK(strstr(rig->ready.renderer, "llvmpipe") || strstr(rig->ready.renderer, "softpipe"));
	close(rig->sock);
	rig->sock = -1;
	/* Its supervisor is gone: it ends at once. */
	rig_reap(rig, 1);
	free(rig);
}

TEST(worker_render, capsets)
{
	struct rig *rig = malloc(sizeof(*rig));
	struct vgpuif_request info = { .operation = VGPUIF_OP_CAPSET_INFO };
	struct vgpuif_request get = { .operation = VGPUIF_OP_CAPSET_GET };
	struct vgpuif_response rsp;
	uint32_t i, bytes;

	rig_start(rig);
	CHECK_EQ(rig_register(rig, 1, 8, 2, 0), 0);
	for (i = 0; i < 2; i++) {
		info.u.capset_info.capset_index = i;
		CHECK_EQ(rig_call_rsp(rig, &info, &rsp), 0);
		CHECK_EQ(rsp.u.capset_info.capset_id, i + 1);
		bytes = rsp.u.capset_info.max_bytes;

		memset(rig->mem + 8 * PAGE, 0xee, 2 * PAGE);
		get.u.capset_get = (struct vgpuif_capset_get){
			.capset_id = i + 1, .capset_version = rsp.u.capset_info.max_version,
			.buffer_id = 1, .bytes = 2 * PAGE - 16, .offset = 16 };
		CHECK_EQ(rig_call_rsp(rig, &get, &rsp), 0);
		CHECK_EQ(rsp.u.capset_get.bytes, bytes);
		CHECK_EQ(rig->mem[8 * PAGE + 15], 0xee);
		CHECK_EQ(rig->mem[8 * PAGE + 16], i + 1);	/* max_version */
		CHECK_EQ(rig->mem[8 * PAGE + 16 + bytes], 0xee);

		get.u.capset_get.bytes = 4;
		CHECK_EQ(rig_call_rsp(rig, &get, &rsp), 0);
		CHECK_EQ(rsp.u.capset_get.bytes, 4);
	}
	info.u.capset_info.capset_index = 2;
	CHECK_EQ(rig_call(rig, &info), -XEN_ENOENT);
	rig_stop(rig);
	free(rig);
}

TEST(worker_render, clear)
{
	struct rig *rig = malloc(sizeof(*rig));
	uint32_t n;

	rig_start(rig);
	rig_scene(rig, 64);
	n = virgl_clear((uint32_t *)(rig->mem + RIG_SCRATCH * PAGE), 0.25f, 0.5f, 1.0f, 1.0f);
	CHECK_EQ(rig_submit(rig, 1, 1, 0, n * 4, VGPUIF_SUBMIT_FENCE), 0);
	CHECK_EQ(rig_transfer(rig, VGPUIF_OP_TRANSFER_FROM_HOST, 1, 1, 64, 64), 0);
	CHECK(rig_pixels(rig, RIG_SURFACE_PAGE, 64, 0xffff8040));
	CHECK_EQ(rig->stats->fences, 1);
	CHECK_EQ(rig->stats->submits, 2);
	CHECK_EQ(rig->stats->command_bytes, rig->stats->command_bytes_copied);
	CHECK_EQ(rig->stats->surface_bytes_copied, 0);
	CHECK_EQ(rig->stats->errors, 0);
	CHECK_EQ(rig->stats->requests, rig->stats->responses);
	CHECK_EQ(rig->stats->pages_mapped, 8);
	rig_stop(rig);
	free(rig);
}

/* Submit a clear by context 1, and look whether it arrived where context 1 draws. */
static void clear_is(struct rig *rig, float r, float g, float b, uint32_t rgba)
{
	uint32_t n = virgl_clear((uint32_t *)(rig->mem + RIG_SCRATCH * PAGE), r, g, b, 1.0f);

	CHECK_EQ(rig_submit(rig, 1, 1, 0, n * 4, VGPUIF_SUBMIT_FENCE), 0);
	CHECK_EQ(rig_transfer(rig, VGPUIF_OP_TRANSFER_FROM_HOST, 1, 1, 64, 64), 0);
	CHECK(rig_pixels(rig, RIG_SURFACE_PAGE, 64, rgba));
}

/* Contexts that come and go, and their resources, are nothing to the one that draws. */
TEST(worker_render, beside)
{
	struct rig *rig = malloc(sizeof(*rig));

	rig_start(rig);
	rig_scene(rig, 64);
	clear_is(rig, 1, 0, 0, 0xff0000ff);
	CHECK_EQ(rig_context(rig, 2), 0);
	clear_is(rig, 0, 1, 0, 0xff00ff00);
	CHECK_EQ(rig_texture(rig, 2, 64, 64), 0);
	CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_ATTACH, 2, 2), 0);
	clear_is(rig, 0, 0, 1, 0xffff0000);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_RESOURCE_UNREF, 2), 0);
	clear_is(rig, 1, 1, 0, 0xff00ffff);
	CHECK_EQ(rig_op(rig, VGPUIF_OP_CONTEXT_DESTROY, 2), 0);
	clear_is(rig, 0, 1, 1, 0xffffff00);
	CHECK_EQ(rig->stats->errors, 0);
	rig_stop(rig);
	free(rig);
}
