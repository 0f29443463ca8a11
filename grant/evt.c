// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event channels, the part that is the same on every platform.
 */
#include <errno.h>

#include "platform_priv.h"

int evt_alloc(struct plat *plat, uint16_t peer_domid, struct evt **out, uint32_t *port)
{
	struct evt *evt;
	int err;

	err = plat->ops->evt_alloc(plat, peer_domid, &evt);
	if (err)
		return err;
	*port = evt->port;
	*out = evt;
	return 0;
}

int evt_bind(struct plat *plat, uint16_t peer_domid, uint32_t remote_port, struct evt **out)
{
	return plat->ops->evt_bind(plat, peer_domid, remote_port, out);
}

unsigned int evt_export(struct evt *evt, int fds[EVT_MAX_FDS], uint32_t *port)
{
	*port = evt->port;
	return evt->ops->export(evt, fds);
}

int evt_import(enum plat_kind kind, const int *fds, unsigned int n_fds, uint32_t port,
	       struct evt **out)
{
	const struct plat_ops *ops = plat_ops_of(kind);

	if (!ops)
		return -EINVAL;
	return ops->evt_import(fds, n_fds, port, out);
}

int evt_fd(struct evt *evt)
{
	return evt->ops->fd(evt);
}

int evt_pending(struct evt *evt)
{
	int ret = evt->ops->pending(evt);

	if (ret == 1)
		plat_count.events++;
	return ret;
}

int evt_unmask(struct evt *evt)
{
	return evt->ops->unmask(evt);
}

int evt_notify(struct evt *evt)
{
	plat_count.notifies++;
	return evt->ops->notify(evt);
}

void evt_close(struct evt *evt)
{
	if (evt)
		evt->ops->close(evt);
}
