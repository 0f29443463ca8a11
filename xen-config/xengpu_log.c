// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu log: the last things that xengpud had to say, asked over its control socket.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xengpu_cmd.h"

int xengpu_log(struct cmd *cmd, int argc, char **argv)
{
	char *answer, *rest, *line;
	int status;

	(void)cmd;
	(void)argv;
	if (argc != 1)
		return CMD_USAGE;
	status = cmd_ask(NULL, "log", &answer);
	if (status)
		return status;
	if (cmd_told(answer)) {
		free(answer);
		return CMD_FAILED;
	}
	rest = answer;
	while ((line = strsep(&rest, "\n"))) {
		cmd_clean(line);
		if (*line || rest)
			puts(line);
	}
	free(answer);
	return CMD_OK;
}
