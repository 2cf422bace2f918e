// SPDX-License-Identifier: MIT
/*
 * Clocks and timers. Chips never ask the host for the time: they are given a clock, which may be
 * the host's wall clock, a monotonic one, one that stands still while the machine is paused, or one
 * that moves only when told (tests, qtest). All times are in nanoseconds.
 *
 * Any thread may read a clock and arm or disarm a timer. Timers fire on the thread that calls
 * clock_run_due() or clock_step(), with no lock held. A timer that is disarmed while it is about to
 * fire on another thread may fire once more: the handler takes its chip's lock and looks at the
 * chip's state, never at the mere fact of having been called.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"

#define CLOCK_NEVER INT64_MAX
/* A manual clock stops here, 146 years on: chips add periods to the time without looking. */
#define CLOCK_LAST (INT64_MAX / 2)
#define NS_PER_SEC INT64_C(1000000000)
#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_US  INT64_C(1000)

enum clock_kind {
	CLOCK_KIND_HOST, /* CLOCK_REALTIME: ns since 1970; see clock_run_all() for when it is set */
	CLOCK_KIND_MONOTONIC, /* CLOCK_MONOTONIC: runs on while the machine is paused */
	CLOCK_KIND_VM, /* from 0; runs only between clock_start() and clock_stop() */
	CLOCK_KIND_MANUAL, /* from 0; moves only by clock_step() and clock_set() */
};

struct timer;

struct clock {
	struct lock lock; /* LOCK_LEAF: everything below */
	enum clock_kind kind;
	bool running; /* CLOCK_KIND_VM */
	int64_t offset; /* VM: vm time = monotonic - offset while running; else the time itself */
	struct timer
		*timers; /* armed ones, earliest first; of equal times, the first armed first */
	uint64_t round; /* of clock_run_due(): tells timers armed by a handler from older ones */
	void (*kick)(void *arg);
	void *kick_arg;
};

struct timer {
	struct clock *clock;
	void (*fire)(void *arg);
	void *arg;
	int64_t due; /* CLOCK_NEVER: not armed. Read it through timer_due() */
	uint64_t round;
	struct timer *next;
};

/* The host's CLOCK_MONOTONIC now, for what is no chip's time: measuring, deadlines of our own. */
int64_t clock_monotonic(void);

void clock_init(struct clock *clock, enum clock_kind kind);
/* All timers must be disarmed. */
void clock_destroy(struct clock *clock);

int64_t clock_now(struct clock *clock);

/* CLOCK_KIND_VM: lets the clock run or stand still. Saying it twice changes nothing. */
void clock_start(struct clock *clock);
void clock_stop(struct clock *clock);

/* CLOCK_KIND_MANUAL: moves to a time up to CLOCK_LAST, backwards too, and fires nothing. */
void clock_set(struct clock *clock, int64_t now);

/*
 * CLOCK_KIND_MANUAL: moves forward by ns >= 0, at most to CLOCK_LAST. Each timer due on the way
 * fires at exactly its time, in order, those that are armed by a handler on the way too.
 */
void clock_step(struct clock *clock, int64_t ns);

/* The earliest armed time, or CLOCK_NEVER. */
int64_t clock_next_due(struct clock *clock);

/*
 * The same as a time of the host's clock that this one runs by (CLOCK_REALTIME for
 * CLOCK_KIND_HOST, else CLOCK_MONOTONIC). CLOCK_NEVER if nothing is armed or the clock stands still,
 * as a manual one always does.
 */
int64_t clock_alarm(struct clock *clock);

/* Nanoseconds until clock_alarm() in real time, 0 if overdue, or CLOCK_NEVER. */
int64_t clock_wait(struct clock *clock);

/*
 * Fires every timer that is due now, in order of time. One armed by a handler fires in a later call.
 * A VM clock that stands still fires nothing.
 */
void clock_run_due(struct clock *clock);

/*
 * Fires every armed timer, due or not. For when the host's clock was set: what was armed for a time
 * of the old reckoning may now be an hour off, so each chip gets to look at the new time.
 */
void clock_run_all(struct clock *clock);

/*
 * Sets the function called on any thread when clock_alarm() may have moved nearer. It is called
 * without the clock's lock, but the caller's own locks may be held: it may take LOCK_LEAF only.
 */
void clock_set_kick(struct clock *clock, void (*kick)(void *arg), void *arg);

void timer_init(struct timer *timer, struct clock *clock, void (*fire)(void *arg), void *arg);
/*
 * Arms for an absolute time; an armed timer moves, CLOCK_NEVER disarms. A time in the past is due at
 * once. Costs a system call only if the clock's earliest time moves nearer.
 */
void timer_arm(struct timer *timer, int64_t due);
void timer_disarm(struct timer *timer);
/* The time it is armed for, or CLOCK_NEVER. */
int64_t timer_due(struct timer *timer);
