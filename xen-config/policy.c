// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding a domain's policy; see policy.h.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"

#define UUID_CHARS	36u
#define MAX_NAME	128u	/* of a domain, when it becomes a file's */

/* What is looked for. */
struct domain {
	const struct policy_paths *paths;
	const struct hostconf *conf;
	char name[MAX_NAME];
	bool is_file_name;	/* so that it stays in its folder */
	const char *uuid;	/* NULL when it is none */
};

/* --- paths ----------------------------------------------------------------------------------- */

int policy_paths_init(struct policy_paths *out)
{
	const char *root = getenv("XENGPU_ROOT");

	if (!root)
		root = "";
	if (strlen(root) >= POLICY_MAX_PATH / 2)
		return -ENAMETOOLONG;
	snprintf(out->conf, sizeof(out->conf), "%s/etc/xen/xengpu.conf", root);
	snprintf(out->dir, sizeof(out->dir), "%s/etc/xen/xengpu.d", root);
	snprintf(out->state, sizeof(out->state), "%s/var/lib/xengpu/policy", root);
	snprintf(out->xl, sizeof(out->xl), "%s/etc/xen", root);
	return 0;
}

bool policy_uuid_ok(const char *uuid)
{
	size_t i;

	if (!uuid || strlen(uuid) != UUID_CHARS)
		return false;
	for (i = 0; i < UUID_CHARS; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23 ? uuid[i] != '-' :
							      !isxdigit((unsigned char)uuid[i]))
			return false;
	}
	return true;
}

/* Dashes and capitals are free in a config, as libxl has it. */
static bool same_uuid(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, "-");
		b += strspn(b, "-");
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
		a++;
		b++;
	}
}

static void take_name(struct domain *dom, const char *name)
{
	static const char incoming[] = "--incoming";
	size_t len = strlen(name);

	if (len >= sizeof(incoming) && !strcmp(name + len - (sizeof(incoming) - 1), incoming))
		len -= sizeof(incoming) - 1;
	if (len >= MAX_NAME)
		len = 0;
	memcpy(dom->name, name, len);
	dom->name[len] = '\0';
	dom->is_file_name = len && dom->name[0] != '.' && !strchr(dom->name, '/');
}

/* --- one file -------------------------------------------------------------------------------- */

int policy_of(const struct hostconf *conf, const struct xlcfg *cfg, enum policy_from from,
	      struct policy *out, char *why)
{
	struct policy policy = { .from = from };
	unsigned int i;
	int err;

	err = vgpus_read(cfg, &policy.own, policy.source, why);
	for (i = 0; !err && i < policy.own.n; i++) {
		policy.vgpu[i] = policy.own.option[i];
		err = hostconf_apply(conf, &policy.vgpu[i], policy.source, why);
	}
	if (err)
		return err;
	policy.n = policy.own.n;
	*out = policy;
	return 0;
}

/* Our own files have the one setting; a domain's config has many. */
static int only_vgpu(const struct xlcfg *cfg, char *why)
{
	const struct xlcfg_value *v;
	const char *name;
	size_t i;

	for (i = 0; (name = xlcfg_name(cfg, i)); i++) {
		if (!strcmp(name, "vgpu"))
			continue;
		v = xlcfg_find(cfg, name);
		return why_set(why, "%s:%u: unknown setting '%.40s'; allowed is vgpu = [ \"...\" ]",
			       v->source, v->line, name);
	}
	return 0;
}

/* DIR/NAME.conf. Returns 0; -ENOENT, it is not there or says nothing; or an error. */
static int own_file(const struct domain *dom, const char *dir, const char *name,
		    enum policy_from from, struct policy *out, char *why)
{
	char path[POLICY_MAX_PATH + MAX_NAME + 8];
	struct xlcfg *cfg;
	int err;

	snprintf(path, sizeof(path), "%s/%s.conf", dir, name);
	err = xlcfg_read(path, &cfg, why);
	if (err)
		return err;
	err = only_vgpu(cfg, why);
	if (!err)
		err = policy_of(dom->conf, cfg, from, out, why);
	xlcfg_free(cfg);
	return err;
}

static int uuid_file(const struct domain *dom, const char *dir, enum policy_from from,
		     struct policy *out, char *why)
{
	char lower[UUID_CHARS + 1];
	size_t i;

	for (i = 0; i <= UUID_CHARS; i++)
		lower[i] = (char)tolower((unsigned char)dom->uuid[i]);
	return own_file(dom, dir, lower, from, out, why);
}

/* --- the domain's own config ----------------------------------------------------------------- */

static bool is_of(const struct xlcfg *cfg, const struct domain *dom)
{
	char why[WHY_BYTES];
	const char *text;

	if (!xlcfg_text(cfg, "name", &text, why) && dom->name[0] && !strcmp(text, dom->name))
		return true;
	return dom->uuid && !xlcfg_text(cfg, "uuid", &text, why) && same_uuid(text, dom->uuid);
}

/*
 * Returns 0; -ENOENT, it is not there, another domain's, or says nothing; or an error.
 * @is_ours: whether it was seen to be the domain's.
 */
static int xl_file(const struct domain *dom, const char *path, bool *is_ours, struct policy *out,
		   char *why)
{
	struct xlcfg *cfg;
	int err;

	*is_ours = false;
	err = xlcfg_read(path, &cfg, why);
	if (err)
		return err;
	*is_ours = is_of(cfg, dom);
	err = *is_ours ? policy_of(dom->conf, cfg, POLICY_CONFIG, out, why) : -ENOENT;
	xlcfg_free(cfg);
	return err;
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* NAME, or NAME.cfg and the like. */
static bool named_after(const char *file, const char *name)
{
	const size_t len = strlen(name);

	return len && !strncmp(file, name, len) && (!file[len] || file[len] == '.');
}

static int auto_files(const struct domain *dom, struct policy *out, char *why)
{
	char dir[POLICY_MAX_PATH + 8], path[POLICY_MAX_PATH + 8 + 257];
	struct dirent **entries = NULL;
	int i, n, err = -ENOENT;
	bool is_ours;

	snprintf(dir, sizeof(dir), "%s/auto", dom->paths->xl);
	n = scandir(dir, &entries, visible, alphasort);
	for (i = 0; i < n; i++) {
		if (err == -ENOENT) {
			snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
			err = xl_file(dom, path, &is_ours, out, why);
			/* xl takes no file with a mistake, so no domain came from it; but if it
			 * has this one's name, somebody is editing it. */
			if (err && !is_ours && !named_after(entries[i]->d_name, dom->name))
				err = -ENOENT;
		}
		free(entries[i]);
	}
	free(entries);
	return err;
}

static int xl_config(const struct domain *dom, struct policy *out, char *why)
{
	static const char *const endings[] = { ".cfg", "" };
	char path[POLICY_MAX_PATH + MAX_NAME + 8];
	int err = -ENOENT;
	bool is_ours;
	size_t i;

	for (i = 0; err == -ENOENT && dom->is_file_name && i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s%s", dom->paths->xl, dom->name, endings[i]);
		err = xl_file(dom, path, &is_ours, out, why);
	}
	return err == -ENOENT ? auto_files(dom, out, why) : err;
}

int policy_find(const struct policy_paths *paths, const struct hostconf *conf, const char *name,
		const char *uuid, struct policy *out, char *why)
{
	struct domain dom = { .paths = paths, .conf = conf };
	struct policy policy = { 0 };
	unsigned int i;
	int err = -ENOENT;

	take_name(&dom, name);
	dom.uuid = policy_uuid_ok(uuid) ? uuid : NULL;
	if (dom.is_file_name)
		err = own_file(&dom, paths->dir, dom.name, POLICY_ADMIN, &policy, why);
	if (err == -ENOENT && dom.uuid)
		err = uuid_file(&dom, paths->dir, POLICY_ADMIN, &policy, why);
	if (err == -ENOENT && dom.uuid)
		err = uuid_file(&dom, paths->state, POLICY_SAVED, &policy, why);
	if (err == -ENOENT)
		err = xl_config(&dom, &policy, why);
	if (err && err != -ENOENT)
		return err;
	if (err && conf->has_vgpus) {
		policy = (struct policy){ .from = POLICY_DEFAULT, .own = conf->vgpus,
					  .n = conf->vgpus.n };
		strcpy(policy.source, conf->vgpus_where);
		for (i = 0; i < policy.n; i++) {
			policy.vgpu[i] = policy.own.option[i];
			err = hostconf_apply(conf, &policy.vgpu[i], policy.source, why);
			if (err)
				return err;
		}
	}
	*out = policy;
	return 0;
}
