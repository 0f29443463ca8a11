// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client of xengpud's control socket: a line out, an answer in, each wait bounded.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "xengpu_cmd.h"

#define DEFAULT_CONTROL	"/run/xengpu/control"
#define ANSWER_MS	5000
#define MAX_ANSWER	(16u << 20)

static int explain_connect(const char *path, int err)
{
	if (err == ENOENT || err == ECONNREFUSED)
		return cmd_error("xengpud is not running here: nobody listens on %s", path);
	if (err == EACCES || err == EPERM)
		return cmd_error("no permission for %s: run as root", path);
	return cmd_error("cannot connect to %s: %s", path, strerror(err));
}

static int connect_to(const char *path, int *out)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return cmd_error("the socket's path is too long: %s", path);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return cmd_error("socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		err = errno;
		close(fd);
		return explain_connect(path, err);
	}
	*out = fd;
	return CMD_OK;
}

/* Read to the end, each wait bounded. Returns text to be freed, or NULL. */
static char *read_all(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t have = 0, room = 65536;
	char *text = malloc(room), *more;
	ssize_t n;

	while (text) {
		if (poll(&pfd, 1, ANSWER_MS) != 1)
			break;
		n = read(fd, text + have, room - have - 1);
		if (n < 0)
			break;
		if (n == 0) {
			text[have] = '\0';
			return text;
		}
		have += (size_t)n;
		if (room - have > 1)
			continue;
		room *= 2;
		more = room > MAX_ANSWER ? NULL : realloc(text, room);
		if (!more)
			break;
		text = more;
	}
	free(text);
	return NULL;
}

static bool send_line(int fd, const char *line)
{
	const size_t bytes = strlen(line);

	return send(fd, line, bytes, MSG_NOSIGNAL | MSG_MORE) == (ssize_t)bytes &&
	       send(fd, "\n", 1, MSG_NOSIGNAL) == 1;
}

int cmd_ask(const char *control, const char *question, char **answer)
{
	size_t len;
	char *text;
	int status, fd = -1;

	if (!control)
		control = getenv("XENGPU_CONTROL");
	if (!control)
		control = DEFAULT_CONTROL;
	status = connect_to(control, &fd);
	if (status)
		return status;
	text = send_line(fd, question) ? read_all(fd) : NULL;
	close(fd);
	if (!text)
		return cmd_error("xengpud did not answer on %s", control);
	len = strlen(text);
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	*answer = text;
	return CMD_OK;
}

bool cmd_told(const char *answer)
{
	static const char error[] = "error: ";

	if (strncmp(answer, error, sizeof(error) - 1))
		return false;
	cmd_error("xengpud: %s", answer + sizeof(error) - 1);
	return true;
}
