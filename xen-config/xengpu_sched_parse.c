// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line of xengpu sched: xl's letters where xl has them (-d, -w, -c, -s, -r).
 */
#include <getopt.h>
#include <string.h>

#include "xengpu_sched.h"

static int set_key(struct sched_options *o, enum option_key key, const char *text)
{
	char why[WHY_BYTES];

	if (!option_set(&o->change, key, text, why))
		return CMD_OK;
	cmd_error("%s", why);
	return CMD_USAGE;
}

static int set_devid(struct sched_options *o, const char *text)
{
	uint16_t devid;

	if (xenbus_parse_u16(text, &devid)) {
		cmd_error("DEVID must be 0..65535, not '%.40s'", text);
		return CMD_USAGE;
	}
	o->filter.devid = devid;
	return CMD_OK;
}

static int set_policy(struct sched_options *o, const char *text)
{
	if (!hostconf_policy_ok(text)) {
		cmd_error("policy=%.40s: the value must be one of " HOSTCONF_POLICIES, text);
		return CMD_USAGE;
	}
	strcpy(o->policy, text);
	o->change_gpu = true;
	return CMD_OK;
}

static int set_us(struct sched_options *o, const char *name, const char *text, uint32_t min, uint32_t max,
		  uint32_t *out)
{
	if (xenbus_parse_u32(text, out) || *out < min || *out > max) {
		cmd_error("%s=%.40s: the value must be %u..%u", name, text, min, max);
		return CMD_USAGE;
	}
	o->change_gpu = true;
	return CMD_OK;
}

static int set_slice(struct sched_options *o, const char *text)
{
	return set_us(o, "slice_us", text, HOSTCONF_MIN_SLICE_US, HOSTCONF_MAX_SLICE_US,
		      &o->slice_us);
}

static int set_ratelimit(struct sched_options *o, const char *text)
{
	o->has_ratelimit = true;
	return set_us(o, "ratelimit_us", text, 0, HOSTCONF_MAX_RATELIMIT_US, &o->ratelimit_us);
}

/* "policy=deadline,slice_us=2000" behind -s. */
static int set_gpu_keys(struct sched_options *o, char *text)
{
	static const struct {
		const char *name;
		int (*set)(struct sched_options *o, const char *text);
	} keys[] = { { "policy", set_policy },
		     { "slice_us", set_slice },
		     { "ratelimit_us", set_ratelimit } };
	int status = CMD_OK;
	char *item, *value;
	size_t i;

	while (!status && (item = strsep(&text, ","))) {
		value = strchr(item, '=');
		if (value)
			*value++ = '\0';
		for (i = 0; i < 3 && strcmp(item, keys[i].name); i++)
			;
		if (i == 3) {
			cmd_error("unknown parameter '%.40s' of the GPU; there are policy=, "
				  "slice_us=, ratelimit_us=", item);
			return CMD_USAGE;
		}
		status = keys[i].set(o, value ? value : "");
	}
	return status;
}

static int parse_one(struct sched_options *o, int c)
{
	switch (c) {
	case 'd':
		o->filter.domain = optarg;
		return CMD_OK;
	case 'n':
		return set_devid(o, optarg);
	case 'w':
		return set_key(o, OPTION_WEIGHT, optarg);
	case 'c':
		return set_key(o, OPTION_CAP, optarg);
	case 'f':
		return set_key(o, OPTION_FPS, optarg);
	case 'm':
		return set_key(o, OPTION_MAX_FPS, optarg);
	case 's':
		o->gpu = true;
		return CMD_OK;
	case 'p':
		return set_policy(o, optarg);
	case 't':
		return set_slice(o, optarg);
	case 'r':
		return set_ratelimit(o, optarg);
	case 'j':
		o->json = true;
		return CMD_OK;
	case 'S':
		o->no_save = true;
		return CMD_OK;
	default:
		return CMD_USAGE;
	}
}

static int check_together(const struct sched_options *o)
{
	const bool change = o->change.given;
	const char *wrong = NULL;

	if (o->gpu && (o->filter.domain || change))
		wrong = "-s is about the GPU and -d about a domain: one of them";
	else if (o->change_gpu && !o->gpu)
		wrong = "policy, slice and ratelimit are the GPU's: -s with them";
	else if (change && !o->filter.domain)
		wrong = "whose weight, cap or rate? Name a domain with -d";
	else if (o->filter.devid >= 0 && !o->filter.domain)
		wrong = "-n is the number of a domain's vgpu: name the domain with -d";
	else if (o->json && (change || o->change_gpu))
		wrong = "--json is for showing";
	if (!wrong)
		return CMD_OK;
	cmd_error("%s", wrong);
	return CMD_USAGE;
}

int sched_parse(int argc, char **argv, struct sched_options *o)
{
	static const struct option longopts[] = {
		{ "domain", required_argument, NULL, 'd' },
		{ "devid", required_argument, NULL, 'n' },
		{ "weight", required_argument, NULL, 'w' },
		{ "cap", required_argument, NULL, 'c' },
		{ "fps", required_argument, NULL, 'f' },
		{ "max_fps", required_argument, NULL, 'm' },
		{ "schedparam", no_argument, NULL, 's' },
		{ "policy", required_argument, NULL, 'p' },
		{ "slice_us", required_argument, NULL, 't' },
		{ "ratelimit_us", required_argument, NULL, 'r' },
		{ "json", no_argument, NULL, 'j' },
		{ "no-save", no_argument, NULL, 'S' },
		{ 0 },
	};
	int c, status;

	*o = (struct sched_options){ .filter = { .devid = -1 } };
	while ((c = getopt_long(argc, argv, "d:n:w:c:f:m:sp:t:r:", longopts, NULL)) != -1) {
		status = parse_one(o, c);
		if (status)
			return status;
	}
	for (; o->gpu && optind < argc; optind++) {
		status = set_gpu_keys(o, argv[optind]);
		if (status)
			return status;
	}
	return optind < argc ? CMD_USAGE : check_together(o);
}
