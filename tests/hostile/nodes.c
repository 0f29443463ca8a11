// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nodes of xenstore: a session's that make no sense, the device's in no order, hidden, and gone.
 * A session is refused with words that name the node; a device comes back when its frontend does.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hostile.h"

/* --- a session's ------------------------------------------------------------------------------ */

static const struct bad_node {
	const char *node, *value;	/* NULL: removed */
	const char *words;
} bad_nodes[] = {
	{ "ring-page-order", NULL, "ring-page-order is missing" },
	{ "ring-page-order", "", "ring-page-order is not a decimal number" },
	{ "ring-page-order", "-1", "ring-page-order is not a decimal number" },
	{ "ring-page-order", "0x1", "ring-page-order is not a decimal number" },
	{ "ring-page-order", "1 ", "ring-page-order is not a decimal number" },
	{ "ring-page-order", "5", "the maximum is 4" },
	{ "ring-page-order", "31", "the maximum is 4" },
	{ "ring-page-order", "32", "the maximum is 4" },
	{ "ring-page-order", "4294967295", "the maximum is 4" },
	{ "ring-page-order", "4294967296", "not a decimal number" },
	{ "ring-page-order", "4", "ring-ref1 is missing" },
	{ "ring-ref0", NULL, "ring-ref0 is missing" },
	{ "ring-ref0", "0", "not a grant reference" },
	{ "ring-ref0", "-5", "not a grant reference" },
	{ "ring-ref0", "4294967296", "not a grant reference" },
	{ "ring-ref0", "99999999999999999999999999999999999999", "not a grant reference" },
	{ "ring-ref0", "8\n", "not a grant reference" },
	{ "ring-ref0", "%s%n%s%n", "not a grant reference" },
	{ "ring-ref0", "16777000", "" },		/* on Xen it is the worker that finds it */
	{ "ring-ref0", "4294967295", "" },
	{ "event-channel", NULL, "event-channel is missing" },
	{ "event-channel", "0", "not a port" },
	{ "event-channel", "-1", "not a port" },
	{ "event-channel", "4294967295", "cannot be bound" },
	{ "event-channel", "131072", "cannot be bound" },
};

static void refused(const struct bad_node *bad, unsigned int n)
{
	char what[64];
	struct sess s;

	snprintf(what, sizeof(what), "%s=%.20s", bad->node, bad->value ? bad->value : "(none)");
	sess_prepare(&s, host.session, 0);
	/* Asked for at the end, when all of them are there. */
	xst_printf(host.xst, XST_NO_TX, node(s.front, "ring-page-order"), "0");
	xst_printf(host.xst, XST_NO_TX, node(s.front, "ring-ref0"), "%u", s.ring_share->refs[0]);
	xst_printf(host.xst, XST_NO_TX, node(s.front, "event-channel"), "%u", s.port);
	if (bad->value)
		xst_write(host.xst, XST_NO_TX, node(s.front, "%s", bad->node), bad->value);
	else
		xst_rm(host.xst, XST_NO_TX, node(s.front, "%s", bad->node));
	xst_write(host.xst, XST_NO_TX, node(s.front, "state"), n % 2 ? "4" : "3");
	if (!await_state(s.back, 6, WAIT_MS)) {
		wrong("%s: not refused (state %u)", what, read_state(s.back));
	} else {
		sess_ended(&s);
		if (!s.why[0] || !strstr(s.why, bad->words))
			wrong("%s: refused with \"%s\", not \"%s\"", what, s.why, bad->words);
	}
	sess_close(&s);
}

static void session_nodes(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(bad_nodes) / sizeof(bad_nodes[0]); i++)
		refused(&bad_nodes[i], i);
	say("%u nodes", i);
}

/* One page for all of a ring is a ring of one page's memory; harm to whoever asked for it. */
static void ring_refs(void)
{
	struct gnt_share *other;
	unsigned int i;
	struct sess s;

	/* The same page sixteen times. */
	sess_prepare(&s, host.session, 2);
	for (i = 0; i < 4; i++)
		s.ring_share->refs[i] = s.ring_share->refs[0];
	sess_nodes(&s);
	if (!await_state(s.back, 4, WAIT_MS))
		say("a ring of one page four times is refused");
	else
		evt_notify(s.evt);
	sess_close(&s);
	/* Pages that the backend may not write. */
	sess_prepare(&s, host.session, 0);
	xst_printf(host.xst, XST_NO_TX, node(s.front, "ring-page-order"), "0");
	xst_printf(host.xst, XST_NO_TX, node(s.front, "ring-ref0"), "%u", s.dir->refs[0]);
	xst_printf(host.xst, XST_NO_TX, node(s.front, "event-channel"), "%u", s.port);
	xst_write(host.xst, XST_NO_TX, node(s.front, "state"), "3");
	if (!await_state(s.back, 6, WAIT_MS))
		wrong("a ring that may not be written is taken (state %u)", read_state(s.back));
	sess_close(&s);
	/* Two sessions, one ring; the second finds its event channel bound. */
	if (host.limits.max_sessions > 1) {
		struct sess second;

		sess_open(&s);
		sess_prepare(&second, host.session - 1, s.order);
		other = second.ring_share;
		second.ring_share = s.ring_share;
		i = second.port;
		second.port = s.port;
		sess_nodes(&second);
		if (!await_state(second.back, 6, WAIT_MS))
			wrong("two sessions share an event channel");
		second.ring_share = other;
		second.port = i;
		sess_close(&second);
		sess_close(&s);
	}
}

static void session_numbers(void)
{
	static const char *const names[] = {
		"session-", "session--1", "session-01", "session-4294967296", "session-1x",
		"session-99999999999999999999", "session-4095", "session-1000", "session-64",
		"session-255", "session-256", "Session-1", "session-1-1", "session-0x1",
	};
	unsigned int i;
	struct sess s;

	sess_prepare(&s, host.session, 0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(s.front, sizeof(s.front), "%s/%s", host.front, names[i]);
		sess_nodes(&s);
	}
	sleep_us(200000);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(s.back, sizeof(s.back), "%s/%s", host.back, names[i]);
		if (read_state(s.back) == 4)
			wrong("%s is opened", names[i]);
		xst_rm(host.xst, XST_NO_TX, node(host.front, "%s", names[i]));
		if (!await_state(s.back, 0, WAIT_MS))
			wrong("the backend keeps the nodes of %s", names[i]);
	}
	snprintf(s.front, sizeof(s.front), "%s/session-%u", host.front, s.index);
	snprintf(s.back, sizeof(s.back), "%s/session-%u", host.back, s.index);
	sess_close(&s);
}

/* Nobody may read them: as good as gone, and nothing to wait for. */
static void hidden(void)
{
	const uint16_t self = host.limits.domid;
	struct sess s;

	sess_open(&s);
	xst_set_perms(host.xst, XST_NO_TX, node(s.front, "state"), self, self);
	xst_write(host.xst, XST_NO_TX, node(s.front, "state"), "5");
	sleep_us(300000);
	say("a session whose state is hidden: state %u", read_state(s.back));
	xst_rm(host.xst, XST_NO_TX, s.front);
	if (!await_state(s.back, 0, WAIT_MS))
		wrong("a session whose nodes were hidden, then removed, is not ended");
	sess_close(&s);
	/* And one that asks with nodes that cannot be read. */
	sess_prepare(&s, host.session, 0);
	sess_nodes(&s);
	xst_set_perms(host.xst, XST_NO_TX, node(s.front, "ring-ref0"), self, self);
	xst_set_perms(host.xst, XST_NO_TX, s.front, self, self);
	xst_write(host.xst, XST_NO_TX, node(s.front, "state"), "3");
	sleep_us(300000);
	sess_close(&s);
}

/* --- the device's ----------------------------------------------------------------------------- */

static void connect_again(const char *after)
{
	char why[FE_TEXT_BYTES];

	fe_device_close(host.dev);
	host.dev = NULL;
	if (host_connect(why))
		die("after %s the device does not connect: %s", after, why);
}

/* Any state, number or not, at any moment, with a session open on it. */
static void device_states(void)
{
	static const char *const states[] = {
		"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "255", "-1", "", "x", "4 ",
		"99999999999999999999", "1", "3", "4", "3", "4",
	};
	struct sess s;
	uint32_t n;

	sess_prepare(&s, host.session, 0);
	for (n = 0; time_left(); n++) {
		xst_write(host.xst, XST_NO_TX, node(host.front, "state"),
			  states[rnd(sizeof(states) / sizeof(states[0]))]);
		if (!rnd(3))
			sess_nodes(&s);
		if (!rnd(20))
			xst_write(host.xst, XST_NO_TX, node(host.front, "version"),
				  states[rnd(sizeof(states) / sizeof(states[0]))]);
		if (rnd(3))
			sleep_us(rnd(20000));
	}
	say("%u states", n);
	xst_rm(host.xst, XST_NO_TX, s.front);
	xst_write(host.xst, XST_NO_TX, node(host.front, "state"), "6");
	connect_again("states in no order");
	sess_close(&s);
}

/*
 * All of it, under an open session; a guest may remove what is in its own home. To make it again is
 * the toolstack's.
 */
static void device_removed(void)
{
	struct sess s;

	sess_open(&s);
	if (!sess_scene(&s))
		die("no scene: %s", s.why);
	host.no_device_left = true;
	if (xst_rm(host.xst, XST_NO_TX, host.front))
		die("%s cannot be removed", host.front);
	if (!await_state(s.back, 0, WAIT_MS))
		wrong("a session of a device that is gone is not ended (state %u)",
		      read_state(s.back));
	if (!await_state(host.back, 6, WAIT_MS))
		wrong("the backend of a device that is gone is in state %u", read_state(host.back));
	/* Once more, with the directory made again by the guest, who may not do that. */
	xst_write(host.xst, XST_NO_TX, node(host.front, "state"), "1");
	sess_nodes(&s);
	sleep_us(100000);
	if (read_state(s.back) == 4)
		wrong("a session is opened on a device that is not connected");
	xst_rm(host.xst, XST_NO_TX, host.front);
	sess_close(&s);
}

/* Until xenstore has enough of it. */
static void quota(void)
{
	uint32_t n, i;
	int err = 0;

	for (n = 0; n < 3000 && !err; n++)
		err = xst_write(host.xst, XST_NO_TX, node(host.front, "full-%u", n), "");
	say("%u nodes, then: %s", n, err ? strerror(-err) : "no end");
	/* Watched by nobody of ours, but below what is: the device still has to be told apart. */
	for (i = 0; i < n; i++)
		xst_rm(host.xst, XST_NO_TX, node(host.front, "full-%u", i));
}

const struct hostile_case cases_nodes[] = {
	{ "session-nodes", "a session's nodes that make no sense, each refused by its name",
	  session_nodes },
	{ "ring-refs", "a ring of one page, of pages to be read only, of another session",
	  ring_refs },
	{ "session-numbers", "sessions whose numbers are none", session_numbers },
	{ "hidden", "nodes that the backend may not read", hidden },
	{ "device-states", "the device's state in no order", device_states },
	{ "device-removed", "the device's whole directory removed under a session",
	  device_removed },
	{ "quota", "as many nodes as xenstore allows", quota },
	{ 0 },
};
