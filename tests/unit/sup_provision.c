// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpud as a process on the local platform: domains get what their policies say, once, and
 * nothing else. The policies lie in the rig's own folder ($XENGPU_ROOT).
 */
#include "sup_rig.h"

static void write_file(const struct rig *rig, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/etc/xen/%s", rig->dir, name);
	rig_write(path, text);
}

static void make_folders(const struct rig *rig)
{
	char command[128];

	snprintf(command, sizeof(command), "mkdir -p %s/etc/xen/xengpu.d %s/etc/xen/auto", rig->dir,
		 rig->dir);
	CHECK_EQ(system(command), 0);
}

static void wait_mark(const struct rig *rig, uint16_t domid, const char *say)
{
	const int64_t end = rig_now_ms() + 5000;
	char text[1024];

	do {
		rig_text(rig, paths_libxl_domain(domid, "vgpu-policy"), text, sizeof(text));
		if (strstr(text, say))
			return;
		rig_sleep_ms(5);
	} while (rig_now_ms() < end);
	harness_fail(__FILE__, __LINE__, "the mark is '%s', without '%s'", text, say);
}

/* A supervisor, and what a file under /etc/xen says. */
static void up_with(struct rig *rig, const char *name, const char *text)
{
	rig_up(rig);
	make_folders(rig);
	write_file(rig, name, text);
	rig_start(rig, "ok");
}

/* The guest's kernel has not even booted when its vgpu is there. */
TEST(sup_provision, a_new_domain_gets_its_vgpu)
{
	struct rig rig;

	up_with(&rig, "web.cfg",
		"name = 'web'\nmemory = 512\n"
		"vgpu = [ 'weight=512,cap=40,contexts=7,sessions=3,pages=2000' ]\n");
	CHECK_EQ(hub_ask(&rig.hub, "--create=5", "--name=web"), 0);
	WAIT_STATE(&rig, BACK_STATE(5), XenbusStateInitWait, 5000);
	CHECK_EQ(rig_number(&rig, paths_back(0, 5, 0, "weight")), 512);
	CHECK_EQ(rig_number(&rig, paths_back(0, 5, 0, "cap")), 40);
	CHECK_EQ(rig_number(&rig, paths_back(0, 5, 0, "max-contexts")), 7);
	CHECK_EQ(rig_number(&rig, paths_back(0, 5, 0, "max-sessions")), 3);
	CHECK_EQ(rig_number(&rig, paths_back(0, 5, 0, "max-pages")), 2000);
	CHECK_EQ(rig_number(&rig, paths_back(0, 5, 0, "max-buffer-pages")), 2000);
	wait_mark(&rig, 5, "web.cfg:3");
	/* The others have none: off is the default. */
	wait_mark(&rig, 1, "none");
	CHECK(store_is_empty(&rig, 1));
	CHECK(store_is_empty(&rig, 2));
	rig_down(&rig);
}

TEST(sup_provision, two_vgpus)
{
	struct rig rig;

	up_with(&rig, "xengpu.d/domain-1.conf", "vgpu = [ 'contexts=3', 'contexts=4' ]\n");
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateInitWait, 5000);
	WAIT_STATE(&rig, paths_back(0, 1, 1, "state"), XenbusStateInitWait, 5000);
	CHECK_EQ(rig_number(&rig, paths_back(0, 1, 0, "max-contexts")), 3);
	CHECK_EQ(rig_number(&rig, paths_back(0, 1, 1, "max-contexts")), 4);
	rig_down(&rig);
}

/* The host's own bounds hold whatever a policy says; its limits refuse in words. */
TEST(sup_provision, bounds_of_the_host)
{
	struct rig rig;

	rig_up(&rig);
	make_folders(&rig);
	write_file(&rig, "xengpu.conf", "limits = 'weight=300'\ndefaults = 'resources=50'\n");
	write_file(&rig, "xengpu.d/domain-1.conf", "vgpu = [ 'contexts=5000' ]\n");
	write_file(&rig, "xengpu.d/domain-2.conf", "vgpu = [ 'weight=301' ]\n");
	rig_start(&rig, "ok", "--max-contexts", "9");
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateInitWait, 5000);
	CHECK_EQ(rig_number(&rig, paths_back(0, 1, 0, "max-contexts")), 9);
	CHECK_EQ(rig_number(&rig, paths_back(0, 1, 0, "max-resources")), 50);
	wait_mark(&rig, 2, "error: ");
	CHECK(store_is_empty(&rig, 2));
	CHECK(rig_log_has(&rig, "domain-2.conf:1"));
	CHECK(rig_log_has(&rig, "xengpu.conf:1"));
	rig_down(&rig);
}

/* Only once: who detached a vgpu keeps it detached, also from the next supervisor. */
TEST(sup_provision, detached_stays_detached)
{
	struct rig rig;

	up_with(&rig, "xengpu.d/domain-1.conf", "vgpu = [ '' ]\n");
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateInitWait, 5000);
	detach(&rig, 1);
	CHECK_EQ(hub_ask(&rig.hub, "--create=5", NULL), 0);
	wait_mark(&rig, 5, "none");
	CHECK(store_is_empty(&rig, 1));
	rig_halt(&rig, SIGTERM);
	rig_start(&rig, "ok");
	CHECK_EQ(hub_ask(&rig.hub, "--create=6", NULL), 0);
	wait_mark(&rig, 6, "none");
	CHECK(store_is_empty(&rig, 1));
	rig_down(&rig);
}

/* The same domain id again, after the first one's end, is another domain. */
TEST(sup_provision, domain_id_used_again)
{
	struct rig rig;
	int i;

	up_with(&rig, "xengpu.d/domain-5.conf", "vgpu = [ '' ]\n");
	for (i = 0; i < 3; i++) {
		CHECK_EQ(hub_ask(&rig.hub, "--create=5", NULL), 0);
		WAIT_STATE(&rig, BACK_STATE(5), XenbusStateInitWait, 5000);
		CHECK_EQ(hub_ask(&rig.hub, "--destroy=5", NULL), 0);
		WAIT_GONE(&rig, paths_backs(0, 5), 5000);
		WAIT_GONE(&rig, paths_libxl_domain(5, "vgpu-policy"), 5000);
	}
	rig_down(&rig);
}

/* What somebody attached before counts, whatever the policy says. */
TEST(sup_provision, attached_by_another)
{
	struct rig rig;

	rig_up(&rig);
	make_folders(&rig);
	write_file(&rig, "xengpu.d/domain-1.conf", "vgpu = [ 'contexts=3', 'contexts=4' ]\n");
	rig_attach(&rig, 1);
	rig_start(&rig, "ok");
	wait_mark(&rig, 1, "attached by another");
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateInitWait, 5000);
	CHECK(!rig_exists(&rig, paths_back(0, 1, 1, "state")));
	rig_down(&rig);
}

/* A backend domain that starts after its guest. */
TEST(sup_provision, waits_for_its_backend)
{
	struct rig rig;
	char text[64];

	up_with(&rig, "xengpu.d/domain-1.conf", "vgpu = [ 'backend=drv' ]\n");
	wait_mark(&rig, 1, "waiting for domain drv");
	CHECK(!rig_exists(&rig, paths_fronts(1)));
	CHECK_EQ(hub_ask(&rig.hub, "--create=5", "--name=drv"), 0);
	wait_mark(&rig, 1, "domain-1.conf:1");
	CHECK_EQ(rig_number(&rig, paths_back(5, 1, 0, "state")), XenbusStateInitialising);
	CHECK(rig_log_has(&rig, "waits for domain drv"));
	/* It may not read the guest's own nodes, nor hear of the guest's end. */
	rig_text(&rig, paths_back(5, 1, 0, "domain"), text, sizeof(text));
	CHECK(!strcmp(text, "domain-1"));
	CHECK(rig_exists(&rig, paths_back(5, 1, 0, "uuid")));
	CHECK_EQ(hub_ask(&rig.hub, "--destroy=1", NULL), 0);
	WAIT_GONE(&rig, paths_backs(5, 1), 5000);
	rig_down(&rig);
}

/* One of two waits: the other is there at once, and one that is detached meanwhile stays so. */
TEST(sup_provision, one_of_two_waits)
{
	struct rig rig;

	up_with(&rig, "xengpu.d/domain-1.conf", "vgpu = [ 'backend=drv', '', '' ]\n");
	WAIT_STATE(&rig, paths_back(0, 1, 1, "state"), XenbusStateInitWait, 5000);
	WAIT_STATE(&rig, paths_back(0, 1, 2, "state"), XenbusStateInitWait, 5000);
	wait_mark(&rig, 1, "waiting for domain drv (vgpu 0)");
	CHECK_EQ(attach_remove(rig.dom0, &(struct attach_vgpu){ .domid = 1, .devid = 1 }), 0);
	WAIT_GONE(&rig, paths_back(0, 1, 1, "state"), 5000);
	CHECK_EQ(hub_ask(&rig.hub, "--create=5", "--name=drv"), 0);
	wait_mark(&rig, 1, "domain-1.conf:1");
	CHECK_EQ(rig_number(&rig, paths_back(5, 1, 0, "state")), XenbusStateInitialising);
	CHECK(rig_exists(&rig, paths_back(0, 1, 2, "state")));
	CHECK(!rig_exists(&rig, paths_back(0, 1, 1, "state")));
	rig_down(&rig);
}

/* One waits, and another cannot be attached at all: that is not forgotten when the first is there. */
TEST(sup_provision, one_waits_and_one_is_wrong)
{
	char mark[128];
	struct rig rig;

	up_with(&rig, "xengpu.d/domain-1.conf", "vgpu = [ 'backend=drv', 'backend=domain-1' ]\n");
	wait_mark(&rig, 1, "waiting for domain drv (vgpu 0); error: ");
	wait_mark(&rig, 1, "vgpu 1 cannot be attached: a domain cannot be its own backend");
	CHECK_EQ(hub_ask(&rig.hub, "--create=5", "--name=drv"), 0);
	CHECK_EQ(attach_domain_uuid(rig.dom0, 1, mark), 0);
	strcat(mark, " error: ");
	wait_mark(&rig, 1, mark);
	CHECK_EQ(rig_number(&rig, paths_back(5, 1, 0, "state")), XenbusStateInitialising);
	wait_mark(&rig, 1, "vgpu 1 cannot be attached: a domain cannot be its own backend");
	CHECK(!rig_exists(&rig, paths_back(1, 1, 1, "state")));
	rig_down(&rig);
}

/* The supervisor before this one had come as far as vgpu 2, which was detached since, and 0. */
TEST(sup_provision, goes_on_where_the_last_one_ended)
{
	char mark[128];
	struct rig rig;

	rig_up(&rig);
	make_folders(&rig);
	write_file(&rig, "xengpu.d/domain-1.conf", "vgpu = [ '', 'contexts=4', '' ]\n");
	CHECK_EQ(attach_domain_uuid(rig.dom0, 1, mark), 0);
	strcat(mark, " waiting for xengpud (vgpu 0,1)");
	CHECK_EQ(xst_write(rig.dom0, XST_NO_TX, paths_libxl_domain(1, "vgpu-policy").s, mark), 0);
	rig_attach(&rig, 1);
	rig_start(&rig, "ok");
	wait_mark(&rig, 1, "domain-1.conf:1");
	WAIT_STATE(&rig, paths_back(0, 1, 0, "state"), XenbusStateInitWait, 5000);
	WAIT_STATE(&rig, paths_back(0, 1, 1, "state"), XenbusStateInitWait, 5000);
	CHECK_EQ(rig_number(&rig, paths_back(0, 1, 1, "max-contexts")), 4);
	CHECK(!rig_exists(&rig, paths_back(0, 1, 2, "state")));
	rig_down(&rig);
}

/* ... which it can, since the mark is there before the first vgpu is. */
TEST(sup_provision, marked_before_it_is_attached)
{
	const int64_t end = rig_now_ms() + 5000;
	char path[XST_MAX_PATH], token[XST_MAX_PATH] = "";
	struct xst *watcher;
	struct rig rig;

	rig_up(&rig);
	make_folders(&rig);
	write_file(&rig, "xengpu.d/domain-1.conf", "vgpu = [ 'contexts=3', 'contexts=4' ]\n");
	watcher = hub_xst(&rig.hub, 0);
	CHECK_EQ(xst_watch(watcher, paths_libxl_domain(1, "vgpu-policy").s, "mark"), 0);
	CHECK_EQ(xst_watch(watcher, paths_backs(0, 1).s, "vgpu"), 0);
	/* Each watch fires once when it is made. */
	rig_sleep_ms(100);
	while (xst_next_event(watcher, path, token) > 0)
		token[0] = '\0';
	rig_start(&rig, "ok");
	while (xst_next_event(watcher, path, token) <= 0 && rig_now_ms() < end)
		rig_sleep_ms(1);
	CHECK(!strcmp(token, "mark"));
	wait_mark(&rig, 1, "domain-1.conf:1");
	CHECK(rig_exists(&rig, paths_back(0, 1, 1, "state")));
	xst_close(watcher);
	rig_down(&rig);
}

TEST(sup_provision, a_name_that_is_too_long)
{
	char name[65] = "";
	struct rig rig;

	rig_up(&rig);
	make_folders(&rig);
	memset(name, 'a', sizeof(name) - 1);
	CHECK_EQ(xst_write(rig.dom0, XST_NO_TX, paths_home(1, "name").s, name), 0);
	rig_start(&rig, "ok");
	wait_mark(&rig, 1, "error: the domain's name is too long");
	CHECK(rig_log_has(&rig, "domain 1 gets no vgpu: its name has more than 63 octets"));
	rig_down(&rig);
}

/* Asked for a GPU that this backend does not serve: refused, and the guest can read why. */
TEST(sup_provision, another_gpu)
{
	struct rig rig;

	up_with(&rig, "xengpu.d/domain-1.conf", "vgpu = [ 'gpu=/dev/dri/renderD200' ]\n");
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 5000);
	check_error(&rig, paths_back(0, 1, 0, "error"), "gpu=/dev/dri/renderD200 is asked for");
	rig_down(&rig);
}

/* A service that ignores its config is worse than none. */
TEST(sup_provision, a_wrong_config_stops_the_start)
{
	struct rig rig;
	int status;

	up_with(&rig, "xengpu.conf", "warm = 2\nwram = 3\n");
	CHECK_EQ(waitpid(rig.pid, &status, 0), rig.pid);
	rig.pid = 0;
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 1);
	CHECK(rig_log_has(&rig, "xengpu.conf:2"));
	rig_down(&rig);
}
