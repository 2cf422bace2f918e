// SPDX-License-Identifier: MIT
/*
 * The keyboard controller with its keyboard and mouse: a guest, a person's hands, resets and restored
 * states, all made of the input. The input is a list of steps, each a byte that chooses and the bytes that
 * the choice takes; where it ends, zeroes follow. If the first byte's lowest bit is set, the state begins as
 * the bytes that follow say.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "dev/ps2/i8042.h"
#include "mem/view.h"

#define BYTES_MOST                                                                                 \
	(1u << 16) /* that can wait for the guest: queues, and what the mouse has not told yet */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input_bytes {
	const uint8_t *at, *end;
};

struct run {
	struct i8042 i8042;
	struct input input;
	bool level[16];
};

static void require(bool holds)
{
	if (!holds)
		abort();
}

static uint8_t next(struct input_bytes *bytes)
{
	return bytes->at < bytes->end ? *bytes->at++ : 0;
}

static enum irq_status set_line(void *arg, unsigned line, bool level)
{
	((struct run *)arg)->level[line] = level;
	return IRQ_DELIVERED;
}

static void nothing(void *arg)
{
}

static uint8_t in(const struct mem_region *region)
{
	struct mem_section section = { .range = { 0, 0 }, .region = region };

	return (uint8_t)mem_section_read(&section, 0, 1);
}

static void out(const struct mem_region *region, uint8_t value)
{
	struct mem_section section = { .range = { 0, 0 }, .region = region };

	mem_section_write(&section, 0, value, 1);
}

/* What the registers and the lines say fits together. */
static void check(struct run *run)
{
	const struct i8042_state *s = &run->i8042.state;
	uint8_t status = in(&run->i8042.command);

	require((status & 0x01) == !!s->output_full);
	/* The mouse's bit is seen only with a byte of its. */
	require(!(status & 0x20) || s->output_full);
	require(!(run->level[I8042_IRQ] && run->level[I8042_AUX_IRQ]));
	require(!(run->level[I8042_IRQ] || run->level[I8042_AUX_IRQ]) || s->output_full);
	require(!run->level[I8042_IRQ] || s->command_byte & 0x01);
	require(!run->level[I8042_AUX_IRQ] || s->command_byte & 0x02);
	require(s->output_from <= I8042_FROM_MOUSE);
	/* Nobody who waits is forgotten: with room for it, the controller's own answer is there. */
	require(s->output_full || !s->answer_full);
}

static void use_hands(struct run *run, struct input_bytes *bytes, uint8_t how)
{
	if (how & 1) {
		const struct input_motion motion = {
			.right = (int8_t)next(bytes) * (how & 2 ? 20 : 1),
			.down = (int8_t)next(bytes) * (how & 2 ? 20 : 1),
			.wheel = (int8_t)next(bytes),
			.buttons = next(bytes) & 0x1f,
		};

		input_motion(&run->input, &motion);
		return;
	}
	input_key(&run->input, (enum ps2_key)(next(bytes) % PS2_KEYS), how & 2);
}

/* Reads all that there is: it ends. */
static void read_all(struct run *run)
{
	unsigned n = 0;

	while (in(&run->i8042.command) & 1) {
		(void)in(&run->i8042.data);
		require(++n < BYTES_MOST);
	}
	require(!run->level[I8042_IRQ] && !run->level[I8042_AUX_IRQ]);
}

static void restore(struct run *run, struct input_bytes *bytes)
{
	for (const struct device_part *part = i8042_type.state; part->table; part++) {
		size_t size = state_size(part->table);
		uint8_t *saved = calloc(1, size);

		require(saved != NULL);
		for (size_t i = 0; i < size; i++)
			saved[i] = next(bytes);
		state_restore(part->table, (char *)&run->i8042 + part->at, saved);
		free(saved);
	}
	i8042_restored(&run->i8042);
}

static void take_step(struct run *run, struct input_bytes *bytes)
{
	uint8_t choice = next(bytes);
	struct i8042 *i8042 = &run->i8042;

	switch (choice & 15) {
	case 0:
	case 1:
		out(&i8042->data, next(bytes));
		break;
	case 2:
	case 3:
		out(&i8042->command, next(bytes));
		break;
	case 4: /* to the mouse */
	case 5:
		out(&i8042->command, 0xd4);
		out(&i8042->data, next(bytes));
		break;
	case 6: /* the command byte */
		out(&i8042->command, 0x60);
		out(&i8042->data, next(bytes));
		break;
	case 7:
	case 8:
	case 9:
		for (unsigned n = choice >> 4; n; n--)
			(void)in(&i8042->data);
		break;
	case 10:
		read_all(run);
		break;
	case 11:
	case 12:
	case 13:
		use_hands(run, bytes, choice >> 4);
		break;
	case 14:
		i8042_reset(i8042);
		break;
	default:
		if (choice & 0x80)
			restore(run, bytes);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run run;
	struct input_bytes bytes = { data, data + size };

	run = (struct run){ 0 };
	i8042_init(&run.i8042,
		   &(struct i8042_options){
			   .irq = { .set = set_line, .arg = &run, .line = I8042_IRQ },
			   .aux_irq = { .set = set_line, .arg = &run, .line = I8042_AUX_IRQ },
			   .input = &run.input,
			   .reset = nothing,
		   });
	if (next(&bytes) & 1)
		restore(&run, &bytes);
	check(&run);
	while (bytes.at < bytes.end) {
		take_step(&run, &bytes);
		check(&run);
	}
	i8042_destroy(&run.i8042);
	return 0;
}
