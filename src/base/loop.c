// SPDX-License-Identifier: MIT
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define BATCH_MAX 16

static void fail(struct loop *loop, int err)
{
	int none = 0;

	atomic_compare_exchange_strong(&loop->error, &none, err);
}

static int watch_wake(struct loop *loop, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = &loop->wake_watch };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, loop->wake.fd, &event) < 0 ? -errno : 0;
}

/*
 * Where the host refuses the write that would make the eventfd readable, the loop wakes up because
 * that can be written to, which it always can.
 */
static void loop_wake(struct loop *loop)
{
	int err = wake_give(&loop->wake);

	if (!err)
		return;
	atomic_store(&loop->wake_by_output, true);
	if (watch_wake(loop, EPOLLIN | EPOLLOUT))
		fail(loop, err);
}

/* With the lock held. */
static void unlink_task(struct loop *loop, struct loop_task *task)
{
	TAILQ_REMOVE(&loop->tasks, task, link);
	task->queued = false;
	loop->tasks_n--;
}

/*
 * Runs as many tasks as were queued when it began. One that posts itself again has to wait for the
 * next wake-up, so that tasks cannot keep file descriptors and clocks from their turn.
 */
static void run_tasks(struct loop *loop)
{
	unsigned n;

	lock_take(&loop->lock);
	for (n = loop->tasks_n; n && !TAILQ_EMPTY(&loop->tasks); n--) {
		struct loop_task *task = TAILQ_FIRST(&loop->tasks);

		unlink_task(loop, task);
		lock_drop(&loop->lock);
		task->run(task->arg);
		lock_take(&loop->lock);
	}
	n = loop->tasks_n;
	lock_drop(&loop->lock);
	if (n)
		loop_wake(loop);
}

/* Before the tasks are looked at: what is posted from here on wakes the loop again. */
static void wake_ready(void *arg, uint32_t events)
{
	struct loop *loop = arg;
	int err = wake_take(&loop->wake);

	if (!err && atomic_exchange(&loop->wake_by_output, false))
		err = watch_wake(loop, EPOLLIN);
	if (err)
		fail(loop, err);
	run_tasks(loop);
}

int loop_init(struct loop *loop)
{
	int err;

	*loop = (struct loop){ .epoll_fd = -1 };
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return -errno;
	err = wake_init(&loop->wake);
	if (err)
		goto close_epoll;
	lock_init(&loop->lock, LOCK_LEAF, "loop");
	TAILQ_INIT(&loop->tasks);
	loop->wake_watch =
		(struct loop_watch){ .fd = loop->wake.fd, .ready = wake_ready, .arg = loop };
	err = loop_watch(loop, &loop->wake_watch, EPOLLIN);
	if (err)
		goto destroy_wake;
	return 0;

destroy_wake:
	lock_destroy(&loop->lock);
	wake_destroy(&loop->wake);
close_epoll:
	close(loop->epoll_fd);
	return err;
}

void loop_destroy(struct loop *loop)
{
	while (!LIST_EMPTY(&loop->clocks))
		loop_remove_clock(loop, LIST_FIRST(&loop->clocks)->clock);
	wake_destroy(&loop->wake);
	close(loop->epoll_fd);
	lock_destroy(&loop->lock);
}

int loop_watch(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };
	int op = watch->active ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (epoll_ctl(loop->epoll_fd, op, watch->fd, &event) < 0)
		return -errno;
	watch->active = true;
	return 0;
}

void loop_unwatch(struct loop *loop, struct loop_watch *watch)
{
	if (!watch->active)
		return;
	/* What still tells of a watch that is gone cannot be waited for any more. */
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL) < 0)
		fail(loop, -errno);
	watch->active = false;
	for (int i = 0; i < loop->batch_n; i++)
		if (loop->batch[i].data.ptr == watch)
			loop->batch[i].data.ptr = NULL;
}

/* With the lock held. The host's clock at which to wake up. */
static void set_timerfd(struct loop_clock *lc, int64_t at)
{
	/* 0 would switch the timerfd off; all times before now are alike to it. */
	int64_t first = at > 0 ? at : 1;
	struct itimerspec spec = {
		.it_value = { .tv_sec = first / NS_PER_SEC, .tv_nsec = first % NS_PER_SEC },
	};
	int flags = TFD_TIMER_ABSTIME;

	if (lc->clock->kind == CLOCK_KIND_HOST)
		flags |= TFD_TIMER_CANCEL_ON_SET;
	lc->programmed = at;
	if (!timerfd_settime(lc->watch.fd, flags, &spec, NULL))
		return;
	if (errno != ECANCELED) {
		/* Timers that never fire: the loop ends. */
		fail(lc->loop, -errno);
		loop_wake(lc->loop);
		return;
	}
	/* The clock was set since the last call, which is told here and will not be by read(). */
	lc->was_set = true;
	lc->programmed = 1;
	spec.it_value = (struct timespec){ .tv_nsec = 1 };
	timerfd_settime(lc->watch.fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

/*
 * Sets the timerfd if the clock's alarm is nearer than what it is set to. Setting it only nearer
 * makes the order of two threads that do this at once irrelevant; what is set too near costs one
 * wake-up, after which clock_ready() sets it anew.
 */
static void program(void *arg)
{
	struct loop_clock *lc = arg;
	int64_t alarm = clock_alarm(lc->clock);

	lock_take(&lc->lock);
	if (alarm < lc->programmed)
		set_timerfd(lc, alarm);
	lock_drop(&lc->lock);
}

static void clock_ready(void *arg, uint32_t events)
{
	struct loop_clock *lc = arg;
	uint64_t count;
	bool was_set;

	was_set = read(lc->watch.fd, &count, sizeof(count)) < 0 && errno == ECANCELED;
	lock_take(&lc->lock);
	was_set |= lc->was_set;
	lc->was_set = false;
	lock_drop(&lc->lock);
	if (was_set)
		clock_run_all(lc->clock);
	else
		clock_run_due(lc->clock);
	/*
	 * Until here the timerfd counted as set to a time that is past, so arming in the handlers
	 * above cost nothing. From here on whoever arms a timer sets it, or program() below sees
	 * what was armed.
	 */
	lock_take(&lc->lock);
	lc->programmed = CLOCK_NEVER;
	lock_drop(&lc->lock);
	program(lc);
}

int loop_add_clock(struct loop *loop, struct clock *clock)
{
	struct loop_clock *lc = malloc(sizeof(*lc));
	clockid_t id = clock->kind == CLOCK_KIND_HOST ? CLOCK_REALTIME : CLOCK_MONOTONIC;
	int err;

	if (!lc)
		return -ENOMEM;
	*lc = (struct loop_clock){ .clock = clock, .loop = loop, .programmed = CLOCK_NEVER };
	lc->watch = (struct loop_watch){ .fd = -1, .ready = clock_ready, .arg = lc };
	lock_init(&lc->lock, LOCK_LEAF, "loop clock");
	if (clock->kind != CLOCK_KIND_MANUAL) {
		lc->watch.fd = timerfd_create(id, TFD_CLOEXEC | TFD_NONBLOCK);
		if (lc->watch.fd < 0) {
			err = -errno;
			goto no_timerfd;
		}
		err = loop_watch(loop, &lc->watch, EPOLLIN);
		if (err)
			goto no_watch;
		clock_set_kick(clock, program, lc);
		program(lc);
	}
	LIST_INSERT_HEAD(&loop->clocks, lc, link);
	return 0;

no_watch:
	close(lc->watch.fd);
no_timerfd:
	lock_destroy(&lc->lock);
	free(lc);
	return err;
}

void loop_remove_clock(struct loop *loop, struct clock *clock)
{
	struct loop_clock *lc;

	LIST_FOREACH(lc, &loop->clocks, link)
	{
		if (lc->clock == clock)
			break;
	}
	if (!lc)
		return;
	LIST_REMOVE(lc, link);
	clock_set_kick(clock, NULL, NULL);
	if (lc->watch.fd >= 0) {
		loop_unwatch(loop, &lc->watch);
		close(lc->watch.fd);
	}
	lock_destroy(&lc->lock);
	free(lc);
}

void loop_set_before(struct loop *loop, void (*before)(void *arg), void *arg)
{
	loop->before = before;
	loop->before_arg = arg;
}

void loop_post(struct loop *loop, struct loop_task *task)
{
	bool first = false;

	lock_take(&loop->lock);
	if (!task->queued) {
		first = TAILQ_EMPTY(&loop->tasks);
		task->queued = true;
		TAILQ_INSERT_TAIL(&loop->tasks, task, link);
		loop->tasks_n++;
	}
	lock_drop(&loop->lock);
	/* With others in the queue the loop is awake or about to be. */
	if (first)
		loop_wake(loop);
}

bool loop_has_tasks(struct loop *loop)
{
	bool has;

	lock_take(&loop->lock);
	has = !TAILQ_EMPTY(&loop->tasks);
	lock_drop(&loop->lock);
	return has;
}

void loop_unpost(struct loop *loop, struct loop_task *task)
{
	lock_take(&loop->lock);
	if (task->queued)
		unlink_task(loop, task);
	lock_drop(&loop->lock);
}

/* True once for each loop_quit(). */
static bool take_quit(struct loop *loop)
{
	bool quit;

	lock_take(&loop->lock);
	quit = loop->quit;
	loop->quit = false;
	lock_drop(&loop->lock);
	return quit;
}

int loop_run(struct loop *loop)
{
	struct epoll_event batch[BATCH_MAX];

	while (!take_quit(loop) && !atomic_load(&loop->error)) {
		int n = epoll_wait(loop->epoll_fd, batch, BATCH_MAX, -1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		loop->wakeups++;
		loop->batch = batch;
		loop->batch_n = n;
		if (loop->before)
			loop->before(loop->before_arg);
		for (int i = 0; i < n && !atomic_load(&loop->error); i++) {
			struct loop_watch *watch = batch[i].data.ptr;

			if (watch)
				watch->ready(watch->arg, batch[i].events);
		}
		loop->batch_n = 0;
	}
	return atomic_load(&loop->error);
}

void loop_quit(struct loop *loop)
{
	lock_take(&loop->lock);
	loop->quit = true;
	lock_drop(&loop->lock);
	loop_wake(loop);
}
