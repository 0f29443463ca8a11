// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages between supervisor and worker: any datagram, with any number of descriptors. What is
 * received is within its bounds, whatever was sent; what is refused leaves no descriptor open; and
 * what passed once passes again as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ctl.h"
#include "fuzz.h"
#include "vgpuif.h"

/* The lowest descriptor that is free: changes when one was left open. */
static int lowest_fd(void)
{
	int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	close(fd);
	return fd;
}

static void send_raw(int sock, const void *data, size_t bytes, unsigned int n_fds)
{
	char control[CMSG_SPACE(2 * CTL_MAX_FDS * sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, bytes };
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;
	unsigned int i;

	if (n_fds) {
		hdr.msg_control = control;
		hdr.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		for (i = 0; i < n_fds; i++)
			((int *)(void *)CMSG_DATA(cmsg))[i] = sock;
	}
	CHECK_EQ(sendmsg(sock, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL), bytes);
}

static void check_extents(const struct ctl_extent *extent, uint32_t n, uint64_t n_pages)
{
	uint64_t sum = 0;
	uint32_t i;

	CHECK(n && n <= GNT_MAX_EXTENTS);
	for (i = 0; i < n; i++)
		sum += extent[i].n_pages;
	CHECK_EQ(sum, n_pages);
}

static void check_passed(const struct ctl_msg *msg, size_t bytes, unsigned int n_fds)
{
	CHECK_EQ(msg->bytes, bytes);
	CHECK(msg->type && msg->type < CTL_N_TYPES);
	if (msg->type != CTL_BIND && msg->type != CTL_GRANT)
		CHECK_EQ(n_fds, 0);
	switch (msg->type) {
	case CTL_READY:
		CHECK(msg->u.ready.n_capsets <= CTL_MAX_CAPSETS);
		CHECK(strnlen(msg->u.ready.renderer, CTL_MAX_TEXT) < CTL_MAX_TEXT);
		CHECK(strnlen(msg->u.ready.clock, 16) < 16);
		break;
	case CTL_FAILED:
		CHECK(strnlen(msg->u.failed.text, CTL_MAX_TEXT) < CTL_MAX_TEXT);
		break;
	case CTL_CLOSED:
		CHECK(strnlen(msg->u.closed.text, CTL_MAX_TEXT) < CTL_MAX_TEXT);
		CHECK(msg->u.closed.reason >= 1 && msg->u.closed.reason <= CTL_REASON_RENDERER);
		break;
	case CTL_BIND:
		CHECK(msg->u.bind.ring_order <= VGPUIF_MAX_RING_PAGE_ORDER);
		CHECK(msg->u.bind.n_evt_fds && msg->u.bind.n_evt_fds <= EVT_MAX_FDS);
		CHECK_EQ(n_fds, msg->u.bind.n_evt_fds + msg->u.bind.n_extents);
		check_extents(msg->u.bind.extent, msg->u.bind.n_extents,
			      1ull << msg->u.bind.ring_order);
		break;
	case CTL_MAP:
		CHECK(msg->u.map.n_refs && msg->u.map.n_refs <= CTL_MAX_REFS);
		CHECK(msg->u.map.n_pages && msg->u.map.n_pages <= GNT_MAX_PAGES);
		CHECK((uint64_t)msg->u.map.first + msg->u.map.n_refs <= msg->u.map.n_pages);
		CHECK(bytes >= offsetof(struct ctl_msg, u.map.refs) + 4ull * msg->u.map.n_refs);
		CHECK(msg->u.map.writable <= 1);
		break;
	case CTL_GRANT:
		CHECK(msg->u.grant.n_pages && msg->u.grant.n_pages <= GNT_MAX_PAGES);
		CHECK_EQ(n_fds, msg->u.grant.n_extents);
		CHECK(msg->u.grant.err <= 0 && msg->u.grant.writable <= 1);
		if (!msg->u.grant.err)
			check_extents(msg->u.grant.extent, n_fds, msg->u.grant.n_pages);
		break;
	case CTL_RUN:
		CHECK(msg->u.run.mode >= CTL_RUN_FREE && msg->u.run.mode <= CTL_RUN_GATED);
		break;
	case CTL_WORK:
		CHECK(msg->u.work.event >= CTL_WORK_BEGUN &&
		      msg->u.work.event <= CTL_WORK_DRAINED && msg->u.work.more <= 1);
		break;
	case CTL_MEMORY_GRANT:
		CHECK(msg->u.memory_grant.err <= 0);
		CHECK(!msg->u.memory_grant.err == !!msg->u.memory_grant.bytes);
		break;
	}
}

static int receive(int sock, struct ctl_msg *msg, unsigned int *n_fds)
{
	int fds[CTL_MAX_FDS], got = ctl_recv(sock, msg, fds, n_fds);
	unsigned int i;

	for (i = 0; got == 1 && i < *n_fds; i++)
		CHECK_EQ(close(fds[i]), 0);
	return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int pair[2] = { -1, -1 };
	static uint8_t octets[sizeof(struct ctl_msg) + 64];
	struct fuzz_in in = { data, size };
	const uint8_t fixed = fuzz_u8(&in);
	const unsigned int n_fds = fuzz_u8(&in) % (CTL_MAX_FDS + 4);
	struct ctl_msg msg, again;
	unsigned int n, m;
	size_t bytes;
	int lowest;

	if (pair[0] < 0)
		CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	lowest = lowest_fd();
	/* Of the size that was said, so that not only the length is looked at; or as it comes. */
	bytes = fixed & 1 ? fuzz_u16(&in) % sizeof(octets) : in.left;
	if (bytes > sizeof(octets))
		bytes = sizeof(octets);
	fuzz_bytes(&in, octets, bytes);
	if (fixed & 2 && bytes >= 8)
		((uint32_t *)(void *)octets)[1] = (uint32_t)bytes;
	if (!bytes && !n_fds)
		return 0;
	send_raw(pair[0], octets, bytes, n_fds);
	switch (receive(pair[1], &msg, &n)) {
	case 1:
		check_passed(&msg, bytes, n);
		CHECK_EQ(n, n_fds);
		CHECK(!memcmp(&msg, octets, bytes));
		send_raw(pair[0], &msg, msg.bytes, n);
		CHECK_EQ(receive(pair[1], &again, &m), 1);
		CHECK(m == n && !memcmp(&msg, &again, bytes));
		break;
	case -EPROTO:
		break;
	default:
		harness_fail(__FILE__, __LINE__, "neither received nor refused");
	}
	CHECK_EQ(ctl_recv(pair[1], &msg, (int[CTL_MAX_FDS]){ 0 }, &n), 0);
	CHECK_EQ(lowest_fd(), lowest);
	return 0;
}
