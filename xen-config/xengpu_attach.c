// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu attach and xengpu detach: write the nodes, then wait, bounded, for the backend. An attach
 * that the backend does not take up is undone, as xl does it; --no-wait leaves that to the
 * administrator, for a backend that is to be started later.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "attach.h"
#include "paths.h"
#include "vgpuif.h"
#include "xenbus.h"
#include "xengpu_cmd.h"

/* libxl waits 10 s for a backend (LIBXL_INIT_TIMEOUT, LIBXL_DESTROY_TIMEOUT); a first renderer on
 * an emulated CPU takes longer. */
#define DEFAULT_TIMEOUT_S	30u
#define MAX_TIMEOUT_S		3600u

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

static int attach_wait(struct cmd *cmd, const struct attach_vgpu *v, uint32_t timeout_s)
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

struct options {
	bool force;
	bool no_wait;
	uint32_t timeout_s;
};

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longopts[] = {
		{ "force", no_argument, NULL, 'f' },
		{ "no-wait", no_argument, NULL, 'n' },
		{ "timeout", required_argument, NULL, 't' },
		{ 0 },
	};
	int c;

	o->timeout_s = DEFAULT_TIMEOUT_S;
	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (c) {
		case 'f':
			o->force = true;
			break;
		case 'n':
			o->no_wait = true;
			break;
		case 't':
			if (xenbus_parse_u32(optarg, &o->timeout_s) ||
			    o->timeout_s > MAX_TIMEOUT_S) {
				cmd_error("--timeout must be 0..%u seconds", MAX_TIMEOUT_S);
				return CMD_USAGE;
			}
			break;
		default:
			return CMD_USAGE;
		}
	}
	return CMD_OK;
}

static int parse_keys(int argc, char **argv, struct vgpu_option *option)
{
	char why[WHY_BYTES];

	for (; optind < argc; optind++) {
		if (option_parse(argv[optind], OPTION_ALL, option, why)) {
			cmd_error("%s", why);
			return CMD_USAGE;
		}
	}
	return CMD_OK;
}

int xengpu_attach(struct cmd *cmd, int argc, char **argv)
{
	struct vgpu_option option = { 0 };
	struct options options = { 0 };
	struct attach_vgpu v = { 0 };
	const char *domain;
	int status, err;

	status = parse_options(argc, argv, &options);
	if (status || optind >= argc || options.force)
		return CMD_USAGE;
	domain = argv[optind++];
	status = parse_keys(argc, argv, &option);
	if (!status)
		status = cmd_store(cmd);
	if (!status)
		status = cmd_domain(cmd, domain, &v.domid);
	if (!status && option.backend[0])
		status = cmd_domain(cmd, option.backend, &v.backend);
	if (status)
		return status;
	if (v.domid == v.backend)
		return cmd_error("domain %u cannot be its own backend", v.domid);
	/* Not the next free number: a second vgpu is hardly ever meant. */
	v.devid = option.devid;
	err = attach_add(cmd->xst, &v, &option);
	if (err == -EEXIST)
		return cmd_error("domain %s has a vgpu %u already (devid=N adds another)", domain,
				 v.devid);
	if (err)
		return cmd_error("cannot attach a vgpu to domain %s: %s", domain,
				 cmd_strerror(err));
	return options.no_wait ? CMD_OK : attach_wait(cmd, &v, options.timeout_s);
}

static int only_device(const struct attach_vgpu *vgpu, void *arg)
{
	struct attach_vgpu *out = arg;

	*out = *vgpu;
	return 1;
}

static int find_device(struct cmd *cmd, const char *domain, const char *devid_text,
		       struct attach_vgpu *v)
{
	uint16_t domid = 0, devid = 0;
	int status, err;

	if (devid_text && xenbus_parse_u16(devid_text, &devid)) {
		cmd_error("DEVID must be 0..65535, not '%.40s'", devid_text);
		return CMD_USAGE;
	}
	status = cmd_store(cmd);
	if (!status)
		status = cmd_domain(cmd, domain, &domid);
	if (status)
		return status;
	if (devid_text) {
		err = attach_lookup(cmd->xst, domid, devid, v);
	} else {
		err = attach_each(cmd->xst, domid, only_device, v);
		err = err == 0 ? -ENOENT : err == 1 ? 0 : err;
	}
	if (err == -ENOENT && devid_text)
		return cmd_error("vgpu %u is not attached to domain %s", devid, domain);
	if (err == -ENOENT)
		return cmd_error("domain %s has no vgpu", domain);
	if (err)
		return cmd_error("cannot look up the vgpu of domain %s: %s", domain,
				 cmd_strerror(err));
	return CMD_OK;
}

int xengpu_detach(struct cmd *cmd, int argc, char **argv)
{
	struct options options = { 0 };
	struct attach_vgpu v;
	const char *domain;
	int status, err;

	status = parse_options(argc, argv, &options);
	if (status || optind >= argc || argc - optind > 2 || options.no_wait)
		return CMD_USAGE;
	domain = argv[optind];
	status = find_device(cmd, domain, argv[optind + 1], &v);
	if (status)
		return status;
	err = attach_close(cmd->xst, &v);
	if (err && err != -ENOENT)
		return cmd_error("cannot detach vgpu %u of domain %s: %s", v.devid, domain,
				 cmd_strerror(err));
	if (!err && !options.force &&
	    wait_for(cmd, &v, options.timeout_s, check_closed) == OUTCOME_WAITING)
		return cmd_error("domain %u did not let go of vgpu %u of domain %s within %u s: is "
				 "xengpud running there? (--force removes it anyway)", v.backend,
				 v.devid, domain, options.timeout_s);
	err = attach_remove(cmd->xst, &v);
	if (err)
		return cmd_error("cannot remove vgpu %u of domain %s: %s", v.devid, domain,
				 cmd_strerror(err));
	return CMD_OK;
}
