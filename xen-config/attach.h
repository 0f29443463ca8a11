/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The toolstack's part of a vgpu: making and removing its nodes, as libxl does it for the device
 * types that it knows. Permissions and sequence are those of libxl__device_generic_add().
 */
#ifndef CONFIG_ATTACH_H
#define CONFIG_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "option.h"
#include "xst.h"

#define ATTACH_MAX_NAME		64u	/* of a domain, with its NUL */
#define ATTACH_UUID_BYTES	37u	/* with its NUL */

struct attach_vgpu {
	uint16_t domid;
	uint16_t devid;
	uint16_t backend;
};

/*
 * attach_find_domain() - a domain by id or by name; "dom0" is domain 0.
 * Returns 0; -ENOENT, no such domain; or as xst_list().
 */
int attach_find_domain(struct xst *xst, const char *name_or_id, uint16_t *out);

/* attach_find_name() - the same by name only, though it may look like an id. */
int attach_find_name(struct xst *xst, const char *name, uint16_t *out);

/*
 * attach_domain_name() - its name into ATTACH_MAX_NAME octets; ATTACH_NO_NAME where it has none, or one that is
 * too long. Returns 0, or as xst_read().
 */
#define ATTACH_NO_NAME	"(null)"
int attach_domain_name(struct xst *xst, uint16_t domid, char *name);

/*
 * attach_domain_uuid() - what its node "vm" says, /vm/UUID, into ATTACH_UUID_BYTES octets.
 * Returns 0; -EINVAL, it says something else; or as xst_read().
 */
int attach_domain_uuid(struct xst *xst, uint16_t domid, char *uuid);

/* Who the guest is, in the backend's directory: a driver domain may not read it in the guest's. */
#define ATTACH_NODE_NAME	"domain"
#define ATTACH_NODE_UUID	"uuid"

/* One of the nodes that attach_add() writes. */
struct attach_node {
	const char *path;
	const char *value;		/* NULL: a directory */
	bool has_perms;			/* else it has its directory's */
	uint16_t owner, reader;
};

/*
 * attach_each_node() - call @each for every node of a device, in the order of writing.
 * @option: NULL, or keys that become nodes of the backend's directory, which the guest may read
 *          only; those without a node (backend, devid) are what @vgpu says.
 * Returns 0, or the first non-zero value of @each.
 */
int attach_each_node(const struct attach_vgpu *vgpu, const struct vgpu_option *option,
		     int (*each)(const struct attach_node *node, void *arg), void *arg);

/*
 * attach_add() - create frontend, backend and the toolstack's record in one transaction, and write
 * who the guest is, as far as that is known.
 * @option: as attach_each_node().
 * Returns 0; -EEXIST, the domain has this device; -EACCES, not the control domain's root; or as
 * xst_write(). Nothing was written on failure.
 */
int attach_add(struct xst *xst, const struct attach_vgpu *vgpu, const struct vgpu_option *option);

/*
 * attach_read_option() - the keys that attach_add() wrote as nodes (so neither backend nor devid).
 * @out: set on success only.
 * Returns 0, also where there is no device; -EINVAL, a node holds what no option may; or as
 * xst_read().
 */
int attach_read_option(struct xst *xst, const struct attach_vgpu *vgpu, struct vgpu_option *out);

/*
 * attach_lookup() - what the toolstack recorded about a device.
 * Returns 0; -ENOENT, not attached; or as xst_read().
 */
int attach_lookup(struct xst *xst, uint16_t domid, uint16_t devid, struct attach_vgpu *out);

/*
 * attach_only() - the one device of a domain.
 * Returns 0; -ENOENT, it has none; -EEXIST, it has several; or as attach_each().
 */
int attach_only(struct xst *xst, uint16_t domid, struct attach_vgpu *out);

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
