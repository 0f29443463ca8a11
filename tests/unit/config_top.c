// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two answers of xengpud, and what xengpu top makes of their difference.
 */
#include <errno.h>
#include <math.h>

#include "config_stats.h"
#include "top.h"

#define SECOND	UINT64_C(1000000000)

#define CHECK_NEAR(a, b)									\
	do {											\
		double a_ = (a), b_ = (b);							\
												\
		if (!(a_ > b_ - 1e-6 && a_ < b_ + 1e-6))					\
			harness_fail(__FILE__, __LINE__, "%s == %s: %f, %f", #a, #b, a_, b_);	\
	} while (0)

static struct sample *parse(const struct fake_stats *stats)
{
	char text[FAKE_BYTES], why[WHY_BYTES];
	struct sample *s;

	if (sample_parse(fake_stats(text, stats), &s, why))
		harness_fail(__FILE__, __LINE__, "%s", why);
	return s;
}

static struct top *compute(const struct fake_stats *before, const struct fake_stats *now)
{
	struct sample *a = before ? parse(before) : NULL, *b = parse(now);
	struct top *top;

	CHECK_EQ(top_compute(a, b, &top), 0);
	sample_free(a);
	sample_free(b);
	return top;
}

TEST(config_top, rates)
{
	const struct fake_vgpu first[] = {
		{ .domid = 1, .name = "web", .gpu_ns = 5 * SECOND, .submits = 100, .fences = 50,
		  .held_ns = SECOND, .limit_memory = 3, .latency = "[16,10],[20,40]" },
		{ .domid = 2, .name = "desk", .gpu_ns = 7 * SECOND, .fences = 9 },
	};
	const struct fake_vgpu second[] = {
		{ .domid = 1, .name = "web", .gpu_ns = 7 * SECOND, .submits = 300, .fences = 150,
		  .fences_in_flight = 3, .held_ns = 2 * SECOND, .limit_memory = 5, .limit_fps = 1,
		  .memory_bytes = 1 << 20, .memory_limit_mib = 64, .entitled_permille = 667,
		  .latency = "[16,60],[20,88],[32,42]" },
		{ .domid = 2, .name = "desk", .gpu_ns = 7 * SECOND + SECOND / 2, .fences = 9,
		  .banned = true, .entitled_permille = 333 },
	};
	const struct fake_stats a = { .now_ns = 100 * SECOND, .gpu_ns = 20 * SECOND, .capacity = 2,
				      .contended_ns = SECOND, .uptime_s = 50, .vgpu = first, .n = 2 };
	const struct fake_stats b = { .now_ns = 104 * SECOND, .gpu_ns = 24 * SECOND, .capacity = 2,
				      .contended_ns = 3 * SECOND, .uptime_s = 54, .vgpu = second,
				      .n = 2 };
	struct top *top = compute(&a, &b);
	const struct top_row *r = &top->row[0];

	CHECK_EQ(top->n, 2);
	CHECK(!top->restarted);
	CHECK_NEAR(top->interval_s, 4);
	CHECK_NEAR(top->gpu_percent, 50);
	CHECK_NEAR(top->contended_percent, 50);
	CHECK(!strcmp(r->name, "web") && !strcmp(r->state, "connected"));
	CHECK_NEAR(r->gpu_percent, 25);
	/* A guest that is gone by now used the rest. */
	CHECK_NEAR(r->share_percent, 50);
	CHECK_NEAR(r->entitled_percent, 66.7);
	CHECK_NEAR(r->fps, 25);
	CHECK_NEAR(r->submits_s, 50);
	CHECK_NEAR(r->held_percent, 25);
	CHECK_EQ(r->queue, 3);
	CHECK_EQ(r->memory_bytes, 1 << 20);
	CHECK_EQ(r->memory_limit_mib, 64);
	CHECK_EQ(r->limits, 3);
	CHECK_EQ(r->limit[SAMPLE_LIMIT_MEMORY], 2);
	CHECK_EQ(r->limit[SAMPLE_LIMIT_FPS], 1);
	/* Of 140 frames 50 in 16 us, 98 in 20 us, all in 32 us. */
	CHECK_NEAR(r->p50_ms, 0.020);
	CHECK_NEAR(r->p99_ms, 0.032);
	CHECK(!strcmp(top->row[1].state, "banned"));
	CHECK_NEAR(top->row[1].share_percent, 12.5);
	CHECK_NEAR(top->row[1].fps, 0);
	CHECK(top->row[1].p50_ms < 0 && top->row[1].p99_ms < 0);
	top_free(top);
}

static void check_percentiles(const char *before, const char *now, double p50_us, double p99_us)
{
	const struct fake_vgpu first = { .domid = 1, .name = "web", .latency = before };
	const struct fake_vgpu second = { .domid = 1, .name = "web", .latency = now };
	const struct fake_stats a = { .now_ns = SECOND, .vgpu = &first, .n = 1 };
	const struct fake_stats b = { .now_ns = 2 * SECOND, .vgpu = &second, .n = 1 };
	struct top *top = compute(&a, &b);

	CHECK_NEAR(top->row[0].p50_ms * 1000, p50_us);
	CHECK_NEAR(top->row[0].p99_ms * 1000, p99_us);
	top_free(top);
}

TEST(config_top, percentiles)
{
	check_percentiles("", "[16,1]", 16, 16);
	check_percentiles("", "[16,1],[20,1]", 16, 20);
	check_percentiles("", "[16,99],[20.5,1]", 16, 16);
	check_percentiles("", "[16,98],[20.5,2]", 16, 20.5);
	check_percentiles("", "[16,989],[20.5,11]", 16, 20.5);
	check_percentiles("[16,1000]", "[16,1000],[20,1]", 20, 20);
	check_percentiles("[20,7]", "[16,2],[20,7],[32,1]", 16, 32);
	check_percentiles("[16,3]", "[16,3]", -1000, -1000);
}

/* Numbers of a first answer are since whenever; nothing is made of them. */
TEST(config_top, no_interval)
{
	const struct fake_vgpu v = { .domid = 1, .name = "web", .gpu_ns = SECOND, .fences = 7,
				     .fences_in_flight = 2, .memory_bytes = 4096,
				     .latency = "[16,7]", .limit_fps = 4, .entitled_permille = 1000 };
	const struct fake_stats now = { .now_ns = SECOND, .gpu_ns = SECOND, .vgpu = &v, .n = 1 };
	struct top *top = compute(NULL, &now);
	const struct top_row *r = &top->row[0];

	CHECK_NEAR(top->interval_s, 0);
	CHECK_NEAR(top->gpu_percent, 0);
	CHECK(r->gpu_percent == 0 && r->share_percent == 0 && r->fps == 0 && r->limits == 0);
	CHECK(r->p50_ms < 0 && r->p99_ms < 0);
	CHECK(r->queue == 2 && r->memory_bytes == 4096 && r->entitled_percent == 100);
	top_free(top);
	/* Twice the same moment is none either. */
	top = compute(&now, &now);
	CHECK(top->gpu_percent == 0 && isfinite(top->row[0].gpu_percent) && !top->restarted);
	top_free(top);
	top = compute(NULL, &(struct fake_stats){ .n = 0 });
	CHECK_EQ(top->n, 0);
	top_sort(top, TOP_GPU, false);
	top_free(top);
}

/* One second of a new xengpud, whose uptime says so, or whose counters do. */
static void check_restart(uint64_t uptime_before, uint64_t gpu_before, bool restarted)
{
	const struct fake_vgpu first = { .domid = 1, .name = "web", .gpu_ns = gpu_before,
					 .fences = 1, .latency = "[16,1]" };
	const struct fake_vgpu second = { .domid = 1, .name = "web", .gpu_ns = SECOND,
					  .fences = 10, .latency = "[16,10]" };
	const struct fake_stats a = { .now_ns = 10 * SECOND, .gpu_ns = gpu_before,
				      .uptime_s = uptime_before, .vgpu = &first, .n = 1 };
	const struct fake_stats b = { .now_ns = 14 * SECOND, .gpu_ns = SECOND, .uptime_s = 1,
				      .vgpu = &second, .n = 1 };
	struct top *top = compute(&a, &b);

	CHECK_EQ(top->restarted, restarted);
	CHECK_NEAR(top->gpu_percent, restarted ? 25 : 12.5);
	CHECK_NEAR(top->row[0].gpu_percent, restarted ? 25 : 12.5);
	CHECK_NEAR(top->row[0].share_percent, 100);
	CHECK_NEAR(top->row[0].fps, restarted ? 2.5 : 2.25);
	CHECK_NEAR(top->row[0].p50_ms, 0.016);
	top_free(top);
}

TEST(config_top, restarts)
{
	check_restart(1, SECOND / 2, false);
	check_restart(99, SECOND / 2, true);
	check_restart(1, 5 * SECOND, true);
}

/* A domain that is detached and attached within the interval, under a xengpud that goes on. */
TEST(config_top, device_begins_anew)
{
	const struct fake_vgpu first[] = {
		{ .domid = 1, .name = "web", .gpu_ns = 9 * SECOND, .fences = 900, .submits = 5,
		  .latency = "[16,900]" },
		{ .domid = 2, .name = "gone", .gpu_ns = SECOND },
	};
	const struct fake_vgpu second[] = {
		{ .domid = 1, .name = "web", .gpu_ns = SECOND, .fences = 40, .submits = 80,
		  .latency = "[16,20],[32,20]" },
		{ .domid = 3, .name = "new", .gpu_ns = SECOND, .fences = 8 },
	};
	const struct fake_stats a = { .now_ns = SECOND, .gpu_ns = 10 * SECOND, .vgpu = first, .n = 2 };
	const struct fake_stats b = { .now_ns = 5 * SECOND, .gpu_ns = 12 * SECOND, .vgpu = second,
				      .n = 2 };
	struct top *top = compute(&a, &b);

	CHECK(!top->restarted);
	CHECK_NEAR(top->row[0].gpu_percent, 25);
	CHECK_NEAR(top->row[0].share_percent, 50);
	CHECK_NEAR(top->row[0].fps, 10);
	CHECK_NEAR(top->row[0].submits_s, 20);
	CHECK_NEAR(top->row[0].p50_ms, 0.016);
	CHECK_NEAR(top->row[0].p99_ms, 0.032);
	CHECK_NEAR(top->row[1].share_percent, 50);
	CHECK_NEAR(top->row[1].fps, 2);
	top_free(top);
}

static void session(char *text, unsigned int index, uint64_t gpu_ns, uint64_t fences)
{
	struct fake_vgpu counters = { .gpu_ns = gpu_ns, .fences = fences };

	fake_add(text, "%s{\"session\":%u,\"state\":\"open\",\"pid\":7,", text[0] ? "," : "", index);
	fake_counters(text, &counters);
	fake_add(text, "}");
}

TEST(config_top, sessions)
{
	char before[FAKE_BYTES] = "", now[FAKE_BYTES] = "";
	const struct fake_vgpu first = { .domid = 1, .name = "web", .gpu_ns = SECOND,
					 .sessions = before };
	const struct fake_vgpu second = { .domid = 1, .name = "web", .gpu_ns = 3 * SECOND,
					  .sessions = now };
	const struct fake_stats a = { .now_ns = SECOND, .gpu_ns = SECOND, .vgpu = &first, .n = 1 };
	const struct fake_stats b = { .now_ns = 5 * SECOND, .gpu_ns = 3 * SECOND, .vgpu = &second,
				      .n = 1 };
	const struct top_row *s;
	struct top *top;

	session(before, 0, SECOND / 4, 10);
	session(before, 1, SECOND, 10);
	session(now, 0, SECOND, 50);
	/* Its number belongs to another program now. */
	session(now, 1, SECOND / 2, 4);
	fake_add(now, ",{\"session\":2,\"state\":\"waiting\"}");
	top = compute(&a, &b);
	CHECK_EQ(top->row[0].n_sessions, 3);
	s = top->row[0].session;
	CHECK(s[0].id == 0 && s[1].id == 1 && s[2].id == 2);
	CHECK_NEAR(s[0].gpu_percent, 18.75);
	CHECK_NEAR(s[0].share_percent, 37.5);
	CHECK_NEAR(s[0].fps, 10);
	CHECK_NEAR(s[1].gpu_percent, 12.5);
	CHECK_NEAR(s[1].fps, 1);
	CHECK(!strcmp(s[2].state, "waiting") && s[2].gpu_percent == 0);
	top_sort(top, TOP_GPU, true);
	CHECK(s[0].id == 2 && s[1].id == 1 && s[2].id == 0);
	top_free(top);
}

static void check_sort(enum top_column column, bool reverse, const char *want)
{
	const struct fake_vgpu first[3] = { { .domid = 5, .name = "b" }, { .domid = 3, .name = "c" },
					    { .domid = 4, .name = "a" } };
	const struct fake_vgpu second[3] = {
		{ .domid = 5, .name = "b", .gpu_ns = 2, .fences = 9, .fences_in_flight = 1,
		  .latency = "[16,1]" },
		{ .domid = 3, .name = "c", .gpu_ns = 3, .fences = 8, .memory_bytes = 5,
		  .latency = "[32,1]", .state = "closing" },
		{ .domid = 4, .name = "a", .gpu_ns = 3, .fences = 7, .limit_fps = 2, .submits = 3,
		  .held_ns = 2, .entitled_permille = 1 },
	};
	const struct fake_stats a = { .now_ns = SECOND, .vgpu = first, .n = 3 };
	const struct fake_stats b = { .now_ns = 2 * SECOND, .gpu_ns = 8, .vgpu = second, .n = 3 };
	struct top *top = compute(&a, &b);
	char got[4] = "";
	size_t i;

	top_sort(top, column, reverse);
	for (i = 0; i < 3; i++)
		got[i] = top->row[i].name[0];
	if (strcmp(got, want))
		harness_fail(__FILE__, __LINE__, "by %s: %s, not %s", top_column_name(column), got,
			     want);
	top_free(top);
}

TEST(config_top, sorting)
{
	check_sort(TOP_NAME, false, "abc");
	check_sort(TOP_NAME, true, "cba");
	check_sort(TOP_ID, false, "cab");
	check_sort(TOP_STATE, false, "cab");
	check_sort(TOP_GPU, false, "cab");
	check_sort(TOP_GPU, true, "bca");
	check_sort(TOP_SHARE, false, "cab");
	check_sort(TOP_ENTITLED, false, "acb");
	check_sort(TOP_FPS, false, "bca");
	check_sort(TOP_SUBMITS, false, "acb");
	check_sort(TOP_QUEUE, false, "bca");
	check_sort(TOP_P50, false, "cba");
	check_sort(TOP_P99, true, "abc");
	check_sort(TOP_HELD, false, "acb");
	check_sort(TOP_MEMORY, false, "cab");
	check_sort(TOP_LIMITS, false, "acb");
}

TEST(config_top, columns)
{
	enum top_column c;

	for (c = 0; c < TOP_N_COLUMNS; c++)
		CHECK_EQ(top_column_find(top_column_name(c)), c);
	CHECK_EQ(top_column_find("colour"), TOP_N_COLUMNS);
	CHECK_EQ(top_column_find(""), TOP_N_COLUMNS);
}

/* --- what an answer may not be ------------------------------------------------------------------ */

static void check_bad(const char *from, const char *to, const char *want)
{
	const struct fake_vgpu v = { .domid = 1, .name = "web", .latency = "[16,1],[20,2]",
				     .sessions = "{\"session\":0,\"state\":\"open\"}" };
	char text[FAKE_BYTES], bad[FAKE_BYTES], why[WHY_BYTES] = "none", *at;
	struct sample *s;

	fake_stats(text, &(struct fake_stats){ .vgpu = &v, .n = 1 });
	CHECK_EQ(sample_parse(text, &s, why), 0);
	sample_free(s);
	at = strstr(text, from);
	CHECK(at);
	snprintf(bad, sizeof(bad), "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	if (sample_parse(bad, &s, why) != -EINVAL || !strstr(why, want))
		harness_fail(__FILE__, __LINE__, "'%s' for '%s': %s", to, from, why);
}

TEST(config_top, bad_answers)
{
	check_bad("{\"renderer\"", "[\"renderer\"", "makes no sense: is it of another version?");
	check_bad("\"capacity\":1", "\"capacity\":0", "'capacity' of sched");
	check_bad("\"capacity\":1", "\"capacity\":\"1\"", "'capacity' of sched");
	check_bad("\"now_ns\"", "\"now\"", "'now_ns' of sched");
	check_bad("\"devices\":[", "\"devices\":[7,", "'domid' of a vgpu");
	check_bad("\"domid\":1,", "\"domid\":70000,", "'domid' of a vgpu");
	check_bad("\"gpu_ns\":0,\"held", "\"gpu_ns\":-1,\"held", "'gpu_ns' of a vgpu");
	check_bad("\"limit_buffers\":0", "\"limit_buffers\":\"\"", "'limit_buffers' of a vgpu");
	check_bad("[20,2]", "[15,2]", "'latency_us' of a vgpu");
	check_bad("[20,2]", "[20]", "'latency_us' of a vgpu");
	check_bad("[20,2]", "7", "'latency_us' of a vgpu");
	check_bad("[20,2]", "[20,-2]", "'latency_us' of a vgpu");
	check_bad("\"session\":0", "\"session\":0,\"pid\":3", "'gpu_ns' of a session");
	check_bad("\"banned\":false", "\"banned\":0", "'banned' of a vgpu");
	check_bad("\"uptime_s\":0", "\"uptime\":0", "'uptime_s' of supervisor");
}
