// SPDX-License-Identifier: GPL-2.0-only
/*
 * The unit tests' harness; see harness.h. The parent forks a case, waits with a time-out, and
 * looks at its exit status; the child compares its open descriptors before and after the case.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#define EXIT_FAILED	1
#define EXIT_SKIPPED	77
#define TIMEOUT_S	20

static struct harness_case *cases;
static int report_fd = -1;	/* child: where a skip's reason or a failure's text goes */

void harness_add(struct harness_case *c)
{
	c->next = cases;
	cases = c;
}

/* Oldest first: constructors run in file order and harness_add() pushes to the front. */
static void reverse_cases(void)
{
	struct harness_case *reversed = NULL;

	while (cases) {
		struct harness_case *next = cases->next;

		cases->next = reversed;
		reversed = cases;
		cases = next;
	}
	cases = reversed;
}

static void report(const char *text)
{
	if (write(report_fd, text, strlen(text)) < 0)
		_exit(EXIT_FAILED);
}

void harness_fail(const char *file, int line, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n = snprintf(text, sizeof(text), "%s:%d: ", file, line);

	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	va_end(ap);
	report(text);
	_exit(EXIT_FAILED);
}

void harness_skip(const char *reason)
{
	report(reason);
	_exit(EXIT_SKIPPED);
}

void harness_timeout_s(unsigned int seconds)
{
	alarm(seconds);
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* There when this is built with AddressSanitizer. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

bool harness_leaks(void)
{
	return __lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check();
}

static void run_child(const struct harness_case *c)
{
	int before, after;

	/* A process group of its own: the parent ends whatever the case leaves running. */
	setpgid(0, 0);
	alarm(TIMEOUT_S);
	before = count_fds();
	c->run();
	after = count_fds();
	if (after != before)
		harness_fail(c->suite, 0, "%d descriptors before the case, %d after", before, after);
	if (waitpid(-1, NULL, WNOHANG) >= 0)
		harness_fail(c->suite, 0, "a child process was left behind");
	if (harness_leaks())
		harness_fail(c->suite, 0, "memory was left allocated");
	_exit(0);
}

static void run_case(const struct harness_case *c, int number, int *failed)
{
	char text[1100];
	int pipe_fds[2], status;
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	fflush(stdout);
	if (pipe(pipe_fds))
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		close(pipe_fds[0]);
		report_fd = pipe_fds[1];
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run_child(c);
	}
	close(pipe_fds[1]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	/* Grandchildren may hold the pipe: end them before reading it to its end. */
	kill(-pid, SIGKILL);
	while (used < sizeof(text) - 1 &&
	       (n = read(pipe_fds[0], text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	close(pipe_fds[0]);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		printf("ok %d - %s/%s\n", number, c->suite, c->name);
		return;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIPPED) {
		printf("ok %d - %s/%s # SKIP %s\n", number, c->suite, c->name, text);
		return;
	}
	(*failed)++;
	printf("not ok %d - %s/%s\n", number, c->suite, c->name);
	if (WIFSIGNALED(status))
		printf("# %s (signal %d)\n",
		       WTERMSIG(status) == SIGALRM ? "timed out" : strsignal(WTERMSIG(status)),
		       WTERMSIG(status));
	if (used)
		printf("# %s\n", text);
}

static bool wanted(const struct harness_case *c, int argc, char **argv)
{
	size_t suite = strlen(c->suite);
	int i;

	if (argc < 2)
		return true;
	for (i = 1; i < argc; i++) {
		if (strncmp(argv[i], c->suite, suite))
			continue;
		if (!argv[i][suite] ||
		    (argv[i][suite] == '/' && !strcmp(argv[i] + suite + 1, c->name)))
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	struct harness_case *c;
	int n = 0, failed = 0;

	reverse_cases();
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (c = cases; c; c = c->next)
			printf("%s/%s\n", c->suite, c->name);
		return 0;
	}
	for (c = cases; c; c = c->next)
		if (wanted(c, argc, argv))
			run_case(c, ++n, &failed);
	printf("1..%d\n", n);
	return failed ? 1 : 0;
}
