// SPDX-License-Identifier: MIT
/*
 * Intel 82371SB (PIIX3): PCI-to-ISA bridge at 00:01.0. Routing of PIRQ lines to ISA interrupts, the
 * edge/level registers where no in-kernel interrupt controller has them, and reset control 0xcf9.
 * Source: Intel 290550, chapter 2.
 *
 * The reset control register is reached through the host bridge, whose CONFIG_ADDRESS it lies in.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/state.h"
#include "dev/irq_router.h"
#include "dev/pci.h"
#include "mem/region.h"

struct piix3_options {
	struct irq_router *router;
	/* The guest asks for a reset. Chip locks are held: only to be noted down for later. */
	void (*reset)(void *arg);
	void *reset_arg;
	bool elcr; /* 0x4d0 and 0x4d1 are ours, and 0x61: nobody else has an interrupt controller or a timer */
};

struct piix3 {
	struct device device;
	struct pci_function function;
	struct irq_router *router;
	void (*request_reset)(void *arg);
	void *reset_arg;
	struct lock lock; /* LOCK_DEVICE: the state */
	struct mem_region elcr_ports, port_b;
	/* State. */
	uint8_t elcr[2];
	uint8_t gates; /* what was written to 0x61 */
	uint8_t refresh; /* its bit that follows memory refresh */
	uint8_t reset_control;
};

/* Besides pci_function_state of .function. */
extern const struct state_table piix3_state;

/* "PIIX3": provides the place's reset_control. */
extern const struct device_type piix3_type;

void piix3_init(struct piix3 *bridge, struct pci_bus *bus, const struct piix3_options *options);
void piix3_destroy(struct piix3 *bridge);
/* After pci_function_reset(). */
void piix3_reset(struct piix3 *bridge);

/* Register 0xcf9 (2.3.4); arg is the struct piix3. */
uint8_t piix3_reset_control_read(void *arg);
void piix3_reset_control_write(void *arg, uint8_t value);
