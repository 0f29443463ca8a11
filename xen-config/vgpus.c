// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vgpus of a domain; see vgpus.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vgpus.h"

int vgpus_find(const struct vgpus *vgpus, uint16_t devid)
{
	unsigned int i;

	for (i = 0; i < vgpus->n; i++) {
		if (vgpus->option[i].given & OPTION_BIT(OPTION_DEVID) &&
		    vgpus->option[i].devid == devid)
			return (int)i;
	}
	return -1;
}

int vgpus_set(struct vgpus *vgpus, const struct vgpu_option *option)
{
	int i = vgpus_find(vgpus, option->devid);

	if (i < 0 && vgpus->n == VGPUS_MAX)
		return -ENOSPC;
	if (i < 0)
		i = (int)vgpus->n++;
	vgpus->option[i] = *option;
	vgpus->option[i].given |= OPTION_BIT(OPTION_DEVID);
	return 0;
}

void vgpus_drop(struct vgpus *vgpus, uint16_t devid)
{
	int i = vgpus_find(vgpus, devid);

	if (i < 0)
		return;
	vgpus->n--;
	memmove(&vgpus->option[i], &vgpus->option[i + 1],
		(vgpus->n - (unsigned int)i) * sizeof(vgpus->option[0]));
}

/* After those that were given, so that an explicit devid is never taken by one without. */
static void number_the_rest(struct vgpus *vgpus)
{
	uint16_t devid = 0;
	unsigned int i;

	for (i = 0; i < vgpus->n; i++) {
		if (vgpus->option[i].given & OPTION_BIT(OPTION_DEVID))
			continue;
		while (vgpus_find(vgpus, devid) >= 0)
			devid++;
		option_set_number(&vgpus->option[i], OPTION_DEVID, devid);
	}
}

int vgpus_read(const struct xlcfg *cfg, struct vgpus *out, char *where, char *why)
{
	struct vgpus vgpus = { 0 };
	char key_why[WHY_BYTES];
	const struct xlcfg_value *list, *item;
	size_t i;
	int err;

	err = xlcfg_list(cfg, "vgpu", &list, why);
	if (err)
		return err;
	if (list->n_items > VGPUS_MAX)
		return why_set(why, "%s:%u: more than %u vgpus", list->source, list->line,
			       VGPUS_MAX);
	for (i = 0; i < list->n_items; i++) {
		struct vgpu_option option = { 0 };

		item = &list->items[i];
		if (option_parse(item->text, OPTION_ALL, &option, key_why))
			return why_set(why, "%s:%u: vgpu: %s", item->source, item->line, key_why);
		if (option.given & OPTION_BIT(OPTION_DEVID) &&
		    vgpus_find(&vgpus, option.devid) >= 0)
			return why_set(why, "%s:%u: vgpu: devid=%u: another vgpu in the list has "
				       "it", item->source, item->line, option.devid);
		vgpus.option[vgpus.n++] = option;
	}
	number_the_rest(&vgpus);
	*out = vgpus;
	snprintf(where, VGPUS_WHERE_BYTES, "%s:%u", list->source, list->line);
	return 0;
}
