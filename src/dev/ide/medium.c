// SPDX-License-Identifier: MIT
/* The disc of a CD-ROM and its tray, as whoever runs the machine moves them (MMC-4, 6.6 and 6.48). */
#include <errno.h>

#include "dev/ide/atapi_impl.h"

static struct ide_drive *drive_at(struct ide *ide, unsigned channel, unsigned unit)
{
	return &ide->channels[channel].drives[unit];
}

/* What the guest finds is another disc, or none where one was. It hears of it when it asks. */
void atapi_changed(struct ide_drive *drive)
{
	bool disc = atapi_has_disc(drive);

	drive->media_event = disc ? ATAPI_EVENT_NEW : ATAPI_EVENT_REMOVED;
	drive->attention = disc;
	drive->attention_asc = 0x28; /* not ready to ready, the medium may have changed */
	drive->attention_ascq = 0;
}

void atapi_move_tray(struct ide_drive *drive, bool open)
{
	if (drive->tray_open == open)
		return;
	drive->tray_open = open;
	atapi_changed(drive);
	if (drive->tray_moved)
		drive->tray_moved(drive->tray_moved_arg);
}

void ide_move_tray(struct ide *ide, unsigned channel, unsigned unit, bool open)
{
	lock_take(&ide->lock);
	atapi_move_tray(drive_at(ide, channel, unit), open);
	lock_drop(&ide->lock);
}

struct ide_tray ide_tray(struct ide *ide, unsigned channel, unsigned unit)
{
	const struct ide_drive *drive = drive_at(ide, channel, unit);
	struct ide_tray tray;

	lock_take(&ide->lock);
	tray = (struct ide_tray){ drive->tray_open, drive->tray_locked };
	lock_drop(&ide->lock);
	return tray;
}

void ide_ask_eject(struct ide *ide, unsigned channel, unsigned unit, bool force)
{
	struct ide_drive *drive = drive_at(ide, channel, unit);

	lock_take(&ide->lock);
	drive->media_event = ATAPI_EVENT_EJECT;
	if (force)
		drive->tray_locked = false;
	lock_drop(&ide->lock);
}

void ide_set_medium(struct ide *ide, unsigned channel, unsigned unit, struct block *block)
{
	struct ide_drive *drive = drive_at(ide, channel, unit);

	if (drive->block)
		block_cancel(drive->block);
	if (block && ide->paused)
		block_pause(block);
	lock_take(&ide->lock);
	drive->block = block;
	drive->sectors = block ? block_size(block) / IDE_CD_SECTOR : 0;
	if (drive->phase == IDE_READING) {
		drive->wanted = false;
		ide_disk_failed(drive, -ENOMEDIUM);
	}
	/* Behind an open tray nobody sees it. */
	if (!drive->tray_open)
		atapi_changed(drive);
	lock_drop(&ide->lock);
}
