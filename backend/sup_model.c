// SPDX-License-Identifier: GPL-2.0-only
/*
 * The model GPU's memory, which all workers share; see gpu_model.h. Nothing here reads it again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gpu_model.h"
#include "sup_spawn.h"

int model_memory(void)
{
	const struct {
		uint64_t magic, n_traces;
	} head = { GPU_MODEL_MAGIC, GPU_MODEL_TRACES };
	int fd = memfd_create(GPU_MODEL_MEM_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int err;

	if (fd < 0)
		return -errno;
	if (!ftruncate(fd, sizeof(struct gpu_model_mem)) &&
	    pwrite(fd, &head, sizeof(head), 0) == sizeof(head) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fd;
	err = -errno;
	close(fd);
	return err;
}
