// SPDX-License-Identifier: MIT
/*
 * The IDE function of the PIIX3 with its two channels and the drives on them: ATA disks and ATAPI
 * CD-ROMs. Sources: Intel 290550 (PIIX3), chapters 2.2 and 2.7; SFF-8038i (bus master); ATA/ATAPI-6
 * (T13/1410D); for the CD-ROM MMC-4 and SPC-3. docs/devices-ide.md has the registers.
 *
 *	piix3_ide.c	the PCI function
 *	channel.c	a channel's registers: task file, control, data
 *	transfer.c	data on its way between the guest, the buffer and the disk
 *	bus_master.c	the walk over the guest's descriptor table
 *	ata.c		commands of disks
 *	atapi*.c	packet commands of CD-ROMs
 *	trim.c		ranges that a disk may forget
 *	identify.c	what a drive says of itself
 *	medium.c	discs that come and go
 *	ide_drive.c	"ide-hd" and "ide-cd", which put a drive on a channel
 *
 * One lock (LOCK_DEVICE) protects all of it. The guest's accesses come on any thread; what a drive
 * wants of its block is carried out on the loop's thread (block.h), by a task.
 *
 * Everything about a command that runs is state: where a disk's work goes on follows from it alone,
 * so that a restored machine begins that piece again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/loop.h"
#include "base/state.h"
#include "dev/block.h"
#include "dev/disk_geometry.h"
#include "dev/irq.h"
#include "dev/pci.h"
#include "mem/region.h"

#define IDE_CHANNELS 2
#define IDE_UNITS    2
#define IDE_BUFFER   (64u << 10) /* bytes of a drive's buffer: what the disk is asked for at once */

#define IDE_SERIAL_LEN  20
#define IDE_VERSION_LEN 8
#define IDE_MODEL_LEN   40

#define IDE_DISK_SECTOR 512u
#define IDE_CD_SECTOR   2048u
#define IDE_PACKET_LEN  12u
#define IDE_TRIM_RANGES (IDE_DISK_SECTOR / 8) /* of a TRIM, which takes one sector of them */

enum ide_kind { IDE_NONE, IDE_DISK, IDE_CDROM };

/* What a command is waiting for. */
enum ide_phase {
	IDE_IDLE, /* no command */
	IDE_READING, /* the disk */
	IDE_WRITING, /* the disk */
	IDE_FLUSHING, /* the disk */
	IDE_DATA_IN, /* the guest, to read the data register */
	IDE_DATA_OUT, /* the guest, to write it */
	IDE_PACKET, /* the guest, to write a packet command */
	IDE_DMA_IN, /* the bus master, with data for memory */
	IDE_DMA_OUT, /* the bus master, for data from memory */
	IDE_RESETTING, /* the disk, to let go of what it had */
	IDE_TRIMMING, /* the disk, to forget the ranges that are in the buffer */
};

struct ide_channel;

struct ide_drive {
	struct ide_channel *channel;
	unsigned unit;

	/* What it is. */
	enum ide_kind kind;
	struct block *block; /* IDE_CDROM: NULL: no disc */
	uint64_t sectors; /* of the medium, of the kind's size */
	struct disk_geometry geometry; /* as delivered */
	char serial[IDE_SERIAL_LEN + 1], version[IDE_VERSION_LEN + 1], model[IDE_MODEL_LEN + 1];

	/* A CD-ROM's tray was moved; on any thread, lock held. NULL: nobody cares. */
	void (*tray_moved)(void *arg);
	void *tray_moved_arg;

	/* The block's piece of work. */
	struct block_request io;
	struct iovec iov;
	struct block_range ranges[IDE_TRIM_RANGES];
	bool wanted; /* to be given to the block by the loop's thread */
	bool in_flight;

	/* State. Registers; "previous" is what was there before the last write (ATA-6, 6.20). */
	uint8_t features, count, lba_low, lba_mid, lba_high, device;
	uint8_t previous_features, previous_count, previous_low, previous_mid, previous_high;
	uint8_t error, status;
	/* The command that runs. */
	uint8_t phase; /* enum ide_phase */
	uint8_t command;
	bool dma, extended; /* extended: 48-bit addresses */
	bool stable; /* what it writes is on stable storage when it ends */
	uint64_t at_sector; /* the next one of the disk */
	uint32_t left; /* sectors that the disk has not yet been asked for, or told of */
	uint32_t block_len; /* bytes that the guest moves between two interrupts */
	uint32_t len, done,
		stop; /* of the buffer: filled or to be; moved by the guest; where DRQ ends */
	union {
		uint8_t data[IDE_BUFFER];
		uint64_t data_words[IDE_BUFFER / 8]; /* for the state table: fewer elements */
	};
	/* What SET FEATURES and its like have set. */
	uint8_t multiple; /* sectors of a block; 0: not set */
	uint16_t cylinders;
	uint8_t heads, track_sectors; /* the geometry of addresses by cylinder, head and sector */
	uint8_t transfer_mode; /* as SET FEATURES says it */
	bool write_cache, smart, standby;
	/* A CD-ROM's. */
	uint8_t sense_key, asc, ascq;
	bool attention; /* something happened that the guest has to be told first */
	uint8_t attention_asc, attention_ascq;
	uint8_t media_event;
	bool tray_open, tray_locked;
	uint16_t byte_limit; /* of a packet's data at a time */
};

struct ide_bus_master {
	/* State. */
	uint8_t command, status;
	uint32_t table; /* guest address of the descriptors */
	uint32_t entry; /* of the next one */
	uint32_t at, left; /* what remains of the piece of memory before it */
	bool last; /* it was the last */
};

struct ide;

struct ide_channel {
	struct ide *ide;
	struct irq_line irq;
	bool level; /* of the line */
	struct mem_region data_port, task_ports, control_port;
	struct ide_drive drives[IDE_UNITS];
	struct ide_bus_master master;
	/* State. */
	uint8_t control; /* the device control register */
	bool interrupt; /* INTRQ, before nIEN */
};

struct ide_options {
	struct pci_bus *bus;
	struct mem_map *map;
	struct mem_region *ports; /* where the channels' ports go */
	struct loop *loop; /* the blocks'; NULL: somebody calls ide_serve() */
	struct irq_line irq[IDE_CHANNELS];
};

struct ide {
	struct device device;
	struct pci_function function;
	struct mem_map *map;
	struct loop *loop;
	struct loop_task task;
	struct irq_source wire[IDE_CHANNELS];
	bool paused; /* the loop's: blocks are */
	struct lock lock; /* LOCK_DEVICE: all below */
	struct ide_channel channels[IDE_CHANNELS];
	struct mem_region master_ports;
};

/* What a drive is. Texts are copied, and cut at their length. */
struct ide_identity {
	enum ide_kind kind;
	struct block *block; /* IDE_CDROM: or NULL */
	const char *serial, *version, *model; /* NULL: a default */
	struct disk_geometry geometry; /* IDE_DISK: of no heads: as its partitions tell */
	void (*tray_moved)(void *arg); /* as struct ide_drive has it */
	void *tray_moved_arg;
};

extern const struct state_table ide_channel_state, ide_bus_master_state, ide_drive_state;

/* "piix3-ide": becomes the place's ide. */
extern const struct device_type piix3_ide_type;

/* The function at 01.1, no drive on it. */
void ide_init(struct ide *ide, const struct ide_options *options);
void ide_destroy(struct ide *ide);

/*
 * Puts a drive on a channel, or takes it away; the place is free, the machine does not run. The block
 * has no other user until ide_detach() and stays the caller's.
 */
void ide_attach(struct ide *ide, unsigned channel, unsigned unit,
		const struct ide_identity *identity);
void ide_detach(struct ide *ide, unsigned channel, unsigned unit);

/*
 * A CD-ROM's tray and disc. Loop's thread, or any while the loop does not run; the guest may be at work.
 * Of a block that is taken out nothing is in flight any more.
 */
struct ide_tray {
	bool open, locked;
};
struct ide_tray ide_tray(struct ide *ide, unsigned channel, unsigned unit);
void ide_move_tray(struct ide *ide, unsigned channel, unsigned unit, bool open);
/* Tells the guest that somebody wants the disc; force: its lock is undone. */
void ide_ask_eject(struct ide *ide, unsigned channel, unsigned unit, bool force);
/* NULL: the disc is gone; a command that reads it fails. */
void ide_set_medium(struct ide *ide, unsigned channel, unsigned unit, struct block *block);

/* Loop's thread, vCPUs stand still; each as the device hook of that name says. */
void ide_reset(struct ide *ide);
void ide_quiesce(struct ide *ide);
void ide_resume(struct ide *ide);
void ide_restored(struct ide *ide);

/* Gives the blocks what is wanted of them; true if more is by then. Loop's thread, no lock held. */
bool ide_serve(struct ide *ide);
