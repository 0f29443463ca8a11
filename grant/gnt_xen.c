// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sharing and mapping on Xen, by the ioctls of /dev/xen/gntalloc and /dev/xen/gntdev themselves.
 * libxengnttab cannot serve here: it maps into the calling process, so the descriptor and the
 * index that another process needs stay hidden inside it; it hands out one descriptor for all
 * shares; and it logs. Every share and every mapping has a descriptor of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/grant_table.h>

#include <xen/gntalloc.h>
#include <xen/gntdev.h>

#include "platform_priv.h"

#define GNTALLOC_DEVICE	"/dev/xen/gntalloc"
#define GNTALLOC_LIMIT	"/sys/module/xen_gntalloc/parameters/limit"
#define GNTDEV_DEVICE	"/dev/xen/gntdev"

/* Opens a device node. A missing node and a node without its module are the same to the caller. */
static int open_device(const char *path, int flags)
{
	const int fd = open(path, flags | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	return errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
}

/*
 * Grants the pages and reports the references. On a fresh descriptor the kernel numbers regions
 * from 0. Source: linux drivers/xen/gntalloc.c, gntalloc_ioctl_alloc().
 */
static int alloc_grefs(int fd, uint16_t peer_domid, uint32_t n_pages, bool peer_writable,
		       uint32_t *refs)
{
	struct ioctl_gntalloc_alloc_gref *op;
	int err = 0;

	op = calloc(1, sizeof(*op) + (n_pages - 1) * sizeof(op->gref_ids[0]));
	if (!op)
		return -ENOMEM;
	op->domid = peer_domid;
	op->flags = peer_writable ? GNTALLOC_FLAG_WRITABLE : 0;
	op->count = n_pages;

	if (ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, op))
		err = -errno;
	else if (op->index)
		err = -EPROTO;
	else
		memcpy(refs, op->gref_ids, n_pages * sizeof(*refs));
	free(op);
	return err;
}

int gnt_xen_share(struct plat *plat, uint16_t peer_domid, uint32_t n_pages, bool peer_writable,
		  struct gnt_share *out)
{
	int fd, err;
	void *addr;

	(void)plat;
	fd = open_device(GNTALLOC_DEVICE, O_RDWR);
	if (fd < 0)
		return fd;
	err = alloc_grefs(fd, peer_domid, n_pages, peer_writable, out->refs);
	if (err)
		goto out_close;

	/* MAP_SHARED: the driver refuses anything else, with a line in the kernel log. */
	addr = mmap(NULL, (size_t)n_pages * GNT_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	if (addr == MAP_FAILED) {
		err = -errno;
		goto out_close;
	}

	out->addr = addr;
	out->fd = fd;
	return 0;

out_close:
	close(fd); /* revokes what was granted */
	return err;
}

int gnt_xen_share_notify(struct plat *plat, struct gnt_share *share, uint32_t offset_bytes,
			 uint32_t port)
{
	struct ioctl_gntalloc_unmap_notify op = {
		.index = offset_bytes,
		.action = UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT,
		.event_channel_port = port,
	};

	(void)plat;
	return ioctl(share->fd, IOCTL_GNTALLOC_SET_UNMAP_NOTIFY, &op) ? -errno : 0;
}

void gnt_xen_unshare(struct plat *plat, struct gnt_share *share)
{
	struct ioctl_gntalloc_dealloc_gref op = { .index = 0, .count = share->n_pages };

	(void)plat;
	/*
	 * Closing revokes as well, but only with the last descriptor, and another process may hold
	 * one. Pages that the other side has mapped still go when it lets go of them.
	 */
	ioctl(share->fd, IOCTL_GNTALLOC_DEALLOC_GREF, &op);
	close(share->fd);
}

/*
 * The ioctl only notes the references; the hypervisor is asked when the descriptor is mapped, and
 * with the access of that mapping. So a reference that does not map shows in gnt_mmap(). A
 * descriptor opened read-only cannot be mapped for writing, whoever holds it.
 * Source: linux drivers/xen/gntdev.c, gntdev_ioctl_map_grant_ref(), gntdev_mmap().
 */
int gnt_xen_map_refs(struct plat *plat, uint16_t domid, const uint32_t *refs, uint32_t n_pages,
		     bool writable, struct gnt_grant *out)
{
	struct ioctl_gntdev_map_grant_ref *op;
	uint32_t i;
	int fd, err;

	(void)plat;
	fd = open_device(GNTDEV_DEVICE, writable ? O_RDWR : O_RDONLY);
	if (fd < 0)
		return fd;
	op = calloc(1, sizeof(*op) + (n_pages - 1) * sizeof(op->refs[0]));
	if (!op) {
		err = -ENOMEM;
		goto out_close;
	}
	op->count = n_pages;
	for (i = 0; i < n_pages; i++) {
		op->refs[i].domid = domid;
		op->refs[i].ref = refs[i];
	}
	if (ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, op)) {
		err = errno == EINVAL ? -EFAULT : -errno;
		goto out_free;
	}

	out->n_extents = 1;
	out->extent[0].fd = fd;
	out->extent[0].n_pages = n_pages;
	out->extent[0].offset_bytes = op->index;
	free(op);
	return 0;

out_free:
	free(op);
out_close:
	close(fd);
	return err;
}

/* The current value of gntalloc's limit, in pages; "?" when it cannot be read. */
static void read_limit(char *text, size_t bytes)
{
	ssize_t len = -1;
	int fd;

	fd = open(GNTALLOC_LIMIT, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		len = read(fd, text, bytes - 1);
		close(fd);
	}
	if (len <= 0) {
		snprintf(text, bytes, "?");
		return;
	}
	text[len] = 0;
	text[strcspn(text, "\n")] = 0;
}

const char *gnt_xen_explain(int err)
{
	static char text[768];
	char limit[32];

	switch (err < 0 ? -err : err) {
	case ENOSPC:
		read_limit(limit, sizeof(limit));
		snprintf(text, sizeof(text),
			 "out of grants: the xen_gntalloc limit is %s pages of 4 KiB for the whole "
			 "domain; raise it with 'echo 16384 > " GNTALLOC_LIMIT "' or, for good, "
			 "with 'options xen_gntalloc limit=16384' in /etc/modprobe.d/xengpu.conf; "
			 "if that is not it, the domain's grant table is full: raise "
			 "max_grant_frames in its xl.cfg (512 pages for each frame, 64 frames by "
			 "default)",
			 limit);
		return text;
	case ENODEV:
		return "no " GNTALLOC_DEVICE " or " GNTDEV_DEVICE " or /dev/xen/evtchn: load the "
		       "modules with 'modprobe -a xen-gntalloc xen-gntdev xen-evtchn' (a guest "
		       "needs xen-gntalloc and xen-evtchn, the driver domain xen-gntdev and "
		       "xen-evtchn), and check that this is a Xen domain: /sys/hypervisor/type "
		       "says xen";
	case EACCES:
	case EPERM:
		return "no access to " GNTALLOC_DEVICE " or " GNTDEV_DEVICE ": they belong to "
		       "root; a udev rule can give them to a group";
	case ENOMEM:
		return "out of memory: shared pages cannot be swapped, so they need free memory";
	case EMFILE:
	case ENFILE:
		return "out of file descriptors, each share and each mapping needs one: raise "
		       "LimitNOFILE= or ulimit -n";
	default:
		snprintf(text, sizeof(text), "%s", strerror(err < 0 ? -err : err));
		return text;
	}
}
