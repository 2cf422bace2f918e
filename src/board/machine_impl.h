// SPDX-License-Identifier: MIT
/* Between the making of a machine (machine.c) and its life (machine_life.c). */
#pragma once

#include "board/machine.h"

/* Fills in what carries out requests; the machine is paused. */
void machine_life_init(struct machine *machine);
/* What drives tell: hooks of struct drives, of a machine. */
void machine_disk_failed(void *machine, const struct block_error *error);
void machine_tray_moved(void *machine, const struct drive *drive, bool open);
/* What the accelerator is to call. */
struct accel_events machine_life_events(struct machine *machine);
/* Stops what the state does not let go on, and lets go on what it does. */
void machine_enter(struct machine *machine, enum machine_state state);
