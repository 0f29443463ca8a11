// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu info: a domain's vgpus in the manner of xl info: where its policy comes from, what it says,
 * what xenstore has, and what xengpud counted, if one runs here.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <json-c/json.h>

#include "paths.h"
#include "vgpuif.h"
#include "xengpu_cmd.h"

struct info {
	struct cmd *cmd;
	uint16_t domid;
	char name[ATTACH_MAX_NAME];
	char uuid[ATTACH_UUID_BYTES];	/* "" when it has none */
	struct json_object *stats;	/* NULL when nobody answered */
	unsigned int n;
};

__attribute__((format(printf, 2, 3)))
static void row(const char *key, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	cmd_clean(text);
	printf("%-23s: %s\n", key, text);
}

static void print_policy(const struct info *info)
{
	static const char *const from[] = {
		[POLICY_ADMIN] = "the administrator's",
		[POLICY_SAVED] = "saved by xengpu",
		[POLICY_CONFIG] = "its own config",
		[POLICY_DEFAULT] = "the host's default",
	};
	char why[WHY_BYTES], key[32], text[OPTION_MAX_TEXT];
	struct cmd *cmd = info->cmd;
	struct policy policy;
	unsigned int i;

	if (hostconf_read(cmd->paths.conf, &cmd->conf, why) ||
	    policy_find(&cmd->paths, &cmd->conf, info->name, info->uuid, &policy, why)) {
		row("policy", "error: %s", why);
		return;
	}
	if (policy.from == POLICY_NONE) {
		row("policy", "none: it gets no vgpu when it starts");
		return;
	}
	row("policy", "%s (%s)%s", policy.source, from[policy.from],
	    policy.n ? "" : ": no vgpu");
	for (i = 0; i < policy.n; i++) {
		snprintf(key, sizeof(key), "policy_vgpu_%u", policy.vgpu[i].devid);
		option_print(&policy.vgpu[i], text);
		row(key, "%s", text);
	}
}

/*
 * What xengpud made of the policy when the domain came, "UUID text" in a node that no guest can
 * write: where it found it, what it waits for, or what was wrong.
 */
static void print_mark(const struct info *info)
{
	const size_t len = strlen(info->uuid);
	char mark[1024];

	if (xst_read(info->cmd->xst, XST_NO_TX,
		     paths_libxl_domain(info->domid, "vgpu-policy").s, mark, sizeof(mark)) < 0 ||
	    strncmp(mark, info->uuid, len) || mark[len] != ' ')
		return;
	row("when_it_started", "%s", mark + len + 1);
}

/* What the backend advertises to the guest. */
static void print_limits(const struct info *info, const struct attach_vgpu *v)
{
	static const char *const nodes[] = {
		VGPUIF_NODE_VERSIONS, VGPUIF_NODE_CAPSETS, VGPUIF_NODE_MAX_SESSIONS,
		VGPUIF_NODE_MAX_CONTEXTS, VGPUIF_NODE_MAX_RESOURCES, VGPUIF_NODE_MAX_BUFFERS,
		VGPUIF_NODE_MAX_BUFFER_PAGES, VGPUIF_NODE_MAX_PAGES,
		VGPUIF_NODE_MAX_MEMORY, VGPUIF_NODE_MAX_RING_PAGE_ORDER,
	};
	char text[256];
	size_t i;

	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		if (xst_read(info->cmd->xst, XST_NO_TX,
			     paths_back(v->backend, v->domid, v->devid, nodes[i]).s, text,
			     sizeof(text)) >= 0)
			row(nodes[i], "%s", text);
	}
}

static bool has_number(struct json_object *o, const char *name, int number)
{
	struct json_object *member;

	return json_object_object_get_ex(o, name, &member) &&
	       json_object_is_type(member, json_type_int) &&
	       json_object_get_int(member) == number;
}

static bool has_text(struct json_object *o, const char *name, const char *text)
{
	struct json_object *member;

	return *text && json_object_object_get_ex(o, name, &member) &&
	       !strcasecmp(json_object_get_string(member), text);
}

/* Whatever xengpud says of it, but what was printed already. */
static void print_members(struct json_object *o)
{
	static const char *const known[] = { "domid", "name", "uuid", "devid", "state", "error" };
	size_t i;

	json_object_object_foreach(o, name, member) {
		for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			if (!strcmp(name, known[i]))
				break;
		}
		if (i < sizeof(known) / sizeof(known[0]) ||
		    json_object_is_type(member, json_type_array) ||
		    json_object_is_type(member, json_type_object))
			continue;
		row(name, "%s", json_object_get_string(member));
	}
}

static void print_counters(const struct info *info, const struct attach_vgpu *v)
{
	struct json_object *devices, *device;
	size_t i;

	if (!json_object_object_get_ex(info->stats, "devices", &devices) ||
	    !json_object_is_type(devices, json_type_array))
		return;
	for (i = 0; i < json_object_array_length(devices); i++) {
		device = json_object_array_get_idx(devices, i);
		if (has_number(device, "domid", v->domid) && has_number(device, "devid", v->devid))
			print_members(device);
	}
}

/* Bans are of a UUID, and of a name only where there is none. */
static bool is_banned(const struct info *info, struct json_object *ban)
{
	struct json_object *key;

	if (json_object_object_get_ex(ban, "uuid", &key) && policy_uuid_ok(json_object_get_string(key)))
		return has_text(ban, "uuid", info->uuid);
	return has_text(ban, "name", info->name);
}

static void print_bans(const struct info *info)
{
	struct json_object *bans, *ban;
	size_t i;

	if (!json_object_object_get_ex(info->stats, "bans", &bans) ||
	    !json_object_is_type(bans, json_type_array))
		return;
	for (i = 0; i < json_object_array_length(bans); i++) {
		ban = json_object_array_get_idx(bans, i);
		if (!is_banned(info, ban))
			continue;
		row("banned", "until `xengpu allow %s`", info->name);
		print_members(ban);
	}
}

static int print_device(const struct attach_vgpu *v, void *arg)
{
	struct info *info = arg;
	char text[OPTION_MAX_TEXT], backend[ATTACH_MAX_NAME];
	struct vgpu_option option;
	struct cmd_row r;

	info->n++;
	cmd_read_row(info->cmd->xst, v, &r);
	attach_domain_name(info->cmd->xst, v->backend, backend);
	putchar('\n');
	row("vgpu", "%u", v->devid);
	row("backend", "%s, id %u", backend, v->backend);
	row("state", "%s", xenbus_state_name(r.back_state));
	row("frontend_state", "%s", xenbus_state_name(r.front_state));
	if (r.error[0])
		row("error", "%s", r.error);
	row("sessions_open", "%u", r.n_sessions);
	if (attach_read_option(info->cmd->xst, v, &option)) {
		row("options", "cannot be read");
	} else {
		option_print(&option, text);
		row("options", "%s", text);
	}
	print_limits(info, v);
	print_counters(info, v);
	return 0;
}

int xengpu_info(struct cmd *cmd, int argc, char **argv)
{
	struct info info = { .cmd = cmd };
	char *answer;
	int status, err;

	if (argc != 2 || argv[1][0] == '-')
		return CMD_USAGE;
	if (policy_paths_init(&cmd->paths))
		return cmd_error("XENGPU_ROOT is too long");
	status = cmd_store(cmd);
	if (!status)
		status = cmd_domain(cmd, argv[1], &info.domid);
	if (status)
		return status;
	attach_domain_name(cmd->xst, info.domid, info.name);
	if (attach_domain_uuid(cmd->xst, info.domid, info.uuid))
		info.uuid[0] = '\0';
	row("name", "%s", info.name);
	row("id", "%u", info.domid);
	row("uuid", "%s", info.uuid);
	print_policy(&info);
	print_mark(&info);
	/* Says so on stderr where none runs: the rest is worth having without. */
	if (!cmd_ask(NULL, "stats", &answer)) {
		info.stats = json_tokener_parse(answer);
		free(answer);
	}
	print_bans(&info);
	err = attach_each(cmd->xst, info.domid, print_device, &info);
	json_object_put(info.stats);
	if (err)
		return cmd_error("cannot read xenstore: %s", cmd_strerror(err));
	if (!info.n)
		row("vgpu", "none attached");
	return CMD_OK;
}
