// SPDX-License-Identifier: GPL-2.0-only
/*
 * The nodes that attach and detach make and remove, on the local platform's store: what is there,
 * who may write it, and that nothing is left.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "grant_hub.h"
#include "paths.h"
#include "xenbus.h"

static const struct attach_vgpu vgpu = { .domid = 1, .devid = 0, .backend = 0 };

static int count_child(const char *name, void *arg)
{
	(void)name;
	++*(int *)arg;
	return 0;
}

static int children(struct xst *xst, const char *path)
{
	int n = 0;

	return xst_list(xst, XST_NO_TX, path, count_child, &n) ? -1 : n;
}

static void check_value(struct xst *xst, struct path p, const char *want)
{
	char value[256] = "";

	if (xst_read(xst, XST_NO_TX, p.s, value, sizeof(value)) < 0 || strcmp(value, want))
		harness_fail(__FILE__, __LINE__, "%s holds '%s', not '%s'", p.s, value, want);
}

TEST(config_attach, nodes)
{
	struct hub_proc hub;
	struct xst *dom0, *guest;
	struct attach_vgpu found;

	hub_start(&hub, NULL);
	dom0 = hub_xst(&hub, 0);
	guest = hub_xst(&hub, 1);
	CHECK_EQ(attach_add(dom0, &vgpu, NULL), 0);
	CHECK_EQ(attach_add(dom0, &vgpu, NULL), -EEXIST);
	check_value(dom0, paths_front(1, 0, "state"), "1");
	check_value(dom0, paths_front(1, 0, "backend-id"), "0");
	check_value(dom0, paths_front(1, 0, "backend"), "/local/domain/0/backend/vgpu/1/0");
	check_value(dom0, paths_back(0, 1, 0, "frontend"), "/local/domain/1/device/vgpu/0");
	check_value(dom0, paths_back(0, 1, 0, "frontend-id"), "1");
	check_value(dom0, paths_back(0, 1, 0, "online"), "1");
	check_value(dom0, paths_back(0, 1, 0, "state"), "1");
	CHECK_EQ(attach_lookup(dom0, 1, 0, &found), 0);
	CHECK_EQ(found.backend, 0);
	CHECK_EQ(attach_lookup(dom0, 1, 1, &found), -ENOENT);

	/* The guest reads all of it, and writes its own directory, but not who its backend is. */
	check_value(guest, paths_back(0, 1, 0, "state"), "1");
	CHECK_EQ(xst_write(guest, XST_NO_TX, paths_front(1, 0, "state").s, "3"), 0);
	CHECK_EQ(xst_write(guest, XST_NO_TX, paths_front(1, 0, "session-0/state").s, "3"), 0);
	CHECK_EQ(xst_write(guest, XST_NO_TX, paths_front(1, 0, "backend-id").s, "2"), -EACCES);
	CHECK_EQ(xst_write(guest, XST_NO_TX, paths_back(0, 1, 0, "state").s, "4"), -EACCES);
	CHECK_EQ(xst_write(guest, XST_NO_TX, paths_back(0, 1, 0, "max-pages").s, "9"), -EACCES);
	CHECK_EQ(xst_write(guest, XST_NO_TX, paths_libxl(1, 0, "backend-id").s, "2"), -EACCES);

	CHECK_EQ(attach_close(dom0, &vgpu), 0);
	check_value(dom0, paths_back(0, 1, 0, "online"), "0");
	check_value(dom0, paths_back(0, 1, 0, "state"), "5");
	CHECK_EQ(attach_remove(dom0, &vgpu), 0);
	CHECK_EQ(children(dom0, paths_fronts(1).s), -1);
	CHECK_EQ(children(dom0, paths_backs(0, 1).s), -1);
	CHECK_EQ(children(dom0, "/libxl/1"), -1);
	CHECK_EQ(attach_close(dom0, &vgpu), -ENOENT);
	/* Again is no error, and what is over the backend's head stays away. */
	CHECK_EQ(attach_remove(dom0, &vgpu), 0);
	CHECK_EQ(xenbus_switch_state(dom0, paths_back(0, 1, 0, "state").s, XenbusStateClosed),
		 -ENOENT);
	CHECK_EQ(children(dom0, paths_backs(0, 1).s), -1);
	xst_close(guest);
	xst_close(dom0);
	hub_stop(&hub);
}

TEST(config_attach, options)
{
	struct vgpu_option o = { 0 }, found = { 0 };
	char why[WHY_BYTES], text[OPTION_MAX_TEXT];
	struct hub_proc hub;
	struct xst *dom0, *guest;

	hub_start(&hub, NULL);
	dom0 = hub_xst(&hub, 0);
	guest = hub_xst(&hub, 1);
	CHECK_EQ(option_parse("weight=512,cap=0,memory=256,contexts=8,resources=9,pages=7,"
			      "sessions=3,gpu=soft,backend=dom0,devid=0", OPTION_ALL, &o, why), 0);
	CHECK_EQ(attach_add(dom0, &vgpu, &o), 0);
	check_value(guest, paths_back(0, 1, 0, "weight"), "512");
	check_value(guest, paths_back(0, 1, 0, "cap"), "0");
	check_value(guest, paths_back(0, 1, 0, "memory"), "256");
	check_value(guest, paths_back(0, 1, 0, "gpu"), "soft");
	CHECK_EQ(children(dom0, paths_back(0, 1, 0, "devid").s), -1);
	CHECK_EQ(attach_read_option(dom0, &vgpu, &found), 0);
	option_print(&found, text);
	CHECK(!strcmp(text, "weight=512,cap=0,memory=256,contexts=8,resources=9,pages=7,"
			    "sessions=3,gpu=soft"));
	/* Nothing of it is the guest's to change. */
	CHECK_EQ(xst_write(guest, XST_NO_TX, paths_back(0, 1, 0, "weight").s, "9"), -EACCES);
	CHECK_EQ(xst_write(guest, XST_NO_TX, paths_back(0, 1, 0, "gpu").s, "auto"), -EACCES);
	CHECK_EQ(xst_rm(guest, XST_NO_TX, paths_back(0, 1, 0, "cap").s), -EACCES);
	CHECK_EQ(xst_mkdir(guest, XST_NO_TX, paths_back(0, 1, 0, "gpu/x").s), -EACCES);

	CHECK_EQ(xst_write(dom0, XST_NO_TX, paths_back(0, 1, 0, "cap").s, "900"), 0);
	CHECK_EQ(attach_read_option(dom0, &vgpu, &found), -EINVAL);
	CHECK_EQ(attach_remove(dom0, &vgpu), 0);
	CHECK_EQ(attach_read_option(dom0, &vgpu, &found), 0);
	CHECK_EQ(found.given, 0);
	xst_close(guest);
	xst_close(dom0);
	hub_stop(&hub);
}

TEST(config_attach, guest_may_not)
{
	struct hub_proc hub;
	struct xst *guest;

	hub_start(&hub, NULL);
	guest = hub_xst(&hub, 1);
	CHECK_EQ(attach_add(guest, &vgpu, NULL), -EACCES);
	xst_close(guest);
	hub_stop(&hub);
}

TEST(config_attach, leftovers_of_an_earlier_domain)
{
	struct hub_proc hub;
	struct xst *dom0;

	hub_start(&hub, NULL);
	dom0 = hub_xst(&hub, 0);
	CHECK_EQ(xst_write(dom0, XST_NO_TX, paths_back(0, 1, 0, "state").s, "4"), 0);
	CHECK_EQ(xst_write(dom0, XST_NO_TX, paths_back(0, 1, 0, "session-3/state").s, "4"), 0);
	CHECK_EQ(attach_add(dom0, &vgpu, NULL), 0);
	check_value(dom0, paths_back(0, 1, 0, "state"), "1");
	CHECK_EQ(children(dom0, paths_back(0, 1, 0, "session-3").s), -1);
	xst_close(dom0);
	hub_stop(&hub);
}

static int find_two(const struct attach_vgpu *v, void *arg)
{
	unsigned int *seen = arg;

	*seen |= 1u << (v->domid * 8 + v->devid);
	return 0;
}

TEST(config_attach, several)
{
	const struct attach_vgpu second = { .domid = 1, .devid = 3, .backend = 2 };
	const struct attach_vgpu third = { .domid = 2, .devid = 0, .backend = 0 };
	struct hub_proc hub;
	struct xst *dom0;
	unsigned int seen = 0;

	hub_start(&hub, NULL);
	dom0 = hub_xst(&hub, 0);
	CHECK_EQ(attach_each(dom0, -1, find_two, &seen), 0);
	CHECK_EQ(seen, 0);
	CHECK_EQ(attach_add(dom0, &vgpu, NULL), 0);
	CHECK_EQ(attach_add(dom0, &second, NULL), 0);
	CHECK_EQ(attach_add(dom0, &third, NULL), 0);
	CHECK_EQ(attach_each(dom0, -1, find_two, &seen), 0);
	CHECK_EQ(seen, 1u << 8 | 1u << 11 | 1u << 16);
	seen = 0;
	CHECK_EQ(attach_each(dom0, 1, find_two, &seen), 0);
	CHECK_EQ(seen, 1u << 8 | 1u << 11);
	/* One goes, the other's directories stay. */
	CHECK_EQ(attach_remove(dom0, &vgpu), 0);
	check_value(dom0, paths_back(2, 1, 3, "state"), "1");
	check_value(dom0, paths_front(1, 3, "state"), "1");
	seen = 0;
	CHECK_EQ(attach_each(dom0, 1, find_two, &seen), 0);
	CHECK_EQ(seen, 1u << 11);
	xst_close(dom0);
	hub_stop(&hub);
}

TEST(config_attach, domains)
{
	struct hub_proc hub;
	struct xst *dom0;
	char name[ATTACH_MAX_NAME];
	uint16_t domid = 77;

	hub_start(&hub, NULL);
	dom0 = hub_xst(&hub, 0);
	CHECK_EQ(xst_write(dom0, XST_NO_TX, "/local/domain/2/name", "web"), 0);
	CHECK_EQ(attach_find_domain(dom0, "web", &domid), 0);
	CHECK_EQ(domid, 2);
	CHECK_EQ(attach_find_domain(dom0, "1", &domid), 0);
	CHECK_EQ(domid, 1);
	CHECK_EQ(attach_find_domain(dom0, "dom0", &domid), 0);
	CHECK_EQ(domid, 0);
	CHECK_EQ(attach_find_domain(dom0, "we", &domid), -ENOENT);
	CHECK_EQ(attach_find_domain(dom0, "9", &domid), -ENOENT);
	CHECK_EQ(attach_find_domain(dom0, "", &domid), -ENOENT);
	CHECK_EQ(attach_find_name(dom0, "web", &domid), 0);
	CHECK_EQ(domid, 2);
	CHECK_EQ(attach_find_name(dom0, "1", &domid), -ENOENT);
	attach_domain_name(dom0, 2, name);
	CHECK(!strcmp(name, "web"));
	attach_domain_name(dom0, 9, name);
	CHECK(!strcmp(name, "(null)"));
	xst_close(dom0);
	hub_stop(&hub);
}

TEST(config_attach, uuid)
{
	struct hub_proc hub;
	struct xst *dom0;
	char uuid[ATTACH_UUID_BYTES] = "same";

	hub_start(&hub, NULL);
	dom0 = hub_xst(&hub, 0);
	CHECK_EQ(xst_write(dom0, XST_NO_TX, "/local/domain/1/vm", "nonsense"), 0);
	CHECK_EQ(attach_domain_uuid(dom0, 1, uuid), -EINVAL);
	CHECK_EQ(attach_domain_uuid(dom0, 9, uuid), -ENOENT);
	CHECK(!strcmp(uuid, "same"));
	CHECK_EQ(xst_write(dom0, XST_NO_TX, "/local/domain/1/vm",
			   "/vm/0f1e2d3c-0000-4000-8000-00000000000a"), 0);
	CHECK_EQ(attach_domain_uuid(dom0, 1, uuid), 0);
	CHECK(!strcmp(uuid, "0f1e2d3c-0000-4000-8000-00000000000a"));
	xst_close(dom0);
	hub_stop(&hub);
}
