// SPDX-License-Identifier: GPL-2.0-only
/*
 * The system calls of a worker that serves a guest, one table, with the reason for each. What is
 * not in it ends the worker: by SIGSYS, whose handler leaves the call's number for the supervisor
 * and can be neither replaced nor blocked. What libraries try in passing, and do without, gets an
 * error instead.
 *
 * No call here opens, makes, or finds anything: a worker has what it was born with and what its
 * supervisor passes to it. So what its descriptors can do is what it can do, and for that there is
 * ioctl(), which is filtered by the type of the request.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/ioctl.h>
#include <seccomp.h>

#include "wrk_cage.h"

#define ALLOW		0		/* or the error that it gets */

/*
 * A name that this machine does not have is passed over: several kernels and libraries are meant.
 * Those with a time are there twice for 32-bit machines, whose time_t grew.
 */
static const struct call {
	const char *name;
	int error;
	const char *reason;
} calls[] = {
	{ "read", ALLOW, "event channel, eventfds, timers, fdinfo" },
	{ "pread64", ALLOW, "fdinfo: GPU time" },
	{ "readv", ALLOW, "as read, by C libraries" },
	{ "write", ALLOW, "unmasking and signalling event channels, the log" },
	{ "writev", ALLOW, "the C library's last words" },
	{ "lseek", ALLOW, "sizes of dma-bufs" },
	{ "_llseek", ALLOW, "... on 32 bits" },
	{ "close", ALLOW, "descriptors of mappings and dma-bufs" },
	{ "dup", ALLOW, "Mesa keeps copies of dma-bufs' and fences' descriptors" },
	{ "dup2", ALLOW, "... as dup" },
	{ "dup3", ALLOW, "... as dup" },
	{ "fstat", ALLOW, "of a descriptor: grant mappings, dma-bufs" },
	{ "fstat64", ALLOW, "... on 32 bits" },
	{ "sendmsg", ALLOW, "to the supervisor; there is no other socket" },
	{ "recvmsg", ALLOW, "from the supervisor" },
	{ "poll", ALLOW, "waiting; Mesa for fences" },
	{ "ppoll", ALLOW, "... as poll" },
	{ "ppoll_time64", ALLOW, "... as poll" },
	{ "epoll_create1", ALLOW, "one for each event channel" },
	{ "epoll_ctl", ALLOW, "the loop; masking event channels" },
	{ "epoll_wait", ALLOW, "the loop" },
	{ "epoll_pwait", ALLOW, "the loop, where the kernel has no epoll_wait" },
	{ "eventfd2", ALLOW, "the renderer's fences" },
	{ "timerfd_create", ALLOW, "frames a second" },
	{ "timerfd_settime", ALLOW, "... as timerfd_create" },
	{ "timerfd_settime64", ALLOW, "... as timerfd_create" },

	{ "brk", ALLOW, "memory" },
	{ "munmap", ALLOW, "memory; pages of the guest" },
	{ "mremap", ALLOW, "large blocks of memory grow" },
	{ "madvise", ALLOW, "memory is given back; stacks of threads that ended" },
	{ "membarrier", ALLOW, "between our own threads" },
	{ "cacheflush", ALLOW, "compiled shaders, on ARM" },

	{ "futex", ALLOW, "locks between our threads" },
	{ "futex_time64", ALLOW, "... as futex" },
	{ "futex_waitv", ALLOW, "... as futex" },
	{ "set_robust_list", ALLOW, "a thread begins" },
	{ "rseq", ALLOW, "a thread begins" },
	{ "set_tid_address", ALLOW, "a thread begins" },
	{ "exit", ALLOW, "a thread ends" },
	{ "exit_group", ALLOW, "the worker ends" },
	{ "clone3", ENOSYS, "its flags lie in memory, which no filter sees; clone is next" },
	{ "sched_yield", ALLOW, "polling the ring; spinning locks" },
	{ "sched_getaffinity", ALLOW, "how many processors there are" },
	{ "sched_getparam", ALLOW, "Mesa's threads look at their priority" },
	{ "sched_getscheduler", ALLOW, "... as sched_getparam" },
	{ "sched_get_priority_min", ALLOW, "... as sched_getparam" },
	{ "sched_get_priority_max", ALLOW, "... as sched_getparam" },
	{ "sched_setaffinity", EPERM, "Mesa pins threads where it may" },
	{ "sched_setscheduler", EPERM, "Mesa lowers its threads' priority where it may" },
	{ "sched_setparam", EPERM, "... as sched_setscheduler" },
	{ "setpriority", EPERM, "... as sched_setscheduler" },
	{ "getcpu", ALLOW, "Mesa, where threads run" },

	{ "clock_gettime", ALLOW, "time, where the C library has to ask the kernel" },
	{ "clock_gettime64", ALLOW, "... on 32 bits" },
	{ "clock_getres", ALLOW, "time" },
	{ "clock_getres_time64", ALLOW, "time" },
	{ "clock_nanosleep", ALLOW, "drivers wait for the GPU" },
	{ "clock_nanosleep_time64", ALLOW, "... as clock_nanosleep" },
	{ "nanosleep", ALLOW, "... as clock_nanosleep" },
	{ "gettimeofday", ALLOW, "time" },
	{ "time", ALLOW, "time" },
	{ "restart_syscall", ALLOW, "the kernel's own, after a signal" },

	{ "rt_sigprocmask", ALLOW, "a thread begins; abort()" },
	{ "rt_sigreturn", ALLOW, "a signal's handler ends" },
	{ "sigreturn", ALLOW, "... on 32 bits" },
	{ "sigaltstack", ALLOW, "sanitizers, in each thread" },

	{ "getpid", ALLOW, "Mesa looks whether it was forked" },
	{ "gettid", ALLOW, "abort(); sanitizers" },
	{ "getuid", ALLOW, "harmless" },
	{ "getuid32", ALLOW, "harmless" },
	{ "geteuid", ALLOW, "harmless" },
	{ "geteuid32", ALLOW, "harmless" },
	{ "getgid", ALLOW, "harmless" },
	{ "getgid32", ALLOW, "harmless" },
	{ "getegid", ALLOW, "harmless" },
	{ "getegid32", ALLOW, "harmless" },
	{ "getrandom", ALLOW, "hash tables' seeds" },
	{ "getrlimit", ALLOW, "stacks' sizes" },
	{ "ugetrlimit", ALLOW, "... on 32 bits" },
	{ "getrusage", ALLOW, "GPU time, where the processor draws" },
	{ "sysinfo", ALLOW, "how much memory there is" },
	{ "uname", ALLOW, "drivers look for the kernel's version" },

	/* Libraries look for files that they do without: there are none any more. */
	{ "open", EACCES, "malloc() looks at a setting when it shrinks" },
	{ "openat", EACCES, "... as open" },
	{ "access", EACCES, "... as open" },
	{ "faccessat", EACCES, "... as open" },
	{ "faccessat2", EACCES, "... as open" },
	{ "stat", EACCES, "... as open" },
	{ "stat64", EACCES, "... as open" },
	{ "lstat", EACCES, "... as open" },
	{ "lstat64", EACCES, "... as open" },
	{ "statfs", EACCES, "... as open" },
	{ "readlink", EACCES, "... as open" },
	{ "readlinkat", EACCES, "... as open" },
	{ "getcwd", EACCES, "... as open" },
	{ "memfd_create", ENOSYS, "memory that no limit of this process counts" },
	{ "kcmp", ENOSYS, "Mesa, whether two descriptors are one" },
};

/* One condition on an argument, as libseccomp has it; @arg -1: none. */
struct cond {
	int arg;
	enum scmp_compare op;
	uint64_t a, b;
};

#define IS(arg_, value_)		{ arg_, SCMP_CMP_EQ, value_, 0 }
#define IS_NOT(arg_, value_)		{ arg_, SCMP_CMP_NE, value_, 0 }
#define UP_TO(arg_, value_)		{ arg_, SCMP_CMP_LE, value_, 0 }
#define BITS(arg_, mask_, value_)	{ arg_, SCMP_CMP_MASKED_EQ, mask_, value_ }
#define NO				{ -1, SCMP_CMP_EQ, 0, 0 }

#define IOCTL_MASK	UINT64_C(0xffffffff)	/* what the kernel looks at */
#define IOCTL_TYPE(type)	BITS(1, 0xff00, (uint64_t)(type) << 8)

/* IOCTL_EVTCHN_NOTIFY. Source: Linux uapi xen/evtchn.h. */
#define EVTCHN_NOTIFY	((uint64_t)_IOC(_IOC_NONE, 'E', 4, 4))

#define THREAD_FLAGS	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define NEW_FLAGS	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | \
			 CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_PTRACE)

/* GLIBC before 2.36 has no name for it. */
#define NAME_MEMORY	0x53564d41	/* PR_SET_VMA */

/* Calls whose arguments matter. Several lines of one call: any of them will do. */
static const struct filtered {
	const char *name;
	int error;
	struct cond cond[2];
	const char *reason;
} filtered[] = {
	{ "ioctl", ALLOW, { IOCTL_TYPE('d'), NO }, "DRM: the GPU" },
	{ "ioctl", ALLOW, { IOCTL_TYPE('b'), NO }, "dma-bufs: begin and end of access" },
	{ "ioctl", ALLOW, { IOCTL_TYPE('>'), NO }, "sync files: fences" },
	{ "ioctl", ALLOW, { BITS(1, IOCTL_MASK, EVTCHN_NOTIFY), NO }, "the guest is signalled" },
	{ "ioctl", ENOTTY, { IOCTL_TYPE('T'), NO }, "stdio asks whether it is a terminal" },

	/* One that has an O_ASYNC owner can send signals: no F_SETOWN. */
	{ "fcntl", ALLOW, { UP_TO(1, F_SETFL), NO }, "copies and flags of descriptors" },
	{ "fcntl", ALLOW, { IS(1, F_DUPFD_CLOEXEC), NO }, "copies of descriptors" },
	{ "fcntl", ALLOW, { IS(1, F_GET_SEALS), NO }, "udmabuf and the like" },
	{ "fcntl64", ALLOW, { UP_TO(1, F_SETFL), NO }, "... on 32 bits" },
	{ "fcntl64", ALLOW, { IS(1, F_DUPFD_CLOEXEC), NO }, "... on 32 bits" },

	{ "newfstatat", ALLOW, { BITS(3, AT_EMPTY_PATH, AT_EMPTY_PATH), NO }, "glibc's fstat" },
	{ "newfstatat", EACCES, { BITS(3, AT_EMPTY_PATH, 0), NO }, "as open" },
	{ "fstatat64", ALLOW, { BITS(3, AT_EMPTY_PATH, AT_EMPTY_PATH), NO }, "... on 32 bits" },
	{ "fstatat64", EACCES, { BITS(3, AT_EMPTY_PATH, 0), NO }, "as open" },
	{ "statx", ALLOW, { BITS(2, AT_EMPTY_PATH, AT_EMPTY_PATH), NO }, "how glibc does fstat" },
	{ "statx", EACCES, { BITS(2, AT_EMPTY_PATH, 0), NO }, "as open" },

	/* A thread, and nothing else: no process, no name space. */
	{ "clone", ALLOW, { BITS(0, THREAD_FLAGS | NEW_FLAGS, THREAD_FLAGS), NO }, "threads" },
	{ "tgkill", ALLOW, { IS(0, 0 /* our own id: see add_filtered() */), NO }, "abort()" },
	{ "prlimit64", ALLOW, { IS(0, 0), IS(2, 0) }, "looking at our own limits" },
	{ "prctl", ALLOW, { IS(0, PR_SET_NAME), NO }, "threads have names" },
	{ "prctl", ALLOW, { IS(0, NAME_MEMORY), NO }, "and memory has, for debugging" },
	/* The handler that tells of the end stays. */
	{ "rt_sigaction", ALLOW, { IS_NOT(0, SIGSYS), NO }, "abort() resets SIGABRT" },
};

/*
 * Memory. Shared memory without a descriptor would be counted by no limit of this process. Code can
 * be made only where shaders become machine code of this processor; elsewhere Mesa's drivers try,
 * for vertex formats, and do without.
 */
static const struct filtered memory_calls[] = {
	{ "mmap", ALLOW, { BITS(2, PROT_EXEC, 0), BITS(3, MAP_SHARED, 0) }, "memory" },
	{ "mmap", ALLOW, { BITS(2, PROT_EXEC, 0), BITS(3, MAP_SHARED | MAP_ANONYMOUS, MAP_SHARED) },
	  "pages of the guest, buffers of the GPU" },
	{ "mmap", ENOMEM, { BITS(2, PROT_EXEC, 0),
			    BITS(3, MAP_SHARED | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS) },
	  "not counted" },
	{ "mprotect", ALLOW, { BITS(2, PROT_EXEC, 0), NO }, "stacks' guard pages, arenas grow" },
};

static const struct filtered code_calls[] = {
	{ "mmap", ALLOW, { BITS(2, PROT_EXEC, PROT_EXEC), BITS(3, MAP_SHARED, 0) }, "shaders" },
	{ "mprotect", ALLOW, { BITS(2, PROT_EXEC, PROT_EXEC), NO }, "shaders" },
}, no_code_calls[] = {
	{ "mmap", EACCES, { BITS(2, PROT_EXEC, PROT_EXEC), NO }, "Mesa does without" },
	{ "mprotect", EACCES, { BITS(2, PROT_EXEC, PROT_EXEC), NO }, "Mesa does without" },
};

#define N(array)	(sizeof(array) / sizeof((array)[0]))

static uint32_t action(int error)
{
	return error ? SCMP_ACT_ERRNO((uint16_t)error) : SCMP_ACT_ALLOW;
}

static int add_call(scmp_filter_ctx ctx, const struct call *call)
{
	const int nr = seccomp_syscall_resolve_name(call->name);

	return nr == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(ctx, action(call->error), nr, 0);
}

static int add_filtered_as(scmp_filter_ctx ctx, const struct filtered *f, const char *name)
{
	const int nr = seccomp_syscall_resolve_name(name);
	struct scmp_arg_cmp cmp[N(f->cond)];
	unsigned int n;

	if (nr == __NR_SCMP_ERROR)
		return 0;
	for (n = 0; n < N(f->cond) && f->cond[n].arg >= 0; n++)
		cmp[n] = (struct scmp_arg_cmp){ .arg = (unsigned int)f->cond[n].arg,
						.op = f->cond[n].op,
						.datum_a = f->cond[n].a, .datum_b = f->cond[n].b };
	if (!strcmp(name, "tgkill"))
		cmp[0].datum_a = (scmp_datum_t)getpid();
	return seccomp_rule_add_array(ctx, action(f->error), nr, n, cmp);
}

static int add_filtered(scmp_filter_ctx ctx, const struct filtered *f, size_t n_filtered)
{
	size_t i;
	int err = 0;

	for (i = 0; i < n_filtered && !err; i++) {
		err = add_filtered_as(ctx, &f[i], f[i].name);
		/* The same with an offset in pages, on 32 bits. */
		if (!err && !strcmp(f[i].name, "mmap"))
			err = add_filtered_as(ctx, &f[i], "mmap2");
	}
	return err;
}

static int fill(scmp_filter_ctx ctx, bool makes_code)
{
	size_t i;
	int err = 0;

	for (i = 0; i < N(calls) && !err; i++)
		err = add_call(ctx, &calls[i]);
	if (!err)
		err = add_filtered(ctx, filtered, N(filtered));
	if (!err)
		err = add_filtered(ctx, memory_calls, N(memory_calls));
	if (!err)
		err = makes_code ? add_filtered(ctx, code_calls, N(code_calls)) :
				   add_filtered(ctx, no_code_calls, N(no_code_calls));
	return err;
}

static uint64_t *refused;

/*
 * A call that is not allowed was not executed. The number is left, and another such call ends the
 * process: SIGSYS is blocked in here, so the kernel does not come back.
 */
static void on_refused(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	if (refused)
		__atomic_store_n(refused, (uint64_t)(unsigned int)info->si_syscall + 1,
				 __ATOMIC_RELAXED);
	for (;;)
		syscall(SYS_ptrace, 0, 0, 0, 0);
}

int wrk_calls_restrict(struct ctl_stats *stats, bool makes_code, const char **what)
{
	struct sigaction act = { .sa_sigaction = on_refused, .sa_flags = SA_SIGINFO };
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_TRAP);
	int err;

	*what = "seccomp_init";
	if (!ctx)
		return -ENOMEM;
	refused = stats ? &stats->refused_call : NULL;
	*what = "sigaction";
	err = sigaction(SIGSYS, &act, NULL) ? -errno : 0;
	*what = "seccomp attributes";
	/* Threads of the renderer are there already. */
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!err)
		err = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* A tree: submits and fences make thousands of calls a second, most of which come late. */
	if (!err)
		seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	*what = "seccomp_rule_add";
	if (!err)
		err = fill(ctx, makes_code);
	*what = "seccomp_load";
	if (!err)
		err = seccomp_load(ctx);
	seccomp_release(ctx);
	return err;
}
