// SPDX-License-Identifier: GPL-2.0-only
/*
 * A frontend that gets things wrong, run in a guest beside a working xengpu-vtest: opens a session
 * of its own and sends requests whose answers are known: an unknown operation, reserved bits,
 * directories that lie, ids that do not exist, too much of everything. The session must survive
 * each of them. With the argument "index" it then writes an impossible producer index, and with
 * "order" it asks for a ring that is too large; both must end with the backend's words in view.
 * TAP on standard output.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xen/errno.h>

#include "evt.h"
#include "fe_priv.h"
#include "gnt.h"
#include "request.h"
#include "xengpu.h"
#include "xst.h"

#define WAIT_MS	20000u

static struct fe_session *session;
static unsigned int n_tests, n_bad;

static void result(const char *name, int32_t got, int32_t want)
{
	n_tests++;
	if (got == want) {
		printf("ok %u - %s\n", n_tests, name);
		return;
	}
	n_bad++;
	printf("not ok %u - %s\n# answered %d (%s), want %d\n", n_tests, name, got,
	       request_strstatus(got), want);
}

static int finish(void)
{
	printf("1..%u\n", n_tests);
	return n_bad ? 1 : 0;
}

static void die(const char *what, const char *why)
{
	printf("Bail out! %s: %s\n", what, why);
	exit(1);
}

struct answer {
	bool came;
	int32_t status;
};

static void note_answer(void *arg, const struct vgpuif_request *req,
			const struct vgpuif_response *rsp)
{
	struct answer *answer = arg;

	(void)req;
	answer->status = rsp->status;
	answer->came = true;
}

static bool has_come(void *arg)
{
	return ((struct answer *)arg)->came;
}

static int32_t ask(struct vgpuif_request *req)
{
	struct answer answer = { 0 };

	if (fe_post(session, req, note_answer, &answer, NULL) ||
	    fe_session_wait(session, has_come, &answer, WAIT_MS))
		die("no answer", fe_session_why(session));
	return answer.status;
}

/* A request with one field set, and the status it must be answered with. */
#define ASK(name, want, ...)									\
	do {											\
		struct vgpuif_request req_ = { __VA_ARGS__ };					\
												\
		result(name, ask(&req_), want);							\
	} while (0)

static void unknown_and_reserved(void)
{
	struct vgpuif_request req = { .operation = VGPUIF_OP_CAPSET_INFO };

	ASK("an unknown operation", -XEN_EOPNOTSUPP, .operation = 200);
	ASK("a reserved operation", -XEN_EOPNOTSUPP, .operation = 3);
	ASK("PRESENT, which is not built", -XEN_EOPNOTSUPP, .operation = VGPUIF_OP_PRESENT);
	ASK("a flag that does not exist", -XEN_EINVAL, .operation = VGPUIF_OP_CAPSET_INFO,
	    .flags = 0x8000);
	ASK("the reserved octet", -XEN_EINVAL, .operation = VGPUIF_OP_CAPSET_INFO, .reserved = 1);
	req.u.octets[55] = 1;
	result("a reserved octet at the end", ask(&req), -XEN_EINVAL);
	ASK("a capset past the last", -XEN_ENOENT, .operation = VGPUIF_OP_CAPSET_INFO,
	    .u.capset_info = { .capset_index = 1000 });
}

static void missing_ids(void)
{
	ASK("a buffer that does not exist", -XEN_ENOENT, .operation = VGPUIF_OP_BUFFER_UNREGISTER,
	    .u.buffer_unregister = { .buffer_id = 12345 });
	ASK("a context that does not exist", -XEN_ENOENT, .operation = VGPUIF_OP_CONTEXT_DESTROY,
	    .u.context_destroy = { .context_id = 12345 });
	ASK("a resource that does not exist", -XEN_ENOENT, .operation = VGPUIF_OP_RESOURCE_UNREF,
	    .u.resource_unref = { .resource_id = 12345 });
	ASK("a submit for a context that does not exist", -XEN_ENOENT,
	    .operation = VGPUIF_OP_SUBMIT, .flags = VGPUIF_SUBMIT_FENCE,
	    .u.submit = { .context_id = 77 });
	ASK("context 0", -XEN_EINVAL, .operation = VGPUIF_OP_CONTEXT_CREATE,
	    .u.context_create = { .capset_id = VGPUIF_CAPSET_VIRGL2, .n_rings = 1 });
	ASK("a capset that is not offered", -XEN_ENOENT, .operation = VGPUIF_OP_CONTEXT_CREATE,
	    .u.context_create = { .context_id = 1, .capset_id = 50, .n_rings = 1 });
}

static int32_t register_buffer(uint32_t id, uint32_t n_pages, uint32_t gref)
{
	struct vgpuif_request req = {
		.operation = VGPUIF_OP_BUFFER_REGISTER,
		.u.buffer_register = { .buffer_id = id, .n_pages = n_pages, .gref_directory = gref },
	};

	return ask(&req);
}

static void directories(struct plat *plat, uint16_t backend)
{
	uint32_t max = fe_session_limits(session)->max_buffer_pages, i;
	struct vgpuif_page_directory *dir;
	struct gnt_share *share;

	/* Two pages of directory and two of memory, all granted. */
	if (gnt_share(plat, backend, 4, true, &share))
		die("cannot grant pages", gnt_explain(plat, -ENOSPC));
	dir = share->addr;
	dir->gref[0] = share->refs[2];
	dir->gref[1] = share->refs[3];

	result("more pages than may be", register_buffer(5, max + 1, share->refs[0]),
	       max < VGPUIF_MAX_BUFFER_PAGES ? -XEN_ENOSPC : -XEN_EINVAL);
	result("no pages at all", register_buffer(5, 0, share->refs[0]), -XEN_EINVAL);
	result("a directory that was not granted", register_buffer(5, 2, 0x00fffff0), -XEN_EFAULT);
	result("a directory that ends early", register_buffer(5, 3, share->refs[0]), -XEN_EINVAL);
	dir->gref[1] = 0x00fffff0;
	result("a reference that was not granted", register_buffer(5, 2, share->refs[0]),
	       -XEN_EFAULT);
	dir->gref[1] = share->refs[3];
	dir->gref_next = share->refs[0];
	result("a chain that goes on", register_buffer(5, 2, share->refs[0]), -XEN_EINVAL);
	for (i = 0; i < VGPUIF_DIRECTORY_REFS; i++)
		dir->gref[i] = share->refs[2];
	result("a chain that is a loop, too short for the pages",
	       register_buffer(5, VGPUIF_DIRECTORY_REFS * 2 + 2, share->refs[0]), -XEN_EINVAL);
	dir->gref_next = 0;
	dir->gref[1] = share->refs[3];
	result("and after all that a good one", register_buffer(5, 2, share->refs[0]), 0);
	result("whose id is taken", register_buffer(5, 2, share->refs[0]), -XEN_EEXIST);
	ASK("commands outside their buffer", -XEN_EINVAL, .operation = VGPUIF_OP_SUBMIT,
	    .u.submit = { .context_id = 9, .buffer_id = 5, .bytes = 8, .offset = 8192 });
	ASK("unregister", 0, .operation = VGPUIF_OP_BUFFER_UNREGISTER,
	    .u.buffer_unregister = { .buffer_id = 5 });
	gnt_unshare(share);
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

/* Reaches under the library. */
static int wild_index(void)
{
	int err;

	session->ring.r.sring->req_prod += 100000;
	evt_notify(session->evt);
	err = fe_session_wait(session, never, NULL, WAIT_MS);
	printf("# %s\n", fe_session_why(session));
	return err;
}

/* A session by hand whose ring is larger than the backend allows. */
static void ring_order(struct plat *plat, const struct fe_limits *limits, uint32_t index)
{
	char path[128], text[XST_MAX_VALUE] = "";
	struct xst *xst;
	int tries;

	if (xst_open(plat, &xst))
		die("xenstore", "cannot be opened");
#define NODE(name)	(snprintf(path, sizeof(path), "device/vgpu/%u/session-%u/" name,	\
				  limits->devid, index), path)
	xst_printf(xst, XST_NO_TX, NODE("ring-page-order"), "%u", limits->max_ring_page_order + 1);
	xst_write(xst, XST_NO_TX, NODE("event-channel"), "1");
	xst_write(xst, XST_NO_TX, NODE("state"), "3");
	snprintf(path, sizeof(path), "/local/domain/%u/backend/vgpu/%u/%u/session-%u/error",
		 limits->backend_domid, limits->domid, limits->devid, index);
	for (tries = 0; tries < 100; tries++) {
		if (xst_read(xst, XST_NO_TX, path, text, sizeof(text)) > 0)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	}
	printf("# %s\n", text);
	result("the backend says which order is too large and what is allowed",
	       strstr(text, "order") != NULL, 1);
	xst_rm(xst, XST_NO_TX, (NODE("state"), *strrchr(path, '/') = '\0', path));
	xst_close(xst);
#undef NODE
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	const struct fe_limits *limits;
	char why[FE_TEXT_BYTES];
	struct fe_device *dev;
	struct plat *plat;
	uint32_t index;
	int err;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (plat_open(NULL, &plat))
		die("platform", "cannot be opened");
	if (fe_device_open(plat, FE_ANY_DEVICE, FE_USER, WAIT_MS, &dev, why))
		die("device", why);
	limits = fe_device_limits(dev);
	/* The last one, where xengpu-vtest comes last. */
	index = limits->max_sessions - 1;
	if (!strcmp(mode, "order")) {
		ring_order(plat, limits, index);
		fe_device_close(dev);
		plat_close(plat);
		return finish();
	}
	if (fe_session_open(dev, index, WAIT_MS, NULL, NULL, &session, why))
		die("session", why);
	ASK("a context", 0, .operation = VGPUIF_OP_CONTEXT_CREATE,
	    .u.context_create = { .context_id = 9, .capset_id = VGPUIF_CAPSET_VIRGL2, .n_rings = 1 });
	unknown_and_reserved();
	missing_ids();
	directories(plat, limits->backend_domid);
	if (!strcmp(mode, "index")) {
		err = wild_index();
		result("an impossible index ends the session", err, -ENOTCONN);
	}
	fe_session_close(session, WAIT_MS);
	fe_device_close(dev);
	plat_close(plat);
	return finish();
}
