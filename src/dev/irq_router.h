// SPDX-License-Identifier: MIT
/*
 * Interrupt wiring of a PC: the sixteen ISA interrupt lines, each the wired OR of the chips
 * connected to it and of the PCI pins that the ISA bridge routes to it.
 *
 * The slots of bus 0 share four PIRQ lines: pin p (0 for INTA) of device d is PIRQ (d - 1 + p) mod 4.
 * A change of a line's level is passed on to the line's sink; the lock (LOCK_IRQ) is held
 * meanwhile, so a sink takes leaf locks at most. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/state.h"
#include "dev/irq.h"
#include "dev/pci.h"

#define IRQ_LINES   16
#define IRQ_PIRQS   4
#define IRQ_SOURCES 32
#define IRQ_NOWHERE IRQ_LINES /* a PIRQ that is routed to no line */

struct irq_router {
	struct lock lock; /* LOCK_IRQ: everything below */
	struct irq_line sinks[IRQ_LINES];
	uint8_t source_line[IRQ_SOURCES]; /* where each chip is connected; fixed before running */
	unsigned sources_n;
	/* State. */
	uint8_t source_level[IRQ_SOURCES];
	uint32_t pirq_devices[IRQ_PIRQS]; /* a bit for each device that drives the line */
	uint8_t route[IRQ_PIRQS]; /* 0-15 or IRQ_NOWHERE */
	uint16_t levels; /* what the sinks were told last */
};

/* Follow a restore by irq_router_refresh(). Routes are the ISA bridge's to restore. */
extern const struct state_table irq_router_state;

/* sinks: one for each line; they may be unconnected. Every level is low, every PIRQ goes nowhere. */
void irq_router_init(struct irq_router *router, const struct irq_line sinks[IRQ_LINES]);
void irq_router_destroy(struct irq_router *router);

/*
 * A line for a chip to drive, joined to ISA interrupt irq (0-15). Before the machine runs, at most
 * IRQ_SOURCES times. Raising a line that something else holds high already answers IRQ_MERGED.
 */
struct irq_line irq_router_connect(struct irq_router *router, unsigned irq);

/* Where the pins of bus 0 end. */
struct pci_intx_sink irq_router_intx(struct irq_router *router);

/* Sends PIRQ line pirq (0-3) to ISA interrupt irq, or to IRQ_NOWHERE. */
void irq_router_set_route(struct irq_router *router, unsigned pirq, unsigned irq);

/* Tells every sink its line's level anew. */
void irq_router_refresh(struct irq_router *router);
