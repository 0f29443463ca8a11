// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of requests in flight. An id is a slot's number and, above it, a generation that
 * changes with every use, so that an answer that comes twice, or was never asked for, is found out.
 */
#include <string.h>

#include "fe_priv.h"

#define SLOT_MASK	(FE_MAX_SLOTS - 1)

void fe_table_init(struct fe_table *t)
{
	unsigned int i;

	memset(t, 0, sizeof(*t));
	TAILQ_INIT(&t->in_flight);
	TAILQ_INIT(&t->unused);
	for (i = 0; i < FE_MAX_SLOTS; i++)
		TAILQ_INSERT_TAIL(&t->unused, &t->slot[i], link);
}

struct fe_pending *fe_table_add(struct fe_table *t, struct vgpuif_request *req, fe_done_fn done,
				void *arg)
{
	struct fe_pending *p = TAILQ_FIRST(&t->unused);
	const uint32_t slots_per_generation = FE_MAX_SLOTS;

	if (!p)
		return NULL;
	TAILQ_REMOVE(&t->unused, p, link);
	/* Never 0, which marks a slot as not in use. */
	if (++p->generation > UINT32_MAX / slots_per_generation)
		p->generation = 1;
	p->id = p->generation * slots_per_generation + (uint32_t)(p - t->slot);
	p->ticket = ++t->last_ticket;
	p->done = done;
	p->arg = arg;
	req->id = p->id;
	p->req = *req;
	TAILQ_INSERT_TAIL(&t->in_flight, p, link);
	t->n_in_flight++;
	return p;
}

struct fe_pending *fe_table_take(struct fe_table *t, const struct vgpuif_response *rsp)
{
	struct fe_pending *p = &t->slot[rsp->id & SLOT_MASK];

	if (!p->id || p->id != rsp->id || p->req.operation != rsp->operation)
		return NULL;
	TAILQ_REMOVE(&t->in_flight, p, link);
	TAILQ_INSERT_HEAD(&t->unused, p, link);
	t->n_in_flight--;
	p->id = 0;
	return p;
}

uint32_t fe_table_until(const struct fe_table *t, uint64_t ticket)
{
	const struct fe_pending *p;
	uint32_t n = 0;

	TAILQ_FOREACH(p, &t->in_flight, link) {
		if (p->ticket > ticket)
			break;
		n++;
	}
	return n;
}
