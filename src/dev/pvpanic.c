// SPDX-License-Identifier: MIT
#include "dev/pvpanic.h"

#define EVENTS (PVPANIC_PANICKED | PVPANIC_CRASHLOADED)

static uint64_t read_events(void *chip, uint64_t offset, unsigned width)
{
	return EVENTS;
}

static void write_event(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct pvpanic *pvpanic = chip;

	if (value & EVENTS && pvpanic->options.event)
		pvpanic->options.event(pvpanic->options.arg, value & EVENTS);
}

static const struct mem_port ports[] = {
	{ .at = 0, .len = 1, .read = read_events, .write = write_event, .name = "events" },
};

void pvpanic_init(struct pvpanic *pvpanic, const struct pvpanic_options *options)
{
	*pvpanic = (struct pvpanic){ .device = pvpanic->device, .options = *options };
	mem_region_init_io(&pvpanic->region, "pvpanic", 0, ports, 1, pvpanic, NULL);
}

static void pvpanic_tell(void *arg, uint8_t events)
{
	const struct place *place = arg;

	if (events & PVPANIC_PANICKED)
		place->ask.panic(place->ask.arg);
}

static int pvpanic_create(struct device *device, struct place *place, struct error *err)
{
	struct pvpanic *pvpanic = (struct pvpanic *)device;
	struct pvpanic_options options = pvpanic->options;

	options.event = pvpanic_tell;
	options.arg = place;
	pvpanic_init(pvpanic, &options);
	mem_region_add(place->ports, &pvpanic->region, options.port, 0);
	return 0;
}

static const struct prop pvpanic_props[] = {
	{ "ioport", PROP_NUMBER, PROP_AT(struct pvpanic, options.port), .max = 0xffff,
	  .value = 0x505, .form = "ioport=PORT", .help = "where it is (default 0x505)" },
	{ 0 },
};

const struct device_type pvpanic_type = {
	.name = "pvpanic",
	.about = "a port that hears of a guest's panic; there is one at 0x505 if none is given",
	.bus = DEVICE_BUS_ISA,
	.group = DEVICE_MISC,
	.user = true,
	.size = sizeof(struct pvpanic),
	.props = pvpanic_props,
	.create = pvpanic_create,
};
