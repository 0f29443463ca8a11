// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two answers to the question "stats", as `xengpu top` reads and compares them, sorted by any
 * column. What is shown is fit for a terminal, and no figure is something that is none.
 */
#include <errno.h>
#include <math.h>

#include "fuzz.h"
#include "top.h"

static void check_sample(const struct sample *s)
{
	size_t i, j;

	CHECK(fuzz_printable(s->renderer) && fuzz_printable(s->error));
	CHECK(fuzz_printable(s->sched.policy) && fuzz_printable(s->sched.reason));
	CHECK(s->sched.capacity);
	for (i = 0; i < s->n; i++) {
		const struct sample_vgpu *v = &s->vgpu[i];

		CHECK(fuzz_printable(v->name) && fuzz_printable(v->state));
		for (j = 0; j < v->n_buckets; j++)
			CHECK(v->bucket[j].end_us > (j ? v->bucket[j - 1].end_us : 0));
		for (j = 0; j < v->n_sessions; j++)
			CHECK(fuzz_printable(v->session[j].state));
		CHECK(sample_find(s, v->domid, v->devid));
	}
}

static void check_row(const struct top_row *row)
{
	size_t i;

	CHECK(isfinite(row->gpu_percent) && row->gpu_percent >= 0);
	CHECK(isfinite(row->share_percent) && row->share_percent >= 0);
	CHECK(isfinite(row->fps) && isfinite(row->submits_s) && isfinite(row->held_percent));
	CHECK(isfinite(row->p50_ms) && isfinite(row->p99_ms) && row->p50_ms <= row->p99_ms);
	for (i = 0; i < row->n_sessions; i++)
		check_row(&row->session[i]);
}

static void compare(const struct sample *before, const struct sample *now, uint8_t how)
{
	struct top *top = NULL;
	size_t i;

	CHECK_EQ(top_compute(before, now, &top), 0);
	CHECK_EQ(top->n, now->n);
	CHECK(isfinite(top->interval_s) && isfinite(top->gpu_percent) &&
	      isfinite(top->contended_percent));
	top_sort(top, (enum top_column)(how % TOP_N_COLUMNS), how & 0x80);
	for (i = 0; i < top->n; i++)
		check_row(&top->row[i]);
	top_free(top);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	struct sample *s[2] = { NULL, NULL };
	const uint8_t how = fuzz_u8(&in);
	char why[WHY_BYTES];
	char *text;
	int i, err;

	for (i = 0; i < 2; i++) {
		why[0] = '\0';
		text = fuzz_text(&in, '\n');
		err = sample_parse(text, &s[i], why);
		if (err)
			CHECK(err == -EINVAL && !s[i] && why[0] && fuzz_printable(why));
		else
			check_sample(s[i]);
		free(text);
	}
	if (s[0])
		compare(NULL, s[0], how);
	if (s[0] && s[1])
		compare(s[0], s[1], how);
	sample_free(s[0]);
	sample_free(s[1]);
	return 0;
}
