// SPDX-License-Identifier: GPL-2.0-only
/*
 * The daemon: one process that owns the device's state nodes and listens, and a child for each
 * connection. It maps no granted page, so that a child starts with none that are not its own. When
 * the device is lost the children end, and with them the programs; the daemon connects again by
 * itself. Who connects in the meantime waits a little, and is then turned away.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fe_kernel.h"
#include "vt.h"

#define CONNECT_MS	3000u
#define RETRY_MIN_MS	250u
#define RETRY_MAX_MS	4000u
#define END_NS		(4 * UINT64_C(1000000000))	/* longer than a child takes to close */
#define HOLD_NS		(5 * UINT64_C(1000000000))	/* how long clients wait for a reconnect, or a session */
#define HELD_LOOK_MS	100	/* a child with a session to spare says so, and wakes nobody */

enum slot_state {
	SLOT_FREE,
	SLOT_RUNNING,
	SLOT_CLOSING,		/* the process is gone; the backend may not have let go yet */
};

struct slot {
	enum slot_state state;
	pid_t pid;
	pid_t peer_pid;
	int pair;		/* while it runs; see vt_spare.c */
};

struct parent {
	const struct vt_options *options;
	pid_t pid;
	int listener;
	int signals;
	struct plat *plat;
	struct fe_device *dev;
	struct slot *slot;
	uint32_t n_slots;
	char why[FE_TEXT_BYTES];	/* of being unconnected */
	uint64_t lost_ns;
	uint64_t full_ns;		/* since when a client waits for a session; 0: none does */
	uint64_t retry_ns;
	unsigned int retry_ms;
	bool stop;
};

static bool anybody_there(const struct sockaddr_un *un)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool there = fd >= 0 && connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0;

	if (fd >= 0)
		close(fd);
	return there;
}

static int listen_at(struct parent *p)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (strlen(p->options->socket_path) >= sizeof(un.sun_path)) {
		vt_log("%s: too long for a socket", p->options->socket_path);
		return -1;
	}
	strcpy(un.sun_path, p->options->socket_path);
	if (anybody_there(&un)) {
		vt_log("%s: somebody serves there already", un.sun_path);
		return -1;
	}
	unlink(un.sun_path);
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->listener < 0 || bind(p->listener, (struct sockaddr *)&un, sizeof(un)) ||
	    chmod(un.sun_path, p->options->socket_mode) || listen(p->listener, 128)) {
		vt_log("%s: %s", un.sun_path, strerror(errno));
		return -1;
	}
	return 0;
}

static int open_signals(struct parent *p)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	p->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return p->signals < 0 ? -1 : 0;
}

/* --- the device ------------------------------------------------------------------------------- */

static void connect_device(struct parent *p)
{
	char why[FE_TEXT_BYTES] = "";
	struct slot *slot;
	int err;

	/* A vgpu has one frontend. Programs find the module's node by themselves. */
	if (!p->options->platform && !getenv("XENGPU_PLATFORM") &&
	    fe_kernel_drives(FE_KERNEL_SYSFS, p->options->devid)) {
		snprintf(why, sizeof(why), "the kernel module drives this vgpu");
		err = -EBUSY;
	} else {
		err = fe_device_open(p->plat, p->options->devid, FE_OWNER, CONNECT_MS, &p->dev,
				     why);
	}
	if (err) {
		p->dev = NULL;
		if (strcmp(p->why, why)) {
			vt_log("not connected: %s", why);
			snprintf(p->why, sizeof(p->why), "%s", why);
			vt_status_write(p->options, NULL, why);
		}
		p->retry_ms = p->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : p->retry_ms * 2;
		p->retry_ns = fe_now_ns() + p->retry_ms * UINT64_C(1000000);
		return;
	}
	slot = calloc(fe_device_limits(p->dev)->max_sessions, sizeof(*slot));
	if (!slot) {
		fe_device_close(p->dev);
		p->dev = NULL;
		return;
	}
	free(p->slot);
	p->slot = slot;
	p->n_slots = fe_device_limits(p->dev)->max_sessions;
	p->why[0] = '\0';
	p->retry_ms = RETRY_MIN_MS;
	vt_log("connected to vgpu %u of domain %u; up to %u programs",
	       fe_device_limits(p->dev)->devid, fe_device_limits(p->dev)->backend_domid,
	       p->n_slots);
	vt_status_write(p->options, fe_device_limits(p->dev), "");
}

static void reap(struct parent *p);

static uint32_t running(const struct parent *p)
{
	uint32_t i, n = 0;

	for (i = 0; i < p->n_slots; i++)
		n += p->slot[i].state == SLOT_RUNNING;
	return n;
}

static void tell_children(struct parent *p, int signal)
{
	uint32_t i;

	for (i = 0; i < p->n_slots; i++)
		if (p->slot[i].state == SLOT_RUNNING)
			kill(p->slot[i].pid, signal);
}

/* The children's sessions are worth nothing any more; nor are the programs' contexts. */
static void end_children(struct parent *p)
{
	const uint64_t deadline_ns = fe_now_ns() + END_NS;
	struct pollfd pfd = { .fd = p->signals, .events = POLLIN };
	struct signalfd_siginfo info;

	if (!running(p))
		return;
	vt_log("closing the connections of %u programs", running(p));
	tell_children(p, SIGTERM);
	while (running(p)) {
		if (fe_now_ns() > deadline_ns)
			tell_children(p, SIGKILL);
		poll(&pfd, 1, 100);
		while (read(p->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
			if (info.ssi_signo != SIGCHLD)
				p->stop = true;
		reap(p);
	}
}

static void lose_device(struct parent *p, const char *why)
{
	snprintf(p->why, sizeof(p->why), "%s", why);
	vt_log("connection lost: %s", why);
	vt_status_write(p->options, NULL, why);
	end_children(p);
	fe_device_close(p->dev);
	p->dev = NULL;
	p->lost_ns = fe_now_ns();
	p->retry_ms = RETRY_MIN_MS;
	p->retry_ns = p->lost_ns;
}

/* --- children --------------------------------------------------------------------------------- */

static void look_at_closing(struct parent *p)
{
	uint32_t i;

	for (i = 0; i < p->n_slots; i++)
		if (p->slot[i].state == SLOT_CLOSING && fe_device_session_idle(p->dev, i) > 0)
			p->slot[i].state = SLOT_FREE;
}

static void child_ended(struct parent *p, uint32_t i, int status)
{
	p->slot[i].state = SLOT_CLOSING;
	close(p->slot[i].pair);
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM)
		vt_log("session %u of process %d: its server died of signal %d (%s)", i,
		       (int)p->slot[i].peer_pid, WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (!p->dev)
		return;
	fe_device_session_abandon(p->dev, i);
	look_at_closing(p);
}

static void reap(struct parent *p)
{
	int status;
	uint32_t i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < p->n_slots; i++)
			if (p->slot[i].state == SLOT_RUNNING && p->slot[i].pid == pid)
				child_ended(p, i, status);
}

static void run_child(struct parent *p, int sock, int pair, pid_t peer_pid, uint32_t index)
{
	sigset_t set;

	/* A parent that ends in order asks with SIGTERM; the backend tidies up after this one. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != p->pid)
		_exit(1);
	/* See sleep_on() in vt_client.c. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_SETMASK, &set, NULL);
	/* The parent's xenstore, device, listener and other children's: nothing of this one's. */
	sock = fcntl(sock, F_DUPFD, pair < 5 ? 5 : pair + 1);
	if (sock < 0 || dup2(pair, 3) != 3 || dup2(sock, 4) != 4) {
		vt_log("process %d turned away: %s", (int)peer_pid, strerror(errno));
		_exit(1);
	}
	close_range(5, ~0u, 0);
	_exit(vt_client_serve(p->options, 4, 3, peer_pid,
			      (int)fe_device_limits(p->dev)->devid, index));
}

/* Returns n_slots when there is none. */
static uint32_t find_slot(struct parent *p)
{
	uint32_t i;

	look_at_closing(p);
	for (i = 0; i < p->n_slots; i++)
		if (p->slot[i].state == SLOT_FREE && fe_device_session_idle(p->dev, i) > 0)
			break;
	return i;
}

/* To a child that has a session to spare. */
static bool give_to_spare(struct parent *p, int sock, pid_t peer_pid)
{
	uint32_t i;

	for (i = 0; i < p->n_slots; i++)
		if (p->slot[i].state == SLOT_RUNNING &&
		    vt_spare_offer(p->slot[i].pair, sock, peer_pid)) {
			p->slot[i].peer_pid = peer_pid;
			return true;
		}
	return false;
}

static void serve_client(struct parent *p, int sock)
{
	struct ucred cred = { .pid = -1 };
	socklen_t bytes = sizeof(cred);
	int pair[2];
	uint32_t i;
	pid_t pid;

	getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &cred, &bytes);
	if (!p->dev) {
		vt_log("process %d turned away: %s", (int)cred.pid, p->why);
		return;
	}
	if (give_to_spare(p, sock, cred.pid))
		return;
	i = find_slot(p);
	if (i == p->n_slots) {
		vt_log("process %d turned away: all %u sessions that the backend grants are in use",
		       (int)cred.pid, p->n_slots);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		vt_log("process %d turned away: %s", (int)cred.pid, strerror(errno));
		return;
	}
	pid = fork();
	if (pid == 0)
		run_child(p, sock, pair[1], cred.pid, i);
	close(pair[1]);
	if (pid < 0) {
		vt_log("process %d turned away: fork: %s", (int)cred.pid, strerror(errno));
		close(pair[0]);
		return;
	}
	p->slot[i].state = SLOT_RUNNING;
	p->slot[i].pair = pair[0];
	p->slot[i].pid = pid;
	p->slot[i].peer_pid = cred.pid;
}

static bool has_room(const struct parent *p)
{
	uint32_t i;

	for (i = 0; i < p->n_slots; i++)
		if (p->slot[i].state == SLOT_FREE ||
		    (p->slot[i].state == SLOT_RUNNING && vt_spare_there(p->slot[i].pair)))
			return true;
	return false;
}

/* Who connects waits a little for the device, and for the session of a program that is ending. */
static bool hold_clients(struct parent *p)
{
	const uint64_t now_ns = fe_now_ns();

	if (!p->dev)
		return now_ns < p->lost_ns + HOLD_NS;
	if (has_room(p)) {
		p->full_ns = 0;
		return false;
	}
	if (!p->full_ns)
		p->full_ns = now_ns;
	return now_ns < p->full_ns + HOLD_NS;
}

static bool somebody_waits(const struct parent *p)
{
	struct pollfd pfd = { .fd = p->listener, .events = POLLIN };

	return poll(&pfd, 1, 0) == 1;
}

static void accept_clients(struct parent *p)
{
	int sock;

	while (somebody_waits(p)) {
		if (hold_clients(p))
			return;
		sock = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
		if (sock < 0)
			break;
		serve_client(p, sock);
		close(sock);
	}
	p->full_ns = 0;
}

/* --- the loop --------------------------------------------------------------------------------- */

static void take_signals(struct parent *p)
{
	struct signalfd_siginfo info;

	while (read(p->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			p->stop = true;
	reap(p);
}

static void step(struct parent *p)
{
	struct pollfd fds[3] = {
		{ .fd = p->signals, .events = POLLIN },
		{ .fd = p->listener, .events = POLLIN },
		{ .fd = p->dev ? fe_device_fd(p->dev) : -1, .events = POLLIN },
	};
	uint64_t now_ns = fe_now_ns();
	int timeout_ms = -1;

	if (!p->dev) {
		if (now_ns >= p->retry_ns)
			connect_device(p);
		now_ns = fe_now_ns();
		timeout_ms = p->dev ? 0 : now_ns >= p->retry_ns ? 0 :
			     (int)((p->retry_ns - now_ns) / 1000000u) + 1;
		if (p->dev || now_ns < p->lost_ns + HOLD_NS)
			fds[1].fd = -1;
	} else if (p->full_ns) {
		fds[1].fd = -1;
		timeout_ms = HELD_LOOK_MS;
	}
	if (poll(fds, 3, timeout_ms) < 0)
		return;
	if (fds[0].revents)
		take_signals(p);
	if (p->dev && fds[2].revents) {
		if (fe_device_process(p->dev))
			lose_device(p, fe_device_why(p->dev));
		else
			look_at_closing(p);
	}
	if (!p->stop && (fds[1].revents || p->full_ns))
		accept_clients(p);
}

int vt_parent_run(const struct vt_options *options)
{
	struct parent p = { .options = options, .pid = getpid(), .listener = -1, .signals = -1,
			    .retry_ms = RETRY_MIN_MS };
	int err, status = 1;

	err = plat_open(options->platform, &p.plat);
	if (err) {
		vt_log("the platform cannot be opened: %s", strerror(-err));
		return 1;
	}
	if (open_signals(&p) || listen_at(&p))
		goto out;
	/* Programs that start together with this daemon shall wait for the connection. */
	p.lost_ns = fe_now_ns();
	while (!p.stop)
		step(&p);
	vt_log("ending");
	status = 0;
	vt_status_write(options, NULL, "xengpu-vtest was stopped");
	unlink(options->socket_path);
	end_children(&p);
	fe_device_close(p.dev);
out:
	if (p.listener >= 0)
		close(p.listener);
	if (p.signals >= 0)
		close(p.signals);
	free(p.slot);
	plat_close(p.plat);
	return status;
}
