// SPDX-License-Identifier: MIT
/*
 * What `coalport top` shows, as lines of text with attributes, and what its keys do: all but the
 * terminal. A screen is made of what happened in an interval and of what the user wants to see of it;
 * the same input gives the same lines.
 *
 * Everything that a line is made of is safe and has a known width: characters that the locale cannot
 * show (wcwidth()) are question marks. No locking: one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "watch/snapshot.h"

#define WATCH_SCREEN_FILTER  64 /* bytes with the NUL */
#define WATCH_SCREEN_COLUMNS 500 /* wider screens are not filled */
/* Below this, one line asks for a larger terminal. */
#define WATCH_SCREEN_COLUMNS_LEAST 24
#define WATCH_SCREEN_ROWS_LEAST    4
#define WATCH_SCREEN_SAFE          512 /* bytes of the longest text that is put at once, with the NUL */

enum watch_screen_attr {
	WATCH_SCREEN_PLAIN,
	WATCH_SCREEN_BOLD,
	WATCH_SCREEN_DIM,
	WATCH_SCREEN_HEADER, /* above columns */
	WATCH_SCREEN_SORTED, /* above the column that is sorted by */
	WATCH_SCREEN_WARN,
	WATCH_SCREEN_ATTRS,
};

/* Bytes of the screen's text that look alike. */
struct watch_screen_span {
	size_t at, n;
	enum watch_screen_attr attr;
};

struct watch_screen_line {
	size_t first, n; /* spans */
	bool fill; /* the last span's look goes on to the edge */
};

/* A zeroed struct is an empty screen. */
struct watch_screen {
	char *text;
	size_t text_n, text_room;
	struct watch_screen_span *spans;
	size_t spans_n, spans_room;
	struct watch_screen_line *lines;
	size_t lines_n, lines_room;
	bool failed; /* memory ran out: what is there is good, the rest is missing */
	unsigned columns; /* of the terminal */
	unsigned used; /* of the last line's columns */
};

enum watch_screen_view {
	WATCH_SCREEN_ADDRESSES,
	WATCH_SCREEN_VCPUS,
	WATCH_SCREEN_ZONES,
	WATCH_SCREEN_KERNEL,
	WATCH_SCREEN_VIEWS,
	WATCH_SCREEN_HELP = WATCH_SCREEN_VIEWS, /* no place in the round of views */
};

/* As a person says them. */
extern const char *const watch_screen_views[WATCH_SCREEN_VIEWS];

/* What the user wants to see. Zeroed but for the interval, it is what one sees first. */
struct watch_screen_state {
	enum watch_screen_view view, behind_help;
	enum watch_sort sort;
	bool reverse;
	bool whole; /* since the beginning, not of the interval */
	bool frozen;
	bool editing; /* the filter: keys are text */
	char filter
		[WATCH_SCREEN_FILTER]; /* lines with this text, in any case of letters; "": all */
	char before[WATCH_SCREEN_FILTER]; /* the filter that Escape goes back to */
	int64_t interval; /* ns */
	size_t scroll; /* lines of the table that are above the screen */
	size_t top; /* lines of the table at most; 0: all */
};

/* Borrowed for the call. */
struct watch_screen_input {
	const struct watch_snapshot *interval; /* a difference; NULL: there is none yet */
	const struct watch_snapshot *whole; /* since the beginning; NULL: nothing was heard yet */
	const char *target; /* what the user calls the guest */
	const char *note; /* what is wrong at the moment, or NULL */
};

/*
 * Makes the lines anew. rows 0: as many as there are, and no line about keys (for what is no terminal).
 * The state's scroll is brought back to where there is something.
 */
void watch_screen_render(struct watch_screen *screen, const struct watch_screen_input *input,
			 struct watch_screen_state *state, unsigned columns, unsigned rows);
void watch_screen_free(struct watch_screen *screen);

/* Keys that are no characters. */
enum watch_screen_key {
	WATCH_KEY_UP = 0x110000,
	WATCH_KEY_DOWN,
	WATCH_KEY_PAGE_UP,
	WATCH_KEY_PAGE_DOWN,
	WATCH_KEY_HOME,
	WATCH_KEY_END,
	WATCH_KEY_BACKSPACE,
	WATCH_KEY_BACK_TAB,
};

enum watch_screen_act {
	WATCH_ACT_NONE, /* the key means nothing here */
	WATCH_ACT_SHOW, /* the state changed */
	WATCH_ACT_INTERVAL, /* the interval, too */
	WATCH_ACT_REDRAW, /* the terminal is to be cleared and drawn anew */
	WATCH_ACT_QUIT,
};

/* rows: of the terminal, for a page's length. */
enum watch_screen_act watch_screen_press(struct watch_screen_state *state, uint32_t key,
					 unsigned rows);

/* False if there is no such view. */
bool watch_screen_view_find(enum watch_screen_view *view, const char *name);
