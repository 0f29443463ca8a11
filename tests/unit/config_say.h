/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of the command xengpu as a process: SAY() runs it and looks at its status and at what it
 * says. Its files are those of a root of the case's own (config_root.h). Include it in one file of a
 * test program.
 */
#ifndef TESTS_CONFIG_SAY_H
#define TESTS_CONFIG_SAY_H

#include "config_root.h"
#include "sup_rig.h"

#define MAX_WORDS	16

struct said {
	int status;
	char text[8192];		/* stdout and stderr */
};

/* xengpu with arguments, as the domain's root (domid < 0: where there is no xenstore). */
static inline void say(const struct rig *rig, int domid, struct said *said, const char *const words[])
{
	char path[300];
	const char *program = rig_program("XENGPU", "xengpu", path, sizeof(path));
	const char *argv[MAX_WORDS + 2] = { "xengpu" };
	size_t have = 0;
	int fds[2], i, status;
	ssize_t n;
	pid_t pid;

	for (i = 0; words[i] && i < MAX_WORDS; i++)
		argv[1 + i] = words[i];
	CHECK_EQ(pipe(fds), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		setenv("XENGPU_PLATFORM", domid < 0 ? "local:/nonexistent/hub:0" :
			hub_spec(&rig->hub, (unsigned int)domid), 1);
		setenv("XENGPU_CONTROL", rig->control, 1);
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		execv(program, (char **)(uintptr_t)argv);
		_exit(127);
	}
	close(fds[1]);
	while (have < sizeof(said->text) - 1 &&
	       (n = read(fds[0], said->text + have, sizeof(said->text) - 1 - have)) > 0)
		have += (size_t)n;
	said->text[have] = '\0';
	close(fds[0]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	said->status = WEXITSTATUS(status);
}

#define SAY_IN(rig_, domid, want_status, want_text, ...)					\
	do {											\
		struct said said_;								\
												\
		say(rig_, domid, &said_, (const char *[]){ __VA_ARGS__ __VA_OPT__(,) NULL });	\
		if (said_.status != (want_status) || !strstr(said_.text, want_text))		\
			harness_fail(__FILE__, __LINE__, "status %d, '%s'; not %d, '%s'",	\
				     said_.status, said_.text, want_status, want_text);		\
	} while (0)

#define SAY(domid, ...)	SAY_IN(&rig, domid, __VA_ARGS__)

/* One client of a played xengpud. Returns whether it said what it should. */
static inline bool say_serve(int fd, const char *want, const char *answer)
{
	const int client = accept(fd, NULL, NULL);
	char line[512] = "";
	size_t have = 0, sent = 0;
	ssize_t n;

	while (!strchr(line, '\n') &&
	       (n = read(client, line + have, sizeof(line) - 1 - have)) > 0)
		have += (size_t)n;
	while (sent < strlen(answer) &&
	       (n = write(client, answer + sent, strlen(answer) - sent)) > 0)
		sent += (size_t)n;
	close(client);
	if (strcmp(line, want))
		printf("# it said '%s', not '%s'\n", line, want);
	return sent == strlen(answer) && !strcmp(line, want);
}

/*
 * say_script() - play an xengpud that takes lines, each of a client of its own, and answers them:
 * line, answer, line, answer, ... NULL. A child to be reaped with say_answered().
 */
static inline pid_t say_script(const struct rig *rig, const char *const script[])
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	strcpy(addr.sun_path, rig->control);
	unlink(rig->control);
	CHECK(!bind(fd, (struct sockaddr *)&addr, sizeof(addr)) && !listen(fd, 1));
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (; *script; script += 2) {
			if (!say_serve(fd, script[0], script[1]))
				_exit(1);
		}
		_exit(0);
	}
	close(fd);
	return pid;
}

#define SAY_SCRIPT(...)	say_script(&rig, (const char *[]){ __VA_ARGS__, NULL })

/* say_answer() - the same, of one line. */
static inline pid_t say_answer(const struct rig *rig, const char *want, const char *answer)
{
	return say_script(rig, (const char *[]){ want, answer, NULL });
}

static inline void say_answered(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

#endif
