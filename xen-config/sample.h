/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One answer of xengpud to the question "stats", as numbers: what `xengpu sched` shows and what two
 * of `xengpu top` are compared by. Counters grow since a vgpu was attached, or xengpud was started.
 */
#ifndef CONFIG_SAMPLE_H
#define CONFIG_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "why.h"

#define SAMPLE_NAME_BYTES	64u
#define SAMPLE_WORD_BYTES	24u
#define SAMPLE_TEXT_BYTES	256u

enum sample_limit {
	SAMPLE_LIMIT_MEMORY,
	SAMPLE_LIMIT_CONTEXTS,
	SAMPLE_LIMIT_RESOURCES,
	SAMPLE_LIMIT_BUFFERS,
	SAMPLE_LIMIT_INFLIGHT,
	SAMPLE_LIMIT_FPS,
	SAMPLE_N_LIMITS,
};

/* Of a vgpu, or of one of its sessions. */
struct sample_counters {
	uint64_t gpu_ns;
	uint64_t held_ns;		/* requests waited for the arbiter */
	uint64_t submits;
	uint64_t fences;		/* a fence is a frame */
	uint64_t limit[SAMPLE_N_LIMITS];	/* how often it was met */
	uint64_t fences_in_flight;	/* now */
	uint64_t memory_bytes;		/* now */
};

struct sample_session {
	uint32_t session;
	char state[SAMPLE_WORD_BYTES];
	struct sample_counters c;	/* 0 while it has no worker */
};

struct sample_bucket {
	double end_us;
	uint64_t count;			/* of this bucket alone */
};

struct sample_vgpu {
	uint16_t domid;
	uint16_t devid;
	char name[SAMPLE_NAME_BYTES];
	char state[SAMPLE_WORD_BYTES];
	bool banned;
	uint32_t weight, cap;
	uint32_t fps, max_fps;		/* 0, not given */
	uint32_t memory_limit_mib;	/* 0, none */
	uint32_t entitled_permille;	/* among those that want the GPU now */
	struct sample_counters c;
	size_t n_buckets;
	struct sample_bucket *bucket;	/* latency; ends ascend */
	size_t n_sessions;
	struct sample_session *session;
};

struct sample_sched {
	char policy[SAMPLE_WORD_BYTES];
	char effective[SAMPLE_WORD_BYTES];	/* differs with policy auto */
	char reason[SAMPLE_TEXT_BYTES];		/* ... and this is why */
	char clock[SAMPLE_WORD_BYTES];		/* what GPU time is told by */
	uint32_t slice_us, ratelimit_us;
	uint32_t capacity;		/* GPU time in a unit of time: processors, for llvmpipe; 1.. */
	uint64_t now_ns;		/* monotonic */
	uint64_t gpu_ns;		/* of all, since the start */
	uint64_t contended_ns;
};

struct sample {
	char renderer[SAMPLE_TEXT_BYTES];
	char error[SAMPLE_TEXT_BYTES];	/* why there is no renderer; "" */
	uint16_t domid;			/* where this xengpud is */
	uint64_t uptime_s;
	struct sample_sched sched;
	size_t n;
	struct sample_vgpu *vgpu;
};

/*
 * sample_parse() - read an answer. Texts are fit for a terminal afterwards.
 * @out: set on success only; release with sample_free().
 * Returns 0; -EINVAL, @why names what is missing; -ENOMEM.
 */
int sample_parse(const char *text, struct sample **out, char *why);

/* sample_free() - NULL is no error. */
void sample_free(struct sample *s);

/* sample_find() - a vgpu of an answer, or NULL. */
const struct sample_vgpu *sample_find(const struct sample *s, uint16_t domid, uint16_t devid);

/* sample_limit_name() - "memory" and so on. */
const char *sample_limit_name(enum sample_limit limit);

#endif
