/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A control group (cgroup v2) for each worker, so that one that takes too much memory is the only
 * one that pays for it. Where there are none, a resource limit does a part of that: see
 * cage_limits().
 */
#ifndef BACKEND_SUP_CGROUP_H
#define BACKEND_SUP_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl.h"

/*
 * cgroup_start() - find where workers' groups are made.
 * @where: "delegated", our own group, which is ours to divide (Delegate= in the unit): we move into
 *         a group "supervisor" below it; or an absolute path, a group that was made for this.
 * @memory_mib: what a worker may take.
 * @why: CTL_MAX_TEXT octets; set on failure: what, and the remedy.
 * Returns 0 or -errno.
 */
int cgroup_start(const char *where, uint32_t memory_mib, char *why);

/* cgroup_used() - whether cgroup_start() was called and succeeded. */
bool cgroup_used(void);

/*
 * cgroup_make() - a group for the worker of a slot, empty, with its limit.
 * Returns 0, also where groups are not used; or -errno.
 */
int cgroup_make(uint32_t slot);

/* cgroup_enter() - in the worker, before it is executed. Returns 0 or -errno. */
int cgroup_enter(uint32_t slot);

/* cgroup_out_of_memory() - whether the kernel has killed for the group's limit. */
bool cgroup_out_of_memory(uint32_t slot);

/* cgroup_remove() - the worker is dead and waited for; at once, or as soon as it can be. */
void cgroup_remove(uint32_t slot);

/* cgroup_finish() - those that could not be removed at once; waits for half a second at most. */
void cgroup_finish(void);

#endif
