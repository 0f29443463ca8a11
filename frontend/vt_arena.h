/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The arena: a piece of granted memory used as a first-in first-out store. The client's stream is
 * received straight into it, so that the commands of a submit lie already where the backend reads
 * them; what a submit holds is free again when it is answered. Positions only grow; a position's
 * place in memory is its remainder. Received octets always lie contiguously. Pure arithmetic.
 *
 *	   tail          rd        wr
 *	    |  held by    | received|        room
 *	----+-------------+---------+----------------->
 */
#ifndef FRONTEND_VT_ARENA_H
#define FRONTEND_VT_ARENA_H

#include <stdint.h>

struct vt_arena {
	uint8_t *base;
	uint32_t size;
	uint64_t tail;
	uint64_t rd;
	uint64_t wr;
	uint64_t moved_bytes;	/* ever, by vt_arena_need() */
};

void vt_arena_init(struct vt_arena *a, void *base, uint32_t size);

/* vt_arena_room() - where to receive, and how much; 0, there is none until something is freed. */
uint32_t vt_arena_room(const struct vt_arena *a, uint8_t **at);

/* vt_arena_filled() - @bytes were received there. */
void vt_arena_filled(struct vt_arena *a, uint32_t bytes);

/* vt_arena_data() - received and not consumed octets, and how many. */
uint32_t vt_arena_data(const struct vt_arena *a, uint8_t **at);

/* vt_arena_consume() - done with @bytes of them (they stay held if vt_arena_hold() comes later). */
void vt_arena_consume(struct vt_arena *a, uint32_t bytes);

/* vt_arena_align() - after an odd number of octets: the rest starts at a multiple of 4 again. */
void vt_arena_align(struct vt_arena *a);

/*
 * vt_arena_need() - see to it that @bytes from the first received octet on can lie contiguously.
 * Returns 0; -EAGAIN, when something was freed; -E2BIG, never.
 */
int vt_arena_need(struct vt_arena *a, uint32_t bytes);

/* vt_arena_free() - everything before @position is free; what vt_arena_held() said once. */
void vt_arena_free(struct vt_arena *a, uint64_t position);

/* vt_arena_free_all() - nothing that was consumed is needed any more. */
void vt_arena_free_all(struct vt_arena *a);

/* vt_arena_offset() - of a place in it. */
static inline uint64_t vt_arena_offset(const struct vt_arena *a, const void *at)
{
	return (uint64_t)((const uint8_t *)at - a->base);
}

#endif
