// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpud's answer as numbers; see sample.h. What is missing is an error and not a 0, which would be
 * taken for a measurement.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "sample.h"

/* An object of the answer, and the first thing that is missing in any of them. */
struct reader {
	const char *missing;
	const char *where;
};

const char *sample_limit_name(enum sample_limit limit)
{
	static const char *const names[] = { "memory", "contexts", "resources", "buffers",
					     "inflight", "fps" };

	return names[limit];
}

static void miss(struct reader *r, const char *name, const char *where)
{
	if (r->missing)
		return;
	r->missing = name;
	r->where = where;
}

static struct json_object *member(struct reader *r, struct json_object *o, const char *where,
				  const char *name, enum json_type type)
{
	struct json_object *m = NULL;

	if (json_object_object_get_ex(o, name, &m) && json_object_is_type(m, type))
		return m;
	miss(r, name, where);
	return NULL;
}

static uint64_t number(struct reader *r, struct json_object *o, const char *where, const char *name)
{
	struct json_object *m = member(r, o, where, name, json_type_int);
	int64_t value = m ? json_object_get_int64(m) : 0;

	if (value < 0)
		miss(r, name, where);
	return value < 0 ? 0 : (uint64_t)value;
}

static uint32_t number_to(struct reader *r, struct json_object *o, const char *where,
			  const char *name, uint32_t max)
{
	uint64_t value = number(r, o, where, name);

	if (value > max)
		miss(r, name, where);
	return (uint32_t)value;
}

static void copy(char *to, size_t bytes, const char *from)
{
	size_t i;

	for (i = 0; i < bytes - 1 && from[i]; i++)
		to[i] = (unsigned char)from[i] < 0x20 || (unsigned char)from[i] >= 0x7f ? '?' :
											from[i];
	to[i] = '\0';
}

static void text(struct reader *r, struct json_object *o, const char *where, const char *name,
		 char *to, size_t bytes)
{
	struct json_object *m = member(r, o, where, name, json_type_string);

	copy(to, bytes, m ? json_object_get_string(m) : "");
}

#define TEXT(r, o, where, name, to)	text(r, o, where, name, to, sizeof(to))

static void read_counters(struct reader *r, struct json_object *o, const char *where,
			  struct sample_counters *c)
{
	static const char *const limits[] = { "limit_memory", "limit_contexts", "limit_resources",
					      "limit_buffers", "limit_inflight", "limit_fps" };
	size_t i;

	c->gpu_ns = number(r, o, where, "gpu_ns");
	c->held_ns = number(r, o, where, "held_ns");
	c->submits = number(r, o, where, "submits");
	c->fences = number(r, o, where, "fences");
	c->fences_in_flight = number(r, o, where, "fences_in_flight");
	c->memory_bytes = number(r, o, where, "memory_bytes");
	for (i = 0; i < SAMPLE_N_LIMITS; i++)
		c->limit[i] = number(r, o, where, limits[i]);
}

static int read_latency(struct reader *r, struct json_object *list, struct sample_vgpu *v)
{
	const size_t n = json_object_array_length(list);
	struct json_object *pair, *end, *count;
	size_t i;

	v->bucket = calloc(n ? n : 1, sizeof(*v->bucket));
	if (!v->bucket)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		pair = json_object_array_get_idx(list, i);
		if (!json_object_is_type(pair, json_type_array) ||
		    json_object_array_length(pair) != 2) {
			miss(r, "latency_us", "a vgpu");
			return 0;
		}
		end = json_object_array_get_idx(pair, 0);
		count = json_object_array_get_idx(pair, 1);
		v->bucket[i].end_us = json_object_get_double(end);
		v->bucket[i].count = (uint64_t)json_object_get_int64(count);
		if (!json_object_is_type(count, json_type_int) || json_object_get_int64(count) < 0 ||
		    v->bucket[i].end_us <= (i ? v->bucket[i - 1].end_us : 0))
			miss(r, "latency_us", "a vgpu");
	}
	v->n_buckets = n;
	return 0;
}

static int read_sessions(struct reader *r, struct json_object *list, struct sample_vgpu *v)
{
	static const char where[] = "a session";
	const size_t n = json_object_array_length(list);
	struct sample_session *s;
	struct json_object *o;
	size_t i;

	v->session = calloc(n ? n : 1, sizeof(*v->session));
	if (!v->session)
		return -ENOMEM;
	v->n_sessions = n;
	for (i = 0; i < n; i++) {
		o = json_object_array_get_idx(list, i);
		s = &v->session[i];
		s->session = number_to(r, o, where, "session", UINT32_MAX);
		TEXT(r, o, where, "state", s->state);
		if (json_object_object_get_ex(o, "pid", NULL))
			read_counters(r, o, where, &s->c);
	}
	return 0;
}

static int read_vgpu(struct reader *r, struct json_object *o, struct sample_vgpu *v)
{
	static const char where[] = "a vgpu";
	struct json_object *m;
	int err = 0;

	v->domid = (uint16_t)number_to(r, o, where, "domid", UINT16_MAX);
	v->devid = (uint16_t)number_to(r, o, where, "devid", UINT16_MAX);
	TEXT(r, o, where, "name", v->name);
	TEXT(r, o, where, "state", v->state);
	m = member(r, o, where, "banned", json_type_boolean);
	v->banned = m && json_object_get_boolean(m);
	v->weight = number_to(r, o, where, "weight", UINT32_MAX);
	v->cap = number_to(r, o, where, "cap", UINT32_MAX);
	v->fps = number_to(r, o, where, "fps", UINT32_MAX);
	v->max_fps = number_to(r, o, where, "max_fps", UINT32_MAX);
	v->memory_limit_mib = number_to(r, o, where, "memory_limit_mib", UINT32_MAX);
	v->entitled_permille = number_to(r, o, where, "entitled_permille", UINT32_MAX);
	read_counters(r, o, where, &v->c);
	m = member(r, o, where, "latency_us", json_type_array);
	if (m)
		err = read_latency(r, m, v);
	m = member(r, o, where, "session_list", json_type_array);
	if (!err && m)
		err = read_sessions(r, m, v);
	return err;
}

static void read_sched(struct reader *r, struct json_object *o, struct sample_sched *s)
{
	static const char where[] = "sched";

	TEXT(r, o, where, "policy", s->policy);
	TEXT(r, o, where, "effective", s->effective);
	TEXT(r, o, where, "reason", s->reason);
	TEXT(r, o, where, "clock", s->clock);
	s->slice_us = number_to(r, o, where, "slice_us", UINT32_MAX);
	s->ratelimit_us = number_to(r, o, where, "ratelimit_us", UINT32_MAX);
	s->capacity = number_to(r, o, where, "capacity", UINT32_MAX);
	if (!s->capacity)
		miss(r, "capacity", where);
	s->now_ns = number(r, o, where, "now_ns");
	s->gpu_ns = number(r, o, where, "gpu_ns");
	s->contended_ns = number(r, o, where, "contended_ns");
}

static int read_answer(struct reader *r, struct json_object *o, struct sample *s)
{
	static const char where[] = "the answer";
	struct json_object *m;
	size_t i;
	int err = 0;

	TEXT(r, o, where, "renderer", s->renderer);
	if (json_object_object_get_ex(o, "error", NULL))
		TEXT(r, o, where, "error", s->error);
	m = member(r, o, where, "supervisor", json_type_object);
	if (m) {
		s->domid = (uint16_t)number_to(r, m, "supervisor", "domid", UINT16_MAX);
		s->uptime_s = number(r, m, "supervisor", "uptime_s");
	}
	m = member(r, o, where, "sched", json_type_object);
	if (m)
		read_sched(r, m, &s->sched);
	m = member(r, o, where, "devices", json_type_array);
	if (!m)
		return 0;
	s->n = json_object_array_length(m);
	s->vgpu = calloc(s->n ? s->n : 1, sizeof(*s->vgpu));
	if (!s->vgpu) {
		s->n = 0;
		return -ENOMEM;
	}
	for (i = 0; !err && i < s->n; i++)
		err = read_vgpu(r, json_object_array_get_idx(m, i), &s->vgpu[i]);
	return err;
}

int sample_parse(const char *answer, struct sample **out, char *why)
{
	struct sample *s = calloc(1, sizeof(*s));
	struct json_object *o = json_tokener_parse(answer);
	struct reader r = { 0 };
	int err = s ? 0 : -ENOMEM;

	if (s && !json_object_is_type(o, json_type_object))
		err = why_set(why, "xengpud's answer makes no sense: is it of another version?");
	if (!err)
		err = read_answer(&r, o, s);
	if (err == -ENOMEM)
		why_set(why, "no memory for xengpud's answer");
	if (!err && r.missing)
		err = why_set(why, "xengpud's answer makes no sense, '%s' of %s: is it of another "
			      "version?", r.missing, r.where);
	json_object_put(o);
	if (err)
		sample_free(s);
	else
		*out = s;
	return err;
}

void sample_free(struct sample *s)
{
	size_t i;

	if (!s)
		return;
	for (i = 0; i < s->n; i++) {
		free(s->vgpu[i].bucket);
		free(s->vgpu[i].session);
	}
	free(s->vgpu);
	free(s);
}

const struct sample_vgpu *sample_find(const struct sample *s, uint16_t domid, uint16_t devid)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		if (s->vgpu[i].domid == domid && s->vgpu[i].devid == devid)
			return &s->vgpu[i];
	}
	return NULL;
}
