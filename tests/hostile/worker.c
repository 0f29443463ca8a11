// SPDX-License-Identifier: GPL-2.0-only
/*
 * A backend that means harm, for tests of frontends: xengpu-worker, linked so that some of its calls
 * come here first. xengpud starts it in the worker's place (--worker). It does as it should for a
 * while, chosen by chance, and then what XENGPU_WORKER_HARM says, WAY or WAY:SEED:
 *
 *	answers		responses wrong in one field, out of place, twice
 *	disorder	responses, each right, in any order and at any time
 *	indices		the ring's indices and events
 *	scribble	anything, anywhere on the ring, at any time
 *	silence		no answer any more
 *	storm		events without end
 *	keeps		what was taken back stays mapped
 *	capsets		what the renderer can do, at random
 *
 * The supervisor is an honest one, so a session ends as sessions do.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "evt.h"
#include "gnt.h"
#include "gpu.h"
#include "ring.h"
#include "splitmix64.h"
#include "wrk_log.h"

enum way { NONE, ANSWERS, DISORDER, INDICES, SCRIBBLE, SILENCE, STORM, KEEPS, CAPSETS };
static const char *const ways[] = { "none", "answers", "disorder", "indices", "scribble", "silence",
				    "storm", "keeps", "capsets" };

#define MAX_HONEST	60u		/* answers before it begins, at most; a session's first few are about capsets */
#define LONE_US		200		/* between what its own thread does */
#define MAX_LATE	16u
#define LATE_TURNS	200		/* of that thread, on average, until one of them is told */

static struct {
	pthread_mutex_t lock;		/* of what its own thread uses, as well */
	enum way way;
	uint64_t seed, state;
	unsigned int honest;		/* answers left */
	bool begun;
	struct ring_back *ring;		/* NULL once it is unmapped */
	struct evt *evt;
	struct vgpuif_response last;
	struct vgpuif_response late[MAX_LATE];
	unsigned int n_late;
} harm = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* 0 to @below - 1; 0, any 64 bits. */
static uint64_t rnd(uint64_t below)
{
	const uint64_t z = splitmix64(&harm.state);

	return below ? z % below : z;
}

/* What the linker makes of --wrap: callers come to __wrap_, which calls __real_. */
void __real_ring_back_put(struct ring_back *ring, const struct vgpuif_response *rsp);
void __wrap_ring_back_put(struct ring_back *ring, const struct vgpuif_response *rsp);
bool __real_ring_back_push(struct ring_back *ring);
bool __wrap_ring_back_push(struct ring_back *ring);
int __real_evt_notify(struct evt *evt);
int __wrap_evt_notify(struct evt *evt);
void __real_gnt_munmap(void *addr, uint32_t n_pages);
void __wrap_gnt_munmap(void *addr, uint32_t n_pages);
int __real_gpu_open(struct gpu *gpu, const struct gpu_config *config, char why[GPU_MAX_TEXT]);
int __wrap_gpu_open(struct gpu *gpu, const struct gpu_config *config, char why[GPU_MAX_TEXT]);

static void *on_its_own(void *arg);

static bool begins(void)
{
	pthread_t thread;

	if (harm.way == NONE || harm.way == CAPSETS || harm.begun)
		return harm.begun;
	if (harm.honest) {
		harm.honest--;
		return false;
	}
	harm.begun = true;
	/* Without the thread nothing begins, and the test says so. */
	if ((harm.way == SCRIBBLE || harm.way == STORM || harm.way == DISORDER) &&
	    pthread_create(&thread, NULL, on_its_own, NULL))
		wrk_log("harm: no thread");
	else
		wrk_log("harm: %s begins, seed %llu", ways[harm.way], (unsigned long long)harm.seed);
	return true;
}

/* --- the ring --------------------------------------------------------------------------------- */

static void scribble(void)
{
	volatile uint32_t *words = (volatile uint32_t *)harm.ring->r.sring;
	const size_t n = (offsetof(vgpuif_sring_t, ring) +
			  RING_SIZE(&harm.ring->r) * sizeof(harm.ring->r.sring->ring[0])) / 4;

	/* The indices are four words of thousands, and half of the harm. */
	words[rnd(2) ? rnd(4) : rnd(n)] = (uint32_t)(rnd(2) ? rnd(0) : rnd(300));
}

static void one_of_the_late(void)
{
	const unsigned int i = (unsigned int)rnd(harm.n_late);

	__real_ring_back_put(harm.ring, &harm.late[i]);
	harm.late[i] = harm.late[--harm.n_late];
	__real_ring_back_push(harm.ring);
}

static void *on_its_own(void *arg)
{
	const struct timespec pause = { .tv_nsec = LONE_US * 1000 };

	(void)arg;
	for (;;) {
		pthread_mutex_lock(&harm.lock);
		if (harm.way == SCRIBBLE && harm.ring)
			scribble();
		if (harm.ring && harm.n_late && !rnd(LATE_TURNS / harm.n_late))
			one_of_the_late();
		if (harm.evt)
			__real_evt_notify(harm.evt);
		pthread_mutex_unlock(&harm.lock);
		if (harm.way != STORM)
			nanosleep(&pause, NULL);
	}
	return NULL;
}

static void spoil(struct vgpuif_response *rsp)
{
	static const int statuses[] = { 1, 0x7fffffff, -0x7fffffff - 1, -1000, -2, -22, -19 };

	switch (rnd(8)) {
	case 0:
		rsp->id = (uint32_t)rnd(0);
		break;
	case 1:
		rsp->id ^= 1u << rnd(32);
		break;
	case 2:
		rsp->operation ^= (uint8_t)(1 + rnd(255));
		break;
	case 3:
		rsp->status = statuses[rnd(sizeof(statuses) / sizeof(statuses[0]))];
		break;
	case 4:
		rsp->reserved1 = (uint32_t)rnd(0);
		break;
	case 5:
		rsp->u.octets[rnd(sizeof(rsp->u.octets))] ^= (uint8_t)(1 + rnd(255));
		break;
	case 6:
		memset(rsp->u.octets, 0xff, sizeof(rsp->u.octets));
		break;
	default:
		*rsp = harm.last;
	}
}

void __wrap_ring_back_put(struct ring_back *ring, const struct vgpuif_response *rsp)
{
	struct vgpuif_response mine = *rsp;

	pthread_mutex_lock(&harm.lock);
	if (begins() && harm.way == ANSWERS && !rnd(4)) {
		spoil(&mine);
		if (!rnd(4))
			__real_ring_back_put(ring, &mine);
	}
	harm.last = *rsp;
	if (harm.begun && harm.way == DISORDER && harm.n_late < MAX_LATE && rnd(2))
		harm.late[harm.n_late++] = *rsp;
	else if (!harm.begun || harm.way != SILENCE)
		__real_ring_back_put(ring, &mine);
	pthread_mutex_unlock(&harm.lock);
}

bool __wrap_ring_back_push(struct ring_back *ring)
{
	volatile uint32_t *words = (volatile uint32_t *)ring->r.sring;
	bool notify;

	pthread_mutex_lock(&harm.lock);
	harm.ring = ring;
	notify = __real_ring_back_push(ring);
	if (harm.begun && harm.way == INDICES && !rnd(4)) {
		words[rnd(4)] = (uint32_t)(rnd(2) ? rnd(0) : ring->rsp_prod_pushed + rnd(600) - 300);
		notify = true;
	}
	pthread_mutex_unlock(&harm.lock);
	return notify;
}

int __wrap_evt_notify(struct evt *evt)
{
	int ret;

	pthread_mutex_lock(&harm.lock);
	harm.evt = evt;
	ret = __real_evt_notify(evt);
	pthread_mutex_unlock(&harm.lock);
	return ret;
}

/* --- memory ----------------------------------------------------------------------------------- */

void __wrap_gnt_munmap(void *addr, uint32_t n_pages)
{
	pthread_mutex_lock(&harm.lock);
	if (harm.ring && addr == harm.ring->r.sring) {
		harm.ring = NULL;
		harm.evt = NULL;
	}
	if (!harm.begun || harm.way != KEEPS)
		__real_gnt_munmap(addr, n_pages);
	pthread_mutex_unlock(&harm.lock);
}

/* --- the renderer ----------------------------------------------------------------------------- */

static void choose(void)
{
	const char *text = getenv("XENGPU_WORKER_HARM"), *colon = text ? strchr(text, ':') : NULL;
	struct timespec now;
	size_t i;

	clock_gettime(CLOCK_REALTIME, &now);
	harm.seed = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	if (colon)
		harm.seed = strtoull(colon + 1, NULL, 10);
	harm.state = harm.seed;
	for (i = 0; text && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strncmp(text, ways[i], strcspn(text, ":")))
			harm.way = (enum way)i;
	harm.honest = (unsigned int)rnd(MAX_HONEST);
}

int __wrap_gpu_open(struct gpu *gpu, const struct gpu_config *config, char why[GPU_MAX_TEXT])
{
	int err = __real_gpu_open(gpu, config, why);
	uint32_t c, i;

	choose();
	for (c = 0; !err && harm.way == CAPSETS && c < gpu->n_capsets; c++) {
		uint8_t *octets = gpu->capset[c].data;

		wrk_log("harm: capsets begins, seed %llu", (unsigned long long)harm.seed);
		for (i = 0; i < gpu->capset[c].max_bytes; i++)
			if (!rnd(4))
				octets[i] = (uint8_t)rnd(0);
	}
	return err;
}
