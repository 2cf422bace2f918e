// SPDX-License-Identifier: MIT
/*
 * What accesses cost. Each vCPU thread owns one meter and is the only writer; whoever drains the ring
 * writes to the ring's, with the ring lock held. Others may read at any time (meter/merge.h).
 *
 * What a reader sees in the middle. Counters are relaxed atomics: one of a running machine may lack
 * the access that is under way, or have its count and not yet its time. Rows only come, until the table
 * is full; then the less used half of them is folded into the row "other" and the rest moves up. While
 * that goes on .folding is odd, and it is another number afterwards: a reader that finds either begins
 * again, so that no count is seen twice or not at all.
 *
 * Memory is bounded whatever a guest does. Sums stay exact; a row that was folded and comes back begins
 * at nothing. Times are in ticks of the time-stamp counter, converted when reported.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <x86intrin.h>

#define METER_ROWS  512
#define METER_INDEX 1024 /* places of the hash table: twice as many, so that it stays sparse */
#define METER_LINE  16u /* bytes of memory that share a row, */
#define METER_PAGE  4096u /* or of the VGA's window, which has 131,072 and no registers */

/*
 * Durations are counted in buckets of a quarter of an octave, from 2^7 ticks on: below lies the first
 * one, from 2^31 on the last. A percentile is right to an eighth of its value.
 */
#define METER_BUCKETS 98

/* Returns of KVM_RUN by reason; the last one stands for all from there on. */
#define METER_REASONS 48

enum meter_space { METER_PORT, METER_MMIO };

struct meter_row {
	/*
	 * 1 | write << 1 | space << 2 | width << 3 | place << 6, where the place is a port's number or the
	 * number of a 16-byte line of memory (guests have at most 52 bits of it), and the width 1 + log2 of it, or 0: none that a bus has.
	 */
	_Atomic uint64_t key;
	_Atomic uint64_t exits; /* trips to user space */
	_Atomic uint64_t coalesced; /* writes that came through the ring */
	_Atomic uint64_t interrupts; /* trips that raised one */
	_Atomic uint64_t ticks, ticks_min, ticks_max; /* of the trips; min and max need exits > 0 */
	_Atomic double ticks_squared; /* sum of squares */
	/* By majority vote: what this vCPU left the guest for next, how often since it became that. */
	_Atomic uint64_t next_key, next_hits;
	uint64_t next_votes;
	_Atomic uint64_t buckets[METER_BUCKETS];
};

struct meter {
	atomic_uint folding; /* odd while rows move */
	atomic_uint rows_n;
	_Atomic uint32_t
		thread; /* of the writer, as the kernel numbers it; 0: there was none yet */
	_Atomic uint64_t exits; /* every return of KVM_RUN, I/O or not */
	_Atomic uint64_t coalesced; /* every write that came through the ring */
	_Atomic uint64_t interrupted; /* those with an error: signals, and parking */
	_Atomic uint64_t reasons[METER_REASONS]; /* the others */
	_Atomic uint64_t folded; /* rows that went to other */
	struct meter_row other;
	struct meter_row *last; /* the row of the trip before this one */
	uint16_t index[METER_INDEX]; /* hash of a key: number of its row plus one, or 0 */
	struct meter_row rows[METER_ROWS];
};

/* A trip to user space for one access. */
struct meter_trip {
	enum meter_space space;
	uint64_t addr;
	unsigned width; /* bytes; one that no bus has is told apart from none */
	bool write;
	bool interrupt; /* raised one */
	uint64_t ticks; /* from KVM_RUN's return to the next KVM_RUN */
};

static inline uint64_t meter_ticks(void)
{
	return __rdtsc();
}

/* All zero, in pages that are taken as they are needed. NULL: out of memory. */
struct meter *meter_new(void);
void meter_free(struct meter *meter);

void meter_exit(struct meter *meter, const struct meter_trip *trip);
/* A return from KVM_RUN: its KVM_EXIT_ reason, or that it failed. */
void meter_return(struct meter *meter, uint32_t reason);
void meter_interrupted(struct meter *meter);
/* Called by whoever drains, with the ring lock held: one meter per ring, not per vCPU. */
void meter_coalesced(struct meter *meter, enum meter_space space, uint64_t addr, unsigned width);

/*
 * How many of the ring's writes went to first .. last, or a few more: memory is counted by lines or pages, and
 * what found no row may have gone anywhere. Any thread.
 */
uint64_t meter_coalesced_in(const struct meter *meter, enum meter_space space, uint64_t first,
			    uint64_t last);

/* "io", "hlt", or NULL for one that has no name here. */
const char *meter_reason_name(uint32_t reason);

/* The lower limit of a bucket in ticks. */
uint64_t meter_bucket_from(unsigned bucket);

/* What a row's key says. */
static inline enum meter_space meter_key_space(uint64_t key)
{
	return key & 4 ? METER_MMIO : METER_PORT;
}

static inline bool meter_key_write(uint64_t key)
{
	return key & 2;
}

static inline unsigned meter_key_width(uint64_t key)
{
	return key >> 3 & 7 ? 1u << ((key >> 3 & 7) - 1) : 0;
}

static inline uint64_t meter_key_addr(uint64_t key)
{
	return key & 4 ? (key >> 6) * METER_LINE : key >> 6;
}

/* Bytes of the space that share a row with this address. */
static inline uint64_t meter_unit(enum meter_space space, uint64_t addr)
{
	if (space == METER_PORT)
		return 1;
	return addr >> 17 == 0xa0000 >> 17 ? METER_PAGE : METER_LINE;
}
