// SPDX-License-Identifier: MIT
/* The face of the clock: what its time bytes show, and how the guest sets them. */
#include <assert.h>

#include "dev/rtc_core.h"

static const uint8_t time_bytes[] = {
	RTC_SECOND, RTC_MINUTE, RTC_HOUR, RTC_WEEKDAY, RTC_DAY, RTC_MONTH, RTC_YEAR, RTC_CENTURY,
};

/* The day of the week is a counter of its own, which the guest sets as it likes. */
static int shown_weekday(const struct rtc_state *s, int64_t seconds)
{
	int64_t days = rtc_floor_div(seconds, RTC_SECONDS_A_DAY) -
		       rtc_floor_div(s->base_seconds, RTC_SECONDS_A_DAY);
	int64_t weekday;

	if (!days)
		return s->weekday;
	weekday = (s->weekday - 1 + days) % 7;
	return (int)(weekday < 0 ? weekday + 7 : weekday) + 1;
}

uint8_t rtc_face_byte(const struct rtc_state *s, unsigned index, int64_t now)
{
	int64_t seconds = rtc_core_seconds(s, now);
	uint8_t b = s->ram[0][RTC_B];
	struct rtc_date date;

	if (index == RTC_WEEKDAY)
		return rtc_encode(b, shown_weekday(s, seconds));
	rtc_date_from_seconds(seconds, &date);
	switch (index) {
	case RTC_SECOND:
		return rtc_encode(b, date.second);
	case RTC_MINUTE:
		return rtc_encode(b, date.minute);
	case RTC_HOUR:
		return rtc_encode_hour(b, date.hour);
	case RTC_DAY:
		return rtc_encode(b, date.day);
	case RTC_MONTH:
		return rtc_encode(b, date.month);
	case RTC_YEAR:
		return rtc_encode(b, date.year % 100);
	default:
		assert(index == RTC_CENTURY);
		return rtc_encode(b, date.year / 100);
	}
}

void rtc_face_latch(struct rtc_state *s, int64_t now)
{
	for (unsigned i = 0; i < sizeof(time_bytes); i++)
		s->ram[0][time_bytes[i]] = rtc_face_byte(s, time_bytes[i], now);
}

bool rtc_face_decode(const struct rtc_state *s, struct rtc_date *date)
{
	uint8_t b = s->ram[0][RTC_B];
	int year = rtc_decode(b, s->ram[0][RTC_YEAR]);
	int century = rtc_decode(b, s->ram[0][RTC_CENTURY]);

	*date = (struct rtc_date){
		.year = year < 0 || year > 99 || century < 0 ? -1 : century * 100 + year,
		.month = rtc_decode(b, s->ram[0][RTC_MONTH]),
		.day = rtc_decode(b, s->ram[0][RTC_DAY]),
		.hour = rtc_decode_hour(b, s->ram[0][RTC_HOUR]),
		.minute = rtc_decode(b, s->ram[0][RTC_MINUTE]),
		.second = rtc_decode(b, s->ram[0][RTC_SECOND]),
	};
	return rtc_date_valid(date);
}

/* How far the guest's time is ahead of what it would be had it not set it, to the nearest second. */
static int64_t offset_now(const struct rtc_state *s)
{
	int64_t ns = s->ref_at - rtc_core_update_time(s, s->base_update);

	return s->base_seconds - s->ref_seconds + rtc_floor_div(ns + NS_PER_SEC / 2, NS_PER_SEC);
}

static void tell_time_set(struct rtc *rtc, int64_t now)
{
	rtc->report_waits = false;
	rtc->report_next = now + NS_PER_SEC;
	rtc->options.time_set(rtc->options.arg, rtc->state.offset);
}

/* What the guest writes is told at most once a second, the latest always. */
static void time_was_set(struct rtc *rtc, int64_t now)
{
	if (!rtc->options.time_set)
		return;
	/* A clock that was set back since makes nobody wait longer. */
	if (now >= rtc->report_next || rtc->report_next - now > NS_PER_SEC) {
		tell_time_set(rtc, now);
	} else if (!rtc->report_waits) {
		rtc->report_waits = true;
		timer_arm(&rtc->report, rtc->report_next);
	}
}

void rtc_face_report(void *chip)
{
	struct rtc *rtc = chip;

	lock_take(&rtc->lock);
	if (rtc->report_waits)
		tell_time_set(rtc, rtc_core_now(rtc));
	lock_drop(&rtc->lock);
}

void rtc_face_start(struct rtc *rtc, int64_t now)
{
	struct rtc_state *s = &rtc->state;
	struct rtc_date date;
	int64_t offset;
	int weekday;

	rtc->alarm_known = false;
	s->broken = !rtc_face_decode(s, &date);
	if (s->broken) {
		rtc->stats.invalid_dates++;
		return;
	}
	s->base_seconds = rtc_date_seconds(&date);
	s->base_update = rtc_core_update_number(s, now);
	weekday = rtc_decode(s->ram[0][RTC_B], s->ram[0][RTC_WEEKDAY]);
	s->weekday = (uint8_t)(weekday < 0 ? s->ram[0][RTC_WEEKDAY] & 7 : weekday);
	offset = offset_now(s);
	if (offset != s->offset) {
		s->offset = offset;
		time_was_set(rtc, now);
	}
}
