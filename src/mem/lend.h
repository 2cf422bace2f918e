// SPDX-License-Identifier: MIT
/*
 * Lending: ranges that may wait are given to the accelerator while a guest uses them (why: see
 * mem/loan.h). Whoever runs a guest counts the writes that exit (struct mem_hot); one that keeps
 * coming is brought to mem_map_lend(), which finds out whether it may wait and shows it by an ordinary
 * transaction of the map. What is lent goes
 *
 *  - when its condition ends, at once;
 *  - when it has a deadline and a second has passed without a write: mem_map_review();
 *  - when something else appears there;
 *  - when it has not been used for a second and its place is needed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "mem/map.h"

/* From now on the map lends. For the accelerator, before it listens. 0 or -ENOMEM. */
int mem_map_start_lending(struct mem_map *map) __attribute__((warn_unused_result));

/*
 * The guest keeps writing width (1, 2, 4, 8) bytes at addr. True if such writes wait from now on. The
 * thread's own hold, no lock held; now in ns, on a clock that never goes back. Without anything to
 * lend it costs a look at the view and no lock. Where only what the user said may wait, it is asked for
 * what has been said of registers that wait under a condition.
 */
bool mem_map_lend(struct mem_hold *hold, enum mem_space space, uint64_t addr, unsigned width,
		  int64_t now);

/*
 * Takes back deadlines that nobody used for a second; to be called a few times a second as long as
 * there are any. Any thread, no lock held, the same clock. 0 or -ENOMEM.
 */
int mem_map_review(struct mem_map *map, int64_t now) __attribute__((warn_unused_result));

/* Why a range that may wait is not in the view now. Any thread. */
enum mem_rest {
	MEM_REST_UNUSED, /* it waits for use */
	MEM_REST_CONDITION, /* its condition does not hold */
	MEM_REST_OFTEN, /* its condition changed too often */
	MEM_REST_SAID, /* the user said that its writes exit */
};
enum mem_rest mem_wait_rest(struct mem_map *map, enum mem_space space,
			    const struct mem_wait_range *wait);

/* For mem_map_commit(): before the rendering, and after the listeners. */
void mem_lend_sample(struct mem_map *map);
void mem_lend_prune(struct mem_map *map);
/* True if something is lent under this condition. With the topology lock held. */
bool mem_lend_watches(const struct mem_map *map, const struct mem_condition *when);

/*
 * Addresses that were written of late, for one thread: a small table in which addresses that fall on
 * the same place push each other out. Ticks are of any clock, per_second of them.
 */
#define MEM_HOT_SLOTS 64
#define MEM_HOT_FIRST 4u /* writes in a second, and the guest is asked for */

struct mem_hot {
	uint64_t per_second;
	struct mem_hot_slot {
		uint64_t key;
		uint64_t since; /* the first write, or the last time that it was brought up */
		uint32_t n, due;
	} slots[MEM_HOT_SLOTS];
};

void mem_hot_init(struct mem_hot *hot, uint64_t per_second);
bool mem_hot_is_due(struct mem_hot *hot, struct mem_hot_slot *slot, uint64_t ticks);

/*
 * Counts a write that exited. True if it is time to call mem_map_lend(): with the fourth in a second,
 * then each time when twice as many have come, at last every thousandth.
 */
static inline bool mem_hot_write(struct mem_hot *hot, enum mem_space space, uint64_t addr,
				 uint64_t ticks)
{
	uint64_t key = addr << 1 | (space == MEM_SPACE_PORT);
	struct mem_hot_slot *slot = &hot->slots[key * UINT64_C(0x9e3779b97f4a7c15) >> 58];

	if (slot->key != key) {
		*slot = (struct mem_hot_slot){
			.key = key,
			.since = ticks,
			.n = 1,
			.due = MEM_HOT_FIRST,
		};
		return false;
	}
	return ++slot->n >= slot->due && mem_hot_is_due(hot, slot, ticks);
}
