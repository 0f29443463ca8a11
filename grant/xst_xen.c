// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xenstore on Xen, by libxenstore. From the first watch on, the library has a thread that reads
 * and a list of events, in this process's memory and without a limit. Link it dynamically: in a
 * static program xs_watch() fails, because that thread's stack is too small.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include "platform_priv.h"

struct xst_xen {
	struct xst base;
	struct xs_handle *xs;
};

static struct xs_handle *to_xs(struct xst *xst)
{
	return container_of(xst, struct xst_xen, base)->xs;
}

static int result(bool ok)
{
	if (ok)
		return 0;
	return errno ? -errno : -EIO;
}

static void xst_xen_close(struct xst *xst)
{
	xs_close(to_xs(xst));
	free(container_of(xst, struct xst_xen, base));
}

static int xst_xen_read(struct xst *xst, xst_tx tx, const char *path, char **value, size_t *bytes)
{
	unsigned int len;
	char *got;

	got = xs_read(to_xs(xst), tx, path, &len);
	if (!got)
		return result(false);
	*value = got;
	*bytes = len;
	return 0;
}

static int xst_xen_write(struct xst *xst, xst_tx tx, const char *path, const char *value,
			 size_t bytes)
{
	return result(xs_write(to_xs(xst), tx, path, value, (unsigned int)bytes));
}

static int xst_xen_mkdir(struct xst *xst, xst_tx tx, const char *path)
{
	return result(xs_mkdir(to_xs(xst), tx, path));
}

static int xst_xen_rm(struct xst *xst, xst_tx tx, const char *path)
{
	return result(xs_rm(to_xs(xst), tx, path));
}

static int xst_xen_list(struct xst *xst, xst_tx tx, const char *path, char **names,
			size_t *n_names)
{
	unsigned int i, n;
	size_t bytes = 0;
	char **list, *end;

	list = xs_directory(to_xs(xst), tx, path, &n);
	if (!list)
		return result(false);
	for (i = 0; i < n; i++)
		bytes += strlen(list[i]) + 1;
	*names = malloc(bytes + 1);
	if (!*names) {
		free(list);
		return -ENOMEM;
	}
	for (i = 0, end = *names; i < n; i++)
		end = stpcpy(end, list[i]) + 1;
	free(list);
	*n_names = n;
	return 0;
}

static int xst_xen_set_perms(struct xst *xst, xst_tx tx, const char *path, uint16_t owner,
			     uint16_t reader)
{
	struct xs_permissions perms[2] = {
		{ .id = owner, .perms = XS_PERM_NONE },
		{ .id = reader, .perms = XS_PERM_READ },
	};

	return result(xs_set_permissions(to_xs(xst), tx, path, perms, owner == reader ? 1 : 2));
}

static int xst_xen_watch(struct xst *xst, const char *path, const char *token)
{
	return result(xs_watch(to_xs(xst), path, token));
}

static int xst_xen_unwatch(struct xst *xst, const char *path, const char *token)
{
	return result(xs_unwatch(to_xs(xst), path, token));
}

static int xst_xen_fd(struct xst *xst)
{
	return xs_fileno(to_xs(xst));
}

static int xst_xen_next_event(struct xst *xst, char *path, char *token)
{
	char **event;

	event = xs_check_watch(to_xs(xst));
	if (!event)
		return errno == EAGAIN ? 0 : -errno;
	/* The other domain chooses the length of what it writes below a watched node. */
	snprintf(path, XST_MAX_PATH, "%s", event[XS_WATCH_PATH]);
	snprintf(token, XST_MAX_PATH, "%s", event[XS_WATCH_TOKEN]);
	free(event);
	return 1;
}

static int xst_xen_tx_begin(struct xst *xst, xst_tx *tx)
{
	const xs_transaction_t t = xs_transaction_start(to_xs(xst));

	if (t == XBT_NULL)
		return result(false);
	*tx = t;
	return 0;
}

static int xst_xen_tx_end(struct xst *xst, xst_tx tx, bool commit)
{
	return result(xs_transaction_end(to_xs(xst), tx, !commit));
}

static int xst_xen_domain_exists(struct xst *xst, uint16_t domid)
{
	/* The library's false is "no", or an error: for example that only domain 0 may ask. */
	errno = 0;
	if (xs_is_domain_introduced(to_xs(xst), domid))
		return 1;
	return errno ? -errno : 0;
}

static const struct xst_ops xst_xen_ops = {
	.close = xst_xen_close,
	.read = xst_xen_read,
	.write = xst_xen_write,
	.mkdir = xst_xen_mkdir,
	.rm = xst_xen_rm,
	.list = xst_xen_list,
	.set_perms = xst_xen_set_perms,
	.watch = xst_xen_watch,
	.unwatch = xst_xen_unwatch,
	.fd = xst_xen_fd,
	.next_event = xst_xen_next_event,
	.tx_begin = xst_xen_tx_begin,
	.tx_end = xst_xen_tx_end,
	.domain_exists = xst_xen_domain_exists,
};

int xst_xen_open(struct plat *plat, struct xst **out)
{
	struct xst_xen *xen;
	int err;

	(void)plat;
	xen = calloc(1, sizeof(*xen));
	if (!xen)
		return -ENOMEM;
	xen->base.ops = &xst_xen_ops;
	xen->xs = xs_open(0);
	if (!xen->xs) {
		err = errno == ENXIO || !errno ? -ENOENT : -errno;
		free(xen);
		return err;
	}
	*out = &xen->base;
	return 0;
}
