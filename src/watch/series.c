// SPDX-License-Identifier: MIT
#include "watch/series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HASH_SIZE (2 * WATCH_SERIES_KEYS)
#define NO_KEY    UINT32_MAX

_Static_assert((HASH_SIZE & (HASH_SIZE - 1)) == 0, "a power of two");

static struct watch_series_key key_of(const struct watch_snapshot_row *row)
{
	return (struct watch_series_key){
		.space = row->space,
		.addr = row->addr,
		.width = row->width,
		.vcpu = row->vcpu,
		.pid = row->pid,
		.write = row->write,
	};
}

static bool same_key(const struct watch_series_key *a, const struct watch_series_key *b)
{
	return a->space == b->space && a->addr == b->addr && a->width == b->width &&
	       a->vcpu == b->vcpu && a->pid == b->pid && a->write == b->write;
}

/* Where the key is, or would be. */
static uint32_t slot_of(const struct watch_series *series, const struct watch_series_key *key)
{
	uint64_t hash = key->addr ^ ((uint64_t)key->width << 40) ^ ((uint64_t)key->vcpu << 44) ^
			((uint64_t)key->pid << 20) ^ ((uint64_t)key->space << 62) ^
			((uint64_t)key->write << 61);
	uint32_t at = (uint32_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & (HASH_SIZE - 1);

	while (series->known[at] && !same_key(&series->keys[at], key))
		at = (at + 1) & (HASH_SIZE - 1);
	return at;
}

/* Half of the table stays free, so that a search ends. NO_KEY: there is no place for another. */
static uint32_t take_key(struct watch_series *series, const struct watch_snapshot_row *row)
{
	struct watch_series_key key = key_of(row);
	uint32_t at = slot_of(series, &key);

	if (series->known[at])
		return at;
	if (series->keys_n == WATCH_SERIES_KEYS)
		return NO_KEY;
	series->keys_n++;
	series->known[at] = true;
	series->keys[at] = key;
	return at;
}

static int add_point(struct watch_series *series, const struct watch_snapshot *snapshot,
		     double seconds)
{
	struct watch_series_point *point = &series->points[series->points_n];
	size_t n = snapshot->rows_n;
	const struct watch_snapshot_row **rows =
		calloc(n + 1, sizeof(const struct watch_snapshot_row *));

	*point = (struct watch_series_point){ .seconds = seconds,
					      .exits = snapshot->exits,
					      .coalesced = snapshot->coalesced };
	for (size_t i = 0; rows && i < n; i++)
		rows[i] = &snapshot->rows[i];
	if (rows)
		watch_snapshot_sort(rows, n, WATCH_SORT_EXITS, false);
	if (n > WATCH_SERIES_ROWS)
		n = WATCH_SERIES_ROWS;
	point->rows = rows ? calloc(n + 1, sizeof(*point->rows)) : NULL;
	if (!point->rows) {
		free(rows);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t key = take_key(series, rows[i]);

		if (key != NO_KEY)
			point->rows[point->rows_n++] =
				(struct watch_series_count){ key, rows[i]->exits };
	}
	free(rows);
	series->points_n++;
	return 0;
}

/* Every second point goes; the others are twice as far apart from now on. */
static void thin(struct watch_series *series)
{
	size_t kept = 0;

	for (size_t i = 0; i < series->points_n; i++) {
		if (i % 2)
			free(series->points[i].rows);
		else
			series->points[kept++] = series->points[i];
	}
	series->points_n = kept;
	series->stride *= 2;
}

struct reading {
	struct watch_snapshot first, last;
	bool last_told; /* it is a point */
};

static int take_record(struct watch_series *series, struct reading *reading,
		       struct watch_snapshot *record)
{
	double seconds = record->seconds - reading->first.seconds;
	int ret = 0;

	if (series->points_n == WATCH_SERIES_POINTS)
		thin(series);
	reading->last_told = series->records % series->stride == 0;
	if (reading->last_told)
		ret = add_point(series, record, seconds);
	series->records++;
	return ret;
}

static int read_all(struct watch_series *series, struct reading *reading,
		    struct watch_recording *recording, bool *cut, struct error *err)
{
	struct watch_snapshot record;
	int ret;

	while ((ret = watch_recording_next(recording, &record, err)) > 0) {
		if (!series->records) {
			series->at = record.at;
			if (watch_snapshot_copy(&reading->first, &record)) {
				watch_snapshot_free(&record);
				return error_set(err, -ENOMEM, "%s", strerror(ENOMEM));
			}
		}
		ret = take_record(series, reading, &record);
		watch_snapshot_free(&reading->last);
		reading->last = record;
		if (ret)
			return error_set(err, ret, "%s", strerror(-ret));
	}
	*cut = ret == -ENODATA && series->records > 0;
	if (ret && !*cut)
		return ret;
	if (!series->records)
		return error_set(err, -EINVAL, "no record in it");
	return 0;
}

/* What happened in between, and the last point. */
static int conclude(struct watch_series *series, struct reading *reading, struct error *err)
{
	int ret;

	if (series->records == 1) {
		series->total = reading->last;
		reading->last = (struct watch_snapshot){ 0 };
		return 0;
	}
	ret = watch_snapshot_diff(&series->total, &reading->last, &reading->first, err);
	if (ret || reading->last_told)
		return ret;
	if (series->points_n == WATCH_SERIES_POINTS)
		thin(series);
	ret = add_point(series, &reading->last, reading->last.seconds - reading->first.seconds);
	return ret ? error_set(err, ret, "%s", strerror(-ret)) : 0;
}

int watch_series_read(struct watch_series *series, struct watch_recording *recording, bool *cut,
		      struct error *err)
{
	struct reading reading = { .last_told = false };
	int ret;

	*series = (struct watch_series){ .stride = 1 };
	*cut = false;
	series->points = calloc(WATCH_SERIES_POINTS, sizeof(*series->points));
	series->keys = calloc(HASH_SIZE, sizeof(*series->keys));
	series->known = calloc(HASH_SIZE, sizeof(*series->known));
	if (!series->points || !series->keys || !series->known)
		ret = error_set(err, -ENOMEM, "%s", strerror(ENOMEM));
	else
		ret = read_all(series, &reading, recording, cut, err);
	if (!ret)
		ret = conclude(series, &reading, err);
	watch_snapshot_free(&reading.first);
	watch_snapshot_free(&reading.last);
	if (ret)
		watch_series_free(series);
	return ret;
}

void watch_series_free(struct watch_series *series)
{
	for (size_t i = 0; i < series->points_n; i++)
		free(series->points[i].rows);
	free(series->points);
	free(series->keys);
	free(series->known);
	watch_snapshot_free(&series->total);
	*series = (struct watch_series){ 0 };
}

size_t watch_series_intervals(const struct watch_series *series)
{
	return series->points_n > 1 ? series->points_n - 1 : 0;
}

/* What a point says of a key; one that it does not follow has not grown, as far as it knows. */
static uint64_t count_at(const struct watch_series_point *point, uint32_t key, uint64_t before)
{
	for (size_t i = 0; i < point->rows_n; i++) {
		if (point->rows[i].key == key)
			return point->rows[i].exits;
	}
	return before;
}

static double rate(const struct watch_series *series, size_t i, uint64_t before, uint64_t after)
{
	double seconds = series->points[i + 1].seconds - series->points[i].seconds;
	uint64_t grown = after < before ? after : after - before;

	return seconds > 0 ? (double)grown / seconds : 0;
}

void watch_series_rates(const struct watch_series *series, const struct watch_snapshot_row *row,
			double *x, double *rates)
{
	struct watch_series_key key = row ? key_of(row) : (struct watch_series_key){ .addr = 0 };
	uint32_t slot = row && series->points_n ? slot_of(series, &key) : NO_KEY;
	uint64_t before = 0;

	for (size_t i = 0; i < series->points_n; i++) {
		const struct watch_series_point *point = &series->points[i];
		uint64_t now = row ? count_at(point, slot, before) : point->exits;

		if (i) {
			rates[i - 1] = rate(series, i - 1, before, now);
			if (x)
				x[i - 1] = (series->points[i - 1].seconds + point->seconds) / 2;
		}
		before = now;
	}
}

void watch_series_coalesced(const struct watch_series *series, double *rates)
{
	for (size_t i = 0; i + 1 < series->points_n; i++)
		rates[i] = rate(series, i, series->points[i].coalesced,
				series->points[i + 1].coalesced);
}
