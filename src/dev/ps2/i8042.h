// SPDX-License-Identifier: MIT
/*
 * The 8042 keyboard controller of the PC with a keyboard and a mouse: self-test, command byte,
 * translation, output port with line A20, reset pulse (IBM PC AT Technical Reference, "Keyboard
 * controller"; for the mouse's commands IBM Personal System/2 Hardware Interface Technical Reference,
 * "Keyboard/Auxiliary device controller").
 *
 * There is one byte towards the guest. What comes next is taken when the guest has read it: first the
 * controller's own answer, then the keyboard's bytes, then the mouse's, each if it is not held back
 * by the command byte. Line A20 is kept so that it reads back, but addresses never lose their bit 20.
 *
 * No write may wait: each one changes the status that guests poll, or a line.
 *
 * Any thread; protected by the chip's own lock, which the region takes around the guest's accesses,
 * keyboard and mouse included. Callbacks are made with it held. A person's hands come by struct input.
 */
#pragma once

#include <stdint.h>

#include "base/lock.h"
#include "base/state.h"
#include "dev/device.h"
#include "dev/irq.h"
#include "dev/ps2/input.h"
#include "dev/ps2/keyboard.h"
#include "dev/ps2/mouse.h"
#include "mem/region.h"

#define I8042_DATA    0x60
#define I8042_COMMAND 0x64
#define I8042_IRQ     1
#define I8042_AUX_IRQ 12

struct i8042_options {
	struct irq_line irq; /* I8042_IRQ */
	struct irq_line aux_irq; /* I8042_AUX_IRQ */
	struct input *input; /* where the keyboard and the mouse listen; NULL: nobody is there */
	void (*reset)(
		void *arg); /* the guest pulls the processor's reset line; must only note it */
	void *arg;
};

enum i8042_from { I8042_FROM_CONTROLLER, I8042_FROM_KEYBOARD, I8042_FROM_MOUSE };

struct i8042_state {
	uint8_t status; /* without the output-full bits */
	uint8_t command_byte;
	uint8_t output_port;
	uint8_t output, output_full; /* towards the guest */
	uint8_t output_from; /* enum i8042_from: whose byte it is */
	uint8_t answer, answer_full; /* the controller's own, until there is room */
	uint8_t answer_from;
	uint8_t releasing; /* the keyboard's last byte was "release", to be merged into the next */
	uint8_t awaiting; /* the command whose parameter comes next; 0: none */
};

struct i8042 {
	struct device device;
	struct irq_source wire, aux_wire; /* as a device of a list */
	struct lock lock; /* LOCK_DEVICE: everything below */
	struct mem_region data, command; /* one port each: I8042_DATA, I8042_COMMAND */
	struct i8042_options options;
	struct i8042_state state;
	struct ps2_keyboard keyboard;
	struct ps2_mouse mouse;
	bool level, aux_level; /* of the interrupt lines */
};

extern const struct state_table i8042_state_table;

/* "i8042" */
extern const struct device_type i8042_type;

void i8042_init(struct i8042 *i8042, const struct i8042_options *options);
void i8042_destroy(struct i8042 *i8042);
void i8042_reset(struct i8042 *i8042);
/* After the state was restored: lines and lights follow it. */
void i8042_restored(struct i8042 *i8042);
