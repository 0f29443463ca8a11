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

static int explain_connect(const char *path, int err, char *why)
{
	if (err == ENOENT || err == ECONNREFUSED)
		return why_set(why, "xengpud is not running here: nobody listens on %s", path);
	if (err == EACCES || err == EPERM)
		return why_set(why, "no permission for %s: run as root", path);
	return why_set(why, "cannot connect to %s: %s", path, strerror(err));
}

static int connect_to(const char *path, int *out, char *why)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return why_set(why, "the socket's path is too long: %s", path);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return why_set(why, "socket: %s", strerror(errno));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		err = errno;
		close(fd);
		return explain_connect(path, err, why);
	}
	*out = fd;
	return 0;
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

int cmd_try(const char *control, const char *question, char **answer, char *why)
{
	size_t len;
	char *text;
	int err, fd = -1;

	if (!control)
		control = getenv("XENGPU_CONTROL");
	if (!control)
		control = DEFAULT_CONTROL;
	err = connect_to(control, &fd, why);
	if (err)
		return err;
	text = send_line(fd, question) ? read_all(fd) : NULL;
	close(fd);
	if (!text)
		return why_set(why, "xengpud did not answer on %s", control);
	len = strlen(text);
	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	*answer = text;
	return 0;
}

int cmd_ask(const char *control, const char *question, char **answer)
{
	char why[WHY_BYTES];

	return cmd_try(control, question, answer, why) ? cmd_error("%s", why) : CMD_OK;
}

int cmd_try_sample(const char *control, struct sample **out, char *why)
{
	char *answer;
	int err = cmd_try(control, "stats", &answer, why);

	if (err)
		return err;
	err = sample_parse(answer, out, why);
	free(answer);
	return err;
}

int cmd_sample(const char *control, struct sample **out)
{
	char why[WHY_BYTES];

	return cmd_try_sample(control, out, why) ? cmd_error("%s", why) : CMD_OK;
}

int cmd_tell(const char *line)
{
	char *answer;
	int status = cmd_ask(NULL, line, &answer);
	bool good;

	if (status)
		return status;
	/* "ok", or "ok: " and what was done. */
	good = !strcmp(answer, "ok") || !strncmp(answer, "ok: ", 4);
	if (!good && !cmd_told(answer))
		cmd_error("xengpud's answer makes no sense: is it of another version?");
	status = good ? CMD_OK : CMD_FAILED;
	free(answer);
	return status;
}

bool cmd_told(const char *answer)
{
	static const char error[] = "error: ";

	if (strncmp(answer, error, sizeof(error) - 1))
		return false;
	cmd_error("xengpud: %s", answer + sizeof(error) - 1);
	return true;
}
