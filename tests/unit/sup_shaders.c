// SPDX-License-Identifier: GPL-2.0-only
/* A vgpu's store of compiled shaders: whose it is, how long it is kept, and what is done when it is full. */
#include "sup_rig.h"

static int shader(struct guest_session *s, uint32_t n)
{
	return puppet_do(s, PUPPET_SHADER, n, NULL);
}

static void connect_guest(struct guest *g, struct rig *rig, uint16_t domid)
{
	guest_up(g, rig, domid);
	rig_attach(rig, domid);
	guest_connect(g);
}

TEST(sup_shaders, kept_for_the_vgpu)
{
	struct guest_session a, b, other;
	struct guest g, stranger;
	struct rig rig;

	rig_up(&rig);
	rig_start(&rig, "ok");
	connect_guest(&g, &rig, 1);
	connect_guest(&stranger, &rig, 2);
	session_open(&a, &g, 0);
	CHECK_EQ(shader(&a, 7), 0);
	CHECK_EQ(shader(&a, 7), 1);
	/* A session beside it has it, one of another guest has not. */
	session_open(&b, &g, 1);
	CHECK_EQ(shader(&b, 7), 1);
	CHECK_EQ(shader(&b, 8), 0);
	CHECK_EQ(shader(&a, 8), 1);
	session_open(&other, &stranger, 0);
	CHECK_EQ(shader(&other, 7), 0);
	/* A worker that dies takes nothing along, nor does the last session. */
	session_close(&a);
	session_close(&b);
	session_open(&a, &g, 0);
	CHECK_EQ(shader(&a, 7), 1);
	/* The vgpu does. */
	session_close(&a);
	detach(&rig, 1);
	guest_down(&g);
	connect_guest(&g, &rig, 1);
	session_open(&a, &g, 0);
	CHECK_EQ(shader(&a, 7), 0);
	session_drop(&a);
	session_drop(&other);
	guest_down(&g);
	guest_down(&stranger);
	rig_down(&rig);
}

TEST(sup_shaders, none)
{
	struct guest_session a;
	struct guest g;
	struct rig rig;

	rig_up(&rig);
	rig_start(&rig, "ok", "--shader-store", "0");
	connect_guest(&g, &rig, 1);
	session_open(&a, &g, 0);
	CHECK_EQ(shader(&a, 7), -ENOENT);
	session_drop(&a);
	guest_down(&g);
	rig_down(&rig);
}

/* A full one is replaced, but not while anybody puts things there. */
TEST(sup_shaders, full)
{
	struct guest_session a, b;
	struct guest g;
	struct rig rig;

	rig_up(&rig);
	rig_start(&rig, "ok", "--shader-store", "1");
	connect_guest(&g, &rig, 1);
	session_open(&a, &g, 0);
	CHECK_EQ(shader(&a, 7), 0);
	CHECK(puppet_do(&a, PUPPET_SHADERS, 0, NULL) >= 8);
	session_open(&b, &g, 1);
	CHECK_EQ(shader(&b, 7), 1);
	session_close(&a);
	session_close(&b);
	CHECK(!rig_log_has(&rig, "are forgotten"));
	session_open(&a, &g, 0);
	CHECK(rig_log_has(&rig, "domain 1 (domain-1) vgpu 0: its compiled shaders fill --shader-store=1 "
				"and are forgotten"));
	CHECK_EQ(shader(&a, 7), 0);
	CHECK(puppet_do(&a, PUPPET_SHADERS, 0, NULL) >= 8);
	session_drop(&a);
	guest_down(&g);
	rig_down(&rig);
}
