// SPDX-License-Identifier: GPL-2.0-only
/*
 * The frontend library against a backend in this process: connecting and its refusals, the
 * pending table, buffers and their directories, and a backend that lies.
 */
#include <xen/errno.h>

#include "fe_priv.h"
#include "frontend_fake.h"

static struct fe_device *dev;
static struct fe_session *session;
static char why[FE_TEXT_BYTES];
static unsigned int done_calls, lost_calls;
static int32_t last_status;

static void done(void *arg, const struct vgpuif_request *req, const struct vgpuif_response *rsp)
{
	(void)arg, (void)req;
	done_calls++;
	last_status = rsp->status;
}

static void lost(void *arg, const char *text)
{
	(void)arg;
	CHECK(text[0]);
	lost_calls++;
}

static bool all_answered(void *arg)
{
	(void)arg;
	return fe_session_in_flight(session) == 0;
}

static void up(fake_answer_fn answer, bool thread)
{
	fake_start(answer, thread);
	CHECK_EQ(fe_device_open(&fake.plat, FE_ANY_DEVICE, FE_OWNER, 1000, &dev, why), 0);
	CHECK_EQ(fe_session_open(dev, 0, 1000, lost, NULL, &session, why), 0);
}

static void down(void)
{
	CHECK_EQ(fe_session_close(session, 1000), 0);
	fe_device_close(dev);
	fake_stop();
	CHECK_EQ(fake.n_pages, 0);
	CHECK_EQ(fake.share_ops, fake.unshare_ops);
}

TEST(frontend_session, opens_and_closes)
{
	up(fake_ok, true);
	CHECK_EQ(fe_session_limits(session)->domid, 5);
	CHECK_EQ(fe_session_limits(session)->capsets, 6);
	CHECK(ring_back_alive(&fake.ring));
	down();
	CHECK(fake_find(FAKE_FRONT "/session-0/state") < 0);
}

static int open_error(void)
{
	return fe_device_open(&fake.plat, FE_ANY_DEVICE, FE_OWNER, 30, &dev, why);
}

TEST(frontend_session, says_what_is_wrong)
{
	fake_start(fake_ok, false);
	fake_set(FAKE_BACK "/versions", "7,8");
	CHECK_EQ(open_error(), -EPROTO);
	CHECK(strstr(why, "\"7,8\"") && strstr(why, "this frontend 1"));

	fake_set(FAKE_BACK "/versions", "1");
	fake_set(FAKE_BACK "/max-sessions", "0");
	fake_set(FAKE_FRONT "/state", "1");
	fake_set(FAKE_BACK "/state", "2");
	CHECK_EQ(open_error(), -EPROTO);
	CHECK(strstr(why, "max-sessions"));

	fake_set(FAKE_BACK "/error", "no GPU\x1b[2J in this domain");
	fake_set(FAKE_BACK "/state", "1");
	CHECK_EQ(open_error(), -ECONNREFUSED);
	CHECK(strstr(why, "no GPU\\x1b[2J in this domain"));

	fake_remove(FAKE_BACK "/error");
	fake_set(FAKE_BACK "/state", "1");
	CHECK_EQ(open_error(), -ETIMEDOUT);
	CHECK(strstr(why, "xengpud running in domain 0"));

	fake_remove(FAKE_FRONT);
	CHECK_EQ(open_error(), -ENODEV);
	CHECK(strstr(why, "xengpu attach"));
}

/* What a backend advertises beyond the protocol is cut; what is no number is refused, by name. */
TEST(frontend_session, hostile_limits)
{
	static const char *const nodes[] = { "max-ring-page-order", "max-sessions",
					     "max-buffer-pages", "max-buffers", "max-contexts",
					     "max-resources", "max-pages" };
	char path[128];
	size_t i;

	fake_start(fake_ok, false);
	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		snprintf(path, sizeof(path), FAKE_BACK "/%s", nodes[i]);
		fake_set(path, "many");
		fake_set(FAKE_FRONT "/state", "1");
		fake_set(FAKE_BACK "/state", "2");
		CHECK_EQ(open_error(), -EPROTO);
		CHECK(strstr(why, nodes[i]));
		fake_set(path, "4294967295");
	}
	fake_set(FAKE_BACK "/capsets", "1,64");
	fake_set(FAKE_FRONT "/state", "1");
	fake_set(FAKE_BACK "/state", "2");
	CHECK_EQ(open_error(), -EPROTO);
	CHECK(strstr(why, "capsets"));
	fake_set(FAKE_BACK "/capsets", "1,2");
	fake_set(FAKE_FRONT "/state", "1");
	fake_set(FAKE_BACK "/state", "2");
	CHECK_EQ(open_error(), 0);
	CHECK_EQ(fe_device_limits(dev)->max_ring_page_order, VGPUIF_MAX_RING_PAGE_ORDER);
	CHECK_EQ(fe_device_limits(dev)->max_buffer_pages, VGPUIF_MAX_BUFFER_PAGES);
	CHECK_EQ(fe_device_limits(dev)->max_sessions, UINT16_MAX);
	fe_device_close(dev);
}

TEST(frontend_session, user_needs_a_connected_device)
{
	fake_start(fake_ok, false);
	CHECK_EQ(fe_device_open(&fake.plat, 0, FE_USER, 30, &dev, why), -ENODEV);
	fake_set(FAKE_FRONT "/state", "4");
	fake_set(FAKE_BACK "/state", "4");
	CHECK_EQ(fe_device_open(&fake.plat, 0, FE_USER, 30, &dev, why), 0);
	fe_device_close(dev);
	CHECK_EQ(strcmp(fake.node[fake_find(FAKE_FRONT "/state")].value, "4"), 0);
}

TEST(frontend_session, owner_closes_what_an_earlier_one_left)
{
	fake_start(fake_ok, false);
	fake_set(FAKE_FRONT "/state", "4");
	fake_set(FAKE_BACK "/state", "4");
	CHECK_EQ(open_error(), 0);
	fe_device_close(dev);
}

TEST(frontend_session, refusal_in_the_backends_words)
{
	fake_start(fake_ok, false);
	fake.refuse_session = true;
	CHECK_EQ(fe_device_open(&fake.plat, 0, FE_OWNER, 1000, &dev, why), 0);
	CHECK_EQ(fe_session_open(dev, 0, 1000, NULL, NULL, &session, why), -ECONNREFUSED);
	CHECK(strstr(why, "no more\\x0asessions"));
	CHECK_EQ(fe_session_open(dev, 4, 1000, NULL, NULL, &session, why), -EINVAL);
	fe_device_close(dev);
	CHECK_EQ(fake.n_pages, 0);
}

TEST(frontend_session, no_pages_names_the_remedy)
{
	fake_start(fake_ok, false);
	fake.max_pages = 2;
	CHECK_EQ(fe_device_open(&fake.plat, 0, FE_OWNER, 1000, &dev, why), 0);
	CHECK_EQ(fe_session_open(dev, 0, 1000, NULL, NULL, &session, why), -ENOSPC);
	CHECK(strstr(why, "raise the limit"));
	fe_device_close(dev);
}

TEST(frontend_session, requests_are_answered)
{
	unsigned int i;

	up(fake_ok, true);
	for (i = 0; i < 1000; i++)
		while (fe_context_create(session, i + 1, 2, 1, "name", done, NULL) == -EAGAIN)
			CHECK_EQ(fe_session_wait(session, all_answered, NULL, -1, 1000), 0);
	CHECK_EQ(fe_session_wait(session, all_answered, NULL, -1, 1000), 0);
	CHECK_EQ(done_calls, 1000);
	CHECK_EQ(fake.seen[VGPUIF_OP_CONTEXT_CREATE], 1000);
	CHECK(fe_session_stats(session)->notifies < 1000);
	down();
}

TEST(frontend_session, ring_full_is_eagain)
{
	uint32_t n = 0;

	up(fake_ok, false);
	while (fe_context_destroy(session, 1, done, NULL) == 0)
		n++;
	CHECK_EQ(n, 128);
	CHECK_EQ(fe_session_free(session), 0);
	fe_session_flush(session);
	fake_serve();
	CHECK_EQ(fe_session_process(session), 128);
	CHECK_EQ(fe_session_free(session), 128);
	down();
}

/* --- a backend that lies ---------------------------------------------------------------------- */

static void hostile(void (*lie)(struct vgpuif_response *rsp))
{
	struct vgpuif_response rsp = { .operation = VGPUIF_OP_CONTEXT_DESTROY };

	up(fake_ok, false);
	CHECK_EQ(fe_context_destroy(session, 1, done, NULL), 0);
	CHECK_EQ(fe_context_destroy(session, 2, done, NULL), 0);
	fe_session_flush(session);
	fake.answer = fake_ok;
	rsp.id = fake.ring.r.sring->ring[0].req.id;
	lie(&rsp);
	fake_respond(&rsp);
	CHECK_EQ(fe_session_process(session), -ENOTCONN);
	CHECK_EQ(lost_calls, 1);
	CHECK(strstr(fe_session_why(session), "broke the protocol"));
	/* What was in flight is told, once; nothing can be sent any more. */
	CHECK_EQ(done_calls, 2);
	CHECK_EQ(last_status, -XEN_ENODEV);
	CHECK_EQ(fe_session_process(session), -ENOTCONN);
	CHECK_EQ(lost_calls, 1);
	CHECK_EQ(fe_context_destroy(session, 1, done, NULL), -ENOTCONN);
	down();
}

static void unknown_id(struct vgpuif_response *rsp)
{
	rsp->id += 1u << 20;
}

static void other_slot(struct vgpuif_response *rsp)
{
	rsp->id ^= 0x80;
}

static void id_zero(struct vgpuif_response *rsp)
{
	rsp->id = 0;
}

static void other_operation(struct vgpuif_response *rsp)
{
	rsp->operation = VGPUIF_OP_SUBMIT;
}

static void positive_status(struct vgpuif_response *rsp)
{
	rsp->status = 5;
}

static void reserved_octets(struct vgpuif_response *rsp)
{
	rsp->u.octets[47] = 1;
}

static void reserved_word(struct vgpuif_response *rsp)
{
	rsp->reserved1 = 1;
}

static void reserved_after_operation(struct vgpuif_response *rsp)
{
	rsp->reserved0[2] = 1;
}

static void data_of_no_operation(struct vgpuif_response *rsp)
{
	rsp->u.octets[0] = 1;
}

TEST(frontend_session, hostile_reserved_after_operation) { hostile(reserved_after_operation); }
TEST(frontend_session, hostile_data_of_no_operation) { hostile(data_of_no_operation); }
TEST(frontend_session, hostile_unknown_id) { hostile(unknown_id); }
TEST(frontend_session, hostile_other_slot) { hostile(other_slot); }
TEST(frontend_session, hostile_id_zero) { hostile(id_zero); }
TEST(frontend_session, hostile_other_operation) { hostile(other_operation); }
TEST(frontend_session, hostile_positive_status) { hostile(positive_status); }
TEST(frontend_session, hostile_reserved_octets) { hostile(reserved_octets); }
TEST(frontend_session, hostile_reserved_word) { hostile(reserved_word); }

TEST(frontend_session, hostile_answers_twice)
{
	struct vgpuif_response rsp = { .operation = VGPUIF_OP_CONTEXT_DESTROY };

	up(fake_ok, false);
	CHECK_EQ(fe_context_destroy(session, 1, done, NULL), 0);
	CHECK_EQ(fe_context_destroy(session, 2, done, NULL), 0);
	fe_session_flush(session);
	rsp.id = fake.ring.r.sring->ring[0].req.id;
	fake_respond(&rsp);
	CHECK_EQ(fe_session_process(session), 1);
	fake_respond(&rsp);
	CHECK_EQ(fe_session_process(session), -ENOTCONN);
	down();
}

/* One request is in flight; @prod cannot be. */
static void response_index(RING_IDX prod)
{
	up(fake_ok, false);
	CHECK_EQ(fe_context_destroy(session, 1, done, NULL), 0);
	fe_session_flush(session);
	fake.ring.r.sring->rsp_prod = prod;
	CHECK_EQ(fe_session_process(session), -ENOTCONN);
	CHECK(strstr(fe_session_why(session), "more responses than requests"));
	CHECK_EQ(last_status, -XEN_ENODEV);
	down();
}

TEST(frontend_session, hostile_response_index) { response_index(2); }
TEST(frontend_session, hostile_response_index_behind) { response_index(UINT32_MAX); }
TEST(frontend_session, hostile_response_index_far) { response_index(0x80000000); }
TEST(frontend_session, hostile_response_index_a_ring_on) { response_index(129); }

/* Queued is not pushed: what the backend has not been shown it cannot have answered. */
TEST(frontend_session, hostile_answer_before_the_request)
{
	up(fake_ok, false);
	CHECK_EQ(fe_context_destroy(session, 1, done, NULL), 0);
	fake.ring.r.sring->rsp_prod = 1;
	CHECK_EQ(fe_session_process(session), -ENOTCONN);
	down();
}

/* Its own words in the ring's header, which the frontend keeps for itself. */
TEST(frontend_session, hostile_indices_of_ours)
{
	unsigned int i;

	up(fake_ok, false);
	for (i = 0; i < 300; i++) {
		CHECK_EQ(fe_context_destroy(session, 1, done, NULL), 0);
		fe_session_flush(session);
		fake_serve();
		fake.ring.r.sring->req_prod = i * 2654435761u;
		fake.ring.r.sring->rsp_event = i * 2654435761u;
		fake.ring.r.sring->req_event = ~i * 2654435761u;
		CHECK_EQ(fe_session_process(session), 1);
		CHECK_EQ(fe_session_free(session), 128);
	}
	CHECK_EQ(done_calls, 300);
	down();
}

static struct vgpuif_response kept;

static void rewrite(void *arg, const struct vgpuif_request *req, const struct vgpuif_response *rsp)
{
	(void)arg, (void)req;
	/* The backend changes its mind, too late. */
	memset(session->ring_share->addr, 0xff, 4096);
	ring_front_set_alive(&session->ring, true);
	kept = *rsp;
}

TEST(frontend_session, hostile_answer_rewritten)
{
	up(fake_ok, false);
	CHECK_EQ(fe_capset_info(session, 1, rewrite, NULL), 0);
	fe_session_flush(session);
	fake_serve();
	CHECK_EQ(fe_session_process(session), -ENOTCONN);
	CHECK_EQ(kept.status, 0);
	CHECK_EQ(kept.u.capset_info.capset_id, 2);
	CHECK_EQ(kept.u.capset_info.max_bytes, 1376);
	down();
}

static bool error_with_data(const struct vgpuif_request *req, struct vgpuif_response *rsp)
{
	fake_ok(req, rsp);
	rsp->status = -XEN_ENOENT;
	return true;
}

TEST(frontend_session, hostile_error_with_data)
{
	up(error_with_data, false);
	CHECK_EQ(fe_capset_info(session, 0, done, NULL), 0);
	fe_session_flush(session);
	fake_serve();
	CHECK_EQ(fe_session_process(session), -ENOTCONN);
	CHECK_EQ(last_status, -XEN_ENODEV);
	down();
}

TEST(frontend_session, an_id_is_not_used_again_soon)
{
	struct fe_table *t = malloc(sizeof(*t));
	struct vgpuif_request req = { .operation = VGPUIF_OP_SUBMIT };
	struct vgpuif_response rsp = { .operation = VGPUIF_OP_SUBMIT };
	uint32_t first, i;

	fe_table_init(t);
	fe_table_add(t, &req, NULL, NULL);
	first = req.id;
	for (i = 0; i < 100000; i++) {
		rsp.id = req.id;
		CHECK(fe_table_take(t, &rsp));
		CHECK(!fe_table_take(t, &rsp));
		fe_table_add(t, &req, NULL, NULL);
		CHECK(req.id != first && req.id != 0);
	}
	for (i = 1; i < FE_MAX_SLOTS; i++)
		CHECK(fe_table_add(t, &req, NULL, NULL));
	CHECK(!fe_table_add(t, &req, NULL, NULL));
	CHECK_EQ(fe_table_until(t, t->last_ticket), FE_MAX_SLOTS);
	CHECK_EQ(fe_table_until(t, t->last_ticket - 3), FE_MAX_SLOTS - 3);
	free(t);
}

/* --- the backend goes away -------------------------------------------------------------------- */

static void backend_leaves(const char *words)
{
	up(fake_ok, false);
	CHECK_EQ(fe_context_destroy(session, 1, done, NULL), 0);
	if (words)
		fake_set(FAKE_BACK "/session-0/error", words);
	fake_set(FAKE_BACK "/session-0/state", "6");
	CHECK_EQ(fe_device_process(dev), 0);
	CHECK_EQ(fe_session_process(session), -ENOTCONN);
	CHECK_EQ(done_calls, 1);
	CHECK_EQ(lost_calls, 1);
}

TEST(frontend_session, lost_with_a_reason)
{
	backend_leaves("the worker died");
	CHECK(strstr(fe_session_why(session), "the worker died"));
	down();
}

TEST(frontend_session, lost_without_a_reason)
{
	backend_leaves(NULL);
	CHECK(strstr(fe_session_why(session), "it is Closed"));
	down();
}

TEST(frontend_session, detached)
{
	up(fake_ok, false);
	fake_remove(FAKE_BACK);
	CHECK_EQ(fe_device_process(dev), -ENODEV);
	CHECK(strstr(fe_device_why(dev), "detached"));
	CHECK_EQ(fe_session_process(session), -ENOTCONN);
	down();
}

/* --- buffers ---------------------------------------------------------------------------------- */

/* The references in the directory of the last registration, by following its chain. */
static uint32_t count_refs(void)
{
	const struct vgpuif_request *req = &fake.last[VGPUIF_OP_BUFFER_REGISTER];
	uint32_t ref = req->u.buffer_register.gref_directory, n = req->u.buffer_register.n_pages;
	uint32_t i, seen = 0;

	while (ref) {
		const struct vgpuif_page_directory *dir = fake_page(ref);

		CHECK(dir);
		for (i = 0; i < VGPUIF_DIRECTORY_REFS && seen < n; i++, seen++)
			CHECK(fake_page(dir->gref[i]));
		ref = dir->gref_next;
		CHECK(!ref || seen < n);
	}
	return seen;
}

static void one_buffer(uint32_t n_pages)
{
	struct fe_buffer *buf;

	CHECK_EQ(fe_buffer_create(session, n_pages, false, done, NULL, &buf, why), 0);
	fe_session_flush(session);
	/* Looked at before the answer, which ends the directory's grants. */
	pthread_mutex_lock(&fake.lock);
	fake.answer = fake_ok;
	pthread_mutex_unlock(&fake.lock);
	fake_serve();
	CHECK_EQ(count_refs(), n_pages);
	fe_session_process(session);
	CHECK_EQ(done_calls, 1);
	CHECK_EQ(fe_buffer_pages(buf), n_pages);
	CHECK_EQ(fe_session_buffers(session), 1);
	fe_buffer_destroy(buf);
	CHECK_EQ(fe_session_buffers(session), 1);
	fe_session_flush(session);
	fake_serve();
	fe_session_process(session);
	CHECK_EQ(fe_session_buffers(session), 0);
}

TEST(frontend_session, buffer_of_one_page)
{
	up(fake_ok, false);
	one_buffer(1);
	down();
}

TEST(frontend_session, buffer_of_a_full_directory)
{
	up(fake_ok, false);
	one_buffer(VGPUIF_DIRECTORY_REFS);
	down();
}

TEST(frontend_session, buffer_of_two_directories)
{
	up(fake_ok, false);
	one_buffer(VGPUIF_DIRECTORY_REFS + 1);
	down();
}

TEST(frontend_session, buffer_of_more_directories_than_the_pool)
{
	up(fake_ok, false);
	one_buffer(VGPUIF_DIRECTORY_REFS * 9);
	down();
}

TEST(frontend_session, buffers_cost_one_grant_operation)
{
	struct fe_buffer *buf[40];
	uint32_t i, ops;

	up(fake_ok, false);
	one_buffer(1);
	ops = fake.share_ops;
	for (i = 0; i < 8; i++)
		CHECK_EQ(fe_buffer_create(session, 2, false, NULL, NULL, &buf[i], why), 0);
	CHECK_EQ(fake.share_ops - ops, 8);
	/* The pool is out: these bring their own directory. */
	CHECK_EQ(fe_buffer_create(session, 2, true, NULL, NULL, &buf[8], why), 0);
	CHECK_EQ(fake.share_ops - ops, 10);
	fe_session_flush(session);
	fake_serve();
	CHECK_EQ(fake.last[VGPUIF_OP_BUFFER_REGISTER].flags, VGPUIF_BUFFER_READ_ONLY);
	fe_session_process(session);
	down();
}

static bool refuse_buffers(const struct vgpuif_request *req, struct vgpuif_response *rsp)
{
	fake_ok(req, rsp);
	if (req->operation == VGPUIF_OP_BUFFER_REGISTER)
		rsp->status = -XEN_ENOSPC;
	else if (req->operation == VGPUIF_OP_BUFFER_UNREGISTER)
		rsp->status = -XEN_ENOENT;
	return true;
}

TEST(frontend_session, buffer_refused_is_freed)
{
	struct fe_buffer *buf;
	uint32_t before;

	up(refuse_buffers, false);
	before = fake.n_pages;
	CHECK_EQ(fe_buffer_create(session, 4, false, done, NULL, &buf, why), 0);
	fe_session_flush(session);
	fake_serve();
	fe_session_process(session);
	CHECK_EQ(last_status, -XEN_ENOSPC);
	fe_buffer_destroy(buf);
	fe_session_flush(session);
	fake_serve();
	fe_session_process(session);
	CHECK_EQ(fake.n_pages, before + FE_DIRECTORY_PAGES);
	down();
}

static bool never(const struct vgpuif_request *req, struct vgpuif_response *rsp)
{
	(void)req, (void)rsp;
	return false;
}

TEST(frontend_session, pages_stay_granted_until_the_backend_lets_go)
{
	struct fe_buffer *buf;
	uint32_t with;

	up(never, false);
	CHECK_EQ(fe_buffer_create(session, 4, false, done, NULL, &buf, why), 0);
	with = fake.n_pages;
	fe_buffer_destroy(buf);
	fe_session_flush(session);
	fake_serve();
	fe_session_process(session);
	CHECK_EQ(fake.n_pages, with);
	/* The session is lost, but the backend has not said that it let go: still. */
	fake_set(FAKE_BACK "/session-0/state", "5");
	fe_device_process(dev);
	CHECK_EQ(fe_session_process(session), -ENOTCONN);
	CHECK_EQ(fake.n_pages, with);
	fake.never_let_go = true;
	CHECK_EQ(fe_session_close(session, 20), -ETIMEDOUT);
	CHECK_EQ(fake.n_pages, with);
	fe_device_close(dev);
	/* Left granted on purpose; the harness counts their descriptors. */
	for (with = 0; with < FAKE_SHARES; with++)
		if (fake.share[with])
			gnt_unshare(fake.share[with]);
}

static bool keeps_buffers(const struct vgpuif_request *req, struct vgpuif_response *rsp)
{
	fake_ok(req, rsp);
	if (req->operation == VGPUIF_OP_BUFFER_UNREGISTER)
		rsp->status = -XEN_EBUSY;
	return true;
}

/* The backend says that it still has it: granted, and used for nothing else, to the end. */
TEST(frontend_session, unregister_refused_keeps_the_pages)
{
	struct fe_buffer *buf;
	uint32_t with;

	up(keeps_buffers, false);
	CHECK_EQ(fe_buffer_create(session, 4, false, done, NULL, &buf, why), 0);
	fe_session_flush(session);
	fake_serve();
	fe_session_process(session);
	with = fake.n_pages;
	fe_buffer_destroy(buf);
	fe_session_flush(session);
	fake_serve();
	fe_session_process(session);
	CHECK_EQ(fake.seen[VGPUIF_OP_BUFFER_UNREGISTER], 1);
	CHECK_EQ(fake.n_pages, with);
	CHECK_EQ(fe_session_buffers(session), 1);
	down();
}

/* A directory page is lent until the registration is answered, whatever comes in between. */
TEST(frontend_session, directory_pages_in_flight_are_not_lent_twice)
{
	struct fe_buffer *buf[3];
	uint32_t first, i;

	up(never, false);
	CHECK_EQ(fe_buffer_create(session, 1, false, NULL, NULL, &buf[0], why), 0);
	fe_session_flush(session);
	fake_serve();
	first = fake.last[VGPUIF_OP_BUFFER_REGISTER].u.buffer_register.gref_directory;
	for (i = 1; i < 3; i++) {
		CHECK_EQ(fe_buffer_create(session, 1, false, NULL, NULL, &buf[i], why), 0);
		fe_session_flush(session);
		fake_serve();
		CHECK(fake.last[VGPUIF_OP_BUFFER_REGISTER].u.buffer_register.gref_directory !=
		      first);
	}
	down();
}

TEST(frontend_session, unregister_waits_for_room_in_the_ring)
{
	struct fe_buffer *buf;

	up(fake_ok, false);
	CHECK_EQ(fe_buffer_create(session, 4, false, NULL, NULL, &buf, why), 0);
	while (fe_context_destroy(session, 1, NULL, NULL) == 0)
		;
	fe_buffer_destroy(buf);
	fe_session_flush(session);
	fake_serve();
	fe_session_process(session);
	CHECK_EQ(fake.seen[VGPUIF_OP_BUFFER_UNREGISTER], 0);
	fe_session_flush(session);
	fake_serve();
	fe_session_process(session);
	CHECK_EQ(fake.seen[VGPUIF_OP_BUFFER_UNREGISTER], 1);
	CHECK_EQ(fe_session_buffers(session), 0);
	down();
}

TEST(frontend_session, polling_turns_itself_off_when_it_does_not_pay)
{
	uint64_t start_ns;
	unsigned int i;

	up(never, false);
	/* Never for a session that waits for nothing. */
	CHECK(!fe_session_spin(session));
	CHECK_EQ(fe_session_stats(session)->polls_vain, 0);
	CHECK_EQ(fe_context_destroy(session, 1, done, NULL), 0);
	for (i = 0; i < 20; i++)
		fe_session_slept(session, 5000000);
	start_ns = fe_now_ns();
	for (i = 0; i < 1000; i++)
		CHECK(!fe_session_spin(session));
	CHECK_EQ(fe_session_stats(session)->polls_vain, 0);
	CHECK(fe_now_ns() - start_ns < 100000000);
	for (i = 0; i < 100; i++)
		fe_session_slept(session, 1000);
	CHECK(!fe_session_spin(session));
	CHECK_EQ(fe_session_stats(session)->polls_vain, 1);
	down();
}

TEST(frontend_session, text_of_others_is_escaped)
{
	char out[16];
	uint64_t bits;

	fe_escape(out, sizeof(out), "a\\b\x01\xff long enough to be cut");
	CHECK_EQ(strcmp(out, "a\\x5cb\\x01\\xff"), 0);
	CHECK(fe_parse_list("1,2,63", &bits) && bits == (6 | 1ull << 63));
	CHECK(fe_parse_list("", &bits) && bits == 0);
	CHECK(!fe_parse_list("1,,2", &bits));
	CHECK(!fe_parse_list("64", &bits));
	CHECK(!fe_parse_list("1, 2", &bits));
	CHECK(!fe_parse_list("-1", &bits));
	CHECK(!fe_parse_list("1,", &bits));
}
