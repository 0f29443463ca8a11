// SPDX-License-Identifier: GPL-2.0-only
/*
 * What xengpu sched shows: the parameters of the GPU in one line, then a table of the vgpus as xl
 * sched-credit2 has it for CPUs; or both as JSON.
 */
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "xengpu_sched.h"

bool sched_match(const struct sched_filter *filter, const struct sample_vgpu *v)
{
	uint16_t domid;

	if (filter->devid >= 0 && filter->devid != v->devid)
		return false;
	if (!filter->domain)
		return true;
	if (!xenbus_parse_u16(filter->domain, &domid))
		return v->domid == domid;
	return !strcmp(filter->domain, v->name);
}

static void add_number(struct json_object *o, const char *name, uint64_t number)
{
	json_object_object_add(o, name, json_object_new_int64((int64_t)number));
}

static void add_text(struct json_object *o, const char *name, const char *text)
{
	json_object_object_add(o, name, json_object_new_string(text));
}

static struct json_object *gpu_json(const struct sample *s)
{
	struct json_object *o = json_object_new_object();

	add_text(o, "renderer", s->renderer);
	add_text(o, "policy", s->sched.policy);
	add_text(o, "effective", s->sched.effective);
	add_text(o, "reason", s->sched.reason);
	add_number(o, "slice_us", s->sched.slice_us);
	add_number(o, "ratelimit_us", s->sched.ratelimit_us);
	add_text(o, "clock", s->sched.clock);
	add_number(o, "capacity", s->sched.capacity);
	return o;
}

static struct json_object *vgpu_json(const struct sample_vgpu *v)
{
	struct json_object *o = json_object_new_object();

	add_text(o, "name", v->name);
	add_number(o, "domid", v->domid);
	add_number(o, "devid", v->devid);
	add_number(o, "weight", v->weight);
	add_number(o, "cap", v->cap);
	add_number(o, "fps", v->fps);
	add_number(o, "max_fps", v->max_fps);
	return o;
}

static void print_json(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

void sched_print_gpu(const struct sample *s, bool json)
{
	const struct sample_sched *p = &s->sched;

	if (json) {
		print_json(gpu_json(s));
		return;
	}
	printf("GPU %s: policy=%s slice_us=%u ratelimit_us=%u clock=%s capacity=%u\n", s->renderer,
	       p->policy, p->slice_us, p->ratelimit_us, p->clock, p->capacity);
	if (strcmp(p->policy, p->effective))
		printf("policy %s is %s now%s%s\n", p->policy, p->effective,
		       p->reason[0] ? ": " : "", p->reason);
	if (s->error[0])
		printf("error: %s\n", s->error);
}

void sched_print(const struct sample *s, const struct sched_filter *filter, bool json)
{
	struct json_object *both, *list;
	const struct sample_vgpu *v;

	if (json) {
		both = json_object_new_object();
		list = json_object_new_array();
		for (v = s->vgpu; v < s->vgpu + s->n; v++) {
			if (sched_match(filter, v))
				json_object_array_add(list, vgpu_json(v));
		}
		json_object_object_add(both, "gpu", gpu_json(s));
		json_object_object_add(both, "vgpus", list);
		print_json(both);
		return;
	}
	/* xl has the pool's line in the list of all only. */
	if (!filter->domain)
		sched_print_gpu(s, false);
	printf("%-33s %4s %4s %6s %4s %4s %6s\n", "Name", "ID", "VGPU", "Weight", "Cap", "Fps",
	       "MaxFps");
	for (v = s->vgpu; v < s->vgpu + s->n; v++) {
		if (sched_match(filter, v))
			printf("%-33s %4u %4u %6u %4u %4u %6u\n", v->name, v->domid, v->devid,
			       v->weight, v->cap, v->fps, v->max_fps);
	}
}
