/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A worker on a model GPU of its own, whose commands take as long as they say: what is in flight at
 * a moment is known.
 */
#ifndef TESTS_WORKER_MODEL_H
#define TESTS_WORKER_MODEL_H

#include "gpu_model.h"
#include "sup_spawn.h"
#include "worker_rig.h"

/* Start one and give it a session; @limits as rig_bind(). */
RIG_FN void model_start(struct rig *rig, unsigned int order, const struct ctl_bind *limits)
{
	rig_model_fd = model_memory();
	CHECK(rig_model_fd >= 0);
	rig_spawn(rig, "model", NULL);
	close(rig_model_fd);
	rig_model_fd = 0;
	rig_wait_ready(rig);
	CHECK(!strcmp(rig->ready.clock, "model"));
	rig_bind(rig, order, limits);
}

RIG_FN void model_context(struct rig *rig, uint32_t context_id)
{
	struct vgpuif_request create = {
		.operation = VGPUIF_OP_CONTEXT_CREATE,
		.u.context_create = { .context_id = context_id, .capset_id = VGPUIF_CAPSET_MODEL,
				      .n_rings = 1, .name = "rig" } };

	CHECK_EQ(rig_call(rig, &create), 0);
}

#endif
