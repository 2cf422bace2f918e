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
	{ .at = 0, .len = 1, .read = read_value, .write = write_value, .name = "control" },
};

void port92_init(struct port92 *port92, const struct port92_options *options)
{
	*port92 = (struct port92){ .device = port92->device, .options = *options };
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

static int port92_create(struct device *device, struct place *place, struct error *err)
{
	struct port92 *port92 = (struct port92 *)device;

	port92_init(port92,
		    &(struct port92_options){ .reset = place->ask.reset, .arg = place->ask.arg });
	mem_region_add(place->ports, &port92->region, PORT92_AT, 0);
	return 0;
}

static void port92_pull(struct device *device)
{
	port92_reset((struct port92 *)device);
}

static void port92_end(struct device *device)
{
	port92_destroy((struct port92 *)device);
}

const struct device_type port92_type = {
	.name = "port92",
	.about = "system control port A: fast reset and line A20",
	.bus = DEVICE_BUS_ISA,
	.group = DEVICE_MISC,
	.size = sizeof(struct port92),
	.create = port92_create,
	.reset = port92_pull,
	.state =
		(const struct device_part[]){ DEVICE_PART(port92_state_table, struct port92, state),
					      { 0 } },
	.destroy = port92_end,
};
