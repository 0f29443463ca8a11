// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the cases share besides sessions: what they say, chance, time, the device, its nodes.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hostile.h"
#include "splitmix64.h"

struct host host;

static void line(const char *prefix, const char *fmt, va_list ap)
{
	fputs(prefix, stdout);
	vprintf(fmt, ap);
	putchar('\n');
	fflush(stdout);
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line("# ", fmt, ap);
	va_end(ap);
}

void wrong(const char *fmt, ...)
{
	va_list ap;

	host.n_wrong++;
	va_start(ap, fmt);
	line("WRONG: ", fmt, ap);
	va_end(ap);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line("WRONG, and the end of it: ", fmt, ap);
	va_end(ap);
	exit(1);
}

/* --- chance and time -------------------------------------------------------------------------- */

uint64_t rnd64(void)
{
	static unsigned int n_threads;
	static _Thread_local uint64_t state;
	static _Thread_local bool begun;

	if (!begun)
		state = host.seed + __atomic_fetch_add(&n_threads, 1, __ATOMIC_RELAXED);
	begun = true;
	return splitmix64(&state);
}

uint32_t rnd(uint32_t below)
{
	return (uint32_t)((rnd64() >> 32) * below >> 32);
}

uint32_t rnd_edge(void)
{
	static const uint32_t edges[] = { 0, 1, 2, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7ffffffe,
					  0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe,
					  0xffffffff };
	const uint32_t i = rnd(2 * sizeof(edges) / sizeof(edges[0]));

	return i < sizeof(edges) / sizeof(edges[0]) ? edges[i] : (uint32_t)rnd64() >> rnd(32);
}

uint64_t now_ns(void)
{
	return fe_now_ns();
}

void sleep_us(unsigned int us)
{
	nanosleep(&(struct timespec){ us / 1000000, us % 1000000 * 1000l }, NULL);
}

bool time_left(void)
{
	return now_ns() < host.end_ns;
}

uint64_t time_share(unsigned int permille)
{
	return now_ns() + (uint64_t)host.seconds * permille * 1000000u;
}

/* --- the device ------------------------------------------------------------------------------- */

/*
 * Beside a working xengpu-vtest as one more user of the device; else as its owner. An owner reads
 * what an earlier one was refused with, until the backend has seen that there is another.
 */
int host_connect(char why[FE_TEXT_BYTES])
{
	const uint64_t end_ns = now_ns() + WAIT_MS * UINT64_C(1000000);
	int err = fe_device_open(host.plat, FE_ANY_DEVICE, FE_USER, WAIT_MS, &host.dev, why);

	while (err && now_ns() < end_ns) {
		err = fe_device_open(host.plat, FE_ANY_DEVICE, FE_OWNER, WAIT_MS, &host.dev, why);
		if (err != -ECONNREFUSED)
			break;
		sleep_us(50000);
	}
	if (err)
		return err;
	host.limits = *fe_device_limits(host.dev);
	snprintf(host.front, sizeof(host.front), "device/vgpu/%u", host.limits.devid);
	snprintf(host.back, sizeof(host.back), "/local/domain/%u/backend/vgpu/%u/%u",
		 host.limits.backend_domid, host.limits.domid, host.limits.devid);
	return 0;
}

void host_open(void)
{
	char why[FE_TEXT_BYTES];
	int err = plat_open(NULL, &host.plat);

	if (err)
		die("no platform: %s", strerror(-err));
	err = xst_open(host.plat, &host.xst);
	if (err)
		die("no xenstore: %s", strerror(-err));
	if (host_connect(why))
		die("no device: %s", why);
	if (host.session >= host.limits.max_sessions)
		host.session = host.limits.max_sessions - 1;
}

void host_close(void)
{
	fe_device_close(host.dev);
	xst_close(host.xst);
	plat_close(host.plat);
}

const char *node(const char *dir, const char *fmt, ...)
{
	static char paths[4][PATH_BYTES];
	static unsigned int turn;
	char *path = paths[turn++ % 4];
	va_list ap;
	int n;

	n = snprintf(path, PATH_BYTES, "%s/", dir);
	va_start(ap, fmt);
	vsnprintf(path + n, PATH_BYTES - (size_t)n, fmt, ap);
	va_end(ap);
	return path;
}

uint32_t read_state(const char *dir)
{
	uint32_t state;

	return xst_read_u32(host.xst, XST_NO_TX, node(dir, "state"), &state) ? 0 : state;
}

bool await_state(const char *dir, uint32_t state, unsigned int timeout_ms)
{
	const uint64_t end_ns = now_ns() + timeout_ms * UINT64_C(1000000);

	while (read_state(dir) != state) {
		if (now_ns() > end_ns)
			return false;
		sleep_us(2000);
	}
	return true;
}

/* --- a thread that writes --------------------------------------------------------------------- */

static void *scribble(void *arg)
{
	struct scribbler *w = arg;
	uint64_t n;

	for (n = 0; !__atomic_load_n(&w->stop, __ATOMIC_RELAXED); n++)
		w->fn(w->arg, n);
	return NULL;
}

void scribble_start(struct scribbler *w, void (*fn)(void *arg, uint64_t n), void *arg)
{
	pthread_t thread;

	*w = (struct scribbler){ .fn = fn, .arg = arg };
	if (pthread_create(&thread, NULL, scribble, w))
		die("no thread can be had");
	w->thread = (unsigned long)thread;
}

void scribble_stop(struct scribbler *w)
{
	__atomic_store_n(&w->stop, true, __ATOMIC_RELAXED);
	pthread_join((pthread_t)w->thread, NULL);
}
