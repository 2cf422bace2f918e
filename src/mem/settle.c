// SPDX-License-Identifier: MIT
#include <assert.h>

#include "mem/map.h"

int mem_map_settle(struct mem_map *map)
{
	int r = 0;

	/*
	 * The mark goes only at the end of a commit, so whoever still sees it waits here for the lock
	 * of the thread that is at it. More than one round, because draining may ask for more. Bounded
	 * all the same, although others may ask meanwhile: each of them settles before it dispatches
	 * again.
	 */
	while (!r && atomic_load_explicit(&map->requested, memory_order_acquire)) {
		assert(!lock_held(&map->lock));
		mem_map_begin(map);
		mem_map_apply_requests(map);
		r = mem_map_commit(map);
	}
	return r;
}
