// SPDX-License-Identifier: MIT
/*
 * The two Intel 8237A DMA controllers of the PC AT with their page registers: channels 0 to 3 move
 * bytes, channels 5 to 7 words; channel 4 is where the first controller is cascaded into the second
 * (Intel 8237A data sheet, 1993; IBM PC AT Technical Reference, "Direct Memory Access"; Intel 82371SB,
 * 2.5.1).
 *
 *	0x00-0x07	address and count of channels 0 to 3, low byte first
 *	0x08-0x0f	status/command, request, mask, mode, clear flip-flop, master clear, ...
 *	0x81-0x8f	page registers: bits 16 to 23 of the address
 *	0xc0-0xdf	the second controller, each register at two ports
 *	0x481-0x48f	bits 24 to 30 of the address
 *
 * A transfer takes no time: a device asks for it and finds it done, as far as the channel lets it.
 * Single, block and demand mode are therefore the same. Only RAM is reached; what lies elsewhere reads
 * as ones and takes no writes. Not there, as with QEMU's: memory-to-memory transfers, priorities,
 * polarities, and the second controller's hold on the first (a guest need not program channel 4).
 *
 * Any thread; protected by the chip's own lock, which the region takes around the guest's accesses.
 * Devices call with their own lock held.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/state.h"
#include "dev/device.h"
#include "mem/map.h"
#include "mem/region.h"

#define I8237_CHANNELS 8
#define I8237_PAGES    16
#define I8237_MAX      UINT32_C(0x20000) /* bytes that a channel moves between two programmings */

/* As the controller's data sheet says it: a write is one to memory. */
enum i8237_direction {
	I8237_VERIFY, /* only counts */
	I8237_WRITE,
	I8237_READ,
};

struct i8237_state {
	uint16_t base_address[I8237_CHANNELS], base_count[I8237_CHANNELS];
	uint16_t address[I8237_CHANNELS]; /* the current one; of words in channels 4 to 7 */
	uint16_t count[I8237_CHANNELS]; /* transfers left, minus one */
	uint8_t mode[I8237_CHANNELS];
	uint8_t page[I8237_PAGES], high_page[I8237_PAGES];
	/* Of the two controllers. */
	uint8_t command[2], flip_flop[2];
	/* A bit for each channel. */
	uint8_t mask;
	uint8_t reached; /* the terminal count, since status was read */
	uint8_t asked; /* by software */
	uint8_t wanted; /* by a device that the channel did not let */
};

/* Under which some writes may wait. */
enum i8237_condition { I8237_NOBODY_WAITS, I8237_CONDITIONS };

struct i8237 {
	struct device device;
	struct lock lock; /* LOCK_DEVICE, DEV_LAYER_DMA: everything below */
	struct mem_map *map;
	struct mem_region ports[2], pages, high_pages;
	struct mem_condition conditions[I8237_CONDITIONS];
	struct {
		void (*ready)(void *arg);
		void *arg;
	} users[I8237_CHANNELS];
	struct i8237_state state;
};

extern const struct state_table i8237_state_table;

/* "i8257", as QEMU calls it; it becomes the place's dma. */
extern const struct device_type i8237_type;

/* map: whose memory is reached. The regions belong at the ports above. */
void i8237_init(struct i8237 *dma, struct mem_map *map);
void i8237_destroy(struct i8237 *dma);
void i8237_reset(struct i8237 *dma);

/*
 * Who is called when a channel that refused i8237_transfer() may let it now: with the chip's lock
 * held, so it may only note it. NULL: nobody.
 */
void i8237_connect(struct i8237 *dma, unsigned channel, void (*ready)(void *arg), void *arg);

/* What came of a transfer. */
struct i8237_moved {
	size_t len; /* bytes; 0: the channel is masked, or programmed for something else */
	bool ended; /* terminal count: the channel takes no more */
};

/*
 * Moves up to len bytes between buffer and memory. A device that gets nothing is remembered, as by
 * its request line, until i8237_withdraw(); it settles the map (mem_map_settle()) when it holds no
 * lock any more, so that what lets it on does not wait itself. With I8237_VERIFY, or if the guest has programmed the
 * channel for that, bytes are counted and nothing moves.
 */
struct i8237_moved i8237_transfer(struct i8237 *dma, unsigned channel,
				  enum i8237_direction direction, uint8_t *buffer, size_t len);
/* How many bytes are left until the terminal count, whether the channel is masked or not. */
size_t i8237_left(struct i8237 *dma, unsigned channel);
/* The device does not want to be told any more. */
void i8237_withdraw(struct i8237 *dma, unsigned channel);
