// SPDX-License-Identifier: MIT
#include "base/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* U+FFFD, the replacement character */
#define MARK   "\xef\xbf\xbd"
#define MARK_N (sizeof(MARK) - 1)

/* By the first byte: how long the character is, and what its second byte may be. */
static const struct {
	uint8_t first, last;
	uint8_t n;
	uint8_t second_min, second_max;
} utf8_forms[] = {
	{ 0x00, 0x7f, 1, 0, 0 },       { 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x80, 0xbf }, { 0xed, 0xed, 3, 0x80, 0x9f }, { 0xee, 0xef, 3, 0x80, 0xbf },
	{ 0xf0, 0xf0, 4, 0x90, 0xbf }, { 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
};

size_t utf8_char(const char *text, size_t n)
{
	const uint8_t *c = (const uint8_t *)text;
	size_t form = 0;

	if (!n)
		return 0;
	while (c[0] > utf8_forms[form].last) {
		if (++form == sizeof(utf8_forms) / sizeof(utf8_forms[0]))
			return 0;
	}
	if (c[0] < utf8_forms[form].first || n < utf8_forms[form].n)
		return 0;
	n = utf8_forms[form].n;
	if (n > 1 && (c[1] < utf8_forms[form].second_min || c[1] > utf8_forms[form].second_max))
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

/* How many of the bytes are UTF-8 up to the first that is not. */
static size_t utf8_run(const char *text, size_t n)
{
	size_t at = 0, len;

	while ((len = utf8_char(text + at, n - at)))
		at += len;
	return at;
}

bool utf8_valid(const char *text, size_t n)
{
	return utf8_run(text, n) == n;
}

char *utf8_mend(const char *text, size_t n, size_t *len)
{
	char *mended = malloc(n * MARK_N + 1), *to = mended;

	if (!mended)
		return NULL;
	for (;;) {
		size_t run = utf8_run(text, n);

		memcpy(to, text, run);
		to += run;
		text += run;
		n -= run;
		if (!n)
			break;
		memcpy(to, MARK, MARK_N);
		to += MARK_N;
		text++;
		n--;
	}
	*to = '\0';
	*len = (size_t)(to - mended);
	return mended;
}
