// SPDX-License-Identifier: GPL-2.0-only
/*
 * Grant mappings for a worker. It names references, and the hypervisor is asked for a mapping of
 * those of exactly the domain that the worker was bound to; what comes back are descriptors, which
 * are passed on and closed here. The supervisor looks at no page of a guest.
 *
 * The account of pages is what the worker says it unmapped. A worker that lies there can hold more
 * than its guest's share until it dies; gntdev offers no way to look.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sup.h"

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
	g->n_extents = map_err ? 0 : grant->n_extents;
	for (i = 0; i < g->n_extents; i++) {
		g->extent[i].n_pages = grant->extent[i].n_pages;
		g->extent[i].offset_bytes = grant->extent[i].offset_bytes;
		fds[i] = grant->extent[i].fd;
	}
	/* Its socket takes a hundred answers; one that reads none of them is not waited for. */
	return ctl_send(w->sock, &msg, fds, g->n_extents);
}

static int map_now(struct sup_worker *w, struct broker *b)
{
	struct sup *sup = w->sup;
	struct sup_device *dev = w->session->dev;
	struct sup_domain *dom = dev->dom;
	struct gnt_grant grant;
	int map_err, err;

	if (dom->pages_mapped + b->n_pages > sup->cfg.max_pages ||
	    dev->pages_mapped + b->n_pages > dev->limits.pages) {
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
		return send_grant(w, b, map_err, NULL);
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

static void end(struct broker *b)
{
	free(b->refs);
	*b = (struct broker){ 0 };
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
	if (b->have < b->n_pages)
		return 0;
	err = map_now(w, b);
	end(b);
	return err;
}

int sup_broker_unmapped(struct sup_worker *w, uint32_t n_pages)
{
	if (n_pages > w->pages_mapped)
		return -EPROTO;
	w->pages_mapped -= n_pages;
	w->session->dev->pages_mapped -= n_pages;
	w->session->dev->dom->pages_mapped -= n_pages;
	return 0;
}

void sup_broker_finish(struct sup_worker *w)
{
	end(&w->broker);
	if (w->session) {
		w->session->dev->pages_mapped -= w->pages_mapped;
		w->session->dev->dom->pages_mapped -= w->pages_mapped;
	}
	w->pages_mapped = 0;
}
