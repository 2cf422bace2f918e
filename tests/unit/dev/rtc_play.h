// SPDX-License-Identifier: MIT
/*
 * Plays a program of bytes - register accesses, steps and jumps of the clock, resets, saves - on three
 * chips at once: the RTC, the RTC with its index writes delivered as late as they may be, and the
 * model. The three must never differ in a byte read, an edge of the line or an alarm told. For the
 * property test and the fuzzer. A difference aborts with a message.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "dev/rtc_core.h"
#include "rtc_model.h"
#include "rtc_rig.h"

struct play {
	struct rtc_rig chip, late;
	struct model model;
	bool waiting; /* an index write that the late chip has not had yet */
	uint8_t waiting_index;
	const uint8_t *next, *end;
	unsigned ops;
	int64_t left; /* ns that may still pass: the model takes a while for a day */
};

static inline uint8_t play_byte(struct play *play)
{
	return play->next < play->end ? *play->next++ : 0;
}

static inline unsigned play_word(struct play *play)
{
	unsigned low = play_byte(play);

	return low | (unsigned)play_byte(play) << 8;
}

static inline void play_require(struct play *play, bool same, const char *what, unsigned a,
				unsigned b)
{
	if (same)
		return;
	fprintf(stderr, "operation %u: %s: 0x%x, expected 0x%x\n", play->ops, what, a, b);
	abort();
}

static inline void play_compare_lines(struct play *play)
{
	const struct rtc_rig *chip = &play->chip, *late = &play->late;
	const struct model *m = &play->model;

	play_require(play, chip->level == m->level, "line", chip->level, m->level);
	play_require(play, chip->edges == m->edges, "edges", chip->edges, m->edges);
	play_require(play, chip->alarms == m->alarms, "alarms", chip->alarms, m->alarms);
	play_require(play, late->level == m->level, "late line", late->level, m->level);
	play_require(play, late->edges == m->edges, "late edges", late->edges, m->edges);
}

static inline void play_index(struct play *play, uint8_t index)
{
	rig_out(&play->chip, 0x70, index);
	play->waiting = true;
	play->waiting_index = index;
}

/* What the ring does before any other access. */
static inline void play_deliver(struct play *play)
{
	if (play->waiting)
		rig_out(&play->late, 0x70, play->waiting_index);
	play->waiting = false;
}

static inline void play_read(struct play *play, uint8_t index)
{
	uint8_t expect = model_read(&play->model, index & 0x7f), got;

	play_index(play, index);
	got = rig_in(&play->chip, 0x71);
	play_require(play, got == expect, "read", (unsigned)got << 8 | index, expect);
	play_deliver(play);
	got = rig_in(&play->late, 0x71);
	play_require(play, got == expect, "late read", (unsigned)got << 8 | index, expect);
}

static inline void play_write(struct play *play, uint8_t index, uint8_t value)
{
	model_write(&play->model, index & 0x7f, value);
	play_index(play, index);
	rig_out(&play->chip, 0x71, value);
	play_deliver(play);
	rig_out(&play->late, 0x71, value);
}

static inline int64_t play_afford(struct play *play, int64_t ns)
{
	if (ns > play->left)
		ns = play->left;
	play->left -= ns;
	return ns;
}

static inline void play_step(struct play *play, int64_t ns)
{
	ns = play_afford(play, ns);
	rig_step(&play->chip, ns);
	rig_step(&play->late, ns);
	model_advance(&play->model, clock_now(&play->chip.clock));
}

static inline void play_jump(struct play *play, int64_t ns)
{
	int64_t to = clock_now(&play->chip.clock) + play_afford(play, ns);

	clock_set(&play->chip.clock, to);
	clock_set(&play->late.clock, to);
	clock_run_due(&play->chip.clock);
	clock_run_due(&play->late.clock);
	model_advance(&play->model, to);
}

/* Besides the first registers, those that mean something, and some RAM. */
static const uint8_t play_others[] = { 0x32, 0x37, 0x7d, 0x7e, 0x0f, 0x50 };

static inline uint8_t play_choose_index(struct play *play)
{
	uint8_t byte = play_byte(play);
	uint8_t index = byte & 0x7f;

	if (index < 0x60)
		return (byte & 0x80) | index % 14;
	return (byte & 0x80) | play_others[index % sizeof(play_others)];
}

/* Sets a time near one of the places where calendars go wrong. */
static inline void play_set_time(struct play *play)
{
	static const struct rtc_date dates[] = {
		{ 1999, 12, 31, 23, 59, 57 }, { 2000, 2, 28, 23, 59, 55 },
		{ 2004, 2, 29, 23, 59, 58 },  { 2100, 2, 28, 23, 59, 57 },
		{ 2024, 4, 30, 11, 59, 57 },  { 1980, 1, 1, 12, 59, 57 },
		{ 9999, 12, 31, 23, 59, 57 }, { 2099, 12, 31, 23, 0, 0 },
	};
	const struct rtc_date *date = &dates[play_byte(play) % 8];
	uint8_t b = play->model.ram[RTC_B], a = play->model.ram[RTC_A] & RTC_A_RATE;

	play_write(play, RTC_A, 0x70 | a);
	play_write(play, RTC_SECOND, rtc_encode(b, date->second));
	play_write(play, RTC_MINUTE, rtc_encode(b, date->minute));
	play_write(play, RTC_HOUR, rtc_encode_hour(b, date->hour));
	play_write(play, RTC_DAY, rtc_encode(b, date->day));
	play_write(play, RTC_MONTH, rtc_encode(b, date->month));
	play_write(play, RTC_YEAR, rtc_encode(b, date->year % 100));
	play_write(play, RTC_CENTURY, rtc_encode(b, date->year / 100));
	play_write(play, RTC_A, 0x20 | a);
}

/* An alarm near the time that is shown, so that it comes. */
static inline void play_set_alarm(struct play *play)
{
	const struct model *m = &play->model;
	unsigned any = play_byte(play);

	play_write(play, RTC_SECOND_ALARM, any & 1 ? 0xff : model_byte(m, (m->second + 2) % 60));
	play_write(play, RTC_MINUTE_ALARM, any & 2 ? 0xc0 : model_byte(m, m->minute));
	play_write(play, RTC_HOUR_ALARM, any & 4 ? 0xd3 : model_hour_byte(m, m->hour));
	play_write(play, RTC_DAY_ALARM, any & 8 ? 0xff : model_byte(m, m->day));
	play_write(play, RTC_MONTH_ALARM, any & 16 ? 0 : model_byte(m, m->month));
}

/* Saving and restoring, or looking, changes nothing. */
static inline void play_save(struct play *play)
{
	static uint8_t bytes[512];

	if (state_size(&rtc_state_table) > sizeof(bytes))
		abort();
	rtc_save(&play->chip.rtc, bytes);
	rtc_restore(&play->chip.rtc, bytes);
}

static inline void play_one(struct play *play)
{
	uint8_t index, op = play_byte(play) & 15;
	int64_t due;

	switch (op) {
	case 0:
	case 1:
	case 2:
		index = play_choose_index(play);
		play_write(play, index, play_byte(play));
		break;
	case 3:
	case 4:
		play_read(play, play_choose_index(play));
		break;
	case 5:
		play_read(play, RTC_C);
		break;
	case 6: /* up to 4 ms */
		play_step(play, (int64_t)play_word(play) * 64);
		break;
	case 7: /* up to 3 s */
		play_step(play, (int64_t)play_word(play) * 50000);
		break;
	case 8:
		due = clock_next_due(&play->chip.clock) - clock_now(&play->chip.clock);
		if (due > 0 && due < 10 * NS_PER_SEC)
			play_step(play, due - (play_byte(play) & 1));
		break;
	case 9: /* up to 4 hours */
		play_step(play, play_byte(play) * 60 * NS_PER_SEC);
		break;
	case 10:
		play_jump(play, (int64_t)play_word(play) * 50000);
		break;
	case 11:
		play_set_time(play);
		break;
	case 12:
		play_set_alarm(play);
		break;
	case 13:
		/* Enables and formats, without SET. */
		play_write(play, RTC_B, play_byte(play) & 0x7f);
		break;
	case 14:
		play_index(play, play_byte(play));
		rtc_sync(&play->chip.rtc);
		break;
	default:
		if (play_byte(play) & 7) {
			play_save(play);
			break;
		}
		rtc_reset(&play->chip.rtc);
		rtc_reset(&play->late.rtc);
		model_reset(&play->model);
	}
}

/* Plays the program until it ends; time stands still when limit ns have passed. */
static inline void play(const uint8_t *program, size_t len, int64_t limit)
{
	static struct play play;
	struct rtc_rig *const rigs[] = { &play.chip, &play.late };
	const struct rtc_date start = { 2000, 2, 28, 23, 59, 58 };
	size_t index;

	memset(&play, 0, sizeof(play));
	play.left = limit;
	play.next = program;
	play.end = program + len;
	for (int i = 0; i < 2; i++) {
		struct rtc_options options;

		rig_init(rigs[i], 3 * NS_PER_SEC);
		options = rig_options(rigs[i], rtc_date_seconds(&start));
		rig_plug(rigs[i], &options);
	}
	model_init(&play.model, 3 * NS_PER_SEC);
	for (; play.next < play.end; play.ops++) {
		play_one(&play);
		play_compare_lines(&play);
	}
	for (unsigned reg = 0; reg < 0x10; reg++)
		play_read(&play, (uint8_t)reg);
	for (unsigned i = 0; i < sizeof(play_others); i++)
		play_read(&play, play_others[i]);
	rtc_sync(&play.chip.rtc);
	rtc_sync(&play.late.rtc);
	if (state_differs(&rtc_state_table, &play.chip.rtc.state, &play.late.rtc.state, &index))
		abort();
	rig_unplug(&play.chip);
	rig_unplug(&play.late);
}
