// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters: out of the memory that workers write, summed over sessions, as JSON. A worker's numbers
 * are its own claims; what the supervisor counted itself is under "supervisor", and a device's
 * pages_mapped.
 */
#include <dirent.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "sup.h"
#include "sup_cage.h"
#include "sup_cgroup.h"

enum how {
	HOW_SUM,		/* grows; sums go on when a session has ended */
	HOW_NOW,		/* how much there is now */
	HOW_MAX,
};

static const struct counter {
	const char *name;
	size_t offset;
	enum how how;
} counters[] = {
#define COUNTER(member, how_)	{ #member, offsetof(struct ctl_stats, member), how_ }
	COUNTER(requests, HOW_SUM),
	COUNTER(responses, HOW_SUM),
	COUNTER(errors, HOW_SUM),
	COUNTER(submits, HOW_SUM),
	COUNTER(fences, HOW_SUM),
	COUNTER(events_in, HOW_SUM),
	COUNTER(notifies_out, HOW_SUM),
	COUNTER(map_ops, HOW_SUM),
	COUNTER(unmap_ops, HOW_SUM),
	COUNTER(pages_mapped, HOW_NOW),
	COUNTER(pages_mapped_max, HOW_MAX),
	COUNTER(command_bytes, HOW_SUM),
	COUNTER(command_bytes_copied, HOW_SUM),
	COUNTER(surface_bytes_copied, HOW_SUM),
	COUNTER(transfers, HOW_SUM),
	COUNTER(contexts, HOW_NOW),
	COUNTER(resources, HOW_NOW),
	COUNTER(buffers, HOW_NOW),
	COUNTER(calls, HOW_SUM),
	COUNTER(fences_in_flight, HOW_NOW),
	COUNTER(fences_retired, HOW_SUM),
	COUNTER(gpu_ns, HOW_SUM),
	COUNTER(queued_ns, HOW_NOW),
	COUNTER(last_work_ns, HOW_MAX),
	COUNTER(held_ns, HOW_SUM),
	COUNTER(memory_bytes, HOW_NOW),
	COUNTER(limit_memory, HOW_SUM),
	COUNTER(limit_contexts, HOW_SUM),
	COUNTER(limit_resources, HOW_SUM),
	COUNTER(limit_buffers, HOW_SUM),
	COUNTER(limit_inflight, HOW_SUM),
	COUNTER(limit_fps, HOW_SUM),
	COUNTER(shaders_found, HOW_SUM),
	COUNTER(shaders_compiled, HOW_SUM),
#undef COUNTER
};

#define N_COUNTERS	(sizeof(counters) / sizeof(counters[0]))
_Static_assert(offsetof(struct ctl_stats, latency) == N_COUNTERS * sizeof(uint64_t),
	       "a counter of ctl_stats is missing here");

static uint64_t *member(struct ctl_stats *stats, size_t i)
{
	return (uint64_t *)(void *)((char *)stats + counters[i].offset);
}

static uint64_t value(const struct ctl_stats *stats, size_t i)
{
	return *(const uint64_t *)(const void *)((const char *)stats + counters[i].offset);
}

void sup_stats_read(const struct sup_worker *w, struct ctl_stats *out)
{
	size_t i;

	for (i = 0; i < N_COUNTERS; i++)
		*member(out, i) = __atomic_load_n((const uint64_t *)(const void *)
						  ((const char *)w->stats + counters[i].offset),
						  __ATOMIC_RELAXED);
	for (i = 0; i < CTL_LATENCY_BUCKETS; i++)
		out->latency[i] = __atomic_load_n(&w->stats->latency[i], __ATOMIC_RELAXED);
}

void sup_stats_add(struct ctl_stats *sum, const struct ctl_stats *more, bool now)
{
	uint64_t *to, add;
	size_t i;

	for (i = 0; i < N_COUNTERS; i++) {
		to = member(sum, i);
		add = value(more, i);
		if (counters[i].how == HOW_SUM || (counters[i].how == HOW_NOW && now))
			*to += add;
		else if (counters[i].how == HOW_MAX && add > *to)
			*to = add;
	}
	for (i = 0; i < CTL_LATENCY_BUCKETS; i++)
		sum->latency[i] += more->latency[i];
}

static void add_number(struct json_object *o, const char *name, uint64_t number)
{
	json_object_object_add(o, name, json_object_new_int64(number > INT64_MAX ? INT64_MAX :
							      (int64_t)number));
}

static void add_text(struct json_object *o, const char *name, const char *text)
{
	char clean[CTL_MAX_TEXT];
	size_t i;

	/* JSON is UTF-8; a worker's text need not be. */
	for (i = 0; text[i] && i < sizeof(clean) - 1; i++)
		clean[i] = (unsigned char)text[i] < 0x20 || (unsigned char)text[i] >= 0x7f ? '?' :
											text[i];
	clean[i] = '\0';
	json_object_object_add(o, name, json_object_new_string(clean));
}

static void add_counters(struct json_object *o, const struct ctl_stats *stats)
{
	size_t i;

	for (i = 0; i < N_COUNTERS; i++)
		add_number(o, counters[i].name, value(stats, i));
}

/* Of the buckets that have any: [end in microseconds, how many]. */
static struct json_object *latency_json(const struct ctl_stats *stats)
{
	struct json_object *list = json_object_new_array(), *pair;
	unsigned int i;

	for (i = 0; i < CTL_LATENCY_BUCKETS; i++) {
		if (!stats->latency[i])
			continue;
		pair = json_object_new_array();
		json_object_array_add(pair, json_object_new_double((double)ctl_latency_end_ns(i) /
								   1000.0));
		json_object_array_add(pair, json_object_new_int64((int64_t)stats->latency[i]));
		json_object_array_add(list, pair);
	}
	return list;
}

static struct json_object *session_json(const struct sup_session *s, struct ctl_stats *sum)
{
	struct json_object *o = json_object_new_object();
	struct ctl_stats stats = { 0 };

	add_number(o, "session", s->index);
	add_text(o, "state", fsm_ses_state_name(s->state));
	if (s->error[0])
		add_text(o, "error", s->error);
	if (!s->worker)
		return o;
	sup_stats_read(s->worker, &stats);
	sup_stats_add(sum, &stats, true);
	add_number(o, "pid", (uint64_t)s->worker->pid);
	add_text(o, "renderer", s->worker->ready.renderer);
	add_counters(o, &stats);
	json_object_object_del(o, "pages_mapped");
	add_number(o, "pages_mapped", s->worker->pages_mapped);
	return o;
}

static void add_scheduling(struct json_object *o, const struct sup_device *dev)
{
	add_number(o, "weight", dev->guest.weight);
	add_number(o, "cap", dev->guest.cap);
	add_number(o, "fps", dev->guest.fps);
	add_number(o, "entitled_permille", arb_entitled_permille(&dev->sup->arb, &dev->guest));
}

static void add_cage(struct json_object *o, const struct sup_pool *pool)
{
	char *text = cage_text(pool->uncaged);

	/* Nothing is known before the first worker. */
	add_text(o, "cage", !pool->ready.renderer[0] ? "" : text ? text : "unknown");
	free(text);
	if (pool->uncaged_why[0])
		add_text(o, "cage_reason", pool->uncaged_why);
}

static struct json_object *device_json(const struct sup_device *dev)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct ctl_stats sum = dev->ended;
	uint64_t pages = 0;
	uint32_t i;

	for (i = 0; i < SUP_MAX_SESSIONS; i++) {
		const struct sup_session *s = dev->sessions[i];

		if (!s)
			continue;
		json_object_array_add(list, session_json(s, &sum));
		if (s->worker)
			pages += s->worker->pages_mapped;
	}
	add_number(o, "domid", dev->dom->domid);
	add_text(o, "name", dev->dom->name);
	add_number(o, "devid", dev->devid);
	add_text(o, "state", fsm_dev_state_name(dev->state));
	add_text(o, "renderer", dev->sup->pool.ready.renderer);
	add_cage(o, &dev->sup->pool);
	add_number(o, "sessions", dev->n_open);
	add_number(o, "sessions_total", dev->sessions_total);
	add_number(o, "workers_died", dev->workers_died);
	add_number(o, "losses", ban_losses(dev->dom));
	json_object_object_add(o, "banned", json_object_new_boolean(ban_reason(dev->dom) != NULL));
	add_scheduling(o, dev);
	add_counters(o, &sum);
	json_object_object_del(o, "pages_mapped");
	add_number(o, "pages_mapped", pages);
	add_number(o, "memory_limit_mib", dev->limits.memory_mib);
	add_number(o, "memory_allowed_bytes", dev->memory_allowed);
	add_number(o, "inflight_limit_mib", dev->limits.inflight_mib);
	add_number(o, "max_fps", dev->limits.max_fps);
	json_object_object_add(o, "latency_us", latency_json(&sum));
	json_object_object_add(o, "session_list", list);
	return o;
}

static struct json_object *sched_json(const struct sup *sup)
{
	const struct arb *arb = &sup->arb;
	struct json_object *o = json_object_new_object();
	const uint64_t now_ns = loop_now_ns();

	add_text(o, "policy", arb_policy_name(arb->policy));
	add_text(o, "effective", arb_policy_name(arb->effective));
	add_text(o, "reason", arb->reason);
	add_number(o, "slice_us", arb->slice_ns / 1000);
	add_number(o, "ratelimit_us", arb->ratelimit_ns / 1000);
	add_text(o, "clock", sup->pool.ready.clock);
	add_number(o, "capacity", arb->capacity);
	add_number(o, "now_ns", now_ns);
	add_number(o, "gpu_ns", arb->gpu_ns);
	add_number(o, "contended_ns", arb->contended_ns +
		   (arb->gated ? now_ns - arb->gated_since_ns : 0));
	return o;
}

static uint64_t open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t n = 0;

	if (!dir)
		return 0;
	while (readdir(dir))
		n++;
	closedir(dir);
	/* ".", ".." and the directory itself. */
	return n > 3 ? n - 3 : 0;
}

static struct json_object *supervisor_json(const struct sup *sup)
{
	const struct sup_pool *pool = &sup->pool;
	const uint32_t *n = pool->n_in_state;
	struct json_object *o = json_object_new_object();

	add_number(o, "domid", sup->domid);
	add_number(o, "uptime_s", (loop_now_ns() - sup->started_ns) / 1000000000u);
	add_number(o, "map_calls", sup->map_calls);
	add_number(o, "map_pages", sup->map_pages);
	add_number(o, "map_refused", sup->map_refused);
	add_number(o, "watch_events", sup->watch_events);
	add_number(o, "open_descriptors", open_descriptors());
	add_number(o, "worker_memory_mib", sup->cfg.worker_memory_mib);
	add_text(o, "worker_memory_by", cgroup_used() ? "control group" : "RLIMIT_DATA");
	add_number(o, "workers_kept", sup->cfg.warm);
	add_number(o, "workers_starting", n[WORKER_STARTING]);
	add_number(o, "workers_warm", n[WORKER_WARM]);
	add_number(o, "workers_bound", n[WORKER_BINDING] + n[WORKER_SERVING] + n[WORKER_CLOSING]);
	add_number(o, "workers_dying", n[WORKER_DYING]);
	add_number(o, "workers_started", pool->n_started);
	add_number(o, "workers_dead", pool->n_died);
	add_number(o, "workers_failed", pool->n_failed);
	add_number(o, "workers_killed", pool->n_killed);
	return o;
}

char *sup_stats_json(struct sup *sup)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct sup_device *dev;
	char *text;

	add_text(o, "renderer", sup->pool.ready.renderer);
	add_cage(o, &sup->pool);
	if (sup->pool.down)
		add_text(o, "error", sup->pool.why);
	json_object_object_add(o, "supervisor", supervisor_json(sup));
	TAILQ_FOREACH(dev, &sup->devices, link)
		arb_charge(&sup->arb, &dev->guest);
	json_object_object_add(o, "sched", sched_json(sup));
	TAILQ_FOREACH(dev, &sup->devices, link)
		json_object_array_add(list, device_json(dev));
	json_object_object_add(o, "devices", list);
	json_object_object_add(o, "bans", ban_json(sup));
	text = strdup(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
						     JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return text;
}
