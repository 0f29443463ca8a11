/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to grant/: what a platform has to provide. platform.c, gnt.c, evt.c and xst.c hold what
 * both platforms share and call through these tables; there is no other test for the kind.
 */
#ifndef GRANT_PLATFORM_PRIV_H
#define GRANT_PLATFORM_PRIV_H

#include <stddef.h>

#include "evt.h"
#include "gnt.h"
#include "platform.h"
#include "xst.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member)	((type *)((char *)(ptr) - offsetof(type, member)))

struct plat_ops {
	enum plat_kind kind;
	void (*close)(struct plat *plat);

	/* Fills @out, which is zeroed; n_pages was checked. */
	int (*share)(struct plat *plat, uint16_t peer_domid, uint32_t n_pages, bool peer_writable,
		     struct gnt_share *out);
	int (*share_notify)(struct plat *plat, struct gnt_share *share, uint32_t offset_bytes,
			    uint32_t port);
	/* @share is unmapped already; closes its descriptor. */
	void (*unshare)(struct plat *plat, struct gnt_share *share);
	/* Fills @out, which is zeroed except n_pages and writable; the arguments were checked. */
	int (*map_refs)(struct plat *plat, uint16_t domid, const uint32_t *refs, uint32_t n_pages,
			bool writable, struct gnt_grant *out);
	const char *(*explain)(int err);

	int (*evt_alloc)(struct plat *plat, uint16_t peer_domid, struct evt **out);
	int (*evt_bind)(struct plat *plat, uint16_t peer_domid, uint32_t remote_port,
			struct evt **out);
	int (*evt_import)(const int *fds, unsigned int n_fds, uint32_t port, struct evt **out);

	int (*xst_open)(struct plat *plat, struct xst **out);
};

struct plat {
	const struct plat_ops *ops;
	char *spec;
};

struct evt_ops {
	unsigned int (*export)(struct evt *evt, int fds[EVT_MAX_FDS]);
	int (*fd)(struct evt *evt);
	int (*pending)(struct evt *evt);
	int (*unmask)(struct evt *evt);
	int (*notify)(struct evt *evt);
	void (*close)(struct evt *evt);
};

struct evt {
	const struct evt_ops *ops;
	uint32_t port;
};

/* Paths were checked to be shorter than XST_MAX_PATH, values to be at most XST_MAX_VALUE. */
struct xst_ops {
	void (*close)(struct xst *xst);
	/* *@value is allocated and NUL-terminated after its *@bytes. */
	int (*read)(struct xst *xst, xst_tx tx, const char *path, char **value, size_t *bytes);
	int (*write)(struct xst *xst, xst_tx tx, const char *path, const char *value, size_t bytes);
	int (*mkdir)(struct xst *xst, xst_tx tx, const char *path);
	int (*rm)(struct xst *xst, xst_tx tx, const char *path);
	/* *@names is allocated: *@n_names strings, one after the other, each with its NUL. */
	int (*list)(struct xst *xst, xst_tx tx, const char *path, char **names, size_t *n_names);
	int (*set_perms)(struct xst *xst, xst_tx tx, const char *path, uint16_t owner,
			 uint16_t reader);
	int (*watch)(struct xst *xst, const char *path, const char *token);
	int (*unwatch)(struct xst *xst, const char *path, const char *token);
	int (*fd)(struct xst *xst);
	int (*next_event)(struct xst *xst, char *path, char *token);
	int (*tx_begin)(struct xst *xst, xst_tx *tx);
	int (*tx_end)(struct xst *xst, xst_tx tx, bool commit);
	int (*domain_exists)(struct xst *xst, uint16_t domid);
};

struct xst {
	const struct xst_ops *ops;
	int trouble;			/* see xst_take_trouble() */
};

extern struct plat_counters plat_count;

/* plat_xen.c; opens nothing. */
int plat_xen_open(struct plat **out);

/* plat_local.c; @spec is what follows "local:". */
int plat_local_open(const char *spec, struct plat **out);

/* The table of a kind, for what needs no platform; NULL, there is no such kind. */
const struct plat_ops *plat_ops_of(enum plat_kind kind);

extern const struct plat_ops plat_xen_ops;
extern const struct plat_ops plat_local_ops;

/* gnt_xen.c */
int gnt_xen_share(struct plat *plat, uint16_t peer_domid, uint32_t n_pages, bool peer_writable,
		  struct gnt_share *out);
int gnt_xen_share_notify(struct plat *plat, struct gnt_share *share, uint32_t offset_bytes,
			 uint32_t port);
void gnt_xen_unshare(struct plat *plat, struct gnt_share *share);
int gnt_xen_map_refs(struct plat *plat, uint16_t domid, const uint32_t *refs, uint32_t n_pages,
		     bool writable, struct gnt_grant *out);
const char *gnt_xen_explain(int err);

/* evt_xen.c */
int evt_xen_alloc(struct plat *plat, uint16_t peer_domid, struct evt **out);
int evt_xen_bind(struct plat *plat, uint16_t peer_domid, uint32_t remote_port, struct evt **out);
int evt_xen_import(const int *fds, unsigned int n_fds, uint32_t port, struct evt **out);

/* xst_xen.c */
int xst_xen_open(struct plat *plat, struct xst **out);

/* gnt_local.c */
int gnt_local_share(struct plat *plat, uint16_t peer_domid, uint32_t n_pages, bool peer_writable,
		    struct gnt_share *out);
int gnt_local_share_notify(struct plat *plat, struct gnt_share *share, uint32_t offset_bytes,
			   uint32_t port);
void gnt_local_unshare(struct plat *plat, struct gnt_share *share);
int gnt_local_map_refs(struct plat *plat, uint16_t domid, const uint32_t *refs, uint32_t n_pages,
		       bool writable, struct gnt_grant *out);
const char *gnt_local_explain(int err);

/* evt_local.c */
int evt_local_alloc(struct plat *plat, uint16_t peer_domid, struct evt **out);
int evt_local_bind(struct plat *plat, uint16_t peer_domid, uint32_t remote_port, struct evt **out);
int evt_local_import(const int *fds, unsigned int n_fds, uint32_t port, struct evt **out);

/* xst_local.c */
int xst_local_open(struct plat *plat, struct xst **out);

#endif
