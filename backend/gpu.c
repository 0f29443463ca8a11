// SPDX-License-Identifier: GPL-2.0-only
/* Choosing an execution engine, and what all of them share; see gpu.h. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "gpu.h"

static const struct gpu_ops *const engines[] = {
	&gpu_virgl_ops,
};

int gpu_open(struct gpu *gpu, const struct gpu_config *config, char why[GPU_MAX_TEXT])
{
	size_t i;

	for (i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		if (strcmp(engines[i]->name, config->engine))
			continue;
		*gpu = (struct gpu){ .ops = engines[i], .config = *config };
		return gpu->ops->init(gpu, config->device, why);
	}
	snprintf(why, GPU_MAX_TEXT, "there is no engine \"%s\"; this build has \"virgl\"",
		 config->engine);
	return -EINVAL;
}

void gpu_close(struct gpu *gpu)
{
	gpu->ops->fini(gpu);
}

const struct gpu_capset *gpu_capset(const struct gpu *gpu, uint32_t id)
{
	uint32_t i;

	for (i = 0; i < gpu->n_capsets; i++)
		if (gpu->capset[i].id == id)
			return &gpu->capset[i];
	return NULL;
}
