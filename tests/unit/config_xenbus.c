// SPDX-License-Identifier: GPL-2.0-only
/*
 * xen-config/: states, strict numbers, paths. Pure; no platform.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "harness.h"
#include "paths.h"
#include "vgpuif.h"
#include "xenbus.h"

TEST(config, state_names)
{
	CHECK(!strcmp(xenbus_state_name(XenbusStateInitWait), "InitWait"));
	CHECK(!strcmp(xenbus_state_name(XenbusStateReconfigured), "Reconfigured"));
	CHECK(!strcmp(xenbus_state_name(9), "Unknown"));
	CHECK(!strcmp(xenbus_state_name(~0u), "Unknown"));
}

TEST(config, numbers_are_strict)
{
	static const char *const bad[] = {
		"", " ", " 1", "1 ", "+1", "-1", "01", "00", "0x1", "1.0", "1e3", "4294967296",
		"18446744073709551617", "99999999999999999999999999", "1\n", "\xc2\xb2",
	};
	uint32_t u32 = 77;
	uint16_t u16 = 77;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_EQ(xenbus_parse_u32(bad[i], &u32), -EINVAL);
	CHECK_EQ(u32, 77);
	CHECK_EQ(xenbus_parse_u32("4294967295", &u32), 0);
	CHECK_EQ(u32, 4294967295u);
	CHECK_EQ(xenbus_parse_u32("0", &u32), 0);
	CHECK_EQ(u32, 0);
	CHECK_EQ(xenbus_parse_u16("65536", &u16), -EINVAL);
	CHECK_EQ(u16, 77);
	CHECK_EQ(xenbus_parse_u16("65535", &u16), 0);
	CHECK_EQ(u16, 65535);
}

TEST(config, version_lists)
{
	CHECK(xenbus_list_has("1", 1));
	CHECK(xenbus_list_has("1,2", 2));
	CHECK(xenbus_list_has("12,2", 2));
	CHECK(!xenbus_list_has("12", 1));
	CHECK(!xenbus_list_has("12", 2));
	CHECK(!xenbus_list_has("21,12", 1));
	CHECK(!xenbus_list_has("", 0));
}

TEST(config, paths)
{
	CHECK(!strcmp(paths_home(3, "name").s, "/local/domain/3/name"));
	CHECK(!strcmp(paths_front(3, 1, NULL).s, "/local/domain/3/device/vgpu/1"));
	CHECK(!strcmp(paths_fronts(3).s, "/local/domain/3/device/vgpu"));
	CHECK(!strcmp(paths_back(2, 3, 1, "state").s, "/local/domain/2/backend/vgpu/3/1/state"));
	CHECK(!strcmp(paths_backs(2, 3).s, "/local/domain/2/backend/vgpu/3"));
	CHECK(!strcmp(paths_back_root(2).s, "/local/domain/2/backend/vgpu"));
	CHECK(!strcmp(paths_libxl(3, 1, "backend").s, "/libxl/3/device/vgpu/1/backend"));
	CHECK(!strcmp(paths_front_session(3, 1, 9, "state").s,
		      "/local/domain/3/device/vgpu/1/session-9/state"));
	CHECK(!strcmp(paths_back_session(2, 3, 1, 9, NULL).s,
		      "/local/domain/2/backend/vgpu/3/1/session-9"));
}

TEST(config, longest_path_fits)
{
	struct path p = paths_back_session(65535, 65535, 65535, 4294967295u,
					   VGPUIF_NODE_MAX_RING_PAGE_ORDER);
	const char *end = "/session-4294967295/max-ring-page-order";

	CHECK(strlen(p.s) < PATHS_BYTES - 1);
	CHECK(!strcmp(p.s + strlen(p.s) - strlen(end), end));
}

TEST(config, session_names)
{
	static const char *const bad[] = {
		"session",
		"session-",
		"session-x",
		"session--1",
		"session-01",
		"session- 1",
		"Session-1",
		"session-64",
		"session-4294967297",
		"session-1x",
		"xsession-1",
		"session-/state",
		"session-111111111111111111111111",
	};
	uint32_t index = 77;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!paths_parse_session(bad[i], 64, &index));
	CHECK_EQ(index, 77);
	CHECK(paths_parse_session("session-63", 64, &index));
	CHECK_EQ(index, 63);
	CHECK(paths_parse_session("session-0/state", 64, &index));
	CHECK_EQ(index, 0);
}

TEST(config, path_after)
{
	CHECK(!strcmp(paths_after("/a/b", "/a/b/c/d"), "c/d"));
	CHECK(!strcmp(paths_after("/a/b", "/a/b"), ""));
	CHECK(paths_after("/a/b", "/a/bc") == NULL);
	CHECK(paths_after("/a/b", "/a") == NULL);
	CHECK(paths_after("/a/b", "") == NULL);
}
