// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event channels on Xen, by libxenevtchn. One handle, which is one open of /dev/xen/evtchn, holds
 * one port: the driver has one ring of pending ports for each open file, and a ring that
 * overflows is dead. None of these library calls logs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <xenevtchn.h>

#include "platform_priv.h"

struct evt_xen {
	struct evt base;
	xenevtchn_handle *xce;
};

static struct evt_xen *to_xen(struct evt *evt)
{
	return container_of(evt, struct evt_xen, base);
}

static unsigned int evt_xen_export(struct evt *evt, int fds[EVT_MAX_FDS])
{
	fds[0] = xenevtchn_fd(to_xen(evt)->xce);
	return 1;
}

static int evt_xen_fd(struct evt *evt)
{
	return xenevtchn_fd(to_xen(evt)->xce);
}

static int evt_xen_pending(struct evt *evt)
{
	xenevtchn_port_or_error_t port;

	/*
	 * The descriptor does not block. (xenevtchn.h warns of kernels, Linux 3.12 the last it
	 * names, that block nevertheless; ours are far younger.)
	 */
	do {
		port = xenevtchn_pending(to_xen(evt)->xce);
	} while (port < 0 && errno == EINTR);
	if (port < 0)
		return errno == EAGAIN ? 0 : -errno;
	return (uint32_t)port == evt->port ? 1 : -EPROTO;
}

static int evt_xen_unmask(struct evt *evt)
{
	return xenevtchn_unmask(to_xen(evt)->xce, evt->port) < 0 ? -errno : 0;
}

static int evt_xen_notify(struct evt *evt)
{
	return xenevtchn_notify(to_xen(evt)->xce, evt->port) < 0 ? -errno : 0;
}

static void evt_xen_close(struct evt *evt)
{
	struct evt_xen *xen = to_xen(evt);

	/* Not unbound: another process may go on with the same open file. */
	xenevtchn_close(xen->xce);
	free(xen);
}

static const struct evt_ops evt_xen_ops = {
	.export = evt_xen_export,
	.fd = evt_xen_fd,
	.pending = evt_xen_pending,
	.unmask = evt_xen_unmask,
	.notify = evt_xen_notify,
	.close = evt_xen_close,
};

static int set_nonblocking(int fd)
{
	const int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	return 0;
}

static int open_handle(struct evt_xen **out)
{
	struct evt_xen *xen;
	int err;

	xen = calloc(1, sizeof(*xen));
	if (!xen)
		return -ENOMEM;
	xen->base.ops = &evt_xen_ops;
	xen->xce = xenevtchn_open(NULL, 0);
	if (!xen->xce) {
		err = errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
		goto out_free;
	}
	err = set_nonblocking(xenevtchn_fd(xen->xce));
	if (err)
		goto out_close;
	*out = xen;
	return 0;

out_close:
	xenevtchn_close(xen->xce);
out_free:
	free(xen);
	return err;
}

int evt_xen_alloc(struct plat *plat, uint16_t peer_domid, struct evt **out)
{
	xenevtchn_port_or_error_t port;
	struct evt_xen *xen;
	int err;

	(void)plat;
	err = open_handle(&xen);
	if (err)
		return err;
	port = xenevtchn_bind_unbound_port(xen->xce, peer_domid);
	if (port < 0) {
		err = -errno;
		evt_xen_close(&xen->base);
		return err;
	}
	xen->base.port = (uint32_t)port;
	*out = &xen->base;
	return 0;
}

int evt_xen_bind(struct plat *plat, uint16_t peer_domid, uint32_t remote_port, struct evt **out)
{
	xenevtchn_port_or_error_t port;
	struct evt_xen *xen;
	int err;

	(void)plat;
	err = open_handle(&xen);
	if (err)
		return err;

	/*
	 * Domain 0 cannot be restricted to: the driver answers EINVAL. Who binds to domain 0 is a
	 * driver domain serving it. Source: linux drivers/xen/evtchn.c.
	 */
	if (peer_domid && xenevtchn_restrict(xen->xce, peer_domid)) {
		err = -errno;
		goto out_close;
	}
	port = xenevtchn_bind_interdomain(xen->xce, peer_domid, remote_port);
	if (port < 0) {
		/* No such domain, no such port, not ours: the same to whoever was told of it. */
		err = errno == ESRCH || errno == ENOENT ? -EINVAL : -errno;
		goto out_close;
	}
	xen->base.port = (uint32_t)port;
	*out = &xen->base;
	return 0;

out_close:
	evt_xen_close(&xen->base);
	return err;
}

int evt_xen_import(const int *fds, unsigned int n_fds, uint32_t port, struct evt **out)
{
	struct evt_xen *xen;

	if (n_fds != 1)
		return -EINVAL;
	xen = calloc(1, sizeof(*xen));
	if (!xen)
		return -ENOMEM;
	xen->base.ops = &evt_xen_ops;
	xen->base.port = port;
	xen->xce = xenevtchn_fdopen(NULL, fds[0], 0);
	if (!xen->xce) {
		free(xen);
		return -ENOMEM;
	}
	*out = &xen->base;
	return 0;
}
