// SPDX-License-Identifier: GPL-2.0-only
/*
 * Domains of the local platform: what libxl and the hypervisor do when one comes and goes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub_priv.h"
#include "platform_priv.h"

#define VM_PATH	"/vm/00000000-0000-0000-0000-%012u"

struct hub_dom *hub_dom_find(struct hub *hub, uint32_t domid)
{
	return domid <= HUB_MAX_DOMID ? hub->dom[domid] : NULL;
}

/* One node of a new domain; @owner with full access, @reader may read. */
static int put(struct hub *hub, const char *path, const char *value, uint16_t owner,
	       uint16_t reader)
{
	struct xs_ctx ctx = { .hub = hub };
	const struct xs_perms perms = {
		.n = owner == reader ? 1 : 2,
		.perm = { { .domid = owner }, { .domid = reader, .bits = XS_READ } },
	};
	int err;

	err = hub_tree_write(&ctx, path, value, (uint32_t)strlen(value));
	return err ? err : hub_tree_set_perms(&ctx, path, &perms);
}

/*
 * The nodes a guest finds, and who may write them.
 * Source: Xen tools/libs/light/libxl_create.c, libxl__domain_make(): roperm is n0,rN, rwperm nN.
 */
static int make_nodes(struct hub *hub, uint16_t domid, const char *name)
{
	char home[32], vm[64], id[16], path[128];
	const struct {
		const char *dir, *name, *value;
		bool writable;
	} nodes[] = {
		{ vm, "", "", false },
		{ vm, "/uuid", vm + strlen("/vm/"), false },
		{ vm, "/name", name, false },
		{ home, "", "", false },
		{ home, "/domid", id, false },
		{ home, "/name", name, false },
		{ home, "/vm", vm, false },
		{ home, "/cpu", "", false },
		{ home, "/memory", "", false },
		{ home, "/device", "", false },
		{ home, "/device/suspend", "", true },
		{ home, "/control", "", false },
		{ home, "/control/shutdown", "", true },
		{ home, "/data", "", true },
		{ home, "/drivers", "", true },
		{ home, "/feature", "", true },
		{ home, "/attr", "", true },
		{ home, "/error", "", true },
	};
	size_t i;
	int err = 0;

	snprintf(home, sizeof(home), "/local/domain/%u", domid);
	snprintf(vm, sizeof(vm), VM_PATH, domid);
	snprintf(id, sizeof(id), "%u", domid);
	for (i = 0; !err && i < ARRAY_SIZE(nodes); i++) {
		snprintf(path, sizeof(path), "%s%s", nodes[i].dir, nodes[i].name);
		err = put(hub, path, nodes[i].value, nodes[i].writable ? domid : 0, domid);
	}
	return err;
}

static void remove_nodes(struct hub *hub, uint16_t domid)
{
	struct xs_ctx ctx = { .hub = hub };
	char path[128];

	snprintf(path, sizeof(path), "/local/domain/%u", domid);
	hub_tree_rm(&ctx, path);
	snprintf(path, sizeof(path), VM_PATH, domid);
	hub_tree_rm(&ctx, path);
	hub_tree_forget(hub->root, domid);
}

static bool name_ok(const char *name)
{
	const char *c;

	for (c = name; *c; c++)
		if (*c < ' ' || *c > '~')
			return false;
	return true;
}

int hub_dom_create(struct hub *hub, uint32_t domid, const char *name)
{
	char made[HUB_MAX_NAME];
	struct hub_dom *dom;
	int err;

	if (domid > HUB_MAX_DOMID || (name && !name_ok(name)))
		return -EINVAL;
	if (hub->dom[domid])
		return -EEXIST;
	if (!name) {
		snprintf(made, sizeof(made), domid ? "domain-%u" : "Domain-%u", domid);
		name = made;
	}

	dom = calloc(1, sizeof(*dom));
	if (!dom)
		return -ENOMEM;
	dom->domid = (uint16_t)domid;
	dom->port = calloc(HUB_MAX_PORTS, sizeof(struct hub_port *));
	if (!dom->port) {
		err = -ENOMEM;
		goto out_free;
	}
	err = make_nodes(hub, dom->domid, name);
	if (err)
		goto out_remove;
	hub->dom[domid] = dom;
	hub_watch_fire_special(hub, "@introduceDomain");
	return 0;

out_remove:
	remove_nodes(hub, dom->domid);
	free(dom->port);
out_free:
	free(dom);
	return err;
}

int hub_dom_destroy(struct hub *hub, uint32_t domid)
{
	struct hub_dom *dom = hub_dom_find(hub, domid);
	struct hub_conn *conn, *next;

	if (!dom)
		return -ENOENT;
	/*
	 * Its kernel is gone with it, so nobody clears a byte or signals for its pages. What others
	 * have mapped stays with them, and the other ends of its channels fall silent.
	 */
	hub_gnt_drop(dom, NULL, false);
	for (conn = hub->conns; conn; conn = next) {
		next = conn->next;
		if (conn->dom == dom)
			hub_conn_close(hub, conn);
	}
	hub_evt_drop(hub, dom);
	hub->dom[domid] = NULL;
	free(dom->gref);
	free(dom->port);
	free(dom);

	remove_nodes(hub, (uint16_t)domid);
	hub_watch_fire_special(hub, "@releaseDomain");
	return 0;
}
