/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A token bucket: so many at once, so many a second. Whatever a guest can make us do has one.
 */
#ifndef BACKEND_SUP_BUCKET_H
#define BACKEND_SUP_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	uint32_t burst;
	uint32_t per_s;
	uint32_t left;
	uint64_t filled_ns;
};

static inline void bucket_init(struct bucket *b, uint32_t burst, uint32_t per_s, uint64_t now_ns)
{
	*b = (struct bucket){ .burst = burst, .per_s = per_s, .left = burst, .filled_ns = now_ns };
}

/* bucket_take() - take one, if there is one. */
static inline bool bucket_take(struct bucket *b, uint64_t now_ns)
{
	const uint64_t step_ns = 1000000000u / b->per_s;
	const uint64_t more = (now_ns - b->filled_ns) / step_ns;

	b->filled_ns += more * step_ns;
	b->left = more > b->burst - b->left ? b->burst : b->left + (uint32_t)more;
	if (!b->left)
		return false;
	b->left--;
	return true;
}

#endif
