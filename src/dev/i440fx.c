// SPDX-License-Identifier: MIT
#include "dev/i440fx.h"

#include <assert.h>

#define CONFIG_ADDRESS      0xcf8
#define CONFIG_ADDRESS_MASK 0x80fffffcu /* 3.1.1: the rest reads as 0 */
#define CONFIG_ENABLE       0x80000000u

#define PAM_READ  0x1u
#define PAM_WRITE 0x2u

#define SMRAM_OPEN   0x40u
#define SMRAM_CLOSED 0x20u
#define SMRAM_LOCK   0x10u
#define SMRAM_ENABLE 0x08u
#define SMRAM_FIRST  0xa0000
#define SMRAM_SIZE   0x20000

/* Over PCI and ROM. */
#define WINDOW_PRIORITY 1

/*
 * How late a reset may come when the guest never leaves the kernel again after asking for one. Any
 * exit delivers the write at once, and a guest that resets spins or halts.
 */
#define RESET_DEADLINE MEM_DEADLINE(20 * 1000 * 1000)

static const struct state_field i440fx_fields[] = {
	{ STATE_AT(struct i440fx, config_address), .on_reset = STATE_CLEAR, .value = 0 },
};

const struct state_table i440fx_state = {
	.name = "i440fx",
	.version = 1,
	.fields = i440fx_fields,
	.fields_n = sizeof(i440fx_fields) / sizeof(i440fx_fields[0]),
};

static const struct pci_id i440fx_id = {
	.vendor = 0x8086,
	.device = 0x1237,
	.subsystem_vendor = 0x1af4, /* firmware knows a virtual machine by these two */
	.subsystem = 0x1100,
	.revision = 0x02,
	.subclass = 0x00,
	.class_code = 0x06,
};

/* Registers beyond the header (3.2): value after reset, bits that can be written. */
static const struct {
	uint8_t at, width;
	uint16_t value, writable;
} i440fx_registers[] = {
	{ PCI_COMMAND, 2, 0x0006, 0x0140 }, /* memory and master are always on */
	{ PCI_STATUS, 2, 0x0280, 0 },
	{ PCI_LATENCY, 1, 0x00, 0xf8 },
	{ 0x50, 2, 0x0000, 0xffbf }, /* PMCCFG */
	{ 0x52, 1, 0x00, 0xff }, /* DETURBO */
	{ 0x53, 1, 0x80, 0xff }, /* DBC */
	{ 0x54, 1, 0x00, 0xff }, /* AXC */
	{ 0x55, 2, 0x0000, 0xffff }, /* DRT */
	{ 0x57, 1, 0x01, 0xff }, /* DRAMC */
	{ 0x58, 1, 0x10, 0xff }, /* DRAMT */
	{ 0x59, 1, 0x00, 0x30 }, /* PAM0: only the upper half is a part */
	{ 0x5a, 2, 0x0000, 0x3333 }, /* PAM1, PAM2 */
	{ 0x5c, 2, 0x0000, 0x3333 },
	{ 0x5e, 2, 0x0000, 0x3333 },
	{ 0x60, 2, 0x0101, 0xffff }, /* DRB0, DRB1 */
	{ 0x62, 2, 0x0101, 0xffff },
	{ 0x64, 2, 0x0101, 0xffff },
	{ 0x66, 2, 0x0101, 0xffff },
	{ 0x68, 1, 0x00, 0xff }, /* FDHC */
	{ 0x70, 1, 0x00, 0xff }, /* MTT */
	{ 0x71, 1, 0x10, 0xff }, /* CLT */
	{ I440FX_SMRAM, 1, 0x02, SMRAM_OPEN | SMRAM_CLOSED | SMRAM_LOCK | SMRAM_ENABLE },
	{ 0x90, 1, 0x00, 0xff }, /* ERRCMD */
	{ 0x93, 1, 0x00, 0x00 }, /* TRC: its reset bits are the ISA bridge's business here */
};

/* The parts in order of their four-bit fields, from the upper half of PAM0 on. */
static const struct {
	const char *ram, *rom;
	uint32_t first, size;
} parts[I440FX_PAM_PARTS] = {
	{ "pam-f0000", "pam-f0000-ro", 0xf0000, 0x10000 },
	{ "pam-c0000", "pam-c0000-ro", 0xc0000, 0x4000 },
	{ "pam-c4000", "pam-c4000-ro", 0xc4000, 0x4000 },
	{ "pam-c8000", "pam-c8000-ro", 0xc8000, 0x4000 },
	{ "pam-cc000", "pam-cc000-ro", 0xcc000, 0x4000 },
	{ "pam-d0000", "pam-d0000-ro", 0xd0000, 0x4000 },
	{ "pam-d4000", "pam-d4000-ro", 0xd4000, 0x4000 },
	{ "pam-d8000", "pam-d8000-ro", 0xd8000, 0x4000 },
	{ "pam-dc000", "pam-dc000-ro", 0xdc000, 0x4000 },
	{ "pam-e0000", "pam-e0000-ro", 0xe0000, 0x4000 },
	{ "pam-e4000", "pam-e4000-ro", 0xe4000, 0x4000 },
	{ "pam-e8000", "pam-e8000-ro", 0xe8000, 0x4000 },
	{ "pam-ec000", "pam-ec000-ro", 0xec000, 0x4000 },
};

static uint64_t address_read(void *chip, uint64_t offset, unsigned width)
{
	const struct i440fx *bridge = chip;

	return bridge->config_address & CONFIG_ADDRESS_MASK;
}

static void address_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct i440fx *bridge = chip;

	bridge->config_address = (uint32_t)value;
}

static uint64_t reset_control_read(void *chip, uint64_t offset, unsigned width)
{
	const struct place_reset_control *control = &((struct i440fx *)chip)->reset_control;

	return control->read ? control->read(control->arg) : UINT8_MAX;
}

static void reset_control_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	const struct place_reset_control *control = &((struct i440fx *)chip)->reset_control;

	if (control->write)
		control->write(control->arg, (uint8_t)value);
}

/*
 * True if CONFIG_ADDRESS selects a register of this bus: where an access to CONFIG_DATA leads, always
 * inside one register.
 *
 * The two lowest bits of the address are reserved, as the port says which byte is meant. But some
 * software writes the whole offset there and uses the first data port only: that gets the byte it
 * means, as it does elsewhere.
 */
static bool data_target(const struct i440fx *bridge, uint64_t offset, unsigned width,
			unsigned *devfn, unsigned *at)
{
	uint32_t address = bridge->config_address;

	*devfn = (address >> 8) & 0xff;
	*at = (address & 0xfc) | ((address | offset) & 3 & ~(width - 1));
	return (address & CONFIG_ENABLE) && ((address >> 16) & 0xff) == 0;
}

static uint64_t i440fx_data_read(void *chip, uint64_t offset, unsigned width)
{
	struct i440fx *bridge = chip;
	unsigned devfn, at;

	if (!data_target(bridge, offset, width, &devfn, &at))
		return UINT64_MAX;
	return pci_bus_read_locked(bridge->function.bus, devfn, at, width);
}

static void i440fx_data_write(void *chip, uint64_t offset, uint64_t value, unsigned width)
{
	struct i440fx *bridge = chip;
	unsigned devfn, at;

	if (data_target(bridge, offset, width, &devfn, &at))
		pci_bus_write_locked(bridge->function.bus, devfn, at, (uint32_t)value, width);
}

/*
 * The waiting entries overlap, so that one range of four bytes waits. A word or a byte written to
 * the rest of it belongs to nobody and may as well wait.
 */
static const struct mem_port i440fx_ports[] = {
	{ .at = 0,
	  .len = 4,
	  .widths = MEM_W4,
	  .read = address_read,
	  .write = address_write,
	  .wait = MEM_LATCH,
	  .why = "CONFIG_ADDRESS only selects what CONFIG_DATA shows",
	  .name = "CONFIG_ADDRESS" },
	{ .at = 1,
	  .len = 1,
	  .widths = MEM_W1,
	  .read = reset_control_read,
	  .write = reset_control_write,
	  .wait = RESET_DEADLINE,
	  .why = "reset control: takes effect within 20 ms, at any exit at once",
	  .name = "reset control" },
	{ .at = 0, .len = 4, .widths = MEM_W1 | MEM_W2 },
	{ .at = 4,
	  .len = 4,
	  .widths = MEM_W1 | MEM_W2 | MEM_W4,
	  .read = i440fx_data_read,
	  .write = i440fx_data_write,
	  .name = "CONFIG_DATA" },
};

static bool smram_is_open(uint8_t smram)
{
	return (smram & (SMRAM_OPEN | SMRAM_LOCK | SMRAM_ENABLE)) == (SMRAM_OPEN | SMRAM_ENABLE);
}

/* Inside a transaction of the map: the windows follow the registers. */
static void windows_apply(void *arg)
{
	struct i440fx *bridge = arg;
	struct pci_bus *bus = bridge->function.bus;

	lock_take(&bus->lock);
	for (unsigned i = 0; i < I440FX_PAM_PARTS; i++) {
		/* Part 0 is the upper half of the first register. */
		unsigned nibble = i + 1;
		uint32_t bits = pci_config_get(&bridge->function, I440FX_PAM + nibble / 2, 1) >>
				(4 * (nibble & 1));
		bool read = bits & PAM_READ, write = bits & PAM_WRITE;

		mem_region_set_enabled(&bridge->part_ram[i], read && write);
		mem_region_set_enabled(&bridge->part_rom[i], read && !write);
	}
	mem_region_set_enabled(&bridge->smram, smram_is_open((uint8_t)pci_config_get(
						       &bridge->function, I440FX_SMRAM, 1)));
	lock_drop(&bus->lock);
}

/* SMRAM's lock: once set, what was open is closed and the register stays as it is until a reset. */
static void smram_written(struct i440fx *bridge)
{
	struct pci_function *function = &bridge->function;
	uint32_t smram = pci_config_get(function, I440FX_SMRAM, 1);
	bool locked = smram & SMRAM_LOCK;

	if (locked)
		pci_config_set(function, I440FX_SMRAM, 1, smram & ~SMRAM_OPEN);
	function->writable[I440FX_SMRAM] =
		locked ? 0 : SMRAM_OPEN | SMRAM_CLOSED | SMRAM_LOCK | SMRAM_ENABLE;
}

static void i440fx_config_written(void *chip, unsigned offset, unsigned width)
{
	struct i440fx *bridge = chip;
	bool smram = offset <= I440FX_SMRAM && offset + width > I440FX_SMRAM;

	if (smram)
		smram_written(bridge);
	if (smram || (offset < I440FX_PAM + 7 && offset + width > I440FX_PAM))
		mem_map_request(bridge->function.bus->map, &bridge->request);
}

static void i440fx_config_replaced(void *chip)
{
	struct i440fx *bridge = chip;

	smram_written(bridge);
	mem_map_request(bridge->function.bus->map, &bridge->request);
}

static void window_add(struct mem_region *memory, struct mem_region *window, const char *name,
		       struct mem_region *ram, uint64_t first, uint64_t size)
{
	mem_region_init_alias(window, name, ram, first, size - 1);
	mem_region_set_enabled(window, false);
	mem_region_add(memory, window, first, WINDOW_PRIORITY);
}

void i440fx_init(struct i440fx *bridge, struct pci_bus *bus, const struct i440fx_options *options)
{
	struct pci_function *function = &bridge->function;

	assert(options->ram->last >= 0xfffff);
	*bridge = (struct i440fx){
		.device = bridge->device,
		.reset_control = options->reset_control,
		.request = { .apply = windows_apply, .arg = bridge },
	};
	pci_function_init(function, bus, PCI_DEVFN(0, 0), "i440fx", &i440fx_id, bridge);
	for (size_t i = 0; i < sizeof(i440fx_registers) / sizeof(i440fx_registers[0]); i++)
		pci_config_init(function, i440fx_registers[i].at, i440fx_registers[i].width,
				i440fx_registers[i].value, i440fx_registers[i].writable);
	function->config_written = i440fx_config_written;
	function->config_replaced = i440fx_config_replaced;

	mem_region_init_io(&bridge->ports, "i440FX", 7, i440fx_ports,
			   sizeof(i440fx_ports) / sizeof(i440fx_ports[0]), bridge, &bus->lock);
	mem_region_add(bus->ports, &bridge->ports, CONFIG_ADDRESS, 0);
	for (unsigned i = 0; i < I440FX_PAM_PARTS; i++) {
		window_add(options->memory, &bridge->part_ram[i], parts[i].ram, options->ram,
			   parts[i].first, parts[i].size);
		window_add(options->memory, &bridge->part_rom[i], parts[i].rom, options->ram,
			   parts[i].first, parts[i].size);
		bridge->part_rom[i].readonly = true;
	}
	window_add(options->memory, &bridge->smram, "smram", options->ram, SMRAM_FIRST, SMRAM_SIZE);
	pci_function_add(function);
}

void i440fx_reset(struct i440fx *bridge)
{
	struct pci_bus *bus = bridge->function.bus;

	lock_take(&bus->lock);
	state_reset(&i440fx_state, bridge);
	lock_drop(&bus->lock);
}

static int i440fx_create(struct device *device, struct place *place, struct error *err)
{
	i440fx_init((struct i440fx *)device, place->pci,
		    &(struct i440fx_options){
			    .memory = place->memory,
			    .ram = place->ram,
			    .reset_control = place->reset_control,
		    });
	return 0;
}

static void i440fx_pull(struct device *device)
{
	struct i440fx *bridge = (struct i440fx *)device;

	pci_function_reset(&bridge->function);
	i440fx_reset(bridge);
}

static void i440fx_follow(struct device *device)
{
	pci_function_refresh(&((struct i440fx *)device)->function);
}

const struct device_type i440fx_type = {
	.name = "i440FX",
	.about = "the host bridge at 00.0",
	.bus = DEVICE_BUS_PCI,
	.group = DEVICE_BRIDGE,
	.size = sizeof(struct i440fx),
	.create = i440fx_create,
	.reset = i440fx_pull,
	.state = (const struct device_part[]){ DEVICE_PART(pci_function_state, struct i440fx,
							   function),
					       DEVICE_PART_SELF(i440fx_state),
					       { 0 } },
	.restored = i440fx_follow,
};
