/* SPDX-License-Identifier: GPL-2.0-only */
/* Chance for both kinds of harm: repeatable, and good from any seed. */
#ifndef TESTS_SPLITMIX64_H
#define TESTS_SPLITMIX64_H

#include <stdint.h>

/* The next of 64 bits. Source: Steele, Lea, Flood, OOPSLA 2014. */
static inline uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

#endif
