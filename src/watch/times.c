// SPDX-License-Identifier: MIT
#include "watch/times.h"

#include <assert.h>

/* Below 2^FIRST ns there is one bucket; from there on, each power of two has 2^SPLIT. */
#define FIRST 7
#define SPLIT 2

static unsigned bucket_of(uint64_t ns)
{
	unsigned power, bucket;

	if (ns < UINT64_C(1) << FIRST)
		return 0;
	power = 63 - (unsigned)__builtin_clzll(ns);
	bucket = 1 + ((power - FIRST) << SPLIT) +
		 (unsigned)(ns >> (power - SPLIT) & ((1u << SPLIT) - 1));
	return bucket < WATCH_BUCKETS ? bucket : WATCH_BUCKETS - 1;
}

uint64_t watch_times_from(unsigned bucket)
{
	unsigned power = FIRST + ((bucket - 1) >> SPLIT);

	if (!bucket)
		return 0;
	return ((UINT64_C(1) << SPLIT) + ((bucket - 1) & ((1u << SPLIT) - 1))) << (power - SPLIT);
}

void watch_times_add(struct watch_times *times, uint64_t ns, uint64_t upper)
{
	if (!times->n || ns < times->min)
		times->min = ns;
	if (ns > times->max)
		times->max = ns;
	times->n++;
	times->sum += ns;
	times->upper += upper;
	times->buckets[bucket_of(ns)]++;
}

void watch_times_merge(struct watch_times *into, const struct watch_times *from)
{
	if (!from->n)
		return;
	if (!into->n || from->min < into->min)
		into->min = from->min;
	if (from->max > into->max)
		into->max = from->max;
	into->n += from->n;
	into->sum += from->sum;
	into->upper += from->upper;
	for (unsigned i = 0; i < WATCH_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
}

uint64_t watch_times_percentile(const struct watch_times *times, unsigned percent)
{
	uint64_t wanted = (times->n / 100) * percent + (times->n % 100 * percent + 99) / 100;
	uint64_t seen = 0, ns = times->max;

	assert(percent <= 100);
	for (unsigned i = 0; i < WATCH_BUCKETS && times->n; i++) {
		seen += times->buckets[i];
		if (seen < wanted || !times->buckets[i])
			continue;
		/* The middle of the bucket; the last one has no end. */
		if (i + 1 < WATCH_BUCKETS)
			ns = (watch_times_from(i) + watch_times_from(i + 1)) / 2;
		break;
	}
	if (ns < times->min)
		ns = times->min;
	return ns < times->max ? ns : times->max;
}
