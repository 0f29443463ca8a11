// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu allow: lift the ban of a domain that crashed or hung its workers too often. The domain may
 * be gone by now, so it is xengpud who knows it.
 */
#include <stdio.h>
#include <string.h>

#include "xengpu_cmd.h"

#define MAX_DOMAIN	100u	/* xengpud takes lines of 127 octets */

int xengpu_allow(struct cmd *cmd, int argc, char **argv)
{
	char line[MAX_DOMAIN + 16], clean[MAX_DOMAIN + 1];

	if (argc != 2 || argv[1][0] == '-')
		return CMD_USAGE;
	snprintf(clean, sizeof(clean), "%s", argv[1]);
	cmd_clean(clean);
	if (!*argv[1] || strcmp(clean, argv[1]))
		return cmd_error("'%s' cannot be a domain's name, id or UUID", clean);
	snprintf(line, sizeof(line), "allow %s", clean);
	if (cmd->dry_run) {
		printf("to xengpud: %s\n", line);
		return CMD_OK;
	}
	return cmd_tell(line);
}
