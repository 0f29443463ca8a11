// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu-localhub's loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hub_priv.h"

int hub_src_add(struct hub *hub, struct hub_src *src, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	return epoll_ctl(hub->epoll, EPOLL_CTL_ADD, src->fd, &ev) ? -errno : 0;
}

int hub_src_change(struct hub *hub, struct hub_src *src, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = src };

	return epoll_ctl(hub->epoll, EPOLL_CTL_MOD, src->fd, &ev) ? -errno : 0;
}

void hub_src_kill(struct hub *hub, struct hub_src *src)
{
	if (src->dead)
		return;
	/* Not left to close(): epoll lets go of an open file only when its last copy is closed. */
	if (src->fd >= 0) {
		epoll_ctl(hub->epoll, EPOLL_CTL_DEL, src->fd, NULL);
		close(src->fd);
	}
	src->fd = -1;
	src->dead = true;
	src->next_dead = hub->dead;
	hub->dead = src;
}

static void bury(struct hub *hub)
{
	struct hub_src *src;

	while (hub->dead) {
		src = hub->dead;
		hub->dead = src->next_dead;
		if (src->free)
			src->free(src);
	}
}

int hub_run(struct hub *hub, int signal_fd)
{
	struct epoll_event ev[64] = { { .events = EPOLLIN, .data.ptr = NULL } };
	struct hub_src *src;
	int i, n, err = 0;

	if (epoll_ctl(hub->epoll, EPOLL_CTL_ADD, signal_fd, &ev[0]))
		return -errno;
	while (!hub->stop) {
		n = epoll_wait(hub->epoll, ev, 64, -1);
		if (n < 0 && errno != EINTR) {
			err = -errno;
			break;
		}
		for (i = 0; i < n; i++) {
			src = ev[i].data.ptr;
			if (!src)
				hub->stop = true;
			else if (!src->dead)
				src->ready(hub, src, ev[i].events);
		}
		bury(hub);
	}
	return err;
}

/* A socket whose hub has died is in the way of bind(); one that answers is not ours to take. */
static int unlink_stale(const struct sockaddr_un *addr)
{
	int err = 0, fd;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		err = -EADDRINUSE;
	else if (errno == ECONNREFUSED)
		unlink(addr->sun_path);
	close(fd);
	return err;
}

static int listen_at(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int err, fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	err = unlink_stale(&addr);
	if (err)
		return err;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 128)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int hub_create(const char *path, uint32_t max_grants, struct hub **out)
{
	struct hub *hub;
	int err;

	hub = calloc(1, sizeof(*hub));
	if (!hub)
		return -ENOMEM;
	hub->max_grants = max_grants;
	hub->listener.ready = hub_conn_accept;
	hub->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	hub->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (hub->spare_fd < 0 || hub->epoll < 0) {
		err = -errno;
		goto out_close;
	}
	err = hub_tree_init(hub);
	if (err)
		goto out_close;
	hub->listener.fd = listen_at(path);
	if (hub->listener.fd < 0) {
		err = hub->listener.fd;
		goto out_free_tree;
	}
	err = hub_src_add(hub, &hub->listener, EPOLLIN);
	if (err)
		goto out_unlisten;
	*out = hub;
	return 0;

out_unlisten:
	close(hub->listener.fd);
	unlink(path);
out_free_tree:
	hub_tree_free(hub->root);
out_close:
	if (hub->epoll >= 0)
		close(hub->epoll);
	if (hub->spare_fd >= 0)
		close(hub->spare_fd);
	free(hub);
	return err;
}

void hub_destroy(struct hub *hub)
{
	uint32_t domid;

	while (hub->conns)
		hub_conn_close(hub, hub->conns);
	for (domid = 0; domid <= HUB_MAX_DOMID; domid++)
		if (hub->dom[domid])
			hub_dom_destroy(hub, domid);
	bury(hub);
	hub_tree_free(hub->root);
	close(hub->listener.fd);
	close(hub->epoll);
	close(hub->spare_fd);
	free(hub);
}
