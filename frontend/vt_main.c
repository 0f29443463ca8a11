// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu-vtest - serves Mesa's vtest protocol in a guest, so that unmodified GL programs draw on
 * the vgpu without a kernel module. See README.md.
 */
#include <getopt.h>
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
	unsigned long value;
	char *end;
	int opt;

	while ((opt = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (opt) {
		case 's':
			options.socket_path = optarg;
			break;
		case 't':
			options.status_path = optarg;
			break;
		case 'j':
			options.stats_path = optarg;
			break;
		case 'p':
			options.platform = optarg;
			break;
		case 'm':
			value = strtoul(optarg, &end, 8);
			if (!*optarg || *end || value > 0777)
				return bad("mode", optarg);
			options.socket_mode = (unsigned int)value;
			break;
		case 'd':
			value = strtoul(optarg, &end, 10);
			if (*optarg < '0' || *optarg > '9' || *end || value > UINT16_MAX)
				return bad("device", optarg);
			options.devid = (int)value;
			break;
		case 'v':
			if (*optarg < '0' || *optarg > '3' || optarg[1])
				return bad("max-version", optarg);
			options.max_version = (uint32_t)(*optarg - '0');
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	raise_limits();
	return vt_parent_run(&options);
}
