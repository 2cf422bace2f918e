// SPDX-License-Identifier: MIT
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "watch/page.h"
#include "watch/summary_impl.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Those that are not the machine's own. */
static void text_zones(FILE *out, const struct watch_snapshot *total)
{
	for (size_t i = 0; i < total->zones_n; i++) {
		const struct watch_snapshot_zone *zone = &total->zones[i];

		if (!zone->user)
			continue;
		fprintf(out, "the user's zone%s 0x%" PRIx64, zone->forced ? " (forced)" : "",
			zone->first);
		if (zone->last != zone->first)
			fprintf(out, "-0x%" PRIx64, zone->last);
		fprintf(out, "%s %s\n", zone->space == WATCH_SPACE_PORT ? ":" : " (memory):",
			*zone->state ? zone->state : "?");
	}
}

static void text_head(FILE *out, const struct watch_summary_run *run)
{
	const struct watch_snapshot *total = &run->series->total;
	char number[WATCH_PAGE_NUMBER], time[SUMMARY_TEXT];

	fprintf(out, "%s: %s %s", run->name, total->machine ? "machine" : "trace of",
		*total->name ? total->name : "");
	if (total->pid)
		fprintf(out, " (process %" PRIu32 ")", total->pid);
	fprintf(out, ", %" PRIu64 " record%s", run->series->records,
		run->series->records == 1 ? "" : "s");
	if (*summary_time(time, run->series->at))
		fprintf(out, " from %s on", time);
	if (*total->cpu || *total->kernel)
		fprintf(out, ", host %s, Linux %s", *total->cpu ? total->cpu : "?",
			*total->kernel ? total->kernel : "?");
	fprintf(out, "\n%.1f s: %s exits", total->seconds,
		watch_page_number(number, (double)total->exits));
	fprintf(out, ", %s a second",
		watch_page_number(number, summary_rate(run->series, total->exits)));
	if (total->machine)
		fprintf(out, "; %s writes waited, %.1f%% saved",
			watch_page_number(number, (double)total->coalesced),
			watch_snapshot_saved(total->exits, total->coalesced));
	if (total->trace.known && total->trace.lost)
		fprintf(out, "; %" PRIu64 " events lost", total->trace.lost);
	fputc('\n', out);
	text_zones(out, total);
	fputc('\n', out);
}

static void text_number(FILE *out, double value)
{
	char number[WATCH_PAGE_NUMBER];

	fprintf(out, " %11s", value < 0 ? "-" : watch_page_number(number, value));
}

typedef double value_fn(const struct watch_series *series, const struct watch_snapshot_row *row);

static void text_place(FILE *out, const struct watch_snapshot_row *row)
{
	char text[SUMMARY_TEXT];

	fprintf(out, "%-18s", summary_address(text, row));
	fprintf(out, " %-8s", summary_access(text, row));
}

static void text_device(FILE *out, const struct watch_snapshot_row *row)
{
	char text[SUMMARY_TEXT];

	fprintf(out, "  %s\n", summary_device(text, row));
}

static void text_one(FILE *out, const struct watch_series *series, const struct summary_row *rows,
		     size_t n)
{
	static value_fn *const values[] = { summary_exit_rate, summary_share, summary_wait_rate,
					    summary_avg,       summary_p99,   summary_max };

	fprintf(out, "%-18s %-8s %11s %11s %11s %11s %11s %11s  %s\n", "ADDRESS", "ACCESS",
		"EXITS/s", "SHARE%", "WAITED/s", "AVG us", "P99 us", "MAX us", "WHAT");
	for (size_t i = 0; i < n; i++) {
		text_place(out, rows[i].of[0]);
		for (size_t j = 0; j < COUNT_OF(values); j++)
			text_number(out, values[j](series, rows[i].of[0]));
		text_device(out, rows[i].of[0]);
	}
}

static void text_two(FILE *out, const struct watch_summary *summary, const struct summary_row *rows,
		     size_t n)
{
	static value_fn *const values[] = { summary_exit_rate, summary_avg, summary_p99 };

	fprintf(out, "%-18s %-8s %11s %11s %11s %11s %11s %11s %11s %11s %11s  %s\n", "ADDRESS",
		"ACCESS", "EXITS/s 1", "EXITS/s 2", "2/1", "AVG us 1", "AVG us 2", "2/1",
		"P99 us 1", "P99 us 2", "2/1", "WHAT");
	for (size_t i = 0; i < n; i++) {
		text_place(out, summary_place(&rows[i]));
		for (size_t j = 0; j < COUNT_OF(values); j++) {
			double both[WATCH_SUMMARY_RUNS];

			for (size_t run = 0; run < WATCH_SUMMARY_RUNS; run++) {
				const struct watch_snapshot_row *row = rows[i].of[run];

				both[run] = row ? values[j](summary->runs[run].series, row) : -1;
				text_number(out, both[run]);
			}
			text_number(out, summary_ratio(both[0], both[1]));
		}
		text_device(out, summary_place(&rows[i]));
	}
}

int watch_summary_text(FILE *out, const struct watch_summary *summary)
{
	struct summary_row *rows;
	ssize_t n = summary_rows(summary, &rows);

	if (n < 0)
		return (int)n;
	for (size_t run = 0; run < summary->runs_n; run++)
		text_head(out, &summary->runs[run]);
	if (summary->runs_n == 1)
		text_one(out, summary->runs[0].series, rows, (size_t)n);
	else
		text_two(out, summary, rows, (size_t)n);
	free(rows);
	errno = 0;
	return ferror(out) || fflush(out) ? (errno ? -errno : -EIO) : 0;
}
