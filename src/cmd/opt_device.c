// SPDX-License-Identifier: MIT
#include <string.h>

#include "cmd/table.h"

/* What the drive's interface words are, in order of the bool they are stored as. */
static const char *const drive_interfaces[] = { "virtio", "none", NULL };

static const struct prop drive_table[] = {
	{ "file", PROP_TEXT, PROP_AT(struct cmd_drive, file), .form = "file=PATH",
	  .help = "the image or block device; a comma is written twice" },
	{ "format", PROP_ONLY, .words = (const char *const[]){ "raw", NULL }, .form = "format=raw",
	  .help = "the only format there is" },
	{ "if", PROP_WORD, PROP_AT(struct cmd_drive, alone), .words = drive_interfaces,
	  .form = "if=virtio|none", .help = "a virtio disk, or none until a -device shows it" },
	{ "id", PROP_TEXT, PROP_AT(struct cmd_drive, id), .form = "id=ID",
	  .help = "the name by which -device refers to it" },
	{ "readonly", PROP_BOOL, PROP_AT(struct cmd_drive, readonly), .form = "readonly=on|off",
	  .help = "the guest may not write (default off)" },
	{ 0 },
};
const struct props cmd_drive_props = { .table = drive_table };

static const struct prop virtio_blk_table[] = {
	{ "drive", PROP_TEXT, PROP_AT(struct cmd_device, drive), .form = "drive=ID",
	  .help = "the -drive it shows" },
	{ "id", PROP_TEXT, PROP_AT(struct cmd_device, id), .form = "id=ID", .help = "its name" },
	{ "serial", PROP_TEXT, PROP_AT(struct cmd_device, serial), .form = "serial=TEXT",
	  .help = "the serial number the guest sees, at most 20 characters" },
	{ "bootindex", PROP_NUMBER, PROP_AT(struct cmd_device, bootindex), .min = 0,
	  .max = INT32_MAX, .form = "bootindex=N", .help = "place in the boot order, 0 is first" },
	{ 0 },
};
static const struct props virtio_blk_props = { .table = virtio_blk_table };

static const struct prop debug_exit_table[] = {
	{ "iobase", PROP_NUMBER, PROP_AT(struct cmd_device, port), .min = 0, .max = 0xffff,
	  .form = "iobase=PORT", .help = "its first port (default 0x501)" },
	{ "iosize", PROP_NUMBER, PROP_AT(struct cmd_device, port_size), .min = 1, .max = 256,
	  .form = "iosize=N", .help = "how many ports it has (default 2)" },
	{ "id", PROP_TEXT, PROP_AT(struct cmd_device, id), .form = "id=ID", .help = "its name" },
	{ 0 },
};
static const struct props debug_exit_props = { .table = debug_exit_table };

static const struct prop debug_console_table[] = {
	{ "iobase", PROP_NUMBER, PROP_AT(struct cmd_device, port), .min = 0, .max = 0xffff,
	  .form = "iobase=PORT", .help = "its port (default 0xe9)" },
	{ "chardev", PROP_TEXT, PROP_AT(struct cmd_device, chardev), .form = "chardev=ID",
	  .help = "the -chardev that gets what is written" },
	{ "id", PROP_TEXT, PROP_AT(struct cmd_device, id), .form = "id=ID", .help = "its name" },
	{ 0 },
};
static const struct props debug_console_props = { .table = debug_console_table };

static const struct prop panic_table[] = {
	{ "ioport", PROP_ONLY, .words = (const char *const[]){ "0x505", "1285", NULL },
	  .form = "ioport=0x505", .help = "where it is" },
	{ "id", PROP_TEXT, PROP_AT(struct cmd_device, id), .form = "id=ID", .help = "its name" },
	{ 0 },
};
static const struct props panic_props = { .table = panic_table };

enum { VIRTIO_BLK, DEBUG_EXIT, DEBUG_CONSOLE, PANIC };
const struct cmd_device_kind cmd_device_kinds[] = {
	[VIRTIO_BLK] = { "virtio-blk-pci", &virtio_blk_props, "a disk by modern virtio" },
	[DEBUG_EXIT] = { "isa-debug-exit", &debug_exit_props,
			 "a write of N ends the program with status 2N+1" },
	[DEBUG_CONSOLE] = { "isa-debugcon", &debug_console_props,
			    "a port that prints what it is given" },
	[PANIC] = { "pvpanic", &panic_props,
		    "a port that hears of a guest's panic; it is always there" },
	{ 0 },
};

bool cmd_parse_drive(struct cmd_parse *parse, const char *value)
{
	struct cmd_drive drive = { 0 };
	uint32_t given;

	if (parse->drives_n == CMD_DISKS_MAX)
		return cmd_refuse(parse, "more than %d drives", CMD_DISKS_MAX);
	if (!cmd_props_parse(parse, &cmd_drive_props, value, &drive, &given))
		return false;
	if (!drive.file)
		return cmd_refuse(parse, "needs file=PATH");
	if (!(given & props_bit(&cmd_drive_props, "if")))
		return cmd_refuse(
			parse,
			"needs if=virtio or if=none (the usual default, ide, is not offered)");
	if (drive.id && !prop_id_ok(drive.id))
		return cmd_refuse(parse,
				  "id=%.60s: not a name (a letter, then letters, digits, - . _)",
				  drive.id);
	for (size_t i = 0; i < parse->drives_n; i++) {
		if (drive.id && parse->drives[i].id && !strcmp(drive.id, parse->drives[i].id))
			return cmd_refuse(parse, "id=%.60s: there is one already", drive.id);
	}
	parse->drives[parse->drives_n++] = drive;
	return true;
}

static bool check_device(struct cmd_parse *parse, const struct cmd_device *device)
{
	if (device->id && !prop_id_ok(device->id))
		return cmd_refuse(parse,
				  "id=%.60s: not a name (a letter, then letters, digits, - . _)",
				  device->id);
	for (size_t i = 0; i < parse->devices_n; i++) {
		const struct cmd_device *other = &parse->devices[i];

		if (device->id && other->id && !strcmp(device->id, other->id))
			return cmd_refuse(parse, "id=%.60s: there is one already", device->id);
		if (device->bootindex != CMD_NONE && device->bootindex == other->bootindex)
			return cmd_refuse(parse, "bootindex=%d: another device has it",
					  device->bootindex);
	}
	if (device->serial && strlen(device->serial) > 20)
		return cmd_refuse(parse, "serial=%.60s: longer than 20 characters", device->serial);
	if (device->kind == &cmd_device_kinds[VIRTIO_BLK] && !device->drive)
		return cmd_refuse(parse, "virtio-blk-pci: needs drive=ID");
	if (device->kind == &cmd_device_kinds[DEBUG_CONSOLE] && !device->chardev)
		return cmd_refuse(parse, "isa-debugcon: needs chardev=ID");
	if (device->port + device->port_size > 0x10000)
		return cmd_refuse(parse, "iobase=%#x,iosize=%u: ends behind the last port",
				  device->port, device->port_size);
	return true;
}

bool cmd_parse_device(struct cmd_parse *parse, const char *value)
{
	struct cmd_device device = { .bootindex = CMD_NONE, .port = 0x501, .port_size = 2 };
	const struct cmd_device_kind *kind = cmd_device_kinds;
	const char *rest = value, *name, *driver;
	uint32_t given = 0;

	if (cmd_asks(value)) {
		parse->options->action = CMD_LIST_DEVICES;
		return true;
	}
	if (parse->devices_n == CMD_DISKS_MAX)
		return cmd_refuse(parse, "more than %d devices", CMD_DISKS_MAX);
	if (prop_take(&rest, &name, &driver, &parse->options->arena) <= 0 ||
	    (name && strcmp(name, "driver")))
		return cmd_refuse(parse, "needs the name of a device first (see -device help)");
	while (kind->name && strcmp(kind->name, driver))
		kind++;
	if (!kind->name)
		return cmd_refuse(parse, "%.80s: unknown device (see -device help)", driver);
	device.kind = kind;
	if (*rest && !cmd_props_parse(parse, kind->props, rest, &device, &given))
		return false;
	if (kind == &cmd_device_kinds[DEBUG_CONSOLE]) {
		device.port_said = given & props_bit(kind->props, "iobase");
		device.port_size = 1;
	}
	if (!check_device(parse, &device))
		return false;
	parse->devices[parse->devices_n++] = device;
	return true;
}

static bool add_disk(struct cmd_parse *parse, struct cmd_drive *drive,
		     const struct cmd_device *device)
{
	struct cmd_options *options = parse->options;
	const char *id = device && device->id ? device->id : drive->id;

	if (options->disks_n == CMD_DISKS_MAX)
		return cmd_refuse(parse, "more than %d disks", CMD_DISKS_MAX);
	drive->used = true;
	options->disks[options->disks_n++] = (struct cmd_disk){
		.file = drive->file,
		.id = id,
		.serial = device ? device->serial : NULL,
		.bootindex = device ? device->bootindex : CMD_NONE,
		.readonly = drive->readonly,
	};
	return true;
}

static bool finish_virtio_blk(struct cmd_parse *parse, const struct cmd_device *device)
{
	for (size_t i = 0; i < parse->drives_n; i++) {
		struct cmd_drive *drive = &parse->drives[i];

		if (!drive->id || strcmp(drive->id, device->drive))
			continue;
		if (!drive->alone)
			return cmd_refuse(parse,
					  "drive=%.60s: has if=virtio, which makes its own device",
					  drive->id);
		if (drive->used)
			return cmd_refuse(parse, "drive=%.60s: another device shows it", drive->id);
		return add_disk(parse, drive, device);
	}
	return cmd_refuse(parse, "drive=%.60s: there is no -drive with this id", device->drive);
}

bool cmd_finish_devices(struct cmd_parse *parse)
{
	struct cmd_options *options = parse->options;

	parse->said = "-device";
	for (size_t i = 0; i < parse->devices_n; i++) {
		const struct cmd_device *device = &parse->devices[i];
		struct cmd_wish wish = { .wisher = CMD_WISH_DEBUG,
					 .place = CMD_NONE,
					 .id = device->chardev,
					 .port = device->port,
					 .port_said = device->port_said };

		if (device->kind == &cmd_device_kinds[VIRTIO_BLK]) {
			if (!finish_virtio_blk(parse, device))
				return false;
		} else if (device->kind == &cmd_device_kinds[DEBUG_CONSOLE]) {
			if (!cmd_wish(parse, &wish))
				return false;
		} else if (device->kind == &cmd_device_kinds[PANIC]) {
			continue;
		} else if (options->debug_exits_n == CMD_DEBUG_MAX) {
			return cmd_refuse(parse, "more than %d isa-debug-exit", CMD_DEBUG_MAX);
		} else {
			options->debug_exits[options->debug_exits_n++] =
				(struct cmd_debug_exit){ .port = device->port,
							 .size = device->port_size };
		}
	}
	parse->said = "-drive";
	for (size_t i = 0; i < parse->drives_n; i++) {
		if (!parse->drives[i].alone && !add_disk(parse, &parse->drives[i], NULL))
			return false;
	}
	return true;
}
