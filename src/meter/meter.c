// SPDX-License-Identifier: MIT
#include "meter/meter.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_FROM 7 /* log2 of where the second bucket begins */
#define PER_OCTAVE   4

_Static_assert((METER_INDEX & (METER_INDEX - 1)) == 0, "the hash takes the top bits");
_Static_assert(METER_INDEX > METER_ROWS, "a search ends at a free place");

struct meter *meter_new(void)
{
	return calloc(1, sizeof(struct meter));
}

void meter_free(struct meter *meter)
{
	free(meter);
}

static uint64_t meter_load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* The only writer needs no locked instruction: readers see the old value or the new one. */
static void meter_store(_Atomic uint64_t *counter, uint64_t value)
{
	atomic_store_explicit(counter, value, memory_order_relaxed);
}

static void meter_add(_Atomic uint64_t *counter, uint64_t n)
{
	meter_store(counter, meter_load(counter) + n);
}

static unsigned bucket_of(uint64_t ticks)
{
	unsigned octave, bucket;

	if (ticks >> BUCKETS_FROM == 0)
		return 0;
	octave = 63u - (unsigned)__builtin_clzll(ticks);
	bucket = 1 + (octave - BUCKETS_FROM) * PER_OCTAVE +
		 (unsigned)(ticks >> (octave - 2) & (PER_OCTAVE - 1));
	return bucket < METER_BUCKETS ? bucket : METER_BUCKETS - 1;
}

uint64_t meter_bucket_from(unsigned bucket)
{
	unsigned octave, quarter;

	if (!bucket)
		return 0;
	octave = BUCKETS_FROM + (bucket - 1) / PER_OCTAVE;
	quarter = (bucket - 1) % PER_OCTAVE;
	return (uint64_t)(PER_OCTAVE + quarter) << (octave - 2);
}

static unsigned place_of(uint64_t key)
{
	return (unsigned)(key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - __builtin_ctz(METER_INDEX)));
}

/* Where the key is in the index, or where it would go. */
static uint16_t *find_place(struct meter *meter, uint64_t key)
{
	for (unsigned at = place_of(key);; at = (at + 1) % METER_INDEX) {
		uint16_t row = meter->index[at];

		if (!row || meter_load(&meter->rows[row - 1].key) == key)
			return &meter->index[at];
	}
}

static uint64_t uses_of(const struct meter_row *row)
{
	return meter_load(&row->exits) + meter_load(&row->coalesced);
}

static void fold_row(struct meter_row *other, const struct meter_row *row)
{
	uint64_t exits = meter_load(&row->exits), had = meter_load(&other->exits);
	double squared = atomic_load_explicit(&other->ticks_squared, memory_order_relaxed) +
			 atomic_load_explicit(&row->ticks_squared, memory_order_relaxed);

	if (exits && (!had || meter_load(&row->ticks_min) < meter_load(&other->ticks_min)))
		meter_store(&other->ticks_min, meter_load(&row->ticks_min));
	if (meter_load(&row->ticks_max) > meter_load(&other->ticks_max))
		meter_store(&other->ticks_max, meter_load(&row->ticks_max));
	meter_store(&other->exits, had + exits);
	meter_add(&other->coalesced, meter_load(&row->coalesced));
	meter_add(&other->interrupts, meter_load(&row->interrupts));
	meter_add(&other->ticks, meter_load(&row->ticks));
	atomic_store_explicit(&other->ticks_squared, squared, memory_order_relaxed);
	for (unsigned i = 0; i < METER_BUCKETS; i++)
		meter_add(&other->buckets[i], meter_load(&row->buckets[i]));
}

/* Counter by counter: a reader may look, though it will not use what it sees. */
static void move_row(struct meter_row *to, const struct meter_row *from)
{
	meter_store(&to->key, meter_load(&from->key));
	meter_store(&to->exits, meter_load(&from->exits));
	meter_store(&to->coalesced, meter_load(&from->coalesced));
	meter_store(&to->interrupts, meter_load(&from->interrupts));
	meter_store(&to->ticks, meter_load(&from->ticks));
	meter_store(&to->ticks_min, meter_load(&from->ticks_min));
	meter_store(&to->ticks_max, meter_load(&from->ticks_max));
	atomic_store_explicit(&to->ticks_squared,
			      atomic_load_explicit(&from->ticks_squared, memory_order_relaxed),
			      memory_order_relaxed);
	meter_store(&to->next_key, meter_load(&from->next_key));
	meter_store(&to->next_hits, meter_load(&from->next_hits));
	to->next_votes = from->next_votes;
	for (unsigned i = 0; i < METER_BUCKETS; i++)
		meter_store(&to->buckets[i], meter_load(&from->buckets[i]));
}

static const struct meter_row empty_row;

static int by_uses(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Half of the rows are used no more than this; of those used as much, so many are in that half. */
static uint64_t fold_limit(const struct meter *meter, unsigned *equal)
{
	uint64_t uses[METER_ROWS];
	unsigned less = 0;

	for (unsigned i = 0; i < METER_ROWS; i++)
		uses[i] = uses_of(&meter->rows[i]);
	qsort(uses, METER_ROWS, sizeof(uses[0]), by_uses);
	while (uses[less] < uses[METER_ROWS / 2])
		less++;
	*equal = METER_ROWS / 2 - less;
	return uses[METER_ROWS / 2];
}

/* Makes room by folding half of the rows, the less used ones; among equals, those that came first. */
static void fold(struct meter *meter)
{
	unsigned folding = atomic_load_explicit(&meter->folding, memory_order_relaxed);
	unsigned kept = 0, equal;
	uint64_t limit = fold_limit(meter, &equal);

	atomic_store_explicit(&meter->folding, folding + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (unsigned i = 0; i < METER_ROWS; i++) {
		struct meter_row *row = &meter->rows[i];
		uint64_t uses = uses_of(row);

		if (uses < limit || (uses == limit && equal)) {
			equal -= uses == limit;
			fold_row(&meter->other, row);
		} else if (kept++ != i) {
			move_row(&meter->rows[kept - 1], row);
		}
	}
	meter_add(&meter->folded, METER_ROWS - kept);
	for (unsigned i = kept; i < METER_ROWS; i++)
		move_row(&meter->rows[i], &empty_row);
	memset(meter->index, 0, sizeof(meter->index));
	for (unsigned i = 0; i < kept; i++)
		*find_place(meter, meter_load(&meter->rows[i].key)) = (uint16_t)(i + 1);
	meter->last = NULL;
	atomic_store_explicit(&meter->rows_n, kept, memory_order_relaxed);
	atomic_store_explicit(&meter->folding, folding + 2, memory_order_release);
}

static struct meter_row *meter_find(struct meter *meter, uint64_t key)
{
	uint16_t *place = find_place(meter, key);
	unsigned n;

	if (*place)
		return &meter->rows[*place - 1];
	n = atomic_load_explicit(&meter->rows_n, memory_order_relaxed);
	if (n == METER_ROWS) {
		fold(meter);
		place = find_place(meter, key);
		n = atomic_load_explicit(&meter->rows_n, memory_order_relaxed);
	}
	meter_store(&meter->rows[n].key, key);
	*place = (uint16_t)(n + 1);
	/* Release: who sees that there is a row more sees whose it is. */
	atomic_store_explicit(&meter->rows_n, n + 1, memory_order_release);
	return &meter->rows[n];
}

static uint64_t make_key(enum meter_space space, uint64_t addr, unsigned width, bool write)
{
	uint64_t first = addr & ~(meter_unit(space, addr) - 1);
	uint64_t place = space == METER_MMIO ? first / METER_LINE : first;
	bool bus = width && !(width & (width - 1)) && width <= 8;
	uint64_t code = bus ? 1u + (unsigned)__builtin_ctz(width) : 0;

	return 1 | (uint64_t)write << 1 | (uint64_t)space << 2 | code << 3 | place << 6;
}

/* Majority vote (Boyer and Moore): what follows more often than all else together wins. */
static void vote(struct meter_row *row, uint64_t next)
{
	if (meter_load(&row->next_key) == next) {
		row->next_votes++;
		meter_add(&row->next_hits, 1);
	} else if (row->next_votes) {
		row->next_votes--;
	} else {
		meter_store(&row->next_key, next);
		meter_store(&row->next_hits, 1);
		row->next_votes = 1;
	}
}

void meter_exit(struct meter *meter, const struct meter_trip *trip)
{
	uint64_t key = make_key(trip->space, trip->addr, trip->width, trip->write);
	struct meter_row *row = meter_find(meter, key);
	uint64_t exits = meter_load(&row->exits), ticks = trip->ticks;
	double squared = atomic_load_explicit(&row->ticks_squared, memory_order_relaxed);

	if (!exits || ticks < meter_load(&row->ticks_min))
		meter_store(&row->ticks_min, ticks);
	if (ticks > meter_load(&row->ticks_max))
		meter_store(&row->ticks_max, ticks);
	meter_add(&row->ticks, ticks);
	squared += (double)ticks * (double)ticks;
	atomic_store_explicit(&row->ticks_squared, squared, memory_order_relaxed);
	meter_add(&row->buckets[bucket_of(ticks)], 1);
	if (trip->interrupt)
		meter_add(&row->interrupts, 1);
	meter_store(&row->exits, exits + 1);
	if (meter->last)
		vote(meter->last, key);
	meter->last = row;
}

void meter_return(struct meter *meter, uint32_t reason)
{
	meter_add(&meter->exits, 1);
	meter_add(&meter->reasons[reason < METER_REASONS ? reason : METER_REASONS - 1], 1);
}

void meter_interrupted(struct meter *meter)
{
	meter_add(&meter->exits, 1);
	meter_add(&meter->interrupted, 1);
}

void meter_coalesced(struct meter *meter, enum meter_space space, uint64_t addr, unsigned width)
{
	meter_add(&meter_find(meter, make_key(space, addr, width, true))->coalesced, 1);
	meter_add(&meter->coalesced, 1);
}

/* A fold in between may make it another number, which only says that there is use. */
uint64_t meter_coalesced_in(const struct meter *meter, enum meter_space space, uint64_t first,
			    uint64_t last)
{
	unsigned n = atomic_load_explicit(&meter->rows_n, memory_order_acquire);
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t key = meter_load(&meter->rows[i].key);
		uint64_t addr = meter_key_addr(key);

		if (key && meter_key_write(key) && meter_key_space(key) == space && addr <= last &&
		    addr + (meter_unit(space, addr) - 1) >= first)
			sum += meter_load(&meter->rows[i].coalesced);
	}
	return sum + meter_load(&meter->other.coalesced);
}

const char *meter_reason_name(uint32_t reason)
{
	/* include/uapi/linux/kvm.h, KVM_EXIT_; what x86 does not have is left out. */
	static const char *const names[] = {
		[0] = "unknown",
		[1] = "exception",
		[2] = "io",
		[3] = "hypercall",
		[4] = "debug",
		[5] = "hlt",
		[6] = "mmio",
		[7] = "irq_window_open",
		[8] = "shutdown",
		[9] = "fail_entry",
		[10] = "intr",
		[11] = "set_tpr",
		[12] = "tpr_access",
		[16] = "nmi",
		[17] = "internal_error",
		[24] = "system_event",
		[26] = "ioapic_eoi",
		[27] = "hyperv",
		[29] = "x86_rdmsr",
		[30] = "x86_wrmsr",
		[31] = "dirty_ring_full",
		[32] = "ap_reset_hold",
		[33] = "x86_bus_lock",
		[34] = "xen",
		[37] = "notify",
		[39] = "memory_fault",
	};

	return reason < sizeof(names) / sizeof(names[0]) ? names[reason] : NULL;
}
