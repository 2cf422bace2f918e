// SPDX-License-Identifier: MIT
/*
 * A 16550A serial port (National Semiconductor PC16550D data sheet; section numbers below are its).
 *
 * What the guest sends leaves at once, without the delay of a line: the transmitter is empty again when
 * the write returns, unless .room says that the other side is slow. Then it stays full until
 * serial_sent(), as on a line with a low rate, and a guest that looks before it writes loses nothing.
 * What comes in waits in the receiver FIFO; whoever has it asks serial_room() first and is told by .accept when room is
 * there again, so that nothing overruns. The character timeout runs on the given clock and by the
 * baud rate that the guest set.
 *
 * Embedded in a board. Any thread; everything is protected by the chip's own lock, which the region
 * takes around the guest's accesses. Callbacks are made with it held.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/state.h"
#include "dev/irq.h"
#include "mem/loan.h"
#include "mem/region.h"

#define SERIAL_PORTS 8
#define SERIAL_FIFO  16

/* Errors of a received character, as the line status register shows them. */
#define SERIAL_PARITY_ERROR  0x04u
#define SERIAL_FRAMING_ERROR 0x08u
#define SERIAL_BREAK         0x10u

/* Modem lines as the modem status register shows them. */
#define SERIAL_CTS 0x10u
#define SERIAL_DSR 0x20u
#define SERIAL_RI  0x40u
#define SERIAL_DCD 0x80u

/* What must hold for a write to wait. */
enum serial_condition {
	SERIAL_DATA_WAITS, /* port 0 sends, and no interrupt tells that it has; or is the divisor */
	SERIAL_DIVISOR, /* port 1 is the divisor */
	SERIAL_CONDITIONS,
};

struct serial_options {
	const char *name; /* "com1"; borrowed */
	struct clock *clock; /* for the character timeout */
	struct irq_line irq;
	void (*send)(void *arg, uint8_t byte); /* what the guest sends; NULL: nobody listens */
	size_t (*room)(void *arg); /* bytes that send() takes without losing any; NULL: always */
	void (*accept)(void *arg); /* there is room again; NULL: nobody waits */
	void *arg; /* of all three */
};

struct serial_state {
	uint8_t interrupt_enable, fifo_control, line_control, modem_control;
	uint8_t line_status; /* the bits that stay until read: overrun, errors of the first byte */
	uint8_t modem_status;
	uint8_t modem_lines; /* the inputs; not what loopback shows */
	uint8_t scratch;
	uint8_t divisor_low, divisor_high;
	uint8_t rx_first, rx_count; /* the FIFO is a ring */
	uint8_t rx[SERIAL_FIFO];
	uint8_t rx_error[SERIAL_FIFO];
	uint8_t transmit_pending; /* the transmitter-empty interrupt is due */
	uint8_t transmit_full; /* what was sent has no place to go yet */
	uint8_t timeout_pending;
	int64_t timeout_due; /* on the clock; CLOCK_NEVER: not running */
};

struct serial {
	struct lock lock; /* LOCK_DEVICE: everything below */
	struct mem_region region; /* SERIAL_PORTS ports */
	struct mem_condition conditions[SERIAL_CONDITIONS];
	struct serial_options options;
	struct timer timer;
	struct serial_state state;
	bool level; /* of the interrupt line */
	bool held_back; /* somebody was told that there is no room */
};

extern const struct state_table serial_state_table;

/* Powered on. The clock and what options point to must outlive the chip. */
void serial_init(struct serial *serial, const struct serial_options *options);
void serial_destroy(struct serial *serial);

/* The master reset pin (8.0, table I). The modem lines stay as they are. */
void serial_reset(struct serial *serial);
/*
 * After the state was restored: the timer, the interrupt line and the conditions follow it. Then the map
 * has to be settled before a vCPU runs.
 */
void serial_restored(struct serial *serial);

/* The other side has room again. Any thread, no lock held. */
void serial_sent(struct serial *serial);
/* How many bytes serial_receive() takes now. 0 in loopback, where the line is cut off. */
size_t serial_room(struct serial *serial);
/*
 * Bytes from the line. More than serial_room() said overrun, as they do in the chip: in FIFO mode
 * the new byte is lost, otherwise the old one. In loopback they are lost without a trace.
 */
void serial_receive(struct serial *serial, const uint8_t *bytes, size_t len);
/* One byte with errors (SERIAL_PARITY_ERROR ...). A break is a zero with SERIAL_BREAK. */
void serial_receive_error(struct serial *serial, uint8_t byte, uint8_t errors);
/* The modem lines, all four. After power-on CTS, DSR and DCD are on: somebody is connected. */
void serial_set_modem(struct serial *serial, uint8_t lines);
