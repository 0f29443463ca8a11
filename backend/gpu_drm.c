// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding and opening DRM render nodes. Only libdrm's own enumeration is used: a node it does not
 * list is one that Mesa cannot use either.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xf86drm.h>

#include "gpu.h"

unsigned int gpu_drm_nodes(char nodes[GPU_MAX_NODES][GPU_MAX_NODE_PATH])
{
	drmDevicePtr devices[GPU_MAX_NODES];
	unsigned int n_nodes = 0;
	int i, n = drmGetDevices2(0, devices, GPU_MAX_NODES);

	if (n > (int)GPU_MAX_NODES)
		n = GPU_MAX_NODES;
	for (i = 0; i < n; i++) {
		const char *node;

		if (!(devices[i]->available_nodes & (1 << DRM_NODE_RENDER)))
			continue;
		node = devices[i]->nodes[DRM_NODE_RENDER];
		if (strlen(node) < GPU_MAX_NODE_PATH)
			strcpy(nodes[n_nodes++], node);
	}
	if (n > 0)
		drmFreeDevices(devices, n);
	return n_nodes;
}

int gpu_drm_open(const char *node, char why[GPU_MAX_TEXT])
{
	drmVersionPtr version;
	struct stat st;
	int fd, err;

	fd = open(node, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) {
		err = errno;
		snprintf(why, GPU_MAX_TEXT, "%s: %s%s", node, strerror(err),
			 err == EACCES ? "; let the worker's user open it (group \"render\")" :
			 err == ENOENT ? "; is the GPU's kernel driver loaded?" : "");
		return -err;
	}
	if (fstat(fd, &st) || !S_ISCHR(st.st_mode) || drmGetNodeTypeFromFd(fd) != DRM_NODE_RENDER) {
		snprintf(why, GPU_MAX_TEXT, "%s is not a DRM render node; they are called "
			 "/dev/dri/renderD128 and up", node);
		close(fd);
		return -ENODEV;
	}
	version = drmGetVersion(fd);
	/* vgem has a render node and no GPU. */
	if (!version || !strcmp(version->name, "vgem")) {
		snprintf(why, GPU_MAX_TEXT, "%s has no GPU behind it (kernel driver \"%s\")", node,
			 version ? version->name : "unknown");
		drmFreeVersion(version);
		close(fd);
		return -ENOTTY;
	}
	drmFreeVersion(version);
	return fd;
}
