/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The worker's cage, closed in two steps: what does not disturb a renderer before it starts, and
 * the rest when it runs and nothing of a guest has been seen. What is done for a worker before it
 * is executed (user id, name spaces, limits) is in sup_spawn.c and sup_cage.c.
 */
#ifndef BACKEND_WRK_CAGE_H
#define BACKEND_WRK_CAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl.h"

/*
 * wrk_cage_begin() - before the first thread: no capability, and Landlock: nothing in the file
 * system may be written (but devices), made or executed, no TCP, no signal to anybody outside.
 * @ctl_fd: the supervisor is told there, by UNCAGED, what could not be had, and the log.
 * Returns the parts that are had, enum ctl_cage.
 */
uint32_t wrk_cage_begin(int ctl_fd);

/*
 * wrk_cage_leave() - leave the file system, all threads of this process: what is left is an empty
 * directory. Nothing can be opened after it, so the renderer must have what it needs.
 */
uint32_t wrk_cage_leave(int ctl_fd);

/*
 * wrk_cage_close() - wrk_cage_leave(), and no system call any more but those of the table in
 * wrk_calls.c, for all threads.
 * @stats: where the number of the call that kills the worker is left; NULL for nowhere.
 * @makes_code: the renderer compiles shaders to this processor's machine code.
 */
uint32_t wrk_cage_close(int ctl_fd, struct ctl_stats *stats, bool makes_code);

/*
 * wrk_calls_restrict() - the system calls' part of wrk_cage_close().
 * @what: set on failure: what failed.
 * Returns 0 or -errno; after a failure nothing is restricted.
 */
int wrk_calls_restrict(struct ctl_stats *stats, bool makes_code, const char **what);

#endif
