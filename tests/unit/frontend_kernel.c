// SPDX-License-Identifier: GPL-2.0-only
/* What sysfs tells about the kernel module, in trees made like a guest's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fe_kernel.h"
#include "harness.h"

static char sysfs[] = "/tmp/xengpu-sysfs.XXXXXX";

static void tree_up(void)
{
	char path[128];

	CHECK(mkdtemp(sysfs));
	snprintf(path, sizeof(path), "mkdir -p %s/bus/xen/devices/vbd-51712/driver", sysfs);
	CHECK_EQ(system(path), 0);
}

static void tree_down(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", sysfs);
	CHECK_EQ(system(command), 0);
}

static void make_dir(const char *below)
{
	char command[256];

	snprintf(command, sizeof(command), "mkdir -p %s/bus/xen/devices/%s", sysfs, below);
	CHECK_EQ(system(command), 0);
}

static void write_status(const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/bus/xen/devices/vgpu-0/xen-vgpu-0/status", sysfs);
	file = fopen(path, "w");
	CHECK(file);
	fprintf(file, "%s\n", text);
	fclose(file);
}

static int node(char *out, char *why)
{
	return fe_kernel_node(sysfs, out, 64, why, 256);
}

TEST(frontend_kernel, none)
{
	char out[64], why[256];

	CHECK(!fe_kernel_drives("/nonexistent", -1));
	CHECK_EQ(fe_kernel_node("/nonexistent", out, sizeof(out), why, sizeof(why)), -ENOENT);
	tree_up();
	CHECK(!fe_kernel_drives(sysfs, -1));
	make_dir("vgpu-0");
	CHECK(!fe_kernel_drives(sysfs, -1) && !fe_kernel_drives(sysfs, 0));
	CHECK_EQ(node(out, why), -ENOENT);
	tree_down();
}

TEST(frontend_kernel, connected)
{
	char out[64], why[256];

	tree_up();
	make_dir("vgpu-0/driver");
	make_dir("vgpu-0/xen-vgpu-0/drm/card0");
	make_dir("vgpu-0/xen-vgpu-0/drm/renderD128");
	write_status("connected");
	CHECK(fe_kernel_drives(sysfs, -1) && fe_kernel_drives(sysfs, 0));
	CHECK(!fe_kernel_drives(sysfs, 1));
	CHECK_EQ(node(out, why), 0);
	CHECK(!strcmp(out, "/dev/dri/renderD128"));
	tree_down();
}

TEST(frontend_kernel, not_connected)
{
	char out[64] = "untouched", why[256];

	tree_up();
	make_dir("vgpu-0/driver");
	CHECK_EQ(node(out, why), -ENODEV);
	CHECK(strstr(why, "vgpu-0"));
	make_dir("vgpu-0/xen-vgpu-0");
	write_status("the session was lost");
	CHECK_EQ(node(out, why), -ENODEV);
	CHECK(!strcmp(why, "the session was lost"));
	write_status("connected");
	CHECK_EQ(node(out, why), -ENODEV);
	CHECK(strstr(why, "no render node"));
	CHECK(!strcmp(out, "untouched"));
	tree_down();
}

TEST(frontend_kernel, renderer)
{
	char out[64];

	CHECK_EQ(fe_kernel_renderer("/nonexistent", out, sizeof(out)), -ENOENT);
	CHECK_EQ(fe_kernel_renderer("/dev/null", out, sizeof(out)), -ENOTTY);
}
