// SPDX-License-Identifier: MIT
/*
 * "isa-parallel": a parallel port at one of the three places that the BIOS looks at, or elsewhere if
 * told so, and the character back-end that is its printer.
 *
 *	index	0	1	2
 *	port	0x378	0x278	0x3bc
 *
 * Its interrupt is 7 wherever it is, as QEMU has it.
 */
#pragma once

#include "base/chardev.h"
#include "dev/device.h"
#include "dev/parallel.h"

#define PARALLEL_ISA_MAX 3

struct parallel_isa {
	struct device device;
	struct irq_source wire;
	const char *chardev_id; /* NULL: nobody prints */
	int32_t index; /* -1: until created, the first that is free */
	int32_t port; /* -1: until created, what the index says */
	int32_t irq;
	struct place *place;
	struct chardev *chardev;
	struct parallel parallel;
};

extern const struct device_type parallel_isa_type;

/* The bit of its index if it has that index's usual port and the usual line, or 0. */
uint8_t parallel_isa_standard(const struct parallel_isa *isa);
