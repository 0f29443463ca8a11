// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu create: `xl create`, with the vgpus that the config names, wherever it lies. The domain is
 * created paused, gets its vgpus, and is unpaused when its backend is ready; if that fails it is
 * destroyed, as xl does it with devices of its own.
 *
 * The policy is saved before xl runs, under a UUID that we choose where the config does not, so that
 * an xengpud which sees the domain come finds it, and attaches the same. Then there is nothing left
 * to attach here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "xengpu_cmd.h"

#define MAX_ARGS	128
#define MAX_EXTRA	65536u

struct create {
	struct cmd *cmd;
	uint32_t timeout_s;
	const char *config;
	char *extra;			/* "key=value" arguments, a line each */
	bool paused;			/* -p */
	bool console;			/* -c */
	bool plain;			/* -n, -h: xl alone can do that */
	char *xl[MAX_ARGS];		/* xl create's arguments without -c and -p */
	int n_xl;
	char name[ATTACH_MAX_NAME];
	char uuid[ATTACH_UUID_BYTES];
	char uuid_arg[ATTACH_UUID_BYTES + 16];	/* "" when the config has one */
	bool aside;			/* what was saved before is to be had again */
};

/* --- running xl ------------------------------------------------------------------------------ */

static void print_command(const char *program, char *const argv[])
{
	int i;

	printf("%s", program);
	for (i = 1; argv[i]; i++)
		printf(argv[i][strcspn(argv[i], " '\"[]$*;&|<>")] ? " '%s'" : " %s", argv[i]);
	putchar('\n');
}

/* Returns xl's exit status; CMD_FAILED, and has said why, when it did not run. */
static int run_xl(struct cmd *cmd, char *argv[])
{
	const char *program = getenv("XENGPU_XL");
	int status;
	pid_t pid;

	if (!program)
		program = "xl";
	argv[0] = (char *)"xl";
	if (cmd->dry_run) {
		print_command(program, argv);
		return CMD_OK;
	}
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return cmd_error("cannot start %s: %s", program, strerror(errno));
	if (!pid) {
		execvp(program, argv);
		cmd_error("cannot run %s: %s", program, strerror(errno));
		_exit(CMD_FAILED);
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return cmd_error("waitpid: %s", strerror(errno));
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : CMD_FAILED;
}

static int run_xl_on(struct cmd *cmd, const char *subcommand, uint16_t domid, const char *name)
{
	char id[8];
	char *argv[] = { NULL, (char *)(uintptr_t)subcommand, id, NULL };

	snprintf(id, sizeof(id), "%u", domid);
	if (cmd->dry_run)
		argv[2] = (char *)(uintptr_t)name;
	return run_xl(cmd, argv);
}

/* --- arguments ------------------------------------------------------------------------------- */

static int add_xl(struct create *c, char *arg)
{
	/* "create", "-p", the UUID and the NULL have their places, too. */
	if (c->n_xl >= MAX_ARGS - 4) {
		cmd_error("more than %d arguments", MAX_ARGS - 4);
		return CMD_USAGE;
	}
	c->xl[c->n_xl++] = arg;
	return CMD_OK;
}

static int add_extra(struct create *c, const char *arg)
{
	size_t used = strlen(c->extra);

	if (used + strlen(arg) + 2 > MAX_EXTRA) {
		cmd_error("the arguments are too long");
		return CMD_USAGE;
	}
	sprintf(c->extra + used, "%s\n", arg);
	return CMD_OK;
}

/* A cluster of xl's short options; the last may be f, with the file behind it or as @next. */
static int short_options(struct create *c, char *arg, char *following, bool *took_next)
{
	char *in = arg + 1, *out = arg + 1;
	int status = CMD_OK;

	for (; *in; in++) {
		switch (*in) {
		case 'c':
			c->console = true;
			continue;
		case 'p':
			c->paused = true;
			continue;
		case 'n':
		case 'h':
			c->plain = true;
			break;
		case 'F':
		case 'e':
			cmd_error("-%c keeps xl in the foreground, where it cannot be waited for",
				  *in);
			return CMD_USAGE;
		case 'f':
			memmove(out, in, strlen(in) + 1);
			*took_next = !out[1];
			c->config = out[1] ? out + 1 : following;
			if (!c->config)
				return CMD_USAGE;
			status = add_xl(c, arg);
			return status || !*took_next ? status : add_xl(c, following);
		}
		*out++ = *in;
	}
	*out = '\0';
	return out == arg + 1 ? CMD_OK : add_xl(c, arg);
}

static int long_option(struct create *c, char *arg, char *following, bool *took_next)
{
	static const char timeout[] = "--timeout=", config[] = "--defconfig";
	const size_t config_len = sizeof(config) - 1;

	if (!strncmp(arg, timeout, sizeof(timeout) - 1))
		return cmd_timeout(arg + sizeof(timeout) - 1, &c->timeout_s);
	if (!strcmp(arg, "--dryrun") || !strcmp(arg, "--help"))
		c->plain = true;
	if (!strncmp(arg, config, config_len) && arg[config_len] == '=') {
		c->config = arg + config_len + 1;
	} else if (!strcmp(arg, config)) {
		int status = following ? add_xl(c, arg) : CMD_USAGE;

		*took_next = true;
		c->config = following;
		return status ? status : add_xl(c, following);
	}
	return add_xl(c, arg);
}

/* As xl's main_create() sorts them. */
static int parse_args(struct create *c, int argc, char **argv)
{
	int i, status;

	for (i = 1; i < argc; i++) {
		char *following = i + 1 < argc ? argv[i + 1] : NULL;
		bool took_next = false;

		if (!strncmp(argv[i], "--", 2)) {
			status = long_option(c, argv[i], following, &took_next);
		} else if (argv[i][0] == '-' && argv[i][1]) {
			status = short_options(c, argv[i], following, &took_next);
		} else if (strchr(argv[i], '=')) {
			status = add_extra(c, argv[i]);
			if (!status)
				status = add_xl(c, argv[i]);
		} else if (!c->config) {
			c->config = argv[i];
			status = add_xl(c, argv[i]);
		} else {
			status = CMD_USAGE;
		}
		if (status)
			return status;
		i += took_next;
	}
	return c->config || c->plain ? CMD_OK : CMD_USAGE;
}

/* --- the config ------------------------------------------------------------------------------ */

static int read_config(const struct create *c, struct xlcfg **out)
{
	char why[WHY_BYTES];
	int err;

	/* Everything may come as arguments. */
	if (!strcmp(c->config, "/dev/null"))
		err = xlcfg_parse("", 0, c->config, out, why);
	else
		err = xlcfg_read(c->config, out, why);
	if (err)
		return cmd_error("%s", why);
	err = xlcfg_add(*out, c->extra, strlen(c->extra), "argument", why);
	if (!err)
		return CMD_OK;
	xlcfg_free(*out);
	return cmd_error("%s", why);
}

static int make_uuid(struct create *c)
{
	FILE *file = fopen("/proc/sys/kernel/random/uuid", "re");
	bool ok = file && fgets(c->uuid, sizeof(c->uuid), file) && policy_uuid_ok(c->uuid);

	if (file)
		fclose(file);
	if (!ok)
		return cmd_error("cannot make a UUID: /proc is not there");
	snprintf(c->uuid_arg, sizeof(c->uuid_arg), "uuid=\"%s\"", c->uuid);
	return CMD_OK;
}

/* xl takes it with dashes anywhere. */
static int take_uuid(struct create *c, const char *text)
{
	size_t n = 0;

	for (; *text && n < sizeof(c->uuid) - 1; text++) {
		if (*text == '-')
			continue;
		if (n == 8 || n == 13 || n == 18 || n == 23)
			c->uuid[n++] = '-';
		c->uuid[n++] = *text;
	}
	c->uuid[n] = '\0';
	return *text || !policy_uuid_ok(c->uuid) ? cmd_error("uuid is no UUID") : CMD_OK;
}

static int identify(struct create *c, const struct xlcfg *cfg)
{
	char why[WHY_BYTES];
	const char *text;
	uint16_t domid;
	int err;

	err = xlcfg_text(cfg, "name", &text, why);
	if (err)
		return cmd_error("%s", err == -ENOENT ? "the config has no name" : why);
	if (strlen(text) >= sizeof(c->name))
		return cmd_error("the domain's name is longer than %zu characters",
				 sizeof(c->name) - 1);
	strcpy(c->name, text);
	/* xl would say so, too, but until then what is saved for that one would be another's. */
	if (!attach_find_name(c->cmd->xst, c->name, &domid))
		return cmd_error("there is a domain %s already, its id is %u", c->name, domid);
	err = xlcfg_text(cfg, "uuid", &text, why);
	if (err == -EINVAL)
		return cmd_error("%s", why);
	return err ? make_uuid(c) : take_uuid(c, text);
}

/* Which vgpus it is to have; what the config says is saved. */
static int settle(struct create *c, const struct xlcfg *cfg, struct policy *policy)
{
	struct cmd *cmd = c->cmd;
	struct policy own;
	char why[WHY_BYTES];
	int err;

	err = policy_of(&cmd->conf, cfg, POLICY_SAVED, &own, why);
	if (err && err != -ENOENT)
		return cmd_error("%s", why);
	if (!cmd->dry_run) {
		if (policy_set_aside(&cmd->paths, c->uuid, why))
			return cmd_error("%s", why);
		c->aside = true;
	}
	/* An earlier domain's of this UUID, which had some. */
	if (err && !cmd->dry_run && policy_forget(&cmd->paths, c->uuid, why))
		return cmd_error("%s", why);
	if (policy_find(&cmd->paths, &cmd->conf, c->name, c->uuid, policy, why))
		return cmd_error("%s", why);
	if (policy->from == POLICY_ADMIN)
		fprintf(stderr, "xengpu: note: %s counts, not the config's vgpu\n",
			policy->source);
	if (err || policy->from == POLICY_ADMIN)
		return CMD_OK;
	*policy = own;
	return cmd_save(cmd, c->uuid, &own.own);
}

/* --- the domain ------------------------------------------------------------------------------ */

static int attach_all(struct create *c, const struct policy *policy, uint16_t domid)
{
	struct attach_vgpu v[VGPUS_MAX];
	unsigned int i;
	int status = CMD_OK;

	for (i = 0; !status && i < policy->n; i++) {
		v[i] = (struct attach_vgpu){ .domid = domid };
		status = cmd_attach(c->cmd, c->name, &policy->vgpu[i], true, &v[i]);
	}
	for (i = 0; !status && i < policy->n; i++)
		status = cmd_wait_ready(c->cmd, &v[i], c->timeout_s);
	return status;
}

/* There is no domain to attach to, so what is printed are commands. */
static int print_attach_all(const struct create *c, const struct policy *policy)
{
	char text[OPTION_MAX_TEXT];
	unsigned int i;

	for (i = 0; i < policy->n; i++) {
		option_print(&policy->vgpu[i], text);
		printf("xengpu attach --no-save %s %s\n", c->name, text);
	}
	return CMD_OK;
}

/* There is a domain, or there is none: what is saved for it follows. */
static void conclude(struct create *c, bool created)
{
	char why[WHY_BYTES];

	if (!c->aside)
		return;
	c->aside = false;
	if (created)
		policy_drop_aside(&c->cmd->paths, c->uuid);
	else if (policy_put_back(&c->cmd->paths, c->uuid, why))
		cmd_error("%s", why);
}

static int create_paused(struct create *c, uint16_t *domid)
{
	char *argv[MAX_ARGS] = { NULL, (char *)"create", (char *)"-p" };
	int status;

	memcpy(&argv[3], c->xl, (size_t)c->n_xl * sizeof(c->xl[0]));
	if (c->uuid_arg[0])
		argv[3 + c->n_xl] = c->uuid_arg;
	status = run_xl(c->cmd, argv);
	if (status)
		return status;
	*domid = 0;
	if (!c->cmd->dry_run && attach_find_name(c->cmd->xst, c->name, domid))
		return cmd_error("xl is done, but there is no domain %s", c->name);
	return CMD_OK;
}

static int create(struct create *c, const struct policy *policy)
{
	struct cmd *cmd = c->cmd;
	uint16_t domid;
	int status;

	status = create_paused(c, &domid);
	if (status)
		return CMD_FAILED;
	status = cmd->dry_run ? print_attach_all(c, policy) : attach_all(c, policy, domid);
	if (status) {
		cmd_error("domain %s is destroyed, for it would be without its vgpu", c->name);
		run_xl_on(cmd, "destroy", domid, c->name);
		return CMD_FAILED;
	}
	conclude(c, true);
	if (!c->paused)
		status = run_xl_on(cmd, "unpause", domid, c->name);
	if (!status && c->console)
		status = run_xl_on(cmd, "console", domid, c->name);
	return status ? CMD_FAILED : CMD_OK;
}

static int plain(struct cmd *cmd, int argc, char *const *words)
{
	char *argv[MAX_ARGS + 4] = { NULL, (char *)"create" };
	int i, n = 2;

	for (i = 1; i < argc; i++) {
		if (strncmp(words[i], "--timeout=", 10))
			argv[n++] = words[i];
	}
	return run_xl(cmd, argv) ? CMD_FAILED : CMD_OK;
}

int xengpu_create(struct cmd *cmd, int argc, char **argv)
{
	struct create c = { .cmd = cmd, .timeout_s = CMD_TIMEOUT_S };
	struct policy policy = { 0 };
	char *words[MAX_ARGS] = { NULL };	/* parse_args() takes some letters out */
	struct xlcfg *cfg = NULL;
	int i, status;

	if (argc > MAX_ARGS - 4)
		return CMD_USAGE;
	c.extra = calloc(1, MAX_EXTRA);
	if (!c.extra)
		return cmd_error("out of memory");
	for (i = 1; i < argc; i++) {
		words[i] = strdup(argv[i]);
		if (!words[i])
			return cmd_error("out of memory");
	}
	status = parse_args(&c, argc, argv);
	if (!status && !c.plain) {
		status = cmd_store(cmd);
		if (!status)
			status = cmd_host(cmd);
		if (!status)
			status = read_config(&c, &cfg);
		if (!status) {
			status = identify(&c, cfg);
			if (!status)
				status = settle(&c, cfg, &policy);
			xlcfg_free(cfg);
		}
	}
	if (!status)
		status = policy.from != POLICY_NONE ? create(&c, &policy) : plain(cmd, argc, words);
	conclude(&c, !status);
	free(c.extra);
	for (i = 1; i < argc; i++)
		free(words[i]);
	return status;
}
