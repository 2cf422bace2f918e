// SPDX-License-Identifier: MIT
#include "dev/rtc_time.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* From 0000-01-01 to 1970-01-01, in 400 years, and in the 10000 years after which dates repeat. */
#define DAYS_TO_1970 719528
#define DAYS_400     146097
#define DAYS_10000   (25 * INT64_C(146097))
/* 0000-01-01 to 0000-03-01: years that begin in March have the leap day at their end. */
#define DAYS_TO_MARCH 60

static const uint8_t month_days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

int64_t rtc_floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

int rtc_month_days(int year, int month)
{
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return month_days[month - 1] + (month == 2 && leap);
}

bool rtc_date_valid(const struct rtc_date *date)
{
	return date->year >= 0 && date->year <= 9999 && date->month >= 1 && date->month <= 12 &&
	       date->day >= 1 && date->day <= rtc_month_days(date->year, date->month) &&
	       date->hour >= 0 && date->hour <= 23 && date->minute >= 0 && date->minute <= 59 &&
	       date->second >= 0 && date->second <= 59;
}

int64_t rtc_date_seconds(const struct rtc_date *date)
{
	/* One 400-year cycle ahead, so that January of year 0 is not before the first March. */
	int64_t year = date->year + 400 - (date->month <= 2);
	int month = date->month > 2 ? date->month - 3 : date->month + 9; /* 0 is March */
	int64_t days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 +
		       date->day - 1;

	days += DAYS_TO_MARCH - DAYS_400 - DAYS_TO_1970;
	return days * RTC_SECONDS_A_DAY + date->hour * 3600 + date->minute * 60 + date->second;
}

void rtc_date_from_seconds(int64_t seconds, struct rtc_date *date)
{
	int64_t all = rtc_floor_div(seconds, RTC_SECONDS_A_DAY);
	int left = (int)(seconds - all * RTC_SECONDS_A_DAY);
	int64_t days = (all + DAYS_TO_1970) % DAYS_10000;
	int cycle, in_cycle, year, in_year, month;

	if (days < 0)
		days += DAYS_10000;
	days += DAYS_400 - DAYS_TO_MARCH;
	cycle = (int)(days / DAYS_400);
	in_cycle = (int)(days % DAYS_400);
	/* Takes the leap days out: one in 4 years, not in 100, but in 400. */
	year = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
	in_year = in_cycle - (year * 365 + year / 4 - year / 100);
	/* From March, five months always have 153 days. */
	month = (5 * in_year + 2) / 153;
	date->day = in_year - (153 * month + 2) / 5 + 1;
	date->month = month < 10 ? month + 3 : month - 9;
	date->year = (cycle - 1) * 400 + year + (date->month <= 2);
	date->hour = left / 3600;
	date->minute = left / 60 % 60;
	date->second = left % 60;
}

int rtc_weekday(int64_t seconds)
{
	/* 1970-01-01 was a Thursday. */
	int64_t days = (rtc_floor_div(seconds, RTC_SECONDS_A_DAY) + 4) % 7;

	return (int)(days < 0 ? days + 7 : days) + 1;
}

uint8_t rtc_encode(uint8_t b, int value)
{
	return (uint8_t)(b & RTC_B_BINARY ? value : value / 10 << 4 | value % 10);
}

int rtc_decode(uint8_t b, uint8_t byte)
{
	if (b & RTC_B_BINARY)
		return byte;
	if ((byte & 0x0f) > 9 || byte >> 4 > 9)
		return -1;
	return (byte >> 4) * 10 + (byte & 0x0f);
}

uint8_t rtc_encode_hour(uint8_t b, int hour)
{
	if (b & RTC_B_24H)
		return rtc_encode(b, hour);
	return (uint8_t)(rtc_encode(b, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0));
}

int rtc_decode_hour(uint8_t b, uint8_t byte)
{
	int hour;

	if (b & RTC_B_24H) {
		hour = rtc_decode(b, byte);
		return hour <= 23 ? hour : -1;
	}
	hour = rtc_decode(b, byte & 0x7f);
	if (hour < 1 || hour > 12)
		return -1;
	return hour % 12 + (byte & 0x80 ? 12 : 0);
}

/* The smallest value of a field that matches, from <= value < limit, or -1. */
static int match_from(int want, int from, int limit)
{
	if (want == RTC_ALARM_ANY)
		return from < limit ? from : -1;
	return want >= from && want < limit ? want : -1;
}

/* The first matching second of a day at or after from, or -1. */
static int alarm_in_day(const struct rtc_alarm *alarm, int from)
{
	int hour = from / 3600, minute = from / 60 % 60, second;
	int first_minute = match_from(alarm->minute, 0, 60);
	int first_second = match_from(alarm->second, 0, 60);

	if (first_minute < 0 || first_second < 0)
		return -1;
	if (match_from(alarm->hour, hour, hour + 1) >= 0) {
		second = match_from(alarm->second, from % 60, 60);
		if (second >= 0 && match_from(alarm->minute, minute, minute + 1) >= 0)
			return hour * 3600 + minute * 60 + second;
		minute = match_from(alarm->minute, minute + 1, 60);
		if (minute >= 0)
			return hour * 3600 + minute * 60 + first_second;
	}
	hour = match_from(alarm->hour, hour + 1, 24);
	return hour < 0 ? -1 : hour * 3600 + first_minute * 60 + first_second;
}

/* Moves the date to the first matching day at or after it. */
static bool alarm_day(const struct rtc_alarm *alarm, struct rtc_date *date)
{
	/* The 29th of February may be away for eight years, around 1900 or 2100. */
	for (int months = 0; months <= 8 * 12; months++) {
		int last = rtc_month_days(date->year, date->month);
		int day = match_from(alarm->day, date->day, last + 1);

		if (day >= 0 && match_from(alarm->month, date->month, date->month + 1) >= 0) {
			date->day = day;
			return true;
		}
		date->day = 1;
		date->year += date->month == 12;
		date->month = date->month % 12 + 1;
	}
	return false;
}

int64_t rtc_alarm_next(const struct rtc_alarm *alarm, int64_t after)
{
	int64_t start = after + 1;
	int64_t today = rtc_floor_div(start, RTC_SECONDS_A_DAY) * RTC_SECONDS_A_DAY;
	int64_t shown;
	struct rtc_date date;
	int in_day;

	rtc_date_from_seconds(start, &date);
	date.hour = date.minute = date.second = 0;
	/* Not the same as today when the years have wrapped. */
	shown = rtc_date_seconds(&date);
	in_day = alarm_in_day(alarm, (int)(start - today));
	if (in_day >= 0 && match_from(alarm->day, date.day, date.day + 1) >= 0 &&
	    match_from(alarm->month, date.month, date.month + 1) >= 0)
		return today + in_day;
	in_day = alarm_in_day(alarm, 0);
	if (in_day < 0)
		return RTC_ALARM_NEVER;
	if (++date.day > rtc_month_days(date.year, date.month)) {
		date.day = 1;
		date.year += date.month == 12;
		date.month = date.month % 12 + 1;
	}
	if (!alarm_day(alarm, &date))
		return RTC_ALARM_NEVER;
	return today + (rtc_date_seconds(&date) - shown) + in_day;
}

/* Reads exactly n digits and what must follow them. */
static bool parse_field(const char **at, int n, const char *follow, int *value)
{
	*value = 0;
	for (int i = 0; i < n; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*value = *value * 10 + (**at - '0');
	}
	if (!**at || !strchr(follow, **at))
		return !**at && !*follow;
	(*at)++;
	return true;
}

int rtc_base_parse(const char *text, struct rtc_base *base, const char **why)
{
	struct rtc_date date = { 0 };
	const char *at = text;
	bool ok;

	*base = (struct rtc_base){ .kind = RTC_BASE_DATE };
	if (!strcmp(text, "utc") || !strcmp(text, "localtime")) {
		base->kind = text[0] == 'u' ? RTC_BASE_UTC : RTC_BASE_LOCALTIME;
		return 0;
	}
	ok = parse_field(&at, 4, "-", &date.year) && parse_field(&at, 2, "-", &date.month);
	if (ok && strchr(at, 'T'))
		ok = parse_field(&at, 2, "T", &date.day) && parse_field(&at, 2, ":", &date.hour) &&
		     parse_field(&at, 2, ":", &date.minute) &&
		     parse_field(&at, 2, "", &date.second);
	else
		ok = ok && parse_field(&at, 2, "", &date.day);
	if (!ok || !rtc_date_valid(&date)) {
		*why = ok ? "there is no such date or time"
			  : "expected utc, localtime, YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS";
		return -EINVAL;
	}
	base->seconds = rtc_date_seconds(&date);
	return 0;
}

int64_t rtc_base_start(const struct rtc_base *base, int64_t host_seconds)
{
	time_t host = (time_t)host_seconds;
	struct tm tm;

	switch (base->kind) {
	case RTC_BASE_UTC:
		break;
	case RTC_BASE_LOCALTIME:
		if (localtime_r(&host, &tm))
			return host_seconds + tm.tm_gmtoff;
		break;
	case RTC_BASE_DATE:
		return base->seconds;
	}
	return host_seconds;
}
