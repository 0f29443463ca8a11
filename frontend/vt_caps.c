// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the renderer can do. Asked when the session opens, so that the answer is there when the
 * client wants it. A program's first question is GET_CAPS2 and GET_CAPS in one, whose replies say
 * their length in octets, and one more.
 */
#include <string.h>

#include "request.h"
#include "vt.h"

#include "linux/virgl_caps.h"

/* Places in the result pages. */
#define AT_VIRGL	0u
#define AT_VIRGL2	1024u
#define AT_ANY		VGPUIF_PAGE_BYTES
#define END		(2 * VGPUIF_PAGE_BYTES)

static void info_done(void *arg, const struct vgpuif_request *req,
		      const struct vgpuif_response *rsp)
{
	struct vt_client *c = arg;
	struct vt_capset *set = &c->capset[c->n_capsets];

	c->asked--;
	vt_must(c, req, rsp);
	if (rsp->status)
		return;
	set->id = rsp->u.capset_info.capset_id;
	set->max_version = rsp->u.capset_info.max_version;
	set->max_bytes = rsp->u.capset_info.max_bytes;
	c->n_capsets++;
}

static void get_done(void *arg, const struct vgpuif_request *req,
		     const struct vgpuif_response *rsp)
{
	struct vt_client *c = arg;

	c->asked--;
	vt_must(c, req, rsp);
	c->result_bytes = rsp->u.capset_get.bytes;
	if (!rsp->status && c->result_bytes > req->u.capset_get.bytes)
		vt_fail(c, "the backend says it wrote %u octets into room for %u", c->result_bytes,
			req->u.capset_get.bytes);
}

static int ask(struct vt_client *c, uint32_t id, uint32_t version, uint32_t offset, uint32_t end)
{
	const struct vgpuif_capset_get get = {
		.capset_id = id,
		.capset_version = version,
		.buffer_id = fe_buffer_id(c->results),
		.bytes = end - offset,
		.offset = offset,
	};

	if (fe_capset_get(c->session, &get, get_done, c))
		return vt_fail(c, "the capsets cannot be asked for");
	c->asked++;
	return 0;
}

int vt_caps_ask(struct vt_client *c)
{
	const uint64_t offered = fe_session_limits(c->session)->capsets;
	uint32_t i, n = (uint32_t)__builtin_popcountll(offered);

	for (i = 0; i < n && i < VT_MAX_CAPSETS; i++) {
		if (fe_capset_info(c->session, i, info_done, c))
			return vt_fail(c, "the capsets cannot be asked for");
		c->asked++;
	}
	if ((offered & (1u << VGPUIF_CAPSET_VIRGL)) &&
	    ask(c, VGPUIF_CAPSET_VIRGL, 1, AT_VIRGL, AT_VIRGL2))
		return -1;
	if ((offered & (1u << VGPUIF_CAPSET_VIRGL2)) &&
	    ask(c, VGPUIF_CAPSET_VIRGL2, 1, AT_VIRGL2, AT_ANY))
		return -1;
	return 0;
}

/* A copy of a capset is sent: the backend can write to the pages it came in. */
static int send_capset(struct vt_client *c, uint32_t id, uint32_t at, uint32_t bytes)
{
	uint8_t copy[VGPUIF_PAGE_BYTES];

	memcpy(copy, (uint8_t *)fe_buffer_addr(c->results) + at, bytes);
	virgl_caps_adjust(id, copy, bytes);
	return vt_reply(c, copy, bytes);
}

static const struct vt_capset *find(const struct vt_client *c, uint32_t id)
{
	uint32_t i;

	for (i = 0; i < c->n_capsets; i++)
		if (c->capset[i].id == id)
			return &c->capset[i];
	return NULL;
}

int vt_caps_reply(struct vt_client *c, uint32_t capset_id)
{
	const uint32_t at = capset_id == VGPUIF_CAPSET_VIRGL ? AT_VIRGL : AT_VIRGL2;
	const uint32_t room = capset_id == VGPUIF_CAPSET_VIRGL ? AT_VIRGL2 : AT_ANY - AT_VIRGL2;
	const struct vt_capset *set;
	uint32_t header[2];

	if (c->asked) {
		c->wait = VT_WAIT_CAPS;
		c->wait_seq = capset_id;
		c->wait_ticket = 0;
		c->wait_start_ns = fe_now_ns();
		return 0;
	}
	set = find(c, capset_id);
	if (!set || !set->max_bytes || set->max_bytes > room)
		return vt_fail(c, "the backend offers no capset %u (virgl)", capset_id);
	header[0] = set->max_bytes + 1;
	header[1] = capset_id;
	if (vt_reply(c, header, sizeof(header)))
		return -1;
	return send_capset(c, capset_id, at, set->max_bytes);
}

int vt_caps_get_param(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	const bool known = payload[0] == VTEST_PARAM_TIMELINES;
	const uint32_t words[2] = { known, known ? VTEST_TIMELINES : 0 };

	(void)n;
	return vt_reply_words(c, VTEST_GET_PARAM, words, 2);
}

static bool all_known(void *arg)
{
	const struct vt_client *c = arg;

	return !c->asked;
}

int vt_caps_get_capset(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	const uint32_t id = payload[0], version = payload[1];
	const struct vt_capset *set;
	const uint32_t no = 0;

	(void)n;
	if (c->asked && vt_wait(c, all_known, c, "the backend does not say what it offers"))
		return -1;
	set = find(c, id);
	if (!set || version > set->max_version || set->max_bytes > END - AT_ANY ||
	    set->max_bytes % 4)
		return vt_reply_words(c, VTEST_GET_CAPSET, &no, 1);
	if (ask(c, id, version, AT_ANY, AT_ANY + set->max_bytes))
		return -1;
	c->wait = VT_WAIT_CAPSET;
	c->wait_seq = id;
	c->wait_bytes = set->max_bytes;
	c->wait_ticket = 0;
	c->wait_start_ns = fe_now_ns();
	return 0;
}

void vt_caps_capset_arrived(struct vt_client *c)
{
	const uint32_t header[3] = { 1 + c->wait_bytes / 4, VTEST_GET_CAPSET, 1 };

	if (!c->failed && !vt_reply(c, header, sizeof(header)))
		send_capset(c, (uint32_t)c->wait_seq, AT_ANY, c->wait_bytes);
}
