/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Starting a worker process: what it is born with is all it ever gets for itself.
 */
#ifndef BACKEND_SUP_SPAWN_H
#define BACKEND_SUP_SPAWN_H

#include "sup.h"

struct spawned {
	pid_t pid;
	int pid_fd;
	int sock;
	const struct ctl_stats *stats;	/* mapped, read-only */
};

/*
 * spawn_worker() - start cfg->worker with descriptors 0..4 (and CTL_MODEL_FD where cfg->model_fd is
 * one, and CTL_CAGE_FD where there are name spaces) and a clean environment, as a user without
 * privilege, within limits and name spaces of its own, and bound to die with us. What of these
 * cannot be had it says by UNCAGED.
 * @slot: makes its user id, where each worker has one of its own.
 * @out: set on success only; all of it is the caller's.
 * Returns 0 or -errno. A program that cannot be executed says CTL_FAILED, as one that has no
 * renderer does.
 */
int spawn_worker(const struct sup_config *cfg, uint32_t slot, struct spawned *out);

/*
 * spawn_check() - whether cfg->worker is there, and cfg->worker_user is a user.
 * @why: CTL_MAX_TEXT octets; set on failure.
 */
int spawn_check(const struct sup_config *cfg, char *why);

/* spawn_own_user() - whether a worker's user id is that of no other process. */
bool spawn_own_user(const struct sup_config *cfg);

/*
 * model_memory() - make the memory of a model GPU, struct gpu_model_mem, sealed in size.
 * Returns a descriptor, the caller's; or -errno.
 */
int model_memory(void);

#endif
