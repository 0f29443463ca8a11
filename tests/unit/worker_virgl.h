/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of the virgl command stream as it takes to clear a texture. The numbers are those of
 * Mesa's src/virtio/virtio-gpu/virgl_protocol.h, virgl_hw.h and gallium's p_defines.h.
 */
#ifndef TESTS_WORKER_VIRGL_H
#define TESTS_WORKER_VIRGL_H

#include "worker_rig.h"

#define VIRGL_CMD0(cmd, obj, len)	\
	((uint32_t)(cmd) | (uint32_t)(obj) << 8 | (uint32_t)(len) << 16)
#define VIRGL_CCMD_CREATE_OBJECT	1
#define VIRGL_CCMD_SET_FRAMEBUFFER_STATE 5
#define VIRGL_CCMD_CLEAR		7
#define VIRGL_CCMD_DRAW_VBO		8
#define VIRGL_CCMD_BEGIN_QUERY		19
#define VIRGL_CCMD_END_QUERY		20
#define VIRGL_CCMD_GET_QUERY_RESULT	21
#define VIRGL_OBJECT_SURFACE		8
#define VIRGL_OBJECT_QUERY		9
#define VIRGL_FORMAT_R8_UNORM		64
#define VIRGL_FORMAT_R8G8B8A8_UNORM	67
#define VIRGL_BIND_RENDER_TARGET	(1u << 1)
#define VIRGL_BIND_SAMPLER_VIEW		(1u << 3)
#define VIRGL_BIND_CUSTOM		(1u << 17)
#define PIPE_TEXTURE_2D			2
#define PIPE_CLEAR_COLOR0		(1u << 2)

RIG_FN uint32_t virgl_surface(uint32_t *cmds, uint32_t surface, uint32_t resource_id)
{
	cmds[0] = VIRGL_CMD0(VIRGL_CCMD_CREATE_OBJECT, VIRGL_OBJECT_SURFACE, 5);
	cmds[1] = surface;
	cmds[2] = resource_id;
	cmds[3] = VIRGL_FORMAT_R8G8B8A8_UNORM;
	cmds[4] = 0;
	cmds[5] = 0;
	return 6;
}

RIG_FN uint32_t virgl_framebuffer(uint32_t *cmds, uint32_t surface)
{
	cmds[0] = VIRGL_CMD0(VIRGL_CCMD_SET_FRAMEBUFFER_STATE, 0, 3);
	cmds[1] = 1;
	cmds[2] = 0;
	cmds[3] = surface;
	return 4;
}

RIG_FN uint32_t virgl_clear(uint32_t *cmds, float r, float g, float b, float a)
{
	const float color[4] = { r, g, b, a };

	memset(cmds, 0, 9 * sizeof(*cmds));
	cmds[0] = VIRGL_CMD0(VIRGL_CCMD_CLEAR, 0, 8);
	cmds[1] = PIPE_CLEAR_COLOR0;
	memcpy(cmds + 2, color, sizeof(color));
	return 9;
}

/* An occlusion query, begun; what it counts goes to @resource_id, a buffer. */
RIG_FN uint32_t virgl_query(uint32_t *cmds, uint32_t query, uint32_t resource_id)
{
	cmds[0] = VIRGL_CMD0(VIRGL_CCMD_CREATE_OBJECT, VIRGL_OBJECT_QUERY, 4);
	cmds[1] = query;
	cmds[2] = 0;
	cmds[3] = 0;
	cmds[4] = resource_id;
	cmds[5] = VIRGL_CMD0(VIRGL_CCMD_BEGIN_QUERY, 0, 1);
	cmds[6] = query;
	return 7;
}

/* Its end, and the result asked for without waiting. */
RIG_FN uint32_t virgl_query_result(uint32_t *cmds, uint32_t query)
{
	cmds[0] = VIRGL_CMD0(VIRGL_CCMD_END_QUERY, 0, 1);
	cmds[1] = query;
	cmds[2] = VIRGL_CMD0(VIRGL_CCMD_GET_QUERY_RESULT, 0, 2);
	cmds[3] = query;
	cmds[4] = 0;
	return 5;
}

RIG_FN int rig_texture(struct rig *rig, uint32_t resource_id, uint32_t width, uint32_t height)
{
	struct vgpuif_request req = {
		.operation = VGPUIF_OP_RESOURCE_CREATE,
		.u.resource_create = {
			.resource_id = resource_id, .target = PIPE_TEXTURE_2D,
			.format = VIRGL_FORMAT_R8G8B8A8_UNORM,
			.bind = VIRGL_BIND_RENDER_TARGET | VIRGL_BIND_SAMPLER_VIEW,
			.width = width, .height = height, .depth = 1, .array_size = 1 } };

	return rig_call(rig, &req);
}

RIG_FN struct vgpuif_request rig_req_transfer(uint8_t operation, uint32_t context_id,
					      uint32_t resource_id, uint32_t width, uint32_t height)
{
	return (struct vgpuif_request){
		.operation = operation,
		.u.transfer = { .context_id = context_id, .resource_id = resource_id,
				.width = width, .height = height, .depth = 1 } };
}

RIG_FN int rig_transfer(struct rig *rig, uint8_t operation, uint32_t context_id,
			uint32_t resource_id, uint32_t width, uint32_t height)
{
	struct vgpuif_request req = rig_req_transfer(operation, context_id, resource_id, width,
						     height);

	return rig_call(rig, &req);
}

/*
 * What most tests want: command buffer 1 (4 pages from RIG_SCRATCH), context 1, and texture 1 of
 * @side squared, attached to it, backed by buffer 2 (from page 64), bound as its framebuffer.
 */
#define RIG_SURFACE_PAGE	64u

RIG_FN void rig_scene(struct rig *rig, uint32_t side)
{
	uint32_t *cmds = (uint32_t *)(rig->mem + RIG_SCRATCH * PAGE);
	uint32_t bytes = side * side * 4, n;

	CHECK_EQ(rig_register(rig, 1, RIG_SCRATCH, 4, VGPUIF_BUFFER_READ_ONLY), 0);
	CHECK_EQ(rig_register(rig, 2, RIG_SURFACE_PAGE, (bytes + PAGE - 1) / PAGE, 0), 0);
	CHECK_EQ(rig_context(rig, 1), 0);
	CHECK_EQ(rig_texture(rig, 1, side, side), 0);
	CHECK_EQ(rig_attach(rig, 1, 2, 0, bytes), 0);
	CHECK_EQ(rig_context_resource(rig, VGPUIF_OP_CONTEXT_ATTACH, 1, 1), 0);
	n = virgl_surface(cmds, 1, 1);
	n += virgl_framebuffer(cmds + n, 1);
	CHECK_EQ(rig_submit(rig, 1, 1, 0, n * 4, 0), 0);
}

/* Whether all of the @side squared pixels at @page are @rgba (octets in memory order). */
RIG_FN bool rig_pixels(const struct rig *rig, uint32_t page, uint32_t side, uint32_t rgba)
{
	const uint32_t *pixel = (const uint32_t *)(rig->mem + (size_t)page * PAGE);
	uint32_t i;

	for (i = 0; i < side * side; i++)
		if (pixel[i] != rgba)
			return false;
	return true;
}

#endif
