// SPDX-License-Identifier: MIT
/*
 * Commands that move data. A command is a row of sectors, counted from the one that it names. As many
 * as fit are in the buffer at a time:
 *
 *	read	LOAD the buffer from the disk, MOVE it to the guest, until all is done
 *	write	MOVE from the guest into the buffer, STORE it on the disk
 *	verify	LOAD
 *	scan	LOAD a sector, MOVE the guest's one behind it, compare
 *	format	MOVE the guest's list of sectors into the buffer, STORE each of them, filled
 *
 * MOVE is done by DMA, or by the guest itself at the FIFO; then the phase says so meanwhile.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dev/floppy/fdc_impl.h"

#define BUFFER_SIZE (FDC_SECTORS * FLOPPY_SECTOR)

/* In a scan, where what the guest compares with lies. */
#define SCAN_AT FLOPPY_SECTOR
/* In a format, bytes that name a sector (cylinder, head, number, size), and where the filled one lies. */
#define NAME_SIZE 4
#define FILLED_AT 1024
_Static_assert(FILLED_AT >= 255 * NAME_SIZE && FILLED_AT + FLOPPY_SECTOR <= BUFFER_SIZE,
	       "the list of sectors lies in front of the filled one");

#define READ_ID_TIME (20 * NS_PER_MS) /* a sector or two go by */

static struct floppy_drive *transfer_drive(const struct fdc *fdc)
{
	return fdc->state.unit < FDC_DRIVES ? fdc->drives[fdc->state.unit] : NULL;
}

static bool is_scan(const struct fdc_state *s)
{
	return s->operation >= FDC_OP_SCAN_EQUAL && s->operation <= FDC_OP_SCAN_HIGH;
}

/* Positions */

/* The sector behind the n-th of a command; n = 0 is the first one. */
static struct floppy_position position(const struct fdc *fdc, uint32_t n)
{
	const struct fdc_state *s = &fdc->state;
	const struct floppy_media *media = transfer_drive(fdc)->media;
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
static uint32_t run_of(const struct fdc *fdc, uint32_t n, uint32_t max)
{
	const struct floppy_drive *drive = transfer_drive(fdc);
	uint32_t first = floppy_drive_lba(drive, position(fdc, n)), len = 1;

	while (len < max && floppy_drive_has(drive, position(fdc, n + len)) &&
	       floppy_drive_lba(drive, position(fdc, n + len)) == first + len)
		len++;
	return len;
}

/* Ends */

/* A command that is over leaves the head where the last sector was. */
static void note_position(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	struct floppy_drive *drive = transfer_drive(fdc);
	struct floppy_position last, next;

	if (!s->done || !drive || !drive->media)
		return;
	last = position(fdc, s->done - 1);
	next = position(fdc, s->done);
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

static void fail(struct fdc *fdc, uint8_t status1, uint8_t status2)
{
	fdc_end(fdc, FDC_ST0_ABNORMAL, status1, status2);
}

/* All that was asked for is done, or terminal count has come. */
static void finish(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	bool by_dma = !s->by_fifo && s->operation != FDC_OP_VERIFY && !is_scan(s);

	/* Nobody has said that this was the last sector. A PC cannot say it to the FIFO. */
	if (by_dma && !s->ended && s->operation != FDC_OP_FORMAT)
		fail(fdc, FDC_ST1_END, s->status2);
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

static void go_to_work(struct fdc *fdc, enum fdc_work work)
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
	drive = transfer_drive(fdc);
	if (drive)
		drive->state.head = s->fifo[1] >> 2 & 1;
	return drive && drive->media &&
	       (!fdc->check_rate || (s->dsr & FDC_DSR_RATE) == (unsigned)drive->media->rate);
}

static bool writes(enum fdc_operation operation)
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
	if (s->multi && s->head == 0 && transfer_drive(fdc)->media->heads == 2)
		sectors += s->last_sector;
	return sectors;
}

void fdc_start(struct fdc *fdc, enum fdc_operation operation)
{
	struct fdc_state *s = &fdc->state;
	const struct floppy_position at = { s->fifo[2], s->fifo[3], s->fifo[4] };
	bool found = begin(fdc, operation, at);
	struct floppy_drive *drive = transfer_drive(fdc);

	s->last_sector = s->fifo[6];
	if (!found) {
		fail(fdc, FDC_ST1_NO_MARK, 0);
		return;
	}
	if (operation == FDC_OP_NONE) {
		fdc_end(fdc, FDC_ST0_ABNORMAL | FDC_ST0_SEEK, 0, 0);
		return;
	}
	if (at.cylinder != drive->state.cylinder && !(s->config & FDC_CONFIG_IMPLIED_SEEK)) {
		fail(fdc, FDC_ST1_NO_DATA, FDC_ST2_WRONG_CYLINDER);
		return;
	}
	s->sectors = sectors_asked(fdc);
	if (!floppy_drive_has(drive, at) || s->fifo[5] != FLOPPY_SECTOR_CODE || !s->sectors) {
		fail(fdc, FDC_ST1_NO_DATA, 0);
		return;
	}
	if (at.cylinder != drive->state.cylinder)
		s->status0 |= FDC_ST0_SEEK;
	floppy_drive_seek(drive, at.cylinder);
	if (writes(operation) && block_readonly(drive->block))
		fail(fdc, FDC_ST1_READONLY, 0);
	else
		go_to_work(fdc, writes(operation) ? FDC_WORK_MOVE : FDC_WORK_LOAD);
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
		fail(fdc, FDC_ST1_NO_MARK, 0);
	else if (block_readonly(drive->block))
		fail(fdc, FDC_ST1_READONLY, 0);
	else if (!s->sectors)
		fdc_end(fdc, 0, 0, 0);
	else
		go_to_work(fdc, FDC_WORK_MOVE);
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
	struct floppy_drive *drive = transfer_drive(fdc);

	s->due = CLOCK_NEVER;
	if (!drive || !drive->media || s->head >= drive->media->heads ||
	    s->cylinder >= drive->media->cylinders ||
	    (fdc->check_rate && (s->dsr & FDC_DSR_RATE) != (unsigned)drive->media->rate)) {
		fail(fdc, FDC_ST1_NO_MARK, 0);
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

/* Disk and buffer */

/* How many sectors the buffer should have: no more than the DMA controller will take. */
static uint32_t window(const struct fdc *fdc)
{
	const struct fdc_state *s = &fdc->state;
	uint32_t sectors = s->sectors - s->done;
	size_t left;

	if (is_scan(s))
		return 1;
	if (sectors > FDC_SECTORS)
		sectors = FDC_SECTORS;
	if (s->by_fifo || s->operation != FDC_OP_READ)
		return sectors;
	left = (i8237_left(fdc->options.dma, FDC_DMA) + FLOPPY_SECTOR - 1) / FLOPPY_SECTOR;
	return left < sectors ? (uint32_t)left : sectors;
}

static void request_done(struct block_request *request, int result);

/* Prepares the request; it is submitted when the lock is dropped. */
static void prepare_request(struct fdc *fdc, enum block_op op, uint32_t lba, uint8_t *buffer,
			    uint32_t len)
{
	fdc->iov = (struct iovec){ buffer, len };
	fdc->request_len = len;
	fdc->request = (struct block_request){
		.op = op,
		.stable = op == BLOCK_WRITE,
		.offset = (uint64_t)lba * FLOPPY_SECTOR,
		.iov = &fdc->iov,
		.iov_n = 1,
		.done = request_done,
	};
	fdc->requested = true;
}

static void load(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	uint32_t n = s->done + s->loaded / FLOPPY_SECTOR, max = window(fdc);
	const struct floppy_drive *drive = transfer_drive(fdc);
	uint32_t run;

	if (s->loaded >= max * FLOPPY_SECTOR) {
		s->work = FDC_WORK_MOVE;
		return;
	}
	if (!floppy_drive_has(drive, position(fdc, n))) {
		fail(fdc, FDC_ST1_NO_DATA, 0);
		return;
	}
	run = run_of(fdc, n, max - s->loaded / FLOPPY_SECTOR);
	prepare_request(fdc, BLOCK_READ, floppy_drive_lba(drive, position(fdc, n)),
			s->buffer + s->loaded, run * FLOPPY_SECTOR);
}

/* The buffer is on the disk. */
static void end_store(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;

	if (s->operation == FDC_OP_FORMAT) {
		finish(fdc);
		return;
	}
	s->done += s->loaded / FLOPPY_SECTOR;
	s->loaded = s->moved = s->stored = 0;
	if (s->ended || s->done == s->sectors)
		finish(fdc);
	else
		s->work = FDC_WORK_MOVE;
}

/* The next sector of the guest's list. An image has its form; none but that can be made on it. */
static void store_named(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	const struct floppy_drive *drive = transfer_drive(fdc);
	const uint8_t *name = s->buffer + s->stored;
	const struct floppy_position at = { name[0], name[1], name[2] };

	if (name[3] != FLOPPY_SECTOR_CODE || at.cylinder != drive->state.cylinder ||
	    at.head != drive->state.head || !floppy_drive_has(drive, at)) {
		fail(fdc, FDC_ST1_NO_DATA, 0);
		return;
	}
	memset(s->buffer + FILLED_AT, s->filler, FLOPPY_SECTOR);
	prepare_request(fdc, BLOCK_WRITE, floppy_drive_lba(drive, at), s->buffer + FILLED_AT,
			FLOPPY_SECTOR);
}

static void store(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	uint32_t n = s->done + s->stored / FLOPPY_SECTOR, run;
	const struct floppy_drive *drive = transfer_drive(fdc);

	if (s->stored >= s->loaded) {
		end_store(fdc);
	} else if (s->operation == FDC_OP_FORMAT) {
		store_named(fdc);
	} else if (!floppy_drive_has(drive, position(fdc, n))) {
		fail(fdc, FDC_ST1_NO_DATA, 0);
	} else {
		run = run_of(fdc, n, (s->loaded - s->stored) / FLOPPY_SECTOR);
		prepare_request(fdc, BLOCK_WRITE, floppy_drive_lba(drive, position(fdc, n)),
				s->buffer + s->stored, run * FLOPPY_SECTOR);
	}
}

static void request_done(struct block_request *request, int result)
{
	struct fdc *fdc = (struct fdc *)(void *)((char *)request - offsetof(struct fdc, request));
	struct fdc_state *s = &fdc->state;

	lock_take(&fdc->lock);
	fdc->requested = false;
	if (fdc->stale || result == -ECANCELED)
		fdc->stale = false;
	else if (result < 0)
		fail(fdc, FDC_ST1_DATA_ERROR, FDC_ST2_DATA_ERROR);
	else if (s->work == FDC_WORK_LOAD)
		s->loaded += fdc->request_len;
	else
		s->stored += s->operation == FDC_OP_FORMAT ? NAME_SIZE : fdc->request_len;
	lock_drop(&fdc->lock);
	loop_post(fdc->options.loop, &fdc->task);
}

/* Buffer and guest */

/* How many bytes are to be moved before something else is done with them. */
static uint32_t move_size(const struct fdc *fdc)
{
	const struct fdc_state *s = &fdc->state;

	switch (s->operation) {
	case FDC_OP_WRITE:
		return window(fdc) * FLOPPY_SECTOR;
	case FDC_OP_FORMAT:
		return s->sectors * NAME_SIZE;
	default:
		return s->loaded;
	}
}

static uint8_t *move_at(struct fdc *fdc)
{
	return fdc->state.buffer + (is_scan(&fdc->state) ? SCAN_AT : 0) + fdc->state.moved;
}

/* Whether the scan ends here; disk against guest. */
static bool scan_ends(struct fdc_state *s)
{
	int order = memcmp(s->buffer, s->buffer + SCAN_AT, s->moved);

	s->status2 = order ? 0 : FDC_ST2_EQUAL;
	if (!order || (order < 0 && s->operation == FDC_OP_SCAN_LOW) ||
	    (order > 0 && s->operation == FDC_OP_SCAN_HIGH))
		return true;
	s->status2 = FDC_ST2_UNSATISFIED;
	return false;
}

/* What was to be moved is, or terminal count has come. */
static void end_move(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	bool ends = s->ended;

	if (writes((enum fdc_operation)s->operation)) {
		uint32_t unit = s->operation == FDC_OP_FORMAT ? NAME_SIZE : FLOPPY_SECTOR;

		/* A sector that is not given to its end is filled with zeros; half a name is none. */
		s->loaded = s->moved / unit * unit;
		if (s->moved % unit && s->operation == FDC_OP_WRITE) {
			memset(s->buffer + s->moved, 0, unit - s->moved % unit);
			s->loaded += unit;
		}
		s->work = FDC_WORK_STORE;
		return;
	}
	if (is_scan(s))
		ends |= scan_ends(s);
	s->done += (s->moved + FLOPPY_SECTOR - 1) / FLOPPY_SECTOR;
	s->loaded = s->moved = 0;
	if (ends || s->done == s->sectors)
		finish(fdc);
	else
		s->work = FDC_WORK_LOAD;
}

/* False: the DMA controller makes it wait. */
static bool move_by_dma(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	enum i8237_direction direction = s->operation == FDC_OP_READ ? I8237_WRITE : I8237_READ;
	struct i8237_moved moved = i8237_transfer(fdc->options.dma, FDC_DMA, direction,
						  move_at(fdc), move_size(fdc) - s->moved);

	s->moved += (uint32_t)moved.len;
	s->ended |= moved.ended;
	return moved.len != 0;
}

/* False: it has to wait for somebody. */
static bool move(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;

	if (s->operation == FDC_OP_VERIFY) {
		s->moved = s->loaded;
	} else if (s->by_fifo && s->moved < move_size(fdc)) {
		s->phase = s->operation == FDC_OP_READ ? FDC_FROM_DISK : FDC_TO_DISK;
		fdc_raise(fdc);
		return false;
	} else if (!s->by_fifo && !move_by_dma(fdc)) {
		return false;
	}
	if (s->ended || s->moved >= move_size(fdc))
		end_move(fdc);
	return true;
}

uint8_t fdc_take_byte(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	uint8_t byte = s->buffer[s->moved++];

	if (s->moved < s->loaded)
		return byte;
	end_move(fdc);
	if (s->phase == FDC_FROM_DISK)
		go_to_work(fdc, FDC_WORK_LOAD);
	return byte;
}

void fdc_give_byte(struct fdc *fdc, uint8_t byte)
{
	*move_at(fdc) = byte;
	fdc->state.moved++;
	if (fdc->state.moved == move_size(fdc))
		go_to_work(fdc, FDC_WORK_MOVE);
}

/* The task */

/* One step; false: there is none to take now. */
static bool take_step(struct fdc *fdc)
{
	if (fdc->requested || fdc->state.phase != FDC_BUSY)
		return false;
	switch (fdc->state.work) {
	case FDC_WORK_LOAD:
		load(fdc);
		return true;
	case FDC_WORK_MOVE:
		return move(fdc);
	case FDC_WORK_STORE:
		store(fdc);
		return true;
	default:
		return false;
	}
}

void fdc_work(void *chip)
{
	struct fdc *fdc = chip;
	struct block *block = NULL;

	if (fdc->paused)
		return;
	lock_take(&fdc->lock);
	if (!fdc->requested) {
		while (take_step(fdc))
			continue;
		if (fdc->requested)
			block = transfer_drive(fdc)->block;
	}
	lock_drop(&fdc->lock);
	/*
	 * If we have to wait for the DMA controller, no write that lets us on may wait any more: the
	 * zones are gone, and what was in them is delivered, when this returns.
	 */
	if (mem_map_settle(fdc->options.dma->map))
		loop_post(fdc->options.loop, &fdc->task);
	if (!block)
		return;
	block_submit(block, &fdc->request);
	block_kick(block);
}
