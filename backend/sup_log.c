// SPDX-License-Identifier: GPL-2.0-only
/*
 * The supervisor's messages; see sup_log.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sup_log.h"
#include "sup_loop.h"

static enum log_level max_level = LOG_LEVEL_INFO;
static int with_prefix;

void log_setup(enum log_level level, int journal)
{
	max_level = level;
	with_prefix = journal;
}

void log_rate_init(struct log_rate *rate)
{
	rate->suppressed = 0;
	bucket_init(&rate->bucket, LOG_BURST, LOG_PER_S, loop_now_ns());
}

void log_clean(char *text)
{
	char *c;

	for (c = text; *c; c++) {
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '?';
	}
}

/* --- the last lines, for `xengpu log` ---------------------------------------------------------- */

#define LINE_BYTES	400u

static char kept[LOG_KEPT][LINE_BYTES];
static uint64_t n_kept;			/* ever */

static void keep_line(const char *text)
{
	const time_t now = time(NULL);
	char *line = kept[n_kept++ % LOG_KEPT];
	struct tm tm;
	size_t n;

	localtime_r(&now, &tm);
	n = strftime(line, LINE_BYTES, "%Y-%m-%dT%H:%M:%S%z ", &tm);
	snprintf(line + n, LINE_BYTES - n, "%s", text);
}

char *log_recent(void)
{
	const uint64_t first = n_kept > LOG_KEPT ? n_kept - LOG_KEPT : 0;
	char *text = calloc(LOG_KEPT + 1, LINE_BYTES + 1), *at = text;
	uint64_t i;

	for (i = first; text && i < n_kept; i++)
		at += sprintf(at, "%s%s", i > first ? "\n" : "", kept[i % LOG_KEPT]);
	return text;
}

/* --- writing ----------------------------------------------------------------------------------- */

static void put_line(enum log_level level, char *text)
{
	/* A guest's text may be in here: nothing that a terminal would obey, no line of its own. */
	log_clean(text);
	keep_line(text);
	if (with_prefix)
		fprintf(stderr, "<%d>%s\n", level, text);
	else
		fprintf(stderr, "xengpud: %s\n", text);
}

static int may_log(struct log_rate *rate, enum log_level level)
{
	char text[80];

	if (!bucket_take(&rate->bucket, loop_now_ns())) {
		rate->suppressed++;
		return 0;
	}
	if (rate->suppressed) {
		snprintf(text, sizeof(text), "%u messages about one guest suppressed",
			 rate->suppressed);
		rate->suppressed = 0;
		put_line(level, text);
	}
	return 1;
}

void log_line(enum log_level level, struct log_rate *rate, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (level > max_level || (rate && !may_log(rate, level)))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put_line(level, text);
}
