// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a round trip costs over libxenvchan, with which ours is compared: `vchan serve DOMID PATH`
 * sends back what comes, until the other end closes; `vchan ping DOMID PATH [N]` sends 64 octets and
 * waits for them, N times, and prints one line of JSON: microseconds (p50, p90, p99). DOMID is the
 * other end's, PATH a node of xenstore in the server's part. Both block, as the library does it.
 */
#include <libxenvchan.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OCTETS		64u
#define RING_BYTES	4096u
#define WARM_UP		50u

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool all(struct libxenvchan *c, char *data, bool out)
{
	const size_t bytes = OCTETS;

	/* These move everything or fail; _read() and _write() may move less. */
	return (out ? libxenvchan_send(c, data, bytes) : libxenvchan_recv(c, data, bytes)) == (int)bytes;
}

static int serve(int domid, const char *path)
{
	struct libxenvchan *c = libxenvchan_server_init(NULL, domid, path, RING_BYTES, RING_BYTES);
	char data[OCTETS];

	if (!c) {
		perror("vchan: serving");
		return 1;
	}
	c->blocking = 1;
	puts("ready");
	fflush(stdout);
	while (all(c, data, false) && all(c, data, true))
		;
	libxenvchan_close(c);
	return 0;
}

static int ping(int domid, const char *path, unsigned long n)
{
	struct libxenvchan *c = libxenvchan_client_init(NULL, domid, path);
	uint64_t *took_ns = calloc(n, sizeof(*took_ns));
	char data[OCTETS] = { 0 };
	unsigned long i;

	if (!c || !took_ns) {
		perror("vchan: connecting");
		return 1;
	}
	c->blocking = 1;
	for (i = 0; i < n + WARM_UP; i++) {
		const uint64_t start_ns = now_ns();

		if (!all(c, data, true) || !all(c, data, false)) {
			fputs("vchan: the other end is gone\n", stderr);
			return 1;
		}
		if (i >= WARM_UP)
			took_ns[i - WARM_UP] = now_ns() - start_ns;
	}
	libxenvchan_close(c);
	qsort(took_ns, n, sizeof(*took_ns), compare);
	printf("{\"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"n\": %lu}\n",
	       (double)took_ns[n / 2] / 1e3, (double)took_ns[n * 9 / 10] / 1e3,
	       (double)took_ns[n * 99 / 100] / 1e3, n);
	free(took_ns);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 4 ? strtoul(argv[4], NULL, 10) : 1000;

	if (argc >= 4 && !strcmp(argv[1], "serve"))
		return serve(atoi(argv[2]), argv[3]);
	if (argc >= 4 && !strcmp(argv[1], "ping") && n)
		return ping(atoi(argv[2]), argv[3], n);
	fputs("usage: vchan serve|ping DOMID PATH [N]\n", stderr);
	return 2;
}
