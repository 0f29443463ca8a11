// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpud, the supervisor: privileged, small, and it touches neither a GPU nor a page of a guest.
 *
 * It watches xenstore for guests that were given a vgpu, negotiates with their frontends, and for
 * each session of a guest hands the ring and the event channel to a worker process of its own
 * (xengpu-worker), which does everything that touches what a guest wrote. While a session runs, the
 * supervisor is asked only for mappings of that guest's pages, by the worker, which has no means to
 * map anything. One thread, one loop, and no call in it waits for a guest or for a worker.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sup.h"
#include "sup_cgroup.h"
#include "sup_options.h"
#include "sup_spawn.h"

#define MAX_ROUNDS	8	/* of looking at devices, before descriptors have their turn */
#define LOOK_AGAIN_MS	500u

/* sd_notify(3), without the library. */
static void notify_systemd(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (len == 0 || len >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path, len);
	if (addr.sun_path[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&addr,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

static void stop_now(void *arg)
{
	struct sup *sup = arg;

	log_warning("sessions did not end within %u s: killing their workers", SUP_STOP_MS / 1000);
	sup_pool_kill_all(sup);
}

static void look_at_everything(void *arg)
{
	struct sup *sup = arg;
	struct sup_device *dev;

	sup->check_new = true;
	sup->rescan = true;
	sup->check_domains = true;
	TAILQ_FOREACH(dev, &sup->devices, link) {
		dev->rescan = true;
		if (!dev->watching && dev->state != DEV_GONE)
			store_watch_front(dev);
	}
	sup_devices_dirty(sup);
}

static void on_signal(void *arg, uint32_t events)
{
	static struct loop_timer stop_timer;
	struct sup *sup = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(sup->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP) {
		log_info("SIGHUP: reading the config and looking at everything again");
		provision_reload(sup);
		look_at_everything(sup);
		return;
	}
	if (sup->stopping)
		return;
	log_info("signal %u: closing all sessions", info.ssi_signo);
	notify_systemd("STOPPING=1");
	sup->stopping = true;
	sup_devices_dirty(sup);
	loop_timer_set(&sup->loop, &stop_timer, SUP_STOP_MS, stop_now, sup);
}

static int start_signals(struct sup *sup)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	/* Before any library starts a thread, which must not get them. */
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	sup->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (sup->signal_fd < 0)
		return -errno;
	return loop_add(&sup->loop, &sup->signal_source, sup->signal_fd, EPOLLIN, on_signal, sup);
}

static int open_store(struct sup *sup)
{
	int err = plat_open(NULL, &sup->plat);

	if (err) {
		log_error("cannot open the platform \"%s\": %s", getenv("XENGPU_PLATFORM"),
			  strerror(-err));
		return err;
	}
	err = xst_open(sup->plat, &sup->xst);
	if (!err)
		err = xst_own_domid(sup->xst, &sup->domid);
	if (err)
		log_error("xenstore is not there (%s): is this a Xen domain, and in dom0, is "
			  "xenstored "
			  "running?",
			  strerror(-err));
	return err;
}

/* A node that could not be read passes for one that is not there: that is not left at that. */
static void check_trouble(struct sup *sup)
{
	static struct loop_timer timer;
	const int err = xst_take_trouble(sup->xst);

	if (err)
		log_error("xenstore could not be asked (%s): looking at everything again",
			  strerror(-err));
	if (!err && !sup->look_again)
		return;
	sup->look_again = false;
	loop_timer_set(&sup->loop, &timer, LOOK_AGAIN_MS, look_at_everything, sup);
}

/* One turn of the loop after the descriptors' part; see sup.h. Returns 0 or -errno. */
static int look_around(struct sup *sup, bool *again)
{
	int i, err;

	*again = true;
	for (i = 0; *again && i < MAX_ROUNDS; i++) {
		err = store_drain(sup);
		if (err)
			return err;
		if (sup->check_domains)
			store_check_domains(sup);
		if (sup->check_new)
			provision_scan(sup);
		if (sup->rescan)
			store_scan(sup);
		*again = sup_devices_evaluate(sup) || sup->rescan;
	}
	check_trouble(sup);
	return 0;
}

static int run(struct sup *sup)
{
	bool again;
	int err;

	for (;;) {
		err = look_around(sup, &again);
		if (err) {
			log_error("xenstore is gone: %s", strerror(-err));
			return err;
		}
		if (sup->stopping && !again && !sup_devices_busy(sup))
			return 0;
		err = loop_run_once(&sup->loop, again ? 0 : -1);
		if (err) {
			log_error("epoll: %s", strerror(-err));
			return err;
		}
	}
}

/* Devices and their memory are left to the end of the process. */
static void finish(struct sup *sup)
{
	sup_control_finish(sup);
	sup_pool_finish(sup);
	xst_close(sup->xst);
	plat_close(sup->plat);
	loop_finish(&sup->loop);
}

int main(int argc, char **argv)
{
	static struct sup sup;
	char why[CTL_MAX_TEXT], conf_why[WHY_BYTES];
	int status, err, conf_err;

	hostconf_preset(&sup.hostconf);
	conf_err = policy_paths_init(&sup.paths);
	if (conf_err)
		snprintf(conf_why, sizeof(conf_why), "XENGPU_ROOT is too long");
	else
		conf_err = hostconf_read(sup.paths.conf, &sup.hostconf, conf_why);
	status = options_parse(argc, argv, &sup.hostconf, &sup.cfg);
	if (status >= 0)
		return status;
	if (conf_err) {
		log_error("%s", conf_why);
		return 1;
	}
	LIST_INIT(&sup.domains);
	TAILQ_INIT(&sup.devices);
	sup.started_ns = loop_now_ns();
	sup_pool_init(&sup);
	ban_start(&sup);
	if (loop_init(&sup.loop) || start_signals(&sup) || sched_start(&sup)) {
		log_error("cannot start: %s", strerror(errno));
		return 1;
	}
	if (spawn_check(&sup.cfg, why)) {
		log_error("%s", why);
		return 1;
	}
	if (!strcmp(sup.cfg.gpu, "model")) {
		sup.cfg.model_fd = model_memory();
		if (sup.cfg.model_fd < 0) {
			log_error("no memory for the model GPU: %s", strerror(-sup.cfg.model_fd));
			return 1;
		}
		log_warning("the GPU is a model for tests, which draws nothing (--allow-model)");
	}
	if (strcmp(sup.cfg.cgroup, "none") &&
	    cgroup_start(sup.cfg.cgroup, sup.cfg.worker_memory_mib, why))
		log_warning("workers' memory is limited by RLIMIT_DATA only: %s", why);
	if (open_store(&sup))
		return 1;
	err = sup_control_start(&sup);
	if (err) {
		log_error("cannot listen on %s: %s", sup.cfg.control, err == -EADDRINUSE ?
			  "another xengpud is running" : strerror(-err));
		return 1;
	}
	err = store_start(&sup);
	if (err) {
		log_error("cannot watch xenstore: %s", strerror(-err));
		finish(&sup);
		return 1;
	}
	log_info("serving domain %u's vgpus, renderer %s, protocol version %s", sup.domid,
		 sup.cfg.gpu, VGPUIF_VERSION_STRING);
	sup_pool_refill(&sup);
	notify_systemd("READY=1");
	err = run(&sup);
	log_info("ending");
	finish(&sup);
	return err ? 1 : 0;
}
