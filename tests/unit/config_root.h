/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For tests of files in /etc/xen and /var/lib: a root of the case's own, which XENGPU_ROOT names.
 */
#ifndef TESTS_CONFIG_ROOT_H
#define TESTS_CONFIG_ROOT_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "policy.h"

struct root {
	char dir[64];
	struct policy_paths paths;
};

static inline void root_up(struct root *root)
{
	static const char *const folders[] = { "etc", "etc/xen", "etc/xen/xengpu.d",
					       "etc/xen/auto" };
	char path[128];
	size_t i;

	strcpy(root->dir, "/tmp/xengpu-root-XXXXXX");
	CHECK(mkdtemp(root->dir));
	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", root->dir, folders[i]);
		CHECK_EQ(mkdir(path, 0755), 0);
	}
	CHECK_EQ(setenv("XENGPU_ROOT", root->dir, 1), 0);
	CHECK_EQ(policy_paths_init(&root->paths), 0);
}

static inline void root_down(struct root *root)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", root->dir);
	CHECK_EQ(system(command), 0);
}

/* root_write() - a file, by its path beneath the root; without text it is removed. */
static inline void root_write(const struct root *root, const char *path, const char *text)
{
	char full[256];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", root->dir, path);
	if (!text) {
		CHECK_EQ(unlink(full), 0);
		return;
	}
	file = fopen(full, "we");
	CHECK(file && fputs(text, file) >= 0 && !fclose(file));
}

/* root_has() - whether the file is there, and has @text in it. */
static inline bool root_has(const struct root *root, const char *path, const char *text)
{
	char full[256], content[8192];
	FILE *file;
	size_t n;

	snprintf(full, sizeof(full), "%s/%s", root->dir, path);
	file = fopen(full, "re");
	if (!file)
		return false;
	n = fread(content, 1, sizeof(content) - 1, file);
	fclose(file);
	content[n] = '\0';
	return strstr(content, text) != NULL;
}

#endif
