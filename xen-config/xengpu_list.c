// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu list: the vgpus of one domain or of all, in the manner of xl block-list, or as JSON. Reads
 * xenstore only, so it works whether xengpud runs or not.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#include "paths.h"
#include "vgpuif.h"
#include "xengpu_cmd.h"

struct listing {
	struct cmd *cmd;
	struct json_object *array;	/* NULL for a table */
	bool heading;
};

struct count {
	struct xst *xst;
	const struct attach_vgpu *vgpu;
	uint32_t n;
};

static int count_session(const char *name, void *arg)
{
	struct count *count = arg;
	const struct attach_vgpu *v = count->vgpu;
	enum xenbus_state state;
	uint32_t session;
	struct path node;

	if (!paths_parse_session(name, UINT32_MAX, &session))
		return 0;
	node = paths_back_session(v->backend, v->domid, v->devid, session, "state");
	if (!xenbus_read_state(count->xst, XST_NO_TX, node.s, &state) &&
	    state == XenbusStateConnected)
		count->n++;
	return 0;
}

void cmd_read_row(struct xst *xst, const struct attach_vgpu *v, struct cmd_row *row)
{
	struct count count = { .xst = xst, .vgpu = v };

	memset(row, 0, sizeof(*row));
	attach_domain_name(xst, v->domid, row->name);
	xenbus_read_state(xst, XST_NO_TX, paths_back(v->backend, v->domid, v->devid, "state").s,
			  &row->back_state);
	xenbus_read_state(xst, XST_NO_TX, paths_front(v->domid, v->devid, "state").s,
			  &row->front_state);
	xst_read(xst, XST_NO_TX, paths_back(v->backend, v->domid, v->devid, VGPUIF_NODE_ERROR).s,
		 row->error, sizeof(row->error));
	cmd_clean(row->name);
	cmd_clean(row->error);
	xst_list(xst, XST_NO_TX, paths_back(v->backend, v->domid, v->devid, NULL).s, count_session,
		 &count);
	row->n_sessions = count.n;
}

static void add_json(struct json_object *array, const struct attach_vgpu *v,
		     const struct cmd_row *row)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "domid", json_object_new_int(v->domid));
	json_object_object_add(o, "name", json_object_new_string(row->name));
	json_object_object_add(o, "devid", json_object_new_int(v->devid));
	json_object_object_add(o, "backend", json_object_new_int(v->backend));
	json_object_object_add(o, "state",
			       json_object_new_string(xenbus_state_name(row->back_state)));
	json_object_object_add(o, "frontend_state",
			       json_object_new_string(xenbus_state_name(row->front_state)));
	json_object_object_add(o, "sessions", json_object_new_int64(row->n_sessions));
	if (row->error[0])
		json_object_object_add(o, "error", json_object_new_string(row->error));
	json_object_object_add(o, "backend_path", json_object_new_string(
			       paths_back(v->backend, v->domid, v->devid, NULL).s));
	json_object_array_add(array, o);
}

static int list_one(const struct attach_vgpu *v, void *arg)
{
	struct listing *l = arg;
	struct cmd_row row;

	cmd_read_row(l->cmd->xst, v, &row);
	if (l->array) {
		add_json(l->array, v, &row);
		return 0;
	}
	if (!l->heading)
		printf("%-4s %-3s %-24s %-4s %-12s %-12s %-4s %s\n", "Vdev", "BE", "Name", "ID",
		       "state", "frontend", "sess", "BE-path");
	l->heading = true;
	printf("%-4u %-3u %-24s %-4u %-12s %-12s %-4u %s\n", v->devid, v->backend, row.name,
	       v->domid, xenbus_state_name(row.back_state), xenbus_state_name(row.front_state),
	       row.n_sessions, paths_back(v->backend, v->domid, v->devid, NULL).s);
	if (row.error[0])
		printf("     error: %s\n", row.error);
	return 0;
}

int xengpu_list(struct cmd *cmd, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	struct listing l = { .cmd = cmd };
	int c, err, status, domid = -1;
	bool json = false;
	uint16_t id;

	while ((c = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (c != 'j')
			return CMD_USAGE;
		json = true;
	}
	if (argc - optind > 1)
		return CMD_USAGE;
	status = cmd_store(cmd);
	if (!status && optind < argc) {
		status = cmd_domain(cmd, argv[optind], &id);
		domid = id;
	}
	if (status)
		return status;
	if (json)
		l.array = json_object_new_array();
	err = attach_each(cmd->xst, domid, list_one, &l);
	if (json && !err)
		puts(json_object_to_json_string_ext(l.array, JSON_C_TO_STRING_PRETTY |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(l.array);
	return err ? cmd_error("cannot read xenstore: %s", cmd_strerror(err)) : CMD_OK;
}
