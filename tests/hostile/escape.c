// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worker that was taken over: started as xengpud starts one, caged as xengpu-worker cages itself
 * (the same functions), it then tries to get out. Each attempt is made three times: outside any
 * cage, where it must work (else it would prove nothing), within the walls, that is without the
 * filter of system calls, and in the full cage. A renderer's own needs are tried, too.
 *
 * As root everything is tried; on Xen, with Xen's devices. TAP on standard output.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <netinet/in.h>

/* Of the types in the next two. */
#include <xen/grant_table.h>

#include <xen/evtchn.h>
#include <xen/gntdev.h>

#include "ctl.h"
#include "sup_spawn.h"
#include "wrk_cage.h"

#define UID_BASE	1879052288u	/* past xengpud's own */
#define WAIT_MS		20000

/* What an attempt works with. Descriptors are -1 where there are none. */
struct means {
	pid_t victim;			/* another worker */
	int fd;				/* a device that was opened before, or /dev/null */
};

/* 0, it worked; or the error it got. */
typedef int (*attempt_fn)(const struct means *m);

static int result(long ret)
{
	return ret < 0 ? errno : 0;
}

static int opened(int fd)
{
	const int err = result(fd);

	if (fd >= 0)
		close(fd);
	return err;
}

/* --- attempts --------------------------------------------------------------------------------- */

static int read_file(const struct means *m)
{
	(void)m;
	return opened(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int read_other_process(const struct means *m)
{
	(void)m;
	return opened(open("/proc/1/status", O_RDONLY | O_CLOEXEC));
}

static int list_directory(const struct means *m)
{
	DIR *dir = opendir("/");
	int n = 0;

	(void)m;
	if (!dir)
		return errno;
	while (readdir(dir))
		n++;
	closedir(dir);
	/* "." and "..": nothing. */
	return n > 2 ? 0 : ENOENT;
}

static int write_file(const struct means *m)
{
	static const char *const paths[] = { "/tmp/escaped", "/dev/shm/escaped", "/escaped",
					     "/var/tmp/escaped", "/run/escaped" };
	int fd = -1;
	size_t i;

	(void)m;
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]) && fd < 0; i++) {
		fd = open(paths[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd >= 0)
			unlink(paths[i]);
	}
	return opened(fd);
}

static int make_directory(const struct means *m)
{
	const int err = result(mkdir("/tmp/escaped.d", 0700));

	(void)m;
	rmdir("/tmp/escaped.d");
	return err;
}

static int reach_network(const struct means *m)
{
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	(void)m;
	if (fd < 0)
		return errno;
	/* Even the loopback interface of an empty name space is down. */
	err = result(sendto(fd, "x", 1, 0, (const struct sockaddr *)&to, sizeof(to)));
	close(fd);
	return err;
}

static int make_socket(const struct means *m)
{
	(void)m;
	return opened(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int execute(const struct means *m)
{
	char *argv[] = { (char *)(uintptr_t)"true", NULL }, *env[] = { NULL };

	(void)m;
	execve("/bin/true", argv, env);
	return errno;
}

static int fork_process(const struct means *m)
{
	const pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	(void)m;
	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return result(pid);
}

static int trace(const struct means *m)
{
	const int err = result(ptrace(PTRACE_SEIZE, m->victim, NULL, NULL));

	if (!err) {
		ptrace(PTRACE_INTERRUPT, m->victim, NULL, NULL);
		waitpid(m->victim, NULL, __WALL);
		ptrace(PTRACE_DETACH, m->victim, NULL, NULL);
	}
	return err;
}

static int read_memory(const struct means *m)
{
	char octet;
	struct iovec to = { &octet, 1 }, from = { &octet, 1 };

	return result(process_vm_readv(m->victim, &to, 1, &from, 1, 0));
}

static int send_signal(const struct means *m)
{
	return result(kill(m->victim, SIGCONT));
}

static int send_thread_signal(const struct means *m)
{
	return result(syscall(SYS_tgkill, m->victim, m->victim, SIGCONT));
}

static int own_descriptor(const struct means *m)
{
	return result(fcntl(CTL_WORKER_FD, F_SETOWN, m->victim));
}

static int new_user_namespace(const struct means *m)
{
	(void)m;
	return result(unshare(CLONE_NEWUSER));
}

static int new_mount_namespace(const struct means *m)
{
	(void)m;
	return result(unshare(CLONE_NEWNS));
}

static int mount_something(const struct means *m)
{
	(void)m;
	if (unshare(CLONE_NEWNS))
		return errno;
	return result(mount("none", "/", "tmpfs", 0, NULL));
}

static int become_root(const struct means *m)
{
	(void)m;
	return result(setresuid(0, 0, 0));
}

static int raise_limit(const struct means *m)
{
	struct rlimit rl = { RLIM_INFINITY, RLIM_INFINITY };

	(void)m;
	return result(setrlimit(RLIMIT_CORE, &rl));
}

static int make_device(const struct means *m)
{
	const int err = result(mknod("/tmp/escaped.dev", S_IFCHR | 0600, 0x103));

	(void)m;
	unlink("/tmp/escaped.dev");
	return err;
}

static int load_bpf(const struct means *m)
{
	static const union {
		uint32_t map[20];
	} attr = { { 2, 4, 8, 1 } };	/* an array of one */

	(void)m;
	return opened((int)syscall(SYS_bpf, 0, &attr, sizeof(attr)));
}

static int make_ring(const struct means *m)
{
	static uint32_t params[30];

	(void)m;
	return opened((int)syscall(SYS_io_uring_setup, 1, params));
}

static int uncounted_file(const struct means *m)
{
	(void)m;
	return opened(memfd_create("escaped", MFD_CLOEXEC));
}

static int uncounted_memory(const struct means *m)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)m;
	return at == MAP_FAILED ? errno : 0;
}

static int make_code(const struct means *m)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)m;
	return at == MAP_FAILED ? errno : result(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int replace_handler(const struct means *m)
{
	(void)m;
	return signal(SIGSYS, SIG_IGN) == SIG_ERR ? errno : 0;
}

/* A blocked signal would be no end. */
static int block_then_open(const struct means *m)
{
	sigset_t all;

	(void)m;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	return opened(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/* The filter knows the numbers of one architecture; this processor has more than one. */
static int other_numbers(const struct means *m)
{
	(void)m;
#if defined(__x86_64__)
	long ret;

	__asm__ volatile("int $0x80" : "=a"(ret) : "a"(20L) : "memory", "r8", "r9", "r10", "r11");
	return ret > 0 ? 0 : ENOSYS;
#else
	return 0;
#endif
}

/* Xen's devices: the request is what is filtered, so without Xen any descriptor will do. */
static int map_grant(const struct means *m)
{
	struct ioctl_gntdev_map_grant_ref op = { .count = 1, .refs = { { .domid = 1, .ref = 8 } } };

	return result(ioctl(m->fd, IOCTL_GNTDEV_MAP_GRANT_REF, &op));
}

static int open_gntdev(const struct means *m)
{
	(void)m;
	return opened(open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC));
}

/* The store is on domain 0's other end for every domain, and domain 0 has it itself. */
static int bind_port(const struct means *m)
{
	struct ioctl_evtchn_bind_unbound_port op = { .remote_domain = 2 };

	return result(ioctl(m->fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &op) < 0 ? -1 : 0);
}

/* --- what a renderer needs -------------------------------------------------------------------- */

static int send_event(const struct means *m)
{
	struct ioctl_evtchn_notify op = { .port = 4000000 };

	/* Whatever the device says, it was asked. */
	ioctl(m->fd, IOCTL_EVTCHN_NOTIFY, &op);
	return 0;
}

static int ask_drm(const struct means *m)
{
	ioctl(m->fd, _IO('d', 0), NULL);
	return 0;
}

static void *nothing(void *arg)
{
	prctl(PR_SET_NAME, "nothing", 0, 0, 0);
	return arg;
}

static int start_thread(const struct means *m)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, nothing, NULL);

	(void)m;
	return err ? err : pthread_join(thread, NULL);
}

static int use_memory(const struct means *m)
{
	size_t bytes = 8 << 20;
	char *at = malloc(bytes), *more;

	(void)m;
	if (!at)
		return ENOMEM;
	memset(at, 1, bytes);
	more = realloc(at, 8 * bytes);
	if (!more) {
		free(at);
		return ENOMEM;
	}
	memset(more, 2, 8 * bytes);
	free(more);
	return 0;
}

/* --- which of them get how far ---------------------------------------------------------------- */

enum { WORKS, FAILS, KILLED, NOT_SEEN };	/* the last: as the kernel likes, not looked at */

#define ANY_ROOT	1u	/* outside it works for root only */
#define ON_XEN		2u	/* outside it works on Xen only */
#define NOT_OUTSIDE	4u	/* ... nowhere, or not as it is here */
#define WITH_GNTDEV	8u	/* is given this descriptor */
#define WITH_EVTCHN	16u	/* ... restricted to domain 1, as xengpud's are */
#define THREAD		32u	/* by a thread that was there before the cage was closed */
#define CODE		64u	/* in a cage for a renderer that makes machine code */

static const struct attempt {
	const char *name;
	attempt_fn fn;
	int walls, full;
	uint32_t flags;
	const char *what;
} attempts[] = {
	{ "file", read_file, FAILS, FAILS, 0, "read a file" },
	{ "file-thread", read_file, FAILS, FAILS, THREAD, "read a file, by an older thread" },
	{ "proc", read_other_process, FAILS, FAILS, 0, "read /proc/1" },
	{ "list", list_directory, FAILS, FAILS, 0, "list a directory" },
	{ "write", write_file, FAILS, FAILS, 0, "make a file" },
	{ "mkdir", make_directory, FAILS, KILLED, 0, "make a directory" },
	{ "network", reach_network, FAILS, KILLED, 0, "send to an address" },
	{ "socket", make_socket, WORKS, KILLED, 0, "make a socket" },
	{ "socket-thread", make_socket, WORKS, KILLED, THREAD, "make a socket, by that thread" },
	{ "exec", execute, FAILS, KILLED, 0, "execute a program" },
	{ "fork", fork_process, WORKS, KILLED, 0, "start a process" },
	{ "ptrace", trace, FAILS, KILLED, ANY_ROOT, "trace another worker" },
	{ "vm", read_memory, FAILS, KILLED, NOT_OUTSIDE, "read another worker's memory" },
	{ "kill", send_signal, FAILS, KILLED, 0, "send a signal to another worker" },
	{ "tgkill", send_thread_signal, FAILS, KILLED, 0, "... to a thread of it" },
	{ "setown", own_descriptor, WORKS, KILLED, NOT_OUTSIDE, "... by way of a descriptor" },
	{ "userns", new_user_namespace, WORKS, KILLED, 0, "make a user name space" },
	{ "mountns", new_mount_namespace, FAILS, KILLED, ANY_ROOT, "make a mount name space" },
	{ "mount", mount_something, FAILS, KILLED, ANY_ROOT, "mount a file system" },
	{ "setuid", become_root, FAILS, KILLED, ANY_ROOT, "become root" },
	{ "rlimit", raise_limit, FAILS, KILLED, ANY_ROOT, "raise a limit" },
	{ "mknod", make_device, FAILS, KILLED, ANY_ROOT, "make a device" },
	{ "bpf", load_bpf, NOT_SEEN, KILLED, ANY_ROOT | NOT_OUTSIDE, "use BPF" },
	{ "uring", make_ring, NOT_SEEN, KILLED, NOT_OUTSIDE, "use io_uring" },
	{ "memfd", uncounted_file, WORKS, FAILS, 0, "make a file in memory" },
	{ "shared", uncounted_memory, WORKS, FAILS, 0, "take memory that nobody counts" },
	{ "code", make_code, WORKS, FAILS, 0, "make machine code" },
	{ "handler", replace_handler, WORKS, KILLED, 0, "replace the filter's handler" },
	{ "block", block_then_open, WORKS, KILLED, 0, "block the filter's signal" },
#if defined(__x86_64__)
	{ "numbers", other_numbers, WORKS, KILLED, NOT_OUTSIDE, "call by i386's numbers" },
#endif
	{ "gntdev", open_gntdev, FAILS, FAILS, ON_XEN, "open /dev/xen/gntdev" },
	{ "grant", map_grant, WORKS, KILLED, ON_XEN | WITH_GNTDEV,
	  "map a foreign grant with a descriptor that is open" },
	{ "port", bind_port, FAILS, KILLED, ON_XEN | WITH_EVTCHN,
	  "bind another port with a descriptor that is open" },

	{ "thread", start_thread, WORKS, WORKS, 0, "may start a thread" },
	{ "memory", use_memory, WORKS, WORKS, 0, "may use memory" },
	{ "jit", make_code, WORKS, WORKS, CODE, "may make machine code where that is what draws" },
	{ "event", send_event, WORKS, WORKS, WITH_EVTCHN, "may signal its guest" },
	{ "drm", ask_drm, WORKS, WORKS, WITH_GNTDEV, "may ask the GPU" },
};

#define N_ATTEMPTS	(sizeof(attempts) / sizeof(attempts[0]))

/* --- in the worker ---------------------------------------------------------------------------- */

static struct ctl_stats *stats;
static const struct attempt *now;
static struct means means = { .victim = 0, .fd = -1 };
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
	for (i = 0; i < N_ATTEMPTS; i++)
		if (strchr(arg, ':') && !strcmp(strchr(arg, ':') + 1, attempts[i].name))
			now = &attempts[i];
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

static void outside(const struct attempt *a, pid_t victim)
{
	int status, fd = device(a->flags);
	char text[96];
	pid_t pid;

	stats->requests = 0;
	pid = fork();
	if (pid < 0)
		bail("fork");
	if (pid == 0) {
		means = (struct means){ .victim = victim, .fd = fd };
		stats->requests = (uint64_t)a->fn(&means) + 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	close(fd);
	ok(verdict(status, stats->requests, text, sizeof(text)) == WORKS, "outside", a->what, text);
}

static void inside(const struct attempt *a, bool full, pid_t victim)
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

	for (i = 0; i < N_ATTEMPTS; i++) {
		const struct attempt *a = &attempts[i];

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
