// SPDX-License-Identifier: GPL-2.0-only
/* Choosing an execution engine, and what all of them share; see gpu.h. */
#include <string.h>

#include "gpu.h"

int gpu_open(struct gpu *gpu, const struct gpu_config *config, char why[GPU_MAX_TEXT])
{
	const bool model = !strcmp(config->device, gpu_model_ops.name);

	*gpu = (struct gpu){ .ops = model ? &gpu_model_ops : &gpu_virgl_ops, .config = *config };
	return gpu->ops->init(gpu, config->device, why);
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
