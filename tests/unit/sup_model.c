// SPDX-License-Identifier: GPL-2.0-only
/*
 * xengpud and the model GPU: no service serves it by mistake, and with --allow-model all workers
 * get the same memory. Workers are puppets, which check what they were born with.
 */
#include <dirent.h>

#include "gpu_model.h"
#include "sup_rig.h"

/* xengpud says @words and ends with status 2. */
static void refused(struct rig *rig, const char *gpu, const char *words)
{
	int status;

	unlink(rig->log);
	rig_start(rig, gpu);
	CHECK_EQ(waitpid(rig->pid, &status, 0), rig->pid);
	rig->pid = 0;
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 2);
	CHECK(rig_log_has(rig, words));
	CHECK(rig_log_has(rig, "--allow-model"));
}

/* The memory as a benchmark finds it. */
static struct gpu_model_mem *supervisors_memory(const struct rig *rig)
{
	char dir_path[64], path[320], link[128];
	struct gpu_model_mem *mem = NULL;
	struct dirent *entry;
	ssize_t n;
	DIR *dir;
	int fd;

	snprintf(dir_path, sizeof(dir_path), "/proc/%d/fd", (int)rig->pid);
	dir = opendir(dir_path);
	CHECK(dir);
	while (!mem && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", dir_path, entry->d_name);
		n = readlink(path, link, sizeof(link) - 1);
		link[n < 0 ? 0 : n] = '\0';
		if (strcmp(link, "/memfd:" GPU_MODEL_MEM_NAME " (deleted)"))
			continue;
		fd = open(path, O_RDWR | O_CLOEXEC);
		CHECK(fd >= 0);
		mem = mmap(NULL, sizeof(*mem), PROT_READ, MAP_SHARED, fd, 0);
		CHECK(mem != MAP_FAILED);
		close(fd);
	}
	closedir(dir);
	return mem;
}

TEST(sup_model, refused)
{
	struct rig rig;

	rig_up(&rig);
	refused(&rig, "model", "gpu=model, from --gpu, draws nothing");
	rig_config(&rig, "gpu = \"model\"\\n");
	refused(&rig, NULL, "gpu=model, from the host's config, draws nothing");
	rig_down(&rig);
}

TEST(sup_model, allowed)
{
	struct gpu_model_mem *mem;
	struct guest_session s;
	struct guest g;
	struct rig rig;

	rig_up(&rig);
	rig_start(&rig, "model", "--allow-model");
	guest_join(&g, &rig, 1);
	session_open(&s, &g, 0);
	WAIT_STAT(&rig, -1, "workers_warm", 2);
	mem = supervisors_memory(&rig);
	CHECK(mem);
	CHECK_EQ(mem->magic, GPU_MODEL_MAGIC);
	CHECK_EQ(mem->n_traces, GPU_MODEL_TRACES);
	/* Three workers were here, each of which counted itself. */
	CHECK_EQ(__atomic_load_n(&mem->serial, __ATOMIC_RELAXED), 3);
	munmap(mem, sizeof(*mem));
	session_close(&s);
	detach(&rig, 1);
	guest_down(&g);
	rig_down(&rig);
}

/* A vgpu that asks for it, of a supervisor that serves something else. */
TEST(sup_model, vgpu_asks)
{
	struct vgpu_option option = { 0 };
	const struct attach_vgpu v = { .domid = 1 };
	char why[WHY_BYTES];
	struct guest g;
	struct rig rig;

	CHECK_EQ(option_set(&option, OPTION_GPU, "model", why), 0);
	rig_up(&rig);
	rig_start(&rig, "ok", "--allow-model");
	guest_up(&g, &rig, 1);
	CHECK_EQ(attach_add(rig.dom0, &v, &option), 0);
	WAIT_STATE(&rig, BACK_STATE(1), XenbusStateClosed, 5000);
	check_error(&rig, paths_back(0, 1, 0, "error"), "gpu=model is asked for");
	CHECK(!supervisors_memory(&rig));
	guest_down(&g);
	rig_down(&rig);
}
