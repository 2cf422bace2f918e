// SPDX-License-Identifier: MIT
/*
 * What a cell of the VGA's text is on a terminal: its character, its colours, and which cells there
 * is room for. Constant data and pure functions, without ncurses.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

extern const uint16_t curses_glyphs[256]; /* code page 437 in Unicode */
extern const char
	curses_ascii[256 + 1]; /* what looks most like it, for terminals that have no more */

struct curses_look {
	uint8_t front,
		back; /* as terminals number colours: ANSI's eight, and from 8 on the bright ones */
	bool bold, blink, reverse;
};

/*
 * The look of an attribute (IBM VGA Technical Reference, "Attribute byte") on a terminal with that
 * many colours. With less than 16 a bright front is bold, and a bright background is not bright;
 * with less than 8 there are none, and what is lighter behind than in front is reversed.
 */
struct curses_look curses_look(uint8_t attribute, bool blinks, unsigned colours);
/* Its colours as a number below 64, with 16 colours below 256. White on black is 0. */
unsigned curses_pair(const struct curses_look *look, unsigned colours);

/*
 * The first of size rows or columns that is shown where there is room for that many, at least one:
 * if not for all, as few away from before as it takes to show the one at, if there is one to
 * follow.
 */
unsigned curses_view(unsigned before, unsigned size, unsigned room, bool follow, unsigned at);
