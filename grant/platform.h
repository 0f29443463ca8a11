/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The platform a process runs on: real Xen, or "local", where processes of one Linux machine play
 * the domains (for speed measurements, sanitizers and fuzzing). Chosen at run time. Pages are in
 * gnt.h, event channels in evt.h, xenstore in xst.h; this file is what the three share.
 */
#ifndef GRANT_PLATFORM_H
#define GRANT_PLATFORM_H

#include <stdint.h>

enum plat_kind {
	PLAT_XEN = 1,
	PLAT_LOCAL = 2,
};

struct plat;

/* What this process asked of the hypervisor so far; only ever grows. */
struct plat_counters {
	uint64_t share_ops;	/* gnt_share() that allocated and granted pages */
	uint64_t unshare_ops;
	uint64_t pages_shared;
	uint64_t map_ops;	/* gnt_map_refs(): one grant-map call, whatever its length */
	uint64_t unmap_ops;	/* gnt_munmap(), so in the process that has the memory */
	uint64_t pages_mapped;
	uint64_t notifies;	/* evt_notify() */
	uint64_t events;	/* evt_pending() that found one */
};

/*
 * plat_open() - open the platform.
 * @spec: "xen"; "local:PATH:DOMID", PATH being the socket of xengpu-localhub and DOMID the domain
 *        this process plays; NULL for the environment's XENGPU_PLATFORM, or "xen" without that.
 * @out:  set on success only; owned by the caller, release with plat_close().
 * Returns 0; -EINVAL, the spec is not of these forms; -ENOENT or -ECONNREFUSED, no hub there;
 * -ENXIO, the hub has no such domain. On Xen nothing is opened yet, so the absence of Xen shows at
 * the first gnt_, evt_ or xst_ call.
 * A platform and what was opened from it belong to one process (after fork() open another) and to
 * one thread at a time. On the local platform its
 * grants end with it; every later call fails with -ENODEV when its domain or the hub is gone.
 */
int plat_open(const char *spec, struct plat **out);

/* plat_close() - everything opened from @plat must be closed before. NULL is allowed. */
void plat_close(struct plat *plat);

/* plat_kind() - which of the two this is. */
enum plat_kind plat_kind(const struct plat *plat);

/* plat_spec() - the spec it was opened with, for handing on to a child process. */
const char *plat_spec(const struct plat *plat);

/* plat_counters() - this process's counters, in all platforms opened; valid for ever. */
const struct plat_counters *plat_counters(void);

#endif
