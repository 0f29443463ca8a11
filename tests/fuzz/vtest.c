// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a client of xengpu-vtest sends: any octets, against a backend that answers at once or late,
 * refuses, or breaks the protocol. One thread plays all three; whenever the server would sleep, what
 * it may be waiting for comes. In the end nothing is granted any more and no descriptor is open.
 */
#include <fcntl.h>
#include <sys/socket.h>

#include <xen/errno.h>

#include "fuzz.h"
#include "frontend_fake.h"

/* For the server's file below: a client that does not read must not stop the only thread. */
static ssize_t client_send(int sock, const void *data, size_t bytes, int flags);
static ssize_t client_sendmsg(int sock, const struct msghdr *msg, int flags);
#define send	client_send
#define sendmsg	client_sendmsg
/* Included, for the steps of its loop are its own. */
#include "../../frontend/vt_client.c"
#undef send
#undef sendmsg

#define MAX_TURNS	3000u
#define MAX_LATE	512u

struct control {
	uint8_t version;		/* 0..3: this handshake goes ahead; else none */
	uint8_t late;			/* bits of the operation: not answered before it is waited for */
	uint8_t refuse_every;		/* so many requests, one is refused; 0: none */
	uint8_t status;
	uint8_t break_at;		/* at this request the answer is garbage; 0: never */
	uint8_t caps_octets;		/* that a capset has, times 32 */
	uint8_t max_pages;		/* that can be granted, times 16; 0: any */
};

static struct control control;
static unsigned int n_requests, n_late;
static struct vgpuif_response late[MAX_LATE];
static int client;			/* its end of the socket */

void vt_log_init(const char *prefix)
{
	(void)prefix;
}

void vt_log(const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
}

static void client_reads(void)
{
	static uint8_t octets[65536];

	/* Descriptors that came with it are the kernel's to close. */
	while (recv(client, octets, sizeof(octets), MSG_DONTWAIT) > 0)
		;
}

static ssize_t client_send(int sock, const void *data, size_t bytes, int flags)
{
	client_reads();
	return send(sock, data, bytes < 32768 ? bytes : 32768, flags | MSG_DONTWAIT);
}

static ssize_t client_sendmsg(int sock, const struct msghdr *msg, int flags)
{
	client_reads();
	return sendmsg(sock, msg, flags | MSG_DONTWAIT);
}

/* --- the backend ------------------------------------------------------------------------------- */

static bool answer(const struct vgpuif_request *req, struct vgpuif_response *rsp)
{
	static const int statuses[] = { XEN_EINVAL, XEN_ENOSPC, XEN_ENOMEM, XEN_EIO, XEN_ENODEV };

	fake_ok(req, rsp);
	n_requests++;
	if (req->operation == VGPUIF_OP_CAPSET_INFO && control.caps_octets)
		rsp->u.capset_info.max_bytes = control.caps_octets * 32u;
	if (req->operation == VGPUIF_OP_CAPSET_GET && control.caps_octets & 1)
		rsp->u.capset_get.bytes = req->u.capset_get.bytes;
	if (control.refuse_every && n_requests % control.refuse_every == 0) {
		memset(&rsp->u, 0, sizeof(rsp->u));
		rsp->status = -statuses[control.status % 5];
	}
	if (control.break_at && n_requests == control.break_at + 8u)
		memset(rsp, control.status, sizeof(*rsp));
	if (!(control.late & 1 << req->operation % 8) || n_late == MAX_LATE)
		return true;
	late[n_late++] = *rsp;
	return false;
}

static void answer_late(void)
{
	unsigned int i, n = n_late;

	n_late = 0;
	for (i = 0; fake.ring_up && i < n; i++)
		fake_respond(&late[i]);
}

static void backend(void)
{
	do {
		fake_serve();
	} while (fake.ring_up && ring_back_sleep(&fake.ring));
}

/* Called by the library where it waits: what it waits for has time to come. */
int poll(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	static const struct timespec at_once;

	(void)timeout_ms;
	answer_late();
	return ppoll(fds, n, &at_once, NULL);
}

/* What the C library makes of poll() where the compiler cannot see how large the array is. */
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t bytes);
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout_ms, size_t bytes)
{
	(void)bytes;
	return poll(fds, n, timeout_ms);
}

/* --- the client -------------------------------------------------------------------------------- */

static void put(const void *data, size_t bytes)
{
	CHECK_EQ(send(client, data, bytes, MSG_NOSIGNAL | MSG_DONTWAIT), bytes);
}

static void handshake(uint32_t version)
{
	const uint32_t name[2] = { 5, VTEST_CREATE_RENDERER };
	const uint32_t agree[3] = { 1, VTEST_PROTOCOL_VERSION, version };

	put(name, sizeof(name));
	put("gear", 5);
	put(agree, sizeof(agree));
}

static void turn(struct vt_client *c)
{
	work(c);
	client_reads();
	if (c->failed)
		return;
	fe_session_flush(c->session);
	if (blocked(c))
		answer_late();
	else
		receive(c);
}

/* Every answer comes before the session is closed, as nobody hears of it afterwards. */
static void settle(struct vt_client *c)
{
	unsigned int i;

	for (i = 0; c->session && i < 8 && fe_session_in_flight(c->session); i++) {
		fe_session_flush(c->session);
		backend();
		answer_late();
		fe_session_process(c->session);
	}
}

static void serve_all(struct fuzz_in *in)
{
	static const struct vt_options options = { .socket_path = "", .status_path = "",
						   .stats_path = "", .max_version = 3 };
	struct vt_client *c = calloc(1, sizeof(*c));
	unsigned int turns = 0;
	int pair[2];

	CHECK(c && !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	client = pair[0];
	c->options = &options;
	c->sock = pair[1];
	c->pair = -1;
	c->start_ns = fe_now_ns();
	if (control.version <= 3)
		handshake(control.version);
	put(in->at, in->left < 65536 ? in->left : 65536);
	shutdown(client, SHUT_WR);
	if (!open_all(c, 0, 0))
		while (!c->failed && !c->ended && turns++ < MAX_TURNS)
			turn(c);
	CHECK(turns < MAX_TURNS);
	CHECK(!c->failed || c->why[0]);
	settle(c);
	close_all(c);
	free(c);
	close(client);
}

/* The lowest descriptor that is free: changes when one was left open. */
static int lowest_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0);
	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	int lowest;

	fuzz_bytes(&in, &control, sizeof(control));
	memset(fake.node, 0, sizeof(fake.node));
	fake.ring_up = fake.watching = false;
	fake.max_pages = control.max_pages ? 256u + control.max_pages * 16u : 0;
	fake.notified = backend;
	n_requests = n_late = 0;
	fake_start(answer, false);
	fake_set(FAKE_FRONT "/state", "4");
	fake_set(FAKE_BACK "/state", "4");
	lowest = lowest_fd();
	serve_all(&in);
	CHECK_EQ(fake.n_pages, 0);
	CHECK_EQ(lowest_fd(), lowest);
	return 0;
}
