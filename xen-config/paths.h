/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where everything of a vgpu lies in xenstore. Paths are built from numbers only; what a guest
 * wrote (such as its "backend" node) is never followed. A path is returned by value, to be used
 * as paths_front(domid, devid, "state").s within one expression.
 */
#ifndef CONFIG_PATHS_H
#define CONFIG_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#define PATHS_BYTES	160u

struct path {
	char s[PATHS_BYTES];
};

/* paths_home() - /local/domain/D, or @node in it; NULL for the directory itself, here and below. */
struct path paths_home(uint16_t domid, const char *node);

/* paths_front() - the frontend's directory of a device, /local/domain/G/device/vgpu/N. */
struct path paths_front(uint16_t domid, uint16_t devid, const char *node);

/* paths_fronts() - the directory of all of a guest's frontends, /local/domain/G/device/vgpu. */
struct path paths_fronts(uint16_t domid);

/* paths_back() - the backend's directory of a device, /local/domain/B/backend/vgpu/G/N. */
struct path paths_back(uint16_t backend, uint16_t domid, uint16_t devid, const char *node);

/* paths_backs() - the directory of all backends of a guest, /local/domain/B/backend/vgpu/G. */
struct path paths_backs(uint16_t backend, uint16_t domid);

/* paths_back_root() - /local/domain/B/backend/vgpu. */
struct path paths_back_root(uint16_t backend);

/* paths_libxl() - the toolstack's own record, /libxl/G/device/vgpu/N; no guest can write there. */
struct path paths_libxl(uint16_t domid, uint16_t devid, const char *node);

/* paths_libxls() - the directory of all records of a guest, /libxl/G/device/vgpu. */
struct path paths_libxls(uint16_t domid);

/* paths_libxl_domain() - /libxl/G. */
struct path paths_libxl_domain(uint16_t domid, const char *node);

/* paths_front_session(), paths_back_session() - session-I in the above. */
struct path paths_front_session(uint16_t domid, uint16_t devid, uint32_t session, const char *node);
struct path paths_back_session(uint16_t backend, uint16_t domid, uint16_t devid, uint32_t session,
			       const char *node);

/*
 * paths_parse_session() - the number in a directory name "session-I".
 * @name: untrusted; ends at its terminator or at a '/'.
 * @out:  set on success only; below @max.
 * Returns whether it is one.
 */
bool paths_parse_session(const char *name, uint32_t max, uint32_t *out);

/*
 * paths_after() - what follows a directory in a path: "" for the directory itself, the rest
 * without the '/' for something below it, NULL otherwise.
 */
const char *paths_after(const char *dir, const char *path);

#endif
