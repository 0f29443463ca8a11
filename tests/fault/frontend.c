// SPDX-License-Identifier: GPL-2.0-only
/*
 * A client of xengpu-vtest and the library beneath it, with one call of theirs failing. The server
 * may refuse a resource or hang up, with the reason in its log; it may not die, wait for ever, keep
 * pages granted or a descriptor open. Each run is a process of its own.
 */
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <sys/uio.h>

#include <dirent.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <stdlib.h>
#include <unistd.h>

/* The backend and the platform are not what is tested: theirs never fail. */
void *__real_calloc(size_t n, size_t bytes);
int __real_memfd_create(const char *name, unsigned int flags);
int __real_ftruncate(int fd, off_t bytes);
int __real_eventfd(unsigned int n, int flags);
void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
#define calloc	__real_calloc
#define memfd_create __real_memfd_create
#define ftruncate __real_ftruncate
#define eventfd(n, flags) __real_eventfd(n, flags)
#define mmap	__real_mmap
#include "frontend_fake.h"
#undef calloc
#undef memfd_create
#undef ftruncate
#undef eventfd
#undef mmap
#include "vt.h"

#include "fault_runs.h"

#define RUN_SECONDS	15u

static char said[4096];
static int sock, server_sock;
static struct vt_options options = { .socket_path = "", .status_path = "", .stats_path = "",
				     .max_version = 3 };

void vt_log_init(const char *prefix)
{
	(void)prefix;
}

void vt_log(const char *fmt, ...)
{
	const size_t used = strlen(said);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said + used, sizeof(said) - used, fmt, ap);
	va_end(ap);
}

static void *serve(void *arg)
{
	(void)arg;
	fault_here = true;
	return (void *)(intptr_t)vt_client_serve(&options, server_sock, -1, 1, 0, 0);
}

static void put(uint32_t length, uint32_t command, const uint32_t *words, uint32_t n)
{
	uint32_t header[2] = { length, command };

	/* That the server has hung up is seen at the end. */
	if (send(sock, header, sizeof(header), MSG_NOSIGNAL) < 0 ||
	    (n && send(sock, words, n * sizeof(*words), MSG_NOSIGNAL) < 0))
		return;
}

/* All that comes, descriptors as well, until the server hangs up. */
static void drain(void)
{
	char octets[65536], space[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { octets, sizeof(octets) };
	struct msghdr msg;
	struct cmsghdr *cmsg;
	int fd;

	for (;;) {
		msg = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space,
				       .msg_controllen = sizeof(space) };
		if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) <= 0)
			return;
		cmsg = CMSG_FIRSTHDR(&msg);
		if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
		close(fd);
	}
}

static void send_commands(void)
{
	const uint32_t name[2] = { 5, VTEST_CREATE_RENDERER }, version = 2;
	uint32_t texture[11] = { 1, 2, 1, 10, 16, 16, 1, 1, 0, 0, 9000 };
	const uint32_t fence[11] = { 3, 0, 64, 1 << 17, 8, 1, 1, 0, 0, 0, 8 };
	const uint32_t transfer[10] = { 1, 0, 0, 0, 0, 4, 4, 1, 9, 0 };
	const uint32_t commands[2] = { 0x00010001, 7 }, wait[2] = { 3, 1 };
	uint32_t i;

	send(sock, name, sizeof(name), MSG_NOSIGNAL);
	send(sock, "gear", 5, MSG_NOSIGNAL);
	put(1, VTEST_PROTOCOL_VERSION, &version, 1);
	put(0, VTEST_GET_CAPS2, NULL, 0);
	for (i = 1; i <= 2; i++) {
		texture[0] = i;
		texture[10] = i == 1 ? 9000 : 300000;
		put(11, VTEST_RESOURCE_CREATE2, texture, 11);
	}
	put(2, VTEST_SUBMIT, commands, 2);
	put(11, VTEST_RESOURCE_CREATE2, fence, 11);
	put(10, VTEST_TRANSFER_GET2, transfer, 10);
	put(2, VTEST_BUSY_WAIT, wait, 2);
	for (i = 1; i <= 3; i++)
		put(1, VTEST_RESOURCE_UNREF, &i, 1);
	put(0, VTEST_PING, NULL, 0);
	shutdown(sock, SHUT_WR);
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* In the child. Returns what went wrong, or NULL. */
static const char *one_client(void)
{
	const int fds = count_fds();
	pthread_t server;
	void *status;
	int pair[2];

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	sock = pair[0];
	server_sock = pair[1];
	fake_start(fake_ok, true);
	fake_set(FAKE_FRONT "/state", "4");
	fake_set(FAKE_BACK "/state", "4");
	fault_of->one_thread = true;
	fault_use(fault_of);
	CHECK_EQ(pthread_create(&server, NULL, serve, NULL), 0);
	send_commands();
	drain();
	pthread_join(server, &status);
	fault_use(NULL);
	close(sock);
	fake_stop();
	if (status && !said[0])
		return "hung up without a reason";
	if (!fault_of->at && status)
		return said;
	if (fake.n_pages)
		return "pages stay granted";
	if (count_fds() != fds)
		return "a descriptor stays open";
	if (harness_leaks())
		return "memory stays allocated";
	return NULL;
}

static bool run(char *why, size_t bytes)
{
	const char *bad;
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	CHECK(!pipe(fds));
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		alarm(RUN_SECONDS);
		bad = one_client();
		if (bad && write(fds[1], bad, strlen(bad)) < 0)
			_exit(2);
		_exit(bad ? 1 : 0);
	}
	close(fds[1]);
	n = read(fds[0], why, bytes - 1);
	why[n > 0 ? n : 0] = '\0';
	close(fds[0]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		snprintf(why, bytes, "%s", WTERMSIG(status) == SIGALRM ? "waits for ever" :
			 "died of a signal");
	else if (WEXITSTATUS(status) && !why[0])
		snprintf(why, bytes, "ended without a word");
	return !status;
}

TEST(fault_frontend, every_call)
{
	fault_open();
	fault_runs(run);
	fault_close();
}
