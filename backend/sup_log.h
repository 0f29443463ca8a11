/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The supervisor's messages: to stderr, which is the journal or a terminal, with a level the
 * journal understands ("<4>", sd-daemon(3)). What a guest can provoke goes through a rate limit of
 * that guest's own; control characters never pass.
 */
#ifndef BACKEND_SUP_LOG_H
#define BACKEND_SUP_LOG_H

#include <stdarg.h>
#include <stdint.h>

#include "sup_bucket.h"

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* One guest's share of the log. */
#define LOG_BURST	60u
#define LOG_PER_S	4u
struct log_rate {
	struct bucket bucket;
	uint32_t suppressed;
};

/* log_setup() - the least important level shown, and whether lines begin with "<N>". */
void log_setup(enum log_level level, int journal);

/* log_recent() - the last LOG_KEPT lines, each with its time; to be freed. NULL without memory. */
#define LOG_KEPT	200u
char *log_recent(void);

/* log_clean() - make a text that a guest or a worker wrote fit for a terminal and for xenstore. */
void log_clean(char *text);

/* log_rate_init() - a full bucket. */
void log_rate_init(struct log_rate *rate);

/*
 * log_line() - one line.
 * @rate: NULL for what no guest can provoke.
 */
void log_line(enum log_level level, struct log_rate *rate, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_error(...)		log_line(LOG_LEVEL_ERROR, NULL, __VA_ARGS__)
#define log_warning(...)	log_line(LOG_LEVEL_WARNING, NULL, __VA_ARGS__)
#define log_info(...)		log_line(LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define log_debug(...)		log_line(LOG_LEVEL_DEBUG, NULL, __VA_ARGS__)

#endif
