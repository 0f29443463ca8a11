// SPDX-License-Identifier: GPL-2.0-only
/* Parts of the worker that can be tested alone: its tables and its messages. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "wrk_log.h"
#include "wrk_table.h"

TEST(worker_table, all_of_it)
{
	static struct wrk_node nodes[3000];
	struct wrk_table table;
	struct wrk_node *node;
	uint32_t i, n;

	CHECK_EQ(wrk_table_init(&table, 100), 0);
	CHECK(!wrk_table_find(&table, 1));
	CHECK(!wrk_table_pop(&table));
	/* More than there are buckets, ids with nothing in their lower bits. */
	for (i = 0; i < 3000; i++) {
		nodes[i].id = i << 20 | i >> 12;
		wrk_table_add(&table, &nodes[i]);
	}
	CHECK_EQ(table.count, 3000);
	for (i = 0; i < 3000; i++)
		CHECK(wrk_table_find(&table, nodes[i].id) == &nodes[i]);
	CHECK(!wrk_table_find(&table, 0xffffffff));
	for (i = 0; i < 3000; i += 2)
		wrk_table_del(&table, &nodes[i]);
	for (i = 0; i < 3000; i++)
		CHECK(!wrk_table_find(&table, nodes[i].id) == !(i & 1));
	for (n = 0; (node = wrk_table_pop(&table)); n++) {
		CHECK(((node - nodes) & 1) || node == &nodes[0]);
		/* One more while it is being emptied. */
		if (n == 700)
			wrk_table_add(&table, &nodes[0]);
	}
	CHECK_EQ(n, 1501);
	CHECK_EQ(table.count, 0);
	wrk_table_fini(&table);
	wrk_table_fini(&table);
}

/* What comes out on stderr, as one text. */
static size_t capture(void (*log)(void), char *text, size_t bytes)
{
	int saved = dup(STDERR_FILENO), fds[2];
	ssize_t n;

	CHECK(!pipe(fds));
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	log();
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = read(fds[0], text, bytes - 1);
	close(fds[0]);
	CHECK(n >= 0);
	text[n] = '\0';
	return (size_t)n;
}

static void log_evil(void)
{
	wrk_log_name(3, 0, 12);
	wrk_log("name \"%s\" \\ \x1b[31m\x07\xff", "tab\there");
	wrk_log("first line\nsecond line");
}

TEST(worker_log, escaped)
{
	char text[4096];

	capture(log_evil, text, sizeof(text));
	CHECK(!strcmp(text,
		      "xengpu-worker[3/0/12]: name \"tab\\x09here\" \\x5c \\x1b[31m\\x07\\xff\n"
		      "xengpu-worker[3/0/12]: first line\n"));
}

static void log_much(void)
{
	char longest[2000];
	unsigned int i;

	memset(longest, 1, sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	wrk_log("%s", longest);
	for (i = 0; i < 1000; i++)
		wrk_log("line %u", i);
}

TEST(worker_log, limited)
{
	static char text[16384];
	unsigned int lines = 0;
	const char *p;

	capture(log_much, text, sizeof(text));
	for (p = text; *p; p++)
		lines += *p == '\n';
	CHECK(lines >= 20 && lines <= 22);
	CHECK(strlen(text) < 4096);
}
