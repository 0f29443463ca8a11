// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers: pages granted to the backend, named to it by a chain of directory pages. Directory
 * pages are lent until the registration is answered; a few granted once for the session serve
 * all but the longest buffers, so that a buffer costs one grant operation.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fe_priv.h"
#include "request.h"

int fe_buf_share(struct fe_session *s, uint32_t n_pages, bool writable, struct gnt_share **out,
		 char *why)
{
	struct plat *plat = s->dev->plat;
	int err = gnt_share(plat, s->dev->limits.backend_domid, n_pages, writable, out);

	if (err)
		return fe_explain(why, err, "%u pages cannot be granted: %s", n_pages,
				  gnt_explain(plat, err));
	s->stats.share_ops++;
	s->stats.pages_shared += n_pages;
	return 0;
}

void fe_buf_unshare(struct fe_session *s, struct gnt_share *share)
{
	if (!share)
		return;
	gnt_unshare(share);
	s->stats.unshare_ops++;
}

/* Pages for @n directory pages: their memory and references. */
struct directory {
	struct vgpuif_page_directory *page[(VGPUIF_MAX_BUFFER_PAGES + VGPUIF_DIRECTORY_REFS - 1) /
					   VGPUIF_DIRECTORY_REFS];
	uint32_t ref[(VGPUIF_MAX_BUFFER_PAGES + VGPUIF_DIRECTORY_REFS - 1) / VGPUIF_DIRECTORY_REFS];
};

static int find_in_pool(struct fe_session *s, uint32_t n, struct fe_buffer *buf,
			struct directory *dir)
{
	uint32_t i, found = 0, mask = 0;

	if (n > FE_DIRECTORY_PAGES)
		return -ENOSPC;
	if (!s->pool) {
		int err = fe_buf_share(s, FE_DIRECTORY_PAGES, false, &s->pool, NULL);

		if (err)
			return err;
	}
	for (i = 0; i < FE_DIRECTORY_PAGES && found < n; i++) {
		if (s->pool_used & (1u << i))
			continue;
		dir->page[found] = (struct vgpuif_page_directory *)s->pool->addr + i;
		dir->ref[found++] = s->pool->refs[i];
		mask |= 1u << i;
	}
	if (found < n)
		return -ENOSPC;
	s->pool_used |= mask;
	buf->pool_mask = mask;
	return 0;
}

static int find_directory(struct fe_session *s, uint32_t n, struct fe_buffer *buf,
			  struct directory *dir, char *why)
{
	uint32_t i;
	int err;

	if (find_in_pool(s, n, buf, dir) == 0)
		return 0;
	err = fe_buf_share(s, n, false, &buf->directory, why);
	if (err)
		return err;
	for (i = 0; i < n; i++) {
		dir->page[i] = (struct vgpuif_page_directory *)buf->directory->addr + i;
		dir->ref[i] = buf->directory->refs[i];
	}
	return 0;
}

static void fill_directory(const struct directory *dir, uint32_t n, const struct gnt_share *share)
{
	uint32_t i, first, here;

	for (i = 0; i < n; i++) {
		first = i * VGPUIF_DIRECTORY_REFS;
		here = share->n_pages - first;
		if (here > VGPUIF_DIRECTORY_REFS)
			here = VGPUIF_DIRECTORY_REFS;
		memcpy(dir->page[i]->gref, share->refs + first, here * sizeof(uint32_t));
		dir->page[i]->gref_next = i + 1 < n ? dir->ref[i + 1] : 0;
	}
}

static void release_directory(struct fe_buffer *buf)
{
	buf->session->pool_used &= ~buf->pool_mask;
	buf->pool_mask = 0;
	fe_buf_unshare(buf->session, buf->directory);
	buf->directory = NULL;
}

static void free_buffer(struct fe_buffer *buf)
{
	struct fe_session *s = buf->session;

	release_directory(buf);
	fe_buf_unshare(s, buf->share);
	LIST_REMOVE(buf, link);
	s->n_buffers--;
	if (buf->state == FE_BUFFER_DYING)
		s->n_dying--;
	free(buf);
}

static void registered(void *arg, const struct vgpuif_request *req,
		       const struct vgpuif_response *rsp)
{
	struct fe_buffer *buf = arg;

	/* Lost: the directory may still be mapped; fe_buf_free_all() has it. */
	if (buf->session->lost)
		return;
	release_directory(buf);
	buf->failed = rsp->status != 0;
	if (!buf->failed)
		buf->session->stats.buffers_registered++;
	if (buf->done)
		buf->done(buf->arg, req, rsp);
}

static void unregistered(void *arg, const struct vgpuif_request *req,
			 const struct vgpuif_response *rsp)
{
	struct fe_buffer *buf = arg;

	(void)req;
	if (buf->session->lost)
		return;
	/* What the backend did not let go of stays granted until the session's end. */
	if (rsp->status == 0 || buf->failed)
		free_buffer(buf);
}

static int post_unregister(struct fe_buffer *buf)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_BUFFER_UNREGISTER };

	req.u.buffer_unregister.buffer_id = buf->id;
	return fe_post(buf->session, &req, unregistered, buf, NULL);
}

/* A number that no live buffer has. */
static uint32_t new_id(struct fe_session *s)
{
	const struct fe_buffer *b;
	uint32_t id;

again:
	id = s->next_buffer_id++;
	if (!id) {
		s->ids_wrapped = true;
		goto again;
	}
	if (s->ids_wrapped)
		LIST_FOREACH(b, &s->buffers, link)
			if (b->id == id)
				goto again;
	return id;
}

int fe_buffer_create(struct fe_session *s, uint32_t n_pages, bool read_only, fe_done_fn done,
		     void *arg, struct fe_buffer **out, char *why)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_BUFFER_REGISTER };
	const uint32_t n_directory = request_directory_pages(n_pages);
	struct fe_buffer *buf;
	struct directory dir;
	int err;

	if (s->lost)
		return fe_explain(why, -ENOTCONN, "%s", s->why);
	if (n_pages == 0 || n_pages > s->dev->limits.max_buffer_pages)
		return fe_explain(why, -EINVAL, "a buffer of %u pages: the backend takes up to %u",
				  n_pages, s->dev->limits.max_buffer_pages);
	if (!fe_session_free(s))
		return fe_explain(why, -EAGAIN, "the ring is full");
	buf = calloc(1, sizeof(*buf));
	if (!buf)
		return fe_explain(why, -ENOMEM, "out of memory");
	buf->session = s;
	buf->done = done;
	buf->arg = arg;
	err = fe_buf_share(s, n_pages, !read_only, &buf->share, why);
	if (err)
		goto out_free;
	err = find_directory(s, n_directory, buf, &dir, why);
	if (err)
		goto out_unshare;
	fill_directory(&dir, n_directory, buf->share);

	buf->id = new_id(s);
	if (read_only)
		req.flags = VGPUIF_BUFFER_READ_ONLY;
	req.u.buffer_register.buffer_id = buf->id;
	req.u.buffer_register.n_pages = n_pages;
	req.u.buffer_register.gref_directory = dir.ref[0];
	LIST_INSERT_HEAD(&s->buffers, buf, link);
	s->n_buffers++;
	err = fe_post(s, &req, registered, buf, NULL);
	if (err) {
		free_buffer(buf);
		return fe_explain(why, err, "%s", strerror(-err));
	}
	*out = buf;
	return 0;

out_unshare:
	fe_buf_unshare(s, buf->share);
out_free:
	free(buf);
	return err;
}

void fe_buffer_destroy(struct fe_buffer *buf)
{
	struct fe_session *s;

	if (!buf)
		return;
	s = buf->session;
	buf->done = NULL;
	if (s->lost)
		return;		/* freed with the session, when the backend let go */
	if (post_unregister(buf) == 0) {
		buf->state = FE_BUFFER_UNREGISTERING;
	} else {
		buf->state = FE_BUFFER_DYING;
		s->n_dying++;
	}
}

void fe_buf_retry(struct fe_session *s)
{
	struct fe_buffer *buf;

	LIST_FOREACH(buf, &s->buffers, link) {
		if (buf->state != FE_BUFFER_DYING)
			continue;
		if (post_unregister(buf))
			break;
		buf->state = FE_BUFFER_UNREGISTERING;
		s->n_dying--;
	}
}

void fe_buf_free_all(struct fe_session *s)
{
	while (!LIST_EMPTY(&s->buffers))
		free_buffer(LIST_FIRST(&s->buffers));
	fe_buf_unshare(s, s->pool);
	s->pool = NULL;
}

void fe_buf_forget_all(struct fe_session *s)
{
	struct fe_buffer *buf;

	while ((buf = LIST_FIRST(&s->buffers))) {
		LIST_REMOVE(buf, link);
		free(buf);
	}
}

void *fe_buffer_addr(const struct fe_buffer *buf)
{
	return buf->share->addr;
}

int fe_buffer_fd(const struct fe_buffer *buf)
{
	return buf->share->fd;
}

uint32_t fe_buffer_id(const struct fe_buffer *buf)
{
	return buf->id;
}

uint32_t fe_buffer_pages(const struct fe_buffer *buf)
{
	return buf->share->n_pages;
}

uint32_t fe_session_buffers(const struct fe_session *s)
{
	return s->n_buffers;
}
