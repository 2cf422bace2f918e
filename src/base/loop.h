// SPDX-License-Identifier: MIT
/*
 * The event loop: one thread that waits on epoll for file descriptors, clocks and tasks posted by
 * other threads. Everything a machine does outside its vCPU threads happens here.
 *
 * Watches and tasks are embedded in their owners, which must unwatch before they go away. Callbacks
 * run on the loop's thread with no lock held. loop_post(), loop_unpost(), loop_quit() and arming timers are for any
 * thread; the rest is for the loop's own thread, or for any while the loop does not run.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/wake.h"

struct epoll_event;

/* ready, arg and fd are the owner's to fill in, before loop_watch(). */
struct loop_watch {
	int fd;
	void (*ready)(void *arg, uint32_t events); /* EPOLLIN, ... */
	void *arg;
	bool active;
};

struct loop_task {
	void (*run)(void *arg);
	void *arg;
	TAILQ_ENTRY(loop_task) link;
	bool queued;
};

struct loop_clock {
	struct clock *clock;
	struct loop *loop;
	LIST_ENTRY(loop_clock) link;
	struct loop_watch watch; /* a timerfd; fd -1 for a manual clock, which needs none */
	struct lock lock; /* LOCK_LEAF: all below and the timerfd's setting */
	bool was_set; /* the host's clock was set, and its timers do not know yet */
	int64_t programmed; /* host time that the timerfd is set to, or CLOCK_NEVER */
};

struct loop {
	int epoll_fd;
	struct wake wake;
	struct loop_watch wake_watch;
	atomic_bool wake_by_output; /* the watch is changed: see loop_wake() */
	struct lock lock; /* LOCK_LEAF: tasks, quit */
	TAILQ_HEAD(loop_tasks, loop_task) tasks; /* in the order they were posted */
	unsigned tasks_n;
	bool quit;
	LIST_HEAD(loop_clocks, loop_clock) clocks;
	atomic_int error; /* -errno of what the host refused and the loop cannot be without */
	void (*before)(void *arg);
	void *before_arg;
	struct epoll_event *batch; /* events not yet handed out: unwatching takes them back */
	int batch_n;
	uint64_t wakeups;
};

/* 0 or -errno. */
int loop_init(struct loop *loop) __attribute__((warn_unused_result));
void loop_destroy(struct loop *loop);

/* Watches watch->fd for epoll events. 0 or -errno; a second call for the same watch changes the events. */
int loop_watch(struct loop *loop, struct loop_watch *watch, uint32_t events)
	__attribute__((warn_unused_result));
/*
 * Before the descriptor is closed. From here on ready() is not called any more; should the host refuse
 * that, nothing is: the run ends with its error.
 */
void loop_unwatch(struct loop *loop, struct loop_watch *watch);

/* Fires the clock's timers from now on, until loop_remove_clock() or the loop's end. 0 or -errno. */
int loop_add_clock(struct loop *loop, struct clock *clock) __attribute__((warn_unused_result));
/*
 * No longer. Nobody else may use the clock meanwhile, and it must not be called by a timer of this
 * very clock. A clock that the loop does not have is left alone.
 */
void loop_remove_clock(struct loop *loop, struct clock *clock);

/*
 * before() runs once after each wake-up, ahead of every callback. A machine drains its coalesced
 * ring there, so that no timer or monitor command ever sees a chip with an earlier write missing.
 */
void loop_set_before(struct loop *loop, void (*before)(void *arg), void *arg);

/* Runs task->run on the loop's thread soon. A task that is queued already stays queued once. */
void loop_post(struct loop *loop, struct loop_task *task);
/* Something was posted and waits for its turn. Any thread. */
bool loop_has_tasks(struct loop *loop);
/* Takes a task back if it has not begun. On the loop's thread it will not run after this. */
void loop_unpost(struct loop *loop, struct loop_task *task);

/*
 * Runs until loop_quit(), which may have been called before: then it returns at once. May be run
 * again afterwards. 0, or -errno if the host refused to wait or to stop watching: then every later
 * run ends at once.
 */
int loop_run(struct loop *loop) __attribute__((warn_unused_result));
void loop_quit(struct loop *loop);
