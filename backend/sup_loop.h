/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The supervisor's one loop: descriptors and timers, one thread, nothing blocks. Sources and timers
 * are members of the structures that they belong to, so adding one can fail only in the kernel.
 */
#ifndef BACKEND_SUP_LOOP_H
#define BACKEND_SUP_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#define LOOP_BATCH	32

struct loop_source {
	int fd;			/* not owned */
	bool added;
	void (*fn)(void *arg, uint32_t events);
	void *arg;
};

struct loop_timer {
	TAILQ_ENTRY(loop_timer) link;
	bool armed;
	uint64_t at_ns;
	void (*fn)(void *arg);
	void *arg;
};

struct loop {
	int epoll_fd;
	TAILQ_HEAD(, loop_timer) timers;	/* earliest first */
	struct epoll_event batch[LOOP_BATCH];
	int n_batch;
};

/* loop_now_ns() - the monotonic clock. */
uint64_t loop_now_ns(void);

/* loop_init() - returns 0 or -errno; release with loop_finish(). */
int loop_init(struct loop *loop);
void loop_finish(struct loop *loop);

/* loop_add() - call @fn when @fd has EPOLL @events (level-triggered). Returns 0 or -errno. */
int loop_add(struct loop *loop, struct loop_source *source, int fd, uint32_t events,
	     void (*fn)(void *arg, uint32_t events), void *arg);

/* loop_modify() - wait for other events. Returns 0 or -errno. */
int loop_modify(struct loop *loop, struct loop_source *source, uint32_t events);

/* loop_remove() - before the descriptor is closed; @fn is not called again, not even from the
 * batch being worked on. Nothing happens when it was not added. */
void loop_remove(struct loop *loop, struct loop_source *source);

/* loop_timer_set() - call @fn once in @delay_ms; an armed timer is moved. */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, uint32_t delay_ms,
		    void (*fn)(void *arg), void *arg);

/* loop_timer_cancel() - nothing happens when it is not armed. */
void loop_timer_cancel(struct loop *loop, struct loop_timer *timer);

/*
 * loop_run_once() - wait for the next event or timer, and call what belongs to it.
 * @max_wait_ms: at most this long; -1 for as long as it takes.
 * Returns 0 or -errno.
 */
int loop_run_once(struct loop *loop, int max_wait_ms);

#endif
