// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's vgpu. Nothing here acts on a watch event: a dirty device is looked at as it is now,
 * what is seen becomes events of the table in sup_fsm.c, and that is repeated until nothing moves
 * any more. So skipped, repeated and coalesced changes all come to the same.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "paths.h"
#include "sup.h"

/*
 * How often a device may be looked at, and how many sessions a guest may open: a guest that wants
 * more waits, and slows down nobody else.
 */
#define EVALUATIONS_BURST	256u
#define EVALUATIONS_PER_S	128u
#define OPENS_BURST		64u
#define OPENS_PER_S		10u
#define EMPTY_MS		100u

/* No path through the table is longer than this; one that is would be a loop. */
#define MAX_STEPS		16

/* --- domains ---------------------------------------------------------------------------------- */

/* The guest's own nodes, or what the toolstack wrote for a driver domain, which may not read those. */
static void identify(struct sup *sup, struct sup_domain *dom, uint16_t devid)
{
	char uuid[ATTACH_UUID_BYTES];

	attach_domain_name(sup->xst, dom->domid, dom->name);
	if (!strcmp(dom->name, ATTACH_NO_NAME) &&
	    xst_read(sup->xst, XST_NO_TX,
		     paths_back(sup->domid, dom->domid, devid, ATTACH_NODE_NAME).s, dom->name,
		     sizeof(dom->name)) < 0)
		snprintf(dom->name, sizeof(dom->name), ATTACH_NO_NAME);
	if (xst_read(sup->xst, XST_NO_TX, paths_home(dom->domid, "vm").s, dom->vm,
		     sizeof(dom->vm)) >= 0)
		return;
	if (xst_read(sup->xst, XST_NO_TX,
		     paths_back(sup->domid, dom->domid, devid, ATTACH_NODE_UUID).s, uuid,
		     sizeof(uuid)) >= 0)
		snprintf(dom->vm, sizeof(dom->vm), "/vm/%s", uuid);
	else
		dom->vm[0] = '\0';
}

void sup_domain_names(struct sup *sup)
{
	char name[ATTACH_MAX_NAME];
	struct sup_domain *dom;

	LIST_FOREACH(dom, &sup->domains, link) {
		attach_domain_name(sup->xst, dom->domid, name);
		/* Where there is no UUID the name is what a ban goes by. */
		if (dom->vm[0] && strcmp(name, ATTACH_NO_NAME))
			snprintf(dom->name, sizeof(dom->name), "%s", name);
	}
}

static struct sup_domain *domain_get(struct sup *sup, uint16_t domid, uint16_t devid)
{
	struct sup_domain *dom;

	LIST_FOREACH(dom, &sup->domains, link) {
		if (dom->domid == domid)
			return dom;
	}
	dom = calloc(1, sizeof(*dom));
	if (!dom)
		return NULL;
	dom->domid = domid;
	log_rate_init(&dom->rate);
	bucket_init(&dom->opens, OPENS_BURST, OPENS_PER_S, loop_now_ns());
	identify(sup, dom, devid);
	LIST_INSERT_HEAD(&sup->domains, dom, link);
	return dom;
}

static void domain_put(struct sup_domain *dom)
{
	if (dom->n_devices)
		return;
	LIST_REMOVE(dom, link);
	free(dom);
}

/* --- devices ---------------------------------------------------------------------------------- */

struct sup_device *sup_device_find(struct sup *sup, uint16_t domid, uint16_t devid)
{
	struct sup_device *dev;

	TAILQ_FOREACH(dev, &sup->devices, link) {
		/* One whose end is under way is another one's predecessor. */
		if (dev->dom->domid == domid && dev->devid == devid && dev->state != DEV_GONE)
			return dev;
	}
	return NULL;
}

struct sup_device *sup_device_new(struct sup *sup, uint16_t domid, uint16_t devid)
{
	struct sup_device *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return NULL;
	dev->dom = domain_get(sup, domid, devid);
	if (!dev->dom) {
		free(dev);
		return NULL;
	}
	dev->sup = sup;
	dev->devid = devid;
	if (store_option(dev)) {
		domain_put(dev->dom);
		free(dev);
		return NULL;
	}
	dev->dom->n_devices++;
	dev->state = DEV_INIT;
	bucket_init(&dev->evaluations, EVALUATIONS_BURST, EVALUATIONS_PER_S, loop_now_ns());
	TAILQ_INSERT_TAIL(&sup->devices, dev, link);
	log_line(LOG_LEVEL_INFO, &dev->dom->rate, "domain %u (%s) vgpu %u: found", domid,
		 dev->dom->name, devid);
	sched_device_add(dev);
	dev->shaders_fd = -1;
	sup_shaders_ready(dev);
	store_error(dev, NULL);
	store_session_stale(dev, sup_session_adopt_closed);
	store_watch_front(dev);
	sup_device_dirty(dev);
	return dev;
}

static void device_free(struct sup_device *dev)
{
	struct sup *sup = dev->sup;
	uint32_t i;

	for (i = 0; i < SUP_MAX_SESSIONS; i++) {
		if (dev->sessions[i])
			sup_session_free(dev->sessions[i]);
	}
	log_line(LOG_LEVEL_INFO, &dev->dom->rate,
		 "domain %u (%s) vgpu %u: gone, after %llu sessions", dev->dom->domid,
		 dev->dom->name, dev->devid, (unsigned long long)dev->sessions_total);
	store_unwatch_front(dev);
	sched_device_remove(dev);
	loop_timer_cancel(&sup->loop, &dev->timer);
	TAILQ_REMOVE(&sup->devices, dev, link);
	dev->dom->n_devices--;
	domain_put(dev->dom);
	sup_shaders_free(dev);
	free(dev);
	/* The toolstack may have made a new one in the meantime. */
	sup->rescan = true;
}

void sup_device_dirty(struct sup_device *dev)
{
	dev->dirty = true;
}

void sup_devices_dirty(struct sup *sup)
{
	struct sup_device *dev;

	TAILQ_FOREACH(dev, &sup->devices, link)
		sup_device_dirty(dev);
}

bool sup_devices_busy(const struct sup *sup)
{
	const struct sup_device *dev;

	TAILQ_FOREACH(dev, &sup->devices, link) {
		if (dev->n_active || dev->state == DEV_STOPPING)
			return true;
	}
	return false;
}

/* --- what the table's actions do -------------------------------------------------------------- */

static void all_sessions(struct sup_device *dev, enum ses_event event)
{
	uint32_t i;

	for (i = 0; i < SUP_MAX_SESSIONS; i++) {
		if (dev->sessions[i])
			sup_session_event(dev->sessions[i], event);
	}
}

static void act_publish(struct sup_device *dev)
{
	int err = store_publish(dev);

	if (err && err != -ENOENT)
		log_line(LOG_LEVEL_ERROR, &dev->dom->rate,
			 "domain %u vgpu %u: cannot publish its limits: %s", dev->dom->domid,
			 dev->devid, strerror(-err));
}

static void act_connect(struct sup_device *dev)
{
	store_state(dev, XenbusStateConnected);
	dev->rescan = true;
}

static void act_close(struct sup_device *dev)
{
	/* Before the state: who sees that it closes looks for the reason at once. */
	if (dev->state == DEV_BANNING)
		store_error(dev, ban_reason(dev->dom));
	store_state(dev, XenbusStateClosing);
	all_sessions(dev, SES_EV_CLOSE);
}

static void act_closed(struct sup_device *dev)
{
	store_state(dev, XenbusStateClosed);
}

static void act_reset(struct sup_device *dev)
{
	store_state(dev, XenbusStateClosing);
	store_state(dev, XenbusStateClosed);
}

static void act_refuse(struct sup_device *dev)
{
	char text[CTL_MAX_TEXT];

	if (dev->has_version)
		snprintf(text, sizeof(text),
			 "versions do not meet: the frontend speaks %u, this backend "
			 VGPUIF_VERSION_STRING, dev->untrusted_version);
	else
		snprintf(text, sizeof(text),
			 "versions do not meet: the frontend names none it speaks, "
			 "this backend speaks " VGPUIF_VERSION_STRING);
	log_line(LOG_LEVEL_WARNING, &dev->dom->rate, "domain %u (%s) vgpu %u: %s", dev->dom->domid,
		 dev->dom->name, dev->devid, text);
	store_error(dev, text);
	store_state(dev, XenbusStateClosed);
}

static void act_fail(struct sup_device *dev)
{
	const char *why = dev->refused[0] ? dev->refused : dev->sup->pool.why;

	log_line(LOG_LEVEL_ERROR, &dev->dom->rate, "domain %u (%s) vgpu %u: no renderer: %s",
		 dev->dom->domid, dev->dom->name, dev->devid, why);
	store_error(dev, why);
	store_state(dev, XenbusStateClosed);
}

static void act_ban(struct sup_device *dev)
{
	store_error(dev, ban_reason(dev->dom));
	store_state(dev, XenbusStateClosed);
}

static void act_clear(struct sup_device *dev)
{
	store_error(dev, NULL);
}

static void act_abandon(struct sup_device *dev)
{
	store_unwatch_front(dev);
	all_sessions(dev, SES_EV_ABORT);
}

/* DEV_ACT_FREE is the caller's: the device is gone afterwards. */
static void (*const actions[DEV_N_ACTIONS])(struct sup_device *dev) = {
	[DEV_ACT_PUBLISH] = act_publish,
	[DEV_ACT_CONNECT] = act_connect,
	[DEV_ACT_CLOSE] = act_close,
	[DEV_ACT_CLOSED] = act_closed,
	[DEV_ACT_RESET] = act_reset,
	[DEV_ACT_REFUSE] = act_refuse,
	[DEV_ACT_FAIL] = act_fail,
	[DEV_ACT_BAN] = act_ban,
	[DEV_ACT_CLEAR] = act_clear,
	[DEV_ACT_ABANDON] = act_abandon,
};

/* Returns whether the device is free()d. */
static bool step(struct sup_device *dev, enum dev_event event)
{
	const struct dev_cell cell = fsm_dev(dev->state, event);

	if (cell.next != dev->state)
		log_line(LOG_LEVEL_DEBUG, &dev->dom->rate, "domain %u vgpu %u: %s: %s -> %s",
			 dev->dom->domid, dev->devid, fsm_dev_event_name(event),
			 fsm_dev_state_name(dev->state), fsm_dev_state_name(cell.next));
	dev->state = cell.next;
	if (cell.action == DEV_ACT_FREE) {
		device_free(dev);
		return true;
	}
	if (actions[cell.action])
		actions[cell.action](dev);
	return false;
}

/* --- looking at a device ---------------------------------------------------------------------- */

static bool front_event(struct sup_device *dev, const struct store_view *view,
			enum dev_event *event)
{
	int ours = 1;

	if (!view->front_exists) {
		*event = DEV_EV_FE_GONE;
		return true;
	}
	switch (view->front_state) {
	case XenbusStateInitialising:
	case XenbusStateInitWait:
		*event = DEV_EV_FE_INIT;
		return true;
	case XenbusStateInitialised:
	case XenbusStateConnected:
		/* Only the one who waits asks for the version; it is settled afterwards. */
		if (dev->state == DEV_WAIT)
			ours = store_version(dev);
		*event = ours ? DEV_EV_FE_CONNECT : DEV_EV_FE_VERSION;
		/* Nobody is refused for what could not be read; it is, later. */
		return ours >= 0;
	case XenbusStateClosing:
		*event = DEV_EV_FE_CLOSING;
		return true;
	case XenbusStateClosed:
		*event = DEV_EV_FE_CLOSED;
		return true;
	default:
		return false;
	}
}

static void try_again(void *arg)
{
	sup_device_dirty(arg);
}

/* Take one from a bucket of the device's, or have it come back later. */
static bool may(struct sup_device *dev, struct bucket *bucket)
{
	if (bucket_take(bucket, loop_now_ns()))
		return true;
	if (!dev->timer.armed)
		loop_timer_set(&dev->sup->loop, &dev->timer, EMPTY_MS, try_again, dev);
	return false;
}

static void found_session(struct sup_device *dev, uint32_t index)
{
	struct sup_session *s = sup_session_get(dev, index);

	if (s)
		s->dirty = true;
}

static void look_at_session(struct sup_session *s)
{
	struct sup_device *dev = s->dev;
	enum ses_state before;
	enum ses_event event;
	bool asks;
	int i;

	s->dirty = false;
	for (i = 0; i < MAX_STEPS; i++) {
		before = s->state;
		event = store_session_event(s);
		asks = event == SES_EV_FE_RENEWED ||
		       (event == SES_EV_FE_ASK && s->state == SES_IDLE);
		/* Asking is for a connected device; everything else is heard at any time. */
		if (asks && dev->state != DEV_CONNECTED)
			return;
		if (asks && !may(dev, &dev->dom->opens)) {
			s->dirty = true;
			return;
		}
		sup_session_event(s, event);
		if (s->state == before)
			return;
		if (s->state == SES_FREED) {
			sup_session_free(s);
			return;
		}
	}
}

static void look_at_sessions(struct sup_device *dev)
{
	uint32_t i;

	if (dev->rescan) {
		dev->rescan = false;
		for (i = 0; i < SUP_MAX_SESSIONS; i++) {
			if (dev->sessions[i])
				dev->sessions[i]->dirty = true;
		}
		if (dev->state == DEV_CONNECTED)
			store_sessions(dev, found_session);
	}
	for (i = 0; i < SUP_MAX_SESSIONS; i++) {
		if (dev->sessions[i] && dev->sessions[i]->dirty)
			look_at_session(dev->sessions[i]);
	}
}

/* Feed what is true now to the table until it stands still. Returns whether @dev is free()d. */
static bool settle(struct sup_device *dev)
{
	const struct sup_pool *pool = &dev->sup->pool;
	enum dev_event event;
	struct store_view view;
	enum dev_state before;
	int i;

	store_view(dev, &view);
	for (i = 0; i < MAX_STEPS; i++) {
		before = dev->state;
		if (dev->removed || !view.exists) {
			dev->removed = true;
			if (step(dev, DEV_EV_REMOVED))
				return true;
		} else {
			if (!view.online)
				step(dev, DEV_EV_OFFLINE);
			if (dev->sup->stopping)
				step(dev, DEV_EV_STOP);
			step(dev, ban_reason(dev->dom) ? DEV_EV_BAN : DEV_EV_ALLOW);
			if (front_event(dev, &view, &event))
				step(dev, event);
			if (pool->up && !dev->refused[0])
				step(dev, DEV_EV_GPU_UP);
			else if (pool->down || dev->refused[0])
				step(dev, DEV_EV_GPU_DOWN);
		}
		if (!dev->n_active && step(dev, DEV_EV_IDLE))
			return true;
		if (dev->state == before)
			break;
	}
	return false;
}

bool sup_devices_evaluate(struct sup *sup)
{
	struct sup_device *dev, *next;
	bool again = false;

	for (dev = TAILQ_FIRST(&sup->devices); dev; dev = next) {
		next = TAILQ_NEXT(dev, link);
		if (!dev->dirty || (!dev->removed && !may(dev, &dev->evaluations)))
			continue;
		dev->dirty = false;
		if (settle(dev))
			continue;
		if (dev->state != DEV_GONE)
			look_at_sessions(dev);
	}
	TAILQ_FOREACH(dev, &sup->devices, link)
		again |= dev->dirty && !dev->timer.armed;
	return again;
}
