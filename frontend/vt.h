/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to xengpu-vtest. The parent (vt_main.c, vt_parent.c) owns the device and listens; each
 * connection is served by a child process with a session of its own: one struct vt_client, one
 * thread. What a client sends is untrusted until a command's function has checked it.
 */
#ifndef FRONTEND_VT_H
#define FRONTEND_VT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "vt_arena.h"
#include "vtest.h"
#include "xengpu.h"

#define VT_SUBMITS		1024u		/* in flight; more than any ring holds; 2^n */
#define VT_MAX_REQUESTS		12u		/* ring slots one command can need */
#define VT_MAX_CAPSETS		16u
#define VT_CONTEXT		1u		/* the session's one context */
#define VT_NAME_BYTES		64u
#define VT_NO_FD		(-1)

/* What the command line says. */
struct vt_options {
	const char *platform;		/* NULL: the environment's */
	const char *socket_path;
	const char *status_path;
	const char *stats_path;
	int devid;
	unsigned int socket_mode;
	uint32_t max_version;		/* of the vtest protocol */
};

/* vt_log.c */
void vt_log_init(const char *prefix);
void vt_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A buffer that a resource of a client has, or that is kept for the next one of its size. */
struct vt_buffer {
	TAILQ_ENTRY(vt_buffer) link;	/* in the cache */
	struct fe_buffer *fe;
	uint32_t n_pages;
	uint64_t kept_ns;		/* in the cache since */
	struct vt_client *client;
	bool asked;			/* vt_buf_ask(): the backend has not answered yet */
	bool refused;			/* ... and has no room for it */
};

TAILQ_HEAD(vt_buffers, vt_buffer);

struct vt_cache {
	struct vt_buffers kept;
	uint32_t n_kept;
	uint32_t pages_kept;
};

enum vt_kind {
	VT_FENCE,		/* answered here; the backend does not know it */
	VT_RESOURCE,
};

struct vt_resource {
	struct vt_resource *next;	/* in the table's bucket */
	struct vt_client *client;
	uint32_t handle;
	enum vt_kind kind;
	struct vt_buffer *buffer;	/* backing store; NULL, none */
	uint64_t bytes;			/* of it that are the client's */
	bool is_buffer;			/* a PIPE_BUFFER */
	bool shadow;			/* was a fence: the client has the fences' page mapped */
	uint32_t width;
	uint64_t seq;			/* of the last submit before it was made */
	uint64_t idle_seq;		/* a transfer from it behind that submit is done */
	uint32_t gets;			/* transfers from it in flight */
	uint64_t get_ticket;		/* the last of them */
	uint64_t get_seq;
	uint32_t in_flight;		/* requests that will call back with it */
	bool gone;			/* out of the table: freed at the last answer, or at the end */
	LIST_ENTRY(vt_resource) going;	/* those */
	bool refused;			/* over a limit of the backend's: it does not exist there */
};

struct vt_table {
	struct vt_resource **bucket;
	uint32_t n_buckets;		/* a power of two */
	uint32_t n;
	uint32_t next_handle;		/* for version 3 */
	LIST_HEAD(, vt_resource) going;
};

struct vt_submit {
	struct vt_client *client;
	uint64_t seq;
	uint64_t ticket;
	uint64_t arena_end;
	struct vt_sync_signal *signals;
	uint32_t n_signals;
	bool done;
};

/* What the client waits for; nothing more is read from it until then. */
enum vt_wait {
	VT_WAIT_NONE,
	VT_WAIT_BUSY,			/* seq, and the transfers of resource */
	VT_WAIT_CAPS,			/* what the session asked for when it opened */
	VT_WAIT_GET,			/* a transfer whose data goes inline */
	VT_WAIT_CAPSET,
};

struct vt_capset {
	uint32_t id;
	uint32_t max_version;
	uint32_t max_bytes;
	bool known;
};

struct vt_stats {
	uint64_t commands;
	uint64_t bytes_in;		/* from the client, all */
	uint64_t command_bytes_in;	/* of these, in submits */
	uint64_t command_bytes_dropped;	/* padding that is not passed on */
	uint64_t command_bytes_moved;	/* within the arena, to make them contiguous */
	uint64_t surface_bytes_copied;	/* by us, between private memory and granted pages */
	uint64_t submits_elided;
	uint64_t fences_local;
	uint64_t busy_waits;
	uint64_t busy_waits_blocked;
	uint64_t resources;
	uint64_t refused;		/* of these, over a limit, and the client was told */
	uint64_t buffers_reused;
	uint64_t reads;			/* of the client's socket */
};

struct vt_syncs;

struct vt_client {
	const struct vt_options *options;
	int sock;
	int pair;			/* to the parent; see vt_spare.c */
	pid_t peer_pid;
	struct plat *plat;
	struct fe_device *dev;
	struct fe_session *session;
	struct vt_stats stats;
	uint64_t start_ns;

	/* what it said about itself */
	bool created;
	char name[VT_NAME_BYTES];
	uint32_t version;
	uint32_t capset_id;		/* of the context; 0, none yet */

	/* commands */
	struct fe_buffer *arena_buffer;
	struct vt_arena arena;
	bool no_room;			/* a command waits for room in the ring or the arena */
	struct vt_submit submit[VT_SUBMITS];
	uint64_t submit_seq;		/* the last one sent */
	uint64_t done_seq;		/* it and all before are done */
	uint32_t elided_sub_ctx;	/* its selection was not passed on yet */
	bool elided;

	/* results */
	struct fe_buffer *results;
	struct vt_capset capset[VT_MAX_CAPSETS];
	uint32_t n_capsets;
	uint32_t asked;			/* answers about capsets still to come */
	uint32_t result_bytes;		/* of the last GET_CAPSET */

	/* resources */
	struct vt_table table;
	struct vt_cache cache;
	struct vt_buffer *staging;	/* of the transfer that is being made; then it is kept */
	int fence_fd;			/* what every fence's descriptor is a copy of */
	uint8_t *fence_page;
	struct vt_syncs *syncs;

	enum vt_wait wait;
	uint64_t wait_seq;
	uint64_t wait_ticket;
	uint64_t wait_start_ns;
	struct vt_resource *wait_resource;
	uint8_t *wait_at;
	uint32_t wait_bytes;

	bool readable;			/* poll() said so */
	uint32_t seen;			/* octets that are had, and in the socket as well */
	bool ended;			/* the client closed its end */
	bool failed;
	char why[FE_TEXT_BYTES];
};

/* vt_client.c */
/*
 * vt_client_serve() - the child's main function: open a session, serve @sock to its end.
 * @pair: its end of the socket pair with the parent.
 * Returns the exit status.
 */
int vt_client_serve(const struct vt_options *options, int sock, int pair, pid_t peer_pid, int devid,
		    uint32_t session);
/* vt_fail() - end the client, with this line in the log; only the first counts. Returns -1. */
int vt_fail(struct vt_client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/*
 * vt_wait() - do nothing else until @done says so, the program is gone, or FE_OPEN_MS are over.
 * Returns 0, or -1: the client has failed, with @silent as the reason when the backend is to blame.
 */
int vt_wait(struct vt_client *c, bool (*done)(void *arg), void *arg, const char *silent);
/* vt_reply() - send octets. 0 or -1 (failed). */
int vt_reply(struct vt_client *c, const void *data, size_t bytes);
/* vt_reply_fd() - send a descriptor with its octet. 0 or -1. */
int vt_reply_fd(struct vt_client *c, int fd);
/* vt_reply_no_memory() - a descriptor that cannot be mapped, so that the client's call fails. 0 or -1. */
int vt_reply_no_memory(struct vt_client *c);
/* vt_reply_words() - send a header and words. */
int vt_reply_words(struct vt_client *c, uint32_t command, const uint32_t *words, uint32_t n);
/* vt_read_rest() - take @bytes of the stream: what was received already, then from the socket. */
int vt_read_rest(struct vt_client *c, void *to, size_t bytes);
/* vt_must() - an fe_done_fn: fail the client @arg when the request failed. */
void vt_must(void *arg, const struct vgpuif_request *req, const struct vgpuif_response *rsp);
/*
 * vt_may() - ... unless it met a limit: then it returns false, and the log has it once.
 */
bool vt_may(struct vt_client *c, const struct vgpuif_request *req,
	    const struct vgpuif_response *rsp);
/* vt_refuse() - the program does not get a resource and goes on; the log has the first reason. */
void vt_refuse(struct vt_client *c, const char *why);

/* vt_cmd.c */
/* vt_cmd_parse() - carry out the commands that have arrived, as far as possible. */
void vt_cmd_parse(struct vt_client *c);
/* vt_cmd_waited() - is what the client waits for there? Then it is answered. */
void vt_cmd_waited(struct vt_client *c);
/* vt_cmd_context() - create the context if there is none. 0 or -1. */
int vt_cmd_context(struct vt_client *c, uint32_t capset_id);

/* vt_caps.c */
/* vt_caps_ask() - queue the questions; their answers arrive while the client starts up. */
int vt_caps_ask(struct vt_client *c);
/* vt_caps_reply() - answer GET_CAPS (capset 1) or GET_CAPS2 (2). */
int vt_caps_reply(struct vt_client *c, uint32_t capset_id);
int vt_caps_get_param(struct vt_client *c, const uint32_t *payload, uint32_t n);
int vt_caps_get_capset(struct vt_client *c, const uint32_t *payload, uint32_t n);
void vt_caps_capset_arrived(struct vt_client *c);

/* vt_submit.c */
int vt_submit(struct vt_client *c, uint32_t *words, uint32_t n);
int vt_submit2(struct vt_client *c, uint32_t *words, uint32_t n);
/* vt_submit_trim() - see there. */
uint32_t vt_submit_trim(uint32_t *words, uint32_t n, uint32_t *start);

/* vt_res.c */
void vt_res_init(struct vt_client *c);
void vt_res_finish(struct vt_client *c);
int vt_res_create(struct vt_client *c, const uint32_t *payload, uint32_t n);
int vt_res_create2(struct vt_client *c, const uint32_t *payload, uint32_t n);
int vt_res_create_blob(struct vt_client *c, const uint32_t *payload, uint32_t n);
int vt_res_unref(struct vt_client *c, const uint32_t *payload, uint32_t n);
struct vt_resource *vt_res_find(struct vt_client *c, uint32_t handle);
/* vt_res_put() - one request of @res less in flight. */
void vt_res_put(struct vt_resource *res);
/* vt_res_backing() - give @res granted pages of @bytes; see there. 0 or -1. */
int vt_res_backing(struct vt_client *c, struct vt_resource *res, uint64_t bytes);
/* vt_res_materialise() - make a fence that somebody uses as a buffer into one. */
int vt_res_materialise(struct vt_client *c, struct vt_resource *res);
/* vt_res_settle() - wait until nothing of @res is in flight. */
int vt_res_settle(struct vt_client *c, struct vt_resource *res);
bool vt_res_is_fence(const struct vtest_create *create);

/* vt_buf.c */
/* vt_buf_get() - a buffer of that many pages, kept or new; NULL, the client has failed. */
struct vt_buffer *vt_buf_get(struct vt_client *c, uint32_t n_pages);
/*
 * vt_buf_ask() - as vt_buf_get(), but where there is no room the client goes on: NULL without its
 * having failed, or ->refused, which is known when ->asked is false again; then vt_buf_refused().
 */
struct vt_buffer *vt_buf_ask(struct vt_client *c, uint32_t n_pages);
/* vt_buf_refused() - one that the backend has no room for goes; whether it is worth another try. */
bool vt_buf_refused(struct vt_client *c, struct vt_buffer *buf);
/* vt_buf_put() - nobody touches it any more. */
void vt_buf_put(struct vt_client *c, struct vt_buffer *buf);
/* vt_buf_timeout_ms() - when vt_buf_expire() wants to be called, for poll(); -1, never. */
int vt_buf_timeout_ms(const struct vt_client *c);
/* vt_buf_expire() - give back what was kept too long. */
void vt_buf_expire(struct vt_client *c);
void vt_buf_finish(struct vt_client *c);

/* vt_xfer.c */
int vt_xfer_get2(struct vt_client *c, const uint32_t *payload, uint32_t n);
int vt_xfer_put2(struct vt_client *c, const uint32_t *payload, uint32_t n);
int vt_xfer_get(struct vt_client *c, const uint32_t *payload, uint32_t n);
int vt_xfer_put(struct vt_client *c, const uint32_t *payload, uint32_t n);
void vt_xfer_get_arrived(struct vt_client *c);

/* vt_sync.c */
struct vt_sync_signal;
int vt_sync_create(struct vt_client *c, const uint32_t *payload, uint32_t n);
int vt_sync_unref(struct vt_client *c, const uint32_t *payload, uint32_t n);
int vt_sync_read(struct vt_client *c, const uint32_t *payload, uint32_t n);
int vt_sync_write(struct vt_client *c, const uint32_t *payload, uint32_t n);
int vt_sync_wait(struct vt_client *c, const uint32_t *payload, uint32_t n);
/* vt_sync_prepare() - look up @n (id, value) pairs; *@out is to be signalled, then freed. */
int vt_sync_prepare(struct vt_client *c, const uint32_t *words, uint32_t n,
		    struct vt_sync_signal **out);
void vt_sync_signal(struct vt_client *c, struct vt_sync_signal *signals, uint32_t n);
void vt_sync_finish(struct vt_client *c);

/* vt_spare.c */
/*
 * vt_spare_offer() - in the parent: hand a new client to a child that waits for one.
 * @pair: the parent's end; @sock stays the caller's.
 * Returns whether the child has it.
 */
bool vt_spare_offer(int pair, int sock, pid_t peer_pid);
/* vt_spare_there() - in the parent: whether the child waits for one. */
bool vt_spare_there(int pair);
/* vt_spare_wait() - in a child: with an unused session, wait for another client; c->sock then. */
bool vt_spare_wait(struct vt_client *c);

/* vt_stats.c */
/* vt_stats_report() - a line in the log and one in the statistics' file. */
void vt_stats_report(const struct vt_client *c);

/* vt_parent.c */
/* vt_parent_run() - the daemon. Returns the exit status. */
int vt_parent_run(const struct vt_options *options);

/* vt_status.c */
/* vt_status_write() - replace the status file; @why is "" when connected. */
void vt_status_write(const struct vt_options *options, const struct fe_limits *limits,
		     const char *why);

#endif
