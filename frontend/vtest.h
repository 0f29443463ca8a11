/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mesa's vtest protocol, as its clients speak it on a Unix stream socket: a header of two words
 * (length, command) and a payload. Lengths are in words of 4 octets, but for CREATE_RENDERER and
 * the two caps replies, where they are in octets. A reply starts with the same header; a
 * descriptor travels with one octet of its own.
 * Source: src/virtio/vtest/vtest_protocol.h of Mesa 22.3.6 and 25.0.7.
 */
#ifndef FRONTEND_VTEST_H
#define FRONTEND_VTEST_H

#include <stdint.h>

#define VTEST_SOCKET		"/tmp/.virgl_test"	/* fixed in Mesa 22.3.6 */
#define VTEST_VERSION		3u

enum vtest_command {
	VTEST_GET_CAPS = 1,
	VTEST_RESOURCE_CREATE = 2,
	VTEST_RESOURCE_UNREF = 3,
	VTEST_TRANSFER_GET = 4,
	VTEST_TRANSFER_PUT = 5,
	VTEST_SUBMIT = 6,
	VTEST_BUSY_WAIT = 7,
	VTEST_CREATE_RENDERER = 8,
	VTEST_GET_CAPS2 = 9,
	VTEST_PING = 10,
	VTEST_PROTOCOL_VERSION = 11,
	/* since version 2 */
	VTEST_RESOURCE_CREATE2 = 12,
	VTEST_TRANSFER_GET2 = 13,
	VTEST_TRANSFER_PUT2 = 14,
	/* since version 3 */
	VTEST_GET_PARAM = 15,
	VTEST_GET_CAPSET = 16,
	VTEST_CONTEXT_INIT = 17,
	VTEST_RESOURCE_CREATE_BLOB = 18,
	VTEST_SYNC_CREATE = 19,
	VTEST_SYNC_UNREF = 20,
	VTEST_SYNC_READ = 21,
	VTEST_SYNC_WRITE = 22,
	VTEST_SYNC_WAIT = 23,
	VTEST_SUBMIT2 = 24,
	VTEST_N_COMMANDS
};

struct vtest_header {
	uint32_t length;
	uint32_t command;
};

struct vtest_create {		/* RESOURCE_CREATE; CREATE2 has data_size, too */
	uint32_t handle;	/* 0 since version 3: the server chooses */
	uint32_t target;
	uint32_t format;
	uint32_t bind;
	uint32_t width;
	uint32_t height;
	uint32_t depth;
	uint32_t array_size;
	uint32_t last_level;
	uint32_t nr_samples;
	uint32_t data_size;
};

struct vtest_transfer {		/* versions 0 and 1; data_size octets go inline, either way */
	uint32_t handle;
	uint32_t level;
	uint32_t stride;
	uint32_t layer_stride;
	uint32_t box[6];	/* x, y, z, width, height, depth */
	uint32_t data_size;
};

struct vtest_transfer2 {
	uint32_t handle;
	uint32_t level;
	uint32_t box[6];
	uint32_t data_size;	/* nothing goes inline, whatever the header's length says */
	uint32_t offset;
};

#define VTEST_WAIT		1u	/* a flag of BUSY_WAIT */

struct vtest_busy_wait {
	uint32_t handle;
	uint32_t flags;
};

#define VTEST_PARAM_TIMELINES	1u
#define VTEST_TIMELINES		64u

#define VTEST_BLOB_GUEST	1u
#define VTEST_BLOB_HOST3D	2u
#define VTEST_BLOB_HOST3D_GUEST	3u

struct vtest_blob {
	uint32_t type;
	uint32_t flags;
	uint32_t size[2];	/* low word first, as everywhere below */
	uint32_t id[2];
};

struct vtest_sync {		/* an element of SYNC_WAIT, a SYNC_WRITE, and of SUBMIT2 */
	uint32_t id;
	uint32_t value[2];
};

#define VTEST_SYNC_WAIT_ANY	1u

struct vtest_batch {		/* of SUBMIT2, behind their number; offsets in words */
	uint32_t flags;
	uint32_t cmd_offset;
	uint32_t cmd_size;
	uint32_t sync_offset;
	uint32_t sync_count;
	uint32_t ring_idx;
	uint32_t ring_id[2];
};

#define VTEST_BATCH_RING	1u	/* signal when the work is done, on timeline ring_idx */

/*
 * What is known of the virgl command stream: a command's first word holds its length without this
 * word above, and its number below. Source: src/virtio/virtio-gpu/virgl_protocol.h of Mesa.
 */
#define VIRGL_NOP		0u
#define VIRGL_SET_SUB_CTX	28u
#define VIRGL_END_TRANSFERS	44u
#define VIRGL_TRANSFERS_WORDS	1024u	/* VIRGL_MAX_TBUF_DWORDS: transfers and their padding */

/* In struct virgl_caps_v2; what else is known of it is in linux/virgl_caps.h. Source: virgl_hw.h of Mesa. */
#define VIRGL_CAPS_RENDERER	696u
#define VIRGL_CAPS_RENDERER_BYTES 64u

/* The resource that Mesa makes for each fence. Source: virgl_vtest_fence_create(). */
#define VIRGL_PIPE_BUFFER	0u
#define VIRGL_FORMAT_R8_UNORM	64u
#define VIRGL_BIND_CUSTOM	(1u << 17)
#define VTEST_FENCE_BYTES	8u

#endif
