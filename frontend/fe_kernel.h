/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fe_kernel.h - the guest's other frontend: whether the kernel module xen_vgpufront drives the
 * vgpu, and the render node that it made. A vgpu has one frontend: where there is the module,
 * xengpu-vtest leaves it alone.
 */
#ifndef FRONTEND_FE_KERNEL_H
#define FRONTEND_FE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>

#define FE_KERNEL_SYSFS	"/sys"

/*
 * fe_kernel_drives() - whether a kernel module has a vgpu of this guest.
 * @sysfs: FE_KERNEL_SYSFS, or a tree made for a test.
 * @devid: its number, or negative for whichever comes first.
 */
bool fe_kernel_drives(const char *sysfs, int devid);

/*
 * fe_kernel_node() - the render node of the vgpu that the module drives.
 * @node: set on success only; "/dev/dri/renderDn".
 * @why: on failure a sentence for a person: what the module says about itself.
 * Returns 0; -ENOENT, no module drives a vgpu; -ENODEV, one does and has no connection.
 */
int fe_kernel_node(const char *sysfs, char *node, size_t node_bytes, char *why, size_t why_bytes);

/*
 * fe_kernel_renderer() - ask a render node what draws.
 * @out: set on success only; the name in its virgl capset, without control characters.
 * Returns 0 or -errno.
 */
int fe_kernel_renderer(const char *node, char *out, size_t bytes);

#endif
