// SPDX-License-Identifier: MIT
/*
 * The mouse at the 8042's second port: commands of the host, stream and remote mode, and the
 * extensions by which drivers find a wheel (three bytes of sampling rates: IntelliMouse) and two
 * buttons more (IntelliMouse Explorer). IBM Personal System/2 Hardware Interface Technical Reference,
 * "Mouse"; Microsoft, "Mouse Detection and the wheel".
 *
 * A movement that does not fit into one packet goes in several; one that finds no room waits, added
 * up, until there is. The sampling rate is kept and holds nothing back.
 *
 * Part of the controller (i8042.h), under its lock; no wires of its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/state.h"
#include "dev/ps2/input.h"
#include "dev/ps2/queue.h"

enum ps2_mouse_kind { PS2_MOUSE_PLAIN = 0, PS2_MOUSE_WHEEL = 3, PS2_MOUSE_EXPLORER = 4 };

struct ps2_mouse {
	struct ps2_queue queue;
	uint8_t kind; /* enum ps2_mouse_kind: what "identify" answers */
	uint8_t reporting; /* stream mode tells movements */
	uint8_t remote; /* only when asked */
	uint8_t wrap; /* whatever comes goes back */
	uint8_t scaling; /* 2:1, in stream mode */
	uint8_t resolution; /* 0 to 3: 1, 2, 4, 8 counts a mm; kept for nobody */
	uint8_t rate; /* samples a second */
	uint8_t rates[2]; /* those before it, the latest first: drivers knock with them */
	uint8_t awaiting; /* the command whose parameter comes next; 0: none */
	uint8_t last; /* the byte sent last, for "resend" */
	uint8_t buttons, told_buttons; /* INPUT_: now, and in the last packet */
	int32_t right, down, wheel; /* not told yet */
};

extern const struct state_table ps2_mouse_state;

/* As after power-on; the self-test is over and its answer was read. */
void ps2_mouse_init(struct ps2_mouse *mouse);
/* A byte from the host. */
void ps2_mouse_write(struct ps2_mouse *mouse, uint8_t byte);
void ps2_mouse_motion(struct ps2_mouse *mouse, const struct input_motion *motion);
/* The next byte for the host; false if there is none. */
bool ps2_mouse_take(struct ps2_mouse *mouse, uint8_t *byte);
void ps2_mouse_restored(struct ps2_mouse *mouse);
