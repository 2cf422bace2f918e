// SPDX-License-Identifier: MIT
/* What a drive says of itself: 256 words (ATA-6, 8.15.8 and 8.16.8). */
#include <string.h>

#include "base/bytes.h"
#include "dev/ide/ide_impl.h"

#define WORD_SERIAL  10
#define WORD_VERSION 23
#define WORD_MODEL   27

static void put(struct ide_drive *drive, unsigned word, unsigned value)
{
	le16_put(drive->data + 2 * (size_t)word, (uint16_t)value);
}

static void put32(struct ide_drive *drive, unsigned word, uint32_t value)
{
	le32_put(drive->data + 2 * (size_t)word, value);
}

/* Two characters a word, the first one in its upper byte; spaces to the end. */
static void put_text(struct ide_drive *drive, unsigned word, const char *text, size_t len)
{
	uint8_t *to = drive->data + 2 * (size_t)word;
	size_t used = strlen(text);

	for (size_t i = 0; i < len; i++)
		to[i ^ 1] = (uint8_t)(i < used ? text[i] : ' ');
}

/* A word of modes: those that there are, and the one that is on. */
static unsigned modes(const struct ide_drive *drive, unsigned offered, unsigned kind)
{
	unsigned mode = drive->transfer_mode;

	return offered | (mode >> 3 == kind ? 0x100u << (mode & 7) : 0);
}

static void put_common(struct ide_drive *drive)
{
	memset(drive->data, 0, IDE_DISK_SECTOR);
	put_text(drive, WORD_SERIAL, drive->serial, IDE_SERIAL_LEN);
	put_text(drive, WORD_VERSION, drive->version, IDE_VERSION_LEN);
	put_text(drive, WORD_MODEL, drive->model, IDE_MODEL_LEN);
	put(drive, 53, 0x0007); /* words 54-58, 64-70 and 88 are valid */
	put(drive, 63, modes(drive, 0x07, 4)); /* multiword DMA */
	put(drive, 64, 0x0003); /* PIO 3 and 4 */
	for (unsigned i = 65; i <= 68; i++)
		put(drive, i, 120); /* ns a cycle */
	put(drive, 88, modes(drive, 0x3f, 8)); /* Ultra DMA */
	put(drive, 93, drive->unit ? 0x6b00 : 0x600b); /* 80 wires; which device this is */
}

static void put_capacity(struct ide_drive *drive)
{
	uint32_t chs = (uint32_t)drive->cylinders * drive->heads * drive->track_sectors;

	put(drive, 1, drive->geometry.cylinders);
	put(drive, 3, drive->geometry.heads);
	put(drive, 6, drive->geometry.sectors);
	put(drive, 54, drive->cylinders);
	put(drive, 55, drive->heads);
	put(drive, 56, drive->track_sectors);
	put32(drive, 57, chs);
	put32(drive, 60, drive->sectors > 0x0fffffff ? 0x0fffffff : (uint32_t)drive->sectors);
	le64_put(drive->data + 200, drive->sectors);
}

void ide_identify(struct ide_drive *drive)
{
	uint8_t sum = 0xa5;

	put_common(drive);
	put_capacity(drive);
	put(drive, 0, 0x0040); /* not removable */
	put(drive, 47, 0x8000 | IDE_MULTIPLE_MAX);
	put(drive, 48, 0x0001); /* 32-bit data */
	put(drive, 49, 0x0f00); /* IORDY, LBA, DMA */
	put(drive, 50, 0x4000);
	put(drive, 59, drive->multiple ? 0x0100u | drive->multiple : 0);
	put(drive, 80, 0x00f0); /* ATA-4 to -7: Linux trims no older disk */
	put(drive, 82, 0x4061); /* NOP, look-ahead, write cache, SMART */
	put(drive, 83, 0x7400); /* FLUSH CACHE (EXT), 48-bit addresses */
	put(drive, 84, 0x4040); /* FUA */
	put(drive, 85, 0x4040u | (drive->write_cache ? 0x20u : 0) | (drive->smart ? 1u : 0));
	put(drive, 86, 0x3400);
	put(drive, 87, 0x4040);
	put(drive, 105, 1); /* sectors of ranges in a TRIM */
	put(drive, 169, 0x0001); /* TRIM (ACS-2, 7.12) */
	drive->data[510] = 0xa5;
	for (unsigned i = 0; i < 510; i++)
		sum = (uint8_t)(sum + drive->data[i]);
	drive->data[511] = (uint8_t)-sum;
}

void ide_identify_packet(struct ide_drive *drive)
{
	put_common(drive);
	put(drive, 0, 0x85c0); /* a removable CD-ROM, DRQ within 50 us, packets of 12 bytes */
	put(drive, 48, 0x0001);
	put(drive, 49, 0x0f00);
	put(drive, 50, 0x4000);
	put(drive, 80, 0x0070);
	put(drive, 82, 0x4210); /* NOP, DEVICE RESET, PACKET */
	put(drive, 83, 0x4000);
	put(drive, 84, 0x4000);
	put(drive, 85, 0x4210);
	put(drive, 87, 0x4000);
}
