// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control socket: a line in, an answer out, closed. Root only. A client that neither asks nor reads is dropped after a while.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sup.h"

#define MAX_CLIENTS	8u
#define MAX_LINE	512u
#define CLIENT_MS	5000u
#define STALE_TRIES	10u
#define STALE_US	100000u

struct client {
	LIST_ENTRY(client) link;
	struct sup *sup;
	int fd;
	struct loop_source source;
	struct loop_timer timer;
	char line[MAX_LINE];
	size_t have;
	char *answer;		/* NULL until the line is complete */
	size_t bytes, sent;
};

struct sup_control {
	int fd;
	struct loop_source source;
	LIST_HEAD(, client) clients;
	uint32_t n_clients;
};

static void client_free(struct client *c)
{
	loop_remove(&c->sup->loop, &c->source);
	loop_timer_cancel(&c->sup->loop, &c->timer);
	close(c->fd);
	LIST_REMOVE(c, link);
	c->sup->control->n_clients--;
	free(c->answer);
	free(c);
}

static void client_expired(void *arg)
{
	client_free(arg);
}

static char *say_stats(struct sup *sup, const char *arg)
{
	(void)arg;
	return sup_stats_json(sup);
}

static char *say_log(struct sup *sup, const char *arg)
{
	(void)sup;
	(void)arg;
	return log_recent();
}

static char *say_ok(struct sup *sup, const char *arg)
{
	(void)sup;
	(void)arg;
	return strdup("ok");
}

static const struct {
	const char *name;
	bool has_arg;
	char *(*fn)(struct sup *sup, const char *arg);	/* the answer, to be freed */
} commands[] = {
	{ "stats", false, say_stats },		/* JSON */
	{ "log", false, say_log },		/* the last lines */
	{ "allow", true, ban_lift },		/* a domain's name, id or UUID */
	{ "sched", true, sched_say_vgpu },	/* DOMID DEVID key=value,... */
	{ "sched-gpu", true, sched_say_gpu },	/* key=value,... */
	{ "ping", false, say_ok },
};

static char *answer_line(struct sup *sup, const char *line)
{
	size_t i, len;

	/* People and programs go by the names that domains have now. */
	sup_domain_names(sup);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		len = strlen(commands[i].name);
		if (strncmp(line, commands[i].name, len))
			continue;
		if (commands[i].has_arg ? line[len] == ' ' && line[len + 1] : !line[len])
			return commands[i].fn(sup, line + len + commands[i].has_arg);
	}
	return strdup("error: unknown command");
}

/* Returns false when the client is to go. */
static bool client_read(struct client *c)
{
	ssize_t n = recv(c->fd, c->line + c->have, sizeof(c->line) - 1 - c->have, MSG_DONTWAIT);
	char *end, *answer;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	c->have += (size_t)n;
	c->line[c->have] = '\0';
	end = strchr(c->line, '\n');
	if (!end)
		return c->have < sizeof(c->line) - 1;
	*end = '\0';
	answer = answer_line(c->sup, c->line);
	if (!answer)
		return false;
	c->bytes = strlen(answer) + 1;
	c->answer = answer;
	/* Its end is the line's end, too. */
	answer[c->bytes - 1] = '\n';
	return !loop_modify(&c->sup->loop, &c->source, EPOLLOUT);
}

static bool client_write(struct client *c)
{
	ssize_t n =
		send(c->fd, c->answer + c->sent, c->bytes - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->sent += (size_t)n;
	return c->sent < c->bytes;
}

static void on_client(void *arg, uint32_t events)
{
	struct client *c = arg;

	(void)events;
	if (!(c->answer ? client_write(c) : client_read(c)))
		client_free(c);
}

static void on_connect(void *arg, uint32_t events)
{
	struct sup *sup = arg;
	struct sup_control *control = sup->control;
	struct client *c;
	int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	c = control->n_clients < MAX_CLIENTS ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		close(fd);
		return;
	}
	c->sup = sup;
	c->fd = fd;
	control->n_clients++;
	LIST_INSERT_HEAD(&control->clients, c, link);
	if (loop_add(&sup->loop, &c->source, fd, EPOLLIN, on_client, c)) {
		client_free(c);
		return;
	}
	loop_timer_set(&sup->loop, &c->timer, CLIENT_MS, client_expired, c);
}

/* A socket file that nobody listens on is left from a supervisor that was killed. */
static int remove_stale(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		err = -EADDRINUSE;
	else if (errno == ECONNREFUSED)
		unlink(addr->sun_path);
	close(fd);
	return err;
}

static void make_directory(const char *path)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return;
	*slash = '\0';
	mkdir(dir, 0755);
}

int sup_control_start(struct sup *sup)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct sup_control *control;
	unsigned int tries;
	mode_t old_mask;
	int err;

	if (strlen(sup->cfg.control) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, sup->cfg.control);
	make_directory(addr.sun_path);
	/* A worker's process that was born as the last xengpud was killed holds its socket until exec. */
	for (tries = 0; (err = remove_stale(&addr)) == -EADDRINUSE && tries < STALE_TRIES; tries++)
		usleep(STALE_US);
	if (err)
		return err;
	control = calloc(1, sizeof(*control));
	if (!control)
		return -ENOMEM;
	LIST_INIT(&control->clients);
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->fd < 0) {
		err = -errno;
		goto out_free;
	}
	old_mask = umask(0177);
	err = bind(control->fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : 0;
	umask(old_mask);
	if (!err && listen(control->fd, MAX_CLIENTS))
		err = -errno;
	if (!err)
		err = loop_add(&sup->loop, &control->source, control->fd, EPOLLIN, on_connect, sup);
	if (err)
		goto out_close;
	sup->control = control;
	return 0;

out_close:
	close(control->fd);
out_free:
	free(control);
	return err;
}

void sup_control_finish(struct sup *sup)
{
	struct sup_control *control = sup->control;

	if (!control)
		return;
	while (!LIST_EMPTY(&control->clients))
		client_free(LIST_FIRST(&control->clients));
	loop_remove(&sup->loop, &control->source);
	close(control->fd);
	unlink(sup->cfg.control);
	free(control);
	sup->control = NULL;
}
