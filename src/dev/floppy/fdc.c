// SPDX-License-Identifier: MIT
/* Registers, resets, interrupts, drives. */
#include "dev/floppy/fdc.h"

#include <assert.h>
#include <errno.h>

#include "dev/floppy/fdc_impl.h"

/* Status registers A and B; those with "n" are low when it is so. */
#define STATUS_A_INTERRUPT 0x80u
#define STATUS_A_N_SECOND  0x40u
#define STATUS_A_N_TRACK_0 0x10u
#define STATUS_A_HEAD      0x08u
#define STATUS_B_ONES      0xc0u
#define STATUS_B_DRIVE_0   0x20u

/* Main status register. */
#define MAIN_BUSY     0x10u
#define MAIN_NO_DMA   0x20u
#define MAIN_TO_GUEST 0x40u
#define MAIN_READY    0x80u

#define INPUT_CHANGED 0x80u

static const struct state_field fdc_fields[] = {
	{ STATE_AT(struct fdc_state, dor), .on_reset = STATE_CLEAR,
	  .value = FDC_DOR_NOT_RESET | FDC_DOR_DMA },
	{ STATE_AT(struct fdc_state, tdr), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, dsr), .on_reset = STATE_CLEAR, .value = FLOPPY_500K },
	{ STATE_AT(struct fdc_state, phase), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, selected), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, interrupt), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, resets_left), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, status0), .on_reset = STATE_CLEAR },
	{ STATE_ARRAY_AT(struct fdc_state, fifo), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, fifo_at), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, fifo_len), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, config), .on_reset = STATE_CLEAR,
	  .value = FDC_CONFIG_IMPLIED_SEEK | FDC_CONFIG_NO_FIFO },
	{ STATE_AT(struct fdc_state, precompensation), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, lock), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, perpendicular), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, power), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, step_unload), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, load), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, no_dma), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, last_sector), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, operation), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, work), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, unit), .on_reset = STATE_CLEAR, .value = FDC_DRIVES },
	{ STATE_AT(struct fdc_state, by_fifo), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, multi), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, cylinder), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, head), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, sector), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, ended), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, status2), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, filler), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, sectors), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, done), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, loaded), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, moved), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, stored), .on_reset = STATE_CLEAR },
	{ STATE_AT(struct fdc_state, due), .on_reset = STATE_CLEAR,
	  .value = (uint64_t)CLOCK_NEVER },
	{ STATE_ARRAY_AT(struct fdc_state, buffer), .on_reset = STATE_CLEAR },
};

const struct state_table fdc_state_table = {
	.name = "fdc",
	.version = 1,
	.fields = fdc_fields,
	.fields_n = sizeof(fdc_fields) / sizeof(fdc_fields[0]),
};

uint8_t fdc_unit(const struct fdc *fdc, unsigned number)
{
	if (number >= FDC_DRIVES)
		return FDC_DRIVES;
	return (uint8_t)(fdc->state.tdr & FDC_TDR_SWAP ? number ^ 1 : number);
}

struct floppy_drive *fdc_drive(const struct fdc *fdc, unsigned number)
{
	uint8_t unit = fdc_unit(fdc, number);

	return unit < FDC_DRIVES ? fdc->drives[unit] : NULL;
}

/* Interrupts and phases */

void fdc_raise(struct fdc *fdc)
{
	fdc->state.resets_left = 0;
	if (fdc->state.interrupt)
		return;
	fdc->state.interrupt = true;
	irq_set(&fdc->options.irq, true);
}

void fdc_lower(struct fdc *fdc)
{
	fdc->state.status0 = 0;
	if (!fdc->state.interrupt)
		return;
	fdc->state.interrupt = false;
	irq_set(&fdc->options.irq, false);
}

void fdc_set_idle(struct fdc *fdc)
{
	fdc->state.phase = FDC_IDLE;
	fdc->state.fifo_at = fdc->state.fifo_len = 0;
}

void fdc_set_result(struct fdc *fdc, unsigned len)
{
	fdc->state.phase = FDC_RESULT;
	fdc->state.fifo_at = 0;
	fdc->state.fifo_len = (uint8_t)len;
}

static bool in_reset(const struct fdc *fdc)
{
	return !(fdc->state.dor & FDC_DOR_NOT_RESET);
}

/* A reset by register: what the guest has configured stays, but for the FIFO's if it is not locked. */
static void stop(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;

	fdc_abort(fdc);
	fdc_lower(fdc);
	fdc_set_idle(fdc);
	s->resets_left = 0;
	if (s->lock)
		return;
	s->config = (s->config & (uint8_t)~FDC_CONFIG_THRESHOLD) | FDC_CONFIG_NO_FIFO;
	s->precompensation = 0;
}

/* The reset is over: each of the four drives that there could be has become ready. */
static void wake_up(struct fdc *fdc)
{
	for (unsigned i = 0; i < FDC_DRIVES; i++) {
		if (fdc->drives[i])
			floppy_drive_seek(fdc->drives[i], 0);
	}
	fdc->state.dsr &= (uint8_t)~FDC_DSR_POWER_DOWN;
	fdc_raise(fdc);
	fdc->state.resets_left = FDC_RESET_RESULTS;
}

/* Registers */

static uint64_t status_a_read(void *chip, uint64_t offset, unsigned width)
{
	struct fdc *fdc = chip;
	const struct floppy_drive *drive = fdc_drive(fdc, fdc->state.selected);
	uint8_t value = fdc->state.interrupt ? STATUS_A_INTERRUPT : 0;

	if (!fdc->drives[1])
		value |= STATUS_A_N_SECOND;
	if (!drive || drive->state.cylinder)
		value |= STATUS_A_N_TRACK_0;
	if (drive && drive->state.head)
		value |= STATUS_A_HEAD;
	return value;
}

static uint64_t status_b_read(void *chip, uint64_t offset, unsigned width)
{
	const struct fdc_state *s = &((struct fdc *)chip)->state;

	return STATUS_B_ONES | (s->dor & 1 ? STATUS_B_DRIVE_0 : 0) | (s->dor / FDC_DOR_MOTOR & 3);
}

static uint64_t dor_read(void *chip, uint64_t offset, unsigned width)
{
	const struct fdc_state *s = &((struct fdc *)chip)->state;

	return (s->dor & ~FDC_DOR_DRIVE) | s->selected;
}

/* What was written while the motor turned is to last. */
static void stop_motors(struct fdc *fdc, uint8_t motors)
{
	for (unsigned i = 0; i < FDC_DRIVES; i++) {
		struct floppy_drive *drive = fdc_drive(fdc, i);

		if (!(motors >> i & 1) || !drive || !drive->written)
			continue;
		drive->flush_wanted = true;
		loop_post(fdc->options.loop, &fdc->task);
	}
}

static void dor_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct fdc *fdc = chip;
	bool was_in_reset = in_reset(fdc);

	stop_motors(fdc, (uint8_t)((fdc->state.dor & ~value) / FDC_DOR_MOTOR));

	fdc->state.dor = (uint8_t)value;
	fdc->state.selected = value & FDC_DOR_DRIVE;
	if (in_reset(fdc) && !was_in_reset)
		stop(fdc);
	else if (!in_reset(fdc) && was_in_reset)
		wake_up(fdc);
}

static uint64_t tdr_read(void *chip, uint64_t offset, unsigned width)
{
	return ((struct fdc *)chip)->state.tdr;
}

static void tdr_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct fdc *fdc = chip;

	if (!in_reset(fdc))
		fdc->state.tdr = value & FDC_TDR_SWAP;
}

static uint64_t main_status_read(void *chip, uint64_t offset, unsigned width)
{
	static const uint8_t status[] = {
		[FDC_IDLE] = MAIN_READY,
		[FDC_COMMAND] = MAIN_READY | MAIN_BUSY,
		[FDC_BUSY] = MAIN_BUSY,
		[FDC_FROM_DISK] = MAIN_READY | MAIN_TO_GUEST | MAIN_NO_DMA | MAIN_BUSY,
		[FDC_TO_DISK] = MAIN_READY | MAIN_NO_DMA | MAIN_BUSY,
		[FDC_RESULT] = MAIN_READY | MAIN_TO_GUEST | MAIN_BUSY,
	};
	struct fdc *fdc = chip;

	return in_reset(fdc) ? 0 : status[fdc->state.phase];
}

static void dsr_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct fdc *fdc = chip;

	if (in_reset(fdc))
		return;
	fdc->state.dsr = value & (FDC_DSR_RATE | FDC_DSR_POWER_DOWN);
	if (!(value & FDC_DSR_RESET))
		return;
	stop(fdc);
	wake_up(fdc);
}

static uint64_t fifo_read(void *chip, uint64_t offset, unsigned width)
{
	struct fdc *fdc = chip;
	struct fdc_state *s = &fdc->state;
	uint8_t byte;

	if (in_reset(fdc))
		return 0;
	if (s->phase == FDC_FROM_DISK)
		return fdc_take_byte(fdc);
	if (s->phase != FDC_RESULT)
		return 0;
	byte = s->fifo[s->fifo_at++];
	if (s->fifo_at == s->fifo_len) {
		fdc_set_idle(fdc);
		fdc_lower(fdc);
	}
	return byte;
}

static void fifo_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct fdc *fdc = chip;

	if (in_reset(fdc))
		return;
	fdc->state.dsr &= (uint8_t)~FDC_DSR_POWER_DOWN;
	if (fdc->state.phase == FDC_TO_DISK)
		fdc_give_byte(fdc, (uint8_t)value);
	else if (fdc->state.phase <= FDC_COMMAND)
		fdc_command_byte(fdc, (uint8_t)value);
}

static uint64_t input_read(void *chip, uint64_t offset, unsigned width)
{
	struct fdc *fdc = chip;
	const struct floppy_drive *drive = fdc_drive(fdc, fdc->state.selected);

	return drive && drive->state.changed ? INPUT_CHANGED : 0;
}

static void ccr_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct fdc *fdc = chip;

	if (!in_reset(fdc))
		fdc->state.dsr = (fdc->state.dsr & (uint8_t)~FDC_DSR_RATE) | (value & FDC_DSR_RATE);
}

static const struct mem_port low_ports[] = {
	{ .at = 0, .len = 1, .read = status_a_read, .name = "SRA" },
	{ .at = 1, .len = 1, .read = status_b_read, .name = "SRB" },
	{ .at = 2, .len = 1, .read = dor_read, .write = dor_write, .name = "DOR" },
	{ .at = 3,
	  .len = 1,
	  .read = tdr_read,
	  .write = tdr_write,
	  .wait = MEM_LATCH,
	  .why = "only chooses the drive that later commands mean",
	  .name = "TDR" },
	{ .at = 4, .len = 1, .read = main_status_read, .write = dsr_write, .name = "MSR/DSR" },
	{ .at = 5, .len = 1, .read = fifo_read, .write = fifo_write, .name = "FIFO" },
};

static const struct mem_port high_ports[] = {
	{ .at = 0,
	  .len = 1,
	  .read = input_read,
	  .write = ccr_write,
	  .wait = MEM_LATCH,
	  .why = "only sets the data rate of later commands",
	  .name = "DIR/CCR" },
};

/* Life */

static void fdc_dma_ready(void *chip)
{
	struct fdc *fdc = chip;

	loop_post(fdc->options.loop, &fdc->task);
}

void fdc_init(struct fdc *fdc, const struct fdc_options *options)
{
	*fdc = (struct fdc){
		.device = fdc->device,
		.wire = fdc->wire,
		.check_rate = fdc->check_rate,
		.options = *options,
	};
	lock_init(&fdc->lock, LOCK_DEVICE, "fdc");
	mem_region_init_io(&fdc->low, "fdc", 5, low_ports, sizeof(low_ports) / sizeof(low_ports[0]),
			   fdc, &fdc->lock);
	mem_region_init_io(&fdc->high, "fdc", 0, high_ports, 1, fdc, &fdc->lock);
	timer_init(&fdc->timer, options->clock, fdc_timer, fdc);
	fdc->task = (struct loop_task){ .run = fdc_work, .arg = fdc };
	i8237_connect(options->dma, FDC_DMA, fdc_dma_ready, fdc);
	state_reset(&fdc_state_table, &fdc->state);
}

/* Waits for what the host has of the request. */
static void cancel(struct fdc *fdc)
{
	for (unsigned i = 0; i < FDC_DRIVES; i++) {
		if (fdc->drives[i] && fdc->drives[i]->block)
			block_cancel(fdc->drives[i]->block);
	}
	assert(!fdc->requested);
	for (unsigned i = 0; i < FDC_DRIVES; i++)
		assert(!fdc->drives[i] || !fdc->drives[i]->flushing);
}

void fdc_destroy(struct fdc *fdc)
{
	cancel(fdc);
	for (unsigned i = 0; i < FDC_DRIVES; i++)
		fdc->drives[i] = NULL;
	i8237_connect(fdc->options.dma, FDC_DMA, NULL, NULL);
	timer_disarm(&fdc->timer);
	loop_unpost(fdc->options.loop, &fdc->task);
	lock_destroy(&fdc->lock);
}

void fdc_reset(struct fdc *fdc)
{
	lock_take(&fdc->lock);
	fdc_abort(fdc);
	lock_drop(&fdc->lock);
	cancel(fdc);
	lock_take(&fdc->lock);
	fdc_lower(fdc);
	state_reset(&fdc_state_table, &fdc->state);
	for (unsigned i = 0; i < FDC_DRIVES; i++) {
		if (fdc->drives[i])
			floppy_drive_reset(fdc->drives[i]);
	}
	lock_drop(&fdc->lock);
}

void fdc_quiesce(struct fdc *fdc)
{
	fdc->paused = true;
	for (unsigned i = 0; i < FDC_DRIVES; i++) {
		if (fdc->drives[i] && fdc->drives[i]->block)
			block_pause(fdc->drives[i]->block);
	}
}

void fdc_resume(struct fdc *fdc)
{
	fdc->paused = false;
	for (unsigned i = 0; i < FDC_DRIVES; i++) {
		if (fdc->drives[i] && fdc->drives[i]->block)
			block_resume(fdc->drives[i]->block);
	}
	loop_post(fdc->options.loop, &fdc->task);
}

void fdc_restored(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;

	lock_take(&fdc->lock);
	fdc->stale |= fdc->requested;
	lock_drop(&fdc->lock);
	cancel(fdc);
	lock_take(&fdc->lock);
	if (!fdc_is_sound(fdc))
		state_reset(&fdc_state_table, s);
	irq_set(&fdc->options.irq, s->interrupt);
	timer_arm(&fdc->timer, s->due);
	loop_post(fdc->options.loop, &fdc->task);
	lock_drop(&fdc->lock);
}

/* Drives */

int fdc_plug(struct fdc *fdc, struct floppy_drive *drive)
{
	int32_t unit = drive->unit;

	for (int32_t i = 0; unit < 0 && i < FDC_DRIVES; i++) {
		if (!fdc->drives[i])
			unit = i;
	}
	if (unit < 0)
		return -ENOSPC;
	if (fdc->drives[unit])
		return -EBUSY;
	drive->unit = unit;
	drive->fdc = fdc;
	lock_take(&fdc->lock);
	fdc->drives[unit] = drive;
	lock_drop(&fdc->lock);
	return 0;
}

void fdc_unplug(struct fdc *fdc, struct floppy_drive *drive)
{
	lock_take(&fdc->lock);
	fdc_abort(fdc);
	lock_drop(&fdc->lock);
	if (drive->block)
		block_cancel(drive->block);
	lock_take(&fdc->lock);
	fdc->drives[drive->unit] = NULL;
	lock_drop(&fdc->lock);
}

/* A command that moves the drive's data runs. */
static bool is_at(const struct fdc *fdc, const struct floppy_drive *drive)
{
	const struct fdc_state *s = &fdc->state;

	return (s->phase == FDC_BUSY || s->phase == FDC_FROM_DISK || s->phase == FDC_TO_DISK) &&
	       s->operation != FDC_OP_NONE && fdc_transfer_drive(fdc) == drive;
}

void fdc_change_disk(struct fdc *fdc, struct floppy_drive *drive, struct block *block)
{
	bool interrupted;

	lock_take(&fdc->lock);
	interrupted = is_at(fdc, drive);
	if (interrupted) {
		fdc->stale = fdc->requested;
		i8237_withdraw(fdc->options.dma, FDC_DMA);
		fdc_fail(fdc, FDC_ST1_NO_MARK, 0);
	}
	lock_drop(&fdc->lock);
	if (drive->block)
		block_cancel(drive->block);
	if (block && fdc->paused)
		block_pause(block);
	lock_take(&fdc->lock);
	floppy_drive_change(drive, block);
	lock_drop(&fdc->lock);
}

uint8_t fdc_cmos_types(const struct fdc *fdc)
{
	uint8_t types = 0;

	for (unsigned i = 0; i < FDC_DRIVES; i++) {
		types = (uint8_t)(types << 4);
		if (fdc->drives[i])
			types |= floppy_cmos_type(fdc->drives[i]->type);
	}
	return types;
}

unsigned fdc_drives(const struct fdc *fdc)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FDC_DRIVES; i++)
		n += fdc->drives[i] != NULL;
	return n;
}
