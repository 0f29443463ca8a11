// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands and transfers that do not fit their resources, in classes that virglrenderer has had:
 * CVE-2019-18388 to 18391 (blits, inline writes and transfers), CVE-2020-8002 and 8003 (compute
 * without a shader, textures that cannot be allocated), CVE-2022-0135 (a crafted resource written
 * past its end), CVE-2022-0175 (memory that was never written).
 */
#include <stdio.h>
#include <string.h>

#include "stream.h"

/* Resources whose shape is not what the code after them believes. */
static const struct vgpuif_resource_create shapes[] = {
	{ .target = 0, .format = VIRGL_FORMAT_R8, .bind = 1 << 4, .width = 16, .height = 1,
	  .depth = 1, .array_size = 1 },
	{ .target = 0, .format = VIRGL_FORMAT_RGBA32F, .bind = 1 << 4, .width = 16, .height = 1,
	  .depth = 1, .array_size = 1 },
	{ .target = 0, .format = VIRGL_FORMAT_R8, .bind = 1 << 17 /* custom */, .width = 16,
	  .height = 1, .depth = 1, .array_size = 1 },
	{ .target = 0, .format = VIRGL_FORMAT_R8, .bind = 1 << 19 /* staging */, .width = 64,
	  .height = 1, .depth = 1, .array_size = 1 },
	{ .target = 1, .format = VIRGL_FORMAT_RGBA8, .bind = 8, .width = 32, .height = 1,
	  .depth = 1, .array_size = 1 },
	{ .target = 2, .format = VIRGL_FORMAT_RGBA8, .bind = 10, .width = 1, .height = 1,
	  .depth = 1, .array_size = 1 },
	{ .target = 2, .format = VIRGL_FORMAT_RGBA8, .bind = 10, .width = 33, .height = 17,
	  .depth = 1, .array_size = 1, .last_level = 5 },
	{ .target = 2, .format = VIRGL_FORMAT_RGBA8, .bind = 10, .width = 32, .height = 32,
	  .depth = 1, .array_size = 1, .nr_samples = 4 },
	{ .target = 2, .format = 127 /* Z32F_S8X24 */, .bind = 1, .width = 32, .height = 32,
	  .depth = 1, .array_size = 1 },
	{ .target = 2, .format = 105 /* DXT1 */, .bind = 8, .width = 30, .height = 30, .depth = 1,
	  .array_size = 1 },
	{ .target = 3, .format = VIRGL_FORMAT_RGBA8, .bind = 8, .width = 8, .height = 8, .depth = 9,
	  .array_size = 1 },
	{ .target = 4, .format = VIRGL_FORMAT_RGBA8, .bind = 8, .width = 16, .height = 16,
	  .depth = 1, .array_size = 6 },
	{ .target = 7, .format = VIRGL_FORMAT_RGBA8, .bind = 8, .width = 16, .height = 16,
	  .depth = 1, .array_size = 5, .last_level = 2 },
};

#define N_SHAPES	(sizeof(shapes) / sizeof(shapes[0]))

/* Resource 40 + i is shape i, in context 1, with a page of backing store. */
static bool make_shapes(struct sess *s)
{
	uint32_t i;

	for (i = 0; i < N_SHAPES; i++) {
		struct vgpuif_request create = { .operation = VGPUIF_OP_RESOURCE_CREATE,
						 .u.resource_create = shapes[i] };
		struct vgpuif_request attach = req_attach(40 + i, SCENE_PIXELS,
							  PAGE * (6 + i % 8), 256);
		struct vgpuif_request join = req_pair(VGPUIF_OP_CONTEXT_ATTACH, 1, 40 + i);

		create.u.resource_create.resource_id = 40 + i;
		sess_put(s, &create);
		sess_put(s, &attach);
		sess_put(s, &join);
	}
	sess_push(s);
	return sess_sync(s);
}

static uint32_t size_word(void)
{
	return rnd(3) ? rnd(40) : rnd_edge();
}

static void box(uint32_t *w)
{
	uint32_t i;

	for (i = 0; i < 6; i++)
		w[i] = i < 3 ? (rnd(2) ? 0 : size_word()) : (rnd(2) ? 1 + rnd(40) : size_word());
}

/* One command about resources, its fields nearly right. */
static void crafted(struct stream *st)
{
	uint32_t w[64] = { 0 }, a = 40 + rnd(N_SHAPES), b = 40 + rnd(N_SHAPES), i, n;

	if (!rnd(8))
		a = 1 + rnd(2);
	switch (rnd(9)) {
	case 0:
		w[0] = a;
		w[1] = rnd(4) ? 0 : size_word();
		w[3] = rnd(2) ? 0 : size_word();
		w[4] = rnd(2) ? 0 : size_word();
		box(w + 5);
		for (i = 11, n = 11 + rnd(50); i < n; i++)
			w[i] = 0x41414141;
		stream_add(st, VIRGL_RESOURCE_INLINE_WRITE, 0, w, n);
		break;
	case 1:
		w[0] = rnd(2) ? 0xf : rnd_edge();
		w[3] = a;
		w[4] = rnd(3) ? 0 : size_word();
		w[5] = rnd(2) ? VIRGL_FORMAT_RGBA8 : rnd(400);
		box(w + 6);
		w[12] = b;
		w[13] = rnd(3) ? 0 : size_word();
		w[14] = rnd(2) ? VIRGL_FORMAT_RGBA8 : rnd_edge();
		box(w + 15);
		stream_add(st, VIRGL_BLIT, 0, w, 21);
		break;
	case 2:
		w[0] = a;
		w[1] = rnd(3) ? 0 : size_word();
		w[2] = size_word();
		w[3] = size_word();
		w[5] = b;
		box(w + 7);
		stream_add(st, VIRGL_RESOURCE_COPY_REGION, 0, w, 13);
		break;
	case 3:
	case 4:
		w[0] = a;
		w[1] = rnd(3) ? 0 : size_word();
		w[3] = rnd(2) ? 0 : size_word();
		w[4] = rnd(2) ? 0 : size_word();
		box(w + 5);
		w[11] = rnd(2) ? 0 : size_word();
		w[12] = 1 + rnd(2);
		stream_add(st, VIRGL_TRANSFER3D, 0, w, 13);
		break;
	case 5:
		w[0] = a;
		w[1] = rnd(3) ? 0 : size_word();
		box(w + 5);
		w[11] = b;
		w[12] = size_word();
		w[13] = rnd(4);
		stream_add(st, VIRGL_COPY_TRANSFER3D, 0, w, 14);
		break;
	case 6:
		w[0] = a;
		w[1] = rnd(3) ? 0 : size_word();
		box(w + 2);
		stream_add(st, VIRGL_CLEAR_TEXTURE, 0, w, 12);
		break;
	case 7:	/* compute, without a shader of that kind */
		for (i = 0; i < 6; i++)
			w[i] = rnd(2) ? 1 : rnd_edge();
		w[6] = rnd(2) ? 0 : a;
		w[7] = rnd(2) ? 0 : size_word();
		stream_add(st, VIRGL_LAUNCH_GRID, 0, w, 8);
		break;
	default:	/* views of them, as what they are not */
		ADD(st, VIRGL_CREATE_OBJECT, VIRGL_OBJECT_SAMPLER_VIEW, 60, a, rnd(400),
		    size_word(), rnd_edge(), rnd_edge());
		ADD(st, VIRGL_SET_SAMPLER_VIEWS, 0, rnd(7), rnd(2) ? 0 : size_word(), 60);
		ADD(st, VIRGL_CREATE_OBJECT, VIRGL_OBJECT_SURFACE, 61, b, rnd(400), size_word(),
		    rnd_edge());
		ADD(st, VIRGL_SET_FRAMEBUFFER_STATE, 0, 1, rnd(2) ? 0 : 61, 61);
		break;
	}
}

static void resources(void)
{
	static struct stream st;
	char what[160];
	uint32_t n, i, k;
	struct sess s;

	stream_begin(&s);
	for (n = 0; n < 50 || time_left(); n++) {
		const uint32_t died = host.n_died;

		if (!make_shapes(&s))
			die("the session ended: %s", s.why);
		if (rnd(2)) {
			stream_good(&st);
		} else {
			st.n = virgl_surface(st.word, 1, 1);
			st.n += virgl_framebuffer(st.word + st.n, 1);
		}
		k = st.n;
		for (i = 0; i < 1 + rnd(3); i++)
			crafted(&st);
		snprintf(what, sizeof(what), "crafted %u: command %u on resource %u (%u %u %u)", n,
			 st.word[k] & 0xff, st.word[k + 1], st.word[k + 2], st.word[k + 3],
			 st.word[k + 4]);
		stream_send(&s, &st, what);
		if (host.bounded && !time_left() && host.n_died == died)
			break;
	}
	stream_end(&s);
}

/* Boxes outside, and pages around the backing store that nobody may touch. */
static void transfers(void)
{
	static const uint8_t operations[] = { VGPUIF_OP_TRANSFER_TO_HOST,
					      VGPUIF_OP_TRANSFER_FROM_HOST };
	const uint32_t first = SCENE_SPARE_PAGE, guard = 0x5a;
	uint32_t n, i, j, n_good = 0;
	struct sess s;

	stream_begin(&s);
	for (n = 0; n < 200 || time_left(); n++) {
		struct vgpuif_request reg = req_register(
			SCENE_SPARE, SCENE_SPARE_PAGES,
			sess_directory(&s, first, SCENE_SPARE_PAGES));
		struct vgpuif_request create = { .operation = VGPUIF_OP_RESOURCE_CREATE,
						 .u.resource_create = shapes[n % N_SHAPES] };
		struct vgpuif_request attach = req_attach(70, SCENE_SPARE, PAGE + 8, 512);
		struct vgpuif_request join = req_pair(VGPUIF_OP_CONTEXT_ATTACH, 1, 70);
		struct vgpuif_request unref = req_id(VGPUIF_OP_RESOURCE_UNREF, 70);
		const uint8_t *mem = sess_page(&s, first);
		char what[160];
		int32_t status = 0;

		create.u.resource_create.resource_id = 70;
		memset(sess_page(&s, first), (int)guard, SCENE_SPARE_PAGES * PAGE);
		sess_put(&s, &reg);
		sess_put(&s, &create);
		sess_put(&s, &attach);
		sess_put(&s, &join);
		sess_push(&s);
		if (!sess_sync(&s))
			die("the session ended: %s", s.why);
		for (i = 0; i < 8 && status != SESS_ENDED; i++) {
			struct vgpuif_request req = req_transfer(operations[rnd(2)], 1, 70, 1);
			uint32_t w[6];

			box(w);
			req.u.transfer.x = w[0];
			req.u.transfer.y = w[1];
			req.u.transfer.z = w[2];
			req.u.transfer.width = w[3];
			req.u.transfer.height = w[4];
			req.u.transfer.depth = w[5];
			req.u.transfer.level = rnd(2) ? 0 : size_word();
			req.u.transfer.stride = rnd(2) ? 0 : size_word();
			req.u.transfer.layer_stride = rnd(2) ? 0 : size_word();
			req.u.transfer.offset = rnd(2) ? 0 : rnd(520);
			status = sess_call(&s, &req);
			n_good += !status;
			snprintf(what, sizeof(what), "shape %zu, box %u,%u,%u %ux%ux%u level %u "
				 "strides %u %u offset %u", n % N_SHAPES, w[0], w[1], w[2], w[3],
				 w[4], w[5], req.u.transfer.level, req.u.transfer.stride,
				 req.u.transfer.layer_stride, (uint32_t)req.u.transfer.offset);
		}
		for (j = 0; j < SCENE_SPARE_PAGES * PAGE; j++)
			if ((j < PAGE + 8 || j >= PAGE + 8 + 512) && mem[j] != guard)
				break;
		if (j < SCENE_SPARE_PAGES * PAGE)
			wrong("%s: octet %u of the buffer was written, the backing store is %u..%u",
			      what, j, PAGE + 8, PAGE + 8 + 511);
		if (status != SESS_ENDED && sess_call(&s, &unref) != SESS_ENDED) {
			struct vgpuif_request destroy = req_id(VGPUIF_OP_CONTEXT_DESTROY, 1);

			if (sess_call(&s, &destroy) != SESS_ENDED && sess_scene(&s))
				continue;
		}
		sess_lost(&s, what);
		stream_renew(&s);
	}
	say("%u resources, %u transfers done", n, n_good);
	sess_close(&s);
}

/* What one session drew must not be what another finds in memory it did not write. */
static void leftovers(void)
{
	enum { N = 16, SIDE = 256 };
	const uint32_t secret = 0xc0ffee42;
	uint32_t i, j, round, found = 0, other = 0;
	struct sess s;

	for (round = 0; round < 2; round++) {
		stream_begin(&s);
		for (i = 0; i < N; i++) {
			struct vgpuif_request reg = req_register(SCENE_SPARE, 64,
				sess_directory(&s, SCENE_SPARE_PAGE, 64));
			struct vgpuif_request create = req_texture(80 + i, SIDE);
			struct vgpuif_request attach = req_attach(80 + i, SCENE_SPARE, 0,
								  SIDE * SIDE * 4);
			struct vgpuif_request join = req_pair(VGPUIF_OP_CONTEXT_ATTACH, 1, 80 + i);
			struct vgpuif_request copy = req_transfer(
				round ? VGPUIF_OP_TRANSFER_FROM_HOST : VGPUIF_OP_TRANSFER_TO_HOST,
				1, 80 + i, SIDE);
			struct vgpuif_request detach = req_id(VGPUIF_OP_RESOURCE_DETACH, 80 + i);
			uint32_t *mem = (uint32_t *)(void *)sess_page(&s, SCENE_SPARE_PAGE);

			for (j = 0; j < SIDE * SIDE; j++)
				mem[j] = round ? 0x11111111 : secret;
			sess_call(&s, &reg);
			if (sess_call(&s, &create) || sess_call(&s, &attach) ||
			    sess_call(&s, &join) || sess_call(&s, &copy))
				die("no texture %u", i);
			for (j = 0; round && j < SIDE * SIDE; j++) {
				found += mem[j] == secret;
				other += mem[j] != 0;
			}
			if (sess_call(&s, &detach))
				die("no texture %u", i);
		}
		sess_close(&s);
	}
	say("%u words of fresh textures are not 0", other);
	if (found)
		wrong("%u words of what an earlier session drew", found);
}

const struct hostile_case cases_resources[] = {
	{ "stream-resources", "blits, copies, inline writes and transfers that do not fit",
	  resources },
	{ "transfers", "boxes outside; pages around the backing store stay as they are",
	  transfers },
	{ "leftovers", "textures that were never written hold nothing of others", leftovers },
	{ 0 },
};
