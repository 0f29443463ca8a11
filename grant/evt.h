/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event channels: one handle holds one port. A handle has a descriptor of its own, so a storm on
 * one channel cannot fill another's queue, and it can be passed to another process.
 */
#ifndef GRANT_EVT_H
#define GRANT_EVT_H

#include <stdbool.h>
#include <stdint.h>

#include "platform.h"

#define EVT_MAX_FDS	3u		/* Xen: 1; local: 3 */

struct evt;

/*
 * evt_alloc() - allocate an unbound port that @peer_domid may bind. For frontends.
 * @out:  set on success only; owned by the caller, release with evt_close().
 * @port: the local port, to be written into xenstore.
 * Returns 0 or -errno (-ENODEV, no /dev/xen/evtchn; -ENOSPC, no free port).
 */
int evt_alloc(struct plat *plat, uint16_t peer_domid, struct evt **out, uint32_t *port);

/*
 * evt_bind() - bind to @remote_port of @peer_domid; the handle can bind nothing else afterwards
 * (xenevtchn_restrict). For backends.
 * @remote_port: untrusted.
 * A first event is pending at once: the peer may have signalled before anybody listened.
 * The binding lasts until the last handle made from this one, here or in another process, is
 * closed; then the peer's port can be bound again.
 * Returns 0; -EINVAL, no such port, or it is not offered to this domain, or it is bound; -ENODEV.
 * Source: Xen, common/event_channel.c, evtchn_bind_interdomain().
 */
int evt_bind(struct plat *plat, uint16_t peer_domid, uint32_t remote_port, struct evt **out);

/*
 * evt_export() - what another process needs to use this handle.
 * @fds:  set to EVT_MAX_FDS or fewer descriptors, still owned by @evt.
 * @port: to be given to evt_import().
 * Returns the number of descriptors. Source: xenevtchn_fdopen().
 */
unsigned int evt_export(struct evt *evt, int fds[EVT_MAX_FDS], uint32_t *port);

/*
 * evt_import() - the other end of evt_export(). Needs no platform and no privilege.
 * @fds: taken over on success. The port must not be masked in the process that exported it, and
 *       that process must not use it any more, except for evt_close().
 * Returns 0; -EINVAL, n_fds is not what this kind needs; -ENOMEM.
 */
int evt_import(enum plat_kind kind, const int *fds, unsigned int n_fds, uint32_t port,
	       struct evt **out);

/* evt_fd() - readable when an event is pending; for poll only. */
int evt_fd(struct evt *evt);

/*
 * evt_pending() - take one pending event, never blocks.
 * Returns 1 and leaves the port masked until evt_unmask(); 0, nothing pending; -errno.
 */
int evt_pending(struct evt *evt);

/* evt_unmask() - let the next event through. A late unmask is the way to slow a storm down. */
int evt_unmask(struct evt *evt);

/* evt_notify() - signal the other end. Returns 0 or -errno. */
int evt_notify(struct evt *evt);

/* evt_close() - NULL is allowed. */
void evt_close(struct evt *evt);

#endif
