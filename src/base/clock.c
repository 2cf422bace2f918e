// SPDX-License-Identifier: MIT
#include "base/clock.h"

#include <assert.h>
#include <stddef.h>
#include <time.h>

static int64_t host_now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

int64_t clock_monotonic(void)
{
	return host_now(CLOCK_MONOTONIC);
}

void clock_init(struct clock *clock, enum clock_kind kind)
{
	*clock = (struct clock){ .kind = kind };
	lock_init(&clock->lock, LOCK_LEAF, "clock");
}

void clock_destroy(struct clock *clock)
{
	assert(!clock->timers);
	lock_destroy(&clock->lock);
}

/* With the lock held. */
static int64_t now_locked(const struct clock *clock)
{
	switch (clock->kind) {
	case CLOCK_KIND_HOST:
		return host_now(CLOCK_REALTIME);
	case CLOCK_KIND_MONOTONIC:
		return clock_monotonic();
	case CLOCK_KIND_VM:
		return clock->running ? clock_monotonic() - clock->offset : clock->offset;
	case CLOCK_KIND_MANUAL:
		break;
	}
	return clock->offset;
}

int64_t clock_now(struct clock *clock)
{
	int64_t now;

	/* The host's clocks need no state of ours. */
	if (clock->kind == CLOCK_KIND_HOST || clock->kind == CLOCK_KIND_MONOTONIC)
		return now_locked(clock);
	lock_take(&clock->lock);
	now = now_locked(clock);
	lock_drop(&clock->lock);
	return now;
}

/* Drops the lock and tells the one who waits for the clock. */
static void drop_and_kick(struct clock *clock)
{
	void (*kick)(void *arg) = clock->kick;
	void *arg = clock->kick_arg;

	lock_drop(&clock->lock);
	if (kick)
		kick(arg);
}

static void set_running(struct clock *clock, bool running)
{
	assert(clock->kind == CLOCK_KIND_VM);
	lock_take(&clock->lock);
	if (clock->running == running) {
		lock_drop(&clock->lock);
		return;
	}
	/* The one formula serves both ways: it swaps "time" and "distance to monotonic time". */
	clock->offset = clock_monotonic() - clock->offset;
	clock->running = running;
	drop_and_kick(clock);
}

void clock_start(struct clock *clock)
{
	set_running(clock, true);
}

void clock_stop(struct clock *clock)
{
	set_running(clock, false);
}

void clock_set(struct clock *clock, int64_t now)
{
	assert(clock->kind == CLOCK_KIND_MANUAL);
	lock_take(&clock->lock);
	clock->offset = now < CLOCK_LAST ? now : CLOCK_LAST;
	lock_drop(&clock->lock);
}

/* With the lock held. */
static void unlink_timer(struct clock *clock, struct timer *timer)
{
	struct timer **at = &clock->timers;

	while (*at != timer) {
		assert(*at);
		at = &(*at)->next;
	}
	*at = timer->next;
	timer->next = NULL;
	timer->due = CLOCK_NEVER;
}

/* Takes the earliest timer with due <= limit that was armed before the round; NULL if there is none. */
static struct timer *take_due(struct clock *clock, int64_t limit, uint64_t round)
{
	struct timer *timer = clock->timers;

	while (timer && timer->due <= limit && timer->round >= round)
		timer = timer->next;
	if (!timer || timer->due > limit)
		return NULL;
	unlink_timer(clock, timer);
	return timer;
}

void clock_step(struct clock *clock, int64_t ns)
{
	int64_t target;

	assert(clock->kind == CLOCK_KIND_MANUAL);
	assert(ns >= 0);
	lock_take(&clock->lock);
	if (__builtin_add_overflow(clock->offset, ns, &target) || target > CLOCK_LAST)
		target = CLOCK_LAST;
	for (;;) {
		struct timer *timer;
		int64_t due = clock->timers ? clock->timers->due : CLOCK_NEVER;

		timer = take_due(clock, target, UINT64_MAX);
		if (!timer)
			break;
		/* An overdue timer fires now: time does not go back for it. */
		if (due > clock->offset)
			clock->offset = due;
		lock_drop(&clock->lock);
		timer->fire(timer->arg);
		lock_take(&clock->lock);
	}
	if (target > clock->offset)
		clock->offset = target;
	lock_drop(&clock->lock);
}

int64_t clock_next_due(struct clock *clock)
{
	int64_t due;

	lock_take(&clock->lock);
	due = clock->timers ? clock->timers->due : CLOCK_NEVER;
	lock_drop(&clock->lock);
	return due;
}

int64_t clock_alarm(struct clock *clock)
{
	int64_t due;

	lock_take(&clock->lock);
	due = clock->timers ? clock->timers->due : CLOCK_NEVER;
	if (clock->kind == CLOCK_KIND_MANUAL || (clock->kind == CLOCK_KIND_VM && !clock->running))
		due = CLOCK_NEVER;
	else if (clock->kind == CLOCK_KIND_VM && due != CLOCK_NEVER &&
		 __builtin_add_overflow(due, clock->offset, &due))
		due = CLOCK_NEVER;
	lock_drop(&clock->lock);
	return due;
}

int64_t clock_wait(struct clock *clock)
{
	int64_t alarm = clock_alarm(clock);
	int64_t now;

	if (alarm == CLOCK_NEVER)
		return CLOCK_NEVER;
	now = host_now(clock->kind == CLOCK_KIND_HOST ? CLOCK_REALTIME : CLOCK_MONOTONIC);
	return alarm > now ? alarm - now : 0;
}

static void clock_run(struct clock *clock, bool all)
{
	struct timer *timer;
	uint64_t round;
	int64_t limit;

	lock_take(&clock->lock);
	if (clock->kind == CLOCK_KIND_VM && !clock->running) {
		lock_drop(&clock->lock);
		return;
	}
	round = ++clock->round;
	limit = all ? CLOCK_NEVER - 1 : now_locked(clock);
	while ((timer = take_due(clock, limit, round))) {
		lock_drop(&clock->lock);
		timer->fire(timer->arg);
		lock_take(&clock->lock);
	}
	lock_drop(&clock->lock);
}

void clock_run_due(struct clock *clock)
{
	clock_run(clock, false);
}

void clock_run_all(struct clock *clock)
{
	clock_run(clock, true);
}

void clock_set_kick(struct clock *clock, void (*kick)(void *arg), void *arg)
{
	lock_take(&clock->lock);
	clock->kick = kick;
	clock->kick_arg = arg;
	lock_drop(&clock->lock);
}

void timer_init(struct timer *timer, struct clock *clock, void (*fire)(void *arg), void *arg)
{
	*timer = (struct timer){ .clock = clock, .fire = fire, .arg = arg, .due = CLOCK_NEVER };
}

void timer_arm(struct timer *timer, int64_t due)
{
	struct clock *clock = timer->clock;
	int64_t earliest;
	struct timer **at;

	if (due == CLOCK_NEVER) {
		timer_disarm(timer);
		return;
	}
	lock_take(&clock->lock);
	earliest = clock->timers ? clock->timers->due : CLOCK_NEVER;
	if (timer->due != CLOCK_NEVER)
		unlink_timer(clock, timer);
	timer->due = due;
	timer->round = clock->round;
	for (at = &clock->timers; *at && (*at)->due <= due; at = &(*at)->next)
		;
	timer->next = *at;
	*at = timer;
	if (due < earliest)
		drop_and_kick(clock);
	else
		lock_drop(&clock->lock);
}

void timer_disarm(struct timer *timer)
{
	struct clock *clock = timer->clock;

	lock_take(&clock->lock);
	if (timer->due != CLOCK_NEVER)
		unlink_timer(clock, timer);
	lock_drop(&clock->lock);
}

int64_t timer_due(struct timer *timer)
{
	int64_t due;

	lock_take(&timer->clock->lock);
	due = timer->due;
	lock_drop(&timer->clock->lock);
	return due;
}
