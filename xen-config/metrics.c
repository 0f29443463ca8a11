// SPDX-License-Identifier: GPL-2.0-only
/*
 * Metrics: xengpud's answer by the tables of metrics_table.c; see metrics.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "metrics_table.h"

/*
 * The histogram's bounds are the same whatever was measured, as rates want them: two for each power
 * of two, which are ends of xengpud's own buckets, eight for each. Its last bucket takes all beyond,
 * so from there on there is +Inf only.
 */
#define LATENCY_NAME		"xengpu_vgpu_frame_latency_seconds"
#define LATENCY_HELP		"From a frame's submit until it is done; the sum is made of the " \
				"middles of finer buckets."
#define LATENCY_FIRST_LOG2	15u	/* 33 us */
#define LATENCY_LAST_LOG2	33u	/* 8.6 s */
#define LATENCY_MIDDLE		0.96	/* of an xengpud's bucket, by its end: their width is an 8th to a 16th */

struct writer {
	FILE *out;
	enum metrics_format format;
	const char *missing;
};

static void escaped(FILE *out, const char *text, bool quotes)
{
	for (; *text; text++) {
		if (*text == '\\' || (quotes && *text == '"'))
			fputc('\\', out);
		if (*text == '\n')
			fputs("\\n", out);
		else
			fputc(*text, out);
	}
}

static void label(FILE *out, const char *name, const char *value)
{
	fprintf(out, "%s=\"", name);
	escaped(out, value, true);
	fputc('"', out);
}

static const char *suffix(enum metrics_type type)
{
	return type == METRICS_COUNTER ? "_total" : type == METRICS_INFO ? "_info" : "";
}

static void head(const struct writer *w, const char *name, const char *sample_suffix,
		 const char *unit, const char *type, const char *help)
{
	const bool open = w->format == METRICS_OPENMETRICS;

	/* Only OpenMetrics has a family whose name is not that of its samples. */
	if (open)
		sample_suffix = "";
	fprintf(w->out, "# TYPE %s%s %s\n", name, sample_suffix, type);
	if (open && unit)
		fprintf(w->out, "# UNIT %s %s\n", name, unit);
	fprintf(w->out, "# HELP %s%s ", name, sample_suffix);
	escaped(w->out, help, open);
	fputc('\n', w->out);
}

static void metric_head(const struct writer *w, const struct metrics_row *m)
{
	const char *type = m->type == METRICS_COUNTER ? "counter" : "gauge";

	if (m->type == METRICS_INFO && w->format == METRICS_OPENMETRICS)
		type = "info";
	head(w, m->name, suffix(m->type), m->unit, type, m->help);
}

static struct json_object *member(struct writer *w, struct json_object *o, const char *name,
				  enum json_type type)
{
	struct json_object *m = NULL;

	if (json_object_object_get_ex(o, name, &m) && json_object_is_type(m, type))
		return m;
	if (!w->missing)
		w->missing = name;
	return NULL;
}

static const char *text_of(struct writer *w, struct json_object *o, const char *name)
{
	struct json_object *m = member(w, o, name, json_type_string);

	return m ? json_object_get_string(m) : "";
}

static void value(struct writer *w, struct json_object *o, const struct metrics_row *m)
{
	static const enum json_type types[] = { [METRICS_TRUTH] = json_type_boolean,
						[METRICS_IS_CONNECTED] = json_type_string,
						[METRICS_LENGTH] = json_type_array };
	const enum json_type type = m->scale == METRICS_TRUTH || m->scale == METRICS_IS_CONNECTED ||
				    m->scale == METRICS_LENGTH ? types[m->scale] : json_type_int;
	struct json_object *v = m->scale == METRICS_ONE ? NULL : member(w, o, m->member, type);
	const int64_t n = v && type == json_type_int ? json_object_get_int64(v) : 0;

	switch (m->scale) {
	case METRICS_AS_IT_IS:
		fprintf(w->out, "%" PRId64, n);
		break;
	case METRICS_NANOSECONDS:
		fprintf(w->out, "%" PRId64 ".%09" PRId64, n / 1000000000, n % 1000000000);
		break;
	case METRICS_MICROSECONDS:
		fprintf(w->out, "%" PRId64 ".%06" PRId64, n / 1000000, n % 1000000);
		break;
	case METRICS_MEBIBYTES:
		fprintf(w->out, "%" PRId64, n << 20);
		break;
	case METRICS_PAGES:
		fprintf(w->out, "%" PRId64, n * 4096);
		break;
	case METRICS_PERCENT:
		fprintf(w->out, "%.2f", (double)n / 100);
		break;
	case METRICS_PERMILLE:
		fprintf(w->out, "%.3f", (double)n / 1000);
		break;
	case METRICS_TRUTH:
		fprintf(w->out, "%d", v && json_object_get_boolean(v));
		break;
	case METRICS_IS_CONNECTED:
		fprintf(w->out, "%d", v && !strcmp(json_object_get_string(v), "connected"));
		break;
	case METRICS_LENGTH:
		fprintf(w->out, "%zu", v ? json_object_array_length(v) : 0);
		break;
	case METRICS_ONE:
		fputc('1', w->out);
		break;
	}
}

static void info_labels(struct writer *w, struct json_object *answer, const struct metrics_row *m)
{
	struct json_object *sched = member(w, answer, "sched", json_type_object);

	if (!strcmp(m->name, "xengpu_backend")) {
		label(w->out, "renderer", text_of(w, answer, "renderer"));
		fputc(',', w->out);
		label(w->out, "clock", text_of(w, sched, "clock"));
	} else {
		label(w->out, "policy", text_of(w, sched, "policy"));
		fputc(',', w->out);
		label(w->out, "effective", text_of(w, sched, "effective"));
	}
}

static void print_host(struct writer *w, struct json_object *answer)
{
	const struct metrics_row *m;
	struct json_object *o;
	size_t i;

	for (i = 0; i < metrics_n_host; i++) {
		m = &metrics_host[i];
		o = m->in ? member(w, answer, m->in, json_type_object) : answer;
		if (!i || strcmp(m->name, m[-1].name))
			metric_head(w, m);
		fprintf(w->out, "%s%s", m->name, suffix(m->type));
		if (m->type == METRICS_INFO || m->label) {
			fputc('{', w->out);
			if (m->type == METRICS_INFO)
				info_labels(w, answer, m);
			else
				fputs(m->label, w->out);
			fputc('}', w->out);
		}
		fputc(' ', w->out);
		value(w, o, m);
		fputc('\n', w->out);
	}
}

/* Whose: a domain has another id after each start, and a name may be there twice at that moment. */
static void vgpu_labels(struct writer *w, struct json_object *vgpu)
{
	struct json_object *domid = member(w, vgpu, "domid", json_type_int);
	struct json_object *devid = member(w, vgpu, "devid", json_type_int);

	label(w->out, "domain", text_of(w, vgpu, "name"));
	fprintf(w->out, ",domid=\"%d\",vgpu=\"%d\"", domid ? json_object_get_int(domid) : 0,
		devid ? json_object_get_int(devid) : 0);
}

/* The lines of one metric: a vgpu's beside each other. */
static void print_metric(struct writer *w, struct json_object *list, const struct metrics_row *m,
			 size_t n)
{
	struct json_object *vgpu;
	size_t i, j;

	metric_head(w, m);
	for (i = 0; i < json_object_array_length(list); i++) {
		vgpu = json_object_array_get_idx(list, i);
		for (j = 0; j < n; j++) {
			fprintf(w->out, "%s%s{", m[j].name, suffix(m[j].type));
			vgpu_labels(w, vgpu);
			fprintf(w->out, "%s%s} ", m[j].label ? "," : "",
				m[j].label ? m[j].label : "");
			value(w, vgpu, &m[j]);
			fputc('\n', w->out);
		}
	}
}

static void print_vgpus(struct writer *w, struct json_object *list)
{
	const struct metrics_row *m = metrics_vgpu, *end = metrics_vgpu + metrics_n_vgpu;
	size_t n;

	for (; m < end; m += n) {
		for (n = 1; m + n < end && !strcmp(m[n].name, m->name); n++)
			;
		print_metric(w, list, m, n);
	}
}

/* Of the frames that took up to @le_us; all of them with 0. The sum in seconds, of all. */
static uint64_t up_to(struct json_object *buckets, double le_us, double *sum)
{
	struct json_object *pair;
	uint64_t n = 0, count;
	double end_us;
	size_t i;

	*sum = 0;
	for (i = 0; i < json_object_array_length(buckets); i++) {
		pair = json_object_array_get_idx(buckets, i);
		end_us = json_object_get_double(json_object_array_get_idx(pair, 0));
		count = (uint64_t)json_object_get_int64(json_object_array_get_idx(pair, 1));
		*sum += (double)count * end_us * LATENCY_MIDDLE / 1e6;
		if (le_us == 0 || end_us <= le_us * (1 + 1e-9))
			n += count;
	}
	return n;
}

static bool buckets_ok(struct json_object *buckets)
{
	struct json_object *pair;
	size_t i;

	for (i = 0; i < json_object_array_length(buckets); i++) {
		pair = json_object_array_get_idx(buckets, i);
		if (!json_object_is_type(pair, json_type_array) ||
		    json_object_array_length(pair) != 2)
			return false;
	}
	return true;
}

static void print_bucket(struct writer *w, struct json_object *vgpu, struct json_object *buckets,
			 double le_us)
{
	double sum;

	fputs(LATENCY_NAME "_bucket{", w->out);
	vgpu_labels(w, vgpu);
	if (le_us > 0)
		fprintf(w->out, ",le=\"%.12g\"} ", le_us / 1e6);
	else
		fputs(",le=\"+Inf\"} ", w->out);
	fprintf(w->out, "%" PRIu64 "\n", up_to(buckets, le_us, &sum));
}

static void print_latency(struct writer *w, struct json_object *list)
{
	struct json_object *vgpu, *buckets;
	unsigned int log2;
	uint64_t n;
	double sum;
	size_t i;

	head(w, LATENCY_NAME, "", "seconds", "histogram", LATENCY_HELP);
	for (i = 0; i < json_object_array_length(list); i++) {
		vgpu = json_object_array_get_idx(list, i);
		buckets = member(w, vgpu, "latency_us", json_type_array);
		if (buckets && !buckets_ok(buckets))
			w->missing = "latency_us";
		if (w->missing)
			return;
		for (log2 = LATENCY_FIRST_LOG2; log2 <= LATENCY_LAST_LOG2; log2++) {
			print_bucket(w, vgpu, buckets, (double)(UINT64_C(2) << (log2 - 1)) / 1000);
			print_bucket(w, vgpu, buckets, (double)(UINT64_C(3) << (log2 - 1)) / 1000);
		}
		print_bucket(w, vgpu, buckets, 0);
		n = up_to(buckets, 0, &sum);
		fputs(LATENCY_NAME "_count{", w->out);
		vgpu_labels(w, vgpu);
		fprintf(w->out, "} %" PRIu64 "\n" LATENCY_NAME "_sum{", n);
		vgpu_labels(w, vgpu);
		fprintf(w->out, "} %.9g\n", sum);
	}
}

static void print_all(struct writer *w, struct json_object *answer)
{
	struct json_object *list;

	head(w, "xengpu_up", "", NULL, "gauge", "Whether xengpud answered.");
	fprintf(w->out, "xengpu_up %d\n", answer != NULL);
	if (answer) {
		print_host(w, answer);
		list = member(w, answer, "devices", json_type_array);
		if (list && json_object_array_length(list)) {
			print_vgpus(w, list);
			print_latency(w, list);
		}
	}
	if (w->format == METRICS_OPENMETRICS)
		fputs("# EOF\n", w->out);
}

int metrics_print(struct json_object *answer, enum metrics_format format, FILE *out, char *why)
{
	struct writer w = { .format = format };
	char *text = NULL;
	size_t bytes = 0;

	/* A part of them is worse than none, so they come into a place of their own first. */
	w.out = open_memstream(&text, &bytes);
	if (!w.out) {
		why_set(why, "no memory for metrics");
		return -ENOMEM;
	}
	print_all(&w, answer);
	if (fclose(w.out)) {
		free(text);
		why_set(why, "no memory for metrics");
		return -ENOMEM;
	}
	if (!w.missing)
		fwrite(text, 1, bytes, out);
	free(text);
	return w.missing ? why_set(why, "xengpud's answer makes no sense, '%s': is it of another "
				   "version?", w.missing) : 0;
}
