// SPDX-License-Identifier: GPL-2.0-only
/*
 * One client: a child process, a session, and the loop that goes between the client's socket and
 * the ring. All that has arrived is carried out before anything is waited for; the ring is pushed
 * once before each sleep and before each reply, so that the backend works while the client does.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <xen/errno.h>

#include "request.h"
#include "vt.h"

#define ARENA_PAGES	256u		/* Mesa's largest submit has 65 */
#define ARENA_PAGES_MIN	68u
#define RESULT_PAGES	2u
#define CLOSE_MS	3000u
#define YIELDS		4u
#define MAX_SEEN	8192u
#define WAIT_STEP_MS	100		/* see fe_session_arm() */

static volatile sig_atomic_t told_to_end;

static void on_term(int signal)
{
	(void)signal;
	told_to_end = 1;
}

int vt_fail(struct vt_client *c, const char *fmt, ...)
{
	va_list ap;

	if (c->failed)
		return -1;
	c->failed = true;
	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return -1;
}

/* The socket's other end is closed, with @err 0 or one of two errors, or this end is in trouble. Returns -1. */
static int lose_socket(struct vt_client *c, int err)
{
	if (err && err != EPIPE && err != ECONNRESET)
		return vt_fail(c, "the program's socket: %s", strerror(err));
	c->ended = true;
	return vt_fail(c, "the program is gone");
}

int vt_wait(struct vt_client *c, bool (*done)(void *arg), void *arg, const char *silent)
{
	switch (fe_session_wait(c->session, done, arg, c->sock, FE_OPEN_MS)) {
	case 0:
		return 0;
	case -ECANCELED:
		return lose_socket(c, 0);
	case -ENOTCONN:
		return vt_fail(c, "%s", fe_session_why(c->session));
	default:
		return vt_fail(c, "%s", silent);
	}
}

/*
 * Which limit was met, and by what, for a person, into FE_TEXT_BYTES octets. Returns false where
 * the answer is not about a limit.
 */
static bool explain_limit(const struct vt_client *c, const struct vgpuif_request *req,
			  int32_t status, char *text)
{
	const struct fe_limits *l = fe_session_limits(c->session);
	const struct vgpuif_resource_create *r = &req->u.resource_create;
	char limit[48] = "the backend allows less";

	if (req->operation == VGPUIF_OP_BUFFER_REGISTER && status == -XEN_ENOSPC) {
		snprintf(text, FE_TEXT_BYTES, "over a limit the backend sets: %u more pages; it "
			 "allows %u pages for all of this guest's programs, and %u buffers for one",
			 req->u.buffer_register.n_pages, l->max_pages, l->max_buffers);
		return true;
	}
	if (req->operation == VGPUIF_OP_CONTEXT_CREATE && status == -XEN_ENOSPC) {
		snprintf(text, FE_TEXT_BYTES, "over a limit the backend sets: it allows %u "
			 "contexts for one program", l->max_contexts);
		return true;
	}
	if (req->operation != VGPUIF_OP_RESOURCE_CREATE &&
	    req->operation != VGPUIF_OP_RESOURCE_CREATE_BLOB)
		return false;
	if (status == -XEN_ENOSPC) {
		snprintf(text, FE_TEXT_BYTES, "over a limit the backend sets: it allows %u "
			 "resources for one program", l->max_resources);
		return true;
	}
	if (status != -XEN_ENOMEM || req->operation != VGPUIF_OP_RESOURCE_CREATE)
		return false;
	if (l->max_memory_mib)
		snprintf(limit, sizeof(limit), "the backend allows %u MiB", l->max_memory_mib);
	snprintf(text, FE_TEXT_BYTES, "out of GPU memory: %s for all of this guest's programs, and "
		 "one more resource of %ux%ux%u (%u layers, %u levels, %u samples, format %u) does "
		 "not fit", limit, r->width, r->height, r->depth, r->array_size, r->last_level + 1,
		 r->nr_samples ? r->nr_samples : 1, r->format);
	return true;
}

void vt_must(void *arg, const struct vgpuif_request *req, const struct vgpuif_response *rsp)
{
	struct vt_client *c = arg;
	char text[FE_TEXT_BYTES];

	/* When the session is lost, that is the reason, not this. */
	if (!rsp->status || fe_session_why(c->session)[0])
		return;
	if (explain_limit(c, req, rsp->status, text))
		vt_fail(c, "%s", text);
	else
		vt_fail(c, "the backend answered %s (id %u) with %s",
			request_name(req->operation), req->u.resource_create.resource_id,
			request_strstatus(rsp->status));
}

void vt_refuse(struct vt_client *c, const char *why)
{
	/* A program may try again and again. */
	if (!c->stats.refused++)
		vt_log("the program is refused a resource: %s", why);
}

bool vt_may(struct vt_client *c, const struct vgpuif_request *req,
	    const struct vgpuif_response *rsp)
{
	char text[FE_TEXT_BYTES];

	if (rsp->status && !fe_session_why(c->session)[0] &&
	    explain_limit(c, req, rsp->status, text)) {
		vt_refuse(c, text);
		return false;
	}
	vt_must(c, req, rsp);
	return true;
}

/*
 * Take what was only looked at out of the socket. That wakes the other end where it sleeps in recv(), to
 * find that there is no answer, which from another processor costs both more than to read these few octets
 * twice; so it is done when the client has been answered, or does not wait for anything.
 * Source: Linux, net/unix/af_unix.c, unix_write_space() and unix_stream_data_wait().
 */
static void take_seen(struct vt_client *c)
{
	uint8_t nowhere[MAX_SEEN];

	while (c->seen) {
		ssize_t n = recv(c->sock, nowhere, c->seen, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			c->seen = 0;
			c->ended = true;
			return;
		}
		c->seen -= (uint32_t)n;
	}
}

static int send_all(struct vt_client *c, const void *data, size_t bytes)
{
	const uint8_t *at = data;

	while (bytes) {
		ssize_t n = send(c->sock, at, bytes, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return lose_socket(c, errno);
		at += n;
		bytes -= (size_t)n;
	}
	take_seen(c);
	return 0;
}

int vt_reply(struct vt_client *c, const void *data, size_t bytes)
{
	fe_session_flush(c->session);
	return send_all(c, data, bytes);
}

int vt_reply_words(struct vt_client *c, uint32_t command, const uint32_t *words, uint32_t n)
{
	uint32_t reply[2 + 4] = { n, command };

	if (n)
		memcpy(reply + 2, words, n * sizeof(*words));
	return vt_reply(c, reply, (2 + n) * sizeof(*words));
}

int vt_reply_fd(struct vt_client *c, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = "", .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	fe_session_flush(c->session);
	while (sendmsg(c->sock, &msg, MSG_NOSIGNAL) < 0) {
		if (errno == EINTR)
			continue;
		return lose_socket(c, errno);
	}
	take_seen(c);
	return 0;
}

/* Mesa 25 sees that there is no descriptor, too, but forgets the last handle it gave. */
int vt_reply_no_memory(struct vt_client *c)
{
	const int fd = eventfd(0, EFD_CLOEXEC);
	int ret;

	if (fd < 0)
		return send_all(c, "", 1);
	ret = vt_reply_fd(c, fd);
	close(fd);
	return ret;
}

int vt_read_rest(struct vt_client *c, void *to, size_t bytes)
{
	uint8_t *at = to, *have;
	uint32_t n = vt_arena_data(&c->arena, &have);

	if (n > bytes)
		n = (uint32_t)bytes;
	memcpy(at, have, n);
	vt_arena_consume(&c->arena, n);
	take_seen(c);
	while (n < bytes) {
		ssize_t got = recv(c->sock, at + n, bytes - n, MSG_WAITALL);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return lose_socket(c, got ? errno : 0);
		n += (uint32_t)got;
		c->stats.bytes_in += (uint64_t)got;
	}
	return 0;
}

/* Few octets are looked at and left there, many are taken. Returns as recv(). */
static ssize_t look(struct vt_client *c, uint8_t *at, uint32_t room)
{
	ssize_t n;

	take_seen(c);
	n = recv(c->sock, at, room < MAX_SEEN ? room : MAX_SEEN, MSG_PEEK | MSG_DONTWAIT);
	if (n == MAX_SEEN)
		return recv(c->sock, at, room, MSG_DONTWAIT);
	if (n > 0)
		c->seen = (uint32_t)n;
	return n;
}

/* Have what the client sent. Returns whether there was something. */
static bool receive(struct vt_client *c)
{
	uint32_t room;
	uint8_t *at;
	ssize_t n;

	if (c->done_seq == c->submit_seq)
		vt_arena_free_all(&c->arena);
	room = vt_arena_room(&c->arena, &at);
	if (!room) {
		c->no_room = true;
		return false;
	}
	do {
		n = look(c, at, room);
	} while (n < 0 && errno == EINTR);
	c->stats.reads++;
	if (n > 0) {
		vt_arena_filled(&c->arena, (uint32_t)n);
		c->stats.bytes_in += (uint64_t)n;
	} else if (n == 0 || errno != EAGAIN) {
		c->ended = true;
	}
	return n > 0;
}

static bool blocked(const struct vt_client *c)
{
	return c->wait || c->no_room;
}

/* Carry on with everything that has arrived, answers and commands. */
static void work(struct vt_client *c)
{
	if (fe_session_process(c->session) < 0) {
		vt_fail(c, "%s", fe_session_why(c->session));
		return;
	}
	if (c->wait)
		vt_cmd_waited(c);
	c->no_room = false;
	vt_cmd_parse(c);
}

/* Sleep until something happens. Sets c->readable. */
static void sleep_on(struct vt_client *c)
{
	struct pollfd fds[3] = {
		{ .fd = c->sock, .events = blocked(c) ? POLLRDHUP : POLLIN },
		{ .fd = fe_device_fd(c->dev), .events = POLLIN },
		/* An answer that nobody waits for is found in passing. */
		{ .fd = blocked(c) ? fe_session_fd(c->session) : -1, .events = POLLIN },
	};
	int timeout_ms = blocked(c) ? WAIT_STEP_MS : vt_buf_timeout_ms(c);
	struct timespec timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000000l };
	sigset_t none;

	if (!blocked(c))
		take_seen(c);
	sigemptyset(&none);
	/* SIGTERM comes here and nowhere else, so that it is not missed. */
	if (ppoll(fds, 3, timeout_ms < 0 ? NULL : &timeout, &none) < 0) {
		if (told_to_end)
			vt_fail(c, "the vgpu is lost, or xengpu-vtest ends");
		return;
	}
	if (fds[0].revents && blocked(c))
		c->ended = true;
	c->readable = fds[0].revents != 0;
	if (fds[1].revents)
		fe_device_process(c->dev);
	if (fds[2].revents)
		fe_session_woken(c->session);
	vt_buf_expire(c);
}

/*
 * Half a command is there: the client is writing the rest at this moment, perhaps on this very CPU,
 * from which the first half's arrival has driven it. Let it go on instead of sleeping and being
 * woken for each piece. Returns whether more came.
 */
static bool linger(struct vt_client *c)
{
	unsigned int i;
	uint8_t *at;

	for (i = 0; i < YIELDS && !c->ended && vt_arena_data(&c->arena, &at); i++) {
		sched_yield();
		if (receive(c))
			return true;
	}
	return false;
}

static void serve(struct vt_client *c)
{
	while (!c->failed && !c->ended) {
		work(c);
		if (c->failed)
			return;
		if (!blocked(c) && c->readable) {
			/* Once is enough as a rule; what comes meanwhile, poll() tells. */
			c->readable = false;
			if (receive(c))
				continue;
		}
		if (!blocked(c) && linger(c))
			continue;
		if (c->ended)
			return;
		fe_session_flush(c->session);
		if (blocked(c) && (fe_session_spin(c->session) ||
				   fe_session_arm(c->session, c->wait ? c->wait_ticket : 0)))
			continue;
		sleep_on(c);
	}
}

/* Closed with octets in it, a socket gives its other end ECONNRESET. */
static void serve_to_the_end(struct vt_client *c)
{
	serve(c);
	take_seen(c);
}

static int open_arena(struct vt_client *c)
{
	uint32_t pages = ARENA_PAGES;
	char why[FE_TEXT_BYTES];
	int err;

	/* One page more, for what is put in beside the client's own commands. */
	while ((err = fe_buffer_create(c->session, pages + 1, true, vt_must, c, &c->arena_buffer,
				       why)) == -ENOSPC && pages / 2 >= ARENA_PAGES_MIN)
		pages /= 2;
	if (!err)
		err = fe_buffer_create(c->session, RESULT_PAGES, false, vt_must, c, &c->results,
				       why);
	if (err)
		return vt_fail(c, "%s", why);
	vt_arena_init(&c->arena, fe_buffer_addr(c->arena_buffer), pages * VGPUIF_PAGE_BYTES);
	return 0;
}

static int open_all(struct vt_client *c, int devid, uint32_t index)
{
	char why[FE_TEXT_BYTES] = "";
	int err;

	/* First, for close_all() looks at what it sets, however far this comes. */
	vt_res_init(c);
	err = plat_open(c->options->platform, &c->plat);
	if (err)
		return vt_fail(c, "the platform cannot be opened: %s", strerror(-err));
	if (fe_device_open(c->plat, devid, FE_USER, FE_OPEN_MS, &c->dev, why) ||
	    fe_session_open(c->dev, index, FE_OPEN_MS, NULL, NULL, &c->session, why))
		return vt_fail(c, "%s", why);
	if (open_arena(c) || vt_caps_ask(c))
		return -1;
	fe_session_flush(c->session);
	return 0;
}

static void close_all(struct vt_client *c)
{
	vt_sync_finish(c);
	if (c->session) {
		vt_stats_report(c);
		if (fe_session_close(c->session, CLOSE_MS))
			vt_log("the backend did not let go of this session's pages in time");
	}
	vt_buf_finish(c);
	vt_res_finish(c);
	fe_device_close(c->dev);
	plat_close(c->plat);
	close(c->sock);
}

/* Another client for a session that the one before did not use. */
static void begin_again(struct vt_client *c)
{
	vt_arena_init(&c->arena, c->arena.base, c->arena.size);
	c->stats = (struct vt_stats){ 0 };
	c->start_ns = fe_now_ns();
	snprintf(c->name, sizeof(c->name), "?");
	c->created = false;
	c->version = 0;
	c->wait = VT_WAIT_NONE;
	c->elided = false;
	vt_sync_finish(c);
	c->readable = true;
	c->ended = false;
}

int vt_client_serve(const struct vt_options *options, int sock, int pair, pid_t peer_pid, int devid,
		    uint32_t session)
{
	struct vt_client *c = calloc(1, sizeof(*c));
	struct sigaction action = { .sa_handler = on_term };
	char prefix[64];
	int status;

	snprintf(prefix, sizeof(prefix), "xengpu-vtest: session %u", session);
	vt_log_init(prefix);
	if (!c) {
		vt_log("process %d: connection closed: out of memory", (int)peer_pid);
		close(sock);
		close(pair);
		return 1;
	}
	sigaction(SIGTERM, &action, NULL);
	c->options = options;
	c->sock = sock;
	c->pair = pair;
	c->peer_pid = peer_pid;
	c->start_ns = fe_now_ns();
	snprintf(c->name, sizeof(c->name), "?");
	if (open_all(c, devid, session) == 0) {
		serve_to_the_end(c);
		while (vt_spare_wait(c)) {
			begin_again(c);
			serve_to_the_end(c);
		}
	}
	close(pair);
	status = c->failed && !c->ended;
	if (status)
		vt_log("%s (process %d): connection closed: %s", c->name, (int)c->peer_pid, c->why);
	/* The program shall know at once; it need not wait for the backend to let go. */
	shutdown(c->sock, SHUT_RDWR);
	close_all(c);
	free(c);
	return status;
}
