// SPDX-License-Identifier: MIT
/*
 * The exits of guests by process, address, direction and width, in bounded memory. A row that is
 * new when the table is full makes room for itself and others: the less used half of the rows is
 * folded into one row, "other". So sums are always exact, while a row that is not often used may
 * lack what it counted before it was folded.
 *
 * The table owns its rows. No locking: one thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "watch/times.h"

enum watch_space { WATCH_SPACE_PORT, WATCH_SPACE_MEMORY };

struct watch_key {
	uint64_t addr;
	uint16_t process; /* an index of the owner's, less than the table's processes_max */
	uint8_t width; /* bytes; what is wider than 255 counts as 255 */
	uint8_t space; /* enum watch_space */
	bool write;
};

#define WATCH_PAGE UINT64_C(4096)

/* Of the VGA's window, pages count: its bytes are no registers, and there are 131,072. */
static inline bool watch_key_is_page(uint8_t space, uint64_t addr)
{
	return space == WATCH_SPACE_MEMORY && addr >> 17 == 0xa0000 >> 17;
}

static inline bool watch_key_equal(const struct watch_key *a, const struct watch_key *b)
{
	return a->addr == b->addr && a->process == b->process && a->width == b->width &&
	       a->space == b->space && a->write == b->write;
}

/*
 * What follows most often, by majority vote (Boyer and Moore): what follows more often than all else
 * together wins.
 */
struct watch_next {
	struct watch_key key;
	uint64_t votes;
	uint64_t hits; /* times that it followed since it became that; 0: nothing is known */
};

static inline void watch_next_vote(struct watch_next *next, const struct watch_key *key)
{
	if (next->votes && !watch_key_equal(&next->key, key)) {
		next->votes--;
		return;
	}
	if (!watch_key_equal(&next->key, key)) {
		next->key = *key;
		next->hits = 0;
	}
	next->votes++;
	next->hits++;
}

struct watch_counts {
	uint64_t exits; /* that left the kernel */
	uint64_t
		in_kernel; /* that the kernel served, or let wait in the ring of coalesced writes */
	uint64_t interrupts; /* exits during which the thread that served them raised one */
	struct watch_next next; /* what the same vCPU left the kernel for after such an exit */
	struct watch_times times; /* of exits, those whose end was seen */
};

struct watch_row {
	struct watch_key key;
	struct watch_counts counts;
};

#define WATCH_REASONS 48 /* the last one stands for all from there on */

/* What all rows of a process, or of all processes, cannot say one by one. */
struct watch_totals {
	uint64_t left[WATCH_REASONS]; /* returns of KVM_RUN, by reason */
	uint64_t
		interrupted; /* returns with an error, -EINTR mostly: signals, and parking of vCPUs */
	uint64_t unmatched; /* exits by an access that was not seen, or lost its event */
	uint64_t undecided; /* accesses of which it was not seen who served them */
};

struct watch_table {
	struct watch_row *rows;
	uint32_t rows_n, rows_max;
	uint32_t *index; /* hash of keys: number of a row plus one, or 0 */
	uint32_t index_mask;
	struct watch_counts other;
	uint64_t folded; /* rows that went to other, those that came back and went again included */
	struct watch_totals *totals; /* of a process */
	uint32_t processes_max;
};

/* Room for rows >= 2 rows and as many processes. 0 or -ENOMEM. */
int watch_table_init(struct watch_table *table, uint32_t rows, uint32_t processes)
	__attribute__((warn_unused_result));
void watch_table_destroy(struct watch_table *table);
/* As after watch_table_init(). */
void watch_table_clear(struct watch_table *table);

/* The counters of a key until the next call of this function. Never fails: see "other" above. */
struct watch_counts *watch_table_counts(struct watch_table *table, const struct watch_key *key);

void watch_table_merge(struct watch_table *into, const struct watch_table *from);

/* Sorts the rows: most exits first, then most accesses served in the kernel, then by address. */
void watch_table_sort(struct watch_table *table);

void watch_counts_merge(struct watch_counts *into, const struct watch_counts *from);

void watch_totals_merge(struct watch_totals *into, const struct watch_totals *from);

/* Sums over all processes. */
struct watch_totals watch_table_totals(const struct watch_table *table);
uint64_t watch_totals_left(const struct watch_totals *totals);
/* Sums over all rows and other; without times. */
struct watch_counts watch_table_sum(const struct watch_table *table);
