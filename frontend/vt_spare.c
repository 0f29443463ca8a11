// SPDX-License-Identifier: GPL-2.0-only
/*
 * A session that was opened and not used: xengpu-run asks what there is, and the program that it
 * starts connects a moment later. So the child whose client only asked waits a while for another
 * client, and the parent hands it the next one: a session, a worker and a renderer less for each
 * program. Parent and child have a socket pair; a message from the child says that it is spare, one
 * to it carries the new client's descriptor.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vt.h"

#define ANSWERS_MS	1000u
#define SPARE_NS	(5 * UINT64_C(1000000000))

bool vt_spare_offer(int pair, int sock, pid_t peer_pid)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = &peer_pid, .iov_len = sizeof(peer_pid) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control.space) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	char said;

	if (recv(pair, &said, 1, MSG_DONTWAIT) != 1)
		return false;
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &sock, sizeof(sock));
	/* Fails when the child has given up waiting. */
	return sendmsg(pair, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof(peer_pid);
}

bool vt_spare_there(int pair)
{
	char said;

	return recv(pair, &said, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* Returns whether a client came. */
static bool take(struct vt_client *c)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	pid_t peer_pid;
	struct iovec iov = { .iov_base = &peer_pid, .iov_len = sizeof(peer_pid) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control.space) };
	struct cmsghdr *cmsg;

	if (recvmsg(c->pair, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(peer_pid))
		return false;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS || cmsg->cmsg_len != CMSG_LEN(sizeof(int)))
		return false;
	close(c->sock);
	memcpy(&c->sock, CMSG_DATA(cmsg), sizeof(c->sock));
	c->peer_pid = peer_pid;
	return true;
}

/* The session may end while nobody uses it. */
static bool still_good(struct vt_client *c)
{
	fe_device_process(c->dev);
	return fe_session_process(c->session) >= 0 && !c->failed;
}

static bool nothing_open(void *arg)
{
	const struct vt_client *c = arg;

	return !fe_session_in_flight(c->session);
}

/* It bears the last client's name, and the next one may want another capset. */
static int forget_context(struct vt_client *c)
{
	if (c->capset_id && fe_context_destroy(c->session, VT_CONTEXT, vt_must, c))
		return -1;
	c->capset_id = 0;
	fe_session_flush(c->session);
	return 0;
}

bool vt_spare_wait(struct vt_client *c)
{
	const uint64_t end_ns = fe_now_ns() + SPARE_NS;
	struct pollfd fds[2] = {
		{ .fd = c->pair, .events = POLLIN },
		{ .fd = fe_device_fd(c->dev), .events = POLLIN },
	};
	uint64_t now_ns;

	if (c->failed || c->table.n || c->submit_seq)
		return false;
	/*
	 * A client that left at once did not wait for the answers; the next one wants them, and is
	 * not to be ended for what the backend says to this one's requests.
	 */
	if (forget_context(c) ||
	    fe_session_wait(c->session, nothing_open, c, -1, ANSWERS_MS) || c->failed)
		return false;
	if (send(c->pair, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
		return false;
	while ((now_ns = fe_now_ns()) < end_ns && still_good(c)) {
		const struct timespec left = { (time_t)((end_ns - now_ns) / 1000000000u),
					       (long)((end_ns - now_ns) % 1000000000u) };
		sigset_t none;

		sigemptyset(&none);
		/* SIGTERM comes here, as in sleep_on(). */
		if (ppoll(fds, 2, &left, &none) < 0 || (fds[0].revents & ~POLLIN))
			break;
		if (take(c))
			return true;
	}
	/* From here on the parent cannot send one; what it sent before is served. */
	shutdown(c->pair, SHUT_RD);
	return take(c);
}
