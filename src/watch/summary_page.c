// SPDX-License-Identifier: MIT
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "watch/page.h"
#include "watch/summary_impl.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct watch_snapshot *total_of(const struct watch_summary *summary, size_t run)
{
	return &summary->runs[run].series->total;
}

/* Head */

static void head_row(FILE *out, const struct watch_summary *summary, const char *name,
		     const char *values[WATCH_SUMMARY_RUNS])
{
	watch_page_row_begin(out);
	watch_page_cell(out, name);
	for (size_t run = 0; run < summary->runs_n; run++)
		watch_page_cell(out, values[run]);
	watch_page_row_end(out);
}

enum fact {
	FACT_SOURCE,
	FACT_HOST,
	FACT_BEGAN,
	FACT_SECONDS,
	FACT_EXITS,
	FACT_RATE,
	FACT_SAVED,
	FACTS
};

static const char *fact(char text[256], const struct watch_summary_run *run, enum fact which)
{
	const struct watch_snapshot *total = &run->series->total;
	char number[WATCH_PAGE_NUMBER], time[SUMMARY_TEXT];

	text[0] = '\0';
	switch (which) {
	case FACT_SOURCE:
		snprintf(text, 256, "%s %.100s (process %" PRIu32 "), %" PRIu64 " records",
			 total->machine ? "coalport machine" : "trace of a KVM process",
			 total->name, total->pid, run->series->records);
		break;
	case FACT_HOST:
		snprintf(text, 256, "%.100s, Linux %.100s", *total->cpu ? total->cpu : "?",
			 *total->kernel ? total->kernel : "?");
		break;
	case FACT_BEGAN:
		snprintf(text, 256, "%s", summary_time(time, run->series->at));
		break;
	case FACT_SECONDS:
		snprintf(text, 256, "%.1f s", total->seconds);
		break;
	case FACT_EXITS:
		watch_page_number(text, (double)total->exits);
		break;
	case FACT_RATE:
		snprintf(text, 256, "%s",
			 watch_page_number(number, summary_rate(run->series, total->exits)));
		break;
	case FACT_SAVED:
		if (total->machine)
			snprintf(text, 256, "%s (%.1f%%)",
				 watch_page_number(number, (double)total->coalesced),
				 watch_snapshot_saved(total->exits, total->coalesced));
		else
			snprintf(text, 256, "not seen by a trace");
		break;
	case FACTS:
		break;
	}
	return text;
}

static void page_head(FILE *out, const struct watch_summary *summary)
{
	static const char *const names[FACTS] = {
		[FACT_SOURCE] = "Source",
		[FACT_HOST] = "Host",
		[FACT_BEGAN] = "First record",
		[FACT_SECONDS] = "Covers",
		[FACT_EXITS] = "Exits to user space",
		[FACT_RATE] = "Exits a second",
		[FACT_SAVED] = "Writes that waited instead",
	};
	struct watch_page_column columns[1 + WATCH_SUMMARY_RUNS] = { { "", false } };

	for (size_t run = 0; run < summary->runs_n; run++)
		columns[1 + run].name = summary->runs[run].name;
	watch_page_table_begin(out, columns, 1 + summary->runs_n);
	for (enum fact i = 0; i < FACTS; i++) {
		char text[WATCH_SUMMARY_RUNS][256];
		const char *values[WATCH_SUMMARY_RUNS] = { NULL };

		for (size_t run = 0; run < summary->runs_n; run++)
			values[run] = fact(text[run], &summary->runs[run], i);
		head_row(out, summary, names[i], values);
	}
	watch_page_table_end(out);
}

/* The table of rows */

static const struct page_value {
	const char *name;
	double (*value)(const struct watch_series *series, const struct watch_snapshot_row *row);
	bool compare; /* shown of both runs, and their ratio */
} page_values[] = {
	{ "exits/s", summary_exit_rate, true }, { "waited/s", summary_wait_rate, false },
	{ "avg us", summary_avg, true },        { "p50 us", summary_p50, false },
	{ "p99 us", summary_p99, true },        { "max us", summary_max, false },
	{ "CPU %", summary_cpu, false },
};

static void place_cells(FILE *out, const struct watch_snapshot_row *row)
{
	char text[SUMMARY_TEXT];

	watch_page_cell(out, summary_address(text, row));
	watch_page_cell(out, summary_access(text, row));
	watch_page_cell(out, summary_device(text, row));
}

static void page_table_of_one(FILE *out, const struct watch_series *series,
			      const struct summary_row *rows, size_t n)
{
	struct watch_page_column columns[4 + COUNT_OF(page_values)] = {
		{ "address", false }, { "access", false }, { "what", false }, { "share %", true }
	};

	for (size_t i = 0; i < COUNT_OF(page_values); i++)
		columns[4 + i] = (struct watch_page_column){ page_values[i].name, true };
	watch_page_table_begin(out, columns, COUNT_OF(columns));
	for (size_t i = 0; i < n; i++) {
		watch_page_row_begin(out);
		place_cells(out, rows[i].of[0]);
		watch_page_cell_share(out, summary_share(series, rows[i].of[0]));
		for (size_t j = 0; j < COUNT_OF(page_values); j++)
			watch_page_cell_number(out, page_values[j].value(series, rows[i].of[0]));
		watch_page_row_end(out);
	}
	watch_page_table_end(out);
}

static void page_table_of_two(FILE *out, const struct watch_summary *summary,
			      const struct summary_row *rows, size_t n)
{
	static const struct watch_page_column columns[] = {
		{ "address", false },     { "access", false }, { "what", false },
		{ "exits/s, 1st", true }, { "2nd", true },     { "2nd/1st", true },
		{ "avg us, 1st", true },  { "2nd", true },     { "2nd/1st", true },
		{ "p99 us, 1st", true },  { "2nd", true },     { "2nd/1st", true },
	};

	watch_page_table_begin(out, columns, COUNT_OF(columns));
	for (size_t i = 0; i < n; i++) {
		watch_page_row_begin(out);
		place_cells(out, summary_place(&rows[i]));
		for (size_t j = 0; j < COUNT_OF(page_values); j++) {
			double both[WATCH_SUMMARY_RUNS];

			if (!page_values[j].compare)
				continue;
			for (size_t run = 0; run < WATCH_SUMMARY_RUNS; run++) {
				const struct watch_snapshot_row *row = rows[i].of[run];

				both[run] =
					row ? page_values[j].value(summary->runs[run].series, row)
					    : -1;
				watch_page_cell_number(out, both[run]);
			}
			watch_page_cell_number(out, summary_ratio(both[0], both[1]));
		}
		watch_page_row_end(out);
	}
	watch_page_table_end(out);
}

/* What there is one list of, for each run */

static void plot_stats(FILE *out, const char *title, const struct watch_snapshot_stats *stats,
		       unsigned colour)
{
	struct watch_page_bar bars[24];
	size_t n = 0;

	for (size_t i = 0; i < stats->n && n < COUNT_OF(bars); i++) {
		if (stats->at[i].value)
			bars[n++] = (struct watch_page_bar){ .name = stats->at[i].name,
							     .value = (double)stats->at[i].value,
							     .colour = colour };
	}
	if (n)
		watch_page_bars(out, title, "", bars, n);
}

static void plot_batches(FILE *out, const char *title, const struct watch_snapshot_ring *ring,
			 unsigned colour)
{
	struct watch_page_bar bars[16];
	char names[16][48];
	size_t n = ring->batches_n < COUNT_OF(bars) ? ring->batches_n : COUNT_OF(bars);

	for (size_t i = 0; i < n; i++) {
		uint64_t first = ring->batches[i].first;

		if (first > 1)
			snprintf(names[i], sizeof(names[i]), "%" PRIu64 " to %" PRIu64 " writes",
				 first, 2 * first - 1);
		else
			snprintf(names[i], sizeof(names[i]), "%" PRIu64 " write", first);
		bars[i] = (struct watch_page_bar){ .name = names[i],
						   .value = (double)ring->batches[i].count,
						   .colour = colour };
	}
	if (n)
		watch_page_bars(out, title, "drains", bars, n);
}

static void page_zones(FILE *out, const struct watch_snapshot *total)
{
	static const struct watch_page_column columns[] = {
		{ "range", false }, { "made by", false },         { "chip", false },
		{ "state", false }, { "why it may wait", false }, { "why it does not", false }
	};

	watch_page_table_begin(out, columns, COUNT_OF(columns));
	for (size_t i = 0; i < total->zones_n; i++) {
		const struct watch_snapshot_zone *zone = &total->zones[i];
		const char *by = watch_snapshot_zone_by(zone);
		char range[64];

		snprintf(range, sizeof(range), "0x%" PRIx64 "-0x%" PRIx64, zone->first, zone->last);
		watch_page_row_begin(out);
		watch_page_cell(out, range);
		watch_page_cell(out, by[0] ? by : "the machine");
		watch_page_cell(out, zone->region);
		watch_page_cell(out, zone->state);
		watch_page_cell(out, zone->why);
		watch_page_cell(out, zone->trap);
		watch_page_row_end(out);
	}
	watch_page_table_end(out);
}

static void page_lists(FILE *out, const struct watch_summary *summary)
{
	watch_page_heading(out, 2, "Reasons, ring and zones");
	for (size_t run = 0; run < summary->runs_n; run++) {
		const struct watch_snapshot *total = total_of(summary, run);
		unsigned colour = (unsigned)run;

		if (summary->runs_n > 1)
			watch_page_heading(out, 3, summary->runs[run].name);
		plot_stats(out, "Returns of KVM_RUN by reason", &total->reasons, colour);
		plot_batches(out, "Writes in the ring when it was drained", &total->ring, colour);
		if (total->ring.known)
			watch_page_paragraph(out,
					     "The ring has room for %" PRIu64 " writes. %" PRIu64
					     " found none and left the kernel; %" PRIu64
					     " drains were caused by a deadline alone.",
					     total->ring.entries, total->ring.full,
					     total->ring.deadline);
		if (total->zones_n)
			page_zones(out, total);
		plot_stats(out, "The kernel's own statistics of the machine", &total->kvm_vm,
			   colour);
		if (total->kvm_vcpus_n)
			plot_stats(out, "The kernel's own statistics of vCPU 0",
				   &total->kvm_vcpus[0], colour);
	}
}

/* Those that left the kernel at all, in front. How many these are. */
static size_t keep_exits(struct summary_row *rows, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if ((rows[i].of[0] && rows[i].of[0]->exits) ||
		    (rows[i].of[1] && rows[i].of[1]->exits))
			rows[kept++] = rows[i];
	}
	return kept;
}

static int page_body(FILE *out, const struct watch_summary *summary, struct summary_row *rows,
		     size_t n)
{
	int ret;

	page_head(out, summary);
	watch_page_heading(out, 2, "Ports and pages");
	if (summary->runs_n == 1)
		page_table_of_one(out, summary->runs[0].series, rows, n);
	else
		page_table_of_two(out, summary, rows, n);
	n = keep_exits(rows, n);
	ret = summary_page_time(out, summary, rows, n);
	if (!ret)
		ret = summary_page_times(out, summary, rows, n);
	if (!ret)
		page_lists(out, summary);
	return ret;
}

int watch_summary_page(FILE *out, const struct watch_summary *summary)
{
	const struct watch_snapshot *first = total_of(summary, 0);
	char title[SUMMARY_TEXT];
	struct summary_row *rows;
	ssize_t n = summary_rows(summary, &rows);
	int ret;

	if (n < 0)
		return (int)n;
	if (summary->runs_n > 1)
		snprintf(title, sizeof(title), "Exits of two runs");
	else
		snprintf(title, sizeof(title), "Exits of %.60s",
			 *first->name ? first->name : summary->runs[0].name);
	watch_page_begin(out, title);
	ret = page_body(out, summary, rows, (size_t)n);
	watch_page_end(out);
	free(rows);
	errno = 0;
	if (!ret && (ferror(out) || fflush(out)))
		ret = errno ? -errno : -EIO;
	return ret;
}
