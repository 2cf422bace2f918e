// SPDX-License-Identifier: MIT
/*
 * A histogram of durations, in buckets that grow with the duration: a percentile is right to an
 * eighth of its value, from 128 ns to 17 s, in constant memory. Plain data of its owner; all zero is
 * empty. No locking.
 */
#pragma once

#include <stdint.h>

#define WATCH_BUCKETS 112

struct watch_times {
	uint64_t n, sum, min, max; /* ns */
	uint64_t upper; /* of the n, those that are only known to have taken no longer */
	uint64_t buckets[WATCH_BUCKETS];
};

void watch_times_add(struct watch_times *times, uint64_t ns, uint64_t upper);
void watch_times_merge(struct watch_times *into, const struct watch_times *from);

/* The duration in ns that percent of all do not exceed; 0 without any. */
uint64_t watch_times_percentile(const struct watch_times *times, unsigned percent);

/* Where a bucket begins, in ns. */
uint64_t watch_times_from(unsigned bucket);
