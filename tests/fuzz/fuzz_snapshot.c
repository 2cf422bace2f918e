// SPDX-License-Identifier: MIT
/*
 * A recording by a stranger: any bytes. What is taken keeps its bounds, can be subtracted from itself
 * (nothing is left then) and from its neighbours, sorted every way, and holds no text that a terminal
 * would obey.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "outcome.h"
#include "watch/recording.h"
#include "watch/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "line %d: %s\n", __LINE__, #what);                         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static uint64_t outcome;

uint64_t fuzz_outcome(void)
{
	return outcome;
}

static void check_text(const char *text)
{
	char safe[WATCH_SNAPSHOT_TEXT];
	size_t len = strlen(text);

	CHECK(len < WATCH_SNAPSHOT_TEXT);
	CHECK(watch_text_safe(safe, sizeof(safe), text, len) == len);
	CHECK(!memcmp(safe, text, len));
}

static void check_times(const struct watch_snapshot_times *times)
{
	CHECK(isfinite(times->sum_us) && times->sum_us >= 0);
	CHECK(times->buckets_n <= WATCH_SNAPSHOT_BUCKETS);
	for (size_t i = 1; i < times->buckets_n; i++)
		CHECK(times->buckets[i].first > times->buckets[i - 1].first);
	CHECK(watch_buckets_percentile(times->buckets, times->buckets_n, 50) <=
	      watch_buckets_percentile(times->buckets, times->buckets_n, 99));
}

static void check_stats(const struct watch_snapshot_stats *stats)
{
	CHECK(stats->n <= WATCH_SNAPSHOT_STATS);
	for (size_t i = 0; i < stats->n; i++) {
		check_text(stats->at[i].name);
		CHECK(watch_snapshot_stat(stats, stats->at[i].name));
	}
}

static void check_sorts(const struct watch_snapshot *snapshot)
{
	const struct watch_snapshot_row **rows =
		calloc(snapshot->rows_n + 1, sizeof(const struct watch_snapshot_row *));

	CHECK(rows);
	for (unsigned sort = 0; sort < WATCH_SORTS; sort++) {
		for (size_t i = 0; i < snapshot->rows_n; i++)
			rows[i] = &snapshot->rows[i];
		watch_snapshot_sort(rows, snapshot->rows_n, (enum watch_sort)sort, sort & 1);
	}
	free(rows);
}

static void check(const struct watch_snapshot *snapshot)
{
	CHECK(snapshot->rows_n <= WATCH_SNAPSHOT_ROWS);
	check_text(snapshot->name);
	check_text(snapshot->cpu);
	for (size_t i = 0; i < snapshot->rows_n; i++) {
		const struct watch_snapshot_row *row = &snapshot->rows[i];

		CHECK(row->size && row->addr + (row->size - 1) >= row->addr);
		CHECK(watch_snapshot_find(snapshot, row) == row);
		check_text(row->device);
		check_text(row->reg);
		check_times(&row->times);
	}
	check_times(&snapshot->other.times);
	for (size_t i = 0; i < snapshot->zones_n; i++) {
		CHECK(snapshot->zones[i].first <= snapshot->zones[i].last);
		check_text(snapshot->zones[i].trap);
	}
	check_stats(&snapshot->reasons);
	check_stats(&snapshot->kvm_vm);
	for (size_t i = 0; i < snapshot->kvm_vcpus_n; i++)
		check_stats(&snapshot->kvm_vcpus[i]);
	check_sorts(snapshot);
}

static void check_diff(const struct watch_snapshot *newer, const struct watch_snapshot *older)
{
	struct watch_snapshot diff;
	struct error err;

	if (watch_snapshot_diff(&diff, newer, older, &err)) {
		CHECK(err.text[0] && !diff.arena.last);
		return;
	}
	check(&diff);
	for (size_t i = 0; i < diff.rows_n && newer == older; i++)
		CHECK(!diff.rows[i].exits && !diff.rows[i].coalesced &&
		      !diff.rows[i].times.samples && !diff.rows[i].times.buckets_n);
	CHECK(newer != older || (!diff.exits && !diff.ring.batches_n));
	watch_snapshot_free(&diff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct watch_snapshot before = { 0 }, snapshot;
	struct watch_recording recording;
	struct error err = { "" };
	FILE *file;
	int ret;

	outcome = OUTCOME_NONE;
	if (!size)
		return 0;
	file = fmemopen((void *)data, size, "r");
	CHECK(file && !watch_recording_take(&recording, file, &err));
	while ((ret = watch_recording_next(&recording, &snapshot, &err)) == 1) {
		check(&snapshot);
		check_diff(&snapshot, &snapshot);
		if (recording.record > 1)
			check_diff(&snapshot, &before);
		watch_snapshot_free(&before);
		before = snapshot;
		outcome = 31 * outcome + snapshot.rows_n + 1;
	}
	CHECK(!ret || err.text[0]);
	watch_snapshot_free(&before);
	watch_recording_close(&recording);
	outcome = 31 * outcome + (uint64_t)-ret;
	return 0;
}
