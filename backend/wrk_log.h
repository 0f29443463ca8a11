/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The worker's messages: one line each on stderr, with the session's name in front, every octet
 * that does not print escaped (much of what is logged comes from a guest), and no more of them
 * than a person can read.
 */
#ifndef BACKEND_WRK_LOG_H
#define BACKEND_WRK_LOG_H

#include <stdint.h>

/* wrk_log_name() - name the session in the messages that follow. */
void wrk_log_name(uint16_t domid, uint16_t devid, uint32_t session);

/* wrk_log() - log a line. Safe from any thread. At most 20 at once and 2 a second. */
void wrk_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
