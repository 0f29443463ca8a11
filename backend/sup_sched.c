// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arbiter's hands: workers' counters and messages for it, its decisions for them, a timer of
 * nanoseconds, and what `xengpu sched` asks. The GPU's parameters are kept in the state directory,
 * a vgpu's in its nodes in xenstore, so both outlive this process.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "paths.h"
#include "sup.h"

#define FILE_NAME	"sched"
#define PARAM_BYTES	128u
#define MIN_SLICE_US	100u
#define MAX_SLICE_US	100000u
#define SLICE_PRESET_US	1000u
#define RATE_PRESET_US	100u

/* --- what the arbiter asks for ------------------------------------------------------------------ */

static struct sup_worker *worker_of(struct arb_runner *r)
{
	return (struct sup_worker *)(void *)((char *)r - offsetof(struct sup_worker, runner));
}

/* Its socket was full: it has not read for hundreds of messages. */
static void told(struct sup_worker *w, int err)
{
	if (err != -EAGAIN)
		return;
	sup_session_fail(w->session, "the worker does not read what it is told and was killed");
	sup_worker_kill(w);
}

static void run(void *arg, struct arb_runner *r, uint32_t mode, uint32_t serial,
		uint64_t lease_ns)
{
	struct ctl_msg msg = { .type = CTL_RUN, .bytes = CTL_BYTES(run),
			       .u.run = { mode, serial, lease_ns } };
	struct sup_worker *w = worker_of(r);

	(void)arg;
	if (w->sock < 0 || w->state == WORKER_DYING)
		return;
	told(w, ctl_send(w->sock, &msg, NULL, 0));
}

static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void sample(void *arg, const struct arb_runner *r, struct arb_sample *out)
{
	const struct sup_worker *w = worker_of((struct arb_runner *)(uintptr_t)r);

	(void)arg;
	*out = (struct arb_sample){
		.gpu_ns = load(&w->stats->gpu_ns),
		.queued_ns = load(&w->stats->queued_ns),
		.fences = load(&w->stats->fences),
		.held_ns = load(&w->stats->held_ns),
		.last_work_ns = load(&w->stats->last_work_ns),
	};
}

static void wake(void *arg, uint64_t at_ns)
{
	struct sup *sup = arg;
	struct itimerspec at = { 0 };

	if (at_ns == sup->sched_at_ns)
		return;
	sup->sched_at_ns = at_ns;
	at.it_value.tv_sec = (time_t)(at_ns / 1000000000u);
	at.it_value.tv_nsec = (long)(at_ns % 1000000000u);
	timerfd_settime(sup->sched_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void note(void *arg, const char *text)
{
	(void)arg;
	log_info("%s", text);
}

static void on_timer(void *arg, uint32_t events)
{
	struct sup *sup = arg;
	uint64_t n;

	(void)events;
	if (read(sup->sched_fd, &n, sizeof(n)) != sizeof(n))
		return;
	sup->sched_at_ns = 0;
	arb_wake(&sup->arb, loop_now_ns());
}

/* --- workers and devices ------------------------------------------------------------------------ */

void sched_device_option(struct sup_device *dev)
{
	const struct vgpu_option *o = &dev->option;

	dev->guest.weight = o->given & OPTION_BIT(OPTION_WEIGHT) ? o->weight :
								    OPTION_WEIGHT_PRESET;
	dev->guest.cap = o->cap;
	dev->guest.fps = o->fps;
}

void sched_device_add(struct sup_device *dev)
{
	dev->guest.name = dev->dom->name;
	arb_guest_add(&dev->sup->arb, &dev->guest);
}

void sched_device_remove(struct sup_device *dev)
{
	arb_guest_remove(&dev->sup->arb, &dev->guest);
}

void sched_worker_start(struct sup_worker *w)
{
	struct arb *arb = &w->sup->arb;

	/* Of the renderer that this worker has; all of them have the same. */
	arb->on_cpu = !strcmp(w->ready.clock, "cpu");
	arb->capacity = arb->on_cpu ? (uint32_t)sysconf(_SC_NPROCESSORS_ONLN) : 1;
	arb_runner_add(&w->session->dev->guest, &w->runner, loop_now_ns());
}

void sched_worker_end(struct sup_worker *w)
{
	if (w->runner.guest)
		arb_runner_remove(&w->sup->arb, &w->runner, loop_now_ns());
	w->runner.guest = NULL;
}

void sched_worker_said(struct sup_worker *w, const struct ctl_work *work)
{
	const uint64_t now_ns = loop_now_ns();
	struct arb *arb = &w->sup->arb;

	switch (work->event) {
	case CTL_WORK_BEGUN:
		watchdog_start(w);
		arb_begun(arb, &w->runner, work->priority, now_ns);
		break;
	case CTL_WORK_WANT:
		arb_want(arb, &w->runner, work->priority, now_ns);
		break;
	case CTL_WORK_REST:
		arb_rest(arb, &w->runner, work->serial, work->more, work->begun_ns, now_ns);
		break;
	default:
		arb_drained(arb, &w->runner, work->serial, now_ns);
		break;
	}
}

/* --- the GPU's parameters ----------------------------------------------------------------------- */

static int set_number(const char *key, const char *value, uint32_t min, uint32_t max,
		      uint64_t *out_ns, char *why)
{
	uint32_t us;

	if (xenbus_parse_u32(value, &us) || us < min || us > max)
		return why_set(why, "%s=%.40s: the value must be %u..%u", key, value, min, max);
	*out_ns = us * UINT64_C(1000);
	return 0;
}

static int set_param(struct arb *arb, const char *key, const char *value, char *why)
{
	enum arb_policy policy;

	if (!strcmp(key, "slice_us"))
		return set_number(key, value, MIN_SLICE_US, MAX_SLICE_US, &arb->slice_ns, why);
	if (!strcmp(key, "ratelimit_us"))
		return set_number(key, value, 0, MAX_SLICE_US, &arb->ratelimit_ns, why);
	if (strcmp(key, "policy"))
		return why_set(why, "unknown key '%.40s'; allowed are policy=, slice_us=, "
			       "ratelimit_us=", key);
	policy = arb_policy_find(value);
	if (policy == ARB_N_POLICIES)
		return why_set(why, "policy=%.40s: the value must be credit, equal-share, "
			       "fixed-share, deadline, auto or off", value);
	arb->policy = policy;
	return 0;
}

/* "key=value,...": all or nothing. */
static int set_params(struct arb *arb, const char *text, char *why)
{
	char copy[PARAM_BYTES], *rest = copy, *key, *value;
	struct arb tried = *arb;
	int err;

	if (strlen(text) >= sizeof(copy))
		return why_set(why, "more than %u characters", PARAM_BYTES - 1);
	strcpy(copy, text);
	while ((key = strsep(&rest, ","))) {
		value = strchr(key, '=');
		if (!value)
			return why_set(why, "'%.40s' is not key=value", key);
		*value++ = '\0';
		err = set_param(&tried, key, value, why);
		if (err)
			return err;
	}
	arb->policy = tried.policy;
	arb->slice_ns = tried.slice_ns;
	arb->ratelimit_ns = tried.ratelimit_ns;
	return 0;
}

static void print_params(const struct arb *arb, char text[PARAM_BYTES])
{
	snprintf(text, PARAM_BYTES, "policy=%s,slice_us=%llu,ratelimit_us=%llu",
		 arb_policy_name(arb->policy), (unsigned long long)arb->slice_ns / 1000,
		 (unsigned long long)arb->ratelimit_ns / 1000);
}

static void file_path(const struct sup *sup, const char *suffix, char path[512])
{
	snprintf(path, 512, "%s/" FILE_NAME "%s", sup->cfg.state_dir, suffix);
}

/* Returns 0 or -errno: then it holds as long as this process. */
static int keep_params(const struct sup *sup)
{
	char path[512], new_path[512], text[PARAM_BYTES];
	FILE *file;
	int err = 0;

	mkdir(sup->cfg.state_dir, 0755);
	file_path(sup, "", path);
	file_path(sup, ".new", new_path);
	print_params(&sup->arb, text);
	file = fopen(new_path, "we");
	if (!file)
		return -errno;
	fprintf(file, "%s\n", text);
	if (fflush(file) || fsync(fileno(file)))
		err = -errno;
	if (fclose(file) && !err)
		err = -errno;
	if (!err && rename(new_path, path))
		err = -errno;
	return err;
}

/* What `xengpu sched -s` said last counts before the host's config. */
static void read_params(struct sup *sup)
{
	char path[512], text[PARAM_BYTES] = "", why[WHY_BYTES];
	const struct hostconf *conf = &sup->hostconf;
	FILE *file;

	sup->arb.slice_ns = (conf->slice_us ? conf->slice_us : SLICE_PRESET_US) * UINT64_C(1000);
	sup->arb.ratelimit_ns = (conf->has_ratelimit ? conf->ratelimit_us : RATE_PRESET_US) *
				UINT64_C(1000);
	if (conf->policy[0])
		sup->arb.policy = arb_policy_find(conf->policy);

	file_path(sup, "", path);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(text, sizeof(text), file))
		text[strcspn(text, "\n")] = '\0';
	fclose(file);
	if (set_params(&sup->arb, text, why))
		log_warning("%s: %s; it is ignored", path, why);
	else
		log_info("scheduling: %s (%s, set with xengpu sched -s)", text, path);
}

int sched_start(struct sup *sup)
{
	struct arb *arb = &sup->arb;

	arb_init(arb);
	arb->run = run;
	arb->sample = sample;
	arb->wake = wake;
	arb->note = note;
	arb->arg = sup;
	read_params(sup);
	arb->effective = arb->policy == ARB_AUTO ? ARB_CREDIT : arb->policy;
	sup->sched_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (sup->sched_fd < 0)
		return -errno;
	return loop_add(&sup->loop, &sup->sched_source, sup->sched_fd, EPOLLIN, on_timer, sup);
}

/* --- the control socket ------------------------------------------------------------------------- */

static char *answer(const char *fmt, const char *text)
{
	char line[WHY_BYTES + 64];

	snprintf(line, sizeof(line), fmt, text);
	return strdup(line);
}

char *sched_say_gpu(struct sup *sup, const char *arg)
{
	char text[PARAM_BYTES], why[WHY_BYTES];
	int err;

	if (set_params(&sup->arb, arg, why))
		return answer("error: %s", why);
	arb_changed(&sup->arb, loop_now_ns());
	print_params(&sup->arb, text);
	log_info("scheduling: %s", text);
	err = keep_params(sup);
	if (err)
		return answer("error: it holds until xengpud ends only: the state directory cannot "
			      "be written: %s", strerror(-err));
	return strdup("ok");
}

/* Into the device's nodes, where the next xengpud finds it. */
static int keep_option(struct sup_device *dev, const struct vgpu_option *set)
{
	char value[OPTION_MAX_NAME];
	unsigned int key;
	int err = 0;

	for (key = 0; !err && key < OPTION_N_KEYS; key++) {
		if (!(set->given & OPTION_BIT(key)))
			continue;
		option_value(set, (enum option_key)key, value);
		err = xst_write(dev->sup->xst, XST_NO_TX,
				paths_back(dev->sup->domid, dev->dom->domid, dev->devid,
					   option_node((enum option_key)key)).s, value);
	}
	return err;
}

/* Those that hold for a session that is open. */
static void tell_limits(struct sup_device *dev)
{
	struct sup_worker *w;

	dev->limits.max_fps = dev->option.max_fps;
	TAILQ_FOREACH(w, &dev->sup->pool.workers, link)
		if (w->session && w->session->dev == dev)
			told(w, sup_worker_limits(w));
}

static int set_option(struct sup_device *dev, const char *text, char *why)
{
	const uint32_t allowed = OPTION_BIT(OPTION_WEIGHT) | OPTION_BIT(OPTION_CAP) |
				 OPTION_BIT(OPTION_FPS) | OPTION_BIT(OPTION_MAX_FPS);
	struct vgpu_option set = { 0 }, merged;
	int err;

	err = option_parse(text, allowed, &set, why);
	if (err)
		return err;
	merged = set;
	option_merge(&merged, &dev->option);
	err = hostconf_apply(&dev->sup->hostconf, &merged, "xengpu sched", why);
	if (err)
		return err;
	err = keep_option(dev, &set);
	if (err)
		return why_set(why, "xenstore: %s", strerror(-err));
	dev->option = merged;
	sched_device_option(dev);
	tell_limits(dev);
	return 0;
}

/* "DOMID DEVID key=value,..." */
char *sched_say_vgpu(struct sup *sup, const char *arg)
{
	char why[WHY_BYTES], copy[OPTION_MAX_TEXT], *rest = copy;
	const char *domid_text, *devid_text;
	struct sup_device *dev;
	uint16_t domid, devid;

	snprintf(copy, sizeof(copy), "%s", arg);
	domid_text = strsep(&rest, " ");
	devid_text = rest ? strsep(&rest, " ") : "";
	if (!rest || xenbus_parse_u16(domid_text, &domid) || xenbus_parse_u16(devid_text, &devid))
		return strdup("error: expected DOMID DEVID key=value,...");
	dev = sup_device_find(sup, domid, devid);
	if (!dev)
		return strdup("error: this domain has no such vgpu here");
	if (set_option(dev, rest, why))
		return answer("error: %s", why);
	log_info("domain %u (%s) vgpu %u: %s", domid, dev->dom->name, devid, rest);
	arb_changed(&sup->arb, loop_now_ns());
	return strdup("ok");
}
