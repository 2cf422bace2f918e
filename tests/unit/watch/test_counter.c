// SPDX-License-Identifier: MIT
/*
 * The BPF program that counts in the kernel, without a guest: two system calls of this process stand for
 * KVM's events, since their tracepoints have arguments at offsets as KVM's have fields. More addresses, and
 * more threads, than its tables hold: what finds no place is told, and all adds up.
 */
#include "../base/cm.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "watch/counter.h"
#include "watch/proc.h"

#define WIDTH 4

/* The arguments of a system call's tracepoint: kernel/trace/trace_syscalls.c. */
#define ARGUMENT(n)                                                                                \
	{                                                                                          \
		16 + 8 * (n), 8                                                                    \
	}

static struct watch_formats formats;
static struct watch_table table;
static struct watch_pairs pairs;
static struct watch_counter counter;

/* lseek(way, addr, width) is kvm_pio, getpriority(reason, error) is kvm_userspace_exit. Neither does anything. */
static const struct {
	enum watch_kind kind;
	const char *path;
	struct watch_field fields[WATCH_FIELDS];
} stand_ins[] = {
	{ WATCH_PORT, "syscalls/sys_enter_lseek/id", { ARGUMENT(0), ARGUMENT(1), ARGUMENT(2) } },
	{ WATCH_LEFT, "syscalls/sys_enter_getpriority/id", { ARGUMENT(0), ARGUMENT(1) } },
};

static void leave(uint64_t port)
{
	(void)lseek(-1, (off_t)port, WIDTH);
	errno = 0;
	(void)getpriority(WATCH_REASON_IO, 0);
}

static uint32_t read_id(int events, const char *path)
{
	char text[16] = "";
	int fd = openat(events, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return (uint32_t)atoi(text);
}

/* False: this host or this user cannot have it, which is said. */
static bool open_counter(void)
{
	int events = watch_proc_events();
	struct error err = { .text = "no tracepoints of system calls" };
	bool there = events >= 0;

	for (size_t i = 0; there && i < sizeof(stand_ins) / sizeof(stand_ins[0]); i++) {
		struct watch_format *format = &formats.of[stand_ins[i].kind];

		format->id = read_id(events, stand_ins[i].path);
		there = format->there = format->id;
		memcpy(format->fields, stand_ins[i].fields, sizeof(format->fields));
	}
	if (events >= 0)
		close(events);
	if (there && !watch_counter_open(&counter, &formats, 0, getpid(), &err))
		return true;
	print_message("%s\n", err.text);
	return false;
}

static int setup(void **state)
{
	counter = (struct watch_counter){ 0 };
	formats = (struct watch_formats){ 0 };
	/* What does not fit is the kernel's doing, then. */
	assert_int_equal(watch_table_init(&table, 8 * WATCH_COUNTER_ROWS, WATCH_PROCESSES), 0);
	assert_int_equal(watch_pairs_init(&pairs, &table), 0);
	return 0;
}

static int teardown(void **state)
{
	watch_counter_close(&counter);
	watch_pairs_destroy(&pairs);
	watch_table_destroy(&table);
	return 0;
}

static void check_rows(uint64_t each)
{
	for (uint32_t i = 0; i < table.rows_n; i++) {
		assert_int_equal(table.rows[i].counts.exits, each);
		assert_int_equal(table.rows[i].key.width, WIDTH);
		assert_true(table.rows[i].key.write);
	}
}

static void test_fits(void **state)
{
	if (!open_counter())
		skip();
	leave(1);
	watch_counter_start(&counter);
	for (unsigned i = 0; i < 300; i++)
		leave(i % 100);
	watch_counter_stop(&counter, &pairs);
	leave(1);
	assert_int_equal(table.rows_n, 100);
	check_rows(3);
	assert_int_equal(table.other.exits, 0);
	assert_int_equal(watch_counter_lost(&counter), 0);
	assert_int_equal(watch_table_totals(&table).left[WATCH_REASON_IO], 300);
}

static void test_too_many_addresses(void **state)
{
	const unsigned all = 3 * WATCH_COUNTER_ROWS;

	if (!open_counter())
		skip();
	watch_counter_start(&counter);
	for (unsigned i = 0; i < all; i++)
		leave(i);
	watch_counter_stop(&counter, &pairs);
	/* The last exit, and that it came after the one before, are added when all has been taken. */
	assert_true(table.rows_n <= WATCH_COUNTER_ROWS + 2);
	assert_true(table.rows_n > WATCH_COUNTER_ROWS / 2);
	assert_true(table.other.exits >= all - table.rows_n);
	assert_true(table.other.exits <= all - table.rows_n + 2);
	assert_int_equal(watch_table_sum(&table).exits, all);
	assert_int_equal(watch_table_totals(&table).left[WATCH_REASON_IO], all);
	assert_int_equal(watch_counter_lost(&counter), 0);
}

/* Each time the rows are taken there is room again. */
static void test_drained(void **state)
{
	const unsigned all = 3 * WATCH_COUNTER_ROWS;

	if (!open_counter())
		skip();
	watch_counter_start(&counter);
	for (unsigned i = 0; i < all; i++) {
		leave(i);
		if (i % 512 == 511)
			watch_counter_drain(&counter, &pairs);
	}
	watch_counter_stop(&counter, &pairs);
	assert_int_equal(table.rows_n, all);
	check_rows(1);
	assert_int_equal(table.other.exits, 0);
}

static void *leave_once(void *arg)
{
	leave(1);
	return NULL;
}

static void test_too_many_threads(void **state)
{
	const unsigned all = 2 * WATCH_COUNTER_THREADS;
	uint64_t counted, lost;

	if (!open_counter())
		skip();
	watch_counter_start(&counter);
	for (unsigned i = 0; i < all; i++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, leave_once, NULL), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	watch_counter_stop(&counter, &pairs);
	counted = watch_table_sum(&table).exits;
	lost = watch_counter_lost(&counter);
	assert_true(counted > WATCH_COUNTER_THREADS / 2);
	assert_true(counted <= WATCH_COUNTER_THREADS);
	/* Two events each. */
	assert_int_equal(lost, 2 * (all - counted));
	assert_int_equal(pairs.processes[0].threads, counted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_addresses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drained, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_threads, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
