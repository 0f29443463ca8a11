// SPDX-License-Identifier: GPL-2.0-only
/*
 * Things used when they are not there: in a context they do not belong to, after they were freed,
 * while they are being made, twice; and ended with work in flight.
 */
#include <string.h>

#include "hostile.h"
#include "virgl.h"

/* After a stream of a broken context: 0 (not seen yet) or EIO, then the context is lost. */
static void want_lost(struct sess *s, const char *name, uint32_t context, const uint32_t *words,
		      uint32_t n)
{
	int32_t status = sess_submit(s, context, words, n);

	if (status == SESS_ENDED) {
		sess_lost(s, name);
		sess_reopen(s);
	} else if (status != -XEN_EIO) {
		wrong("%s: status %d", name, status);
	}
}

static bool again(struct sess *s, uint32_t context)
{
	struct vgpuif_request destroy = req_id(VGPUIF_OP_CONTEXT_DESTROY, context);

	return sess_call(s, &destroy) != SESS_ENDED && sess_scene(s);
}

static void across(struct sess *s)
{
	struct vgpuif_request read = req_transfer(VGPUIF_OP_TRANSFER_FROM_HOST, 2, 1, SCENE_SIDE);
	uint32_t words[64], n;

	n = virgl_surface(words, 1, 1);
	want_lost(s, "a texture of context 1 in context 2", 2, words, n);
	again(s, 2);
	if (sess_call(s, &read) == 0)
		wrong("context 2 reads a texture that it was not given");
	again(s, 2);
	if (!sess_draws(s))
		wrong("context 1 does not draw any more");
}

/* The surface lives in the context, and with it the renderer's texture, for longer than its id. */
static void after_free(struct sess *s)
{
	struct vgpuif_request unref = req_id(VGPUIF_OP_RESOURCE_UNREF, 1);
	struct vgpuif_request read = req_transfer(VGPUIF_OP_TRANSFER_FROM_HOST, 1, 1, SCENE_SIDE);
	struct vgpuif_request unregister = req_id(VGPUIF_OP_BUFFER_UNREGISTER, SCENE_PIXELS);
	struct vgpuif_request others[] = { req_id(VGPUIF_OP_RESOURCE_UNREF, 2),
					   req_id(VGPUIF_OP_RESOURCE_UNREF, 4) };
	uint32_t words[64], n;
	int32_t status;

	n = virgl_surface(words, 1, 1);
	n += virgl_framebuffer(words + n, 1);
	if (sess_submit(s, 1, words, n) || sess_call(s, &unref))
		die("no surface");
	/* Its pages are not mapped any more, either. */
	if (sess_call(s, &others[0]) || sess_call(s, &others[1]) || sess_call(s, &unregister))
		wrong("the backing store of freed resources cannot be unregistered");
	n = virgl_clear(words, 1, 1, 1, 1);
	status = sess_submit(s, 1, words, n);
	if (status && status != -XEN_EIO)
		wrong("drawing to a freed texture's surface: status %d", status);
	if (sess_call(s, &read) != -XEN_ENOENT)
		wrong("a freed texture can be read");
	if (sess_call(s, &unref) != -XEN_ENOENT)
		wrong("a texture is freed twice");
	/* Its number means another one now, and the old surface must not reach it. */
	if (!sess_scene(s))
		die("the session ended: %s", s->why);
	again(s, 1);
	if (!sess_draws(s))
		wrong("a new texture with the number of a freed one does not draw");
}

static void detached(struct sess *s)
{
	struct vgpuif_request detach = req_id(VGPUIF_OP_RESOURCE_DETACH, 1);
	struct vgpuif_request read = req_transfer(VGPUIF_OP_TRANSFER_FROM_HOST, 1, 1, SCENE_SIDE);
	struct vgpuif_request attach = req_attach(1, SCENE_PIXELS, 0, 64);

	if (sess_call(s, &detach))
		wrong("detaching");
	if (sess_call(s, &detach) != -XEN_EINVAL)
		wrong("a backing store is detached twice");
	if (sess_call(s, &read) != -XEN_EINVAL)
		wrong("a transfer without a backing store");
	/* One that is too short for the box: the renderer's to find. */
	if (sess_call(s, &attach))
		wrong("attaching");
	memset(sess_page(s, SCENE_PIXELS_PAGE), 0x77, PAGE);
	if (sess_call(s, &read) == SESS_ENDED) {
		sess_lost(s, "a transfer into too short a backing store");
		sess_reopen(s);
		sess_scene(s);
		return;
	}
	if (sess_page(s, SCENE_PIXELS_PAGE)[64] != 0x77)
		wrong("a transfer went past the end of the backing store");
	sess_call(s, &detach);
	again(s, 1);
}

/* Much in flight in a context, and the context is destroyed; its fences are answered, all. */
static void in_flight(struct sess *s)
{
	uint32_t words[64], n, round, i;

	n = virgl_clear(words, 1, 0, 0, 1);
	memcpy(sess_page(s, SCENE_CMDS_PAGE), words, n * 4);
	for (round = 0; round < 20; round++) {
		for (i = 0; i < 60; i++) {
			struct vgpuif_request req = req_submit(1, SCENE_CMDS, 0, n * 4);

			if (i % 2)
				req.flags |= VGPUIF_SUBMIT_IN_ORDER;
			sess_put(s, &req);
		}
		if (round % 2) {
			struct vgpuif_request req = req_id(VGPUIF_OP_CONTEXT_DESTROY, 1);

			sess_put(s, &req);
			/* ... and what names it afterwards. */
			req = req_submit(1, SCENE_CMDS, 0, n * 4);
			sess_put(s, &req);
		} else {
			struct vgpuif_request req = req_id(VGPUIF_OP_RESOURCE_UNREF, 1);

			sess_put(s, &req);
		}
		sess_push(s);
		if (!sess_sync(s) || !again(s, 1))
			die("the session ended: %s", s->why);
	}
	if (!sess_draws(s))
		wrong("it does not draw after that");
}

/* Made and freed as fast as it goes, in no order, with few numbers. */
static void churn(struct sess *s)
{
	static const uint8_t operations[] = {
		VGPUIF_OP_CONTEXT_CREATE, VGPUIF_OP_CONTEXT_DESTROY, VGPUIF_OP_RESOURCE_CREATE,
		VGPUIF_OP_RESOURCE_UNREF, VGPUIF_OP_RESOURCE_ATTACH, VGPUIF_OP_RESOURCE_DETACH,
		VGPUIF_OP_CONTEXT_ATTACH, VGPUIF_OP_CONTEXT_DETACH, VGPUIF_OP_BUFFER_REGISTER,
		VGPUIF_OP_BUFFER_UNREGISTER, VGPUIF_OP_TRANSFER_TO_HOST,
		VGPUIF_OP_TRANSFER_FROM_HOST, VGPUIF_OP_SUBMIT,
	};
	uint32_t words[64], n_words, n = 0, i;

	n_words = virgl_surface(words, 1, 1);
	n_words += virgl_framebuffer(words + n_words, 1);
	n_words += virgl_clear(words + n_words, 0, 0, 1, 1);
	memcpy(sess_page(s, SCENE_CMDS_PAGE), words, n_words * 4);
	while (time_left()) {
		for (i = 0; i < 30; i++, n++) {
			const uint8_t op = operations[rnd(sizeof(operations))];
			const uint32_t a = 1 + rnd(3), b = 1 + rnd(3);
			struct vgpuif_request req = req_id(op, a);

			if (op == VGPUIF_OP_CONTEXT_CREATE)
				req = req_context(a);
			else if (op == VGPUIF_OP_RESOURCE_CREATE)
				req = req_texture(a, 16 + rnd(48));
			else if (op == VGPUIF_OP_RESOURCE_ATTACH)
				req = req_attach(a, 1 + rnd(4), 0, PAGE * (1 + rnd(4)));
			else if (op == VGPUIF_OP_CONTEXT_ATTACH || op == VGPUIF_OP_CONTEXT_DETACH)
				req = req_pair(op, a, b);
			else if (op == VGPUIF_OP_BUFFER_REGISTER)
				req = req_register(a + 1, 16,
						   sess_directory(s, SCENE_PIXELS_PAGE, 16));
			else if (op == VGPUIF_OP_BUFFER_UNREGISTER)
				req = req_id(op, a + 1);
			else if (op == VGPUIF_OP_SUBMIT)
				req = req_submit(a, SCENE_CMDS, 0, n_words * 4);
			else if (op == VGPUIF_OP_TRANSFER_TO_HOST ||
				 op == VGPUIF_OP_TRANSFER_FROM_HOST)
				req = req_transfer(op, a, b, 16);
			sess_put(s, &req);
		}
		sess_push(s);
		if (sess_sync(s))
			continue;
		sess_lost(s, "things made and freed in no order");
		sess_reopen(s);
		sess_scene(s);
		memcpy(sess_page(s, SCENE_CMDS_PAGE), words, n_words * 4);
	}
	say("%u requests", n);
}

static void with_scene(void (*fn)(struct sess *s))
{
	struct sess s;

	sess_open(&s);
	if (!sess_scene(&s))
		die("no scene: %s", s.why);
	fn(&s);
	sess_close(&s);
}

static void lifetimes(void)
{
	with_scene(across);
	with_scene(after_free);
	with_scene(detached);
	with_scene(in_flight);
}

static void churn_case(void)
{
	with_scene(churn);
}

/* Numbers mean something in their own session only. */
static void other_session(void)
{
	struct vgpuif_request reqs[] = {
		req_id(VGPUIF_OP_CONTEXT_DESTROY, 1),
		req_id(VGPUIF_OP_RESOURCE_UNREF, 1),
		req_id(VGPUIF_OP_BUFFER_UNREGISTER, SCENE_PIXELS),
		req_transfer(VGPUIF_OP_TRANSFER_FROM_HOST, 1, 1, SCENE_SIDE),
		req_submit(1, SCENE_CMDS, 0, 64),
	};
	struct sess a, b;
	size_t i;

	if (host.limits.max_sessions < 2) {
		say("there is one session only");
		return;
	}
	sess_open(&a);
	if (!sess_open_at(&b, host.session - 1, 0))
		die("a second session is refused: %s", b.why);
	if (!sess_scene(&a))
		die("no scene: %s", a.why);
	for (i = 0; i < sizeof(reqs) / sizeof(reqs[0]); i++)
		if (sess_call(&b, &reqs[i]) != -XEN_ENOENT)
			wrong("request %zu reaches another session's things", i);
	if (!sess_draws(&a))
		wrong("the other session does not draw");
	sess_close(&b);
	if (!sess_draws(&a))
		wrong("the other session ended with this one");
	sess_close(&a);
}

/* Contexts and resources up to the limits and past them; then all goes with the session. */
static void greedy(void)
{
	const uint32_t n_contexts = host.limits.max_contexts, n_resources = 300;
	uint32_t i, refused = 0;
	struct sess s;
	int32_t status;

	sess_open(&s);
	for (i = 0; i < (n_contexts < 200 ? n_contexts : 200) + 4; i++) {
		struct vgpuif_request req = req_context(1000 + i);

		status = sess_call(&s, &req);
		if (status == SESS_ENDED)
			die("the session ended: %s", s.why);
		if (status != (i < n_contexts ? 0 : -XEN_ENOSPC))
			wrong("context %u of %u: status %d", i, n_contexts, status);
	}
	for (i = 0; i < n_resources; i++) {
		struct vgpuif_request req = req_texture(1000 + i, 1u << rnd(13));

		status = sess_call(&s, &req);
		if (status == SESS_ENDED)
			die("the session ended: %s", s.why);
		refused += status == -XEN_ENOMEM || status == -XEN_ENOSPC;
		if (status && status != -XEN_ENOMEM && status != -XEN_ENOSPC)
			wrong("resource %u: status %d", i, status);
	}
	say("%u resources, %u refused", i, refused);
	if (host.limits.max_memory_mib && host.limits.max_memory_mib <= 256 && !refused)
		wrong("%u resources, and none was too many", i);
	sess_close(&s);
}

const struct hostile_case cases_lifetimes[] = {
	{ "lifetimes", "used in another context, after free, twice, with work in flight",
	  lifetimes },
	{ "churn", "things made, used and freed in no order", churn_case },
	{ "other-session", "the numbers of another session's things", other_session },
	{ "greedy", "contexts and resources past the limits", greedy },
	{ 0 },
};
