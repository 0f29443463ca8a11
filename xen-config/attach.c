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

int attach_find_name(struct xst *xst, const char *name, uint16_t *out)
{
	struct find find = { .xst = xst, .name = name };
	int err;

	err = xst_list(xst, XST_NO_TX, "/local/domain", find_each, &find);
	if (err < 0)
		return err;
	if (err == 0)
		return -ENOENT;
	*out = find.domid;
	return 0;
}

int attach_find_domain(struct xst *xst, const char *name_or_id, uint16_t *out)
{
	uint16_t domid;
	int err;

	if (!strcmp(name_or_id, "dom0"))
		name_or_id = "0";
	if (xenbus_parse_u16(name_or_id, &domid))
		return attach_find_name(xst, name_or_id, out);
	err = domid ? xst_domain_exists(xst, domid) : 1;
	if (err < 0)
		return err;
	if (err == 0)
		return -ENOENT;
	*out = domid;
	return 0;
}

int attach_domain_name(struct xst *xst, uint16_t domid, char *name)
{
	int err = xst_read(xst, XST_NO_TX, paths_home(domid, "name").s, name, ATTACH_MAX_NAME);

	if (err < 0)
		snprintf(name, ATTACH_MAX_NAME, ATTACH_NO_NAME);
	return err < 0 ? err : 0;
}

int attach_domain_uuid(struct xst *xst, uint16_t domid, char *uuid)
{
	static const char prefix[] = "/vm/";
	char vm[64];
	int err;

	err = xst_read(xst, XST_NO_TX, paths_home(domid, "vm").s, vm, sizeof(vm));
	if (err < 0)
		return err == -E2BIG ? -EINVAL : err;
	if (strncmp(vm, prefix, sizeof(prefix) - 1) ||
	    strlen(vm) != sizeof(prefix) - 1 + ATTACH_UUID_BYTES - 1)
		return -EINVAL;
	memcpy(uuid, vm + sizeof(prefix) - 1, ATTACH_UUID_BYTES);
	return 0;
}

/* --- devices --------------------------------------------------------------------------------- */

static bool exists(struct xst *xst, xst_tx tx, struct path p)
{
	char value[8];
	int err = xst_read(xst, tx, p.s, value, sizeof(value));

	return err >= 0 || err == -E2BIG;
}

/* Where the nodes go: into xenstore, or to somebody who only wants to know. */
struct sink {
	int (*each)(const struct attach_node *node, void *arg);
	void *arg;
};

/* A node with permissions of its own; others have their directory's. */
static int own(const struct sink *sink, struct path p, const char *value, uint16_t owner,
	       uint16_t reader)
{
	const struct attach_node node = { p.s, value, true, owner, reader };

	return sink->each(&node, sink->arg);
}

static int plain(const struct sink *sink, struct path p, const char *value)
{
	const struct attach_node node = { .path = p.s, .value = value };

	return sink->each(&node, sink->arg);
}

static const char *number(char *text, size_t bytes, unsigned int value)
{
	snprintf(text, bytes, "%u", value);
	return text;
}

/* The guest owns the directory, but not the two nodes that say who its backend is. */
static int front_nodes(const struct sink *sink, const struct attach_vgpu *v)
{
	const uint16_t g = v->domid, n = v->devid, b = v->backend;
	char text[16];
	int err;

	err = own(sink, paths_front(g, n, NULL), NULL, g, b);
	if (!err)
		err = own(sink, paths_front(g, n, "backend"), paths_back(b, g, n, NULL).s, b, g);
	if (!err)
		err = own(sink, paths_front(g, n, "backend-id"), number(text, sizeof(text), b), b,
			  g);
	if (!err)
		err = own(sink, paths_front(g, n, "state"),
			  number(text, sizeof(text), XenbusStateInitialising), g, b);
	return err;
}

static int option_nodes(const struct sink *sink, const struct attach_vgpu *v,
			const struct vgpu_option *option)
{
	char value[OPTION_MAX_NAME];
	const char *node;
	size_t i;
	int err = 0;

	for (i = 0; !err && i < OPTION_N_KEYS; i++) {
		node = option_node((enum option_key)i);
		if (!node || !(option->given & OPTION_BIT(i)))
			continue;
		option_value(option, (enum option_key)i, value);
		err = plain(sink, paths_back(v->backend, v->domid, v->devid, node), value);
	}
	return err;
}

static int back_nodes(const struct sink *sink, const struct attach_vgpu *v,
		      const struct vgpu_option *option)
{
	const uint16_t g = v->domid, n = v->devid, b = v->backend;
	char text[16];
	int err;

	/* The guest's directory as well: the backend removes it when the guest is gone. */
	err = own(sink, paths_backs(b, g), NULL, b, g);
	if (!err)
		err = own(sink, paths_back(b, g, n, NULL), NULL, b, g);
	if (!err)
		err = plain(sink, paths_back(b, g, n, "frontend"), paths_front(g, n, NULL).s);
	if (!err)
		err = plain(sink, paths_back(b, g, n, "frontend-id"),
			    number(text, sizeof(text), g));
	if (!err)
		err = plain(sink, paths_back(b, g, n, "online"), "1");
	if (!err && option)
		err = option_nodes(sink, v, option);
	if (!err)
		err = plain(sink, paths_back(b, g, n, "state"),
			    number(text, sizeof(text), XenbusStateInitialising));
	return err;
}

static int libxl_nodes(const struct sink *sink, const struct attach_vgpu *v)
{
	const uint16_t g = v->domid, n = v->devid, b = v->backend;
	char text[16];
	int err;

	err = plain(sink, paths_libxl(g, n, "frontend"), paths_front(g, n, NULL).s);
	if (!err)
		err = plain(sink, paths_libxl(g, n, "backend"), paths_back(b, g, n, NULL).s);
	if (!err)
		err = plain(sink, paths_libxl(g, n, "backend-id"), number(text, sizeof(text), b));
	return err;
}

int attach_each_node(const struct attach_vgpu *vgpu, const struct vgpu_option *option,
		     int (*each)(const struct attach_node *node, void *arg), void *arg)
{
	const struct sink sink = { each, arg };
	int err;

	err = libxl_nodes(&sink, vgpu);
	if (!err)
		err = front_nodes(&sink, vgpu);
	if (!err)
		err = back_nodes(&sink, vgpu, option);
	return err;
}

struct add {
	const struct attach_vgpu *vgpu;
	const struct vgpu_option *option;
	struct xst *xst;
	xst_tx tx;
};

static int add_node(const struct attach_node *node, void *arg)
{
	const struct add *add = arg;
	int err;

	if (node->value)
		err = xst_write(add->xst, add->tx, node->path, node->value);
	else
		err = xst_mkdir(add->xst, add->tx, node->path);
	if (!err && node->has_perms)
		err = xst_set_perms(add->xst, add->tx, node->path, node->owner, node->reader);
	return err;
}

static int add_identity(const struct add *add)
{
	const struct attach_vgpu *v = add->vgpu;
	char name[ATTACH_MAX_NAME], uuid[ATTACH_UUID_BYTES];
	int err = 0;

	attach_domain_name(add->xst, v->domid, name);
	if (strcmp(name, ATTACH_NO_NAME))
		err = xst_write(add->xst, add->tx,
				paths_back(v->backend, v->domid, v->devid, ATTACH_NODE_NAME).s, name);
	if (!err && !attach_domain_uuid(add->xst, v->domid, uuid))
		err = xst_write(add->xst, add->tx,
				paths_back(v->backend, v->domid, v->devid, ATTACH_NODE_UUID).s, uuid);
	return err;
}

static int add_tx(struct xst *xst, xst_tx tx, void *arg)
{
	struct add *add = arg;
	const struct attach_vgpu *v = add->vgpu;
	int err;

	/* A guest can remove its own part; what has just one of the others is left from a domain
	 * that had this number before. */
	if (exists(xst, tx, paths_front(v->domid, v->devid, NULL)) ||
	    (exists(xst, tx, paths_libxl(v->domid, v->devid, NULL)) &&
	     exists(xst, tx, paths_back(v->backend, v->domid, v->devid, "state"))))
		return -EEXIST;
	err = xst_rm(xst, tx, paths_back(v->backend, v->domid, v->devid, NULL).s);
	if (err)
		return err;
	add->xst = xst;
	add->tx = tx;
	err = attach_each_node(v, add->option, add_node, add);
	return err ? err : add_identity(add);
}

int attach_add(struct xst *xst, const struct attach_vgpu *vgpu, const struct vgpu_option *option)
{
	struct add add = { .vgpu = vgpu, .option = option };

	return xenbus_transaction(xst, add_tx, &add);
}

int attach_read_option(struct xst *xst, const struct attach_vgpu *vgpu, struct vgpu_option *out)
{
	struct vgpu_option option = { 0 };
	char value[OPTION_MAX_NAME], why[WHY_BYTES];
	const char *node;
	size_t i;
	int n;

	for (i = 0; i < OPTION_N_KEYS; i++) {
		node = option_node((enum option_key)i);
		if (!node)
			continue;
		n = xst_read(xst, XST_NO_TX,
			     paths_back(vgpu->backend, vgpu->domid, vgpu->devid, node).s, value,
			     sizeof(value));
		if (n == -ENOENT)
			continue;
		if (n == -E2BIG || (n >= 0 && option_set(&option, (enum option_key)i, value, why)))
			return -EINVAL;
		if (n < 0)
			return n;
	}
	*out = option;
	return 0;
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

struct only {
	struct attach_vgpu *vgpu;
	unsigned int n;
};

static int only_one(const struct attach_vgpu *vgpu, void *arg)
{
	struct only *only = arg;

	*only->vgpu = *vgpu;
	return only->n++ ? -EEXIST : 0;
}

int attach_only(struct xst *xst, uint16_t domid, struct attach_vgpu *out)
{
	struct only only = { .vgpu = out };
	int err = attach_each(xst, domid, only_one, &only);

	return err ? err : only.n ? 0 : -ENOENT;
}

static int close_tx(struct xst *xst, xst_tx tx, void *arg)
{
	const struct attach_vgpu *v = arg;
	uint32_t online = 1, state = XenbusStateUnknown;
	int err;

	if (!exists(xst, tx, paths_back(v->backend, v->domid, v->devid, "state")))
		return -ENOENT;
	xst_read_u32(xst, tx, paths_back(v->backend, v->domid, v->devid, "state").s, &state);
	xst_read_u32(xst, tx, paths_back(v->backend, v->domid, v->devid, "online").s, &online);
	/* It was asked before, and has let go, which it says once. */
	if (!online && state == XenbusStateClosed)
		return 0;
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
