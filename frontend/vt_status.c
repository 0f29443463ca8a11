// SPDX-License-Identifier: GPL-2.0-only
/*
 * The status file: what xengpu-run tells a user whose program cannot have the vgpu. "name: value"
 * lines; replaced as a whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vt.h"

static void make_parent(const char *path)
{
	char copy[512];

	snprintf(copy, sizeof(copy), "%s", path);
	mkdir(dirname(copy), 0755);	/* there already, as a rule */
}

void vt_status_write(const struct vt_options *options, const struct fe_limits *limits,
		     const char *why)
{
	char new_path[512], text[1024];
	int fd, n;

	if (!options->status_path[0])
		return;
	n = snprintf(text, sizeof(text), "state: %s\nreason: %s\nsocket: %s\npid: %d\n",
		     limits ? "connected" : "not connected", why, options->socket_path,
		     (int)getpid());
	if (limits)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      "device: %u, served by domain %u, protocol %u\n", limits->devid,
			      limits->backend_domid, limits->version);
	make_parent(options->status_path);
	if (options->stats_path[0])
		make_parent(options->stats_path);
	snprintf(new_path, sizeof(new_path), "%s.new", options->status_path);
	fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, (size_t)n) != n || rename(new_path, options->status_path))
		vt_log("%s cannot be written: %s", options->status_path, strerror(errno));
	if (fd >= 0)
		close(fd);
}
