// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xenstore on the local platform: nodes, permissions, watches and transactions, as on Xen 4.17.
 */
#include <stdbool.h>

#include "grant_hub.h"

/* One store handle for each of domains 0, 1 and 2. */
struct store {
	struct hub_proc hub;
	struct xst *x[3];
};

static void store_init(struct store *s)
{
	unsigned int i;

	hub_start(&s->hub, NULL);
	for (i = 0; i < 3; i++)
		s->x[i] = hub_xst(&s->hub, i);
}

static void store_finish(struct store *s)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		xst_close(s->x[i]);
	hub_stop(&s->hub);
}

static void check_value(struct xst *x, const char *path, const char *value)
{
	char buf[XST_MAX_VALUE + 1];

	CHECK_EQ(xst_read(x, XST_NO_TX, path, buf, sizeof(buf)), (int)strlen(value));
	CHECK(!strcmp(buf, value));
}

static int try_read(struct xst *x, const char *path)
{
	char buf[XST_MAX_VALUE + 1] = "untouched";
	int ret = xst_read(x, XST_NO_TX, path, buf, sizeof(buf));

	if (ret < 0)
		CHECK(!strcmp(buf, "untouched"));
	return ret < 0 ? ret : 0;
}

static int put(struct xst *x, const char *path, const char *value)
{
	return xst_write(x, XST_NO_TX, path, value);
}

/* A device as the toolstack makes it: the frontend's directory is the guest's, "weight" is not. */
static void make_device(struct xst *dom0)
{
	CHECK_EQ(xst_mkdir(dom0, 0, "/local/domain/1/device/vgpu/0"), 0);
	CHECK_EQ(xst_set_perms(dom0, 0, "/local/domain/1/device/vgpu/0", 1, 0), 0);
	CHECK_EQ(put(dom0, "/local/domain/1/device/vgpu/0/weight", "256"), 0);
	CHECK_EQ(xst_set_perms(dom0, 0, "/local/domain/1/device/vgpu/0/weight", 0, 1), 0);
	CHECK_EQ(xst_mkdir(dom0, 0, "/local/domain/0/backend/vgpu/1/0"), 0);
	CHECK_EQ(xst_set_perms(dom0, 0, "/local/domain/0/backend/vgpu/1/0", 0, 1), 0);
	CHECK_EQ(put(dom0, "/local/domain/0/backend/vgpu/1/0/state", "1"), 0);
}

/* ---- nodes ---- */

struct names {
	char text[256];
	int n, stop_at;
};

static int add_name(const char *name, void *arg)
{
	struct names *names = arg;

	strcat(names->text, name);
	strcat(names->text, " ");
	return ++names->n == names->stop_at ? 42 : 0;
}

TEST(grant_xst, nodes)
{
	struct names names = { .n = 0 };
	struct store s;
	char buf[8];

	store_init(&s);
	CHECK_EQ(put(s.x[0], "/a/b/c", "1"), 0);	/* makes what is missing above */
	check_value(s.x[0], "/a/b/c", "1");
	check_value(s.x[0], "/a/b", "");
	CHECK_EQ(put(s.x[0], "/a/b/c", "12345678"), 0);
	CHECK_EQ(xst_read(s.x[0], 0, "/a/b/c", buf, sizeof(buf)), -E2BIG);
	CHECK_EQ(put(s.x[0], "/a/b/c", "1234567"), 0);
	CHECK_EQ(xst_read(s.x[0], 0, "/a/b/c", buf, sizeof(buf)), 7);
	CHECK_EQ(try_read(s.x[0], "/a/x"), -ENOENT);
	CHECK_EQ(try_read(s.x[0], "/a/b/c/d"), -ENOENT);
	CHECK_EQ(xst_mkdir(s.x[0], 0, "/a/b"), 0);	/* is there already */
	check_value(s.x[0], "/a/b/c", "1234567");
	CHECK_EQ(xst_mkdir(s.x[0], 0, "/a/z"), 0);
	CHECK_EQ(xst_mkdir(s.x[0], 0, "/a/bb"), 0);
	CHECK_EQ(xst_list(s.x[0], 0, "/a", add_name, &names), 0);
	CHECK_EQ(names.n, 3);
	CHECK(strstr(names.text, "b ") && strstr(names.text, "bb ") && strstr(names.text, "z "));
	names.n = 0;
	names.stop_at = 2;
	CHECK_EQ(xst_list(s.x[0], 0, "/a", add_name, &names), 42);
	CHECK_EQ(xst_list(s.x[0], 0, "/nowhere", add_name, &names), -ENOENT);
	CHECK_EQ(xst_rm(s.x[0], 0, "/a"), 0);
	CHECK_EQ(try_read(s.x[0], "/a/b/c"), -ENOENT);
	CHECK_EQ(xst_rm(s.x[0], 0, "/a"), 0);
	CHECK_EQ(xst_rm(s.x[0], 0, "/a/b/c"), 0);
	CHECK_EQ(xst_printf(s.x[0], 0, "/p", "%u-%s", 5, "x"), 0);
	check_value(s.x[0], "/p", "5-x");
	store_finish(&s);
}

TEST(grant_xst, limits)
{
	char value[XST_MAX_VALUE + 2], path[XST_MAX_PATH + 1];
	struct store s;

	store_init(&s);
	memset(value, 'v', sizeof(value));
	value[XST_MAX_VALUE + 1] = 0;
	CHECK_EQ(put(s.x[0], "/v", value), -ENOSPC);
	CHECK_EQ(xst_printf(s.x[0], 0, "/v", "%s", value), -ENOSPC);
	value[XST_MAX_VALUE] = 0;
	CHECK_EQ(put(s.x[0], "/v", value), 0);
	CHECK_EQ(xst_printf(s.x[0], 0, "/v", "%s", value), 0);
	check_value(s.x[0], "/v", value);

	memset(path, 'p', sizeof(path));
	path[0] = '/';
	path[XST_MAX_PATH] = 0;
	CHECK_EQ(put(s.x[0], path, "1"), -ENAMETOOLONG);
	path[XST_MAX_PATH - 1] = 0;
	CHECK_EQ(put(s.x[0], path, "1"), 0);
	CHECK_EQ(put(s.x[0], path + 1, "1"), -ENAMETOOLONG); /* with the home before it */

	CHECK_EQ(put(s.x[0], "", "1"), -EINVAL);
	CHECK_EQ(put(s.x[0], "/a//b", "1"), -EINVAL);
	CHECK_EQ(put(s.x[0], "/a/", "1"), -EINVAL);
	CHECK_EQ(put(s.x[0], "/a b", "1"), -EINVAL);
	CHECK_EQ(put(s.x[0], "/a.b", "1"), -EINVAL);
	CHECK_EQ(xst_rm(s.x[0], 0, "/"), -EINVAL);
	store_finish(&s);
}

TEST(grant_xst, numbers)
{
	static const struct {
		const char *text;
		int ret;
		uint32_t value;
	} cases[] = {
		{ "0", 0, 0 }, { "42", 0, 42 }, { "007", 0, 7 },
		{ "4294967295", 0, UINT32_MAX }, { "4294967296", -EINVAL, 0 },
		{ "99999999999", -EINVAL, 0 }, { "", -EINVAL, 0 }, { " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 }, { "-1", -EINVAL, 0 }, { "+1", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 }, { "1\n", -EINVAL, 0 },
		{ "000000000000000000000000001", -EINVAL, 0 },
	};
	struct store s;
	uint32_t value;
	size_t i;

	store_init(&s);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		value = 77;
		CHECK_EQ(put(s.x[0], "/n", cases[i].text), 0);
		CHECK_EQ(xst_read_u32(s.x[0], 0, "/n", &value), cases[i].ret);
		CHECK_EQ(value, cases[i].ret ? 77 : cases[i].value);
	}
	CHECK_EQ(xst_read_u32(s.x[0], 0, "/none", &value), -ENOENT);
	store_finish(&s);
}

TEST(grant_xst, home)
{
	uint16_t domid = 99;
	struct store s;

	store_init(&s);
	CHECK_EQ(xst_own_domid(s.x[2], &domid), 0);
	CHECK_EQ(domid, 2);
	CHECK_EQ(xst_own_domid(s.x[0], &domid), 0);
	CHECK_EQ(domid, 0);
	CHECK_EQ(put(s.x[1], "data/hello", "x"), 0);
	check_value(s.x[0], "/local/domain/1/data/hello", "x");
	check_value(s.x[1], "name", "domain-1");
	check_value(s.x[0], "name", "Domain-0");
	check_value(s.x[0], "/vm/00000000-0000-0000-0000-000000000001/name", "domain-1");
	check_value(s.x[1], "vm", "/vm/00000000-0000-0000-0000-000000000001");
	CHECK_EQ(xst_domain_exists(s.x[0], 2), 1);
	CHECK_EQ(xst_domain_exists(s.x[0], 3), 0);
	CHECK_EQ(xst_domain_exists(s.x[1], 1), -EACCES);
	CHECK_EQ(xst_domain_exists(s.x[0], 0), 1);
	CHECK_EQ(xst_domain_exists(s.x[0], 65535), 0);
	store_finish(&s);
}

/* ---- permissions ---- */

TEST(grant_xst, a_guest_writes_its_own)
{
	struct store s;

	store_init(&s);
	make_device(s.x[0]);
	CHECK_EQ(put(s.x[1], "device/vgpu/0/state", "3"), 0);
	CHECK_EQ(put(s.x[1], "device/vgpu/0/session-0/ring-ref0", "8"), 0);
	check_value(s.x[0], "/local/domain/1/device/vgpu/0/state", "3");
	CHECK_EQ(put(s.x[1], "device/vgpu/0/weight", "65535"), -EACCES);
	check_value(s.x[1], "device/vgpu/0/weight", "256");
	/* Its home and its device directory belong to the toolstack. */
	CHECK_EQ(put(s.x[1], "mine", "1"), -EACCES);
	CHECK_EQ(xst_mkdir(s.x[1], 0, "device/vgpu/1"), -EACCES);
	CHECK_EQ(xst_mkdir(s.x[1], 0, "device/vbd"), -EACCES);
	CHECK_EQ(put(s.x[1], "name", "Domain-0"), -EACCES);
	CHECK_EQ(put(s.x[1], "domid", "0"), -EACCES);
	CHECK_EQ(xst_rm(s.x[1], 0, "domid"), -EACCES);
	CHECK_EQ(put(s.x[1], "data/x", "1"), 0);
	CHECK_EQ(put(s.x[1], "control/shutdown", ""), 0);
	store_finish(&s);
}

TEST(grant_xst, a_guest_cannot_touch_the_backend)
{
	struct store s;

	store_init(&s);
	make_device(s.x[0]);
	check_value(s.x[1], "/local/domain/0/backend/vgpu/1/0/state", "1");
	CHECK_EQ(put(s.x[1], "/local/domain/0/backend/vgpu/1/0/state", "4"), -EACCES);
	CHECK_EQ(put(s.x[1], "/local/domain/0/backend/vgpu/1/0/new", "4"), -EACCES);
	CHECK_EQ(xst_rm(s.x[1], 0, "/local/domain/0/backend/vgpu/1/0/state"), -EACCES);
	CHECK_EQ(xst_rm(s.x[1], 0, "/local/domain/0/backend/vgpu/1/0"), -EACCES);
	CHECK_EQ(xst_set_perms(s.x[1], 0, "/local/domain/0/backend/vgpu/1/0/state", 1, 1),
		 -EACCES);
	check_value(s.x[0], "/local/domain/0/backend/vgpu/1/0/state", "1");
	store_finish(&s);
}

/* What is there of another guest, and what is not, look the same. */
TEST(grant_xst, a_guest_sees_no_other)
{
	struct store s;

	store_init(&s);
	make_device(s.x[0]);
	CHECK_EQ(put(s.x[1], "device/vgpu/0/state", "3"), 0);
	CHECK_EQ(try_read(s.x[2], "/local/domain/1/device/vgpu/0/state"), -EACCES);
	CHECK_EQ(try_read(s.x[2], "/local/domain/1/device/vgpu/0/nothing"), -EACCES);
	CHECK_EQ(try_read(s.x[2], "/local/domain/1/nothing/at/all"), -EACCES);
	CHECK_EQ(try_read(s.x[2], "/local/domain/77"), -EACCES);
	CHECK_EQ(put(s.x[2], "/local/domain/1/device/vgpu/0/state", "3"), -EACCES);
	CHECK_EQ(xst_rm(s.x[2], 0, "/local/domain/1/device/vgpu/0/state"), -EACCES);
	CHECK_EQ(try_read(s.x[2], "/local/domain/0/backend/vgpu/1/0/state"), -EACCES);
	CHECK_EQ(xst_list(s.x[2], 0, "/local/domain", NULL, NULL), -EACCES);
	CHECK_EQ(put(s.x[2], "/made-up", "1"), -EACCES);
	store_finish(&s);
}

/* As on Xen: the directory's owner can remove what it may not write, but not put it back. */
TEST(grant_xst, a_guest_can_remove_its_directory)
{
	struct store s;

	store_init(&s);
	make_device(s.x[0]);
	CHECK_EQ(xst_rm(s.x[1], 0, "device/vgpu/0"), 0);
	CHECK_EQ(try_read(s.x[0], "/local/domain/1/device/vgpu/0/weight"), -ENOENT);
	CHECK_EQ(xst_mkdir(s.x[1], 0, "device/vgpu/0"), -EACCES);
	CHECK_EQ(put(s.x[1], "device/vgpu/0/weight", "65535"), -EACCES);
	store_finish(&s);
}

TEST(grant_xst, giving_permissions)
{
	struct store s;

	store_init(&s);
	make_device(s.x[0]);
	CHECK_EQ(put(s.x[1], "data/secret", "x"), 0);
	CHECK_EQ(try_read(s.x[2], "/local/domain/1/data/secret"), -EACCES);
	CHECK_EQ(xst_set_perms(s.x[1], 0, "data/secret", 1, 2), 0);
	check_value(s.x[2], "/local/domain/1/data/secret", "x");
	CHECK_EQ(put(s.x[2], "/local/domain/1/data/secret", "y"), -EACCES);
	CHECK_EQ(xst_set_perms(s.x[1], 0, "data/secret", 1, 1), 0);
	CHECK_EQ(try_read(s.x[2], "/local/domain/1/data/secret"), -EACCES);
	CHECK_EQ(xst_set_perms(s.x[1], 0, "data/secret", 2, 1), -EPERM); /* no gifts */
	CHECK_EQ(xst_set_perms(s.x[1], 0, "name", 1, 1), -EACCES);
	CHECK_EQ(xst_set_perms(s.x[0], 0, "/none", 1, 1), -ENOENT);
	store_finish(&s);
}

TEST(grant_xst, quota)
{
	struct store s;
	char path[64];
	int i, err = 0;
	xst_tx tx[11];

	store_init(&s);
	for (i = 0; i < 1100 && !err; i++) {
		snprintf(path, sizeof(path), "data/n%d", i);
		err = put(s.x[1], path, "1");
	}
	CHECK_EQ(err, -ENOSPC);
	CHECK(i > 900 && i <= 1001);
	CHECK_EQ(put(s.x[1], "data/n0", "2"), 0);	/* what is there can be written */
	CHECK_EQ(put(s.x[2], "data/n0", "2"), 0);	/* a neighbour has its own */
	CHECK_EQ(xst_rm(s.x[1], 0, "data/n0"), 0);
	CHECK_EQ(put(s.x[1], "data/n0", "2"), 0);

	for (i = 0; i < 128; i++) {
		snprintf(path, sizeof(path), "t%d", i);
		CHECK_EQ(xst_watch(s.x[1], "data", path), 0);
	}
	CHECK_EQ(xst_watch(s.x[1], "data", "one more"), -ENOSPC);
	for (i = 0; i < 10; i++)
		CHECK_EQ(xst_tx_begin(s.x[1], &tx[i]), 0);
	CHECK_EQ(xst_tx_begin(s.x[1], &tx[10]), -ENOSPC);
	CHECK_EQ(xst_tx_end(s.x[1], tx[3], false), 0);
	CHECK_EQ(xst_tx_begin(s.x[1], &tx[3]), 0);
	store_finish(&s);
}

/* ---- watches ---- */

/* The next event is of @path with @token; those of one's own making are there at once. */
static void expect(struct xst *x, const char *path, const char *token)
{
	char p[XST_MAX_PATH] = "", t[XST_MAX_PATH] = "";

	CHECK_EQ(readable(xst_fd(x), 1000), 1);
	CHECK_EQ(xst_next_event(x, p, t), 1);
	if (strcmp(p, path) || strcmp(t, token))
		harness_fail(__FILE__, __LINE__, "expected %s %s, got %s %s", path, token, p, t);
}

/* There is none: what was done so far was answered, so it would be here. */
static void expect_none(struct xst *x)
{
	char p[XST_MAX_PATH] = "", t[XST_MAX_PATH] = "";

	if (xst_next_event(x, p, t))
		harness_fail(__FILE__, __LINE__, "expected none, got %s %s", p, t);
	CHECK_EQ(readable(xst_fd(x), 0), 0);
}

TEST(grant_xst, watch)
{
	struct store s;

	store_init(&s);
	make_device(s.x[0]);
	CHECK_EQ(xst_watch(s.x[0], "/local/domain/1/device/vgpu/0", "dev"), 0);
	expect(s.x[0], "/local/domain/1/device/vgpu/0", "dev");	/* one at once */
	expect_none(s.x[0]);
	CHECK_EQ(put(s.x[1], "device/vgpu/0/state", "3"), 0);
	expect(s.x[0], "/local/domain/1/device/vgpu/0/state", "dev");
	CHECK_EQ(put(s.x[1], "device/vgpu/0/session-0/ring-ref0", "3"), 0);
	expect(s.x[0], "/local/domain/1/device/vgpu/0/session-0/ring-ref0", "dev");
	CHECK_EQ(put(s.x[0], "/local/domain/1/device/vgpu/00", "3"), 0); /* beside, not below */
	CHECK_EQ(put(s.x[0], "/local/domain/1/device/vgpu", "3"), 0);	 /* above */
	CHECK_EQ(try_read(s.x[0], "/local/domain/1/device/vgpu/0"), 0);
	expect_none(s.x[0]);
	CHECK_EQ(xst_mkdir(s.x[1], 0, "device/vgpu/0/d"), 0);
	expect(s.x[0], "/local/domain/1/device/vgpu/0/d", "dev");
	CHECK_EQ(xst_mkdir(s.x[1], 0, "device/vgpu/0/d"), 0);
	expect_none(s.x[0]);
	CHECK_EQ(xst_set_perms(s.x[1], 0, "device/vgpu/0/d", 1, 1), 0);
	expect(s.x[0], "/local/domain/1/device/vgpu/0/d", "dev");
	CHECK_EQ(xst_rm(s.x[1], 0, "device/vgpu/0/d"), 0);
	expect(s.x[0], "/local/domain/1/device/vgpu/0/d", "dev");
	CHECK_EQ(xst_rm(s.x[1], 0, "device/vgpu/0/d"), 0);
	expect_none(s.x[0]);
	/* The directory above goes: the watch of this very node is told. */
	CHECK_EQ(xst_rm(s.x[0], 0, "/local/domain/1/device"), 0);
	expect(s.x[0], "/local/domain/1/device/vgpu/0", "dev");
	expect_none(s.x[0]);

	CHECK_EQ(xst_watch(s.x[0], "/local/domain/1/device/vgpu/0", "dev"), -EEXIST);
	CHECK_EQ(xst_unwatch(s.x[0], "/local/domain/1/device/vgpu/0", "other"), -ENOENT);
	CHECK_EQ(xst_unwatch(s.x[0], "/local/domain/1/device/vgpu/0", "dev"), 0);
	CHECK_EQ(put(s.x[0], "/local/domain/1/device/vgpu/0", "3"), 0);
	expect_none(s.x[0]);
	store_finish(&s);
}

/* Asked for by a relative path, told by a relative path. */
TEST(grant_xst, relative_watch)
{
	struct store s;

	store_init(&s);
	make_device(s.x[0]);
	CHECK_EQ(xst_watch(s.x[1], "device/vgpu", "t"), 0);
	expect(s.x[1], "device/vgpu", "t");
	CHECK_EQ(put(s.x[0], "/local/domain/1/device/vgpu/0/state", "1"), 0);
	expect(s.x[1], "device/vgpu/0/state", "t");
	CHECK_EQ(xst_watch(s.x[1], "/local/domain/1/device/vgpu", "abs"), 0);
	expect(s.x[1], "/local/domain/1/device/vgpu", "abs");
	CHECK_EQ(xst_unwatch(s.x[1], "device/vgpu", "t"), 0);
	CHECK_EQ(put(s.x[0], "/local/domain/1/device/vgpu/0/state", "2"), 0);
	expect(s.x[1], "/local/domain/1/device/vgpu/0/state", "abs");
	expect_none(s.x[1]);
	store_finish(&s);
}

TEST(grant_xst, watch_tells_no_secrets)
{
	struct store s;

	store_init(&s);
	make_device(s.x[0]);
	CHECK_EQ(xst_watch(s.x[2], "/local/domain/1", "spy"), 0);
	CHECK_EQ(xst_watch(s.x[2], "/local/domain/0/backend", "spy"), 0);
	expect(s.x[2], "/local/domain/1", "spy");
	expect(s.x[2], "/local/domain/0/backend", "spy");
	CHECK_EQ(put(s.x[1], "device/vgpu/0/state", "3"), 0);
	CHECK_EQ(put(s.x[0], "/local/domain/0/backend/vgpu/1/0/state", "4"), 0);
	CHECK_EQ(xst_rm(s.x[0], 0, "/local/domain/1/device/vgpu/0"), 0);
	expect_none(s.x[2]);
	/* What it may read, and what it could read until now. */
	CHECK_EQ(xst_set_perms(s.x[0], 0, "/local/domain/0/backend/vgpu/1/0/state", 0, 2), 0);
	expect(s.x[2], "/local/domain/0/backend/vgpu/1/0/state", "spy");
	CHECK_EQ(xst_set_perms(s.x[0], 0, "/local/domain/0/backend/vgpu/1/0/state", 0, 1), 0);
	expect(s.x[2], "/local/domain/0/backend/vgpu/1/0/state", "spy");
	expect_none(s.x[2]);
	store_finish(&s);
}

TEST(grant_xst, domains_come_and_go)
{
	struct store s;

	store_init(&s);
	CHECK_EQ(xst_watch(s.x[0], "@introduceDomain", "in"), 0);
	CHECK_EQ(xst_watch(s.x[0], "@releaseDomain", "out"), 0);
	CHECK_EQ(xst_watch(s.x[0], "/local/domain/5", "node"), 0);
	CHECK_EQ(xst_watch(s.x[1], "@introduceDomain", "in"), 0);
	expect(s.x[0], "@introduceDomain", "in");
	expect(s.x[0], "@releaseDomain", "out");
	expect(s.x[0], "/local/domain/5", "node");
	expect(s.x[1], "@introduceDomain", "in");

	CHECK_EQ(hub_ask(&s.hub, "--create", "5"), 0);
	while (readable(xst_fd(s.x[0]), 0)) {
		char p[XST_MAX_PATH], t[XST_MAX_PATH];

		CHECK_EQ(xst_next_event(s.x[0], p, t), 1);
		if (!strcmp(p, "@introduceDomain"))
			break;
		CHECK(!strncmp(p, "/local/domain/5", 15));
	}
	expect_none(s.x[0]);
	expect_none(s.x[1]);	/* for domain 0 only */
	CHECK_EQ(xst_domain_exists(s.x[0], 5), 1);
	check_value(s.x[0], "/local/domain/5/domid", "5");

	CHECK_EQ(hub_ask(&s.hub, "--destroy", "5"), 0);
	expect(s.x[0], "/local/domain/5", "node");
	expect(s.x[0], "@releaseDomain", "out");
	expect_none(s.x[0]);
	CHECK_EQ(xst_domain_exists(s.x[0], 5), 0);
	CHECK_EQ(try_read(s.x[0], "/local/domain/5"), -ENOENT);
	CHECK_EQ(try_read(s.x[0], "/vm/00000000-0000-0000-0000-000000000005"), -ENOENT);
	store_finish(&s);
}

/* More events than a socket holds: none is lost, and the hub does not wait for the lazy one. */
TEST(grant_xst, many_events)
{
	enum { EVENTS = 5000 };
	struct store s;
	char value[16];
	int i;

	store_init(&s);
	CHECK_EQ(xst_watch(s.x[1], "data/n", "t"), 0);
	expect(s.x[1], "data/n", "t");
	for (i = 0; i < EVENTS; i++) {
		snprintf(value, sizeof(value), "%d", i);
		CHECK_EQ(put(s.x[0], "/local/domain/1/data/n", value), 0);
	}
	for (i = 0; i < EVENTS; i++)
		expect(s.x[1], "data/n", "t");
	usleep(20000);
	expect_none(s.x[1]);
	store_finish(&s);
}

/* Who never takes its events is dropped in the end, and nobody else suffers. */
TEST(grant_xst, a_lazy_watcher)
{
	struct xst *lazy;
	struct store s;
	char value[16];
	int i;

	store_init(&s);
	lazy = hub_xst(&s.hub, 1);
	CHECK_EQ(xst_watch(lazy, "data/n", "t"), 0);
	for (i = 0; i < 20000; i++) {
		snprintf(value, sizeof(value), "%d", i);
		CHECK_EQ(put(s.x[0], "/local/domain/1/data/n", value), 0);
	}
	CHECK_EQ(put(lazy, "data/m", "1"), -ENODEV);
	xst_close(lazy);
	check_value(s.x[1], "data/n", "19999");
	store_finish(&s);
}

/* ---- transactions ---- */

static xst_tx begin(struct xst *x)
{
	xst_tx tx = XST_NO_TX;

	CHECK_EQ(xst_tx_begin(x, &tx), 0);
	CHECK(tx != XST_NO_TX);
	return tx;
}

TEST(grant_xst, commit)
{
	struct store s;
	uint32_t n = 0;
	xst_tx tx;

	store_init(&s);
	CHECK_EQ(put(s.x[0], "/old", "1"), 0);
	CHECK_EQ(xst_watch(s.x[0], "/t", "w"), 0);
	expect(s.x[0], "/t", "w");
	tx = begin(s.x[0]);
	CHECK_EQ(xst_write(s.x[0], tx, "/t/a/b", "7"), 0);
	CHECK_EQ(xst_mkdir(s.x[0], tx, "/t/c"), 0);
	CHECK_EQ(xst_set_perms(s.x[0], tx, "/t/c", 1, 2), 0);
	CHECK_EQ(xst_rm(s.x[0], tx, "/old"), 0);
	CHECK_EQ(xst_read_u32(s.x[0], tx, "/t/a/b", &n), 0);
	CHECK_EQ(n, 7);
	CHECK_EQ(try_read(s.x[0], "/t/a/b"), -ENOENT);	/* not before the commit */
	CHECK_EQ(try_read(s.x[0], "/old"), 0);
	expect_none(s.x[0]);
	CHECK_EQ(xst_tx_end(s.x[0], tx, true), 0);
	check_value(s.x[0], "/t/a/b", "7");
	check_value(s.x[2], "/t/c", "");
	CHECK_EQ(put(s.x[1], "/t/c/d", "1"), 0);
	CHECK_EQ(try_read(s.x[0], "/old"), -ENOENT);
	expect(s.x[0], "/t/a/b", "w");
	expect(s.x[0], "/t/c", "w");
	expect(s.x[0], "/t/c", "w");
	expect(s.x[0], "/t/c/d", "w");
	expect_none(s.x[0]);
	CHECK_EQ(xst_tx_end(s.x[0], tx, true), -EINVAL);
	CHECK_EQ(xst_write(s.x[0], tx, "/t/x", "1"), -EINVAL);
	store_finish(&s);
}

TEST(grant_xst, abandon)
{
	struct store s;
	xst_tx tx;

	store_init(&s);
	tx = begin(s.x[1]);
	CHECK_EQ(xst_write(s.x[1], tx, "data/x", "1"), 0);
	CHECK_EQ(xst_write(s.x[1], tx, "name", "x"), -EACCES);	/* no way around permissions */
	CHECK_EQ(xst_tx_end(s.x[1], tx, false), 0);
	CHECK_EQ(try_read(s.x[1], "data/x"), -ENOENT);
	tx = begin(s.x[1]);
	CHECK_EQ(xst_tx_end(s.x[1], tx, true), 0);	/* of nothing */
	store_finish(&s);
}

TEST(grant_xst, conflicts)
{
	static const struct {
		const char *other, *value;	/* what comes between; NULL value: removed */
		int ret;
	} cases[] = {
		{ "/d/read", "2", -EAGAIN },	/* what was read */
		{ "/d/read", "1", -EAGAIN },	/* written is changed, whatever was written */
		{ "/d/read", NULL, -EAGAIN },
		{ "/d/absent", "1", -EAGAIN },	/* what was not there */
		{ "/d/write", "1", -EAGAIN },
		{ "/d/listed/new", "1", -EAGAIN },
		{ "/d/gone/sub", "1", -EAGAIN },	/* below what was removed */
		{ "/d/unread", "2", 0 },
		{ "/elsewhere", "2", 0 },
	};
	struct names names;
	struct store s;
	char buf[16];
	xst_tx tx;
	size_t i;

	store_init(&s);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_EQ(xst_rm(s.x[0], 0, "/d"), 0);
		CHECK_EQ(put(s.x[0], "/d/read", "1"), 0);
		CHECK_EQ(put(s.x[0], "/d/write", "1"), 0);
		CHECK_EQ(put(s.x[0], "/d/unread", "1"), 0);
		CHECK_EQ(put(s.x[0], "/d/listed/one", "1"), 0);
		CHECK_EQ(put(s.x[0], "/d/gone/sub", "1"), 0);
		CHECK_EQ(put(s.x[0], "/elsewhere", "1"), 0);
		memset(&names, 0, sizeof(names));

		tx = begin(s.x[0]);
		CHECK_EQ(xst_read(s.x[0], tx, "/d/read", buf, sizeof(buf)), 1);
		CHECK_EQ(xst_read(s.x[0], tx, "/d/absent", buf, sizeof(buf)), -ENOENT);
		CHECK_EQ(xst_write(s.x[0], tx, "/d/write", "5"), 0);
		CHECK_EQ(xst_list(s.x[0], tx, "/d/listed", add_name, &names), 0);
		CHECK_EQ(xst_rm(s.x[0], tx, "/d/gone"), 0);
		if (cases[i].value)
			CHECK_EQ(put(s.x[0], cases[i].other, cases[i].value), 0);
		else
			CHECK_EQ(xst_rm(s.x[0], 0, cases[i].other), 0);
		CHECK_EQ(xst_tx_end(s.x[0], tx, true), cases[i].ret);
		check_value(s.x[0], "/d/write", cases[i].ret ? "1" : "5");
		CHECK_EQ(try_read(s.x[0], "/d/gone"), cases[i].ret ? 0 : -ENOENT);
	}
	store_finish(&s);
}

/* The rule against raising the dead: a state is written only if its node is still there. */
TEST(grant_xst, state_of_a_removed_device)
{
	static const char state[] = "/local/domain/0/backend/vgpu/1/0/state";
	struct store s;
	char buf[16];
	xst_tx tx;

	store_init(&s);
	make_device(s.x[0]);
	tx = begin(s.x[0]);
	CHECK_EQ(xst_read(s.x[0], tx, state, buf, sizeof(buf)), 1);
	CHECK_EQ(xst_rm(s.x[0], 0, "/local/domain/0/backend/vgpu/1"), 0);
	CHECK_EQ(xst_write(s.x[0], tx, state, "5"), 0);
	CHECK_EQ(xst_tx_end(s.x[0], tx, true), -EAGAIN);
	CHECK_EQ(try_read(s.x[0], "/local/domain/0/backend/vgpu/1"), -ENOENT);
	store_finish(&s);
}

/* Two processes count in transactions: no count is lost. */
TEST(grant_xst, concurrent_counting)
{
	enum { ROUNDS = 300 };
	struct store s;
	uint32_t n = 0;
	struct xst *x;
	int i, status;
	xst_tx tx;
	pid_t pid;

	store_init(&s);
	CHECK_EQ(put(s.x[0], "/n", "0"), 0);
	pid = fork();
	CHECK(pid >= 0);
	x = hub_xst(&s.hub, 0);
	for (i = 0; i < ROUNDS;) {
		tx = begin(x);
		CHECK_EQ(xst_read_u32(x, tx, "/n", &n), 0);
		CHECK_EQ(xst_printf(x, tx, "/n", "%u", n + 1), 0);
		status = xst_tx_end(x, tx, true);
		CHECK(!status || status == -EAGAIN);
		i += !status;
	}
	xst_close(x);
	if (!pid)
		_exit(0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(xst_read_u32(s.x[0], 0, "/n", &n), 0);
	CHECK_EQ(n, 2 * ROUNDS);
	store_finish(&s);
}
