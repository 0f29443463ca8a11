// SPDX-License-Identifier: GPL-2.0-only
/*
 * The xenstore requests of xengpu-localhub: what the payload says, and what the tree answers.
 */
#include <errno.h>
#include <string.h>

#include "hub_priv.h"

/* The path @skip octets into the payload, and who asks; *@rest is what follows the path's NUL. */
static int begin(struct hub_req *req, uint32_t skip, struct xs_ctx *ctx, char path[XST_MAX_PATH],
		 const char **rest)
{
	const char *asked = req->data + skip;
	const size_t bytes = req->hdr.bytes - skip, len = strnlen(asked, bytes);

	if (rest && len == bytes)
		return -EINVAL; /* there is no NUL */
	if (!rest && len != bytes)
		return -EINVAL; /* there is one */
	if (!len)
		return -EINVAL;
	ctx->hub = req->hub;
	ctx->domid = req->conn->dom->domid;
	ctx->replay = false;
	ctx->tx = NULL;
	if (req->hdr.tx) {
		ctx->tx = hub_tx_find(req->conn, req->hdr.tx);
		if (!ctx->tx)
			return -EINVAL;
	}
	if (rest)
		*rest = asked + len + 1;
	return hub_tree_path(ctx->domid, asked, path);
}

int hub_xs_read(struct hub_req *req)
{
	const struct xs_node *node = NULL;
	char path[XST_MAX_PATH];
	struct xs_ctx ctx;
	void *reply;
	int err;

	err = begin(req, 0, &ctx, path, NULL);
	if (!err)
		err = hub_tree_read(&ctx, path, &node);
	if (err)
		return err;
	reply = hub_reply(req, node->value_bytes);
	if (!reply)
		return -ENOMEM;
	memcpy(reply, node->value, node->value_bytes);
	return 0;
}

int hub_xs_write(struct hub_req *req)
{
	char path[XST_MAX_PATH];
	const char *value;
	struct xs_ctx ctx;
	int err;

	err = begin(req, 0, &ctx, path, &value);
	if (err)
		return err;
	return hub_tree_write(&ctx, path, value, (uint32_t)(req->data + req->hdr.bytes - value));
}

int hub_xs_mkdir(struct hub_req *req)
{
	char path[XST_MAX_PATH];
	struct xs_ctx ctx;
	int err;

	err = begin(req, 0, &ctx, path, NULL);
	return err ? err : hub_tree_mkdir(&ctx, path);
}

int hub_xs_rm(struct hub_req *req)
{
	char path[XST_MAX_PATH];
	struct xs_ctx ctx;
	int err;

	err = begin(req, 0, &ctx, path, NULL);
	return err ? err : hub_tree_rm(&ctx, path);
}

int hub_xs_list(struct hub_req *req)
{
	const struct xs_node *node = NULL;
	char path[XST_MAX_PATH];
	struct xs_ctx ctx;
	size_t bytes = 0;
	uint32_t i;
	char *at;
	int err;

	err = begin(req, 0, &ctx, path, NULL);
	if (!err)
		err = hub_tree_read(&ctx, path, &node);
	if (err)
		return err;
	for (i = 0; i < node->n_child; i++)
		bytes += strlen(node->child[i]->name) + 1;
	if (bytes > HUB_MAX_BYTES)
		return -E2BIG;
	at = hub_reply(req, (uint32_t)bytes);
	if (!at)
		return -ENOMEM;
	for (i = 0; i < node->n_child; i++)
		at = stpcpy(at, node->child[i]->name) + 1;
	return 0;
}

int hub_xs_set_perms(struct hub_req *req)
{
	struct xs_perms perms = { .n = 1 };
	struct hub_perms arg;
	char path[XST_MAX_PATH];
	struct xs_ctx ctx;
	int err;

	err = hub_get(req, &arg, sizeof(arg));
	if (!err)
		err = begin(req, sizeof(arg), &ctx, path, NULL);
	if (err)
		return err;
	if (arg.owner > HUB_MAX_DOMID || arg.reader > HUB_MAX_DOMID)
		return -EINVAL;
	perms.perm[0].domid = (uint16_t)arg.owner;
	if (arg.reader != arg.owner) {
		perms.n = 2;
		perms.perm[1].domid = (uint16_t)arg.reader;
		perms.perm[1].bits = XS_READ;
	}
	return hub_tree_set_perms(&ctx, path, &perms);
}

int hub_xs_exists(struct hub_req *req)
{
	struct hub_domid arg, *reply;
	int err;

	if (req->conn->dom->domid)
		return -EACCES; /* Source: xenstored_core.c, XS_FLAG_PRIV */
	err = hub_get(req, &arg, sizeof(arg));
	if (err)
		return err;
	reply = hub_reply(req, sizeof(*reply));
	if (!reply)
		return -ENOMEM;
	reply->domid = hub_dom_find(req->hub, arg.domid) != NULL;
	return 0;
}
