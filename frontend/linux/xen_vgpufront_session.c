// SPDX-License-Identifier: GPL-2.0-only
/*
 * The session: its beginning and its end in xenstore, and what is read of the backend before
 * programs may use it.
 *
 *	OPENING (3) --backend 4--> UP --lost--> LOST (5) --backend 6 or gone--> freed
 */
#include <linux/delay.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <drm/drm_drv.h>

#include "xen_vgpufront.h"
#include "virgl_caps.h"

#define OPEN_MS		40000u	/* a backend that has to start a renderer */
#define END_MS		5000u	/* for the backend to let go; then the kernel sees to the pages */
#define STOP_MS		2000u
#define LOOK_MS		5000u	/* how often a stuck ring is looked for */
#define RETRY_MIN_MS	250u
#define RETRY_MAX_MS	8000u
#define LOOK_INDICES	64u	/* at once, for one that is free */
#define LIVED_MS	10000u	/* a session lost after that does not make the next one wait longer */
#define CURRENT_MS	5000u	/* how long programs wait for a reconnect */

static unsigned int timeout_ms = 300000;
module_param(timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms, "Milliseconds after which a request without an answer ends the session");

/* --- its beginning ------------------------------------------------------------------------ */

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

/* A number of which nothing is left on the backend's side; some are looked at, others later. */
static bool find_index(struct xvf_dev *x, u32 *out)
{
	char path[160];
	u32 i;

	for (i = 0; i < min(x->limits.max_sessions, LOOK_INDICES); i++) {
		*out = x->next_index++ % x->limits.max_sessions;
		snprintf(path, sizeof(path), "%s/" VGPUIF_NODE_SESSION "%u", x->back, *out);
		if (xenbus_read_driver_state(path) == XenbusStateUnknown)
			return true;
	}
	return false;
}

/* Who stops the work loses the session first. */
static void set_session(struct xvf_dev *x, struct xvf_session *s)
{
	mutex_lock(&x->session_lock);
	x->s = s;
	mutex_unlock(&x->session_lock);
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
	set_session(x, s);
	/* What an earlier frontend may have left. */
	xenbus_rm(XBT_NIL, x->xbdev->nodename, strrchr(s->front, '/') + 1);
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
	err = xvf_call(s, &wire, &rsp, XVF_CALL_MS);
	if (err)
		return err;
	if (rsp.u.capset_get.bytes > info->max_bytes)
		return -EPROTO;
	c->data = kvzalloc(info->max_bytes, GFP_KERNEL);
	if (!c->data)
		return -ENOMEM;
	memcpy(c->data, room, rsp.u.capset_get.bytes);
	virgl_caps_adjust(info->capset_id, c->data, rsp.u.capset_get.bytes);
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
		err = xvf_call(s, &wire, &rsp, XVF_CALL_MS);
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
	mutex_lock(&x->session_lock);
	x->session = s;
	strscpy(x->status, "connected", sizeof(x->status));
	mutex_unlock(&x->session_lock);
	wake_up_all(&x->session_wait);
	return 0;
}

/* --- its end ------------------------------------------------------------------------------ */

static void session_tell(struct xvf_dev *x)
{
	struct xvf_session *s = x->s;

	mutex_lock(&x->session_lock);
	x->session = NULL;
	if (!strcmp(x->status, "connected"))
		strscpy(x->status, "the session was lost", sizeof(x->status));
	mutex_unlock(&x->session_lock);
	if (s->state == XVF_SESSION_UP &&
	    time_after(jiffies, s->since + msecs_to_jiffies(LIVED_MS)))
		x->retry_ms = 0;
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

	set_session(x, NULL);
	xvf_buffers_release(s);
	xvf_ring_close(s);
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

	xvf_read_error(s->back, text);
	if (!text[0])
		xvf_read_error(s->x->back, text);
	xvf_set_status(s->x, text[0] ? text : otherwise);
	xvf_session_lose(s, text[0] ? text : otherwise);
}

/* The session as it is now: a step further. As session_end(). */
u32 xvf_session_step(struct xvf_dev *x, bool connected)
{
	struct xvf_session *s = x->s;
	enum xenbus_state state;

	if (!s) {
		if (!connected)
			return 0;
		if (time_before(jiffies, x->retry))
			return jiffies_to_msecs(x->retry - jiffies) + 1;
		xvf_held_look(x);
		session_open(x);
		if (x->s)
			return 1000;
		x->retry = jiffies + msecs_to_jiffies(RETRY_MAX_MS);
		return RETRY_MAX_MS;
	}
	if (!s->ending && !READ_ONCE(s->lost)) {
		/* What nobody was in a hurry for must not look as if it were not answered. */
		if (s->state == XVF_SESSION_UP)
			xvf_kick(s);
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

void xvf_session_stop(struct xvf_dev *x)
{
	const unsigned long until = jiffies + msecs_to_jiffies(STOP_MS);

	if (!x->s)
		return;
	xvf_session_lose(x->s, XVF_DETACHED);
	if (!x->s->ending)
		session_tell(x);
	while (!session_released(x->s) && time_before(jiffies, until))
		msleep(20);
	session_finish(x);
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
