// SPDX-License-Identifier: MIT
#include "../base/cm.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch/report.h"
#include "watch/snapshot.h"

static struct watch_table table;
static struct watch_process processes[] = { { 1234, "qemu-system-x86", 2 }, { 77, "coalport", 1 } };

static void add(struct watch_key key, uint64_t exits, uint64_t in_kernel, uint64_t ns,
		uint64_t upper)
{
	struct watch_counts *counts = watch_table_counts(&table, &key);

	counts->exits += exits;
	counts->in_kernel += in_kernel;
	for (uint64_t i = 0; ns && i < exits; i++)
		watch_times_add(&counts->times, ns, upper);
}

static int setup(void **state)
{
	assert_int_equal(watch_table_init(&table, 64, 2), 0);
	add((struct watch_key){ .addr = 0x71, .width = 1 }, 3000, 0, 5000, 0);
	add((struct watch_key){ .addr = 0x70, .width = 1, .write = true }, 0, 3001, 0, 0);
	add((struct watch_key){ .addr = 0x3f8, .width = 1, .write = true, .process = 1 }, 1000, 0,
	    7000, 1);
	add((struct watch_key){ .addr = 0xfebc0010,
				.width = 4,
				.space = WATCH_SPACE_MEMORY,
				.write = true },
	    8, 2, 0, 0);
	table.totals[0].left[2] = 3000;
	table.totals[0].left[6] = 8;
	table.totals[1].left[2] = 1000;
	table.totals[1].left[45] = 1;
	table.totals[1].interrupted = 4;
	return 0;
}

static int teardown(void **state)
{
	watch_table_destroy(&table);
	return 0;
}

static struct watch_report report_of(uint32_t n)
{
	return (struct watch_report){ .table = &table,
				      .processes = processes,
				      .processes_n = n,
				      .by_process = n > 1,
				      .seconds = 2 };
}

static char *text_of(const struct watch_report *report)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_int_equal(watch_report_text(out, report), 0);
	fclose(out);
	return text;
}

static void test_text(void **state)
{
	struct watch_report report = report_of(2);
	char *text;

	report.ended = "the process ended";
	report.lost = 12345;
	text = text_of(&report);
	assert_non_null(strstr(text, "2 processes, 2.0 s, the process ended\n"));
	assert_non_null(strstr(
		text, "1234    qemu-system-x86 0x71         mc146818rtc data               "
		      "in     1       3,000           0         -      1500   74.9%       5.0"));
	assert_non_null(strstr(text, "77      coalport        0x3f8"));
	assert_non_null(strstr(text, "<7.0"));
	assert_non_null(strstr(text, "0xfebc0010"));
	assert_non_null(strstr(text,
			       "exits to user space 4,013: port 4,000, memory 8, reason 45 1, "
			       "interrupted 4; served in the kernel 3,003\n"));
	assert_non_null(strstr(text, "events lost: 12,345: counts are too low\n"));
	assert_non_null(strstr(text, "no kvm_entry"));
	assert_non_null(strstr(text, "no kvm_exit"));
	assert_non_null(strstr(text, "no kvm_set_irq"));
	free(text);
	report.entered = report.counted = report.raises = true;
	table.rows[0].counts.interrupts = 1234;
	report.vm_exits = 4321;
	report.lost = 0;
	text = text_of(&report);
	assert_null(strstr(text, "no kvm_entry"));
	assert_null(strstr(text, "no kvm_set_irq"));
	assert_non_null(strstr(text, "3,000           0     1,234      1500"));
	assert_non_null(strstr(text, "(kvm_exit): 4,321\n"));
	assert_non_null(strstr(text, "events lost: 0\n"));
	free(text);
}

/* Rows that are left out are summed, not dropped. */
static void test_top(void **state)
{
	struct watch_report report = report_of(1);
	char *text;

	report.top = 1;
	text = text_of(&report);
	assert_non_null(strstr(text, "process 1234 (qemu-system-x86), vCPUs seen: 2, 2.0 s\n"));
	assert_non_null(strstr(text, "mc146818rtc data"));
	assert_null(strstr(text, "0x3f8"));
	assert_non_null(strstr(text, "3 more rows"));
	assert_non_null(strstr(text, "1,008       3,003"));
	free(text);
}

static uint64_t number(struct json_object *object, const char *name)
{
	struct json_object *value = json_object_object_get(object, name);

	assert_non_null(value);
	return json_object_get_uint64(value);
}

static void test_json(void **state)
{
	struct watch_report report = report_of(2);
	struct json_object *root = watch_report_json(&report), *trace, *row, *times;

	assert_non_null(root);
	assert_int_equal(number(root, "record"), 1);
	assert_string_equal(json_object_get_string(json_object_object_get(root, "source")),
			    "trace");
	assert_int_equal(number(root, "exits"), 4013);
	assert_int_equal(number(root, "in_kernel"), 3003);
	assert_int_equal(number(json_object_object_get(root, "reasons"), "mmio"), 8);
	trace = json_object_object_get(root, "trace");
	assert_int_equal(number(trace, "lost"), 0);
	assert_int_equal(number(trace, "interrupted"), 4);
	assert_int_equal(json_object_array_length(json_object_object_get(trace, "processes")), 2);
	row = json_object_array_get_idx(json_object_object_get(root, "rows"), 0);
	assert_int_equal(number(row, "pid"), 1234);
	assert_int_equal(number(row, "addr"), 0x71);
	assert_int_equal(number(row, "exits"), 3000);
	assert_string_equal(json_object_get_string(json_object_object_get(row, "space")), "port");
	assert_string_equal(json_object_get_string(json_object_object_get(row, "register")),
			    "data");
	assert_string_equal(json_object_get_string(json_object_object_get(row, "direction")),
			    "read");
	times = json_object_object_get(row, "times");
	assert_string_equal(json_object_get_string(json_object_object_get(times, "bound")),
			    "exact");
	assert_int_equal(number(times, "p99_us"), 5);
	row = json_object_array_get_idx(json_object_object_get(root, "rows"), 2);
	assert_int_equal(number(row, "addr"), 0xfebc0010);
	assert_null(json_object_object_get(row, "times"));
	json_object_put(root);
}

/* A trace is a record: what reads records finds in it what was counted. */
static void test_record(void **state)
{
	struct watch_report report = report_of(1);
	struct watch_snapshot record;
	struct json_object *root;
	struct error err;

	report.top = 2;
	table.rows[0].counts.interrupts = 12;
	watch_next_vote(&table.rows[0].counts.next, &table.rows[1].key);
	root = watch_report_json(&report);
	assert_non_null(root);
	assert_int_equal(watch_snapshot_parse(&record, root, &err), 0);
	json_object_put(root);
	assert_false(record.machine);
	assert_int_equal(record.pid, 1234);
	assert_string_equal(record.name, "qemu-system-x86");
	assert_int_equal(record.exits, 4013);
	assert_int_equal(record.in_kernel, 3003);
	assert_int_equal(record.rows_n, 2);
	assert_int_equal(record.rows[0].addr, 0x71);
	assert_int_equal(record.rows[0].exits, 3000);
	assert_int_equal(record.rows[0].interrupts, 12);
	assert_true(record.rows[0].next.known && record.rows[0].next.write);
	assert_int_equal(record.rows[0].next.addr, 0x70);
	assert_int_equal(record.rows[0].next.count, 1);
	assert_int_equal(record.rows[0].times.samples, 3000);
	assert_int_equal(record.rows[0].times.sum_us, 15000);
	assert_int_equal(record.rows[0].times.buckets_n, 1);
	assert_true(record.rows[0].times.buckets[0].first <= 5000);
	assert_int_equal(record.rows[0].times.buckets[0].count, 3000);
	assert_true(record.rows[1].times.upper);
	/* The rows that are not shown. */
	assert_int_equal(record.other.rows, 2);
	assert_int_equal(record.other.exits, 8);
	assert_int_equal(record.other.in_kernel, 3003);
	assert_true(record.trace.known);
	assert_int_equal(record.trace.interrupted, 4);
	watch_snapshot_free(&record);
}

static void test_output_fails(void **state)
{
	struct watch_report report = report_of(1);
	FILE *full = fopen("/dev/full", "w");

	assert_non_null(full);
	assert_int_equal(watch_report_text(full, &report), -ENOSPC);
	clearerr(full);
	assert_int_equal(watch_report_print_json(full, &report, true), -ENOSPC);
	fclose(full);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = { TEST(test_text), TEST(test_top), TEST(test_json),
					    TEST(test_record), TEST(test_output_fails) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
