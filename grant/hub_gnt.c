// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grant tables of the local platform. A share is a sealed memfd; a grant reference is an entry of
 * its domain's table that points at one page of one share.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gnt.h"
#include "hub_priv.h"

/* Source: linux drivers/xen/grant-table.c, NR_RESERVED_ENTRIES. */
#define FIRST_REF	8u

struct notify {
	struct notify *next;
	uint32_t offset_bytes;
	int fd;				/* the eventfd to write */
};

struct hub_share {
	struct hub_share *next;
	const struct hub_conn *conn;
	uint16_t peer_domid;
	bool peer_writable;
	uint32_t n_pages;
	uint32_t *refs;
	int fd, read_only_fd;		/* the second, -1 until wanted */
	struct notify *notifies;
	uint32_t n_notifies;
};

/* ---- the table ---- */

static int grow_table(struct hub *hub, struct hub_dom *dom)
{
	const uint32_t had = dom->n_gref ? dom->n_gref : FIRST_REF;
	uint32_t n = dom->n_gref ? dom->n_gref * 2 : 1024, i;
	struct hub_gref *gref;

	if (n > hub->max_grants + FIRST_REF)
		n = hub->max_grants + FIRST_REF;
	if (n <= had)
		return -ENOSPC;
	gref = realloc(dom->gref, n * sizeof(*gref));
	if (!gref)
		return -ENOMEM;
	memset(gref + dom->n_gref, 0, (n - dom->n_gref) * sizeof(*gref));
	/* Lowest first, so that a young table hands out neighbours. */
	for (i = n; i-- > had;) {
		gref[i].page = dom->free_gref;
		dom->free_gref = i;
	}
	dom->gref = gref;
	dom->n_gref = n;
	return 0;
}

static void put_refs(struct hub_dom *dom, const uint32_t *refs, uint32_t n)
{
	while (n--) {
		dom->gref[refs[n]].share = NULL;
		dom->gref[refs[n]].page = dom->free_gref;
		dom->free_gref = refs[n];
		dom->n_used--;
	}
}

static int get_refs(struct hub *hub, struct hub_dom *dom, struct hub_share *share)
{
	uint32_t i, ref;
	int err;

	if (share->n_pages > hub->max_grants - dom->n_used)
		return -ENOSPC;
	for (i = 0; i < share->n_pages; i++) {
		err = dom->free_gref ? 0 : grow_table(hub, dom);
		if (err) {
			put_refs(dom, share->refs, i);
			return err;
		}
		ref = dom->free_gref;
		dom->free_gref = dom->gref[ref].page;
		dom->gref[ref].share = share;
		dom->gref[ref].page = i;
		dom->n_used++;
		share->refs[i] = ref;
	}
	return 0;
}

/* ---- sharing ---- */

/* What is not a memfd that keeps its size could make a peer fault, or the hub block. */
static int check_memfd(int fd, uint32_t n_pages)
{
	const int flags = fcntl(fd, F_GETFL), seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (flags < 0 || (flags & O_ACCMODE) != O_RDWR)
		return -EINVAL;
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || (seals & F_SEAL_WRITE))
		return -EINVAL;
	if (fstat(fd, &st) || (uint64_t)st.st_size < (uint64_t)n_pages * GNT_PAGE_BYTES)
		return -EINVAL;
	return 0;
}

static void free_share(struct hub_share *share)
{
	struct notify *n;

	while (share->notifies) {
		n = share->notifies;
		share->notifies = n->next;
		close(n->fd);
		free(n);
	}
	if (share->fd >= 0)
		close(share->fd);
	if (share->read_only_fd >= 0)
		close(share->read_only_fd);
	free(share->refs);
	free(share);
}

int hub_gnt_share(struct hub_req *req)
{
	struct hub_dom *dom = req->conn->dom;
	struct hub_share_req arg;
	struct hub_share *share;
	uint32_t *refs;
	int err;

	err = hub_get(req, &arg, sizeof(arg));
	if (err)
		return err;
	if (!arg.n_pages || arg.n_pages > GNT_MAX_PAGES || arg.peer_domid > HUB_MAX_DOMID ||
	    req->fd < 0)
		return -EINVAL;
	if (dom->n_shares >= HUB_MAX_SHARES)
		return -ENOSPC;
	err = check_memfd(req->fd, arg.n_pages);
	if (err)
		return err;

	share = calloc(1, sizeof(*share));
	if (!share)
		return -ENOMEM;
	share->conn = req->conn;
	share->peer_domid = (uint16_t)arg.peer_domid;
	share->peer_writable = arg.peer_writable;
	share->n_pages = arg.n_pages;
	share->fd = -1;
	share->read_only_fd = -1;
	share->refs = malloc(arg.n_pages * sizeof(*share->refs));
	refs = hub_reply(req, arg.n_pages * (uint32_t)sizeof(*refs));
	err = share->refs && refs ? get_refs(req->hub, dom, share) : -ENOMEM;
	if (err) {
		free_share(share);
		return err;
	}

	memcpy(refs, share->refs, arg.n_pages * sizeof(*refs));
	share->fd = req->fd;
	req->fd = -1;
	share->next = dom->shares;
	dom->shares = share;
	dom->n_shares++;
	return 0;
}

/* The page has lost its owner: the byte first, then the signal, so who wakes up sees it. */
static void tell_loss(struct hub_share *share)
{
	struct notify *n;

	for (n = share->notifies; n; n = n->next) {
		if (pwrite(share->fd, "", 1, (off_t)n->offset_bytes) == 1)
			eventfd_write(n->fd, 1);
	}
}

static void drop_share(struct hub_dom *dom, struct hub_share *share, bool lost)
{
	struct hub_share **at;

	for (at = &dom->shares; *at != share; at = &(*at)->next)
		;
	*at = share->next;
	dom->n_shares--;
	put_refs(dom, share->refs, share->n_pages);
	if (lost)
		tell_loss(share);
	free_share(share);
}

void hub_gnt_drop(struct hub_dom *dom, const struct hub_conn *conn, bool lost)
{
	struct hub_share *share, *next;

	for (share = dom->shares; share; share = next) {
		next = share->next;
		if (!conn || share->conn == conn)
			drop_share(dom, share, lost);
	}
}

/* The share of this client that begins with @ref. */
static struct hub_share *own_share(const struct hub_req *req, uint32_t ref)
{
	const struct hub_dom *dom = req->conn->dom;
	struct hub_share *share;

	if (ref >= dom->n_gref || dom->gref[ref].page)
		return NULL;
	share = dom->gref[ref].share;
	return share && share->conn == req->conn ? share : NULL;
}

int hub_gnt_unshare(struct hub_req *req)
{
	struct hub_unshare_req arg;
	struct hub_share *share;
	int err;

	err = hub_get(req, &arg, sizeof(arg));
	if (err)
		return err;
	share = own_share(req, arg.ref);
	if (!share)
		return -EINVAL;
	drop_share(req->conn->dom, share, true);
	return 0;
}

int hub_gnt_notify(struct hub_req *req)
{
	struct hub_notify_req arg;
	struct hub_share *share;
	struct notify *n;
	int err, fd;

	err = hub_get(req, &arg, sizeof(arg));
	if (err)
		return err;
	share = own_share(req, arg.ref);
	if (!share || arg.offset_bytes / GNT_PAGE_BYTES >= share->n_pages)
		return -EINVAL;

	/* One for each page: a second one takes the place of the first, as on Linux. */
	for (n = share->notifies; n; n = n->next)
		if (n->offset_bytes / GNT_PAGE_BYTES == arg.offset_bytes / GNT_PAGE_BYTES)
			break;
	if (!n && share->n_notifies >= HUB_MAX_NOTIFY)
		return -ENOSPC;
	fd = hub_evt_peer_fd(req->conn->dom, arg.port);
	if (fd < 0)
		return fd;
	if (n) {
		close(n->fd);
	} else {
		n = malloc(sizeof(*n));
		if (!n) {
			close(fd);
			return -ENOMEM;
		}
		n->next = share->notifies;
		share->notifies = n;
		share->n_notifies++;
	}
	n->offset_bytes = arg.offset_bytes;
	n->fd = fd;
	return 0;
}

/* ---- mapping ---- */

/* A descriptor for the peer, of its own, and without more access than it was given. */
static int extent_fd(struct hub_share *share, bool writable)
{
	char path[32];
	int fd;

	if (!writable && share->read_only_fd < 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", share->fd);
		share->read_only_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (share->read_only_fd < 0)
			return errno == EMFILE || errno == ENFILE ? -errno : -EFAULT;
	}
	fd = fcntl(writable ? share->fd : share->read_only_fd, F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int hub_gnt_map(struct hub_req *req)
{
	struct hub_extent extent[GNT_MAX_EXTENTS];
	const struct hub_share *last = NULL;
	struct hub_map_req arg;
	struct hub_dom *granter;
	uint32_t i, ref, page, n = 0;
	struct hub_share *share;
	const char *refs;
	int err, fd;
	void *reply;

	err = hub_get(req, &arg, sizeof(arg));
	if (err)
		return err;
	if (!arg.n_pages || arg.n_pages > GNT_MAX_PAGES ||
	    req->hdr.bytes != sizeof(arg) + arg.n_pages * sizeof(ref))
		return -EINVAL;
	refs = req->data + sizeof(arg);
	granter = hub_dom_find(req->hub, arg.domid);

	/* On failure, the caller of this closes what is in req->fds. */
	for (i = 0; i < arg.n_pages; i++) {
		memcpy(&ref, refs + i * sizeof(ref), sizeof(ref));
		if (!granter || ref >= granter->n_gref || !granter->gref[ref].share)
			return -EFAULT;
		share = granter->gref[ref].share;
		page = granter->gref[ref].page;
		if (share->peer_domid != req->conn->dom->domid ||
		    (arg.writable && !share->peer_writable))
			return -EFAULT;

		if (share == last && page == extent[n - 1].first_page + extent[n - 1].n_pages) {
			extent[n - 1].n_pages++;
			continue;
		}
		if (n == GNT_MAX_EXTENTS)
			return -EFAULT;
		fd = extent_fd(share, arg.writable);
		if (fd < 0)
			return fd;
		req->fds[req->n_fds++] = fd;
		extent[n].first_page = page;
		extent[n].n_pages = 1;
		n++;
		last = share;
	}

	reply = hub_reply(req, n * (uint32_t)sizeof(extent[0]));
	if (!reply)
		return -ENOMEM;
	memcpy(reply, extent, n * sizeof(extent[0]));
	return 0;
}
