// SPDX-License-Identifier: MIT
/*
 * Inside the RTC: registers; how time passes (rtc_core.c); what the time bytes show (rtc_face.c). Ports
 * and registers themselves are in rtc.c. Everything here wants the chip's lock held; now is what
 * rtc_core_now() said once at the beginning of the access.
 */
#pragma once

#include "dev/rtc.h"

/* Time, calendar and alarm bytes (DS12885, tables 2A and 2B). */
#define RTC_SECOND       0x00
#define RTC_SECOND_ALARM 0x01
#define RTC_MINUTE       0x02
#define RTC_MINUTE_ALARM 0x03
#define RTC_HOUR         0x04
#define RTC_HOUR_ALARM   0x05
#define RTC_WEEKDAY      0x06
#define RTC_DAY          0x07
#define RTC_MONTH        0x08
#define RTC_YEAR         0x09

#define RTC_A      0x0a
#define RTC_A_UIP  0x80
#define RTC_A_DV   0x70 /* divider */
#define RTC_A_RATE 0x0f

#define RTC_B      0x0b /* the format bits are in rtc_time.h */
#define RTC_B_SET  0x80
#define RTC_B_PIE  0x40
#define RTC_B_AIE  0x20
#define RTC_B_UIE  0x10
#define RTC_B_SQWE 0x08

/* Register C: each flag is where register B has its enable. */
#define RTC_C      0x0c
#define RTC_C_IRQF 0x80
#define RTC_C_PF   0x40
#define RTC_C_AF   0x20
#define RTC_C_UF   0x10
#define RTC_C_ANY  (RTC_C_PF | RTC_C_AF | RTC_C_UF)

#define RTC_D     0x0d
#define RTC_D_VRT 0x80

/* 32.768 kHz. */
#define RTC_CRYSTAL_HZ 32768

/* 146 years in ns: beyond any sensible clock, and differences of two such times still fit. */
#define RTC_CLOCK_LIMIT (INT64_C(1) << 62)

/* The clock's time, kept to 0 .. RTC_CLOCK_LIMIT where sums with it cannot overflow. */
int64_t rtc_core_now(struct rtc *rtc);

/* The divider chain counts: neither held in reset nor in a test mode. */
bool rtc_core_counts(const struct rtc_state *s);
/* Updates happen. Otherwise SET or the divider holds them back. */
bool rtc_core_updates(const struct rtc_state *s);
/* The time shown is what the bytes in RAM say, not what base and clock say. */
bool rtc_core_held(const struct rtc_state *s);
/* The number of updates up to a time; update n comes half a second and n - 1 seconds after chain. */
int64_t rtc_core_update_number(const struct rtc_state *s, int64_t ns);
int64_t rtc_core_update_time(const struct rtc_state *s, int64_t number);
/* Seconds as in rtc_time.h; only while the time is not held. */
int64_t rtc_core_seconds(const struct rtc_state *s, int64_t now);

/* Accounts for everything that happened up to now. */
void rtc_core_sync(struct rtc *rtc, int64_t now);
/* Brings IRQF and the line in step with flags and enables. */
void rtc_core_update_irq(struct rtc *rtc);
/* Gives the guest a lost tick, if there is one and it is time. */
void rtc_core_replay(struct rtc *rtc, int64_t now);
/* Arms the timer for the next interrupt. */
void rtc_core_arm(struct rtc *rtc, int64_t now);
/* Starts periodic ticks for the new register A, keeping the phase if they ran with the old one. */
void rtc_core_rate_changed(struct rtc *rtc, uint8_t old_a, int64_t now);

/* The timer's handler; takes the lock itself. */
void rtc_core_fire(void *chip);

/* A time byte (seconds to year, century) while the time is not held. */
uint8_t rtc_face_byte(const struct rtc_state *s, unsigned index, int64_t now);
/* Stops the time: from here on the bytes in RAM are what is shown. */
void rtc_face_latch(struct rtc_state *s, int64_t now);
/* The date in the bytes in RAM. False if they hold none. */
bool rtc_face_decode(const struct rtc_state *s, struct rtc_date *date);
/*
 * Starts the time from the bytes in RAM, if they are a date. If not, they stay as they are until the
 * guest writes better ones; updates, ticks and alarms go on (the data sheets leave it open).
 */
void rtc_face_start(struct rtc *rtc, int64_t now);
/* The handler of the timer for reports that had to wait; takes the lock itself. */
void rtc_face_report(void *chip);
