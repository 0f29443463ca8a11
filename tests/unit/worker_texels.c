// SPDX-License-Identifier: GPL-2.0-only
/* Texture buffers: how many texels are offered, and that views of more end there. */
#include "gpu_texels.h"
#include "worker_virgl.h"

#define VIEW		VIRGL_CMD0(VIRGL_CREATE_OBJECT, 6, 6)
#define IMAGES(n)	VIRGL_CMD0(VIRGL_SET_SHADER_IMAGES, 0, 2 + 5 * (n))
#define R8_UINT		177u
#define R32G32_UINT	194u
#define BUFFER		10u
#define TEXTURE		20u

static bool is_ten(void *arg, uint32_t resource_id)
{
	(void)arg;
	return resource_id == BUFFER;
}

/* What is left of a view of [first, last] of that resource: its last. */
static uint32_t last_of(uint32_t max_texels, uint32_t resource_id, uint32_t first, uint32_t last)
{
	const struct gpu gpu = { .max_texels = max_texels, .config.is_buffer = is_ten };
	uint32_t view[7] = { VIEW, 1, resource_id, R8_UINT, first, last, 0x688 };

	gpu_texels_cut(&gpu, view, 7);
	CHECK_EQ(view[0], VIEW);
	CHECK_EQ(view[1], 1);
	CHECK_EQ(view[2], resource_id);
	CHECK_EQ(view[3], R8_UINT);
	CHECK_EQ(view[4], first);
	CHECK_EQ(view[6], 0x688);
	return view[5];
}

TEST(worker_texels, views_end_at_the_limit)
{
	CHECK_EQ(last_of(1000, BUFFER, 0, 998), 998);
	CHECK_EQ(last_of(1000, BUFFER, 0, 999), 999);
	CHECK_EQ(last_of(1000, BUFFER, 0, 1000), 999);
	CHECK_EQ(last_of(1000, BUFFER, 7, 1006), 1006);
	CHECK_EQ(last_of(1000, BUFFER, 7, 1007), 1006);
	CHECK_EQ(last_of(1000, BUFFER, 0, UINT32_MAX), 999);
	CHECK_EQ(last_of(1000, BUFFER, UINT32_MAX - 3, UINT32_MAX), UINT32_MAX);
	/* Nonsense is the renderer's to refuse. */
	CHECK_EQ(last_of(1000, BUFFER, 5, 4), 4);
	/* Of a texture these are layers and levels. */
	CHECK_EQ(last_of(1000, TEXTURE, 0, 0x0d00), 0x0d00);
	CHECK_EQ(last_of(0, BUFFER, 0, 5000), 5000);
}

TEST(worker_texels, images_end_at_the_limit)
{
	const struct gpu gpu = { .max_texels = 1000, .config.is_buffer = is_ten };
	const struct gpu none = { .max_texels = 0, .config.is_buffer = is_ten };
	const uint32_t is[18] = { IMAGES(3), 5, 0, R8_UINT, 1, 64, 1001, BUFFER,
				  R32G32_UINT, 2, 0, 8008, BUFFER,
				  R8_UINT, 3, 0x00010000, 0x7f3455a2, TEXTURE };
	uint32_t images[18];

	memcpy(images, is, sizeof(is));
	gpu_texels_cut(&gpu, images, 18);
	CHECK_EQ(images[6], 1000);
	CHECK_EQ(images[11], 8000);
	images[6] = is[6];
	images[11] = is[11];
	CHECK(!memcmp(images, is, sizeof(is)));
	gpu_texels_cut(&none, images, 18);
	CHECK(!memcmp(images, is, sizeof(is)));
	/* One that fits. */
	images[6] = 1000;
	images[11] = 8000;
	gpu_texels_cut(&gpu, images, 18);
	CHECK_EQ(images[6], 1000);
	CHECK_EQ(images[11], 8000);
}

/* The first @len words of a command that has more: nothing behind its header changes, whatever that says. */
static void stays(const uint32_t *command, uint32_t len)
{
	const struct gpu gpu = { .max_texels = 1000, .config.is_buffer = is_ten };
	uint32_t *copy = malloc(len * sizeof(*copy));

	CHECK(copy);
	memcpy(copy, command, len * sizeof(*copy));
	gpu_texels_cut(&gpu, copy, len);
	CHECK(!memcmp(copy, command, len * sizeof(*copy)));
	copy[0] = (command[0] & 0xffff) | (len - 1) << 16;
	gpu_texels_cut(&gpu, copy, len);
	CHECK(!memcmp(copy + 1, command + 1, (len - 1) * sizeof(*copy)));
	free(copy);
}

/* A command that says it is longer than what there is, or is shorter than its kind. */
TEST(worker_texels, stays_inside)
{
	const uint32_t view[7] = { VIEW, 1, BUFFER, R8_UINT, 0, 5000, 0 };
	const uint32_t image[8] = { IMAGES(1), 5, 0, R8_UINT, 1, 0, 5000, BUFFER };
	uint32_t len;

	for (len = 1; len < 7; len++)
		stays(view, len);
	for (len = 1; len < 8; len++)
		stays(image, len);
}

static uint32_t word_at(const uint8_t *capset, uint32_t at)
{
	uint32_t word;

	memcpy(&word, capset + at, sizeof(word));
	return word;
}

TEST(worker_texels, offers_what_a_buffer_holds)
{
	uint8_t v1[308], v2[1376], old[VIRGL_CAPS_TEXTURE_BUFFER], other[1376];
	struct gpu gpu = { .n_capsets = 4, .capset = {
		{ VGPUIF_CAPSET_VIRGL, 1, sizeof(v1), v1 }, { VGPUIF_CAPSET_VIRGL2, 2, sizeof(v2), v2 },
		{ VGPUIF_CAPSET_VIRGL, 1, sizeof(old), old }, { VGPUIF_MAX_CAPSET, 1, sizeof(other), other } } };

	memset(v1, 0xff, sizeof(v1));
	memset(v2, 0xff, sizeof(v2));
	memset(old, 0xff, sizeof(old));
	memset(other, 0xff, sizeof(other));
	gpu_texels_offer(&gpu, UINT64_C(65536) * PAGE);
	CHECK_EQ(gpu.max_texels, 1 << 24);
	CHECK_EQ(word_at(v1, VIRGL_CAPS_TEXTURE_BUFFER), 1 << 24);
	CHECK_EQ(word_at(v1, VIRGL_CAPS_TEXTURE_BUFFER - 4), UINT32_MAX);
	CHECK_EQ(word_at(v1, VIRGL_CAPS_TEXTURE_BUFFER + 4), UINT32_MAX);
	CHECK_EQ(word_at(v2, VIRGL_CAPS_TEXTURE_BUFFER), 1 << 24);
	CHECK_EQ(word_at(old, VIRGL_CAPS_TEXTURE_BUFFER - 4), UINT32_MAX);
	CHECK_EQ(word_at(other, VIRGL_CAPS_TEXTURE_BUFFER), UINT32_MAX);
	/* A renderer that takes less. */
	gpu_texels_offer(&gpu, UINT64_MAX);
	CHECK_EQ(gpu.max_texels, 1 << 24);
	CHECK_EQ(word_at(v2, VIRGL_CAPS_TEXTURE_BUFFER), 1 << 24);
}

/* Of a session that may register 300 pages, and 200 in one buffer, and the other way round. */
static void offered(uint32_t max_buffer_pages, uint32_t max_pages, uint32_t texels)
{
	const struct ctl_bind limits = {
		.max_buffer_pages = max_buffer_pages, .max_buffers = 8, .max_contexts = 2,
		.max_resources = 8, .max_pages = max_pages };
	struct vgpuif_request get = { .operation = VGPUIF_OP_CAPSET_GET };
	struct rig *rig = malloc(sizeof(*rig));
	uint32_t id;

	CHECK(rig);
	rig_spawn(rig, "soft", NULL);
	rig_wait_ready(rig);
	rig_bind(rig, 2, &limits);
	CHECK_EQ(rig_register(rig, 1, 8, 2, 0), 0);
	for (id = VGPUIF_CAPSET_VIRGL; id <= VGPUIF_CAPSET_VIRGL2; id++) {
		get.u.capset_get = (struct vgpuif_capset_get){
			.capset_id = id, .capset_version = 1, .buffer_id = 1, .bytes = 2 * PAGE };
		CHECK_EQ(rig_call(rig, &get), 0);
		CHECK_EQ(word_at(rig->mem + 8 * PAGE, VIRGL_CAPS_TEXTURE_BUFFER), texels);
	}
	rig_stop(rig);
	free(rig);
}

TEST(worker_texels, offers_by_the_session)
{
	offered(200, 300, 200 * PAGE / 16);
	offered(300, 200, 200 * PAGE / 16);
}
