// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers of a client's resources. One that is free stays granted and mapped for a while, for the
 * next resource of that many pages, so that a program that makes and frees a texture every frame
 * costs no grant operation. Bounded in number, pages and time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>

#include "vt.h"

#define KEEP_COUNT	64u
#define KEEP_PAGES	8192u		/* 32 MiB */
#define KEEP_NS		(3 * UINT64_C(1000000000))
#define CLEAR_PAGES	16u		/* small ones are expected to be 0; textures are filled */
#define GIVE_BACK_MS	2000u

static void drop(struct vt_client *c, struct vt_buffer *buf)
{
	TAILQ_REMOVE(&c->cache.kept, buf, link);
	c->cache.n_kept--;
	c->cache.pages_kept -= buf->n_pages;
	fe_buffer_destroy(buf->fe);
	free(buf);
}

static struct vt_buffer *take(struct vt_client *c, uint32_t n_pages)
{
	struct vt_buffer *buf;

	TAILQ_FOREACH(buf, &c->cache.kept, link)
		if (buf->n_pages == n_pages)
			break;
	if (!buf)
		return NULL;
	TAILQ_REMOVE(&c->cache.kept, buf, link);
	c->cache.n_kept--;
	c->cache.pages_kept -= n_pages;
	c->stats.buffers_reused++;
	if (n_pages <= CLEAR_PAGES)
		memset(fe_buffer_addr(buf->fe), 0, (size_t)n_pages * VGPUIF_PAGE_BYTES);
	return buf;
}

struct fewer {
	struct fe_session *session;
	uint32_t n;
};

static bool fewer(void *arg)
{
	const struct fewer *f = arg;

	return fe_session_buffers(f->session) <= f->n;
}

/* Give all that is kept back, and wait until it is. Returns whether there was anything. */
static bool give_back(struct vt_client *c)
{
	struct fewer f = { .session = c->session };

	if (!c->cache.n_kept)
		return false;
	f.n = fe_session_buffers(c->session) - c->cache.n_kept;
	while (!TAILQ_EMPTY(&c->cache.kept))
		drop(c, TAILQ_FIRST(&c->cache.kept));
	return fe_session_wait(c->session, fewer, &f, -1, GIVE_BACK_MS) == 0;
}

/* Of one that was asked for. While something is kept, there is another try before it is an error. */
static void registered(void *arg, const struct vgpuif_request *req,
		       const struct vgpuif_response *rsp)
{
	struct vt_buffer *buf = arg;

	buf->asked = false;
	if (rsp->status == -XEN_ENOSPC && buf->client->cache.n_kept)
		buf->refused = true;
	else
		buf->refused = !vt_may(buf->client, req, rsp);
}

static int create(struct vt_client *c, struct vt_buffer *buf, char *why)
{
	return fe_buffer_create(c->session, buf->n_pages, false, buf->asked ? registered : vt_must,
				buf->asked ? (void *)buf : c, &buf->fe, why);
}

static struct vt_buffer *none(struct vt_client *c, bool ask, int err, const char *why)
{
	if (ask && (err == -ENOSPC || err == -ENOMEM))
		vt_refuse(c, why);
	else
		vt_fail(c, "%s", why);
	return NULL;
}

static struct vt_buffer *get(struct vt_client *c, uint32_t n_pages, bool ask)
{
	const uint32_t max = fe_session_limits(c->session)->max_buffers;
	struct vt_buffer *buf = take(c, n_pages);
	char why[FE_TEXT_BYTES] = "";
	int err;

	if (buf)
		return buf;
	if (fe_session_buffers(c->session) >= max && !give_back(c)) {
		snprintf(why, sizeof(why), "the program has %u buffers, all that the backend allows",
			 fe_session_buffers(c->session));
		return none(c, ask, -ENOSPC, why);
	}
	buf = calloc(1, sizeof(*buf));
	if (!buf) {
		vt_fail(c, "out of memory");
		return NULL;
	}
	buf->client = c;
	buf->n_pages = n_pages;
	buf->asked = ask;
	err = create(c, buf, why);
	if (err == -ENOSPC && give_back(c))
		err = create(c, buf, why);
	if (err) {
		free(buf);
		return none(c, ask, err, why);
	}
	return buf;
}

struct vt_buffer *vt_buf_get(struct vt_client *c, uint32_t n_pages)
{
	return get(c, n_pages, false);
}

struct vt_buffer *vt_buf_ask(struct vt_client *c, uint32_t n_pages)
{
	return get(c, n_pages, true);
}

bool vt_buf_refused(struct vt_client *c, struct vt_buffer *buf)
{
	fe_buffer_destroy(buf->fe);
	free(buf);
	return give_back(c);
}

void vt_buf_put(struct vt_client *c, struct vt_buffer *buf)
{
	buf->kept_ns = fe_now_ns();
	TAILQ_INSERT_HEAD(&c->cache.kept, buf, link);
	c->cache.n_kept++;
	c->cache.pages_kept += buf->n_pages;
	while (c->cache.n_kept > KEEP_COUNT || c->cache.pages_kept > KEEP_PAGES)
		drop(c, TAILQ_LAST(&c->cache.kept, vt_buffers));
}

int vt_buf_timeout_ms(const struct vt_client *c)
{
	/* An answer on its way may be what a buffer waits for to be kept, or to be gone. */
	return c->cache.n_kept || fe_session_in_flight(c->session) ? (int)(KEEP_NS / 1000000u) : -1;
}

void vt_buf_expire(struct vt_client *c)
{
	struct vt_buffer *oldest = TAILQ_LAST(&c->cache.kept, vt_buffers);
	uint64_t now_ns;

	if (!oldest)
		return;
	now_ns = fe_now_ns();
	while (oldest && oldest->kept_ns + KEEP_NS <= now_ns) {
		drop(c, oldest);
		oldest = TAILQ_LAST(&c->cache.kept, vt_buffers);
	}
}

void vt_buf_finish(struct vt_client *c)
{
	struct vt_buffer *buf;

	/* The pages went with the session. */
	while ((buf = TAILQ_FIRST(&c->cache.kept))) {
		TAILQ_REMOVE(&c->cache.kept, buf, link);
		free(buf);
	}
	free(c->staging);
}
