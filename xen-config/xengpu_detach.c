// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu detach: ask the backend to let go, wait for that, remove the nodes. --force does not wait,
 * and removes what is over a backend's head that does not answer.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "paths.h"
#include "xengpu_cmd.h"

struct options {
	bool force;
	bool no_save;
	uint32_t timeout_s;
};

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longopts[] = {
		{ "force", no_argument, NULL, 'f' },
		{ "no-save", no_argument, NULL, 's' },
		{ "timeout", required_argument, NULL, 't' },
		{ 0 },
	};
	int c, status;

	*o = (struct options){ .timeout_s = CMD_TIMEOUT_S };
	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (c) {
		case 'f':
			o->force = true;
			break;
		case 's':
			o->no_save = true;
			break;
		case 't':
			status = cmd_timeout(optarg, &o->timeout_s);
			if (status)
				return status;
			break;
		default:
			return CMD_USAGE;
		}
	}
	return optind < argc && argc - optind <= 2 ? CMD_OK : CMD_USAGE;
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
		err = attach_only(cmd->xst, domid, v);
	}
	if (err == -ENOENT && devid_text)
		return cmd_error("vgpu %u is not attached to domain %s", devid, domain);
	if (err == -ENOENT)
		return cmd_error("domain %s has no vgpu", domain);
	if (err == -EEXIST)
		return cmd_error("domain %s has several vgpus: say which, as DEVID", domain);
	if (err)
		return cmd_error("cannot look up the vgpu of domain %s: %s", domain,
				 cmd_strerror(err));
	return CMD_OK;
}

static int detach(struct cmd *cmd, const char *domain, const struct attach_vgpu *v,
		  const struct options *options)
{
	int err = attach_close(cmd->xst, v);

	if (err && err != -ENOENT)
		return cmd_error("cannot detach vgpu %u of domain %s: %s", v->devid, domain,
				 cmd_strerror(err));
	if (!err && !options->force && !cmd_wait_closed(cmd, v, options->timeout_s))
		return cmd_error("domain %u did not let go of vgpu %u of domain %s within %u s: is "
				 "xengpud running there? (--force removes it anyway)", v->backend,
				 v->devid, domain, options->timeout_s);
	err = attach_remove(cmd->xst, v);
	if (err)
		return cmd_error("cannot remove vgpu %u of domain %s: %s", v->devid, domain,
				 cmd_strerror(err));
	return CMD_OK;
}

int xengpu_detach(struct cmd *cmd, int argc, char **argv)
{
	struct options options;
	struct attach_vgpu v;
	const char *domain;
	int status;

	status = parse_options(argc, argv, &options);
	if (status)
		return status;
	domain = argv[optind];
	status = find_device(cmd, domain, argv[optind + 1], &v);
	if (!status)
		status = cmd_host(cmd);
	if (status)
		return status;
	if (cmd->dry_run)
		printf("remove %s\nremove %s\nremove %s\n",
		       paths_front(v.domid, v.devid, NULL).s,
		       paths_back(v.backend, v.domid, v.devid, NULL).s,
		       paths_libxl(v.domid, v.devid, NULL).s);
	else
		status = detach(cmd, domain, &v, &options);
	if (!status && !options.no_save)
		status = cmd_save_detached(cmd, v.domid, v.devid);
	return status;
}
