// SPDX-License-Identifier: MIT
/*
 * -display curses: the machine's text modes on the terminal, and the terminal's keys for the
 * machine. docs/display.md is its manual.
 *
 * It is the user of a character back-end of kind STDIO with escapes, which has the terminal: raw
 * mode, Ctrl-A x, whatever way the program ends, and output that waits for nobody. As long as the
 * terminal has taken what was drawn, the text is looked at about 30 times a second; what the
 * terminal does not take is not drawn.
 *
 * All functions belong to the loop's thread.
 */
#pragma once

#include "base/chardev.h"
#include "base/error.h"
#include "board/machine.h"

struct ui_curses;

/*
 * Both are borrowed. The terminal is left alone until the loop runs. 0, or -errno with one line:
 * -ENOTTY if standard input and output are no terminal, or one that is not known.
 */
int ui_curses_open(struct ui_curses **out, struct machine *machine, struct chardev *chardev,
		   struct error *err) __attribute__((warn_unused_result));
/*
 * Restores the terminal, which is sent what is left by chardev_finish() before. Before the back-end
 * and the machine are destroyed. NULL is allowed.
 */
void ui_curses_close(struct ui_curses *curses);
