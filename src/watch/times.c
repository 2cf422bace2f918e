// SPDX-License-Identifier: MIT
#include "watch/times.h"

#include <assert.h>

uint64_t watch_times_from(unsigned bucket)
{
	unsigned power = WATCH_BUCKETS_FIRST + ((bucket - 1) >> WATCH_BUCKETS_SPLIT);

	if (!bucket)
		return 0;
	return ((UINT64_C(1) << WATCH_BUCKETS_SPLIT) +
		((bucket - 1) & ((1u << WATCH_BUCKETS_SPLIT) - 1)))
	       << (power - WATCH_BUCKETS_SPLIT);
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
