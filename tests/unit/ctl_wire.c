// SPDX-License-Identifier: GPL-2.0-only
/* The messages between supervisor and worker: every type, and every way for one to be wrong. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ctl.h"
#include "harness.h"

#define HEADER	((uint32_t)offsetof(struct ctl_msg, u))
#define MAP_BYTES(n)	((uint32_t)(offsetof(struct ctl_msg, u.map.refs) + (n) * 4u))

struct wire {
	int a;
	int b;
};

static void wire_open(struct wire *w)
{
	int pair[2];

	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	w->a = pair[0];
	w->b = pair[1];
}

static void wire_close(struct wire *w)
{
	close(w->a);
	close(w->b);
}

/* Send octets as they are, with @n_fds copies of a descriptor, past what ctl_send() would allow. */
static void send_raw(int sock, const void *octets, size_t bytes, unsigned int n_fds)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)octets, .iov_len = bytes };
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(200 * sizeof(int))];
	} control = { 0 };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	unsigned int i;

	if (n_fds) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		for (i = 0; i < n_fds; i++)
			memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &sock, sizeof(int));
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	}
	CHECK_EQ(sendmsg(sock, &hdr, MSG_NOSIGNAL), (long long)bytes);
}

/* What the other end makes of it; its descriptors are closed. */
static int received(struct wire *w, struct ctl_msg *msg)
{
	int fds[CTL_MAX_FDS];
	unsigned int n_fds = 0;
	int got = ctl_recv(w->b, msg, fds, &n_fds);

	if (got == 1)
		while (n_fds)
			close(fds[--n_fds]);
	return got;
}

static int verdict(const struct ctl_msg *msg, unsigned int n_fds)
{
	static struct ctl_msg got;
	struct wire w;
	int ret;

	wire_open(&w);
	send_raw(w.a, msg, msg->bytes, n_fds);
	ret = received(&w, &got);
	if (ret == 1)
		CHECK(!memcmp(&got, msg, msg->bytes));
	wire_close(&w);
	return ret;
}

/* A good message of each type, and the descriptors that belong to it. */
static unsigned int good(uint32_t type, struct ctl_msg *msg)
{
	memset(msg, 0, sizeof(*msg));
	msg->type = type;
	msg->bytes = HEADER;
	switch (type) {
	case CTL_READY:
		msg->bytes = CTL_BYTES(ready);
		msg->u.ready.n_capsets = CTL_MAX_CAPSETS;
		strcpy(msg->u.ready.renderer, "llvmpipe");
		return 0;
	case CTL_FAILED:
		msg->bytes = CTL_BYTES(failed);
		strcpy(msg->u.failed.text, "no GPU");
		return 0;
	case CTL_BIND:
		msg->bytes = CTL_BYTES(bind);
		msg->u.bind.plat_kind = PLAT_LOCAL;
		msg->u.bind.ring_order = 2;
		msg->u.bind.n_evt_fds = 2;
		msg->u.bind.n_extents = 2;
		msg->u.bind.extent[0].n_pages = 1;
		msg->u.bind.extent[1].n_pages = 3;
		msg->u.bind.n_stores = 1;
		return 5;
	case CTL_MAP:
		msg->bytes = MAP_BYTES(3);
		msg->u.map.n_pages = 10;
		msg->u.map.first = 7;
		msg->u.map.n_refs = 3;
		return 0;
	case CTL_GRANT:
		msg->bytes = CTL_BYTES(grant);
		msg->u.grant.n_pages = 5;
		msg->u.grant.n_extents = 1;
		msg->u.grant.extent[0].n_pages = 5;
		return 1;
	case CTL_UNMAPPED:
		msg->bytes = CTL_BYTES(unmapped);
		msg->u.unmapped.n_pages = 1;
		return 0;
	case CTL_CLOSED:
		msg->bytes = CTL_BYTES(closed);
		msg->u.closed.reason = CTL_REASON_ASKED;
		return 0;
	case CTL_RUN:
		msg->bytes = CTL_BYTES(run);
		msg->u.run.mode = CTL_RUN_FREE;
		return 0;
	case CTL_WORK:
		msg->bytes = CTL_BYTES(work);
		msg->u.work.event = CTL_WORK_REST;
		msg->u.work.more = 1;
		return 0;
	case CTL_MEMORY:
		msg->bytes = CTL_BYTES(memory);
		msg->u.memory.bytes = UINT64_MAX;
		return 0;
	case CTL_MEMORY_GRANT:
		msg->bytes = CTL_BYTES(memory_grant);
		msg->u.memory_grant.bytes = 1;
		return 0;
	case CTL_MEMORY_BACK:
		msg->bytes = CTL_BYTES(memory_back);
		return 0;
	case CTL_UNCAGED:
		msg->bytes = CTL_BYTES(uncaged);
		msg->u.uncaged.part = CTL_CAGE_ROOT;
		strcpy(msg->u.uncaged.text, "no name spaces");
		return 0;
	case CTL_LIMITS:
		msg->bytes = CTL_BYTES(limits);
		return 0;
	default:
		return 0;
	}
}

TEST(ctl, good)
{
	struct ctl_msg msg;
	uint32_t type;

	for (type = CTL_READY; type < CTL_N_TYPES; type++) {
		unsigned int n_fds = good(type, &msg);

		CHECK_EQ(verdict(&msg, n_fds), 1);
	}
}

TEST(ctl, unknown_type)
{
	struct ctl_msg msg = { .bytes = HEADER };

	msg.type = 0;
	CHECK_EQ(verdict(&msg, 0), -EPROTO);
	msg.type = CTL_N_TYPES;
	CHECK_EQ(verdict(&msg, 0), -EPROTO);
	msg.type = UINT32_MAX;
	CHECK_EQ(verdict(&msg, 0), -EPROTO);
}

/* Every type, cut short and drawn out, with a length that tells the truth and one that lies. */
TEST(ctl, wrong_length)
{
	static struct ctl_msg msg, got;
	uint32_t type, whole, n;
	struct wire w;

	harness_timeout_s(60);
	wire_open(&w);
	for (type = CTL_READY; type < CTL_N_TYPES; type++) {
		good(type, &msg);
		whole = msg.bytes;
		for (n = 1; n < whole + 8; n += n < 64 || n > whole - 8 ? 1 : 61) {
			if (n == whole)
				continue;
			msg.bytes = n;
			send_raw(w.a, &msg, n, 0);
			CHECK_EQ(received(&w, &got), -EPROTO);
			msg.bytes = whole;
			send_raw(w.a, &msg, n, 0);
			CHECK_EQ(received(&w, &got), -EPROTO);
		}
	}
	/* Longer than any message. */
	{
		static char octets[sizeof(struct ctl_msg) + 64];

		msg.type = CTL_MAP;
		msg.bytes = sizeof(octets);
		memcpy(octets, &msg, sizeof(msg));
		send_raw(w.a, octets, sizeof(octets), 0);
		CHECK_EQ(received(&w, &got), -EPROTO);
	}
	wire_close(&w);
}

/* More or fewer descriptors than belong to the type; none is left open (the harness counts). */
TEST(ctl, wrong_fds)
{
	struct ctl_msg msg;
	uint32_t type;

	for (type = CTL_READY; type < CTL_N_TYPES; type++) {
		unsigned int n_fds = good(type, &msg);

		CHECK_EQ(verdict(&msg, n_fds + 1), -EPROTO);
		CHECK_EQ(verdict(&msg, CTL_MAX_FDS), -EPROTO);
		CHECK_EQ(verdict(&msg, CTL_MAX_FDS + 1), -EPROTO);
		CHECK_EQ(verdict(&msg, 200), -EPROTO);
		if (n_fds)
			CHECK_EQ(verdict(&msg, n_fds - 1), -EPROTO);
	}
}

TEST(ctl, text_not_terminated)
{
	struct ctl_msg msg;

	good(CTL_READY, &msg);
	memset(msg.u.ready.renderer, 'x', CTL_MAX_TEXT);
	CHECK_EQ(verdict(&msg, 0), -EPROTO);
	good(CTL_FAILED, &msg);
	memset(msg.u.failed.text, 'x', CTL_MAX_TEXT);
	CHECK_EQ(verdict(&msg, 0), -EPROTO);
	good(CTL_UNCAGED, &msg);
	memset(msg.u.uncaged.text, 'x', CTL_MAX_TEXT);
	CHECK_EQ(verdict(&msg, 0), -EPROTO);
	good(CTL_CLOSED, &msg);
	memset(msg.u.closed.text, 'x', CTL_MAX_TEXT);
	CHECK_EQ(verdict(&msg, 0), -EPROTO);
	msg.u.closed.text[CTL_MAX_TEXT - 1] = '\0';
	CHECK_EQ(verdict(&msg, 0), 1);
}

/* One field at a time set to something it must not be. */
#define BAD(type, field, value)								\
	do {										\
		unsigned int n_fds_ = good(type, &msg);					\
											\
		msg.u.field = (value);							\
		CHECK_EQ(verdict(&msg, n_fds_), -EPROTO);				\
	} while (0)

TEST(ctl, wrong_fields)
{
	struct ctl_msg msg;

	BAD(CTL_READY, ready.n_capsets, CTL_MAX_CAPSETS + 1);
	BAD(CTL_READY, ready.n_capsets, UINT32_MAX);
	BAD(CTL_CLOSED, closed.reason, 0);
	BAD(CTL_CLOSED, closed.reason, CTL_REASON_RENDERER + 1);
	BAD(CTL_UNMAPPED, unmapped.n_pages, 0);

	BAD(CTL_BIND, bind.plat_kind, 0);
	BAD(CTL_BIND, bind.plat_kind, 3);
	BAD(CTL_BIND, bind.ring_order, 5);
	BAD(CTL_BIND, bind.ring_order, 3);		/* not what the extents add up to */
	BAD(CTL_BIND, bind.ring_order, 32);
	BAD(CTL_BIND, bind.n_evt_fds, 0);
	BAD(CTL_BIND, bind.n_evt_fds, EVT_MAX_FDS + 1);
	BAD(CTL_BIND, bind.n_evt_fds, UINT32_MAX);
	BAD(CTL_BIND, bind.n_extents, 0);
	BAD(CTL_BIND, bind.n_extents, GNT_MAX_EXTENTS + 1);
	BAD(CTL_BIND, bind.n_extents, UINT32_MAX - 1);	/* + n_evt_fds wraps to 0 */
	BAD(CTL_BIND, bind.extent[0].n_pages, 0);
	BAD(CTL_BIND, bind.extent[0].n_pages, UINT32_MAX);
	BAD(CTL_BIND, bind.extent[1].reserved, 1);
	BAD(CTL_BIND, bind.n_stores, 0);		/* and yet a descriptor */
	BAD(CTL_BIND, bind.n_stores, 2);
	BAD(CTL_BIND, bind.n_stores, UINT32_MAX);
	BAD(CTL_BIND, bind.reserved, 1);

	BAD(CTL_MAP, map.n_refs, 0);
	BAD(CTL_MAP, map.n_refs, 4);
	BAD(CTL_MAP, map.n_refs, UINT32_MAX);
	BAD(CTL_MAP, map.n_pages, 0);
	BAD(CTL_MAP, map.n_pages, 9);
	BAD(CTL_MAP, map.n_pages, GNT_MAX_PAGES + 1);
	BAD(CTL_MAP, map.first, 8);
	BAD(CTL_MAP, map.first, UINT32_MAX);
	BAD(CTL_MAP, map.first, UINT32_MAX - 2);
	BAD(CTL_MAP, map.writable, 2);

	BAD(CTL_GRANT, grant.err, 1);
	BAD(CTL_GRANT, grant.err, -EFAULT);		/* and yet an extent */
	BAD(CTL_GRANT, grant.n_pages, 0);
	BAD(CTL_GRANT, grant.n_pages, 4);
	BAD(CTL_GRANT, grant.n_pages, GNT_MAX_PAGES + 1);
	BAD(CTL_GRANT, grant.n_extents, 0);
	BAD(CTL_GRANT, grant.n_extents, 2);
	BAD(CTL_GRANT, grant.n_extents, UINT32_MAX);
	BAD(CTL_GRANT, grant.writable, 2);
	BAD(CTL_GRANT, grant.reserved, 1);
	BAD(CTL_GRANT, grant.extent[0].n_pages, 6);
	BAD(CTL_GRANT, grant.extent[0].reserved, 1);

	BAD(CTL_RUN, run.mode, 0);
	BAD(CTL_RUN, run.mode, CTL_RUN_GATED + 1);
	BAD(CTL_WORK, work.event, 0);
	BAD(CTL_WORK, work.event, CTL_WORK_DRAINED + 1);
	BAD(CTL_WORK, work.more, 2);

	BAD(CTL_MEMORY, memory.bytes, 0);
	BAD(CTL_MEMORY_GRANT, memory_grant.bytes, 0);
	BAD(CTL_MEMORY_GRANT, memory_grant.err, 1);
	BAD(CTL_MEMORY_GRANT, memory_grant.err, -EDQUOT);	/* and yet some */
	BAD(CTL_MEMORY_GRANT, memory_grant.reserved, 1);
}

TEST(ctl, grant_error)
{
	struct ctl_msg msg;

	good(CTL_GRANT, &msg);
	msg.u.grant.err = -EDQUOT;
	msg.u.grant.n_extents = 0;
	CHECK_EQ(verdict(&msg, 0), 1);
	CHECK_EQ(verdict(&msg, 1), -EPROTO);
}

TEST(ctl, largest_map)
{
	static struct ctl_msg msg;

	msg.type = CTL_MAP;
	msg.bytes = MAP_BYTES(CTL_MAX_REFS);
	msg.u.map.n_pages = GNT_MAX_PAGES;
	msg.u.map.first = GNT_MAX_PAGES - CTL_MAX_REFS;
	msg.u.map.n_refs = CTL_MAX_REFS;
	memset(msg.u.map.refs, 0x5a, sizeof(msg.u.map.refs));
	CHECK_EQ(verdict(&msg, 0), 1);
	msg.u.map.first++;
	CHECK_EQ(verdict(&msg, 0), -EPROTO);
}

TEST(ctl, most_extents)
{
	static struct ctl_msg msg;
	int fds[CTL_MAX_FDS], back[CTL_MAX_FDS], pipe_fds[2];
	unsigned int i, n;
	struct wire w;
	char c;

	wire_open(&w);
	CHECK(!pipe(pipe_fds));
	msg.type = CTL_GRANT;
	msg.bytes = CTL_BYTES(grant);
	msg.u.grant.n_pages = msg.u.grant.n_extents = GNT_MAX_EXTENTS;
	for (i = 0; i < GNT_MAX_EXTENTS; i++) {
		msg.u.grant.extent[i].n_pages = 1;
		fds[i] = pipe_fds[1];
	}
	CHECK_EQ(ctl_send(w.a, &msg, fds, GNT_MAX_EXTENTS), 0);
	CHECK_EQ(ctl_recv(w.b, &msg, back, &n), 1);
	CHECK_EQ(n, GNT_MAX_EXTENTS);
	CHECK_EQ(write(back[n - 1], "x", 1), 1);
	CHECK_EQ(read(pipe_fds[0], &c, 1), 1);
	CHECK(fcntl(back[0], F_GETFD) & FD_CLOEXEC);
	while (n)
		close(back[--n]);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	wire_close(&w);
}

TEST(ctl, send_refuses)
{
	struct ctl_msg msg = { .type = CTL_BOUND, .bytes = HEADER };
	int fds[CTL_MAX_FDS + 1] = { 0 };
	struct wire w;

	wire_open(&w);
	CHECK_EQ(ctl_send(w.a, &msg, fds, CTL_MAX_FDS + 1), -EINVAL);
	msg.bytes = HEADER - 1;
	CHECK_EQ(ctl_send(w.a, &msg, NULL, 0), -EINVAL);
	msg.bytes = sizeof(msg) + 1;
	CHECK_EQ(ctl_send(w.a, &msg, NULL, 0), -EINVAL);
	wire_close(&w);
}

TEST(ctl, nothing_there)
{
	static struct ctl_msg msg;
	struct wire w;

	wire_open(&w);
	CHECK_EQ(received(&w, &msg), 0);
	wire_close(&w);
}

TEST(ctl, full)
{
	static struct ctl_msg msg;
	struct wire w;
	unsigned int sent = 0;
	int err;

	wire_open(&w);
	good(CTL_READY, &msg);
	while (!(err = ctl_send(w.a, &msg, NULL, 0)))
		sent++;
	CHECK_EQ(err, -EAGAIN);
	while (received(&w, &msg) == 1)
		sent--;
	CHECK_EQ(sent, 0);
	CHECK_EQ(ctl_send(w.a, &msg, NULL, 0), 0);
	wire_close(&w);
}

/* The other end is gone: what it said before is still heard, even if it left something unread. */
TEST(ctl, dead_peer)
{
	static struct ctl_msg msg;
	struct wire w;

	wire_open(&w);
	good(CTL_CLOSED, &msg);
	CHECK_EQ(ctl_send(w.a, &msg, NULL, 0), 0);
	good(CTL_CLOSE, &msg);
	CHECK_EQ(ctl_send(w.b, &msg, NULL, 0), 0);
	close(w.a);
	CHECK_EQ(received(&w, &msg), 1);
	CHECK_EQ(msg.type, CTL_CLOSED);
	CHECK_EQ(received(&w, &msg), -EPIPE);
	CHECK_EQ(ctl_send(w.b, &msg, NULL, 0), -EPIPE);
	CHECK_EQ(ctl_send(w.b, &msg, NULL, 0), -EPIPE);
	close(w.b);

	wire_open(&w);
	close(w.a);
	CHECK_EQ(ctl_send(w.b, &msg, NULL, 0), -EPIPE);
	CHECK_EQ(received(&w, &msg), -EPIPE);
	close(w.b);

	/* ... and unread only, nothing said. */
	wire_open(&w);
	good(CTL_CLOSE, &msg);
	CHECK_EQ(ctl_send(w.b, &msg, NULL, 0), 0);
	close(w.a);
	CHECK_EQ(received(&w, &msg), -EPIPE);
	close(w.b);
}

/* Every bit of a good message, flipped: accepted or refused, never a crash or a lost descriptor. */
TEST(ctl, bit_flips)
{
	static struct ctl_msg msg, got;
	uint32_t type, bit, limit;
	struct wire w;

	harness_timeout_s(60);
	wire_open(&w);
	for (type = CTL_READY; type < CTL_N_TYPES; type++) {
		unsigned int n_fds = good(type, &msg);

		limit = msg.bytes < 128 ? msg.bytes : 128;
		for (bit = 0; bit < limit * 8; bit++) {
			uint8_t *octet = (uint8_t *)&msg + bit / 8;
			uint32_t bytes = msg.bytes;
			int ret;

			*octet ^= (uint8_t)(1u << bit % 8);
			send_raw(w.a, &msg, bytes, n_fds);
			ret = received(&w, &got);
			CHECK(ret == 1 || ret == -EPROTO);
			*octet ^= (uint8_t)(1u << bit % 8);
		}
	}
	wire_close(&w);
}
