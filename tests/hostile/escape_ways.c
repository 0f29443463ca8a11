// SPDX-License-Identifier: GPL-2.0-only
/* What a worker that was taken over tries, each way by itself; see escape.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
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
#include "escape.h"

/* --- attempts --------------------------------------------------------------------------------- */

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

static int read_file(const struct escape_means *m)
{
	(void)m;
	return opened(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int read_other_process(const struct escape_means *m)
{
	(void)m;
	return opened(open("/proc/1/status", O_RDONLY | O_CLOEXEC));
}

static int list_directory(const struct escape_means *m)
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

static int write_file(const struct escape_means *m)
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

static int make_directory(const struct escape_means *m)
{
	const int err = result(mkdir("/tmp/escaped.d", 0700));

	(void)m;
	rmdir("/tmp/escaped.d");
	return err;
}

static int reach_network(const struct escape_means *m)
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

static int make_socket(const struct escape_means *m)
{
	(void)m;
	return opened(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static int execute(const struct escape_means *m)
{
	char *argv[] = { (char *)(uintptr_t)"true", NULL }, *env[] = { NULL };

	(void)m;
	execve("/bin/true", argv, env);
	return errno;
}

static int fork_process(const struct escape_means *m)
{
	const pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	(void)m;
	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return result(pid);
}

static int trace(const struct escape_means *m)
{
	const int err = result(ptrace(PTRACE_SEIZE, m->victim, NULL, NULL));

	if (!err) {
		ptrace(PTRACE_INTERRUPT, m->victim, NULL, NULL);
		waitpid(m->victim, NULL, __WALL);
		ptrace(PTRACE_DETACH, m->victim, NULL, NULL);
	}
	return err;
}

static int read_memory(const struct escape_means *m)
{
	char octet;
	struct iovec to = { &octet, 1 }, from = { &octet, 1 };

	return result(process_vm_readv(m->victim, &to, 1, &from, 1, 0));
}

static int send_signal(const struct escape_means *m)
{
	return result(kill(m->victim, SIGCONT));
}

static int send_thread_signal(const struct escape_means *m)
{
	return result(syscall(SYS_tgkill, m->victim, m->victim, SIGCONT));
}

static int own_descriptor(const struct escape_means *m)
{
	return result(fcntl(CTL_WORKER_FD, F_SETOWN, m->victim));
}

static int new_user_namespace(const struct escape_means *m)
{
	(void)m;
	return result(unshare(CLONE_NEWUSER));
}

static int new_mount_namespace(const struct escape_means *m)
{
	(void)m;
	return result(unshare(CLONE_NEWNS));
}

static int mount_something(const struct escape_means *m)
{
	(void)m;
	if (unshare(CLONE_NEWNS))
		return errno;
	return result(mount("none", "/", "tmpfs", 0, NULL));
}

static int become_root(const struct escape_means *m)
{
	(void)m;
	return result(setresuid(0, 0, 0));
}

static int raise_limit(const struct escape_means *m)
{
	struct rlimit rl = { RLIM_INFINITY, RLIM_INFINITY };

	(void)m;
	return result(setrlimit(RLIMIT_CORE, &rl));
}

static int make_device(const struct escape_means *m)
{
	const int err = result(mknod("/tmp/escaped.dev", S_IFCHR | 0600, 0x103));

	(void)m;
	unlink("/tmp/escaped.dev");
	return err;
}

static int load_bpf(const struct escape_means *m)
{
	static const union {
		uint32_t map[20];
	} attr = { { 2, 4, 8, 1 } };	/* an array of one */

	(void)m;
	return opened((int)syscall(SYS_bpf, 0, &attr, sizeof(attr)));
}

static int make_ring(const struct escape_means *m)
{
	static uint32_t params[30];

	(void)m;
	return opened((int)syscall(SYS_io_uring_setup, 1, params));
}

static int uncounted_file(const struct escape_means *m)
{
	(void)m;
	return opened(memfd_create("escaped", MFD_CLOEXEC));
}

static int uncounted_memory(const struct escape_means *m)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)m;
	return at == MAP_FAILED ? errno : 0;
}

static int make_code(const struct escape_means *m)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)m;
	return at == MAP_FAILED ? errno : result(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}

static int replace_handler(const struct escape_means *m)
{
	(void)m;
	return signal(SIGSYS, SIG_IGN) == SIG_ERR ? errno : 0;
}

/* A blocked signal would be no end. */
static int block_then_open(const struct escape_means *m)
{
	sigset_t all;

	(void)m;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	return opened(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/* The filter knows the numbers of one architecture; this processor has more than one. */
static int other_numbers(const struct escape_means *m)
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
static int map_grant(const struct escape_means *m)
{
	struct ioctl_gntdev_map_grant_ref op = { .count = 1, .refs = { { .domid = 1, .ref = 8 } } };

	return result(ioctl(m->fd, IOCTL_GNTDEV_MAP_GRANT_REF, &op));
}

static int open_gntdev(const struct escape_means *m)
{
	(void)m;
	return opened(open("/dev/xen/gntdev", O_RDWR | O_CLOEXEC));
}

/* The store is on domain 0's other end for every domain, and domain 0 has it itself. */
static int bind_port(const struct escape_means *m)
{
	struct ioctl_evtchn_bind_unbound_port op = { .remote_domain = 2 };

	return result(ioctl(m->fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &op) < 0 ? -1 : 0);
}

/* --- what a renderer needs -------------------------------------------------------------------- */

static int send_event(const struct escape_means *m)
{
	struct ioctl_evtchn_notify op = { .port = 4000000 };

	/* Whatever the device says, it was asked. */
	ioctl(m->fd, IOCTL_EVTCHN_NOTIFY, &op);
	return 0;
}

static int ask_drm(const struct escape_means *m)
{
	ioctl(m->fd, _IO('d', 0), NULL);
	return 0;
}

static void *nothing(void *arg)
{
	prctl(PR_SET_NAME, "nothing", 0, 0, 0);
	return arg;
}

static int start_thread(const struct escape_means *m)
{
	pthread_t thread;
	int err = pthread_create(&thread, NULL, nothing, NULL);

	(void)m;
	return err ? err : pthread_join(thread, NULL);
}

static int use_memory(const struct escape_means *m)
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

const struct escape_way escape_ways[] = {
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

const size_t escape_n_ways = sizeof(escape_ways) / sizeof(escape_ways[0]);
