// SPDX-License-Identifier: MIT
#include "board/drain_timer.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/*
 * Setting the timer is a system call. It is spared while less than this part of the deadline has
 * passed since the last one: then the loop is woken a little early at worst.
 */
#define SPARED 4

#define REVIEW_NS (NS_PER_SEC / 4)

static void set(struct drain_timer *timer, uint64_t deadline)
{
	const struct itimerspec spec = {
		.it_value = { .tv_sec = (time_t)(deadline / (uint64_t)NS_PER_SEC),
			      .tv_nsec = (long)(deadline % (uint64_t)NS_PER_SEC) },
	};

	if (!deadline && timer->set_at == CLOCK_NEVER)
		return;
	timer->set_at = deadline ? clock_monotonic() : CLOCK_NEVER;
	timer->set_for = (int64_t)deadline;
	(void)timerfd_settime(timer->watch.fd, 0, &spec, NULL); /* cannot fail with these values */
}

/* For the deadline that there is now, after a look whether it is needed. */
static void set_anew(struct drain_timer *timer)
{
	uint64_t deadline = timer->deadline(timer->arg);

	if (deadline && clock_monotonic() - timer->reviewed_at >= REVIEW_NS) {
		timer->reviewed_at = clock_monotonic();
		timer->review(timer->arg);
		deadline = timer->deadline(timer->arg);
	}
	set(timer, deadline);
}

static void fired(void *arg, uint32_t events)
{
	struct drain_timer *timer = arg;
	uint64_t count;

	/* That the loop woke is all that was wanted; put_off() may have set the timer anew by now. */
	if (read(timer->watch.fd, &count, sizeof(count)) < 0)
		return;
	if (timer->running)
		set_anew(timer);
}

static void check(void *arg)
{
	struct drain_timer *timer = arg;

	if (timer->running)
		set_anew(timer);
}

int drain_timer_init(struct drain_timer *timer, struct loop *loop, uint64_t (*deadline)(void *arg),
		     void (*review)(void *arg), void *arg)
{
	int ret;

	*timer = (struct drain_timer){
		.loop = loop,
		.watch = { .ready = fired, .arg = timer },
		.task = { .run = check, .arg = timer },
		.deadline = deadline,
		.review = review,
		.arg = arg,
		.set_at = CLOCK_NEVER,
	};
	timer->watch.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timer->watch.fd < 0)
		return -errno;
	ret = loop_watch(loop, &timer->watch, EPOLLIN);
	if (ret)
		close(timer->watch.fd);
	return ret;
}

void drain_timer_destroy(struct drain_timer *timer)
{
	loop_unpost(timer->loop, &timer->task);
	loop_unwatch(timer->loop, &timer->watch);
	close(timer->watch.fd);
}

void drain_timer_start(struct drain_timer *timer)
{
	timer->running = true;
	set_anew(timer);
}

void drain_timer_stop(struct drain_timer *timer)
{
	timer->running = false;
	set(timer, 0);
}

bool drain_timer_is_due(const struct drain_timer *timer)
{
	return timer->set_at != CLOCK_NEVER && clock_monotonic() - timer->set_at >= timer->set_for;
}

void drain_timer_put_off(struct drain_timer *timer)
{
	if (timer->set_at == CLOCK_NEVER)
		return;
	if ((uint64_t)(clock_monotonic() - timer->set_at) >= timer->deadline(timer->arg) / SPARED)
		set_anew(timer);
}

void drain_timer_check(struct drain_timer *timer)
{
	loop_post(timer->loop, &timer->task);
}
