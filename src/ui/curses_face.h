// SPDX-License-Identifier: MIT
/*
 * The terminal's side of -display curses: ncurses draws, and what it would send to the terminal is
 * kept for the caller to send, since ncurses waits for a terminal that takes nothing, and the loop
 * must not.
 *
 * ncurses has one terminal for a process, so there is one face at a time. The loop's thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "dev/screen.h"
#include "ui/curses_keys.h"

/* Terminals are taken for no larger than this: the guest's text is not. */
#define CURSES_COLUMNS_MAX 500u
#define CURSES_ROWS_MAX    300u

struct curses_face;

/* What is to be seen. */
struct curses_picture {
	const struct screen_text *text; /* or NULL: */
	char note[80]; /* in the middle of a black screen; "": nothing */
	const char *help; /* in the last row, or NULL */
};

/*
 * A face for the terminal that the environment names (TERM, and the locale's characters). Nothing
 * is to be sent yet. 0 or -errno with one line.
 */
int curses_face_open(struct curses_face **out, struct error *err)
	__attribute__((warn_unused_result));
void curses_face_close(struct curses_face *face);

/* What ends the screen, whatever is on it; how long it is. */
size_t curses_face_leave(const struct curses_face *face, char *out, size_t size);
/* The terminal's own sequences, for curses_key(). */
const char *const *curses_face_keys(const struct curses_face *face);

/* The terminal's size: all of it is drawn anew. */
void curses_face_resize(struct curses_face *face, unsigned columns, unsigned rows);
void curses_face_redraw(struct curses_face *face);
/* What is different from what was drawn before is to be sent. */
void curses_face_draw(struct curses_face *face, const struct curses_picture *picture);
/* Takes up to size bytes of what is to be sent; 0: there is nothing. */
size_t curses_face_take(struct curses_face *face, void *bytes, size_t size);
