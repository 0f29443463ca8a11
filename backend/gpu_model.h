/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine "model": a deterministic GPU for tests and benchmarks of scheduling. Its commands say
 * how long they take, and take that long in real time. There is one engine, which all workers of a
 * xengpud share: first come, first served, and what was begun is not interrupted. It draws nothing.
 *
 * No service offers it: xengpud serves it with --gpu=model --allow-model only. A guest sees capset
 * VGPUIF_CAPSET_MODEL, whose content is struct gpu_model_caps.
 *
 * A submit is a sequence of commands, in 32-bit words:
 *
 *	GPU_MODEL_NOP						takes no time
 *	GPU_MODEL_RUN, tag, low and high half of nanoseconds	occupies the engine for so long
 *
 * and occupies the engine once, for the sum of them. A submit with an unknown or a truncated
 * command, one that takes longer than GPU_MODEL_MAX_RUN_NS, and one that would end later than
 * GPU_MODEL_MAX_QUEUE_NS from now are refused (-EIO) and take no time. A fence is done when
 * everything submitted to its context before is.
 *
 * The engine is memory that the supervisor makes and workers map, struct gpu_model_mem. To submit
 * is to move free_at_ns on by as long as the submit takes; nobody can take that back, so what a
 * worker queued occupies the engine even when the worker dies. The memory also has a trace of who
 * had the engine when. A benchmark that is root reads it through /proc/PID/fd of xengpud: the
 * descriptor whose link is "/memfd:" GPU_MODEL_MEM_NAME " (deleted)". What is in there is not
 * protected from workers, which is one reason more why no service offers it.
 */
#ifndef BACKEND_GPU_MODEL_H
#define BACKEND_GPU_MODEL_H

#include <stddef.h>
#include <stdint.h>

#define GPU_MODEL_MEM_NAME	"xengpu-model"

#define GPU_MODEL_NOP		0u
#define GPU_MODEL_RUN		1u
#define GPU_MODEL_RUN_WORDS	4u

#define GPU_MODEL_MAX_RUN_NS	UINT64_C(10000000000)
#define GPU_MODEL_MAX_QUEUE_NS	UINT64_C(60000000000)

/* gpu_model_run() - write the command into @words; returns how many those are. */
static inline uint32_t gpu_model_run(uint32_t *words, uint64_t ns, uint32_t tag)
{
	words[0] = GPU_MODEL_RUN;
	words[1] = tag;
	words[2] = (uint32_t)ns;
	words[3] = (uint32_t)(ns >> 32);
	return GPU_MODEL_RUN_WORDS;
}

struct gpu_model_caps {
	uint32_t version;		/* 1 */
	uint32_t reserved;
	uint64_t max_run_ns;
	uint64_t max_queue_ns;
};

/* Times are of CLOCK_MONOTONIC. */
struct gpu_model_trace {
	uint64_t serial;		/* 1 + how many came before; written last */
	uint64_t start_ns;
	uint64_t end_ns;
	uint32_t pid;			/* the worker's */
	uint32_t tag;			/* the first RUN's */
};

#define GPU_MODEL_MAGIC		UINT64_C(0x316c65646f6d7867)	/* "gxmodel1" */
#define GPU_MODEL_TRACES	65536u

/*
 * The trace of serial s is at (s - 1) % GPU_MODEL_TRACES. Whoever reads takes those whose serial is
 * the one expected before and after; one that never comes is of a worker that was killed there.
 * Neighbours may be in the wrong order.
 */
struct gpu_model_mem {
	uint64_t magic;
	uint64_t n_traces;		/* GPU_MODEL_TRACES */
	uint64_t free_at_ns;		/* from when on nothing is queued */
	uint64_t serial;		/* the last one given out */
	struct gpu_model_trace trace[GPU_MODEL_TRACES];
};

_Static_assert(sizeof(struct gpu_model_trace) == 32 &&
	       offsetof(struct gpu_model_mem, trace) == 32, "benchmarks read this from Python");

#endif
