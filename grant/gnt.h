/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sharing and mapping of pages. A frontend shares pages of its own with one other domain; the
 * other side's supervisor asks the hypervisor for a mapping of exactly that domain's references
 * and gets descriptors, which it can pass on; a worker turns those into memory.
 */
#ifndef GRANT_GNT_H
#define GRANT_GNT_H

#include <stdbool.h>
#include <stdint.h>

#include "platform.h"

#define GNT_PAGE_BYTES	4096u
#define GNT_MAX_PAGES	65536u		/* one share or one mapping: Linux gntdev's limit */
#define GNT_MAX_EXTENTS	64u		/* descriptors one mapping can need (Xen: always 1) */

struct evt;

/* Pages of this domain granted to another one. */
struct gnt_share {
	void *addr;		/* n_pages * GNT_PAGE_BYTES, zeroed, shared, read-write */
	uint32_t n_pages;
	int fd;			/* data at offset 0; another process may map it MAP_SHARED */
	uint32_t *refs;		/* n_pages grant references, none of them 0 */
	void *priv;
};

/*
 * gnt_share() - allocate pages and grant them.
 * @peer_domid:    the domain that may map them.
 * @n_pages:       1..GNT_MAX_PAGES.
 * @peer_writable: whether it may write.
 * @out:           set on success only; owned by the caller, release with gnt_unshare().
 * Returns 0; -EINVAL; -ENOSPC, the grant table or the xen_gntalloc limit is exhausted
 * (gnt_explain() names the remedy); -ENOMEM; -EMFILE; -ENODEV, no /dev/xen/gntalloc.
 * Each share has a descriptor of its own. Source: Linux uapi xen/gntalloc.h.
 */
int gnt_share(struct plat *plat, uint16_t peer_domid, uint32_t n_pages, bool peer_writable,
	      struct gnt_share **out);

/*
 * gnt_share_notify_on_loss() - when this process ends, however it ends, clear a byte and signal.
 * @offset_bytes: the byte in the share; it is cleared when the page loses its owner, which it also
 *                does in gnt_unshare(), and does not when the whole domain is destroyed: then there
 *                is no kernel left to do it, and xenstore's @releaseDomain is what tells.
 * @evt:          the event channel to signal then; must outlive @share or be closed after it.
 * Returns 0 or -errno. One byte for each page: the last one asked for.
 * Source: Linux uapi xen/gntalloc.h, IOCTL_GNTALLOC_SET_UNMAP_NOTIFY.
 */
int gnt_share_notify_on_loss(struct gnt_share *share, uint32_t offset_bytes, struct evt *evt);

/* gnt_unshare() - unmap and revoke. What the other side has mapped stays until it has unmapped. */
void gnt_unshare(struct gnt_share *share);

/* Pages of another domain, as descriptors: what crosses from the supervisor to a worker. */
struct gnt_extent {
	int fd;
	uint32_t n_pages;
	uint64_t offset_bytes;	/* for mmap */
};

struct gnt_grant {
	uint32_t n_extents;
	uint32_t n_pages;
	bool writable;
	struct gnt_extent extent[GNT_MAX_EXTENTS];
};

/*
 * gnt_map_refs() - have the hypervisor map pages that @domid granted to this domain.
 * @refs:    untrusted; n_pages grant references, already copied out of shared memory.
 * @n_pages: 1..GNT_MAX_PAGES.
 * @out:     set on success only; its descriptors are the caller's, release with gnt_grant_close()
 *           (a mapping made of it stays).
 * Returns 0; -EINVAL, n_pages out of range or a reference 0; -EFAULT, a reference did not map
 * (nothing stays mapped); -ENODEV, no /dev/xen/gntdev; -EMFILE.
 * On Xen the hypervisor is asked only when the descriptor is mapped, so there a bad reference shows
 * as gnt_mmap()'s -EFAULT: whoever checks one checks both.
 */
int gnt_map_refs(struct plat *plat, uint16_t domid, const uint32_t *refs, uint32_t n_pages,
		 bool writable, struct gnt_grant *out);

/* gnt_grant_close() - close the descriptors. */
void gnt_grant_close(struct gnt_grant *grant);

/*
 * gnt_mmap() - make a grant contiguous memory of this process. Needs no platform and no privilege.
 * Once for each grant: on a PV domain a second gnt_mmap() of it is refused.
 * @out: set on success only; grant->n_pages * GNT_PAGE_BYTES; release with gnt_munmap().
 * Returns 0; -EFAULT, a page could not be mapped; -ENOMEM. Closes no descriptor.
 */
int gnt_mmap(const struct gnt_grant *grant, void **out);

/*
 * gnt_munmap() - give the pages back; the hypervisor's mapping ends once the grant is closed, too.
 * Never fork() with a mapping, except to exec: a child that touches it dies (PV), or keeps it.
 */
void gnt_munmap(void *addr, uint32_t n_pages);

/* gnt_explain() - for a person: what to do about @err of gnt_share() and others. Static storage. */
const char *gnt_explain(struct plat *plat, int err);

#endif
