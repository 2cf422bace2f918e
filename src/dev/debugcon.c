// SPDX-License-Identifier: MIT
#include "dev/debugcon.h"

#include <errno.h>

#include "base/chardev.h"
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
static const struct mem_port sent_ports[] = {
	{ .at = 0,
	  .len = 1,
	  .read = read_presence,
	  .write = write_byte,
	  .wait = MEM_DEADLINE(20 * NS_PER_MS),
	  .why = "debug console: text for the host",
	  .name = "data" },
};
static const struct mem_port unheard_ports[] = {
	{ .at = 0,
	  .len = 1,
	  .read = read_presence,
	  .write = write_byte,
	  .wait = MEM_LATCH,
	  .why = "debug console: nobody listens",
	  .name = "data" },
};

void debugcon_init(struct debugcon *debugcon, const struct debugcon_options *options)
{
	*debugcon = (struct debugcon){ .device = debugcon->device, .options = *options };
	lock_init(&debugcon->lock, LOCK_DEVICE, "debugcon");
	mem_region_init_io(&debugcon->region, "isa-debugcon", 0,
			   options->send ? sent_ports : unheard_ports, 1, debugcon,
			   &debugcon->lock);
}

void debugcon_destroy(struct debugcon *debugcon)
{
	lock_destroy(&debugcon->lock);
}

static void debugcon_send(void *chardev, uint8_t byte)
{
	chardev_write(chardev, &byte, 1);
}

static int debugcon_create(struct device *device, struct place *place, struct error *err)
{
	struct debugcon *debugcon = (struct debugcon *)device;
	struct debugcon_options options = debugcon->options;

	options.send = debugcon_send;
	options.arg = place->chardev(place->arg, options.chardev);
	if (!options.arg)
		return error_set(err, -ENOENT,
				 "isa-debugcon: chardev=%s: there is no such back-end",
				 options.chardev);
	debugcon_init(debugcon, &options);
	mem_region_add(place->ports, &debugcon->region, options.port, 0);
	return 0;
}

static void debugcon_end(struct device *device)
{
	debugcon_destroy((struct debugcon *)device);
}

static const struct prop debugcon_props[] = {
	{ "iobase", PROP_NUMBER, PROP_AT(struct debugcon, options.port), .max = 0xffff,
	  .value = 0xe9, .form = "iobase=PORT", .help = "its port (default 0xe9)" },
	{ "chardev", PROP_CHARDEV, PROP_AT(struct debugcon, options.chardev), .required = true,
	  .form = "chardev=ID", .help = "the -chardev that gets what is written" },
	{ 0 },
};

const struct device_type debugcon_type = {
	.name = "isa-debugcon",
	.about = "a port that prints what it is given",
	.bus = DEVICE_BUS_ISA,
	.group = DEVICE_MISC,
	.user = true,
	.size = sizeof(struct debugcon),
	.props = debugcon_props,
	.create = debugcon_create,
	.destroy = debugcon_end,
};
