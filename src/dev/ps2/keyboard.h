// SPDX-License-Identifier: MIT
/*
 * The keyboard at the 8042's first port: commands of the host, scan code sets 1, 2 and 3 (IBM
 * Personal System/2 Hardware Interface Technical Reference, "Keyboards (101- and 102-key)").
 *
 * It repeats nothing by itself: who presses the key repeats it (dev/ps2/input.h). Shift and NumLock do
 * not wrap the middle keys' codes, as they do not in QEMU; Print and Pause have their sequences.
 *
 * Part of the controller (i8042.h), under its lock; no wires of its own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/state.h"
#include "dev/ps2/keys.h"
#include "dev/ps2/queue.h"

#define PS2_SET3_CODES 0x90 /* codes of set 3 are below this */

struct ps2_keyboard {
	struct ps2_queue queue;
	uint8_t set; /* 1, 2 or 3 */
	uint8_t scanning; /* keys are told */
	uint8_t lights; /* INPUT_LIGHT_ */
	uint8_t rate; /* as the host set it; kept for nobody */
	uint8_t awaiting; /* the command whose parameter comes next; 0: none */
	uint8_t last; /* the byte sent last, for "resend" */
	uint8_t modifiers; /* those held that change what Print and Pause send */
	uint8_t kinds[PS2_SET3_CODES]; /* of each key of set 3: what it tells */
};

extern const struct state_table ps2_keyboard_state;

/* As after power-on; the self-test is over and its answer was read. */
void ps2_keyboard_init(struct ps2_keyboard *keyboard);
/* A byte from the host. */
void ps2_keyboard_write(struct ps2_keyboard *keyboard, uint8_t byte);
void ps2_keyboard_key(struct ps2_keyboard *keyboard, enum ps2_key key, bool down);
/* The next byte for the host; false if there is none. */
bool ps2_keyboard_take(struct ps2_keyboard *keyboard, uint8_t *byte);
void ps2_keyboard_restored(struct ps2_keyboard *keyboard);
