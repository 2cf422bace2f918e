// SPDX-License-Identifier: MIT
/*
 * Address ranges. A range is closed ([first, last]) and never empty, so that the whole 64-bit
 * space has a representation and no arithmetic on it can overflow. Pure functions, any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct range {
	uint64_t first;
	uint64_t last; /* inclusive; last >= first */
};

/* The range of size bytes at first; size must not be 0 and must not pass the end of the space. */
static inline struct range range_make(uint64_t first, uint64_t size)
{
	return (struct range){ .first = first, .last = first + (size - 1) };
}

static inline bool range_has(struct range r, uint64_t addr)
{
	return addr >= r.first && addr <= r.last;
}

/* True if inner lies wholly in outer. */
static inline bool range_covers(struct range outer, struct range inner)
{
	return inner.first >= outer.first && inner.last <= outer.last;
}

static inline bool range_overlaps(struct range a, struct range b)
{
	return a.first <= b.last && b.first <= a.last;
}

static inline bool range_equal(struct range a, struct range b)
{
	return a.first == b.first && a.last == b.last;
}

/* The common part of two ranges that overlap. */
static inline struct range range_cut(struct range a, struct range b)
{
	return (struct range){
		.first = a.first > b.first ? a.first : b.first,
		.last = a.last < b.last ? a.last : b.last,
	};
}
