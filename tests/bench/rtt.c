// SPDX-License-Identifier: GPL-2.0-only
/*
 * The round trip of an empty fenced submit, through the frontend library: from before it is queued
 * until its answer's callback. `rtt sleeping|polling|waiting [N]`:
 *	sleeping	1 ms of pause before each, so both ends sleep; the answer's event is waited for
 *	polling		one after the other, looking at the ring all the time
 *	waiting		one after the other, fe_session_wait() deciding, as xengpu-vtest does
 * Prints one line of JSON: microseconds (p50, p90, p99), and ms it took to open the session.
 */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "xengpu.h"

#define SETUP_MS	20000u
#define ANSWER_MS	5000
#define PAUSE_NS	1000000
#define WARM_UP		200u

static struct fe_session *session;
static bool done;

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *fmt, ...)
{
	va_list ap;

	fputs("rtt: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static void on_done(void *arg, const struct vgpuif_request *req, const struct vgpuif_response *rsp)
{
	(void)arg;
	if (rsp->status)
		die("operation %u failed with status %d", req->operation, rsp->status);
	done = true;
}

static bool is_done(void *arg)
{
	(void)arg;
	return done;
}

static void process(void)
{
	if (fe_session_process(session) < 0)
		die("the session is lost: %s", fe_session_why(session));
}

static void sleep_for_it(uint64_t ticket)
{
	struct pollfd p = { .fd = fe_session_fd(session), .events = POLLIN };

	while (!done) {
		if (!fe_session_arm(session, ticket)) {
			if (poll(&p, 1, ANSWER_MS) != 1)
				die("no answer");
			fe_session_woken(session);
		}
		process();
	}
}

static void look_for_it(void)
{
	const uint64_t end_ns = fe_now_ns() + ANSWER_MS * UINT64_C(1000000);
	uint32_t looks = 0;

	fe_session_flush(session);
	while (!done) {
		process();
		if (!(++looks & 0xffff) && fe_now_ns() > end_ns)
			die("no answer");
	}
}

static uint64_t round_trip_ns(const char *mode)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint64_t start_ns, ticket;
	int err;

	if (mode[0] == 's')
		nanosleep(&pause, NULL);
	done = false;
	start_ns = fe_now_ns();
	err = fe_submit(session, 1, 0, NULL, 0, 0, VGPUIF_SUBMIT_FENCE, on_done, NULL, &ticket);
	if (err)
		die("submit: %s", strerror(-err));
	if (mode[0] == 's')
		sleep_for_it(ticket);
	else if (mode[0] == 'p')
		look_for_it();
	else if (fe_session_wait(session, is_done, NULL, -1, ANSWER_MS))
		die("no answer");
	return fe_now_ns() - start_ns;
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	const unsigned long n = argc > 2 ? strtoul(argv[2], NULL, 10) : 2000;
	char why[FE_TEXT_BYTES];
	struct fe_device *device;
	struct plat *plat;
	uint64_t *took_ns, open_ns;
	unsigned long i;

	if ((strcmp(mode, "sleeping") && strcmp(mode, "polling") && strcmp(mode, "waiting")) || !n) {
		fputs("usage: rtt sleeping|polling|waiting [N]\n", stderr);
		return 2;
	}
	took_ns = calloc(n, sizeof(*took_ns));
	if (!took_ns)
		die("no memory for %lu times", n);
	if (plat_open(NULL, &plat))
		die("the platform cannot be opened");
	if (fe_device_open(plat, FE_ANY_DEVICE, FE_OWNER, SETUP_MS, &device, why))
		die("the vgpu: %s", why);
	open_ns = fe_now_ns();
	if (fe_session_open(device, 0, SETUP_MS, NULL, NULL, &session, why))
		die("a session: %s", why);
	open_ns = fe_now_ns() - open_ns;
	if (fe_context_create(session, 1, VGPUIF_CAPSET_VIRGL2, 1, "rtt", on_done, NULL) ||
	    fe_session_wait(session, is_done, NULL, -1, SETUP_MS))
		die("a context: no answer");
	for (i = 0; i < WARM_UP; i++)
		round_trip_ns(mode);
	for (i = 0; i < n; i++)
		took_ns[i] = round_trip_ns(mode);
	qsort(took_ns, n, sizeof(*took_ns), compare);
	printf("{\"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"open_ms\": %.3f, \"n\": %lu}\n",
	       (double)took_ns[n / 2] / 1e3, (double)took_ns[n * 9 / 10] / 1e3,
	       (double)took_ns[n * 99 / 100] / 1e3, (double)open_ns / 1e6, n);
	fe_session_close(session, SETUP_MS);
	fe_device_close(device);
	plat_close(plat);
	return 0;
}
