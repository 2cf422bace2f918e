// SPDX-License-Identifier: MIT
/* Rings laid out by hand, as the kernel would fill them. */
#include "../base/cm.h"

#include <stdlib.h>
#include <string.h>

#include "records.h"
#include "watch/ring.h"

#define RINGS 3
#define SIZE  512u

static struct watch_ring rings[RINGS];
static struct perf_event_mmap_page *pages[RINGS];
static uint8_t data[RINGS][SIZE] __attribute__((aligned(8)));

static uint64_t taken[64];
static unsigned taken_n;

static int setup(void **state)
{
	memset(data, 0, sizeof(data));
	for (unsigned i = 0; i < RINGS; i++) {
		pages[i] = calloc(1, sizeof(*pages[i]));
		assert_non_null(pages[i]);
		assert_int_equal(watch_ring_init(&rings[i], pages[i], data[i], SIZE), 0);
	}
	taken_n = 0;
	return 0;
}

static int teardown(void **state)
{
	for (unsigned i = 0; i < RINGS; i++) {
		watch_ring_destroy(&rings[i]);
		free(pages[i]);
	}
	return 0;
}

static void take(void *arg, const void *record, size_t size)
{
	const struct record *sample = record;

	assert_true(taken_n < 64);
	assert_int_equal(sample->header.size, size);
	assert_memory_equal(sample->raw + 8, "\1\0\0\0", 4);
	taken[taken_n++] = sample->time;
}

static void put(unsigned ring, uint64_t time)
{
	struct record record = record_port(100, time, 0x71, 1, true);
	const uint8_t *bytes = (const uint8_t *)&record;

	for (unsigned i = 0; i < record.header.size; i++)
		data[ring][(pages[ring]->data_head + i) % SIZE] = bytes[i];
	pages[ring]->data_head += record.header.size;
	assert_true(pages[ring]->data_head - pages[ring]->data_tail <= SIZE);
}

static void expect_taken(unsigned n, const uint64_t *times)
{
	assert_int_equal(taken_n, n);
	assert_memory_equal(taken, times, n * sizeof(*times));
	taken_n = 0;
}

static void drain(uint64_t limit)
{
	watch_rings_drain(rings, RINGS, limit, take, NULL);
}

static void test_merge(void **state)
{
	static const uint64_t order[] = { 1, 2, 3, 4, 5, 6, 7 };

	put(0, 2);
	put(0, 3);
	put(0, 7);
	put(1, 1);
	put(1, 6);
	put(2, 4);
	put(2, 5);
	drain(UINT64_MAX);
	expect_taken(7, order);
	for (unsigned i = 0; i < RINGS; i++)
		assert_int_equal(pages[i]->data_tail, pages[i]->data_head);
}

/* What is younger than the limit waits for the other rings' next events. */
static void test_limit(void **state)
{
	static const uint64_t first[] = { 1, 4 }, then[] = { 3, 5, 9 };

	put(0, 1);
	put(0, 5);
	put(1, 4);
	put(1, 9);
	drain(4);
	expect_taken(2, first);
	assert_true(pages[0]->data_tail < pages[0]->data_head);
	put(2, 3);
	drain(UINT64_MAX);
	expect_taken(3, then);
}

/* Likewise with nothing in any other ring. */
static void test_limit_alone(void **state)
{
	static const uint64_t first[] = { 1, 4 }, then[] = { 5 };

	put(0, 1);
	put(0, 4);
	put(0, 5);
	drain(4);
	expect_taken(2, first);
	drain(5);
	expect_taken(1, then);
}

static void test_wrap(void **state)
{
	uint64_t time = 1;

	for (unsigned round = 0; round < 100; round++) {
		put(1, time);
		put(1, time + 1);
		drain(UINT64_MAX);
		assert_int_equal(taken_n, 2);
		assert_int_equal(taken[0], time);
		assert_int_equal(taken[1], time + 1);
		taken_n = 0;
		time += 2;
	}
	assert_true(pages[1]->data_head > 10 * SIZE);
	assert_int_equal(rings[1].broken, 0);
}

/* Whatever stands there, draining ends, and the ring is usable afterwards. */
static void test_broken(void **state)
{
	static const uint64_t order[] = { 2, 9 };
	struct perf_event_header *header = (struct perf_event_header *)(void *)data[0];

	for (unsigned size = 0; size < 80; size++) {
		memset(data[0], 0, SIZE);
		pages[0]->data_head = pages[0]->data_tail = 0;
		header->type = 999;
		header->size = (uint16_t)size;
		pages[0]->data_head = 64;
		rings[0].broken = 0;
		/* Records of an unknown kind that fit are taken as they are. */
		if (size == 64)
			continue;
		if (size % 8 == 0 && size >= 8 && size < 64)
			continue;
		drain(UINT64_MAX);
		assert_int_equal(taken_n, 0);
		assert_int_equal(rings[0].broken, 1);
		assert_int_equal(pages[0]->data_tail, 64);
	}
	/* More than the ring holds. */
	pages[0]->data_head = pages[0]->data_tail + SIZE + 8;
	drain(UINT64_MAX);
	assert_int_equal(rings[0].broken, 2);
	put(0, 9);
	put(1, 2);
	drain(UINT64_MAX);
	expect_taken(2, order);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_merge), TEST(test_limit),  TEST(test_limit_alone),
		TEST(test_wrap),  TEST(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
