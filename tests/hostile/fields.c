// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every field of every request at 0, 1, its largest value, one less, one more, the largest of its
 * type, and a few at random; alone, and several at once. The request around it is a good one, and
 * so is what it names, which is made again after each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostile.h"
#include "request.h"
#include "virgl.h"

struct field {
	uint8_t operation;
	const char *name;
	uint8_t offset, bytes;
	uint64_t max;			/* that the protocol, or GL, allows */
};

#define FIELD(op, member, field, max_)								\
	{ VGPUIF_OP_##op, #op " " #field, offsetof(struct vgpuif_request, u.member.field),	\
	  sizeof(((struct vgpuif_request *)0)->u.member.field), max_ }

static const struct field fields[] = {
	FIELD(CAPSET_INFO, capset_info, capset_index, 2),
	FIELD(CAPSET_GET, capset_get, capset_id, VGPUIF_MAX_CAPSET),
	FIELD(CAPSET_GET, capset_get, capset_version, 2),
	FIELD(CAPSET_GET, capset_get, buffer_id, UINT32_MAX),
	FIELD(CAPSET_GET, capset_get, bytes, SCENE_PIXELS_PAGES * PAGE),
	FIELD(CAPSET_GET, capset_get, offset, SCENE_PIXELS_PAGES * PAGE),
	FIELD(BUFFER_REGISTER, buffer_register, buffer_id, UINT32_MAX),
	FIELD(BUFFER_REGISTER, buffer_register, n_pages, VGPUIF_MAX_BUFFER_PAGES),
	FIELD(BUFFER_REGISTER, buffer_register, gref_directory, UINT32_MAX),
	FIELD(BUFFER_UNREGISTER, buffer_unregister, buffer_id, UINT32_MAX),
	FIELD(CONTEXT_CREATE, context_create, context_id, UINT32_MAX),
	FIELD(CONTEXT_CREATE, context_create, capset_id, VGPUIF_MAX_CAPSET),
	FIELD(CONTEXT_CREATE, context_create, priority, VGPUIF_MAX_PRIORITY),
	FIELD(CONTEXT_CREATE, context_create, n_rings, VGPUIF_MAX_CONTEXT_RINGS),
	FIELD(CONTEXT_CREATE, context_create, name[0], UINT8_MAX),
	FIELD(CONTEXT_CREATE, context_create, name[31], UINT8_MAX),
	FIELD(CONTEXT_DESTROY, context_destroy, context_id, UINT32_MAX),
	FIELD(RESOURCE_CREATE, resource_create, resource_id, UINT32_MAX),
	FIELD(RESOURCE_CREATE, resource_create, target, 8),
	FIELD(RESOURCE_CREATE, resource_create, format, 350),
	FIELD(RESOURCE_CREATE, resource_create, bind, 1u << 26),
	FIELD(RESOURCE_CREATE, resource_create, width, 16384),
	FIELD(RESOURCE_CREATE, resource_create, height, 16384),
	FIELD(RESOURCE_CREATE, resource_create, depth, 2048),
	FIELD(RESOURCE_CREATE, resource_create, array_size, 2048),
	FIELD(RESOURCE_CREATE, resource_create, last_level, 15),
	FIELD(RESOURCE_CREATE, resource_create, nr_samples, 32),
	FIELD(RESOURCE_CREATE, resource_create, resource_flags, 7),
	FIELD(RESOURCE_CREATE_BLOB, resource_create_blob, context_id, UINT32_MAX),
	FIELD(RESOURCE_CREATE_BLOB, resource_create_blob, resource_id, UINT32_MAX),
	FIELD(RESOURCE_CREATE_BLOB, resource_create_blob, blob_mem, 3),
	FIELD(RESOURCE_CREATE_BLOB, resource_create_blob, blob_flags, 7),
	FIELD(RESOURCE_CREATE_BLOB, resource_create_blob, blob_id, UINT64_MAX),
	FIELD(RESOURCE_CREATE_BLOB, resource_create_blob, bytes, SCENE_PIXELS_PAGES * PAGE),
	FIELD(RESOURCE_CREATE_BLOB, resource_create_blob, buffer_id, UINT32_MAX),
	FIELD(RESOURCE_CREATE_BLOB, resource_create_blob, reserved, 0),
	FIELD(RESOURCE_CREATE_BLOB, resource_create_blob, offset, SCENE_PIXELS_PAGES * PAGE),
	FIELD(RESOURCE_ATTACH, resource_attach, resource_id, UINT32_MAX),
	FIELD(RESOURCE_ATTACH, resource_attach, buffer_id, UINT32_MAX),
	FIELD(RESOURCE_ATTACH, resource_attach, offset, SCENE_PIXELS_PAGES * PAGE),
	FIELD(RESOURCE_ATTACH, resource_attach, bytes, SCENE_PIXELS_PAGES * PAGE),
	FIELD(RESOURCE_DETACH, resource_detach, resource_id, UINT32_MAX),
	FIELD(RESOURCE_UNREF, resource_unref, resource_id, UINT32_MAX),
	FIELD(CONTEXT_ATTACH, context_resource, context_id, UINT32_MAX),
	FIELD(CONTEXT_ATTACH, context_resource, resource_id, UINT32_MAX),
	FIELD(CONTEXT_DETACH, context_resource, context_id, UINT32_MAX),
	FIELD(CONTEXT_DETACH, context_resource, resource_id, UINT32_MAX),
#define TRANSFER(op)								\
	FIELD(op, transfer, context_id, UINT32_MAX),				\
	FIELD(op, transfer, resource_id, UINT32_MAX),				\
	FIELD(op, transfer, offset, SCENE_SIDE * SCENE_SIDE * 4),		\
	FIELD(op, transfer, x, SCENE_SIDE), FIELD(op, transfer, y, SCENE_SIDE),	\
	FIELD(op, transfer, z, 1), FIELD(op, transfer, width, SCENE_SIDE),	\
	FIELD(op, transfer, height, SCENE_SIDE), FIELD(op, transfer, depth, 1),	\
	FIELD(op, transfer, level, 15), FIELD(op, transfer, stride, SCENE_SIDE * 4),	\
	FIELD(op, transfer, layer_stride, SCENE_SIDE * SCENE_SIDE * 4),		\
	FIELD(op, transfer, reserved, 0)
	TRANSFER(TRANSFER_TO_HOST),
	TRANSFER(TRANSFER_FROM_HOST),
	FIELD(SUBMIT, submit, context_id, UINT32_MAX),
	FIELD(SUBMIT, submit, ring_idx, VGPUIF_MAX_CONTEXT_RINGS),
	FIELD(SUBMIT, submit, buffer_id, UINT32_MAX),
	FIELD(SUBMIT, submit, bytes, VGPUIF_MAX_SUBMIT_BYTES),
	FIELD(SUBMIT, submit, offset, SCENE_CMDS_PAGES * PAGE),
};

#define N_FIELDS	(sizeof(fields) / sizeof(fields[0]))

/* A good request, which works in a scene. New things get numbers of their own. */
#define NEW_ID		100u

static struct vgpuif_request good(struct sess *s, uint8_t operation)
{
	const struct vgpuif_request blob = {
		.operation = VGPUIF_OP_RESOURCE_CREATE_BLOB,
		.u.resource_create_blob = { .resource_id = NEW_ID,
					    .blob_mem = VGPUIF_BLOB_MEM_GUEST, .bytes = PAGE,
					    .buffer_id = SCENE_SPARE } };
	const struct vgpuif_request capset = {
		.operation = VGPUIF_OP_CAPSET_GET,
		.u.capset_get = { .capset_id = VGPUIF_CAPSET_VIRGL2, .buffer_id = SCENE_SPARE,
				  .bytes = PAGE } };

	switch (operation) {
	case VGPUIF_OP_CAPSET_GET:
		return capset;
	case VGPUIF_OP_BUFFER_REGISTER:
		return req_register(NEW_ID, 4, sess_directory(s, SCENE_SPARE_PAGE, 4));
	case VGPUIF_OP_BUFFER_UNREGISTER:
		return req_id(operation, SCENE_SPARE);
	case VGPUIF_OP_CONTEXT_CREATE:
		return req_context(NEW_ID);
	case VGPUIF_OP_CONTEXT_DESTROY:
		return req_id(operation, 2);
	case VGPUIF_OP_RESOURCE_CREATE:
		return req_texture(NEW_ID, 16);
	case VGPUIF_OP_RESOURCE_CREATE_BLOB:
		return blob;
	case VGPUIF_OP_RESOURCE_ATTACH:
		return req_attach(3, SCENE_SPARE, 0, PAGE);
	case VGPUIF_OP_RESOURCE_DETACH:
	case VGPUIF_OP_RESOURCE_UNREF:
		return req_id(operation, 1);
	case VGPUIF_OP_CONTEXT_ATTACH:
	case VGPUIF_OP_CONTEXT_DETACH:
		return req_pair(operation, 2, 1);
	case VGPUIF_OP_TRANSFER_TO_HOST:
	case VGPUIF_OP_TRANSFER_FROM_HOST:
		return req_transfer(operation, 1, 1, SCENE_SIDE);
	case VGPUIF_OP_SUBMIT:
		return req_submit(1, SCENE_CMDS, 0, 64);
	default:
		return (struct vgpuif_request){ .operation = operation };
	}
}

/* A scene, and what the good requests need besides. False: the session is over. */
static bool prepare(struct sess *s)
{
	struct vgpuif_request more[] = {
		req_register(SCENE_SPARE, SCENE_SPARE_PAGES,
			     sess_directory(s, SCENE_SPARE_PAGE, SCENE_SPARE_PAGES)),
		req_texture(3, 16),
	};

	memset(sess_page(s, SCENE_CMDS_PAGE), 0, SCENE_CMDS_PAGES * PAGE);
	if (!sess_scene(s))
		return false;
	sess_put(s, &more[0]);
	sess_put(s, &more[1]);
	sess_push(s);
	return sess_sync(s);
}

/* What a request may have made comes away; what it may have removed is made. */
static bool restore(struct sess *s, const struct vgpuif_request *req, int32_t status)
{
	struct vgpuif_request undo = { 0 };

	switch (req->operation) {
	case VGPUIF_OP_BUFFER_REGISTER:
		undo = req_id(VGPUIF_OP_BUFFER_UNREGISTER, req->u.buffer_register.buffer_id);
		break;
	case VGPUIF_OP_CONTEXT_CREATE:
		undo = req_id(VGPUIF_OP_CONTEXT_DESTROY, req->u.context_create.context_id);
		break;
	case VGPUIF_OP_RESOURCE_CREATE:
		undo = req_id(VGPUIF_OP_RESOURCE_UNREF, req->u.resource_create.resource_id);
		break;
	case VGPUIF_OP_RESOURCE_CREATE_BLOB:
		undo = req_id(VGPUIF_OP_RESOURCE_UNREF, req->u.resource_create_blob.resource_id);
		break;
	case VGPUIF_OP_RESOURCE_ATTACH:
		undo = req_id(VGPUIF_OP_RESOURCE_DETACH, req->u.resource_attach.resource_id);
		break;
	case VGPUIF_OP_TRANSFER_TO_HOST:
	case VGPUIF_OP_TRANSFER_FROM_HOST:
	case VGPUIF_OP_SUBMIT:
		/* A context that was lost by it. */
		if (status != -XEN_EIO)
			return true;
		undo = req_id(VGPUIF_OP_CONTEXT_DESTROY, 1);
		break;
	default:
		return prepare(s);
	}
	return sess_call(s, &undo) != SESS_ENDED && prepare(s);
}

static void set(struct vgpuif_request *req, const struct field *f, uint64_t value)
{
	/* Little-endian, as the wire is. */
	memcpy((uint8_t *)req + f->offset, &value, f->bytes);
}

static void describe(char *text, size_t bytes, const struct vgpuif_request *req)
{
	const uint32_t *word = (const uint32_t *)(const void *)req->u.octets;
	size_t n, i;

	n = (size_t)snprintf(text, bytes, "%s flags %x", request_name(req->operation), req->flags);
	for (i = 0; i < 14 && n < bytes; i++)
		n += (size_t)snprintf(text + n, bytes - n, " %x", word[i]);
}

/* Send it alone, so that what it does to the worker is known to be its doing. */
static void try(struct sess *s, struct vgpuif_request *req)
{
	int32_t status = sess_call(s, req);
	char text[256];

	describe(text, sizeof(text), req);
	if (status != SESS_ENDED && restore(s, req, status))
		return;
	sess_lost(s, text);
	sess_reopen(s);
	if (!prepare(s))
		die("no scene: %s", s->why);
}

struct todo {
	const struct field *field;
	uint64_t value;
};

#define VALUES	10u

static uint32_t all_values(struct todo *todo)
{
	uint32_t n = 0, i;

	for (i = 0; i < N_FIELDS; i++) {
		const struct field *f = &fields[i];
		const uint64_t top = f->bytes == 8 ? UINT64_MAX : (1ull << 8 * f->bytes) - 1;
		const uint64_t values[VALUES] = { 0, 1, f->max - 1, f->max, f->max + 1, top - 1,
						  top, top / 2 + 1, rnd64(), rnd64() };
		uint32_t j;

		for (j = 0; j < VALUES; j++)
			todo[n++] = (struct todo){ f, values[j] };
	}
	/* In another order each time; where time is short another part of it each time. */
	for (i = n - 1; i; i--) {
		const uint32_t other = rnd(i + 1);
		const struct todo keep = todo[i];

		todo[i] = todo[other];
		todo[other] = keep;
	}
	return n;
}

static void every_field(void)
{
	static struct todo todo[N_FIELDS * VALUES];
	const uint32_t n = all_values(todo);
	struct vgpuif_request req;
	struct sess s;
	uint32_t i;

	sess_open(&s);
	if (!prepare(&s))
		die("no scene: %s", s.why);
	for (i = 0; i < n && (!host.bounded || time_left()); i++) {
		req = good(&s, todo[i].field->operation);
		set(&req, todo[i].field, todo[i].value);
		try(&s, &req);
	}
	say("%u of %u values tried in %zu fields", i, n, N_FIELDS);
	sess_close(&s);
}

static void headers(void)
{
	struct vgpuif_request req;
	struct sess s;
	uint32_t op, i, n = 0;

	sess_open(&s);
	if (!prepare(&s))
		die("no scene: %s", s.why);
	for (op = 0; op < 256 && (!host.bounded || time_left()); op++) {
		for (i = 0; i < 6; i++, n++) {
			req = good(&s, (uint8_t)op);
			if (i < 2)
				req.flags ^= (uint16_t)(i ? rnd_edge() : 1u << rnd(16));
			else if (i == 2)
				req.reserved = (uint8_t)(1 + rnd(255));
			else if (i == 3)
				req.u.octets[rnd(56)] ^= (uint8_t)(1u << rnd(8));
			else if (i == 4)
				memset(req.u.octets, 0xff, sizeof(req.u.octets));
			try(&s, &req);
		}
	}
	say("%u requests of %u operations", n, op);
	sess_close(&s);
}

/* Several fields of one request. */
static void combinations(void)
{
	struct vgpuif_request req;
	struct sess s;
	uint32_t n;

	sess_open(&s);
	if (!prepare(&s))
		die("no scene: %s", s.why);
	for (n = 0; time_left(); n++) {
		const struct field *f = &fields[rnd(N_FIELDS)];
		uint32_t i, k = 1 + rnd(4);

		req = good(&s, f->operation);
		while (k--) {
			for (i = rnd(N_FIELDS); fields[i].operation != f->operation;)
				i = (i + 1) % N_FIELDS;
			set(&req, &fields[i], rnd(3) ? rnd_edge() : rnd((uint32_t)f->max | 1));
		}
		try(&s, &req);
	}
	say("%u requests", n);
	sess_close(&s);
}

const struct hostile_case cases_fields[] = {
	{ "fields", "every field of every request at its extremes", every_field },
	{ "headers", "all operations, flags, reserved octets", headers },
	{ "combinations", "several fields of a request at once", combinations },
	{ 0 },
};
