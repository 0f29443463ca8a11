// SPDX-License-Identifier: GPL-2.0-only
/*
 * Submits. The commands lie in the arena, where they were received, and are submitted from there.
 * Two things that Mesa sends and nobody needs are left out: the padding behind encoded transfers
 * (4 KiB in every submit), and submits that do nothing but select the sub-context that the next
 * one selects again.
 */
#include <stdlib.h>
#include <string.h>

#include "request.h"
#include "vt.h"

#define COMMAND(word)		((word) & 0xff)
#define LENGTH(word)		((word) >> 16)
#define SET_SUB_CTX_WORD	(VIRGL_SET_SUB_CTX | 1u << 16)
#define ASIDE_WORDS		(VGPUIF_PAGE_BYTES / 4)

/*
 * vt_submit_trim() - take END_TRANSFERS, whose payload is padding, out of a virgl stream.
 * @words: a private copy; transfers that precede the padding are moved up behind which it was.
 * @start: set to where the stream starts now.
 * Returns how many words it has now.
 *
 * Mesa writes encoded transfers, and then END_TRANSFERS up to word 1024, in front of a submit's
 * commands. Source: virgl_encode_end_transfers(), virgl_transfer_queue_clear().
 */
uint32_t vt_submit_trim(uint32_t *words, uint32_t n, uint32_t *start)
{
	uint32_t at = 0, padding;

	*start = 0;
	while (at < n && at < VIRGL_TRANSFERS_WORDS && COMMAND(words[at]) != VIRGL_END_TRANSFERS)
		at += LENGTH(words[at]) + 1;
	if (at >= n || at >= VIRGL_TRANSFERS_WORDS)
		return n;
	padding = LENGTH(words[at]) + 1;
	if (padding > n - at)
		return n;
	memmove(words + padding, words, at * sizeof(*words));
	*start = padding;
	return n - padding;
}

/* Submits are answered in order as a rule; whatever comes, done_seq covers no gap. */
static void submit_done(void *arg, const struct vgpuif_request *req,
			const struct vgpuif_response *rsp)
{
	struct vt_submit *sub = arg;
	struct vt_client *c = sub->client;

	(void)req;
	sub->done = true;
	if (rsp->status && !fe_session_why(c->session)[0])
		vt_fail(c, "the backend answered SUBMIT with %s", request_strstatus(rsp->status));
	if (sub->n_signals)
		vt_sync_signal(c, sub->signals, sub->n_signals);
	free(sub->signals);
	sub->signals = NULL;
	sub->n_signals = 0;
	while (c->done_seq < c->submit_seq && c->submit[(c->done_seq + 1) % VT_SUBMITS].done) {
		c->done_seq++;
		vt_arena_free(&c->arena, c->submit[c->done_seq % VT_SUBMITS].arena_end);
	}
}

static int post(struct vt_client *c, uint32_t ring_idx, uint64_t offset, uint32_t bytes,
		struct vt_sync_signal *signals, uint32_t n_signals)
{
	struct vt_submit *sub = &c->submit[(c->submit_seq + 1) % VT_SUBMITS];

	*sub = (struct vt_submit) {
		.client = c,
		.seq = c->submit_seq + 1,
		.arena_end = c->arena.rd,
		.signals = signals,
		.n_signals = n_signals,
	};
	if (fe_submit(c->session, VT_CONTEXT, ring_idx, bytes ? c->arena_buffer : NULL, offset,
		      bytes, VGPUIF_SUBMIT_FENCE, submit_done, sub, &sub->ticket)) {
		free(signals);
		return vt_fail(c, "a submit cannot be queued");
	}
	c->submit_seq++;
	return 0;
}

/* The sub-context of a submit that was left out, for one that does not select its own. */
static int post_sub_ctx(struct vt_client *c)
{
	uint32_t *aside = (uint32_t *)(c->arena.base + c->arena.size);
	uint32_t at = (uint32_t)(c->submit_seq * 2 % ASIDE_WORDS);

	aside[at] = SET_SUB_CTX_WORD;
	aside[at + 1] = c->elided_sub_ctx;
	return post(c, 0, vt_arena_offset(&c->arena, aside + at), 8, NULL, 0);
}

int vt_submit(struct vt_client *c, uint32_t *words, uint32_t n)
{
	const bool virgl = c->capset_id <= VGPUIF_CAPSET_VIRGL2;
	uint32_t start = 0, left = n;

	c->stats.command_bytes_in += n * UINT64_C(4);
	if (virgl)
		left = vt_submit_trim(words, n, &start);
	words += start;
	if (!left || (virgl && left == 2 && words[0] == SET_SUB_CTX_WORD)) {
		if (left) {
			c->elided = true;
			c->elided_sub_ctx = words[1];
		}
		c->stats.submits_elided++;
		c->stats.command_bytes_dropped += n * UINT64_C(4);
		return 0;
	}
	c->stats.command_bytes_dropped += (n - left) * UINT64_C(4);
	if (c->elided && words[0] != SET_SUB_CTX_WORD && post_sub_ctx(c))
		return -1;
	c->elided = false;

	/* Offsets are multiples of 8. The word in front was the header, or padding. */
	if (vt_arena_offset(&c->arena, words) % 8) {
		words--;
		if (virgl) {
			words[0] = VIRGL_NOP;
			left++;
		} else {
			memmove(words, words + 1, left * sizeof(*words));
			c->stats.command_bytes_moved += left * UINT64_C(4);
		}
	}
	return post(c, 0, vt_arena_offset(&c->arena, words), left * 4, NULL, 0);
}

static bool in_range(uint32_t at, uint64_t size, uint32_t n)
{
	return at <= n && size <= n - at;
}

struct batches {
	uint32_t *copy;			/* of the payload: its place is written to again */
	uint32_t n;
	uint32_t *to;
	uint32_t room;
};

static int submit_batch(struct vt_client *c, struct batches *all, const struct vtest_batch *b)
{
	const bool virgl = c->capset_id <= VGPUIF_CAPSET_VIRGL2;
	struct vt_sync_signal *signals = NULL;
	uint64_t offset = 0;
	uint32_t need;

	if (!in_range(b->cmd_offset, b->cmd_size, all->n) ||
	    !in_range(b->sync_offset, b->sync_count * UINT64_C(3), all->n) ||
	    b->ring_idx >= VTEST_TIMELINES)
		return vt_fail(c, "SUBMIT_CMD2 whose batch lies outside it");
	if (b->sync_count &&
	    vt_sync_prepare(c, all->copy + b->sync_offset, b->sync_count, &signals))
		return -1;
	if (fe_session_free(c->session) < 2)
		return vt_fail(c, "SUBMIT_CMD2 with more batches than the ring has room for");
	if (b->cmd_size) {
		offset = vt_arena_offset(&c->arena, all->to);
		need = b->cmd_size + (b->cmd_size & 1);
		if (need > all->room) {
			free(signals);
			return vt_fail(c, "SUBMIT_CMD2 with batches that overlap");
		}
		memcpy(all->to, all->copy + b->cmd_offset, b->cmd_size * sizeof(uint32_t));
		all->to += need;
		all->room -= need;
		c->stats.command_bytes_in += b->cmd_size * UINT64_C(4);
		c->stats.command_bytes_moved += b->cmd_size * UINT64_C(4);
	}
	if (b->flags & VTEST_BATCH_RING)
		return post(c, virgl ? 0 : b->ring_idx, offset, b->cmd_size * 4, signals,
			    b->sync_count);
	if (b->cmd_size && post(c, 0, offset, b->cmd_size * 4, NULL, 0)) {
		free(signals);
		return -1;
	}
	if (signals)
		vt_sync_signal(c, signals, b->sync_count);
	free(signals);
	return 0;
}

int vt_submit2(struct vt_client *c, uint32_t *words, uint32_t n)
{
	const uint32_t per_batch = sizeof(struct vtest_batch) / sizeof(uint32_t);
	struct batches all = { .n = n };
	struct vtest_batch batch;
	uint32_t i, count;
	int ret = 0;

	if (n < 1 || words[0] > (n - 1) / per_batch)
		return vt_fail(c, "SUBMIT_CMD2 of %u words says it has more batches", n);
	count = words[0];
	all.copy = malloc(n * sizeof(*words));
	if (!all.copy)
		return vt_fail(c, "out of memory");
	memcpy(all.copy, words, n * sizeof(*words));
	/* Where it was received, from a multiple of 8 on: its header leaves room for that. */
	all.to = words;
	all.room = n;
	if (vt_arena_offset(&c->arena, all.to) % 8) {
		all.to--;
		all.room++;
	}
	for (i = 0; !ret && i < count; i++) {
		memcpy(&batch, all.copy + 1 + i * per_batch, sizeof(batch));
		ret = submit_batch(c, &all, &batch);
	}
	free(all.copy);
	return ret;
}
