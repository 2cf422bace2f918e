// SPDX-License-Identifier: MIT
/*
 * A second RTC, as slow and simple as can be, to hold the chip against: it goes from event to event,
 * adds one to the seconds, compares bytes, and knows no base, no timers and no cleverness. Periodic
 * interrupts that are lost are lost. It shares no code with the chip.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct model {
	int64_t now;
	bool runs; /* the divider */
	int64_t chain; /* its release */
	int64_t next_update; /* whether it happens or SET holds it back */
	int64_t last_cycle, next_cycle; /* of the crystal since chain: periodic ticks */
	uint8_t ram[128]; /* by index; time bytes while the time does not run */
	bool broken;
	int second, minute, hour, weekday, day, month, year;
	bool level;
	unsigned edges, alarms;
};

static inline bool model_frozen(const struct model *m)
{
	return m->broken || !m->runs || m->ram[0x0b] & 0x80;
}

static inline int model_period(uint8_t a)
{
	static const int cycles[16] = { 0,   128, 256, 4,    8,    16,   32,   64,
					128, 256, 512, 1024, 2048, 4096, 8192, 16384 };

	return cycles[a & 15];
}

static inline int64_t model_cycle_ns(const struct model *m, int64_t cycle)
{
	__int128 ns = (__int128)cycle * 1953125;

	return m->chain + (int64_t)(ns / 64) + (ns % 64 != 0);
}

static inline uint8_t model_byte(const struct model *m, int value)
{
	return (uint8_t)(m->ram[0x0b] & 4 ? value : value / 10 * 16 + value % 10);
}

static inline uint8_t model_hour_byte(const struct model *m, int hour)
{
	static const int twelve[12] = { 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };

	if (m->ram[0x0b] & 2)
		return model_byte(m, hour);
	return (uint8_t)(model_byte(m, twelve[hour % 12]) + (hour < 12 ? 0 : 128));
}

/* Numbers by trying which of them would be shown so; -1 if none. */
static inline int model_number(const struct model *m, uint8_t byte, int limit)
{
	for (int value = 0; value < limit; value++) {
		if (model_byte(m, value) == byte)
			return value;
	}
	return -1;
}

static inline int model_hour_number(const struct model *m, uint8_t byte)
{
	for (int hour = 0; hour < 24; hour++) {
		if (model_hour_byte(m, hour) == byte)
			return hour;
	}
	return -1;
}

static inline int model_days(int year, int month)
{
	static const int days[13] = { 0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	if (month == 2 && (year % 400 == 0 || (year % 4 == 0 && year % 100 != 0)))
		return 29;
	return days[month];
}

static inline void model_next_second(struct model *m)
{
	if (++m->second < 60)
		return;
	m->second = 0;
	if (++m->minute < 60)
		return;
	m->minute = 0;
	if (++m->hour < 24)
		return;
	m->hour = 0;
	m->weekday = m->weekday % 7 + 1;
	if (++m->day <= model_days(m->year, m->month))
		return;
	m->day = 1;
	if (++m->month <= 12)
		return;
	m->month = 1;
	m->year = (m->year + 1) % 10000;
}

/* What a time byte shows. */
static inline uint8_t model_shows(const struct model *m, unsigned index)
{
	if (model_frozen(m))
		return m->ram[index];
	switch (index) {
	case 0x00:
		return model_byte(m, m->second);
	case 0x02:
		return model_byte(m, m->minute);
	case 0x04:
		return model_hour_byte(m, m->hour);
	case 0x06:
		return model_byte(m, m->weekday);
	case 0x07:
		return model_byte(m, m->day);
	case 0x08:
		return model_byte(m, m->month);
	case 0x09:
		return model_byte(m, m->year % 100);
	default:
		return model_byte(m, m->year / 100);
	}
}

static inline void model_freeze(struct model *m)
{
	static const uint8_t places[] = { 0, 2, 4, 6, 7, 8, 9, 0x32 };
	uint8_t bytes[sizeof(places)];

	for (unsigned i = 0; i < sizeof(places); i++)
		bytes[i] = model_shows(m, places[i]);
	for (unsigned i = 0; i < sizeof(places); i++)
		m->ram[places[i]] = bytes[i];
}

static inline void model_thaw(struct model *m)
{
	int second = model_number(m, m->ram[0], 60), minute = model_number(m, m->ram[2], 60);
	int hour = model_hour_number(m, m->ram[4]), day = model_number(m, m->ram[7], 32);
	int month = model_number(m, m->ram[8], 13), year = model_number(m, m->ram[9], 100);
	int century = model_number(m, m->ram[0x32], 100);
	int weekday = model_number(m, m->ram[6], m->ram[0x0b] & 4 ? 256 : 100);

	m->broken = second < 0 || minute < 0 || hour < 0 || day < 1 || month < 1 || year < 0 ||
		    century < 0 || day > model_days(century * 100 + year, month);
	if (m->broken)
		return;
	m->second = second;
	m->minute = minute;
	m->hour = hour;
	m->day = day;
	m->month = month;
	m->year = century * 100 + year;
	m->weekday = weekday < 0 ? m->ram[6] % 8 : weekday;
}

static inline void model_flags(struct model *m, uint8_t flags)
{
	bool high;

	if (flags & m->ram[0x0b] & ~m->ram[0x0c] & 0x20)
		m->alarms++;
	m->ram[0x0c] |= flags;
	high = m->ram[0x0c] & m->ram[0x0b] & 0x70;
	m->ram[0x0c] = (uint8_t)((m->ram[0x0c] & 0x70) | (high ? 0x80 : 0));
	m->edges += high && !m->level;
	m->level = high;
}

static inline void model_update(struct model *m)
{
	static const uint8_t pairs[5][2] = {
		{ 0, 1 }, { 2, 3 }, { 4, 5 }, { 7, 0x7d }, { 8, 0x7e }
	};
	bool alarm = true;

	if (!m->broken)
		model_next_second(m);
	for (int i = 0; i < 5; i++) {
		uint8_t want = m->ram[pairs[i][1]];

		if (want < 0xc0 && !(want == 0 && i >= 3) && model_shows(m, pairs[i][0]) != want)
			alarm = false;
	}
	model_flags(m, alarm ? 0x30 : 0x10);
}

/* Lets time pass, from one event to the next. */
static inline void model_advance(struct model *m, int64_t target)
{
	while (m->runs) {
		int period = model_period(m->ram[0x0a]);
		int64_t tick = period ? model_cycle_ns(m, m->next_cycle) : INT64_MAX;

		/* Another tick where PF is set changes nothing: not one by one, or days take days. */
		if (m->ram[0x0c] & 0x40 && tick < m->next_update && tick <= target) {
			int64_t until = m->next_update < target ? m->next_update : target;
			int64_t skip = (until - tick) / (period * INT64_C(30518));

			m->last_cycle = m->next_cycle + skip * period;
			m->next_cycle = m->last_cycle + period;
			continue;
		}
		if (tick > target && m->next_update > target)
			break;
		m->now = tick < m->next_update ? tick : m->next_update;
		if (tick == m->now) {
			m->last_cycle = m->next_cycle;
			m->next_cycle += period;
			model_flags(m, 0x40);
		}
		if (m->next_update == m->now) {
			m->next_update += 1000000000;
			if (!(m->ram[0x0b] & 0x80))
				model_update(m);
		}
	}
	m->now = target;
}

static inline void model_write_a(struct model *m, uint8_t value)
{
	int old = m->runs ? model_period(m->ram[0x0a]) : 0, period = model_period(value);
	bool runs = (value & 0x70) <= 0x20;
	bool changed = (m->ram[0x0a] ^ value) & 0x7f;

	if (m->runs && !runs && !model_frozen(m))
		model_freeze(m);
	m->ram[0x0a] = value & 0x7f;
	if (!m->runs && runs) {
		m->runs = true;
		m->chain = m->now;
		m->next_update = m->now + 500000000;
		if (!(m->ram[0x0b] & 0x80))
			model_thaw(m);
	}
	m->runs = runs;
	if (!runs || !period || !changed)
		return;
	m->next_cycle = old ? m->last_cycle + period : period / 2;
	while (model_cycle_ns(m, m->next_cycle) <= m->now)
		m->next_cycle += period;
	m->last_cycle = m->next_cycle - period;
}

static inline void model_write_b(struct model *m, uint8_t value)
{
	uint8_t old = m->ram[0x0b];

	if (value & 0x80) {
		value &= 0xef;
		if (!model_frozen(m))
			model_freeze(m);
	}
	m->ram[0x0b] = value;
	if (!(value & 0x80) && m->runs && (old & 0x80 || (m->broken && old != value)))
		model_thaw(m);
	if (~old & value & m->ram[0x0c] & 0x20)
		m->alarms++;
	model_flags(m, 0);
}

static inline void model_write(struct model *m, unsigned index, uint8_t value)
{
	if (index == 0x37)
		index = 0x32;
	if (index == 0x0a) {
		model_write_a(m, value);
	} else if (index == 0x0b) {
		model_write_b(m, value);
	} else if (index <= 9 || index == 0x32) {
		bool time = index % 2 == 0 || index >= 6;

		if (time && !model_frozen(m))
			model_freeze(m);
		m->ram[index] = index == 0 ? value & 0x7f : value;
		if (time && m->runs && !(m->ram[0x0b] & 0x80))
			model_thaw(m);
	} else if (index != 0x0c && index != 0x0d) {
		m->ram[index] = value;
	}
}

static inline uint8_t model_read(struct model *m, unsigned index)
{
	uint8_t c;

	if (index == 0x37)
		index = 0x32;
	switch (index) {
	case 0x0a:
		return m->ram[0x0a] |
		       (m->runs && !(m->ram[0x0b] & 0x80) && m->next_update - m->now <= 244140
				? 0x80
				: 0);
	case 0x0c:
		c = m->ram[0x0c];
		m->ram[0x0c] = 0;
		m->level = false;
		return c;
	case 0x0d:
		return 0x80;
	case 0x00:
	case 0x02:
	case 0x04:
	case 0x06:
	case 0x07:
	case 0x08:
	case 0x09:
	case 0x32:
		return model_shows(m, index);
	default:
		return m->ram[index];
	}
}

static inline void model_reset(struct model *m)
{
	m->ram[0x0b] &= 0x87;
	m->ram[0x0c] = 0;
	m->level = false;
}

/* 2000-02-28 23:59:58, a Monday; the second begins now. */
static inline void model_init(struct model *m, int64_t now)
{
	memset(m, 0, sizeof(*m));
	m->now = now;
	m->runs = true;
	m->chain = now - 500000000;
	m->next_update = now + 1000000000;
	m->ram[0x0a] = 0x20;
	m->ram[0x0b] = 0x02;
	m->second = 58;
	m->minute = 59;
	m->hour = 23;
	m->weekday = 2;
	m->day = 28;
	m->month = 2;
	m->year = 2000;
	model_write_a(m, 0x26);
}
