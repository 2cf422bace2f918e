// SPDX-License-Identifier: MIT
#include "cm.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/lock.h"

static void in_order(void)
{
	struct lock topology, device, leaf;

	lock_init(&topology, LOCK_TOPOLOGY, "topology");
	lock_init(&device, LOCK_DEVICE, "device");
	lock_init(&leaf, LOCK_LEAF, "leaf");
	for (int i = 0; i < 100; i++) {
		lock_take(&topology);
		lock_take(&device);
		lock_take(&leaf);
		/* Dropped in any order. */
		lock_drop(&device);
		lock_drop(&leaf);
		lock_take(&leaf);
		lock_drop(&leaf);
		lock_drop(&topology);
	}
	lock_destroy(&topology);
	lock_destroy(&device);
	lock_destroy(&leaf);
}

/* Chips that call one another in the order of their layers, and what lies above both. */
static void upwards_in_a_rank(void)
{
	struct lock clock, power, controller, irq;

	lock_init(&clock, LOCK_DEVICE, "clock");
	lock_init_layer(&power, LOCK_DEVICE, 1, "power");
	lock_init_layer(&controller, LOCK_DEVICE, LOCK_LAYERS - 1, "controller");
	lock_init(&irq, LOCK_IRQ, "irq");
	for (int i = 0; i < 100; i++) {
		lock_take(&clock);
		lock_take(&power);
		lock_take(&controller);
		lock_take(&irq);
		lock_drop(&controller);
		lock_drop(&clock);
		lock_drop(&irq);
		lock_drop(&power);
	}
}

static void downwards_in_a_rank(void)
{
	struct lock clock, power;

	lock_init(&clock, LOCK_DEVICE, "clock");
	lock_init_layer(&power, LOCK_DEVICE, 1, "power");
	lock_take(&power);
	lock_take(&clock);
}

static void same_layer(void)
{
	struct lock one, other;

	lock_init_layer(&one, LOCK_DEVICE, 1, "one");
	lock_init_layer(&other, LOCK_DEVICE, 1, "other");
	lock_take(&one);
	lock_take(&other);
}

/* A layer orders the locks of one rank and no others. */
static void layer_is_no_rank(void)
{
	struct lock device, bus;

	lock_init(&device, LOCK_DEVICE, "device");
	lock_init_layer(&bus, LOCK_BUS, LOCK_LAYERS - 1, "bus");
	lock_take(&device);
	lock_take(&bus);
}

static void no_such_layer(void)
{
	struct lock lock;

	lock_init_layer(&lock, LOCK_DEVICE, LOCK_LAYERS, "lock");
}

static void downwards(void)
{
	struct lock device, ring;

	lock_init(&device, LOCK_DEVICE, "device");
	lock_init(&ring, LOCK_RING, "ring");
	lock_take(&device);
	lock_take(&ring);
}

static void same_rank(void)
{
	struct lock one, other;

	lock_init(&one, LOCK_DEVICE, "one");
	lock_init(&other, LOCK_DEVICE, "other");
	lock_take(&one);
	lock_take(&other);
}

static void twice(void)
{
	struct lock lock;

	lock_init(&lock, LOCK_LEAF, "lock");
	lock_take(&lock);
	lock_take(&lock);
}

static void not_held(void)
{
	struct lock lock;

	lock_init(&lock, LOCK_LEAF, "lock");
	lock_drop(&lock);
}

/* The middle one of three is dropped, so the last one still counts. */
static void after_gap(void)
{
	struct lock topology, device, leaf, irq;

	lock_init(&topology, LOCK_TOPOLOGY, "topology");
	lock_init(&device, LOCK_DEVICE, "device");
	lock_init(&leaf, LOCK_LEAF, "leaf");
	lock_init(&irq, LOCK_IRQ, "irq");
	lock_take(&topology);
	lock_take(&device);
	lock_take(&leaf);
	lock_drop(&device);
	lock_take(&irq);
}

/* The signal that ends a process which does this, or 0. */
static int fate(void (*body)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		/* What would wait for ever without ranks. */
		alarm(10);
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_order(void **state)
{
	assert_int_equal(fate(in_order), 0);
	assert_int_equal(fate(downwards), SIGABRT);
	assert_int_equal(fate(same_rank), SIGABRT);
	assert_int_equal(fate(upwards_in_a_rank), 0);
	assert_int_equal(fate(downwards_in_a_rank), SIGABRT);
	assert_int_equal(fate(same_layer), SIGABRT);
	assert_int_equal(fate(layer_is_no_rank), SIGABRT);
	assert_int_equal(fate(no_such_layer), SIGABRT);
	assert_int_equal(fate(twice), SIGABRT);
	assert_int_equal(fate(not_held), SIGABRT);
	assert_int_equal(fate(after_gap), SIGABRT);
}

static void *held_by_this_thread(void *arg)
{
	return (void *)(uintptr_t)lock_held(arg);
}

static void test_held(void **state)
{
	struct lock lock;
	pthread_t thread;
	void *held;

	lock_init(&lock, LOCK_DEVICE, "device");
	assert_false(lock_held(&lock));
	lock_take(&lock);
	assert_true(lock_held(&lock));
	assert_int_equal(pthread_create(&thread, NULL, held_by_this_thread, &lock), 0);
	pthread_join(thread, &held);
	assert_null(held);
	lock_drop(&lock);
	assert_false(lock_held(&lock));
	lock_destroy(&lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_held),
	};

	struct lock free_lock;

	lock_init(&free_lock, LOCK_LEAF, "free");
	if (lock_held(&free_lock)) {
		puts("SKIP: locks keep no order in a build without assertions");
		return 77;
	}
	lock_destroy(&free_lock);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
