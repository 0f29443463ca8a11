/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to the frontend library: a device, a session, a buffer, and what its files ask of each
 * other.
 */
#ifndef FRONTEND_FE_PRIV_H
#define FRONTEND_FE_PRIV_H

#include <stdarg.h>
#include <stddef.h>
#include <sys/queue.h>

#include "evt.h"
#include "gnt.h"
#include "ring.h"
#include "xengpu.h"
#include "xst.h"

#define FE_PATH_BYTES		192u
#define FE_MAX_SLOTS		1024u	/* more than any ring has entries; a power of two */
#define FE_DIRECTORY_PAGES	8u	/* granted once for a session, for directories in flight */

struct fe_device {
	struct plat *plat;
	struct xst *xst;
	enum fe_role role;
	struct fe_limits limits;
	char front[FE_PATH_BYTES];	/* device/vgpu/<n> */
	char back[FE_PATH_BYTES];	/* /local/domain/<B>/backend/vgpu/<G>/<n> */
	bool watching;
	bool lost;
	char why[FE_TEXT_BYTES];
	LIST_HEAD(, fe_session) sessions;
};

/* A request in flight. In the order of posting, so that "all before this one" can be counted. */
struct fe_pending {
	TAILQ_ENTRY(fe_pending) link;
	uint32_t id;			/* 0: not in use */
	uint32_t generation;
	uint64_t ticket;
	fe_done_fn done;
	void *arg;
	struct vgpuif_request req;
};

TAILQ_HEAD(fe_pending_list, fe_pending);

/* The table of requests in flight: fixed slots; an id names a slot and the slot's generation. */
struct fe_table {
	struct fe_pending slot[FE_MAX_SLOTS];
	struct fe_pending_list in_flight;
	struct fe_pending_list unused;
	uint32_t n_in_flight;
	uint64_t last_ticket;
};

enum fe_buffer_state {
	FE_BUFFER_LIVE,
	FE_BUFFER_DYING,	/* to be unregistered as soon as the ring has room */
	FE_BUFFER_UNREGISTERING,
};

struct fe_buffer {
	LIST_ENTRY(fe_buffer) link;
	struct fe_session *session;
	struct gnt_share *share;
	struct gnt_share *directory;	/* own directory pages, for a long one; else NULL */
	uint32_t pool_mask;		/* pages of the session's directory pool */
	uint32_t id;
	enum fe_buffer_state state;
	bool failed;			/* never registered: nothing to unregister */
	fe_done_fn done;
	void *arg;
};

/* Whether polling before sleeping pays: see fe_poll.c. */
struct fe_poll {
	uint64_t mean_wait_ns;
	uint32_t off;			/* waits left to sit out after being preempted */
};

struct fe_session {
	LIST_ENTRY(fe_session) link;
	struct fe_device *dev;
	uint32_t index;
	char front[FE_PATH_BYTES];
	char back[FE_PATH_BYTES];
	bool nodes;			/* the frontend's nodes exist */
	bool connected;
	bool lost;
	bool reported;
	bool event_due;			/* its descriptor was readable */
	bool released;			/* the backend let go: state 6, or it is gone */
	char why[FE_TEXT_BYTES];
	fe_lost_fn on_lost;
	void *on_lost_arg;

	struct gnt_share *ring_share;
	struct evt *evt;
	struct ring_front ring;
	struct fe_table table;
	struct fe_poll poll;
	struct fe_stats stats;

	LIST_HEAD(, fe_buffer) buffers;
	struct gnt_share *pool;		/* directory pages */
	uint32_t pool_used;		/* bit i: page i is in use */
	uint32_t n_buffers;
	uint32_t n_dying;
	uint32_t next_buffer_id;
	bool ids_wrapped;
};

/* fe_text.c */
/* fe_explain() - write a sentence into @why (NULL is allowed) and return @err. */
int fe_explain(char *why, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* fe_escape() - copy text that somebody else wrote, without control characters. */
void fe_escape(char *out, size_t bytes, const char *untrusted_text);
/* fe_path() - format a path of ours; one that does not fit becomes "", which xenstore refuses. */
const char *fe_path(char path[FE_PATH_BYTES], const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* fe_parse_list() - "1,2,6" to bits; false unless it is decimals up to 63 and commas. */
bool fe_parse_list(const char *untrusted_text, uint64_t *bits);

/* fe_table.c */
void fe_table_init(struct fe_table *t);
/* fe_table_add() - a slot for a request; NULL, all are taken. Sets req->id. */
struct fe_pending *fe_table_add(struct fe_table *t, struct vgpuif_request *req, fe_done_fn done,
				void *arg);
/*
 * fe_table_take() - the request that @rsp answers; the slot is free when the next is added.
 * Returns NULL when it answers nothing, again, or something else: the backend is not to be trusted.
 */
struct fe_pending *fe_table_take(struct fe_table *t, const struct vgpuif_response *rsp);
/* fe_table_until() - how many in flight were posted no later than @ticket. */
uint32_t fe_table_until(const struct fe_table *t, uint64_t ticket);

/* fe_dev.c */
/* fe_dev_session_news() - look at a session's backend nodes. */
void fe_dev_session_news(struct fe_session *s);
/* fe_dev_wait() - sleep until xenstore has news or @deadline_ns. 0 or -ETIMEDOUT. */
int fe_dev_wait(struct fe_device *dev, uint64_t deadline_ns);
/* fe_dev_backend_error() - the backend's "error" node below @dir, escaped; false, there is none. */
bool fe_dev_backend_error(struct fe_device *dev, const char *dir, char *text, size_t bytes);

/* fe_session.c */
/* fe_session_lose() - from now on everything fails; tells the owner once, in _process(). */
void fe_session_lose(struct fe_session *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* fe_buf.c */
/* fe_buf_retry() - post what waits for room in the ring. */
void fe_buf_retry(struct fe_session *s);
/* fe_buf_free_all() - the backend let go of everything. */
void fe_buf_free_all(struct fe_session *s);

/* fe_buf_forget_all() - it did not, in time: the pages stay granted, and nobody uses them again. */
void fe_buf_forget_all(struct fe_session *s);
/* fe_buf_share() - gnt_share() with counters and an explanation. */
int fe_buf_share(struct fe_session *s, uint32_t n_pages, bool writable, struct gnt_share **out,
		 char *why);
void fe_buf_unshare(struct fe_session *s, struct gnt_share *share);

#endif
