// SPDX-License-Identifier: MIT
#include "dev/parallel_isa.h"

#include <errno.h>

#include "dev/irq_router.h"

#define PARALLEL_IRQ 7

static const struct {
	uint16_t port;
	const char *name;
} parallel_isa_places[PARALLEL_ISA_MAX] = {
	{ 0x378, "lpt1" },
	{ 0x278, "lpt2" },
	{ 0x3bc, "lpt3" },
};

static void parallel_isa_send(void *chardev, uint8_t byte)
{
	chardev_write(chardev, &byte, 1);
}

static size_t parallel_isa_printer_room(void *chardev)
{
	return chardev_room(chardev);
}

static void parallel_isa_drained(void *parallel)
{
	parallel_printed(parallel);
}

static int parallel_isa_number(struct parallel_isa *isa, struct place *place, struct error *err)
{
	if (isa->index < 0) {
		for (isa->index = 0; place->parallels >> isa->index & 1;)
			isa->index++;
		if (isa->index >= PARALLEL_ISA_MAX)
			return error_set(err, -ENOSPC, "isa-parallel: more than %d parallel ports",
					 PARALLEL_ISA_MAX);
	}
	if (place->parallels >> isa->index & 1)
		return error_set(err, -EBUSY, "isa-parallel: index=%d: another port has it",
				 (int)isa->index);
	place->parallels |= 1u << isa->index;
	return 0;
}

static int parallel_isa_create(struct device *device, struct place *place, struct error *err)
{
	struct parallel_isa *isa = (struct parallel_isa *)device;
	struct parallel_options options = { 0 };
	int ret;

	if (isa->chardev_id) {
		isa->chardev = place->chardev(place->arg, isa->chardev_id);
		if (!isa->chardev)
			return error_set(err, -ENOENT,
					 "isa-parallel: chardev=%s: there is no such back-end",
					 isa->chardev_id);
		options.send = parallel_isa_send;
		options.room = parallel_isa_printer_room;
		options.arg = isa->chardev;
	}
	ret = parallel_isa_number(isa, place, err);
	if (ret)
		return ret;
	isa->place = place;
	isa->port = isa->port < 0 ? parallel_isa_places[isa->index].port : isa->port;
	options.name = parallel_isa_places[isa->index].name;
	options.irq = irq_router_connect(place->router, (unsigned)isa->irq, &isa->wire);
	parallel_init(&isa->parallel, &options);
	mem_region_add(place->ports, &isa->parallel.region, (uint64_t)isa->port, 0);
	if (isa->chardev)
		chardev_set_user(isa->chardev, &(struct chardev_user){
						       .drained = parallel_isa_drained,
						       .arg = &isa->parallel,
					       });
	return 0;
}

uint8_t parallel_isa_standard(const struct parallel_isa *isa)
{
	bool standard =
		isa->port == parallel_isa_places[isa->index].port && isa->irq == PARALLEL_IRQ;

	return standard ? (uint8_t)(1u << isa->index) : 0;
}

static void parallel_isa_reset(struct device *device)
{
	parallel_reset(&((struct parallel_isa *)device)->parallel);
}

static void parallel_isa_restored(struct device *device)
{
	parallel_restored(&((struct parallel_isa *)device)->parallel);
}

static void parallel_isa_destroy(struct device *device)
{
	struct parallel_isa *isa = (struct parallel_isa *)device;

	if (isa->chardev)
		chardev_set_user(isa->chardev, &(struct chardev_user){ 0 });
	parallel_destroy(&isa->parallel);
	isa->place->parallels &= ~(1u << isa->index);
}

static const struct prop parallel_isa_props[] = {
	{ "chardev", PROP_CHARDEV, PROP_AT(struct parallel_isa, chardev_id), .form = "chardev=ID",
	  .help = "the -chardev that is the printer (default none: what is printed is lost)" },
	{ "index", PROP_NUMBER, PROP_AT(struct parallel_isa, index), .max = PARALLEL_ISA_MAX - 1,
	  .value = -1, .form = "index=N",
	  .help = "0 for LPT1 to 2 for LPT3 (default the first that is free)" },
	{ "iobase", PROP_NUMBER, PROP_AT(struct parallel_isa, port),
	  .max = 0x10000 - PARALLEL_PORTS, .value = -1, .form = "iobase=PORT",
	  .help = "its first port (default as the index says)" },
	{ "irq", PROP_NUMBER, PROP_AT(struct parallel_isa, irq), .max = IRQ_ISA_LINES - 1,
	  .value = PARALLEL_IRQ, .form = "irq=N", .help = "its interrupt (default 7)" },
	{ 0 },
};

const struct device_type parallel_isa_type = {
	.name = "isa-parallel",
	.about = "a parallel port with a printer",
	.bus = DEVICE_BUS_ISA,
	.group = DEVICE_INPUT,
	.user = true,
	.size = sizeof(struct parallel_isa),
	.props = parallel_isa_props,
	.create = parallel_isa_create,
	.reset = parallel_isa_reset,
	.state = (const struct device_part[]){ DEVICE_PART(parallel_state_table,
							   struct parallel_isa, parallel.state),
					       { 0 } },
	.restored = parallel_isa_restored,
	.destroy = parallel_isa_destroy,
};
