// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's defaults and limits; see hostconf.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hostconf.h"

/* Of all vgpus, not of one of them. */
#define DEFAULT_KEYS	(OPTION_ALL & ~OPTION_BIT(OPTION_DEVID))

static int set_gpu(const struct xlcfg *cfg, const char *name, struct hostconf *conf, char *why)
{
	const struct xlcfg_value *v = xlcfg_find(cfg, name);
	const char *text;
	int err;

	err = xlcfg_text(cfg, name, &text, why);
	if (err)
		return err;
	if (strlen(text) >= sizeof(conf->gpu) || !option_gpu_ok(text))
		return why_set(why, "%s:%u: gpu = \"%.40s\": must be auto, soft, or a render node "
			       "such as /dev/dri/renderD128", v->source, v->line, text);
	strcpy(conf->gpu, text);
	return 0;
}

static int number(const struct xlcfg *cfg, const char *name, uint32_t min, uint32_t max,
		  uint32_t *out, char *why)
{
	uint64_t value;
	int err;

	err = xlcfg_number(cfg, name, min, max, &value, why);
	if (!err)
		*out = (uint32_t)value;
	return err;
}

static int set_warm(const struct xlcfg *cfg, const char *name, struct hostconf *conf, char *why)
{
	return number(cfg, name, 1, 64, &conf->warm, why);
}

static int set_fence_timeout(const struct xlcfg *cfg, const char *name, struct hostconf *conf,
			     char *why)
{
	return number(cfg, name, 1, 3600, &conf->fence_timeout_s, why);
}

static int set_ban_after(const struct xlcfg *cfg, const char *name, struct hostconf *conf,
			 char *why)
{
	return number(cfg, name, 0, 1000, &conf->ban_after, why);
}

static int set_ban_minutes(const struct xlcfg *cfg, const char *name, struct hostconf *conf,
			   char *why)
{
	return number(cfg, name, 1, 7 * 24 * 60, &conf->ban_minutes, why);
}

bool hostconf_policy_ok(const char *policy)
{
	static const char *const policies[] = { "credit", "equal-share", "fixed-share", "deadline",
						"auto", "off" };
	size_t i;

	for (i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		if (!strcmp(policy, policies[i]))
			return true;
	}
	return false;
}

static int set_policy(const struct xlcfg *cfg, const char *name, struct hostconf *conf, char *why)
{
	const struct xlcfg_value *v = xlcfg_find(cfg, name);
	const char *text;
	int err;

	err = xlcfg_text(cfg, name, &text, why);
	if (err)
		return err;
	if (!hostconf_policy_ok(text))
		return why_set(why, "%s:%u: policy = \"%.40s\": must be one of " HOSTCONF_POLICIES,
			       v->source, v->line, text);
	strcpy(conf->policy, text);
	return 0;
}

static int set_slice(const struct xlcfg *cfg, const char *name, struct hostconf *conf, char *why)
{
	return number(cfg, name, HOSTCONF_MIN_SLICE_US, HOSTCONF_MAX_SLICE_US, &conf->slice_us,
		      why);
}

static int set_ratelimit(const struct xlcfg *cfg, const char *name, struct hostconf *conf,
			 char *why)
{
	conf->has_ratelimit = true;
	return number(cfg, name, 0, HOSTCONF_MAX_RATELIMIT_US, &conf->ratelimit_us, why);
}

static int keys(const struct xlcfg *cfg, const char *name, uint32_t allowed,
		struct vgpu_option *out, char *why)
{
	const struct xlcfg_value *v = xlcfg_find(cfg, name);
	char key_why[WHY_BYTES];
	const char *text;
	int err;

	err = xlcfg_text(cfg, name, &text, why);
	if (err)
		return err;
	if (option_parse(text, allowed, out, key_why))
		return why_set(why, "%s:%u: %s: %s", v->source, v->line, name, key_why);
	return 0;
}

static int set_defaults(const struct xlcfg *cfg, const char *name, struct hostconf *conf,
			char *why)
{
	return keys(cfg, name, DEFAULT_KEYS, &conf->defaults, why);
}

static int set_limits(const struct xlcfg *cfg, const char *name, struct hostconf *conf, char *why)
{
	const struct xlcfg_value *v = xlcfg_find(cfg, name);

	snprintf(conf->limits_where, sizeof(conf->limits_where), "%s:%u", v->source, v->line);
	return keys(cfg, name, OPTION_NUMBERS, &conf->limits, why);
}

static int set_vgpus(const struct xlcfg *cfg, const char *name, struct hostconf *conf, char *why)
{
	(void)name;
	conf->has_vgpus = true;
	return vgpus_read(cfg, &conf->vgpus, conf->vgpus_where, why);
}

static const struct setting {
	const char *name;
	int (*set)(const struct xlcfg *cfg, const char *name, struct hostconf *conf, char *why);
} settings[] = {
	{ "gpu", set_gpu },
	{ "warm", set_warm },
	{ "fence_timeout", set_fence_timeout },
	{ "ban_after", set_ban_after },
	{ "ban_minutes", set_ban_minutes },
	{ "policy", set_policy },
	{ "slice_us", set_slice },
	{ "ratelimit_us", set_ratelimit },
	{ "defaults", set_defaults },
	{ "limits", set_limits },
	{ "vgpu", set_vgpus },
};

#define N_SETTINGS	(sizeof(settings) / sizeof(settings[0]))

static int unknown(const struct xlcfg *cfg, const char *name, char *why)
{
	const struct xlcfg_value *v = xlcfg_find(cfg, name);
	size_t i;

	why_set(why, "%s:%u: unknown setting '%.40s'; allowed are", v->source, v->line, name);
	for (i = 0; i < N_SETTINGS; i++)
		why_add(why, "%s%s", i ? ", " : " ", settings[i].name);
	return -EINVAL;
}

static int read_settings(const struct xlcfg *cfg, struct hostconf *conf, char *why)
{
	const char *name;
	size_t i, j;
	int err;

	for (i = 0; (name = xlcfg_name(cfg, i)); i++) {
		for (j = 0; j < N_SETTINGS; j++) {
			if (!strcmp(name, settings[j].name))
				break;
		}
		err = j < N_SETTINGS ? settings[j].set(cfg, name, conf, why) :
				       unknown(cfg, name, why);
		if (err)
			return err;
	}
	return 0;
}

/* Better said when the file is read than with every domain. */
static int check_against_itself(const struct xlcfg *cfg, const struct hostconf *conf, char *why)
{
	const struct xlcfg_value *v = xlcfg_find(cfg, "defaults");
	struct vgpu_option option = { 0 };
	char where[VGPUS_WHERE_BYTES];
	unsigned int i;
	int err = 0;

	if (v) {
		snprintf(where, sizeof(where), "%s:%u: defaults", v->source, v->line);
		err = hostconf_apply(conf, &option, where, why);
	}
	for (i = 0; !err && i < conf->vgpus.n; i++) {
		option = conf->vgpus.option[i];
		err = hostconf_apply(conf, &option, conf->vgpus_where, why);
	}
	return err;
}

void hostconf_preset(struct hostconf *out)
{
	*out = (struct hostconf){
		.fence_timeout_s = HOSTCONF_FENCE_TIMEOUT_S,
		.ban_after = HOSTCONF_BAN_AFTER,
		.ban_minutes = HOSTCONF_BAN_MINUTES,
	};
}

int hostconf_read(const char *path, struct hostconf *out, char *why)
{
	struct hostconf conf;
	struct xlcfg *cfg;
	int err;

	hostconf_preset(&conf);
	err = xlcfg_read(path, &cfg, why);
	if (err == -ENOENT) {
		*out = conf;
		return 0;
	}
	if (err)
		return err;
	err = read_settings(cfg, &conf, why);
	if (!err)
		err = check_against_itself(cfg, &conf, why);
	if (!err)
		*out = conf;
	xlcfg_free(cfg);
	return err;
}

int hostconf_apply(const struct hostconf *conf, struct vgpu_option *option, const char *where,
		   char *why)
{
	struct vgpu_option merged = *option;
	uint32_t asked, limit, preset;
	enum option_key key;
	bool zero_is_none;

	option_merge(&merged, &conf->defaults);
	for (key = 0; OPTION_NUMBERS & OPTION_BIT(key); key++) {
		if (!(conf->limits.given & OPTION_BIT(key)))
			continue;
		limit = option_number(&conf->limits, key);
		preset = option_preset(key);
		if (!(merged.given & OPTION_BIT(key))) {
			option_set_number(&merged, key, preset < limit ? preset : limit);
			continue;
		}
		asked = option_number(&merged, key);
		zero_is_none = key == OPTION_CAP || key == OPTION_MAX_FPS;
		if (zero_is_none && limit == 0)
			continue;
		if (asked > limit || (zero_is_none && asked == 0))
			return why_set(why, "%s: %s=%u%s is more than this host allows, %s=%u (%s)",
				       where, option_key_name(key), asked,
				       !zero_is_none || asked ? "" :
				       key == OPTION_CAP ? " (no cap)" : " (no limit)",
				       option_key_name(key), limit, conf->limits_where);
	}
	*option = merged;
	return 0;
}
