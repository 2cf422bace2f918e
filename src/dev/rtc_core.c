// SPDX-License-Identifier: MIT
/* How time passes in the RTC: updates, ticks, alarms, flags, the line, the timer and lost ticks. */
#include "dev/rtc_core.h"

#define HALF_SECOND (NS_PER_SEC / 2)

int64_t rtc_core_now(struct rtc *rtc)
{
	int64_t now = clock_now(rtc->options.clock);

	if (now > RTC_CLOCK_LIMIT)
		return RTC_CLOCK_LIMIT;
	return now < 0 ? 0 : now;
}

bool rtc_core_counts(const struct rtc_state *s)
{
	/*
	 * 000 and 001 are the MC146818A's settings for faster crystals: a board that has one of
	 * these runs right with them, so they count as running. What follows 010 stops the chain.
	 */
	return (s->ram[0][RTC_A] & RTC_A_DV) <= 0x20;
}

bool rtc_core_updates(const struct rtc_state *s)
{
	return rtc_core_counts(s) && !(s->ram[0][RTC_B] & RTC_B_SET);
}

bool rtc_core_held(const struct rtc_state *s)
{
	return s->broken || !rtc_core_updates(s);
}

int64_t rtc_core_update_number(const struct rtc_state *s, int64_t ns)
{
	return rtc_floor_div(ns - s->chain + HALF_SECOND, NS_PER_SEC);
}

int64_t rtc_core_update_time(const struct rtc_state *s, int64_t number)
{
	return s->chain - HALF_SECOND + number * NS_PER_SEC;
}

int64_t rtc_core_seconds(const struct rtc_state *s, int64_t now)
{
	return s->base_seconds + (rtc_core_update_number(s, now) - s->base_update);
}

/* A cycle of the crystal is 1953125 / 64 ns. Seconds apart, so that nothing overflows. */
static int64_t cycles_in(int64_t ns)
{
	int64_t seconds = rtc_floor_div(ns, NS_PER_SEC);

	return seconds * RTC_CRYSTAL_HZ + (ns - seconds * NS_PER_SEC) * 64 / 1953125;
}

/* The first ns in which that many cycles are over. */
static int64_t cycles_end(int64_t cycles)
{
	int64_t seconds = rtc_floor_div(cycles, RTC_CRYSTAL_HZ);

	return seconds * NS_PER_SEC + ((cycles - seconds * RTC_CRYSTAL_HZ) * 1953125 + 63) / 64;
}

/* Cycles from one periodic tick to the next, 0 if there are none (DS12885, table 3). */
static int64_t period_of(uint8_t a)
{
	unsigned rate = a & RTC_A_RATE;

	if (!rate)
		return 0;
	/* Codes 1 and 2 would be taps before the first: the chip gives 256 and 128 Hz. */
	return INT64_C(1) << ((rate <= 2 ? rate + 7 : rate) - 1);
}

/* The period, if ticks happen at all. */
static int64_t period_now(const struct rtc_state *s)
{
	return rtc_core_counts(s) ? period_of(s->ram[0][RTC_A]) : 0;
}

/* The number of ticks from tick_origin to a time; negative before it. */
static int64_t tick_number(const struct rtc_state *s, int64_t ns, int64_t period)
{
	return rtc_floor_div(cycles_in(ns - s->chain) - s->tick_origin, period);
}

static bool slews(const struct rtc *rtc)
{
	return rtc->options.lost_ticks == RTC_SLEW && rtc->state.ram[0][RTC_B] & RTC_B_PIE;
}

static void owe(struct rtc *rtc, int64_t cycles)
{
	const int64_t limit = (int64_t)RTC_SLEW_LIMIT * RTC_CRYSTAL_HZ;
	struct rtc_state *s = &rtc->state;

	s->owed = cycles > limit - s->owed ? limit : s->owed + cycles;
}

/* Raises the line if it is low and an enabled flag is set. False if it rose for nothing. */
static bool raise_line(struct rtc *rtc)
{
	uint8_t *ram = rtc->state.ram[0];

	if (ram[RTC_C] & RTC_C_IRQF || !(ram[RTC_C] & ram[RTC_B] & RTC_C_ANY))
		return true;
	ram[RTC_C] |= RTC_C_IRQF;
	return irq_set(&rtc->options.irq, true) != IRQ_MERGED;
}

/*
 * Sets flags for what happened, ticks periodic ones among it. A tick is lost if the guest cannot
 * tell it from the one before: PF was still set, or its edge met one that still waits. A masked
 * input is no loss: an 8259 remembers the edge, and a tick given twice makes the guest's clock
 * run ahead for good.
 */
static void set_flags(struct rtc *rtc, uint8_t flags, int64_t ticks, int64_t now)
{
	struct rtc_state *s = &rtc->state;
	uint8_t fresh = flags & (uint8_t)~s->ram[0][RTC_C];
	uint8_t asked = fresh & s->ram[0][RTC_B];
	int64_t lost = ticks - !!(fresh & RTC_C_PF);

	s->ram[0][RTC_C] |= flags;
	if (!raise_line(rtc) && asked & RTC_C_PF)
		lost++;
	if (asked & RTC_C_PF)
		s->last_tick = now;
	if (asked & RTC_C_AF && rtc->options.alarm)
		rtc->options.alarm(rtc->options.arg);
	if (!(s->ram[0][RTC_B] & RTC_B_PIE))
		return;
	rtc->stats.ticks_lost += (uint64_t)lost;
	if (slews(rtc) && lost > 0)
		owe(rtc, lost * period_now(s));
}

/* An alarm byte as a number to compare with; values from 0xc0 match anything. */
static int alarm_field(const struct rtc_state *s, unsigned index)
{
	uint8_t byte = s->ram[0][index], b = s->ram[0][RTC_B];
	int value;

	/* Day and month also at 0, which no date has: RAM that nobody wrote asks for nothing. */
	if (byte >= 0xc0 || (!byte && (index == RTC_DAY_ALARM || index == RTC_MONTH_ALARM)))
		return RTC_ALARM_ANY;
	value = index == RTC_HOUR_ALARM ? rtc_decode_hour(b, byte) : rtc_decode(b, byte);
	return value < 0 ? INT32_MAX : value;
}

static bool broken_matches(const struct rtc_state *s)
{
	static const uint8_t pairs[][2] = {
		{ RTC_SECOND, RTC_SECOND_ALARM }, { RTC_MINUTE, RTC_MINUTE_ALARM },
		{ RTC_HOUR, RTC_HOUR_ALARM },     { RTC_DAY, RTC_DAY_ALARM },
		{ RTC_MONTH, RTC_MONTH_ALARM },
	};

	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (alarm_field(s, pairs[i][1]) != RTC_ALARM_ANY &&
		    s->ram[0][pairs[i][0]] != s->ram[0][pairs[i][1]])
			return false;
	}
	return true;
}

/* The first update after seen that matches the alarm bytes, or RTC_ALARM_NEVER. */
static int64_t next_alarm(struct rtc *rtc)
{
	const struct rtc_state *s = &rtc->state;
	int64_t update = rtc_core_update_number(s, s->seen);
	struct rtc_alarm alarm;
	int64_t now, next;

	if (rtc->alarm_known)
		return rtc->alarm_update;
	rtc->alarm_known = true;
	/* Every update compares the same bytes while they are no date. */
	if (s->broken)
		return rtc->alarm_update = broken_matches(s) ? update + 1 : RTC_ALARM_NEVER;
	alarm = (struct rtc_alarm){
		.second = alarm_field(s, RTC_SECOND_ALARM),
		.minute = alarm_field(s, RTC_MINUTE_ALARM),
		.hour = alarm_field(s, RTC_HOUR_ALARM),
		.day = alarm_field(s, RTC_DAY_ALARM),
		.month = alarm_field(s, RTC_MONTH_ALARM),
	};
	now = rtc_core_seconds(s, s->seen);
	next = rtc_alarm_next(&alarm, now);
	return rtc->alarm_update = next == RTC_ALARM_NEVER ? next : update + (next - now);
}

void rtc_core_sync(struct rtc *rtc, int64_t now)
{
	struct rtc_state *s = &rtc->state;
	int64_t period = period_now(s), ticks = 0, update;
	uint8_t flags = 0;

	if (now <= s->seen) {
		/* The host's clock was set back: what lies between will not be told twice. */
		if (now < s->seen)
			rtc->alarm_known = false;
		s->seen = now;
		return;
	}
	if (period)
		ticks = tick_number(s, now, period) - tick_number(s, s->seen, period);
	if (ticks)
		flags |= RTC_C_PF;
	update = rtc_core_update_number(s, now);
	if (rtc_core_updates(s) && update > rtc_core_update_number(s, s->seen)) {
		flags |= RTC_C_UF;
		/* However many alarms lie in between, the flag is set once. */
		if (next_alarm(rtc) <= update) {
			flags |= RTC_C_AF;
			rtc->alarm_known = false;
		}
	}
	s->seen = now;
	if (flags)
		set_flags(rtc, flags, ticks, now);
}

void rtc_core_update_irq(struct rtc *rtc)
{
	uint8_t *ram = rtc->state.ram[0];

	(void)raise_line(rtc);
	if (ram[RTC_C] & RTC_C_IRQF && !(ram[RTC_C] & ram[RTC_B] & RTC_C_ANY)) {
		ram[RTC_C] &= (uint8_t)~RTC_C_IRQF;
		(void)irq_set(&rtc->options.irq, false);
	}
}

/*
 * When the next lost tick may be given: a quarter of a period after the last one, and only to a
 * guest that has read register C since. One that does not is owed more and more, but nothing runs.
 */
static int64_t replay_time(const struct rtc *rtc)
{
	const struct rtc_state *s = &rtc->state;
	int64_t period = period_now(s);

	if (!slews(rtc) || !period || s->owed < period ||
	    s->ram[0][RTC_C] & (RTC_C_PF | RTC_C_IRQF))
		return CLOCK_NEVER;
	return s->last_tick + cycles_end(period / RTC_SLEW_SPEED);
}

void rtc_core_replay(struct rtc *rtc, int64_t now)
{
	struct rtc_state *s = &rtc->state;

	if (replay_time(rtc) > now)
		return;
	s->ram[0][RTC_C] |= RTC_C_PF;
	s->last_tick = now;
	if (!raise_line(rtc))
		return;
	s->owed -= period_now(s);
	rtc->stats.ticks_replayed++;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void arm_at(struct rtc *rtc, int64_t due)
{
	/* Arming may cost a system call: the timer is left alone where it is right already. */
	if (due == rtc->armed)
		return;
	rtc->armed = due;
	timer_arm(&rtc->timer, due);
}

static int64_t alarm_time(struct rtc *rtc)
{
	const struct rtc_state *s = &rtc->state;

	if (!(s->ram[0][RTC_B] & RTC_B_AIE) || !rtc_core_updates(s) ||
	    next_alarm(rtc) == RTC_ALARM_NEVER)
		return CLOCK_NEVER;
	return rtc_core_update_time(s, next_alarm(rtc));
}

void rtc_core_arm(struct rtc *rtc, int64_t now)
{
	const struct rtc_state *s = &rtc->state;
	uint8_t b = s->ram[0][RTC_B];
	int64_t period = period_now(s);
	int64_t due = earlier(replay_time(rtc), alarm_time(rtc)), tick;

	if (b & RTC_B_PIE && period) {
		tick = s->tick_origin + (tick_number(s, now, period) + 1) * period;
		due = earlier(due, s->chain + cycles_end(tick));
	}
	if (b & RTC_B_UIE && rtc_core_updates(s))
		due = earlier(due, rtc_core_update_time(s, rtc_core_update_number(s, now) + 1));
	arm_at(rtc, due);
}

void rtc_core_fire(void *chip)
{
	struct rtc *rtc = chip;
	bool was_high;
	int64_t now;

	lock_take(&rtc->lock);
	now = rtc_core_now(rtc);
	rtc->armed = CLOCK_NEVER;
	was_high = rtc->state.ram[0][RTC_C] & RTC_C_IRQF;
	rtc_core_sync(rtc, now);
	rtc_core_replay(rtc, now);
	/*
	 * Arming the next tick here, on the thread that waits for it, is cheaper than when the guest
	 * reads register C. But when it has not read it since the last interrupt, no edge can
	 * come until it does: nothing is armed, save for an alarm somebody else wants to hear of.
	 */
	if (!was_high)
		rtc_core_arm(rtc, now);
	else if (rtc->options.alarm && !(rtc->state.ram[0][RTC_C] & RTC_C_AF))
		arm_at(rtc, alarm_time(rtc));
	lock_drop(&rtc->lock);
}

void rtc_core_rate_changed(struct rtc *rtc, uint8_t old_a, int64_t now)
{
	struct rtc_state *s = &rtc->state;
	int64_t old = period_of(old_a), period = period_now(s), since;

	if (!period) {
		s->owed = 0;
		return;
	}
	if (!old) {
		/* PF comes half a period away from updates (DS12885, figure 3). */
		s->tick_origin = period / 2;
		return;
	}
	/*
	 * The last tick stays where it was and the next comes one new period after it: a guest
	 * that adds up periods keeps the time. So it is owed what a shorter one makes overdue.
	 */
	since = cycles_in(now - s->chain) - s->tick_origin;
	s->tick_origin += rtc_floor_div(since, old) * old;
	since -= rtc_floor_div(since, old) * old;
	if (slews(rtc))
		owe(rtc, since / period * period);
}
