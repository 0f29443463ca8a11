// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xenbus states and strict parsing; see xenbus.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "xenbus.h"

static const char *const state_names[] = {
	[XenbusStateUnknown] = "Unknown",
	[XenbusStateInitialising] = "Initialising",
	[XenbusStateInitWait] = "InitWait",
	[XenbusStateInitialised] = "Initialised",
	[XenbusStateConnected] = "Connected",
	[XenbusStateClosing] = "Closing",
	[XenbusStateClosed] = "Closed",
	[XenbusStateReconfiguring] = "Reconfiguring",
	[XenbusStateReconfigured] = "Reconfigured",
};

#define N_STATES	(sizeof(state_names) / sizeof(state_names[0]))

const char *xenbus_state_name(unsigned int state)
{
	return state < N_STATES ? state_names[state] : state_names[XenbusStateUnknown];
}

static int parse_bounded(const char *text, uint32_t max, uint32_t *out)
{
	uint64_t value = 0;
	const char *c;

	if (!*text || (text[0] == '0' && text[1]))
		return -EINVAL;
	for (c = text; *c; c++) {
		if (*c < '0' || *c > '9')
			return -EINVAL;
		value = value * 10 + (uint64_t)(*c - '0');
		if (value > max)
			return -EINVAL;
	}
	*out = (uint32_t)value;
	return 0;
}

int xenbus_parse_u32(const char *text, uint32_t *out)
{
	return parse_bounded(text, UINT32_MAX, out);
}

int xenbus_parse_u16(const char *text, uint16_t *out)
{
	uint32_t value;
	int err = parse_bounded(text, UINT16_MAX, &value);

	if (!err)
		*out = (uint16_t)value;
	return err;
}

int xenbus_read_state(struct xst *xst, xst_tx tx, const char *path, enum xenbus_state *out)
{
	uint32_t untrusted_state;
	int err;

	err = xst_read_u32(xst, tx, path, &untrusted_state);
	if (err)
		return err;
	if (untrusted_state >= N_STATES)
		return -EINVAL;
	*out = (enum xenbus_state)untrusted_state;
	return 0;
}

/* For lack of memory, descriptors or buffers, of which there may be enough a moment later. */
static bool is_shortage(int err)
{
	return err == -ENOMEM || err == -EMFILE || err == -ENFILE || err == -ENOBUFS;
}

static int transaction(struct xst *xst, int (*fn)(struct xst *xst, xst_tx tx, void *arg), void *arg)
{
	xst_tx tx;
	int err = xst_tx_begin(xst, &tx);

	if (err)
		return err;
	err = fn(xst, tx, arg);
	if (err) {
		xst_tx_end(xst, tx, false);
		return err;
	}
	return xst_tx_end(xst, tx, true);
}

int xenbus_transaction(struct xst *xst, int (*fn)(struct xst *xst, xst_tx tx, void *arg), void *arg)
{
	unsigned int i, shortages = 0;
	int err;

	for (i = 0; i < XENBUS_MAX_TRIES; i++) {
		err = transaction(xst, fn, arg);
		/* The caller has no way to come back to what it could not write. */
		if (is_shortage(err) && ++shortages < XENBUS_MAX_SHORTAGES)
			continue;
		if (err != -EAGAIN)
			return err;
	}
	return -EAGAIN;
}

struct switch_state {
	const char *path;
	enum xenbus_state state;
};

static int switch_state_tx(struct xst *xst, xst_tx tx, void *arg)
{
	const struct switch_state *sw = arg;
	char value[16];
	int err;

	err = xst_read(xst, tx, sw->path, value, sizeof(value));
	if (err < 0 && err != -E2BIG)
		return err;
	return xst_printf(xst, tx, sw->path, "%d", sw->state);
}

int xenbus_switch_state(struct xst *xst, const char *state_path, enum xenbus_state state)
{
	struct switch_state sw = { .path = state_path, .state = state };

	return xenbus_transaction(xst, switch_state_tx, &sw);
}

bool xenbus_list_has(const char *list, uint32_t value)
{
	char want[16];
	size_t len = (size_t)snprintf(want, sizeof(want), "%u", value);
	const char *c = list;

	for (;;) {
		if (!strncmp(c, want, len) && (c[len] == ',' || !c[len]))
			return true;
		c = strchr(c, ',');
		if (!c)
			return false;
		c++;
	}
}
