// SPDX-License-Identifier: MIT
/* The floppy controller as a device of the ISA bus. */
#include "dev/floppy/fdc.h"
#include "dev/irq_router.h"

static int fdc_create(struct device *device, struct place *place, struct error *err)
{
	struct fdc *fdc = (struct fdc *)device;
	struct fdc_options options = {
		.dma = place->dma,
		.clock = place->clock,
		.loop = place->loop,
	};

	options.irq = irq_router_connect(place->router, FDC_IRQ, &fdc->wire);
	fdc_init(fdc, &options);
	mem_region_add(place->ports, &fdc->low, FDC_PORT, 0);
	mem_region_add(place->ports, &fdc->high, FDC_PORT + 7, 0);
	place->fdc = fdc;
	return 0;
}

static void fdc_pull(struct device *device)
{
	fdc_reset((struct fdc *)device);
}

static void fdc_hold(struct device *device)
{
	fdc_quiesce((struct fdc *)device);
}

static void fdc_go_on(struct device *device)
{
	fdc_resume((struct fdc *)device);
}

static void fdc_follow(struct device *device)
{
	fdc_restored((struct fdc *)device);
}

static void fdc_finish(struct device *device)
{
	fdc_destroy((struct fdc *)device);
}

static const struct prop fdc_props[] = {
	{ "check_media_rate", PROP_BOOL, PROP_AT(struct fdc, check_rate), .value = true,
	  .form = "check_media_rate=on|off",
	  .help = "whether a disk is not found at another data rate than its own (default on)" },
	{ 0 },
};

const struct device_type fdc_type = {
	.name = "isa-fdc",
	.about = "the floppy disk controller",
	.bus = DEVICE_BUS_ISA,
	.group = DEVICE_STORAGE,
	.size = sizeof(struct fdc),
	.props = fdc_props,
	.create = fdc_create,
	.reset = fdc_pull,
	.quiesce = fdc_hold,
	.resume = fdc_go_on,
	.state = (const struct device_part[]){ DEVICE_PART(fdc_state_table, struct fdc, state),
					       { 0 } },
	.restored = fdc_follow,
	.destroy = fdc_finish,
};
