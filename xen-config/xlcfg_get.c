// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading a configuration's file, and settings of a certain kind out of it; see xlcfg.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xlcfg.h"

/* Up to @room octets. Returns how many, or -errno. */
static ssize_t read_all(int fd, char *text, size_t room)
{
	size_t have = 0;
	ssize_t n;

	while (have < room) {
		n = read(fd, text + have, room - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

/* A fifo that nobody writes must not hold us up, and a folder is no file. */
static int open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return errno == ENOTDIR ? -ENOENT : -errno;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -ENOENT;
}

int xlcfg_read(const char *path, struct xlcfg **out, char *why)
{
	char *text = NULL;
	ssize_t n;
	int fd, err;

	fd = open_file(path);
	n = fd;
	if (fd >= 0) {
		/* One more than is allowed, which xlcfg_parse() then says. */
		text = malloc(XLCFG_MAX_BYTES + 1);
		n = text ? read_all(fd, text, XLCFG_MAX_BYTES + 1) : -ENOMEM;
		close(fd);
	}
	if (n < 0) {
		why_set(why, "%s: cannot be read: %s", path, strerror((int)-n));
		err = (int)n;
	} else {
		err = xlcfg_parse(text, (size_t)n, path, out, why);
	}
	free(text);
	return err;
}

int xlcfg_text(const struct xlcfg *cfg, const char *name, const char **out, char *why)
{
	const struct xlcfg_value *v = xlcfg_find(cfg, name);

	if (!v)
		return -ENOENT;
	if (v->type != XLCFG_TEXT)
		return why_set(why, "%s:%u: %s is a list; it must be one value, in quotes",
			       v->source, v->line, name);
	*out = v->text;
	return 0;
}

int xlcfg_number(const struct xlcfg *cfg, const char *name, uint64_t min, uint64_t max,
		 uint64_t *out, char *why)
{
	const struct xlcfg_value *v = xlcfg_find(cfg, name);
	unsigned long long value = 0;
	const char *text = "";
	char *end = NULL;
	int err;

	err = xlcfg_text(cfg, name, &text, why);
	if (err)
		return err;
	/* xl refuses what was appended, too: "1" and "2" are not 12. */
	if (text[0] >= '0' && text[0] <= '9' && !v->appended) {
		errno = 0;
		value = strtoull(text, &end, 0);
	}
	if (!end || *end || errno || value < min || value > max)
		return why_set(why, "%s:%u: %s = %.40s: must be a number, %llu..%llu", v->source,
			       v->line, name, text, (unsigned long long)min,
			       (unsigned long long)max);
	*out = value;
	return 0;
}

int xlcfg_list(const struct xlcfg *cfg, const char *name, const struct xlcfg_value **out,
	       char *why)
{
	const struct xlcfg_value *v = xlcfg_find(cfg, name);
	size_t i;

	if (!v)
		return -ENOENT;
	if (v->type != XLCFG_LIST)
		return why_set(why, "%s:%u: %s must be a list, %s = [ \"...\" ]", v->source, v->line,
			       name, name);
	for (i = 0; i < v->n_items; i++) {
		if (v->items[i].type != XLCFG_TEXT)
			return why_set(why, "%s:%u: %s has a list in its list; it must have text in "
				       "quotes only", v->items[i].source, v->items[i].line, name);
	}
	*out = v;
	return 0;
}
