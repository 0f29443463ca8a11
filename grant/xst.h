/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Xenstore. Paths beginning with '/' are absolute, others are relative to this domain's home
 * (/local/domain/<domid>). Values are text without NUL. A path of XST_MAX_PATH octets or more is
 * -ENAMETOOLONG everywhere, one with an octet that xenstore does not allow is -EINVAL.
 */
#ifndef GRANT_XST_H
#define GRANT_XST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform.h"

#define XST_MAX_PATH	512u
#define XST_MAX_VALUE	2048u		/* xenstored's default quota for a node */
#define XST_MAX_CHILDREN 1024u

struct xst;
typedef uint32_t xst_tx;
#define XST_NO_TX	((xst_tx)0)

/*
 * xst_open() - connect to xenstore.
 * @out: set on success only; owned by the caller, release with xst_close().
 * Returns 0; -ENOENT or -ECONNREFUSED, no xenstored (in a guest: no /dev/xen/xenbus).
 * Not usable after fork(): open another one.
 */
int xst_open(struct plat *plat, struct xst **out);
void xst_close(struct xst *xst);

/*
 * xst_read() - read a node.
 * @buf: set to the value, NUL-terminated, on success only; @bytes of room, 1..
 * Returns the value's length; -ENOENT; -EACCES; -E2BIG, it does not fit or holds a NUL.
 */
int xst_read(struct xst *xst, xst_tx tx, const char *path, char *buf, size_t bytes);

/*
 * xst_read_u32() - read a node that holds a decimal number, digits only, at most UINT32_MAX.
 * Returns 0; -EINVAL, it holds something else; or as xst_read().
 */
int xst_read_u32(struct xst *xst, xst_tx tx, const char *path, uint32_t *out);

/* xst_write() - write a node, creating it. Returns 0; -EACCES; -ENOSPC, -EDQUOT, quota; or -errno. */
int xst_write(struct xst *xst, xst_tx tx, const char *path, const char *value);

/* xst_printf() - xst_write() of formatted text of at most XST_MAX_VALUE octets. */
int xst_printf(struct xst *xst, xst_tx tx, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* xst_mkdir() - create an empty node if there is none. */
int xst_mkdir(struct xst *xst, xst_tx tx, const char *path);

/* xst_rm() - remove a node and what is below. Returns 0, also where there was none; or -errno. */
int xst_rm(struct xst *xst, xst_tx tx, const char *path);

/*
 * xst_list() - call @each for the name of every child, at most XST_MAX_CHILDREN, in no order.
 * Returns 0, the first non-zero value of @each, or -errno (-ENOENT, no such node).
 */
int xst_list(struct xst *xst, xst_tx tx, const char *path, int (*each)(const char *name, void *arg),
	     void *arg);

/* xst_set_perms() - owner with full access, and one domain that may read (or the owner again). */
int xst_set_perms(struct xst *xst, xst_tx tx, const char *path, uint16_t owner, uint16_t reader);

/*
 * xst_watch() - events for a node and all below, one at once; tokens come back with the events.
 * "@introduceDomain" and "@releaseDomain" for the coming and going of domains; domain 0 is told.
 * A watch of a relative path is told relative paths.
 * Returns 0; -EEXIST, the same path and token again; -ENOSPC, quota; or -errno.
 * xst_unwatch() - -ENOENT, there was none. Events that were on their way still come.
 * Do not count on -EEXIST or -ENOENT: in a guest on Xen the kernel is between, and allows both.
 */
int xst_watch(struct xst *xst, const char *path, const char *token);
int xst_unwatch(struct xst *xst, const char *path, const char *token);

/* xst_fd() - readable when a watch has fired; for poll only. */
int xst_fd(struct xst *xst);

/*
 * xst_next_event() - take one watch event, never blocks.
 * @path:  XST_MAX_PATH octets, the node that changed, cut short if it is longer (another domain
 *         may choose its name); @token: XST_MAX_PATH octets.
 * Returns 1; 0, none; -errno. Drain all before acting: the queue is this process's memory, and
 * xst_fd() is readable for a change, not for what is left in the queue.
 */
int xst_next_event(struct xst *xst, char *path, char *token);

/*
 * xst_tx_begin(), xst_tx_end() - a transaction. xst_tx_end() with @commit false drops it.
 * Returns 0; -EAGAIN, somebody else was quicker: begin again; or -errno.
 */
int xst_tx_begin(struct xst *xst, xst_tx *tx);
int xst_tx_end(struct xst *xst, xst_tx tx, bool commit);

/* xst_own_domid() - this domain's id, from the relative node "domid". Returns 0 or -errno. */
int xst_own_domid(struct xst *xst, uint16_t *out);

/* xst_domain_exists() - 1, xenstore knows the domain; 0; -EACCES, only domain 0 may ask; -errno. */
int xst_domain_exists(struct xst *xst, uint16_t domid);

/*
 * xst_is_trouble() - whether an error of any operation is no answer of xenstore's, but the lack of
 * one: of memory, descriptors or buffers. Nothing follows from it about what is in xenstore.
 */
bool xst_is_trouble(int err);

/*
 * xst_take_trouble() - since the last call of this: an operation that failed as in xst_is_trouble().
 * Who acts on nodes that are absent asks, and looks again.
 * Returns -errno of the last one; 0, there was none.
 */
int xst_take_trouble(struct xst *xst);

#endif
