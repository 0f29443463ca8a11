// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sharing and mapping on the local platform. A share is a memfd; the hub keeps a copy and numbers
 * its pages. A mapping is what the hub hands back: descriptors of the memfds its pages lie in.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "local_priv.h"

/*
 * A memfd of fixed size: sealed, so that its owner cannot make a page go away below its peer,
 * which on Xen it cannot do either. The mode makes a read-only copy stay read-only for whoever is
 * not root.
 */
static int create_pages(size_t bytes)
{
	int fd, err;

	fd = memfd_create("xengpu-share", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) || fchmod(fd, 0444) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int gnt_local_share(struct plat *plat, uint16_t peer_domid, uint32_t n_pages, bool peer_writable,
		    struct gnt_share *out)
{
	const size_t bytes = (size_t)n_pages * GNT_PAGE_BYTES;
	const struct hub_share_req req = {
		.peer_domid = peer_domid, .n_pages = n_pages, .peer_writable = peer_writable,
	};
	struct local_call call = {
		.op = HUB_SHARE, .head = &req, .head_bytes = sizeof(req), .send_fd = true,
		.reply = out->refs, .reply_room = n_pages * sizeof(*out->refs),
	};
	int fd, err;
	void *addr;

	fd = create_pages(bytes);
	if (fd < 0)
		return fd;
	addr = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (addr == MAP_FAILED) {
		err = -errno;
		goto out_close;
	}
	call.fd = fd;
	err = local_call(&to_plat_local(plat)->conn, &call);
	if (!err && call.reply_bytes != call.reply_room)
		err = -EPROTO;
	if (err)
		goto out_unmap;

	out->addr = addr;
	out->fd = fd;
	return 0;

out_unmap:
	munmap(addr, bytes);
out_close:
	close(fd);
	return err;
}

int gnt_local_share_notify(struct plat *plat, struct gnt_share *share, uint32_t offset_bytes,
			   uint32_t port)
{
	const struct hub_notify_req req = {
		.ref = share->refs[0], .offset_bytes = offset_bytes, .port = port,
	};
	struct local_call call = {
		.op = HUB_SHARE_NOTIFY, .head = &req, .head_bytes = sizeof(req),
	};

	return local_call(&to_plat_local(plat)->conn, &call);
}

void gnt_local_unshare(struct plat *plat, struct gnt_share *share)
{
	const struct hub_unshare_req req = { .ref = share->refs[0] };
	struct local_call call = {
		.op = HUB_UNSHARE, .head = &req, .head_bytes = sizeof(req),
	};

	/* If this fails, the hub or the domain is gone, and the grants with it. */
	local_call(&to_plat_local(plat)->conn, &call);
	close(share->fd);
}

int gnt_local_map_refs(struct plat *plat, uint16_t domid, const uint32_t *refs, uint32_t n_pages,
		       bool writable, struct gnt_grant *out)
{
	const struct hub_map_req req = {
		.domid = domid, .n_pages = n_pages, .writable = writable,
	};
	struct hub_extent extent[GNT_MAX_EXTENTS];
	int fds[GNT_MAX_EXTENTS];
	struct local_call call = {
		.op = HUB_MAP, .head = &req, .head_bytes = sizeof(req),
		.body = refs, .body_bytes = n_pages * sizeof(*refs),
		.reply = extent, .reply_room = sizeof(extent),
		.fds = fds, .fds_room = GNT_MAX_EXTENTS, .any_fds = true,
	};
	uint32_t i;
	int err;

	_Static_assert(GNT_MAX_EXTENTS <= HUB_MAX_FDS, "the hub cannot send so many descriptors");
	err = local_call(&to_plat_local(plat)->conn, &call);
	if (err)
		return err;
	if (call.reply_bytes != call.n_fds * sizeof(extent[0])) {
		while (call.n_fds)
			close(fds[--call.n_fds]);
		return -EPROTO;
	}

	out->n_extents = call.n_fds;
	for (i = 0; i < call.n_fds; i++) {
		out->extent[i].fd = fds[i];
		out->extent[i].n_pages = extent[i].n_pages;
		out->extent[i].offset_bytes = (uint64_t)extent[i].first_page * GNT_PAGE_BYTES;
	}
	return 0;
}

const char *gnt_local_explain(int err)
{
	static char text[128];

	switch (err < 0 ? -err : err) {
	case ENOSPC:
		return "out of grants: the domain's table in xengpu-localhub is full; start it "
		       "with a larger --max-grants (on Xen this would be the xen_gntalloc limit or "
		       "max_grant_frames)";
	case ENODEV:
		return "xengpu-localhub is gone, or has destroyed this domain";
	case EMFILE:
	case ENFILE:
		return "out of file descriptors, each share and each mapping needs some: raise "
		       "ulimit -n";
	default:
		snprintf(text, sizeof(text), "%s", strerror(err < 0 ? -err : err));
		return text;
	}
}
