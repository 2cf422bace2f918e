// SPDX-License-Identifier: MIT
/*
 * The floppy disk controller of the PC, an Intel 82077AA in AT mode with up to two drives (Intel
 * 82077AA data sheet, 1994; where that leaves something open, or a PC's software has come to rely on
 * it, QEMU's hw/block/fdc.c: docs/devices-floppy.md says which).
 *
 *	0x3f0, 0x3f1	status A and B		0x3f4	main status / data rate select
 *	0x3f2		digital output		0x3f5	FIFO
 *	0x3f3		tape drive		0x3f7	digital input / configuration control
 *
 * fdc.c has registers, resets and interrupts, fdc_commands.c the commands, fdc_transfer.c how those
 * that move data begin and end, fdc_data.c what moves it, fdc_isa.c the device "isa-fdc".
 *
 * Any thread; protected by the chip's lock, which the region takes around the guest's accesses. Disks
 * and DMA are reached by a task of the loop only, which the guest's accesses post. What is to be done
 * next is part of the state: a restored controller goes on where the saved one was.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/lock.h"
#include "base/loop.h"
#include "base/state.h"
#include "dev/device.h"
#include "dev/floppy/drive.h"
#include "dev/i8237.h"
#include "dev/irq.h"
#include "mem/region.h"

#define FDC_PORT    0x3f0
#define FDC_IRQ     6
#define FDC_DMA     2
#define FDC_DRIVES  2
#define FDC_FIFO    18 /* bytes of the longest command */
#define FDC_SECTORS 80 /* of data inside: both sides of a cylinder of any disk */

/* What the controller is at. */
enum fdc_phase {
	FDC_IDLE, /* a command may come */
	FDC_COMMAND, /* some of it has */
	FDC_BUSY, /* the disk or the DMA controller is at it */
	FDC_FROM_DISK, /* the guest reads data from the FIFO */
	FDC_TO_DISK, /* the guest writes data to the FIFO */
	FDC_RESULT, /* the guest reads the result */
};

/* What a command does with the data. */
enum fdc_operation {
	FDC_OP_NONE, /* deleted data, which no disk has; READ ID */
	FDC_OP_READ,
	FDC_OP_WRITE,
	FDC_OP_VERIFY,
	FDC_OP_SCAN_EQUAL,
	FDC_OP_SCAN_LOW,
	FDC_OP_SCAN_HIGH,
	FDC_OP_FORMAT,
};

/* What the loop has to do next for a command in FDC_BUSY. */
enum fdc_work {
	FDC_WORK_NONE,
	FDC_WORK_LOAD, /* from the disk into the buffer */
	FDC_WORK_MOVE, /* between the buffer and the guest */
	FDC_WORK_STORE, /* from the buffer to the disk */
	FDC_WORK_READ_ID, /* until the next sector comes round */
};

struct fdc_state {
	uint8_t dor, tdr, dsr;
	uint8_t phase; /* enum fdc_phase */
	uint8_t selected; /* the drive of the last command or of DOR, as the guest counts them */
	uint8_t interrupt; /* pending */
	uint8_t resets_left; /* of the four results that a reset leaves */
	uint8_t status0; /* for the next SENSE INTERRUPT STATUS */

	/* Command or result. */
	uint8_t fifo[FDC_FIFO];
	uint8_t fifo_at, fifo_len;

	/* As commands set them. */
	uint8_t config, precompensation, lock, perpendicular, power;
	uint8_t step_unload, load, no_dma; /* SPECIFY */
	uint8_t last_sector; /* EOT of the last command */

	/* A command that moves data. */
	uint8_t operation, work;
	uint8_t unit; /* whose it is, of drives[]; FDC_DRIVES: nobody's */
	uint8_t by_fifo; /* not by DMA */
	uint8_t multi; /* both heads */
	uint8_t cylinder, head, sector; /* where it begins */
	uint8_t ended; /* terminal count has come */
	uint8_t status2;
	uint8_t filler; /* FORMAT: what sectors are filled with */
	uint32_t sectors; /* that the command asks for */
	uint32_t done; /* of these: before those in the buffer */
	uint32_t loaded; /* bytes in the buffer */
	uint32_t moved; /* of these: the guest has them, or gave them */
	uint32_t stored; /* of these: the disk has them */
	int64_t due; /* FDC_WORK_READ_ID: on the clock */
	uint8_t buffer[FDC_SECTORS * FLOPPY_SECTOR];
};

struct fdc_options {
	struct irq_line irq; /* FDC_IRQ */
	struct i8237 *dma; /* its channel FDC_DMA */
	struct clock *clock;
	struct loop *loop;
};

struct fdc {
	struct device device;
	struct irq_source wire; /* as a device of a list */
	bool check_rate; /* a disk is not read at another rate than its own */
	struct lock lock; /* LOCK_DEVICE: everything below */
	struct mem_region low, high; /* FDC_PORT to 0x3f5, and 0x3f7 */
	struct fdc_options options;
	struct floppy_drive *drives[FDC_DRIVES]; /* NULL: none */
	struct timer timer;
	struct loop_task task;
	struct block_request request;
	struct iovec iov;
	uint32_t request_len; /* bytes */
	bool requested; /* the block has the request, and the buffer */
	bool stale; /* and its end is of no interest any more */
	bool paused;
	struct fdc_state state;
};

extern const struct state_table fdc_state_table;

/* "isa-fdc"; it becomes the place's fdc. */
extern const struct device_type fdc_type;

/* Without drives. */
void fdc_init(struct fdc *fdc, const struct fdc_options *options);
/* Unplugs all drives. */
void fdc_destroy(struct fdc *fdc);

/* On the loop's thread, or on any while the loop does not run. */
void fdc_reset(struct fdc *fdc); /* as after power-on, drives included */
void fdc_quiesce(struct fdc *fdc); /* nothing is moved until fdc_resume() */
void fdc_resume(struct fdc *fdc);
void fdc_restored(struct fdc *fdc); /* after the state was restored */

/*
 * Connects a drive, which stays the caller's, as drive->unit says; -1 becomes the first that is free.
 * 0, -EBUSY (there is one) or -ENOSPC (none is free).
 */
int fdc_plug(struct fdc *fdc, struct floppy_drive *drive) __attribute__((warn_unused_result));
/* Cancels what it is at. */
void fdc_unplug(struct fdc *fdc, struct floppy_drive *drive);
/*
 * Another disk in the drive, or none (NULL): loop's thread, the guest may be at work. A command that is at
 * the drive fails; nothing of the old disk is in flight when it returns.
 */
void fdc_change_disk(struct fdc *fdc, struct floppy_drive *drive, struct block *block);
/* CMOS byte 0x10: the types of the two drives. */
uint8_t fdc_cmos_types(const struct fdc *fdc);
/* How many drives there are. */
unsigned fdc_drives(const struct fdc *fdc);
