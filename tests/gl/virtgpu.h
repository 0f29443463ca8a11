/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What libdrm's virtgpu_drm.h of 2.4 lacks of the uAPI, by its names; Debian ships no other.
 * Source: Linux include/uapi/drm/virtgpu_drm.h, 6.1 and, for syncobjs, 6.12.
 */
#ifndef TESTS_GL_VIRTGPU_H
#define TESTS_GL_VIRTGPU_H

#include <drm.h>
#include <virtgpu_drm.h>

#define VIRTGPU_PARAM_RESOURCE_BLOB		3
#define VIRTGPU_PARAM_HOST_VISIBLE		4
#define VIRTGPU_PARAM_CONTEXT_INIT		6
#define VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs	7

#define VIRTGPU_EXECBUF_RING_IDX		4

#define VIRTGPU_BLOB_MEM_GUEST			1
#define VIRTGPU_BLOB_MEM_HOST3D			2
#define VIRTGPU_BLOB_FLAG_USE_MAPPABLE		1

#define VIRTGPU_CONTEXT_PARAM_CAPSET_ID		1
#define VIRTGPU_CONTEXT_PARAM_NUM_RINGS		2
#define VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK	3

struct virtgpu_execbuffer {
	uint32_t flags, size;
	uint64_t command, bo_handles;
	uint32_t num_bo_handles;
	int32_t fence_fd;
	uint32_t ring_idx, pad;
};

/* Since 6.6. */
struct virtgpu_execbuffer2 {
	uint32_t flags, size;
	uint64_t command, bo_handles;
	uint32_t num_bo_handles;
	int32_t fence_fd;
	uint32_t ring_idx, syncobj_stride, num_in_syncobjs, num_out_syncobjs;
	uint64_t in_syncobjs, out_syncobjs;
};

struct virtgpu_execbuffer_syncobj {
	uint32_t handle, flags;
	uint64_t point;
};

#define VIRTGPU_EXECBUF_SYNCOBJ_RESET		1

struct virtgpu_blob {
	uint32_t blob_mem, blob_flags, bo_handle, res_handle;
	uint64_t size;
	uint32_t pad, cmd_size;
	uint64_t cmd, blob_id;
};

struct virtgpu_param {
	uint64_t param, value;
};

struct virtgpu_context_init {
	uint32_t num_params, pad;
	uint64_t params;
};

struct virtgpu_info {
	uint32_t bo_handle, res_handle, size, blob_mem;
};

#define IOCTL_EXECBUFFER	DRM_IOWR(DRM_COMMAND_BASE + 2, struct virtgpu_execbuffer)
#define IOCTL_EXECBUFFER2	DRM_IOWR(DRM_COMMAND_BASE + 2, struct virtgpu_execbuffer2)
#define IOCTL_INFO		DRM_IOWR(DRM_COMMAND_BASE + 5, struct virtgpu_info)
#define IOCTL_CREATE_BLOB	DRM_IOWR(DRM_COMMAND_BASE + 10, struct virtgpu_blob)
#define IOCTL_CONTEXT_INIT	DRM_IOWR(DRM_COMMAND_BASE + 11, struct virtgpu_context_init)

#endif
