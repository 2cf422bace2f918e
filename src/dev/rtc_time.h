// SPDX-License-Identifier: MIT
/*
 * The calendar of the real-time clock: dates, the forms in which its bytes show them, the search
 * for the next alarm, and what the user may give as a base. Pure functions on the caller's memory;
 * only rtc_base_start() asks the host (for its time zone).
 *
 * Seconds count from 1970-01-01 00:00:00 in the guest's own time zone, without leap seconds. The
 * two year bytes of the chip show the years 0 to 9999 of the Gregorian calendar, which repeat.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RTC_SECONDS_A_DAY 86400

struct rtc_date {
	int year; /* 0 to 9999 */
	int month; /* 1 to 12 */
	int day; /* 1 to 31 */
	int hour, minute, second;
};

/* Days of a month, 1 to 12. */
int rtc_month_days(int year, int month);
bool rtc_date_valid(const struct rtc_date *date);
/* The date must be valid, but for the year, which may be anything from 0 to a million. */
int64_t rtc_date_seconds(const struct rtc_date *date);
/* Any seconds; the year wraps at 10000. */
void rtc_date_from_seconds(int64_t seconds, struct rtc_date *date);
/* Rounds down, as the calendar wants it before 1970. */
int64_t rtc_floor_div(int64_t a, int64_t b);
/* 1 is Sunday, 7 is Saturday. */
int rtc_weekday(int64_t seconds);

/* Register B's format bits (DS12885, "Control Register B"). */
#define RTC_B_24H    0x02
#define RTC_B_BINARY 0x04

/*
 * One byte of the clock in the format that register B says. Encoding wants 0 to 99; decoding gives
 * -1 for a byte that is no number in this format.
 */
uint8_t rtc_encode(uint8_t b, int value);
int rtc_decode(uint8_t b, uint8_t byte);
/* Hours 0 to 23; in the 12-hour form midnight is 12, noon 12 with bit 7 (DS12885, tables 2A and 2B). */
uint8_t rtc_encode_hour(uint8_t b, int hour);
int rtc_decode_hour(uint8_t b, uint8_t byte);

/* What the alarm bytes ask for. A field that can never match makes an alarm that never comes. */
#define RTC_ALARM_ANY   (-1)
#define RTC_ALARM_NEVER INT64_MAX

struct rtc_alarm {
	int second, minute, hour, day, month;
};

/* The first matching second after the given one, or RTC_ALARM_NEVER. */
int64_t rtc_alarm_next(const struct rtc_alarm *alarm, int64_t after);

/* What -rtc base= may say. */
enum rtc_base_kind { RTC_BASE_UTC, RTC_BASE_LOCALTIME, RTC_BASE_DATE };

struct rtc_base {
	enum rtc_base_kind kind;
	int64_t seconds; /* RTC_BASE_DATE */
};

/*
 * "utc", "localtime", "2006-06-17T16:01:21" or "2006-06-17". 0, or -EINVAL with *why naming what is
 * wrong, for the end of a message.
 */
int rtc_base_parse(const char *text, struct rtc_base *base, const char **why)
	__attribute__((warn_unused_result));
/* The seconds the clock shows when the host's time is host_seconds since 1970 (UTC). */
int64_t rtc_base_start(const struct rtc_base *base, int64_t host_seconds);
