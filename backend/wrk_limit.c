// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits that hold a session back and refuse nothing: commands in flight, and frames a second. Both
 * are asked about before a request is taken, and only when there is one; so a session that is
 * within its limits costs no timer and no wake-up.
 *
 * In flight are the commands of submits whose fence has not come. Those of a submit without a fence
 * belong to the next one with a fence on the same timeline. What no fence will ever report is no
 * reason to wait: the ring is held only while a fence is under way, and looked at anew with each,
 * so it cannot be held for ever; and a submit larger than the limit goes when it is alone.
 *
 * A frame is a submit that asks for a fence. Frames have slots, a period apart. One that comes late
 * takes the slot that has passed, and those after it keep theirs, so jitter does not lower the
 * rate; but of all slots that a session let pass it keeps one.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "wrk.h"

#define NS_PER_S	UINT64_C(1000000000)

static uint64_t period_ns(const struct wrk_limits *l)
{
	/* Rounded up: never faster than was said. */
	return (NS_PER_S + l->max_fps - 1) / l->max_fps;
}

/* @at_ns: 0 disarms it. */
static void set_timer(struct wrk *w, uint64_t at_ns)
{
	const struct itimerspec when = {
		.it_value = { (time_t)(at_ns / NS_PER_S), (long)(at_ns % NS_PER_S) },
	};

	if (timerfd_settime(w->hold.timer_fd, TFD_TIMER_ABSTIME, &when, NULL))
		wrk_end(w, CTL_REASON_RENDERER, "the timer for max_fps=%u cannot be set: %s",
			w->hold.max_fps, strerror(errno));
}

int wrk_limit_bind(struct wrk *w)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct wrk_limits *l = &w->hold;

	l->inflight_max = (uint64_t)w->bind.inflight_mib << 20;
	l->max_fps = w->bind.max_fps;
	l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->timer_fd < 0)
		return -errno;
	ev.data.fd = l->timer_fd;
	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, l->timer_fd, &ev) ? -errno : 0;
}

/* --- commands in flight ----------------------------------------------------------------------- */

static bool enough_in_flight(const struct wrk *w)
{
	return w->hold.inflight_max && w->fences_in_flight &&
	       w->hold.inflight_bytes >= w->hold.inflight_max;
}

void wrk_limit_submitted(struct wrk *w, uint64_t bytes)
{
	w->hold.inflight_bytes += bytes;
}

void wrk_limit_done(struct wrk *w, uint64_t bytes)
{
	w->hold.inflight_bytes -= bytes;
	if (!enough_in_flight(w))
		w->held &= ~(uint32_t)WRK_HELD_INFLIGHT;
}

/* --- frames ----------------------------------------------------------------------------------- */

void wrk_limit_frame(struct wrk *w, uint64_t now_ns)
{
	struct wrk_limits *l = &w->hold;
	uint64_t period;

	if (!l->max_fps) {
		l->slot_ns = now_ns;
		return;
	}
	period = period_ns(l);
	l->slot_ns += period;
	if (l->slot_ns + period < now_ns)
		l->slot_ns = now_ns - period;
}

void wrk_limit_timer(struct wrk *w)
{
	uint64_t times;

	if (read(w->hold.timer_fd, &times, sizeof(times)) == sizeof(times))
		w->held &= ~(uint32_t)WRK_HELD_FPS;
}

void wrk_limit_change(struct wrk *w, const struct ctl_limits *limits)
{
	w->hold.max_fps = limits->max_fps;
	if (!(w->held & WRK_HELD_FPS))
		return;
	/* Whether to hold what is held is decided anew, by the slice that follows. */
	w->held &= ~(uint32_t)WRK_HELD_FPS;
	set_timer(w, 0);
}

bool wrk_limit_hold(struct wrk *w, uint64_t now_ns)
{
	struct wrk_limits *l = &w->hold;

	if (enough_in_flight(w)) {
		w->held |= WRK_HELD_INFLIGHT;
		w->stats->limit_inflight++;
	}
	if (l->max_fps && now_ns < l->slot_ns + period_ns(l)) {
		w->held |= WRK_HELD_FPS;
		w->stats->limit_fps++;
		set_timer(w, l->slot_ns + period_ns(l));
	}
	return wrk_held(w);
}
