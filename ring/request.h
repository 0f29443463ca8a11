/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checking a request: everything that can be said about one without knowing which contexts,
 * resources and buffers exist. One table, an entry an operation. Pure.
 */
#ifndef RING_REQUEST_H
#define RING_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "vgpuif.h"

/* What a backend advertises; see vgpuif.h. All within the VGPUIF_MAX_ limits. */
struct request_limits {
	uint32_t max_buffer_pages;
	uint64_t capsets;		/* bit i: capset i may be used */
};

/* Which of its ids a request needs to exist already; the caller looks them up. */
#define REQUEST_NEEDS_CONTEXT	(1u << 0)
#define REQUEST_NEEDS_RESOURCE	(1u << 1)
#define REQUEST_NEEDS_BUFFER	(1u << 2)
#define REQUEST_NEW_CONTEXT	(1u << 3)	/* ... and which must not exist */
#define REQUEST_NEW_RESOURCE	(1u << 4)
#define REQUEST_NEW_BUFFER	(1u << 5)

/* The ids that a checked request names; 0 where it names none. */
struct request_ids {
	uint32_t context_id;
	uint32_t resource_id;
	uint32_t buffer_id;
	uint32_t needs;			/* REQUEST_ bits, narrowed to this very request */
};

/* Where a transfer goes, and how lines and layers lie in memory. */
struct request_box {
	uint32_t stride, layer_stride;	/* octets; 0: as close as they can */
	uint32_t x, y, z, width, height, depth;
};

/* request_box_ok() - whether the renderer can count with it; not whether there is so much. */
bool request_box_ok(const struct request_box *untrusted_box);

/*
 * request_check() - check a private copy of a request.
 * @untrusted_req: copied out of the ring; not shared memory.
 * @limits: what this backend offers.
 * @ids: set on success only.
 * Returns 0 or the status to answer with: -XEN_EOPNOTSUPP, -XEN_EINVAL, -XEN_ENOSPC (over a limit).
 * After 0 every field is in its range, all reserved octets are 0, offset + bytes do not wrap.
 */
int request_check(const struct vgpuif_request *untrusted_req, const struct request_limits *limits,
		  struct request_ids *ids);

/* request_name() - the operation's name for messages, "unknown" for others. */
const char *request_name(uint8_t operation);

/* request_strstatus() - a short text for a response's status (0 or -XEN_Exx). */
const char *request_strstatus(int32_t status);

/*
 * request_directory_pages() - directory pages that hold n_pages references (ceil(n / 1023)).
 */
static inline uint32_t request_directory_pages(uint32_t n_pages)
{
	return (n_pages + VGPUIF_DIRECTORY_REFS - 1) / VGPUIF_DIRECTORY_REFS;
}

#endif
