// SPDX-License-Identifier: GPL-2.0-only
/*
 * The keys of a vgpu; see option.h.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "option.h"
#include "xenbus.h"

struct key {
	const char *name;
	const char *node;
	const char *allowed;		/* of text */
	bool (*check)(const char *value);	/* of text */
	size_t offset;
	uint32_t min, max;
	uint32_t preset;		/* of numbers: as xengpud's own, see its --help */
};

static bool gpu_ok(const char *value)
{
	static const char prefix[] = "/dev/dri/renderD";
	uint32_t minor;

	/* "model" is for tests: an xengpud that was not told to serve it refuses it in words. */
	if (!strcmp(value, "auto") || !strcmp(value, "soft") || !strcmp(value, "model"))
		return true;
	return !strncmp(value, prefix, sizeof(prefix) - 1) &&
	       !xenbus_parse_u32(value + sizeof(prefix) - 1, &minor) && minor < 1u << 20;
}

static bool backend_ok(const char *value)
{
	const char *c;

	for (c = value; *c; c++) {
		if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f || *c == '/')
			return false;
	}
	return c != value;
}

static const struct key keys[] = {
#define NUMBER(key_, name_, member, min_, max_, preset_)					\
	[key_] = { .name = name_, .node = name_, .offset = offsetof(struct vgpu_option, member), \
		   .min = min_, .max = max_, .preset = preset_ }
	NUMBER(OPTION_WEIGHT, "weight", weight, 1, 65535, OPTION_WEIGHT_PRESET),
	NUMBER(OPTION_CAP, "cap", cap, 0, 100, UINT32_MAX),
	NUMBER(OPTION_MEMORY, "memory", memory_mib, 1, 1048576, OPTION_MEMORY_PRESET),
	NUMBER(OPTION_CONTEXTS, "contexts", contexts, 1, 65536, 64),
	NUMBER(OPTION_RESOURCES, "resources", resources, 1, 1048576, 65536),
	NUMBER(OPTION_PAGES, "pages", pages, 1, 16777216, 65536),
	NUMBER(OPTION_SESSIONS, "sessions", sessions, 1, 1024, 64),
	NUMBER(OPTION_INFLIGHT, "inflight", inflight_mib, 1, 1024, 64),
	NUMBER(OPTION_MAX_FPS, "max_fps", max_fps, 0, 1000, UINT32_MAX),
	NUMBER(OPTION_FPS, "fps", fps, 0, 1000, UINT32_MAX),
#undef NUMBER
	[OPTION_GPU] = { .name = "gpu", .node = "gpu", .check = gpu_ok,
			 .allowed = "auto, soft, or a render node such as /dev/dri/renderD128",
			 .offset = offsetof(struct vgpu_option, gpu) },
	[OPTION_BACKEND] = { .name = "backend", .check = backend_ok,
			     .allowed = "a domain's name or id",
			     .offset = offsetof(struct vgpu_option, backend) },
	[OPTION_DEVID] = { .name = "devid", .max = UINT16_MAX },
};
_Static_assert(sizeof(keys) / sizeof(keys[0]) == OPTION_N_KEYS, "a key is missing in the table");

static uint32_t *number_at(struct vgpu_option *option, enum option_key key)
{
	return (uint32_t *)(void *)((char *)option + keys[key].offset);
}

static char *text_at(struct vgpu_option *option, enum option_key key)
{
	return (char *)option + keys[key].offset;
}

const char *option_key_name(enum option_key key)
{
	return keys[key].name;
}

const char *option_node(enum option_key key)
{
	return keys[key].node;
}

uint32_t option_preset(enum option_key key)
{
	return keys[key].preset;
}

bool option_gpu_ok(const char *gpu)
{
	return gpu_ok(gpu);
}

uint32_t option_number(const struct vgpu_option *option, enum option_key key)
{
	if (key == OPTION_DEVID)
		return option->devid;
	return *(const uint32_t *)(const void *)((const char *)option + keys[key].offset);
}

void option_set_number(struct vgpu_option *option, enum option_key key, uint32_t value)
{
	if (key == OPTION_DEVID)
		option->devid = (uint16_t)value;
	else
		*number_at(option, key) = value;
	option->given |= OPTION_BIT(key);
}

int option_set(struct vgpu_option *option, enum option_key key, const char *value, char *why)
{
	const struct key *k = &keys[key];
	uint32_t number;

	if (k->check) {
		if (strlen(value) >= OPTION_MAX_NAME || !k->check(value))
			return why_set(why, "%s=%.40s: the value must be %s", k->name, value,
				       k->allowed);
		strcpy(text_at(option, key), value);
		option->given |= OPTION_BIT(key);
		return 0;
	}
	if (xenbus_parse_u32(value, &number) || number < k->min || number > k->max)
		return why_set(why, "%s=%.40s: the value must be %u..%u", k->name, value, k->min,
			       k->max);
	option_set_number(option, key, number);
	return 0;
}

static int list_keys(uint32_t allowed, char *why)
{
	const char *separator = " ";
	size_t i;

	for (i = 0; i < OPTION_N_KEYS; i++) {
		if (!(allowed & OPTION_BIT(i)))
			continue;
		why_add(why, "%s%s=", separator, keys[i].name);
		separator = ", ";
	}
	return -EINVAL;
}

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		text[--len] = '\0';
	return text;
}

static int parse_one(char *item, uint32_t allowed, struct vgpu_option *option, char *why)
{
	char *equals = strchr(item, '='), *name = item;
	size_t i;

	if (equals)
		*equals = '\0';
	name = trim(name);
	if (!*name) {
		why_set(why, "no key between two commas, before '=' or at the end; allowed are");
		return list_keys(allowed, why);
	}
	for (i = 0; i < OPTION_N_KEYS; i++) {
		if (!strcmp(name, keys[i].name))
			break;
	}
	if (i == OPTION_N_KEYS || !(allowed & OPTION_BIT(i))) {
		why_set(why, i == OPTION_N_KEYS ? "unknown key '%.40s'; allowed are" :
			"the key '%.40s' cannot be here; allowed are", name);
		return list_keys(allowed, why);
	}
	if (option->given & OPTION_BIT(i))
		return why_set(why, "%s=%.40s: %s was given before", name,
			       equals ? trim(equals + 1) : "", name);
	return option_set(option, (enum option_key)i, equals ? trim(equals + 1) : "", why);
}

int option_parse(const char *text, uint32_t allowed, struct vgpu_option *option, char *why)
{
	char copy[OPTION_MAX_TEXT], *rest = copy, *item;
	size_t len = strlen(text);
	int err;

	if (len >= sizeof(copy))
		return why_set(why, "more than %zu characters of keys", sizeof(copy) - 1);
	memcpy(copy, text, len + 1);
	if (!*trim(copy))
		return 0;
	while ((item = strsep(&rest, ","))) {
		err = parse_one(item, allowed, option, why);
		if (err)
			return err;
	}
	return 0;
}

void option_value(const struct vgpu_option *option, enum option_key key, char *text)
{
	if (keys[key].check)
		memcpy(text, (const char *)option + keys[key].offset, OPTION_MAX_NAME);
	else
		snprintf(text, OPTION_MAX_NAME, "%u", option_number(option, key));
}

void option_print(const struct vgpu_option *option, char *text)
{
	char value[OPTION_MAX_NAME];
	size_t i, used = 0;

	text[0] = '\0';
	for (i = 0; i < OPTION_N_KEYS; i++) {
		if (!(option->given & OPTION_BIT(i)))
			continue;
		option_value(option, (enum option_key)i, value);
		/* All keys with their longest values fit; config_option tests it. */
		used += (size_t)snprintf(text + used, OPTION_MAX_TEXT - used, "%s%s=%s",
					 used ? "," : "", keys[i].name, value);
	}
}

void option_merge(struct vgpu_option *option, const struct vgpu_option *under)
{
	char value[OPTION_MAX_NAME];
	size_t i;

	for (i = 0; i < OPTION_N_KEYS; i++) {
		if (option->given & OPTION_BIT(i) || !(under->given & OPTION_BIT(i)))
			continue;
		if (keys[i].check) {
			option_value(under, (enum option_key)i, value);
			memcpy(text_at(option, (enum option_key)i), value, OPTION_MAX_NAME);
			option->given |= OPTION_BIT(i);
		} else {
			option_set_number(option, (enum option_key)i,
					  option_number(under, (enum option_key)i));
		}
	}
}
