// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu top as a process: lines in a pipe, and a screen in a terminal of the test's own.
 */
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <termios.h>

#include "config_say.h"
#include "config_stats.h"

#define SECOND		UINT64_C(1000000000)
#define SCREEN_BYTES	65536u

/* A second later each: web with half the GPU and 30 fps, desk is banned. */
static char *answer(char *text, unsigned int i)
{
	char session[FAKE_BYTES] = "{\"session\":4,\"state\":\"open\",\"pid\":1,", latency[32];
	const struct fake_vgpu counters = { .gpu_ns = i * SECOND / 2, .fences = 30 * i };
	const struct fake_vgpu v[] = {
		{ .domid = 1, .name = "web", .gpu_ns = i * SECOND / 2, .fences = 30 * i,
		  .fences_in_flight = 2, .latency = latency, .entitled_permille = 1000,
		  .limit_memory = 2 * i, .limit_fps = i, .sessions = session },
		{ .domid = 2, .devid = 3, .name = "my desk", .banned = true },
	};

	snprintf(latency, sizeof(latency), "[2048,%u]", 30 * i);
	fake_counters(session, &counters);
	fake_add(session, "}");
	return fake_stats(text, &(struct fake_stats){
		.policy = "auto", .effective = "deadline", .reason = "web wants 30 fps",
		.now_ns = (100 + i) * SECOND, .gpu_ns = i * SECOND / 2, .uptime_s = 90000 + i,
		.vgpu = v, .n = 2 });
}

TEST(config_topcmd, usage)
{
	char text[FAKE_BYTES];
	struct rig rig;
	struct root root;
	pid_t pid;

	root_up(&root);
	rig_up(&rig);
	SAY(0, 2, "Usage: xengpu top [-d SECONDS]", "top", "web");
	SAY(0, 2, "Usage: xengpu top", "top", "--nonsense");
	SAY(0, 2, "the delay must be 0.1..3600 seconds, not '0'", "top", "-d", "0");
	SAY(0, 2, "the delay must be 0.1..3600 seconds, not '1e3'", "top", "-d", "1e3");
	SAY(0, 2, "the delay must be 0.1..3600 seconds, not 'nan'", "top", "-d", "nan");
	SAY(0, 2, "the delay must be 0.1..3600 seconds, not '1.2.3'", "top", "-d", "1.2.3");
	SAY(0, 2, "iterations must be 1..4294967295, not '0'", "top", "-i", "0");
	SAY(0, 2, "no column 'colour'; there are name, id, state, gpu, share, entitled, fps, "
	    "submits, queue, p50, p99, held, memory, limits\n", "top", "-s", "colour");
	SAY(0, 2, "--json is for -b", "top", "--json");
	SAY(0, 1, "this is no terminal: for lines in a file or a pipe, xengpu top -b", "top");
	SAY(0, 1, "xengpud is not running here: nobody listens on", "top", "-b");
	pid = say_answer(&rig, "stats\n", "nonsense\n");
	SAY(0, 1, "makes no sense", "top", "-b");
	say_answered(pid);
	/* It answers once: every interval says so, and so does the status. */
	pid = say_answer(&rig, "stats\n", answer(text, 1));
	SAY(0, 1, "xengpu: xengpud is not running here", "top", "-b", "-d", "0.1", "-i", "2");
	say_answered(pid);
	rig_down(&rig);
	root_down(&root);
}

/* The last line of what was said, its first word, the time, left out. */
static const char *last_line(struct said *said)
{
	char *line;

	CHECK(strlen(said->text) > 1);
	said->text[strlen(said->text) - 1] = '\0';
	line = strrchr(said->text, '\n');
	CHECK(line && atof(line + 1) > 1e9 && strchr(line, ' '));
	return strchr(line, ' ') + 1;
}

TEST(config_topcmd, batch)
{
	char text[4][FAKE_BYTES];
	struct said said;
	struct rig rig;
	struct root root;
	pid_t pid;
	int i;

	root_up(&root);
	rig_up(&rig);
	for (i = 0; i < 4; i++)
		answer(text[i], (unsigned int)i);
	pid = SAY_SCRIPT("stats\n", text[1], "stats\n", text[2], "stats\n", text[3]);
	say(&rig, 0, &said, (const char *[]){ "top", "-b", "-d", "0.1", "-i", "2", "-r", NULL });
	say_answered(pid);
	CHECK_EQ(said.status, 0);
	CHECK(!strncmp(said.text, "TIME           NAME                                 ID VGPU STATE"
		       "          GPU% SHARE%   ENT%     FPS   SUB/s QUEUE    P50ms    P99ms  HELD%"
		       "  MEM(M)  MAX(M) LIMITS\n", 150));
	CHECK(strstr(said.text, " my_desk                               2    3 banned"));
	/* Two intervals of two, by GPU% from the lowest. */
	if (strcmp(last_line(&said), "web                                   1    0 connected      50.0"
		   "  100.0  100.0    30.0     0.0     2    2.048    2.048    0.0     0.0       - "
		   "3:memory,fps"))
		harness_fail(__FILE__, __LINE__, "%s", last_line(&said));
	/* With its sessions, and an xengpud that began anew. */
	pid = SAY_SCRIPT("stats\n", text[3], "stats\n", text[1]);
	say(&rig, 0, &said, (const char *[]){ "top", "-b", "-d", "0.1", "-i", "1", "-n", "-s",
					      "name", "--json", NULL });
	say_answered(pid);
	CHECK_EQ(said.status, 0);
	CHECK(strstr(said.text, "\"restarted\":true,\"renderer\":\"llvmpipe (LLVM 15)\",\"policy\":"
				"\"auto\",\"effective\":\"deadline\",\"clock\":\"cpu\",\"capacity\":1,"
				"\"uptime_s\":90001,\"gpu_percent\":0.000"));
	CHECK(strstr(said.text, "\"p50_ms\":null"));
	rig_down(&rig);
	root_down(&root);
}

TEST(config_topcmd, json)
{
	char text[2][FAKE_BYTES];
	struct json_object *o, *m, *v;
	struct said said;
	struct rig rig;
	struct root root;
	pid_t pid;

	root_up(&root);
	rig_up(&rig);
	pid = SAY_SCRIPT("stats\n", answer(text[0], 1), "stats\n", answer(text[1], 2));
	say(&rig, 0, &said, (const char *[]){ "top", "-b", "--json", "-n", "-d", "0.1", "-i", "1",
					      NULL });
	say_answered(pid);
	CHECK_EQ(said.status, 0);
	/* A line for each interval. */
	CHECK(strchr(said.text, '\n') == said.text + strlen(said.text) - 1);
	o = json_tokener_parse(said.text);
	CHECK(json_object_object_get_ex(o, "gpu_percent", &m));
	CHECK(json_object_get_double(m) == 50);
	CHECK(json_object_object_get_ex(o, "time", &m) && json_object_get_double(m) > 1e9);
	CHECK(json_object_object_get_ex(o, "vgpus", &m));
	CHECK_EQ(json_object_array_length(m), 2);
	v = json_object_array_get_idx(m, 0);
	CHECK(json_object_object_get_ex(v, "sessions", &m));
	CHECK(!strcmp(json_object_get_string(m), "[ { \"name\": \"web\", \"domid\": 1, \"devid\": 0, "
		      "\"session\": 4, \"state\": \"open\", \"gpu_percent\": 50.000, "
		      "\"share_percent\": 100.000, \"fps\": 30.000, \"submits_per_s\": 0.000, "
		      "\"queue\": 0, \"held_percent\": 0.000, \"memory_bytes\": 0, \"limits\": { "
		      "\"memory\": 0, \"contexts\": 0, \"resources\": 0, \"buffers\": 0, "
		      "\"inflight\": 0, \"fps\": 0 } } ]"));
	json_object_object_del(v, "sessions");
	CHECK(!strcmp(json_object_get_string(v), "{ \"name\": \"web\", \"domid\": 1, \"devid\": 0, "
		      "\"state\": \"connected\", \"gpu_percent\": 50.000, \"share_percent\": 100.000, "
		      "\"entitled_percent\": 100.000, \"fps\": 30.000, \"submits_per_s\": 0.000, "
		      "\"queue\": 2, \"p50_ms\": 2.048, \"p99_ms\": 2.048, \"held_percent\": 0.000, "
		      "\"memory_bytes\": 0, \"memory_limit_mib\": 0, \"limits\": { \"memory\": 2, "
		      "\"contexts\": 0, \"resources\": 0, \"buffers\": 0, \"inflight\": 0, "
		      "\"fps\": 1 } }"));
	json_object_put(o);
	rig_down(&rig);
	root_down(&root);
}

/* --- the screen ------------------------------------------------------------------------------ */

struct tty {
	int fd;
	pid_t pid;
	char seen[SCREEN_BYTES];
	size_t have;
};

static void tty_start(struct tty *t, const struct rig *rig, const char *const words[])
{
	struct winsize size = { .ws_row = 24, .ws_col = 200 };
	const char *argv[MAX_WORDS + 2] = { "xengpu", "top" };
	char path[300];
	const char *program = rig_program("XENGPU", "xengpu", path, sizeof(path));
	int i;

	for (i = 0; words[i] && i < MAX_WORDS - 2; i++)
		argv[2 + i] = words[i];
	t->have = 0;
	t->seen[0] = '\0';
	t->pid = forkpty(&t->fd, NULL, NULL, &size);
	CHECK(t->pid >= 0);
	if (t->pid)
		return;
	setenv("XENGPU_PLATFORM", hub_spec(&rig->hub, 0), 1);
	setenv("XENGPU_CONTROL", rig->control, 1);
	setenv("TERM", "xterm", 0);
	execv(program, (char **)(uintptr_t)argv);
	_exit(127);
}

#define TTY_START(t, ...)	tty_start(t, &rig, (const char *[]){ __VA_ARGS__, NULL })

/* Read until the terminal was sent @text after what was seen already; then forget all before it. */
static void tty_see(struct tty *t, const char *text)
{
	struct pollfd pfd = { .fd = t->fd, .events = POLLIN };
	const int64_t end = rig_now_ms() + 8000;
	ssize_t n;
	char *at;

	while (!(at = strstr(t->seen, text))) {
		if (rig_now_ms() > end || poll(&pfd, 1, 8000) != 1 ||
		    (n = read(t->fd, t->seen + t->have, SCREEN_BYTES - 1 - t->have)) <= 0)
			harness_fail(__FILE__, __LINE__, "no '%s' in '%s'", text, t->seen);
		t->have += (size_t)n;
		t->seen[t->have] = '\0';
	}
	at += strlen(text);
	t->have -= (size_t)(at - t->seen);
	memmove(t->seen, at, t->have + 1);
}

static void tty_type(struct tty *t, const char *keys)
{
	CHECK_EQ(write(t->fd, keys, strlen(keys)), (ssize_t)strlen(keys));
}

/* Its end, and the terminal as it was: the alternate screen left, lines and echo on. */
static void tty_end(struct tty *t, int exited, int signalled)
{
	struct termios mode;
	int status;

	tty_see(t, "\033[?1049l");
	CHECK_EQ(waitpid(t->pid, &status, 0), t->pid);
	if (signalled)
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == signalled);
	else
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == exited);
	CHECK(!tcgetattr(t->fd, &mode));
	CHECK((mode.c_lflag & (ICANON | ECHO)) == (ICANON | ECHO));
	close(t->fd);
}

TEST(config_topcmd, screen)
{
	struct winsize size = { .ws_row = 10, .ws_col = 70 };
	static struct tty t;
	char text[4][FAKE_BYTES];
	struct termios mode;
	struct rig rig;
	struct root root;
	pid_t pid;
	int i;

	root_up(&root);
	rig_up(&rig);
	for (i = 0; i < 4; i++)
		answer(text[i], (unsigned int)i);
	pid = SAY_SCRIPT("stats\n", text[1], "stats\n", text[2], "stats\n", text[3]);
	unsetenv("TERM");
	TTY_START(&t, "-d", "0.3");
	tty_see(&t, "xengpud up 1 day, 01:00:01, domain 0  2 vgpus, 1 session");
	tty_see(&t, "GPU llvmpipe (LLVM 15)  policy auto (deadline: web wants 30 fps)  clock cpu");
	tty_see(&t, "measuring");
	tty_see(&t, "banned");
	CHECK(!tcgetattr(t.fd, &mode) && !(mode.c_lflag & (ICANON | ECHO)));
	tty_see(&t, "50.0");
	/* After three answers nobody listens: said so, and nothing is lost. */
	tty_see(&t, "xengpud is not running here");
	say_answered(pid);
	tty_type(&t, "h");
	tty_see(&t, "sort by the next column");
	tty_type(&t, "x");
	tty_see(&t, "by gpu");
	tty_type(&t, "s");
	tty_see(&t, "share");
	tty_type(&t, "r");
	tty_see(&t, "reversed");
	tty_type(&t, "n");
	tty_see(&t, "0.4");
	tty_type(&t, "d");
	tty_see(&t, "delay in seconds, 0.1 to 3600");
	tty_type(&t, "12x3\1774.5\r");
	tty_see(&t, "124.5 s");
	/* A terminal of another size is drawn on anew, and a line does not spill over. */
	CHECK(!ioctl(t.fd, TIOCSWINSZ, &size));
	tty_see(&t, "STATE");
	for (i = 0; i < 20; i++)
		tty_type(&t, "\033OC");
	tty_see(&t, "LIMITS");
	for (i = 0; i < 20; i++)
		tty_type(&t, "\033OD\033OB");
	tty_type(&t, "\033OA\033OA\033OA");
	tty_see(&t, "STATE");
	/* An xengpud that came back. */
	fake_stats(text[0], &(struct fake_stats){ .now_ns = 200 * SECOND, .uptime_s = 1 });
	pid = SAY_SCRIPT("stats\n", text[0]);
	tty_type(&t, " ");
	tty_see(&t, "started anew");
	say_answered(pid);
	tty_type(&t, "q");
	tty_end(&t, 0, 0);
	rig_down(&rig);
	root_down(&root);
}

TEST(config_topcmd, screen_ends)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	static struct tty t;
	char text[FAKE_BYTES];
	struct rig rig;
	struct root root;
	pid_t pid;
	size_t i;

	root_up(&root);
	rig_up(&rig);
	answer(text, 1);
	unsetenv("TERM");
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		pid = SAY_SCRIPT("stats\n", text);
		TTY_START(&t, "-d", "30");
		tty_see(&t, "web");
		say_answered(pid);
		kill(t.pid, signals[i]);
		tty_end(&t, 0, signals[i]);
	}
	/* After so many. */
	pid = SAY_SCRIPT("stats\n", text, "stats\n", text, "stats\n", text);
	TTY_START(&t, "-d", "0.1", "-i", "2");
	tty_end(&t, 0, 0);
	say_answered(pid);
	/* By Escape; nobody answering is no reason to begin. */
	pid = SAY_SCRIPT("stats\n", text);
	TTY_START(&t, "-d", "30");
	tty_see(&t, "web");
	say_answered(pid);
	tty_type(&t, "\033");
	tty_end(&t, 0, 0);
	setenv("TERM", "no-such-terminal", 1);
	pid = SAY_SCRIPT("stats\n", text);
	TTY_START(&t, "-d", "30");
	tty_see(&t, "this terminal, TERM=no-such-terminal, is not known: xengpu top -b");
	say_answered(pid);
	CHECK_EQ(waitpid(t.pid, NULL, 0), t.pid);
	close(t.fd);
	rig_down(&rig);
	root_down(&root);
}
