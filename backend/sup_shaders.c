// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vgpu's store of compiled shaders (ctl_shaders.h): made with the vgpu, given to each session, gone
 * with the vgpu. Nothing is ever taken out of one; one that is full is replaced when no session
 * uses it. It is never mapped here: its workers write it, and can make holes in it.
 */
#include <string.h>
#include <unistd.h>

#include "ctl_shaders.h"
#include "sup.h"

void sup_shaders_free(struct sup_device *dev)
{
	if (dev->shaders_fd >= 0)
		close(dev->shaders_fd);
	dev->shaders_fd = -1;
}

bool sup_shaders_ready(struct sup_device *dev)
{
	const uint32_t bytes = dev->sup->cfg.shader_store_mib << 20;
	int fd;

	if (dev->shaders_fd >= 0 && !dev->n_open && shaders_full(dev->shaders_fd, bytes)) {
		log_line(LOG_LEVEL_INFO, &dev->dom->rate, "domain %u (%s) vgpu %u: its compiled "
			 "shaders fill --shader-store=%u and are forgotten", dev->dom->domid,
			 dev->dom->name, dev->devid, bytes >> 20);
		sup_shaders_free(dev);
	}
	if (dev->shaders_fd >= 0 || !bytes)
		return dev->shaders_fd >= 0;
	fd = shaders_create(bytes);
	if (fd >= 0) {
		dev->shaders_fd = fd;
		return true;
	}
	/* Its programs start more slowly; that is all. */
	log_line(LOG_LEVEL_WARNING, &dev->dom->rate, "domain %u (%s) vgpu %u: no memory for its "
		 "compiled shaders: %s", dev->dom->domid, dev->dom->name, dev->devid, strerror(-fd));
	return false;
}
