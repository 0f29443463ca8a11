// SPDX-License-Identifier: GPL-2.0-only
/*
 * Metrics in a file that others read at any moment; see metrics.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "metrics.h"

#define MAX_PATH	512u

static int failed(const char *path, int err, char *why)
{
	why_set(why, "cannot write %s: %s", path, strerror(err));
	return -err;
}

int metrics_write(struct json_object *answer, enum metrics_format format, const char *path,
		  char *why)
{
	char beside[MAX_PATH];
	FILE *file;
	int fd, err;

	/* node_exporter takes what ends in .prom, which this does not. */
	if (snprintf(beside, sizeof(beside), "%s.XXXXXX", path) >= (int)sizeof(beside))
		return failed(path, ENAMETOOLONG, why);
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return failed(path, errno, why);
	file = fdopen(fd, "w");
	if (!file) {
		err = failed(path, errno, why);
		close(fd);
		goto out_unlink;
	}
	err = metrics_print(answer, format, file, why);
	if (!err && (fflush(file) || ferror(file) || fchmod(fd, 0644)))
		err = failed(path, errno, why);
	fclose(file);
	/* Not made durable: after a crash of the host the next one is written soon. */
	if (!err && rename(beside, path))
		err = failed(path, errno, why);
out_unlink:
	if (err)
		unlink(beside);
	return err;
}
