// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu-run - run a program on the vgpu, or say why that cannot be. Where the kernel module drives
 * the vgpu it asks the render node what draws, and starts the program without any word to Mesa,
 * which finds the node by itself. Elsewhere it asks xengpu-vtest for what a program asks for first;
 * only when the answer has come is the program started, told to use Mesa's virpipe and nothing else.
 * A program never falls back to software by way of this.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "fe_kernel.h"
#include "vtest.h"

#define ANSWER_MS	75000		/* longer than xengpu-vtest waits for the backend */
#define KERNEL_MS	5000		/* how long the module may take to connect anew */
#define STATUS_FILE	"/run/xengpu/vtest.status"
#define MAX_CAPS	65536u
#define CAPS2_REPLY	2u		/* not the command: the capset */

static const char usage[] =
	"usage: xengpu-run [--socket=PATH] [--status-file=PATH] COMMAND [ARGUMENT]...\n"
	"       xengpu-run [--socket=PATH] [--status-file=PATH] --info\n";

struct answer {
	uint32_t version;
	char renderer[VIRGL_CAPS_RENDERER_BYTES + 1];
};

static char why[512];

static bool fail(const char *text)
{
	if (!why[0])
		snprintf(why, sizeof(why), "%s", text);
	return false;
}

static int ms_left(const struct timespec *until)
{
	struct timespec now;
	long long ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (until->tv_sec - now.tv_sec) * 1000LL + (until->tv_nsec - now.tv_nsec) / 1000000;
	return ms > 0 ? (int)ms : 0;
}

static bool read_all(int fd, void *to, size_t bytes, const struct timespec *until)
{
	uint8_t *at = to;

	while (bytes) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&pfd, 1, ms_left(until)) == 0)
			return fail("xengpu-vtest does not answer in time");
		n = recv(fd, at, bytes, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return fail("xengpu-vtest closed the connection");
		at += n;
		bytes -= (size_t)n;
	}
	return true;
}

static int connect_to(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (strlen(path) >= sizeof(un.sun_path)) {
		errno = ENAMETOOLONG;
	} else {
		strcpy(un.sun_path, path);
		if (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0)
			return fd;
	}
	snprintf(why, sizeof(why), "nobody serves %s (%s): is xengpu-vtest running?", path,
		 strerror(errno));
	close(fd);
	return -1;
}

static bool ask(int fd, struct answer *out, const struct timespec *until)
{
	static const struct {
		struct vtest_header create;
		char name[12];
		struct vtest_header ping;
		struct vtest_header busy;
		struct vtest_busy_wait on;
		struct vtest_header version;
		uint32_t want;
		struct vtest_header caps;
	} question = {
		{ 12, VTEST_CREATE_RENDERER }, "xengpu-run",
		{ 0, VTEST_PING },
		{ 2, VTEST_BUSY_WAIT }, { 0, 0 },
		{ 1, VTEST_PROTOCOL_VERSION }, 2,
		{ 0, VTEST_GET_CAPS2 },
	};
	struct {
		struct vtest_header ping;
		struct vtest_header busy;
		uint32_t is_busy;
		struct vtest_header version;
		uint32_t agreed;
		struct vtest_header caps;
	} reply;
	uint8_t *caps;
	bool ok;

	if (send(fd, &question, sizeof(question), MSG_NOSIGNAL) != (ssize_t)sizeof(question))
		return fail("xengpu-vtest closed the connection");
	if (!read_all(fd, &reply, sizeof(reply), until))
		return false;
	if (reply.ping.command != VTEST_PING || reply.caps.command != CAPS2_REPLY ||
	    reply.caps.length < VIRGL_CAPS_RENDERER + VIRGL_CAPS_RENDERER_BYTES + 1 ||
	    reply.caps.length > MAX_CAPS)
		return fail("whoever serves the socket does not speak this protocol");
	caps = calloc(1, reply.caps.length);
	if (!caps)
		return fail("out of memory");
	ok = read_all(fd, caps, reply.caps.length - 1, until);
	out->version = reply.agreed;
	memcpy(out->renderer, caps + VIRGL_CAPS_RENDERER, VIRGL_CAPS_RENDERER_BYTES);
	out->renderer[VIRGL_CAPS_RENDERER_BYTES] = '\0';
	free(caps);
	return ok;
}

/* What the daemon has to say about itself: a line of the status file, or "". */
static void read_status(const char *path, const char *name, char *out, size_t bytes)
{
	FILE *file = fopen(path, "re");
	size_t n = strlen(name);
	char line[512];

	out[0] = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, name, n) && !strncmp(line + n, ": ", 2))
			snprintf(out, bytes, "%s", line + n + 2);
	}
	if (file)
		fclose(file);
}

static int refuse(const char *command, const char *status_file)
{
	char state[64], reason[400];

	read_status(status_file, "state", state, sizeof(state));
	read_status(status_file, "reason", reason, sizeof(reason));
	fprintf(stderr, "xengpu-run: no working vgpu: %s\n",
		!strcmp(state, "not connected") && reason[0] ? reason : why);
	if (command)
		fprintf(stderr, "xengpu-run: %s was not started\n", command);
	return 1;
}

static int info(const struct answer *answer, const char *status_file)
{
	char device[256];

	read_status(status_file, "device", device, sizeof(device));
	printf("renderer: %s\nfrontend: xengpu-vtest (no kernel module drives the vgpu)\n"
	       "protocol: vtest %u\ndevice: %s\n", answer->renderer, answer->version,
	       device[0] ? device : "unknown");
	return 0;
}

static int start(char **command, const char *socket_path)
{
	unsetenv("MESA_LOADER_DRIVER_OVERRIDE");
	if (!socket_path) {
		unsetenv("LIBGL_ALWAYS_SOFTWARE");
		unsetenv("GALLIUM_DRIVER");
	} else {
		setenv("LIBGL_ALWAYS_SOFTWARE", "1", 1);
		setenv("GALLIUM_DRIVER", "virpipe", 1);
		if (strcmp(socket_path, VTEST_SOCKET))
			setenv("VTEST_SOCKET_NAME", socket_path, 1);	/* since Mesa 23 or so */
	}
	execvp(command[0], command);
	fprintf(stderr, "xengpu-run: %s: %s\n", command[0], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}

/* The module's node; who starts while it connects anew waits a little, as with xengpu-vtest. */
static int find_node(char *node, size_t bytes)
{
	int err, tries;

	for (tries = 0; tries < KERNEL_MS / 100; tries++) {
		err = fe_kernel_node(FE_KERNEL_SYSFS, node, bytes, why, sizeof(why));
		if (err != -ENODEV)
			break;
		poll(NULL, 0, 100);
	}
	return err;
}

/* By the render node, or the reason why not. Does not return where @command is started. */
static int by_kernel(char **command, const char *node)
{
	char renderer[VIRGL_CAPS_RENDERER_BYTES + 1];
	int err = node ? fe_kernel_renderer(node, renderer, sizeof(renderer)) : 0;

	if (!node || err) {
		fprintf(stderr, "xengpu-run: no working vgpu: %s%s%s\n", node ? node : why,
			err ? ": " : "", err ? strerror(-err) : "");
		if (command)
			fprintf(stderr, "xengpu-run: %s was not started\n", command[0]);
		return 1;
	}
	if (command)
		return start(command, NULL);
	printf("renderer: %s\nfrontend: the kernel module xen_vgpufront\ndevice: %s\n", renderer,
	       node);
	return 0;
}

int main(int argc, char **argv)
{
	const char *socket_path = VTEST_SOCKET, *status_file = STATUS_FILE;
	char node[64];
	bool want_socket = false;
	struct answer answer = { 0 };
	struct timespec until;
	bool want_info = false, ok;
	int i, fd, err;

	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (!strncmp(argv[i], "--socket=", 9)) {
			socket_path = argv[i] + 9;
			want_socket = true;
		} else if (!strncmp(argv[i], "--status-file=", 14)) {
			status_file = argv[i] + 14;
		} else if (!strcmp(argv[i], "--info")) {
			want_info = true;
		} else if (!strcmp(argv[i], "--help")) {
			fputs(usage, stdout);
			return 0;
		} else if (!strcmp(argv[i], "--")) {
			i++;
			break;
		} else {
			break;
		}
	}
	if (want_info ? i < argc : i >= argc || argv[i][0] == '-') {
		fputs(usage, stderr);
		return 2;
	}
	/* Who names a socket means whoever serves that. */
	err = want_socket ? -ENOENT : find_node(node, sizeof(node));
	if (err != -ENOENT)
		return by_kernel(want_info ? NULL : argv + i, err ? NULL : node);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ANSWER_MS / 1000;
	fd = connect_to(socket_path);
	ok = fd >= 0 && ask(fd, &answer, &until);
	if (fd >= 0)
		close(fd);
	if (!ok)
		return refuse(want_info ? NULL : argv[i], status_file);
	return want_info ? info(&answer, status_file) : start(argv + i, socket_path);
}
