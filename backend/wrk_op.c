// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handlers of the operations on capsets, contexts and resources, and the table of all of them.
 * A handler gets a request whose fields were checked and whose ids were looked up; what it still
 * has to check is how the fields fit the objects.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/errno.h>

#include "wrk.h"
#include "wrk_size.h"

void wrk_context_settle(struct wrk_context *context, int err)
{
	if (err != -ENOTRECOVERABLE || context->lost)
		return;
	context->lost = true;
	wrk_log("context %u is lost: the renderer executes nothing of it any more",
		context->node.id);
}

static int op_capset_info(struct wrk *w, struct wrk_job *job)
{
	uint32_t i = job->req.u.capset_info.capset_index;

	if (i >= w->gpu.n_capsets)
		return -XEN_ENOENT;
	job->rsp.u.capset_info.capset_id = w->gpu.capset[i].id;
	job->rsp.u.capset_info.max_version = w->gpu.capset[i].max_version;
	job->rsp.u.capset_info.max_bytes = w->gpu.capset[i].max_bytes;
	return 0;
}

static int op_capset_get(struct wrk *w, struct wrk_job *job)
{
	const struct vgpuif_capset_get *args = &job->req.u.capset_get;
	const struct gpu_capset *capset = gpu_capset(&w->gpu, args->capset_id);
	uint32_t bytes;

	if (!capset)
		return -XEN_ENOENT;
	if (args->capset_version > capset->max_version || !job->buffer->writable ||
	    !wrk_buffer_holds(job->buffer, args->offset, args->bytes))
		return -XEN_EINVAL;
	bytes = args->bytes < capset->max_bytes ? args->bytes : capset->max_bytes;
	memcpy(job->buffer->addr + args->offset, capset->data, bytes);
	job->rsp.u.capset_get.bytes = bytes;
	return 0;
}

static int op_context_create(struct wrk *w, struct wrk_job *job)
{
	const struct vgpuif_context_create *args = &job->req.u.context_create;
	struct wrk_context *context;
	int err;

	context = calloc(1, sizeof(*context) + args->n_rings * sizeof(context->ring[0]));
	if (!context)
		return -XEN_ENOMEM;
	context->node.id = args->context_id;
	context->n_rings = args->n_rings;
	context->priority = args->priority;
	err = w->gpu.ops->context_create(&w->gpu, args->context_id, args);
	if (err) {
		free(context);
		return wrk_status(err);
	}
	wrk_table_add(&w->contexts, &context->node);
	w->stats->contexts = w->contexts.count;
	wrk_sched_contexts(w);
	return 0;
}

static int op_context_destroy(struct wrk *w, struct wrk_job *job)
{
	struct wrk_context *context = job->context;

	/* Meanwhile answers that are ready go out, and the watchdog sees that there is progress. */
	while (w->gpu.ops->await_fence && w->gpu.ops->await_fence(&w->gpu)) {
		wrk_fence_take(w);
		wrk_ring_flush(w);
		w->stats->calls += 2;
	}
	wrk_fence_take(w);
	wrk_submit_abandon(w, context);
	wrk_table_del(&w->contexts, &context->node);
	w->gpu.ops->context_destroy(&w->gpu, context->node.id);
	free(context);
	w->stats->contexts = w->contexts.count;
	wrk_sched_contexts(w);
	return 0;
}

static struct wrk_resource *resource_add(struct wrk *w, uint32_t id)
{
	struct wrk_resource *resource = calloc(1, sizeof(*resource));

	if (!resource)
		return NULL;
	resource->node.id = id;
	wrk_table_add(&w->resources, &resource->node);
	w->stats->resources = w->resources.count;
	return resource;
}

static void resource_del(struct wrk *w, struct wrk_resource *resource)
{
	wrk_table_del(&w->resources, &resource->node);
	w->stats->resources = w->resources.count;
	wrk_memory_give(w, resource->bytes);
	free(resource);
}

static void set_backing(struct wrk_resource *resource, struct wrk_buffer *buffer, uint64_t offset,
			uint64_t bytes)
{
	resource->backing = buffer;
	resource->iov.iov_base = buffer->addr + offset;
	resource->iov.iov_len = (size_t)bytes;
	buffer->users++;
}

static void clear_backing(struct wrk_resource *resource)
{
	resource->backing->users--;
	resource->backing = NULL;
	resource->iov = (struct iovec){ 0 };
}

static int op_resource_create(struct wrk *w, struct wrk_job *job)
{
	const struct vgpuif_resource_create *args = &job->req.u.resource_create;
	const uint64_t bytes = wrk_size_bytes(args);
	struct wrk_resource *resource;
	int err;

	err = wrk_memory_take(w, job, bytes);
	if (err)
		return err;
	resource = resource_add(w, args->resource_id);
	if (!resource) {
		wrk_memory_give(w, bytes);
		return -XEN_ENOMEM;
	}
	resource->bytes = bytes;
	resource->is_buffer = wrk_size_is_buffer(args);
	err = w->gpu.ops->resource_create(&w->gpu, args);
	if (err)
		resource_del(w, resource);
	return wrk_status(err);
}

/* Memory that a renderer may write to at any time: results of queries land there, too. */
static bool may_back(const struct wrk_buffer *buffer, uint64_t offset, uint64_t bytes)
{
	return buffer->writable && wrk_buffer_holds(buffer, offset, bytes);
}

static int op_resource_create_blob(struct wrk *w, struct wrk_job *job)
{
	const struct vgpuif_resource_create_blob *args = &job->req.u.resource_create_blob;
	struct wrk_resource *resource;
	int err;

	if (!may_back(job->buffer, args->offset, args->bytes))
		return -XEN_EINVAL;
	resource = resource_add(w, args->resource_id);
	if (!resource)
		return -XEN_ENOMEM;
	set_backing(resource, job->buffer, args->offset, args->bytes);
	err = w->gpu.ops->resource_create_blob(&w->gpu, args, &resource->iov);
	if (err) {
		clear_backing(resource);
		resource_del(w, resource);
	}
	return wrk_status(err);
}

static int op_resource_attach(struct wrk *w, struct wrk_job *job)
{
	const struct vgpuif_resource_attach *args = &job->req.u.resource_attach;
	struct wrk_resource *resource = job->resource;
	int err;

	if (resource->backing)
		return -XEN_EEXIST;
	if (!may_back(job->buffer, args->offset, args->bytes))
		return -XEN_EINVAL;
	set_backing(resource, job->buffer, args->offset, args->bytes);
	err = w->gpu.ops->resource_attach(&w->gpu, args->resource_id, &resource->iov);
	if (err)
		clear_backing(resource);
	return wrk_status(err);
}

static void detach(struct wrk *w, struct wrk_resource *resource)
{
	if (!resource->backing)
		return;
	w->gpu.ops->resource_detach(&w->gpu, resource->node.id);
	clear_backing(resource);
}

static int op_resource_detach(struct wrk *w, struct wrk_job *job)
{
	if (!job->resource->backing)
		return -XEN_EINVAL;
	detach(w, job->resource);
	return 0;
}

static int op_resource_unref(struct wrk *w, struct wrk_job *job)
{
	/*
	 * Detached first: objects of a context may hold on to the renderer's resource for longer
	 * than its id lives, and with it to our iovec.
	 */
	detach(w, job->resource);
	w->gpu.ops->resource_unref(&w->gpu, job->resource->node.id);
	resource_del(w, job->resource);
	return 0;
}

static int op_context_attach(struct wrk *w, struct wrk_job *job)
{
	return wrk_status(w->gpu.ops->context_attach(&w->gpu, job->ids.context_id,
						     job->ids.resource_id));
}

static int op_context_detach(struct wrk *w, struct wrk_job *job)
{
	w->gpu.ops->context_detach(&w->gpu, job->ids.context_id, job->ids.resource_id);
	return 0;
}

static int op_transfer(struct wrk *w, struct wrk_job *job)
{
	const struct vgpuif_transfer *args = &job->req.u.transfer;
	int err;

	/* Whether the whole box fits depends on the format: that is the renderer's to check. */
	if (!job->resource->backing || args->offset >= job->resource->iov.iov_len)
		return -XEN_EINVAL;
	if (job->context->lost)
		return -XEN_EIO;
	w->stats->transfers++;
	err = w->gpu.ops->transfer(&w->gpu, args,
				   job->req.operation == VGPUIF_OP_TRANSFER_TO_HOST);
	wrk_context_settle(job->context, err);
	return wrk_status(err);
}

static const wrk_op_fn handlers[256] = {
	[VGPUIF_OP_CAPSET_INFO] = op_capset_info,
	[VGPUIF_OP_CAPSET_GET] = op_capset_get,
	[VGPUIF_OP_BUFFER_REGISTER] = wrk_buffer_register,
	[VGPUIF_OP_BUFFER_UNREGISTER] = wrk_buffer_unregister,
	[VGPUIF_OP_CONTEXT_CREATE] = op_context_create,
	[VGPUIF_OP_CONTEXT_DESTROY] = op_context_destroy,
	[VGPUIF_OP_RESOURCE_CREATE] = op_resource_create,
	[VGPUIF_OP_RESOURCE_CREATE_BLOB] = op_resource_create_blob,
	[VGPUIF_OP_RESOURCE_ATTACH] = op_resource_attach,
	[VGPUIF_OP_RESOURCE_DETACH] = op_resource_detach,
	[VGPUIF_OP_RESOURCE_UNREF] = op_resource_unref,
	[VGPUIF_OP_CONTEXT_ATTACH] = op_context_attach,
	[VGPUIF_OP_CONTEXT_DETACH] = op_context_detach,
	[VGPUIF_OP_TRANSFER_TO_HOST] = op_transfer,
	[VGPUIF_OP_TRANSFER_FROM_HOST] = op_transfer,
	[VGPUIF_OP_SUBMIT] = wrk_submit,
};

bool wrk_op_is_buffer(void *arg, uint32_t resource_id)
{
	const struct wrk *w = arg;
	const struct wrk_resource *resource = wrk_table_find(&w->resources, resource_id);

	return resource && resource->is_buffer;
}

wrk_op_fn wrk_op(uint8_t operation)
{
	return handlers[operation];
}

int32_t wrk_status(int err)
{
	switch (err) {
	case 0:
		return 0;
	case -EINVAL:
		return -XEN_EINVAL;
	case -ENOMEM:
		return -XEN_ENOMEM;
	case -EOPNOTSUPP:
		return -XEN_EOPNOTSUPP;
	default:
		return -XEN_EIO;
	}
}

void wrk_op_cleanup(struct wrk *w)
{
	struct wrk_resource *resource;
	struct wrk_context *context;

	while ((resource = wrk_table_pop(&w->resources))) {
		detach(w, resource);
		free(resource);
	}
	while ((context = wrk_table_pop(&w->contexts)))
		free(context);
	wrk_table_fini(&w->resources);
	wrk_table_fini(&w->contexts);
}
