/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * xengpud's answer to "stats" as metrics for Prometheus and its kin.
 *
 * There are two texts. OpenMetrics 1.0 is what a scraper asks for over HTTP; the older one is what
 * node_exporter's textfile collector takes, which looks for a counter's type under the name with
 * _total, and would have "unknown" for all counters of the other. Names of samples are the same.
 */
#ifndef CONFIG_METRICS_H
#define CONFIG_METRICS_H

#include <stdio.h>

#include <json-c/json.h>

#include "why.h"

enum metrics_format {
	METRICS_OPENMETRICS,
	METRICS_PROMETHEUS,
};

/*
 * metrics_print() - all metrics of an answer.
 * @answer: NULL, there is none: the one metric that says so.
 * @out:    whether it took them is the caller's to check; nothing is written on failure.
 * Returns 0; -EINVAL, @why names the member that is missing.
 */
int metrics_print(struct json_object *answer, enum metrics_format format, FILE *out, char *why);

/*
 * metrics_write() - the same into a file, whole or not at all, which everybody may read.
 * @path: a file there is replaced; the new one is made beside it.
 * Returns as above; or -errno, with @why.
 */
int metrics_write(struct json_object *answer, enum metrics_format format, const char *path,
		  char *why);

#endif
