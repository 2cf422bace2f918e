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
#define NS_PER_SEC INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_US INT64_C(1000)

enum clock_kind {
	CLOCK_KIND_HOST, /* CLOCK_REALTIME: ns since 1970, jumps when the host's clock is set */
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
	struct timer *timers; /* armed ones, earliest first */
	void (*kick)(void *arg);
	void *kick_arg;
};

struct timer {
	struct clock *clock;
	void (*fire)(void *arg);
	void *arg;
	int64_t due; /* CLOCK_NEVER: not armed */
	struct timer *next;
};

void clock_init(struct clock *clock, enum clock_kind kind);
/* All timers must be disarmed. */
void clock_destroy(struct clock *clock);

int64_t clock_now(struct clock *clock);

/* CLOCK_KIND_VM: lets the clock run or stand still. Saying it twice changes nothing. */
void clock_start(struct clock *clock);
void clock_stop(struct clock *clock);

/* CLOCK_KIND_MANUAL: moves to the given time, backwards too, and fires nothing. */
void clock_set(struct clock *clock, int64_t now);

/*
 * CLOCK_KIND_MANUAL: moves forward by ns >= 0. Each timer due on the way fires at exactly its time,
 * in order, those that are armed by a handler on the way too.
 */
void clock_step(struct clock *clock, int64_t ns);

/* The earliest armed time, or CLOCK_NEVER. */
int64_t clock_next_due(struct clock *clock);

/* Nanoseconds until then in real time, 0 if overdue, CLOCK_NEVER if nothing is due or it stands still. */
int64_t clock_wait(struct clock *clock);

/* Fires every timer that is due now, in order of time. One armed by a handler fires in a later call. */
void clock_run_due(struct clock *clock);

/* Sets the function called (any thread, no lock held) when the earliest due time or the run state changes. */
void clock_set_kick(struct clock *clock, void (*kick)(void *arg), void *arg);

void timer_init(struct timer *timer, struct clock *clock, void (*fire)(void *arg), void *arg);
/* Arms for an absolute time; an armed timer moves. A time in the past is due at once. */
void timer_arm(struct timer *timer, int64_t due);
void timer_disarm(struct timer *timer);
