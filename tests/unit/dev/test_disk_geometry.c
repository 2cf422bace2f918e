// SPDX-License-Identifier: MIT
/* The geometry of a raw image: each row is what QEMU 7.2 showed a guest of such an image. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "dev/disk_geometry.h"

#define MIB UINT64_C(2048) /* in sectors */

static const struct {
	uint64_t sectors;
	uint8_t end_head, end_sector; /* of the only partition; both 0: no table */
	unsigned cylinders, heads, track;
} rows[] = {
	{ 3, 0, 0, 2, 16, 63 },
	{ MIB / 2, 0, 0, 2, 16, 63 },
	{ 504 * MIB, 0, 0, 1024, 16, 63 },
	{ 102400 * MIB, 0, 0, 16383, 16, 63 },
	{ 100 * MIB, 0, 0, 203, 16, 63 },
	{ 100 * MIB, 15, 17, 752, 16, 17 },
	/* A BIOS that translates. */
	{ 100 * MIB, 254, 63, 203, 16, 63 },
	/* No ends of partitions. */
	{ 100 * MIB, 0, 63, 203, 16, 63 },
	{ 100 * MIB, 15, 64, 203, 16, 63 },
	/* Less than a cylinder. */
	{ 2 * MIB, 200, 63, 4, 16, 63 },
};

static void expect(const uint8_t *mbr, size_t i)
{
	struct disk_geometry geometry = disk_geometry_guess(mbr, rows[i].sectors);

	assert_int_equal(geometry.cylinders, rows[i].cylinders);
	assert_int_equal(geometry.heads, rows[i].heads);
	assert_int_equal(geometry.sectors, rows[i].track);
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t mbr[DISK_MBR_LEN] = { 0 }, *entry = mbr + 0x1be;

		if (rows[i].end_sector) {
			entry[5] = rows[i].end_head;
			entry[6] = rows[i].end_sector;
			le32_put(entry + 12, 1000);
			le16_put(mbr + 510, 0xaa55);
		}
		expect(mbr, i);
	}
}

/* The first entry that tells counts; without the signature none does. */
static void test_entries(void **state)
{
	uint8_t mbr[DISK_MBR_LEN] = { 0 }, *third = mbr + 0x1be + 2 * 16;

	third[5] = 15;
	third[6] = 17;
	le32_put(third + 12, 1);
	expect(mbr, 4);
	le16_put(mbr + 510, 0xaa55);
	expect(mbr, 5);
	le32_put(third + 12, 0);
	expect(mbr, 4);
}

static void test_translation(void **state)
{
	const struct disk_geometry small = { .cylinders = 1024, .heads = 16, .sectors = 63 };
	const struct disk_geometry large = { .cylinders = 1025, .heads = 1, .sectors = 1 };

	assert_int_equal(disk_geometry_translation(&small), DISK_NO_TRANSLATION);
	assert_int_equal(disk_geometry_translation(&large), DISK_LBA);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_translation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
