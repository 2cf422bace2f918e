// SPDX-License-Identifier: MIT
#include "meter/meter.h"

#include <string.h>

/*
 * A guest that touches every port there is must not make each of its exits walk the whole table, so
 * a row is looked for in this many places only.
 */
#define PROBES 16

_Static_assert((METER_ROWS & (METER_ROWS - 1)) == 0, "the hash takes the top bits");

void meter_init(struct meter *meter)
{
	memset(meter, 0, sizeof(*meter));
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

static struct meter_row *meter_find(struct meter *meter, uint64_t key)
{
	uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - __builtin_ctz(METER_ROWS));

	for (unsigned i = 0; i < PROBES; i++) {
		struct meter_row *row = &meter->rows[(hash + i) & (METER_ROWS - 1)];
		uint64_t have = meter_load(&row->key);

		if (have == key)
			return row;
		if (!have) {
			meter_store(&row->key, key);
			return row;
		}
	}
	return &meter->other;
}

static uint64_t make_key(enum meter_space space, uint64_t addr, bool write)
{
	uint64_t place = space == METER_MMIO ? addr / METER_LINE : addr;

	return 1 | (uint64_t)write << 1 | (uint64_t)space << 2 | place << 3;
}

void meter_exit(struct meter *meter, enum meter_space space, uint64_t addr, bool write,
		uint64_t ticks)
{
	struct meter_row *row = meter_find(meter, make_key(space, addr, write));
	uint64_t exits = meter_load(&row->exits);
	double squared = atomic_load_explicit(&row->ticks_squared, memory_order_relaxed);

	if (!exits || ticks < meter_load(&row->ticks_min))
		meter_store(&row->ticks_min, ticks);
	if (ticks > meter_load(&row->ticks_max))
		meter_store(&row->ticks_max, ticks);
	meter_add(&row->ticks, ticks);
	squared += (double)ticks * (double)ticks;
	atomic_store_explicit(&row->ticks_squared, squared, memory_order_relaxed);
	meter_store(&row->exits, exits + 1);
	meter_add(&meter->exits, 1);
}

void meter_other_exit(struct meter *meter)
{
	meter_add(&meter->exits, 1);
}

void meter_coalesced(struct meter *meter, enum meter_space space, uint64_t addr)
{
	meter_add(&meter_find(meter, make_key(space, addr, true))->coalesced, 1);
}

uint64_t meter_coalesced_in(const struct meter *meter, enum meter_space space, uint64_t first,
			    uint64_t last)
{
	uint64_t sum = meter_load(&meter->other.coalesced);
	uint64_t more = space == METER_MMIO ? METER_LINE - 1 : 0;

	for (size_t i = 0; i < METER_ROWS; i++) {
		uint64_t key = meter_load(&meter->rows[i].key);
		uint64_t addr = meter_key_addr(key);

		if (key && meter_key_write(key) && meter_key_space(key) == space && addr <= last &&
		    addr + more >= first)
			sum += meter_load(&meter->rows[i].coalesced);
	}
	return sum;
}
