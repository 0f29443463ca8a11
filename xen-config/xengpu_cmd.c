// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the subcommands of xengpu share: messages, xenstore, domains.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "xengpu_cmd.h"

int cmd_error(const char *fmt, ...)
{
	va_list ap;

	fputs("xengpu: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return CMD_FAILED;
}

void cmd_clean(char *text)
{
	char *c;

	for (c = text; *c; c++) {
		if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
			*c = '?';
	}
}

const char *cmd_strerror(int err)
{
	switch (err) {
	case -EACCES:
	case -EPERM:
		return "permission denied: run as root in the control domain";
	case -EAGAIN:
		return "xenstore is too busy";
	case -EDQUOT:
	case -ENOSPC:
		return "over the domain's quota in xenstore";
	default:
		return strerror(-err);
	}
}

int cmd_store(struct cmd *cmd)
{
	int err;

	err = plat_open(NULL, &cmd->plat);
	if (err == -EINVAL)
		return cmd_error("XENGPU_PLATFORM must be \"xen\" or \"local:SOCKET:DOMID\"");
	if (err)
		return cmd_error("no xengpu-localhub where XENGPU_PLATFORM says: %s",
				 strerror(-err));
	err = xst_open(cmd->plat, &cmd->xst);
	if (err == -EACCES || err == -EPERM)
		return cmd_error("no permission to open xenstore: run as root");
	if (err)
		return cmd_error("xenstore is not there (%s): is this a Xen domain, and in dom0, "
				 "is xenstored running?", strerror(-err));
	return CMD_OK;
}

int cmd_domain(struct cmd *cmd, const char *name_or_id, uint16_t *domid)
{
	int err = attach_find_domain(cmd->xst, name_or_id, domid);

	if (err == -ENOENT)
		return cmd_error("no such domain: %.64s", name_or_id);
	if (err)
		return cmd_error("cannot look up domain %.64s: %s", name_or_id, cmd_strerror(err));
	return CMD_OK;
}

int cmd_host(struct cmd *cmd)
{
	char why[WHY_BYTES];

	if (policy_paths_init(&cmd->paths))
		return cmd_error("XENGPU_ROOT is too long");
	if (hostconf_read(cmd->paths.conf, &cmd->conf, why))
		return cmd_error("%s", why);
	return CMD_OK;
}

int cmd_timeout(const char *text, uint32_t *seconds)
{
	if (!xenbus_parse_u32(text, seconds) && *seconds <= CMD_MAX_TIMEOUT_S)
		return CMD_OK;
	cmd_error("--timeout must be 0..%u seconds", CMD_MAX_TIMEOUT_S);
	return CMD_USAGE;
}
