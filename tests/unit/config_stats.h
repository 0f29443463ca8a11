/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests: what xengpud answers to "stats", out of numbers.
 */
#ifndef TESTS_CONFIG_STATS_H
#define TESTS_CONFIG_STATS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "harness.h"

#define FAKE_BYTES	16384u

struct fake_vgpu {
	unsigned int domid, devid;
	const char *name;
	const char *state;		/* NULL: connected */
	bool banned;
	unsigned int weight, cap, fps, max_fps, memory_limit_mib, entitled_permille;
	uint64_t gpu_ns, held_ns, submits, fences, fences_in_flight, memory_bytes;
	uint64_t limit_memory, limit_fps;
	const char *latency;		/* "[16,3],..." */
	const char *sessions;		/* JSON of a list, without its brackets */
};

struct fake_stats {
	const char *policy, *effective, *reason;	/* NULL: credit, the same, "" */
	const char *error;
	unsigned int domid, capacity;	/* 0: 1 */
	uint64_t now_ns, gpu_ns, contended_ns, uptime_s;
	const struct fake_vgpu *vgpu;
	size_t n;
};

__attribute__((format(printf, 2, 3)))
static inline void fake_add(char *text, const char *fmt, ...)
{
	const size_t used = strlen(text);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text + used, FAKE_BYTES - used, fmt, ap);
	va_end(ap);
	CHECK(n >= 0 && used + (size_t)n < FAKE_BYTES);
}

/* fake_counters() - the members that vgpus and sessions both have. */
static inline void fake_counters(char *text, const struct fake_vgpu *v)
{
	fake_add(text, "\"gpu_ns\":%ju,\"held_ns\":%ju,\"submits\":%ju,\"fences\":%ju,"
		 "\"fences_in_flight\":%ju,\"memory_bytes\":%ju,\"limit_memory\":%ju,"
		 "\"limit_contexts\":0,\"limit_resources\":0,\"limit_buffers\":0,"
		 "\"limit_inflight\":0,\"limit_fps\":%ju", (uintmax_t)v->gpu_ns,
		 (uintmax_t)v->held_ns, (uintmax_t)v->submits, (uintmax_t)v->fences,
		 (uintmax_t)v->fences_in_flight, (uintmax_t)v->memory_bytes,
		 (uintmax_t)v->limit_memory, (uintmax_t)v->limit_fps);
}

static inline void fake_one(char *text, const struct fake_vgpu *v)
{
	fake_add(text, "{\"domid\":%u,\"name\":\"%s\",\"devid\":%u,\"state\":\"%s\",\"sessions\":1,"
		 "\"sessions_total\":5,\"workers_died\":1,\"requests\":900,\"errors\":2,"
		 "\"command_bytes\":4000,\"transfers\":30,\"contexts\":1,\"resources\":20,"
		 "\"pages_mapped\":64,"
		 "\"banned\":%s,\"weight\":%u,\"cap\":%u,\"fps\":%u,\"max_fps\":%u,"
		 "\"memory_limit_mib\":%u,\"entitled_permille\":%u,", v->domid, v->name, v->devid,
		 v->state ? v->state : "connected", v->banned ? "true" : "false",
		 v->weight ? v->weight : 256, v->cap, v->fps, v->max_fps, v->memory_limit_mib,
		 v->entitled_permille);
	fake_counters(text, v);
	fake_add(text, ",\"latency_us\":[%s],\"session_list\":[%s]}",
		 v->latency ? v->latency : "", v->sessions ? v->sessions : "");
}

/* fake_stats() - the whole answer into FAKE_BYTES octets, with its newline. */
static inline char *fake_stats(char *text, const struct fake_stats *s)
{
	const char *policy = s->policy ? s->policy : "credit";
	size_t i;

	text[0] = '\0';
	fake_add(text, "{\"renderer\":\"llvmpipe (LLVM 15)\",");
	if (s->error)
		fake_add(text, "\"error\":\"%s\",", s->error);
	fake_add(text, "\"supervisor\":{\"domid\":%u,\"uptime_s\":%ju,\"map_refused\":0,"
		 "\"open_descriptors\":20,\"workers_starting\":0,\"workers_warm\":2,"
		 "\"workers_bound\":1,\"workers_dying\":0,\"workers_started\":9,"
		 "\"workers_dead\":2,\"workers_failed\":0,\"workers_killed\":1},",
		 s->domid, (uintmax_t)s->uptime_s);
	fake_add(text, "\"sched\":{\"policy\":\"%s\",\"effective\":\"%s\",\"reason\":\"%s\","
		 "\"slice_us\":1000,\"ratelimit_us\":500,\"clock\":\"cpu\",\"capacity\":%u,"
		 "\"now_ns\":%ju,\"gpu_ns\":%ju,\"contended_ns\":%ju},\"devices\":[", policy,
		 s->effective ? s->effective : policy, s->reason ? s->reason : "",
		 s->capacity ? s->capacity : 1, (uintmax_t)s->now_ns, (uintmax_t)s->gpu_ns,
		 (uintmax_t)s->contended_ns);
	for (i = 0; i < s->n; i++) {
		fake_add(text, i ? "," : "");
		fake_one(text, &s->vgpu[i]);
	}
	fake_add(text, "],\"bans\":[]}\n");
	return text;
}

#endif
