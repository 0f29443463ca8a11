// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages rewritten while the backend reads them: commands, directories, slots of the ring, its
 * index; and a ring that is the GPU's surface as well. Whatever it read, it must have read once.
 */
#include <string.h>

#include "hostile.h"
#include "virgl.h"

/* Long enough for somebody to read it, now and then. */
static void hold(void)
{
	volatile uint32_t n = 1u << rnd(15);

	while (n--)
		;
}

/* --- commands --------------------------------------------------------------------------------- */

struct flip {
	volatile uint32_t *word;
	uint32_t n_words;
};

/* Between lengths, handles and commands that are right, and those that are not. */
static void flip_words(void *arg, uint64_t n)
{
	const struct flip *f = arg;
	volatile uint32_t *word = f->word + rnd(f->n_words);
	const uint32_t was = *word;

	*word = n % 2 ? rnd_edge() : was ^ (0x10000u << rnd(8));
	hold();
	*word = was;
}

/* A lost context is destroyed and made again. */
static bool fresh_context(struct sess *s)
{
	struct vgpuif_request destroy = req_id(VGPUIF_OP_CONTEXT_DESTROY, 1);

	return sess_call(s, &destroy) != SESS_ENDED && sess_scene(s);
}

static void commands(void)
{
	uint32_t words[64], n_words, n = 0, n_lost = 0;
	struct scribbler w;
	struct flip flip;
	struct sess s;
	int32_t status;

	sess_open(&s);
	if (!sess_scene(&s))
		die("no scene: %s", s.why);
	n_words = virgl_surface(words, 1, 1);
	n_words += virgl_framebuffer(words + n_words, 1);
	n_words += virgl_clear(words + n_words, 0, 1, 0, 1);
	n_words += VIRGL(words + n_words, VIRGL_DESTROY_OBJECT, VIRGL_OBJECT_SURFACE, 1);
	memcpy(sess_page(&s, SCENE_CMDS_PAGE), words, n_words * 4);
	flip = (struct flip){ (uint32_t *)(void *)sess_page(&s, SCENE_CMDS_PAGE), n_words };
	scribble_start(&w, flip_words, &flip);
	while (time_left()) {
		struct vgpuif_request req = req_submit(1, SCENE_CMDS, 0, n_words * 4);

		status = sess_call(&s, &req);
		n++;
		if (status == -XEN_EIO)
			n_lost++;
		if (status == -XEN_EIO && fresh_context(&s))
			continue;
		if (!status || status == -XEN_EOPNOTSUPP)
			continue;
		sess_lost(&s, "commands rewritten while they are read");
		sess_reopen(&s);
		if (!sess_scene(&s))
			die("no scene: %s", s.why);
		memcpy(sess_page(&s, SCENE_CMDS_PAGE), words, n_words * 4);
	}
	scribble_stop(&w);
	say("%u submits, %u contexts lost", n, n_lost);
	sess_close(&s);
}

/* --- directories ------------------------------------------------------------------------------ */

static uint32_t bad_ref(struct sess *s)
{
	const uint32_t refs[] = { 0, 0x00fffff0, 0xffffffff, s->dir->refs[1], s->dir->refs[0],
				  s->ring_share->refs[0], s->mem->refs[rnd(SESS_PAGES)] };

	return refs[rnd(sizeof(refs) / sizeof(refs[0]))];
}

static void flip_refs(void *arg, uint64_t n)
{
	struct sess *s = arg;
	volatile uint32_t *words = (volatile uint32_t *)sess_dir(s, 0);
	/* The chain's next page, or one of the few references that are used. */
	volatile uint32_t *word = words + (n % 3 ? 1 + rnd(8) : 0);
	const uint32_t was = *word;

	*word = bad_ref(s);
	hold();
	*word = was;
}

static void directory(void)
{
	uint32_t n, n_good = 0, n_einval = 0, n_efault = 0;
	struct scribbler w;
	struct sess s;
	int32_t status;

	sess_open(&s);
	sess_directory(&s, SCENE_SPARE_PAGE, 8);
	scribble_start(&w, flip_refs, &s);
	for (n = 0; time_left(); n++) {
		struct vgpuif_request req = req_register(5, 8, s.dir->refs[0]);
		struct vgpuif_request undo = req_id(VGPUIF_OP_BUFFER_UNREGISTER, 5);

		status = sess_call(&s, &req);
		if (status == -XEN_EINVAL)
			n_einval++;
		else if (status == -XEN_EFAULT)
			n_efault++;
		else if (status)
			die("registering: status %d %s", status, s.why);
		else if (sess_call(&s, &undo))
			die("a buffer cannot be unregistered: %s", s.why);
		else
			n_good++;
	}
	scribble_stop(&w);
	say("%u registrations: %u good, %u EINVAL, %u EFAULT", n, n_good, n_einval, n_efault);
	sess_close(&s);
}

/* --- the ring --------------------------------------------------------------------------------- */

/* Slots only: the requests become anything, and each is answered. */
static void flip_slots(void *arg, uint64_t n)
{
	struct sess *s = arg;
	volatile uint32_t *slots = (volatile uint32_t *)s->ring_share->addr + 16;
	volatile uint32_t *word = slots + rnd(RING_SIZE(&s->ring.r) * 16);

	*word = n % 2 ? rnd_edge() : *word ^ (1u << rnd(32));
}

static void slots(void)
{
	struct scribbler w;
	uint32_t n = 0, i;
	struct sess s;

	sess_open(&s);
	if (!sess_scene(&s))
		die("no scene: %s", s.why);
	scribble_start(&w, flip_slots, &s);
	while (time_left()) {
		const uint32_t k = 1 + rnd(64), before = s.ring.r.rsp_cons;
		const uint64_t end_ns = now_ns() + WAIT_MS * UINT64_C(1000000);

		for (i = 0; i < k; i++) {
			struct vgpuif_request req = req_submit(1, SCENE_CMDS, 0, 64);

			req.operation = (uint8_t)(VGPUIF_OP_CAPSET_INFO + rnd(16));
			sess_put(&s, &req);
		}
		sess_push(&s);
		evt_notify(s.evt);
		/* The answers are rewritten as well; only their number can be looked at. */
		while (*(volatile RING_IDX *)&s.ring.r.sring->rsp_prod != before + k &&
		       !sess_ended(&s)) {
			if (now_ns() > end_ns)
				die("%u requests are not answered", k);
			sleep_us(50);
		}
		s.ring.r.rsp_cons = before + k;
		n += k;
		if (!sess_ended(&s))
			continue;
		sess_lost(&s, "slots rewritten while they are read");
		sess_reopen(&s);
		if (!sess_scene(&s))
			die("no scene: %s", s.why);
	}
	scribble_stop(&w);
	say("%u requests", n);
	sess_close(&s);
}

static void flip_index(void *arg, uint64_t n)
{
	struct sess *s = arg;
	volatile RING_IDX *index = &s->ring.r.sring->req_prod;
	const RING_IDX was = *index;

	/* Possible ones half of the time: slots are executed that were never written, and twice. */
	*index = n % 2 ? was + rnd(RING_SIZE(&s->ring.r)) : rnd_edge();
	hold();
	*index = was;
}

static void ring_index(void)
{
	uint32_t n, ended = 0;
	struct scribbler w;
	struct sess s;

	sess_open(&s);
	for (n = 0; n < 3 || (n < 100 && time_left()); n++) {
		const uint64_t end_ns = now_ns() + 200000000u;

		if (n)
			sess_reopen(&s);
		scribble_start(&w, flip_index, &s);
		while (now_ns() < end_ns && read_state(s.back) == 4)
			evt_notify(s.evt);
		scribble_stop(&w);
		if (!sess_ended(&s))
			continue;
		ended++;
		if (!strstr(s.why, "producer index"))
			sess_lost(&s, "an index that changes all the time");
	}
	say("%u of %u sessions ended by it", ended, n);
	sess_close(&s);
}

/*
 * The ring's pages are the backing store of a texture, too, and the GPU's pixels land on indices
 * and requests. The worker writes to its own ring, as it was asked to.
 */
static void ring_is_surface(void)
{
	struct sess s;
	uint32_t n, i, ended = 0;
	bool alive;

	sess_open(&s);
	for (n = 0; n < 4; n++) {
		struct vgpuif_request reqs[] = {
			req_register(7, 1u << s.order, s.dir->refs[SESS_DIR_PAGES - 1]),
			req_texture(7, 32),
			req_attach(7, 7, 0, (uint64_t)PAGE << s.order),
			req_pair(VGPUIF_OP_CONTEXT_ATTACH, 1, 7),
		};
		struct vgpuif_request read = req_transfer(VGPUIF_OP_TRANSFER_FROM_HOST, 1, 7, 32);
		struct vgpuif_page_directory *dir;
		uint32_t words[64], k;

		if (n) {
			sess_reopen(&s);
			reqs[0].u.buffer_register.n_pages = 1u << s.order;
		}
		dir = sess_dir(&s, SESS_DIR_PAGES - 1);
		memset(dir, 0, sizeof(*dir));
		for (i = 0; i < 1u << s.order; i++)
			dir->gref[i] = s.ring_share->refs[i];
		if (!sess_scene(&s))
			die("no scene: %s", s.why);
		for (i = 0; i < 4; i++)
			if (sess_call(&s, &reqs[i]))
				die("a ring cannot be a surface: request %u", i);
		k = virgl_surface(words, 7, 7);
		k += virgl_framebuffer(words + k, 7);
		k += virgl_clear(words + k, n % 2 ? 1.f : 0.f, 0.f, 0.f, n > 1 ? 1.f : 0.f);
		if (sess_submit(&s, 1, words, k))
			die("it does not draw there");
		/* From the header on, or from behind it: then the slots only. */
		read.u.transfer.offset = n % 2 ? 64 : 0;
		if (read.u.transfer.offset)
			read.u.transfer.height = 31;
		sess_put(&s, &read);
		sess_push(&s);
		sleep_us(100000);
		evt_notify(s.evt);
		alive = !sess_ended(&s);
		for (i = 0; alive && i < 100; i++) {
			sleep_us(5000);
			alive = !sess_ended(&s);
		}
		ended += !alive;
		if (!alive && s.why[0] && !strstr(s.why, "producer index"))
			sess_lost(&s, "a ring that is a surface");
	}
	say("%u of %u sessions ended by it", ended, n);
	sess_close(&s);
}

const struct hostile_case cases_races[] = {
	{ "race-commands", "commands rewritten while they are copied", commands },
	{ "race-directory", "directories rewritten while they are read", directory },
	{ "race-slots", "requests rewritten in the ring while they are taken", slots },
	{ "race-index", "the producer index changed all the time", ring_index },
	{ "ring-is-surface", "the GPU draws into the ring it takes requests from",
	  ring_is_surface },
	{ 0 },
};
