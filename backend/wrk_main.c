// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu-worker: the process that renders for one session of one guest.
 *
 * The supervisor (xengpud) starts it ahead of time, with a socket and a page of counters as its
 * only ties. It opens the GPU, closes its cage (wrk_cage.h), says READY, and waits. BIND gives it a session: an event channel
 * that can reach one guest only, and the pages of that guest's ring. From then on it takes
 * requests from the ring, executes them on the GPU, and answers. It has no privilege and no
 * means to reach another guest: pages come as descriptors that the supervisor made, for this
 * guest's grants only. It ends with its session and never serves a second one, so nothing of a
 * guest is left in it; a crash, a hang or a break-in costs that session.
 *
 * One thread does everything, because the renderer works in one thread only; but while it sleeps,
 * the renderer's own thread answers fences (wrk_fence.c). Its loop looks at the supervisor's
 * socket, the event channel and the renderer, then takes a slice of requests; it blocks in
 * epoll_wait(), and for fences when a context is to go. What the renderer itself spends in a call
 * (compiling a shader, say) delays this session and nobody else.
 *
 * It ends when the supervisor's socket closes, at once and without a word.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "wrk.h"
#include "wrk_cage.h"

#define POLL_DEFAULT_US	50u
#define POLL_MAX_US	200u
#define POLL_START_NS	10000u
#define DEAF_NS		100000u		/* while there are always requests, other events wait so long */

struct options {
	const char *device;
	unsigned int poll_us;
};

/*
 * Looking at the ring for a while before going to sleep: an event costs the frontend a hypercall
 * and us a wake-up. How long adapts, as the kernel's halt polling for virtual CPUs does: sleeps
 * that turn out shorter than the limit let it grow, one that turns out longer sets it to 0. So an
 * idle session never polls, and one that polls in vain stops.
 */
struct poller {
	uint64_t max_ns;
	uint64_t budget_ns;
};

uint64_t wrk_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

void wrk_end(struct wrk *w, enum ctl_reason reason, const char *fmt, ...)
{
	va_list ap;

	if (w->ended)
		return;
	w->ended = true;
	w->reason = reason;
	va_start(ap, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
}

/* Polling would take the processor away from whom we wait for. */
static bool may_poll(const struct wrk *w)
{
	return w->bound && !wrk_held(w) && !(w->gpu.on_cpu && w->fences_in_flight);
}

/* Returns the number of events, 0 for requests in the ring, or -1 for nothing in time. */
static int poll_a_while(struct wrk *w, struct epoll_event *events, int max, uint64_t until_ns)
{
	unsigned int i;

	do {
		for (i = 0; i < 64; i++) {
			if (wrk_ring_waiting(w))
				return 0;
#if defined(__x86_64__) || defined(__i386__)
			__builtin_ia32_pause();
#endif
		}
		if (__atomic_load_n(&w->fences_in_flight, __ATOMIC_RELAXED)) {
			int n = epoll_wait(w->epoll_fd, events, max, 0);

			if (n)
				return n;
		}
		/* Whoever we wait for may be waiting for this very processor. */
		sched_yield();
	} while (wrk_now_ns() < until_ns);
	return -1;
}

static void adapt(struct poller *poller, uint64_t blocked_ns)
{
	if (blocked_ns <= poller->budget_ns)
		return;
	if (blocked_ns > poller->max_ns)
		poller->budget_ns = 0;
	else if (!poller->budget_ns)
		poller->budget_ns = POLL_START_NS;
	else
		poller->budget_ns *= 2;
	if (poller->budget_ns > poller->max_ns)
		poller->budget_ns = poller->max_ns;
}

/* Wait until there is something to do. Returns the number of events, 0 for requests in the ring. */
static int wait_events(struct wrk *w, struct poller *poller, struct epoll_event *events, int max)
{
	bool polls = poller->max_ns && may_poll(w);
	uint64_t start_ns = polls ? wrk_now_ns() : 0;
	int n, err;

	if (polls && poller->budget_ns) {
		n = wrk_leave(w) ? poll_a_while(w, events, max, start_ns + poller->budget_ns) : 0;
		wrk_enter(w);
		if (n >= 0)
			return n;
	}
	if (w->bound && !wrk_held(w)) {
		if (ring_back_sleep(&w->ring))
			return 0;
		/* Only now: a storm of events costs us one for each time we ran out of work. */
		err = w->evt_masked ? evt_unmask(w->evt) : 0;
		if (err) {
			/* Asleep with it masked, nothing would ever wake us. */
			wrk_end(w, CTL_REASON_LOST, "the event channel cannot be unmasked: %s",
				strerror(-err));
			return 0;
		}
		w->evt_masked = false;
	}
	n = wrk_leave(w) ? epoll_wait(w->epoll_fd, events, max, -1) : 0;
	wrk_enter(w);
	if (polls)
		adapt(poller, wrk_now_ns() - start_ns);
	return n;
}

static int handle_event(struct wrk *w, const struct epoll_event *ev)
{
	int got;

	if (ev->data.fd == w->ctl_fd) {
		if (ev->events & ~EPOLLOUT)
			return wrk_ctl_receive(w);
		return 0;
	}
	if (w->bound && ev->data.fd == evt_fd(w->evt)) {
		got = evt_pending(w->evt);
		if (got > 0) {
			w->evt_masked = true;
			w->stats->events_in++;
		} else if (got < 0) {
			wrk_end(w, CTL_REASON_LOST, "the event channel is gone: %s",
				strerror(-got));
		}
		return 0;
	}
	if (w->bound && ev->data.fd == w->hold.timer_fd) {
		wrk_limit_timer(w);
		return 0;
	}
	if (ev->data.fd == w->fences.kick_fd) {
		wrk_fence_kicked(w);
		return 0;
	}
	w->stats->calls++;
	w->gpu.ops->poll(&w->gpu);
	w->stats->calls++;
	return 0;
}

/*
 * Until the session ends. Returns 0, or -errno when the supervisor is gone. Nobody else uses struct wrk
 * any more then.
 */
static int serve(struct wrk *w, struct poller *poller)
{
	struct epoll_event events[8];
	uint64_t looked_ns = 0;
	bool more = false;
	int err, i, n;

	wrk_enter(w);
	while (!w->ended) {
		n = more ? 0 : wait_events(w, poller, events, 8);
		/* The slice before took the time. */
		if (n == 0 && (more || w->stats->last_work_ns - looked_ns > DEAF_NS)) {
			n = epoll_wait(w->epoll_fd, events, 8, 0);
			looked_ns = w->stats->last_work_ns;
		}
		if (n < 0 && errno != EINTR)
			return -errno;
		for (i = 0; i < n; i++) {
			err = handle_event(w, &events[i]);
			if (err)
				return err;
		}
		more = w->bound && !w->ended && wrk_ring_slice(w);
		err = wrk_ctl_flush(w);
		if (err)
			return err;
	}
	return 0;
}

/*
 * Give everything back that is the guest's, then say so. The renderer's own memory goes with the
 * process: a driver that hangs must not keep a guest's pages.
 */
static void close_session(struct wrk *w)
{
	if (w->bound) {
		wrk_ring_flush(w);
		wrk_op_cleanup(w);
		wrk_buffer_cleanup(w);
		gnt_munmap(w->ring_pages, 1u << w->bind.ring_order);
		evt_close(w->evt);
	}
	wrk_ctl_flush(w);
	wrk_log("%s", w->text);
	wrk_ctl_closed(w);
}

static int watch(struct wrk *w, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static struct ctl_stats *map_stats(int fd)
{
	struct stat st;
	void *addr;

	if (fstat(fd, &st) || st.st_size < (off_t)sizeof(struct ctl_stats))
		return NULL;
	addr = mmap(NULL, sizeof(struct ctl_stats), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return addr == MAP_FAILED ? NULL : addr;
}

static void usage(FILE *to)
{
	fputs("usage: xengpu-worker [--gpu auto|soft|/dev/dri/renderDNNN|model] [--poll-us N]\n"
	      "Started by xengpud, with its socket as descriptor 3 and a memfd as descriptor 4.\n"
	      "  --gpu      the device: the first that works, the processor, a render node, or a model\n"
	      "             for tests, whose memory is descriptor 5\n"
	      "  --poll-us  look at the ring for at most so long before sleeping; 0 to 200\n", to);
}

/* Returns 0, or the exit status plus 1. */
static int parse_options(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
		{ "gpu", required_argument, NULL, 'g' },
		{ "poll-us", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	unsigned long us;
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'g':
			opt->device = optarg;
			break;
		case 'p':
			us = strtoul(optarg, &end, 10);
			if (*end || end == optarg || us > POLL_MAX_US) {
				fprintf(stderr, "xengpu-worker: --poll-us wants 0 to %u\n",
					POLL_MAX_US);
				return 3;
			}
			opt->poll_us = (unsigned int)us;
			break;
		case 'h':
			usage(stdout);
			return 1;
		default:
			usage(stderr);
			return 3;
		}
	}
	if (optind < argc) {
		usage(stderr);
		return 3;
	}
	return 0;
}

static bool one_processor(void)
{
	cpu_set_t set;

	return !sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) < 2;
}

static int start(struct wrk *w, const struct options *opt)
{
	const struct gpu_config config = {
		.device = opt->device,
		.fence_done = wrk_fence_done,
		.is_buffer = wrk_op_is_buffer,
		.arg = w,
	};
	char why[GPU_MAX_TEXT];
	int err;

	w->ctl_fd = CTL_WORKER_FD;
	if (fcntl(CTL_WORKER_FD, F_SETFD, FD_CLOEXEC)) {
		fputs("xengpu-worker is started by xengpud: there is no socket at descriptor 3\n",
		      stderr);
		return -EBADF;
	}
	w->stats = map_stats(CTL_STATS_FD);
	if (!w->stats) {
		wrk_ctl_failed(w->ctl_fd, "the worker got no page for its counters");
		return -EBADF;
	}
	w->cage = wrk_cage_begin(w->ctl_fd);
	if (gpu_open(&w->gpu, &config, why)) {
		wrk_log("%s", why);
		wrk_ctl_failed(w->ctl_fd, why);
		return -ENODEV;
	}
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	err = w->epoll_fd < 0 ? -errno : 0;
	if (!err)
		err = watch(w, w->ctl_fd);
	if (!err)
		err = watch(w, w->gpu.ops->poll_fd(&w->gpu));
	if (!err)
		err = wrk_fence_init(w);
	if (err) {
		wrk_ctl_failed(w->ctl_fd, "the worker could not set up epoll");
		wrk_log("cannot start: %s", strerror(-err));
		return err;
	}
	w->cage |= wrk_cage_close(w->ctl_fd, w->stats, w->gpu.on_cpu);
	err = wrk_ctl_ready(w);
	if (err)
		wrk_log("cannot start: %s", strerror(-err));
	return err;
}

int main(int argc, char **argv)
{
	struct options opt = { .device = "auto", .poll_us = POLL_DEFAULT_US };
	static struct wrk w;
	struct poller poller = { 0 };
	int status, err;

	status = parse_options(argc, argv, &opt);
	if (status)
		return status - 1;
	if (!one_processor())
		poller.max_ns = opt.poll_us * 1000ull;
	/* Not exit(): handlers of GL drivers may make calls that the cage does not allow. */
	if (start(&w, &opt))
		_exit(1);
	err = serve(&w, &poller);
	if (err) {
		/* The log may be all that hears it; the kernel takes back what we hold. */
		if (err != -EPIPE)
			wrk_log("ending: the supervisor cannot be spoken to: %s", strerror(-err));
		_exit(1);
	}
	close_session(&w);
	/* Here they may also wait for a GPU that does not answer. */
	_exit(0);
}
