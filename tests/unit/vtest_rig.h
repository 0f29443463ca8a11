/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A client of xengpu-vtest's, played by the test, served in a thread of this process, with a backend
 * that is made up (frontend_fake.h). What it logs is in @logged.
 */
#ifndef TESTS_VTEST_RIG_H
#define TESTS_VTEST_RIG_H

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

static inline void *serve(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)vt_client_serve(&options, server_sock, pair_fd, 1, 0, 0);
}

static inline void start(fake_answer_fn answer)
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
static inline int stop(void)
{
	void *status;

	close(sock);
	pthread_join(server, &status);
	fake_stop();
	unlink(stats_file);
	CHECK_EQ(fake.n_pages, 0);
	return (int)(intptr_t)status;
}

static inline void put(const void *data, size_t bytes)
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

static inline void put_words(uint32_t length, uint32_t command, const uint32_t *words, uint32_t n)
{
	uint32_t header[2] = { length, command };

	put(header, sizeof(header));
	put(words, n * sizeof(*words));
}

static inline void get(void *to, size_t bytes)
{
	CHECK_EQ(recv(sock, to, bytes, MSG_WAITALL), bytes);
}

static inline int get_fd(void)
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

static inline void get_reply(uint32_t length, uint32_t command, uint32_t *words, uint32_t n)
{
	uint32_t header[2];

	get(header, sizeof(header));
	CHECK_EQ(header[0], length);
	CHECK_EQ(header[1], command);
	if (n)
		get(words, n * sizeof(*words));
}

static inline uint32_t busy(uint32_t handle, uint32_t flags)
{
	uint32_t words[2] = { handle, flags }, is_busy;

	put_words(2, VTEST_BUSY_WAIT, words, 2);
	get_reply(1, VTEST_BUSY_WAIT, &is_busy, 1);
	return is_busy;
}

/* As Mesa begins. The name's length is odd. */
static inline void handshake(uint32_t version)
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

static inline void create2(uint32_t handle, uint32_t width, uint32_t bytes)
{
	uint32_t words[11] = { handle, 2, 1, 10, width, 16, 1, 1, 0, 0, bytes };

	put_words(11, VTEST_RESOURCE_CREATE2, words, 11);
}

static inline void create_fence(uint32_t handle)
{
	uint32_t words[11] = { handle, 0, 64, 1 << 17, 8, 1, 1, 0, 0, 0, 8 };

	put_words(11, VTEST_RESOURCE_CREATE2, words, 11);
}

static inline uint32_t submits(void)
{
	return __atomic_load_n(&fake.seen[VGPUIF_OP_SUBMIT], __ATOMIC_SEQ_CST);
}

/* What the server asked for is asked when the next command is answered; wait for it to be seen. */
static inline void await(uint8_t operation, uint32_t n)
{
	while (__atomic_load_n(&fake.seen[operation], __ATOMIC_SEQ_CST) < n)
		usleep(100);
}

/* The server hung up. */
static inline void get_end(void)
{
	char octet;

	CHECK_EQ(recv(sock, &octet, 1, 0), 0);
}

/* Submits are answered later, by the test. */
static inline bool hold_submits(const struct vgpuif_request *req, struct vgpuif_response *rsp)
{
	fake_ok(req, rsp);
	return req->operation != VGPUIF_OP_SUBMIT;
}

#endif
