// SPDX-License-Identifier: GPL-2.0-only
/*
 * Workers' control groups; see sup_cgroup.h. A group is a folder, its limits are files in it.
 * Source: Linux Documentation/admin-guide/cgroup-v2.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sup.h"
#include "sup_cgroup.h"

#define MAX_THREADS	"256"

#define MAX_SLOTS	SUP_MAX_WORKERS
#define FINISH_TRIES	50u
#define FINISH_US	10000u

static int base_fd = -1;		/* the folder that workers' groups are in */
static uint32_t worker_memory_mib;
static bool left[MAX_SLOTS];		/* groups to be removed: something in them was dying still */
static uint32_t n_left;

bool cgroup_used(void)
{
	return base_fd >= 0;
}

static int put(int dir_fd, const char *path, const char *text)
{
	const int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);
	const size_t len = strlen(text);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		err = errno ? -errno : -EIO;
	close(fd);
	return err;
}

/* The first cgroup2 file system that is mounted from its root. */
static int find_mount(char *out, size_t bytes)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char line[4096], root[1024], at[1024];
	bool found = false;

	if (!file)
		return -errno;
	while (!found && fgets(line, sizeof(line), file)) {
		const char *rest = strstr(line, " - ");

		found = rest && !strncmp(rest, " - cgroup2 ", 11) &&
			sscanf(line, "%*s %*s %*s %1023s %1023s", root, at) == 2 &&
			!strcmp(root, "/");
	}
	fclose(file);
	if (!found)
		return -ENOENT;
	return (size_t)snprintf(out, bytes, "%s", at) < bytes ? 0 : -ENAMETOOLONG;
}

/* Our own group: "0::/path". */
static int find_own(char *out, size_t bytes)
{
	char line[1024], at[1024];
	FILE *file;
	int err = find_mount(at, sizeof(at));

	if (err)
		return err;
	file = fopen("/proc/self/cgroup", "re");
	if (!file)
		return -errno;
	err = -ENOENT;
	while (err == -ENOENT && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::", 3))
			err = (size_t)snprintf(out, bytes, "%s%s", at, line + 3) < bytes ? 0 :
			      -ENAMETOOLONG;
	}
	fclose(file);
	return err;
}

/* A group that has groups below it with limits may have no process itself. */
static int step_aside(int dir_fd)
{
	if (mkdirat(dir_fd, "supervisor", 0755) && errno != EEXIST)
		return -errno;
	return put(dir_fd, "supervisor/cgroup.procs", "0");
}

int cgroup_start(const char *where, uint32_t memory_mib, char *why)
{
	const bool own = !strcmp(where, "delegated");
	char path[PATH_MAX];
	int dir_fd, err = 0;

	if (own)
		err = find_own(path, sizeof(path));
	else if ((size_t)snprintf(path, sizeof(path), "%s", where) >= sizeof(path))
		err = -ENAMETOOLONG;
	if (err) {
		snprintf(why, CTL_MAX_TEXT, "no control group of version 2: %s", strerror(-err));
		return err;
	}
	dir_fd = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (dir_fd < 0) {
		err = -errno;
		snprintf(why, CTL_MAX_TEXT, "control group %.160s: %s", path, strerror(-err));
		return err;
	}
	if (own)
		err = step_aside(dir_fd);
	if (err) {
		snprintf(why, CTL_MAX_TEXT, "control group %.120s: moving: %s%s", path,
			 strerror(-err), err == -EROFS || err == -EACCES ?
			 " (is it delegated, Delegate=yes?)" : "");
		goto out_close;
	}
	err = put(dir_fd, "cgroup.subtree_control", "+memory");
	if (err) {
		snprintf(why, CTL_MAX_TEXT, "control group %.120s: memory: %s%s", path,
			 strerror(-err), err == -ENOENT || err == -EINVAL ?
			 " (not a controller of this group; cgroup.controllers lists them)" : "");
		goto out_close;
	}
	/* Threads are limited by a resource limit as well. */
	put(dir_fd, "cgroup.subtree_control", "+pids");
	base_fd = dir_fd;
	worker_memory_mib = memory_mib;
	return 0;

out_close:
	close(dir_fd);
	return err;
}

static void name(char out[32], uint32_t slot)
{
	snprintf(out, 32, "worker-%" PRIu32, slot);
}

static int set(uint32_t slot, const char *file, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "worker-%" PRIu32 "/%s", slot, file);
	return put(base_fd, path, text);
}

static int remove_group(uint32_t slot)
{
	char dir[32];

	name(dir, slot);
	return unlinkat(base_fd, dir, AT_REMOVEDIR) && errno != ENOENT ? -errno : 0;
}

static void sweep(void)
{
	uint32_t slot;

	for (slot = 0; n_left && slot < MAX_SLOTS; slot++) {
		if (left[slot] && remove_group(slot) != -EBUSY) {
			left[slot] = false;
			n_left--;
		}
	}
}

int cgroup_make(uint32_t slot)
{
	char dir[32], bytes[32];
	int err;

	if (base_fd < 0)
		return 0;
	sweep();
	name(dir, slot);
	/* What an earlier xengpud left has counted other workers' ends. */
	err = remove_group(slot);
	if (err)
		return err;
	if (mkdirat(base_fd, dir, 0755))
		return -errno;
	snprintf(bytes, sizeof(bytes), "%" PRIu64, (uint64_t)worker_memory_mib << 20);
	err = set(slot, "memory.max", bytes);
	/* Not there: without swap, without the controller. */
	if (!err) {
		set(slot, "memory.swap.max", "0");
		set(slot, "pids.max", MAX_THREADS);
		return 0;
	}
	unlinkat(base_fd, dir, AT_REMOVEDIR);
	return err;
}

int cgroup_enter(uint32_t slot)
{
	return base_fd < 0 ? 0 : set(slot, "cgroup.procs", "0");
}

bool cgroup_out_of_memory(uint32_t slot)
{
	char path[64], text[512], *at;
	ssize_t n;
	int fd;

	if (base_fd < 0)
		return false;
	snprintf(path, sizeof(path), "worker-%" PRIu32 "/memory.events", slot);
	fd = openat(base_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	/* "oom_kill" counts who was killed for want of the host's memory, or of a group's above, as well. */
	at = strstr(text, "oom ");
	return at && strtoul(at + 4, NULL, 10) > 0;
}

void cgroup_remove(uint32_t slot)
{
	int err;

	if (base_fd < 0)
		return;
	/* The process that would have emptied its root dies with it, and may take a moment. */
	set(slot, "cgroup.kill", "1");
	err = remove_group(slot);
	if (err == -EBUSY && !left[slot]) {
		left[slot] = true;
		n_left++;
	} else if (err && err != -EBUSY) {
		log_warning("control group worker-%" PRIu32 " cannot be removed: %s", slot,
			    strerror(-err));
	}
}

void cgroup_finish(void)
{
	unsigned int i;

	if (base_fd < 0)
		return;
	for (i = 0; n_left && i < FINISH_TRIES; i++) {
		sweep();
		if (n_left)
			usleep(FINISH_US);
	}
	if (n_left)
		log_warning("%" PRIu32 " workers' control groups are left", n_left);
}
