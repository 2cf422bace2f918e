// SPDX-License-Identifier: MIT
/*
 * The parallel port under arbitrary accesses, a printer that is slow or not, resets and restored states,
 * against a model of its bytes, its acknowledges and its line.
 *
 * Input: pairs of bytes, what to do and with what.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dev/parallel.h"
#include "mem/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct parallel parallel;
	struct mem_section section;
	bool level, slow;
	unsigned printed, wanted;
	uint8_t last;
	/* The model. */
	uint8_t data, control;
	bool busy, acknowledged;
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static enum irq_status set_line(void *arg, unsigned line, bool level)
{
	((struct run *)arg)->level = level;
	return IRQ_DELIVERED;
}

static void print(void *arg, uint8_t byte)
{
	struct run *run = arg;

	run->printed++;
	run->last = byte;
}

static size_t room(void *arg)
{
	return ((struct run *)arg)->slow ? 0 : 1;
}

static bool listens(uint8_t control)
{
	return (control & 0x0c) == 0x0c;
}

static void model_acknowledge(struct run *run)
{
	if (!run->busy || run->control & 1 || run->slow)
		return;
	run->busy = false;
	run->acknowledged = true;
}

static void model_control(struct run *run, uint8_t value)
{
	bool edge = value & 1 && !(run->control & 1 && listens(run->control));

	run->control = value;
	if (!listens(value)) {
		run->busy = run->acknowledged = false;
		return;
	}
	if (edge && !run->busy) {
		run->busy = true;
		run->wanted++;
	}
	model_acknowledge(run);
}

static void check(struct run *run)
{
	require(run->printed == run->wanted);
	require(run->parallel.state.data == run->data);
	require(run->parallel.state.control == (run->control | 0xc0));
	require(!!run->parallel.state.busy == run->busy);
	require(run->level == (run->acknowledged && run->control & 0x10));
}

static void restore(struct run *run, uint8_t value)
{
	uint8_t saved[sizeof(struct parallel_state)];

	state_save(&parallel_state_table, &run->parallel.state, saved);
	for (size_t i = 0; i < state_size(&parallel_state_table); i++)
		saved[i] ^= (uint8_t)(value >> i);
	state_restore(&parallel_state_table, &run->parallel.state, saved);
	run->data = run->parallel.state.data;
	run->control = run->parallel.state.control | 0xc0;
	run->busy = run->parallel.state.busy;
	run->acknowledged = run->parallel.state.pending;
	parallel_restored(&run->parallel);
	model_acknowledge(run);
}

static void take_step(struct run *run, uint8_t choice, uint8_t value)
{
	unsigned at = choice >> 4 & 3, width = 1u << (choice >> 6);

	switch (choice & 7) {
	case 0:
	case 1:
		mem_section_write(&run->section, 0, value, 1);
		run->data = value;
		break;
	case 2:
	case 3:
		mem_section_write(&run->section, 2, value, 1);
		model_control(run, value);
		break;
	case 4:
		(void)mem_section_read(&run->section, 0, width < 4 ? width : 1);
		if (width == 2)
			run->acknowledged = false;
		(void)mem_section_read(&run->section, at % 3, 1);
		if (at % 3 == 1)
			run->acknowledged = false;
		break;
	case 5:
		run->slow = value & 1;
		parallel_printed(&run->parallel);
		model_acknowledge(run);
		break;
	case 6:
		parallel_reset(&run->parallel);
		run->data = 0xff;
		run->control = 0xcc;
		run->busy = run->acknowledged = false;
		break;
	default:
		restore(run, value);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = { .data = 0xff, .control = 0xcc };

	parallel_init(&run.parallel,
		      &(struct parallel_options){ .name = "lpt1",
						  .irq = { .set = set_line, .arg = &run },
						  .send = print,
						  .room = room,
						  .arg = &run });
	run.section = (struct mem_section){ .range = { 0, PARALLEL_PORTS - 1 },
					    .region = &run.parallel.region };
	for (; size >= 2; data += 2, size -= 2) {
		unsigned before = run.printed;

		take_step(&run, data[0], data[1]);
		check(&run);
		require(run.printed == before || run.last == run.data);
	}
	parallel_destroy(&run.parallel);
	return 0;
}
