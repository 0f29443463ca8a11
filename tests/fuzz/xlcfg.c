// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any text as a domain's configuration in xl's grammar, and a second one behind it. What was read
 * is walked from end to end; a refusal says why, in a sentence that fits a terminal.
 */
#include <errno.h>

#include "fuzz.h"
#include "vgpus.h"
#include "xlcfg.h"

#define NOT_SET	"\1not set"

static void check_why(const char *why)
{
	CHECK(strcmp(why, NOT_SET) && why[0] && strnlen(why, WHY_BYTES) < WHY_BYTES);
	CHECK(fuzz_printable(why));
}

static size_t walk(const struct xlcfg_value *v, unsigned int depth)
{
	size_t i, n = 1;

	CHECK(depth <= XLCFG_MAX_DEPTH + 1 && v->source && v->line);
	if (v->type == XLCFG_TEXT) {
		CHECK_EQ(strlen(v->text), v->bytes);
		return n;
	}
	CHECK_EQ(v->type, XLCFG_LIST);
	for (i = 0; i < v->n_items; i++)
		n += walk(&v->items[i], depth + 1);
	return n;
}

static void ask(const struct xlcfg *cfg, const char *name)
{
	const struct xlcfg_value *v = xlcfg_find(cfg, name), *list;
	char why[WHY_BYTES] = NOT_SET;
	const char *text = NULL;
	uint64_t number = 7;
	int err;

	err = xlcfg_text(cfg, name, &text, why);
	CHECK(err == (!v ? -ENOENT : v->type == XLCFG_TEXT ? 0 : -EINVAL));
	CHECK(!err == !!text);
	err = xlcfg_number(cfg, name, 1, 1000, &number, why);
	CHECK(err ? err == (v ? -EINVAL : -ENOENT) : number >= 1 && number <= 1000);
	if (v && err)
		check_why(why);
	err = xlcfg_list(cfg, name, &list, why);
	CHECK(!err || err == (v ? -EINVAL : -ENOENT));
	if (!err)
		CHECK(list->type == XLCFG_LIST);
}

static void read_vgpus(const struct xlcfg *cfg)
{
	char why[WHY_BYTES] = NOT_SET, where[VGPUS_WHERE_BYTES] = NOT_SET;
	struct vgpus vgpus;
	unsigned int i, j;

	switch (vgpus_read(cfg, &vgpus, where, why)) {
	case 0:
		CHECK(vgpus.n <= VGPUS_MAX && strchr(where, ':'));
		for (i = 0; i < vgpus.n; i++) {
			CHECK(vgpus.option[i].given & OPTION_BIT(OPTION_DEVID));
			for (j = 0; j < i; j++)
				CHECK(vgpus.option[i].devid != vgpus.option[j].devid);
		}
		break;
	case -EINVAL:
		check_why(why);
		break;
	case -ENOENT:
		CHECK(!xlcfg_find(cfg, "vgpu"));
		break;
	default:
		harness_fail(__FILE__, __LINE__, "an error that vgpus_read() has not");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	char *more = fuzz_text(&in, 0xff), why[WHY_BYTES] = NOT_SET;
	char *text = malloc(in.left ? in.left : 1);
	const size_t bytes = in.left;
	struct xlcfg *cfg = NULL;
	const char *name;
	size_t i, n = 0;
	int err;

	/* This one may have any octet in it, and no end but its length. */
	CHECK(text);
	fuzz_bytes(&in, text, bytes);
	err = xlcfg_parse(text, bytes, "a", &cfg, why);
	if (!err)
		err = xlcfg_add(cfg, more, strlen(more), "b", why);
	if (err) {
		CHECK_EQ(err, -EINVAL);
		check_why(why);
	}
	for (i = 0; !err && (name = xlcfg_name(cfg, i)); i++) {
		CHECK(i < XLCFG_MAX_NAMES && xlcfg_find(cfg, name));
		n += walk(xlcfg_find(cfg, name), 0);
		ask(cfg, name);
	}
	CHECK(n <= XLCFG_MAX_VALUES);
	if (!err) {
		ask(cfg, "name");
		read_vgpus(cfg);
	}
	xlcfg_free(cfg);
	free(text);
	free(more);
	return 0;
}
