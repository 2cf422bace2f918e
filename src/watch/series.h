// SPDX-License-Identifier: MIT
/*
 * A recording (docs/records.md) reduced to what a report of it shows: what happened from its first record
 * to its last, and how counts grew in between. Bounded memory, however long it is: counters only grow, so
 * leaving out every second point loses nothing but detail, and rarely used rows are followed only in sum.
 *
 * Owns what it points to. One thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "watch/recording.h"

#define WATCH_SERIES_POINTS 480u
#define WATCH_SERIES_ROWS   256u /* that a point has, the most used ones */
#define WATCH_SERIES_KEYS   4096u /* different ones in all points */

struct watch_series_count {
	uint32_t key;
	uint64_t exits;
};

struct watch_series_point {
	double seconds; /* since the first record */
	uint64_t exits, coalesced;
	struct watch_series_count *rows;
	size_t rows_n;
};

/* What a row is of, wherever it stands. */
struct watch_series_key {
	enum watch_space space;
	uint64_t addr;
	uint32_t width, vcpu, pid;
	bool write;
};

struct watch_series {
	/* The last record less the first; of a single one, all of it. */
	struct watch_snapshot total;
	uint64_t records;
	double at; /* when the first was taken: seconds since 1970; 0: not said */
	struct watch_series_point *points; /* of a single record: none */
	size_t points_n;
	uint64_t stride; /* every so many records are a point */
	struct watch_series_key *keys; /* a hash table */
	bool *known;
	size_t keys_n;
};

/*
 * Reads all records. 0, or -errno with a line in err that does not name the file: then the series is
 * empty. A file that ends within a record is good up to there, if that is a record at least: *cut.
 */
int watch_series_read(struct watch_series *series, struct watch_recording *recording, bool *cut,
		      struct error *err) __attribute__((warn_unused_result));
void watch_series_free(struct watch_series *series);

/* How many intervals there are: points less one, or 0. */
size_t watch_series_intervals(const struct watch_series *series);
/*
 * Exits a second in each interval, of one row or (NULL) of all, and if x is not NULL where its middle is.
 * Where a count went down it began anew.
 */
void watch_series_rates(const struct watch_series *series, const struct watch_snapshot_row *row,
			double *x, double *rates);
/* The same of writes that waited, all of them. */
void watch_series_coalesced(const struct watch_series *series, double *rates);
