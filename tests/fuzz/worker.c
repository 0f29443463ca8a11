// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worker's handlers: sequences of requests with few ids, so that they meet each other's
 * objects, between messages of the supervisor, fences that signal, and an engine that fails. After
 * every turn all that the worker counts is counted again, and every request is answered exactly
 * once.
 */
#include "worker_env.h"

#define MAX_STEPS	400u
#define MAX_SENT	1024u

static const uint8_t ops[] = {
	VGPUIF_OP_CAPSET_INFO, VGPUIF_OP_CAPSET_GET, VGPUIF_OP_BUFFER_REGISTER,
	VGPUIF_OP_BUFFER_UNREGISTER, VGPUIF_OP_CONTEXT_CREATE, VGPUIF_OP_CONTEXT_DESTROY,
	VGPUIF_OP_RESOURCE_CREATE, VGPUIF_OP_RESOURCE_CREATE_BLOB, VGPUIF_OP_RESOURCE_ATTACH,
	VGPUIF_OP_RESOURCE_DETACH, VGPUIF_OP_RESOURCE_UNREF, VGPUIF_OP_CONTEXT_ATTACH,
	VGPUIF_OP_CONTEXT_DETACH, VGPUIF_OP_TRANSFER_TO_HOST, VGPUIF_OP_SUBMIT, VGPUIF_OP_SUBMIT,
	VGPUIF_OP_SUBMIT,
};

#define UNANSWERED	0x100u		/* in sent[], beside the operation */

static uint16_t sent[MAX_SENT];
static uint32_t n_sent, n_seen;		/* requests put; responses looked at */

/* Small as a rule. */
static uint32_t some(struct fuzz_in *in, uint32_t below)
{
	const uint8_t value = fuzz_u8(in);

	return value == 0xff ? fuzz_u32(in) : value % below;
}

static void fill(struct vgpuif_request *req, struct fuzz_in *in)
{
	switch (req->operation) {
	case VGPUIF_OP_CAPSET_INFO:
		req->u.capset_info.capset_index = some(in, 4);
		break;
	case VGPUIF_OP_CAPSET_GET:
		req->u.capset_get = (struct vgpuif_capset_get){
			.capset_id = some(in, 6), .capset_version = some(in, 4),
			.buffer_id = 1 + some(in, 4), .bytes = 1 + some(in, 100),
			.offset = some(in, 255) * 64u };
		break;
	case VGPUIF_OP_BUFFER_REGISTER:
		req->flags = some(in, 2) & VGPUIF_BUFFER_READ_ONLY;
		req->u.buffer_register = (struct vgpuif_buffer_register){
			.buffer_id = 1 + some(in, 4), .n_pages = 1 + some(in, 4),
			.gref_directory = 1 + some(in, ENV_DIRS) };
		break;
	case VGPUIF_OP_CONTEXT_CREATE:
		req->u.context_create = (struct vgpuif_context_create){
			.context_id = 1 + some(in, 4), .capset_id = some(in, 2) ? 4 : 1,
			.priority = some(in, 17), .n_rings = 1 + some(in, 3) };
		break;
	case VGPUIF_OP_RESOURCE_CREATE:
		req->u.resource_create = (struct vgpuif_resource_create){
			.resource_id = 1 + some(in, 6), .target = some(in, 5), .format = some(in, 255),
			.width = some(in, 255) << some(in, 12) % 12, .height = some(in, 255),
			.depth = some(in, 3), .array_size = some(in, 3), .last_level = some(in, 5),
			.nr_samples = some(in, 3) };
		break;
	case VGPUIF_OP_RESOURCE_CREATE_BLOB:
		req->u.resource_create_blob.context_id = some(in, 4);
		req->u.resource_create_blob.resource_id = 1 + some(in, 6);
		req->u.resource_create_blob.buffer_id = 1 + some(in, 4);
		req->u.resource_create_blob.blob_mem = VGPUIF_BLOB_MEM_GUEST;
		req->u.resource_create_blob.bytes = 1 + some(in, 255) * 64u;
		req->u.resource_create_blob.offset = some(in, 255) * 64u;
		break;
	case VGPUIF_OP_RESOURCE_ATTACH:
		req->u.resource_attach.resource_id = 1 + some(in, 6);
		req->u.resource_attach.buffer_id = 1 + some(in, 4);
		req->u.resource_attach.bytes = 1 + some(in, 255) * 64u;
		req->u.resource_attach.offset = some(in, 255) * 64u;
		break;
	case VGPUIF_OP_TRANSFER_TO_HOST:
		req->u.transfer = (struct vgpuif_transfer){
			.context_id = 1 + some(in, 4), .resource_id = 1 + some(in, 6),
			.offset = some(in, 255), .width = 1, .height = 1, .depth = 1 };
		break;
	case VGPUIF_OP_SUBMIT:
		req->flags = some(in, 4);
		req->u.submit.context_id = 1 + some(in, 4);
		req->u.submit.ring_idx = some(in, 3);
		req->u.submit.bytes = some(in, 255) * 64u;
		if (req->u.submit.bytes) {
			req->u.submit.buffer_id = 1 + some(in, 4);
			req->u.submit.offset = some(in, 255) * 64u;
		}
		break;
	case VGPUIF_OP_CONTEXT_ATTACH:
	case VGPUIF_OP_CONTEXT_DETACH:
		req->u.context_resource.resource_id = 1 + some(in, 6);
		req->u.context_resource.context_id = 1 + some(in, 4);
		break;
	default:
		/* One id, in the same place. */
		req->u.resource_unref.resource_id = 1 + some(in, 6);
	}
}

static void put(struct fuzz_in *in, bool raw)
{
	struct vgpuif_request req = { 0 };

	if (raw) {
		fuzz_bytes(in, &req, sizeof(req));
	} else {
		req.operation = ops[fuzz_u8(in) % (sizeof(ops) / sizeof(ops[0]))];
		fill(&req, in);
	}
	req.id = n_sent;
	if (n_sent == MAX_SENT || ring_front_put(&env.front, &req))
		return;
	sent[n_sent++] = UNANSWERED | req.operation;
	ring_front_push(&env.front);
}

static bool known_status(int status)
{
	static const int known[] = { 0, XEN_EINVAL, XEN_EOPNOTSUPP, XEN_ENOENT, XEN_EEXIST,
				     XEN_EBUSY, XEN_ENOSPC, XEN_EFAULT, XEN_ENOMEM, XEN_EIO,
				     XEN_ENODEV };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (status == -known[i])
			return true;
	return false;
}

/* The responses that came since the last look. */
static void look(void)
{
	const struct wrk *w = &env.w;
	struct vgpuif_response rsp;

	for (; n_seen != w->ring.r.rsp_prod_pvt; n_seen++) {
		rsp = *RING_GET_RESPONSE(&w->ring.r, n_seen);
		CHECK(known_status(rsp.status));
		CHECK(!rsp.reserved1 && !rsp.reserved0[0] && !rsp.reserved0[1] &&
		      !rsp.reserved0[2]);
		if (env.tampered)
			continue;
		CHECK(rsp.id < n_sent && sent[rsp.id]);
		CHECK_EQ(rsp.operation, sent[rsp.id] & 0xff);
		sent[rsp.id] = 0;
	}
	if (!env.tampered)
		while (ring_front_get(&env.front, &rsp) > 0)
			;
}

/* So that most are valid: each lists pages, and the chain is as long as it has to be. */
static void write_directory(struct fuzz_in *in)
{
	struct vgpuif_page_directory *dir = &env.dir[fuzz_u8(in) % ENV_DIRS];
	const uint8_t what = fuzz_u8(in);
	unsigned int i;

	if (what & 1) {
		((uint32_t *)(void *)dir)[some(in, 1024) % 1024] = some(in, 4);
		return;
	}
	for (i = 0; i < VGPUIF_DIRECTORY_REFS; i++)
		dir->gref[i] = 100 + i;
	dir->gref_next = what & 2 ? some(in, ENV_DIRS) : 0;
}

static void tamper(struct fuzz_in *in)
{
	const uint8_t what = fuzz_u8(in);

	env.tampered = true;
	if (what & 1)
		env_ring_pages->req_prod += (uint32_t)(int8_t)fuzz_u8(in);
	else if (what & 2)
		fuzz_bytes(in, &env_ring_pages->ring[what >> 2 & 31], 64);
	else
		((uint32_t *)(void *)env_ring_pages)[what >> 2 & 15] = fuzz_u32(in);
}

static void supervisor(struct fuzz_in *in)
{
	static const int errs[] = { 0, 0, 0, 0, -EDQUOT, -EFAULT, -ENOMEM, -ENODEV };
	struct ctl_msg msg = { 0 };
	const uint8_t what = fuzz_u8(in);

	switch (what % 8) {
	case 0: case 1: case 2:
		if (env.map_due)
			env_answer_map(errs[what >> 3 & 7]);
		else if (env.memory_wanted)
			env_answer_memory(what & 8 ? -EDQUOT : 0, what & 16 ? 1 << 20 : 0);
		return;
	case 3: case 4:
		msg = (struct ctl_msg){ .type = CTL_RUN, .bytes = CTL_BYTES(run) };
		msg.u.run.mode = 1 + some(in, 3) % 3;
		msg.u.run.serial = fuzz_u8(in);
		msg.u.run.lease_ns = (uint64_t)fuzz_u8(in) << some(in, 30) % 30;
		break;
	case 5:
		msg = (struct ctl_msg){ .type = CTL_LIMITS, .bytes = CTL_BYTES(limits) };
		msg.u.limits.max_fps = some(in, 100);
		break;
	case 6:
		msg = (struct ctl_msg){ .type = what & 8 ? CTL_LATER : CTL_MEMORY_RECALL,
					.bytes = offsetof(struct ctl_msg, u) };
		break;
	default:
		if (what < 0xf0)
			return;
		/* What makes no sense now ends the worker, and leaves nothing behind. */
		msg = (struct ctl_msg){ .type = what & 8 ? CTL_MEMORY_GRANT : CTL_GRANT };
		msg.bytes = what & 8 ? CTL_BYTES(memory_grant) : CTL_BYTES(grant);
		msg.u.grant.seq = fuzz_u8(in);
		msg.u.grant.err = -EFAULT;
		msg.u.grant.n_pages = 1;
		if (what & 8)
			msg.u.memory_grant = (struct ctl_memory_grant){ .err = -EDQUOT };
		else if (msg.u.grant.seq == env.w.reg.seq)
			env.map_due = false;
		if (what & 8 && env.memory_wanted)
			env.memory_wanted = 0;
	}
	env_tell(&msg);
}

static void step(struct fuzz_in *in)
{
	static const int errs[] = { -EIO, -ENOTRECOVERABLE, -ENOMEM, -EOPNOTSUPP };
	const uint8_t what = fuzz_u8(in);

	switch (what % 16) {
	case 0: case 1: case 2: case 3: case 4: case 5:
		put(in, false);
		/* Several at once are taken in one slice. */
		if (what & 0x80)
			return;
		break;
	case 6:
		put(in, true);
		break;
	case 7: case 8:
		write_directory(in);
		return;
	case 9: case 10:
		supervisor(in);
		break;
	case 11: case 12:
		env.now_ns += (uint64_t)fuzz_u8(in) << 12;
		env.busy_ns += (uint64_t)fuzz_u8(in) << 12;
		if (env.n_fences)
			env_retire((what >> 4) % env.n_fences);
		break;
	case 13:
		env.engine_err = errs[what >> 4 & 3];
		if (what & 0x40)
			env.map_err = -EFAULT;
		break;
	case 14:
		if (what & 0x80)
			env.send_full = what >> 4 & 7;
		else if (env.w.held & WRK_HELD_FPS)
			wrk_limit_timer(&env.w);
		env.now_ns += (uint64_t)fuzz_u8(in) << 20;
		break;
	default:
		if (what >= 0xc0)
			tamper(in);
	}
	env_turn();
}

/* Whatever holds the session back comes: every request is answered. */
static void finish(void)
{
	struct ctl_msg msg = { .type = CTL_RUN, .bytes = CTL_BYTES(run), .u.run.mode = CTL_RUN_FREE };
	unsigned int turns;
	uint32_t i;

	env.send_full = 0;
	env.engine_err = env.map_err = 0;
	env_turn();
	if (!env.has_message)
		env_tell(&msg);
	for (turns = 0; turns < 4000 && !env.w.ended; turns++) {
		env_turn();
		if (env.map_due && !env.has_message)
			env_answer_map(0);
		else if (env.memory_wanted && !env.has_message)
			env_answer_memory(0, 0);
		if (env.n_fences)
			env_retire(0);
		if (env.w.held & WRK_HELD_FPS)
			wrk_limit_timer(&env.w);
		env.now_ns += UINT64_C(2000000000);
		env_check();
		look();
		if (env.w.stats->requests == env.w.stats->responses &&
		    env.w.ring.r.req_cons == env_ring_pages->req_prod)
			break;
	}
	for (i = 0; !env.w.ended && !env.tampered && i < n_sent; i++)
		if (sent[i])
			harness_fail(__FILE__, __LINE__, "request %u (%s) is not answered, held %#x", i,
				     request_name(sent[i] & 0xff), env.w.held);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct ctl_bind limits = { .max_buffer_pages = 3000, .max_buffers = 3, .max_contexts = 3,
				   .max_resources = 5, .max_pages = 4000, .memory_mib = 64 };
	const uint8_t how = fuzz_u8(&in);
	unsigned int steps = 0;

	limits.memory_bytes = (uint64_t)(how & 3) << 20;
	limits.inflight_mib = how >> 2 & 1;
	limits.max_fps = how & 8 ? 60 : 0;
	limits.queue_us = how & 16 ? 4000 : 0;
	n_sent = n_seen = 0;
	env_start(&limits, how & 32);
	while (in.left && steps++ < MAX_STEPS && !env.w.ended) {
		step(&in);
		env_check();
		look();
	}
	finish();
	env_stop();
	return 0;
}
