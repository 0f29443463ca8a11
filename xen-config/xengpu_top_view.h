/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to the screen of xengpu top: what is on it.
 */
#ifndef CONFIG_XENGPU_TOP_VIEW_H
#define CONFIG_XENGPU_TOP_VIEW_H

#include <signal.h>

#include "xengpu_top.h"

struct top_view {
	struct top_options *o;
	struct sample *now;
	struct top *top;
	char error[WHY_BYTES];		/* why there is no newer answer; "" */
	bool help;
	bool asking;			/* for a delay */
	char typed[16];
	size_t first_line;		/* of the table, that is on the screen */
	size_t right;			/* characters of the table, behind the names, not shown */
	bool ended;
	sigset_t while_waiting;
};

/* top_draw() - all of it; first_line and right are made to fit. */
void top_draw(struct top_view *s);

#endif
