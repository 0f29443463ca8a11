// SPDX-License-Identifier: GPL-2.0-only
/*
 * The figures of a session, when it ends: a line for a person, and one of JSON for programs.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vt.h"

struct field {
	const char *name;
	uint64_t value;
};

static int to_json(const struct vt_client *c, const struct field *fields, size_t n, char *out,
		   size_t bytes)
{
	size_t i, used;

	/* The name was cleaned when it came. */
	used = (size_t)snprintf(out, bytes, "{\"program\":\"%s\",\"pid\":%d,\"version\":%u,"
				"\"ended\":\"%s\"", c->name, (int)c->peer_pid, c->version,
				c->failed && !c->ended ? "error" : "program");
	for (i = 0; i < n && used < bytes; i++)
		used += (size_t)snprintf(out + used, bytes - used, ",\"%s\":%" PRIu64,
					 fields[i].name, fields[i].value);
	if (used < bytes)
		used += (size_t)snprintf(out + used, bytes - used, "}\n");
	return used < bytes ? (int)used : -1;
}

void vt_stats_report(const struct vt_client *c)
{
	const struct fe_stats *f = fe_session_stats(c->session);
	const struct vt_stats *v = &c->stats;
	const uint64_t lived_ms = (fe_now_ns() - c->start_ns) / 1000000u;
	const struct field fields[] = {
		{ "lived_ms", lived_ms },
		{ "submits", f->submits },
		{ "requests", f->requests },
		{ "responses", f->responses },
		{ "errors", f->errors },
		{ "fences", f->fences },
		{ "transfers", f->transfers },
		{ "notifications_sent", f->notifies },
		{ "notifications_received", f->events },
		{ "share_ops", f->share_ops },
		{ "unshare_ops", f->unshare_ops },
		{ "pages_shared", f->pages_shared },
		{ "command_bytes", f->command_bytes },
		{ "command_bytes_in", v->command_bytes_in },
		{ "command_bytes_dropped", v->command_bytes_dropped },
		{ "command_bytes_moved", v->command_bytes_moved + c->arena.moved_bytes },
		{ "surface_bytes_copied", v->surface_bytes_copied },
		{ "submits_elided", v->submits_elided },
		{ "fences_local", v->fences_local },
		{ "resources_refused", v->refused },
		{ "busy_waits", v->busy_waits },
		{ "busy_waits_blocked", v->busy_waits_blocked },
		{ "resources", v->resources },
		{ "buffers_reused", v->buffers_reused },
		{ "commands", v->commands },
		{ "bytes_in", v->bytes_in },
		{ "reads", v->reads },
		{ "polls_paid", f->polls_paid },
		{ "polls_vain", f->polls_vain },
	};
	char line[2048];
	int fd, n;

	vt_log("%s (process %d) ended after %" PRIu64 ".%03" PRIu64 " s: %" PRIu64 " submits, %"
	       PRIu64 " octets of commands, %" PRIu64 " requests, %" PRIu64 "/%" PRIu64
	       " notifications out/in, %" PRIu64 " grant operations for %" PRIu64 " pages, %" PRIu64
	       " octets of surfaces copied", c->name, (int)c->peer_pid, lived_ms / 1000,
	       lived_ms % 1000, f->submits, f->command_bytes, f->requests, f->notifies, f->events,
	       f->share_ops, f->pages_shared, v->surface_bytes_copied);
	if (!c->options->stats_path[0])
		return;
	n = to_json(c, fields, sizeof(fields) / sizeof(fields[0]), line, sizeof(line));
	fd = open(c->options->stats_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || n < 0 || write(fd, line, (size_t)n) < 0)
		vt_log("%s cannot be written", c->options->stats_path);
	if (fd >= 0)
		close(fd);
}
