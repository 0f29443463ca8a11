/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scripted session, run again and again with another call failing in each. In make check as many
 * as fit into some seconds, spread evenly over all calls and always the same ones; XENGPU_FAULT_ALL=1
 * runs every one, XENGPU_FAULT_AT=N the N-th alone.
 */
#ifndef TESTS_FAULT_RUNS_H
#define TESTS_FAULT_RUNS_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"
#include "harness.h"

#define FAULT_SECONDS	12
#define FAULT_ALL_SECONDS	3600u

static struct fault *fault_of;		/* shared with the program that is tested */
static int fault_fd;
static char fault_path[64];

/* fault_open() - a file for FAULT_ENV. */
static inline void fault_open(void)
{
	fault_fd = memfd_create("fault", MFD_CLOEXEC);
	CHECK(fault_fd >= 0 && !ftruncate(fault_fd, sizeof(*fault_of)));
	fault_of = mmap(NULL, sizeof(*fault_of), PROT_READ | PROT_WRITE, MAP_SHARED, fault_fd, 0);
	CHECK(fault_of != MAP_FAILED);
	snprintf(fault_path, sizeof(fault_path), "/proc/%d/fd/%d", (int)getpid(), fault_fd);
}

static inline void fault_close(void)
{
	munmap(fault_of, sizeof(*fault_of));
	close(fault_fd);
}

static inline double fault_now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static inline uint32_t fault_gcd(uint32_t a, uint32_t b)
{
	return b ? fault_gcd(b, a % b) : a;
}

/*
 * fault_runs() - @run once without a fault, then with others. It gets what went wrong into a text
 * and returns whether all was as it has to be.
 */
static inline void fault_runs(bool (*run)(char *why, size_t bytes))
{
	const char *one = getenv("XENGPU_FAULT_AT"), *all = getenv("XENGPU_FAULT_ALL");
	uint32_t n_calls, stride, i, at = 0, n = 0, n_fired = 0, n_bad = 0;
	const double end_s = fault_now_s() + FAULT_SECONDS;
	char why[400], bad[2000] = "";

	harness_timeout_s(all ? FAULT_ALL_SECONDS : 300);
	memset(fault_of, 0, sizeof(*fault_of));
	if (!run(why, sizeof(why)))
		harness_fail(__FILE__, __LINE__, "without a fault: %s", why);
	n_calls = fault_of->calls;
	CHECK(n_calls);
	/* About two fifths of all further each time: neighbours come last. */
	for (stride = n_calls * 2 / 5 + 1; fault_gcd(stride, n_calls) != 1; stride++)
		;
	for (i = 0; i < n_calls && (all || one || !n || fault_now_s() < end_s); i++) {
		at = one ? (uint32_t)atoi(one) : at % n_calls + stride > n_calls ?
		     at % n_calls + stride - n_calls : at % n_calls + stride;
		memset(fault_of, 0, sizeof(*fault_of));
		fault_of->at = at;
		n++;
		if (!run(why, sizeof(why))) {
			n_bad++;
			snprintf(bad + strlen(bad), sizeof(bad) - strlen(bad), "%s%u %s(%s): %s",
				 bad[0] ? "; " : "", at, fault_of->what, fault_of->where, why);
			if (all)
				fprintf(stderr, "# %u %s(%s): %s\n", at, fault_of->what,
					fault_of->where, why);
		}
		n_fired += fault_of->fired;
		if (one)
			break;
	}
	printf("# %u of %u calls made to fail, %u of them did, %u badly\n", n, n_calls, n_fired, n_bad);
	fflush(stdout);
	if (n_bad)
		harness_fail(__FILE__, __LINE__, "%u bad: %s", n_bad, bad);
	CHECK(n_fired);
}

#endif
