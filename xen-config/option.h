/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one vgpu of a domain is to be: "weight=512,cap=40,memory=256", as it stands in a config file
 * and on the command line, and as the nodes that attach_add() writes. One table has the keys.
 */
#ifndef CONFIG_OPTION_H
#define CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "why.h"

#define OPTION_MAX_NAME		64u	/* with its NUL */
#define OPTION_MAX_TEXT		512u	/* of all keys together, with a NUL */
#define OPTION_WEIGHT_PRESET	256u	/* as in xl sched-credit2 */
#define OPTION_MEMORY_PRESET	1024u	/* MiB */

enum option_key {
	OPTION_WEIGHT,
	OPTION_CAP,
	OPTION_MEMORY,
	OPTION_CONTEXTS,
	OPTION_RESOURCES,
	OPTION_PAGES,
	OPTION_SESSIONS,
	OPTION_INFLIGHT,
	OPTION_MAX_FPS,
	OPTION_GPU,
	OPTION_FPS,
	OPTION_BACKEND,
	OPTION_DEVID,
	OPTION_N_KEYS,
};

#define OPTION_BIT(key)		(1u << (key))
#define OPTION_ALL		(OPTION_BIT(OPTION_N_KEYS) - 1)
/* Those that have an upper limit. */
#define OPTION_NUMBERS		(OPTION_BIT(OPTION_GPU) - 1)

struct vgpu_option {
	uint32_t given;			/* OPTION_BIT() of the keys that are set; others are 0 */
	uint32_t weight;		/* 1..65535: share of the GPU when there is not enough */
	uint32_t cap;			/* 0..100 percent of one GPU; 0, none */
	uint32_t memory_mib;		/* 1..1048576 */
	uint32_t contexts;		/* 1..65536, of a session */
	uint32_t resources;		/* 1..1048576, of a session */
	uint32_t pages;			/* 1..16777216 that the guest may have mapped */
	uint32_t sessions;		/* 1..1024 */
	uint32_t inflight_mib;		/* 1..1024 of commands that are not done, of a session */
	uint32_t max_fps;		/* 0..1000 frames a second at most, of a session; 0, no limit */
	uint32_t fps;			/* 0..1000 that policy "deadline" holds for it; 0, none */
	char gpu[OPTION_MAX_NAME];	/* "auto", "soft", "/dev/dri/renderDN" or "model" */
	char backend[OPTION_MAX_NAME];	/* a domain's name or id */
	uint16_t devid;
};

/*
 * option_parse() - read "key=value,..." on top of what @option has, which then counts as given
 * before: the same key again is an error. Spaces around keys and values do not count; "" is no key.
 * @allowed: OPTION_BIT() of the keys that may be there.
 * @option: with -EINVAL, it has some of them.
 * Returns 0; -EINVAL, @why names the key, the value and what is allowed.
 */
int option_parse(const char *text, uint32_t allowed, struct vgpu_option *option, char *why);

/* option_print() - what option_parse() takes, into OPTION_MAX_TEXT octets. */
void option_print(const struct vgpu_option *option, char *text);

/* option_merge() - the keys of @under that @option does not have. */
void option_merge(struct vgpu_option *option, const struct vgpu_option *under);

/* option_key_name(), option_node() - a key; its node in the backend's directory, NULL if none. */
const char *option_key_name(enum option_key key);
const char *option_node(enum option_key key);

/* option_value() - the text of a key that is given, into OPTION_MAX_NAME octets. */
void option_value(const struct vgpu_option *option, enum option_key key, char *text);

/* option_set() - set one key, given before or not. Returns as option_parse(). */
int option_set(struct vgpu_option *option, enum option_key key, const char *value, char *why);

/* option_number(), option_set_number() - a key of OPTION_NUMBERS; the number is in its range. */
uint32_t option_number(const struct vgpu_option *option, enum option_key key);
void option_set_number(struct vgpu_option *option, enum option_key key, uint32_t value);

/* option_preset() - what holds for a key of OPTION_NUMBERS that nobody gave; UINT32_MAX, no limit. */
uint32_t option_preset(enum option_key key);

/* option_gpu_ok() - whether it is "auto", "soft" or the path of a render node. */
bool option_gpu_ok(const char *gpu);

#endif
