// SPDX-License-Identifier: MIT
#include "dev/debugexit.h"

#include <assert.h>

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
	mem_region_init_io(&debugexit->region, "isa-debug-exit", options->size - 1,
			   &debugexit->port, 1, debugexit, NULL);
}
