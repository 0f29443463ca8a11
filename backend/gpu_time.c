// SPDX-License-Identifier: GPL-2.0-only
/* GPU time by what the driver gives; see gpu_time.h. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gpu_time.h"

#define READ_EVERY_NS	500000u		/* an fdinfo file costs the kernel a walk of its contexts */
#define TEXT_BYTES	4096u

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* "drm-engine-render:\t12345 ns"; the name's rest must not be a key of its own. */
static void take_line(const char *key, const char *value, struct gpu_time_info *out)
{
	const uint64_t number = strtoull(value, NULL, 10);

	if (!strcmp(key, "drm-driver")) {
		out->is_drm = true;
	} else if (!strcmp(key, "drm-client-id")) {
		out->client = number;
	} else if (!strcmp(key, "drm-pdev")) {
		snprintf(out->pdev, sizeof(out->pdev), "%.31s", value);
	} else if (!strncmp(key, "drm-engine-capacity-", 20)) {
		return;
	} else if (!strncmp(key, "drm-engine-", 11)) {
		out->has_ns = true;
		out->ns += number;
	} else if (!strncmp(key, "drm-total-cycles-", 17)) {
		/* The same clock for all engines. */
		if (number > out->total_cycles)
			out->total_cycles = number;
	} else if (!strncmp(key, "drm-cycles-", 11)) {
		out->cycles += number;
	}
}

void gpu_time_parse(const char *text, struct gpu_time_info *out)
{
	char copy[TEXT_BYTES], *rest = copy, *line, *colon;

	memset(out, 0, sizeof(*out));
	snprintf(copy, sizeof(copy), "%s", text);
	while ((line = strsep(&rest, "\n"))) {
		colon = strchr(line, ':');
		if (!colon)
			continue;
		*colon++ = '\0';
		take_line(line, colon + strspn(colon, " \t"), out);
	}
}

static bool read_info(int fd, struct gpu_time_info *out)
{
	char text[TEXT_BYTES];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return false;
	text[n] = '\0';
	gpu_time_parse(text, out);
	return out->is_drm;
}

/* Descriptors that are copies of one another name the same client. */
static bool is_known(const struct gpu_time *t, const struct gpu_time_info *info)
{
	struct gpu_time_info other;
	unsigned int i;

	for (i = 0; i < t->n_fds; i++)
		if (read_info(t->fd[i], &other) && other.client == info->client &&
		    !strcmp(other.pdev, info->pdev))
			return true;
	return false;
}

static void find_clients(struct gpu_time *t)
{
	DIR *dir = opendir("/proc/self/fdinfo");
	struct gpu_time_info info;
	struct dirent *entry;
	int fd;

	while (dir && t->n_fds < GPU_TIME_MAX_FDS && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read_info(fd, &info) && (info.has_ns || info.total_cycles) &&
		    !is_known(t, &info))
			t->fd[t->n_fds++] = fd;
		else
			close(fd);
	}
	if (dir)
		closedir(dir);
}

void gpu_time_open(struct gpu_time *t, bool on_cpu)
{
	memset(t, 0, sizeof(*t));
	if (on_cpu) {
		t->clock = "cpu";
		return;
	}
	find_clients(t);
	t->clock = t->n_fds ? "fdinfo" : "fences";
}

void gpu_time_close(struct gpu_time *t)
{
	while (t->n_fds)
		close(t->fd[--t->n_fds]);
}

/*
 * Cycles are of a clock whose rate nobody tells, but the kernel says how many went by in all: what
 * fraction of them was ours is the fraction of real time that was.
 */
static uint64_t from_cycles(struct gpu_time *t, uint64_t cycles, uint64_t total, uint64_t now_ns)
{
	uint64_t ns = 0;

	if (t->last_total && total > t->last_total && cycles > t->last_cycles)
		ns = (uint64_t)((double)(cycles - t->last_cycles) /
				(double)(total - t->last_total) *
				(double)(now_ns - t->last_at_ns));
	if (!t->last_total || total > t->last_total) {
		t->last_cycles = cycles;
		t->last_total = total;
		t->last_at_ns = now_ns;
	}
	return ns;
}

uint64_t gpu_time_busy_ns(struct gpu_time *t)
{
	uint64_t now_ns, ns = 0, cycles = 0, total = 0;
	struct gpu_time_info info;
	bool has_ns = false;
	unsigned int i;

	if (!t->n_fds)
		return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	now_ns = clock_ns(CLOCK_MONOTONIC);
	if (now_ns - t->read_at_ns < READ_EVERY_NS)
		return t->busy_ns;
	t->read_at_ns = now_ns;
	for (i = 0; i < t->n_fds; i++) {
		if (!read_info(t->fd[i], &info))
			continue;
		has_ns |= info.has_ns;
		ns += info.ns;
		cycles += info.cycles;
		if (info.total_cycles > total)
			total = info.total_cycles;
	}
	if (!has_ns)
		ns = t->busy_ns + from_cycles(t, cycles, total, now_ns);
	if (ns > t->busy_ns)
		t->busy_ns = ns;
	return t->busy_ns;
}
