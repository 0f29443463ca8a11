/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to xengpu sched: what its command line says, and what it shows.
 */
#ifndef CONFIG_XENGPU_SCHED_H
#define CONFIG_XENGPU_SCHED_H

#include "xengpu_cmd.h"

/* Which vgpus: those of @domain, a name or an id (NULL, all); its @devid only (-1, any). */
struct sched_filter {
	const char *domain;
	int devid;
};

struct sched_options {
	struct sched_filter filter;
	struct vgpu_option change;
	bool gpu;			/* -s */
	bool change_gpu;
	bool has_ratelimit;
	char policy[HOSTCONF_POLICY_BYTES];	/* "", leave it */
	uint32_t slice_us;		/* 0, leave it */
	uint32_t ratelimit_us;
	bool json;
	bool no_save;
};

/* sched_parse() - the command line. Returns CMD_OK, or CMD_USAGE and has said why. */
int sched_parse(int argc, char **argv, struct sched_options *o);

/* sched_match() - whether a vgpu is one of them. */
bool sched_match(const struct sched_filter *filter, const struct sample_vgpu *v);

/* sched_print() - the parameters of the GPU and of the vgpus, a table or JSON. */
void sched_print(const struct sample *s, const struct sched_filter *filter, bool json);

/* sched_print_gpu() - those of the GPU alone. */
void sched_print_gpu(const struct sample *s, bool json);

#endif
