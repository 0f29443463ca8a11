/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput(); it is linked with
 * libFuzzer to look for inputs (make fuzz), and with replay.c to try those that are kept (make
 * fuzz-regress). CHECK() of the unit tests' harness ends the process here, so that both notice.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

/* LLVMFuzzerTestOneInput() - the target: try one input; ends the process when something is wrong. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_FN	static inline __attribute__((unused))

/* What is left of an input. Behind its end there are zeros. */
struct fuzz_in {
	const uint8_t *at;
	size_t left;
};

FUZZ_FN void fuzz_bytes(struct fuzz_in *in, void *to, size_t bytes)
{
	const size_t n = bytes < in->left ? bytes : in->left;

	memset(to, 0, bytes);
	if (n)
		memcpy(to, in->at, n);
	in->at += n;
	in->left -= n;
}

FUZZ_FN uint8_t fuzz_u8(struct fuzz_in *in)
{
	uint8_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

FUZZ_FN uint16_t fuzz_u16(struct fuzz_in *in)
{
	uint16_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

FUZZ_FN uint32_t fuzz_u32(struct fuzz_in *in)
{
	uint32_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

FUZZ_FN uint64_t fuzz_u64(struct fuzz_in *in)
{
	uint64_t value;

	fuzz_bytes(in, &value, sizeof(value));
	return value;
}

/*
 * fuzz_text() - the octets up to a '\0' or, where @until is one, that octet; free() it. In memory of
 * its own size, so that a sanitizer sees what reads beyond its end.
 */
FUZZ_FN char *fuzz_text(struct fuzz_in *in, uint8_t until)
{
	const size_t rest = in->left;
	size_t n = 0;
	char *text;

	while (n < rest && in->at[n] && in->at[n] != until)
		n++;
	text = malloc(n + 1);
	CHECK(text);
	if (n)
		memcpy(text, in->at, n);
	text[n] = '\0';
	n += n < rest;
	in->at += n;
	in->left -= n;
	return text;
}

/* fuzz_printable() - whether a text can go to a terminal. */
FUZZ_FN bool fuzz_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text == 0x7f)
			return false;
	return true;
}

#endif
