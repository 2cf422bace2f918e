// SPDX-License-Identifier: MIT
/*
 * A guest made of the input drives the floppy controller and the DMA controllers, on a disk in memory
 * whose requests are done at once. The input is a list of steps, each a byte that chooses and the bytes
 * that the choice takes; where it ends, zeroes follow. The first byte's lowest bit makes the disk
 * read-only; with the next one set the state begins as the bytes that follow say.
 */
#include <stddef.h>
#include <stdint.h>

#include "../unit/dev/floppy_rig.h"

#define STATE_BYTES 128 /* of the saved state: what stands before the buffer */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at, *end;
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static uint8_t next(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

static uint8_t status(struct floppy_rig *rig)
{
	return in8(&rig->fdc.low, 4);
}

/* Whatever happened: what the registers say fits together. */
static void check(struct floppy_rig *rig)
{
	const struct fdc_state *s = &rig->fdc.state;

	require(s->fifo_at < FDC_FIFO && s->fifo_len <= FDC_FIFO);
	require(s->loaded <= sizeof(s->buffer) && s->moved <= sizeof(s->buffer));
	require(rig->wire.level == (s->interrupt != 0));
	require(!rig->fdc.requested);
	require(s->phase != FDC_BUSY || s->work != FDC_WORK_NONE);
	require(rig->dma.conditions[I8237_NOBODY_WAITS].holds == !rig->dma.state.wanted);
}

static void program_dma(struct floppy_rig *rig, struct input *input)
{
	const struct mem_region *ports = &rig->dma.ports[0];

	out8(ports, 0x0c, 0);
	out8(ports, 0x0b, (next(input) & 0xfc) | 2);
	out8(ports, 0x04, 0);
	out8(ports, 0x04, next(input));
	out8(&rig->dma.pages, 0, next(input) & 3);
	out8(ports, 0x05, 0xff);
	out8(ports, 0x05, next(input) & 0x3f);
	out8(ports, 0x0a, 0x02);
}

/* READ DATA and its like, with parameters that are mostly sound. */
static void transfer(struct floppy_rig *rig, struct input *input)
{
	static const uint8_t commands[] = { 0xe6, 0x46, 0xc5, 0x45, 0xf6, 0x51, 0x59, 0x42 };
	uint8_t command = commands[next(input) % sizeof(commands)], where = next(input);
	uint8_t sector = next(input);
	const uint8_t bytes[] = { command,        where & 4, where >> 3,
				  where >> 2 & 1, sector,    FLOPPY_SECTOR_CODE,
				  next(input),    0x1b,      0xff };

	for (size_t i = 0; i < sizeof(bytes); i++)
		out8(&rig->fdc.low, 5, bytes[i]);
}

static void use_fifo(struct floppy_rig *rig, struct input *input)
{
	unsigned n = next(input) * 16u;

	while (n-- && status(rig) & 0x80) {
		if (status(rig) & 0x40)
			in8(&rig->fdc.low, 5);
		else
			out8(&rig->fdc.low, 5, next(input));
	}
}

static void restore(struct floppy_rig *rig, struct input *input)
{
	size_t size = state_size(&fdc_state_table);
	uint8_t *bytes = calloc(1, size);

	require(bytes != NULL);
	for (size_t i = 0; i < STATE_BYTES && i < size; i++)
		bytes[i] = next(input);
	state_restore(&fdc_state_table, &rig->fdc.state, bytes);
	fdc_restored(&rig->fdc);
	free(bytes);
}

static void take_step(struct floppy_rig *rig, struct input *input)
{
	uint8_t choice = next(input);

	switch (choice & 15) {
	case 0:
	case 1:
		transfer(rig, input);
		break;
	case 2:
		program_dma(rig, input);
		break;
	case 3:
		use_fifo(rig, input);
		break;
	case 4:
		clock_step(&rig->clock, (int64_t)next(input) * NS_PER_MS);
		break;
	case 5:
		fdc_reset(&rig->fdc);
		break;
	case 6:
		fdc_quiesce(&rig->fdc);
		floppy_rig_turn(rig);
		fdc_resume(&rig->fdc);
		break;
	case 7:
		rig->error = choice & 0x10 ? -5 : 0;
		break;
	case 8:
	case 9:
		out8(&rig->fdc.low, 5, next(input));
		break;
	case 10:
		in8(&rig->fdc.low, (choice >> 4) % 6);
		in8(&rig->fdc.high, 0);
		break;
	case 11:
		out8(&rig->fdc.low, (choice >> 4) % 6, next(input));
		break;
	case 12:
		out8(&rig->fdc.high, 0, next(input));
		break;
	case 13:
		out8(&rig->dma.ports[0], choice >> 4, next(input));
		break;
	case 14:
		in8(&rig->dma.ports[0], choice >> 4);
		break;
	default:
		out8(&rig->dma.ports[1], choice >> 3, next(input));
		in8(&rig->dma.ports[1], choice >> 3);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct floppy_rig rig;
	struct input input = { data, data + size };
	uint8_t how = next(&input);

	floppy_rig_make(&rig, how & 1);
	if (how & 2)
		restore(&rig, &input);
	while (input.at < input.end) {
		take_step(&rig, &input);
		/* The loop has its turn now and then. */
		if (!(how & 4) || input.at[-1] & 1) {
			floppy_rig_turn(&rig);
			check(&rig);
		}
	}
	floppy_rig_turn(&rig);
	check(&rig);
	floppy_rig_end(&rig);
	return 0;
}
