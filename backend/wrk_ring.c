// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the ring to a handler and back: take a request (a private copy, made once), check it, look
 * up what its ids stand for, call its handler, queue the response. Nothing here knows what an
 * operation means.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>

#include "wrk.h"

#define SLICE_REQUESTS	64u
#define SLICE_NS	200000u		/* no request is begun after that; then the answers are pushed */

static int find_existing(struct wrk *w, struct wrk_job *job)
{
	const struct request_ids *ids = &job->ids;

	if (ids->needs & REQUEST_NEEDS_CONTEXT) {
		job->context = wrk_table_find(&w->contexts, ids->context_id);
		if (!job->context)
			return -XEN_ENOENT;
	}
	if (ids->needs & REQUEST_NEEDS_RESOURCE) {
		job->resource = wrk_table_find(&w->resources, ids->resource_id);
		if (!job->resource)
			return -XEN_ENOENT;
	}
	if (ids->needs & REQUEST_NEEDS_BUFFER) {
		job->buffer = wrk_table_find(&w->buffers, ids->buffer_id);
		if (!job->buffer)
			return -XEN_ENOENT;
	}
	return 0;
}

int wrk_limit_met(struct wrk_job *job, uint64_t *counter, const char *key, uint32_t limit,
		  int status)
{
	++*counter;
	job->met = key;
	job->met_limit = limit;
	return status;
}

static int check_new(struct wrk_job *job, const struct wrk_table *table, uint32_t id,
		     uint64_t *counter, const char *key)
{
	if (wrk_table_find(table, id))
		return -XEN_EEXIST;
	if (table->count < table->limit)
		return 0;
	return wrk_limit_met(job, counter, key, table->limit, -XEN_ENOSPC);
}

static int find_objects(struct wrk *w, struct wrk_job *job)
{
	const struct request_ids *ids = &job->ids;
	int status = find_existing(w, job);

	if (!status && (ids->needs & REQUEST_NEW_CONTEXT))
		status = check_new(job, &w->contexts, ids->context_id, &w->stats->limit_contexts,
				   "contexts");
	if (!status && (ids->needs & REQUEST_NEW_RESOURCE))
		status = check_new(job, &w->resources, ids->resource_id,
				   &w->stats->limit_resources, "resources");
	if (!status && (ids->needs & REQUEST_NEW_BUFFER))
		status = check_new(job, &w->buffers, ids->buffer_id, &w->stats->limit_buffers,
				   "max-buffers");
	return status;
}

static int check(struct wrk *w, struct wrk_job *job)
{
	int status = request_check(&job->req, &w->limits, &job->ids);

	/* The one limit that can be seen in the request alone. */
	if (status == -XEN_ENOSPC)
		wrk_limit_met(job, &w->stats->limit_buffers, "max-buffer-pages",
			      w->limits.max_buffer_pages, status);
	return status ? status : find_objects(w, job);
}

static void log_error(const struct wrk_job *job, int status)
{
	char met[64] = "";

	if (job->met)
		snprintf(met, sizeof(met), " (%s=%u)", job->met, job->met_limit);
	wrk_log("%s (operation %u, context %u, resource %u, buffer %u): %s%s",
		request_name(job->req.operation), job->req.operation, job->ids.context_id,
		job->ids.resource_id, job->ids.buffer_id, request_strstatus(status), met);
}

static void answer(struct wrk *w, struct wrk_job *job, int status)
{
	if (status) {
		memset(&job->rsp.u, 0, sizeof(job->rsp.u));
		log_error(job, status);
	}
	job->rsp.id = job->req.id;
	job->rsp.operation = job->req.operation;
	job->rsp.status = status;
	wrk_ring_answer(w, &job->rsp);
}

static void execute(struct wrk *w, struct wrk_job *job)
{
	int status = check(w, job);
	wrk_op_fn handler;

	if (!status) {
		handler = wrk_op(job->req.operation);
		w->stats->calls++;
		w->touches += !wrk_submit_is_empty(&job->req);
		status = handler ? handler(w, job) : -XEN_EOPNOTSUPP;
		w->stats->calls++;
	}
	if (status != WRK_LATER)
		answer(w, job, status);
}

int wrk_ring_wait(struct wrk *w, const struct wrk_job *job, enum wrk_held why)
{
	w->waiting = *job;
	w->held |= why;
	return WRK_LATER;
}

void wrk_ring_done(struct wrk *w, enum wrk_held why, int32_t status)
{
	w->held &= ~(uint32_t)why;
	answer(w, &w->waiting, status);
}

void wrk_ring_again(struct wrk *w, enum wrk_held why)
{
	struct wrk_job job = { .req = w->waiting.req };

	w->held &= ~(uint32_t)why;
	execute(w, &job);
}

bool wrk_held(const struct wrk *w)
{
	return w->held != 0;
}

/* Also one that was seen before the frontend's index said something else. */
static bool has_request(const struct wrk *w)
{
	return w->ring.req_prod != w->ring.r.req_cons || wrk_ring_waiting(w);
}

bool wrk_ring_slice(struct wrk *w)
{
	const uint64_t start_ns = wrk_now_ns();
	bool in_time = true;
	unsigned int n;

	w->now_ns = start_ns;

	if (!ring_back_alive(&w->ring)) {
		wrk_end(w, CTL_REASON_LOST, "the frontend's process is gone");
		return false;
	}
	wrk_fence_take(w);
	for (n = 0; n < SLICE_REQUESTS && in_time && !wrk_held(w); n++, wrk_fence_take(w)) {
		struct wrk_job job = { 0 };
		int got;

		if (!has_request(w) || wrk_limit_hold(w, w->now_ns) || !wrk_sched_may_take(w))
			break;
		/* With those that came with it: the frontend's index is read once for all. */
		if (w->ring.req_prod == w->ring.r.req_cons)
			w->seen_ns = w->now_ns;
		got = ring_back_get(&w->ring, &job.req);
		if (got < 0) {
			wrk_end(w, CTL_REASON_PROTOCOL,
				"the ring's producer index claims more requests than fit");
			return false;
		}
		if (!got)
			break;
		w->stats->requests++;
		execute(w, &job);
		w->now_ns = wrk_now_ns();
		in_time = w->now_ns - start_ns < SLICE_NS;
	}
	wrk_ring_flush(w);
	if (n)
		w->stats->last_work_ns = w->now_ns;
	wrk_sched_settle(w);
	return (n == SLICE_REQUESTS || !in_time) && !wrk_held(w) && has_request(w);
}

bool wrk_ring_waiting(const struct wrk *w)
{
	const volatile RING_IDX *req_prod = &w->ring.r.sring->req_prod;

	return *req_prod != w->ring.r.req_cons;
}

void wrk_ring_answer(struct wrk *w, const struct vgpuif_response *rsp)
{
	ring_back_put(&w->ring, rsp);
	w->stats->responses++;
	if (rsp->status)
		w->stats->errors++;
}

void wrk_ring_flush(struct wrk *w)
{
	if (ring_back_push(&w->ring)) {
		w->stats->notifies_out++;
		evt_notify(w->evt);
	}
}
