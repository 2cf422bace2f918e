// SPDX-License-Identifier: MIT
/* Between the making of a machine (machine.c) and its life (machine_life.c). */
#pragma once

#include "board/machine.h"

/* Fills in what carries out requests; the machine is paused. */
void machine_life_init(struct machine *machine);
/* What the accelerator is to call. */
struct accel_events machine_life_events(struct machine *machine);
/* Stops what the state does not let go on, and lets go on what it does. */
void machine_enter(struct machine *machine, enum machine_state state);
