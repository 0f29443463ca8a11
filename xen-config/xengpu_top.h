/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to xengpu top.
 */
#ifndef CONFIG_XENGPU_TOP_H
#define CONFIG_XENGPU_TOP_H

#include "top.h"
#include "xengpu_cmd.h"

#define TOP_MIN_DELAY_S	0.1
#define TOP_MAX_DELAY_S	3600.0
#define TOP_LINE_BYTES	512u
#define TOP_NAME_WIDTH	16		/* on a screen */
#define TOP_WIDE_NAME	33		/* elsewhere, as in xl's lists */

struct top_options {
	double delay_s;
	uint32_t iterations;		/* 0: until it is ended */
	enum top_column column;
	bool reverse;
	bool sessions;
	bool batch;
	bool json;
};

/* --- xengpu_top.c ---------------------------------------------------------------------------- */

/* top_parse_delay() - seconds. Returns whether it is some within the above. */
bool top_parse_delay(const char *text, double *seconds);

/* --- xengpu_top_text.c ----------------------------------------------------------------------- */

/* top_heading(), top_line() - into TOP_LINE_BYTES octets; words without spaces in them, so that the
 * columns can be told apart. */
void top_heading(char *text, int name_width);
void top_line(const struct top_row *row, int name_width, char *text);

/* top_uptime() - "3 days, 04:05:06" into 32 octets. */
void top_uptime(uint64_t seconds, char *text);

/* top_json() - an interval in one line, to be freed; NULL without memory. */
char *top_json(const struct sample *now, const struct top *top, bool sessions);

/* --- xengpu_top_screen.c --------------------------------------------------------------------- */

/*
 * top_screen() - show it on the terminal until somebody has seen enough.
 * @first: the answer to begin with; it is released.
 * Returns CMD_OK, or CMD_FAILED and has said why. A signal that ends it is sent again afterwards.
 */
int top_screen(struct top_options *o, struct sample *first);

#endif
