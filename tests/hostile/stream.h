/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A good stream of virgl commands, to be got wrong, and how each attempt is sent.
 */
#ifndef TESTS_HOSTILE_STREAM_H
#define TESTS_HOSTILE_STREAM_H

#include "hostile.h"
#include "virgl.h"

#define STREAM_MAX_WORDS	4096u

struct stream {
	uint32_t word[STREAM_MAX_WORDS];
	uint32_t n;
};

/* stream_add(), ADD() - a command and its words; room is the caller's to know. */
void stream_add(struct stream *st, uint32_t cmd, uint32_t obj, const uint32_t *words, uint32_t n);
#define ADD(st, cmd, obj, ...)	((st)->n += VIRGL((st)->word + (st)->n, cmd, obj, __VA_ARGS__))

/* stream_good() - a red triangle over all of texture 1, and one of most of what there is. */
void stream_good(struct stream *st);
/* Parts of it: state and shaders; vertices; the draw. */
void stream_objects(struct stream *st);
void stream_vertices(struct stream *st);
void stream_draw(struct stream *st);
extern const char stream_fragment[];

/* stream_where() - which command a word belongs to, by name; static storage. */
const char *stream_where(const struct stream *st, uint32_t at);

/* stream_begin(), stream_end() - a session with a scene; at the end, what became of the streams. */
void stream_begin(struct sess *s);
void stream_end(struct sess *s);
/* stream_check_good() - dies unless the good stream draws what it should. */
void stream_check_good(struct sess *s);
/* stream_send() - in a context of its own; a worker that dies is named by @what. */
void stream_send(struct sess *s, const struct stream *st, const char *what);
/* stream_renew() - after a session's end: another one, with a scene. */
void stream_renew(struct sess *s);

#endif
