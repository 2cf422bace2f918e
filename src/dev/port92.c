// SPDX-License-Identifier: MIT
#include "dev/port92.h"

#define FAST_RESET 0x01u

static const struct state_field port92_fields[] = {
	{ STATE_AT(struct port92_state, value), .on_reset = STATE_CLEAR },
};

const struct state_table port92_state_table = {
	.name = "port92",
	.version = 1,
	.fields = port92_fields,
	.fields_n = sizeof(port92_fields) / sizeof(port92_fields[0]),
};

static uint64_t read_value(void *chip, uint64_t offset, unsigned width)
{
	struct port92 *port92 = chip;

	return port92->state.value;
}

static void write_value(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct port92 *port92 = chip;
	uint8_t before = port92->state.value;

	port92->state.value = (uint8_t)value;
	if (value & ~before & FAST_RESET && port92->options.reset)
		port92->options.reset(port92->options.arg);
}

static const struct mem_port ports[] = {
	{ .at = 0, .len = 1, .read = read_value, .write = write_value },
};

void port92_init(struct port92 *port92, const struct port92_options *options)
{
	*port92 = (struct port92){ .options = *options };
	lock_init(&port92->lock, LOCK_DEVICE, "port92");
	mem_region_init_io(&port92->region, "port92", 0, ports, 1, port92, &port92->lock);
	state_reset(&port92_state_table, &port92->state);
}

void port92_destroy(struct port92 *port92)
{
	lock_destroy(&port92->lock);
}

void port92_reset(struct port92 *port92)
{
	lock_take(&port92->lock);
	state_reset(&port92_state_table, &port92->state);
	lock_drop(&port92->lock);
}
