// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything the supervisor reads and writes in xenstore. A guest's nodes are read strictly, once,
 * at paths built from numbers; watch events only set flags, however many of them there are.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "paths.h"
#include "sup.h"

#define TOKEN_BACK	"back"
#define TOKEN_RELEASE	"release"
#define CHECK_DOMAINS_MS 5000u
#define BACK_RELATIVE	"backend/" VGPUIF_DEVICE_CLASS

/* --- watch events become flags ---------------------------------------------------------------- */

/* The next number in a path; @rest is set behind it and its '/'. */
static bool take_u16(const char **rest, uint16_t *out)
{
	size_t len = strcspn(*rest, "/");
	char digits[8];

	if (len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, *rest, len);
	digits[len] = '\0';
	if (xenbus_parse_u16(digits, out))
		return false;
	*rest += len;
	if (**rest == '/')
		(*rest)++;
	return true;
}

/* ".../backend/vgpu/G/N/node": ours, apart from online and what the toolstack creates. */
static void note_back(struct sup *sup, const char *path)
{
	const char *rest = strstr(path, BACK_RELATIVE);
	struct sup_device *dev;
	uint16_t domid, devid;

	if (!rest)
		return;
	rest += strlen(BACK_RELATIVE);
	if (*rest == '/')
		rest++;
	if (!take_u16(&rest, &domid) || !take_u16(&rest, &devid)) {
		sup->rescan = true;
		return;
	}
	if (*rest && strcmp(rest, "online") && strcmp(rest, "state"))
		return;
	dev = sup_device_find(sup, domid, devid);
	if (dev)
		sup_device_dirty(dev);
	if (!dev || !*rest)
		sup->rescan = true;
}

static void note_front(struct sup *sup, const char *token, const char *path)
{
	struct sup_device *dev;
	uint16_t domid, devid;
	uint32_t index;
	const char *rest;

	if (!take_u16(&token, &domid) || !take_u16(&token, &devid))
		return;
	dev = sup_device_find(sup, domid, devid);
	if (!dev)
		return;
	rest = paths_after(paths_front(domid, devid, NULL).s, path);
	if (!rest)
		return;
	if (!*rest)
		dev->rescan = true;
	if (paths_parse_session(rest, SUP_MAX_SESSIONS, &index)) {
		struct sup_session *s = dev->sessions[index];

		if (s) {
			s->dirty = true;
			/* Made or removed, or both. */
			if (!strchr(rest, '/'))
				s->renewed = true;
		} else {
			dev->rescan = true;
		}
	} else if (*rest && strcmp(rest, "state") && strcmp(rest, VGPUIF_NODE_VERSION)) {
		return;
	}
	sup_device_dirty(dev);
}

int store_drain(struct sup *sup)
{
	char path[XST_MAX_PATH], token[XST_MAX_PATH];
	int err;

	while ((err = xst_next_event(sup->xst, path, token)) == 1) {
		sup->watch_events++;
		if (!strcmp(token, TOKEN_BACK))
			note_back(sup, path);
		else if (!strcmp(token, TOKEN_RELEASE))
			sup->check_domains = true;
		else if (!strcmp(token, PROVISION_TOKEN))
			sup->check_new = true;
		else
			note_front(sup, token, path);
	}
	return err;
}

/* --- which devices there are ----------------------------------------------------------------- */

struct scan {
	struct sup *sup;
	uint16_t domid;
};

/* -ENOENT, it is gone; other errors say nothing about that. */
static int read_back(struct sup *sup, uint16_t domid, uint16_t devid)
{
	char value[16];
	int err = xst_read(sup->xst, XST_NO_TX, paths_back(sup->domid, domid, devid, "state").s,
			   value, sizeof(value));

	return err >= 0 || err == -E2BIG ? 0 : err;
}

static int scan_device(const char *name, void *arg)
{
	struct scan *scan = arg;
	struct sup_device *dev;
	uint16_t devid;

	if (xenbus_parse_u16(name, &devid) || sup_device_find(scan->sup, scan->domid, devid) ||
	    read_back(scan->sup, scan->domid, devid))
		return 0;
	dev = sup_device_new(scan->sup, scan->domid, devid);
	if (!dev) {
		log_error("vgpu %u of domain %u cannot be looked after yet: no memory, or xenstore "
			  "could not be asked", devid, scan->domid);
		scan->sup->look_again = true;
	}
	return 0;
}

static int scan_domain(const char *name, void *arg)
{
	struct scan *scan = arg;
	struct path dir;

	if (xenbus_parse_u16(name, &scan->domid))
		return 0;
	dir = paths_backs(scan->sup->domid, scan->domid);
	if (xst_domain_exists(scan->sup->xst, scan->domid) == 0) {
		log_info("domain %u is gone: removing %s", scan->domid, dir.s);
		xst_rm(scan->sup->xst, XST_NO_TX, dir.s);
		return 0;
	}
	xst_list(scan->sup->xst, XST_NO_TX, dir.s, scan_device, scan);
	return 0;
}

void store_scan(struct sup *sup)
{
	struct scan scan = { .sup = sup };
	struct sup_device *dev;

	sup->rescan = false;
	TAILQ_FOREACH(dev, &sup->devices, link) {
		if (dev->state == DEV_GONE ||
		    read_back(sup, dev->dom->domid, dev->devid) != -ENOENT)
			continue;
		dev->removed = true;
		sup_device_dirty(dev);
	}
	xst_list(sup->xst, XST_NO_TX, paths_back_root(sup->domid).s, scan_domain, &scan);
}

/* The domain is gone, or its id has come to mean another one. */
static bool domain_gone(struct sup *sup, struct sup_domain *dom)
{
	char vm[sizeof(dom->vm)];

	if (xst_domain_exists(sup->xst, dom->domid) == 0)
		return true;
	return dom->vm[0] && xst_read(sup->xst, XST_NO_TX, paths_home(dom->domid, "vm").s, vm,
				      sizeof(vm)) > 0 && strcmp(vm, dom->vm);
}

void store_check_domains(struct sup *sup)
{
	struct sup_device *dev;
	struct sup_domain *dom;

	sup->check_domains = false;
	LIST_FOREACH(dom, &sup->domains, link) {
		if (!domain_gone(sup, dom))
			continue;
		log_info("domain %u (%s) is gone", dom->domid, dom->name);
		TAILQ_FOREACH(dev, &sup->devices, link) {
			if (dev->dom != dom)
				continue;
			dev->removed = true;
			sup_device_dirty(dev);
		}
		/* The toolstack does not know this class and leaves it. */
		xst_rm(sup->xst, XST_NO_TX, paths_backs(sup->domid, dom->domid).s);
		provision_forget(sup, dom->domid);
	}
	provision_sweep(sup);
	sup->rescan = true;
}

static void check_domains_later(void *arg)
{
	struct sup *sup = arg;

	sup->check_domains = true;
	loop_timer_set(&sup->loop, &sup->domains_timer, CHECK_DOMAINS_MS, check_domains_later, sup);
}

static void xst_ready(void *arg, uint32_t events)
{
	/* The loop drains after every turn. */
	(void)arg;
	(void)events;
}

int store_start(struct sup *sup)
{
	int err;

	err = xst_watch(sup->xst, BACK_RELATIVE, TOKEN_BACK);
	if (err)
		return err;
	/* Special watches are for dom0, and for those to whom it gave permission. */
	err = xst_watch(sup->xst, "@releaseDomain", TOKEN_RELEASE);
	if (err) {
		log_warning("cannot watch @releaseDomain (%s): looking every %u s instead",
			    strerror(-err), CHECK_DOMAINS_MS / 1000);
		check_domains_later(sup);
	}
	err = loop_add(&sup->loop, &sup->xst_source, xst_fd(sup->xst), EPOLLIN, xst_ready, sup);
	if (err)
		return err;
	sup->rescan = true;
	return provision_start(sup);
}

static struct path front_token(const struct sup_device *dev)
{
	struct path token;

	snprintf(token.s, sizeof(token.s), "%u/%u", dev->dom->domid, dev->devid);
	return token;
}

void store_watch_front(struct sup_device *dev)
{
	struct path dir = paths_front(dev->dom->domid, dev->devid, NULL);
	int err = xst_watch(dev->sup->xst, dir.s, front_token(dev).s);

	dev->watching = !err;
	if (err)
		log_error("cannot watch %s: %s", dir.s, strerror(-err));
}

void store_unwatch_front(struct sup_device *dev)
{
	if (dev->watching)
		xst_unwatch(dev->sup->xst, paths_front(dev->dom->domid, dev->devid, NULL).s,
			    front_token(dev).s);
	dev->watching = false;
}

/* --- a device --------------------------------------------------------------------------------- */

void store_view(struct sup_device *dev, struct store_view *view)
{
	const uint16_t g = dev->dom->domid, n = dev->devid, b = dev->sup->domid;
	struct xst *xst = dev->sup->xst;
	enum xenbus_state back_state;
	uint32_t online;
	int err;

	*view = (struct store_view){ .online = true, .front_exists = true };
	err = xenbus_read_state(xst, XST_NO_TX, paths_back(b, g, n, "state").s, &back_state);
	/* Only the toolstack writes Initialising, into a directory it has just made. */
	view->exists = err != -ENOENT &&
		       !(!err && back_state == XenbusStateInitialising && dev->wrote_state);
	if (!xst_read_u32(xst, XST_NO_TX, paths_back(b, g, n, "online").s, &online))
		view->online = online != 0;
	err = xenbus_read_state(xst, XST_NO_TX, paths_front(g, n, "state").s, &view->front_state);
	/* What it hides from us is as good as gone; what is no state will become one. */
	if (err == -ENOENT || err == -EACCES)
		view->front_exists = false;
}

static uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t limit(const struct sup_device *dev, enum option_key key, uint32_t most)
{
	const uint32_t wanted = option_number(&dev->option, key);

	return dev->option.given & OPTION_BIT(key) ? least(wanted, most) : most;
}

static uint32_t given_or(const struct sup_device *dev, enum option_key key, uint32_t preset)
{
	return dev->option.given & OPTION_BIT(key) ? option_number(&dev->option, key) : preset;
}

int store_option(struct sup_device *dev)
{
	const struct attach_vgpu vgpu = { .domid = dev->dom->domid, .devid = dev->devid,
					  .backend = dev->sup->domid };
	const struct sup_config *cfg = &dev->sup->cfg;
	int err = attach_read_option(dev->sup->xst, &vgpu, &dev->option);

	if (xst_is_trouble(err))
		return err;
	dev->refused[0] = '\0';
	if (err)
		snprintf(dev->refused, sizeof(dev->refused),
			 "what the toolstack wrote for vgpu %u makes no sense (%s): attach it anew",
			 dev->devid, strerror(-err));
	else if ((dev->option.given & OPTION_BIT(OPTION_GPU)) && strcmp(dev->option.gpu, "auto") &&
		 strcmp(dev->option.gpu, cfg->gpu))
		snprintf(dev->refused, sizeof(dev->refused),
			 "gpu=%s is asked for, and xengpud in domain %u serves gpu=%s",
			 dev->option.gpu, dev->sup->domid, cfg->gpu);
	dev->limits = (struct sup_limits){
		.sessions = limit(dev, OPTION_SESSIONS, cfg->max_sessions),
		.contexts = limit(dev, OPTION_CONTEXTS, cfg->max_contexts),
		.resources = limit(dev, OPTION_RESOURCES, cfg->max_resources),
		.pages = limit(dev, OPTION_PAGES, cfg->max_pages),
		.memory_mib = given_or(dev, OPTION_MEMORY, cfg->default_memory_mib),
		.inflight_mib = given_or(dev, OPTION_INFLIGHT, option_preset(OPTION_INFLIGHT)),
		.max_fps = given_or(dev, OPTION_MAX_FPS, 0),
	};
	sched_device_option(dev);
	return 0;
}

int store_version(struct sup_device *dev)
{
	int err = xst_read_u32(dev->sup->xst, XST_NO_TX,
			       paths_front(dev->dom->domid, dev->devid, VGPUIF_NODE_VERSION).s,
			       &dev->untrusted_version);

	if (xst_is_trouble(err))
		return err;
	dev->has_version = !err;
	return dev->has_version && xenbus_list_has(VGPUIF_VERSION_STRING, dev->untrusted_version);
}

static int publish_number(struct sup_device *dev, xst_tx tx, const char *node, uint32_t value)
{
	return xst_printf(dev->sup->xst, tx,
			  paths_back(dev->sup->domid, dev->dom->domid, dev->devid, node).s, "%u",
			  value);
}

static int publish_text(struct sup_device *dev, xst_tx tx, const char *node, const char *text)
{
	return xst_write(dev->sup->xst, tx,
			 paths_back(dev->sup->domid, dev->dom->domid, dev->devid, node).s, text);
}

static void format_capsets(const struct ctl_ready *ready, char *text, size_t bytes)
{
	size_t used = 0;
	uint32_t i;
	int n;

	text[0] = '\0';
	for (i = 0; i < ready->n_capsets && i < CTL_MAX_CAPSETS; i++) {
		n = snprintf(text + used, bytes - used, "%s%u", used ? "," : "",
			     ready->capset[i].id);
		if (n < 0 || (size_t)n >= bytes - used)
			return;
		used += (size_t)n;
	}
}

static int publish_tx(struct xst *xst, xst_tx tx, void *arg)
{
	struct sup_device *dev = arg;
	const struct sup_config *cfg = &dev->sup->cfg;
	const struct {
		const char *node;
		uint32_t value;
	} limits[] = {
		{ VGPUIF_NODE_MAX_RING_PAGE_ORDER, cfg->max_ring_order },
		{ VGPUIF_NODE_MAX_SESSIONS, dev->limits.sessions },
		{ VGPUIF_NODE_MAX_BUFFER_PAGES, least(cfg->max_buffer_pages, dev->limits.pages) },
		{ VGPUIF_NODE_MAX_BUFFERS, cfg->max_buffers },
		{ VGPUIF_NODE_MAX_CONTEXTS, dev->limits.contexts },
		{ VGPUIF_NODE_MAX_RESOURCES, dev->limits.resources },
		{ VGPUIF_NODE_MAX_PAGES, dev->limits.pages },
		{ VGPUIF_NODE_MAX_MEMORY, dev->limits.memory_mib },
	};
	char capsets[CTL_MAX_CAPSETS * 11 + 1], state[16];
	size_t i;
	int err;

	err = xst_read(xst, tx, paths_back(dev->sup->domid, dev->dom->domid, dev->devid, "state").s,
		       state, sizeof(state));
	if (err < 0)
		return err;
	format_capsets(&dev->sup->pool.ready, capsets, sizeof(capsets));
	err = publish_text(dev, tx, VGPUIF_NODE_VERSIONS, VGPUIF_VERSION_STRING);
	if (!err)
		err = publish_text(dev, tx, VGPUIF_NODE_CAPSETS, capsets);
	for (i = 0; !err && i < sizeof(limits) / sizeof(limits[0]); i++)
		err = publish_number(dev, tx, limits[i].node, limits[i].value);
	if (!err)
		err = publish_number(dev, tx, "state", XenbusStateInitWait);
	return err;
}

int store_publish(struct sup_device *dev)
{
	int err = xenbus_transaction(dev->sup->xst, publish_tx, dev);

	if (!err)
		dev->wrote_state = true;
	return err;
}

static bool worth_logging(int err)
{
	return err && err != -ENOENT;
}

void store_state(struct sup_device *dev, enum xenbus_state state)
{
	struct path node = paths_back(dev->sup->domid, dev->dom->domid, dev->devid, "state");
	int err = xenbus_switch_state(dev->sup->xst, node.s, state);

	if (!err)
		dev->wrote_state = true;
	if (worth_logging(err))
		log_line(LOG_LEVEL_ERROR, &dev->dom->rate, "cannot write %s: %s", node.s,
			 strerror(-err));
}

struct node_text {
	struct path guard;	/* written only while this exists */
	struct path node;
	const char *text;
};

static int node_text_tx(struct xst *xst, xst_tx tx, void *arg)
{
	const struct node_text *n = arg;
	char state[16];
	int err = xst_read(xst, tx, n->guard.s, state, sizeof(state));

	if (err < 0)
		return err;
	return n->text ? xst_write(xst, tx, n->node.s, n->text) : xst_rm(xst, tx, n->node.s);
}

void store_error(struct sup_device *dev, const char *text)
{
	struct node_text n = {
		.guard = paths_back(dev->sup->domid, dev->dom->domid, dev->devid, "state"),
		.node = paths_back(dev->sup->domid, dev->dom->domid, dev->devid, VGPUIF_NODE_ERROR),
		.text = text,
	};
	int err = xenbus_transaction(dev->sup->xst, node_text_tx, &n);

	if (worth_logging(err))
		log_line(LOG_LEVEL_ERROR, &dev->dom->rate, "cannot write %s: %s", n.node.s,
			 strerror(-err));
}
