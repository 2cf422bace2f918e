// SPDX-License-Identifier: MIT
/*
 * What one recording shows, or two beside each other: as text and as a page. The rows that are shown are
 * the most used of each run, found in the other by address, width and direction. Pure.
 */
#pragma once

#include <stdio.h>

#include "watch/series.h"

#define WATCH_SUMMARY_RUNS 2

struct watch_summary_run {
	const char *name; /* the file's */
	const struct watch_series *series;
};

struct watch_summary {
	struct watch_summary_run runs[WATCH_SUMMARY_RUNS];
	size_t runs_n; /* 1 or 2 */
	size_t top; /* rows of each that are shown */
	enum watch_sort sort;
	bool reverse;
};

/* 0, -ENOMEM, or -errno of writing. */
int watch_summary_text(FILE *out, const struct watch_summary *summary)
	__attribute__((warn_unused_result));
int watch_summary_page(FILE *out, const struct watch_summary *summary)
	__attribute__((warn_unused_result));
