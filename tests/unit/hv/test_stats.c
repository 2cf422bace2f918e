// SPDX-License-Identifier: MIT
/* The kernel's statistics as bytes, made as the kernel makes them, and then spoilt. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "hv/stats.h"

#define NAME_SIZE 48u
#define DESC_SIZE (sizeof(struct kvm_stats_desc) + NAME_SIZE)
#define STATS     4u
#define VALUES    7u
#define DESCS_AT  (sizeof(struct kvm_stats_header) + NAME_SIZE)
#define DATA_AT   (DESCS_AT + STATS * DESC_SIZE)
#define SIZE      (DATA_AT + VALUES * sizeof(uint64_t))

static const struct {
	const char *name;
	uint32_t flags;
	int16_t exponent;
	uint16_t size;
	uint32_t bucket_size;
} descs[STATS] = {
	{ "exits", KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10, 0, 1,
	  0 },
	{ "wait", KVM_STATS_TYPE_LINEAR_HIST | KVM_STATS_UNIT_SECONDS | KVM_STATS_BASE_POW10, -9, 3,
	  1000 },
	{ "inside", KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_BOOLEAN | KVM_STATS_BASE_POW2, 0, 1,
	  0 },
	{ "poll", KVM_STATS_TYPE_LOG_HIST | KVM_STATS_UNIT_BYTES | KVM_STATS_BASE_POW2, 10, 2, 0 },
};

/* Owned bytes of exactly the size, so that a read beyond them is seen by the address sanitizer. */
static uint8_t *make(void)
{
	struct kvm_stats_header header = {
		.name_size = NAME_SIZE,
		.num_desc = STATS,
		.id_offset = sizeof(header),
		.desc_offset = DESCS_AT,
		.data_offset = DATA_AT,
	};
	uint8_t *bytes = calloc(1, SIZE);
	uint32_t value = 0;

	assert_non_null(bytes);
	memcpy(bytes, &header, sizeof(header));
	for (unsigned i = 0; i < STATS; i++) {
		struct kvm_stats_desc desc = {
			.flags = descs[i].flags,
			.exponent = descs[i].exponent,
			.size = descs[i].size,
			.offset = value * (uint32_t)sizeof(uint64_t),
			.bucket_size = descs[i].bucket_size,
		};
		uint8_t *at = bytes + DESCS_AT + i * DESC_SIZE;

		memcpy(at, &desc, sizeof(desc));
		strcpy((char *)at + sizeof(desc), descs[i].name);
		value += descs[i].size;
	}
	for (uint64_t i = 0; i < VALUES; i++)
		memcpy(bytes + DATA_AT + i * sizeof(i), &i, sizeof(i));
	return bytes;
}

static void test_parse(void **state)
{
	uint8_t *bytes = make();
	struct meter_stats stats;

	assert_int_equal(hv_stats_parse(bytes, SIZE, &stats), 0);
	free(bytes);
	assert_int_equal(stats.n, STATS);
	assert_string_equal(stats.at[0].name, "exits");
	assert_int_equal(stats.at[0].type, METER_STAT_CUMULATIVE);
	assert_int_equal(stats.at[0].unit, METER_STAT_NONE);
	assert_int_equal(stats.at[0].base, 10);
	assert_int_equal(stats.at[0].values[0], 0);
	assert_int_equal(stats.at[1].type, METER_STAT_LINEAR);
	assert_int_equal(stats.at[1].unit, METER_STAT_SECONDS);
	assert_int_equal(stats.at[1].exponent, -9);
	assert_int_equal(stats.at[1].bucket_size, 1000);
	assert_int_equal(stats.at[1].n, 3);
	assert_int_equal(stats.at[1].values[0], 1);
	assert_int_equal(stats.at[1].values[2], 3);
	assert_int_equal(stats.at[2].type, METER_STAT_INSTANT);
	assert_int_equal(stats.at[2].unit, METER_STAT_BOOLEAN);
	assert_int_equal(stats.at[2].base, 2);
	assert_int_equal(stats.at[3].type, METER_STAT_LOG2);
	assert_int_equal(stats.at[3].exponent, 10);
	assert_int_equal(stats.at[3].bucket_size, 0);
	assert_int_equal(stats.at[3].values[1], 6);
	meter_stats_free(&stats);
}

static void refused(const uint8_t *bytes, size_t len)
{
	struct meter_stats stats;

	assert_int_equal(hv_stats_parse(bytes, len, &stats), -EPROTO);
	assert_null(stats.at);
	assert_null(stats.values);
}

static void test_short(void **state)
{
	uint8_t *bytes = make();

	for (size_t len = 0; len < SIZE; len++) {
		uint8_t *part = malloc(len ? len : 1);

		assert_non_null(part);
		memcpy(part, bytes, len);
		refused(part, len);
		free(part);
	}
	free(bytes);
}

/* One 32-bit word at a time, with what overflows sums or points outside. */
static void test_spoilt_header(void **state)
{
	static const uint32_t values[] = { 0,        1,          3,          SIZE,
					   SIZE + 8, 0x7fffffff, 0xfffffff8, UINT32_MAX };
	struct meter_stats stats;

	for (size_t word = 1; word < sizeof(struct kvm_stats_header) / 4; word++) {
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			uint8_t *bytes = make();

			memcpy(bytes + 4 * word, &values[i], 4);
			if (!hv_stats_parse(bytes, SIZE, &stats))
				meter_stats_free(&stats);
			free(bytes);
		}
	}
}

static void spoil(size_t field, const void *value, size_t len)
{
	uint8_t *bytes = make();

	memcpy(bytes + DESCS_AT + DESC_SIZE + field, value, len);
	refused(bytes, SIZE);
	free(bytes);
}

static void test_spoilt_descriptor(void **state)
{
	const uint32_t far = SIZE, odd = 4, huge = UINT32_MAX & ~7u;
	const uint16_t none = 0, many = UINT16_MAX, one_more = VALUES;
	uint8_t endless[NAME_SIZE];

	memset(endless, 'x', sizeof(endless));
	spoil(offsetof(struct kvm_stats_desc, offset), &far, 4);
	spoil(offsetof(struct kvm_stats_desc, offset), &odd, 4);
	spoil(offsetof(struct kvm_stats_desc, offset), &huge, 4);
	spoil(offsetof(struct kvm_stats_desc, size), &none, 2);
	spoil(offsetof(struct kvm_stats_desc, size), &many, 2);
	spoil(offsetof(struct kvm_stats_desc, size), &one_more, 2);
	spoil(sizeof(struct kvm_stats_desc), endless, sizeof(endless));
	spoil(sizeof(struct kvm_stats_desc), "", 1);
}

/* A later kernel has more kinds: what is known is told. */
static void test_unknown_kind(void **state)
{
	static const uint32_t flags[] = { 0xf, 0xf0, 0xf00 };

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		uint8_t *bytes = make();
		struct meter_stats stats;

		memcpy(bytes + DESCS_AT, &flags[i], 4);
		assert_int_equal(hv_stats_parse(bytes, SIZE, &stats), 0);
		free(bytes);
		assert_int_equal(stats.n, STATS - 1);
		assert_string_equal(stats.at[0].name, "wait");
		assert_int_equal(stats.at[0].values[0], 1);
		meter_stats_free(&stats);
	}
}

static void test_none(void **state)
{
	const struct kvm_stats_header header = { .name_size = NAME_SIZE };
	struct meter_stats stats;

	assert_int_equal(hv_stats_parse((const uint8_t *)&header, sizeof(header), &stats), 0);
	assert_int_equal(stats.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),         cmocka_unit_test(test_short),
		cmocka_unit_test(test_spoilt_header), cmocka_unit_test(test_spoilt_descriptor),
		cmocka_unit_test(test_unknown_kind),  cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
