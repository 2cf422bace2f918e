// SPDX-License-Identifier: MIT
#include "dev/pci.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "dev/irq_router.h"

#define PCI_CAPABILITIES_AT 0x40 /* the first byte behind the header */
#define PCI_BAR_PRIORITY    1 /* over what the board puts behind BARs */

#define PCI_BAR_TYPE_PORT  0x1u
#define PCI_BAR_TYPE_MEM64 0x4u

static const struct state_field pci_function_fields[] = {
	{ STATE_ARRAY_AT(struct pci_function, config), .on_reset = STATE_KEEP },
	{ STATE_AT(struct pci_function, intx), .on_reset = STATE_KEEP },
};

const struct state_table pci_function_state = {
	.name = "pci",
	.version = 1,
	.fields = pci_function_fields,
	.fields_n = sizeof(pci_function_fields) / sizeof(pci_function_fields[0]),
};

static bool touches(unsigned offset, unsigned width, unsigned first, unsigned last)
{
	return offset <= last && offset + width > first;
}

uint32_t pci_config_get(const struct pci_function *function, unsigned offset, unsigned width)
{
	assert(offset + width <= PCI_CONFIG_SIZE);
	return (uint32_t)le_get(&function->config[offset], width);
}

void pci_config_set(struct pci_function *function, unsigned offset, unsigned width, uint32_t value)
{
	assert(offset + width <= PCI_CONFIG_SIZE);
	le_put(&function->config[offset], value, width);
}

void pci_config_init(struct pci_function *function, unsigned offset, unsigned width, uint32_t value,
		     uint32_t writable)
{
	pci_config_set(function, offset, width, value);
	le_put(&function->reset[offset], value, width);
	le_put(&function->writable[offset], writable, width);
	if (touches(offset, width, PCI_COMMAND, PCI_COMMAND + 1))
		atomic_store_explicit(&function->command, pci_config_get(function, PCI_COMMAND, 2),
				      memory_order_relaxed);
}

void pci_bus_init(struct pci_bus *bus, struct mem_map *map, struct mem_region *memory,
		  struct mem_region *ports, struct pci_intx_sink intx, struct msi_sink msi)
{
	*bus = (struct pci_bus){
		.device = bus->device,
		.map = map,
		.memory = memory,
		.ports = ports,
		.intx = intx,
		.msi = msi,
	};
	lock_init(&bus->lock, LOCK_BUS, "pci");
	lock_init(&bus->intx_lock, LOCK_INTX, "pci-intx");
}

void pci_bus_destroy(struct pci_bus *bus)
{
	lock_destroy(&bus->intx_lock);
	lock_destroy(&bus->lock);
}

/* The function of a slot that is there, or NULL. */
static const struct pci_function *any_function(const struct pci_bus *bus, unsigned slot)
{
	for (unsigned i = 0; i < 8; i++) {
		if (bus->functions[PCI_DEVFN(slot, i)])
			return bus->functions[PCI_DEVFN(slot, i)];
	}
	return NULL;
}

static bool is_multifunction(const struct pci_function *function)
{
	return function->reset[PCI_HEADER_TYPE] & PCI_HEADER_MULTIFUNCTION;
}

/* The rules of 3.2.2.3.4: further functions of a slot show only if function 0 says that there are. */
static int check_neighbours(const struct pci_bus *bus, unsigned devfn, bool multifunction,
			    const char *name, struct error *err)
{
	const struct pci_function *first = bus->functions[devfn & ~7u], *other;
	unsigned slot = devfn >> 3;

	if (devfn & 7) {
		if (!first || is_multifunction(first))
			return 0;
		return error_set(err, -EBUSY,
				 "PCI: slot %u function 0 already occupied by %s, new function %s "
				 "cannot be exposed to guest (it wants multifunction=on)",
				 slot, first->name, name);
	}
	other = any_function(bus, slot);
	if (multifunction || !other)
		return 0;
	return error_set(
		err, -EBUSY,
		"PCI: %x.0 indicates single function, but %x.%x is already populated by %s", slot,
		slot, other->devfn & 7u, other->name);
}

int pci_bus_choose(struct pci_bus *bus, const struct pci_slot *wanted, const char *name,
		   uint8_t *devfn, struct error *err)
{
	unsigned slot = 0;
	int ret = 0;

	lock_take(&bus->lock);
	if (wanted->devfn >= 0) {
		const struct pci_function *there = bus->functions[wanted->devfn];

		*devfn = (uint8_t)wanted->devfn;
		if (there)
			ret = error_set(
				err, -EBUSY,
				"PCI: slot %u function %u not available for %s, in use by %s",
				*devfn >> 3u, *devfn & 7u, name, there->name);
		else
			ret = check_neighbours(bus, *devfn, wanted->multifunction, name, err);
	} else {
		while (slot < PCI_SLOTS && any_function(bus, slot))
			slot++;
		*devfn = PCI_DEVFN(slot, 0);
		if (slot == PCI_SLOTS)
			ret = error_set(err, -ENOSPC,
					"PCI: no slot/function available for %s, all in use", name);
	}
	lock_drop(&bus->lock);
	return ret;
}

void pci_function_init(struct pci_function *function, struct pci_bus *bus, uint8_t devfn,
		       const char *name, const struct pci_id *id, void *chip)
{
	assert(id->interrupt_pin <= 4);
	*function = (struct pci_function){
		.name = name,
		.bus = bus,
		.devfn = devfn,
		.chip = chip,
		.next_capability = PCI_CAPABILITIES_AT,
	};
	atomic_init(&function->command, 0);
	pci_config_init(function, PCI_VENDOR_ID, 2, id->vendor, 0);
	pci_config_init(function, PCI_DEVICE_ID, 2, id->device, 0);
	pci_config_init(function, PCI_COMMAND, 2, 0,
			PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
				PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
	le_put(&function->clear[PCI_STATUS], 0xf900, 2); /* the errors and aborts of 6.2.3 */
	pci_config_init(function, PCI_REVISION, 1, id->revision, 0);
	pci_config_init(function, PCI_PROG_IF, 1, id->prog_if, 0);
	pci_config_init(function, PCI_SUBCLASS, 1, id->subclass, 0);
	pci_config_init(function, PCI_CLASS, 1, id->class_code, 0);
	pci_config_init(function, PCI_CACHE_LINE, 1, 0, 0xff);
	pci_config_init(function, PCI_LATENCY, 1, 0, 0xff);
	pci_config_init(function, PCI_HEADER_TYPE, 1, id->header_type, 0);
	pci_config_init(function, PCI_SUBSYSTEM_VENDOR, 2, id->subsystem_vendor, 0);
	pci_config_init(function, PCI_SUBSYSTEM, 2, id->subsystem, 0);
	pci_config_init(function, PCI_INTERRUPT_LINE, 1, 0, 0xff);
	pci_config_init(function, PCI_INTERRUPT_PIN, 1, id->interrupt_pin, 0);
}

/* Both who looks for a function by its number and who counts the pins of a device read the array. */
static void set_function(struct pci_bus *bus, unsigned devfn, struct pci_function *function)
{
	lock_take(&bus->lock);
	lock_take(&bus->intx_lock);
	assert(!bus->functions[devfn] || !function);
	bus->functions[devfn] = function;
	lock_drop(&bus->intx_lock);
	lock_drop(&bus->lock);
}

void pci_function_add(struct pci_function *function)
{
	set_function(function->bus, function->devfn, function);
}

void pci_bar_init(struct pci_function *function, unsigned index, enum pci_bar_kind kind,
		  uint64_t size, struct mem_region *region)
{
	struct pci_bar *bar = &function->bars[index];
	struct pci_bus *bus = function->bus;
	uint64_t mask = ~(size - 1);
	uint32_t type = 0;

	assert(index < PCI_BARS && bar->kind == PCI_BAR_NONE && kind != PCI_BAR_NONE);
	assert((kind == PCI_BAR_ROM) == (index == PCI_ROM));
	assert(index == 0 || index == PCI_ROM || function->bars[index - 1].kind != PCI_BAR_MEM64);
	assert(size >= (kind == PCI_BAR_PORT ? 4 : 16) && (size & (size - 1)) == 0);
	assert(kind == PCI_BAR_MEM64 || size <= UINT32_C(0x80000000));
	bar->kind = kind;
	bar->size = size;
	bar->region = region;
	bar->request.region = region;
	if (kind == PCI_BAR_PORT)
		type = PCI_BAR_TYPE_PORT;
	if (kind == PCI_BAR_MEM64) {
		assert(index + 1 < PCI_ROM);
		type = PCI_BAR_TYPE_MEM64;
		pci_config_init(function, PCI_BAR(index + 1), 4, 0, (uint32_t)(mask >> 32));
	}
	if (kind == PCI_BAR_ROM)
		mask |= PCI_BAR_ROM_ENABLE;
	pci_config_init(function, PCI_BAR(index), 4, type, (uint32_t)mask);
	mem_region_set_enabled(region, false);
	mem_region_add(kind == PCI_BAR_PORT ? bus->ports : bus->memory, region, 0,
		       PCI_BAR_PRIORITY);
}

unsigned pci_capability_add(struct pci_function *function, uint8_t id, unsigned len)
{
	unsigned at = function->next_capability;
	uint32_t status = pci_config_get(function, PCI_STATUS, 2);

	assert(len >= 2 && at >= PCI_CAPABILITIES_AT && at + len <= PCI_CONFIG_SIZE);
	/* New ones go to the head of the list: the order of a list means nothing. */
	pci_config_init(function, at, 1, id, 0);
	pci_config_init(function, at + 1, 1, pci_config_get(function, PCI_CAPABILITIES, 1), 0);
	pci_config_init(function, PCI_CAPABILITIES, 1, at, 0);
	pci_config_init(function, PCI_STATUS, 2, status | PCI_STATUS_CAPABILITIES, 0);
	function->next_capability = (uint8_t)((at + len + 3) & ~3u);
	return at;
}

/* The level of one pin of a device: the OR of its functions that drive it. */
static void intx_refresh(struct pci_bus *bus, unsigned device, unsigned pin)
{
	bool level = false;

	assert(lock_held(&bus->intx_lock));
	for (unsigned i = 0; i < 8; i++) {
		const struct pci_function *function = bus->functions[PCI_DEVFN(device, i)];
		unsigned command;

		/* The pin register never changes: no lock. */
		if (!function || function->reset[PCI_INTERRUPT_PIN] != pin + 1)
			continue;
		command = atomic_load_explicit(&function->command, memory_order_relaxed);
		if (function->intx && !(command & PCI_COMMAND_INTX_DISABLE))
			level = true;
	}
	if (bus->intx.set)
		bus->intx.set(bus->intx.arg, device, pin, level);
}

void pci_intx_set(struct pci_function *function, bool level)
{
	struct pci_bus *bus = function->bus;
	unsigned pin = function->reset[PCI_INTERRUPT_PIN];

	assert(pin > 0);
	lock_take(&bus->intx_lock);
	if (function->intx != level) {
		function->intx = level;
		intx_refresh(bus, function->devfn >> 3, pin - 1);
	}
	lock_drop(&bus->intx_lock);
}

static void command_changed(struct pci_function *function)
{
	struct pci_bus *bus = function->bus;
	unsigned command = pci_config_get(function, PCI_COMMAND, 2);
	unsigned pin = function->reset[PCI_INTERRUPT_PIN];

	lock_take(&bus->intx_lock);
	atomic_store_explicit(&function->command, command, memory_order_relaxed);
	if (pin > 0)
		intx_refresh(bus, function->devfn >> 3, pin - 1);
	lock_drop(&bus->intx_lock);
}

/*
 * Where the guest put a BAR; false: nowhere. Address 0 is what a reset leaves there, and a BAR that
 * ends with its space is what sizing leaves there (all ones written): neither is a place that
 * firmware means, and showing it would hide RAM or ROM for a moment.
 */
static bool bar_place(const struct pci_function *function, unsigned index, uint64_t *offset)
{
	const struct pci_bar *bar = &function->bars[index];
	uint32_t command = pci_config_get(function, PCI_COMMAND, 2);
	uint32_t enable = bar->kind == PCI_BAR_PORT ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	uint64_t top = bar->kind == PCI_BAR_PORT ? UINT16_MAX : UINT32_MAX;
	uint64_t at = pci_config_get(function, PCI_BAR(index), 4);

	if (bar->kind == PCI_BAR_ROM && !(at & PCI_BAR_ROM_ENABLE))
		return false;
	if (bar->kind == PCI_BAR_MEM64) {
		at |= (uint64_t)pci_config_get(function, PCI_BAR(index + 1), 4) << 32;
		top = UINT64_MAX;
	}
	at &= ~(bar->size - 1);
	*offset = at;
	if (bar->kind == PCI_BAR_PORT)
		return (command & enable) && at != 0 && at + (bar->size - 1) <= top;
	return (command & enable) && at != 0 && at <= top - bar->size;
}

static void bars_refresh(struct pci_function *function)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct pci_bar *bar = &function->bars[i];
		uint64_t offset;
		bool enabled;

		if (bar->kind == PCI_BAR_NONE)
			continue;
		enabled = bar_place(function, i, &offset);
		if (!enabled)
			offset = bar->request.offset;
		if (enabled == bar->request.enabled && offset == bar->request.offset)
			continue;
		bar->request.enabled = enabled;
		bar->request.offset = offset;
		mem_map_request(function->bus->map, &bar->request);
	}
}

uint32_t pci_bus_read_locked(struct pci_bus *bus, unsigned devfn, unsigned offset, unsigned width)
{
	struct pci_function *function = devfn < PCI_FUNCTIONS ? bus->functions[devfn] : NULL;
	uint32_t ones = UINT32_MAX >> (32 - 8 * width), value;

	assert(lock_held(&bus->lock));
	assert((offset & 3) + width <= 4 && offset < PCI_CONFIG_SIZE);
	if (!function)
		return ones;
	if (function->config_read && function->config_read(function->chip, offset, width, &value))
		return value & ones;
	value = pci_config_get(function, offset, width);
	if (offset <= PCI_STATUS && offset + width > PCI_STATUS) {
		lock_take(&bus->intx_lock);
		if (function->intx)
			value |= (uint32_t)PCI_STATUS_INTX << (8 * (PCI_STATUS - offset));
		lock_drop(&bus->intx_lock);
	}
	return value;
}

void pci_bus_write_locked(struct pci_bus *bus, unsigned devfn, unsigned offset, uint32_t value,
			  unsigned width)
{
	struct pci_function *function = devfn < PCI_FUNCTIONS ? bus->functions[devfn] : NULL;
	bool command;

	assert(lock_held(&bus->lock));
	assert((offset & 3) + width <= 4 && offset < PCI_CONFIG_SIZE);
	if (!function)
		return;
	for (unsigned i = 0; i < width; i++) {
		uint8_t byte = (uint8_t)(value >> (8 * i));
		uint8_t *at = &function->config[offset + i];
		uint8_t writable = function->writable[offset + i];

		*at = (uint8_t)((*at & ~writable) | (byte & writable));
		*at = (uint8_t)(*at & ~(byte & function->clear[offset + i]));
	}
	command = touches(offset, width, PCI_COMMAND, PCI_COMMAND + 1);
	if (command)
		command_changed(function);
	if (command || touches(offset, width, PCI_BAR(0), PCI_BAR(PCI_ROM - 1) + 3) ||
	    touches(offset, width, PCI_BAR(PCI_ROM), PCI_BAR(PCI_ROM) + 3))
		bars_refresh(function);
	if (function->config_written)
		function->config_written(function->chip, offset, width);
}

uint32_t pci_bus_read(struct pci_bus *bus, unsigned devfn, unsigned offset, unsigned width)
{
	uint32_t value;

	lock_take(&bus->lock);
	value = pci_bus_read_locked(bus, devfn, offset, width);
	lock_drop(&bus->lock);
	return value;
}

void pci_bus_write(struct pci_bus *bus, unsigned devfn, unsigned offset, uint32_t value,
		   unsigned width)
{
	lock_take(&bus->lock);
	pci_bus_write_locked(bus, devfn, offset, value, width);
	lock_drop(&bus->lock);
}

static struct mem_region *bar_parent(const struct pci_bus *bus, const struct pci_bar *bar)
{
	return bar->kind == PCI_BAR_PORT ? bus->ports : bus->memory;
}

/* The pin of the slot without this function's level. */
static void drop_pin(struct pci_function *function)
{
	unsigned pin = function->reset[PCI_INTERRUPT_PIN];

	if (!pin)
		return;
	lock_take(&function->bus->intx_lock);
	intx_refresh(function->bus, function->devfn >> 3, pin - 1);
	lock_drop(&function->bus->intx_lock);
}

int pci_function_remove(struct pci_function *function)
{
	struct pci_bus *bus = function->bus;
	int ret;

	mem_map_begin(bus->map);
	set_function(bus, function->devfn, NULL);
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct pci_bar *bar = &function->bars[i];

		if (bar->kind == PCI_BAR_NONE)
			continue;
		mem_map_cancel(bus->map, &bar->request);
		mem_region_remove(bar->region);
	}
	ret = mem_map_commit(bus->map);
	if (!ret) {
		drop_pin(function);
		return 0;
	}
	mem_map_begin(bus->map);
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct pci_bar *bar = &function->bars[i];

		if (bar->kind != PCI_BAR_NONE)
			mem_region_add(bar_parent(bus, bar), bar->region, bar->region->offset,
				       PCI_BAR_PRIORITY);
	}
	set_function(bus, function->devfn, function);
	/* Shows what is shown already. */
	if (mem_map_commit(bus->map))
		return -ENOMEM;
	return ret;
}

bool pci_function_forgotten(struct pci_function *function)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		if (function->bars[i].kind != PCI_BAR_NONE &&
		    !mem_map_forgot(function->bus->map, function->bars[i].region))
			return false;
	}
	return true;
}

static void refresh_locked(struct pci_function *function)
{
	command_changed(function);
	bars_refresh(function);
	if (function->config_replaced)
		function->config_replaced(function->chip);
}

void pci_function_reset(struct pci_function *function)
{
	lock_take(&function->bus->lock);
	memcpy(function->config, function->reset, PCI_CONFIG_SIZE);
	refresh_locked(function);
	lock_drop(&function->bus->lock);
}

void pci_function_refresh(struct pci_function *function)
{
	lock_take(&function->bus->lock);
	refresh_locked(function);
	lock_drop(&function->bus->lock);
}

bool pci_is_master(const struct pci_function *function)
{
	return atomic_load_explicit(&function->command, memory_order_relaxed) & PCI_COMMAND_MASTER;
}

void pci_boot_path(const struct pci_function *function, const char *kind, char *path, size_t size)
{
	unsigned slot = function->devfn >> 3, number = function->devfn & 7;

	if (number)
		snprintf(path, size, "/pci@i0cf8/%s@%x,%x", kind, slot, number);
	else
		snprintf(path, size, "/pci@i0cf8/%s@%x", kind, slot);
}

static int pci_bus_create(struct device *device, struct place *place, struct error *err)
{
	struct pci_bus *bus = (struct pci_bus *)device;

	pci_bus_init(bus, place->map, place->pci_memory, place->ports,
		     irq_router_intx(place->router), place->msi);
	place->pci = bus;
	return 0;
}

static void pci_bus_end(struct device *device)
{
	pci_bus_destroy((struct pci_bus *)device);
}

const struct device_type pci_bus_type = {
	.name = "i440FX-pcihost",
	.about = "PCI bus 0",
	.group = DEVICE_BRIDGE,
	.size = sizeof(struct pci_bus),
	.create = pci_bus_create,
	.destroy = pci_bus_end,
};
