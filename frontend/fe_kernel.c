// SPDX-License-Identifier: GPL-2.0-only
/*
 * What sysfs and a render node tell about the kernel module; see fe_kernel.h. The module puts a
 * platform device below the one of xenbus, xen-vgpu-N below vgpu-N, with the node and a line about
 * its connection.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <libdrm/virtgpu_drm.h>

#include "fe_kernel.h"
#include "vtest.h"

#define DEVICES		"/bus/xen/devices"
#define MAX_CAPS	65536u

static bool drives(const char *sysfs, const char *device)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s" DEVICES "/%s/driver", sysfs, device);
	return access(path, F_OK) == 0;
}

/* The first device with a driver: its name, or "". */
static void find_device(const char *sysfs, char *out, size_t bytes)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	out[0] = '\0';
	snprintf(path, sizeof(path), "%s" DEVICES, sysfs);
	dir = opendir(path);
	while (dir && !out[0] && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "vgpu-", 5) && drives(sysfs, entry->d_name))
			snprintf(out, bytes, "%s", entry->d_name);
	if (dir)
		closedir(dir);
}

bool fe_kernel_drives(const char *sysfs, int devid)
{
	char device[NAME_MAX + 1];

	if (devid < 0) {
		find_device(sysfs, device, sizeof(device));
		return device[0];
	}
	snprintf(device, sizeof(device), "vgpu-%d", devid);
	return drives(sysfs, device);
}

static void read_line(const char *path, char *out, size_t bytes)
{
	FILE *file = fopen(path, "re");

	if (!file || !fgets(out, (int)bytes, file))
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (file)
		fclose(file);
}

int fe_kernel_node(const char *sysfs, char *node, size_t node_bytes, char *why, size_t why_bytes)
{
	char device[NAME_MAX + 1], parent[PATH_MAX], path[PATH_MAX + 16];
	struct dirent *entry;
	int err = -ENODEV;
	DIR *dir;

	find_device(sysfs, device, sizeof(device));
	if (!device[0])
		return -ENOENT;
	snprintf(parent, sizeof(parent), "%s" DEVICES "/%.64s/xen-%.64s", sysfs, device, device);
	snprintf(path, sizeof(path), "%s/status", parent);
	read_line(path, why, why_bytes);
	if (strcmp(why, "connected")) {
		if (!why[0])
			snprintf(why, why_bytes, "the kernel module that drives %.64s does not say "
				 "how it is", device);
		return -ENODEV;
	}
	snprintf(path, sizeof(path), "%s/drm", parent);
	dir = opendir(path);
	while (dir && err && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "renderD", 7)) {
			snprintf(node, node_bytes, "/dev/dri/%.32s", entry->d_name);
			err = 0;
		}
	if (dir)
		closedir(dir);
	if (err)
		snprintf(why, why_bytes, "the kernel module has no render node");
	return err;
}

int fe_kernel_renderer(const char *node, char *out, size_t bytes)
{
	char name[VIRGL_CAPS_RENDERER_BYTES + 1];
	struct drm_virtgpu_get_caps get = { .cap_set_id = 2, .cap_set_ver = 1, .size = MAX_CAPS };
	uint8_t *caps = calloc(1, MAX_CAPS);
	int fd = open(node, O_RDWR | O_CLOEXEC), err = 0;
	char *p;

	if (fd < 0)
		err = -errno;
	get.addr = (uintptr_t)caps;
	if (!err && (!caps || ioctl(fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &get)))
		err = caps ? -errno : -ENOMEM;
	if (!err) {
		memcpy(name, caps + VIRGL_CAPS_RENDERER, VIRGL_CAPS_RENDERER_BYTES);
		name[VIRGL_CAPS_RENDERER_BYTES] = '\0';
		for (p = name; *p; p++)
			if (*p < ' ' || *p > '~')
				*p = '?';
		snprintf(out, bytes, "%s", name);
	}
	if (fd >= 0)
		close(fd);
	free(caps);
	return err;
}
