// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local platform: the connection to xengpu-localhub. Calls are synchronous; none of them is
 * on the hot path, which is eventfds and memory only.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "local_priv.h"

static int send_all(int sock, struct iovec *iov, unsigned int n_iov, const int *fd)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n_iov };
	struct cmsghdr *cmsg;
	ssize_t sent;

	if (fd) {
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), fd, sizeof(int));
	}

	while (msg.msg_iovlen) {
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EPIPE || errno == ECONNRESET ? -ENODEV : -errno;
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
		while (msg.msg_iovlen && (size_t)sent >= msg.msg_iov->iov_len) {
			sent -= (ssize_t)msg.msg_iov->iov_len;
			msg.msg_iov++;
			msg.msg_iovlen--;
		}
		if (msg.msg_iovlen) {
			msg.msg_iov->iov_base = (char *)msg.msg_iov->iov_base + sent;
			msg.msg_iov->iov_len -= (size_t)sent;
		}
	}
	return 0;
}

static void close_fds(int *fds, uint32_t *n_fds)
{
	while (*n_fds)
		close(fds[--*n_fds]);
}

/* Takes descriptors out of @msg; those there is no room for are closed, and that is an error. */
static int take_fds(struct msghdr *msg, int *fds, uint32_t room, uint32_t *n_fds)
{
	int err = msg->msg_flags & MSG_CTRUNC ? -EMFILE : 0;
	struct cmsghdr *cmsg;
	size_t i, n;
	int fd;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
			if (*n_fds < room) {
				fds[(*n_fds)++] = fd;
			} else {
				close(fd);
				err = -EPROTO;
			}
		}
	}
	return err;
}

/*
 * Receives exactly @bytes. Reads on after running out of descriptors, so that the stream stays in
 * step; the error is returned at the end.
 */
static int recv_all(int sock, void *buf, size_t bytes, struct local_call *call)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(HUB_MAX_FDS * sizeof(int))];
	} control;
	size_t done = 0;
	int ret = 0, err;
	ssize_t got;

	while (done < bytes) {
		struct iovec iov = { .iov_base = (char *)buf + done, .iov_len = bytes - done };
		struct msghdr msg = {
			.msg_iov = &iov, .msg_iovlen = 1,
			.msg_control = control.room, .msg_controllen = sizeof(control.room),
		};

		got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != ECONNRESET)
			return -errno;
		if (got <= 0)
			return -ENODEV;
		err = take_fds(&msg, call->fds, call->fds_room, &call->n_fds);
		if (err)
			ret = err;
		done += (size_t)got;
	}
	return ret;
}

/* Drops a payload nobody asked for. */
static int skip(int sock, size_t bytes, struct local_call *call)
{
	char waste[512];
	size_t now;
	int err;

	while (bytes) {
		now = bytes < sizeof(waste) ? bytes : sizeof(waste);
		err = recv_all(sock, waste, now, call);
		if (err)
			return err;
		bytes -= now;
	}
	return 0;
}

static int recv_payload(int sock, size_t bytes, struct local_call *call)
{
	int err;

	if (call->want_text) {
		call->reply_text = malloc(bytes + 1);
		if (!call->reply_text) {
			err = skip(sock, bytes, call);
			return err ? err : -ENOMEM;
		}
		call->reply_text[bytes] = 0;
		call->reply_bytes = bytes;
		return recv_all(sock, call->reply_text, bytes, call);
	}
	if (bytes > call->reply_room) {
		err = skip(sock, bytes, call);
		return err ? err : -EPROTO;
	}
	call->reply_bytes = bytes;
	return recv_all(sock, call->reply, bytes, call);
}

int local_call(struct local_conn *conn, struct local_call *call)
{
	struct hub_hdr hdr = {
		.op = call->op,
		.bytes = (uint32_t)(call->head_bytes + call->body_bytes),
		.tx = call->tx,
	};
	struct iovec iov[3] = {
		{ .iov_base = &hdr, .iov_len = sizeof(hdr) },
		{ .iov_base = (void *)(uintptr_t)call->head, .iov_len = call->head_bytes },
		{ .iov_base = (void *)(uintptr_t)call->body, .iov_len = call->body_bytes },
	};
	int err, payload_err;

	call->n_fds = 0;
	call->reply_bytes = 0;
	call->reply_text = NULL;
	if (conn->fd < 0)
		return -ENODEV;
	if (call->head_bytes + call->body_bytes > HUB_MAX_BYTES)
		return -E2BIG;

	err = send_all(conn->fd, iov, 3, call->send_fd ? &call->fd : NULL);
	if (err)
		return err;
	/* The descriptors may fail to arrive although the header does: then go on reading. */
	err = recv_all(conn->fd, &hdr, sizeof(hdr), call);
	if (err && err != -EMFILE)
		goto out_drop;
	if (hdr.op != call->op || hdr.bytes > HUB_MAX_BYTES) {
		err = -EPROTO;
		goto out_drop;
	}
	payload_err = recv_payload(conn->fd, hdr.bytes, call);
	if (!err)
		err = payload_err;
	if (!err)
		err = hdr.status;
	if (!err && (call->any_fds ? !call->n_fds : call->n_fds != call->fds_room))
		err = -EPROTO;
	if (!err)
		return 0;

out_drop:
	close_fds(call->fds, &call->n_fds);
	free(call->reply_text);
	call->reply_text = NULL;
	return err;
}

int local_connect(const char *path, uint16_t domid, int *events, struct local_conn *out)
{
	const struct hub_hello hello = {
		.magic = HUB_MAGIC, .domid = domid, .want_events = events != NULL,
	};
	struct local_call call = {
		.op = HUB_HELLO, .head = &hello, .head_bytes = sizeof(hello),
		.fds = events, .fds_room = events ? 1 : 0,
	};
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct local_conn conn;
	int err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -EINVAL;
	strcpy(addr.sun_path, path);

	conn.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (conn.fd < 0)
		return -errno;
	if (connect(conn.fd, (struct sockaddr *)&addr, sizeof(addr))) {
		err = -errno;
		goto out_close;
	}
	err = local_call(&conn, &call);
	if (err)
		goto out_close;
	*out = conn;
	return 0;

out_close:
	close(conn.fd);
	return err;
}

void local_disconnect(struct local_conn *conn)
{
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
}

static void close_plat(struct plat *plat)
{
	struct plat_local *local = to_plat_local(plat);

	local_disconnect(&local->conn);
	free(local->path);
	free(local);
}

const struct plat_ops plat_local_ops = {
	.kind = PLAT_LOCAL,
	.close = close_plat,
	.share = gnt_local_share,
	.share_notify = gnt_local_share_notify,
	.unshare = gnt_local_unshare,
	.map_refs = gnt_local_map_refs,
	.explain = gnt_local_explain,
	.evt_alloc = evt_local_alloc,
	.evt_bind = evt_local_bind,
	.evt_import = evt_local_import,
	.xst_open = xst_local_open,
};

/* "PATH:DOMID"; the path may hold colons. */
static int parse_spec(const char *spec, char **path, uint16_t *domid)
{
	const char *colon = strrchr(spec, ':');
	unsigned long value;
	char *end;

	if (!colon || colon == spec || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	errno = 0;
	value = strtoul(colon + 1, &end, 10);
	if (errno || *end || value > HUB_MAX_DOMID)
		return -EINVAL;
	*path = strndup(spec, (size_t)(colon - spec));
	if (!*path)
		return -ENOMEM;
	*domid = (uint16_t)value;
	return 0;
}

int plat_local_open(const char *spec, struct plat **out)
{
	struct plat_local *local;
	int err;

	local = calloc(1, sizeof(*local));
	if (!local)
		return -ENOMEM;
	local->base.ops = &plat_local_ops;
	err = parse_spec(spec, &local->path, &local->domid);
	if (err)
		goto out_free;
	err = local_connect(local->path, local->domid, NULL, &local->conn);
	if (err)
		goto out_free_path;
	*out = &local->base;
	return 0;

out_free_path:
	free(local->path);
out_free:
	free(local);
	return err;
}
