// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "watch/snapshot.h"
#include "watch/snapshot_order.h"

/* What out has at first is a copy of the newer record; then the older one's counts are taken from it. */

static void *copied(struct arena *arena, const void *from, size_t n, size_t size, bool *failed)
{
	void *copy = n ? arena_alloc(arena, n * size) : NULL;

	if (copy)
		memcpy(copy, from, n * size);
	else if (n)
		*failed = true;
	return copy;
}

static void own_text(struct arena *arena, const char **text, bool *failed)
{
	const char *copy = *text && **text ? arena_text(arena, *text, strlen(*text)) : "";

	if (!copy)
		*failed = true;
	*text = copy ? copy : "";
}

static void own_buckets(struct arena *arena, struct watch_bucket **buckets, size_t *n, bool *failed)
{
	*buckets = copied(arena, *buckets, *n, sizeof(**buckets), failed);
	if (!*buckets)
		*n = 0;
}

static void own_stats(struct arena *arena, struct watch_snapshot_stats *stats, bool *failed)
{
	stats->at = copied(arena, stats->at, stats->n, sizeof(*stats->at), failed);
	if (!stats->at)
		stats->n = 0;
	for (size_t i = 0; i < stats->n; i++)
		own_text(arena, &stats->at[i].name, failed);
}

static void own_rows(struct arena *arena, struct watch_snapshot *out, bool *failed)
{
	out->rows = copied(arena, out->rows, out->rows_n, sizeof(*out->rows), failed);
	if (!out->rows)
		out->rows_n = 0;
	for (size_t i = 0; i < out->rows_n; i++) {
		struct watch_snapshot_row *row = &out->rows[i];

		own_text(arena, &row->device, failed);
		own_text(arena, &row->reg, failed);
		own_buckets(arena, &row->times.buckets, &row->times.buckets_n, failed);
	}
	own_buckets(arena, &out->other.times.buckets, &out->other.times.buckets_n, failed);
}

static void own_zones(struct arena *arena, struct watch_snapshot *out, bool *failed)
{
	out->zones = copied(arena, out->zones, out->zones_n, sizeof(*out->zones), failed);
	if (!out->zones)
		out->zones_n = 0;
	for (size_t i = 0; i < out->zones_n; i++) {
		struct watch_snapshot_zone *zone = &out->zones[i];

		own_text(arena, &zone->region, failed);
		own_text(arena, &zone->why, failed);
		own_text(arena, &zone->when, failed);
		own_text(arena, &zone->state, failed);
		own_text(arena, &zone->trap, failed);
	}
}

int watch_snapshot_copy(struct watch_snapshot *out, const struct watch_snapshot *from)
{
	struct arena arena = { 0 };
	bool failed = false;

	*out = *from;
	own_text(&arena, &out->name, &failed);
	own_text(&arena, &out->kernel, &failed);
	own_text(&arena, &out->cpu, &failed);
	own_text(&arena, &out->trace.method, &failed);
	own_text(&arena, &out->trace.ended, &failed);
	own_rows(&arena, out, &failed);
	own_zones(&arena, out, &failed);
	own_stats(&arena, &out->reasons, &failed);
	own_stats(&arena, &out->kvm_vm, &failed);
	out->kvm_vcpus =
		copied(&arena, out->kvm_vcpus, out->kvm_vcpus_n, sizeof(*out->kvm_vcpus), &failed);
	if (!out->kvm_vcpus)
		out->kvm_vcpus_n = 0;
	for (size_t i = 0; i < out->kvm_vcpus_n; i++)
		own_stats(&arena, &out->kvm_vcpus[i], &failed);
	out->vcpus = copied(&arena, out->vcpus, out->vcpus_n, sizeof(*out->vcpus), &failed);
	if (!out->vcpus)
		out->vcpus_n = 0;
	own_buckets(&arena, &out->ring.batches, &out->ring.batches_n, &failed);
	out->arena = arena;
	if (!failed)
		return 0;
	watch_snapshot_free(out);
	return -ENOMEM;
}

/* What went down began anew. */
static void minus(uint64_t *count, uint64_t before)
{
	if (*count >= before)
		*count -= before;
}

/* All or none: a histogram of which one bucket went down began anew. */
static void minus_buckets(struct watch_bucket *buckets, size_t *n,
			  const struct watch_bucket *before, size_t before_n)
{
	size_t kept = 0, j = 0;

	for (size_t i = 0; i < before_n; i++) {
		while (j < *n && buckets[j].first < before[i].first)
			j++;
		if (before[i].count && (j == *n || buckets[j].first != before[i].first ||
					buckets[j].count < before[i].count))
			return;
	}
	j = 0;
	for (size_t i = 0; i < *n; i++) {
		struct watch_bucket bucket = buckets[i];

		while (j < before_n && before[j].first < bucket.first)
			j++;
		if (j < before_n && before[j].first == bucket.first)
			bucket.count -= before[j].count;
		if (bucket.count)
			buckets[kept++] = bucket;
	}
	*n = kept;
}

static void minus_times(struct watch_snapshot_times *times,
			const struct watch_snapshot_times *before)
{
	times->stderr_percent = -1;
	if (times->samples < before->samples)
		return;
	times->samples -= before->samples;
	times->sum_us = times->sum_us > before->sum_us ? times->sum_us - before->sum_us : 0;
	times->avg_us = times->samples ? times->sum_us / (double)times->samples : 0;
	minus_buckets(times->buckets, &times->buckets_n, before->buckets, before->buckets_n);
}

/* A percentile of the whole time says nothing of the interval; its buckets do. */
static void set_percentiles(struct watch_snapshot_times *times)
{
	double *const values[] = { &times->p50_us, &times->p99_us };
	static const unsigned percents[] = { 50, 99 };

	for (size_t i = 0; i < 2; i++) {
		double ns = watch_buckets_percentile(times->buckets, times->buckets_n, percents[i]);

		*values[i] = ns < 0 ? -1 : ns / 1000;
		if (ns >= 0 && times->max_us >= 0 && *values[i] > times->max_us)
			*values[i] = times->max_us;
		if (ns >= 0 && times->min_us >= 0 && *values[i] < times->min_us)
			*values[i] = times->min_us;
	}
}

static bool went_down(const struct watch_snapshot_row *row, const struct watch_snapshot_row *before)
{
	return row->exits < before->exits || row->coalesced < before->coalesced ||
	       row->in_kernel < before->in_kernel || row->times.samples < before->times.samples;
}

static void minus_row(struct watch_snapshot_row *row, const struct watch_snapshot_row *before)
{
	struct watch_snapshot_next *next = &row->next;

	row->exits -= before->exits;
	row->coalesced -= before->coalesced;
	row->in_kernel -= before->in_kernel;
	minus(&row->interrupts, before->interrupts);
	if (next->known && before->next.known && next->space == before->next.space &&
	    next->addr == before->next.addr && next->write == before->next.write)
		minus(&next->count, before->next.count);
	/* Another one took the lead in between, and how often it came before that is not known. */
	if (next->count > row->exits + row->coalesced + row->in_kernel)
		next->count = row->exits + row->coalesced + row->in_kernel;
	minus_times(&row->times, &before->times);
}

static void minus_rows(struct watch_snapshot *out, const struct watch_snapshot *older)
{
	for (size_t i = 0; i < out->rows_n; i++) {
		struct watch_snapshot_row *row = &out->rows[i];
		const struct watch_snapshot_row *before = watch_snapshot_find(older, row);

		if (before && !went_down(row, before))
			minus_row(row, before);
		row->times.stderr_percent = -1;
		set_percentiles(&row->times);
	}
	minus(&out->other.exits, older->other.exits);
	minus(&out->other.coalesced, older->other.coalesced);
	minus(&out->other.in_kernel, older->other.in_kernel);
	minus_times(&out->other.times, &older->other.times);
	set_percentiles(&out->other.times);
}

static void minus_stats(struct watch_snapshot_stats *stats,
			const struct watch_snapshot_stats *older)
{
	for (size_t i = 0; i < stats->n; i++) {
		const struct watch_snapshot_stat *before =
			watch_snapshot_stat(older, stats->at[i].name);

		if (before && !stats->at[i].level)
			minus(&stats->at[i].value, before->value);
	}
}

static void minus_vcpus(struct watch_snapshot *out, const struct watch_snapshot *older)
{
	for (size_t i = 0; i < out->vcpus_n && older->vcpus_n; i++) {
		const struct watch_snapshot_vcpu *before =
			bsearch(&out->vcpus[i], older->vcpus, older->vcpus_n, sizeof(*older->vcpus),
				watch_snapshot_vcpu_order);

		if (before)
			minus(&out->vcpus[i].exits, before->exits);
	}
	for (size_t i = 0; i < out->kvm_vcpus_n && i < older->kvm_vcpus_n; i++)
		minus_stats(&out->kvm_vcpus[i], &older->kvm_vcpus[i]);
}

static void minus_trace(struct watch_snapshot_trace *trace,
			const struct watch_snapshot_trace *older)
{
	minus(&trace->lost, older->lost);
	minus(&trace->bad_records, older->bad_records);
	minus(&trace->unmatched, older->unmatched);
	minus(&trace->undecided, older->undecided);
	minus(&trace->interrupted, older->interrupted);
	minus(&trace->vm_exits, older->vm_exits);
}

int watch_snapshot_diff(struct watch_snapshot *out, const struct watch_snapshot *newer,
			const struct watch_snapshot *older, struct error *err)
{
	*out = (struct watch_snapshot){ 0 };
	if (newer->machine != older->machine || newer->pid != older->pid)
		return error_set(err, -EINVAL, "two records of different guests");
	if (newer->seconds < older->seconds)
		return error_set(err, -EINVAL, "two records of different runs, or not in order");
	if (watch_snapshot_copy(out, newer))
		return error_set(err, -ENOMEM, "out of memory");
	out->seconds -= older->seconds;
	minus(&out->exits, older->exits);
	minus(&out->coalesced, older->coalesced);
	minus(&out->in_kernel, older->in_kernel);
	minus_rows(out, older);
	minus_stats(&out->reasons, &older->reasons);
	minus_stats(&out->kvm_vm, &older->kvm_vm);
	minus_vcpus(out, older);
	minus(&out->ring.full, older->ring.full);
	minus(&out->ring.deadline, older->ring.deadline);
	minus_buckets(out->ring.batches, &out->ring.batches_n, older->ring.batches,
		      older->ring.batches_n);
	minus_trace(&out->trace, &older->trace);
	return 0;
}
