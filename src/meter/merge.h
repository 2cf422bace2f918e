// SPDX-License-Identifier: MIT
/*
 * The rows of a report, the same for each form of it. Private to the reports.
 */
#pragma once

#include <stdint.h>

#include "meter/report.h"

struct merged_row {
	uint64_t key; /* as in struct meter_row; 0 for "other" */
	uint32_t vcpu; /* with per_vcpu; MERGED_RING: of no vCPU */
	uint64_t samples, coalesced, interrupts;
	uint64_t ticks, ticks_min, ticks_max;
	double ticks_squared;
	uint64_t next_key, next_hits;
	uint64_t buckets[METER_BUCKETS];
};

#define MERGED_RING UINT32_MAX

/* Rows by time, then by coalesced writes, then by address. */
struct merged {
	struct merged_row *rows;
	size_t n;
	struct meter_totals totals;
	uint64_t folded;
	double tsc_hz; /* ticks a second */
};

enum merged_form {
	MERGED_WHOLE, /* all that the meters know */
	MERGED_PLACES, /* widths are not told apart */
};

/* 0 or -ENOMEM. merged_free() afterwards. */
int merged_make(struct merged *merged, const struct meter_report_options *options,
		enum merged_form form) __attribute__((warn_unused_result));
void merged_free(struct merged *merged);

/* Sums of the rows of one table, for percentages. The row "other" is in the table of ports. */
struct merged_sum {
	size_t rows;
	uint64_t samples, ticks;
};

bool merged_in(const struct merged_row *row, enum meter_space space);
struct merged_sum merged_sum(const struct merged *merged, enum meter_space space);

double merged_us(const struct merged *merged, double ticks);
double merged_avg(const struct merged_row *row);
/* Standard error of the mean in percent of the mean; 0 with fewer than two samples. */
double merged_stderr_percent(const struct merged_row *row);
/* The duration in ticks that percent of all do not exceed, to an eighth of it; 0 without any. */
double merged_percentile(const struct merged_row *row, unsigned percent);
/* Coalesced writes in percent of what would have been exits; 0 if there was nothing. */
double merged_saved_percent(const struct merged *merged);
