// SPDX-License-Identifier: MIT
/* The draining timer: on only when it has to be, put off by other wake-ups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/timerfd.h>
#include <time.h>

#include "board/drain_timer.h"

#define HOUR (3600 * (uint64_t)NS_PER_SEC)

struct rig {
	struct loop loop;
	struct drain_timer timer;
	uint64_t deadline;
	unsigned before; /* times the loop woke and would have drained */
	unsigned reviews; /* looks whether the deadline is needed */
	bool unused; /* what such a look finds */
};

static uint64_t deadline(void *arg)
{
	return ((struct rig *)arg)->deadline;
}

static void review(void *arg)
{
	struct rig *rig = arg;

	rig->reviews++;
	if (rig->unused)
		rig->deadline = 0;
}

static void woke(void *arg)
{
	struct rig *rig = arg;

	rig->before++;
	drain_timer_put_off(&rig->timer);
	loop_quit(&rig->loop);
}

static int set_up(void **state)
{
	static struct rig rig;

	rig = (struct rig){ .deadline = HOUR };
	*state = &rig;
	return loop_init(&rig.loop) ||
	       drain_timer_init(&rig.timer, &rig.loop, deadline, review, &rig);
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	drain_timer_destroy(&rig->timer);
	loop_destroy(&rig->loop);
	return 0;
}

static bool is_on(const struct rig *rig)
{
	struct itimerspec left;

	assert_int_equal(timerfd_gettime(rig->timer.watch.fd, &left), 0);
	return left.it_value.tv_sec || left.it_value.tv_nsec;
}

/* Only while the guest runs, and only if somebody has a deadline. */
static void test_on_only_when_needed(void **state)
{
	struct rig *rig = *state;

	assert_false(is_on(rig));
	drain_timer_start(&rig->timer);
	assert_true(is_on(rig));
	drain_timer_stop(&rig->timer);
	assert_false(is_on(rig));
	drain_timer_put_off(&rig->timer);
	assert_false(is_on(rig));
	rig->deadline = 0;
	drain_timer_start(&rig->timer);
	assert_false(is_on(rig));
	drain_timer_put_off(&rig->timer);
	assert_false(is_on(rig));
}

/* Zones that come and go while the guest runs switch it on and off. */
static void test_zones_come_and_go(void **state)
{
	struct rig *rig = *state;

	loop_set_before(&rig->loop, woke, rig);
	rig->deadline = 0;
	drain_timer_start(&rig->timer);
	rig->deadline = HOUR;
	drain_timer_check(&rig->timer);
	assert_int_equal(loop_run(&rig->loop), 0);
	assert_true(is_on(rig));
	rig->deadline = 0;
	drain_timer_check(&rig->timer);
	assert_int_equal(loop_run(&rig->loop), 0);
	assert_false(is_on(rig));
	drain_timer_stop(&rig->timer);
	rig->deadline = HOUR;
	drain_timer_check(&rig->timer);
	assert_int_equal(loop_run(&rig->loop), 0);
	assert_false(is_on(rig));
}

/* It does wake the loop, again and again. */
static void test_wakes(void **state)
{
	struct rig *rig = *state;

	loop_set_before(&rig->loop, woke, rig);
	rig->deadline = (uint64_t)NS_PER_MS;
	drain_timer_start(&rig->timer);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(loop_run(&rig->loop), 0);
		assert_int_equal(rig->before, i);
		assert_true(is_on(rig) || rig->timer.set_at != CLOCK_NEVER);
	}
}

/* Put off by a wake-up, but not at the price of a system call for each of many. */
static void test_put_off(void **state)
{
	struct rig *rig = *state;
	int64_t set_at;

	drain_timer_start(&rig->timer);
	set_at = rig->timer.set_at;
	drain_timer_put_off(&rig->timer);
	assert_int_equal(rig->timer.set_at, set_at);
	rig->deadline = 4 * (uint64_t)NS_PER_MS;
	nanosleep(&(struct timespec){ .tv_nsec = NS_PER_MS }, NULL);
	drain_timer_put_off(&rig->timer);
	assert_true(rig->timer.set_at > set_at);
}

/* Zones that nobody uses any more are found while it is on, which it then is not any longer. */
static void test_reviews_what_it_is_on_for(void **state)
{
	struct rig *rig = *state;
	unsigned before;

	rig->deadline = (uint64_t)NS_PER_MS;
	loop_set_before(&rig->loop, woke, rig);
	drain_timer_start(&rig->timer);
	before = rig->reviews;
	/* Not with every wake-up. */
	assert_int_equal(loop_run(&rig->loop), 0);
	rig->timer.reviewed_at -= NS_PER_SEC / 2;
	rig->unused = true;
	while (rig->deadline)
		assert_int_equal(loop_run(&rig->loop), 0);
	assert_in_range(rig->reviews, before + 1, before + 2);
	assert_false(is_on(rig));
	/* Without a deadline nobody has to look. */
	rig->timer.reviewed_at -= NS_PER_SEC / 2;
	before = rig->reviews;
	drain_timer_put_off(&rig->timer);
	drain_timer_start(&rig->timer);
	assert_int_equal(rig->reviews, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_on_only_when_needed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_zones_come_and_go, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wakes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_put_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_reviews_what_it_is_on_for, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
