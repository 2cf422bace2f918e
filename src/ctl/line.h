// SPDX-License-Identifier: MIT
/*
 * A line that a person types at a terminal somewhere: editing, history and completion by libedit, for
 * a terminal that is no descriptor of ours but the far end of a character back-end, of which nothing is
 * known: it is taken to be a VT100 of 80 columns. Text is ASCII; other bytes are ignored. A line is at
 * most CTL_LINE_MAX - 1 bytes long, and what is typed beyond that beeps.
 *
 * Belongs to the loop's thread. docs/monitor.md lists the keys.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define CTL_LINE_MAX     4096
#define CTL_LINE_HISTORY 100 /* lines that are kept */

struct ctl_line;

struct ctl_line_user {
	/* To the terminal, as it is. */
	void (*write)(void *arg, const char *bytes, size_t n);
	/*
	 * What could stand in place of word, the last of what was typed up to the cursor: name number
	 * i, or NULL behind the last. before is what stands in front of the word. Valid until the next call.
	 */
	const char *(*candidate)(void *arg, const char *before, size_t i);
	void *arg;
};

/* The prompt and the user's functions are borrowed. 0 or -errno. Nothing is written yet. */
int ctl_line_open(struct ctl_line **out, const char *prompt, const struct ctl_line_user *user,
		  struct error *err) __attribute__((warn_unused_result));
void ctl_line_close(struct ctl_line *line); /* NULL is ignored */
/* A new line begins: writes the prompt. What was typed of the last one is forgotten. */
void ctl_line_begin(struct ctl_line *line);
/* Forgets the history too: somebody else sits there now. */
void ctl_line_forget(struct ctl_line *line);
/*
 * One byte from the terminal. If it ends the line: the line, without its end, until the next call; then
 * ctl_line_begin() follows. Else NULL.
 */
const char *ctl_line_key(struct ctl_line *line, uint8_t byte);
