// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arena's arithmetic; see vt_arena.h.
 */
#include <errno.h>
#include <string.h>

#include "vt_arena.h"

void vt_arena_init(struct vt_arena *a, void *base, uint32_t size)
{
	memset(a, 0, sizeof(*a));
	a->base = base;
	a->size = size;
}

/* Where the lap that the received octets lie in ends. */
static uint64_t lap_end(const struct vt_arena *a)
{
	return (a->rd / a->size + 1) * a->size;
}

uint32_t vt_arena_room(const struct vt_arena *a, uint8_t **at)
{
	uint64_t to_lap = lap_end(a) - a->wr;
	uint64_t unheld = a->size - (a->wr - a->tail);

	*at = a->base + a->wr % a->size;
	return (uint32_t)(to_lap < unheld ? to_lap : unheld);
}

void vt_arena_filled(struct vt_arena *a, uint32_t bytes)
{
	a->wr += bytes;
}

uint32_t vt_arena_data(const struct vt_arena *a, uint8_t **at)
{
	*at = a->base + a->rd % a->size;
	return (uint32_t)(a->wr - a->rd);
}

void vt_arena_consume(struct vt_arena *a, uint32_t bytes)
{
	a->rd += bytes;
}

void vt_arena_align(struct vt_arena *a)
{
	uint32_t off = a->rd % 4;
	uint8_t *from = a->base + a->rd % a->size;

	if (!off)
		return;
	/* Down, over octets just consumed. */
	memmove(from - off, from, a->wr - a->rd);
	a->rd -= off;
	a->wr -= off;
}

int vt_arena_need(struct vt_arena *a, uint32_t bytes)
{
	const uint64_t have = a->wr - a->rd;
	uint64_t next = lap_end(a);

	if (bytes > a->size)
		return -E2BIG;
	if (a->rd + bytes <= next)
		return a->rd + bytes - a->tail <= a->size ? 0 : -EAGAIN;
	/* Go on at the start of the next lap. */
	if (a->tail == a->rd)
		a->tail = next;
	else if (next + bytes - a->tail > a->size)
		return -EAGAIN;
	memmove(a->base, a->base + a->rd % a->size, have);
	a->moved_bytes += have;
	a->rd = next;
	a->wr = next + have;
	return 0;
}

void vt_arena_free(struct vt_arena *a, uint64_t position)
{
	if (position > a->tail)
		a->tail = position;
}

void vt_arena_free_all(struct vt_arena *a)
{
	a->tail = a->rd;
	/* The same memory again and again stays in the caches. */
	if (a->rd == a->wr && a->rd % a->size)
		a->tail = a->rd = a->wr = lap_end(a);
}
