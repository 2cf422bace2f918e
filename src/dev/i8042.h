// SPDX-License-Identifier: MIT
/*
 * The 8042 keyboard controller of the PC, with nothing plugged in: self-test, command byte, output
 * port with line A20, reset pulse (IBM PC AT Technical Reference, "Keyboard controller").
 *
 * What is sent to the keyboard is answered as by a real controller whose keyboard is missing: 0xfe
 * with the time-out bit. Line A20 is kept so that it reads back, but addresses never lose their bit 20.
 *
 * Any thread; protected by the chip's own lock, which the region takes around
 * the guest's accesses. Callbacks are made with it held.
 */
#pragma once

#include <stdint.h>

#include "base/lock.h"
#include "base/state.h"
#include "dev/device.h"
#include "dev/irq.h"
#include "mem/region.h"

#define I8042_DATA    0x60
#define I8042_COMMAND 0x64
#define I8042_IRQ     1

struct i8042_options {
	struct irq_line irq; /* I8042_IRQ */
	void (*reset)(
		void *arg); /* the guest pulls the processor's reset line; must only note it */
	void *arg;
};

struct i8042_state {
	uint8_t status; /* without the output-full bits */
	uint8_t command_byte;
	uint8_t output_port;
	uint8_t output, output_full; /* towards the guest */
	uint8_t awaiting; /* the command whose parameter comes next; 0: none */
};

struct i8042 {
	struct device device;
	struct irq_source wire; /* as a device of a list */
	struct lock lock; /* LOCK_DEVICE: everything below */
	struct mem_region data, command; /* one port each: I8042_DATA, I8042_COMMAND */
	struct i8042_options options;
	struct i8042_state state;
	bool level; /* of the interrupt line */
};

extern const struct state_table i8042_state_table;

/* "i8042" */
extern const struct device_type i8042_type;

void i8042_init(struct i8042 *i8042, const struct i8042_options *options);
void i8042_destroy(struct i8042 *i8042);
void i8042_reset(struct i8042 *i8042);
/* After the state was restored: the interrupt line follows it. */
void i8042_restored(struct i8042 *i8042);
