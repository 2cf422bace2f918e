// SPDX-License-Identifier: MIT
/*
 * What a person does to the machine: while the guest does not run, nobody feels it. And what a person
 * sees of it.
 */
#include "board/machine.h"

void machine_key(struct machine *machine, enum ps2_key key, bool down)
{
	if (machine->state == MACHINE_RUNNING)
		(void)input_key(&machine->input, key, down);
}

void machine_motion(struct machine *machine, const struct input_motion *motion)
{
	if (machine->state == MACHINE_RUNNING)
		(void)input_motion(&machine->input, motion);
}

bool machine_press(struct machine *machine, const struct typist_chord *chord)
{
	return machine->state != MACHINE_RUNNING || typist_press(&machine->typist, chord);
}

bool machine_look(struct machine *machine)
{
	machine_drain(machine);
	return screen_look(&machine->screen);
}

bool machine_read_text(struct machine *machine, struct screen_text *out)
{
	machine_drain(machine);
	return screen_read_text(&machine->screen, out);
}
