/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virgl_caps.h - what of the renderer's capsets cannot be had in a guest. For both frontends: the
 * includer has fixed-width types and memcpy(), and VGPUIF_ of vgpuif.h.
 */
#ifndef FRONTEND_LINUX_VIRGL_CAPS_H
#define FRONTEND_LINUX_VIRGL_CAPS_H

/* In struct virgl_caps_v2. Source: virgl_hw.h of Mesa. */
#define VIRGL_CAPS_BITS		392u
#define VIRGL_CAP_ARB_BUFFER_STORAGE (1u << 31)

/*
 * virgl_caps_adjust() - take out of a capset what cannot be had through this protocol.
 * @capset: a private copy, of @bytes octets.
 *
 * Persistent mappings of buffers (ARB_buffer_storage) would be memory of the driver domain, which a
 * guest has no means to map.
 */
static inline void virgl_caps_adjust(uint32_t id, uint8_t *capset, uint32_t bytes)
{
	uint32_t word;

	if (id == VGPUIF_CAPSET_VIRGL2 && bytes >= VIRGL_CAPS_BITS + sizeof(word)) {
		memcpy(&word, capset + VIRGL_CAPS_BITS, sizeof(word));
		word &= ~VIRGL_CAP_ARB_BUFFER_STORAGE;
		memcpy(capset + VIRGL_CAPS_BITS, &word, sizeof(word));
	}
}

#endif
