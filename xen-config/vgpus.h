/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The setting vgpu = [ "key=value,...", ... ], which every file with a policy has: a domain's xl
 * config, /etc/xen/xengpu.d, /etc/xen/xengpu.conf, and what xengpu saved.
 */
#ifndef CONFIG_VGPUS_H
#define CONFIG_VGPUS_H

#include "option.h"
#include "xlcfg.h"

#define VGPUS_MAX		8u	/* of one domain */
#define VGPUS_WHERE_BYTES	300u

struct vgpus {
	unsigned int n;
	/* Each has its devid; one that the text did not give is the lowest that was free. */
	struct vgpu_option option[VGPUS_MAX];
};

/*
 * vgpus_read() - the setting of a file.
 * @out:   set on success only.
 * @where: VGPUS_WHERE_BYTES octets, set on success only: "FILE:LINE".
 * Returns 0; -ENOENT, the file does not have it; -EINVAL, @why names file, line, key and what is
 * allowed.
 */
int vgpus_read(const struct xlcfg *cfg, struct vgpus *out, char *where, char *why);

/* vgpus_find() - the index of a device, or -1. */
int vgpus_find(const struct vgpus *vgpus, uint16_t devid);

/* vgpus_set() - add a device, or replace it. Returns 0; -ENOSPC, there are VGPUS_MAX already. */
int vgpus_set(struct vgpus *vgpus, const struct vgpu_option *option);

/* vgpus_drop() - take a device out, if it is there. */
void vgpus_drop(struct vgpus *vgpus, uint16_t devid);

#endif
