/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Files in the grammar of xl's domain configurations: read as libxlu_cfg reads them, so that every
 * file which xl takes is taken, with the same meaning. It is not linked because its soname changes
 * with every release of Xen.
 *
 *	name = "web"; memory = 0x200	# comment
 *	vgpu = [ "weight=512,cap=40",
 *	         'memory=256', ]
 *	vgpu += [ "devid=3" ]
 *
 * A name is [a-z][._0-9a-z]*. A value is text in '' or "", a number ([0-9][0-9a-fx]*), or a list of
 * values; lists go over lines. A line's end or ';' ends a setting; the last one of a name counts;
 * "+=" appends. Source: tools/libs/util/libxlu_cfg_l.l, libxlu_cfg_y.y and libxlu_cfg.c of Xen 4.17.
 */
#ifndef CONFIG_XLCFG_H
#define CONFIG_XLCFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "why.h"

#define XLCFG_MAX_BYTES		(1u << 20)	/* of one file */
#define XLCFG_MAX_DEPTH		64u		/* of lists in lists */
#define XLCFG_MAX_VALUES	65536u
#define XLCFG_MAX_NAMES		1024u

enum xlcfg_type {
	XLCFG_TEXT,		/* a number as well: xl tells them apart by who asks */
	XLCFG_LIST,
};

/* All of it belongs to the configuration. */
struct xlcfg_value {
	enum xlcfg_type type;
	const char *source;	/* where it was written */
	unsigned int line;	/* of an item: its own; of a setting: where its last statement begins */
	bool appended;		/* by "+=" */
	char *text;		/* XLCFG_TEXT; without NUL in between */
	size_t bytes;
	struct xlcfg_value *items;	/* XLCFG_LIST */
	size_t n_items;
};

struct xlcfg;

/*
 * xlcfg_parse() - read settings out of memory.
 * @text:   untrusted; @bytes of it, at most XLCFG_MAX_BYTES.
 * @source: what messages call it; copied.
 * @out:    set on success only; owned by the caller, release with xlcfg_free().
 * Returns 0; -EINVAL, with SOURCE:LINE and what is allowed there in @why; -ENOMEM.
 */
int xlcfg_parse(const char *text, size_t bytes, const char *source, struct xlcfg **out, char *why);

/*
 * xlcfg_read() - the same for a file, which @why calls by its path.
 * Returns as xlcfg_parse(); -ENOENT, there is no such file, or it is something else than a file;
 * -EACCES and other -errno, it cannot be read.
 */
int xlcfg_read(const char *path, struct xlcfg **out, char *why);

/*
 * xlcfg_add() - more settings after those that @cfg has, as the arguments of `xl create` are.
 * Returns as xlcfg_parse(); on failure @cfg has some of them.
 */
int xlcfg_add(struct xlcfg *cfg, const char *text, size_t bytes, const char *source, char *why);

void xlcfg_free(struct xlcfg *cfg);

/* xlcfg_find() - a setting's value, NULL where there is none. */
const struct xlcfg_value *xlcfg_find(const struct xlcfg *cfg, const char *name);

/* xlcfg_name() - the name of setting @i of 0.., in order of appearance; NULL behind the last. */
const char *xlcfg_name(const struct xlcfg *cfg, size_t i);

/*
 * xlcfg_text(), xlcfg_number() - a setting that is text, or a number (decimal, 0x.., or octal with a
 * leading 0, as xl has it) of @min..@max.
 * @out: set on success only; text belongs to @cfg.
 * Returns 0; -ENOENT, there is no such setting (@why is not set); -EINVAL, it is something else.
 */
int xlcfg_text(const struct xlcfg *cfg, const char *name, const char **out, char *why);
int xlcfg_number(const struct xlcfg *cfg, const char *name, uint64_t min, uint64_t max,
		 uint64_t *out, char *why);

/*
 * xlcfg_list() - a setting that is a list of text.
 * @out: set on success only; a list whose n_items items are all XLCFG_TEXT.
 * Returns as xlcfg_text().
 */
int xlcfg_list(const struct xlcfg *cfg, const char *name, const struct xlcfg_value **out,
	       char *why);

#endif
