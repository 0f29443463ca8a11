/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A table of objects by an id that the guest chose: contexts, resources, buffers. The number of
 * objects is bounded by the session's limits, so the buckets are allocated once and nothing is
 * ever moved. Ids are spread by a secret multiplier: a guest cannot pick ids that collide.
 */
#ifndef BACKEND_WRK_TABLE_H
#define BACKEND_WRK_TABLE_H

#include <stdint.h>

/* The first member of whatever is in a table. */
struct wrk_node {
	uint32_t id;
	struct wrk_node *next;
};

struct wrk_table {
	struct wrk_node **bucket;
	unsigned int shift;		/* 32 - log2 of the number of buckets */
	uint32_t multiplier;
	uint32_t limit;
	uint32_t count;
	uint32_t pop_at;		/* buckets below are empty, while nothing is added */
};

/* wrk_table_init() - for at most @limit objects. Returns 0 or -ENOMEM. Release with _fini(). */
int wrk_table_init(struct wrk_table *table, uint32_t limit);

/* wrk_table_fini() - the objects are the caller's; a zeroed table is allowed. */
void wrk_table_fini(struct wrk_table *table);

/* wrk_table_find() - NULL where there is none. */
void *wrk_table_find(const struct wrk_table *table, uint32_t id);

/* wrk_table_add() - @node->id is set and not in the table; the table is not full. */
void wrk_table_add(struct wrk_table *table, struct wrk_node *node);

/* wrk_table_del() - take out, not free. @node is in the table. */
void wrk_table_del(struct wrk_table *table, struct wrk_node *node);

/* wrk_table_each() - call @fn for every object; it must neither add nor delete. */
void wrk_table_each(const struct wrk_table *table, void (*fn)(struct wrk_node *node, void *arg),
		    void *arg);

/* wrk_table_pop() - take out some object; NULL when the table is empty. For emptying one. */
void *wrk_table_pop(struct wrk_table *table);

#endif
