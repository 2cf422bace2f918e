// SPDX-License-Identifier: MIT
/*
 * Commands that move data: how they begin and end, and where the sectors are that they are about. A
 * command is a row of sectors, counted from the one that it names. fdc_data.c moves them.
 */
#include "dev/floppy/fdc_impl.h"

#define READ_ID_TIME (20 * NS_PER_MS) /* a sector or two go by */

struct floppy_drive *fdc_transfer_drive(const struct fdc *fdc)
{
	return fdc->state.unit < FDC_DRIVES ? fdc->drives[fdc->state.unit] : NULL;
}

bool fdc_is_scan(const struct fdc_state *s)
{
	return s->operation >= FDC_OP_SCAN_EQUAL && s->operation <= FDC_OP_SCAN_HIGH;
}

/* Positions */

/* The sector behind the n-th of a command; n = 0 is the first one. */
struct floppy_position fdc_position(const struct fdc *fdc, uint32_t n)
{
	const struct fdc_state *s = &fdc->state;
	const struct floppy_media *media = fdc_transfer_drive(fdc)->media;
	struct floppy_position at = { s->cylinder, s->head, s->sector };

	while (n--) {
		if (at.sector < media->sectors && at.sector != s->last_sector) {
			at.sector++;
			continue;
		}
		at.sector = 1;
		if (s->multi && at.head == 0 && media->heads == 2) {
			at.head = 1;
			continue;
		}
		if (s->multi)
			at.head = 0;
		at.cylinder++;
	}
	return at;
}

/* How many sectors from the n-th on, of at most max, lie side by side. */
uint32_t fdc_run_of(const struct fdc *fdc, uint32_t n, uint32_t max)
{
	const struct floppy_drive *drive = fdc_transfer_drive(fdc);
	uint32_t first = floppy_drive_lba(drive, fdc_position(fdc, n)), len = 1;

	while (len < max && floppy_drive_has(drive, fdc_position(fdc, n + len)) &&
	       floppy_drive_lba(drive, fdc_position(fdc, n + len)) == first + len)
		len++;
	return len;
}

/* Ends */

/* A command that is over leaves the head where the last sector was. */
static void note_position(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	struct floppy_drive *drive = fdc_transfer_drive(fdc);
	struct floppy_position last, next;

	if (!s->done || !drive || !drive->media)
		return;
	last = fdc_position(fdc, s->done - 1);
	next = fdc_position(fdc, s->done);
	if (last.cylinder != drive->state.cylinder)
		s->status0 |= FDC_ST0_SEEK;
	floppy_drive_seek(drive, last.cylinder);
	drive->state.head = last.head;
	s->status0 = (s->status0 & (uint8_t)~FDC_ST0_HEAD) | (last.head ? FDC_ST0_HEAD : 0);
	s->cylinder = next.cylinder;
	s->head = next.head;
	s->sector = next.sector;
}

void fdc_end(struct fdc *fdc, uint8_t status0, uint8_t status1, uint8_t status2)
{
	struct fdc_state *s = &fdc->state;

	if (s->operation != FDC_OP_FORMAT)
		note_position(fdc);
	s->fifo[0] = s->status0 | status0;
	s->fifo[1] = status1;
	s->fifo[2] = status2;
	s->fifo[3] = s->cylinder;
	s->fifo[4] = s->head;
	s->fifo[5] = s->sector;
	s->fifo[6] = FLOPPY_SECTOR_CODE;
	s->operation = FDC_OP_NONE;
	s->work = FDC_WORK_NONE;
	fdc_set_result(fdc, 7);
	fdc_raise(fdc);
}

void fdc_fail(struct fdc *fdc, uint8_t status1, uint8_t status2)
{
	fdc_end(fdc, FDC_ST0_ABNORMAL, status1, status2);
}

/* All that was asked for is done, or terminal count has come. */
void fdc_finish(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	bool by_dma = !s->by_fifo && s->operation != FDC_OP_VERIFY && !fdc_is_scan(s);

	/* Nobody has said that this was the last sector. A PC cannot say it to the FIFO. */
	if (by_dma && !s->ended && s->operation != FDC_OP_FORMAT)
		fdc_fail(fdc, FDC_ST1_END, s->status2);
	else
		fdc_end(fdc, 0, 0, s->status2);
}

void fdc_abort(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;

	fdc->stale = fdc->requested;
	s->operation = FDC_OP_NONE;
	s->work = FDC_WORK_NONE;
	s->due = CLOCK_NEVER;
	timer_disarm(&fdc->timer);
	i8237_withdraw(fdc->options.dma, FDC_DMA);
}

/* Beginnings */

void fdc_go_to_work(struct fdc *fdc, enum fdc_work work)
{
	fdc->state.phase = FDC_BUSY;
	fdc->state.work = (uint8_t)work;
	loop_post(fdc->options.loop, &fdc->task);
}

/* What all of them begin with; true if the drive has a disk that can be read. */
static bool begin(struct fdc *fdc, enum fdc_operation operation, struct floppy_position at)
{
	struct fdc_state *s = &fdc->state;
	struct floppy_drive *drive;

	s->selected = s->fifo[1] & FDC_DOR_DRIVE;
	s->unit = fdc_unit(fdc, s->selected);
	s->status0 = s->fifo[1] & (FDC_ST0_HEAD | FDC_DOR_DRIVE);
	s->operation = (uint8_t)operation;
	s->by_fifo = s->no_dma || !(s->dor & FDC_DOR_DMA);
	s->multi = s->fifo[0] >> 7;
	s->cylinder = at.cylinder;
	s->head = at.head;
	s->sector = at.sector;
	s->ended = false;
	s->status2 = 0;
	s->sectors = s->done = s->loaded = s->moved = s->stored = 0;
	drive = fdc_transfer_drive(fdc);
	if (drive)
		drive->state.head = s->fifo[1] >> 2 & 1;
	return drive && drive->media &&
	       (!fdc->check_rate || (s->dsr & FDC_DSR_RATE) == (unsigned)drive->media->rate);
}

bool fdc_writes(enum fdc_operation operation)
{
	return operation == FDC_OP_WRITE || operation == FDC_OP_FORMAT;
}

/* The number of sectors that a command's bytes ask for; 0: none that it can find. */
static uint32_t sectors_asked(const struct fdc *fdc)
{
	const struct fdc_state *s = &fdc->state;
	uint32_t sectors;

	if (s->operation == FDC_OP_VERIFY && s->fifo[1] & 0x80)
		return s->fifo[8];
	if (s->last_sector < s->sector)
		return 0;
	sectors = s->last_sector - s->sector + 1u;
	if (s->multi && s->head == 0 && fdc_transfer_drive(fdc)->media->heads == 2)
		sectors += s->last_sector;
	return sectors;
}

void fdc_start(struct fdc *fdc, enum fdc_operation operation)
{
	struct fdc_state *s = &fdc->state;
	const struct floppy_position at = { s->fifo[2], s->fifo[3], s->fifo[4] };
	bool found = begin(fdc, operation, at);
	struct floppy_drive *drive = fdc_transfer_drive(fdc);

	s->last_sector = s->fifo[6];
	if (!found) {
		/* The head goes there before anybody can look for a disk (82077AA, CONFIGURE: EIS). */
		if (drive && s->config & FDC_CONFIG_IMPLIED_SEEK)
			floppy_drive_seek(drive, at.cylinder);
		fdc_fail(fdc, FDC_ST1_NO_MARK, 0);
		return;
	}
	if (operation == FDC_OP_NONE) {
		fdc_end(fdc, FDC_ST0_ABNORMAL | FDC_ST0_SEEK, 0, 0);
		return;
	}
	if (at.cylinder != drive->state.cylinder && !(s->config & FDC_CONFIG_IMPLIED_SEEK)) {
		fdc_fail(fdc, FDC_ST1_NO_DATA, FDC_ST2_WRONG_CYLINDER);
		return;
	}
	s->sectors = sectors_asked(fdc);
	if (!floppy_drive_has(drive, at) || s->fifo[5] != FLOPPY_SECTOR_CODE || !s->sectors) {
		fdc_fail(fdc, FDC_ST1_NO_DATA, 0);
		return;
	}
	if (at.cylinder != drive->state.cylinder)
		s->status0 |= FDC_ST0_SEEK;
	floppy_drive_seek(drive, at.cylinder);
	if (fdc_writes(operation) && block_readonly(drive->block))
		fdc_fail(fdc, FDC_ST1_READONLY, 0);
	else
		fdc_go_to_work(fdc, fdc_writes(operation) ? FDC_WORK_MOVE : FDC_WORK_LOAD);
}

void fdc_start_format(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	struct floppy_drive *drive = fdc_drive(fdc, s->fifo[1] & FDC_DOR_DRIVE);
	const struct floppy_position at = { drive ? drive->state.cylinder : 0, s->fifo[1] >> 2 & 1,
					    1 };
	bool found = begin(fdc, FDC_OP_FORMAT, at);

	s->sectors = s->fifo[3];
	s->last_sector = s->fifo[3];
	s->filler = s->fifo[5];
	if (!found || !drive)
		fdc_fail(fdc, FDC_ST1_NO_MARK, 0);
	else if (block_readonly(drive->block))
		fdc_fail(fdc, FDC_ST1_READONLY, 0);
	else if (!s->sectors)
		fdc_end(fdc, 0, 0, 0);
	else
		fdc_go_to_work(fdc, FDC_WORK_MOVE);
}

void fdc_start_read_id(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	const struct floppy_drive *drive = fdc_drive(fdc, s->fifo[1] & FDC_DOR_DRIVE);
	const struct floppy_position at = { drive ? drive->state.cylinder : 0, s->fifo[1] >> 2 & 1,
					    1 };

	(void)begin(fdc, FDC_OP_NONE, at);
	s->phase = FDC_BUSY;
	s->work = FDC_WORK_READ_ID;
	s->due = clock_now(fdc->options.clock) + READ_ID_TIME;
	timer_arm(&fdc->timer, s->due);
}

/* The disk turns: another sector each time. */
static void end_read_id(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	struct floppy_drive *drive = fdc_transfer_drive(fdc);

	s->due = CLOCK_NEVER;
	if (!drive || !drive->media || s->head >= drive->media->heads ||
	    s->cylinder >= drive->media->cylinders ||
	    (fdc->check_rate && (s->dsr & FDC_DSR_RATE) != (unsigned)drive->media->rate)) {
		fdc_fail(fdc, FDC_ST1_NO_MARK, 0);
		return;
	}
	drive->state.sector = (uint8_t)(drive->state.sector % drive->media->sectors + 1);
	s->sector = drive->state.sector;
	fdc_end(fdc, 0, 0, 0);
}

void fdc_timer(void *chip)
{
	struct fdc *fdc = chip;

	lock_take(&fdc->lock);
	if (fdc->state.work == FDC_WORK_READ_ID && clock_now(fdc->options.clock) >= fdc->state.due)
		end_read_id(fdc);
	lock_drop(&fdc->lock);
}
