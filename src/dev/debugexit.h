// SPDX-License-Identifier: MIT
/*
 * isa-debug-exit: a write ends the program, with twice the written value and one as its status.
 * Reads give 0. For test guests. It has no state and needs no lock.
 *
 * The callback is made on the vCPU's thread.
 */
#pragma once

#include <stdint.h>

#include "dev/device.h"
#include "mem/region.h"

struct debugexit_options {
	uint16_t port; /* as a device of a list: where it begins */
	uint32_t size; /* ports, 1 to 65536 */
	/* status is value * 2 + 1, cut to 32 bits; must only note it. The host keeps the low 8. */
	void (*exit)(void *arg, uint32_t status);
	void *arg;
};

struct debugexit {
	struct device device;
	struct mem_region region; /* options.size ports */
	struct mem_port port;
	struct debugexit_options options;
};

/* "isa-debug-exit" */
extern const struct device_type debugexit_type;

void debugexit_init(struct debugexit *debugexit, const struct debugexit_options *options);
