// SPDX-License-Identifier: GPL-2.0-only
/*
 * The metrics' names; see metrics_table.h. They are for good: dashboards and alerts know them.
 */
#include "metrics_table.h"

#define LIMIT(what)										\
	{ "xengpu_vgpu_limits_met", NULL, METRICS_COUNTER, NULL, "limit_" what, METRICS_AS_IT_IS,		\
	  "limit=\"" what "\"", "How often a limit of the vgpu was met." }
#define WORKERS(state)										\
	{ "xengpu_workers", NULL, METRICS_GAUGE, "supervisor", "workers_" state, METRICS_AS_IT_IS,		\
	  "state=\"" state "\"", "Workers by what they do." }

const struct metrics_row metrics_host[] = {
	{ "xengpu_backend", NULL, METRICS_INFO, NULL, NULL, METRICS_ONE, NULL, "What draws, and how GPU time is told." },
	{ "xengpu_policy", NULL, METRICS_INFO, NULL, NULL, METRICS_ONE, NULL,
	  "The policy that was chosen, and the one in force." },
	{ "xengpu_uptime_seconds", "seconds", METRICS_GAUGE, "supervisor", "uptime_s", METRICS_AS_IT_IS, NULL,
	  "Since xengpud was started." },
	{ "xengpu_gpu_capacity", NULL, METRICS_GAUGE, "sched", "capacity", METRICS_AS_IT_IS, NULL,
	  "GPU time in a unit of time: processors, where the processor draws." },
	{ "xengpu_gpu_time_seconds", "seconds", METRICS_COUNTER, "sched", "gpu_ns", METRICS_NANOSECONDS, NULL,
	  "GPU time of all guests." },
	{ "xengpu_contended_seconds", "seconds", METRICS_COUNTER, "sched", "contended_ns", METRICS_NANOSECONDS, NULL,
	  "Time in which several guests wanted the GPU." },
	{ "xengpu_slice_seconds", "seconds", METRICS_GAUGE, "sched", "slice_us", METRICS_MICROSECONDS, NULL,
	  "GPU time that a guest gets at a time while others wait." },
	{ "xengpu_ratelimit_seconds", "seconds", METRICS_GAUGE, "sched", "ratelimit_us", METRICS_MICROSECONDS, NULL,
	  "How long a guest keeps the GPU at least." },
	{ "xengpu_banned_domains", NULL, METRICS_GAUGE, NULL, "bans", METRICS_LENGTH, NULL,
	  "Domains that get no vgpu because of crashes or hangs." },
	WORKERS("starting"),
	WORKERS("warm"),
	WORKERS("bound"),
	WORKERS("dying"),
	{ "xengpu_workers_started", NULL, METRICS_COUNTER, "supervisor", "workers_started", METRICS_AS_IT_IS, NULL,
	  "Workers that were started." },
	{ "xengpu_workers_dead", NULL, METRICS_COUNTER, "supervisor", "workers_dead", METRICS_AS_IT_IS, NULL,
	  "Workers that ended." },
	{ "xengpu_workers_failed", NULL, METRICS_COUNTER, "supervisor", "workers_failed", METRICS_AS_IT_IS, NULL,
	  "Workers that had no renderer." },
	{ "xengpu_workers_killed", NULL, METRICS_COUNTER, "supervisor", "workers_killed", METRICS_AS_IT_IS, NULL,
	  "Workers that were killed." },
	{ "xengpu_maps_refused", NULL, METRICS_COUNTER, "supervisor", "map_refused", METRICS_AS_IT_IS, NULL,
	  "Grants that were not mapped." },
	{ "xengpu_open_descriptors", NULL, METRICS_GAUGE, "supervisor", "open_descriptors", METRICS_AS_IT_IS, NULL,
	  "File descriptors of xengpud." },
};

const struct metrics_row metrics_vgpu[] = {
	{ "xengpu_vgpu_connected", NULL, METRICS_GAUGE, NULL, "state", METRICS_IS_CONNECTED, NULL,
	  "Whether the guest uses it." },
	{ "xengpu_vgpu_banned", NULL, METRICS_GAUGE, NULL, "banned", METRICS_TRUTH, NULL,
	  "Whether the domain is banned for crashes or hangs." },
	{ "xengpu_vgpu_sessions", NULL, METRICS_GAUGE, NULL, "sessions", METRICS_AS_IT_IS, NULL,
	  "GL programs that run." },
	{ "xengpu_vgpu_sessions_opened", NULL, METRICS_COUNTER, NULL, "sessions_total", METRICS_AS_IT_IS, NULL,
	  "GL programs that were started." },
	{ "xengpu_vgpu_workers_died", NULL, METRICS_COUNTER, NULL, "workers_died", METRICS_AS_IT_IS, NULL,
	  "Sessions whose worker was lost." },
	{ "xengpu_vgpu_weight", NULL, METRICS_GAUGE, NULL, "weight", METRICS_AS_IT_IS, NULL, "The key weight." },
	{ "xengpu_vgpu_cap_ratio", "ratio", METRICS_GAUGE, NULL, "cap", METRICS_PERCENT, NULL,
	  "The key cap, of one GPU; 0 is none." },
	{ "xengpu_vgpu_wanted_fps", NULL, METRICS_GAUGE, NULL, "fps", METRICS_AS_IT_IS, NULL,
	  "The key fps, frames a second; 0 is none." },
	{ "xengpu_vgpu_max_fps", NULL, METRICS_GAUGE, NULL, "max_fps", METRICS_AS_IT_IS, NULL,
	  "The key max_fps, frames a second of a session; 0 is none." },
	{ "xengpu_vgpu_memory_limit_bytes", "bytes", METRICS_GAUGE, NULL, "memory_limit_mib", METRICS_MEBIBYTES,
	  NULL, "The key memory; 0 is none." },
	{ "xengpu_vgpu_entitled_ratio", "ratio", METRICS_GAUGE, NULL, "entitled_permille", METRICS_PERMILLE, NULL,
	  "Share by weight among the guests that want the GPU now." },
	{ "xengpu_vgpu_gpu_time_seconds", "seconds", METRICS_COUNTER, NULL, "gpu_ns", METRICS_NANOSECONDS, NULL,
	  "GPU time." },
	{ "xengpu_vgpu_held_seconds", "seconds", METRICS_COUNTER, NULL, "held_ns", METRICS_NANOSECONDS, NULL,
	  "Time that requests waited for their turn or for a cap, over all sessions." },
	{ "xengpu_vgpu_submits", NULL, METRICS_COUNTER, NULL, "submits", METRICS_AS_IT_IS, NULL,
	  "Submits of commands." },
	{ "xengpu_vgpu_frames", NULL, METRICS_COUNTER, NULL, "fences", METRICS_AS_IT_IS, NULL,
	  "Frames, which are fences that the GPU passed." },
	{ "xengpu_vgpu_frames_in_flight", NULL, METRICS_GAUGE, NULL, "fences_in_flight", METRICS_AS_IT_IS, NULL,
	  "Frames that the GPU has not done." },
	{ "xengpu_vgpu_memory_bytes", "bytes", METRICS_GAUGE, NULL, "memory_bytes", METRICS_AS_IT_IS, NULL,
	  "GPU memory." },
	{ "xengpu_vgpu_mapped_bytes", "bytes", METRICS_GAUGE, NULL, "pages_mapped", METRICS_PAGES, NULL,
	  "The guest's pages that are mapped here." },
	LIMIT("memory"),
	LIMIT("contexts"),
	LIMIT("resources"),
	LIMIT("buffers"),
	LIMIT("inflight"),
	LIMIT("fps"),
	{ "xengpu_vgpu_requests", NULL, METRICS_COUNTER, NULL, "requests", METRICS_AS_IT_IS, NULL,
	  "Requests on the ring." },
	{ "xengpu_vgpu_errors", NULL, METRICS_COUNTER, NULL, "errors", METRICS_AS_IT_IS, NULL,
	  "Requests that were answered with an error." },
	{ "xengpu_vgpu_command_bytes", "bytes", METRICS_COUNTER, NULL, "command_bytes", METRICS_AS_IT_IS, NULL,
	  "Commands in submits." },
	{ "xengpu_vgpu_transfers", NULL, METRICS_COUNTER, NULL, "transfers", METRICS_AS_IT_IS, NULL,
	  "Transfers between surfaces and the guest's pages." },
	{ "xengpu_vgpu_contexts", NULL, METRICS_GAUGE, NULL, "contexts", METRICS_AS_IT_IS, NULL, "GL contexts." },
	{ "xengpu_vgpu_resources", NULL, METRICS_GAUGE, NULL, "resources", METRICS_AS_IT_IS, NULL,
	  "Textures, buffers and the like." },
};

const size_t metrics_n_host = sizeof(metrics_host) / sizeof(metrics_host[0]);
const size_t metrics_n_vgpu = sizeof(metrics_vgpu) / sizeof(metrics_vgpu[0]);
