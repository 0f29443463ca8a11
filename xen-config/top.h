/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guests did with the GPU between two answers of xengpud: the rows of `xengpu top`.
 */
#ifndef CONFIG_TOP_H
#define CONFIG_TOP_H

#include "sample.h"

/* Those that can be sorted by; xengpu top's columns in their order. */
enum top_column {
	TOP_NAME,
	TOP_ID,
	TOP_STATE,
	TOP_GPU,
	TOP_SHARE,
	TOP_ENTITLED,
	TOP_FPS,
	TOP_SUBMITS,
	TOP_QUEUE,
	TOP_P50,
	TOP_P99,
	TOP_HELD,
	TOP_MEMORY,
	TOP_LIMITS,
	TOP_N_COLUMNS,
};

/* Of a vgpu, or of a session of it. What is "of the interval" is 0 before there is one. */
struct top_row {
	char name[SAMPLE_NAME_BYTES];
	uint16_t domid;
	uint16_t devid;
	int64_t id;			/* of the session; -1 for a vgpu */
	char state[SAMPLE_WORD_BYTES];	/* "banned" before all others */
	double gpu_percent;		/* of what the GPU could do in the interval */
	double share_percent;		/* of what it did */
	double entitled_percent;	/* 0 for a session */
	double fps;
	double submits_s;
	uint64_t queue;			/* fences in flight, now */
	double p50_ms, p99_ms;		/* of the interval, at most so; below 0: no frame ended, or a session */
	double held_percent;		/* sessions waited for the arbiter; of several, the sum */
	uint64_t memory_bytes;		/* now */
	uint32_t memory_limit_mib;	/* 0: none */
	uint64_t limits;		/* met in the interval: the sum, and which */
	uint64_t limit[SAMPLE_N_LIMITS];
	size_t n_sessions;
	struct top_row *session;
};

struct top {
	bool restarted;			/* there was another xengpud before */
	double interval_s;		/* 0: nothing to compare with */
	double gpu_percent;		/* all guests together */
	double contended_percent;	/* of the interval, several wanted it */
	size_t n;
	struct top_row *row;
};

/*
 * top_compute() - compare two answers. A counter that went back began anew within the interval, as
 * all of a vgpu that @before does not have did.
 * @before: NULL when there is none yet: nothing of the interval is known.
 * @out:    set on success only; release with top_free().
 * Returns 0; -ENOMEM.
 */
int top_compute(const struct sample *before, const struct sample *now, struct top **out);

/* top_free() - NULL is no error. */
void top_free(struct top *top);

/*
 * top_sort() - sessions within their vgpu, too. Numbers begin with the highest, texts and ids with the
 * lowest; with @reverse it is the other way about. Equal ones stay in the order of their ids.
 */
void top_sort(struct top *top, enum top_column column, bool reverse);

/* top_column_name(), top_column_find() - "gpu" and so on; TOP_N_COLUMNS, there is none of that name. */
const char *top_column_name(enum top_column column);
enum top_column top_column_find(const char *name);

#endif
