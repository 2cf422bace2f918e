// SPDX-License-Identifier: MIT
/*
 * Advice from fixed records: the sentences are in advice/NAME.txt, what they are made of in
 * advice/NAME.json. And what advice never says, whatever was counted.
 */
#include "../base/cm.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch/advice.h"
#include "watch/recording.h"

static char *read_file(const char *name, const char *ending)
{
	char path[512], *text = calloc(1, 65536);
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.%s", ADVICE_DIR, name, ending);
	file = fopen(path, "re");
	if (!file)
		fail_msg("%s", path);
	assert_true(fread(text, 1, 65535, file) > 0);
	fclose(file);
	return text;
}

/* What a text counts: its record, or what happened between its first and its last. */
static struct watch_snapshot snapshot(const char *text)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	struct watch_snapshot first = { 0 }, last = { 0 }, out = { 0 };
	struct watch_recording recording;
	unsigned n = 0;
	struct error err;
	int ret;

	assert_int_equal(watch_recording_take(&recording, file, &err), 0);
	while ((ret = watch_recording_next(&recording, n ? &out : &first, &err)) > 0) {
		watch_snapshot_free(&last);
		if (n++)
			last = out;
	}
	if (ret)
		fail_msg("%s", err.text);
	watch_recording_close(&recording);
	if (n == 1)
		return first;
	assert_int_equal(watch_snapshot_diff(&out, &last, &first, &err), 0);
	watch_snapshot_free(&first);
	watch_snapshot_free(&last);
	return out;
}

static char *as_text(const struct watch_advices *advices, size_t top)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	watch_advices_text(out, advices, top);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void test_sentences(void **state)
{
	static const char *const names[] = { "machine-off", "machine-traps", "trace", "quiet",
					     "recording" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *json = read_file(names[i], "json"), *expected = read_file(names[i], "txt");
		struct watch_snapshot record = snapshot(json);
		struct watch_advices advices;
		char *said;

		assert_int_equal(watch_advise(&advices, &record, NULL), 0);
		said = as_text(&advices, 0);
		assert_string_equal(said, expected);
		for (size_t j = 1; j < advices.n; j++)
			assert_true(advices.at[j - 1].cpu >= advices.at[j].cpu);
		free(said);
		watch_advices_free(&advices);
		watch_snapshot_free(&record);
		free(json);
		free(expected);
	}
}

static double real(struct json_object *object, const char *name)
{
	return json_object_get_double(json_object_object_get(object, name));
}

static void test_json(void **state)
{
	char *json = read_file("machine-off", "json"), *said;
	struct watch_snapshot record = snapshot(json);
	struct watch_advices advices;
	struct json_object *root, *list, *first;

	assert_int_equal(watch_advise(&advices, &record, "vm1"), 0);
	root = watch_advices_json(&advices, 2);
	list = json_object_object_get(root, "advice");
	assert_int_equal(json_object_array_length(list), 2);
	first = json_object_array_get_idx(list, 0);
	assert_string_equal(json_object_get_string(json_object_object_get(first, "kind")),
			    "nobody");
	assert_int_equal(json_object_get_int(json_object_object_get(first, "first")), 0x2340);
	assert_true(real(first, "saved_exits") == 1600);
	assert_true(real(first, "saved_cpu_us") > 12799.9 && real(first, "saved_cpu_us") < 12800.1);
	assert_true(real(root, "exits_rate") == 4010);
	assert_int_equal(json_object_array_length(json_object_object_get(root, "stays")), 3);
	json_object_put(root);
	said = as_text(&advices, 1);
	assert_non_null(strstr(said, "coalport coalesce add vm1 0x2340-0x2343."));
	assert_non_null(strstr(said, "\n2 more that save less.\n"));
	assert_null(strstr(said, "0x70 (mc146818rtc index) is"));
	free(said);
	watch_advices_free(&advices);
	watch_snapshot_free(&record);
	free(json);
}

/* What the table says, and that nothing in it contradicts itself. */
static void test_knowledge(void **state)
{
	static const uint16_t data[] = { 0x71,  0x1f0, 0x170, 0x3f8, 0x60,  0x511,
					 0xcfc, 0x310, 0x3c9, 0x3f5, 0x3c5, 0x1f7 };
	size_t n;
	const struct watch_known *known = watch_known_table(&n);

	for (size_t i = 0; i < n; i++) {
		assert_true(known[i].last >= known[i].first);
		assert_true(strlen(known[i].what) > 5 && strlen(known[i].source) > 5);
		assert_ptr_equal(watch_known_find(known[i].space, known[i].first, known[i].write),
				 &known[i]); /* no row is hidden behind another */
		if (known[i].kind == WATCH_KNOWN_LATCH || known[i].kind == WATCH_KNOWN_SEEN) {
			assert_true(known[i].write);
			assert_null(known[i].remedy);
		}
		if (known[i].kind == WATCH_KNOWN_POLL || known[i].kind == WATCH_KNOWN_CLOCK) {
			assert_false(known[i].write);
			assert_non_null(known[i].remedy);
		}
	}
	for (size_t i = 0; i < sizeof(data) / sizeof(data[0]); i++) {
		const struct watch_known *row = watch_known_find(WATCH_SPACE_PORT, data[i], true);

		assert_true(!row || row->kind == WATCH_KNOWN_DATA ||
			    row->kind == WATCH_KNOWN_EFFECT);
	}
}

static uint64_t random_below(uint64_t *seed, uint64_t n)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (*seed >> 33) % n;
}

static bool may_wait(enum watch_advice_kind kind)
{
	return kind == WATCH_ADVICE_WAIT || kind == WATCH_ADVICE_ZONE ||
	       kind == WATCH_ADVICE_NOBODY || kind == WATCH_ADVICE_LOOKS;
}

/* Rows at random: nothing that raised an interrupt, carries data or has an effect is said to wait. */
static void test_never(void **state)
{
	static const uint16_t ports[] = { 0x70,   0x71,  0x1f0, 0x1f2, 0x1f6, 0x1f7,  0x3f8,
					  0x3fd,  0xcf8, 0xcfc, 0x80,  0x608, 0xc000, 0xc001,
					  0xc010, 0x301, 0x307, 0x30f, 0x3d4, 0x3d5 };
	uint64_t seed = 7;

	for (unsigned round = 0; round < 3000; round++) {
		struct watch_snapshot_row rows[24];
		const struct watch_snapshot input = {
			.machine = random_below(&seed, 4) == 0,
			.seconds = 1,
			.rows = rows,
			.rows_n = sizeof(rows) / sizeof(rows[0]),
			.exits = 1000000,
		};
		struct watch_advices advices;
		double saved = 0;

		for (size_t i = 0; i < input.rows_n; i++) {
			rows[i] = (struct watch_snapshot_row){
				.addr = ports[random_below(&seed, 20)],
				.size = 1,
				.width = 1u << random_below(&seed, 3),
				.write = random_below(&seed, 3) != 0,
				.device = random_below(&seed, 2) ? "a chip" : "",
				.reg = "",
				.exits = random_below(&seed, 5000),
				.interrupts = random_below(&seed, 3) ? 0 : 1,
				.next = { .known = true,
					  .addr = ports[random_below(&seed, 20)],
					  .count = random_below(&seed, 5000) },
			};
		}
		assert_int_equal(watch_advise(&advices, &input, NULL), 0);
		for (size_t i = 0; i < advices.n; i++) {
			const struct watch_advice *advice = &advices.at[i];
			const struct watch_known *known =
				watch_known_find(advice->space, advice->first, true);
			uint64_t quiet = 0;

			saved += advice->saved;
			if (!may_wait(advice->kind)) {
				assert_int_equal(advice->zones_n, 0);
				continue;
			}
			assert_true(advice->write);
			if (advice->kind == WATCH_ADVICE_NOBODY)
				continue;
			/* A chip's own table knows better than ours. */
			assert_false(input.machine);
			assert_true(!known || known->kind == WATCH_KNOWN_LATCH ||
				    known->kind == WATCH_KNOWN_SEEN);
			for (size_t j = 0; j < input.rows_n; j++)
				if (rows[j].write && !rows[j].interrupts &&
				    rows[j].addr >= advice->first && rows[j].addr <= advice->last)
					quiet += rows[j].exits;
			assert_true(advice->saved <= (double)quiet);
		}
		/* Every exit is in one piece of advice or stays. */
		assert_true(saved + advices.stay > 999999.5 && saved + advices.stay < 1000000.5);
		watch_advices_free(&advices);
	}
}

static void test_numbers(void **state)
{
	static const struct {
		double value;
		const char *number, *cpu;
	} cases[] = {
		{ 0, "0.0", "0 us" },
		{ 0.00005, "0.0", "50 us" },
		{ 0.0042, "0.0", "4.2 ms" },
		{ 0.042, "0.0", "42 ms" },
		{ 0.48, "0.5", "0.48 s" },
		{ 9.94, "9.9", "9.94 s" },
		{ 10, "10", "10.00 s" },
		{ 18402.4, "18,402", "18402.40 s" },
		{ 1234567, "1,234,567", "1234567.00 s" },
	};
	char out[WATCH_ADVICE_NUMBER];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_string_equal(watch_advice_number(out, cases[i].value), cases[i].number);
		assert_string_equal(watch_advice_cpu(out, cases[i].value), cases[i].cpu);
	}
	assert_string_equal(watch_advice_number(out, 1e300), "1,000,000,000,000,000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sentences), cmocka_unit_test(test_json),
		cmocka_unit_test(test_knowledge), cmocka_unit_test(test_never),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
