// SPDX-License-Identifier: MIT
#include "ui/curses_keys.h"

#include <assert.h>
#include <string.h>

#include "ui/vnc_keys.h"

#define ESC 0x1b

const struct curses_capability curses_capabilities[CURSES_CAPABILITIES] = {
	{ "kbs", { PS2_KEY_BACKSPACE, 0 } },
	{ "kcbt", { PS2_KEY_TAB, CURSES_SHIFT } },
	{ "kcuu1", { PS2_KEY_UP, 0 } },
	{ "kcud1", { PS2_KEY_DOWN, 0 } },
	{ "kcub1", { PS2_KEY_LEFT, 0 } },
	{ "kcuf1", { PS2_KEY_RIGHT, 0 } },
	{ "khome", { PS2_KEY_HOME, 0 } },
	{ "kend", { PS2_KEY_END, 0 } },
	{ "kpp", { PS2_KEY_PGUP, 0 } },
	{ "knp", { PS2_KEY_PGDN, 0 } },
	{ "kich1", { PS2_KEY_INSERT, 0 } },
	{ "kdch1", { PS2_KEY_DELETE, 0 } },
	{ "kb2", { PS2_KEY_KP_5, 0 } },
	{ "kent", { PS2_KEY_KP_ENTER, 0 } },
	{ "kf1", { PS2_KEY_F1, 0 } },
	{ "kf2", { PS2_KEY_F2, 0 } },
	{ "kf3", { PS2_KEY_F3, 0 } },
	{ "kf4", { PS2_KEY_F4, 0 } },
	{ "kf5", { PS2_KEY_F5, 0 } },
	{ "kf6", { PS2_KEY_F6, 0 } },
	{ "kf7", { PS2_KEY_F7, 0 } },
	{ "kf8", { PS2_KEY_F8, 0 } },
	{ "kf9", { PS2_KEY_F9, 0 } },
	{ "kf10", { PS2_KEY_F10, 0 } },
	{ "kf11", { PS2_KEY_F11, 0 } },
	{ "kf12", { PS2_KEY_F12, 0 } },
	{ "kf13", { PS2_KEY_F1, CURSES_SHIFT } },
	{ "kf14", { PS2_KEY_F2, CURSES_SHIFT } },
	{ "kf15", { PS2_KEY_F3, CURSES_SHIFT } },
	{ "kf16", { PS2_KEY_F4, CURSES_SHIFT } },
	{ "kf17", { PS2_KEY_F5, CURSES_SHIFT } },
	{ "kf18", { PS2_KEY_F6, CURSES_SHIFT } },
	{ "kf19", { PS2_KEY_F7, CURSES_SHIFT } },
	{ "kf20", { PS2_KEY_F8, CURSES_SHIFT } },
	{ "kf21", { PS2_KEY_F9, CURSES_SHIFT } },
	{ "kf22", { PS2_KEY_F10, CURSES_SHIFT } },
	{ "kf23", { PS2_KEY_F11, CURSES_SHIFT } },
	{ "kf24", { PS2_KEY_F12, CURSES_SHIFT } },
};

/* ESC [ number ~ */
static const uint8_t numbered[] = {
	/* clang-format off */
	PS2_KEY_NONE, PS2_KEY_HOME, PS2_KEY_INSERT, PS2_KEY_DELETE, PS2_KEY_END,
	PS2_KEY_PGUP, PS2_KEY_PGDN, PS2_KEY_HOME, PS2_KEY_END, PS2_KEY_NONE, PS2_KEY_NONE,
	PS2_KEY_F1, PS2_KEY_F2, PS2_KEY_F3, PS2_KEY_F4, PS2_KEY_F5, PS2_KEY_NONE,
	PS2_KEY_F6, PS2_KEY_F7, PS2_KEY_F8, PS2_KEY_F9, PS2_KEY_F10, PS2_KEY_NONE,
	PS2_KEY_F11, PS2_KEY_F12,
	/* clang-format on */
};

/* ESC [ letter, ESC O letter. */
static const struct {
	char letter;
	struct curses_chord chord;
} lettered[] = {
	{ 'A', { PS2_KEY_UP, 0 } },
	{ 'B', { PS2_KEY_DOWN, 0 } },
	{ 'C', { PS2_KEY_RIGHT, 0 } },
	{ 'D', { PS2_KEY_LEFT, 0 } },
	{ 'E', { PS2_KEY_KP_5, 0 } },
	{ 'F', { PS2_KEY_END, 0 } },
	{ 'H', { PS2_KEY_HOME, 0 } },
	{ 'M', { PS2_KEY_KP_ENTER, 0 } },
	{ 'P', { PS2_KEY_F1, 0 } },
	{ 'Q', { PS2_KEY_F2, 0 } },
	{ 'R', { PS2_KEY_F3, 0 } },
	{ 'S', { PS2_KEY_F4, 0 } },
	{ 'Z', { PS2_KEY_TAB, CURSES_SHIFT } },
};

/* Control characters that are not Ctrl and their letter. */
static const struct {
	uint8_t byte;
	struct curses_chord chord;
} controls[] = {
	{ 0x00, { PS2_KEY_2, CURSES_CTRL } },
	{ '\t', { PS2_KEY_TAB, 0 } },
	{ '\r', { PS2_KEY_RET, 0 } },
	{ ESC, { PS2_KEY_ESC, 0 } },
	{ 0x1c, { PS2_KEY_BACKSLASH, CURSES_CTRL } },
	{ 0x1d, { PS2_KEY_BRACKET_RIGHT, CURSES_CTRL } },
	{ 0x1e, { PS2_KEY_6, CURSES_CTRL } },
	{ 0x1f, { PS2_KEY_MINUS, CURSES_CTRL } },
	{ 0x7f, { PS2_KEY_BACKSPACE, 0 } },
};

static struct curses_chord character(uint8_t byte)
{
	struct curses_chord chord = { .key = PS2_KEY_NONE };

	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		if (controls[i].byte == byte)
			return controls[i].chord;
	}
	if (byte < ' ') {
		chord.key = vnc_key(byte + ('a' - 1u));
		chord.with = CURSES_CTRL;
	} else if (byte < 0x7f) {
		chord.key = vnc_key(byte);
		if ((byte >= 'A' && byte <= 'Z') || strchr("~!@#$%^&*()_+{}|:\"<>?", byte))
			chord.with = CURSES_SHIFT;
	}
	return chord;
}

/* What the terminal's description has: as curses_key(), 0 if it is none of those. */
static size_t described(const uint8_t *bytes, size_t len, const char *const *own,
			struct curses_chord *out)
{
	size_t best = 0;

	for (size_t i = 0; i < CURSES_CAPABILITIES; i++) {
		size_t n = own[i] ? strlen(own[i]) : 0;

		if (n > best && n <= len && !memcmp(bytes, own[i], n)) {
			best = n;
			*out = curses_capabilities[i].chord;
		}
	}
	return best;
}

/* Bytes may become one of them yet. */
static bool may_be_described(const uint8_t *bytes, size_t len, const char *const *own)
{
	for (size_t i = 0; i < CURSES_CAPABILITIES; i++) {
		if (own[i] && strlen(own[i]) > len && !memcmp(bytes, own[i], len))
			return true;
	}
	return false;
}

static struct curses_chord by_letter(uint8_t letter)
{
	for (size_t i = 0; i < sizeof(lettered) / sizeof(lettered[0]); i++) {
		if ((uint8_t)lettered[i].letter == letter)
			return lettered[i].chord;
	}
	return (struct curses_chord){ .key = PS2_KEY_NONE };
}

/* Linux's console has Shift and F1 to F8 at 25 and so on. */
static struct curses_chord by_number(unsigned number)
{
	static const uint8_t shifted[] = { 25, 26, 28, 29, 31, 32, 33, 34 };

	for (unsigned i = 0; i < sizeof(shifted); i++) {
		if (number == shifted[i])
			return (struct curses_chord){ (enum ps2_key)(PS2_KEY_F1 + i),
						      CURSES_SHIFT };
	}
	return (struct curses_chord){ number < sizeof(numbered) ? (enum ps2_key)numbered[number]
								: PS2_KEY_NONE,
				      0 };
}

/* ESC [ and what ECMA-48 allows behind it: as curses_key(). */
static size_t sequence(const uint8_t *bytes, size_t len, struct curses_chord *out)
{
	unsigned numbers[2] = { 0, 1 }, at = 0;
	size_t i = 2;

	/* Linux's console: F1 to F5. */
	if (len > 2 && bytes[2] == '[') {
		if (len > 3 && bytes[3] >= 'A' && bytes[3] <= 'E')
			*out = (struct curses_chord){ (enum ps2_key)(PS2_KEY_F1 + bytes[3] - 'A'),
						      0 };
		return len > 3 ? 4 : 0;
	}
	for (; i < len && i < CURSES_KEY_MAX && bytes[i] >= 0x20 && bytes[i] < 0x40; i++) {
		if (bytes[i] == ';' && at < 1)
			numbers[++at] = 0;
		else if (bytes[i] >= '0' && bytes[i] <= '9' && numbers[at] < 100)
			numbers[at] = numbers[at] * 10 + (bytes[i] - (unsigned)'0');
	}
	if (i == CURSES_KEY_MAX)
		return i;
	if (i == len)
		return 0;
	*out = bytes[i] == '~' ? by_number(numbers[0]) : by_letter(bytes[i]);
	/* One more than the sum of Shift, Alt, Ctrl, whose bits are ours. */
	if (out->key != PS2_KEY_NONE && numbers[1] > 1)
		out->with |= (numbers[1] - 1) & (CURSES_SHIFT | CURSES_ALT | CURSES_CTRL);
	return i + 1;
}

/* ESC and at least one byte more: as curses_key(). */
static size_t escaped(const uint8_t *bytes, size_t len, bool all, const char *const *own,
		      struct curses_chord *out)
{
	size_t n = 0;

	if (bytes[1] == '[' && (n = sequence(bytes, len, out)))
		return n;
	if (bytes[1] == 'O' && len > 2) {
		*out = by_letter(bytes[2]);
		if (out->key != PS2_KEY_NONE)
			return 3;
	} else if ((bytes[1] == '[' || bytes[1] == 'O') && !all) {
		return 0;
	}
	/* Esc twice is not Alt. */
	n = len > 2 || bytes[1] != ESC ? curses_key(bytes + 1, len - 1, all, own, out) : !!all;
	if (bytes[1] == ESC && (n == 1 || (!n && all))) {
		*out = (struct curses_chord){ PS2_KEY_ESC, 0 };
		return 1;
	}
	if (n && out->key != PS2_KEY_NONE)
		out->with |= CURSES_ALT;
	return n ? n + 1 : 0;
}

size_t curses_key(const uint8_t *bytes, size_t len, bool all,
		  const char *const own[CURSES_CAPABILITIES], struct curses_chord *out)
{
	size_t n;

	assert(len);
	*out = (struct curses_chord){ .key = PS2_KEY_NONE };
	n = described(bytes, len, own, out);
	if (n)
		return n;
	if (!all && may_be_described(bytes, len, own))
		return 0;
	if (bytes[0] != ESC || (len == 1 && all)) {
		*out = character(bytes[0]);
		return 1;
	}
	return len > 1 ? escaped(bytes, len, all, own, out) : 0;
}
