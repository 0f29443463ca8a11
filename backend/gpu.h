/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An execution engine: what turns checked requests into work of a GPU. The worker has exactly one,
 * chosen at its start. "virgl" drives libvirglrenderer, "model" is a deterministic GPU for tests of
 * scheduling; others (venus) come in behind the same table of functions.
 *
 * All but busy_ns is called from one thread, the one that called gpu_open(). The engine's callback
 * may come at any time in any thread, from inside these functions as well, but never twice at once.
 * An engine trusts its caller about ids: they exist, or are new, and are not 0. It trusts nothing
 * about sizes, formats and commands.
 *
 * Errors, for every function that returns int: 0; -EIO, the renderer refused this, and goes on;
 * -ENOTRECOVERABLE, the context is lost and will execute nothing any more; -ENOMEM; -EOPNOTSUPP.
 */
#ifndef BACKEND_GPU_H
#define BACKEND_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "ctl_shaders.h"
#include "vgpuif.h"

#define GPU_MAX_CAPSETS		4u
#define GPU_MAX_TEXT		256u

struct ctl_stats;
struct gpu;

struct gpu_capset {
	uint32_t id;
	uint32_t max_version;
	uint32_t max_bytes;
	void *data;			/* max_bytes, filled once: it never changes in a process */
};

struct gpu_config {
	const char *device;		/* "auto", "soft", a render node's path, or "model" */
	/*
	 * Everything up to @fence_id on that timeline is done. Once for each fence, but for those of a
	 * context that was destroyed meanwhile.
	 */
	void (*fence_done)(void *arg, uint32_t context_id, uint32_t ring_idx, uint64_t fence_id);
	/* Optional, called from inside submit: @resource_id is untrusted. */
	bool (*is_buffer)(void *arg, uint32_t resource_id);
	void *arg;
};

struct gpu_ops {
	const char *name;

	/* @why: set on failure, a sentence that names the device and the remedy. */
	int (*init)(struct gpu *gpu, const char *device, char why[GPU_MAX_TEXT]);
	void (*fini)(struct gpu *gpu);

	int (*context_create)(struct gpu *gpu, uint32_t context_id,
			      const struct vgpuif_context_create *args);
	void (*context_destroy)(struct gpu *gpu, uint32_t context_id);
	int (*context_attach)(struct gpu *gpu, uint32_t context_id, uint32_t resource_id);
	void (*context_detach)(struct gpu *gpu, uint32_t context_id, uint32_t resource_id);

	int (*resource_create)(struct gpu *gpu, const struct vgpuif_resource_create *args);
	/* @iov: as resource_attach; the blob's memory. */
	int (*resource_create_blob)(struct gpu *gpu, const struct vgpuif_resource_create_blob *args,
				    struct iovec *iov);
	/* @iov: borrowed, the struct as well as the memory, until resource_detach. */
	int (*resource_attach)(struct gpu *gpu, uint32_t resource_id, struct iovec *iov);
	void (*resource_detach)(struct gpu *gpu, uint32_t resource_id);
	/* The resource has no backing any more. Detaches it from all contexts. */
	void (*resource_unref)(struct gpu *gpu, uint32_t resource_id);

	/* Done when it returns, as far as the backing store is concerned. */
	int (*transfer)(struct gpu *gpu, const struct vgpuif_transfer *args, bool to_host);

	/* @cmds: private memory, aligned to 64 octets, which the engine may write to. */
	int (*submit)(struct gpu *gpu, uint32_t context_id, void *cmds, uint32_t bytes);
	/* A fence behind everything submitted to that timeline before. Ids only ever grow. */
	int (*fence)(struct gpu *gpu, uint32_t context_id, uint32_t ring_idx, uint64_t fence_id);

	/*
	 * Optional: wait for the next report of a fence. False: there was none to wait for. Where it is
	 * there, a context may be destroyed only after it said so.
	 */
	bool (*await_fence)(struct gpu *gpu);

	/*
	 * GPU time of everything that is done, in ns; does not decrease. Called only where the
	 * device has it, gpu->has_busy_ns; elsewhere the intervals between fences are taken. In any
	 * thread, while no other function of these is being called.
	 */
	uint64_t (*busy_ns)(struct gpu *gpu);

	/* Optional: where compiled shaders are to be kept; both are borrowed for good. */
	void (*keep_shaders)(struct gpu *gpu, const struct shaders *shaders,
			     struct ctl_stats *stats);

	/* Readable when poll has something to do. */
	int (*poll_fd)(struct gpu *gpu);
	void (*poll)(struct gpu *gpu);
};

struct gpu {
	const struct gpu_ops *ops;
	struct gpu_config config;
	struct gpu_capset capset[GPU_MAX_CAPSETS];
	uint32_t n_capsets;
	uint32_t max_texels;		/* of a texture buffer; 0: whatever the renderer takes */
	char renderer[GPU_MAX_TEXT];	/* for people: GL_RENDERER or the like */
	bool on_cpu;			/* the "GPU" is this machine's processors */
	bool has_busy_ns;
	const char *clock;		/* what GPU time is told by, for people */
	void *priv;
};

extern const struct gpu_ops gpu_virgl_ops;
extern const struct gpu_ops gpu_model_ops;

/*
 * gpu_open() - start the engine of a device: "model" for that one, "virgl" for all others.
 * @gpu: the caller's memory, set on success; release with gpu_close().
 * @why: set on failure, a sentence for a person.
 * Returns 0; -ENODEV, the device cannot be used; -ENOMEM.
 */
int gpu_open(struct gpu *gpu, const struct gpu_config *config, char why[GPU_MAX_TEXT]);

/* gpu_close() - every resource must be detached before. */
void gpu_close(struct gpu *gpu);

/* gpu_capset() - NULL where the engine does not offer it. */
const struct gpu_capset *gpu_capset(const struct gpu *gpu, uint32_t id);

#define GPU_MAX_NODES		16u
#define GPU_MAX_NODE_PATH	64u

/*
 * gpu_drm_nodes() - paths of this machine's DRM render nodes that may have a GPU behind them.
 * Returns how many; 0 where there are none.
 */
unsigned int gpu_drm_nodes(char nodes[GPU_MAX_NODES][GPU_MAX_NODE_PATH]);

/*
 * gpu_drm_open() - open a render node.
 * @why: set on failure, a sentence that names the node and the remedy.
 * Returns a descriptor; -ENOTTY, there is no GPU behind it (vgem); or -errno.
 */
int gpu_drm_open(const char *node, char why[GPU_MAX_TEXT]);

#endif
