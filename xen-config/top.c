// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two answers of xengpud compared; see top.h. Pure.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "top.h"

/* What rates are made with. */
struct span {
	double seconds;			/* 0: no interval */
	double capacity;
	double gpu_ns;			/* by all, in the interval */
};

static const struct {
	const char *name;
	bool ascending;
} columns[] = {
	[TOP_NAME] = { "name", true },
	[TOP_ID] = { "id", true },
	[TOP_STATE] = { "state", true },
	[TOP_GPU] = { "gpu", false },
	[TOP_SHARE] = { "share", false },
	[TOP_ENTITLED] = { "entitled", false },
	[TOP_FPS] = { "fps", false },
	[TOP_SUBMITS] = { "submits", false },
	[TOP_QUEUE] = { "queue", false },
	[TOP_P50] = { "p50", false },
	[TOP_P99] = { "p99", false },
	[TOP_HELD] = { "held", false },
	[TOP_MEMORY] = { "memory", false },
	[TOP_LIMITS] = { "limits", false },
};
_Static_assert(sizeof(columns) / sizeof(columns[0]) == TOP_N_COLUMNS, "a column has no name");

const char *top_column_name(enum top_column column)
{
	return columns[column].name;
}

enum top_column top_column_find(const char *name)
{
	enum top_column c;

	for (c = 0; c < TOP_N_COLUMNS; c++) {
		if (!strcmp(name, columns[c].name))
			break;
	}
	return c;
}

/* --- differences ----------------------------------------------------------------------------- */

/* Whether any of them went back: a worker's counters, or a device's, began anew. */
static bool began_anew(const struct sample_counters *before, const struct sample_counters *now)
{
	size_t i;

	for (i = 0; i < SAMPLE_N_LIMITS; i++) {
		if (now->limit[i] < before->limit[i])
			return true;
	}
	return now->gpu_ns < before->gpu_ns || now->held_ns < before->held_ns ||
	       now->submits < before->submits || now->fences < before->fences;
}

static uint64_t bucket_before(const struct sample_vgpu *before, double end_us)
{
	size_t i;

	for (i = 0; before && i < before->n_buckets; i++) {
		if (before->bucket[i].end_us == end_us)
			return before->bucket[i].count;
	}
	return 0;
}

static uint64_t ended_in(const struct sample_vgpu *before, const struct sample_bucket *bucket)
{
	const uint64_t had = bucket_before(before, bucket->end_us);

	return bucket->count > had ? bucket->count - had : 0;
}

/* The end of the bucket in which the frame is that so many in a thousand were not slower than. */
static double percentile_ms(const struct sample_vgpu *before, const struct sample_vgpu *now,
			    unsigned int permille)
{
	uint64_t total = 0, rank, seen = 0;
	size_t i;

	for (i = 0; i < now->n_buckets; i++)
		total += ended_in(before, &now->bucket[i]);
	if (!total)
		return -1.0;
	rank = (total * permille + 999) / 1000;
	for (i = 0; seen < rank; i++)
		seen += ended_in(before, &now->bucket[i]);
	return now->bucket[i - 1].end_us / 1000.0;
}

/* --- rows ------------------------------------------------------------------------------------ */

static void rates(struct top_row *row, const struct sample_counters *before,
		  const struct sample_counters *now, const struct span *span)
{
	static const struct sample_counters zero;
	size_t i;

	row->queue = now->fences_in_flight;
	row->memory_bytes = now->memory_bytes;
	if (!before || began_anew(before, now))
		before = &zero;
	if (span->seconds <= 0)
		return;
	row->gpu_percent = (double)(now->gpu_ns - before->gpu_ns) / span->seconds /
			   span->capacity / 1e7;
	if (span->gpu_ns > 0)
		row->share_percent = (double)(now->gpu_ns - before->gpu_ns) / span->gpu_ns * 100.0;
	row->held_percent = (double)(now->held_ns - before->held_ns) / span->seconds / 1e7;
	row->fps = (double)(now->fences - before->fences) / span->seconds;
	row->submits_s = (double)(now->submits - before->submits) / span->seconds;
	for (i = 0; i < SAMPLE_N_LIMITS; i++) {
		row->limit[i] = now->limit[i] - before->limit[i];
		row->limits += row->limit[i];
	}
}

static const struct sample_session *find_session(const struct sample_vgpu *v, uint32_t session)
{
	size_t i;

	for (i = 0; v && i < v->n_sessions; i++) {
		if (v->session[i].session == session)
			return &v->session[i];
	}
	return NULL;
}

static int sessions(struct top_row *row, const struct sample_vgpu *before,
		    const struct sample_vgpu *now, const struct span *span)
{
	const struct sample_session *s, *had;
	struct top_row *r;
	size_t i;

	row->session = calloc(now->n_sessions ? now->n_sessions : 1, sizeof(*row->session));
	if (!row->session)
		return -ENOMEM;
	row->n_sessions = now->n_sessions;
	for (i = 0; i < now->n_sessions; i++) {
		s = &now->session[i];
		r = &row->session[i];
		*r = (struct top_row){ .domid = now->domid, .devid = now->devid, .id = s->session,
				       .p50_ms = -1.0, .p99_ms = -1.0 };
		memcpy(r->name, row->name, sizeof(r->name));
		memcpy(r->state, s->state, sizeof(r->state));
		had = find_session(before, s->session);
		rates(r, had ? &had->c : NULL, &s->c, span);
	}
	return 0;
}

static int vgpu(struct top_row *row, const struct sample_vgpu *before,
		const struct sample_vgpu *now, const struct span *span)
{
	/* Of an ended session nothing is lost, so this is another device of the same number. */
	if (before && began_anew(&before->c, &now->c))
		before = NULL;
	*row = (struct top_row){ .domid = now->domid, .devid = now->devid, .id = -1,
				 .entitled_percent = now->entitled_permille / 10.0,
				 .p50_ms = -1.0, .p99_ms = -1.0,
				 .memory_limit_mib = now->memory_limit_mib };
	memcpy(row->name, now->name, sizeof(row->name));
	memcpy(row->state, now->state, sizeof(row->state));
	if (now->banned)
		snprintf(row->state, sizeof(row->state), "banned");
	rates(row, before ? &before->c : NULL, &now->c, span);
	if (span->seconds > 0) {
		row->p50_ms = percentile_ms(before, now, 500);
		row->p99_ms = percentile_ms(before, now, 990);
	}
	return sessions(row, before, now, span);
}

/* Another xengpud counts from 0, even where a number has grown beyond the old one. */
static bool is_restarted(const struct sample *before, const struct sample *now)
{
	return now->uptime_s < before->uptime_s || now->sched.now_ns < before->sched.now_ns ||
	       now->sched.gpu_ns < before->sched.gpu_ns ||
	       now->sched.contended_ns < before->sched.contended_ns;
}

static double gpu_ns_of(const struct sample *before, const struct sample *now)
{
	const struct sample_vgpu *v, *had;
	double all = (double)now->sched.gpu_ns, sum = 0;

	if (before)
		all -= (double)before->sched.gpu_ns;
	for (v = now->vgpu; v < now->vgpu + now->n; v++) {
		had = before ? sample_find(before, v->domid, v->devid) : NULL;
		sum += (double)v->c.gpu_ns;
		if (had && !began_anew(&had->c, &v->c))
			sum -= (double)had->c.gpu_ns;
	}
	/* Its own sum is told a moment after the devices' are. */
	return sum > all ? sum : all;
}

int top_compute(const struct sample *before, const struct sample *now, struct top **out)
{
	struct top *top = calloc(1, sizeof(*top));
	struct span span = { .capacity = now->sched.capacity };
	const struct sample_vgpu *v;
	int err = 0;

	if (top)
		top->row = calloc(now->n ? now->n : 1, sizeof(*top->row));
	if (!top || !top->row) {
		free(top);
		return -ENOMEM;
	}
	if (before) {
		top->restarted = is_restarted(before, now);
		if (now->sched.now_ns > before->sched.now_ns)
			span.seconds = (double)(now->sched.now_ns - before->sched.now_ns) / 1e9;
		if (top->restarted)
			before = NULL;
	}
	span.gpu_ns = gpu_ns_of(before, now);
	top->interval_s = span.seconds;
	if (span.seconds > 0) {
		top->gpu_percent = span.gpu_ns / span.seconds / span.capacity / 1e7;
		top->contended_percent = (double)(now->sched.contended_ns -
						  (before ? before->sched.contended_ns : 0)) /
					 span.seconds / 1e7;
	}
	for (v = now->vgpu; !err && v < now->vgpu + now->n; v++) {
		err = vgpu(&top->row[top->n++],
			   before ? sample_find(before, v->domid, v->devid) : NULL, v, &span);
	}
	if (err)
		top_free(top);
	else
		*out = top;
	return err;
}

void top_free(struct top *top)
{
	size_t i;

	if (!top)
		return;
	for (i = 0; i < top->n; i++)
		free(top->row[i].session);
	free(top->row);
	free(top);
}

/* --- sorting --------------------------------------------------------------------------------- */

struct order {
	enum top_column column;
	bool reverse;
};

static double number_of(const struct top_row *r, enum top_column column)
{
	switch (column) {
	case TOP_GPU:
		return r->gpu_percent;
	case TOP_SHARE:
		return r->share_percent;
	case TOP_ENTITLED:
		return r->entitled_percent;
	case TOP_FPS:
		return r->fps;
	case TOP_SUBMITS:
		return r->submits_s;
	case TOP_QUEUE:
		return (double)r->queue;
	case TOP_P50:
		return r->p50_ms;
	case TOP_P99:
		return r->p99_ms;
	case TOP_HELD:
		return r->held_percent;
	case TOP_MEMORY:
		return (double)r->memory_bytes;
	case TOP_LIMITS:
		return (double)r->limits;
	default:
		return 0;
	}
}

static int by_id(const struct top_row *a, const struct top_row *b)
{
	if (a->domid != b->domid)
		return a->domid < b->domid ? -1 : 1;
	if (a->devid != b->devid)
		return a->devid < b->devid ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

static int compare(const void *x, const void *y, void *arg)
{
	const struct top_row *a = x, *b = y;
	const struct order *order = arg;
	double p, q;
	int c;

	if (order->column == TOP_NAME) {
		c = strcmp(a->name, b->name);
	} else if (order->column == TOP_STATE) {
		c = strcmp(a->state, b->state);
	} else if (order->column == TOP_ID) {
		c = by_id(a, b);
	} else {
		p = number_of(a, order->column);
		q = number_of(b, order->column);
		c = (p > q) - (p < q);
	}
	if (!columns[order->column].ascending)
		c = -c;
	if (order->reverse)
		c = -c;
	return c ? c : by_id(a, b);
}

void top_sort(struct top *top, enum top_column column, bool reverse)
{
	struct order order = { column, reverse };
	size_t i;

	qsort_r(top->row, top->n, sizeof(*top->row), compare, &order);
	for (i = 0; i < top->n; i++)
		qsort_r(top->row[i].session, top->row[i].n_sessions, sizeof(*top->row), compare,
			&order);
}
