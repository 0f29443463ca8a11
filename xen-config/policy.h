/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which vgpus a domain is to have. xl ignores the setting vgpu of a domain's config and keeps no
 * trace of it, so the policy is found by the domain's name and UUID, the first of these that says
 * anything (vgpu = [ ] says: none):
 *
 *	1. /etc/xen/xengpu.d/NAME.conf		the administrator's word
 *	2. /etc/xen/xengpu.d/UUID.conf
 *	3. /var/lib/xengpu/policy/UUID.conf	what `xengpu create` and `xengpu attach` saved
 *	4. /etc/xen/NAME.cfg, /etc/xen/NAME, /etc/xen/auto/...	the domain's own config, which is
 *						taken when its name or its uuid is the domain's
 *	5. vgpu in /etc/xen/xengpu.conf
 */
#ifndef CONFIG_POLICY_H
#define CONFIG_POLICY_H

#include "hostconf.h"
#include "vgpus.h"

#define POLICY_MAX_PATH	256u

struct policy_paths {
	char conf[POLICY_MAX_PATH];	/* /etc/xen/xengpu.conf */
	char dir[POLICY_MAX_PATH];	/* /etc/xen/xengpu.d */
	char state[POLICY_MAX_PATH];	/* /var/lib/xengpu/policy */
	char xl[POLICY_MAX_PATH];	/* /etc/xen */
};

enum policy_from {
	POLICY_NONE,
	POLICY_ADMIN,			/* 1, 2 */
	POLICY_SAVED,			/* 3 */
	POLICY_CONFIG,			/* 4 */
	POLICY_DEFAULT,			/* 5 */
};

struct policy {
	enum policy_from from;
	unsigned int n;			/* 0..VGPUS_MAX */
	struct vgpu_option vgpu[VGPUS_MAX];	/* with the host's defaults, within its limits */
	struct vgpus own;		/* the same without, as they were written; own.n == n */
	char source[VGPUS_WHERE_BYTES];	/* "FILE:LINE"; "" for POLICY_NONE */
};

/*
 * policy_paths_init() - the above, beneath the folder that $XENGPU_ROOT names (for tests).
 * Returns 0; -ENAMETOOLONG.
 */
int policy_paths_init(struct policy_paths *out);

/*
 * policy_find() - look for a domain's policy.
 * @name: as xenstore has it. One with '/' or a '.' at its beginning is never made part of a path;
 *        the "--incoming" of a migration that is under way does not count.
 * @uuid: NULL or what is no UUID: nothing is found by it.
 * @out:  set on success only.
 * Returns 0, also with POLICY_NONE; -EINVAL, @why names file, line, key and what is allowed; or
 * -errno, with @why, when a file cannot be read.
 */
int policy_find(const struct policy_paths *paths, const struct hostconf *conf, const char *name,
		const char *uuid, struct policy *out, char *why);

/*
 * policy_of() - the policy in a configuration that was read already; out->from is @from.
 * Returns as policy_find(); -ENOENT, it has no vgpu = [ ... ].
 */
int policy_of(const struct hostconf *conf, const struct xlcfg *cfg, enum policy_from from,
	      struct policy *out, char *why);

/*
 * policy_save() - keep a domain's vgpus under its UUID, as they were given; atomic and durable.
 * Returns 0; -EINVAL, that is no UUID; or -errno, with @why.
 */
int policy_save(const struct policy_paths *paths, const char *uuid, const struct vgpus *vgpus,
		char *why);

/*
 * policy_lock() - be the only one that reads what is saved and changes it, until policy_unlock(). Waits.
 * Returns what policy_unlock() takes; -1, also fine there: it cannot be had, nor could anything be saved.
 */
int policy_lock(const struct policy_paths *paths);
void policy_unlock(int lock);

/* policy_forget() - drop what was saved. Returns 0, also when there is nothing; as policy_save(). */
int policy_forget(const struct policy_paths *paths, const char *uuid, char *why);

/*
 * policy_set_aside() - keep what is saved, before it is replaced or dropped.
 * policy_put_back() - what was set aside is what is saved again: nothing, if there was nothing.
 * The two return as policy_save().
 * policy_drop_aside() - what was set aside is not needed any more.
 */
int policy_set_aside(const struct policy_paths *paths, const char *uuid, char *why);
int policy_put_back(const struct policy_paths *paths, const char *uuid, char *why);
void policy_drop_aside(const struct policy_paths *paths, const char *uuid);

/* policy_uuid_ok() - whether it is 36 hexadecimal digits and dashes in the right places. */
bool policy_uuid_ok(const char *uuid);

#endif
