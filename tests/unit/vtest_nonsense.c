// SPDX-License-Identifier: GPL-2.0-only
/* A client that sends nonsense, or ends in the middle of something. */
#include "vtest_rig.h"

static void refused(void (*say)(void))
{
	start(fake_ok);
	handshake(2);
	say();
	get_end();
	CHECK_EQ(stop(), 1);
}

static void unknown_command(void)
{
	put_words(0, 25, NULL, 0);
}

static void command_zero(void)
{
	put_words(0, 0, NULL, 0);
}

static void huge_submit(void)
{
	put_words(UINT32_MAX, VTEST_SUBMIT, NULL, 0);
}

static void wrong_length(void)
{
	put_words(12, VTEST_RESOURCE_CREATE2, (uint32_t[12]) { 0 }, 12);
}

static void renderer_twice(void)
{
	put_words(0, VTEST_CREATE_RENDERER, NULL, 0);
}

static void handle_zero(void)
{
	create2(0, 16, 100);
}

static void handle_in_use(void)
{
	create2(1, 16, 0);
	create2(1, 16, 0);
}

static void transfer_of_nothing(void)
{
	put_words(10, VTEST_TRANSFER_GET2, (uint32_t[10]) { 99 }, 10);
}

static void transfer_past_the_end(void)
{
	create2(1, 16, 100);
	close(get_fd());
	put_words(10, VTEST_TRANSFER_GET2, (uint32_t[10]) { 1, [9] = 100 }, 10);
}

static void version_3_in_2(void)
{
	put_words(1, VTEST_GET_PARAM, (uint32_t[]) { 1 }, 1);
}

TEST(vtest_nonsense, refuses_unknown_command) { refused(unknown_command); }
TEST(vtest_nonsense, refuses_command_zero) { refused(command_zero); }
TEST(vtest_nonsense, refuses_huge_submit) { refused(huge_submit); }
TEST(vtest_nonsense, refuses_wrong_length) { refused(wrong_length); }
TEST(vtest_nonsense, refuses_renderer_twice) { refused(renderer_twice); }
TEST(vtest_nonsense, refuses_handle_zero) { refused(handle_zero); }
TEST(vtest_nonsense, refuses_handle_in_use) { refused(handle_in_use); }
TEST(vtest_nonsense, refuses_transfer_of_nothing) { refused(transfer_of_nothing); }
TEST(vtest_nonsense, refuses_transfer_past_the_end) { refused(transfer_past_the_end); }
TEST(vtest_nonsense, refuses_version_3_in_2) { refused(version_3_in_2); }

static void refused3(uint32_t command, const uint32_t *words, uint32_t n)
{
	start(fake_ok);
	handshake(3);
	put_words(n, command, words, n);
	get_end();
	CHECK_EQ(stop(), 1);
}

TEST(vtest_nonsense, refuses_batches_that_are_not_there)
{
	refused3(VTEST_SUBMIT2, (uint32_t[]) { 0x20000001, 0, 0, 0, 0, 0, 0, 0, 0 }, 9);
}

TEST(vtest_nonsense, refuses_batch_outside)
{
	refused3(VTEST_SUBMIT2, (uint32_t[]) { 1, 0, 8, 2, 0, 0, 0, 0, 0 }, 9);
}

TEST(vtest_nonsense, refuses_batch_that_wraps)
{
	refused3(VTEST_SUBMIT2, (uint32_t[]) { 1, 0, 0xffffffff, 2, 0, 0, 0, 0, 0 }, 9);
}

TEST(vtest_nonsense, refuses_signals_that_wrap)
{
	refused3(VTEST_SUBMIT2, (uint32_t[]) { 1, 0, 0, 0, 0, 0x55555556, 0, 0, 0 }, 9);
}

TEST(vtest_nonsense, refuses_odd_sync_wait)
{
	refused3(VTEST_SYNC_WAIT, (uint32_t[]) { 0, 0, 1 }, 3);
}

TEST(vtest_nonsense, ends_with_the_client_in_the_middle_of_a_command)
{
	uint32_t half[3] = { 11, VTEST_RESOURCE_CREATE2, 1 };

	start(fake_ok);
	handshake(2);
	put(half, sizeof(half));
	CHECK_EQ(stop(), 0);
}

TEST(vtest_nonsense, ends_with_the_client_while_it_waits)
{
	uint32_t words[2] = { 8 | 1 << 16, 0 };

	start(hold_submits);
	handshake(2);
	put_words(2, VTEST_SUBMIT, words, 2);
	put_words(2, VTEST_BUSY_WAIT, (uint32_t[]) { 0, 1 }, 2);
	while (!submits())
		usleep(100);
	CHECK_EQ(stop(), 0);
}

/* Every prefix of a good conversation, and every one of its octets changed. */
TEST(vtest_nonsense, mutated_streams)
{
	uint32_t good[64] = {
		4, VTEST_CREATE_RENDERER, 'x',
		1, VTEST_PROTOCOL_VERSION, 2,
		11, VTEST_RESOURCE_CREATE2, 1, 2, 1, 10, 16, 16, 1, 1, 0, 0, 64,
		10, VTEST_TRANSFER_GET2, 1, 0, 0, 0, 0, 1, 1, 1, 4, 0,
		3, VTEST_SUBMIT, 8 | 2 << 16, 1, 2,
		1, VTEST_RESOURCE_UNREF, 1,
	};
	const uint32_t n = 39 * 4;
	uint8_t bad[64 * 4];
	unsigned int i, at, seed = 7;
	char sink[4096];
	void *status;

	harness_timeout_s(120);
	for (i = 0; i < 150; i++) {
		memcpy(bad, good, sizeof(bad));
		at = (unsigned int)rand_r(&seed) % n;
		bad[at] ^= (uint8_t)(1 << rand_r(&seed) % 8);
		fake.stop = false;
		start(fake_ok);
		put(bad, i % 3 ? n : at);
		shutdown(sock, SHUT_WR);
		while (recv(sock, sink, sizeof(sink), 0) > 0)
			;
		pthread_join(server, &status);
		close(sock);
		fake_stop();
		fake_remove(FAKE_FRONT);
		fake_remove(FAKE_BACK);
		CHECK_EQ(fake.n_pages, 0);
	}
	unlink(stats_file);
}
