// SPDX-License-Identifier: GPL-2.0-only
/*
 * A load of adjustable heaviness, for benchmarks of scheduling: frames of --draws draws, each of
 * which computes --turns turns for every pixel of --size squared and is flushed by itself. As fast
 * as they come with --depth of them in flight, or at --hz, each finished (glFinish) before the
 * next. It says "ready" when all is set up, begins at a line on standard input, ends at the next
 * one or after --seconds, and then prints one line of JSON. --record writes a line for each frame:
 * when it was due, begun and done (ns of CLOCK_MONOTONIC), and a 0. --calibrate MS says how many
 * turns make a draw of so long. --hoard N:SIDE has so many textures besides, each filled once; every
 * frame fills a corner of the next of them.
 */
#define _GNU_SOURCE	/* ppoll */
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "gl_util.h"

#define MAX_DEPTH	16u
#define MAX_TURNS	60000	/* llvmpipe ends a loop after 65535 */
#define S		1000000000.0

static const char fragment_source[] =
	"#version 300 es\n"
	"precision highp float;\n"
	"uniform int turns;\n"
	"out vec4 color;\n"
	"void main() {\n"
	"	vec4 v = vec4(gl_FragCoord.xy, 0.1, 0.2) / 128.0;\n"
	"	for (int i = 0; i < turns; i++)\n"
	"		v = v * 0.999 + v.wzyx * 0.0007 + 0.0001;\n"
	"	color = v;\n"
	"}\n";

static struct options {
	int turns, draws, size;
	unsigned int depth, fences;
	double hz, seconds, calibrate_ms;
	double tick_ms, pause_ms;	/* nothing is begun in the last pause_ms of a period */
	unsigned int hoard, side;
	const char *record;
} opt = { .turns = 100, .draws = 1, .size = 128, .depth = 1 };

struct frame {
	uint64_t due_ns, begun_ns, done_ns;
	GLsync sync;
};

static struct frame *frames;
static size_t n_frames, n_done, room;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
	const struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000u),
				     .tv_nsec = (long)(ns % 1000000000u) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

/* Take a line off standard input, or its end; without one until @ns false. 0: do not wait. */
static bool line(uint64_t ns)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	const uint64_t now = now_ns(), left = ns > now ? ns - now : 0;
	const struct timespec ts = { .tv_sec = (time_t)(left / 1000000000u),
				     .tv_nsec = (long)(left % 1000000000u) };
	char c;

	if (ppoll(&p, 1, &ts, NULL) <= 0)
		return false;
	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		;
	return true;
}

static GLuint *hoard;

static void make_hoard(void)
{
	GLubyte *texels = calloc(opt.side * opt.side, 4);
	unsigned int i;

	hoard = calloc(opt.hoard, sizeof(*hoard));
	if (!texels || !hoard)
		gl_die("no memory for %u textures", opt.hoard);
	glGenTextures((GLsizei)opt.hoard, hoard);
	for (i = 0; i < opt.hoard; i++) {
		glBindTexture(GL_TEXTURE_2D, hoard[i]);
		glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MAX_LEVEL, 0);
		glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, (GLsizei)opt.side, (GLsizei)opt.side, 0, GL_RGBA,
			     GL_UNSIGNED_BYTE, texels);
	}
	free(texels);
	gl_check("filling textures");
}

static void touch_hoard(void)
{
	static const GLubyte corner[4 * 4 * 4];
	static unsigned int next;

	if (!opt.hoard)
		return;
	glBindTexture(GL_TEXTURE_2D, hoard[next++ % opt.hoard]);
	glTexSubImage2D(GL_TEXTURE_2D, 0, 0, 0, 4, 4, GL_RGBA, GL_UNSIGNED_BYTE, corner);
}

static void draw(void)
{
	int i;

	for (i = 0; i < opt.draws; i++) {
		gl_full_quad();
		glFlush();
	}
}

/* Fences that nobody waits for. */
static void flood(void)
{
	unsigned int i;

	for (i = 0; i < opt.fences; i++) {
		GLsync sync = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);

		glFlush();
		glDeleteSync(sync);
	}
}

static void begin(uint64_t due_ns)
{
	if (n_frames == room) {
		room = room ? room * 2 : 4096;
		frames = realloc(frames, room * sizeof(*frames));
		if (!frames)
			gl_die("no memory for %zu frames", room);
	}
	frames[n_frames] = (struct frame){ .due_ns = due_ns, .begun_ns = now_ns() };
	touch_hoard();
	draw();
	flood();
	if (opt.depth > 1) {
		frames[n_frames].sync = glFenceSync(GL_SYNC_GPU_COMMANDS_COMPLETE, 0);
		glFlush();
	}
	n_frames++;
}

/* Wait for the oldest. */
static void finish(void)
{
	struct frame *f = &frames[n_done++];

	if (!f->sync) {
		glFinish();
	} else {
		/* For ever: Mesa asks virpipe again and again where a wait has an end. */
		glClientWaitSync(f->sync, GL_SYNC_FLUSH_COMMANDS_BIT, GL_TIMEOUT_IGNORED);
		glDeleteSync(f->sync);
		f->sync = NULL;
	}
	f->done_ns = now_ns();
	gl_check("frame");
}

static void yield_before_tick(void)
{
	const uint64_t period = (uint64_t)(opt.tick_ms * 1e6);
	const uint64_t pause = (uint64_t)(opt.pause_ms * 1e6);
	const uint64_t now = now_ns();

	if (period && now % period >= period - pause)
		sleep_until(now - now % period + period);
}

static void run(void)
{
	const uint64_t begin_ns = now_ns();
	uint64_t end_ns = UINT64_MAX, due_ns = begin_ns;

	if (opt.seconds > 0)
		end_ns = begin_ns + (uint64_t)(opt.seconds * S);
	while (due_ns < end_ns && !line(opt.hz > 0 ? due_ns : 0)) {
		yield_before_tick();
		begin(opt.hz > 0 ? due_ns : now_ns());
		if (n_frames - n_done >= opt.depth)
			finish();
		/* Late frames are drawn, too. */
		due_ns = now_ns();
		if (opt.hz > 0)
			due_ns = begin_ns + (uint64_t)((double)n_frames * S / opt.hz);
	}
	while (n_done < n_frames)
		finish();
	printf("{\"begin_ns\": %llu, \"end_ns\": %llu, \"frames\": %zu}\n",
	       (unsigned long long)begin_ns, (unsigned long long)now_ns(), n_frames);
	fflush(stdout);
}

static void write_records(void)
{
	FILE *file = fopen(opt.record, "w");
	size_t i;

	if (!file)
		gl_die("%s cannot be written", opt.record);
	for (i = 0; i < n_frames; i++)
		fprintf(file, "%llu %llu %llu 0\n", (unsigned long long)frames[i].due_ns,
			(unsigned long long)frames[i].begun_ns,
			(unsigned long long)frames[i].done_ns);
	if (fclose(file))
		gl_die("%s cannot be written", opt.record);
}

/* The least of a few: what the machine does besides only makes it longer. */
static double draw_ms(GLint uniform, int turns)
{
	double best = 1e9;
	uint64_t start;
	int i;

	opt.draws = 1;
	glUniform1i(uniform, turns);
	for (i = 0; i < 20; i++) {
		start = now_ns();
		draw();
		glFinish();
		if ((double)(now_ns() - start) / 1e6 < best)
			best = (double)(now_ns() - start) / 1e6;
	}
	return best;
}

static int calibrate(GLint uniform, double ms)
{
	const double few = draw_ms(uniform, 20), many = draw_ms(uniform, 1020);
	const double turns = 20 + 1000 * (ms - few) / (many - few);

	if (!(turns >= 1))
		gl_die("a draw takes %.3f ms with 20 turns, more than %.3f: is this machine busy?",
		       few, ms);
	return turns > MAX_TURNS ? MAX_TURNS : (int)turns;
}

static void parse_options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "turns", required_argument, NULL, 't' },
		{ "draws", required_argument, NULL, 'd' },
		{ "size", required_argument, NULL, 'S' },
		{ "depth", required_argument, NULL, 'D' },
		{ "hz", required_argument, NULL, 'h' },
		{ "seconds", required_argument, NULL, 's' },
		{ "tick", required_argument, NULL, 'T' },
		{ "fences", required_argument, NULL, 'f' },
		{ "record", required_argument, NULL, 'r' },
		{ "calibrate", required_argument, NULL, 'c' },
		{ "hoard", required_argument, NULL, 'o' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 't': opt.turns = atoi(optarg); break;
		case 'd': opt.draws = atoi(optarg); break;
		case 'S': opt.size = atoi(optarg); break;
		case 'D': opt.depth = (unsigned int)atoi(optarg); break;
		case 'h': opt.hz = atof(optarg); break;
		case 's': opt.seconds = atof(optarg); break;
		case 'T':
			if (sscanf(optarg, "%lf:%lf", &opt.tick_ms, &opt.pause_ms) != 2)
				gl_die("--tick: PERIOD:PAUSE in ms");
			break;
		case 'f': opt.fences = (unsigned int)atoi(optarg); break;
		case 'r': opt.record = optarg; break;
		case 'o':
			if (sscanf(optarg, "%u:%u", &opt.hoard, &opt.side) != 2 || !opt.hoard ||
			    opt.side < 4 || opt.side > 4096)
				gl_die("--hoard: N:SIDE, SIDE 4..4096");
			break;
		case 'c': opt.calibrate_ms = atof(optarg); break;
		default: exit(2);
		}
	}
	if (optind < argc || opt.turns < 1 || opt.turns > MAX_TURNS || opt.draws < 1 ||
	    opt.size < 1 || opt.size > 4096 ||
	    opt.depth < 1 || opt.depth > MAX_DEPTH || opt.hz < 0 || opt.pause_ms > opt.tick_ms)
		gl_die("load: an option makes no sense: --turns 1..%d, --draws from 1, "
		       "--size 1..4096, --depth 1..%u, --hz, --tick PERIOD:PAUSE",
		       MAX_TURNS, MAX_DEPTH);
}

int main(int argc, char **argv)
{
	GLint uniform;

	parse_options(argc, argv);
	prctl(PR_SET_TIMERSLACK, 1);
	gl_open();
	gl_target(opt.size, opt.size);
	uniform = glGetUniformLocation(gl_quad_program(fragment_source), "turns");
	if (opt.calibrate_ms > 0) {
		printf("turns %d\n", calibrate(uniform, opt.calibrate_ms));
		gl_close();
		return 0;
	}
	glUniform1i(uniform, opt.turns);
	if (opt.hoard)
		make_hoard();
	draw();
	glFinish();
	gl_check("setting up");
	puts("ready");
	fflush(stdout);
	while (!line(now_ns() + 1000000000u))
		;
	run();
	if (opt.record)
		write_records();
	gl_close();
	return 0;
}
