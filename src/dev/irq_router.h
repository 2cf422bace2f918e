// SPDX-License-Identifier: MIT
/*
 * Interrupt wiring of a PC: 24 lines, as many as an I/O APIC has inputs. The first sixteen are the
 * ISA interrupts; each line is the wired OR of the chips connected to it and of the PCI pins that
 * the ISA bridge routes to it.
 *
 * The slots of bus 0 share four PIRQ lines: pin p (0 for INTA) of device d is PIRQ (d - 1 + p) mod 4.
 * The ISA bridge routes each of them to one of lines 0 to 15, as on a PIIX3, with an I/O APIC or
 * without. Lines 16 to 23 have no ISA interrupt: a chip may be connected to them, and the ACPI tables
 * have then to tell their number as its GSI (MADT: I/O APIC at GSI base 0, 24 inputs, no override).
 *
 * A change of a line's level is passed on to the line's sink; the lock (LOCK_IRQ) is held
 * meanwhile, so a sink takes leaf locks at most. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/state.h"
#include "dev/device.h"
#include "dev/irq.h"
#include "dev/pci.h"

#define IRQ_LINES     24
#define IRQ_ISA_LINES 16 /* the first ones */
#define IRQ_PIRQS     4
#define IRQ_NOWHERE   IRQ_LINES /* a PIRQ that is routed to no line */

struct irq_router {
	struct device device;
	struct lock lock; /* LOCK_IRQ: everything below */
	struct irq_line sinks[IRQ_LINES];
	/* State. */
	uint32_t driven[IRQ_LINES]; /* how many sources hold the line high */
	uint32_t pirq_devices[IRQ_PIRQS]; /* a bit for each device that drives the line */
	uint8_t route[IRQ_PIRQS]; /* 0-15 or IRQ_NOWHERE */
	uint32_t levels; /* what the sinks were told last */
};

/*
 * For comparing and printing. Nothing of it is restored: levels follow from the chips, which drive
 * their lines anew, and routes are the ISA bridge's.
 */
extern const struct state_table irq_router_state;

/* "irq-router": its lines end at the place's irq_line(), and it becomes the place's router. */
extern const struct device_type irq_router_type;

/* sinks: one for each line; they may be unconnected. Every level is low, every PIRQ goes nowhere. */
void irq_router_init(struct irq_router *router, const struct irq_line sinks[IRQ_LINES]);
void irq_router_destroy(struct irq_router *router);

/*
 * A line for a chip to drive, joined to interrupt irq (0 to IRQ_LINES - 1), low at first. The source
 * stays where it is as long as the line is driven. Raising a line that something else holds high
 * already answers IRQ_MERGED.
 */
struct irq_line irq_router_connect(struct irq_router *router, unsigned irq,
				   struct irq_source *source);

/* Where the pins of bus 0 end. */
struct pci_intx_sink irq_router_intx(struct irq_router *router);

/* Sends PIRQ line pirq (0-3) to ISA interrupt irq, or to IRQ_NOWHERE. */
void irq_router_set_route(struct irq_router *router, unsigned pirq, unsigned irq);

/* Tells every sink its line's level anew. */
void irq_router_refresh(struct irq_router *router);
