// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages between supervisor and worker; see ctl.h. One sendmsg or recvmsg a message, and the one
 * place where a received message is checked: neither side looks at a length, a count or a text
 * that did not pass through here. Nothing blocks and nothing logs.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ctl.h"
#include "vgpuif.h"

#define HEADER_BYTES	((uint32_t)offsetof(struct ctl_msg, u))
#define MAP_BYTES(n)	((uint32_t)(offsetof(struct ctl_msg, u.map.refs) + (n) * sizeof(uint32_t)))

static bool text_terminated(const char *text, size_t bytes)
{
	return memchr(text, '\0', bytes) != NULL;
}

/* The extents cover exactly n_pages. */
static int check_extents(const struct ctl_extent *extent, uint32_t n_extents, uint64_t n_pages)
{
	uint64_t sum = 0;
	uint32_t i;

	if (n_extents == 0 || n_extents > GNT_MAX_EXTENTS)
		return -EPROTO;
	for (i = 0; i < n_extents; i++) {
		if (extent[i].n_pages == 0 || extent[i].reserved)
			return -EPROTO;
		sum += extent[i].n_pages;
	}
	return sum == n_pages ? 0 : -EPROTO;
}

static int check_ready(const struct ctl_msg *msg, unsigned int n_fds)
{
	const struct ctl_ready *ready = &msg->u.ready;

	if (n_fds || ready->n_capsets > CTL_MAX_CAPSETS)
		return -EPROTO;
	return text_terminated(ready->renderer, sizeof(ready->renderer)) &&
	       text_terminated(ready->clock, sizeof(ready->clock)) ? 0 : -EPROTO;
}

static int check_failed(const struct ctl_msg *msg, unsigned int n_fds)
{
	const struct ctl_failed *failed = &msg->u.failed;

	return !n_fds && text_terminated(failed->text, sizeof(failed->text)) ? 0 : -EPROTO;
}

static int check_uncaged(const struct ctl_msg *msg, unsigned int n_fds)
{
	const struct ctl_uncaged *uncaged = &msg->u.uncaged;

	return !n_fds && text_terminated(uncaged->text, sizeof(uncaged->text)) ? 0 : -EPROTO;
}

static int check_bind(const struct ctl_msg *msg, unsigned int n_fds)
{
	const struct ctl_bind *bind = &msg->u.bind;

	if (bind->plat_kind != PLAT_XEN && bind->plat_kind != PLAT_LOCAL)
		return -EPROTO;
	if (bind->ring_order > VGPUIF_MAX_RING_PAGE_ORDER)
		return -EPROTO;
	if (bind->n_evt_fds == 0 || bind->n_evt_fds > EVT_MAX_FDS)
		return -EPROTO;
	if (bind->n_stores > 1 || bind->reserved)
		return -EPROTO;
	if (bind->n_extents > GNT_MAX_EXTENTS ||
	    n_fds != bind->n_evt_fds + bind->n_extents + bind->n_stores)
		return -EPROTO;
	return check_extents(bind->extent, bind->n_extents, UINT64_C(1) << bind->ring_order);
}

static int check_map(const struct ctl_msg *msg, unsigned int n_fds)
{
	const struct ctl_map *map = &msg->u.map;

	if (n_fds || map->writable > 1)
		return -EPROTO;
	if (map->n_pages == 0 || map->n_pages > GNT_MAX_PAGES)
		return -EPROTO;
	if (map->n_refs == 0 || map->n_refs > CTL_MAX_REFS ||
	    msg->bytes != MAP_BYTES(map->n_refs))
		return -EPROTO;
	return map->first < map->n_pages && map->n_refs <= map->n_pages - map->first ? 0 : -EPROTO;
}

static int check_grant(const struct ctl_msg *msg, unsigned int n_fds)
{
	const struct ctl_grant *grant = &msg->u.grant;

	if (grant->err > 0 || grant->writable > 1 || grant->reserved)
		return -EPROTO;
	if (grant->n_pages == 0 || grant->n_pages > GNT_MAX_PAGES || n_fds != grant->n_extents)
		return -EPROTO;
	if (grant->err)
		return grant->n_extents ? -EPROTO : 0;
	return check_extents(grant->extent, grant->n_extents, grant->n_pages);
}

static int check_unmapped(const struct ctl_msg *msg, unsigned int n_fds)
{
	return !n_fds && msg->u.unmapped.n_pages ? 0 : -EPROTO;
}

static int check_closed(const struct ctl_msg *msg, unsigned int n_fds)
{
	const struct ctl_closed *closed = &msg->u.closed;

	if (n_fds || closed->reason < CTL_REASON_ASKED || closed->reason > CTL_REASON_RENDERER)
		return -EPROTO;
	return text_terminated(closed->text, sizeof(closed->text)) ? 0 : -EPROTO;
}

static int check_run(const struct ctl_msg *msg, unsigned int n_fds)
{
	const struct ctl_run *run = &msg->u.run;

	return !n_fds && run->mode >= CTL_RUN_FREE && run->mode <= CTL_RUN_GATED ? 0 : -EPROTO;
}

static int check_work(const struct ctl_msg *msg, unsigned int n_fds)
{
	const struct ctl_work *work = &msg->u.work;

	return !n_fds && work->event >= CTL_WORK_BEGUN && work->event <= CTL_WORK_DRAINED &&
	       work->more <= 1 ? 0 : -EPROTO;
}

static int check_memory(const struct ctl_msg *msg, unsigned int n_fds)
{
	return !n_fds && msg->u.memory.bytes ? 0 : -EPROTO;
}

static int check_memory_grant(const struct ctl_msg *msg, unsigned int n_fds)
{
	const struct ctl_memory_grant *grant = &msg->u.memory_grant;

	if (n_fds || grant->err > 0 || grant->reserved)
		return -EPROTO;
	return !grant->err == !!grant->bytes ? 0 : -EPROTO;
}

/* No descriptors, and nothing that could be wrong by itself. */
static int check_empty(const struct ctl_msg *msg, unsigned int n_fds)
{
	(void)msg;
	return n_fds ? -EPROTO : 0;
}

/* One row a type: the sizes it may have, and the check of its contents. */
static const struct ctl_kind {
	uint32_t min_bytes;
	uint32_t max_bytes;
	int (*check)(const struct ctl_msg *msg, unsigned int n_fds);
} kinds[] = {
	[CTL_READY] = { CTL_BYTES(ready), CTL_BYTES(ready), check_ready },
	[CTL_FAILED] = { CTL_BYTES(failed), CTL_BYTES(failed), check_failed },
	[CTL_BIND] = { CTL_BYTES(bind), CTL_BYTES(bind), check_bind },
	[CTL_BOUND] = { HEADER_BYTES, HEADER_BYTES, check_empty },
	[CTL_MAP] = { MAP_BYTES(1), MAP_BYTES(CTL_MAX_REFS), check_map },
	[CTL_GRANT] = { CTL_BYTES(grant), CTL_BYTES(grant), check_grant },
	[CTL_UNMAPPED] = { CTL_BYTES(unmapped), CTL_BYTES(unmapped), check_unmapped },
	[CTL_CLOSE] = { HEADER_BYTES, HEADER_BYTES, check_empty },
	[CTL_CLOSED] = { CTL_BYTES(closed), CTL_BYTES(closed), check_closed },
	[CTL_RUN] = { CTL_BYTES(run), CTL_BYTES(run), check_run },
	[CTL_WORK] = { CTL_BYTES(work), CTL_BYTES(work), check_work },
	[CTL_MEMORY] = { CTL_BYTES(memory), CTL_BYTES(memory), check_memory },
	[CTL_MEMORY_GRANT] = { CTL_BYTES(memory_grant), CTL_BYTES(memory_grant),
			       check_memory_grant },
	[CTL_MEMORY_RECALL] = { HEADER_BYTES, HEADER_BYTES, check_empty },
	[CTL_MEMORY_BACK] = { CTL_BYTES(memory_back), CTL_BYTES(memory_back), check_empty },
	[CTL_LIMITS] = { CTL_BYTES(limits), CTL_BYTES(limits), check_empty },
	[CTL_LATER] = { HEADER_BYTES, HEADER_BYTES, check_empty },
	[CTL_UNCAGED] = { CTL_BYTES(uncaged), CTL_BYTES(uncaged), check_uncaged },
};

static int check_msg(const struct ctl_msg *msg, size_t got_bytes, unsigned int n_fds)
{
	const struct ctl_kind *kind;

	if (got_bytes < HEADER_BYTES || msg->bytes != got_bytes)
		return -EPROTO;
	if (msg->type >= sizeof(kinds) / sizeof(kinds[0]) || !kinds[msg->type].check)
		return -EPROTO;
	kind = &kinds[msg->type];
	if (msg->bytes < kind->min_bytes || msg->bytes > kind->max_bytes)
		return -EPROTO;
	return kind->check(msg, n_fds);
}

int ctl_send(int sock, const struct ctl_msg *msg, const int *fds, unsigned int n_fds)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)msg, .iov_len = msg->bytes };
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(CTL_MAX_FDS * sizeof(int))];
	} control;
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	if (n_fds > CTL_MAX_FDS || msg->bytes < HEADER_BYTES || msg->bytes > sizeof(*msg))
		return -EINVAL;
	if (n_fds) {
		struct cmsghdr *cmsg = &control.align;

		memset(&control, 0, sizeof(control));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
		hdr.msg_control = &control;
		hdr.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
	}
	do {
		sent = sendmsg(sock, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return 0;
	/* ECONNREFUSED: Linux before 6.2, when the other end closes just then. */
	if (errno == ECONNRESET || errno == ENOTCONN || errno == ECONNREFUSED)
		return -EPIPE;
	return errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

/* Take every descriptor that came, whatever the message is worth. */
static unsigned int take_fds(struct msghdr *hdr, int *fds)
{
	unsigned int n_fds = 0;
	struct cmsghdr *cmsg;

	/* The control buffer has room for CTL_MAX_FDS and no more: see ctl_recv(). */
	for (cmsg = CMSG_FIRSTHDR(hdr); cmsg; cmsg = CMSG_NXTHDR(hdr, cmsg)) {
		size_t bytes = cmsg->cmsg_len - CMSG_LEN(0);

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(fds + n_fds, CMSG_DATA(cmsg), bytes);
		n_fds += (unsigned int)(bytes / sizeof(int));
	}
	return n_fds;
}

int ctl_recv(int sock, struct ctl_msg *msg, int *fds, unsigned int *n_fds)
{
	struct iovec iov = { .iov_base = msg, .iov_len = sizeof(*msg) };
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(CTL_MAX_FDS * sizeof(int))];
	} control;
	struct msghdr hdr;
	unsigned int tries = 0, n;
	ssize_t got;

	/*
	 * A peer that ended with messages unread leaves an ECONNRESET in front of what it had sent;
	 * the kernel reports it once, so what it said last is behind it.
	 * CMSG_LEN, not CMSG_SPACE: in the padding of the latter the kernel would find room for one
	 * descriptor more.
	 */
	do {
		hdr = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				       .msg_controllen = CMSG_LEN(CTL_MAX_FDS * sizeof(int)) };
		got = recvmsg(sock, &hdr, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (got < 0 && (errno == EINTR || (errno == ECONNRESET && !tries++)));
	if (got < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -EPIPE;
	n = take_fds(&hdr, fds);
	if (got == 0 && n == 0)
		return -EPIPE;
	if ((hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || check_msg(msg, (size_t)got, n)) {
		while (n)
			close(fds[--n]);
		return -EPROTO;
	}
	*n_fds = n;
	return 1;
}
