// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole client served against a backend in this process: the protocol's versions as Mesa speaks
 * them, the fences that never reach the backend, and a client that sends nonsense.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <xen/errno.h>

#include "frontend_fake.h"
#include "vt.h"

/* Everything it logs, one after the other. */
static char logged[8192];

void vt_log_init(const char *prefix)
{
	(void)prefix;
}

void vt_log(const char *fmt, ...)
{
	const size_t used = strlen(logged);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(logged + used, sizeof(logged) - used, fmt, ap);
	va_end(ap);
}

static int sock;
static pthread_t server;
static int server_sock;
static int pair_fd = -1;		/* the child's end, where a test is its parent */
static struct vt_options options = { .socket_path = "", .status_path = "", .stats_path = "",
				     .max_version = 3 };
static char stats_file[64];

static void *serve(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)vt_client_serve(&options, server_sock, pair_fd, 1, 0, 0);
}

static void start(fake_answer_fn answer)
{
	int pair[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	sock = pair[0];
	server_sock = pair[1];
	fake_start(answer, true);
	fake_set(FAKE_FRONT "/state", "4");
	fake_set(FAKE_BACK "/state", "4");
	snprintf(stats_file, sizeof(stats_file), "/tmp/xengpu-test-%d.stats", (int)getpid());
	options.stats_path = stats_file;
	CHECK_EQ(pthread_create(&server, NULL, serve, NULL), 0);
}

/* Returns the server's exit status: 1 when it ended the connection itself. */
static int stop(void)
{
	void *status;

	close(sock);
	pthread_join(server, &status);
	fake_stop();
	unlink(stats_file);
	CHECK_EQ(fake.n_pages, 0);
	return (int)(intptr_t)status;
}

static void put(const void *data, size_t bytes)
{
	const uint8_t *at = data;

	while (bytes) {
		ssize_t n = send(sock, at, bytes, MSG_NOSIGNAL);

		if (n < 0)
			return;		/* the server hung up, which is looked for later */
		at += n;
		bytes -= (size_t)n;
	}
}

static void put_words(uint32_t length, uint32_t command, const uint32_t *words, uint32_t n)
{
	uint32_t header[2] = { length, command };

	put(header, sizeof(header));
	put(words, n * sizeof(*words));
}

static void get(void *to, size_t bytes)
{
	CHECK_EQ(recv(sock, to, bytes, MSG_WAITALL), bytes);
}

static int get_fd(void)
{
	char octet, space[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &octet, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space,
			      .msg_controllen = sizeof(space) };
	int fd;

	CHECK_EQ(recvmsg(sock, &msg, MSG_CMSG_CLOEXEC), 1);
	CHECK(CMSG_FIRSTHDR(&msg) && CMSG_FIRSTHDR(&msg)->cmsg_type == SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

static void get_reply(uint32_t length, uint32_t command, uint32_t *words, uint32_t n)
{
	uint32_t header[2];

	get(header, sizeof(header));
	CHECK_EQ(header[0], length);
	CHECK_EQ(header[1], command);
	if (n)
		get(words, n * sizeof(*words));
}

static uint32_t busy(uint32_t handle, uint32_t flags)
{
	uint32_t words[2] = { handle, flags }, is_busy;

	put_words(2, VTEST_BUSY_WAIT, words, 2);
	get_reply(1, VTEST_BUSY_WAIT, &is_busy, 1);
	return is_busy;
}

/* As Mesa begins. The name's length is odd. */
static void handshake(uint32_t version)
{
	uint32_t header[2] = { 5, VTEST_CREATE_RENDERER }, agreed;

	put(header, sizeof(header));
	put("gear", 5);
	put_words(0, VTEST_PING, NULL, 0);
	put_words(2, VTEST_BUSY_WAIT, (uint32_t[]) { 0, 0 }, 2);
	get_reply(0, VTEST_PING, NULL, 0);
	get_reply(1, VTEST_BUSY_WAIT, &agreed, 1);
	CHECK_EQ(agreed, 0);
	put_words(1, VTEST_PROTOCOL_VERSION, &version, 1);
	get_reply(1, VTEST_PROTOCOL_VERSION, &agreed, 1);
	CHECK_EQ(agreed, version == 1 ? 0 : version > 3 ? 3 : version);
}

static void create2(uint32_t handle, uint32_t width, uint32_t bytes)
{
	uint32_t words[11] = { handle, 2, 1, 10, width, 16, 1, 1, 0, 0, bytes };

	put_words(11, VTEST_RESOURCE_CREATE2, words, 11);
}

static void create_fence(uint32_t handle)
{
	uint32_t words[11] = { handle, 0, 64, 1 << 17, 8, 1, 1, 0, 0, 0, 8 };

	put_words(11, VTEST_RESOURCE_CREATE2, words, 11);
}

static uint32_t submits(void)
{
	return __atomic_load_n(&fake.seen[VGPUIF_OP_SUBMIT], __ATOMIC_SEQ_CST);
}

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

/* What the server asked for is asked when the next command is answered; wait for it to be seen. */
static void await(uint8_t operation, uint32_t n)
{
	while (__atomic_load_n(&fake.seen[operation], __ATOMIC_SEQ_CST) < n)
		usleep(100);
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

/* The server hung up. */
static void get_end(void)
{
	char octet;

	CHECK_EQ(recv(sock, &octet, 1, 0), 0);
}

/* A backend that refuses resources of some width. */
static bool answer_refusing(const struct vgpuif_request *req, struct vgpuif_response *rsp)
{
	const uint32_t width = req->u.resource_create.width;

	fake_ok(req, rsp);
	if (req->operation == VGPUIF_OP_RESOURCE_CREATE && width >= 900 && width <= 901)
		rsp->status = width == 900 ? -XEN_ENOMEM : -XEN_ENOSPC;
	return true;
}

/* The octet comes alone: Mesa's receive_fd() has no control message, and its caller no memory. */
static void get_no_fd(void)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char octet;
	struct iovec iov = { .iov_base = &octet, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	CHECK_EQ(recvmsg(sock, &msg, 0), 1);
	CHECK(!CMSG_FIRSTHDR(&msg));
}

/* A large resource over a limit: the client is told, and goes on, with the same handle. */
TEST(vtest_client, a_large_resource_is_refused)
{
	const char *said;

	fake_set(FAKE_BACK "/max-memory", "64");
	start(answer_refusing);
	handshake(2);
	create2(1, 900, 900 * 900 * 4);
	get_no_fd();
	CHECK_EQ(fake.seen[VGPUIF_OP_CONTEXT_ATTACH], 0);
	create2(1, 901, 901 * 901 * 4);
	get_no_fd();
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

/* A small one was answered already: the program ends, and the log says why. */
TEST(vtest_client, a_small_resource_is_refused)
{
	start(answer_refusing);
	handshake(2);
	create2(1, 900, 4096);
	close(get_fd());
	get_end();
	CHECK_EQ(stop(), 1);
	CHECK(strstr(logged, "out of GPU memory: the backend allows less for all of this guest's"));
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

static bool hold_submits(const struct vgpuif_request *req, struct vgpuif_response *rsp)
{
	fake_ok(req, rsp);
	return req->operation != VGPUIF_OP_SUBMIT;
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

/* --- nonsense --------------------------------------------------------------------------------- */

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

TEST(vtest_client, refuses_unknown_command) { refused(unknown_command); }
TEST(vtest_client, refuses_command_zero) { refused(command_zero); }
TEST(vtest_client, refuses_huge_submit) { refused(huge_submit); }
TEST(vtest_client, refuses_wrong_length) { refused(wrong_length); }
TEST(vtest_client, refuses_renderer_twice) { refused(renderer_twice); }
TEST(vtest_client, refuses_handle_zero) { refused(handle_zero); }
TEST(vtest_client, refuses_handle_in_use) { refused(handle_in_use); }
TEST(vtest_client, refuses_transfer_of_nothing) { refused(transfer_of_nothing); }
TEST(vtest_client, refuses_transfer_past_the_end) { refused(transfer_past_the_end); }
TEST(vtest_client, refuses_version_3_in_2) { refused(version_3_in_2); }

static void refused3(uint32_t command, const uint32_t *words, uint32_t n)
{
	start(fake_ok);
	handshake(3);
	put_words(n, command, words, n);
	get_end();
	CHECK_EQ(stop(), 1);
}

TEST(vtest_client, refuses_batches_that_are_not_there)
{
	refused3(VTEST_SUBMIT2, (uint32_t[]) { 0x20000001, 0, 0, 0, 0, 0, 0, 0, 0 }, 9);
}

TEST(vtest_client, refuses_batch_outside)
{
	refused3(VTEST_SUBMIT2, (uint32_t[]) { 1, 0, 8, 2, 0, 0, 0, 0, 0 }, 9);
}

TEST(vtest_client, refuses_batch_that_wraps)
{
	refused3(VTEST_SUBMIT2, (uint32_t[]) { 1, 0, 0xffffffff, 2, 0, 0, 0, 0, 0 }, 9);
}

TEST(vtest_client, refuses_signals_that_wrap)
{
	refused3(VTEST_SUBMIT2, (uint32_t[]) { 1, 0, 0, 0, 0, 0x55555556, 0, 0, 0 }, 9);
}

TEST(vtest_client, refuses_odd_sync_wait)
{
	refused3(VTEST_SYNC_WAIT, (uint32_t[]) { 0, 0, 1 }, 3);
}

TEST(vtest_client, ends_with_the_client_in_the_middle_of_a_command)
{
	uint32_t half[3] = { 11, VTEST_RESOURCE_CREATE2, 1 };

	start(fake_ok);
	handshake(2);
	put(half, sizeof(half));
	CHECK_EQ(stop(), 0);
}

TEST(vtest_client, ends_with_the_client_while_it_waits)
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

static bool refuse_resources(const struct vgpuif_request *req, struct vgpuif_response *rsp)
{
	fake_ok(req, rsp);
	if (req->operation == VGPUIF_OP_RESOURCE_CREATE)
		rsp->status = -XEN_EIO;
	return true;
}

TEST(vtest_client, what_the_backend_refuses_ends_the_client)
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

TEST(vtest_client, no_pages_ends_the_client)
{
	fake.max_pages = 300;
	start(fake_ok);
	handshake(2);
	create2(1, 16, 200 << 10);
	get_end();
	CHECK_EQ(stop(), 1);
}

TEST(vtest_client, no_pages_for_a_large_resource)
{
	fake.max_pages = 400;
	start(fake_ok);
	handshake(2);
	create2(1, 16, 1 << 20);
	get_no_fd();
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
TEST(vtest_client, the_pages_of_a_large_resource_are_refused)
{
	refusals = 1;
	start(answer_refusing_pages);
	handshake(2);
	create2(1, 16, 1 << 20);
	get_no_fd();
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
TEST(vtest_client, kept_pages_make_room_for_a_large_resource)
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

TEST(vtest_client, a_resource_of_more_pages_than_there_can_be)
{
	start(fake_ok);
	handshake(2);
	create2(1, 16, UINT32_MAX);
	get_no_fd();
	CHECK_EQ(fake.seen[VGPUIF_OP_RESOURCE_CREATE], 0);
	CHECK_EQ(stop(), 0);
	CHECK(strstr(logged, "the program is refused a resource: a resource of 1048576 pages"));
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
	vt_caps_adjust(VGPUIF_CAPSET_VIRGL, capset, 308, 65536);
	CHECK_EQ(word_at(capset, VIRGL_CAPS_TEXTURE_BUFFER), 1 << 24);
	CHECK_EQ(word_at(capset, VIRGL_CAPS_TEXTURE_BUFFER - 4), UINT32_MAX);
	CHECK_EQ(word_at(capset, VIRGL_CAPS_TEXTURE_BUFFER + 4), UINT32_MAX);
	CHECK_EQ(word_at(capset, VIRGL_CAPS_BITS), UINT32_MAX);
	vt_caps_adjust(VGPUIF_CAPSET_VIRGL2, capset, sizeof(capset), 1024);
	CHECK_EQ(word_at(capset, VIRGL_CAPS_TEXTURE_BUFFER), 1 << 18);
	CHECK_EQ(word_at(capset, VIRGL_CAPS_BITS), UINT32_MAX & ~VIRGL_CAP_ARB_BUFFER_STORAGE);
	/* Less is left as it is, and so is a capset that has nothing there. */
	vt_caps_adjust(VGPUIF_CAPSET_VIRGL2, capset, sizeof(capset), UINT32_MAX);
	CHECK_EQ(word_at(capset, VIRGL_CAPS_TEXTURE_BUFFER), 1 << 18);
	memset(capset, 0xff, sizeof(capset));
	vt_caps_adjust(VGPUIF_CAPSET_VIRGL2, capset, VIRGL_CAPS_TEXTURE_BUFFER, 1);
	CHECK_EQ(word_at(capset, VIRGL_CAPS_TEXTURE_BUFFER), UINT32_MAX);
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

/* Every prefix of a good conversation, and every one of its octets changed. */
TEST(vtest_client, mutated_streams)
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
