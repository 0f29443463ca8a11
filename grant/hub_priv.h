/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to xengpu-localhub. One thread and one epoll loop serve everybody, so nothing here may
 * block. hub.c: the loop; hub_conn.c: clients and their messages; hub_op.c: the table of requests;
 * hub_dom.c: domains; hub_gnt.c: grants; hub_evt.c: ports; hub_tree.c: the xenstore tree;
 * hub_xs.c: its requests; hub_tx.c: transactions; hub_watch.c: watches; hub_main.c: command line.
 */
#ifndef GRANT_HUB_PRIV_H
#define GRANT_HUB_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub.h"
#include "xst.h"

#define HUB_DEFAULT_MAX_GRANTS	524288u	/* pages for each domain: 2 GiB */
#define HUB_MAX_CONNS		8192u
#define HUB_MAX_SHARES		65536u	/* for each domain; each holds up to two descriptors */
#define HUB_MAX_PORTS		4096u	/* for each domain, as with Xen's 2-level ABI */
#define HUB_MAX_NOTIFY		64u	/* for each share */
#define HUB_MAX_QUEUE_BYTES	(4u << 20)	/* answers and events not yet taken by one client */

/* Quotas for all but domain 0. Source: xenstored 4.17's defaults. */
#define HUB_XS_MAX_NODES	1000u
#define HUB_XS_MAX_WATCHES	128u
#define HUB_XS_MAX_TX		10u
/* And for domain 0, where xenstored has none, to keep a mistake from eating the machine. */
#define HUB_XS_MAX_WATCHES_DOM0	65536u
#define HUB_XS_MAX_TX_DOM0	64u

struct hub;
struct hub_conn;
struct hub_dom;
struct hub_share;
struct hub_tx_open;

/* Something the loop waits for. Freed by the loop once nothing can refer to it any more. */
struct hub_src {
	int fd;
	bool dead;
	void (*ready)(struct hub *hub, struct hub_src *src, uint32_t events);
	void (*free)(struct hub_src *src);
	struct hub_src *next_dead;
};

/* ---- hub.c ---- */

struct hub {
	int epoll;
	int spare_fd;			/* given up to refuse a client when out of descriptors */
	bool stop;
	struct hub_src listener;
	struct hub_src *dead;
	struct hub_conn *conns;
	uint32_t n_conns;
	struct hub_dom *dom[HUB_MAX_DOMID + 1];
	struct xs_node *root;
	uint64_t xs_gen;
	uint32_t max_grants;
};

/*
 * hub_create() - a hub that listens at @path; nobody is served before hub_run().
 * @path: its socket; a stale one is replaced, a live one is not (-EADDRINUSE).
 */
int hub_create(const char *path, uint32_t max_grants, struct hub **out);
void hub_destroy(struct hub *hub);

/* hub_run() - serve until @hub->stop; @signal_fd, readable, ends it, too. */
int hub_run(struct hub *hub, int signal_fd);

/* hub_src_add() - wait for @events on @src->fd. */
int hub_src_add(struct hub *hub, struct hub_src *src, uint32_t events);
int hub_src_change(struct hub *hub, struct hub_src *src, uint32_t events);

/* hub_src_kill() - closes the descriptor; @src->free is called when it is safe. */
void hub_src_kill(struct hub *hub, struct hub_src *src);

/* ---- hub_conn.c ---- */

/* Octets on their way to a client. */
struct hub_chunk {
	struct hub_chunk *next;
	uint32_t bytes, sent;
	uint32_t n_fds;
	int fds[HUB_MAX_FDS];		/* ours until they are sent */
	char data[];
};

struct hub_queue {
	struct hub_chunk *first, **end;
	size_t bytes;			/* of memory */
	bool waiting;			/* for the socket to have room */
};

struct hub_conn {
	struct hub_src src;
	struct hub_src events;		/* fd -1 until HELLO asked for it */
	struct hub_conn *next;
	struct hub_dom *dom;		/* NULL until HELLO */
	char *in;			/* header and payload of the request that is coming in */
	uint32_t in_bytes, in_room;
	int in_fd;			/* the descriptor that came with it, or -1 */
	struct hub_queue out, event_out;
	struct hub_watch *watches;
	uint32_t n_watches;
	struct hub_tx_open *txs;
	uint32_t n_txs, last_tx;
};

void hub_conn_accept(struct hub *hub, struct hub_src *listener, uint32_t events);

/* hub_conn_close() - drop the client and all it had; its memory stays until the next round. */
void hub_conn_close(struct hub *hub, struct hub_conn *conn);

/* hub_conn_event() - queue a watch event; a client that never takes its events is dropped. */
void hub_conn_event(struct hub *hub, struct hub_conn *conn, const char *path, const char *token);

/* hub_conn_open_events() - *@client_fd is the client's end of the socket for watch events. */
int hub_conn_open_events(struct hub *hub, struct hub_conn *conn, int *client_fd);

/* ---- hub_op.c ---- */

/* A request and the answer to it. */
struct hub_req {
	struct hub *hub;
	struct hub_conn *conn;
	struct hub_hdr hdr;
	const char *data;		/* hdr.bytes; aligned for uint32_t; a NUL follows */
	int fd;				/* the descriptor that came, or -1; who keeps it sets -1 */
	void *reply;			/* allocated, or NULL */
	uint32_t reply_bytes;
	int fds[HUB_MAX_FDS];		/* to be sent, closed afterwards */
	uint32_t n_fds;
};

/* hub_op_run() - run one request. Returns 0 or the -errno to be answered. */
int hub_op_run(struct hub_req *req);

/* hub_get() - copy the fixed part of the payload; -EINVAL, the payload is shorter. */
int hub_get(const struct hub_req *req, void *out, size_t bytes);

/* hub_reply() - room for an answer of @bytes; NULL, no memory. */
void *hub_reply(struct hub_req *req, uint32_t bytes);

/* ---- hub_dom.c ---- */

struct hub_gref {
	struct hub_share *share;	/* NULL: free */
	uint32_t page;			/* in the share, or the next free entry */
};

struct hub_dom {
	uint16_t domid;
	struct hub_gref *gref;		/* index: grant reference */
	uint32_t n_gref, free_gref;	/* 0 ends the free list */
	uint32_t n_used;
	struct hub_share *shares;
	uint32_t n_shares;
	struct hub_port **port;		/* index: port; HUB_MAX_PORTS of them */
};

int hub_dom_create(struct hub *hub, uint32_t domid, const char *name);
int hub_dom_destroy(struct hub *hub, uint32_t domid);
struct hub_dom *hub_dom_find(struct hub *hub, uint32_t domid);

/* ---- hub_gnt.c ---- */

int hub_gnt_share(struct hub_req *req);
int hub_gnt_unshare(struct hub_req *req);
int hub_gnt_notify(struct hub_req *req);
int hub_gnt_map(struct hub_req *req);
/* hub_gnt_drop() - revoke what @conn granted, NULL for all; @lost: tell who asked to be told. */
void hub_gnt_drop(struct hub_dom *dom, const struct hub_conn *conn, bool lost);

/* ---- hub_evt.c ---- */

struct hub_chan;

/* One end of a channel. */
struct hub_port {
	struct hub_src life;		/* end of a pipe; hangs up when the owner is gone */
	struct hub_dom *dom;
	uint32_t port;
	uint16_t peer_domid;
	unsigned int side;		/* chan->fd[side] is what this end reads */
	struct hub_chan *chan;
	struct hub_port *peer;		/* NULL: not bound */
};

int hub_evt_alloc(struct hub_req *req);
int hub_evt_bind(struct hub_req *req);
/* hub_evt_peer_fd() - a copy of what @port's owner writes to notify; -EINVAL, no such port. */
int hub_evt_peer_fd(struct hub_dom *dom, uint32_t port);
void hub_evt_drop(struct hub *hub, struct hub_dom *dom);

/* ---- hub_tree.c ---- */

struct xs_perm {
	uint16_t domid;
	uint8_t bits;
};

#define XS_READ		1u
#define XS_WRITE	2u
#define XS_OWNER	4u

/* The first entry names the owner, its bits are everybody else's; the others name one domain. */
struct xs_perms {
	uint32_t n;
	struct xs_perm perm[2];
};

struct xs_node {
	char *name;
	struct xs_node *parent;		/* NULL: the root */
	struct xs_node **child;		/* sorted by name */
	uint32_t n_child, child_room;
	char *value;
	uint32_t value_bytes;
	uint64_t gen;			/* of the last change of value, permissions or children */
	struct xs_perms perms;
};

/* Who asks, and where. */
struct xs_ctx {
	struct hub *hub;
	uint16_t domid;
	struct hub_tx_open *tx;		/* NULL: the tree itself */
	bool replay;			/* a commit: everything was checked before */
};

int hub_tree_init(struct hub *hub);
void hub_tree_free(struct xs_node *node);
struct xs_node *hub_tree_clone(const struct xs_node *node, struct xs_node *parent);
struct xs_node *hub_tree_find(struct xs_node *root, const char *path);
unsigned int hub_tree_access(const struct xs_perms *perms, uint16_t domid);

/* hub_tree_path() - @path, which may be relative to @domid's home, made absolute and checked. */
int hub_tree_path(uint16_t domid, const char *path, char out[XST_MAX_PATH]);

int hub_tree_read(struct xs_ctx *ctx, const char *path, const struct xs_node **out);
int hub_tree_write(struct xs_ctx *ctx, const char *path, const char *value, uint32_t bytes);
int hub_tree_mkdir(struct xs_ctx *ctx, const char *path);
int hub_tree_rm(struct xs_ctx *ctx, const char *path);
int hub_tree_set_perms(struct xs_ctx *ctx, const char *path, const struct xs_perms *perms);
/* hub_tree_forget() - nobody of this number may inherit what a dead domain had. */
void hub_tree_forget(struct xs_node *node, uint16_t domid);

/* ---- hub_xs.c ---- */

int hub_xs_read(struct hub_req *req);
int hub_xs_write(struct hub_req *req);
int hub_xs_mkdir(struct hub_req *req);
int hub_xs_rm(struct hub_req *req);
int hub_xs_list(struct hub_req *req);
int hub_xs_set_perms(struct hub_req *req);
int hub_xs_exists(struct hub_req *req);

/* ---- hub_tx.c ---- */

struct xs_node *hub_tx_root(struct hub_tx_open *tx);
/* hub_tx_access() - the transaction depends on @path being as it is now. */
int hub_tx_access(struct hub_tx_open *tx, const char *path);
enum xs_change { XS_CHANGE_WRITE, XS_CHANGE_MKDIR, XS_CHANGE_RM, XS_CHANGE_PERMS };
/* hub_tx_log() - to be done again on the tree at the commit. */
int hub_tx_log(struct hub_tx_open *tx, enum xs_change change, const char *path, const char *value,
	       uint32_t bytes, const struct xs_perms *perms);
struct hub_tx_open *hub_tx_find(struct hub_conn *conn, uint32_t id);
int hub_tx_begin(struct hub_req *req);
int hub_tx_end(struct hub_req *req);
void hub_tx_drop(struct hub_conn *conn);

/* ---- hub_watch.c ---- */

int hub_watch_add(struct hub_req *req);
int hub_watch_del(struct hub_req *req);
void hub_watch_drop(struct hub_conn *conn);
/*
 * hub_watch_fire() - @path has changed.
 * @exact: only for watches of this very node, not of what is above it.
 * @old:   NULL, or permissions it had before: who could read it then is told.
 */
void hub_watch_fire(struct hub *hub, const char *path, bool exact, const struct xs_perms *old);
/* hub_watch_fire_special() - "@introduceDomain" and "@releaseDomain"; domain 0 is told. */
void hub_watch_fire_special(struct hub *hub, const char *name);

#endif
