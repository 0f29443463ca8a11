/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much GPU time this process has used, by what the driver gives:
 *
 *	cpu	the process's own processor time, where that is what renders. (Timer queries of GL see
 *		the last tile only on llvmpipe.)
 *	fdinfo	the kernel's account of each DRM client, in /proc/self/fdinfo; see the kernel's
 *		Documentation/gpu/drm-usage-stats.rst
 *	fences	neither: the caller takes the intervals between fences
 */
#ifndef BACKEND_GPU_TIME_H
#define BACKEND_GPU_TIME_H

#include <stdbool.h>
#include <stdint.h>

#define GPU_TIME_MAX_FDS	8u

/* What one descriptor's fdinfo says. */
struct gpu_time_info {
	bool is_drm;
	uint64_t client;
	char pdev[32];
	bool has_ns;
	uint64_t ns;			/* of all engines */
	uint64_t cycles;		/* ... of all engines, where there is no ns */
	uint64_t total_cycles;		/* of the GPU's clock; 0 where it is not told */
};

struct gpu_time {
	const char *clock;		/* "cpu", "fdinfo" or "fences" */
	unsigned int n_fds;
	int fd[GPU_TIME_MAX_FDS];	/* files in /proc/self/fdinfo, one for each DRM client */
	uint64_t read_at_ns;
	uint64_t busy_ns;		/* the most that was seen: drivers' figures may go back */
	/* to make time out of cycles: */
	uint64_t last_cycles, last_total, last_at_ns;
};

/* gpu_time_parse() - read the text of an fdinfo file. */
void gpu_time_parse(const char *text, struct gpu_time_info *out);

/*
 * gpu_time_open() - find out what there is; the renderer has opened its devices.
 * @t: release with gpu_time_close().
 */
void gpu_time_open(struct gpu_time *t, bool on_cpu);
void gpu_time_close(struct gpu_time *t);

/* gpu_time_busy_ns() - GPU time used so far; does not decrease. Not for "fences". */
uint64_t gpu_time_busy_ns(struct gpu_time *t);

#endif
