/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guests that crash or hang their workers are counted, and banned when it happens too often. A
 * domain is known by its UUID, so that neither a reboot nor a new domain id lifts a ban; a ban is a
 * file in the state directory, so that a new supervisor knows it.
 */
#ifndef BACKEND_SUP_BAN_H
#define BACKEND_SUP_BAN_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;
struct sup;
struct sup_domain;
struct sup_session;

/* ban_start() - read the bans that are kept. What cannot be read is said. */
void ban_start(struct sup *sup);

/*
 * ban_count() - a worker of the guest's ended in a way that is the guest's doing.
 * @what: "the worker died (signal 11, Segmentation fault)"
 */
void ban_count(struct sup_session *s, const char *what);

/* ban_reason() - the sentence for the device's error node; NULL: not banned. Static storage. */
const char *ban_reason(const struct sup_domain *dom);

/* ban_losses() - how many are counted within the time that matters. */
uint32_t ban_losses(const struct sup_domain *dom);

/*
 * ban_lift() - let a domain go on.
 * @who: its name, UUID or domain id.
 * Returns the answer, to be freed: "ok: ..." or "error: ..."; NULL without memory.
 */
char *ban_lift(struct sup *sup, const char *who);

/* ban_json() - all bans, an array. */
struct json_object *ban_json(const struct sup *sup);

#endif
