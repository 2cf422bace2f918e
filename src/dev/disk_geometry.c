// SPDX-License-Identifier: MIT
#include "dev/disk_geometry.h"

#include <stdbool.h>

#include "base/bytes.h"

#define CYLINDERS_MIN  2
#define CYLINDERS_MAX  16383
#define BIOS_CYLINDERS 1024
#define HEADS          16
#define SECTORS        63

/* The partition table of PC BIOSes: four entries of 16 bytes, and a signature. */
#define TABLE_AT     0x1be
#define ENTRIES      4
#define ENTRY_LEN    16
#define END_HEAD     5
#define END_SECTOR   6 /* bits 0 to 5 */
#define COUNT        12 /* sectors, 32 bits */
#define SIGNATURE_AT 510
#define SIGNATURE    0xaa55

static bool from_entry(const uint8_t *entry, uint64_t size, struct disk_geometry *geometry)
{
	unsigned heads = entry[END_HEAD] + 1u, sectors = entry[END_SECTOR] & 0x3f;
	uint64_t cylinders;

	if (le32_get(entry + COUNT) == 0 || entry[END_HEAD] == 0 || sectors == 0)
		return false;
	cylinders = size / (heads * sectors);
	if (cylinders < 1 || cylinders > CYLINDERS_MAX)
		return false;
	*geometry = (struct disk_geometry){
		.cylinders = (uint16_t)cylinders,
		.heads = heads > HEADS ? 0 : (uint8_t)heads,
		.sectors = (uint8_t)sectors,
	};
	return true;
}

/* More than 1024 cylinders are out of a BIOS's reach; above 131072 tracks only LBA helps. */
static enum disk_translation translation_of(const struct disk_geometry *geometry, bool translated)
{
	if (!translated && geometry->cylinders <= BIOS_CYLINDERS)
		return DISK_NO_TRANSLATION;
	return (unsigned)geometry->cylinders * geometry->heads <= 131072 ? DISK_LARGE : DISK_LBA;
}

enum disk_translation disk_geometry_translation(const struct disk_geometry *geometry)
{
	return geometry->cylinders <= BIOS_CYLINDERS ? DISK_NO_TRANSLATION : DISK_LBA;
}

struct disk_geometry disk_geometry_guess(const uint8_t mbr[DISK_MBR_LEN], uint64_t sectors)
{
	uint64_t cylinders = sectors / (HEADS * SECTORS);
	struct disk_geometry geometry = { .heads = 0 };
	bool found = false;

	if (le16_get(mbr + SIGNATURE_AT) == SIGNATURE) {
		const uint8_t *entry = mbr + TABLE_AT;

		for (unsigned i = 0; i < ENTRIES; i++, entry += ENTRY_LEN) {
			found = from_entry(entry, sectors, &geometry);
			if (found)
				break;
		}
	}
	/* More heads are the work of a BIOS that translates, not of the disk. */
	if (geometry.heads > 0)
		return geometry;
	if (cylinders < CYLINDERS_MIN)
		cylinders = CYLINDERS_MIN;
	if (cylinders > CYLINDERS_MAX)
		cylinders = CYLINDERS_MAX;
	geometry = (struct disk_geometry){
		.cylinders = (uint16_t)cylinders,
		.heads = HEADS,
		.sectors = SECTORS,
	};
	geometry.translation = (uint8_t)translation_of(&geometry, found);
	return geometry;
}
