// SPDX-License-Identifier: GPL-2.0-only
/*
 * Malformed commands. What becomes of them is libvirglrenderer's affair: an error, a context that
 * is lost, or a worker that dies, which its supervisor has to name. Ours is that it is this
 * worker and no other, and that the guest's next session draws.
 *
 * With libvirglrenderer 0.10.4 and llvmpipe these kill or hang the worker: coordinates of 2^31 - 1
 * in BLIT and RESOURCE_COPY_REGION; a shader that says it is longer than its text, or continues one
 * that did not begin; TGSI text that declares output 2^32 - 1 or 65536 of them; a surface or view
 * of a layer far outside; draws and blits of 2^31 vertices, instances or pixels.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream.h"

/* --- each word of a good stream --------------------------------------------------------------- */

static void words(void)
{
	static const uint32_t edges[] = { 0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
	static struct stream base, st;
	uint32_t n, i, n_edges = sizeof(edges) / sizeof(edges[0]);
	uint32_t step, at, total;
	char what[128];
	struct sess s;

	stream_begin(&s);
	stream_check_good(&s);
	stream_good(&base);
	/* In an order of its own each time: by a stride that is prime to the number. */
	total = base.n * (n_edges + 2);
	for (step = total / 3 + rnd(total / 3);; step++) {
		uint32_t a = step, b = total;

		while (b) {
			const uint32_t c = a % b;

			a = b;
			b = c;
		}
		if (a == 1)
			break;
	}
	for (n = 0, i = rnd(total); n < total && (!host.bounded || time_left()); n++) {
		uint32_t value;

		at = i / (n_edges + 2);
		value = i % (n_edges + 2) < n_edges ? edges[i % (n_edges + 2)] : (uint32_t)rnd64();
		i = (i + step) % total;
		st = base;
		st.word[at] = value;
		snprintf(what, sizeof(what), "%s is %08x", stream_where(&base, at), value);
		stream_send(&s, &st, what);
	}
	say("%u of %u values of %u words", n, total, base.n);
	stream_end(&s);
}

static void lengths(void)
{
	static struct stream base, st;
	uint32_t at, next, n = 0;
	char what[128];
	struct sess s;

	stream_begin(&s);
	stream_good(&base);
	for (at = 0; at < base.n && (!host.bounded || time_left()); at = next) {
		const uint32_t len = base.word[at] >> 16, low = base.word[at] & 0xffff;
		const uint32_t tries[] = { 0, 1, len - 1, len + 1, len + 2, 0xffff, 0x8000,
					   rnd(0x10000) };
		size_t i;

		next = at + 1 + len;
		for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++, n++) {
			st = base;
			st.word[at] = low | tries[i] << 16;
			snprintf(what, sizeof(what), "%s: length %u for %u",
				 stream_where(&base, at), tries[i] & 0xffff, len);
			stream_send(&s, &st, what);
		}
		/* Cut in the middle of it. */
		st = base;
		st.n = at + 1 + rnd(len + 1);
		snprintf(what, sizeof(what), "%s: cut after %u of %u words",
			 stream_where(&base, at), st.n - at - 1, len);
		stream_send(&s, &st, what);
	}
	say("%u lengths", n);
	stream_end(&s);
}

/* Every command, there is or not, with objects of every kind, zeros, ones and anything. */
static void commands(void)
{
	static struct stream base, st;
	uint32_t n, cmd;
	char what[128];
	struct sess s;

	stream_begin(&s);
	stream_good(&base);
	for (n = 0; n < VIRGL_N_COMMANDS * 4 || time_left(); n++) {
		const uint32_t len = rnd(4) ? rnd(24) : rnd(300), obj = rnd(4) ? rnd(13) : rnd(256);
		uint32_t i;

		cmd = n % VIRGL_N_COMMANDS;
		if (n >= VIRGL_N_COMMANDS * 4 || n % 2)
			st = base;
		else
			st.n = 0;
		st.word[st.n++] = VIRGL_HEADER(cmd, obj, len);
		for (i = 0; i < len; i++)
			st.word[st.n++] = n / VIRGL_N_COMMANDS == 0 ? 0 :
					  n / VIRGL_N_COMMANDS == 1 ? UINT32_MAX :
					  rnd(3) ? rnd(32) : rnd_edge();
		snprintf(what, sizeof(what), "command %u object %u with %u words", cmd, obj, len);
		stream_send(&s, &st, what);
		if (host.bounded && !time_left())
			break;
	}
	say("%u commands", n);
	stream_end(&s);
}

static void mutate(struct stream *st)
{
	const uint32_t at = rnd(st->n), k = rnd(6);
	uint32_t len, i;

	if (k == 0) {
		st->word[at] = rnd_edge();
	} else if (k == 1) {
		st->word[at] ^= 1u << rnd(32);
	} else if (k == 2) {
		st->word[at] = rnd(32);
	} else if (k == 3 && st->n < STREAM_MAX_WORDS / 2) {	/* some of it twice */
		len = 1 + rnd(st->n - at);
		memmove(st->word + at + len, st->word + at, (st->n - at) * 4);
		st->n += len;
	} else if (k == 4) {				/* some of it away */
		len = rnd(st->n - at);
		memmove(st->word + at, st->word + at + len, (st->n - at - len) * 4);
		st->n -= len;
		if (!st->n)
			st->n = 1;
	} else {					/* some of it elsewhere */
		i = rnd(st->n);
		len = 1 + rnd(st->n - (at > i ? at : i));
		memmove(st->word + at, st->word + i, len * 4);
	}
}

static void mutations(void)
{
	static struct stream st;
	char what[128];
	uint32_t n;
	struct sess s;

	stream_begin(&s);
	stream_check_good(&s);
	for (n = 0; time_left(); n++) {
		uint32_t k = 1 + rnd(5);

		stream_good(&st);
		while (k--)
			mutate(&st);
		snprintf(what, sizeof(what), "mutation %u", n);
		stream_send(&s, &st, what);
	}
	stream_end(&s);
}

/* --- shaders ---------------------------------------------------------------------------------- */

static void shader(struct sess *s, uint32_t type, const char *text, uint32_t tokens,
		   uint32_t length, const char *what)
{
	static struct stream st;
	uint32_t at;

	st.n = virgl_surface(st.word, 1, 1);
	st.n += virgl_framebuffer(st.word + st.n, 1);
	stream_objects(&st);
	stream_vertices(&st);
	at = st.n;
	st.n += virgl_shader(st.word + st.n, 30, type, text, tokens);
	if (length)
		st.word[at + 3] = length;
	ADD(&st, VIRGL_BIND_SHADER, 0, 30, type);
	if (type == VIRGL_SHADER_COMPUTE)
		ADD(&st, VIRGL_LAUNCH_GRID, 0, 1, 1, 1, 1, 1, 1, 0, 0);
	else
		stream_draw(&st);
	stream_send(s, &st, what);
}

static void shaders(void)
{
	static const char *const texts[] = {
		"", "FRAG", "FRAG\n", "VERT\nDCL", "GEOM\n", "COMP\n", "TESS_CTRL\n", "nonsense",
		"FRAG\nDCL OUT[0], COLOR\n 0: MOV OUT[0], IMM[99]\n 1: END\n",
		"FRAG\nDCL OUT[4294967295], COLOR\n 0: END\n",
		"FRAG\nDCL OUT[0..65535], COLOR\n 0: END\n",
		"FRAG\nDCL TEMP[0..4000000]\nDCL OUT[0], COLOR\n"
		" 0: MOV OUT[0], TEMP[3999999]\n 1: END\n",
		"FRAG\nDCL CONST[0..100000]\nDCL OUT[0], COLOR\n"
		" 0: MOV OUT[0], CONST[99999]\n 1: END\n",
		"FRAG\nDCL SAMP[0..200]\nDCL OUT[0], COLOR\n"
		" 0: TEX OUT[0], OUT[0], SAMP[199], 2D\n 1: END\n",
		"FRAG\nDCL IN[0..300], GENERIC[0]\nDCL OUT[0], COLOR\n"
		" 0: MOV OUT[0], IN[299]\n 1: END\n",
		"FRAG\nDCL OUT[0], GENERIC[4000000000]\n 0: END\n",
		"FRAG\nDCL IMAGE[0..100], 2D, PIPE_FORMAT_R8_UNORM\n 0: END\n",
		"FRAG\nDCL BUFFER[0..100]\n 0: END\n",
		"FRAG\nDCL HWATOMIC[0..1000][0]\n 0: END\n",
		"FRAG\nPROPERTY FS_COLOR0_WRITES_ALL_CBUFS 4294967295\n 0: END\n",
		"GEOM\nPROPERTY GS_MAX_OUTPUT_VERTICES 4294967295\n 0: END\n",
		"FRAG\nIMM[0] FLT32 { nan, inf, -inf, 1e99999}\nDCL OUT[0], COLOR\n"
		" 0: MOV OUT[0], IMM[0]\n 1: END\n",
		"FRAG\n 0: IF TEMP[0]\n 1: IF TEMP[0]\n 2: END\n",
		"FRAG\n 0: ENDIF\n 1: ENDLOOP\n 2: ELSE\n 3: END\n",
		"FRAG\n 0: BGNLOOP\n 1: ENDLOOP :0\n 2: END\n",
		"FRAG\n 99999999: END\n",
		"VERT\nDCL IN[0]\nDCL OUT[0], POSITION\nDCL OUT[1], CLIPDIST[77]\n"
		" 0: MOV OUT[1], IN[0]\n 1: END\n",
		"COMP\nPROPERTY CS_FIXED_BLOCK_WIDTH 0\nPROPERTY CS_FIXED_BLOCK_HEIGHT 4294967295\n"
		" 0: END\n",
		"COMP\nDCL MEMORY[0], SHARED\n 0: STORE MEMORY[0].x, IMM[0], IMM[0]\n 1: END\n",
	};
	static const uint32_t tokens[] = { 0, 1, 2, 300, 0x7fffffff, 0xfffffff5, 0xfffffff6,
					   0xffffffff };
	static char text[3000];
	uint32_t n = 0, type, i;
	char what[128];
	struct sess s;
	size_t t;

	stream_begin(&s);
	for (t = 0; t < sizeof(texts) / sizeof(texts[0]); t++, n++) {
		static const char *const kinds[] = { "VERT", "FRAG", "GEOM", "TESS_CTRL",
						   "TESS", "COMP" };

		snprintf(what, sizeof(what), "shader text %zu", t);
		for (type = 0; type < 6; type++)
			if (!strncmp(texts[t], kinds[type], strlen(kinds[type])))
				break;
		shader(&s, type % 6, texts[t], 300, 0, what);
	}
	for (i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++, n++) {
		snprintf(what, sizeof(what), "a shader of %u tokens", tokens[i]);
		shader(&s, VIRGL_SHADER_FRAGMENT, stream_fragment, tokens[i], 0, what);
		snprintf(what, sizeof(what), "a shader of length %u", tokens[i]);
		shader(&s, VIRGL_SHADER_FRAGMENT, stream_fragment, 300,
		       tokens[i] ? tokens[i] : 5, what);
	}
	/* Of another kind than it says, and of none. */
	for (type = 0; type < 8; type++, n++) {
		snprintf(what, sizeof(what), "a fragment shader as one of type %u", type);
		shader(&s, type, stream_fragment, 300, 0, what);
	}
	while (time_left()) {
		const char *from = rnd(2) ? stream_fragment :
					    texts[rnd(sizeof(texts) / sizeof(texts[0]))];
		const size_t len = strlen(from);

		memcpy(text, from, len + 1);
		for (i = 0; len && i < 1 + rnd(6); i++)
			text[rnd((uint32_t)len)] = rnd(3) ? "0123456789[]{}.,:xyzw \n"[rnd(23)] :
							    (char)(1 + rnd(255));
		snprintf(what, sizeof(what), "garbled shader %u", n++);
		shader(&s, VIRGL_SHADER_FRAGMENT, text, 300, 0, what);
	}
	say("%u shaders", n);
	stream_end(&s);
}

const struct hostile_case cases_streams[] = {
	{ "stream-words", "each word of a good stream at its extremes", words },
	{ "stream-lengths", "lengths past the end, too short, streams cut", lengths },
	{ "stream-commands", "every command, there is or not, with anything", commands },
	{ "stream-mutations", "a good stream garbled in several places", mutations },
	{ "stream-shaders", "shader text that is none, of any length and size", shaders },
	{ 0 },
};
