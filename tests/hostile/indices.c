// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wild indices and a scribbled ring. An index that cannot be ends the session, with words; one that
 * the backend keeps for itself may be overwritten at will.
 */
#include <string.h>

#include "hostile.h"

#define PRODUCER_WORDS	"producer index"

static void producer(void)
{
	const uint32_t off[] = { 0, 100000, 0x7fffffff, 0x80000000, 0xffffffff, rnd_edge() };
	struct sess s;
	size_t i;

	sess_open(&s);
	for (i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
		const uint32_t size = RING_SIZE(&s.ring.r);
		const uint32_t more = off[i] && off[i] > size ? off[i] : size + 1;

		if (i)
			sess_reopen(&s);
		s.ring.r.sring->req_prod += more;
		evt_notify(s.evt);
		sess_await_end(&s, PRODUCER_WORDS);
	}
	/* Back again, before anybody has looked: as if it never was. */
	sess_reopen(&s);
	s.ring.r.sring->req_prod += 100000;
	s.ring.r.sring->req_prod -= 100000;
	evt_notify(s.evt);
	if (sess_scene(&s) && !sess_draws(&s))
		wrong("it does not draw");
	sess_close(&s);
}

/* Its own words of the ring's header, which a backend must not read back. */
static void consumer(void)
{
	struct vgpuif_response rsp;
	unsigned int n, i, k;
	struct sess s;

	sess_open(&s);
	for (n = 0; n < 200 || (n < 5000 && time_left()); n++) {
		const uint32_t expected = s.ring.r.rsp_cons + (k = 1 + rnd(32));
		const uint64_t end_ns = now_ns() + WAIT_MS * UINT64_C(1000000);

		for (i = 0; i < k; i++) {
			struct vgpuif_request req = { .operation = VGPUIF_OP_CAPSET_INFO };

			sess_put(&s, &req);
		}
		s.ring.r.sring->rsp_prod = rnd_edge();
		s.ring.r.sring->rsp_event = rnd_edge();
		s.ring.r.sring->req_event = rnd_edge();
		memset((uint8_t *)s.ring_share->addr + 16, (int)rnd(256), VGPUIF_LIVE_OFFSET - 16);
		sess_push(&s);
		evt_notify(s.evt);	/* req_event is no longer the backend's word */
		while (*(volatile RING_IDX *)&s.ring.r.sring->rsp_prod != expected) {
			if (now_ns() > end_ns)
				die("%u requests are not answered", k);
			sleep_us(20);
		}
		for (i = 0; i < k; i++)
			if (sess_get(&s, &rsp, 1000) != 1 ||
			    rsp.operation != VGPUIF_OP_CAPSET_INFO || rsp.status)
				die("answer %u of %u is not right", i, k);
	}
	say("%u batches", n);
	sess_close(&s);
}

static void liveness(void)
{
	unsigned int n, i;
	struct sess s;

	sess_open(&s);
	for (n = 0; n < 5; n++) {
		if (n)
			sess_reopen(&s);
		for (i = 0; i < rnd(100); i++) {
			struct vgpuif_request req = { .operation = VGPUIF_OP_CAPSET_INFO };

			sess_put(&s, &req);
		}
		sess_push(&s);
		ring_front_set_alive(&s.ring, false);
		evt_notify(s.evt);
		if (n % 2)
			ring_front_set_alive(&s.ring, true);
		else
			sess_await_end(&s, "");
	}
	sess_close(&s);
}

/* Any octet of the ring, the header's above all. */
static void scribble_octets(void *arg, uint64_t n)
{
	struct sess *s = arg;
	volatile uint8_t *ring = s->ring_share->addr;
	const uint32_t bytes = PAGE << s->order;

	/* The liveness byte would end it at once. */
	switch (n % 4) {
	case 0:
		ring[rnd(16)] = (uint8_t)rnd64();
		break;
	case 1:
		ring[rnd(62)] ^= (uint8_t)(1u << rnd(8));
		break;
	default:
		ring[64 + rnd(bytes - 64)] = (uint8_t)rnd64();
	}
}

static void scribble_ring(void)
{
	struct scribbler w;
	unsigned int n;
	struct sess s;

	sess_open(&s);
	for (n = 0; n < 3 || (n < 20 && time_left()); n++) {
		const uint64_t end_ns = now_ns() + 100000000u;

		if (n)
			sess_reopen(&s);
		if (!sess_scene(&s))
			die("no scene: %s", s.why);
		scribble_start(&w, scribble_octets, &s);
		while (now_ns() < end_ns && read_state(s.back) == 4)
			evt_notify(s.evt);
		scribble_stop(&w);
		if (sess_ended(&s) && !strstr(s.why, PRODUCER_WORDS))
			sess_lost(&s, "a scribbled ring");
	}
	say("%u rings", n);
	sess_close(&s);
}

const struct hostile_case cases_indices[] = {
	{ "producer", "impossible producer indices end the session, with words", producer },
	{ "consumer", "the backend's own words in the ring's header are overwritten", consumer },
	{ "liveness", "the liveness byte cleared, and set again", liveness },
	{ "scribble", "any octet of the ring rewritten while it is read", scribble_ring },
	{ 0 },
};
