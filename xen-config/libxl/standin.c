// SPDX-License-Identifier: GPL-2.0-only
/*
 * In place of Xen for check.sh: preloaded into a freshly built xl, it answers the few calls that
 * reach the hypervisor and xenstored, so that xl runs on any machine. There is one domain, 1, beside
 * domain 0. The store is a file, $STANDIN_STORE, a line "path <tab> permissions <tab> value" for each
 * node, read when the store is opened and written when it is closed. A vgpu backend is played, too:
 * state 1 becomes 2, 5 becomes 6.
 *
 * One thread, one transaction at a time; nothing here survives a hostile caller.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenstore.h>

#define MAX_NODES	1024
#define MAX_EVENTS	256
#define MAX_PATH	256
#define MAX_VALUE	512

/* --- the hypervisor -------------------------------------------------------------------------- */

xc_interface *xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dombuild,
				unsigned int flags)
{
	static char handle;

	(void)logger;
	(void)dombuild;
	(void)flags;
	return (xc_interface *)&handle;
}

int xc_interface_close(xc_interface *xch)
{
	(void)xch;
	return 0;
}

int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned int n, xc_domaininfo_t *info)
{
	(void)xch;
	if (!n || first > 1)
		return 0;
	memset(info, 0, sizeof(*info));
	info->domain = first;
	memset(info->handle, (int)first, sizeof(info->handle));
	return 1;
}

/* Xen 4.18 and later; declared so that older headers do, too. */
int xc_domain_getinfo_single(xc_interface *xch, uint32_t domid, xc_domaininfo_t *info);
int xc_domain_getinfo_single(xc_interface *xch, uint32_t domid, xc_domaininfo_t *info)
{
	if (xc_domain_getinfolist(xch, domid, 1, info) == 1)
		return 0;
	errno = ESRCH;
	return -1;
}

int xc_physinfo(xc_interface *xch, xc_physinfo_t *info)
{
	(void)xch;
	memset(info, 0, sizeof(*info));
	info->threads_per_core = info->cores_per_socket = info->nr_cpus = info->nr_nodes = 1;
	return 0;
}

int xc_get_max_cpus(xc_interface *xch)
{
	(void)xch;
	return 1;
}

long xc_sharing_freed_pages(xc_interface *xch)
{
	(void)xch;
	return 0;
}

long xc_sharing_used_frames(xc_interface *xch)
{
	(void)xch;
	return 0;
}

int xc_flask_sid_to_context(xc_interface *xch, int sid, char *text, uint32_t size)
{
	(void)xch;
	(void)sid;
	(void)text;
	(void)size;
	errno = ENOSYS;
	return -1;
}

/* Every text is empty. */
int xc_version(xc_interface *xch, int cmd, void *arg)
{
	(void)xch;
	switch (cmd) {
	case XENVER_version:
		return 4 << 16;
	case XENVER_pagesize:
		return 4096;
	case XENVER_compile_info:
		memset(arg, 0, sizeof(xen_compile_info_t));
		return 0;
	case XENVER_platform_parameters:
		memset(arg, 0, sizeof(xen_platform_parameters_t));
		return 0;
	case XENVER_build_id:
		errno = ENODATA;
		return -1;
	default:
		*(char *)arg = '\0';
		return 0;
	}
}

/* The same for Xen 4.18 and later. */
#define EMPTY_TEXT(fn)			\
	char *fn(xc_interface *xch);	\
	char *fn(xc_interface *xch)	\
	{				\
		(void)xch;		\
		return strdup("");	\
	}
EMPTY_TEXT(xc_xenver_extraversion)
EMPTY_TEXT(xc_xenver_capabilities)
EMPTY_TEXT(xc_xenver_changeset)
EMPTY_TEXT(xc_xenver_commandline)
EMPTY_TEXT(xc_xenver_buildid)

/* --- the store ------------------------------------------------------------------------------- */

struct node {
	char path[MAX_PATH];
	char perms[32];		/* "n1,r0": the owner, the reader */
	char value[MAX_VALUE];
};

struct event {
	char path[MAX_PATH];
	char token[MAX_PATH];
};

static struct node nodes[MAX_NODES];
static int n_nodes;
static struct event watches[MAX_EVENTS], events[MAX_EVENTS];
static int n_watches, n_events;
static int event_fd = -1;

static bool below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && (path[len] == '/' || !path[len]);
}

/* A relative path is one of domain 0's. */
static struct node *find(const char *path)
{
	char absolute[MAX_PATH];

	snprintf(absolute, sizeof(absolute), "%s%s", *path == '/' ? "" : "/local/domain/0/", path);
	for (int i = 0; i < n_nodes; i++) {
		if (!strcmp(nodes[i].path, absolute))
			return &nodes[i];
	}
	errno = ENOENT;
	return NULL;
}

/* The node and those above it; a new one has its parent's permissions, as in xenstored. */
static struct node *make(const char *path)
{
	struct node *node = find(path), *parent = NULL;
	char up[MAX_PATH], *slash;

	if (node)
		return node;
	snprintf(up, sizeof(up), "%s", path);
	slash = strrchr(up, '/');
	if (slash && slash != up) {
		*slash = '\0';
		parent = make(up);
	}
	if (n_nodes == MAX_NODES || *path != '/')
		abort();
	node = &nodes[n_nodes++];
	snprintf(node->path, sizeof(node->path), "%s", path);
	snprintf(node->perms, sizeof(node->perms), "%s", parent ? parent->perms : "n0");
	node->value[0] = '\0';
	return node;
}

static void push(const char *path, const char *token)
{
	if (n_events == MAX_EVENTS)
		abort();
	snprintf(events[n_events].path, MAX_PATH, "%s", path);
	snprintf(events[n_events++].token, MAX_PATH, "%s", token);
	eventfd_write(event_fd, 1);
}

static void changed(const char *path)
{
	for (int i = 0; i < n_watches; i++) {
		if (below(path, watches[i].path) || below(watches[i].path, path))
			push(path, watches[i].token);
	}
}

static const char *as_backend(const char *path, const char *value)
{
	const char *last = strrchr(path, '/');

	if (!strstr(path, "/backend/vgpu/") || strcmp(last, "/state"))
		return value;
	return !strcmp(value, "1") ? "2" : !strcmp(value, "5") ? "6" : value;
}

static void set(const char *path, const char *value)
{
	struct node *node = make(path);

	snprintf(node->value, sizeof(node->value), "%s", as_backend(path, value));
	changed(path);
}

struct xs_handle *xs_open(unsigned long flags)
{
	FILE *f = fopen(getenv("STANDIN_STORE") ?: "/dev/null", "r");
	char line[MAX_PATH + MAX_VALUE + 64], *path, *perms, *value;

	(void)flags;
	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	n_nodes = 0;
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		value = line;
		path = strsep(&value, "\t");
		perms = strsep(&value, "\t");
		set(path, value ? value : "");
		snprintf(find(path)->perms, sizeof(nodes[0].perms), "%s", perms ? perms : "n0");
	}
	if (f)
		fclose(f);
	return (struct xs_handle *)&nodes;
}

void xs_close(struct xs_handle *h)
{
	FILE *f;

	if (!h || event_fd < 0)
		return;
	close(event_fd);
	event_fd = -1;
	f = fopen(getenv("STANDIN_STORE") ?: "/dev/null", "w");
	for (int i = 0; f && i < n_nodes; i++)
		fprintf(f, "%s\t%s\t%s\n", nodes[i].path, nodes[i].perms, nodes[i].value);
	if (f)
		fclose(f);
}

void xs_daemon_close(struct xs_handle *h)
{
	xs_close(h);
}

int xs_fileno(struct xs_handle *h)
{
	(void)h;
	return event_fd;
}

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
	struct node *node = find(path);

	(void)h;
	(void)t;
	if (!node)
		return NULL;
	if (len)
		*len = (unsigned int)strlen(node->value);
	return strdup(node->value);
}

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
	      unsigned int len)
{
	char value[MAX_VALUE];

	(void)h;
	(void)t;
	if (len >= sizeof(value)) {
		errno = E2BIG;
		return false;
	}
	memcpy(value, data, len);
	value[len] = '\0';
	set(path, value);
	return true;
}

bool xs_mkdir(struct xs_handle *h, xs_transaction_t t, const char *path)
{
	(void)h;
	(void)t;
	make(path);
	changed(path);
	return true;
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path)
{
	int kept = 0;

	(void)h;
	(void)t;
	if (!find(path))
		return false;
	for (int i = 0; i < n_nodes; i++) {
		if (!below(nodes[i].path, path))
			nodes[kept++] = nodes[i];
	}
	n_nodes = kept;
	changed(path);
	return true;
}

static bool is_child(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return below(path, dir) && path[len] && !strchr(path + len + 1, '/');
}

/* One allocation, the strings behind the pointers, as libxenstore's. */
char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *dir, unsigned int *n)
{
	unsigned int n_children = 0, at = 0;
	size_t bytes = 0;
	char **list, *text;

	(void)h;
	(void)t;
	if (!find(dir))
		return NULL;
	for (int i = 0; i < n_nodes; i++) {
		if (!is_child(nodes[i].path, dir))
			continue;
		n_children++;
		bytes += strlen(strrchr(nodes[i].path, '/'));
	}
	list = malloc((n_children + 1) * sizeof(*list) + bytes);
	if (!list)
		abort();
	text = (char *)(list + n_children + 1);
	for (int i = 0; i < n_nodes; i++) {
		if (!is_child(nodes[i].path, dir))
			continue;
		list[at++] = text;
		text = stpcpy(text, strrchr(nodes[i].path, '/') + 1) + 1;
	}
	list[at] = NULL;
	*n = at;
	return list;
}

/* The first entry's domain owns the node; the second's may do what its permissions say. */
bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
			struct xs_permissions *perms, unsigned int n)
{
	struct node *node = find(path);

	(void)h;
	(void)t;
	if (!node)
		return false;
	if (n == 1)
		snprintf(node->perms, sizeof(node->perms), "n%u", perms[0].id);
	else
		snprintf(node->perms, sizeof(node->perms), "n%u,%c%u", perms[0].id,
			 perms[1].perms == XS_PERM_READ ? 'r' : '?', perms[1].id);
	return true;
}

bool xs_watch(struct xs_handle *h, const char *path, const char *token)
{
	(void)h;
	if (n_watches == MAX_EVENTS)
		abort();
	snprintf(watches[n_watches].path, MAX_PATH, "%s", path);
	snprintf(watches[n_watches++].token, MAX_PATH, "%s", token);
	push(path, token);
	return true;
}

bool xs_unwatch(struct xs_handle *h, const char *path, const char *token)
{
	(void)h;
	for (int i = 0; i < n_watches; i++) {
		if (strcmp(watches[i].path, path) || strcmp(watches[i].token, token))
			continue;
		watches[i] = watches[--n_watches];
		return true;
	}
	errno = ENOENT;
	return false;
}

char **xs_check_watch(struct xs_handle *h)
{
	eventfd_t ignored;
	char **pair;

	(void)h;
	if (!n_events) {
		eventfd_read(event_fd, &ignored);
		errno = EAGAIN;
		return NULL;
	}
	pair = malloc(2 * sizeof(*pair) + sizeof(events[0]));
	if (!pair)
		abort();
	pair[XS_WATCH_PATH] = (char *)(pair + 2);
	pair[XS_WATCH_TOKEN] = stpcpy(pair[XS_WATCH_PATH], events[0].path) + 1;
	strcpy(pair[XS_WATCH_TOKEN], events[0].token);
	memmove(events, events + 1, (size_t)--n_events * sizeof(events[0]));
	return pair;
}

xs_transaction_t xs_transaction_start(struct xs_handle *h)
{
	(void)h;
	return 1;
}

bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abandon)
{
	(void)h;
	(void)t;
	(void)abandon;
	return true;
}

char *xs_get_domain_path(struct xs_handle *h, unsigned int domid)
{
	char *path = NULL;

	(void)h;
	if (asprintf(&path, "/local/domain/%u", domid) < 0)
		return NULL;
	return path;
}
