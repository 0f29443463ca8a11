// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeping a policy, so that a vgpu is there again after `xl reboot`; see policy.h. A file is
 * replaced as a whole, and is on the disk before the old one goes.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy.h"

#define FILE_BYTES	(VGPUS_MAX * (2 * OPTION_MAX_TEXT + 16) + 256)

static int failed(char *why, const char *path, const char *what, int err)
{
	why_set(why, "%s: cannot be %s: %s", path, what, strerror(-err));
	return err;
}

static int file_path(const struct policy_paths *paths, const char *uuid, char *path, size_t bytes,
		     char *why)
{
	char *c;

	if (!policy_uuid_ok(uuid))
		return why_set(why, "'%.40s' is no UUID", uuid ? uuid : "");
	snprintf(path, bytes, "%s/%s.conf", paths->state, uuid);
	for (c = path + strlen(paths->state); *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return 0;
}

static int make_folders(const char *path, char *why)
{
	char part[POLICY_MAX_PATH + 2];
	char *slash;

	snprintf(part, sizeof(part), "%s/", path);
	for (slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return failed(why, part, "made", -errno);
		*slash = '/';
	}
	return 0;
}

/* In quotes, as xlcfg reads it. */
static size_t quote(const char *text, char *out)
{
	char *o = out;

	*o++ = '"';
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*o++ = '\\';
		*o++ = *text;
	}
	*o++ = '"';
	return (size_t)(o - out);
}

static size_t print_file(const struct vgpus *vgpus, char *out)
{
	char text[OPTION_MAX_TEXT], *o = out;
	unsigned int i;

	o += sprintf(o, "# Written by xengpu; `xengpu detach` and `xengpu create` change it.\n"
		     "# What /etc/xen/xengpu.d says counts before it.\nvgpu = [");
	for (i = 0; i < vgpus->n; i++) {
		option_print(&vgpus->option[i], text);
		o += sprintf(o, "%s\n\t", i ? "," : "");
		o += quote(text, o);
	}
	o += sprintf(o, "\n]\n");
	return (size_t)(o - out);
}

static int write_file(const char *path, const char *text, size_t bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	ssize_t n;
	int err = 0;

	if (fd < 0)
		return -errno;
	n = write(fd, text, bytes);
	if (n < 0)
		err = -errno;
	else if ((size_t)n != bytes)
		err = -ENOSPC;
	if (!err && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static void sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Some file systems cannot; the file itself is complete either way. */
	(void)!fsync(fd);
	close(fd);
}

int policy_save(const struct policy_paths *paths, const char *uuid, const struct vgpus *vgpus,
		char *why)
{
	char path[POLICY_MAX_PATH + 64], new[POLICY_MAX_PATH + 72], text[FILE_BYTES];
	int err;

	err = file_path(paths, uuid, path, sizeof(path), why);
	if (!err)
		err = make_folders(paths->state, why);
	if (err)
		return err;
	/* No policy is called so: its name ends otherwise. */
	snprintf(new, sizeof(new), "%s.new", path);
	err = write_file(new, text, print_file(vgpus, text));
	if (!err && rename(new, path))
		err = -errno;
	if (err) {
		unlink(new);
		return failed(why, path, "written", err);
	}
	sync_folder(paths->state);
	return 0;
}

int policy_lock(const struct policy_paths *paths)
{
	char path[POLICY_MAX_PATH + 8], why[WHY_BYTES];
	int fd;

	if (make_folders(paths->state, why))
		return -1;
	/* No policy is called so, either. */
	snprintf(path, sizeof(path), "%s/.lock", paths->state);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)!flock(fd, LOCK_EX);
	return fd;
}

void policy_unlock(int lock)
{
	if (lock < 0)
		return;
	/* A child that was forked meanwhile has it, too. */
	(void)!flock(lock, LOCK_UN);
	close(lock);
}

int policy_forget(const struct policy_paths *paths, const char *uuid, char *why)
{
	char path[POLICY_MAX_PATH + 64];
	int err;

	err = file_path(paths, uuid, path, sizeof(path), why);
	if (err)
		return err;
	if (!unlink(path)) {
		sync_folder(paths->state);
		return 0;
	}
	return errno == ENOENT || errno == ENOTDIR ? 0 : failed(why, path, "removed", -errno);
}

/* What was saved before, until it is known whether what replaces it counts. */
static int aside_paths(const struct policy_paths *paths, const char *uuid, char path[POLICY_MAX_PATH + 64],
		       char old[POLICY_MAX_PATH + 72], char *why)
{
	int err = file_path(paths, uuid, path, POLICY_MAX_PATH + 64, why);

	if (!err)
		snprintf(old, POLICY_MAX_PATH + 72, "%s.old", path);
	return err;
}

int policy_set_aside(const struct policy_paths *paths, const char *uuid, char *why)
{
	char path[POLICY_MAX_PATH + 64], old[POLICY_MAX_PATH + 72];
	int err = aside_paths(paths, uuid, path, old, why);

	if (err)
		return err;
	unlink(old);
	if (!link(path, old) || errno == ENOENT || errno == ENOTDIR)
		return 0;
	return failed(why, old, "written", -errno);
}

int policy_put_back(const struct policy_paths *paths, const char *uuid, char *why)
{
	char path[POLICY_MAX_PATH + 64], old[POLICY_MAX_PATH + 72];
	int err = aside_paths(paths, uuid, path, old, why);

	if (err)
		return err;
	if (!rename(old, path)) {
		/* Of two names of one file rename() leaves both. */
		unlink(old);
		sync_folder(paths->state);
		return 0;
	}
	return errno == ENOENT || errno == ENOTDIR ? policy_forget(paths, uuid, why) :
						     failed(why, path, "written", -errno);
}

void policy_drop_aside(const struct policy_paths *paths, const char *uuid)
{
	char path[POLICY_MAX_PATH + 64], old[POLICY_MAX_PATH + 72], why[WHY_BYTES];

	if (!aside_paths(paths, uuid, path, old, why))
		unlink(old);
}
