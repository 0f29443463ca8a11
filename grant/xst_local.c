// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xenstore on the local platform: each handle has a connection of its own, as on Xen, so its
 * watches and transactions end with it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "local_priv.h"

struct xst_local {
	struct xst base;
	struct local_conn conn;
	int events;
};

static struct xst_local *to_local(struct xst *xst)
{
	return container_of(xst, struct xst_local, base);
}

/* The calls that take a path, maybe something behind it, and give nothing back. */
static int call_path(struct xst *xst, uint32_t op, xst_tx tx, const char *path, bool with_nul,
		     const char *rest, size_t rest_bytes)
{
	struct local_call call = {
		.op = op, .tx = tx, .head = path, .head_bytes = strlen(path) + with_nul,
		.body = rest, .body_bytes = rest_bytes,
	};

	return local_call(&to_local(xst)->conn, &call);
}

/* The calls that take a path and give text back. */
static int call_text(struct xst *xst, uint32_t op, xst_tx tx, const char *path, char **text,
		     size_t *bytes)
{
	struct local_call call = {
		.op = op, .tx = tx, .head = path, .head_bytes = strlen(path), .want_text = true,
	};
	int err;

	err = local_call(&to_local(xst)->conn, &call);
	if (err)
		return err;
	*text = call.reply_text;
	*bytes = call.reply_bytes;
	return 0;
}

static void xst_local_close(struct xst *xst)
{
	struct xst_local *local = to_local(xst);

	local_disconnect(&local->conn);
	close(local->events);
	free(local);
}

static int xst_local_read(struct xst *xst, xst_tx tx, const char *path, char **value, size_t *bytes)
{
	return call_text(xst, HUB_XS_READ, tx, path, value, bytes);
}

static int xst_local_write(struct xst *xst, xst_tx tx, const char *path, const char *value,
			   size_t bytes)
{
	return call_path(xst, HUB_XS_WRITE, tx, path, true, value, bytes);
}

static int xst_local_mkdir(struct xst *xst, xst_tx tx, const char *path)
{
	return call_path(xst, HUB_XS_MKDIR, tx, path, false, NULL, 0);
}

static int xst_local_rm(struct xst *xst, xst_tx tx, const char *path)
{
	return call_path(xst, HUB_XS_RM, tx, path, false, NULL, 0);
}

static int xst_local_list(struct xst *xst, xst_tx tx, const char *path, char **names,
			  size_t *n_names)
{
	size_t i, bytes, n = 0;
	int err;

	err = call_text(xst, HUB_XS_LIST, tx, path, names, &bytes);
	if (err)
		return err;
	for (i = 0; i < bytes; i++)
		n += !(*names)[i];
	*n_names = n;
	return 0;
}

static int xst_local_set_perms(struct xst *xst, xst_tx tx, const char *path, uint16_t owner,
			       uint16_t reader)
{
	const struct hub_perms perms = { .owner = owner, .reader = reader };
	struct local_call call = {
		.op = HUB_XS_SET_PERMS, .tx = tx, .head = &perms, .head_bytes = sizeof(perms),
		.body = path, .body_bytes = strlen(path),
	};

	return local_call(&to_local(xst)->conn, &call);
}

static int xst_local_watch(struct xst *xst, const char *path, const char *token)
{
	return call_path(xst, HUB_XS_WATCH, XST_NO_TX, path, true, token, strlen(token));
}

static int xst_local_unwatch(struct xst *xst, const char *path, const char *token)
{
	return call_path(xst, HUB_XS_UNWATCH, XST_NO_TX, path, true, token, strlen(token));
}

static int xst_local_fd(struct xst *xst)
{
	return to_local(xst)->events;
}

static int xst_local_next_event(struct xst *xst, char *path, char *token)
{
	char buf[2 * XST_MAX_PATH];
	size_t path_bytes;
	ssize_t got;

	do {
		got = recv(to_local(xst)->events, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got <= 0)
		return got < 0 && errno != ECONNRESET ? -errno : -ENODEV;
	buf[got] = 0;

	path_bytes = strlen(buf) + 1;
	if (path_bytes >= (size_t)got || path_bytes > XST_MAX_PATH ||
	    (size_t)got - path_bytes > XST_MAX_PATH)
		return -EPROTO;
	memcpy(path, buf, path_bytes);
	strcpy(token, buf + path_bytes);
	return 1;
}

static int xst_local_tx_begin(struct xst *xst, xst_tx *tx)
{
	struct hub_tx rsp = { 0 };
	struct local_call call = {
		.op = HUB_XS_TX_BEGIN, .reply = &rsp, .reply_room = sizeof(rsp),
	};
	int err;

	err = local_call(&to_local(xst)->conn, &call);
	if (err)
		return err;
	*tx = rsp.id;
	return 0;
}

static int xst_local_tx_end(struct xst *xst, xst_tx tx, bool commit)
{
	const struct hub_tx_end req = { .id = tx, .commit = commit };
	struct local_call call = {
		.op = HUB_XS_TX_END, .head = &req, .head_bytes = sizeof(req),
	};

	return local_call(&to_local(xst)->conn, &call);
}

static int xst_local_domain_exists(struct xst *xst, uint16_t domid)
{
	const struct hub_domid req = { .domid = domid };
	struct hub_domid rsp = { 0 };
	struct local_call call = {
		.op = HUB_XS_EXISTS, .head = &req, .head_bytes = sizeof(req),
		.reply = &rsp, .reply_room = sizeof(rsp),
	};
	int err;

	err = local_call(&to_local(xst)->conn, &call);
	return err ? err : (int)rsp.domid;
}

static const struct xst_ops xst_local_ops = {
	.close = xst_local_close,
	.read = xst_local_read,
	.write = xst_local_write,
	.mkdir = xst_local_mkdir,
	.rm = xst_local_rm,
	.list = xst_local_list,
	.set_perms = xst_local_set_perms,
	.watch = xst_local_watch,
	.unwatch = xst_local_unwatch,
	.fd = xst_local_fd,
	.next_event = xst_local_next_event,
	.tx_begin = xst_local_tx_begin,
	.tx_end = xst_local_tx_end,
	.domain_exists = xst_local_domain_exists,
};

int xst_local_open(struct plat *plat, struct xst **out)
{
	struct plat_local *parent = to_plat_local(plat);
	struct xst_local *local;
	int err;

	local = calloc(1, sizeof(*local));
	if (!local)
		return -ENOMEM;
	local->base.ops = &xst_local_ops;
	err = local_connect(parent->path, parent->domid, &local->events, &local->conn);
	if (err) {
		free(local);
		return err;
	}
	*out = &local->base;
	return 0;
}
