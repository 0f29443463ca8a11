// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting, bounded, for the backend: to take a device up, or to let go of it.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "paths.h"
#include "vgpuif.h"
#include "xengpu_cmd.h"

enum outcome {
	OUTCOME_WAITING,
	OUTCOME_READY,
	OUTCOME_ERROR,
	OUTCOME_GONE,
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Wait until @check says something else than OUTCOME_WAITING, or until the time is over. */
static enum outcome wait_for(struct cmd *cmd, const struct attach_vgpu *v, uint32_t timeout_s,
			     enum outcome (*check)(struct cmd *cmd, const struct attach_vgpu *v))
{
	const int64_t end_ms = now_ms() + (int64_t)timeout_s * 1000;
	char path[XST_MAX_PATH], token[XST_MAX_PATH];
	enum outcome outcome;
	struct path dir = paths_back(v->backend, v->domid, v->devid, NULL);
	bool watching = !xst_watch(cmd->xst, dir.s, "wait");

	for (;;) {
		struct pollfd pfd = { .fd = xst_fd(cmd->xst), .events = POLLIN };
		int64_t left_ms;

		outcome = check(cmd, v);
		left_ms = end_ms - now_ms();
		if (outcome != OUTCOME_WAITING || left_ms <= 0)
			break;
		poll(&pfd, 1, watching ? (int)left_ms : 100);
		while (xst_next_event(cmd->xst, path, token) == 1)
			;
	}
	if (watching)
		xst_unwatch(cmd->xst, dir.s, "wait");
	return outcome;
}

static enum outcome check_ready(struct cmd *cmd, const struct attach_vgpu *v)
{
	enum xenbus_state state;
	char text[256];

	if (xenbus_read_state(cmd->xst, XST_NO_TX,
			      paths_back(v->backend, v->domid, v->devid, "state").s, &state))
		return OUTCOME_GONE;
	if (xst_read(cmd->xst, XST_NO_TX,
		     paths_back(v->backend, v->domid, v->devid, VGPUIF_NODE_ERROR).s, text,
		     sizeof(text)) >= 0)
		return OUTCOME_ERROR;
	switch (state) {
	case XenbusStateInitWait:
	case XenbusStateInitialised:
	case XenbusStateConnected:
		return OUTCOME_READY;
	default:
		return OUTCOME_WAITING;
	}
}

static enum outcome check_closed(struct cmd *cmd, const struct attach_vgpu *v)
{
	enum xenbus_state state;
	int err;

	err = xenbus_read_state(cmd->xst, XST_NO_TX,
				paths_back(v->backend, v->domid, v->devid, "state").s, &state);
	if (err == -ENOENT)
		return OUTCOME_GONE;
	return !err && state == XenbusStateClosed ? OUTCOME_READY : OUTCOME_WAITING;
}

int cmd_wait_ready(struct cmd *cmd, const struct attach_vgpu *v, uint32_t timeout_s)
{
	char text[256] = "";

	switch (wait_for(cmd, v, timeout_s, check_ready)) {
	case OUTCOME_READY:
		return CMD_OK;
	case OUTCOME_GONE:
		return cmd_error("vgpu %u of domain %u was detached by somebody else", v->devid,
				 v->domid);
	case OUTCOME_ERROR:
		xst_read(cmd->xst, XST_NO_TX,
			 paths_back(v->backend, v->domid, v->devid, VGPUIF_NODE_ERROR).s, text,
			 sizeof(text));
		cmd_clean(text);
		cmd_error("the backend in domain %u refuses: %s", v->backend, text);
		break;
	case OUTCOME_WAITING:
		cmd_error("no answer from domain %u within %u s: is xengpud running there? "
			  "(--no-wait attaches without it)", v->backend, timeout_s);
		break;
	}
	if (attach_remove(cmd->xst, v))
		cmd_error("and vgpu %u of domain %u could not be removed again", v->devid,
			  v->domid);
	return CMD_FAILED;
}

bool cmd_wait_closed(struct cmd *cmd, const struct attach_vgpu *v, uint32_t timeout_s)
{
	return wait_for(cmd, v, timeout_s, check_closed) != OUTCOME_WAITING;
}
