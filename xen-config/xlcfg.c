// SPDX-License-Identifier: GPL-2.0-only
/*
 * The grammar of xl's configurations by recursive descent; see xlcfg.h. The text that is parsed ends
 * at a NUL of our own, so looking at one octet after any other is always allowed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xlcfg.h"

struct setting {
	char *name;
	struct xlcfg_value value;
};

struct source {
	struct source *next;
	char name[];
};

struct xlcfg {
	struct setting *settings;
	size_t n;
	size_t n_values;	/* ever made */
	struct source *sources;
};

enum token {
	TOKEN_END,
	TOKEN_NEWLINE,
	TOKEN_NAME,
	TOKEN_NUMBER,
	TOKEN_STRING,
	TOKEN_ASSIGN,
	TOKEN_APPEND,
	TOKEN_COMMA,
	TOKEN_SEMICOLON,
	TOKEN_OPEN,
	TOKEN_CLOSE,
};

struct parser {
	struct xlcfg *cfg;
	const char *source;
	const char *at, *end;	/* what is not read yet; *end is NUL */
	enum token token;	/* the current one */
	const char *start;	/* of it */
	unsigned int line;	/* of it */
	unsigned int next_line;	/* of what follows */
	char *why;
};

/* --- tokens ---------------------------------------------------------------------------------- */

#define SHOWN_BYTES	40

static int bad_octet(struct parser *p)
{
	const unsigned char c = (unsigned char)*p->at;

	if (c >= 'A' && c <= 'Z')
		return why_set(p->why, "%s:%u: '%c' cannot be here: names have small letters, "
			       "digits, '.' and '_' only", p->source, p->line, c);
	if (c == '-')
		return why_set(p->why, "%s:%u: '-' cannot be here: names have small letters, "
			       "digits, '.' and '_' only, and numbers no sign", p->source, p->line);
	if (c == '\r')
		return why_set(p->why, "%s:%u: a carriage return; lines must end with a newline "
			       "alone", p->source, p->line);
	if (c > 0x20 && c < 0x7f)
		return why_set(p->why, "%s:%u: '%c' cannot be here; text needs quotes", p->source,
			       p->line, c);
	return why_set(p->why, "%s:%u: an octet 0x%02x cannot be here", p->source, p->line, c);
}

/* Only finds the end: what a string holds is taken out by unquote(). */
static int scan_string(struct parser *p)
{
	const char quote = *p->at++;

	while (p->at < p->end && *p->at != quote) {
		if (*p->at == '\n' || !*p->at)
			break;
		if (*p->at == '\\' && p->at[1] && p->at[1] != '\n')
			p->at++;
		p->at++;
	}
	if (p->at >= p->end || *p->at != quote)
		return why_set(p->why, "%s:%u: text without a %c at its end: it must end on the "
			       "same line", p->source, p->line, quote);
	p->at++;
	return 0;
}

static void skip_blank(struct parser *p)
{
	while (*p->at == ' ' || *p->at == '\t')
		p->at++;
	if (*p->at != '#')
		return;
	while (p->at < p->end && *p->at != '\n')
		p->at++;
}

static enum token single(char c)
{
	static const char octets[] = "\n=,;[]";
	static const enum token tokens[] = { TOKEN_NEWLINE, TOKEN_ASSIGN, TOKEN_COMMA,
					     TOKEN_SEMICOLON, TOKEN_OPEN, TOKEN_CLOSE };
	const char *found = c ? strchr(octets, c) : NULL;

	return found ? tokens[found - octets] : TOKEN_END;
}

static int next(struct parser *p)
{
	skip_blank(p);
	p->start = p->at;
	p->line = p->next_line;
	if (p->at == p->end) {
		p->token = TOKEN_END;
		return 0;
	}
	p->token = single(*p->at);
	if (p->token != TOKEN_END) {
		p->next_line += p->token == TOKEN_NEWLINE;
		p->at++;
	} else if (*p->at >= 'a' && *p->at <= 'z') {
		p->token = TOKEN_NAME;
		p->at += strspn(p->at, "abcdefghijklmnopqrstuvwxyz0123456789._");
	} else if (*p->at >= '0' && *p->at <= '9') {
		p->token = TOKEN_NUMBER;
		p->at += strspn(p->at, "0123456789abcdefx");
	} else if (*p->at == '"' || *p->at == '\'') {
		p->token = TOKEN_STRING;
		return scan_string(p);
	} else if (p->at[0] == '+' && p->at[1] == '=') {
		p->token = TOKEN_APPEND;
		p->at += 2;
	} else {
		return bad_octet(p);
	}
	return 0;
}

static int expected(struct parser *p, const char *what)
{
	const size_t bytes = (size_t)(p->at - p->start);

	if (p->token == TOKEN_END)
		return why_set(p->why, "%s:%u: the file ends where %s must be", p->source, p->line,
			       what);
	if (p->token == TOKEN_NEWLINE)
		return why_set(p->why, "%s:%u: the line ends where %s must be", p->source, p->line,
			       what);
	return why_set(p->why, "%s:%u: '%.*s' where %s must be", p->source, p->line,
		       (int)(bytes < SHOWN_BYTES ? bytes : SHOWN_BYTES), p->start, what);
}

/* --- values ---------------------------------------------------------------------------------- */

static void value_finish(struct xlcfg_value *v)
{
	size_t i;

	for (i = 0; i < v->n_items; i++)
		value_finish(&v->items[i]);
	free(v->items);
	free(v->text);
	memset(v, 0, sizeof(*v));
}

static int no_memory(char *why)
{
	why_set(why, "out of memory");
	return -ENOMEM;
}

/* Arrays have room for a power of two; @n is how many are in use. */
static int grow(void *array, size_t n, size_t item_bytes, char *why)
{
	void **old = array, *new;

	if (n & (n - 1))
		return 0;
	new = reallocarray(*old, n ? n * 2 : 1, item_bytes);
	if (!new)
		return no_memory(why);
	*old = new;
	return 0;
}

/*
 * What stands for an escape. libxlu reads up to three decimal digits after \0 to \7, two of them at
 * least, and then stores nothing; it refuses every \x. So do we.
 */
static int escape(struct parser *p, const char **in, char **out)
{
	static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
	const char c = *(*in)++;
	const char *known = strchr(from, c);
	size_t digits;

	if (c == '"' || c == '\'' || c == '\\') {
		*(*out)++ = c;
		return 0;
	}
	if (known && c) {
		*(*out)++ = to[known - from];
		return 0;
	}
	digits = strspn(*in, "0123456789");
	if (c >= '0' && c <= '7' && digits >= 2) {
		*in += digits < 3 ? digits : 3;
		return 0;
	}
	return why_set(p->why, "%s:%u: '\\%c' in text; allowed are \\\\ \\' \\\" \\a \\b \\f \\n "
		       "\\r \\t \\v", p->source, p->line, c);
}

static int take_text(struct parser *p, struct xlcfg_value *v)
{
	const bool quoted = p->token == TOKEN_STRING;
	const char *in = p->start + quoted, *end = p->at - quoted;
	char *out;

	out = v->text = malloc((size_t)(end - in) + 1);
	if (!out)
		return no_memory(p->why);
	while (in < end) {
		if (*in == '\\') {
			in++;
			if (escape(p, &in, &out))
				return -EINVAL;
		} else {
			*out++ = *in++;
		}
	}
	*out = '\0';
	v->bytes = (size_t)(out - v->text);
	return next(p);
}

static int parse_value(struct parser *p, unsigned int depth, struct xlcfg_value *v);

static int skip_newlines(struct parser *p)
{
	int err = 0;

	while (!err && p->token == TOKEN_NEWLINE)
		err = next(p);
	return err;
}

static int parse_list(struct parser *p, unsigned int depth, struct xlcfg_value *v)
{
	int err;

	if (depth >= XLCFG_MAX_DEPTH)
		return why_set(p->why, "%s:%u: lists in lists, more than %u deep", p->source,
			       p->line, XLCFG_MAX_DEPTH);
	v->type = XLCFG_LIST;
	err = next(p);
	if (!err)
		err = skip_newlines(p);
	while (!err && p->token != TOKEN_CLOSE) {
		err = grow(&v->items, v->n_items, sizeof(*v->items), p->why);
		if (err)
			return err;
		memset(&v->items[v->n_items], 0, sizeof(*v->items));
		err = parse_value(p, depth + 1, &v->items[v->n_items++]);
		if (!err)
			err = skip_newlines(p);
		if (err || p->token == TOKEN_CLOSE)
			break;
		if (p->token != TOKEN_COMMA)
			return expected(p, "',' or ']'");
		err = next(p);
		if (!err)
			err = skip_newlines(p);
	}
	return err ? err : next(p);
}

/* On failure, too, @v is one that value_finish() takes. */
static int parse_value(struct parser *p, unsigned int depth, struct xlcfg_value *v)
{
	if (++p->cfg->n_values > XLCFG_MAX_VALUES)
		return why_set(p->why, "%s:%u: more than %u values", p->source, p->line,
			       XLCFG_MAX_VALUES);
	v->source = p->source;
	v->line = p->line;
	switch (p->token) {
	case TOKEN_STRING:
	case TOKEN_NUMBER:
		return take_text(p, v);
	case TOKEN_OPEN:
		return parse_list(p, depth, v);
	default:
		return expected(p, "text in quotes, a number or a list");
	}
}

/* --- settings -------------------------------------------------------------------------------- */

static struct setting *find(const struct xlcfg *cfg, const char *name, size_t bytes)
{
	size_t i;

	for (i = 0; i < cfg->n; i++) {
		if (!strncmp(cfg->settings[i].name, name, bytes) && !cfg->settings[i].name[bytes])
			return &cfg->settings[i];
	}
	return NULL;
}

static int new_setting(struct parser *p, const char *name, size_t bytes, struct setting **out)
{
	struct xlcfg *cfg = p->cfg;
	int err;

	if (cfg->n == XLCFG_MAX_NAMES)
		return why_set(p->why, "%s:%u: more than %u names", p->source, p->line,
			       XLCFG_MAX_NAMES);
	err = grow(&cfg->settings, cfg->n, sizeof(*cfg->settings), p->why);
	if (err)
		return err;
	*out = &cfg->settings[cfg->n];
	memset(*out, 0, sizeof(**out));
	(*out)->name = strndup(name, bytes);
	if (!(*out)->name)
		return no_memory(p->why);
	cfg->n++;
	return 0;
}

/* @more is used up. */
static int append(struct parser *p, struct xlcfg_value *v, struct xlcfg_value *more)
{
	size_t i;
	int err;

	if (v->type != more->type)
		return why_set(p->why, "%s:%u: += must add a list to a list, or text to text",
			       p->source, more->line);
	v->source = more->source;
	v->line = more->line;
	v->appended = true;
	if (v->type == XLCFG_TEXT) {
		char *text = realloc(v->text, v->bytes + more->bytes + 1);

		if (!text)
			return no_memory(p->why);
		memcpy(text + v->bytes, more->text, more->bytes + 1);
		v->text = text;
		v->bytes += more->bytes;
		return 0;
	}
	for (i = 0; i < more->n_items; i++) {
		err = grow(&v->items, v->n_items, sizeof(*v->items), p->why);
		if (err)
			return err;
		v->items[v->n_items++] = more->items[i];
		memset(&more->items[i], 0, sizeof(more->items[i]));
	}
	return 0;
}

static int parse_setting(struct parser *p)
{
	const char *name = p->start;
	const size_t bytes = (size_t)(p->at - p->start);
	struct xlcfg_value value = { 0 };
	struct setting *setting = find(p->cfg, name, bytes);
	bool is_new = !setting, appends;
	int err;

	err = next(p);
	if (err)
		return err;
	appends = p->token == TOKEN_APPEND;
	if (!appends && p->token != TOKEN_ASSIGN)
		return expected(p, "'=' or '+='");
	err = next(p);
	if (!err)
		err = parse_value(p, 0, &value);
	if (!err && is_new)
		err = new_setting(p, name, bytes, &setting);
	if (!err && appends && !is_new) {
		err = append(p, &setting->value, &value);
	} else if (!err) {
		value_finish(&setting->value);
		setting->value = value;
		setting->value.appended = appends;
		memset(&value, 0, sizeof(value));
	}
	value_finish(&value);
	return err;
}

static int parse_all(struct parser *p)
{
	int err = next(p);

	while (!err && p->token != TOKEN_END) {
		if (p->token == TOKEN_NAME) {
			err = parse_setting(p);
			if (err || p->token == TOKEN_END)
				break;
		}
		if (p->token != TOKEN_NEWLINE && p->token != TOKEN_SEMICOLON)
			return expected(p, p->start == p->end ? "a name" :
					"a name, a line's end or ';'");
		err = next(p);
	}
	return err;
}

int xlcfg_add(struct xlcfg *cfg, const char *text, size_t bytes, const char *source, char *why)
{
	struct parser p = { .cfg = cfg, .next_line = 1, .why = why };
	struct source *copy;
	char *terminated;
	int err;

	if (bytes > XLCFG_MAX_BYTES)
		return why_set(why, "%s: more than %u octets", source, XLCFG_MAX_BYTES);
	copy = malloc(sizeof(*copy) + strlen(source) + 1);
	terminated = malloc(bytes + 1);
	if (!copy || !terminated) {
		free(copy);
		free(terminated);
		return no_memory(why);
	}
	strcpy(copy->name, source);
	copy->next = cfg->sources;
	cfg->sources = copy;
	if (bytes)
		memcpy(terminated, text, bytes);
	terminated[bytes] = '\0';
	p.source = copy->name;
	p.at = terminated;
	p.end = terminated + bytes;
	err = parse_all(&p);
	free(terminated);
	return err;
}

int xlcfg_parse(const char *text, size_t bytes, const char *source, struct xlcfg **out, char *why)
{
	struct xlcfg *cfg = calloc(1, sizeof(*cfg));
	int err;

	if (!cfg)
		return no_memory(why);
	err = xlcfg_add(cfg, text, bytes, source, why);
	if (err)
		xlcfg_free(cfg);
	else
		*out = cfg;
	return err;
}

void xlcfg_free(struct xlcfg *cfg)
{
	struct source *source;
	size_t i;

	if (!cfg)
		return;
	for (i = 0; i < cfg->n; i++) {
		free(cfg->settings[i].name);
		value_finish(&cfg->settings[i].value);
	}
	free(cfg->settings);
	while ((source = cfg->sources)) {
		cfg->sources = source->next;
		free(source);
	}
	free(cfg);
}

const struct xlcfg_value *xlcfg_find(const struct xlcfg *cfg, const char *name)
{
	const struct setting *setting = find(cfg, name, strlen(name));

	return setting ? &setting->value : NULL;
}

const char *xlcfg_name(const struct xlcfg *cfg, size_t i)
{
	return i < cfg->n ? cfg->settings[i].name : NULL;
}
