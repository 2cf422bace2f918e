// SPDX-License-Identifier: MIT
/*
 * What a terminal sends is which keys of the guest's, taken for an American keyboard: characters,
 * control characters, the sequences of the keys that have none, with Shift, Ctrl and Alt as xterm
 * tells them (XTerm Control Sequences, "PC-Style Function Keys"), and ESC in front for Alt.
 *
 * Pure functions on the caller's memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dev/ps2/keys.h"

#define CURSES_SHIFT 0x1u
#define CURSES_ALT   0x2u
#define CURSES_CTRL  0x4u

#define CURSES_KEY_MAX 16u /* bytes of a key, at most */

struct curses_chord {
	enum ps2_key key; /* PS2_KEY_NONE: no key of the guest's */
	uint8_t with; /* CURSES_: that are held */
};

/* Keys that the terminal's description (terminfo) has sequences for. */
struct curses_capability {
	const char *name; /* terminfo's */
	struct curses_chord chord;
};
#define CURSES_CAPABILITIES 38u
extern const struct curses_capability curses_capabilities[CURSES_CAPABILITIES];

/*
 * The first key of the len bytes. own: the terminal's sequence for each capability, or NULL. How
 * many bytes it was, or 0: it may go on, wait for more. all: no more will come, so it is never 0;
 * ESC is then the key Esc, or Alt.
 */
size_t curses_key(const uint8_t *bytes, size_t len, bool all,
		  const char *const own[CURSES_CAPABILITIES], struct curses_chord *out);
