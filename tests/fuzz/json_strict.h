// SPDX-License-Identifier: MIT
/*
 * Whether bytes are one JSON text and nothing else (RFC 8259), in UTF-8. Written after the grammar
 * and without a look at what it judges: UTF-8 is decoded into code points here, and structure is
 * followed by recursion.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define STRICT_DEPTH 256

struct strict {
	const unsigned char *at, *end;
	unsigned depth;
};

/* The next character, or -1: none, or not UTF-8. */
static inline long strict_char(struct strict *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t point;
	int bytes;

	if (s->at == s->end)
		return -1;
	point = *s->at++;
	if (point < 0x80)
		return (long)point;
	bytes = point >= 0xf8 ? 0 : point >= 0xf0 ? 4 : point >= 0xe0 ? 3 : point >= 0xc0 ? 2 : 0;
	if (!bytes || s->end - s->at < bytes - 1)
		return -1;
	point &= 0x7fu >> bytes;
	for (int i = 1; i < bytes; i++, s->at++) {
		if (*s->at >> 6 != 2)
			return -1;
		point = point << 6 | (*s->at & 0x3fu);
	}
	if (point < least[bytes] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
		return -1;
	return (long)point;
}

static inline bool strict_is(struct strict *s, char c)
{
	if (s->at == s->end || *s->at != (unsigned char)c)
		return false;
	s->at++;
	return true;
}

static inline bool strict_word(struct strict *s, const char *word)
{
	while (*word && strict_is(s, *word))
		word++;
	return !*word;
}

static inline void strict_space(struct strict *s)
{
	while (strict_is(s, ' ') || strict_is(s, '\t') || strict_is(s, '\n') || strict_is(s, '\r'))
		;
}

static inline bool strict_string(struct strict *s)
{
	if (!strict_is(s, '"'))
		return false;
	for (;;) {
		long c = strict_char(s);

		if (c == '"')
			return true;
		if (c < 0x20)
			return false;
		if (c != '\\')
			continue;
		c = strict_char(s);
		if (c < 0 || c > 0x7f || !c || !strchr("\"\\/bfnrtu", (int)c))
			return false;
		for (int i = 0; c == 'u' && i < 4; i++) {
			long digit = strict_char(s);

			if (digit <= 0 || digit > 0x7f ||
			    !strchr("0123456789abcdefABCDEF", (int)digit))
				return false;
		}
	}
}

static inline bool strict_digits(struct strict *s)
{
	const unsigned char *begin = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return s->at > begin;
}

static inline bool strict_number(struct strict *s)
{
	strict_is(s, '-');
	if (!strict_is(s, '0') && !strict_digits(s))
		return false;
	if (strict_is(s, '.') && !strict_digits(s))
		return false;
	if (!strict_is(s, 'e') && !strict_is(s, 'E'))
		return true;
	if (!strict_is(s, '+'))
		strict_is(s, '-');
	return strict_digits(s);
}

/* NOLINTNEXTLINE(misc-no-recursion): as the grammar is; STRICT_DEPTH bounds it */
static inline bool strict_value(struct strict *s)
{
	bool object, good = false;

	strict_space(s);
	if (s->at == s->end || s->depth == STRICT_DEPTH)
		return false;
	object = *s->at == '{';
	if (*s->at == '"')
		good = strict_string(s);
	else if (*s->at == 't')
		good = strict_word(s, "true");
	else if (*s->at == 'f')
		good = strict_word(s, "false");
	else if (*s->at == 'n')
		good = strict_word(s, "null");
	else if (*s->at != '{' && *s->at != '[')
		good = strict_number(s);
	else {
		const char close = object ? '}' : ']';

		s->at++;
		s->depth++;
		strict_space(s);
		good = strict_is(s, close);
		while (!good) {
			strict_space(s);
			if (object && (!strict_string(s) || (strict_space(s), !strict_is(s, ':'))))
				return false;
			if (!strict_value(s))
				return false;
			good = strict_is(s, close);
			if (!good && !strict_is(s, ','))
				return false;
		}
		s->depth--;
	}
	strict_space(s);
	return good;
}

static inline bool json_is_strict(const char *text, size_t n)
{
	struct strict s = { .at = (const unsigned char *)text,
			    .end = (const unsigned char *)text + n };

	return strict_value(&s) && s.at == s.end;
}
