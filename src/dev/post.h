// SPDX-License-Identifier: MIT
/*
 * The POST code display at port 0x80: what firmware writes there says how far it got. Reads give the
 * last code, as the DMA page register under it did in the AT. Systems also write here for the sake
 * of the delay alone, which is why a code may wait a little before it is shown.
 *
 * Any thread; protected by the chip's own lock, which the region takes around
 * the guest's accesses. The callback is made with it held.
 */
#pragma once

#include <stdint.h>

#include "base/lock.h"
#include "base/state.h"
#include "dev/device.h"
#include "mem/region.h"

#define POST_AT 0x80

struct post_options {
	void (*show)(void *arg, uint8_t code); /* NULL: nobody looks */
	void *arg;
};

struct post_state {
	uint8_t code;
};

struct post {
	struct device device;
	struct lock lock; /* LOCK_DEVICE: everything below */
	struct mem_region region; /* one port */
	struct post_options options;
	struct post_state state;
};

extern const struct state_table post_state_table;

/* "post" */
extern const struct device_type post_type;

void post_init(struct post *post, const struct post_options *options);
void post_destroy(struct post *post);
void post_reset(struct post *post);
/* The code written last, once what waits is delivered. */
uint8_t post_code(struct post *post);
