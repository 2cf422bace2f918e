// SPDX-License-Identifier: MIT
#include "dev/piix3.h"

#define PIRQ_ROUTE     0x60 /* first of four registers */
#define PIRQ_ROUTE_OFF 0x80u
#define PIRQ_ROUTE_IRQ 0x0fu
#define PIRQ_ROUTABLE  0xdef8u /* 2.1.10: 0, 1, 2, 8 and 13 are reserved */

#define ELCR_PORT 0x4d0

/* NMI status and control, 2.3.2.4. */
#define PORT_B         0x61
#define PORT_B_KEPT    0x0fu /* gate of counter 2, speaker, and what makes no NMI */
#define PORT_B_REFRESH 0x10u

#define RESET_CONTROL_HARD 0x02u
#define RESET_CONTROL_NOW  0x04u

static const struct state_field piix3_fields[] = {
	{ STATE_ARRAY_AT(struct piix3, elcr), .on_reset = STATE_CLEAR, .value = 0 },
	{ STATE_AT(struct piix3, gates), .on_reset = STATE_CLEAR, .value = 0 },
	{ STATE_AT(struct piix3, refresh), .on_reset = STATE_CLEAR, .value = 0 },
	{ STATE_AT(struct piix3, reset_control), .on_reset = STATE_CLEAR, .value = 0 },
};

const struct state_table piix3_state = {
	.name = "piix3",
	.version = 2,
	.fields = piix3_fields,
	.fields_n = sizeof(piix3_fields) / sizeof(piix3_fields[0]),
};

static const struct pci_id piix3_id = {
	.vendor = 0x8086,
	.device = 0x7000,
	.subsystem_vendor = 0x1af4,
	.subsystem = 0x1100,
	.subclass = 0x01,
	.class_code = 0x06,
	.header_type = 0x80, /* power management is another function of the device */
};

/* Registers beyond the header (2.1): value after reset, bits that can be written. */
static const struct {
	uint8_t at, width;
	uint16_t value, writable;
} piix3_registers[] = {
	{ PCI_COMMAND, 2, 0x0007, 0x0108 },
	{ PCI_STATUS, 2, 0x0280, 0 },
	{ PCI_CACHE_LINE, 2, 0x0000, 0x0000 },
	{ PCI_INTERRUPT_LINE, 1, 0x00, 0x00 },
	{ 0x4c, 1, 0x4d, 0xff }, /* IORT */
	{ 0x4e, 2, 0x0003, 0x01ff }, /* XBCS */
	{ PIRQ_ROUTE, 2, 0x8080, 0x8f8f },
	{ PIRQ_ROUTE + 2, 2, 0x8080, 0x8f8f },
	{ 0x69, 1, 0x02, 0xfe }, /* TOM */
	{ 0x6a, 2, 0x0000, 0x0000 }, /* MSTAT */
	{ 0x70, 1, 0x80, 0xef }, /* MBIRQ0 */
	{ 0x76, 2, 0x0c0c, 0x8f8f }, /* MBDMA */
	{ 0x78, 2, 0x0002, 0xffff }, /* PCSC */
	{ 0x80, 1, 0x00, 0x7f }, /* APICBASE */
	{ 0x82, 1, 0x00, 0x0f }, /* DLC */
	{ 0xa0, 1, 0x08, 0x1f }, /* SMICNTL */
	{ 0xa2, 2, 0x0000, 0x01ff }, /* SMIEN */
	{ 0xa8, 1, 0x0f, 0xff }, /* FTMR */
};

static void routes_refresh(struct piix3 *bridge)
{
	for (unsigned i = 0; i < IRQ_PIRQS; i++) {
		uint32_t route = pci_config_get(&bridge->function, PIRQ_ROUTE + i, 1);
		unsigned irq = route & PIRQ_ROUTE_IRQ;

		if ((route & PIRQ_ROUTE_OFF) || !(PIRQ_ROUTABLE >> irq & 1))
			irq = IRQ_NOWHERE;
		irq_router_set_route(bridge->router, i, irq);
	}
}

static void piix3_config_written(void *chip, unsigned offset, unsigned width)
{
	if (offset < PIRQ_ROUTE + IRQ_PIRQS && offset + width > PIRQ_ROUTE)
		routes_refresh(chip);
}

static void piix3_config_replaced(void *chip)
{
	routes_refresh(chip);
}

static uint64_t elcr_read(void *chip, uint64_t offset, unsigned width)
{
	return ((struct piix3 *)chip)->elcr[offset];
}

/* 2.3.2.6: the timer, keyboard, cascade, clock and coprocessor interrupts are always edges. */
static void elcr_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	static const uint8_t level_capable[2] = { 0xf8, 0xde };

	((struct piix3 *)chip)->elcr[offset] = (uint8_t)value & level_capable[offset];
}

static const struct mem_port elcr_ports[] = {
	{ .at = 0,
	  .len = 2,
	  .widths = MEM_W1,
	  .read = elcr_read,
	  .write = elcr_write,
	  .name = "ELCR" },
};

/*
 * Without KVM's timer behind it: the gates are kept, memory is refreshed between any two looks, and
 * counter 2, which nobody has programmed, keeps its output low.
 */
static uint64_t port_b_read(void *chip, uint64_t offset, unsigned width)
{
	struct piix3 *bridge = chip;

	bridge->refresh ^= PORT_B_REFRESH;
	return (bridge->gates & PORT_B_KEPT) | (bridge->refresh & PORT_B_REFRESH);
}

static void port_b_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	((struct piix3 *)chip)->gates = (uint8_t)value & PORT_B_KEPT;
}

static const struct mem_port port_b_ports[] = {
	{ .at = 0,
	  .len = 1,
	  .read = port_b_read,
	  .write = port_b_write,
	  .name = "NMI status and control" },
};

void piix3_init(struct piix3 *bridge, struct pci_bus *bus, const struct piix3_options *options)
{
	struct pci_function *function = &bridge->function;

	*bridge = (struct piix3){
		.device = bridge->device,
		.router = options->router,
		.request_reset = options->reset,
		.reset_arg = options->reset_arg,
	};
	lock_init(&bridge->lock, LOCK_DEVICE, "piix3");
	state_reset(&piix3_state, bridge);
	pci_function_init(function, bus, PCI_DEVFN(1, 0), "piix3", &piix3_id, bridge);
	for (size_t i = 0; i < sizeof(piix3_registers) / sizeof(piix3_registers[0]); i++)
		pci_config_init(function, piix3_registers[i].at, piix3_registers[i].width,
				piix3_registers[i].value, piix3_registers[i].writable);
	function->config_written = piix3_config_written;
	function->config_replaced = piix3_config_replaced;
	pci_function_add(function);
	if (!options->elcr)
		return;
	mem_region_init_io(&bridge->elcr_ports, "PIIX3", 1, elcr_ports,
			   sizeof(elcr_ports) / sizeof(elcr_ports[0]), bridge, &bridge->lock);
	mem_region_add(bus->ports, &bridge->elcr_ports, ELCR_PORT, 0);
	mem_region_init_io(&bridge->port_b, "PIIX3", 0, port_b_ports,
			   sizeof(port_b_ports) / sizeof(port_b_ports[0]), bridge, &bridge->lock);
	mem_region_add(bus->ports, &bridge->port_b, PORT_B, 0);
}

void piix3_destroy(struct piix3 *bridge)
{
	lock_destroy(&bridge->lock);
}

void piix3_reset(struct piix3 *bridge)
{
	lock_take(&bridge->lock);
	state_reset(&piix3_state, bridge);
	lock_drop(&bridge->lock);
}

uint8_t piix3_reset_control_read(void *arg)
{
	struct piix3 *bridge = arg;
	uint8_t value;

	lock_take(&bridge->lock);
	value = bridge->reset_control;
	lock_drop(&bridge->lock);
	return value;
}

void piix3_reset_control_write(void *arg, uint8_t value)
{
	struct piix3 *bridge = arg;
	bool now;

	lock_take(&bridge->lock);
	now = (value & RESET_CONTROL_NOW) && !(bridge->reset_control & RESET_CONTROL_NOW);
	bridge->reset_control = value & (RESET_CONTROL_HARD | RESET_CONTROL_NOW);
	if (now && bridge->request_reset)
		bridge->request_reset(bridge->reset_arg);
	lock_drop(&bridge->lock);
}

static int piix3_create(struct device *device, struct place *place, struct error *err)
{
	struct piix3 *bridge = (struct piix3 *)device;

	piix3_init(bridge, place->pci,
		   &(struct piix3_options){
			   .router = place->router,
			   .reset = place->ask.reset,
			   .reset_arg = place->ask.arg,
			   .elcr = place->elcr,
		   });
	place->reset_control = (struct place_reset_control){
		.read = piix3_reset_control_read,
		.write = piix3_reset_control_write,
		.arg = bridge,
	};
	return 0;
}

static void piix3_pull(struct device *device)
{
	struct piix3 *bridge = (struct piix3 *)device;

	pci_function_reset(&bridge->function);
	piix3_reset(bridge);
}

static void piix3_follow(struct device *device)
{
	pci_function_refresh(&((struct piix3 *)device)->function);
}

static void piix3_end(struct device *device)
{
	piix3_destroy((struct piix3 *)device);
}

const struct device_type piix3_type = {
	.name = "PIIX3",
	.about = "the bridge to ISA at 01.0",
	.bus = DEVICE_BUS_PCI,
	.group = DEVICE_BRIDGE,
	.size = sizeof(struct piix3),
	.create = piix3_create,
	.reset = piix3_pull,
	.state = (const struct device_part[]){ DEVICE_PART(pci_function_state, struct piix3,
							   function),
					       DEVICE_PART_SELF(piix3_state),
					       { 0 } },
	.restored = piix3_follow,
	.destroy = piix3_end,
};
