// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's states and its session, as xenstore has them. Watches say only that something may
 * have changed; one work looks at how it is now and does the next step, so skipped, repeated and
 * reordered changes come to the same, and the thread that serves all watches never waits.
 *
 *	device   DOWN (1) --backend 2--> OFFERED (3) --backend 4--> CONNECTED (4) --not 4--> CLOSING
 *	         DOWN --backend 3, 4 or 5: an earlier frontend's--> CLOSING (5)
 *	         CLOSING --no session left, backend not 4--> CLOSED (6) --online--> DOWN
 *
 *	session  OPENING (3) --backend 4--> UP --lost--> LOST (5) --backend 6 or gone--> freed
 */
#include <linux/delay.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <drm/drm_drv.h>

#include <xen/events.h>

#include "xen_vgpufront.h"

#define OPEN_MS		40000u	/* a backend that has to start a renderer */
#define END_MS		5000u	/* for the backend to let go; then the kernel sees to the pages */
#define STOP_MS		2000u
#define LOOK_MS		5000u	/* how often a stuck ring is looked for */
#define RETRY_MIN_MS	250u
#define RETRY_MAX_MS	8000u
#define CURRENT_MS	5000u	/* how long programs wait for a reconnect */

static unsigned int timeout_ms = 300000;
module_param(timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms, "Milliseconds after which a request without an answer ends the session");

static unsigned int max_pages;
module_param(max_pages, uint, 0644);
MODULE_PARM_DESC(max_pages, "Pages that may be granted; 0 for three quarters of the grant table");

/* --- nodes ------------------------------------------------------------------------------------ */

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

/* The backend's sentence about what is wrong, without control characters; "" for none. */
static void read_error(const char *dir, char text[XVF_MAX_TEXT])
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

/* What people and programs read in sysfs. */
static void set_status(struct xvf_dev *x, const char *text)
{
	mutex_lock(&x->session_lock);
	strscpy(x->status, text, sizeof(x->status));
	mutex_unlock(&x->session_lock);
}

static void on_front(struct xenbus_watch *watch, const char *path, const char *token)
{
	xvf_connect_kick(container_of(watch, struct xvf_dev, front_watch));
}

static void on_back(struct xenbus_watch *watch, const char *path, const char *token)
{
	xvf_connect_kick(container_of(watch, struct xvf_dev, back_watch));
}

static void on_session(struct xenbus_watch *watch, const char *path, const char *token)
{
	xvf_connect_kick(container_of(watch, struct xvf_session, watch)->x);
}

static int watch(struct xenbus_watch *w, const char *dir, const char *name,
		 void (*fn)(struct xenbus_watch *, const char *, const char *))
{
	int err;

	*w = (struct xenbus_watch){ .callback = fn };
	w->node = kasprintf(GFP_KERNEL, "%s/%s", dir, name);
	if (!w->node)
		return -ENOMEM;
	err = register_xenbus_watch(w);
	if (err) {
		kfree(w->node);
		w->node = NULL;
	}
	return err;
}

static void unwatch(struct xenbus_watch *w)
{
	unregister_xenbus_watch(w);
	kfree(w->node);
	w->node = NULL;
}

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
	if (x->back_watching)
		unwatch(&x->back_watch);
	x->back_watching = false;
	if (x->back && path)
		x->resumed = true;
	kfree(x->back);
	x->back = path;
	if (!path)
		return;
	x->backend_id = id;
	x->back_watching = !watch(&x->back_watch, x->back, "state", on_back);
	if (!x->back_watching)
		dev_err(&x->pdev->dev, "no watch on %s\n", x->back);
}

static int read_limit(struct xvf_dev *x, const char *name, u32 min, u32 max, u32 *out)
{
	u32 value;

	if (xenbus_scanf(XBT_NIL, x->back, name, "%u", &value) != 1 || value < min) {
		dev_err(&x->pdev->dev, "%s/%s is missing or makes no sense\n", x->back, name);
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
		dev_err(&x->pdev->dev, "the backend does not speak version %d\n", VGPUIF_VERSION);
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

/* --- a session: its beginning ----------------------------------------------------------------- */

static void session_free(struct kref *ref)
{
	struct xvf_session *s = container_of(ref, struct xvf_session, ref);
	struct xvf_dev *x = s->x;
	u32 i;

	for (i = 0; i < s->n_capsets; i++)
		kvfree(s->capset[i].data);
	if (s->arena_pool)
		gen_pool_destroy(s->arena_pool);
	vfree(s->arena);
	ida_destroy(&s->buffer_ids);
	ida_destroy(&s->resource_ids);
	ida_destroy(&s->context_ids);
	kfree(s->front);
	kfree(s->back);
	kfree(s);
	drm_dev_put(&x->drm);
}

void xvf_session_get(struct xvf_session *s)
{
	kref_get(&s->ref);
}

void xvf_session_put(struct xvf_session *s)
{
	kref_put(&s->ref, session_free);
}

static struct xvf_session *session_alloc(struct xvf_dev *x, u32 index)
{
	struct xvf_session *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return NULL;
	kref_init(&s->ref);
	s->x = x;
	drm_dev_get(&x->drm);
	s->index = index;
	s->domid = x->domid;
	s->backend_id = x->backend_id;
	s->limits = x->limits;
	s->since = jiffies;
	spin_lock_init(&s->lock);
	INIT_LIST_HEAD(&s->queue);
	INIT_LIST_HEAD(&s->buffers);
	init_waitqueue_head(&s->wait);
	ida_init(&s->buffer_ids);
	ida_init(&s->resource_ids);
	ida_init(&s->context_ids);
	s->front = kasprintf(GFP_KERNEL, "%s/" VGPUIF_NODE_SESSION "%u", x->xbdev->nodename,
			     index);
	s->back = kasprintf(GFP_KERNEL, "%s/" VGPUIF_NODE_SESSION "%u", x->back, index);
	if (!s->front || !s->back) {
		xvf_session_put(s);
		return NULL;
	}
	return s;
}

static int write_nodes(struct xvf_session *s)
{
	char name[sizeof(VGPUIF_NODE_RING_REF) + 10];
	u32 i;
	int err;

	s->nodes = true;
	err = xenbus_printf(XBT_NIL, s->front, VGPUIF_NODE_RING_PAGE_ORDER, "%u",
			    ilog2(s->ring_grant.n));
	for (i = 0; !err && i < s->ring_grant.n; i++) {
		snprintf(name, sizeof(name), VGPUIF_NODE_RING_REF "%u", i);
		err = xenbus_printf(XBT_NIL, s->front, name, "%u", s->ring_grant.ref[i]);
	}
	if (!err)
		err = xenbus_printf(XBT_NIL, s->front, VGPUIF_NODE_EVENT_CHANNEL, "%u", s->port);
	/* The backend looks at the others when it sees this one. */
	if (!err)
		err = xenbus_printf(XBT_NIL, s->front, "state", "%d", XenbusStateInitialised);
	return err;
}

/* A number of which nothing is left on the backend's side. */
static bool find_index(struct xvf_dev *x, u32 *out)
{
	char path[160];
	u32 i;

	for (i = 0; i < x->limits.max_sessions; i++) {
		*out = x->next_index++ % x->limits.max_sessions;
		snprintf(path, sizeof(path), "%s/" VGPUIF_NODE_SESSION "%u", x->back, *out);
		if (xenbus_read_driver_state(path) == XenbusStateUnknown)
			return true;
	}
	return false;
}

static int session_open(struct xvf_dev *x)
{
	struct xvf_session *s;
	u32 index;
	int err;

	if (!find_index(x, &index))
		return -EBUSY;
	s = session_alloc(x, index);
	if (!s)
		return -ENOMEM;
	x->s = s;
	err = watch(&s->watch, s->back, "state", on_session);
	s->watching = !err;
	/* What an earlier frontend may have left. */
	xenbus_rm(XBT_NIL, x->xbdev->nodename, strrchr(s->front, '/') + 1);
	if (!err)
		err = xvf_ring_open(s);
	if (!err)
		err = write_nodes(s);
	if (err)
		xvf_session_lose(s, "it cannot be opened");
	return err;
}

static int read_capset(struct xvf_session *s, struct xvf_buffer *b, const void *room,
		       const struct vgpuif_capset_info_rsp *info)
{
	struct vgpuif_request wire = { .operation = VGPUIF_OP_CAPSET_GET };
	struct xvf_capset *c = &s->capset[s->n_capsets];
	struct vgpuif_response rsp;
	int err;

	if (info->capset_id == 0 || info->capset_id > VGPUIF_MAX_CAPSET || !info->max_bytes ||
	    info->max_bytes > XVF_MAX_CAPSET_BYTES)
		return -EPROTO;
	wire.u.capset_get.capset_id = info->capset_id;
	wire.u.capset_get.capset_version = info->max_version;
	wire.u.capset_get.buffer_id = b->id;
	wire.u.capset_get.bytes = info->max_bytes;
	err = xvf_call(s, &wire, &rsp);
	if (err)
		return err;
	if (rsp.u.capset_get.bytes > info->max_bytes)
		return -EPROTO;
	c->data = kvzalloc(info->max_bytes, GFP_KERNEL);
	if (!c->data)
		return -ENOMEM;
	memcpy(c->data, room, rsp.u.capset_get.bytes);
	c->id = info->capset_id;
	c->max_version = info->max_version;
	c->bytes = info->max_bytes;
	s->n_capsets++;
	s->capset_mask |= BIT_ULL(c->id);
	return 0;
}

static int read_capsets(struct xvf_session *s, struct xvf_buffer *b, const void *room)
{
	struct vgpuif_request wire = { .operation = VGPUIF_OP_CAPSET_INFO };
	struct vgpuif_response rsp;
	int err = 0;
	u32 i;

	for (i = 0; !err && i < XVF_MAX_CAPSETS; i++) {
		wire.u.capset_info.capset_index = i;
		err = xvf_call(s, &wire, &rsp);
		if (!err)
			err = read_capset(s, b, room, &rsp.u.capset_info);
	}
	if (err && err != -ENOENT)
		return err;
	return s->n_capsets ? 0 : -ENOENT;
}

/* What programs ask for is read once, into memory that the backend cannot change. */
static int load_capsets(struct xvf_session *s)
{
	struct page *pages[XVF_MAX_CAPSET_BYTES / PAGE_SIZE];
	struct xvf_buffer *b;
	void *room;
	u32 i;
	int err;

	room = alloc_pages_exact(XVF_MAX_CAPSET_BYTES, GFP_KERNEL | __GFP_ZERO);
	if (!room)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(pages); i++)
		pages[i] = virt_to_page(room + i * PAGE_SIZE);
	err = xvf_buffer_create(s, pages, ARRAY_SIZE(pages), false, &b);
	if (!err) {
		err = read_capsets(s, b, room);
		xvf_buffer_put(b);
		xvf_kick(s);
	}
	/* The grants keep the pages until the backend let go of them. */
	free_pages_exact(room, XVF_MAX_CAPSET_BYTES);
	return err;
}

static int session_up(struct xvf_dev *x)
{
	struct xvf_session *s = x->s;
	int err;

	err = xvf_arena_open(s);
	if (!err)
		err = load_capsets(s);
	if (!err)
		err = xvf_register(x);
	if (err) {
		dev_err(&x->pdev->dev, "session %u is of no use: error %d\n", s->index, err);
		return err;
	}
	dev_info(&x->pdev->dev, "session %u of domain %u is up; capsets %#llx\n", s->index,
		 s->backend_id, s->capset_mask);
	s->state = XVF_SESSION_UP;
	x->retry_ms = 0;
	mutex_lock(&x->session_lock);
	x->session = s;
	strscpy(x->status, "connected", sizeof(x->status));
	mutex_unlock(&x->session_lock);
	wake_up_all(&x->session_wait);
	return 0;
}

/* --- a session: its end ----------------------------------------------------------------------- */

static void session_tell(struct xvf_dev *x)
{
	struct xvf_session *s = x->s;

	mutex_lock(&x->session_lock);
	x->session = NULL;
	if (!strcmp(x->status, "connected"))
		strscpy(x->status, "the session was lost", sizeof(x->status));
	mutex_unlock(&x->session_lock);
	s->state = XVF_SESSION_LOST;
	xvf_ring_stop(s);
	xvf_arena_close(s);
	if (s->ring_pages)
		((u8 *)s->ring_pages)[VGPUIF_LIVE_OFFSET] = 0;
	if (s->nodes && xenbus_exists(XBT_NIL, s->front, "state") == 1)
		xenbus_printf(XBT_NIL, s->front, "state", "%d", XenbusStateClosing);
	s->ending = true;
	s->since = jiffies;
}

static bool session_released(struct xvf_session *s)
{
	enum xenbus_state state;

	/* Never asked for; or of an earlier life of this domain, of which nobody maps anything. */
	if (!s->nodes || s->domid != s->x->domid || s->x->resumed)
		return true;
	state = xenbus_read_driver_state(s->back);
	return state == XenbusStateClosed || state == XenbusStateUnknown;
}

static void session_finish(struct xvf_dev *x)
{
	struct xvf_session *s = x->s;

	x->s = NULL;
	xvf_buffers_release(s);
	xvf_ring_close(s);
	if (s->watching)
		unwatch(&s->watch);
	s->watching = false;
	if (s->nodes && s->domid == x->domid)
		xenbus_rm(XBT_NIL, s->front, "");
	x->retry_ms = clamp(x->retry_ms * 2, RETRY_MIN_MS, RETRY_MAX_MS);
	x->retry = jiffies + msecs_to_jiffies(x->retry_ms);
	xvf_session_put(s);
}

/* Returns in how many ms to look again; 0: when something changes. */
static u32 session_end(struct xvf_dev *x)
{
	struct xvf_session *s = x->s;
	const unsigned long until = s->since + msecs_to_jiffies(END_MS);

	if (!s->ending) {
		session_tell(x);
		return 1;
	}
	if (!session_released(s)) {
		if (time_before(jiffies, until))
			return 250;
		dev_warn(&x->pdev->dev, "the backend holds on to pages of session %u\n", s->index);
	}
	session_finish(x);
	return x->retry_ms;
}

static void lose(struct xvf_session *s, const char *otherwise)
{
	char text[XVF_MAX_TEXT];

	read_error(s->back, text);
	if (!text[0])
		read_error(s->x->back, text);
	set_status(s->x, text[0] ? text : otherwise);
	xvf_session_lose(s, text[0] ? text : otherwise);
}

/* The session as it is now: a step further. As session_end(). */
static u32 session_step(struct xvf_dev *x, bool connected)
{
	struct xvf_session *s = x->s;
	enum xenbus_state state;

	if (!s) {
		if (!connected)
			return 0;
		if (time_before(jiffies, x->retry))
			return jiffies_to_msecs(x->retry - jiffies) + 1;
		session_open(x);
		return x->s ? 1000 : RETRY_MAX_MS;
	}
	if (!s->ending && !READ_ONCE(s->lost)) {
		state = xenbus_read_driver_state(s->back);
		if (x->resumed)
			xvf_session_lose(s, "this domain was saved and restored");
		else if (!connected)
			lose(s, "the backend closed the connection");
		else if (state == XenbusStateClosing || state == XenbusStateClosed ||
			 (s->state == XVF_SESSION_UP && state != XenbusStateConnected))
			lose(s, "the backend closed it");
		else if (s->state == XVF_SESSION_OPENING && state == XenbusStateConnected &&
			 session_up(x))
			xvf_session_lose(s, "the backend does not do what it should");
		else if (s->state == XVF_SESSION_OPENING &&
			 time_after(jiffies, s->since + msecs_to_jiffies(OPEN_MS)))
			xvf_session_lose(s, "the backend did not open it in time");
		else if (xvf_ring_stuck(s, timeout_ms))
			xvf_session_lose(s, "the backend does not answer");
	}
	return READ_ONCE(s->lost) ? session_end(x) : LOOK_MS;
}

/* --- the device ------------------------------------------------------------------------------- */

static void explain(struct xvf_dev *x)
{
	char text[XVF_MAX_TEXT];

	read_error(x->back, text);
	if (text[0] && !x->explained)
		dev_warn(&x->pdev->dev, "the backend says: %s\n", text);
	if (text[0])
		set_status(x, text);
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
	u32 ms = 0;

	locate(x);
	if (own_domid(x->domid) != x->domid)
		x->resumed = true;
	if (x->resumed) {
		/* The session goes first, without asking anybody; three steps at most. */
		while (x->s)
			session_step(x, false);
		begin_anew(x);
	}
	do {
		before = x->state;
		device_step(x);
	} while (x->state != before);
	ms = session_step(x, x->state == XVF_CONNECTED);
	if (x->state == XVF_CLOSING && !x->s)
		ms = 1;
	if (ms && !READ_ONCE(x->gone))
		mod_delayed_work(x->wq, &x->work, msecs_to_jiffies(ms));
}

void xvf_connect_kick(struct xvf_dev *x)
{
	if (!READ_ONCE(x->gone))
		mod_delayed_work(x->wq, &x->work, 0);
}

void xvf_connect_resumed(struct xvf_dev *x)
{
	WRITE_ONCE(x->resumed, true);
	xvf_connect_kick(x);
}

struct xvf_session *xvf_session_get_current(struct xvf_dev *x)
{
	struct xvf_session *s;
	long left;

	left = wait_event_interruptible_timeout(x->session_wait,
						READ_ONCE(x->session) || READ_ONCE(x->gone),
						msecs_to_jiffies(CURRENT_MS));
	if (left < 0)
		return ERR_PTR(left);
	mutex_lock(&x->session_lock);
	s = x->gone ? NULL : x->session;
	if (s)
		xvf_session_get(s);
	mutex_unlock(&x->session_lock);
	return s ? s : ERR_PTR(-ENODEV);
}

int xvf_connect_start(struct xvf_dev *x)
{
	int err;

	x->domid = own_domid(0);
	x->state = XVF_DOWN;
	set_status(x, "the backend has not connected yet: is xengpud running in its domain?");
	x->wq = alloc_ordered_workqueue("xen-vgpu", WQ_FREEZABLE);
	if (!x->wq)
		return -ENOMEM;
	INIT_DELAYED_WORK(&x->work, work_fn);
	set_state(x, XenbusStateInitialising);
	err = watch(&x->front_watch, x->xbdev->nodename, "backend", on_front);
	if (err) {
		destroy_workqueue(x->wq);
		return err;
	}
	x->front_watching = true;
	return 0;
}

void xvf_connect_stop(struct xvf_dev *x)
{
	const unsigned long until = jiffies + msecs_to_jiffies(STOP_MS);

	mutex_lock(&x->session_lock);
	WRITE_ONCE(x->gone, true);
	mutex_unlock(&x->session_lock);
	wake_up_all(&x->session_wait);
	cancel_delayed_work_sync(&x->work);
	if (x->front_watching)
		unwatch(&x->front_watch);
	if (x->back_watching)
		unwatch(&x->back_watch);
	if (x->s) {
		xvf_session_lose(x->s, "the vgpu is detached, or the module is unloaded");
		if (!x->s->ending)
			session_tell(x);
		while (!session_released(x->s) && time_before(jiffies, until))
			msleep(20);
		session_finish(x);
	}
	destroy_workqueue(x->wq);
	kfree(x->back);
	x->back = NULL;
}
