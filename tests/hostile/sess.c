// SPDX-License-Identifier: GPL-2.0-only
/*
 * A session by hand. It can be asked for anything; what comes back is checked as strictly as
 * libxengpu does.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "hostile.h"
#include "request.h"
#include "virgl.h"

static struct gnt_share *share(uint32_t n_pages, bool writable)
{
	struct gnt_share *pages;
	int err = gnt_share(host.plat, host.limits.backend_domid, n_pages, writable, &pages);

	if (err)
		die("%u pages cannot be granted: %s", n_pages, gnt_explain(host.plat, err));
	return pages;
}

static void make_ring(struct sess *s)
{
	int err;

	s->ring_share = share(1u << s->order, true);
	ring_front_init(&s->ring, s->ring_share->addr, s->order);
	err = evt_alloc(host.plat, host.limits.backend_domid, &s->evt, &s->port);
	if (!err)
		err = gnt_share_notify_on_loss(s->ring_share, VGPUIF_LIVE_OFFSET, s->evt);
	if (err)
		die("no event channel: %s", strerror(-err));
}

void sess_sweep(uint32_t index)
{
	char front[PATH_BYTES], back[PATH_BYTES];

	snprintf(front, sizeof(front), "%s/session-%u", host.front, index);
	snprintf(back, sizeof(back), "%s/session-%u", host.back, index);
	if (read_state(back) && !await_state(back, 6, WAIT_MS))
		wrong("session %u, whose process is gone, is not ended", index);
	xst_rm(host.xst, XST_NO_TX, front);
	if (!await_state(back, 0, WAIT_MS))
		wrong("the backend keeps the nodes of session %u", index);
}

void sess_prepare(struct sess *s, uint32_t index, unsigned int order)
{
	*s = (struct sess){ .index = index, .order = order };
	snprintf(s->front, sizeof(s->front), "%s/session-%u", host.front, index);
	snprintf(s->back, sizeof(s->back), "%s/session-%u", host.back, index);
	/* Of an earlier run that came to an end of its own. */
	sess_sweep(index);
	s->mem = share(SESS_PAGES, true);
	s->dir = share(SESS_DIR_PAGES, false);
	make_ring(s);
}

void sess_nodes(struct sess *s)
{
	uint32_t i;

	xst_printf(host.xst, XST_NO_TX, node(s->front, VGPUIF_NODE_RING_PAGE_ORDER), "%u",
		   s->order);
	for (i = 0; i < 1u << s->order; i++)
		xst_printf(host.xst, XST_NO_TX, node(s->front, VGPUIF_NODE_RING_REF "%u", i), "%u",
			   s->ring_share->refs[i]);
	xst_printf(host.xst, XST_NO_TX, node(s->front, VGPUIF_NODE_EVENT_CHANNEL), "%u", s->port);
	xst_write(host.xst, XST_NO_TX, node(s->front, "state"), "3");
}

static void read_why(struct sess *s)
{
	if (xst_read(host.xst, XST_NO_TX, node(s->back, "error"), s->why, sizeof(s->why)) < 0)
		s->why[0] = '\0';
}

static bool await_open(struct sess *s)
{
	const uint64_t end_ns = now_ns() + 2 * WAIT_MS * UINT64_C(1000000);
	uint32_t state;

	while ((state = read_state(s->back)) != 4) {
		if (state == 6) {
			read_why(s);
			return false;
		}
		if (now_ns() > end_ns)
			die("session %u is neither opened nor refused", s->index);
		sleep_us(2000);
	}
	return true;
}

bool sess_open_at(struct sess *s, uint32_t index, unsigned int order)
{
	sess_prepare(s, index, order);
	sess_nodes(s);
	return await_open(s);
}

void sess_open(struct sess *s)
{
	unsigned int order = host.limits.max_ring_page_order < 2 ? host.limits.max_ring_page_order :
								   2;

	if (!sess_open_at(s, host.session, order))
		die("session %u is refused: %s", s->index, s->why);
}

bool sess_ended(struct sess *s)
{
	const uint32_t state = read_state(s->back);

	if (state == 4)
		return false;
	read_why(s);
	return true;
}

void sess_await_end(struct sess *s, const char *words)
{
	if (!await_state(s->back, 6, WAIT_MS)) {
		wrong("session %u was not ended (state %u)", s->index, read_state(s->back));
		return;
	}
	read_why(s);
	if (!strstr(s->why, words) || (!words[0] && s->why[0]))
		wrong("the backend ended the session with \"%s\", not \"%s\"", s->why, words);
}

static void take_back(struct sess *s)
{
	gnt_unshare(s->ring_share);
	evt_close(s->evt);
	s->ring_share = NULL;
}

static void end(struct sess *s)
{
	xst_write(host.xst, XST_NO_TX, node(s->front, "state"), "5");
	if (!await_state(s->back, 6, WAIT_MS) && read_state(s->back))
		wrong("session %u does not end (state %u)", s->index, read_state(s->back));
	read_why(s);
	take_back(s);
	xst_rm(host.xst, XST_NO_TX, s->front);
	if (!await_state(s->back, 0, WAIT_MS))
		wrong("the backend keeps the nodes of session %u", s->index);
}

void sess_close(struct sess *s)
{
	end(s);
	gnt_unshare(s->mem);
	gnt_unshare(s->dir);
}

void sess_reopen(struct sess *s)
{
	end(s);
	s->next_dir = 0;
	make_ring(s);
	sess_nodes(s);
	if (!await_open(s))
		die("session %u is refused: %s", s->index, s->why);
}

void sess_lost(struct sess *s, const char *of_what)
{
	await_state(s->back, 6, WAIT_MS);
	read_why(s);
	if (!strstr(s->why, "the worker died (signal") && !strstr(s->why, "the GPU hangs")) {
		wrong("%s: the session ended: \"%s\"", of_what, s->why);
		return;
	}
	host.n_died++;
	say("%s: %s", of_what, s->why);
}

/* --- requests and answers --------------------------------------------------------------------- */

bool sess_put(struct sess *s, struct vgpuif_request *req)
{
	req->id = ++s->next_id;
	return !ring_front_put(&s->ring, req);
}

void sess_push(struct sess *s)
{
	if (ring_front_push(&s->ring))
		evt_notify(s->evt);
}

static void sleep_for_event(struct sess *s)
{
	struct pollfd p = { .fd = evt_fd(s->evt), .events = POLLIN };

	if (ring_front_sleep(&s->ring))
		return;
	if (poll(&p, 1, 20) > 0 && evt_pending(s->evt) > 0)
		evt_unmask(s->evt);
}

int sess_get(struct sess *s, struct vgpuif_response *rsp, unsigned int timeout_ms)
{
	const uint64_t end_ns = now_ns() + timeout_ms * UINT64_C(1000000);
	unsigned int i, turn;
	int got;

	for (turn = 0;; turn++) {
		for (i = 0; i < 200; i++) {
			got = ring_front_get(&s->ring, rsp);
			if (got)
				return got;
		}
		if (turn % 8 == 7 && sess_ended(s))
			return -ENOTCONN;
		if (now_ns() > end_ns)
			return 0;
		sleep_for_event(s);
	}
}

bool known_status(int32_t status)
{
	static const int known[] = { 0, XEN_EINVAL, XEN_EOPNOTSUPP, XEN_ENOENT, XEN_EEXIST,
				     XEN_EBUSY, XEN_ENOSPC, XEN_EFAULT, XEN_ENOMEM, XEN_EIO,
				     XEN_ENODEV };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (status == -known[i])
			return true;
	return false;
}

int32_t sess_call(struct sess *s, struct vgpuif_request *req)
{
	struct vgpuif_response rsp;
	int got;

	if (!sess_put(s, req))
		die("the ring is full");
	sess_push(s);
	got = sess_get(s, &rsp, WAIT_MS);
	if (got == -ENOTCONN)
		return SESS_ENDED;
	if (got == -EPROTO)
		die("the backend's index is impossible");
	if (!got)
		die("operation %u (%s) is not answered", req->operation,
		    request_name(req->operation));
	if (rsp.id != req->id || rsp.operation != req->operation || rsp.reserved1 ||
	    rsp.reserved0[0] || rsp.reserved0[1] || rsp.reserved0[2] || !known_status(rsp.status))
		die("%s is answered with id %u for %u, operation %u, status %d",
		    request_name(req->operation), rsp.id, req->id, rsp.operation, rsp.status);
	return rsp.status;
}

bool sess_drain(struct sess *s, uint32_t n)
{
	struct vgpuif_response rsp;
	int got;

	while (n--) {
		got = sess_get(s, &rsp, WAIT_MS);
		if (got == -ENOTCONN)
			return false;
		if (got != 1)
			die("%u answers have not come", n + 1);
		if (!known_status(rsp.status))
			wrong("status %d", rsp.status);
	}
	return true;
}

bool sess_sync(struct sess *s)
{
	return sess_drain(s, s->ring.r.req_prod_pvt - s->ring.r.rsp_cons);
}

/* --- memory ----------------------------------------------------------------------------------- */

uint8_t *sess_page(struct sess *s, uint32_t page)
{
	return (uint8_t *)s->mem->addr + (size_t)page * PAGE;
}

struct vgpuif_page_directory *sess_dir(struct sess *s, uint32_t i)
{
	return (struct vgpuif_page_directory *)s->dir->addr + i;
}

uint32_t sess_directory(struct sess *s, uint32_t first_page, uint32_t n_pages)
{
	/* No buffer here is longer than a directory page. */
	const uint32_t i = s->next_dir++ % SESS_DIR_PAGES;
	struct vgpuif_page_directory *dir = sess_dir(s, i);

	memset(dir, 0, sizeof(*dir));
	memcpy(dir->gref, s->mem->refs + first_page, n_pages * sizeof(dir->gref[0]));
	return s->dir->refs[i];
}

/* --- requests --------------------------------------------------------------------------------- */

struct vgpuif_request req_register(uint32_t id, uint32_t n_pages, uint32_t gref)
{
	return (struct vgpuif_request){
		.operation = VGPUIF_OP_BUFFER_REGISTER,
		.u.buffer_register = { .buffer_id = id, .n_pages = n_pages,
				       .gref_directory = gref } };
}

struct vgpuif_request req_context(uint32_t id)
{
	return (struct vgpuif_request){
		.operation = VGPUIF_OP_CONTEXT_CREATE,
		.u.context_create = { .context_id = id, .capset_id = VGPUIF_CAPSET_VIRGL2,
				      .n_rings = 1, .name = "hostile" } };
}

struct vgpuif_request req_texture(uint32_t id, uint32_t side)
{
	return (struct vgpuif_request){
		.operation = VGPUIF_OP_RESOURCE_CREATE,
		.u.resource_create = { .resource_id = id, .target = VIRGL_TEXTURE_2D,
				       .format = VIRGL_FORMAT_RGBA8,
				       .bind = VIRGL_BIND_RENDER_TARGET | VIRGL_BIND_SAMPLER_VIEW,
				       .width = side, .height = side, .depth = 1,
				       .array_size = 1 } };
}

struct vgpuif_request req_attach(uint32_t resource, uint32_t buffer, uint64_t offset,
				 uint64_t bytes)
{
	return (struct vgpuif_request){
		.operation = VGPUIF_OP_RESOURCE_ATTACH,
		.u.resource_attach = { .resource_id = resource, .buffer_id = buffer,
				       .offset = offset, .bytes = bytes } };
}

struct vgpuif_request req_pair(uint8_t operation, uint32_t context, uint32_t resource)
{
	return (struct vgpuif_request){
		.operation = operation,
		.u.context_resource = { .context_id = context, .resource_id = resource } };
}

struct vgpuif_request req_id(uint8_t operation, uint32_t id)
{
	struct vgpuif_request req = { .operation = operation };

	/* The first field of all that have one only. */
	req.u.resource_unref.resource_id = id;
	return req;
}

struct vgpuif_request req_transfer(uint8_t operation, uint32_t context, uint32_t resource,
				   uint32_t side)
{
	return (struct vgpuif_request){
		.operation = operation,
		.u.transfer = { .context_id = context, .resource_id = resource, .width = side,
				.height = side, .depth = 1 } };
}

struct vgpuif_request req_submit(uint32_t context, uint32_t buffer, uint64_t offset, uint32_t bytes)
{
	return (struct vgpuif_request){
		.operation = VGPUIF_OP_SUBMIT,
		.flags = VGPUIF_SUBMIT_FENCE,
		.u.submit = { .context_id = context, .buffer_id = buffer, .offset = offset,
			      .bytes = bytes } };
}

/* --- a scene ---------------------------------------------------------------------------------- */

/* Of queries, if @bind is VIRGL_BIND_CUSTOM: the renderer keeps such a buffer in its own memory. */
static struct vgpuif_request req_buffer(uint32_t id, uint32_t bind)
{
	return (struct vgpuif_request){
		.operation = VGPUIF_OP_RESOURCE_CREATE,
		.u.resource_create = { .resource_id = id, .target = VIRGL_BUFFER,
				       .format = VIRGL_FORMAT_R8, .bind = bind,
				       .width = PAGE, .height = 1, .depth = 1, .array_size = 1 } };
}

bool sess_scene(struct sess *s)
{
	struct vgpuif_request reqs[] = {
		req_register(SCENE_CMDS, SCENE_CMDS_PAGES,
			     sess_directory(s, SCENE_CMDS_PAGE, SCENE_CMDS_PAGES)),
		req_register(SCENE_PIXELS, SCENE_PIXELS_PAGES,
			     sess_directory(s, SCENE_PIXELS_PAGE, SCENE_PIXELS_PAGES)),
		req_context(1),
		req_context(2),
		req_texture(1, SCENE_SIDE),
		req_buffer(2, VIRGL_BIND_VERTEX_BUFFER),
		req_buffer(4, VIRGL_BIND_CUSTOM),
		req_attach(1, SCENE_PIXELS, 0, SCENE_SIDE * SCENE_SIDE * 4),
		req_attach(2, SCENE_PIXELS, SCENE_SIDE * SCENE_SIDE * 4, PAGE),
		req_attach(4, SCENE_PIXELS, SCENE_SIDE * SCENE_SIDE * 4 + PAGE, PAGE),
		req_pair(VGPUIF_OP_CONTEXT_ATTACH, 1, 1),
		req_pair(VGPUIF_OP_CONTEXT_ATTACH, 1, 2),
		req_pair(VGPUIF_OP_CONTEXT_ATTACH, 1, 4),
	};
	size_t i;

	reqs[0].flags = VGPUIF_BUFFER_READ_ONLY;
	for (i = 0; i < sizeof(reqs) / sizeof(reqs[0]); i++)
		if (!sess_put(s, &reqs[i]))
			die("the ring is full");
	sess_push(s);
	return sess_sync(s);
}

int32_t sess_submit(struct sess *s, uint32_t context, const uint32_t *words, uint32_t n)
{
	struct vgpuif_request req = req_submit(context, SCENE_CMDS, 0, n * 4);

	if (n * 4 > SCENE_CMDS_PAGES * PAGE)
		die("%u words of commands", n);
	memcpy(sess_page(s, SCENE_CMDS_PAGE), words, n * 4);
	return sess_call(s, &req);
}

bool sess_draws(struct sess *s)
{
	struct vgpuif_request read = req_transfer(VGPUIF_OP_TRANSFER_FROM_HOST, 1, 1, SCENE_SIDE);
	const uint32_t *pixel = (const uint32_t *)(const void *)sess_page(s, SCENE_PIXELS_PAGE);
	uint32_t words[64], n, i;

	memset(sess_page(s, SCENE_PIXELS_PAGE), 0x55, SCENE_SIDE * SCENE_SIDE * 4);
	n = virgl_surface(words, 1, 1);
	n += virgl_framebuffer(words + n, 1);
	n += virgl_clear(words + n, 1.f, 0.f, 1.f, 1.f);
	if (sess_submit(s, 1, words, n) || sess_call(s, &read))
		return false;
	for (i = 0; i < SCENE_SIDE * SCENE_SIDE; i++)
		if (pixel[i] != 0xffff00ffu)
			return false;
	return true;
}
