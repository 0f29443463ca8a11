// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stands between our code and the calls that can fail; see fault.h. One macro a kind of call: what
 * it returns and what errno says are as the manual has them for a lack of resources. What cannot
 * fail for a lack of them (timerfd_settime(), munmap()) is not here.
 */
#include <dirent.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "fault.h"

#define MAX_LIVE	65536u

struct epoll_event;

_Thread_local bool fault_here;
static struct fault *fault;

/* The allocations that are ours and live: a table by address. */
static void *live[MAX_LIVE];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void fault_use(struct fault *to)
{
	fault = to;
}

__attribute__((constructor)) static void start(void)
{
	const char *path = getenv(FAULT_ENV);
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *addr;

	if (fd < 0)
		return;
	addr = mmap(NULL, sizeof(*fault), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (addr != MAP_FAILED)
		fault = addr;
	/* Not for those that are executed. */
	unsetenv(FAULT_ENV);
}

extern const char __executable_start;

/* Who called whom, as addr2line takes it. */
static void note_where(void)
{
	void *frame[8];
	int i, n = backtrace(frame, 8);
	size_t used = 0;

	/* Without ourselves, twice. */
	for (i = 2; i < n && used < sizeof(fault->where); i++)
		used += (size_t)snprintf(fault->where + used, sizeof(fault->where) - used, "%s%#tx",
					 i > 2 ? " " : "",
					 (const char *)frame[i] - &__executable_start - 1);
}

static bool now(const char *what)
{
	if (!fault || (fault->one_thread && !fault_here))
		return false;
	if (__atomic_add_fetch(&fault->calls, 1, __ATOMIC_RELAXED) != fault->at)
		return false;
	fault->fired = 1;
	snprintf(fault->what, sizeof(fault->what), "%s", what);
	note_where();
	return true;
}

static unsigned int slot_of(const void *p)
{
	return (unsigned int)(((uintptr_t)p >> 4) * 2654435769u) % MAX_LIVE;
}

static void *born(void *p)
{
	unsigned int i, n;

	if (!fault || !p || (fault->one_thread && !fault_here))
		return p;
	pthread_mutex_lock(&lock);
	for (i = slot_of(p), n = 0; n < MAX_LIVE && live[i]; i = (i + 1) % MAX_LIVE, n++)
		;
	if (n < MAX_LIVE) {
		live[i] = p;
		fault->live++;
	}
	pthread_mutex_unlock(&lock);
	return p;
}

static void dies(void *p)
{
	unsigned int i, n;

	if (!fault || !p)
		return;
	pthread_mutex_lock(&lock);
	/* Over holes as well: they are made here. A table that is never near full stays quick. */
	for (i = slot_of(p), n = 0; n < 256 && live[i] != p; i = (i + 1) % MAX_LIVE, n++)
		;
	if (live[i] == p) {
		live[i] = NULL;
		fault->live--;
	}
	pthread_mutex_unlock(&lock);
}

#define WRAP(type, name, proto, args, fails, why)						\
	type __real_##name proto;								\
	type __wrap_##name proto;								\
	type __wrap_##name proto								\
	{											\
		if (now(#name)) {								\
			errno = (why);								\
			return (fails);								\
		}										\
		return __real_##name args;							\
	}

#define WRAP_MEMORY(name, proto, args)								\
	void *__real_##name proto;								\
	void *__wrap_##name proto;								\
	void *__wrap_##name proto								\
	{											\
		if (now(#name)) {								\
			errno = ENOMEM;								\
			return NULL;								\
		}										\
		return born(__real_##name args);						\
	}

WRAP_MEMORY(malloc, (size_t bytes), (bytes))
WRAP_MEMORY(calloc, (size_t n, size_t bytes), (n, bytes))
WRAP_MEMORY(aligned_alloc, (size_t align, size_t bytes), (align, bytes))
WRAP_MEMORY(strdup, (const char *text), (text))
WRAP_MEMORY(strndup, (const char *text, size_t bytes), (text, bytes))

void *__real_realloc(void *p, size_t bytes);
void *__wrap_realloc(void *p, size_t bytes);
void *__wrap_realloc(void *p, size_t bytes)
{
	void *moved;

	if (now("realloc")) {
		errno = ENOMEM;
		return NULL;
	}
	moved = __real_realloc(p, bytes);
	if (!moved)
		return NULL;
	dies(p);
	return born(moved);
}

void *__real_reallocarray(void *p, size_t n, size_t bytes);
void *__wrap_reallocarray(void *p, size_t n, size_t bytes);
void *__wrap_reallocarray(void *p, size_t n, size_t bytes)
{
	void *moved;

	if (now("reallocarray")) {
		errno = ENOMEM;
		return NULL;
	}
	moved = __real_reallocarray(p, n, bytes);
	if (!moved)
		return NULL;
	dies(p);
	return born(moved);
}

void __real_free(void *p);
void __wrap_free(void *p);
void __wrap_free(void *p)
{
	dies(p);
	__real_free(p);
}

WRAP(void *, mmap, (void *at, size_t n, int prot, int flags, int fd, off_t offset),
     (at, n, prot, flags, fd, offset), MAP_FAILED, ENOMEM)
WRAP(int, socket, (int domain, int type, int protocol), (domain, type, protocol), -1, EMFILE)
WRAP(int, socketpair, (int domain, int type, int protocol, int fds[2]),
     (domain, type, protocol, fds), -1, EMFILE)
WRAP(int, connect, (int fd, const struct sockaddr *addr, socklen_t bytes), (fd, addr, bytes), -1,
     ECONNREFUSED)
WRAP(int, bind, (int fd, const struct sockaddr *addr, socklen_t bytes), (fd, addr, bytes), -1,
     ENOMEM)
WRAP(int, listen, (int fd, int n), (fd, n), -1, ENOBUFS)
WRAP(int, accept4, (int fd, struct sockaddr *addr, socklen_t *bytes, int flags),
     (fd, addr, bytes, flags), -1, EMFILE)
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags), (fd, msg, flags), -1,
     ENOBUFS)
WRAP(int, epoll_create1, (int flags), (flags), -1, EMFILE)
WRAP(int, epoll_ctl, (int fd, int op, int of, struct epoll_event *ev), (fd, op, of, ev), -1,
     ENOSPC)
WRAP(int, timerfd_create, (int clock, int flags), (clock, flags), -1, EMFILE)
WRAP(int, memfd_create, (const char *name, unsigned int flags), (name, flags), -1, EMFILE)
WRAP(int, ftruncate, (int fd, off_t bytes), (fd, bytes), -1, ENOSPC)
WRAP(int, eventfd, (unsigned int n, int flags), (n, flags), -1, EMFILE)
WRAP(int, signalfd, (int fd, const sigset_t *set, int flags), (fd, set, flags), -1, EMFILE)
WRAP(int, pipe2, (int fds[2], int flags), (fds, flags), -1, EMFILE)
WRAP(pid_t, fork, (void), (), -1, EAGAIN)
WRAP(int, pidfd_open, (pid_t pid, unsigned int flags), (pid, flags), -1, EMFILE)
WRAP(DIR *, opendir, (const char *path), (path), NULL, EMFILE)
WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode), NULL, EMFILE)
WRAP(int, scandir, (const char *path, struct dirent ***list, int (*filter)(const struct dirent *),
		    int (*compare)(const struct dirent **, const struct dirent **)),
     (path, list, filter, compare), -1, ENOMEM)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	if (now("open")) {
		errno = EMFILE;
		return -1;
	}
	return __real_open(path, flags, mode);
}

int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...)
{
	mode_t mode;
	va_list ap;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	if (now("openat")) {
		errno = EMFILE;
		return -1;
	}
	return __real_openat(dir, path, flags, mode);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
	void *arg;
	va_list ap;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (now("fcntl")) {
		errno = EMFILE;
		return -1;
	}
	return __real_fcntl(fd, command, arg);
}
