// SPDX-License-Identifier: MIT
/*
 * Statistics that somebody else keeps, the kernel for one: a list of named values, each with what it
 * means. Owned by whoever had it filled in. No locking.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define METER_STAT_NAME 64

enum meter_stat_type {
	METER_STAT_CUMULATIVE, /* only grows */
	METER_STAT_INSTANT, /* as it is now */
	METER_STAT_PEAK, /* the most it was */
	METER_STAT_LINEAR, /* a histogram: every bucket is bucket_size wide, the last one open */
	METER_STAT_LOG2, /* a histogram: buckets [0], [1], [2, 4), [4, 8) ... the last one open */
};

enum meter_stat_unit {
	METER_STAT_NONE,
	METER_STAT_BYTES,
	METER_STAT_SECONDS,
	METER_STAT_CYCLES,
	METER_STAT_BOOLEAN,
};

struct meter_stat {
	char name[METER_STAT_NAME];
	enum meter_stat_type type;
	enum meter_stat_unit unit;
	unsigned base; /* 2 or 10: a value counts base to the exponent of its unit */
	int exponent;
	uint32_t bucket_size; /* METER_STAT_LINEAR */
	const uint64_t *values; /* n of them; one unless it is a histogram */
	unsigned n;
};

struct meter_stats {
	struct meter_stat *at;
	size_t n;
	uint64_t *values; /* what the above point into */
};

/* Nothing to do for one that is all zeroes. */
void meter_stats_free(struct meter_stats *stats);

struct json_object;

/* Adds each that is one value as "name": value to the object. 0 or -ENOMEM. */
int meter_stats_json(const struct meter_stats *stats, struct json_object *object)
	__attribute__((warn_unused_result));
