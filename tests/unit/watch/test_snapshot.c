// SPDX-License-Identifier: MIT
#include "../base/cm.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch/recording.h"
#include "watch/snapshot.h"
#include "watch/text.h"

static struct error err;

static struct watch_recording opened(const char *name)
{
	struct watch_recording recording;

	assert_int_equal(watch_recording_open(&recording, name, &err), 0);
	return recording;
}

/* The two records of machine.json. */
static void read_machine(struct watch_snapshot *first, struct watch_snapshot *second)
{
	struct watch_recording recording = opened(RECORDS_DIR "/machine.json");
	struct watch_snapshot third;

	assert_int_equal(watch_recording_next(&recording, first, &err), 1);
	assert_int_equal(watch_recording_next(&recording, second, &err), 1);
	assert_int_equal(watch_recording_next(&recording, &third, &err), 0);
	assert_int_equal(recording.record, 2);
	watch_recording_close(&recording);
}

static const struct watch_snapshot_row *row_at(const struct watch_snapshot *snapshot,
					       enum watch_space space, uint64_t addr, bool write)
{
	for (size_t i = 0; i < snapshot->rows_n; i++) {
		const struct watch_snapshot_row *row = &snapshot->rows[i];

		if (row->space == space && row->addr == addr && row->write == write)
			return row;
	}
	fail_msg("no row at 0x%llx", (unsigned long long)addr);
	return NULL;
}

#define assert_near(a, b) assert_true((a) - (b) < 1e-6 && (b) - (a) < 1e-6)

static void test_members(void **state)
{
	struct watch_snapshot first, second;
	const struct watch_snapshot_row *row;

	read_machine(&first, &second);
	assert_true(first.machine);
	assert_near(first.at, 1795687795.123);
	assert_near(first.seconds, 12.5);
	assert_string_equal(first.name, "vm1");
	assert_int_equal(first.pid, 4711);
	assert_string_equal(first.kernel, "6.18.0");
	assert_string_equal(first.cpu, "A processor");
	assert_int_equal(first.tsc_hz, 2500000000);
	assert_int_equal(first.exits, 1200);
	assert_int_equal(first.coalesced, 1010);
	assert_int_equal(first.rows_n, 7);
	row = row_at(&first, WATCH_SPACE_PORT, 0x71, false);
	assert_int_equal(row->size, 1);
	assert_int_equal(row->width, 1);
	assert_int_equal(row->vcpu, WATCH_SNAPSHOT_NO_VCPU);
	assert_int_equal(row->pid, 0);
	assert_string_equal(row->device, "mc146818rtc");
	assert_string_equal(row->reg, "data");
	assert_int_equal(row->exits, 1000);
	assert_true(row->next.known && row->next.write);
	assert_int_equal(row->next.space, WATCH_SPACE_PORT);
	assert_int_equal(row->next.addr, 0x70);
	assert_int_equal(row->next.count, 990);
	assert_int_equal(row->times.samples, 1000);
	assert_false(row->times.upper);
	assert_near(row->times.min_us, 8.1);
	assert_near(row->times.max_us, 60.7);
	assert_near(row->times.stderr_percent, 0.4);
	assert_int_equal(row->times.buckets_n, 3);
	assert_int_equal(row->times.buckets[1].first, 9216);
	assert_int_equal(row->times.buckets[1].count, 590);
	row = row_at(&second, WATCH_SPACE_PORT, 0x71, false);
	assert_int_equal(row->interrupts, 12);
	row = row_at(&first, WATCH_SPACE_MEMORY, 0xfeb00000, true);
	assert_int_equal(row->size, 16);
	assert_int_equal(row->width, 0);
	row = row_at(&first, WATCH_SPACE_PORT, 0x80, true);
	assert_string_equal(row->device, "");
	assert_int_equal(row->times.samples, 0);
	watch_snapshot_free(&first);
	watch_snapshot_free(&second);
	assert_int_equal(second.rows_n, 0);
}

static void test_lists(void **state)
{
	struct watch_snapshot first, second;

	read_machine(&first, &second);
	assert_int_equal(first.other.rows, 17);
	assert_int_equal(first.other.exits, 9);
	assert_int_equal(watch_snapshot_stat(&first.reasons, "mmio")->value, 51);
	assert_null(watch_snapshot_stat(&first.reasons, "nmi"));
	assert_int_equal(first.vcpus_n, 2);
	assert_int_equal(first.vcpus[1].thread, 4714);
	assert_int_equal(first.vcpus[1].exits, 500);
	assert_true(first.ring.known);
	assert_int_equal(first.ring.entries, 169);
	assert_int_equal(first.ring.batches_n, 3);
	assert_int_equal(second.ring.full, 5);
	assert_int_equal(first.ring.deadline, 12);
	assert_int_equal(first.zones_n, 4);
	assert_string_equal(first.zones[1].state, "traps");
	assert_non_null(strstr(first.zones[1].trap, "KVM_CAP_COALESCED_PIO"));
	assert_true(first.zones[1].wait_ns == UINT64_MAX);
	assert_int_equal(first.zones[2].wait_ns, 20000000);
	assert_string_equal(first.zones[2].when, "it is used");
	assert_string_equal(watch_snapshot_zone_by(&first.zones[1]), "");
	assert_string_equal(watch_snapshot_zone_by(&first.zones[2]), "forced");
	assert_string_equal(watch_snapshot_zone_by(&first.zones[3]), "user");
	assert_int_equal(first.zones[3].wait_ns, 0);
	assert_int_equal(watch_snapshot_stat(&first.kvm_vm, "remote_tlb_flush")->value, 3);
	assert_int_equal(first.kvm_vcpus_n, 2);
	assert_int_equal(watch_snapshot_stat(&first.kvm_vcpus[0], "halt_exits")->value, 10);
	assert_false(first.trace.known);
	watch_snapshot_free(&first);
	watch_snapshot_free(&second);
}

static void test_trace(void **state)
{
	struct watch_recording recording = opened(RECORDS_DIR "/trace.json");
	struct watch_snapshot trace;
	const struct watch_snapshot_row *row;

	assert_int_equal(watch_recording_next(&recording, &trace, &err), 1);
	watch_recording_close(&recording);
	assert_false(trace.machine);
	assert_true(trace.trace.known && trace.trace.kvm_entry && !trace.trace.kvm_exit);
	assert_int_equal(trace.trace.lost, 2);
	assert_string_equal(trace.trace.method, "perf");
	assert_string_equal(trace.trace.ended, "the process ended");
	row = row_at(&trace, WATCH_SPACE_PORT, 0x70, true);
	assert_int_equal(row->in_kernel, 2601);
	assert_int_equal(row->pid, 77);
	assert_true(row_at(&trace, WATCH_SPACE_PORT, 0x608, false)->times.upper);
	watch_snapshot_free(&trace);
}

static void test_diff(void **state)
{
	struct watch_snapshot first, second, diff;
	const struct watch_snapshot_row *row;

	read_machine(&first, &second);
	assert_int_equal(watch_snapshot_diff(&diff, &second, &first, &err), 0);
	watch_snapshot_free(&first);
	watch_snapshot_free(&second);
	assert_near(diff.seconds, 2);
	assert_int_equal(diff.exits, 2998);
	assert_int_equal(diff.coalesced, 2623);
	row = row_at(&diff, WATCH_SPACE_PORT, 0x71, false);
	assert_int_equal(row->exits, 2600);
	assert_int_equal(row->interrupts, 12);
	assert_int_equal(row->next.count, 2600);
	assert_int_equal(row->times.samples, 2600);
	assert_int_equal(row->times.buckets_n, 4);
	assert_int_equal(row->times.buckets[0].count, 1000);
	assert_int_equal(row->times.buckets[3].count, 10);
	/* Of the buckets alone, so not what either record says. */
	assert_near(row->times.p50_us, (9216 + 9216 / 12.0) / 1000.0);
	assert_near(row->times.p99_us, (16384 + 16384 / 12.0) / 1000.0);
	assert_near(row->times.min_us, 8.1);
	assert_near(row->times.max_us, 70.2);
	assert_true(row->times.stderr_percent < 0);
	assert_int_equal(watch_snapshot_stat(&diff.reasons, "io")->value, 2951);
	assert_int_equal(diff.vcpus[0].exits, 2000);
	assert_int_equal(diff.ring.deadline, 40);
	assert_int_equal(diff.ring.batches[2].count, 11);
	/* Of levels, how much there is now; of counts that did not move, 0. */
	assert_int_equal(watch_snapshot_stat(&diff.kvm_vm, "pages_4k")->value, 4090);
	assert_int_equal(watch_snapshot_stat(&diff.kvm_vm, "mmu_cache_miss")->value, 0);
	assert_int_equal(watch_snapshot_stat(&diff.kvm_vcpus[0], "irq_injections")->value, 400);
	/* It went down: it began anew. */
	assert_int_equal(diff.other.exits, 2);
	assert_string_equal(diff.zones[1].state, "traps");
	watch_snapshot_free(&diff);
}

/* Parses a record that is almost empty but for what is given. 0 or -errno. */
static int parse(struct watch_snapshot *snapshot, const char *members)
{
	char text[8192];
	struct json_object *root;
	int ret;

	assert_true(snprintf(text, sizeof(text), "{\"record\":1,\"source\":\"machine\"%s%s}",
			     *members ? "," : "", members) < (int)sizeof(text));
	root = json_tokener_parse(text);
	assert_non_null(root);
	err.text[0] = '\0';
	ret = watch_snapshot_parse(snapshot, root, &err);
	json_object_put(root);
	return ret;
}

#define ROW "\"space\":\"port\",\"addr\":112,\"direction\":\"write\""

static void test_began_anew(void **state)
{
	struct watch_snapshot older, newer, diff;

	assert_int_equal(
		parse(&older, "\"seconds\":1,\"rows\":[{" ROW ",\"exits\":100,\"coalesced\":7,"
			      "\"times\":{\"samples\":100,\"sum_us\":900,\"buckets\":[[8,100]]}}]"),
		0);
	assert_int_equal(parse(&newer,
			       "\"seconds\":3,\"rows\":[{" ROW ",\"exits\":3,\"coalesced\":9,"
			       "\"times\":{\"samples\":3,\"sum_us\":30,\"buckets\":[[8,3]]}}]"),
			 0);
	assert_int_equal(watch_snapshot_diff(&diff, &newer, &older, &err), 0);
	assert_int_equal(diff.rows[0].exits, 3);
	assert_int_equal(diff.rows[0].coalesced, 9);
	assert_int_equal(diff.rows[0].times.samples, 3);
	assert_near(diff.rows[0].times.avg_us, 10);
	watch_snapshot_free(&diff);
	/* The wrong way round, and of another guest. */
	assert_int_equal(watch_snapshot_diff(&diff, &older, &newer, &err), -EINVAL);
	assert_non_null(strstr(err.text, "order"));
	older.pid = 5;
	assert_int_equal(watch_snapshot_diff(&diff, &newer, &older, &err), -EINVAL);
	assert_non_null(strstr(err.text, "different guests"));
	watch_snapshot_free(&older);
	watch_snapshot_free(&newer);
}

/* Another address took the lead: how often it came before is not known, but not more often than all. */
static void test_next_changed(void **state)
{
	struct watch_snapshot older, newer, diff;

	assert_int_equal(parse(&older,
			       "\"rows\":[{" ROW ",\"exits\":100,\"next\":{\"space\":\"port\","
			       "\"addr\":1,\"direction\":\"read\",\"count\":60}}]"),
			 0);
	assert_int_equal(parse(&newer,
			       "\"rows\":[{" ROW ",\"exits\":130,\"next\":{\"space\":\"port\","
			       "\"addr\":2,\"direction\":\"read\",\"count\":70}}]"),
			 0);
	assert_int_equal(watch_snapshot_diff(&diff, &newer, &older, &err), 0);
	assert_int_equal(diff.rows[0].next.addr, 2);
	assert_int_equal(diff.rows[0].next.count, 30);
	watch_snapshot_free(&diff);
	watch_snapshot_free(&older);
	watch_snapshot_free(&newer);
}

static void test_accepted(void **state)
{
	static const char *const good[] = {
		"",
		"\"what\":[1,2,{\"is\":null}],\"this\":-1.5",
		"\"seconds\":3,\"exits\":18446744073709551615",
		"\"rows\":[{" ROW ",\"vcpu\":0},{" ROW ",\"vcpu\":1},{" ROW "}]",
		"\"rows\":[{\"space\":\"memory\",\"addr\":18446744073709551615,\"direction\":\"read\"}]",
		"\"rows\":[{" ROW ",\"times\":{}}]",
		"\"kvm\":{\"vm\":{\"halt_wait_hist\":[1,2,3]}}",
		"\"ring\":{\"batches\":[]}",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct watch_snapshot snapshot;

		if (parse(&snapshot, good[i]))
			fail_msg("%s: %s", good[i], err.text);
		watch_snapshot_free(&snapshot);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *members, *says;
	} bad[] = {
		{ "\"exits\":\"12\"", "exits: of the wrong type" },
		{ "\"exits\":1.5", "exits: of the wrong type" },
		{ "\"exits\":null", "exits: of the wrong type" },
		{ "\"exits\":-1", "exits: negative" },
		{ "\"pid\":4294967296", "pid: too large" },
		{ "\"seconds\":-1", "seconds: no amount" },
		{ "\"seconds\":1e999", "seconds: no amount" },
		{ "\"seconds\":NaN", "seconds: no amount" },
		{ "\"seconds\":[]", "seconds: of the wrong type" },
		{ "\"name\":7", "name: of the wrong type" },
		{ "\"host\":[]", "host: of the wrong type" },
		{ "\"source\":\"hearsay\"", "source: neither" },
		{ "\"rows\":{}", "rows: of the wrong type" },
		{ "\"rows\":[7]", "rows[0].: no object" },
		{ "\"rows\":[{" ROW "},{}]", "rows[1].space: neither" },
		{ "\"rows\":[{\"space\":\"port\",\"direction\":\"read\"}]", "addr: missing" },
		{ "\"rows\":[{\"space\":\"port\",\"addr\":1,\"direction\":\"in\"}]",
		  "direction: neither" },
		{ "\"rows\":[{\"space\":\"mmio\",\"addr\":18446744073709551615,\"size\":2,"
		  "\"direction\":\"read\"}]",
		  "size: beyond" },
		{ "\"rows\":[{" ROW "},{" ROW "}]", "rows: two of one" },
		{ "\"rows\":[{" ROW ",\"times\":{\"buckets\":[[2,1],[2,1]]}}]",
		  "buckets: not pairs" },
		{ "\"rows\":[{" ROW ",\"times\":{\"buckets\":[[2,1,1]]}}]", "buckets: not pairs" },
		{ "\"rows\":[{" ROW ",\"times\":{\"buckets\":[[2,-1]]}}]", "buckets: not pairs" },
		{ "\"rows\":[{" ROW ",\"next\":{}}]", "space: neither" },
		{ "\"zones\":[{\"space\":\"port\",\"first\":2,\"last\":1}]", "last: before" },
		{ "\"zones\":[{\"space\":\"port\",\"wait\":3}]", "wait: of the wrong type" },
		{ "\"reasons\":{\"io\":\"many\"}", "reasons: not all counts" },
		{ "\"ring\":{\"full\":{}}", "ring.full: of the wrong type" },
		{ "\"kvm\":{\"vcpus\":[[]]}", "kvm.vcpus[0].: no object" },
		{ "\"trace\":{\"kvm_exit\":1}", "trace.kvm_exit: of the wrong type" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct watch_snapshot snapshot;

		if (parse(&snapshot, bad[i].members) != -EINVAL)
			fail_msg("%s is taken", bad[i].members);
		if (!strstr(err.text, bad[i].says))
			fail_msg("%s: says \"%s\"", bad[i].members, err.text);
		assert_null(snapshot.arena.last);
	}
}

static void test_too_many_rows(void **state)
{
	struct json_object *root =
		json_tokener_parse("{\"record\":1,\"source\":\"trace\",\"rows\":[]}");
	struct json_object *rows = json_object_object_get(root, "rows");
	struct watch_snapshot snapshot;

	for (unsigned i = 0; i <= WATCH_SNAPSHOT_ROWS; i++)
		json_object_array_add(rows, json_object_new_object());
	assert_int_equal(watch_snapshot_parse(&snapshot, root, &err), -E2BIG);
	assert_string_equal(err.text, "a record's rows: too many");
	json_object_put(root);
}

/* What a hostile author writes into a name does not reach a terminal. */
static void test_names(void **state)
{
	struct watch_snapshot snapshot;
	char members[2000], name[1000];

	assert_int_equal(
		parse(&snapshot, "\"name\":\"a\\u001b[2Jb\\n\\u009b\\u0000\\u202ec\xc3\x9c\xff\""),
		0);
	assert_string_equal(snapshot.name, "a?[2Jb????c\xc3\x9c?");
	watch_snapshot_free(&snapshot);
	/* Cut at a character. */
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	memcpy(name + WATCH_SNAPSHOT_TEXT - 2, "\xc3\x9c", 2);
	snprintf(members, sizeof(members), "\"name\":\"%s\"", name);
	assert_int_equal(parse(&snapshot, members), 0);
	assert_int_equal(strlen(snapshot.name), WATCH_SNAPSHOT_TEXT - 2);
	watch_snapshot_free(&snapshot);
}

static void test_text(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		uint32_t code;
	} cases[] = {
		{ "a", 1, 'a' },
		{ "\x7f", 1, 0x7f },
		{ "\xc2\x80", 2, 0x80 },
		{ "\xc1\xbf", 1, 0 }, /* a longer form than needed */
		{ "\xe0\x9f\xbf", 1, 0 },
		{ "\xe2\x82\xac", 3, 0x20ac },
		{ "\xed\xa0\x80", 1, 0 }, /* half of a pair */
		{ "\xf0\x9f\x98\x80", 4, 0x1f600 },
		{ "\xf4\x90\x80\x80", 1, 0 }, /* behind the last one */
		{ "\xe2\x82", 1, 0 }, /* cut */
		{ "\x80", 1, 0 },
		{ "\xff", 1, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t code = 1;

		assert_int_equal(watch_text_char(cases[i].text, strlen(cases[i].text), &code),
				 cases[i].len);
		assert_int_equal(code, cases[i].code);
	}
}

static void test_percentile(void **state)
{
	static const struct watch_bucket buckets[] = {
		{ 0, 1 }, { 1024, 98 }, { 1040, 0 }, { 4800, 1 }
	};

	assert_near(watch_buckets_percentile(buckets, 4, 0), 0.5);
	assert_near(watch_buckets_percentile(buckets, 4, 1), 0.5);
	/* It ends where the next one begins. */
	assert_near(watch_buckets_percentile(buckets, 4, 50), 1032);
	assert_near(watch_buckets_percentile(buckets, 4, 100), 4800 + 400);
	assert_near(watch_buckets_percentile(buckets, 0, 50), -1);
}

static const struct watch_snapshot_row *sorted_first(const struct watch_snapshot *snapshot,
						     enum watch_sort sort, bool reverse)
{
	const struct watch_snapshot_row *rows[16];

	for (size_t i = 0; i < snapshot->rows_n; i++)
		rows[i] = &snapshot->rows[i];
	watch_snapshot_sort(rows, snapshot->rows_n, sort, reverse);
	for (size_t i = 1; i < snapshot->rows_n; i++)
		assert_ptr_not_equal(rows[i], rows[i - 1]);
	return rows[0];
}

static void test_sort(void **state)
{
	static const struct {
		enum watch_sort sort;
		bool reverse;
		uint64_t addr;
	} cases[] = {
		{ WATCH_SORT_EXITS, false, 0x71 },
		{ WATCH_SORT_EXITS, true, 0xcf8 }, /* none, while 0x70 has five */
		{ WATCH_SORT_COALESCED, false, 0x70 },
		{ WATCH_SORT_TIME, false, 0x71 },
		{ WATCH_SORT_AVG, false, 0xfeb00000 },
		{ WATCH_SORT_P50, false, 0x3f8 },
		{ WATCH_SORT_P99, false, 0xfeb00000 },
		{ WATCH_SORT_MAX, false, 0xfeb00000 },
		{ WATCH_SORT_INTERRUPTS, false, 0x3f8 },
		{ WATCH_SORT_ADDR, false, 0x70 },
		{ WATCH_SORT_ADDR, true, 0xfed00000 },
		{ WATCH_SORT_NAME, false, 0x80 },
		{ WATCH_SORT_NAME, true, 0xfeb00000 },
	};
	struct watch_snapshot first, second;
	enum watch_sort sort;

	read_machine(&first, &second);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(sorted_first(&second, cases[i].sort, cases[i].reverse)->addr,
				 cases[i].addr);
	watch_snapshot_free(&first);
	watch_snapshot_free(&second);
	assert_true(watch_sort_find(&sort, "p99"));
	assert_int_equal(sort, WATCH_SORT_P99);
	assert_false(watch_sort_find(&sort, "P99"));
}

/* What next() says of a file with this text, after so many good records. */
static int recording_of(const char *text, unsigned *good)
{
	struct watch_recording recording;
	FILE *file = fmemopen((void *)text, strlen(text), "r");
	struct watch_snapshot snapshot;
	int ret;

	*good = 0;
	assert_int_equal(watch_recording_take(&recording, file, &err), 0);
	while ((ret = watch_recording_next(&recording, &snapshot, &err)) == 1) {
		(*good)++;
		watch_snapshot_free(&snapshot);
	}
	watch_recording_close(&recording);
	return ret;
}

#define RECORD "{\"record\":1,\"source\":\"trace\"}"

static void test_recording(void **state)
{
	static const struct {
		const char *text;
		int ret;
		unsigned good;
		const char *says;
	} cases[] = {
		{ "\n", 0, 0, NULL },
		{ RECORD, 0, 1, NULL },
		{ RECORD RECORD "\r\n\n" RECORD "  ", 0, 3, NULL },
		{ RECORD "\n{\n\"record\":1", -ENODATA, 1, "line 2: ends within" },
		{ RECORD "\n12", -EINVAL, 1, "line 2: no record" },
		{ RECORD "\n\n{\"record\":1,\n]", -EINVAL, 1, "line 4: no JSON" },
		{ RECORD "\n{}", -EINVAL, 1, "line 2: no record as" },
		{ "{\"record\":2}", -EINVAL, 0, "version 2" },
		{ "{\"record\":1,\"source\":\"trace\",\"x\":[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]}",
		  -EINVAL, 0, "no JSON" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned good;

		err.text[0] = '\0';
		assert_int_equal(recording_of(cases[i].text, &good), cases[i].ret);
		assert_int_equal(good, cases[i].good);
		if (cases[i].says && !strstr(err.text, cases[i].says))
			fail_msg("%s: says \"%s\"", cases[i].text, err.text);
	}
}

/* A record without an end is given up before it fills the memory. */
static void test_endless(void **state)
{
	static const char *const fills[] = { " ", "[],", "1," };

	for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
		size_t len = 2 * WATCH_RECORD_BYTES, n = strlen(fills[i]), at;
		char *text = malloc(len + n + 1);
		unsigned good;

		assert_non_null(text);
		at = (size_t)sprintf(text, "{\"x\":[");
		for (; at < len; at += n)
			memcpy(text + at, fills[i], n);
		text[at] = '\0';
		assert_int_equal(recording_of(text, &good), -E2BIG);
		free(text);
	}
}

static void test_no_file(void **state)
{
	struct watch_recording recording;

	assert_int_equal(watch_recording_open(&recording, "/nowhere/at/all", &err), -ENOENT);
	assert_non_null(strstr(err.text, "/nowhere/at/all: No such file"));
	assert_int_equal(watch_recording_open(&recording, "/", &err), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),       cmocka_unit_test(test_lists),
		cmocka_unit_test(test_trace),         cmocka_unit_test(test_diff),
		cmocka_unit_test(test_began_anew),    cmocka_unit_test(test_next_changed),
		cmocka_unit_test(test_accepted),      cmocka_unit_test(test_refused),
		cmocka_unit_test(test_too_many_rows), cmocka_unit_test(test_names),
		cmocka_unit_test(test_text),          cmocka_unit_test(test_percentile),
		cmocka_unit_test(test_sort),          cmocka_unit_test(test_recording),
		cmocka_unit_test(test_endless),       cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
