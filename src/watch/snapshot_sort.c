// SPDX-License-Identifier: MIT
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "watch/snapshot.h"
#include "watch/snapshot_order.h"

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

int watch_snapshot_row_order(const void *a, const void *b)
{
	const struct watch_snapshot_row *x = a, *y = b;

	if (x->space != y->space)
		return ORDER(x->space, y->space);
	if (x->addr != y->addr)
		return ORDER(x->addr, y->addr);
	if (x->size != y->size)
		return ORDER(x->size, y->size);
	if (x->width != y->width)
		return ORDER(x->width, y->width);
	if (x->write != y->write)
		return ORDER(x->write, y->write);
	if (x->vcpu != y->vcpu)
		return ORDER(x->vcpu, y->vcpu);
	return ORDER(x->pid, y->pid);
}

int watch_snapshot_vcpu_order(const void *a, const void *b)
{
	const struct watch_snapshot_vcpu *x = a, *y = b;

	return ORDER(x->vcpu, y->vcpu);
}

int watch_snapshot_stat_order(const void *a, const void *b)
{
	const struct watch_snapshot_stat *x = a, *y = b;

	return strcmp(x->name, y->name);
}

const struct watch_snapshot_row *watch_snapshot_find(const struct watch_snapshot *snapshot,
						     const struct watch_snapshot_row *like)
{
	if (!snapshot->rows_n)
		return NULL;
	return bsearch(like, snapshot->rows, snapshot->rows_n, sizeof(*snapshot->rows),
		       watch_snapshot_row_order);
}

const struct watch_snapshot_stat *watch_snapshot_stat(const struct watch_snapshot_stats *stats,
						      const char *name)
{
	const struct watch_snapshot_stat like = { .name = name };

	if (!stats->n)
		return NULL;
	return bsearch(&like, stats->at, stats->n, sizeof(*stats->at), watch_snapshot_stat_order);
}

const char *watch_snapshot_zone_by(const struct watch_snapshot_zone *zone)
{
	return zone->forced ? "forced" : zone->user ? "user" : "";
}

double watch_snapshot_saved(uint64_t exits, uint64_t coalesced)
{
	return coalesced ? 100 * (double)coalesced / ((double)exits + (double)coalesced) : 0;
}

/* Where values of the bucket i end, more or less. */
static double bucket_end(const struct watch_bucket *buckets, size_t n, size_t i)
{
	double first = (double)buckets[i].first;

	if (i + 1 < n && (double)buckets[i + 1].first <= first + first / 4 + 1)
		return (double)buckets[i + 1].first;
	/* Empty ones are left out: as wide as four in a power of two are on average. */
	return first > 0 ? first + first / 6 : 1;
}

double watch_bucket_middle(const struct watch_bucket *buckets, size_t n, size_t i)
{
	return ((double)buckets[i].first + bucket_end(buckets, n, i)) / 2;
}

double watch_buckets_percentile(const struct watch_bucket *buckets, size_t n, unsigned percent)
{
	double all = 0, seen = 0;

	assert(percent <= 100);
	/* As real numbers: a stranger's counts need not fit together in 64 bits. */
	for (size_t i = 0; i < n; i++)
		all += (double)buckets[i].count;
	for (size_t i = 0; i < n; i++) {
		seen += (double)buckets[i].count;
		if (buckets[i].count && seen >= all * percent / 100)
			return watch_bucket_middle(buckets, n, i);
	}
	return -1;
}

static double by_exits(const struct watch_snapshot_row *row)
{
	return (double)row->exits;
}

static double by_coalesced(const struct watch_snapshot_row *row)
{
	return (double)row->coalesced;
}

static double by_time(const struct watch_snapshot_row *row)
{
	const struct watch_snapshot_times *times = &row->times;

	/* Of a trace that counts in the kernel, not each exit has a time. */
	return times->samples < row->exits ? times->avg_us * (double)row->exits : times->sum_us;
}

static double by_avg(const struct watch_snapshot_row *row)
{
	return row->times.samples ? row->times.avg_us : -1;
}

static double by_p50(const struct watch_snapshot_row *row)
{
	return row->times.samples ? row->times.p50_us : -1;
}

static double by_p99(const struct watch_snapshot_row *row)
{
	return row->times.samples ? row->times.p99_us : -1;
}

static double by_max(const struct watch_snapshot_row *row)
{
	return row->times.samples ? row->times.max_us : -1;
}

static double by_interrupts(const struct watch_snapshot_row *row)
{
	return (double)row->interrupts;
}

static double by_in_kernel(const struct watch_snapshot_row *row)
{
	return (double)row->in_kernel;
}

const struct watch_sort_key watch_sort_keys[WATCH_SORTS] = {
	[WATCH_SORT_EXITS] = { "exits", "accesses that left the kernel", by_exits },
	[WATCH_SORT_COALESCED] = { "coalesced", "writes that waited instead", by_coalesced },
	[WATCH_SORT_TIME] = { "time", "all the time that the exits took", by_time },
	[WATCH_SORT_AVG] = { "avg", "the average time of an exit", by_avg },
	[WATCH_SORT_P50] = { "p50", "the time that half of the exits took at most", by_p50 },
	[WATCH_SORT_P99] = { "p99", "the time that 99 of 100 exits took at most", by_p99 },
	[WATCH_SORT_MAX] = { "max", "the longest exit since the start", by_max },
	[WATCH_SORT_INTERRUPTS] = { "interrupts", "exits that raised an interrupt", by_interrupts },
	[WATCH_SORT_IN_KERNEL] = { "kernel", "accesses that KVM served itself", by_in_kernel },
	[WATCH_SORT_ADDR] = { "address", "where it is", NULL },
	[WATCH_SORT_NAME] = { "name", "the device and its register", NULL },
};

bool watch_sort_find(enum watch_sort *sort, const char *name)
{
	for (unsigned i = 0; i < WATCH_SORTS; i++) {
		if (strcmp(watch_sort_keys[i].name, name) != 0)
			continue;
		*sort = (enum watch_sort)i;
		return true;
	}
	return false;
}

struct order {
	enum watch_sort sort;
	bool reverse;
};

static int compare(const void *a, const void *b, void *arg)
{
	const struct watch_snapshot_row *x = *(const struct watch_snapshot_row *const *)a;
	const struct watch_snapshot_row *y = *(const struct watch_snapshot_row *const *)b;
	const struct order *order = arg;
	double (*value)(const struct watch_snapshot_row *) = watch_sort_keys[order->sort].value;
	int result = 0;

	if (value) {
		double p = value(x), q = value(y);

		result = ORDER(q, p);
	} else if (order->sort == WATCH_SORT_NAME) {
		result = strcmp(x->device, y->device);
		if (!result)
			result = strcmp(x->reg, y->reg);
	} else {
		result = watch_snapshot_row_order(x, y);
	}
	if (order->reverse)
		result = -result;
	return result ? result : watch_snapshot_row_order(x, y);
}

void watch_snapshot_sort(const struct watch_snapshot_row **rows, size_t n, enum watch_sort sort,
			 bool reverse)
{
	struct order order = { sort, reverse };

	if (n)
		qsort_r(rows, n, sizeof(const struct watch_snapshot_row *), compare, &order);
}
