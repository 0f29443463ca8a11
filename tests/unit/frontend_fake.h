/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A platform and a backend inside the test's own process, for the frontend's tests: the functions
 * of grant/ that the frontend calls, defined here (so that the library's are not linked), and a
 * backend that answers whatever it is told to. Include it in one file of a test program.
 */
#ifndef TESTS_FRONTEND_FAKE_H
#define TESTS_FRONTEND_FAKE_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "evt.h"
#include "gnt.h"
#include "harness.h"
#include "request.h"
#include "ring.h"
#include "xst.h"

#define FAKE_NODES	256
#define FAKE_SHARES	512

struct plat {
	int unused;
};

struct xst {
	int fd;
};

struct evt {
	int fd;
};

/* What the backend does with a request. Returns whether to answer it now. */
typedef bool (*fake_answer_fn)(const struct vgpuif_request *req, struct vgpuif_response *rsp);

static struct fake {
	pthread_mutex_t lock;
	struct {
		char path[192];
		char value[256];
	} node[FAKE_NODES];
	struct gnt_share *share[FAKE_SHARES];
	uint32_t n_pages;		/* granted now */
	uint32_t max_pages;		/* 0: no limit */
	uint32_t share_ops;
	uint32_t unshare_ops;
	uint32_t next_ref;
	int news;			/* eventfd of the one xenstore connection */
	bool watching;
	int to_front, to_back;		/* eventfds of the one event channel */
	struct ring_back ring;
	bool ring_up;
	bool refuse_session;
	bool never_let_go;
	fake_answer_fn answer;
	pthread_t thread;
	bool stop;
	void (*notified)(void);		/* without a thread: the backend's turn has come */
	uint32_t seen[256];		/* requests by operation */
	struct vgpuif_request last[256];
	struct plat plat;
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER, .next_ref = 8, .news = -1, .to_front = -1,
	   .to_back = -1 };

__attribute__((unused)) static bool fake_ok(const struct vgpuif_request *req,
					    struct vgpuif_response *rsp)
{
	rsp->id = req->id;
	rsp->operation = req->operation;
	if (req->operation == VGPUIF_OP_CAPSET_INFO) {
		rsp->u.capset_info.capset_id = req->u.capset_info.capset_index + 1;
		rsp->u.capset_info.max_version = 2;
		rsp->u.capset_info.max_bytes = req->u.capset_info.capset_index ? 1376 : 308;
	} else if (req->operation == VGPUIF_OP_CAPSET_GET) {
		rsp->u.capset_get.bytes = req->u.capset_get.capset_id == 2 ? 1376 : 308;
	}
	return true;
}

/* --- xenstore --------------------------------------------------------------------------------- */

static void fake_tell(void)
{
	if (fake.news >= 0 && fake.watching)
		eventfd_write(fake.news, 1);
}

static int fake_find(const char *path)
{
	int i;

	for (i = 0; i < FAKE_NODES; i++)
		if (fake.node[i].path[0] && !strcmp(fake.node[i].path, path))
			return i;
	return -1;
}

static void fake_set(const char *path, const char *value)
{
	int i = fake_find(path);

	if (i < 0) {
		for (i = 0; fake.node[i].path[0]; i++)
			;
		snprintf(fake.node[i].path, sizeof(fake.node[i].path), "%s", path);
	}
	snprintf(fake.node[i].value, sizeof(fake.node[i].value), "%s", value);
	fake_tell();
}

static void fake_remove(const char *path)
{
	size_t n = strlen(path);
	int i;

	for (i = 0; i < FAKE_NODES; i++)
		if (!strncmp(fake.node[i].path, path, n) &&
		    (!fake.node[i].path[n] || fake.node[i].path[n] == '/'))
			fake.node[i].path[0] = '\0';
	fake_tell();
}

#define FAKE_FRONT	"device/vgpu/0"
#define FAKE_BACK	"/local/domain/0/backend/vgpu/5/0"

/* A page that was granted, by its reference. */
static void *fake_page(uint32_t ref)
{
	uint32_t i, j;

	for (i = 0; i < FAKE_SHARES; i++)
		for (j = 0; fake.share[i] && j < fake.share[i]->n_pages; j++)
			if (fake.share[i]->refs[j] == ref)
				return (uint8_t *)fake.share[i]->addr + j * 4096u;
	return NULL;
}

static void fake_connect(void)
{
	int i = fake_find(FAKE_FRONT "/session-0/ring-ref0");
	int order = fake_find(FAKE_FRONT "/session-0/ring-page-order");

	if (fake.refuse_session) {
		fake_set(FAKE_BACK "/session-0/error", "no more\nsessions");
		fake_set(FAKE_BACK "/session-0/state", "6");
		return;
	}
	ring_back_init(&fake.ring, fake_page((uint32_t)atoi(fake.node[i].value)),
		       (unsigned int)atoi(fake.node[order].value));
	fake.ring_up = true;
	fake_set(FAKE_BACK "/session-0/state", "4");
}

static void fake_written(const char *path, const char *value)
{
	if (!strcmp(path, FAKE_FRONT "/session-0/state")) {
		if (!strcmp(value, "3"))
			fake_connect();
		if (*value > '4' && !fake.never_let_go) {
			fake.ring_up = false;
			fake_set(FAKE_BACK "/session-0/state", "6");
		}
	} else if (!strcmp(path, FAKE_FRONT "/state")) {
		fake_set(FAKE_BACK "/state", *value == '1' ? "2" : *value == '3' ? "4" : value);
	}
}

int xst_open(struct plat *plat, struct xst **out)
{
	(void)plat;
	fake.news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	*out = calloc(1, sizeof(**out));
	(*out)->fd = fake.news;
	return 0;
}

void xst_close(struct xst *xst)
{
	pthread_mutex_lock(&fake.lock);
	close(xst->fd);
	fake.news = -1;
	fake.watching = false;
	pthread_mutex_unlock(&fake.lock);
	free(xst);
}

int xst_read(struct xst *xst, xst_tx tx, const char *path, char *buf, size_t bytes)
{
	int i, n = -ENOENT;

	(void)xst, (void)tx;
	pthread_mutex_lock(&fake.lock);
	i = fake_find(path);
	if (i >= 0)
		n = snprintf(buf, bytes, "%s", fake.node[i].value);
	pthread_mutex_unlock(&fake.lock);
	return n;
}

int xst_read_u32(struct xst *xst, xst_tx tx, const char *path, uint32_t *out)
{
	char text[32], *end;
	int n = xst_read(xst, tx, path, text, sizeof(text));

	if (n < 0)
		return n;
	*out = (uint32_t)strtoul(text, &end, 10);
	return *end || !n ? -EINVAL : 0;
}

int xst_write(struct xst *xst, xst_tx tx, const char *path, const char *value)
{
	(void)xst, (void)tx;
	pthread_mutex_lock(&fake.lock);
	fake_set(path, value);
	fake_written(path, value);
	pthread_mutex_unlock(&fake.lock);
	return 0;
}

int xst_printf(struct xst *xst, xst_tx tx, const char *path, const char *fmt, ...)
{
	char value[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	return xst_write(xst, tx, path, value);
}

int xst_rm(struct xst *xst, xst_tx tx, const char *path)
{
	(void)xst, (void)tx;
	pthread_mutex_lock(&fake.lock);
	fake_remove(path);
	if (!strcmp(path, FAKE_FRONT "/session-0"))
		fake_remove(FAKE_BACK "/session-0");
	pthread_mutex_unlock(&fake.lock);
	return 0;
}

int xst_list(struct xst *xst, xst_tx tx, const char *path, int (*each)(const char *name, void *arg),
	     void *arg)
{
	(void)xst, (void)tx, (void)path;
	return fake_find(FAKE_FRONT "/backend-id") >= 0 ? each("0", arg) : -ENOENT;
}

int xst_watch(struct xst *xst, const char *path, const char *token)
{
	(void)xst, (void)path, (void)token;
	fake.watching = true;
	fake_tell();
	return 0;
}

int xst_unwatch(struct xst *xst, const char *path, const char *token)
{
	(void)xst, (void)path, (void)token;
	return 0;
}

int xst_fd(struct xst *xst)
{
	return xst->fd;
}

int xst_next_event(struct xst *xst, char *path, char *token)
{
	eventfd_t n;

	path[0] = token[0] = '\0';
	return eventfd_read(xst->fd, &n) == 0;
}

int xst_own_domid(struct xst *xst, uint16_t *out)
{
	(void)xst;
	*out = 5;
	return 0;
}

int xst_domain_exists(struct xst *xst, uint16_t domid)
{
	(void)xst, (void)domid;
	return 1;
}

int xst_tx_begin(struct xst *xst, xst_tx *tx)
{
	(void)xst;
	*tx = 1;
	return 0;
}

int xst_tx_end(struct xst *xst, xst_tx tx, bool commit)
{
	(void)xst, (void)tx, (void)commit;
	return 0;
}

/* --- pages ------------------------------------------------------------------------------------ */

int plat_open(const char *spec, struct plat **out)
{
	(void)spec;
	*out = &fake.plat;
	return 0;
}

void plat_close(struct plat *plat)
{
	(void)plat;
}

int gnt_share(struct plat *plat, uint16_t peer_domid, uint32_t n_pages, bool peer_writable,
	      struct gnt_share **out)
{
	struct gnt_share *share;
	uint32_t i;

	(void)plat, (void)peer_domid, (void)peer_writable;
	if (fake.max_pages && fake.n_pages + n_pages > fake.max_pages)
		return -ENOSPC;
	share = calloc(1, sizeof(*share));
	share->n_pages = n_pages;
	share->fd = memfd_create("fake", MFD_CLOEXEC);
	if (ftruncate(share->fd, n_pages * 4096l))
		abort();
	share->addr = mmap(NULL, n_pages * 4096ul, PROT_READ | PROT_WRITE, MAP_SHARED, share->fd,
			   0);
	share->refs = calloc(n_pages, sizeof(uint32_t));
	pthread_mutex_lock(&fake.lock);
	for (i = 0; i < n_pages; i++)
		share->refs[i] = fake.next_ref++;
	for (i = 0; fake.share[i]; i++)
		;
	fake.share[i] = share;
	fake.n_pages += n_pages;
	fake.share_ops++;
	pthread_mutex_unlock(&fake.lock);
	*out = share;
	return 0;
}

int gnt_share_notify_on_loss(struct gnt_share *share, uint32_t offset_bytes, struct evt *evt)
{
	(void)share, (void)offset_bytes, (void)evt;
	return 0;
}

void gnt_unshare(struct gnt_share *share)
{
	uint32_t i;

	pthread_mutex_lock(&fake.lock);
	for (i = 0; fake.share[i] != share; i++)
		;
	fake.share[i] = NULL;
	fake.n_pages -= share->n_pages;
	fake.unshare_ops++;
	pthread_mutex_unlock(&fake.lock);
	munmap(share->addr, share->n_pages * 4096ul);
	close(share->fd);
	free(share->refs);
	free(share);
}

const char *gnt_explain(struct plat *plat, int err)
{
	(void)plat, (void)err;
	return "raise the limit";
}

/* --- event channel ---------------------------------------------------------------------------- */

int evt_alloc(struct plat *plat, uint16_t peer_domid, struct evt **out, uint32_t *port)
{
	(void)plat, (void)peer_domid;
	*out = calloc(1, sizeof(**out));
	(*out)->fd = fake.to_front = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	*port = 7;
	return 0;
}

int evt_fd(struct evt *evt)
{
	return evt->fd;
}

int evt_pending(struct evt *evt)
{
	eventfd_t n;

	return eventfd_read(evt->fd, &n) == 0;
}

int evt_unmask(struct evt *evt)
{
	(void)evt;
	return 0;
}

int evt_notify(struct evt *evt)
{
	(void)evt;
	if (fake.notified)
		fake.notified();
	return fake.to_back >= 0 ? eventfd_write(fake.to_back, 1) : 0;
}

void evt_close(struct evt *evt)
{
	if (!evt)
		return;
	pthread_mutex_lock(&fake.lock);
	close(evt->fd);
	fake.to_front = -1;
	pthread_mutex_unlock(&fake.lock);
	free(evt);
}

/* --- the backend ------------------------------------------------------------------------------ */

/* fake_respond() - put a response into the ring and tell the frontend if it wants to be told. */
static void fake_respond(const struct vgpuif_response *rsp)
{
	ring_back_put(&fake.ring, rsp);
	if (ring_back_push(&fake.ring) && fake.to_front >= 0)
		eventfd_write(fake.to_front, 1);
}

/* fake_serve() - take what is in the ring and answer it. */
__attribute__((unused)) static void fake_serve(void)
{
	struct vgpuif_request req;

	pthread_mutex_lock(&fake.lock);
	while (fake.ring_up && ring_back_get(&fake.ring, &req) > 0) {
		struct vgpuif_response rsp = { 0 };

		fake.seen[req.operation]++;
		fake.last[req.operation] = req;
		if (fake.answer(&req, &rsp))
			fake_respond(&rsp);
	}
	pthread_mutex_unlock(&fake.lock);
}

static void *fake_thread(void *arg)
{
	struct pollfd pfd = { .fd = fake.to_back, .events = POLLIN };
	eventfd_t n;

	(void)arg;
	while (!__atomic_load_n(&fake.stop, __ATOMIC_SEQ_CST)) {
		fake_serve();
		pthread_mutex_lock(&fake.lock);
		if (fake.ring_up && ring_back_sleep(&fake.ring)) {
			pthread_mutex_unlock(&fake.lock);
			continue;
		}
		pthread_mutex_unlock(&fake.lock);
		poll(&pfd, 1, 5);
		eventfd_read(fake.to_back, &n);
	}
	return NULL;
}

/* fake_start() - a device, and a backend that answers; @thread false: by fake_serve() only. */
static void fake_start(fake_answer_fn answer, bool thread)
{
	static const char *const nodes[][2] = {
		{ FAKE_FRONT "/backend-id", "0" },	{ FAKE_FRONT "/state", "1" },
		{ FAKE_BACK "/state", "2" },		{ FAKE_BACK "/versions", "1,2" },
		{ FAKE_BACK "/max-ring-page-order", "4" },
		{ FAKE_BACK "/max-sessions", "4" },	{ FAKE_BACK "/max-buffer-pages", "65536" },
		{ FAKE_BACK "/max-buffers", "64" },	{ FAKE_BACK "/max-contexts", "4" },
		{ FAKE_BACK "/max-resources", "1000" },	{ FAKE_BACK "/max-pages", "65536" },
		{ FAKE_BACK "/capsets", "1,2" },
	};
	size_t i;

	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		fake_set(nodes[i][0], nodes[i][1]);
	fake.answer = answer;
	if (!thread)
		return;
	fake.to_back = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CHECK_EQ(pthread_create(&fake.thread, NULL, fake_thread, NULL), 0);
}

__attribute__((unused)) static void fake_stop(void)
{
	if (fake.to_back < 0)
		return;
	__atomic_store_n(&fake.stop, true, __ATOMIC_SEQ_CST);
	pthread_join(fake.thread, NULL);
	close(fake.to_back);
	fake.to_back = -1;
}

#endif
