/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to metrics: which member of xengpud's answer is which metric.
 */
#ifndef CONFIG_METRICS_TABLE_H
#define CONFIG_METRICS_TABLE_H

#include <stddef.h>

#include "metrics.h"

enum metrics_type {
	METRICS_GAUGE,
	METRICS_COUNTER,
	METRICS_INFO,				/* 1, with texts as labels */
};

enum metrics_scale {
	METRICS_AS_IT_IS,
	METRICS_NANOSECONDS,
	METRICS_MICROSECONDS,
	METRICS_MEBIBYTES,
	METRICS_PAGES,
	METRICS_PERCENT,
	METRICS_PERMILLE,
	METRICS_TRUTH,
	METRICS_IS_CONNECTED,			/* a text */
	METRICS_LENGTH,				/* of a list */
	METRICS_ONE,
};

/* Lines of one name stand together: they are one metric with several labels. */
struct metrics_row {
	const char *name;		/* without _total, _info */
	const char *unit;		/* the name's end; NULL: none */
	enum metrics_type type;
	const char *in;			/* an object of the answer; NULL, the answer itself */
	const char *member;
	enum metrics_scale scale;
	const char *label;		/* beside those that say whose: NAME="VALUE"; NULL, none */
	const char *help;
};

/* Of the host, and of each vgpu. */
extern const struct metrics_row metrics_host[];
extern const size_t metrics_n_host;
extern const struct metrics_row metrics_vgpu[];
extern const size_t metrics_n_vgpu;

#endif
