// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event channels on the local platform: an eventfd for each direction. The mask is an epoll
 * descriptor around the receiving one: while it waits for nothing, events gather unseen, which is
 * how a masked port behaves, and a poll on it sleeps. The pipe tells the hub when the last copy
 * of a handle is gone, whichever process had it and however that ended.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "local_priv.h"

struct evt_local {
	struct evt base;
	int fds[HUB_EVT_FDS];
	int epoll;
	bool masked;
};

_Static_assert((int)HUB_EVT_FDS <= (int)EVT_MAX_FDS, "evt_export() has no room");

static struct evt_local *to_local(struct evt *evt)
{
	return container_of(evt, struct evt_local, base);
}

static int wait_for(struct evt_local *local, int op, uint32_t events)
{
	struct epoll_event ev = { .events = events };

	return epoll_ctl(local->epoll, op, local->fds[HUB_EVT_RX], &ev) ? -errno : 0;
}

static unsigned int evt_local_export(struct evt *evt, int fds[EVT_MAX_FDS])
{
	unsigned int i;

	for (i = 0; i < HUB_EVT_FDS; i++)
		fds[i] = to_local(evt)->fds[i];
	return HUB_EVT_FDS;
}

static int evt_local_fd(struct evt *evt)
{
	return to_local(evt)->epoll;
}

static int evt_local_pending(struct evt *evt)
{
	struct evt_local *local = to_local(evt);
	eventfd_t count;
	int err;

	if (local->masked)
		return 0;
	if (eventfd_read(local->fds[HUB_EVT_RX], &count))
		return errno == EAGAIN ? 0 : -errno;
	/* What comes between the read and this is seen after the unmask. */
	err = wait_for(local, EPOLL_CTL_MOD, 0);
	if (err)
		return err;
	local->masked = true;
	return 1;
}

static int evt_local_unmask(struct evt *evt)
{
	struct evt_local *local = to_local(evt);
	int err;

	if (!local->masked)
		return 0;
	err = wait_for(local, EPOLL_CTL_MOD, EPOLLIN);
	if (!err)
		local->masked = false;
	return err;
}

static int evt_local_notify(struct evt *evt)
{
	/* A full counter is a pending event already. */
	if (eventfd_write(to_local(evt)->fds[HUB_EVT_TX], 1) && errno != EAGAIN)
		return -errno;
	return 0;
}

static void evt_local_close(struct evt *evt)
{
	struct evt_local *local = to_local(evt);
	unsigned int i;

	close(local->epoll);
	for (i = 0; i < HUB_EVT_FDS; i++)
		close(local->fds[i]);
	free(local);
}

static const struct evt_ops evt_local_ops = {
	.export = evt_local_export,
	.fd = evt_local_fd,
	.pending = evt_local_pending,
	.unmask = evt_local_unmask,
	.notify = evt_local_notify,
	.close = evt_local_close,
};

int evt_local_import(const int *fds, unsigned int n_fds, uint32_t port, struct evt **out)
{
	struct evt_local *local;
	unsigned int i;
	int err;

	if (n_fds != HUB_EVT_FDS)
		return -EINVAL;
	local = calloc(1, sizeof(*local));
	if (!local)
		return -ENOMEM;
	local->base.ops = &evt_local_ops;
	local->base.port = port;
	for (i = 0; i < HUB_EVT_FDS; i++)
		local->fds[i] = fds[i];

	local->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (local->epoll < 0) {
		err = -errno;
		goto out_free;
	}
	err = wait_for(local, EPOLL_CTL_ADD, EPOLLIN);
	if (err)
		goto out_close;
	*out = &local->base;
	return 0;

out_close:
	close(local->epoll);
out_free:
	free(local);
	return err;
}

static int get_port(struct plat *plat, uint32_t op, uint16_t peer_domid, uint32_t remote_port,
		    struct evt **out)
{
	const struct hub_evt_req req = { .peer_domid = peer_domid, .port = remote_port };
	struct hub_evt_rsp rsp = { 0 };
	int fds[HUB_EVT_FDS];
	struct local_call call = {
		.op = op, .head = &req, .head_bytes = sizeof(req),
		.reply = &rsp, .reply_room = sizeof(rsp), .fds = fds, .fds_room = HUB_EVT_FDS,
	};
	unsigned int i;
	int err;

	err = local_call(&to_plat_local(plat)->conn, &call);
	if (err)
		return err;
	err = evt_local_import(fds, HUB_EVT_FDS, rsp.port, out);
	if (err)
		for (i = 0; i < HUB_EVT_FDS; i++)
			close(fds[i]);
	return err;
}

int evt_local_alloc(struct plat *plat, uint16_t peer_domid, struct evt **out)
{
	return get_port(plat, HUB_EVT_ALLOC, peer_domid, 0, out);
}

int evt_local_bind(struct plat *plat, uint16_t peer_domid, uint32_t remote_port, struct evt **out)
{
	return get_port(plat, HUB_EVT_BIND, peer_domid, remote_port, out);
}
