// SPDX-License-Identifier: MIT
/* Settling that is wrong: nothing counts as asked for any more though it is still being carried out. */
#include "mem/map.h"

int mem_map_settle(struct mem_map *map)
{
	int r = 0;

	while (!r && atomic_load(&map->requested)) {
		mem_map_begin(map);
		mem_map_apply_requests(map);
		atomic_store(&map->requested, false);
		r = mem_map_commit(map);
	}
	return r;
}
