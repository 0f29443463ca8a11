// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shell's completion knows what the command knows.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "option.h"
#include "top.h"

#define FILE_NAME	"xen-config/xengpu.bash-completion"

/* What is offered for a line that ends at the cursor, each reply in brackets. */
static void complete(const char *line, char *text, size_t bytes)
{
	char command[1024];
	FILE *shell;
	size_t n;

	snprintf(command, sizeof(command),
		 "exec bash --norc -c 'source " FILE_NAME "; xl() { "
		 "printf \"Name ID\\nDomain-0 0\\nweb 1\\nwiki 2\\nw\\$(echo;echo,was,run) 3\\n\"; }; COMP_LINE=\"$0\"; "
		 "COMP_POINT=${#0}; _xengpu; printf \"[%%s]\" \"${COMPREPLY[@]}\"' '%s'", line);
	shell = popen(command, "re");
	CHECK(shell);
	n = fread(text, 1, bytes - 1, shell);
	text[n] = '\0';
	CHECK_EQ(pclose(shell), 0);
}

static void check(const char *line, const char *want)
{
	char text[4096];

	complete(line, text, sizeof(text));
	if (strcmp(text, want))
		harness_fail(__FILE__, __LINE__, "'%s' offers '%s', not '%s'", line, text, want);
}

static void need_bash(void)
{
	if (access(FILE_NAME, R_OK))
		SKIP("not in the source tree");
	if (access("/bin/bash", X_OK))
		SKIP("no bash");
}

TEST(config_completion, words)
{
	need_bash();
	check("xengpu a", "[attach ][allow ]");
	check("xengpu -N de", "[detach ]");
	check("xengpu --d", "[--dry-run ]");
	check("xengpu info we", "[web ]");
	check("xengpu attach ", "[web ][wiki ]");
	check("xengpu attach --no-s", "[--no-save ]");
	check("xengpu attach --timeout=3 web we", "[weight=]");
	check("xengpu attach web gpu=s", "[soft]");
	check("xengpu attach web weight=3,c", "[3,cap=][3,contexts=]");
	check("xengpu attach web cap=3,weight=4,c", "[4,contexts=]");
	check("xengpu attach web backend=w", "[web][wiki]");
	check("xengpu log ", "[]");
	check("xengpu sc", "[sched ]");
	check("xengpu sched --w", "[--weight=]");
	check("xengpu sched --no", "[--no-save ]");
	check("xengpu sched -d w", "[web ][wiki ]");
	check("xengpu sched -w 512 --domain we", "[web ]");
	check("xengpu sched -s -p f", "[fixed-share ]");
	check("xengpu sched -s p", "[policy=]");
	check("xengpu sched -w ", "[]");
	check("xengpu top -b -s p", "[p50 ][p99 ]");
	check("xengpu top ", "[]");
	check("xengpu stats --pr", "[--prometheus ][--prometheus=]");
	check("xengpu stats --prometheus=xen-config/grafana-d", "[xen-config/grafana-dashboard.json]");
}

/* Every subcommand that --help has, and every option that is in its line there. */
TEST(config_completion, all_of_help)
{
	char line[512], typed[64], word[64], text[4096], want[72], sub[32] = "", *c;
	size_t n, words = 0;
	FILE *help;

	need_bash();
	help = popen("${B:-build}/bin/xengpu --help", "re");
	CHECK(help);
	while (fgets(line, sizeof(line), help) && strncmp(line, "Keys", 4)) {
		if (!strncmp(line, "  xengpu ", 9)) {
			n = strcspn(line + 9, " \n");
			CHECK(n < sizeof(sub));
			memcpy(sub, line + 9, n);
			sub[n] = '\0';
			complete("xengpu ", text, sizeof(text));
			snprintf(want, sizeof(want), "[%s ]", sub);
			CHECK(strstr(text, want));
			words++;
		} else if (strncmp(line, "               ", 15)) {
			continue;
		}
		for (c = line; *sub && (c = strchr(c, '-')); c += n) {
			n = strspn(c, "-abcdefghijklmnopqrstuvwxyz_");
			if (c[-1] != '[' && c[-1] != ' ')
				continue;
			snprintf(word, sizeof(word), "%.*s%s", (int)n, c, c[n] == '=' ? "=" : " ");
			snprintf(typed, sizeof(typed), "xengpu %s -", sub);
			complete(typed, text, sizeof(text));
			snprintf(want, sizeof(want), "[%s]", word);
			if (!strstr(text, want))
				harness_fail(__FILE__, __LINE__, "'%s' does not offer '%s': %s",
					     typed, word, text);
			words++;
		}
	}
	CHECK_EQ(pclose(help), 0);
	CHECK(words > 20);
}

TEST(config_completion, all_columns)
{
	char text[4096], want[64];
	enum top_column c;

	need_bash();
	complete("xengpu top --sort ", text, sizeof(text));
	for (c = 0; c < TOP_N_COLUMNS; c++) {
		snprintf(want, sizeof(want), "[%s ]", top_column_name(c));
		CHECK(strstr(text, want));
	}
}

TEST(config_completion, all_keys)
{
	char text[4096], want[64];
	size_t i;

	need_bash();
	complete("xengpu attach web ", text, sizeof(text));
	for (i = 0; i < OPTION_N_KEYS; i++) {
		snprintf(want, sizeof(want), "[%s=]", option_key_name((enum option_key)i));
		CHECK(strstr(text, want));
	}
}
