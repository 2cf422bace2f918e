// SPDX-License-Identifier: MIT
/*
 * isa-debug-exit: a write ends the program, with twice the written value and one as its status.
 * Reads give 0. For test guests. It has no state and needs no lock.
 *
 * Embedded in a board. The callback is made on the vCPU's thread.
 */
#pragma once

#include <stdint.h>

#include "mem/region.h"

#define DEBUGEXIT_AT   0x501 /* where -device puts it if not told otherwise */
#define DEBUGEXIT_SIZE 2

struct debugexit_options {
	uint32_t size; /* ports, 1 to 65536 */
	/* status is value * 2 + 1, cut to 32 bits; must only note it. The host keeps the low 8. */
	void (*exit)(void *arg, uint32_t status);
	void *arg;
};

struct debugexit {
	struct mem_region region; /* options.size ports */
	struct mem_port port;
	struct debugexit_options options;
};

void debugexit_init(struct debugexit *debugexit, const struct debugexit_options *options);
