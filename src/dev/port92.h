// SPDX-License-Identifier: MIT
/*
 * System control port A of the PS/2, at 0x92: bit 1 is line A20, and bit 0 going from 0 to 1 resets
 * the processor ("fast reset"). A20 is kept so that it reads back, but addresses never lose their bit
 * 20; the other bits are memory.
 *
 * Any thread; protected by the chip's own lock, which the region takes around
 * the guest's accesses. The callback is made with it held.
 */
#pragma once

#include <stdint.h>

#include "base/lock.h"
#include "base/state.h"
#include "dev/device.h"
#include "mem/region.h"

#define PORT92_AT 0x92

struct port92_options {
	void (*reset)(void *arg); /* must only note it */
	void *arg;
};

struct port92_state {
	uint8_t value;
};

struct port92 {
	struct device device;
	struct lock lock; /* LOCK_DEVICE: everything below */
	struct mem_region region; /* one port */
	struct port92_options options;
	struct port92_state state;
};

extern const struct state_table port92_state_table;

/* "port92" */
extern const struct device_type port92_type;

void port92_init(struct port92 *port92, const struct port92_options *options);
void port92_destroy(struct port92 *port92);
/* Clears the reset bit, so that the next fast reset works, and A20. */
void port92_reset(struct port92 *port92);
