// SPDX-License-Identifier: MIT
#include "../base/cm.h"

#include <stdio.h>

#include "watch/bars.h"
#include "watch/table.h"

static struct watch_table table;

static int setup(void **state)
{
	assert_int_equal(watch_table_init(&table, 64, 4), 0);
	return 0;
}

static int teardown(void **state)
{
	watch_table_destroy(&table);
	return 0;
}

static struct watch_counts *port(uint64_t addr)
{
	struct watch_key key = { .addr = addr, .width = 1 };

	return watch_table_counts(&table, &key);
}

static void test_keys(void **state)
{
	struct watch_key key = { .addr = 0x70, .width = 1 };

	watch_table_counts(&table, &key)->exits = 1;
	key.write = true;
	watch_table_counts(&table, &key)->exits = 2;
	key.width = 2;
	watch_table_counts(&table, &key)->exits = 3;
	key.space = WATCH_SPACE_MEMORY;
	watch_table_counts(&table, &key)->exits = 4;
	key.process = 3;
	watch_table_counts(&table, &key)->exits = 5;
	assert_int_equal(table.rows_n, 5);
	watch_table_sort(&table);
	assert_int_equal(table.rows[0].counts.exits, 5);
	/* The order does not matter to finding. */
	assert_int_equal(watch_table_counts(&table, &key)->exits, 5);
	assert_int_equal(table.rows_n, 5);
}

/* Every port there is, among a few that are used all the time: those stay, and no count is lost. */
static void test_hostile(void **state)
{
	for (uint32_t i = 0; i < 65536; i++) {
		port(i)->exits++;
		port(0x71)->exits++;
		port(0x70)->in_kernel++;
		assert_true(table.rows_n <= 64);
	}
	assert_int_equal(port(0x71)->exits, 65537);
	assert_int_equal(port(0x70)->in_kernel, 65536);
	assert_int_equal(watch_table_sum(&table).exits, 2 * 65536);
	assert_int_equal(watch_table_sum(&table).in_kernel, 65536);
	assert_int_equal(table.folded + table.rows_n, 65536);
}

static void test_merge(void **state)
{
	struct watch_table total;
	struct watch_key key = { .addr = 0x71, .width = 1 };

	assert_int_equal(watch_table_init(&total, 64, 4), 0);
	for (unsigned round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 1000; i++)
			port(i)->exits++;
		watch_times_add(&port(0x71)->times, 500 + round, 0);
		port(0x71)->exits += 1000;
		port(0x71)->interrupts += 5;
		/* The first two rounds outweigh the third one. */
		key.addr = round < 2 ? 0x70 : 0x72;
		for (unsigned i = 0; i < 4; i++)
			watch_next_vote(&port(0x71)->next, &key);
		key.addr = 0x71;
		table.totals[1].left[2] += 7;
		watch_table_merge(&total, &table);
		watch_table_clear(&table);
		assert_int_equal(table.rows_n, 0);
	}
	assert_int_equal(watch_table_sum(&total).exits, 3 * 2000);
	assert_int_equal(watch_table_totals(&total).left[2], 21);
	assert_int_equal(watch_totals_left(&total.totals[1]), 21);
	assert_int_equal(watch_table_counts(&total, &key)->times.min, 500);
	assert_int_equal(watch_table_counts(&total, &key)->times.max, 502);
	assert_int_equal(watch_table_counts(&total, &key)->interrupts, 15);
	assert_int_equal(watch_table_counts(&total, &key)->next.key.addr, 0x70);
	assert_int_equal(watch_table_counts(&total, &key)->next.hits, 8);
	assert_int_equal(watch_table_counts(&total, &key)->next.votes, 4);
	watch_table_destroy(&total);
}

static void test_times(void **state)
{
	struct watch_times times = { 0 };
	uint64_t p50, p99;

	assert_int_equal(watch_times_percentile(&times, 50), 0);
	for (uint64_t ns = 1; ns <= 100000; ns++)
		watch_times_add(&times, ns, ns & 1);
	p50 = watch_times_percentile(&times, 50);
	p99 = watch_times_percentile(&times, 99);
	assert_in_range(p50, 50000 - 50000 / 8, 50000 + 50000 / 8);
	assert_in_range(p99, 99000 - 99000 / 8, 100000);
	assert_int_equal(times.min, 1);
	assert_int_equal(times.max, 100000);
	assert_int_equal(times.upper, 50000);
	assert_int_equal(watch_times_percentile(&times, 100), 100000);
	/* Longer than any bucket. */
	watch_times_add(&times, UINT64_MAX / 4, 0);
	assert_int_equal(watch_times_percentile(&times, 100), UINT64_MAX / 4);
	times = (struct watch_times){ 0 };
	watch_times_add(&times, 5800, 0);
	assert_int_equal(watch_times_percentile(&times, 50), 5800);
	assert_int_equal(watch_times_percentile(&times, 99), 5800);
}

static void test_registers(void **state)
{
	static const struct {
		struct watch_key key;
		const char *name;
	} known[] = {
		{ { .addr = 0x71 }, "mc146818rtc data" },
		{ { .addr = 0x3f8 }, "COM1 RBR (DLL)" },
		{ { .addr = 0x3f8, .write = true }, "COM1 THR (DLL)" },
		{ { .addr = 0x1f7 }, "IDE primary status" },
		{ { .addr = 0x1f7, .write = true }, "IDE primary command" },
		{ { .addr = 0x176 }, "IDE secondary device" },
		{ { .addr = 0xcf9, .write = true }, "PIIX reset control" },
		{ { .addr = 0xcfd }, "PCI config data" },
		{ { .addr = 0x7e, .write = true }, "kvmvapic setup" },
		{ { .addr = 0x608 }, "ACPI PM timer" },
		{ { .addr = 0xc2 }, "8237 DMA 2 count 4" },
		{ { .addr = 0xfee000b0, .space = WATCH_SPACE_MEMORY, .write = true }, "LAPIC EOI" },
		{ { .addr = 0xb8000, .space = WATCH_SPACE_MEMORY }, "VGA window" },
		{ { .addr = 0x71, .space = WATCH_SPACE_MEMORY }, "" },
		{ { .addr = 0x2340 }, "" },
	};
	struct watch_name name;
	char text[2 * WATCH_BAR_NAME];

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		text[0] = '\0';
		if (watch_name_find(&name, NULL, &known[i].key))
			snprintf(text, sizeof(text), "%s %s", name.part, name.reg);
		assert_string_equal(text, known[i].name);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_keys),
		TEST(test_hostile),
		TEST(test_merge),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
