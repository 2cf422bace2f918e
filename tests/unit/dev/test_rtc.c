// SPDX-License-Identifier: MIT
/* The RTC's registers, time and RAM through its ports, on a clock that moves only when told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "dev/rtc_core.h"
#include "rtc_rig.h"

#define MS          NS_PER_MS
#define SECOND      NS_PER_SEC
#define DAY         INT64_C(86400)
#define UIP_NS      INT64_C(244140)
#define HELD        0x76 /* register A: divider in reset, 1024 Hz */
#define RUNS        0x26
#define ALARM_ANY   0xc0
#define CENTURY_PS2 0x37

static int64_t at(int year, int month, int day, int hour, int minute, int second)
{
	struct rtc_date date = { year, month, day, hour, minute, second };

	return rtc_date_seconds(&date);
}

/* 2011-02-02 02:04:58, a Wednesday, a quarter into the second. */
static int set_up(void **state)
{
	static struct rtc_rig rig;
	struct rtc_options options;

	rig_init(&rig, 7 * SECOND);
	options = rig_options(&rig, at(2011, 2, 2, 2, 4, 58));
	options.start_ns = 250 * MS;
	rig_plug(&rig, &options);
	*state = &rig;
	return 0;
}

static int tear_down(void **state)
{
	rig_unplug(*state);
	return 0;
}

/* Sets time and date as Linux does: registers with the divider held, in the format of b. */
static void set_time(struct rtc_rig *rig, uint8_t b, int64_t seconds)
{
	struct rtc_date date;

	rtc_date_from_seconds(seconds, &date);
	rig_put(rig, RTC_B, b);
	rig_put(rig, RTC_A, HELD);
	rig_put(rig, RTC_SECOND, rtc_encode(b, date.second));
	rig_put(rig, RTC_MINUTE, rtc_encode(b, date.minute));
	rig_put(rig, RTC_HOUR, rtc_encode_hour(b, date.hour));
	rig_put(rig, RTC_WEEKDAY, rtc_encode(b, rtc_weekday(seconds)));
	rig_put(rig, RTC_DAY, rtc_encode(b, date.day));
	rig_put(rig, RTC_MONTH, rtc_encode(b, date.month));
	rig_put(rig, RTC_YEAR, rtc_encode(b, date.year % 100));
	rig_put(rig, RTC_CENTURY, rtc_encode(b, date.year / 100));
	rig_put(rig, RTC_A, RUNS);
}

static void assert_shows(struct rtc_rig *rig, int64_t seconds)
{
	uint8_t b = rig_get(rig, RTC_B);
	struct rtc_date date;

	rtc_date_from_seconds(seconds, &date);
	assert_int_equal(rig_get(rig, RTC_SECOND), rtc_encode(b, date.second));
	assert_int_equal(rig_get(rig, RTC_MINUTE), rtc_encode(b, date.minute));
	assert_int_equal(rig_get(rig, RTC_HOUR), rtc_encode_hour(b, date.hour));
	assert_int_equal(rig_get(rig, RTC_DAY), rtc_encode(b, date.day));
	assert_int_equal(rig_get(rig, RTC_MONTH), rtc_encode(b, date.month));
	assert_int_equal(rig_get(rig, RTC_YEAR), rtc_encode(b, date.year % 100));
	assert_int_equal(rig_get(rig, RTC_CENTURY), rtc_encode(b, date.year / 100));
}

static bool uip(struct rtc_rig *rig)
{
	return rig_get(rig, RTC_A) & RTC_A_UIP;
}

static void starts_as_firmware_leaves_it(void **state)
{
	struct rtc_rig *rig = *state;

	assert_int_equal(rig_get(rig, RTC_A), 0x26);
	assert_int_equal(rig_get(rig, RTC_B), 0x02);
	assert_int_equal(rig_get(rig, RTC_C), 0);
	assert_int_equal(rig_get(rig, RTC_D), 0x80);
	assert_shows(rig, at(2011, 2, 2, 2, 4, 58));
	assert_int_equal(rig_get(rig, RTC_WEEKDAY), 4);
	/* The second began 250 ms ago. */
	rig_step(rig, 750 * MS - 1);
	assert_int_equal(rig_get(rig, RTC_SECOND), 0x58);
	rig_step(rig, 1);
	assert_int_equal(rig_get(rig, RTC_SECOND), 0x59);
}

static void index_port_reads_ones_and_keeps_the_nmi_mask(void **state)
{
	struct rtc_rig *rig = *state;

	rig_out(rig, 0x70, 0x8b);
	assert_int_equal(rig_in(rig, 0x70), 0xff);
	assert_true(rtc_nmi_masked(&rig->rtc));
	/* Bit 7 selects nothing, and outlives data accesses and reset. */
	assert_int_equal(rig_in(rig, 0x71), 0x02);
	rig_out(rig, 0x71, 0x06);
	assert_true(rtc_nmi_masked(&rig->rtc));
	rtc_reset(&rig->rtc);
	assert_true(rtc_nmi_masked(&rig->rtc));
	rig_out(rig, 0x70, 0x0b);
	assert_false(rtc_nmi_masked(&rig->rtc));
	assert_int_equal(rig_in(rig, 0x71), 0x06);
}

static void wide_accesses_split_into_bytes(void **state)
{
	struct rtc_rig *rig = *state;

	mem_view_write(rig->view, 0x70, 0x5a50, 2);
	assert_int_equal(rig_get(rig, 0x50), 0x5a);
	assert_int_equal(mem_view_read(rig->view, 0x70, 2), 0x5aff);
	mem_view_write(rig->view, 0x72, 0xa551, 2);
	assert_int_equal(mem_view_read(rig->view, 0x72, 2), 0xa5ff);
}

static void ram_keeps_what_is_written(void **state)
{
	struct rtc_rig *rig = *state;

	for (unsigned i = 0x0e; i < 0x80; i++) {
		if (i != RTC_CENTURY && i != CENTURY_PS2)
			rig_put(rig, (uint8_t)i, (uint8_t)(i * 3));
	}
	for (unsigned i = 0; i < 0x80; i++) {
		rig_out(rig, 0x72, (uint8_t)i);
		rig_out(rig, 0x73, (uint8_t)(i * 5));
	}
	rtc_reset(&rig->rtc);
	for (unsigned i = 0x0e; i < 0x80; i++) {
		if (i != RTC_CENTURY && i != CENTURY_PS2)
			assert_int_equal(rig_get(rig, (uint8_t)i), (uint8_t)(i * 3));
	}
	for (unsigned i = 0; i < 0x80; i++) {
		/* The second index has seven bits. */
		rig_out(rig, 0x72, (uint8_t)(i | 0x80));
		assert_int_equal(rig_in(rig, 0x73), (uint8_t)(i * 5));
	}
	assert_int_equal(rig_in(rig, 0x72), 0xff);
}

static void absent_second_bank_reads_ones(void **state)
{
	struct rtc_rig *rig = *state;
	struct mem_view *view;

	mem_region_remove(&rig->rtc.bank1);
	view = mem_view_render(&rig->ports, range_make(0, 0x10000));
	assert_non_null(view);
	mem_view_write(view, 0x72, 0, 1);
	mem_view_write(view, 0x73, 0x12, 1);
	assert_int_equal(mem_view_read(view, 0x73, 1), 0xff);
	mem_view_unref(view);
}

static void index_writes_may_wait_and_data_may_not(void **state)
{
	struct rtc_rig *rig = *state;

	assert_int_equal(rig->view->waits_n, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(rig->view->waits[i].range.first, 0x70 + 2 * i);
		assert_int_equal(rig->view->waits[i].range.last, 0x70 + 2 * i);
		assert_true(rig->view->waits[i].wait == MEM_LATCH);
		assert_non_null(rig->view->waits[i].why);
	}
}

static void board_fills_cmos_and_its_checksum(void **state)
{
	struct rtc_rig *rig = *state;

	rtc_set_cmos(&rig->rtc, 0x10, 0xff);
	rtc_set_cmos(&rig->rtc, 0x14, 0xfe);
	rtc_set_cmos(&rig->rtc, 0x2d, 0x20);
	rtc_set_cmos(&rig->rtc, 0x0f, 0x0a);
	rtc_set_cmos(&rig->rtc, 0x80 + 0x11, 0x77);
	rtc_set_checksum(&rig->rtc);
	assert_int_equal(rig_get(rig, 0x14), 0xfe);
	assert_int_equal(rig_get(rig, 0x2e), 0x02);
	assert_int_equal(rig_get(rig, 0x2f), 0x1d);
	rig_out(rig, 0x72, 0x11);
	assert_int_equal(rig_in(rig, 0x73), 0x77);
	/* The shutdown byte is why firmware finds its way after a reset. */
	rtc_reset(&rig->rtc);
	assert_int_equal(rtc_cmos(&rig->rtc, 0x0f), 0x0a);
}

static void c_and_d_cannot_be_written(void **state)
{
	struct rtc_rig *rig = *state;

	rig_put(rig, RTC_C, 0xff);
	rig_put(rig, RTC_D, 0x15);
	assert_int_equal(rig_get(rig, RTC_C), 0);
	assert_int_equal(rig_get(rig, RTC_D), 0x80);
	rig_put(rig, RTC_A, 0xff);
	assert_int_equal(rig_get(rig, RTC_A), 0x7f);
	rig_put(rig, RTC_B, 0x0f);
	assert_int_equal(rig_get(rig, RTC_B), 0x0f);
	/* The top bit of the seconds. */
	rig_put(rig, RTC_A, HELD);
	rig_put(rig, RTC_SECOND, 0x92);
	assert_int_equal(rig_get(rig, RTC_SECOND), 0x12);
}

/* From just before each turn of the calendar over it, in all four formats. */
static void time_runs_in_all_formats(void **state)
{
	static const uint8_t formats[] = { 0, RTC_B_24H, RTC_B_BINARY, RTC_B_24H | RTC_B_BINARY };
	static const struct rtc_date before[] = {
		{ 1980, 1, 1, 0, 0, 0 },      { 1999, 12, 31, 23, 59, 58 },
		{ 2000, 2, 28, 23, 59, 58 },  { 2000, 2, 29, 23, 59, 58 },
		{ 2001, 2, 28, 23, 59, 58 },  { 2004, 2, 28, 23, 59, 58 },
		{ 2024, 4, 30, 23, 59, 58 },  { 2011, 2, 2, 11, 59, 58 },
		{ 2011, 2, 2, 12, 59, 58 },   { 2011, 2, 2, 0, 59, 58 },
		{ 2038, 1, 19, 3, 14, 6 },    { 2080, 2, 2, 9, 59, 58 },
		{ 2099, 12, 31, 23, 59, 58 }, { 2100, 2, 28, 23, 59, 58 },
		{ 2262, 4, 11, 23, 47, 15 },  { 9999, 12, 31, 23, 59, 58 },
	};
	struct rtc_rig *rig = *state;

	for (size_t f = 0; f < sizeof(formats); f++) {
		for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
			int64_t seconds = rtc_date_seconds(&before[i]);
			int weekday = rtc_weekday(seconds + 3);

			set_time(rig, formats[f], seconds);
			assert_shows(rig, seconds);
			rig_step(rig, SECOND / 2);
			assert_shows(rig, seconds + 1);
			rig_step(rig, 2 * SECOND);
			assert_shows(rig, seconds + 3);
			assert_int_equal(rig_get(rig, RTC_WEEKDAY), weekday);
			rig_step(rig, DAY * SECOND);
			assert_shows(rig, seconds + 3 + DAY);
			assert_int_equal(rig_get(rig, RTC_WEEKDAY), weekday % 7 + 1);
		}
	}
	assert_int_equal(rtc_stats(&rig->rtc).invalid_dates, 0);
}

static void midnight_and_noon_in_twelve_hours(void **state)
{
	struct rtc_rig *rig = *state;

	set_time(rig, 0, at(2011, 2, 2, 23, 59, 59));
	assert_int_equal(rig_get(rig, RTC_HOUR), 0x91);
	rig_step(rig, SECOND);
	assert_int_equal(rig_get(rig, RTC_HOUR), 0x12);
	set_time(rig, 0, at(2011, 2, 2, 11, 59, 59));
	rig_step(rig, SECOND);
	assert_int_equal(rig_get(rig, RTC_HOUR), 0x92);
	set_time(rig, RTC_B_BINARY, at(2011, 2, 2, 12, 59, 59));
	assert_int_equal(rig_get(rig, RTC_HOUR), 0x8c);
	rig_step(rig, SECOND);
	assert_int_equal(rig_get(rig, RTC_HOUR), 0x81);
}

static void century_is_at_32_and_again_at_37(void **state)
{
	struct rtc_rig *rig = *state;

	set_time(rig, RTC_B_24H, at(2099, 12, 31, 23, 59, 59));
	assert_int_equal(rig_get(rig, CENTURY_PS2), 0x20);
	rig_step(rig, SECOND / 2);
	assert_int_equal(rig_get(rig, RTC_CENTURY), 0x21);
	assert_int_equal(rig_get(rig, CENTURY_PS2), 0x21);
	rig_put(rig, CENTURY_PS2, 0x19);
	assert_int_equal(rig_get(rig, RTC_CENTURY), 0x19);
	rig_put(rig, RTC_CENTURY, 0x20);
	assert_int_equal(rig_get(rig, CENTURY_PS2), 0x20);
	assert_shows(rig, at(2000, 1, 1, 0, 0, 0));
}

static void running_clock_shows_a_new_format_at_once(void **state)
{
	struct rtc_rig *rig = *state;

	set_time(rig, RTC_B_24H, at(2019, 12, 31, 23, 45, 50));
	rig_put(rig, RTC_B, RTC_B_24H | RTC_B_BINARY);
	assert_shows(rig, at(2019, 12, 31, 23, 45, 50));
	rig_put(rig, RTC_B, 0);
	assert_shows(rig, at(2019, 12, 31, 23, 45, 50));
}

static void held_bytes_are_not_converted(void **state)
{
	struct rtc_rig *rig = *state;

	rig_put(rig, RTC_B, RTC_B_SET | RTC_B_24H);
	rig_put(rig, RTC_MINUTE, 0x15);
	rig_put(rig, RTC_B, RTC_B_SET | RTC_B_24H | RTC_B_BINARY);
	assert_int_equal(rig_get(rig, RTC_MINUTE), 0x15);
	rig_step(rig, 5 * SECOND);
	assert_int_equal(rig_get(rig, RTC_MINUTE), 0x15);
	/* Once the time runs, the byte means what the format says then: 21 minutes, not 15. */
	rig_put(rig, RTC_SECOND, 0);
	rig_put(rig, RTC_B, RTC_B_24H | RTC_B_BINARY);
	rig_put(rig, RTC_B, RTC_B_24H);
	assert_int_equal(rig_get(rig, RTC_MINUTE), 0x21);
}

static void set_holds_and_releases_the_time(void **state)
{
	struct rtc_rig *rig = *state;

	rig_put(rig, RTC_B, RTC_B_SET | RTC_B_UIE | RTC_B_24H);
	/* SET takes UIE away (MC146818A, "UIE"). */
	assert_int_equal(rig_get(rig, RTC_B), RTC_B_SET | RTC_B_24H);
	assert_shows(rig, at(2011, 2, 2, 2, 4, 58));
	rig_put(rig, RTC_SECOND, 0x30);
	rig_step(rig, 10 * SECOND);
	assert_int_equal(rig_get(rig, RTC_SECOND), 0x30);
	assert_int_equal(rig_get(rig, RTC_C) & (RTC_C_UF | RTC_C_AF), 0);
	/* The divider ran on: the next update is where it was, not a second from now. */
	rig_put(rig, RTC_B, RTC_B_24H);
	assert_int_equal(rig_get(rig, RTC_SECOND), 0x30);
	rig_step(rig, 750 * MS - 1);
	assert_int_equal(rig_get(rig, RTC_SECOND), 0x30);
	rig_step(rig, 1);
	assert_int_equal(rig_get(rig, RTC_SECOND), 0x31);
	rig_step(rig, SECOND);
	assert_shows(rig, at(2011, 2, 2, 2, 4, 32));
}

static void divider_reset_holds_and_updates_half_a_second_later(void **state)
{
	struct rtc_rig *rig = *state;

	rig_put(rig, RTC_A, HELD);
	rig_get(rig, RTC_C);
	rig_step(rig, 10 * SECOND);
	assert_shows(rig, at(2011, 2, 2, 2, 4, 58));
	assert_false(uip(rig));
	assert_int_equal(rig_get(rig, RTC_C), 0);
	rig_put(rig, RTC_A, RUNS);
	rig_step(rig, SECOND / 2 - UIP_NS - 1);
	assert_false(uip(rig));
	assert_shows(rig, at(2011, 2, 2, 2, 4, 58));
	rig_step(rig, 1);
	assert_true(uip(rig));
	rig_step(rig, UIP_NS - 1);
	assert_true(uip(rig));
	assert_shows(rig, at(2011, 2, 2, 2, 4, 58));
	rig_step(rig, 1);
	assert_false(uip(rig));
	assert_shows(rig, at(2011, 2, 2, 2, 4, 59));
	rig_step(rig, SECOND - 1);
	assert_shows(rig, at(2011, 2, 2, 2, 4, 59));
	rig_step(rig, 1);
	assert_shows(rig, at(2011, 2, 2, 2, 5, 0));
}

static void every_divider_setting_runs_or_holds(void **state)
{
	struct rtc_rig *rig = *state;

	for (unsigned dv = 0; dv < 8; dv++) {
		uint8_t before;

		rig_put(rig, RTC_A, HELD);
		rig_put(rig, RTC_A, (uint8_t)(dv << 4 | 6));
		before = rig_get(rig, RTC_SECOND);
		rig_get(rig, RTC_C);
		rig_step(rig, SECOND);
		assert_int_equal(rig_get(rig, RTC_SECOND) != before, dv <= 2);
		assert_int_equal(rig_get(rig, RTC_C), dv <= 2 ? RTC_C_PF | RTC_C_UF : 0);
	}
}

static void set_and_divider_hold_independently(void **state)
{
	struct rtc_rig *rig = *state;

	rig_put(rig, RTC_B, RTC_B_SET | RTC_B_24H);
	rig_put(rig, RTC_A, HELD);
	rig_put(rig, RTC_SECOND, 0x40);
	rig_put(rig, RTC_B, RTC_B_24H);
	rig_step(rig, 3 * SECOND);
	assert_int_equal(rig_get(rig, RTC_SECOND), 0x40);
	rig_put(rig, RTC_B, RTC_B_SET | RTC_B_24H);
	rig_put(rig, RTC_A, RUNS);
	rig_step(rig, 3 * SECOND + 100 * MS);
	assert_int_equal(rig_get(rig, RTC_SECOND), 0x40);
	rig_put(rig, RTC_B, RTC_B_24H);
	/* Released 3.1 s after the divider: updates are half seconds past its release. */
	rig_step(rig, 400 * MS - 1);
	assert_int_equal(rig_get(rig, RTC_SECOND), 0x40);
	rig_step(rig, 1);
	assert_int_equal(rig_get(rig, RTC_SECOND), 0x41);
}

static void uip_is_up_once_a_second_and_not_while_set(void **state)
{
	struct rtc_rig *rig = *state;
	unsigned up = 0;

	for (int i = 0; i < 30000; i++) {
		rig_step(rig, 100000);
		up += uip(rig);
	}
	/* 244 us of each second, looked at every 100 us, for 3 s. */
	assert_in_range(up, 6, 9);
	rig_put(rig, RTC_A, HELD);
	rig_put(rig, RTC_A, RUNS);
	rig_step(rig, SECOND / 2 - 1);
	assert_true(uip(rig));
	rig_put(rig, RTC_B, RTC_B_SET | RTC_B_24H);
	assert_false(uip(rig));
}

static void time_bytes_can_be_written_while_it_runs(void **state)
{
	struct rtc_rig *rig = *state;

	rig_put(rig, RTC_MINUTE, 0x59);
	rig_put(rig, RTC_HOUR, 0x23);
	rig_put(rig, RTC_DAY, 0x28);
	assert_shows(rig, at(2011, 2, 28, 23, 59, 58));
	rig_step(rig, 1750 * MS);
	assert_shows(rig, at(2011, 3, 1, 0, 0, 0));
}

static void day_of_week_is_the_guests_own(void **state)
{
	struct rtc_rig *rig = *state;

	set_time(rig, RTC_B_24H, at(2011, 2, 2, 23, 59, 59));
	rig_put(rig, RTC_WEEKDAY, 0x07);
	assert_int_equal(rig_get(rig, RTC_WEEKDAY), 7);
	rig_step(rig, SECOND);
	assert_int_equal(rig_get(rig, RTC_WEEKDAY), 1);
	rig_step(rig, 3 * DAY * SECOND);
	assert_int_equal(rig_get(rig, RTC_WEEKDAY), 4);
	/* A new date does not move it; a nonsense day stops nothing. */
	rig_put(rig, RTC_MONTH, 0x05);
	assert_int_equal(rig_get(rig, RTC_WEEKDAY), 4);
	rig_put(rig, RTC_WEEKDAY, 0x00);
	assert_int_equal(rig_get(rig, RTC_WEEKDAY), 0);
	rig_step(rig, DAY * SECOND);
	assert_int_equal(rig_get(rig, RTC_WEEKDAY), 1);
	assert_int_equal(rtc_stats(&rig->rtc).invalid_dates, 0);
}

static void invalid_dates_freeze_and_are_counted(void **state)
{
	static const uint8_t nonsense[][2] = {
		{ RTC_SECOND, 0x60 }, { RTC_SECOND, 0x0a },  { RTC_MINUTE, 0x99 },
		{ RTC_HOUR, 0x24 },   { RTC_HOUR, 0x81 },    { RTC_DAY, 0x00 },
		{ RTC_DAY, 0x29 },    { RTC_MONTH, 0x13 },   { RTC_MONTH, 0x00 },
		{ RTC_YEAR, 0xa0 },   { RTC_CENTURY, 0xff }, { RTC_MINUTE, 0xc0 },
	};
	struct rtc_rig *rig = *state;
	struct rtc_date date;

	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		uint8_t index = nonsense[i][0], good;

		set_time(rig, RTC_B_24H, at(2011, 2, 2, 2, 4, 58));
		good = rig_get(rig, index);
		rig_put(rig, index, nonsense[i][1]);
		assert_int_equal(rtc_stats(&rig->rtc).invalid_dates, i + 1);
		assert_false(rtc_date(&rig->rtc, &date));
		rig_get(rig, RTC_C);
		rig_step(rig, 10 * SECOND);
		assert_int_equal(rig_get(rig, index), nonsense[i][1]);
		/* Nothing else stops. */
		assert_int_equal(rig_get(rig, RTC_C), RTC_C_PF | RTC_C_UF);
		rig_put(rig, index, good);
		assert_shows(rig, at(2011, 2, 2, 2, 4, 58));
		assert_true(rtc_date(&rig->rtc, &date));
		rig_step(rig, 2 * SECOND);
		assert_shows(rig, at(2011, 2, 2, 2, 5, 0));
	}
}

static void twelve_hours_have_no_hour_zero(void **state)
{
	struct rtc_rig *rig = *state;

	rig_put(rig, RTC_B, 0);
	rig_put(rig, RTC_HOUR, 0x00);
	assert_int_equal(rtc_stats(&rig->rtc).invalid_dates, 1);
	/* It is an hour in the 24-hour format. */
	rig_put(rig, RTC_B, RTC_B_24H);
	assert_shows(rig, at(2011, 2, 2, 0, 4, 58));
	rig_step(rig, 750 * MS);
	assert_shows(rig, at(2011, 2, 2, 0, 4, 59));
}

static void reset_clears_interrupts_and_keeps_the_rest(void **state)
{
	struct rtc_rig *rig = *state;

	rig_put(rig, RTC_B, 0x7f);
	rig_step(rig, 2 * SECOND);
	assert_true(rig->level);
	rig_out(rig, 0x70, 0x51);
	rtc_reset(&rig->rtc);
	assert_false(rig->level);
	assert_int_equal(rig_in(rig, 0x71), 0);
	assert_int_equal(rig_get(rig, RTC_B), 0x07);
	assert_int_equal(rig_get(rig, RTC_C), 0);
	assert_int_equal(rig_get(rig, RTC_A), 0x26);
	assert_shows(rig, at(2011, 2, 2, 2, 5, 0));
	assert_int_equal(clock_next_due(&rig->clock), CLOCK_NEVER);
	/* SET is not the reset's business. */
	rig_put(rig, RTC_B, RTC_B_SET | 0x02);
	rtc_reset(&rig->rtc);
	assert_int_equal(rig_get(rig, RTC_B), RTC_B_SET | 0x02);
}

static void monitors_see_the_time(void **state)
{
	struct rtc_rig *rig = *state;
	struct rtc_date date;

	rig_step(rig, 60 * SECOND);
	assert_true(rtc_date(&rig->rtc, &date));
	assert_int_equal(rtc_date_seconds(&date), at(2011, 2, 2, 2, 5, 58));
	rig_put(rig, RTC_B, RTC_B_SET | RTC_B_24H);
	rig_put(rig, RTC_SECOND, 0x10);
	rig_step(rig, 60 * SECOND);
	assert_true(rtc_date(&rig->rtc, &date));
	assert_int_equal(rtc_date_seconds(&date), at(2011, 2, 2, 2, 5, 10));
}

static void setting_the_time_is_reported_once_a_second(void **state)
{
	struct rtc_rig *rig = *state;

	/* As Linux does it, half a second past: exactly where it was, so nothing is said. */
	rig_step(rig, 250 * MS);
	set_time(rig, RTC_B_24H, at(2011, 2, 2, 2, 4, 58));
	assert_int_equal(rig->reports, 0);
	/* A quarter of a second off is as good as nothing, in both directions. */
	rig_step(rig, 250 * MS);
	set_time(rig, RTC_B_24H, at(2011, 2, 2, 2, 4, 58));
	assert_int_equal(rig->reports, 0);
	rig_step(rig, 750 * MS);
	set_time(rig, RTC_B_24H, at(2011, 2, 2, 2, 4, 59));
	assert_int_equal(rig->reports, 0);
	/* Byte after byte: the first at once, the last a second later. */
	rig_put(rig, RTC_HOUR, 0x03);
	assert_int_equal(rig->reports, 1);
	assert_int_equal(rig->offset, 3600);
	for (int i = 0; i < 1000; i++) {
		rig_put(rig, RTC_MINUTE, 0x14);
		rig_put(rig, RTC_DAY, 0x01);
	}
	assert_int_equal(rig->reports, 1);
	rig_step(rig, SECOND - 1);
	assert_int_equal(rig->reports, 1);
	rig_step(rig, 1);
	assert_int_equal(rig->reports, 2);
	assert_int_equal(rig->offset, 3600 + 600 - DAY);
	/* And nobody is woken after that. */
	assert_int_equal(clock_next_due(&rig->clock), CLOCK_NEVER);
	rig_step(rig, 100 * SECOND);
	set_time(rig, RTC_B_24H, at(2011, 2, 2, 2, 4, 58));
	assert_int_equal(rig->reports, 3);
	assert_int_equal(rig->offset, -102);
	/* A held clock falls behind without the guest having set it; that counts when it runs. */
	rig_step(rig, 10 * SECOND);
	rig_put(rig, RTC_B, RTC_B_SET | RTC_B_24H);
	rig_step(rig, 5 * SECOND);
	assert_int_equal(rig->reports, 3);
	rig_put(rig, RTC_B, RTC_B_24H);
	assert_int_equal(rig->reports, 4);
	assert_int_equal(rig->offset, -107);
}

static void reads_change_nothing_but_c(void **state)
{
	struct rtc_rig *rig = *state;
	struct rtc_state before;
	size_t index;

	rig_put(rig, RTC_B, 0x72);
	rig_step(rig, 3 * SECOND + 123456789);
	rtc_sync(&rig->rtc);
	for (unsigned i = 0; i < 0x80; i++) {
		rig_out(rig, 0x70, (uint8_t)i);
		before = rig->rtc.state;
		if (i != RTC_C)
			rig_in(rig, 0x71);
		assert_null(state_differs(&rtc_state_table, &before, &rig->rtc.state, &index));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(starts_as_firmware_leaves_it),
		TEST(index_port_reads_ones_and_keeps_the_nmi_mask),
		TEST(wide_accesses_split_into_bytes),
		TEST(ram_keeps_what_is_written),
		TEST(absent_second_bank_reads_ones),
		TEST(index_writes_may_wait_and_data_may_not),
		TEST(board_fills_cmos_and_its_checksum),
		TEST(c_and_d_cannot_be_written),
		TEST(time_runs_in_all_formats),
		TEST(midnight_and_noon_in_twelve_hours),
		TEST(century_is_at_32_and_again_at_37),
		TEST(running_clock_shows_a_new_format_at_once),
		TEST(held_bytes_are_not_converted),
		TEST(set_holds_and_releases_the_time),
		TEST(divider_reset_holds_and_updates_half_a_second_later),
		TEST(every_divider_setting_runs_or_holds),
		TEST(set_and_divider_hold_independently),
		TEST(uip_is_up_once_a_second_and_not_while_set),
		TEST(time_bytes_can_be_written_while_it_runs),
		TEST(day_of_week_is_the_guests_own),
		TEST(invalid_dates_freeze_and_are_counted),
		TEST(twelve_hours_have_no_hour_zero),
		TEST(reset_clears_interrupts_and_keeps_the_rest),
		TEST(monitors_see_the_time),
		TEST(setting_the_time_is_reported_once_a_second),
		TEST(reads_change_nothing_but_c),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
