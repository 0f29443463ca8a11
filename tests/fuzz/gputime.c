// SPDX-License-Identifier: GPL-2.0-only
/*
 * The text of an fdinfo file, which is the kernel's but differs with every driver: read in bounds,
 * and what is not said stays unsaid.
 */
#include "fuzz.h"
#include "gpu_time.h"

/* Whether a line begins with that. Also one that is cut off. */
static bool mentions(const char *text, const char *key)
{
	const char *at;

	for (at = text; (at = strstr(at, key)); at++)
		if (at == text || at[-1] == '\n')
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	char *text = fuzz_text(&in, '\0');
	struct gpu_time_info info, again;

	memset(&info, 0xa5, sizeof(info));
	gpu_time_parse(text, &info);
	CHECK(memchr(info.pdev, '\0', sizeof(info.pdev)));
	if (!mentions(text, "drm-driver:"))
		CHECK(!info.is_drm);
	if (!mentions(text, "drm-engine-"))
		CHECK(!info.has_ns && !info.ns);
	if (!mentions(text, "drm-cycles-"))
		CHECK(!info.cycles);
	if (!mentions(text, "drm-total-cycles-"))
		CHECK(!info.total_cycles);
	memset(&again, 0x5a, sizeof(again));
	gpu_time_parse(text, &again);
	CHECK(info.ns == again.ns && info.cycles == again.cycles && info.client == again.client &&
	      info.is_drm == again.is_drm && !strcmp(info.pdev, again.pdev));
	free(text);
	return 0;
}
