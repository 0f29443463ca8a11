// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device: finding it, the xenbus states, what the backend advertises, and xenstore's news.
 *
 * The owner brings both ends to Connected. What an earlier owner left (it may have been killed in
 * any state) is closed first: 5, 6, and again from 1. A user of the device reads what the owner
 * brought about and keeps no watch on it: a guest has 128 watches in all.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fe_priv.h"
#include "xenbus.h"

#define NO_STATE	0u
#define CLOSE_MS	2000u
#define TOKEN_DEVICE	"device"
#define BAD_NODE	"the backend's node %s is missing or makes no sense"

uint64_t fe_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* A backend's node; its path is left in @path for a message. */
static int read_back(struct fe_device *dev, const char *dir, const char *name, char *text,
		     size_t bytes, char path[FE_PATH_BYTES])
{
	return xst_read(dev->xst, XST_NO_TX, fe_path(path, "%s/%s", dir, name), text, bytes);
}

static uint32_t read_state(struct fe_device *dev, const char *dir)
{
	char path[FE_PATH_BYTES];
	uint32_t state;

	if (xst_read_u32(dev->xst, XST_NO_TX, fe_path(path, "%s/state", dir), &state))
		return NO_STATE;
	return state;
}

static int write_state(struct fe_device *dev, unsigned int state)
{
	char path[FE_PATH_BYTES];

	return xst_printf(dev->xst, XST_NO_TX, fe_path(path, "%s/state", dev->front), "%u", state);
}

bool fe_dev_backend_error(struct fe_device *dev, const char *dir, char *text, size_t bytes)
{
	char path[FE_PATH_BYTES], untrusted_text[XST_MAX_VALUE + 1];

	if (read_back(dev, dir, VGPUIF_NODE_ERROR, untrusted_text, sizeof(untrusted_text),
		      path) <= 0)
		return false;
	fe_escape(text, bytes, untrusted_text);
	return true;
}

/* Take all events; what they say is looked up afterwards, so their number does not matter. */
static bool drain(struct fe_device *dev)
{
	char path[XST_MAX_PATH], token[XST_MAX_PATH];
	bool any = false;

	while (xst_next_event(dev->xst, path, token) > 0)
		any = true;
	return any;
}

int fe_dev_wait(struct fe_device *dev, uint64_t deadline_ns)
{
	struct pollfd pfd = { .fd = xst_fd(dev->xst), .events = POLLIN };
	uint64_t now = fe_now_ns();

	if (now >= deadline_ns)
		return -ETIMEDOUT;
	poll(&pfd, 1, (int)((deadline_ns - now) / 1000000u) + 1);
	drain(dev);
	return 0;
}

struct find {
	int devid;
};

static int find_lowest(const char *name, void *arg)
{
	struct find *find = arg;
	char *end;
	unsigned long devid = strtoul(name, &end, 10);

	if (*name >= '0' && *name <= '9' && !*end && devid < INT32_MAX &&
	    (find->devid < 0 || (int)devid < find->devid))
		find->devid = (int)devid;
	return 0;
}

/* Which device, whose, and where its nodes are. */
static int locate(struct fe_device *dev, int devid, char *why)
{
	struct find find = { .devid = devid };
	char path[FE_PATH_BYTES];
	uint32_t backend = 0;
	int err;

	err = xst_own_domid(dev->xst, &dev->limits.domid);
	if (err)
		return fe_explain(why, err, "this domain's id cannot be read from xenstore: %s",
				  strerror(-err));
	if (devid == FE_ANY_DEVICE)
		xst_list(dev->xst, XST_NO_TX, "device/" VGPUIF_DEVICE_CLASS, find_lowest, &find);
	fe_path(dev->front, "device/" VGPUIF_DEVICE_CLASS "/%d", find.devid);
	fe_path(path, "%s/backend-id", dev->front);
	err = find.devid < 0 ? -ENOENT : xst_read_u32(dev->xst, XST_NO_TX, path, &backend);
	if (err == -ENOENT)
		return fe_explain(why, -ENODEV,
				  "this guest has no vgpu: run `xengpu attach` in dom0");
	if (err || backend > UINT16_MAX)
		return fe_explain(why, -EPROTO, "%s is not a domain id", path);
	dev->limits.devid = (uint32_t)find.devid;
	dev->limits.backend_domid = (uint16_t)backend;
	fe_path(dev->back, "/local/domain/%u/backend/" VGPUIF_DEVICE_CLASS "/%u/%u", backend,
		dev->limits.domid, dev->limits.devid);
	return 0;
}

/* Wait until the backend is in one of the states of @mask (bit i: state i). */
static int wait_backend(struct fe_device *dev, unsigned int mask, uint64_t deadline_ns, char *why)
{
	char text[FE_TEXT_BYTES / 2];
	uint32_t state;

	for (;;) {
		state = read_state(dev, dev->back);
		if (state < 32 && (mask & (1u << state)))
			return 0;
		if (fe_dev_backend_error(dev, dev->back, text, sizeof(text)))
			return fe_explain(why, -ECONNREFUSED, "the backend says: %s", text);
		if (fe_dev_wait(dev, deadline_ns))
			break;
	}
	if (state == NO_STATE)
		return fe_explain(why, -ETIMEDOUT, "domain %u has no backend for this vgpu (%s is "
				  "not there): run `xengpu attach` in dom0 again",
				  dev->limits.backend_domid, dev->back);
	return fe_explain(why, -ETIMEDOUT, "the backend does not answer (it stays %s): is xengpud "
			  "running in domain %u?", xenbus_state_name(state),
			  dev->limits.backend_domid);
}

#define IN(state)	(1u << XenbusState##state)

/* Bring the backend to InitWait, wherever an earlier owner left it. */
static int settle(struct fe_device *dev, uint64_t deadline_ns, char *why)
{
	uint32_t state = read_state(dev, dev->back);
	int err;

	if (state == XenbusStateConnected || state == XenbusStateInitialised ||
	    state == XenbusStateClosing) {
		err = write_state(dev, XenbusStateClosing);
		if (!err)
			err = wait_backend(dev, IN(Closing) | IN(Closed) | IN(InitWait),
					   deadline_ns, why);
		if (!err)
			err = write_state(dev, XenbusStateClosed);
		if (!err)
			err = wait_backend(dev, IN(Closed) | IN(InitWait), deadline_ns, why);
		if (err)
			return err;
	}
	if (read_state(dev, dev->front) != XenbusStateInitialising) {
		err = write_state(dev, XenbusStateInitialising);
		if (err)
			return fe_explain(why, err, "%s/state cannot be written: %s", dev->front,
					  strerror(-err));
	}
	return wait_backend(dev, IN(InitWait), deadline_ns, why);
}

static int read_limit(struct fe_device *dev, const char *name, uint32_t min, uint32_t max,
		      uint32_t *out, char *why)
{
	char path[FE_PATH_BYTES];
	uint32_t value;

	fe_path(path, "%s/%s", dev->back, name);
	if (xst_read_u32(dev->xst, XST_NO_TX, path, &value) || value < min)
		return fe_explain(why, -EPROTO, BAD_NODE, path);
	*out = value > max ? max : value;
	return 0;
}

static int read_limits(struct fe_device *dev, char *why)
{
	struct fe_limits *l = &dev->limits;
	char path[FE_PATH_BYTES], text[XST_MAX_VALUE + 1], shown[64];
	uint64_t versions;
	int err;

	if (read_back(dev, dev->back, VGPUIF_NODE_VERSIONS, text, sizeof(text), path) < 0)
		return fe_explain(why, -EPROTO, BAD_NODE, path);
	fe_escape(shown, sizeof(shown), text);
	if (!fe_parse_list(text, &versions) || !(versions & (UINT64_C(1) << VGPUIF_VERSION)))
		return fe_explain(why, -EPROTO, "versions do not meet: the backend speaks \"%s\", "
				  "this frontend " VGPUIF_VERSION_STRING, shown);
	l->version = VGPUIF_VERSION;

	if (read_back(dev, dev->back, VGPUIF_NODE_CAPSETS, text, sizeof(text), path) < 0 ||
	    !fe_parse_list(text, &l->capsets))
		return fe_explain(why, -EPROTO, BAD_NODE, path);

	err = read_limit(dev, VGPUIF_NODE_MAX_RING_PAGE_ORDER, 0, VGPUIF_MAX_RING_PAGE_ORDER,
			 &l->max_ring_page_order, why);
	if (!err)
		err = read_limit(dev, VGPUIF_NODE_MAX_SESSIONS, 1, UINT16_MAX, &l->max_sessions,
				 why);
	if (!err)
		err = read_limit(dev, VGPUIF_NODE_MAX_BUFFER_PAGES, 1, VGPUIF_MAX_BUFFER_PAGES,
				 &l->max_buffer_pages, why);
	if (!err)
		err = read_limit(dev, VGPUIF_NODE_MAX_BUFFERS, 1, UINT32_MAX, &l->max_buffers, why);
	if (!err)
		err = read_limit(dev, VGPUIF_NODE_MAX_CONTEXTS, 1, UINT32_MAX, &l->max_contexts,
				 why);
	if (!err)
		err = read_limit(dev, VGPUIF_NODE_MAX_RESOURCES, 1, UINT32_MAX, &l->max_resources,
				 why);
	if (!err)
		err = read_limit(dev, VGPUIF_NODE_MAX_PAGES, 1, UINT32_MAX, &l->max_pages, why);
	/* Only for what people are told; an older backend does not have it. */
	fe_path(path, "%s/%s", dev->back, VGPUIF_NODE_MAX_MEMORY);
	if (xst_read_u32(dev->xst, XST_NO_TX, path, &l->max_memory_mib))
		l->max_memory_mib = 0;
	return err;
}

static int connect_owner(struct fe_device *dev, uint64_t deadline_ns, char *why)
{
	char path[FE_PATH_BYTES];
	int err;

	err = settle(dev, deadline_ns, why);
	if (!err)
		err = read_limits(dev, why);
	if (err)
		return err;
	fe_path(path, "%s/" VGPUIF_NODE_VERSION, dev->front);
	err = xst_printf(dev->xst, XST_NO_TX, path, "%u", dev->limits.version);
	if (!err)
		err = write_state(dev, XenbusStateInitialised);
	if (err)
		return fe_explain(why, err, "%s cannot be written: %s", dev->front, strerror(-err));
	err = wait_backend(dev, IN(Connected), deadline_ns, why);
	if (err)
		return err;
	err = write_state(dev, XenbusStateConnected);
	return err ? fe_explain(why, err, "%s/state: %s", dev->front, strerror(-err)) : 0;
}

static int connect_user(struct fe_device *dev, char *why)
{
	char text[FE_TEXT_BYTES / 2];

	if (fe_dev_backend_error(dev, dev->back, text, sizeof(text)))
		return fe_explain(why, -ECONNREFUSED, "the backend says: %s", text);
	if (read_state(dev, dev->front) != XenbusStateConnected ||
	    read_state(dev, dev->back) != XenbusStateConnected)
		return fe_explain(why, -ENODEV, "the vgpu is not connected");
	return read_limits(dev, why);
}

static int watch_device(struct fe_device *dev, char *why)
{
	int err = xst_watch(dev->xst, dev->back, TOKEN_DEVICE);

	if (!err)
		err = xst_watch(dev->xst, dev->front, TOKEN_DEVICE);
	/* After a save and restore this domain has another id, and all grants are dead. */
	if (!err)
		err = xst_watch(dev->xst, "domid", TOKEN_DEVICE);
	if (err)
		return fe_explain(why, err, "xenstore refuses a watch: %s", strerror(-err));
	dev->watching = true;
	return 0;
}

int fe_device_open(struct plat *plat, int devid, enum fe_role role, unsigned int timeout_ms,
		   struct fe_device **out, char *why)
{
	const uint64_t deadline_ns = fe_now_ns() + (uint64_t)timeout_ms * 1000000u;
	struct fe_device *dev = calloc(1, sizeof(*dev));
	int err;

	if (!dev)
		return fe_explain(why, -ENOMEM, "out of memory");
	dev->plat = plat;
	dev->role = role;
	LIST_INIT(&dev->sessions);
	err = xst_open(plat, &dev->xst);
	if (err) {
		fe_explain(why, err, "no xenstore here (%s): not a Xen guest, or /dev/xen/xenbus "
			   "is missing", strerror(-err));
		goto out_free;
	}
	err = locate(dev, devid, why);
	if (!err && role == FE_OWNER)
		err = watch_device(dev, why);
	if (!err)
		err = role == FE_OWNER ? connect_owner(dev, deadline_ns, why) :
					 connect_user(dev, why);
	if (err)
		goto out_close;
	*out = dev;
	return 0;

out_close:
	xst_close(dev->xst);
out_free:
	free(dev);
	return err;
}

void fe_device_close(struct fe_device *dev)
{
	const uint64_t deadline_ns = fe_now_ns() + CLOSE_MS * UINT64_C(1000000);

	if (!dev)
		return;
	/* Where the toolstack removed the nodes, writing would make a directory of ours again. */
	if (dev->role == FE_OWNER && read_state(dev, dev->front) != NO_STATE &&
	    read_state(dev, dev->back) != NO_STATE) {
		write_state(dev, XenbusStateClosing);
		wait_backend(dev, IN(Closing) | IN(Closed) | IN(InitWait) | 1u << NO_STATE,
			     deadline_ns, NULL);
		if (read_state(dev, dev->front) != NO_STATE)
			write_state(dev, XenbusStateClosed);
	}
	xst_close(dev->xst);
	free(dev);
}

const struct fe_limits *fe_device_limits(const struct fe_device *dev)
{
	return &dev->limits;
}

int fe_device_fd(const struct fe_device *dev)
{
	return xst_fd(dev->xst);
}

const char *fe_device_why(const struct fe_device *dev)
{
	return dev->why;
}

/* Is a connected device still connected? */
static void check_device(struct fe_device *dev)
{
	uint32_t back = read_state(dev, dev->back), front = read_state(dev, dev->front);
	char text[FE_TEXT_BYTES / 2];
	uint16_t domid;

	if (xst_own_domid(dev->xst, &domid) == 0 && domid != dev->limits.domid)
		fe_explain(dev->why, 0, "this domain was saved and restored (it was %u, it is %u)",
			   dev->limits.domid, domid);
	else if (fe_dev_backend_error(dev, dev->back, text, sizeof(text)))
		fe_explain(dev->why, 0, "the backend says: %s", text);
	else if (back == NO_STATE || front == NO_STATE)
		fe_explain(dev->why, 0, "the vgpu was detached");
	else if (back != XenbusStateConnected)
		fe_explain(dev->why, 0, "the backend closed the connection (it is %s): xengpud "
			   "stopped, or the vgpu is being detached", xenbus_state_name(back));
	else if (front != XenbusStateConnected)
		fe_explain(dev->why, 0, "somebody else changed %s/state to %u", dev->front, front);
	dev->lost = dev->why[0] != '\0';
}

int fe_device_process(struct fe_device *dev)
{
	struct fe_session *s;

	if (drain(dev)) {
		LIST_FOREACH(s, &dev->sessions, link)
			fe_dev_session_news(s);
		if (dev->role == FE_OWNER && !dev->lost)
			check_device(dev);
		if (dev->lost) {
			LIST_FOREACH(s, &dev->sessions, link)
				fe_session_lose(s, "%s", dev->why);
		}
	}
	return dev->lost ? -ENODEV : 0;
}

void fe_dev_session_news(struct fe_session *s)
{
	struct fe_device *dev = s->dev;
	uint32_t state = read_state(dev, s->back);
	char text[FE_TEXT_BYTES / 2];

	if (!s->connected)
		return;
	if (state == XenbusStateConnected)
		return;
	s->released = state == NO_STATE || state == XenbusStateClosed;
	if (fe_dev_backend_error(dev, s->back, text, sizeof(text)) ||
	    fe_dev_backend_error(dev, dev->back, text, sizeof(text)))
		fe_session_lose(s, "the backend says: %s", text);
	else
		fe_session_lose(s, "the backend closed the session (it is %s)",
				xenbus_state_name(state));
}

int fe_device_session_idle(struct fe_device *dev, uint32_t index)
{
	char front[FE_PATH_BYTES], back[FE_PATH_BYTES];
	uint32_t state;
	int err;

	fe_path(front, "%s/" VGPUIF_NODE_SESSION "%u", dev->front, index);
	fe_path(back, "%s/" VGPUIF_NODE_SESSION "%u", dev->back, index);
	state = read_state(dev, back);
	if (state != NO_STATE && state != XenbusStateClosed)
		return 0;
	if (read_state(dev, front) != NO_STATE) {
		err = xst_rm(dev->xst, XST_NO_TX, front);
		if (err)
			return err;
	}
	/* A backend that keeps its closed session's nodes is about to remove them. */
	return state == NO_STATE;
}

void fe_device_session_abandon(struct fe_device *dev, uint32_t index)
{
	char front[FE_PATH_BYTES], path[FE_PATH_BYTES];

	fe_path(front, "%s/" VGPUIF_NODE_SESSION "%u", dev->front, index);
	if (read_state(dev, front) != NO_STATE)
		xst_printf(dev->xst, XST_NO_TX, fe_path(path, "%s/state", front), "%d",
			   XenbusStateClosed);
}
