// SPDX-License-Identifier: GPL-2.0-only
/*
 * Version 3's synchronisation objects: 64-bit timelines that live here, written by the client or
 * when the work of a submit is done, and waited for through an eventfd that the client polls.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vt.h"

#define MAX_SYNCS	65536u
#define MAX_WAITS	1024u

struct sync {
	TAILQ_ENTRY(sync) link;
	uint32_t id;
	uint32_t refs;
	uint64_t value;
};

struct wait_for {
	struct sync *sync;		/* NULL: reached */
	uint64_t value;
};

struct sync_wait {
	TAILQ_ENTRY(sync_wait) link;
	int fd;
	bool any;
	uint64_t deadline_ns;
	uint32_t n;
	uint32_t reached;
	struct wait_for on[];
};

struct vt_sync_signal {
	struct sync *sync;
	uint64_t value;
};

struct vt_syncs {
	TAILQ_HEAD(, sync) all;
	TAILQ_HEAD(, sync_wait) waits;
	uint32_t n;
	uint32_t n_waits;
	uint32_t next_id;
};

static struct vt_syncs *syncs_of(struct vt_client *c)
{
	if (!c->syncs) {
		c->syncs = calloc(1, sizeof(*c->syncs));
		if (!c->syncs) {
			vt_fail(c, "out of memory");
			return NULL;
		}
		TAILQ_INIT(&c->syncs->all);
		TAILQ_INIT(&c->syncs->waits);
		c->syncs->next_id = 1;
	}
	return c->syncs;
}

static struct sync *find(struct vt_client *c, uint32_t id)
{
	struct sync *sync;

	if (!c->syncs)
		return NULL;
	TAILQ_FOREACH(sync, &c->syncs->all, link)
		if (sync->id == id)
			return sync;
	return NULL;
}

static void put(struct sync *sync)
{
	if (--sync->refs == 0)
		free(sync);
}

static uint64_t value_of(const uint32_t *low_high)
{
	return low_high[0] | (uint64_t)low_high[1] << 32;
}

static void free_wait(struct vt_client *c, struct sync_wait *w)
{
	uint32_t i;

	TAILQ_REMOVE(&c->syncs->waits, w, link);
	c->syncs->n_waits--;
	for (i = 0; i < w->n; i++)
		if (w->on[i].sync)
			put(w->on[i].sync);
	close(w->fd);
	free(w);
}

static bool ready(const struct sync_wait *w)
{
	return w->reached == w->n || (w->any && w->reached);
}

static void ring(const struct sync_wait *w)
{
	const uint64_t one = 1;

	if (write(w->fd, &one, sizeof(one)) < 0)
		return;		/* it was rung already */
}

/* What @sync's new value means for who waits; and an end to waits that are over. */
static void news(struct vt_client *c, struct sync *sync)
{
	const uint64_t now_ns = fe_now_ns();
	struct sync_wait *w, *next;
	uint32_t i;

	for (w = TAILQ_FIRST(&c->syncs->waits); w; w = next) {
		next = TAILQ_NEXT(w, link);
		for (i = 0; i < w->n; i++) {
			if (w->on[i].sync != sync || w->on[i].value > sync->value)
				continue;
			put(sync);
			w->on[i].sync = NULL;
			w->reached++;
		}
		if (ready(w))
			ring(w);
		if (ready(w) || w->deadline_ns < now_ns)
			free_wait(c, w);
	}
}

static void set_value(struct vt_client *c, struct sync *sync, uint64_t value)
{
	sync->value = value;
	sync->refs++;
	news(c, sync);
	put(sync);
}

int vt_sync_create(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	struct vt_syncs *s = syncs_of(c);
	struct sync *sync;

	(void)n;
	if (!s)
		return -1;
	sync = s->n < MAX_SYNCS ? calloc(1, sizeof(*sync)) : NULL;
	if (!sync)
		return vt_fail(c, "too many synchronisation objects (%u)", s->n);
	do {
		sync->id = s->next_id++;
	} while (!sync->id || find(c, sync->id));
	sync->refs = 1;
	sync->value = value_of(payload);
	TAILQ_INSERT_HEAD(&s->all, sync, link);
	s->n++;
	return vt_reply_words(c, VTEST_SYNC_CREATE, &sync->id, 1);
}

int vt_sync_unref(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	struct sync *sync = find(c, payload[0]);

	(void)n;
	if (!sync)
		return 0;
	TAILQ_REMOVE(&c->syncs->all, sync, link);
	c->syncs->n--;
	put(sync);
	return 0;
}

int vt_sync_read(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	struct sync *sync = find(c, payload[0]);
	uint32_t words[2];

	(void)n;
	if (!sync)
		return vt_fail(c, "SYNC_READ of %u, which does not exist", payload[0]);
	words[0] = (uint32_t)sync->value;
	words[1] = (uint32_t)(sync->value >> 32);
	return vt_reply_words(c, VTEST_SYNC_READ, words, 2);
}

int vt_sync_write(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	struct sync *sync = find(c, payload[0]);

	(void)n;
	if (!sync)
		return vt_fail(c, "SYNC_WRITE of %u, which does not exist", payload[0]);
	set_value(c, sync, value_of(payload + 1));
	return 0;
}

static uint64_t deadline(uint32_t timeout_ms)
{
	/* As the open server has it. Source: vtest_gettime(). */
	return timeout_ms > INT32_MAX ? UINT64_MAX : fe_now_ns() + timeout_ms * UINT64_C(1000000);
}

int vt_sync_wait(struct vt_client *c, const uint32_t *payload, uint32_t n)
{
	struct vt_syncs *s = syncs_of(c);
	const uint32_t count = n < 2 ? 0 : (n - 2) / 3;
	struct sync_wait *w;
	uint32_t i;
	int err;

	if (!s)
		return -1;
	if (n < 2 || (n - 2) % 3)
		return vt_fail(c, "SYNC_WAIT of %u words", n);
	w = s->n_waits < MAX_WAITS ? calloc(1, sizeof(*w) + count * sizeof(w->on[0])) : NULL;
	if (!w)
		return vt_fail(c, "too many waits for synchronisation objects (%u)", s->n_waits);
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->fd < 0) {
		free(w);
		return vt_fail(c, "no descriptor for SYNC_WAIT");
	}
	w->any = payload[0] & VTEST_SYNC_WAIT_ANY;
	w->deadline_ns = deadline(payload[1]);
	w->n = count;
	TAILQ_INSERT_TAIL(&s->waits, w, link);
	s->n_waits++;
	for (i = 0; i < count; i++) {
		struct sync *sync = find(c, payload[2 + i * 3]);

		if (!sync)
			return vt_fail(c, "SYNC_WAIT for %u, which does not exist",
				       payload[2 + i * 3]);
		w->on[i].value = value_of(payload + 3 + i * 3);
		if (sync->value >= w->on[i].value) {
			w->reached++;
			continue;
		}
		w->on[i].sync = sync;
		sync->refs++;
	}
	if (ready(w))
		ring(w);
	err = vt_reply_words(c, VTEST_SYNC_WAIT, NULL, 0);
	if (!err)
		err = vt_reply_fd(c, w->fd);
	if (ready(w) || !payload[1])
		free_wait(c, w);
	return err;
}

int vt_sync_prepare(struct vt_client *c, const uint32_t *words, uint32_t n,
		    struct vt_sync_signal **out)
{
	struct vt_sync_signal *signals = calloc(n, sizeof(*signals));
	uint32_t i;

	if (!signals)
		return vt_fail(c, "out of memory");
	for (i = 0; i < n; i++) {
		signals[i].sync = find(c, words[i * 3]);
		signals[i].value = value_of(words + i * 3 + 1);
		if (!signals[i].sync)
			break;
		signals[i].sync->refs++;
	}
	if (i < n) {
		vt_fail(c, "SUBMIT_CMD2 signals %u, which does not exist", words[i * 3]);
		while (i--)
			put(signals[i].sync);
		free(signals);
		return -1;
	}
	*out = signals;
	return 0;
}

void vt_sync_signal(struct vt_client *c, struct vt_sync_signal *signals, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		set_value(c, signals[i].sync, signals[i].value);
		put(signals[i].sync);
	}
}

void vt_sync_finish(struct vt_client *c)
{
	struct sync *sync;

	if (!c->syncs)
		return;
	while (!TAILQ_EMPTY(&c->syncs->waits))
		free_wait(c, TAILQ_FIRST(&c->syncs->waits));
	while ((sync = TAILQ_FIRST(&c->syncs->all))) {
		TAILQ_REMOVE(&c->syncs->all, sync, link);
		put(sync);
	}
	free(c->syncs);
	c->syncs = NULL;
}
