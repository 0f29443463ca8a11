// SPDX-License-Identifier: GPL-2.0-only
/* What the backend or this guest has no room for: which of it a program is told, and which ends it. */
#include <sys/mman.h>

#include "vtest_rig.h"

/* A backend that refuses resources of some width. */
static bool answer_refusing(const struct vgpuif_request *req, struct vgpuif_response *rsp)
{
	const uint32_t width = req->u.resource_create.width;

	fake_ok(req, rsp);
	if (req->operation == VGPUIF_OP_RESOURCE_CREATE && width >= 900 && width <= 901)
		rsp->status = width == 900 ? -XEN_ENOMEM : -XEN_ENOSPC;
	return true;
}

/* Mesa's mmap() of it fails, and its caller has no memory. With none at all Mesa 25 loses count of its handles. */
static void get_no_memory(void)
{
	const int fd = get_fd();

	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	close(fd);
}

/* A large resource over a limit: the client is told, and goes on, with the same handle. */
TEST(vtest_limits, a_large_resource_is_refused)
{
	const char *said;

	fake_set(FAKE_BACK "/max-memory", "64");
	start(answer_refusing);
	handshake(2);
	create2(1, 900, 900 * 900 * 4);
	get_no_memory();
	CHECK_EQ(fake.seen[VGPUIF_OP_CONTEXT_ATTACH], 0);
	create2(1, 901, 901 * 901 * 4);
	get_no_memory();
	create2(1, 899, 899 * 899 * 4);
	close(get_fd());
	await(VGPUIF_OP_RESOURCE_ATTACH, 1);
	CHECK_EQ(fake.seen[VGPUIF_OP_RESOURCE_CREATE], 3);
	CHECK_EQ(fake.seen[VGPUIF_OP_CONTEXT_ATTACH], 1);
	CHECK_EQ(busy(1, 1), 0);
	CHECK_EQ(stop(), 0);
	said = strstr(logged, "the program is refused a resource: out of GPU memory: the backend "
		      "allows 64 MiB for all of this guest's programs, and one more resource of "
		      "900x16x1 (1 layers, 1 levels, 1 samples, format 1) does not fit");
	CHECK(said);
	/* Once: it may try again and again. */
	CHECK(!strstr(said + 1, "the program is refused"));
}

static bool answer_no_resource(const struct vgpuif_request *req, struct vgpuif_response *rsp)
{
	fake_ok(req, rsp);
	return req->operation != VGPUIF_OP_RESOURCE_CREATE;
}

/* Nobody is there any more whom the backend's answer would be for: its pages are not kept for that. */
TEST(vtest_limits, who_has_left_is_not_waited_for)
{
	start(answer_no_resource);
	handshake(2);
	create2(1, 899, 899 * 899 * 4);
	await(VGPUIF_OP_RESOURCE_CREATE, 1);
	CHECK_EQ(stop(), 0);
	CHECK(!strstr(logged, "connection closed"));
}

/* A small one was answered already: the program ends, and the log says why. */
TEST(vtest_limits, a_small_resource_is_refused)
{
	start(answer_refusing);
	handshake(2);
	create2(1, 900, 4096);
	close(get_fd());
	get_end();
	CHECK_EQ(stop(), 1);
	CHECK(strstr(logged, "out of GPU memory: the backend allows less for all of this guest's"));
}

static bool refuse_resources(const struct vgpuif_request *req, struct vgpuif_response *rsp)
{
	fake_ok(req, rsp);
	if (req->operation == VGPUIF_OP_RESOURCE_CREATE)
		rsp->status = -XEN_EIO;
	return true;
}

TEST(vtest_limits, what_the_backend_refuses_ends_the_client)
{
	start(refuse_resources);
	handshake(2);
	create2(1, 16, 0);
	put_words(2, VTEST_BUSY_WAIT, (uint32_t[]) { 0, 0 }, 2);
	/* The answer may come before or after that is replied to. */
	usleep(20000);
	put_words(2, VTEST_BUSY_WAIT, (uint32_t[]) { 0, 0 }, 2);
	while (recv(sock, &(char) { 0 }, 1, 0) > 0)
		;
	CHECK_EQ(stop(), 1);
}

TEST(vtest_limits, no_pages_ends_the_client)
{
	fake.max_pages = 300;
	start(fake_ok);
	handshake(2);
	create2(1, 16, 200 << 10);
	get_end();
	CHECK_EQ(stop(), 1);
}

TEST(vtest_limits, no_pages_for_a_large_resource)
{
	fake.max_pages = 400;
	start(fake_ok);
	handshake(2);
	create2(1, 16, 1 << 20);
	get_no_memory();
	CHECK_EQ(fake.seen[VGPUIF_OP_RESOURCE_CREATE], 0);
	create2(1, 16, 300 << 10);
	close(get_fd());
	await(VGPUIF_OP_RESOURCE_ATTACH, 1);
	CHECK_EQ(stop(), 0);
	CHECK(strstr(logged, "the program is refused a resource: 256 pages cannot be granted"));
}

/* A backend that has no room for buffers of 256 pages and more; a number of times only. */
static uint32_t refusals;

static bool answer_refusing_pages(const struct vgpuif_request *req, struct vgpuif_response *rsp)
{
	fake_ok(req, rsp);
	/* The arena, which is the first, is one of these. */
	if (req->operation == VGPUIF_OP_BUFFER_REGISTER && fake.seen[VGPUIF_OP_BUFFER_REGISTER] > 1 &&
	    req->u.buffer_register.n_pages >= 256 && refusals) {
		refusals--;
		rsp->status = -XEN_ENOSPC;
	}
	return true;
}

/* What exists already of a resource without pages goes, and its handle may come again. */
TEST(vtest_limits, the_pages_of_a_large_resource_are_refused)
{
	refusals = 1;
	start(answer_refusing_pages);
	handshake(2);
	create2(1, 16, 1 << 20);
	get_no_memory();
	await(VGPUIF_OP_RESOURCE_UNREF, 1);
	CHECK_EQ(fake.seen[VGPUIF_OP_CONTEXT_ATTACH], 0);
	create2(1, 16, 1 << 20);
	close(get_fd());
	await(VGPUIF_OP_RESOURCE_ATTACH, 1);
	await(VGPUIF_OP_BUFFER_UNREGISTER, 1);
	CHECK_EQ(fake.seen[VGPUIF_OP_RESOURCE_CREATE], 2);
	CHECK_EQ(stop(), 0);
	CHECK(strstr(logged, "the program is refused a resource: over a limit the backend sets: 256 "
			     "more pages"));
}

/* Where pages are kept for later they are given back first, and nobody is refused anything. */
TEST(vtest_limits, kept_pages_make_room_for_a_large_resource)
{
	refusals = 0;
	start(answer_refusing_pages);
	handshake(2);
	create2(1, 16, 1 << 20);
	close(get_fd());
	put_words(1, VTEST_RESOURCE_UNREF, (uint32_t[]) { 1 }, 1);
	await(VGPUIF_OP_RESOURCE_UNREF, 1);
	CHECK_EQ(busy(0, 0), 0);
	refusals = 1;
	create2(2, 16, 2 << 20);
	close(get_fd());
	await(VGPUIF_OP_RESOURCE_ATTACH, 2);
	CHECK_EQ(fake.seen[VGPUIF_OP_RESOURCE_CREATE], 2);
	CHECK_EQ(stop(), 0);
	CHECK(!strstr(logged, "is refused"));
}

TEST(vtest_limits, a_resource_of_more_pages_than_there_can_be)
{
	start(fake_ok);
	handshake(2);
	create2(1, 16, UINT32_MAX);
	get_no_memory();
	CHECK_EQ(fake.seen[VGPUIF_OP_RESOURCE_CREATE], 0);
	CHECK_EQ(stop(), 0);
	CHECK(strstr(logged, "the program is refused a resource: a resource of 1048576 pages"));
}
