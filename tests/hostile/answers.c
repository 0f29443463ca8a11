// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests whose answer is known: an unknown operation, reserved bits, ids that do not exist, too
 * much of everything. The session survives each of them.
 */
#include "hostile.h"
#include "request.h"

static void want(struct sess *s, const char *name, int32_t status, struct vgpuif_request req)
{
	const int32_t got = sess_call(s, &req);

	if (got == SESS_ENDED)
		die("%s: the session ended: %s", name, s->why);
	if (got != status)
		wrong("%s: answered %d (%s), not %d", name, got, request_strstatus(got), status);
}

#define WANT(s, name, status, ...)	\
	want(s, name, status, (struct vgpuif_request){ __VA_ARGS__ })

static void unknown_and_reserved(struct sess *s)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_CAPSET_INFO };

	WANT(s, "an unknown operation", -XEN_EOPNOTSUPP, .operation = 200);
	WANT(s, "a reserved operation", -XEN_EOPNOTSUPP, .operation = 3);
	WANT(s, "PRESENT, which is not built", -XEN_EOPNOTSUPP, .operation = VGPUIF_OP_PRESENT);
	WANT(s, "a flag that does not exist", -XEN_EINVAL, .operation = VGPUIF_OP_CAPSET_INFO,
	     .flags = 0x8000);
	WANT(s, "the reserved octet", -XEN_EINVAL, .operation = VGPUIF_OP_CAPSET_INFO,
	     .reserved = 1);
	req.u.octets[55] = 1;
	want(s, "a reserved octet at the end", -XEN_EINVAL, req);
	WANT(s, "a capset past the last", -XEN_ENOENT, .operation = VGPUIF_OP_CAPSET_INFO,
	     .u.capset_info = { .capset_index = 1000 });
}

static void missing_ids(struct sess *s)
{
	want(s, "a buffer that does not exist", -XEN_ENOENT,
	     req_id(VGPUIF_OP_BUFFER_UNREGISTER, 12345));
	want(s, "a context that does not exist", -XEN_ENOENT,
	     req_id(VGPUIF_OP_CONTEXT_DESTROY, 12345));
	want(s, "a resource that does not exist", -XEN_ENOENT,
	     req_id(VGPUIF_OP_RESOURCE_UNREF, 12345));
	want(s, "a submit for a context that does not exist", -XEN_ENOENT, req_submit(77, 0, 0, 0));
	want(s, "context 0", -XEN_EINVAL, req_context(0));
	WANT(s, "a capset that is not offered", -XEN_ENOENT, .operation = VGPUIF_OP_CONTEXT_CREATE,
	     .u.context_create = { .context_id = 9, .capset_id = 50, .n_rings = 1 });
	want(s, "a context that exists", -XEN_EEXIST, req_context(1));
	want(s, "a resource that exists", -XEN_EEXIST, req_texture(1, 16));
	want(s, "a backing store where there is one", -XEN_EEXIST,
	     req_attach(1, SCENE_PIXELS, 0, PAGE));
	want(s, "a backing store that may not be written", -XEN_EINVAL,
	     (want(s, "...", 0, req_texture(9, 16)), req_attach(9, SCENE_CMDS, 0, PAGE)));
	want(s, "a buffer that is in use", -XEN_EBUSY,
	     req_id(VGPUIF_OP_BUFFER_UNREGISTER, SCENE_PIXELS));
	want(s, "commands outside their buffer", -XEN_EINVAL,
	     req_submit(1, SCENE_CMDS, SCENE_CMDS_PAGES * PAGE, 8));
	want(s, "... by one word", -XEN_EINVAL,
	     req_submit(1, SCENE_CMDS, SCENE_CMDS_PAGES * PAGE - 8, 12));
	want(s, "a transfer from behind the backing store", -XEN_EINVAL,
	     (struct vgpuif_request){
		.operation = VGPUIF_OP_TRANSFER_TO_HOST,
		.u.transfer = { .context_id = 1, .resource_id = 1,
				.offset = SCENE_SIDE * SCENE_SIDE * 4, .width = 1, .height = 1,
				.depth = 1 } });
}

static void directories(struct sess *s)
{
	const uint32_t max = host.limits.max_buffer_pages;
	struct vgpuif_page_directory *dir = sess_dir(s, 0);
	const uint32_t ref = s->dir->refs[0];
	uint32_t i;

	sess_directory(s, SCENE_SPARE_PAGE, 2);
	s->next_dir = 0;
	sess_directory(s, SCENE_SPARE_PAGE, 2);
	want(s, "more pages than may be",
	     max < VGPUIF_MAX_BUFFER_PAGES ? -XEN_ENOSPC : -XEN_EINVAL,
	     req_register(5, max + 1, ref));
	want(s, "no pages at all", -XEN_EINVAL, req_register(5, 0, ref));
	want(s, "a directory that was not granted", -XEN_EFAULT, req_register(5, 2, 0x00fffff0));
	want(s, "a directory that ends early", -XEN_EINVAL, req_register(5, 3, ref));
	dir->gref[1] = 0x00fffff0;
	want(s, "a reference that was not granted", -XEN_EFAULT, req_register(5, 2, ref));
	dir->gref[1] = s->mem->refs[SCENE_SPARE_PAGE + 1];
	dir->gref_next = ref;
	want(s, "a chain that goes on", -XEN_EINVAL, req_register(5, 2, ref));
	for (i = 0; i < VGPUIF_DIRECTORY_REFS; i++)
		dir->gref[i] = s->mem->refs[SCENE_SPARE_PAGE];
	want(s, "a chain that is a loop, too short for the pages", -XEN_EINVAL,
	     req_register(5, VGPUIF_DIRECTORY_REFS * 2 + 2, ref));
	dir->gref_next = 0;
	dir->gref[1] = s->mem->refs[SCENE_SPARE_PAGE + 1];
	want(s, "and after all that a good one", 0, req_register(5, 2, ref));
	want(s, "whose id is taken", -XEN_EEXIST, req_register(5, 2, ref));
	want(s, "unregister", 0, req_id(VGPUIF_OP_BUFFER_UNREGISTER, 5));
}

static void answers(void)
{
	struct sess s;

	sess_open(&s);
	if (!sess_scene(&s))
		die("no scene: %s", s.why);
	unknown_and_reserved(&s);
	missing_ids(&s);
	directories(&s);
	if (!sess_draws(&s))
		wrong("it does not draw after that");
	sess_close(&s);
}

const struct hostile_case cases_answers[] = {
	{ "answers", "wrong requests, each answered with the status that fits", answers },
	{ 0 },
};
