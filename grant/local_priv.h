/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to the client half of the local platform: a connection to the hub.
 */
#ifndef GRANT_LOCAL_PRIV_H
#define GRANT_LOCAL_PRIV_H

#include <sys/uio.h>

#include "hub.h"
#include "platform_priv.h"

struct local_conn {
	int fd;
};

struct plat_local {
	struct plat base;
	char *path;
	uint16_t domid;
	struct local_conn conn;		/* grants live as long as it does */
};

static inline struct plat_local *to_plat_local(struct plat *plat)
{
	return container_of(plat, struct plat_local, base);
}

/* One request and its answer. What is not set is 0 or NULL. */
struct local_call {
	uint32_t op;
	uint32_t tx;
	const void *head;		/* the request's payload, in two pieces */
	size_t head_bytes;
	const void *body;
	size_t body_bytes;
	bool send_fd;
	int fd;				/* with send_fd */

	void *reply;			/* room for the answer's payload; or NULL: */
	size_t reply_room;
	char *reply_text;		/* the payload, of any length, allocated, a NUL after it */
	bool want_text;
	size_t reply_bytes;
	int *fds;			/* room for fds_room descriptors: so many must come */
	uint32_t fds_room;
	bool any_fds;			/* ... or fewer */
	uint32_t n_fds;
};

/*
 * local_connect() - connect to the hub at @path as @domid.
 * @events: NULL, or set to a socket for watch events.
 */
int local_connect(const char *path, uint16_t domid, int *events, struct local_conn *out);

/*
 * local_call() - send a request and wait for the answer.
 * Returns 0; the hub's -errno; -ENODEV, the hub or the domain is gone; -EMFILE, a descriptor
 * came and there was no room for it; -EPROTO. On failure no descriptor and no text is left.
 */
int local_call(struct local_conn *conn, struct local_call *call);

void local_disconnect(struct local_conn *conn);

#endif
