// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu - give guests a vgpu and see what they do with it, in the manner of xl. This file finds
 * the subcommand; each has a file of its own.
 */
#include <stdio.h>
#include <string.h>

#include "vgpuif.h"
#include "xengpu_cmd.h"

#ifndef XENGPU_VERSION
#define XENGPU_VERSION	"0.1"
#endif

static const struct subcommand {
	const char *name;
	const char *usage;
	const char *what;
	int (*run)(struct cmd *cmd, int argc, char **argv);
} subcommands[] = {
	{ "attach", "attach [--no-wait] [--timeout=SECONDS] DOMAIN [KEY=VALUE,...]",
	  "give a running guest a vgpu; keys: backend=DOMAIN, devid=N", xengpu_attach },
	{ "detach", "detach [--force] [--timeout=SECONDS] DOMAIN [DEVID]",
	  "take it away again; --force does not wait for the backend", xengpu_detach },
	{ "list", "list [--json] [DOMAIN]", "vgpus and their states", xengpu_list },
	{ "stats", "stats [--json] [--control=PATH] [DOMAIN]",
	  "what the backend of this domain counted", xengpu_stats },
};

#define N_SUBCOMMANDS	(sizeof(subcommands) / sizeof(subcommands[0]))

static void print_help(FILE *out)
{
	size_t i;

	fprintf(out, "Usage: xengpu SUBCOMMAND ...\n\n");
	for (i = 0; i < N_SUBCOMMANDS; i++)
		fprintf(out, "  xengpu %s\n        %s\n", subcommands[i].usage,
			subcommands[i].what);
	fprintf(out,
		"\nDOMAIN is a name or a domain id.\n"
		"\nExit status: 0, done; 1, it failed, for the reason printed; 2, wrong usage.\n"
		"\nEnvironment: XENGPU_PLATFORM, \"xen\" (the default) or \"local:SOCKET:DOMID\";\n"
		"XENGPU_CONTROL, the socket of xengpud.\n");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "--help";
	struct cmd cmd = { 0 };
	int status;
	size_t i;

	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		print_help(argc > 1 ? stdout : stderr);
		return argc > 1 ? CMD_OK : CMD_USAGE;
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		printf("xengpu %s, protocol version %s\n", XENGPU_VERSION, VGPUIF_VERSION_STRING);
		return CMD_OK;
	}
	for (i = 0; i < N_SUBCOMMANDS; i++) {
		if (!strcmp(name, subcommands[i].name))
			break;
	}
	if (i == N_SUBCOMMANDS) {
		cmd_error("no subcommand '%.40s'; see xengpu --help", name);
		return CMD_USAGE;
	}
	status = subcommands[i].run(&cmd, argc - 1, argv + 1);
	if (status == CMD_USAGE)
		fprintf(stderr, "Usage: xengpu %s\n", subcommands[i].usage);
	xst_close(cmd.xst);
	plat_close(cmd.plat);
	return status;
}
