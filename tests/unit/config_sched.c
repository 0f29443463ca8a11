// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpu sched: what it shows, what it tells xengpud, and what it keeps for a domain's next start.
 */
#include "config_say.h"
#include "config_stats.h"

static const struct fake_vgpu two[] = {
	{ .domid = 1, .name = "web", .cap = 40, .weight = 512 },
	{ .domid = 2, .devid = 3, .name = "desk", .fps = 30, .max_fps = 60 },
};

static const char head[] = "Name                                ID VGPU Weight  Cap  Fps MaxFps\n";
static const char web[] = "web                                  1    0    512   40    0      0\n";
static const char desk[] = "desk                                 2    3    256    0   30     60\n";
static const char gpu[] = "GPU llvmpipe (LLVM 15): policy=credit slice_us=1000 ratelimit_us=500 "
			  "clock=cpu capacity=4\n";

static char *answer(char *text)
{
	return fake_stats(text, &(struct fake_stats){ .capacity = 4, .vgpu = two, .n = 2 });
}

TEST(config_sched, usage)
{
	struct rig rig;
	struct root root;

	root_up(&root);
	rig_up(&rig);
	SAY(0, 2, "Usage: xengpu sched [-d DOMAIN", "sched", "web");
	SAY(0, 2, "Usage: xengpu sched", "sched", "--nonsense");
	SAY(0, 2, "Usage: xengpu sched", "sched", "-d");
	SAY(0, 2, "weight=0: the value must be 1..65535", "sched", "-d", "web", "-w", "0");
	SAY(0, 2, "weight=65536: the value must be 1..65535", "sched", "-d", "web", "-w", "65536");
	SAY(0, 2, "cap=101: the value must be 0..100\n", "sched", "-d", "web", "--cap=101");
	SAY(0, 2, "fps=1001: the value must be 0..1000\n", "sched", "-d", "web",
	    "-f", "1001");
	SAY(0, 2, "max_fps=x: the value must be 0..1000\n", "sched", "-d", "web",
	    "-m", "x");
	SAY(0, 2, "DEVID must be 0..65535, not '65536'", "sched", "-d", "web", "-n", "65536");
	SAY(0, 2, "Name a domain with -d", "sched", "-w", "1");
	SAY(0, 2, "name the domain with -d", "sched", "-n", "1");
	SAY(0, 2, "-s is about the GPU and -d about a domain", "sched", "-s", "-d", "web");
	SAY(0, 2, "-s is about the GPU and -d about a domain", "sched", "-s", "-w", "1");
	SAY(0, 2, "are the GPU's: -s with them", "sched", "-p", "credit");
	SAY(0, 2, "are the GPU's: -s with them", "sched", "-d", "web", "-t", "1000");
	SAY(0, 2, "--json is for showing", "sched", "--json", "-d", "web", "-w", "1");
	SAY(0, 2, "policy=fair: the value must be one of credit, equal-share, fixed-share, "
	    "deadline, auto, off", "sched", "-s", "-p", "fair");
	SAY(0, 2, "slice_us=99: the value must be 100..100000", "sched", "-s", "-t", "99");
	SAY(0, 2, "ratelimit_us=100001: the value must be 0..100000", "sched", "-s", "-r", "100001");
	SAY(0, 2, "slice_us=: the value must be 100..100000", "sched", "-s", "slice_us");
	SAY(0, 2, "unknown parameter 'slice' of the GPU; there are policy=, slice_us=, "
	    "ratelimit_us=", "sched", "-s", "slice=3");
	SAY(0, 1, "xengpud is not running here: nobody listens on", "sched");
	SAY(0, 1, "xengpud is not running here", "sched", "-d", "web", "-w", "1");
	SAY(0, 1, "xengpud is not running here", "sched", "-s", "-p", "off");
	rig_down(&rig);
	root_down(&root);
}

TEST(config_sched, shows)
{
	char text[FAKE_BYTES], want[1024];
	struct rig rig;
	struct root root;
	pid_t pid;

	root_up(&root);
	rig_up(&rig);
	answer(text);
	pid = SAY_SCRIPT("stats\n", text, "stats\n", text, "stats\n", text, "stats\n", text,
			 "stats\n", text, "stats\n", text);
	snprintf(want, sizeof(want), "%s%s%s%s", gpu, head, web, desk);
	SAY(0, 0, want, "sched");
	snprintf(want, sizeof(want), "%s%s", head, web);
	SAY(0, 0, want, "sched", "-d", "web");
	snprintf(want, sizeof(want), "%s%s", head, desk);
	SAY(0, 0, want, "sched", "--domain=2", "--devid=3");
	SAY(0, 0, gpu, "sched", "-s");
	SAY(0, 0, "\"weight\":512", "sched", "--json");
	SAY(0, 0, "\"ratelimit_us\":500", "sched", "-s", "--json");
	say_answered(pid);
	rig_down(&rig);
	root_down(&root);
}

TEST(config_sched, json)
{
	char text[FAKE_BYTES];
	struct json_object *o, *list, *m;
	struct said said;
	struct rig rig;
	struct root root;
	pid_t pid;

	root_up(&root);
	rig_up(&rig);
	pid = say_answer(&rig, "stats\n", answer(text));
	say(&rig, 0, &said, (const char *[]){ "sched", "--json", "-d", "desk", NULL });
	say_answered(pid);
	o = json_tokener_parse(said.text);
	CHECK(json_object_object_get_ex(o, "vgpus", &list));
	CHECK_EQ(json_object_array_length(list), 1);
	m = json_object_array_get_idx(list, 0);
	CHECK(!strcmp(json_object_get_string(m), "{ \"name\": \"desk\", \"domid\": 2, \"devid\": 3, "
		      "\"weight\": 256, \"cap\": 0, \"fps\": 30, \"max_fps\": 60 }"));
	CHECK(json_object_object_get_ex(o, "gpu", &m));
	CHECK(!strcmp(json_object_get_string(m), "{ \"renderer\": \"llvmpipe (LLVM 15)\", "
		      "\"policy\": \"credit\", \"effective\": \"credit\", \"reason\": \"\", "
		      "\"slice_us\": 1000, \"ratelimit_us\": 500, \"clock\": \"cpu\", "
		      "\"capacity\": 4 }"));
	json_object_put(o);
	rig_down(&rig);
	root_down(&root);
}

TEST(config_sched, auto_says_why)
{
	char text[FAKE_BYTES];
	struct rig rig;
	struct root root;
	pid_t pid;

	root_up(&root);
	rig_up(&rig);
	fake_stats(text, &(struct fake_stats){ .policy = "auto", .effective = "deadline",
					       .reason = "desk has 21 of 30 fps\\u001b[2J",
					       .error = "no GPU" });
	pid = SAY_SCRIPT("stats\n", text);
	SAY(0, 0, "policy auto is deadline now: desk has 21 of 30 fps?[2J\nerror: no GPU\n",
	    "sched", "-s");
	say_answered(pid);
	rig_down(&rig);
	root_down(&root);
}

TEST(config_sched, nonsense)
{
	char text[FAKE_BYTES];
	struct rig rig;
	struct root root;
	pid_t pid;

	root_up(&root);
	rig_up(&rig);
	pid = SAY_SCRIPT("stats\n", "hello\n", "stats\n", "{\"devices\":[],\"renderer\":\"x\","
			 "\"supervisor\":{\"domid\":0,\"uptime_s\":1}}\n");
	SAY(0, 1, "xengpud's answer makes no sense: is it of another version?", "sched");
	SAY(0, 1, "xengpud's answer makes no sense, 'sched' of the answer: is it of another "
	    "version?", "sched");
	say_answered(pid);
	*strstr(answer(text), "held_ns") = 'H';
	pid = say_answer(&rig, "stats\n", text);
	SAY(0, 1, "'held_ns' of a vgpu: is it of another version?", "sched");
	say_answered(pid);
	pid = say_answer(&rig, "sched-gpu policy=off\n", "hello\n");
	SAY(0, 1, "makes no sense", "sched", "-s", "-p", "off");
	say_answered(pid);
	rig_down(&rig);
	root_down(&root);
}

TEST(config_sched, sets_gpu)
{
	struct rig rig;
	struct root root;
	pid_t pid;

	root_up(&root);
	rig_up(&rig);
	pid = SAY_SCRIPT("sched-gpu policy=deadline\n", "ok\n",
			 "sched-gpu policy=auto,slice_us=2000,ratelimit_us=0\n", "ok\n",
			 "sched-gpu slice_us=100\n", "ok\n",
			 "sched-gpu slice_us=3000,ratelimit_us=7\n", "ok\n",
			 "sched-gpu policy=off\n", "error: cannot write /var/lib/xengpu/sched: no\n");
	SAY(0, 0, "", "sched", "-s", "policy=deadline");
	SAY(0, 0, "", "sched", "-s", "-p", "auto", "-t", "2000", "-r", "0");
	SAY(0, 0, "", "sched", "--schedparam", "--slice_us=100");
	SAY(0, 0, "", "sched", "-s", "slice_us=3000,ratelimit_us=7");
	SAY(0, 1, "xengpu: xengpud: cannot write /var/lib/xengpu/sched: no\n", "sched", "-s",
	    "-p", "off");
	say_answered(pid);
	SAY(0, 0, "to xengpud: sched-gpu policy=equal-share\n", "-N", "sched", "-s", "-p",
	    "equal-share");
	rig_down(&rig);
	root_down(&root);
}

static const char uuid1[] = "var/lib/xengpu/policy/00000000-0000-0000-0000-000000000001.conf";

TEST(config_sched, sets_and_saves)
{
	char text[FAKE_BYTES];
	struct rig rig;
	struct root root;
	pid_t pid;

	root_up(&root);
	rig_up(&rig);
	answer(text);
	CHECK_EQ(xst_write(rig.dom0, XST_NO_TX, "/local/domain/1/name", "web"), 0);
	SAY(0, 0, "", "attach", "--no-wait", "web", "weight=300,sessions=4");
	pid = SAY_SCRIPT("stats\n", text, "sched 1 0 weight=512,cap=40\n", "ok\n",
			 "stats\n", text, "sched 1 0 max_fps=60,fps=30\n", "ok\n",
			 "stats\n", text, "sched 1 0 cap=0,max_fps=0,fps=0\n", "ok\n",
			 "stats\n", text, "sched 1 0 weight=7\n", "ok\n",
			 "stats\n", text, "sched 1 0 weight=8\n", "error: too busy\n",
			 "stats\n", text);
	SAY(0, 0, "", "sched", "-d", "web", "-w", "512", "-c", "40");
	CHECK(root_has(&root, uuid1, "[\n\t\"weight=512,cap=40,sessions=4,devid=0\"\n]"));
	SAY(0, 0, "", "sched", "-d", "1", "-n", "0", "-f", "30", "-m", "60");
	CHECK(root_has(&root, uuid1, "\"weight=512,cap=40,sessions=4,max_fps=60,fps=30,devid=0\""));
	SAY(0, 0, "", "sched", "-d", "web", "-f", "0", "-m", "0", "-c", "0");
	CHECK(root_has(&root, uuid1, "\"weight=512,cap=0,sessions=4,max_fps=0,fps=0,devid=0\""));
	SAY(0, 0, "", "sched", "-d", "web", "-w", "7", "--no-save");
	CHECK(root_has(&root, uuid1, "\"weight=512,"));
	/* What xengpud refuses is not saved. */
	SAY(0, 1, "xengpud: too busy", "sched", "-d", "web", "-w", "8");
	CHECK(root_has(&root, uuid1, "\"weight=512,"));
	SAY(0, 0, "to xengpud: sched 1 0 cap=9\n", "-N", "sched", "-d", "web", "-c", "9");
	say_answered(pid);
	CHECK(root_has(&root, uuid1, "cap=0"));
	SAY(0, 0, "", "detach", "--force", "1");
	rig_down(&rig);
	root_down(&root);
}

TEST(config_sched, not_saved)
{
	char text[FAKE_BYTES];
	struct rig rig;
	struct root root;
	pid_t pid;

	root_up(&root);
	rig_up(&rig);
	answer(text);
	pid = SAY_SCRIPT("stats\n", text, "sched 1 0 cap=1\n", "ok\n",
			 "stats\n", text, "sched 1 0 cap=2\n", "ok\n",
			 "stats\n", text, "stats\n", text);
	/* It was attached for this time only. */
	SAY(0, 0, "note: nothing saved: the next start of domain 1 gives it no vgpu 0", "sched",
	    "-d", "1", "-c", "1");
	CHECK(!root_has(&root, uuid1, ""));
	CHECK_EQ(xst_write(rig.dom0, XST_NO_TX, "/local/domain/1/name", "web"), 0);
	root_write(&root, "etc/xen/xengpu.d/web.conf", "vgpu=['cap=9']");
	SAY(0, 0, "note: the next start of domain 1 goes by", "sched", "-d", "1", "-c", "2");
	CHECK(!root_has(&root, uuid1, ""));
	root_write(&root, "etc/xen/xengpu.conf", "limits = 'cap=50,max_fps=60'");
	SAY(0, 1, "domain web: cap=51 is more than this host allows, cap=50 (", "sched", "-d", "web",
	    "-c", "51");
	SAY(0, 1, "domain web: max_fps=0 (no limit) is more than this host allows, max_fps=60 (",
	    "sched", "-d", "web", "-m", "0");
	say_answered(pid);
	rig_down(&rig);
	root_down(&root);
}

TEST(config_sched, which_vgpu)
{
	static const struct fake_vgpu both[] = { { .domid = 1, .name = "web" },
						 { .domid = 1, .devid = 1, .name = "web" } };
	char text[FAKE_BYTES];
	struct rig rig;
	struct root root;
	pid_t pid;

	root_up(&root);
	rig_up(&rig);
	fake_stats(text, &(struct fake_stats){ .vgpu = both, .n = 2 });
	pid = SAY_SCRIPT("stats\n", text, "stats\n", text, "sched 1 1 cap=1\n", "ok\n",
			 "stats\n", text, "stats\n", text, "stats\n", text, "stats\n", text);
	SAY(0, 1, "domain web has 2 vgpus here: say which with -n", "sched", "-d", "web", "-c", "1");
	SAY(0, 0, "", "sched", "-d", "web", "-n", "1", "-c", "1", "--no-save");
	SAY(0, 1, "vgpu 7 is not attached to domain 1", "sched", "-d", "1", "-n", "7");
	SAY(0, 1, "no such domain: nobody", "sched", "-d", "nobody");
	SAY(0, 1, "domain 2 has no vgpu", "sched", "-d", "2", "-c", "1");
	SAY(0, 0, "", "attach", "--no-wait", "2");
	SAY(0, 1, "xengpud does not have vgpu 0 of domain 2 yet", "sched", "-d", "2", "-c", "1");
	say_answered(pid);
	rig_down(&rig);
	root_down(&root);
}

/* dom0's xengpud and its policies, and another one's in the domain that has the GPU. */
TEST(config_sched, driver_domain)
{
	char here[FAKE_BYTES], there[FAKE_BYTES];
	struct rig rig;
	struct root root;
	pid_t pid;

	root_up(&root);
	rig_up(&rig);
	fake_stats(here, &(struct fake_stats){ .n = 0 });
	fake_stats(there, &(struct fake_stats){ .domid = 2, .vgpu = two, .n = 1 });
	SAY(0, 0, "", "attach", "--no-wait", "1", "backend=2,cap=9");
	pid = SAY_SCRIPT("stats\n", here, "stats\n", here, "stats\n", here, "stats\n", there,
			 "sched 1 0 cap=30,max_fps=0\n", "ok\n", "stats\n", there);
	SAY(0, 1, "vgpu 0 of domain 1 is served by domain 2: run xengpu sched there", "sched", "-d",
	    "1");
	SAY(0, 1, "served by domain 2: not changed for now; run there: xengpu sched -d 1 -n 0 "
	    "-w 5 -m 0\n", "sched", "-d", "1", "-w", "5", "-m", "0", "--no-save");
	CHECK(root_has(&root, uuid1, "cap=9,"));
	SAY(0, 1, "not changed for now, only for its next start; run there: xengpu sched -d 1 -n 0 "
	    "-c 30\n", "sched", "-d", "1", "-c", "30");
	CHECK(root_has(&root, uuid1, "\"cap=30,backend=2,devid=0\""));
	/* In the driver domain. */
	SAY(2, 0, "note: not kept for its next start; for that, run in dom0: xengpu sched -d web "
	    "-n 0 -c 30 -m 0\n", "sched", "-d", "web", "-c", "30", "-m", "0");
	SAY(2, 1, "the xengpud of this domain, 2, serves no such vgpu of domain desk", "sched",
	    "-d", "desk");
	say_answered(pid);
	rig_down(&rig);
	root_down(&root);
}

/* Not a played one: every question of the tools, and that their answers are understood. */
TEST(config_sched, with_xengpud)
{
	struct guest_session session;
	struct said said;
	struct guest g;
	struct rig rig;
	struct root root;

	root_up(&root);
	rig_up(&rig);
	CHECK_EQ(xst_write(rig.dom0, XST_NO_TX, "/local/domain/1/name", "web"), 0);
	rig_start(&rig, "ok");
	guest_up(&g, &rig, 1);
	SAY(0, 0, "", "attach", "web", "cap=30,memory=64");
	guest_connect(&g);
	session_open(&session, &g, 0);
	/* As xengpu.conf and its manual page have it. */
	SAY(0, 0, "policy=credit slice_us=1000 ratelimit_us=100 clock=", "sched");
	SAY(0, 0, "web                                  1    0    256   30    0      0\n", "sched");
	SAY(0, 0, "", "sched", "-d", "web", "-w", "512", "-c", "0", "-f", "30", "-m", "60");
	SAY(0, 0, "web                                  1    0    512    0   30     60\n", "sched", "-d",
	    "1");
	CHECK_EQ(rig_number(&rig, paths_back(0, 1, 0, "weight")), 512);
	CHECK(root_has(&root, uuid1, "\"weight=512,cap=0,memory=64,max_fps=60,fps=30,devid=0\""));
	SAY(0, 0, "", "sched", "-d", "web", "-f", "0", "-m", "0");
	SAY(0, 0, "web                                  1    0    512    0    0      0\n", "sched");
	SAY(0, 0, "", "sched", "-s", "policy=auto,slice_us=2000", "-r", "0");
	SAY(0, 0, "policy=auto slice_us=2000 ratelimit_us=0 ", "sched", "-s");
	SAY(0, 0, "policy auto is credit now", "sched", "-s");
	SAY(0, 0, " web                                   1    0 connected ", "top", "-b", "-n", "-d",
	    "0.1", "-i", "1");
	SAY(0, 0, "\"memory_limit_mib\":64", "top", "-b", "--json", "-d", "0.1", "-i", "1");
	SAY(0, 0, "\nxengpu_policy_info{policy=\"auto\",effective=\"credit\"} 1\n", "stats",
	    "--openmetrics");
	/* What was said is what the next one goes by. */
	session_drop(&session);
	guest_down(&g);
	CHECK_EQ(rig_halt(&rig, SIGTERM), 0);
	rig_start(&rig, "ok");
	do {
		rig_sleep_ms(20);
		say(&rig, 0, &said, (const char *[]){ "sched", "-s", NULL });
	} while (said.status);
	CHECK(strstr(said.text, "policy=auto slice_us=2000 ratelimit_us=0 "));
	rig_down(&rig);
	root_down(&root);
}
