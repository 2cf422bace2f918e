// SPDX-License-Identifier: MIT
#include "dev/floppy/drive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "dev/floppy/fdc.h"

static const struct state_field floppy_drive_fields[] = {
	{ STATE_AT(struct floppy_drive_state, cylinder), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct floppy_drive_state, head), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct floppy_drive_state, sector), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct floppy_drive_state, changed), .on_reset = STATE_CLEAR, .value = 1 },
};

const struct state_table floppy_drive_state_table = {
	.name = "floppy",
	.version = 1,
	.fields = floppy_drive_fields,
	.fields_n = sizeof(floppy_drive_fields) / sizeof(floppy_drive_fields[0]),
};

int floppy_drive_init(struct floppy_drive *drive, struct block *block)
{
	floppy_drive_reset(drive);
	drive->block = NULL;
	drive->media = NULL;
	if (!block)
		return 0;
	drive->media = floppy_media_find(block_size(block));
	if (!drive->media)
		return -EINVAL;
	drive->block = block;
	return 0;
}

void floppy_drive_change(struct floppy_drive *drive, struct block *block)
{
	drive->block = block;
	drive->media = block ? floppy_media_find(block_size(block)) : NULL;
	drive->state.changed = true;
	drive->written = false;
}

void floppy_drive_reset(struct floppy_drive *drive)
{
	state_reset(&floppy_drive_state_table, &drive->state);
}

void floppy_drive_seek(struct floppy_drive *drive, uint8_t cylinder)
{
	if (drive->state.cylinder != cylinder && drive->media)
		drive->state.changed = false;
	drive->state.cylinder = cylinder;
}

bool floppy_drive_has(const struct floppy_drive *drive, struct floppy_position at)
{
	return at.cylinder < drive->media->cylinders && at.head < drive->media->heads &&
	       at.sector >= 1 && at.sector <= drive->media->sectors;
}

uint32_t floppy_drive_lba(const struct floppy_drive *drive, struct floppy_position at)
{
	uint32_t track = (uint32_t)at.cylinder * drive->media->heads + at.head;

	return track * drive->media->sectors + at.sector - 1u;
}

/* The device */

static void set_medium(struct drive *shown, struct block *block)
{
	struct floppy_drive *drive =
		(struct floppy_drive *)(void *)((char *)shown -
						offsetof(struct floppy_drive, shown));

	fdc_change_disk(drive->fdc, drive, block);
}

static int check_size(const struct floppy_drive *drive, const char *what, const struct block *block,
		      struct error *err)
{
	const struct floppy_media *media = floppy_media_find(block_size(block));

	if (!media)
		return error_set(
			err, -EINVAL,
			"%s: %" PRIu64 " bytes: no floppy disk has this size (160, "
			"180, 320, 360, 720, 1200, 1440 or 2880 KiB; truncate -s makes it so)",
			what, block_size(block));
	if (!floppy_media_fits(media, drive->type))
		return error_set(err, -EINVAL,
				 "%s: %" PRIu64 " bytes: not a disk for this drive-type", what,
				 block_size(block));
	return 0;
}

static int check_medium(const struct drive *shown, const struct block *block, struct error *err)
{
	return check_size(
		(const struct floppy_drive *)(const void *)((const char *)shown -
							    offsetof(struct floppy_drive, shown)),
		block_path(block), block, err);
}

static const struct drive_type floppy_drive_type = {
	.part = "",
	.removable = true,
	.set_medium = set_medium,
	.check = check_medium,
};

static int floppy_create(struct device *device, struct place *place, struct error *err)
{
	struct floppy_drive *drive = (struct floppy_drive *)device;
	struct place_disk disk;
	char what[80];
	int ret;

	ret = drive_find_disk(place, "floppy", drive->block_id, &disk, err);
	if (ret)
		return ret;
	(void)snprintf(what, sizeof(what), "floppy: %.60s", disk.name);
	if (disk.block)
		ret = check_size(drive, what, disk.block, err);
	if (!ret)
		ret = floppy_drive_init(drive, disk.block);
	if (ret)
		return ret;
	if (drive->type == FLOPPY_AUTO)
		drive->type = drive->media ? drive->media->drive : FLOPPY_288;
	ret = fdc_plug(place->fdc, drive);
	if (ret == -ENOSPC)
		return error_set(err, ret, "floppy: more than %d floppy drives", FDC_DRIVES);
	if (ret)
		return error_set(err, ret, "floppy: unit=%d: another drive has it",
				 (int)drive->unit);
	/* The guest hears of all that fails: it knows how to try again. */
	disk.policy = (struct block_policy){ BLOCK_ACTION_REPORT, BLOCK_ACTION_REPORT };
	drive_add(&drive->shown, place, &floppy_drive_type, device, &disk);
	return 0;
}

static int32_t floppy_boot(const struct device *device, char *path, size_t size)
{
	const struct floppy_drive *drive = (const struct floppy_drive *)device;

	snprintf(path, size, "/pci@i0cf8/isa@1/fdc@03f0/floppy@%d", (int)drive->unit);
	return drive->bootindex;
}

static void floppy_end(struct device *device)
{
	struct floppy_drive *drive = (struct floppy_drive *)device;

	fdc_unplug(drive->fdc, drive);
	drive_remove(&drive->shown);
}

static const struct prop floppy_props[] = {
	{ "drive", PROP_DRIVE, PROP_AT(struct floppy_drive, block_id), .form = "drive=ID",
	  .help = "the -drive that is the disk in it (default none)" },
	{ "unit", PROP_NUMBER, PROP_AT(struct floppy_drive, unit), .max = FDC_DRIVES - 1,
	  .value = -1, .form = "unit=N",
	  .help = "0 for A, 1 for B (default the first that is free)" },
	{ "drive-type", PROP_WORD, PROP_AT(struct floppy_drive, type),
	  .words = (const char *const[]){ "auto", "120", "144", "288", NULL },
	  .form = "drive-type=auto|120|144|288",
	  .help = "what the drive can read (default as its disk needs, 288 if there is none)" },
	{ "bootindex", PROP_NUMBER, PROP_AT(struct floppy_drive, bootindex), .max = INT32_MAX,
	  .value = -1, .form = "bootindex=N", .help = "place in the boot order, 0 is first" },
	{ 0 },
};

const struct device_type floppy_type = {
	.name = "floppy",
	.about = "a floppy drive",
	.group = DEVICE_STORAGE,
	.user = true,
	.size = sizeof(struct floppy_drive),
	.props = floppy_props,
	.create = floppy_create,
	.state =
		(const struct device_part[]){
			DEVICE_PART(floppy_drive_state_table, struct floppy_drive, state), { 0 } },
	.boot = floppy_boot,
	.boot_kind = 'a',
	.destroy = floppy_end,
};
