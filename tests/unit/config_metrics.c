// SPDX-License-Identifier: GPL-2.0-only
/*
 * Metrics: both texts against the rules of OpenMetrics 1.0 and of Prometheus' text format 0.0.4, what
 * is in them, the file, and that the dashboard we ship asks for nothing else.
 */
#include <math.h>
#include <sys/stat.h>

#include "config_say.h"
#include "config_stats.h"
#include "metrics.h"

#define TEXT_BYTES	131072u
#define MAX_LINES	2000u
#define NAME_BYTES	96u
#define LABEL_BYTES	192u

static const struct fake_vgpu guests[] = {
	{ .domid = 1, .name = "web", .weight = 512, .cap = 40, .max_fps = 60, .memory_limit_mib = 3,
	  .entitled_permille = 667, .gpu_ns = UINT64_C(12345678901), .held_ns = 5, .submits = 11,
	  .fences = 7, .limit_fps = 4, .memory_bytes = 4096,
	  .latency = "[16,1],[32.768,2],[36.864,3],[16384,4],[17179869.184,5]" },
	/* What a guest's administrator may call it. */
	{ .domid = 2, .devid = 3, .name = "a \\\"b\\\" c\\\\d\\ne", .state = "closing", .banned = true },
};

static struct json_object *answer(size_t n)
{
	char text[FAKE_BYTES];
	struct json_object *o = json_tokener_parse(fake_stats(text, &(struct fake_stats){
		.policy = "auto", .effective = "credit", .capacity = 4, .uptime_s = 77,
		.gpu_ns = 1500000000, .contended_ns = 1, .vgpu = guests, .n = n }));

	CHECK(o);
	return o;
}

static char *print(struct json_object *o, enum metrics_format format, char *text)
{
	FILE *file = fmemopen(text, TEXT_BYTES, "w");
	char why[WHY_BYTES] = "";

	CHECK(file);
	if (metrics_print(o, format, file, why))
		harness_fail(__FILE__, __LINE__, "%s", why);
	CHECK_EQ(fclose(file), 0);
	json_object_put(o);
	return text;
}

/* --- a strict reader ------------------------------------------------------------------------- */

struct reader {
	bool open;			/* OpenMetrics */
	char family[NAME_BYTES], type[16], unit[16];
	bool helped, sampled;
	char families[100][NAME_BYTES];
	size_t n_families;
	char series[MAX_LINES][NAME_BYTES + LABEL_BYTES + 32];
	size_t n_series;
	/* of a histogram */
	char labels[LABEL_BYTES];
	double le;
	long long in_bucket;
	bool at_end;			/* "# EOF" was read */
};

static const char *line_now;

#define MUST(expr)										\
	do {											\
		if (!(expr))									\
			harness_fail(__FILE__, __LINE__, "%s: '%s'", #expr, line_now);		\
	} while (0)

static bool ends_in(const char *text, const char *end)
{
	const size_t n = strlen(text), m = strlen(end);

	return n > m && !strcmp(text + n - m, end);
}

/* A word of letters, digits and '_', not a digit first; returns what is behind it. */
static const char *word(const char *from, char *to)
{
	size_t n = strspn(from, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

	MUST(n > 0 && n < NAME_BYTES && !(*from >= '0' && *from <= '9'));
	memcpy(to, from, n);
	to[n] = '\0';
	return from + n;
}

static void close_family(struct reader *r)
{
	MUST(!r->family[0] || (r->helped && r->sampled));
}

static void comment(struct reader *r, const char *line)
{
	char name[NAME_BYTES];
	const char *rest;
	size_t i;

	if (!strcmp(line, "# EOF")) {
		MUST(r->open);
		close_family(r);
		r->at_end = true;
	} else if (!strncmp(line, "# TYPE ", 7)) {
		close_family(r);
		rest = word(line + 7, r->family);
		MUST(*rest == ' ');
		snprintf(r->type, sizeof(r->type), "%s", rest + 1);
		MUST(!strcmp(r->type, "gauge") || !strcmp(r->type, "counter") ||
		     !strcmp(r->type, "histogram") || (r->open && !strcmp(r->type, "info")));
		/* The one difference that there has to be. */
		MUST(ends_in(r->family, "_total") == (!r->open && !strcmp(r->type, "counter")));
		for (i = 0; i < r->n_families; i++)
			MUST(strcmp(r->families[i], r->family));
		CHECK(r->n_families < 100);
		strcpy(r->families[r->n_families++], r->family);
		r->helped = r->sampled = false;
		r->unit[0] = r->labels[0] = '\0';
	} else if (!strncmp(line, "# UNIT ", 7)) {
		MUST(r->open);
		rest = word(line + 7, name);
		MUST(!strcmp(name, r->family) && !r->helped && !r->sampled && *rest == ' ');
		snprintf(r->unit, sizeof(r->unit), "_%s", rest + 1);
		MUST(ends_in(r->family, r->unit) && strcmp(r->type, "info"));
	} else {
		MUST(!strncmp(line, "# HELP ", 7));
		rest = word(line + 7, name);
		MUST(!strcmp(name, r->family) && !r->helped && !r->sampled);
		MUST(rest[0] == ' ' && rest[1] && !strchr(rest, '\\') && !strchr(rest, '"'));
		r->helped = true;
	}
}

/* {name="value",...}; the value of le goes to @le, all others with their names to @labels. */
static const char *read_labels(const char *c, char *labels, double *le)
{
	char name[NAME_BYTES], value[NAME_BYTES], *end;
	size_t n, used = 0;

	labels[0] = '\0';
	*le = NAN;
	if (*c != '{')
		return c;
	do {
		c = word(c + 1, name);
		MUST(c[0] == '=' && c[1] == '"');
		for (c += 2, n = 0; *c != '"'; c++) {
			MUST(*c && n < sizeof(value) - 2);
			if (*c == '\\') {
				value[n++] = *c++;
				MUST(*c == '\\' || *c == '"' || *c == 'n');
			}
			value[n++] = *c;
		}
		value[n] = '\0';
		c++;
		if (strcmp(name, "le")) {
			used += (size_t)snprintf(labels + used, LABEL_BYTES - used, "%s=%s;", name,
						 value);
			MUST(used < LABEL_BYTES);
			continue;
		}
		*le = !strcmp(value, "+Inf") ? INFINITY : strtod(value, &end);
		MUST(isinf(*le) || !*end);
	} while (*c == ',');
	MUST(*c == '}');
	return c + 1;
}

static void histogram(struct reader *r, const char *suffix, const char *labels, double le,
		      long long value)
{
	if (!strcmp(suffix, "_bucket")) {
		MUST(!isnan(le) && value >= 0);
		if (strcmp(labels, r->labels)) {
			/* The one before ended with all of them. */
			MUST(!r->labels[0] || isinf(r->le));
			snprintf(r->labels, sizeof(r->labels), "%s", labels);
		} else {
			MUST(le > r->le && value >= r->in_bucket);
		}
		r->le = le;
		r->in_bucket = value;
		return;
	}
	MUST(isnan(le) && isinf(r->le) && !strcmp(labels, r->labels));
	if (!strcmp(suffix, "_count"))
		MUST(value == r->in_bucket);
	else
		MUST(!strcmp(suffix, "_sum"));
}

static void sample(struct reader *r, const char *line)
{
	char name[NAME_BYTES], labels[LABEL_BYTES], *end;
	const char *c = word(line, name), *suffix;
	double le, value;
	size_t i;

	c = read_labels(c, labels, &le);
	MUST(*c == ' ');
	value = strtod(c + 1, &end);
	MUST(end != c + 1 && !*end && isfinite(value) && value >= 0);
	MUST(r->helped && !strncmp(name, r->family, strlen(r->family)));
	suffix = name + strlen(r->family);
	if (!strcmp(r->type, "histogram"))
		histogram(r, suffix, labels, le, (long long)value);
	else if (!strcmp(r->type, "info"))
		MUST(!strcmp(suffix, "_info") && value == 1);
	else if (!strcmp(r->type, "counter") && r->open)
		MUST(!strcmp(suffix, "_total"));
	else
		MUST(!*suffix);
	MUST(!strcmp(r->type, "histogram") || isnan(le));
	CHECK(r->n_series < MAX_LINES);
	snprintf(r->series[r->n_series], sizeof(r->series[0]), "%s %s %g", name, labels, le);
	for (i = 0; i < r->n_series; i++)
		MUST(strcmp(r->series[i], r->series[r->n_series]));
	r->n_series++;
	r->sampled = true;
}

/* Returns how many series there are. */
static size_t check_text(const char *text, bool open)
{
	static struct reader r;
	static char copy[TEXT_BYTES];
	char *rest = copy, *line;

	memset(&r, 0, sizeof(r));
	r.open = open;
	CHECK(strlen(text) && text[strlen(text) - 1] == '\n');
	strcpy(copy, text);
	copy[strlen(copy) - 1] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		line_now = line;
		MUST(!r.at_end);
		if (line[0] == '#')
			comment(&r, line);
		else
			sample(&r, line);
	}
	CHECK_EQ(r.at_end, open);
	close_family(&r);
	return r.n_series;
}

static void check_line(const char *text, const char *line)
{
	char want[512];

	snprintf(want, sizeof(want), "\n%s\n", line);
	if (!strstr(text, want))
		harness_fail(__FILE__, __LINE__, "no line '%s'", line);
}

/* --- cases ----------------------------------------------------------------------------------- */

TEST(config_metrics, both_texts)
{
	static char open[TEXT_BYTES], prometheus[TEXT_BYTES];
	const size_t none = check_text(print(answer(0), METRICS_OPENMETRICS, open), true);
	const size_t one = check_text(print(answer(1), METRICS_OPENMETRICS, open), true);
	const size_t two = check_text(print(answer(2), METRICS_OPENMETRICS, open), true);

	CHECK(none > 15 && one > none + 50 && two == none + 2 * (one - none));
	CHECK_EQ(check_text(print(answer(2), METRICS_PROMETHEUS, prometheus), false), two);
	check_line(open, "# TYPE xengpu_vgpu_frames counter");
	check_line(prometheus, "# TYPE xengpu_vgpu_frames_total counter");
	check_line(open, "# TYPE xengpu_policy info");
	check_line(prometheus, "# TYPE xengpu_policy_info gauge");
	check_line(open, "# UNIT xengpu_vgpu_gpu_time_seconds seconds");
	CHECK(!strstr(prometheus, "# UNIT") && !strstr(prometheus, "# EOF"));
}

TEST(config_metrics, values)
{
	static const char *const want[] = {
		"xengpu_backend_info{renderer=\"llvmpipe (LLVM 15)\",clock=\"cpu\"} 1",
		"xengpu_policy_info{policy=\"auto\",effective=\"credit\"} 1",
		"xengpu_uptime_seconds 77",
		"xengpu_gpu_capacity 4",
		"xengpu_gpu_time_seconds_total 1.500000000",
		"xengpu_contended_seconds_total 0.000000001",
		"xengpu_slice_seconds 0.001000",
		"xengpu_ratelimit_seconds 0.000500",
		"xengpu_banned_domains 0",
		"xengpu_workers{state=\"warm\"} 2",
		"xengpu_workers_dead_total 2",
		"xengpu_vgpu_connected{domain=\"web\",domid=\"1\",vgpu=\"0\"} 1",
		"xengpu_vgpu_banned{domain=\"web\",domid=\"1\",vgpu=\"0\"} 0",
		"xengpu_vgpu_weight{domain=\"web\",domid=\"1\",vgpu=\"0\"} 512",
		"xengpu_vgpu_cap_ratio{domain=\"web\",domid=\"1\",vgpu=\"0\"} 0.40",
		"xengpu_vgpu_max_fps{domain=\"web\",domid=\"1\",vgpu=\"0\"} 60",
		"xengpu_vgpu_memory_limit_bytes{domain=\"web\",domid=\"1\",vgpu=\"0\"} 3145728",
		"xengpu_vgpu_entitled_ratio{domain=\"web\",domid=\"1\",vgpu=\"0\"} 0.667",
		"xengpu_vgpu_gpu_time_seconds_total{domain=\"web\",domid=\"1\",vgpu=\"0\"} 12.345678901",
		"xengpu_vgpu_held_seconds_total{domain=\"web\",domid=\"1\",vgpu=\"0\"} 0.000000005",
		"xengpu_vgpu_frames_total{domain=\"web\",domid=\"1\",vgpu=\"0\"} 7",
		"xengpu_vgpu_mapped_bytes{domain=\"web\",domid=\"1\",vgpu=\"0\"} 262144",
		"xengpu_vgpu_limits_met_total{domain=\"web\",domid=\"1\",vgpu=\"0\",limit=\"fps\"} 4",
		"xengpu_vgpu_banned{domain=\"a \\\"b\\\" c\\\\d\\ne\",domid=\"2\",vgpu=\"3\"} 1",
		"xengpu_vgpu_connected{domain=\"a \\\"b\\\" c\\\\d\\ne\",domid=\"2\",vgpu=\"3\"} 0",
	};
	static char text[TEXT_BYTES];
	size_t i;

	print(answer(2), METRICS_PROMETHEUS, text);
	check_line(text, "xengpu_up 1");
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		check_line(text, want[i]);
}

/* Of 15 frames one took 16 us, two 33, three 37, four 16 ms, and five nobody knows how long. */
TEST(config_metrics, latency)
{
	static const char *const want[] = {
		"_bucket{domain=\"web\",domid=\"1\",vgpu=\"0\",le=\"3.2768e-05\"} 3",
		"_bucket{domain=\"web\",domid=\"1\",vgpu=\"0\",le=\"4.9152e-05\"} 6",
		"_bucket{domain=\"web\",domid=\"1\",vgpu=\"0\",le=\"0.012582912\"} 6",
		"_bucket{domain=\"web\",domid=\"1\",vgpu=\"0\",le=\"0.016777216\"} 10",
		"_bucket{domain=\"web\",domid=\"1\",vgpu=\"0\",le=\"12.884901888\"} 10",
		"_bucket{domain=\"web\",domid=\"1\",vgpu=\"0\",le=\"+Inf\"} 15",
		"_count{domain=\"web\",domid=\"1\",vgpu=\"0\"} 15",
		"_count{domain=\"a \\\"b\\\" c\\\\d\\ne\",domid=\"2\",vgpu=\"3\"} 0",
		"_sum{domain=\"a \\\"b\\\" c\\\\d\\ne\",domid=\"2\",vgpu=\"3\"} 0",
	};
	static char text[TEXT_BYTES];
	char line[256];
	size_t i;

	print(answer(2), METRICS_OPENMETRICS, text);
	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		snprintf(line, sizeof(line), "xengpu_vgpu_frame_latency_seconds%s", want[i]);
		check_line(text, line);
	}
	check_line(text, "# TYPE xengpu_vgpu_frame_latency_seconds histogram");
}

TEST(config_metrics, nobody_answers)
{
	static char text[TEXT_BYTES];

	print(NULL, METRICS_OPENMETRICS, text);
	CHECK_EQ(check_text(text, true), 1);
	CHECK(!strcmp(text, "# TYPE xengpu_up gauge\n# HELP xengpu_up Whether xengpud answered.\n"
			    "xengpu_up 0\n# EOF\n"));
	CHECK_EQ(check_text(print(NULL, METRICS_PROMETHEUS, text), false), 1);
}

/* Nothing is printed of an answer that lacks something. */
TEST(config_metrics, something_is_missing)
{
	static const char *const names[] = { "sched", "supervisor", "bans", "renderer", "devices" };
	static const char *const of_vgpu[] = { "gpu_ns", "state", "latency_us", "banned", "name",
					       "domid", "limit_fps" };
	struct json_object *o, *list;
	char text[64] = "", why[WHY_BYTES], want[48];
	FILE *file;
	size_t i, n = sizeof(names) / sizeof(names[0]);

	for (i = 0; i < n + sizeof(of_vgpu) / sizeof(of_vgpu[0]); i++) {
		file = fmemopen(text, sizeof(text), "w");
		o = answer(2);
		json_object_object_get_ex(o, "devices", &list);
		if (i < n)
			json_object_object_del(o, names[i]);
		else
			json_object_object_del(json_object_array_get_idx(list, 1), of_vgpu[i - n]);
		snprintf(want, sizeof(want), "makes no sense, '%s'", i < n ? names[i] :
			 of_vgpu[i - n]);
		CHECK_EQ(metrics_print(o, METRICS_PROMETHEUS, file, why), -EINVAL);
		if (!strstr(why, want))
			harness_fail(__FILE__, __LINE__, "%s, not %s", why, want);
		CHECK(!fclose(file) && !text[0]);
		json_object_put(o);
	}
}

TEST(config_metrics, command)
{
	char text[FAKE_BYTES], path[128], option[160];
	struct stat st;
	struct rig rig;
	struct root root;
	pid_t pid;

	root_up(&root);
	rig_up(&rig);
	fake_stats(text, &(struct fake_stats){ .vgpu = guests, .n = 2 });
	snprintf(path, sizeof(path), "%s/etc/x.prom", root.dir);
	snprintf(option, sizeof(option), "--prometheus=%s", path);
	SAY(0, 2, "one of them, once", "stats", "--openmetrics", "--prometheus");
	SAY(0, 2, "--json or metrics: one of them", "stats", "--json", "--openmetrics");
	pid = SAY_SCRIPT("stats\n", text, "stats\n", text, "stats\n", text, "stats\n", text,
			 "stats\n", text, "stats\n", "{\"supervisor\":{},\"devices\":[]}\n");
	SAY(0, 0, "# TYPE xengpu_policy info", "stats", "--openmetrics");
	SAY(0, 0, "", "stats", option);
	CHECK(root_has(&root, "etc/x.prom", "# TYPE xengpu_uptime_seconds gauge"));
	CHECK(!stat(path, &st) && (st.st_mode & 07777) == 0644);
	/* One domain; none of that name is an error, but not one of xengpud's. */
	SAY(0, 0, "\nxengpu_vgpu_banned{domain=\"web\",domid=\"1\",vgpu=\"0\"} 0\n# TYPE", "stats",
	    "--openmetrics", "web");
	SAY(0, 1, "the backend has no vgpu of domain nobody", "stats", option, "nobody");
	CHECK(root_has(&root, "etc/x.prom", "xengpu_up 1"));
	CHECK(!root_has(&root, "etc/x.prom", "web"));
	SAY(0, 1, "cannot write /nonexistent/x.prom: No such file or directory", "stats",
	    "--openmetrics=/nonexistent/x.prom");
	SAY(0, 1, "makes no sense, 'sched'", "stats", option);
	CHECK(root_has(&root, "etc/x.prom", "xengpu_up 0"));
	say_answered(pid);
	/* What was true is not left standing. */
	pid = SAY_SCRIPT("stats\n", text);
	SAY(0, 0, "", "stats", option);
	say_answered(pid);
	CHECK(root_has(&root, "etc/x.prom", "xengpu_up 1"));
	SAY(0, 1, "xengpud is not running here", "stats", option);
	CHECK(root_has(&root, "etc/x.prom", "xengpu_up 0"));
	SAY(0, 1, "xengpu_up 0\n# EOF\n", "stats", "--openmetrics");
	SAY(0, 2, "--openmetrics=FILE, --prometheus=FILE: FILE is missing", "stats",
	    "--prometheus=");
	rig_down(&rig);
	root_down(&root);
}

/* --- the dashboard --------------------------------------------------------------------------- */

/* Every xengpu_... in a text must be the name of a sample. */
static size_t check_names(const char *text, const char *metrics)
{
	char name[NAME_BYTES], brace[NAME_BYTES + 2], space[NAME_BYTES + 2];
	size_t n = 0;

	while ((text = strstr(text, "xengpu_"))) {
		text = word(text, name);
		snprintf(brace, sizeof(brace), "\n%s{", name);
		snprintf(space, sizeof(space), "\n%s ", name);
		if (!strstr(metrics, brace) && !strstr(metrics, space))
			harness_fail(__FILE__, __LINE__, "the dashboard asks for %s", name);
		n++;
	}
	return n;
}

static size_t check_tree(struct json_object *o, const char *metrics)
{
	size_t i, n = 0;

	if (json_object_is_type(o, json_type_string))
		return check_names(json_object_get_string(o), metrics);
	for (i = 0; json_object_is_type(o, json_type_array) && i < json_object_array_length(o); i++)
		n += check_tree(json_object_array_get_idx(o, i), metrics);
	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, value) {
			(void)key;
			n += check_tree(value, metrics);
		}
	}
	return n;
}

TEST(config_metrics, dashboard)
{
	static const char file[] = "xen-config/grafana-dashboard.json";
	static char text[TEXT_BYTES];
	struct json_object *o, *panels;

	if (access(file, R_OK))
		SKIP("not in the source tree");
	o = json_object_from_file(file);
	if (!o)
		harness_fail(__FILE__, __LINE__, "%s", json_util_get_last_err());
	CHECK(json_object_object_get_ex(o, "panels", &panels));
	CHECK(json_object_array_length(panels) > 10);
	print(answer(2), METRICS_PROMETHEUS, text);
	CHECK(check_tree(o, text) > 20);
	json_object_put(o);
}
