// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event channels on the local platform.
 */
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "grant_hub.h"

/* A port of domain 1, bound by domain 0; the event every binding begins with is taken. */
struct pair {
	struct hub_proc hub;
	struct plat *guest, *dom0;
	struct evt *front, *back;
	uint32_t port;
};

static void pair_init(struct pair *p)
{
	memset(p, 0, sizeof(*p));
	hub_start(&p->hub, NULL);
	p->guest = hub_plat(&p->hub, 1);
	p->dom0 = hub_plat(&p->hub, 0);
	CHECK_EQ(evt_alloc(p->guest, 0, &p->front, &p->port), 0);
	CHECK(p->port);
	CHECK_EQ(evt_bind(p->dom0, 1, p->port, &p->back), 0);
	CHECK_EQ(readable(evt_fd(p->back), 0), 1);
	CHECK_EQ(evt_pending(p->back), 1);
	CHECK_EQ(evt_unmask(p->back), 0);
	CHECK_EQ(evt_pending(p->back), 0);
	CHECK_EQ(evt_pending(p->front), 0);
}

static void pair_finish(struct pair *p)
{
	evt_close(p->back);
	evt_close(p->front);
	plat_close(p->dom0);
	plat_close(p->guest);
	hub_stop(&p->hub);
}

static int try_bind(struct plat *plat, uint16_t domid, uint32_t port)
{
	struct evt *evt = NULL;
	int err = evt_bind(plat, domid, port, &evt);

	if (!err)
		evt_close(evt);
	else
		CHECK(!evt);
	return err;
}

TEST(grant_evt, both_ways)
{
	struct pair p;

	pair_init(&p);
	CHECK_EQ(evt_notify(p.front), 0);
	CHECK_EQ(readable(evt_fd(p.back), 0), 1);
	CHECK_EQ(readable(evt_fd(p.front), 0), 0);
	CHECK_EQ(evt_pending(p.back), 1);
	CHECK_EQ(evt_unmask(p.back), 0);
	CHECK_EQ(evt_notify(p.back), 0);
	CHECK_EQ(readable(evt_fd(p.back), 0), 0);
	CHECK_EQ(evt_pending(p.front), 1);
	CHECK_EQ(evt_unmask(p.front), 0);
	CHECK_EQ(plat_counters()->notifies, 2);
	CHECK_EQ(plat_counters()->events, 3);
	pair_finish(&p);
}

TEST(grant_evt, mask)
{
	struct pair p;
	int i;

	pair_init(&p);
	for (i = 0; i < 3; i++)
		CHECK_EQ(evt_notify(p.front), 0);
	CHECK_EQ(evt_pending(p.back), 1);	/* several are one */
	CHECK_EQ(evt_pending(p.back), 0);
	for (i = 0; i < 3; i++)
		CHECK_EQ(evt_notify(p.front), 0);
	CHECK_EQ(readable(evt_fd(p.back), 20), 0);	/* masked: nobody is woken */
	CHECK_EQ(evt_pending(p.back), 0);
	CHECK_EQ(evt_unmask(p.back), 0);
	CHECK_EQ(readable(evt_fd(p.back), 0), 1);	/* but it was not lost */
	CHECK_EQ(evt_pending(p.back), 1);
	CHECK_EQ(evt_unmask(p.back), 0);
	CHECK_EQ(evt_unmask(p.back), 0);
	CHECK_EQ(readable(evt_fd(p.back), 0), 0);
	CHECK_EQ(evt_pending(p.back), 0);
	pair_finish(&p);
}

/* A loop's own epoll around it sees the same. */
TEST(grant_evt, nested_epoll)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct pair p;
	int ep;

	pair_init(&p);
	ep = epoll_create1(EPOLL_CLOEXEC);
	CHECK(ep >= 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, evt_fd(p.back), &ev), 0);
	CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
	CHECK_EQ(evt_notify(p.front), 0);
	CHECK_EQ(epoll_wait(ep, &ev, 1, 1000), 1);
	CHECK_EQ(evt_pending(p.back), 1);
	CHECK_EQ(evt_notify(p.front), 0);
	CHECK_EQ(epoll_wait(ep, &ev, 1, 20), 0);
	CHECK_EQ(evt_unmask(p.back), 0);
	CHECK_EQ(epoll_wait(ep, &ev, 1, 1000), 1);
	close(ep);
	pair_finish(&p);
}

/* No wake-up is lost, however the two sides interleave. */
TEST(grant_evt, ping_pong)
{
	enum { ROUNDS = 20000 };
	struct pair p;
	int i, status;
	pid_t pid;

	pair_init(&p);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		for (i = 0; i < ROUNDS; i++) {
			CHECK_EQ(readable(evt_fd(p.front), 10000), 1);
			CHECK_EQ(evt_pending(p.front), 1);
			CHECK_EQ(evt_unmask(p.front), 0);
			CHECK_EQ(evt_notify(p.front), 0);
		}
		_exit(0);
	}
	for (i = 0; i < ROUNDS; i++) {
		CHECK_EQ(evt_notify(p.back), 0);
		CHECK_EQ(readable(evt_fd(p.back), 10000), 1);
		CHECK_EQ(evt_pending(p.back), 1);
		CHECK_EQ(evt_unmask(p.back), 0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	pair_finish(&p);
}

TEST(grant_evt, who_may_bind)
{
	struct evt *front = NULL, *back = NULL;
	struct plat *guest, *other, *dom0;
	struct hub_proc hub;
	uint32_t port;

	hub_start(&hub, NULL);
	guest = hub_plat(&hub, 1);
	other = hub_plat(&hub, 2);
	dom0 = hub_plat(&hub, 0);
	CHECK_EQ(evt_alloc(guest, 0, &front, &port), 0);
	CHECK_EQ(try_bind(other, 1, port), -EINVAL);	/* offered to domain 0 */
	CHECK_EQ(try_bind(guest, 1, port), -EINVAL);
	CHECK_EQ(try_bind(dom0, 2, port), -EINVAL);	/* not domain 2's */
	CHECK_EQ(try_bind(dom0, 1, port + 1), -EINVAL);
	CHECK_EQ(try_bind(dom0, 1, 0), -EINVAL);
	CHECK_EQ(try_bind(dom0, 1, UINT32_MAX), -EINVAL);
	CHECK_EQ(try_bind(dom0, 7, port), -EINVAL);
	CHECK_EQ(try_bind(dom0, 65535, port), -EINVAL);

	CHECK_EQ(evt_bind(dom0, 1, port, &back), 0);
	CHECK_EQ(try_bind(dom0, 1, port), -EINVAL);	/* bound already */
	evt_close(back);
	CHECK_EQ(try_bind(dom0, 1, port), 0);		/* free again, at once */
	CHECK_EQ(try_bind(dom0, 1, port), 0);
	evt_close(front);
	CHECK_EQ(try_bind(dom0, 1, port), -EINVAL);	/* nobody there, at once */
	plat_close(dom0);
	plat_close(other);
	plat_close(guest);
	hub_stop(&hub);
}

/* ---- passing a handle on ---- */

static void send_fds(int sock, const int *fds, unsigned int n_fds, uint32_t port)
{
	char room[CMSG_SPACE(EVT_MAX_FDS * sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = &port, .iov_len = sizeof(port) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			      .msg_controllen = CMSG_SPACE(n_fds * sizeof(int)) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, n_fds * sizeof(int));
	CHECK_EQ(sendmsg(sock, &msg, 0), sizeof(port));
}

static unsigned int recv_fds(int sock, int *fds, uint32_t *port)
{
	char room[CMSG_SPACE(EVT_MAX_FDS * sizeof(int))];
	struct iovec iov = { .iov_base = port, .iov_len = sizeof(*port) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			      .msg_controllen = sizeof(room) };
	struct cmsghdr *cmsg;
	unsigned int n_fds;

	CHECK_EQ(recvmsg(sock, &msg, MSG_CMSG_CLOEXEC), sizeof(*port));
	cmsg = CMSG_FIRSTHDR(&msg);
	CHECK(cmsg);
	n_fds = (unsigned int)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(fds, CMSG_DATA(cmsg), n_fds * sizeof(int));
	return n_fds;
}

/* A worker: imports what it is sent, answers every event, until it is killed. */
static pid_t start_worker(int sock)
{
	struct evt *evt = NULL;
	int fds[EVT_MAX_FDS];
	unsigned int n_fds;
	uint32_t port;
	pid_t pid;

	pid = fork();
	CHECK(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	n_fds = recv_fds(sock, fds, &port);
	CHECK_EQ(evt_import(PLAT_LOCAL, fds, n_fds, port, &evt), 0);
	for (;;) {
		CHECK_EQ(readable(evt_fd(evt), -1), 1);
		CHECK_EQ(evt_pending(evt), 1);
		CHECK_EQ(evt_unmask(evt), 0);
		CHECK_EQ(evt_notify(evt), 0);
	}
}

TEST(grant_evt, export_import)
{
	struct evt *front = NULL, *back = NULL;
	struct plat *guest, *dom0;
	int fds[EVT_MAX_FDS], sock[2], i;
	struct hub_proc hub;
	uint32_t port, back_port;
	unsigned int n_fds;
	pid_t pid;

	hub_start(&hub, NULL);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	pid = start_worker(sock[1]);	/* before there is anything to inherit */
	close(sock[1]);
	guest = hub_plat(&hub, 1);
	dom0 = hub_plat(&hub, 0);
	CHECK_EQ(evt_alloc(guest, 0, &front, &port), 0);
	CHECK_EQ(evt_bind(dom0, 1, port, &back), 0);
	n_fds = evt_export(back, fds, &back_port);
	CHECK(n_fds >= 1 && n_fds <= EVT_MAX_FDS);
	send_fds(sock[0], fds, n_fds, back_port);
	evt_close(back);
	plat_close(dom0);		/* the worker needs neither */

	for (i = 0; i < 100; i++) {
		CHECK_EQ(readable(evt_fd(front), 5000), 1);
		CHECK_EQ(evt_pending(front), 1);
		CHECK_EQ(evt_unmask(front), 0);
		CHECK_EQ(evt_notify(front), 0);
	}
	dom0 = hub_plat(&hub, 0);
	CHECK_EQ(try_bind(dom0, 1, port), -EINVAL);	/* the worker has it */
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(try_bind(dom0, 1, port), 0);		/* and now it has not */
	plat_close(dom0);
	evt_close(front);
	plat_close(guest);
	close(sock[0]);
	hub_stop(&hub);
}

TEST(grant_evt, import_of_the_wrong_kind)
{
	int fds[EVT_MAX_FDS] = { 0 };
	struct evt *evt = NULL;

	CHECK_EQ(evt_import(PLAT_LOCAL, fds, 1, 1, &evt), -EINVAL);
	CHECK_EQ(evt_import(PLAT_XEN, fds, 3, 1, &evt), -EINVAL);
	CHECK_EQ(evt_import((enum plat_kind)9, fds, 1, 1, &evt), -EINVAL);
	CHECK(!evt);
}

/* An import that fails leaves its descriptors with the caller. */
TEST(grant_evt, failed_import_takes_nothing)
{
	struct evt *evt = NULL;
	int fds[EVT_MAX_FDS] = { -1, -1, -1 };

	CHECK(evt_import(PLAT_LOCAL, fds, 3, 1, &evt) < 0);
	CHECK_EQ(pipe(fds), 0);
	CHECK_EQ(evt_import(PLAT_LOCAL, fds, 2, 1, &evt), -EINVAL);
	CHECK_EQ(close(fds[0]), 0);
	CHECK_EQ(close(fds[1]), 0);
}

/* A domain goes: its peer's handle stays usable, and silent. */
TEST(grant_evt, domain_destroyed)
{
	struct pair p;

	pair_init(&p);
	CHECK_EQ(hub_ask(&p.hub, "--destroy", "1"), 0);
	CHECK_EQ(evt_notify(p.back), 0);
	CHECK_EQ(readable(evt_fd(p.back), 20), 0);
	CHECK_EQ(try_bind(p.dom0, 1, p.port), -EINVAL);
	CHECK_EQ(hub_ask(&p.hub, "--create", "1"), 0);
	CHECK_EQ(try_bind(p.dom0, 1, p.port), -EINVAL);
	pair_finish(&p);
}

TEST(grant_evt, ports_are_given_back)
{
	enum { PORTS = 4095 };
	struct evt *evt = NULL;
	struct hub_proc hub;
	struct plat *guest;
	uint32_t port;
	int i;

	hub_start(&hub, NULL);
	guest = hub_plat(&hub, 1);
	for (i = 0; i < 2 * PORTS; i++) {
		CHECK_EQ(evt_alloc(guest, 0, &evt, &port), 0);
		evt_close(evt);
	}
	plat_close(guest);
	hub_stop(&hub);
}
