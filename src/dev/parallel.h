// SPDX-License-Identifier: MIT
/*
 * A parallel port of the standard kind with a printer at it (IBM PC Technical Reference, "Printer
 * adapter"; IEEE 1284-1994, compatibility mode; where these leave something open, QEMU's
 * hw/char/parallel.c).
 *
 *	0x378	data		0x379	status (read)		0x37a	control
 *
 * The printer takes a byte at the leading edge of nStrobe and acknowledges it at the trailing one. While
 * the other side of the character back-end is slow it is busy, and acknowledges when there is room: a
 * guest that looks before it writes loses nothing.
 *
 * Embedded in a board. Any thread; protected by the chip's own lock, which the region takes around the
 * guest's accesses. Callbacks are made with it held.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/state.h"
#include "dev/irq.h"
#include "mem/region.h"

#define PARALLEL_PORTS 3

struct parallel_options {
	const char *name; /* "lpt1"; borrowed */
	struct irq_line irq;
	void (*send)(void *arg, uint8_t byte); /* what is printed; NULL: it is lost */
	size_t (*room)(void *arg); /* bytes that send() takes without losing any; NULL: always */
	void *arg; /* of both */
};

struct parallel_state {
	uint8_t data; /* the latch */
	uint8_t control;
	uint8_t busy; /* a byte that was taken has not been acknowledged */
	uint8_t pending; /* an acknowledge that the guest has not seen: status was not read since */
};

struct parallel {
	struct lock lock; /* LOCK_DEVICE: everything below */
	struct mem_region region; /* PARALLEL_PORTS ports */
	struct parallel_options options;
	struct parallel_state state;
	bool level; /* of the interrupt line */
};

extern const struct state_table parallel_state_table;

/* Powered on. What options point to must outlive the chip. */
void parallel_init(struct parallel *parallel, const struct parallel_options *options);
void parallel_destroy(struct parallel *parallel);
void parallel_reset(struct parallel *parallel);
/* After the state was restored: the interrupt line follows it. */
void parallel_restored(struct parallel *parallel);
/* The other side has room again. Any thread, no lock held. */
void parallel_printed(struct parallel *parallel);
