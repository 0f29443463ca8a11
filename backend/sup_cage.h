/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of a worker's cage that is made before it is executed: name spaces and limits, in the
 * child of a fork. The rest is wrk_cage.h's.
 */
#ifndef BACKEND_SUP_CAGE_H
#define BACKEND_SUP_CAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "ctl.h"

/*
 * cage_namespaces() - name spaces of its own for users, mounts, network, IPC and host name; and, as
 * CTL_CAGE_FD, a socket to a process that empties the mount name space when an octet is written
 * there, answers with an int32_t, 0 or -errno, and ends. It ends as well when the socket is closed.
 * To be called without privilege: name spaces for users are for everybody.
 * @why: CTL_MAX_TEXT octets; set on failure: what failed, and the remedy.
 * Returns 0 or -errno; after a failure there is no CTL_CAGE_FD.
 */
int cage_namespaces(char *why);

/*
 * cage_limits() - resource limits, hard ones.
 * @own_user: the user id is this worker's alone, so its threads can be counted.
 * @memory_mib: of memory that only it uses, private and writable; 0: no limit, a control group has
 *              a better one.
 * Returns 0 or -errno.
 */
int cage_limits(bool own_user, uint32_t memory_mib);

/* cage_text() - "full", or the names of what is missing, to be freed. NULL: no memory. */
char *cage_text(uint32_t missing);

#endif
