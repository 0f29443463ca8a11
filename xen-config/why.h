/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sentence that tells an administrator what is wrong in a file or an option. Whoever reads one
 * of those takes a `char *why` with room for WHY_BYTES, set on every failure.
 */
#ifndef CONFIG_WHY_H
#define CONFIG_WHY_H

#define WHY_BYTES	512u

/* why_set() - the sentence, cut short if need be and fit for a terminal. Returns -EINVAL. */
int why_set(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* why_add() - the same, after what @why holds already. */
int why_add(char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
