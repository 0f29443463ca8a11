// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line of xengpud: every number has a range, and a message that names it.
 */
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sup_options.h"

#define EXIT_USAGE	2
#define DEFAULT_WORKER	"/usr/libexec/xengpu-worker"
#define DEFAULT_CONTROL	"/run/xengpu/control"
#define DEFAULT_STATE	"/var/lib/xengpu"

/*
 * A PV dom0 can map 512 MiB of all guests together with Xen's default gnttab_max_maptrack_frames
 * (xen.md, section 4), so a guest gets half of it.
 */
#define DEFAULT_MAX_PAGES	65536u

/* Above the ranges that systemd hands out (systemd.io/UIDS-GIDS). */
#define DEFAULT_UID_BASE	1879048192u

enum {
	OPT_GPU = 256,
	OPT_ALLOW_MODEL,
	OPT_WORKER,
	OPT_CONTROL,
	OPT_STATE_DIR,
	OPT_WORKER_USER,
	OPT_CAGE,
	OPT_CGROUP,
	OPT_LOG,
	OPT_FOREGROUND,
	OPT_HELP,
	OPT_VERSION,
	OPT_NUMBER,		/* OPT_NUMBER + i is numbers[i] */
};

static const struct number {
	const char *name;
	const char *what;
	size_t offset;
	uint32_t min, max, preset;
} numbers[] = {
#define NUMBER(name_, member, min_, max_, preset_, what_) \
	{ name_, what_, offsetof(struct sup_config, member), min_, max_, preset_ }
	NUMBER("warm", warm, 1, 64, 2, "workers kept ready"),
	NUMBER("max-sessions", max_sessions, 1, SUP_MAX_SESSIONS, 64, "sessions of a device"),
	NUMBER("max-ring-page-order", max_ring_order, 0, VGPUIF_MAX_RING_PAGE_ORDER,
	       VGPUIF_MAX_RING_PAGE_ORDER, "a ring has up to 1 << N pages"),
	NUMBER("max-pages", max_pages, 1, 1u << 24, DEFAULT_MAX_PAGES,
	       "pages that one guest may have mapped"),
	NUMBER("max-buffer-pages", max_buffer_pages, 1, VGPUIF_MAX_BUFFER_PAGES,
	       VGPUIF_MAX_BUFFER_PAGES, "pages of one buffer"),
	NUMBER("max-buffers", max_buffers, 1, 1u << 20, 16384, "buffers of a session"),
	NUMBER("max-contexts", max_contexts, 1, 65536, 64, "contexts of a session"),
	NUMBER("max-resources", max_resources, 1, 1u << 20, 65536, "resources of a session"),
	NUMBER("default-memory", default_memory_mib, 1, 1u << 20, OPTION_MEMORY_PRESET,
	       "MiB of GPU memory of a vgpu without memory="),
	NUMBER("worker-memory", worker_memory_mib, 256, 1u << 20, 2048,
	       "MiB of the host's memory that a worker may take"),
	NUMBER("shader-store", shader_store_mib, 0, 1024, 16,
	       "MiB of compiled shaders kept for each vgpu; 0: none"),
	NUMBER("fence-timeout", fence_timeout_s, 1, 3600, HOSTCONF_FENCE_TIMEOUT_S,
	       "seconds without progress that are a hang"),
	NUMBER("worker-uid-base", worker_uid_base, 1000, 4000000000u, DEFAULT_UID_BASE,
	       "user ids N..N+4095 are the workers'"),
#undef NUMBER
};

#define N_NUMBERS	(sizeof(numbers) / sizeof(numbers[0]))

static const struct option fixed_options[] = {
	{ "gpu", required_argument, NULL, OPT_GPU },
	{ "allow-model", no_argument, NULL, OPT_ALLOW_MODEL },
	{ "worker", required_argument, NULL, OPT_WORKER },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "state-dir", required_argument, NULL, OPT_STATE_DIR },
	{ "worker-user", required_argument, NULL, OPT_WORKER_USER },
	{ "cage", required_argument, NULL, OPT_CAGE },
	{ "cgroup", required_argument, NULL, OPT_CGROUP },
	{ "log", required_argument, NULL, OPT_LOG },
	{ "foreground", no_argument, NULL, OPT_FOREGROUND },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
};

#define N_FIXED		(sizeof(fixed_options) / sizeof(fixed_options[0]))

static uint32_t *number_at(struct sup_config *cfg, const struct number *number)
{
	return (uint32_t *)(void *)((char *)cfg + number->offset);
}

static void print_help(void)
{
	size_t i;

	printf("Usage: xengpud [OPTION]... [-- WORKER-OPTION...]\n"
	       "The vgpu backend: serves guests that `xengpu attach` gave a GPU.\n\n"
	       "  --gpu=auto|soft|NODE     what workers render on (auto)\n"
	       "  --allow-model            let --gpu=model be served, which is for tests\n"
	       "  --worker=PATH            the worker program (" DEFAULT_WORKER ")\n"
	       "  --control=PATH           socket for xengpu stats (" DEFAULT_CONTROL ")\n"
	       "  --state-dir=DIR          where bans are kept (" DEFAULT_STATE ")\n"
	       "  --worker-user=NAME       run workers as this user, not each as one of its own\n"
	       "  --cage=require|try       whether a worker whose cage lacks a part serves "
	       "(require\n                           for root on Xen, else try)\n"
	       "  --cgroup=delegated|none|DIR\n"
	       "                           where workers' control groups are made (none)\n"
	       "  --log=error|warning|info|debug\n"
	       "  --foreground             the default: xengpud never leaves the foreground\n");
	for (i = 0; i < N_NUMBERS; i++)
		printf("  --%s=N%*s%s (%u; %u..%u)\n", numbers[i].name,
		       (int)(21 - strlen(numbers[i].name)), "", numbers[i].what, numbers[i].preset,
		       numbers[i].min, numbers[i].max);
	printf("  --help, --version\n"
	       "\nThe host's config is /etc/xen/xengpu.conf; what is given here counts before it.\n"
	       "Environment: XENGPU_PLATFORM, \"xen\" (the default) or "
	       "\"local:SOCKET:DOMID\";\nXENGPU_CONTROL and XENGPU_CGROUP, as --control and "
	       "--cgroup.\n");
}

static int set_number(struct sup_config *cfg, const struct number *number, const char *text)
{
	uint32_t value;

	if (xenbus_parse_u32(text, &value) || value < number->min || value > number->max) {
		fprintf(stderr, "xengpud: --%s must be %u..%u, not '%s'\n", number->name,
			number->min, number->max, text);
		return EXIT_USAGE;
	}
	*number_at(cfg, number) = value;
	if (number_at(cfg, number) == &cfg->fence_timeout_s)
		cfg->fence_timeout_given = true;
	return -1;
}

static int set_log(const char *text)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {
		{ "error", LOG_LEVEL_ERROR }, { "warning", LOG_LEVEL_WARNING },
		{ "info", LOG_LEVEL_INFO }, { "debug", LOG_LEVEL_DEBUG },
	};
	size_t i;

	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (!strcmp(text, levels[i].name)) {
			log_setup(levels[i].level, getenv("JOURNAL_STREAM") != NULL);
			return -1;
		}
	}
	fprintf(stderr, "xengpud: --log must be error, warning, info or debug, not '%s'\n", text);
	return EXIT_USAGE;
}

static int set_cage(struct sup_config *cfg, const char *text)
{
	cfg->require_cage = !strcmp(text, "require");
	if (cfg->require_cage || !strcmp(text, "try"))
		return -1;
	fprintf(stderr, "xengpud: --cage must be require or try, not '%s'\n", text);
	return EXIT_USAGE;
}

static int set_cgroup(struct sup_config *cfg, const char *text)
{
	cfg->cgroup = text;
	if (!strcmp(text, "delegated") || !strcmp(text, "none") || text[0] == '/')
		return -1;
	fprintf(stderr, "xengpud: --cgroup must be delegated, none or an absolute path, not '%s'\n",
		text);
	return EXIT_USAGE;
}

/* On the local platform, which is for tests, and where nobody has privilege to lose: no demands. */
static bool cage_preset(void)
{
	const char *platform = getenv("XENGPU_PLATFORM");

	return !geteuid() && (!platform || !*platform || !strcmp(platform, "xen"));
}

static int set_option(struct sup_config *cfg, int c, const char *arg)
{
	switch (c) {
	case OPT_GPU:
		cfg->gpu = arg;
		return -1;
	case OPT_ALLOW_MODEL:
		cfg->allow_model = true;
		return -1;
	case OPT_WORKER:
		cfg->worker = arg;
		return -1;
	case OPT_CONTROL:
		cfg->control = arg;
		return -1;
	case OPT_STATE_DIR:
		cfg->state_dir = arg;
		return -1;
	case OPT_WORKER_USER:
		cfg->worker_user = arg;
		return -1;
	case OPT_CAGE:
		return set_cage(cfg, arg);
	case OPT_CGROUP:
		return set_cgroup(cfg, arg);
	case OPT_LOG:
		return set_log(arg);
	case OPT_FOREGROUND:
		return -1;
	case OPT_HELP:
		print_help();
		return 0;
	case OPT_VERSION:
		printf("xengpud, protocol version %s\n", VGPUIF_VERSION_STRING);
		return 0;
	default:
		if (c >= OPT_NUMBER && (size_t)(c - OPT_NUMBER) < N_NUMBERS)
			return set_number(cfg, &numbers[c - OPT_NUMBER], arg);
		return EXIT_USAGE;
	}
}

int options_parse(int argc, char **argv, const struct hostconf *conf, struct sup_config *cfg)
{
	struct option options[N_FIXED + N_NUMBERS + 1] = { 0 };
	const char *control = getenv("XENGPU_CONTROL"), *cgroup = getenv("XENGPU_CGROUP");
	int c, status;
	size_t i;

	*cfg = (struct sup_config){ .gpu = "auto", .worker = DEFAULT_WORKER,
				     .state_dir = DEFAULT_STATE, .model_fd = -1 };
	cfg->control = control ? control : DEFAULT_CONTROL;
	memcpy(options, fixed_options, sizeof(fixed_options));
	for (i = 0; i < N_NUMBERS; i++) {
		options[N_FIXED + i] = (struct option){ numbers[i].name, required_argument, NULL,
							OPT_NUMBER + (int)i };
		*number_at(cfg, &numbers[i]) = numbers[i].preset;
	}
	/* A copy: the config is read again while this runs, and the GPU stays that of the start. */
	snprintf(cfg->conf_gpu, sizeof(cfg->conf_gpu), "%s", conf->gpu);
	if (cfg->conf_gpu[0])
		cfg->gpu = cfg->conf_gpu;
	if (conf->warm)
		cfg->warm = conf->warm;
	cfg->fence_timeout_s = conf->fence_timeout_s;
	cfg->require_cage = cage_preset();
	set_log("info");
	if (set_cgroup(cfg, cgroup ? cgroup : "none") >= 0)
		return EXIT_USAGE;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		status = set_option(cfg, c, optarg);
		if (status >= 0)
			return status;
	}
	cfg->worker_args = argv + optind;
	if (optind < argc && strcmp(argv[optind - 1], "--")) {
		fprintf(stderr, "xengpud: unexpected argument '%s'; see --help\n", argv[optind]);
		return EXIT_USAGE;
	}
	if (!strcmp(cfg->gpu, "model") && !cfg->allow_model) {
		fprintf(stderr, "xengpud: gpu=model, from %s, draws nothing: it is a model of a GPU for "
			"tests, and served with --allow-model only; for guests choose auto, soft or a "
			"render node\n", cfg->gpu == cfg->conf_gpu ? "the host's config" : "--gpu");
		return EXIT_USAGE;
	}
	if (cfg->max_pages < cfg->max_buffer_pages)
		cfg->max_buffer_pages = cfg->max_pages;
	return -1;
}
