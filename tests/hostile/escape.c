// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worker that was taken over: started as xengpud starts one, caged as xengpu-worker cages itself
 * (the same functions), it then tries to get out. Each attempt is made three times: outside any
 * cage, where it must work (else it would prove nothing), within the walls, that is without the
 * filter of system calls, and in the full cage. A renderer's own needs are tried, too.
 *
 * The ways are in escape_ways.c. As root everything is tried; on Xen, with Xen's devices. TAP on standard output.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of the types in the next. */
#include <xen/grant_table.h>

#include <xen/evtchn.h>

#include "ctl.h"
#include "escape.h"
#include "sup_spawn.h"
#include "wrk_cage.h"

#define UID_BASE	1879052288u	/* past xengpud's own */
#define WAIT_MS		20000

/* --- in the worker ---------------------------------------------------------------------------- */

static struct ctl_stats *stats;
static const struct escape_way *now;
static struct escape_means means = { .victim = 0, .fd = -1 };
static pthread_mutex_t closed = PTHREAD_MUTEX_INITIALIZER;

/* What comes of it is left where the supervisor looks: requests, plus 1. */
static void *try_now(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&closed);
	stats->requests = (uint64_t)now->fn(&means) + 1;
	_exit(0);
}

static void say(struct ctl_msg *msg, uint32_t type, uint32_t bytes)
{
	msg->type = type;
	msg->bytes = bytes;
	if (ctl_send(CTL_WORKER_FD, msg, NULL, 0))
		_exit(3);
}

/* The victim's process id and the descriptor come in one message, made to look like a grant. */
static void hear(void)
{
	struct pollfd pfd = { .fd = CTL_WORKER_FD, .events = POLLIN };
	int fds[CTL_MAX_FDS];
	struct ctl_msg msg;
	unsigned int n_fds = 0;

	if (poll(&pfd, 1, WAIT_MS) != 1 || ctl_recv(CTL_WORKER_FD, &msg, fds, &n_fds) != 1 ||
	    msg.type != CTL_GRANT || n_fds != 1)
		_exit(4);
	means.victim = (pid_t)msg.u.grant.seq;
	means.fd = fds[0];
}

/* @arg: "walls:NAME", "full:NAME", or "victim". */
static void be_worker(const char *arg)
{
	struct ctl_msg msg = { 0 };
	pthread_t thread;
	uint32_t have;
	bool walls = !strncmp(arg, "walls:", 6);
	size_t i;

	stats = mmap(NULL, sizeof(*stats), PROT_READ | PROT_WRITE, MAP_SHARED, CTL_STATS_FD, 0);
	if (stats == MAP_FAILED)
		_exit(2);
	for (i = 0; i < escape_n_ways; i++)
		if (strchr(arg, ':') && !strcmp(strchr(arg, ':') + 1, escape_ways[i].name))
			now = &escape_ways[i];
	have = wrk_cage_begin(CTL_WORKER_FD);
	pthread_mutex_lock(&closed);
	if (now && now->flags & THREAD)
		pthread_create(&thread, NULL, try_now, NULL);
	have |= walls ? wrk_cage_leave(CTL_WORKER_FD) :
		wrk_cage_close(CTL_WORKER_FD, stats, now && now->flags & CODE);
	msg.u.ready.cage = have;
	say(&msg, CTL_READY, CTL_BYTES(ready));
	if (!now) {
		/* The victim: until the supervisor closes the socket. */
		struct pollfd pfd = { .fd = CTL_WORKER_FD };

		poll(&pfd, 1, -1);
		_exit(0);
	}
	hear();
	pthread_mutex_unlock(&closed);
	if (now->flags & THREAD)
		pthread_join(thread, NULL);
	else
		try_now(NULL);
	_exit(5);
}

/* --- as the supervisor ------------------------------------------------------------------------ */

static char dir[] = "/tmp/xengpu-escape-XXXXXX", program[40];
static unsigned int n_tests, n_bad;
static uint32_t slot;
static char why[2 * CTL_MAX_TEXT];	/* what a worker said that it lacks */

static void ok(bool good, const char *where, const char *what, const char *got)
{
	n_tests++;
	n_bad += !good;
	printf("%s %u - %s: %s\n", good ? "ok" : "not ok", n_tests, where, what);
	if (!good)
		printf("# %s\n", got);
	fflush(stdout);
}

static void bail(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The worker's program: where any user may execute it. */
static void copy_self(void)
{
	char command[128];

	if (!mkdtemp(dir) || chmod(dir, 0755))
		bail(dir);
	snprintf(program, sizeof(program), "%s/escape", dir);
	snprintf(command, sizeof(command), "cp /proc/%d/exe %s && chmod 755 %s", (int)getpid(),
		 program, program);
	if (system(command))
		bail(command);
}

static struct ctl_msg wait_ready(const struct spawned *s)
{
	struct pollfd pfd = { .fd = s->sock, .events = POLLIN };
	int fds[CTL_MAX_FDS];
	struct ctl_msg msg;
	unsigned int n_fds;

	for (;;) {
		if (poll(&pfd, 1, WAIT_MS) != 1 || ctl_recv(s->sock, &msg, fds, &n_fds) != 1)
			bail("no READY");
		if (msg.type == CTL_UNCAGED)
			snprintf(why, sizeof(why), "%s", msg.u.uncaged.text);
		else if (msg.type == CTL_READY)
			return msg;
		else
			bail(msg.type == CTL_FAILED ? msg.u.failed.text : "no READY");
	}
}

static uint32_t start(struct spawned *s, const char *kind, const char *name)
{
	char *no_args[] = { NULL };
	struct sup_config cfg = { .worker = program, .model_fd = -1, .worker_args = no_args,
				  .worker_uid_base = UID_BASE };
	char gpu[64];

	snprintf(gpu, sizeof(gpu), "%s%s", kind, name);
	cfg.gpu = gpu;
	errno = -spawn_worker(&cfg, slot++, s);
	if (errno)
		bail("spawn_worker");
	return wait_ready(s).u.ready.cage;
}

static void give(const struct spawned *s, pid_t victim, int fd)
{
	struct ctl_msg msg = { .type = CTL_GRANT, .bytes = CTL_BYTES(grant) };

	msg.u.grant.seq = (uint32_t)victim;
	msg.u.grant.n_pages = 1;
	msg.u.grant.n_extents = 1;
	msg.u.grant.extent[0].n_pages = 1;
	errno = -ctl_send(s->sock, &msg, &fd, 1);
	if (errno)
		bail("ctl_send");
}

static void end(struct spawned *s, int *status)
{
	close(s->sock);
	if (waitpid(s->pid, status, 0) != s->pid)
		bail("waitpid");
	close(s->pid_fd);
	munmap((void *)(uintptr_t)s->stats, sizeof(*s->stats));
}

/* The descriptors that an attempt is given; on a machine without Xen stand-ins. */
static int device(uint32_t flags)
{
	struct ioctl_evtchn_restrict_domid restrict_to = { .domid = 1 };
	int fd = -1;

	if (flags & WITH_GNTDEV)
		fd = open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC);
	if (flags & WITH_EVTCHN) {
		fd = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC);
		if (fd >= 0 && ioctl(fd, IOCTL_EVTCHN_RESTRICT_DOMID, &restrict_to))
			bail("IOCTL_EVTCHN_RESTRICT_DOMID");
	}
	if (fd < 0)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		bail("/dev/null");
	return fd;
}

/* How it went: a word, and WORKS, FAILS or KILLED. */
static int verdict(int status, uint64_t came, char *text, size_t bytes)
{
	if (WIFSIGNALED(status)) {
		snprintf(text, bytes, "killed by signal %d", WTERMSIG(status));
		return WTERMSIG(status) == SIGSYS ? KILLED : -1;
	}
	/* A program that was executed instead leaves nothing. */
	if (WEXITSTATUS(status) == 0 && came <= 1) {
		snprintf(text, bytes, "it worked");
		return WORKS;
	}
	snprintf(text, bytes, "exit status %d, %s", WEXITSTATUS(status),
		 came ? strerror((int)came - 1) : "nothing said");
	return WEXITSTATUS(status) == 0 ? FAILS : -1;
}

static void outside(const struct escape_way *a, pid_t victim)
{
	int status, fd = device(a->flags);
	char text[96];
	pid_t pid;

	stats->requests = 0;
	pid = fork();
	if (pid < 0)
		bail("fork");
	if (pid == 0) {
		means = (struct escape_means){ .victim = victim, .fd = fd };
		stats->requests = (uint64_t)a->fn(&means) + 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	close(fd);
	ok(verdict(status, stats->requests, text, sizeof(text)) == WORKS, "outside", a->what, text);
}

static void inside(const struct escape_way *a, bool full, pid_t victim)
{
	const int want = full ? a->full : a->walls;
	const int fd = device(a->flags);
	struct spawned s;
	uint64_t came, refused;
	char text[160];
	int status, got;

	start(&s, full ? "full:" : "walls:", a->name);
	give(&s, victim, fd);
	close(fd);
	/* Its end, not ours. */
	if (waitpid(s.pid, &status, 0) != s.pid)
		bail("waitpid");
	came = s.stats->requests;
	refused = s.stats->refused_call;
	close(s.sock);
	close(s.pid_fd);
	munmap((void *)(uintptr_t)s.stats, sizeof(*s.stats));
	got = verdict(status, came, text, sizeof(text));
	ok(got == want && (want != KILLED || refused || !strcmp(a->name, "block") ||
			   !strcmp(a->name, "numbers")),
	   full ? "full cage" : "walls", a->what, text);
}

static void try_all(bool on_xen, pid_t victim)
{
	size_t i;

	for (i = 0; i < escape_n_ways; i++) {
		const struct escape_way *a = &escape_ways[i];

		if (!(a->flags & NOT_OUTSIDE) && (!(a->flags & ANY_ROOT) || !geteuid()) &&
		    (!(a->flags & ON_XEN) || on_xen) && !(a->flags & WITH_EVTCHN))
			outside(a, victim);
		/* Xen's own restrictions are there on Xen only. */
		if (a->walls != NOT_SEEN && (!(a->flags & ON_XEN) || on_xen))
			inside(a, false, victim);
		inside(a, true, victim);
	}
}

int main(void)
{
	const bool on_xen = !access("/dev/xen/gntdev", F_OK);
	const uint32_t wanted = CTL_CAGE_ALL & ~(uint32_t)CTL_CAGE_USER;
	struct spawned victim;
	uint32_t cage;
	char text[64];
	int status;

	setvbuf(stdout, NULL, _IOLBF, 0);
	copy_self();
	stats = mmap(NULL, sizeof(*stats), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (stats == MAP_FAILED)
		bail("mmap");
	cage = start(&victim, "victim", "");
	snprintf(text, sizeof(text), "parts %#x of %#x", cage, wanted);
	ok(cage == wanted, "the cage", "is full", why[0] ? why : text);
	if (cage == wanted)
		try_all(on_xen, victim.pid);
	end(&victim, &status);
	ok(WIFEXITED(status) && !WEXITSTATUS(status), "another worker", "lives", "it died");
	unlink(program);
	rmdir(dir);
	printf("1..%u\n", n_tests);
	return n_bad ? 1 : 0;
}

/* Before main(): as a worker it never gets there. */
__attribute__((constructor)) static void worker_main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[0], "xengpu-worker") && !strcmp(argv[1], "--gpu"))
		be_worker(argv[2]);
}
