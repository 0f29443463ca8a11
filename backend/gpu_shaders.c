// SPDX-License-Identifier: GPL-2.0-only
/* See gpu_shaders.h. The functions have no argument of ours, so there is global state. */
#include <epoxy/egl.h>

#include "gpu_shaders.h"

static const struct shaders *kept;
static struct ctl_stats *counters;

/* In any of the driver's threads. */
static void on_set(const void *key, EGLsizeiANDROID key_bytes, const void *value,
		   EGLsizeiANDROID value_bytes)
{
	const struct shaders *s = __atomic_load_n(&kept, __ATOMIC_ACQUIRE);

	if (!s || key_bytes <= 0 || value_bytes <= 0)
		return;
	if (shaders_put(s, key, (size_t)key_bytes, value, (size_t)value_bytes))
		__atomic_add_fetch(&counters->shaders_compiled, 1, __ATOMIC_RELAXED);
}

static EGLsizeiANDROID on_get(const void *key, EGLsizeiANDROID key_bytes, void *value,
			      EGLsizeiANDROID room)
{
	const struct shaders *s = __atomic_load_n(&kept, __ATOMIC_ACQUIRE);
	size_t got;

	if (!s || key_bytes <= 0 || room < 0)
		return 0;
	got = shaders_get(s, key, (size_t)key_bytes, value, (size_t)room);
	if (got)
		__atomic_add_fetch(&counters->shaders_found, 1, __ATOMIC_RELAXED);
	return (EGLsizeiANDROID)got;
}

void gpu_shaders_offer(void)
{
	EGLDisplay display = eglGetCurrentDisplay();

	if (display != EGL_NO_DISPLAY &&
	    epoxy_has_egl_extension(display, "EGL_ANDROID_blob_cache"))
		eglSetBlobCacheFuncsANDROID(display, on_set, on_get);
}

void gpu_shaders_attach(const struct shaders *shaders, struct ctl_stats *stats)
{
	counters = stats;
	__atomic_store_n(&kept, shaders, __ATOMIC_RELEASE);
}
