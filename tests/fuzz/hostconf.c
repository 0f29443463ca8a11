// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's configuration, and a domain's under it: what a policy makes of the two is within the
 * limits that the host has, and within the ranges of the keys.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "policy.h"

static void check_limits(const struct hostconf *conf, const struct vgpu_option *o)
{
	enum option_key key;
	uint32_t value, limit;

	for (key = 0; OPTION_NUMBERS & OPTION_BIT(key); key++) {
		if (!(conf->limits.given & OPTION_BIT(key)))
			continue;
		value = option_number(o, key);
		limit = option_number(&conf->limits, key);
		CHECK(o->given & OPTION_BIT(key));
		/* For these 0 is no limit, on either side. */
		if (key != OPTION_CAP && key != OPTION_MAX_FPS)
			CHECK(value <= limit);
		else if (limit)
			CHECK(value && value <= limit);
	}
}

static void check_conf(const struct hostconf *c)
{
	CHECK(c->warm <= 64 && c->fence_timeout_s >= 1 && c->fence_timeout_s <= 3600);
	CHECK(c->ban_after <= 1000 && c->ban_minutes >= 1 && c->ban_minutes <= 10080);
	CHECK(!c->policy[0] || hostconf_policy_ok(c->policy));
	CHECK(!c->slice_us || (c->slice_us >= HOSTCONF_MIN_SLICE_US &&
			       c->slice_us <= HOSTCONF_MAX_SLICE_US));
	CHECK(c->ratelimit_us <= HOSTCONF_MAX_RATELIMIT_US);
	CHECK(!c->gpu[0] || option_gpu_ok(c->gpu) || !strcmp(c->gpu, "model"));
	CHECK(c->vgpus.n <= VGPUS_MAX);
}

static void domain(const struct hostconf *conf, const char *text, size_t bytes)
{
	char why[WHY_BYTES] = "";
	struct policy policy = { 0 };
	struct xlcfg *cfg;
	unsigned int i;
	int err;

	if (xlcfg_parse(text, bytes, "domain", &cfg, why))
		return;
	err = policy_of(conf, cfg, POLICY_CONFIG, &policy, why);
	if (err == -EINVAL)
		CHECK(why[0] && fuzz_printable(why));
	else
		CHECK(!err || err == -ENOENT);
	CHECK(policy.n <= VGPUS_MAX && policy.own.n == policy.n);
	for (i = 0; !err && i < policy.n; i++)
		check_limits(conf, &policy.vgpu[i]);
	xlcfg_free(cfg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct fuzz_in in = { data, size };
	char *host = fuzz_text(&in, 0xff), why[WHY_BYTES] = "", path[64];
	struct vgpu_option none = { 0 };
	struct hostconf conf;
	int err;

	if (fd < 0)
		fd = memfd_create("hostconf", MFD_CLOEXEC);
	CHECK(fd >= 0 && !ftruncate(fd, 0));
	CHECK_EQ(pwrite(fd, host, strlen(host), 0), strlen(host));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = hostconf_read(path, &conf, why);
	if (err) {
		CHECK(err == -EINVAL && why[0] && fuzz_printable(why));
		hostconf_preset(&conf);
	}
	check_conf(&conf);
	/* A vgpu that asks for nothing can be had, unless the defaults are over the limits. */
	if (!hostconf_apply(&conf, &none, "here", why))
		check_limits(&conf, &none);
	domain(&conf, (const char *)in.at, in.left);
	free(host);
	return 0;
}
