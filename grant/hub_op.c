// SPDX-License-Identifier: GPL-2.0-only
/*
 * The requests of xengpu-localhub: one table says what each needs before its function sees it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub_priv.h"
#include "platform_priv.h"

int hub_get(const struct hub_req *req, void *out, size_t bytes)
{
	if (req->hdr.bytes < bytes)
		return -EINVAL;
	memcpy(out, req->data, bytes);
	return 0;
}

void *hub_reply(struct hub_req *req, uint32_t bytes)
{
	if (bytes > HUB_MAX_BYTES)
		return NULL;
	req->reply = malloc(bytes ? bytes : 1);
	if (req->reply)
		req->reply_bytes = bytes;
	return req->reply;
}

static int op_hello(struct hub_req *req)
{
	struct hub_hello hello;
	struct hub_dom *dom;
	int err, fd;

	err = hub_get(req, &hello, sizeof(hello));
	if (err)
		return err;
	if (hello.magic != HUB_MAGIC)
		return -EPROTO;
	dom = hub_dom_find(req->hub, hello.domid);
	if (!dom)
		return -ENXIO;

	if (hello.want_events) {
		err = hub_conn_open_events(req->hub, req->conn, &fd);
		if (err)
			return err;
		req->fds[req->n_fds++] = fd;
	}
	req->conn->dom = dom;
	return 0;
}

static int op_create(struct hub_req *req)
{
	const uint32_t name_bytes = req->hdr.bytes - (uint32_t)sizeof(struct hub_domid);
	char name[HUB_MAX_NAME];
	struct hub_domid arg;
	int err;

	err = hub_get(req, &arg, sizeof(arg));
	if (err)
		return err;
	if (name_bytes >= sizeof(name))
		return -EINVAL;
	memcpy(name, req->data + sizeof(arg), name_bytes);
	name[name_bytes] = 0;
	return hub_dom_create(req->hub, arg.domid, name_bytes ? name : NULL);
}

static int op_destroy(struct hub_req *req)
{
	struct hub_domid arg;
	int err;

	err = hub_get(req, &arg, sizeof(arg));
	if (err)
		return err;
	return arg.domid ? hub_dom_destroy(req->hub, arg.domid) : -EINVAL;
}

enum {
	FIXED = 1,		/* exactly so many octets, not at least */
	DOM0 = 2,		/* for domain 0 only */
	FIRST = 4,		/* before HELLO, and only then */
};

static const struct op {
	uint32_t bytes;
	unsigned int flags;
	int (*run)(struct hub_req *req);
} ops[HUB_N_OPS] = {
	[HUB_HELLO] = { sizeof(struct hub_hello), FIXED | FIRST, op_hello },
	[HUB_CREATE] = { sizeof(struct hub_domid), DOM0, op_create },
	[HUB_DESTROY] = { sizeof(struct hub_domid), FIXED | DOM0, op_destroy },
	[HUB_SHARE] = { sizeof(struct hub_share_req), FIXED, hub_gnt_share },
	[HUB_UNSHARE] = { sizeof(struct hub_unshare_req), FIXED, hub_gnt_unshare },
	[HUB_SHARE_NOTIFY] = { sizeof(struct hub_notify_req), FIXED, hub_gnt_notify },
	[HUB_MAP] = { sizeof(struct hub_map_req), 0, hub_gnt_map },
	[HUB_EVT_ALLOC] = { sizeof(struct hub_evt_req), FIXED, hub_evt_alloc },
	[HUB_EVT_BIND] = { sizeof(struct hub_evt_req), FIXED, hub_evt_bind },
	[HUB_XS_READ] = { 1, 0, hub_xs_read },
	[HUB_XS_WRITE] = { 2, 0, hub_xs_write },
	[HUB_XS_MKDIR] = { 1, 0, hub_xs_mkdir },
	[HUB_XS_RM] = { 1, 0, hub_xs_rm },
	[HUB_XS_LIST] = { 1, 0, hub_xs_list },
	[HUB_XS_SET_PERMS] = { sizeof(struct hub_perms) + 1, 0, hub_xs_set_perms },
	[HUB_XS_WATCH] = { 2, 0, hub_watch_add },
	[HUB_XS_UNWATCH] = { 2, 0, hub_watch_del },
	[HUB_XS_TX_BEGIN] = { 0, FIXED, hub_tx_begin },
	[HUB_XS_TX_END] = { sizeof(struct hub_tx_end), FIXED, hub_tx_end },
	[HUB_XS_EXISTS] = { sizeof(struct hub_domid), FIXED, hub_xs_exists },
};

int hub_op_run(struct hub_req *req)
{
	const struct hub_conn *conn = req->conn;
	const struct op *op;

	if (req->hdr.op >= ARRAY_SIZE(ops) || !ops[req->hdr.op].run)
		return -ENOSYS;
	op = &ops[req->hdr.op];
	if (!(op->flags & FIRST) != (conn->dom != NULL))
		return -EPROTO;
	if ((op->flags & DOM0) && conn->dom->domid)
		return -EPERM;
	if (req->hdr.bytes < op->bytes || ((op->flags & FIXED) && req->hdr.bytes > op->bytes))
		return -EINVAL;
	return op->run(req);
}
