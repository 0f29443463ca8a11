// SPDX-License-Identifier: GPL-2.0-only
/*
 * The xenstore tree of the local platform: nodes, and who may do what to them. The rules are those
 * of Xen 4.17's C xenstored (xenstored_core.c), down to its oddities: whoever may write a node may
 * remove it with all below, whatever the permissions there; and who may not read a directory is
 * told EACCES for what does not exist in it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub_priv.h"

#define XS_ALL	(XS_READ | XS_WRITE | XS_OWNER)

/* ---- paths ---- */

int hub_tree_path(uint16_t domid, const char *path, char out[XST_MAX_PATH])
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789-/_@";
	size_t len;
	int n;

	if (*path == '/')
		n = snprintf(out, XST_MAX_PATH, "%s", path);
	else
		n = snprintf(out, XST_MAX_PATH, "/local/domain/%u/%s", domid, path);
	if (n < 0 || (size_t)n >= XST_MAX_PATH)
		return -ENAMETOOLONG;
	len = (size_t)n;
	if (strspn(out, allowed) != len || strstr(out, "//") || (len > 1 && out[len - 1] == '/'))
		return -EINVAL;
	return 0;
}

/* The next name of a path; *@len is 0 at the end. */
static const char *next_name(const char *path, size_t *len)
{
	while (*path == '/')
		path++;
	*len = strcspn(path, "/");
	return path;
}

/* ---- nodes ---- */

static int compare(const struct xs_node *node, const char *name, size_t len)
{
	const int diff = strncmp(node->name, name, len);

	return diff ? diff : node->name[len] != 0;
}

/* Where @name is among the children, or belongs. */
static uint32_t child_index(const struct xs_node *node, const char *name, size_t len, bool *found)
{
	uint32_t low = 0, high = node->n_child, mid;
	int diff;

	*found = false;
	while (low < high) {
		mid = low + (high - low) / 2;
		diff = compare(node->child[mid], name, len);
		if (!diff) {
			*found = true;
			return mid;
		}
		if (diff < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The node @path names, or the last one on the way there; *@rest is what is left of the path. */
static struct xs_node *walk(struct xs_node *node, const char *path, const char **rest)
{
	uint32_t i;
	size_t len;
	bool found;

	for (;;) {
		path = next_name(path, &len);
		*rest = path;
		if (!len)
			return node;
		i = child_index(node, path, len, &found);
		if (!found)
			return node;
		node = node->child[i];
		path += len;
	}
}

struct xs_node *hub_tree_find(struct xs_node *root, const char *path)
{
	const char *rest;
	struct xs_node *node = walk(root, path, &rest);

	return *rest ? NULL : node;
}

void hub_tree_free(struct xs_node *node)
{
	uint32_t i;

	if (!node)
		return;
	for (i = 0; i < node->n_child; i++)
		hub_tree_free(node->child[i]);
	free(node->child);
	free(node->value);
	free(node->name);
	free(node);
}

/* Puts @child at its place among the children. */
static int link_child(struct xs_node *parent, struct xs_node *child)
{
	const uint32_t room = parent->child_room ? parent->child_room * 2 : 4;
	struct xs_node **list;
	uint32_t i;
	bool found;

	if (parent->n_child == parent->child_room) {
		list = realloc(parent->child, room * sizeof(struct xs_node *));
		if (!list)
			return -ENOMEM;
		parent->child = list;
		parent->child_room = room;
	}
	i = child_index(parent, child->name, strlen(child->name), &found);
	memmove(&parent->child[i + 1], &parent->child[i],
		(parent->n_child - i) * sizeof(struct xs_node *));
	parent->child[i] = child;
	parent->n_child++;
	child->parent = parent;
	return 0;
}

static void unlink_child(struct xs_node *child)
{
	struct xs_node *parent = child->parent;
	uint32_t i;
	bool found;

	i = child_index(parent, child->name, strlen(child->name), &found);
	parent->n_child--;
	memmove(&parent->child[i], &parent->child[i + 1],
		(parent->n_child - i) * sizeof(struct xs_node *));
}

static struct xs_node *new_node(const char *name, size_t len)
{
	struct xs_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->name = strndup(name, len);
	node->value = malloc(1);
	if (!node->name || !node->value) {
		hub_tree_free(node);
		return NULL;
	}
	return node;
}

static int set_value(struct xs_node *node, const char *value, uint32_t bytes)
{
	char *copy = malloc(bytes ? bytes : 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, value, bytes);
	free(node->value);
	node->value = copy;
	node->value_bytes = bytes;
	return 0;
}

struct xs_node *hub_tree_clone(const struct xs_node *node, struct xs_node *parent)
{
	struct xs_node *copy = new_node(node->name, strlen(node->name));
	uint32_t i;

	if (!copy)
		return NULL;
	copy->parent = parent;
	copy->gen = node->gen;
	copy->perms = node->perms;
	if (set_value(copy, node->value, node->value_bytes))
		goto out_free;
	if (!node->n_child)
		return copy;

	copy->child = malloc(node->n_child * sizeof(struct xs_node *));
	if (!copy->child)
		goto out_free;
	copy->child_room = node->n_child;
	for (i = 0; i < node->n_child; i++) {
		copy->child[i] = hub_tree_clone(node->child[i], copy);
		if (!copy->child[i])
			goto out_free;
		copy->n_child++;
	}
	return copy;

out_free:
	hub_tree_free(copy);
	return NULL;
}

static uint32_t count_owned(const struct xs_node *node, uint16_t domid)
{
	uint32_t i, n = node->perms.perm[0].domid == domid;

	for (i = 0; i < node->n_child; i++)
		n += count_owned(node->child[i], domid);
	return n;
}

void hub_tree_forget(struct xs_node *node, uint16_t domid)
{
	struct xs_perms *perms = &node->perms;
	uint32_t i;

	if (perms->perm[0].domid == domid)
		perms->perm[0].domid = 0;
	if (perms->n > 1 && perms->perm[1].domid == domid)
		perms->n = 1;
	for (i = 0; i < node->n_child; i++)
		hub_tree_forget(node->child[i], domid);
}

int hub_tree_init(struct hub *hub)
{
	static const char *const dirs[] = { "/local", "/local/domain", "/vm", "/libxl", "/tool" };
	struct xs_ctx ctx = { .hub = hub };
	size_t i;
	int err = 0;

	hub->root = new_node("", 0);
	if (!hub->root)
		return -ENOMEM;
	hub->root->gen = ++hub->xs_gen;
	hub->root->perms.n = 1;
	for (i = 0; !err && i < sizeof(dirs) / sizeof(dirs[0]); i++)
		err = hub_tree_mkdir(&ctx, dirs[i]);
	if (err)
		hub_tree_free(hub->root);
	return err;
}

/* ---- operations ---- */

unsigned int hub_tree_access(const struct xs_perms *perms, uint16_t domid)
{
	uint32_t i;

	if (!domid || perms->perm[0].domid == domid)
		return XS_ALL;
	for (i = 1; i < perms->n; i++)
		if (perms->perm[i].domid == domid)
			return perms->perm[i].bits;
	return perms->perm[0].bits;
}

static struct xs_node *root_of(const struct xs_ctx *ctx)
{
	return ctx->tx ? hub_tx_root(ctx->tx) : ctx->hub->root;
}

static bool may(const struct xs_ctx *ctx, const struct xs_node *node, unsigned int need)
{
	return ctx->replay || (hub_tree_access(&node->perms, ctx->domid) & need) == need;
}

/*
 * The node at @path, for an operation that needs @need.
 * Returns 0; -ENOENT, there is none, and the last node on the way allows to know; -EACCES.
 */
static int lookup(struct xs_ctx *ctx, const char *path, unsigned int need, struct xs_node **out)
{
	struct xs_node *node;
	const char *rest;
	int err;

	if (ctx->tx) {
		err = hub_tx_access(ctx->tx, path);
		if (err)
			return err;
	}
	node = walk(root_of(ctx), path, &rest);
	if (!may(ctx, node, need))
		return -EACCES;
	if (*rest)
		return -ENOENT;
	*out = node;
	return 0;
}

static void path_of(const struct xs_node *node, char out[XST_MAX_PATH])
{
	size_t at, len;

	if (!node->parent) {
		strcpy(out, "/");
		return;
	}
	path_of(node->parent, out);
	at = strlen(out);
	if (at > 1)
		out[at++] = '/';
	len = strlen(node->name);
	memcpy(out + at, node->name, len + 1);
}

static int note_access(struct xs_ctx *ctx, const struct xs_node *node)
{
	char path[XST_MAX_PATH];

	if (!ctx->tx)
		return 0;
	path_of(node, path);
	return hub_tx_access(ctx->tx, path);
}

/* All of @path from @rest on is missing, and the transaction depends on that. */
static int note_missing(struct xs_ctx *ctx, const char *path, const char *rest)
{
	char prefix[XST_MAX_PATH];
	size_t len, bytes;
	int err;

	if (!ctx->tx)
		return 0;
	for (rest = next_name(rest, &len); len; rest = next_name(rest + len, &len)) {
		bytes = (size_t)(rest + len - path);
		memcpy(prefix, path, bytes);
		prefix[bytes] = 0;
		err = hub_tx_access(ctx->tx, prefix);
		if (err)
			return err;
	}
	return 0;
}

static uint32_t names_in(const char *path)
{
	uint32_t n = 0;
	size_t len;

	for (path = next_name(path, &len); len; path = next_name(path + len, &len))
		n++;
	return n;
}

/*
 * Makes the node at @path, which is not there, and those that are missing above it. They inherit
 * the permissions of the directory they come into, but belong to who makes them.
 */
static int create(struct xs_ctx *ctx, const char *path, struct xs_node **out)
{
	struct xs_node *parent, *node, *top = NULL;
	const char *rest;
	size_t len;
	int err;

	parent = walk(root_of(ctx), path, &rest);
	if (ctx->domid && !ctx->replay &&
	    count_owned(root_of(ctx), ctx->domid) + names_in(rest) > HUB_XS_MAX_NODES)
		return -ENOSPC;
	err = note_access(ctx, parent);
	if (!err)
		err = note_missing(ctx, path, rest);
	if (err)
		return err;

	for (rest = next_name(rest, &len); len; rest = next_name(rest + len, &len)) {
		node = new_node(rest, len);
		if (!node)
			goto out_undo;
		node->perms = parent->perms;
		if (ctx->domid)
			node->perms.perm[0].domid = ctx->domid;
		node->gen = ++ctx->hub->xs_gen;
		if (link_child(parent, node)) {
			hub_tree_free(node);
			goto out_undo;
		}
		parent->gen = ++ctx->hub->xs_gen;
		if (!top)
			top = node;
		parent = node;
	}
	*out = parent;
	return 0;

out_undo:
	if (top) {
		unlink_child(top);
		hub_tree_free(top);
	}
	return -ENOMEM;
}

/* The change is made: to be told at once, or at the commit. */
static int changed(struct xs_ctx *ctx, enum xs_change change, const char *path, const char *value,
		   uint32_t bytes, const struct xs_perms *perms, const struct xs_perms *old)
{
	if (ctx->tx)
		return hub_tx_log(ctx->tx, change, path, value, bytes, perms);
	hub_watch_fire(ctx->hub, path, false, old);
	return 0;
}

int hub_tree_read(struct xs_ctx *ctx, const char *path, const struct xs_node **out)
{
	struct xs_node *node;
	int err;

	err = lookup(ctx, path, XS_READ, &node);
	if (!err)
		*out = node;
	return err;
}

int hub_tree_write(struct xs_ctx *ctx, const char *path, const char *value, uint32_t bytes)
{
	struct xs_node *node;
	int err;

	if (bytes > XST_MAX_VALUE)
		return -ENOSPC;
	err = lookup(ctx, path, XS_WRITE, &node);
	if (err == -ENOENT)
		err = create(ctx, path, &node);
	if (!err)
		err = set_value(node, value, bytes);
	if (err)
		return err;
	node->gen = ++ctx->hub->xs_gen;
	return changed(ctx, XS_CHANGE_WRITE, path, value, bytes, NULL, NULL);
}

int hub_tree_mkdir(struct xs_ctx *ctx, const char *path)
{
	struct xs_node *node;
	int err;

	err = lookup(ctx, path, XS_WRITE, &node);
	if (err != -ENOENT)
		return err;
	err = create(ctx, path, &node);
	if (err)
		return err;
	return changed(ctx, XS_CHANGE_MKDIR, path, NULL, 0, NULL, NULL);
}

/* All below @node goes with it: a transaction depends on it, and each watch of it is told. */
static int leave(struct xs_ctx *ctx, const struct xs_node *node)
{
	char path[XST_MAX_PATH];
	uint32_t i;
	int err;

	for (i = 0; i < node->n_child; i++) {
		err = leave(ctx, node->child[i]);
		if (!err)
			err = note_access(ctx, node->child[i]);
		if (err)
			return err;
		if (!ctx->tx) {
			path_of(node->child[i], path);
			hub_watch_fire(ctx->hub, path, true, NULL);
		}
	}
	return 0;
}

int hub_tree_rm(struct xs_ctx *ctx, const char *path)
{
	struct xs_node *node, *parent;
	int err;

	err = lookup(ctx, path, XS_WRITE, &node);
	if (err)
		return err;
	parent = node->parent;
	if (!parent)
		return -EINVAL;
	err = note_access(ctx, parent);
	if (!err)
		err = leave(ctx, node);
	if (!err)
		err = changed(ctx, XS_CHANGE_RM, path, NULL, 0, NULL, NULL);
	if (err)
		return err;
	unlink_child(node);
	hub_tree_free(node);
	parent->gen = ++ctx->hub->xs_gen;
	return 0;
}

int hub_tree_set_perms(struct xs_ctx *ctx, const char *path, const struct xs_perms *perms)
{
	struct xs_node *node;
	struct xs_perms old;
	int err;

	err = lookup(ctx, path, XS_WRITE | XS_OWNER, &node);
	if (err)
		return err;
	old = node->perms;
	if (ctx->domid && !ctx->replay && perms->perm[0].domid != old.perm[0].domid)
		return -EPERM;
	node->perms = *perms;
	node->gen = ++ctx->hub->xs_gen;
	return changed(ctx, XS_CHANGE_PERMS, path, NULL, 0, perms, &old);
}
