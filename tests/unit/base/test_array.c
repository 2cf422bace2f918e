// SPDX-License-Identifier: MIT
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "cm.h"

/* The analysers do not know that a failed assertion ends the test; of abort() they do. */
#define must_reserve(array, n, room)                                                               \
	do {                                                                                       \
		if (!array_reserve(array, n, room))                                                \
			abort();                                                                   \
	} while (0)

static void test_grows(void **state)
{
	uint32_t *numbers = NULL;
	size_t room = 0, moves = 0;

	for (size_t n = 0; n < 10000; n++) {
		size_t before = room;

		must_reserve(numbers, n + 1, &room);
		assert_true(room > n);
		moves += room != before;
		numbers[n] = (uint32_t)n;
	}
	for (size_t n = 0; n < 10000; n++)
		assert_int_equal(numbers[n], n);
	assert_true(moves <= 16);
	free(numbers);
}

static void test_much_at_once(void **state)
{
	char *text = NULL;
	size_t room = 0;

	must_reserve(text, 1, &room);
	text[0] = 'a';
	must_reserve(text, 100000, &room);
	assert_true(room >= 100000);
	assert_int_equal(text[0], 'a');
	memset(text, 'b', 100000);
	free(text);
}

/* AddressSanitizer, too, returns NULL for it, as malloc() does; its default is to stop. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

/* What is no memory anywhere: nothing changes, nothing wraps around. */
static void test_out_of_memory(void **state)
{
	struct {
		char bytes[64];
	} *large = NULL;
	volatile size_t most = SIZE_MAX; /* the compiler, if it knew, would warn */
	size_t room = 0, had;

	must_reserve(large, 3, &room);
	memset(large, 'x', 3 * sizeof(*large));
	had = room;
	assert_false(array_reserve(large, most / 2, &room));
	assert_false(array_reserve(large, most, &room));
	assert_int_equal(room, had);
	assert_int_equal(large[2].bytes[63], 'x');
	free(large);
}

static void test_trim(void **state)
{
	char *text = NULL;
	size_t room = 0;

	must_reserve(text, 100, &room);
	array_trim(text, &room, room);
	assert_non_null(text);
	array_trim(text, &room, room - 1);
	assert_null(text);
	assert_int_equal(room, 0);
	must_reserve(text, 1, &room);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_much_at_once),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_trim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
