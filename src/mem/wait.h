// SPDX-License-Identifier: MIT
/* Waiting ranges of a port table, before anything is clipped. Internal to mem. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "mem/region.h"

/* Offsets in the region. */
struct mem_wait {
	uint64_t first, last;
	uint64_t wait; /* the shortest */
	struct mem_condition *when; /* or NULL: always */
	const char *why; /* of the entry that begins the range */
};

/*
 * The lowest waiting range of the region that begins at from or later; false if there is none. The
 * rules are those of struct mem_port.
 */
bool mem_wait_next(const struct mem_region *region, uint64_t from, struct mem_wait *out);
