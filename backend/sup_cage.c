// SPDX-License-Identifier: GPL-2.0-only
/*
 * A worker's cage before it is executed; see sup_cage.h.
 *
 * A renderer has to load its drivers, so the file system can be taken away only when it runs; but
 * by then it has threads and no privilege, and neither goes with leaving a file system. So a second
 * process is born in the worker's name spaces, which has what it takes, executes nothing, and waits
 * for one octet. pivot_root() moves every process and thread of a mount name space, so the worker's
 * are moved with it.
 *
 * The name spaces belong to a user name space that any user may make, so it is nothing that xengpud
 * needs privilege for: under systemd it has no CAP_SYS_ADMIN, and it may be run by anybody.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sup_cage.h"

#define MAX_DESCRIPTORS	1024u
#define MAX_THREADS	256u

/* AddressSanitizer has writable memory for all addresses there are. Workers are built as we are. */
#ifdef __SANITIZE_ADDRESS__
#define WITH_SHADOW	true
#else
#define WITH_SHADOW	false
#endif

/* --- in the process that waits ---------------------------------------------------------------- */

/*
 * The root becomes an empty directory that nothing can be put into. /dev is where it lies for a
 * moment, for that is there wherever a renderer is.
 */
static int empty_root(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	if (mount("none", "/dev", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "mode=0555,nr_inodes=1,size=4k"))
		return -errno;
	/* Onto itself: the old root lies on the new one, and goes. Source: pivot_root(2). */
	if (chdir("/dev") || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) ||
	    chdir("/"))
		return -errno;
	return 0;
}

__attribute__((noreturn))
static void wait_to_empty(int fd, pid_t worker)
{
	int32_t err;
	char octet;

	prctl(PR_SET_NAME, "xengpu-cage", 0, 0, 0);
	/* The worker's log and socket are not its own. */
	if (dup2(fd, 0) < 0 || close_range(1, ~0u, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL) ||
	    getppid() != worker)
		_exit(1);
	if (read(0, &octet, 1) != 1)
		_exit(0);
	err = empty_root();
	_exit(write(0, &err, sizeof(err)) != sizeof(err));
}

/* --- in the worker, before it is executed ----------------------------------------------------- */

static int write_file(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		err = -errno;
	close(fd);
	return err;
}

/* Its ids stay what they are. Without them a file system cannot be mounted. */
static int map_ids(uid_t uid, gid_t gid)
{
	char text[64];
	int err;

	/* Who changed its user may not write its own files in /proc. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))
		return -errno;
	err = write_file("/proc/self/setgroups", "deny");
	snprintf(text, sizeof(text), "%u %u 1", uid, uid);
	if (!err)
		err = write_file("/proc/self/uid_map", text);
	snprintf(text, sizeof(text), "%u %u 1", gid, gid);
	if (!err)
		err = write_file("/proc/self/gid_map", text);
	return err;
}

static int start_waiting(void)
{
	const pid_t worker = getpid();
	int pair[2], err;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	pid = fork();
	if (pid == 0)
		wait_to_empty(pair[1], worker);
	err = pid < 0 ? -errno : 0;
	close(pair[1]);
	if (!err && pair[0] == CTL_CAGE_FD)
		return fcntl(pair[0], F_SETFD, 0) ? -errno : 0;
	if (!err && dup2(pair[0], CTL_CAGE_FD) < 0)
		err = -errno;
	close(pair[0]);
	return err;
}

/*
 * In its user name space it has every capability, until it is executed. What a process may never
 * have is for one to say that still has CAP_SETPCAP.
 */
static void drop_bounding_set(void)
{
	int cap;

	for (cap = 0; !prctl(PR_CAPBSET_DROP, cap, 0, 0, 0); cap++)
		;
}

int cage_namespaces(char *why)
{
	const uid_t uid = geteuid();
	const gid_t gid = getegid();
	int err;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS)) {
		err = -errno;
		snprintf(why, CTL_MAX_TEXT, "name spaces: %s%s", strerror(-err), err == -EPERM ?
			 " (kernel.unprivileged_userns_clone must be 1)" : err == -ENOSPC ?
			 " (user.max_user_namespaces is too small)" : "");
		return err;
	}
	err = map_ids(uid, gid);
	if (!err)
		err = start_waiting();
	if (err)
		snprintf(why, CTL_MAX_TEXT, "name spaces: %s", strerror(-err));
	drop_bounding_set();
	return err;
}

int cage_limits(bool own_user, uint32_t memory_mib)
{
	static const struct {
		__rlimit_resource_t resource;
		rlim_t limit;
	} limits[] = {
		{ RLIMIT_CORE, 0 },	/* a guest's data would be in it */
		{ RLIMIT_NOFILE, MAX_DESCRIPTORS },
		{ RLIMIT_MEMLOCK, 0 },
		{ RLIMIT_MSGQUEUE, 0 },
		{ RLIMIT_RTPRIO, 0 },
		{ RLIMIT_NICE, 0 },
	};
	struct rlimit rl;
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		if (getrlimit(limits[i].resource, &rl))
			return -errno;
		if (rl.rlim_max > limits[i].limit)
			rl.rlim_max = limits[i].limit;
		if (rl.rlim_cur > rl.rlim_max || limits[i].resource == RLIMIT_NOFILE)
			rl.rlim_cur = rl.rlim_max;
		if (setrlimit(limits[i].resource, &rl))
			return -errno;
	}
	/* No file can grow, unless the log is one: whoever runs xengpud so wants to read it. */
	rl = (struct rlimit){ 0, 0 };
	if ((fstat(STDERR_FILENO, &st) || !S_ISREG(st.st_mode)) && setrlimit(RLIMIT_FSIZE, &rl))
		return -errno;
	rl.rlim_cur = rl.rlim_max = (rlim_t)memory_mib << 20;
	if (memory_mib && !WITH_SHADOW && setrlimit(RLIMIT_DATA, &rl))
		return -errno;
	rl = (struct rlimit){ MAX_THREADS, MAX_THREADS };
	if (own_user && setrlimit(RLIMIT_NPROC, &rl))
		return -errno;
	return 0;
}

char *cage_text(uint32_t missing)
{
	static const struct {
		uint32_t part;
		const char *name;
	} parts[] = {
		{ CTL_CAGE_USER, "user id" },
		{ CTL_CAGE_PRIVILEGE, "capabilities" },
		{ CTL_CAGE_ROOT, "name spaces" },
		{ CTL_CAGE_LANDLOCK, "Landlock" },
		{ CTL_CAGE_SYSCALLS, "system calls" },
	};
	char text[128] = "without ";
	size_t i, n = strlen(text);

	if (!missing)
		return strdup("full");
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (missing & parts[i].part)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s",
					      n > 8 ? ", " : "", parts[i].name);
	return strdup(text);
}
