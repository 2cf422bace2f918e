// SPDX-License-Identifier: MIT
#include "meter/merge.h"

#include <errno.h>
#include <math.h>
#include <sched.h>
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

static void take_row(struct merged_row *out, const struct meter_row *row)
{
	out->samples = merge_load(&row->exits);
	out->coalesced = merge_load(&row->coalesced);
	out->interrupts = merge_load(&row->interrupts);
	out->ticks = merge_load(&row->ticks);
	out->ticks_min = merge_load(&row->ticks_min);
	out->ticks_max = merge_load(&row->ticks_max);
	out->ticks_squared = atomic_load_explicit(&row->ticks_squared, memory_order_relaxed);
	out->next_key = merge_load(&row->next_key);
	out->next_hits = merge_load(&row->next_hits);
	for (unsigned i = 0; i < METER_BUCKETS; i++)
		out->buckets[i] = merge_load(&row->buckets[i]);
}

static size_t take_rows(struct merged_row *out, const struct meter *meter, uint32_t vcpu)
{
	unsigned rows = atomic_load_explicit(&meter->rows_n, memory_order_acquire);
	size_t n = 0;

	for (unsigned i = 0; i <= rows && i <= METER_ROWS; i++) {
		const struct meter_row *row = i < rows ? &meter->rows[i] : &meter->other;

		out[n] = (struct merged_row){ .key = merge_load(&row->key), .vcpu = vcpu };
		take_row(&out[n], row);
		if (out[n].samples || out[n].coalesced)
			n++;
	}
	return n;
}

/* Begins again as long as rows move meanwhile: see meter.h. */
static size_t take_meter(struct merged_row *out, const struct meter *meter, uint32_t vcpu)
{
	for (;;) {
		unsigned before = atomic_load_explicit(&meter->folding, memory_order_acquire);
		size_t n;

		if (before & 1) {
			sched_yield();
			continue;
		}
		n = take_rows(out, meter, vcpu);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&meter->folding, memory_order_relaxed) == before)
			return n;
	}
}

static int by_key(const void *a, const void *b)
{
	const struct merged_row *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->vcpu > y->vcpu) - (x->vcpu < y->vcpu);
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
	/* Of several vCPUs' successors, that of the one that has most. */
	if (row->next_key == to->next_key) {
		to->next_hits += row->next_hits;
	} else if (row->next_hits > to->next_hits) {
		to->next_key = row->next_key;
		to->next_hits = row->next_hits;
	}
	to->samples += row->samples;
	to->coalesced += row->coalesced;
	to->interrupts += row->interrupts;
	for (unsigned i = 0; i < METER_BUCKETS; i++)
		to->buckets[i] += row->buckets[i];
	to->ticks += row->ticks;
	to->ticks_squared += row->ticks_squared;
}

static size_t join_equal(struct merged_row *rows, size_t n)
{
	size_t used = 0;

	qsort(rows, n, sizeof(*rows), by_key);
	for (size_t i = 0; i < n; i++) {
		if (used && rows[used - 1].key == rows[i].key &&
		    rows[used - 1].vcpu == rows[i].vcpu)
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
	if (options->ring)
		totals.coalesced = merge_load(&options->ring->coalesced);
	return totals;
}

#define KEY_WIDTH (UINT64_C(7) << 3)

int merged_make(struct merged *merged, const struct meter_report_options *options,
		enum merged_form form)
{
	size_t room = (options->meters_n + 1) * (METER_ROWS + 1);

	*merged = (struct merged){ .tsc_hz = tsc_hz(&options->start, &options->end) };
	merged->rows = calloc(room, sizeof(*merged->rows));
	if (!merged->rows)
		return -ENOMEM;
	for (size_t i = 0; i <= options->meters_n; i++) {
		const struct meter *meter =
			i < options->meters_n ? options->meters[i] : options->ring;
		uint32_t vcpu = i < options->meters_n ? (uint32_t)i : MERGED_RING;

		if (!meter)
			continue;
		merged->n +=
			take_meter(merged->rows + merged->n, meter, options->per_vcpu ? vcpu : 0);
		merged->folded += merge_load(&meter->folded);
	}
	for (size_t i = 0; form == MERGED_PLACES && i < merged->n; i++)
		merged->rows[i].key &= ~KEY_WIDTH;
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

double merged_percentile(const struct merged_row *row, unsigned percent)
{
	uint64_t all = 0, below = 0, rank;
	double at = 0;

	for (unsigned i = 0; i < METER_BUCKETS; i++)
		all += row->buckets[i];
	rank = (all * percent + 99) / 100;
	for (unsigned i = 0; i < METER_BUCKETS && below < rank; i++) {
		below += row->buckets[i];
		/* The middle of the bucket stands for what is in it. */
		at = i + 1 < METER_BUCKETS
			     ? ((double)meter_bucket_from(i) + (double)meter_bucket_from(i + 1)) / 2
			     : (double)row->ticks_max;
	}
	if (at < (double)row->ticks_min)
		at = (double)row->ticks_min;
	return at > (double)row->ticks_max ? (double)row->ticks_max : at;
}

double merged_saved_percent(const struct merged *merged)
{
	uint64_t all = merged->totals.exits + merged->totals.coalesced;

	return all ? 100 * (double)merged->totals.coalesced / (double)all : 0;
}
