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

#include "watch/account.h"

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

/* The account in a text. 0 or -errno. */
static int account(const char *text, struct watch_account *out, struct error *err)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int ret = watch_account_read(out, file, err);

	fclose(file);
	return ret;
}

static void advise(const struct watch_account *record, struct watch_advices *out,
		   struct watch_advice_input *input, struct watch_advice_row **rows)
{
	assert_int_equal(watch_account_input(record, input, rows), 0);
	assert_int_equal(watch_advise(out, input), 0);
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
		struct watch_advice_input input;
		struct watch_advice_row *rows;
		struct watch_advices advices;
		struct watch_account record;
		struct error err;
		char *said;

		if (account(json, &record, &err))
			fail_msg("%s: %s", names[i], err.text);
		advise(&record, &advices, &input, &rows);
		said = as_text(&advices, 0);
		assert_string_equal(said, expected);
		for (size_t j = 1; j < advices.n; j++)
			assert_true(advices.at[j - 1].cpu >= advices.at[j].cpu);
		free(said);
		watch_advices_free(&advices);
		free(rows);
		watch_account_free(&record);
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
	struct watch_advice_input input;
	struct watch_advice_row *rows;
	struct watch_advices advices;
	struct watch_account record;
	struct json_object *root, *list, *first;
	struct error err;

	assert_int_equal(account(json, &record, &err), 0);
	advise(&record, &advices, &input, &rows);
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
	assert_non_null(strstr(said, "\n2 more that save less.\n"));
	assert_null(strstr(said, "0x70 (mc146818rtc index) is"));
	free(said);
	watch_advices_free(&advices);
	free(rows);
	watch_account_free(&record);
	free(json);
}

#define RECORD(more) "{\"record\":1,\"source\":\"machine\",\"seconds\":1" more "}"

static void test_bad_files(void **state)
{
	static const struct {
		const char *text;
		int error;
		const char *says;
	} bad[] = {
		{ " \n", -EINVAL, "no record in it" },
		{ "{}", -EINVAL, "no record of version 1 (see docs/records.md)" },
		{ "[1,2]", -EINVAL, "no record of version 1 (see docs/records.md)" },
		{ "{\"record\":2,\"source\":\"machine\",\"seconds\":1}", -EINVAL,
		  "no record of version 1 (see docs/records.md)" },
		{ "{\"record\":1,\"source\":\"machine\"}", -EINVAL, "a record of no time" },
		{ "{\"record\":1,\"source\":\"machine\",\"seconds\":-3}", -EINVAL,
		  "a record of no time" },
		{ "{\"record\":1,", -EINVAL, "the last record is not complete" },
		{ RECORD() "x", -EINVAL, "no JSON: unexpected character" },
		{ "hello", -EINVAL, "no JSON: unexpected character" },
		{ RECORD() RECORD(), -EINVAL, "records of two runs, or not in order" },
		{ RECORD() "{\"record\":1,\"source\":\"trace\",\"seconds\":2}", -EINVAL,
		  "records of different machines" },
		{ RECORD(",\"pid\":1") RECORD(",\"pid\":2"), -EINVAL,
		  "records of different machines" },
		{ "[[[[[[[[[[[[[[[[[[[[[[", -EINVAL, "no JSON: nesting too deep" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct watch_account record;
		struct error err;

		assert_int_equal(account(bad[i].text, &record, &err), bad[i].error);
		assert_string_equal(err.text, bad[i].says);
	}
}

/* Nonsense in members is as good as nothing. */
static void test_odd_members(void **state)
{
	static const char *const odd[] = {
		RECORD(",\"rows\":7,\"zones\":{},\"ring\":[],\"exits\":\"many\""),
		RECORD(",\"exits\":10,\"rows\":[1,null,[],{},{\"space\":5,\"addr\":-1,\"exits\":1e99}]"),
		RECORD(",\"rows\":[{\"addr\":18446744073709551615,\"size\":4096,\"width\":8,"
		       "\"exits\":18446744073709551615,\"direction\":\"write\",\"space\":\"mmio\","
		       "\"times\":{\"sum_us\":1e308,\"samples\":1},\"next\":7}]"),
		RECORD(",\"zones\":[{\"first\":9,\"last\":3},{},0],\"rows\":[{\"addr\":9,"
		       "\"direction\":\"write\",\"exits\":100}]"),
		RECORD(",\"rows\":[{\"addr\":0,\"direction\":\"write\",\"exits\":100,\"width\":0,"
		       "\"next\":{}}]"),
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct watch_advice_input input;
		struct watch_advice_row *rows;
		struct watch_advices advices;
		struct watch_account record;
		struct error err;

		if (account(odd[i], &record, &err))
			fail_msg("%zu: %s", i, err.text);
		advise(&record, &advices, &input, &rows);
		free(as_text(&advices, 0));
		json_object_put(watch_advices_json(&advices, 0));
		watch_advices_free(&advices);
		free(rows);
		watch_account_free(&record);
	}
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
		struct watch_advice_row rows[24];
		struct watch_advice_input input = {
			.machine = random_below(&seed, 4) == 0,
			.seconds = 1,
			.rows = rows,
			.rows_n = sizeof(rows) / sizeof(rows[0]),
			.exits = 1000000,
		};
		struct watch_advices advices;
		double saved = 0;

		for (size_t i = 0; i < input.rows_n; i++) {
			rows[i] = (struct watch_advice_row){
				.addr = ports[random_below(&seed, 20)],
				.size = 1,
				.width = 1u << random_below(&seed, 3),
				.write = random_below(&seed, 3) != 0,
				.device = random_below(&seed, 2) ? "a chip" : NULL,
				.exits = random_below(&seed, 5000),
				.interrupts = random_below(&seed, 3) ? 0 : 1,
				.next = { .known = true,
					  .addr = ports[random_below(&seed, 20)],
					  .count = random_below(&seed, 5000) },
			};
		}
		assert_int_equal(watch_advise(&advices, &input), 0);
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
		cmocka_unit_test(test_bad_files), cmocka_unit_test(test_odd_members),
		cmocka_unit_test(test_knowledge), cmocka_unit_test(test_never),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
