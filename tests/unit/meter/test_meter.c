// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meter/report.h"

/* Two vCPUs and a ring, and a time-stamp counter of 2 GHz. */
struct fixture {
	struct meter *vcpus[2], *ring;
	const struct meter *meters[2];
	struct meter_report_options options;
	char *text;
	size_t len;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	for (unsigned i = 0; i < 2; i++)
		f->meters[i] = f->vcpus[i] = meter_new();
	f->ring = meter_new();
	f->options = (struct meter_report_options){
		.meters = f->meters,
		.meters_n = 2,
		.ring = f->ring,
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

	meter_free(f->vcpus[0]);
	meter_free(f->vcpus[1]);
	meter_free(f->ring);
	free(f->text);
	free(f);
	return 0;
}

#define EXIT_IO  2
#define EXIT_HLT 5

static void trip(struct meter *meter, enum meter_space space, uint64_t addr, bool write,
		 uint64_t ticks)
{
	meter_exit(
		meter,
		&(struct meter_trip){
			.space = space, .addr = addr, .width = 1, .write = write, .ticks = ticks });
	meter_return(meter, EXIT_IO);
}

static void waited(struct fixture *f, enum meter_space space, uint64_t addr)
{
	meter_coalesced(f->ring, space, addr, 1);
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

/* The row of that place and width; fails without. */
static struct json_object *find_row(struct json_object *rows, const char *space, uint64_t addr,
				    unsigned width)
{
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		if (count(row, "addr") == addr && count(row, "width") == width &&
		    !strcmp(json_object_get_string(get(row, "space")), space))
			return row;
	}
	fail_msg("no row of %s 0x%" PRIx64 ", %u wide", space, addr, width);
	return NULL;
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
		trip(f->vcpus[i & 1], METER_PORT, 0x71, false, i & 1 ? 20000 : 18000);
	trip(f->vcpus[1], METER_PORT, 0x70, true, 30000);
	trip(f->vcpus[1], METER_PORT, 0x80, true, 26000);
	for (unsigned i = 0; i < 700; i++)
		meter_return(f->vcpus[0], EXIT_HLT);
	for (unsigned i = 0; i < 512; i++)
		waited(f, METER_PORT, 0x70);
	for (unsigned i = 0; i < 1200; i++)
		waited(f, METER_PORT, 0xcf8);
}

static void test_text(void **state)
{
	struct fixture *f = *state;

	fill(f);
	waited(f, METER_PORT, 0x72);
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
		  NULL, false, false },
		{ METER_PORT, 0xcf8, 0xcfb, METER_WAIT_LATCH, METER_ZONE_TRAPS, "i440fx", "latch",
		  "no free place on the bus", "selected", false, false },
		{ METER_PORT, 0x3f8, 0x3f8, 1000, METER_ZONE_RESTS, "com1", "text", "waits for use",
		  "it is polled", false, false },
		{ METER_MMIO, 0xa0000, 0xbffff, 1000, METER_ZONE_STUCK, NULL, NULL, NULL, NULL,
		  false, false },
	};
	struct fixture *f = *state;

	f->options.zones = zones;
	f->options.zones_n = 4;
	/* One line of 16 bytes is one row. */
	trip(f->vcpus[0], METER_MMIO, 0xfee00000, false, 2000);
	trip(f->vcpus[0], METER_MMIO, 0xfee0000f, false, 4000);
	trip(f->vcpus[0], METER_MMIO, UINT64_C(0xfffffffffffff), true, 1000);
	waited(f, METER_MMIO, 0xa0000);
	assert_string_equal(
		text_report(f),
		"IO port access      Samples  Samples%   Time%   Min us   Max us   Avg us (+-%)   Coalesced\n"
		"\n"
		"MMIO access         Samples  Samples%   Time%   Min us   Max us   Avg us (+-%)   Coalesced\n"
		"0xfee00000:R              2    66.67%  85.71%     1.00     2.00     1.50 (33.33)\n"
		"0xffffffffffff0:W         1    33.33%  14.29%     0.50     0.50     0.50 (0.00)\n"
		"0xa0000:W                 0                                                              1\n"
		"user-space exits 3; writes that never left the kernel 1; "
		"without coalescing 4: 25.0% saved\n"
		"zone port 0xcf8-0xcfb (i440fx) traps: no free place on the bus\n"
		"zone mmio 0xa0000-0xbffff is stuck: no reason known\n");
}

/* However long a trip took, its columns stay apart. */
static void test_long_trips(void **state)
{
	struct fixture *f = *state;

	trip(f->vcpus[0], METER_PORT, 0x71, false, UINT64_C(4000000000000));
	assert_non_null(strstr(text_report(f), "100.00% 100.00% 2000000000.00 2000000000.00 "
					       "2000000000.00 (0.00)\n"));
}

static void test_big_numbers_are_grouped(void **state)
{
	struct fixture *f = *state;

	atomic_store(&f->vcpus[0]->exits, 18402);
	atomic_store(&f->vcpus[1]->exits, UINT64_C(12345678000000000));
	atomic_store(&f->ring->coalesced, 999);
	assert_non_null(strstr(text_report(f),
			       "user-space exits 12,345,678,000,018,402; writes that "
			       "never left the kernel 999; "));
}

static void test_json(void **state)
{
	static const struct meter_zone zones[] = {
		{ METER_PORT, 0x70, 0x70, METER_WAIT_LATCH, METER_ZONE_ACTIVE, "rtc", "latch", NULL,
		  NULL, false, false },
		{ METER_MMIO, 0xa0000, 0xbffff, 1000, METER_ZONE_TRAPS, NULL, NULL, "too old",
		  "it is old", true, true },
		{ METER_PORT, 0x71, 0x72, 0, METER_ZONE_EXITS, NULL, NULL, "said", NULL, true,
		  false },
	};
	struct fixture *f = *state;
	struct json_object *root, *rows, *row, *times, *list;

	f->options.zones = zones;
	f->options.zones_n = 3;
	fill(f);
	meter_exit(f->vcpus[0], &(struct meter_trip){ .space = METER_MMIO,
						      .addr = 0xfee00030,
						      .width = 4,
						      .write = true,
						      .ticks = 4000 });
	meter_return(f->vcpus[0], EXIT_IO);
	root = json_report(f);
	assert_int_equal(count(get(root, "host"), "tsc_hz"), 2000000000);
	assert_int_equal(count(root, "exits"), 1203);
	assert_int_equal(count(root, "coalesced"), 1712);
	assert_real(root, "saved_percent", 58.731);
	assert_int_equal(count(root, "record"), 1);
	assert_text(root, "source", "machine");
	assert_real(root, "seconds", 0.001);
	assert_int_equal(count(get(root, "reasons"), "io"), 503);
	assert_int_equal(count(get(root, "reasons"), "hlt"), 700);
	rows = get(root, "rows");
	assert_int_equal(json_object_array_length(rows), 5);

	row = json_object_array_get_idx(rows, 0);
	assert_text(row, "space", "port");
	assert_int_equal(count(row, "addr"), 0x71);
	assert_int_equal(count(row, "size"), 1);
	assert_int_equal(count(row, "width"), 1);
	assert_text(row, "direction", "read");
	assert_int_equal(count(row, "exits"), 500);
	assert_false(json_object_object_get_ex(row, "coalesced", NULL));
	times = get(row, "times");
	assert_int_equal(count(times, "samples"), 500);
	assert_real(times, "sum_us", 4750);
	assert_real(times, "min_us", 9);
	assert_real(times, "max_us", 10);
	assert_real(times, "avg_us", 9.5);
	assert_real(times, "stderr_percent", 0.236);

	row = json_object_array_get_idx(rows, 4);
	assert_int_equal(count(row, "addr"), 0xcf8);
	assert_text(row, "direction", "write");
	assert_int_equal(count(row, "exits"), 0);
	assert_int_equal(count(row, "coalesced"), 1200);
	assert_false(json_object_object_get_ex(row, "times", NULL));

	row = find_row(rows, "memory", 0xfee00030, 4);
	assert_int_equal(count(row, "size"), 16);
	assert_text(row, "direction", "write");

	list = get(root, "zones");
	assert_int_equal(json_object_array_length(list), 3);
	row = json_object_array_get_idx(list, 0);
	assert_false(json_object_object_get_ex(row, "user", NULL));
	assert_text(row, "space", "port");
	assert_int_equal(count(row, "first"), 0x70);
	assert_int_equal(count(row, "last"), 0x70);
	assert_text(row, "wait", "latch");
	assert_text(row, "state", "active");
	assert_text(row, "why", "latch");
	row = json_object_array_get_idx(list, 1);
	assert_text(row, "space", "memory");
	assert_int_equal(count(row, "wait_ns"), 1000);
	assert_text(row, "state", "traps");
	assert_text(row, "trap", "too old");
	assert_true(json_object_get_boolean(get(row, "user")));
	assert_true(json_object_get_boolean(get(row, "forced")));
	row = json_object_array_get_idx(list, 2);
	assert_text(row, "state", "exits");
	assert_true(json_object_get_boolean(get(row, "user")));
	assert_false(json_object_object_get_ex(row, "forced", NULL));
	assert_false(json_object_object_get_ex(row, "wait", NULL));
	assert_false(json_object_object_get_ex(row, "wait_ns", NULL));
	json_object_put(root);
}

static uint64_t sum(struct json_object *rows, const char *name)
{
	struct json_object *value;
	uint64_t all = 0;

	for (size_t i = 0; i < json_object_array_length(rows); i++)
		if (json_object_object_get_ex(json_object_array_get_idx(rows, i), name, &value))
			all += json_object_get_uint64(value);
	return all;
}

/*
 * A guest that touches every port there is, and a gigabyte of memory: no access is lost, and what it
 * really uses keeps its rows.
 */
static void test_hostile_guest(void **state)
{
	struct fixture *f = *state;
	struct json_object *root, *rows, *other;
	const unsigned sweep = 0x10000 + (1u << 30) / 4096;

	for (unsigned i = 0; i < sweep; i++) {
		bool port = i < 0x10000;

		trip(f->vcpus[0], port ? METER_PORT : METER_MMIO,
		     port ? i : 0x40000000 + (uint64_t)(i - 0x10000) * 4096, i & 1, 2000 + i % 2);
		trip(f->vcpus[0], METER_PORT, 0x71, false, 3000);
		if (i % 8 == 0)
			trip(f->vcpus[0], METER_PORT, 0xcfc, true, 4000);
		waited(f, METER_MMIO, 0xa0000 + (uint64_t)i * 16);
		waited(f, METER_PORT, 0x70);
	}
	root = json_report(f);
	rows = get(root, "rows");
	assert_in_range(json_object_array_length(rows), 2, 2 * METER_ROWS);
	/* Port 0x71 is written by the sweep as well, and read by it never. */
	assert_int_equal(count(find_row(rows, "port", 0x71, 1), "exits"), sweep);
	assert_int_equal(count(find_row(rows, "port", 0x70, 1), "coalesced"), sweep);
	assert_in_range(count(find_row(rows, "port", 0xcfc, 1), "exits"), sweep / 8 - 64,
			sweep / 8 + 1);
	other = get(root, "other");
	assert_false(json_object_object_get_ex(other, "addr", NULL));
	assert_int_equal(sum(rows, "exits") + count(other, "exits"), 2 * sweep + sweep / 8);
	assert_int_equal(sum(rows, "coalesced") + count(other, "coalesced"), 2 * sweep);
	assert_int_equal(count(root, "coalesced"), 2 * sweep);
	assert_real(get(other, "times"), "min_us", 1);
	assert_true(count(other, "rows") > sweep - METER_ROWS);
	json_object_put(root);
	assert_non_null(strstr(text_report(f), "\nother "));
}

/* Accesses of different widths are different rows, in the record; in the table they are one. */
static void test_widths(void **state)
{
	static const unsigned widths[] = { 1, 2, 4, 8, 3 };
	struct fixture *f = *state;
	struct json_object *root, *rows;

	for (unsigned i = 0; i < 5; i++)
		for (unsigned n = 0; n <= i; n++)
			meter_exit(f->vcpus[0], &(struct meter_trip){ .space = METER_PORT,
								      .addr = 0xcfc,
								      .width = widths[i],
								      .ticks = 2000 });
	root = json_report(f);
	rows = get(root, "rows");
	assert_int_equal(json_object_array_length(rows), 5);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(count(find_row(rows, "port", 0xcfc, widths[i]), "exits"), i + 1);
	assert_int_equal(count(find_row(rows, "port", 0xcfc, 0), "exits"), 5);
	json_object_put(root);
	assert_non_null(strstr(text_report(f), "0xcfc:PIN                15   100.00%"));
}

/* A percentile is right to an eighth, from a tenth of a microsecond to half a second. */
static void test_percentiles(void **state)
{
	for (uint64_t scale = 200; scale < 1000000000; scale *= 7) {
		struct fixture *f = *state;
		struct json_object *root, *times, *buckets;
		uint64_t n = 0;

		for (unsigned i = 1; i <= 1000; i++)
			trip(f->vcpus[0], METER_PORT, scale % 0xffff, false,
			     scale * i / 1000 + scale);
		root = json_report(f);
		times = get(find_row(get(root, "rows"), "port", scale % 0xffff, 1), "times");
		for (unsigned p = 50; p < 100; p += 49) {
			double want = (double)scale * (1 + p / 100.0) / 2000;
			double have =
				json_object_get_double(get(times, p == 50 ? "p50_us" : "p99_us"));

			if (have < want * 0.875 - 0.001 || have > want * 1.125 + 0.001)
				fail_msg("p%u is %f and not %f", p, have, want);
		}
		buckets = get(times, "buckets");
		for (size_t i = 0; i < json_object_array_length(buckets); i++)
			n += json_object_get_uint64(json_object_array_get_idx(
				json_object_array_get_idx(buckets, i), 1));
		assert_int_equal(n, 1000);
		json_object_put(root);
	}
	for (unsigned i = 1; i < METER_BUCKETS; i++)
		assert_true(meter_bucket_from(i) > meter_bucket_from(i - 1));
}

static void test_next_and_interrupts(void **state)
{
	struct fixture *f = *state;
	struct json_object *root, *row, *next;

	for (unsigned i = 0; i < 100; i++) {
		trip(f->vcpus[0], METER_PORT, 0x1f2, true, 2000);
		/* What comes between now and then does not matter. */
		trip(f->vcpus[0], METER_PORT, i % 10 == 9 ? 0x20u : 0x1f7u, true, 2000);
		meter_exit(f->vcpus[1], &(struct meter_trip){ .space = METER_PORT,
							      .addr = 0x71,
							      .width = 1,
							      .interrupt = i % 4 == 0,
							      .ticks = 100 });
	}
	root = json_report(f);
	row = find_row(get(root, "rows"), "port", 0x1f2, 1);
	next = get(row, "next");
	assert_int_equal(count(next, "addr"), 0x1f7);
	assert_text(next, "space", "port");
	assert_text(next, "direction", "write");
	assert_int_equal(count(next, "count"), 90);
	assert_false(json_object_object_get_ex(row, "interrupts", NULL));
	assert_int_equal(count(find_row(get(root, "rows"), "port", 0x71, 1), "interrupts"), 25);
	json_object_put(root);
}

static void name_them(void *arg, enum meter_space space, uint64_t addr, unsigned width,
		      struct meter_name *name)
{
	if (space == METER_PORT && addr == 0x71)
		*name = (struct meter_name){ "mc146818rtc", "data" };
	else if (space == METER_PORT && addr == 0x80)
		name->device = "post";
}

static int add_more(void *arg, struct json_object *record)
{
	return json_object_object_add(record, "kvm", json_object_new_object());
}

static void test_names_ring_and_vcpus(void **state)
{
	struct fixture *f = *state;
	struct json_object *root, *ring, *pair;

	fill(f);
	f->options.name = name_them;
	f->options.more = add_more;
	f->options.machine = "vm1";
	f->options.per_vcpu = true;
	f->options.drains = (struct meter_ring){
		.entries = 169, .batches = { [0] = 7, [7] = 2 }, .full = 3, .deadline = 4
	};
	meter_interrupted(f->vcpus[1]);
	root = json_report(f);
	assert_text(root, "name", "vm1");
	assert_text(find_row(get(root, "rows"), "port", 0x71, 1), "register", "data");
	assert_int_equal(json_object_array_length(get(root, "rows")), 6);
	assert_int_equal(count(find_row(get(root, "rows"), "port", 0x71, 1), "exits"), 250);
	assert_int_equal(count(get(root, "reasons"), "interrupted"), 1);
	assert_int_equal(count(json_object_array_get_idx(get(root, "vcpus"), 0), "exits"), 950);
	ring = get(root, "ring");
	assert_int_equal(count(ring, "entries"), 169);
	assert_int_equal(count(ring, "full"), 3);
	assert_int_equal(count(ring, "deadline"), 4);
	pair = json_object_array_get_idx(get(ring, "batches"), 1);
	assert_int_equal(json_object_get_int(json_object_array_get_idx(pair, 0)), 128);
	assert_int_equal(json_object_get_int(json_object_array_get_idx(pair, 1)), 2);
	get(root, "kvm");
	json_object_put(root);
	f->options.per_vcpu = false;
	assert_non_null(strstr(text_report(f), " Coalesced  Register\n0x71:PIN "));
	assert_non_null(strstr(text_report(f), "    9.50 (0.24)             mc146818rtc data\n"));
	assert_non_null(strstr(text_report(f), "   13.00 (0.00)             post\n"));
}

static void test_keys(void **state)
{
	struct fixture *f = *state;
	bool found = false;

	trip(f->vcpus[0], METER_MMIO, UINT64_C(0xdcba9876543210), true, 1);
	for (unsigned i = 0; i < METER_ROWS; i++) {
		uint64_t key = f->vcpus[0]->rows[i].key;

		if (!key)
			continue;
		found = true;
		assert_int_equal(meter_key_space(key), METER_MMIO);
		assert_true(meter_key_write(key));
		assert_int_equal(meter_key_addr(key), UINT64_C(0xdcba9876543210));
	}
	assert_true(found);
	assert_int_equal(meter_key_addr(1 | 0xffff << 6), 0xffff);
}

/* A guest that draws has a row for a page of the screen, not one for each 16 bytes. */
static void test_screen_by_pages(void **state)
{
	struct fixture *f = *state;
	struct json_object *root, *rows;

	for (unsigned i = 0; i < 0x2000; i++)
		waited(f, METER_MMIO, 0xa0000 + i);
	waited(f, METER_MMIO, 0x9ffff);
	root = json_report(f);
	rows = get(root, "rows");
	assert_int_equal(json_object_array_length(rows), 3);
	assert_int_equal(count(find_row(rows, "memory", 0xa0000, 1), "coalesced"), 0x1000);
	assert_int_equal(count(find_row(rows, "memory", 0xa1000, 1), "size"), 4096);
	assert_int_equal(count(find_row(rows, "memory", 0x9fff0, 1), "size"), 16);
	json_object_put(root);
	assert_int_equal(meter_coalesced_in(f->ring, METER_MMIO, 0xa1800, 0xa1fff), 0x1000);
	assert_int_equal(meter_coalesced_in(f->ring, METER_MMIO, 0xb8000, 0xbffff), 0);
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
		trip(arg, METER_PORT, i & 0x3f, i & 1, 1000);
	return NULL;
}

/* Reports of a machine that runs. */
static void test_report_while_counting(void **state)
{
	struct fixture *f = *state;
	struct meter_totals totals;
	pthread_t threads[2];

	for (unsigned i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, count_exits, f->vcpus[i]);
	do {
		text_report(f);
		totals = meter_total(&f->options);
		assert_true(totals.exits <= 200000);
	} while (totals.exits < 200000);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	assert_non_null(strstr(text_report(f), "user-space exits 200,000;"));
}

static void *sweep_ports(void *arg)
{
	for (unsigned i = 0; i < 200000; i++) {
		trip(arg, METER_PORT, i & 0xffff, true, 1000);
		trip(arg, METER_PORT, 0x71, false, 1000);
	}
	return NULL;
}

/* Rows move while they are read: no count is seen twice or missing, but for the one under way. */
static void test_report_while_folding(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	uint64_t seen;

	f->options.meters_n = 1;
	pthread_create(&thread, NULL, sweep_ports, f->vcpus[0]);
	do {
		uint64_t before = meter_total(&f->options).exits, after;
		struct json_object *record = meter_report_json(&f->options), *other;

		after = meter_total(&f->options).exits;
		seen = sum(get(record, "rows"), "exits");
		if (json_object_object_get_ex(record, "other", &other))
			seen += count(other, "exits");
		/* An access is in its row before it is in the total. */
		assert_in_range(seen, before, after + 1);
		json_object_put(record);
	} while (seen < 400000);
	pthread_join(thread, NULL);
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
		TEST(test_hostile_guest),
		TEST(test_widths),
		TEST(test_percentiles),
		TEST(test_next_and_interrupts),
		TEST(test_names_ring_and_vcpus),
		TEST(test_keys),
		TEST(test_screen_by_pages),
		TEST(test_write_failure),
		TEST(test_without_time_or_meters),
		TEST(test_stamps),
		TEST(test_report_while_counting),
		TEST(test_report_while_folding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
