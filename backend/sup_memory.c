// SPDX-License-Identifier: GPL-2.0-only
/*
 * The account of the GPU's memory that a guest may use on a device, over all its sessions. Workers
 * count what their resources take, and a worker is not to be believed; so each is allowed an
 * amount, the sum of all amounts is what counts, and an amount is free again when its worker is
 * dead.
 *
 * Amounts are handed out in chunks. When what is left is not enough for a session, the others are
 * asked for what they do not use, and sessions that are ending are waited for, before it is
 * refused.
 */
#include <errno.h>

#include "sup.h"

/* For others to answer or to end. One that is in a call of the renderer does neither. */
#define RECALL_MS	500u

static uint64_t limit_bytes(const struct sup_device *dev)
{
	return (uint64_t)dev->limits.memory_mib << 20;
}

static uint64_t left(const struct sup_device *dev)
{
	return limit_bytes(dev) - dev->memory_allowed;
}

static uint64_t with_chunk(const struct sup_device *dev, uint64_t bytes)
{
	return bytes < CTL_MEMORY_CHUNK && left(dev) >= CTL_MEMORY_CHUNK ? CTL_MEMORY_CHUNK : bytes;
}

static void allow(struct sup_worker *w, uint64_t bytes)
{
	w->memory.allowed += bytes;
	w->session->dev->memory_allowed += bytes;
}

uint64_t sup_memory_first(struct sup_worker *w)
{
	const struct sup_device *dev = w->session->dev;
	const uint64_t bytes = left(dev) < CTL_MEMORY_CHUNK ? 0 : CTL_MEMORY_CHUNK;

	allow(w, bytes);
	return bytes;
}

/* Returns 0; -EPIPE, it is ending; -errno, it does not read. */
static int answer(struct sup_worker *w, int err)
{
	struct ctl_msg msg = { .type = CTL_MEMORY_GRANT, .bytes = CTL_BYTES(memory_grant) };
	struct sup_device *dev = w->session->dev;
	struct worker_memory *m = &w->memory;

	if (err)
		log_line(LOG_LEVEL_WARNING, &dev->dom->rate,
			 "domain %u (%s) vgpu %u session %u: %llu more octets of GPU memory would "
			 "be over its limit, memory=%u (%llu are in use, or kept for its sessions)",
			 dev->dom->domid, dev->dom->name, dev->devid, w->session->index,
			 (unsigned long long)m->wants, dev->limits.memory_mib,
			 (unsigned long long)dev->memory_allowed);
	msg.u.memory_grant.err = err;
	msg.u.memory_grant.bytes = err ? 0 : with_chunk(dev, m->wants);
	allow(w, msg.u.memory_grant.bytes);
	m->wants = 0;
	/* What it was saving for this it may give now. */
	m->recalled_at = 0;
	loop_timer_cancel(&w->sup->loop, &m->timer);
	return w->sock < 0 ? -EPIPE : ctl_send(w->sock, &msg, NULL, 0);
}

/*
 * Whether another session of the device may still free some. Each is asked once after @w began to wait, when
 * it has answered what it was asked before: that answer may say what is no longer true.
 */
static bool others_may_free(const struct sup_worker *w)
{
	struct ctl_msg msg = { .type = CTL_MEMORY_RECALL,
			       .bytes = (uint32_t)offsetof(struct ctl_msg, u) };
	struct sup_worker *other;
	bool may = false;
	int err;

	TAILQ_FOREACH(other, &w->sup->pool.workers, link) {
		struct worker_memory *m = &other->memory;

		if (other == w || !other->session || other->session->dev != w->session->dev ||
		    !m->allowed)
			continue;
		if (!m->recalled && m->recalled_at < w->memory.since && !sup_worker_ending(other)) {
			err = ctl_send(other->sock, &msg, NULL, 0);
			m->recalled = !err;
			m->recalled_at = ++w->sup->memory_asks;
			other->deaf |= err == -EPIPE;
		}
		may |= sup_worker_ending(other) || m->recalled;
	}
	return may;
}

static void too_late(void *arg);

/* Answer @w's question if that is possible now. Returns as answer(). */
static int try_answer(struct sup_worker *w)
{
	struct worker_memory *m = &w->memory;

	if (m->wants <= left(w->session->dev))
		return answer(w, 0);
	if (!others_may_free(w))
		return answer(w, -EDQUOT);
	if (m->timer.armed)
		return 0;
	loop_timer_set(&w->sup->loop, &m->timer, RECALL_MS, too_late, w);
	return sup_worker_later(w);
}

/* Some of a device's memory was freed, or will not be; or a session has an answer, and may give more. */
static void settle(struct sup_device *dev)
{
	struct sup_worker *w;
	bool again;

	do {
		again = false;
		TAILQ_FOREACH(w, &dev->sup->pool.workers, link) {
			if (!w->session || w->session->dev != dev || !w->memory.wants ||
			    w->state == WORKER_DYING)
				continue;
			sup_worker_answered(w, try_answer(w));
			again |= !w->memory.wants;
		}
	} while (again);
}

static void too_late(void *arg)
{
	struct sup_worker *w = arg;

	if (!w->session || !w->memory.wants || w->state == WORKER_DYING)
		return;
	sup_worker_answered(w, answer(w, -EDQUOT));
	settle(w->session->dev);
}

int sup_memory_ask(struct sup_worker *w, uint64_t bytes)
{
	/* One question at a time, and none that every worker knows the answer to. */
	if (w->memory.wants || bytes > limit_bytes(w->session->dev))
		return -EPROTO;
	w->memory.wants = bytes;
	w->memory.since = ++w->sup->memory_asks;
	return try_answer(w);
}

int sup_memory_back(struct sup_worker *w, uint64_t bytes)
{
	if (bytes > w->memory.allowed)
		return -EPROTO;
	w->memory.allowed -= bytes;
	w->memory.recalled = false;
	w->session->dev->memory_allowed -= bytes;
	settle(w->session->dev);
	return 0;
}

void sup_memory_finish(struct sup_worker *w)
{
	struct sup_device *dev = w->session->dev;

	loop_timer_cancel(&w->sup->loop, &w->memory.timer);
	dev->memory_allowed -= w->memory.allowed;
	w->memory = (struct worker_memory){ 0 };
	settle(dev);
}
