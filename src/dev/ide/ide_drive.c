// SPDX-License-Identifier: MIT
#include "dev/ide/ide_drive.h"

#include <errno.h>
#include <string.h>

static enum ide_kind kind_of(const struct device *device)
{
	return device->type == &ide_cd_type ? IDE_CDROM : IDE_DISK;
}

static int check_text(const char *name, const char *text, size_t max, struct error *err)
{
	if (!text || strlen(text) <= max)
		return 0;
	return error_set(err, -EINVAL, "%s=%.60s: longer than %zu characters", name, text, max);
}

static int ide_unit_check(const struct device *device, struct error *err)
{
	const struct ide_unit *unit = (const struct ide_unit *)device;
	int ret = check_text("serial", unit->serial, IDE_SERIAL_LEN, err);

	if (!ret)
		ret = check_text("ver", unit->version, IDE_VERSION_LEN, err);
	if (!ret)
		ret = check_text("model", unit->model, IDE_MODEL_LEN, err);
	if (!ret && kind_of(device) == IDE_DISK && !unit->drive)
		ret = error_set(err, -EINVAL, "ide-hd: needs drive=ID");
	if (!ret && !(unit->cylinders && unit->heads && unit->sectors) &&
	    (unit->cylinders || unit->heads || unit->sectors))
		ret = error_set(err, -EINVAL, "ide-hd: cyls=, heads= and secs= belong together");
	if (!ret && unit->translation && !unit->cylinders)
		ret = error_set(err, -EINVAL, "ide-hd: bios-chs-trans= needs cyls=, heads=, secs=");
	return ret;
}

/* Where there is room for it, among what was said. */
static int choose(struct ide_unit *unit, struct error *err)
{
	const char *type = unit->device.type->name;

	for (unsigned i = 0; i < IDE_CHANNELS * IDE_UNITS; i++) {
		int channel = (int)(i / IDE_UNITS);
		int32_t place = (int32_t)(i % IDE_UNITS);

		if ((unit->channel >= 0 && unit->channel != channel) ||
		    (unit->unit >= 0 && unit->unit != place) ||
		    unit->ide->channels[channel].drives[place].kind != IDE_NONE)
			continue;
		unit->channel = channel;
		unit->unit = place;
		return 0;
	}
	if (unit->channel >= 0 && unit->unit >= 0)
		return error_set(err, -EBUSY, "%s: bus=ide.%d,unit=%d: another drive is there",
				 type, unit->channel, (int)unit->unit);
	return error_set(err, -ENOSPC, "%s: no place is free on the IDE channels (there are four)",
			 type);
}

static struct ide_unit *unit_of(const struct drive *drive)
{
	return (struct ide_unit *)(void *)((char *)drive - offsetof(struct ide_unit, shown));
}

static void unit_set_medium(struct drive *drive, struct block *block)
{
	struct ide_unit *unit = unit_of(drive);

	ide_set_medium(unit->ide, (unsigned)unit->channel, (unsigned)unit->unit, block);
}

static struct drive_tray unit_tray(const struct drive *drive)
{
	const struct ide_unit *unit = unit_of(drive);
	struct ide_tray tray = ide_tray(unit->ide, (unsigned)unit->channel, (unsigned)unit->unit);

	return (struct drive_tray){ .open = tray.open, .locked = tray.locked };
}

static void unit_move_tray(struct drive *drive, bool open)
{
	struct ide_unit *unit = unit_of(drive);

	ide_move_tray(unit->ide, (unsigned)unit->channel, (unsigned)unit->unit, open);
}

static void unit_ask_eject(struct drive *drive, bool force)
{
	struct ide_unit *unit = unit_of(drive);

	ide_ask_eject(unit->ide, (unsigned)unit->channel, (unsigned)unit->unit, force);
}

static const struct drive_type drive_types[] = {
	[IDE_DISK] = { .part = "", .has_status = true },
	[IDE_CDROM] = { .part = "",
			.has_status = true,
			.removable = true,
			.set_medium = unit_set_medium,
			.tray = unit_tray,
			.move_tray = unit_move_tray,
			.ask_eject = unit_ask_eject },
};

static void unit_tray_moved(void *arg)
{
	struct ide_unit *unit = arg;

	drive_tray_moved(&unit->shown);
}

/* What a disk, which stays where it is, must be. */
static int check_disk(const struct ide_unit *unit, const struct block *block, struct error *err)
{
	if (!block)
		return error_set(err, -EINVAL, "ide-hd: drive=%s: has no file", unit->drive);
	if (block_readonly(block))
		return error_set(err, -EROFS,
				 "ide-hd: drive=%s: read-only, which a disk cannot be (ide-cd can)",
				 unit->drive);
	if (block_size(block) < IDE_DISK_SECTOR)
		return error_set(err, -EINVAL, "ide-hd: drive=%s: smaller than a sector",
				 unit->drive);
	return 0;
}

/* As the user says; nothing if the partitions are to tell. */
static struct disk_geometry said_geometry(const struct ide_unit *unit)
{
	struct disk_geometry geometry = {
		.cylinders = (uint16_t)unit->cylinders,
		.heads = (uint8_t)unit->heads,
		.sectors = (uint8_t)unit->sectors,
	};

	if (unit->translation)
		geometry.translation = (uint8_t)(unit->translation - 1);
	else
		geometry.translation = (uint8_t)disk_geometry_translation(&geometry);
	return geometry;
}

static int ide_unit_create(struct device *device, struct place *place, struct error *err)
{
	struct ide_unit *unit = (struct ide_unit *)device;
	struct ide_identity identity = {
		.kind = kind_of(device),
		.serial = unit->serial,
		.version = unit->version,
		.model = unit->model,
		.geometry = said_geometry(unit),
		.tray_moved = unit_tray_moved,
		.tray_moved_arg = unit,
	};
	struct place_disk disk;
	int ret;

	unit->ide = place->ide;
	ret = choose(unit, err);
	if (ret)
		return ret;
	ret = drive_find_disk(place, device->type->name, unit->drive, &disk, err);
	if (!ret && identity.kind == IDE_DISK)
		ret = check_disk(unit, disk.block, err);
	if (ret)
		return ret;
	identity.block = disk.block;
	drive_add(&unit->shown, place, &drive_types[identity.kind], device, &disk);
	ide_attach(place->ide, (unsigned)unit->channel, (unsigned)unit->unit, &identity);
	return 0;
}

static void ide_unit_destroy(struct device *device)
{
	struct ide_unit *unit = (struct ide_unit *)device;

	ide_detach(unit->ide, (unsigned)unit->channel, (unsigned)unit->unit);
	drive_remove(&unit->shown);
}

static int32_t ide_unit_boot(const struct device *device, char *path, size_t size)
{
	const struct ide_unit *unit = (const struct ide_unit *)device;
	char end[32];

	pci_boot_path(&unit->ide->function, "ide", path, size);
	(void)snprintf(end, sizeof(end), "/drive@%d/disk@%d", unit->channel, (int)unit->unit);
	strncat(path, end, size - strlen(path) - 1);
	return unit->bootindex;
}

/* From no bus said, which is -1, to the words' places. */
static const char *const ide_bus_words[] = { "ide.0", "ide.1", NULL };

/* clang-format off */
#define IDE_UNIT_PROPS \
	{ "bus", PROP_WORD, PROP_AT(struct ide_unit, channel), .words = ide_bus_words, .value = -1, \
	  .form = "bus=ide.0|ide.1", .help = "its channel (default the first with room)" }, \
	{ "unit", PROP_NUMBER, PROP_AT(struct ide_unit, unit), .max = 1, .value = -1, \
	  .form = "unit=0|1", .help = "its place on the channel (default the first that is free)" }, \
	{ "drive", PROP_DRIVE, PROP_AT(struct ide_unit, drive), .form = "drive=ID", \
	  .help = "the -drive it shows" }, \
	{ "serial", PROP_TEXT, PROP_AT(struct ide_unit, serial), .form = "serial=TEXT", \
	  .help = "the serial number the guest sees, at most 20 characters" }, \
	{ "ver", PROP_TEXT, PROP_AT(struct ide_unit, version), .form = "ver=TEXT", \
	  .help = "the firmware's version, at most 8 characters" }, \
	{ "model", PROP_TEXT, PROP_AT(struct ide_unit, model), .form = "model=TEXT", \
	  .help = "the model, at most 40 characters" }, \
	DRIVE_POLICY_PROPS(struct ide_unit, shown), \
	{ "bootindex", PROP_NUMBER, PROP_AT(struct ide_unit, bootindex), .max = INT32_MAX, \
	  .value = -1, .form = "bootindex=N", .help = "place in the boot order, 0 is first" }
/* clang-format on */

static const struct prop ide_hd_props[] = {
	IDE_UNIT_PROPS,
	{ "cyls", PROP_NUMBER, PROP_AT(struct ide_unit, cylinders), .min = 1, .max = 16383,
	  .form = "cyls=N,heads=N,secs=N",
	  .help = "its geometry (default as its partitions tell)" },
	{ "heads", PROP_NUMBER, PROP_AT(struct ide_unit, heads), .min = 1, .max = 16 },
	{ "secs", PROP_NUMBER, PROP_AT(struct ide_unit, sectors), .min = 1, .max = 63 },
	{ "bios-chs-trans", PROP_WORD, PROP_AT(struct ide_unit, translation),
	  .words = (const char *const[]){ "auto", "none", "lba", "large", "rechs", NULL },
	  .form = "bios-chs-trans=auto|none|lba|large|rechs",
	  .help = "how a BIOS is to translate it (default what fits)" },
	{ 0 },
};

static const struct prop ide_cd_props[] = { IDE_UNIT_PROPS, { 0 } };

#define IDE_UNIT_TYPE(type_name, text, letter, rows)                                               \
	{                                                                                          \
		.name = (type_name), .about = (text), .bus = DEVICE_BUS_IDE,                       \
		.group = DEVICE_STORAGE, .user = true, .size = sizeof(struct ide_unit),            \
		.props = (rows), .check = ide_unit_check, .create = ide_unit_create,               \
		.boot = ide_unit_boot, .boot_kind = (letter), .destroy = ide_unit_destroy          \
	}

const struct device_type ide_hd_type = IDE_UNIT_TYPE("ide-hd", "an IDE disk", 'c', ide_hd_props);
const struct device_type ide_cd_type =
	IDE_UNIT_TYPE("ide-cd", "an IDE CD-ROM, empty without drive=", 'd', ide_cd_props);
