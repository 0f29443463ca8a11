// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu attach: write the nodes, then wait for the backend. An attach that the backend does not
 * take up is undone, as xl does it; --no-wait leaves that to the administrator, for a backend that
 * is to be started later.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "xengpu_cmd.h"

struct options {
	bool no_wait;
	bool no_save;
	uint32_t timeout_s;
};

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longopts[] = {
		{ "no-wait", no_argument, NULL, 'n' },
		{ "no-save", no_argument, NULL, 's' },
		{ "timeout", required_argument, NULL, 't' },
		{ 0 },
	};
	int c, status;

	*o = (struct options){ .timeout_s = CMD_TIMEOUT_S };
	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (c) {
		case 'n':
			o->no_wait = true;
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
	return optind < argc ? CMD_OK : CMD_USAGE;
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
	/* Not the next free number: a second vgpu is hardly ever meant. */
	option->given |= OPTION_BIT(OPTION_DEVID);
	return CMD_OK;
}

/* In the manner of xenstore-ls -fp. */
static int print_node(const struct attach_node *node, void *arg)
{
	(void)arg;
	printf("%s = \"%s\"", node->path, node->value ? node->value : "");
	if (node->has_perms && node->owner != node->reader)
		printf("   (n%u,r%u)", node->owner, node->reader);
	putchar('\n');
	return 0;
}

int cmd_attach(struct cmd *cmd, const char *domain, const struct vgpu_option *option, bool exists,
	       struct attach_vgpu *v)
{
	int err, status = CMD_OK;

	v->devid = option->devid;
	v->backend = 0;
	if (option->backend[0])
		status = cmd_domain(cmd, option->backend, &v->backend);
	if (status)
		return status;
	if (v->domid == v->backend)
		return cmd_error("domain %u cannot be its own backend", v->domid);
	if (cmd->dry_run)
		return attach_each_node(v, option, print_node, NULL);
	err = attach_add(cmd->xst, v, option);
	if (err == -EEXIST && exists)
		err = attach_lookup(cmd->xst, v->domid, v->devid, v);
	if (err == -EEXIST)
		return cmd_error("domain %s has a vgpu %u already (devid=N adds another)", domain,
				 v->devid);
	if (err)
		return cmd_error("cannot attach a vgpu to domain %s: %s", domain,
				 cmd_strerror(err));
	return CMD_OK;
}

int xengpu_attach(struct cmd *cmd, int argc, char **argv)
{
	struct vgpu_option own = { 0 }, option;
	char where[ATTACH_MAX_NAME + 16], why[WHY_BYTES];
	struct attach_vgpu v = { 0 };
	struct options options;
	const char *domain;
	int status;

	status = parse_options(argc, argv, &options);
	if (status)
		return status;
	domain = argv[optind++];
	status = parse_keys(argc, argv, &own);
	if (!status)
		status = cmd_store(cmd);
	if (!status)
		status = cmd_host(cmd);
	if (!status)
		status = cmd_domain(cmd, domain, &v.domid);
	if (status)
		return status;
	option = own;
	snprintf(where, sizeof(where), "domain %.63s", domain);
	if (hostconf_apply(&cmd->conf, &option, where, why))
		return cmd_error("%s", why);
	status = cmd_attach(cmd, domain, &option, false, &v);
	if (!status && !options.no_wait && !cmd->dry_run)
		status = cmd_wait_ready(cmd, &v, options.timeout_s);
	if (!status && !options.no_save)
		status = cmd_save_attached(cmd, v.domid, &own);
	return status;
}
