// SPDX-License-Identifier: MIT
/*
 * The Bochs debug console: a port (0x402 for firmware, 0xe9 for others) whose writes are text for
 * the host. Reads give 0xe9, by which a guest knows that it is there. It has no state.
 *
 * The callback is made on any thread that delivers writes, one at a time.
 */
#pragma once

#include <stdint.h>

#include "base/lock.h"
#include "dev/device.h"
#include "mem/region.h"

struct debugcon_options {
	const char *chardev; /* as a device of a list: the id of the back-end, and ... */
	uint16_t port; /* ... where it is */
	void (*send)(void *arg, uint8_t byte); /* NULL: nobody listens */
	void *arg;
};

struct debugcon {
	struct device device;
	struct lock lock; /* LOCK_DEVICE: keeps the bytes one at a time */
	struct mem_region region; /* one port */
	struct debugcon_options options;
};

/* "isa-debugcon" */
extern const struct device_type debugcon_type;

void debugcon_init(struct debugcon *debugcon, const struct debugcon_options *options);
void debugcon_destroy(struct debugcon *debugcon);
