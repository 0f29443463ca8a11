// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sharing and mapping, the part that is the same on every platform: argument checks, the mapping
 * of descriptors into memory, and the counters.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform_priv.h"

/* What a struct gnt_share is inside; its priv points here. */
struct share {
	struct gnt_share pub;
	struct plat *plat;
};

int gnt_share(struct plat *plat, uint16_t peer_domid, uint32_t n_pages, bool peer_writable,
	      struct gnt_share **out)
{
	struct share *share;
	int err;

	if (!n_pages || n_pages > GNT_MAX_PAGES)
		return -EINVAL;

	share = calloc(1, sizeof(*share));
	if (!share)
		return -ENOMEM;
	share->plat = plat;
	share->pub.n_pages = n_pages;
	share->pub.fd = -1;
	share->pub.priv = share;
	share->pub.refs = calloc(n_pages, sizeof(*share->pub.refs));
	if (!share->pub.refs) {
		err = -ENOMEM;
		goto out_free;
	}

	err = plat->ops->share(plat, peer_domid, n_pages, peer_writable, &share->pub);
	if (err)
		goto out_free;

	plat_count.share_ops++;
	plat_count.pages_shared += n_pages;
	*out = &share->pub;
	return 0;

out_free:
	free(share->pub.refs);
	free(share);
	return err;
}

int gnt_share_notify_on_loss(struct gnt_share *share, uint32_t offset_bytes, struct evt *evt)
{
	struct plat *plat = ((struct share *)share->priv)->plat;

	if (offset_bytes >= (uint64_t)share->n_pages * GNT_PAGE_BYTES)
		return -EINVAL;
	return plat->ops->share_notify(plat, share, offset_bytes, evt->port);
}

void gnt_unshare(struct gnt_share *share)
{
	struct share *priv;

	if (!share)
		return;
	priv = share->priv;

	/* Before the grants are revoked: gntalloc keeps a page for as long as anybody maps it. */
	munmap(share->addr, (size_t)share->n_pages * GNT_PAGE_BYTES);
	priv->plat->ops->unshare(priv->plat, share);

	plat_count.unshare_ops++;
	free(share->refs);
	free(priv);
}

int gnt_map_refs(struct plat *plat, uint16_t domid, const uint32_t *refs, uint32_t n_pages,
		 bool writable, struct gnt_grant *out)
{
	struct gnt_grant grant = { .n_pages = n_pages, .writable = writable };
	uint32_t i;
	int err;

	if (!n_pages || n_pages > GNT_MAX_PAGES)
		return -EINVAL;
	/* 0 would map: the guest's console. Source: xen/grant_table.h, GNTTAB_RESERVED_CONSOLE. */
	for (i = 0; i < n_pages; i++)
		if (!refs[i])
			return -EINVAL;

	err = plat->ops->map_refs(plat, domid, refs, n_pages, writable, &grant);
	if (err)
		return err;

	plat_count.map_ops++;
	plat_count.pages_mapped += n_pages;
	*out = grant;
	return 0;
}

void gnt_grant_close(struct gnt_grant *grant)
{
	uint32_t i;

	for (i = 0; i < grant->n_extents; i++)
		close(grant->extent[i].fd);
	grant->n_extents = 0;
}

/* The extents must be what they claim to be: a short one would leave a hole. */
static int check_extents(const struct gnt_grant *grant)
{
	uint64_t n_pages = 0;
	uint32_t i;

	if (!grant->n_extents || grant->n_extents > GNT_MAX_EXTENTS)
		return -EFAULT;
	for (i = 0; i < grant->n_extents; i++)
		n_pages += grant->extent[i].n_pages;
	return grant->n_pages && n_pages == grant->n_pages ? 0 : -EFAULT;
}

/*
 * gntdev enters every page when it is mapped. A memfd does the same if it is asked to, so that no
 * platform takes page faults later, when time counts. (Not asked of gntdev: its pages are special.)
 */
static int populate_flag(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) ? MAP_POPULATE : 0;
}

int gnt_mmap(const struct gnt_grant *grant, void **out)
{
	const int prot = grant->writable ? PROT_READ | PROT_WRITE : PROT_READ;
	const size_t bytes = (size_t)grant->n_pages * GNT_PAGE_BYTES;
	void *base = NULL;
	int fixed = 0, err;
	char *at;
	uint32_t i;

	err = check_extents(grant);
	if (err)
		return err;

	if (grant->n_extents > 1) {
		base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			    -1, 0);
		if (base == MAP_FAILED)
			return -ENOMEM;
		fixed = MAP_FIXED;
	}

	at = base;
	for (i = 0; i < grant->n_extents; i++) {
		const struct gnt_extent *ext = &grant->extent[i];
		const size_t ext_bytes = (size_t)ext->n_pages * GNT_PAGE_BYTES;
		void *got = mmap(at, ext_bytes, prot, MAP_SHARED | fixed | populate_flag(ext->fd),
				 ext->fd, (off_t)ext->offset_bytes);

		if (got == MAP_FAILED) {
			err = errno == ENOMEM ? -ENOMEM : -EFAULT;
			if (fixed)
				munmap(base, bytes);
			return err;
		}
		if (!fixed)
			base = got;
		at = (char *)got + ext_bytes;
	}

	*out = base;
	return 0;
}

void gnt_munmap(void *addr, uint32_t n_pages)
{
	if (!addr)
		return;
	munmap(addr, (size_t)n_pages * GNT_PAGE_BYTES);
	plat_count.unmap_ops++;
}

const char *gnt_explain(struct plat *plat, int err)
{
	return plat->ops->explain(err);
}
