// SPDX-License-Identifier: MIT
/*
 * The PC: what is always there, what options add, and the life of the whole.
 */
#include "board/pc.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/*
 * What every PC has, from top to bottom. Who provides a wire (dev/place.h) stands above whoever takes
 * it. Functions of the chipset know their places on the bus.
 */
static const struct device_spec pc_devices[] = {
	{ "irq-router", NULL }, /* 24 lines: ISA interrupts 0-15, and 16-23 */
	{ "i440FX-pcihost", NULL }, /* PCI bus 0 */
	{ "PIIX3", NULL }, /* 01.0; 0x4d0-0x4d1; reset control for 0xcf9 */
	{ "piix3-ide", NULL }, /* 01.1; 0x1f0-0x1f7, 0x3f6, 0x170-0x177, 0x376; lines 14 and 15 */
	{ "PIIX4_PM", NULL }, /* 01.3; 0xafe0-0xafe3, and where PMBASE says; line 9 */
	{ "i440FX", NULL }, /* 00.0; 0xcf8-0xcff; 0xa0000-0xfffff */
	{ "i8257", NULL }, /* 0x00-0x0f, 0x81-0x8f, 0xc0-0xdf, 0x481-0x48f */
	{ "isa-fdc", NULL }, /* 0x3f0-0x3f5, 0x3f7; line 6; no drives of its own */
	{ "mc146818rtc", "iobase=0x70" }, /* -0x73; line 8 */
	{ "i8042", NULL }, /* 0x60 and 0x64; lines 1 and 12 */
	{ "port92", NULL }, /* 0x92 */
	{ "post", NULL }, /* 0x80 */
	{ "fw_cfg_io", NULL }, /* 0x510-0x51b */
};

/* Those that are there if the user names no other. */
static const struct device_spec pc_defaults[] = {
	{ "pvpanic", "ioport=0x505" },
};

static bool is_given(const struct pc_options *options, const char *type)
{
	for (size_t i = 0; i < options->devices_n; i++) {
		if (!strcmp(options->devices[i].type, type))
			return true;
	}
	return false;
}

static int make_devices(struct pc *pc, struct error *err)
{
	const struct pc_options *options = &pc->options;
	const struct device_types types = {
		.types = options->types,
		.globals = options->globals,
		.globals_n = options->globals_n,
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < sizeof(pc_devices) / sizeof(pc_devices[0]); i++)
		ret = device_make(&pc->devices, &types, &pc_devices[i], &pc->place, err);
	for (size_t i = 0; !ret && i < sizeof(pc_defaults) / sizeof(pc_defaults[0]); i++) {
		if (!is_given(options, pc_defaults[i].type))
			ret = device_make(&pc->devices, &types, &pc_defaults[i], &pc->place, err);
	}
	for (size_t i = 0; !ret && i < options->devices_n; i++)
		ret = device_make(&pc->devices, &types, &options->devices[i], &pc->place, err);
	return ret;
}

static int pc_build(struct pc *pc, struct error *err)
{
	int ret = make_devices(pc, err);

	if (ret)
		return ret;
	pc->router = (struct irq_router *)device_find(&pc->devices, &irq_router_type);
	pc->pm = (struct piix4_pm *)device_find(&pc->devices, &piix4_pm_type);
	pc->rtc = (struct rtc *)device_find(&pc->devices, &rtc_type);
	pc->fw_cfg = (struct fw_cfg *)device_find(&pc->devices, &fw_cfg_type);
	pc->machine.pci = pc->place.pci;
	pc->machine.devices = &pc->devices;
	pc_cmos_init(pc);
	return pc_fw_cfg_fill(pc, err);
}

/* What machine.c asks of the board; vCPUs stand still, waiting writes are delivered. */

static void reset_devices(void *arg)
{
	struct pc *pc = arg;

	device_list_reset(&pc->devices);
}

static void quiesce_devices(void *arg)
{
	struct pc *pc = arg;

	device_list_quiesce(&pc->devices);
}

static void resume_devices(void *arg)
{
	struct pc *pc = arg;

	device_list_resume(&pc->devices);
}

static void press_power_button(void *arg)
{
	struct pc *pc = arg;

	piix4_pm_power_button(pc->pm);
}

/* A test's end of a line. */
static struct irq_line connect_irq(void *arg, unsigned line)
{
	struct pc *pc = arg;

	return irq_router_connect(pc->router, line, &pc->inputs[line]);
}

static int check_ram(uint64_t ram, struct error *err)
{
	if (ram >= PC_RAM_MIN && ram <= PC_RAM_MAX)
		return 0;
	return error_set(err, -EINVAL,
			 "-m: %" PRIu64 " MiB of guest memory: a PC has 1 to %" PRIu64 " MiB",
			 ram >> 20, PC_RAM_MAX >> 20);
}

int pc_create(struct pc *pc, const struct pc_options *options, struct error *err)
{
	struct machine_options machine = options->machine;
	int ret = check_ram(options->ram, err);

	if (ret)
		return ret;
	*pc = (struct pc){ .options = *options };
	if (!pc->options.types)
		pc->options.types = board_device_types;
	TAILQ_INIT(&pc->devices);
	machine.reset = reset_devices;
	machine.power_button = press_power_button;
	machine.quiesce = quiesce_devices;
	machine.unquiesce = resume_devices;
	machine.irq_input = connect_irq;
	machine.name = options->name;
	machine.types = pc->options.types;
	machine.board = pc;
	ret = machine_init(&pc->machine, &machine, err);
	if (ret)
		return ret;
	ret = pc_memory_init(pc, err);
	if (ret)
		goto no_memory;
	pc_place_init(pc);
	mem_map_begin(&pc->machine.map);
	ret = pc_build(pc, err);
	if (mem_map_commit(&pc->machine.map) && !ret)
		ret = error_set(err, -ENOMEM, "address map: out of memory");
	if (ret)
		goto no_devices;
	ret = machine_start(&pc->machine, err);
	if (ret)
		goto no_devices;
	return 0;

no_devices:
	machine_detach(&pc->machine);
	device_list_destroy(&pc->devices);
	pc_memory_destroy(pc);
no_memory:
	machine_destroy(&pc->machine);
	return ret;
}

void pc_destroy(struct pc *pc)
{
	machine_detach(&pc->machine);
	device_list_destroy(&pc->devices);
	pc_memory_destroy(pc);
	machine_destroy(&pc->machine);
}
