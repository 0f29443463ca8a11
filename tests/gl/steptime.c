// SPDX-License-Identifier: GPL-2.0-only
/*
 * A clock that steps, for pictures that can be compared: preloaded into an unmodified program, it
 * answers the program's own clock_gettime(CLOCK_MONOTONIC) calls (not those of the libraries it
 * uses) with a time that grows by STEPTIME_US with every call, so an animation shows the same at
 * the n-th call everywhere. At call number STEPTIME_HOLD it creates the file STEPTIME_FILE and
 * waits for ever, so that what is on the screen can be taken.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>

static uintptr_t program_start, program_end;

/* The first object that dl_iterate_phdr() names is the program itself. */
static int find_program(struct dl_phdr_info *info, size_t bytes, void *arg)
{
	int i;

	(void)bytes;
	(void)arg;
	for (i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t at = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		if (!program_start || at < program_start)
			program_start = at;
		if (at + info->dlpi_phdr[i].p_memsz > program_end)
			program_end = at + info->dlpi_phdr[i].p_memsz;
	}
	return 1;
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

static void hold(void)
{
	const char *file = getenv("STEPTIME_FILE");
	int fd = file ? open(file, O_CREAT | O_WRONLY, 0600) : -1;

	if (fd >= 0)
		close(fd);
	for (;;)
		pause();
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	uintptr_t caller = (uintptr_t)__builtin_return_address(0);
	static unsigned long calls, step_us, hold_at;
	uint64_t us;

	if (!program_start) {
		dl_iterate_phdr(find_program, NULL);
		step_us = number("STEPTIME_US", 1000);
		hold_at = number("STEPTIME_HOLD", 0);
	}
	if (clock != CLOCK_MONOTONIC || caller < program_start || caller >= program_end)
		return (int)syscall(SYS_clock_gettime, clock, ts);
	if (++calls == hold_at)
		hold();
	us = 1000000 + (uint64_t)calls * step_us;
	ts->tv_sec = (time_t)(us / 1000000);
	ts->tv_nsec = (long)(us % 1000000) * 1000;
	return 0;
}
