// SPDX-License-Identifier: GPL-2.0-only
/*
 * What xengpu top draws: three lines about the GPU, one for messages, the table; or the help.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <curses.h>

#include "xengpu_top_view.h"

#define HEAD_LINES	4		/* above the table's heading */
#define LIMITS_WIDTH	32		/* the last column is as wide as its words */

/* No more than fits, and nothing of what was there. */
static void put(int y, attr_t attributes, const char *text)
{
	if (y >= LINES)
		return;
	attrset(attributes);
	mvaddnstr(y, 0, text, COLS);
	if ((int)strlen(text) < COLS)
		clrtoeol();
	attrset(A_NORMAL);
}

static void draw_head(const struct top_view *s)
{
	const struct sample_sched *p = &s->now->sched;
	char line[1024], now_is[SAMPLE_TEXT_BYTES + SAMPLE_WORD_BYTES + 8] = "";
	char uptime[32], clock_text[16];
	time_t now = time(NULL);
	size_t i, sessions = 0;

	for (i = 0; i < s->top->n; i++)
		sessions += s->top->row[i].n_sessions;
	top_uptime(s->now->uptime_s, uptime);
	strftime(clock_text, sizeof(clock_text), "%H:%M:%S", localtime(&now));
	snprintf(line, sizeof(line), "xengpu top - %s  xengpud up %s, domain %u  %zu vgpu%s, %zu "
		 "session%s", clock_text, uptime, s->now->domid, s->top->n,
		 s->top->n == 1 ? "" : "s", sessions, sessions == 1 ? "" : "s");
	put(0, A_NORMAL, line);
	if (strcmp(p->policy, p->effective))
		snprintf(now_is, sizeof(now_is), " (%s%s%s)", p->effective, p->reason[0] ? ": " : "",
			 p->reason);
	snprintf(line, sizeof(line), "GPU %s  policy %s%s  clock %s  capacity %u", s->now->renderer,
		 p->policy, now_is, p->clock, p->capacity);
	put(1, A_NORMAL, line);
	snprintf(line, sizeof(line), "GPU %.1f %% used, %.1f %% contended   every %g s, by %s%s   "
		 "h: help", s->top->gpu_percent, s->top->contended_percent, s->o->delay_s,
		 top_column_name(s->o->column), s->o->reverse ? ", reversed" : "");
	put(2, A_NORMAL, line);
}

/* Returns where somebody types, if that is wanted. */
static int draw_message(const struct top_view *s)
{
	char line[1024];

	if (s->asking) {
		snprintf(line, sizeof(line), "delay in seconds, %.1f to %.0f: %s", TOP_MIN_DELAY_S,
			 TOP_MAX_DELAY_S, s->typed);
		put(3, A_BOLD, line);
		return (int)strlen(line);
	}
	put(3, A_BOLD, s->error[0] ? s->error : s->now->error[0] ? s->now->error :
	    s->top->interval_s <= 0 ? "measuring" :
	    s->top->restarted ? "xengpud was started anew" : "");
	return 0;
}

static void draw_help(void)
{
	static const char *const help[] = {
		"q, Esc   quit",
		"s        sort by the next column",
		"r        reverse the order",
		"d        change the delay",
		"n        vgpus only, or with their sessions",
		"arrows   scroll",
		"space    now",
		"",
		"N name  I id  T state  G gpu  S share  E entitled  F fps  U submits",
		"Q queue  P p50  L p99  H held  M memory  X limits: sort by that",
		"",
		"GPU%    of what the GPU can do; SHARE% of what it did, ENT% what weights entitle to",
		"FPS     frames (fences), SUB/s submits, QUEUE frames that the GPU has not done",
		"P50ms   half the frames of the interval took no longer; P99ms, 99 of 100",
		"HELD%   sessions waited for their turn",
		"LIMITS  how often a limit was met in the interval, and which",
		"",
		"any key goes back",
	};
	size_t i;

	for (i = 0; i < sizeof(help) / sizeof(help[0]); i++)
		put((int)i, A_NORMAL, help[i]);
	move((int)i, 0);
	clrtobot();
}

/* What is further right, for a terminal that is narrow; the names stay. */
static void shift(char *line, size_t by)
{
	const size_t len = strlen(line), from = TOP_NAME_WIDTH + by;

	if (from < len)
		memmove(line + TOP_NAME_WIDTH, line + from, len - from + 1);
	else
		line[TOP_NAME_WIDTH] = '\0';
}

static void draw_table(struct top_view *s)
{
	char line[TOP_LINE_BYTES];
	const struct top_row *row;
	size_t i, j, width, n = 0;
	int y = HEAD_LINES + 1;

	top_heading(line, TOP_NAME_WIDTH);
	width = strlen(line) + LIMITS_WIDTH;
	if (s->right + (size_t)COLS > width)
		s->right = width > (size_t)COLS ? width - (size_t)COLS : 0;
	shift(line, s->right);
	while (strlen(line) < TOP_LINE_BYTES - 1 && (int)strlen(line) < COLS)
		strcat(line, " ");
	put(HEAD_LINES, A_REVERSE, line);
	for (i = 0; i < s->top->n; i++) {
		row = &s->top->row[i];
		for (j = 0; j <= (s->o->sessions ? row->n_sessions : 0); j++) {
			if (n++ < s->first_line || y >= LINES)
				continue;
			top_line(j ? &row->session[j - 1] : row, TOP_NAME_WIDTH, line);
			shift(line, s->right);
			put(y++, !strcmp(row->state, "banned") ? A_BOLD : A_NORMAL, line);
		}
	}
	/* Guests may have gone while somebody looked at the last ones. */
	if (s->first_line && s->first_line >= n)
		s->first_line = n ? n - 1 : 0;
	if (y < LINES) {
		move(y, 0);
		clrtobot();
	}
}

void top_draw(struct top_view *s)
{
	int typed = 0;

	if (s->help) {
		draw_help();
	} else {
		draw_head(s);
		typed = draw_message(s);
		draw_table(s);
	}
	move(typed ? 3 : LINES - 1, typed < COLS ? typed : COLS - 1);
	refresh();
}
