// SPDX-License-Identifier: GPL-2.0-only
/*
 * Making and removing the nodes of a vgpu; see attach.h.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "paths.h"
#include "xenbus.h"

/* --- "key=value,..." ------------------------------------------------------------------------- */

static int set_backend(struct attach_keys *keys, const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || len >= sizeof(keys->backend))
		return -EINVAL;
	memcpy(keys->backend, value, len + 1);
	return 0;
}

static int set_devid(struct attach_keys *keys, const char *value)
{
	return xenbus_parse_u16(value, &keys->devid);
}

static const struct key {
	const char *name;
	const char *allowed;
	int (*set)(struct attach_keys *keys, const char *value);
} keys_known[] = {
	{ "backend", "a domain's name or id", set_backend },
	{ "devid", "0..65535", set_devid },
};

#define N_KEYS	(sizeof(keys_known) / sizeof(keys_known[0]))

static void list_keys(char *why, size_t used)
{
	size_t i;
	int n;

	for (i = 0; i < N_KEYS; i++) {
		n = snprintf(why + used, ATTACH_MAX_WHY - used, "%s%s=", i ? ", " : " ",
			     keys_known[i].name);
		if (n < 0 || (size_t)n >= ATTACH_MAX_WHY - used)
			return;
		used += (size_t)n;
	}
}

static int parse_one(char *item, struct attach_keys *keys, char *why)
{
	char *equals = strchr(item, '=');
	size_t i;
	int n;

	if (equals)
		*equals = '\0';
	for (i = 0; i < N_KEYS; i++) {
		if (!strcmp(item, keys_known[i].name))
			break;
	}
	if (i == N_KEYS) {
		n = snprintf(why, ATTACH_MAX_WHY, "unknown key '%.40s'; allowed are", item);
		list_keys(why, (size_t)n);
		return -EINVAL;
	}
	if (!equals || keys_known[i].set(keys, equals + 1)) {
		snprintf(why, ATTACH_MAX_WHY, "%s=%.40s: the value must be %s", item,
			 equals ? equals + 1 : "", keys_known[i].allowed);
		return -EINVAL;
	}
	return 0;
}

int attach_parse_keys(const char *text, struct attach_keys *keys, char *why)
{
	char copy[512], *rest = copy, *item;
	size_t len = strlen(text);
	int err;

	if (len >= sizeof(copy)) {
		snprintf(why, ATTACH_MAX_WHY, "more than %zu characters of keys", sizeof(copy) - 1);
		return -EINVAL;
	}
	memcpy(copy, text, len + 1);
	while ((item = strsep(&rest, ","))) {
		err = parse_one(item, keys, why);
		if (err)
			return err;
	}
	return 0;
}

/* --- domains --------------------------------------------------------------------------------- */

struct find {
	struct xst *xst;
	const char *name;
	uint16_t domid;
};

static int find_each(const char *name, void *arg)
{
	struct find *find = arg;
	char found[ATTACH_MAX_NAME];
	uint16_t domid;

	if (xenbus_parse_u16(name, &domid) ||
	    xst_read(find->xst, XST_NO_TX, paths_home(domid, "name").s, found, sizeof(found)) < 0 ||
	    strcmp(found, find->name))
		return 0;
	find->domid = domid;
	return 1;
}

int attach_find_domain(struct xst *xst, const char *name_or_id, uint16_t *out)
{
	struct find find = { .xst = xst, .name = name_or_id };
	uint16_t domid;
	int err;

	if (!strcmp(name_or_id, "dom0"))
		name_or_id = "0";
	if (!xenbus_parse_u16(name_or_id, &domid)) {
		err = domid ? xst_domain_exists(xst, domid) : 1;
		if (err < 0)
			return err;
		if (err == 0)
			return -ENOENT;
		*out = domid;
		return 0;
	}
	err = xst_list(xst, XST_NO_TX, "/local/domain", find_each, &find);
	if (err < 0)
		return err;
	if (err == 0)
		return -ENOENT;
	*out = find.domid;
	return 0;
}

void attach_domain_name(struct xst *xst, uint16_t domid, char *name)
{
	if (xst_read(xst, XST_NO_TX, paths_home(domid, "name").s, name, ATTACH_MAX_NAME) < 0)
		snprintf(name, ATTACH_MAX_NAME, "(null)");
}

/* --- devices --------------------------------------------------------------------------------- */

static bool exists(struct xst *xst, xst_tx tx, struct path p)
{
	char value[8];
	int err = xst_read(xst, tx, p.s, value, sizeof(value));

	return err >= 0 || err == -E2BIG;
}

static int mkdir_perms(struct xst *xst, xst_tx tx, const char *path, uint16_t owner,
		       uint16_t reader)
{
	int err = xst_mkdir(xst, tx, path);

	return err ? err : xst_set_perms(xst, tx, path, owner, reader);
}

/* The guest owns the directory, but not the two nodes that say who its backend is. */
static int add_front(struct xst *xst, xst_tx tx, const struct attach_vgpu *v)
{
	const uint16_t g = v->domid, n = v->devid, b = v->backend;
	int err;

	err = mkdir_perms(xst, tx, paths_front(g, n, NULL).s, g, b);
	if (!err)
		err = xst_write(xst, tx, paths_front(g, n, "backend").s,
				paths_back(b, g, n, NULL).s);
	if (!err)
		err = xst_set_perms(xst, tx, paths_front(g, n, "backend").s, b, g);
	if (!err)
		err = xst_printf(xst, tx, paths_front(g, n, "backend-id").s, "%u", b);
	if (!err)
		err = xst_set_perms(xst, tx, paths_front(g, n, "backend-id").s, b, g);
	if (!err)
		err = xst_printf(xst, tx, paths_front(g, n, "state").s, "%d",
				 XenbusStateInitialising);
	if (!err)
		err = xst_set_perms(xst, tx, paths_front(g, n, "state").s, g, b);
	return err;
}

static int add_back(struct xst *xst, xst_tx tx, const struct attach_vgpu *v)
{
	const uint16_t g = v->domid, n = v->devid, b = v->backend;
	int err;

	/* The guest's directory as well: the backend removes it when the guest is gone. */
	err = mkdir_perms(xst, tx, paths_backs(b, g).s, b, g);
	if (!err)
		err = mkdir_perms(xst, tx, paths_back(b, g, n, NULL).s, b, g);
	if (!err)
		err = xst_write(xst, tx, paths_back(b, g, n, "frontend").s,
				paths_front(g, n, NULL).s);
	if (!err)
		err = xst_printf(xst, tx, paths_back(b, g, n, "frontend-id").s, "%u", g);
	if (!err)
		err = xst_write(xst, tx, paths_back(b, g, n, "online").s, "1");
	if (!err)
		err = xst_printf(xst, tx, paths_back(b, g, n, "state").s, "%d",
				 XenbusStateInitialising);
	return err;
}

static int add_libxl(struct xst *xst, xst_tx tx, const struct attach_vgpu *v)
{
	const uint16_t g = v->domid, n = v->devid, b = v->backend;
	int err;

	err = xst_write(xst, tx, paths_libxl(g, n, "frontend").s, paths_front(g, n, NULL).s);
	if (!err)
		err = xst_write(xst, tx, paths_libxl(g, n, "backend").s,
				paths_back(b, g, n, NULL).s);
	if (!err)
		err = xst_printf(xst, tx, paths_libxl(g, n, "backend-id").s, "%u", b);
	return err;
}

static int add_tx(struct xst *xst, xst_tx tx, void *arg)
{
	const struct attach_vgpu *v = arg;
	int err;

	/* A guest can remove its own part; what has just one of the others is left from a domain
	 * that had this number before. */
	if (exists(xst, tx, paths_front(v->domid, v->devid, NULL)) ||
	    (exists(xst, tx, paths_libxl(v->domid, v->devid, NULL)) &&
	     exists(xst, tx, paths_back(v->backend, v->domid, v->devid, "state"))))
		return -EEXIST;
	err = xst_rm(xst, tx, paths_back(v->backend, v->domid, v->devid, NULL).s);
	if (!err)
		err = add_libxl(xst, tx, v);
	if (!err)
		err = add_front(xst, tx, v);
	if (!err)
		err = add_back(xst, tx, v);
	return err;
}

int attach_add(struct xst *xst, const struct attach_vgpu *vgpu)
{
	struct attach_vgpu copy = *vgpu;

	return xenbus_transaction(xst, add_tx, &copy);
}

int attach_lookup(struct xst *xst, uint16_t domid, uint16_t devid, struct attach_vgpu *out)
{
	uint32_t backend;
	int err;

	err = xst_read_u32(xst, XST_NO_TX, paths_libxl(domid, devid, "backend-id").s, &backend);
	if (err)
		return err;
	if (backend > UINT16_MAX)
		return -EINVAL;
	*out = (struct attach_vgpu){ .domid = domid, .devid = devid, .backend = (uint16_t)backend };
	return 0;
}

struct each {
	struct xst *xst;
	uint16_t domid;
	int (*fn)(const struct attach_vgpu *vgpu, void *arg);
	void *arg;
};

static int each_device(const char *name, void *arg)
{
	struct each *each = arg;
	struct attach_vgpu vgpu;
	uint16_t devid;

	if (xenbus_parse_u16(name, &devid) || attach_lookup(each->xst, each->domid, devid, &vgpu))
		return 0;
	return each->fn(&vgpu, each->arg);
}

static int each_domain(const char *name, void *arg)
{
	struct each *each = arg;
	int err;

	if (xenbus_parse_u16(name, &each->domid))
		return 0;
	err = xst_list(each->xst, XST_NO_TX, paths_libxls(each->domid).s, each_device, each);
	return err == -ENOENT ? 0 : err;
}

int attach_each(struct xst *xst, int domid, int (*fn)(const struct attach_vgpu *vgpu, void *arg),
		void *arg)
{
	struct each each = { .xst = xst, .fn = fn, .arg = arg };
	char name[8];
	int err;

	if (domid >= 0) {
		snprintf(name, sizeof(name), "%u", (uint16_t)domid);
		return each_domain(name, &each);
	}
	err = xst_list(xst, XST_NO_TX, "/libxl", each_domain, &each);
	return err == -ENOENT ? 0 : err;
}

static int close_tx(struct xst *xst, xst_tx tx, void *arg)
{
	const struct attach_vgpu *v = arg;
	int err;

	if (!exists(xst, tx, paths_back(v->backend, v->domid, v->devid, "state")))
		return -ENOENT;
	err = xst_write(xst, tx, paths_back(v->backend, v->domid, v->devid, "online").s, "0");
	if (!err)
		err = xst_printf(xst, tx, paths_back(v->backend, v->domid, v->devid, "state").s,
				 "%d", XenbusStateClosing);
	return err;
}

int attach_close(struct xst *xst, const struct attach_vgpu *vgpu)
{
	struct attach_vgpu copy = *vgpu;

	return xenbus_transaction(xst, close_tx, &copy);
}

static int any_child(const char *name, void *arg)
{
	(void)name;
	(void)arg;
	return 1;
}

static int rm_if_empty(struct xst *xst, xst_tx tx, struct path p)
{
	int err = xst_list(xst, tx, p.s, any_child, NULL);

	if (err == 1 || err == -ENOENT)
		return 0;
	return err ? err : xst_rm(xst, tx, p.s);
}

static int remove_tx(struct xst *xst, xst_tx tx, void *arg)
{
	const struct attach_vgpu *v = arg;
	int err;

	err = xst_rm(xst, tx, paths_front(v->domid, v->devid, NULL).s);
	if (!err)
		err = xst_rm(xst, tx, paths_back(v->backend, v->domid, v->devid, NULL).s);
	if (!err)
		err = xst_rm(xst, tx, paths_libxl(v->domid, v->devid, NULL).s);
	if (!err)
		err = rm_if_empty(xst, tx, paths_fronts(v->domid));
	if (!err)
		err = rm_if_empty(xst, tx, paths_backs(v->backend, v->domid));
	if (!err)
		err = rm_if_empty(xst, tx, paths_libxls(v->domid));
	if (!err)
		err = rm_if_empty(xst, tx, paths_libxl_domain(v->domid, "device"));
	if (!err)
		err = rm_if_empty(xst, tx, paths_libxl_domain(v->domid, NULL));
	return err;
}

int attach_remove(struct xst *xst, const struct attach_vgpu *vgpu)
{
	struct attach_vgpu copy = *vgpu;

	return xenbus_transaction(xst, remove_tx, &copy);
}
