// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu sched: who gets how much of the GPU, in the manner of xl sched-credit2. What holds is
 * xengpud's to say, so it is asked, and told what is to hold. What a domain is to have at its next
 * start is kept in dom0; so for a vgpu that a driver domain serves there are two places to be.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "xengpu_sched.h"

#define LINE_BYTES	160u

static int set_gpu(struct cmd *cmd, const struct sched_options *o)
{
	char line[LINE_BYTES] = "sched-gpu", item[48];
	const char *separator = " ";

	if (o->policy[0]) {
		snprintf(item, sizeof(item), "%spolicy=%s", separator, o->policy);
		strcat(line, item);
		separator = ",";
	}
	if (o->slice_us) {
		snprintf(item, sizeof(item), "%sslice_us=%u", separator, o->slice_us);
		strcat(line, item);
		separator = ",";
	}
	if (o->has_ratelimit) {
		snprintf(item, sizeof(item), "%sratelimit_us=%u", separator, o->ratelimit_us);
		strcat(line, item);
	}
	if (!cmd->dry_run)
		return cmd_tell(line);
	printf("to xengpud: %s\n", line);
	return CMD_OK;
}

/* The limits of /etc/xen/xengpu.conf hold for this way, too. */
static int check_limits(struct cmd *cmd, const struct sched_options *o)
{
	struct vgpu_option change = o->change;
	char where[ATTACH_MAX_NAME + 16], why[WHY_BYTES];
	int status = cmd_host(cmd);

	if (status)
		return status;
	snprintf(where, sizeof(where), "domain %.63s", o->filter.domain);
	if (hostconf_apply(&cmd->conf, &change, where, why))
		return cmd_error("%s", why);
	return CMD_OK;
}

/*
 * xengpud here does not have it. In dom0 the toolstack's record says who does; elsewhere nobody may
 * read that. Returns CMD_OK with @v set for a vgpu that a driver domain serves.
 */
static int find_elsewhere(struct cmd *cmd, const struct sched_options *o, const struct sample *s,
			  struct attach_vgpu *v)
{
	const char *domain = o->filter.domain;
	uint16_t domid = 0;
	int status, err;

	if (s->domid)
		return cmd_error("the xengpud of this domain, %u, serves no such vgpu of domain %s",
				 s->domid, domain);
	status = cmd_store(cmd);
	if (!status)
		status = cmd_domain(cmd, domain, &domid);
	if (status)
		return status;
	if (o->filter.devid >= 0) {
		err = attach_lookup(cmd->xst, domid, (uint16_t)o->filter.devid, v);
	} else {
		err = attach_only(cmd->xst, domid, v);
	}
	if (err == -ENOENT && o->filter.devid >= 0)
		return cmd_error("vgpu %d is not attached to domain %s", o->filter.devid, domain);
	if (err == -ENOENT)
		return cmd_error("domain %s has no vgpu", domain);
	if (err == -EEXIST)
		return cmd_error("domain %s has several vgpus: say which with -n", domain);
	if (err)
		return cmd_error("cannot look up the vgpu of domain %s: %s", domain,
				 cmd_strerror(err));
	if (v->backend == s->domid)
		return cmd_error("xengpud does not have vgpu %u of domain %s yet: try again",
				 v->devid, domain);
	return CMD_OK;
}

/* The command once more, to be typed in another domain. */
static void again(const struct sched_options *o, uint16_t devid, char *text)
{
	static const struct {
		enum option_key key;
		char letter;
	} letters[] = { { OPTION_WEIGHT, 'w' }, { OPTION_CAP, 'c' }, { OPTION_FPS, 'f' },
			{ OPTION_MAX_FPS, 'm' } };
	size_t i, used;

	snprintf(text, LINE_BYTES, "xengpu sched -d %.63s -n %u", o->filter.domain, devid);
	for (i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		used = strlen(text);
		if (o->change.given & OPTION_BIT(letters[i].key))
			snprintf(text + used, LINE_BYTES - used, " -%c %u", letters[i].letter,
				 option_number(&o->change, letters[i].key));
	}
}

static int set_elsewhere(struct cmd *cmd, const struct sched_options *o,
			 const struct attach_vgpu *v)
{
	char text[LINE_BYTES];
	int status = check_limits(cmd, o);

	if (!status && !o->no_save)
		status = cmd_save_sched(cmd, v->domid, v->devid, &o->change);
	if (status)
		return status;
	again(o, v->devid, text);
	return cmd_error("vgpu %u of domain %s is served by domain %u: not changed for now%s; run "
			 "there: %s", v->devid, o->filter.domain, v->backend,
			 o->no_save ? "" : ", only for its next start", text);
}

static int set_here(struct cmd *cmd, const struct sched_options *o, const struct sample *s,
		    const struct sample_vgpu *v)
{
	char keys[OPTION_MAX_TEXT], line[OPTION_MAX_TEXT + 32], text[LINE_BYTES];
	int status = check_limits(cmd, o);

	option_print(&o->change, keys);
	snprintf(line, sizeof(line), "sched %u %u %s", v->domid, v->devid, keys);
	if (!status && cmd->dry_run)
		printf("to xengpud: %s\n", line);
	else if (!status)
		status = cmd_tell(line);
	if (status || o->no_save)
		return status;
	if (s->domid) {
		again(o, v->devid, text);
		fprintf(stderr, "xengpu: note: not kept for its next start; for that, run in dom0: "
			"%s\n", text);
		return CMD_OK;
	}
	status = cmd_store(cmd);
	return status ? status :
			cmd_save_sched(cmd, v->domid, v->devid, &o->change);
}

/* Returns how many there are, and the first. */
static size_t count(const struct sched_options *o, const struct sample *s, const struct sample_vgpu **v)
{
	size_t i, n = 0;

	*v = NULL;
	for (i = 0; i < s->n; i++) {
		if (!sched_match(&o->filter, &s->vgpu[i]))
			continue;
		if (!n++)
			*v = &s->vgpu[i];
	}
	return n;
}

static int one_domain(struct cmd *cmd, const struct sched_options *o, const struct sample *s)
{
	const bool change = o->change.given;
	const struct sample_vgpu *v;
	struct attach_vgpu elsewhere;
	size_t n = count(o, s, &v);
	int status;

	if (!n) {
		status = find_elsewhere(cmd, o, s, &elsewhere);
		if (status)
			return status;
		if (change)
			return set_elsewhere(cmd, o, &elsewhere);
		return cmd_error("vgpu %u of domain %s is served by domain %u: run xengpu sched "
				 "there", elsewhere.devid, o->filter.domain, elsewhere.backend);
	}
	if (!change) {
		sched_print(s, &o->filter, o->json);
		return CMD_OK;
	}
	if (n > 1)
		return cmd_error("domain %s has %zu vgpus here: say which with -n",
				 o->filter.domain, n);
	return set_here(cmd, o, s, v);
}

int xengpu_sched(struct cmd *cmd, int argc, char **argv)
{
	struct sched_options o;
	struct sample *s;
	int status;

	status = sched_parse(argc, argv, &o);
	if (status)
		return status;
	if (o.change_gpu)
		return set_gpu(cmd, &o);
	status = cmd_sample(NULL, &s);
	if (status)
		return status;
	if (o.gpu)
		sched_print_gpu(s, o.json);
	else if (o.filter.domain)
		status = one_domain(cmd, &o, s);
	else
		sched_print(s, &o.filter, o.json);
	sample_free(s);
	return status;
}
