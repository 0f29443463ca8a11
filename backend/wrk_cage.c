// SPDX-License-Identifier: GPL-2.0-only
/*
 * Closing the cage; see wrk_cage.h, and "The cage" in this folder's README for why in this order.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>

#include "wrk_cage.h"
#include "wrk_log.h"

__attribute__((format(printf, 3, 4)))
static void uncaged(int ctl_fd, uint32_t part, const char *fmt, ...)
{
	struct ctl_msg msg = { .type = CTL_UNCAGED, .bytes = CTL_BYTES(uncaged) };
	va_list ap;

	msg.u.uncaged.part = part;
	va_start(ap, fmt);
	vsnprintf(msg.u.uncaged.text, sizeof(msg.u.uncaged.text), fmt, ap);
	va_end(ap);
	wrk_log("%s", msg.u.uncaged.text);
	/* If this is not heard, READY still does not have the part. */
	ctl_send(ctl_fd, &msg, NULL, 0);
}

/* --- capabilities ----------------------------------------------------------------------------- */

static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	int cap;

	/*
	 * Only who has CAP_SETPCAP can, and then it should; for others it makes no difference,
	 * since nothing is ever executed.
	 */
	for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL)
		return -errno;
	if (syscall(SYS_capset, &head, data))
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

/* --- Landlock --------------------------------------------------------------------------------- */

/* From Linux uapi linux/landlock.h, of which Debian 12's knows no more than the second version. */
struct ruleset {
	uint64_t fs;
	uint64_t net;		/* from version 4 */
	uint64_t scoped;	/* from version 6 */
};

struct path_rule {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed));

enum {
	LL_VERSION = 1 << 0,
	LL_PATH_BENEATH = 1,
	LL_WRITE_FILE = 1 << 1,
	LL_READ_FILE = 1 << 2,
	LL_READ_DIR = 1 << 3,
	LL_FS_V1 = (1 << 13) - 1,
	LL_REFER = 1 << 13,		/* 2 */
	LL_TRUNCATE = 1 << 14,		/* 3 */
	LL_IOCTL_DEV = 1 << 15,		/* 5 */
	LL_BIND_TCP = 1 << 0,
	LL_CONNECT_TCP = 1 << 1,
	LL_ABSTRACT_UNIX = 1 << 0,
	LL_SIGNAL = 1 << 1,
};

static int may(int ruleset_fd, const char *path, uint64_t allowed)
{
	struct path_rule rule = { .allowed = allowed };
	int err = 0;

	rule.fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.fd < 0)
		return -errno;
	if (syscall(SYS_landlock_add_rule, ruleset_fd, LL_PATH_BENEATH, &rule, 0))
		err = -errno;
	close(rule.fd);
	return err;
}

/*
 * A thread takes its own rules only, and those it starts inherit them: so this is before the
 * renderer, and lets it read, and open devices.
 */
static int landlock(void)
{
	const long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LL_VERSION);
	struct ruleset set = { .fs = LL_FS_V1 };
	size_t bytes = sizeof(set.fs);
	int fd, err;

	if (version < 0)
		return -errno;
	if (version >= 2)
		set.fs |= LL_REFER;
	if (version >= 3)
		set.fs |= LL_TRUNCATE;
	if (version >= 5)
		set.fs |= LL_IOCTL_DEV;
	if (version >= 4) {
		set.net = LL_BIND_TCP | LL_CONNECT_TCP;
		bytes = offsetof(struct ruleset, scoped);
	}
	if (version >= 6) {
		set.scoped = LL_ABSTRACT_UNIX | LL_SIGNAL;
		bytes = sizeof(set);
	}
	fd = (int)syscall(SYS_landlock_create_ruleset, &set, bytes, 0);
	if (fd < 0)
		return -errno;
	err = may(fd, "/", LL_READ_FILE | LL_READ_DIR);
	if (!err)
		err = may(fd, "/dev", (LL_READ_FILE | LL_READ_DIR | LL_WRITE_FILE | LL_IOCTL_DEV) &
			  set.fs);
	if (!err && syscall(SYS_landlock_restrict_self, fd, 0))
		err = -errno;
	close(fd);
	return err;
}

uint32_t wrk_cage_begin(int ctl_fd)
{
	uint32_t have = 0;
	int err;

	err = drop_capabilities();
	if (err)
		uncaged(ctl_fd, CTL_CAGE_PRIVILEGE, "giving up capabilities: %s", strerror(-err));
	else
		have |= CTL_CAGE_PRIVILEGE;
	err = landlock();
	if (err)
		uncaged(ctl_fd, CTL_CAGE_LANDLOCK, "Landlock: %s%s", strerror(-err),
			err == -ENOSYS || err == -EOPNOTSUPP ?
			" (is it in the kernel, and in lsm= on its command line?)" : "");
	else
		have |= CTL_CAGE_LANDLOCK;
	return have;
}

/* --- the second step -------------------------------------------------------------------------- */

/* The process that was born with us, and has what it takes (sup_cage.c). Returns 0 or -errno. */
static int empty_root(void)
{
	int32_t err = -EPIPE;
	ssize_t n;

	if (write(CTL_CAGE_FD, "", 1) != 1)
		return -errno;
	do {
		n = read(CTL_CAGE_FD, &err, sizeof(err));
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(err))
		err = -EPIPE;
	close(CTL_CAGE_FD);
	/* It ends now. */
	while (waitpid(-1, NULL, __WALL) < 0 && errno == EINTR)
		;
	return err;
}

uint32_t wrk_cage_leave(int ctl_fd)
{
	int err;

	/* Others of this user cannot trace it, where there are such. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	/* Where there is none, who started us has said so. */
	if (fcntl(CTL_CAGE_FD, F_GETFD) < 0)
		return 0;
	err = empty_root();
	if (!err)
		return CTL_CAGE_ROOT;
	uncaged(ctl_fd, CTL_CAGE_ROOT, "leaving the file system: %s", strerror(-err));
	return 0;
}

uint32_t wrk_cage_close(int ctl_fd, struct ctl_stats *stats, bool makes_code)
{
	uint32_t have = wrk_cage_leave(ctl_fd);
	const char *what = "";
	int err;

	err = wrk_calls_restrict(stats, makes_code, &what);
	if (!err)
		return have | CTL_CAGE_SYSCALLS;
	uncaged(ctl_fd, CTL_CAGE_SYSCALLS, "restricting system calls: %s: %s", what,
		strerror(-err));
	return have;
}
