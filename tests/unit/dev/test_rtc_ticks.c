// SPDX-License-Identifier: MIT
/*
 * Lost ticks: a guest that counts periodic interrupts, and is kept from taking them for a while, with
 * either policy. Two faults known elsewhere have their tests: a clock that never catches up, and
 * injection that runs away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dev/rtc_core.h"
#include "rtc_rig.h"

#define SECOND      NS_PER_SEC
#define RATE_8192   0x23
#define RATE_1024   0x26
#define RATE_64     0x2a
#define RATE_2      0x2f
#define PERIOD_1024 INT64_C(976563)
#define B_PIE       (RTC_B_24H | RTC_B_PIE)
#define LATENCY     (20 * NS_PER_US) /* from the edge to the guest's read of register C */

struct guest {
	struct rtc_rig rig;
	uint8_t rate; /* register A */
	int64_t cycles; /* of the crystal, that the guest has counted by ticks */
	unsigned ticks;
	int64_t closest; /* two interrupts in a row, ns */
	int64_t densest; /* six in a row: four lost ticks to a period, and its own */
	int64_t last[5]; /* interrupts, the latest first */
};

static int64_t period(uint8_t a)
{
	return INT64_C(1) << ((a & 15) - 1);
}

/* Begins a new measurement of how close interrupts come. */
static void watch_spacing(struct guest *guest)
{
	guest->closest = guest->densest = INT64_MAX;
	for (int i = 0; i < 5; i++)
		guest->last[i] = INT64_MIN / 2;
}

static void guest_init(struct guest *guest, enum rtc_lost_ticks policy)
{
	struct rtc_options options;

	*guest = (struct guest){ .rate = RATE_1024 };
	watch_spacing(guest);
	rig_init(&guest->rig, 500 * SECOND);
	options = rig_options(&guest->rig, 0);
	options.lost_ticks = policy;
	rig_plug(&guest->rig, &options);
	rig_put(&guest->rig, RTC_A, 0x70);
	rig_put(&guest->rig, RTC_A, guest->rate);
	rig_put(&guest->rig, RTC_B, B_PIE);
}

static int set_up_slew(void **state)
{
	static struct guest guest;

	guest_init(&guest, RTC_SLEW);
	*state = &guest;
	return 0;
}

static int set_up_discard(void **state)
{
	static struct guest guest;

	guest_init(&guest, RTC_DISCARD);
	*state = &guest;
	return 0;
}

static int tear_down(void **state)
{
	rig_unplug(&((struct guest *)*state)->rig);
	return 0;
}

/* The guest's interrupt handler, as that of Windows: every interrupt is a tick. */
static void take_interrupt(struct guest *guest)
{
	int64_t now = clock_now(&guest->rig.clock);

	if (now - guest->last[0] < guest->closest)
		guest->closest = now - guest->last[0];
	if (now - guest->last[4] < guest->densest)
		guest->densest = now - guest->last[4];
	memmove(&guest->last[1], &guest->last[0], 4 * sizeof(guest->last[0]));
	guest->last[0] = now;
	guest->rig.pending = false;
	guest->ticks++;
	guest->cycles += period(guest->rate);
	rig_get(&guest->rig, RTC_C);
}

/* Lets the guest run and take what comes. */
static void serve(struct guest *guest, int64_t ns)
{
	struct rtc_rig *rig = &guest->rig;
	int64_t end = clock_now(&rig->clock) + ns;

	for (;;) {
		int64_t now = clock_now(&rig->clock);
		int64_t next = rig->pending ? now + LATENCY : clock_next_due(&rig->clock);

		if (next < now)
			next = now;
		if (next > end) {
			rig_step(rig, end - now);
			return;
		}
		rig_step(rig, next - now);
		if (next != now + LATENCY || !rig->pending)
			continue;
		take_interrupt(guest);
	}
}

/* Lets time pass with the guest's interrupts disabled. */
static void block(struct guest *guest, int64_t ns)
{
	rig_step(&guest->rig, ns);
}

static void set_rate(struct guest *guest, uint8_t rate)
{
	/* What is on its way is of the old rate. */
	while (guest->rig.pending)
		take_interrupt(guest);
	guest->rate = rate;
	rig_put(&guest->rig, RTC_A, rate);
}

/* The clock of a guest that adds up periods, against time, in ns. */
static int64_t ahead(struct guest *guest)
{
	return guest->cycles * 1953125 / 64 - (clock_now(&guest->rig.clock) - 500 * SECOND);
}

/* Right, but for the period that is running (the first began half over). */
static void assert_keeps_time(struct guest *guest)
{
	assert_in_range(ahead(guest) + SECOND, SECOND - period(guest->rate) * 30518,
			SECOND + PERIOD_1024 / 2);
}

static void undisturbed_guest_gets_every_tick(void **state)
{
	struct guest *guest = *state;

	serve(guest, 100 * SECOND);
	assert_int_equal(guest->ticks, 100 * 1024);
	assert_int_equal(rtc_stats(&guest->rig.rtc).ticks_lost, 0);
	assert_int_equal(rtc_stats(&guest->rig.rtc).ticks_replayed, 0);
	assert_true(guest->closest >= PERIOD_1024 - 2);
}

static void discard_gives_nothing_back(void **state)
{
	struct guest *guest = *state;

	serve(guest, SECOND);
	block(guest, 3 * SECOND);
	serve(guest, 10 * SECOND);
	/* One of those of the three seconds waited in the controller. */
	assert_int_equal(guest->ticks, 11 * 1024 + 1);
	assert_int_equal(rtc_stats(&guest->rig.rtc).ticks_lost, 3 * 1024 - 1);
	assert_int_equal(rtc_stats(&guest->rig.rtc).ticks_replayed, 0);
	assert_true(guest->closest >= PERIOD_1024 / 2);
}

static void slew_catches_up_exactly_at_a_bounded_rate(void **state)
{
	struct guest *guest = *state;
	unsigned before;

	serve(guest, SECOND);
	block(guest, 3 * SECOND);
	/* Three periods in each are a gain, the fourth is the present's own. */
	before = guest->ticks;
	watch_spacing(guest);
	serve(guest, SECOND / 2);
	assert_in_range(guest->ticks - before, 3 * 512, 5 * 512 + 2);
	serve(guest, SECOND / 2);
	assert_true(guest->densest >= PERIOD_1024 - LATENCY);
	serve(guest, 9 * SECOND);
	assert_int_equal(guest->ticks, 14 * 1024);
	assert_int_equal(rtc_stats(&guest->rig.rtc).ticks_lost,
			 rtc_stats(&guest->rig.rtc).ticks_replayed);
	/* And goes on as if nothing had been. */
	watch_spacing(guest);
	serve(guest, 10 * SECOND);
	assert_int_equal(guest->ticks, 24 * 1024);
	assert_true(guest->closest >= PERIOD_1024 - 2);
}

static void slew_catches_up_after_each_of_many_short_losses(void **state)
{
	struct guest *guest = *state;

	for (int i = 0; i < 1000; i++) {
		block(guest, 1234567 + i * 4321);
		serve(guest, 3456789);
	}
	serve(guest, 20 * SECOND);
	assert_keeps_time(guest);
}

static void guest_that_never_reads_c_gets_no_storm(void **state)
{
	struct guest *guest = *state;

	serve(guest, SECOND);
	guest->rig.edges = 0;
	for (int i = 0; i < 3600; i++) {
		block(guest, SECOND);
		/* It takes the interrupt but does not acknowledge it. */
		guest->rig.pending = false;
		if (i > 0)
			assert_int_equal(clock_next_due(&guest->rig.clock), CLOCK_NEVER);
	}
	assert_int_equal(guest->rig.edges, 1);
}

static void reading_c_in_a_loop_runs_nothing_away(void **state)
{
	struct guest *guest = *state;

	block(guest, 10 * SECOND);
	guest->rig.edges = 0;
	/* No time passes: at most one tick may come of any number of reads. */
	for (int i = 0; i < 100000; i++) {
		guest->rig.pending = false;
		rig_get(&guest->rig, RTC_C);
	}
	assert_in_range(guest->rig.edges, 0, 1);
	/* Time passes: no more than the bounded rate. */
	guest->rig.edges = 0;
	for (int i = 0; i < 100000; i++) {
		rig_step(&guest->rig, 10 * NS_PER_US);
		guest->rig.pending = false;
		rig_get(&guest->rig, RTC_C);
	}
	assert_in_range(guest->rig.edges, 3 * 1024, 5 * 1024 + 1);
}

static void lost_tick_is_given_when_c_is_read(void **state)
{
	struct guest *guest = *state;

	block(guest, SECOND);
	guest->rig.edges = 0;
	/* A good while after the last tick asked: at once, with no timer's help. */
	rig_get(&guest->rig, RTC_C);
	assert_true(guest->rig.level);
	assert_int_equal(guest->rig.edges, 1);
	/* Right after it: not before a quarter of a period is over. */
	guest->rig.pending = false;
	rig_get(&guest->rig, RTC_C);
	assert_false(guest->rig.level);
	block(guest, PERIOD_1024 / RTC_SLEW_SPEED);
	assert_false(guest->rig.level);
	block(guest, 1);
	assert_true(guest->rig.level);
}

static void clock_set_back_does_not_stop_the_catching_up(void **state)
{
	struct guest *guest = *state;
	unsigned before;

	block(guest, 3 * SECOND);
	serve(guest, 10 * NS_PER_MS);
	clock_set(&guest->rig.clock, 5 * SECOND);
	clock_run_all(&guest->rig.clock);
	before = guest->ticks;
	serve(guest, SECOND);
	assert_in_range(guest->ticks - before, 3 * 1024, 5 * 1024);
}

static void period_change_while_behind_rescales(void **state)
{
	static const uint8_t rates[] = { RATE_64, RATE_8192, RATE_2, RATE_1024 };
	struct guest *guest = *state;

	for (size_t i = 0; i < sizeof(rates); i++) {
		serve(guest, SECOND);
		block(guest, 16 * SECOND);
		serve(guest, 10 * NS_PER_MS);
		set_rate(guest, rates[i]);
		/* The same time is owed, in ticks of another length. */
		serve(guest, 20 * SECOND);
		assert_keeps_time(guest);
	}
}

static void what_is_owed_is_a_time_not_a_number(void **state)
{
	struct guest *guest = *state;
	unsigned before;

	block(guest, 16 * SECOND);
	set_rate(guest, RATE_64);
	before = guest->ticks;
	serve(guest, 100 * SECOND);
	/* 16 s of 64 Hz, not 16 * 1024 ticks of them. */
	assert_in_range(guest->ticks - before, 116 * 64 - 1, 116 * 64 + 1);
}

static void stopping_the_ticks_forgives_what_is_owed(void **state)
{
	struct guest *guest = *state;

	for (int how = 0; how < 4; how++) {
		block(guest, 5 * SECOND);
		if (how == 0) {
			rig_put(&guest->rig, RTC_B, RTC_B_24H);
		} else if (how == 1) {
			rig_put(&guest->rig, RTC_A, 0x20);
		} else if (how == 2) {
			rig_put(&guest->rig, RTC_A, 0x76);
		} else {
			rtc_reset(&guest->rig.rtc);
		}
		rig_get(&guest->rig, RTC_C);
		guest->rig.pending = false;
		rig_put(&guest->rig, RTC_A, RATE_1024);
		rig_put(&guest->rig, RTC_B, B_PIE);
		guest->ticks = 0;
		serve(guest, 10 * SECOND);
		assert_in_range(guest->ticks, 10 * 1024 - 1, 10 * 1024 + 1);
	}
}

static void backlog_has_an_end(void **state)
{
	struct guest *guest = *state;

	serve(guest, SECOND);
	/* The host slept for a week, or the machine was paused with a clock that runs on. */
	clock_set(&guest->rig.clock, clock_now(&guest->rig.clock) + 7 * 86400 * SECOND);
	clock_run_due(&guest->rig.clock);
	watch_spacing(guest);
	guest->ticks = 0;
	serve(guest, 2000 * SECOND);
	assert_in_range(guest->ticks, (RTC_SLEW_LIMIT + 2000) * 1024 - 1,
			(RTC_SLEW_LIMIT + 2000) * 1024 + 1);
	assert_true(guest->densest >= PERIOD_1024 - LATENCY);
}

static void merged_edge_is_a_lost_tick(void **state)
{
	struct guest *guest = *state;

	serve(guest, SECOND);
	/* A guest that polls C with interrupts disabled: the line falls, the edge stays pending. */
	block(guest, PERIOD_1024);
	for (int i = 0; i < 10; i++) {
		rig_get(&guest->rig, RTC_C);
		block(guest, PERIOD_1024);
	}
	assert_int_equal(rtc_stats(&guest->rig.rtc).ticks_lost, 10);
	serve(guest, SECOND);
	assert_in_range(guest->ticks, 2 * 1024 + 10, 2 * 1024 + 12);
	assert_int_equal(rtc_stats(&guest->rig.rtc).ticks_replayed, 10);
}

static void edge_latched_behind_a_mask_is_not_given_twice(void **state)
{
	struct guest *guest = *state;

	for (int i = 0; i < 100; i++) {
		serve(guest, SECOND / 64);
		/* An 8259 masked across one tick, as a HAL does that raises its level. */
		guest->rig.controller = RIG_MASKED_8259;
		block(guest, PERIOD_1024);
		guest->rig.controller = RIG_OPEN;
	}
	serve(guest, SECOND);
	assert_in_range(guest->ticks, 100 * 17 + 1024 - 1, 100 * 17 + 1024 + 1);
}

static void late_host_counts_as_the_guests_loss(void **state)
{
	struct guest *guest = *state;

	/* The host's timer thread comes five periods late, each time. */
	for (int i = 0; i < 100; i++) {
		clock_set(&guest->rig.clock, clock_now(&guest->rig.clock) + 5 * PERIOD_1024);
		clock_run_due(&guest->rig.clock);
		take_interrupt(guest);
	}
	serve(guest, SECOND);
	assert_in_range(guest->ticks, 500 + 1024 - 1, 500 + 1024 + 1);
}

/* A guest at random: what it has counted is never ahead of time, and in the end not behind. */
static void random_guest_keeps_time(void **state)
{
	static const uint8_t rates[] = { RATE_8192, 0x24, RATE_1024, RATE_64, 0x2d };
	const char *seed = getenv("COALPORT_SEED");
	struct guest *guest = *state;

	srand(seed ? (unsigned)strtoul(seed, NULL, 0) : 1);
	for (int i = 0; i < 2000; i++) {
		int64_t ns = (int64_t)rand() % (20 * NS_PER_MS);

		switch (rand() % 5) {
		case 0:
			block(guest, ns);
			break;
		case 1:
			set_rate(guest, rates[(unsigned)rand() % sizeof(rates)]);
			break;
		default:
			serve(guest, ns);
		}
		assert_true(ahead(guest) <= PERIOD_1024 / 2);
	}
	set_rate(guest, RATE_8192);
	serve(guest, 60 * SECOND);
	set_rate(guest, RATE_1024);
	serve(guest, SECOND);
	assert_keeps_time(guest);
	guest->ticks = 0;
	watch_spacing(guest);
	serve(guest, 10 * SECOND);
	assert_int_equal(guest->ticks, 10 * 1024);
	assert_true(guest->closest >= PERIOD_1024 - 2);
}

int main(void)
{
#define SLEW(name)    cmocka_unit_test_setup_teardown(name, set_up_slew, tear_down)
#define DISCARD(name) cmocka_unit_test_setup_teardown(name, set_up_discard, tear_down)
	const struct CMUnitTest tests[] = {
		SLEW(undisturbed_guest_gets_every_tick),
		DISCARD(undisturbed_guest_gets_every_tick),
		DISCARD(discard_gives_nothing_back),
		SLEW(slew_catches_up_exactly_at_a_bounded_rate),
		SLEW(slew_catches_up_after_each_of_many_short_losses),
		SLEW(guest_that_never_reads_c_gets_no_storm),
		DISCARD(guest_that_never_reads_c_gets_no_storm),
		SLEW(reading_c_in_a_loop_runs_nothing_away),
		SLEW(lost_tick_is_given_when_c_is_read),
		SLEW(clock_set_back_does_not_stop_the_catching_up),
		SLEW(period_change_while_behind_rescales),
		SLEW(what_is_owed_is_a_time_not_a_number),
		SLEW(stopping_the_ticks_forgives_what_is_owed),
		SLEW(backlog_has_an_end),
		SLEW(merged_edge_is_a_lost_tick),
		SLEW(edge_latched_behind_a_mask_is_not_given_twice),
		SLEW(late_host_counts_as_the_guests_loss),
		SLEW(random_guest_keeps_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
