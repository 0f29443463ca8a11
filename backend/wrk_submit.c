// SPDX-License-Identifier: GPL-2.0-only
/*
 * Submits and fences. The commands are copied out of the guest's pages into private memory once,
 * and only the copy is looked at. A submit with a fence is answered when the fence signals; only the
 * end of a context waits for any.
 */
#include <errno.h>
#include <string.h>

#include <xen/errno.h>

#include "wrk.h"

static void count_fence(struct wrk *w, uint64_t seen_ns, uint64_t now_ns)
{
	w->stats->latency[ctl_latency_bucket(now_ns - seen_ns)]++;
	w->stats->fences++;
}

/* The worker looks at it while it polls, without the lock. */
static void count_in_flight(struct wrk *w, uint32_t n)
{
	__atomic_store_n(&w->fences_in_flight, n, __ATOMIC_RELAXED);
	w->stats->fences_in_flight = n;
}

static void answer_pending(struct wrk *w, struct wrk_context *context, struct wrk_timeline *ring,
			   int32_t status)
{
	struct wrk_pending *p = ring->head;
	struct vgpuif_response rsp = {
		.id = p->request_id,
		.operation = VGPUIF_OP_SUBMIT,
		.status = status,
	};

	if (p->ours)
		w->own_fences--;
	if (p->fence_id) {
		count_in_flight(w, w->fences_in_flight - 1);
		w->stats->fences_retired++;
		w->touches_done = p->touches;
		wrk_sched_retired(w, p, context);
		wrk_limit_done(w, p->bytes);
	}
	ring->head = p->next;
	if (!ring->head)
		ring->tail = NULL;
	p->next = w->pending_free;
	w->pending_free = p;
	if (!p->ours)
		wrk_ring_answer(w, &rsp);
}

static struct wrk_pending *queue(struct wrk *w, struct wrk_timeline *ring)
{
	/* There is one for each of the ring's slots, and each unanswered request holds a slot. */
	struct wrk_pending *p = w->pending_free;

	w->pending_free = p->next;
	*p = (struct wrk_pending){ 0 };
	if (ring->tail)
		ring->tail->next = p;
	else
		ring->head = p;
	ring->tail = p;
	return p;
}

/* Returns the fence's id; 0, @err says why there is none. */
static uint64_t make_fence(struct wrk *w, struct wrk_context *context, uint32_t ring_idx, int *err)
{
	*err = w->gpu.ops->fence(&w->gpu, context->node.id, ring_idx, w->last_fence_id + 1);
	if (*err)
		return 0;
	count_in_flight(w, w->fences_in_flight + 1);
	return ++w->last_fence_id;
}

/* @p is a fence behind all that was submitted on its timeline. */
static void fenced(struct wrk *w, struct wrk_timeline *ring, struct wrk_pending *p)
{
	p->bytes = ring->unfenced_bytes;
	p->touches = w->touches;
	ring->unfenced_bytes = 0;
	wrk_sched_fenced(w, ring, p);
}

int wrk_submit_fence(struct wrk *w, struct wrk_context *context, uint32_t ring_idx)
{
	struct wrk_pending *p;
	uint64_t fence_id;
	int err;

	if (context->lost || w->own_fences == WRK_OWN_FENCES)
		return -EBUSY;
	fence_id = make_fence(w, context, ring_idx, &err);
	if (!fence_id)
		return err;
	w->own_fences++;
	p = queue(w, &context->ring[ring_idx]);
	p->fence_id = fence_id;
	p->ours = true;
	fenced(w, &context->ring[ring_idx], p);
	return 0;
}

/* Answer now, or keep the answer until its fence signals and those before it are answered. */
static int answer_or_queue(struct wrk *w, struct wrk_job *job, int32_t status, uint64_t fence_id)
{
	struct wrk_timeline *ring = &job->context->ring[job->req.u.submit.ring_idx];
	bool in_order = job->req.flags & VGPUIF_SUBMIT_IN_ORDER;
	struct wrk_pending *p;

	if (!fence_id && (!in_order || !ring->head))
		return status;
	p = queue(w, ring);
	p->fence_id = fence_id;
	p->seen_ns = w->seen_ns;
	p->request_id = job->req.id;
	p->status = status;
	if (fence_id)
		fenced(w, ring, p);
	return WRK_LATER;
}

static int execute(struct wrk *w, struct wrk_job *job)
{
	const struct vgpuif_submit *args = &job->req.u.submit;

	if (!args->bytes)
		return 0;
	/*
	 * The one copy. The guest may be writing there at this moment; whatever comes out is what
	 * is executed, by a renderer that is not safe against changes behind its back.
	 */
	memcpy(w->arena, job->buffer->addr + args->offset, args->bytes);
	w->stats->command_bytes_copied += args->bytes;
	return w->gpu.ops->submit(&w->gpu, args->context_id, w->arena, args->bytes);
}

bool wrk_submit_is_empty(const struct vgpuif_request *req)
{
	return req->operation == VGPUIF_OP_SUBMIT && !req->u.submit.bytes;
}

/*
 * A fence behind nothing: the renderer is known to have done everything it was ever given, so there is
 * nothing that a fence of its own would tell. Of several contexts that is not known: a fence is behind
 * what its own context was given.
 */
static bool nothing_to_wait_for(const struct wrk *w, const struct wrk_job *job)
{
	const struct vgpuif_submit *args = &job->req.u.submit;

	return !args->bytes && w->contexts.count == 1 && w->touches == w->touches_done &&
	       !job->context->ring[args->ring_idx].head;
}

int wrk_submit(struct wrk *w, struct wrk_job *job)
{
	const struct vgpuif_submit *args = &job->req.u.submit;
	struct wrk_context *context = job->context;
	uint64_t fence_id = 0;
	int err;

	if (args->ring_idx >= context->n_rings)
		return -XEN_EINVAL;
	if (args->bytes && !wrk_buffer_holds(job->buffer, args->offset, args->bytes))
		return -XEN_EINVAL;
	if (job->req.flags & VGPUIF_SUBMIT_FENCE)
		wrk_limit_frame(w, w->now_ns);
	w->stats->submits++;
	w->stats->command_bytes += args->bytes;
	if (context->lost)
		return answer_or_queue(w, job, -XEN_EIO, 0);

	if (nothing_to_wait_for(w, job)) {
		if (job->req.flags & VGPUIF_SUBMIT_FENCE)
			count_fence(w, w->seen_ns, wrk_now_ns());
		return 0;
	}
	err = execute(w, job);
	if (!err) {
		context->ring[args->ring_idx].unfenced_bytes += args->bytes;
		wrk_limit_submitted(w, args->bytes);
	}
	wrk_sched_begun(w, context, args->ring_idx);
	if (!err && (job->req.flags & VGPUIF_SUBMIT_FENCE))
		fence_id = make_fence(w, context, args->ring_idx, &err);
	wrk_context_settle(context, err);
	return answer_or_queue(w, job, wrk_status(err), fence_id);
}

void wrk_submit_done(struct wrk *w, uint32_t context_id, uint32_t ring_idx, uint64_t fence_id)
{
	struct wrk_context *context = wrk_table_find(&w->contexts, context_id);
	struct wrk_timeline *ring;
	uint64_t now_ns = 0;

	/* A context of the same id may have come since; its fences have larger ids. */
	if (!context || ring_idx >= context->n_rings)
		return;
	ring = &context->ring[ring_idx];
	while (ring->head && ring->head->fence_id <= fence_id) {
		if (ring->head->fence_id && !ring->head->ours) {
			now_ns = now_ns ? now_ns : wrk_now_ns();
			count_fence(w, ring->head->seen_ns, now_ns);
		}
		answer_pending(w, context, ring, ring->head->status);
	}
}

void wrk_submit_abandon(struct wrk *w, struct wrk_context *context)
{
	uint32_t i;

	for (i = 0; i < context->n_rings; i++) {
		struct wrk_timeline *ring = &context->ring[i];

		while (ring->head)
			answer_pending(w, NULL, ring,
				       ring->head->fence_id ? -XEN_ENODEV : ring->head->status);
		wrk_limit_done(w, ring->unfenced_bytes);
		ring->unfenced_bytes = 0;
	}
}
