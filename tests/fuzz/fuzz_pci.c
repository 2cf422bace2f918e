// SPDX-License-Identifier: MIT
/*
 * Configuration space of a whole chipset and a card, through the ports a guest uses. After each
 * access the map has to show exactly what the registers say: BARs, power management ports, PAM.
 *
 * Input: operations of 6 bytes: what (bit 7: write; 0-6: where), how wide, and a value.
 */
#include <stdlib.h>
#include <string.h>

#include "../unit/dev/pci_all.h"
#include "base/bytes.h"
#include "dev/i440fx.h"
#include "dev/piix3.h"
#include "dev/piix4_pm.h"

#define OPERATION      6
#define OPERATIONS_MAX 200
#define RAM_SIZE       0x100000
#define CARD           PCI_DEVFN(3, 0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Alignas(4096) uint8_t ram_host[RAM_SIZE];

struct machine {
	struct mem_map map;
	struct clock clock;
	struct irq_router router;
	struct pci_bus bus;
	struct i440fx host;
	struct piix3 isa;
	struct irq_source sci;
	struct piix4_pm pm;
	struct pci_function card;
	struct mem_region ram, low, bars[3];
	bool level[IRQ_LINES];
};

static void check(bool ok)
{
	if (!ok)
		abort();
}

static enum irq_status on_irq(void *arg, unsigned line, bool level)
{
	struct machine *machine = arg;

	check(machine->level[line] != level);
	machine->level[line] = level;
	return IRQ_DELIVERED;
}

static void make(struct machine *machine)
{
	static const struct pci_id id = { .vendor = 0x1234, .device = 0x5678, .interrupt_pin = 1 };
	struct mem_region *memory = &machine->map.root[MEM_SPACE_MEMORY];
	struct irq_line sinks[IRQ_LINES];

	check(mem_map_init(&machine->map) == 0);
	clock_init(&machine->clock, CLOCK_KIND_MANUAL);
	for (unsigned i = 0; i < IRQ_LINES; i++)
		sinks[i] = (struct irq_line){ .set = on_irq, .arg = machine, .line = i };
	irq_router_init(&machine->router, sinks);
	pci_bus_init(&machine->bus, &machine->map, memory, &machine->map.root[MEM_SPACE_PORT],
		     irq_router_intx(&machine->router), (struct msi_sink){ .send = NULL });
	mem_region_init_ram(&machine->ram, "ram", ram_host, RAM_SIZE - 1);
	mem_region_init_alias(&machine->low, "low", &machine->ram, 0, 0x9ffff);
	mem_region_add(memory, &machine->low, 0, 0);
	i440fx_init(&machine->host, &machine->bus,
		    &(struct i440fx_options){ .memory = memory, .ram = &machine->ram });
	piix3_init(&machine->isa, &machine->bus,
		   &(struct piix3_options){ .router = &machine->router, .elcr = true });
	piix4_pm_init(&machine->pm, &machine->bus,
		      &(struct piix4_pm_options){
			      .clock = &machine->clock,
			      .sci = irq_router_connect(&machine->router, PIIX4_PM_SCI_IRQ,
							&machine->sci),
		      });
	pci_function_init(&machine->card, &machine->bus, CARD, "card", &id, machine);
	mem_region_init_io(&machine->bars[0], "port", 0xff, NULL, 0, machine, NULL);
	mem_region_init_io(&machine->bars[1], "mem32", 0xfff, NULL, 0, machine, NULL);
	mem_region_init_io(&machine->bars[2], "mem64", 0x3fff, NULL, 0, machine, NULL);
	pci_bar_init(&machine->card, 0, PCI_BAR_PORT, 0x100, &machine->bars[0]);
	pci_bar_init(&machine->card, 1, PCI_BAR_MEM32, 0x1000, &machine->bars[1]);
	pci_bar_init(&machine->card, 2, PCI_BAR_MEM64, 0x4000, &machine->bars[2]);
	pci_capability_add(&machine->card, 0x09, 20);
	pci_function_add(&machine->card);
	mem_map_begin(&machine->map);
	check(mem_map_commit(&machine->map) == 0);
}

static void unmake(struct machine *machine)
{
	piix4_pm_destroy(&machine->pm);
	piix3_destroy(&machine->isa);
	pci_bus_destroy(&machine->bus);
	irq_router_destroy(&machine->router);
	mem_map_destroy(&machine->map);
	clock_destroy(&machine->clock);
}

static uint64_t access(struct machine *machine, unsigned port, bool write, uint32_t value,
		       unsigned width)
{
	struct mem_view *view = mem_map_view(&machine->map, MEM_SPACE_PORT);
	uint64_t got = 0;

	if (write)
		mem_view_write(view, port, value, width);
	else
		got = mem_view_read(view, port, width);
	mem_view_unref(view);
	check(mem_map_settle(&machine->map) == 0);
	check(width == 8 || got >> (8 * width) == 0);
	return got;
}

/* Where the view shows a region from its start on; false: nowhere. */
static bool shown(struct machine *machine, enum mem_space space, const struct mem_region *region,
		  uint64_t *at)
{
	struct mem_view *view = mem_map_view(&machine->map, space);
	bool found = false;

	for (size_t i = 0; i < view->sections_n && !found; i++) {
		found = view->sections[i].region == region;
		*at = view->sections[i].range.first - view->sections[i].offset;
	}
	mem_view_unref(view);
	return found;
}

/* A BAR shows where its registers say, and is away only where it cannot be, or is hidden by others. */
static void check_bar(struct machine *machine, enum mem_space space, struct mem_region *region,
		      uint64_t base, uint64_t top, unsigned enable)
{
	bool enabled = pci_bus_read(&machine->bus, CARD, PCI_COMMAND, 2) & enable;
	struct mem_view *view = mem_map_view(&machine->map, space);
	uint64_t at;

	if (shown(machine, space, region, &at))
		check(enabled && base == at && base != 0);
	else if (enabled && base != 0 && base < top)
		check(mem_view_find(view, base) && mem_view_find(view, base + region->last));
	mem_view_unref(view);
}

static void check_all(struct machine *machine)
{
	struct pci_bus *bus = &machine->bus;
	uint64_t base = pci_bus_read(bus, CARD, PCI_BAR(2), 4), at;

	check(pci_bus_read(bus, CARD, PCI_VENDOR_ID, 4) == 0x56781234);
	check(pci_bus_read(bus, 0, PCI_VENDOR_ID, 4) == 0x12378086);
	check_bar(machine, MEM_SPACE_PORT, &machine->bars[0],
		  pci_bus_read(bus, CARD, PCI_BAR(0), 4) & ~0xffu, 0x10000, PCI_COMMAND_IO);
	check_bar(machine, MEM_SPACE_MEMORY, &machine->bars[1],
		  pci_bus_read(bus, CARD, PCI_BAR(1), 4) & ~0xfffu, 0xfffff000, PCI_COMMAND_MEMORY);
	base |= (uint64_t)pci_bus_read(bus, CARD, PCI_BAR(3), 4) << 32;
	check_bar(machine, MEM_SPACE_MEMORY, &machine->bars[2], base & ~UINT64_C(0x3fff),
		  UINT64_MAX - 0x3fff, PCI_COMMAND_MEMORY);
	if (shown(machine, MEM_SPACE_PORT, &machine->pm.ports, &at))
		check(at == (pci_bus_read(bus, PCI_DEVFN(1, 3), 0x40, 4) & 0xffc0) &&
		      (pci_bus_read(bus, PCI_DEVFN(1, 3), 0x80, 1) & 1));
	check(shown(machine, MEM_SPACE_MEMORY, &machine->ram, &at) && at == 0);
}

/* Ports that matter, so that random bytes find them. */
static const uint16_t ports[] = {
	0xcf8, 0xcf9, 0xcfa, 0xcfb, 0xcfc, 0xcfd, 0xcfe,  0xcff,  0x4d0,  0x4d1,  0x600,  0x601,
	0x602, 0x603, 0x604, 0x605, 0x608, 0x60b, 0xafe0, 0xafe2, 0xc000, 0xffff, 0x0000,
};

static void operate(struct machine *machine, const uint8_t *op)
{
	unsigned what = op[0] & 0x7f, width = 1u << (op[1] & 3);
	uint32_t value = le32_get(op + 2);

	if (what < sizeof(ports) / sizeof(ports[0]))
		access(machine, ports[what], op[0] & 0x80, value, width);
	else if (what == 0x70)
		pci_intx_set(&machine->card, op[0] & 0x80);
	else if (what == 0x71)
		clock_step(&machine->clock, value);
	else if (what == 0x72)
		piix4_pm_power_button(&machine->pm);
	else if (what == 0x73)
		pci_all_reset(&machine->bus);
	else if (what == 0x74)
		piix4_pm_reset(&machine->pm);
	check(mem_map_settle(&machine->map) == 0);
	check_all(machine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct machine *machine = calloc(1, sizeof(*machine));

	check(machine);
	make(machine);
	for (unsigned i = 0; i < OPERATIONS_MAX && size >= OPERATION; i++) {
		operate(machine, data);
		data += OPERATION;
		size -= OPERATION;
	}
	unmake(machine);
	free(machine);
	return 0;
}
