// SPDX-License-Identifier: MIT
/* What is on a disc: one session with one track of data (MMC-4, 6). */
#include "base/bytes.h"
#include "dev/ide/atapi_impl.h"

#define LEAD_OUT      0xaa
#define TRACK_DATA    0x14 /* ADR 1: a position; control 4: data */
#define PREGAP        150u /* frames before address 0 */
#define FRAMES        75u /* a second */
#define PROFILE_CDROM 0x0008
#define PROFILE_DVD   0x0010
#define CD_SECTORS    (450000u) /* more than a CD of 100 minutes has: a DVD */

#define USER_DATA 0x10 /* READ CD: the 2048 bytes of a sector, and nothing around them */

static void start_read(struct ide_drive *drive, uint32_t at, uint32_t n)
{
	if (at > drive->sectors || n > drive->sectors - at) {
		atapi_refuse(drive, SENSE_ILLEGAL, ASC_ADDRESS, 0);
		return;
	}
	if (n == 0) {
		ide_packet_end(drive);
		return;
	}
	drive->at_sector = at;
	drive->left = n;
	ide_start_read(drive);
}

void atapi_read10(struct ide_drive *drive, const uint8_t *packet)
{
	start_read(drive, be32_get(packet + 2), be16_get(packet + 7));
}

void atapi_read12(struct ide_drive *drive, const uint8_t *packet)
{
	start_read(drive, be32_get(packet + 2), be32_get(packet + 6));
}

void atapi_read_cd(struct ide_drive *drive, const uint8_t *packet)
{
	uint8_t wanted = packet[9] & 0xf8;

	if (wanted == 0)
		ide_packet_end(drive);
	else if (wanted != USER_DATA || packet[10])
		atapi_refuse(drive, SENSE_ILLEGAL, ASC_FIELD, 0);
	else
		start_read(drive, be32_get(packet + 2), be32_get(packet + 5) & 0xffffff);
}

void atapi_seek(struct ide_drive *drive, const uint8_t *packet)
{
	if (be32_get(packet + 2) >= drive->sectors)
		atapi_refuse(drive, SENSE_ILLEGAL, ASC_ADDRESS, 0);
	else
		ide_packet_end(drive);
}

void atapi_capacity(struct ide_drive *drive, const uint8_t *packet)
{
	uint8_t *page = atapi_page(drive, 8);

	be32_put(page, (uint32_t)(drive->sectors - (drive->sectors > 0)));
	be32_put(page + 4, IDE_CD_SECTOR);
	atapi_answer(drive, 8, 8);
}

/* An address, as a number or as minute, second and frame. */
static void put_address(uint8_t *at, uint32_t address, bool msf)
{
	if (!msf) {
		be32_put(at, address);
		return;
	}
	address += PREGAP;
	at[0] = 0;
	at[1] = (uint8_t)(address / FRAMES / 60);
	at[2] = (uint8_t)(address / FRAMES % 60);
	at[3] = (uint8_t)(address % FRAMES);
}

static uint8_t *put_track(uint8_t *at, uint8_t track, uint32_t address, bool msf)
{
	at[1] = TRACK_DATA;
	at[2] = track;
	put_address(at + 4, address, msf);
	return at + 8;
}

static uint32_t toc_tracks(const struct ide_drive *drive, uint8_t *page, uint8_t first, bool msf)
{
	uint8_t *at = page + 4;

	page[2] = page[3] = 1; /* first and last track */
	if (first <= 1)
		at = put_track(at, 1, 0, msf);
	at = put_track(at, LEAD_OUT, (uint32_t)drive->sectors, msf);
	return (uint32_t)(at - page);
}

static uint32_t toc_session(uint8_t *page, bool msf)
{
	page[2] = page[3] = 1; /* first and last session */
	return (uint32_t)(put_track(page + 4, 1, 0, msf) - page);
}

/* What the lead-in says of the first and last track, the lead-out, and the track. */
static uint32_t toc_raw(const struct ide_drive *drive, uint8_t *page, bool msf)
{
	static const uint8_t points[] = { 0xa0, 0xa1, 0xa2, 1 };
	uint8_t *at = page + 4;

	page[2] = page[3] = 1;
	for (size_t i = 0; i < sizeof(points); i++, at += 11) {
		at[0] = 1; /* session */
		at[1] = TRACK_DATA;
		at[3] = points[i];
		if (points[i] == 0xa2)
			put_address(at + 7, (uint32_t)drive->sectors, msf);
		else if (points[i] == 1)
			put_address(at + 7, 0, msf);
		else
			at[8] = 1; /* the first, and the last track */
	}
	return (uint32_t)(at - page);
}

void atapi_toc(struct ide_drive *drive, const uint8_t *packet)
{
	bool msf = packet[1] & 2;
	uint8_t format = packet[2] & 0xf, first = packet[6];
	uint8_t *page = atapi_page(drive, 64);
	uint32_t len;

	/* Long ago the format was in the last byte. */
	if (format == 0)
		format = packet[9] >> 6;
	if (format > 2 || (format == 0 && first > 1 && first != LEAD_OUT)) {
		atapi_refuse(drive, SENSE_ILLEGAL, ASC_FIELD, 0);
		return;
	}
	if (format == 0)
		len = toc_tracks(drive, page, first, msf);
	else if (format == 1)
		len = toc_session(page, msf);
	else
		len = toc_raw(drive, page, msf);
	be16_put(page, (uint16_t)(len - 2));
	atapi_answer(drive, len, be16_get(packet + 7));
}

static uint8_t *put_feature(uint8_t *at, unsigned code, unsigned flags, uint8_t len)
{
	be16_put(at, (uint16_t)code);
	at[2] = (uint8_t)flags;
	at[3] = len;
	return at + 4;
}

static void put_profile(uint8_t *at, unsigned profile, bool current)
{
	be16_put(at, (uint16_t)profile);
	at[2] = current;
}

/* The features that every drive must have (MMC-4, 5.3). */
void atapi_configuration(struct ide_drive *drive, const uint8_t *packet)
{
	bool disc = atapi_has_disc(drive), dvd = drive->sectors > CD_SECTORS;
	uint8_t *page = atapi_page(drive, 64), *at = page + 8;

	be16_put(page + 6, disc ? dvd ? PROFILE_DVD : PROFILE_CDROM : 0);
	at = put_feature(at, 0x0000, 0x03, 8); /* profiles */
	put_profile(at, PROFILE_DVD, disc && dvd);
	put_profile(at + 4, PROFILE_CDROM, disc && !dvd);
	at = put_feature(at + 8, 0x0001, 0x0b, 8); /* core */
	be32_put(at, 2); /* ATAPI */
	at[4] = 1; /* event status */
	at = put_feature(at + 8, 0x0003, 0x07, 4); /* removable medium */
	at[0] = 0x29; /* a tray that ejects and locks */
	at += 4;
	be32_put(page, (uint32_t)(at - page - 4));
	atapi_answer(drive, (uint32_t)(at - page), be16_get(packet + 7));
}

void atapi_disc_information(struct ide_drive *drive, const uint8_t *packet)
{
	uint8_t *page = atapi_page(drive, 34);

	if (packet[1] & 7) {
		atapi_refuse(drive, SENSE_ILLEGAL, ASC_FIELD, 0);
		return;
	}
	be16_put(page, 32);
	page[2] = 0x0e; /* complete, the last session too, not erasable */
	page[3] = 1; /* the first track */
	page[4] = 1; /* sessions */
	page[5] = page[6] = 1; /* first and last track of the last session */
	page[7] = 0x20; /* for unrestricted use */
	atapi_answer(drive, 34, be16_get(packet + 7));
}
