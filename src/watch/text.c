// SPDX-License-Identifier: MIT
#include "watch/text.h"

#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

size_t watch_text_char(const char *text, size_t n, uint32_t *code)
{
	static const uint8_t first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	const uint8_t *bytes = (const uint8_t *)text;
	size_t len = utf8_char(text, n);

	if (!len) {
		*code = 0;
		return 1;
	}
	*code = bytes[0] & first_bits[len];
	for (size_t i = 1; i < len; i++)
		*code = *code << 6 | (bytes[i] & 0x3f);
	return len;
}

/* Controls, and what Unicode has for steering the layout of text (chapters 23.1 to 23.3, 23.8). */
static bool is_harmful(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = { { 0x00, 0x1f },      { 0x7f, 0x9f },     { 0xad, 0xad },
		       { 0x61c, 0x61c },    { 0x200b, 0x200f }, { 0x2028, 0x202e },
		       { 0x2060, 0x206f },  { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb },
		       { 0xe0000, 0xe0fff } };

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

size_t watch_text_safe(char *out, size_t size, const char *text, size_t n)
{
	size_t used = 0;

	for (size_t at = 0; at < n;) {
		uint32_t code;
		size_t len = watch_text_char(text + at, n - at, &code);
		bool harmful = is_harmful(code);
		size_t need = harmful ? 1 : len;

		if (used + need >= size)
			break;
		if (harmful)
			out[used] = '?';
		else
			memcpy(out + used, text + at, len);
		used += need;
		at += len;
	}
	out[used] = '\0';
	return used;
}
