// SPDX-License-Identifier: GPL-2.0-only
/*
 * Starting a worker process; see sup_spawn.h. Of its cage the user id, the name spaces and the
 * limits are made here; the rest is the worker's own, once its renderer is up (wrk_cage.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sup_cage.h"
#include "sup_cgroup.h"
#include "sup_spawn.h"

#define MAX_ENV		64
#define MAX_ARGS	16

/* What Mesa, EGL and the sanitizers read; everything else stays outside. */
static const char *const env_prefixes[] = {
	"MESA_", "GALLIUM_", "LIBGL_", "EGL_", "__EGL_", "LP_", "VIRGL_", "VREND_", "DRI_", "ST_",
	"ASAN_", "UBSAN_", "LSAN_", "XENGPU_WORKER_", "XENGPU_LOG",
};

extern char **environ;

/*
 * Mesa must not keep shaders in a file system, where all guests' would meet. It is not told to keep
 * none: then some versions would not ask for those in the guest's store either. It finds no folder:
 * a user that is only a worker's is not in the password file, and others get one that is none, which
 * Mesa complains of.
 */
static void clean_environment(char *env[MAX_ENV], bool own_user)
{
	static char fixed[][48] = {
		"PATH=/usr/bin:/bin", "LANG=C", "HOME=/nonexistent",
		"MESA_SHADER_CACHE_DIR=/dev/null",
	};
	const size_t n_fixed = sizeof(fixed) / sizeof(fixed[0]) - own_user;
	size_t n = 0, i;
	char **e;

	for (i = 0; i < n_fixed; i++)
		env[n++] = fixed[i];
	for (e = environ; *e && n < MAX_ENV - 1; e++) {
		if (!strncmp(*e, "MESA_", 5) && strstr(*e, "_CACHE_"))
			continue;
		for (i = 0; i < sizeof(env_prefixes) / sizeof(env_prefixes[0]); i++) {
			if (!strncmp(*e, env_prefixes[i], strlen(env_prefixes[i]))) {
				env[n++] = *e;
				break;
			}
		}
	}
	env[n] = NULL;
}

#define MAX_GROUPS	4

/* The groups that own render nodes, so that the worker can open one. */
static size_t gpu_groups(const char *gpu, gid_t gids[MAX_GROUPS])
{
	static const char *const names[] = { "render", "video" };
	static gid_t known[2];
	static size_t n_known;
	static bool looked;
	struct stat st;
	size_t n, i;

	/* Once: looking up a name may mean to ask a server. */
	for (i = 0; !looked && i < sizeof(names) / sizeof(names[0]); i++) {
		struct group *group = getgrnam(names[i]);

		if (group)
			known[n_known++] = group->gr_gid;
	}
	looked = true;
	for (n = 0; n < n_known; n++)
		gids[n] = known[n];
	if (gpu[0] == '/' && !stat(gpu, &st) && st.st_gid)
		gids[n++] = st.st_gid;
	return n;
}

static int worker_ids(const struct sup_config *cfg, uint32_t slot, uid_t *uid, gid_t *gid)
{
	struct passwd *pw;

	if (!cfg->worker_user) {
		*uid = cfg->worker_uid_base + slot;
		*gid = cfg->worker_uid_base + slot;
		return 0;
	}
	pw = getpwnam(cfg->worker_user);
	if (!pw)
		return -ENOENT;
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return 0;
}

int spawn_check(const struct sup_config *cfg, char *why)
{
	uid_t uid;
	gid_t gid;

	if (access(cfg->worker, X_OK)) {
		snprintf(why, CTL_MAX_TEXT, "the worker program %s: %s (--worker names another)",
			 cfg->worker, strerror(errno));
		return -errno;
	}
	if (!geteuid() && worker_ids(cfg, 0, &uid, &gid)) {
		snprintf(why, CTL_MAX_TEXT, "there is no user '%s' (--worker-user)",
			 cfg->worker_user);
		return -ENOENT;
	}
	return 0;
}

bool spawn_own_user(const struct sup_config *cfg)
{
	return !geteuid() && !cfg->worker_user;
}

/* --- in the child ----------------------------------------------------------------------------- */

__attribute__((noreturn))
static void child_fail(const char *what)
{
	struct ctl_msg msg = { .type = CTL_FAILED, .bytes = CTL_BYTES(failed) };

	snprintf(msg.u.failed.text, sizeof(msg.u.failed.text),
		 "the worker cannot be started: %s: %s", what, strerror(errno));
	ctl_send(CTL_WORKER_FD, &msg, NULL, 0);
	_exit(127);
}

struct identity {
	bool drop;
	bool own;			/* nobody else has it */
	uint32_t slot;
	uid_t uid;
	gid_t gid;
	gid_t groups[MAX_GROUPS];
	size_t n_groups;
};

static void drop_privilege(const struct identity *id)
{
	if (!id->drop)
		return;
	if (setgroups(id->n_groups, id->groups) || setresgid(id->gid, id->gid, id->gid) ||
	    setresuid(id->uid, id->uid, id->uid))
		child_fail("giving up privileges");
}

/* It goes on without: its READY does not have them, and what that means is not decided here. */
static void enter_namespaces(void)
{
	struct ctl_msg msg = { .type = CTL_UNCAGED, .bytes = CTL_BYTES(uncaged) };

	msg.u.uncaged.part = CTL_CAGE_ROOT;
	if (cage_namespaces(msg.u.uncaged.text) && ctl_send(CTL_WORKER_FD, &msg, NULL, 0))
		child_fail("the supervisor's socket");
}

__attribute__((noreturn))
static void child(const struct sup_config *cfg, const struct identity *id, int sock, int stats,
		  pid_t parent)
{
	char *argv[MAX_ARGS + 4] = { (char *)(uintptr_t)"xengpu-worker", (char *)(uintptr_t)"--gpu",
				     (char *)(uintptr_t)cfg->gpu };
	char *env[MAX_ENV];
	int model = cfg->model_fd, null, i;
	sigset_t none;

	/* Out of the way first: the places may be taken, even by one another. */
	sock = fcntl(sock, F_DUPFD_CLOEXEC, 10);
	stats = fcntl(stats, F_DUPFD_CLOEXEC, 10);
	null = fcntl(open("/dev/null", O_RDWR), F_DUPFD_CLOEXEC, 10);
	if (model >= 0)
		model = fcntl(model, F_DUPFD_CLOEXEC, 10);
	if (sock < 0 || stats < 0 || null < 0 || dup2(sock, CTL_WORKER_FD) < 0 ||
	    dup2(stats, CTL_STATS_FD) < 0 || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(127);
	errno = -cgroup_enter(id->slot);
	if (errno)
		child_fail("its control group");
	if (model >= 0 && dup2(model, CTL_MODEL_FD) < 0)
		child_fail("the model GPU's memory");
	if (close_range(model >= 0 ? CTL_MODEL_FD + 1 : CTL_STATS_FD + 1, ~0u, 0))
		child_fail("closing descriptors");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	umask(077);
	if (chdir("/"))
		child_fail("/");
	/* SIGCONT is for everybody of the same session, whatever their users. Source: kill(2). */
	setsid();
	if (cage_limits(id->own, cgroup_used() ? 0 : cfg->worker_memory_mib))
		child_fail("resource limits");
	drop_privilege(id);
	enter_namespaces();
	/* After the changes of user, which would undo the first. Source: prctl(2). */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		child_fail("prctl");
	if (getppid() != parent)
		_exit(127);
	for (i = 0; i < MAX_ARGS && cfg->worker_args[i]; i++)
		argv[3 + i] = cfg->worker_args[i];
	clean_environment(env, id->own);
	execve(cfg->worker, argv, env);
	child_fail(cfg->worker);
}

/* --- in the supervisor ------------------------------------------------------------------------ */

static int make_stats(const struct ctl_stats **stats)
{
	int fd = memfd_create("xengpu-stats", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *mem;
	int err;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, sizeof(**stats)) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto out_close;
	mem = mmap(NULL, sizeof(**stats), PROT_READ, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		goto out_close;
	*stats = mem;
	return fd;

out_close:
	err = -errno;
	close(fd);
	return err;
}

static int find_identity(const struct sup_config *cfg, uint32_t slot, struct identity *id)
{
	*id = (struct identity){ .drop = !geteuid(), .own = spawn_own_user(cfg),
				  .slot = slot };
	if (!id->drop)
		return 0;
	if (strcmp(cfg->gpu, "soft") && strcmp(cfg->gpu, "model"))
		id->n_groups = gpu_groups(cfg->gpu, id->groups);
	return worker_ids(cfg, slot, &id->uid, &id->gid);
}

int spawn_worker(const struct sup_config *cfg, uint32_t slot, struct spawned *out)
{
	const pid_t parent = getpid();
	const struct ctl_stats *stats = NULL;
	struct identity id;
	int stats_fd, pid_fd, pair[2], err;
	pid_t pid;

	err = find_identity(cfg, slot, &id);
	if (err)
		return err;
	stats_fd = make_stats(&stats);
	if (stats_fd < 0)
		return stats_fd;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		err = -errno;
		goto out_stats;
	}
	pid = fork();
	if (pid == 0)
		child(cfg, &id, pair[1], stats_fd, parent);
	if (pid < 0) {
		err = -errno;
		goto out_pair;
	}
	/* The child is not waited for before this has failed or the descriptor is readable. */
	pid_fd = pidfd_open(pid, 0);
	if (pid_fd < 0) {
		err = -errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		goto out_pair;
	}
	close(pair[1]);
	close(stats_fd);
	*out = (struct spawned){ .pid = pid, .pid_fd = pid_fd, .sock = pair[0], .stats = stats };
	return 0;

out_pair:
	close(pair[0]);
	close(pair[1]);
out_stats:
	munmap((void *)(uintptr_t)stats, sizeof(*stats));
	close(stats_fd);
	return err;
}
