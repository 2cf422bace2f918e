// SPDX-License-Identifier: MIT
/* Commands (82077AA, chapter 5): a table, and those that move no data. */
#include <stddef.h>
#include <string.h>

#include "dev/floppy/fdc_impl.h"

#define VERSION 0x90
#define PART_ID 0x41

/* DRIVE SPECIFICATION: bits of the byte behind the drives'. */
#define SPECIFICATION_DONE   0x80u
#define SPECIFICATION_SILENT 0x40u

#define LOCK_BIT 0x80u

/* The drive that the command is about, which becomes the selected one. */
static struct floppy_drive *select_drive(struct fdc *fdc)
{
	fdc->state.selected = fdc->state.fifo[1] & FDC_DOR_DRIVE;
	return fdc_drive(fdc, fdc->state.selected);
}

static uint8_t cylinder_of(const struct fdc *fdc, unsigned number)
{
	const struct floppy_drive *drive = fdc_drive(fdc, number);

	return drive ? drive->state.cylinder : 0;
}

static void refuse_command(struct fdc *fdc)
{
	fdc->state.fifo[0] = FDC_ST0_INVALID;
	fdc_set_result(fdc, 1);
}

/* A command of the positioning kind is over: without a result, but with an interrupt. */
static void end_seek(struct fdc *fdc, uint8_t status0)
{
	fdc_set_idle(fdc);
	fdc->state.status0 = FDC_ST0_SEEK | status0 | fdc->state.selected;
	fdc_raise(fdc);
}

static void seek_to(struct fdc *fdc, struct floppy_drive *drive, uint8_t cylinder)
{
	if (drive) {
		drive->state.head = fdc->state.fifo[1] >> 2 & 1;
		floppy_drive_seek(drive, cylinder);
	}
	end_seek(fdc, 0);
}

/* The controller just sends pulses, whatever they do to the head. */
static void seek(struct fdc *fdc)
{
	seek_to(fdc, select_drive(fdc), fdc->state.fifo[2]);
}

static void seek_out(struct fdc *fdc)
{
	struct floppy_drive *drive = select_drive(fdc);
	uint8_t is = drive ? drive->state.cylinder : 0, by = fdc->state.fifo[2];

	seek_to(fdc, drive, by < is ? is - by : 0);
}

static void seek_in(struct fdc *fdc)
{
	struct floppy_drive *drive = select_drive(fdc);
	unsigned last = drive && drive->media ? drive->media->cylinders - 1u : 0xff;
	unsigned to = (drive ? drive->state.cylinder : 0u) + fdc->state.fifo[2];

	seek_to(fdc, drive, (uint8_t)(to < last ? to : last));
}

static void recalibrate(struct fdc *fdc)
{
	struct floppy_drive *drive = select_drive(fdc);

	if (drive)
		floppy_drive_seek(drive, 0);
	end_seek(fdc, drive ? 0 : FDC_ST0_ABNORMAL | FDC_ST0_NO_TRACK);
}

static void sense_interrupt(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;

	if (s->resets_left) {
		unsigned number = FDC_RESET_RESULTS - s->resets_left--;

		s->fifo[0] = (uint8_t)(FDC_ST0_READY | number);
		s->fifo[1] = cylinder_of(fdc, number);
	} else if (s->interrupt) {
		s->fifo[0] = s->status0;
		s->fifo[1] = cylinder_of(fdc, s->status0 & FDC_DOR_DRIVE);
	} else {
		refuse_command(fdc);
		return;
	}
	fdc_lower(fdc);
	fdc_set_result(fdc, 2);
}

static void sense_drive(struct fdc *fdc)
{
	struct floppy_drive *drive = select_drive(fdc);
	uint8_t status3 = 0x28 | fdc->state.selected | (fdc->state.fifo[1] & FDC_ST0_HEAD);

	if (drive) {
		drive->state.head = fdc->state.fifo[1] >> 2 & 1;
		if (!drive->state.cylinder)
			status3 |= 0x10;
		if (drive->block && block_readonly(drive->block))
			status3 |= 0x40;
	}
	fdc->state.fifo[0] = status3;
	fdc_set_result(fdc, 1);
}

static void specify(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;

	s->step_unload = s->fifo[1];
	s->load = s->fifo[2] >> 1;
	s->no_dma = s->fifo[2] & 1;
	fdc_set_idle(fdc);
}

static void configure(struct fdc *fdc)
{
	fdc->state.config = fdc->state.fifo[2];
	fdc->state.precompensation = fdc->state.fifo[3];
	fdc_set_idle(fdc);
}

/* Without OW only the gap and the write gate change. */
static void set_perpendicular(struct fdc *fdc)
{
	uint8_t keep = fdc->state.fifo[1] & 0x80 ? 0 : 0x3c;

	fdc->state.perpendicular =
		(fdc->state.perpendicular & keep) | (fdc->state.fifo[1] & 0x3f & (uint8_t)~keep);
	fdc_set_idle(fdc);
}

static void set_lock(struct fdc *fdc)
{
	fdc->state.lock = (fdc->state.fifo[0] & LOCK_BIT) != 0;
	fdc->state.fifo[0] = (uint8_t)(fdc->state.lock << 4);
	fdc_set_result(fdc, 1);
}

static void version(struct fdc *fdc)
{
	fdc->state.fifo[0] = VERSION;
	fdc_set_result(fdc, 1);
}

static void part_id(struct fdc *fdc)
{
	fdc->state.fifo[0] = PART_ID;
	fdc_set_result(fdc, 1);
}

static void power_down(struct fdc *fdc)
{
	fdc->state.power = fdc->state.fifo[1];
	fdc->state.fifo[0] = fdc->state.fifo[1];
	fdc_set_result(fdc, 1);
}

static uint8_t timing_byte(const struct fdc_state *s)
{
	return (uint8_t)(s->load << 1 | s->no_dma);
}

static uint8_t lock_byte(const struct fdc_state *s)
{
	return (uint8_t)(s->lock << 7 | s->perpendicular);
}

/* What DUMPREG and SAVE have in common. */
static void put_registers(struct fdc *fdc, uint8_t *at)
{
	const struct fdc_state *s = &fdc->state;
	const uint8_t registers[] = {
		cylinder_of(fdc, 0),
		cylinder_of(fdc, 1),
		0,
		0,
		s->step_unload,
		timing_byte(s),
		s->last_sector,
		lock_byte(s),
		s->config,
		s->precompensation,
	};

	memcpy(at, registers, sizeof(registers));
}

static void dump_registers(struct fdc *fdc)
{
	put_registers(fdc, fdc->state.fifo);
	fdc_set_result(fdc, 10);
}

static void save(struct fdc *fdc)
{
	uint8_t *fifo = fdc->state.fifo;

	memset(fifo, 0, 15);
	put_registers(fdc, fifo + 2);
	fifo[12] = fdc->state.power;
	fdc_set_result(fdc, 15);
}

/* The bytes of SAVE, behind the command. */
static void restore(struct fdc *fdc)
{
	struct fdc_state *s = &fdc->state;
	const uint8_t *saved = s->fifo + 1;

	for (unsigned i = 0; i < FDC_DRIVES; i++) {
		struct floppy_drive *drive = fdc_drive(fdc, i);

		if (drive)
			drive->state.cylinder = saved[2 + i];
	}
	s->step_unload = saved[6];
	s->load = saved[7] >> 1;
	s->no_dma = saved[7] & 1;
	s->last_sector = saved[8];
	s->lock = saved[9] >> 7;
	s->perpendicular = saved[9] & 0x3f;
	s->config = saved[10];
	s->precompensation = saved[11];
	s->power = saved[12];
	fdc_set_idle(fdc);
}

/* Accepted, and nothing is different for it. */
static void ignore_command(struct fdc *fdc)
{
	fdc_set_idle(fdc);
}

static void specify_drives(struct fdc *fdc)
{
	uint8_t last = fdc->state.fifo[5];

	if (!(last & SPECIFICATION_DONE)) {
		refuse_command(fdc);
	} else if (last & SPECIFICATION_SILENT) {
		fdc_set_idle(fdc);
	} else {
		memset(fdc->state.fifo + 1, 0, 3);
		fdc->state.fifo[0] = 0;
		fdc_set_result(fdc, 4);
	}
}

static void read_data(struct fdc *fdc)
{
	fdc_start(fdc, FDC_OP_READ);
}

static void write_data(struct fdc *fdc)
{
	fdc_start(fdc, FDC_OP_WRITE);
}

static void verify(struct fdc *fdc)
{
	fdc_start(fdc, FDC_OP_VERIFY);
}

static void scan_equal(struct fdc *fdc)
{
	fdc_start(fdc, FDC_OP_SCAN_EQUAL);
}

static void scan_low(struct fdc *fdc)
{
	fdc_start(fdc, FDC_OP_SCAN_LOW);
}

static void scan_high(struct fdc *fdc)
{
	fdc_start(fdc, FDC_OP_SCAN_HIGH);
}

/* All sectors from the index hole on, whatever the one that is named. */
static void read_track(struct fdc *fdc)
{
	fdc->state.fifo[4] = 1;
	fdc_start(fdc, FDC_OP_READ);
}

/* An image has no deleted sectors: none is found, and none can be made without losing its mark. */
static void deleted_data(struct fdc *fdc)
{
	fdc_start(fdc, FDC_OP_NONE);
}

/* The first row that fits counts; bits that are not in the mask are the command's own. */
static const struct fdc_command {
	uint8_t mask, value;
	uint8_t parameters; /* bytes that follow */
	void (*run)(struct fdc *fdc);
} fdc_commands[] = {
	{ 0x1f, 0x06, 8, read_data },
	{ 0x1f, 0x05, 8, write_data },
	{ 0xff, 0x0f, 2, seek },
	{ 0xff, 0x8f, 2, seek_out },
	{ 0xff, 0xcf, 2, seek_in },
	{ 0xff, 0x07, 1, recalibrate },
	{ 0xff, 0x08, 0, sense_interrupt },
	{ 0xff, 0x04, 1, sense_drive },
	{ 0xff, 0x03, 2, specify },
	{ 0xbf, 0x0a, 1, fdc_start_read_id },
	{ 0xbf, 0x0d, 5, fdc_start_format },
	{ 0xbf, 0x02, 8, read_track },
	{ 0xff, 0x2e, 0, save },
	{ 0xff, 0x4e, 17, restore },
	{ 0x1f, 0x0c, 8, deleted_data },
	{ 0x3f, 0x09, 8, deleted_data },
	{ 0x1f, 0x11, 8, scan_equal },
	{ 0x1f, 0x19, 8, scan_low },
	{ 0x1f, 0x1d, 8, scan_high },
	{ 0x1f, 0x16, 8, verify },
	{ 0xff, 0x12, 1, set_perpendicular },
	{ 0xff, 0x13, 3, configure },
	{ 0x7f, 0x14, 0, set_lock },
	{ 0xff, 0x0e, 0, dump_registers },
	{ 0xff, 0x10, 0, version },
	{ 0xff, 0x17, 2, power_down },
	{ 0xff, 0x18, 0, part_id },
	{ 0xff, 0x33, 1, ignore_command }, /* OPTION */
	{ 0xff, 0x8e, 5, specify_drives },
	{ 0x00, 0x00, 0, refuse_command },
};

static const struct fdc_command *find_command(uint8_t byte)
{
	const struct fdc_command *command = fdc_commands;

	while ((byte & command->mask) != command->value)
		command++;
	return command;
}

void fdc_command_byte(struct fdc *fdc, uint8_t byte)
{
	struct fdc_state *s = &fdc->state;
	const struct fdc_command *command;

	if (s->phase == FDC_IDLE) {
		s->phase = FDC_COMMAND;
		s->fifo_at = 0;
	}
	s->fifo[s->fifo_at++] = byte;
	command = find_command(s->fifo[0]);
	if (s->fifo_at > command->parameters)
		command->run(fdc);
}
