/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making one call fail. fault.c is linked with -Wl,--wrap (FAULT_CALLS in the Makefile), so it stands
 * between our own code, and nobody else's, and what allocates, maps, opens, sends, forks. Calls are
 * counted in memory that the test shares with the program; the one whose number is "at" fails.
 */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* Names a file with a struct fault; without it nothing is counted and nothing fails. */
#define FAULT_ENV	"XENGPU_FAULT"

struct fault {
	uint32_t at;			/* 0: none */
	uint32_t calls;			/* so far, also by children before they execute something */
	uint32_t fired;
	int32_t live;			/* allocations of ours that are not freed */
	char what[32];			/* that failed */
	char where[96];			/* ... the callers, for addr2line */
	bool one_thread;		/* count only where fault_here is set */
};

/* fault_use() - in this process, from now on; NULL, no more. */
void fault_use(struct fault *fault);

extern _Thread_local bool fault_here;

#endif
