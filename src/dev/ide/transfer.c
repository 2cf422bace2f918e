// SPDX-License-Identifier: MIT
/*
 * Data on its way. A drive has one buffer; the disk is asked for as much of a command as goes into it,
 * and the guest takes it in blocks, by the data register or through the bus master.
 *
 *	disk -> READING -> DATA_IN  -> guest	or  -> DMA_IN  -> memory
 *	guest -> DATA_OUT -> WRITING -> disk	or  memory -> DMA_OUT -> WRITING, TRIMMING -> disk
 */
#include <assert.h>
#include <errno.h>

#include "dev/ide/ide_impl.h"

#define READY (IDE_STATUS_DRDY | IDE_STATUS_DSC)

uint32_t ide_sector_len(const struct ide_drive *drive)
{
	return drive->kind == IDE_CDROM ? IDE_CD_SECTOR : IDE_DISK_SECTOR;
}

static uint32_t sectors_now(const struct ide_drive *drive)
{
	uint32_t room = IDE_BUFFER / ide_sector_len(drive);

	return drive->left < room ? drive->left : room;
}

void ide_end(struct ide_drive *drive)
{
	drive->phase = IDE_IDLE;
	drive->error = 0;
	drive->status = READY;
	ide_interrupt(drive->channel);
}

void ide_fail(struct ide_drive *drive, uint8_t error)
{
	drive->phase = IDE_IDLE;
	drive->error = error;
	drive->status = READY | IDE_STATUS_ERR;
	ide_interrupt(drive->channel);
}

/* All of a command has been moved. */
static void finish(struct ide_drive *drive)
{
	if (drive->kind == IDE_CDROM && drive->command == IDE_CMD_PACKET) {
		ide_packet_end(drive);
		return;
	}
	drive->count = 0;
	ide_end(drive);
}

/* A command is over whose data the bus master has moved, all of it. */
static void master_done(struct ide_channel *channel)
{
	struct ide_bus_master *master = &channel->master;

	/* It stays on if its table describes more memory than there was data (SFF-8038i, 3.1). */
	if (master->last && master->left == 0)
		master->status &= (uint8_t)~IDE_MASTER_ACTIVE;
	ide_master_stop(channel);
}

static void finish_dma(struct ide_drive *drive)
{
	finish(drive);
	master_done(drive->channel);
}

/* Asks for the next block of what is in the buffer, or has room there. */
static void offer_block(struct ide_drive *drive, enum ide_phase phase)
{
	uint32_t more = drive->len - drive->done;

	drive->stop = drive->done + (more < drive->block_len ? more : drive->block_len);
	drive->phase = (uint8_t)phase;
	drive->status = READY | IDE_STATUS_DRQ;
	if (drive->command == IDE_CMD_PACKET) {
		uint32_t len = drive->stop - drive->done;

		drive->count = phase == IDE_DATA_IN ? IDE_REASON_IN : 0;
		drive->lba_mid = (uint8_t)len;
		drive->lba_high = (uint8_t)(len >> 8);
	}
}

static void ask_disk(struct ide_drive *drive, enum ide_phase phase)
{
	if (!drive->block) {
		ide_disk_failed(drive, -ENOMEDIUM);
		return;
	}
	drive->phase = (uint8_t)phase;
	drive->status = READY | IDE_STATUS_BSY;
	ide_want(drive);
}

static void dma_go_on(struct ide_drive *drive);

/* What is in the buffer goes to the guest. */
static void give(struct ide_drive *drive)
{
	drive->done = 0;
	if (drive->dma) {
		drive->phase = IDE_DMA_IN;
		drive->status = READY | IDE_STATUS_DRQ;
		dma_go_on(drive);
		return;
	}
	offer_block(drive, IDE_DATA_IN);
	ide_interrupt(drive->channel);
}

/* The buffer is to be filled with what comes next. */
static void take(struct ide_drive *drive)
{
	drive->done = 0;
	drive->len = sectors_now(drive) * ide_sector_len(drive);
	if (drive->dma) {
		drive->phase = IDE_DMA_OUT;
		drive->status = READY | IDE_STATUS_DRQ;
		dma_go_on(drive);
		return;
	}
	offer_block(drive, IDE_DATA_OUT);
}

void ide_start_read(struct ide_drive *drive)
{
	ask_disk(drive, IDE_READING);
}

/* The first block is asked for without an interrupt (ATA-6, 9.6). */
void ide_start_write(struct ide_drive *drive)
{
	take(drive);
}

void ide_start_flush(struct ide_drive *drive)
{
	ask_disk(drive, IDE_FLUSHING);
}

void ide_start_trim(struct ide_drive *drive)
{
	drive->left = 1;
	take(drive);
}

void ide_start_answer(struct ide_drive *drive, uint32_t len)
{
	drive->left = 0;
	drive->len = len;
	if (len == 0)
		finish(drive);
	else
		give(drive);
}

void ide_start_take(struct ide_drive *drive, uint32_t len)
{
	drive->left = 0;
	drive->done = 0;
	drive->len = len;
	offer_block(drive, IDE_DATA_OUT);
}

void ide_block_moved(struct ide_drive *drive)
{
	if (drive->phase == IDE_PACKET) {
		ide_packet_run(drive);
		return;
	}
	if (drive->done < drive->len) {
		offer_block(drive, (enum ide_phase)drive->phase);
		ide_interrupt(drive->channel);
		return;
	}
	if (drive->phase == IDE_DATA_OUT && drive->left > 0) {
		ask_disk(drive, IDE_WRITING);
		return;
	}
	if (drive->phase == IDE_DATA_OUT) {
		finish(drive);
		return;
	}
	if (drive->left > 0) {
		ask_disk(drive, IDE_READING);
		return;
	}
	if (drive->command == IDE_CMD_PACKET) {
		finish(drive);
		return;
	}
	/* A disk's last block was announced; its end is not (ATA-6, 9.5). */
	drive->phase = IDE_IDLE;
	drive->status = READY;
	drive->count = 0;
}

/* Bus master */

static void dma_short(struct ide_drive *drive)
{
	/* Nobody is told: the driver finds the engine off without an interrupt (SFF-8038i, 3.1). */
	drive->channel->master.status &= (uint8_t)~IDE_MASTER_ACTIVE;
	drive->phase = IDE_IDLE;
	drive->status = READY;
}

static void dma_fault(struct ide_drive *drive)
{
	struct ide_bus_master *master = &drive->channel->master;

	master->status &= (uint8_t)~IDE_MASTER_ACTIVE;
	master->status |= IDE_MASTER_ERROR;
	if (drive->command == IDE_CMD_PACKET)
		ide_packet_fail(drive, -EFAULT);
	else
		ide_fail(drive, IDE_ERROR_ABRT);
}

static void dma_go_on(struct ide_drive *drive)
{
	bool in = drive->phase == IDE_DMA_IN;
	enum ide_moved moved;

	if (!(drive->channel->master.status & IDE_MASTER_ACTIVE))
		return;
	moved = ide_master_move(drive->channel, drive->data, drive->len, in);
	if (moved == IDE_MOVED_SHORT)
		dma_short(drive);
	else if (moved == IDE_MOVED_FAULT)
		dma_fault(drive);
	else if (!in)
		ask_disk(drive, drive->command == IDE_CMD_TRIM ? IDE_TRIMMING : IDE_WRITING);
	else if (drive->left > 0)
		ask_disk(drive, IDE_READING);
	else
		finish_dma(drive);
}

void ide_master_started(struct ide_channel *channel)
{
	struct ide_drive *drive = ide_selected(channel);

	if (drive->phase != IDE_DMA_IN && drive->phase != IDE_DMA_OUT)
		drive = &channel->drives[!drive->unit];
	if (drive->phase == IDE_DMA_IN || drive->phase == IDE_DMA_OUT)
		dma_go_on(drive);
}

/* The disk */

static void read_done(struct ide_drive *drive)
{
	uint32_t n = sectors_now(drive);

	drive->at_sector += n;
	drive->left -= n;
	drive->len = n * ide_sector_len(drive);
	/* READ VERIFY: that it could be read is all. */
	if (drive->block_len == 0 && !drive->dma) {
		if (drive->left > 0)
			ask_disk(drive, IDE_READING);
		else
			finish(drive);
		return;
	}
	give(drive);
}

static void write_done(struct ide_drive *drive)
{
	uint32_t n = sectors_now(drive);

	drive->at_sector += n;
	drive->left -= n;
	if (drive->left == 0) {
		if (drive->dma)
			finish_dma(drive);
		else
			finish(drive);
		return;
	}
	take(drive);
	if (!drive->dma)
		ide_interrupt(drive->channel);
}

void ide_disk_failed(struct ide_drive *drive, int result)
{
	if (drive->dma) {
		drive->channel->master.status &= (uint8_t)~IDE_MASTER_ACTIVE;
		drive->channel->master.status |= IDE_MASTER_ERROR;
	}
	if (drive->command == IDE_CMD_PACKET) {
		ide_packet_fail(drive, result);
		return;
	}
	if (drive->phase == IDE_FLUSHING) {
		ide_fail(drive, IDE_ERROR_ABRT);
		return;
	}
	if (drive->phase != IDE_TRIMMING)
		ide_show_address(drive);
	ide_fail(drive, drive->phase == IDE_READING ? IDE_ERROR_UNC : IDE_ERROR_ABRT);
}

static void disk_free(struct ide_drive *drive)
{
	drive->phase = IDE_IDLE;
	drive->status = 0;
	if (!(drive->channel->control & IDE_CONTROL_SRST))
		ide_signature(drive);
	else
		drive->status = IDE_STATUS_BSY;
}

static void transfer_done(struct block_request *io, int result)
{
	struct ide_drive *drive = (struct ide_drive *)((char *)io - offsetof(struct ide_drive, io));
	struct ide *ide = drive->channel->ide;

	lock_take(&ide->lock);
	drive->in_flight = false;
	if (drive->phase == IDE_RESETTING)
		disk_free(drive);
	else if (result == -ECANCELED)
		; /* the machine's reset, or a restore, has the rest */
	else if (result < 0 && !(drive->phase == IDE_TRIMMING && result == -EOPNOTSUPP))
		ide_disk_failed(drive, result);
	else if (drive->phase == IDE_READING)
		read_done(drive);
	else if (drive->phase == IDE_WRITING)
		write_done(drive);
	else if (drive->phase == IDE_TRIMMING)
		finish_dma(drive); /* also if the host cannot: it may keep what it may forget */
	else
		finish(drive);
	lock_drop(&ide->lock);
}

static void prepare_move(struct ide_drive *drive, enum block_op op)
{
	uint64_t len = ide_sector_len(drive);

	drive->iov = (struct iovec){ drive->data, sectors_now(drive) * len };
	drive->io = (struct block_request){
		.op = op,
		.stable = op == BLOCK_WRITE && drive->stable,
		.offset = drive->at_sector * len,
		.iov = &drive->iov,
		.iov_n = 1,
	};
}

static bool prepare_trim(struct ide_drive *drive)
{
	drive->io = (struct block_request){ .op = BLOCK_DISCARD, .range = drive->ranges };
	if (ide_trim_ranges(drive, &drive->io.range_n))
		return true;
	ide_fail(drive, IDE_ERROR_ABRT);
	master_done(drive->channel);
	return false;
}

/* Lock held. False: the block has nothing to do. */
static bool submit(struct ide_drive *drive)
{
	switch (drive->phase) {
	case IDE_READING:
		prepare_move(drive, BLOCK_READ);
		break;
	case IDE_WRITING:
		prepare_move(drive, BLOCK_WRITE);
		break;
	case IDE_FLUSHING:
		drive->io = (struct block_request){ .op = BLOCK_FLUSH };
		break;
	case IDE_TRIMMING:
		if (prepare_trim(drive))
			break;
		return false;
	case IDE_RESETTING:
		disk_free(drive);
		return false;
	default:
		return false;
	}
	drive->io.done = transfer_done;
	drive->in_flight = true;
	block_submit(drive->block, &drive->io);
	return true;
}

static bool serve_drive(struct ide *ide, struct ide_drive *drive)
{
	struct block *block;
	bool abandon, kick = false, more;

	lock_take(&ide->lock);
	block = drive->block;
	abandon = drive->phase == IDE_RESETTING && drive->in_flight;
	if (drive->wanted && !drive->in_flight) {
		drive->wanted = false;
		kick = submit(drive);
	}
	lock_drop(&ide->lock);
	if (abandon)
		block_abandon(block);
	if (kick || abandon)
		block_kick(block);
	lock_take(&ide->lock);
	more = drive->wanted && !drive->in_flight;
	lock_drop(&ide->lock);
	return more;
}

bool ide_serve(struct ide *ide)
{
	bool more = false;

	for (unsigned i = 0; i < IDE_CHANNELS * IDE_UNITS; i++) {
		struct ide_drive *drive = &ide->channels[i / IDE_UNITS].drives[i % IDE_UNITS];

		if (drive->block)
			more |= serve_drive(ide, drive);
	}
	return more;
}

void ide_want(struct ide_drive *drive)
{
	struct ide *ide = drive->channel->ide;

	assert(drive->block);
	drive->wanted = true;
	if (ide->loop)
		loop_post(ide->loop, &ide->task);
}

void ide_drive_reset(struct ide_drive *drive)
{
	bool busy = drive->in_flight;

	drive->wanted = false;
	drive->multiple = 0;
	ide_packet_reset(drive);
	if (busy) {
		drive->phase = IDE_RESETTING;
		drive->status = IDE_STATUS_BSY;
		ide_want(drive);
	} else {
		disk_free(drive);
	}
	ide_master_stop(drive->channel);
}
