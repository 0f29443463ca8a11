// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real Xen. A platform holds nothing: every share, mapping, port and store connection opens its
 * device for itself, so that one descriptor means one thing and can be passed on alone.
 */
#include <errno.h>
#include <stdlib.h>

#include "platform_priv.h"

static void close_plat(struct plat *plat)
{
	free(plat);
}

const struct plat_ops plat_xen_ops = {
	.kind = PLAT_XEN,
	.close = close_plat,
	.share = gnt_xen_share,
	.share_notify = gnt_xen_share_notify,
	.unshare = gnt_xen_unshare,
	.map_refs = gnt_xen_map_refs,
	.explain = gnt_xen_explain,
	.evt_alloc = evt_xen_alloc,
	.evt_bind = evt_xen_bind,
	.evt_import = evt_xen_import,
	.xst_open = xst_xen_open,
};

int plat_xen_open(struct plat **out)
{
	struct plat *plat = calloc(1, sizeof(*plat));

	if (!plat)
		return -ENOMEM;
	plat->ops = &plat_xen_ops;
	*out = plat;
	return 0;
}
