// SPDX-License-Identifier: GPL-2.0-only
/* What outlives the supervisor; see sup_state.h. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "sup_state.h"

int state_write(const char *path, const char *text)
{
	char new_path[512];
	FILE *file;
	int err = 0;

	snprintf(new_path, sizeof(new_path), "%.500s.new", path);
	file = fopen(new_path, "we");
	if (!file)
		return -errno;
	if (fputs(text, file) < 0 || fflush(file) || fsync(fileno(file)))
		err = -errno;
	if (fclose(file) && !err)
		err = -errno;
	if (!err && rename(new_path, path))
		err = -errno;
	if (err)
		unlink(new_path);
	return err;
}
