// SPDX-License-Identifier: GPL-2.0-only
/*
 * A domain's load for benchmarks of scheduling, on the model GPU (backend/gpu_model.h): a frontend
 * with as many sessions and contexts as asked for, and commands that say how long they take. It
 * says "ready" when all is set up, begins at a line on standard input, ends at the next one or
 * after --seconds, and then prints one line of JSON. --record writes a line for each fenced submit:
 *
 *	due submitted done length		(ns; the first three of CLOCK_MONOTONIC)
 *
 * In the pattern "backlogged" due is when it was submitted; in the others it is when the frame was
 * due, and the line is the frame's, whose commands' lengths are summed.
 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "gpu_model.h"
#include "xengpu.h"

#define MAX_SESSIONS	256u
#define MAX_LENGTHS	16u
#define BUFFER_PAGES	4u
#define COMMAND_BYTES	(GPU_MODEL_RUN_WORDS * 4u)
#define SLOTS		(BUFFER_PAGES * VGPUIF_PAGE_BYTES / COMMAND_BYTES)
#define SETUP_MS	20000u
#define CLOSE_MS	5000u
#define DRAIN_NS	UINT64_C(30000000000)

enum pattern {
	BACKLOGGED,	/* --depth submits in flight in each session, all the time */
	PACED,		/* --hz frames a second, of --commands each, the last fenced */
	FRAMES,		/* frames as fast as they come, --depth of them in flight */
	IDLE,		/* sessions with nothing to do */
};

static struct options {
	enum pattern pattern;
	uint32_t sessions, contexts, depth, commands, priority, tag, flood, wanted_seed;
	uint64_t length_ns[MAX_LENGTHS];
	uint32_t n_lengths;
	double hz, seconds;
	uint64_t tick_ns, pause_ns;	/* nothing is submitted in the last pause_ns of a period */
	uint64_t monster_ns, monster_every_ns;
	const char *record;
} opt = { .sessions = 1, .contexts = 1, .depth = 8, .commands = 1, .hz = 60, .wanted_seed = 1 };

struct conn;

/* A submit in flight; the slot's number is the place of its command in the buffer. */
struct slot {
	struct conn *conn;
	uint64_t due_ns, submit_ns, length_ns;
	bool fenced;
	struct slot *next_free;
};

struct conn {
	struct fe_session *session;
	struct fe_buffer *buffer;
	struct slot slot[SLOTS];
	struct slot *free;
	uint32_t in_flight;		/* fenced ones, which is what --depth counts */
	uint32_t floods;		/* empty fenced submits in flight */
	uint32_t next_context;
};

struct record {
	uint64_t due_ns, submit_ns, done_ns, length_ns;
};

static struct fe_device *device;
static struct conn *conns;
static struct record *records;
static size_t n_records, room_records;
static uint64_t begin_ns, next_due_ns, next_monster_ns;
static uint64_t frames_begun, n_submits, n_floods, submitted_ns, starved_ns, starved_since_ns;
static uint32_t total_in_flight, setup_left;
static uint64_t random_state;
static bool running;

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *fmt, ...)
{
	va_list ap;

	fputs("load: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* --- what is submitted ------------------------------------------------------------------------ */

/* xorshift64*: the same lengths for the same seed, everywhere. */
static uint32_t next_random(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * UINT64_C(2685821657736338717)) >> 32);
}

static uint64_t next_length(uint64_t now)
{
	if (opt.monster_ns && now >= next_monster_ns) {
		next_monster_ns = now + opt.monster_every_ns;
		return opt.monster_ns;
	}
	return opt.length_ns[opt.n_lengths > 1 ? next_random() % opt.n_lengths : 0];
}

static void note(const struct slot *slot, uint64_t done_ns)
{
	if (n_records == room_records) {
		room_records = room_records ? room_records * 2 : 65536;
		records = realloc(records, room_records * sizeof(*records));
		if (!records)
			die("no memory for %zu records", room_records);
	}
	records[n_records++] = (struct record){ slot->due_ns, slot->submit_ns, done_ns,
						slot->length_ns };
}

static void on_done(void *arg, const struct vgpuif_request *req, const struct vgpuif_response *rsp)
{
	struct slot *slot = arg;
	struct conn *c = slot->conn;

	(void)req;
	if (rsp->status)
		die("a submit of %llu ns failed with status %d",
		    (unsigned long long)slot->length_ns, rsp->status);
	if (slot->fenced) {
		const uint64_t now = fe_now_ns();

		c->in_flight--;
		if (!--total_in_flight && running)
			starved_since_ns = now;
		if (running)
			note(slot, now);
	}
	slot->next_free = c->free;
	c->free = slot;
}

static void on_flood_done(void *arg, const struct vgpuif_request *req,
			  const struct vgpuif_response *rsp)
{
	struct conn *c = arg;

	(void)req;
	if (rsp->status)
		die("an empty submit failed with status %d", rsp->status);
	c->floods--;
	n_floods++;
}

/* One command. Returns false when there is no room for it now. */
static bool submit(struct conn *c, uint64_t length_ns, bool fenced, uint64_t due_ns,
		   uint64_t record_ns)
{
	const uint16_t flags = fenced ? VGPUIF_SUBMIT_FENCE : 0;
	struct slot *slot = c->free;
	uint64_t offset;
	int err;

	if (!slot || !fe_session_free(c->session))
		return false;
	c->free = slot->next_free;
	offset = (uint64_t)(slot - c->slot) * COMMAND_BYTES;
	gpu_model_run((uint32_t *)((uint8_t *)fe_buffer_addr(c->buffer) + offset), length_ns,
		      opt.tag);
	*slot = (struct slot){ .conn = c, .due_ns = due_ns, .submit_ns = fe_now_ns(),
			       .length_ns = record_ns, .fenced = fenced };
	err = fe_submit(c->session, 1 + c->next_context, 0, c->buffer, offset, COMMAND_BYTES, flags,
			on_done, slot, NULL);
	if (err)
		die("submit: %s; %s", strerror(-err), fe_session_why(c->session));
	c->next_context = (c->next_context + 1) % opt.contexts;
	n_submits++;
	submitted_ns += length_ns;
	if (fenced) {
		c->in_flight++;
		if (!total_in_flight++)
			starved_ns += slot->submit_ns - starved_since_ns;
	}
	return true;
}

/* Whether a guest that yields before the tick is yielding; sets when it goes on. */
static bool yields(uint64_t now, uint64_t *wake_ns)
{
	const uint64_t phase = opt.tick_ns ? now % opt.tick_ns : 0;

	if (!opt.tick_ns || phase < opt.tick_ns - opt.pause_ns)
		return false;
	*wake_ns = now - phase + opt.tick_ns;
	return true;
}

static void feed_backlog(struct conn *c, uint64_t now)
{
	uint64_t length_ns;

	while (c->in_flight < opt.depth && c->free && fe_session_free(c->session)) {
		length_ns = next_length(now);
		if (!submit(c, length_ns, true, now, length_ns))
			return;
	}
}

/* A whole frame or nothing: its commands, the last of them fenced, in one session. */
static bool submit_frame(struct conn *c, uint64_t due_ns)
{
	uint64_t length_ns, sum_ns = 0;
	uint32_t i;

	if (fe_session_free(c->session) < opt.commands)
		return false;
	for (i = 0; i < opt.commands; i++) {
		length_ns = next_length(due_ns);
		sum_ns += length_ns;
		if (!submit(c, length_ns, i + 1 == opt.commands, due_ns, sum_ns))
			die("a frame of %u commands does not fit into a session", opt.commands);
	}
	frames_begun++;
	return true;
}

static void feed_flood(struct conn *c)
{
	int err;

	while (c->floods < opt.flood && fe_session_free(c->session) > opt.depth + opt.commands) {
		err = fe_submit(c->session, 1 + opt.contexts, 0, NULL, 0, 0, VGPUIF_SUBMIT_FENCE,
				on_flood_done, c, NULL);
		if (err)
			die("an empty submit: %s", strerror(-err));
		c->floods++;
	}
}

/* Submit what is due before @end_ns. Sets when something is due next. */
static void feed(uint64_t end_ns, uint64_t *wake_ns)
{
	const uint64_t now = fe_now_ns();
	uint32_t i;

	*wake_ns = UINT64_MAX;
	if (opt.pattern == PACED) {
		/* A frame that cannot be submitted yet is late, not lost. */
		while (now >= next_due_ns && next_due_ns < end_ns &&
		       submit_frame(&conns[0], next_due_ns))
			next_due_ns = begin_ns + (uint64_t)((double)frames_begun * 1e9 / opt.hz);
		*wake_ns = next_due_ns;
	}
	for (i = 0; i < opt.sessions; i++) {
		if (opt.pattern == BACKLOGGED && !yields(now, wake_ns))
			feed_backlog(&conns[i], now);
		while (opt.pattern == FRAMES && conns[i].in_flight < opt.depth &&
		       submit_frame(&conns[i], fe_now_ns()))
			;
		feed_flood(&conns[i]);
	}
}

/* --- the loop --------------------------------------------------------------------------------- */

/* Take answers. Returns true when there were any, or some are there now. */
static bool take_answers(void)
{
	bool any = false;
	uint32_t i;
	int n;

	for (i = 0; i < opt.sessions; i++) {
		n = fe_session_process(conns[i].session);
		if (n < 0)
			die("session %u is lost: %s", i, fe_session_why(conns[i].session));
		any |= n > 0;
	}
	return any;
}

/* Sleep until an answer, a line on standard input, or @wake_ns. Returns true for a line. */
static bool sleep_until(uint64_t wake_ns)
{
	static struct pollfd fds[MAX_SESSIONS + 2];
	const uint64_t now = fe_now_ns();
	const uint64_t left = wake_ns > now ? wake_ns - now : 0;
	const struct timespec ts = { .tv_sec = (time_t)(left / 1000000000u),
				     .tv_nsec = (long)(left % 1000000000u) };
	bool there = false;
	uint32_t i;
	char c;
	int n;

	for (i = 0; i < opt.sessions; i++) {
		there |= fe_session_arm(conns[i].session, 0);
		fds[i] = (struct pollfd){ .fd = fe_session_fd(conns[i].session), .events = POLLIN };
	}
	fds[i] = (struct pollfd){ .fd = fe_device_fd(device), .events = POLLIN };
	fds[i + 1] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
	n = ppoll(fds, opt.sessions + 2, wake_ns == UINT64_MAX && !there ? NULL :
		  there ? &(struct timespec){ 0 } : &ts, NULL);
	if (n < 0 && errno != EINTR)
		die("poll: %s", strerror(errno));
	for (i = 0; n > 0 && i < opt.sessions; i++)
		if (fds[i].revents)
			fe_session_woken(conns[i].session);
	if (n > 0 && fds[opt.sessions].revents && fe_device_process(device))
		die("the vgpu is gone: %s", fe_device_why(device));
	if (n <= 0 || !fds[opt.sessions + 1].revents)
		return false;
	/* To the line's end, or to the input's. */
	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		;
	return true;
}

static void wait_for_line(void)
{
	do
		take_answers();
	while (!sleep_until(UINT64_MAX));
}

/* Frames that were due before the end are waited for: the latest would be missing otherwise. */
static bool unfinished(uint64_t end_ns)
{
	const uint64_t now = fe_now_ns();

	if (now < end_ns)
		return true;
	if (now > end_ns + DRAIN_NS)
		die("frames are %.0f s late", DRAIN_NS / 1e9);
	return opt.pattern == PACED && (next_due_ns < end_ns || total_in_flight);
}

static void run(void)
{
	uint64_t end_ns = UINT64_MAX, wake_ns;
	bool stop = false;

	running = true;
	begin_ns = starved_since_ns = next_due_ns = fe_now_ns();
	next_monster_ns = begin_ns + opt.monster_every_ns;
	if (opt.seconds > 0)
		end_ns = begin_ns + (uint64_t)(opt.seconds * 1e9);
	while (!stop && unfinished(end_ns)) {
		if (opt.pattern == IDLE) {
			stop = sleep_until(end_ns);
			continue;
		}
		take_answers();
		feed(end_ns, &wake_ns);
		if (wake_ns > end_ns)
			wake_ns = fe_now_ns() < end_ns ? end_ns : UINT64_MAX;
		stop = sleep_until(wake_ns);
	}
	running = false;
	end_ns = fe_now_ns();
	if (!total_in_flight)
		starved_ns += end_ns - starved_since_ns;
	printf("{\"begin_ns\": %llu, \"end_ns\": %llu, \"submits\": %llu, \"submitted_ns\": %llu, "
	       "\"fences\": %zu, \"frames\": %llu, \"empty_fences\": %llu, \"starved_ns\": %llu}\n",
	       (unsigned long long)begin_ns, (unsigned long long)end_ns,
	       (unsigned long long)n_submits, (unsigned long long)submitted_ns, n_records,
	       (unsigned long long)frames_begun, (unsigned long long)n_floods,
	       (unsigned long long)starved_ns);
	fflush(stdout);
}

static void write_records(void)
{
	FILE *file = fopen(opt.record, "we");
	size_t i;

	if (!file)
		die("%s: %s", opt.record, strerror(errno));
	for (i = 0; i < n_records; i++)
		fprintf(file, "%llu %llu %llu %llu\n", (unsigned long long)records[i].due_ns,
			(unsigned long long)records[i].submit_ns,
			(unsigned long long)records[i].done_ns,
			(unsigned long long)records[i].length_ns);
	if (fclose(file))
		die("%s: %s", opt.record, strerror(errno));
}

/* --- setting up ------------------------------------------------------------------------------- */

static void on_setup(void *arg, const struct vgpuif_request *req, const struct vgpuif_response *rsp)
{
	(void)arg;
	if (rsp->status)
		die("%s failed with status %d", req->operation == VGPUIF_OP_CONTEXT_CREATE ?
		    "a context" : "a buffer", rsp->status);
	setup_left--;
}

static bool setup_done(void *arg)
{
	(void)arg;
	return !setup_left;
}

static void wait_for_setup(struct conn *c)
{
	if (fe_session_wait(c->session, setup_done, NULL, -1, SETUP_MS))
		die("setting up a session: no answer; %s", fe_session_why(c->session));
}

static void open_conn(struct conn *c, uint32_t index)
{
	char why[FE_TEXT_BYTES];
	uint32_t i, n_contexts = opt.contexts + (opt.flood ? 1 : 0);

	if (fe_session_open(device, index, SETUP_MS, NULL, NULL, &c->session, why))
		die("session %u: %s", index, why);
	setup_left = 1;
	if (fe_buffer_create(c->session, BUFFER_PAGES, true, on_setup, NULL, &c->buffer, why))
		die("a buffer: %s", why);
	wait_for_setup(c);
	for (i = 0; i < n_contexts; i++) {
		struct vgpuif_request req = {
			.operation = VGPUIF_OP_CONTEXT_CREATE,
			.u.context_create = { .context_id = 1 + i, .n_rings = 1, .name = "load",
					      .capset_id = VGPUIF_CAPSET_MODEL,
					      .priority = opt.priority } };

		setup_left++;
		if (fe_post(c->session, &req, on_setup, NULL, NULL))
			die("the ring is full of %u contexts", i);
		if (!fe_session_free(c->session))
			wait_for_setup(c);
	}
	wait_for_setup(c);
	for (i = SLOTS; i--;) {
		c->slot[i].next_free = c->free;
		c->free = &c->slot[i];
	}
}

static uint64_t ms_to_ns(const char *text, char **end)
{
	double ms = strtod(text, end);

	if (*end == text || !(ms >= 0) || ms > 10000)
		die("'%s' must be milliseconds, up to 10000", text);
	return (uint64_t)llround(ms * 1e6);
}

static void parse_lengths(const char *text)
{
	char *end;

	opt.n_lengths = 0;
	do {
		if (opt.n_lengths == MAX_LENGTHS)
			die("--lengths: at most %u", MAX_LENGTHS);
		opt.length_ns[opt.n_lengths++] = ms_to_ns(text, &end);
		text = end + 1;
	} while (*end == ',');
	if (*end)
		die("--lengths: milliseconds with commas between them, not '%s'", end);
}

/* "MS:MS" */
static void parse_pair(const char *text, uint64_t *first_ns, uint64_t *second_ns)
{
	char *end;

	*first_ns = ms_to_ns(text, &end);
	if (*end != ':')
		die("'%s' must be two numbers of milliseconds, A:B", text);
	*second_ns = ms_to_ns(end + 1, &end);
	if (*end)
		die("'%s' must be two numbers of milliseconds, A:B", text);
}

static uint32_t parse_count(const char *name, const char *text, uint32_t min, uint32_t max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value < min || value > max)
		die("--%s must be %u..%u, not '%s'", name, min, max, text);
	return (uint32_t)value;
}

static enum pattern parse_pattern(const char *text)
{
	static const char *const names[] = { "backlogged", "paced", "frames", "idle" };
	uint32_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i]))
			return (enum pattern)i;
	die("--pattern must be backlogged, paced, frames or idle, not '%s'", text);
}

static void parse_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "pattern", required_argument, NULL, 'p' },
		{ "sessions", required_argument, NULL, 's' },
		{ "contexts", required_argument, NULL, 'c' },
		{ "depth", required_argument, NULL, 'd' },
		{ "lengths", required_argument, NULL, 'l' },
		{ "seed", required_argument, NULL, 'S' },
		{ "hz", required_argument, NULL, 'h' },
		{ "commands", required_argument, NULL, 'C' },
		{ "priority", required_argument, NULL, 'P' },
		{ "tick", required_argument, NULL, 't' },
		{ "flood", required_argument, NULL, 'f' },
		{ "monster", required_argument, NULL, 'm' },
		{ "tag", required_argument, NULL, 'T' },
		{ "seconds", required_argument, NULL, 'n' },
		{ "record", required_argument, NULL, 'r' },
		{ 0 },
	};
	int c, index;

	parse_lengths("1");
	while ((c = getopt_long(argc, argv, "", longs, &index)) != -1) {
		const char *name = c == '?' ? "" : longs[index].name;

		switch (c) {
		case 'p': opt.pattern = parse_pattern(optarg); break;
		case 's': opt.sessions = parse_count(name, optarg, 1, MAX_SESSIONS); break;
		case 'c': opt.contexts = parse_count(name, optarg, 1, 65000); break;
		case 'd': opt.depth = parse_count(name, optarg, 1, 400); break;
		case 'l': parse_lengths(optarg); break;
		case 'S': opt.wanted_seed = parse_count(name, optarg, 1, UINT32_MAX); break;
		case 'h': opt.hz = atof(optarg); break;
		case 'C': opt.commands = parse_count(name, optarg, 1, 400); break;
		case 'P': opt.priority = parse_count(name, optarg, 0, VGPUIF_MAX_PRIORITY); break;
		case 't': parse_pair(optarg, &opt.tick_ns, &opt.pause_ns); break;
		case 'f': opt.flood = parse_count(name, optarg, 0, 400); break;
		case 'm': parse_pair(optarg, &opt.monster_ns, &opt.monster_every_ns); break;
		case 'T': opt.tag = parse_count(name, optarg, 0, UINT32_MAX); break;
		case 'n': opt.seconds = atof(optarg); break;
		case 'r': opt.record = optarg; break;
		default: exit(2);
		}
	}
	if (optind < argc || !(opt.hz > 0) || opt.pause_ns > opt.tick_ns)
		die("unexpected '%s', or --hz or --tick make no sense",
		    optind < argc ? argv[optind] : "");
	random_state = opt.wanted_seed * UINT64_C(0x9e3779b97f4a7c15);
}

int main(int argc, char **argv)
{
	char why[FE_TEXT_BYTES];
	struct plat *plat;
	uint32_t i;

	parse_options(argc, argv);
	/* When a frame is due is what is measured against: not 50 us later. */
	prctl(PR_SET_TIMERSLACK, 1);
	conns = calloc(opt.sessions, sizeof(*conns));
	if (!conns)
		die("no memory for %u sessions", opt.sessions);
	if (plat_open(NULL, &plat))
		die("the platform cannot be opened: XENGPU_PLATFORM=local:SOCKET:DOMID");
	if (fe_device_open(plat, FE_ANY_DEVICE, FE_OWNER, SETUP_MS, &device, why))
		die("the vgpu: %s", why);
	if (!opt.tag)
		opt.tag = fe_device_limits(device)->domid;
	for (i = 0; i < opt.sessions; i++)
		open_conn(&conns[i], i);
	puts("ready");
	fflush(stdout);
	wait_for_line();
	run();
	if (opt.record)
		write_records();
	for (i = 0; i < opt.sessions; i++)
		if (fe_session_close(conns[i].session, CLOSE_MS))
			fprintf(stderr, "load: session %u: the backend holds on to pages\n", i);
	fe_device_close(device);
	plat_close(plat);
	return 0;
}
