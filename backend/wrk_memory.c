// SPDX-License-Identifier: GPL-2.0-only
/*
 * The GPU's memory that this session's resources take. What the guest may have in all is the
 * supervisor's to know; the session is allowed a part of it, in chunks, and asks for more when a
 * resource does not fit:
 *
 *	RESOURCE_CREATE -> fits -> created
 *	                -> MEMORY, the ring waits -> MEMORY_GRANT -> created, or refused
 *
 * What is not used goes back: unasked when it is much, and all of it when another session needs it.
 * Nothing waits in here.
 */
#include <errno.h>

#include <xen/errno.h>

#include "wrk.h"
#include "wrk_size.h"

static int refused(struct wrk *w, struct wrk_job *job)
{
	return wrk_limit_met(job, &w->stats->limit_memory, "memory", w->bind.memory_mib,
			     -XEN_ENOMEM);
}

static void use(struct wrk *w, uint64_t bytes)
{
	w->memory.used += bytes;
	w->stats->memory_bytes = w->memory.used;
}

int wrk_memory_take(struct wrk *w, struct wrk_job *job, uint64_t bytes)
{
	struct wrk_memory *m = &w->memory;
	const uint64_t limit = (uint64_t)w->bind.memory_mib << 20;
	const uint64_t unused = m->allowed - m->used;

	if (bytes <= unused) {
		use(w, bytes);
		return 0;
	}
	/* What cannot be, whoever else has what, is not asked for. */
	if (m->used > limit || bytes > limit - m->used)
		return refused(w, job);
	m->wants = bytes - unused;
	m->asked = false;
	return wrk_ring_wait(w, job, WRK_HELD_MEMORY);
}

void wrk_memory_give(struct wrk *w, uint64_t bytes)
{
	struct wrk_memory *m = &w->memory;
	uint64_t unused;

	m->used -= bytes;
	w->stats->memory_bytes = m->used;
	unused = m->allowed - m->used;
	if (unused <= 2 * CTL_MEMORY_CHUNK)
		return;
	m->back += unused - CTL_MEMORY_CHUNK;
	m->allowed -= unused - CTL_MEMORY_CHUNK;
}

int wrk_memory_granted(struct wrk *w, const struct ctl_memory_grant *grant)
{
	struct wrk_memory *m = &w->memory;

	if (!(w->held & WRK_HELD_MEMORY) || !m->asked || (!grant->err && grant->bytes < m->wants))
		return -EPROTO;
	m->asked = false;
	m->wants = 0;
	if (grant->err) {
		wrk_ring_done(w, WRK_HELD_MEMORY, refused(w, &w->waiting));
		return 0;
	}
	m->allowed += grant->bytes;
	wrk_ring_again(w, WRK_HELD_MEMORY);
	return 0;
}

void wrk_memory_recall(struct wrk *w)
{
	struct wrk_memory *m = &w->memory;

	m->recalled = true;
	/* What the request that waits was counting on stays. */
	if (w->held & WRK_HELD_MEMORY)
		return;
	m->back += m->allowed - m->used;
	m->allowed = m->used;
}

static int send_back(struct wrk *w)
{
	struct ctl_msg msg = { .type = CTL_MEMORY_BACK, .bytes = CTL_BYTES(memory_back) };
	struct wrk_memory *m = &w->memory;
	int err;

	if (!m->back && !m->recalled)
		return 0;
	msg.u.memory_back.bytes = m->back;
	err = ctl_send(w->ctl_fd, &msg, NULL, 0);
	if (err)
		return err;
	m->back = 0;
	m->recalled = false;
	return 0;
}

int wrk_memory_send(struct wrk *w)
{
	struct ctl_msg msg = { .type = CTL_MEMORY, .bytes = CTL_BYTES(memory) };
	struct wrk_memory *m = &w->memory;
	int err = send_back(w);

	if (err || !(w->held & WRK_HELD_MEMORY) || m->asked)
		return err;
	msg.u.memory.bytes = m->wants;
	err = ctl_send(w->ctl_fd, &msg, NULL, 0);
	m->asked = !err;
	return err;
}
