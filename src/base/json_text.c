// SPDX-License-Identifier: MIT
#include "base/json_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define DIGITS "0123456789"
#define HEX    "0123456789abcdefABCDEF"

/* The UTF-16 unit behind a backslash and a u, or -1. */
static long json_unit(const char *text)
{
	char digits[5] = { 0 };

	if (strspn(text, HEX) < 4)
		return -1;
	memcpy(digits, text, 4);
	return strtol(digits, NULL, 16);
}

/* From the backslash on; *at moves behind the escape. */
static const char *json_escape(const char **at)
{
	long unit, second;

	if (!(*at)[1] || !strchr("\"\\/bfnrtu", (*at)[1]))
		return "an unknown escape in a string";
	if ((*at)[1] != 'u') {
		*at += 2;
		return NULL;
	}
	unit = json_unit(*at + 2);
	if (unit < 0)
		return "an unknown escape in a string";
	if (!unit)
		return "U+0000 in a string";
	*at += 6;
	if (unit < 0xd800 || unit > 0xdfff)
		return NULL;
	second = unit < 0xdc00 && (*at)[0] == '\\' && (*at)[1] == 'u' ? json_unit(*at + 2) : -1;
	if (second < 0xdc00 || second > 0xdfff)
		return "half of a surrogate pair in a string";
	*at += 6;
	return NULL;
}

/* From the quote on; *at moves behind the other one. */
static const char *json_string(const char **at)
{
	const char quote = *(*at)++;

	while (**at != quote) {
		const char *error = NULL;
		size_t n;

		if ((unsigned char)**at < ' ')
			return **at ? "a control character in a string" : "the text ends too early";
		if (**at == '\\') {
			error = json_escape(at);
		} else {
			n = utf8_char(*at, strnlen(*at, 4));
			if (!n)
				error = "a string that is not UTF-8";
			*at += n;
		}
		if (error)
			return error;
	}
	++*at;
	return NULL;
}

static bool json_digits(const char **at)
{
	size_t n = strspn(*at, DIGITS);

	*at += n;
	return n;
}

static const char *json_number(const char **at)
{
	static const char malformed[] = "a malformed number";
	const char *begin = *at, *whole;

	*at += *begin == '-';
	whole = *at;
	if (!json_digits(at) || (*whole == '0' && *at - whole > 1))
		return malformed;
	whole = *at;
	if (**at == '.' && (++*at, !json_digits(at)))
		return malformed;
	if (**at == 'e' || **at == 'E') {
		++*at;
		*at += **at == '+' || **at == '-';
		if (!json_digits(at))
			return malformed;
	}
	if (*at != whole)
		return NULL;
	errno = 0;
	if (*begin == '-')
		(void)strtoll(begin, NULL, 10);
	else
		(void)strtoull(begin, NULL, 10);
	return errno ? "an integer beyond 64 bits" : NULL;
}

static const char *json_keyword(const char **at)
{
	static const char *const keywords[] = { "true", "false", "null" };
	size_t n = 0;

	while (((*at)[n] | 0x20) >= 'a' && ((*at)[n] | 0x20) <= 'z')
		n++;
	for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
		if (n == strlen(keywords[i]) && !memcmp(*at, keywords[i], n)) {
			*at += n;
			return NULL;
		}
	}
	return n ? "an unknown keyword" : "a stray character";
}

const char *json_text_check(const char *text)
{
	char last = '\0'; /* what the last word began with */

	while (*(text += strspn(text, " \t\r\n"))) {
		const char c = *text, *error = NULL;

		if (strchr("{}[]:,", c)) {
			if (last == ',' && (c == '}' || c == ']'))
				error = "a comma before a closing bracket";
			text++;
		} else if (c == '"' || c == '\'') {
			error = json_string(&text);
		} else if (c == '-' || strchr(DIGITS, c)) {
			error = json_number(&text);
		} else {
			error = json_keyword(&text);
		}
		if (error)
			return error;
		last = c;
	}
	return NULL;
}
