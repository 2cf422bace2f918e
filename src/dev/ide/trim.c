// SPDX-License-Identifier: MIT
/*
 * What DATA SET MANAGEMENT with its TRIM bit brings (ACS-2, 7.10): a sector of ranges that the disk may
 * forget, each
 *
 *	 0	the first sector, 48 bits
 *	 6	how many; 0: an entry that is not used
 */
#include "base/bytes.h"
#include "dev/ide/ide_impl.h"

#define LBA_MASK  UINT64_C(0xffffffffffff)
#define LBA_BITS  48
#define ENTRY_LEN 8u

bool ide_trim_ranges(struct ide_drive *drive, unsigned *n)
{
	*n = 0;
	for (unsigned i = 0; i < IDE_TRIM_RANGES; i++) {
		uint64_t entry = le64_get(drive->data + (size_t)i * ENTRY_LEN);
		uint64_t first = entry & LBA_MASK, count = entry >> LBA_BITS;

		if (count == 0)
			continue;
		if (first >= drive->sectors || count > drive->sectors - first)
			return false;
		drive->ranges[(*n)++] = (struct block_range){
			.offset = first * IDE_DISK_SECTOR,
			.len = count * IDE_DISK_SECTOR,
		};
	}
	return true;
}
