/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to the supervisor xengpud: what its files ask of each other.
 *
 *	sup_main.c	options, start, stop
 *	sup_store.c	xenstore: watches, dirty flags, everything read and written there
 *	sup_provision.c	the toolstack's part: a domain that appears gets what its policy says
 *	sup_device.c	a guest's vgpu: the device table's actions
 *	sup_session.c	one session: the session table's actions
 *	sup_pool.c	warm workers and who gets one
 *	sup_worker.c	one worker: its process, socket, death
 *	sup_watchdog.c	workers that hang
 *	sup_ban.[ch]	guests that crash or hang them too often
 *	sup_sched.c	who may use the GPU when: between workers and the arbiter, sup_arbiter*.[ch]
 *	sup_broker.c	grant mappings for a worker
 *	sup_memory.c	the account of GPU memory
 *	sup_spawn.[ch]	starting a worker; sup_cage.[ch], sup_cgroup.[ch] its limits and name spaces
 *	sup_stats.c	counters, as JSON
 *	sup_control.c	the control socket
 *	sup_state.[ch]	files that outlive us
 *	sup_fsm.c	the two tables
 *	sup_loop.c, sup_log.c
 *
 * Order in a turn of the loop: descriptors and timers first, which may move sessions and mark
 * devices dirty; then all watch events become dirty flags; then dirty devices are looked at
 * (sup_device_evaluate()). Devices and sessions are freed in that last step only.
 */
#ifndef BACKEND_SUP_H
#define BACKEND_SUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "attach.h"
#include "ctl.h"
#include "evt.h"
#include "gnt.h"
#include "option.h"
#include "platform.h"
#include "policy.h"
#include "sup_arbiter.h"
#include "sup_ban.h"
#include "sup_bucket.h"
#include "sup_fsm.h"
#include "sup_log.h"
#include "sup_loop.h"
#include "vgpuif.h"
#include "xenbus.h"
#include "xst.h"

#define SUP_MAX_SESSIONS	1024u
#define SUP_MAX_WORKERS		4096u
#define SUP_BOUND_MS		5000u	/* from BIND to BOUND */
#define SUP_CLOSE_MS		2000u	/* from CLOSE to the worker's end */
#define SUP_READY_MS		60000u	/* from exec to READY; a renderer on an emulated CPU is slow */
#define SUP_WAIT_MS		30000u	/* a session waits for a worker while none is being started */
#define SUP_QUEUE_SLICES 4u	/* begun by a guest that is alone: whoever comes next waits for it */
#define SUP_STOP_MS		4000u	/* from SIGTERM to leaving, whatever is left */

struct sup;
struct sup_device;
struct sup_session;
struct sup_worker;

struct sup_config {
	const char *gpu;		/* handed on to workers; of the start, whatever the config says later */
	char conf_gpu[OPTION_MAX_NAME];	/* what @gpu points to when the host's config names one */
	bool allow_model;		/* it may be "model" */
	int model_fd;			/* its memory, for workers; -1 for another GPU */
	const char *worker;		/* path of the program */
	const char *control;		/* path of the control socket */
	const char *state_dir;		/* what outlives this process */
	uint32_t fence_timeout_s;	/* nothing moves for so long: the worker hangs */
	bool fence_timeout_given;	/* by an option, which counts before the host's config */
	char **worker_args;		/* further ones, up to NULL */
	uint32_t worker_memory_mib;	/* of a process, not of the GPU */
	uint32_t shader_store_mib;	/* of a device; 0: none */
	const char *cgroup;		/* where workers' control groups are; "none" */
	bool require_cage;		/* a worker that lacks a part of it does not serve */
	const char *worker_user;	/* NULL: a user id of its own for each worker */
	uint32_t worker_uid_base;
	uint32_t warm;
	uint32_t max_sessions;		/* of one device */
	uint32_t max_ring_order;
	uint32_t max_buffer_pages;
	uint32_t max_buffers;
	uint32_t max_contexts;
	uint32_t max_resources;
	uint32_t max_pages;		/* of one guest */
	uint32_t default_memory_mib;	/* of one device whose policy says nothing */
};

/* A guest: what its devices share. */
struct sup_domain {
	LIST_ENTRY(sup_domain) link;
	uint16_t domid;
	uint32_t n_devices;
	uint32_t n_workers;		/* that serve it */
	uint64_t pages_mapped;
	struct log_rate rate;
	struct bucket opens;		/* a session costs the driver domain a worker's start */
	char name[ATTACH_MAX_NAME];
	char vm[64];			/* its UUID's path: the id may come to mean another domain */
};

struct sup_session {
	struct sup_device *dev;
	uint32_t index;
	enum ses_state state;
	bool dirty;
	bool renewed;			/* its directory was made or removed since */
	bool waiting;
	TAILQ_ENTRY(sup_session) wait_link;
	uint32_t order;			/* what the frontend asked for, checked */
	uint32_t refs[1u << VGPUIF_MAX_RING_PAGE_ORDER];
	uint32_t port;
	bool held;			/* ring and evt are ours */
	struct gnt_grant ring;
	struct evt *evt;
	struct sup_worker *worker;
	struct loop_timer timer;
	uint64_t opened_ns;
	struct ctl_stats last;		/* its worker's counters, once that is dead */
	char error[CTL_MAX_TEXT];	/* "" for none */
};

/* What one device may have: its policy's keys where given, never more than the supervisor's own. */
struct sup_limits {
	uint32_t sessions;
	uint32_t contexts;		/* of a session, as resources */
	uint32_t resources;
	uint32_t pages;			/* that it may have mapped */
	uint32_t memory_mib;		/* of the GPU, over all its sessions */
	uint32_t inflight_mib;		/* of a session */
	uint32_t max_fps;		/* of a session; 0: no limit */
};

struct sup_device {
	TAILQ_ENTRY(sup_device) link;
	struct sup *sup;
	struct sup_domain *dom;
	uint16_t devid;
	enum dev_state state;
	bool dirty;
	bool removed;			/* backend directory or domain gone */
	struct vgpu_option option;	/* what the toolstack wrote for it */
	struct sup_limits limits;
	struct arb_guest guest;		/* as the arbiter sees it */
	char refused[CTL_MAX_TEXT];	/* why it cannot be served as the toolstack wants; "" */
	uint64_t pages_mapped;
	uint64_t memory_allowed;	/* octets of GPU memory, to its workers */
	int shaders_fd;			/* its store of compiled shaders; -1: there is none */
	bool wrote_state;		/* so Initialising there means that it was made anew */
	bool rescan;			/* look for sessions not known yet */
	bool watching;
	struct bucket evaluations;	/* so that a guest cannot keep us busy; see sup_device.c */
	struct loop_timer timer;	/* armed: a bucket is empty */
	uint32_t untrusted_version;
	bool has_version;
	uint32_t n_sessions;		/* that have an object */
	uint32_t n_active;		/* from SES_WAIT to SES_KILLING */
	uint32_t n_open;
	uint64_t sessions_total;
	uint64_t workers_died;
	struct ctl_stats ended;		/* sums over sessions that ended */
	struct sup_session *sessions[SUP_MAX_SESSIONS];	/* past max_sessions: to be refused */
};

enum worker_state {
	WORKER_STARTING = 1,
	WORKER_WARM,
	WORKER_BINDING,
	WORKER_SERVING,
	WORKER_CLOSING,
	WORKER_DYING,		/* it failed, or was killed; its end is awaited */
	WORKER_N_STATES,
};

/* References of a mapping that come in several messages. */
struct broker {
	uint32_t seq;
	uint32_t n_pages;	/* 0: none under way */
	uint32_t have;
	uint32_t writable;
	uint32_t *refs;
	struct loop_timer timer;	/* armed: all are there, and wait for others to end */
};

/* A worker's part of its guest's GPU memory; see sup_memory.c. */
struct worker_memory {
	uint64_t allowed;
	uint64_t wants;			/* a question not answered yet; 0 for none */
	uint64_t since;			/* ... as sup.memory_asks counts */
	bool recalled;			/* it was asked for what it does not use itself, and has not answered */
	uint64_t recalled_at;		/* ... when last; 0: it may have more to give than it said then */
	struct loop_timer timer;	/* armed: the question waits for others */
};

/* What the watchdog saw last, and since when it has been so. */
struct worker_watch {
	uint64_t calls, calls_ns;
	uint64_t retired, retired_ns;
};

struct sup_worker {
	TAILQ_ENTRY(sup_worker) link;
	struct sup *sup;
	pid_t pid;
	uint32_t slot;			/* makes its user id */
	int pid_fd;
	int sock;
	enum worker_state state;
	struct loop_source pid_source;
	struct loop_source sock_source;
	struct loop_timer timer;
	const struct ctl_stats *stats;	/* written by the worker at any time */
	struct sup_session *session;
	struct broker broker;
	struct worker_memory memory;
	struct worker_watch watch;
	struct arb_runner runner;	/* while its guest is set */
	uint64_t pages_mapped;
	bool failed;			/* said FAILED, or was killed before it was ready */
	bool deaf;			/* closed its end of the socket: an answer was refused */
	bool surplus;			/* killed because nobody needs it */
	struct ctl_ready ready;
	uint32_t uncaged;		/* enum ctl_cage: the parts that are missing */
	char uncaged_why[CTL_MAX_TEXT];	/* of the first of them */
	char why[CTL_MAX_TEXT];
};

struct sup_pool {
	TAILQ_HEAD(, sup_worker) workers;
	TAILQ_HEAD(, sup_session) waiting;
	uint32_t n_workers;
	uint32_t n_in_state[WORKER_N_STATES];
	uint64_t n_started, n_died, n_failed, n_killed;
	uint32_t failures;		/* one after the other */
	uint32_t next_slot;
	struct loop_timer retry;
	struct loop_timer rest;
	uint64_t given_ns;		/* a session got one last */
	bool up;			/* a worker was ready, and none has failed since */
	bool down;
	struct ctl_ready ready;		/* of the last worker that was */
	uint32_t uncaged;		/* its, as in sup_worker */
	char uncaged_why[CTL_MAX_TEXT];
	char why[CTL_MAX_TEXT];		/* it is down */
};

struct sup_control;

struct sup {
	struct sup_config cfg;
	struct plat *plat;
	struct xst *xst;
	uint16_t domid;
	struct loop loop;
	struct sup_pool pool;
	struct sup_control *control;
	struct loop_timer watchdog;
	uint64_t watched_ns;		/* the watchdog's last look */
	struct arb arb;
	int sched_fd;			/* a timer: the loop's are of milliseconds */
	struct loop_source sched_source;
	uint64_t sched_at_ns;
	LIST_HEAD(, sup_domain) domains;
	TAILQ_HEAD(, sup_device) devices;
	struct loop_source xst_source;
	int signal_fd;
	struct loop_source signal_source;
	struct loop_timer domains_timer;	/* where @releaseDomain may not be watched */
	bool rescan;			/* look for devices not known, or gone */
	bool check_domains;
	bool check_new;			/* look for domains not seen yet */
	bool look_again;		/* something could not be done for a shortage: at all, later */
	bool provisions;		/* this is the control domain */
	struct policy_paths paths;
	struct hostconf hostconf;
	bool stopping;
	uint64_t started_ns;
	uint64_t map_calls;
	uint64_t map_pages;
	uint64_t map_refused;
	uint64_t memory_asks;		/* questions for memory, and recalls: which came first */
	uint64_t watch_events;
};

/* --- sup_store.c ----------------------------------------------------------------------------- */

/* What a device looks like in xenstore at this moment. */
struct store_view {
	bool exists;			/* the backend's directory, and it is still the same one */
	bool online;
	bool front_exists;
	enum xenbus_state front_state;	/* Unknown when it is no state */
};

/* store_start() - set the watches, remove what earlier supervisors and domains left. 0 or -errno. */
int store_start(struct sup *sup);

/* store_drain() - turn all watch events into dirty flags. Returns 0, or -errno: xenstore is gone. */
int store_drain(struct sup *sup);

/* store_scan() - create devices for backend directories that are new, mark those that are gone. */
void store_scan(struct sup *sup);

/* store_check_domains() - mark the devices of domains that are gone, and remove our nodes of them. */
void store_check_domains(struct sup *sup);

/*
 * store_option() - read what the toolstack wrote for the device: its option, limits, refused.
 * Returns 0; -errno as xst_is_trouble(), it could not be read, and nothing is set.
 */
int store_option(struct sup_device *dev);

/* store_watch_front(), store_unwatch_front() - the frontend's directory of a device. */
void store_watch_front(struct sup_device *dev);
void store_unwatch_front(struct sup_device *dev);

/* store_view() - read what fsm_dev() has to know. */
void store_view(struct sup_device *dev, struct store_view *view);

/*
 * store_version() - read the frontend's version into @dev.
 * Returns 1, it is one of ours; 0; -errno as xst_is_trouble(), it could not be read.
 */
int store_version(struct sup_device *dev);

/* store_publish() - limits, capsets and state InitWait, in one transaction. */
int store_publish(struct sup_device *dev);

/* store_state() - switch the device's state, unless its directory is gone. */
void store_state(struct sup_device *dev, enum xenbus_state state);

/* store_error() - write the device's error node; NULL removes it. */
void store_error(struct sup_device *dev, const char *text);

/* store_sessions() - call @fn for every session directory that the frontend has. */
void store_sessions(struct sup_device *dev, void (*fn)(struct sup_device *dev, uint32_t index));

/* store_session_stale() - close what an earlier supervisor left; @fn for those still of interest. */
void store_session_stale(struct sup_device *dev, void (*fn)(struct sup_device *dev, uint32_t index));

/*
 * store_session_event() - which event the frontend's session directory amounts to; SES_N_EVENTS, none:
 * it could not be read.
 */
enum ses_event store_session_event(struct sup_session *s);

/*
 * store_session_params() - read and check what the frontend wants.
 * @s: order, refs and port are set on success only.
 * @why: CTL_MAX_TEXT octets; set on failure.
 * Returns 0; -EINVAL, it cannot be; or as xst_is_trouble(), it could not be read.
 */
int store_session_params(struct sup_session *s, char *why);

/* store_session_state() - write our session's error (NULL: none) and state, unless the device's
 * directory is gone. */
void store_session_state(struct sup_session *s, enum xenbus_state state, const char *error);

/* store_session_remove() - remove our session's directory. */
void store_session_remove(struct sup_session *s);

/* --- sup_provision.c -------------------------------------------------------------------------- */

#define PROVISION_TOKEN	"introduce"	/* of its watch: check_new */

/* provision_start() - watch for new domains, in the control domain. Returns 0 or as xst_watch(). */
int provision_start(struct sup *sup);

/* provision_scan() - attach what the policies of domains not seen yet say. */
void provision_scan(struct sup *sup);

/* provision_forget() - a domain is gone: no mark and no record, its id may come again. */
void provision_forget(struct sup *sup, uint16_t domid);

/*
 * provision_sweep() - remove what gone domains left with the backends of driver domains, which hear
 * of the end of domains in no other way.
 */
void provision_sweep(struct sup *sup);

/* provision_reload() - read the host's config again. Returns 0; -EINVAL, and it was said. */
int provision_reload(struct sup *sup);

/* --- sup_device.c ---------------------------------------------------------------------------- */

/*
 * sup_device_new() - a device whose backend directory was found.
 * Returns NULL without memory, or when xenstore could not be asked for its option.
 */
struct sup_device *sup_device_new(struct sup *sup, uint16_t domid, uint16_t devid);

struct sup_device *sup_device_find(struct sup *sup, uint16_t domid, uint16_t devid);

/* sup_domain_names() - read the guests' names anew: a domain may be renamed, and one that migrates is. */
void sup_domain_names(struct sup *sup);

/* sup_device_dirty() - have it looked at in this turn of the loop. */
void sup_device_dirty(struct sup_device *dev);

/* sup_devices_dirty() - all of them. */
void sup_devices_dirty(struct sup *sup);

/*
 * sup_devices_evaluate() - look at the dirty ones; frees devices and sessions.
 * Returns whether some are dirty again that may be looked at without waiting.
 */
bool sup_devices_evaluate(struct sup *sup);

/* sup_devices_busy() - whether a session of any device has a worker or waits for one. */
bool sup_devices_busy(const struct sup *sup);

/* --- sup_session.c --------------------------------------------------------------------------- */

/* sup_session_get() - session @index of a device, made when it is not there. NULL without memory. */
struct sup_session *sup_session_get(struct sup_device *dev, uint32_t index);

/* sup_session_adopt_closed() - a session that an earlier supervisor left; only its end is awaited. */
void sup_session_adopt_closed(struct sup_device *dev, uint32_t index);

/* sup_session_event() - one step of the table, and those that follow from it. */
void sup_session_event(struct sup_session *s, enum ses_event event);

/* sup_session_fail() - remember why a session ends, unless there is a reason already. */
void sup_session_fail(struct sup_session *s, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* sup_session_free() - @s must have no worker. */
void sup_session_free(struct sup_session *s);

/* --- sup_pool.c ------------------------------------------------------------------------------ */

void sup_pool_init(struct sup *sup);

/* sup_pool_refill() - start workers until there are enough warm ones for those that wait. */
void sup_pool_refill(struct sup *sup);

/* sup_pool_wait() - give @s a worker, now or later: SES_EV_WORKER or SES_EV_NO_WORKER. */
void sup_pool_wait(struct sup_session *s);
void sup_pool_forget(struct sup_session *s);

/* sup_pool_take() - a warm worker, or NULL. */
struct sup_worker *sup_pool_take(struct sup *sup);

/*
 * sup_pool_ready(), sup_pool_failed() - a starting worker has become one, or has not, or died idle.
 * sup_pool_good() - one has taken a session: only that ends the slowing down after failures, or
 * workers that die as soon as they are ready would be started without end.
 */
void sup_pool_good(struct sup *sup);
void sup_pool_ready(struct sup_worker *w);
void sup_pool_failed(struct sup_worker *w);

/* sup_pool_kill_all() - when sessions do not end in time. */
void sup_pool_kill_all(struct sup *sup);

/* sup_pool_finish() - at the supervisor's end: kill all, and wait for their ends, bounded. */
void sup_pool_finish(struct sup *sup);

/* --- sup_worker.c ---------------------------------------------------------------------------- */

/* sup_worker_start() - exec one. Returns 0 or -errno. */
int sup_worker_start(struct sup *sup);

/* sup_worker_bind() - hand a session to a warm worker. Returns 0 or -errno. */
int sup_worker_bind(struct sup_worker *w, struct sup_session *s);

/*
 * sup_worker_limits() - tell a serving worker its device's limits, of which max_fps may have changed.
 * Returns 0, also when it serves nobody; -EAGAIN or -EPIPE, it was not told.
 */
int sup_worker_limits(struct sup_worker *w);

/* sup_worker_close() - tell it to end. */
void sup_worker_close(struct sup_worker *w);

/* sup_worker_kill() - SIGKILL; its session hears SES_EV_DEAD when it is gone. */
void sup_worker_kill(struct sup_worker *w);

/* sup_worker_ending() - whether what it holds will be free soon. */
bool sup_worker_ending(const struct sup_worker *w);

/*
 * sup_worker_answered() - an answer that came later than its question was sent, with @err of ctl_send():
 * a worker that does not take it is killed. One that is ending needs none.
 */
void sup_worker_answered(struct sup_worker *w, int err);

/*
 * sup_worker_later() - tell a worker that the answer to MAP or MEMORY takes a while: others may have the GPU.
 * Returns as ctl_send(); -EPIPE, it is ending.
 */
int sup_worker_later(const struct sup_worker *w);

/* --- sup_watchdog.c --------------------------------------------------------------------------- */

/* watchdog_start() - a worker begins to serve, or has work after a while: look at it from now on. */
void watchdog_start(struct sup_worker *w);

/* watchdog_patience() - another time from now on; what is under way gets all of it. */
void watchdog_patience(struct sup *sup, uint32_t seconds);

/* --- sup_sched.c ------------------------------------------------------------------------------ */

/* sched_start() - the arbiter, with the parameters that were kept. Returns 0 or -errno. */
int sched_start(struct sup *sup);

/* sched_device_option() - its option was read or changed. */
void sched_device_option(struct sup_device *dev);

/* sched_device_add(), sched_device_remove() - it has no session then. */
void sched_device_add(struct sup_device *dev);
void sched_device_remove(struct sup_device *dev);

/* sched_worker_start(), sched_worker_end() - it serves a session; it is dead. */
void sched_worker_start(struct sup_worker *w);
void sched_worker_end(struct sup_worker *w);

/* sched_worker_said() - its WORK message. */
void sched_worker_said(struct sup_worker *w, const struct ctl_work *work);

/* sched_say_gpu(), sched_say_vgpu() - "key=value,...", "DOMID DEVID key=value,..."; the answer. */
char *sched_say_gpu(struct sup *sup, const char *arg);
char *sched_say_vgpu(struct sup *sup, const char *arg);

/* --- sup_broker.c ---------------------------------------------------------------------------- */

/*
 * sup_broker_map() - a MAP message.
 * Returns 0, also when the mapping was refused, which the worker is told; -EPIPE, it has closed its end;
 * -EPROTO and the like: the worker is to be killed.
 */
int sup_broker_map(struct sup_worker *w, const struct ctl_map *map);
int sup_broker_unmapped(struct sup_worker *w, uint32_t n_pages);

/* sup_broker_finish() - the worker is dead: all its pages are back. */
void sup_broker_finish(struct sup_worker *w);

/* --- sup_memory.c ---------------------------------------------------------------------------- */

/* sup_shaders_ready() - see to it that a device has a store with room. False: it has none. */
bool sup_shaders_ready(struct sup_device *dev);

/* sup_shaders_free() - let go of it. Workers that have it mapped keep it. */
void sup_shaders_free(struct sup_device *dev);

/* sup_memory_first() - what a worker that is being bound is allowed from the start, in octets. */
uint64_t sup_memory_first(struct sup_worker *w);

/*
 * sup_memory_ask() - a MEMORY message: answered now, or when others have given some back.
 * Returns 0, also when it is refused; -EPIPE, it has closed its end; -EPROTO and the like: the worker is
 * to be killed.
 */
int sup_memory_ask(struct sup_worker *w, uint64_t bytes);
int sup_memory_back(struct sup_worker *w, uint64_t bytes);

/* sup_memory_finish() - the worker is dead: all it was allowed is free. It still has its session. */
void sup_memory_finish(struct sup_worker *w);

/* --- sup_stats.c ----------------------------------------------------------------------------- */

/* sup_stats_read() - copy a worker's counters out of the memory it writes. */
void sup_stats_read(const struct sup_worker *w, struct ctl_stats *out);

/* sup_stats_add() - add counters; those that say how much there is now only with @now. */
void sup_stats_add(struct ctl_stats *sum, const struct ctl_stats *more, bool now);

/* sup_stats_json() - everything; the caller frees. NULL without memory. */
char *sup_stats_json(struct sup *sup);

/* --- sup_control.c --------------------------------------------------------------------------- */

/* sup_control_start() - listen on cfg.control. Returns 0; -EADDRINUSE, another xengpud; or -errno. */
int sup_control_start(struct sup *sup);
void sup_control_finish(struct sup *sup);

#endif
