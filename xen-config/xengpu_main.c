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
	{ "list", "list [--json] [DOMAIN]", "vgpus and their states", xengpu_list },
	{ "attach", "attach [--no-save] [--no-wait] [--timeout=SECONDS] DOMAIN [KEY=VALUE,...]",
	  "give a running guest a vgpu, now and after a reboot", xengpu_attach },
	{ "detach", "detach [--no-save] [--force] [--timeout=SECONDS] DOMAIN [DEVID]",
	  "take it away again; --force does not wait for the backend", xengpu_detach },
	{ "create", "create [--timeout=SECONDS] CONFIG [XL-CREATE-ARGUMENT...]",
	  "xl create, with the config's vgpu = [ \"KEY=VALUE,...\" ]", xengpu_create },
	{ "info", "info DOMAIN", "all about a domain's vgpus and where they come from",
	  xengpu_info },
	{ "sched", "sched [-d DOMAIN [-n DEVID] [-w WEIGHT] [-c CAP] [-f FPS] [-m MAX_FPS] [--no-save]]\n"
	  "               [--json] | sched -s [-p POLICY] [-t SLICE_US] [-r RATELIMIT_US] [--json]",
	  "who gets how much of the GPU: show it, or change it now and for the next start",
	  xengpu_sched },
	{ "stats", "stats [--json | --openmetrics[=FILE] | --prometheus[=FILE]] [--control=PATH]\n"
	  "               [DOMAIN]", "what the backend of this domain counted", xengpu_stats },
	{ "top", "top [-d SECONDS] [-i ITERATIONS] [-s COLUMN] [-r] [-n] [-b [--json]]",
	  "what guests do with the GPU, again and again, as xentop; h for help", xengpu_top },
	{ "allow", "allow DOMAIN", "let a domain go on that was banned for crashes or hangs",
	  xengpu_allow },
	{ "log", "log", "what xengpud had to say of late", xengpu_log },
};

#define N_SUBCOMMANDS	(sizeof(subcommands) / sizeof(subcommands[0]))

static void print_help(FILE *out)
{
	size_t i;

	fprintf(out, "Usage: xengpu [-N] SUBCOMMAND ...\n\n");
	for (i = 0; i < N_SUBCOMMANDS; i++)
		fprintf(out, "  xengpu %s\n        %s\n", subcommands[i].usage,
			subcommands[i].what);
	fprintf(out, "\nKeys of a vgpu:");
	for (i = 0; i < OPTION_N_KEYS; i++)
		fprintf(out, " %s=", option_key_name((enum option_key)i));
	fprintf(out,
		"\nDOMAIN is a name or a domain id; for allow, a UUID, too.\n"
		"-N, --dry-run: attach, detach, create, sched and allow say what they would do.\n"
		"\nExit status: 0, done; 1, it failed, for the reason printed; 2, wrong usage.\n"
		"\nEnvironment: XENGPU_PLATFORM, \"xen\" (the default) or \"local:SOCKET:DOMID\";\n"
		"XENGPU_CONTROL, the socket of xengpud; XENGPU_XL, the program xl.\n");
}

static int run(struct cmd *cmd, int argc, char **argv)
{
	int status;
	size_t i;

	for (i = 0; i < N_SUBCOMMANDS; i++) {
		if (!strcmp(argv[0], subcommands[i].name))
			break;
	}
	if (i == N_SUBCOMMANDS) {
		cmd_error("no subcommand '%.40s'; see xengpu --help", argv[0]);
		return CMD_USAGE;
	}
	status = subcommands[i].run(cmd, argc, argv);
	if (status == CMD_USAGE)
		fprintf(stderr, "Usage: xengpu %s\n", subcommands[i].usage);
	xst_close(cmd->xst);
	plat_close(cmd->plat);
	return status;
}

int main(int argc, char **argv)
{
	struct cmd cmd = { 0 };
	const char *name;

	while (argc > 1 && (!strcmp(argv[1], "-N") || !strcmp(argv[1], "--dry-run"))) {
		cmd.dry_run = true;
		argc--;
		argv++;
	}
	name = argc > 1 ? argv[1] : "--help";
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		print_help(argc > 1 ? stdout : stderr);
		return argc > 1 ? CMD_OK : CMD_USAGE;
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		printf("xengpu %s, protocol version %s\n", XENGPU_VERSION, VGPUIF_VERSION_STRING);
		return CMD_OK;
	}
	return run(&cmd, argc - 1, argv + 1);
}
