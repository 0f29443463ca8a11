// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands: the table that says what each must look like, the parser that goes by it, and the few
 * that are about the connection itself.
 */
#include <errno.h>
#include <string.h>

#include "vt.h"

#define MAX_NAME	4096u
#define ANY_LENGTH	UINT32_MAX	/* fixed payload, but the header's length is not it */
#define VARIABLE	(UINT32_MAX - 1)	/* the header's length is the payload's */

#define WORDS(type)	((uint32_t)(sizeof(type) / sizeof(uint32_t)))

struct command {
	const char *name;
	uint32_t words;			/* of the payload; or VARIABLE */
	uint32_t length;		/* that the header must say; or ANY_LENGTH */
	uint32_t since;			/* version */
	bool context;			/* needs the context */
	int (*run)(struct vt_client *c, const uint32_t *payload, uint32_t n);
};

int vt_cmd_context(struct vt_client *c, uint32_t capset_id)
{
	const uint64_t offered = fe_session_limits(c->session)->capsets;
	const bool virgl = capset_id <= VGPUIF_CAPSET_VIRGL2;

	if (c->capset_id)
		return 0;
	if (capset_id > VGPUIF_MAX_CAPSET || !(offered & (UINT64_C(1) << capset_id)))
		return vt_fail(c, "the program wants capset %u, which the backend does not offer",
			       capset_id);
	if (fe_context_create(c->session, VT_CONTEXT, capset_id,
			      virgl ? 1 : VGPUIF_MAX_CONTEXT_RINGS, c->name, vt_must, c))
		return vt_fail(c, "the context cannot be created");
	c->capset_id = capset_id;
	return 0;
}

static int create_renderer(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	const char *untrusted_name = (const char *)payload;
	uint32_t i;

	for (i = 0; i < n && i < VT_NAME_BYTES - 1 && untrusted_name[i]; i++) {
		char ch = untrusted_name[i];

		c->name[i] = ch >= 0x20 && ch < 0x7f && ch != '"' && ch != '\\' ? ch : '_';
	}
	c->name[i] = '\0';
	c->created = true;
	return 0;
}

static int ping(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	(void)payload, (void)n;
	return vt_reply_words(c, VTEST_PING, NULL, 0);
}

static int protocol_version(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	const uint32_t max = c->options->max_version;
	uint32_t version = payload[0] < max ? payload[0] : max;

	(void)n;
	/* 1 was given up upstream and means 0. */
	if (version == 1)
		version = 0;
	if (c->table.n)
		return vt_fail(c, "the program changes the protocol's version with resources open");
	c->version = version;
	if (vt_reply_words(c, VTEST_PROTOCOL_VERSION, &version, 1))
		return -1;
	/* Creating it takes the renderer milliseconds, in which the program starts up. */
	return version < 3 ? vt_cmd_context(c, VGPUIF_CAPSET_VIRGL2) : 0;
}

static int get_caps(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	(void)payload, (void)n;
	return vt_caps_reply(c, VGPUIF_CAPSET_VIRGL);
}

static int get_caps2(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	(void)payload, (void)n;
	return vt_caps_reply(c, VGPUIF_CAPSET_VIRGL2);
}

static int context_init(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	(void)n;
	if (c->capset_id && c->capset_id != payload[0])
		return vt_fail(c, "the program has a context of capset %u and wants one of %u",
			       c->capset_id, payload[0]);
	return vt_cmd_context(c, payload[0]);
}

static bool busy(const struct vt_client *c)
{
	return c->wait_seq > c->done_seq || (c->wait_resource && c->wait_resource->gets);
}

static int reply_busy(struct vt_client *c, bool is_busy)
{
	uint32_t word = is_busy;

	return vt_reply_words(c, VTEST_BUSY_WAIT, &word, 1);
}

/*
 * What has to be over for a resource to be idle: for a fence, the submit before it. For others
 * every submit since they exist, as nobody looks into the commands; but the end of a transfer from
 * it that was sent behind the last submit says that, too.
 */
static void find_wait(struct vt_client *c, uint32_t handle)
{
	struct vt_resource *res = handle ? vt_res_find(c, handle) : NULL;
	uint64_t seq = c->submit_seq;

	c->wait_resource = NULL;
	c->wait_ticket = 0;
	if (res && res->kind == VT_FENCE) {
		seq = res->seq;
	} else if (res) {
		if (seq == res->seq || seq <= res->idle_seq ||
		    (res->gets && res->get_seq == seq))
			seq = 0;
		if (res->gets) {
			c->wait_resource = res;
			c->wait_ticket = res->get_ticket;
		}
	}
	c->wait_seq = seq;
	if (seq > c->done_seq && c->submit[seq % VT_SUBMITS].ticket > c->wait_ticket)
		c->wait_ticket = c->submit[seq % VT_SUBMITS].ticket;
}

static int busy_wait(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	const uint32_t handle = payload[0], flags = payload[1];

	(void)n;
	c->stats.busy_waits++;
	find_wait(c, handle);
	if (busy(c)) {
		fe_session_flush(c->session);
		if (fe_session_process(c->session) < 0)
			return vt_fail(c, "%s", fe_session_why(c->session));
	}
	if (!busy(c) || !(flags & VTEST_WAIT))
		return reply_busy(c, busy(c));
	c->stats.busy_waits_blocked++;
	c->wait = VT_WAIT_BUSY;
	c->wait_start_ns = fe_now_ns();
	return 0;
}

void vt_cmd_waited(struct vt_client *c)
{
	const enum vt_wait wait = c->wait;

	switch (wait) {
	case VT_WAIT_NONE:
		return;
	case VT_WAIT_BUSY:
		if (busy(c))
			return;
		fe_session_slept(c->session, fe_now_ns() - c->wait_start_ns);
		c->wait = VT_WAIT_NONE;
		reply_busy(c, false);
		return;
	case VT_WAIT_GET:
		if (c->wait_resource->gets)
			return;
		c->wait = VT_WAIT_NONE;
		vt_xfer_get_arrived(c);
		return;
	case VT_WAIT_CAPS:
		if (c->asked)
			return;
		c->wait = VT_WAIT_NONE;
		vt_caps_reply(c, (uint32_t)c->wait_seq);
		return;
	case VT_WAIT_CAPSET:
		if (c->asked)
			return;
		c->wait = VT_WAIT_NONE;
		vt_caps_capset_arrived(c);
		return;
	}
}

static int submit(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	/* It lies in the arena; what is dropped from it is overwritten there. */
	return vt_submit(c, (uint32_t *)(uintptr_t)payload, n);
}

static int submit2(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	return vt_submit2(c, (uint32_t *)(uintptr_t)payload, n);
}

#define FIXED(number, n, version, ctx, fn)							\
	[VTEST_##number] = { #number, (n), (n), (version), (ctx), (fn) }
#define ODD(number, n, len, version, ctx, fn)							\
	[VTEST_##number] = { #number, (n), (len), (version), (ctx), (fn) }

static const struct command commands[VTEST_N_COMMANDS] = {
	FIXED(GET_CAPS, 0, 0, false, get_caps),
	FIXED(RESOURCE_CREATE, WORDS(struct vtest_create) - 1, 0, true, vt_res_create),
	FIXED(RESOURCE_UNREF, 1, 0, true, vt_res_unref),
	FIXED(TRANSFER_GET, WORDS(struct vtest_transfer), 0, true, vt_xfer_get),
	/* Its data follows; data_size says how much, the header rounds it up. */
	ODD(TRANSFER_PUT, WORDS(struct vtest_transfer), ANY_LENGTH, 0, true, vt_xfer_put),
	ODD(SUBMIT, VARIABLE, ANY_LENGTH, 0, true, submit),
	FIXED(BUSY_WAIT, WORDS(struct vtest_busy_wait), 0, false, busy_wait),
	ODD(CREATE_RENDERER, VARIABLE, ANY_LENGTH, 0, false, create_renderer),
	FIXED(GET_CAPS2, 0, 0, false, get_caps2),
	FIXED(PING, 0, 0, false, ping),
	FIXED(PROTOCOL_VERSION, 1, 0, false, protocol_version),
	FIXED(RESOURCE_CREATE2, WORDS(struct vtest_create), 2, true, vt_res_create2),
	FIXED(TRANSFER_GET2, WORDS(struct vtest_transfer2), 2, true, vt_xfer_get2),
	/* Mesa's header counts data that it does not send. */
	ODD(TRANSFER_PUT2, WORDS(struct vtest_transfer2), ANY_LENGTH, 2, true, vt_xfer_put2),
	FIXED(GET_PARAM, 1, 3, false, vt_caps_get_param),
	FIXED(GET_CAPSET, 2, 3, false, vt_caps_get_capset),
	FIXED(CONTEXT_INIT, 1, 3, false, context_init),
	FIXED(RESOURCE_CREATE_BLOB, WORDS(struct vtest_blob), 3, true, vt_res_create_blob),
	FIXED(SYNC_CREATE, 2, 3, true, vt_sync_create),
	FIXED(SYNC_UNREF, 1, 3, true, vt_sync_unref),
	FIXED(SYNC_READ, 1, 3, true, vt_sync_read),
	FIXED(SYNC_WRITE, WORDS(struct vtest_sync), 3, true, vt_sync_write),
	ODD(SYNC_WAIT, VARIABLE, ANY_LENGTH, 3, true, vt_sync_wait),
	ODD(SUBMIT2, VARIABLE, ANY_LENGTH, 3, true, submit2),
};

/* Which command, and how many octets its payload has. NULL: the client has failed. */
static const struct command *look(struct vt_client *c, const struct vtest_header *h,
				  uint32_t *bytes)
{
	const struct command *cmd;

	if (h->command >= VTEST_N_COMMANDS || !commands[h->command].run) {
		vt_fail(c, "unknown command %u", h->command);
		return NULL;
	}
	cmd = &commands[h->command];
	if (c->created == (h->command == VTEST_CREATE_RENDERER)) {
		vt_fail(c, c->created ? "%s twice" : "%s before CREATE_RENDERER", cmd->name);
		return NULL;
	}
	if (cmd->since > c->version) {
		vt_fail(c, "%s needs version %u; %u was agreed on", cmd->name, cmd->since,
			c->version);
		return NULL;
	}
	if (cmd->length != ANY_LENGTH && h->length != cmd->length) {
		vt_fail(c, "%s with length %u instead of %u", cmd->name, h->length, cmd->length);
		return NULL;
	}
	if (cmd->words != VARIABLE) {
		*bytes = cmd->words * 4;
		return cmd;
	}
	if (h->command == VTEST_CREATE_RENDERER ? h->length > MAX_NAME :
						  h->length > VGPUIF_MAX_SUBMIT_BYTES / 4) {
		vt_fail(c, "%s with length %u", cmd->name, h->length);
		return NULL;
	}
	*bytes = h->command == VTEST_CREATE_RENDERER ? h->length : h->length * 4;
	return cmd;
}

/* Whether the octets that are missing can arrive. */
static void want(struct vt_client *c, const char *name, uint32_t bytes)
{
	int err;

	if (c->done_seq == c->submit_seq)
		vt_arena_free_all(&c->arena);
	err = vt_arena_need(&c->arena, bytes);
	if (err == -EAGAIN)
		c->no_room = true;
	else if (err)
		vt_fail(c, "%s of %u octets, more than the %u that can be granted here", name,
			bytes, c->arena.size);
}

void vt_cmd_parse(struct vt_client *c)
{
	const struct command *cmd;
	struct vtest_header h;
	uint32_t bytes, have;
	uint8_t *at;

	while (!c->wait && !c->failed) {
		have = vt_arena_data(&c->arena, &at);
		if (have < sizeof(h)) {
			want(c, "a command", sizeof(h));
			return;
		}
		memcpy(&h, at, sizeof(h));
		cmd = look(c, &h, &bytes);
		if (!cmd)
			return;
		if (have < sizeof(h) + bytes) {
			want(c, cmd->name, (uint32_t)sizeof(h) + bytes);
			return;
		}
		if (fe_session_free(c->session) < VT_MAX_REQUESTS) {
			c->no_room = true;
			return;
		}
		c->stats.commands++;
		if (cmd->context && vt_cmd_context(c, VGPUIF_CAPSET_VIRGL2))
			return;
		vt_arena_consume(&c->arena, (uint32_t)sizeof(h) + bytes);
		cmd->run(c, (const uint32_t *)(at + sizeof(h)),
			 h.command == VTEST_CREATE_RENDERER ? bytes : bytes / 4);
		vt_arena_align(&c->arena);
	}
}
