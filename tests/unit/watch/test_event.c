// SPDX-License-Identifier: MIT
#include "../base/cm.h"

#include <errno.h>
#include <linux/kvm.h>

#include "records.h"

_Static_assert(WATCH_REASON_IO == KVM_EXIT_IO && WATCH_REASON_MMIO == KVM_EXIT_MMIO,
	       "the kernel's numbers");

static struct watch_formats formats;

static int setup(void **state)
{
	records_formats_make(&formats);
	return 0;
}

static int teardown(void **state)
{
	watch_formats_destroy(&formats);
	return 0;
}

static enum watch_record read_record(const struct record *record, struct watch_event *event)
{
	uint64_t lost;

	assert_int_equal(watch_record_time(record, record->header.size), record->time);
	return watch_record_read(&formats, record, record->header.size, event, &lost);
}

static void test_port(void **state)
{
	struct record record = record_port(1201, 77, 0x71, 2, true);
	struct watch_event event;

	assert_int_equal(read_record(&record, &event), WATCH_RECORD_EVENT);
	assert_int_equal(event.kind, WATCH_PORT);
	assert_int_equal(event.way, WATCH_WRITE);
	assert_int_equal(event.addr, 0x71);
	assert_int_equal(event.width, 2);
	assert_int_equal(event.time, 77);
	assert_int_equal(event.tid, 1201);
	assert_int_equal(event.pid, 12);
	record = record_port(1201, 78, 0x71, 2, false);
	assert_int_equal(read_record(&record, &event), WATCH_RECORD_EVENT);
	assert_int_equal(event.way, WATCH_READ);
}

static void test_memory(void **state)
{
	static const enum watch_way ways[] = { WATCH_ASKED, WATCH_READ, WATCH_WRITE };
	struct watch_event event;

	for (uint32_t type = 0; type < 4; type++) {
		uint32_t raw[8] = { RECORDS_MMIO, 0, type, 8, 0xfee000f0, 0x12, 0, 0 };
		struct record record = record_sample(100, 1, raw, sizeof(raw));

		if (type == 3) {
			assert_int_equal(read_record(&record, &event), WATCH_RECORD_BAD);
			continue;
		}
		assert_int_equal(read_record(&record, &event), WATCH_RECORD_EVENT);
		assert_int_equal(event.kind, WATCH_MEMORY);
		assert_int_equal(event.way, ways[type]);
		assert_int_equal(event.addr, UINT64_C(0x12fee000f0));
		assert_int_equal(event.width, 8);
	}
}

static void test_left_and_enter(void **state)
{
	struct record record = record_left(100, 1, 2, -EINTR);
	uint32_t raw[3] = { RECORDS_ENTER };
	struct watch_event event;

	assert_int_equal(read_record(&record, &event), WATCH_RECORD_EVENT);
	assert_int_equal(event.kind, WATCH_LEFT);
	assert_int_equal(event.reason, 2);
	assert_int_equal(event.error, -EINTR);
	record = record_sample(100, 1, raw, sizeof(raw));
	assert_int_equal(read_record(&record, &event), WATCH_RECORD_EVENT);
	assert_int_equal(event.kind, WATCH_ENTER);
}

static void test_interrupts(void **state)
{
	uint32_t line[4] = { RECORDS_LINE, 0, 8, 1 }, msi[4] = { RECORDS_MSI };
	struct record record = record_sample(100, 1, line, sizeof(line));
	struct watch_event event;

	assert_int_equal(read_record(&record, &event), WATCH_RECORD_EVENT);
	assert_int_equal(event.kind, WATCH_LINE);
	assert_true(event.level);
	line[3] = 0;
	record = record_sample(100, 1, line, sizeof(line));
	assert_int_equal(read_record(&record, &event), WATCH_RECORD_EVENT);
	assert_false(event.level);
	record = record_sample(100, 1, line, 12);
	assert_int_equal(read_record(&record, &event), WATCH_RECORD_BAD);
	record = record_sample(100, 1, msi, sizeof(msi));
	assert_int_equal(read_record(&record, &event), WATCH_RECORD_EVENT);
	assert_int_equal(event.kind, WATCH_MSI);
}

static void test_other_kernel(void **state)
{
	uint8_t raw[18] = { 7, 0, [8] = 0x34, [9] = 0x12, [16] = 4, [17] = 1 };
	struct record record;
	struct watch_formats other;
	struct watch_event event;
	uint64_t lost;

	assert_int_equal(watch_formats_init(&other), 0);
	assert_int_equal(watch_formats_add(&other, WATCH_PORT, records_other_pio,
					   strlen(records_other_pio), NULL),
			 0);
	record = record_sample(100, 1, raw, sizeof(raw));
	assert_int_equal(watch_record_read(&other, &record, record.header.size, &event, &lost),
			 WATCH_RECORD_EVENT);
	assert_int_equal(event.addr, 0x1234);
	assert_int_equal(event.width, 4);
	assert_int_equal(event.way, WATCH_WRITE);
	watch_formats_destroy(&other);
}

static void test_formats_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"nonsense",
		"name: kvm_pio\nID: 7\nformat:\n" RECORDS_COMMON "\nprint fmt: \"\"\n",
		/* A field that is none: an array. */
		"name: kvm_pio\nID: 7\nformat:\n" RECORDS_COMMON
		"\tfield:u32 port[2];\toffset:8;\tsize:8;\tsigned:0;\n"
		"\tfield:u8 size;\toffset:16;\tsize:1;\tsigned:0;\n"
		"\tfield:u8 rw;\toffset:17;\tsize:1;\tsigned:0;\n\nprint fmt: \"\"\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct watch_formats bad;
		struct error err = { "" };

		assert_int_equal(watch_formats_init(&bad), 0);
		assert_int_equal(
			watch_formats_add(&bad, WATCH_PORT, texts[i], strlen(texts[i]), &err),
			-EINVAL);
		assert_non_null(strstr(err.text, "kvm_pio"));
		assert_false(bad.of[WATCH_PORT].there);
		watch_formats_destroy(&bad);
	}
}

/* Cut anywhere, a record is bad or nothing, and never read beyond its end (sanitizers look). */
static void test_cut_short(void **state)
{
	struct record whole = record_port(100, 1, 0x71, 1, true);
	struct watch_event event;
	uint64_t lost;

	for (size_t size = 0; size < whole.header.size; size++) {
		void *copy = malloc(size ? size : 1);

		assert_non_null(copy);
		memcpy(copy, &whole, size);
		(void)watch_record_time(copy, size);
		/* The last bytes pad it. */
		if (size < 24 + 4 + 28)
			assert_int_equal(watch_record_read(&formats, copy, size, &event, &lost),
					 WATCH_RECORD_BAD);
		free(copy);
	}
	whole.size = 20; /* the port's width would lie behind it */
	assert_int_equal(read_record(&whole, &event), WATCH_RECORD_EVENT);
	whole.size = 19;
	assert_int_equal(read_record(&whole, &event), WATCH_RECORD_BAD);
	whole.size = UINT32_MAX;
	assert_int_equal(read_record(&whole, &event), WATCH_RECORD_BAD);
}

static void test_others(void **state)
{
	struct {
		struct perf_event_header header;
		uint64_t id, lost;
		uint32_t pid, tid;
		uint64_t time;
	} record = { { PERF_RECORD_LOST, 0, sizeof(record) }, 3, 17, 1, 2, 99 };
	struct watch_event event;
	uint64_t lost;

	assert_int_equal(watch_record_read(&formats, &record, sizeof(record), &event, &lost),
			 WATCH_RECORD_LOST);
	assert_int_equal(lost, 17);
	assert_int_equal(watch_record_time(&record, sizeof(record)), 99);
	record.header.type = PERF_RECORD_THROTTLE;
	assert_int_equal(watch_record_read(&formats, &record, sizeof(record), &event, &lost),
			 WATCH_RECORD_IGNORED);
	record.header.type = PERF_RECORD_SAMPLE; /* of a tracepoint that nobody asked for */
	{
		uint32_t raw[4] = { 9999 };
		struct record sample = record_sample(1, 1, raw, sizeof(raw));

		assert_int_equal(read_record(&sample, &event), WATCH_RECORD_IGNORED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port),           cmocka_unit_test(test_memory),
		cmocka_unit_test(test_left_and_enter), cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_other_kernel),   cmocka_unit_test(test_formats_refused),
		cmocka_unit_test(test_cut_short),      cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
