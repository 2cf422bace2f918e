// SPDX-License-Identifier: MIT
/*
 * Drives as whoever runs the machine sees them: what they are called, which image is in each, and,
 * where that can be taken out, the tray. A device that shows a disk embeds a struct drive; the
 * machine's drives are on one list, in the order in which they were made.
 *
 * Belongs to the loop's thread, with no lock held; the chip behind a drive takes its own. Only
 * drive_tray_moved() is for any thread.
 *
 * A block that came with the machine stays whose it was until it is taken out; one that was put in
 * later is the drive's.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "base/error.h"
#include "base/loop.h"
#include "base/prop.h"
#include "dev/block.h"
#include "dev/place.h"

#define DRIVE_PATH 96

struct device;
struct drive;

struct drive_tray {
	bool open;
	bool locked; /* the guest wants it to stay closed */
};

struct drive_type {
	const char *part; /* behind the device's path; "" if the drive is the device */
	bool has_status; /* its guest's work can stop the machine: it is told how that went */
	bool removable; /* and then the rest counts */
	/* The medium is gone when it returns, or there. NULL: none. Of one that was there before: nothing
	 * is in flight any more. */
	void (*set_medium)(struct drive *drive, struct block *block);
	/* Whether such a medium goes into it. 0 or -EINVAL. NULL: any. */
	int (*check)(const struct drive *drive, const struct block *block, struct error *err);
	/* NULL: it has no tray. */
	struct drive_tray (*tray)(const struct drive *drive);
	void (*move_tray)(struct drive *drive, bool open); /* says drive_tray_moved() if it did */
	void (*ask_eject)(struct drive *drive, bool force); /* force: the lock is undone */
};

struct drive {
	struct block_policy policy; /* a device's properties; see DRIVE_POLICY_PROPS */
	const struct drive_type *type;
	struct drives *drives;
	const char *name; /* of the -drive; "": none */
	const char *id; /* of the device; NULL: none */
	char path[DRIVE_PATH]; /* by which else the device is known */
	bool readonly; /* how the next medium is opened if nobody says */
	struct block *block; /* NULL: empty */
	bool own; /* the block is ours to close */
	atomic_uint moves; /* of the tray, that nobody was told of */
	struct loop_task task; /* tells of them */
	TAILQ_ENTRY(drive) link;
};

/* Hooks are called on the loop's thread. */
struct drives {
	TAILQ_HEAD(drive_list, drive) list;
	struct loop *loop;
	unsigned made;
	void (*moved)(void *arg, const struct drive *drive, bool open);
	void (*failed)(void *arg, const struct block_error *error); /* block_set_error()'s */
	void *arg; /* of both */
	/* A block that came with the machine is about to be closed. */
	void (*release)(void *arg, struct block *block);
	void *release_arg;
};

void drives_init(struct drives *drives, struct loop *loop);

/*
 * What the place says of the -drive of that id; NULL: an empty one without a name. 0, or -ENOENT with
 * err set, which begins with type.
 */
int drive_find_disk(struct place *place, const char *type, const char *id, struct place_disk *disk,
		    struct error *err) __attribute__((warn_unused_result));

/* Puts it on the list, for a device that shows the disk. The policy is set already. */
void drive_add(struct drive *drive, struct place *place, const struct drive_type *type,
	       const struct device *device, const struct place_disk *disk);
/* When the chip has let go of the block. */
void drive_remove(struct drive *drive);

/* The tray was moved, once. Any thread, the chip's lock held or not. */
void drive_tray_moved(struct drive *drive);
/* Tells of what has moved, now. */
void drive_tell(struct drive *drive);

/* Takes the medium out and closes it. It is removable. */
void drive_take_out(struct drive *drive);
/* Puts one in, which becomes the drive's. It is empty. */
void drive_put_in(struct drive *drive, struct block *block);

/* Rows of a device's table of properties; drive: its member of struct drive. */
/* NOLINTBEGIN(bugprone-macro-parentheses): a member's name cannot stand in parentheses. */
#define DRIVE_POLICY_PROPS(type, drive)                                                            \
	{ "rerror",                                                                                \
	  PROP_WORD,                                                                               \
	  PROP_AT(type, drive.policy.read),                                                        \
	  .words = block_read_actions,                                                             \
	  .form = "rerror=auto|report|ignore|stop",                                                \
	  .help = "what is done when the host cannot read (default as the -drive says, or "        \
		  "report)" },                                                                     \
	{                                                                                          \
		"werror", PROP_WORD, PROP_AT(type, drive.policy.write),                            \
			.words = block_write_actions,                                              \
			.form = "werror=auto|report|ignore|stop|enospc",                           \
			.help = "what is done when the host cannot write (default as the -drive "  \
				"says, or enospc: stop if it has no room, else report)"            \
	}
/* NOLINTEND(bugprone-macro-parentheses) */
