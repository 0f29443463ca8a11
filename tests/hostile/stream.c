// SPDX-License-Identifier: GPL-2.0-only
/*
 * A good stream of virgl commands, and sending; see stream.h.
 */
#include <stdio.h>
#include <string.h>

#include "stream.h"

void stream_add(struct stream *st, uint32_t cmd, uint32_t obj, const uint32_t *words, uint32_t n)
{
	st->n += virgl_words(st->word + st->n, cmd, obj, words, n);
}

static uint32_t f32(float f)
{
	uint32_t word;

	memcpy(&word, &f, sizeof(word));
	return word;
}

static const char vertex_text[] =
	"VERT\nDCL IN[0]\nDCL OUT[0], POSITION\n  0: MOV OUT[0], IN[0]\n  1: END\n";
const char stream_fragment[] =
	"FRAG\nDCL OUT[0], COLOR\nDCL CONST[0]\nIMM[0] FLT32 { 1.0000, 0.0000, 0.0000, 1.0000}\n"
	"  0: MOV OUT[0], IMM[0]\n  1: END\n";

/* --- a good stream: a triangle over texture 1 in red, and one of each of what there is besides  */

void stream_objects(struct stream *st)
{
	static const uint32_t blend[11] = { 10, 0, 0, 0xfu << 27 };
	static const uint32_t rasterizer[9] = { 11, 1u << 1 | 1u << 29 };

	stream_add(st, VIRGL_CREATE_OBJECT, VIRGL_OBJECT_BLEND, blend, 11);
	stream_add(st, VIRGL_CREATE_OBJECT, VIRGL_OBJECT_RASTERIZER, rasterizer, 9);
	ADD(st, VIRGL_CREATE_OBJECT, VIRGL_OBJECT_DSA, 12, 0, 0, 0, 0);
	ADD(st, VIRGL_CREATE_OBJECT, VIRGL_OBJECT_VERTEX_ELEMENTS, 13, 0, 0, 0,
	    VIRGL_FORMAT_RGBA32F);
	ADD(st, VIRGL_BIND_OBJECT, VIRGL_OBJECT_BLEND, 10);
	ADD(st, VIRGL_BIND_OBJECT, VIRGL_OBJECT_RASTERIZER, 11);
	ADD(st, VIRGL_BIND_OBJECT, VIRGL_OBJECT_DSA, 12);
	ADD(st, VIRGL_BIND_OBJECT, VIRGL_OBJECT_VERTEX_ELEMENTS, 13);
	st->n += virgl_shader(st->word + st->n, 14, VIRGL_SHADER_VERTEX, vertex_text, 300);
	st->n += virgl_shader(st->word + st->n, 15, VIRGL_SHADER_FRAGMENT, stream_fragment, 300);
	ADD(st, VIRGL_BIND_SHADER, 0, 14, VIRGL_SHADER_VERTEX);
	ADD(st, VIRGL_BIND_SHADER, 0, 15, VIRGL_SHADER_FRAGMENT);
}

void stream_vertices(struct stream *st)
{
	const uint32_t one = f32(1.f), three = f32(3.f), minus = f32(-1.f), half = f32(32.f);
	const uint32_t data[11 + 12] = { 2, 0, 0, 0, 0, 0, 0, 0, 48, 1, 1,
					 minus, minus, 0, one, three, minus, 0, one,
					 minus, three, 0, one };

	stream_add(st, VIRGL_RESOURCE_INLINE_WRITE, 0, data, 23);
	ADD(st, VIRGL_SET_VERTEX_BUFFERS, 0, 16, 0, 2);
	ADD(st, VIRGL_SET_VIEWPORT_STATE, 0, 0, half, half, f32(.5f), half, half, f32(.5f));
	ADD(st, VIRGL_SET_CONSTANT_BUFFER, 0, VIRGL_SHADER_FRAGMENT, 0, one, one, one, one);
}

static void textures(struct stream *st)
{
	ADD(st, VIRGL_CREATE_OBJECT, VIRGL_OBJECT_SAMPLER_VIEW, 20, 1, VIRGL_FORMAT_RGBA8, 0, 0,
	    0 | 1 << 3 | 2 << 6 | 3 << 9);
	ADD(st, VIRGL_CREATE_OBJECT, VIRGL_OBJECT_SAMPLER_STATE, 21, 0, 0, 0, 0, 0, 0, 0, 0);
	ADD(st, VIRGL_SET_SAMPLER_VIEWS, 0, VIRGL_SHADER_FRAGMENT, 0, 20);
	ADD(st, VIRGL_BIND_SAMPLER_STATES, 0, VIRGL_SHADER_FRAGMENT, 0, 21);
	ADD(st, VIRGL_CREATE_OBJECT, VIRGL_OBJECT_QUERY, 22, 0, 0, 4);
	ADD(st, VIRGL_BEGIN_QUERY, 0, 22);
	ADD(st, VIRGL_END_QUERY, 0, 22);
	ADD(st, VIRGL_GET_QUERY_RESULT, 0, 22, 0);
	ADD(st, VIRGL_RESOURCE_COPY_REGION, 0, 1, 0, 0, 0, 0, 1, 0, 16, 16, 0, 8, 8, 1);
	ADD(st, VIRGL_BLIT, 0, 0xf, 0, 0, 1, 0, VIRGL_FORMAT_RGBA8, 0, 0, 0, 8, 8, 1, 1, 0,
	    VIRGL_FORMAT_RGBA8, 32, 32, 0, 8, 8, 1);
}

void stream_draw(struct stream *st)
{
	ADD(st, VIRGL_DRAW_VBO, 0, 0, 3, 4, 0, 1, 0, 0, 0, 0, 0, 3, 0);
}

void stream_good(struct stream *st)
{
	st->n = virgl_surface(st->word, 1, 1);
	st->n += virgl_framebuffer(st->word + st->n, 1);
	stream_objects(st);
	stream_vertices(st);
	textures(st);
	st->n += virgl_clear(st->word + st->n, 0, 1, 0, 1);
	stream_draw(st);
}

/* --- sending ---------------------------------------------------------------------------------- */

static struct {
	uint32_t sent, lost, refused;
} count;

void stream_renew(struct sess *s)
{
	sess_reopen(s);
	if (!sess_scene(s))
		die("no scene: %s", s->why);
}

/* A context of its own for each, so that what is tried is all that there is in it. */
void stream_send(struct sess *s, const struct stream *st, const char *what)
{
	struct vgpuif_request destroy = req_id(VGPUIF_OP_CONTEXT_DESTROY, 1);
	const uint32_t dead = host.n_died;
	int32_t status = sess_submit(s, 1, st->word, st->n);

	count.sent++;
	count.lost += status == -XEN_EIO;
	count.refused += status == -XEN_EOPNOTSUPP || status == -XEN_EINVAL;
	if (status != SESS_ENDED && status != -XEN_EIO && status != 0 && status != -XEN_EOPNOTSUPP &&
	    status != -XEN_EINVAL)
		wrong("%s: status %d", what, status);
	if (status != SESS_ENDED && sess_call(s, &destroy) != SESS_ENDED && sess_scene(s))
		return;
	sess_lost(s, what);
	if (host.n_died == dead)
		say("%s", what);
	stream_renew(s);
}

void stream_begin(struct sess *s)
{
	sess_open(s);
	if (!sess_scene(s))
		die("no scene: %s", s->why);
}

void stream_end(struct sess *s)
{
	say("%u streams: %u lost their context, %u were refused", count.sent, count.lost,
	    count.refused);
	sess_close(s);
}

/* Only worth mutating if it does something: it draws a red triangle over all of the texture. */
void stream_check_good(struct sess *s)
{
	struct vgpuif_request read = req_transfer(VGPUIF_OP_TRANSFER_FROM_HOST, 1, 1, SCENE_SIDE);
	const uint32_t *pixel = (const uint32_t *)(const void *)sess_page(s, SCENE_PIXELS_PAGE);
	static struct stream st;
	int32_t status;

	stream_good(&st);
	status = sess_submit(s, 1, st.word, st.n);
	if (status || sess_call(s, &read))
		die("the good stream is not taken: status %d", status);
	if (pixel[SCENE_SIDE * SCENE_SIDE / 2 + 5] != 0xff0000ffu)
		die("the good stream draws %08x", pixel[SCENE_SIDE * SCENE_SIDE / 2 + 5]);
}

/* Which command a word belongs to: for the name of what was tried. */
const char *stream_where(const struct stream *st, uint32_t at)
{
	static char text[80];
	uint32_t i = 0, next;

	while (i < st->n && (next = i + 1 + (st->word[i] >> 16)) <= at)
		i = next;
	snprintf(text, sizeof(text), "command %u object %u word %u", st->word[i] & 0xff,
		 st->word[i] >> 8 & 0xff, at - i);
	return text;
}
