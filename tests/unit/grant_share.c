// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sharing and mapping of pages on the local platform.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "grant_hub.h"

static struct gnt_share *share_pages(struct plat *plat, uint16_t peer, uint32_t n_pages, bool rw)
{
	struct gnt_share *share = NULL;
	uint32_t i;

	CHECK_EQ(gnt_share(plat, peer, n_pages, rw, &share), 0);
	CHECK_EQ(share->n_pages, n_pages);
	CHECK(share->fd >= 0);
	for (i = 0; i < n_pages; i++)
		CHECK(share->refs[i]);
	return share;
}

static char *map_pages(struct plat *plat, uint16_t domid, const uint32_t *refs, uint32_t n_pages,
		       bool rw)
{
	struct gnt_grant grant;
	void *addr = NULL;

	CHECK_EQ(gnt_map_refs(plat, domid, refs, n_pages, rw, &grant), 0);
	CHECK_EQ(grant.n_pages, n_pages);
	CHECK_EQ(grant.writable, rw);
	CHECK_EQ(gnt_mmap(&grant, &addr), 0);
	gnt_grant_close(&grant);
	return addr;
}

static int try_map(struct plat *plat, uint16_t domid, const uint32_t *refs, uint32_t n_pages,
		   bool rw)
{
	struct gnt_grant grant = { .n_extents = 77 };
	int err = gnt_map_refs(plat, domid, refs, n_pages, rw, &grant);

	if (err)
		CHECK_EQ(grant.n_extents, 77); /* set on success only */
	else
		gnt_grant_close(&grant);
	return err;
}

TEST(grant_share, both_ways)
{
	const struct plat_counters *c = plat_counters();
	struct plat *guest, *dom0;
	struct gnt_share *share;
	struct hub_proc hub;
	uint32_t i;
	char *map;

	hub_start(&hub, NULL);
	guest = hub_plat(&hub, 1);
	dom0 = hub_plat(&hub, 0);
	share = share_pages(guest, 0, 5, true);
	for (i = 0; i < 5 * GNT_PAGE_BYTES; i++)
		CHECK_EQ(((char *)share->addr)[i], 0);
	strcpy(share->addr, "from the guest");
	map = map_pages(dom0, 1, share->refs, 5, true);
	CHECK(!strcmp(map, "from the guest"));
	strcpy(map + 4 * GNT_PAGE_BYTES, "from domain 0");
	CHECK(!strcmp((char *)share->addr + 4 * GNT_PAGE_BYTES, "from domain 0"));

	CHECK_EQ(c->share_ops, 1);
	CHECK_EQ(c->pages_shared, 5);
	CHECK_EQ(c->map_ops, 1);
	CHECK_EQ(c->pages_mapped, 5);
	CHECK_EQ(c->unmap_ops, 0);
	gnt_munmap(map, 5);
	gnt_unshare(share);
	CHECK_EQ(c->unmap_ops, 1);
	CHECK_EQ(c->unshare_ops, 1);
	plat_close(dom0);
	plat_close(guest);
	hub_stop(&hub);
}

/* References of two shares, out of order: contiguous memory, an extent for each run. */
TEST(grant_share, scattered)
{
	struct plat *guest, *dom0;
	struct gnt_share *a, *b;
	struct gnt_grant grant;
	struct hub_proc hub;
	uint32_t refs[6], i;
	void *addr = NULL;
	char *map;

	hub_start(&hub, NULL);
	guest = hub_plat(&hub, 1);
	dom0 = hub_plat(&hub, 0);
	a = share_pages(guest, 0, 4, true);
	b = share_pages(guest, 0, 4, true);
	for (i = 0; i < 4; i++) {
		((char *)a->addr)[i * GNT_PAGE_BYTES] = (char)('a' + i);
		((char *)b->addr)[i * GNT_PAGE_BYTES] = (char)('A' + i);
	}
	refs[0] = b->refs[2];
	refs[1] = b->refs[3];
	refs[2] = a->refs[0];
	refs[3] = a->refs[1];
	refs[4] = a->refs[3];
	refs[5] = a->refs[3]; /* twice the same page is allowed */

	CHECK_EQ(gnt_map_refs(dom0, 1, refs, 6, true, &grant), 0);
	CHECK_EQ(grant.n_extents, 4);
	CHECK_EQ(gnt_mmap(&grant, &addr), 0);
	gnt_grant_close(&grant);
	map = addr;
	for (i = 0; i < 6; i++)
		CHECK_EQ(map[i * GNT_PAGE_BYTES], "CDabdd"[i]);
	map[2 * GNT_PAGE_BYTES] = '!';
	CHECK_EQ(*(char *)a->addr, '!');
	gnt_munmap(map, 6);
	gnt_unshare(b);
	gnt_unshare(a);
	plat_close(dom0);
	plat_close(guest);
	hub_stop(&hub);
}

TEST(grant_share, extent_limit)
{
	uint32_t refs[GNT_MAX_EXTENTS + 1], i;
	struct plat *guest, *dom0;
	struct gnt_share *share;
	struct hub_proc hub;

	hub_start(&hub, NULL);
	guest = hub_plat(&hub, 1);
	dom0 = hub_plat(&hub, 0);
	share = share_pages(guest, 0, GNT_MAX_EXTENTS + 1, true);
	for (i = 0; i <= GNT_MAX_EXTENTS; i++)
		refs[i] = share->refs[GNT_MAX_EXTENTS - i];
	CHECK_EQ(try_map(dom0, 1, refs, GNT_MAX_EXTENTS + 1, true), -EFAULT);
	CHECK_EQ(try_map(dom0, 1, refs, GNT_MAX_EXTENTS, true), 0);
	gnt_unshare(share);
	plat_close(dom0);
	plat_close(guest);
	hub_stop(&hub);
}

TEST(grant_share, read_only)
{
	struct plat *guest, *dom0;
	struct gnt_share *share;
	struct gnt_grant grant;
	struct hub_proc hub;
	void *addr = NULL;

	hub_start(&hub, NULL);
	guest = hub_plat(&hub, 1);
	dom0 = hub_plat(&hub, 0);
	share = share_pages(guest, 0, 2, false);
	strcpy(share->addr, "look, do not touch");
	CHECK_EQ(try_map(dom0, 1, share->refs, 2, true), -EFAULT);

	CHECK_EQ(gnt_map_refs(dom0, 1, share->refs, 2, false, &grant), 0);
	CHECK_EQ(gnt_mmap(&grant, &addr), 0);
	CHECK(!strcmp(addr, "look, do not touch"));
	CHECK(mprotect(addr, GNT_PAGE_BYTES, PROT_READ | PROT_WRITE));
	CHECK_EQ(errno, EACCES);
	/* Whoever gets the descriptor cannot do more with it. */
	CHECK(mmap(NULL, GNT_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, grant.extent[0].fd,
		   0) == MAP_FAILED);
	gnt_munmap(addr, 2);
	grant.writable = true;
	CHECK_EQ(gnt_mmap(&grant, &addr), -EFAULT);
	gnt_grant_close(&grant);
	gnt_unshare(share);

	/* Of a writable grant, too. */
	share = share_pages(guest, 0, 2, true);
	CHECK_EQ(gnt_map_refs(dom0, 1, share->refs, 2, false, &grant), 0);
	CHECK(mmap(NULL, GNT_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, grant.extent[0].fd,
		   0) == MAP_FAILED);
	gnt_grant_close(&grant);
	gnt_unshare(share);
	plat_close(dom0);
	plat_close(guest);
	hub_stop(&hub);
}

TEST(grant_share, bad_references)
{
	struct plat *guest, *other, *dom0;
	struct gnt_share *share;
	struct hub_proc hub;
	uint32_t refs[3];

	hub_start(&hub, NULL);
	guest = hub_plat(&hub, 1);
	other = hub_plat(&hub, 2);
	dom0 = hub_plat(&hub, 0);
	share = share_pages(guest, 0, 3, true);

	CHECK_EQ(try_map(other, 1, share->refs, 3, true), -EFAULT);	/* offered to domain 0 */
	CHECK_EQ(try_map(guest, 1, share->refs, 3, true), -EFAULT);	/* nor to itself */
	CHECK_EQ(try_map(dom0, 2, share->refs, 3, true), -EFAULT);	/* not domain 2's */
	CHECK_EQ(try_map(dom0, 9, share->refs, 3, true), -EFAULT);	/* there is no domain 9 */
	CHECK_EQ(try_map(dom0, 65535, share->refs, 3, true), -EFAULT);
	memcpy(refs, share->refs, sizeof(refs));
	refs[2] = 0;
	CHECK_EQ(try_map(dom0, 1, refs, 3, true), -EINVAL);
	refs[2] = 1; /* reserved, never granted */
	CHECK_EQ(try_map(dom0, 1, refs, 3, true), -EFAULT);
	refs[2] = share->refs[2] + 1;
	CHECK_EQ(try_map(dom0, 1, refs, 3, true), -EFAULT);
	refs[2] = UINT32_MAX;
	CHECK_EQ(try_map(dom0, 1, refs, 3, true), -EFAULT);
	CHECK_EQ(try_map(dom0, 1, refs, 0, true), -EINVAL);
	CHECK_EQ(try_map(dom0, 1, refs, GNT_MAX_PAGES + 1, true), -EINVAL);
	CHECK_EQ(try_map(dom0, 1, refs, 2, true), 0);

	memcpy(refs, share->refs, sizeof(refs));
	gnt_unshare(share);
	CHECK_EQ(try_map(dom0, 1, refs, 3, true), -EFAULT);
	CHECK_EQ(plat_counters()->map_ops, 1);

	CHECK_EQ(gnt_share(guest, 0, 0, true, &share), -EINVAL);
	CHECK_EQ(gnt_share(guest, 0, GNT_MAX_PAGES + 1, true, &share), -EINVAL);
	plat_close(dom0);
	plat_close(other);
	plat_close(guest);
	hub_stop(&hub);
}

TEST(grant_share, mapping_outlives_share)
{
	struct plat *guest, *dom0;
	struct gnt_share *share;
	struct hub_proc hub;
	char *map;

	hub_start(&hub, NULL);
	guest = hub_plat(&hub, 1);
	dom0 = hub_plat(&hub, 0);
	share = share_pages(guest, 0, 1, true);
	strcpy(share->addr, "still here");
	map = map_pages(dom0, 1, share->refs, 1, true);
	gnt_unshare(share);
	plat_close(guest);
	CHECK(!strcmp(map, "still here"));
	strcpy(map, "and writable");
	gnt_munmap(map, 1);
	plat_close(dom0);
	hub_stop(&hub);
}

/* The owner cannot take a page away from below its peer: that would be a SIGBUS in the backend. */
TEST(grant_share, no_shrinking)
{
	struct gnt_share *share;
	struct hub_proc hub;
	struct plat *guest;

	hub_start(&hub, NULL);
	guest = hub_plat(&hub, 1);
	share = share_pages(guest, 0, 2, true);
	CHECK(ftruncate(share->fd, GNT_PAGE_BYTES));
	CHECK_EQ(errno, EPERM);
	gnt_unshare(share);
	plat_close(guest);
	hub_stop(&hub);
}

/* Another process of the guest maps what it is given at offset 0, as Mesa's vtest clients do. */
TEST(grant_share, other_process_of_the_guest)
{
	struct plat *guest, *dom0;
	struct gnt_share *share;
	struct hub_proc hub;
	int status;
	char *map;
	pid_t pid;

	hub_start(&hub, NULL);
	guest = hub_plat(&hub, 1);
	dom0 = hub_plat(&hub, 0);
	share = share_pages(guest, 0, 3, true);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		map = mmap(NULL, 3 * GNT_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, share->fd,
			   0);
		if (map == MAP_FAILED)
			_exit(1);
		strcpy(map + 2 * GNT_PAGE_BYTES, "client");
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	map = map_pages(dom0, 1, share->refs, 3, false);
	CHECK(!strcmp(map + 2 * GNT_PAGE_BYTES, "client"));
	gnt_munmap(map, 3);
	gnt_unshare(share);
	plat_close(dom0);
	plat_close(guest);
	hub_stop(&hub);
}

TEST(grant_share, limit)
{
	struct gnt_share *a, *b, *c = NULL;
	struct hub_proc hub;
	struct plat *guest;
	uint32_t i, round;

	hub_start(&hub, (char *)"--max-grants", (char *)"16", NULL);
	guest = hub_plat(&hub, 1);
	for (round = 0; round < 3; round++) {
		a = share_pages(guest, 0, 10, true);
		CHECK_EQ(gnt_share(guest, 0, 7, true, &c), -ENOSPC);
		CHECK(strlen(gnt_explain(guest, -ENOSPC)) > 20);
		b = share_pages(guest, 0, 6, true);
		CHECK_EQ(gnt_share(guest, 0, 1, true, &c), -ENOSPC);
		for (i = 0; i < 6; i++)
			CHECK(b->refs[i] < 16 + 8);
		gnt_unshare(a);
		gnt_unshare(b);
	}
	plat_close(guest);
	hub_stop(&hub);
}

/* After churn a share's references are not neighbours; its pages are mapped all the same. */
TEST(grant_share, churn)
{
	struct gnt_share *small[40], *share;
	struct plat *guest, *dom0;
	struct gnt_grant grant;
	struct hub_proc hub;
	void *addr = NULL;
	uint32_t i;

	hub_start(&hub, (char *)"--max-grants", (char *)"40", NULL);
	guest = hub_plat(&hub, 1);
	dom0 = hub_plat(&hub, 0);
	for (i = 0; i < 40; i++)
		small[i] = share_pages(guest, 0, 1, true);
	for (i = 0; i < 40; i += 3)
		gnt_unshare(small[i]);
	share = share_pages(guest, 0, 14, true);
	CHECK(share->refs[1] != share->refs[0] + 1);
	CHECK_EQ(gnt_map_refs(dom0, 1, share->refs, 14, true, &grant), 0);
	CHECK_EQ(grant.n_extents, 1); /* the pages are neighbours, whatever their references */
	CHECK_EQ(gnt_mmap(&grant, &addr), 0);
	memset(addr, 7, 14 * GNT_PAGE_BYTES);
	CHECK(!memcmp(addr, share->addr, 14 * GNT_PAGE_BYTES));
	gnt_munmap(addr, 14);
	gnt_grant_close(&grant);
	gnt_unshare(share);
	for (i = 0; i < 40; i++)
		if (i % 3)
			gnt_unshare(small[i]);
	plat_close(dom0);
	plat_close(guest);
	hub_stop(&hub);
}

/* The longest messages there are. */
TEST(grant_share, largest)
{
	struct plat *guest, *dom0;
	struct gnt_share *share;
	struct hub_proc hub;
	char *map;

	harness_timeout_s(60);
	hub_start(&hub, NULL);
	guest = hub_plat(&hub, 1);
	dom0 = hub_plat(&hub, 0);
	share = share_pages(guest, 0, GNT_MAX_PAGES, true);
	((char *)share->addr)[(size_t)GNT_MAX_PAGES * GNT_PAGE_BYTES - 1] = 'z';
	map = map_pages(dom0, 1, share->refs, GNT_MAX_PAGES, true);
	CHECK_EQ(map[(size_t)GNT_MAX_PAGES * GNT_PAGE_BYTES - 1], 'z');
	gnt_munmap(map, GNT_MAX_PAGES);
	gnt_unshare(share);
	plat_close(dom0);
	plat_close(guest);
	hub_stop(&hub);
}

/* ---- running out of descriptors ---- */

static int n_open(void)
{
	int i, n = 0;

	for (i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

/* With room for one descriptor, two, three...: all or nothing, and nothing is lost on the way. */
TEST(grant_share, client_out_of_descriptors)
{
	enum { TRIES = 24 };
	bool shared = false, mapped = false, allocated = false, opened = false;
	struct gnt_share *share = NULL, *base;
	struct plat *guest, *dom0;
	struct gnt_grant grant;
	struct rlimit limit, was;
	struct evt *evt = NULL;
	struct xst *xst = NULL;
	struct hub_proc hub;
	int before, err, i;
	uint32_t port;

	hub_start(&hub, (char *)"--max-grants", (char *)"12", NULL);
	guest = hub_plat(&hub, 1);
	dom0 = hub_plat(&hub, 0);
	base = share_pages(guest, 0, 10, true);
	for (i = 0; i < 5; i++) { /* ten runs, so ten descriptors */
		port = base->refs[i];
		base->refs[i] = base->refs[9 - i];
		base->refs[9 - i] = port;
	}
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &was), 0);
	before = n_open();
	for (i = 0; i < TRIES; i++) {
		limit = was;
		limit.rlim_cur = (rlim_t)(before + i);
		CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);

		err = gnt_share(guest, 0, 2, true, &share);
		CHECK(!err || (err == -EMFILE && !shared));
		shared = !err;
		if (shared)
			gnt_unshare(share);

		err = gnt_map_refs(dom0, 1, base->refs, 10, true, &grant);
		CHECK(!err || (err == -EMFILE && !mapped));
		mapped = !err;
		if (mapped)
			gnt_grant_close(&grant);

		err = evt_alloc(guest, 0, &evt, &port);
		CHECK(!err || (err == -EMFILE && !allocated));
		allocated = !err;
		if (allocated)
			evt_close(evt);

		err = xst_open(guest, &xst);
		CHECK(!err || (err == -EMFILE && !opened));
		opened = !err;
		if (opened)
			xst_close(xst);
		CHECK_EQ(n_open(), before);
	}
	CHECK(shared && mapped && allocated && opened);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &was), 0);
	for (i = 0; i < 5; i++) {
		port = base->refs[i];
		base->refs[i] = base->refs[9 - i];
		base->refs[9 - i] = port;
	}
	gnt_unshare(base);
	plat_close(dom0);
	plat_close(guest);
	hub_stop(&hub);
}

/* The hub itself has none left: requests fail, and when there is room again they do not. */
TEST(grant_share, hub_out_of_descriptors)
{
	struct rlimit limit = { .rlim_cur = 40, .rlim_max = 40 };
	struct gnt_share *share[64] = { NULL };
	struct evt *evt[64] = { NULL };
	int i, round, n_shares, n_evts, err = 0;
	struct plat *guest, *more;
	struct hub_proc hub;
	uint32_t port;

	hub_start(&hub, NULL);
	guest = hub_plat(&hub, 1);
	CHECK_EQ(prlimit(hub.pid, RLIMIT_NOFILE, &limit, NULL), 0);
	for (round = 0; round < 3; round++) {
		for (n_shares = 0; n_shares < 64; n_shares++) {
			err = gnt_share(guest, 0, 1, true, &share[n_shares]);
			if (err)
				break;
		}
		CHECK(err < 0 && n_shares > 8 && n_shares < 40);
		CHECK(evt_alloc(guest, 0, &evt[0], &port) < 0);
		CHECK(plat_open(hub_spec(&hub, 1), &more) < 0);
		for (i = 0; i < n_shares; i++)
			gnt_unshare(share[i]);
		for (n_evts = 0; n_evts < 64; n_evts++) {
			err = evt_alloc(guest, 0, &evt[n_evts], &port);
			if (err)
				break;
		}
		CHECK(err < 0 && n_evts > 2);
		for (i = 0; i < n_evts; i++)
			evt_close(evt[i]);
		share[0] = share_pages(guest, 0, 1, true);
		gnt_unshare(share[0]);
	}
	plat_close(guest);
	hub_stop(&hub);
}

/* ---- loss ---- */

struct told {
	uint32_t port, ref;
};

/* A guest that shares a page, asks for the notification, tells, and waits to be killed. */
static pid_t start_guest(const struct hub_proc *hub, int out)
{
	struct gnt_share *share = NULL;
	struct evt *evt = NULL;
	struct told told;
	struct plat *plat;
	pid_t pid;

	pid = fork();
	CHECK(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	plat = hub_plat(hub, 1);
	CHECK_EQ(evt_alloc(plat, 0, &evt, &told.port), 0);
	CHECK_EQ(gnt_share(plat, 0, 1, true, &share), 0);
	memset(share->addr, 1, 100);
	CHECK_EQ(gnt_share_notify_on_loss(share, 41, evt), 0);
	CHECK_EQ(gnt_share_notify_on_loss(share, 42, evt), 0); /* in the place of the first */
	CHECK_EQ(gnt_share_notify_on_loss(share, GNT_PAGE_BYTES, evt), -EINVAL);
	told.ref = share->refs[0];
	CHECK_EQ(write(out, &told, sizeof(told)), sizeof(told));
	for (;;)
		pause();
}

TEST(grant_share, loss_after_sigkill)
{
	struct evt *evt = NULL;
	struct hub_proc hub;
	struct told told;
	struct plat *dom0;
	int fds[2], i;
	pid_t pid;
	char *map;

	hub_start(&hub, NULL);
	dom0 = hub_plat(&hub, 0);
	CHECK_EQ(pipe(fds), 0);
	pid = start_guest(&hub, fds[1]);
	CHECK_EQ(read(fds[0], &told, sizeof(told)), sizeof(told));
	CHECK_EQ(evt_bind(dom0, 1, told.port, &evt), 0);
	map = map_pages(dom0, 1, &told.ref, 1, true);
	CHECK_EQ(evt_pending(evt), 1); /* the one every binding begins with */
	CHECK_EQ(evt_unmask(evt), 0);
	CHECK_EQ(readable(evt_fd(evt), 50), 0);
	CHECK_EQ(map[42], 1);

	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(readable(evt_fd(evt), 5000), 1);
	CHECK_EQ(evt_pending(evt), 1);
	for (i = 0; i < 100; i++)
		CHECK_EQ(map[i], i != 42);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(try_map(dom0, 1, &told.ref, 1, true), -EFAULT);

	gnt_munmap(map, 1);
	evt_close(evt);
	close(fds[0]);
	close(fds[1]);
	plat_close(dom0);
	hub_stop(&hub);
}

TEST(grant_share, loss_by_unshare)
{
	struct evt *guest_evt = NULL, *evt = NULL;
	struct plat *guest, *dom0;
	struct gnt_share *share;
	struct hub_proc hub;
	uint32_t port;
	char *map;

	hub_start(&hub, NULL);
	guest = hub_plat(&hub, 1);
	dom0 = hub_plat(&hub, 0);
	share = share_pages(guest, 0, 2, true);
	memset(share->addr, 1, 2 * GNT_PAGE_BYTES);
	CHECK_EQ(evt_alloc(guest, 0, &guest_evt, &port), 0);
	CHECK_EQ(gnt_share_notify_on_loss(share, GNT_PAGE_BYTES + 7, guest_evt), 0);
	CHECK_EQ(evt_bind(dom0, 1, port, &evt), 0);
	CHECK_EQ(evt_pending(evt), 1);
	CHECK_EQ(evt_unmask(evt), 0);
	map = map_pages(dom0, 1, share->refs, 2, true);
	gnt_unshare(share);
	CHECK_EQ(evt_pending(evt), 1);
	CHECK_EQ(map[GNT_PAGE_BYTES + 7], 0);
	CHECK_EQ(map[GNT_PAGE_BYTES + 6], 1);
	CHECK_EQ(map[7], 1);
	gnt_munmap(map, 2);
	evt_close(evt);
	evt_close(guest_evt);
	plat_close(dom0);
	plat_close(guest);
	hub_stop(&hub);
}

/* When a whole domain goes, there is no kernel left that could clear and signal. */
TEST(grant_share, no_loss_notice_when_the_domain_goes)
{
	struct plat *dom0;
	struct evt *evt = NULL;
	struct hub_proc hub;
	struct told told;
	int fds[2];
	pid_t pid;
	char *map;

	hub_start(&hub, NULL);
	dom0 = hub_plat(&hub, 0);
	CHECK_EQ(pipe(fds), 0);
	pid = start_guest(&hub, fds[1]);
	CHECK_EQ(read(fds[0], &told, sizeof(told)), sizeof(told));
	CHECK_EQ(evt_bind(dom0, 1, told.port, &evt), 0);
	CHECK_EQ(evt_pending(evt), 1);
	CHECK_EQ(evt_unmask(evt), 0);
	map = map_pages(dom0, 1, &told.ref, 1, true);
	CHECK_EQ(hub_ask(&hub, "--destroy", "1"), 0);
	CHECK_EQ(readable(evt_fd(evt), 50), 0);
	CHECK_EQ(map[42], 1);
	CHECK_EQ(try_map(dom0, 1, &told.ref, 1, true), -EFAULT);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	gnt_munmap(map, 1);
	evt_close(evt);
	close(fds[0]);
	close(fds[1]);
	plat_close(dom0);
	hub_stop(&hub);
}

/* gnt_mmap() believes no count that does not add up. */
TEST(grant_share, wrong_extents)
{
	struct gnt_grant grant = { .n_pages = 2, .n_extents = 1, .extent = { { .fd = -1 } } };
	void *addr = NULL;

	grant.extent[0].n_pages = 1;
	CHECK_EQ(gnt_mmap(&grant, &addr), -EFAULT);
	grant.extent[0].n_pages = 2;
	CHECK_EQ(gnt_mmap(&grant, &addr), -EFAULT); /* no such descriptor */
	grant.n_extents = GNT_MAX_EXTENTS + 1;
	CHECK_EQ(gnt_mmap(&grant, &addr), -EFAULT);
	grant.n_extents = 0;
	CHECK_EQ(gnt_mmap(&grant, &addr), -EFAULT);
	CHECK(!addr);
}
