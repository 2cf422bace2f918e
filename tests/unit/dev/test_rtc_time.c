// SPDX-License-Identifier: MIT
/* The calendar against the C library's and against counting; alarms against trying every second. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "dev/rtc_time.h"

#define DAY INT64_C(86400)

static int64_t at(int year, int month, int day, int hour, int minute, int second)
{
	struct rtc_date date = { year, month, day, hour, minute, second };

	assert_true(rtc_date_valid(&date));
	return rtc_date_seconds(&date);
}

static void each_day_follows_the_one_before(void **state)
{
	struct rtc_date date = { .year = 0, .month = 1, .day = 1 };
	int64_t first = rtc_date_seconds(&date);
	int weekday = 7; /* 2000-01-01 was a Saturday, and 400 years are whole weeks */

	assert_int_equal(first, -719528 * DAY);
	for (int64_t day = 0; day < 25 * INT64_C(146097); day++) {
		struct rtc_date got;

		rtc_date_from_seconds(first + day * DAY + day % DAY, &got);
		if (got.year != date.year || got.month != date.month || got.day != date.day ||
		    got.hour * 3600 + got.minute * 60 + got.second != day % DAY ||
		    rtc_date_seconds(&got) != first + day * DAY + day % DAY ||
		    rtc_weekday(first + day * DAY) != weekday)
			fail_msg("day %lld is shown as %d-%d-%d", (long long)day, got.year,
				 got.month, got.day);
		weekday = weekday % 7 + 1;
		if (++date.day > rtc_month_days(date.year, date.month)) {
			date.day = 1;
			if (++date.month > 12) {
				date.month = 1;
				date.year++;
			}
		}
	}
	assert_int_equal(date.year, 10000);
}

static void years_wrap_at_ten_thousand(void **state)
{
	struct rtc_date date;

	rtc_date_from_seconds(at(9999, 12, 31, 23, 59, 59) + 1, &date);
	assert_int_equal(date.year, 0);
	assert_int_equal(date.month * 100 + date.day, 101);
	rtc_date_from_seconds(at(0, 1, 1, 0, 0, 0) - 1, &date);
	assert_int_equal(date.year, 9999);
	assert_int_equal(date.month * 100 + date.day, 1231);
	assert_int_equal(date.second, 59);
}

static void dates_agree_with_the_c_library(void **state)
{
	for (int64_t t = -40 * 365 * DAY; t < 300 * 365 * DAY; t += 99991) {
		time_t host = (time_t)t;
		struct rtc_date date;
		struct tm tm;

		gmtime_r(&host, &tm);
		rtc_date_from_seconds(t, &date);
		assert_int_equal(date.year, tm.tm_year + 1900);
		assert_int_equal(date.month, tm.tm_mon + 1);
		assert_int_equal(date.day, tm.tm_mday);
		assert_int_equal(date.hour, tm.tm_hour);
		assert_int_equal(date.minute, tm.tm_min);
		assert_int_equal(date.second, tm.tm_sec);
		assert_int_equal(rtc_weekday(t), tm.tm_wday + 1);
	}
}

static void leap_years_are_gregorian(void **state)
{
	assert_int_equal(rtc_month_days(1900, 2), 28);
	assert_int_equal(rtc_month_days(2000, 2), 29);
	assert_int_equal(rtc_month_days(2004, 2), 29);
	assert_int_equal(rtc_month_days(2023, 2), 28);
	assert_int_equal(rtc_month_days(2100, 2), 28);
	assert_int_equal(rtc_month_days(2100, 12), 31);
}

static void each_part_of_a_date_has_its_range(void **state)
{
	static const struct rtc_date bad[] = {
		{ -1, 1, 1, 0, 0, 0 },    { 10000, 1, 1, 0, 0, 0 }, { 2000, 0, 1, 0, 0, 0 },
		{ 2000, 13, 1, 0, 0, 0 }, { 2000, 1, 0, 0, 0, 0 },  { 2000, 4, 31, 0, 0, 0 },
		{ 2001, 2, 29, 0, 0, 0 }, { 2000, 1, 1, 24, 0, 0 }, { 2000, 1, 1, -1, 0, 0 },
		{ 2000, 1, 1, 0, 60, 0 }, { 2000, 1, 1, 0, -1, 0 }, { 2000, 1, 1, 0, 0, 60 },
		{ 2000, 1, 1, 0, 0, -1 },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(rtc_date_valid(&bad[i]));
}

static void bytes_in_all_formats(void **state)
{
	static const uint8_t formats[] = { 0, RTC_B_24H, RTC_B_BINARY, RTC_B_24H | RTC_B_BINARY };

	assert_int_equal(rtc_encode(0, 59), 0x59);
	assert_int_equal(rtc_encode(RTC_B_BINARY, 59), 59);
	assert_int_equal(rtc_decode(0, 0x5a), -1);
	assert_int_equal(rtc_decode(0, 0xa0), -1);
	/* Midnight, one, noon, eleven in the evening. */
	assert_int_equal(rtc_encode_hour(0, 0), 0x12);
	assert_int_equal(rtc_encode_hour(0, 1), 0x01);
	assert_int_equal(rtc_encode_hour(0, 12), 0x92);
	assert_int_equal(rtc_encode_hour(0, 23), 0x91);
	assert_int_equal(rtc_encode_hour(RTC_B_BINARY, 0), 12);
	assert_int_equal(rtc_encode_hour(RTC_B_BINARY, 12), 0x8c);
	assert_int_equal(rtc_encode_hour(RTC_B_BINARY, 23), 0x8b);
	for (size_t f = 0; f < sizeof(formats); f++) {
		uint8_t b = formats[f];
		int hours = 0;

		for (int value = 0; value < 100; value++)
			assert_int_equal(rtc_decode(b, rtc_encode(b, value)), value);
		for (int hour = 0; hour < 24; hour++)
			assert_int_equal(rtc_decode_hour(b, rtc_encode_hour(b, hour)), hour);
		/* No byte but these 24 is an hour. */
		for (int byte = 0; byte < 256; byte++) {
			int hour = rtc_decode_hour(b, (uint8_t)byte);

			hours += hour >= 0;
			if (hour >= 0)
				assert_int_equal(rtc_encode_hour(b, hour), byte);
		}
		assert_int_equal(hours, 24);
	}
}

static bool field_matches(int want, int value)
{
	return want == RTC_ALARM_ANY || want == value;
}

static bool matches(const struct rtc_alarm *alarm, int64_t seconds)
{
	struct rtc_date date;

	rtc_date_from_seconds(seconds, &date);
	return field_matches(alarm->second, date.second) &&
	       field_matches(alarm->minute, date.minute) && field_matches(alarm->hour, date.hour) &&
	       field_matches(alarm->day, date.day) && field_matches(alarm->month, date.month);
}

/* Every don't-care pattern of a day, each alarm searched for by trying second after second. */
static void alarms_are_where_counting_finds_them(void **state)
{
	const int64_t start = at(2024, 2, 28, 22, 58, 57);

	srand(1);
	for (int i = 0; i < 600; i++) {
		int any = i % 8;
		struct rtc_alarm alarm = {
			.second = any & 1 ? RTC_ALARM_ANY : rand() % 60,
			.minute = any & 2 ? RTC_ALARM_ANY : rand() % 60,
			.hour = any & 4 ? RTC_ALARM_ANY : rand() % 24,
			.day = RTC_ALARM_ANY,
			.month = RTC_ALARM_ANY,
		};
		int64_t after = start + rand() % 100000, expect = after + 1;

		while (!matches(&alarm, expect))
			expect++;
		assert_int_equal(rtc_alarm_next(&alarm, after), expect);
	}
}

static void day_and_month_alarms_are_where_counting_finds_them(void **state)
{
	srand(2);
	for (int i = 0; i < 600; i++) {
		struct rtc_alarm alarm = {
			.second = 30,
			.minute = 20,
			.hour = 10,
			.day = i & 1 ? RTC_ALARM_ANY : 1 + rand() % 31,
			.month = i & 2 ? RTC_ALARM_ANY : 1 + rand() % 12,
		};
		int64_t after = at(1995, 1, 1, 0, 0, 0) + rand() % (15 * 365 * DAY);
		int64_t expect = after / DAY * DAY + 10 * 3600 + 20 * 60 + 30, days = 0;

		while ((expect <= after || !matches(&alarm, expect)) && days++ < 9 * 366)
			expect += DAY;
		if (days > 9 * 366)
			expect = RTC_ALARM_NEVER;
		assert_int_equal(rtc_alarm_next(&alarm, after), expect);
	}
}

static void leap_day_alarm_waits_eight_years_over_2100(void **state)
{
	struct rtc_alarm alarm = { 0, 0, 0, 29, 2 };

	assert_int_equal(rtc_alarm_next(&alarm, at(2096, 2, 29, 0, 0, 0)),
			 at(2104, 2, 29, 0, 0, 0));
	assert_int_equal(rtc_alarm_next(&alarm, at(2096, 3, 1, 0, 0, 0)), at(2104, 2, 29, 0, 0, 0));
	assert_int_equal(rtc_alarm_next(&alarm, at(2096, 2, 28, 23, 59, 59)),
			 at(2096, 2, 29, 0, 0, 0));
	alarm = (struct rtc_alarm){ 0, 0, 0, 1, 1 };
	assert_int_equal(rtc_alarm_next(&alarm, at(9999, 6, 1, 0, 0, 0)),
			 at(9999, 12, 31, 0, 0, 0) + DAY);
}

static void impossible_alarms_never_come(void **state)
{
	static const struct rtc_alarm never[] = {
		{ 60, -1, -1, -1, -1 }, { -1, 60, -1, -1, -1 }, { -1, -1, 24, -1, -1 },
		{ -1, -1, -1, 32, -1 }, { -1, -1, -1, -1, 13 }, { -1, -1, -1, 30, 2 },
		{ 99, 99, 99, 99, 99 }, { 0, 0, 0, 31, 4 },
	};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		assert_int_equal(rtc_alarm_next(&never[i], at(2024, 1, 1, 0, 0, 0)),
				 RTC_ALARM_NEVER);
}

static void bases_that_users_write(void **state)
{
	struct rtc_base base;
	const char *why = NULL;

	assert_int_equal(rtc_base_parse("utc", &base, &why), 0);
	assert_int_equal(base.kind, RTC_BASE_UTC);
	assert_int_equal(rtc_base_start(&base, 12345), 12345);
	assert_int_equal(rtc_base_parse("localtime", &base, &why), 0);
	assert_int_equal(base.kind, RTC_BASE_LOCALTIME);
	assert_int_equal(rtc_base_parse("2006-06-17T16:01:21", &base, &why), 0);
	assert_int_equal(base.kind, RTC_BASE_DATE);
	assert_int_equal(base.seconds, at(2006, 6, 17, 16, 1, 21));
	assert_int_equal(rtc_base_start(&base, 12345), at(2006, 6, 17, 16, 1, 21));
	assert_int_equal(rtc_base_parse("2006-06-17", &base, &why), 0);
	assert_int_equal(base.seconds, at(2006, 6, 17, 0, 0, 0));
	assert_null(why);
}

static void bad_bases_are_refused(void **state)
{
	static const char *const malformed[] = {
		"",
		"UTC",
		"utc ",
		"local",
		"2006",
		"2006-06",
		"2006-6-17",
		"06-06-17",
		"2006-06-17T",
		"2006-06-17T16",
		"2006-06-17T16:01",
		"2006-06-17T16:01:2",
		"2006-06-17T16:01:21Z",
		"2006-06-17 16:01:21",
		"2006-06-17-",
		"2006/06/17",
		"+006-06-17",
		"2006-06-1x",
		"2006-06-17T16-01-21",
	};
	static const char *const impossible[] = {
		"2006-02-29",          "2006-13-01",          "2006-00-01",          "2006-01-00",
		"2006-06-17T24:00:00", "2006-06-17T00:60:00", "2006-06-17T00:00:60",
	};
	struct rtc_base base;
	const char *why;

	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		assert_int_equal(rtc_base_parse(malformed[i], &base, &why), -EINVAL);
		assert_non_null(strstr(why, "expected utc"));
	}
	for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
		assert_int_equal(rtc_base_parse(impossible[i], &base, &why), -EINVAL);
		assert_non_null(strstr(why, "no such date"));
	}
}

static void localtime_follows_the_zone(void **state)
{
	struct rtc_base base = { .kind = RTC_BASE_LOCALTIME };

	setenv("TZ", "XXX-5:30", 1);
	tzset();
	assert_int_equal(rtc_base_start(&base, 1000000), 1000000 + 19800);
	setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1);
	tzset();
	assert_int_equal(rtc_base_start(&base, at(2024, 7, 1, 12, 0, 0)), at(2024, 7, 1, 8, 0, 0));
	assert_int_equal(rtc_base_start(&base, at(2024, 1, 1, 12, 0, 0)), at(2024, 1, 1, 7, 0, 0));
	unsetenv("TZ");
	tzset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_day_follows_the_one_before),
		cmocka_unit_test(years_wrap_at_ten_thousand),
		cmocka_unit_test(dates_agree_with_the_c_library),
		cmocka_unit_test(leap_years_are_gregorian),
		cmocka_unit_test(each_part_of_a_date_has_its_range),
		cmocka_unit_test(bytes_in_all_formats),
		cmocka_unit_test(alarms_are_where_counting_finds_them),
		cmocka_unit_test(day_and_month_alarms_are_where_counting_finds_them),
		cmocka_unit_test(leap_day_alarm_waits_eight_years_over_2100),
		cmocka_unit_test(impossible_alarms_never_come),
		cmocka_unit_test(bases_that_users_write),
		cmocka_unit_test(bad_bases_are_refused),
		cmocka_unit_test(localtime_follows_the_zone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
