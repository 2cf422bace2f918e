// SPDX-License-Identifier: MIT
/*
 * Drives and what is in them, as QEMU's block commands tell and change it (QAPI schema, "block" and
 * "block-core").
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "ctl/qmp_impl.h"

/* query-block */

static struct json_object *image_object(const struct block *block)
{
	struct json_object *image = json_object_new_object();

	ctl_qmp_put(image, "virtual-size", json_object_new_int64((int64_t)block_size(block)));
	ctl_qmp_put(image, "filename", json_object_new_string(block_path(block)));
	ctl_qmp_put(image, "format", json_object_new_string(block_format(block)));
	ctl_qmp_put(image, "actual-size", json_object_new_int64((int64_t)block_host_bytes(block)));
	ctl_qmp_put(image, "dirty-flag", json_object_new_boolean(false));
	return image;
}

/* Limits that nobody set, as all of them are here. */
static void put_limits(struct json_object *object)
{
	static const char *const limits[] = { "iops",   "iops_rd", "iops_wr",        "bps",
					      "bps_rd", "bps_wr",  "write_threshold" };

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		ctl_qmp_put(object, limits[i], json_object_new_int(0));
}

static struct json_object *medium_object(const struct block *block)
{
	struct json_object *object = json_object_new_object(), *cache = json_object_new_object();
	char node[32];

	snprintf(node, sizeof(node), "#block%u", block_number(block));
	put_limits(object);
	ctl_qmp_put(object, "detect_zeroes", json_object_new_string("off"));
	ctl_qmp_put(object, "image", image_object(block));
	ctl_qmp_put(object, "ro", json_object_new_boolean(block_readonly(block)));
	ctl_qmp_put(object, "node-name", json_object_new_string(node));
	ctl_qmp_put(object, "backing_file_depth", json_object_new_int(0));
	ctl_qmp_put(object, "drv", json_object_new_string(block_format(block)));
	ctl_qmp_put(object, "encrypted", json_object_new_boolean(false));
	ctl_qmp_put(cache, "no-flush", json_object_new_boolean(false));
	ctl_qmp_put(cache, "direct", json_object_new_boolean(false));
	ctl_qmp_put(cache, "writeback", json_object_new_boolean(true));
	ctl_qmp_put(object, "cache", cache);
	ctl_qmp_put(object, "file", json_object_new_string(block_path(block)));
	return object;
}

static struct drive_tray tray_of(const struct drive *drive)
{
	return drive->type->tray ? drive->type->tray(drive) : (struct drive_tray){ 0 };
}

static struct json_object *drive_object(const struct drive *drive)
{
	static const char *const status[] = {
		[BLOCK_OK] = "ok",
		[BLOCK_FAILED] = "failed",
		[BLOCK_NO_SPACE] = "nospace",
	};
	struct json_object *object = json_object_new_object();
	struct drive_tray tray = tray_of(drive);

	if (drive->type->has_status)
		ctl_qmp_put(object, "io-status",
			    json_object_new_string(
				    status[drive->block ? block_status(drive->block) : BLOCK_OK]));
	ctl_qmp_put(object, "device", json_object_new_string(drive->name));
	ctl_qmp_put(object, "locked", json_object_new_boolean(tray.locked));
	ctl_qmp_put(object, "removable", json_object_new_boolean(drive->type->removable));
	if (drive->block)
		ctl_qmp_put(object, "inserted", medium_object(drive->block));
	ctl_qmp_put(
		object, "qdev",
		json_object_new_string(drive->id && !*drive->type->part ? drive->id : drive->path));
	if (drive->type->tray)
		ctl_qmp_put(object, "tray_open", json_object_new_boolean(tray.open));
	ctl_qmp_put(object, "type", json_object_new_string("unknown"));
	return object;
}

bool ctl_qmp_query_block(struct ctl_qmp *qmp, struct json_object *arguments,
			 struct json_object **result, struct ctl_qmp_error *err)
{
	const struct drive *drive;

	*result = json_object_new_array();
	TAILQ_FOREACH(drive, &qmp->machine->drives.list, link)
	ctl_qmp_append(*result, drive_object(drive));
	return true;
}

/* Arguments */

/* A removable drive, and what the client calls it. */
struct target {
	struct drive *drive;
	const char *said;
};

static bool is_called(const struct drive *drive, const char *device, const char *id)
{
	if (device)
		return !strcmp(drive->name, device);
	return (drive->id && !strcmp(drive->id, id)) || !strcmp(drive->path, id);
}

static bool find_target(struct ctl_qmp *qmp, struct json_object *arguments, struct target *target,
			struct ctl_qmp_error *err)
{
	const char *device = NULL, *id = NULL;

	if (!ctl_qmp_get_text(arguments, "device", &device, err) ||
	    !ctl_qmp_get_text(arguments, "id", &id, err))
		return false;
	if (!device == !id)
		return ctl_qmp_fail(err, "Need exactly one of 'device' and 'id'");
	target->said = device ? device : id;
	TAILQ_FOREACH(target->drive, &qmp->machine->drives.list, link)
	{
		if (*target->said && is_called(target->drive, device, id))
			break;
	}
	if (!target->drive)
		return ctl_qmp_fail_class(err, "DeviceNotFound", "Device '%.*s' not found",
					  ctl_qmp_quote(target->said), target->said);
	if (!target->drive->type->removable)
		return ctl_qmp_fail(err, "Device '%.*s' is not removable",
				    ctl_qmp_quote(target->said), target->said);
	return true;
}

/* Trays and media */

static void move_tray(struct drive *drive, bool open)
{
	drive->type->move_tray(drive, open);
	drive_tell(drive);
}

enum opened {
	OPENED, /* or it is open, or there is no tray */
	OPENED_LATER, /* it is the guest's to open it; *err says so */
};

/* Of one that the guest has locked: it is asked, and with force not waited for. */
static enum opened open_tray(const struct target *target, bool force, struct ctl_qmp_error *err)
{
	struct drive *drive = target->drive;
	struct drive_tray tray = tray_of(drive);

	if (!drive->type->tray || tray.open)
		return OPENED;
	if (tray.locked)
		drive->type->ask_eject(drive, force);
	if (tray.locked && !force) {
		ctl_qmp_fail(err,
			     "Device '%.*s' is locked and force was not specified, wait for tray "
			     "to open and try again",
			     ctl_qmp_quote(target->said), target->said);
		return OPENED_LATER;
	}
	move_tray(drive, true);
	return OPENED;
}

bool ctl_qmp_open_tray(struct ctl_qmp *qmp, struct json_object *arguments,
		       struct json_object **result, struct ctl_qmp_error *err)
{
	struct target target;
	bool force = false;

	if (!ctl_qmp_get_flag(arguments, "force", &force, err) ||
	    !find_target(qmp, arguments, &target, err))
		return false;
	/* That the guest has been asked is no failure here. */
	(void)open_tray(&target, force, err);
	return true;
}

bool ctl_qmp_close_tray(struct ctl_qmp *qmp, struct json_object *arguments,
			struct json_object **result, struct ctl_qmp_error *err)
{
	struct target target;

	if (!find_target(qmp, arguments, &target, err))
		return false;
	if (tray_of(target.drive).open)
		move_tray(target.drive, false);
	return true;
}

bool ctl_qmp_eject(struct ctl_qmp *qmp, struct json_object *arguments, struct json_object **result,
		   struct ctl_qmp_error *err)
{
	struct target target;
	bool force = false;

	if (!ctl_qmp_get_flag(arguments, "force", &force, err) ||
	    !find_target(qmp, arguments, &target, err) || open_tray(&target, force, err) != OPENED)
		return false;
	drive_take_out(target.drive);
	return true;
}

/* blockdev-change-medium */

struct change {
	const char *filename, *format;
	bool force;
	enum { RETAIN, READ_ONLY, READ_WRITE } mode;
};

static bool get_mode(struct json_object *arguments, struct change *change,
		     struct ctl_qmp_error *err)
{
	static const char *const words[] = { "retain", "read-only", "read-write", NULL };
	const char *text = NULL;
	int word;

	if (!ctl_qmp_get_text(arguments, "read-only-mode", &text, err))
		return false;
	word = text ? prop_word(words, text) : RETAIN;
	if (word < 0)
		return ctl_qmp_fail(err, "Parameter 'read-only-mode' does not accept value '%.*s'",
				    ctl_qmp_quote(text), text);
	change->mode = (unsigned)word;
	return true;
}

static bool get_change(struct json_object *arguments, struct change *change,
		       struct ctl_qmp_error *err)
{
	*change = (struct change){ .mode = RETAIN };
	if (!ctl_qmp_get_text(arguments, "filename", &change->filename, err) ||
	    !ctl_qmp_get_text(arguments, "format", &change->format, err) ||
	    !ctl_qmp_get_flag(arguments, "force", &change->force, err) ||
	    !get_mode(arguments, change, err))
		return false;
	if (!change->filename)
		return ctl_qmp_fail(err, "Parameter 'filename' is missing");
	if (change->format && !block_format_known(change->format))
		return ctl_qmp_fail(err, "Unknown driver '%.*s'", ctl_qmp_quote(change->format),
				    change->format);
	return true;
}

/* By the rules of the start. For another format than raw that waits until its daemon serves. */
static struct block *open_medium(struct ctl_qmp *qmp, const struct drive *drive,
				 const struct change *change, bool readonly,
				 struct ctl_qmp_error *err)
{
	const struct block_options options = {
		.path = change->filename,
		.format = change->format,
		.id = drive->name,
		.readonly = readonly,
		.loop = qmp->machine->loop,
	};
	char why[BLOCK_WHY];
	struct block *block;
	struct error unfit;

	if (block_open(&block, &options, why)) {
		ctl_qmp_fail(err, "%s", why);
		return NULL;
	}
	if (drive->type->check && drive->type->check(drive, block, &unfit)) {
		ctl_qmp_fail(err, "%s", unfit.text);
		block_close(block);
		return NULL;
	}
	return block;
}

bool ctl_qmp_change_medium(struct ctl_qmp *qmp, struct json_object *arguments,
			   struct json_object **result, struct ctl_qmp_error *err)
{
	struct change change = { .filename = NULL };
	struct target target = { .drive = NULL };
	struct block *block;
	bool readonly;

	if (!get_change(arguments, &change, err) || !find_target(qmp, arguments, &target, err))
		return false;
	assert(change.filename && target.drive);
	readonly = change.mode == RETAIN ? target.drive->readonly : change.mode == READ_ONLY;
	block = open_medium(qmp, target.drive, &change, readonly, err);
	if (!block)
		return false;
	if (open_tray(&target, change.force, err) != OPENED) {
		block_close(block);
		return false;
	}
	drive_take_out(target.drive);
	target.drive->readonly = readonly;
	drive_put_in(target.drive, block);
	if (target.drive->type->tray)
		move_tray(target.drive, false);
	return true;
}
