// SPDX-License-Identifier: GPL-2.0-only
/*
 * A session: its ring, event channel and nodes, from opening to the point where every page is ours
 * alone again. The answers and requests themselves are in fe_ring.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xenbus.h>

#include "fe_priv.h"

/*
 * 4 pages, 128 requests in flight. More were never seen to be of use, and every page is a node in
 * xenstore: 1000 are all that a guest has, and each costs a round trip when a program starts.
 */
#define RING_PAGE_ORDER		2u

void fe_session_lose(struct fe_session *s, const char *fmt, ...)
{
	va_list ap;

	if (s->lost)
		return;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	s->lost = true;
}

static int share_ring(struct fe_session *s, unsigned int order, uint32_t *port, char *why)
{
	int err;

	err = fe_buf_share(s, 1u << order, true, &s->ring_share, why);
	if (err)
		return err;
	ring_front_init(&s->ring, s->ring_share->addr, order);
	err = evt_alloc(s->dev->plat, s->dev->limits.backend_domid, &s->evt, port);
	if (err)
		return fe_explain(why, err, "no event channel: %s%s", strerror(-err),
				  err == -ENODEV ? " (is the module xen_evtchn loaded?)" : "");
	err = gnt_share_notify_on_loss(s->ring_share, VGPUIF_LIVE_OFFSET, s->evt);
	if (err)
		return fe_explain(why, err, "the ring's liveness cannot be arranged: %s",
				  strerror(-err));
	return 0;
}

static int write_nodes(struct fe_session *s, unsigned int order, uint32_t port, char *why)
{
	struct xst *xst = s->dev->xst;
	char path[FE_PATH_BYTES], name[32];
	uint32_t i;
	int err;

	s->nodes = true;
	fe_path(path, "%s/" VGPUIF_NODE_RING_PAGE_ORDER, s->front);
	err = xst_printf(xst, XST_NO_TX, path, "%u", order);
	for (i = 0; !err && i < s->ring_share->n_pages; i++) {
		snprintf(name, sizeof(name), VGPUIF_NODE_RING_REF "%u", i);
		err = xst_printf(xst, XST_NO_TX, fe_path(path, "%s/%s", s->front, name), "%u",
				 s->ring_share->refs[i]);
	}
	if (!err)
		err = xst_printf(xst, XST_NO_TX,
				 fe_path(path, "%s/" VGPUIF_NODE_EVENT_CHANNEL, s->front), "%u",
				 port);
	/* The backend looks at the others when it sees this one. */
	if (!err)
		err = xst_printf(xst, XST_NO_TX, fe_path(path, "%s/state", s->front), "%d",
				 XenbusStateInitialised);
	return err ? fe_explain(why, err, "xenstore: %s cannot be written: %s", path,
				strerror(-err)) : 0;
}

static int await_backend(struct fe_session *s, uint64_t deadline_ns, char *why)
{
	struct fe_device *dev = s->dev;
	char path[FE_PATH_BYTES], text[FE_TEXT_BYTES / 2];
	uint32_t state;

	for (;;) {
		if (xst_read_u32(dev->xst, XST_NO_TX, fe_path(path, "%s/state", s->back), &state))
			state = 0;
		if (state == XenbusStateConnected)
			return 0;
		if (state == XenbusStateClosing || state == XenbusStateClosed) {
			s->released = state == XenbusStateClosed;
			if (!fe_dev_backend_error(dev, s->back, text, sizeof(text)))
				snprintf(text, sizeof(text), "nothing about why");
			return fe_explain(why, -ECONNREFUSED, "the backend refused a session and "
					  "says: %s", text);
		}
		if (fe_dev_backend_error(dev, dev->back, text, sizeof(text)))
			return fe_explain(why, -ECONNREFUSED, "the backend says: %s", text);
		if (fe_dev_wait(dev, deadline_ns))
			return fe_explain(why, -ETIMEDOUT, "the backend did not open the session "
					  "in time: is xengpud in domain %u well?",
					  dev->limits.backend_domid);
	}
}

static void free_session(struct fe_session *s)
{
	/* The page before the event channel it signals. */
	fe_buf_unshare(s, s->ring_share);
	evt_close(s->evt);
	LIST_REMOVE(s, link);
	free(s);
}

int fe_session_open(struct fe_device *dev, uint32_t index, unsigned int timeout_ms,
		    fe_lost_fn lost, void *arg, struct fe_session **out, char *why)
{
	const uint64_t deadline_ns = fe_now_ns() + (uint64_t)timeout_ms * 1000000u;
	unsigned int order = dev->limits.max_ring_page_order;
	struct fe_session *s;
	uint32_t port = 0;
	int err;

	if (index >= dev->limits.max_sessions)
		return fe_explain(why, -EINVAL, "the backend serves %u sessions of a guest",
				  dev->limits.max_sessions);
	s = calloc(1, sizeof(*s));
	if (!s)
		return fe_explain(why, -ENOMEM, "out of memory");
	s->dev = dev;
	s->index = index;
	s->on_lost = lost;
	s->on_lost_arg = arg;
	s->next_buffer_id = 1;
	LIST_INIT(&s->buffers);
	fe_table_init(&s->table);
	fe_path(s->front, "%s/" VGPUIF_NODE_SESSION "%u", dev->front, index);
	fe_path(s->back, "%s/" VGPUIF_NODE_SESSION "%u", dev->back, index);
	LIST_INSERT_HEAD(&dev->sessions, s, link);
	if (order > RING_PAGE_ORDER)
		order = RING_PAGE_ORDER;

	err = xst_watch(dev->xst, s->back, s->back);
	if (err) {
		fe_explain(why, err, "xenstore refuses a watch: %s", strerror(-err));
		free_session(s);
		return err;
	}
	err = share_ring(s, order, &port, why);
	if (!err)
		err = write_nodes(s, order, port, why);
	if (!err)
		err = await_backend(s, deadline_ns, why);
	if (err) {
		fe_session_close(s, timeout_ms / 4);
		return err;
	}
	s->connected = true;
	*out = s;
	return 0;
}

/* Has the backend let go of every page? */
static bool look_released(struct fe_session *s)
{
	char path[FE_PATH_BYTES];
	uint32_t state;
	int err = xst_read_u32(s->dev->xst, XST_NO_TX, fe_path(path, "%s/state", s->back), &state);

	if (err == -ENOENT)
		s->released = true;
	else if (!err)
		s->released = state == XenbusStateClosed;
	/* A domain that is gone maps nothing. */
	if (!s->released && xst_domain_exists(s->dev->xst, s->dev->limits.backend_domid) == 0)
		s->released = true;
	return s->released;
}

int fe_session_close(struct fe_session *s, unsigned int timeout_ms)
{
	const uint64_t deadline_ns = fe_now_ns() + (uint64_t)timeout_ms * 1000000u;
	char path[FE_PATH_BYTES];
	struct xst *xst;
	bool released;

	if (!s)
		return 0;
	xst = s->dev->xst;
	s->lost = true;
	s->reported = true;
	if (s->nodes) {
		xst_printf(xst, XST_NO_TX, fe_path(path, "%s/state", s->front), "%d",
			   XenbusStateClosing);
		while (!look_released(s))
			if (fe_dev_wait(s->dev, deadline_ns))
				break;
	} else {
		s->released = true;
	}
	released = s->released;
	if (released) {
		fe_buf_free_all(s);
		if (s->nodes)
			xst_rm(xst, XST_NO_TX, s->front);
	} else {
		/* The kernel keeps them until they are unmapped; here they are not used again. */
		s->ring_share = NULL;
		fe_buf_forget_all(s);
	}
	xst_unwatch(xst, s->back, s->back);
	free_session(s);
	return released ? 0 : -ETIMEDOUT;
}

const struct fe_stats *fe_session_stats(const struct fe_session *s)
{
	return &s->stats;
}

const struct fe_limits *fe_session_limits(const struct fe_session *s)
{
	return &s->dev->limits;
}

const char *fe_session_why(const struct fe_session *s)
{
	return s->why;
}
