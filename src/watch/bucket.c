// SPDX-License-Identifier: MIT
/* Compiled for the kernel as well (count.bpf.c), and in a file of its own so that it is checked there once. */
#include "watch/times.h"

__attribute__((noinline)) unsigned watch_times_bucket(uint64_t ns)
{
	unsigned power = 0, bucket;

	if (ns < UINT64_C(1) << WATCH_BUCKETS_FIRST)
		return 0;
	/* Not __builtin_clzll(): clang 14 eats all memory when it compiles that for BPF. */
	for (unsigned step = 32; step; step /= 2)
		if (ns >> (power + step))
			power += step;
	bucket =
		1 + ((power - WATCH_BUCKETS_FIRST) << WATCH_BUCKETS_SPLIT) +
		(unsigned)(ns >> (power - WATCH_BUCKETS_SPLIT) & ((1u << WATCH_BUCKETS_SPLIT) - 1));
	return bucket < WATCH_BUCKETS ? bucket : WATCH_BUCKETS - 1;
}
