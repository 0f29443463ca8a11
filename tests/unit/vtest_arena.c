// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command arena: wrap, holding, alignment, and a random walk against a model; and the trimming
 * of submits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "vt.h"

#define SIZE	4096u

static uint8_t memory[SIZE];

static void fill(struct vt_arena *a, uint32_t bytes, uint8_t value)
{
	uint8_t *at;

	CHECK(vt_arena_room(a, &at) >= bytes);
	memset(at, value, bytes);
	vt_arena_filled(a, bytes);
}

TEST(vtest_arena, empty_has_all_room)
{
	struct vt_arena a;
	uint8_t *at;

	vt_arena_init(&a, memory, SIZE);
	CHECK_EQ(vt_arena_room(&a, &at), SIZE);
	CHECK(at == memory);
	CHECK_EQ(vt_arena_data(&a, &at), 0);
}

TEST(vtest_arena, full_has_none)
{
	struct vt_arena a;
	uint8_t *at;

	vt_arena_init(&a, memory, SIZE);
	fill(&a, SIZE, 1);
	CHECK_EQ(vt_arena_room(&a, &at), 0);
	vt_arena_consume(&a, SIZE);
	/* All of it is held. */
	CHECK_EQ(vt_arena_room(&a, &at), 0);
	vt_arena_free(&a, 1000);
	CHECK_EQ(vt_arena_room(&a, &at), 1000);
	CHECK(at == memory);
}

TEST(vtest_arena, partial_command_moves_to_the_start)
{
	struct vt_arena a;
	uint8_t *at;

	vt_arena_init(&a, memory, SIZE);
	fill(&a, 4000, 1);
	vt_arena_consume(&a, 4000);
	fill(&a, 96, 7);
	CHECK_EQ(vt_arena_room(&a, &at), 0);
	/* Held up to 4000: there is no room for 200 at the start. */
	CHECK_EQ(vt_arena_need(&a, 200), -EAGAIN);
	vt_arena_free(&a, 199);
	CHECK_EQ(vt_arena_need(&a, 200), -EAGAIN);
	vt_arena_free(&a, 200);
	CHECK_EQ(vt_arena_need(&a, 200), 0);
	CHECK_EQ(vt_arena_data(&a, &at), 96);
	CHECK(at == memory);
	CHECK_EQ(at[0], 7);
	CHECK_EQ(at[95], 7);
	CHECK_EQ(vt_arena_room(&a, &at), 104);
	CHECK_EQ(a.moved_bytes, 96);
}

TEST(vtest_arena, the_largest_fits_when_nothing_is_held)
{
	struct vt_arena a;
	uint8_t *at;

	vt_arena_init(&a, memory, SIZE);
	fill(&a, 100, 1);
	vt_arena_consume(&a, 92);
	CHECK_EQ(vt_arena_need(&a, SIZE + 1), -E2BIG);
	CHECK_EQ(vt_arena_need(&a, SIZE), -EAGAIN);
	vt_arena_free_all(&a);
	CHECK_EQ(vt_arena_need(&a, SIZE), 0);
	CHECK_EQ(vt_arena_room(&a, &at), SIZE - 8);
}

TEST(vtest_arena, odd_length_is_aligned_again)
{
	struct vt_arena a;
	uint8_t *at;

	vt_arena_init(&a, memory, SIZE);
	fill(&a, 13, 1);
	fill(&a, 8, 5);
	vt_arena_consume(&a, 13);
	vt_arena_align(&a);
	CHECK_EQ(vt_arena_data(&a, &at), 8);
	CHECK_EQ(vt_arena_offset(&a, at), 12);
	CHECK_EQ(at[0], 5);
	CHECK_EQ(at[7], 5);
}

/* Random commands; what is held must keep its contents until it is freed. */
TEST(vtest_arena, held_is_never_overwritten)
{
	struct { uint64_t end; uint32_t off, n; uint8_t value; } held[64];
	uint32_t n_held = 0, i, n, got, room;
	unsigned int round, tries, seed = 1;
	struct vt_arena a;
	uint8_t *at;

	vt_arena_init(&a, memory, SIZE);
	for (round = 0; round < 20000; round++) {
		uint8_t value = (uint8_t)(round * 7 + 1);

		n = 8 + (uint32_t)rand_r(&seed) % 700;
		for (got = 0, tries = 0; got < n; tries++) {
			int err = vt_arena_need(&a, n);

			CHECK(tries < 1000);
			room = vt_arena_room(&a, &at);
			if (err || !room) {
				CHECK(n_held);
				for (i = 0; i < held[0].n; i++)
					CHECK_EQ(memory[held[0].off + i], held[0].value);
				vt_arena_free(&a, held[0].end);
				memmove(held, held + 1, --n_held * sizeof(held[0]));
				if (!n_held)
					vt_arena_free_all(&a);
				continue;
			}
			if (room > n - got)
				room = n - got;
			memset(at, value, room);
			vt_arena_filled(&a, room);
			got += room;
		}
		CHECK_EQ(vt_arena_data(&a, &at), n);
		for (i = 0; i < n; i++)
			CHECK_EQ(at[i], value);
		vt_arena_consume(&a, n);
		if (n_held == 64 || rand_r(&seed) % 3 == 0) {
			/* not held: a small command; freed with the next that is */
			continue;
		}
		held[n_held].end = a.rd;
		held[n_held].off = (uint32_t)vt_arena_offset(&a, at);
		held[n_held].n = n;
		held[n_held++].value = value;
	}
}

#define WORD(command, length)	((command) | (uint32_t)(length) << 16)

TEST(vtest_arena, trim_padding_alone)
{
	uint32_t words[1026] = { WORD(VIRGL_END_TRANSFERS, 1023) }, start;

	words[1024] = WORD(VIRGL_SET_SUB_CTX, 1);
	words[1025] = 3;
	CHECK_EQ(vt_submit_trim(words, 1026, &start), 2);
	CHECK_EQ(start, 1024);
	CHECK_EQ(words[start], WORD(VIRGL_SET_SUB_CTX, 1));
}

TEST(vtest_arena, trim_keeps_transfers_in_front)
{
	uint32_t words[1026] = { 0 }, start, i;

	words[0] = WORD(43, 13);
	for (i = 1; i < 14; i++)
		words[i] = i;
	words[14] = WORD(VIRGL_END_TRANSFERS, 1024 - 14 - 1);
	words[1024] = WORD(8, 1);
	CHECK_EQ(vt_submit_trim(words, 1026, &start), 16);
	CHECK_EQ(words[start], WORD(43, 13));
	for (i = 1; i < 14; i++)
		CHECK_EQ(words[start + i], i);
	CHECK_EQ(words[start + 14], WORD(8, 1));
}

TEST(vtest_arena, trim_leaves_others_alone)
{
	uint32_t words[4] = { WORD(8, 1), 5, WORD(7, 0), WORD(7, 0) }, start = 9;
	uint32_t late[1100] = { WORD(8, 1023) };
	uint32_t lies[2] = { WORD(VIRGL_END_TRANSFERS, 65535), 0 };
	uint32_t long_one[2] = { WORD(8, 65535), 0 };

	CHECK_EQ(vt_submit_trim(words, 4, &start), 4);
	CHECK_EQ(start, 0);
	late[1024] = WORD(VIRGL_END_TRANSFERS, 10);
	CHECK_EQ(vt_submit_trim(late, 1100, &start), 1100);
	CHECK_EQ(vt_submit_trim(lies, 2, &start), 2);
	CHECK_EQ(vt_submit_trim(long_one, 2, &start), 2);
	CHECK_EQ(vt_submit_trim(words, 0, &start), 0);
}
