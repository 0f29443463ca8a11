/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The toolstack's part of a vgpu: making and removing its nodes, as libxl does it for the device
 * types that it knows. Permissions and sequence are those of libxl__device_generic_add().
 */
#ifndef CONFIG_ATTACH_H
#define CONFIG_ATTACH_H

#include <stddef.h>
#include <stdint.h>

#include "xst.h"

#define ATTACH_MAX_NAME		64u	/* of a domain */
#define ATTACH_MAX_WHY		256u

/* What "key=value,key=value" said. */
struct attach_keys {
	char backend[ATTACH_MAX_NAME];	/* a domain's name or id; "" when not given */
	uint16_t devid;			/* 0 when not given */
};

struct attach_vgpu {
	uint16_t domid;
	uint16_t devid;
	uint16_t backend;
};

/*
 * attach_parse_keys() - read "key=value[,key=value...]" on top of what @keys holds.
 * @why: ATTACH_MAX_WHY octets; set on failure to a sentence that names the key and what is allowed.
 * Returns 0 or -EINVAL.
 */
int attach_parse_keys(const char *text, struct attach_keys *keys, char *why);

/*
 * attach_find_domain() - a domain by id or by name; "dom0" is domain 0.
 * Returns 0; -ENOENT, no such domain; or as xst_list().
 */
int attach_find_domain(struct xst *xst, const char *name_or_id, uint16_t *out);

/* attach_domain_name() - its name into ATTACH_MAX_NAME octets, "(null)" where it has none. */
void attach_domain_name(struct xst *xst, uint16_t domid, char *name);

/*
 * attach_add() - create frontend, backend and the toolstack's record in one transaction.
 * Returns 0; -EEXIST, the domain has this device; -EACCES, not the control domain's root; or as
 * xst_write(). Nothing was written on failure.
 */
int attach_add(struct xst *xst, const struct attach_vgpu *vgpu);

/*
 * attach_lookup() - what the toolstack recorded about a device.
 * Returns 0; -ENOENT, not attached; or as xst_read().
 */
int attach_lookup(struct xst *xst, uint16_t domid, uint16_t devid, struct attach_vgpu *out);

/*
 * attach_each() - call @each for every device of @domid, or of all domains with @domid < 0.
 * Returns 0, the first non-zero value of @each, or -errno.
 */
int attach_each(struct xst *xst, int domid, int (*each)(const struct attach_vgpu *vgpu, void *arg),
		void *arg);

/*
 * attach_close() - ask the backend to let go: online=0 and state Closing, in one transaction.
 * Returns 0; -ENOENT, there is no backend directory; or as xst_write().
 */
int attach_close(struct xst *xst, const struct attach_vgpu *vgpu);

/* attach_remove() - remove all nodes, and directories that are empty then. Returns 0 or -errno. */
int attach_remove(struct xst *xst, const struct attach_vgpu *vgpu);

#endif
