// SPDX-License-Identifier: MIT
/*
 * The terminal of `coalport top`, by ncurses: draws a screen, reads keys, and gives the terminal back
 * as it was, also when the program is stopped, told to end, or crashes.
 *
 * ncurses has one terminal for a process, so there is one face. One thread, with SIGINT, SIGTERM, SIGTSTP,
 * SIGCONT and SIGWINCH blocked: whoever waits for those calls the functions below.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "watch/screen.h"

/* Takes over the terminal of standard input and output. 0 or -errno with a line in err. */
int top_face_open(struct error *err) __attribute__((warn_unused_result));
/* Gives it back. Nothing to do if it is not open. */
void top_face_close(void);

void top_face_size(unsigned *columns, unsigned *rows);
/* False: the terminal takes nothing at the moment (Ctrl-S, a connection that hangs): try again. */
bool top_face_draw(const struct watch_screen *screen);
/* A character, or enum watch_screen_key. False: none waits. Never blocks. */
bool top_face_key(uint32_t *key);
/* The terminal has another size. */
void top_face_resized(void);
/* Gives the terminal back and stops the process, as Ctrl-Z does, until it is continued. */
void top_face_stop(void);
/* Takes the terminal again: the process was continued, by whomever it was stopped. */
void top_face_continued(void);
/* Draws all of it the next time. */
void top_face_clear(void);
