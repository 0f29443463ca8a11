// SPDX-License-Identifier: GPL-2.0-only
/*
 * The screen of xengpu top. The signals that end it come only while it waits, so the terminal is put
 * back by the program itself and never by a handler that caught it half way through drawing.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <curses.h>

#include "xengpu_top_view.h"

#define KEY_ESCAPE	27
#define SHIFT		8		/* characters, by an arrow key */
#define FIRST_S		0.5		/* nobody wants to wait for the first numbers */

static volatile sig_atomic_t end_signal;

static void on_end_signal(int sig)
{
	end_signal = sig;
}

static const int end_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
#define N_END_SIGNALS	(sizeof(end_signals) / sizeof(end_signals[0]))

/* Keys that sort, beside s, which goes through all columns. */
static const struct {
	int key;
	enum top_column column;
} sort_keys[] = {
	{ 'N', TOP_NAME }, { 'I', TOP_ID }, { 'T', TOP_STATE }, { 'G', TOP_GPU },
	{ 'S', TOP_SHARE }, { 'E', TOP_ENTITLED }, { 'F', TOP_FPS }, { 'U', TOP_SUBMITS },
	{ 'Q', TOP_QUEUE }, { 'P', TOP_P50 }, { 'L', TOP_P99 }, { 'H', TOP_HELD },
	{ 'M', TOP_MEMORY }, { 'X', TOP_LIMITS },
};
_Static_assert(sizeof(sort_keys) / sizeof(sort_keys[0]) == TOP_N_COLUMNS, "a column has no key");

/* --- numbers --------------------------------------------------------------------------------- */

/* Returns whether there is memory; an xengpud that does not answer is told of on the screen. */
static bool measure(struct top_view *s)
{
	struct sample *now;
	struct top *top;

	if (cmd_try_sample(NULL, &now, s->error))
		return true;
	s->error[0] = '\0';
	if (top_compute(s->now, now, &top)) {
		sample_free(now);
		return false;
	}
	top_sort(top, s->o->column, s->o->reverse);
	top_free(s->top);
	sample_free(s->now);
	s->now = now;
	s->top = top;
	return true;
}

/* --- keys ------------------------------------------------------------------------------------ */

static void on_typed(struct top_view *s, int key)
{
	const size_t len = strlen(s->typed);

	if (key == KEY_ESCAPE) {
		s->asking = false;
	} else if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		s->asking = false;
		if (*s->typed && !top_parse_delay(s->typed, &s->o->delay_s))
			beep();
	} else if (key == KEY_BACKSPACE || key == 127 || key == 8) {
		if (len)
			s->typed[len - 1] = '\0';
	} else if (((key >= '0' && key <= '9') || key == '.') && len + 1 < sizeof(s->typed)) {
		s->typed[len] = (char)key;
		s->typed[len + 1] = '\0';
	}
}

static void sort_by(struct top_view *s, enum top_column column)
{
	s->o->column = column;
	top_sort(s->top, column, s->o->reverse);
}

/* Returns whether numbers are wanted at once. */
static bool on_command(struct top_view *s, int key)
{
	size_t i;

	switch (key) {
	case 'q':
	case KEY_ESCAPE:
		s->ended = true;
		break;
	case 's':
		sort_by(s, (s->o->column + 1) % TOP_N_COLUMNS);
		break;
	case 'r':
		s->o->reverse = !s->o->reverse;
		sort_by(s, s->o->column);
		break;
	case 'n':
		s->o->sessions = !s->o->sessions;
		break;
	case 'd':
		s->asking = true;
		s->typed[0] = '\0';
		break;
	case 'h':
	case '?':
		s->help = true;
		break;
	case KEY_UP:
		if (s->first_line)
			s->first_line--;
		break;
	case KEY_DOWN:
		s->first_line++;
		break;
	case KEY_LEFT:
		s->right -= s->right < SHIFT ? s->right : SHIFT;
		break;
	case KEY_RIGHT:
		s->right += SHIFT;
		break;
	case ' ':
		return true;
	default:
		for (i = 0; i < TOP_N_COLUMNS; i++) {
			if (sort_keys[i].key == key)
				sort_by(s, sort_keys[i].column);
		}
	}
	return false;
}

static bool on_key(struct top_view *s, int key)
{
	if (key == KEY_RESIZE)
		return false;
	if (s->help) {
		s->help = false;
		return false;
	}
	if (s->asking) {
		on_typed(s, key);
		return false;
	}
	return on_command(s, key);
}

/* --- the loop -------------------------------------------------------------------------------- */

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Wait for a key or for the next numbers' time. Returns whether numbers are wanted before it. */
static bool wait_for_keys(struct top_view *s, double until_s)
{
	const double left = fmax(until_s - now_s(), 0);
	const struct timespec ts = { .tv_sec = (time_t)left,
				     .tv_nsec = (long)((left - floor(left)) * 1e9) };
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	bool at_once = false;
	int n, key;

	n = ppoll(&pfd, 1, &ts, &s->while_waiting);
	/* The terminal is gone. */
	if (n > 0 && pfd.revents & (POLLHUP | POLLERR | POLLNVAL))
		s->ended = true;
	while (!s->ended && (key = getch()) != ERR)
		at_once |= on_key(s, key);
	return at_once;
}

static int loop(struct top_view *s)
{
	double last = now_s(), next;
	uint32_t i = 0;

	while (!s->ended && !end_signal) {
		top_draw(s);
		next = last + (s->top->interval_s > 0 ? s->o->delay_s : fmin(FIRST_S, s->o->delay_s));
		if (!wait_for_keys(s, next) && now_s() < next)
			continue;
		if (s->ended || end_signal)
			break;
		if (!measure(s))
			return -ENOMEM;
		last = now_s();
		if (s->o->iterations && ++i >= s->o->iterations) {
			top_draw(s);
			break;
		}
	}
	return 0;
}

/* Blocked but while it waits; for ncurses' own handlers, of SIGWINCH and SIGTSTP, too. */
static void take_signals(struct top_view *s)
{
	struct sigaction sa = { .sa_handler = on_end_signal };
	sigset_t block;
	size_t i;

	sigemptyset(&block);
	sigaddset(&block, SIGWINCH);
	sigaddset(&block, SIGTSTP);
	for (i = 0; i < N_END_SIGNALS; i++) {
		sigaddset(&block, end_signals[i]);
		sigaction(end_signals[i], &sa, NULL);
	}
	sigprocmask(SIG_BLOCK, &block, &s->while_waiting);
}

static void die_as_asked(const struct top_view *s)
{
	signal(end_signal, SIG_DFL);
	sigprocmask(SIG_SETMASK, &s->while_waiting, NULL);
	raise(end_signal);
}

int top_screen(struct top_options *o, struct sample *first)
{
	struct top_view s = { .o = o, .now = first };
	SCREEN *terminal;
	int err;

	if (top_compute(NULL, first, &s.top)) {
		sample_free(first);
		return cmd_error("no memory");
	}
	top_sort(s.top, o->column, o->reverse);
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal) {
		top_free(s.top);
		sample_free(first);
		return cmd_error("this terminal, TERM=%.40s, is not known: xengpu top -b",
				 getenv("TERM") ? getenv("TERM") : "");
	}
	take_signals(&s);
	set_escdelay(25);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	err = loop(&s);
	endwin();
	delscreen(terminal);
	top_free(s.top);
	sample_free(s.now);
	if (err)
		return cmd_error("no memory");
	if (end_signal)
		die_as_asked(&s);
	return CMD_OK;
}
