// SPDX-License-Identifier: MIT
#include <string.h>

#include "ui/vnc_impl.h"

/* RFC 6143, 7.5.5: bits of the pointer's buttons. */
#define WHEEL_UP   0x08u
#define WHEEL_DOWN 0x10u

static const struct {
	uint8_t bit;
	uint32_t button;
} buttons[] = {
	{ 0x01, INPUT_LEFT },
	{ 0x02, INPUT_MIDDLE },
	{ 0x04, INPUT_RIGHT },
	{ 0x80, INPUT_SIDE },
};

static void press(struct vnc_viewer *viewer, const struct vnc_input *input)
{
	uint64_t bit = UINT64_C(1) << (input->key % 64);

	if (input->down)
		viewer->keys[input->key / 64] |= bit;
	else
		viewer->keys[input->key / 64] &= ~bit;
	machine_key(viewer->vnc->machine, input->key, input->down);
}

/* A click of the wheel is a button that goes down and up. */
static bool went_down(const struct vnc_viewer *viewer, const struct vnc_input *input, uint8_t bit)
{
	return input->buttons & ~viewer->pointer.buttons & bit;
}

/* The protocol says where the pointer is, the mouse how far it went. */
static void point(struct vnc_viewer *viewer, const struct vnc_input *input)
{
	struct input_motion motion = { .wheel = 0 };

	if (viewer->pointed) {
		motion.right = input->x - viewer->pointer.x;
		motion.down = input->y - viewer->pointer.y;
	}
	motion.wheel = went_down(viewer, input, WHEEL_DOWN) - went_down(viewer, input, WHEEL_UP);
	for (size_t i = 0; i < sizeof(buttons) / sizeof(buttons[0]); i++) {
		if (input->buttons & buttons[i].bit)
			motion.buttons |= buttons[i].button;
	}
	if (motion.right || motion.down || motion.wheel ||
	    input->buttons != viewer->pointer.buttons)
		machine_motion(viewer->vnc->machine, &motion);
	viewer->pointed = true;
	viewer->pointer = *input;
}

void vnc_input_carry_out(struct vnc_viewer *viewer)
{
	struct vnc_input inputs[VNC_QUEUE];
	unsigned n;

	lock_take(&viewer->vnc->lock);
	n = viewer->queue_n;
	memcpy(inputs, viewer->queue, n * sizeof(inputs[0]));
	viewer->queue_n = 0;
	pthread_cond_signal(&viewer->room);
	lock_drop(&viewer->vnc->lock);
	for (unsigned i = 0; i < n; i++) {
		if (inputs[i].key == PS2_KEY_NONE)
			point(viewer, &inputs[i]);
		else
			press(viewer, &inputs[i]);
	}
}

void vnc_input_release(struct vnc_viewer *viewer)
{
	struct vnc_input input = viewer->pointer;

	for (unsigned key = 0; key < PS2_KEYS; key++) {
		if (viewer->keys[key / 64] >> (key % 64) & 1)
			press(viewer, &(struct vnc_input){ .key = (enum ps2_key)key });
	}
	input.buttons = 0;
	if (viewer->pointed)
		point(viewer, &input);
}
