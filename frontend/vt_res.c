// SPDX-License-Identifier: GPL-2.0-only
/*
 * Resources. The descriptor a client gets for one is the granted pages themselves. Creating one
 * queues requests and answers at once; what the backend thinks of it is heard later.
 *
 * Mesa makes a resource of 8 octets for every flush, to ask when the flush is done. These never
 * reach the backend: their memory, which nobody reads, is a page that all of them share, and what
 * they stand for is the number of the last submit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "request.h"
#include "vt.h"

#define MAX_RESOURCES	(1u << 20)	/* fences among them; the backend bounds the others */
#define FIRST_BUCKETS	256u

/*
 * Whether the backend has room for one that is as large, and for its pages, is waited for. A client
 * has one way to hear of a refusal: the descriptor in the answer cannot be mapped, which Mesa makes
 * GL_OUT_OF_MEMORY of. For a smaller one the waiting would cost more than making it; if it is
 * refused, the program ends.
 */
#define ASK_BYTES	(256u << 10)

static uint32_t bucket_of(const struct vt_table *t, uint32_t handle)
{
	/* Handles are consecutive. */
	return handle & (t->n_buckets - 1);
}

static int grow(struct vt_table *t)
{
	uint32_t i, n = t->n_buckets ? t->n_buckets * 2 : FIRST_BUCKETS;
	struct vt_resource **old = t->bucket, *res;
	uint32_t n_old = t->n_buckets;

	t->bucket = calloc(n, sizeof(*t->bucket));
	if (!t->bucket) {
		t->bucket = old;
		return -1;
	}
	t->n_buckets = n;
	for (i = 0; i < n_old; i++) {
		while ((res = old[i])) {
			old[i] = res->next;
			res->next = t->bucket[bucket_of(t, res->handle)];
			t->bucket[bucket_of(t, res->handle)] = res;
		}
	}
	free(old);
	return 0;
}

void vt_res_init(struct vt_client *c)
{
	c->table.next_handle = 1;
	c->fence_fd = VT_NO_FD;
	TAILQ_INIT(&c->cache.kept);
}

void vt_res_finish(struct vt_client *c)
{
	struct vt_resource *res;
	uint32_t i;

	for (i = 0; i < c->table.n_buckets; i++) {
		while ((res = c->table.bucket[i])) {
			c->table.bucket[i] = res->next;
			free(res->buffer);
			free(res);
		}
	}
	/* Their answers did not come in time. */
	while ((res = LIST_FIRST(&c->table.going))) {
		LIST_REMOVE(res, going);
		free(res->buffer);
		free(res);
	}
	free(c->table.bucket);
	if (c->fence_page)
		munmap(c->fence_page, VGPUIF_PAGE_BYTES);
	if (c->fence_fd >= 0)
		close(c->fence_fd);
}

struct vt_resource *vt_res_find(struct vt_client *c, uint32_t handle)
{
	struct vt_resource *res;

	if (!c->table.n_buckets)
		return NULL;
	for (res = c->table.bucket[bucket_of(&c->table, handle)]; res; res = res->next)
		if (res->handle == handle)
			return res;
	return NULL;
}

/* A new entry for the handle the client chose, or, in version 3, for one that is free. */
static struct vt_resource *add(struct vt_client *c, uint32_t handle)
{
	struct vt_table *t = &c->table;
	struct vt_resource *res;

	if (c->version >= 3) {
		if (handle) {
			vt_fail(c, "a resource with handle %u, which is not the program's to "
				"choose", handle);
			return NULL;
		}
		do {
			handle = t->next_handle++;
		} while (!handle || vt_res_find(c, handle));
	} else if (!handle || vt_res_find(c, handle)) {
		vt_fail(c, "a resource with handle %u, which is %s", handle,
			handle ? "in use" : "nobody's");
		return NULL;
	}
	if (t->n >= MAX_RESOURCES || (t->n >= t->n_buckets && grow(t)) ||
	    !(res = calloc(1, sizeof(*res)))) {
		vt_fail(c, "too many resources (%u)", t->n);
		return NULL;
	}
	res->client = c;
	res->handle = handle;
	res->seq = c->submit_seq;
	res->next = t->bucket[bucket_of(t, handle)];
	t->bucket[bucket_of(t, handle)] = res;
	t->n++;
	return res;
}

void vt_res_put(struct vt_resource *res)
{
	if (--res->in_flight || !res->gone)
		return;
	if (res->buffer)
		vt_buf_put(res->client, res->buffer);
	LIST_REMOVE(res, going);
	free(res);
}

static void unref_done(void *arg, const struct vgpuif_request *req,
		       const struct vgpuif_response *rsp)
{
	struct vt_resource *res = arg;

	vt_must(res->client, req, rsp);
	vt_res_put(res);
}

static void take_out(struct vt_client *c, struct vt_resource *res)
{
	struct vt_resource **link = &c->table.bucket[bucket_of(&c->table, res->handle)];

	while (*link != res)
		link = &(*link)->next;
	*link = res->next;
	c->table.n--;
}

int vt_res_unref(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	struct vt_resource *res = vt_res_find(c, payload[0]);

	(void)n;
	if (!res)
		return 0;	/* as the open server does */
	take_out(c, res);
	res->gone = true;
	LIST_INSERT_HEAD(&c->table.going, res, going);
	res->in_flight++;
	if (res->kind == VT_FENCE) {
		vt_res_put(res);
		return 0;
	}
	if (fe_resource_unref(c->session, res->handle, unref_done, res))
		return vt_fail(c, "a resource cannot be freed");
	return 0;
}

static bool settled(void *arg)
{
	const struct vt_resource *res = arg;

	return res->in_flight == 0 && !(res->buffer && res->buffer->asked);
}

int vt_res_settle(struct vt_client *c, struct vt_resource *res)
{
	return vt_wait(c, settled, res, "the backend does not answer");
}

/* Mesa's resource for a fence. Source: virgl_vtest_fence_create(). */
bool vt_res_is_fence(const struct vtest_create *r)
{
	return r->target == VIRGL_PIPE_BUFFER && r->format == VIRGL_FORMAT_R8_UNORM &&
	       r->bind == VIRGL_BIND_CUSTOM && r->width == VTEST_FENCE_BYTES && r->height == 1 &&
	       r->depth == 1 && !r->array_size && !r->last_level && !r->nr_samples &&
	       r->data_size == VTEST_FENCE_BYTES;
}

static int fence_memory(struct vt_client *c)
{
	void *page;

	if (c->fence_fd >= 0)
		return c->fence_fd;
	c->fence_fd = memfd_create("xengpu-fence", MFD_CLOEXEC);
	if (c->fence_fd < 0 || ftruncate(c->fence_fd, VGPUIF_PAGE_BYTES))
		return vt_fail(c, "no memory for fences");
	page = mmap(NULL, VGPUIF_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, c->fence_fd, 0);
	if (page == MAP_FAILED)
		return vt_fail(c, "no memory for fences");
	c->fence_page = page;
	return c->fence_fd;
}

static void create_done(void *arg, const struct vgpuif_request *req,
			const struct vgpuif_response *rsp)
{
	struct vt_resource *res = arg;

	res->refused = !vt_may(res->client, req, rsp);
	vt_res_put(res);
}

static struct vgpuif_resource_create as_request(const struct vt_resource *res,
						const struct vtest_create *r)
{
	return (struct vgpuif_resource_create) {
		.resource_id = res->handle,
		.target = r->target,
		.format = r->format,
		.bind = r->bind,
		.width = r->width,
		.height = r->height,
		.depth = r->depth,
		.array_size = r->array_size,
		.last_level = r->last_level,
		.nr_samples = r->nr_samples,
	};
}

static int post_create(struct vt_client *c, struct vt_resource *res, const struct vtest_create *r)
{
	const struct vgpuif_resource_create create = as_request(res, r);

	c->stats.resources++;
	if (fe_resource_create(c->session, &create, vt_must, c) ||
	    fe_context_attach(c->session, VT_CONTEXT, res->handle, vt_must, c))
		return vt_fail(c, "a resource cannot be created");
	return 0;
}

static uint64_t pages_of(uint64_t bytes)
{
	return (bytes + VGPUIF_PAGE_BYTES - 1) / VGPUIF_PAGE_BYTES;
}

/* The backend has answered about @res and about its pages. What is there of the two goes again. */
static int undo_large(struct vt_client *c, struct vt_resource *res)
{
	struct vt_buffer *buf = res->buffer;

	res->buffer = NULL;
	if (buf && buf->refused)
		vt_buf_refused(c, buf);
	else if (buf)
		vt_buf_put(c, buf);
	if (!res->refused && fe_resource_unref(c->session, res->handle, vt_must, c))
		return vt_fail(c, "a resource cannot be freed");
	res->refused = true;
	return c->failed ? -1 : 0;
}

/* Sets res->refused where it, or its pages, are over a limit, of the backend's or of this guest's. */
static int create_large(struct vt_client *c, struct vt_resource *res, const struct vtest_create *r)
{
	const struct vgpuif_resource_create create = as_request(res, r);
	const uint64_t pages = pages_of(r->data_size);
	const uint32_t max = fe_session_limits(c->session)->max_buffer_pages;
	char why[FE_TEXT_BYTES];

	c->stats.resources++;
	res->refused = true;
	if (pages > max) {
		snprintf(why, sizeof(why), "a resource of %llu pages, and the backend takes %u at once",
			 (unsigned long long)pages, max);
		vt_refuse(c, why);
		return 0;
	}
	res->buffer = vt_buf_ask(c, (uint32_t)pages);
	if (!res->buffer)
		return c->failed ? -1 : 0;
	if (fe_resource_create(c->session, &create, create_done, res))
		return vt_fail(c, "a resource cannot be created");
	res->in_flight++;
	if (vt_res_settle(c, res) || c->failed)
		return -1;
	if (!res->refused && res->buffer->refused) {
		/* Once more, where something was kept, which is given back now. */
		res->buffer = vt_buf_refused(c, res->buffer) ? vt_buf_ask(c, (uint32_t)pages) : NULL;
		if (res->buffer && vt_res_settle(c, res))
			return -1;
	}
	if (res->refused || !res->buffer || res->buffer->refused)
		return undo_large(c, res);
	res->bytes = r->data_size;
	if (fe_context_attach(c->session, VT_CONTEXT, res->handle, vt_must, c) ||
	    fe_resource_attach(c->session, res->handle, res->buffer->fe, 0, res->bytes, vt_must, c))
		return vt_fail(c, "a resource cannot be created");
	return 0;
}

/* vt_res_backing() - pages of its own for @res, as its backing store from now on. */
int vt_res_backing(struct vt_client *c, struct vt_resource *res, uint64_t bytes)
{
	const uint64_t pages = pages_of(bytes);

	if (pages > fe_session_limits(c->session)->max_buffer_pages)
		return vt_fail(c, "a resource of %llu octets, more than the backend takes",
			       (unsigned long long)bytes);
	res->buffer = vt_buf_get(c, (uint32_t)pages);
	if (!res->buffer)
		return -1;
	res->bytes = bytes;
	if (fe_resource_attach(c->session, res->handle, res->buffer->fe, 0, bytes, vt_must, c))
		return vt_fail(c, "a resource cannot be created");
	return 0;
}

int vt_res_materialise(struct vt_client *c, struct vt_resource *res)
{
	const struct vtest_create create = {
		.target = VIRGL_PIPE_BUFFER,
		.format = VIRGL_FORMAT_R8_UNORM,
		.bind = VIRGL_BIND_CUSTOM,
		.width = VTEST_FENCE_BYTES,
		.height = 1,
		.depth = 1,
	};

	if (res->kind != VT_FENCE)
		return 0;
	res->kind = VT_RESOURCE;
	res->shadow = true;
	if (post_create(c, res, &create))
		return -1;
	return vt_res_backing(c, res, VTEST_FENCE_BYTES);
}

static int reply_handle(struct vt_client *c, uint32_t command, const struct vt_resource *res)
{
	return c->version >= 3 ? vt_reply_words(c, command, &res->handle, 1) : 0;
}

/* The client takes the handle again, in version 2, or has never had it. */
static int reply_refused(struct vt_client *c, struct vt_resource *res)
{
	int ret = reply_handle(c, VTEST_RESOURCE_CREATE2, res);

	take_out(c, res);
	free(res);
	return ret ? ret : vt_reply_no_memory(c);
}

int vt_res_create2(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	struct vt_resource *res;
	struct vtest_create r;
	int fd;

	(void)n;
	memcpy(&r, payload, sizeof(r));
	res = add(c, r.handle);
	if (!res)
		return -1;
	res->is_buffer = r.target == VIRGL_PIPE_BUFFER;
	res->width = r.width;
	if (vt_res_is_fence(&r)) {
		res->kind = VT_FENCE;
		c->stats.fences_local++;
		fd = fence_memory(c);
	} else {
		res->kind = VT_RESOURCE;
		if (r.data_size >= ASK_BYTES ? create_large(c, res, &r) : post_create(c, res, &r))
			return -1;
		if (res->refused)
			return reply_refused(c, res);
		if (r.data_size && !res->buffer && vt_res_backing(c, res, r.data_size))
			return -1;
		fd = r.data_size ? fe_buffer_fd(res->buffer->fe) : VT_NO_FD;
	}
	if (c->failed || reply_handle(c, VTEST_RESOURCE_CREATE2, res))
		return -1;
	return fd == VT_NO_FD ? 0 : vt_reply_fd(c, fd);
}

int vt_res_create(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	struct vtest_create r = { 0 };
	struct vt_resource *res;

	memcpy(&r, payload, n * sizeof(*payload));
	res = add(c, r.handle);
	if (!res)
		return -1;
	res->kind = VT_RESOURCE;
	res->is_buffer = r.target == VIRGL_PIPE_BUFFER;
	res->width = r.width;
	return post_create(c, res, &r) ? -1 : reply_handle(c, VTEST_RESOURCE_CREATE, res);
}

int vt_res_create_blob(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	struct vgpuif_resource_create_blob create = { 0 };
	struct vt_resource *res;
	struct vtest_blob b;
	uint64_t pages;

	(void)n;
	memcpy(&b, payload, sizeof(b));
	create.bytes = b.size[0] | (uint64_t)b.size[1] << 32;
	create.blob_id = b.id[0] | (uint64_t)b.id[1] << 32;
	if (b.type != VTEST_BLOB_GUEST)
		return vt_fail(c, "a blob of type %u: only guest memory (1) is built", b.type);
	pages = create.bytes / VGPUIF_PAGE_BYTES + !!(create.bytes % VGPUIF_PAGE_BYTES);
	if (!pages || pages > fe_session_limits(c->session)->max_buffer_pages)
		return vt_fail(c, "a blob of %llu octets", (unsigned long long)create.bytes);
	res = add(c, 0);
	if (!res)
		return -1;
	res->kind = VT_RESOURCE;
	res->buffer = vt_buf_get(c, (uint32_t)pages);
	if (!res->buffer)
		return -1;
	res->bytes = create.bytes;
	create.context_id = create.blob_id ? VT_CONTEXT : 0;
	create.resource_id = res->handle;
	create.blob_mem = VGPUIF_BLOB_MEM_GUEST;
	create.blob_flags = b.flags;
	create.buffer_id = fe_buffer_id(res->buffer->fe);
	c->stats.resources++;
	if (fe_resource_create_blob(c->session, &create, vt_must, c) ||
	    fe_context_attach(c->session, VT_CONTEXT, res->handle, vt_must, c))
		return vt_fail(c, "a blob cannot be created");
	if (vt_reply_words(c, VTEST_RESOURCE_CREATE_BLOB, &res->handle, 1))
		return -1;
	return vt_reply_fd(c, fe_buffer_fd(res->buffer->fe));
}
