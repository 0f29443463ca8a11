// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's states, as xenstore has them. Watches say only that something may have changed; one
 * work looks at how it is now and does the next step, so skipped, repeated and reordered changes
 * come to the same, and the thread that serves all watches never waits.
 *
 *	DOWN (1) --backend 2--> OFFERED (3) --backend 4--> CONNECTED (4) --not 4--> CLOSING
 *	DOWN --backend 3, 4 or 5: an earlier frontend's--> CLOSING (5)
 *	CLOSING --no session left, backend not 4--> CLOSED (6) --online--> DOWN
 */
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "xen_vgpufront.h"

static unsigned int max_pages;
module_param(max_pages, uint, 0644);
MODULE_PARM_DESC(max_pages, "Pages that may be granted; 0 for three quarters of the grant table");

/* --- nodes -------------------------------------------------------------------------------- */

static void set_state(struct xvf_dev *x, enum xenbus_state state)
{
	/* What the core remembers is not what an earlier frontend left in the node. */
	x->xbdev->state = XenbusStateUnknown;
	xenbus_switch_state(x->xbdev, state);
}

static enum xenbus_state back_state(struct xvf_dev *x)
{
	return x->back ? xenbus_read_driver_state(x->back) : XenbusStateUnknown;
}

void xvf_read_error(const char *dir, char *text)
{
	char *untrusted_text, *p;

	text[0] = '\0';
	if (!dir)
		return;
	untrusted_text = xenbus_read(XBT_NIL, dir, VGPUIF_NODE_ERROR, NULL);
	if (IS_ERR(untrusted_text))
		return;
	strscpy(text, untrusted_text, XVF_MAX_TEXT);
	kfree(untrusted_text);
	for (p = text; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

void xvf_set_status(struct xvf_dev *x, const char *text)
{
	mutex_lock(&x->session_lock);
	strscpy(x->status, text, sizeof(x->status));
	mutex_unlock(&x->session_lock);
}

/* --- watches ------------------------------------------------------------------------------ */

/*
 * Unregistering a watch waits for the thread that serves them all, unless it is that thread that
 * does it; and in remove() that thread waits for the work. So the work unregisters none: those that
 * it has no use for any more are old ones, until the thread comes by.
 */

/* @node: becomes the watch's, also when it fails. NULL: there was no memory for it. */
static int watch(struct xenbus_watch *w, char *node,
		 void (*fn)(struct xenbus_watch *, const char *, const char *))
{
	int err = -ENOMEM;

	*w = (struct xenbus_watch){ .callback = fn, .node = node };
	if (node)
		err = register_xenbus_watch(w);
	if (err)
		kfree(node);
	return err;
}

static void unwatch(struct xenbus_watch *w)
{
	unregister_xenbus_watch(w);
	kfree(w->node);
}

/* @current_watch: the one that is served just now, which stays. */
static void end_old_watches(struct xvf_dev *x, const struct xenbus_watch *current_watch)
{
	struct xvf_back_watch *b, *next;
	LIST_HEAD(over);

	spin_lock(&x->old_watches_lock);
	list_for_each_entry_safe(b, next, &x->old_watches, node)
		if (&b->watch != current_watch)
			list_move(&b->node, &over);
	spin_unlock(&x->old_watches_lock);
	list_for_each_entry_safe(b, next, &over, node) {
		unwatch(&b->watch);
		kfree(b);
	}
}

static void on_front(struct xenbus_watch *watch, const char *path, const char *token)
{
	struct xvf_dev *x = container_of(watch, struct xvf_dev, front_watch);

	end_old_watches(x, watch);
	xvf_connect_kick(x);
}

static void on_back(struct xenbus_watch *watch, const char *path, const char *token)
{
	struct xvf_dev *x = container_of(watch, struct xvf_back_watch, watch)->x;

	end_old_watches(x, watch);
	xvf_connect_kick(x);
}

static void back_watch_end(struct xvf_dev *x)
{
	if (!x->back_watch)
		return;
	spin_lock(&x->old_watches_lock);
	list_add(&x->back_watch->node, &x->old_watches);
	spin_unlock(&x->old_watches_lock);
	x->back_watch = NULL;
}

/* On x->back; a backend that went and came back to the same place has it still. */
static void watch_back(struct xvf_dev *x)
{
	struct xvf_back_watch *b;

	if (x->back_watch && !strcmp(x->back_watch->watch.node, x->back))
		return;
	back_watch_end(x);
	b = kzalloc(sizeof(*b), GFP_KERNEL);
	if (b)
		b->x = x;
	if (!b || watch(&b->watch, kstrdup(x->back, GFP_KERNEL), on_back)) {
		dev_err(&x->pdev->dev, "no watch on %s\n", x->back);
		kfree(b);
		return;
	}
	x->back_watch = b;
}

/* --- where the backend is, and what it allows ------------------------------------------------ */

static domid_t own_domid(domid_t unknown)
{
	unsigned int domid;

	if (xenbus_scanf(XBT_NIL, "domid", "", "%u", &domid) != 1)
		return unknown;
	return domid;
}

/*
 * Where the backend is. After a restore it is somewhere else, and the core of xenbus does not
 * always tell: the toolstack makes the nodes anew, under the same name.
 */
static void locate(struct xvf_dev *x)
{
	char *path = xenbus_read(XBT_NIL, x->xbdev->nodename, "backend", NULL);
	unsigned int id;

	if (IS_ERR(path))
		path = NULL;
	if (path && (xenbus_scanf(XBT_NIL, x->xbdev->nodename, "backend-id", "%u", &id) != 1 ||
		     id >= DOMID_FIRST_RESERVED || !*path)) {
		kfree(path);
		path = NULL;
	}
	if (path && x->back && !strcmp(path, x->back) && id == x->backend_id) {
		kfree(path);
		return;
	}
	if (!path && !x->back)
		return;
	if (x->back && path)
		x->resumed = true;
	kfree(x->back);
	x->back = path;
	if (!path)
		return;
	x->backend_id = id;
	watch_back(x);
}

static int read_limit(struct xvf_dev *x, const char *name, u32 min, u32 max, u32 *out)
{
	u32 value;

	if (xenbus_scanf(XBT_NIL, x->back, name, "%u", &value) != 1 || value < min) {
		dev_err_ratelimited(&x->pdev->dev, "%s/%s is missing or makes no sense\n",
				    x->back, name);
		return -EPROTO;
	}
	*out = min(value, max);
	return 0;
}

/* Whether our version is in a list of decimals. */
static bool knows_version(const char *list)
{
	unsigned int version;
	int n;

	while (sscanf(list, "%u%n", &version, &n) == 1) {
		if (version == VGPUIF_VERSION)
			return true;
		list += n;
		if (*list++ != ',')
			break;
	}
	return false;
}

static int read_versions(struct xvf_dev *x)
{
	char *list = xenbus_read(XBT_NIL, x->back, VGPUIF_NODE_VERSIONS, NULL);
	bool known = !IS_ERR(list) && knows_version(list);

	if (!IS_ERR(list))
		kfree(list);
	if (!known)
		dev_err_ratelimited(&x->pdev->dev, "the backend does not speak version %d\n",
				    VGPUIF_VERSION);
	return known ? 0 : -EPROTO;
}

static int read_limits(struct xvf_dev *x)
{
	struct xvf_limits *l = &x->limits;
	/* Entries of version 1, which Linux uses, are 8 octets. */
	u32 room = gnttab_max_grant_frames() * (PAGE_SIZE / 8) / 4 * 3;
	int err;

	err = read_versions(x);
	if (!err)
		err = read_limit(x, VGPUIF_NODE_MAX_RING_PAGE_ORDER, 0, VGPUIF_MAX_RING_PAGE_ORDER,
				 &l->max_ring_page_order);
	if (!err)
		err = read_limit(x, VGPUIF_NODE_MAX_SESSIONS, 1, U16_MAX, &l->max_sessions);
	if (!err)
		err = read_limit(x, VGPUIF_NODE_MAX_BUFFER_PAGES, 1, VGPUIF_MAX_BUFFER_PAGES,
				 &l->max_buffer_pages);
	if (!err)
		err = read_limit(x, VGPUIF_NODE_MAX_BUFFERS, 1, INT_MAX, &l->max_buffers);
	if (!err)
		err = read_limit(x, VGPUIF_NODE_MAX_CONTEXTS, 1, INT_MAX, &l->max_contexts);
	if (!err)
		err = read_limit(x, VGPUIF_NODE_MAX_RESOURCES, 1, INT_MAX, &l->max_resources);
	if (!err)
		err = read_limit(x, VGPUIF_NODE_MAX_PAGES, 1, INT_MAX, &l->max_pages);
	if (!err)
		l->max_pages = min(l->max_pages, max_pages ? max_pages : room);
	return err;
}

/* --- states ------------------------------------------------------------------------------- */

static void explain(struct xvf_dev *x)
{
	char text[XVF_MAX_TEXT];

	xvf_read_error(x->back, text);
	if (text[0] && !x->explained)
		dev_warn_ratelimited(&x->pdev->dev, "the backend says: %s\n", text);
	if (text[0])
		xvf_set_status(x, text);
	x->explained = text[0];
}

static void offer(struct xvf_dev *x)
{
	if (read_limits(x))
		return;
	if (xenbus_printf(XBT_NIL, x->xbdev->nodename, VGPUIF_NODE_VERSION, "%d", VGPUIF_VERSION))
		return;
	set_state(x, XenbusStateInitialised);
	x->state = XVF_OFFERED;
}

static void device_step(struct xvf_dev *x)
{
	enum xenbus_state back = back_state(x);

	switch (x->state) {
	case XVF_DOWN:
		explain(x);
		if (back == XenbusStateInitWait) {
			offer(x);
		} else if (back == XenbusStateInitialised || back == XenbusStateConnected ||
			   back == XenbusStateClosing) {
			set_state(x, XenbusStateClosing);
			x->state = XVF_CLOSING;
		}
		break;
	case XVF_OFFERED:
		if (back == XenbusStateConnected) {
			set_state(x, XenbusStateConnected);
			x->state = XVF_CONNECTED;
			x->retry = jiffies;
			x->retry_ms = 0;
		} else if (back != XenbusStateInitWait && back != XenbusStateInitialised) {
			set_state(x, XenbusStateClosing);
			x->state = XVF_CLOSING;
		}
		break;
	case XVF_CONNECTED:
		if (back == XenbusStateConnected)
			break;
		explain(x);
		set_state(x, XenbusStateClosing);
		x->state = XVF_CLOSING;
		break;
	case XVF_CLOSING:
		if (x->s || (back != XenbusStateClosing && back != XenbusStateClosed &&
			     back != XenbusStateInitWait && back != XenbusStateUnknown))
			break;
		set_state(x, XenbusStateClosed);
		x->state = XVF_CLOSED;
		break;
	case XVF_CLOSED:
		if ((back != XenbusStateClosed && back != XenbusStateInitWait) ||
		    !xenbus_read_unsigned(x->back, "online", 1))
			break;
		set_state(x, XenbusStateInitialising);
		x->state = XVF_DOWN;
		break;
	}
}

static void begin_anew(struct xvf_dev *x)
{
	x->domid = own_domid(x->domid);
	x->resumed = false;
	x->state = XVF_DOWN;
	x->retry = jiffies;
	x->retry_ms = 0;
	set_state(x, XenbusStateInitialising);
}

static void work_fn(struct work_struct *work)
{
	struct xvf_dev *x = container_of(work, struct xvf_dev, work.work);
	enum xvf_state before;
	bool had_session;
	u32 ms = 0;

	/* Who stops the work loses the session, and is the one to finish it. */
	if (READ_ONCE(x->gone))
		return;
	locate(x);
	if (own_domid(x->domid) != x->domid)
		x->resumed = true;
	if (x->resumed) {
		/* The session goes first, without asking anybody; three steps at most. */
		while (x->s && !READ_ONCE(x->gone))
			xvf_session_step(x, false);
		if (READ_ONCE(x->gone))
			return;
		begin_anew(x);
	}
	do {
		before = x->state;
		device_step(x);
	} while (x->state != before);
	had_session = x->s;
	ms = xvf_session_step(x, x->state == XVF_CONNECTED);
	if (x->state == XVF_CLOSING && had_session && !x->s)
		ms = 1;
	/* A kick that came meanwhile stays: at once. */
	if (ms && !READ_ONCE(x->gone))
		queue_delayed_work(x->wq, &x->work, msecs_to_jiffies(ms));
}

void xvf_connect_kick(struct xvf_dev *x)
{
	unsigned long flags;

	spin_lock_irqsave(&x->kick_lock, flags);
	if (!x->gone)
		mod_delayed_work(x->wq, &x->work, 0);
	spin_unlock_irqrestore(&x->kick_lock, flags);
}

void xvf_connect_resumed(struct xvf_dev *x)
{
	WRITE_ONCE(x->resumed, true);
	xvf_connect_kick(x);
}

int xvf_connect_start(struct xvf_dev *x)
{
	int err;

	spin_lock_init(&x->kick_lock);
	spin_lock_init(&x->old_watches_lock);
	INIT_LIST_HEAD(&x->old_watches);
	spin_lock_init(&x->held_lock);
	INIT_LIST_HEAD(&x->held);
	x->domid = own_domid(0);
	x->state = XVF_DOWN;
	xvf_set_status(x, "the backend has not connected yet: is xengpud running in its domain?");
	x->wq = alloc_ordered_workqueue("xen-vgpu", WQ_FREEZABLE);
	if (!x->wq)
		return -ENOMEM;
	INIT_DELAYED_WORK(&x->work, work_fn);
	set_state(x, XenbusStateInitialising);
	err = watch(&x->front_watch, kasprintf(GFP_KERNEL, "%s/backend", x->xbdev->nodename),
		    on_front);
	if (err) {
		destroy_workqueue(x->wq);
		return err;
	}
	x->front_watching = true;
	return 0;
}

void xvf_connect_stop(struct xvf_dev *x)
{
	struct xvf_session *s;

	mutex_lock(&x->session_lock);
	spin_lock_irq(&x->kick_lock);
	WRITE_ONCE(x->gone, true);
	spin_unlock_irq(&x->kick_lock);
	s = x->s;
	if (s)
		xvf_session_get(s);
	mutex_unlock(&x->session_lock);
	wake_up_all(&x->session_wait);
	/* What the work waits for, it is answered. */
	if (s) {
		xvf_session_lose(s, XVF_DETACHED);
		xvf_session_put(s);
	}
	cancel_delayed_work_sync(&x->work);
	if (x->front_watching)
		unwatch(&x->front_watch);
	back_watch_end(x);
	end_old_watches(x, NULL);
	xvf_session_stop(x);
	xvf_held_leave(x);
	destroy_workqueue(x->wq);
	kfree(x->back);
	x->back = NULL;
}
