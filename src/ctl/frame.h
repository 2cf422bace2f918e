// SPDX-License-Identifier: MIT
/*
 * Where one JSON text of a stream ends and the next begins. QMP is not framed by lines: a text ends
 * with the bracket that closes its first one, or, if it does not begin with one, before the next
 * space, bracket or end of line.
 *
 * What cannot be JSON is an error at once, so that one broken text does not swallow all that follow:
 * a byte that no text begins with, a control character, a byte outside of strings that only binary
 * data has, more than CTL_FRAME_MAX bytes or CTL_FRAME_DEPTH open brackets. After an error all is
 * skipped up to the next opening bracket, control character, end of line, 0xfe or 0xff; a client that
 * sends one of these is understood again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTL_FRAME_MAX   (1u << 20)
#define CTL_FRAME_DEPTH 128

enum ctl_frame_result {
	CTL_FRAME_MORE, /* all was taken, no text is complete */
	CTL_FRAME_TEXT, /* text[0..n) is complete */
	CTL_FRAME_ERROR, /* told once for each broken text */
};

struct ctl_frame {
	char *text;
	size_t n, room;
	unsigned depth;
	char quote; /* inside a string that this character ends, or 0 */
	bool escaped; /* behind a backslash */
	bool bare; /* no bracket at its begin */
	bool complete; /* text[0..n) was handed out */
	bool skipping; /* the rest of something broken */
	const char *error; /* what was wrong */
};

void ctl_frame_init(struct ctl_frame *frame);
void ctl_frame_destroy(struct ctl_frame *frame);
/* Forgets what was begun. */
void ctl_frame_reset(struct ctl_frame *frame);
/*
 * Takes bytes up to the end of a text or an error and moves *at behind them. A text is good until
 * the next call.
 */
enum ctl_frame_result ctl_frame_take(struct ctl_frame *frame, const uint8_t *bytes, size_t len,
				     size_t *at);
