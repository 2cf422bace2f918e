// SPDX-License-Identifier: MIT
/*
 * Between who shows the machine to a person and the chips that a person's hands reach: front ends
 * (QMP, a viewer) put keys and movements in, a chip that has a keyboard or a mouse listens.
 *
 * Keys repeat as the front end repeats them: a key that is pressed while it is down is told again.
 *
 * The functions belong to the loop's thread, with no lock held; the chip takes its own. Lights may be
 * read and set by any thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dev/ps2/keys.h"

#define INPUT_LEFT   0x01u
#define INPUT_RIGHT  0x02u
#define INPUT_MIDDLE 0x04u
#define INPUT_SIDE   0x08u
#define INPUT_EXTRA  0x10u

#define INPUT_LIGHT_SCROLL 0x01u
#define INPUT_LIGHT_NUM    0x02u
#define INPUT_LIGHT_CAPS   0x04u

struct input_motion {
	int32_t right, down; /* in the mouse's steps */
	int32_t wheel; /* clicks towards the person */
	uint32_t buttons; /* INPUT_: those that are down afterwards */
};

struct input {
	/* Filled in by a chip; NULL: there is none. */
	void (*key)(void *arg, enum ps2_key key, bool down);
	void (*motion)(void *arg, const struct input_motion *motion);
	void *arg; /* of both */
	uint32_t buttons; /* INPUT_: as told last */
	_Atomic uint32_t lights; /* INPUT_LIGHT_: of the keyboard, as the guest set them */
};

/* False if there is no keyboard, or no mouse. */
bool input_key(struct input *input, enum ps2_key key, bool down);
bool input_motion(struct input *input, const struct input_motion *motion);
