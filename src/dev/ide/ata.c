// SPDX-License-Identifier: MIT
/* The commands of disks, and those that all drives have (ATA-6, 8). */
#include "dev/ide/ide_impl.h"

#define FEATURE_WRITE_CACHE_ON  0x02
#define FEATURE_TRANSFER_MODE   0x03
#define FEATURE_LOOK_AHEAD_OFF  0x55
#define FEATURE_REVERT_OFF      0x66
#define FEATURE_WRITE_CACHE_OFF 0x82
#define FEATURE_LOOK_AHEAD_ON   0xaa
#define FEATURE_REVERT_ON       0xcc

#define TRIM 0x01 /* the features of DATA SET MANAGEMENT */

#define SMART_DATA       0xd0
#define SMART_THRESHOLDS 0xd1
#define SMART_AUTOSAVE   0xd2
#define SMART_OFFLINE    0xd4
#define SMART_ON         0xd8
#define SMART_OFF        0xd9
#define SMART_STATUS     0xda

#define SMART_MID  0x4f
#define SMART_HIGH 0xc2

#define FOR_DISK  0x01u
#define FOR_CDROM 0x02u
#define FOR_BOTH  (FOR_DISK | FOR_CDROM)

/* How a command moves sectors. */
#define EXTENDED 0x01u /* 48-bit address, 16-bit count */
#define WRITES   0x02u
#define DMA      0x04u
#define MULTIPLE 0x08u
#define STABLE   0x10u
#define NO_DATA  0x20u /* READ VERIFY */

struct ide_command {
	uint8_t code;
	uint8_t kinds;
	uint8_t moves;
	void (*run)(struct ide_drive *drive, const struct ide_command *command);
};

/* Addresses: false if there is no such sector on the disk. */

static uint64_t lba48(const struct ide_drive *drive)
{
	return (uint64_t)drive->previous_high << 40 | (uint64_t)drive->previous_mid << 32 |
	       (uint64_t)drive->previous_low << 24 | (uint64_t)drive->lba_high << 16 |
	       (uint64_t)drive->lba_mid << 8 | drive->lba_low;
}

static bool chs_get(const struct ide_drive *drive, uint64_t *at)
{
	unsigned cylinder = (unsigned)drive->lba_high << 8 | drive->lba_mid;
	unsigned head = drive->device & 0xf, sector = drive->lba_low;

	if (sector == 0 || sector > drive->track_sectors || head >= drive->heads)
		return false;
	*at = ((uint64_t)cylinder * drive->heads + head) * drive->track_sectors + sector - 1;
	return true;
}

static bool address_get(const struct ide_drive *drive, uint64_t *at)
{
	if (drive->extended) {
		*at = lba48(drive);
		return true;
	}
	if (!(drive->device & IDE_DEVICE_LBA))
		return chs_get(drive, at);
	*at = (uint64_t)(drive->device & 0xf) << 24 | (uint64_t)drive->lba_high << 16 |
	      (uint64_t)drive->lba_mid << 8 | drive->lba_low;
	return true;
}

void ide_show_address(struct ide_drive *drive)
{
	uint64_t at = drive->at_sector;

	if (drive->extended) {
		drive->previous_high = (uint8_t)(at >> 40);
		drive->previous_mid = (uint8_t)(at >> 32);
		drive->previous_low = (uint8_t)(at >> 24);
	} else if (!(drive->device & IDE_DEVICE_LBA)) {
		uint64_t track = at / drive->track_sectors;
		uint64_t cylinder = track / drive->heads;

		drive->lba_low = (uint8_t)(at % drive->track_sectors + 1);
		drive->lba_mid = (uint8_t)cylinder;
		drive->lba_high = (uint8_t)(cylinder >> 8);
		drive->device = (uint8_t)((drive->device & 0xf0) | track % drive->heads);
		return;
	} else {
		drive->device = (uint8_t)((drive->device & 0xf0) | (at >> 24 & 0xf));
	}
	drive->lba_low = (uint8_t)at;
	drive->lba_mid = (uint8_t)(at >> 8);
	drive->lba_high = (uint8_t)(at >> 16);
}

static uint32_t count_get(const struct ide_drive *drive)
{
	uint32_t count = drive->count, all = 0x100;

	if (drive->extended) {
		count |= (uint32_t)drive->previous_count << 8;
		all = 0x10000;
	}
	return count ? count : all;
}

/* Reads and writes */

static void run_move(struct ide_drive *drive, const struct ide_command *command)
{
	bool multiple = command->moves & MULTIPLE;

	drive->extended = command->moves & EXTENDED;
	drive->dma = command->moves & DMA;
	drive->stable = command->moves & STABLE || !drive->write_cache;
	drive->left = count_get(drive);
	drive->block_len = IDE_DISK_SECTOR * (multiple ? drive->multiple : 1);
	if (command->moves & NO_DATA)
		drive->block_len = 0;
	if (multiple && drive->multiple == 0) {
		ide_fail(drive, IDE_ERROR_ABRT);
		return;
	}
	if (!address_get(drive, &drive->at_sector) || drive->at_sector >= drive->sectors ||
	    drive->left > drive->sectors - drive->at_sector) {
		ide_fail(drive, IDE_ERROR_IDNF);
		return;
	}
	if (command->moves & WRITES)
		ide_start_write(drive);
	else
		ide_start_read(drive);
}

static void run_flush(struct ide_drive *drive, const struct ide_command *command)
{
	if (block_readonly(drive->block))
		ide_end(drive);
	else
		ide_start_flush(drive);
}

/* Nothing else can be asked for by this command, nor in more sectors than IDENTIFY allows. */
static void run_trim(struct ide_drive *drive, const struct ide_command *command)
{
	if (drive->features != TRIM || drive->count != 1) {
		ide_fail(drive, IDE_ERROR_ABRT);
		return;
	}
	drive->dma = true;
	ide_start_trim(drive);
}

static void run_max_address(struct ide_drive *drive, const struct ide_command *command)
{
	uint64_t last = drive->sectors - 1;

	drive->extended = command->moves & EXTENDED;
	if (!drive->extended && last > 0x0ffffffe)
		last = 0x0ffffffe;
	drive->device |= IDE_DEVICE_LBA;
	drive->at_sector = last;
	ide_show_address(drive);
	ide_end(drive);
}

/* The rest */

static void run_nothing(struct ide_drive *drive, const struct ide_command *command)
{
	ide_end(drive);
}

static void run_abort(struct ide_drive *drive, const struct ide_command *command)
{
	ide_fail(drive, IDE_ERROR_ABRT);
}

static void run_identify(struct ide_drive *drive, const struct ide_command *command)
{
	if (drive->kind == IDE_CDROM) {
		/* It says so by its signature (ATA-6, 8.15.5.2). */
		ide_signature(drive);
		ide_fail(drive, IDE_ERROR_ABRT);
		return;
	}
	ide_identify(drive);
	drive->block_len = IDE_DISK_SECTOR;
	ide_start_answer(drive, IDE_DISK_SECTOR);
}

static void run_identify_packet(struct ide_drive *drive, const struct ide_command *command)
{
	ide_identify_packet(drive);
	drive->block_len = IDE_DISK_SECTOR;
	ide_start_answer(drive, IDE_DISK_SECTOR);
}

static void run_packet(struct ide_drive *drive, const struct ide_command *command)
{
	ide_packet_start(drive);
}

/* No interrupt, and the device's signature (ATA-6, 8.7). */
static void run_device_reset(struct ide_drive *drive, const struct ide_command *command)
{
	ide_drive_reset(drive);
}

static void run_diagnostic(struct ide_drive *drive, const struct ide_command *command)
{
	struct ide_channel *channel = drive->channel;

	for (unsigned i = 0; i < IDE_UNITS; i++) {
		ide_signature(&channel->drives[i]);
		channel->drives[i].device = 0;
	}
	ide_interrupt(channel);
}

static void run_geometry(struct ide_drive *drive, const struct ide_command *command)
{
	unsigned heads = (drive->device & 0xfu) + 1, sectors = drive->count;
	uint64_t cylinders;

	if (sectors == 0) {
		ide_fail(drive, IDE_ERROR_ABRT);
		return;
	}
	cylinders = drive->sectors / (heads * sectors);
	drive->heads = (uint8_t)heads;
	drive->track_sectors = (uint8_t)sectors;
	drive->cylinders = (uint16_t)(cylinders > 65535 ? 65535 : cylinders);
	ide_end(drive);
}

static void run_set_multiple(struct ide_drive *drive, const struct ide_command *command)
{
	uint8_t count = drive->count;

	if (count > IDE_MULTIPLE_MAX || (count & (count - 1))) {
		ide_fail(drive, IDE_ERROR_ABRT);
		return;
	}
	drive->multiple = count;
	ide_end(drive);
}

/* Modes as IDENTIFY offers them (ATA-6, table 44). */
static bool mode_ok(uint8_t mode)
{
	uint8_t kind = mode >> 3, number = mode & 7;

	switch (kind) {
	case 0: /* PIO, default */
		return number <= 1;
	case 1: /* PIO with flow control */
		return number <= 4;
	case 4: /* multiword DMA */
		return number <= 2;
	case 8: /* Ultra DMA */
		return number <= 5;
	default:
		return false;
	}
}

static void run_set_features(struct ide_drive *drive, const struct ide_command *command)
{
	bool good = true;

	switch (drive->features) {
	case FEATURE_WRITE_CACHE_ON:
		drive->write_cache = true;
		break;
	case FEATURE_WRITE_CACHE_OFF:
		/* What the cache has goes to the disk first (ATA-6, 8.46.5). */
		drive->write_cache = false;
		if (drive->kind == IDE_DISK) {
			run_flush(drive, command);
			return;
		}
		break;
	case FEATURE_TRANSFER_MODE:
		good = mode_ok(drive->count);
		if (good)
			drive->transfer_mode = drive->count;
		break;
	case FEATURE_LOOK_AHEAD_OFF:
	case FEATURE_LOOK_AHEAD_ON:
	case FEATURE_REVERT_OFF:
	case FEATURE_REVERT_ON:
		break;
	default:
		good = false;
	}
	if (good)
		ide_end(drive);
	else
		ide_fail(drive, IDE_ERROR_ABRT);
}

static void run_power(struct ide_drive *drive, const struct ide_command *command)
{
	drive->standby = command->code == 0xe0 || command->code == 0xe2 || command->code == 0xe6;
	ide_end(drive);
}

static void run_check_power(struct ide_drive *drive, const struct ide_command *command)
{
	drive->count = drive->standby ? 0 : 0xff;
	ide_end(drive);
}

/* A page with a version in front and a sum at its end that makes all bytes 0 (ATA-6, 8.55.6). */
static void smart_page(struct ide_drive *drive, bool data)
{
	uint8_t *page = drive->data, sum = 0;

	for (unsigned i = 0; i < IDE_DISK_SECTOR; i++)
		page[i] = 0;
	page[0] = 1;
	if (data)
		page[368] = 0x02; /* attributes are saved after an event */
	for (unsigned i = 0; i < IDE_DISK_SECTOR - 1; i++)
		sum = (uint8_t)(sum + page[i]);
	page[IDE_DISK_SECTOR - 1] = (uint8_t)-sum;
	drive->block_len = IDE_DISK_SECTOR;
	ide_start_answer(drive, IDE_DISK_SECTOR);
}

static void run_smart(struct ide_drive *drive, const struct ide_command *command)
{
	bool key = drive->lba_mid == SMART_MID && drive->lba_high == SMART_HIGH;

	if (!key || (!drive->smart && drive->features != SMART_ON)) {
		ide_fail(drive, IDE_ERROR_ABRT);
		return;
	}
	switch (drive->features) {
	case SMART_DATA:
	case SMART_THRESHOLDS:
		smart_page(drive, drive->features == SMART_DATA);
		return;
	case SMART_ON:
	case SMART_OFF:
		drive->smart = drive->features == SMART_ON;
		break;
	case SMART_STATUS: /* the key as it was: no threshold exceeded */
	case SMART_AUTOSAVE:
	case SMART_OFFLINE:
		break;
	default:
		ide_fail(drive, IDE_ERROR_ABRT);
		return;
	}
	ide_end(drive);
}

static const struct ide_command ide_commands[] = {
	{ 0x00, FOR_BOTH, 0, run_abort }, /* NOP */
	{ 0x06, FOR_DISK, 0, run_trim },
	{ 0x08, FOR_CDROM, 0, run_device_reset },
	{ 0x10, FOR_DISK, 0, run_nothing }, /* RECALIBRATE */
	{ 0x20, FOR_DISK, 0, run_move }, /* READ SECTORS */
	{ 0x21, FOR_DISK, 0, run_move }, /* ... without retries */
	{ 0x24, FOR_DISK, EXTENDED, run_move }, /* READ SECTORS EXT */
	{ 0x25, FOR_DISK, EXTENDED | DMA, run_move }, /* READ DMA EXT */
	{ 0x27, FOR_DISK, EXTENDED, run_max_address }, /* READ NATIVE MAX ADDRESS EXT */
	{ 0x29, FOR_DISK, EXTENDED | MULTIPLE, run_move }, /* READ MULTIPLE EXT */
	{ 0x30, FOR_DISK, WRITES, run_move }, /* WRITE SECTORS */
	{ 0x31, FOR_DISK, WRITES, run_move },
	{ 0x34, FOR_DISK, EXTENDED | WRITES, run_move }, /* WRITE SECTORS EXT */
	{ 0x35, FOR_DISK, EXTENDED | WRITES | DMA, run_move }, /* WRITE DMA EXT */
	{ 0x39, FOR_DISK, EXTENDED | WRITES | MULTIPLE, run_move }, /* WRITE MULTIPLE EXT */
	{ 0x3d, FOR_DISK, EXTENDED | WRITES | DMA | STABLE, run_move }, /* WRITE DMA FUA EXT */
	{ 0x40, FOR_DISK, NO_DATA, run_move }, /* READ VERIFY SECTORS */
	{ 0x41, FOR_DISK, NO_DATA, run_move },
	{ 0x42, FOR_DISK, EXTENDED | NO_DATA, run_move }, /* READ VERIFY SECTORS EXT */
	{ 0x70, FOR_DISK, 0, run_nothing }, /* SEEK */
	{ 0x90, FOR_BOTH, 0, run_diagnostic },
	{ 0x91, FOR_DISK, 0, run_geometry }, /* INITIALIZE DEVICE PARAMETERS */
	{ 0xa0, FOR_CDROM, 0, run_packet },
	{ 0xa1, FOR_CDROM, 0, run_identify_packet },
	{ 0xb0, FOR_DISK, 0, run_smart },
	{ 0xc4, FOR_DISK, MULTIPLE, run_move }, /* READ MULTIPLE */
	{ 0xc5, FOR_DISK, WRITES | MULTIPLE, run_move }, /* WRITE MULTIPLE */
	{ 0xc6, FOR_DISK, 0, run_set_multiple },
	{ 0xc8, FOR_DISK, DMA, run_move }, /* READ DMA */
	{ 0xc9, FOR_DISK, DMA, run_move },
	{ 0xca, FOR_DISK, WRITES | DMA, run_move }, /* WRITE DMA */
	{ 0xcb, FOR_DISK, WRITES | DMA, run_move },
	{ 0xce, FOR_DISK, EXTENDED | WRITES | MULTIPLE | STABLE,
	  run_move }, /* WRITE MULTIPLE FUA EXT */
	{ 0xe0, FOR_BOTH, 0, run_power }, /* STANDBY IMMEDIATE */
	{ 0xe1, FOR_BOTH, 0, run_power }, /* IDLE IMMEDIATE */
	{ 0xe2, FOR_BOTH, 0, run_power }, /* STANDBY */
	{ 0xe3, FOR_BOTH, 0, run_power }, /* IDLE */
	{ 0xe5, FOR_BOTH, 0, run_check_power },
	{ 0xe6, FOR_BOTH, 0, run_power }, /* SLEEP */
	{ 0xe7, FOR_DISK, 0, run_flush },
	{ 0xea, FOR_DISK, 0, run_flush }, /* FLUSH CACHE EXT */
	{ 0xec, FOR_BOTH, 0, run_identify },
	{ 0xef, FOR_BOTH, 0, run_set_features },
	{ 0xf8, FOR_DISK, 0, run_max_address }, /* READ NATIVE MAX ADDRESS */
};

static const struct ide_command *find_command(const struct ide_drive *drive, uint8_t code)
{
	uint8_t kind = drive->kind == IDE_CDROM ? FOR_CDROM : FOR_DISK;

	for (size_t i = 0; i < sizeof(ide_commands) / sizeof(ide_commands[0]); i++) {
		if (ide_commands[i].code == code && ide_commands[i].kinds & kind)
			return &ide_commands[i];
	}
	return NULL;
}

void ide_command(struct ide_drive *drive, uint8_t code)
{
	const struct ide_command *command;

	/* To nobody; or to one that is at work, which only DEVICE RESET ends. */
	if (code == IDE_CMD_DIAGNOSTIC && drive->kind == IDE_NONE)
		drive = &drive->channel->drives[!drive->unit];
	if (drive->kind == IDE_NONE || drive->status & IDE_STATUS_BSY)
		return;
	if (drive->phase != IDE_IDLE && code != IDE_CMD_DEVICE_RESET)
		return;
	command = find_command(drive, code);
	drive->command = code;
	drive->dma = drive->extended = false;
	if (code != IDE_CMD_CHECK_POWER && code != IDE_CMD_SLEEP)
		drive->standby = false;
	if (command)
		command->run(drive, command);
	else
		ide_fail(drive, IDE_ERROR_ABRT);
}
