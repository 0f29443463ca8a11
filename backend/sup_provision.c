// SPDX-License-Identifier: GPL-2.0-only
/*
 * Giving domains their vgpus, in the control domain. xl does not know them: it ignores the line in a
 * domain's config and does nothing when it creates, reboots or restores one. So whenever a domain
 * appears its policy is looked for (xen-config/policy.h) and what it says is attached, before the
 * guest's kernel has booted. That is done once for each domain, and marked in /libxl/ID, which no
 * guest can write and which ends with the domain: what an administrator detached stays detached
 * whatever becomes of this process, and what was not attached yet is attached by the next one. A
 * domain that has vgpus already (of xengpu create, or of an xl that knows them) is left alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "paths.h"
#include "sup.h"

#define MARK		"vgpu-policy"
#define MARK_BYTES	960u
#define ERROR_BYTES	480u
#define WAITING		"waiting"	/* how the mark begins while vgpus are still to be attached */
#define WHICH		" (vgpu "	/* ... and what their numbers stand behind */
#define BESIDES		"); "		/* ... and what is wrong with others of them */
#define NO_UUID		"-"

/* A domain that was found, and what is to become of it. */
struct newcomer {
	struct sup *sup;
	uint16_t domid;
	char name[ATTACH_MAX_NAME];
	char uuid[ATTACH_UUID_BYTES];	/* or NO_UUID */
	char mark[MARK_BYTES];		/* what is marked already; "" */
};

static struct path mark_path(uint16_t domid)
{
	return paths_libxl_domain(domid, MARK);
}

/* "UUID text": an id that has come to mean another domain is a new domain's. */
static void set_mark(const struct newcomer *n, const char *text)
{
	char value[MARK_BYTES];
	int err;

	snprintf(value, sizeof(value), "%s %.900s", n->uuid, text);
	if (!strcmp(value, n->mark))
		return;
	err = xst_write(n->sup->xst, XST_NO_TX, mark_path(n->domid).s, value);
	if (err)
		log_error("domain %u (%s): cannot write %s: %s", n->domid, n->name,
			  mark_path(n->domid).s, strerror(-err));
}

static void read_mark(struct newcomer *n)
{
	if (xst_read(n->sup->xst, XST_NO_TX, mark_path(n->domid).s, n->mark, sizeof(n->mark)) < 0)
		n->mark[0] = '\0';
}

/* What follows the UUID in the mark, when it is this domain's. */
static const char *marked(const struct newcomer *n)
{
	const size_t len = strlen(n->uuid);

	return !strncmp(n->mark, n->uuid, len) && n->mark[len] == ' ' ? n->mark + len + 1 : NULL;
}

static int any(const struct attach_vgpu *vgpu, void *arg)
{
	(void)vgpu;
	(void)arg;
	return 1;
}

/* Whether vgpu @devid is still to be attached: all are when there is no mark. */
static bool is_due(const struct newcomer *n, uint32_t devid)
{
	const char *mark = marked(n), *at = mark ? strstr(mark, WHICH) : NULL;
	char *end;

	if (!at)
		return true;
	at += strlen(WHICH);
	for (;;) {
		if (strtoul(at, &end, 10) == devid && end != at)
			return true;
		if (*end != ',')
			return false;
		at = end + 1;
	}
}

/* What was wrong with another vgpu of the domain when this mark was made, or "". */
static const char *marked_error(const struct newcomer *n)
{
	const char *mark = marked(n), *at = mark ? strstr(mark, BESIDES) : NULL;

	return at ? at + strlen(BESIDES) : "";
}

/*
 * @due: of each vgpu of the policy, whether it is still to be attached; one at least.
 * @error: what is wrong with others, or "".
 */
static void mark_due(const struct newcomer *n, const struct policy *policy, const bool *due,
		     const char *what, const char *error)
{
	char text[MARK_BYTES], number[16];
	const char *between = WHICH;
	unsigned int i;

	snprintf(text, sizeof(text), WAITING " for %.200s", what);
	for (i = 0; i < policy->n; i++) {
		if (!due[i])
			continue;
		snprintf(number, sizeof(number), "%u", policy->vgpu[i].devid);
		strcat(text, between);
		strcat(text, number);
		between = ",";
	}
	strcat(text, error[0] ? BESIDES : ")");
	set_mark(n, strncat(text, error, ERROR_BYTES));
}

/* Returns 0; -EAGAIN, its backend is not there yet; or -errno. */
static int attach_one(const struct newcomer *n, const struct vgpu_option *option,
		      const char *source)
{
	struct attach_vgpu vgpu = { .domid = n->domid, .devid = option->devid,
				    .backend = n->sup->domid };
	char keys[OPTION_MAX_TEXT];
	int err;

	if (option->given & OPTION_BIT(OPTION_BACKEND)) {
		err = attach_find_domain(n->sup->xst, option->backend, &vgpu.backend);
		if (err)
			return err == -ENOENT ? -EAGAIN : err;
	}
	if (vgpu.backend == vgpu.domid)
		return -ELOOP;
	err = attach_add(n->sup->xst, &vgpu, option);
	if (err == -EEXIST)
		return 0;
	if (err)
		return err;
	option_print(option, keys);
	log_info("domain %u (%s) vgpu %u: attached, as %s says: %s", n->domid, n->name, vgpu.devid,
		 source, keys);
	return 0;
}

/* What is said and marked: into ERROR_BYTES octets. */
static void explain(const struct policy *policy, const struct vgpu_option *option, int err,
		    char *error)
{
	snprintf(error, ERROR_BYTES, "error: %.300s: vgpu %u cannot be attached: %s", policy->source,
		 option->devid, err == -ELOOP ? "a domain cannot be its own backend" :
						strerror(-err));
}

static void attach_all(const struct newcomer *n, const struct policy *policy)
{
	bool due[sizeof(policy->vgpu) / sizeof(policy->vgpu[0])];
	const struct vgpu_option *option, *waits = NULL;
	char what[OPTION_MAX_NAME + 16], error[ERROR_BYTES];
	unsigned int i;
	int err;

	for (i = 0; i < policy->n; i++)
		due[i] = is_due(n, policy->vgpu[i].devid);
	snprintf(error, sizeof(error), "%s", marked_error(n));
	/* Before the first is there: should this process end then, the next one knows it for its own. */
	if (!n->mark[0] && policy->n)
		mark_due(n, policy, due, "xengpud", error);
	for (i = 0; i < policy->n; i++) {
		option = &policy->vgpu[i];
		err = due[i] ? attach_one(n, option, policy->source) : 0;
		due[i] = err == -EAGAIN;
		if (due[i]) {
			waits = option;
		} else if (err) {
			explain(policy, option, err, error);
			log_error("domain %u (%s): %s", n->domid, n->name, error);
		}
	}
	if (!waits) {
		set_mark(n, error[0] ? error : policy->source[0] ? policy->source : "none");
		return;
	}
	snprintf(what, sizeof(what), "domain %s", waits->backend);
	mark_due(n, policy, due, what, error);
	if (!n->mark[0])
		log_warning("domain %u (%s): vgpu %u waits for %s (%s)", n->domid, n->name,
			    waits->devid, what, policy->source);
}

static void provision(struct newcomer *n)
{
	struct sup *sup = n->sup;
	char why[WHY_BYTES], text[MARK_BYTES];
	struct policy policy;

	if (!n->mark[0] && attach_each(sup->xst, n->domid, any, NULL) == 1) {
		set_mark(n, "attached by another");
		return;
	}
	if (policy_find(&sup->paths, &sup->hostconf, n->name, n->uuid, &policy, why)) {
		snprintf(text, sizeof(text), "error: %s", why);
		log_error("domain %u (%s) gets no vgpu: %s", n->domid, n->name, why);
		set_mark(n, text);
		return;
	}
	attach_all(n, &policy);
}

static int look_at(const char *entry, void *arg)
{
	struct newcomer n = { .sup = arg };
	const char *mark;
	int err;

	if (xenbus_parse_u16(entry, &n.domid) || n.domid == n.sup->domid ||
	    xst_domain_exists(n.sup->xst, n.domid) != 1)
		return 0;
	if (attach_domain_uuid(n.sup->xst, n.domid, n.uuid))
		strcpy(n.uuid, NO_UUID);
	read_mark(&n);
	mark = marked(&n);
	if (mark && strncmp(mark, WAITING, strlen(WAITING)))
		return 0;
	if (!mark)
		n.mark[0] = '\0';
	err = attach_domain_name(n.sup->xst, n.domid, n.name);
	if (err == -E2BIG) {
		log_error("domain %u gets no vgpu: its name has more than %u octets", n.domid,
			  ATTACH_MAX_NAME - 1);
		set_mark(&n, "error: the domain's name is too long");
	}
	/* Without a name it is being made: there will be another event. */
	if (!err)
		provision(&n);
	return 0;
}

void provision_scan(struct sup *sup)
{
	sup->check_new = false;
	if (sup->provisions)
		xst_list(sup->xst, XST_NO_TX, "/local/domain", look_at, sup);
}

void provision_forget(struct sup *sup, uint16_t domid)
{
	if (!sup->provisions)
		return;
	/* xl removes all of /libxl/ID; another toolstack may not. */
	xst_rm(sup->xst, XST_NO_TX, paths_libxls(domid).s);
	xst_rm(sup->xst, XST_NO_TX, mark_path(domid).s);
}

struct sweep {
	struct sup *sup;
	uint16_t backend;
};

static int sweep_guest(const char *entry, void *arg)
{
	const struct sweep *sweep = arg;
	struct path dir;
	uint16_t domid;

	if (xenbus_parse_u16(entry, &domid) || xst_domain_exists(sweep->sup->xst, domid) != 0)
		return 0;
	dir = paths_backs(sweep->backend, domid);
	log_info("domain %u is gone: removing %s", domid, dir.s);
	xst_rm(sweep->sup->xst, XST_NO_TX, dir.s);
	return 0;
}

static int sweep_backend(const char *entry, void *arg)
{
	struct sweep *sweep = arg;

	if (!xenbus_parse_u16(entry, &sweep->backend) && sweep->backend != sweep->sup->domid)
		xst_list(sweep->sup->xst, XST_NO_TX, paths_back_root(sweep->backend).s, sweep_guest,
			 sweep);
	return 0;
}

void provision_sweep(struct sup *sup)
{
	struct sweep sweep = { .sup = sup };

	if (sup->provisions)
		xst_list(sup->xst, XST_NO_TX, "/local/domain", sweep_backend, &sweep);
}

int provision_reload(struct sup *sup)
{
	char why[WHY_BYTES];

	if (hostconf_read(sup->paths.conf, &sup->hostconf, why)) {
		log_error("%s", why);
		return -EINVAL;
	}
	if (!sup->cfg.fence_timeout_given)
		watchdog_patience(sup, sup->hostconf.fence_timeout_s);
	return 0;
}

int provision_start(struct sup *sup)
{
	int err;

	/* The toolstack's part is the control domain's: a driver domain's devices are made there. */
	if (sup->domid)
		return 0;
	err = xst_watch(sup->xst, "@introduceDomain", PROVISION_TOKEN);
	if (err)
		return err;
	sup->provisions = true;
	sup->check_new = true;
	return 0;
}
