/* SPDX-License-Identifier: MIT */
/*
 * vgpuif.h - a paravirtual GPU for Xen guests: the wire between a vgpu frontend and its backend.
 *
 * Permission is granted by the MIT licence to use this header in any operating system. It
 * describes the whole contract: xenstore nodes, states, the shared ring, every request and every
 * response. The prose version, with pictures, is README.md in this folder.
 *
 * Conventions: all integers are little-endian. A page is 4096 bytes on every architecture. Every
 * multi-byte field is aligned to its own size, so 32-bit and 64-bit ends agree on the layout and
 * there is no "protocol" node. "Frontend" is the guest's end, "backend" the driver domain's.
 */
#ifndef VGPUIF_H
#define VGPUIF_H

#ifdef __KERNEL__
/* In Linux, which has Xen's headers under other names. */
#include <linux/string.h>
#include <linux/types.h>
#include <xen/interface/xen.h>
#include <xen/interface/io/ring.h>
#else
#include <stdint.h>
#include <string.h>

/* Without this ring.h is that of Xen 3.2, which renames the barriers. */
#ifndef __XEN_INTERFACE_VERSION__
#define __XEN_INTERFACE_VERSION__ __XEN_LATEST_INTERFACE_VERSION__
#endif
#include <xen/xen.h>
#include <xen/io/ring.h>
#endif

/*
 ******************************************************************************
 *                              Protocol version
 ******************************************************************************
 */
#define VGPUIF_VERSION			1
#define VGPUIF_VERSION_STRING		"1"

/*
 ******************************************************************************
 *                               Xenstore nodes
 ******************************************************************************
 *
 * G is the guest's domain id, B the backend's, n the device's number, i a session's.
 *
 * Frontend, owned by the guest, readable by the backend: /local/domain/G/device/vgpu/n/
 *
 *   state          - decimal, XenbusState.
 *   version        - decimal, the protocol version chosen from "versions".
 *   backend-id     - decimal, the backend's domain id (written by the toolstack).
 *   backend        - the backend's path (written by the toolstack, informative).
 *
 * Frontend, one directory a session: /local/domain/G/device/vgpu/n/session-i/
 *
 *   ring-page-order - decimal, 0..max-ring-page-order. The ring has 1 << order pages.
 *   ring-ref0 ..    - decimal, grant references of the ring's pages, in order.
 *   event-channel   - decimal, an unbound port offered to the backend.
 *   state           - decimal, XenbusState: 3 asks to connect, 5 or 6 asks to close.
 *
 * Backend, owned by the driver domain, readable by the guest: /local/domain/B/backend/vgpu/G/n/
 *
 *   state               - decimal, XenbusState.
 *   frontend-id, online - as for every xenbus backend (written by the toolstack).
 *   versions            - comma-separated decimals, every version the backend speaks.
 *   max-ring-page-order - decimal, 0..VGPUIF_MAX_RING_PAGE_ORDER.
 *   max-sessions        - decimal, sessions numbered 0..max-sessions-1.
 *   max-buffer-pages    - decimal, pages in one buffer.
 *   max-buffers, max-contexts, max-resources - decimal, each for one session.
 *   max-pages           - decimal, pages registered by all of the guest's sessions together.
 *   max-memory          - decimal, MiB of the GPU's memory for the resources of all of the guest's
 *                         sessions together; absent: not said.
 *   capsets             - comma-separated decimals, capset ids that CAPSET_GET will answer.
 *   error               - a sentence for a person, present when the device cannot work.
 *
 * Backend, one directory a session: /local/domain/B/backend/vgpu/G/n/session-i/
 *
 *   state          - decimal, XenbusState: 4 connected, 6 closed.
 *   error          - a sentence for a person, present when the session was refused or lost.
 */
#define VGPUIF_DEVICE_CLASS		"vgpu"
#define VGPUIF_NODE_VERSIONS		"versions"
#define VGPUIF_NODE_VERSION		"version"
#define VGPUIF_NODE_MAX_RING_PAGE_ORDER	"max-ring-page-order"
#define VGPUIF_NODE_MAX_SESSIONS	"max-sessions"
#define VGPUIF_NODE_MAX_BUFFER_PAGES	"max-buffer-pages"
#define VGPUIF_NODE_MAX_BUFFERS		"max-buffers"
#define VGPUIF_NODE_MAX_CONTEXTS	"max-contexts"
#define VGPUIF_NODE_MAX_RESOURCES	"max-resources"
#define VGPUIF_NODE_MAX_PAGES		"max-pages"
#define VGPUIF_NODE_MAX_MEMORY		"max-memory"
#define VGPUIF_NODE_CAPSETS		"capsets"
#define VGPUIF_NODE_ERROR		"error"
#define VGPUIF_NODE_SESSION		"session-"
#define VGPUIF_NODE_RING_PAGE_ORDER	"ring-page-order"
#define VGPUIF_NODE_RING_REF		"ring-ref"
#define VGPUIF_NODE_EVENT_CHANNEL	"event-channel"

/*
 ******************************************************************************
 *                                   Limits
 ******************************************************************************
 *
 * A backend may advertise less, never more.
 */
#define VGPUIF_PAGE_BYTES		4096
#define VGPUIF_MAX_RING_PAGE_ORDER	4
#define VGPUIF_MAX_BUFFER_PAGES		65536		/* 256 MiB */
#define VGPUIF_MAX_SUBMIT_BYTES		(1u << 20)
#define VGPUIF_MAX_CONTEXT_RINGS	64
#define VGPUIF_MAX_CONTEXT_NAME		32
#define VGPUIF_MAX_PRIORITY		15

/*
 ******************************************************************************
 *                        Liveness of the frontend's process
 ******************************************************************************
 *
 * Byte VGPUIF_LIVE_OFFSET of the ring's first page lies in the padding of Xen's shared ring
 * header. A frontend writes 1 there before it sets a session's state to 3, and arranges for its
 * kernel to clear the byte and to send an event when the page loses its owner (for a process of
 * Linux, IOCTL_GNTALLOC_SET_UNMAP_NOTIFY). A backend that finds 0 there closes the session: its
 * owner is gone, whatever xenstore says.
 */
#define VGPUIF_LIVE_OFFSET		63

/*
 ******************************************************************************
 *                                  Requests
 ******************************************************************************
 *
 * A request and a response are 64 octets. Octets that an operation does not name are reserved:
 * the sender writes 0, the receiver refuses anything else with -XEN_EINVAL. Operations 0 to 15
 * are reserved and never used. An operation that the backend does not know, or knows and has not
 * built, is answered with -XEN_EOPNOTSUPP; an unknown bit in flags with -XEN_EINVAL. Neither
 * closes the session. Indices that cannot be (more requests than the ring holds) do.
 *
 * Requests are executed in the order of the ring. Responses carry the request's id and may come
 * in any order: a submit with VGPUIF_SUBMIT_FENCE is answered when its fence signals, everything
 * else when it is done. "Done" for a request that uses a resource means done on the CPU side of
 * the driver: later requests see its effect.
 */
#define VGPUIF_OP_CAPSET_INFO		16
#define VGPUIF_OP_CAPSET_GET		17
#define VGPUIF_OP_BUFFER_REGISTER	18
#define VGPUIF_OP_BUFFER_UNREGISTER	19
#define VGPUIF_OP_CONTEXT_CREATE	20
#define VGPUIF_OP_CONTEXT_DESTROY	21
#define VGPUIF_OP_RESOURCE_CREATE	22
#define VGPUIF_OP_RESOURCE_CREATE_BLOB	23
#define VGPUIF_OP_RESOURCE_ATTACH	24	/* backing store */
#define VGPUIF_OP_RESOURCE_DETACH	25	/* backing store */
#define VGPUIF_OP_RESOURCE_UNREF	26
#define VGPUIF_OP_CONTEXT_ATTACH	27	/* a resource to a context */
#define VGPUIF_OP_CONTEXT_DETACH	28	/* a resource from a context */
#define VGPUIF_OP_TRANSFER_TO_HOST	29
#define VGPUIF_OP_TRANSFER_FROM_HOST	30
#define VGPUIF_OP_SUBMIT		31
/* Reserved until they are built: answered with -XEN_EOPNOTSUPP. */
#define VGPUIF_OP_PRESENT		48
#define VGPUIF_OP_CURSOR_SET		49
#define VGPUIF_OP_CURSOR_MOVE		50

/* Capset ids, as in the VIRTIO specification. */
#define VGPUIF_CAPSET_VIRGL		1
#define VGPUIF_CAPSET_VIRGL2		2
#define VGPUIF_CAPSET_VENUS		4
#define VGPUIF_CAPSET_DRM		6
#define VGPUIF_MAX_CAPSET		63
/* Of a model for tests, which draws nothing: no real GPU offers it. A number VIRTIO does not use. */
#define VGPUIF_CAPSET_MODEL		63

/*
 * CAPSET_INFO - what the backend's renderer offers.
 *          0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                           capset_index                            | 8
 * +----------------+----------------+----------------+----------------+
 * capset_index - uint32_t, 0.. ; answered with -XEN_ENOENT past the last.
 */
struct vgpuif_capset_info {
	uint32_t capset_index;
};

/*
 * CAPSET_GET - write a capset into a buffer.
 * +----------------+----------------+----------------+----------------+
 * |                             capset_id                             | 8
 * +----------------+----------------+----------------+----------------+
 * |                          capset_version                           | 12
 * +----------------+----------------+----------------+----------------+
 * |                             buffer_id                             | 16
 * +----------------+----------------+----------------+----------------+
 * |                               bytes                               | 20
 * +----------------+----------------+----------------+----------------+
 * |                              offset                               | 24
 * |                                                                   | 28
 * +----------------+----------------+----------------+----------------+
 * bytes - uint32_t, room in the buffer at offset; the shorter of this and the capset is written.
 */
struct vgpuif_capset_get {
	uint32_t capset_id;
	uint32_t capset_version;
	uint32_t buffer_id;
	uint32_t bytes;
	uint64_t offset;
};

/*
 * BUFFER_REGISTER - let the backend map pages of the frontend.
 * +----------------+----------------+----------------+----------------+
 * |                             buffer_id                             | 8
 * +----------------+----------------+----------------+----------------+
 * |                              n_pages                              | 12
 * +----------------+----------------+----------------+----------------+
 * |                          gref_directory                           | 16
 * +----------------+----------------+----------------+----------------+
 * flags          - VGPUIF_BUFFER_READ_ONLY: the backend must not write; map it read-only. Such a
 *                  buffer holds commands: as room for a capset, a backing store or a blob it is
 *                  refused with -XEN_EINVAL, because renderers write to those.
 * buffer_id      - uint32_t, not 0, not in use, chosen by the frontend.
 * n_pages        - uint32_t, 1..max-buffer-pages.
 * gref_directory - grant_ref_t of the first struct vgpuif_page_directory. The frontend may take
 *                  directory pages back once the response has come.
 */
#define VGPUIF_BUFFER_READ_ONLY		(1u << 0)
struct vgpuif_buffer_register {
	uint32_t buffer_id;
	uint32_t n_pages;
	uint32_t gref_directory;
};

/*
 * A page of grant references. Pages form a chain: every page but the last is full. References
 * past n_pages are ignored. gref_next is 0 in the last page; a chain that ends early, goes on
 * when all references are known, or holds a reference 0, is refused with -XEN_EINVAL.
 */
#define VGPUIF_DIRECTORY_REFS		1023
struct vgpuif_page_directory {
	uint32_t gref_next;
	uint32_t gref[VGPUIF_DIRECTORY_REFS];
};

/*
 * BUFFER_UNREGISTER - the backend unmaps; once answered, the frontend may end the grants.
 * +----------------+----------------+----------------+----------------+
 * |                             buffer_id                             | 8
 * +----------------+----------------+----------------+----------------+
 * Answered with -XEN_EBUSY while the buffer is a resource's backing store.
 */
struct vgpuif_buffer_unregister {
	uint32_t buffer_id;
};

/*
 * CONTEXT_CREATE
 * +----------------+----------------+----------------+----------------+
 * |                            context_id                             | 8
 * +----------------+----------------+----------------+----------------+
 * |                             capset_id                             | 12
 * +----------------+----------------+----------------+----------------+
 * |                             priority                              | 16
 * +----------------+----------------+----------------+----------------+
 * |                              n_rings                              | 20
 * +----------------+----------------+----------------+----------------+
 * |                               name                                | 24
 * |                                ...                                | ..
 * |                                                                   | 52
 * +----------------+----------------+----------------+----------------+
 * context_id - uint32_t, not 0, not in use.
 * priority   - uint32_t, 0 (lowest) .. VGPUIF_MAX_PRIORITY; orders this guest's own contexts.
 * n_rings    - uint32_t, 1..VGPUIF_MAX_CONTEXT_RINGS timelines; the virgl capsets have 1.
 * name       - 32 octets of text for logs, not necessarily terminated, the rest 0.
 */
struct vgpuif_context_create {
	uint32_t context_id;
	uint32_t capset_id;
	uint32_t priority;
	uint32_t n_rings;
	char name[VGPUIF_MAX_CONTEXT_NAME];
};

/* CONTEXT_DESTROY - its fences in flight are answered when they have come, or with -XEN_ENODEV. */
struct vgpuif_context_destroy {
	uint32_t context_id;
};

/*
 * RESOURCE_CREATE - fields with the meaning of VIRTIO_GPU_CMD_RESOURCE_CREATE_3D.
 * +----------------+----------------+----------------+----------------+
 * |                            resource_id                            | 8
 * +----------------+----------------+----------------+----------------+
 * |                              target                               | 12
 * |                              format                               | 16
 * |                               bind                                | 20
 * |                               width                               | 24
 * |                              height                               | 28
 * |                               depth                               | 32
 * |                            array_size                             | 36
 * |                            last_level                             | 40
 * |                            nr_samples                             | 44
 * |                          resource_flags                           | 48
 * +----------------+----------------+----------------+----------------+
 * resource_id - uint32_t, not 0, not in use.
 */
struct vgpuif_resource_create {
	uint32_t resource_id;
	uint32_t target;
	uint32_t format;
	uint32_t bind;
	uint32_t width;
	uint32_t height;
	uint32_t depth;
	uint32_t array_size;
	uint32_t last_level;
	uint32_t nr_samples;
	uint32_t resource_flags;
};

/*
 * RESOURCE_CREATE_BLOB - fields with the meaning of VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB.
 * +----------------+----------------+----------------+----------------+
 * |                            context_id                             | 8
 * +----------------+----------------+----------------+----------------+
 * |                            resource_id                            | 12
 * +----------------+----------------+----------------+----------------+
 * |                             blob_mem                              | 16
 * |                            blob_flags                             | 20
 * +----------------+----------------+----------------+----------------+
 * |                              blob_id                              | 24
 * |                                                                   | 28
 * +----------------+----------------+----------------+----------------+
 * |                               bytes                               | 32
 * |                                                                   | 36
 * +----------------+----------------+----------------+----------------+
 * |                             buffer_id                             | 40
 * +----------------+----------------+----------------+----------------+
 * |                             reserved                              | 44
 * +----------------+----------------+----------------+----------------+
 * |                              offset                               | 48
 * |                                                                   | 52
 * +----------------+----------------+----------------+----------------+
 * blob_mem  - uint32_t, VGPUIF_BLOB_MEM_GUEST: the pages of buffer_id at offset are the memory.
 *             VGPUIF_BLOB_MEM_HOST3D and _HOST3D_GUEST are answered with -XEN_EOPNOTSUPP while no
 *             capset that needs them is offered.
 * context_id - 0 for a blob without a context's object.
 */
#define VGPUIF_BLOB_MEM_GUEST		1
#define VGPUIF_BLOB_MEM_HOST3D		2
#define VGPUIF_BLOB_MEM_HOST3D_GUEST	3
#define VGPUIF_BLOB_FLAG_MAPPABLE	(1u << 0)
#define VGPUIF_BLOB_FLAG_SHAREABLE	(1u << 1)
#define VGPUIF_BLOB_FLAG_CROSS_DEVICE	(1u << 2)
struct vgpuif_resource_create_blob {
	uint32_t context_id;
	uint32_t resource_id;
	uint32_t blob_mem;
	uint32_t blob_flags;
	uint64_t blob_id;
	uint64_t bytes;
	uint32_t buffer_id;
	uint32_t reserved;
	uint64_t offset;
};

/*
 * RESOURCE_ATTACH - make bytes of a buffer the resource's backing store.
 * +----------------+----------------+----------------+----------------+
 * |                            resource_id                            | 8
 * +----------------+----------------+----------------+----------------+
 * |                             buffer_id                             | 12
 * +----------------+----------------+----------------+----------------+
 * |                              offset                               | 16
 * |                                                                   | 20
 * +----------------+----------------+----------------+----------------+
 * |                               bytes                               | 24
 * |                                                                   | 28
 * +----------------+----------------+----------------+----------------+
 * Answered with -XEN_EEXIST when the resource has a backing store.
 */
struct vgpuif_resource_attach {
	uint32_t resource_id;
	uint32_t buffer_id;
	uint64_t offset;
	uint64_t bytes;
};

/* RESOURCE_DETACH - once answered, the renderer no longer touches the buffer for this resource. */
struct vgpuif_resource_detach {
	uint32_t resource_id;
};

/* RESOURCE_UNREF - detaches it from every context and from its backing store, and frees it. */
struct vgpuif_resource_unref {
	uint32_t resource_id;
};

/* CONTEXT_ATTACH, CONTEXT_DETACH - a context may use exactly the resources attached to it. */
struct vgpuif_context_resource {
	uint32_t context_id;
	uint32_t resource_id;
};

/*
 * TRANSFER_TO_HOST, TRANSFER_FROM_HOST - between a resource and its backing store.
 * +----------------+----------------+----------------+----------------+
 * |                            context_id                             | 8
 * +----------------+----------------+----------------+----------------+
 * |                            resource_id                            | 12
 * +----------------+----------------+----------------+----------------+
 * |                              offset                               | 16
 * |                                                                   | 20
 * +----------------+----------------+----------------+----------------+
 * |                      x, y, z, width, height, depth                | 24
 * |                                ...                                | ..
 * |                                                                   | 44
 * +----------------+----------------+----------------+----------------+
 * |                               level                               | 48
 * +----------------+----------------+----------------+----------------+
 * |                              stride                               | 52
 * +----------------+----------------+----------------+----------------+
 * |                           layer_stride                            | 56
 * +----------------+----------------+----------------+----------------+
 * |                             reserved                              | 60
 * +----------------+----------------+----------------+----------------+
 * context_id   - uint32_t, not 0: a context that the resource is attached to.
 * offset       - uint64_t, where in the backing store the box's first texel lies.
 * stride, layer_stride - uint32_t, octets between rows, between slices; 0 for tightly packed.
 * Answered with -XEN_EINVAL when the resource has no backing store, when the end of the box (x + width
 * and the like), the level or a stride is over 2^31 - 1, and when stride * (height - 1) +
 * layer_stride * (depth - 1) is over 2^32 - 1. A box outside the resource may lose the context
 * (-XEN_EIO from then on): that is the renderer's to judge.
 */
struct vgpuif_transfer {
	uint32_t context_id;
	uint32_t resource_id;
	uint64_t offset;
	uint32_t x;
	uint32_t y;
	uint32_t z;
	uint32_t width;
	uint32_t height;
	uint32_t depth;
	uint32_t level;
	uint32_t stride;
	uint32_t layer_stride;
	uint32_t reserved;
};

/*
 * SUBMIT - execute commands of a context.
 * +----------------+----------------+----------------+----------------+
 * |                            context_id                             | 8
 * +----------------+----------------+----------------+----------------+
 * |                             ring_idx                              | 12
 * +----------------+----------------+----------------+----------------+
 * |                             buffer_id                             | 16
 * +----------------+----------------+----------------+----------------+
 * |                               bytes                               | 20
 * +----------------+----------------+----------------+----------------+
 * |                              offset                               | 24
 * |                                                                   | 28
 * +----------------+----------------+----------------+----------------+
 * flags     - VGPUIF_SUBMIT_FENCE: answered when the work is finished on the GPU.
 *             VGPUIF_SUBMIT_IN_ORDER: not answered before every earlier submit of the same
 *             context and ring_idx was.
 * ring_idx  - uint32_t, 0..n_rings-1, the context's timeline that a fence belongs to.
 * bytes     - uint32_t, a multiple of 4, 0..VGPUIF_MAX_SUBMIT_BYTES. 0 with VGPUIF_SUBMIT_FENCE is
 *             a fence behind everything submitted before; buffer_id and offset are then 0.
 * offset    - uint64_t, a multiple of 8.
 *
 * The backend copies the commands out of the buffer once, before it looks at them. The frontend
 * may write there again when the response has come.
 */
#define VGPUIF_SUBMIT_FENCE		(1u << 0)
#define VGPUIF_SUBMIT_IN_ORDER		(1u << 1)
struct vgpuif_submit {
	uint32_t context_id;
	uint32_t ring_idx;
	uint32_t buffer_id;
	uint32_t bytes;
	uint64_t offset;
};

/*
 *          0                1                 2               3        octet
 * +----------------+----------------+----------------+----------------+
 * |                                id                                 | 0
 * +----------------+----------------+----------------+----------------+
 * |   operation    |    reserved    |              flags              | 4
 * +----------------+----------------+----------------+----------------+
 * |                       operation's own fields                      | 8
 * |                                ...                                | ..
 * +----------------+----------------+----------------+----------------+
 * id - uint32_t, chosen by the frontend, returned in the response, otherwise meaningless to the
 *      backend. A frontend that wants to tell its responses apart keeps ids in flight distinct.
 */
struct vgpuif_request {
	uint32_t id;
	uint8_t operation;
	uint8_t reserved;
	uint16_t flags;
	union {
		struct vgpuif_capset_info capset_info;
		struct vgpuif_capset_get capset_get;
		struct vgpuif_buffer_register buffer_register;
		struct vgpuif_buffer_unregister buffer_unregister;
		struct vgpuif_context_create context_create;
		struct vgpuif_context_destroy context_destroy;
		struct vgpuif_resource_create resource_create;
		struct vgpuif_resource_create_blob resource_create_blob;
		struct vgpuif_resource_attach resource_attach;
		struct vgpuif_resource_detach resource_detach;
		struct vgpuif_resource_unref resource_unref;
		struct vgpuif_context_resource context_resource;
		struct vgpuif_transfer transfer;
		struct vgpuif_submit submit;
		uint8_t octets[56];
	} u;
};

/*
 ******************************************************************************
 *                                  Responses
 ******************************************************************************
 * +----------------+----------------+----------------+----------------+
 * |                                id                                 | 0
 * +----------------+----------------+----------------+----------------+
 * |   operation    |                    reserved                      | 4
 * +----------------+----------------+----------------+----------------+
 * |                              status                               | 8
 * +----------------+----------------+----------------+----------------+
 * |                             reserved                              | 12
 * +----------------+----------------+----------------+----------------+
 * |                       operation's own fields                      | 16
 * |                                ...                                | ..
 * +----------------+----------------+----------------+----------------+
 * status - int32_t, 0 or -XEN_Exx (xen/errno.h):
 *   -XEN_EINVAL      a field is out of range, or a reserved octet or an unknown flag is set
 *   -XEN_EOPNOTSUPP  the operation is not known or not built
 *   -XEN_ENOENT      the context, resource, buffer or capset does not exist
 *   -XEN_EEXIST      the id is in use
 *   -XEN_EBUSY       the buffer is in use
 *   -XEN_ENOSPC      over a limit that the backend advertises
 *   -XEN_EFAULT      a grant reference could not be mapped
 *   -XEN_ENOMEM      the backend is out of memory, or a resource would be over max-memory
 *   -XEN_EIO         the renderer refused, or the context is lost
 *   -XEN_ENODEV   the context was destroyed with this request in flight
 */
struct vgpuif_capset_info_rsp {
	uint32_t capset_id;
	uint32_t max_version;
	uint32_t max_bytes;
};

struct vgpuif_capset_get_rsp {
	uint32_t bytes;		/* written */
};

struct vgpuif_response {
	uint32_t id;
	uint8_t operation;
	uint8_t reserved0[3];
	int32_t status;
	uint32_t reserved1;
	union {
		struct vgpuif_capset_info_rsp capset_info;
		struct vgpuif_capset_get_rsp capset_get;
		uint8_t octets[48];
	} u;
};

DEFINE_RING_TYPES(vgpuif, struct vgpuif_request, struct vgpuif_response);

/*
 ******************************************************************************
 *                                   Layout
 ******************************************************************************
 * The same on x86_64, i386, aarch64 and arm. (i386 aligns uint64_t to 4 octets inside structures:
 * every one above lies at a multiple of 8 anyway.)
 */
#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#ifdef __KERNEL__
#include <linux/stddef.h>
#else
#include <stddef.h>
#endif
#define VGPUIF_AT(type, field, at) \
	_Static_assert(offsetof(type, field) == (at), #type "." #field " moved")
#define VGPUIF_SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " changed size")

VGPUIF_SIZE(struct vgpuif_request, 64);
VGPUIF_SIZE(struct vgpuif_response, 64);
VGPUIF_SIZE(union vgpuif_sring_entry, 64);
VGPUIF_SIZE(struct vgpuif_page_directory, VGPUIF_PAGE_BYTES);
VGPUIF_AT(struct vgpuif_sring, ring, 64);
VGPUIF_AT(struct vgpuif_request, id, 0);
VGPUIF_AT(struct vgpuif_request, operation, 4);
VGPUIF_AT(struct vgpuif_request, flags, 6);
VGPUIF_AT(struct vgpuif_request, u, 8);
VGPUIF_AT(struct vgpuif_response, operation, 4);
VGPUIF_AT(struct vgpuif_response, status, 8);
VGPUIF_AT(struct vgpuif_response, u, 16);
VGPUIF_AT(struct vgpuif_request, u.capset_get.offset, 24);
VGPUIF_SIZE(struct vgpuif_capset_get, 24);
VGPUIF_SIZE(struct vgpuif_buffer_register, 12);
VGPUIF_AT(struct vgpuif_request, u.context_create.name, 24);
VGPUIF_SIZE(struct vgpuif_context_create, 48);
VGPUIF_AT(struct vgpuif_request, u.resource_create.resource_flags, 48);
VGPUIF_SIZE(struct vgpuif_resource_create, 44);
VGPUIF_AT(struct vgpuif_request, u.resource_create_blob.blob_id, 24);
VGPUIF_AT(struct vgpuif_request, u.resource_create_blob.offset, 48);
VGPUIF_SIZE(struct vgpuif_resource_create_blob, 48);
VGPUIF_AT(struct vgpuif_request, u.resource_attach.offset, 16);
VGPUIF_SIZE(struct vgpuif_resource_attach, 24);
VGPUIF_AT(struct vgpuif_request, u.transfer.offset, 16);
VGPUIF_AT(struct vgpuif_request, u.transfer.level, 48);
VGPUIF_SIZE(struct vgpuif_transfer, 56);
VGPUIF_AT(struct vgpuif_request, u.submit.offset, 24);
VGPUIF_SIZE(struct vgpuif_submit, 24);
#undef VGPUIF_AT
#undef VGPUIF_SIZE
#endif

#endif /* VGPUIF_H */
