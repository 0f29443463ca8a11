// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests out, answers in. What does not fit on the ring waits in a list, so that the end of an
 * object, which nobody can refuse, is never lost; programs are made to wait before it grows long.
 * Each answer is checked against what is in flight before anybody hears of it.
 */
#include <linux/interrupt.h>
#include <linux/list_sort.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include <xen/events.h>
#include <xen/page.h>

#include "xen_vgpufront.h"

/* The kernel has Xen's numbers only where Xen's own are the same: include/public/errno.h. */
int xvf_status(const struct vgpuif_response *rsp)
{
	switch (rsp->status) {
	case 0:
	case -EINVAL:
	case -EOPNOTSUPP:
	case -ENOENT:
	case -EEXIST:
	case -EBUSY:
	case -ENOSPC:
	case -EFAULT:
	case -ENOMEM:
	case -ENODEV:
		return rsp->status;
	default:
		return -EIO;
	}
}

/* --- out -------------------------------------------------------------------------------------- */

static bool find_slot(struct xvf_session *s, u32 *out)
{
	u32 i, slot;

	for (i = 0; i < XVF_RING_SLOTS; i++) {
		slot = (s->next_slot + i) % XVF_RING_SLOTS;
		if (!s->slot[slot]) {
			s->next_slot = slot + 1;
			*out = slot;
			return true;
		}
	}
	return false;
}

/* As much of the queue as fits, onto the ring; not visible to the backend yet. */
static void fill_ring(struct xvf_session *s)
{
	struct xvf_req *req;
	u32 slot;

	lockdep_assert_held(&s->lock);
	while (!list_empty(&s->queue) && !RING_FULL(&s->ring) && find_slot(s, &slot)) {
		req = list_first_entry(&s->queue, struct xvf_req, node);
		list_del_init(&req->node);
		s->n_queued--;
		req->wire.id = ++s->generation * XVF_RING_SLOTS + slot;
		s->slot[slot] = req;
		s->slot_id[slot] = req->wire.id;
		*RING_GET_REQUEST(&s->ring, s->ring.req_prod_pvt) = req->wire;
		s->ring.req_prod_pvt++;
	}
}

static void push_ring(struct xvf_session *s)
{
	int notify;

	lockdep_assert_held(&s->lock);
	if (s->lost)
		return;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&s->ring, notify);
	if (notify)
		notify_remote_via_irq(s->irq);
}

static void answer_lost(struct xvf_session *s, struct xvf_req *req)
{
	struct vgpuif_response rsp = {
		.operation = req->wire.operation,
		.status = -ENODEV,
	};

	req->done(s, req, &rsp);
}

void xvf_post(struct xvf_session *s, struct xvf_req *req)
{
	bool lost;

	req->posted = jiffies;
	spin_lock(&s->lock);
	lost = s->lost;
	if (!lost) {
		list_add_tail(&req->node, &s->queue);
		s->n_queued++;
		fill_ring(s);
	}
	spin_unlock(&s->lock);
	if (lost)
		answer_lost(s, req);
}

void xvf_kick(struct xvf_session *s)
{
	spin_lock(&s->lock);
	push_ring(s);
	spin_unlock(&s->lock);
}

int xvf_throttle(struct xvf_session *s)
{
	int err;

	if (READ_ONCE(s->n_queued) < XVF_MAX_QUEUED)
		return READ_ONCE(s->lost) ? -ENODEV : 0;
	xvf_kick(s);
	err = wait_event_interruptible(s->wait, READ_ONCE(s->lost) ||
				       READ_ONCE(s->n_queued) < XVF_MAX_QUEUED);
	if (err)
		return err;
	return READ_ONCE(s->lost) ? -ENODEV : 0;
}

/* --- in --------------------------------------------------------------------------------------- */

/* An error answers no data; a success just its operation's own octets. */
static bool response_clean(const struct vgpuif_response *rsp)
{
	size_t used = 0;

	if (rsp->status > 0 || rsp->reserved1 ||
	    memchr_inv(rsp->reserved0, 0, sizeof(rsp->reserved0)))
		return false;
	if (!rsp->status && rsp->operation == VGPUIF_OP_CAPSET_INFO)
		used = sizeof(rsp->u.capset_info);
	else if (!rsp->status && rsp->operation == VGPUIF_OP_CAPSET_GET)
		used = sizeof(rsp->u.capset_get);
	return !memchr_inv(rsp->u.octets + used, 0, sizeof(rsp->u.octets) - used);
}

/*
 * The next answer, checked, and the request that it belongs to.
 * Returns 1; 0, none; -EPROTO.
 */
static int take_response(struct xvf_session *s, struct vgpuif_response *rsp,
			 struct xvf_req **out)
{
	RING_IDX prod;
	u32 slot;

	lockdep_assert_held(&s->lock);
	prod = READ_ONCE(s->ring.sring->rsp_prod);
	if (prod == s->ring.rsp_cons)
		return 0;
	if (prod - s->ring.rsp_cons > s->ring.req_prod_pvt - s->ring.rsp_cons)
		return -EPROTO;
	virt_rmb();		/* the index before the response */
	RING_COPY_RESPONSE(&s->ring, s->ring.rsp_cons, rsp);
	s->ring.rsp_cons++;
	slot = rsp->id % XVF_RING_SLOTS;
	*out = s->slot[slot];
	if (!*out || s->slot_id[slot] != rsp->id || (*out)->wire.operation != rsp->operation ||
	    !response_clean(rsp))
		return -EPROTO;
	s->slot[slot] = NULL;
	return 1;
}

static irqreturn_t on_event(int irq, void *arg)
{
	struct xvf_session *s = arg;
	unsigned int eoi = XEN_EOI_FLAG_SPURIOUS;
	struct vgpuif_response rsp;
	struct xvf_req *req;
	int more = 1, ret;

	do {
		spin_lock(&s->lock);
		ret = s->lost ? 0 : take_response(s, &rsp, &req);
		if (ret == 0 && !s->lost)
			RING_FINAL_CHECK_FOR_RESPONSES(&s->ring, more);
		else if (ret == 0)
			more = 0;
		spin_unlock(&s->lock);
		if (ret < 0) {
			xvf_session_lose(s, "the backend answered what was not asked");
			break;
		}
		if (ret) {
			eoi = 0;
			req->done(s, req, &rsp);
		}
	} while (ret || more);

	spin_lock(&s->lock);
	if (!s->lost) {
		fill_ring(s);
		push_ring(s);
	}
	spin_unlock(&s->lock);
	wake_up_all(&s->wait);
	xen_irq_lateeoi(irq, eoi);
	return IRQ_HANDLED;
}

static int older_first(void *unused, const struct list_head *a, const struct list_head *b)
{
	/* Numbers grow, and wrap; what is in flight is closer together than that. */
	return (s32)(list_entry(a, struct xvf_req, node)->wire.id -
		     list_entry(b, struct xvf_req, node)->wire.id);
}

void xvf_session_lose(struct xvf_session *s, const char *why)
{
	struct xvf_req *req, *next;
	LIST_HEAD(over);
	u32 i;

	spin_lock(&s->lock);
	if (s->lost) {
		spin_unlock(&s->lock);
		return;
	}
	WRITE_ONCE(s->lost, true);
	for (i = 0; i < XVF_RING_SLOTS; i++) {
		if (s->slot[i])
			list_add_tail(&s->slot[i]->node, &over);
		s->slot[i] = NULL;
	}
	/* Slots are taken as they get free; the fences of a timeline signal in its order. */
	list_sort(NULL, &over, older_first);
	list_splice_tail_init(&s->queue, &over);
	s->n_queued = 0;
	spin_unlock(&s->lock);

	dev_notice(&s->x->pdev->dev, "session %u lost: %s\n", s->index, why);
	list_for_each_entry_safe(req, next, &over, node) {
		list_del_init(&req->node);
		answer_lost(s, req);
	}
	wake_up_all(&s->wait);
	xvf_connect_kick(s->x);
}

bool xvf_ring_stuck(struct xvf_session *s, u32 ms)
{
	bool stuck = false;
	u32 i;

	spin_lock(&s->lock);
	for (i = 0; i < XVF_RING_SLOTS; i++)
		if (s->slot[i] && time_after(jiffies, s->slot[i]->posted + msecs_to_jiffies(ms)))
			stuck = true;
	spin_unlock(&s->lock);
	return stuck;
}

/* --- a request that is waited for ------------------------------------------------------------- */

struct call {
	struct xvf_req req;
	struct kref ref;
	struct completion answered;
	struct vgpuif_response rsp;
};

static void call_free(struct kref *ref)
{
	kfree(container_of(ref, struct call, ref));
}

static void call_done(struct xvf_session *s, struct xvf_req *req,
		      const struct vgpuif_response *rsp)
{
	struct call *call = container_of(req, struct call, req);

	call->rsp = *rsp;
	complete(&call->answered);
	kref_put(&call->ref, call_free);
}

int xvf_call(struct xvf_session *s, const struct vgpuif_request *wire,
	     struct vgpuif_response *rsp, u32 ms)
{
	struct call *call = kzalloc(sizeof(*call), GFP_KERNEL);
	long left;
	int err;

	if (!call)
		return -ENOMEM;
	kref_init(&call->ref);
	kref_get(&call->ref);
	init_completion(&call->answered);
	call->req.wire = *wire;
	call->req.done = call_done;
	xvf_post(s, &call->req);
	xvf_kick(s);
	/* Not just killable: whoever cannot be frozen keeps its domain from being saved. */
	left = wait_for_completion_interruptible_timeout(&call->answered, msecs_to_jiffies(ms));
	if (left > 0) {
		err = xvf_status(&call->rsp);
		if (!err)
			*rsp = call->rsp;
	} else {
		err = left ? left : -ETIMEDOUT;
	}
	kref_put(&call->ref, call_free);
	return err;
}

/* --- the ring itself -------------------------------------------------------------------------- */

static int open_port(struct xvf_session *s)
{
	struct evtchn_alloc_unbound alloc = {
		.dom = DOMID_SELF,
		.remote_dom = s->backend_id,
	};
	struct evtchn_close close = { 0 };
	int irq, err;

	err = HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);
	if (err)
		return err;
	irq = bind_evtchn_to_irq_lateeoi(alloc.port);
	if (irq < 0) {
		close.port = alloc.port;
		HYPERVISOR_event_channel_op(EVTCHNOP_close, &close);
		return irq;
	}
	s->port = alloc.port;
	s->irq = irq;
	err = request_threaded_irq(irq, NULL, on_event, IRQF_ONESHOT, "xen-vgpu", s);
	if (err) {
		unbind_from_irqhandler(irq, NULL);
		s->irq = 0;
	}
	return err;
}

int xvf_ring_open(struct xvf_session *s)
{
	struct page *pages[XVF_RING_PAGES];
	struct vgpuif_sring *sring;
	u32 i, n = 1u << min_t(u32, XVF_RING_PAGE_ORDER, s->limits.max_ring_page_order);
	int err;

	s->ring_pages = alloc_pages_exact(XVF_RING_PAGES * PAGE_SIZE, GFP_KERNEL | __GFP_ZERO);
	if (!s->ring_pages)
		return -ENOMEM;
	sring = s->ring_pages;
	SHARED_RING_INIT(sring);
	FRONT_RING_INIT(&s->ring, sring, n * PAGE_SIZE);
	((u8 *)s->ring_pages)[VGPUIF_LIVE_OFFSET] = 1;
	for (i = 0; i < n; i++)
		pages[i] = virt_to_page(s->ring_pages + i * PAGE_SIZE);
	err = xvf_grant_pages(s, pages, n, false, &s->ring_grant);
	if (err)
		return err;
	return open_port(s);
}

void xvf_ring_stop(struct xvf_session *s)
{
	if (s->irq)
		unbind_from_irqhandler(s->irq, s);
	s->irq = 0;
}

void xvf_ring_close(struct xvf_session *s)
{
	if (!s->ring_pages)
		return;
	xvf_grant_end(s, &s->ring_grant);
	free_pages_exact(s->ring_pages, XVF_RING_PAGES * PAGE_SIZE);
	s->ring_pages = NULL;
}
