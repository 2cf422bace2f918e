// SPDX-License-Identifier: MIT
/* Between the forms of a summary: which rows it has, and what their numbers are. */
#pragma once

#include "watch/summary.h"

#define SUMMARY_TEXT 96

/* A row of each run; NULL where a run does not have it. */
struct summary_row {
	const struct watch_snapshot_row *of[WATCH_SUMMARY_RUNS];
};

/* The caller frees. -ENOMEM, or how many there are. */
ssize_t summary_rows(const struct watch_summary *summary, struct summary_row **out);
/* The first that is there: what both are of. */
const struct watch_snapshot_row *summary_place(const struct summary_row *row);

/* "0x71", "0xfe000000+16" and "read 1"; and both with the names: "0x71 rtc data read". */
const char *summary_address(char text[SUMMARY_TEXT], const struct watch_snapshot_row *row);
const char *summary_access(char text[SUMMARY_TEXT], const struct watch_snapshot_row *row);
const char *summary_device(char text[SUMMARY_TEXT], const struct watch_snapshot_row *row);
const char *summary_label(char text[SUMMARY_TEXT], const struct watch_snapshot_row *row);

/* Numbers of a row in its run; negative: not known. */
double summary_exit_rate(const struct watch_series *series, const struct watch_snapshot_row *row);
double summary_wait_rate(const struct watch_series *series, const struct watch_snapshot_row *row);
double summary_avg(const struct watch_series *series, const struct watch_snapshot_row *row);
double summary_p50(const struct watch_series *series, const struct watch_snapshot_row *row);
double summary_p99(const struct watch_series *series, const struct watch_snapshot_row *row);
double summary_max(const struct watch_series *series, const struct watch_snapshot_row *row);
/* Of one host CPU, the part in percent that served the row's exits. */
double summary_cpu(const struct watch_series *series, const struct watch_snapshot_row *row);
/* Of all exits of the run, in percent. */
double summary_share(const struct watch_series *series, const struct watch_snapshot_row *row);

/* The second by the first; negative: one of them is not known, or the first is 0. */
double summary_ratio(double first, double second);
/* A number a second, of the whole run. */
double summary_rate(const struct watch_series *series, uint64_t count);

/* Parts of a page. n rows that left the kernel, those first that matter. 0 or -ENOMEM. */
int summary_page_time(FILE *out, const struct watch_summary *summary,
		      const struct summary_row *rows, size_t n) __attribute__((warn_unused_result));
int summary_page_times(FILE *out, const struct watch_summary *summary,
		       const struct summary_row *rows, size_t n)
	__attribute__((warn_unused_result));

/* A time as people write it, in UTC: "2026-03-01 12:00:00 UTC"; "" for 0. */
const char *summary_time(char text[SUMMARY_TEXT], double at);
