// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rows of xengpu top as words, for a screen and for a file, and as JSON.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "xengpu_top.h"

void top_heading(char *text, int name_width)
{
	snprintf(text, TOP_LINE_BYTES,
		 "%-*s %5s %4s %-12s %6s %6s %6s %7s %7s %5s %8s %8s %6s %7s %7s %s", name_width,
		 "NAME", "ID", "VGPU", "STATE", "GPU%", "SHARE%", "ENT%", "FPS", "SUB/s", "QUEUE",
		 "P50ms", "P99ms", "HELD%", "MEM(M)", "MAX(M)", "LIMITS");
}

static const char *milliseconds(double ms, char *text, size_t bytes)
{
	if (ms < 0)
		return "-";
	snprintf(text, bytes, ms < 1000 ? "%.3f" : "%.0f", ms);
	return text;
}

/* "12:memory,fps", or "-". */
static void limits(const struct top_row *row, char *text, size_t bytes)
{
	size_t i, used;

	if (!row->limits) {
		snprintf(text, bytes, "-");
		return;
	}
	snprintf(text, bytes, "%ju:", (uintmax_t)row->limits);
	for (i = 0; i < SAMPLE_N_LIMITS; i++) {
		used = strlen(text);
		if (row->limit[i])
			snprintf(text + used, bytes - used, "%s%s",
				 text[used - 1] == ':' ? "" : ",",
				 sample_limit_name((enum sample_limit)i));
	}
}

static void word(char *to, size_t bytes, const char *from)
{
	size_t i;

	for (i = 0; i < bytes - 1 && from[i]; i++)
		to[i] = from[i] == ' ' ? '_' : from[i];
	to[i] = '\0';
}

void top_line(const struct top_row *row, int name_width, char *text)
{
	char name[SAMPLE_NAME_BYTES], state[SAMPLE_WORD_BYTES], p50[24], p99[24], met[128];
	char vgpu[40], max[16] = "-", entitled[16] = "-";

	word(name, sizeof(name), row->name[0] ? row->name : "-");
	word(state, sizeof(state), row->state[0] ? row->state : "-");
	limits(row, met, sizeof(met));
	if (row->id < 0) {
		snprintf(vgpu, sizeof(vgpu), "%u", row->devid);
		snprintf(entitled, sizeof(entitled), "%.1f", row->entitled_percent);
	} else {
		snprintf(vgpu, sizeof(vgpu), "%u.%jd", row->devid, (intmax_t)row->id);
	}
	if (row->memory_limit_mib)
		snprintf(max, sizeof(max), "%u", row->memory_limit_mib);
	snprintf(text, TOP_LINE_BYTES,
		 "%-*.*s %5u %4s %-12s %6.1f %6.1f %6s %7.1f %7.1f %5ju %8s %8s %6.1f %7.1f %7s %s",
		 name_width, name_width < TOP_WIDE_NAME ? name_width : (int)sizeof(name), name,
		 row->domid, vgpu, state, row->gpu_percent, row->share_percent, entitled, row->fps,
		 row->submits_s, (uintmax_t)row->queue,
		 milliseconds(row->p50_ms, p50, sizeof(p50)),
		 milliseconds(row->p99_ms, p99, sizeof(p99)), row->held_percent,
		 (double)row->memory_bytes / (1 << 20), max, met);
}

void top_uptime(uint64_t seconds, char *text)
{
	const uint64_t days = seconds / 86400;
	char long_ago[32] = "";

	if (days)
		snprintf(long_ago, sizeof(long_ago), "%u day%s, ", (unsigned int)days,
			 days == 1 ? "" : "s");
	snprintf(text, 32, "%.15s%02u:%02u:%02u", long_ago, (unsigned int)(seconds / 3600 % 24),
		 (unsigned int)(seconds / 60 % 60), (unsigned int)(seconds % 60));
}

/* --- JSON ------------------------------------------------------------------------------------ */

static void add_text(struct json_object *o, const char *name, const char *text)
{
	json_object_object_add(o, name, json_object_new_string(text));
}

static void add_number(struct json_object *o, const char *name, uint64_t number)
{
	json_object_object_add(o, name, json_object_new_int64((int64_t)number));
}

/* In three digits behind the point; json-c's own way of writing it has seventeen. */
static void add_real(struct json_object *o, const char *name, double real)
{
	char text[64];

	snprintf(text, sizeof(text), "%.3f", real);
	json_object_object_add(o, name, json_object_new_double_s(real, text));
}

/* null where there is none. */
static void add_latency(struct json_object *o, const char *name, double ms)
{
	if (ms < 0)
		json_object_object_add(o, name, NULL);
	else
		add_real(o, name, ms);
}

static struct json_object *row_json(const struct top_row *row)
{
	struct json_object *o = json_object_new_object(), *met = json_object_new_object();
	size_t i;

	add_text(o, "name", row->name);
	add_number(o, "domid", row->domid);
	add_number(o, "devid", row->devid);
	if (row->id >= 0)
		add_number(o, "session", (uint64_t)row->id);
	add_text(o, "state", row->state);
	add_real(o, "gpu_percent", row->gpu_percent);
	add_real(o, "share_percent", row->share_percent);
	if (row->id < 0)
		add_real(o, "entitled_percent", row->entitled_percent);
	add_real(o, "fps", row->fps);
	add_real(o, "submits_per_s", row->submits_s);
	add_number(o, "queue", row->queue);
	if (row->id < 0) {
		add_latency(o, "p50_ms", row->p50_ms);
		add_latency(o, "p99_ms", row->p99_ms);
	}
	add_real(o, "held_percent", row->held_percent);
	add_number(o, "memory_bytes", row->memory_bytes);
	if (row->id < 0)
		add_number(o, "memory_limit_mib", row->memory_limit_mib);
	for (i = 0; i < SAMPLE_N_LIMITS; i++)
		add_number(met, sample_limit_name((enum sample_limit)i), row->limit[i]);
	json_object_object_add(o, "limits", met);
	return o;
}

char *top_json(const struct sample *now, const struct top *top, bool sessions)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct json_object *vgpu, *inner;
	struct timespec ts;
	char *text;
	size_t i, j;

	clock_gettime(CLOCK_REALTIME, &ts);
	add_real(o, "time", (double)ts.tv_sec + (double)ts.tv_nsec / 1e9);
	add_real(o, "interval_s", top->interval_s);
	json_object_object_add(o, "restarted", json_object_new_boolean(top->restarted));
	add_text(o, "renderer", now->renderer);
	add_text(o, "policy", now->sched.policy);
	add_text(o, "effective", now->sched.effective);
	add_text(o, "clock", now->sched.clock);
	add_number(o, "capacity", now->sched.capacity);
	add_number(o, "uptime_s", now->uptime_s);
	add_real(o, "gpu_percent", top->gpu_percent);
	add_real(o, "contended_percent", top->contended_percent);
	for (i = 0; i < top->n; i++) {
		vgpu = row_json(&top->row[i]);
		inner = sessions ? json_object_new_array() : NULL;
		for (j = 0; sessions && j < top->row[i].n_sessions; j++)
			json_object_array_add(inner, row_json(&top->row[i].session[j]));
		if (sessions)
			json_object_object_add(vgpu, "sessions", inner);
		json_object_array_add(list, vgpu);
	}
	json_object_object_add(o, "vgpus", list);
	text = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
						     JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return text;
}
