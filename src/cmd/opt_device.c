// SPDX-License-Identifier: MIT
#include <string.h>

#include "cmd/table.h"
#include "dev/block.h"
#include "dev/floppy/fdc.h"

/* In the order of enum cmd_interface. */
static const char *const drive_interfaces[] = { "ide", "virtio", "none", "floppy", NULL };
static const char *const drive_media[] = { "disk", "cdrom", NULL };

static const struct prop drive_table[] = {
	{ "file", PROP_TEXT, PROP_AT(struct cmd_drive, file), .form = "file=PATH",
	  .help = "the image or block device; a comma is written twice" },
	{ "format", PROP_TEXT, PROP_AT(struct cmd_drive, format), .form = "format=FORMAT",
	  .help = "raw; or qcow2, qcow, qed, vmdk, vdi, vpc, vhdx, parallels, bochs, cloop, dmg, by "
		  "qemu-storage-daemon" },
	{ "if", PROP_WORD, PROP_AT(struct cmd_drive, interface), .words = drive_interfaces,
	  .form = "if=ide|virtio|floppy|none",
	  .help = "how the guest sees it (default ide); none: not until a -device shows it" },
	{ "media", PROP_WORD, PROP_AT(struct cmd_drive, media), .words = drive_media,
	  .form = "media=disk|cdrom",
	  .help = "a disk, or a CD-ROM, which is read-only and with if=ide may have no file" },
	{ "index", PROP_NUMBER, PROP_AT(struct cmd_drive, index), .max = 3, .value = -1,
	  .form = "index=N",
	  .help = "its place: if=ide 0 to 3, if=floppy 0 or 1 (default the first that is free)" },
	{ "bus", PROP_NUMBER, PROP_AT(struct cmd_drive, bus), .max = 1, .value = -1,
	  .form = "bus=N", .help = "if=ide: its channel; with unit= instead of index=" },
	{ "unit", PROP_NUMBER, PROP_AT(struct cmd_drive, unit), .max = 1, .value = -1,
	  .form = "unit=N", .help = "if=ide: its place on the channel" },
	{ "id", PROP_TEXT, PROP_AT(struct cmd_drive, id), .form = "id=ID",
	  .help = "the name by which -device refers to it" },
	{ "readonly", PROP_BOOL, PROP_AT(struct cmd_drive, readonly), .form = "readonly=on|off",
	  .help = "the guest may not write (default off)" },
	{ "cache", PROP_ONLY, .words = (const char *const[]){ "writeback", NULL },
	  .form = "cache=writeback",
	  .help = "by the host's page cache; what the guest flushes is stored" },
	{ "rerror", PROP_WORD, PROP_AT(struct cmd_drive, rerror), .words = block_read_actions,
	  .form = "rerror=report|ignore|stop",
	  .help = "what is done when the host cannot read: the guest sees an error; or success; or the "
		  "machine stops, and cont tries again (default report)" },
	{ "werror", PROP_WORD, PROP_AT(struct cmd_drive, werror), .words = block_write_actions,
	  .form = "werror=report|ignore|stop|enospc",
	  .help = "the same when it cannot write; enospc: stop if it has no room, else report "
		  "(default enospc)" },
	{ 0 },
};
const struct props cmd_drive_props = { .table = drive_table };

struct global_options {
	const char *driver, *property, *value;
};

static const struct prop global_table[] = {
	{ "driver", PROP_TEXT, PROP_AT(struct global_options, driver), .form = "driver=NAME",
	  .help = "" },
	{ "property", PROP_TEXT, PROP_AT(struct global_options, property), .form = "property=NAME",
	  .help = "" },
	{ "value", PROP_ANY_TEXT, PROP_AT(struct global_options, value), .form = "value=VALUE",
	  .help = "" },
	{ 0 },
};
static const struct props global_props = { .table = global_table };

/* QEMU's name of a drive that was not given one: what it is, and its place or its number. */
static const char *make_id(struct cmd_parse *parse, const struct cmd_drive *drive)
{
	const char *name = drive_interfaces[drive->interface];
	int64_t number = drive->index;

	if (drive->interface == CMD_IF_IDE)
		return cmd_keep_format(parse, "ide%d-%s%d", (int)(drive->index / 2),
				       drive->media ? "cd" : "hd", (int)(drive->index % 2));
	for (size_t i = 0; drive->index < 0 && i < parse->options->drives_n; i++)
		number += parse->options->drives[i].interface == drive->interface;
	return cmd_keep_format(parse, "%s%d", name, (int)(drive->index < 0 ? number + 1 : number));
}

#define IDE_PLACES 4 /* two channels of two drives */

static bool place_taken(const struct cmd_options *options, int64_t index)
{
	for (size_t i = 0; i < options->drives_n; i++) {
		if (options->drives[i].interface == CMD_IF_IDE && options->drives[i].index == index)
			return true;
	}
	return false;
}

static bool place_fits(const struct cmd_drive *drive, int64_t index)
{
	return (drive->bus < 0 || drive->bus == index / 2) &&
	       (drive->unit < 0 || drive->unit == index % 2);
}

static bool choose_floppy(struct cmd_parse *parse, const struct cmd_drive *drive)
{
	if (drive->bus >= 0 || drive->unit >= 0)
		return cmd_refuse(parse, "bus= and unit= are for if=ide");
	if (drive->index >= FDC_DRIVES)
		return cmd_refuse(parse, "index=%d: a floppy drive is 0 (A) or 1 (B)",
				  (int)drive->index);
	return true;
}

/* Among what index=, bus= and unit= say. */
static bool choose_place(struct cmd_parse *parse, struct cmd_drive *drive)
{
	int64_t index = drive->index >= 0 ? drive->index : 0;
	int64_t end = drive->index >= 0 ? drive->index + 1 : IDE_PLACES;

	if (drive->interface == CMD_IF_FLOPPY)
		return choose_floppy(parse, drive);
	if (drive->interface != CMD_IF_IDE) {
		if (drive->index >= 0 || drive->bus >= 0 || drive->unit >= 0)
			return cmd_refuse(parse,
					  "index=, bus= and unit= are for if=ide and if=floppy");
		return true;
	}
	if (drive->index >= 0 && (drive->bus >= 0 || drive->unit >= 0))
		return cmd_refuse(parse, "index= and bus=,unit= say the same");
	for (; index < end; index++) {
		if (place_fits(drive, index) && !place_taken(parse->options, index)) {
			drive->index = index;
			return true;
		}
	}
	return cmd_refuse(parse,
			  "another -drive is there on the IDE channels (there are four places)");
}

static bool add_drive(struct cmd_parse *parse, struct cmd_drive *drive)
{
	struct cmd_options *options = parse->options;

	if (drive->id && !prop_id_ok(drive->id))
		return cmd_refuse(parse,
				  "id=%.60s: not a name (a letter, then letters, digits, - . _)",
				  drive->id);
	if (!choose_place(parse, drive))
		return false;
	if (!drive->id)
		drive->id = make_id(parse, drive);
	for (size_t i = 0; drive->id && i < options->drives_n; i++) {
		if (!strcmp(drive->id, options->drives[i].id))
			return cmd_refuse(parse, "id=%.60s: there is one already", drive->id);
	}
	if (!drive->id ||
	    !cmd_grow(parse, &options->drives, options->drives_n, sizeof(*options->drives)))
		return false;
	options->drives[options->drives_n++] = *drive;
	return true;
}

bool cmd_parse_drive(struct cmd_parse *parse, const char *value)
{
	struct cmd_drive drive = { 0 };

	props_default(&cmd_drive_props, &drive);
	if (!cmd_props_parse(parse, &cmd_drive_props, value, &drive, NULL))
		return false;
	if (drive.media && drive.interface == CMD_IF_VIRTIO)
		return cmd_refuse(parse, "media=cdrom: a virtio disk is none");
	if (!drive.file &&
	    (drive.interface == CMD_IF_VIRTIO || (drive.interface == CMD_IF_IDE && !drive.media)))
		return cmd_refuse(parse, "needs file=PATH");
	if (!drive.file && drive.format)
		return cmd_refuse(parse, "format=%.40s: there is no file=", drive.format);
	if (drive.interface == CMD_IF_FLOPPY && (drive.rerror || drive.werror))
		return cmd_refuse(parse, "rerror= and werror= are not for floppy disks");
	if (drive.format && !block_format_known(drive.format))
		return cmd_refuse(parse,
				  "format=%.40s: not a format of disk images (raw, qcow2, ...)",
				  drive.format);
	if (drive.media)
		drive.readonly = true;
	return add_drive(parse, &drive);
}

static bool add_floppy(struct cmd_parse *parse, const char *file, int64_t index)
{
	struct cmd_drive drive = {
		.interface = CMD_IF_FLOPPY, .index = index, .bus = -1, .unit = -1
	};

	drive.file = cmd_keep(parse, file, strlen(file));
	return drive.file && add_drive(parse, &drive);
}

bool cmd_parse_fda(struct cmd_parse *parse, const char *value)
{
	return add_floppy(parse, value, 0);
}

bool cmd_parse_fdb(struct cmd_parse *parse, const char *value)
{
	return add_floppy(parse, value, 1);
}

/* The short forms of disks at 0 to 3. */
bool cmd_parse_hd(struct cmd_parse *parse, const char *value)
{
	struct cmd_drive drive = { .bus = -1, .unit = -1 };

	drive.index = parse->option->name[2] - 'a';
	drive.file = cmd_keep(parse, value, strlen(value));
	return drive.file && add_drive(parse, &drive);
}

bool cmd_parse_cdrom(struct cmd_parse *parse, const char *value)
{
	struct cmd_drive drive = {
		.index = 2, .bus = -1, .unit = -1, .media = 1, .readonly = true
	};

	drive.file = cmd_keep(parse, value, strlen(value));
	return drive.file && add_drive(parse, &drive);
}

bool cmd_add_device(struct cmd_parse *parse, const struct cmd_wanted *wanted)
{
	if (!cmd_grow(parse, &parse->devices, parse->devices_n, sizeof(*parse->devices)))
		return false;
	parse->devices[parse->devices_n++] = *wanted;
	return true;
}

bool cmd_parse_device(struct cmd_parse *parse, const char *value)
{
	struct cmd_wanted wanted = { .said = parse->said };
	const char *rest = value, *name, *driver;

	if (cmd_asks(value)) {
		parse->options->action = CMD_LIST_DEVICES;
		return true;
	}
	if (prop_take(&rest, &name, &driver, &parse->options->arena) <= 0 ||
	    (name && strcmp(name, "driver")))
		return cmd_refuse(parse, "needs the name of a device first (see -device help)");
	if (cmd_asks(rest)) {
		parse->options->device_type = device_find_type(board_device_types, driver);
		if (!parse->options->device_type)
			return cmd_refuse(parse, "%.80s: unknown device (see -device help)",
					  driver);
		parse->options->action = CMD_LIST_PROPS;
		return true;
	}
	wanted.spec.type = driver;
	wanted.spec.props = cmd_keep(parse, rest, strlen(rest));
	return wanted.spec.props && cmd_add_device(parse, &wanted);
}

bool cmd_add_global(struct cmd_parse *parse, const struct device_global *global)
{
	if (!cmd_grow(parse, &parse->globals, parse->globals_n, sizeof(*parse->globals)))
		return false;
	parse->globals[parse->globals_n++] = *global;
	return true;
}

/* "DEVICE.PROP=VALUE", where a comma is the value's; or the three by name. */
bool cmd_parse_global(struct cmd_parse *parse, const char *value)
{
	struct global_options said = { 0 };
	struct device_global global;
	size_t type_len = strcspn(value, ".=,"), prop_len;

	if (value[type_len] == '.') {
		prop_len = strcspn(value + type_len + 1, "=,");
		if (value[type_len + 1 + prop_len] != '=')
			return cmd_refuse(parse, "%.80s: needs DEVICE.PROP=VALUE", value);
		said.driver = cmd_keep(parse, value, type_len);
		said.property = cmd_keep(parse, value + type_len + 1, prop_len);
		value += type_len + prop_len + 2;
		said.value = cmd_keep(parse, value, strlen(value));
		if (!said.driver || !said.property || !said.value)
			return false;
	} else if (!cmd_props_parse(parse, &global_props, value, &said, NULL)) {
		return false;
	}
	if (!said.driver || !said.property || !said.value)
		return cmd_refuse(parse, "needs driver=, property= and value=");
	global = (struct device_global){ said.driver, said.property, said.value };
	return cmd_add_global(parse, &global);
}

/* QEMU's rule: what is said of a device that does not exist is told and has no effect. */
static bool warn_of_global(struct cmd_parse *parse, const struct device_global *global)
{
	struct cmd_options *options = parse->options;

	if (!cmd_grow(parse, &options->warnings, options->warnings_n, sizeof(*options->warnings)))
		return false;
	options->warnings[options->warnings_n] = cmd_keep_format(
		parse, "-global %.60s.%.60s: there is no such device", global->type, global->prop);
	return options->warnings[options->warnings_n++] != NULL;
}

/* The timer is no device of ours but the accelerator's, with this one property. */
static bool take_pit_global(struct cmd_parse *parse, const struct device_global *global)
{
	static const char *const words[] = { "delay", "discard", NULL };
	int word = prop_word(words, global->value);

	if (strcmp(global->prop, "lost_tick_policy"))
		return cmd_refuse(parse,
				  "kvm-pit.%.60s: unknown property (there is lost_tick_policy)",
				  global->prop);
	if (word < 0)
		return cmd_refuse(
			parse, "kvm-pit.lost_tick_policy=%.60s: not offered (only delay, discard)",
			global->value);
	parse->options->pit_discard = word == 1;
	return true;
}

static bool check_globals(struct cmd_parse *parse)
{
	parse->said = "-global";
	for (size_t i = 0; i < parse->globals_n; i++) {
		const struct device_global *global = &parse->globals[i];
		const struct device_type *type = device_find_type(board_device_types, global->type);
		struct error err;

		if (!strcmp(global->type, "kvm-pit")) {
			if (!take_pit_global(parse, global))
				return false;
		} else if (!type) {
			if (!warn_of_global(parse, global))
				return false;
		} else if (device_check_global(type, global, &err)) {
			return cmd_refuse(parse, "%s.%s", type->name, err.text);
		}
	}
	return true;
}

/* Two devices must not have one id, nor one place in the boot order. */
static bool check_pair(struct cmd_parse *parse, const struct device *a, const struct device *b)
{
	const struct props a_props = device_props(a->type), b_props = device_props(b->type);
	const struct prop *a_row = props_find(&a_props, "bootindex");
	const struct prop *b_row = props_find(&b_props, "bootindex");
	int64_t index = a_row ? prop_number(a_row, a) : -1;

	if (a->id && b->id && !strcmp(a->id, b->id))
		return cmd_refuse(parse, "id=%.60s: there is one already", a->id);
	if (index >= 0 && b_row && prop_number(b_row, b) == index)
		return cmd_refuse(parse, "bootindex=%lld: another device has it", (long long)index);
	return true;
}

static bool take_drive(struct cmd_parse *parse, const char *id)
{
	struct cmd_options *options = parse->options;

	for (size_t i = 0; i < options->drives_n; i++) {
		struct cmd_drive *drive = &options->drives[i];

		if (strcmp(drive->id, id))
			continue;
		if (drive->interface != CMD_IF_NONE)
			return cmd_refuse(parse,
					  "drive=%.60s: has if=%s, which makes its own device", id,
					  drive_interfaces[drive->interface]);
		if (drive->used)
			return cmd_refuse(parse, "drive=%.60s: another device shows it", id);
		drive->used = true;
		return true;
	}
	return cmd_refuse(parse, "drive=%.60s: there is no -drive with this id", id);
}

/* Whatever back-ends the device names become its own. */
static bool take_backends(struct cmd_parse *parse, const struct device *device)
{
	const struct props props = device_props(device->type);
	const struct prop *row;

	for (size_t i = 0; (row = props_row(&props, i)); i++) {
		const char *id = prop_is_text(row) ? prop_text(row, device) : NULL;

		if (id && row->kind == PROP_CHARDEV && !cmd_take_chardev(parse, id))
			return false;
		if (id && row->kind == PROP_DRIVE && !take_drive(parse, id))
			return false;
	}
	return true;
}

static bool make_device(struct cmd_parse *parse, const struct cmd_wanted *wanted,
			struct device **out)
{
	const struct device_types types = {
		.types = board_device_types,
		.globals = parse->globals,
		.globals_n = parse->globals_n,
	};
	struct error err;

	*out = device_new(&types, &wanted->spec, &err);
	if (!*out)
		return cmd_refuse(parse, "%s", err.text);
	return (*out)->type->user ||
	       cmd_refuse(parse, "%s: part of every machine, not one to add", (*out)->type->name);
}

/* Each device alone, then with those before it, then what it takes: the first mistake is told. */
static bool check_devices(struct cmd_parse *parse, struct device **made)
{
	for (size_t i = 0; i < parse->devices_n; i++) {
		parse->said = parse->devices[i].said;
		if (!make_device(parse, &parse->devices[i], &made[i]))
			return false;
		for (size_t other = 0; other < i; other++) {
			if (!check_pair(parse, made[i], made[other]))
				return false;
		}
	}
	for (size_t i = 0; i < parse->devices_n; i++) {
		parse->said = parse->devices[i].said;
		if (!parse->devices[i].taken && !take_backends(parse, made[i]))
			return false;
	}
	return true;
}

/* The device that a -drive brings with it. */
static bool want_drive(struct cmd_parse *parse, struct cmd_drive *drive)
{
	struct cmd_wanted wanted = { .said = "-drive", .taken = true };

	drive->used = true;
	if (drive->interface == CMD_IF_VIRTIO) {
		wanted.spec.type = "virtio-blk-pci";
		wanted.spec.props = cmd_keep_format(parse, "drive=%s", drive->id);
	} else if (drive->interface == CMD_IF_FLOPPY) {
		wanted.spec.type = "floppy";
		wanted.spec.props = drive->index < 0
					    ? cmd_keep_format(parse, "drive=%s", drive->id)
					    : cmd_keep_format(parse, "drive=%s,unit=%d", drive->id,
							      (int)drive->index);
	} else {
		wanted.spec.type = drive->media ? "ide-cd" : "ide-hd";
		wanted.spec.props = cmd_keep_format(parse, "bus=ide.%d,unit=%d,drive=%s",
						    (int)(drive->index / 2),
						    (int)(drive->index % 2), drive->id);
	}
	return wanted.spec.props && cmd_add_device(parse, &wanted);
}

static bool want_drives(struct cmd_parse *parse, enum cmd_interface interface)
{
	struct cmd_options *options = parse->options;

	for (size_t i = 0; i < options->drives_n; i++) {
		if (options->drives[i].interface == (int)interface &&
		    !want_drive(parse, &options->drives[i]))
			return false;
	}
	return true;
}

/*
 * IDE and floppy drives know their places and come before the devices asked for by name, the others
 * behind them.
 */
static bool want_all_drives(struct cmd_parse *parse)
{
	struct cmd_wanted *named = parse->devices;
	size_t named_n = parse->devices_n;

	parse->devices = NULL;
	parse->devices_n = 0;
	if (!want_drives(parse, CMD_IF_IDE) || !want_drives(parse, CMD_IF_FLOPPY))
		return false;
	for (size_t i = 0; i < named_n; i++) {
		if (!cmd_add_device(parse, &named[i]))
			return false;
	}
	return want_drives(parse, CMD_IF_VIRTIO);
}

bool cmd_finish_devices(struct cmd_parse *parse)
{
	struct cmd_options *options = parse->options;
	struct device_spec *specs;
	struct device **made;
	bool good;

	if (!check_globals(parse) || !want_all_drives(parse))
		return false;
	made = arena_alloc(&options->arena, (parse->devices_n + 1) * sizeof(struct device *));
	specs = arena_alloc(&options->arena, (parse->devices_n + 1) * sizeof(*specs));
	if (!made || !specs)
		return cmd_refuse_memory(parse);
	good = check_devices(parse, made);
	for (size_t i = 0; i < parse->devices_n; i++) {
		specs[i] = parse->devices[i].spec;
		device_free(made[i]);
	}
	options->pc.devices = specs;
	options->pc.devices_n = parse->devices_n;
	options->pc.globals = parse->globals;
	options->pc.globals_n = parse->globals_n;
	return good;
}
