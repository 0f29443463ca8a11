/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Xenbus states and the strict reading of what other domains write into xenstore. A node of a
 * guest is text until it went through here.
 */
#ifndef CONFIG_XENBUS_H
#define CONFIG_XENBUS_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/io/xenbus.h>

#include "xst.h"

/* xenbus_state_name() - "Initialising" ...; "Unknown" for what is not a state. Static storage. */
const char *xenbus_state_name(unsigned int state);

/*
 * xenbus_parse_u32() - a decimal number: digits only, no sign, no space, no leading zeros.
 * @out: set on success only.
 * Returns 0 or -EINVAL.
 */
int xenbus_parse_u32(const char *text, uint32_t *out);

/* xenbus_parse_u16() - the same, up to 65535. */
int xenbus_parse_u16(const char *text, uint16_t *out);

/*
 * xenbus_read_state() - read a state node.
 * @out: set on success only; 0..XenbusStateReconfigured.
 * Returns 0; -EINVAL, it holds something that is no state; or as xst_read().
 */
int xenbus_read_state(struct xst *xst, xst_tx tx, const char *path, enum xenbus_state *out);

/*
 * xenbus_transaction() - run @fn in a transaction, again and again while somebody else was quicker.
 * @fn: 0, commit; anything else drops the transaction and is returned (-EAGAIN begins again).
 * What failed for a shortage is tried again as well, XENBUS_MAX_SHORTAGES times in all; a transaction
 * that was committed although its end failed is then carried out twice.
 * Returns 0; what @fn returned; -EAGAIN, given up after XENBUS_MAX_TRIES; or as xst_tx_begin().
 */
#define XENBUS_MAX_TRIES	1000u
#define XENBUS_MAX_SHORTAGES	3u
int xenbus_transaction(struct xst *xst, int (*fn)(struct xst *xst, xst_tx tx, void *arg),
		       void *arg);

/*
 * xenbus_switch_state() - write a state node, unless it is gone: a directory that the toolstack
 * removed in the meantime must not come to life again.
 * Returns 0; -ENOENT, it is gone; or as xst_write().
 */
int xenbus_switch_state(struct xst *xst, const char *state_path, enum xenbus_state state);

/*
 * xenbus_list_has() - whether a comma-separated list of decimals holds @value.
 * @list: such as the "versions" node's value.
 */
bool xenbus_list_has(const char *list, uint32_t value);

#endif
