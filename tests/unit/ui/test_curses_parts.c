// SPDX-License-Identifier: MIT
/* What -display curses is made of: keys, characters, colours, and the part of a text that is shown. */
#include <stdlib.h>
#include <string.h>

#include "../base/cm.h"
#include "ui/curses_cells.h"
#include "ui/curses_keys.h"
#include "ui/vnc_keys.h"

static const char *own[CURSES_CAPABILITIES];

static int forget_own(void **state)
{
	memset(own, 0, sizeof(own));
	return 0;
}

static void describe(const char *name, const char *text)
{
	for (size_t i = 0; i < CURSES_CAPABILITIES; i++) {
		if (!strcmp(curses_capabilities[i].name, name)) {
			own[i] = text;
			return;
		}
	}
	fail_msg("%s: no such capability", name);
}

static void check(const char *bytes, size_t len, bool all, size_t taken, enum ps2_key key,
		  unsigned with)
{
	struct curses_chord chord;
	size_t n = curses_key((const uint8_t *)bytes, len, all, own, &chord);

	if (n != taken || (n && (chord.key != key || (key != PS2_KEY_NONE && chord.with != with))))
		fail_msg("\"%s\": %zu bytes, key %u with %u", bytes, n, chord.key, chord.with);
}

/* What is typed is what an American keyboard's keys mean, and each of those can be typed. */
static void characters(void **state)
{
	static const char lower[] = "`1234567890-=[]\\;',./abcdefghijklmnopqrstuvwxyz";
	static const char upper[] = "~!@#$%^&*()_+{}|:\"<>?ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char alt[2] = "\33";

	for (size_t i = 0; i < sizeof(lower) - 1; i++) {
		enum ps2_key key = vnc_key((uint8_t)lower[i]);

		check(&lower[i], 1, false, 1, key, 0);
		check(&upper[i], 1, false, 1, key, CURSES_SHIFT);
		alt[1] = lower[i];
		check(alt, 2, true, 2, key, CURSES_ALT);
		alt[1] = upper[i];
		check(alt, 2, true, 2, key, CURSES_ALT | CURSES_SHIFT);
	}
	check(" ", 1, false, 1, PS2_KEY_SPC, 0);
	for (int c = 'a'; c <= 'z'; c++) {
		char control = (char)(c & 0x1f);

		if (c == 'i' || c == 'm')
			continue;
		check(&control, 1, false, 1, vnc_key((uint8_t)c), CURSES_CTRL);
		alt[1] = control;
		check(alt, 2, false, 2, vnc_key((uint8_t)c), CURSES_CTRL | CURSES_ALT);
	}
	check("\t", 1, false, 1, PS2_KEY_TAB, 0);
	check("\r", 1, false, 1, PS2_KEY_RET, 0);
	check("\n", 1, false, 1, PS2_KEY_J, CURSES_CTRL);
	check("", 1, false, 1, PS2_KEY_2, CURSES_CTRL);
	check("\34", 1, false, 1, PS2_KEY_BACKSLASH, CURSES_CTRL);
	check("\35", 1, false, 1, PS2_KEY_BRACKET_RIGHT, CURSES_CTRL);
	check("\36", 1, false, 1, PS2_KEY_6, CURSES_CTRL);
	check("\37", 1, false, 1, PS2_KEY_MINUS, CURSES_CTRL);
	check("\177", 1, false, 1, PS2_KEY_BACKSPACE, 0);
	check("\303\266", 2, false, 1, PS2_KEY_NONE, 0);
}

static void sequences(void **state)
{
	static const struct {
		const char *bytes;
		enum ps2_key key;
		unsigned with;
	} rows[] = {
		{ "\33[A", PS2_KEY_UP, 0 },
		{ "\33OA", PS2_KEY_UP, 0 },
		{ "\33[1;5A", PS2_KEY_UP, CURSES_CTRL },
		{ "\33[1;8D", PS2_KEY_LEFT, CURSES_CTRL | CURSES_ALT | CURSES_SHIFT },
		{ "\33\33[B", PS2_KEY_DOWN, CURSES_ALT },
		{ "\33[H", PS2_KEY_HOME, 0 },
		{ "\33[1~", PS2_KEY_HOME, 0 },
		{ "\33[2~", PS2_KEY_INSERT, 0 },
		{ "\33[3;2~", PS2_KEY_DELETE, CURSES_SHIFT },
		{ "\33[8~", PS2_KEY_END, 0 },
		{ "\33OP", PS2_KEY_F1, 0 },
		{ "\33[[A", PS2_KEY_F1, 0 },
		{ "\33[[E", PS2_KEY_F5, 0 },
		{ "\33[11~", PS2_KEY_F1, 0 },
		{ "\33[15~", PS2_KEY_F5, 0 },
		{ "\33[21~", PS2_KEY_F10, 0 },
		{ "\33[24~", PS2_KEY_F12, 0 },
		{ "\33[34~", PS2_KEY_F8, CURSES_SHIFT },
		{ "\33[1;3S", PS2_KEY_F4, CURSES_ALT },
		{ "\33[Z", PS2_KEY_TAB, CURSES_SHIFT },
		{ "\33OM", PS2_KEY_KP_ENTER, 0 },
		/* Taken as a whole, and for nothing. */
		{ "\33[9~", PS2_KEY_NONE, 0 },
		{ "\33[99999999999~", PS2_KEY_NONE, 0 },
		{ "\33[200~", PS2_KEY_NONE, 0 },
		{ "\33[?1;2c", PS2_KEY_NONE, 0 },
		{ "\33[[X", PS2_KEY_NONE, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].bytes);

		check(rows[i].bytes, len, false, len, rows[i].key, rows[i].with);
		/* However it is cut, more is waited for. */
		for (size_t part = 1; part < len; part++)
			check(rows[i].bytes, part, false, 0, PS2_KEY_NONE, 0);
	}
	check("\33", 1, true, 1, PS2_KEY_ESC, 0);
	check("\33\33", 2, true, 1, PS2_KEY_ESC, 0);
	check("\33[", 2, true, 2, PS2_KEY_BRACKET_LEFT, CURSES_ALT);
	check("\33O", 2, true, 2, PS2_KEY_O, CURSES_ALT | CURSES_SHIFT);
	check("\33[1;", 4, true, 2, PS2_KEY_BRACKET_LEFT, CURSES_ALT);
}

/* What the terminal's own description says comes before what is usual. */
static void described(void **state)
{
	describe("kbs", "\b");
	describe("kf1", "\33[11z");
	describe("khome", "\1\1h");
	check("\b", 1, false, 1, PS2_KEY_BACKSPACE, 0);
	check("\33[11z", 5, false, 5, PS2_KEY_F1, 0);
	check("\33[11", 4, false, 0, PS2_KEY_NONE, 0);
	check("\33\33[11z", 6, false, 6, PS2_KEY_F1, CURSES_ALT);
	check("\1\1h", 3, false, 3, PS2_KEY_HOME, 0);
	check("\1", 1, false, 0, PS2_KEY_NONE, 0);
	check("\1", 1, true, 1, PS2_KEY_A, CURSES_CTRL);
	check("\1b", 2, false, 1, PS2_KEY_A, CURSES_CTRL);
}

/* Whatever comes: something is taken when no more will come, and never more than there is. */
static void junk(void **state)
{
	static const uint8_t often[] = "\33\33\33[[O1;~A";

	srand(1);
	for (unsigned round = 0; round < 200000; round++) {
		uint8_t bytes[2 * CURSES_KEY_MAX];
		size_t len = 1 + (size_t)rand() % sizeof(bytes), n;
		uint8_t *exact = malloc(len);
		struct curses_chord chord;

		assert_non_null(exact);
		for (size_t i = 0; i < len; i++)
			exact[i] = rand() % 4 ? often[(size_t)rand() % (sizeof(often) - 1)]
					      : (uint8_t)rand();
		n = curses_key(exact, len, false, own, &chord);
		assert_true(n <= len);
		n = curses_key(exact, len, true, own, &chord);
		assert_true(n && n <= len);
		assert_true(chord.key <= PS2_KEY_NONE);
		free(exact);
	}
}

static void glyphs(void **state)
{
	static const struct {
		uint8_t byte;
		uint16_t unicode;
		char ascii;
	} rows[] = {
		{ 0x00, ' ', ' ' },    { 0x01, 0x263a, 'o' }, { 0x0d, 0x266a, 'd' },
		{ 0x10, 0x25ba, '>' }, { 0x1f, 0x25bc, 'v' }, { 0x7f, 0x2302, '^' },
		{ 0x80, 0x00c7, 'C' }, { 0x9b, 0x00a2, 'c' }, { 0xb0, 0x2591, '.' },
		{ 0xb3, 0x2502, '|' }, { 0xc4, 0x2500, '-' }, { 0xc9, 0x2554, '+' },
		{ 0xcd, 0x2550, '=' }, { 0xdb, 0x2588, '#' }, { 0xe1, 0x00df, 'B' },
		{ 0xf8, 0x00b0, 'o' }, { 0xfe, 0x25a0, '#' }, { 0xff, 0x00a0, ' ' },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(curses_glyphs[rows[i].byte], rows[i].unicode);
		assert_int_equal(curses_ascii[rows[i].byte], rows[i].ascii);
	}
	for (unsigned i = 0; i < 256; i++) {
		if (i >= 0x20 && i < 0x7f) {
			assert_int_equal(curses_glyphs[i], i);
			assert_int_equal(curses_ascii[i], i);
		}
		assert_in_range(curses_ascii[i], ' ', '~');
		assert_true(curses_glyphs[i] >= ' ' && curses_glyphs[i] != 0x7f);
		for (unsigned j = 1; j < i; j++)
			assert_true(curses_glyphs[i] != curses_glyphs[j] || i == 0x20);
	}
	assert_int_equal(strlen(curses_ascii), 256);
}

static void check_look(uint8_t attribute, bool blinks, unsigned colours, struct curses_look wanted)
{
	struct curses_look look = curses_look(attribute, blinks, colours);

	if (look.front != wanted.front || look.back != wanted.back || look.bold != wanted.bold ||
	    look.blink != wanted.blink || look.reverse != wanted.reverse)
		fail_msg("%#x, %u colours: %u on %u, bold %d, blink %d, reverse %d", attribute,
			 colours, look.front, look.back, look.bold, look.blink, look.reverse);
}

static void colours(void **state)
{
	/* Yellow on blue, blinking or on bright blue. */
	check_look(0x9e, true, 16, (struct curses_look){ .front = 11, .back = 4, .blink = true });
	check_look(0x9e, false, 16, (struct curses_look){ .front = 11, .back = 12 });
	check_look(0x9e, true, 8,
		   (struct curses_look){ .front = 3, .back = 4, .blink = true, .bold = true });
	check_look(0x9e, false, 8, (struct curses_look){ .front = 3, .back = 4, .bold = true });
	check_look(0x07, true, 0, (struct curses_look){ .front = 7 });
	check_look(0x0f, true, 0, (struct curses_look){ .front = 7, .bold = true });
	check_look(0x70, true, 0, (struct curses_look){ .front = 7, .reverse = true });
	check_look(0xf0, true, 0,
		   (struct curses_look){ .front = 7, .reverse = true, .blink = true });
	for (unsigned n = 8; n <= 16; n += 8) {
		bool seen[256] = { false };

		for (unsigned attribute = 0; attribute < 256; attribute++) {
			struct curses_look look = curses_look((uint8_t)attribute, false, n);
			unsigned pair = curses_pair(&look, n);

			assert_true(pair < n * n);
			assert_int_equal(!pair, look.front == 7 && look.back == 0);
			assert_true(n == 8 || !seen[pair]);
			seen[pair] = true;
		}
	}
}

static void view(void **state)
{
	assert_int_equal(curses_view(9, 80, 80, true, 79), 0);
	assert_int_equal(curses_view(9, 25, 100, true, 24), 0);
	assert_int_equal(curses_view(0, 80, 40, false, 79), 0);
	assert_int_equal(curses_view(0, 80, 40, true, 39), 0);
	assert_int_equal(curses_view(0, 80, 40, true, 40), 1);
	assert_int_equal(curses_view(0, 80, 40, true, 79), 40);
	assert_int_equal(curses_view(40, 80, 40, true, 40), 40);
	assert_int_equal(curses_view(40, 80, 40, true, 39), 39);
	/* The terminal has grown. */
	assert_int_equal(curses_view(40, 80, 60, true, 79), 20);
	assert_int_equal(curses_view(79, 80, 1, true, 5), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(characters, forget_own),
		cmocka_unit_test_setup(sequences, forget_own),
		cmocka_unit_test_setup(described, forget_own),
		cmocka_unit_test_setup(junk, forget_own),
		cmocka_unit_test(glyphs),
		cmocka_unit_test(colours),
		cmocka_unit_test(view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
