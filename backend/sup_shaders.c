// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vgpu's store of compiled shaders (ctl_shaders.h): made with the vgpu, given to each session, gone
 * with the vgpu. Nothing is ever taken out of one; one that is full is replaced when no session
 * uses it.
 */
#include <string.h>
#include <unistd.h>

#include "sup.h"

void sup_shaders_free(struct sup_device *dev)
{
	if (!dev->shaders.store)
		return;
	shaders_unmap(&dev->shaders);
	close(dev->shaders_fd);
}

bool sup_shaders_ready(struct sup_device *dev)
{
	const uint32_t mib = dev->sup->cfg.shader_store_mib;
	int err;

	if (dev->shaders.store && !dev->n_open && shaders_full(&dev->shaders)) {
		log_line(LOG_LEVEL_INFO, &dev->dom->rate, "domain %u (%s) vgpu %u: its compiled "
			 "shaders fill --shader-store=%u and are forgotten", dev->dom->domid,
			 dev->dom->name, dev->devid, mib);
		sup_shaders_free(dev);
	}
	if (dev->shaders.store || !mib)
		return dev->shaders.store;
	dev->shaders_fd = shaders_create(mib << 20);
	err = dev->shaders_fd < 0 ? dev->shaders_fd : shaders_map(dev->shaders_fd, &dev->shaders);
	if (!err)
		return true;
	if (dev->shaders_fd >= 0)
		close(dev->shaders_fd);
	/* Its programs start more slowly; that is all. */
	log_line(LOG_LEVEL_WARNING, &dev->dom->rate, "domain %u (%s) vgpu %u: no memory for its "
		 "compiled shaders: %s", dev->dom->domid, dev->dom->name, dev->devid,
		 strerror(-err));
	return false;
}
