// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu stats: what the xengpud of this domain counted, asked over its control socket; as the JSON
 * that came, as a table for each device, or as metrics.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "metrics.h"
#include "xengpu_cmd.h"

struct options {
	const char *control;
	const char *domain;		/* NULL: all */
	bool json;
	bool metrics;
	enum metrics_format format;
	const char *file;		/* NULL: standard output */
};

static bool is_answer(struct json_object *answer)
{
	struct json_object *member;

	return json_object_object_get_ex(answer, "devices", &member) &&
	       json_object_is_type(member, json_type_array) &&
	       json_object_object_get_ex(answer, "supervisor", &member) &&
	       json_object_is_type(member, json_type_object);
}

/* @out: set on success only. */
static int ask(const char *control, struct json_object **out)
{
	struct json_object *answer;
	char *text;
	int status = cmd_ask(control, "stats", &text);

	if (status)
		return status;
	answer = json_tokener_parse(text);
	free(text);
	if (is_answer(answer)) {
		*out = answer;
		return CMD_OK;
	}
	json_object_put(answer);
	return cmd_error("xengpud's answer makes no sense: is it of another version?");
}

/* Leave only the devices of the domain, a name or an id, in the answer. */
static int filter(struct json_object *answer, const char *domain)
{
	struct json_object *devices, *keep = json_object_new_array(), *device, *member;
	uint16_t domid = 0;
	bool is_id = !xenbus_parse_u16(domain, &domid), match;
	size_t i;

	json_object_object_get_ex(answer, "devices", &devices);
	for (i = 0; i < json_object_array_length(devices); i++) {
		device = json_object_array_get_idx(devices, i);
		if (is_id)
			match = json_object_object_get_ex(device, "domid", &member) &&
				json_object_get_int(member) == domid;
		else
			match = json_object_object_get_ex(device, "name", &member) &&
				!strcmp(json_object_get_string(member), domain);
		if (match)
			json_object_array_add(keep, json_object_get(device));
	}
	i = json_object_array_length(keep);
	json_object_object_add(answer, "devices", keep);
	return i ? CMD_OK : cmd_error("the backend has no vgpu of domain %s", domain);
}

static const char *text_of(struct json_object *o, const char *name)
{
	struct json_object *member;

	return json_object_object_get_ex(o, name, &member) ? json_object_get_string(member) : "";
}

static void print_numbers(struct json_object *o)
{
	json_object_object_foreach(o, name, member) {
		if (json_object_is_type(member, json_type_int))
			printf("  %-24s %s\n", name, json_object_get_string(member));
	}
}

static void print_table(struct json_object *answer)
{
	struct json_object *devices, *supervisor;
	size_t i;

	printf("renderer: %s\n", text_of(answer, "renderer"));
	if (text_of(answer, "cage")[0])
		printf("cage: %s%s%s\n", text_of(answer, "cage"),
		       text_of(answer, "cage_reason")[0] ? ": " : "", text_of(answer, "cage_reason"));
	if (text_of(answer, "error")[0])
		printf("error: %s\n", text_of(answer, "error"));
	json_object_object_get_ex(answer, "devices", &devices);
	for (i = 0; i < json_object_array_length(devices); i++) {
		struct json_object *device = json_object_array_get_idx(devices, i);

		printf("\n%s (domain %s), vgpu %s: %s\n", text_of(device, "name"),
		       text_of(device, "domid"), text_of(device, "devid"),
		       text_of(device, "state"));
		print_numbers(device);
	}
	json_object_object_get_ex(answer, "supervisor", &supervisor);
	printf("\nxengpud\n");
	print_numbers(supervisor);
}

/* Returns 0; -EINVAL, the answer has not what it should; or -errno: it cannot be written. */
static int write_metrics(const struct options *o, struct json_object *answer, char *why)
{
	int err;

	if (o->file)
		return metrics_write(answer, o->format, o->file, why);
	err = metrics_print(answer, o->format, stdout, why);
	if (!err && (fflush(stdout) || ferror(stdout))) {
		err = -EIO;
		why_set(why, "cannot write metrics to standard output");
	}
	return err;
}

/* Without an answer that makes sense, too: what was written before would be taken for how things are. */
static int print_metrics(const struct options *o, struct json_object *answer)
{
	char why[WHY_BYTES];
	int err = write_metrics(o, answer, why);

	if (!err)
		return CMD_OK;
	cmd_error("%s", why);
	if (err == -EINVAL && write_metrics(o, NULL, why))
		cmd_error("%s", why);
	return CMD_FAILED;
}

static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longopts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "control", required_argument, NULL, 'c' },
		{ "openmetrics", optional_argument, NULL, 'o' },
		{ "prometheus", optional_argument, NULL, 'p' },
		{ 0 },
	};
	int c;

	*o = (struct options){ 0 };
	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (c) {
		case 'j':
			o->json = true;
			break;
		case 'c':
			o->control = optarg;
			break;
		case 'o':
		case 'p':
			if (o->metrics || (optarg && !*optarg)) {
				cmd_error(o->metrics ? "--openmetrics, --prometheus: one of them, once" :
					  "--openmetrics=FILE, --prometheus=FILE: FILE is missing");
				return CMD_USAGE;
			}
			o->metrics = true;
			o->format = c == 'o' ? METRICS_OPENMETRICS : METRICS_PROMETHEUS;
			o->file = optarg;
			break;
		default:
			return CMD_USAGE;
		}
	}
	if (o->json && o->metrics) {
		cmd_error("--json or metrics: one of them");
		return CMD_USAGE;
	}
	o->domain = optind < argc ? argv[optind] : NULL;
	return argc - optind > 1 ? CMD_USAGE : CMD_OK;
}

int xengpu_stats(struct cmd *cmd, int argc, char **argv)
{
	struct json_object *answer = NULL;
	struct options o;
	int status;

	(void)cmd;
	status = parse_options(argc, argv, &o);
	if (status)
		return status;
	status = ask(o.control, &answer);
	if (!status && o.domain)
		status = filter(answer, o.domain);
	if (o.metrics)
		status = print_metrics(&o, answer) ? CMD_FAILED : status;
	else if (!status && o.json)
		puts(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PRETTY |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
	else if (!status)
		print_table(answer);
	json_object_put(answer);
	return status;
}
