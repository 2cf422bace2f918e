// SPDX-License-Identifier: MIT
#include "cm.h"

#include <time.h>

#include "base/clock.h"

#define MARKS 64

/* Timers that write down when they fired, and may arm again. */
struct journal {
	struct clock clock;
	struct mark {
		int who;
		int64_t at;
	} marks[MARKS];
	unsigned n;
};

struct alarm {
	struct timer timer;
	struct journal *journal;
	int who;
	int64_t again; /* armed this much later when it fires, or 0 */
	unsigned times;
	struct alarm *disarm, *arm;
	int64_t arm_at;
};

static void fired(void *arg)
{
	struct alarm *alarm = arg;
	struct journal *journal = alarm->journal;
	int64_t now = clock_now(&journal->clock);

	assert_int_equal(timer_due(&alarm->timer), CLOCK_NEVER);
	if (journal->n < MARKS)
		journal->marks[journal->n++] = (struct mark){ alarm->who, now };
	if (alarm->times) {
		alarm->times--;
		timer_arm(&alarm->timer, now + alarm->again);
	}
	if (alarm->disarm)
		timer_disarm(&alarm->disarm->timer);
	if (alarm->arm)
		timer_arm(&alarm->arm->timer, alarm->arm_at);
}

static void alarm_init(struct alarm *alarm, struct journal *journal, int who)
{
	*alarm = (struct alarm){ .journal = journal, .who = who };
	timer_init(&alarm->timer, &journal->clock, fired, alarm);
}

static void journal_init(struct journal *journal, enum clock_kind kind)
{
	*journal = (struct journal){ 0 };
	clock_init(&journal->clock, kind);
}

static void assert_marks(struct journal *journal, const struct mark *marks, unsigned n)
{
	assert_int_equal(journal->n, n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(journal->marks[i].who, marks[i].who);
		assert_int_equal(journal->marks[i].at, marks[i].at);
	}
	journal->n = 0;
}

#define ASSERT_MARKS(journal, ...)                                                                 \
	assert_marks(journal, (const struct mark[]){ __VA_ARGS__ },                                \
		     sizeof((const struct mark[]){ __VA_ARGS__ }) / sizeof(struct mark))

static void test_step_fires_each_at_its_time(void **state)
{
	struct journal j;
	struct alarm a, b, c;

	journal_init(&j, CLOCK_KIND_MANUAL);
	alarm_init(&a, &j, 1);
	alarm_init(&b, &j, 2);
	alarm_init(&c, &j, 3);
	assert_int_equal(clock_now(&j.clock), 0);
	assert_int_equal(clock_next_due(&j.clock), CLOCK_NEVER);
	timer_arm(&c.timer, 300);
	timer_arm(&a.timer, 100);
	timer_arm(&b.timer, 200);
	assert_int_equal(clock_next_due(&j.clock), 100);
	clock_step(&j.clock, 99);
	assert_int_equal(j.n, 0);
	clock_step(&j.clock, 101);
	ASSERT_MARKS(&j, { 1, 100 }, { 2, 200 });
	assert_int_equal(clock_now(&j.clock), 200);
	clock_step(&j.clock, 1000);
	ASSERT_MARKS(&j, { 3, 300 });
	assert_int_equal(clock_now(&j.clock), 1200);
	clock_destroy(&j.clock);
}

static void test_equal_times_in_order_of_arming(void **state)
{
	struct journal j;
	struct alarm a, b, c;

	journal_init(&j, CLOCK_KIND_MANUAL);
	alarm_init(&a, &j, 1);
	alarm_init(&b, &j, 2);
	alarm_init(&c, &j, 3);
	timer_arm(&a.timer, 50);
	timer_arm(&b.timer, 50);
	timer_arm(&c.timer, 50);
	timer_arm(&a.timer, 50); /* moves behind the others */
	clock_step(&j.clock, 50);
	ASSERT_MARKS(&j, { 2, 50 }, { 3, 50 }, { 1, 50 });
	clock_destroy(&j.clock);
}

static void test_handlers_arm_on_the_way(void **state)
{
	struct journal j;
	struct alarm a, b, c;

	journal_init(&j, CLOCK_KIND_MANUAL);
	alarm_init(&a, &j, 1);
	alarm_init(&b, &j, 2);
	alarm_init(&c, &j, 3);
	a.again = 100;
	a.times = 3;
	b.disarm = &c;
	timer_arm(&a.timer, 100);
	timer_arm(&b.timer, 250);
	timer_arm(&c.timer, 260);
	clock_step(&j.clock, 1000);
	ASSERT_MARKS(&j, { 1, 100 }, { 1, 200 }, { 2, 250 }, { 1, 300 }, { 1, 400 });
	assert_int_equal(timer_due(&c.timer), CLOCK_NEVER);
	/* Armed for a time that is past: now, and time does not go back. */
	a.times = 0;
	b.disarm = NULL;
	b.arm = &a;
	b.arm_at = 5;
	timer_arm(&b.timer, 1010);
	clock_step(&j.clock, 20);
	ASSERT_MARKS(&j, { 2, 1010 }, { 1, 1010 });
	assert_int_equal(clock_now(&j.clock), 1020);
	clock_destroy(&j.clock);
}

static void test_moving_and_disarming(void **state)
{
	struct journal j;
	struct alarm a, b;

	journal_init(&j, CLOCK_KIND_MANUAL);
	alarm_init(&a, &j, 1);
	alarm_init(&b, &j, 2);
	timer_arm(&a.timer, 100);
	timer_arm(&b.timer, 200);
	timer_arm(&a.timer, 300);
	assert_int_equal(timer_due(&a.timer), 300);
	assert_int_equal(clock_next_due(&j.clock), 200);
	timer_disarm(&b.timer);
	timer_disarm(&b.timer);
	clock_step(&j.clock, 299);
	assert_int_equal(j.n, 0);
	timer_arm(&a.timer, CLOCK_NEVER);
	clock_step(&j.clock, 100);
	assert_int_equal(j.n, 0);
	clock_destroy(&j.clock);
}

static void test_set(void **state)
{
	struct journal j;
	struct alarm a;

	journal_init(&j, CLOCK_KIND_MANUAL);
	alarm_init(&a, &j, 1);
	timer_arm(&a.timer, 100);
	clock_set(&j.clock, 1000);
	assert_int_equal(j.n, 0);
	clock_set(&j.clock, 50);
	assert_int_equal(clock_now(&j.clock), 50);
	clock_step(&j.clock, 49);
	assert_int_equal(j.n, 0);
	clock_set(&j.clock, 500);
	clock_step(&j.clock, 0);
	ASSERT_MARKS(&j, { 1, 500 });
	/* The end of time is not passed. */
	clock_step(&j.clock, INT64_MAX);
	assert_int_equal(clock_now(&j.clock), CLOCK_LAST);
	clock_destroy(&j.clock);
}

static void test_run_due(void **state)
{
	struct journal j;
	struct alarm a, b;

	journal_init(&j, CLOCK_KIND_MANUAL);
	alarm_init(&a, &j, 1);
	alarm_init(&b, &j, 2);
	/* One that arms itself for now, every time, is fired once a call. */
	a.times = 1000;
	a.again = -7;
	timer_arm(&a.timer, 10);
	timer_arm(&b.timer, 20);
	clock_set(&j.clock, 20);
	clock_run_due(&j.clock);
	ASSERT_MARKS(&j, { 1, 20 }, { 2, 20 });
	clock_run_due(&j.clock);
	ASSERT_MARKS(&j, { 1, 20 });
	timer_disarm(&a.timer);
	/* What is not due waits, except when the time was set. */
	timer_arm(&b.timer, 1000);
	clock_run_due(&j.clock);
	assert_int_equal(j.n, 0);
	clock_run_all(&j.clock);
	ASSERT_MARKS(&j, { 2, 20 });
	clock_destroy(&j.clock);
}

static int64_t host(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_SEC + ts.tv_nsec;
}

static void test_host_clocks(void **state)
{
	static const struct {
		enum clock_kind kind;
		clockid_t id;
	} kinds[] = { { CLOCK_KIND_HOST, CLOCK_REALTIME },
		      { CLOCK_KIND_MONOTONIC, CLOCK_MONOTONIC } };

	for (unsigned i = 0; i < 2; i++) {
		int64_t before = host(kinds[i].id), now;
		struct journal j;
		struct alarm a;

		journal_init(&j, kinds[i].kind);
		alarm_init(&a, &j, 1);
		now = clock_now(&j.clock);
		assert_true(now >= before && now <= host(kinds[i].id));
		assert_int_equal(clock_wait(&j.clock), CLOCK_NEVER);
		timer_arm(&a.timer, now + 1000 * NS_PER_SEC);
		assert_int_equal(clock_alarm(&j.clock), now + 1000 * NS_PER_SEC);
		assert_true(clock_wait(&j.clock) <= 1000 * NS_PER_SEC);
		assert_true(clock_wait(&j.clock) > 0);
		clock_run_due(&j.clock);
		assert_int_equal(j.n, 0);
		timer_arm(&a.timer, 0);
		assert_int_equal(clock_wait(&j.clock), 0);
		clock_run_due(&j.clock);
		assert_int_equal(j.n, 1);
		clock_destroy(&j.clock);
	}
}

static void pass_time(void)
{
	int64_t end = host(CLOCK_MONOTONIC) + 20 * NS_PER_US;

	while (host(CLOCK_MONOTONIC) <= end)
		;
}

static void test_vm_clock_stands_still(void **state)
{
	struct journal j;
	struct alarm a;
	int64_t stood, begun;

	journal_init(&j, CLOCK_KIND_VM);
	alarm_init(&a, &j, 1);
	pass_time();
	assert_int_equal(clock_now(&j.clock), 0);
	timer_arm(&a.timer, 0);
	assert_int_equal(clock_wait(&j.clock), CLOCK_NEVER);
	clock_run_due(&j.clock);
	clock_run_all(&j.clock);
	assert_int_equal(j.n, 0);

	begun = host(CLOCK_MONOTONIC);
	clock_start(&j.clock);
	clock_start(&j.clock);
	assert_int_equal(clock_wait(&j.clock), 0);
	clock_run_due(&j.clock);
	assert_int_equal(j.n, 1);
	pass_time();
	assert_true(clock_now(&j.clock) >= 20 * NS_PER_US);
	assert_true(clock_now(&j.clock) <= host(CLOCK_MONOTONIC) - begun);

	clock_stop(&j.clock);
	clock_stop(&j.clock);
	stood = clock_now(&j.clock);
	pass_time();
	assert_int_equal(clock_now(&j.clock), stood);
	begun = host(CLOCK_MONOTONIC);
	clock_start(&j.clock);
	assert_true(clock_now(&j.clock) >= stood);
	assert_true(clock_now(&j.clock) - stood <= host(CLOCK_MONOTONIC) - begun);
	/* The alarm is in the host's time. */
	timer_arm(&a.timer, stood + NS_PER_SEC);
	assert_true(clock_alarm(&j.clock) >= begun + NS_PER_SEC);
	assert_true(clock_alarm(&j.clock) <= host(CLOCK_MONOTONIC) + NS_PER_SEC);
	timer_arm(&a.timer, CLOCK_NEVER - 1);
	assert_int_equal(clock_alarm(&j.clock), CLOCK_NEVER);
	timer_disarm(&a.timer);
	clock_destroy(&j.clock);
}

static void kicked(void *arg)
{
	++*(unsigned *)arg;
}

/* Chips add periods to the time: far from where that would overflow, it stands still. */
static void test_end_of_time(void **state)
{
	struct journal j;
	struct alarm a;

	journal_init(&j, CLOCK_KIND_MANUAL);
	alarm_init(&a, &j, 1);
	timer_arm(&a.timer, CLOCK_LAST);
	clock_step(&j.clock, 5);
	clock_step(&j.clock, INT64_MAX);
	ASSERT_MARKS(&j, { 1, CLOCK_LAST });
	assert_true(clock_now(&j.clock) == CLOCK_LAST);
	timer_arm(&a.timer, CLOCK_LAST + 1);
	clock_step(&j.clock, 1);
	assert_true(clock_now(&j.clock) == CLOCK_LAST);
	clock_set(&j.clock, INT64_MAX);
	assert_true(clock_now(&j.clock) == CLOCK_LAST);
	timer_disarm(&a.timer);
	clock_destroy(&j.clock);
}

/* A kick may cost a system call, so there is one only when the next time moves nearer. */
static void test_kicks(void **state)
{
	struct journal j;
	struct alarm a, b;
	unsigned kicks = 0;

	journal_init(&j, CLOCK_KIND_VM);
	alarm_init(&a, &j, 1);
	alarm_init(&b, &j, 2);
	clock_set_kick(&j.clock, kicked, &kicks);
	timer_arm(&a.timer, 1000);
	assert_int_equal(kicks, 1);
	timer_arm(&b.timer, 2000);
	timer_arm(&a.timer, 1500);
	timer_disarm(&b.timer);
	assert_int_equal(kicks, 1);
	timer_arm(&b.timer, 1499);
	assert_int_equal(kicks, 2);
	timer_arm(&b.timer, 1499);
	timer_disarm(&b.timer);
	timer_disarm(&a.timer);
	assert_int_equal(kicks, 2);
	clock_start(&j.clock);
	assert_int_equal(kicks, 3);
	clock_start(&j.clock);
	assert_int_equal(kicks, 3);
	clock_stop(&j.clock);
	clock_destroy(&j.clock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_step_fires_each_at_its_time),
		cmocka_unit_test(test_equal_times_in_order_of_arming),
		cmocka_unit_test(test_handlers_arm_on_the_way),
		cmocka_unit_test(test_moving_and_disarming),
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_run_due),
		cmocka_unit_test(test_host_clocks),
		cmocka_unit_test(test_vm_clock_stands_still),
		cmocka_unit_test(test_end_of_time),
		cmocka_unit_test(test_kicks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
