// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grant mappings for a worker. It names references, and the hypervisor is asked for a mapping of
 * those of exactly the domain that the worker was bound to; what comes back are descriptors, which
 * are passed on and closed here. The supervisor looks at no page of a guest.
 *
 * The account of pages is what the worker says it unmapped. A worker that lies there can hold more
 * than its guest's share until it dies; gntdev offers no way to look.
 *
 * A program that is started again finds the pages of the one before still mapped, by a worker that is
 * ending: that is waited for before a mapping is refused.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sup.h"

#define WAIT_MS		500u	/* for workers to end */

static int send_grant(struct sup_worker *w, const struct broker *b, int map_err,
		      const struct gnt_grant *grant)
{
	struct ctl_msg msg = { .type = CTL_GRANT, .bytes = CTL_BYTES(grant) };
	struct ctl_grant *g = &msg.u.grant;
	int fds[GNT_MAX_EXTENTS];
	uint32_t i;

	g->seq = b->seq;
	g->err = map_err;
	g->n_pages = b->n_pages;
	g->writable = b->writable;
	g->n_extents = grant->n_extents;
	for (i = 0; i < g->n_extents; i++) {
		g->extent[i].n_pages = grant->extent[i].n_pages;
		g->extent[i].offset_bytes = grant->extent[i].offset_bytes;
		fds[i] = grant->extent[i].fd;
	}
	/* Its socket takes a hundred answers; one that reads none of them is not waited for. */
	return w->sock < 0 ? -EPIPE : ctl_send(w->sock, &msg, fds, g->n_extents);
}

static bool over_limit(const struct sup_worker *w)
{
	const struct sup_device *dev = w->session->dev;
	const uint32_t n = w->broker.n_pages;

	return dev->dom->pages_mapped + n > w->sup->cfg.max_pages ||
	       dev->pages_mapped + n > dev->limits.pages;
}

/* Whether another worker of the guest is about to let go of pages. */
static bool others_end(const struct sup_worker *w)
{
	const struct sup_worker *other;

	TAILQ_FOREACH(other, &w->sup->pool.workers, link)
		if (other != w && other->session && other->pages_mapped &&
		    other->session->dev->dom == w->session->dev->dom && sup_worker_ending(other))
			return true;
	return false;
}

static int map_now(struct sup_worker *w)
{
	struct broker *b = &w->broker;
	struct sup *sup = w->sup;
	struct sup_device *dev = w->session->dev;
	struct sup_domain *dom = dev->dom;
	struct gnt_grant grant;
	int map_err, err;

	if (over_limit(w)) {
		map_err = -EDQUOT;
		log_line(LOG_LEVEL_WARNING, &dom->rate,
			 "domain %u (%s) vgpu %u: %u more pages would be over its %u (%llu are "
			 "mapped) or the domain's %u (%llu)", dom->domid, dom->name, dev->devid,
			 b->n_pages, dev->limits.pages, (unsigned long long)dev->pages_mapped,
			 sup->cfg.max_pages, (unsigned long long)dom->pages_mapped);
	} else {
		map_err = gnt_map_refs(sup->plat, dom->domid, b->refs, b->n_pages, b->writable,
				       &grant);
		sup->map_calls++;
		if (map_err)
			log_line(LOG_LEVEL_WARNING, &dom->rate,
				 "domain %u (%s) vgpu %u: %u pages cannot be mapped: %s", dom->domid,
				 dom->name, dev->devid, b->n_pages, strerror(-map_err));
	}
	if (map_err) {
		sup->map_refused++;
		return send_grant(w, b, map_err, &(struct gnt_grant){ 0 });
	}
	err = send_grant(w, b, 0, &grant);
	gnt_grant_close(&grant);
	if (err)
		return err;
	sup->map_pages += b->n_pages;
	dom->pages_mapped += b->n_pages;
	dev->pages_mapped += b->n_pages;
	w->pages_mapped += b->n_pages;
	return 0;
}

static int begin(struct sup_worker *w, const struct ctl_map *map)
{
	struct broker *b = &w->broker;

	/* A page of a directory chain is mapped too, so at least one may be asked for. */
	if (map->first != 0 || map->n_pages == 0 || map->n_pages > w->sup->cfg.max_buffer_pages)
		return -EPROTO;
	b->refs = malloc(map->n_pages * sizeof(b->refs[0]));
	if (!b->refs)
		return -ENOMEM;
	b->seq = map->seq;
	b->n_pages = map->n_pages;
	b->writable = map->writable;
	b->have = 0;
	return 0;
}

static void end(struct sup_worker *w)
{
	loop_timer_cancel(&w->sup->loop, &w->broker.timer);
	free(w->broker.refs);
	w->broker = (struct broker){ 0 };
}

static void too_late(void *arg);

/* All of the references are there. Returns 0, answered or waiting; -EPIPE, it is ending; -errno. */
static int try_map(struct sup_worker *w, bool may_wait)
{
	struct broker *b = &w->broker;
	int err;

	if (may_wait && over_limit(w) && others_end(w)) {
		if (b->timer.armed)
			return 0;
		loop_timer_set(&w->sup->loop, &b->timer, WAIT_MS, too_late, w);
		return sup_worker_later(w);
	}
	err = map_now(w);
	end(w);
	return err;
}

static void too_late(void *arg)
{
	struct sup_worker *w = arg;

	if (w->state != WORKER_DYING)
		sup_worker_answered(w, try_map(w, false));
}

/* Pages of a guest's were let go of. */
static void settle(struct sup *sup, const struct sup_domain *dom)
{
	struct sup_worker *w;

	TAILQ_FOREACH(w, &sup->pool.workers, link)
		if (w->broker.timer.armed && w->state != WORKER_DYING && w->session->dev->dom == dom)
			sup_worker_answered(w, try_map(w, true));
}

int sup_broker_map(struct sup_worker *w, const struct ctl_map *map)
{
	struct broker *b = &w->broker;
	int err;

	if (!b->n_pages) {
		err = begin(w, map);
		if (err)
			return err;
	}
	if (map->seq != b->seq || map->n_pages != b->n_pages || map->writable != b->writable ||
	    map->first != b->have || map->n_refs == 0 || map->n_refs > CTL_MAX_REFS ||
	    map->n_refs > b->n_pages - b->have)
		return -EPROTO;
	memcpy(b->refs + b->have, map->refs, map->n_refs * sizeof(map->refs[0]));
	b->have += map->n_refs;
	return b->have < b->n_pages ? 0 : try_map(w, true);
}

int sup_broker_unmapped(struct sup_worker *w, uint32_t n_pages)
{
	if (n_pages > w->pages_mapped)
		return -EPROTO;
	w->pages_mapped -= n_pages;
	w->session->dev->pages_mapped -= n_pages;
	w->session->dev->dom->pages_mapped -= n_pages;
	settle(w->sup, w->session->dev->dom);
	return 0;
}

void sup_broker_finish(struct sup_worker *w)
{
	struct sup_device *dev = w->session->dev;

	end(w);
	dev->pages_mapped -= w->pages_mapped;
	dev->dom->pages_mapped -= w->pages_mapped;
	w->pages_mapped = 0;
	settle(w->sup, dev->dom);
}
