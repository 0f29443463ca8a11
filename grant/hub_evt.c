// SPDX-License-Identifier: GPL-2.0-only
/*
 * Event channels of the local platform. The hub makes the eventfds, checks who may bind what, and
 * is then out of the way: events go from process to process. It learns that a port has lost its
 * last user from a pipe whose writing end goes with the port.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hub_priv.h"
#include "platform_priv.h"

/* Two directions; lives as long as one of its ports. */
struct hub_chan {
	int fd[2];
	unsigned int users;
};

static struct hub_chan *new_chan(void)
{
	struct hub_chan *chan = calloc(1, sizeof(*chan));

	if (!chan)
		return NULL;
	chan->fd[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	chan->fd[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (chan->fd[0] < 0 || chan->fd[1] < 0) {
		if (chan->fd[0] >= 0)
			close(chan->fd[0]);
		if (chan->fd[1] >= 0)
			close(chan->fd[1]);
		free(chan);
		return NULL;
	}
	return chan;
}

static void put_chan(struct hub_chan *chan)
{
	if (--chan->users)
		return;
	close(chan->fd[0]);
	close(chan->fd[1]);
	free(chan);
}

static void port_free(struct hub_src *src)
{
	free(container_of(src, struct hub_port, life));
}

static void port_close(struct hub *hub, struct hub_port *port)
{
	if (port->life.dead)
		return;
	port->dom->port[port->port] = NULL;
	if (port->peer)
		port->peer->peer = NULL;
	put_chan(port->chan);
	hub_src_kill(hub, &port->life);
}

static void life_ready(struct hub *hub, struct hub_src *src, uint32_t events)
{
	(void)events; /* only hanging up is waited for */
	port_close(hub, container_of(src, struct hub_port, life));
}

/*
 * The hanging up may be known to the kernel, and the request that depends on it be served first:
 * so look.
 */
static bool port_alive(struct hub *hub, struct hub_port *port)
{
	struct pollfd pfd = { .fd = port->life.fd };

	if (poll(&pfd, 1, 0) <= 0)
		return true;
	port_close(hub, port);
	return false;
}

static uint32_t free_port(const struct hub_dom *dom)
{
	uint32_t i;

	for (i = 1; i < HUB_MAX_PORTS; i++)
		if (!dom->port[i])
			return i;
	return 0;
}

/*
 * Makes a port of @chan for the client and puts its descriptors into the answer. They are closed
 * with the request, and sent ones are copies: then the client's are the last.
 */
static int add_port(struct hub_req *req, struct hub_chan *chan, unsigned int side,
		    uint16_t peer_domid, struct hub_port **out)
{
	struct hub_dom *dom = req->conn->dom;
	const uint32_t number = free_port(dom);
	struct hub_evt_rsp *rsp;
	struct hub_port *port;
	int pipe_fd[2], err;

	if (!number)
		return -ENOSPC;
	rsp = hub_reply(req, sizeof(*rsp));
	port = calloc(1, sizeof(*port));
	if (!rsp || !port) {
		err = -ENOMEM;
		goto out_free;
	}
	if (pipe2(pipe_fd, O_CLOEXEC | O_NONBLOCK)) {
		err = -errno;
		goto out_free;
	}
	req->fds[HUB_EVT_LIFE] = pipe_fd[1];
	req->fds[HUB_EVT_RX] = fcntl(chan->fd[side], F_DUPFD_CLOEXEC, 0);
	req->fds[HUB_EVT_TX] = fcntl(chan->fd[!side], F_DUPFD_CLOEXEC, 0);
	if (req->fds[HUB_EVT_RX] < 0 || req->fds[HUB_EVT_TX] < 0) {
		err = -EMFILE;
		goto out_close;
	}

	port->life.fd = pipe_fd[0];
	port->life.ready = life_ready;
	port->life.free = port_free;
	err = hub_src_add(req->hub, &port->life, 0);
	if (err)
		goto out_close;
	port->dom = dom;
	port->port = number;
	port->peer_domid = peer_domid;
	port->side = side;
	port->chan = chan;
	chan->users++;
	dom->port[number] = port;
	rsp->port = number;
	req->n_fds = HUB_EVT_FDS;
	*out = port;
	return 0;

out_close:
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	if (req->fds[HUB_EVT_RX] >= 0)
		close(req->fds[HUB_EVT_RX]);
	if (req->fds[HUB_EVT_TX] >= 0)
		close(req->fds[HUB_EVT_TX]);
out_free:
	free(port);
	return err;
}

int hub_evt_alloc(struct hub_req *req)
{
	struct hub_evt_req arg;
	struct hub_port *port;
	struct hub_chan *chan;
	int err;

	err = hub_get(req, &arg, sizeof(arg));
	if (err)
		return err;
	if (arg.peer_domid > HUB_MAX_DOMID)
		return -EINVAL;
	chan = new_chan();
	if (!chan)
		return -EMFILE;
	chan->users = 1;
	err = add_port(req, chan, 0, (uint16_t)arg.peer_domid, &port);
	put_chan(chan);
	return err;
}

int hub_evt_bind(struct hub_req *req)
{
	struct hub_port *port, *remote;
	struct hub_evt_req arg;
	struct hub_dom *dom;
	int err;

	err = hub_get(req, &arg, sizeof(arg));
	if (err)
		return err;
	dom = hub_dom_find(req->hub, arg.peer_domid);
	if (!dom || arg.port >= HUB_MAX_PORTS)
		return -EINVAL;
	remote = dom->port[arg.port];
	if (!remote || remote->peer_domid != req->conn->dom->domid || remote->side ||
	    !port_alive(req->hub, remote))
		return -EINVAL;
	if (remote->peer && port_alive(req->hub, remote->peer))
		return -EINVAL;

	err = add_port(req, remote->chan, 1, dom->domid, &port);
	if (err)
		return err;
	port->peer = remote;
	remote->peer = port;
	/* It may have been signalled already. Source: Xen, evtchn_bind_interdomain(). */
	eventfd_write(port->chan->fd[port->side], 1);
	return 0;
}

int hub_evt_peer_fd(struct hub_dom *dom, uint32_t number)
{
	const struct hub_port *port;
	int fd;

	if (number >= HUB_MAX_PORTS || !dom->port[number])
		return -EINVAL;
	port = dom->port[number];
	fd = fcntl(port->chan->fd[!port->side], F_DUPFD_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

void hub_evt_drop(struct hub *hub, struct hub_dom *dom)
{
	uint32_t i;

	for (i = 0; i < HUB_MAX_PORTS; i++)
		if (dom->port[i])
			port_close(hub, dom->port[i]);
}
