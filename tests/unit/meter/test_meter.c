// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meter/report.h"

/* Two vCPUs and a ring, and a time-stamp counter of 2 GHz. */
struct fixture {
	struct meter vcpus[2], ring;
	const struct meter *meters[2];
	struct meter_report_options options;
	char *text;
	size_t len;
};

static int setup(void **state)
{
	struct fixture *f = aligned_alloc(_Alignof(struct fixture), sizeof(*f));

	memset(f, 0x5a, sizeof(*f));
	meter_init(&f->vcpus[0]);
	meter_init(&f->vcpus[1]);
	meter_init(&f->ring);
	f->meters[0] = &f->vcpus[0];
	f->meters[1] = &f->vcpus[1];
	f->options = (struct meter_report_options){
		.meters = f->meters,
		.meters_n = 2,
		.ring = &f->ring,
		.start = { .ticks = 5000, .ns = 70 },
		.end = { .ticks = 5000 + 2000000, .ns = 70 + 1000000 },
	};
	f->text = NULL;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	free(f->text);
	free(f);
	return 0;
}

static const char *text_report(struct fixture *f)
{
	FILE *out;
	int err;

	free(f->text);
	out = open_memstream(&f->text, &f->len);
	err = meter_report_text(out, &f->options);
	fclose(out);
	assert_int_equal(err, 0);
	return f->text;
}

static struct json_object *json_report(struct fixture *f)
{
	struct json_object *root;
	FILE *out;
	int err;

	free(f->text);
	out = open_memstream(&f->text, &f->len);
	err = meter_report_print_json(out, &f->options);
	fclose(out);
	assert_int_equal(err, 0);
	assert_int_equal(f->text[f->len - 1], '\n');
	root = json_tokener_parse(f->text);
	assert_non_null(root);
	return root;
}

static struct json_object *get(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(object, name, &value))
		fail_msg("no %s in the report", name);
	return value;
}

static uint64_t count(struct json_object *object, const char *name)
{
	return json_object_get_uint64(get(object, name));
}

static void assert_real(struct json_object *object, const char *name, double value)
{
	double have = json_object_get_double(get(object, name));

	if (have < value - 0.0006 || have > value + 0.0006)
		fail_msg("%s is %f and not %f", name, have, value);
}

static void assert_text(struct json_object *object, const char *name, const char *value)
{
	assert_string_equal(json_object_get_string(get(object, name)), value);
}

static void test_empty(void **state)
{
	assert_string_equal(text_report(*state),
			    "IO port access      Samples  Samples%   Time%   Min us   Max us   "
			    "Avg us (+-%)   Coalesced\n"
			    "user-space exits 0; writes that never left the kernel 0; "
			    "without coalescing 0: 0.0% saved\n");
}

/* The busy one of every report: reads of 0x71 that exit, writes of 0x70 that do not. */
static void fill(struct fixture *f)
{
	for (unsigned i = 0; i < 500; i++)
		meter_exit(&f->vcpus[i & 1], METER_PORT, 0x71, false, i & 1 ? 20000 : 18000);
	meter_exit(&f->vcpus[1], METER_PORT, 0x70, true, 30000);
	meter_exit(&f->vcpus[1], METER_PORT, 0x80, true, 26000);
	for (unsigned i = 0; i < 700; i++)
		meter_other_exit(&f->vcpus[0]);
	for (unsigned i = 0; i < 512; i++)
		meter_coalesced(&f->ring, METER_PORT, 0x70);
	for (unsigned i = 0; i < 1200; i++)
		meter_coalesced(&f->ring, METER_PORT, 0xcf8);
}

static void test_text(void **state)
{
	struct fixture *f = *state;

	fill(f);
	meter_coalesced(&f->ring, METER_PORT, 0x72);
	assert_string_equal(
		text_report(f),
		"IO port access      Samples  Samples%   Time%   Min us   Max us   Avg us (+-%)   Coalesced\n"
		"0x71:PIN                500    99.60%  99.41%     9.00    10.00     9.50 (0.24)\n"
		"0x70:POUT                 1     0.20%   0.31%    15.00    15.00    15.00 (0.00)        512\n"
		"0x80:POUT                 1     0.20%   0.27%    13.00    13.00    13.00 (0.00)\n"
		"0xcf8:POUT                0                                                           1200\n"
		"0x72:POUT                 0                                                              1\n"
		"user-space exits 1,202; writes that never left the kernel 1,713; "
		"without coalescing 2,915: 58.8% saved\n");
}

static void test_text_mmio_and_zones(void **state)
{
	static const struct meter_zone zones[] = {
		{ METER_PORT, 0x70, 0x70, METER_WAIT_LATCH, METER_ZONE_ACTIVE, "rtc", "latch", NULL,
		  NULL },
		{ METER_PORT, 0xcf8, 0xcfb, METER_WAIT_LATCH, METER_ZONE_TRAPS, "i440fx", "latch",
		  "no free place on the bus", "selected" },
		{ METER_PORT, 0x3f8, 0x3f8, 1000, METER_ZONE_RESTS, "com1", "text", "waits for use",
		  "it is polled" },
		{ METER_MMIO, 0xa0000, 0xbffff, 1000, METER_ZONE_STUCK, NULL, NULL, NULL, NULL },
	};
	struct fixture *f = *state;

	f->options.zones = zones;
	f->options.zones_n = 4;
	/* One line of 16 bytes is one row. */
	meter_exit(&f->vcpus[0], METER_MMIO, 0xfee00000, false, 2000);
	meter_exit(&f->vcpus[0], METER_MMIO, 0xfee0000f, false, 4000);
	meter_exit(&f->vcpus[0], METER_MMIO, UINT64_MAX, true, 1000);
	meter_coalesced(&f->ring, METER_MMIO, 0xa0000);
	assert_string_equal(
		text_report(f),
		"IO port access      Samples  Samples%   Time%   Min us   Max us   Avg us (+-%)   Coalesced\n"
		"\n"
		"MMIO access           Samples  Samples%   Time%   Min us   Max us   Avg us (+-%)   Coalesced\n"
		"0xfee00000:R                2    66.67%  85.71%     1.00     2.00     1.50 (33.33)\n"
		"0xfffffffffffffff0:W        1    33.33%  14.29%     0.50     0.50     0.50 (0.00)\n"
		"0xa0000:W                   0                                                              1\n"
		"user-space exits 3; writes that never left the kernel 1; "
		"without coalescing 4: 25.0% saved\n"
		"zone port 0xcf8-0xcfb (i440fx) traps: no free place on the bus\n"
		"zone mmio 0xa0000-0xbffff is stuck: no reason known\n");
}

/* However long a trip took, its columns stay apart. */
static void test_long_trips(void **state)
{
	struct fixture *f = *state;

	meter_exit(&f->vcpus[0], METER_PORT, 0x71, false, UINT64_C(4000000000000));
	assert_non_null(strstr(text_report(f), "100.00% 100.00% 2000000000.00 2000000000.00 "
					       "2000000000.00 (0.00)\n"));
}

static void test_big_numbers_are_grouped(void **state)
{
	struct fixture *f = *state;

	atomic_store(&f->vcpus[0].exits, 18402);
	atomic_store(&f->vcpus[1].exits, UINT64_C(12345678000000000));
	atomic_store(&f->ring.other.coalesced, 999);
	assert_non_null(strstr(text_report(f),
			       "user-space exits 12,345,678,000,018,402; writes that "
			       "never left the kernel 999; "));
}

static void test_json(void **state)
{
	static const struct meter_zone zones[] = {
		{ METER_PORT, 0x70, 0x70, METER_WAIT_LATCH, METER_ZONE_ACTIVE, "rtc", "latch", NULL,
		  NULL },
		{ METER_MMIO, 0xa0000, 0xbffff, 1000, METER_ZONE_TRAPS, NULL, NULL, "too old",
		  "it is old" },
	};
	struct fixture *f = *state;
	struct json_object *root, *ports, *row, *list;

	f->options.zones = zones;
	f->options.zones_n = 2;
	fill(f);
	meter_exit(&f->vcpus[0], METER_MMIO, 0xfee00030, true, 4000);
	root = json_report(f);
	assert_int_equal(count(get(root, "host"), "tsc_hz"), 2000000000);
	assert_int_equal(count(root, "exits"), 1203);
	assert_int_equal(count(root, "coalesced"), 1712);
	assert_real(root, "saved_percent", 58.731);
	ports = get(root, "ports");
	assert_int_equal(json_object_array_length(ports), 4);

	row = json_object_array_get_idx(ports, 0);
	assert_int_equal(count(row, "port"), 0x71);
	assert_text(row, "direction", "in");
	assert_int_equal(count(row, "samples"), 500);
	assert_real(row, "time_us", 4750);
	assert_real(row, "min_us", 9);
	assert_real(row, "max_us", 10);
	assert_real(row, "avg_us", 9.5);
	assert_real(row, "stderr_percent", 0.236);
	assert_int_equal(count(row, "coalesced"), 0);

	row = json_object_array_get_idx(ports, 3);
	assert_int_equal(count(row, "port"), 0xcf8);
	assert_text(row, "direction", "out");
	assert_int_equal(count(row, "samples"), 0);
	assert_int_equal(count(row, "coalesced"), 1200);
	assert_false(json_object_object_get_ex(row, "avg_us", NULL));

	list = get(root, "mmio");
	assert_int_equal(json_object_array_length(list), 1);
	row = json_object_array_get_idx(list, 0);
	assert_int_equal(count(row, "address"), 0xfee00030);
	assert_text(row, "direction", "write");

	list = get(root, "zones");
	assert_int_equal(json_object_array_length(list), 2);
	row = json_object_array_get_idx(list, 0);
	assert_text(row, "space", "port");
	assert_int_equal(count(row, "first"), 0x70);
	assert_int_equal(count(row, "last"), 0x70);
	assert_text(row, "wait", "latch");
	assert_text(row, "state", "active");
	assert_text(row, "why", "latch");
	row = json_object_array_get_idx(list, 1);
	assert_text(row, "space", "mmio");
	assert_int_equal(count(row, "wait_ns"), 1000);
	assert_text(row, "state", "traps");
	assert_text(row, "trap", "too old");
	json_object_put(root);
}

/* A guest that touches every port there is: no access is lost, and those known before keep their row. */
static void test_overflow(void **state)
{
	struct fixture *f = *state;
	struct json_object *root, *ports, *other;
	uint64_t samples = 0;
	size_t rows;

	for (unsigned round = 0; round < 2; round++)
		for (unsigned port = 0; port < 0x10000; port++)
			meter_exit(&f->vcpus[0], METER_PORT, port, port & 1, 2000 + 2 * round);
	meter_coalesced(&f->ring, METER_PORT, 0x70);
	root = json_report(f);
	ports = get(root, "ports");
	rows = json_object_array_length(ports);
	assert_in_range(rows, METER_ROWS - 16, METER_ROWS + 1);
	for (size_t i = 0; i < rows; i++) {
		struct json_object *row = json_object_array_get_idx(ports, i);

		if (count(row, "samples"))
			assert_int_equal(count(row, "samples"), 2);
		samples += count(row, "samples");
	}
	other = get(root, "other");
	assert_false(json_object_object_get_ex(other, "port", NULL));
	assert_int_equal(samples + count(other, "samples"), 2 * 0x10000);
	assert_real(other, "min_us", 1);
	assert_real(other, "max_us", 1.001);
	json_object_put(root);
	assert_non_null(strstr(text_report(f), "\nother "));
}

static void test_keys(void **state)
{
	struct fixture *f = *state;
	bool found = false;

	meter_exit(&f->vcpus[0], METER_MMIO, UINT64_C(0xfedcba9876543210), true, 1);
	for (unsigned i = 0; i < METER_ROWS; i++) {
		uint64_t key = f->vcpus[0].rows[i].key;

		if (!key)
			continue;
		found = true;
		assert_int_equal(meter_key_space(key), METER_MMIO);
		assert_true(meter_key_write(key));
		assert_int_equal(meter_key_addr(key), UINT64_C(0xfedcba9876543210));
	}
	assert_true(found);
	assert_int_equal(meter_key_addr(1 | 0xffff << 3), 0xffff);
}

static void test_write_failure(void **state)
{
	struct fixture *f = *state;
	FILE *full = fopen("/dev/full", "w");

	fill(f);
	assert_int_equal(meter_report_text(full, &f->options), -ENOSPC);
	assert_int_equal(meter_report_print_json(full, &f->options), -ENOSPC);
	fclose(full);
}

static void test_without_time_or_meters(void **state)
{
	struct fixture *f = *state;
	struct json_object *root;

	f->options.end = f->options.start;
	f->options.meters_n = 0;
	f->options.ring = NULL;
	root = json_report(f);
	assert_int_equal(count(root, "exits"), 0);
	assert_real(root, "saved_percent", 0);
	json_object_put(root);
}

static void test_stamps(void **state)
{
	struct meter_stamp a = meter_stamp_now(), b = meter_stamp_now();

	assert_true(b.ns >= a.ns);
	assert_true(b.ticks >= a.ticks);
}

static void *count_exits(void *arg)
{
	for (unsigned i = 0; i < 100000; i++)
		meter_exit(arg, METER_PORT, i & 0x3f, i & 1, 1000);
	return NULL;
}

/* Reports of a machine that runs. */
static void test_report_while_counting(void **state)
{
	struct fixture *f = *state;
	struct meter_totals totals;
	pthread_t threads[2];

	for (unsigned i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, count_exits, &f->vcpus[i]);
	do {
		text_report(f);
		totals = meter_total(&f->options);
		assert_true(totals.exits <= 200000);
	} while (totals.exits < 200000);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_non_null(strstr(text_report(f), "user-space exits 200,000;"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty),
		TEST(test_text),
		TEST(test_text_mmio_and_zones),
		TEST(test_long_trips),
		TEST(test_big_numbers_are_grouped),
		TEST(test_json),
		TEST(test_overflow),
		TEST(test_keys),
		TEST(test_write_failure),
		TEST(test_without_time_or_meters),
		TEST(test_stamps),
		TEST(test_report_while_counting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
