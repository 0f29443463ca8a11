// SPDX-License-Identifier: GPL-2.0-only
/*
 * What attach and detach keep, so that it survives `xl reboot`: the domain's vgpus as they are now,
 * as far as nothing that counts before it says otherwise.
 */
#include <stdio.h>

#include "xengpu_cmd.h"

int cmd_save(struct cmd *cmd, const char *uuid, const struct vgpus *vgpus)
{
	char text[OPTION_MAX_TEXT], why[WHY_BYTES];
	unsigned int i;

	if (!cmd->dry_run) {
		if (policy_save(&cmd->paths, uuid, vgpus, why))
			return cmd_error("%s", why);
		return CMD_OK;
	}
	printf("%s/%s.conf: vgpu = [", cmd->paths.state, uuid);
	for (i = 0; i < vgpus->n; i++) {
		option_print(&vgpus->option[i], text);
		printf("%s \"%s\"", i ? "," : "", text);
	}
	printf(" ]\n");
	return CMD_OK;
}

/* Returns CMD_OK; with false in @go_on there is nothing to be saved. */
static int find(struct cmd *cmd, uint16_t domid, char *uuid, struct policy *policy, bool *go_on)
{
	char name[ATTACH_MAX_NAME], why[WHY_BYTES];

	*go_on = false;
	attach_domain_name(cmd->xst, domid, name);
	if (attach_domain_uuid(cmd->xst, domid, uuid) || !policy_uuid_ok(uuid))
		return cmd_error("domain %u has no UUID, so nothing was saved: its vgpus will not "
				 "be the same after a reboot (--no-save)", domid);
	if (policy_find(&cmd->paths, &cmd->conf, name, uuid, policy, why))
		return cmd_error("done, but not saved for the next start: %s", why);
	if (policy->from == POLICY_ADMIN)
		fprintf(stderr, "xengpu: note: the next start of domain %u goes by %s\n", domid,
			policy->source);
	*go_on = policy->from != POLICY_ADMIN;
	return CMD_OK;
}

static int save_attached(struct cmd *cmd, uint16_t domid, const struct vgpu_option *option)
{
	char uuid[ATTACH_UUID_BYTES];
	struct policy policy = { 0 };
	bool go_on;
	int status;

	status = find(cmd, domid, uuid, &policy, &go_on);
	if (status || !go_on)
		return status;
	if (vgpus_set(&policy.own, option))
		return cmd_error("done, but not saved for the next start: domain %u would have "
				 "more than %u vgpus", domid, VGPUS_MAX);
	return cmd_save(cmd, uuid, &policy.own);
}

static int save_sched(struct cmd *cmd, uint16_t domid, uint16_t devid,
		      const struct vgpu_option *change)
{
	struct vgpu_option option = *change;
	char uuid[ATTACH_UUID_BYTES];
	struct policy policy = { 0 };
	bool go_on;
	int status, i;

	status = find(cmd, domid, uuid, &policy, &go_on);
	if (status || !go_on)
		return status;
	i = vgpus_find(&policy.own, devid);
	if (i < 0) {
		fprintf(stderr, "xengpu: note: nothing saved: the next start of domain %u gives it "
			"no vgpu %u\n", domid, devid);
		return CMD_OK;
	}
	option_merge(&option, &policy.own.option[i]);
	option.devid = devid;
	policy.own.option[i] = option;
	return cmd_save(cmd, uuid, &policy.own);
}

static int save_detached(struct cmd *cmd, uint16_t domid, uint16_t devid)
{
	char uuid[ATTACH_UUID_BYTES], why[WHY_BYTES];
	struct policy policy = { 0 }, without = { 0 };
	bool go_on;
	int status;

	status = find(cmd, domid, uuid, &policy, &go_on);
	if (status || !go_on || vgpus_find(&policy.own, devid) < 0)
		return status;
	vgpus_drop(&policy.own, devid);
	if (policy.own.n || policy.from != POLICY_SAVED || cmd->dry_run)
		return cmd_save(cmd, uuid, &policy.own);
	/* The last one: its file can go, unless something else would then give others. */
	if (policy_forget(&cmd->paths, uuid, why))
		return cmd_error("%s", why);
	status = find(cmd, domid, uuid, &without, &go_on);
	return status || without.n ? cmd_save(cmd, uuid, &policy.own) : CMD_OK;
}

/* Two commands at once change what the other wrote, one after the other. */
static int lock(const struct cmd *cmd)
{
	return cmd->dry_run ? -1 : policy_lock(&cmd->paths);
}

int cmd_save_attached(struct cmd *cmd, uint16_t domid, const struct vgpu_option *option)
{
	const int held = lock(cmd);
	const int status = save_attached(cmd, domid, option);

	policy_unlock(held);
	return status;
}

int cmd_save_sched(struct cmd *cmd, uint16_t domid, uint16_t devid,
		   const struct vgpu_option *change)
{
	const int held = lock(cmd);
	const int status = save_sched(cmd, domid, devid, change);

	policy_unlock(held);
	return status;
}

int cmd_save_detached(struct cmd *cmd, uint16_t domid, uint16_t devid)
{
	const int held = lock(cmd);
	const int status = save_detached(cmd, domid, devid);

	policy_unlock(held);
	return status;
}
