/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A worker that does what it is told: the test program itself, executed by xengpud as
 * "xengpu-worker --gpu KIND". After BIND it takes commands from the ring's page, which the test
 * writes as the guest. It renders nothing.
 *
 * KIND    ok             a good worker
 *         deaf           does not end when told to
 *         slow           as ok, but READY takes 300 ms
 *         mute           never answers BIND
 *         fails          FAILED, while the file "fail" lies beside it; else ok
 *         exits          ends before READY, while that file lies there; else ok
 *         leaves         closes its socket after READY and stays, while that file lies there; else ok
 *         rude           says READY twice
 *         uncaged        as ok, but has not closed its cage, and says why
 *         late           as ok, but says UNCAGED after READY
 *         model          as ok; must find the model GPU's memory as well
 */
#ifndef TESTS_SUP_PUPPET_H
#define TESTS_SUP_PUPPET_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl_shaders.h"
#include "gpu_model.h"

#define PUPPET_RENDERER	"puppet"
#define PUPPET_MAX_REFS	512u
#define PUPPET_BUSY	1000

enum puppet_command {
	PUPPET_MAP = 1, /* refs[0..n), in two messages; result: 0 or -errno; page: first word */
	PUPPET_UNMAP, /* say that n pages are unmapped, whether they were or not */
	PUPPET_MAP_WRONG, /* parts out of order */
	PUPPET_MAP_HUGE, /* n pages, whatever the limit is */
	PUPPET_MAP_FLOOD, /* n mappings, and never read an answer */
	PUPPET_DIE, /* by signal n */
	PUPPET_END, /* CLOSED by itself, reason n */
	PUPPET_END_ASKING, /* as that, with a mapping and memory asked for that it does not wait for */
	PUPPET_EXIT, /* with status n, without a word */
	PUPPET_LEAVE, /* hear nothing any more, and end in n ms as after CLOSE */
	PUPPET_HASTY, /* there when it is bound: no BOUND, and words of work after CLOSE */
	PUPPET_GARBAGE, /* octets that are no message */
	PUPPET_COUNT, /* set the counters to n, and say that there is work */
	PUPPET_CHATTER, /* set the counters to n, and say without end what means nothing */
	PUPPET_MEMORY, /* ask for n MiB; result: what it got in MiB, or -errno */
	PUPPET_MEMORY_BACK, /* give n MiB back, whether it has them or not */
	PUPPET_MEMORY_HUGE, /* ask for 2^64 - 1 octets */
	PUPPET_MEMORY_TWICE, /* ask for n MiB, and again */
	PUPPET_SHADER, /* result: 1, shader n is in the store; 0, it is now; -ENOENT, no store */
	PUPPET_SHADERS, /* put large shaders into the store until none fits; result: how many */
	PUPPET_EAT, /* use n MiB of the host's memory; result: 0 or -errno */
};

#define PUPPET_SILENT	UINT32_MAX	/* recall_mib: no answer */

struct puppet_page {
	uint32_t command;	/* 0: done */
	uint32_t n;
	int32_t result;
	uint32_t word;
	uint32_t memory_mib;	/* what BIND allows it, and of which limit */
	uint32_t limit_mib;
	uint32_t inflight_mib;	/* of BIND */
	uint32_t max_fps;
	uint32_t recall_mib;	/* what it gives back when it is recalled */
	uint32_t close_ms;	/* how long it takes to close */
	uint32_t asked;		/* questions for memory that it sent */
	uint32_t recalls;	/* how often it was asked for memory */
	uint32_t later;		/* how often it was told that an answer takes a while */
	uint32_t refs[PUPPET_MAX_REFS];
};

static struct ctl_msg puppet_msg;
static volatile struct puppet_page *puppet_page;

static void puppet_say(uint32_t type, uint32_t bytes)
{
	struct pollfd room = { .fd = CTL_WORKER_FD, .events = POLLOUT };
	int err;

	puppet_msg.type = type;
	puppet_msg.bytes = bytes;
	while ((err = ctl_send(CTL_WORKER_FD, &puppet_msg, NULL, 0)) == -EAGAIN)
		poll(&room, 1, -1);
	if (err)
		_exit(3);
}

static void puppet_fail(const char *text)
{
	memset(&puppet_msg, 0, sizeof(puppet_msg));
	snprintf(puppet_msg.u.failed.text, sizeof(puppet_msg.u.failed.text), "%s", text);
	puppet_say(CTL_FAILED, CTL_BYTES(failed));
	_exit(1);
}

static void puppet_check_model(void)
{
	struct gpu_model_mem *mem = mmap(NULL, sizeof(*mem), PROT_READ | PROT_WRITE, MAP_SHARED,
					 CTL_MODEL_FD, 0);

	if (mem == MAP_FAILED || mem->magic != GPU_MODEL_MAGIC)
		puppet_fail("no model GPU's memory at descriptor 5");
	if (ftruncate(CTL_MODEL_FD, 0) == 0 || ftruncate(CTL_MODEL_FD, 1 << 30) == 0)
		puppet_fail("the model GPU's memory can be cut off");
	/* Seen by the test in the supervisor's descriptor: it is the same for all. */
	__atomic_add_fetch(&mem->serial, 1, __ATOMIC_RELAXED);
	munmap(mem, sizeof(*mem));
}

/* What every worker must find: five descriptors, no privilege, nothing of our environment. */
static void puppet_check_birth(bool model)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	if (!dir || n != 2 + 5 + model + (fcntl(CTL_CAGE_FD, F_GETFD) >= 0) + 1)
		puppet_fail("other descriptors than 0 to 4, the model's and the cage's");
	closedir(dir);
	if (!geteuid() || !getuid() || !getgid())
		puppet_fail("still root");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		puppet_fail("no_new_privs is not set");
	if (getenv("XENGPU_PLATFORM") || getenv("USER") || getenv("XDG_RUNTIME_DIR"))
		puppet_fail("the environment is not clean");
	/* Shaders of all guests would meet there. */
	if (getenv("MESA_GLSL_CACHE_DIR") || getenv("XDG_CACHE_HOME") ||
	    (getpwuid(getuid()) && (!getenv("MESA_SHADER_CACHE_DIR") ||
				    strcmp(getenv("MESA_SHADER_CACHE_DIR"), "/dev/null"))))
		puppet_fail("shaders would be kept in the file system");
	if (ftruncate(CTL_STATS_FD, 0) == 0)
		puppet_fail("the counters' memory can be cut off");
	if (model)
		puppet_check_model();
}

/* The next message but LATER; descriptors are the caller's. Ends with the supervisor. */
static void puppet_hear(int *fds, unsigned int *n_fds)
{
	struct pollfd pfd = { .fd = CTL_WORKER_FD, .events = POLLIN };
	bool later;
	int got;

	do {
		poll(&pfd, 1, -1);
		got = ctl_recv(CTL_WORKER_FD, &puppet_msg, fds, n_fds);
		later = got > 0 && puppet_msg.type == CTL_LATER;
		if (later)
			puppet_page->later++;
	} while (got == 0 || later);
	if (got < 0)
		_exit(0);
}

static void puppet_map_part(uint32_t seq, uint32_t n_pages, uint32_t first, uint32_t n_refs)
{
	struct ctl_map *map = &puppet_msg.u.map;
	uint32_t i;

	map->seq = seq;
	map->n_pages = n_pages;
	map->first = first;
	map->n_refs = n_refs;
	map->writable = 1;
	for (i = 0; i < n_refs; i++)
		map->refs[i] = first + i < PUPPET_MAX_REFS ? puppet_page->refs[first + i] : 1;
	puppet_say(CTL_MAP, (uint32_t)(offsetof(struct ctl_msg, u.map.refs) + n_refs * 4));
}

static int puppet_map(uint32_t n)
{
	static uint32_t seq;
	struct gnt_grant grant = { 0 };
	int fds[CTL_MAX_FDS];
	unsigned int n_fds = 0;
	const struct ctl_grant *g = &puppet_msg.u.grant;
	uint32_t i, half = n / 2;
	void *mem;

	seq++;
	if (half)
		puppet_map_part(seq, n, 0, half);
	puppet_map_part(seq, n, half, n - half);
	puppet_hear(fds, &n_fds);
	if (puppet_msg.type != CTL_GRANT || g->seq != seq)
		return -1000;
	if (g->err)
		return g->err;
	grant.n_pages = g->n_pages;
	grant.writable = true;
	grant.n_extents = g->n_extents;
	for (i = 0; i < g->n_extents; i++)
		grant.extent[i] = (struct gnt_extent){.fd = fds[i],
						      .n_pages = g->extent[i].n_pages,
						      .offset_bytes = g->extent[i].offset_bytes};
	if (gnt_mmap(&grant, &mem))
		return -1001;
	puppet_page->word = *(uint32_t *)mem;
	gnt_munmap(mem, grant.n_pages);
	gnt_grant_close(&grant);
	return 0;
}

static void puppet_memory_say(uint32_t type, uint64_t bytes)
{
	puppet_msg.u.memory.bytes = bytes;
	puppet_say(type, CTL_BYTES(memory));
}

static void puppet_recalled(void)
{
	const uint32_t mib = puppet_page->recall_mib;

	puppet_page->recalls++;
	if (mib == PUPPET_SILENT)
		return;
	puppet_page->recall_mib = 0;
	puppet_memory_say(CTL_MEMORY_BACK, (uint64_t)mib << 20);
}

static int puppet_memory(uint32_t n)
{
	int fds[CTL_MAX_FDS];
	unsigned int n_fds = 0;

	puppet_memory_say(CTL_MEMORY, (uint64_t)n << 20);
	puppet_page->asked++;
	for (;;) {
		puppet_hear(fds, &n_fds);
		if (puppet_msg.type == CTL_MEMORY_GRANT)
			break;
		if (puppet_msg.type != CTL_MEMORY_RECALL)
			return -1000;
		/* As a real one: while it asks, it needs what it has. */
		puppet_memory_say(CTL_MEMORY_BACK, 0);
	}
	return puppet_msg.u.memory_grant.err ? puppet_msg.u.memory_grant.err :
	       (int)(puppet_msg.u.memory_grant.bytes >> 20);
}

static void puppet_count(uint32_t n)
{
	uint64_t *counters = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, CTL_STATS_FD, 0);
	size_t i;

	for (i = 0; i < sizeof(struct ctl_stats) / sizeof(uint64_t); i++)
		counters[i] = n;
	munmap(counters, 4096);
}

static struct shaders puppet_shaders;

static int puppet_shader(uint32_t n)
{
	char value[8];

	if (!puppet_shaders.store)
		return -ENOENT;
	if (shaders_get(&puppet_shaders, &n, sizeof(n), value, sizeof(value)))
		return 1;
	return shaders_put(&puppet_shaders, &n, sizeof(n), value, sizeof(value)) ? 0 : -ENOSPC;
}

static int puppet_fill_shaders(void)
{
	static const char value[SHADERS_MAX_VALUE];
	uint64_t n = 0;

	while (shaders_put(&puppet_shaders, &n, sizeof(n), value, sizeof(value)))
		n++;
	return (int)n;
}

static int puppet_eat(uint32_t n)
{
	const size_t bytes = (size_t)n << 20;
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t i;

	if (at == MAP_FAILED)
		return -errno;
	/* A page at a time: some of these machines are emulated. */
	for (i = 0; i < bytes; i += 4096)
		at[i] = 1;
	munmap(at, bytes);
	return 0;
}

static _Noreturn void puppet_closed(uint32_t reason, const char *text)
{
	memset(&puppet_msg, 0, sizeof(puppet_msg));
	puppet_msg.u.closed.reason = reason;
	strcpy(puppet_msg.u.closed.text, text);
	puppet_say(CTL_CLOSED, CTL_BYTES(closed));
	_exit(0);
}

static void puppet_work(uint32_t event)
{
	puppet_msg.u.work = (struct ctl_work){ .event = event };
	puppet_say(CTL_WORK, CTL_BYTES(work));
}

static int puppet_command(uint32_t command, uint32_t n)
{
	uint32_t i;

	switch (command) {
	case PUPPET_MAP:
		return puppet_map(n);
	case PUPPET_UNMAP:
		puppet_msg.u.unmapped.n_pages = n;
		puppet_say(CTL_UNMAPPED, CTL_BYTES(unmapped));
		return 0;
	case PUPPET_MAP_WRONG:
		puppet_map_part(7, 4, 0, 2);
		puppet_map_part(7, 4, 3, 1);
		return 0;
	case PUPPET_MAP_HUGE:
		puppet_map_part(8, n, 0, 1);
		return 0;
	case PUPPET_MAP_FLOOD:
		for (i = 0; i < n; i++)
			puppet_map_part(i, 1, 0, 1);
		return 0;
	case PUPPET_DIE:
		raise((int)n);
		return -1;
	case PUPPET_END_ASKING:
		/* As if it had ended before the supervisor looks. */
		shutdown(CTL_WORKER_FD, SHUT_RD);
		puppet_map_part(1, 1, 0, 1);
		puppet_memory_say(CTL_MEMORY, 1 << 20);
		/* Fall through. */
	case PUPPET_END:
		puppet_closed(n, "the puppet ends\033[2J");
	case PUPPET_EXIT:
		_exit((int)n);
	case PUPPET_LEAVE:
		shutdown(CTL_WORKER_FD, SHUT_RD);
		usleep(n * 1000);
		puppet_closed(CTL_REASON_ASKED, "");
	case PUPPET_GARBAGE:
		if (write(CTL_WORKER_FD, "garbage", 7) < 0)
			_exit(3);
		return 0;
	case PUPPET_MEMORY:
		return puppet_memory(n);
	case PUPPET_MEMORY_BACK:
		puppet_memory_say(CTL_MEMORY_BACK, (uint64_t)n << 20);
		return 0;
	case PUPPET_MEMORY_HUGE:
		puppet_memory_say(CTL_MEMORY, UINT64_MAX);
		return 0;
	case PUPPET_MEMORY_TWICE:
		puppet_memory_say(CTL_MEMORY, (uint64_t)n << 20);
		puppet_memory_say(CTL_MEMORY, (uint64_t)n << 20);
		return 0;
	case PUPPET_SHADER:
		return puppet_shader(n);
	case PUPPET_SHADERS:
		return puppet_fill_shaders();
	case PUPPET_EAT:
		return puppet_eat(n);
	case PUPPET_COUNT:
		puppet_count(n);
		puppet_work(CTL_WORK_BEGUN);
		return 0;
	case PUPPET_CHATTER:
		puppet_count(n);
		puppet_msg.type = CTL_WORK;
		puppet_msg.bytes = CTL_BYTES(work);
		/* Of a lease that it never had. */
		puppet_msg.u.work = (struct ctl_work){ .event = CTL_WORK_DRAINED };
		/* There is always more in the socket than one turn takes out of it. */
		while (ctl_send(CTL_WORKER_FD, &puppet_msg, NULL, 0) != -EPIPE)
			;
		_exit(0);
	default:
		return -1;
	}
}

static void puppet_bind(void)
{
	const struct ctl_bind *bind = &puppet_msg.u.bind;
	struct gnt_grant ring = { 0 };
	int fds[CTL_MAX_FDS];
	unsigned int n_fds = 0, i;
	void *mem;

	puppet_hear(fds, &n_fds);
	if (puppet_msg.type != CTL_BIND)
		_exit(0);
	ring.n_pages = 1u << bind->ring_order;
	ring.writable = true;
	ring.n_extents = bind->n_extents;
	for (i = 0; i < bind->n_extents; i++)
		ring.extent[i] = (struct gnt_extent){.fd = fds[bind->n_evt_fds + i],
						     .n_pages = bind->extent[i].n_pages,
						     .offset_bytes = bind->extent[i].offset_bytes};
	if (gnt_mmap(&ring, &mem))
		_exit(4);
	puppet_page = mem;
	puppet_page->memory_mib = (uint32_t)(bind->memory_bytes >> 20);
	puppet_page->limit_mib = bind->memory_mib;
	puppet_page->inflight_mib = bind->inflight_mib;
	puppet_page->max_fps = bind->max_fps;
	if (bind->n_stores && shaders_map(fds[bind->n_evt_fds + bind->n_extents], &puppet_shaders))
		_exit(4);
}

static _Noreturn void puppet_hasty(void)
{
	int fds[CTL_MAX_FDS];
	unsigned int n_fds;

	do {
		n_fds = 0;
		puppet_hear(fds, &n_fds);
	} while (puppet_msg.type != CTL_CLOSE);
	puppet_work(CTL_WORK_BEGUN);
	puppet_work(CTL_WORK_WANT);
	puppet_closed(CTL_REASON_ASKED, "");
}

static void puppet_serve(bool deaf)
{
	struct pollfd pfd = { .fd = CTL_WORKER_FD, .events = POLLIN };
	int fds[CTL_MAX_FDS];
	unsigned int n_fds;

	for (;;) {
		uint32_t command = __atomic_load_n(&puppet_page->command, __ATOMIC_ACQUIRE);

		if (command) {
			puppet_page->result = puppet_command(command, puppet_page->n);
			__atomic_store_n(&puppet_page->command, 0, __ATOMIC_RELEASE);
		}
		if (poll(&pfd, 1, 1) == 1 && !deaf) {
			n_fds = 0;
			puppet_hear(fds, &n_fds);
			if (puppet_msg.type == CTL_MEMORY_RECALL)
				puppet_recalled();
			if (puppet_msg.type != CTL_CLOSE)
				continue;
			usleep(puppet_page->close_ms * 1000);
			puppet_closed(CTL_REASON_ASKED, "");
		}
	}
}

/* It needs no cage for what it does; that of real workers is tests/hostile/escape.c's. */
static void puppet_uncaged(void)
{
	memset(&puppet_msg, 0, sizeof(puppet_msg));
	puppet_msg.u.uncaged.part = CTL_CAGE_LANDLOCK;
	strcpy(puppet_msg.u.uncaged.text, "Landlock:\033 not today");
	puppet_say(CTL_UNCAGED, CTL_BYTES(uncaged));
}

static void puppet_ready(bool caged)
{
	memset(&puppet_msg, 0, sizeof(puppet_msg));
	puppet_msg.u.ready.cage = caged ? CTL_CAGE_ALL : CTL_CAGE_ALL & ~(uint32_t)CTL_CAGE_LANDLOCK;
	puppet_msg.u.ready.n_capsets = 2;
	puppet_msg.u.ready.capset[0].id = 1;
	puppet_msg.u.ready.capset[1].id = 2;
	strcpy(puppet_msg.u.ready.renderer, PUPPET_RENDERER);
	puppet_say(CTL_READY, CTL_BYTES(ready));
}

static bool puppet_fail_file(void)
{
	char path[256];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 8);

	if (n < 0)
		return false;
	path[n] = '\0';
	strcpy(strrchr(path, '/'), "/fail");
	return access(path, F_OK) == 0;
}

static void puppet_run(const char *kind)
{
	puppet_check_birth(!strcmp(kind, "model"));
	if (!strcmp(kind, "fails") && puppet_fail_file())
		puppet_fail("no GPU: there is no render node, and none was asked for");
	if (!strcmp(kind, "exits") && puppet_fail_file())
		_exit(9);
	if (!strcmp(kind, "slow"))
		usleep(300000);
	if (!strcmp(kind, "uncaged"))
		puppet_uncaged();
	puppet_ready(strcmp(kind, "uncaged"));
	if (!strcmp(kind, "leaves") && puppet_fail_file()) {
		/* The process that waits to take the file system away may have a copy still. */
		shutdown(CTL_WORKER_FD, SHUT_RDWR);
		close(CTL_WORKER_FD);
		pause();
	}
	if (!strcmp(kind, "rude"))
		puppet_ready(true);
	if (!strcmp(kind, "late"))
		puppet_uncaged();
	puppet_bind();
	if (!strcmp(kind, "mute"))
		pause();
	if (puppet_page->command == PUPPET_HASTY)
		puppet_hasty();
	puppet_say(CTL_BOUND, (uint32_t)offsetof(struct ctl_msg, u));
	puppet_serve(!strcmp(kind, "deaf"));
}

/* Before main(), which is the harness's. */
__attribute__((constructor)) static void puppet_main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[0], "xengpu-worker") && !strcmp(argv[1], "--gpu")) {
		puppet_run(argv[2]);
		_exit(0);
	}
}

#endif
