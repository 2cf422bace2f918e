// SPDX-License-Identifier: MIT
/*
 * The cylinders, heads and sectors of a disk that has none: what QEMU tells its guests of a raw
 * image, so that a partition table made under the one is understood under the other. Pure data, no
 * locks.
 */
#pragma once

#include <stdint.h>

#define DISK_MBR_LEN 512

/* How a BIOS that knows more heads than a disk has makes up for it; numbers as in CMOS byte 0x39. */
enum disk_translation { DISK_NO_TRANSLATION, DISK_LBA, DISK_LARGE, DISK_RECHS };

struct disk_geometry {
	uint16_t cylinders; /* at most 16383, as in ATA */
	uint8_t heads; /* at most 16 */
	uint8_t sectors; /* of a track, at most 63 */
	uint8_t translation; /* enum disk_translation: what the partition table was made under */
};

/*
 * If the first partition that says so ends on the last sector of a track with at most 16 heads, that
 * is the geometry that it was made with. Otherwise 16 heads of 63 sectors, and at least 2 cylinders.
 * mbr: the first sector of the disk. sectors: its size, of 512 bytes each.
 */
struct disk_geometry disk_geometry_guess(const uint8_t mbr[DISK_MBR_LEN], uint64_t sectors);
/* What fits a geometry that somebody said: LBA if a BIOS cannot name all of it as it is. */
enum disk_translation disk_geometry_translation(const struct disk_geometry *geometry);
