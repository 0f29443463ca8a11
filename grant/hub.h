/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a process says to xengpu-localhub: hypervisor and xenstored of the local platform, over one
 * Unix stream socket. A request is a header and a payload; the answer to it is a header, whose
 * status is 0 or -errno, and a payload only when that is 0. One request at a time. Descriptors
 * travel with the first octet of a message. Numbers are in host order: both ends are one machine,
 * and one build, which the version makes sure of.
 *
 *   op            request payload               answer payload          descriptors
 *   HELLO         hub_hello                     -                       answer: events, if wanted
 *   CREATE        hub_domid, name without NUL   -                       -
 *   DESTROY       hub_domid                     -                       -
 *   SHARE         hub_share_req                 n_pages references      request: the memfd
 *   UNSHARE       hub_unshare_req               -                       -
 *   SHARE_NOTIFY  hub_notify_req                -                       -
 *   MAP           hub_map_req, references       n hub_extent            answer: one an extent
 *   EVT_ALLOC     hub_evt_req (port 0)          hub_evt_rsp             answer: HUB_EVT_FDS
 *   EVT_BIND      hub_evt_req                   hub_evt_rsp             answer: HUB_EVT_FDS
 *   XS_READ       path                          value                   -
 *   XS_WRITE      path NUL value                -                       -
 *   XS_MKDIR      path                          -                       -
 *   XS_RM         path                          -                       -
 *   XS_LIST       path                          names, each with a NUL  -
 *   XS_SET_PERMS  hub_perms, path               -                       -
 *   XS_WATCH      path NUL token                -                       -
 *   XS_UNWATCH    path NUL token                -                       -
 *   XS_TX_BEGIN   -                             hub_tx                  -
 *   XS_TX_END     hub_tx_end                    -                       -
 *   XS_EXISTS     hub_domid                     hub_domid (1 or 0)      -
 *
 * HELLO comes first, and once. Watch events come on a socket of their own (SEQPACKET), each a path
 * with its NUL and a token with its NUL: so its descriptor is readable exactly when there is one.
 */
#ifndef GRANT_HUB_H
#define GRANT_HUB_H

#include <stdint.h>

#define HUB_MAGIC	0x78677031u	/* "xgp1": change it with any change in this file */
#define HUB_MAX_BYTES	(65536u * 4u + 64u)
#define HUB_MAX_FDS	64u		/* GNT_MAX_EXTENTS, and SCM_RIGHTS takes 253 */
#define HUB_MAX_DOMID	0x7fefu		/* below DOMID_FIRST_RESERVED, xen/xen.h */
#define HUB_MAX_NAME	64u

enum hub_op {
	HUB_HELLO = 1,
	HUB_CREATE,
	HUB_DESTROY,
	HUB_SHARE,
	HUB_UNSHARE,
	HUB_SHARE_NOTIFY,
	HUB_MAP,
	HUB_EVT_ALLOC,
	HUB_EVT_BIND,
	HUB_XS_READ,
	HUB_XS_WRITE,
	HUB_XS_MKDIR,
	HUB_XS_RM,
	HUB_XS_LIST,
	HUB_XS_SET_PERMS,
	HUB_XS_WATCH,
	HUB_XS_UNWATCH,
	HUB_XS_TX_BEGIN,
	HUB_XS_TX_END,
	HUB_XS_EXISTS,
	HUB_N_OPS,
};

struct hub_hdr {
	uint32_t op;		/* repeated in the answer */
	uint32_t bytes;		/* of the payload, at most HUB_MAX_BYTES */
	uint32_t tx;		/* XS_*: the transaction, 0 for none */
	int32_t status;		/* answer only; 0 in a request */
};

struct hub_hello {
	uint32_t magic;
	uint32_t domid;
	uint32_t want_events;
};

struct hub_domid {
	uint32_t domid;
};

struct hub_share_req {
	uint32_t peer_domid;
	uint32_t n_pages;
	uint32_t peer_writable;
};

struct hub_unshare_req {
	uint32_t ref;		/* the first of the share's references */
};

struct hub_notify_req {
	uint32_t ref;
	uint32_t offset_bytes;
	uint32_t port;
};

struct hub_map_req {
	uint32_t domid;
	uint32_t n_pages;
	uint32_t writable;
};

struct hub_extent {
	uint32_t n_pages;
	uint32_t first_page;	/* in the descriptor's file */
};

struct hub_evt_req {
	uint32_t peer_domid;
	uint32_t port;
};

/* The descriptors of a port, in this order. */
enum hub_evt_fd {
	HUB_EVT_RX,		/* eventfd: read it to take events */
	HUB_EVT_TX,		/* eventfd: write it to notify */
	HUB_EVT_LIFE,		/* pipe: when its last copy is closed, the port is closed */
	HUB_EVT_FDS,
};

struct hub_evt_rsp {
	uint32_t port;
};

struct hub_perms {
	uint32_t owner;
	uint32_t reader;
};

struct hub_tx {
	uint32_t id;
};

struct hub_tx_end {
	uint32_t id;
	uint32_t commit;
};

#endif
