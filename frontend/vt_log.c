// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log: lines on standard error, each written at once, with who says it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vt.h"

static char prefix[64] = "xengpu-vtest";

void vt_log_init(const char *text)
{
	snprintf(prefix, sizeof(prefix), "%s", text);
}

void vt_log(const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	n = snprintf(line, sizeof(line), "%s[%d]: ", prefix, (int)getpid());
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	strcat(line, "\n");
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		return;		/* nobody left to tell */
}
