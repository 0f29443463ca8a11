// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walk along a chain of directory pages that a guest wrote, of any length and with any holes in
 * it. A second walk, over the same pages and with nothing of the worker's, says what must come of
 * it: which references are mapped, in which order, or which status is the answer.
 */
#include "worker_env.h"

struct wanted {
	int32_t status;
	uint32_t n_dirs;		/* that are mapped on the way */
	uint32_t refs[4096];
};

/* As vgpuif.h says: every page but the last is full, and 0 is no reference. */
static void walk(const struct vgpuif_page_directory *dirs, uint32_t ref, uint32_t n_pages,
		 struct wanted *out)
{
	uint32_t known = 0, i;

	*out = (struct wanted){ 0 };
	for (;;) {
		const struct vgpuif_page_directory *dir = &dirs[ref % ENV_DIRS];

		out->n_dirs++;
		for (i = 0; i < VGPUIF_DIRECTORY_REFS && known < n_pages; i++) {
			if (!dir->gref[i])
				out->status = -XEN_EINVAL;
			out->refs[known++] = dir->gref[i];
		}
		ref = dir->gref_next;
		/* It must end exactly with the references. */
		if (out->status || !ref != (known == n_pages))
			out->status = -XEN_EINVAL;
		if (out->status || known == n_pages)
			return;
	}
}

static void write_pages(struct fuzz_in *in)
{
	unsigned int d, i, n;

	for (d = 0; d < ENV_DIRS; d++) {
		const uint8_t how = fuzz_u8(in);

		for (i = 0; how & 1 && i < VGPUIF_DIRECTORY_REFS; i++)
			env.dir[d].gref[i] = 1 + d * VGPUIF_DIRECTORY_REFS + i;
		env.dir[d].gref_next = how >> 1 & 15;
		for (n = how >> 5; n; n--)
			((uint32_t *)(void *)&env.dir[d])[fuzz_u16(in) % 1024] = fuzz_u8(in) % 3;
	}
}

/* Plays the supervisor until the registration is answered, and compares. */
static void serve(const struct wanted *want, uint32_t n_pages, uint32_t fail_at)
{
	const struct ctl_stats *stats = &env.stats;
	uint32_t n_dirs = 0;

	env_turn();
	while (env.map_due) {
		if (n_dirs++ == fail_at) {
			env_answer_map(-EFAULT);
			env_turn();
			CHECK_EQ(stats->buffers, 0);
			return;
		}
		CHECK_EQ(env.asked.n_pages, env.w.reg.directory ? 1 : n_pages);
		if (!env.w.reg.directory) {
			CHECK_EQ(n_dirs, want->n_dirs + 1);
			CHECK_EQ(want->status, 0);
			CHECK(!memcmp(env.refs, want->refs, n_pages * sizeof(env.refs[0])));
		} else {
			CHECK(n_dirs <= want->n_dirs && !env.asked.writable);
		}
		env_answer_map(0);
		env_turn();
		env_check();
	}
	CHECK_EQ(n_dirs, want->n_dirs + !want->status);
	CHECK_EQ(stats->buffers, !want->status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ctl_bind limits = { .max_buffer_pages = 4096, .max_buffers = 2,
						.max_contexts = 1, .max_resources = 1,
						.max_pages = 4096 };
	static struct wanted want;
	struct fuzz_in in = { data, size };
	const uint32_t n_pages = fuzz_u16(&in) % 4096u + 1, first = fuzz_u8(&in) % ENV_DIRS + 1;
	const uint8_t fail_at = fuzz_u8(&in);
	struct vgpuif_request req = { .operation = VGPUIF_OP_BUFFER_REGISTER };
	struct vgpuif_response rsp;

	env_start(&limits, false);
	write_pages(&in);
	walk(env.dir, first, n_pages, &want);
	req.u.buffer_register.buffer_id = 1;
	req.u.buffer_register.n_pages = n_pages;
	req.u.buffer_register.gref_directory = first;
	CHECK(!ring_front_put(&env.front, &req));
	ring_front_push(&env.front);
	serve(&want, n_pages, fail_at < 8 ? fail_at : UINT32_MAX);
	CHECK_EQ(ring_front_get(&env.front, &rsp), 1);
	if (fail_at < 8 && fail_at < want.n_dirs + !want.status)
		CHECK_EQ(rsp.status, -XEN_EFAULT);
	else
		CHECK_EQ(rsp.status, want.status);
	env_stop();
	return 0;
}
