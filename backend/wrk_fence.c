// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reports of fences, which an engine may make from a thread of its own.
 *
 * While the worker sleeps, that thread answers the guest itself: waking the worker for it would cost
 * every frame a wake-up between two processors, which is what a frame of a small program mostly
 * consists of. So there is a lock, "serving", for all of struct wrk. The worker holds it except
 * where it waits for events; the engine's thread only ever tries it, for the worker may hold it
 * inside a call that waits for that very thread. What is reported while the worker holds it, the
 * worker takes with the next slice, and between two requests:
 *
 *	engine's thread: note the report; try "serving"; had it: answer, let go
 *	worker:          a slice; let go of "serving"; reports? another slice : sleep
 *
 * Whichever comes second sees what the first did, for which both need a full barrier between their
 * two steps. What follows from a report and needs the engine, which may be called in the worker's
 * thread only, is left to the worker: it is kicked.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "wrk.h"

int wrk_fence_init(struct wrk *w)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct wrk_fences *f = &w->fences;

	pthread_mutex_init(&f->serving, NULL);
	pthread_mutex_init(&f->lock, NULL);
	f->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->kick_fd < 0)
		return -errno;
	ev.data.fd = f->kick_fd;
	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, f->kick_fd, &ev) ? -errno : 0;
}

int wrk_fence_alloc(struct wrk *w, uint32_t n)
{
	w->fences.report = calloc(n, sizeof(w->fences.report[0]));
	w->fences.max = n;
	return w->fences.report ? 0 : -ENOMEM;
}

bool wrk_fence_reported(const struct wrk *w)
{
	return __atomic_load_n(&w->fences.n, __ATOMIC_ACQUIRE) != 0;
}

void wrk_fence_take(struct wrk *w)
{
	struct wrk_fences *f = &w->fences;
	struct wrk_report r;
	uint32_t i = 0;

	/* More may come meanwhile. */
	while (wrk_fence_reported(w)) {
		pthread_mutex_lock(&f->lock);
		r = f->report[i++];
		if (i == f->n) {
			__atomic_store_n(&f->n, 0, __ATOMIC_RELEASE);
			i = 0;
		}
		pthread_mutex_unlock(&f->lock);
		wrk_submit_done(w, r.context_id, r.ring_idx, r.fence_id);
	}
}

static void note(struct wrk_fences *f, const struct wrk_report *report)
{
	pthread_mutex_lock(&f->lock);
	/* There is room for every fence that can be in flight; each is reported once. */
	if (f->n == f->max)
		abort();
	f->report[f->n] = *report;
	__atomic_store_n(&f->n, f->n + 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&f->lock);
}

static void kick(struct wrk *w)
{
	const uint64_t one = 1;

	if (write(w->fences.kick_fd, &one, sizeof(one)) < 0)
		return;		/* it was kicked already */
}

void wrk_fence_done(void *arg, uint32_t context_id, uint32_t ring_idx, uint64_t fence_id)
{
	const struct wrk_report report = { .context_id = context_id, .ring_idx = ring_idx,
					   .fence_id = fence_id };
	struct wrk *w = arg;
	bool held, due;

	note(&w->fences, &report);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (pthread_mutex_trylock(&w->fences.serving))
		return;
	held = wrk_held(w);
	wrk_fence_take(w);
	wrk_ring_flush(w);
	/* It sleeps as one that is held does, or has a message that could not be sent. */
	due = (held && !wrk_held(w)) || w->sched.n_said;
	pthread_mutex_unlock(&w->fences.serving);
	if (due)
		kick(w);
}

void wrk_fence_kicked(struct wrk *w)
{
	uint64_t times;

	if (read(w->fences.kick_fd, &times, sizeof(times)) < 0)
		return;		/* it is not readable any more */
}

void wrk_enter(struct wrk *w)
{
	pthread_mutex_lock(&w->fences.serving);
}

bool wrk_leave(struct wrk *w)
{
	pthread_mutex_unlock(&w->fences.serving);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !wrk_fence_reported(w);
}
