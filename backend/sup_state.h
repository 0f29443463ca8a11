/* SPDX-License-Identifier: GPL-2.0-only */
/* Small files that outlive the supervisor, in its state directory. */
#ifndef BACKEND_SUP_STATE_H
#define BACKEND_SUP_STATE_H

/*
 * state_write() - write a file as a whole: after a crash there is the old one or the new.
 * @path: at most 500 octets; its directory exists. PATH.new is written and renamed.
 * Returns 0 or -errno: then the old one is there.
 */
int state_write(const char *path, const char *text);

#endif
