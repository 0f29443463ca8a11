// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xenstore paths of a vgpu; see paths.h. The longest is well within PATHS_BYTES, which config_paths
 * tests.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "paths.h"
#include "vgpuif.h"
#include "xenbus.h"

__attribute__((format(printf, 2, 3)))
static struct path build(const char *node, const char *fmt, ...)
{
	struct path p;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(p.s, sizeof(p.s), fmt, ap);
	va_end(ap);
	if (node && n >= 0 && (size_t)n < sizeof(p.s))
		snprintf(p.s + n, sizeof(p.s) - (size_t)n, "/%s", node);
	return p;
}

struct path paths_home(uint16_t domid, const char *node)
{
	return build(node, "/local/domain/%u", domid);
}

struct path paths_front(uint16_t domid, uint16_t devid, const char *node)
{
	return build(node, "/local/domain/%u/device/" VGPUIF_DEVICE_CLASS "/%u", domid, devid);
}

struct path paths_fronts(uint16_t domid)
{
	return build(NULL, "/local/domain/%u/device/" VGPUIF_DEVICE_CLASS, domid);
}

struct path paths_back(uint16_t backend, uint16_t domid, uint16_t devid, const char *node)
{
	return build(node, "/local/domain/%u/backend/" VGPUIF_DEVICE_CLASS "/%u/%u", backend, domid,
		     devid);
}

struct path paths_backs(uint16_t backend, uint16_t domid)
{
	return build(NULL, "/local/domain/%u/backend/" VGPUIF_DEVICE_CLASS "/%u", backend, domid);
}

struct path paths_back_root(uint16_t backend)
{
	return build(NULL, "/local/domain/%u/backend/" VGPUIF_DEVICE_CLASS, backend);
}

struct path paths_libxl(uint16_t domid, uint16_t devid, const char *node)
{
	return build(node, "/libxl/%u/device/" VGPUIF_DEVICE_CLASS "/%u", domid, devid);
}

struct path paths_libxls(uint16_t domid)
{
	return build(NULL, "/libxl/%u/device/" VGPUIF_DEVICE_CLASS, domid);
}

struct path paths_libxl_domain(uint16_t domid, const char *node)
{
	return build(node, "/libxl/%u", domid);
}

struct path paths_front_session(uint16_t domid, uint16_t devid, uint32_t session, const char *node)
{
	return build(node, "/local/domain/%u/device/" VGPUIF_DEVICE_CLASS "/%u/" VGPUIF_NODE_SESSION
		     "%u", domid, devid, session);
}

struct path paths_back_session(uint16_t backend, uint16_t domid, uint16_t devid, uint32_t session,
			       const char *node)
{
	return build(node, "/local/domain/%u/backend/" VGPUIF_DEVICE_CLASS "/%u/%u/"
		     VGPUIF_NODE_SESSION "%u", backend, domid, devid, session);
}

bool paths_parse_session(const char *name, uint32_t max, uint32_t *out)
{
	const size_t prefix = strlen(VGPUIF_NODE_SESSION);
	char digits[12];
	uint32_t value;
	size_t len;

	if (strncmp(name, VGPUIF_NODE_SESSION, prefix))
		return false;
	name += prefix;
	len = strcspn(name, "/");
	if (len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, name, len);
	digits[len] = '\0';
	if (xenbus_parse_u32(digits, &value) || value >= max)
		return false;
	*out = value;
	return true;
}

const char *paths_after(const char *dir, const char *path)
{
	size_t len = strlen(dir);

	if (strncmp(dir, path, len))
		return NULL;
	if (!path[len])
		return path + len;
	return path[len] == '/' ? path + len + 1 : NULL;
}
