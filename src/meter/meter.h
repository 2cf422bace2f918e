// SPDX-License-Identifier: MIT
/*
 * What accesses cost. Each vCPU thread owns one meter and is the only writer; others may read it
 * at any time and merge it into a report (counters are relaxed atomics, so a report of a running
 * machine is approximate to the last few accesses). Memory is bounded whatever a guest does: what
 * finds no place in METER_ROWS rows shares the row "other".
 *
 * Times are in ticks of the time-stamp counter, converted when reported.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <x86intrin.h>

#define METER_ROWS 512
#define METER_LINE 16u /* bytes of memory that share a row */

enum meter_space { METER_PORT, METER_MMIO };

struct meter_row {
	/*
	 * 0: free. Else 1 | write << 1 | space << 2 | place << 3, where the place is a port's number
	 * or the number of a 16-byte line of memory.
	 */
	_Atomic uint64_t key;
	_Atomic uint64_t exits; /* trips to user space */
	_Atomic uint64_t coalesced; /* writes that came through the ring */
	_Atomic uint64_t ticks, ticks_min, ticks_max; /* of the trips; min and max need exits > 0 */
	_Atomic double ticks_squared; /* sum of squares */
} __attribute__((aligned(64)));

struct meter {
	struct meter_row rows[METER_ROWS];
	struct meter_row other;
	_Atomic uint64_t exits; /* every return of KVM_RUN, I/O or not */
};

static inline uint64_t meter_ticks(void)
{
	return __rdtsc();
}

void meter_init(struct meter *meter);
/* A trip to user space for one access: ticks from KVM_RUN's return to the next KVM_RUN. */
void meter_exit(struct meter *meter, enum meter_space space, uint64_t addr, bool write,
		uint64_t ticks);
/* A return from KVM_RUN that was no I/O. */
void meter_other_exit(struct meter *meter);
/* Called by whoever drains, with the ring lock held: one meter per ring, not per vCPU. */
void meter_coalesced(struct meter *meter, enum meter_space space, uint64_t addr);

/*
 * How many of the ring's writes went to first .. last, or a few more: memory is counted by lines, and
 * what found no row may have gone anywhere. Any thread.
 */
uint64_t meter_coalesced_in(const struct meter *meter, enum meter_space space, uint64_t first,
			    uint64_t last);

/* What a row's key says. */
static inline enum meter_space meter_key_space(uint64_t key)
{
	return key & 4 ? METER_MMIO : METER_PORT;
}

static inline bool meter_key_write(uint64_t key)
{
	return key & 2;
}

static inline uint64_t meter_key_addr(uint64_t key)
{
	return key & 4 ? (key >> 3) * METER_LINE : key >> 3;
}
