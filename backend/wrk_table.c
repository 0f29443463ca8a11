// SPDX-License-Identifier: GPL-2.0-only
/* Objects by id; see wrk_table.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "wrk_table.h"

#define MIN_BITS	4u
#define MAX_BITS	14u		/* chains grow beyond that many objects, memory does not */

static struct wrk_node **bucket_of(const struct wrk_table *table, uint32_t id)
{
	return &table->bucket[(id * table->multiplier) >> table->shift];
}

int wrk_table_init(struct wrk_table *table, uint32_t limit)
{
	unsigned int bits = MIN_BITS;

	while (bits < MAX_BITS && (1u << bits) < limit)
		bits++;
	*table = (struct wrk_table){ .shift = 32 - bits, .limit = limit };
	if (getrandom(&table->multiplier, sizeof(table->multiplier), 0) < 0)
		table->multiplier = 2654435769u;	/* 2^32 / golden ratio */
	table->multiplier |= 1;
	table->bucket = calloc((size_t)1 << bits, sizeof(struct wrk_node *));
	return table->bucket ? 0 : -ENOMEM;
}

void wrk_table_fini(struct wrk_table *table)
{
	free(table->bucket);
	*table = (struct wrk_table){ 0 };
}

void *wrk_table_find(const struct wrk_table *table, uint32_t id)
{
	struct wrk_node *node;

	for (node = *bucket_of(table, id); node; node = node->next)
		if (node->id == id)
			return node;
	return NULL;
}

void wrk_table_add(struct wrk_table *table, struct wrk_node *node)
{
	struct wrk_node **bucket = bucket_of(table, node->id);

	node->next = *bucket;
	*bucket = node;
	table->count++;
	table->pop_at = 0;
}

void wrk_table_del(struct wrk_table *table, struct wrk_node *node)
{
	struct wrk_node **at = bucket_of(table, node->id);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	table->count--;
}

void wrk_table_each(const struct wrk_table *table, void (*fn)(struct wrk_node *node, void *arg),
		    void *arg)
{
	const uint32_t n_buckets = table->bucket ? 1u << (32 - table->shift) : 0;
	struct wrk_node *node;
	uint32_t i;

	for (i = 0; i < n_buckets; i++)
		for (node = table->bucket[i]; node; node = node->next)
			fn(node, arg);
}

void *wrk_table_pop(struct wrk_table *table)
{
	struct wrk_node *node;

	if (!table->count)
		return NULL;
	while (!table->bucket[table->pop_at])
		table->pop_at++;
	node = table->bucket[table->pop_at];
	wrk_table_del(table, node);
	return node;
}
