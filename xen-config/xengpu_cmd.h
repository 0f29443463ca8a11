/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to the command xengpu: what its subcommands share. A subcommand prints its own message
 * to stderr and returns the exit status.
 */
#ifndef CONFIG_XENGPU_CMD_H
#define CONFIG_XENGPU_CMD_H

#include <stdint.h>

#include "platform.h"
#include "xst.h"

/* Exit status, documented in xengpu --help. */
#define CMD_OK		0
#define CMD_FAILED	1
#define CMD_USAGE	2

struct cmd {
	struct plat *plat;
	struct xst *xst;		/* NULL until cmd_xst() */
};

/* cmd_error() - print "xengpu: " and the message. Returns CMD_FAILED. */
int cmd_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* cmd_store() - connect to xenstore. Returns CMD_OK, or CMD_FAILED and has said why. */
int cmd_store(struct cmd *cmd);

/* cmd_domain() - a domain by name or id. Returns CMD_OK, or CMD_FAILED and has said why. */
int cmd_domain(struct cmd *cmd, const char *name_or_id, uint16_t *domid);

/* cmd_clean() - make a text out of xenstore fit for a terminal. */
void cmd_clean(char *text);

/* cmd_strerror() - a text for @err of an xst_ call that tells the administrator what to do. */
const char *cmd_strerror(int err);

int xengpu_attach(struct cmd *cmd, int argc, char **argv);
int xengpu_detach(struct cmd *cmd, int argc, char **argv);
int xengpu_list(struct cmd *cmd, int argc, char **argv);
int xengpu_stats(struct cmd *cmd, int argc, char **argv);

#endif
