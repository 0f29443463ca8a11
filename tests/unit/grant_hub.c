// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu-localhub itself: domains, opening, and that no client can bring it down.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "grant_hub.h"
#include "hub.h"

static int try_open(const char *spec)
{
	struct plat *plat = NULL;
	int err = plat_open(spec, &plat);

	CHECK_EQ(!err, plat != NULL);
	plat_close(plat);
	return err;
}

TEST(grant_hub, spec)
{
	struct hub_proc hub;
	struct plat *plat;
	char spec[128];

	CHECK_EQ(try_open("qemu"), -EINVAL);
	CHECK_EQ(try_open(""), -EINVAL);
	CHECK_EQ(try_open("local"), -EINVAL);
	CHECK_EQ(try_open("local:"), -EINVAL);
	CHECK_EQ(try_open("local:/nowhere"), -EINVAL);
	CHECK_EQ(try_open("local:/nowhere:"), -EINVAL);
	CHECK_EQ(try_open("local:/nowhere:x"), -EINVAL);
	CHECK_EQ(try_open("local:/nowhere:1x"), -EINVAL);
	CHECK_EQ(try_open("local:/nowhere:-1"), -EINVAL);
	CHECK_EQ(try_open("local:/nowhere:70000"), -EINVAL);
	CHECK_EQ(try_open("local::1"), -EINVAL);
	CHECK_EQ(try_open("local:/nowhere:1"), -ENOENT);
	CHECK_EQ(try_open("xen"), 0);

	hub_start(&hub, NULL);
	CHECK_EQ(try_open(hub_spec(&hub, 1)), 0);
	CHECK_EQ(try_open(hub_spec(&hub, 3)), -ENXIO);
	strcpy(spec, hub_spec(&hub, 2));
	plat = hub_plat(&hub, 2);
	CHECK_EQ(plat_kind(plat), PLAT_LOCAL);
	CHECK(!strcmp(plat_spec(plat), spec));
	plat_close(plat);

	CHECK_EQ(setenv("XENGPU_PLATFORM", spec, 1), 0);
	CHECK_EQ(plat_open(NULL, &plat), 0);
	CHECK_EQ(plat_kind(plat), PLAT_LOCAL);
	plat_close(plat);
	CHECK_EQ(unsetenv("XENGPU_PLATFORM"), 0);
	CHECK_EQ(plat_open(NULL, &plat), 0);
	CHECK_EQ(plat_kind(plat), PLAT_XEN);
	CHECK(!strcmp(plat_spec(plat), "xen"));
	plat_close(plat);
	hub_stop(&hub);
}

TEST(grant_hub, control)
{
	struct hub_proc hub;

	hub_start(&hub, NULL);
	CHECK_EQ(hub_ask(&hub, "--create", "1"), 1);		/* exists */
	CHECK_EQ(hub_ask(&hub, "--create", "7"), 0);
	CHECK_EQ(try_open(hub_spec(&hub, 7)), 0);
	CHECK_EQ(hub_ask(&hub, "--destroy", "7"), 0);
	CHECK_EQ(hub_ask(&hub, "--destroy", "7"), 1);
	CHECK_EQ(try_open(hub_spec(&hub, 7)), -ENXIO);
	CHECK_EQ(hub_ask(&hub, "--destroy", "0"), 1);
	CHECK_EQ(hub_ask(&hub, "--create", "40000"), 1);
	CHECK_EQ(hub_ask(&hub, "--create", "x"), 2);
	hub_stop(&hub);
}

/* A second hub does not take the first one's socket; a dead one's is taken. */
TEST(grant_hub, socket)
{
	struct hub_proc hub;
	int status;

	hub_start(&hub, NULL);
	CHECK_EQ(hub_ask(&hub, "--domains", "0"), 1);
	CHECK_EQ(try_open(hub_spec(&hub, 1)), 0);
	CHECK_EQ(kill(hub.pid, SIGKILL), 0);
	CHECK_EQ(waitpid(hub.pid, &status, 0), hub.pid);
	CHECK_EQ(try_open(hub_spec(&hub, 1)), -ECONNREFUSED);
	CHECK_EQ(unlink(hub.path), 0);
	CHECK_EQ(rmdir(hub.dir), 0);
}

/* What a client has of a domain that is gone fails, and does not come to life with the next one. */
TEST(grant_hub, client_of_a_dead_domain)
{
	struct gnt_share *share = NULL, *none = NULL;
	struct evt *evt = NULL;
	struct hub_proc hub;
	struct plat *guest;
	struct xst *xst;
	char path[XST_MAX_PATH], token[XST_MAX_PATH];
	uint32_t port;

	hub_start(&hub, NULL);
	guest = hub_plat(&hub, 1);
	xst = hub_xst(&hub, 1);
	CHECK_EQ(gnt_share(guest, 0, 2, true, &share), 0);
	CHECK_EQ(hub_ask(&hub, "--destroy", "1"), 0);
	CHECK_EQ(hub_ask(&hub, "--create", "1"), 0);
	CHECK_EQ(gnt_share(guest, 0, 2, true, &none), -ENODEV);
	CHECK_EQ(evt_alloc(guest, 0, &evt, &port), -ENODEV);
	CHECK_EQ(xst_write(xst, 0, "data/x", "1"), -ENODEV);
	CHECK_EQ(readable(xst_fd(xst), 0), 1);
	CHECK_EQ(xst_next_event(xst, path, token), -ENODEV);
	memset(share->addr, 1, 2 * GNT_PAGE_BYTES); /* its own memory stays */
	gnt_unshare(share);
	xst_close(xst);
	plat_close(guest);
	hub_stop(&hub);
}

/* A new domain of the same number inherits nothing. */
TEST(grant_hub, number_used_again)
{
	struct xst *dom0, *guest;
	struct hub_proc hub;
	char buf[16];

	hub_start(&hub, NULL);
	dom0 = hub_xst(&hub, 0);
	CHECK_EQ(xst_write(dom0, 0, "/local/domain/0/backend/vgpu/1/0/state", "4"), 0);
	CHECK_EQ(xst_set_perms(dom0, 0, "/local/domain/0/backend/vgpu/1/0/state", 0, 1), 0);
	CHECK_EQ(xst_write(dom0, 0, "/given", "4"), 0);
	CHECK_EQ(xst_set_perms(dom0, 0, "/given", 1, 1), 0);
	guest = hub_xst(&hub, 1);
	CHECK_EQ(xst_read(guest, 0, "/given", buf, sizeof(buf)), 1);
	CHECK_EQ(xst_read(guest, 0, "/local/domain/0/backend/vgpu/1/0/state", buf, sizeof(buf)), 1);
	xst_close(guest);
	CHECK_EQ(hub_ask(&hub, "--destroy", "1"), 0);
	CHECK_EQ(hub_ask(&hub, "--create", "1"), 0);
	guest = hub_xst(&hub, 1);
	CHECK_EQ(xst_read(guest, 0, "/given", buf, sizeof(buf)), -EACCES);
	CHECK_EQ(xst_read(guest, 0, "/local/domain/0/backend/vgpu/1/0/state", buf, sizeof(buf)),
		 -EACCES);
	xst_close(guest);
	xst_close(dom0);
	hub_stop(&hub);
}

/* ---- nonsense ---- */

static int dial(const struct hub_proc *hub)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0);
	strcpy(addr.sun_path, hub->path);
	CHECK_EQ(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void say(int fd, const void *data, size_t bytes, const int *pass)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (pass) {
		msg.msg_control = room;
		msg.msg_controllen = sizeof(room);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), pass, sizeof(int));
	}
	/* It may have hung up on us, which is its right. */
	sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static void say_op(int fd, uint32_t op, const void *payload, uint32_t bytes, const int *pass)
{
	struct hub_hdr hdr = { .op = op, .bytes = bytes };
	char buf[4096];

	memcpy(buf, &hdr, sizeof(hdr));
	if (bytes)
		memcpy(buf + sizeof(hdr), payload, bytes);
	say(fd, buf, sizeof(hdr) + bytes, pass);
}

/*
 * The status of the next answer, its payload dropped; 1, hung up. Descriptors are closed, but the
 * first is kept if @keep says where.
 */
static int hear_keep(int fd, int *keep)
{
	char room[CMSG_SPACE(HUB_MAX_FDS * sizeof(int))], waste[65536];
	struct hub_hdr hdr;
	struct iovec iov = { .iov_base = &hdr, .iov_len = sizeof(hdr) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			      .msg_controllen = sizeof(room) };
	struct cmsghdr *cmsg;
	size_t i, n;
	int passed;

	CHECK_EQ(readable(fd, 5000), 1);
	if (recvmsg(fd, &msg, MSG_CMSG_CLOEXEC) != sizeof(hdr))
		return 1;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&passed, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
			if (keep)
				*keep = passed;
			else
				close(passed);
			keep = NULL;
		}
	}
	CHECK(hdr.bytes <= sizeof(waste));
	if (hdr.bytes)
		CHECK_EQ(recv(fd, waste, hdr.bytes, MSG_WAITALL), hdr.bytes);
	return hdr.status;
}

static int hear(int fd)
{
	return hear_keep(fd, NULL);
}

/* A client that said HELLO; with a socket for events if @events is given. */
static int dial_as(const struct hub_proc *hub, uint32_t domid, int *events)
{
	const struct hub_hello hello = {
		.magic = HUB_MAGIC, .domid = domid, .want_events = events != NULL,
	};
	int fd = dial(hub);

	say_op(fd, HUB_HELLO, &hello, sizeof(hello), NULL);
	CHECK_EQ(hear_keep(fd, events), 0);
	return fd;
}

TEST(grant_hub, out_of_order)
{
	struct hub_hello hello = { .magic = HUB_MAGIC, .domid = 1 };
	const struct hub_domid domid = { .domid = 9 };
	struct hub_proc hub;
	int fd;

	hub_start(&hub, NULL);
	fd = dial(&hub);
	say_op(fd, HUB_XS_READ, "name", 4, NULL);
	CHECK_EQ(hear(fd), -EPROTO);			/* HELLO first */
	say_op(fd, HUB_CREATE, &domid, sizeof(domid), NULL);
	CHECK_EQ(hear(fd), -EPROTO);
	say_op(fd, 0, NULL, 0, NULL);
	CHECK_EQ(hear(fd), -ENOSYS);
	say_op(fd, HUB_N_OPS, NULL, 0, NULL);
	CHECK_EQ(hear(fd), -ENOSYS);
	say_op(fd, UINT32_MAX, NULL, 0, NULL);
	CHECK_EQ(hear(fd), -ENOSYS);
	hello.magic++;
	say_op(fd, HUB_HELLO, &hello, sizeof(hello), NULL);
	CHECK_EQ(hear(fd), -EPROTO);
	hello.magic--;
	say_op(fd, HUB_HELLO, &hello, sizeof(hello) - 1, NULL);
	CHECK_EQ(hear(fd), -EINVAL);
	say_op(fd, HUB_HELLO, &hello, sizeof(hello), NULL);
	CHECK_EQ(hear(fd), 0);
	say_op(fd, HUB_HELLO, &hello, sizeof(hello), NULL);
	CHECK_EQ(hear(fd), -EPROTO);			/* and once */
	say_op(fd, HUB_CREATE, &domid, sizeof(domid), NULL);
	CHECK_EQ(hear(fd), -EPERM);			/* not by a guest */
	say_op(fd, HUB_DESTROY, &domid, sizeof(domid), NULL);
	CHECK_EQ(hear(fd), -EPERM);
	say_op(fd, HUB_XS_WATCH, "a\0b", 3, NULL);
	CHECK_EQ(hear(fd), -EINVAL);			/* it asked for no events */
	close(fd);
	hub_stop(&hub);
}

/* Only a memfd that keeps its size is memory to share. */
TEST(grant_hub, what_is_not_memory)
{
	const struct hub_share_req req = { .peer_domid = 0, .n_pages = 2, .peer_writable = 1 };
	char path[64];
	struct hub_proc hub;
	int fd, mem, other;

	hub_start(&hub, NULL);
	fd = dial_as(&hub, 1, NULL);
	say_op(fd, HUB_SHARE, &req, sizeof(req), NULL);
	CHECK_EQ(hear(fd), -EINVAL);
	mem = open("/dev/zero", O_RDWR | O_CLOEXEC);
	say_op(fd, HUB_SHARE, &req, sizeof(req), &mem);
	CHECK_EQ(hear(fd), -EINVAL);
	close(mem);

	mem = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK_EQ(ftruncate(mem, 2 * GNT_PAGE_BYTES), 0);
	say_op(fd, HUB_SHARE, &req, sizeof(req), &mem);
	CHECK_EQ(hear(fd), -EINVAL);			/* can shrink */
	CHECK_EQ(fcntl(mem, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", mem);
	other = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(other >= 0);
	say_op(fd, HUB_SHARE, &req, sizeof(req), &other);
	CHECK_EQ(hear(fd), -EINVAL);			/* cannot be written */
	close(other);
	say_op(fd, HUB_SHARE, &req, sizeof(req), &mem);
	CHECK_EQ(hear(fd), 0);
	CHECK_EQ(fcntl(mem, F_ADD_SEALS, F_SEAL_GROW), 0);
	close(mem);

	mem = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK_EQ(ftruncate(mem, 2 * GNT_PAGE_BYTES - 1), 0);
	CHECK_EQ(fcntl(mem, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	say_op(fd, HUB_SHARE, &req, sizeof(req), &mem);
	CHECK_EQ(hear(fd), -EINVAL);			/* too short */
	close(mem);
	close(fd);
	hub_stop(&hub);
}

/* Half a message, a message in crumbs, a length beyond all bounds. */
TEST(grant_hub, pieces)
{
	struct hub_hdr hdr = { .op = HUB_XS_READ, .bytes = 4 };
	char all[sizeof(hdr) + 4];
	struct hub_proc hub;
	size_t i;
	int fd;

	hub_start(&hub, NULL);
	memcpy(all, &hdr, sizeof(hdr));
	memcpy(all + sizeof(hdr), "name", 4);
	for (i = 0; i < sizeof(all); i++) {
		fd = dial_as(&hub, 1, NULL);
		say(fd, all, i, NULL);
		close(fd);
	}
	fd = dial_as(&hub, 1, NULL);
	for (i = 0; i < sizeof(all); i++)
		say(fd, all + i, 1, NULL);
	CHECK_EQ(hear(fd), 0);
	hdr.bytes = HUB_MAX_BYTES + 1;
	say(fd, &hdr, sizeof(hdr), NULL);
	CHECK_EQ(hear(fd), 1);
	close(fd);

	fd = dial_as(&hub, 1, NULL);
	hdr.bytes = UINT32_MAX;
	say(fd, &hdr, sizeof(hdr), NULL);
	CHECK_EQ(hear(fd), 1);
	close(fd);
	CHECK_EQ(try_open(hub_spec(&hub, 1)), 0);
	hub_stop(&hub);
}

/* Requests without taking the answers: the hub stops reading, and serves the others. */
TEST(grant_hub, never_listens)
{
	struct hub_hdr hdr = { .op = HUB_XS_READ, .bytes = 4 };
	char all[sizeof(hdr) + 4], block[200 * sizeof(all)];
	struct hub_proc hub;
	size_t i;
	int fd;

	hub_start(&hub, NULL);
	memcpy(all, &hdr, sizeof(hdr));
	memcpy(all + sizeof(hdr), "name", 4);
	for (i = 0; i < 200; i++)
		memcpy(block + i * sizeof(all), all, sizeof(all));
	fd = dial_as(&hub, 1, NULL);
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	for (i = 0; i < 1000; i++)
		say(fd, block, sizeof(block), NULL);
	CHECK_EQ(try_open(hub_spec(&hub, 1)), 0);
	close(fd);
	CHECK_EQ(try_open(hub_spec(&hub, 1)), 0);
	hub_stop(&hub);
}

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Good messages with octets changed, and some that never were good; as a guest and as domain 0. */
TEST(grant_hub, noise)
{
	static const uint32_t sizes[HUB_N_OPS] = {
		[HUB_CREATE] = 4, [HUB_DESTROY] = 4, [HUB_SHARE] = 12, [HUB_UNSHARE] = 4,
		[HUB_SHARE_NOTIFY] = 12, [HUB_MAP] = 20, [HUB_EVT_ALLOC] = 8, [HUB_EVT_BIND] = 8,
		[HUB_XS_READ] = 9, [HUB_XS_WRITE] = 12, [HUB_XS_MKDIR] = 9, [HUB_XS_RM] = 9,
		[HUB_XS_LIST] = 9, [HUB_XS_SET_PERMS] = 17, [HUB_XS_WATCH] = 12,
		[HUB_XS_UNWATCH] = 12, [HUB_XS_TX_END] = 8, [HUB_XS_EXISTS] = 4,
	};
	char payload[64], text[64] = "data/a/b\0cd/ef";
	uint32_t seed = 20261119, op, bytes, i, j, n, answers = 0;
	struct hub_hdr hdr;
	struct hub_proc hub;
	int fd, mem, events;

	harness_timeout_s(60);
	hub_start(&hub, NULL);
	for (i = 0; i < 400; i++) {
		fd = dial_as(&hub, i % 3, &events);
		for (j = 0; j < 40; j++) {
			op = 1 + next_random(&seed) % HUB_N_OPS;
			bytes = op < HUB_N_OPS ? sizes[op] : 5;
			if (next_random(&seed) % 16 == 0)
				bytes = next_random(&seed) % sizeof(payload);
			memset(payload, 0, sizeof(payload));
			if (op >= HUB_XS_READ && op != HUB_XS_TX_END && op != HUB_XS_SET_PERMS)
				memcpy(payload, text, sizeof(text));
			else
				for (n = 0; n < bytes; n += 4)
					payload[n] = (char)(next_random(&seed) % 12);
			if (next_random(&seed) % 4 == 0 && bytes)
				payload[next_random(&seed) % bytes] = (char)next_random(&seed);
			/* A destroyed domain 1 or 2 would end the test's own openings. */
			if (op == HUB_DESTROY)
				payload[0] |= 16;

			hdr = (struct hub_hdr){ .op = op, .bytes = bytes };
			if (next_random(&seed) % 4 == 0)
				hdr.tx = next_random(&seed) % 4;
			say(fd, &hdr, sizeof(hdr), NULL);
			mem = -1;
			if (op == HUB_SHARE) {
				mem = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);
				CHECK_EQ(ftruncate(mem, 8 * GNT_PAGE_BYTES), 0);
				CHECK_EQ(fcntl(mem, F_ADD_SEALS, F_SEAL_SHRINK), 0);
			}
			if (bytes)
				say(fd, payload, bytes, mem < 0 ? NULL : &mem);
			if (mem >= 0)
				close(mem);
			if (hear(fd) == 1)
				break;
			answers++;
		}
		close(events);
		close(fd);
	}
	CHECK_EQ(answers, 400 * 40);
	CHECK_EQ(try_open(hub_spec(&hub, 1)), 0);
	hub_stop(&hub);
}

/* Who lets go of its events gets no more of anything. */
TEST(grant_hub, events_closed)
{
	struct hub_proc hub;
	int fd, events;

	hub_start(&hub, NULL);
	fd = dial_as(&hub, 1, &events);
	say_op(fd, HUB_XS_READ, "name", 4, NULL);
	CHECK_EQ(hear(fd), 0);
	close(events);
	CHECK_EQ(hear(fd), 1);
	close(fd);
	hub_stop(&hub);
}

/* Many at once. */
TEST(grant_hub, many_clients)
{
	struct hub_proc hub;
	struct plat *plat[200];
	int i;

	hub_start(&hub, NULL);
	for (i = 0; i < 200; i++)
		plat[i] = hub_plat(&hub, (unsigned int)i % 3);
	for (i = 0; i < 200; i++)
		plat_close(plat[i]);
	CHECK_EQ(try_open(hub_spec(&hub, 1)), 0);
	hub_stop(&hub);
}
