// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transactions of the local platform's xenstore. A transaction works on a copy of the tree and
 * notes what it looked at and what it changed. The commit fails if anything it looked at has
 * changed since, otherwise the changes are made again on the tree itself. Trees are small here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub_priv.h"

/* Source: xenstored 4.17, quota for nodes accessed in a transaction. */
#define MAX_STEPS	1024u
#define MAX_STEPS_DOM0	8192u

struct seen {
	struct seen *next;
	uint64_t gen;			/* 0: there was no such node */
	char path[];
};

struct step {
	struct step *next;
	enum xs_change change;
	struct xs_perms perms;
	uint32_t bytes;
	char *value;
	char path[];
};

struct hub_tx_open {
	struct hub_tx_open *next;
	uint32_t id;
	uint32_t max_steps, n_steps, n_seen;
	struct xs_node *root;
	struct seen *seen;
	struct step *steps, **end;
};

struct xs_node *hub_tx_root(struct hub_tx_open *tx)
{
	return tx->root;
}

int hub_tx_access(struct hub_tx_open *tx, const char *path)
{
	const struct xs_node *node;
	struct seen *seen;

	for (seen = tx->seen; seen; seen = seen->next)
		if (!strcmp(seen->path, path))
			return 0;
	if (tx->n_seen >= tx->max_steps)
		return -ENOSPC;
	seen = malloc(sizeof(*seen) + strlen(path) + 1);
	if (!seen)
		return -ENOMEM;
	/* Asked for the first time, so the copy still says what the tree said. */
	node = hub_tree_find(tx->root, path);
	seen->gen = node ? node->gen : 0;
	strcpy(seen->path, path);
	seen->next = tx->seen;
	tx->seen = seen;
	tx->n_seen++;
	return 0;
}

int hub_tx_log(struct hub_tx_open *tx, enum xs_change change, const char *path, const char *value,
	       uint32_t bytes, const struct xs_perms *perms)
{
	const size_t path_bytes = strlen(path) + 1;
	struct step *step;

	if (tx->n_steps >= tx->max_steps)
		return -ENOSPC;
	step = calloc(1, sizeof(*step) + path_bytes + bytes);
	if (!step)
		return -ENOMEM;
	step->change = change;
	memcpy(step->path, path, path_bytes);
	step->value = step->path + path_bytes;
	if (bytes)
		memcpy(step->value, value, bytes);
	step->bytes = bytes;
	if (perms)
		step->perms = *perms;
	*tx->end = step;
	tx->end = &step->next;
	tx->n_steps++;
	return 0;
}

static void free_tx(struct hub_tx_open *tx)
{
	struct seen *seen;
	struct step *step;

	while (tx->seen) {
		seen = tx->seen;
		tx->seen = seen->next;
		free(seen);
	}
	while (tx->steps) {
		step = tx->steps;
		tx->steps = step->next;
		free(step);
	}
	hub_tree_free(tx->root);
	free(tx);
}

struct hub_tx_open *hub_tx_find(struct hub_conn *conn, uint32_t id)
{
	struct hub_tx_open *tx;

	for (tx = conn->txs; tx; tx = tx->next)
		if (tx->id == id)
			return tx;
	return NULL;
}

int hub_tx_begin(struct hub_req *req)
{
	struct hub_conn *conn = req->conn;
	const bool dom0 = !conn->dom->domid;
	struct hub_tx_open *tx;
	struct hub_tx *reply;

	if (conn->n_txs >= (dom0 ? HUB_XS_MAX_TX_DOM0 : HUB_XS_MAX_TX))
		return -ENOSPC;
	reply = hub_reply(req, sizeof(*reply));
	tx = calloc(1, sizeof(*tx));
	if (!reply || !tx) {
		free(tx);
		return -ENOMEM;
	}
	tx->end = &tx->steps;
	tx->max_steps = dom0 ? MAX_STEPS_DOM0 : MAX_STEPS;
	tx->root = hub_tree_clone(req->hub->root, NULL);
	if (!tx->root) {
		free(tx);
		return -ENOMEM;
	}
	do {
		tx->id = ++conn->last_tx;
	} while (!tx->id || hub_tx_find(conn, tx->id));
	tx->next = conn->txs;
	conn->txs = tx;
	conn->n_txs++;
	reply->id = tx->id;
	return 0;
}

static int commit(struct hub *hub, uint16_t domid, const struct hub_tx_open *tx)
{
	struct xs_ctx ctx = { .hub = hub, .domid = domid, .replay = true };
	const struct xs_node *node;
	const struct seen *seen;
	const struct step *step;
	int err = 0;

	for (seen = tx->seen; seen; seen = seen->next) {
		node = hub_tree_find(hub->root, seen->path);
		if (seen->gen != (node ? node->gen : 0))
			return -EAGAIN;
	}
	for (step = tx->steps; step && !err; step = step->next) {
		switch (step->change) {
		case XS_CHANGE_WRITE:
			err = hub_tree_write(&ctx, step->path, step->value, step->bytes);
			break;
		case XS_CHANGE_MKDIR:
			err = hub_tree_mkdir(&ctx, step->path);
			break;
		case XS_CHANGE_RM:
			err = hub_tree_rm(&ctx, step->path);
			break;
		case XS_CHANGE_PERMS:
			err = hub_tree_set_perms(&ctx, step->path, &step->perms);
			break;
		}
	}
	return err;
}

int hub_tx_end(struct hub_req *req)
{
	struct hub_tx_open **at, *tx;
	struct hub_tx_end arg;
	int err;

	err = hub_get(req, &arg, sizeof(arg));
	if (err)
		return err;
	for (at = &req->conn->txs; *at && (*at)->id != arg.id; at = &(*at)->next)
		;
	tx = *at;
	if (!tx)
		return -EINVAL;
	*at = tx->next;
	req->conn->n_txs--;
	if (arg.commit)
		err = commit(req->hub, req->conn->dom->domid, tx);
	free_tx(tx);
	return err;
}

void hub_tx_drop(struct hub_conn *conn)
{
	struct hub_tx_open *tx;

	while (conn->txs) {
		tx = conn->txs;
		conn->txs = tx->next;
		free_tx(tx);
	}
	conn->n_txs = 0;
}
