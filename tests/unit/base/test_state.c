// SPDX-License-Identifier: MIT
#include "cm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/range.h"
#include "base/state.h"

struct chip {
	uint8_t index;
	bool armed;
	uint16_t port;
	uint32_t words[3];
	uint64_t time;
	int hidden; /* not part of the state */
};

static const struct state_field chip_fields[] = {
	{ STATE_AT(struct chip, index), .on_reset = STATE_CLEAR, .value = 0x0d },
	{ STATE_AT(struct chip, armed), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct chip, port) },
	{ STATE_ARRAY_AT(struct chip, words), .on_reset = STATE_CLEAR, .value = 0xa0b0c0d0 },
	{ STATE_AT(struct chip, time), .on_reset = STATE_KEEP },
};

static const struct state_table chip_table = {
	.name = "chip",
	.version = 1,
	.fields = chip_fields,
	.fields_n = 5,
};

static const struct chip sample = {
	.index = 0x71,
	.armed = true,
	.port = 0x1234,
	.words = { 1, 2, 0xdeadbeef },
	.time = UINT64_C(0x0123456789abcdef),
	.hidden = 7,
};

static void test_reset(void **state)
{
	struct chip chip = sample;

	state_reset(&chip_table, &chip);
	assert_int_equal(chip.index, 0x0d);
	assert_false(chip.armed);
	assert_int_equal(chip.port, 0x1234);
	for (int i = 0; i < 3; i++)
		assert_int_equal(chip.words[i], 0xa0b0c0d0);
	assert_int_equal(chip.time, sample.time);
	assert_int_equal(chip.hidden, 7);
}

static void test_differs(void **state)
{
	struct chip chip = sample;
	size_t index = 99;

	chip.hidden = 8;
	assert_null(state_differs(&chip_table, &sample, &chip, &index));
	chip.time++;
	assert_ptr_equal(state_differs(&chip_table, &sample, &chip, &index), &chip_fields[4]);
	assert_int_equal(index, 0);
	chip.words[2] ^= 0x80000000;
	assert_ptr_equal(state_differs(&chip_table, &sample, &chip, &index), &chip_fields[3]);
	assert_int_equal(index, 2);
}

static void test_save(void **state)
{
	static const uint8_t expected[] = {
		0x71, 1,    0x34, 0x12, 1,    0,    0,    0,    2,    0,    0,    0,    0xef,
		0xbe, 0xad, 0xde, 0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01, 0x55,
	};
	struct chip chip = { .hidden = 9 };
	uint8_t saved[sizeof(expected)];
	size_t index;

	assert_int_equal(state_size(&chip_table), sizeof(expected) - 1);
	memset(saved, 0x55, sizeof(saved));
	state_save(&chip_table, &sample, saved);
	assert_memory_equal(saved, expected, sizeof(saved));
	state_restore(&chip_table, &chip, saved);
	assert_null(state_differs(&chip_table, &sample, &chip, &index));
	assert_int_equal(chip.hidden, 9);
}

static void test_print(void **state)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	state_print(&chip_table, &sample, out);
	fclose(out);
	assert_string_equal(text, "chip: index=71 armed=01 port=1234 "
				  "words=0000000100000002deadbeef time=0123456789abcdef\n");
	free(text);
}

static void test_bytes(void **state)
{
	uint8_t b[9] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };

	assert_int_equal(le16_get(b + 1), 0x0201);
	assert_int_equal(be16_get(b + 1), 0x0102);
	assert_int_equal(le32_get(b + 1), 0x04030201);
	assert_int_equal(be32_get(b + 1), 0x01020304);
	assert_int_equal(le64_get(b + 1), UINT64_C(0x0807060504030201));
	assert_int_equal(be64_get(b + 1), UINT64_C(0x0102030405060708));
	assert_int_equal(le_get(b + 1, 3), 0x030201);
	be32_put(b + 3, 0xa1a2a3a4);
	le_put(b, 0xb1b2, 1);
	assert_memory_equal(b, "\xb2\1\2\xa1\xa2\xa3\xa4\7\10", 9);
}

static void test_range(void **state)
{
	const struct range all = range_make(0, UINT64_MAX);
	const struct range end = range_make(UINT64_MAX, 1);
	const struct range low = range_make(0x10, 0x10);

	assert_int_equal(all.last, UINT64_MAX - 1);
	assert_int_equal(end.last, UINT64_MAX);
	assert_false(range_overlaps(all, end));
	assert_true(range_covers(all, low));
	assert_false(range_covers(low, all));
	assert_true(range_has(low, 0x1f));
	assert_false(range_has(low, 0x20));
	assert_false(range_has(low, 0xf));
	assert_true(range_overlaps(low, range_make(0x1f, 1)));
	assert_false(range_overlaps(low, range_make(0x20, 1)));
	assert_true(range_equal(range_cut(low, range_make(0x18, 0x100)), range_make(0x18, 8)));
}

static void test_log(void **state)
{
	char path[] = "/tmp/coalport-log-XXXXXX", text[4096] = "", longer[3000];
	int fd = mkstemp(path), append = open(path, O_WRONLY | O_APPEND),
	    saved = dup(STDERR_FILENO);
	int err;

	assert_int_equal(write(fd, "old\n", 4), 4);
	assert_int_equal(log_to(-1), -EBADF);
	err = log_to(append);
	log_error("%s: %d", "thing", 42);
	log_warn("careful");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	log_error("%s", longer);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(append);
	assert_int_equal(err, 0);
	assert_int_equal(log_failure(), 0);
	assert_true(pread(fd, text, sizeof(text) - 1, 0) > 0);
	assert_int_equal(strncmp(text,
				 "old\ncoalport: thing: 42\ncoalport: warning: careful\n"
				 "coalport: xxx",
				 60),
			 0);
	/* Cut, but still a line. */
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_true(strlen(text) < 1200);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reset), cmocka_unit_test(test_differs),
		cmocka_unit_test(test_save),  cmocka_unit_test(test_print),
		cmocka_unit_test(test_bytes), cmocka_unit_test(test_range),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
