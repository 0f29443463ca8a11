// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu top: what guests do with the GPU, again and again, in the manner of xentop. This file has
 * the command line and what goes into a file (-b); the screen is in xengpu_top_screen.c.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "xengpu_top.h"

bool top_parse_delay(const char *text, double *seconds)
{
	char *end;
	double value;

	if (!*text || strspn(text, "0123456789.") != strlen(text))
		return false;
	value = strtod(text, &end);
	if (*end || !(value >= TOP_MIN_DELAY_S && value <= TOP_MAX_DELAY_S))
		return false;
	*seconds = value;
	return true;
}

static int set_column(struct top_options *o, const char *text)
{
	enum top_column c;

	o->column = top_column_find(text);
	if (o->column < TOP_N_COLUMNS)
		return CMD_OK;
	fprintf(stderr, "xengpu: no column '%.40s'; there are", text);
	for (c = 0; c < TOP_N_COLUMNS; c++)
		fprintf(stderr, "%s %s", c ? "," : "", top_column_name(c));
	fputc('\n', stderr);
	return CMD_USAGE;
}

static int parse_one(struct top_options *o, int c)
{
	switch (c) {
	case 'd':
		if (top_parse_delay(optarg, &o->delay_s))
			return CMD_OK;
		cmd_error("the delay must be %.1f..%.0f seconds, not '%.40s'", TOP_MIN_DELAY_S,
			  TOP_MAX_DELAY_S, optarg);
		return CMD_USAGE;
	case 'i':
		if (!xenbus_parse_u32(optarg, &o->iterations) && o->iterations)
			return CMD_OK;
		cmd_error("iterations must be 1..%u, not '%.40s'", UINT32_MAX, optarg);
		return CMD_USAGE;
	case 's':
		return set_column(o, optarg);
	case 'r':
		o->reverse = true;
		return CMD_OK;
	case 'n':
		o->sessions = true;
		return CMD_OK;
	case 'b':
		o->batch = true;
		return CMD_OK;
	case 'j':
		o->json = true;
		return CMD_OK;
	default:
		return CMD_USAGE;
	}
}

static int parse_options(int argc, char **argv, struct top_options *o)
{
	static const struct option longopts[] = {
		{ "delay", required_argument, NULL, 'd' },
		{ "iterations", required_argument, NULL, 'i' },
		{ "sort", required_argument, NULL, 's' },
		{ "reverse", no_argument, NULL, 'r' },
		{ "sessions", no_argument, NULL, 'n' },
		{ "batch", no_argument, NULL, 'b' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	int c, status;

	*o = (struct top_options){ .delay_s = 3, .column = TOP_GPU };
	while ((c = getopt_long(argc, argv, "d:i:s:rnb", longopts, NULL)) != -1) {
		status = parse_one(o, c);
		if (status)
			return status;
	}
	if (o->json && !o->batch) {
		cmd_error("--json is for -b");
		return CMD_USAGE;
	}
	return optind < argc ? CMD_USAGE : CMD_OK;
}

static void print_line(const struct top_row *row, double when)
{
	char line[TOP_LINE_BYTES];

	top_line(row, TOP_WIDE_NAME, line);
	printf("%.3f %s\n", when, line);
}

static int print(const struct top_options *o, const struct sample *now, const struct top *top)
{
	struct timespec ts;
	double when;
	char *text;
	size_t i, j;

	if (o->json) {
		text = top_json(now, top, o->sessions);
		if (!text)
			return cmd_error("no memory");
		puts(text);
		free(text);
	} else {
		clock_gettime(CLOCK_REALTIME, &ts);
		when = (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
		for (i = 0; i < top->n; i++) {
			print_line(&top->row[i], when);
			for (j = 0; o->sessions && j < top->row[i].n_sessions; j++)
				print_line(&top->row[i].session[j], when);
		}
	}
	if (fflush(stdout))
		return cmd_error("cannot write: %s", strerror(errno));
	return CMD_OK;
}

static void sleep_until(struct timespec *next, double delay_s)
{
	const double whole = floor(delay_s);

	next->tv_sec += (time_t)whole;
	next->tv_nsec += (long)((delay_s - whole) * 1e9);
	if (next->tv_nsec >= 1000000000) {
		next->tv_nsec -= 1000000000;
		next->tv_sec++;
	}
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL) == EINTR)
		;
}

/* An xengpud that is started anew answers again soon: what counts is how it ended. */
static int batch(const struct top_options *o, struct sample *before)
{
	char heading[TOP_LINE_BYTES];
	struct timespec next;
	struct sample *now;
	struct top *top;
	int status = CMD_OK;
	uint32_t i;

	clock_gettime(CLOCK_MONOTONIC, &next);
	top_heading(heading, TOP_WIDE_NAME);
	if (!o->json)
		printf("%-14s %s\n", "TIME", heading);
	for (i = 0; !o->iterations || i < o->iterations; i++) {
		sleep_until(&next, o->delay_s);
		status = cmd_sample(NULL, &now);
		if (status)
			continue;
		if (top_compute(before, now, &top)) {
			sample_free(now);
			status = cmd_error("no memory");
			break;
		}
		top_sort(top, o->column, o->reverse);
		status = print(o, now, top);
		top_free(top);
		sample_free(before);
		before = now;
		if (status)
			break;
	}
	sample_free(before);
	return status;
}

int xengpu_top(struct cmd *cmd, int argc, char **argv)
{
	struct top_options o;
	struct sample *first;
	int status;

	(void)cmd;
	status = parse_options(argc, argv, &o);
	if (status)
		return status;
	if (!o.batch && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		return cmd_error("this is no terminal: for lines in a file or a pipe, xengpu top -b");
	status = cmd_sample(NULL, &first);
	if (status)
		return status;
	return o.batch ? batch(&o, first) : top_screen(&o, first);
}
