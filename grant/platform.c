// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opening a platform: which of the two a specification names, and the counters both keep.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "platform_priv.h"

struct plat_counters plat_count;

const struct plat_ops *plat_ops_of(enum plat_kind kind)
{
	switch (kind) {
	case PLAT_XEN:
		return &plat_xen_ops;
	case PLAT_LOCAL:
		return &plat_local_ops;
	}
	return NULL;
}

int plat_open(const char *spec, struct plat **out)
{
	static const char local[] = "local:";
	struct plat *plat = NULL;
	char *copy;
	int err;

	if (!spec)
		spec = getenv("XENGPU_PLATFORM");
	if (!spec)
		spec = "xen";
	copy = strdup(spec);
	if (!copy)
		return -ENOMEM;

	if (!strcmp(spec, "xen"))
		err = plat_xen_open(&plat);
	else if (!strncmp(spec, local, sizeof(local) - 1))
		err = plat_local_open(spec + sizeof(local) - 1, &plat);
	else
		err = -EINVAL;
	if (err) {
		free(copy);
		return err;
	}

	plat->spec = copy;
	*out = plat;
	return 0;
}

void plat_close(struct plat *plat)
{
	char *spec;

	if (!plat)
		return;
	spec = plat->spec;
	plat->ops->close(plat);
	free(spec);
}

enum plat_kind plat_kind(const struct plat *plat)
{
	return plat->ops->kind;
}

const char *plat_spec(const struct plat *plat)
{
	return plat->spec;
}

const struct plat_counters *plat_counters(void)
{
	return &plat_count;
}
