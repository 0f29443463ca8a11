// SPDX-License-Identifier: GPL-2.0-only
/* The harness's words for a fuzz target: a check that fails aborts; see fuzz.h. */
#include <stdarg.h>

#include "fuzz.h"

void harness_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}
