// SPDX-License-Identifier: MIT
/*
 * A histogram of durations, in buckets that grow with the duration: a percentile is right to an
 * eighth of its value, from 128 ns to 17 s, in constant memory. Plain data of its owner; all zero is
 * empty. No locking.
 */
#pragma once

#include <stdint.h>

#define WATCH_BUCKETS 112
/* Below 2^FIRST ns there is one bucket; from there on, each power of two has 2^SPLIT. */
#define WATCH_BUCKETS_FIRST 7
#define WATCH_BUCKETS_SPLIT 2

struct watch_times {
	uint64_t n, sum, min, max; /* ns */
	uint64_t upper; /* of the n, those that are only known to have taken no longer */
	uint64_t buckets[WATCH_BUCKETS];
};

/* The bucket that a duration belongs to (bucket.c). */
unsigned watch_times_bucket(uint64_t ns);

/* upper: 1 if it is only known to have taken no longer, else 0. */
static inline void watch_times_add(struct watch_times *times, uint64_t ns, uint64_t upper)
{
	unsigned bucket = watch_times_bucket(ns);

	if (!times->n || ns < times->min)
		times->min = ns;
	if (ns > times->max)
		times->max = ns;
	times->n++;
	times->sum += ns;
	times->upper += upper;
	/* It always is less; the kernel's verifier, which sees each by itself, wants to be sure. */
	if (bucket < WATCH_BUCKETS)
		times->buckets[bucket]++;
}

void watch_times_merge(struct watch_times *into, const struct watch_times *from);

/* The duration in ns that percent of all do not exceed; 0 without any. */
uint64_t watch_times_percentile(const struct watch_times *times, unsigned percent);

/* Where a bucket begins, in ns. */
uint64_t watch_times_from(unsigned bucket);
