/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of the local platform: a hub of the case's own, in a directory of its own. The hub is
 * $XENGPU_LOCALHUB, or build/bin/xengpu-localhub; it dies with the case, however that ends.
 */
#ifndef TESTS_GRANT_HUB_H
#define TESTS_GRANT_HUB_H

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "evt.h"
#include "gnt.h"
#include "platform.h"
#include "xst.h"

#define HUB_MAX_ARGS	8

struct hub_proc {
	pid_t pid;
	char dir[32];
	char path[64];
};

static inline void hub_exec(const struct hub_proc *hub, char *const extra[])
{
	const char *program = getenv("XENGPU_LOCALHUB");
	char *argv[HUB_MAX_ARGS + 4] = { (char *)"xengpu-localhub", (char *)"--socket",
					 (char *)(uintptr_t)hub->path };
	int i;

	for (i = 0; extra[i] && i < HUB_MAX_ARGS; i++)
		argv[3 + i] = extra[i];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execv(program ? program : "build/bin/xengpu-localhub", argv);
	_exit(127);
}

/* hub_start() - with further arguments, ended by NULL. Domains 0, 1 and 2 exist. */
#define hub_start(hub, ...) \
	hub_start_args(hub, (char *[]){ (char *)"--domains", (char *)"0,1,2", __VA_ARGS__ })

static inline void hub_start_args(struct hub_proc *hub, char *extra[])
{
	char ready[16], *args[HUB_MAX_ARGS + 1] = { (char *)"--ready-fd", ready };
	int fds[2], i;
	char c;

	strcpy(hub->dir, "/tmp/xengpu-hub-XXXXXX");
	CHECK(mkdtemp(hub->dir));
	snprintf(hub->path, sizeof(hub->path), "%s/hub", hub->dir);
	CHECK_EQ(pipe(fds), 0);
	snprintf(ready, sizeof(ready), "%d", fds[1]);
	for (i = 0; extra[i]; i++)
		args[2 + i] = extra[i];

	hub->pid = fork();
	CHECK(hub->pid >= 0);
	if (!hub->pid) {
		close(fds[0]);
		hub_exec(hub, args);
	}
	close(fds[1]);
	CHECK_EQ(read(fds[0], &c, 1), 1);
	close(fds[0]);
}

/* hub_stop() - and check that it was well until now: a sanitizer's complaint shows here. */
static inline void hub_stop(struct hub_proc *hub)
{
	int status;

	CHECK_EQ(kill(hub->pid, SIGTERM), 0);
	CHECK_EQ(waitpid(hub->pid, &status, 0), hub->pid);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
	CHECK_EQ(rmdir(hub->dir), 0); /* it has removed its socket */
}

/* hub_ask() - a control request; returns the exit status. */
static inline int hub_ask(const struct hub_proc *hub, const char *option, const char *value)
{
	char *args[] = { (char *)(uintptr_t)option, (char *)(uintptr_t)value, NULL };
	int status;
	pid_t pid;

	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		close(2);
		hub_exec(hub, args);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static inline const char *hub_spec(const struct hub_proc *hub, unsigned int domid)
{
	static char spec[128];

	snprintf(spec, sizeof(spec), "local:%s:%u", hub->path, domid);
	return spec;
}

static inline struct plat *hub_plat(const struct hub_proc *hub, unsigned int domid)
{
	struct plat *plat = NULL;

	CHECK_EQ(plat_open(hub_spec(hub, domid), &plat), 0);
	return plat;
}

static inline struct xst *hub_xst(const struct hub_proc *hub, unsigned int domid)
{
	struct plat *plat = hub_plat(hub, domid);
	struct xst *xst = NULL;

	CHECK_EQ(xst_open(plat, &xst), 0);
	plat_close(plat); /* the local platform's store handles stand alone */
	return xst;
}

/* Readable within @ms? */
static inline int readable(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, ms);
}

#endif
