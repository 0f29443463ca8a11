// SPDX-License-Identifier: GPL-2.0-only
/* Registering buffers: directories long, scattered and lying, and a supervisor that refuses. */
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

static struct vgpuif_page_directory *dir(struct rig *rig, uint32_t i)
{
	return (void *)(rig->mem + (size_t)(RIG_DIR_PAGE + i) * PAGE);
}

/* Whether buffer 1 shows guest memory: a capset written to its page @nth arrives in @page. */
static bool buffer_shows(struct rig *rig, uint32_t nth, uint32_t page)
{
	struct vgpuif_request get = {
		.operation = VGPUIF_OP_CAPSET_GET,
		.u.capset_get = { .capset_id = VGPUIF_CAPSET_VIRGL2, .capset_version = 2,
				  .buffer_id = 1, .bytes = 4, .offset = (uint64_t)nth * PAGE } };
	uint8_t *at = rig->mem + (size_t)page * PAGE;

	memset(at, 0, PAGE);
	CHECK_EQ(rig_call(rig, &get), 0);
	return at[0] == 2;
}

TEST(worker_buffer, sizes)
{
	static const uint32_t pages[] = { 1, 2, 1022, 1023, 1024, 2046, 2047, 3900 };
	struct rig *rig = started();
	size_t i;

	for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		uint32_t n_dirs = (pages[i] + VGPUIF_DIRECTORY_REFS - 1) / VGPUIF_DIRECTORY_REFS;
		unsigned int maps = rig->maps;
		uint32_t unmapped = rig->unmapped;

		CHECK_EQ(rig_register(rig, 1, 50, pages[i], 0), 0);
		CHECK_EQ(rig->maps - maps, n_dirs + 1);
		CHECK_EQ(rig->stats->pages_mapped, pages[i]);
		CHECK(buffer_shows(rig, 0, 50));
		CHECK(buffer_shows(rig, pages[i] - 1, 50 + pages[i] - 1));
		CHECK_EQ(rig_unregister(rig, 1), 0);
		CHECK_EQ(rig->stats->pages_mapped, 0);
		while (rig->unmapped - unmapped < pages[i] + n_dirs) {
			CHECK(rig_readable(rig->sock, RIG_TIMEOUT_MS));
			CHECK(rig_serve(rig));
		}
	}
	CHECK_EQ(rig->stats->pages_mapped_max, 3900);
	stop(rig);
}

/*
 * The longest there can be: 65 directory pages, and references in 16 MAP messages, of which the
 * socket has room for few: the worker must wait for room, and do other work meanwhile.
 */
TEST(worker_buffer, largest)
{
	const struct ctl_bind limits = { .max_buffer_pages = VGPUIF_MAX_BUFFER_PAGES,
					 .max_buffers = 1, .max_contexts = 1, .max_resources = 1,
					 .max_pages = VGPUIF_MAX_BUFFER_PAGES };
	struct rig *rig = malloc(sizeof(*rig));
	struct vgpuif_request req;

	rig_socket_bytes = 20000;
	rig_spawn(rig, "soft", NULL);
	rig_wait_ready(rig);
	rig_bind(rig, 0, &limits);
	/* A supervisor that maps a larger memfd than this process does. */
	close(rig->mem_fd);
	rig->mem_fd = rig_memfd((size_t)VGPUIF_MAX_BUFFER_PAGES * PAGE);
	munmap(rig->mem, RIG_PAGES * PAGE);
	rig->mem = rig_mmap(rig->mem_fd, RIG_PAGES * PAGE);
	rig->any_page = true;
	rig_directory(rig, 0, 65 * VGPUIF_DIRECTORY_REFS);
	req = rig_req_register(1, VGPUIF_MAX_BUFFER_PAGES, RIG_DIR_PAGE + 1, 0);
	rig_put(rig, &req);
	rig_push(rig);
	while (rig->maps < 65) {
		CHECK(rig_readable(rig->sock, RIG_TIMEOUT_MS));
		CHECK(rig_serve_one(rig));
	}
	usleep(50000);
	CHECK_EQ(rig->stats->map_ops, 65);	/* the 66th is not sent whole */
	CHECK(rig_get(rig, &(struct vgpuif_response){ 0 }, RIG_TIMEOUT_MS));
	CHECK_EQ(rig->maps, 66);
	CHECK_EQ(rig->stats->pages_mapped, VGPUIF_MAX_BUFFER_PAGES);
	CHECK(buffer_shows(rig, 3000, 3000));
	stop(rig);
}

TEST(worker_buffer, scattered)
{
	struct rig *rig = started();
	struct vgpuif_request req;
	uint32_t i;

	rig_directory(rig, 0, 32);
	for (i = 0; i < 32; i++)
		dir(rig, 0)->gref[i] = 500 - 3 * i;
	dir(rig, 0)->gref[7] = dir(rig, 0)->gref[6];	/* the same page twice: harmless */
	req = rig_req_register(1, 32, RIG_DIR_PAGE + 1, 0);
	CHECK_EQ(rig_call(rig, &req), 0);
	for (i = 0; i < 32; i++)
		CHECK(buffer_shows(rig, i, dir(rig, 0)->gref[i] - 1));
	stop(rig);
}

TEST(worker_buffer, directory_lies)
{
	struct rig *rig = started();
	struct vgpuif_request req;

	/* A reference of 0. */
	rig_directory(rig, 50, 10);
	dir(rig, 0)->gref[9] = 0;
	req = rig_req_register(1, 10, RIG_DIR_PAGE + 1, 0);
	CHECK_EQ(rig_call(rig, &req), -XEN_EINVAL);
	/* ... past the end does not count. */
	req = rig_req_register(1, 9, RIG_DIR_PAGE + 1, 0);
	CHECK_EQ(rig_call(rig, &req), 0);
	CHECK_EQ(rig_unregister(rig, 1), 0);

	/* The chain ends early. */
	rig_directory(rig, 50, 1500);
	dir(rig, 0)->gref_next = 0;
	req = rig_req_register(1, 1500, RIG_DIR_PAGE + 1, 0);
	CHECK_EQ(rig_call(rig, &req), -XEN_EINVAL);

	/* The chain goes on, and in a circle. */
	rig_directory(rig, 50, 1500);
	dir(rig, 1)->gref_next = RIG_DIR_PAGE + 1;
	CHECK_EQ(rig_call(rig, &req), -XEN_EINVAL);
	dir(rig, 1)->gref_next = 0;
	CHECK_EQ(rig_call(rig, &req), 0);
	CHECK_EQ(rig_unregister(rig, 1), 0);

	/* References that do not map: of the directory, of its successor, of a page. */
	req = rig_req_register(1, 1500, 0xdeadbeef, 0);
	CHECK_EQ(rig_call(rig, &req), -XEN_EFAULT);
	rig_directory(rig, 50, 1500);
	dir(rig, 0)->gref_next = 0xffffffff;
	req = rig_req_register(1, 1500, RIG_DIR_PAGE + 1, 0);
	CHECK_EQ(rig_call(rig, &req), -XEN_EFAULT);
	rig_directory(rig, 50, 1500);
	dir(rig, 1)->gref[3] = RIG_PAGES + 1;
	CHECK_EQ(rig_call(rig, &req), -XEN_EFAULT);
	CHECK_EQ(rig->stats->pages_mapped, 0);
	CHECK_EQ(rig->stats->buffers, 0);
	stop(rig);
}

TEST(worker_buffer, supervisor_refuses)
{
	static const struct {
		int err;
		int status;
	} row[] = {
		{ -EDQUOT, -XEN_ENOSPC },
		{ -EFAULT, -XEN_EFAULT },
		{ -EINVAL, -XEN_EFAULT },
		{ -ENOMEM, -XEN_ENOMEM },
		{ -EMFILE, -XEN_ENOMEM },
		{ -ENODEV, -XEN_EFAULT },
	};
	struct rig *rig = started();
	size_t i;

	for (i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		rig->map_err = row[i].err;
		CHECK_EQ(rig_register(rig, 1, 50, 10, 0), row[i].status);
	}
	rig->map_err = 0;
	CHECK_EQ(rig_register(rig, 1, 50, 10, 0), 0);
	CHECK_EQ(rig_register(rig, 1, 50, 10, 0), -XEN_EEXIST);
	stop(rig);
}

/* While the supervisor takes its time: no later request overtakes, but fences are answered. */
TEST(worker_buffer, order_kept)
{
	struct vgpuif_request fence = rig_req_submit(1, 0, 0, 0, VGPUIF_SUBMIT_FENCE);
	struct vgpuif_request info = { .operation = VGPUIF_OP_CAPSET_INFO };
	struct rig *rig = started();
	struct vgpuif_request reg = rig_req_register(1, 4, rig_directory(rig, 50, 4), 0);
	struct vgpuif_request unreg = { .operation = VGPUIF_OP_BUFFER_UNREGISTER,
					.u.buffer_unregister.buffer_id = 1 };
	struct vgpuif_response rsp;
	uint32_t fence_id, ids[3], i;

	CHECK_EQ(rig_context(rig, 1), 0);
	rig->map_hold = true;
	fence_id = rig_put(rig, &fence);
	ids[0] = rig_put(rig, &reg);
	ids[1] = rig_put(rig, &unreg);
	ids[2] = rig_put(rig, &info);
	rig_push(rig);
	CHECK(rig_get(rig, &rsp, RIG_TIMEOUT_MS));
	CHECK_EQ(rsp.id, fence_id);
	CHECK(!rig_get(rig, &rsp, 100));
	CHECK_EQ(rig->n_refs, 1);
	rig->map_hold = false;
	rig_answer_map(rig);
	for (i = 0; i < 3; i++) {
		CHECK(rig_get(rig, &rsp, RIG_TIMEOUT_MS));
		CHECK_EQ(rsp.id, ids[i]);
		CHECK_EQ(rsp.status, 0);
	}
	stop(rig);
}

TEST(worker_buffer, closed_while_mapping)
{
	struct rig *rig = started();
	struct vgpuif_request reg = rig_req_register(1, 4, rig_directory(rig, 50, 4), 0);

	rig->map_hold = true;
	rig_put(rig, &reg);
	rig_push(rig);
	while (!rig->maps) {
		CHECK(rig_readable(rig->sock, RIG_TIMEOUT_MS));
		CHECK(rig_serve(rig));
	}
	stop(rig);
}
