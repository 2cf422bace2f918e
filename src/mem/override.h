// SPDX-License-Identifier: MIT
/*
 * What the person who runs the machine has said of waiting, against the chips' own tables: a range
 * whose writes wait as long as it is said, or one whose writes exit. mem/overrule.h makes and takes
 * back these; here is what a rendering makes of them. A list has a bounded number, is sorted by address
 * and has no overlaps; it belongs to a map and changes with its topology lock held.
 *
 * What is said holds until it is taken back, through resets of the guest and changes of the map. It
 * shows in a view only where it harms nothing: a range that waits is shown where its chip's table has
 * just this range, or where nobody is. A forced one is shown over the registers that it was said of,
 * whatever their table says, and nowhere else. One byte whose writes have to exit, and nothing of a
 * range that has it waits.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/range.h"
#include "mem/loan.h"

#define MEM_OVERRIDES     64 /* in one space */
#define MEM_OVERRIDE_NAME 32

struct mem_override {
	struct range range;
	uint64_t wait; /* at most this long: MEM_LATCH or ns; 0: the writes exit */
	bool forced;
	/* Forced: whose registers. The name, because another chip may come to the same place in memory. */
	const struct mem_region *region; /* only compared */
	char name[MEM_OVERRIDE_NAME];
	uint64_t offset; /* in the region */
	/* Under which the chip's own range waits, as far as the last commit knows; NULL: always. */
	struct mem_condition *when;
};

struct mem_overrides {
	struct mem_override at[MEM_OVERRIDES];
	unsigned n;
};

/* Everything that decides which of the ranges that may wait a view shows. */
struct mem_waiting {
	const struct mem_loans *loans; /* NULL: nothing is lent */
	const struct mem_overrides *overrides; /* or NULL */
	bool only_overrides; /* what is not said to wait does not */
};

/* The first that has a byte in the range, or NULL. */
const struct mem_override *mem_override_in(const struct mem_overrides *overrides,
					   struct range range);

/* True if one that says "exits" has a byte in the range. */
bool mem_override_bars(const struct mem_overrides *overrides, struct range range);

/*
 * True if a view shows this range of a chip's table, by what is said, lent and holds; *wait is then
 * shortened to what was said. NULL: as mem_loans_show() has it without loans.
 */
bool mem_waiting_shows(const struct mem_waiting *waiting, struct mem_wait_range *wait);

/* True if *out is what a forced one shows in this view, of which only the sections are looked at. */
bool mem_override_forces(const struct mem_override *override, const struct mem_view *view,
			 struct mem_wait_range *out);
