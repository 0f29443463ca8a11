/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virgl_caps.h - what of the renderer's capsets cannot be had in a guest. For both frontends: the
 * includer has fixed-width types and memcpy(), and VGPUIF_ of vgpuif.h.
 */
#ifndef FRONTEND_LINUX_VIRGL_CAPS_H
#define FRONTEND_LINUX_VIRGL_CAPS_H

/* In struct virgl_caps_v1, with which virgl_caps_v2 begins, and in the latter. Source: virgl_hw.h of Mesa. */
#define VIRGL_CAPS_TEXTURE_BUFFER 292u	/* max_tbo_size, in texels */
#define VIRGL_MAX_TEXEL_BYTES	16u
#define VIRGL_CAPS_BITS		392u
#define VIRGL_CAP_ARB_BUFFER_STORAGE (1u << 31)

/*
 * virgl_caps_adjust() - take out of a capset what cannot be had through this protocol.
 * @capset: a private copy, of @bytes octets.
 * @max_buffer_pages: the most that the backend takes in one buffer.
 *
 * Persistent mappings of buffers (ARB_buffer_storage) would be memory of the driver domain, which a
 * guest has no means to map. A texture buffer cannot be larger than a granted buffer; of the largest
 * texels, that is how many are offered, so that a program which wants all there is gets it.
 */
static inline void virgl_caps_adjust(uint32_t id, uint8_t *capset, uint32_t bytes,
				     uint32_t max_buffer_pages)
{
	const uint64_t most = (uint64_t)max_buffer_pages * VGPUIF_PAGE_BYTES / VIRGL_MAX_TEXEL_BYTES;
	uint32_t word;

	if (id != VGPUIF_CAPSET_VIRGL && id != VGPUIF_CAPSET_VIRGL2)
		return;
	if (bytes >= VIRGL_CAPS_TEXTURE_BUFFER + sizeof(word)) {
		memcpy(&word, capset + VIRGL_CAPS_TEXTURE_BUFFER, sizeof(word));
		if (word > most)
			word = (uint32_t)most;
		memcpy(capset + VIRGL_CAPS_TEXTURE_BUFFER, &word, sizeof(word));
	}
	if (id == VGPUIF_CAPSET_VIRGL2 && bytes >= VIRGL_CAPS_BITS + sizeof(word)) {
		memcpy(&word, capset + VIRGL_CAPS_BITS, sizeof(word));
		word &= ~VIRGL_CAP_ARB_BUFFER_STORAGE;
		memcpy(capset + VIRGL_CAPS_BITS, &word, sizeof(word));
	}
}

#endif
