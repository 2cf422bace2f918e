// SPDX-License-Identifier: MIT
#include "dev/drive.h"

#include <errno.h>
#include <stdio.h>

#include "dev/device.h"

void drives_init(struct drives *drives, struct loop *loop)
{
	*drives = (struct drives){ .loop = loop };
	TAILQ_INIT(&drives->list);
}

int drive_find_disk(struct place *place, const char *type, const char *id, struct place_disk *disk,
		    struct error *err)
{
	/* As in QEMU: what is put into a drive that was never described can be read. */
	*disk = (struct place_disk){ .name = "", .readonly = true };
	if (!id || !place->disk(place->arg, id, disk))
		return 0;
	return error_set(err, -ENOENT, "%s: drive=%s: there is no such disk", type, id);
}

static void tell_moves(void *arg)
{
	drive_tell(arg);
}

void drive_add(struct drive *drive, struct place *place, const struct drive_type *type,
	       const struct device *device, const struct place_disk *disk)
{
	struct drives *drives = place->drives;

	drive->type = type;
	drive->drives = drives;
	drive->name = disk->name;
	drive->id = device->id;
	drive->readonly = disk->readonly;
	drive->own = false;
	drive->task = (struct loop_task){ .run = tell_moves, .arg = drive };
	atomic_init(&drive->moves, 0);
	if (device->id)
		(void)snprintf(drive->path, sizeof(drive->path), "/machine/peripheral/%.60s%s",
			       device->id, type->part);
	else
		(void)snprintf(drive->path, sizeof(drive->path), "/machine/unattached/device[%u]%s",
			       drives->made, type->part);
	drives->made++;
	if (drive->policy.read == BLOCK_ACTION_AUTO)
		drive->policy.read = disk->policy.read;
	if (drive->policy.write == BLOCK_ACTION_AUTO)
		drive->policy.write = disk->policy.write;
	drive->block = disk->block;
	if (drive->block) {
		block_set_policy(drive->block, drive->policy);
		block_set_error(drive->block, drives->failed, drives->arg);
	}
	TAILQ_INSERT_TAIL(&drives->list, drive, link);
}

void drive_remove(struct drive *drive)
{
	if (!drive->drives)
		return;
	loop_unpost(drive->drives->loop, &drive->task);
	TAILQ_REMOVE(&drive->drives->list, drive, link);
	if (drive->block)
		block_set_error(drive->block, NULL, NULL);
	if (drive->own)
		block_close(drive->block);
	drive->drives = NULL;
	drive->block = NULL;
}

void drive_tray_moved(struct drive *drive)
{
	atomic_fetch_add(&drive->moves, 1);
	loop_post(drive->drives->loop, &drive->task);
}

void drive_tell(struct drive *drive)
{
	struct drives *drives = drive->drives;
	unsigned n = atomic_exchange(&drive->moves, 0);
	bool open = drive->type->tray(drive).open;

	/* The last one led to where the tray is now. */
	while (n-- > 0) {
		if (drives->moved)
			drives->moved(drives->arg, drive, (n & 1) != open);
	}
}

void drive_take_out(struct drive *drive)
{
	struct drives *drives = drive->drives;
	struct block *block = drive->block;

	if (!block)
		return;
	drive->type->set_medium(drive, NULL);
	drive->block = NULL;
	block_set_error(block, NULL, NULL);
	if (!drive->own && drives->release)
		drives->release(drives->release_arg, block);
	drive->own = false;
	block_close(block);
}

void drive_put_in(struct drive *drive, struct block *block)
{
	drive->block = block;
	drive->own = true;
	block_set_policy(block, drive->policy);
	block_set_error(block, drive->drives->failed, drive->drives->arg);
	drive->type->set_medium(drive, block);
}
