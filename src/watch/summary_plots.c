// SPDX-License-Identifier: MIT
/* What a page shows over time, and how long exits take. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "watch/page.h"
#include "watch/summary_impl.h"

#define LINES_MAX      (WATCH_PAGE_COLOURS - 1) /* rows in a plot over time: the last is all exits */
#define HEAT_ROWS      24
#define HISTOGRAMS_MAX 6
#define HEAT_COLUMNS   120

/* Over time */

/* Room for the rates of lines_n lines of a run, one after the other, and their x in front. NULL: none. */
static double *rates_of(const struct watch_series *series, const struct summary_row *rows,
			size_t rows_n, size_t run)
{
	size_t n = watch_series_intervals(series);
	double *values = calloc((rows_n + 2) * n + 1, sizeof(*values));

	if (!values)
		return NULL;
	watch_series_rates(series, NULL, values, values + n);
	for (size_t i = 0; i < rows_n; i++) {
		if (rows[i].of[run])
			watch_series_rates(series, rows[i].of[run], NULL, values + (2 + i) * n);
	}
	return values;
}

static int plot_one_run(FILE *out, const struct watch_series *series,
			const struct summary_row *rows, size_t rows_n)
{
	struct watch_page_line lines[LINES_MAX + 1];
	char names[LINES_MAX + 1][SUMMARY_TEXT];
	size_t n = watch_series_intervals(series), shown = rows_n < LINES_MAX ? rows_n : LINES_MAX;
	double *values = rates_of(series, rows, shown, 0);

	if (!values)
		return -ENOMEM;
	for (size_t i = 0; i < shown; i++)
		lines[i] = (struct watch_page_line){
			.name = summary_label(names[i], rows[i].of[0]),
			.x = values,
			.y = values + (2 + i) * n,
			.n = n,
			.colour = (unsigned)i,
		};
	lines[shown] = (struct watch_page_line){ .name = "all exits",
						 .x = values,
						 .y = values + n,
						 .n = n,
						 .colour = LINES_MAX,
						 .dashed = true };
	watch_page_lines(out, "Exits a second, by port and register", "seconds", "exits/s", lines,
			 shown + 1);
	free(values);
	return 0;
}

static int plot_two_runs(FILE *out, const struct watch_summary *summary)
{
	struct watch_page_line lines[2 * WATCH_SUMMARY_RUNS];
	char names[2 * WATCH_SUMMARY_RUNS][SUMMARY_TEXT];
	double *values[WATCH_SUMMARY_RUNS] = { NULL };
	size_t lines_n = 0;
	int ret = 0;

	for (size_t run = 0; run < WATCH_SUMMARY_RUNS && !ret; run++) {
		const struct watch_series *series = summary->runs[run].series;
		size_t n = watch_series_intervals(series);

		values[run] = calloc(3 * n + 1, sizeof(double));
		if (!values[run]) {
			ret = -ENOMEM;
			break;
		}
		watch_series_rates(series, NULL, values[run], values[run] + n);
		watch_series_coalesced(series, values[run] + 2 * n);
		for (size_t what = 0; what < 2; what++) {
			snprintf(names[lines_n], SUMMARY_TEXT, "%.60s: %s", summary->runs[run].name,
				 what ? "writes that waited" : "exits");
			lines[lines_n] = (struct watch_page_line){
				.name = names[lines_n],
				.x = values[run],
				.y = values[run] + (1 + what) * n,
				.n = n,
				.colour = (unsigned)run,
				.dashed = what == 1,
			};
			lines_n++;
		}
	}
	if (!ret)
		watch_page_lines(out, "Exits and writes that waited, a second", "seconds",
				 "a second", lines, lines_n);
	for (size_t run = 0; run < WATCH_SUMMARY_RUNS; run++)
		free(values[run]);
	return ret;
}

/* What a map shows: shown rows of so many columns. */
struct heat {
	double *cells; /* row by row */
	size_t shown, columns;
};

/* Intervals put together until there are few enough columns: the mean of each. 0 or -ENOMEM. */
static int heat_make(struct heat *heat, const struct watch_series *series, size_t run,
		     const struct summary_row *rows, size_t rows_n)
{
	size_t n = watch_series_intervals(series), shown = rows_n < HEAT_ROWS ? rows_n : HEAT_ROWS;
	size_t each = (n + HEAT_COLUMNS - 1) / HEAT_COLUMNS, columns = (n + each - 1) / each;
	double *values = rates_of(series, rows, shown, run);

	*heat = (struct heat){ calloc(shown * columns + 1, sizeof(double)), shown, columns };
	if (!values || !heat->cells) {
		free(values);
		return -ENOMEM;
	}
	for (size_t i = 0; i < shown; i++) {
		for (size_t j = 0; j < n; j++) {
			size_t in = j / each == columns - 1 ? n - (columns - 1) * each : each;

			heat->cells[i * columns + j / each] += values[(2 + i) * n + j] / (double)in;
		}
	}
	free(values);
	return 0;
}

static void heat_draw(FILE *out, const struct heat *heat, const struct watch_summary_run *run,
		      const struct summary_row *rows, double most)
{
	const struct watch_series *series = run->series;
	const char *names[HEAT_ROWS];
	char texts[HEAT_ROWS][SUMMARY_TEXT], title[SUMMARY_TEXT];

	for (size_t i = 0; i < heat->shown; i++)
		names[i] = summary_label(texts[i], summary_place(&rows[i]));
	snprintf(title, sizeof(title), "Ports by time: %.70s", run->name);
	watch_page_heat(out, title,
			&(struct watch_page_heat){
				.rows = names,
				.rows_n = heat->shown,
				.columns_n = heat->columns,
				.values = heat->cells,
				.most = most,
				.x_first = 0,
				.x_last = series->points[series->points_n - 1].seconds,
				.x_name = "seconds",
				.unit = "exits/s",
			});
}

/* The same colour means the same in all of them. */
static int plot_heats(FILE *out, const struct watch_summary *summary,
		      const struct summary_row *rows, size_t rows_n)
{
	struct heat heats[WATCH_SUMMARY_RUNS] = { { NULL, 0, 0 } };
	char number[WATCH_PAGE_NUMBER];
	double most = 0;
	int ret = 0;

	for (size_t run = 0; run < summary->runs_n && !ret; run++) {
		ret = heat_make(&heats[run], summary->runs[run].series, run, rows, rows_n);
		for (size_t i = 0; !ret && i < heats[run].shown * heats[run].columns; i++)
			most = heats[run].cells[i] > most ? heats[run].cells[i] : most;
	}
	if (!ret) {
		watch_page_paragraph(
			out, "Maps of ports by time: the darkest is %s exits a second%s.",
			watch_page_number(number, most), summary->runs_n > 1 ? ", in both" : "");
		for (size_t run = 0; run < summary->runs_n; run++)
			heat_draw(out, &heats[run], &summary->runs[run], rows, most);
	}
	for (size_t run = 0; run < WATCH_SUMMARY_RUNS; run++)
		free(heats[run].cells);
	return ret;
}

int summary_page_time(FILE *out, const struct watch_summary *summary,
		      const struct summary_row *rows, size_t n)
{
	int ret = 0;

	watch_page_heading(out, 2, "Over time");
	for (size_t run = 0; run < summary->runs_n; run++) {
		if (watch_series_intervals(summary->runs[run].series))
			continue;
		watch_page_paragraph(out,
				     "%s has one record, which tells what happened but not when: "
				     "a recording (coalport top --record) has plots here.",
				     summary->runs[run].name);
		return 0;
	}
	ret = summary->runs_n == 1 ? plot_one_run(out, summary->runs[0].series, rows, n)
				   : plot_two_runs(out, summary);
	return ret ? ret : plot_heats(out, summary, rows, n);
}

/* Times */

static int plot_histogram(FILE *out, const struct watch_summary *summary,
			  const struct summary_row *row)
{
	struct watch_page_steps steps[WATCH_SUMMARY_RUNS];
	double *values[WATCH_SUMMARY_RUNS] = { NULL };
	char title[SUMMARY_TEXT];
	size_t n = 0;
	int ret = 0;

	assert(summary->runs_n <= WATCH_SUMMARY_RUNS);
	for (size_t run = 0; run < summary->runs_n && !ret; run++) {
		const struct watch_snapshot_times *times =
			row->of[run] ? &row->of[run]->times : NULL;
		size_t buckets = times ? times->buckets_n : 0;
		double all = 0;

		if (!buckets)
			continue;
		values[run] = calloc(3 * buckets, sizeof(double));
		if (!values[run]) {
			ret = -ENOMEM;
			break;
		}
		for (size_t i = 0; i < buckets; i++)
			all += (double)times->buckets[i].count;
		for (size_t i = 0; i < buckets; i++) {
			double first = (double)times->buckets[i].first / 1000;
			double middle = watch_bucket_middle(times->buckets, buckets, i) / 1000;

			values[run][i] = first;
			values[run][buckets + i] = 2 * middle - first;
			values[run][2 * buckets + i] =
				all > 0 ? 100 * (double)times->buckets[i].count / all : 0;
		}
		steps[n] = (struct watch_page_steps){ .name = summary->runs[run].name,
						      .first = values[run],
						      .last = values[run] + buckets,
						      .percent = values[run] + 2 * buckets,
						      .n = buckets,
						      .colour = (unsigned)run };
		n++;
	}
	if (!ret && n)
		watch_page_steps(out, summary_label(title, summary_place(row)),
				 "us until the guest runs on", steps, n);
	for (size_t run = 0; run < WATCH_SUMMARY_RUNS; run++)
		free(values[run]);
	return ret;
}

int summary_page_times(FILE *out, const struct watch_summary *summary,
		       const struct summary_row *rows, size_t n)
{
	int ret = 0;

	watch_page_heading(out, 2, "How long exits take");
	for (size_t i = 0; i < n && i < HISTOGRAMS_MAX && !ret; i++)
		ret = plot_histogram(out, summary, &rows[i]);
	return ret;
}
