// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text: sentences for a person, and text that the other side wrote.
 */
#include <stdio.h>
#include <string.h>

#include "fe_priv.h"

int fe_explain(char *why, int err, const char *fmt, ...)
{
	va_list ap;

	if (why) {
		va_start(ap, fmt);
		vsnprintf(why, FE_TEXT_BYTES, fmt, ap);
		va_end(ap);
	}
	return err;
}

const char *fe_path(char path[FE_PATH_BYTES], const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(path, FE_PATH_BYTES, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= FE_PATH_BYTES)
		path[0] = '\0';
	return path;
}

void fe_escape(char *out, size_t bytes, const char *untrusted_text)
{
	const unsigned char *in = (const unsigned char *)untrusted_text;
	size_t used = 0;

	for (; *in && used + 5 < bytes; in++) {
		if (*in >= 0x20 && *in < 0x7f && *in != '\\')
			out[used++] = (char)*in;
		else
			used += (size_t)snprintf(out + used, 5, "\\x%02x", *in);
	}
	out[used] = '\0';
}

bool fe_parse_list(const char *untrusted_text, uint64_t *bits)
{
	const char *p = untrusted_text;
	uint64_t found = 0;

	if (!*p) {
		*bits = 0;
		return true;
	}
	for (;;) {
		unsigned int value = 0, digits = 0;

		while (*p >= '0' && *p <= '9' && digits < 3) {
			value = value * 10 + (unsigned int)(*p++ - '0');
			digits++;
		}
		if (!digits || value > 63)
			return false;
		found |= UINT64_C(1) << value;
		if (!*p)
			break;
		if (*p++ != ',')
			return false;
	}
	*bits = found;
	return true;
}
