// SPDX-License-Identifier: MIT
#include "cm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/loop.h"

struct fixture {
	struct loop loop;
	char log[64]; /* one letter for each thing that happened */
	struct loop_task stop;
};

static void note(struct fixture *f, char what)
{
	size_t n = strlen(f->log);

	assert_true(n < sizeof(f->log) - 1);
	f->log[n] = what;
}

static void stop_run(void *arg)
{
	struct fixture *f = arg;

	loop_quit(&f->loop);
}

static void setup(struct fixture *f)
{
	*f = (struct fixture){ .stop = { .run = stop_run, .arg = f } };
	assert_int_equal(loop_init(&f->loop), 0);
}

struct noted_task {
	struct loop_task task;
	struct fixture *f;
	char what;
	unsigned again;
	bool last; /* ends the run when it is not posted again */
	struct loop_task *unpost;
};

static void run_noted(void *arg)
{
	struct noted_task *noted = arg;

	note(noted->f, noted->what);
	if (noted->again) {
		noted->again--;
		loop_post(&noted->f->loop, &noted->task);
	} else if (noted->last) {
		loop_quit(&noted->f->loop);
	}
	if (noted->unpost)
		loop_unpost(&noted->f->loop, noted->unpost);
}

static void noted_init(struct noted_task *noted, struct fixture *f, char what)
{
	*noted = (struct noted_task){ .f = f, .what = what };
	noted->task = (struct loop_task){ .run = run_noted, .arg = noted };
}

static void before(void *arg)
{
	note(arg, '|');
}

static void test_tasks_in_order_once(void **state)
{
	struct fixture f;
	struct noted_task a, b, c;

	setup(&f);
	noted_init(&a, &f, 'a');
	noted_init(&b, &f, 'b');
	noted_init(&c, &f, 'c');
	loop_set_before(&f.loop, before, &f);
	a.again = 1;
	loop_post(&f.loop, &b.task);
	loop_post(&f.loop, &a.task);
	loop_post(&f.loop, &b.task);
	loop_post(&f.loop, &c.task);
	loop_unpost(&f.loop, &c.task);
	loop_unpost(&f.loop, &c.task);
	loop_post(&f.loop, &f.stop);
	assert_int_equal(loop_run(&f.loop), 0);
	assert_string_equal(f.log, "|ba");
	/* What a task posts waits for the next wake-up, and survives the end of a run. */
	loop_post(&f.loop, &f.stop);
	assert_int_equal(loop_run(&f.loop), 0);
	assert_string_equal(f.log, "|ba|a");
	loop_destroy(&f.loop);
}

/* Posted while others are queued, so that posting alone wakes nobody. */
static void test_task_posted_again_wakes(void **state)
{
	struct fixture f;
	struct noted_task a, b;

	setup(&f);
	noted_init(&a, &f, 'a');
	noted_init(&b, &f, 'b');
	a.again = 2;
	a.last = true;
	b.again = 1;
	loop_set_before(&f.loop, before, &f);
	loop_post(&f.loop, &a.task);
	loop_post(&f.loop, &b.task);
	assert_int_equal(loop_run(&f.loop), 0);
	assert_string_equal(f.log, "|ab|ab|a");
	loop_destroy(&f.loop);
}

static void test_task_takes_back_another(void **state)
{
	struct fixture f;
	struct noted_task a, b, c;

	setup(&f);
	noted_init(&a, &f, 'a');
	noted_init(&b, &f, 'b');
	noted_init(&c, &f, 'c');
	a.unpost = &c.task;
	loop_post(&f.loop, &a.task);
	loop_post(&f.loop, &b.task);
	loop_post(&f.loop, &c.task);
	loop_post(&f.loop, &f.stop);
	assert_int_equal(loop_run(&f.loop), 0);
	assert_string_equal(f.log, "ab");
	loop_destroy(&f.loop);
}

static void test_quit_beforehand(void **state)
{
	struct fixture f;

	setup(&f);
	loop_quit(&f.loop);
	assert_int_equal(loop_run(&f.loop), 0);
	assert_int_equal(f.loop.wakeups, 0);
	loop_destroy(&f.loop);
}

/* Two pipes; whichever is told first takes the other's watch away. */
struct rivals {
	struct fixture f;
	struct loop_watch watches[2];
};

static void rival_ready(void *arg, uint32_t events)
{
	struct rivals *r = arg;

	assert_true(events & EPOLLIN);
	note(&r->f, 'x');
	loop_unwatch(&r->f.loop, &r->watches[0]);
	loop_unwatch(&r->f.loop, &r->watches[1]);
	/* Any use of them from here on would be seen. */
	memset(r->watches, 0xff, sizeof(r->watches));
}

static void test_unwatched_while_ready(void **state)
{
	struct rivals r;
	int fds[2][2];

	setup(&r.f);
	loop_set_before(&r.f.loop, before, &r.f);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe(fds[i]), 0);
		assert_int_equal(write(fds[i][1], "x", 1), 1);
		r.watches[i] =
			(struct loop_watch){ .fd = fds[i][0], .ready = rival_ready, .arg = &r };
		assert_int_equal(loop_watch(&r.f.loop, &r.watches[i], EPOLLIN), 0);
	}
	loop_post(&r.f.loop, &r.f.stop);
	assert_int_equal(loop_run(&r.f.loop), 0);
	assert_string_equal(r.f.log, "|x");
	for (int i = 0; i < 2; i++) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
	loop_destroy(&r.f.loop);
}

static void pipe_ready(void *arg, uint32_t events)
{
	struct fixture *f = arg;

	note(f, events & EPOLLOUT ? 'o' : 'i');
	loop_quit(&f->loop);
}

static void test_watch_changes_events(void **state)
{
	struct fixture f;
	struct loop_watch watch, file;
	int fds[2], fd = open("/proc/self/exe", O_RDONLY);

	setup(&f);
	assert_int_equal(pipe(fds), 0);
	watch = (struct loop_watch){ .fd = fds[1], .ready = pipe_ready, .arg = &f };
	assert_int_equal(loop_watch(&f.loop, &watch, EPOLLIN), 0);
	loop_post(&f.loop, &f.stop);
	assert_int_equal(loop_run(&f.loop), 0);
	assert_string_equal(f.log, "");
	assert_int_equal(loop_watch(&f.loop, &watch, EPOLLOUT), 0);
	assert_int_equal(loop_run(&f.loop), 0);
	assert_string_equal(f.log, "o");
	loop_unwatch(&f.loop, &watch);
	loop_unwatch(&f.loop, &watch);
	file = (struct loop_watch){ .fd = fd, .ready = pipe_ready, .arg = &f };
	assert_int_equal(loop_watch(&f.loop, &file, EPOLLIN), -EPERM);
	assert_false(file.active);
	close(fd);
	close(fds[0]);
	close(fds[1]);
	loop_destroy(&f.loop);
}

/*
 * From now on this process gets EIO from the system call if its argument is value. For ever, so it runs in
 * a child; 0 if the host has no such filters.
 */
static int refuse(unsigned number, unsigned argument, unsigned value)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 (unsigned)offsetof(struct seccomp_data, args) + argument * 8),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

#define NO_FILTER 77

/* Runs body in a process of its own, which returns 0 if all is well. */
static void run_child(int (*body)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		alarm(20);
		_exit(body());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_FILTER)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void *post_later(void *arg)
{
	struct noted_task *noted = arg;

	usleep(20000);
	loop_post(&noted->f->loop, &noted->task);
	return NULL;
}

/* The eventfd cannot be written to: tasks run all the same, those of other threads too. */
static int without_eventfd(void)
{
	struct fixture f;
	struct noted_task a, b;
	pthread_t thread;

	setup(&f);
	if (!refuse(SYS_write, 0, (unsigned)f.loop.wake.fd))
		return NO_FILTER;
	noted_init(&a, &f, 'a');
	noted_init(&b, &f, 'b');
	a.again = 2;
	b.last = true;
	loop_post(&f.loop, &a.task);
	if (pthread_create(&thread, NULL, post_later, &b))
		return 1;
	if (loop_run(&f.loop) || strcmp(f.log, "aaab"))
		return 2;
	pthread_join(thread, NULL);
	/* It rests afterwards: nothing is left that wakes it but this. */
	loop_quit(&f.loop);
	if (loop_run(&f.loop))
		return 3;
	loop_destroy(&f.loop);
	return 0;
}

static void test_eventfd_refused(void **state)
{
	run_child(without_eventfd);
}

static int without_reading_it(void)
{
	struct fixture f;

	setup(&f);
	if (!refuse(SYS_read, 0, (unsigned)f.loop.wake.fd))
		return NO_FILTER;
	loop_post(&f.loop, &f.stop);
	/* It would be woken for ever. */
	for (int run = 0; run < 2; run++) {
		if (loop_run(&f.loop) != -EIO)
			return 1;
	}
	loop_destroy(&f.loop);
	return 0;
}

static void test_eventfd_not_readable(void **state)
{
	run_child(without_reading_it);
}

static void unwatch_both(void *arg, uint32_t events)
{
	struct rivals *r = arg;

	note(&r->f, 'x');
	loop_unwatch(&r->f.loop, &r->watches[0]);
	loop_unwatch(&r->f.loop, &r->watches[1]);
	memset(r->watches, 0xff, sizeof(r->watches));
}

/* Both pipes stay watched though nobody is there any more: the run ends before it calls them. */
static int without_unwatching(void)
{
	struct rivals r;
	int fds[2][2];

	setup(&r.f);
	for (int i = 0; i < 2; i++) {
		if (pipe(fds[i]) || write(fds[i][1], "x", 1) != 1)
			return 1;
		r.watches[i] =
			(struct loop_watch){ .fd = fds[i][0], .ready = unwatch_both, .arg = &r };
		if (loop_watch(&r.f.loop, &r.watches[i], EPOLLIN))
			return 2;
	}
	if (!refuse(SYS_epoll_ctl, 1, EPOLL_CTL_DEL))
		return NO_FILTER;
	if (loop_run(&r.f.loop) != -EIO || strcmp(r.f.log, "x"))
		return 3;
	loop_destroy(&r.f.loop);
	return 0;
}

/* A clock whose timerfd cannot be set would never fire: the loop wakes and ends. */
static int without_timerfd(void)
{
	struct fixture f;
	struct clock clock;
	struct timer timer;

	setup(&f);
	clock_init(&clock, CLOCK_KIND_MONOTONIC);
	timer_init(&timer, &clock, NULL, NULL);
	if (loop_add_clock(&f.loop, &clock))
		return 1;
	if (!refuse(SYS_timerfd_settime, 1, TFD_TIMER_ABSTIME))
		return NO_FILTER;
	timer_arm(&timer, clock_now(&clock) + 3600 * NS_PER_SEC);
	if (loop_run(&f.loop) != -EIO)
		return 2;
	timer_disarm(&timer);
	loop_destroy(&f.loop);
	clock_destroy(&clock);
	return 0;
}

static void test_timerfd_refused(void **state)
{
	run_child(without_timerfd);
}

static void test_unwatching_refused(void **state)
{
	run_child(without_unwatching);
}

struct ticker {
	struct fixture *f;
	struct timer timer;
	unsigned left;
	int64_t period;
};

static void ticked(void *arg)
{
	struct ticker *ticker = arg;

	if (!--ticker->left)
		loop_quit(&ticker->f->loop);
	else
		timer_arm(&ticker->timer, clock_now(ticker->timer.clock) + ticker->period);
}

static void test_clocks_of_each_kind(void **state)
{
	static const enum clock_kind kinds[] = { CLOCK_KIND_HOST, CLOCK_KIND_MONOTONIC,
						 CLOCK_KIND_VM };

	for (unsigned i = 0; i < 3; i++) {
		struct fixture f;
		struct clock clock;
		struct ticker ticker = { .f = &f, .left = 20, .period = 50 * NS_PER_US };
		int64_t start;

		setup(&f);
		clock_init(&clock, kinds[i]);
		timer_init(&ticker.timer, &clock, ticked, &ticker);
		/* Armed before and after the loop has the clock. */
		if (i & 1)
			timer_arm(&ticker.timer, 0);
		assert_int_equal(loop_add_clock(&f.loop, &clock), 0);
		if (kinds[i] == CLOCK_KIND_VM)
			clock_start(&clock);
		start = clock_now(&clock);
		if (!(i & 1))
			timer_arm(&ticker.timer, start + ticker.period);
		assert_int_equal(loop_run(&f.loop), 0);
		assert_true(clock_now(&clock) >= start + 19 * ticker.period);
		/* A wake-up for a tick, not many. */
		assert_true(f.loop.wakeups <= 2 * 20 + 2);
		loop_destroy(&f.loop);
		clock_destroy(&clock);
	}
}

/* Far, then stopped, then near by a start: the timerfd follows. */
static void test_vm_clock_started_late(void **state)
{
	struct fixture f;
	struct clock clock, manual;
	struct ticker ticker = { .f = &f, .left = 1 };

	setup(&f);
	clock_init(&clock, CLOCK_KIND_VM);
	clock_init(&manual, CLOCK_KIND_MANUAL);
	timer_init(&ticker.timer, &clock, ticked, &ticker);
	timer_arm(&ticker.timer, 1);
	assert_int_equal(loop_add_clock(&f.loop, &clock), 0);
	assert_int_equal(loop_add_clock(&f.loop, &manual), 0);
	loop_post(&f.loop, &f.stop);
	assert_int_equal(loop_run(&f.loop), 0);
	assert_int_equal(ticker.left, 1);
	clock_start(&clock);
	assert_int_equal(loop_run(&f.loop), 0);
	assert_int_equal(ticker.left, 0);
	loop_destroy(&f.loop);
	clock_destroy(&clock);
	clock_destroy(&manual);
}

#define MANY 20

/* As many as one likes; one that was taken away fires nothing, and the others go on. */
static void test_clocks_come_and_go(void **state)
{
	struct fixture f;
	struct clock clocks[MANY];
	struct ticker tickers[MANY];

	setup(&f);
	for (unsigned i = 0; i < MANY; i++) {
		clock_init(&clocks[i], CLOCK_KIND_MONOTONIC);
		tickers[i] = (struct ticker){ .f = &f, .left = i == MANY - 1 ? 1 : 2 };
		timer_init(&tickers[i].timer, &clocks[i], ticked, &tickers[i]);
		assert_int_equal(loop_add_clock(&f.loop, &clocks[i]), 0);
		timer_arm(&tickers[i].timer, 0);
	}
	/* Ready already, and armed once more after it is gone. */
	for (unsigned i = 0; i < MANY - 1; i++)
		loop_remove_clock(&f.loop, &clocks[i]);
	loop_remove_clock(&f.loop, &clocks[0]);
	timer_arm(&tickers[0].timer, -1);
	assert_int_equal(loop_run(&f.loop), 0);
	for (unsigned i = 0; i < MANY - 1; i++)
		assert_int_equal(tickers[i].left, 2);
	assert_int_equal(tickers[MANY - 1].left, 0);
	/* And back again. */
	tickers[0].left = 1;
	assert_int_equal(loop_add_clock(&f.loop, &clocks[0]), 0);
	assert_int_equal(loop_run(&f.loop), 0);
	assert_int_equal(tickers[0].left, 0);
	for (unsigned i = 0; i < MANY; i++) {
		timer_disarm(&tickers[i].timer);
		loop_remove_clock(&f.loop, &clocks[i]);
		clock_destroy(&clocks[i]);
	}
	assert_true(LIST_EMPTY(&f.loop.clocks));
	loop_destroy(&f.loop);
}

/* Threads that post tasks and arm timers nearer while the loop fires them. */
#define THREADS 3
#define ROUNDS  2000

struct crowd {
	struct fixture f;
	struct clock clock;
	struct worker {
		struct crowd *crowd;
		struct loop_task task;
		struct timer timer;
		atomic_uint ran, rang;
	} workers[THREADS];
	atomic_uint working;
};

static void worker_ran(void *arg)
{
	atomic_fetch_add(&((struct worker *)arg)->ran, 1);
}

static void worker_rang(void *arg)
{
	atomic_fetch_add(&((struct worker *)arg)->rang, 1);
}

/* Each task and timer is waited for, so that one lost wake-up means waiting for ever. */
static void *work(void *arg)
{
	struct worker *worker = arg;
	struct crowd *crowd = worker->crowd;

	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned ran = worker->ran, rang = worker->rang;

		timer_arm(&worker->timer, clock_now(&crowd->clock) + 1000 * NS_PER_SEC);
		loop_post(&crowd->f.loop, &worker->task);
		timer_arm(&worker->timer, clock_now(&crowd->clock) + (i % 3) * 10 * NS_PER_US);
		while (worker->ran == ran || worker->rang == rang)
			sched_yield();
	}
	if (atomic_fetch_sub(&crowd->working, 1) == 1)
		loop_quit(&crowd->f.loop);
	return NULL;
}

static void test_threads(void **state)
{
	static struct crowd crowd;
	pthread_t threads[THREADS];

	setup(&crowd.f);
	clock_init(&crowd.clock, CLOCK_KIND_MONOTONIC);
	assert_int_equal(loop_add_clock(&crowd.f.loop, &crowd.clock), 0);
	crowd.working = THREADS;
	for (unsigned i = 0; i < THREADS; i++) {
		struct worker *worker = &crowd.workers[i];

		worker->crowd = &crowd;
		worker->task = (struct loop_task){ .run = worker_ran, .arg = worker };
		timer_init(&worker->timer, &crowd.clock, worker_rang, worker);
		pthread_create(&threads[i], NULL, work, worker);
	}
	assert_int_equal(loop_run(&crowd.f.loop), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(crowd.workers[i].ran, ROUNDS);
		assert_int_equal(crowd.workers[i].rang, ROUNDS);
	}
	loop_destroy(&crowd.f.loop);
	clock_destroy(&crowd.clock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tasks_in_order_once),
		cmocka_unit_test(test_task_posted_again_wakes),
		cmocka_unit_test(test_task_takes_back_another),
		cmocka_unit_test(test_quit_beforehand),
		cmocka_unit_test(test_unwatched_while_ready),
		cmocka_unit_test(test_watch_changes_events),
		cmocka_unit_test(test_eventfd_refused),
		cmocka_unit_test(test_eventfd_not_readable),
		cmocka_unit_test(test_timerfd_refused),
		cmocka_unit_test(test_unwatching_refused),
		cmocka_unit_test(test_clocks_of_each_kind),
		cmocka_unit_test(test_vm_clock_started_late),
		cmocka_unit_test(test_clocks_come_and_go),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
