// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu stats: what the xengpud of this domain counted, asked over its control socket; as the JSON
 * that came, or as a table for each device.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "xengpu_cmd.h"

static int ask(const char *control, struct json_object **out)
{
	char *text;
	int status = cmd_ask(control, "stats", &text);

	if (status)
		return status;
	*out = json_tokener_parse(text);
	free(text);
	return *out ? CMD_OK : cmd_error("xengpud's answer makes no sense: is it of another "
					 "version?");
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

int xengpu_stats(struct cmd *cmd, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "control", required_argument, NULL, 'c' },
		{ 0 },
	};
	const char *path = NULL;
	struct json_object *answer, *member;
	bool json = false;
	int c, status;

	(void)cmd;
	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (c == 'j')
			json = true;
		else if (c == 'c')
			path = optarg;
		else
			return CMD_USAGE;
	}
	if (argc - optind > 1)
		return CMD_USAGE;
	status = ask(path, &answer);
	if (status)
		return status;
	if (!json_object_object_get_ex(answer, "devices", &member) ||
	    !json_object_is_type(member, json_type_array) ||
	    !json_object_object_get_ex(answer, "supervisor", &member))
		status = cmd_error("xengpud's answer makes no sense: is it of another version?");
	else if (optind < argc)
		status = filter(answer, argv[optind]);
	if (!status && json)
		puts(json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PRETTY |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
	else if (!status)
		print_table(answer);
	json_object_put(answer);
	return status;
}
