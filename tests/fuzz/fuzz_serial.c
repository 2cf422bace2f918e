// SPDX-License-Identifier: MIT
/*
 * The serial port under arbitrary register accesses, input, time, resets and restored states. An
 * independent model follows the bytes: every byte that was taken comes out once, in order, as long
 * as nothing clears it. The interrupt line is high exactly when the cause register says so.
 *
 * Input: pairs of bytes, what to do and with what.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/serial.h"
#include "mem/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(what)                                                                                \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "line %d: %s\n", __LINE__, #what);                         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

struct model {
	uint8_t bytes[SERIAL_FIFO];
	unsigned n;
	bool fifo, loopback, divisor, breaking;
	unsigned sent;
};

struct run {
	struct clock clock;
	struct serial serial;
	struct mem_section section;
	struct model model;
	bool level;
	unsigned sent;
};

static enum irq_status set_line(void *arg, unsigned line, bool level)
{
	struct run *run = arg;

	run->level = level;
	return IRQ_DELIVERED;
}

static void count_sent(void *arg, uint8_t byte)
{
	((struct run *)arg)->sent++;
}

static void model_push(struct model *model, uint8_t byte)
{
	unsigned capacity = model->fifo ? SERIAL_FIFO : 1;

	if (model->n < capacity)
		model->bytes[model->n++] = byte;
	else if (!model->fifo)
		model->bytes[0] = byte;
}

static void model_write(struct model *model, unsigned reg, uint8_t value)
{
	switch (reg) {
	case 0:
		if (!model->divisor && model->loopback)
			model_push(model, value);
		else if (!model->divisor)
			model->sent++;
		break;
	case 2:
		if (model->fifo != (value & 1) || (value & 3) == 3)
			model->n = 0;
		model->fifo = value & 1;
		break;
	case 3:
		model->divisor = value & 0x80;
		if (value & 0x40 && !model->breaking && model->loopback)
			model_push(model, 0);
		model->breaking = value & 0x40;
		break;
	case 4:
		model->loopback = value & 0x10;
		break;
	}
}

static void read_register(struct run *run, unsigned reg)
{
	struct model *model = &run->model;
	bool level = run->level;
	uint8_t value = (uint8_t)mem_section_read(&run->section, reg, 1);

	switch (reg) {
	case 0:
		if (model->divisor || !model->n)
			break;
		CHECK(value == model->bytes[0]);
		memmove(model->bytes, model->bytes + 1, --model->n);
		break;
	case 2:
		CHECK(level == !(value & 1));
		CHECK((value & 0xc0) == (model->fifo ? 0xc0 : 0));
		break;
	case 5:
		CHECK((value & 0x60) == 0x60);
		CHECK((value & 1) == (model->n != 0));
		break;
	}
}

static void receive(struct run *run, uint8_t value)
{
	uint8_t bytes[20];
	size_t len = value % sizeof(bytes);

	memset(bytes, value, sizeof(bytes));
	bytes[0] = (uint8_t)~value;
	if (len == 0) {
		serial_receive_error(&run->serial, value, value);
		len = 1;
		bytes[0] = value;
	} else {
		serial_receive(&run->serial, bytes, len);
	}
	for (size_t i = 0; i < len && !run->model.loopback; i++)
		model_push(&run->model, bytes[i]);
}

static void save_and_restore(struct run *run)
{
	uint8_t saved[256];

	CHECK(state_size(&serial_state_table) <= sizeof(saved));
	state_save(&serial_state_table, &run->serial.state, saved);
	memset(&run->serial.state, 0x5a, sizeof(run->serial.state));
	state_restore(&serial_state_table, &run->serial.state, saved);
	serial_restored(&run->serial);
}

/* Restoring what nobody saved must do no harm; what the chip then does is its affair. */
static void restore_junk(struct run *run, const uint8_t *data, size_t size)
{
	uint8_t saved[256];

	for (size_t i = 0; i < sizeof(saved); i++)
		saved[i] = size ? data[i % size] : 0xff;
	state_restore(&serial_state_table, &run->serial.state, saved);
	serial_restored(&run->serial);
	for (unsigned i = 0; i < 2 * SERIAL_PORTS; i++)
		mem_section_read(&run->section, i % SERIAL_PORTS, 1);
	serial_receive(&run->serial, saved, 20);
	serial_room(&run->serial);
	clock_step(&run->clock, NS_PER_SEC);
}

static void step(struct run *run, uint8_t what, uint8_t value)
{
	struct model *model = &run->model;
	unsigned reg = what & 7;
	size_t room;

	switch (what >> 4) {
	case 0 ... 4:
		mem_section_write(&run->section, reg, value, 1);
		model_write(model, reg, value);
		break;
	case 5 ... 8:
		read_register(run, reg);
		break;
	case 9:
		mem_section_write(&run->section, 7, value, 1);
		CHECK(mem_section_read(&run->section, 7, 1) == value);
		break;
	case 10 ... 11:
		receive(run, value);
		break;
	case 12:
		clock_step(&run->clock, (int64_t)value << (what & 15));
		break;
	case 13:
		serial_set_modem(&run->serial, value);
		break;
	case 14:
		room = serial_room(&run->serial);
		CHECK(room == (model->loopback ? 0 : (model->fifo ? 16 : 1) - model->n));
		break;
	default:
		if (value < 0xf0) {
			save_and_restore(run);
			break;
		}
		serial_reset(&run->serial);
		*model = (struct model){ .sent = model->sent };
		CHECK(!run->level);
	}
	CHECK(run->sent == model->sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = { 0 };
	struct serial_options options = {
		.name = "com1",
		.clock = &run.clock,
		.irq = { .set = set_line, .arg = &run },
		.send = count_sent,
		.arg = &run,
	};

	clock_init(&run.clock, CLOCK_KIND_MANUAL);
	serial_init(&run.serial, &options);
	run.section = (struct mem_section){ .range = { 0, SERIAL_PORTS - 1 },
					    .region = &run.serial.region };
	for (size_t i = 0; i + 1 < size; i += 2)
		step(&run, data[i], data[i + 1]);
	restore_junk(&run, data, size);
	serial_destroy(&run.serial);
	clock_destroy(&run.clock);
	return 0;
}
