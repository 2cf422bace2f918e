// SPDX-License-Identifier: MIT
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "watch/summary_impl.h"

double summary_rate(const struct watch_series *series, uint64_t count)
{
	return series->total.seconds > 0 ? (double)count / series->total.seconds : 0;
}

double summary_exit_rate(const struct watch_series *series, const struct watch_snapshot_row *row)
{
	return summary_rate(series, row->exits);
}

double summary_wait_rate(const struct watch_series *series, const struct watch_snapshot_row *row)
{
	uint64_t waited = row->coalesced + row->in_kernel;

	return waited ? summary_rate(series, waited) : -1;
}

static double time_of(const struct watch_snapshot_row *row, double us)
{
	return row->times.samples ? us : -1;
}

double summary_avg(const struct watch_series *series, const struct watch_snapshot_row *row)
{
	return time_of(row, row->times.avg_us);
}

double summary_p50(const struct watch_series *series, const struct watch_snapshot_row *row)
{
	return time_of(row, row->times.p50_us);
}

double summary_p99(const struct watch_series *series, const struct watch_snapshot_row *row)
{
	return time_of(row, row->times.p99_us);
}

double summary_max(const struct watch_series *series, const struct watch_snapshot_row *row)
{
	return time_of(row, row->times.max_us);
}

double summary_cpu(const struct watch_series *series, const struct watch_snapshot_row *row)
{
	if (!row->times.samples || series->total.seconds <= 0)
		return -1;
	return row->times.sum_us / 1e4 / series->total.seconds;
}

double summary_share(const struct watch_series *series, const struct watch_snapshot_row *row)
{
	return series->total.exits ? 100 * (double)row->exits / (double)series->total.exits : 0;
}

double summary_ratio(double first, double second)
{
	return first > 0 && second >= 0 ? second / first : -1;
}

const struct watch_snapshot_row *summary_place(const struct summary_row *row)
{
	return row->of[0] ? row->of[0] : row->of[1];
}

const char *summary_address(char text[SUMMARY_TEXT], const struct watch_snapshot_row *row)
{
	int n = snprintf(text, SUMMARY_TEXT, "0x%" PRIx64, row->addr);

	if (row->size > 1 && row->space != WATCH_SPACE_PORT)
		snprintf(text + n, SUMMARY_TEXT - (size_t)n, "+%" PRIu64, row->size);
	return text;
}

const char *summary_access(char text[SUMMARY_TEXT], const struct watch_snapshot_row *row)
{
	if (row->width)
		snprintf(text, SUMMARY_TEXT, "%s %" PRIu32, row->write ? "write" : "read",
			 row->width);
	else
		snprintf(text, SUMMARY_TEXT, "%s", row->write ? "write" : "read");
	return text;
}

const char *summary_device(char text[SUMMARY_TEXT], const struct watch_snapshot_row *row)
{
	snprintf(text, SUMMARY_TEXT, "%.40s%s%.40s", row->device,
		 *row->device && *row->reg ? " " : "", row->reg);
	return text;
}

const char *summary_label(char text[SUMMARY_TEXT], const struct watch_snapshot_row *row)
{
	char address[SUMMARY_TEXT], device[SUMMARY_TEXT], access[SUMMARY_TEXT];

	summary_address(address, row);
	summary_device(device, row);
	summary_access(access, row);
	snprintf(text, SUMMARY_TEXT, "%.24s %.10s%s%.50s", address, access, *device ? " " : "",
		 device);
	return text;
}

const char *summary_time(char text[SUMMARY_TEXT], double at)
{
	time_t seconds = at > 0 && at < 253402300800.0 /* the year 10000 */ ? (time_t)at : 0;
	struct tm parts;

	text[0] = '\0';
	if (seconds && gmtime_r(&seconds, &parts))
		strftime(text, SUMMARY_TEXT, "%Y-%m-%d %H:%M:%S UTC", &parts);
	return text;
}

/* The rows of a run in the order that is asked for. NULL without memory. */
static const struct watch_snapshot_row **sorted(const struct watch_summary *summary, size_t run)
{
	const struct watch_snapshot *total = &summary->runs[run].series->total;
	const struct watch_snapshot_row **rows =
		calloc(total->rows_n + 1, sizeof(const struct watch_snapshot_row *));

	for (size_t i = 0; rows && i < total->rows_n; i++)
		rows[i] = &total->rows[i];
	if (rows)
		watch_snapshot_sort(rows, total->rows_n, summary->sort, summary->reverse);
	return rows;
}

static bool is_there(const struct summary_row *rows, size_t n, size_t run,
		     const struct watch_snapshot_row *row)
{
	for (size_t i = 0; i < n; i++) {
		if (rows[i].of[run] == row)
			return true;
	}
	return false;
}

ssize_t summary_rows(const struct watch_summary *summary, struct summary_row **out)
{
	struct summary_row *rows = calloc(summary->runs_n * summary->top + 1, sizeof(*rows));
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	for (size_t run = 0; run < summary->runs_n; run++) {
		const struct watch_snapshot *total = &summary->runs[run].series->total;
		const struct watch_snapshot_row **order = sorted(summary, run);

		if (!order) {
			free(rows);
			return -ENOMEM;
		}
		for (size_t i = 0; i < total->rows_n && i < summary->top; i++) {
			if (is_there(rows, n, run, order[i]))
				continue;
			for (size_t other = 0; other < summary->runs_n; other++)
				rows[n].of[other] = watch_snapshot_find(
					&summary->runs[other].series->total, order[i]);
			n++;
		}
		free(order);
	}
	*out = rows;
	return (ssize_t)n;
}
