// SPDX-License-Identifier: MIT
/*
 * What moves data. As many of a command's sectors as fit are in the buffer at a time:
 *
 *	read	LOAD the buffer from the disk, MOVE it to the guest, until all is done
 *	write	MOVE from the guest into the buffer, STORE it on the disk
 *	verify	LOAD
 *	scan	LOAD a sector, MOVE the guest's one behind it, compare
 *	format	MOVE the guest's list of sectors into the buffer, STORE each of them, filled
 *
 * MOVE is done by DMA, or by the guest itself at the FIFO; then the phase says so meanwhile.
 */
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

/* Disk and buffer */

/* How many sectors the buffer should have: no more than the DMA controller will take. */
static uint32_t window(const struct fdc *fdc)
{
	const struct fdc_state *s = &fdc->state;
	uint32_t sectors = s->sectors - s->done;
	size_t left;

	if (fdc_is_scan(s))
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
		.offset = (uint64_t)lba * FLOPPY_SECTOR,
		.iov = &fdc->iov,
		.iov_n = 1,
		.done = request_done,
	};
	fdc->requested = true;
	fdc_transfer_drive(fdc)->written |= op == BLOCK_WRITE;
}

static void load(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	uint32_t n = s->done + s->loaded / FLOPPY_SECTOR, max = window(fdc);
	const struct floppy_drive *drive = fdc_transfer_drive(fdc);
	uint32_t run;

	if (s->loaded >= max * FLOPPY_SECTOR) {
		s->work = FDC_WORK_MOVE;
		return;
	}
	if (!floppy_drive_has(drive, fdc_position(fdc, n))) {
		fdc_fail(fdc, FDC_ST1_NO_DATA, 0);
		return;
	}
	run = fdc_run_of(fdc, n, max - s->loaded / FLOPPY_SECTOR);
	prepare_request(fdc, BLOCK_READ, floppy_drive_lba(drive, fdc_position(fdc, n)),
			s->buffer + s->loaded, run * FLOPPY_SECTOR);
}

/* The buffer is on the disk. */
static void end_store(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;

	if (s->operation == FDC_OP_FORMAT) {
		fdc_finish(fdc);
		return;
	}
	s->done += s->loaded / FLOPPY_SECTOR;
	s->loaded = s->moved = s->stored = 0;
	if (s->ended || s->done == s->sectors)
		fdc_finish(fdc);
	else
		s->work = FDC_WORK_MOVE;
}

/* The next sector of the guest's list. An image has its form; none but that can be made on it. */
static void store_named(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	const struct floppy_drive *drive = fdc_transfer_drive(fdc);
	const uint8_t *name = s->buffer + s->stored;
	const struct floppy_position at = { name[0], name[1], name[2] };

	if (name[3] != FLOPPY_SECTOR_CODE || at.cylinder != drive->state.cylinder ||
	    at.head != drive->state.head || !floppy_drive_has(drive, at)) {
		fdc_fail(fdc, FDC_ST1_NO_DATA, 0);
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
	const struct floppy_drive *drive = fdc_transfer_drive(fdc);

	if (s->stored >= s->loaded) {
		end_store(fdc);
	} else if (s->operation == FDC_OP_FORMAT) {
		store_named(fdc);
	} else if (!floppy_drive_has(drive, fdc_position(fdc, n))) {
		fdc_fail(fdc, FDC_ST1_NO_DATA, 0);
	} else {
		run = fdc_run_of(fdc, n, (s->loaded - s->stored) / FLOPPY_SECTOR);
		prepare_request(fdc, BLOCK_WRITE, floppy_drive_lba(drive, fdc_position(fdc, n)),
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
		fdc_fail(fdc, FDC_ST1_DATA_ERROR, FDC_ST2_DATA_ERROR);
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
	return fdc->state.buffer + (fdc_is_scan(&fdc->state) ? SCAN_AT : 0) + fdc->state.moved;
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

	if (fdc_writes((enum fdc_operation)s->operation)) {
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
	if (fdc_is_scan(s))
		ends |= scan_ends(s);
	s->done += (s->moved + FLOPPY_SECTOR - 1) / FLOPPY_SECTOR;
	s->loaded = s->moved = 0;
	if (ends || s->done == s->sectors)
		fdc_finish(fdc);
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
		fdc_go_to_work(fdc, FDC_WORK_LOAD);
	return byte;
}

void fdc_give_byte(struct fdc *fdc, uint8_t byte)
{
	*move_at(fdc) = byte;
	fdc->state.moved++;
	if (fdc->state.moved == move_size(fdc))
		fdc_go_to_work(fdc, FDC_WORK_MOVE);
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

static void flush_done(struct block_request *request, int result)
{
	struct floppy_drive *drive =
		(struct floppy_drive *)(void *)((char *)request -
						offsetof(struct floppy_drive, flush));

	lock_take(&drive->fdc->lock);
	drive->flushing = false;
	lock_drop(&drive->fdc->lock);
	loop_post(drive->fdc->options.loop, &drive->fdc->task);
}

static void flush_disks(struct fdc *fdc)
{
	for (unsigned i = 0; i < FDC_DRIVES; i++) {
		struct floppy_drive *drive = fdc->drives[i];
		bool begins = false;

		lock_take(&fdc->lock);
		if (drive && drive->flush_wanted && !drive->flushing) {
			begins = drive->written;
			drive->flush_wanted = drive->written = false;
			drive->flushing = begins;
		}
		lock_drop(&fdc->lock);
		if (!begins)
			continue;
		drive->flush = (struct block_request){ .op = BLOCK_FLUSH, .done = flush_done };
		block_submit(drive->block, &drive->flush);
		block_kick(drive->block);
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
			block = fdc_transfer_drive(fdc)->block;
	}
	lock_drop(&fdc->lock);
	/*
	 * If we have to wait for the DMA controller, no write that lets us on may wait any more: the
	 * zones are gone, and what was in them is delivered, when this returns.
	 */
	if (mem_map_settle(fdc->options.dma->map))
		loop_post(fdc->options.loop, &fdc->task);
	if (block) {
		block_submit(block, &fdc->request);
		block_kick(block);
	}
	flush_disks(fdc);
}

/* A restored state */

static bool is_command_sound(const struct fdc_state *s)
{
	return s->phase <= FDC_RESULT && s->work <= FDC_WORK_READ_ID &&
	       s->operation <= FDC_OP_FORMAT && s->unit <= FDC_DRIVES &&
	       s->resets_left <= FDC_RESET_RESULTS && s->fifo_at < FDC_FIFO &&
	       s->fifo_len <= FDC_FIFO && (s->phase != FDC_RESULT || s->fifo_at < s->fifo_len) &&
	       (s->phase != FDC_BUSY || s->work != FDC_WORK_NONE);
}

static bool is_buffer_sound(const struct fdc_state *s)
{
	uint32_t unit = s->operation == FDC_OP_FORMAT ? NAME_SIZE : FLOPPY_SECTOR;
	uint32_t most = s->operation == FDC_OP_FORMAT ? FILLED_AT : BUFFER_SIZE;

	return s->sectors <= FDC_COMMAND_SECTORS && s->done <= s->sectors && s->loaded <= most &&
	       s->moved <= most && s->stored <= s->loaded && s->loaded % unit == 0 &&
	       s->stored % unit == 0;
}

bool fdc_is_sound(const struct fdc *fdc)
{
	const struct fdc_state *s = &fdc->state;
	const struct floppy_drive *drive;
	bool by_fifo = s->phase == FDC_FROM_DISK || s->phase == FDC_TO_DISK;

	if (!is_command_sound(s) || !is_buffer_sound(s))
		return false;
	if (s->operation == FDC_OP_NONE)
		return !by_fifo && (s->phase != FDC_BUSY || s->work == FDC_WORK_READ_ID);
	drive = fdc_transfer_drive(fdc);
	if (!drive || !drive->media)
		return false;
	if (fdc_writes((enum fdc_operation)s->operation) && block_readonly(drive->block))
		return false;
	if (s->phase == FDC_FROM_DISK && s->operation != FDC_OP_READ)
		return false;
	if (s->phase == FDC_TO_DISK && s->operation == FDC_OP_READ)
		return false;
	return s->moved <= move_size(fdc) && (!by_fifo || s->moved < move_size(fdc));
}
