/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /etc/xen/xengpu.conf: what holds for all vgpus of a host. In xl's grammar; xengpu.conf beside this
 * file is an example that says what each setting means.
 */
#ifndef CONFIG_HOSTCONF_H
#define CONFIG_HOSTCONF_H

#include "vgpus.h"

#define HOSTCONF_FENCE_TIMEOUT_S	10u
#define HOSTCONF_BAN_AFTER		3u
#define HOSTCONF_BAN_MINUTES		10u
#define HOSTCONF_POLICY_BYTES		16u
#define HOSTCONF_POLICIES	"credit, equal-share, fixed-share, deadline, auto, off"
#define HOSTCONF_MIN_SLICE_US		100u
#define HOSTCONF_MAX_SLICE_US		100000u
#define HOSTCONF_MAX_RATELIMIT_US	100000u

struct hostconf {
	char gpu[OPTION_MAX_NAME];	/* "" when not given, so that an option of xengpud counts */
	uint32_t warm;			/* 1..64; 0 when not given */
	uint32_t fence_timeout_s;	/* 1..3600 */
	uint32_t ban_after;		/* 0..1000 losses; 0, never */
	uint32_t ban_minutes;		/* 1..10080, within which they must fall */
	char policy[HOSTCONF_POLICY_BYTES];	/* one of HOSTCONF_POLICIES; "" when not given */
	uint32_t slice_us;		/* 100..100000; 0 when not given */
	bool has_ratelimit;		/* 0 is a ratelimit, too: none */
	uint32_t ratelimit_us;		/* 0..100000; 0 when not given */
	struct vgpu_option defaults;	/* beneath the keys of every vgpu */
	struct vgpu_option limits;	/* of OPTION_NUMBERS */
	char limits_where[VGPUS_WHERE_BYTES];	/* "FILE:LINE" */
	bool has_vgpus;			/* else a domain without a policy has none */
	struct vgpus vgpus;
	char vgpus_where[VGPUS_WHERE_BYTES];
};

/* hostconf_preset() - what holds without a file. */
void hostconf_preset(struct hostconf *out);

/*
 * hostconf_read() - read the file; where there is none, hostconf_preset().
 * @out: set on success only.
 * Returns 0; -EINVAL, @why names file, line and what is allowed; or as xlcfg_read().
 */
int hostconf_read(const char *path, struct hostconf *out, char *why);

/* hostconf_policy_ok() - whether it is one of HOSTCONF_POLICIES. */
bool hostconf_policy_ok(const char *policy);

/*
 * hostconf_apply() - the defaults beneath a vgpu's own keys, and the limits: a key that asks for
 * more is refused; one that nobody gave is set to its limit, or to its preset if that is less.
 * A limited cap makes cap=0, no cap, more than is allowed; max_fps likewise.
 * @where:  for @why, where the vgpu comes from, such as "FILE:LINE".
 * @option: on failure as it was.
 * Returns 0; -EINVAL, @why names both places.
 */
int hostconf_apply(const struct hostconf *conf, struct vgpu_option *option, const char *where,
		   char *why);

#endif
