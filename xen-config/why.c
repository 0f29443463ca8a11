// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is wrong, in a sentence; see why.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "why.h"

__attribute__((format(printf, 3, 0)))
static int set_at(char *why, size_t used, const char *fmt, va_list ap)
{
	char *c;

	vsnprintf(why + used, WHY_BYTES - used, fmt, ap);
	/* It quotes a file that anybody may have written, and is shown on a terminal. */
	for (c = why + used; *c; c++) {
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '?';
	}
	return -EINVAL;
}

int why_set(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_at(why, 0, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

int why_add(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_at(why, strlen(why), fmt, ap);
	va_end(ap);
	return -EINVAL;
}
