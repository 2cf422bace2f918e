// SPDX-License-Identifier: MIT
/*
 * Keeps the promise of writes with a deadline: wakes the event loop, which drains whenever it
 * wakes, at least once in the shortest deadline. It is on only while the guest runs and some zone
 * has a deadline, and each other wake-up of the loop puts it off, so that a machine that is busy
 * anyway pays nothing for it. While it is on it has the zones reviewed four times a second, so that
 * those that nobody uses go and it can stop. The loop's thread; drain_timer_check() is for any.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

struct drain_timer {
	struct loop *loop;
	struct loop_watch watch; /* a timerfd */
	struct loop_task task; /* drain_timer_check() */
	uint64_t (*deadline)(void *arg); /* shortest of all zones, ns; 0: none. Any thread */
	void (*review)(void *arg); /* see whether they are still used */
	void *arg;
	int64_t reviewed_at;
	bool running;
	int64_t set_at; /* CLOCK_MONOTONIC; CLOCK_NEVER: off */
	int64_t set_for; /* ns from then on */
};

/* 0 or -errno. Both functions are called on the loop's thread, no lock held. */
int drain_timer_init(struct drain_timer *timer, struct loop *loop, uint64_t (*deadline)(void *arg),
		     void (*review)(void *arg), void *arg) __attribute__((warn_unused_result));
void drain_timer_destroy(struct drain_timer *timer);

void drain_timer_start(struct drain_timer *timer);
void drain_timer_stop(struct drain_timer *timer);
/* The loop has woken and drained. */
void drain_timer_put_off(struct drain_timer *timer);
/* It is time, whether or not something else has woken the loop as well. */
bool drain_timer_is_due(const struct drain_timer *timer);
/* Zones have come or gone. */
void drain_timer_check(struct drain_timer *timer);
