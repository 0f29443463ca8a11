// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu-vtest - serves Mesa's vtest protocol in a guest, so that unmodified GL programs draw on
 * the vgpu without a kernel module. See README.md.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "vt.h"

static const char usage[] =
	"usage: xengpu-vtest [OPTION]...\n"
	"  --socket=PATH        where to listen (" VTEST_SOCKET ")\n"
	"  --mode=OCTAL         the socket's permissions (666)\n"
	"  --device=N           the vgpu's number (the first there is)\n"
	"  --status-file=PATH   what xengpu-run reads (/run/xengpu/vtest.status)\n"
	"  --stats-file=PATH    a line of JSON for each program that ended\n"
	"                       (/run/xengpu/vtest.stats; empty for none)\n"
	"  --max-version=N      the highest version of the vtest protocol offered (3)\n"
	"  --platform=SPEC      xen, or local:PATH:DOMID ($XENGPU_PLATFORM, or xen)\n"
	"  --help\n";

static int bad(const char *name, const char *value)
{
	fprintf(stderr, "xengpu-vtest: --%s=%s makes no sense\n", name, value);
	return 2;
}

/* A descriptor for every buffer of a program, and as many as there may be. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static bool number(const char *text, int base, unsigned long max, unsigned long *out)
{
	char *end;

	*out = strtoul(text, &end, base);
	return *text >= '0' && *text <= '9' && !*end && *out <= max;
}

/* Returns -1 to go on, or the exit status. */
static int set_option(struct vt_options *options, int opt, const char *arg)
{
	unsigned long value;

	switch (opt) {
	case 's':
		options->socket_path = arg;
		return -1;
	case 't':
		options->status_path = arg;
		return -1;
	case 'j':
		options->stats_path = arg;
		return -1;
	case 'p':
		options->platform = arg;
		return -1;
	case 'm':
		if (!number(arg, 8, 0777, &value))
			return bad("mode", arg);
		options->socket_mode = (unsigned int)value;
		return -1;
	case 'd':
		if (!number(arg, 10, UINT16_MAX, &value))
			return bad("device", arg);
		options->devid = (int)value;
		return -1;
	case 'v':
		if (!number(arg, 10, VTEST_VERSION, &value))
			return bad("max-version", arg);
		options->max_version = (uint32_t)value;
		return -1;
	case 'h':
		fputs(usage, stdout);
		return 0;
	default:
		fputs(usage, stderr);
		return 2;
	}
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "mode", required_argument, NULL, 'm' },
		{ "device", required_argument, NULL, 'd' },
		{ "status-file", required_argument, NULL, 't' },
		{ "stats-file", required_argument, NULL, 'j' },
		{ "max-version", required_argument, NULL, 'v' },
		{ "platform", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct vt_options options = {
		.socket_path = VTEST_SOCKET,
		.status_path = "/run/xengpu/vtest.status",
		.stats_path = "/run/xengpu/vtest.stats",
		.devid = FE_ANY_DEVICE,
		.socket_mode = 0666,
		.max_version = VTEST_VERSION,
	};
	int opt, status;

	while ((opt = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		status = set_option(&options, opt, optarg);
		if (status >= 0)
			return status;
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	raise_limits();
	return vt_parent_run(&options);
}
