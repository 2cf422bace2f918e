// SPDX-License-Identifier: MIT
#include "dev/ps2/input.h"

bool input_key(struct input *input, enum ps2_key key, bool down)
{
	if (!input->key)
		return false;
	input->key(input->arg, key, down);
	return true;
}

bool input_motion(struct input *input, const struct input_motion *motion)
{
	if (!input->motion)
		return false;
	input->buttons = motion->buttons;
	input->motion(input->arg, motion);
	return true;
}
