// SPDX-License-Identifier: MIT
/* The RTC's ports and registers, and what the board does with it. */
#include "dev/rtc.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "dev/rtc_core.h"

/*
 * UIP goes up 244 us (8 cycles of the crystal) before an update, by both data sheets. They then let
 * the update itself take up to 1984 us, with UIP still up, while the chip works on its RAM. Here
 * nothing is worked on: the time changes between one ns and the next, so that part takes no time,
 * and a guest that waits for UIP to fall may read at once.
 */
#define UIP_NS (8 * NS_PER_SEC / RTC_CRYSTAL_HZ)

enum kind { KIND_RAM, KIND_TIME, KIND_ALARM, KIND_A, KIND_B, KIND_C, KIND_D };

static const uint8_t kinds[RTC_BANK_BYTES] = {
	[RTC_SECOND] = KIND_TIME,
	[RTC_SECOND_ALARM] = KIND_ALARM,
	[RTC_MINUTE] = KIND_TIME,
	[RTC_MINUTE_ALARM] = KIND_ALARM,
	[RTC_HOUR] = KIND_TIME,
	[RTC_HOUR_ALARM] = KIND_ALARM,
	[RTC_WEEKDAY] = KIND_TIME,
	[RTC_DAY] = KIND_TIME,
	[RTC_MONTH] = KIND_TIME,
	[RTC_YEAR] = KIND_TIME,
	[RTC_A] = KIND_A,
	[RTC_B] = KIND_B,
	[RTC_C] = KIND_C,
	[RTC_D] = KIND_D,
	[RTC_CENTURY] = KIND_TIME,
	[RTC_DAY_ALARM] = KIND_ALARM,
	[RTC_MONTH_ALARM] = KIND_ALARM,
};

/* The PS/2's place for the century is the AT's seen a second time. */
#define CENTURY_ALIAS 0x37

static const struct state_field state_fields[] = {
	{ STATE_ARRAY_AT(struct rtc_state, index) },
	{ STATE_ARRAY_AT(struct rtc_state, ram[0]) },
	{ STATE_ARRAY_AT(struct rtc_state, ram[1]) },
	{ STATE_AT(struct rtc_state, broken) },
	{ STATE_AT(struct rtc_state, weekday) },
	{ STATE_AT(struct rtc_state, base_seconds) },
	{ STATE_AT(struct rtc_state, base_update) },
	{ STATE_AT(struct rtc_state, chain) },
	{ STATE_AT(struct rtc_state, tick_origin) },
	{ STATE_AT(struct rtc_state, seen) },
	{ STATE_AT(struct rtc_state, last_tick) },
	{ STATE_AT(struct rtc_state, owed), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct rtc_state, ref_at) },
	{ STATE_AT(struct rtc_state, ref_seconds) },
	{ STATE_AT(struct rtc_state, offset) },
};

const struct state_table rtc_state_table = {
	.name = "mc146818",
	.version = 1,
	.fields = state_fields,
	.fields_n = sizeof(state_fields) / sizeof(state_fields[0]),
};

static void write_time(struct rtc *rtc, unsigned index, uint8_t value, int64_t now)
{
	struct rtc_state *s = &rtc->state;

	if (!rtc_core_held(s))
		rtc_face_latch(s, now);
	/* The top bit of the seconds cannot be written (DS12885, "Time, Calendar, Alarm Data"). */
	s->ram[0][index] = index == RTC_SECOND ? value & 0x7f : value;
	if (rtc_core_updates(s))
		rtc_face_start(rtc, now);
}

static void write_a(struct rtc *rtc, uint8_t value, int64_t now)
{
	struct rtc_state *s = &rtc->state;
	bool counted = rtc_core_counts(s), held = rtc_core_held(s);
	uint8_t old = s->ram[0][RTC_A], new = value &(uint8_t)~RTC_A_UIP;

	s->ram[0][RTC_A] = new;
	if (counted && !rtc_core_counts(s) && !held)
		rtc_face_latch(s, now);
	if (counted || !rtc_core_counts(s)) {
		if ((old ^ new) & (RTC_A_RATE | RTC_A_DV))
			rtc_core_rate_changed(rtc, old, now);
		return;
	}
	/* The chain begins at nothing: the first update is 500 ms away (DS12885, "DV"). */
	s->chain = now;
	rtc_core_rate_changed(rtc, 0, now);
	if (rtc_core_updates(s))
		rtc_face_start(rtc, now);
}

static void write_b(struct rtc *rtc, uint8_t value, int64_t now)
{
	struct rtc_state *s = &rtc->state;
	uint8_t old = s->ram[0][RTC_B];
	bool updated = rtc_core_updates(s);

	if (value & RTC_B_SET) {
		value &= (uint8_t)~RTC_B_UIE;
		if (!rtc_core_held(s))
			rtc_face_latch(s, now);
	}
	s->ram[0][RTC_B] = value;
	rtc->alarm_known = false;
	/* A date that was none may be one in another format. */
	if (rtc_core_updates(s) && (!updated || (s->broken && old != value)))
		rtc_face_start(rtc, now);
	if (!(value & RTC_B_PIE))
		s->owed = 0;
	if (~old & value & s->ram[0][RTC_C] & RTC_C_AF && rtc->options.alarm)
		rtc->options.alarm(rtc->options.arg);
	rtc_core_update_irq(rtc);
}

static uint8_t read_c(struct rtc *rtc, int64_t now)
{
	uint8_t *c = &rtc->state.ram[0][RTC_C];
	uint8_t value;

	rtc_core_sync(rtc, now);
	value = *c;
	*c = 0;
	if (value & RTC_C_IRQF)
		(void)irq_set(&rtc->options.irq, false);
	rtc_core_replay(rtc, now);
	rtc_core_arm(rtc, now);
	return value;
}

static uint8_t read_a(const struct rtc_state *s, int64_t now)
{
	int64_t next;

	if (!rtc_core_updates(s))
		return s->ram[0][RTC_A];
	next = rtc_core_update_time(s, rtc_core_update_number(s, now) + 1);
	return s->ram[0][RTC_A] | (next - now <= UIP_NS ? RTC_A_UIP : 0);
}

/* The register that the first index port selects. */
static unsigned rtc_selected(const struct rtc_state *s)
{
	unsigned index = s->index[0] & 0x7f;

	return index == CENTURY_ALIAS ? RTC_CENTURY : index;
}

static void index_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct rtc *rtc = chip;

	rtc->state.index[0] = (uint8_t)value;
}

static uint64_t rtc_data_read(void *chip, uint64_t offset, unsigned width)
{
	struct rtc *rtc = chip;
	struct rtc_state *s = &rtc->state;
	unsigned index = rtc_selected(s);

	switch ((enum kind)kinds[index]) {
	case KIND_TIME:
		return rtc_core_held(s) ? s->ram[0][index]
					: rtc_face_byte(s, index, rtc_core_now(rtc));
	case KIND_A:
		return read_a(s, rtc_core_now(rtc));
	case KIND_C:
		return read_c(rtc, rtc_core_now(rtc));
	case KIND_D:
		return RTC_D_VRT;
	case KIND_RAM:
	case KIND_ALARM:
	case KIND_B:
		break;
	}
	return s->ram[0][index];
}

static void rtc_data_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct rtc *rtc = chip;
	struct rtc_state *s = &rtc->state;
	unsigned index = rtc_selected(s);
	enum kind kind = kinds[index];
	int64_t now;

	if (kind == KIND_RAM) {
		s->ram[0][index] = (uint8_t)value;
		return;
	}
	/* Some firmware keeps a day alarm in register D; here that has a place of its own. */
	if (kind == KIND_C || kind == KIND_D)
		return;
	now = rtc_core_now(rtc);
	rtc_core_sync(rtc, now);
	if (kind == KIND_TIME) {
		write_time(rtc, index, (uint8_t)value, now);
	} else if (kind == KIND_A) {
		write_a(rtc, (uint8_t)value, now);
	} else if (kind == KIND_B) {
		write_b(rtc, (uint8_t)value, now);
	} else {
		s->ram[0][index] = (uint8_t)value;
		rtc->alarm_known = false;
	}
	rtc_core_arm(rtc, now);
}

static void index1_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct rtc *rtc = chip;

	rtc->state.index[1] = value & 0x7f;
}

static uint64_t data1_read(void *chip, uint64_t offset, unsigned width)
{
	struct rtc *rtc = chip;

	return rtc->state.ram[1][rtc->state.index[1]];
}

static void data1_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct rtc *rtc = chip;

	rtc->state.ram[1][rtc->state.index[1]] = (uint8_t)value;
}

#define WHY "only selects the register that the next access to the data port means"

static const struct mem_port bank0_ports[] = {
	{ .at = 0, .len = 1, .write = index_write, .wait = MEM_LATCH, .why = WHY, .name = "index" },
	{ .at = 1, .len = 1, .read = rtc_data_read, .write = rtc_data_write, .name = "data" },
};

static const struct mem_port bank1_ports[] = {
	{ .at = 0,
	  .len = 1,
	  .write = index1_write,
	  .wait = MEM_LATCH,
	  .why = WHY,
	  .name = "bank 1 index" },
	{ .at = 1, .len = 1, .read = data1_read, .write = data1_write, .name = "bank 1 data" },
};

void rtc_init(struct rtc *rtc, const struct rtc_options *options)
{
	struct rtc_state *s = &rtc->state;

	assert(options->start_ns >= 0 && options->start_ns < NS_PER_SEC);
	*rtc = (struct rtc){
		.device = rtc->device, .wire = rtc->wire, .options = *options, .armed = CLOCK_NEVER
	};
	lock_init(&rtc->lock, LOCK_DEVICE, "rtc");
	mem_region_init_io(&rtc->bank0, "mc146818rtc", 1, bank0_ports, 2, rtc, &rtc->lock);
	mem_region_init_io(&rtc->bank1, "mc146818rtc", 1, bank1_ports, 2, rtc, &rtc->lock);
	timer_init(&rtc->timer, options->clock, rtc_core_fire, rtc);
	timer_init(&rtc->report, options->clock, rtc_face_report, rtc);
	/* As a PC's firmware leaves it: 32.768 kHz, 1024 Hz, BCD, 24 hours. */
	s->ram[0][RTC_A] = 0x26;
	s->ram[0][RTC_B] = RTC_B_24H;
	s->seen = s->last_tick = rtc_core_now(rtc);
	s->ref_at = s->seen - options->start_ns;
	s->ref_seconds = s->base_seconds = options->start_seconds;
	s->weekday = (uint8_t)rtc_weekday(s->base_seconds);
	/* Update 0 was when the second began that is shown now. */
	s->chain = s->ref_at + NS_PER_SEC / 2;
	rtc_core_rate_changed(rtc, 0, s->seen);
	rtc->report_next = s->seen;
}

void rtc_destroy(struct rtc *rtc)
{
	timer_disarm(&rtc->timer);
	timer_disarm(&rtc->report);
	lock_destroy(&rtc->lock);
}

void rtc_reset(struct rtc *rtc)
{
	struct rtc_state *s = &rtc->state;
	int64_t now;

	lock_take(&rtc->lock);
	now = rtc_core_now(rtc);
	rtc_core_sync(rtc, now);
	state_reset(&rtc_state_table, s);
	s->ram[0][RTC_B] &= (uint8_t) ~(RTC_B_PIE | RTC_B_AIE | RTC_B_UIE | RTC_B_SQWE);
	s->ram[0][RTC_C] &= RTC_C_IRQF;
	rtc_core_update_irq(rtc);
	rtc_core_arm(rtc, now);
	lock_drop(&rtc->lock);
}

void rtc_sync(struct rtc *rtc)
{
	int64_t now;

	lock_take(&rtc->lock);
	now = rtc_core_now(rtc);
	rtc_core_sync(rtc, now);
	rtc_core_arm(rtc, now);
	lock_drop(&rtc->lock);
}

void rtc_set_cmos(struct rtc *rtc, unsigned index, uint8_t value)
{
	unsigned bank = index / RTC_BANK_BYTES, at = index % RTC_BANK_BYTES;

	assert(bank < 2 && (bank || (kinds[at] == KIND_RAM && at != CENTURY_ALIAS)));
	lock_take(&rtc->lock);
	rtc->state.ram[bank][at] = value;
	lock_drop(&rtc->lock);
}

uint8_t rtc_cmos(struct rtc *rtc, unsigned index)
{
	unsigned bank = index / RTC_BANK_BYTES, at = index % RTC_BANK_BYTES;
	uint8_t value;

	assert(bank < 2 && (bank || (kinds[at] == KIND_RAM && at != CENTURY_ALIAS)));
	lock_take(&rtc->lock);
	value = rtc->state.ram[bank][at];
	lock_drop(&rtc->lock);
	return value;
}

void rtc_set_checksum(struct rtc *rtc)
{
	uint8_t *ram = rtc->state.ram[0];
	unsigned sum = 0;

	lock_take(&rtc->lock);
	for (unsigned i = 0x10; i <= 0x2d; i++)
		sum += ram[i];
	ram[0x2e] = (uint8_t)(sum >> 8);
	ram[0x2f] = (uint8_t)sum;
	lock_drop(&rtc->lock);
}

bool rtc_nmi_masked(struct rtc *rtc)
{
	bool masked;

	lock_take(&rtc->lock);
	masked = rtc->state.index[0] & 0x80;
	lock_drop(&rtc->lock);
	return masked;
}

bool rtc_date(struct rtc *rtc, struct rtc_date *date)
{
	struct rtc_state *s = &rtc->state;
	bool valid = true;

	lock_take(&rtc->lock);
	if (rtc_core_held(s))
		valid = rtc_face_decode(s, date);
	else
		rtc_date_from_seconds(rtc_core_seconds(s, rtc_core_now(rtc)), date);
	lock_drop(&rtc->lock);
	return valid;
}

struct rtc_stats rtc_stats(struct rtc *rtc)
{
	struct rtc_stats stats;

	lock_take(&rtc->lock);
	stats = rtc->stats;
	lock_drop(&rtc->lock);
	return stats;
}

/* Makes the clock's times in the state relative to now, or absolute again. */
static void shift_times(struct rtc_state *s, int64_t by)
{
	s->chain += by;
	s->seen += by;
	s->last_tick += by;
	s->ref_at += by;
}

void rtc_save(struct rtc *rtc, uint8_t *out)
{
	struct rtc_state copy;
	int64_t now;

	lock_take(&rtc->lock);
	now = rtc_core_now(rtc);
	rtc_core_sync(rtc, now);
	rtc_core_arm(rtc, now);
	copy = rtc->state;
	lock_drop(&rtc->lock);
	if (rtc->options.clock->kind != CLOCK_KIND_HOST)
		shift_times(&copy, -now);
	state_save(&rtc_state_table, &copy, out);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	if (value < low)
		return low;
	return value > high ? high : value;
}

/* Brings a saved state that anybody may have written into ranges where no sum overflows. */
static void tame(struct rtc_state *s, int64_t clock_base)
{
	const int64_t seconds = INT64_C(10000) * 366 * RTC_SECONDS_A_DAY;
	int64_t *const times[] = { &s->chain, &s->seen, &s->last_tick, &s->ref_at };
	int64_t update;

	for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		*times[i] = clamp(*times[i], -RTC_CLOCK_LIMIT, RTC_CLOCK_LIMIT - 1) + clock_base;
		*times[i] = clamp(*times[i], -RTC_CLOCK_LIMIT / 2, RTC_CLOCK_LIMIT);
	}
	s->last_tick = clamp(s->last_tick, -RTC_CLOCK_LIMIT / 2, s->seen);
	s->base_seconds = clamp(s->base_seconds, -seconds, seconds);
	s->ref_seconds = clamp(s->ref_seconds, -seconds, seconds);
	update = rtc_core_update_number(s, s->seen);
	s->base_update = clamp(s->base_update, update - NS_PER_SEC, update + NS_PER_SEC);
	s->tick_origin = clamp(s->tick_origin, -seconds, seconds);
	s->owed = clamp(s->owed, 0, (int64_t)RTC_SLEW_LIMIT * RTC_CRYSTAL_HZ);
	s->broken = !!s->broken;
	s->index[1] &= 0x7f;
	s->ram[0][RTC_A] &= (uint8_t)~RTC_A_UIP;
}

void rtc_restore(struct rtc *rtc, const uint8_t *in)
{
	struct rtc_state *s = &rtc->state;
	uint8_t *c = &s->ram[0][RTC_C];
	int64_t now;
	bool high;

	lock_take(&rtc->lock);
	now = rtc_core_now(rtc);
	high = *c & RTC_C_IRQF;
	state_restore(&rtc_state_table, s, in);
	tame(s, rtc->options.clock->kind == CLOCK_KIND_HOST ? 0 : now);
	/* IRQF says what the line is, so that it moves only if it must. */
	*c = (uint8_t)((*c & RTC_C_ANY) | (high ? RTC_C_IRQF : 0));
	rtc->alarm_known = false;
	rtc->report_waits = false;
	rtc_core_update_irq(rtc);
	rtc_core_sync(rtc, now);
	rtc_core_arm(rtc, now);
	lock_drop(&rtc->lock);
}
