// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostile - run cases of a frontend that means harm.
 *
 *	hostile --list                              names of all cases, and what each does
 *	hostile CASE... [--seed N] [--seconds S] [--session I]
 *
 * Ends with 0 when everything that this guest could see was as it must be: each request answered,
 * or the session ended with words that fit, and afterwards a new session of this guest draws
 * (unless the case took its own device away). The seed is printed, and makes the case the same
 * again, apart from who wins its races.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"

static const struct hostile_case *const tables[] = {
	cases_answers, cases_fields, cases_indices, cases_races, cases_directories,
	cases_lifetimes, cases_floods, cases_nodes, cases_streams, cases_resources,
};

#define N_TABLES	(sizeof(tables) / sizeof(tables[0]))

static const struct hostile_case *find(const char *name)
{
	const struct hostile_case *c;
	size_t i;

	for (i = 0; i < N_TABLES; i++)
		for (c = tables[i]; c->name; c++)
			if (!strcmp(c->name, name))
				return c;
	return NULL;
}

static void list(void)
{
	const struct hostile_case *c;
	size_t i;

	for (i = 0; i < N_TABLES; i++)
		for (c = tables[i]; c->name; c++)
			printf("%-20s %s\n", c->name, c->what);
}

__attribute__((noreturn))
static void usage(void)
{
	fputs("usage: hostile --list | CASE... [--seed N] [--seconds S] [--session I]\n", stderr);
	exit(2);
}

/* The whole text must be a number. */
static uint64_t number(const char *text)
{
	uint64_t value;
	char *end;

	if (!text || !*text)
		usage();
	value = strtoull(text, &end, 0);
	if (*end)
		usage();
	return value;
}

/* @i: the first argument behind the cases. */
static void parse(int argc, char **argv, int i)
{
	host.seed = (uint64_t)time(NULL) * 1000003u + (uint64_t)getpid();
	host.seconds = 1;
	host.session = UINT32_MAX;	/* the last one, where xengpu-vtest comes last */
	for (; i < argc; i += 2) {
		if (!strcmp(argv[i], "--seed")) {
			host.seed = number(argv[i + 1]);
		} else if (!strcmp(argv[i], "--seconds")) {
			host.seconds = (unsigned int)number(argv[i + 1]);
			host.bounded = true;
		} else if (!strcmp(argv[i], "--session")) {
			host.session = (uint32_t)number(argv[i + 1]);
		} else {
			usage();
		}
	}
}

/* Whatever was done: this guest is served again. */
static void check_served(void)
{
	struct sess s;

	sess_open(&s);
	if (!sess_scene(&s) || !sess_draws(&s))
		wrong("a new session does not draw: %s", s.why);
	sess_close(&s);
}

static void run(const struct hostile_case *c)
{
	const unsigned int died = host.n_died;

	printf("hostile %s --seed %llu\n", c->name, (unsigned long long)host.seed);
	host.end_ns = time_share(1000);
	c->run();
	if (host.n_died > died)
		say("%s: %u workers died of it", c->name, host.n_died - died);
}

int main(int argc, char **argv)
{
	int i, n;

	if (argc < 2)
		usage();
	if (!strcmp(argv[1], "--list")) {
		list();
		return 0;
	}
	for (n = 1; n < argc && strncmp(argv[n], "--", 2); n++) {
		if (find(argv[n]))
			continue;
		fprintf(stderr, "hostile: no case is called %s; see --list\n", argv[n]);
		return 2;
	}
	if (n == 1)
		usage();
	parse(argc, argv, n);
	setvbuf(stdout, NULL, _IOLBF, 0);
	host_open();
	for (i = 1; i < n; i++)
		run(find(argv[i]));
	if (!host.no_device_left)
		check_served();
	host_close();
	return host.n_wrong ? 1 : 0;
}
