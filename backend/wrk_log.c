// SPDX-License-Identifier: GPL-2.0-only
/* The worker's messages; see wrk_log.h. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "wrk_log.h"

#define BURST		20u
#define NS_PER_LINE	500000000ull
#define LINE_BYTES	512u

/* The renderer has threads of its own that report through us. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char prefix[64] = "xengpu-worker";
static unsigned int tokens = BURST;
static uint64_t refilled_ns;
static uint64_t suppressed;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* A token bucket. */
static int may_log(void)
{
	uint64_t now = now_ns();
	uint64_t fresh = (now - refilled_ns) / NS_PER_LINE;

	if (fresh) {
		tokens = fresh >= BURST - tokens ? BURST : tokens + (unsigned int)fresh;
		refilled_ns = now;
	}
	if (!tokens)
		return 0;
	tokens--;
	return 1;
}

static void put_line(const char *text)
{
	static const char hex[] = "0123456789abcdef";
	char line[sizeof(prefix) + 4 * LINE_BYTES + 4];
	size_t n = (size_t)snprintf(line, sizeof(line), "%s: ", prefix);
	const unsigned char *p;

	for (p = (const unsigned char *)text; *p; p++) {
		if (*p >= 0x20 && *p < 0x7f && *p != '\\') {
			line[n++] = (char)*p;
			continue;
		}
		line[n++] = '\\';
		line[n++] = 'x';
		line[n++] = hex[*p >> 4];
		line[n++] = hex[*p & 15];
	}
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, n) < 0)
		return;		/* nowhere left to say so */
}

void wrk_log_name(uint16_t domid, uint16_t devid, uint32_t session)
{
	pthread_mutex_lock(&lock);
	snprintf(prefix, sizeof(prefix), "xengpu-worker[%u/%u/%u]", domid, devid, session);
	pthread_mutex_unlock(&lock);
}

void wrk_log(const char *fmt, ...)
{
	char text[LINE_BYTES];
	va_list ap;

	pthread_mutex_lock(&lock);
	if (!may_log()) {
		suppressed++;
		pthread_mutex_unlock(&lock);
		return;
	}
	if (suppressed) {
		snprintf(text, sizeof(text), "%llu messages suppressed",
			 (unsigned long long)suppressed);
		suppressed = 0;
		put_line(text);
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	text[strcspn(text, "\n")] = '\0';
	put_line(text);
	pthread_mutex_unlock(&lock);
}
