/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much of the GPU's memory a resource takes. No driver tells, so this is an upper bound of what
 * its pixels take, with no regard to how a driver aligns them.
 */
#ifndef BACKEND_WRK_SIZE_H
#define BACKEND_WRK_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "vgpuif.h"

/*
 * wrk_size_bytes() - of all levels, layers and samples of what RESOURCE_CREATE asks for.
 * @args: untrusted; every value of every field is allowed.
 * Returns at least 1; UINT64_MAX for what does not fit into 64 bits.
 */
uint64_t wrk_size_bytes(const struct vgpuif_resource_create *args);

/* wrk_size_is_buffer() - whether it is a buffer, whose width is in octets, and no texture. */
bool wrk_size_is_buffer(const struct vgpuif_resource_create *args);

/* wrk_size_block() - octets of a format's block of @side squared pixels; 16 a pixel if unknown. */
uint32_t wrk_size_block(uint32_t format, uint32_t *side);

#endif
