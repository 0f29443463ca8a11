// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker's talk with its supervisor: READY or FAILED, then BIND and the session it brings,
 * answers to MAP, and the end. The supervisor is trusted, but a message that makes no sense now is
 * a bug somewhere, and the worker ends rather than guess.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "gpu_texels.h"
#include "wrk.h"

#define LAST_WORDS_MS	1000

int wrk_ctl_ready(struct wrk *w)
{
	struct ctl_msg msg = { .type = CTL_READY, .bytes = CTL_BYTES(ready) };
	struct ctl_ready *ready = &msg.u.ready;
	uint32_t i;

	_Static_assert(GPU_MAX_CAPSETS <= CTL_MAX_CAPSETS, "READY has no room");
	for (i = 0; i < w->gpu.n_capsets; i++) {
		ready->capset[i].id = w->gpu.capset[i].id;
		ready->capset[i].max_version = w->gpu.capset[i].max_version;
		ready->capset[i].max_bytes = w->gpu.capset[i].max_bytes;
	}
	ready->n_capsets = i;
	ready->cage = w->cage;
	snprintf(ready->renderer, sizeof(ready->renderer), "%s", w->gpu.renderer);
	snprintf(ready->clock, sizeof(ready->clock), "%s", w->gpu.clock);
	return ctl_send(w->ctl_fd, &msg, NULL, 0);
}

int wrk_ctl_failed(int ctl_fd, const char *text)
{
	struct ctl_msg msg = { .type = CTL_FAILED, .bytes = CTL_BYTES(failed) };

	snprintf(msg.u.failed.text, sizeof(msg.u.failed.text), "%s", text);
	return ctl_send(ctl_fd, &msg, NULL, 0);
}

int wrk_ctl_closed(struct wrk *w)
{
	struct ctl_msg msg = { .type = CTL_CLOSED, .bytes = CTL_BYTES(closed) };

	struct pollfd room = { .fd = w->ctl_fd, .events = POLLOUT };
	int err;

	msg.u.closed.reason = w->reason;
	snprintf(msg.u.closed.text, sizeof(msg.u.closed.text), "%s", w->text);
	err = ctl_send(w->ctl_fd, &msg, NULL, 0);
	if (err != -EAGAIN)
		return err;
	/* Nothing else is left to do, so for these last words the worker waits, for a while. */
	poll(&room, 1, LAST_WORDS_MS);
	return ctl_send(w->ctl_fd, &msg, NULL, 0);
}

void wrk_ctl_grant(const struct ctl_extent *extent, uint32_t n_extents, const int *fds,
		   bool writable, struct gnt_grant *out)
{
	uint32_t i;

	*out = (struct gnt_grant){ .n_extents = n_extents, .writable = writable };
	for (i = 0; i < n_extents; i++) {
		out->extent[i] = (struct gnt_extent){ .fd = fds[i], .n_pages = extent[i].n_pages,
						      .offset_bytes = extent[i].offset_bytes };
		out->n_pages += extent[i].n_pages;
	}
}

/* What a session needs besides its ring and event channel. */
static int alloc_session(struct wrk *w)
{
	uint32_t i, n_slots;
	int err;

	err = wrk_table_init(&w->contexts, w->bind.max_contexts);
	if (!err)
		err = wrk_table_init(&w->resources, w->bind.max_resources);
	if (!err)
		err = wrk_table_init(&w->buffers, w->bind.max_buffers);
	if (err)
		return err;
	w->arena = aligned_alloc(64, VGPUIF_MAX_SUBMIT_BYTES);
	n_slots = RING_SIZE(&w->ring.r) + WRK_OWN_FENCES;
	w->pending = calloc(n_slots, sizeof(w->pending[0]));
	if (!w->arena || !w->pending || wrk_fence_alloc(w, n_slots))
		return -ENOMEM;
	for (i = 0; i < n_slots; i++) {
		w->pending[i].next = w->pending_free;
		w->pending_free = &w->pending[i];
	}
	return 0;
}

static int watch_event_channel(struct wrk *w)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = evt_fd(w->evt) };

	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, ev.data.fd, &ev) ? -errno : 0;
}

/* @fds: what the session keeps is set to -1. What is left of a failure goes with the process. */
static int bind_session(struct wrk *w, const struct ctl_bind *bind, int *fds)
{
	struct ctl_msg msg = { .type = CTL_BOUND, .bytes = offsetof(struct ctl_msg, u) };
	/* The most in one buffer: what xenstore says, too. */
	const uint64_t most = bind->max_pages < bind->max_buffer_pages ? bind->max_pages :
									 bind->max_buffer_pages;
	struct gnt_grant pages;
	unsigned int i;
	int err;

	w->bind = *bind;
	w->memory.allowed = bind->memory_bytes;
	w->limits.max_buffer_pages = bind->max_buffer_pages;
	gpu_texels_offer(&w->gpu, most * VGPUIF_PAGE_BYTES);
	for (i = 0; i < w->gpu.n_capsets; i++)
		w->limits.capsets |= UINT64_C(1) << w->gpu.capset[i].id;
	wrk_log_name(bind->domid, bind->devid, bind->session);

	wrk_ctl_grant(bind->extent, bind->n_extents, fds + bind->n_evt_fds, true, &pages);
	err = gnt_mmap(&pages, &w->ring_pages);
	if (err)
		return err;
	err = evt_import(bind->plat_kind, fds, bind->n_evt_fds, bind->evt_port, &w->evt);
	if (err)
		return err;
	for (i = 0; i < bind->n_evt_fds; i++)
		fds[i] = -1;
	ring_back_init(&w->ring, w->ring_pages, bind->ring_order);
	err = alloc_session(w);
	if (!err)
		err = wrk_limit_bind(w);
	/* Without it programs start more slowly, that is all. */
	if (bind->n_stores && w->gpu.ops->keep_shaders &&
	    !shaders_map(fds[bind->n_evt_fds + bind->n_extents], &w->shaders))
		w->gpu.ops->keep_shaders(&w->gpu, &w->shaders, w->stats);
	if (!err)
		err = watch_event_channel(w);
	if (err)
		return err;
	/* Requests that were there before anybody listened are found by the slice that follows. */
	wrk_sched_start(w);
	w->bound = true;
	return ctl_send(w->ctl_fd, &msg, NULL, 0);
}

/* What is for a session: if BIND failed, the supervisor may not know yet. */
static int unbound(const struct wrk *w)
{
	return w->ended ? 0 : -EPROTO;
}

static int handle(struct wrk *w, const struct ctl_msg *msg, int *fds)
{
	int err;

	switch (msg->type) {
	case CTL_BIND:
		if (w->bound)
			return -EPROTO;
		err = bind_session(w, &msg->u.bind, fds);
		if (err)
			wrk_end(w, CTL_REASON_RENDERER, "the session could not be set up: %s",
				strerror(-err));
		return 0;
	case CTL_GRANT:
		return wrk_buffer_granted(w, &msg->u.grant, fds);
	case CTL_RUN:
		if (!w->bound)
			return -EPROTO;
		wrk_sched_run(w, &msg->u.run);
		return 0;
	case CTL_MEMORY_GRANT:
		return wrk_memory_granted(w, &msg->u.memory_grant);
	case CTL_MEMORY_RECALL:
		if (!w->bound)
			return unbound(w);
		wrk_memory_recall(w);
		return 0;
	case CTL_LATER:
		if (!w->bound)
			return unbound(w);
		wrk_sched_later(w);
		return 0;
	case CTL_LIMITS:
		if (!w->bound)
			return unbound(w);
		wrk_limit_change(w, &msg->u.limits);
		return 0;
	case CTL_CLOSE:
		wrk_end(w, CTL_REASON_ASKED, "closed as asked");
		return 0;
	default:
		return -EPROTO;
	}
}

int wrk_ctl_receive(struct wrk *w)
{
	int fds[CTL_MAX_FDS];
	unsigned int i, n_fds;
	struct ctl_msg msg;
	int got, err;

	while ((got = ctl_recv(w->ctl_fd, &msg, fds, &n_fds)) > 0) {
		err = handle(w, &msg, fds);
		for (i = 0; i < n_fds; i++)
			if (fds[i] >= 0)
				close(fds[i]);
		if (err == -EPROTO)
			wrk_log("the supervisor's message of type %u makes no sense now", msg.type);
		if (err)
			return err;
	}
	return got;
}

static int send_unmapped(struct wrk *w)
{
	struct ctl_msg msg = { .type = CTL_UNMAPPED, .bytes = CTL_BYTES(unmapped) };
	int err;

	if (!w->pages_unmapped)
		return 0;
	msg.u.unmapped.n_pages = w->pages_unmapped;
	err = ctl_send(w->ctl_fd, &msg, NULL, 0);
	if (!err)
		w->pages_unmapped = 0;
	return err;
}

int wrk_ctl_flush(struct wrk *w)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = w->ctl_fd };
	bool blocked;
	int err;

	err = wrk_sched_flush(w);
	if (!err)
		err = send_unmapped(w);
	if (!err)
		err = wrk_buffer_send(w);
	if (!err)
		err = wrk_memory_send(w);
	if (err && err != -EAGAIN)
		return err;
	blocked = err == -EAGAIN;
	if (blocked == w->ctl_blocked)
		return 0;
	w->ctl_blocked = blocked;
	if (blocked)
		ev.events |= EPOLLOUT;
	return epoll_ctl(w->epoll_fd, EPOLL_CTL_MOD, w->ctl_fd, &ev) ? -errno : 0;
}
