// SPDX-License-Identifier: MIT
/* Recordings reduced to series, of any length and from anybody. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "watch/series.h"
#include "watch/summary.h"

/* n records a second apart, made by put(); what is behind them is tail. */
static int read_made(struct watch_series *series, unsigned n, void (*put)(FILE *out, unsigned i),
		     const char *tail, bool *cut, struct error *err)
{
	struct watch_recording recording;
	FILE *file = tmpfile();
	int ret;

	assert_non_null(file);
	for (unsigned i = 0; i < n; i++)
		put(file, i);
	fputs(tail, file);
	rewind(file);
	assert_int_equal(watch_recording_take(&recording, file, err), 0);
	ret = watch_series_read(series, &recording, cut, err);
	watch_recording_close(&recording);
	return ret;
}

static struct watch_series read_good(unsigned n, void (*put)(FILE *out, unsigned i))
{
	struct watch_series series;
	struct error err;
	bool cut;

	if (read_made(&series, n, put, "", &cut, &err))
		fail_msg("%s", err.text);
	assert_false(cut);
	return series;
}

/* 100 reads a second of 0x71, and 10 i of 0x72 in the second i. */
static void put_growing(FILE *out, unsigned i)
{
	unsigned other = 10 * i * (i + 1) / 2;

	fprintf(out,
		"{\"record\":1,\"source\":\"machine\",\"at\":%u,\"seconds\":%u,\"name\":\"m\",\"pid\":5,"
		"\"exits\":%u,\"coalesced\":%u,\"rows\":["
		"{\"space\":\"port\",\"addr\":113,\"width\":1,\"direction\":\"read\",\"exits\":%u},"
		"{\"space\":\"port\",\"addr\":114,\"width\":1,\"direction\":\"read\",\"exits\":%u}]}\n",
		1000 + i, 50 + i, 100 * i + other, 7 * i, 100 * i, other);
}

static const struct watch_snapshot_row *row_at(const struct watch_series *series, uint64_t addr)
{
	for (size_t i = 0; i < series->total.rows_n; i++) {
		if (series->total.rows[i].addr == addr)
			return &series->total.rows[i];
	}
	fail_msg("no row");
	return NULL;
}

static void test_rates(void **state)
{
	struct watch_series series = read_good(11, put_growing);
	double x[10], rates[10];

	assert_int_equal(series.records, 11);
	assert_true(series.total.seconds == 10);
	assert_int_equal(series.total.exits, 1000 + 550);
	assert_int_equal(watch_series_intervals(&series), 10);
	watch_series_rates(&series, row_at(&series, 114), x, rates);
	for (unsigned i = 0; i < 10; i++) {
		assert_true(x[i] == i + 0.5);
		assert_true(rates[i] == 10 * (i + 1));
	}
	watch_series_rates(&series, NULL, NULL, rates);
	assert_true(rates[9] == 200);
	watch_series_coalesced(&series, rates);
	assert_true(rates[4] == 7);
	watch_series_free(&series);
}

static void test_single(void **state)
{
	struct watch_series series = read_good(1, put_growing);

	assert_int_equal(watch_series_intervals(&series), 0);
	assert_true(series.total.seconds == 50);
	watch_series_free(&series);
}

/* More than an hour of seconds: thinned, with the first and the last in it and nothing of the sums lost. */
static void test_long(void **state)
{
	enum { N = 4001 };
	struct watch_series series = read_good(N, put_growing);
	double rates[WATCH_SERIES_POINTS], x[WATCH_SERIES_POINTS], all = 0;
	size_t n = watch_series_intervals(&series);

	assert_in_range(n, WATCH_SERIES_POINTS / 2 - 1, WATCH_SERIES_POINTS - 1);
	watch_series_rates(&series, row_at(&series, 113), x, rates);
	for (size_t i = 0; i < n; i++) {
		double seconds = series.points[i + 1].seconds - series.points[i].seconds;

		assert_true(rates[i] > 99.99 && rates[i] < 100.01);
		all += rates[i] * seconds;
	}
	assert_true(series.points[0].seconds == 0);
	assert_true(series.points[n].seconds == N - 1);
	assert_true(all > 100.0 * (N - 1) - 1 && all < 100.0 * (N - 1) + 1);
	watch_series_free(&series);
}

/* As many different ports as there are, other ones in each record. */
static void put_many(FILE *out, unsigned i)
{
	fprintf(out,
		"{\"record\":1,\"source\":\"machine\",\"seconds\":%u,\"pid\":5,\"exits\":%u,\"rows\":[",
		i, 300000 * i);
	for (unsigned j = 0; j < 3000; j++)
		fprintf(out,
			"%s{\"space\":\"port\",\"addr\":%u,\"width\":1,\"direction\":\"read\",\"exits\":%u}",
			j ? "," : "", (i * 3000 + j) % 65536, 1 + i);
	fputs("]}\n", out);
}

static void test_many_rows(void **state)
{
	struct watch_series series = read_good(30, put_many);

	assert_true(series.keys_n <= WATCH_SERIES_KEYS);
	for (size_t i = 0; i < series.points_n; i++)
		assert_true(series.points[i].rows_n <= WATCH_SERIES_ROWS);
	watch_series_free(&series);
}

static void put_restarted(FILE *out, unsigned i)
{
	put_growing(out, i < 3 ? i : i - 2);
}

static void test_bad_files(void **state)
{
	struct watch_series series;
	struct error err;
	bool cut;

	assert_int_equal(read_made(&series, 0, put_growing, "", &cut, &err), -EINVAL);
	assert_non_null(strstr(err.text, "no record"));
	assert_int_equal(read_made(&series, 0, put_growing, "{\"record\":1,", &cut, &err),
			 -ENODATA);
	assert_int_equal(read_made(&series, 2, put_growing, "{}", &cut, &err), -EINVAL);
	assert_null(series.points);
	/* Its writer was killed: what came before is good. */
	assert_int_equal(read_made(&series, 3, put_growing, "{\"record\":1,", &cut, &err), 0);
	assert_true(cut);
	assert_int_equal(series.records, 3);
	watch_series_free(&series);
	/* Two machines in one file. */
	assert_int_equal(read_made(&series, 3, put_growing,
				   "{\"record\":1,\"source\":\"machine\",\"seconds\":99,\"pid\":6}",
				   &cut, &err),
			 -EINVAL);
	assert_int_equal(read_made(&series, 5, put_restarted, "", &cut, &err), 0);
	watch_series_free(&series);
}

static char *shown(struct watch_summary *summary, bool page)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_int_equal(page ? watch_summary_page(out, summary) : watch_summary_text(out, summary),
			 0);
	fclose(out);
	return text;
}

static void has(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("no %s in\n%s", what, text);
}

static void test_text_of_one(void **state)
{
	struct watch_series series = read_good(11, put_growing);
	struct watch_summary summary = { .runs = { { "file", &series } }, .runs_n = 1, .top = 1 };
	char *text = shown(&summary, false);

	assert_string_equal(
		text,
		"file: machine m (process 5), 11 records from 1970-01-01 00:16:40 UTC on\n"
		"10.0 s: 1,550 exits, 155 a second; 70 writes waited, 4.3% saved\n\n"
		"ADDRESS            ACCESS       EXITS/s      SHARE%    WAITED/s      AVG us      P99 us"
		"      MAX us  WHAT\n"
		"0x71               read 1           100        64.5           -           -           -"
		"           -  \n");
	free(text);
	watch_series_free(&series);
}

static void test_two(void **state)
{
	struct watch_series one = read_good(11, put_growing), two = read_good(21, put_growing);
	struct watch_summary summary = { .runs = { { "a<b", &one }, { "b", &two } },
					 .runs_n = 2,
					 .top = 10 };
	char *text = shown(&summary, false), *page = shown(&summary, true);

	has(text, "0x72               read 1            55         105        1.91");
	has(page,
	    "<td>0x72</td><td>read 1</td><td></td><td class=\"n\">55</td><td class=\"n\">105</td>"
	    "<td class=\"n\">1.91</td>");
	has(page, "Ports by time: a&lt;b");
	has(page, "<li><i style=\"background:var(--c1)\"></i>b: exits</li>");
	free(text);
	free(page);
	watch_series_free(&one);
	watch_series_free(&two);
}

/* Without a course in time the page says so, and has the rest. */
static void test_page_of_single(void **state)
{
	struct watch_series series = read_good(1, put_growing);
	struct watch_summary summary = { .runs = { { "file", &series } }, .runs_n = 1, .top = 10 };
	char *page = shown(&summary, true);

	has(page, "file has one record, which tells what happened but not when");
	has(page, "How long exits take");
	assert_null(strstr(page, "Ports by time"));
	free(page);
	watch_series_free(&series);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),     cmocka_unit_test(test_single),
		cmocka_unit_test(test_long),      cmocka_unit_test(test_many_rows),
		cmocka_unit_test(test_bad_files), cmocka_unit_test(test_text_of_one),
		cmocka_unit_test(test_two),       cmocka_unit_test(test_page_of_single),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
