// SPDX-License-Identifier: GPL-2.0-only
/*
 * The uAPI of virtgpu_drm.h as the kernel module has it, asked for directly: what Mesa relies on,
 * what it does not use here (blobs, fences as files, dma-buf), and what a program gets wrong.
 * `virtgpu [NODE]`. Prints a line for each thing that is right and ends with 1 at the first that is
 * not. `virtgpu objects`, `virtgpu imports N`, `virtgpu alone SECONDS`: only that.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "virtgpu.h"

#define CHECK(expr)									\
	do {										\
		errno = 0;								\
		if (!(expr)) {								\
			printf("line %d: %s (errno %d, %s)\n", __LINE__, #expr, errno,	\
			       strerror(errno));					\
			exit(1);							\
		}									\
	} while (0)
#define REFUSED(expr, err) CHECK((expr) == -1 && errno == (err))

static const char *node = "/dev/dri/renderD128";

static int open_node(void)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);

	CHECK(fd >= 0);
	return fd;
}

static int get_param(int fd, uint64_t param, int *value)
{
	struct drm_virtgpu_getparam p = { .param = param, .value = (uintptr_t)value };

	return ioctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &p);
}

static void params(void)
{
	int fd = open_node(), value[2] = { -1, 77 };

	CHECK(!get_param(fd, VIRTGPU_PARAM_3D_FEATURES, value) && value[0] == 1 && value[1] == 77);
	CHECK(!get_param(fd, VIRTGPU_PARAM_CAPSET_QUERY_FIX, value) && value[0] == 1);
	CHECK(!get_param(fd, VIRTGPU_PARAM_RESOURCE_BLOB, value) && value[0] == 1);
	CHECK(!get_param(fd, VIRTGPU_PARAM_CONTEXT_INIT, value) && value[0] == 1);
	CHECK(!get_param(fd, VIRTGPU_PARAM_HOST_VISIBLE, value) && value[0] == 0);
	CHECK(!get_param(fd, VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs, value) && (value[0] & 6));
	REFUSED(get_param(fd, 9, value), EINVAL);
	REFUSED(get_param(fd, 1000, value), EINVAL);
	REFUSED(get_param(fd, VIRTGPU_PARAM_3D_FEATURES, NULL), EFAULT);
	close(fd);
	puts("parameters: right");
}

static int get_caps(int fd, uint32_t id, uint32_t version, void *caps, uint32_t bytes)
{
	struct drm_virtgpu_get_caps c = { .cap_set_id = id, .cap_set_ver = version,
					  .addr = (uintptr_t)caps, .size = bytes };

	return ioctl(fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &c);
}

static void caps(void)
{
	uint8_t whole[8192] = { 0 }, part[64];
	uint32_t texels, bits;
	int fd = open_node();

	memset(part, 0xa5, sizeof(part));
	CHECK(!get_caps(fd, 2, 1, whole, sizeof(whole)));
	/* No more texels than a granted buffer has; no persistent mappings. Source: virgl_hw.h. */
	memcpy(&texels, whole + 292, sizeof(texels));
	memcpy(&bits, whole + 392, sizeof(bits));
	CHECK(texels > 0 && texels <= 1u << 24);
	CHECK(bits && !(bits & 1u << 31));
	CHECK(!get_caps(fd, 2, 1, part, 16));
	CHECK(!memcmp(part, whole, 16) && part[16] == 0xa5);
	REFUSED(get_caps(fd, 55, 0, whole, sizeof(whole)), EINVAL);
	REFUSED(get_caps(fd, 2, 1000, whole, sizeof(whole)), EINVAL);
	REFUSED(get_caps(fd, 2, 1, NULL, 16), EFAULT);
	close(fd);
	puts("capsets: right");
}

static int context_init(int fd, uint32_t n, struct virtgpu_param *p)
{
	struct virtgpu_context_init init = { .num_params = n, .params = (uintptr_t)p };

	return ioctl(fd, IOCTL_CONTEXT_INIT, &init);
}

static void contexts(void)
{
	struct virtgpu_param good = { VIRTGPU_CONTEXT_PARAM_CAPSET_ID, 2 };
	struct virtgpu_param bad[] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, 55 }, { VIRTGPU_CONTEXT_PARAM_CAPSET_ID, 64 },
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 65 }, { VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 2 },
		{ VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK, 1 }, { 99, 0 },
	};
	int fd = open_node(), many[80], n, err = 0;
	size_t i;

	REFUSED(context_init(fd, 0, &good), EINVAL);
	REFUSED(context_init(fd, 5, &good), EINVAL);
	REFUSED(context_init(fd, 1, NULL), EFAULT);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		REFUSED(context_init(fd, 1, &bad[i]), EINVAL);
	CHECK(!context_init(fd, 1, &good));
	REFUSED(context_init(fd, 1, &good), EEXIST);
	close(fd);
	/* More than the backend allows: an error, and room again when they are closed. */
	for (n = 0; n < 80; n++) {
		many[n] = open_node();
		if (context_init(many[n], 1, &good)) {
			err = errno;
			break;
		}
	}
	CHECK(n >= 16 && (n == 80 || err == ENOMEM));
	for (; n >= 0; n--)
		if (n < 80)
			close(many[n]);
	fd = open_node();
	for (n = 0; n < 50 && context_init(fd, 1, &good); n++)
		usleep(100000);
	CHECK(n < 50);
	close(fd);
	puts("contexts: right");
}

static int execute(int fd, struct virtgpu_execbuffer *e)
{
	return ioctl(fd, IOCTL_EXECBUFFER, e);
}

static void submits(void)
{
	static uint32_t nop[16];
	struct virtgpu_execbuffer e = { .command = (uintptr_t)nop, .size = sizeof(nop) };
	uint32_t handle = 4711;
	int fd = open_node(), fence, i;
	struct pollfd pfd = { .events = POLLIN };

	CHECK(!execute(fd, &e));
	e.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT;
	CHECK(!execute(fd, &e));
	fence = e.fence_fd;
	pfd.fd = fence;
	CHECK(poll(&pfd, 1, 20000) == 1);
	e.flags = VIRTGPU_EXECBUF_FENCE_FD_IN | VIRTGPU_EXECBUF_FENCE_FD_OUT;
	CHECK(!execute(fd, &e));
	close(e.fence_fd);
	close(fence);
	/* A fence and nothing else. */
	e = (struct virtgpu_execbuffer){ .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT };
	CHECK(!execute(fd, &e));
	pfd.fd = e.fence_fd;
	CHECK(poll(&pfd, 1, 20000) == 1);
	close(e.fence_fd);

	e = (struct virtgpu_execbuffer){ .command = (uintptr_t)nop, .size = 6 };
	REFUSED(execute(fd, &e), EINVAL);
	e.size = (1u << 20) + 4;
	REFUSED(execute(fd, &e), EINVAL);
	e.size = 64;
	e.command = 0;
	REFUSED(execute(fd, &e), EFAULT);
	/* Pages that nobody has touched yet. */
	e.command = (uintptr_t)mmap(NULL, 1u << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	e.size = 1u << 20;
	CHECK((void *)(uintptr_t)e.command != MAP_FAILED && !execute(fd, &e));
	munmap((void *)(uintptr_t)e.command, 1u << 20);
	/* Each time it has room for them, of which there is not as much. */
	for (i = 0; i < 4; i++)
		REFUSED(execute(fd, &e), EFAULT);
	e.size = 64;
	e.command = (uintptr_t)nop;
	e.flags = 1u << 20;
	REFUSED(execute(fd, &e), EINVAL);
	e.flags = VIRTGPU_EXECBUF_RING_IDX;
	e.ring_idx = 1;
	REFUSED(execute(fd, &e), EINVAL);
	e.flags = VIRTGPU_EXECBUF_FENCE_FD_IN;
	e.fence_fd = -1;
	REFUSED(execute(fd, &e), EINVAL);
	e.flags = 0;
	e.num_bo_handles = 1;
	e.bo_handles = (uintptr_t)&handle;
	REFUSED(execute(fd, &e), ENOENT);
	e.bo_handles = 0;
	REFUSED(execute(fd, &e), EFAULT);
	e.num_bo_handles = ~0u;
	REFUSED(execute(fd, &e), EINVAL);
	close(fd);
	puts("submits and fences: right");
}

static uint32_t syncobj(int fd)
{
	struct drm_syncobj_create c = { 0 };

	CHECK(!ioctl(fd, DRM_IOCTL_SYNCOBJ_CREATE, &c));
	return c.handle;
}

/* Whether @point of a syncobj has signalled within @ms; point 0: whether its fence has. */
static int signalled(int fd, uint32_t handle, uint64_t point, int ms)
{
	struct timespec now;
	int64_t until;

	clock_gettime(CLOCK_MONOTONIC, &now);
	until = now.tv_sec * INT64_C(1000000000) + now.tv_nsec + ms * INT64_C(1000000);
	if (point) {
		struct drm_syncobj_timeline_wait w = {
			.handles = (uintptr_t)&handle, .points = (uintptr_t)&point, .count_handles = 1,
			.timeout_nsec = until };

		return ioctl(fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &w);
	}
	struct drm_syncobj_wait w = { .handles = (uintptr_t)&handle, .count_handles = 1,
				      .timeout_nsec = until };

	return ioctl(fd, DRM_IOCTL_SYNCOBJ_WAIT, &w);
}

/* Syncobjs of a submit: in the uAPI since Linux 6.6, and without a parameter that says so. */
static void syncobjs(void)
{
	static uint32_t nop[16];
	struct virtgpu_execbuffer_syncobj in[2], out[2];
	struct virtgpu_execbuffer2 e = {
		.command = (uintptr_t)nop, .size = sizeof(nop), .syncobj_stride = sizeof(in[0]),
		.in_syncobjs = (uintptr_t)in, .out_syncobjs = (uintptr_t)out,
	};
	unsigned int major, minor;
	struct utsname name;
	int fd;

	CHECK(!uname(&name) && sscanf(name.release, "%u.%u", &major, &minor) == 2);
	if (major < 6 || (major == 6 && minor < 6)) {
		printf("syncobjs of a submit: Linux %u.%u has none\n", major, minor);
		return;
	}
	fd = open_node();
	memset(in, 0, sizeof(in));
	memset(out, 0, sizeof(out));
	out[0].handle = syncobj(fd);
	out[1].handle = syncobj(fd);
	out[1].point = 3;
	e.num_out_syncobjs = 2;
	CHECK(!ioctl(fd, IOCTL_EXECBUFFER2, &e));
	CHECK(!signalled(fd, out[0].handle, 0, 20000));
	CHECK(!signalled(fd, out[1].handle, 3, 20000));
	REFUSED(signalled(fd, out[1].handle, 4, 0), EINVAL);
	/* What one gave the next waits for; a reset one is empty afterwards. */
	in[0].handle = out[0].handle;
	in[0].flags = VIRTGPU_EXECBUF_SYNCOBJ_RESET;
	in[1] = out[1];
	out[1].point = 4;
	e.num_in_syncobjs = 2;
	e.out_syncobjs = (uintptr_t)&out[1];
	e.num_out_syncobjs = 1;
	CHECK(!ioctl(fd, IOCTL_EXECBUFFER2, &e));
	CHECK(!signalled(fd, out[1].handle, 4, 20000));
	REFUSED(signalled(fd, in[0].handle, 0, 0), EINVAL);
	/* Now there is nothing to wait for. */
	REFUSED(ioctl(fd, IOCTL_EXECBUFFER2, &e), EINVAL);
	e.num_in_syncobjs = 0;
	e.syncobj_stride = 0;
	REFUSED(ioctl(fd, IOCTL_EXECBUFFER2, &e), EINVAL);
	e.syncobj_stride = sizeof(in[0]);
	out[1].flags = 1;
	REFUSED(ioctl(fd, IOCTL_EXECBUFFER2, &e), EINVAL);
	out[1].flags = 0;
	out[1].handle = 4711;
	REFUSED(ioctl(fd, IOCTL_EXECBUFFER2, &e), EINVAL);
	e.out_syncobjs = 0;
	REFUSED(ioctl(fd, IOCTL_EXECBUFFER2, &e), EFAULT);
	e.num_out_syncobjs = ~0u;
	REFUSED(ioctl(fd, IOCTL_EXECBUFFER2, &e), EINVAL);
	close(fd);
	puts("syncobjs of a submit: right");
}

/* A buffer of @bytes. Source of the numbers: virgl's p_defines.h and virgl_hw.h. */
static int create_buffer(int fd, uint32_t bytes, struct drm_virtgpu_resource_create *out)
{
	*out = (struct drm_virtgpu_resource_create){
		.target = 0, .format = 64, .bind = 1 << 4, .width = bytes, .height = 1, .depth = 1,
		.array_size = 1, .size = bytes,
	};
	return ioctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, out);
}

static void *map(int fd, uint32_t handle, size_t bytes)
{
	struct drm_virtgpu_map m = { .handle = handle };
	void *p;

	CHECK(!ioctl(fd, DRM_IOCTL_VIRTGPU_MAP, &m));
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)m.offset);
	CHECK(p != MAP_FAILED);
	return p;
}

static int await(int fd, uint32_t handle)
{
	struct drm_virtgpu_3d_wait w = { .handle = handle };

	return ioctl(fd, DRM_IOCTL_VIRTGPU_WAIT, &w);
}

static void buffers(void)
{
	struct drm_virtgpu_3d_transfer_to_host to = { 0 };
	struct drm_virtgpu_3d_transfer_from_host from = { 0 };
	struct drm_virtgpu_resource_create r;
	struct virtgpu_info info = { 0 };
	int fd = open_node();
	uint8_t *p;

	CHECK(!create_buffer(fd, 10000, &r));
	CHECK(r.bo_handle && r.res_handle);
	info.bo_handle = r.bo_handle;
	CHECK(!ioctl(fd, IOCTL_INFO, &info));
	CHECK(info.res_handle == r.res_handle && info.size >= 10000 && info.blob_mem == 0);
	p = map(fd, r.bo_handle, 10000);
	memset(p, 0x5a, 10000);
	to.bo_handle = from.bo_handle = r.bo_handle;
	to.box = from.box = (struct drm_virtgpu_3d_box){ .w = 10000, .h = 1, .d = 1 };
	CHECK(!ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &to));
	CHECK(!await(fd, r.bo_handle));
	memset(p, 0, 10000);
	CHECK(!ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &from));
	CHECK(!await(fd, r.bo_handle));
	CHECK(p[0] == 0x5a && p[9999] == 0x5a);
	from.offset = 1u << 30;
	REFUSED(ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &from), EINVAL);
	from.bo_handle = 4711;
	REFUSED(ioctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &from), ENOENT);
	REFUSED(await(fd, 4711), ENOENT);
	REFUSED(create_buffer(fd, 0xfffff000, &r), ENOMEM);
	munmap(p, 10000);
	close(fd);
	puts("resources and transfers: right");
}

static void blobs(void)
{
	struct virtgpu_blob b = {
		.blob_mem = VIRTGPU_BLOB_MEM_GUEST, .blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
		.size = 65536,
	};
	struct virtgpu_info info = { 0 };
	int fd = open_node();
	uint8_t *p;

	CHECK(!ioctl(fd, IOCTL_CREATE_BLOB, &b));
	info.bo_handle = b.bo_handle;
	CHECK(!ioctl(fd, IOCTL_INFO, &info));
	CHECK(info.blob_mem == VIRTGPU_BLOB_MEM_GUEST && info.size == 65536);
	p = map(fd, b.bo_handle, 65536);
	CHECK(p[0] == 0 && p[65535] == 0);
	p[65535] = 1;
	munmap(p, 65536);
	b.blob_mem = VIRTGPU_BLOB_MEM_HOST3D;
	REFUSED(ioctl(fd, IOCTL_CREATE_BLOB, &b), EINVAL);
	b.blob_mem = 4;
	REFUSED(ioctl(fd, IOCTL_CREATE_BLOB, &b), EINVAL);
	b.blob_mem = VIRTGPU_BLOB_MEM_GUEST;
	b.size = 0;
	REFUSED(ioctl(fd, IOCTL_CREATE_BLOB, &b), EINVAL);
	b.size = 1ull << 40;
	REFUSED(ioctl(fd, IOCTL_CREATE_BLOB, &b), ENOMEM);
	close(fd);
	puts("blobs of guest memory: right");
}

/* One object in two files, and a mapping that outlives both. */
static void shared(void)
{
	struct drm_virtgpu_resource_create r;
	struct virtgpu_info info = { 0 };
	struct drm_prime_handle prime = { .flags = DRM_CLOEXEC | DRM_RDWR };
	int one = open_node(), two = open_node();
	uint8_t *p, *q;

	CHECK(!create_buffer(one, 8192, &r));
	prime.handle = r.bo_handle;
	CHECK(!ioctl(one, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime));
	prime.handle = 0;
	CHECK(!ioctl(two, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime));
	info.bo_handle = prime.handle;
	CHECK(!ioctl(two, IOCTL_INFO, &info));
	CHECK(info.res_handle == r.res_handle);
	p = map(one, r.bo_handle, 8192);
	q = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, prime.fd, 0);
	CHECK(q != MAP_FAILED);
	close(one);
	close(two);
	close(prime.fd);
	p[8191] = 42;
	CHECK(q[8191] == 42);
	munmap(p, 8192);
	munmap(q, 8192);
	puts("dma-buf: right");
}

/* A dma-buf of vgem's; -1 where that is not loaded. */
static int vgem_dmabuf(void)
{
	struct drm_mode_create_dumb dumb = { .width = 64, .height = 64, .bpp = 32 };
	struct drm_prime_handle prime = { .flags = DRM_CLOEXEC };
	char path[32], name[16];
	struct drm_version v = { .name = name };
	int i, fd;

	for (i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		v.name_len = sizeof(name);
		memset(name, 0, sizeof(name));
		if (!ioctl(fd, DRM_IOCTL_VERSION, &v) && !strncmp(name, "vgem", sizeof(name)))
			break;
		close(fd);
	}
	if (i == 8)
		return -1;
	CHECK(!ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb));
	prime.handle = dumb.handle;
	CHECK(!ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime));
	close(fd);
	return prime.fd;
}

/* Pages that are not this device's, and what is no dma-buf at all. */
static void foreign(void)
{
	struct drm_prime_handle prime = { .fd = vgem_dmabuf() };
	int fd = open_node();

	if (prime.fd >= 0) {
		REFUSED(ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime), EOPNOTSUPP);
		close(prime.fd);
	}
	puts(prime.fd >= 0 ? "a foreign dma-buf: refused" : "a foreign dma-buf: no vgem to make one");
	prime.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	REFUSED(ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime), EINVAL);
	close(prime.fd);
	close(fd);
}

/* A thousand objects, some closed one by one and some by the end of the file. */
static void many(void)
{
	struct drm_virtgpu_resource_create r;
	struct drm_gem_close c = { 0 };
	int fd = open_node(), i;

	for (i = 0; i < 1000; i++) {
		CHECK(!create_buffer(fd, 64, &r));
		c.handle = r.bo_handle;
		if (i % 2)
			CHECK(!ioctl(fd, DRM_IOCTL_GEM_CLOSE, &c));
	}
	CHECK(!create_buffer(fd, 64, &r) && !await(fd, r.bo_handle));
	close(fd);
	puts("many objects: right");
}

struct sharing {
	int owner, user, dmabuf;
	uint32_t handle;		/* the owner's */
};

static struct sharing share(void)
{
	struct sharing s = { .owner = open_node(), .user = open_node() };
	struct drm_prime_handle prime = { .flags = DRM_CLOEXEC };
	struct drm_virtgpu_resource_create r;

	CHECK(!create_buffer(s.owner, 8192, &r));
	s.handle = prime.handle = r.bo_handle;
	CHECK(!ioctl(s.owner, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime));
	s.dmabuf = prime.fd;
	return s;
}

static void import_and_close(const struct sharing *s)
{
	struct drm_prime_handle prime = { .fd = s->dmabuf };
	struct drm_gem_close c = { 0 };

	CHECK(!ioctl(s->user, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime));
	c.handle = prime.handle;
	CHECK(!ioctl(s->user, DRM_IOCTL_GEM_CLOSE, &c));
}

/* One object that is kept, again and again: requests, but nothing that is waited for. */
static void imports(int n)
{
	struct sharing s = share();
	int i;

	for (i = 1; i <= n; i++) {
		import_and_close(&s);
		if (i % 1000 == 0) {
			printf("%d\n", i);
			fflush(stdout);
		}
	}
}

/* Requests that nobody is in a hurry for, and then nothing for a while. */
static void left_alone(int seconds)
{
	struct sharing s = share();

	CHECK(!await(s.owner, s.handle));
	import_and_close(&s);
	sleep((unsigned int)seconds);
	CHECK(!execute(s.owner, &(struct virtgpu_execbuffer){ 0 }));
	CHECK(!execute(s.user, &(struct virtgpu_execbuffer){ 0 }));
	printf("left alone for %d s: right\n", seconds);
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "imports"))
		return imports(atoi(argv[2])), 0;
	if (argc > 2 && !strcmp(argv[1], "alone"))
		return left_alone(atoi(argv[2])), 0;
	if (argc > 1 && !strcmp(argv[1], "objects"))
		return many(), 0;
	if (argc > 1)
		node = argv[1];
	params();
	caps();
	contexts();
	submits();
	buffers();
	blobs();
	shared();
	foreign();
	syncobjs();
	many();
	return 0;
}
