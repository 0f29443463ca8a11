// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xenstore, the part that is the same on every platform: limits, and what is made of the basic
 * operations.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform_priv.h"

static int check_path(const char *path)
{
	if (!*path)
		return -EINVAL;
	return strnlen(path, XST_MAX_PATH) < XST_MAX_PATH ? 0 : -ENAMETOOLONG;
}

bool xst_is_trouble(int err)
{
	switch (err) {
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -EIO:
		return true;
	default:
		return false;
	}
}

static int note(struct xst *xst, int err)
{
	if (xst_is_trouble(err))
		xst->trouble = err;
	return err;
}

int xst_take_trouble(struct xst *xst)
{
	const int err = xst->trouble;

	xst->trouble = 0;
	return err;
}

int xst_open(struct plat *plat, struct xst **out)
{
	return plat->ops->xst_open(plat, out);
}

void xst_close(struct xst *xst)
{
	if (xst)
		xst->ops->close(xst);
}

int xst_read(struct xst *xst, xst_tx tx, const char *path, char *buf, size_t bytes)
{
	size_t value_bytes;
	char *value;
	int err;

	err = check_path(path);
	if (err)
		return err;
	err = note(xst, xst->ops->read(xst, tx, path, &value, &value_bytes));
	if (err)
		return err;

	if (value_bytes >= bytes || memchr(value, 0, value_bytes)) {
		free(value);
		return -E2BIG;
	}
	memcpy(buf, value, value_bytes);
	buf[value_bytes] = 0;
	free(value);
	return (int)value_bytes;
}

int xst_read_u32(struct xst *xst, xst_tx tx, const char *path, uint32_t *out)
{
	char text[16];
	uint64_t value = 0;
	int i, len;

	len = xst_read(xst, tx, path, text, sizeof(text));
	if (len < 0)
		return len == -E2BIG ? -EINVAL : len;
	/* 10 digits are enough for UINT32_MAX, and cannot overflow 64 bits. */
	if (!len || len > 10)
		return -EINVAL;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	if (value > UINT32_MAX)
		return -EINVAL;
	*out = (uint32_t)value;
	return 0;
}

int xst_write(struct xst *xst, xst_tx tx, const char *path, const char *value)
{
	const size_t bytes = strnlen(value, XST_MAX_VALUE + 1);
	int err;

	err = check_path(path);
	if (err)
		return err;
	if (bytes > XST_MAX_VALUE)
		return -ENOSPC;
	return note(xst, xst->ops->write(xst, tx, path, value, bytes));
}

int xst_printf(struct xst *xst, xst_tx tx, const char *path, const char *fmt, ...)
{
	char value[XST_MAX_VALUE + 1];
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	if (len < 0)
		return -EINVAL;
	if ((size_t)len > XST_MAX_VALUE)
		return -ENOSPC;
	return xst_write(xst, tx, path, value);
}

int xst_mkdir(struct xst *xst, xst_tx tx, const char *path)
{
	int err = check_path(path);

	return err ? err : note(xst, xst->ops->mkdir(xst, tx, path));
}

int xst_rm(struct xst *xst, xst_tx tx, const char *path)
{
	int err = check_path(path);

	if (!err)
		err = note(xst, xst->ops->rm(xst, tx, path));
	return err == -ENOENT ? 0 : err;
}

int xst_list(struct xst *xst, xst_tx tx, const char *path, int (*each)(const char *name, void *arg),
	     void *arg)
{
	size_t i, n_names;
	char *names, *name;
	int ret;

	ret = check_path(path);
	if (ret)
		return ret;
	ret = note(xst, xst->ops->list(xst, tx, path, &names, &n_names));
	if (ret)
		return ret;

	for (i = 0, name = names; !ret && i < n_names && i < XST_MAX_CHILDREN; i++) {
		ret = each(name, arg);
		name += strlen(name) + 1;
	}
	free(names);
	return ret;
}

int xst_set_perms(struct xst *xst, xst_tx tx, const char *path, uint16_t owner, uint16_t reader)
{
	int err = check_path(path);

	return err ? err : note(xst, xst->ops->set_perms(xst, tx, path, owner, reader));
}

static int check_watch(const char *path, const char *token)
{
	int err = check_path(path);

	if (!err && strnlen(token, XST_MAX_PATH) >= XST_MAX_PATH)
		err = -ENAMETOOLONG;
	return err;
}

int xst_watch(struct xst *xst, const char *path, const char *token)
{
	int err = check_watch(path, token);

	return err ? err : note(xst, xst->ops->watch(xst, path, token));
}

int xst_unwatch(struct xst *xst, const char *path, const char *token)
{
	int err = check_watch(path, token);

	return err ? err : xst->ops->unwatch(xst, path, token);
}

int xst_fd(struct xst *xst)
{
	return xst->ops->fd(xst);
}

int xst_next_event(struct xst *xst, char *path, char *token)
{
	return xst->ops->next_event(xst, path, token);
}

int xst_tx_begin(struct xst *xst, xst_tx *tx)
{
	return note(xst, xst->ops->tx_begin(xst, tx));
}

int xst_tx_end(struct xst *xst, xst_tx tx, bool commit)
{
	return note(xst, xst->ops->tx_end(xst, tx, commit));
}

int xst_own_domid(struct xst *xst, uint16_t *out)
{
	uint32_t domid;
	int err;

	err = xst_read_u32(xst, XST_NO_TX, "domid", &domid);
	if (err)
		return err;
	if (domid > UINT16_MAX)
		return -EINVAL;
	*out = (uint16_t)domid;
	return 0;
}

int xst_domain_exists(struct xst *xst, uint16_t domid)
{
	return note(xst, xst->ops->domain_exists(xst, domid));
}
