// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watches of the local platform's xenstore.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub_priv.h"

struct hub_watch {
	struct hub_watch *next;
	char *token;
	size_t strip;			/* of an absolute path, to make it as it was asked for */
	char path[];			/* absolute, or special */
};

/* The payload: path NUL token. */
static int split(const struct hub_req *req, const char **path, const char **token)
{
	const size_t path_bytes = strnlen(req->data, req->hdr.bytes) + 1;
	size_t token_bytes;

	if (path_bytes > req->hdr.bytes)
		return -EINVAL;
	*path = req->data;
	*token = req->data + path_bytes;
	token_bytes = req->hdr.bytes - path_bytes;
	if (token_bytes >= XST_MAX_PATH || strnlen(*token, token_bytes) != token_bytes)
		return -EINVAL;
	return 0;
}

/* What is watched; special names stay as they are. */
static int watch_path(const struct hub_req *req, const char *path, char out[XST_MAX_PATH])
{
	if (*path != '@')
		return hub_tree_path(req->conn->dom->domid, path, out);
	if (strlen(path) >= XST_MAX_PATH)
		return -ENAMETOOLONG;
	strcpy(out, path);
	return 0;
}

static struct hub_watch **find(struct hub_conn *conn, const char *path, const char *token)
{
	struct hub_watch **at;

	for (at = &conn->watches; *at; at = &(*at)->next)
		if (!strcmp((*at)->path, path) && !strcmp((*at)->token, token))
			break;
	return at;
}

int hub_watch_add(struct hub_req *req)
{
	struct hub_conn *conn = req->conn;
	const uint32_t max = conn->dom->domid ? HUB_XS_MAX_WATCHES : HUB_XS_MAX_WATCHES_DOM0;
	const char *asked, *token;
	struct hub_watch *watch;
	char path[XST_MAX_PATH];
	size_t bytes;
	int err;

	err = split(req, &asked, &token);
	if (!err)
		err = watch_path(req, asked, path);
	if (err)
		return err;
	if (conn->events.fd < 0)
		return -EINVAL;
	if (*find(conn, path, token))
		return -EEXIST;
	if (conn->n_watches >= max)
		return -ENOSPC;

	bytes = strlen(path) + 1;
	watch = malloc(sizeof(*watch) + bytes + strlen(token) + 1);
	if (!watch)
		return -ENOMEM;
	memcpy(watch->path, path, bytes);
	watch->token = watch->path + bytes;
	strcpy(watch->token, token);
	watch->strip = *asked == '/' || *asked == '@' ? 0 : bytes - 1 - strlen(asked);
	watch->next = conn->watches;
	conn->watches = watch;
	conn->n_watches++;

	hub_conn_event(req->hub, conn, path + watch->strip, token);
	return 0;
}

int hub_watch_del(struct hub_req *req)
{
	const char *asked, *token;
	struct hub_watch **at, *watch;
	char path[XST_MAX_PATH];
	int err;

	err = split(req, &asked, &token);
	if (!err)
		err = watch_path(req, asked, path);
	if (err)
		return err;
	at = find(req->conn, path, token);
	watch = *at;
	if (!watch)
		return -ENOENT;
	*at = watch->next;
	free(watch);
	req->conn->n_watches--;
	return 0;
}

void hub_watch_drop(struct hub_conn *conn)
{
	struct hub_watch *watch;

	while (conn->watches) {
		watch = conn->watches;
		conn->watches = watch->next;
		free(watch);
	}
	conn->n_watches = 0;
}

/* @path is @node or, unless @exact, below it. */
static bool concerns(const char *node, const char *path, bool exact)
{
	const size_t bytes = strlen(node);

	if (!strcmp(node, path))
		return true;
	if (exact || *node != '/')
		return false;
	return bytes == 1 || (!strncmp(node, path, bytes) && path[bytes] == '/');
}

/*
 * A domain is told of what it may read, or could before, or of the coming and going of something
 * in a directory that it may read. Source: xenstored_watch.c, watch_permitted().
 */
static bool permitted(const struct hub *hub, uint16_t domid, const char *path,
		      const struct xs_perms *old)
{
	const struct xs_node *node;

	if (!domid || (old && (hub_tree_access(old, domid) & XS_READ)))
		return true;
	node = hub_tree_find(hub->root, path);
	if (!node)
		return false;
	if (hub_tree_access(&node->perms, domid) & XS_READ)
		return true;
	return node->parent && (hub_tree_access(&node->parent->perms, domid) & XS_READ);
}

void hub_watch_fire(struct hub *hub, const char *path, bool exact, const struct xs_perms *old)
{
	struct hub_conn *conn, *next;
	struct hub_watch *watch;

	for (conn = hub->conns; conn; conn = next) {
		next = conn->next;
		if (!conn->watches || !permitted(hub, conn->dom->domid, path, old))
			continue;
		for (watch = conn->watches; watch; watch = watch->next) {
			if (!concerns(watch->path, path, exact))
				continue;
			hub_conn_event(hub, conn, path + watch->strip, watch->token);
			if (conn->src.dead)
				break;
		}
	}
}

void hub_watch_fire_special(struct hub *hub, const char *name)
{
	struct hub_conn *conn, *next;
	struct hub_watch *watch;

	for (conn = hub->conns; conn; conn = next) {
		next = conn->next;
		if (!conn->dom || conn->dom->domid)
			continue;
		for (watch = conn->watches; watch; watch = watch->next) {
			if (strcmp(watch->path, name))
				continue;
			hub_conn_event(hub, conn, name, watch->token);
			if (conn->src.dead)
				break;
		}
	}
}
