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
	{ .at = 0, .len = 1, .read = read_events, .write = write_event },
};

void pvpanic_init(struct pvpanic *pvpanic, const struct pvpanic_options *options)
{
	*pvpanic = (struct pvpanic){ .options = *options };
	mem_region_init_io(&pvpanic->region, "pvpanic", 0, ports, 1, pvpanic, NULL);
}
