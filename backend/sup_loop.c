// SPDX-License-Identifier: GPL-2.0-only
/*
 * The supervisor's loop; see sup_loop.h.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sup_loop.h"

uint64_t loop_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int loop_init(struct loop *loop)
{
	memset(loop, 0, sizeof(*loop));
	TAILQ_INIT(&loop->timers);
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_finish(struct loop *loop)
{
	close(loop->epoll_fd);
	loop->epoll_fd = -1;
}

int loop_add(struct loop *loop, struct loop_source *source, int fd, uint32_t events,
	     void (*fn)(void *arg, uint32_t events), void *arg)
{
	struct epoll_event ev = { .events = events, .data.ptr = source };

	source->fd = fd;
	source->fn = fn;
	source->arg = arg;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev))
		return -errno;
	source->added = true;
	return 0;
}

int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = source };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &ev) ? -errno : 0;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	int i;

	if (!source->added)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->added = false;
	for (i = 0; i < loop->n_batch; i++) {
		if (loop->batch[i].data.ptr == source)
			loop->batch[i].data.ptr = NULL;
	}
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint32_t delay_ms,
		    void (*fn)(void *arg), void *arg)
{
	struct loop_timer *other;

	loop_timer_cancel(loop, timer);
	timer->at_ns = loop_now_ns() + (uint64_t)delay_ms * 1000000u;
	timer->fn = fn;
	timer->arg = arg;
	timer->armed = true;
	TAILQ_FOREACH(other, &loop->timers, link) {
		if (other->at_ns > timer->at_ns) {
			TAILQ_INSERT_BEFORE(other, timer, link);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&loop->timers, timer, link);
}

void loop_timer_cancel(struct loop *loop, struct loop_timer *timer)
{
	if (!timer->armed)
		return;
	TAILQ_REMOVE(&loop->timers, timer, link);
	timer->armed = false;
}

static int wait_ms(const struct loop *loop, int max_wait_ms)
{
	const struct loop_timer *first = TAILQ_FIRST(&loop->timers);
	uint64_t now_ns, left_ms;

	if (!first)
		return max_wait_ms;
	now_ns = loop_now_ns();
	if (first->at_ns <= now_ns)
		return 0;
	/* Rounded up, or the last millisecond would be a busy loop. */
	left_ms = (first->at_ns - now_ns + 999999u) / 1000000u;
	if (max_wait_ms >= 0 && left_ms > (uint64_t)max_wait_ms)
		return max_wait_ms;
	return left_ms > 1000000 ? 1000000 : (int)left_ms;
}

/* Only those due at the start: a timer that arms itself again with no delay must not hold us. */
static void run_timers(struct loop *loop)
{
	const uint64_t now_ns = loop_now_ns();
	struct loop_timer *timer;

	while ((timer = TAILQ_FIRST(&loop->timers)) && timer->at_ns <= now_ns) {
		loop_timer_cancel(loop, timer);
		timer->fn(timer->arg);
	}
}

int loop_run_once(struct loop *loop, int max_wait_ms)
{
	int i, n;

	n = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, wait_ms(loop, max_wait_ms));
	if (n < 0 && errno != EINTR)
		return -errno;
	loop->n_batch = n > 0 ? n : 0;
	for (i = 0; i < loop->n_batch; i++) {
		struct loop_source *source = loop->batch[i].data.ptr;

		if (source)
			source->fn(source->arg, loop->batch[i].events);
	}
	loop->n_batch = 0;
	run_timers(loop);
	return 0;
}
