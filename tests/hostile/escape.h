/* SPDX-License-Identifier: GPL-2.0-only */
/* The ways out that a worker tries (escape_ways.c), for who cages it and looks (escape.c). */
#ifndef TESTS_ESCAPE_H
#define TESTS_ESCAPE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What an attempt works with. Descriptors are -1 where there are none. */
struct escape_means {
	pid_t victim;			/* another worker */
	int fd;				/* a device that was opened before, or /dev/null */
};

/* 0, it worked; or the error it got. */
typedef int (*escape_fn)(const struct escape_means *m);

enum { WORKS, FAILS, KILLED, NOT_SEEN };	/* the last: as the kernel likes, not looked at */

#define ANY_ROOT	1u	/* outside it works for root only */
#define ON_XEN		2u	/* outside it works on Xen only */
#define NOT_OUTSIDE	4u	/* ... nowhere, or not as it is here */
#define WITH_GNTDEV	8u	/* is given this descriptor */
#define WITH_EVTCHN	16u	/* ... restricted to domain 1, as xengpud's are */
#define THREAD		32u	/* by a thread that was there before the cage was closed */
#define CODE		64u	/* in a cage for a renderer that makes machine code */

struct escape_way {
	const char *name;
	escape_fn fn;
	int walls, full;
	uint32_t flags;
	const char *what;
};

extern const struct escape_way escape_ways[];
extern const size_t escape_n_ways;

#endif
