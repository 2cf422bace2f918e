// SPDX-License-Identifier: MIT
/*
 * Fixed traces and what they mean. A trace is a text of steps:
 *   o70  i71      kvm_pio, a write or a read of a port
 *   W2000 A2000 R2000  kvm_mmio, a write, a read that is asked for, a read
 *   x  m  h  e    kvm_userspace_exit: IO, MMIO, HLT, an error
 *   n             kvm_entry
 *   l  d  s       kvm_set_irq, up and down, kvm_msi_set_irq
 *   !             events are lost
 * A step is a microsecond; widths are 1.
 */
#include "../base/cm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch/pair.h"

#define STEP 1000

static struct watch_table table;
static struct watch_pairs pairs;
static uint64_t now;

static int setup(void **state)
{
	assert_int_equal(watch_table_init(&table, 64, WATCH_PROCESSES), 0);
	assert_int_equal(watch_pairs_init(&pairs, &table), 0);
	now = STEP;
	return 0;
}

static int teardown(void **state)
{
	watch_pairs_destroy(&pairs);
	watch_table_destroy(&table);
	return 0;
}

static void play_one(struct watch_event *event, const char *step)
{
	static const struct {
		char name;
		enum watch_kind kind;
		enum watch_way way;
		uint32_t reason;
		int32_t error;
	} steps[] = {
		{ 'o', WATCH_PORT, WATCH_WRITE, 0, 0 },
		{ 'i', WATCH_PORT, WATCH_READ, 0, 0 },
		{ 'W', WATCH_MEMORY, WATCH_WRITE, 0, 0 },
		{ 'A', WATCH_MEMORY, WATCH_ASKED, 0, 0 },
		{ 'R', WATCH_MEMORY, WATCH_READ, 0, 0 },
		{ 'x', WATCH_LEFT, 0, 2, 0 },
		{ 'm', WATCH_LEFT, 0, 6, 0 },
		{ 'h', WATCH_LEFT, 0, 5, 0 },
		{ 'e', WATCH_LEFT, 0, 2, -EINTR },
		{ 'n', WATCH_ENTER, 0, 0, 0 },
		{ 'l', WATCH_LINE, 0, 0, 0 },
		{ 'd', WATCH_LINE, 0, 0, 0 },
		{ 's', WATCH_MSI, 0, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (steps[i].name != *step)
			continue;
		event->kind = steps[i].kind;
		event->way = steps[i].way;
		event->reason = steps[i].reason;
		event->error = steps[i].error;
		event->addr = strtoull(step + 1, NULL, 16);
		event->width = 1;
		event->level = *step == 'l';
		watch_pairs_event(&pairs, event);
		return;
	}
	fail_msg("no such step: %s", step);
}

static void play_as(uint32_t pid, uint32_t tid, const char *trace)
{
	struct watch_event event = { .pid = pid, .tid = tid };

	while (*trace) {
		size_t len = strcspn(trace, " ");

		event.time = now += STEP;
		if (*trace == '!')
			watch_pairs_lost(&pairs);
		else
			play_one(&event, trace);
		trace += len + (trace[len] == ' ');
	}
}

static void play(const char *trace)
{
	play_as(1, 10, trace);
}

static const struct watch_counts *counts_of(const char *what)
{
	struct watch_key key = {
		.addr = strtoull(what + 1, NULL, 16),
		.width = 1,
		.space = *what == 'o' || *what == 'i' ? WATCH_SPACE_PORT : WATCH_SPACE_MEMORY,
		.write = *what == 'o' || *what == 'W',
	};

	return watch_table_counts(&table, &key);
}

#define expect(what, left, stayed)                                                                 \
	do {                                                                                       \
		assert_int_equal(counts_of(what)->exits, left);                                    \
		assert_int_equal(counts_of(what)->in_kernel, stayed);                              \
	} while (0)

static void expect_clean(void)
{
	struct watch_totals totals = watch_table_totals(&table);

	assert_int_equal(totals.unmatched, 0);
	assert_int_equal(totals.undecided, 0);
}

static void test_simple(void **state)
{
	play("o80 x o80 x x i71 A2000 m R2000 W3000 m h");
	watch_pairs_finish(&pairs);
	expect("o80", 2, 0);
	expect("i71", 1, 0);
	expect("R2000", 1, 0);
	expect("W3000", 1, 0);
	expect_clean();
	assert_int_equal(table.totals[0].left[2], 3);
	assert_int_equal(table.totals[0].left[6], 2);
	assert_int_equal(table.totals[0].left[5], 1);
}

static void test_in_kernel(void **state)
{
	play("h i40 o43 o43 i40 W3000 W3000 Rfee00020 o20");
	watch_pairs_finish(&pairs);
	expect("i40", 0, 2);
	expect("o43", 0, 2);
	expect("o20", 0, 1);
	expect("W3000", 0, 2);
	expect("Rfee00020", 0, 1);
	expect_clean();
}

/* The index waits in the ring, and the exit behind it is the data register's. */
static void test_coalesced_index(void **state)
{
	play("o70 x i71 o70 x i71 o70 x i71");
	watch_pairs_finish(&pairs);
	expect("o70", 0, 3);
	expect("i71", 3, 0);
	expect_clean();
}

static void test_index_that_leaves(void **state)
{
	play("o70 x x i71 o70 x x i71");
	watch_pairs_finish(&pairs);
	expect("o70", 2, 0);
	expect("i71", 2, 0);
}

/* The same order of events as above, but KVM's own chip answers the read. */
static void test_write_leaves_read_stays(void **state)
{
	play("o80 x i40 o80 x i61");
	watch_pairs_finish(&pairs);
	expect("o80", 2, 0);
	expect("i40", 0, 1);
	expect("i61", 0, 1);
}

/* Unless this process was seen to answer for that chip itself. */
static void test_chip_in_user_space(void **state)
{
	play("h x i40 o70 x i40");
	watch_pairs_finish(&pairs);
	expect("o70", 0, 1);
	expect("i40", 2, 0);
	/* Of another process that says nothing. */
	play_as(2, 20, "h o70 x i40");
	assert_int_equal(pairs.processes_n, 2);
	expect("i40", 2, 0);
	/* And one that was seen to let the kernel answer. */
	play("i40 o70 x i40");
	expect("o70", 1, 1);
	expect("i40", 2, 2);
}

/* With kvm_entry there is nothing to guess: it comes behind what was served. */
static void test_entry_decides(void **state)
{
	play("n o80 x n i40 n o70 n x i40 n");
	watch_pairs_finish(&pairs);
	expect("o80", 1, 0);
	expect("o70", 0, 1);
	expect("i40", 1, 1);
	assert_true(pairs.entered);
	expect_clean();
}

static void test_times(void **state)
{
	const struct watch_times *times;

	play("h x i71");
	times = &counts_of("i71")->times;
	assert_int_equal(times->n, 1);
	assert_int_equal(times->sum, STEP);
	assert_int_equal(times->upper, 0);
	/* Without kvm_entry, a write's exit ends with the next event, and that is an upper bound. */
	play("o80 x");
	now += 9 * STEP;
	play("o81");
	times = &counts_of("o80")->times;
	assert_int_equal(times->sum, 10 * STEP);
	assert_int_equal(times->upper, 1);
	play("n o82 x n o83");
	times = &counts_of("o82")->times;
	assert_int_equal(times->sum, STEP);
	assert_int_equal(times->upper, 0);
}

/* The reason is an earlier one's when KVM_RUN fails. */
static void test_interrupted(void **state)
{
	play("o604 x e o70 e e x i71");
	watch_pairs_finish(&pairs);
	expect("o604", 1, 0);
	expect("o70", 0, 1);
	expect("i71", 1, 0);
	assert_int_equal(table.totals[0].interrupted, 3);
	assert_int_equal(table.totals[0].left[2], 2);
	expect_clean();
}

static void test_parts(void **state)
{
	/* A wide read in two parts; a write that crosses pages: both leave, one does, none does. */
	play("A2000 m m R2000 W3fff W4000 m m W5fff W6000 m W7fff W8000 h");
	watch_pairs_finish(&pairs);
	expect("R2000", 2, 0);
	expect("W3fff", 1, 0);
	expect("W4000", 1, 0);
	expect("W5fff", 0, 1);
	expect("W6000", 1, 0);
	expect("W7fff", 0, 1);
	expect("W8000", 0, 1);
	expect_clean();
}

/* Nobody knows what was before; a read that only user space can answer has left all the same. */
static void test_begins_in_the_middle(void **state)
{
	play("i71");
	play_as(1, 11, "i40");
	play_as(1, 12, "R2000");
	play_as(1, 13, "Rfee00020");
	play_as(1, 14, "m");
	watch_pairs_finish(&pairs);
	expect("i71", 1, 0);
	assert_int_equal(counts_of("i71")->times.n, 0);
	expect("i40", 0, 1);
	expect("R2000", 1, 0);
	expect("Rfee00020", 0, 1);
	assert_int_equal(table.totals[0].unmatched, 1);
	assert_int_equal(pairs.processes[0].threads, 5);
}

static void test_lost(void **state)
{
	/* The write's exit may be among what is lost. */
	play("o80 ! o80 x o81 x ! i71");
	watch_pairs_finish(&pairs);
	expect("o80", 1, 0);
	expect("o81", 0, 0);
	expect("i71", 1, 0);
	assert_int_equal(table.totals[0].undecided, 2);
}

/* Threads do not mix, and what one vCPU does between two events of another changes nothing. */
static void test_threads(void **state)
{
	play_as(1, 10, "o70");
	play_as(1, 11, "o80 x");
	play_as(1, 10, "x");
	play_as(1, 11, "o80");
	play_as(1, 10, "i71");
	watch_pairs_finish(&pairs);
	expect("o70", 0, 1);
	expect("i71", 1, 0);
	expect("o80", 1, 1);
	expect_clean();
}

static void test_window_by_page(void **state)
{
	play("Wa0001 m Wa0fff m Wbffff m W9ffff m Wc0001 m h");
	watch_pairs_finish(&pairs);
	expect("Wa0000", 2, 0);
	expect("Wbf000", 1, 0);
	expect("W9ffff", 1, 0);
	expect("Wc0001", 1, 0);
}

/* More threads and processes than there is room for, again and again. */
static void test_bounded(void **state)
{
	for (uint32_t i = 1; i <= 3 * WATCH_THREADS; i++)
		play_as(i, i, "o80 x");
	assert_int_equal(pairs.threads_n, WATCH_THREADS);
	assert_int_equal(pairs.processes_n, WATCH_PROCESSES);
	assert_int_equal(pairs.processes[WATCH_PROCESSES - 1].pid, 0);
	/* The oldest are gone, the latest are not. */
	play_as(3 * WATCH_THREADS, 3 * WATCH_THREADS, "o81");
	{
		struct watch_key key = {
			.addr = 0x80, .process = WATCH_PROCESSES - 1, .width = 1, .write = true
		};

		assert_int_equal(watch_table_counts(&table, &key)->exits, 1);
	}
}

/* Interrupts belong to the exit that is being served when this thread raises them, and are no sign of life. */
static void test_interrupts(void **state)
{
	play("o3f8 x d l x i3fa o3f8 x d o3f8 x s l o80 x i71 x l i71");
	/* Who runs no vCPU is none for that. */
	play_as(1, 11, "l s");
	assert_int_equal(pairs.threads_n, 1);
	play("A2000 m s R2000 l o20 x s e h");
	watch_pairs_finish(&pairs);
	expect("o3f8", 3, 0);
	assert_int_equal(counts_of("o3f8")->interrupts, 2);
	assert_int_equal(counts_of("o3f8")->times.max, 3 * STEP);
	assert_int_equal(counts_of("i3fa")->interrupts, 0);
	expect("o80", 0, 1);
	expect("i71", 2, 0);
	assert_int_equal(counts_of("i71")->interrupts, 1);
	assert_int_equal(counts_of("R2000")->interrupts, 1);
	assert_int_equal(counts_of("o20")->interrupts, 1);
}

#define expect_next(what, next_what, times)                                                        \
	do {                                                                                       \
		const struct watch_next *follows = &counts_of(what)->next;                         \
                                                                                                   \
		assert_int_equal(follows->key.addr, strtoull(&(next_what)[1], NULL, 16));          \
		assert_int_equal(follows->key.write, *(next_what) == 'o');                         \
		assert_int_equal(follows->hits, times);                                            \
	} while (0)

/* What the same vCPU leaves the kernel for next; what stays there in between does not count. */
static void test_next(void **state)
{
	play("o70 x x i71 o70 x x i71 i40 W3000");
	play_as(1, 11, "o80 x o81 x");
	play("o70 x x i71 o92 x");
	watch_pairs_finish(&pairs);
	expect_next("o70", "i71", 3);
	expect_next("i71", "o70", 2);
	expect_next("o80", "o81", 1);
	assert_int_equal(counts_of("o92")->next.hits, 0);
	assert_int_equal(counts_of("i40")->next.hits, 0);
	/* What is missing may have been in between. */
	play("i93 ! x i94");
	assert_int_equal(counts_of("i93")->next.hits, 0);
}

/* The majority stays, whatever comes in between. */
static void test_majority(void **state)
{
	play("o80 x o81 x o80 x o82 x o80 x o82 x o80 x o83 x o80 x o82 x o80 x o82 x h");
	expect_next("o80", "o82", 3);
}

/* A thread's number goes on to a thread of another process. */
static void test_number_reused(void **state)
{
	play_as(1, 10, "o80");
	play_as(2, 10, "x i71 h");
	assert_int_equal(pairs.processes_n, 2);
	assert_int_equal(table.totals[0].undecided, 1);
	assert_int_equal(table.totals[0].left[5], 0);
	assert_int_equal(table.totals[1].left[5], 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_simple),
		TEST(test_in_kernel),
		TEST(test_coalesced_index),
		TEST(test_index_that_leaves),
		TEST(test_write_leaves_read_stays),
		TEST(test_chip_in_user_space),
		TEST(test_entry_decides),
		TEST(test_times),
		TEST(test_interrupted),
		TEST(test_parts),
		TEST(test_begins_in_the_middle),
		TEST(test_lost),
		TEST(test_threads),
		TEST(test_window_by_page),
		TEST(test_bounded),
		TEST(test_number_reused),
		TEST(test_interrupts),
		TEST(test_next),
		TEST(test_majority),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
