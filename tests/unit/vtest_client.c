// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole client served against a backend in this process: the protocol's versions as Mesa speaks
 * them, resources and their pages, and the fences that never reach the backend.
 */
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "vtest_rig.h"

#include "linux/virgl_caps.h"

TEST(vtest_client, caps_lengths_are_octets_and_one)
{
	uint32_t header[2];
	uint8_t caps[1376];

	start(fake_ok);
	handshake(2);
	put_words(0, VTEST_GET_CAPS2, NULL, 0);
	put_words(0, VTEST_GET_CAPS, NULL, 0);
	get(header, sizeof(header));
	CHECK_EQ(header[0], 1377);
	CHECK_EQ(header[1], 2);
	get(caps, 1376);
	get(header, sizeof(header));
	CHECK_EQ(header[0], 309);
	CHECK_EQ(header[1], 1);
	get(caps, 308);
	CHECK_EQ(stop(), 0);
}

/* A child that only answered questions serves the next client with the same session. */
TEST(vtest_client, an_unused_session_is_handed_on)
{
	int parent[2], next[2];
	char said;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, parent), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, next), 0);
	pair_fd = parent[1];
	start(fake_ok);
	handshake(2);
	CHECK(!vt_spare_offer(parent[0], next[1], 7));
	close(sock);
	CHECK_EQ(recv(parent[0], &said, 1, MSG_PEEK), 1);
	CHECK(vt_spare_offer(parent[0], next[1], 7));
	close(next[1]);
	sock = next[0];
	handshake(2);
	create2(1, 16, 9000);
	close(get_fd());
	await(VGPUIF_OP_CONTEXT_ATTACH, 1);
	CHECK_EQ(fake.seen[VGPUIF_OP_BUFFER_REGISTER], 3);
	close(sock);
	/* Used now: it ends and is offered to nobody. */
	CHECK_EQ(recv(parent[0], &said, 1, 0), 0);
	CHECK_EQ(stop(), 0);
	close(parent[0]);
}

static bool refuse_context_destroy(const struct vgpuif_request *req, struct vgpuif_response *rsp)
{
	fake_ok(req, rsp);
	if (req->operation == VGPUIF_OP_CONTEXT_DESTROY)
		rsp->status = -XEN_EINVAL;
	return true;
}

/* What is wrong with a client's session is not the next one's end. */
TEST(vtest_client, a_session_in_trouble_is_not_handed_on)
{
	int parent[2];
	char said;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, parent), 0);
	pair_fd = parent[1];
	start(refuse_context_destroy);
	handshake(2);
	close(sock);
	CHECK_EQ(recv(parent[0], &said, 1, 0), 0);
	stop();
	close(parent[0]);
}

TEST(vtest_client, a_resource_is_granted_pages)
{
	uint32_t *mine, i;
	int fd;

	start(fake_ok);
	handshake(2);
	create2(1, 16, 9000);
	fd = get_fd();
	await(VGPUIF_OP_CONTEXT_ATTACH, 1);
	await(VGPUIF_OP_RESOURCE_ATTACH, 1);
	mine = mmap(NULL, 9000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(mine != MAP_FAILED);
	mine[0] = 0x12345678;
	for (i = 0; !fake.share[i] || fake.share[i]->n_pages != 3; i++)
		;
	CHECK_EQ(*(uint32_t *)fake.share[i]->addr, 0x12345678);
	close(fd);
	munmap(mine, 9000);
	CHECK_EQ(fake.last[VGPUIF_OP_RESOURCE_ATTACH].u.resource_attach.bytes, 9000);
	CHECK_EQ(fake.last[VGPUIF_OP_RESOURCE_CREATE].u.resource_create.resource_id, 1);
	CHECK_EQ(stop(), 0);
}

TEST(vtest_client, no_data_no_descriptor)
{
	start(fake_ok);
	handshake(2);
	create2(1, 16, 0);
	await(VGPUIF_OP_CONTEXT_ATTACH, 1);
	CHECK_EQ(busy(1, 1), 0);
	CHECK_EQ(fake.seen[VGPUIF_OP_RESOURCE_ATTACH], 0);
	CHECK_EQ(stop(), 0);
}

static void answer_submit(void)
{
	struct vgpuif_response rsp = { .operation = VGPUIF_OP_SUBMIT };

	pthread_mutex_lock(&fake.lock);
	rsp.id = fake.last[VGPUIF_OP_SUBMIT].id;
	fake_respond(&rsp);
	pthread_mutex_unlock(&fake.lock);
}

static void *answer_later(void *arg)
{
	(void)arg;
	usleep(50000);
	answer_submit();
	return NULL;
}

TEST(vtest_client, fences_never_reach_the_backend)
{
	uint32_t words[4] = { 8 | 3 << 16, 1, 2, 3 }, i;
	pthread_t later;
	int fd;

	start(hold_submits);
	handshake(2);
	create_fence(1);
	close(get_fd());
	CHECK_EQ(busy(1, 0), 0);
	put_words(4, VTEST_SUBMIT, words, 4);
	create_fence(2);
	fd = get_fd();
	/* The one before the submit is signalled, the one behind it is not. */
	CHECK_EQ(busy(1, 0), 0);
	CHECK_EQ(busy(2, 0), 1);
	CHECK_EQ(busy(0, 0), 1);
	CHECK_EQ(pthread_create(&later, NULL, answer_later, NULL), 0);
	CHECK_EQ(busy(2, 1), 0);
	pthread_join(later, NULL);
	CHECK_EQ(busy(2, 0), 0);
	close(fd);
	for (i = 1; i <= 2; i++)
		put_words(1, VTEST_RESOURCE_UNREF, &i, 1);
	CHECK_EQ(busy(0, 0), 0);
	CHECK_EQ(fake.seen[VGPUIF_OP_RESOURCE_CREATE], 0);
	CHECK_EQ(fake.seen[VGPUIF_OP_RESOURCE_UNREF], 0);
	/* The arena and the results only. */
	CHECK_EQ(fake.seen[VGPUIF_OP_BUFFER_REGISTER], 2);
	CHECK_EQ(stop(), 0);
}

/* Nothing is taken from a socket while its other end sleeps, which would wake it for nothing. */
TEST(vtest_client, who_waits_is_woken_by_the_answer_alone)
{
	const uint32_t words[] = { 4, VTEST_SUBMIT, 8 | 3 << 16, 1, 2, 3, 2, VTEST_BUSY_WAIT, 0, 1 };
	uint32_t is_busy;
	int left;

	start(hold_submits);
	handshake(2);
	put(words, sizeof(words));
	/* It is passed on when the wait is seen, which came with it. */
	await(VGPUIF_OP_SUBMIT, 1);
	CHECK_EQ(ioctl(sock, SIOCOUTQ, &left), 0);
	CHECK(left > 0);
	answer_submit();
	get_reply(1, VTEST_BUSY_WAIT, &is_busy, 1);
	CHECK_EQ(is_busy, 0);
	do {
		CHECK_EQ(ioctl(sock, SIOCOUTQ, &left), 0);
	} while (left);
	CHECK_EQ(stop(), 0);
}

TEST(vtest_client, a_fence_used_as_a_buffer_becomes_one)
{
	uint32_t words[10] = { 1, 0, 0, 0, 0, 8, 1, 1, 8, 0 };

	start(fake_ok);
	handshake(2);
	create_fence(1);
	close(get_fd());
	put_words(10, VTEST_TRANSFER_GET2, words, 10);
	CHECK_EQ(busy(1, 1), 0);
	CHECK_EQ(fake.seen[VGPUIF_OP_RESOURCE_CREATE], 1);
	CHECK_EQ(fake.last[VGPUIF_OP_RESOURCE_CREATE].u.resource_create.width, 8);
	CHECK_EQ(fake.seen[VGPUIF_OP_TRANSFER_FROM_HOST], 1);
	CHECK_EQ(stop(), 0);
}

TEST(vtest_client, commands_lie_at_multiples_of_eight)
{
	uint32_t words[8] = { 8 | 6 << 16, 1, 2, 3, 4, 5, 6 }, i, n;
	const struct vgpuif_submit *sub = &fake.last[VGPUIF_OP_SUBMIT].u.submit;

	start(fake_ok);
	handshake(2);
	for (i = 0; i < 20; i++) {
		n = 4 + i % 4;
		words[0] = 8 | (n - 1) << 16;
		put_words(n, VTEST_SUBMIT, words, n);
		CHECK_EQ(busy(0, 1), 0);
		CHECK_EQ(submits(), i + 1);
		CHECK_EQ(sub->offset % 8, 0);
		CHECK(sub->bytes == n * 4 || sub->bytes == n * 4 + 4);
	}
	CHECK_EQ(stop(), 0);
}

TEST(vtest_client, padding_is_left_out)
{
	uint32_t words[1030] = { 44 | 1023u << 16 };
	const struct vgpuif_submit *sub = &fake.last[VGPUIF_OP_SUBMIT].u.submit;

	start(fake_ok);
	handshake(2);
	/* Nothing but padding and a sub-context: no submit, and its fence is done. */
	words[1024] = 28 | 1 << 16;
	words[1025] = 4;
	put_words(1026, VTEST_SUBMIT, words, 1026);
	create_fence(1);
	close(get_fd());
	CHECK_EQ(busy(1, 1), 0);
	CHECK_EQ(submits(), 0);
	/* The next one selects it again, so nothing is missing. */
	words[1026] = 8 | 2 << 16;
	put_words(1029, VTEST_SUBMIT, words, 1029);
	CHECK_EQ(busy(0, 1), 0);
	CHECK_EQ(submits(), 1);
	CHECK(sub->bytes >= 20 && sub->bytes <= 24);
	/* And one that does not gets it. */
	put_words(1026, VTEST_SUBMIT, words, 1026);
	words[1024] = 8 | 1 << 16;
	put_words(1026, VTEST_SUBMIT, words, 1026);
	CHECK_EQ(busy(0, 1), 0);
	CHECK_EQ(submits(), 3);
	CHECK_EQ(stop(), 0);
}

TEST(vtest_client, many_submits_wrap_the_arena)
{
	uint32_t *words = calloc(66560, 4), i, n;

	start(fake_ok);
	handshake(2);
	for (i = 0; i < 200; i++) {
		n = i % 10 == 0 ? 66560 : 1000 + i * 17;
		words[0] = 8 | 1000 << 16;
		put_words(n, VTEST_SUBMIT, words, n);
	}
	CHECK_EQ(busy(0, 1), 0);
	CHECK_EQ(submits(), 200);
	free(words);
	CHECK_EQ(stop(), 0);
}

TEST(vtest_client, a_freed_buffer_is_used_again)
{
	uint32_t i, one = 1;

	start(fake_ok);
	handshake(2);
	for (i = 0; i < 50; i++) {
		create2(1, 16, 40000);
		close(get_fd());
		put_words(1, VTEST_RESOURCE_UNREF, &one, 1);
		/* Its answer is there before the next is created. */
		await(VGPUIF_OP_RESOURCE_UNREF, i + 1);
		usleep(1000);
	}
	CHECK_EQ(fake.seen[VGPUIF_OP_BUFFER_REGISTER], 3);
	CHECK_EQ(fake.seen[VGPUIF_OP_RESOURCE_CREATE], 50);
	CHECK_EQ(stop(), 0);
}

TEST(vtest_client, version_0_data_in_the_stream)
{
	uint32_t create[10] = { 1, 2, 1, 10, 16, 16, 1, 1, 0, 0 };
	uint32_t transfer[11] = { 1, 0, 64, 0, 0, 0, 0, 16, 16, 1, 1023 };
	uint8_t data[1023];
	uint32_t i;

	start(fake_ok);
	handshake(1);
	put_words(10, VTEST_RESOURCE_CREATE, create, 10);
	memset(data, 9, sizeof(data));
	put_words(11 + 256, VTEST_TRANSFER_PUT, transfer, 11);
	put(data, sizeof(data));
	put_words(11, VTEST_TRANSFER_GET, transfer, 11);
	get(data, sizeof(data));
	for (i = 0; i < 3; i++)
		CHECK_EQ(busy(1, i & 1), 0);
	CHECK_EQ(fake.seen[VGPUIF_OP_TRANSFER_TO_HOST], 1);
	CHECK_EQ(fake.seen[VGPUIF_OP_TRANSFER_FROM_HOST], 1);
	CHECK_EQ(fake.seen[VGPUIF_OP_RESOURCE_ATTACH], 2);
	await(VGPUIF_OP_RESOURCE_DETACH, 2);
	CHECK_EQ(fake.last[VGPUIF_OP_TRANSFER_TO_HOST].u.transfer.stride, 64);
	CHECK_EQ(stop(), 0);
}

TEST(vtest_client, version_3_timelines)
{
	uint32_t words[24] = { 0 }, reply[2], id;
	struct pollfd pfd = { .events = POLLIN };

	start(fake_ok);
	handshake(7);
	put_words(1, VTEST_GET_PARAM, (uint32_t[]) { 1 }, 1);
	get_reply(2, VTEST_GET_PARAM, reply, 2);
	CHECK_EQ(reply[1], 64);
	put_words(1, VTEST_CONTEXT_INIT, (uint32_t[]) { 2 }, 1);
	put_words(2, VTEST_SYNC_CREATE, (uint32_t[]) { 5, 0 }, 2);
	get_reply(1, VTEST_SYNC_CREATE, &id, 1);
	/* Wait for 6: flags, time-out, (id, value). */
	put_words(5, VTEST_SYNC_WAIT, (uint32_t[]) { 0, 1000, id, 6, 0 }, 5);
	get_reply(0, VTEST_SYNC_WAIT, NULL, 0);
	pfd.fd = get_fd();
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	/* One batch: 2 words of commands at 9, one signal at 11, on a timeline. */
	words[0] = 1;
	words[1] = 1;
	words[2] = 9;
	words[3] = 2;
	words[4] = 11;
	words[5] = 1;
	words[9] = 8 | 1 << 16;
	words[11] = id;
	words[12] = 6;
	put_words(14, VTEST_SUBMIT2, words, 14);
	CHECK_EQ(busy(0, 1), 0);
	CHECK_EQ(poll(&pfd, 1, 1000), 1);
	close(pfd.fd);
	put_words(1, VTEST_SYNC_READ, &id, 1);
	get_reply(2, VTEST_SYNC_READ, reply, 2);
	CHECK_EQ(reply[0], 6);
	CHECK_EQ(fake.last[VGPUIF_OP_SUBMIT].u.submit.bytes, 8);
	CHECK_EQ(stop(), 0);
}

TEST(vtest_client, version_3_blob)
{
	uint32_t blob[6] = { 1, 1, 8192, 0, 0, 0 }, id;
	struct stat st;
	int fd;

	start(fake_ok);
	handshake(3);
	put_words(1, VTEST_CONTEXT_INIT, (uint32_t[]) { 2 }, 1);
	put_words(6, VTEST_RESOURCE_CREATE_BLOB, blob, 6);
	get_reply(1, VTEST_RESOURCE_CREATE_BLOB, &id, 1);
	fd = get_fd();
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 8192);
	close(fd);
	await(VGPUIF_OP_RESOURCE_CREATE_BLOB, 1);
	CHECK_EQ(fake.last[VGPUIF_OP_RESOURCE_CREATE_BLOB].u.resource_create_blob.bytes, 8192);
	create2(0, 16, 100);
	get_reply(1, VTEST_RESOURCE_CREATE2, &id, 1);
	close(get_fd());
	CHECK_EQ(stop(), 0);
}

static uint32_t word_at(const uint8_t *capset, uint32_t at)
{
	uint32_t word;

	memcpy(&word, capset + at, sizeof(word));
	return word;
}

TEST(vtest_client, capsets_offer_what_can_be_had)
{
	uint8_t capset[1376];

	memset(capset, 0xff, sizeof(capset));
	virgl_caps_adjust(VGPUIF_CAPSET_VIRGL, capset, 308);
	CHECK_EQ(word_at(capset, VIRGL_CAPS_BITS), UINT32_MAX);
	/* A capset that has nothing there is left as it is. */
	virgl_caps_adjust(VGPUIF_CAPSET_VIRGL2, capset, VIRGL_CAPS_BITS);
	CHECK_EQ(word_at(capset, VIRGL_CAPS_BITS), UINT32_MAX);
	virgl_caps_adjust(VGPUIF_CAPSET_VIRGL2, capset, sizeof(capset));
	CHECK_EQ(word_at(capset, VIRGL_CAPS_BITS), UINT32_MAX & ~VIRGL_CAP_ARB_BUFFER_STORAGE);
	CHECK_EQ(word_at(capset, VIRGL_CAPS_BITS - 4), UINT32_MAX);
	CHECK_EQ(word_at(capset, VIRGL_CAPS_BITS + 4), UINT32_MAX);
}

TEST(vtest_client, fences_are_told_by_their_shape)
{
	struct vtest_create r = { 5, 0, 64, 1 << 17, 8, 1, 1, 0, 0, 0, 8 };

	CHECK(vt_res_is_fence(&r));
	r.data_size = 16;
	CHECK(!vt_res_is_fence(&r));
	r.data_size = 8;
	r.width = 16;
	CHECK(!vt_res_is_fence(&r));
	r.width = 8;
	r.bind |= 1;
	CHECK(!vt_res_is_fence(&r));
	r.bind = 1 << 17;
	r.format = 65;
	CHECK(!vt_res_is_fence(&r));
}
