// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers: the guest's pages, mapped here. The worker cannot map anything itself; it asks the
 * supervisor, who answers with descriptors. A registration therefore takes several events:
 *
 *	register -> directory page: MAP, GRANT, copy the references out, unmap -> the next one ...
 *	         -> all references: MAP, GRANT -> answered
 *
 * Meanwhile no request is taken from the ring, which is what keeps requests in order; fences and
 * the supervisor's messages are served as always. Nothing waits in here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>

#include "wrk.h"

/* Of what the supervisor is being asked to map. */
static uint32_t wanted_pages(const struct wrk_register *reg)
{
	return reg->directory ? 1 : reg->n_pages;
}

static void ask(struct wrk_register *reg, bool directory)
{
	reg->directory = directory;
	reg->seq++;
	reg->n_sent = 0;
}

int wrk_buffer_send(struct wrk *w)
{
	struct wrk_register *reg = &w->reg;
	struct ctl_msg msg;
	struct ctl_map *map = &msg.u.map;

	while ((w->held & WRK_HELD_REGISTER) && reg->n_sent < wanted_pages(reg)) {
		uint32_t n = wanted_pages(reg) - reg->n_sent;
		int err;

		if (n > CTL_MAX_REFS)
			n = CTL_MAX_REFS;
		msg.type = CTL_MAP;
		msg.bytes = (uint32_t)(offsetof(struct ctl_msg, u.map.refs) +
				       n * sizeof(map->refs[0]));
		map->seq = reg->seq;
		map->n_pages = wanted_pages(reg);
		map->first = reg->n_sent;
		map->n_refs = n;
		map->writable = !reg->directory && reg->writable;
		memcpy(map->refs, reg->directory ? &reg->dir_ref : reg->refs + reg->n_sent,
		       n * sizeof(map->refs[0]));
		err = ctl_send(w->ctl_fd, &msg, NULL, 0);
		if (err)
			return err;
		reg->n_sent += n;
		if (reg->n_sent == wanted_pages(reg))
			w->stats->map_ops++;
	}
	return 0;
}

static void finish(struct wrk *w, int32_t status)
{
	const uint32_t seq = w->reg.seq;

	free(w->reg.refs);
	w->reg = (struct wrk_register){ .seq = seq };
	wrk_ring_done(w, WRK_HELD_REGISTER, status);
}

int wrk_buffer_register(struct wrk *w, struct wrk_job *job)
{
	const struct vgpuif_buffer_register *args = &job->req.u.buffer_register;
	struct wrk_register *reg = &w->reg;

	if (args->n_pages > w->bind.max_pages - w->pages_registered)
		return wrk_limit_met(job, &w->stats->limit_buffers, "pages", w->bind.max_pages,
				     -XEN_ENOSPC);
	reg->refs = malloc(args->n_pages * sizeof(reg->refs[0]));
	if (!reg->refs)
		return -XEN_ENOMEM;
	reg->writable = !(job->req.flags & VGPUIF_BUFFER_READ_ONLY);
	reg->buffer_id = args->buffer_id;
	reg->n_pages = args->n_pages;
	reg->n_known = 0;
	reg->dir_ref = args->gref_directory;
	ask(reg, true);
	return wrk_ring_wait(w, job, WRK_HELD_REGISTER);
}

static void count_mapped(struct wrk *w, uint32_t n_pages)
{
	w->stats->pages_mapped += n_pages;
	if (w->stats->pages_mapped > w->stats->pages_mapped_max)
		w->stats->pages_mapped_max = w->stats->pages_mapped;
}

static void unmap(struct wrk *w, void *addr, uint32_t n_pages)
{
	gnt_munmap(addr, n_pages);
	w->stats->unmap_ops++;
	w->stats->pages_mapped -= n_pages;
	w->pages_unmapped += n_pages;
}

/* A directory page, already copied. Sets what to ask for next. Returns 0 or a status. */
static int read_directory(struct wrk_register *reg, const struct vgpuif_page_directory *dir)
{
	uint32_t n = reg->n_pages - reg->n_known;
	uint32_t i;

	if (n > VGPUIF_DIRECTORY_REFS)
		n = VGPUIF_DIRECTORY_REFS;
	for (i = 0; i < n; i++)
		if (!dir->gref[i])
			return -XEN_EINVAL;
	memcpy(reg->refs + reg->n_known, dir->gref, n * sizeof(dir->gref[0]));
	reg->n_known += n;
	if (reg->n_known < reg->n_pages) {
		if (!dir->gref_next)
			return -XEN_EINVAL;	/* the chain ends early */
		reg->dir_ref = dir->gref_next;
		ask(reg, true);
		return 0;
	}
	if (dir->gref_next)
		return -XEN_EINVAL;		/* the chain goes on */
	ask(reg, false);
	return 0;
}

static void directory_mapped(struct wrk *w, void *addr)
{
	struct vgpuif_page_directory dir;
	int status;

	/* The guest can rewrite it at any time: one copy, and out. */
	memcpy(&dir, addr, sizeof(dir));
	unmap(w, addr, 1);
	status = read_directory(&w->reg, &dir);
	if (status)
		finish(w, status);
}

static void pages_mapped(struct wrk *w, void *addr)
{
	struct wrk_register *reg = &w->reg;
	struct wrk_buffer *buffer = calloc(1, sizeof(*buffer));

	if (!buffer) {
		unmap(w, addr, reg->n_pages);
		finish(w, -XEN_ENOMEM);
		return;
	}
	buffer->node.id = reg->buffer_id;
	buffer->addr = addr;
	buffer->n_pages = reg->n_pages;
	buffer->writable = reg->writable;
	wrk_table_add(&w->buffers, &buffer->node);
	w->pages_registered += buffer->n_pages;
	w->stats->buffers = w->buffers.count;
	finish(w, 0);
}

static int32_t map_status(int err)
{
	switch (err) {
	case -EDQUOT:
		return -XEN_ENOSPC;
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
	case -ENOSPC:
		return -XEN_ENOMEM;
	default:
		return -XEN_EFAULT;
	}
}

int wrk_buffer_granted(struct wrk *w, const struct ctl_grant *grant, const int *fds)
{
	struct wrk_register *reg = &w->reg;
	struct gnt_grant pages;
	void *addr;
	int err;

	if (!(w->held & WRK_HELD_REGISTER) || reg->n_sent < wanted_pages(reg) ||
	    grant->seq != reg->seq || grant->n_pages != wanted_pages(reg))
		return -EPROTO;
	if (grant->err) {
		/* Other sessions' pages count as well, of which only the supervisor knows. */
		if (grant->err == -EDQUOT)
			wrk_limit_met(&w->waiting, &w->stats->limit_buffers, "pages",
				      w->bind.max_pages, 0);
		finish(w, map_status(grant->err));
		return 0;
	}
	if (grant->writable != (!reg->directory && reg->writable))
		return -EPROTO;
	wrk_ctl_grant(grant->extent, grant->n_extents, fds, grant->writable, &pages);
	err = gnt_mmap(&pages, &addr);
	if (err) {
		/* Mapped for us, if not by us: the supervisor counts them until it hears of it. */
		w->pages_unmapped += grant->n_pages;
		finish(w, map_status(err));
		return 0;
	}
	count_mapped(w, grant->n_pages);
	if (reg->directory)
		directory_mapped(w, addr);
	else
		pages_mapped(w, addr);
	return 0;
}

static void buffer_free(struct wrk *w, struct wrk_buffer *buffer)
{
	unmap(w, buffer->addr, buffer->n_pages);
	w->pages_registered -= buffer->n_pages;
	free(buffer);
}

int wrk_buffer_unregister(struct wrk *w, struct wrk_job *job)
{
	if (job->buffer->users)
		return -XEN_EBUSY;
	wrk_table_del(&w->buffers, &job->buffer->node);
	buffer_free(w, job->buffer);
	w->stats->buffers = w->buffers.count;
	return 0;
}

void wrk_buffer_cleanup(struct wrk *w)
{
	struct wrk_buffer *buffer;

	while ((buffer = wrk_table_pop(&w->buffers)))
		buffer_free(w, buffer);
	w->stats->buffers = 0;
	wrk_table_fini(&w->buffers);
	free(w->reg.refs);
	w->reg = (struct wrk_register){ 0 };
	w->held &= ~(uint32_t)WRK_HELD_REGISTER;
}
