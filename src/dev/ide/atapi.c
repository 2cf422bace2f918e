// SPDX-License-Identifier: MIT
/*
 * The packet protocol (ATA-6, 9.8 and 9.9) and the packet commands of a CD-ROM drive (SPC-3, MMC-4).
 * What a disc says of itself is in atapi_disc.c.
 */
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "dev/ide/atapi_impl.h"

#define FEATURE_DMA 0x01u
#define LIMIT_MAX   0xfffeu /* bytes at a time: even, and in 16 bits */

#define INQUIRY_LEN 36u
#define SENSE_LEN   18u

/* What a command needs. */
#define NEEDS_DISC    0x01u
#define ANY_ATTENTION 0x02u /* is carried out though something has to be told first */

struct packet_command {
	uint8_t code;
	uint8_t needs;
	void (*run)(struct ide_drive *drive, const uint8_t *packet);
};

bool atapi_has_disc(const struct ide_drive *drive)
{
	return drive->block && !drive->tray_open;
}

/* Command and status (ATA-6, 9.8): C/D and I/O both set. */
static void packet_status(struct ide_drive *drive)
{
	drive->count = IDE_REASON_COMMAND | IDE_REASON_IN;
}

void ide_packet_end(struct ide_drive *drive)
{
	drive->sense_key = drive->asc = drive->ascq = 0;
	packet_status(drive);
	ide_end(drive);
}

void atapi_refuse(struct ide_drive *drive, uint8_t key, uint8_t asc, uint8_t ascq)
{
	drive->sense_key = key;
	drive->asc = asc;
	drive->ascq = ascq;
	packet_status(drive);
	ide_fail(drive, (uint8_t)((unsigned)key << 4 | IDE_ERROR_ABRT));
}

/* Medium not present, and whether the tray is open. */
static void refuse_empty(struct ide_drive *drive)
{
	atapi_refuse(drive, SENSE_NOT_READY, 0x3a, drive->tray_open ? 0x02 : 0x01);
}

void ide_packet_fail(struct ide_drive *drive, int result)
{
	if (result == -EFAULT) /* the bus master found no memory */
		atapi_refuse(drive, SENSE_ABORTED, 0x4e, 0);
	else if (result == -ENOMEDIUM) /* it was taken out meanwhile */
		refuse_empty(drive);
	else
		atapi_refuse(drive, SENSE_MEDIUM, 0x11, 0); /* unrecovered read error */
}

void ide_packet_reset(struct ide_drive *drive)
{
	drive->sense_key = drive->asc = drive->ascq = 0;
	drive->tray_locked = false;
}

void ide_packet_start(struct ide_drive *drive)
{
	unsigned limit = drive->lba_mid | (unsigned)drive->lba_high << 8;

	drive->dma = drive->features & FEATURE_DMA;
	drive->byte_limit = (uint16_t)(limit == 0 ? LIMIT_MAX : limit & LIMIT_MAX);
	if (drive->byte_limit == 0)
		drive->byte_limit = 2;
	drive->block_len = drive->byte_limit;
	drive->done = 0;
	drive->stop = IDE_PACKET_LEN;
	drive->phase = IDE_PACKET;
	drive->count = IDE_REASON_COMMAND;
	drive->status = IDE_STATUS_DRDY | IDE_STATUS_DRQ;
}

void atapi_answer(struct ide_drive *drive, uint32_t len, uint32_t allowed)
{
	ide_start_answer(drive, len < allowed ? len : allowed);
}

uint8_t *atapi_page(struct ide_drive *drive, uint32_t len)
{
	memset(drive->data, 0, len);
	return drive->data;
}

static void end(struct ide_drive *drive, const uint8_t *packet)
{
	ide_packet_end(drive);
}

static void request_sense(struct ide_drive *drive, const uint8_t *packet)
{
	uint8_t *page = atapi_page(drive, SENSE_LEN);

	page[0] = 0x70;
	page[2] = drive->sense_key;
	page[7] = SENSE_LEN - 8;
	page[12] = drive->asc;
	page[13] = drive->ascq;
	if (drive->attention && drive->sense_key == 0) {
		page[2] = SENSE_ATTENTION;
		page[12] = drive->attention_asc;
		page[13] = drive->attention_ascq;
		drive->attention = false;
	}
	atapi_answer(drive, SENSE_LEN, packet[4]);
}

static void put_text(uint8_t *to, const char *text, size_t len)
{
	size_t used = strlen(text);

	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(i < used ? text[i] : ' ');
}

static void inquiry(struct ide_drive *drive, const uint8_t *packet)
{
	uint8_t *page = atapi_page(drive, INQUIRY_LEN);

	if (packet[1] & 1 || packet[2]) {
		atapi_refuse(drive, SENSE_ILLEGAL, ASC_FIELD, 0); /* no pages of vital data */
		return;
	}
	page[0] = 0x05; /* a CD-ROM */
	page[1] = 0x80; /* removable */
	page[3] = 0x21; /* ATAPI-2, answers in the standard's form */
	page[4] = INQUIRY_LEN - 5;
	put_text(page + 8, "COALPORT", 8);
	put_text(page + 16, "DVD-ROM", 16);
	put_text(page + 32, drive->version, 4);
	atapi_answer(drive, INQUIRY_LEN, be16_get(packet + 3));
}

static void start_stop(struct ide_drive *drive, const uint8_t *packet)
{
	bool start = packet[4] & 1, load = packet[4] & 2;

	if (load && !start && drive->tray_locked) {
		atapi_refuse(drive, SENSE_ILLEGAL, 0x53, 0x02); /* removal is prevented */
		return;
	}
	if (load)
		atapi_move_tray(drive, !start);
	ide_packet_end(drive);
}

static void prevent_allow(struct ide_drive *drive, const uint8_t *packet)
{
	drive->tray_locked = packet[4] & 1;
	ide_packet_end(drive);
}

/* A page of a mode, behind its header of 8 bytes. */
static uint32_t mode_page(uint8_t *at, uint8_t code, bool locked)
{
	switch (code) {
	case 0x01: /* error recovery */
		at[0] = code;
		at[1] = 6;
		at[3] = 5; /* tries */
		return 8;
	case 0x2a: /* capabilities */
		at[0] = code;
		at[1] = 18;
		at[2] = 0x3b; /* reads CD-R, CD-RW and DVD */
		at[4] = 0x70; /* Mode 2 forms 1 and 2, multisession */
		at[6] = (uint8_t)(0x29 | (locked ? 2 : 0)); /* a tray that ejects and locks */
		be16_put(at + 8, 706); /* kB/s */
		be16_put(at + 12, 512); /* KiB of buffer */
		be16_put(at + 14, 706);
		return 20;
	default:
		return 0;
	}
}

static void mode_sense(struct ide_drive *drive, const uint8_t *packet)
{
	uint8_t code = packet[2] & 0x3f, *page = atapi_page(drive, 64);
	uint32_t len = 8;

	if (packet[2] >> 6 == 3) {
		atapi_refuse(drive, SENSE_ILLEGAL, 0x39, 0); /* nothing is saved */
		return;
	}
	if (code == 0x3f) {
		len += mode_page(page + len, 0x01, drive->tray_locked);
		len += mode_page(page + len, 0x2a, drive->tray_locked);
	} else {
		len += mode_page(page + len, code, drive->tray_locked);
	}
	if (len == 8) {
		atapi_refuse(drive, SENSE_ILLEGAL, ASC_FIELD, 0);
		return;
	}
	be16_put(page, (uint16_t)(len - 2));
	page[2] = atapi_has_disc(drive) ? 0x01 : drive->tray_open ? 0x71 : 0x70;
	atapi_answer(drive, len, be16_get(packet + 7));
}

static void mechanism_status(struct ide_drive *drive, const uint8_t *packet)
{
	uint8_t *page = atapi_page(drive, 8);

	page[1] = drive->tray_open ? 0x10 : 0;
	page[5] = 1; /* a slot */
	atapi_answer(drive, 8, be16_get(packet + 8));
}

/* Events of media are all there are (MMC-4, 6.6). */
static void event_status(struct ide_drive *drive, const uint8_t *packet)
{
	bool media = packet[4] & 0x10;
	uint8_t *page = atapi_page(drive, 8);
	uint32_t len = media ? 8 : 4;

	if (!(packet[1] & 1)) {
		atapi_refuse(drive, SENSE_ILLEGAL, ASC_FIELD, 0); /* only polled */
		return;
	}
	be16_put(page, (uint16_t)(len - 2));
	page[2] = media ? 0x04 : 0x80;
	page[3] = 0x10;
	if (media) {
		page[4] = drive->media_event;
		page[5] = (uint8_t)((drive->tray_open ? 1 : 0) | (atapi_has_disc(drive) ? 2 : 0));
		drive->media_event = 0;
	}
	atapi_answer(drive, len, be16_get(packet + 7));
}

static const struct packet_command packet_commands[] = {
	{ 0x00, NEEDS_DISC, end }, /* TEST UNIT READY */
	{ 0x03, ANY_ATTENTION, request_sense },
	{ 0x12, ANY_ATTENTION, inquiry },
	{ 0x1b, 0, start_stop },
	{ 0x1e, 0, prevent_allow },
	{ 0x25, NEEDS_DISC, atapi_capacity },
	{ 0x28, NEEDS_DISC, atapi_read10 },
	{ 0x2b, NEEDS_DISC, atapi_seek },
	{ 0x43, NEEDS_DISC, atapi_toc },
	{ 0x46, ANY_ATTENTION, atapi_configuration },
	{ 0x4a, ANY_ATTENTION, event_status },
	{ 0x51, NEEDS_DISC, atapi_disc_information },
	{ 0x5a, 0, mode_sense },
	{ 0xa8, NEEDS_DISC, atapi_read12 },
	{ 0xbb, 0, end }, /* SET CD SPEED */
	{ 0xbd, 0, mechanism_status },
	{ 0xbe, NEEDS_DISC, atapi_read_cd },
};

static const struct packet_command *find_packet(uint8_t code)
{
	for (size_t i = 0; i < sizeof(packet_commands) / sizeof(packet_commands[0]); i++) {
		if (packet_commands[i].code == code)
			return &packet_commands[i];
	}
	return NULL;
}

void ide_packet_run(struct ide_drive *drive)
{
	uint8_t packet[IDE_PACKET_LEN];
	const struct packet_command *command;

	memcpy(packet, drive->data, sizeof(packet));
	command = find_packet(packet[0]);
	if (!command) {
		atapi_refuse(drive, SENSE_ILLEGAL, 0x20, 0); /* no such command */
	} else if (drive->attention && !(command->needs & ANY_ATTENTION)) {
		drive->attention = false;
		atapi_refuse(drive, SENSE_ATTENTION, drive->attention_asc, drive->attention_ascq);
	} else if (command->needs & NEEDS_DISC && !atapi_has_disc(drive)) {
		refuse_empty(drive);
	} else {
		command->run(drive, packet);
	}
}
