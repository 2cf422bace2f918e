// SPDX-License-Identifier: MIT
/*
 * "isa-serial": a 16550A at one of the four places that the BIOS gives to serial ports, or elsewhere
 * if told so, and the character back-end behind it.
 *
 *	index	0	1	2	3
 *	port	0x3f8	0x2f8	0x3e8	0x2e8
 *	line	4	3	4	3
 */
#pragma once

#include "base/chardev.h"
#include "dev/device.h"
#include "dev/serial.h"

#define SERIAL_ISA_MAX 4

struct serial_isa {
	struct device device;
	struct irq_source wire;
	const char *chardev_id; /* NULL: nobody listens */
	int32_t index; /* -1: until created, the first that is free */
	int32_t port, irq; /* -1: until created, what the index says */
	struct place *place;
	struct chardev *chardev;
	struct serial serial;
};

extern const struct device_type serial_isa_type;

/* The bit of its index if it has that index's usual port and line, or 0. */
uint8_t serial_isa_standard(const struct serial_isa *isa);
