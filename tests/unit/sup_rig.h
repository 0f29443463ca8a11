/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of the supervisor as a process: a hub, the real xengpud, and guests that this process
 * plays through xenstore and grant/ alone. Workers are puppets: this very program, told by its
 * argument what to do (sup_puppet.h), because what is tested here is
 * what the supervisor does with workers of every kind. Include it in one file of a test program.
 *
 * The supervisor is $XENGPUD, or bin/xengpud beside this program's folder.
 */
#ifndef TESTS_SUP_RIG_H
#define TESTS_SUP_RIG_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <json-c/json.h>

#include "attach.h"
#include "grant_hub.h"
#include "paths.h"
#include "sup_puppet.h"
#include "vgpuif.h"
#include "xenbus.h"

#define RIG_MAX_ARGS	16

struct rig {
	struct hub_proc hub;
	pid_t pid;			/* of xengpud */
	char dir[32];
	char worker[64];		/* this program's copy, which every user may execute */
	char control[64];
	char log[64];
	char state[64];
	struct xst *dom0;
};

static inline int64_t rig_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline void rig_sleep_ms(unsigned int ms)
{
	usleep(ms * 1000);
}

/* rig_program() - a program of ours: from the environment, or from bin/ beside our folder. */
static inline const char *rig_program(const char *variable, const char *name, char *path,
				      size_t bytes)
{
	const char *env = getenv(variable);
	char self[256];
	ssize_t n;
	int i;

	if (env)
		return env;
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	CHECK(n > 0);
	self[n] = '\0';
	for (i = 0; i < 2; i++)
		*strrchr(self, '/') = '\0';
	snprintf(path, bytes, "%s/bin/%s", self, name);
	return path;
}

static inline void rig_copy_self(const char *to)
{
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	char buf[65536];
	ssize_t n;

	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK_EQ(write(out, buf, (size_t)n), n);
	CHECK_EQ(n, 0);
	close(in);
	close(out);
}

/* rig_config() - the host's config, $XENGPU_ROOT/etc/xen/xengpu.conf. */
static inline void rig_config(const struct rig *rig, const char *text)
{
	char command[256];

	snprintf(command, sizeof(command), "mkdir -p %s/etc/xen && printf '%s' >%s/etc/xen/xengpu.conf",
		 rig->dir, text, rig->dir);
	CHECK_EQ(system(command), 0);
}

/* rig_write() - a file, wherever it is. */
static inline void rig_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	CHECK(file);
	CHECK(fputs(text, file) >= 0);
	CHECK_EQ(fclose(file), 0);
}

/* rig_fail() - the file that makes some puppets fail (sup_puppet.h), there or not. */
static inline void rig_fail(const struct rig *rig, bool there)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/fail", rig->dir);
	if (there)
		rig_write(path, "");
	else
		unlink(path);
}

/* rig_up() - the hub, with domains 0, 1 and 2; no supervisor yet. */
static inline void rig_up(struct rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	hub_start(&rig->hub, NULL);
	strcpy(rig->dir, "/tmp/xengpu-sup-XXXXXX");
	CHECK(mkdtemp(rig->dir));
	CHECK_EQ(chmod(rig->dir, 0755), 0);
	snprintf(rig->worker, sizeof(rig->worker), "%s/worker", rig->dir);
	snprintf(rig->control, sizeof(rig->control), "%s/control", rig->dir);
	snprintf(rig->log, sizeof(rig->log), "%s/log", rig->dir);
	snprintf(rig->state, sizeof(rig->state), "%s/state", rig->dir);
	rig_copy_self(rig->worker);
	/* Most cases break workers for other reasons than to be banned. */
	rig_config(rig, "ban_after = 0\\n");
	rig->dom0 = hub_xst(&rig->hub, 0);
}

/*
 * rig_start() - xengpud, with further options ended by NULL; @puppet is what its workers are, NULL
 * for what the host's config says.
 */
#define rig_start(rig, puppet, ...) \
	rig_start_args(rig, puppet, (const char *[]){ __VA_ARGS__ __VA_OPT__(,) NULL })

static inline void rig_start_args(struct rig *rig, const char *puppet, const char *const extra[])
{
	const char *argv[RIG_MAX_ARGS + 12] = {
		"xengpud", "--worker", rig->worker, "--control", rig->control,
		"--log",   "debug",    "--state-dir", rig->state,
	};
	char path[300];
	const char *program = rig_program("XENGPUD", "xengpud", path, sizeof(path));
	int i, n = 9;

	if (puppet) {
		argv[n++] = "--gpu";
		argv[n++] = puppet;
	}
	for (i = 0; extra[i] && i < RIG_MAX_ARGS; i++)
		argv[n++] = extra[i];
	rig->pid = fork();
	CHECK(rig->pid >= 0);
	if (!rig->pid) {
		int log = open(rig->log, O_WRONLY | O_CREAT | O_APPEND, 0644);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(log, STDOUT_FILENO);
		dup2(log, STDERR_FILENO);
		setenv("XENGPU_PLATFORM", hub_spec(&rig->hub, 0), 1);
		/* Not this machine's config. */
		setenv("XENGPU_ROOT", rig->dir, 1);
		unsetenv("NOTIFY_SOCKET");
		execv(program, (char **)(uintptr_t)argv);
		_exit(127);
	}
}

/* rig_halt() - end the supervisor; returns its status as waitpid() does. */
static inline int rig_halt(struct rig *rig, int signal_number)
{
	int status;

	CHECK_EQ(kill(rig->pid, signal_number), 0);
	CHECK_EQ(waitpid(rig->pid, &status, 0), rig->pid);
	rig->pid = 0;
	return status;
}

/* rig_down() - and check that the supervisor ends well. */
static inline void rig_down(struct rig *rig)
{
	char command[64];
	int status;

	if (rig->pid) {
		status = rig_halt(rig, SIGTERM);
		CHECK(WIFEXITED(status));
		CHECK_EQ(WEXITSTATUS(status), 0);
	}
	xst_close(rig->dom0);
	hub_stop(&rig->hub);
	if (getenv("KEEP"))
		return;
	snprintf(command, sizeof(command), "rm -rf %s", rig->dir);
	CHECK_EQ(system(command), 0);
}

/* rig_log_has() - whether the supervisor said it. */
static inline bool rig_log_has(const struct rig *rig, const char *text)
{
	static char log[1 << 20];
	FILE *file = fopen(rig->log, "re");
	size_t n;

	if (!file)
		return false;
	n = fread(log, 1, sizeof(log) - 1, file);
	fclose(file);
	log[n] = '\0';
	return strstr(log, text) != NULL;
}

/* --- xenstore -------------------------------------------------------------------------------- */

static inline bool rig_exists(const struct rig *rig, struct path p)
{
	char value[64];
	int err = xst_read(rig->dom0, XST_NO_TX, p.s, value, sizeof(value));

	return err >= 0 || err == -E2BIG;
}

static inline int rig_number(const struct rig *rig, struct path p)
{
	uint32_t value;

	return xst_read_u32(rig->dom0, XST_NO_TX, p.s, &value) ? -1 : (int)value;
}

static inline void rig_text(const struct rig *rig, struct path p, char *text, size_t bytes)
{
	if (xst_read(rig->dom0, XST_NO_TX, p.s, text, bytes) < 0)
		text[0] = '\0';
}

/* Until a state node holds one of the states (bit i: state i; bit 31: it is gone), bounded. */
#define GONE_MASK	(1u << 31)
static inline int rig_wait_mask(const struct rig *rig, struct path p, uint32_t mask, int64_t ms)
{
	const int64_t end = rig_now_ms() + ms;
	int state;

	for (;;) {
		state = rig_number(rig, p);
		if (state < 0 ? mask >> 31 : mask >> state & 1)
			return state;
		if (rig_now_ms() > end)
			return -2;
		rig_sleep_ms(2);
	}
}

#define WAIT_STATE(rig, p, state, ms)								\
	do {											\
		int got_ = rig_wait_mask(rig, p, 1u << (state), ms);				\
												\
		if (got_ != (state))								\
			harness_fail(__FILE__, __LINE__, "%s is %d, not %s after %d ms", #p,	\
				     rig_number(rig, p), #state, (int)(ms));			\
	} while (0)

#define WAIT_GONE(rig, p, ms)									\
	do {											\
		const int64_t end_ = rig_now_ms() + (ms);					\
		bool there_;									\
												\
		/* The last answer counts: asked once more it may just have been made. */	\
		while ((there_ = rig_exists(rig, p)) && rig_now_ms() < end_)			\
			rig_sleep_ms(2);							\
		if (there_)									\
			harness_fail(__FILE__, __LINE__, "%s is still there", #p);		\
	} while (0)

#define BACK_STATE(g)		paths_back(0, g, 0, "state")
#define SESSION_STATE(g, i)	paths_back_session(0, g, 0, i, "state")

/* --- the supervisor's own numbers ------------------------------------------------------------ */

/* rig_ask() - a line to the control socket; the answer is to be freed. NULL: nobody answers. */
static inline char *rig_ask(const struct rig *rig, const char *line)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t have = 0, room = 1 << 20;
	char *text = calloc(1, room);
	ssize_t n;

	CHECK(fd >= 0 && text);
	strcpy(addr.sun_path, rig->control);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    send(fd, line, strlen(line), MSG_NOSIGNAL) < 0) {
		close(fd);
		free(text);
		return NULL;
	}
	while (have < room - 1 && (n = read(fd, text + have, room - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	return text;
}

/* rig_stats() - all of `stats`; to be put. NULL: no answer. */
static inline struct json_object *rig_stats(const struct rig *rig)
{
	char *text = rig_ask(rig, "stats\n");
	struct json_object *o = text ? json_tokener_parse(text) : NULL;

	free(text);
	return o;
}

/* rig_stat_in() - one number of them: of the supervisor (-1) or a domain; -1, it is not there. */
static inline int64_t rig_stat_in(struct json_object *o, int domid, const char *name)
{
	struct json_object *list, *of = NULL, *member;
	int64_t value = -1;
	size_t i;

	if (domid < 0)
		json_object_object_get_ex(o, "supervisor", &of);
	else if (json_object_object_get_ex(o, "devices", &list))
		for (i = 0; i < json_object_array_length(list); i++) {
			struct json_object *dev = json_object_array_get_idx(list, i);

			if (json_object_object_get_ex(dev, "domid", &member) &&
			    json_object_get_int(member) == domid)
				of = dev;
		}
	if (of && json_object_object_get_ex(of, name, &member))
		value = json_object_get_int64(member);
	return value;
}

/* rig_stat_of() - as rig_stat_in(), of this moment. */
static inline int64_t rig_stat_of(const struct rig *rig, int domid, const char *name)
{
	struct json_object *o = rig_stats(rig);
	int64_t value = rig_stat_in(o, domid, name);

	json_object_put(o);
	return value;
}

#define WAIT_STAT(rig, domid, name, want)							\
	do {											\
		const int64_t end_ = rig_now_ms() + 5000;					\
												\
		while (rig_stat_of(rig, domid, name) != (want) && rig_now_ms() < end_)		\
			rig_sleep_ms(5);							\
		CHECK_EQ(rig_stat_of(rig, domid, name), want);					\
	} while (0)

/* rig_quiet() - no session, no mapping, no worker but the warm ones. */
static inline void rig_quiet(const struct rig *rig)
{
	WAIT_STAT(rig, -1, "workers_bound", 0);
	WAIT_STAT(rig, -1, "workers_dying", 0);
}

/* --- a guest --------------------------------------------------------------------------------- */

struct guest {
	struct rig *rig;
	uint16_t domid;
	struct plat *plat;
	struct xst *xst;
};

/* A session as a frontend has it: pages, port, nodes. */
struct guest_session {
	struct guest *guest;
	uint32_t index;
	struct gnt_share *ring;
	struct evt *evt;
	uint32_t port;
	volatile struct puppet_page *page;
};

static inline void guest_up(struct guest *g, struct rig *rig, uint16_t domid)
{
	*g = (struct guest){ .rig = rig, .domid = domid };
	g->plat = hub_plat(&rig->hub, domid);
	CHECK_EQ(xst_open(g->plat, &g->xst), 0);
}

static inline void guest_down(struct guest *g)
{
	xst_close(g->xst);
	plat_close(g->plat);
}

static inline void guest_write(struct guest *g, struct path p, const char *value)
{
	CHECK_EQ(xst_write(g->xst, XST_NO_TX, p.s, value), 0);
}

static inline void guest_state(struct guest *g, enum xenbus_state state)
{
	CHECK_EQ(xst_printf(g->xst, XST_NO_TX, paths_front(g->domid, 0, "state").s, "%d", state),
		 0);
}

static inline void rig_attach(struct rig *rig, uint16_t domid)
{
	const struct attach_vgpu v = { .domid = domid };

	CHECK_EQ(attach_add(rig->dom0, &v, NULL), 0);
}

static inline void guest_connect(struct guest *g)
{
	WAIT_STATE(g->rig, BACK_STATE(g->domid), XenbusStateInitWait, 5000);
	guest_write(g, paths_front(g->domid, 0, "version"), VGPUIF_VERSION_STRING);
	guest_state(g, XenbusStateInitialised);
	WAIT_STATE(g->rig, BACK_STATE(g->domid), XenbusStateConnected, 5000);
	guest_state(g, XenbusStateConnected);
}

static inline void session_node(struct guest_session *s, const char *node, const char *value)
{
	guest_write(s->guest, paths_front_session(s->guest->domid, 0, s->index, node), value);
}

static inline void session_number(struct guest_session *s, const char *node, uint32_t value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	session_node(s, node, text);
}

/* session_make() - pages and a port, and all nodes but state. */
static inline void session_make(struct guest_session *s, struct guest *g, uint32_t index)
{
	*s = (struct guest_session){ .guest = g, .index = index };
	CHECK_EQ(gnt_share(g->plat, 0, 1, true, &s->ring), 0);
	CHECK_EQ(evt_alloc(g->plat, 0, &s->evt, &s->port), 0);
	s->page = s->ring->addr;
	session_node(s, "ring-page-order", "0");
	session_number(s, "ring-ref0", s->ring->refs[0]);
	session_number(s, "event-channel", s->port);
}

static inline void session_state(struct guest_session *s, enum xenbus_state state)
{
	session_number(s, "state", state);
}

static inline void session_open(struct guest_session *s, struct guest *g, uint32_t index)
{
	session_make(s, g, index);
	session_state(s, XenbusStateInitialised);
	WAIT_STATE(g->rig, SESSION_STATE(g->domid, index), XenbusStateConnected, 10000);
}

/* session_drop() - what the frontend holds, without a word to the backend. */
static inline void session_drop(struct guest_session *s)
{
	evt_close(s->evt);
	gnt_unshare(s->ring);
}

static inline void session_rm(struct guest_session *s)
{
	CHECK_EQ(xst_rm(s->guest->xst, XST_NO_TX,
			paths_front_session(s->guest->domid, 0, s->index, NULL).s), 0);
}

static inline void session_close(struct guest_session *s)
{
	const uint16_t domid = s->guest->domid;

	session_state(s, XenbusStateClosing);
	WAIT_STATE(s->guest->rig, SESSION_STATE(domid, s->index), XenbusStateClosed, 4000);
	session_rm(s);
	WAIT_GONE(s->guest->rig, paths_back_session(0, domid, 0, s->index, NULL), 2000);
	session_drop(s);
}

/* --- steps that many cases begin and end with
 * ----------------------------------------------------- */

static inline bool store_is_empty(const struct rig *rig, uint16_t domid)
{
	return !rig_exists(rig, paths_backs(0, domid)) && !rig_exists(rig, paths_fronts(domid));
}

/* detach() - as xengpu detach does it; nothing may be left. */
static inline void detach(struct rig *rig, uint16_t domid)
{
	const struct attach_vgpu v = { .domid = domid };

	CHECK_EQ(attach_close(rig->dom0, &v), 0);
	WAIT_STATE(rig, BACK_STATE(domid), XenbusStateClosed, 5000);
	CHECK_EQ(attach_remove(rig->dom0, &v), 0);
	CHECK(store_is_empty(rig, domid));
	WAIT_STAT(rig, domid, "sessions", -1);
}

/* guest_join() - a domain with a vgpu, connected to it. */
static inline void guest_join(struct guest *g, struct rig *rig, uint16_t domid)
{
	guest_up(g, rig, domid);
	rig_attach(rig, domid);
	guest_connect(g);
}

/* up_connected() - a rig, and guest 1 connected to its device. */
static inline void up_connected(struct rig *rig, struct guest *g, const char *puppet)
{
	rig_up(rig);
	rig_start(rig, puppet);
	guest_join(g, rig, 1);
}

/* check_error() - an error node holds a sentence with @say in it. */
static inline void check_error(const struct rig *rig, struct path p, const char *say)
{
	char text[512];

	rig_text(rig, p, text, sizeof(text));
	if (!strstr(text, say))
		harness_fail(__FILE__, __LINE__, "error is '%s', without '%s'", text, say);
}

/* puppet_tell() - have the session's worker do something; it need not come back from it. */
static inline void puppet_tell(struct guest_session *s, uint32_t command, uint32_t n)
{
	s->page->n = n;
	s->page->result = PUPPET_BUSY;
	__atomic_store_n(&s->page->command, command, __ATOMIC_RELEASE);
}

/* puppet_wait() - what came of what it was told; PUPPET_BUSY: nothing for too long. */
static inline int puppet_wait(struct guest_session *s)
{
	const int64_t end = rig_now_ms() + 5000;

	while (__atomic_load_n(&s->page->command, __ATOMIC_ACQUIRE) && rig_now_ms() < end)
		rig_sleep_ms(1);
	return s->page->result;
}

/* puppet_do() - have the session's worker do something; returns what came of it. */
static inline int puppet_do(struct guest_session *s, uint32_t command, uint32_t n,
			    const uint32_t *refs)
{
	uint32_t i;

	for (i = 0; refs && i < n && i < PUPPET_MAX_REFS; i++)
		s->page->refs[i] = refs[i];
	puppet_tell(s, command, n);
	return puppet_wait(s);
}

#endif
