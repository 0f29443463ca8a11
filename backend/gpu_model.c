// SPDX-License-Identifier: GPL-2.0-only
/*
 * The engine "model"; see gpu_model.h. A submit is answered at once with when it will have been
 * done. So there is nothing to do in time but to report fences, for which a timer is set to the
 * earliest one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"
#include "gpu.h"
#include "gpu_model.h"
#include "wrk_table.h"

#define MAX_CONTEXTS	65536u		/* as many as xengpud lets a session have */
#define MAX_RUNS	8192u

struct context {
	struct wrk_node node;
	uint64_t end_ns;		/* of what was submitted to it last */
};

struct fence {
	struct fence *next;
	uint64_t end_ns;
	uint64_t id;
	uint32_t context_id;
	uint32_t ring_idx;
};

/* Ours that may not be done yet, the oldest first: when, and how much of our time is done then. */
struct run {
	uint64_t end_ns;
	uint64_t busy_ns;
};

struct model {
	struct gpu_model_mem *mem;
	int timer_fd;
	struct wrk_table contexts;
	struct fence *fences;		/* in the order in which they will be done */
	uint64_t armed_ns;		/* what the timer is set to; 0 for nothing */
	uint64_t busy_ns;		/* of what is known to be done */
	struct run run[MAX_RUNS];	/* a ring */
	uint32_t first_run;
	uint32_t n_runs;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static struct gpu_model_mem *map_memory(void)
{
	struct gpu_model_mem *mem;
	struct stat st;

	if (fstat(CTL_MODEL_FD, &st) || st.st_size != (off_t)sizeof(*mem))
		return NULL;
	mem = mmap(NULL, sizeof(*mem), PROT_READ | PROT_WRITE, MAP_SHARED, CTL_MODEL_FD, 0);
	if (mem == MAP_FAILED)
		return NULL;
	if (mem->magic == GPU_MODEL_MAGIC)
		return mem;
	munmap(mem, sizeof(*mem));
	return NULL;
}

static int add_capset(struct gpu *gpu)
{
	struct gpu_model_caps *caps = calloc(1, sizeof(*caps));

	if (!caps)
		return -ENOMEM;
	*caps = (struct gpu_model_caps){ .version = 1, .max_run_ns = GPU_MODEL_MAX_RUN_NS,
					 .max_queue_ns = GPU_MODEL_MAX_QUEUE_NS };
	gpu->capset[gpu->n_capsets++] = (struct gpu_capset){
		.id = VGPUIF_CAPSET_MODEL, .max_version = caps->version,
		.max_bytes = sizeof(*caps), .data = caps };
	return 0;
}

static void model_fini(struct gpu *gpu)
{
	struct model *m = gpu->priv;
	struct context *context;
	struct fence *fence;

	while ((fence = m->fences)) {
		m->fences = fence->next;
		free(fence);
	}
	while (m->contexts.bucket && (context = wrk_table_pop(&m->contexts)))
		free(context);
	wrk_table_fini(&m->contexts);
	if (m->timer_fd >= 0)
		close(m->timer_fd);
	if (m->mem)
		munmap(m->mem, sizeof(*m->mem));
	while (gpu->n_capsets)
		free(gpu->capset[--gpu->n_capsets].data);
	free(m);
}

static int model_init(struct gpu *gpu, const char *device, char why[GPU_MAX_TEXT])
{
	struct model *m = calloc(1, sizeof(*m));
	int err = -ENOMEM;

	(void)device;
	if (!m) {
		snprintf(why, GPU_MAX_TEXT, "no memory for the model GPU");
		return err;
	}
	gpu->priv = m;
	m->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	m->mem = map_memory();
	if (!m->mem) {
		snprintf(why, GPU_MAX_TEXT, "the model GPU's memory is not at descriptor %d: it is "
			 "for workers that xengpud --gpu=model --allow-model starts", CTL_MODEL_FD);
		err = -ENODEV;
		goto out_fini;
	}
	if (m->timer_fd < 0 || wrk_table_init(&m->contexts, MAX_CONTEXTS) || add_capset(gpu)) {
		snprintf(why, GPU_MAX_TEXT, "the model GPU did not start: no memory or no timer");
		goto out_fini;
	}
	snprintf(gpu->renderer, sizeof(gpu->renderer), "model (draws nothing, for tests)");
	gpu->clock = "model";
	gpu->has_busy_ns = true;
	return 0;

out_fini:
	model_fini(gpu);
	return err;
}

/* --- contexts and resources: what an engine must know of them, and no more -------------------- */

static int model_context_create(struct gpu *gpu, uint32_t context_id,
				const struct vgpuif_context_create *args)
{
	struct model *m = gpu->priv;
	struct context *context;

	(void)args;
	if (m->contexts.count >= MAX_CONTEXTS)
		return -ENOMEM;
	context = calloc(1, sizeof(*context));
	if (!context)
		return -ENOMEM;
	context->node.id = context_id;
	wrk_table_add(&m->contexts, &context->node);
	return 0;
}

static void model_context_destroy(struct gpu *gpu, uint32_t context_id)
{
	struct model *m = gpu->priv;
	struct context *context = wrk_table_find(&m->contexts, context_id);
	struct fence **at = &m->fences, *fence;

	while ((fence = *at)) {
		if (fence->context_id != context_id) {
			at = &fence->next;
			continue;
		}
		*at = fence->next;
		free(fence);
	}
	wrk_table_del(&m->contexts, &context->node);
	free(context);
}

static int model_context_attach(struct gpu *gpu, uint32_t context_id, uint32_t resource_id)
{
	(void)gpu;
	(void)context_id;
	(void)resource_id;
	return 0;
}

static void model_context_detach(struct gpu *gpu, uint32_t context_id, uint32_t resource_id)
{
	(void)gpu;
	(void)context_id;
	(void)resource_id;
}

static int model_resource_create(struct gpu *gpu, const struct vgpuif_resource_create *args)
{
	(void)gpu;
	(void)args;
	return 0;
}

static int model_resource_create_blob(struct gpu *gpu,
				      const struct vgpuif_resource_create_blob *args,
				      struct iovec *iov)
{
	(void)gpu;
	(void)iov;
	return args->blob_mem == VGPUIF_BLOB_MEM_GUEST ? 0 : -EOPNOTSUPP;
}

static int model_resource_attach(struct gpu *gpu, uint32_t resource_id, struct iovec *iov)
{
	(void)gpu;
	(void)resource_id;
	(void)iov;
	return 0;
}

static void model_resource_end(struct gpu *gpu, uint32_t resource_id)
{
	(void)gpu;
	(void)resource_id;
}

/* Nothing is drawn, so there is nothing to carry. */
static int model_transfer(struct gpu *gpu, const struct vgpuif_transfer *args, bool to_host)
{
	(void)gpu;
	(void)args;
	(void)to_host;
	return 0;
}

/* --- time ------------------------------------------------------------------------------------- */

/* Returns 0, or -EIO for what makes no sense. */
static int parse(const uint32_t *words, uint32_t n_words, uint64_t *total_ns, uint32_t *tag)
{
	bool any = false;
	uint64_t ns;
	uint32_t i = 0;

	*total_ns = 0;
	*tag = 0;
	while (i < n_words) {
		if (words[i] == GPU_MODEL_NOP) {
			i++;
			continue;
		}
		if (words[i] != GPU_MODEL_RUN || n_words - i < GPU_MODEL_RUN_WORDS)
			return -EIO;
		ns = words[i + 2] | (uint64_t)words[i + 3] << 32;
		if (ns > GPU_MODEL_MAX_RUN_NS - *total_ns)
			return -EIO;
		*total_ns += ns;
		if (!any)
			*tag = words[i + 1];
		any = true;
		i += GPU_MODEL_RUN_WORDS;
	}
	return 0;
}

static int occupy(struct gpu_model_mem *mem, uint64_t ns, uint64_t *start_ns)
{
	const uint64_t now = now_ns();
	uint64_t free_at = __atomic_load_n(&mem->free_at_ns, __ATOMIC_RELAXED), start;

	do {
		start = free_at > now ? free_at : now;
		if (start - now > GPU_MODEL_MAX_QUEUE_NS - ns)
			return -EIO;
	} while (!__atomic_compare_exchange_n(&mem->free_at_ns, &free_at, start + ns, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	*start_ns = start;
	return 0;
}

static void trace(struct gpu_model_mem *mem, uint64_t start_ns, uint64_t end_ns, uint32_t tag)
{
	const uint64_t serial = __atomic_add_fetch(&mem->serial, 1, __ATOMIC_RELAXED);
	struct gpu_model_trace *t = &mem->trace[(serial - 1) % GPU_MODEL_TRACES];

	/* What was there is not to be taken for this. */
	__atomic_store_n(&t->serial, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	t->start_ns = start_ns;
	t->end_ns = end_ns;
	t->pid = (uint32_t)getpid();
	t->tag = tag;
	__atomic_store_n(&t->serial, serial, __ATOMIC_RELEASE);
}

/* Forget the runs that are done. */
static void settle(struct model *m, uint64_t now)
{
	while (m->n_runs && m->run[m->first_run].end_ns <= now) {
		m->busy_ns = m->run[m->first_run].busy_ns;
		m->first_run = (m->first_run + 1) % MAX_RUNS;
		m->n_runs--;
	}
}

static void note_run(struct model *m, uint64_t end_ns, uint64_t ns)
{
	struct run *last = &m->run[(m->first_run + m->n_runs - 1) % MAX_RUNS];
	const uint64_t before = m->n_runs ? last->busy_ns : m->busy_ns;

	/* One too many makes the last one longer: told later than it is done, never sooner. */
	if (m->n_runs < MAX_RUNS)
		last = &m->run[(m->first_run + m->n_runs++) % MAX_RUNS];
	*last = (struct run){ .end_ns = end_ns, .busy_ns = before + ns };
}

static int model_submit(struct gpu *gpu, uint32_t context_id, void *cmds, uint32_t bytes)
{
	struct model *m = gpu->priv;
	struct context *context = wrk_table_find(&m->contexts, context_id);
	uint64_t start_ns, ns;
	uint32_t tag;

	if (bytes % 4 || parse(cmds, bytes / 4, &ns, &tag))
		return -EIO;
	if (!ns)
		return 0;
	if (occupy(m->mem, ns, &start_ns))
		return -EIO;
	trace(m->mem, start_ns, start_ns + ns, tag);
	context->end_ns = start_ns + ns;
	settle(m, now_ns());
	note_run(m, context->end_ns, ns);
	return 0;
}

static void arm(struct model *m)
{
	const uint64_t at = m->fences ? m->fences->end_ns : 0;
	const struct itimerspec when = { .it_value = { .tv_sec = (time_t)(at / 1000000000u),
						       .tv_nsec = (long)(at % 1000000000u) } };

	if (at == m->armed_ns)
		return;
	m->armed_ns = at;
	/* Only fails for times that are none. */
	timerfd_settime(m->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static int model_fence(struct gpu *gpu, uint32_t context_id, uint32_t ring_idx, uint64_t fence_id)
{
	struct model *m = gpu->priv;
	const struct context *context = wrk_table_find(&m->contexts, context_id);
	struct fence *fence = malloc(sizeof(*fence)), **at = &m->fences;

	if (!fence)
		return -ENOMEM;
	/* 0, for a context that never had any work, would stop the timer; 1 is past as well. */
	*fence = (struct fence){ .end_ns = context->end_ns ? context->end_ns : 1, .id = fence_id,
				 .context_id = context_id, .ring_idx = ring_idx };
	while (*at && (*at)->end_ns <= fence->end_ns)
		at = &(*at)->next;
	fence->next = *at;
	*at = fence;
	arm(m);
	return 0;
}

static uint64_t model_busy_ns(struct gpu *gpu)
{
	struct model *m = gpu->priv;

	settle(m, now_ns());
	return m->busy_ns;
}

static int model_poll_fd(struct gpu *gpu)
{
	struct model *m = gpu->priv;

	return m->timer_fd;
}

static void model_poll(struct gpu *gpu)
{
	struct model *m = gpu->priv;
	const uint64_t now = now_ns();
	struct fence *fence;

	/* Setting the timer anew makes the descriptor unreadable, too. */
	m->armed_ns = UINT64_MAX;
	while ((fence = m->fences) && fence->end_ns <= now) {
		m->fences = fence->next;
		gpu->config.fence_done(gpu->config.arg, fence->context_id, fence->ring_idx,
				       fence->id);
		free(fence);
	}
	arm(m);
}

const struct gpu_ops gpu_model_ops = {
	.name = "model",
	.init = model_init,
	.fini = model_fini,
	.context_create = model_context_create,
	.context_destroy = model_context_destroy,
	.context_attach = model_context_attach,
	.context_detach = model_context_detach,
	.resource_create = model_resource_create,
	.resource_create_blob = model_resource_create_blob,
	.resource_attach = model_resource_attach,
	.resource_detach = model_resource_end,
	.resource_unref = model_resource_end,
	.transfer = model_transfer,
	.submit = model_submit,
	.fence = model_fence,
	.busy_ns = model_busy_ns,
	.poll_fd = model_poll_fd,
	.poll = model_poll,
};
