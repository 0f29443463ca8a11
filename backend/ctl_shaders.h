/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest's compiled shaders, kept for its next program: a store in memory that all workers of one
 * guest's vgpu share, made by the supervisor and given to each with BIND. Drivers have such a store in
 * a file system as a rule, which a worker has none of, and which would be one for all guests.
 *
 * What is in it was written by workers of this guest, which the guest may have taken over; it can
 * harm nobody but that guest's workers. Here nothing in it is believed: not where an entry lies,
 * how long it is, or that it stays as it is. What a driver makes of an entry is the driver's.
 *
 * Entries are only ever added. Whoever is killed while it adds one wastes a slot and no more.
 */
#ifndef BACKEND_CTL_SHADERS_H
#define BACKEND_CTL_SHADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHADERS_SLOTS		8192u
#define SHADERS_MAX_KEY		32u
#define SHADERS_MAX_VALUE	65536u	/* Mesa asks for no more. Source: disk_cache_get() */

enum shaders_state {
	SHADERS_FREE,
	SHADERS_TAKEN,			/* somebody is writing it */
	SHADERS_THERE,
};

struct shaders_slot {
	uint32_t state;			/* enum shaders_state; the rest is written before THERE is */
	uint32_t offset;		/* of the value, from the store's beginning */
	uint32_t value_bytes;
	uint32_t key_bytes;
	uint8_t key[SHADERS_MAX_KEY];
};

/* What the memory begins with; values lie behind it. */
struct shaders_store {
	uint32_t end;			/* of what is used */
	uint32_t crowd;			/* entries, and attempts to add one that found no slot */
	struct shaders_slot slot[SHADERS_SLOTS];
};

/* A store as one process has it mapped. */
struct shaders {
	struct shaders_store *store;	/* NULL for none */
	uint32_t bytes;
};

/*
 * shaders_create() - a new, empty store of @bytes, which must hold struct shaders_store.
 * Returns a descriptor of memory that can neither grow nor shrink, or -errno.
 */
int shaders_create(uint32_t bytes);

/*
 * shaders_map() - map a store; unmap with shaders_unmap().
 * @fd: the caller's, not needed afterwards.
 * Returns 0; -EINVAL, it is none; -errno.
 */
int shaders_map(int fd, struct shaders *out);
void shaders_unmap(struct shaders *s);

/*
 * shaders_full() - whether little more will fit into a store of @bytes. It is not mapped, and what it says
 * is not believed to be more than a hint: workers write it.
 */
bool shaders_full(int fd, uint32_t bytes);

/*
 * shaders_get() - look an entry up. Any thread.
 * @room: octets at @value; more than the entry has: it is copied there.
 * Returns the entry's size; 0, there is none.
 */
size_t shaders_get(const struct shaders *s, const void *key, size_t key_bytes, void *value,
		   size_t room);

/* shaders_put() - add an entry. Any thread. False: it is there, or there is no room. */
bool shaders_put(const struct shaders *s, const void *key, size_t key_bytes, const void *value,
		 size_t value_bytes);

#endif
