// SPDX-License-Identifier: GPL-2.0-only
/*
 * A fuzz target without libFuzzer: tries every file of the folders that are named, in a child, and
 * says in TAP whether all of them passed, or which did not. An empty folder is a failure: the test
 * would not be one.
 *
 *	request tests/fuzz/corpus/request
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#define TIMEOUT_S	10

/* Shared with the child: how far it has come. */
struct progress {
	char path[512];
	unsigned int n;
};

static void try_file(const char *path, struct progress *progress)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *data;

	snprintf(progress->path, sizeof(progress->path), "%s", path);
	CHECK(fd >= 0 && !fstat(fd, &st));
	data = malloc((size_t)st.st_size ? (size_t)st.st_size : 1);
	CHECK(data);
	CHECK_EQ(read(fd, data, (size_t)st.st_size), st.st_size);
	close(fd);
	alarm(TIMEOUT_S);
	CHECK_EQ(LLVMFuzzerTestOneInput(data, (size_t)st.st_size), 0);
	free(data);
	progress->n++;
}

static void try_folder(const char *folder, struct progress *progress)
{
	struct dirent **entries;
	char path[512];
	int i, n;

	snprintf(progress->path, sizeof(progress->path), "%s", folder);
	n = scandir(folder, &entries, NULL, alphasort);
	CHECK(n >= 0);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			try_file(path, progress);
		free(entries[i]);
	}
	free(entries);
}

static const char *describe(int status)
{
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGALRM ? "timed out" : strsignal(WTERMSIG(status));
	return "ended early";
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	struct progress *progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int i, status;
	pid_t pid;

	if (progress == MAP_FAILED)
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		for (i = 1; i < argc; i++)
			try_folder(argv[i], progress);
		/* Through exit(), for a sanitizer that looks for leaks. */
		exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!status && progress->n) {
		printf("ok 1 - fuzz/%s # %u inputs\n1..1\n", name, progress->n);
		return 0;
	}
	printf("not ok 1 - fuzz/%s\n", name);
	if (status)
		printf("# %s: %s\n", progress->path, describe(status));
	else
		printf("# no inputs in %s\n", argc > 1 ? argv[1] : "nothing");
	puts("1..1");
	return 1;
}
