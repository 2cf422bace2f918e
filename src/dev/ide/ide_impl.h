// SPDX-License-Identifier: MIT
/* What the parts of src/dev/ide know of each other. The lock is held, unless a line says otherwise. */
#pragma once

#include "dev/ide/ide.h"
#include "dev/ide/ports.h"

/* Status register (ATA-6, 7.15) */
#define IDE_STATUS_ERR  0x01u /* CHK of a packet command */
#define IDE_STATUS_DRQ  0x08u
#define IDE_STATUS_DSC  0x10u
#define IDE_STATUS_DF   0x20u
#define IDE_STATUS_DRDY 0x40u
#define IDE_STATUS_BSY  0x80u

/* Error register (7.9) */
#define IDE_ERROR_ABRT 0x04u
#define IDE_ERROR_IDNF 0x10u
#define IDE_ERROR_UNC  0x40u

/* Device register (7.7) */
#define IDE_DEVICE_DEV 0x10u
#define IDE_DEVICE_LBA 0x40u
#define IDE_DEVICE_OBS 0xa0u /* bits that are always set */

/* Device control register (7.8) */
#define IDE_CONTROL_NIEN 0x02u
#define IDE_CONTROL_SRST 0x04u
#define IDE_CONTROL_HOB  0x80u

/* Interrupt reason, in the count register (7.13) */
#define IDE_REASON_COMMAND 0x01u /* C/D: a packet, or status */
#define IDE_REASON_IN      0x02u /* I/O: to the guest */

/* Bus master (SFF-8038i, 2) */
#define IDE_MASTER_START     0x01u
#define IDE_MASTER_TO_MEMORY 0x08u
#define IDE_MASTER_ACTIVE    0x01u
#define IDE_MASTER_ERROR     0x02u
#define IDE_MASTER_INTERRUPT 0x04u
#define IDE_MASTER_CAPABLE   0x60u

/* channel.c */
void ide_channel_init(struct ide_channel *channel, struct mem_region *ports, unsigned index);
struct ide_drive *ide_selected(struct ide_channel *channel);
void ide_interrupt(struct ide_channel *channel);
void ide_line_update(struct ide_channel *channel);
/* The registers after a reset or a diagnosis say what kind of device it is (9.12). */
void ide_signature(struct ide_drive *drive);

/* transfer.c */
uint32_t ide_sector_len(const struct ide_drive *drive);
/* Reads and writes at at_sector, left sectors of them, block_len at a time if it is no DMA. */
void ide_start_read(struct ide_drive *drive);
void ide_start_write(struct ide_drive *drive);
void ide_start_flush(struct ide_drive *drive);
/* Takes a sector of ranges by DMA and has the disk forget them. */
void ide_start_trim(struct ide_drive *drive);
/* Hands the guest len bytes that are in the buffer; left is 0. */
void ide_start_answer(struct ide_drive *drive, uint32_t len);
/* Takes len bytes from the guest, with no disk behind them. */
void ide_start_take(struct ide_drive *drive, uint32_t len);
/* The guest has moved all up to .stop. */
void ide_block_moved(struct ide_drive *drive);
/* The bus master is on: the drive that waits for it goes on. */
void ide_master_started(struct ide_channel *channel);
/* Ends a command: well; or with bits of the error register. */
void ide_end(struct ide_drive *drive);
void ide_fail(struct ide_drive *drive, uint8_t error);
/* A soft reset, or DEVICE RESET: ends what runs, sets the signature when the disk is free. */
/* The disk could not do what the command wants, as -errno says: the command fails. */
void ide_disk_failed(struct ide_drive *drive, int result);
void ide_drive_reset(struct ide_drive *drive);
/* The drive's block gets its work soon. */
void ide_want(struct ide_drive *drive);

/* bus_master.c */
enum ide_moved {
	IDE_MOVED, /* all of it */
	IDE_MOVED_SHORT, /* the table ended before */
	IDE_MOVED_FAULT, /* something of it is no memory, or the function is no bus master */
};
void ide_master_start(struct ide_bus_master *master);
/* Off, if the guest has said so and no drive is at a command that was begun with it. */
void ide_master_stop(struct ide_channel *channel);
enum ide_moved ide_master_move(struct ide_channel *channel, uint8_t *data, uint32_t len,
			       bool to_memory);
extern const struct mem_port ide_master_ports[];
extern const size_t ide_master_ports_n;

/* ata.c */
void ide_command(struct ide_drive *drive, uint8_t code);
/* The registers show the next sector, or the one that failed. */
void ide_show_address(struct ide_drive *drive);

/* trim.c */
/* The ranges in the buffer become drive->ranges. False: the disk does not have all that is named. */
bool ide_trim_ranges(struct ide_drive *drive, unsigned *n) __attribute__((warn_unused_result));

/* identify.c */
void ide_identify(struct ide_drive *drive);
void ide_identify_packet(struct ide_drive *drive);

/* atapi.c */
void ide_packet_start(struct ide_drive *drive);
void ide_packet_run(struct ide_drive *drive);
void ide_packet_end(struct ide_drive *drive);
void ide_packet_fail(struct ide_drive *drive, int result);
void ide_packet_reset(struct ide_drive *drive);
