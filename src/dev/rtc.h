// SPDX-License-Identifier: MIT
/*
 * MC146818A real-time clock with 256 bytes of CMOS RAM (data sheets: Motorola MC146818A, Dallas
 * DS12885), as PCs have it at ports 0x70 to 0x73 with its interrupt on IRQ 8.
 *
 * Nothing ticks. The time is a base plus what the clock says has passed; the flags of register C
 * are brought up to date when somebody looks; a timer is armed only while an enabled interrupt
 * could come, so an idle chip wakes nobody. docs/devices-rtc.md has a row for every bit.
 *
 * Port handlers and timers run with the lock held; the functions
 * here take it, for any thread. Whoever calls them must have delivered the guest's waiting index
 * writes first. Interrupt line and callbacks of the options are called with the lock held.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/state.h"
#include "dev/device.h"
#include "dev/irq.h"
#include "dev/rtc_time.h"
#include "mem/region.h"

#define RTC_BANK_BYTES 128
#define RTC_IRQ        8

/* Places that ACPI's FADT must publish (CENTURY, DAY_ALRM, MON_ALRM). */
#define RTC_CENTURY     0x32
#define RTC_DAY_ALARM   0x7d
#define RTC_MONTH_ALARM 0x7e

/* What becomes of periodic interrupts that the guest did not get. */
enum rtc_lost_ticks {
	RTC_DISCARD, /* as on hardware: they are gone */
	RTC_SLEW, /* given later, at most RTC_SLEW_SPEED times as fast as the rate says */
};

#define RTC_SLEW_SPEED 4
/* The backlog of slew, in seconds: more than this behind, the rest is given up. */
#define RTC_SLEW_LIMIT 3600

struct rtc_options {
	uint16_t port; /* as a device of a list: the first bank, the second follows */
	struct clock *clock; /* must outlive the chip */
	struct irq_line irq;
	/* What the clock shows now: seconds as in rtc_time.h, and how far the second has gone in ns. */
	int64_t start_seconds;
	int32_t start_ns; /* 0 to 999999999 */
	enum rtc_lost_ticks lost_ticks;
	/*
	 * The guest has set the time: now offset seconds ahead of what would be shown otherwise, at
	 * most once a second and always with the latest. May be NULL. Must only note and post.
	 */
	void (*time_set)(void *arg, int64_t offset);
	/*
	 * An alarm came whose interrupt is enabled, for PM1's RTC_STS. May be NULL. May call a chip of
	 * a higher layer than DEV_LAYER_CHIP.
	 */
	void (*alarm)(void *arg);
	void *arg;
};

/* All that makes it this clock at this moment. Times are of the chip's clock, in ns. */
struct rtc_state {
	uint8_t index[2]; /* of each bank; bit 7 of the first masks NMI */
	uint8_t ram[2]
		   [RTC_BANK_BYTES]; /* registers too; time bytes count only while time is held */
	uint8_t broken; /* the bytes written are no date: they stay as they are */
	uint8_t weekday; /* as the guest set it, on the day of base_seconds */
	int64_t base_seconds; /* shown after update base_update */
	int64_t base_update;
	int64_t chain; /* when the divider chain began to count; the first update is 500 ms later */
	int64_t tick_origin; /* a periodic tick, in cycles of the crystal after chain */
	int64_t seen; /* flags are right up to here */
	int64_t last_tick; /* when PF last asked for an interrupt */
	int64_t owed; /* slew: cycles of the crystal whose ticks the guest has not had */
	int64_t ref_at; /* what would be shown had nobody set the time: */
	int64_t ref_seconds; /* ref_seconds at ref_at */
	int64_t offset; /* how far ahead of that the guest last set it */
};

/* Guest doings that are worth a line in a report. */
struct rtc_stats {
	uint64_t invalid_dates;
	uint64_t ticks_lost; /* while the periodic interrupt was enabled */
	uint64_t ticks_replayed;
};

struct rtc {
	struct device device;
	struct irq_source wire; /* as a device of a list */
	struct lock lock; /* LOCK_DEVICE: everything below */
	struct rtc_state state;
	struct rtc_stats stats;
	struct mem_region bank0; /* 2 ports: index, data; belongs at 0x70 */
	struct mem_region bank1; /* the same for the second bank; at 0x72, or nowhere */
	struct rtc_options options;
	struct timer timer; /* the next interrupt */
	int64_t armed; /* what it is armed for */
	struct timer report; /* time_set that had to wait */
	bool report_waits;
	int64_t report_next; /* not before */
	bool alarm_known;
	int64_t alarm_update; /* the next update that matches the alarm, or RTC_ALARM_NEVER */
};

/* The saved form is that of rtc_save(). For comparing and printing, sync with rtc_sync() first. */
extern const struct state_table rtc_state_table;

/* "mc146818rtc": on the place's rtc_clock; its alarm is the place's rtc_alarm. */
extern const struct device_type rtc_type;

void rtc_init(struct rtc *rtc, const struct rtc_options *options);
void rtc_destroy(struct rtc *rtc);
/* The RESET pin (DS12885, "RESET"): interrupts off, flags clear; time, format and RAM stay. */
void rtc_reset(struct rtc *rtc);
/* Brings the flags up to now and the line and the timer in step with them. */
void rtc_sync(struct rtc *rtc);

/* Battery-backed RAM for the board: index 0 to 255, the second bank from 128; no clock registers. */
void rtc_set_cmos(struct rtc *rtc, unsigned index, uint8_t value);
uint8_t rtc_cmos(struct rtc *rtc, unsigned index);
/* Writes the sum of bytes 0x10 to 0x2d to 0x2e and 0x2f, as the AT BIOS checks it. */
void rtc_set_checksum(struct rtc *rtc);

/* Bit 7 of the last write to the first index port. */
bool rtc_nmi_masked(struct rtc *rtc);
/* The date that a guest would read now. False if what it would read is no date. */
bool rtc_date(struct rtc *rtc, struct rtc_date *date);
struct rtc_stats rtc_stats(struct rtc *rtc);

/*
 * The state at this moment, state_size(&rtc_state_table) bytes. On a clock that counts since 1970
 * time goes on while saved; on any other it stands still. Restoring accepts any bytes: what makes
 * no sense is brought into range. Restore before the interrupt controllers: the line may move.
 */
void rtc_save(struct rtc *rtc, uint8_t *out);
void rtc_restore(struct rtc *rtc, const uint8_t *in);
