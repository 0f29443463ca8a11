// SPDX-License-Identifier: GPL-2.0-only
/*
 * Directories: loops, references twice, of other domains, of no one, to pages that only may be
 * read, of the directory itself and of the ring. A buffer is mapped whole or not at all.
 */
#include <string.h>

#include "hostile.h"
#include "request.h"

static void want(struct sess *s, const char *name, uint32_t n_pages, uint32_t ref, int32_t status)
{
	struct vgpuif_request req = req_register(50, n_pages, ref);
	struct vgpuif_request undo = req_id(VGPUIF_OP_BUFFER_UNREGISTER, 50);
	const int32_t got = sess_call(s, &req);

	if (got == SESS_ENDED)
		die("%s: the session ended: %s", name, s->why);
	if (got != status)
		wrong("%s: answered %d (%s), not %d", name, got, request_strstatus(got), status);
	if (!got && sess_call(s, &undo))
		wrong("%s: cannot be unregistered", name);
}

static void fill(struct vgpuif_page_directory *dir, uint32_t ref, uint32_t next)
{
	uint32_t i;

	for (i = 0; i < VGPUIF_DIRECTORY_REFS; i++)
		dir->gref[i] = ref;
	dir->gref_next = next;
}

static void loops(struct sess *s)
{
	const uint32_t *refs = s->dir->refs;
	const uint32_t max = host.limits.max_buffer_pages;
	const uint32_t page = s->mem->refs[SCENE_SPARE_PAGE];

	fill(sess_dir(s, 0), page, refs[0]);
	want(s, "a page that is its own next", max, refs[0], -XEN_EINVAL);
	fill(sess_dir(s, 0), page, refs[1]);
	fill(sess_dir(s, 1), page, refs[0]);
	want(s, "two pages in a loop", max, refs[0], -XEN_EINVAL);
	want(s, "... entered at the other", VGPUIF_DIRECTORY_REFS * 2, refs[1], -XEN_EINVAL);
	fill(sess_dir(s, 0), page, 0);
	want(s, "the chain ends early", VGPUIF_DIRECTORY_REFS + 1, refs[0], -XEN_EINVAL);
	fill(sess_dir(s, 0), page, 0x00fffff0);
	want(s, "the chain goes to a page that was not granted", VGPUIF_DIRECTORY_REFS + 1,
	     refs[0], -XEN_EFAULT);
}

static void zero_and_missing(struct sess *s)
{
	struct vgpuif_page_directory *dir = sess_dir(s, 0);
	const uint32_t ref = s->dir->refs[0];
	uint32_t i;

	for (i = 0; i < 8; i++) {
		s->next_dir = 0;
		sess_directory(s, SCENE_SPARE_PAGE, 8);
		dir->gref[i] = 0;
		want(s, "a reference 0", 8, ref, -XEN_EINVAL);
		dir->gref[i] = 0x00fffff0;
		want(s, "a reference that was not granted", 8, ref, -XEN_EFAULT);
		dir->gref[i] = 0xffffffff;
		want(s, "the largest reference", 8, ref, -XEN_EFAULT);
	}
	s->next_dir = 0;
	sess_directory(s, SCENE_SPARE_PAGE, 8);
	dir->gref[8] = 0xffffffff;
	want(s, "references behind the last are ignored", 8, ref, 0);
	want(s, "directory reference 0", 8, 0, -XEN_EINVAL);
	want(s, "the largest directory reference", 8, 0xffffffff, -XEN_EFAULT);
}

/* The same page in many places is one page: strange, and harmless. */
static void repeated(struct sess *s)
{
	struct vgpuif_page_directory *dir = sess_dir(s, 0);
	const uint32_t ref = s->dir->refs[0];
	struct vgpuif_request req;

	memset(dir, 0, sizeof(*dir));
	fill(dir, s->mem->refs[SCENE_SPARE_PAGE], 0);
	want(s, "one page eight times", 8, ref, 0);
	want(s, "one page as often as fits", 60, ref, 0);
	dir->gref[0] = s->ring_share->refs[0];
	want(s, "a page of the ring", 2, ref, 0);
	/* A read-only grant, asked for read-write. */
	dir->gref[0] = ref;
	want(s, "the directory itself, to be written", 2, ref, -XEN_EFAULT);
	req = req_register(51, 2, ref);
	req.flags = VGPUIF_BUFFER_READ_ONLY;
	if (sess_call(s, &req))
		wrong("the directory itself, to be read");
	req = req_id(VGPUIF_OP_BUFFER_UNREGISTER, 51);
	if (sess_call(s, &req))
		wrong("... cannot be unregistered");
}

/* Pages that were granted, but to another domain than the backend's. */
static void foreign(struct sess *s)
{
	struct vgpuif_page_directory *dir = sess_dir(s, 0);
	const uint16_t other = host.limits.backend_domid ? 0 : (uint16_t)(host.limits.domid + 1);
	struct gnt_share *share;

	if (gnt_share(host.plat, other, 2, true, &share)) {
		say("no pages can be granted to domain %u", other);
		return;
	}
	s->next_dir = 0;
	sess_directory(s, SCENE_SPARE_PAGE, 8);
	dir->gref[5] = share->refs[0];
	want(s, "a page granted to another domain", 8, s->dir->refs[0], -XEN_EFAULT);
	want(s, "a directory granted to another domain", 8, share->refs[1], -XEN_EFAULT);
	gnt_unshare(share);
}

/* A reference that was good a moment ago. */
static void stale(struct sess *s)
{
	struct vgpuif_page_directory *dir = sess_dir(s, 0);
	struct gnt_share *share;
	uint32_t ref;

	if (gnt_share(host.plat, host.limits.backend_domid, 1, true, &share))
		die("no page can be granted");
	ref = share->refs[0];
	gnt_unshare(share);
	s->next_dir = 0;
	sess_directory(s, SCENE_SPARE_PAGE, 8);
	dir->gref[3] = ref;
	want(s, "a page whose grant has ended", 8, s->dir->refs[0], -XEN_EFAULT);
}

static void directories(void)
{
	struct sess s;

	sess_open(&s);
	loops(&s);
	zero_and_missing(&s);
	repeated(&s);
	foreign(&s);
	stale(&s);
	s.next_dir = 0;
	if (!sess_scene(&s) || !sess_draws(&s))
		wrong("it does not draw after that");
	sess_close(&s);
}

/* Any references, small ones above all, which Xen gives to the console and to xenstore. */
static void guesses(void)
{
	uint32_t n, i, n_good = 0;
	struct sess s;
	int32_t status;

	sess_open(&s);
	for (n = 0; time_left(); n++) {
		struct vgpuif_request req = req_register(50, 1 + rnd(16), s.dir->refs[0]);
		struct vgpuif_request undo = req_id(VGPUIF_OP_BUFFER_UNREGISTER, 50);

		for (i = 0; i < 16; i++)
			sess_dir(&s, 0)->gref[i] = rnd(4) ? rnd(64) : rnd_edge();
		sess_dir(&s, 0)->gref_next = rnd(8) ? 0 : rnd(64);
		req.flags = rnd(2) ? VGPUIF_BUFFER_READ_ONLY : 0;
		if (!rnd(8))
			req.u.buffer_register.gref_directory = rnd(64);
		status = sess_call(&s, &req);
		if (status == SESS_ENDED)
			die("the session ended: %s", s.why);
		if (!status && sess_call(&s, &undo))
			die("a buffer cannot be unregistered");
		n_good += !status;
	}
	say("%u registrations, %u of them good", n, n_good);
	sess_close(&s);
}

/* Registered until there is no more, in buffers of which many name the same pages. */
static void pages(void)
{
	struct vgpuif_page_directory *dir;
	uint32_t n = 0;
	struct sess s;
	int32_t status;

	sess_open(&s);
	dir = sess_dir(&s, 0);
	fill(dir, s.mem->refs[SCENE_SPARE_PAGE], 0);
	do {
		struct vgpuif_request req = req_register(100 + n, 60, s.dir->refs[0]);

		status = sess_call(&s, &req);
		n += !status;
	} while (!status && n < 20000);
	if (status == SESS_ENDED)
		die("the session ended: %s", s.why);
	if (status != -XEN_ENOSPC && status != -XEN_ENOMEM && status != -XEN_EFAULT)
		wrong("%u buffers, and then status %d", n, status);
	say("%u buffers of 60 pages, then %d (%s)", n, status, request_strstatus(status));
	/* Not unregistered: that is the backend's to do. */
	sess_close(&s);
}

const struct hostile_case cases_directories[] = {
	{ "directories", "loops; references twice, of nobody, of others, of pages to be read only",
	  directories },
	{ "guesses", "references at random", guesses },
	{ "pages", "the same pages registered until there are no more", pages },
	{ 0 },
};
