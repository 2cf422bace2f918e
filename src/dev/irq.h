// SPDX-License-Identifier: MIT
/*
 * An interrupt line as a chip sees it: a wire it drives high or low, and the answer whether an edge
 * reached a processor. The board decides where the wire ends. May be called with the chip's lock
 * held; what lies behind it locks at LOCK_IRQ or above.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum irq_status {
	IRQ_MASKED = -1, /* not passed on now; an 8259 remembers the edge, an I/O APIC does not */
	IRQ_MERGED = 0, /* an earlier interrupt of this line is still pending: this one is lost */
	IRQ_DELIVERED = 1,
};

struct irq_router;

struct irq_line {
	enum irq_status (*set)(void *arg, unsigned line, bool level); /* NULL: not connected */
	void *arg;
	unsigned line;
};

static inline enum irq_status irq_set(const struct irq_line *irq, bool level)
{
	return irq->set ? irq->set(irq->arg, irq->line, level) : IRQ_DELIVERED;
}

/* A chip's end of a wire to the interrupt router; embedded in the chip. The router's while it is there. */
struct irq_source {
	struct irq_router *router;
	unsigned irq;
	bool level; /* protected by the router's lock */
};

/* Where a PCI function's message-signalled interrupts go. 0 or -errno of the host. */
struct msi_sink {
	int (*send)(void *arg, uint64_t addr, uint32_t data);
	void *arg;
};
