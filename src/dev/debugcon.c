// SPDX-License-Identifier: MIT
#include "dev/debugcon.h"

#include "base/clock.h"

#define PRESENT 0xe9

static uint64_t read_presence(void *chip, uint64_t offset, unsigned width)
{
	return PRESENT;
}

static void write_byte(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct debugcon *debugcon = chip;

	if (debugcon->options.send)
		debugcon->options.send(debugcon->options.arg, (uint8_t)value);
}

/* 20 ms: text that a person reads, or a file. */
static const struct mem_port ports[] = {
	{ .at = 0,
	  .len = 1,
	  .read = read_presence,
	  .write = write_byte,
	  .wait = MEM_DEADLINE(20 * NS_PER_MS),
	  .why = "debug console: text for the host" },
};

void debugcon_init(struct debugcon *debugcon, const struct debugcon_options *options)
{
	*debugcon = (struct debugcon){ .options = *options };
	lock_init(&debugcon->lock, LOCK_DEVICE, "debugcon");
	mem_region_init_io(&debugcon->region, "debugcon", 0, ports, 1, debugcon, &debugcon->lock);
}

void debugcon_destroy(struct debugcon *debugcon)
{
	lock_destroy(&debugcon->lock);
}
