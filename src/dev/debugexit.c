// SPDX-License-Identifier: MIT
#include "dev/debugexit.h"

#include <assert.h>
#include <errno.h>

static uint64_t read_nothing(void *chip, uint64_t offset, unsigned width)
{
	return 0;
}

static void write_status(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct debugexit *debugexit = chip;

	debugexit->options.exit(debugexit->options.arg, (uint32_t)value << 1 | 1);
}

void debugexit_init(struct debugexit *debugexit, const struct debugexit_options *options)
{
	assert(options->size >= 1 && options->size <= 65536 && options->exit);
	*debugexit = (struct debugexit){
		.device = debugexit->device,
		.port = { .at = 0,
			  .len = options->size,
			  .widths = MEM_W1,
			  .read = read_nothing,
			  .write = write_status },
		.options = *options,
	};
	/* The whole written value counts, so a wide write may not be split where there is room. */
	if (options->size >= 2)
		debugexit->port.widths |= MEM_W2;
	if (options->size >= 4)
		debugexit->port.widths |= MEM_W4;
	debugexit->port.name = "status";
	mem_region_init_io(&debugexit->region, "isa-debug-exit", options->size - 1,
			   &debugexit->port, 1, debugexit, NULL);
}

static int debugexit_check(const struct device *device, struct error *err)
{
	const struct debugexit_options *options = &((const struct debugexit *)device)->options;

	if (options->port + options->size <= 0x10000)
		return 0;
	return error_set(err, -EINVAL, "iobase=%#x,iosize=%u: ends behind the last port",
			 options->port, options->size);
}

static int debugexit_create(struct device *device, struct place *place, struct error *err)
{
	struct debugexit *debugexit = (struct debugexit *)device;
	struct debugexit_options options = debugexit->options;

	options.exit = place->ask.exit;
	options.arg = place->ask.arg;
	debugexit_init(debugexit, &options);
	mem_region_add(place->ports, &debugexit->region, options.port, 0);
	return 0;
}

static const struct prop debugexit_props[] = {
	{ "iobase", PROP_NUMBER, PROP_AT(struct debugexit, options.port), .max = 0xffff,
	  .value = 0x501, .form = "iobase=PORT", .help = "its first port (default 0x501)" },
	{ "iosize", PROP_NUMBER, PROP_AT(struct debugexit, options.size), .min = 1, .max = 256,
	  .value = 2, .form = "iosize=N", .help = "how many ports it has (default 2)" },
	{ 0 },
};

const struct device_type debugexit_type = {
	.name = "isa-debug-exit",
	.about = "a write of N ends the program with status 2N+1",
	.bus = DEVICE_BUS_ISA,
	.group = DEVICE_MISC,
	.user = true,
	.size = sizeof(struct debugexit),
	.props = debugexit_props,
	.check = debugexit_check,
	.create = debugexit_create,
};
