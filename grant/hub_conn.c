// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients of xengpu-localhub: taking their messages apart, and answering without ever waiting for
 * one of them. A client is read from only while it has no answer outstanding.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub_priv.h"
#include "platform_priv.h"

#define IN_START	4096u

static struct hub_conn *of_src(struct hub_src *src)
{
	return container_of(src, struct hub_conn, src);
}

/* ---- what goes out ---- */

static void free_chunk(struct hub_chunk *chunk)
{
	while (chunk->n_fds)
		close(chunk->fds[--chunk->n_fds]);
	free(chunk);
}

static void queue_init(struct hub_queue *queue)
{
	queue->first = NULL;
	queue->end = &queue->first;
	queue->bytes = 0;
	queue->waiting = false;
}

static void queue_pop(struct hub_queue *queue)
{
	struct hub_chunk *chunk = queue->first;

	queue->first = chunk->next;
	if (!queue->first)
		queue->end = &queue->first;
	queue->bytes -= sizeof(*chunk) + chunk->bytes;
	free_chunk(chunk);
}

static void queue_drop(struct hub_queue *queue)
{
	while (queue->first)
		queue_pop(queue);
}

static struct hub_chunk *new_chunk(uint32_t bytes)
{
	struct hub_chunk *chunk = malloc(sizeof(*chunk) + bytes);

	if (!chunk)
		return NULL;
	chunk->next = NULL;
	chunk->bytes = bytes;
	chunk->sent = 0;
	chunk->n_fds = 0;
	return chunk;
}

static void queue_push(struct hub_queue *queue, struct hub_chunk *chunk)
{
	*queue->end = chunk;
	queue->end = &chunk->next;
	queue->bytes += sizeof(*chunk) + chunk->bytes;
}

static ssize_t send_chunk(int sock, struct hub_chunk *chunk)
{
	struct iovec iov = {
		.iov_base = chunk->data + chunk->sent,
		.iov_len = chunk->bytes - chunk->sent,
	};
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(HUB_MAX_FDS * sizeof(int))];
	} control;
	struct cmsghdr *cmsg;

	if (chunk->n_fds) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(chunk->n_fds * sizeof(int));
		cmsg = &control.align;
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(chunk->n_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), chunk->fds, chunk->n_fds * sizeof(int));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Returns 0, whether or not all of it went; -errno, the client is gone. */
static int queue_send(struct hub_queue *queue, int sock)
{
	struct hub_chunk *chunk;
	ssize_t sent;

	while (queue->first) {
		chunk = queue->first;
		sent = send_chunk(sock, chunk);
		if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (sent < 0)
			return -errno;
		while (chunk->n_fds)
			close(chunk->fds[--chunk->n_fds]);
		chunk->sent += (uint32_t)sent;
		if (chunk->sent == chunk->bytes)
			queue_pop(queue);
	}
	return 0;
}

/* Sends what it can; waits for room for the rest, and only then, for @idle otherwise. */
static void flush(struct hub *hub, struct hub_conn *conn, struct hub_queue *queue,
		  struct hub_src *src, uint32_t idle)
{
	const bool waited = queue->waiting;

	if (queue_send(queue, src->fd)) {
		hub_conn_close(hub, conn);
		return;
	}
	queue->waiting = queue->first != NULL;
	if (queue->waiting != waited)
		hub_src_change(hub, src, queue->waiting ? EPOLLOUT : idle);
}

static void flush_out(struct hub *hub, struct hub_conn *conn)
{
	flush(hub, conn, &conn->out, &conn->src, EPOLLIN);
}

static void flush_events(struct hub *hub, struct hub_conn *conn)
{
	flush(hub, conn, &conn->event_out, &conn->events, 0);
}

static void events_ready(struct hub *hub, struct hub_src *src, uint32_t events)
{
	struct hub_conn *conn = container_of(src, struct hub_conn, events);

	if (events & (EPOLLHUP | EPOLLERR))
		hub_conn_close(hub, conn);
	else
		flush_events(hub, conn);
}

int hub_conn_open_events(struct hub *hub, struct hub_conn *conn, int *client_fd)
{
	int pair[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	conn->events.fd = pair[0];
	conn->events.ready = events_ready;
	err = hub_src_add(hub, &conn->events, 0);
	if (err) {
		conn->events.fd = -1;
		close(pair[0]);
		close(pair[1]);
		return err;
	}
	*client_fd = pair[1];
	return 0;
}

void hub_conn_event(struct hub *hub, struct hub_conn *conn, const char *path, const char *token)
{
	const size_t path_bytes = strlen(path) + 1, token_bytes = strlen(token) + 1;
	struct hub_chunk *chunk;

	if (conn->src.dead || conn->events.fd < 0)
		return;
	chunk = new_chunk((uint32_t)(path_bytes + token_bytes));
	if (!chunk || conn->event_out.bytes > HUB_MAX_QUEUE_BYTES) {
		free(chunk);
		hub_conn_close(hub, conn);
		return;
	}
	memcpy(chunk->data, path, path_bytes);
	memcpy(chunk->data + path_bytes, token, token_bytes);
	queue_push(&conn->event_out, chunk);
	/* Sent before the answer to whoever caused it: a process sees its own events at once. */
	if (conn->event_out.first == chunk)
		flush_events(hub, conn);
}

/* ---- what comes in ---- */

static int answer(struct hub *hub, struct hub_conn *conn, struct hub_req *req, int status)
{
	struct hub_hdr hdr = { .op = req->hdr.op, .tx = req->hdr.tx, .status = status };
	struct hub_chunk *chunk;

	(void)hub;
	if (!status)
		hdr.bytes = req->reply_bytes;
	chunk = new_chunk(sizeof(hdr) + hdr.bytes);
	if (!chunk)
		return -ENOMEM;
	memcpy(chunk->data, &hdr, sizeof(hdr));
	if (hdr.bytes)
		memcpy(chunk->data + sizeof(hdr), req->reply, hdr.bytes);
	if (!status) {
		memcpy(chunk->fds, req->fds, req->n_fds * sizeof(int));
		chunk->n_fds = req->n_fds;
		req->n_fds = 0;
	}
	queue_push(&conn->out, chunk);
	return 0;
}

static void run_request(struct hub *hub, struct hub_conn *conn)
{
	struct hub_req req = { .hub = hub, .conn = conn, .fd = conn->in_fd };
	int status, err;

	conn->in_fd = -1;
	memcpy(&req.hdr, conn->in, sizeof(req.hdr));
	conn->in[conn->in_bytes] = 0;
	req.data = conn->in + sizeof(req.hdr);

	status = hub_op_run(&req);
	err = conn->src.dead ? 0 : answer(hub, conn, &req, status);

	if (req.fd >= 0)
		close(req.fd);
	while (req.n_fds)
		close(req.fds[--req.n_fds]);
	free(req.reply);
	conn->in_bytes = 0;
	if (err)
		hub_conn_close(hub, conn);
	else if (!conn->src.dead)
		flush_out(hub, conn);
}

/* Keeps the first descriptor, drops what else came. */
static void take_fds(struct hub_conn *conn, struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	size_t i, n;
	int fd;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
			if (conn->in_fd < 0)
				conn->in_fd = fd;
			else
				close(fd);
		}
	}
}

/* How many octets the request has that is coming in, as far as is known; 0, it is not allowed. */
static uint32_t bytes_wanted(const struct hub_conn *conn)
{
	struct hub_hdr hdr;

	if (conn->in_bytes < sizeof(hdr))
		return sizeof(hdr);
	memcpy(&hdr, conn->in, sizeof(hdr));
	if (hdr.bytes > HUB_MAX_BYTES)
		return 0;
	return sizeof(hdr) + hdr.bytes;
}

static int make_room(struct hub_conn *conn, uint32_t bytes)
{
	char *in;

	if (bytes < conn->in_room)
		return 0;
	in = realloc(conn->in, bytes + 1); /* and a NUL */
	if (!in)
		return -ENOMEM;
	conn->in = in;
	conn->in_room = bytes + 1;
	return 0;
}

static ssize_t receive(struct hub_conn *conn, uint32_t bytes)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = conn->in + conn->in_bytes, .iov_len = bytes };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.room, .msg_controllen = sizeof(control.room),
	};
	ssize_t got;

	got = recvmsg(conn->src.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got >= 0)
		take_fds(conn, &msg);
	return got;
}

static void conn_readable(struct hub *hub, struct hub_conn *conn)
{
	uint32_t wanted;
	ssize_t got;

	/* One request at a time, so that no client gets more than its turn. */
	for (;;) {
		wanted = bytes_wanted(conn);
		if (!wanted || make_room(conn, wanted))
			goto out_close;
		if (conn->in_bytes >= sizeof(struct hub_hdr) && conn->in_bytes == wanted) {
			run_request(hub, conn);
			return;
		}
		got = receive(conn, wanted - conn->in_bytes);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0)
			goto out_close;
		conn->in_bytes += (uint32_t)got;
	}

out_close:
	hub_conn_close(hub, conn);
}

static void conn_ready(struct hub *hub, struct hub_src *src, uint32_t events)
{
	struct hub_conn *conn = of_src(src);

	if (conn->out.first) {
		if (events & (EPOLLHUP | EPOLLERR))
			hub_conn_close(hub, conn);
		else
			flush_out(hub, conn);
		return;
	}
	conn_readable(hub, conn);
}

/* ---- coming and going ---- */

static void conn_free(struct hub_src *src)
{
	struct hub_conn *conn = of_src(src);

	free(conn->in);
	free(conn);
}

void hub_conn_close(struct hub *hub, struct hub_conn *conn)
{
	struct hub_conn **at;

	if (conn->src.dead)
		return;
	for (at = &hub->conns; *at != conn; at = &(*at)->next)
		;
	*at = conn->next;
	hub->n_conns--;

	hub_tx_drop(conn);
	hub_watch_drop(conn);
	if (conn->dom)
		hub_gnt_drop(conn->dom, conn, true);
	conn->dom = NULL;
	queue_drop(&conn->out);
	queue_drop(&conn->event_out);
	if (conn->in_fd >= 0)
		close(conn->in_fd);
	conn->in_fd = -1;
	/* Buried in reverse: the memory of both goes with src, which must be last out. */
	hub_src_kill(hub, &conn->src);
	if (conn->events.fd >= 0)
		hub_src_kill(hub, &conn->events);
	conn->events.dead = true;
}

static int conn_new(struct hub *hub, int fd)
{
	struct hub_conn *conn;
	int err;

	if (hub->n_conns >= HUB_MAX_CONNS)
		return -EMFILE;
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return -ENOMEM;
	conn->src.fd = fd;
	conn->src.ready = conn_ready;
	conn->src.free = conn_free;
	conn->events.fd = -1;
	conn->in_fd = -1;
	queue_init(&conn->out);
	queue_init(&conn->event_out);
	err = make_room(conn, IN_START);
	if (!err)
		err = hub_src_add(hub, &conn->src, EPOLLIN);
	if (err) {
		free(conn->in);
		free(conn);
		return err;
	}
	conn->next = hub->conns;
	hub->conns = conn;
	hub->n_conns++;
	return 0;
}

void hub_conn_accept(struct hub *hub, struct hub_src *listener, uint32_t events)
{
	int fd;

	(void)events;
	fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		/* Left in the queue it would wake us for ever: take it with the spare one. */
		close(hub->spare_fd);
		fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			close(fd);
		hub->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return;
	}
	if (fd >= 0 && conn_new(hub, fd))
		close(fd);
}
