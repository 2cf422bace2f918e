// SPDX-License-Identifier: MIT
/*
 * A floppy drive with the disk that is in it: where the head is, and whether the disk was changed
 * since. The device "floppy" plugs one into the controller that the machine has.
 *
 * The controller's lock protects it. The block belongs to the loop's thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/state.h"
#include "dev/block.h"
#include "dev/device.h"
#include "dev/drive.h"
#include "dev/floppy/media.h"

struct fdc;

/* Where something is on a disk: sectors count from 1. */
struct floppy_position {
	uint8_t cylinder, head, sector;
};

struct floppy_drive_state {
	uint8_t cylinder; /* where the head is */
	uint8_t head; /* which of the two was used last */
	uint8_t sector; /* that went by last */
	uint8_t changed; /* since the head was moved last (82077AA, 2.1.7) */
};

struct floppy_drive {
	struct device device;
	struct drive shown;
	struct fdc *fdc; /* that it is plugged into */
	/* As the user says. */
	const char *block_id;
	int32_t unit; /* -1: the first that is free */
	enum floppy_drive_type type;
	int32_t bootindex;

	struct block *block; /* NULL: no disk is in it */
	const struct floppy_media *media; /* NULL: the same */
	struct floppy_drive_state state;

	/* Nobody waits for it: a disk is as its guest wrote it when the motor has stopped. */
	struct block_request flush;
	bool written; /* since the last flush began */
	bool flush_wanted, flushing;
};

extern const struct state_table floppy_drive_state_table;

/* "floppy" */
extern const struct device_type floppy_type;

/* As after power-on, with that disk in it, or none. 0 or -EINVAL: no floppy disk has that size. */
int floppy_drive_init(struct floppy_drive *drive, struct block *block)
	__attribute__((warn_unused_result));
void floppy_drive_reset(struct floppy_drive *drive);

/* Another disk, or NULL for none, that fits. Its change is noted. */
void floppy_drive_change(struct floppy_drive *drive, struct block *block);

/* Moves the head; step pulses tell the drive that the controller has seen what is in it. */
void floppy_drive_seek(struct floppy_drive *drive, uint8_t cylinder);
/* Whether the disk has such a sector. A disk is in the drive. */
bool floppy_drive_has(const struct floppy_drive *drive, struct floppy_position at);
/* The number of the sector from the disk's start; it has it. */
uint32_t floppy_drive_lba(const struct floppy_drive *drive, struct floppy_position at);
