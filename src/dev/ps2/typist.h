// SPDX-License-Identifier: MIT
/*
 * Presses keys one after the other with time between, for who cannot wait itself: each key of a
 * chord goes down, they are held for a while, and go up in the opposite order.
 *
 * Belongs to the loop's thread, as does struct input.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "dev/ps2/input.h"

#define TYPIST_CHORD 16 /* keys at once */
#define TYPIST_QUEUE 64 /* chords that wait */

struct typist_chord {
	int64_t hold; /* ns */
	uint8_t keys[TYPIST_CHORD]; /* enum ps2_key */
	uint8_t n;
};

struct typist {
	struct input *input;
	struct timer timer;
	struct typist_chord chords[TYPIST_QUEUE];
	unsigned first, n; /* the first is under way */
	bool down; /* its keys are held; else they are let go and the next one may come */
};

_Static_assert(PS2_KEYS <= UINT8_MAX, "a key is a byte here");

void typist_init(struct typist *typist, struct clock *clock, struct input *input);
/* Lets go of what is held and forgets the rest. */
void typist_stop(struct typist *typist);
/* False if too many wait already. */
bool typist_press(struct typist *typist, const struct typist_chord *chord);
