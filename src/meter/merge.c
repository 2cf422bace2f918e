// SPDX-License-Identifier: MIT
#include "meter/merge.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

struct meter_stamp meter_stamp_now(void)
{
	uint64_t before = meter_ticks();
	int64_t now = clock_monotonic();

	return (struct meter_stamp){
		.ticks = before + (meter_ticks() - before) / 2,
		.ns = now,
	};
}

static uint64_t merge_load(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static bool take_row(struct merged_row *out, const struct meter_row *row, uint64_t key)
{
	*out = (struct merged_row){
		.key = key,
		.samples = merge_load(&row->exits),
		.coalesced = merge_load(&row->coalesced),
		.ticks = merge_load(&row->ticks),
		.ticks_min = merge_load(&row->ticks_min),
		.ticks_max = merge_load(&row->ticks_max),
		.ticks_squared = atomic_load_explicit(&row->ticks_squared, memory_order_relaxed),
	};
	return out->samples || out->coalesced;
}

static size_t take_meter(struct merged_row *out, const struct meter *meter)
{
	size_t n = 0;

	for (size_t i = 0; i < METER_ROWS; i++) {
		uint64_t key = merge_load(&meter->rows[i].key);

		if (key && take_row(&out[n], &meter->rows[i], key))
			n++;
	}
	if (take_row(&out[n], &meter->other, 0))
		n++;
	return n;
}

static int by_key(const void *a, const void *b)
{
	const struct merged_row *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static int by_cost(const void *a, const void *b)
{
	const struct merged_row *x = a, *y = b;

	if (x->ticks != y->ticks)
		return x->ticks < y->ticks ? 1 : -1;
	if (x->coalesced != y->coalesced)
		return x->coalesced < y->coalesced ? 1 : -1;
	return by_key(a, b);
}

static void join(struct merged_row *to, const struct merged_row *row)
{
	if (row->samples && (!to->samples || row->ticks_min < to->ticks_min))
		to->ticks_min = row->ticks_min;
	if (row->ticks_max > to->ticks_max)
		to->ticks_max = row->ticks_max;
	to->samples += row->samples;
	to->coalesced += row->coalesced;
	to->ticks += row->ticks;
	to->ticks_squared += row->ticks_squared;
}

static size_t join_equal(struct merged_row *rows, size_t n)
{
	size_t used = 0;

	qsort(rows, n, sizeof(*rows), by_key);
	for (size_t i = 0; i < n; i++) {
		if (used && rows[used - 1].key == rows[i].key)
			join(&rows[used - 1], &rows[i]);
		else
			rows[used++] = rows[i];
	}
	return used;
}

/* Without a measure of time, a tick counts as a nanosecond. */
static double tsc_hz(const struct meter_stamp *start, const struct meter_stamp *end)
{
	if (end->ns <= start->ns || end->ticks <= start->ticks)
		return 1e9;
	return (double)(end->ticks - start->ticks) * 1e9 / (double)(end->ns - start->ns);
}

struct meter_totals meter_total(const struct meter_report_options *options)
{
	struct meter_totals totals = { 0 };

	for (size_t i = 0; i < options->meters_n; i++)
		totals.exits += merge_load(&options->meters[i]->exits);
	if (!options->ring)
		return totals;
	for (size_t i = 0; i < METER_ROWS; i++)
		totals.coalesced += merge_load(&options->ring->rows[i].coalesced);
	totals.coalesced += merge_load(&options->ring->other.coalesced);
	return totals;
}

int merged_make(struct merged *merged, const struct meter_report_options *options)
{
	size_t room = (options->meters_n + 1) * (METER_ROWS + 1);

	*merged = (struct merged){ .tsc_hz = tsc_hz(&options->start, &options->end) };
	merged->rows = calloc(room, sizeof(*merged->rows));
	if (!merged->rows)
		return -ENOMEM;
	for (size_t i = 0; i < options->meters_n; i++)
		merged->n += take_meter(merged->rows + merged->n, options->meters[i]);
	if (options->ring)
		merged->n += take_meter(merged->rows + merged->n, options->ring);
	merged->n = join_equal(merged->rows, merged->n);
	qsort(merged->rows, merged->n, sizeof(*merged->rows), by_cost);
	merged->totals = meter_total(options);
	return 0;
}

void merged_free(struct merged *merged)
{
	free(merged->rows);
	merged->rows = NULL;
}

bool merged_in(const struct merged_row *row, enum meter_space space)
{
	return meter_key_space(row->key) == space;
}

struct merged_sum merged_sum(const struct merged *merged, enum meter_space space)
{
	struct merged_sum sum = { 0 };

	for (size_t i = 0; i < merged->n; i++) {
		if (!merged_in(&merged->rows[i], space))
			continue;
		sum.rows++;
		sum.samples += merged->rows[i].samples;
		sum.ticks += merged->rows[i].ticks;
	}
	return sum;
}

double merged_us(const struct merged *merged, double ticks)
{
	return ticks * 1e6 / merged->tsc_hz;
}

double merged_avg(const struct merged_row *row)
{
	return row->samples ? (double)row->ticks / (double)row->samples : 0;
}

double merged_stderr_percent(const struct merged_row *row)
{
	double n = (double)row->samples;
	double mean = merged_avg(row);
	double variance;

	if (row->samples < 2 || mean <= 0)
		return 0;
	variance = (row->ticks_squared - n * mean * mean) / (n - 1);
	/* Rounding of large sums may leave a little less than nothing. */
	return variance > 0 ? 100 * sqrt(variance / n) / mean : 0;
}

double merged_saved_percent(const struct merged *merged)
{
	uint64_t all = merged->totals.exits + merged->totals.coalesced;

	return all ? 100 * (double)merged->totals.coalesced / (double)all : 0;
}
