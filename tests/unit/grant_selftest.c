// SPDX-License-Identifier: GPL-2.0-only
/*
 * The whole of grant/ between two domains, the same on both platforms. On the local one
 * (grant_selftest/local) it needs nothing. On real Xen run it in dom0, and then in a guest:
 *
 *   dom0:   XENGPU_SELFTEST=backend XENGPU_SELFTEST_DOMID=<the guest's> grant_selftest
 *   guest:  XENGPU_SELFTEST=guest grant_selftest
 *
 * The guest shares pages and publishes them in its data/selftest; dom0 maps them as the supervisor
 * does, and a second process, which has nothing but the descriptors, works with them as a worker
 * does. At the end the guest's process is killed with SIGKILL, and the worker has to notice.
 */
#include <grp.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "grant_hub.h"

#define RW_PAGES	64u
#define RO_PAGES	16u
#define ROUNDS		500
#define WAIT_MS		60000
#define BYTE		1234u	/* of the status page; cleared when the guest's process is lost */

/* ---- steps: each side counts in a node what it has done ---- */

static void step(struct xst *xst, const char *base, const char *who, uint32_t n)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", base, who);
	CHECK_EQ(xst_printf(xst, XST_NO_TX, path, "%u", n), 0);
}

static void await(struct xst *xst, const char *base, const char *who, uint32_t n)
{
	char path[128], p[XST_MAX_PATH], t[XST_MAX_PATH];
	uint32_t got;
	int ret;

	snprintf(path, sizeof(path), "%s/%s", base, who);
	CHECK_EQ(xst_watch(xst, path, "await"), 0);
	for (;;) {
		while ((ret = xst_next_event(xst, p, t)) == 1) {
			CHECK(!strcmp(t, "await"));
			CHECK(!strcmp(p, path)); /* relative if asked for so */
		}
		CHECK_EQ(ret, 0);
		if (!xst_read_u32(xst, XST_NO_TX, path, &got) && got >= n)
			break;
		CHECK_EQ(readable(xst_fd(xst), WAIT_MS), 1);
	}
	CHECK_EQ(xst_unwatch(xst, path, "await"), 0);
	while (xst_next_event(xst, p, t) == 1)
		;
}

static uint32_t pattern(uint32_t page, uint32_t word, uint32_t salt)
{
	return (page * 1024 + word + salt) * 2654435761u;
}

static void fill(void *addr, uint32_t n_pages, uint32_t salt)
{
	uint32_t page, word, *at = addr;

	for (page = 0; page < n_pages; page++)
		for (word = 0; word < 1024; word++)
			*at++ = pattern(page, word, salt);
}

/* @reversed: the pages were mapped last to first. */
static bool filled(const void *addr, uint32_t n_pages, uint32_t salt, bool reversed)
{
	const uint32_t *at = addr;
	uint32_t page, word;

	for (page = 0; page < n_pages; page++)
		for (word = 0; word < 1024; word++)
			if (*at++ != pattern(reversed ? n_pages - 1 - page : page, word, salt))
				return false;
	return true;
}

static void take_event(struct evt *evt)
{
	CHECK_EQ(readable(evt_fd(evt), WAIT_MS), 1);
	CHECK_EQ(evt_pending(evt), 1);
	CHECK_EQ(evt_unmask(evt), 0);
}

/* ---- the guest ---- */

#define GUEST_BASE	"data/selftest"

static void publish_refs(struct xst *xst, const char *name, const struct gnt_share *share)
{
	char text[XST_MAX_VALUE], path[64];
	size_t used = 0;
	uint32_t i;

	for (i = 0; i < share->n_pages; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%u ", share->refs[i]);
	snprintf(path, sizeof(path), GUEST_BASE "/%s", name);
	CHECK_EQ(xst_write(xst, XST_NO_TX, path, text), 0);
}

/* Shares, answers, and is killed in the end. */
static void guest_process(const char *spec, int out)
{
	struct gnt_share *rw = NULL, *ro = NULL, *status = NULL;
	struct evt *evt = NULL;
	struct plat *plat = NULL;
	struct xst *xst = NULL;
	uint32_t port, i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CHECK_EQ(plat_open(spec, &plat), 0);
	CHECK_EQ(xst_open(plat, &xst), 0);
	CHECK_EQ(gnt_share(plat, 0, RW_PAGES, true, &rw), 0);
	CHECK_EQ(gnt_share(plat, 0, RO_PAGES, false, &ro), 0);
	CHECK_EQ(gnt_share(plat, 0, 1, true, &status), 0);
	for (i = 0; i < RW_PAGES * GNT_PAGE_BYTES; i++)
		CHECK_EQ(((char *)rw->addr)[i], 0);
	fill(rw->addr, RW_PAGES, 1);
	fill(ro->addr, RO_PAGES, 2);
	memset(status->addr, 1, GNT_PAGE_BYTES);
	CHECK_EQ(evt_alloc(plat, 0, &evt, &port), 0);
	CHECK_EQ(gnt_share_notify_on_loss(status, BYTE, evt), 0);
	publish_refs(xst, "rw", rw);
	publish_refs(xst, "ro", ro);
	publish_refs(xst, "status", status);
	CHECK_EQ(xst_printf(xst, XST_NO_TX, GUEST_BASE "/port", "%u", port), 0);
	step(xst, GUEST_BASE, "guest", 1);

	/* The worker begins each round, and counts in the page; we count beside it. */
	for (i = 0; i < ROUNDS; i++) {
		take_event(evt);
		CHECK_EQ(((volatile uint32_t *)rw->addr)[0], i + 1);
		((volatile uint32_t *)rw->addr)[1] = i + 1;
		CHECK_EQ(evt_notify(evt), 0);
	}
	/* Two events while it keeps the port masked. */
	await(xst, GUEST_BASE, "backend", 2);
	CHECK_EQ(evt_notify(evt), 0);
	CHECK_EQ(evt_notify(evt), 0);
	step(xst, GUEST_BASE, "guest", 3);
	/* It has written the pages: reversed, as it has mapped them. */
	await(xst, GUEST_BASE, "backend", 4);
	CHECK(filled(rw->addr, RW_PAGES, 3, true));
	CHECK(filled(ro->addr, RO_PAGES, 2, false));
	CHECK_EQ(write(out, "k", 1), 1);
	for (;;)
		pause();
}

/* What the guest may do in the store is the same on Xen and on the local platform. */
static void guest_store(struct xst *xst)
{
	char buf[64], path[XST_MAX_PATH], token[XST_MAX_PATH];
	uint32_t n;
	xst_tx tx;

	CHECK_EQ(xst_read(xst, XST_NO_TX, "name", buf, sizeof(buf)) > 0, 1);
	CHECK_EQ(xst_write(xst, XST_NO_TX, "name", "Domain-0"), -EACCES);
	CHECK_EQ(xst_mkdir(xst, XST_NO_TX, "device/vgpu-selftest"), -EACCES);
	CHECK_EQ(xst_write(xst, XST_NO_TX, "/local/domain/0/selftest", "1"), -EACCES);
	CHECK_EQ(xst_read(xst, XST_NO_TX, "/local/domain/0/nothing", buf, sizeof(buf)), -EACCES);
	CHECK_EQ(xst_read(xst, XST_NO_TX, "data/nothing", buf, sizeof(buf)), -ENOENT);
	CHECK_EQ(xst_domain_exists(xst, 0), -EACCES);
	CHECK_EQ(xst_rm(xst, XST_NO_TX, "data/nothing/at/all"), 0);
	CHECK_EQ(xst_write(xst, XST_NO_TX, "data/with space", "1"), -EINVAL);
	CHECK_EQ(xst_set_perms(xst, XST_NO_TX, "name", 1, 1), -EACCES);

	CHECK_EQ(xst_write(xst, XST_NO_TX, "data/selftest-tx", "1"), 0);
	CHECK_EQ(xst_tx_begin(xst, &tx), 0);
	CHECK_EQ(xst_read_u32(xst, tx, "data/selftest-tx", &n), 0);
	CHECK_EQ(xst_write(xst, tx, "data/selftest-tx", "3"), 0);
	CHECK_EQ(xst_write(xst, XST_NO_TX, "data/selftest-tx", "2"), 0);
	CHECK_EQ(xst_tx_end(xst, tx, true), -EAGAIN);
	CHECK_EQ(xst_read_u32(xst, XST_NO_TX, "data/selftest-tx", &n), 0);
	CHECK_EQ(n, 2);
	CHECK_EQ(xst_tx_begin(xst, &tx), 0);
	CHECK_EQ(xst_write(xst, tx, "data/selftest-tx", "4"), 0);
	CHECK_EQ(xst_tx_end(xst, tx, false), 0);
	CHECK_EQ(xst_read_u32(xst, XST_NO_TX, "data/selftest-tx", &n), 0);
	CHECK_EQ(n, 2);
	CHECK_EQ(xst_watch(xst, "data/selftest-tx", "w"), 0);
	CHECK_EQ(readable(xst_fd(xst), WAIT_MS), 1);
	CHECK_EQ(xst_next_event(xst, path, token), 1);
	CHECK(!strcmp(path, "data/selftest-tx") && !strcmp(token, "w"));
	CHECK_EQ(xst_next_event(xst, path, token), 0);
	CHECK_EQ(xst_unwatch(xst, "data/selftest-tx", "w"), 0);
	CHECK_EQ(xst_rm(xst, XST_NO_TX, "data/selftest-tx"), 0);
}

/* Grants come back: many times what a guest may have at once. */
static void guest_churn(struct plat *plat)
{
	struct gnt_share *share = NULL;
	struct evt *evt = NULL;
	uint32_t port;
	int i;

	for (i = 0; i < 200; i++) {
		CHECK_EQ(gnt_share(plat, 0, RW_PAGES, true, &share), 0);
		CHECK_EQ(evt_alloc(plat, 0, &evt, &port), 0);
		CHECK_EQ(gnt_share_notify_on_loss(share, 0, evt), 0);
		gnt_unshare(share);
		evt_close(evt);
	}
}

/* More than gntalloc's limit, which is 1024 pages unless somebody has raised it. */
static void guest_limit(struct plat *plat)
{
	struct gnt_share *share = NULL;
	const char *text;
	int err;

	err = gnt_share(plat, 0, GNT_MAX_PAGES, true, &share);
	if (!err) {
		gnt_unshare(share);
		return;
	}
	CHECK_EQ(err, -ENOSPC);
	text = gnt_explain(plat, err);
	CHECK(strstr(text, "xen_gntalloc limit"));
	CHECK(strstr(text, "max_grant_frames"));
	printf("# %s\n", text);
	fflush(stdout);
}

static void run_guest(const char *spec)
{
	struct plat *plat = NULL;
	struct xst *xst = NULL;
	int out[2], status;
	uint16_t domid;
	pid_t pid;
	char c;

	CHECK_EQ(pipe(out), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid)
		guest_process(spec, out[1]);
	close(out[1]);

	CHECK_EQ(plat_open(spec, &plat), 0);
	CHECK_EQ(xst_open(plat, &xst), 0);
	CHECK_EQ(xst_own_domid(xst, &domid), 0);
	guest_store(xst);
	CHECK_EQ(read(out[0], &c, 1), 1);	/* fails if it does */
	close(out[0]);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	/* The worker has noticed, and everything is unmapped. */
	await(xst, GUEST_BASE, "backend", 6);
	guest_churn(plat);
	guest_limit(plat);
	step(xst, GUEST_BASE, "guest", 7);
	xst_close(xst);
	plat_close(plat);
}

/* ---- domain 0: supervisor and worker ---- */

struct handed {
	uint32_t n_fds, n_rw_extents, port;
	struct gnt_grant rw, ro, status;	/* descriptors: as they come, evt's first */
};

static void send_handed(int sock, const struct handed *h, const int *fds)
{
	char room[CMSG_SPACE(200 * sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)h, .iov_len = sizeof(*h) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			      .msg_controllen = CMSG_SPACE(h->n_fds * sizeof(int)) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(h->n_fds * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, h->n_fds * sizeof(int));
	CHECK_EQ(sendmsg(sock, &msg, 0), sizeof(*h));
}

static void take_grant(struct gnt_grant *grant, const int **fds)
{
	uint32_t i;

	for (i = 0; i < grant->n_extents; i++)
		grant->extent[i].fd = *(*fds)++;
}

static void recv_handed(int sock, struct handed *h, int *fds)
{
	char room[CMSG_SPACE(200 * sizeof(int))];
	struct iovec iov = { .iov_base = h, .iov_len = sizeof(*h) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			      .msg_controllen = sizeof(room) };
	struct cmsghdr *cmsg;

	CHECK_EQ(recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_WAITALL), sizeof(*h));
	cmsg = CMSG_FIRSTHDR(&msg);
	CHECK(cmsg);
	CHECK_EQ(cmsg->cmsg_len, CMSG_LEN(h->n_fds * sizeof(int)));
	memcpy(fds, CMSG_DATA(cmsg), h->n_fds * sizeof(int));
}

/* Tells the supervisor that a step is done, waits for the word to go on. */
static void turn(int sock, char done)
{
	char go;

	CHECK_EQ(write(sock, &done, 1), 1);
	CHECK_EQ(read(sock, &go, 1), 1);
}

static void worker(int sock, enum plat_kind kind)
{
	void *rw = NULL, *ro = NULL, *status = NULL;
	struct evt *evt = NULL;
	volatile uint32_t *counter;
	const int *next;
	struct handed h;
	int fds[200];
	uint32_t i;

	/* Nobody, and so without a right to open any device. */
	if (!geteuid())
		CHECK(!setgroups(0, NULL) && !setresgid(65534, 65534, 65534) &&
		      !setresuid(65534, 65534, 65534));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	recv_handed(sock, &h, fds);
	next = fds + (h.n_fds - h.rw.n_extents - h.ro.n_extents - h.status.n_extents);
	CHECK_EQ(evt_import(kind, fds, (unsigned int)(next - fds), h.port, &evt), 0);
	take_grant(&h.rw, &next);
	take_grant(&h.ro, &next);
	take_grant(&h.status, &next);

	CHECK_EQ(gnt_mmap(&h.rw, &rw), 0);
	CHECK_EQ(gnt_mmap(&h.ro, &ro), 0);
	CHECK_EQ(gnt_mmap(&h.status, &status), 0);
	CHECK(mprotect(ro, GNT_PAGE_BYTES, PROT_READ | PROT_WRITE));
	gnt_grant_close(&h.rw);		/* the mappings stay */
	gnt_grant_close(&h.ro);
	gnt_grant_close(&h.status);
	CHECK(filled(rw, RW_PAGES, 1, true));
	CHECK(filled(ro, RO_PAGES, 2, false));
	CHECK_EQ(((uint8_t *)status)[BYTE], 1);

	take_event(evt);		/* the one every binding begins with */
	CHECK_EQ(readable(evt_fd(evt), 100), 0);
	counter = (volatile uint32_t *)((char *)rw + (RW_PAGES - 1) * GNT_PAGE_BYTES);
	for (i = 0; i < ROUNDS; i++) {
		counter[0] = i + 1;
		CHECK_EQ(evt_notify(evt), 0);
		if (i == ROUNDS - 1)
			break;
		take_event(evt);
		CHECK_EQ(counter[1], i + 1);
	}
	CHECK_EQ(readable(evt_fd(evt), WAIT_MS), 1);
	CHECK_EQ(evt_pending(evt), 1);	/* and stays masked */
	turn(sock, 'm');		/* the guest notifies, twice */
	CHECK_EQ(readable(evt_fd(evt), 200), 0);
	CHECK_EQ(evt_pending(evt), 0);
	CHECK_EQ(evt_unmask(evt), 0);
	take_event(evt);
	CHECK_EQ(readable(evt_fd(evt), 200), 0);

	fill(rw, RW_PAGES, 3);
	turn(sock, 'w');		/* the guest looks, and is killed */
	CHECK_EQ(readable(evt_fd(evt), WAIT_MS), 1);
	CHECK_EQ(evt_pending(evt), 1);
	for (i = 0; i < GNT_PAGE_BYTES; i++)
		CHECK_EQ(((uint8_t *)status)[i], i != BYTE);
	CHECK(filled(rw, RW_PAGES, 3, false));	/* still there, until we let go */
	CHECK(filled(ro, RO_PAGES, 2, false));
	gnt_munmap(rw, RW_PAGES);
	gnt_munmap(ro, RO_PAGES);
	gnt_munmap(status, 1);
	evt_close(evt);
	turn(sock, 'l');
	_exit(0);
}

static void read_refs(struct xst *xst, const char *base, const char *name, uint32_t *refs,
		      uint32_t n)
{
	char text[XST_MAX_VALUE + 1], path[128], *at = text;
	uint32_t i;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	CHECK(xst_read(xst, XST_NO_TX, path, text, sizeof(text)) > 0);
	for (i = 0; i < n; i++)
		refs[i] = (uint32_t)strtoul(at, &at, 10);
}

/* A mapping that must fail, be it at once or when it becomes memory. */
static void must_not_map(struct plat *plat, uint16_t domid, const uint32_t *refs, uint32_t n,
			 bool writable)
{
	struct gnt_grant grant;
	void *addr = NULL;
	int err;

	err = gnt_map_refs(plat, domid, refs, n, writable, &grant);
	if (!err) {
		err = gnt_mmap(&grant, &addr);
		gnt_grant_close(&grant);
	}
	CHECK_EQ(err, -EFAULT);
	CHECK(!addr);
}

static void map_churn(struct plat *plat, uint16_t domid, const uint32_t *refs)
{
	const uint64_t ops = plat_counters()->map_ops;
	struct gnt_grant grant;
	void *addr = NULL;
	int i;

	for (i = 0; i < 200; i++) {
		CHECK_EQ(gnt_map_refs(plat, domid, refs, RW_PAGES, true, &grant), 0);
		CHECK_EQ(gnt_mmap(&grant, &addr), 0);
		gnt_grant_close(&grant);
		CHECK(filled(addr, RW_PAGES, 1, false));
		gnt_munmap(addr, RW_PAGES);
	}
	CHECK_EQ(plat_counters()->map_ops, ops + 200);
}

static void add_fds(int *fds, uint32_t *n_fds, const struct gnt_grant *grant)
{
	uint32_t i;

	for (i = 0; i < grant->n_extents; i++)
		fds[(*n_fds)++] = grant->extent[i].fd;
}

/* As the supervisor: map for the worker, hand over, keep nothing. */
static void hand_over(struct plat *plat, struct xst *xst, const char *base, uint16_t domid,
		      int sock)
{
	uint32_t rw[RW_PAGES], reversed[RW_PAGES], ro[RO_PAGES], status, port = 0, i;
	struct evt *evt = NULL, *second = NULL;
	char path[128];
	struct handed h = { 0 };
	int fds[200];

	read_refs(xst, base, "rw", rw, RW_PAGES);
	read_refs(xst, base, "ro", ro, RO_PAGES);
	read_refs(xst, base, "status", &status, 1);
	snprintf(path, sizeof(path), "%s/port", base);
	CHECK_EQ(xst_read_u32(xst, XST_NO_TX, path, &port), 0);
	for (i = 0; i < RW_PAGES; i++)
		reversed[i] = rw[RW_PAGES - 1 - i];

	map_churn(plat, domid, rw);
	must_not_map(plat, domid, ro, RO_PAGES, true);
	must_not_map(plat, 0, rw, 1, true);
	i = ro[3];
	ro[3] = 32000; /* never granted */
	must_not_map(plat, domid, ro, RO_PAGES, false);
	ro[3] = i;
	CHECK_EQ(evt_bind(plat, domid, port + 500, &evt), -EINVAL);
	CHECK_EQ(evt_bind(plat, 0x7123, port, &evt), -EINVAL);

	CHECK_EQ(gnt_map_refs(plat, domid, reversed, RW_PAGES, true, &h.rw), 0);
	CHECK_EQ(gnt_map_refs(plat, domid, ro, RO_PAGES, false, &h.ro), 0);
	CHECK_EQ(gnt_map_refs(plat, domid, &status, 1, true, &h.status), 0);
	CHECK_EQ(evt_bind(plat, domid, port, &evt), 0);
	CHECK_EQ(evt_bind(plat, domid, port, &second), -EINVAL);
	h.n_fds = evt_export(evt, fds, &h.port);
	add_fds(fds, &h.n_fds, &h.rw);
	add_fds(fds, &h.n_fds, &h.ro);
	add_fds(fds, &h.n_fds, &h.status);
	send_handed(sock, &h, fds);
	gnt_grant_close(&h.rw);
	gnt_grant_close(&h.ro);
	gnt_grant_close(&h.status);
	evt_close(evt);
}

static void from_worker(int sock, char expected)
{
	char c = 0;

	CHECK_EQ(readable(sock, WAIT_MS), 1);
	CHECK_EQ(read(sock, &c, 1), 1);
	CHECK_EQ(c, expected);
}

static void run_backend(const char *spec, enum plat_kind kind, uint16_t domid)
{
	struct plat *plat = NULL;
	struct xst *xst = NULL;
	char base[64], buf[16];
	int sock[2], status;
	uint16_t own = 99;
	pid_t pid;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, sock), 0);
	pid = fork(); /* before anything is mapped: children must not touch mappings */
	CHECK(pid >= 0);
	if (!pid) {
		close(sock[0]);
		worker(sock[1], kind);
	}
	close(sock[1]);

	CHECK_EQ(plat_open(spec, &plat), 0);
	CHECK_EQ(xst_open(plat, &xst), 0);
	CHECK_EQ(xst_own_domid(xst, &own), 0);
	CHECK_EQ(own, 0);
	CHECK_EQ(xst_domain_exists(xst, domid), 1);
	CHECK_EQ(xst_domain_exists(xst, 0x7123), 0);
	snprintf(base, sizeof(base), "/local/domain/%u/data/selftest", domid);
	if (kind == PLAT_XEN)
		CHECK_EQ(xst_rm(xst, XST_NO_TX, base), 0); /* of an earlier, failed run */
	await(xst, base, "guest", 1);
	hand_over(plat, xst, base, domid, sock[0]);
	from_worker(sock[0], 'm');
	step(xst, base, "backend", 2);
	await(xst, base, "guest", 3);
	CHECK_EQ(write(sock[0], "g", 1), 1);
	from_worker(sock[0], 'w');
	step(xst, base, "backend", 4);
	CHECK_EQ(write(sock[0], "g", 1), 1);
	from_worker(sock[0], 'l');
	CHECK_EQ(write(sock[0], "g", 1), 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	step(xst, base, "backend", 6);
	await(xst, base, "guest", 7);
	CHECK_EQ(xst_rm(xst, XST_NO_TX, base), 0);
	CHECK_EQ(xst_read(xst, XST_NO_TX, base, buf, sizeof(buf)), -ENOENT);
	close(sock[0]);
	xst_close(xst);
	plat_close(plat);
}

/* ---- */

static bool role_is(const char *role)
{
	const char *env = getenv("XENGPU_SELFTEST");

	return env && !strcmp(env, role);
}

TEST(grant_selftest, local)
{
	struct hub_proc hub;
	int status;
	pid_t pid;

	if (getenv("XENGPU_SELFTEST"))
		SKIP("playing a role on Xen");
	harness_timeout_s(120);
	hub_start(&hub, NULL);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		run_guest(hub_spec(&hub, 1));
		_exit(0);
	}
	run_backend(hub_spec(&hub, 0), PLAT_LOCAL, 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	hub_stop(&hub);
}

TEST(grant_selftest, xen_guest)
{
	if (!role_is("guest"))
		SKIP("needs XENGPU_SELFTEST=guest, in a Xen guest");
	harness_timeout_s(300);
	run_guest("xen");
}

TEST(grant_selftest, xen_backend)
{
	const char *domid = getenv("XENGPU_SELFTEST_DOMID");

	if (!role_is("backend") || !domid)
		SKIP("needs XENGPU_SELFTEST=backend and XENGPU_SELFTEST_DOMID, in dom0 on Xen");
	harness_timeout_s(300);
	run_backend("xen", PLAT_XEN, (uint16_t)atoi(domid));
}
