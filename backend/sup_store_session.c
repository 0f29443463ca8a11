// SPDX-License-Identifier: GPL-2.0-only
/*
 * The session directories in xenstore, on both sides.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "paths.h"
#include "sup.h"

struct each {
	struct sup_device *dev;
	void (*fn)(struct sup_device *dev, uint32_t index);
};

static int each_front(const char *name, void *arg)
{
	struct each *each = arg;
	uint32_t index;

	/* Numbers out of range are looked at too: they get an answer. */
	if (paths_parse_session(name, SUP_MAX_SESSIONS, &index))
		each->fn(each->dev, index);
	return 0;
}

void store_sessions(struct sup_device *dev, void (*fn)(struct sup_device *dev, uint32_t index))
{
	struct each each = { .dev = dev, .fn = fn };

	xst_list(dev->sup->xst, XST_NO_TX, paths_front(dev->dom->domid, dev->devid, NULL).s,
		 each_front, &each);
}

/* What xenstore could not be asked about counts as there: it is looked at once more, later. */
static bool front_exists(struct sup_device *dev, uint32_t index)
{
	char value[8];
	int err = xst_read(dev->sup->xst, XST_NO_TX,
			   paths_front_session(dev->dom->domid, dev->devid, index, NULL).s, value,
			   sizeof(value));

	return err >= 0 || err == -E2BIG || xst_is_trouble(err);
}

static int each_stale(const char *name, void *arg)
{
	struct each *each = arg;
	struct sup_device *dev = each->dev;
	uint32_t index;

	if (!paths_parse_session(name, UINT32_MAX, &index))
		return 0;
	if (index < SUP_MAX_SESSIONS && front_exists(dev, index))
		each->fn(dev, index);
	else
		xst_rm(dev->sup->xst, XST_NO_TX,
		       paths_back_session(dev->sup->domid, dev->dom->domid, dev->devid, index,
					  NULL).s);
	return 0;
}

void store_session_stale(struct sup_device *dev, void (*fn)(struct sup_device *dev, uint32_t index))
{
	struct each each = { .dev = dev, .fn = fn };

	xst_list(dev->sup->xst, XST_NO_TX,
		 paths_back(dev->sup->domid, dev->dom->domid, dev->devid, NULL).s, each_stale,
		 &each);
}

static int read_number(struct sup_session *s, const char *node, uint32_t *out)
{
	return xst_read_u32(
		s->dev->sup->xst, XST_NO_TX,
		paths_front_session(s->dev->dom->domid, s->dev->devid, s->index, node).s, out);
}

/* What could not be read is not called missing, nor wrong. Returns as store_session_params(). */
static int cannot_read(const char *node, int err, char *why)
{
	if (!xst_is_trouble(err))
		return -EINVAL;
	snprintf(why, CTL_MAX_TEXT, "%s cannot be read: %s", node, strerror(-err));
	return err;
}

static int check_order(struct sup_session *s, uint32_t *order, char *why)
{
	const uint32_t max = s->dev->sup->cfg.max_ring_order;
	int err = read_number(s, VGPUIF_NODE_RING_PAGE_ORDER, order);

	if (err)
		snprintf(why, CTL_MAX_TEXT, "%s is %s", VGPUIF_NODE_RING_PAGE_ORDER,
			 err == -ENOENT ? "missing" : "not a decimal number");
	else if (*order > max)
		snprintf(why, CTL_MAX_TEXT, "%s %u is out of range: the maximum is %u",
			 VGPUIF_NODE_RING_PAGE_ORDER, *order, max);
	else
		return 0;
	return cannot_read(VGPUIF_NODE_RING_PAGE_ORDER, err, why);
}

int store_session_params(struct sup_session *s, char *why)
{
	uint32_t refs[1u << VGPUIF_MAX_RING_PAGE_ORDER] = { 0 };
	uint32_t order, port, i;
	char node[24];
	int err;

	err = check_order(s, &order, why);
	if (err)
		return err;
	for (i = 0; i < 1u << order; i++) {
		snprintf(node, sizeof(node), VGPUIF_NODE_RING_REF "%u", i);
		err = read_number(s, node, &refs[i]);
		if (err || !refs[i]) {
			snprintf(why, CTL_MAX_TEXT, "%s is missing or not a grant reference: "
				 "%s %u needs %u of them", node, VGPUIF_NODE_RING_PAGE_ORDER, order,
				 1u << order);
			return cannot_read(node, err, why);
		}
	}
	err = read_number(s, VGPUIF_NODE_EVENT_CHANNEL, &port);
	if (err || !port) {
		snprintf(why, CTL_MAX_TEXT, "%s is missing or not a port",
			 VGPUIF_NODE_EVENT_CHANNEL);
		return cannot_read(VGPUIF_NODE_EVENT_CHANNEL, err, why);
	}
	s->order = order;
	memcpy(s->refs, refs, sizeof(refs));
	s->port = port;
	return 0;
}

/*
 * Whether the nodes are no longer those that the session was opened with: 1, 0, or -errno as
 * xst_is_trouble().
 */
static int differs(struct sup_session *s)
{
	struct sup_session now = { .dev = s->dev, .index = s->index };
	char why[CTL_MAX_TEXT];
	int err;

	if (s->order == UINT32_MAX)
		return 0;
	err = store_session_params(&now, why);
	if (err)
		return xst_is_trouble(err) ? err : 0;
	return now.order != s->order || now.port != s->port ||
	       memcmp(now.refs, s->refs, sizeof(s->refs));
}

/* The frontend asks: is that the request we know, or has the directory been made anew? */
static enum ses_event asks(struct sup_session *s)
{
	const bool closed = s->state == SES_CLOSED;
	int other = 0;

	if (closed && s->renewed)
		return SES_EV_FE_RENEWED;
	if (closed || (s->renewed && s->state != SES_IDLE))
		other = differs(s);
	if (other < 0)
		return SES_N_EVENTS;
	if (closed)
		return other ? SES_EV_FE_RENEWED : SES_EV_FE_ASK;
	s->renewed = false;
	return other ? SES_EV_FE_GONE : SES_EV_FE_ASK;
}

enum ses_event store_session_event(struct sup_session *s)
{
	const struct path node = paths_front_session(s->dev->dom->domid, s->dev->devid, s->index,
						     "state");
	enum xenbus_state state = XenbusStateUnknown;
	int err = xenbus_read_state(s->dev->sup->xst, XST_NO_TX, node.s, &state);

	/* A program's session does not end for that; it is looked at once more, later. */
	if (xst_is_trouble(err))
		return SES_N_EVENTS;
	if (err == -ENOENT || err == -EACCES)
		return front_exists(s->dev, s->index) ? SES_EV_FE_IDLE : SES_EV_FE_GONE;
	switch (state) {
	case XenbusStateInitialised:
	case XenbusStateConnected:
		return asks(s);
	case XenbusStateClosing:
	case XenbusStateClosed:
		return SES_EV_FE_CLOSE;
	default:
		return SES_EV_FE_IDLE;
	}
}

struct session_state {
	struct sup_session *s;
	enum xenbus_state state;
	const char *error;
};

static int session_state_tx(struct xst *xst, xst_tx tx, void *arg)
{
	const struct session_state *st = arg;
	struct sup_device *dev = st->s->dev;
	const uint16_t b = dev->sup->domid, g = dev->dom->domid, n = dev->devid;
	const struct path error = paths_back_session(b, g, n, st->s->index, VGPUIF_NODE_ERROR);
	char state[16];
	int err;

	err = xst_read(xst, tx, paths_back(b, g, n, "state").s, state, sizeof(state));
	if (err < 0)
		return err;
	err = st->error ? xst_write(xst, tx, error.s, st->error) : xst_rm(xst, tx, error.s);
	if (err)
		return err;
	return xst_printf(xst, tx, paths_back_session(b, g, n, st->s->index, "state").s, "%d",
			  st->state);
}

void store_session_state(struct sup_session *s, enum xenbus_state state, const char *error)
{
	struct session_state st = { .s = s, .state = state, .error = error };
	int err = xenbus_transaction(s->dev->sup->xst, session_state_tx, &st);

	if (err && err != -ENOENT)
		log_line(LOG_LEVEL_ERROR, &s->dev->dom->rate,
			 "domain %u vgpu %u session %u: cannot write its state: %s",
			 s->dev->dom->domid, s->dev->devid, s->index, strerror(-err));
}

void store_session_remove(struct sup_session *s)
{
	struct sup_device *dev = s->dev;

	xst_rm(dev->sup->xst, XST_NO_TX,
	       paths_back_session(dev->sup->domid, dev->dom->domid, dev->devid, s->index, NULL).s);
}
