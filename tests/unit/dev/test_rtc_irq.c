// SPDX-License-Identifier: MIT
/* The RTC's interrupts: periodic, alarm and update-ended; flags, line, wake-ups; jumps of the clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dev/rtc_core.h"
#include "rtc_rig.h"

#define MS      NS_PER_MS
#define SECOND  NS_PER_SEC
#define DAY     (INT64_C(86400) * SECOND)
#define B_IDLE  RTC_B_24H
#define HELD_AT 0x70 /* divider bits of register A */
#define RUNS_AT 0x20
#define ANY     0xff
#define T0      (100000 * SECOND) /* what the clock says at first */

/* 2024-02-28 23:59:58, exactly at the beginning of the second. */
static int set_up(void **state)
{
	static const struct rtc_date start = { 2024, 2, 28, 23, 59, 58 };
	static struct rtc_rig rig;
	struct rtc_options options;

	rig_init(&rig, T0);
	options = rig_options(&rig, rtc_date_seconds(&start));
	rig_plug(&rig, &options);
	*state = &rig;
	return 0;
}

static int tear_down(void **state)
{
	rig_unplug(*state);
	return 0;
}

static void set_alarm(struct rtc_rig *rig, uint8_t hour, uint8_t minute, uint8_t second)
{
	rig_put(rig, RTC_HOUR_ALARM, hour);
	rig_put(rig, RTC_MINUTE_ALARM, minute);
	rig_put(rig, RTC_SECOND_ALARM, second);
}

/* Counts interrupts over a time, reading register C after each; their flags together. */
static unsigned count(struct rtc_rig *rig, int64_t ns, uint8_t *flags)
{
	int64_t end = clock_now(&rig->clock) + ns;
	unsigned irqs = 0;

	*flags = 0;
	for (;;) {
		int64_t due = clock_next_due(&rig->clock);
		uint8_t c;

		if (due > end)
			break;
		rig_step(rig, due - clock_now(&rig->clock));
		if (!rig->level)
			continue;
		irqs++;
		c = rig_get(rig, RTC_C);
		assert_true(c & RTC_C_IRQF);
		assert_false(rig->level);
		assert_int_equal(rig_get(rig, RTC_C), 0);
		*flags |= c;
	}
	rig_step(rig, end - clock_now(&rig->clock));
	return irqs;
}

static void idle_chip_wakes_nobody(void **state)
{
	struct rtc_rig *rig = *state;

	for (unsigned rate = 0; rate < 16; rate++) {
		rig_put(rig, RTC_A, (uint8_t)(RUNS_AT | rate));
		rig_step(rig, 10 * SECOND);
		rig_get(rig, RTC_C);
		assert_int_equal(clock_next_due(&rig->clock), CLOCK_NEVER);
	}
	assert_int_equal(rig->edges, 0);
}

static void all_periodic_rates(void **state)
{
	static const unsigned hz[16] = { 0,   256, 128, 8192, 4096, 2048, 1024, 512,
					 256, 128, 64,  32,   16,   8,    4,    2 };
	struct rtc_rig *rig = *state;
	uint8_t flags;

	rig_put(rig, RTC_B, B_IDLE | RTC_B_PIE);
	for (unsigned rate = 0; rate < 16; rate++) {
		rig_put(rig, RTC_A, HELD_AT);
		rig_put(rig, RTC_A, (uint8_t)(RUNS_AT | rate));
		assert_int_equal(count(rig, 3 * SECOND, &flags), 3 * hz[rate]);
		assert_int_equal(flags & RTC_C_ANY & ~RTC_C_UF & ~RTC_C_AF,
				 hz[rate] ? RTC_C_PF : 0);
	}
}

/* A cycle of the crystal is no whole number of ns; over a day not one tick may be too many. */
static void periodic_ticks_do_not_drift(void **state)
{
	struct rtc_rig *rig = *state;
	int64_t start = clock_now(&rig->clock);
	uint8_t flags;

	rig_put(rig, RTC_A, HELD_AT);
	rig_put(rig, RTC_A, RUNS_AT | 3);
	rig_put(rig, RTC_B, B_IDLE | RTC_B_PIE);
	assert_int_equal(count(rig, 60 * SECOND, &flags), 60 * 8192);
	clock_set(&rig->clock, start + 365 * DAY);
	clock_run_due(&rig->clock);
	rig_get(rig, RTC_C);
	/* Ticks are odd multiples of half a period after the release of the divider. */
	assert_int_equal(clock_next_due(&rig->clock), start + 365 * DAY + 61036);
	assert_int_equal(count(rig, SECOND, &flags), 8192);
}

static void updates_fall_between_periodic_ticks(void **state)
{
	struct rtc_rig *rig = *state;

	rig_put(rig, RTC_A, HELD_AT);
	rig_put(rig, RTC_A, RUNS_AT | 15);
	rig_step(rig, 250 * MS - 1);
	assert_int_equal(rig_get(rig, RTC_C), 0);
	rig_step(rig, 1);
	assert_int_equal(rig_get(rig, RTC_C), RTC_C_PF);
	rig_step(rig, 250 * MS);
	assert_int_equal(rig_get(rig, RTC_C), RTC_C_UF);
	rig_step(rig, 250 * MS);
	assert_int_equal(rig_get(rig, RTC_C), RTC_C_PF);
}

static void rate_change_keeps_the_phase(void **state)
{
	struct rtc_rig *rig = *state;
	int64_t tick;

	rig_put(rig, RTC_A, HELD_AT);
	rig_put(rig, RTC_A, RUNS_AT | 13); /* 8 Hz */
	rig_put(rig, RTC_B, B_IDLE | RTC_B_PIE);
	rig_step(rig, 62500000);
	assert_true(rig->level);
	tick = clock_now(&rig->clock);
	/* Later and to a longer period: one new period after the last tick. */
	rig_step(rig, 100 * MS);
	rig_put(rig, RTC_A, RUNS_AT | 15); /* 2 Hz */
	rig_get(rig, RTC_C);
	assert_int_equal(clock_next_due(&rig->clock), tick + 500 * MS);
	/* To a shorter one, part of which is over. */
	rig_step(rig, 300 * MS);
	rig_put(rig, RTC_A, RUNS_AT | 14); /* 4 Hz */
	assert_int_equal(clock_next_due(&rig->clock), tick + 500 * MS);
	rig_put(rig, RTC_A, RUNS_AT | 13);
	assert_int_equal(clock_next_due(&rig->clock), tick + 500 * MS);
	/* Writing the same rate, or PIE, moves nothing. */
	for (int i = 0; i < 10; i++) {
		rig_step(rig, 5 * MS);
		rig_put(rig, RTC_A, RUNS_AT | 13);
		rig_put(rig, RTC_B, B_IDLE);
		rig_put(rig, RTC_B, B_IDLE | RTC_B_PIE);
		assert_int_equal(clock_next_due(&rig->clock), tick + 500 * MS);
	}
	rig_step(rig, 50 * MS);
	assert_int_equal(rig->edges, 2);
}

static void alternating_rates_add_up(void **state)
{
	struct rtc_rig *rig = *state;
	int64_t start = 0;

	rig_put(rig, RTC_A, 13);
	rig_put(rig, RTC_B, B_IDLE | RTC_B_PIE);
	for (int i = 0; i < 101; i++) {
		rig_step(rig, clock_next_due(&rig->clock) - clock_now(&rig->clock));
		assert_true(rig->level);
		assert_true(rig_get(rig, RTC_C) & RTC_C_PF);
		if (!start)
			start = clock_now(&rig->clock);
		rig_put(rig, RTC_A, i & 1 ? 13 : 15);
	}
	assert_int_equal(clock_now(&rig->clock) - start, 50 * 625 * MS);
}

static void flags_rise_without_enables_and_irqf_does_not(void **state)
{
	struct rtc_rig *rig = *state;

	set_alarm(rig, ANY, ANY, ANY);
	rig_step(rig, SECOND);
	assert_int_equal(rig_get(rig, RTC_C), RTC_C_ANY);
	assert_int_equal(rig_get(rig, RTC_C), 0);
	assert_int_equal(rig->edges, 0);
	rig_put(rig, RTC_A, RUNS_AT);
	rig_step(rig, SECOND);
	assert_int_equal(rig_get(rig, RTC_C), RTC_C_AF | RTC_C_UF);
}

static void enabling_a_pending_flag_interrupts_at_once(void **state)
{
	static const uint8_t enables[] = { RTC_B_PIE, RTC_B_AIE, RTC_B_UIE };
	struct rtc_rig *rig = *state;

	set_alarm(rig, ANY, ANY, ANY);
	for (unsigned i = 0; i < 3; i++) {
		rig_step(rig, SECOND);
		assert_false(rig->level);
		rig_put(rig, RTC_B, B_IDLE | enables[i]);
		assert_true(rig->level);
		assert_int_equal(rig->edges, 2 * i + 1);
		/* Disabling drops the line and leaves the flag. */
		rig_put(rig, RTC_B, B_IDLE);
		assert_false(rig->level);
		rig_put(rig, RTC_B, B_IDLE | enables[i]);
		assert_true(rig->level);
		assert_int_equal(rig_get(rig, RTC_C), RTC_C_IRQF | RTC_C_ANY);
		assert_false(rig->level);
		rig_put(rig, RTC_B, B_IDLE);
	}
	assert_int_equal(rig->alarms, 2);
}

static void update_interrupt_comes_each_second(void **state)
{
	struct rtc_rig *rig = *state;
	uint8_t flags;

	rig_put(rig, RTC_B, B_IDLE | RTC_B_UIE);
	assert_int_equal(clock_next_due(&rig->clock), T0 + SECOND);
	assert_int_equal(count(rig, 10 * SECOND, &flags), 10);
	assert_true(flags & RTC_C_UF);
	rig_put(rig, RTC_B, B_IDLE | RTC_B_UIE | RTC_B_SET);
	assert_int_equal(count(rig, 10 * SECOND, &flags), 0);
	rig_put(rig, RTC_B, B_IDLE);
	assert_int_equal(count(rig, 10 * SECOND, &flags), 0);
}

/* Every don't-care pattern with every code that means it, by counting interrupts over two days. */
static void alarm_patterns(void **state)
{
	static const struct {
		uint8_t hour, minute, second;
		unsigned in_two_days;
	} patterns[] = {
		{ 0x10, 0x20, 0x30, 2 },       { ANY, 0x20, 0x30, 48 },
		{ 0x10, 0xc0, 0x30, 120 },     { 0x10, 0x20, 0xd5, 120 },
		{ 0xe0, 0xff, 0x30, 48 * 60 }, { 0xc1, 0x20, 0xfe, 48 * 60 },
		{ 0x10, ANY, ANY, 7200 },      { 0xc0, 0xc0, 0xc0, 2 * 86400 },
		{ 0x10, 0x20, 0x60, 0 },       { 0x24, ANY, ANY, 0 },
		{ 0x10, 0xbf, ANY, 0 },        { 0x10, 0x20, 0x0a, 0 },
	};
	struct rtc_rig *rig = *state;
	uint8_t flags;

	rig_put(rig, RTC_B, B_IDLE | RTC_B_AIE);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		set_alarm(rig, patterns[i].hour, patterns[i].minute, patterns[i].second);
		rig_get(rig, RTC_C);
		rig->alarms = 0;
		assert_int_equal(count(rig, 2 * DAY, &flags), patterns[i].in_two_days);
		assert_int_equal(rig->alarms, patterns[i].in_two_days);
	}
}

static void alarm_comes_when_the_second_begins(void **state)
{
	struct rtc_rig *rig = *state;

	set_alarm(rig, 0x00, 0x00, 0x00);
	rig_put(rig, RTC_B, B_IDLE | RTC_B_AIE);
	assert_int_equal(clock_next_due(&rig->clock), T0 + 2 * SECOND);
	rig_step(rig, 2 * SECOND - 1);
	assert_false(rig->level);
	rig_step(rig, 1);
	assert_true(rig->level);
	assert_int_equal(rig_get(rig, RTC_SECOND), 0);
	/* Setting the alarm to the time that is shown does not match it. */
	rig_get(rig, RTC_C);
	set_alarm(rig, ANY, ANY, 0x00);
	assert_int_equal(clock_next_due(&rig->clock), T0 + 62 * SECOND);
}

static void alarm_in_twelve_hours_knows_am_from_pm(void **state)
{
	struct rtc_rig *rig = *state;
	uint8_t flags;

	rig_put(rig, RTC_B, RTC_B_AIE);
	set_alarm(rig, 0x82, 0x00, 0x00);
	assert_int_equal(count(rig, 14 * 3600 * SECOND + SECOND, &flags), 0);
	assert_int_equal(count(rig, SECOND, &flags), 1);
	assert_int_equal(rig_get(rig, RTC_HOUR), 0x82);
	/* The same byte means hour 2 with bit 7 in binary, and nothing in 24 hours. */
	rig_put(rig, RTC_B, RTC_B_AIE | RTC_B_BINARY);
	assert_int_equal(count(rig, DAY, &flags), 1);
	rig_put(rig, RTC_B, RTC_B_AIE | RTC_B_24H);
	assert_int_equal(count(rig, DAY, &flags), 0);
}

static void day_and_month_alarms(void **state)
{
	struct rtc_rig *rig = *state;

	set_alarm(rig, 0x12, 0x00, 0x00);
	rig_put(rig, RTC_DAY_ALARM, 0x29);
	rig_put(rig, RTC_MONTH_ALARM, 0x02);
	rig_put(rig, RTC_B, B_IDLE | RTC_B_AIE);
	rig_step(rig, 2 * SECOND + DAY / 2);
	assert_true(rig->level);
	rig_get(rig, RTC_C);
	/* Next in four years: 1461 days. */
	rig_step(rig, 1461 * DAY - 1);
	assert_false(rig->level);
	rig_step(rig, 1);
	assert_true(rig->level);
	rig_get(rig, RTC_C);
	rig_put(rig, RTC_MONTH_ALARM, ANY);
	rig_step(rig, 29 * DAY); /* 2028-03-29 */
	assert_true(rig->level);
	rig_get(rig, RTC_C);
	rig_put(rig, RTC_DAY_ALARM, 0);
	rig_put(rig, RTC_MONTH_ALARM, 0x04);
	rig_step(rig, 3 * DAY - 1);
	assert_false(rig->level);
	rig_step(rig, 1); /* 2028-04-01 */
	assert_true(rig->level);
	rtc_reset(&rig->rtc);
	assert_int_equal(rig_get(rig, RTC_MONTH_ALARM), 0x04);
}

static void broken_date_matches_byte_by_byte(void **state)
{
	struct rtc_rig *rig = *state;
	uint8_t flags;

	rig_put(rig, RTC_SECOND, 0x61);
	set_alarm(rig, ANY, ANY, 0x61);
	rig_put(rig, RTC_B, B_IDLE | RTC_B_AIE);
	assert_int_equal(count(rig, 5 * SECOND, &flags), 5);
	set_alarm(rig, ANY, ANY, 0x62);
	assert_int_equal(count(rig, 5 * SECOND, &flags), 0);
}

static void one_interrupt_for_all_three(void **state)
{
	struct rtc_rig *rig = *state;

	set_alarm(rig, ANY, ANY, ANY);
	rig_put(rig, RTC_A, RUNS_AT | 15);
	rig_put(rig, RTC_B, B_IDLE | RTC_B_PIE | RTC_B_AIE | RTC_B_UIE);
	rig_step(rig, 5 * SECOND);
	assert_int_equal(rig->edges, 1);
	assert_int_equal(rig_get(rig, RTC_C), RTC_C_IRQF | RTC_C_ANY);
	assert_false(rig->level);
}

static void unread_register_c_stops_the_timer(void **state)
{
	struct rtc_rig *rig = *state;

	rig->rtc.options.alarm = NULL;
	rig_put(rig, RTC_B, B_IDLE | RTC_B_PIE | RTC_B_UIE);
	rig_step(rig, SECOND);
	/* No edge can come any more: nobody is woken. */
	assert_int_equal(clock_next_due(&rig->clock), CLOCK_NEVER);
	rig_step(rig, 100 * SECOND + 1);
	assert_int_equal(rig->edges, 1);
	/* One read, and it is as it was. */
	rig_get(rig, RTC_C);
	assert_int_equal(clock_next_due(&rig->clock) - clock_now(&rig->clock), 488282 - 1);
	rig_step(rig, MS);
	assert_int_equal(rig->edges, 2);
}

static void sleeping_guest_hears_the_alarm_with_the_line_high(void **state)
{
	struct rtc_rig *rig = *state;

	set_alarm(rig, 0x07, 0x00, 0x00);
	rig_put(rig, RTC_B, B_IDLE | RTC_B_PIE | RTC_B_AIE);
	rig_step(rig, SECOND);
	assert_true(rig->level);
	rig_step(rig, 7 * 3600 * SECOND);
	assert_int_equal(rig->alarms, 0);
	rig_step(rig, SECOND);
	assert_int_equal(rig->alarms, 1);
	assert_int_equal(rig->edges, 1);
	rig_step(rig, DAY);
	assert_int_equal(rig->alarms, 1);
}

static void late_timer_is_as_good_as_none(void **state)
{
	struct rtc_rig *rig = *state;

	rig_put(rig, RTC_B, B_IDLE | RTC_B_PIE);
	/* The tick came before the read, though the timer had no chance: the guest gets its edge. */
	clock_set(&rig->clock, T0 + 500000);
	assert_int_equal(rig_get(rig, RTC_C), RTC_C_IRQF | RTC_C_PF);
	assert_int_equal(rig->edges, 1);
	assert_false(rig->level);
	clock_run_due(&rig->clock);
	assert_int_equal(rig->edges, 1);
}

static void jump_forward_fires_each_once(void **state)
{
	struct rtc_rig *rig = *state;
	uint8_t flags;

	set_alarm(rig, 0x06, 0x00, 0x00);
	rig_put(rig, RTC_B, B_IDLE | RTC_B_PIE | RTC_B_AIE);
	count(rig, SECOND, &flags);
	rig->edges = 0;
	/* The host slept for three days. */
	clock_set(&rig->clock, T0 + SECOND + 3 * DAY);
	clock_run_due(&rig->clock);
	assert_int_equal(rig->edges, 1);
	assert_int_equal(rig->alarms, 1);
	assert_int_equal(rig_get(rig, RTC_C), RTC_C_IRQF | RTC_C_ANY);
	assert_int_equal(rig->edges, 1);
	/* 2024-03-02, as the clock says. */
	assert_int_equal(rig_get(rig, RTC_DAY), 0x02);
	assert_int_equal(rig_get(rig, RTC_MONTH), 0x03);
	assert_int_equal(count(rig, SECOND, &flags), 1024);
	assert_int_equal(rig->alarms, 1);
}

static void jump_back_goes_on_from_there(void **state)
{
	struct rtc_rig *rig = *state;
	uint8_t flags;

	set_alarm(rig, ANY, ANY, 0x00);
	rig_put(rig, RTC_B, B_IDLE | RTC_B_PIE | RTC_B_AIE);
	count(rig, 10 * SECOND, &flags);
	/* The host's clock was set back by an hour: what is armed is for times an hour off. */
	clock_set(&rig->clock, T0 + 10 * SECOND - 3600 * SECOND + 7);
	assert_int_equal(rig_get(rig, RTC_HOUR), 0x23);
	clock_run_all(&rig->clock);
	assert_false(rig->level);
	rig->alarms = 0;
	assert_int_equal(count(rig, 60 * SECOND, &flags), 60 * 1024 + 1);
	assert_int_equal(rig->alarms, 1);
	/* The guest may be the first to notice. */
	clock_set(&rig->clock, 5 * SECOND);
	rig_get(rig, RTC_C);
	assert_true(clock_next_due(&rig->clock) <= 5 * SECOND + MS);
}

static void timer_fired_for_nothing_is_armed_again(void **state)
{
	struct rtc_rig *rig = *state;
	int64_t due;

	rig_put(rig, RTC_B, B_IDLE | RTC_B_UIE);
	due = clock_next_due(&rig->clock);
	clock_run_all(&rig->clock);
	assert_int_equal(clock_next_due(&rig->clock), due);
	assert_false(rig->level);
}

static void stopped_clock_stops_everything(void **state)
{
	struct rtc_rig *rig = *state;
	uint8_t c;

	rig_put(rig, RTC_B, B_IDLE | RTC_B_PIE | RTC_B_UIE);
	rig_step(rig, 10 * SECOND);
	rig_get(rig, RTC_C);
	for (int i = 0; i < 1000; i++) {
		c = rig_get(rig, RTC_C);
		assert_int_equal(c, 0);
		assert_int_equal(rig_get(rig, RTC_SECOND), 0x08);
		clock_run_due(&rig->clock);
	}
}

static void saved_in_one_clock_restored_in_another(void **state)
{
	struct rtc_rig *from = *state;
	struct rtc_rig to;
	struct rtc_options options;
	uint8_t *saved = malloc(state_size(&rtc_state_table));
	uint8_t *again = malloc(state_size(&rtc_state_table));

	set_alarm(from, ANY, ANY, 0x30);
	rig_put(from, RTC_WEEKDAY, 0x06);
	rig_put(from, 0x50, 0xaa);
	rig_put(from, RTC_A, RUNS_AT | 10);
	rig_put(from, RTC_B, B_IDLE | RTC_B_PIE | RTC_B_AIE);
	rig_step(from, 12 * SECOND + 345678901);
	rig_out(from, 0x70, 0xd0);
	assert_true(from->level);
	rtc_save(&from->rtc, saved);

	rig_init(&to, 5);
	options = rig_options(&to, 0);
	rig_plug(&to, &options);
	rtc_restore(&to.rtc, saved);
	/* The index too: the guest may be between its two accesses. */
	assert_int_equal(rig_in(&to, 0x71), 0xaa);
	assert_true(rtc_nmi_masked(&to.rtc));
	assert_true(to.level);
	rtc_save(&to.rtc, again);
	assert_memory_equal(saved, again, state_size(&rtc_state_table));
	for (int i = 0; i < 4000; i++) {
		assert_int_equal(rig_get(from, RTC_C), rig_get(&to, RTC_C));
		assert_int_equal(clock_next_due(&from->clock) - clock_now(&from->clock),
				 clock_next_due(&to.clock) - clock_now(&to.clock));
		for (unsigned reg = 0; reg < 0x80; reg++) {
			if (reg != RTC_C)
				assert_int_equal(rig_get(from, (uint8_t)reg),
						 rig_get(&to, (uint8_t)reg));
		}
		rig_step(from, 7654321);
		rig_step(&to, 7654321);
	}
	rig_unplug(&to);
	free(saved);
	free(again);
}

static void any_bytes_can_be_restored(void **state)
{
	struct rtc_rig *rig = *state;
	size_t size = state_size(&rtc_state_table);
	uint8_t *bytes = malloc(size);
	uint8_t flags;

	srand(3);
	for (int i = 0; i < 300; i++) {
		for (size_t n = 0; n < size; n++)
			bytes[n] = (uint8_t)(i < 2 ? -i : rand());
		rtc_restore(&rig->rtc, bytes);
		count(rig, SECOND, &flags);
		rig_put(rig, RTC_A, RUNS_AT | 6);
		for (unsigned reg = 0; reg < 0x80; reg++)
			rig_get(rig, (uint8_t)reg);
		rig_put(rig, RTC_B, B_IDLE);
		rig_step(rig, DAY);
		rtc_save(&rig->rtc, bytes);
	}
	free(bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(idle_chip_wakes_nobody),
		TEST(all_periodic_rates),
		TEST(periodic_ticks_do_not_drift),
		TEST(updates_fall_between_periodic_ticks),
		TEST(rate_change_keeps_the_phase),
		TEST(alternating_rates_add_up),
		TEST(flags_rise_without_enables_and_irqf_does_not),
		TEST(enabling_a_pending_flag_interrupts_at_once),
		TEST(update_interrupt_comes_each_second),
		TEST(alarm_patterns),
		TEST(alarm_comes_when_the_second_begins),
		TEST(alarm_in_twelve_hours_knows_am_from_pm),
		TEST(day_and_month_alarms),
		TEST(broken_date_matches_byte_by_byte),
		TEST(one_interrupt_for_all_three),
		TEST(unread_register_c_stops_the_timer),
		TEST(sleeping_guest_hears_the_alarm_with_the_line_high),
		TEST(late_timer_is_as_good_as_none),
		TEST(jump_forward_fires_each_once),
		TEST(jump_back_goes_on_from_there),
		TEST(timer_fired_for_nothing_is_armed_again),
		TEST(stopped_clock_stops_everything),
		TEST(saved_in_one_clock_restored_in_another),
		TEST(any_bytes_can_be_restored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
