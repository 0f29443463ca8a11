// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu-localhub: hypervisor and xenstored for processes of one machine that play domains.
 *
 *   xengpu-localhub --socket PATH [--domains 0,1,2] [--max-grants N] [--ready-fd FD]
 *	serves until SIGTERM or SIGINT; domain 0 is always there.
 *   xengpu-localhub --socket PATH --create N [--name NAME]
 *   xengpu-localhub --socket PATH --destroy N
 *   xengpu-localhub --socket PATH --list NODE
 *	asks the hub that is running at PATH; --list prints a part of its store.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "hub_priv.h"
#include "local_priv.h"
#include "xst.h"

static const char usage[] =
	"usage: xengpu-localhub --socket PATH [--domains 0,1,...] [--max-grants N]\n"
	"                       [--ready-fd FD]\n"
	"       xengpu-localhub --socket PATH --create N [--name NAME]\n"
	"       xengpu-localhub --socket PATH --destroy N\n"
	"       xengpu-localhub --socket PATH --list NODE\n";

struct args {
	const char *path, *domains, *name, *list;
	long create, destroy, max_grants, ready_fd;
};

static int complain(const char *what, int err)
{
	fprintf(stderr, "xengpu-localhub: %s: %s\n", what, strerror(-err));
	return 1;
}

static long number(const char *text)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || *end || end == text || value < 0 || value > INT32_MAX) {
		fprintf(stderr, "xengpu-localhub: %s: not a number\n%s", text, usage);
		exit(2);
	}
	return value;
}

static void parse(int argc, char **argv, struct args *args)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "domains", required_argument, NULL, 'd' },
		{ "max-grants", required_argument, NULL, 'g' },
		{ "ready-fd", required_argument, NULL, 'r' },
		{ "create", required_argument, NULL, 'c' },
		{ "name", required_argument, NULL, 'n' },
		{ "destroy", required_argument, NULL, 'x' },
		{ "list", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int opt;

	*args = (struct args){
		.domains = "", .create = -1, .destroy = -1, .ready_fd = -1,
		.max_grants = HUB_DEFAULT_MAX_GRANTS,
	};
	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 's':
			args->path = optarg;
			break;
		case 'd':
			args->domains = optarg;
			break;
		case 'g':
			args->max_grants = number(optarg);
			break;
		case 'r':
			args->ready_fd = number(optarg);
			break;
		case 'c':
			args->create = number(optarg);
			break;
		case 'n':
			args->name = optarg;
			break;
		case 'x':
			args->destroy = number(optarg);
			break;
		case 'l':
			args->list = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (!args->path || optind != argc || (args->create >= 0 && args->destroy >= 0)) {
		fputs(usage, stderr);
		exit(2);
	}
}

/* ---- asking a hub ---- */

static int ask(const struct args *args)
{
	const bool create = args->create >= 0;
	const struct hub_domid arg = {
		.domid = (uint32_t)(create ? args->create : args->destroy),
	};
	struct local_call call = {
		.op = create ? HUB_CREATE : HUB_DESTROY, .head = &arg, .head_bytes = sizeof(arg),
	};
	struct local_conn conn;
	int err;

	if (create && args->name) {
		call.body = args->name;
		call.body_bytes = strlen(args->name);
	}
	err = local_connect(args->path, 0, NULL, &conn);
	if (err)
		return complain(args->path, err);
	err = local_call(&conn, &call);
	local_disconnect(&conn);
	return err ? complain(create ? "create" : "destroy", err) : 0;
}

struct listing {
	struct xst *xst;
	const char *node;
};

static int list_node(struct xst *xst, const char *node);

static int list_child(const char *name, void *arg)
{
	const struct listing *listing = arg;
	char child[XST_MAX_PATH];

	if (snprintf(child, sizeof(child), "%s/%s", listing->node, name) >= (int)sizeof(child))
		return -ENAMETOOLONG;
	return list_node(listing->xst, child);
}

/* A line "NODE = VALUE" for a node and all below it, as xenstore-ls -f prints. */
static int list_node(struct xst *xst, const char *node)
{
	struct listing listing = { .xst = xst, .node = node };
	char value[XST_MAX_VALUE];
	int err = xst_read(xst, XST_NO_TX, node, value, sizeof(value));

	if (err < 0)
		return err;
	printf("%s = \"%s\"\n", node, value);
	return xst_list(xst, XST_NO_TX, node, list_child, &listing);
}

static int list(const struct args *args)
{
	char spec[XST_MAX_PATH];
	struct plat *plat;
	struct xst *xst;
	int err;

	snprintf(spec, sizeof(spec), "local:%s:0", args->path);
	err = plat_open(spec, &plat);
	if (err)
		return complain(args->path, err);
	err = xst_open(plat, &xst);
	if (!err) {
		err = list_node(xst, args->list);
		xst_close(xst);
	}
	plat_close(plat);
	return err ? complain(args->list, err) : 0;
}

/* ---- being one ---- */

static int create_domains(struct hub *hub, const char *list)
{
	char *copy, *rest, *one;
	long domid;
	int err;

	err = hub_dom_create(hub, 0, NULL);
	if (err)
		return err;
	copy = strdup(list);
	if (!copy)
		return -ENOMEM;
	for (rest = copy; !err && (one = strsep(&rest, ","));) {
		if (!*one)
			continue;
		domid = number(one);
		if (domid)
			err = hub_dom_create(hub, (uint32_t)domid, NULL);
	}
	free(copy);
	return err;
}

/* Every grant and every port keeps descriptors open here. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int serve(const struct args *args)
{
	struct hub *hub;
	int err, signals;

	raise_fd_limit();
	signals = open_signals();
	if (signals < 0)
		return complain("signalfd", -errno);
	err = hub_create(args->path, (uint32_t)args->max_grants, &hub);
	if (err) {
		close(signals);
		return complain(args->path, err);
	}

	err = create_domains(hub, args->domains);
	if (!err && args->ready_fd >= 0) {
		if (write((int)args->ready_fd, "\n", 1) != 1)
			err = -errno;
		close((int)args->ready_fd);
	}
	if (!err)
		err = hub_run(hub, signals);

	unlink(args->path);
	hub_destroy(hub);
	close(signals);
	return err ? complain(args->path, err) : 0;
}

int main(int argc, char **argv)
{
	struct args args;

	parse(argc, argv, &args);
	if (args.list)
		return list(&args);
	return args.create >= 0 || args.destroy >= 0 ? ask(&args) : serve(&args);
}
