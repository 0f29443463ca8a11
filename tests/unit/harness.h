/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The unit tests' harness. A test file holds TEST(suite, name) { ... } blocks and links with
 * harness.c, which has main(). Every case runs in a process of its own, with a time-out, and fails
 * when it leaves a descriptor open, a child behind or, under AddressSanitizer, memory allocated.
 * Output is TAP. A binary runs all its cases, or those named by its arguments ("suite/name" or
 * "suite"); --list prints their names.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <stdbool.h>
#include <stdio.h>

struct harness_case {
	const char *suite;
	const char *name;
	void (*run)(void);
	struct harness_case *next;
};

/* harness_add() - called by TEST() before main(). */
void harness_add(struct harness_case *c);

/* harness_fail() - end this case as failed. */
void harness_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));

/* harness_skip() - end this case as skipped, with the reason. */
void harness_skip(const char *reason) __attribute__((noreturn));

/* harness_timeout_s() - give this case more than the usual 20 seconds. */
void harness_timeout_s(unsigned int seconds);

/*
 * harness_leaks() - whether this process has memory allocated that nothing points to; what it is goes
 * to standard error. Known under AddressSanitizer only, else false.
 */
bool harness_leaks(void);

#define TEST(suite_, name_)									\
	static void test_##suite_##_##name_(void);						\
	static struct harness_case case_##suite_##_##name_ = {					\
		.suite = #suite_, .name = #name_, .run = test_##suite_##_##name_ };		\
	__attribute__((constructor)) static void add_##suite_##_##name_(void)			\
	{											\
		harness_add(&case_##suite_##_##name_);						\
	}											\
	static void test_##suite_##_##name_(void)

#define CHECK(expr)										\
	do {											\
		if (!(expr))									\
			harness_fail(__FILE__, __LINE__, "%s", #expr);				\
	} while (0)

#define CHECK_EQ(a, b)										\
	do {											\
		long long a_ = (long long)(a), b_ = (long long)(b);				\
												\
		if (a_ != b_)									\
			harness_fail(__FILE__, __LINE__, "%s == %s: %lld, %lld", #a, #b, a_, b_); \
	} while (0)

#define SKIP(reason)	harness_skip(reason)

#endif
