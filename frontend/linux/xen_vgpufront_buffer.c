// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages granted to the backend, and buffers: pages that it knows by a number, told to it by a chain
 * of directory pages.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <xen/page.h>

#include "xen_vgpufront.h"

#define MAX_DIRECTORY	DIV_ROUND_UP(VGPUIF_MAX_BUFFER_PAGES, VGPUIF_DIRECTORY_REFS)

/* gnttab_alloc_grant_references() counts in 16 bits. */
#define MAX_GRANT	32768u

/* --- grants ----------------------------------------------------------------------------------- */

static void free_arrays(struct xvf_grant *g)
{
	kvfree(g->page);
	kvfree(g->ref);
	*g = (struct xvf_grant){ 0 };
}

int xvf_grant_pages(struct xvf_session *s, struct page **pages, u32 n, bool read_only,
		    struct xvf_grant *out)
{
	struct xvf_grant g = { .n = n };
	grant_ref_t head;
	u32 i;

	if (n == 0 || n > MAX_GRANT)
		return -ENOSPC;
	g.page = kvmalloc_array(n, sizeof(*g.page), GFP_KERNEL);
	g.ref = kvmalloc_array(n, sizeof(*g.ref), GFP_KERNEL);
	if (!g.page || !g.ref) {
		free_arrays(&g);
		return -ENOMEM;
	}
	if (atomic_add_return(n, &s->x->granted_pages) > s->limits.max_pages ||
	    gnttab_alloc_grant_references(n, &head)) {
		atomic_sub(n, &s->x->granted_pages);
		free_arrays(&g);
		return -ENOSPC;
	}
	for (i = 0; i < n; i++) {
		g.page[i] = pages[i];
		get_page(pages[i]);
		g.ref[i] = gnttab_claim_grant_reference(&head);
		gnttab_grant_foreign_access_ref(g.ref[i], s->backend_id,
						xen_page_to_gfn(pages[i]), read_only);
	}
	gnttab_free_grant_references(head);
	*out = g;
	return 0;
}

/*
 * What is still mapped keeps its entry and its page until it is not, and counts as long: a backend
 * that holds on to pages, session after session, is not to have the whole grant table.
 */
struct held {
	struct list_head node;
	grant_ref_t ref;
	struct page *page;
};

static void hold(struct xvf_dev *x, grant_ref_t ref, struct page *page)
{
	struct held *h = READ_ONCE(x->gone) ? NULL : kmalloc(sizeof(*h), GFP_KERNEL);

	if (!h) {
		/* Counted for good, since nobody tells us. */
		gnttab_end_foreign_access(ref, page);
		return;
	}
	h->ref = ref;
	h->page = page;
	spin_lock(&x->held_lock);
	list_add_tail(&h->node, &x->held);
	spin_unlock(&x->held_lock);
}

void xvf_grant_end(struct xvf_session *s, struct xvf_grant *g)
{
	u32 ended = 0, i;

	for (i = 0; i < g->n; i++) {
		if (gnttab_try_end_foreign_access(g->ref[i])) {
			put_page(g->page[i]);
			ended++;
		} else {
			hold(s->x, g->ref[i], g->page[i]);
		}
	}
	atomic_sub(ended, &s->x->granted_pages);
	free_arrays(g);
}

static void take_held(struct xvf_dev *x, struct list_head *out)
{
	spin_lock(&x->held_lock);
	list_splice_init(&x->held, out);
	spin_unlock(&x->held_lock);
}

void xvf_held_look(struct xvf_dev *x)
{
	struct held *h, *next;
	LIST_HEAD(all);

	take_held(x, &all);
	list_for_each_entry_safe(h, next, &all, node) {
		if (!gnttab_try_end_foreign_access(h->ref))
			continue;
		put_page(h->page);
		atomic_dec(&x->granted_pages);
		list_del(&h->node);
		kfree(h);
	}
	spin_lock(&x->held_lock);
	list_splice(&all, &x->held);
	spin_unlock(&x->held_lock);
}

void xvf_held_leave(struct xvf_dev *x)
{
	struct held *h, *next;
	LIST_HEAD(all);

	take_held(x, &all);
	list_for_each_entry_safe(h, next, &all, node) {
		gnttab_end_foreign_access(h->ref, h->page);
		kfree(h);
	}
}

/* --- buffers ---------------------------------------------------------------------------------- */

static void buffer_free(struct xvf_buffer *b)
{
	struct xvf_session *s = b->s;

	xvf_grant_end(s, &b->directory);
	xvf_grant_end(s, &b->grant);
	if (b->id)
		ida_free(&s->buffer_ids, b->id);
	kfree(b);
	xvf_session_put(s);
}

static void registered(struct xvf_session *s, struct xvf_req *req,
		       const struct vgpuif_response *rsp)
{
	struct xvf_buffer *b = container_of(req, struct xvf_buffer, reg);

	/* Lost: the directory may still be mapped; xvf_buffers_release() has it. */
	if (READ_ONCE(s->lost))
		return;
	if (rsp->status) {
		WRITE_ONCE(b->failed, true);
		dev_warn_ratelimited(&s->x->pdev->dev, "the backend refused a buffer of %u pages: error %d\n",
				     b->grant.n, rsp->status);
	}
	xvf_grant_end(s, &b->directory);
	b->heard = true;
}

static void unregistered(struct xvf_session *s, struct xvf_req *req,
			 const struct vgpuif_response *rsp)
{
	struct xvf_buffer *b = container_of(req, struct xvf_buffer, unreg);
	bool over = false;

	spin_lock(&s->lock);
	/*
	 * What the backend did not let go of stays granted until the session's end; and b is still
	 * on the ring when it answers the second of its requests and not the first.
	 */
	if (s->released || (!s->lost && b->heard && (!rsp->status || b->failed))) {
		list_del_init(&b->node);
		over = true;
	} else {
		b->dead = true;
	}
	spin_unlock(&s->lock);
	if (over)
		buffer_free(b);
}

/* Pages for the references, filled in and granted. */
static int make_directory(struct xvf_buffer *b)
{
	const u32 n = DIV_ROUND_UP(b->grant.n, VGPUIF_DIRECTORY_REFS);
	struct page *pages[MAX_DIRECTORY];
	struct vgpuif_page_directory *dir;
	u32 i, first, here, got;
	int err = -ENOMEM;

	for (got = 0; got < n; got++) {
		pages[got] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!pages[got])
			goto out_put;
	}
	for (i = 0; i < n; i++) {
		dir = page_address(pages[i]);
		first = i * VGPUIF_DIRECTORY_REFS;
		here = min_t(u32, b->grant.n - first, VGPUIF_DIRECTORY_REFS);
		memcpy(dir->gref, b->grant.ref + first, here * sizeof(dir->gref[0]));
	}
	err = xvf_grant_pages(b->s, pages, n, true, &b->directory);
	if (err)
		goto out_put;
	for (i = 0; i + 1 < n; i++) {
		dir = page_address(pages[i]);
		dir->gref_next = b->directory.ref[i + 1];
	}
out_put:
	/* The grants have their own references. */
	while (got)
		put_page(pages[--got]);
	return err;
}

int xvf_buffer_create(struct xvf_session *s, struct page **pages, u32 n, bool read_only,
		      struct xvf_buffer **out)
{
	struct xvf_buffer *b;
	bool lost;
	int id, err;

	if (n > s->limits.max_buffer_pages)
		return -ENOSPC;
	b = kzalloc(sizeof(*b), GFP_KERNEL);
	if (!b)
		return -ENOMEM;
	INIT_LIST_HEAD(&b->node);
	b->s = s;
	xvf_session_get(s);
	id = ida_alloc_range(&s->buffer_ids, 1, s->limits.max_buffers, GFP_KERNEL);
	if (id < 0) {
		err = id;
		goto out_free;
	}
	b->id = id;
	err = xvf_grant_pages(s, pages, n, read_only, &b->grant);
	if (!err)
		err = make_directory(b);
	if (err)
		goto out_free;

	b->reg.wire.operation = VGPUIF_OP_BUFFER_REGISTER;
	b->reg.wire.flags = read_only ? VGPUIF_BUFFER_READ_ONLY : 0;
	b->reg.wire.u.buffer_register.buffer_id = b->id;
	b->reg.wire.u.buffer_register.n_pages = n;
	b->reg.wire.u.buffer_register.gref_directory = b->directory.ref[0];
	b->reg.done = registered;

	/* From here on the session's end may take the grants away. */
	spin_lock(&s->lock);
	lost = s->lost;
	if (!lost)
		list_add_tail(&b->node, &s->buffers);
	spin_unlock(&s->lock);
	if (lost) {
		err = -ENODEV;
		goto out_free;
	}
	xvf_post(s, &b->reg);
	*out = b;
	return 0;

out_free:
	buffer_free(b);
	return err;
}

void xvf_buffer_put(struct xvf_buffer *b)
{
	if (!b)
		return;
	b->unreg.wire.operation = VGPUIF_OP_BUFFER_UNREGISTER;
	b->unreg.wire.u.buffer_unregister.buffer_id = b->id;
	b->unreg.done = unregistered;
	xvf_post(b->s, &b->unreg);
}

void xvf_buffers_release(struct xvf_session *s)
{
	struct xvf_buffer *b, *next;
	LIST_HEAD(alive);
	LIST_HEAD(dead);

	spin_lock(&s->lock);
	list_for_each_entry_safe(b, next, &s->buffers, node)
		list_move_tail(&b->node, b->dead ? &dead : &alive);
	spin_unlock(&s->lock);
	list_for_each_entry_safe(b, next, &dead, node) {
		list_del_init(&b->node);
		buffer_free(b);
	}
	/*
	 * Those that programs still hold on to lose their grants now, and are freed with the
	 * programs' objects. Nobody else looks at the grants of a lost session's buffers until
	 * released is set.
	 */
	list_for_each_entry(b, &alive, node) {
		xvf_grant_end(s, &b->directory);
		xvf_grant_end(s, &b->grant);
	}
	spin_lock(&s->lock);
	list_for_each_entry_safe(b, next, &alive, node)
		list_move_tail(&b->node, b->dead ? &dead : &s->buffers);
	s->released = true;
	spin_unlock(&s->lock);
	list_for_each_entry_safe(b, next, &dead, node) {
		list_del_init(&b->node);
		buffer_free(b);
	}
}

/* --- the arena -------------------------------------------------------------------------------- */

int xvf_arena_open(struct xvf_session *s)
{
	const u32 n = XVF_ARENA_BYTES / PAGE_SIZE;
	struct page **pages;
	int err = -ENOMEM;
	u32 i;

	pages = kvmalloc_array(n, sizeof(*pages), GFP_KERNEL);
	s->arena = vzalloc(XVF_ARENA_BYTES);
	/* Offsets of commands are multiples of 8; 64 keeps them in lines of their own. */
	s->arena_pool = gen_pool_create(6, NUMA_NO_NODE);
	if (!pages || !s->arena || !s->arena_pool ||
	    gen_pool_add(s->arena_pool, (unsigned long)s->arena, XVF_ARENA_BYTES, NUMA_NO_NODE))
		goto out;
	for (i = 0; i < n; i++)
		pages[i] = vmalloc_to_page(s->arena + i * PAGE_SIZE);
	err = xvf_buffer_create(s, pages, n, true, &s->arena_buffer);
	if (!err)
		s->arena_id = s->arena_buffer->id;
out:
	kvfree(pages);
	return err;
}

void xvf_arena_give(struct xvf_session *s, unsigned long at, u32 bytes)
{
	gen_pool_free(s->arena_pool, at, bytes);
	wake_up_all(&s->wait);
}

void xvf_arena_close(struct xvf_session *s)
{
	xvf_buffer_put(s->arena_buffer);
	s->arena_buffer = NULL;
}
